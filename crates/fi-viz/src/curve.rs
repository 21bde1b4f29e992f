//! Curves of a prediction over one feature, with bands, single rows and where the rows are; and
//! surfaces over two as heatmaps.

use fi_core::{Curve, Surface};

use crate::bars::{LARGEST, intervals_for};
use crate::color::{AXIS, EMPTY, GRID, INK, SOFT_INK};
use crate::error::{Result, require};
use crate::figure::{Anchor, Figure};
use crate::font;
use crate::heatmap::{Annotate, ColorScale, Heatmap};
use crate::layout::{Canvas, MARGIN, NAME_SIZE, Name, SMALL_SIZE, widest};
use crate::lines::COLORS;
use crate::number::{Axis, number};

const CHART: &str = "curve chart";
const PLOT: (i32, i32) = (400, 260);
/// The strip under the plot that shows where the rows are.
const RUG: i32 = 26;
/// The least width of a category.
const NARROWEST: i32 = 20;

/// A prediction as a function of one feature.
///
/// Numbers are joined by lines with a band; categories are points with bars. Bars below show how
/// many rows there are: their area for numbers, their height for categories.
///
/// # When it misleads
///
/// Where there are few rows below, the curve is the model's invention.
///
/// # Example
///
/// ```
/// use fi_viz::{CurveChart, CurveLine};
///
/// let figure = CurveChart {
///     title: "Partial dependence".to_owned(),
///     x_label: "petal length (cm)".to_owned(),
///     y_label: "P(setosa)".to_owned(),
///     grid: vec![1.0, 2.0, 4.0],
///     outputs: vec![CurveLine { values: vec![0.9, 0.8, 0.1], ..CurveLine::default() }],
///     ..CurveChart::default()
/// }
/// .figure()?;
/// assert!(figure.svg()?.contains("petal length"));
/// # Ok::<(), fi_viz::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CurveChart {
    /// The title; may be empty. Default empty.
    pub title: String,
    /// The feature, with its unit. Default empty.
    pub x_label: String,
    /// The prediction, with its unit. Default empty.
    pub y_label: String,
    /// The points of the feature; ascending unless there are categories. Default empty.
    pub grid: Vec<f64>,
    /// The categories' names, one per point, if the feature has categories. Default `None`.
    pub categories: Option<Vec<String>>,
    /// A curve for each output, at most 6. Default empty.
    pub outputs: Vec<CurveLine>,
    /// How many rows are nearest to each point, in any unit; may be empty. Default empty.
    pub shares: Vec<f64>,
    /// A note under the chart. Default empty.
    pub caption: String,
}

/// The curve of one output.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CurveLine {
    /// Its name; may be empty if it is the only one. Default empty.
    pub name: String,
    /// One value per point. Default empty.
    pub values: Vec<f64>,
    /// The ends of an interval at each point, if there are intervals. Default `None`.
    pub band: Option<Vec<(f64, f64)>>,
    /// Thin lines of single rows, one value per point each. Default empty.
    pub rows: Vec<Vec<f64>>,
}

impl CurveChart {
    /// A chart of a curve: all outputs, or the first six, called by `outputs`.
    ///
    /// Categories are called by their numbers; names of missing outputs are `output 1`, `output 2`,
    /// ….
    pub fn of(curve: &Curve, outputs: &[String]) -> Self {
        let n_outputs = curve.values.ncols();
        let line = |output: usize| {
            let column = |values: &ndarray::Array2<f64>| values.column(output).to_vec();
            let band = curve.band.as_ref();
            let lines = curve.lines.iter().flat_map(|lines| lines.values.outer_iter());
            let unnamed = if n_outputs == 1 { String::new() } else { format!("output {output}") };
            CurveLine {
                name: outputs.get(output).cloned().unwrap_or(unnamed),
                values: column(&curve.values),
                band: band.map(|b| column(&b.low).into_iter().zip(column(&b.high)).collect()),
                rows: lines.map(|line| line.column(output).to_vec()).collect(),
            }
        };
        let shown = n_outputs.min(COLORS.len());
        let mut notes = Vec::new();
        if let Some(band) = &curve.band {
            let what = if curve.categorical { "Bars" } else { "Bands" };
            let intervals = intervals_for(band.confidence, band.estimand);
            notes.push(format!("{what}: {intervals}, each point by itself."));
        }
        if curve.lines.is_some() {
            notes.push("Thin lines: single rows.".to_owned());
        }
        notes.push("Below: where the rows are.".to_owned());
        if curve.missing_share > 0.0 {
            let percent = number(100.0 * curve.missing_share);
            notes.push(format!("{percent} % of the rows miss the feature and are left out."));
        }
        if shown < n_outputs {
            notes.push(format!("{shown} of {n_outputs} outputs are shown."));
        }
        Self {
            title: curve.method.clone(),
            x_label: curve.feature.clone(),
            y_label: prediction(curve.centre.is_some()),
            categories: curve.categorical.then(|| curve.grid.iter().map(f64::to_string).collect()),
            grid: curve.grid.clone(),
            outputs: (0..shown).map(line).collect(),
            shares: curve.shares.clone(),
            caption: notes.join(" "),
        }
    }

    /// Lays the chart out.
    ///
    /// # Errors
    ///
    /// [`Error::Data`](crate::Error::Data) without points or curves, with more than 6 curves, for
    /// lengths that differ, a grid that does not ascend, or what is not finite;
    /// [`Error::TooLarge`](crate::Error::TooLarge).
    pub fn figure(&self) -> Result<Figure> {
        self.check()?;
        let names: Vec<Name> = self.outputs.iter().map(|line| Name::new(&line.name)).collect();
        let n = self.grid.len() as i32;
        let plot = if self.categories.is_some() {
            (PLOT.0.max(n.saturating_mul(NARROWEST)), PLOT.1)
        } else {
            PLOT
        };
        let y_axis = self.y_axis();
        let ticks = y_axis.ticks.iter().map(|(_, text)| font::width(text, SMALL_SIZE)).max();
        let left = MARGIN + 22 + ticks.unwrap_or(0) + 8;
        let width = left + plot.0 + 14 + widest(&names, NAME_SIZE).max(30) + MARGIN;

        let mut canvas = Canvas::default();
        let top = canvas.title(&self.title, width) + 4;
        let bottom = top + plot.1;
        let (first, last) = (self.grid[0], self.grid[self.grid.len() - 1]);
        let x_axis = Axis::new(first, last, plot.0, SMALL_SIZE);
        let column = |point: usize| match &self.categories {
            Some(_) => left + (2 * point as i32 + 1) * plot.0 / (2 * n),
            None => left + x_axis.position(self.grid[point], plot.0).round() as i32,
        };
        let row = |value: f64| bottom - y_axis.position(value, plot.1).round() as i32;
        if self.categories.is_none() {
            canvas.grid(&x_axis, (left, top), plot);
        }
        for (value, text) in &y_axis.ticks {
            canvas.rectangle(left, row(*value), plot.0, 1, GRID);
            let tick = Name { text: text.clone(), full: None };
            canvas.name(&tick, (left - 8, row(*value)), SMALL_SIZE, Anchor::End, SOFT_INK);
        }
        canvas.rectangle(left, top, 1, plot.1, AXIS);
        let label = Name::new(&y_axis.label(&self.y_label));
        canvas.turned(&label, (MARGIN + 6, top + plot.1 / 2), NAME_SIZE, Anchor::Middle, INK);

        let columns: Vec<i32> = (0..self.grid.len()).map(column).collect();
        self.draw_curves(&mut canvas, &columns, row);
        let ends = self.outputs.iter().enumerate();
        let ends = ends.map(|(i, line)| (row(line.values[line.values.len() - 1]), i)).collect();
        let place = (left + plot.0 + 14, top, bottom);
        let lowest = canvas.end_names(ends, &names, place, &COLORS).max(bottom);
        let y = self.rug(&mut canvas, &columns, (left, lowest + 4), plot.0);
        let y = match &self.categories {
            None => canvas.axis(&x_axis, &self.x_label, left, y, plot.0),
            Some(categories) => {
                self.category_axis(&mut canvas, categories, &columns, (left, y), plot.0)
            }
        };
        let y = canvas.caption(&self.caption, y + 4, width);
        canvas.finish(&self.title, width, y)
    }

    fn draw_curves(&self, canvas: &mut Canvas, columns: &[i32], row: impl Fn(f64) -> i32) {
        let categorical = self.categories.is_some();
        // Outputs stand side by side at a category, and on top of each other along numbers.
        let n = self.outputs.len() as i32;
        let room = columns.windows(2).map(|pair| pair[1] - pair[0]).min().unwrap_or(PLOT.0);
        let apart = if categorical { (room / (n + 1)).min(11) } else { 0 };
        let points = |output: usize, values: &[f64]| -> Vec<(i32, i32)> {
            let aside = (2 * output as i32 + 1 - n) * apart / 2;
            columns.iter().zip(values).map(|(&x, &value)| (x + aside, row(value))).collect()
        };
        // What is widest first, and the curves themselves on top of all.
        for (k, (line, color)) in self.outputs.iter().zip(COLORS).enumerate() {
            for values in &line.rows {
                canvas.path(points(k, values), color.tint());
            }
        }
        for (k, (line, color)) in self.outputs.iter().zip(COLORS).enumerate() {
            let Some(band) = &line.band else { continue };
            let side = |end: fn(&(f64, f64)) -> f64| -> Vec<f64> { band.iter().map(end).collect() };
            let (low, high) = (points(k, &side(|ends| ends.0)), points(k, &side(|ends| ends.1)));
            if !categorical {
                canvas.area(high.into_iter().chain(low.into_iter().rev()).collect(), color);
                continue;
            }
            for ((x, upper), (_, lower)) in high.into_iter().zip(low) {
                canvas.rectangle(x, upper, 1, lower - upper + 1, color);
                for end in [upper, lower] {
                    canvas.rectangle(x - 3, end, 7, 1, color);
                }
            }
        }
        for (k, (line, color)) in self.outputs.iter().zip(COLORS).enumerate() {
            let pixels = points(k, &line.values);
            if !categorical {
                for pair in pixels.windows(2) {
                    canvas.line(pair[0], pair[1], color);
                }
            }
            if categorical || pixels.len() == 1 {
                for (x, y) in pixels {
                    canvas.circle(x, y, 4, color, true);
                }
            }
        }
    }

    /// Bars that show where the rows are; returns the lower end of their strip.
    fn rug(&self, canvas: &mut Canvas, columns: &[i32], (x, y): (i32, i32), width: i32) -> i32 {
        if self.shares.is_empty() {
            return y;
        }
        let n = columns.len();
        // A cell reaches half way to its neighbours.
        let ends = |i: usize| {
            if self.categories.is_some() {
                return (columns[i] - NARROWEST / 3, columns[i] + NARROWEST / 3);
            }
            let half = |a: usize, b: usize| i32::midpoint(columns[a], columns[b]);
            let from = if i == 0 { columns[0] } else { half(i - 1, i) };
            let to = if i + 1 == n { columns[i] } else { half(i, i + 1) };
            (from, to.max(from + 1))
        };
        let height = |i: usize| match &self.categories {
            Some(_) => self.shares[i],
            None => self.shares[i] / f64::from(ends(i).1 - ends(i).0),
        };
        let largest = (0..n).map(height).fold(0.0, f64::max);
        canvas.rectangle(x, y + RUG, width, 1, EMPTY);
        for i in (0..n).filter(|&i| self.shares[i] > 0.0) {
            let bar = ((height(i) / largest * f64::from(RUG)).round() as i32).max(1);
            let (from, to) = ends(i);
            canvas.rectangle(from, y + RUG - bar, to - from, bar, AXIS);
        }
        y + RUG + 2
    }

    /// Names of categories under their points, upright where they need room.
    fn category_axis(
        &self,
        canvas: &mut Canvas,
        categories: &[String],
        columns: &[i32],
        (x, y): (i32, i32),
        width: i32,
    ) -> i32 {
        let names = Name::all(categories);
        let room = width / columns.len() as i32;
        let widest = widest(&names, SMALL_SIZE);
        canvas.rectangle(x, y, width + 1, 1, AXIS);
        let upright = widest + 8 > room;
        for (name, &column) in names.iter().zip(columns) {
            if upright {
                canvas.turned(name, (column, y + 8), SMALL_SIZE, Anchor::End, SOFT_INK);
            } else {
                canvas.name(name, (column, y + 14), SMALL_SIZE, Anchor::Middle, SOFT_INK);
            }
        }
        let y = y + if upright { widest + 12 } else { 22 };
        let mut y = y + 4;
        for line in crate::layout::wrap(&self.x_label, NAME_SIZE, width.max(200)) {
            canvas.text(&line, (x + width / 2, y), NAME_SIZE, Anchor::Middle, INK);
            y += 17;
        }
        y
    }

    /// Over all that is drawn, with a little room.
    fn y_axis(&self) -> Axis {
        let all = self.outputs.iter().flat_map(|line| {
            let ends = line.band.iter().flatten().flat_map(|&(low, high)| [low, high]);
            line.values.iter().copied().chain(ends).chain(line.rows.iter().flatten().copied())
        });
        let (low, high) = all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        let room = (high - low) * 0.04;
        Axis::new(low - room, high + room, PLOT.1, SMALL_SIZE)
    }

    fn check(&self) -> Result<()> {
        let n = self.grid.len();
        require(n > 0, CHART, || "the grid has no points, give at least one".to_owned())?;
        let bad = self.grid.iter().find(|value| value.abs() > LARGEST || value.is_nan());
        require(bad.is_none(), CHART, || {
            format!("a point of the grid is `{}`, give finite numbers", bad.unwrap_or(&0.0))
        })?;
        match &self.categories {
            None => require(self.grid.windows(2).all(|pair| pair[0] < pair[1]), CHART, || {
                "the grid does not ascend, sort it and leave out what is double".to_owned()
            }),
            Some(names) => require(names.len() == n, CHART, || {
                format!("there are {} categories for {n} points, give one each", names.len())
            }),
        }?;
        let n_outputs = self.outputs.len();
        require((1..=COLORS.len()).contains(&n_outputs), CHART, || {
            format!("there are {n_outputs} curves, give 1 to {}", COLORS.len())
        })?;
        let fits = |values: &[f64], what: &str| {
            require(values.len() == n, CHART, || {
                format!("{what} has {} values for {n} points, give one each", values.len())
            })?;
            let bad = values.iter().find(|value| value.is_nan() || value.abs() > LARGEST);
            require(bad.is_none(), CHART, || {
                format!("{what} has the value `{}`, give finite numbers", bad.unwrap_or(&0.0))
            })
        };
        for line in &self.outputs {
            fits(&line.values, &format!("the curve `{}`", line.name))?;
            for values in &line.rows {
                fits(values, &format!("a row's line of `{}`", line.name))?;
            }
            for end in [|ends: &(f64, f64)| ends.0, |ends: &(f64, f64)| ends.1] {
                if let Some(band) = &line.band {
                    let ends: Vec<f64> = band.iter().map(end).collect();
                    fits(&ends, &format!("the band of `{}`", line.name))?;
                }
            }
        }
        if self.shares.is_empty() {
            return Ok(());
        }
        fits(&self.shares, "the list of shares")?;
        require(self.shares.iter().all(|&share| share >= 0.0), CHART, || {
            "a share is negative, give numbers of rows".to_owned()
        })
    }
}

/// What a curve's values are.
fn prediction(centred: bool) -> String {
    if centred { "change of the prediction" } else { "prediction" }.to_owned()
}

impl Heatmap {
    /// One output of a surface: the first feature to the right, the second upwards.
    ///
    /// Colours of accumulated local effects are about 0, those of predictions over their range.
    ///
    /// # Panics
    ///
    /// If the surface has no such output.
    pub fn of_surface(surface: &Surface, output: usize) -> Self {
        let (n_first, n_second, _) = surface.values.dim();
        let values = ndarray::Array2::from_shape_fn((n_second, n_first), |(i, j)| {
            surface.values[[j, n_second - 1 - i, output]]
        });
        let names = |k: usize| surface.grids[k].iter().map(|&value| number(value));
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let centred = surface.centre.is_some();
        let scale = if centred || high - low < 1e-290 {
            ColorScale::fitting(&values)
        } else {
            ColorScale::Sequential { low, high }
        };
        let empty = surface.shares.iter().filter(|&&share| share == 0.0).count();
        let caption = if empty == 0 {
            String::new()
        } else {
            let n = surface.shares.len();
            format!(
                "{empty} of {n} points have no row near them: there it is the model's invention."
            )
        };
        Self {
            title: surface.method.clone(),
            rows: names(1).rev().collect(),
            columns: names(0).collect(),
            values,
            scale,
            annotate: Annotate::None,
            row_title: surface.features[1].clone(),
            column_title: surface.features[0].clone(),
            legend_label: prediction(centred),
            caption,
            ..Self::default()
        }
    }
}
