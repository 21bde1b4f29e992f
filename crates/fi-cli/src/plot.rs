//! `fi plot KIND FILE`: a picture of a result file; and the picture of a result just computed.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use fi_core::{Importance, Sequence};
use fi_io::{ImportanceRow, PairScores, PairSum, importance_rows, pair_names, read_importance_csv};
use fi_viz::{BarChart, BoxPlot, ColorScale, Diagonal, Figure, Heatmap, Order};
use ndarray::Array2;

use crate::failure::{Done, Failure};
use crate::output::Sink;
use crate::session::Session;

/// Which picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Bars with intervals
    Bar,
    /// A box of replicates for each feature
    Box,
    /// Features by replicates; of a table of pairs, members by members
    Heatmap,
    /// Members by members, for features that stand for pairs
    PairHeatmap,
}

/// The picture of a result just computed.
#[derive(Args, Default)]
pub(crate) struct Picture {
    /// Draw the result: .svg or .png
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// Which picture [default: pair-heatmap if every feature's name holds a pair, heatmap for
    /// channels at steps, else bar]
    #[arg(long, value_enum, requires = "plot")]
    plot_kind: Option<Kind>,
    /// The picture's title [default: the method]
    #[arg(long, requires = "plot", value_name = "TEXT")]
    title: Option<String>,
    /// Finds the two members in a feature's name, by groups called a and b
    #[arg(long, requires = "plot", value_name = "REGEX")]
    pair_pattern: Option<String>,
}

impl Picture {
    /// Whether the picture can be written, before any work is done.
    pub(crate) fn check(&self) -> Done {
        Sink::new(self.plot.as_deref(), &["svg", "png"]).map(|_| ())
    }

    pub(crate) fn draw(&self, importance: &Importance) -> Done {
        let Some(path) = &self.plot else { return Ok(()) };
        let pattern = self.pair_pattern.as_deref();
        let pairs = || pair_names(&importance.features, pattern);
        let map = time_by_channel(&importance.features, &importance.values);
        let kind = self.plot_kind.unwrap_or_else(|| match (&map, pairs()) {
            (Some(_), _) => Kind::Heatmap,
            (None, Ok(_)) => Kind::PairHeatmap,
            (None, Err(_)) => Kind::Bar,
        });
        let title = self.title.clone().unwrap_or_else(|| importance.method.clone());
        let figure = match kind {
            Kind::Bar => BarChart { title, ..BarChart::of(importance) }.figure()?,
            Kind::PairHeatmap => {
                let names = pairs().map_err(Failure::Call)?;
                let all = names.iter().zip(&importance.values);
                let all = all.map(|((a, b), &value)| (a.as_str(), b.as_str(), value));
                pair_figure(&PairScores::new(all, PairSum::Positive), title)?
            }
            Kind::Box | Kind::Heatmap => match map.filter(|_| kind == Kind::Heatmap) {
                Some((sequence, values)) => time_figure(&sequence, values, title)?,
                None => rows_figure(kind, &importance_rows(importance), title)?,
            },
        };
        Ok(figure.save(path)?)
    }
}

/// The options of `fi plot`.
#[derive(Args)]
pub(crate) struct Plot {
    /// Which picture
    #[arg(value_enum)]
    kind: Kind,
    /// A result: a global CSV, a table of pairs, or Pair,Dimensions,Importance
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where to write: .svg or .png
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// The picture's title
    #[arg(long, value_name = "TEXT", default_value = "")]
    title: String,
    /// Finds the two members in a feature's name, by groups called a and b
    #[arg(long, value_name = "REGEX")]
    pair_pattern: Option<String>,
    /// Sum all scores of a pair of members, not only those above 0
    #[arg(long)]
    sum_all: bool,
    /// The metric to draw, of a file that holds several [default: the first]
    #[arg(long, value_name = "NAME")]
    metric: Option<String>,
}

impl Plot {
    pub(crate) fn run(&self, session: &Session) -> Done {
        Sink::new(Some(&self.output), &["svg", "png"])?;
        let title = self.title.clone();
        let figure = match self.kind {
            Kind::PairHeatmap => self.pairs(title)?,
            Kind::Heatmap if is_pairs(&self.file)? => self.pairs(title)?,
            kind => {
                let rows = self.rows(session)?;
                match time_map(&rows).filter(|_| kind == Kind::Heatmap) {
                    Some((sequence, values)) => time_figure(&sequence, values, title)?,
                    None => rows_figure(kind, &rows, title)?,
                }
            }
        };
        Ok(figure.save(&self.output)?)
    }

    fn pairs(&self, title: String) -> Done<Figure> {
        let sum = if self.sum_all { PairSum::All } else { PairSum::Positive };
        let pairs = fi_io::read_pairs(&self.file, self.pair_pattern.as_deref(), sum)?;
        pair_figure(&pairs, title)
    }

    /// The lines of one metric.
    fn rows(&self, session: &Session) -> Done<Vec<ImportanceRow>> {
        let rows = read_importance_csv(&self.file)?;
        let Some(first) = rows.first() else {
            return Err(anyhow::anyhow!("`{}` holds no result", self.file.display()).into());
        };
        let wanted = self.metric.clone().or_else(|| first.metric.clone());
        let chosen: Vec<ImportanceRow> =
            rows.iter().filter(|row| row.metric == wanted).cloned().collect();
        if chosen.is_empty() {
            let file = self.file.display();
            let metric = wanted.unwrap_or_default();
            return Failure::call(format!("`{file}` has no results of the metric `{metric}`"));
        }
        if chosen.len() < rows.len() && self.metric.is_none() {
            let metric = wanted.unwrap_or_default();
            session
                .note(format!("Of several metrics, `{metric}` is drawn; --metric takes another."));
        }
        Ok(chosen)
    }
}

/// Scores of channels at steps as a map `(channels, steps)`, if the names are those of columns.
fn time_by_channel(names: &[String], values: &[f64]) -> Option<(Sequence, Array2<f64>)> {
    let sequence = Sequence::of_columns(names).filter(|sequence| sequence.n_steps() > 1)?;
    let n_channels = sequence.channels().len();
    let shape = (n_channels, sequence.n_steps());
    let map = Array2::from_shape_fn(shape, |(channel, step)| values[step * n_channels + channel]);
    Some((sequence, map))
}

/// The same of a file, whose lines are in order of importance.
fn time_map(rows: &[ImportanceRow]) -> Option<(Sequence, Array2<f64>)> {
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
    time_by_channel(&names, &values).filter(|_| values.len() == rows.len())
}

fn time_figure(sequence: &Sequence, values: Array2<f64>, title: String) -> Done<Figure> {
    let heatmap = Heatmap {
        title,
        rows: sequence.channels().to_vec(),
        columns: (0..sequence.n_steps()).map(|step| step.to_string()).collect(),
        scale: ColorScale::fitting(&values),
        values,
        column_title: "step".to_owned(),
        legend_label: "importance".to_owned(),
        ..Heatmap::default()
    };
    Ok(heatmap.figure()?)
}

/// Whether a file is a table of pairs.
fn is_pairs(path: &Path) -> Done<bool> {
    let table = fi_io::read_table_csv(path)?;
    Ok(table.column("feature_a").is_some() || table.column("Pair").is_some())
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

fn rows_figure(kind: Kind, rows: &[ImportanceRow], title: String) -> Done<Figure> {
    let metric = rows.first().and_then(|row| row.metric.as_ref());
    let label = metric.map_or_else(|| "importance".to_owned(), |m| format!("importance ({m})"));
    if kind == Kind::Bar {
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
    let n_repeats = rows.iter().map(|row| row.repeats.len()).max().unwrap_or(0);
    if n_repeats == 0 {
        return Failure::call("this result has no replicates to show: draw a bar");
    }
    if kind == Kind::Box {
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
