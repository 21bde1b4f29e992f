//! Waterfalls: how one prediction is put together.

use fi_core::Attribution;
use ndarray::ArrayView1;

use crate::bars::LARGEST;
use crate::color::{AXIS, INK, ORANGE, SKY, SOFT_INK};
use crate::error::{Result, require, require_output};
use crate::figure::{Anchor, Figure};
use crate::font;
use crate::layout::{Canvas, MARGIN, NAME_SIZE, Name, SMALL_SIZE, widest};
use crate::number::{Axis, number};

const CHART: &str = "waterfall";
const PLOT_WIDTH: i32 = 440;
const PITCH: i32 = 24;

/// One prediction, from the base value down to what the contributions make of it.
///
/// The largest contribution comes first; each bar begins where the one above it ends.
///
/// # When it misleads
///
/// The order is by size and nothing that the model does. A contribution says what the feature's
/// value does against the base value's rows, and not what another value would do.
///
/// # Example
///
/// ```
/// use fi_viz::Waterfall;
///
/// let figure = Waterfall {
///     title: "Flower 17".to_owned(),
///     features: vec!["petal width".to_owned(), "sepal width".to_owned()],
///     values: vec![0.4, -0.1],
///     feature_values: Some(vec![2.1, f64::NAN]),
///     base_value: Some(0.33),
///     x_label: "P(virginica)".to_owned(),
///     ..Waterfall::default()
/// }
/// .figure()?;
/// assert!(figure.svg()?.contains("petal width = 2.1"));
/// # Ok::<(), fi_viz::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Waterfall {
    /// The title; may be empty. Default empty.
    pub title: String,
    /// The features' names. Default empty.
    pub features: Vec<String>,
    /// What each feature adds to the prediction. Default empty.
    pub values: Vec<f64>,
    /// The features' own values, beside their names; NaN for missing ones. Default none.
    pub feature_values: Option<Vec<f64>>,
    /// The prediction with every feature removed. Default none: bars begin at 0.
    pub base_value: Option<f64>,
    /// What the prediction is, with its unit. Default empty.
    pub x_label: String,
    /// A note under the picture. Default empty.
    pub caption: String,
    /// So many features of largest size have a bar of their own, the others one together; at
    /// least 1. Default 15.
    pub max_features: usize,
}

impl Default for Waterfall {
    fn default() -> Self {
        Self {
            title: String::new(),
            features: Vec::new(),
            values: Vec::new(),
            feature_values: None,
            base_value: None,
            x_label: String::new(),
            caption: String::new(),
            max_features: 15,
        }
    }
}

impl Waterfall {
    /// One row and output of a result; `values` are the row's own, one per player.
    ///
    /// # Errors
    ///
    /// [`Error::Data`](crate::Error::Data) if the result has no such row or output.
    pub fn of(
        attribution: &Attribution,
        row: usize,
        output: usize,
        values: Option<ArrayView1<'_, f64>>,
    ) -> Result<Self> {
        let (n_rows, n_outputs, _) = attribution.values.dim();
        require(row < n_rows, CHART, || {
            format!("there is no row {row}, the result has {n_rows}, counted from 0")
        })?;
        require_output(CHART, output, n_outputs)?;
        let contributions = attribution.values.slice(ndarray::s![row, output, ..]);
        let of = if n_outputs > 1 { format!(", output {output}") } else { String::new() };
        let base = attribution.base_values[[row, output]];
        Ok(Self {
            title: format!("{}, row {row}{of}", attribution.method),
            features: attribution.features.clone(),
            values: contributions.to_vec(),
            feature_values: values.map(|values| values.to_vec()),
            base_value: (!base.is_nan()).then_some(base),
            x_label: "prediction".to_owned(),
            ..Self::default()
        })
    }

    /// Lays the picture out.
    ///
    /// # Errors
    ///
    /// [`Error::Data`](crate::Error::Data) without features, for lengths that differ, or what is
    /// not finite.
    pub fn figure(&self) -> Result<Figure> {
        self.check()?;
        let bars = self.bars();
        let names: Vec<Name> = bars.iter().map(|bar| bar.name.clone()).collect();
        let texts: Vec<String> = bars.iter().map(|bar| signed(bar.value)).collect();
        let base = self.base_value.unwrap_or(0.0);
        let end = bars.iter().fold(base, |sum, bar| sum + bar.value);
        let sides = [number(base), number(end)];
        let number_width =
            texts.iter().chain(&sides).map(|text| font::width(text, SMALL_SIZE)).max().unwrap_or(0);
        let ends = if self.base_value.is_some() {
            [Name::new("base value"), Name::new("base value + contributions")]
        } else {
            [Name::new("no base value"), Name::new("sum of the contributions")]
        };
        let x = MARGIN + widest(&names, NAME_SIZE).max(widest(&ends, NAME_SIZE)) + 8;
        let width = x + PLOT_WIDTH + 12 + number_width + MARGIN;
        let axis = Self::axis(base, &bars);

        let mut canvas = Canvas::default();
        let top = canvas.title(&self.title, width);
        let height = PITCH * (bars.len() as i32 + 2) + 8;
        canvas.grid(&axis, (x, top), (PLOT_WIDTH, height));
        let pixel = |value: f64| x + axis.position(value, PLOT_WIDTH).round() as i32;
        let middle = |row: usize| top + 4 + row as i32 * PITCH + PITCH / 2;
        let right = x + PLOT_WIDTH + 12 + number_width;
        let write = |canvas: &mut Canvas, row: usize, name: &Name, text: &str| {
            canvas.name(name, (x - 8, middle(row)), NAME_SIZE, Anchor::End, INK);
            let text = Name { text: text.to_owned(), full: None };
            canvas.name(&text, (right, middle(row)), SMALL_SIZE, Anchor::End, SOFT_INK);
        };
        write(&mut canvas, 0, &ends[0], &sides[0]);
        let mut from = base;
        for (i, bar) in bars.iter().enumerate() {
            let to = from + bar.value;
            write(&mut canvas, i + 1, &bar.name, &texts[i]);
            // The line from the end of the bar above.
            canvas.rectangle(pixel(from), middle(i), 1, PITCH, AXIS);
            let color = if bar.value < 0.0 { ORANGE } else { SKY };
            let (start, stop) = (pixel(from).min(pixel(to)), pixel(from).max(pixel(to)));
            // The smallest contribution is still seen.
            canvas.rectangle(start, middle(i + 1) - 8, (stop - start).max(1), 16, color);
            from = to;
        }
        let last = bars.len() + 1;
        canvas.rectangle(pixel(from), middle(last - 1), 1, PITCH, AXIS);
        write(&mut canvas, last, &ends[1], &sides[1]);
        for (row, value) in [(0, base), (last, from)] {
            canvas.circle(pixel(value), middle(row), 5, INK, true);
        }
        let y = canvas.axis(&axis, &self.x_label, x, top + height, PLOT_WIDTH);
        let largest: Vec<String> = bars
            .iter()
            .zip(&texts)
            .take(5)
            .map(|(b, text)| format!("{} {text}", b.name.text))
            .collect();
        canvas.description = format!(
            "From {} ({}) to {} by {} features: {}{} {}",
            sides[0],
            ends[0].text,
            sides[1],
            self.features.len(),
            largest.join(", "),
            if bars.len() > 5 { ", …" } else { "." },
            self.caption,
        );
        let y = canvas.caption(&self.caption, y + 4, width);
        canvas.finish(&self.title, width, y)
    }

    fn check(&self) -> Result<()> {
        let n = self.features.len();
        require(n > 0, CHART, || "there are no features, give at least one".to_owned())?;
        require(self.values.len() == n, CHART, || {
            format!("it has {n} names and {} contributions, give one per name", self.values.len())
        })?;
        require(self.max_features >= 1, CHART, || {
            "`max_features` is `0`, it must be at least 1".to_owned()
        })?;
        if let Some(values) = &self.feature_values {
            require(values.len() == n, CHART, || {
                format!("it has {n} names and {} values, give one per name", values.len())
            })?;
        }
        for (name, &value) in self.features.iter().zip(&self.values) {
            require(value.abs() <= LARGEST, CHART, || {
                format!("the contribution of `{name}` is `{value}`, give finite numbers")
            })?;
        }
        let base = self.base_value.unwrap_or(0.0);
        require(base.abs() <= LARGEST, CHART, || {
            format!("the base value is `{base}`, give a finite number or none")
        })?;
        let sum = self.values.iter().fold(base.abs(), |sum, value| sum + value.abs());
        require(sum <= LARGEST, CHART, || {
            "its contributions are too large to add up, divide them by a constant".to_owned()
        })
    }

    /// From the largest contribution to the smallest, and the rest together.
    fn bars(&self) -> Vec<Bar> {
        let mut order: Vec<usize> = (0..self.values.len()).collect();
        order.sort_by(|&a, &b| self.values[b].abs().total_cmp(&self.values[a].abs()));
        // One feature alone needs no bar of the others.
        let own =
            if order.len() <= self.max_features + 1 { order.len() } else { self.max_features };
        let bar = |&i: &usize| {
            let mut name = Name::new(&self.features[i]);
            if let Some(values) = &self.feature_values {
                let value = plain(values[i]);
                name.text = format!("{} = {value}", name.text);
                name.full = name.full.map(|full| format!("{full} = {value}"));
            }
            Bar { name, value: self.values[i] }
        };
        let mut bars: Vec<Bar> = order[..own].iter().map(bar).collect();
        if own < order.len() {
            let name = Name::new(&format!("{} other features", order.len() - own));
            bars.push(Bar { name, value: order[own..].iter().map(|&i| self.values[i]).sum() });
        }
        bars
    }

    /// Over all that the bars pass, with a little room.
    fn axis(base: f64, bars: &[Bar]) -> Axis {
        let (mut low, mut high, mut at) = (base, base, base);
        for bar in bars {
            at += bar.value;
            (low, high) = (low.min(at), high.max(at));
        }
        let room = (high - low) * 0.04;
        Axis::new(low - room, high + room, PLOT_WIDTH, SMALL_SIZE)
    }
}

struct Bar {
    name: Name,
    value: f64,
}

fn signed(value: f64) -> String {
    let text = number(value);
    if value > 0.0 { format!("+{text}") } else { text }
}

/// A feature's value as it stands in a table: whole numbers without decimals.
fn plain(value: f64) -> String {
    if value.is_nan() {
        "missing".to_owned()
    } else if value == value.trunc() && value.abs() < 1e6 {
        format!("{value:.0}").replace("-0", "0").replace('-', "−")
    } else {
        number(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_in_a_table() {
        let texts = [2.0, -3.0, 0.0, 2.125, 1e7, f64::NAN, f64::INFINITY].map(plain);
        assert_eq!(texts, ["2", "−3", "0", "2.12", "1.00e7", "missing", "∞"]);
        assert_eq!([0.25, -0.25, 0.0].map(signed), ["+0.250", "−0.250", "0"]);
    }

    #[test]
    fn what_is_left_adds_up() {
        let values: Vec<f64> = (1..=10).map(f64::from).collect();
        let features = values.iter().map(|i| format!("x{i}")).collect();
        let waterfall = Waterfall { features, values, max_features: 3, ..Waterfall::default() };
        let bars = waterfall.bars();
        let found: Vec<(&str, f64)> =
            bars.iter().map(|bar| (bar.name.text.as_str(), bar.value)).collect();
        assert_eq!(found, [("x10", 10.0), ("x9", 9.0), ("x8", 8.0), ("7 other features", 28.0)]);
        // A lone rest has its own name.
        assert_eq!(Waterfall { max_features: 9, ..waterfall }.bars()[9].name.text, "x1");
    }
}
