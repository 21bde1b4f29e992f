//! The score of the best constant: what a model must beat to have learnt anything.

use std::borrow::Cow;

use ndarray::Array1;

use super::check::{check_alpha, check_target, check_weights, rows_that_count};
use super::regression::{quantile, sorted};
use super::{Average, Metric, mean};
use crate::dataset::Target;
use crate::error::Result;
use crate::model::Output;

impl Metric {
    /// The score of the best constant prediction on these targets: what a model that ignores
    /// every feature could reach at most.
    ///
    /// ```text
    /// accuracy, balanced accuracy, F1, MCC     the most frequent class (binary F1: the second)
    /// log loss, Brier, ROC AUC, custom         the shares of the classes
    /// average precision                        classes in the order of their shares
    /// MSE, RMSE, R², explained variance,
    /// both deviances, custom                   the mean
    /// MAE, pinball                             the median, the quantile α
    /// MAPE                                     the median under weights wᵢ / |yᵢ|
    /// median absolute error                    the middle of the shortest interval that holds
    ///                                          more than half of the weight
    /// ```
    ///
    /// Targets that are all 0 have no best constant for the Poisson deviance: its limit 0 is
    /// returned. For a custom metric nothing says that these constants are the best.
    ///
    /// # Errors
    ///
    /// As for [`Metric::score`].
    ///
    /// # Example
    ///
    /// ```
    /// use fi_core::{Metric, Target};
    ///
    /// let target = Target::Values(vec![1.0, 2.0, 6.0]);
    /// assert_eq!(Metric::Mae.constant_score(&target, None)?, 5.0 / 3.0);
    /// assert_eq!(Metric::R2.constant_score(&target, None)?, 0.0);
    /// # Ok::<(), fi_core::Error>(())
    /// ```
    pub fn constant_score(&self, target: &Target, weights: Option<&[f64]>) -> Result<f64> {
        self.learnt_constant_score((target, weights), (target, weights))
    }

    /// The score on some rows' targets and weights of the constant that is best on other rows.
    pub(crate) fn learnt_constant_score(
        &self,
        (target, weights): (&Target, Option<&[f64]>),
        test: (&Target, Option<&[f64]>),
    ) -> Result<f64> {
        check_target(target)?;
        check_weights(weights, target.len())?;
        if let Some(kept) = rows_that_count(weights) {
            let chosen = weights.map(|all| kept.iter().map(|&row| all[row]).collect::<Vec<_>>());
            return self.learnt_constant_score((&target.select(&kept), chosen.as_deref()), test);
        }
        let weights = weights.map_or_else(|| Cow::Owned(vec![1.0; target.len()]), Cow::Borrowed);
        let all_zero = |target: &Target| {
            target.values().is_some_and(|values| values.iter().all(|&y| y == 0.0))
        };
        let (constant, output) = match target {
            Target::Classes { labels, names } => {
                let mut shares = vec![0.0; names.len()];
                let total: f64 = weights.iter().sum();
                for (&label, weight) in labels.iter().zip(weights.iter()) {
                    shares[label] += weight / total;
                }
                self.constant_class(shares)
            }
            Target::Values(values) => {
                if let Self::Pinball { alpha } = self {
                    check_alpha(*alpha)?;
                }
                if matches!(self, Self::PoissonDeviance) && all_zero(target) && all_zero(test.0) {
                    return Ok(0.0);
                }
                (vec![self.constant_value(values, &weights)], Output::Values)
            }
        };
        let constant = Array1::from(constant);
        let shape = (test.0.len(), constant.len());
        let repeated = constant.broadcast(shape).map(|view| view.to_owned());
        let predictions = repeated.unwrap_or_default();
        self.score(predictions.view(), output, test.0, test.1)
    }

    fn constant_class(&self, shares: Vec<f64>) -> (Vec<f64>, Output) {
        match self {
            Self::Accuracy | Self::BalancedAccuracy | Self::Mcc | Self::F1 { .. } => {
                let binary = matches!(self, Self::F1 { average: Average::Binary });
                let most = (0..shares.len())
                    .fold(0, |best, k| if shares[k] > shares[best] { k } else { best });
                (vec![if binary { 1.0 } else { most as f64 }], Output::Labels)
            }
            Self::AveragePrecision { .. } => {
                // Pooled over classes, equal shares must not tie: a tie costs precision.
                let rank = |k: usize| {
                    let below =
                        |&j: &usize| shares[j] < shares[k] || (shares[j] == shares[k] && j > k);
                    (0..shares.len()).filter(below).count()
                };
                let ranks: Vec<f64> = (0..shares.len()).map(|k| 1.0 + rank(k) as f64).collect();
                let sum: f64 = ranks.iter().sum();
                (ranks.iter().map(|rank| rank / sum).collect(), Output::Probabilities)
            }
            _ => (shares, Output::Probabilities),
        }
    }

    fn constant_value(&self, values: &[f64], weights: &[f64]) -> f64 {
        match self {
            Self::Mae => quantile(values, weights, 0.5),
            Self::Pinball { alpha } => quantile(values, weights, *alpha),
            Self::Mape => {
                let relative: Vec<f64> =
                    values.iter().zip(weights).map(|(y, w)| w / y.abs()).collect();
                quantile(values, &relative, 0.5)
            }
            Self::MedianAe => middle_of_shortest_half(values, weights),
            _ => mean(values, weights),
        }
    }
}

/// The middle of the shortest interval with more than half of the weight.
///
/// It minimises the median distance: with the two middle distances `d ≤ e` the closest rows that
/// hold more than half of the weight span an interval of length at most `d + e`.
fn middle_of_shortest_half(values: &[f64], weights: &[f64]) -> f64 {
    let pairs = sorted(values, weights);
    let half = weights.iter().sum::<f64>() / 2.0 * (1.0 + 8.0 * f64::EPSILON);
    let (mut best, mut end, mut inside) = ((f64::INFINITY, pairs[0].0), 0, 0.0);
    for (start, &(low, weight)) in pairs.iter().enumerate() {
        while end < pairs.len() && inside <= half {
            inside += pairs[end].1;
            end += 1;
        }
        if inside <= half {
            break;
        }
        let high = pairs[end.max(start + 1) - 1].0;
        if high - low < best.0 {
            best = (high - low, f64::midpoint(low, high));
        }
        inside -= weight;
    }
    best.1
}
