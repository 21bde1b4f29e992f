//! `importance.csv` and `agreement.csv`: what the replicates say, computed from them alone.

use anyhow::Result;
use fi_core::agreement::{Agreement, CONFIDENCE, over_replicates, self_agreement};
use ndarray::Axis;
use serde::{Deserialize, Serialize};

use super::records::{Key, Records, Scores, variant};

/// The share of single fits that a range spans.
pub const CENTRAL: f64 = CONFIDENCE;

/// The two measures of agreement: as published, and by rank.
pub const MEASURES: [(&str, Agreement); 2] =
    [("Pearson", Agreement::Pearson), ("Spearman", Agreement::Spearman)];

/// One line of `importance.csv`: one feature's scores by one method over all fits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImportanceLine {
    /// The model, or `data`.
    pub model: String,
    /// The importance method.
    pub method: String,
    /// The feature.
    pub feature: String,
    /// Mean over the fits, in the method's own unit.
    pub mean: f64,
    /// Sample standard deviation over the fits (ddof 1).
    pub std: f64,
    /// Median over the fits.
    pub median: f64,
    /// Lower end of the central 95 % of single fits.
    pub low: f64,
    /// Upper end of the central 95 % of single fits.
    pub high: f64,
    /// `|mean|` as a share of the sum over the features: comparable between methods.
    pub share: f64,
    /// Standard deviation from which rows train and which test.
    pub sd_split: Option<f64>,
    /// Standard deviation from the training's seed, split fixed.
    pub sd_training: Option<f64>,
    /// Standard deviation from the estimator's draws, model fixed.
    pub sd_estimator: Option<f64>,
    /// How many fits there are.
    pub n_fits: usize,
}

/// One line of `agreement.csv`: two methods over the same fits, or one method with itself
/// over pairs of fits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgreementLine {
    /// The first model.
    pub model_a: String,
    /// The first method.
    pub method_a: String,
    /// The second model.
    pub model_b: String,
    /// The second method; the first again for self-agreement.
    pub method_b: String,
    /// `Pearson` or `Spearman`.
    pub measure: String,
    /// Median of the single values.
    pub median: f64,
    /// Lower end of the central 95 % of the single values.
    pub low: f64,
    /// Upper end of the central 95 % of the single values.
    pub high: f64,
    /// How many single values there are.
    pub n_values: usize,
    /// How many were undefined, because a method gave all features the same score.
    pub n_undefined: usize,
}

/// `importance.csv` in the order of the replicates.
pub fn importance(records: &Records) -> Vec<ImportanceLine> {
    let mut lines = Vec::new();
    for kind in [variant::MAIN, variant::GROUPS] {
        for (model, method) in records.keys(kind) {
            let Some(scores) = records.scores(kind, model, method) else { continue };
            let means: Vec<f64> =
                scores.values.columns().into_iter().map(|column| mean(&column.to_vec())).collect();
            let total: f64 = means.iter().map(|mean| mean.abs()).sum();
            for (i, feature) in scores.features.iter().enumerate() {
                let values = sorted(scores.values.column(i).to_vec());
                let std = sample_std(&values);
                let parts = (kind == variant::MAIN)
                    .then(|| variance_parts(records, (model, method), scores, i, std));
                let (sd_split, sd_training, sd_estimator) = parts.unwrap_or_default();
                lines.push(ImportanceLine {
                    model: model.clone(),
                    method: method.clone(),
                    feature: feature.clone(),
                    mean: means[i],
                    std,
                    median: quantile(&values, 0.5),
                    low: quantile(&values, f64::midpoint(0.0, 1.0 - CENTRAL)),
                    high: quantile(&values, f64::midpoint(1.0, CENTRAL)),
                    share: if total > 0.0 { means[i].abs() / total } else { 0.0 },
                    sd_split,
                    sd_training,
                    sd_estimator,
                    n_fits: values.len(),
                });
            }
        }
    }
    lines
}

/// Split, training and estimator: the last two from pairs that differ in nothing else, the first
/// is what remains of the variance over all fits.
fn variance_parts(
    records: &Records,
    (model, method): (&str, &str),
    main: &Scores,
    column: usize,
    std: f64,
) -> (Option<f64>, Option<f64>, Option<f64>) {
    let training = twin_variance(main, records.scores(variant::RETRAINED, model, method), column);
    let estimator =
        twin_variance(main, records.scores(variant::RE_ESTIMATED, model, method), column);
    let split = training.map(|t| (std * std - t - estimator.unwrap_or(0.0)).max(0.0).sqrt());
    (split, training.map(f64::sqrt), estimator.map(f64::sqrt))
}

/// Half the mean squared difference of pairs is the variance of what differs between them.
fn twin_variance(main: &Scores, twins: Option<&Scores>, column: usize) -> Option<f64> {
    let twins = twins?;
    let mut sum = 0.0;
    for (row, fit) in twins.fits.iter().enumerate() {
        let same = main.fits.iter().position(|other| other == fit)?;
        sum += (main.values[[same, column]] - twins.values[[row, column]]).powi(2);
    }
    Some(sum / (2 * twins.fits.len()) as f64)
}

/// `agreement.csv`: every pair of methods, then every method with itself.
///
/// # Errors
///
/// If two methods do not have the same fits.
pub fn agreement(records: &Records) -> Result<Vec<AgreementLine>> {
    let keys: Vec<&Key> = records.keys(variant::MAIN).collect();
    let mut lines = Vec::new();
    for (i, a) in keys.iter().enumerate() {
        for b in &keys[i..] {
            for (measure, _) in &MEASURES {
                lines.extend(between(records, measure, a, b)?);
            }
        }
    }
    Ok(lines)
}

/// The agreement of two methods over the fits they share; of a method with itself over all
/// pairs of its fits.
fn between(records: &Records, measure: &str, a: &Key, b: &Key) -> Result<Option<AgreementLine>> {
    let find = |key: &Key| records.scores(variant::MAIN, &key.0, &key.1);
    let (Some(first), Some(second)) = (find(a), find(b)) else { return Ok(None) };
    let agreement = named(measure);
    let spread = if a == b {
        if first.fits.len() < 2 {
            return Ok(None);
        }
        self_agreement(agreement, first.values.view())?
    } else {
        let (first, second) = shared_fits(first, second);
        over_replicates(agreement, first.view(), second.view())?
    };
    let (Some(median), Some(low), Some(high)) = (spread.median, spread.low, spread.high) else {
        return Ok(None);
    };
    Ok(Some(AgreementLine {
        model_a: a.0.clone(),
        method_a: a.1.clone(),
        model_b: b.0.clone(),
        method_b: b.1.clone(),
        measure: measure.to_owned(),
        median,
        low,
        high,
        n_values: spread.values.len() - spread.n_undefined,
        n_undefined: spread.n_undefined,
    }))
}

fn named(measure: &str) -> Agreement {
    MEASURES.iter().find(|(name, _)| *name == measure).map_or(Agreement::Pearson, |(_, m)| *m)
}

/// The rows of both for the fits that both have, in the first's order.
fn shared_fits(a: &Scores, b: &Scores) -> (ndarray::Array2<f64>, ndarray::Array2<f64>) {
    let (mut rows_a, mut rows_b) = (Vec::new(), Vec::new());
    for (row, fit) in a.fits.iter().enumerate() {
        if let Some(other) = b.fits.iter().position(|candidate| candidate == fit) {
            rows_a.push(row);
            rows_b.push(other);
        }
    }
    (a.values.select(Axis(0), &rows_a), b.values.select(Axis(0), &rows_b))
}

/// Single-fit agreements of two methods, each given as variant, model and method, paired by fit;
/// undefined ones left out.
pub fn paired(
    records: &Records,
    measure: &str,
    a: (&str, &str, &str),
    b: (&str, &str, &str),
) -> Vec<((u64, usize), f64)> {
    let (Some(first), Some(second)) =
        (records.scores(a.0, a.1, a.2), records.scores(b.0, b.1, b.2))
    else {
        return Vec::new();
    };
    let agreement = named(measure);
    let mut values = Vec::new();
    for (row, fit) in first.fits.iter().enumerate() {
        let Some(other) = second.fits.iter().position(|candidate| candidate == fit) else {
            continue;
        };
        let (x, y) = (first.values.row(row).to_vec(), second.values.row(other).to_vec());
        if let Ok(Some(value)) = agreement.between(&x, &y) {
            values.push((*fit, value));
        }
    }
    values
}

/// `values` in ascending order.
pub(crate) fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_unstable_by(f64::total_cmp);
    values
}

/// The quantile of sorted values, NaN of none.
pub(crate) fn quantile(sorted: &[f64], q: f64) -> f64 {
    fi_core::quantile(sorted, q).unwrap_or(f64::NAN)
}

/// The mean around the first value, so that equal values have exactly this mean and no spread.
fn mean(values: &[f64]) -> f64 {
    let first = values.first().copied().unwrap_or(f64::NAN);
    first + values.iter().map(|value| value - first).sum::<f64>() / values.len() as f64
}

fn sample_std(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    if n < 2.0 {
        return 0.0;
    }
    let centre = mean(values);
    (values.iter().map(|value| (value - centre).powi(2)).sum::<f64>() / (n - 1.0)).sqrt()
}
