//! How well predictions fit a target, and which way is better.
//!
//! Definitions are scikit-learn's, weighted everywhere. Two rules are ours. A row of weight 0
//! counts as absent, so that an integer weight always means repetition. And where a score is
//! undefined (a ROC AUC of one class, an R² of equal targets) there is an error that says so,
//! where scikit-learn warns and returns NaN or a convention.
//!
//! Losses keep their natural sign: log loss is positive and lower is better.
//! [`Metric::worse`] turns two scores into "how much was lost", whichever way is better.

mod check;
mod classification;
mod constant;
mod names;
mod ranking;
mod regression;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use ndarray::{ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use self::check::{check_finite, check_predictions, check_weights, rows_that_count};
use crate::dataset::Target;
use crate::error::{Error, Result, require_shape};
use crate::model::Output;

/// Which way a metric is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Higher is better: accuracy, R².
    Higher,
    /// Lower is better: log loss, MSE.
    Lower,
}

/// How the ROC AUC of more than two classes is put together; irrelevant for two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MultiClass {
    /// Each class against all others, by its own probability.
    OneVsRest,
    /// Each pair of classes on the rows of that pair, in both directions (Hand and Till 2001).
    OneVsOne,
}

/// How scores of single classes become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Average {
    /// The score of the second class; for two classes only.
    Binary,
    /// The plain mean over classes.
    Macro,
    /// All (row, class) pairs pooled into one two-class problem.
    Micro,
    /// The mean over classes, each weighted by its rows.
    Weighted,
}

/// A score of predictions against a target.
///
/// `yᵢ` is the target of row `i`, `ŷᵢ` the prediction, `wᵢ` the weight, and a mean is
/// `∑ wᵢ xᵢ / ∑ wᵢ`. The predicted class is the label, the class of the highest probability or
/// margin (ties to the lowest class), or the second of two classes if a single margin is above 0.
///
/// # Shapes
///
/// Predictions are `(n_rows, n_outputs)`: a column per class for [`Output::Probabilities`], also
/// for classes that do not occur; one column for [`Output::Labels`] and [`Output::Values`].
///
/// # Cost
///
/// `O(n_rows × n_outputs)`; metrics of ranks and medians sort, `O(n_rows log n_rows)` per class.
///
/// # When it misleads
///
/// Accuracy, F1 and MCC move only when a row changes its class: an importance of 0 can mean that
/// the metric is too coarse. ROC AUC and average precision see only the order of rows, never
/// calibration. R² of two test sets compares two variances as much as two models.
///
/// # Example
///
/// ```
/// use fi_core::{Metric, Output, Target};
/// use ndarray::array;
///
/// let target = Target::Classes { labels: vec![0, 1, 1], names: vec!["no".into(), "yes".into()] };
/// let probabilities = array![[0.8, 0.2], [0.4, 0.6], [0.9, 0.1]];
/// let score = |metric: &Metric| {
///     metric.score(probabilities.view(), Output::Probabilities, &target, None)
/// };
/// assert_eq!(score(&Metric::Accuracy)?, 2.0 / 3.0);
/// assert_eq!(score(&Metric::parse("roc_auc")?)?, 0.5);
/// assert!((score(&Metric::LogLoss)? - -(0.8 * 0.6 * 0.1_f64).ln() / 3.0).abs() < 1e-15);
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Pedregosa et al. (2011). *Scikit-learn: machine learning in Python.* JMLR 12,
///   2825–2830. <https://jmlr.org/papers/v12/pedregosa11a.html>
/// - Hand, Till (2001). *A simple generalisation of the area under the ROC curve for multiple
///   class classification problems.* Machine Learning 45. <https://doi.org/10.1023/A:1010920819831>
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Metric {
    /// Share of rows whose class is predicted.
    Accuracy,
    /// Mean over the classes that occur of the share of their rows that is predicted.
    BalancedAccuracy,
    /// Mean of `−ln p̂` of the true class, in nats; `p̂` clipped to `[ε, 1 − ε]`, `ε = 2⁻⁵²`.
    LogLoss,
    /// Mean of `∑ (p̂ₖ − [y = k])²` over classes `k`; half of that for two classes.
    Brier,
    /// Chance that a row of a class scores above a row outside it, ties counting half.
    ///
    /// More than two classes need probabilities. An absent class is an error for
    /// [`Average::Macro`] against the rest, has no weight in [`Average::Weighted`], and has no
    /// pair in [`MultiClass::OneVsOne`].
    RocAuc {
        /// How more than two classes are compared.
        multiclass: MultiClass,
        /// How they are averaged; two classes need no average.
        average: Average,
    },
    /// Mean of the precision at each threshold, weighted by what the threshold adds to recall.
    AveragePrecision {
        /// How more than two classes are averaged; two classes need no average.
        average: Average,
    },
    /// Harmonic mean of precision and recall; 0 for a class that is neither there nor predicted,
    /// which macro and weighted averages leave out.
    F1 {
        /// How classes are averaged.
        average: Average,
    },
    /// Matthews correlation coefficient of true and predicted classes; 0 if one is constant.
    Mcc,
    /// Mean of `(yᵢ − ŷᵢ)²`.
    Mse,
    /// Square root of the MSE.
    Rmse,
    /// Mean of `|yᵢ − ŷᵢ|`.
    Mae,
    /// Median of `|yᵢ − ŷᵢ|`, the mean of both middle values if the weight splits evenly.
    MedianAe,
    /// Mean of `|yᵢ − ŷᵢ| / |yᵢ|`, a fraction and not a percentage; an error if a target is 0.
    Mape,
    /// `1 − ∑ wᵢ (yᵢ − ŷᵢ)² / ∑ wᵢ (yᵢ − ȳ)²`; an error if all targets are equal.
    R2,
    /// `1 − Var(y − ŷ) / Var(y)`: R² that forgives a constant offset.
    ExplainedVariance,
    /// Mean of `α (yᵢ − ŷᵢ)` above the prediction and `(1 − α)(ŷᵢ − yᵢ)` below it.
    Pinball {
        /// The quantile `α` that is predicted, in `[0, 1]`.
        alpha: f64,
    },
    /// Mean of `2 (yᵢ ln(yᵢ / ŷᵢ) − yᵢ + ŷᵢ)`; targets at least 0, predictions above 0.
    PoissonDeviance,
    /// Mean of `2 (ln(ŷᵢ / yᵢ) + yᵢ / ŷᵢ − 1)`; targets and predictions above 0.
    GammaDeviance,
    /// Any other score; see [`Metric::custom`].
    Custom(Custom),
}

/// A score from predictions `(n_rows, n_outputs)`, their target, and weights if there are any.
pub type Score = dyn Fn(ArrayView2<'_, f64>, &Target, Option<&[f64]>) -> Result<f64> + Send + Sync;

/// A metric of the user's own.
#[derive(Clone)]
pub struct Custom {
    /// Its name.
    pub name: String,
    /// Which way is better.
    pub direction: Direction,
    /// Scores predictions `(n_rows, n_outputs)` against the target, with weights if there are any.
    pub score: Arc<Score>,
}

impl fmt::Debug for Custom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Custom")
            .field("name", &self.name)
            .field("direction", &self.direction)
            .finish_non_exhaustive()
    }
}

impl Metric {
    /// A metric of the user's own.
    ///
    /// # Example
    ///
    /// ```
    /// use fi_core::{Direction, Metric, Output, Target};
    /// use ndarray::array;
    ///
    /// let worst = Metric::custom("worst error", Direction::Lower, |predictions, target, _| {
    ///     let values = target.values().unwrap_or_default();
    ///     let errors = predictions.iter().zip(values).map(|(p, y)| (p - y).abs());
    ///     Ok(errors.fold(0.0, f64::max))
    /// });
    /// let target = Target::Values(vec![1.0, 5.0]);
    /// let score = worst.score(array![[1.5], [3.0]].view(), Output::Values, &target, None)?;
    /// assert_eq!(score, 2.0);
    /// # Ok::<(), fi_core::Error>(())
    /// ```
    pub fn custom(
        name: impl Into<String>,
        direction: Direction,
        score: impl Fn(ArrayView2<'_, f64>, &Target, Option<&[f64]>) -> Result<f64>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self::Custom(Custom { name: name.into(), direction, score: Arc::new(score) })
    }

    /// Which way is better.
    pub fn direction(&self) -> Direction {
        match self {
            Self::Accuracy
            | Self::BalancedAccuracy
            | Self::RocAuc { .. }
            | Self::AveragePrecision { .. }
            | Self::F1 { .. }
            | Self::Mcc
            | Self::R2
            | Self::ExplainedVariance => Direction::Higher,
            Self::LogLoss
            | Self::Brier
            | Self::Mse
            | Self::Rmse
            | Self::Mae
            | Self::MedianAe
            | Self::Mape
            | Self::Pinball { .. }
            | Self::PoissonDeviance
            | Self::GammaDeviance => Direction::Lower,
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

    /// The metrics to start with: log loss and accuracy for classes, MSE and R² for numbers.
    pub fn for_target(target: &Target) -> Vec<Self> {
        match target {
            Target::Classes { .. } => vec![Self::LogLoss, Self::Accuracy],
            Target::Values(_) => vec![Self::Mse, Self::R2],
        }
    }

    /// Scores predictions `(n_rows, n_outputs)`, whose columns are `output`, against a target.
    ///
    /// # Errors
    ///
    /// [`Error::Metric`] if the metric cannot score this output against this target, or is
    /// undefined on it; [`Error::NotFinite`] for a prediction, target or weight; [`Error::Shape`];
    /// [`Error::TooFewRows`] without rows; [`Error::Data`] for a class out of range, an impossible
    /// probability, a bad weight, or a score that is NaN.
    pub fn score(
        &self,
        predictions: ArrayView2<'_, f64>,
        output: Output,
        target: &Target,
        weights: Option<&[f64]>,
    ) -> Result<f64> {
        check_predictions(predictions, target)?;
        check_weights(weights, target.len())?;
        let score = if let Some(kept) = rows_that_count(weights) {
            let predictions = predictions.select(Axis(0), &kept);
            let chosen = weights.map(|all| kept.iter().map(|&row| all[row]).collect::<Vec<_>>());
            let target = target.select(&kept);
            self.score_checked(predictions.view(), output, &target, chosen.as_deref())?
        } else {
            self.score_checked(predictions, output, target, weights)?
        };
        if score.is_nan() {
            return Err(Error::Data(format!(
                "the metric `{self}` is NaN on these predictions: it overflows or is undefined there"
            )));
        }
        Ok(score)
    }

    /// The loss of each row whose weighted mean is the score, higher being worse; `None` for a
    /// metric that is no mean over rows.
    ///
    /// ```text
    /// mean loss = score         log loss, Brier, MSE, MAE, MAPE, pinball, both deviances
    /// mean loss = 1 − score     accuracy
    /// None                      all others; RMSE too: its rows would be those of the MSE
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`Metric::score`].
    pub fn row_losses(
        &self,
        predictions: ArrayView2<'_, f64>,
        output: Output,
        target: &Target,
    ) -> Result<Option<Vec<f64>>> {
        check_predictions(predictions, target)?;
        self.losses(predictions, output, target, 0)
    }

    /// [`Metric::row_losses`] of some rows of a [`Dataset`](crate::Dataset), which has looked at
    /// the target; the first of them has this number.
    pub(crate) fn row_losses_from(
        &self,
        predictions: ArrayView2<'_, f64>,
        output: Output,
        target: &Target,
        first: usize,
    ) -> Result<Option<Vec<f64>>> {
        let shape = [target.len(), predictions.ncols()];
        require_shape("the prediction", &shape, predictions.shape())?;
        // What is looked at as probabilities is looked at once.
        let probabilities = matches!(output, Output::Probabilities);
        if !(probabilities && matches!(self, Self::LogLoss | Self::Brier)) {
            check_finite(predictions).map_err(|e| e.with_row(|row| first + row))?;
        }
        self.losses(predictions, output, target, first)
    }

    /// Whether [`Metric::row_losses`] knows the losses of rows: whether it is a mean over rows.
    pub fn has_row_losses(&self) -> bool {
        match self {
            Self::Accuracy
            | Self::LogLoss
            | Self::Brier
            | Self::Mse
            | Self::Mae
            | Self::Mape
            | Self::Pinball { .. }
            | Self::PoissonDeviance
            | Self::GammaDeviance => true,
            Self::BalancedAccuracy
            | Self::RocAuc { .. }
            | Self::AveragePrecision { .. }
            | Self::F1 { .. }
            | Self::Mcc
            | Self::Rmse
            | Self::MedianAe
            | Self::R2
            | Self::ExplainedVariance
            | Self::Custom(_) => false,
        }
    }

    fn score_checked(
        &self,
        predictions: ArrayView2<'_, f64>,
        output: Output,
        target: &Target,
        weights: Option<&[f64]>,
    ) -> Result<f64> {
        if let Self::Custom(custom) = self {
            return (custom.score)(predictions, target, weights);
        }
        if let Some(losses) = self.losses(predictions, output, target, 0)? {
            let mut mean = MeanLoss::default();
            mean.add(self, &losses, weights);
            return Ok(mean.score());
        }
        let weights = weights.map_or_else(|| Cow::Owned(vec![1.0; target.len()]), Cow::Borrowed);
        match self {
            Self::RocAuc { multiclass, average } => {
                let classes = self.classes(target)?;
                ranking::roc_auc(
                    self,
                    *multiclass,
                    *average,
                    predictions,
                    output,
                    classes,
                    &weights,
                )
            }
            Self::AveragePrecision { average } => {
                let classes = self.classes(target)?;
                ranking::average_precision(self, *average, predictions, output, classes, &weights)
            }
            Self::BalancedAccuracy | Self::F1 { .. } | Self::Mcc => {
                let classes = self.classes(target)?;
                classification::score(self, predictions, output, classes, &weights)
            }
            _ => {
                let values = self.numbers(target)?;
                let predicted = regression::predicted(self, predictions, output)?;
                regression::score(self, &predicted, values, &weights)
            }
        }
    }

    fn losses(
        &self,
        predictions: ArrayView2<'_, f64>,
        output: Output,
        target: &Target,
        first: usize,
    ) -> Result<Option<Vec<f64>>> {
        if !self.has_row_losses() {
            return Ok(None);
        }
        if let Self::Accuracy | Self::LogLoss | Self::Brier = self {
            let classes = Classes { first, ..self.classes(target)? };
            return classification::losses(self, predictions, output, classes).map(Some);
        }
        let values = self.numbers(target)?;
        let predicted = regression::predicted(self, predictions, output)?;
        regression::losses(self, &predicted, values, first).map(Some)
    }

    fn classes<'a>(&self, target: &'a Target) -> Result<Classes<'a>> {
        match target {
            Target::Classes { labels, names } => Ok(Classes { labels, names, first: 0 }),
            Target::Values(_) => Err(self.refuse("a target of classes", "a target of numbers")),
        }
    }

    fn numbers<'a>(&self, target: &'a Target) -> Result<&'a [f64]> {
        target.values().ok_or_else(|| self.refuse("a target of numbers", "a target of classes"))
    }

    fn refuse(&self, needs: impl Into<String>, got: impl Into<String>) -> Error {
        Error::Metric { metric: self.name(), needs: needs.into(), got: got.into() }
    }

    fn refuse_output(&self, needs: &str, output: Output) -> Error {
        let got = match output {
            Output::Values => "a model whose output is values",
            Output::Margins => "a model whose output is margins",
            Output::Probabilities => "a model whose output is probabilities",
            Output::Labels => "a model whose output is labels",
        };
        self.refuse(needs, got)
    }
}

/// The classes of a target: the label of each row and the name of each class.
#[derive(Clone, Copy)]
struct Classes<'a> {
    labels: &'a [usize],
    names: &'a [String],
    /// What an error calls the first row.
    first: usize,
}

/// The score that [`Metric::row_losses`] come to, of rows that come part after part. Rows of
/// weight 0 count nothing. Sums are in the order of the rows, whatever the parts.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct MeanLoss {
    sum: f64,
    weight: f64,
}

impl MeanLoss {
    /// Adds the next rows.
    pub(crate) fn add(&mut self, metric: &Metric, losses: &[f64], weights: Option<&[f64]>) {
        // Count what is right, so that 2 of 3 is exactly 2/3.
        let right = matches!(metric, Metric::Accuracy);
        let of = |loss: f64| if right { 1.0 - loss } else { loss };
        if let Some(weights) = weights {
            for (&loss, &weight) in losses.iter().zip(weights).filter(|(_, weight)| **weight > 0.0)
            {
                self.sum += weight * of(loss);
                self.weight += weight;
            }
        } else {
            self.sum = losses.iter().fold(self.sum, |sum, &loss| sum + of(loss));
            self.weight += losses.len() as f64;
        }
    }

    /// The mean.
    pub(crate) fn score(&self) -> f64 {
        self.sum / self.weight
    }
}

/// `∑ wᵢ xᵢ / ∑ wᵢ`, summed in order.
fn mean(values: &[f64], weights: &[f64]) -> f64 {
    let weighted: f64 = values.iter().zip(weights).map(|(value, weight)| value * weight).sum();
    weighted / weights.iter().sum::<f64>()
}
