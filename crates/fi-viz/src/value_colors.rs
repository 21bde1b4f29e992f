//! Dots coloured by a feature's value: from its 5th to its 95th percentile, as shap does.

use fi_core::quantile;

use crate::color::{Color, Map, SOFT_INK};
use crate::figure::Anchor;
use crate::font;
use crate::layout::{Canvas, Name, SMALL_SIZE};
use crate::number::number;

/// Which value of a feature has which colour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ValueColors {
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl ValueColors {
    /// From the 5th to the 95th percentile, or over all values where these are equal; NaN is
    /// passed over.
    pub(crate) fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = values.filter(|value| !value.is_nan()).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let at = |q| quantile(&sorted, q).unwrap_or(f64::NAN);
        let (low, high) = (at(0.05), at(0.95));
        let (low, high) = if low < high { (low, high) } else { (at(0.0), at(1.0)) };
        Self { low, high }
    }

    /// Where a value lies on the scale; the middle if all are equal, NaN for NaN.
    pub(crate) fn place(self, value: f64) -> f64 {
        let width = self.high - self.low;
        if value.is_nan() || width > 0.0 {
            ((value - self.low) / width).clamp(0.0, 1.0)
        } else {
            0.5
        }
    }
}

/// A dot at a place of the scale; an open one for NaN, a missing value.
pub(crate) fn dot(canvas: &mut Canvas, (x, y): (i32, i32), radius: i32, place: f64) {
    if place.is_nan() {
        canvas.circle(x, y, radius, SOFT_INK, false);
    } else {
        // Few colours are enough for the eye, and make a file smaller when it is packed.
        let place = (place * 32.0).round() / 32.0;
        canvas.circle(x, y, radius, Color::Scale(Map::Value, place), true);
    }
}

/// What the colours are: `label: low ▬▬▬ high`, and an open dot if values are missing.
pub(crate) struct Legend<'a> {
    pub(crate) label: &'a str,
    /// The ends in words, or numbers.
    pub(crate) ends: (String, String),
    pub(crate) missing: bool,
}

const BAR: i32 = 128;

impl Legend<'_> {
    pub(crate) fn of_numbers(label: &str, colors: ValueColors, missing: bool) -> Legend<'_> {
        Legend { label, ends: (number(colors.low), number(colors.high)), missing }
    }

    fn parts(&self) -> [(Name, i32); 4] {
        let sized = |name: Name| {
            let width = font::width(&name.text, SMALL_SIZE);
            (name, width)
        };
        let missing = if self.missing { "missing" } else { "" };
        let label = Name::new(self.label);
        [label, Name::new(&self.ends.0), Name::new(&self.ends.1), Name::new(missing)].map(sized)
    }

    /// How wide it will be.
    pub(crate) fn width(&self) -> i32 {
        let missing = if self.missing { 26 } else { 0 };
        self.parts().iter().map(|part| part.1).sum::<i32>() + 12 + 8 + BAR + 8 + missing
    }

    /// Draws it from `x`; returns its lower end.
    pub(crate) fn draw(&self, canvas: &mut Canvas, (x, y): (i32, i32)) -> i32 {
        const STEPS: i32 = 32;
        let [label, low, high, missing] = self.parts();
        let middle = y + 7;
        let mut left = x;
        let mut write = |canvas: &mut Canvas, (name, width): &(Name, i32), after: i32| {
            canvas.name(name, (left, middle), SMALL_SIZE, Anchor::Start, SOFT_INK);
            left += width + after;
            left
        };
        write(canvas, &label, 12);
        let bar = write(canvas, &low, 8);
        for i in 0..STEPS {
            let place = (f64::from(i) + 0.5) / f64::from(STEPS);
            let step = BAR / STEPS;
            canvas.rectangle(bar + i * step, y + 2, step, 10, Color::Scale(Map::Value, place));
        }
        left += BAR + 8;
        canvas.name(&high.0, (left, middle), SMALL_SIZE, Anchor::Start, SOFT_INK);
        if self.missing {
            left += high.1 + 16;
            dot(canvas, (left, middle), 3, f64::NAN);
            canvas.name(&missing.0, (left + 8, middle), SMALL_SIZE, Anchor::Start, SOFT_INK);
        }
        y + 16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outliers_do_not_bleach_the_rest() {
        let values = (0..100).map(f64::from).chain([1e12, f64::NAN]);
        let colors = ValueColors::of(values);
        assert_eq!((colors.low, colors.high), (5.0, 95.0));
        assert_eq!([5.0, 50.0, 1e12].map(|value| colors.place(value)), [0.0, 0.5, 1.0]);
        assert!(colors.place(f64::NAN).is_nan());
        // Mostly zeros still tell the rest apart.
        let sparse = ValueColors::of(std::iter::repeat_n(0.0, 99).chain([8.0]));
        assert_eq!((sparse.place(0.0), sparse.place(8.0)), (0.0, 1.0));
        assert_eq!(ValueColors::of([3.0; 4].into_iter()).place(3.0), 0.5);
        assert!(ValueColors::of(std::iter::empty()).place(f64::NAN).is_nan());
    }
}
