//! Horizontal bars, with intervals as whiskers.

use fi_core::{Estimand, Importance};

use crate::color::{AXIS, INK, ORANGE, SKY, SOFT_INK};
use crate::error::{Result, require};
use crate::figure::{Anchor, Figure};
use crate::font;
use crate::layout::{Canvas, MARGIN, NAME_SIZE, Name, SMALL_SIZE, widest};
use crate::number::{Axis, number};

const CHART: &str = "bar chart";
const PLOT_WIDTH: i32 = 440;
/// Larger numbers would overflow when ranges are taken.
pub(crate) const LARGEST: f64 = 1e300;

/// Horizontal bars, one per name, with an interval each where there is one.
///
/// # When it misleads
///
/// Bars of different methods have different units: one chart shows one method. An interval says
/// nothing without what it is an interval for; write that into `caption`.
///
/// # Example
///
/// ```
/// use fi_viz::BarChart;
///
/// let figure = BarChart {
///     title: "Permutation importance".to_owned(),
///     names: vec!["petal width".to_owned(), "sepal width".to_owned()],
///     values: vec![0.41, -0.01],
///     intervals: Some(vec![(0.35, 0.47), (-0.03, 0.01)]),
///     x_label: "increase in log loss".to_owned(),
///     caption: "Whiskers: 95 % intervals over test rows.".to_owned(),
///     ..BarChart::default()
/// }
/// .figure()?;
/// assert!(figure.svg()?.contains("petal width"));
/// assert!(figure.overlaps().is_empty());
/// # Ok::<(), fi_viz::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct BarChart {
    /// The title; may be empty. Default empty.
    pub title: String,
    /// What each bar is for. Default empty.
    pub names: Vec<String>,
    /// The length of each bar; NaN for none. Default empty.
    pub values: Vec<f64>,
    /// Lower and upper end of each whisker; NaN for none. Default none.
    pub intervals: Option<Vec<(f64, f64)>>,
    /// What the values are, with their unit. Default empty.
    pub x_label: String,
    /// A note under the chart: what the whiskers are. Default empty.
    pub caption: String,
    /// The order of the bars from the top. Default as given.
    pub order: Order,
    /// Only so many bars from the top are drawn, and the caption says how many are not; at
    /// least 1. Default 60.
    pub max_bars: usize,
}

/// The order of rows from the top.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// As given.
    #[default]
    Given,
    /// From the largest value to the smallest, ties as given, NaN last.
    Descending,
}

impl Default for BarChart {
    fn default() -> Self {
        Self {
            title: String::new(),
            names: Vec::new(),
            values: Vec::new(),
            intervals: None,
            x_label: String::new(),
            caption: String::new(),
            order: Order::Given,
            max_bars: 60,
        }
    }
}

impl BarChart {
    /// A chart of a result: sorted, with its interval and what that is an interval for.
    pub fn of(importance: &Importance) -> Self {
        let intervals = importance.interval.as_ref().map(|interval| {
            interval.low.iter().copied().zip(interval.high.iter().copied()).collect()
        });
        let caption = importance.interval.as_ref().map_or_else(String::new, |interval| {
            format!("Whiskers: {}.", intervals_for(interval.confidence, interval.estimand))
        });
        let x_label = importance
            .metric
            .as_ref()
            .map_or_else(|| "importance".to_owned(), |metric| format!("importance ({metric})"));
        Self {
            title: importance.method.clone(),
            names: importance.features.clone(),
            values: importance.values.clone(),
            intervals,
            x_label,
            caption,
            order: Order::Descending,
            ..Self::default()
        }
    }

    /// Lays the chart out.
    ///
    /// # Errors
    ///
    /// [`Error::Data`](crate::Error::Data) without bars, for lists of different lengths, for an
    /// infinite value, or for an interval whose ends are the wrong way round.
    pub fn figure(&self) -> Result<Figure> {
        self.check()?;
        let rows = self.rows();
        let left_out = self.names.len() - rows.len();
        let names: Vec<Name> = rows.iter().map(|&i| Name::new(&self.names[i])).collect();
        let numbers: Vec<String> = rows.iter().map(|&i| number(self.values[i])).collect();
        let pitch = if rows.len() <= 30 { 24 } else { 18 };

        let name_width = widest(&names, NAME_SIZE);
        let number_width =
            numbers.iter().map(|text| font::width(text, SMALL_SIZE)).max().unwrap_or(0);
        let x = MARGIN + name_width + 8;
        let width = x + PLOT_WIDTH + 12 + number_width + MARGIN;

        let mut canvas = Canvas::default();
        let y = canvas.title(&self.title, width);
        let height = rows.len() as i32 * pitch + 8;
        let axis = self.axis(&rows);
        canvas.grid(&axis, (x, y), (PLOT_WIDTH, height));
        let pixel = |value: f64| x + axis.position(value, PLOT_WIDTH).round() as i32;
        let zero = pixel(0.0);
        for (row, &i) in rows.iter().enumerate() {
            let middle = y + 4 + row as i32 * pitch + pitch / 2;
            let (thick, value) = (pitch * 2 / 3 / 2 * 2, self.values[i]);
            if !value.is_nan() {
                let (end, color) = (pixel(value), if value < 0.0 { ORANGE } else { SKY });
                let start = zero.min(end);
                canvas.rectangle(start, middle - thick / 2, (end - zero).abs(), thick, color);
            }
            if let Some((low, high)) = self.intervals.as_ref().map(|all| all[i])
                && !low.is_nan()
                && !high.is_nan()
            {
                let (low, high, cap) = (pixel(low), pixel(high), thick / 2);
                canvas.rectangle(low, middle, high - low + 1, 1, INK);
                canvas.rectangle(low, middle - cap / 2, 1, cap + 1, INK);
                canvas.rectangle(high, middle - cap / 2, 1, cap + 1, INK);
            }
            canvas.name(&names[row], (x - 8, middle), NAME_SIZE, Anchor::End, INK);
            let number = Name { text: numbers[row].clone(), full: None };
            let end = x + PLOT_WIDTH + 12 + number_width;
            canvas.name(&number, (end, middle), SMALL_SIZE, Anchor::End, SOFT_INK);
        }
        canvas.rectangle(zero, y, 1, height, AXIS);
        let y = canvas.axis(&axis, &self.x_label, x, y + height, PLOT_WIDTH);
        let y = canvas.caption(&self.whole_caption(left_out), y + 4, width);
        canvas.finish(&self.title, width, y)
    }

    fn check(&self) -> Result<()> {
        let n = self.names.len();
        require(n > 0, CHART, || "there are no bars, give at least one".to_owned())?;
        require(self.values.len() == n, CHART, || {
            format!("it has {n} names and {} values, give one value per name", self.values.len())
        })?;
        require(self.max_bars >= 1, CHART, || "`max_bars` is `0`, it must be at least 1".into())?;
        for (name, &value) in self.names.iter().zip(&self.values) {
            require(value.is_nan() || value.abs() <= LARGEST, CHART, || {
                format!("`{name}` is `{value}`, give a finite number or NaN for none")
            })?;
        }
        let Some(intervals) = &self.intervals else { return Ok(()) };
        require(intervals.len() == n, CHART, || {
            format!(
                "it has {n} names and {} intervals, give one interval per name",
                intervals.len()
            )
        })?;
        for (name, &(low, high)) in self.names.iter().zip(intervals) {
            let none = low.is_nan() || high.is_nan();
            require(none || low.abs().max(high.abs()) <= LARGEST, CHART, || {
                format!("the interval of `{name}` is `{low}` to `{high}`, give finite ends")
            })?;
            require(none || low <= high, CHART, || {
                format!("the interval of `{name}` is `{low}` to `{high}`, give the lower end first")
            })?;
        }
        Ok(())
    }

    /// The bars to draw, from the top.
    fn rows(&self) -> Vec<usize> {
        let mut rows: Vec<usize> = (0..self.names.len()).collect();
        if self.order == Order::Descending {
            let key = |i: usize| {
                let value = self.values[i];
                // −0 and 0 tie; NaN comes last.
                if value.is_nan() { f64::NEG_INFINITY } else { value + 0.0 }
            };
            rows.sort_by(|&a, &b| key(b).total_cmp(&key(a)));
        }
        rows.truncate(self.max_bars);
        rows
    }

    /// From the smallest to the largest end drawn, 0 included, with a little room.
    fn axis(&self, rows: &[usize]) -> Axis {
        let (mut low, mut high) = (0.0_f64, 0.0_f64);
        for &i in rows {
            let (from, to) = self.intervals.as_ref().map_or((f64::NAN, f64::NAN), |all| all[i]);
            // `min` and `max` pass over NaN.
            low = low.min(self.values[i]).min(from);
            high = high.max(self.values[i]).max(to);
        }
        let room = (high - low) * 0.03;
        let low = if low < 0.0 { low - room } else { low };
        let high = if high > 0.0 { high + room } else { high };
        if low == high {
            Axis::new(0.0, 1.0, PLOT_WIDTH, SMALL_SIZE)
        } else {
            Axis::new(low, high, PLOT_WIDTH, SMALL_SIZE)
        }
    }

    fn whole_caption(&self, left_out: usize) -> String {
        if left_out == 0 {
            return self.caption.clone();
        }
        let shown = self.names.len() - left_out;
        format!("{} {shown} of {} are shown.", self.caption, self.names.len()).trim().to_owned()
    }
}
/// What intervals are for, in words.
pub(crate) fn intervals_for(confidence: f64, estimand: Estimand) -> String {
    let percent = number(confidence * 100.0);
    let percent = percent.trim_end_matches('0').trim_end_matches('.');
    let what = match estimand {
        Estimand::ModelOnPopulation => "this model on the population (test rows vary)",
        Estimand::FittedModelsOnPopulation => {
            "these fitted models on the population (test rows vary)"
        }
        Estimand::LearnerOverTrainingSets => {
            "this learner over training sets of this size (refits vary)"
        }
    };
    format!("{percent} % intervals for {what}")
}
