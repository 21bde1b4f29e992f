//! The one font that is shipped, and everything that is measured with it.
//!
//! DejaVu Sans is wider than the sans-serif fonts that a browser falls back to, so a text that
//! fits here fits there too.

use std::sync::LazyLock;

use ab_glyph::{Font, FontRef, PxScale, ScaleFont, point};

/// The families an SVG asks for, in this order.
pub(crate) const FAMILY: &str = "DejaVu Sans, Verdana, sans-serif";

/// Where the baseline lies below the top of a text, in em.
pub(crate) const BASELINE: f64 = 0.76;
/// How far accents of capitals rise above the top of a text, in em.
pub(crate) const RISE: f64 = 0.2;
/// Height of a capital letter, in em.
const CAPITAL: f64 = 0.729;

static FONT: LazyLock<FontRef<'static>> = LazyLock::new(|| {
    FontRef::try_from_slice(include_bytes!("../fonts/DejaVuSans-subset.ttf"))
        .expect("the shipped font is checked by a test")
});

/// ab_glyph scales by line height, everybody else by em.
fn scale(size: f64) -> PxScale {
    let units = FONT.units_per_em().unwrap_or(2048.0);
    PxScale::from(size as f32 * FONT.height_unscaled() / units)
}

/// The width of a text in pixels, rounded up, with 2 % of slack.
pub(crate) fn width(text: &str, size: i32) -> i32 {
    (advance(text, f64::from(size)) * 1.02).ceil() as i32
}

/// The width of a text as it is drawn.
pub(crate) fn advance(text: &str, size: f64) -> f64 {
    let mut end = 0.0;
    place(text, size, |_, _, after| end = after);
    f64::from(end)
}

/// Whether the font can draw this character.
pub(crate) fn knows(character: char) -> bool {
    character.is_whitespace() || FONT.glyph_id(character).0 != 0
}

/// Distance from the top of a text to the middle of its capitals.
pub(crate) fn middle(size: i32) -> i32 {
    ((BASELINE - CAPITAL / 2.0) * f64::from(size)).round() as i32
}

/// Calls `visit(character, start, end)` for each character, in pixels from the text's start.
fn place(text: &str, size: f64, mut visit: impl FnMut(char, f32, f32)) {
    let font = FONT.as_scaled(scale(size));
    let mut x = 0.0;
    let mut previous = None;
    for character in text.chars() {
        let glyph = font.glyph_id(character);
        if let Some(previous) = previous {
            x += font.kern(previous, glyph);
        }
        // Other scripts (Chinese, Japanese, …) are about one em wide.
        let advance = if knows(character) { font.h_advance(glyph) } else { size as f32 };
        visit(character, x, x + advance);
        x += advance;
        previous = Some(glyph);
    }
}

/// Calls `pixel(x, y, coverage)` for each pixel that a text touches; `(0, 0)` is its top left.
///
/// plotters' own text drops the bearing and the fraction of each glyph, so letters would dance.
pub(crate) fn draw(text: &str, size: f64, mut pixel: impl FnMut(i32, i32, f64)) {
    let baseline = (BASELINE * size).round() as f32;
    place(text, size, |character, x, _| {
        let glyph = FONT.glyph_id(character).with_scale_and_position(scale(size), point(x, 0.0));
        if let Some(outline) = FONT.outline_glyph(glyph) {
            let corner = outline.px_bounds().min;
            outline.draw(|dx, dy, coverage| {
                let left = corner.x as i32 + dx as i32;
                let top = (corner.y + baseline) as i32 + dy as i32;
                pixel(left, top, f64::from(coverage.clamp(0.0, 1.0)));
            });
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_font_has_the_promised_scripts() {
        for character in "AzÄęŐß αΩβ ЖяЁ −×≤≥±…→²₁⁻⁹√ΔΣ•".chars()
        {
            assert!(knows(character), "{character}");
        }
        assert!(!knows('漢'));
    }

    #[test]
    fn widths_grow_with_text_and_size() {
        assert_eq!(width("", 12), 0);
        assert!(width("iii", 12) < width("mmm", 12));
        let (small, large) = (width("petal length", 10), width("petal length", 20));
        assert!((large - 2 * small).abs() <= 2, "{small} {large}");
        // 12 px DejaVu Sans: an `m` is 1995 of 2048 units wide.
        assert_eq!(width("m", 100), (97.412_f64 * 1.02).ceil() as i32);
    }

    #[test]
    fn drawn_pixels_stay_inside_the_measured_box() {
        let (mut right, mut top, mut bottom) = (0, 0, 0);
        draw("ÅjgWÉ", 40.0, |x, y, coverage| {
            if coverage > 0.0 {
                (right, top, bottom) = (right.max(x), top.min(y), bottom.max(y));
            }
        });
        assert!(right > 90 && right <= width("ÅjgWÉ", 40), "{right}");
        assert!(top >= -(RISE * 40.0).ceil() as i32 && bottom <= 40, "{top} {bottom}");
    }
}
