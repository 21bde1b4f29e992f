//! `fi plot KIND FILE`: a picture of a result file; and the picture of a result just computed.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use fi_core::{Importance, Metric, Sequence, pair_names};
use fi_io::{
    ImportanceRow, PairScores, PairSum, SelectedFeature, importance_rows, read_importance,
};
use fi_viz::{
    BarChart, BoxPlot, ColorScale, Diagonal, DotChart, Figure, Heatmap, Order, SelectionPath, Theme,
};
use ndarray::Array2;

use crate::failure::{Done, Failure};
use crate::importance::metric;
use crate::output::Sink;
use crate::plot_rows::RowArgs;
use crate::session::Session;

/// Which picture of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ResultKind {
    /// Bars with intervals
    Bar,
    /// A box of replicates for each feature
    Box,
    /// Features by replicates; channels by steps of a sequence
    Heatmap,
    /// Members by members, for features that stand for pairs
    PairHeatmap,
    /// The range of each feature's rank over the replicates
    Stability,
}

/// Which picture of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Scores: bars with intervals
    Bar,
    /// Scores: a box of replicates for each feature
    Box,
    /// Scores: features by replicates, channels by steps; pairs: members by members
    Heatmap,
    /// Pairs: members by members
    PairHeatmap,
    /// Scores: the range of each rank; a selection's features: how often each was chosen
    Stability,
    /// A comparison's agreement: methods by methods
    Agreement,
    /// A selection: the score against the number of features
    SelectionPath,
    /// Contributions to rows: a swarm of dots per feature, coloured by its value in --data
    Beeswarm,
    /// Contributions to rows: how the prediction of --row is put together
    Waterfall,
    /// Contributions to rows: those of --feature over its value in --data
    Dependence,
    /// A model: its mean prediction over --feature, with single rows as thin lines
    PartialDependence,
    /// A model: accumulated local effects of --feature
    Ale,
}

impl Kind {
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    fn of_result(self) -> Option<ResultKind> {
        Some(match self {
            Self::Bar => ResultKind::Bar,
            Self::Box => ResultKind::Box,
            Self::Heatmap => ResultKind::Heatmap,
            Self::PairHeatmap => ResultKind::PairHeatmap,
            Self::Stability => ResultKind::Stability,
            _ => return None,
        })
    }
}

/// The ground of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ThemeArg {
    /// Dark ink on white
    Light,
    /// Light ink on near black
    Dark,
}

/// Writes a picture; answers with what its reader must know.
fn save(figure: Figure, path: &Path, theme: Option<ThemeArg>) -> Done<Option<String>> {
    let theme = match theme {
        None | Some(ThemeArg::Light) => Theme::Light,
        Some(ThemeArg::Dark) => Theme::Dark,
    };
    let figure = figure.with_theme(theme);
    figure.save(path)?;
    let unknown = figure.unknown_characters();
    let is_png = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("png"));
    Ok((is_png && !unknown.is_empty()).then(|| {
        let shown: String = unknown.iter().take(8).collect();
        let file = path.display();
        format!(
            "Note: the font of `{file}` lacks {} characters ({shown}), drawn as boxes: an .svg \
             shows them in the reader's font.",
            unknown.len()
        )
    }))
}

/// The picture of a result just computed.
#[derive(Args, Default)]
pub(crate) struct Picture {
    /// Draw the result: .svg or .png
    #[arg(long, value_name = "FILE", group = "paired")]
    plot: Option<PathBuf>,
    /// Which picture [default: pair-heatmap if every feature's name holds a pair, heatmap for
    /// channels at steps, else bar]
    #[arg(long, value_enum, requires = "plot")]
    plot_kind: Option<ResultKind>,
    /// The picture's title [default: the method]
    #[arg(long, requires = "plot", value_name = "TEXT")]
    title: Option<String>,
    /// The picture's ground [default: light]
    #[arg(long, value_enum, requires = "plot")]
    theme: Option<ThemeArg>,
}

impl Picture {
    /// Whether the picture can be written, before any work is done.
    pub(crate) fn check(&self) -> Done {
        Sink::new(self.plot.as_deref(), &["svg", "png"]).map(|_| ())
    }

    pub(crate) fn is_given(&self) -> bool {
        self.plot.is_some()
    }

    /// Draws it, with pairs found by a pattern and their scores summed; answers with what its reader
    /// must know.
    pub(crate) fn draw(
        &self,
        importance: &Importance,
        (pattern, sum): (Option<&str>, PairSum),
    ) -> Done<Option<String>> {
        let Some(path) = &self.plot else { return Ok(None) };
        let pairs = || pair_names(&importance.features, pattern);
        let map = Heatmap::of_channels(&importance.features, &importance.values);
        let kind = self.plot_kind.unwrap_or_else(|| match (&map, pairs()) {
            (Some(_), _) => ResultKind::Heatmap,
            (None, Ok(_)) => ResultKind::PairHeatmap,
            (None, Err(_)) => ResultKind::Bar,
        });
        let title = self.title.clone().unwrap_or_else(|| importance.method.clone());
        let figure = if kind == ResultKind::PairHeatmap {
            let names = pairs().map_err(|error| Failure::Call(error.to_string()))?;
            let all = names.iter().zip(&importance.values);
            let all = all.map(|([a, b], &value)| (a.as_str(), b.as_str(), value));
            pair_figure(&PairScores::new(all, sum), title)?
        } else {
            result_figure(kind, importance, title)?
        };
        save(figure, path, self.theme)
    }
}

/// A picture of a result that holds more than its table.
fn result_figure(kind: ResultKind, importance: &Importance, title: String) -> Done<Figure> {
    let map = Heatmap::of_channels(&importance.features, &importance.values);
    match (kind, map) {
        (ResultKind::Bar, _) => Ok(BarChart { title, ..BarChart::of(importance) }.figure()?),
        (ResultKind::Box, _) if importance.replicates.ncols() > 0 => {
            Ok(BoxPlot { title, ..BoxPlot::of(importance) }.figure()?)
        }
        (ResultKind::Stability, _) => {
            Ok(DotChart { title, ..DotChart::of_ranks(importance) }.figure()?)
        }
        (ResultKind::Heatmap, Some(map)) => Ok(Heatmap { title, ..map }.figure()?),
        _ => rows_figure(kind, &importance_rows(importance), title),
    }
}

/// The options of `fi plot`.
#[derive(Args)]
pub(crate) struct Plot {
    /// Which picture
    #[arg(value_enum)]
    kind: Kind,
    /// What to draw. Scores: .csv, .json or .parquet of fi importance. Pairs: .csv or .parquet of fi
    /// interactions, or Pair,Dimensions,Importance. Contributions: .csv, .npy or .parquet of fi explain. A selection, an
    /// agreement: .csv of fi select and fi compare. partial-dependence, ale: a model
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where to write: .svg or .png
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// The picture's title [default: the method, where the file holds it]
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// The picture's ground [default: light]
    #[arg(long, value_enum)]
    theme: Option<ThemeArg>,
    /// Finds the two members in a feature's name, by groups called a and b
    #[arg(long, value_name = "REGEX")]
    pair_pattern: Option<String>,
    /// Sum all scores of a pair of members, not only those above 0
    #[arg(long)]
    sum_all: bool,
    /// The metric to draw, of a file that holds several [default: the first]; selection-path: the
    /// metric of the scores, which says whether the best is the highest
    #[arg(long, value_name = "NAME")]
    metric: Option<String>,
    #[command(flatten)]
    rows: RowArgs,
}

impl Plot {
    pub(crate) fn run(&self, session: &Session) -> Done {
        Sink::new(Some(&self.output), &["svg", "png"])?;
        let title = self.title.as_deref();
        let own = title.unwrap_or_default().to_owned();
        let figure = match self.kind {
            Kind::PairHeatmap => self.pairs(own)?,
            Kind::Heatmap if is_pairs(&self.file)? => self.pairs(own)?,
            Kind::Stability if is_selection(&self.file)? => self.selected(own)?,
            Kind::Bar | Kind::Box | Kind::Heatmap | Kind::Stability => self.scores(session)?,
            Kind::Agreement => {
                let (methods, values) = fi_io::read_agreement(&self.file)?;
                let measure = self.metric.as_deref().unwrap_or("agreement");
                let heatmap = Heatmap::agreement(methods, values, measure);
                let title = title.map_or_else(|| heatmap.title.clone(), str::to_owned);
                Heatmap { title, ..heatmap }.figure()?
            }
            Kind::SelectionPath => {
                let metric = self.metric.as_deref().map(metric).transpose()?;
                let path = fi_io::read_selection_path(&self.file)?;
                let path = SelectionPath::of_rows(&path, metric.as_ref().map(Metric::direction));
                let y_label = metric.map_or(path.y_label.clone(), |metric| metric.name());
                SelectionPath { title: own, y_label, ..path }.figure()?
            }
            Kind::Beeswarm | Kind::Waterfall | Kind::Dependence => {
                self.rows.local(session, self.kind, &self.file, title)?
            }
            Kind::PartialDependence | Kind::Ale => {
                self.rows.curve(self.kind, &self.file, title, session)?
            }
        };
        if let Some(note) = save(figure, &self.output, self.theme)? {
            session.note(note);
        }
        Ok(())
    }

    /// A picture of scores.
    fn scores(&self, session: &Session) -> Done<Figure> {
        let title = self.title.clone().unwrap_or_default();
        let Some(kind) = self.kind.of_result() else {
            return Failure::call(format!("{} is no picture of scores", self.kind.name()));
        };
        if self.file.extension().is_some_and(|e| e.eq_ignore_ascii_case("json")) {
            return self.of_json(kind, session);
        }
        let rows = self.rows(session)?;
        match time_map(&rows).filter(|_| kind == ResultKind::Heatmap) {
            Some(map) => Ok(Heatmap { title, ..map }.figure()?),
            None => rows_figure(kind, &rows, title),
        }
    }

    /// The same of a result that holds more than its table.
    fn of_json(&self, kind: ResultKind, session: &Session) -> Done<Figure> {
        let all = fi_io::read_importance_json(&self.file)?;
        let metrics: Vec<Option<String>> =
            all.iter().map(|importance| importance.metric.clone()).collect();
        let importance = &all[self.chosen(&metrics, session)?];
        let title = self.title.clone().unwrap_or_else(|| importance.method.clone());
        result_figure(kind, importance, title)
    }

    fn pairs(&self, title: String) -> Done<Figure> {
        let sum = if self.sum_all { PairSum::All } else { PairSum::Positive };
        let pairs = fi_io::read_pairs(&self.file, self.pair_pattern.as_deref(), sum)?;
        pair_figure(&pairs, title)
    }

    /// How often each feature was chosen, in folds if the file says so, else its score.
    fn selected(&self, title: String) -> Done<Figure> {
        let rows = fi_io::read_selected_features(&self.file)?;
        let in_folds = rows.iter().any(|row| row.n_folds_chosen.is_some());
        let value = |row: &SelectedFeature| match row.n_folds_chosen.filter(|_| in_folds) {
            Some(n) => n as f64,
            None => row.score.unwrap_or(f64::NAN),
        };
        let mut order: Vec<&SelectedFeature> = rows.iter().collect();
        // `total_cmp` puts NaN first when it descends.
        let key = |row: &SelectedFeature| {
            let value = value(row);
            if value.is_nan() { f64::NEG_INFINITY } else { value }
        };
        order.sort_by(|a, b| key(b).total_cmp(&key(a)));
        let chart = DotChart {
            title,
            names: order.iter().map(|row| row.feature.clone()).collect(),
            values: order.iter().map(|row| value(row)).collect(),
            chosen: Some(order.iter().map(|row| row.chosen).collect()),
            x_label: if in_folds { "folds that chose it" } else { "score" }.to_owned(),
            caption: "Filled: chosen on all rows.".to_owned(),
            ..DotChart::default()
        };
        Ok(chart.figure()?)
    }

    /// The lines of one metric.
    fn rows(&self, session: &Session) -> Done<Vec<ImportanceRow>> {
        let rows = read_importance(&self.file)?;
        let mut metrics: Vec<Option<String>> = rows.iter().map(|row| row.metric.clone()).collect();
        metrics.dedup();
        let chosen = metrics[self.chosen(&metrics, session)?].clone();
        Ok(rows.into_iter().filter(|row| row.metric == chosen).collect())
    }

    /// The place of the metric to draw; says so if there are others.
    fn chosen(&self, metrics: &[Option<String>], session: &Session) -> Done<usize> {
        let file = self.file.display();
        let Some(first) = metrics.first() else {
            return Err(anyhow::anyhow!("`{file}` holds no result").into());
        };
        if let Some(wanted) = &self.metric {
            let place = metrics.iter().position(|metric| metric.as_ref() == Some(wanted));
            return match place {
                Some(place) => Ok(place),
                None => Failure::call(format!("`{file}` has no results of the metric `{wanted}`")),
            };
        }
        if metrics.len() > 1 {
            let metric = first.as_deref().unwrap_or_default();
            session
                .note(format!("Of several metrics, `{metric}` is drawn; --metric takes another."));
        }
        Ok(0)
    }
}

/// Scores of channels at steps, of a file whose lines are in order of importance.
fn time_map(rows: &[ImportanceRow]) -> Option<Heatmap> {
    let step = |row: &ImportanceRow| {
        let (_, step) = row.feature.strip_suffix(']')?.rsplit_once('[')?;
        step.parse::<usize>().ok()
    };
    let mut steps = rows.iter().map(step).collect::<Option<Vec<_>>>()?;
    steps.sort_unstable();
    let n_channels = steps.iter().filter(|step| **step == 0).count();
    let mut channels: Vec<&str> =
        rows.iter().filter_map(|row| row.feature.strip_suffix("[0]")).collect();
    channels.sort_by_cached_key(|channel| fi_io::natural(channel));
    let sequence = Sequence::new(steps.len().checked_div(n_channels)?, channels).ok()?;
    let value = |name: String| rows.iter().find(|row| row.feature == name).map(|r| r.importance);
    let names = sequence.column_names();
    let values = names.iter().cloned().map(value).collect::<Option<Vec<f64>>>()?;
    Heatmap::of_channels(&names, &values).filter(|_| values.len() == rows.len())
}

/// Whether a file is a table of pairs.
fn is_pairs(path: &Path) -> Done<bool> {
    has_column(path, &["feature_a", "Pair"])
}

/// Whether a file is what a selection says of each feature.
fn is_selection(path: &Path) -> Done<bool> {
    has_column(path, &["chosen"])
}

fn has_column(path: &Path, names: &[&str]) -> Done<bool> {
    if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json")) {
        return Ok(false);
    }
    let table = fi_io::read_table(path)?;
    Ok(names.iter().any(|name| table.column(name).is_some()))
}

fn pair_figure(pairs: &PairScores, title: String) -> Done<Figure> {
    let mut caption =
        format!("Each cell: the sum of its pair's scores, {} in all.", pairs.n_summed);
    if pairs.n_left_out > 0 {
        let left_out = pairs.n_left_out;
        let why = "scores of 0 or less are left out, so cells lean upwards.";
        caption = format!("{caption} {left_out} {why}");
    }
    let has_diagonal = (0..pairs.members.len()).any(|i| pairs.values[[i, i]].abs() > 0.0);
    let heatmap = Heatmap {
        title,
        rows: pairs.members.clone(),
        columns: pairs.members.clone(),
        scale: ColorScale::fitting(&pairs.values),
        values: pairs.values.clone(),
        diagonal: if has_diagonal { Diagonal::Drawn } else { Diagonal::Blank },
        legend_label: "summed importance".to_owned(),
        caption,
        ..Heatmap::default()
    };
    Ok(heatmap.figure()?)
}

fn rows_figure(kind: ResultKind, rows: &[ImportanceRow], title: String) -> Done<Figure> {
    let metric = rows.first().and_then(|row| row.metric.as_ref());
    let label = metric.map_or_else(|| "importance".to_owned(), |m| format!("importance ({m})"));
    if kind == ResultKind::Bar {
        let end = |value: Option<f64>| value.unwrap_or(f64::NAN);
        let intervals: Vec<(f64, f64)> =
            rows.iter().map(|row| (end(row.ci_low), end(row.ci_high))).collect();
        let any = intervals.iter().any(|(low, _)| !low.is_nan());
        let chart = BarChart {
            title,
            names: rows.iter().map(|row| row.feature.clone()).collect(),
            values: rows.iter().map(|row| row.importance).collect(),
            intervals: any.then_some(intervals),
            x_label: label,
            caption: if any {
                "Whiskers: the intervals of the file.".to_owned()
            } else {
                String::new()
            },
            order: Order::Descending,
            ..BarChart::default()
        };
        return Ok(chart.figure()?);
    }
    if kind == ResultKind::Stability {
        let end = |rank: Option<usize>| rank.map_or(f64::NAN, |rank| rank as f64);
        let ranges: Vec<(f64, f64)> =
            rows.iter().map(|row| (end(row.rank_low), end(row.rank_high))).collect();
        let any = ranges.iter().any(|(low, _)| !low.is_nan());
        let caption = if any {
            "Ranges: smallest and largest rank over the replicates."
        } else {
            "No ranges: the result has no replicates."
        };
        let chart = DotChart {
            title,
            names: rows.iter().map(|row| row.feature.clone()).collect(),
            values: rows.iter().map(|row| row.rank as f64).collect(),
            ranges: any.then_some(ranges),
            x_label: "rank".to_owned(),
            caption: caption.to_owned(),
            ..DotChart::default()
        };
        return Ok(chart.figure()?);
    }
    let n_repeats = rows.iter().map(|row| row.repeats.len()).max().unwrap_or(0);
    if n_repeats == 0 {
        return Failure::call("this result has no replicates to show: draw a bar");
    }
    if kind == ResultKind::Box {
        let groups = rows.iter().map(|row| (row.feature.clone(), row.repeats.clone()));
        let references = vec![("0".to_owned(), 0.0)];
        let chart = BoxPlot {
            title,
            groups: groups.collect(),
            x_label: label,
            references,
            ..BoxPlot::default()
        };
        return Ok(chart.figure()?);
    }
    let mut values = Array2::from_elem((rows.len(), n_repeats), f64::NAN);
    for (row, mut line) in rows.iter().zip(values.rows_mut()) {
        line.iter_mut().zip(&row.repeats).for_each(|(cell, value)| *cell = *value);
    }
    let heatmap = Heatmap {
        title,
        rows: rows.iter().map(|row| row.feature.clone()).collect(),
        columns: (0..n_repeats).map(|i| i.to_string()).collect(),
        scale: ColorScale::fitting(&values),
        values,
        column_title: "replicate".to_owned(),
        legend_label: label,
        ..Heatmap::default()
    };
    Ok(heatmap.figure()?)
}
