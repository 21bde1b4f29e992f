//! Horizontal dots with ranges: ranks over replicates, and how often features are chosen.

use fi_core::Importance;
use fi_core::selection::{Honest, Selection};

use crate::bars::LARGEST;
use crate::color::{AXIS, BLUE, INK, SKY, SOFT_INK, VERMILLION};
use crate::error::{Result, require};
use crate::figure::{Anchor, Figure};
use crate::font;
use crate::layout::{Canvas, MARGIN, NAME_SIZE, Name, SMALL_SIZE, widest};
use crate::number::{Axis, number};

const CHART: &str = "dot chart";
const PLOT_WIDTH: i32 = 440;

/// A dot per name, with a range each where there is one: how stable a ranking or a choice is.
///
/// Filled dots are chosen, open ones are not.
///
/// # When it misleads
///
/// Ranges that overlap do not show that two features are equal, nor apart that they differ: ranks
/// depend on each other. A choice that many folds or halves share may share their mistake.
///
/// # Example
///
/// ```
/// use fi_viz::DotChart;
///
/// let figure = DotChart {
///     title: "Ranks over 30 repeats".to_owned(),
///     names: vec!["petal width".to_owned(), "sepal width".to_owned()],
///     values: vec![1.0, 2.0],
///     ranges: Some(vec![(1.0, 1.0), (2.0, 4.0)]),
///     x_label: "rank".to_owned(),
///     ..DotChart::default()
/// }
/// .figure()?;
/// assert!(figure.svg()?.contains("petal width"));
/// # Ok::<(), fi_viz::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct DotChart {
    /// The title; may be empty. Default empty.
    pub title: String,
    /// What each dot is for, from the top. Default empty.
    pub names: Vec<String>,
    /// Where each dot is; NaN for none. Default empty.
    pub values: Vec<f64>,
    /// Lower and upper end of each range; NaN for none. Default none.
    pub ranges: Option<Vec<(f64, f64)>>,
    /// Whether each is chosen. Default none: all are drawn filled.
    pub chosen: Option<Vec<bool>>,
    /// A vertical line with a name, such as a threshold. Default none.
    pub reference: Option<(String, f64)>,
    /// What the values are, with their unit. Default empty.
    pub x_label: String,
    /// A note under the chart: what the ranges are. Default empty.
    pub caption: String,
    /// Only so many rows from the top are drawn, and the caption says how many are not; at least
    /// 1. Default 60.
    pub max_rows: usize,
}

impl Default for DotChart {
    fn default() -> Self {
        Self {
            title: String::new(),
            names: Vec::new(),
            values: Vec::new(),
            ranges: None,
            chosen: None,
            reference: None,
            x_label: String::new(),
            caption: String::new(),
            max_rows: 60,
        }
    }
}

impl DotChart {
    /// The ranks of a result, the most important player on top, with the smallest and largest rank
    /// over the replicates where there are any; ties in player order.
    pub fn of_ranks(importance: &Importance) -> Self {
        let replicates = &importance.replicates;
        let mut ranges = vec![(f64::INFINITY, f64::NEG_INFINITY); importance.len()];
        for replicate in replicates.columns() {
            let mut order: Vec<usize> = (0..importance.len()).collect();
            order.sort_by(|&a, &b| replicate[b].total_cmp(&replicate[a]));
            for (rank, player) in order.into_iter().enumerate() {
                let (low, high) = ranges[player];
                let rank = (rank + 1) as f64;
                ranges[player] = (low.min(rank), high.max(rank));
            }
        }
        let order = importance.order();
        let n_replicates = replicates.ncols();
        let caption = if n_replicates == 0 {
            "No ranges: the result has no replicates.".to_owned()
        } else {
            format!("Ranges: smallest and largest rank over {n_replicates} replicates.")
        };
        Self {
            title: importance.method.clone(),
            names: order.iter().map(|&i| importance.features[i].clone()).collect(),
            values: (1..=order.len()).map(|rank| rank as f64).collect(),
            ranges: (n_replicates > 0).then(|| order.iter().map(|&i| ranges[i]).collect()),
            x_label: "rank".to_owned(),
            caption,
            ..Self::default()
        }
    }

    /// The scores that a selection was read from, the highest on top: for stability selection the
    /// share of halves that chose each player, for knockoffs by how much each beats its own. `threshold` is drawn as a line.
    ///
    /// `None` if the selector has no scores.
    pub fn of_selection(selection: &Selection, threshold: Option<f64>) -> Option<Self> {
        let scores = selection.scores.as_ref()?;
        let chosen = |i: usize| selection.chosen.binary_search(&i).is_ok();
        let mut caption = "Filled: chosen.".to_owned();
        if let Some(stability) = &selection.stability {
            let (value, low, high) =
                (number(stability.value), number(stability.low), number(stability.high));
            caption = format!("{caption} Stability of the chosen sets: {value} ({low} to {high}).");
        }
        if let Some(fdr) = selection.fdr {
            let fdr = number(fdr);
            caption =
                format!("{caption} Expected share of useless ones among them: at most {fdr}.");
        }
        let chart = Self::sorted(selection.players.names(), scores, chosen);
        Some(Self {
            title: selection.method.clone(),
            reference: threshold.map(|at| (format!("threshold {}", number(at)), at)),
            x_label: "score".to_owned(),
            caption,
            ..chart
        })
    }

    /// The share of folds that chose each player, the highest on top; filled if it is chosen on
    /// all rows.
    pub fn of_folds(honest: &Honest) -> Self {
        let players = &honest.selection.players;
        let n_folds = honest.folds.len();
        let mut shares = vec![0.0; players.len()];
        for &player in honest.folds.iter().flat_map(|fold| &fold.chosen) {
            shares[player] += 1.0 / n_folds as f64;
        }
        let chosen = |i: usize| honest.selection.chosen.binary_search(&i).is_ok();
        Self {
            title: format!("{} in {n_folds} folds", honest.selection.method),
            x_label: "share of folds that chose it".to_owned(),
            caption: "Filled: chosen on all rows.".to_owned(),
            ..Self::sorted(players.names(), &shares, chosen)
        }
    }

    fn sorted(names: &[String], values: &[f64], chosen: impl Fn(usize) -> bool) -> Self {
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
        Self {
            names: order.iter().map(|&i| names[i].clone()).collect(),
            values: order.iter().map(|&i| values[i]).collect(),
            chosen: Some(order.iter().map(|&i| chosen(i)).collect()),
            ..Self::default()
        }
    }

    /// Lays the chart out.
    ///
    /// # Errors
    ///
    /// [`Error::Data`](crate::Error::Data) without names, for lists of different lengths, an
    /// infinite value, or a range whose ends are the wrong way round.
    pub fn figure(&self) -> Result<Figure> {
        self.check()?;
        let n = self.names.len().min(self.max_rows);
        let names = Name::all(&self.names[..n]);
        let texts: Vec<String> = (0..n).map(|i| self.text(i)).collect();
        let number_width = texts.iter().map(|text| font::width(text, SMALL_SIZE)).max();
        let number_width = number_width.unwrap_or(0);
        let pitch = if n <= 30 { 24 } else { 18 };
        let x = MARGIN + widest(&names, NAME_SIZE) + 8;
        let axis = self.axis(n);
        let pixel = |value: f64| x + axis.position(value, PLOT_WIDTH).round() as i32;
        // The line's name reaches from it to where there is room.
        let reference = self.reference.as_ref().map(|(name, at)| {
            let (name, line) = (Name::new(name), pixel(*at));
            let length = font::width(&name.text, SMALL_SIZE);
            let anchor = if line - x > length + 4 { Anchor::End } else { Anchor::Start };
            (name, line, length, anchor)
        });
        let over = reference.as_ref().map_or(0, |(_, line, length, anchor)| match anchor {
            Anchor::Start => line + 4 + length,
            _ => *line,
        });
        let width = (x + PLOT_WIDTH + 12 + number_width).max(over) + MARGIN;

        let mut canvas = Canvas::default();
        let top = canvas.title(&self.title, width);
        let y = top + if reference.is_some() { 18 } else { 0 };
        let height = n as i32 * pitch + 8;
        canvas.grid(&axis, (x, y), (PLOT_WIDTH, height));
        if axis.low < 0.0 && axis.high > 0.0 {
            canvas.rectangle(pixel(0.0), y, 1, height, AXIS);
        }
        if let Some((name, line, _, anchor)) = &reference {
            canvas.rectangle(*line, top, 1, y - top + height, VERMILLION);
            let aside = if *anchor == Anchor::End { -4 } else { 4 };
            canvas.name(name, (line + aside, top + 7), SMALL_SIZE, *anchor, VERMILLION);
        }
        for (i, name) in names.iter().enumerate() {
            let middle = y + 4 + i as i32 * pitch + pitch / 2;
            canvas.name(name, (x - 8, middle), NAME_SIZE, Anchor::End, INK);
            if let Some((low, high)) = self.range(i) {
                let (low, high) = (pixel(low), pixel(high));
                canvas.rectangle(low - 1, middle - 3, high - low + 3, 7, SKY);
            }
            if !self.values[i].is_nan() {
                let filled = self.chosen.as_ref().is_none_or(|chosen| chosen[i]);
                canvas.circle(pixel(self.values[i]), middle, 5, BLUE, filled);
            }
            let text = Name { text: texts[i].clone(), full: None };
            let end = x + PLOT_WIDTH + 12 + number_width;
            canvas.name(&text, (end, middle), SMALL_SIZE, Anchor::End, SOFT_INK);
        }
        let y = canvas.axis(&axis, &self.x_label, x, y + height, PLOT_WIDTH);
        let mut caption = self.caption.clone();
        if n < self.names.len() {
            caption = format!("{caption} {n} of {} are shown.", self.names.len());
        }
        let first: Vec<String> = names
            .iter()
            .zip(&texts)
            .take(5)
            .map(|(name, t)| format!("{} {t}", name.text))
            .collect();
        canvas.description = format!("{}: {}. {caption}", self.x_label, first.join(", "));
        let y = canvas.caption(caption.trim(), y + 4, width);
        canvas.finish(&self.title, width, y)
    }

    fn range(&self, i: usize) -> Option<(f64, f64)> {
        let range = self.ranges.as_ref().map(|ranges| ranges[i]);
        range.filter(|(low, high)| !low.is_nan() && !high.is_nan())
    }

    /// The number on the right, with the range if it is wider than the number.
    fn text(&self, i: usize) -> String {
        let short = |value: f64| {
            if self.is_whole() { crate::number::fixed(value, 0) } else { number(value) }
        };
        match self.range(i) {
            Some((low, high)) if low < high => {
                format!("{} ({}–{})", short(self.values[i]), short(low), short(high))
            }
            _ => short(self.values[i]),
        }
    }

    /// Whether all values are whole numbers, as ranks are.
    fn is_whole(&self) -> bool {
        let whole = |value: &f64| value.is_nan() || (*value == value.trunc() && value.abs() < 1e6);
        self.values.iter().all(whole)
    }

    /// Over all that is drawn, with a little room.
    fn axis(&self, n: usize) -> Axis {
        let ends = (0..n).filter_map(|i| self.range(i)).flat_map(|(low, high)| [low, high]);
        let line = self.reference.iter().map(|(_, at)| *at);
        let all = self.values[..n].iter().copied().chain(ends).chain(line);
        let (low, high) = all
            .filter(|value| !value.is_nan())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        if low > high {
            return Axis::new(0.0, 1.0, PLOT_WIDTH, SMALL_SIZE);
        }
        if self.is_whole() {
            return Axis::whole(low, high, PLOT_WIDTH, SMALL_SIZE);
        }
        let room = (high - low) * 0.03;
        Axis::new(low - room, high + room, PLOT_WIDTH, SMALL_SIZE)
    }

    fn check(&self) -> Result<()> {
        let n = self.names.len();
        require(n > 0, CHART, || "there are no names, give at least one".to_owned())?;
        let lengths = [
            ("values", Some(self.values.len())),
            ("ranges", self.ranges.as_ref().map(Vec::len)),
            ("choices", self.chosen.as_ref().map(Vec::len)),
        ];
        for (what, length) in lengths {
            let length = length.unwrap_or(n);
            require(length == n, CHART, || {
                format!("it has {n} names and {length} {what}, give one per name")
            })?;
        }
        require(self.max_rows >= 1, CHART, || "`max_rows` is `0`, it must be at least 1".into())?;
        for (i, name) in self.names.iter().enumerate() {
            let value = self.values[i];
            require(value.is_nan() || value.abs() <= LARGEST, CHART, || {
                format!("`{name}` is `{value}`, give a finite number or NaN for none")
            })?;
            if let Some((low, high)) = self.range(i) {
                let fits = low <= high && low.abs().max(high.abs()) <= LARGEST;
                require(fits, CHART, || {
                    format!(
                        "the range of `{name}` is `{low}` to `{high}`, give finite ends, the \
                         lower first"
                    )
                })?;
            }
        }
        if let Some((name, at)) = &self.reference {
            require(at.abs() <= LARGEST, CHART, || {
                format!("the line `{name}` is at `{at}`, give a finite number")
            })?;
        }
        Ok(())
    }
}
