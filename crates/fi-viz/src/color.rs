//! Colours that stay apart for colour-blind readers and on paper, on light and dark ground.

/// The ground that a picture stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// Dark ink on white.
    #[default]
    Light,
    /// Light ink on near black: scales run from dark to light, so that what is large stays bright.
    Dark,
}

/// What a shape is coloured as; [`Color::rgb`] says which colour that is in a theme.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Color {
    Background,
    Ink,
    SoftInk,
    Axis,
    Grid,
    /// A cell without a value.
    Empty,
    Hue(Hue),
    /// Two thirds of the way from a hue to the background.
    Tint(Hue),
    /// A place in `[0, 1]` on a scale; what lies outside takes the end's colour.
    Scale(Map, f64),
    /// Black or white, whichever can be read on that colour.
    InkOn(Map, f64),
}

/// Okabe and Ito's palette; on dark ground the same hues, light enough to be read as lines and
/// dark enough to be crossed by light whiskers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hue {
    Sky,
    Orange,
    Blue,
    Green,
    Purple,
    Vermillion,
}

/// A scale of colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Map {
    /// ColorBrewer's YlGnBu: lightness falls throughout, and rises on dark ground.
    Sequential,
    /// ColorBrewer's PuOr: orange over the background's side of grey to purple, 0.5 is 0.
    Diverging,
    /// A feature's value, for dots: blue over mauve to orange; lightness rises, and every colour
    /// stands out from the background.
    Value,
}

pub(crate) const BACKGROUND: Color = Color::Background;
pub(crate) const INK: Color = Color::Ink;
pub(crate) const SOFT_INK: Color = Color::SoftInk;
pub(crate) const AXIS: Color = Color::Axis;
pub(crate) const GRID: Color = Color::Grid;
pub(crate) const EMPTY: Color = Color::Empty;
pub(crate) const SKY: Color = Color::Hue(Hue::Sky);
pub(crate) const ORANGE: Color = Color::Hue(Hue::Orange);
pub(crate) const BLUE: Color = Color::Hue(Hue::Blue);
pub(crate) const GREEN: Color = Color::Hue(Hue::Green);
pub(crate) const PURPLE: Color = Color::Hue(Hue::Purple);
pub(crate) const VERMILLION: Color = Color::Hue(Hue::Vermillion);

/// Red, green, blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rgb(pub(crate) u8, pub(crate) u8, pub(crate) u8);

const YL_GN_BU: [Rgb; 9] = [
    Rgb(0xFF, 0xFF, 0xD9),
    Rgb(0xED, 0xF8, 0xB1),
    Rgb(0xC7, 0xE9, 0xB4),
    Rgb(0x7F, 0xCD, 0xBB),
    Rgb(0x41, 0xB6, 0xC4),
    Rgb(0x1D, 0x91, 0xC0),
    Rgb(0x22, 0x5E, 0xA8),
    Rgb(0x25, 0x34, 0x94),
    Rgb(0x08, 0x1D, 0x58),
];

const PU_OR: [Rgb; 9] = [
    Rgb(0xB3, 0x58, 0x06),
    Rgb(0xE0, 0x82, 0x14),
    Rgb(0xFD, 0xB8, 0x63),
    Rgb(0xFE, 0xE0, 0xB6),
    Rgb(0xF7, 0xF7, 0xF7),
    Rgb(0xD8, 0xDA, 0xEB),
    Rgb(0xB2, 0xAB, 0xD2),
    Rgb(0x80, 0x73, 0xAC),
    Rgb(0x54, 0x27, 0x88),
];

/// The same hues from light ends to a dark middle.
const PU_OR_DARK: [Rgb; 9] = [
    Rgb(0xFF, 0xC8, 0x7A),
    Rgb(0xF0, 0x9E, 0x3C),
    Rgb(0xB5, 0x6C, 0x16),
    Rgb(0x70, 0x46, 0x18),
    Rgb(0x36, 0x36, 0x3C),
    Rgb(0x48, 0x41, 0x66),
    Rgb(0x6B, 0x5F, 0x9C),
    Rgb(0x98, 0x8C, 0xC8),
    Rgb(0xCA, 0xC2, 0xF0),
];

const VALUE: [Rgb; 3] = [Rgb(0x0A, 0x4C, 0x9B), Rgb(0x93, 0x7A, 0x9C), Rgb(0xE6, 0x7E, 0x00)];
const VALUE_DARK: [Rgb; 3] = [Rgb(0x3A, 0x96, 0xF0), Rgb(0xB0, 0x98, 0xB8), Rgb(0xFF, 0xB4, 0x48)];

const LIGHT_INK: Rgb = Rgb(0x22, 0x22, 0x22);
const WHITE: Rgb = Rgb(255, 255, 255);

/// The sequential colour at `t` in [0, 1].
pub(crate) fn sequential(t: f64) -> Color {
    Color::Scale(Map::Sequential, t)
}

/// The diverging colour at `t` in [0, 1]; 0.5 is the middle.
pub(crate) fn diverging(t: f64) -> Color {
    Color::Scale(Map::Diverging, t)
}

impl Color {
    /// The colour of text on this colour.
    pub(crate) fn readable_ink(self) -> Color {
        match self {
            Self::Scale(map, t) => Self::InkOn(map, t),
            _ => INK,
        }
    }

    /// Most of the way to the background.
    pub(crate) fn tint(self) -> Color {
        match self {
            Self::Hue(hue) => Self::Tint(hue),
            other => other,
        }
    }

    pub(crate) fn rgb(self, theme: Theme) -> Rgb {
        let choose = |light, dark| match theme {
            Theme::Light => light,
            Theme::Dark => dark,
        };
        match self {
            Self::Background => choose(WHITE, Rgb(0x16, 0x18, 0x1D)),
            Self::Ink => choose(LIGHT_INK, Rgb(0xE8, 0xE8, 0xE8)),
            Self::SoftInk => choose(Rgb(0x59, 0x59, 0x59), Rgb(0xB4, 0xB8, 0xBF)),
            Self::Axis => choose(Rgb(0x8C, 0x8C, 0x8C), Rgb(0x7C, 0x82, 0x8C)),
            Self::Grid => choose(Rgb(0xE6, 0xE6, 0xE6), Rgb(0x2E, 0x32, 0x3A)),
            Self::Empty => choose(Rgb(0xDD, 0xDD, 0xDD), Rgb(0x5A, 0x5E, 0x66)),
            Self::Hue(Hue::Sky) => choose(Rgb(0x56, 0xB4, 0xE9), Rgb(0x3E, 0x86, 0xB5)),
            Self::Hue(Hue::Orange) => choose(Rgb(0xE6, 0x9F, 0x00), Rgb(0xB9, 0x7A, 0x06)),
            Self::Hue(Hue::Blue) => choose(Rgb(0x00, 0x72, 0xB2), Rgb(0x6A, 0xB4, 0xFA)),
            Self::Hue(Hue::Green) => choose(Rgb(0x00, 0x9E, 0x73), Rgb(0x1F, 0xB8, 0x8A)),
            Self::Hue(Hue::Purple) => choose(Rgb(0xCC, 0x79, 0xA7), Rgb(0xD8, 0x8F, 0xB8)),
            Self::Hue(Hue::Vermillion) => choose(Rgb(0xD5, 0x5E, 0x00), Rgb(0xF0, 0x74, 0x3A)),
            Self::Tint(hue) => {
                let (from, to) = (Self::Hue(hue).rgb(theme), BACKGROUND.rgb(theme));
                let mix = |from: u8, to: u8| ((u16::from(from) + 2 * u16::from(to)) / 3) as u8;
                Rgb(mix(from.0, to.0), mix(from.1, to.1), mix(from.2, to.2))
            }
            Self::Scale(map, t) => match (map, theme) {
                (Map::Sequential, Theme::Light) => between(&YL_GN_BU, t),
                (Map::Sequential, Theme::Dark) => between(&YL_GN_BU, 1.0 - t),
                (Map::Diverging, Theme::Light) => between(&PU_OR, t),
                (Map::Diverging, Theme::Dark) => between(&PU_OR_DARK, t),
                (Map::Value, Theme::Light) => between(&VALUE, t),
                (Map::Value, Theme::Dark) => between(&VALUE_DARK, t),
            },
            Self::InkOn(map, t) => {
                let light = Self::Scale(map, t).rgb(theme).luminance();
                let dark_ink = (light + 0.05) / (LIGHT_INK.luminance() + 0.05);
                if dark_ink >= 1.05 / (light + 0.05) { LIGHT_INK } else { WHITE }
            }
        }
    }
}

fn between(stops: &[Rgb], t: f64) -> Rgb {
    let last = stops.len() - 1;
    let position = t.clamp(0.0, 1.0) * last as f64;
    let i = (position as usize).min(last - 1);
    let part = position - i as f64;
    let mix = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * part).round() as u8;
    let (a, b) = (stops[i], stops[i + 1]);
    Rgb(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}

impl Rgb {
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

    const THEMES: [Theme; 2] = [Theme::Light, Theme::Dark];

    fn contrast(a: Color, b: Color, theme: Theme) -> f64 {
        let (a, b) = (a.rgb(theme).luminance(), b.rgb(theme).luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn lightness_orders_the_scales() {
        for (theme, away) in [(Theme::Light, -1.0), (Theme::Dark, 1.0)] {
            let lights = |map, from: i32, to: i32| -> Vec<f64> {
                let light = |i| Color::Scale(map, f64::from(i) / 100.0).rgb(theme).luminance();
                (from..=to).map(light).collect()
            };
            let rises = |lights: &[f64], sign: f64| {
                lights.windows(2).all(|pair| (pair[1] - pair[0]) * sign > 0.0)
            };
            assert!(rises(&lights(Map::Sequential, 0, 100), away), "{theme:?}");
            // Away from the background on both sides of 0.
            assert!(rises(&lights(Map::Diverging, 0, 50), -away), "{theme:?}");
            assert!(rises(&lights(Map::Diverging, 50, 100), away), "{theme:?}");
            assert!(rises(&lights(Map::Value, 0, 100), 1.0), "{theme:?}");
        }
        assert_eq!(sequential(-3.0).rgb(Theme::Light), YL_GN_BU[0]);
        assert_eq!(diverging(7.0).rgb(Theme::Light), PU_OR[8]);
    }

    #[test]
    fn text_on_a_cell_has_contrast() {
        for theme in THEMES {
            for i in 0..=100 {
                for map in [Map::Sequential, Map::Diverging] {
                    let cell = Color::Scale(map, f64::from(i) / 100.0);
                    let contrast = contrast(cell, cell.readable_ink(), theme);
                    // The best that black or white can do on a middle grey is 4.0.
                    assert!(contrast >= 3.95, "{cell:?} {theme:?} {contrast}");
                }
            }
        }
    }

    #[test]
    fn what_is_drawn_stands_out_from_the_background() {
        for theme in THEMES {
            assert!(contrast(INK, BACKGROUND, theme) > 12.0);
            assert!(contrast(SOFT_INK, BACKGROUND, theme) > 6.5);
            for hue in [SKY, ORANGE, BLUE, GREEN, PURPLE, VERMILLION] {
                assert!(contrast(hue, BACKGROUND, theme) > 2.0, "{hue:?} {theme:?}");
            }
            for i in 0..=10 {
                let dot = Color::Scale(Map::Value, f64::from(i) / 10.0);
                assert!(contrast(dot, BACKGROUND, theme) > 2.7, "{dot:?} {theme:?}");
            }
        }
    }
}
