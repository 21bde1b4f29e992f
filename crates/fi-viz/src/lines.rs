//! Lines over a number: how cost grows, how a score changes.

use crate::bars::LARGEST;
use crate::color::{AXIS, BLUE, Color, GREEN, INK, ORANGE, PURPLE, SKY, SOFT_INK, VERMILLION};
use crate::error::{Result, require};
use crate::figure::{Anchor, Figure};
use crate::font;
use crate::layout::{Canvas, MARGIN, NAME_SIZE, Name, SMALL_SIZE, widest};
use crate::number::Axis;

const CHART: &str = "line chart";
const PLOT: (i32, i32) = (380, 240);
/// More lines cannot be told apart by colour.
pub(crate) const COLORS: [Color; 6] = [BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY];

/// Lines over a number, each with its name at its end.
///
/// # When it misleads
///
/// On two logarithmic axes a straight line is a power: its slope, not its height, says how cost
/// grows.
///
/// # Example
///
/// ```
/// use fi_viz::{LineChart, Scale};
///
/// let figure = LineChart {
///     title: "Cost of an explanation".to_owned(),
///     x_label: "rows".to_owned(),
///     y_label: "CPU seconds".to_owned(),
///     x_scale: Scale::Logarithmic,
///     y_scale: Scale::Logarithmic,
///     lines: vec![("depth 6".to_owned(), vec![(100.0, 0.01), (1000.0, 0.1)])],
///     ..LineChart::default()
/// }
/// .figure()?;
/// assert!(figure.svg()?.contains("depth 6"));
/// # Ok::<(), fi_viz::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LineChart {
    /// The title; may be empty. Default empty.
    pub title: String,
    /// What stands below, with its unit. Default empty.
    pub x_label: String,
    /// What stands beside, with its unit. Default empty.
    pub y_label: String,
    /// Default linear.
    pub x_scale: Scale,
    /// Default linear.
    pub y_scale: Scale,
    /// Each line's name and its points `(x, y)` in the order they are joined; at most 6 lines.
    /// Default empty.
    pub lines: Vec<(String, Vec<(f64, f64)>)>,
    /// A note under the chart. Default empty.
    pub caption: String,
}

/// Whether equal distances are equal differences or equal ratios.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scale {
    /// Equal differences.
    #[default]
    Linear,
    /// Equal ratios; positive numbers only.
    Logarithmic,
}

impl Scale {
    /// Where a number lies on the axis, before pixels.
    fn of(self, value: f64) -> f64 {
        match self {
            Self::Linear => value,
            Self::Logarithmic => value.log10(),
        }
    }

    fn axis(self, values: impl Iterator<Item = f64>, pixels: i32) -> Axis {
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(self.of(value)), high.max(self.of(value)))
        });
        match self {
            Self::Linear => {
                let room = (high - low) * 0.04;
                Axis::new(low - room, high + room, pixels, SMALL_SIZE)
            }
            Self::Logarithmic => Axis::logarithmic(low, high),
        }
    }
}

impl LineChart {
    /// Lays the chart out.
    ///
    /// # Errors
    ///
    /// [`Error::Data`](crate::Error::Data) without lines, with more than 6 of them, or for a
    /// point that its scale cannot show.
    pub fn figure(&self) -> Result<Figure> {
        self.check()?;
        let points = || self.lines.iter().flat_map(|(_, points)| points);
        let x_axis = self.x_scale.axis(points().map(|point| point.0), PLOT.0);
        let y_axis = self.y_scale.axis(points().map(|point| point.1), PLOT.1);
        let names: Vec<Name> = self.lines.iter().map(|(name, _)| Name::new(name)).collect();
        let ticks = y_axis.ticks.iter().map(|(_, text)| font::width(text, SMALL_SIZE)).max();
        let left = MARGIN + 22 + ticks.unwrap_or(0) + 8;
        let width = left + PLOT.0 + 14 + widest(&names, NAME_SIZE).max(40) + MARGIN;

        let mut canvas = Canvas::default();
        let top = canvas.title(&self.title, width) + 4;
        let bottom = top + PLOT.1;
        canvas.grid(&x_axis, (left, top), PLOT);
        let row = |value: f64| bottom - y_axis.position(value, PLOT.1).round() as i32;
        for (value, text) in &y_axis.ticks {
            canvas.rectangle(left, row(*value), PLOT.0, 1, crate::color::GRID);
            let tick = Name { text: text.clone(), full: None };
            canvas.name(&tick, (left - 8, row(*value)), SMALL_SIZE, Anchor::End, SOFT_INK);
        }
        canvas.rectangle(left, top, 1, PLOT.1, AXIS);
        let label = Name { text: y_axis.label(&self.y_label), full: None };
        canvas.turned(&label, (MARGIN + 6, top + PLOT.1 / 2), NAME_SIZE, Anchor::Middle, INK);

        let place = |&(x, y): &(f64, f64)| {
            let along = x_axis.position(self.x_scale.of(x), PLOT.0).round() as i32;
            (left + along, row(self.y_scale.of(y)))
        };
        let mut ends: Vec<(i32, usize)> = Vec::new();
        for (i, (_, points)) in self.lines.iter().enumerate() {
            let pixels: Vec<(i32, i32)> = points.iter().map(place).collect();
            for pair in pixels.windows(2) {
                canvas.line(pair[0], pair[1], COLORS[i]);
            }
            for &(x, y) in &pixels {
                canvas.circle(x, y, 3, COLORS[i], true);
            }
            ends.extend(pixels.last().map(|&(_, y)| (y, i)));
        }
        let place = (left + PLOT.0 + 14, top, bottom);
        let lowest = canvas.end_names(ends, &names, place, &COLORS);
        let y = canvas.axis(&x_axis, &self.x_label, left, bottom.max(lowest), PLOT.0);
        let y = canvas.caption(&self.caption, y + 4, width);
        canvas.finish(&self.title, width, y)
    }

    fn check(&self) -> Result<()> {
        let n = self.lines.len();
        require((1..=COLORS.len()).contains(&n), CHART, || {
            format!("there are {n} lines, give 1 to {}", COLORS.len())
        })?;
        for (name, points) in &self.lines {
            require(!points.is_empty(), CHART, || {
                format!("the line `{name}` has no points, give at least one")
            })?;
            for &(x, y) in points {
                for (value, scale) in [(x, self.x_scale), (y, self.y_scale)] {
                    let fits = match scale {
                        Scale::Linear => value.abs() <= LARGEST,
                        Scale::Logarithmic => value > 1e-300 && value <= LARGEST,
                    };
                    require(fits, CHART, || {
                        let domain = match scale {
                            Scale::Linear => "finite",
                            Scale::Logarithmic => "positive and finite",
                        };
                        format!("a point of `{name}` is at `{value}`, give a {domain} number")
                    })?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(lines: &[(&str, &[(f64, f64)])]) -> LineChart {
        let line = |(name, points): &(&str, &[(f64, f64)])| ((*name).to_owned(), points.to_vec());
        LineChart {
            title: "Growth".to_owned(),
            x_label: "rows".to_owned(),
            y_label: "seconds".to_owned(),
            x_scale: Scale::Logarithmic,
            y_scale: Scale::Logarithmic,
            lines: lines.iter().map(line).collect(),
            ..LineChart::default()
        }
    }

    #[test]
    fn names_of_close_lines_stand_apart_and_nothing_is_cut() {
        let same: &[(f64, f64)] = &[(1.0, 1e-3), (1e6, 0.2)];
        let figure = chart(&[("a", same), ("b", same), ("c", same), ("d", &[(1.0, 1e-3)])]);
        let figure = figure.figure().unwrap();
        assert!(figure.overlaps().is_empty(), "{:?}", figure.overlaps());
        assert!(figure.cut_texts().is_empty(), "{:?}", figure.cut_texts());
        let svg = figure.svg().unwrap();
        assert!(svg.contains("10⁶") || svg.contains("1000000"), "{svg}");
        assert!(figure.png().unwrap().starts_with(b"\x89PNG"));
        let one = chart(&[("only", &[(3.0, 7.0)])]).figure().unwrap();
        assert!(one.overlaps().is_empty() && one.cut_texts().is_empty());
    }

    #[test]
    fn each_bad_input_gets_its_own_sentence() {
        let text = |chart: LineChart| chart.figure().unwrap_err().to_string();
        assert!(text(chart(&[])).contains("there are 0 lines, give 1 to 6"));
        assert!(text(chart(&[("a", &[])])).contains("the line `a` has no points"));
        let zero = text(chart(&[("a", &[(0.0, 1.0)])]));
        assert!(zero.contains("a point of `a` is at `0`, give a positive and finite number"));
        let nan = LineChart { y_scale: Scale::Linear, ..chart(&[("a", &[(1.0, f64::NAN)])]) };
        assert!(text(nan).contains("is at `NaN`, give a finite number"));
    }
}
