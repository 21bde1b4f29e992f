//! The pictures: our correlations around the published ones, by epochs, and on rows held out.

use anyhow::Result;
use fi_viz::{Annotate, BoxPlot, ColorScale, Figure, Heatmap, LineChart, Scale};
use ndarray::Array2;

use super::Experiment;
use super::arms::{Arm, Net};
use super::published::{PAIRS, ROWS};
use super::report::beyond::{JUDGES, values};
use super::tables::{PUBLISHED, Range, pair_name, pearsons};
use crate::compare::methods::{GARSON, INTEGRATED, OLDEN, VIANN};

/// The file names of the pictures of [`PAIRS`].
pub(super) const PAIR_FILES: [&str; 4] = ["viann-lofo", "viann-rf", "garson-lofo", "garson-viann"];

/// Every picture and its file name without extension.
pub(super) fn all(e: &Experiment) -> Result<Vec<(&'static str, Figure)>> {
    let mut all = Vec::new();
    for (pair, file) in PAIRS.into_iter().zip(PAIR_FILES) {
        all.push((file, around_published(e, pair)?));
    }
    all.push(("epochs-nn1", by_epochs(e, Net::Nn1)?));
    all.push(("epochs-nn2", by_epochs(e, Net::Nn2)?));
    all.push(("hold-out", hold_out(e)?));
    Ok(all)
}

/// Our single-seed correlations minus the published one, cell by cell.
fn around_published(e: &Experiment, pair: &str) -> Result<Figure> {
    let found = pearsons(&e.replicates, PUBLISHED);
    let mut groups = Vec::new();
    for row in ROWS {
        if let (Some(ours), Some(published)) =
            (found.get(&(row.data, row.network, pair)), row.of(pair))
        {
            let differences = ours.iter().map(|value| value - published).collect();
            groups.push((format!("{} · {}", row.data, row.network), differences));
        }
    }
    let plot = BoxPlot {
        title: format!("{pair}: our seeds around the published value"),
        groups,
        x_label: "our Pearson correlation minus the published one".to_owned(),
        references: vec![("published".to_owned(), 0.0)],
        caption: "One value per seed; everything else is as published.".to_owned(),
    };
    Ok(plot.figure()?)
}

/// The median correlation of VIANN and the paper's LOFO after fixed numbers of epochs.
fn by_epochs(e: &Experiment, net: Net) -> Result<Figure> {
    let mut lines: Vec<(String, Vec<(f64, f64)>)> =
        e.manifest.data.iter().map(|(name, _)| (name.clone(), Vec::new())).collect();
    for &epochs in &e.manifest.epochs {
        let variant = Arm::Epochs(epochs).name();
        let found = pearsons(&e.replicates, &variant);
        for (data, points) in &mut lines {
            let ours = found.get(&(data.as_str(), net.name(), PAIRS[0])).cloned();
            if let Some(range) = ours.and_then(Range::of) {
                points.push((epochs as f64, range.median));
            }
        }
    }
    lines.retain(|(_, points)| !points.is_empty());
    let chart = LineChart {
        title: format!("{}: VIANN and the paper's LOFO by epochs", net.name()),
        x_label: "epochs, without early stopping".to_owned(),
        y_label: "median Pearson correlation".to_owned(),
        x_scale: Scale::Logarithmic,
        lines,
        ..LineChart::default()
    };
    Ok(chart.figure()?)
}

/// Data sets and networks × methods that read weights and judges: median rank correlations.
fn hold_out(e: &Experiment) -> Result<Figure> {
    let methods = [VIANN, GARSON, OLDEN, INTEGRATED];
    let pairs: Vec<(&str, &str)> =
        methods.into_iter().flat_map(|method| JUDGES.map(|judge| (method, judge))).collect();
    let mut names = Vec::new();
    let mut medians = Vec::new();
    for (dataset, _) in &e.manifest.data {
        for net in [Net::Nn1, Net::Nn2] {
            names.push(format!("{dataset} · {}", net.name()));
            for (method, judge) in &pairs {
                let pair = pair_name(method, judge);
                let found = values(e, dataset, net.name(), &pair, "Spearman");
                medians.push(Range::of(found).map_or(f64::NAN, |range| range.median));
            }
        }
    }
    let heatmap = Heatmap {
        title: "Scores from inside beside scores on rows held out".to_owned(),
        values: Array2::from_shape_vec((names.len(), pairs.len()), medians)?,
        rows: names,
        columns: pairs.iter().map(|(method, judge)| format!("{method} · {judge}")).collect(),
        scale: ColorScale::Diverging { max_abs: 1.0 },
        annotate: Annotate::Digits(2),
        legend_label: "Spearman correlation".to_owned(),
        caption: "Median over seeds; LOFO retrains.".to_owned(),
        ..Heatmap::default()
    };
    Ok(heatmap.figure()?)
}
