//! Pictures of how stable a ranking or a choice is, and of how methods agree.

use fi_core::{Direction, Importance, Replicate, agreement::Agreement};
use fi_viz::{DotChart, Figure, Heatmap, Result, SelectionPath};
use ndarray::Array2;

use super::{METHODS, names, noise};

pub(crate) fn ranked(n: usize, method: &str) -> Importance {
    let seed = method.len();
    let replicates = Array2::from_shape_fn((n, 25), |(i, j)| {
        2.0 * noise(i, 0).powi(3) + 0.1 * noise(i, seed) + 0.2 * noise(i, 100 * seed + j)
    });
    Importance::from_replicates(method, &names(n), replicates, Replicate::Seed).unwrap()
}

pub(crate) fn path(n: usize) -> SelectionPath {
    let at = |i: usize| (i + 1) as f64 / n as f64;
    let score = |i: usize| 0.5 + 0.45 * (1.0 - (-4.0 * at(i)).exp()) + 0.02 * noise(i, 7);
    let scores: Vec<f64> = (0..n).map(score).collect();
    SelectionPath {
        title: "RFE with cross-validation of a forest of 100 trees".to_owned(),
        y_label: "ROC AUC (ovr, macro)".to_owned(),
        n_features: (1..=n).rev().collect(),
        intervals: Some(scores.iter().rev().map(|s| (s - 0.05, s + 0.04)).collect()),
        standard_errors: Some(vec![0.02; n]),
        scores: scores.into_iter().rev().collect(),
        chosen: Some(n.div_ceil(2)),
        direction: Some(Direction::Higher),
        caption: "Band: intervals corrected for folds that share rows, each point by itself."
            .to_owned(),
    }
}

pub(crate) fn figures(n: usize) -> Result<Vec<(String, Figure)>> {
    let ranks = DotChart::of_ranks(&ranked(n, "permutation"));
    let frequencies = DotChart {
        title: "Stability selection".to_owned(),
        names: names(n),
        values: (0..n).map(|i| 1.0 - i as f64 / n as f64).collect(),
        chosen: Some((0..n).map(|i| 4 * i < n).collect()),
        reference: Some(("threshold 0.75".to_owned(), 0.75)),
        x_label: "share of halves that chose it".to_owned(),
        caption: "Filled: chosen.".to_owned(),
        ..DotChart::default()
    };
    let methods: Vec<Importance> = METHODS.iter().map(|method| ranked(n, method)).collect();
    let values = Array2::from_shape_fn((8, 8), |(i, j)| {
        let agree = Agreement::Kendall.between(&methods[i].values, &methods[j].values).unwrap();
        agree.unwrap_or(f64::NAN)
    });
    let agreement = Heatmap::agreement(METHODS.map(String::from).to_vec(), values, "Kendall τ-b");
    let columns = fi_core::Sequence::new(3 * n, ["давление", "acc x", "ω"]).unwrap().column_names();
    let values: Vec<f64> = (0..9 * n).map(|i| noise(i, 1) - 0.3).collect();
    let channels = Heatmap::of_channels(&columns, &values).unwrap();
    Ok(vec![
        (format!("ranks-{n}"), ranks.figure()?),
        (format!("frequencies-{n}"), frequencies.figure()?),
        (format!("path-{n}"), path(n).figure()?),
        (format!("agreement-of-methods-{n}"), agreement.figure()?),
        (format!("channels-{n}"), channels.figure()?),
    ])
}
