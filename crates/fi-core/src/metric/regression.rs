//! Metrics of numbers: squared, absolute and relative errors, explained variance, deviances.

use ndarray::ArrayView2;

use super::check::check_alpha;
use super::{Metric, mean};
use crate::error::{Result, require_shape};
use crate::model::Output;

/// The one column of predicted numbers.
pub(super) fn predicted(
    metric: &Metric,
    predictions: ArrayView2<'_, f64>,
    output: Output,
) -> Result<Vec<f64>> {
    if !matches!(output, Output::Values) {
        return Err(metric.refuse_output("values", output));
    }
    require_shape("the prediction", &[predictions.nrows(), 1], predictions.shape())?;
    Ok(predictions.iter().copied().collect())
}

/// The loss of each row, for metrics that are means over rows.
pub(super) fn losses(
    metric: &Metric,
    predicted: &[f64],
    target: &[f64],
    first: usize,
) -> Result<Vec<f64>> {
    check_domain(metric, predicted, target, first)?;
    let rows = target.iter().copied().zip(predicted.iter().copied());
    Ok(match metric {
        Metric::Mae => rows.map(|(y, p)| (y - p).abs()).collect(),
        Metric::Mape => rows.map(|(y, p)| (y - p).abs() / y.abs()).collect(),
        Metric::Pinball { alpha } => {
            let loss = |(y, p)| if y >= p { alpha * (y - p) } else { (1.0 - alpha) * (p - y) };
            rows.map(loss).collect()
        }
        Metric::PoissonDeviance => {
            let loss = |(y, p): (f64, f64)| {
                let log = if y == 0.0 { 0.0 } else { y * (y / p).ln() };
                2.0 * (log - y + p)
            };
            rows.map(loss).collect()
        }
        Metric::GammaDeviance => rows.map(|(y, p)| 2.0 * ((p / y).ln() + y / p - 1.0)).collect(),
        _ => rows.map(|(y, p)| (y - p) * (y - p)).collect(),
    })
}

/// Scores that are no mean over rows: RMSE, median absolute error, R², explained variance.
pub(super) fn score(
    metric: &Metric,
    predicted: &[f64],
    target: &[f64],
    weights: &[f64],
) -> Result<f64> {
    let errors: Vec<f64> = target.iter().zip(predicted).map(|(y, p)| y - p).collect();
    let squares = |values: &[f64], centre: f64| {
        let squares: Vec<f64> = values.iter().map(|value| (value - centre).powi(2)).collect();
        mean(&squares, weights)
    };
    let explained = |unexplained: f64| {
        if target.iter().all(|&y| y == target[0]) {
            return Err(metric.refuse("targets that differ", "targets that are all equal"));
        }
        Ok(1.0 - unexplained / squares(target, mean(target, weights)))
    };
    match metric {
        Metric::R2 => explained(squares(&errors, 0.0)),
        Metric::ExplainedVariance => explained(squares(&errors, mean(&errors, weights))),
        Metric::MedianAe => {
            let absolute: Vec<f64> = errors.iter().map(|error| error.abs()).collect();
            Ok(median(&absolute, weights))
        }
        _ => Ok(squares(&errors, 0.0).sqrt()),
    }
}

/// An error calls the first row by this number.
fn check_domain(metric: &Metric, predicted: &[f64], target: &[f64], first: usize) -> Result<()> {
    let all = |what: &str, domain: &str, values: &[f64], inside: fn(f64) -> bool| match values
        .iter()
        .position(|&value| !inside(value))
    {
        None => Ok(()),
        Some(row) => Err(metric.refuse(
            format!("{what} {domain}"),
            format!("`{}` in row {}", values[row], first + row),
        )),
    };
    match metric {
        Metric::Pinball { alpha } => check_alpha(*alpha),
        Metric::Mape => all("targets", "other than 0", target, |y| y != 0.0),
        Metric::PoissonDeviance => {
            all("targets", "of at least 0", target, |y| y >= 0.0)?;
            all("predictions", "above 0", predicted, |p| p > 0.0)
        }
        Metric::GammaDeviance => {
            all("targets", "above 0", target, |y| y > 0.0)?;
            all("predictions", "above 0", predicted, |p| p > 0.0)
        }
        _ => Ok(()),
    }
}

/// Values and weights in ascending order of values.
pub(super) fn sorted(values: &[f64], weights: &[f64]) -> Vec<(f64, f64)> {
    let mut pairs: Vec<(f64, f64)> = values.iter().copied().zip(weights.iter().copied()).collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    pairs
}

/// The least value with at least the share `level` of the weight at or below it.
pub(super) fn quantile(values: &[f64], weights: &[f64], level: f64) -> f64 {
    let pairs = sorted(values, weights);
    let wanted = level * weights.iter().sum::<f64>();
    let mut below = 0.0;
    for &(value, weight) in &pairs {
        below += weight;
        if below >= wanted {
            return value;
        }
    }
    pairs[pairs.len() - 1].0
}

/// The weighted median; the mean of both middle values where the weight splits evenly.
fn median(values: &[f64], weights: &[f64]) -> f64 {
    let pairs = sorted(values, weights);
    let half = weights.iter().sum::<f64>() / 2.0;
    // Sums of weights such as 0.1 miss an even split by rounding alone.
    let slack = 8.0 * f64::EPSILON * half;
    let mut below = 0.0;
    for (i, &(value, weight)) in pairs.iter().enumerate() {
        below += weight;
        if below > half + slack || i + 1 == pairs.len() {
            return value;
        }
        if below >= half - slack {
            return f64::midpoint(value, pairs[i + 1].0);
        }
    }
    f64::NAN
}
