//! Beeswarms: each feature's contributions to all rows, coloured by the feature's value.

use fi_core::Attribution;
use ndarray::{Array2, ArrayView2, Axis as Side, s};

use crate::bars::LARGEST;
use crate::color::{AXIS, BLUE, INK, SOFT_INK};
use crate::error::{Result, require, require_output};
use crate::figure::{Anchor, Figure};
use crate::font;
use crate::layout::{Canvas, MARGIN, NAME_SIZE, Name, SMALL_SIZE, widest};
use crate::number::{Axis, number};
use crate::value_colors::{Legend, ValueColors, dot};

const CHART: &str = "beeswarm";
const PLOT_WIDTH: i32 = 440;
/// Width and height that a dot takes.
const DOT: i32 = 5;
/// The most dots of a column; they overlap by up to a half.
const HIGHEST: usize = 16;
/// How high such a column is.
const TALLEST: i32 = 42;

/// A swarm of dots per feature: where its contributions to the rows' predictions lie, and whether
/// high or low values of it push up or down.
///
/// Dots of a column of 5 pixels stand on top of each other, sorted by the feature's value. Where a
/// column would hold more than 16, all dots of the feature stand for that many more rows: as many
/// as the caption says at most, coloured by their mean. A row far out keeps its dot, and the
/// picture of a million rows stays small.
///
/// # When it misleads
///
/// The height of a swarm says how its rows scatter, and cannot be compared between features.
/// Features are sorted by mean size: one that matters to few rows stands low and reaches far.
///
/// # Example
///
/// ```
/// use fi_viz::Beeswarm;
/// use ndarray::array;
///
/// let figure = Beeswarm {
///     title: "SHAP values".to_owned(),
///     features: vec!["petal width".to_owned(), "sepal width".to_owned()],
///     values: array![[0.4, -0.01], [-0.3, 0.0], [0.1, 0.02]],
///     feature_values: Some(array![[2.1, 3.0], [0.2, 3.5], [1.4, f64::NAN]]),
///     x_label: "contribution to P(virginica)".to_owned(),
///     ..Beeswarm::default()
/// }
/// .figure()?;
/// assert!(figure.svg()?.contains("petal width"));
/// # Ok::<(), fi_viz::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Beeswarm {
    /// The title; may be empty. Default empty.
    pub title: String,
    /// The features' names. Default empty.
    pub features: Vec<String>,
    /// `(n_rows, n_features)`: what each feature adds to each row's prediction. Default empty.
    pub values: Array2<f64>,
    /// The features' own values, of the same shape, as colours; NaN for missing ones. Default
    /// none: one colour.
    pub feature_values: Option<Array2<f64>>,
    /// What the contributions are, with their unit. Default empty.
    pub x_label: String,
    /// A note under the picture. Default empty.
    pub caption: String,
    /// Only so many features of largest mean size are drawn, and the caption says what the others
    /// have of the sum; at least 1. Default 20.
    pub max_features: usize,
}

impl Default for Beeswarm {
    fn default() -> Self {
        Self {
            title: String::new(),
            features: Vec::new(),
            values: Array2::zeros((0, 0)),
            feature_values: None,
            x_label: String::new(),
            caption: String::new(),
            max_features: 20,
        }
    }
}

/// Where a feature's dots are.
struct Swarm {
    /// Pixels to the right and down from the middle of its left end, and place on the colour scale.
    dots: Vec<(i32, i32, f64)>,
    /// Pixels of its highest column.
    height: i32,
    /// The most rows that a dot stands for.
    rows_per_dot: usize,
}

impl Beeswarm {
    /// A swarm of one output of a result, coloured by the rows that were explained: a column per
    /// player.
    ///
    /// # Errors
    ///
    /// [`Error::Data`](crate::Error::Data) if the result has no such output.
    pub fn of(
        attribution: &Attribution,
        output: usize,
        rows: Option<ArrayView2<'_, f64>>,
    ) -> Result<Self> {
        let n_outputs = attribution.values.len_of(Side(1));
        require_output(CHART, output, n_outputs)?;
        let of = if n_outputs > 1 { format!(" of output {output}") } else { String::new() };
        Ok(Self {
            title: attribution.method.clone(),
            features: attribution.features.clone(),
            values: attribution.values.slice(s![.., output, ..]).to_owned(),
            feature_values: rows.map(|rows| rows.to_owned()),
            x_label: format!("contribution to the prediction{of}"),
            ..Self::default()
        })
    }

    /// Lays the picture out.
    ///
    /// # Errors
    ///
    /// [`Error::Data`](crate::Error::Data) without rows or features, for shapes that differ, or
    /// what is not finite.
    pub fn figure(&self) -> Result<Figure> {
        self.check()?;
        let n_rows = self.values.nrows() as f64;
        let sizes: Vec<f64> =
            self.values.columns().into_iter().map(|v| v.mapv(f64::abs).sum() / n_rows).collect();
        let mut order: Vec<usize> = (0..sizes.len()).collect();
        order.sort_by(|&a, &b| sizes[b].total_cmp(&sizes[a]));
        let rest: f64 = order.iter().skip(self.max_features).map(|&i| sizes[i]).sum();
        let share = rest / sizes.iter().sum::<f64>();
        order.truncate(self.max_features);

        let axis = self.axis(&order);
        let swarms: Vec<Swarm> = order.iter().map(|&i| self.swarm(i, &axis)).collect();
        let highest = swarms.iter().map(|swarm| swarm.height).max().unwrap_or(0);
        let pitch = (highest + 6).max(24);
        let names: Vec<Name> = order.iter().map(|&i| Name::new(&self.features[i])).collect();
        let numbers: Vec<String> = order.iter().map(|&i| number(sizes[i])).collect();
        let number_width =
            numbers.iter().map(|text| font::width(text, SMALL_SIZE)).max().unwrap_or(0);
        let missing = self.feature_values.iter().any(|values| {
            order.iter().any(|&i| values.column(i).iter().any(|value| value.is_nan()))
        });
        let legend = Legend {
            label: "the feature's value",
            ends: ("low".to_owned(), "high".to_owned()),
            missing,
        };
        let legend_width = if self.feature_values.is_some() { legend.width() } else { 0 };
        let x = MARGIN + widest(&names, NAME_SIZE) + 8;
        let width = x + (PLOT_WIDTH + 12 + number_width).max(legend_width) + MARGIN;

        let mut canvas = Canvas::default();
        let y = canvas.title(&self.title, width);
        let height = pitch * order.len() as i32 + 8;
        canvas.grid(&axis, (x, y), (PLOT_WIDTH, height));
        let zero = x + axis.position(0.0, PLOT_WIDTH).round() as i32;
        canvas.rectangle(zero, y, 1, height, AXIS);
        for (row, swarm) in swarms.iter().enumerate() {
            let middle = y + 4 + row as i32 * pitch + pitch / 2;
            canvas.name(&names[row], (x - 8, middle), NAME_SIZE, Anchor::End, INK);
            for &(along, down, place) in &swarm.dots {
                let centre = (x + along, middle + down);
                if self.feature_values.is_some() {
                    dot(&mut canvas, centre, DOT / 2, place);
                } else {
                    canvas.circle(centre.0, centre.1, DOT / 2, BLUE, true);
                }
            }
            let number = Name { text: numbers[row].clone(), full: None };
            let end = x + PLOT_WIDTH + 12 + number_width;
            canvas.name(&number, (end, middle), SMALL_SIZE, Anchor::End, SOFT_INK);
        }
        let mut y = canvas.axis(&axis, &self.x_label, x, y + height, PLOT_WIDTH);
        if self.feature_values.is_some() {
            y = legend.draw(&mut canvas, (x, y + 8));
        }
        let caption = self.whole_caption(&swarms, share);
        let first: Vec<String> =
            (0..order.len().min(5)).map(|i| format!("{} {}", names[i].text, numbers[i])).collect();
        canvas.description = format!(
            "Contributions of {} features to {} rows; largest mean sizes: {}. {caption}",
            self.features.len(),
            self.values.nrows(),
            first.join(", "),
        );
        let y = canvas.caption(&caption, y + 4, width);
        canvas.finish(&self.title, width, y)
    }

    fn check(&self) -> Result<()> {
        let (n_rows, n_columns) = self.values.dim();
        let n = self.features.len();
        require(n_rows > 0 && n > 0, CHART, || {
            format!("there are {n_rows} rows and {n} features, give at least one of each")
        })?;
        require(n_columns == n, CHART, || {
            format!("it has {n} names and {n_columns} columns of contributions, give one per name")
        })?;
        require(self.max_features >= 1, CHART, || {
            "`max_features` is `0`, it must be at least 1".to_owned()
        })?;
        let place = |(i, j): (usize, usize)| format!("row {i} of `{}`", self.features[j]);
        let bad = self.values.indexed_iter().find(|(_, v)| !v.is_finite() || v.abs() > LARGEST);
        if let Some((at, value)) = bad {
            require(false, CHART, || {
                format!("the contribution to {} is `{value}`, give finite numbers", place(at))
            })?;
        }
        let Some(values) = &self.feature_values else { return Ok(()) };
        require(values.dim() == self.values.dim(), CHART, || {
            format!(
                "its contributions have shape {:?} and its features' values {:?}, give one value \
                 per contribution",
                self.values.shape(),
                values.shape()
            )
        })?;
        let bad = values.indexed_iter().find(|(_, v)| v.abs() > LARGEST);
        if let Some((at, value)) = bad {
            require(false, CHART, || {
                format!("the value in {} is `{value}`, give a finite number or NaN", place(at))
            })?;
        }
        Ok(())
    }

    /// Over the features drawn, 0 included, with a little room.
    fn axis(&self, order: &[usize]) -> Axis {
        let all = order.iter().flat_map(|&i| self.values.column(i).into_iter().copied());
        let (low, high) = all.fold((0.0_f64, 0.0_f64), |(low, high), v| (low.min(v), high.max(v)));
        let room = (high - low) * 0.03;
        Axis::new(low - room, high + room, PLOT_WIDTH, SMALL_SIZE)
    }

    fn swarm(&self, feature: usize, axis: &Axis) -> Swarm {
        let own = self.feature_values.as_ref().map(|values| values.column(feature));
        let colors = own.map(|values| ValueColors::of(values.iter().copied()));
        let mut columns = vec![Vec::new(); (PLOT_WIDTH / DOT) as usize + 1];
        for (row, &value) in self.values.column(feature).iter().enumerate() {
            let pixel = axis.position(value, PLOT_WIDTH).round() as i32;
            let place = match (own, colors) {
                (Some(values), Some(colors)) => colors.place(values[row]),
                _ => 0.0,
            };
            columns[(pixel / DOT).clamp(0, PLOT_WIDTH / DOT) as usize].push((place, pixel));
        }
        let fullest = columns.iter().map(Vec::len).max().unwrap_or(0);
        let rows_per_dot = fullest.div_ceil(HIGHEST).max(1);
        let highest = fullest.div_ceil(rows_per_dot) as i32;
        let height = (highest * DOT).min(TALLEST);
        let step = f64::from(height - DOT) / f64::from((highest - 1).max(1));
        let mut dots = Vec::new();
        for mut column in columns {
            // Low values below, missing ones on top.
            column.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            let n = column.len().div_ceil(rows_per_dot);
            for i in 0..n {
                let rows = &column[i * column.len() / n..(i + 1) * column.len() / n];
                let along = rows.iter().map(|row| i64::from(row.1)).sum::<i64>();
                let along = along as f64 / rows.len() as f64;
                let known = rows.iter().filter(|row| !row.0.is_nan());
                let place = known.clone().map(|row| row.0).sum::<f64>() / known.count() as f64;
                let down = step * ((n - 1) as f64 / 2.0 - i as f64);
                dots.push((along.round() as i32, down.round() as i32, place));
            }
        }
        Swarm { dots, height, rows_per_dot }
    }

    fn whole_caption(&self, swarms: &[Swarm], share: f64) -> String {
        let mut notes = vec![self.caption.clone()];
        let (n, n_rows) = (self.features.len(), self.values.nrows());
        let most = swarms.iter().map(|swarm| swarm.rows_per_dot).max().unwrap_or(1);
        let least = swarms.iter().map(|swarm| swarm.rows_per_dot).min().unwrap_or(1);
        notes.push(if most == 1 {
            format!("A dot is one of {n_rows} rows.")
        } else if least == most {
            format!("A dot is up to {most} of {n_rows} rows.")
        } else {
            format!("A dot is up to N of {n_rows} rows; N is {least} to {most}, by feature.")
        });
        if self.feature_values.is_some() {
            notes.push("Colours: 5th to 95th percentile of each feature.".to_owned());
        }
        notes.push("On the right: mean size.".to_owned());
        if swarms.len() < n {
            let shown = swarms.len();
            let percent = number(100.0 * share);
            notes.push(format!(
                "{shown} of {n} features are shown; the others have {percent} % of the sum of \
                 mean sizes."
            ));
        }
        notes.join(" ").trim().to_owned()
    }
}
