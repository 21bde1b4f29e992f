//! The pictures of the report: sensor by sensor, the published sums beside the joint importance.

use anyhow::Result;
use fi_core::SensorPairs;
use fi_viz::{Annotate, ColorScale, Diagonal, Figure, Heatmap};
use ndarray::Array2;

use super::Study;
use super::cell::features;
use super::phase_slope::Phase;
use super::summary::{mean, of};

/// Every picture and its file name without extension.
pub(super) fn all(study: &Study) -> Result<Vec<(String, Figure)>> {
    let pairs = SensorPairs::of_names(&features(), None)?;
    let n_seeds = study.manifest.n_seeds;
    let mut figures = Vec::new();
    for phase in Phase::ALL {
        for metric in ["accuracy", "log loss"] {
            // As published: sums over a table of one mean importance per feature.
            let table =
                study.features.iter().filter(|l| l.phase == phase.name() && l.metric == metric);
            let (names, scores): (Vec<String>, Vec<f64>) =
                table.map(|line| (line.feature.clone(), line.importance)).unzip();
            let sums = SensorPairs::of_names(&names, None)?.sums_of_positives(&scores)?;
            let title = format!("Published sums by {metric} ({} phases)", phase.name());
            let note = format!(
                "Sum of the positive importances of 36 features, each permuted alone; means over \
                 {n_seeds} seeds before they are added up."
            );
            let name = format!("published-{}-{}", metric.replace(' ', "-"), phase.name());
            figures.push((name, heatmap(&pairs, sums, title, metric, &note)?));
        }
        let of_players: Vec<f64> = pairs
            .pair_players()?
            .names()
            .iter()
            .map(|player| {
                let own = of(&study.lines, phase, "joint, log loss", "pair");
                let values = own.filter(|line| line.player == *player).map(|line| line.value);
                mean(&values.collect::<Vec<_>>())
            })
            .collect();
        let title = format!("Joint importance of pairs ({} phases)", phase.name());
        let note = format!(
            "All features of a pair permuted together, on persons left out; mean over {n_seeds} seeds."
        );
        let matrix = pairs.matrix(&of_players)?;
        let name = format!("joint-log-loss-{}", phase.name());
        figures.push((name, heatmap(&pairs, matrix, title, "log loss", &note)?));
    }
    Ok(figures)
}

fn heatmap(
    pairs: &SensorPairs,
    values: Array2<f64>,
    title: String,
    metric: &str,
    note: &str,
) -> Result<Figure> {
    let names: Vec<String> = pairs.sensors().iter().map(|name| name.replace('_', " ")).collect();
    let unit = if metric == "accuracy" { "decrease in accuracy" } else { "increase in log loss" };
    let heatmap = Heatmap {
        title,
        rows: names.clone(),
        columns: names,
        scale: ColorScale::fitting(&values),
        values,
        annotate: Annotate::Digits(4),
        diagonal: Diagonal::Blank,
        legend_label: unit.to_owned(),
        caption: format!("{note} Planted: Left Ankle × Sacrum and Right Ankle × Sacrum."),
        ..Heatmap::default()
    };
    Ok(heatmap.figure()?)
}
