//! Metrics of the order of rows: ROC AUC and average precision.
//!
//! Both walk down the rows from the highest score, one step per different score, so that tied
//! rows come together and their order among themselves does not count.

use ndarray::{ArrayView1, ArrayView2};

use super::classification::check_columns;
use super::{Average, Classes, Metric, MultiClass};
use crate::error::Result;
use crate::model::Output;

/// A row's score, whether it is in the class, and its weight.
type Row = (f64, bool, f64);

/// ROC AUC of two classes, or of more put together.
pub(super) fn roc_auc(
    metric: &Metric,
    multiclass: MultiClass,
    average: Average,
    predictions: ArrayView2<'_, f64>,
    output: Output,
    classes: Classes<'_>,
    weights: &[f64],
) -> Result<f64> {
    check_scores(metric, predictions, output, classes)?;
    let labels = classes.labels;
    let totals = totals(classes, weights);
    if totals.iter().filter(|&&total| total > 0.0).count() < 2 {
        return Err(metric.refuse("rows of at least two classes", "rows of one class"));
    }
    if classes.names.len() == 2 {
        return area(metric, binary(predictions, output, classes, weights));
    }
    if !matches!(output, Output::Probabilities) {
        return Err(metric.refuse_output("probabilities for more than two classes", output));
    }
    match multiclass {
        MultiClass::OneVsRest => over_classes(metric, average, predictions, classes, weights, area),
        MultiClass::OneVsOne => {
            let uniform = match average {
                Average::Macro => true,
                Average::Weighted => false,
                _ => return Err(metric.refuse("a macro or weighted average", "another average")),
            };
            let present: Vec<usize> = (0..totals.len()).filter(|&k| totals[k] > 0.0).collect();
            let (mut sum, mut sum_of_weights) = (0.0, 0.0);
            for (i, &a) in present.iter().enumerate() {
                for &b in &present[i + 1..] {
                    let side = |class: usize| {
                        let rows = (0..weights.len()).filter(|&row| [a, b].contains(&labels[row]));
                        let of =
                            |row| (predictions[[row, class]], labels[row] == class, weights[row]);
                        area(metric, rows.map(of).collect())
                    };
                    let weight = if uniform { 1.0 } else { totals[a] + totals[b] };
                    sum += weight * f64::midpoint(side(a)?, side(b)?);
                    sum_of_weights += weight;
                }
            }
            Ok(sum / sum_of_weights)
        }
    }
}

/// Average precision of two classes, or of more put together.
pub(super) fn average_precision(
    metric: &Metric,
    average: Average,
    predictions: ArrayView2<'_, f64>,
    output: Output,
    classes: Classes<'_>,
    weights: &[f64],
) -> Result<f64> {
    check_scores(metric, predictions, output, classes)?;
    if classes.names.len() == 2 {
        return precision(metric, binary(predictions, output, classes, weights));
    }
    over_classes(metric, average, predictions, classes, weights, precision)
}

/// Scores each class against all others and averages.
fn over_classes(
    metric: &Metric,
    average: Average,
    predictions: ArrayView2<'_, f64>,
    classes: Classes<'_>,
    weights: &[f64],
    score: fn(&Metric, Vec<Row>) -> Result<f64>,
) -> Result<f64> {
    let n_classes = classes.names.len();
    let rows_of = |class: usize| {
        let rows = classes.labels.iter().zip(weights).enumerate();
        rows.map(move |(row, (&label, &weight))| {
            (predictions[[row, class]], label == class, weight)
        })
    };
    let totals = totals(classes, weights);
    let mut sum = 0.0;
    for (class, &total) in totals.iter().enumerate() {
        let score_class = || score(metric, rows_of(class).collect());
        sum += match average {
            Average::Binary => {
                return Err(
                    metric.refuse("two classes or another average", format!("{n_classes} classes"))
                );
            }
            Average::Micro => return score(metric, (0..n_classes).flat_map(rows_of).collect()),
            Average::Macro if total > 0.0 => score_class()? / n_classes as f64,
            Average::Macro => {
                let absent = format!("no row of class `{}`", classes.names[class]);
                return Err(metric.refuse("rows of every class or a weighted average", absent));
            }
            Average::Weighted if total > 0.0 => total * score_class()?,
            Average::Weighted => 0.0,
        };
    }
    Ok(if matches!(average, Average::Weighted) { sum / totals.iter().sum::<f64>() } else { sum })
}

/// Area under the ROC curve by trapezoids: tied rows count half.
fn area(metric: &Metric, rows: Vec<Row>) -> Result<f64> {
    let (mut area, mut hits, mut misses) = (0.0, 0.0, 0.0);
    for (is, is_not) in steps(rows) {
        area += is_not * (hits + is / 2.0);
        hits += is;
        misses += is_not;
    }
    if hits > 0.0 && misses > 0.0 {
        return Ok(area / hits / misses);
    }
    Err(metric.refuse("rows of at least two classes", "rows of one class"))
}

/// `∑ (Rₙ − Rₙ₋₁) Pₙ` over the different scores, without interpolation.
fn precision(metric: &Metric, rows: Vec<Row>) -> Result<f64> {
    let (mut sum, mut hits, mut all) = (0.0, 0.0, 0.0);
    for (is, is_not) in steps(rows) {
        hits += is;
        all += is + is_not;
        sum += is * hits / all;
    }
    if hits > 0.0 {
        return Ok(sum / hits);
    }
    Err(metric.refuse("rows of the second class", "rows of the first class only"))
}

/// The weight inside and outside the class at each different score, from the highest.
fn steps(mut rows: Vec<Row>) -> Vec<(f64, f64)> {
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    let sum =
        |group: &[Row], side: bool| group.iter().filter(|row| row.1 == side).map(|row| row.2).sum();
    rows.chunk_by(|a, b| a.0 == b.0).map(|group| (sum(group, true), sum(group, false))).collect()
}

/// The weight of each class.
fn totals(classes: Classes<'_>, weights: &[f64]) -> Vec<f64> {
    let mut totals = vec![0.0; classes.names.len()];
    for (&label, weight) in classes.labels.iter().zip(weights) {
        totals[label] += weight;
    }
    totals
}

/// The rows scored for the second of two classes.
fn binary(
    predictions: ArrayView2<'_, f64>,
    output: Output,
    classes: Classes<'_>,
    weights: &[f64],
) -> Vec<Row> {
    let score = |row: ArrayView1<'_, f64>| match (row.len(), output) {
        (1, _) => row[0],
        (_, Output::Margins) => row[1] - row[0],
        _ => row[1],
    };
    let rows = predictions.rows().into_iter().zip(classes.labels).zip(weights);
    rows.map(|((row, &label), &weight)| (score(row), label == 1, weight)).collect()
}

fn check_scores(
    metric: &Metric,
    predictions: ArrayView2<'_, f64>,
    output: Output,
    classes: Classes<'_>,
) -> Result<()> {
    if matches!(output, Output::Labels | Output::Values) {
        return Err(metric.refuse_output("probabilities or margins", output));
    }
    check_columns(metric, predictions, output, classes)
}
