//! Selection paths: the score of a model against how many features it has.

use fi_core::Direction;
use fi_core::selection::{PathRow, Selection};

use crate::bars::LARGEST;
use crate::color::{BLUE, SOFT_INK, VERMILLION};
use crate::error::{Result, require};
use crate::figure::{Anchor, Figure};
use crate::font;
use crate::layout::{Canvas, MARGIN, Name, SMALL_SIZE, left_of};
use crate::number::{Axis, number};

const CHART: &str = "selection path";
const PLOT: (i32, i32) = (460, 280);
/// More points are drawn as a line alone.
const MOST_POINTS: usize = 80;

/// The score of each number of features, with its interval, and which number was chosen.
///
/// With standard errors a dashed line lies one of them below the best score: the
/// one-standard-error rule takes the fewest features that reach it.
///
/// # When it misleads
///
/// The best of many scores on the same rows is too good. Intervals are each by itself: they say
/// how sure a score is, and not which of two numbers is better.
///
/// # Example
///
/// ```
/// use fi_core::Direction;
/// use fi_viz::SelectionPath;
///
/// let figure = SelectionPath {
///     title: "RFE with cross-validation".to_owned(),
///     y_label: "accuracy".to_owned(),
///     n_features: vec![1, 2, 4],
///     scores: vec![0.7, 0.94, 0.95],
///     standard_errors: Some(vec![0.03, 0.02, 0.02]),
///     chosen: Some(2),
///     direction: Some(Direction::Higher),
///     ..SelectionPath::default()
/// }
/// .figure()?;
/// assert!(figure.svg()?.contains("chosen: 2"));
/// # Ok::<(), fi_viz::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SelectionPath {
    /// The title; may be empty. Default empty.
    pub title: String,
    /// The score, with its unit. Default empty.
    pub y_label: String,
    /// The numbers of features that were tried, in any order, each once. Default empty.
    pub n_features: Vec<usize>,
    /// The score of each; NaN for none. Default empty.
    pub scores: Vec<f64>,
    /// The ends of an interval at each; NaN for none. Default none.
    pub intervals: Option<Vec<(f64, f64)>>,
    /// The standard error of each score; NaN for none. Default none: no line of the rule.
    pub standard_errors: Option<Vec<f64>>,
    /// The number that was chosen. Default none.
    pub chosen: Option<usize>,
    /// Which scores are better. Default none: no line of the rule.
    pub direction: Option<Direction>,
    /// A note under the chart: what the band is. Default empty.
    pub caption: String,
}

impl SelectionPath {
    /// The path of a selection; of most selectors only [`RfeCv`](fi_core::selection::RfeCv) has
    /// scores on it. `direction` is that of its metric.
    pub fn of(selection: &Selection, direction: Option<Direction>) -> Self {
        let of_rows = Self::of_rows(&selection.path, direction);
        Self {
            title: selection.method.clone(),
            y_label: selection.metric.clone().unwrap_or(of_rows.y_label),
            caption: if of_rows.intervals.is_some() {
                "Band: intervals corrected for folds that share rows, each point by itself."
                    .to_owned()
            } else {
                String::new()
            },
            ..of_rows
        }
    }

    /// A path without its selection, such as one that was read from a file.
    pub fn of_rows(path: &[PathRow], direction: Option<Direction>) -> Self {
        let nan = |value: Option<f64>| value.unwrap_or(f64::NAN);
        let has = |get: fn(&PathRow) -> Option<f64>| path.iter().any(|row| get(row).is_some());
        let band = has(|row| row.ci_low);
        Self {
            y_label: "score".to_owned(),
            n_features: path.iter().map(|row| row.n_features).collect(),
            scores: path.iter().map(|row| nan(row.score)).collect(),
            intervals: band
                .then(|| path.iter().map(|row| (nan(row.ci_low), nan(row.ci_high))).collect()),
            standard_errors: has(|row| row.standard_error)
                .then(|| path.iter().map(|row| nan(row.standard_error)).collect()),
            chosen: path.iter().find(|row| row.chosen).map(|row| row.n_features),
            direction,
            caption: if band {
                "Band: the intervals of the path, each point by itself."
            } else {
                ""
            }
            .to_owned(),
            ..Self::default()
        }
    }

    /// Lays the chart out.
    ///
    /// # Errors
    ///
    /// [`Error::Data`](crate::Error::Data) without a score, for lists of different lengths, a
    /// number of features that is double, what is not finite, or a chosen number that is not on
    /// the path.
    pub fn figure(&self) -> Result<Figure> {
        self.check()?;
        let mut points: Vec<usize> =
            (0..self.scores.len()).filter(|&i| !self.scores[i].is_nan()).collect();
        points.sort_by_key(|&i| self.n_features[i]);
        let bar = self.bar(&points);
        let ends = [self.n_features.iter().min(), self.n_features.iter().max()];
        let [low, high] = ends.map(|end| end.map_or(0.0, |&n| n as f64));
        let x_axis = Axis::whole(low, high, PLOT.0, SMALL_SIZE);
        let y_axis = self.y_axis(&points, bar.map(|bar| bar.1));
        let left = left_of(&y_axis);
        let lower = self.direction == Some(Direction::Lower);
        let rule = Name::new(if lower { "best + 1 SE" } else { "best − 1 SE" });
        let rule_width = if bar.is_some() { font::width(&rule.text, SMALL_SIZE) } else { 0 };
        let width = left + PLOT.0 + 14 + rule_width.max(30) + MARGIN;

        let mut canvas = Canvas::default();
        // Above the plot there is room for the name of what was chosen.
        let top = canvas.title(&self.title, width) + 20;
        canvas.grid(&x_axis, (left, top), PLOT);
        canvas.y_axis(&y_axis, &self.y_label, (left, top), PLOT);
        let column =
            |i: usize| left + x_axis.position(self.n_features[i] as f64, PLOT.0).round() as i32;
        let row = |value: f64| top + PLOT.1 - y_axis.position(value, PLOT.1).round() as i32;
        self.band(&mut canvas, &points, column, row);
        if let Some((_, bar)) = bar {
            let mut dash = left;
            while dash < left + PLOT.0 {
                canvas.rectangle(dash, row(bar), 6.min(left + PLOT.0 - dash), 1, SOFT_INK);
                dash += 10;
            }
            let end = (left + PLOT.0 + 8, row(bar));
            canvas.name(&rule, end, SMALL_SIZE, Anchor::Start, SOFT_INK);
        }
        for pair in points.windows(2) {
            let at = |i: usize| (column(i), row(self.scores[i]));
            canvas.line(at(pair[0]), at(pair[1]), BLUE);
        }
        if points.len() <= MOST_POINTS {
            for &i in &points {
                canvas.circle(column(i), row(self.scores[i]), 3, BLUE, true);
            }
        }
        if let Some(chosen) = self.chosen {
            let text = format!("chosen: {chosen}");
            // The number may have no score.
            let at = left + x_axis.position(chosen as f64, PLOT.0).round() as i32;
            canvas.rectangle(at, top - 4, 1, PLOT.1 + 4, VERMILLION);
            let half = font::width(&text, SMALL_SIZE) / 2;
            let middle = at.clamp(MARGIN + half + 1, width - MARGIN - half - 1);
            let name = Name::new(&text);
            canvas.name(&name, (middle, top - 11), SMALL_SIZE, Anchor::Middle, VERMILLION);
            if let Some(&i) = points.iter().find(|&&i| self.n_features[i] == chosen) {
                canvas.circle(at, row(self.scores[i]), 6, VERMILLION, true);
            }
        }
        let y = canvas.axis(&x_axis, "number of features", left, top + PLOT.1, PLOT.0);
        let caption = self.whole_caption(bar);
        let chosen = self.chosen.map_or_else(String::new, |n| format!(" {n} chosen."));
        let ends = [points[0], points[points.len() - 1]]
            .map(|i| format!("{} at {}", number(self.scores[i]), self.n_features[i]));
        canvas.description = format!(
            "{} against the number of features, from {} to {}.{chosen} {caption}",
            if self.y_label.is_empty() { "score" } else { &self.y_label },
            ends[0],
            ends[1],
        );
        let y = canvas.caption(&caption, y + 4, width);
        canvas.finish(&self.title, width, y)
    }

    /// The best point and what the one-standard-error rule asks for.
    fn bar(&self, points: &[usize]) -> Option<(usize, f64)> {
        let errors = self.standard_errors.as_ref()?;
        let sign = match self.direction? {
            Direction::Higher => 1.0,
            Direction::Lower => -1.0,
        };
        // Ties go to fewer features.
        let mut best = *points.first()?;
        for &i in points {
            if sign * self.scores[i] > sign * self.scores[best] {
                best = i;
            }
        }
        (!errors[best].is_nan()).then(|| (best, self.scores[best] - sign * errors[best]))
    }

    fn band(
        &self,
        canvas: &mut Canvas,
        points: &[usize],
        column: impl Fn(usize) -> i32,
        row: impl Fn(f64) -> i32,
    ) {
        let Some(intervals) = &self.intervals else { return };
        let known: Vec<usize> = points
            .iter()
            .copied()
            .filter(|&i| !intervals[i].0.is_nan() && !intervals[i].1.is_nan())
            .collect();
        if known.len() > 1 {
            let high = known.iter().map(|&i| (column(i), row(intervals[i].1)));
            let low = known.iter().rev().map(|&i| (column(i), row(intervals[i].0)));
            canvas.area(high.chain(low).collect(), BLUE);
        }
        if known.len() <= MOST_POINTS {
            for &i in &known {
                let (x, high, low) = (column(i), row(intervals[i].1), row(intervals[i].0));
                canvas.rectangle(x, high, 1, low - high + 1, BLUE);
            }
        }
    }

    fn y_axis(&self, points: &[usize], bar: Option<f64>) -> Axis {
        let ends = self.intervals.iter().flat_map(|all| points.iter().map(|&i| all[i]));
        let ends = ends.flat_map(|(low, high)| [low, high]);
        let all = points.iter().map(|&i| self.scores[i]).chain(ends).chain(bar);
        let (low, high) = all
            .filter(|value| !value.is_nan())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        let room = (high - low) * 0.05;
        Axis::new(low - room, high + room, PLOT.1, SMALL_SIZE)
    }

    fn whole_caption(&self, bar: Option<(usize, f64)>) -> String {
        let mut notes = vec![self.caption.clone()];
        if let Some((best, bar)) = bar {
            let reaches = |i: &usize| match self.direction {
                Some(Direction::Lower) => self.scores[*i] <= bar,
                _ => self.scores[*i] >= bar,
            };
            let fewest = (0..self.scores.len()).filter(reaches).map(|i| self.n_features[i]).min();
            notes.push(format!(
                "Best mean score at {}; fewest within one standard error of it: {}.",
                self.n_features[best],
                fewest.unwrap_or(self.n_features[best])
            ));
        }
        notes.join(" ").trim().to_owned()
    }

    fn check(&self) -> Result<()> {
        let n = self.n_features.len();
        let lengths = [
            ("scores", Some(self.scores.len())),
            ("intervals", self.intervals.as_ref().map(Vec::len)),
            ("standard errors", self.standard_errors.as_ref().map(Vec::len)),
        ];
        for (what, length) in lengths {
            let length = length.unwrap_or(n);
            require(length == n, CHART, || {
                format!("it has {n} numbers of features and {length} {what}, give one each")
            })?;
        }
        require(self.scores.iter().any(|score| !score.is_nan()), CHART, || {
            "no number of features has a score, give one at least: RFE with cross-validation \
             computes them"
                .to_owned()
        })?;
        let mut sorted = self.n_features.clone();
        sorted.sort_unstable();
        let twice = sorted.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0]);
        require(twice.is_none(), CHART, || {
            let n = twice.unwrap_or(0);
            format!("{n} features stand on the path twice, give each number once")
        })?;
        for (i, number) in self.n_features.iter().enumerate() {
            let (low, high) = self.intervals.as_ref().map_or((0.0, 0.0), |all| all[i]);
            let error = self.standard_errors.as_ref().map_or(0.0, |all| all[i]);
            for value in [self.scores[i], low, high, error] {
                require(value.is_nan() || value.abs() <= LARGEST, CHART, || {
                    format!(
                        "a score of {number} features, or its error, is `{value}`, give finite \
                         numbers or NaN for none"
                    )
                })?;
            }
            require(low.is_nan() || high.is_nan() || low <= high, CHART, || {
                format!(
                    "the interval of {number} features is `{low}` to `{high}`, give the lower end \
                     first"
                )
            })?;
        }
        if let Some(chosen) = self.chosen {
            require(self.n_features.contains(&chosen), CHART, || {
                format!("{chosen} features are chosen, which are not on the path")
            })?;
        }
        Ok(())
    }
}
