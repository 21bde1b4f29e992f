//! Numbers as people read them, and round tick positions.

use crate::font;

/// Three significant digits: `0.0123`, `12.3`, `12345`, `1.23e−5`; NaN is `–`.
pub fn number(value: f64) -> String {
    if value.is_nan() {
        return "–".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "∞" } else { "−∞" }.to_owned();
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    // The exponent after rounding: 0.9996 is 1.00.
    let scientific = format!("{value:.2e}");
    let exponent = exponent_of(&scientific);
    let text = if (-3..6).contains(&exponent) {
        format!("{value:.*}", (2 - exponent).max(0) as usize)
    } else {
        scientific
    };
    minus(&text)
}

/// A fixed number of decimals, without a negative zero.
pub(crate) fn fixed(value: f64, decimals: usize) -> String {
    if value.is_nan() || value.is_infinite() {
        return number(value);
    }
    let text = format!("{value:.decimals$}");
    let zero = text.chars().all(|c| matches!(c, '-' | '0' | '.'));
    minus(if zero { text.trim_start_matches('-') } else { &text })
}

fn minus(text: &str) -> String {
    text.replace('-', "−")
}

// Through text, because the system's `log10` and `pow` may differ in the last bit.
fn exponent_of(scientific: &str) -> i32 {
    scientific.rsplit_once('e').and_then(|(_, text)| text.parse().ok()).unwrap_or(0)
}

fn power_of_ten(exponent: i32) -> f64 {
    format!("1e{exponent}").parse().unwrap_or(1.0)
}

/// Positions and texts of the ticks of a linear axis, and where a value lies on it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Axis {
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) ticks: Vec<(f64, String)>,
    /// The power of ten that all ticks are to be multiplied with; 0 for none.
    exponent: i32,
}

impl Axis {
    /// An axis over a range, widened where it is empty, with as many ticks as fit into `pixels`.
    pub(crate) fn new(low: f64, high: f64, pixels: i32, size: i32) -> Self {
        let (low, high) = widened(low, high);
        let fits = |axis: &Self| {
            let mut end = f64::NEG_INFINITY;
            axis.ticks.iter().all(|(value, text)| {
                let half = f64::from(font::width(text, size)) / 2.0;
                let centre = axis.position(*value, pixels);
                let free = end + 10.0 <= centre - half;
                end = centre + half;
                free
            })
        };
        let mut axis = Self::with_about(low, high, 6);
        for n in [5, 4, 3, 2] {
            if fits(&axis) {
                break;
            }
            axis = Self::with_about(low, high, n);
        }
        axis
    }

    /// An axis for whole numbers, which has no ticks between them.
    pub(crate) fn whole(low: f64, high: f64, pixels: i32, size: i32) -> Self {
        let room = (0.03 * (high - low)).max(0.5);
        let mut axis = Self::new(low - room, high + room, pixels, size);
        axis.ticks.retain(|(value, _)| *value == value.round());
        for (value, text) in &mut axis.ticks {
            *text = fixed(*value / power_of_ten(axis.exponent), 0);
        }
        axis
    }

    /// An axis over powers of ten from `10^low` to `10^high`, with a tick at each, or at every
    /// second or further one if there are many; in between at 2 and 5 if there are few.
    pub(crate) fn logarithmic(low: f64, high: f64) -> Self {
        let (low, high) = widened(low, high);
        let room = (high - low) * 0.04;
        let (low, high) = (low - room, high + room);
        let (first, last) = (low.floor() as i32, high.ceil() as i32);
        let step = ((last - first) as usize).div_ceil(8).max(1);
        let factors: &[f64] = if high - low < 2.5 { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let mut ticks = Vec::new();
        for exponent in (first..=last).step_by(step) {
            for factor in factors {
                let value = f64::from(exponent) + factor.log10();
                if (low..=high).contains(&value) {
                    let plain = (-3..6).contains(&exponent);
                    let text = if plain {
                        fixed(factor * power_of_ten(exponent), (-exponent).max(0) as usize)
                    } else {
                        let power = superscript(exponent);
                        if *factor > 1.0 {
                            format!("{factor}·10{power}")
                        } else {
                            format!("10{power}")
                        }
                    };
                    ticks.push((value, text));
                }
            }
        }
        Self { low, high, ticks, exponent: 0 }
    }

    fn with_about(low: f64, high: f64, n: usize) -> Self {
        let raw = (high - low) / n as f64;
        let magnitude = exponent_of(&format!("{raw:e}"));
        let power = power_of_ten(magnitude);
        let (factor, magnitude) = match raw / power {
            r if r <= 1.0 => (1.0, magnitude),
            r if r <= 2.0 => (2.0, magnitude),
            r if r <= 5.0 => (5.0, magnitude),
            _ => (1.0, magnitude + 1),
        };
        let step = factor * power_of_ten(magnitude);
        let largest = low.abs().max(high.abs());
        let plain = (1e-4..1e6).contains(&largest);
        let exponent = if plain { 0 } else { exponent_of(&format!("{largest:e}")) };
        let decimals = (exponent - magnitude).max(0) as usize;
        let (first, last) = ((low / step - 1e-9).ceil(), (high / step + 1e-9).floor());
        let count = (last - first).clamp(0.0, 50.0) as usize;
        let ticks = (0..=count).map(|i| {
            let value = (first + i as f64) * step;
            (value, fixed(value / power_of_ten(exponent), decimals))
        });
        Self { low, high, ticks: ticks.collect(), exponent }
    }

    /// Where a value lies on an axis of this many pixels, from its start.
    pub(crate) fn position(&self, value: f64, pixels: i32) -> f64 {
        (value - self.low) / (self.high - self.low) * f64::from(pixels)
    }

    /// A label with the power of ten that the ticks leave out.
    pub(crate) fn label(&self, label: &str) -> String {
        if self.exponent == 0 {
            return label.to_owned();
        }
        let digits = superscript(self.exponent);
        format!("{label} (×10{digits})").trim_start().to_owned()
    }
}

/// An exponent as it stands above a ten.
fn superscript(exponent: i32) -> String {
    let raised = |c| match c {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        digit => char::from_u32('⁰' as u32 + digit.to_digit(10).unwrap_or(0)).unwrap_or(digit),
    };
    exponent.to_string().chars().map(raised).collect()
}

/// A range that can be divided: constant values get room around them.
fn widened(low: f64, high: f64) -> (f64, f64) {
    let largest = low.abs().max(high.abs());
    if high - low > 1e-9 * largest && high - low > 1e-290 {
        return (low, high);
    }
    let room = if largest > 1e-290 { largest / 2.0 } else { 1.0 };
    (low - room, high + room)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_significant_digits() {
        let texts =
            [0.0, 0.012_34, 0.9996, 12.345, -1234.5, 123_456.7, 1e7, -1.234e-5, 5e-324].map(number);
        assert_eq!(
            texts,
            ["0", "0.0123", "1.00", "12.3", "−1234", "123457", "1.00e7", "−1.23e−5", "4.94e−324"]
        );
        assert_eq!([f64::NAN, f64::INFINITY].map(number), ["–", "∞"]);
        assert_eq!(fixed(-0.001, 2), "0.00");
        assert_eq!(fixed(-0.126, 2), "−0.13");
    }

    #[test]
    fn ticks_are_round_and_inside() {
        let texts = |axis: &Axis| axis.ticks.iter().map(|t| t.1.clone()).collect::<Vec<_>>();
        let axis = Axis::new(-0.13, 0.52, 400, 11);
        assert_eq!(texts(&axis), ["0.0", "0.2", "0.4"]);
        let axis = Axis::new(0.0, 1.0, 400, 11);
        assert_eq!(texts(&axis), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        let axis = Axis::new(0.0, 3e-7, 400, 11);
        assert_eq!(axis.label("loss"), "loss (×10⁻⁷)");
        assert_eq!(texts(&axis), ["0.0", "0.5", "1.0", "1.5", "2.0", "2.5", "3.0"]);
    }

    #[test]
    fn every_range_gives_a_usable_axis() {
        for (low, high) in [
            (0.0, 0.0),
            (1.0, 1.0),
            (-1e300, 1e300),
            (0.0, 5e-324),
            (1e16, 1e16 + 2.0),
            (1e-300, 3e-300),
        ] {
            let axis = Axis::new(low, high, 300, 11);
            assert!(axis.low < axis.high, "{low} {high}");
            assert!(!axis.ticks.is_empty() && axis.ticks.len() < 12, "{low} {high} {axis:?}");
            for (value, _) in &axis.ticks {
                let position = axis.position(*value, 300);
                assert!((-0.5..=300.5).contains(&position), "{low} {high} {position}");
            }
        }
    }
}
