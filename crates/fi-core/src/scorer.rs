//! What methods that change a feature and predict again have in common: a metric that knows the
//! untouched predictions, and what it puts into a result.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};

use ndarray::{Array2, ArrayView2, Axis, s};

use crate::dataset::Dataset;
use crate::error::{Error, Result, require_shape};
use crate::guards::of_few_units;
use crate::importance::{Estimand, Importance, Interval, Warning};
use crate::metric::Metric;
use crate::model::{Model, predict_checked};
use crate::players::Players;
use crate::sampling_noise::{Origin, Units, jackknife};
use crate::statistics::t_quantile;

/// One metric and what it says of the untouched rows.
pub(crate) struct Scorer<'a> {
    metric: &'a Metric,
    model: &'a dyn Model,
    data: &'a Dataset,
    units: &'a Units,
    blocks: &'a Units,
    score: f64,
    /// `None` if the metric has no best constant.
    constant: Option<f64>,
    losses: Option<Vec<f64>>,
    predictions: &'a Array2<f64>,
    /// Whether the score ever stayed the same although predictions changed.
    unmoved: AtomicBool,
}

/// What one shuffle did to one metric.
pub(crate) struct Answer {
    pub(crate) increase: f64,
    /// Of each unit to the increase; `None` if that cannot be told.
    pub(crate) contributions: Option<Vec<f64>>,
}

impl<'a> Scorer<'a> {
    pub(crate) fn new(
        metric: &'a Metric,
        model: &'a dyn Model,
        data: &'a Dataset,
        units: &'a Units,
        blocks: &'a Units,
        predictions: &'a Array2<f64>,
    ) -> Result<Self> {
        let (target, output) = (data.target(), model.output());
        let score = metric.score(predictions.view(), output, target, data.weights())?;
        check_score(metric, score)?;
        let losses = metric.row_losses(predictions.view(), output, target)?;
        // A metric of the user's own need not have a best constant.
        let constant = metric.constant_score(target, data.weights()).ok();
        let unmoved = AtomicBool::new(false);
        Ok(Self {
            metric,
            model,
            data,
            units,
            blocks,
            score,
            constant,
            losses,
            predictions,
            unmoved,
        })
    }

    /// The increase without each block, of the same rows before and after; `None` if one of the
    /// remainders cannot be scored.
    fn increases_without_blocks(
        &self,
        predictions: ArrayView2<'_, f64>,
        origin: Option<Origin<'_>>,
    ) -> Option<Vec<f64>> {
        let increase = |block: usize| {
            let rows = self.blocks.rows_without(block, origin.map(|origin| origin.donors));
            if rows.is_empty() {
                return None;
            }
            let target = self.data.target().select(&rows);
            let cells = origin.and_then(|origin| origin.cells);
            let weights = self.blocks.weights_without(block, &rows, self.data.weights(), cells);
            let score = |predictions: ArrayView2<'_, f64>| {
                let (kept, output) = (predictions.select(Axis(0), &rows), self.model.output());
                let score = self.metric.score(kept.view(), output, &target, weights.as_deref());
                score.ok().filter(|score| score.is_finite())
            };
            Some(self.metric.worse(score(self.predictions.view())?, score(predictions)?))
        };
        (0..self.blocks.len()).map(increase).collect()
    }

    /// Compares other predictions of the same rows with the untouched ones.
    pub(crate) fn answer(
        &self,
        predictions: ArrayView2<'_, f64>,
        origin: Option<Origin<'_>>,
    ) -> Result<Answer> {
        let (target, weights) = (self.data.target(), self.data.weights());
        let output = self.model.output();
        let losses = match self.losses {
            Some(_) => self.metric.row_losses(predictions, output, target)?,
            None => None,
        };
        let score = match &losses {
            Some(losses) => self.metric.mean_loss(losses, weights),
            None => self.metric.score(predictions, output, target, weights)?,
        };
        check_score(self.metric, score)?;
        let increase = self.metric.worse(self.score, score);
        // Any order of threads comes to the same answer. A look that found it is the last one.
        if increase == 0.0
            && !self.unmoved.load(Ordering::Relaxed)
            && predictions != *self.predictions
        {
            self.unmoved.store(true, Ordering::Relaxed);
        }
        let contributions = if let (Some(before), Some(after)) = (&self.losses, losses) {
            let increases: Vec<f64> = after.iter().zip(before).map(|(a, b)| a - b).collect();
            Some(self.units.contributions(&increases, weights, origin))
        } else {
            let without = self.increases_without_blocks(predictions, origin);
            without.map(|without| jackknife(increase, &without))
        };
        Ok(Answer { increase, contributions })
    }

    /// How many units contribute to an answer.
    pub(crate) fn n_units(&self) -> usize {
        if self.losses.is_some() { self.units.len() } else { self.blocks.len() }
    }

    /// The losses of the untouched rows, if the metric is a mean over rows.
    pub(crate) fn losses(&self) -> Option<&[f64]> {
        self.losses.as_deref()
    }

    /// Puts the metric, the scores and their warnings into a result.
    pub(crate) fn describe(&self, importance: &mut Importance) {
        describe(importance, self.metric, self.score, self.constant);
        if !self.unmoved.load(Ordering::Relaxed) {
            return;
        }
        // Now it is known which of both it was.
        for warning in &mut importance.warnings {
            if let Warning::MetricDidNotMove { metric } = warning {
                let n_scores = importance.replicates.len().max(importance.values.len());
                let metric = std::mem::take(metric);
                *warning = Warning::MetricTooCoarse { metric, score: self.score, n_scores };
            }
        }
    }

    /// What is wrong with the interval, or that there is none.
    pub(crate) fn interval_warning(&self, has_interval: bool) -> Option<Warning> {
        if has_interval { of_few_units(self.units.len()) } else { Some(self.no_interval()) }
    }

    fn no_interval(&self) -> Warning {
        Warning::Note(format!(
            "{} has no interval: it cannot be scored without some of the rows, or all rows belong \
             to one group",
            self.metric.name()
        ))
    }
}

/// Puts a metric, the scores and their warnings into a result.
pub(crate) fn describe(
    importance: &mut Importance,
    metric: &Metric,
    score: f64,
    constant: Option<f64>,
) {
    let name = || metric.name();
    importance.metric = Some(name());
    importance.score = Some(score);
    importance.constant_score = constant;
    if let Some(constant) = constant
        && metric.worse(score, constant) <= 0.0
    {
        let warning = Warning::NoBetterThanConstant { metric: name(), score, constant };
        importance.warnings.push(warning);
    }
    if importance.values.iter().chain(&importance.replicates).all(|&value| value == 0.0) {
        importance.warnings.push(Warning::MetricDidNotMove { metric: name() });
    }
}

/// Value ± Student's t × standard error, with each player's degrees of freedom.
pub(crate) fn interval(values: &[f64], errors: &[(f64, usize)], confidence: f64) -> Interval {
    let end = |sign: f64| {
        let pairs = values.iter().zip(errors);
        pairs
            .map(|(value, &(error, freedom))| {
                value + sign * error * t_quantile(confidence, freedom)
            })
            .collect()
    };
    let estimand = Estimand::ModelOnPopulation;
    Interval { estimand, confidence, low: end(-1.0), high: end(1.0) }
}

/// The rows of positive weight. One without weight counts as absent: it is no unit of an interval.
pub(crate) fn rows_that_count(data: &Dataset) -> Vec<usize> {
    let counts = |&row: &usize| data.weights().is_none_or(|weights| weights[row] > 0.0);
    (0..data.n_rows()).filter(counts).collect()
}

/// These of the rows, ascending; the data itself if that is all of them.
pub(crate) fn only<'a>(data: &'a Dataset, rows: &[usize]) -> Result<Cow<'a, Dataset>> {
    if rows.len() == data.n_rows() {
        return Ok(Cow::Borrowed(data));
    }
    data.select_rows(rows).map(Cow::Owned)
}

/// Predicts with at most `batch_rows` rows at a time; an error says the row by its number in the
/// caller's table.
pub(crate) fn predict_in_batches(
    model: &dyn Model,
    rows: ArrayView2<'_, f64>,
    batch_rows: usize,
    row_names: &[usize],
) -> Result<Array2<f64>> {
    let mut predictions = Array2::zeros((rows.nrows(), model.n_outputs()));
    for start in (0..rows.nrows()).step_by(batch_rows) {
        let end = (start + batch_rows).min(rows.nrows());
        let predicted = predict_checked(model, rows.slice(s![start..end, ..]))
            .map_err(|error| error.with_row(|row| row_names[start + row]))?;
        predictions.slice_mut(s![start..end, ..]).assign(&predicted);
    }
    Ok(predictions)
}

/// An infinite score has no difference to another.
pub(crate) fn check_score(metric: &Metric, score: f64) -> Result<()> {
    if score.is_finite() {
        return Ok(());
    }
    Err(Error::Metric {
        metric: metric.name(),
        needs: "predictions that it can score with a finite number".to_owned(),
        got: format!("`{score}`"),
    })
}

/// Players must name features of this table, and there must be a metric.
pub(crate) fn check_parts(data: &Dataset, players: &Players, metrics: &[Metric]) -> Result<()> {
    require_shape("the players' list of features", &[data.n_features()], &[players.n_features()])?;
    if metrics.is_empty() {
        return Err(Error::Data("there is no metric to score with, give at least one".into()));
    }
    Ok(())
}
