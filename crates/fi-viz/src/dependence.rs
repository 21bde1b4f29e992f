//! Dependence plots: a feature's contributions over its value, coloured by another feature.

use fi_core::{Attribution, quantile};
use ndarray::{ArrayView2, s};

use crate::bars::LARGEST;
use crate::color::{AXIS, BLUE, EMPTY};
use crate::error::{Result, require, require_output};
use crate::figure::Figure;
use crate::layout::{Canvas, MARGIN, SMALL_SIZE, left_of};
use crate::number::{Axis, number};
use crate::partner::interaction_partner;
use crate::value_colors::{Legend, ValueColors, dot};

const CHART: &str = "dependence plot";
const PLOT: (i32, i32) = (460, 300);
/// The strip under the plot that shows where the rows are.
const STRIP: i32 = 26;
/// With more rows a dot is a cell of the plot and not a row.
const MOST_DOTS: usize = 2000;
/// Width and height of a cell.
const CELL: i32 = 6;

/// A dot per row: a feature's contribution over its value, and how high another feature is there.
///
/// Of more than 2000 rows a dot is all that lie within 6 pixels, larger for more of them, coloured
/// by their mean. The strip below shows where the rows are.
///
/// # When it misleads
///
/// Dots that spread at one value show that other features change this one's contribution; the
/// colour shows one of them, which may stand in for another that goes with it.
///
/// # Example
///
/// ```
/// use fi_viz::Dependence;
///
/// let figure = Dependence {
///     title: "SHAP values".to_owned(),
///     x_label: "petal width (cm)".to_owned(),
///     y_label: "contribution to P(virginica)".to_owned(),
///     x: vec![0.2, 1.4, 2.1],
///     y: vec![-0.3, 0.1, 0.4],
///     color: Some(("sepal width (cm)".to_owned(), vec![3.5, f64::NAN, 3.0])),
///     ..Dependence::default()
/// }
/// .figure()?;
/// assert!(figure.svg()?.contains("petal width"));
/// # Ok::<(), fi_viz::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Dependence {
    /// The title; may be empty. Default empty.
    pub title: String,
    /// The feature, with its unit. Default empty.
    pub x_label: String,
    /// The contributions, with their unit. Default empty.
    pub y_label: String,
    /// The feature's value in each row; rows of NaN are left out and counted. Default empty.
    pub x: Vec<f64>,
    /// Its contribution to each row. Default empty.
    pub y: Vec<f64>,
    /// The name of the feature that colours, and its value in each row, NaN where it is missing.
    /// Default none: one colour.
    pub color: Option<(String, Vec<f64>)>,
    /// A note under the picture. Default empty.
    pub caption: String,
}

impl Dependence {
    /// One output's contributions of a feature over its value in `rows`, a column per player,
    /// coloured by `color`, or by the [`interaction_partner`] if that is `None` and there is one.
    ///
    /// # Errors
    ///
    /// [`Error::Data`](crate::Error::Data) if the result has no such output or feature, or rows of
    /// another shape were explained.
    pub fn of(
        attribution: &Attribution,
        output: usize,
        feature: usize,
        rows: ArrayView2<'_, f64>,
        color: Option<usize>,
    ) -> Result<Self> {
        let (n_rows, n_outputs, n_features) = attribution.values.dim();
        require_output(CHART, output, n_outputs)?;
        for feature in [Some(feature), color].into_iter().flatten() {
            require(feature < n_features, CHART, || {
                format!("there is no feature {feature}, the result has {n_features}, from 0")
            })?;
        }
        require(rows.dim() == (n_rows, n_features), CHART, || {
            format!(
                "the result has {n_rows} rows and {n_features} features, the data {} and {}: give \
                 the rows that were explained, a column per feature",
                rows.nrows(),
                rows.ncols()
            )
        })?;
        let contributions = attribution.values.slice(s![.., output, feature]);
        let names = &attribution.features;
        let partner = || interaction_partner(contributions, rows, feature);
        let (color, caption) = if color.is_some() {
            (color, String::new())
        } else if let Some((partner, share)) = partner() {
            let percent = number(100.0 * share);
            let caption = format!(
                "Colour: of all features {} explains most, {percent} %, of how contributions \
                 differ among rows alike in {}.",
                names[partner], names[feature]
            );
            (Some(partner), caption)
        } else {
            let caption = "No other feature explains 5 % of how contributions differ among rows \
                           alike in this one, so that all have one colour.";
            (None, caption.to_owned())
        };
        let of = if n_outputs > 1 { format!(", output {output}") } else { String::new() };
        Ok(Self {
            title: format!("{}{of}", attribution.method),
            x_label: names[feature].clone(),
            y_label: "contribution to the prediction".to_owned(),
            x: rows.column(feature).to_vec(),
            y: contributions.to_vec(),
            color: color.map(|color| (names[color].clone(), rows.column(color).to_vec())),
            caption,
        })
    }

    /// Lays the picture out.
    ///
    /// # Errors
    ///
    /// [`Error::Data`](crate::Error::Data) without a row that has the feature, for lists of
    /// different lengths, or what is not finite.
    pub fn figure(&self) -> Result<Figure> {
        self.check()?;
        let known: Vec<usize> = (0..self.x.len()).filter(|&row| !self.x[row].is_nan()).collect();
        let over = |values: &[f64], pixels: i32| {
            let (low, high) =
                known.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &row| {
                    (low.min(values[row]), high.max(values[row]))
                });
            let room = (high - low) * 0.03;
            Axis::new(low - room, high + room, pixels, SMALL_SIZE)
        };
        let (x_axis, y_axis) = (over(&self.x, PLOT.0), over(&self.y, PLOT.1));
        let colors = self.color.as_ref().map(|(name, values)| {
            (name, values, ValueColors::of(known.iter().map(|&row| values[row])))
        });
        let legend = colors.map(|(name, values, colors)| {
            let missing = known.iter().any(|&row| values[row].is_nan());
            Legend::of_numbers(name, colors, missing)
        });
        let left = left_of(&y_axis);
        let legend_width = legend.as_ref().map_or(0, Legend::width);
        let width = left + (PLOT.0 + 24).max(legend_width) + MARGIN;

        let mut canvas = Canvas::default();
        let top = canvas.title(&self.title, width) + 4;
        canvas.grid(&x_axis, (left, top), PLOT);
        canvas.y_axis(&y_axis, &self.y_label, (left, top), PLOT);
        if y_axis.low < 0.0 && y_axis.high > 0.0 {
            let zero = top + PLOT.1 - y_axis.position(0.0, PLOT.1).round() as i32;
            canvas.rectangle(left, zero, PLOT.0, 1, AXIS);
        }
        let place = |row: usize| {
            let along = x_axis.position(self.x[row], PLOT.0).round() as i32;
            (along, PLOT.1 - y_axis.position(self.y[row], PLOT.1).round() as i32)
        };
        let shade = |row: usize| colors.map(|(_, values, colors)| colors.place(values[row]));
        let draw = |canvas: &mut Canvas, (x, y): (i32, i32), radius, shade: Option<f64>| {
            let centre = (left + x, top + y);
            match shade {
                Some(shade) => dot(canvas, centre, radius, shade),
                None => canvas.circle(centre.0, centre.1, radius, BLUE, true),
            }
        };
        let mut most = 1;
        if known.len() <= MOST_DOTS {
            for &row in &known {
                draw(&mut canvas, place(row), 2, shade(row));
            }
        } else {
            let cells = cells(known.iter().map(|&row| (place(row), shade(row))));
            most = cells.iter().map(|cell| cell.n_rows).max().unwrap_or(1);
            // A few crowded cells must not make all others small.
            let mut counts: Vec<f64> = cells.iter().map(|cell| cell.n_rows as f64).collect();
            counts.sort_unstable_by(f64::total_cmp);
            let large = quantile(&counts, 0.95).unwrap_or(1.0);
            for cell in cells {
                let radius = 1.0 + 2.0 * (cell.n_rows as f64 / large).sqrt().min(1.0);
                draw(&mut canvas, cell.centre(), radius.round() as i32, cell.shade());
            }
        }
        let columns = known.iter().map(|&row| place(row).0);
        let y = strip(&mut canvas, columns, (left, top + PLOT.1 + 4));
        let mut y = canvas.axis(&x_axis, &self.x_label, left, y, PLOT.0);
        if let Some(legend) = &legend {
            y = legend.draw(&mut canvas, (left, y + 8));
        }
        let caption = self.whole_caption(known.len(), most);
        canvas.description = format!("{} over {}. {caption}", self.y_label, self.x_label);
        let y = canvas.caption(&caption, y + 4, width);
        canvas.finish(&self.title, width, y)
    }

    fn check(&self) -> Result<()> {
        let n = self.x.len();
        require(self.y.len() == n, CHART, || {
            format!("it has {n} values and {} contributions, give one per value", self.y.len())
        })?;
        require(self.x.iter().any(|x| !x.is_nan()), CHART, || {
            format!("none of its {n} rows has a value of the feature, give at least one")
        })?;
        let bad = |values: &[f64], is_bad: fn(f64) -> bool| {
            values.iter().position(|&v| is_bad(v)).map(|row| (row, values[row]))
        };
        if let Some((row, value)) = bad(&self.y, |v| v.is_nan() || v.abs() > LARGEST) {
            require(false, CHART, || {
                format!("the contribution to row {row} is `{value}`, give finite numbers")
            })?;
        }
        let infinite = |v: f64| v.abs() > LARGEST;
        if let Some((row, value)) = bad(&self.x, infinite) {
            require(false, CHART, || {
                format!("the value in row {row} is `{value}`, give a finite number or NaN")
            })?;
        }
        let Some((name, values)) = &self.color else { return Ok(()) };
        require(values.len() == n, CHART, || {
            format!("`{name}` has {} values for {n} rows, give one each", values.len())
        })?;
        if let Some((row, value)) = bad(values, infinite) {
            require(false, CHART, || {
                format!("`{name}` is `{value}` in row {row}, give a finite number or NaN")
            })?;
        }
        Ok(())
    }

    fn whole_caption(&self, n_known: usize, most: usize) -> String {
        let mut notes = vec![self.caption.clone()];
        if n_known > MOST_DOTS {
            notes.push(format!(
                "A dot is all of {n_known} rows that lie within {CELL} pixels, up to {most}, \
                 larger for more."
            ));
        }
        notes.push("Below: where the rows are.".to_owned());
        let missing = self.x.len() - n_known;
        if missing > 0 {
            notes.push(format!("Rows that miss the feature and are left out: {missing}."));
        }
        notes.join(" ").trim().to_owned()
    }
}

/// Rows that lie within some pixels.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    n_rows: usize,
    along: i64,
    down: i64,
    shades: f64,
    n_shades: usize,
    is_shaded: bool,
}

impl Cell {
    fn centre(&self) -> (i32, i32) {
        let mean = |sum: i64| (sum as f64 / self.n_rows as f64).round() as i32;
        (mean(self.along), mean(self.down))
    }

    fn shade(&self) -> Option<f64> {
        self.is_shaded.then_some(self.shades / self.n_shades as f64)
    }
}

/// The cells that hold a row, line by line.
fn cells(rows: impl Iterator<Item = ((i32, i32), Option<f64>)>) -> Vec<Cell> {
    let (n_columns, n_lines) = (PLOT.0 / CELL + 1, PLOT.1 / CELL + 1);
    let mut cells = vec![Cell::default(); (n_columns * n_lines) as usize];
    for ((along, down), shade) in rows {
        let (column, line) = (along / CELL, down / CELL);
        let at = line.clamp(0, n_lines - 1) * n_columns + column.clamp(0, n_columns - 1);
        let cell = &mut cells[at as usize];
        cell.n_rows += 1;
        cell.along += i64::from(along);
        cell.down += i64::from(down);
        if let Some(shade) = shade {
            cell.is_shaded = true;
            if !shade.is_nan() {
                cell.shades += shade;
                cell.n_shades += 1;
            }
        }
    }
    cells.retain(|cell| cell.n_rows > 0);
    cells
}

/// Bars that show where the rows are; returns the strip's lower end.
fn strip(canvas: &mut Canvas, columns: impl Iterator<Item = i32>, (x, y): (i32, i32)) -> i32 {
    let mut counts = vec![0_usize; (PLOT.0 / CELL) as usize + 1];
    for along in columns {
        counts[(along / CELL).clamp(0, PLOT.0 / CELL) as usize] += 1;
    }
    let most = counts.iter().copied().max().unwrap_or(1).max(1) as f64;
    canvas.rectangle(x, y + STRIP, PLOT.0, 1, EMPTY);
    for (i, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let bar = ((count as f64 / most * f64::from(STRIP)).round() as i32).max(1);
        let from = i as i32 * CELL;
        let to = (from + CELL).min(PLOT.0);
        canvas.rectangle(x + from, y + STRIP - bar, to - from, bar, AXIS);
    }
    y + STRIP + 2
}
