//! How well predictions fit a target, and which way is better.

use std::sync::Arc;

use ndarray::ArrayView2;

use crate::dataset::Target;
use crate::error::{Error, Result};
use crate::model::Output;

/// Which way a metric is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Higher is better: accuracy, R².
    Higher,
    /// Lower is better: log loss, MSE.
    Lower,
}

/// A score of predictions against a target.
#[derive(Clone)]
#[non_exhaustive]
pub enum Metric {
    /// Share of rows whose class is predicted.
    Accuracy,
    /// Mean negative log-likelihood of the true class, in nats.
    LogLoss,
    /// Mean squared error.
    Mse,
    /// Any other score.
    Custom(Custom),
}

/// A metric of the user's own.
#[derive(Clone)]
pub struct Custom {
    /// Its name.
    pub name: String,
    /// Which way is better.
    pub direction: Direction,
    /// Scores predictions `(n_rows, n_outputs)` against the target, with weights if there are any.
    #[expect(clippy::type_complexity, reason = "one closure, named once")]
    pub score:
        Arc<dyn Fn(ArrayView2<'_, f64>, &Target, Option<&[f64]>) -> Result<f64> + Send + Sync>,
}

impl Metric {
    /// The metric's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Accuracy => "accuracy",
            Self::LogLoss => "log loss",
            Self::Mse => "MSE",
            Self::Custom(custom) => &custom.name,
        }
    }

    /// Which way is better.
    pub fn direction(&self) -> Direction {
        match self {
            Self::Accuracy => Direction::Higher,
            Self::LogLoss | Self::Mse => Direction::Lower,
            Self::Custom(custom) => custom.direction,
        }
    }

    /// How much worse `without` is than `with`: positive if something was lost.
    pub fn worse(&self, with: f64, without: f64) -> f64 {
        match self.direction() {
            Direction::Higher => with - without,
            Direction::Lower => without - with,
        }
    }

    /// Scores predictions `(n_rows, n_outputs)`, whose columns are `output`, against a target.
    ///
    /// # Errors
    ///
    /// [`Error::Metric`] if the metric cannot score this output against this target.
    pub fn score(
        &self,
        predictions: ArrayView2<'_, f64>,
        output: Output,
        target: &Target,
        weights: Option<&[f64]>,
    ) -> Result<f64> {
        if let Self::Custom(custom) = self {
            return (custom.score)(predictions, target, weights);
        }
        let losses = self.row_losses(predictions, output, target)?.unwrap_or_default();
        let mean = match weights {
            None => losses.iter().sum::<f64>() / losses.len() as f64,
            Some(weights) => {
                losses.iter().zip(weights).map(|(loss, weight)| loss * weight).sum::<f64>()
                    / weights.iter().sum::<f64>()
            }
        };
        Ok(if matches!(self, Self::Accuracy) { -mean } else { mean })
    }

    /// The loss of each row, higher is worse, whose weighted mean is the score up to its sign;
    /// `None` if the metric is no mean over rows.
    ///
    /// # Errors
    ///
    /// As for [`Metric::score`].
    pub fn row_losses(
        &self,
        predictions: ArrayView2<'_, f64>,
        _output: Output,
        target: &Target,
    ) -> Result<Option<Vec<f64>>> {
        let refuse = || Error::Metric {
            metric: self.name().to_owned(),
            needs: "another target".to_owned(),
            got: "this one".to_owned(),
        };
        let rows = predictions.rows().into_iter();
        Ok(match self {
            Self::Custom(_) => None,
            Self::Mse => {
                let values = target.values().ok_or_else(refuse)?;
                Some(rows.zip(values).map(|(row, y)| (y - row[0]).powi(2)).collect())
            }
            Self::LogLoss => {
                let labels = target.labels().ok_or_else(refuse)?;
                let loss = |p: f64| -p.clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln();
                Some(rows.zip(labels).map(|(row, &y)| loss(row[y])).collect())
            }
            Self::Accuracy => {
                let labels = target.labels().ok_or_else(refuse)?;
                let right = |row: ndarray::ArrayView1<'_, f64>, y: usize| {
                    let best = (0..row.len()).fold(0, |a, b| if row[b] > row[a] { b } else { a });
                    f64::from(u8::from(best == y))
                };
                Some(rows.zip(labels).map(|(row, &y)| -right(row, y)).collect())
            }
        })
    }

    /// The score of the best constant prediction.
    ///
    /// # Errors
    ///
    /// [`Error::Metric`] if the metric has none.
    pub fn constant_score(&self, target: &Target, weights: Option<&[f64]>) -> Result<f64> {
        let n_rows = target.len();
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
        let total: f64 = (0..n_rows).map(weight).sum();
        match (self, target) {
            (Self::Mse, Target::Values(values)) => {
                let mean = (0..n_rows).map(|i| weight(i) * values[i]).sum::<f64>() / total;
                Ok((0..n_rows).map(|i| weight(i) * (values[i] - mean).powi(2)).sum::<f64>() / total)
            }
            (Self::LogLoss | Self::Accuracy, Target::Classes { labels, names }) => {
                let mut share = vec![0.0; names.len()];
                (0..n_rows).for_each(|i| share[labels[i]] += weight(i) / total);
                Ok(if matches!(self, Self::Accuracy) {
                    share.iter().copied().fold(0.0, f64::max)
                } else {
                    share.iter().filter(|p| **p > 0.0).map(|p| -p * p.ln()).sum()
                })
            }
            _ => Err(Error::Metric {
                metric: self.name().to_owned(),
                needs: "a known best constant".to_owned(),
                got: "none".to_owned(),
            }),
        }
    }
}
