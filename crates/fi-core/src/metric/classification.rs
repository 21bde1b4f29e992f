//! Metrics of classes: accuracies, log loss, Brier score, F1, Matthews correlation.

use ndarray::ArrayView2;

use super::check::check_finite;
use super::{Average, Classes, Metric};
use crate::error::{Error, Result, require_shape};
use crate::model::Output;

/// How far a row of probabilities may miss its sum of 1, or one of them miss `[0, 1]`:
/// what single-precision models lose over many classes.
const TOLERANCE: f64 = 1e-5;

/// The loss of each row: accuracy, log loss and Brier score.
pub(super) fn losses(
    metric: &Metric,
    predictions: ArrayView2<'_, f64>,
    output: Output,
    classes: Classes<'_>,
) -> Result<Vec<f64>> {
    let rows = predictions.rows().into_iter().zip(classes.labels);
    match metric {
        Metric::LogLoss => {
            check_output(metric, predictions, output, classes)?;
            let loss = |p: f64| -p.clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln();
            if let Some(all) = predictions.as_slice() {
                // A processor looks at the next row while it waits for a logarithm.
                let mut fine = true;
                let mut of = |row: &[f64], label: usize| {
                    fine &= is_distribution(row);
                    loss(row[label])
                };
                let rows = all.chunks_exact(predictions.ncols().max(1)).zip(classes.labels);
                let losses = match predictions.ncols() {
                    2 => rows.map(|(row, &label)| of(&[row[0], row[1]], label)).collect(),
                    _ => rows.map(|(row, &label)| of(row, label)).collect(),
                };
                if fine {
                    return Ok(losses);
                }
            }
            check_probabilities(metric, predictions, output, classes)?;
            Ok(rows.map(|(row, &label)| loss(row[label])).collect())
        }
        Metric::Brier => {
            check_probabilities(metric, predictions, output, classes)?;
            let scale = if classes.names.len() < 3 { 0.5 } else { 1.0 };
            let square = |class: usize, p: f64, label: usize| {
                let error = p - f64::from(u8::from(class == label));
                error * error
            };
            Ok(rows
                .map(|(row, &label)| {
                    let squares = row.iter().enumerate().map(|(k, &p)| square(k, p, label));
                    scale * squares.sum::<f64>()
                })
                .collect())
        }
        _ => {
            let predicted = labels(metric, predictions, output, classes)?;
            let wrong = predicted.iter().zip(classes.labels).map(|(p, y)| p != y);
            Ok(wrong.map(|wrong| f64::from(u8::from(wrong))).collect())
        }
    }
}

/// Balanced accuracy, F1 and MCC, from the diagonal and the margins of the confusion matrix.
pub(super) fn score(
    metric: &Metric,
    predictions: ArrayView2<'_, f64>,
    output: Output,
    classes: Classes<'_>,
    weights: &[f64],
) -> Result<f64> {
    let n_classes = classes.names.len();
    if matches!(metric, Metric::F1 { average: Average::Binary }) && n_classes != 2 {
        return Err(metric.refuse("two classes or another average", format!("{n_classes} classes")));
    }
    let predicted = labels(metric, predictions, output, classes)?;
    let table = Table::new(n_classes, classes.labels, &predicted, weights);
    Ok(match metric {
        Metric::F1 { average } => table.f1(*average),
        Metric::Mcc => table.mcc(),
        _ => table.balanced_accuracy(),
    })
}

/// What is needed of a confusion matrix, as sums of weights per class.
struct Table {
    hits: Vec<f64>,
    truth: Vec<f64>,
    predicted: Vec<f64>,
}

impl Table {
    fn new(n_classes: usize, truth: &[usize], predicted: &[usize], weights: &[f64]) -> Self {
        let zeros = || vec![0.0; n_classes];
        let mut table = Self { hits: zeros(), truth: zeros(), predicted: zeros() };
        for ((&truth, &predicted), &weight) in truth.iter().zip(predicted).zip(weights) {
            table.truth[truth] += weight;
            table.predicted[predicted] += weight;
            if truth == predicted {
                table.hits[truth] += weight;
            }
        }
        table
    }

    fn balanced_accuracy(&self) -> f64 {
        let present = self.hits.iter().zip(&self.truth).filter(|&(_, &truth)| truth > 0.0);
        let recalls: Vec<f64> = present.map(|(hits, truth)| hits / truth).collect();
        recalls.iter().sum::<f64>() / recalls.len() as f64
    }

    fn f1(&self, average: Average) -> f64 {
        let f1 = |hits: f64, both: f64| if both > 0.0 { 2.0 * hits / both } else { 0.0 };
        let total = |values: &[f64]| values.iter().sum::<f64>();
        let class = |k: usize| f1(self.hits[k], self.truth[k] + self.predicted[k]);
        match average {
            Average::Binary => class(1),
            Average::Micro => f1(total(&self.hits), total(&self.truth) + total(&self.predicted)),
            Average::Macro => {
                let used: Vec<usize> = (0..self.hits.len())
                    .filter(|&k| self.truth[k] + self.predicted[k] > 0.0)
                    .collect();
                used.iter().map(|&k| class(k)).sum::<f64>() / used.len() as f64
            }
            Average::Weighted => {
                let sum: f64 = (0..self.hits.len()).map(|k| self.truth[k] * class(k)).sum();
                sum / total(&self.truth)
            }
        }
    }

    fn mcc(&self) -> f64 {
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let n: f64 = self.predicted.iter().sum();
        let covariance = self.hits.iter().sum::<f64>() * n - dot(&self.truth, &self.predicted);
        let constant = |sums: &[f64]| sums.iter().filter(|&&sum| sum > 0.0).count() < 2;
        if constant(&self.truth) || constant(&self.predicted) {
            return 0.0;
        }
        let spread = |sums: &[f64]| (n * n - dot(sums, sums)).sqrt();
        covariance / (spread(&self.truth) * spread(&self.predicted))
    }
}

/// The predicted class of each row.
fn labels(
    metric: &Metric,
    predictions: ArrayView2<'_, f64>,
    output: Output,
    classes: Classes<'_>,
) -> Result<Vec<usize>> {
    check_columns(metric, predictions, output, classes)?;
    let n_classes = classes.names.len();
    if matches!(output, Output::Labels) {
        let label = |(row, &value): (usize, &f64)| {
            let class = value as usize;
            if class as f64 == value && class < n_classes {
                return Ok(class);
            }
            let row = classes.first + row;
            Err(Error::Data(format!(
                "the predicted label is `{value}` in row {row}, it must be a class from 0 to {}",
                n_classes - 1
            )))
        };
        return predictions.iter().enumerate().map(label).collect();
    }
    Ok(predictions
        .rows()
        .into_iter()
        .map(|row| match row.len() {
            1 => usize::from(n_classes == 2 && row[0] > 0.0),
            _ => (1..row.len()).fold(0, |best, k| if row[k] > row[best] { k } else { best }),
        })
        .collect())
}

/// A prediction of classes must have the columns that its output asks for.
pub(super) fn check_columns(
    metric: &Metric,
    predictions: ArrayView2<'_, f64>,
    output: Output,
    classes: Classes<'_>,
) -> Result<()> {
    let n_columns = match output {
        Output::Values => {
            return Err(metric.refuse_output("probabilities, margins or labels", output));
        }
        Output::Labels => 1,
        Output::Margins if classes.names.len() == 2 && predictions.ncols() == 1 => 1,
        Output::Margins | Output::Probabilities => classes.names.len(),
    };
    require_shape("the prediction", &[classes.labels.len(), n_columns], predictions.shape())
}

/// Whether there are probabilities at all, one for each class.
fn check_output(
    metric: &Metric,
    predictions: ArrayView2<'_, f64>,
    output: Output,
    classes: Classes<'_>,
) -> Result<()> {
    if !matches!(output, Output::Probabilities) {
        return Err(metric.refuse_output("probabilities", output));
    }
    check_columns(metric, predictions, output, classes)
}

fn check_probabilities(
    metric: &Metric,
    predictions: ArrayView2<'_, f64>,
    output: Output,
    classes: Classes<'_>,
) -> Result<()> {
    check_output(metric, predictions, output, classes)?;
    // All rows at once, without a branch for each; what is wrong is looked for when something is.
    let fine = predictions.as_slice().is_some_and(|all| {
        let rows = all.chunks_exact(predictions.ncols().max(1));
        rows.fold(true, |fine, row| fine & is_distribution(row))
    });
    if fine {
        return Ok(());
    }
    check_finite(predictions).map_err(|error| error.with_row(|row| classes.first + row))?;
    let possible = -TOLERANCE..=1.0 + TOLERANCE;
    for (row, values) in (classes.first..).zip(predictions.rows()) {
        if let Some(class) = values.iter().position(|p| !possible.contains(p)) {
            return Err(Error::Data(format!(
                "the probability of class `{}` is `{}` in row {row}, it must be between 0 and 1",
                classes.names[class], values[class]
            )));
        }
        let sum: f64 = values.iter().sum();
        if (sum - 1.0).abs() > TOLERANCE {
            return Err(Error::Data(format!(
                "the probabilities sum to `{sum}` in row {row}, they must sum to 1"
            )));
        }
    }
    Ok(())
}

/// Whether these are probabilities that sum to 1; none that is not finite is.
fn is_distribution(values: &[f64]) -> bool {
    let possible = -TOLERANCE..=1.0 + TOLERANCE;
    let all_inside = values.iter().fold(true, |all, p| all & possible.contains(p));
    all_inside & ((values.iter().sum::<f64>() - 1.0).abs() <= TOLERANCE)
}
