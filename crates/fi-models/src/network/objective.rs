//! What training makes small: losses, their slopes by the margins, and the rows' weights.

use fi_core::{Dataset, Error, Result, Target, require_shape};
use serde::{Deserialize, Serialize};

use super::fitted::softmax;
use super::real::Real;

/// What a row of each class weighs in training, on top of its own weight.
///
/// With `n` training rows, `nₖ` of them of class `k` and `K` classes that occur, `Balanced` weighs
/// a row of class `k` by `n / (K nₖ)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ClassWeights {
    /// All rows the same.
    Equal,
    /// Every class as much as every other.
    Balanced,
    /// These weights, one per class in class order, all above 0.
    Given(Vec<f64>),
}

impl ClassWeights {
    pub(super) fn check(&self, target: &Target) -> Result<()> {
        let Some(n_classes) = target.n_classes() else {
            return if *self == Self::Equal {
                Ok(())
            } else {
                Err(Error::Data(
                    "class weights need classes, but the target is numbers: leave them equal"
                        .into(),
                ))
            };
        };
        let Self::Given(weights) = self else { return Ok(()) };
        require_shape("the list of class weights", &[n_classes], &[weights.len()])?;
        match weights.iter().position(|w| !(*w > 0.0 && w.is_finite())) {
            None => Ok(()),
            Some(class) => Err(Error::Data(format!(
                "the weight of class {class} is `{}`, class weights must be above 0 and finite",
                weights[class]
            ))),
        }
    }

    /// The rows' weights times those of their classes, divided by their mean over the training
    /// rows; `None` if all are the same.
    pub(super) fn row_weights(&self, data: &Dataset, training: &[usize]) -> Option<Vec<f64>> {
        let factors = match (self, data.target().n_classes()) {
            (Self::Given(weights), _) => Some(weights.clone()),
            (Self::Balanced, Some(n_classes)) => {
                let mut counts = vec![0_usize; n_classes];
                let labels = data.target().labels().unwrap_or_default();
                for &row in training {
                    counts[labels[row]] += 1;
                }
                let n_present = counts.iter().filter(|count| **count > 0).count();
                let share =
                    |count: &usize| training.len() as f64 / (n_present * (*count).max(1)) as f64;
                Some(counts.iter().map(share).collect())
            }
            _ => None,
        };
        if factors.is_none() && data.weights().is_none() {
            return None;
        }
        let own = |row: usize| data.weights().map_or(1.0, |weights| weights[row]);
        let class = |row: usize| {
            let labels = data.target().labels();
            factors.as_ref().zip(labels).map_or(1.0, |(factors, labels)| factors[labels[row]])
        };
        let weights: Vec<f64> = (0..data.n_rows()).map(|row| own(row) * class(row)).collect();
        let mean = training.iter().map(|&row| weights[row]).sum::<f64>() / training.len() as f64;
        Some(weights.iter().map(|weight| weight / mean).collect())
    }
}

/// What the network is to predict, which also fixes its loss.
#[derive(Debug, Clone, Copy)]
pub(super) enum Goal<'a> {
    /// Classes: softmax and cross-entropy.
    Classes(&'a [usize]),
    /// Numbers: a linear output and the squared error.
    Values(&'a [f64]),
}

impl<'a> Goal<'a> {
    pub(super) fn of(target: &'a Target) -> Self {
        match target {
            Target::Classes { labels, .. } => Self::Classes(labels),
            Target::Values(values) => Self::Values(values),
        }
    }
}

/// Sums over some rows, so that batches can be added up.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sums {
    /// `Σ weight · loss`, without the L2 term.
    pub(super) loss: f64,
    /// `Σ weight` of the rows whose class was predicted.
    pub(super) correct: f64,
    /// `Σ weight`.
    pub(super) weight: f64,
}

impl Sums {
    pub(super) fn add(&mut self, other: Self) {
        self.loss += other.loss;
        self.correct += other.correct;
        self.weight += other.weight;
    }
}

/// The losses of a batch, from its margins; `slopes` gets the slope of `Σ weight · loss / n` by
/// each of them. `answers` hears each row's prediction.
pub(super) fn losses<T: Real>(
    goal: Goal<'_>,
    weights: Option<&[f64]>,
    rows: &[usize],
    margins: &[T],
    slopes: &mut [T],
    mut answers: impl FnMut(&[f64]),
) -> Sums {
    let n_out = margins.len() / rows.len();
    let n_rows = rows.len() as f64;
    let mut sums = Sums::default();
    let mut output = vec![0.0; n_out];
    let batch = margins.chunks_exact(n_out).zip(slopes.chunks_exact_mut(n_out)).zip(rows);
    for ((margins, slopes), &row) in batch {
        output.iter_mut().zip(margins).for_each(|(to, z)| *to = z.wide());
        let weight = weights.map_or(1.0, |weights| weights[row]);
        sums.weight += weight;
        match goal {
            Goal::Classes(labels) => {
                let label = labels[row];
                let margin = output[label];
                let log_sum = softmax(&mut output);
                sums.loss += weight * (log_sum - margin);
                if argmax(&output) == label {
                    sums.correct += weight;
                }
                for (class, (slope, p)) in slopes.iter_mut().zip(&output).enumerate() {
                    let own = if class == label { weight / n_rows } else { 0.0 };
                    *slope = T::of(weight / n_rows * p - own);
                }
            }
            Goal::Values(values) => {
                let error = output[0] - values[row];
                sums.loss += weight * error * error;
                slopes[0] = T::of(2.0 * weight / n_rows * error);
            }
        }
        answers(&output);
    }
    sums
}

/// The first of the largest values.
fn argmax(values: &[f64]) -> usize {
    let mut best = 0;
    for (i, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = i;
        }
    }
    best
}
