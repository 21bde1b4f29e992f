//! What boosting minimizes: losses with their first and second derivatives.

use fi_core::{Dataset, Error, Result, Run, Target, require};
use serde::{Deserialize, Serialize};

use super::super::link::Link;
use super::quantile::weighted_quantile;

/// So many rows are one task; the same for any number of threads.
pub(super) const CHUNK: usize = 4096;

/// Probabilities are kept away from 0 and 1 by this much where a logarithm needs it.
const EPSILON: f64 = 1e-15;

/// What gradient boosting minimizes, with `z` the raw prediction and `y` the target of a row.
///
/// ```text
///                  loss                          prediction
/// SquaredError     (z − y)²/2                    z
/// AbsoluteError    |z − y|                       z
/// Quantile         a(y − z) or (1−a)(z − y)      z, the quantile of level a
/// Huber            (z − y)²/2 up to δ, then      z
///                  δ(|z − y| − δ/2)
/// Poisson          exp(z) − y z                  exp(z)      y ≥ 0
/// Gamma            z + y exp(−z)                 exp(z)      y > 0
/// LogLoss          −ln p(y)                      p: σ(z) for 2 classes, softmax for more
/// ```
///
/// `AbsoluteError` and `Quantile` have no second derivative: their trees are grown on the signs of
/// the residuals, and a leaf's value is the median (the quantile) of its residuals. For the softmax
/// the diagonal `K/(K−1) · p(1−p)` stands for the Hessian of `K` classes, as Friedman and LightGBM
/// have it.
///
/// Under `Poisson` and `Gamma` a leaf whose mean is far from what was predicted takes a long step,
/// and may overshoot: a lower learning rate, `l2_regularization` or a larger `min_sum_hessian`
/// shortens it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Loss {
    /// The mean is predicted.
    SquaredError,
    /// The median is predicted; rows far off count no more than others.
    AbsoluteError,
    /// The quantile of this level is predicted.
    Quantile {
        /// The share of rows that shall lie below the prediction, inside (0, 1).
        level: f64,
    },
    /// Squared near the target, absolute beyond `delta`.
    Huber {
        /// Where the loss becomes linear, in units of the target; positive.
        delta: f64,
    },
    /// Counts and rates: the logarithm of the mean is boosted.
    Poisson,
    /// Positive, skewed amounts: the logarithm of the mean is boosted.
    Gamma,
    /// Classes: logistic for two of them, softmax with one tree per class and round for more.
    LogLoss,
}

/// A loss, with the target in the form it needs.
pub(super) enum Objective {
    /// A number per row.
    Values(Loss, Vec<f64>),
    /// 0 or 1 per row.
    Logistic(Vec<f64>),
    /// A class per row, and how many there are.
    Softmax(Vec<usize>, usize),
}

impl Objective {
    /// Checks that the loss can be had for this target.
    pub(super) fn new(loss: Loss, data: &Dataset) -> Result<Self> {
        match loss {
            Loss::Quantile { level } => {
                require(0.0 < level && level < 1.0, "level", level, "inside (0, 1)")?;
            }
            Loss::Huber { delta } => {
                require(delta > 0.0 && delta.is_finite(), "delta", delta, "positive and finite")?;
            }
            _ => {}
        }
        let fits = |fits: bool, what: &str| require(fits, "loss", format!("{loss:?}"), what);
        match data.target() {
            Target::Values(values) => {
                fits(loss != Loss::LogLoss, "one for values for regression")?;
                check_range(loss, values)?;
                Ok(Self::Values(loss, values.clone()))
            }
            Target::Classes { labels, names } => {
                fits(loss == Loss::LogLoss, "LogLoss for classification")?;
                match names.len() {
                    0 | 1 => Err(Error::Data(
                        "the target has 1 class, boosting needs at least 2 to tell apart".into(),
                    )),
                    2 => Ok(Self::Logistic(labels.iter().map(|&label| label as f64).collect())),
                    n => Ok(Self::Softmax(labels.clone(), n)),
                }
            }
        }
    }

    pub(super) fn link(&self) -> Link {
        match self {
            Self::Values(Loss::Poisson | Loss::Gamma, _) => Link::Exp,
            Self::Values(..) => Link::Identity,
            Self::Logistic(_) => Link::Logistic { slope: 1.0 },
            Self::Softmax(..) => Link::Softmax,
        }
    }

    /// How many raw predictions a row has, and trees a round.
    pub(super) fn n_outputs(&self) -> usize {
        match self {
            Self::Softmax(_, n_classes) => *n_classes,
            _ => 1,
        }
    }

    /// Whether every row's Hessian is its weight.
    pub(super) fn has_unit_hessians(&self) -> bool {
        matches!(self, Self::Values(loss, _) if !matches!(loss, Loss::Poisson | Loss::Gamma))
    }

    /// The level of the quantile that a leaf's value is, where it is one.
    pub(super) fn leaf_quantile(&self) -> Option<f64> {
        match self {
            Self::Values(Loss::AbsoluteError, _) => Some(0.5),
            Self::Values(Loss::Quantile { level }, _) => Some(*level),
            _ => None,
        }
    }

    /// A row's target, for losses of values.
    pub(super) fn value(&self, row: usize) -> f64 {
        match self {
            Self::Values(_, values) | Self::Logistic(values) => values[row],
            Self::Softmax(labels, _) => labels[row] as f64,
        }
    }

    /// The constant raw predictions with the smallest loss.
    pub(super) fn base(&self, weights: Option<&[f64]>) -> Vec<f64> {
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
        let mean = |values: &[f64]| {
            let sum: f64 = values.iter().enumerate().map(|(row, y)| weight(row) * y).sum();
            let total: f64 = (0..values.len()).map(weight).sum();
            sum / total
        };
        let quantile = |values: &[f64], level: f64| {
            let pairs = values.iter().enumerate().map(|(row, &y)| (y, weight(row)));
            weighted_quantile(pairs.collect(), weights.is_some(), level)
        };
        match self {
            Self::Values(Loss::Poisson | Loss::Gamma, values) => {
                vec![mean(values).max(f64::MIN_POSITIVE).ln()]
            }
            Self::Values(Loss::AbsoluteError | Loss::Huber { .. }, values) => {
                vec![quantile(values, 0.5)]
            }
            Self::Values(Loss::Quantile { level }, values) => vec![quantile(values, *level)],
            Self::Values(_, values) => vec![mean(values)],
            Self::Logistic(labels) => {
                let p = mean(labels).clamp(EPSILON, 1.0 - EPSILON);
                vec![(p / (1.0 - p)).ln()]
            }
            Self::Softmax(labels, n_classes) => {
                let mut sums = vec![0.0; *n_classes];
                labels.iter().enumerate().for_each(|(row, &label)| sums[label] += weight(row));
                let total: f64 = sums.iter().sum();
                sums.iter().map(|sum| (sum / total).max(EPSILON).ln()).collect()
            }
        }
    }

    /// The class probabilities `n_rows × n_classes` of raw predictions; empty but for softmax.
    pub(super) fn probabilities(&self, run: &Run<'_>, raw: &[f64]) -> Result<Vec<f64>> {
        let Self::Softmax(_, n_classes) = self else { return Ok(Vec::new()) };
        let mut probabilities = raw.to_vec();
        run.for_chunks(&mut probabilities, CHUNK * n_classes, |_, _, chunk| {
            for row in chunk.chunks_exact_mut(*n_classes) {
                let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                for z in row.iter_mut() {
                    *z = (*z - largest).exp();
                }
                let sum: f64 = row.iter().sum();
                for p in row {
                    *p /= sum;
                }
            }
            Ok(())
        })?;
        Ok(probabilities)
    }

    /// Sets `pairs` to each row's gradient and Hessian in this output, without weights.
    pub(super) fn derivatives(
        &self,
        output: usize,
        first_row: usize,
        raw: &[f64],
        probabilities: &[f64],
        pairs: &mut [[f64; 2]],
    ) {
        let rows = first_row..first_row + pairs.len();
        let each = |pairs: &mut [[f64; 2]], values: &[f64], of: &dyn Fn(f64, f64) -> [f64; 2]| {
            let inputs = raw[rows.clone()].iter().zip(&values[rows.clone()]);
            pairs.iter_mut().zip(inputs).for_each(|(pair, (&z, &y))| *pair = of(z, y));
        };
        match self {
            Self::Values(loss, values) => match *loss {
                Loss::AbsoluteError => {
                    each(pairs, values, &|z, y| {
                        [f64::from(i8::from(z > y) - i8::from(z < y)), 1.0]
                    });
                }
                Loss::Quantile { level } => {
                    each(pairs, values, &|z, y| [if z >= y { 1.0 - level } else { -level }, 1.0]);
                }
                Loss::Huber { delta } => {
                    each(pairs, values, &|z, y| [(z - y).clamp(-delta, delta), 1.0]);
                }
                Loss::Poisson => each(pairs, values, &|z, y| {
                    let mean = z.exp();
                    [mean - y, mean]
                }),
                Loss::Gamma => each(pairs, values, &|z, y| {
                    let ratio = y * (-z).exp();
                    [1.0 - ratio, ratio]
                }),
                Loss::SquaredError | Loss::LogLoss => {
                    for (pair, row) in pairs.iter_mut().zip(rows) {
                        *pair = [raw[row] - values[row], 1.0];
                    }
                }
            },
            Self::Logistic(labels) => {
                for (pair, row) in pairs.iter_mut().zip(rows) {
                    let p = 1.0 / (1.0 + (-raw[row]).exp());
                    *pair = [p - labels[row], p * (1.0 - p)];
                }
            }
            Self::Softmax(labels, n_classes) => {
                let factor = *n_classes as f64 / (*n_classes as f64 - 1.0);
                for (pair, row) in pairs.iter_mut().zip(rows) {
                    let p = probabilities[row * n_classes + output];
                    let y = f64::from(u8::from(labels[row] == output));
                    *pair = [p - y, factor * p * (1.0 - p)];
                }
            }
        }
    }

    /// The weighted mean loss of raw predictions `n_rows × n_outputs`.
    pub(super) fn mean(&self, raw: &[f64], weights: Option<&[f64]>) -> f64 {
        let n_outputs = self.n_outputs();
        let (mut sum, mut total) = (0.0, 0.0);
        for (row, raw) in raw.chunks_exact(n_outputs).enumerate() {
            let weight = weights.map_or(1.0, |weights| weights[row]);
            sum += weight * self.row_loss(row, raw);
            total += weight;
        }
        sum / total
    }

    fn row_loss(&self, row: usize, raw: &[f64]) -> f64 {
        let z = raw[0];
        match self {
            Self::Values(loss, values) => {
                let y = values[row];
                match *loss {
                    Loss::AbsoluteError => (z - y).abs(),
                    Loss::Quantile { level } => (level * (y - z)).max((1.0 - level) * (z - y)),
                    Loss::Huber { delta } if (z - y).abs() > delta => {
                        delta * ((z - y).abs() - 0.5 * delta)
                    }
                    Loss::Poisson => z.exp() - y * z,
                    Loss::Gamma => z + y * (-z).exp(),
                    Loss::SquaredError | Loss::Huber { .. } | Loss::LogLoss => {
                        0.5 * (z - y) * (z - y)
                    }
                }
            }
            // ln(1 + eᶻ) − y z, without overflow.
            Self::Logistic(labels) => z.max(0.0) + (-z.abs()).exp().ln_1p() - labels[row] * z,
            Self::Softmax(labels, _) => {
                let largest = raw.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = raw.iter().map(|z| (z - largest).exp()).sum();
                largest + sum.ln() - raw[labels[row]]
            }
        }
    }
}

fn check_range(loss: Loss, values: &[f64]) -> Result<()> {
    let (name, positive) = match loss {
        Loss::Poisson => ("Poisson", false),
        Loss::Gamma => ("gamma", true),
        _ => return Ok(()),
    };
    let fits = |&y: &f64| if positive { y > 0.0 } else { y >= 0.0 };
    if let Some(row) = values.iter().position(|y| !fits(y)) {
        let range = if positive { "above 0" } else { "of at least 0" };
        return Err(Error::Data(format!(
            "the target is `{}` in row {row}, the {name} loss needs values {range}",
            values[row]
        )));
    }
    Ok(())
}
