//! Colours that stay apart for colour-blind readers and on paper.

/// Red, green, blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Color(pub(crate) u8, pub(crate) u8, pub(crate) u8);

pub(crate) const BACKGROUND: Color = Color(255, 255, 255);
pub(crate) const INK: Color = Color(0x22, 0x22, 0x22);
pub(crate) const SOFT_INK: Color = Color(0x59, 0x59, 0x59);
pub(crate) const AXIS: Color = Color(0x8C, 0x8C, 0x8C);
pub(crate) const GRID: Color = Color(0xE6, 0xE6, 0xE6);
pub(crate) const EMPTY: Color = Color(0xDD, 0xDD, 0xDD);

// Okabe and Ito's palette.
pub(crate) const SKY: Color = Color(0x56, 0xB4, 0xE9);
pub(crate) const ORANGE: Color = Color(0xE6, 0x9F, 0x00);
pub(crate) const BLUE: Color = Color(0x00, 0x72, 0xB2);
pub(crate) const GREEN: Color = Color(0x00, 0x9E, 0x73);
pub(crate) const PURPLE: Color = Color(0xCC, 0x79, 0xA7);
pub(crate) const VERMILLION: Color = Color(0xD5, 0x5E, 0x00);

/// Light yellow over green to dark blue (ColorBrewer's YlGnBu): lightness falls throughout.
const SEQUENTIAL: [Color; 9] = [
    Color(0xFF, 0xFF, 0xD9),
    Color(0xED, 0xF8, 0xB1),
    Color(0xC7, 0xE9, 0xB4),
    Color(0x7F, 0xCD, 0xBB),
    Color(0x41, 0xB6, 0xC4),
    Color(0x1D, 0x91, 0xC0),
    Color(0x22, 0x5E, 0xA8),
    Color(0x25, 0x34, 0x94),
    Color(0x08, 0x1D, 0x58),
];

/// Orange over white to purple (ColorBrewer's PuOr): white is 0.
const DIVERGING: [Color; 9] = [
    Color(0xB3, 0x58, 0x06),
    Color(0xE0, 0x82, 0x14),
    Color(0xFD, 0xB8, 0x63),
    Color(0xFE, 0xE0, 0xB6),
    Color(0xF7, 0xF7, 0xF7),
    Color(0xD8, 0xDA, 0xEB),
    Color(0xB2, 0xAB, 0xD2),
    Color(0x80, 0x73, 0xAC),
    Color(0x54, 0x27, 0x88),
];

/// The sequential colour at `t` in [0, 1]; what lies outside takes the end's colour.
pub(crate) fn sequential(t: f64) -> Color {
    between(&SEQUENTIAL, t)
}

/// The diverging colour at `t` in [0, 1]; 0.5 is white.
pub(crate) fn diverging(t: f64) -> Color {
    between(&DIVERGING, t)
}

fn between(stops: &[Color], t: f64) -> Color {
    let last = stops.len() - 1;
    let position = t.clamp(0.0, 1.0) * last as f64;
    let i = (position as usize).min(last - 1);
    let part = position - i as f64;
    let mix = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * part).round() as u8;
    let (a, b) = (stops[i], stops[i + 1]);
    Color(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}

impl Color {
    /// Black or white, whichever has the higher WCAG contrast on this colour.
    pub(crate) fn readable_ink(self) -> Color {
        let light = self.luminance();
        if (light + 0.05) / (INK.luminance() + 0.05) >= 1.05 / (light + 0.05) {
            INK
        } else {
            BACKGROUND
        }
    }

    /// WCAG relative luminance.
    fn luminance(self) -> f64 {
        let linear = |c: u8| {
            let c = f64::from(c) / 255.0;
            if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(self.0) + 0.7152 * linear(self.1) + 0.0722 * linear(self.2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lightness_orders_the_scales() {
        let lights: Vec<f64> =
            (0..=100).map(|i| sequential(f64::from(i) / 100.0).luminance()).collect();
        assert!(lights.windows(2).all(|pair| pair[0] > pair[1]));
        let lights: Vec<f64> =
            (0..=50).map(|i| diverging(f64::from(i) / 100.0).luminance()).collect();
        assert!(lights.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(sequential(-3.0), SEQUENTIAL[0]);
        assert_eq!(diverging(7.0), DIVERGING[8]);
    }

    #[test]
    fn text_on_a_cell_has_contrast() {
        for i in 0..=100 {
            for cell in [sequential(f64::from(i) / 100.0), diverging(f64::from(i) / 100.0)] {
                let (a, b) = (cell.luminance(), cell.readable_ink().luminance());
                let contrast = (a.max(b) + 0.05) / (a.min(b) + 0.05);
                assert!(contrast >= 4.0, "{cell:?} {contrast}");
            }
        }
    }
}
