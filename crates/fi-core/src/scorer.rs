//! What methods that change a feature and predict again have in common: a metric that knows the
//! untouched predictions, and what it puts into a result.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use ndarray::{Array2, ArrayView2, Axis, s};

use crate::dataset::{Dataset, Target};
use crate::error::{Error, Result, require_shape};
use crate::guards::of_few_units;
use crate::importance::{Estimand, Importance, Interval, Warning};
use crate::metric::{MeanLoss, Metric};
use crate::model::{Model, predict_checked};
use crate::players::Players;
use crate::sampling_noise::{Contributions, Origin, Units, jackknife};
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

/// Some of the rows, in order.
pub(crate) struct Part<'a> {
    /// Their numbers.
    pub(crate) rows: Range<usize>,
    /// Their targets.
    pub(crate) target: &'a Target,
    /// The units of the rows that give them their values; `None` if no row does.
    pub(crate) donor_units: Option<&'a [usize]>,
}

/// What is known of the rows so far: sums over them, where the metric is a mean over rows, else
/// their predictions.
#[derive(Default)]
pub(crate) struct Tally {
    /// Whether a prediction is another than the untouched row's.
    moved: bool,
    mean: MeanLoss,
    contributions: Contributions,
    /// Where values were exchanged within cells.
    within: Option<Vec<f64>>,
    predictions: Array2<f64>,
    /// Where all rows came as one part.
    whole: Option<Answer>,
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
        let rows = 0..predictions.nrows();
        let donor_units = origin.map(|origin| self.units.of(origin.donors));
        let target = self.data.target();
        let part = Part { rows, target, donor_units: donor_units.as_deref() };
        let mut tally = Tally::default();
        self.add(&mut tally, &part, predictions, origin)?;
        self.close(tally, || origin)
    }

    /// Adds the next part of the rows to what is known of them. `whole` says where the values of
    /// all rows come from, for those to whom parts do not suffice: if it has cells, the first part
    /// must be all rows.
    pub(crate) fn add(
        &self,
        tally: &mut Tally,
        part: &Part<'_>,
        predictions: ArrayView2<'_, f64>,
        whole: Option<Origin<'_>>,
    ) -> Result<()> {
        let Part { rows, target, donor_units } = part;
        // One row that moved is enough to know.
        tally.moved = tally.moved
            || (!self.unmoved.load(Ordering::Relaxed)
                && predictions != self.predictions.slice(s![rows.clone(), ..]));
        let Some(before) = &self.losses else {
            if rows.len() == self.data.n_rows() {
                tally.whole = Some(self.score_whole(predictions, whole)?);
            } else {
                if tally.predictions.is_empty() {
                    tally.predictions = Array2::zeros((self.data.n_rows(), predictions.ncols()));
                }
                tally.predictions.slice_mut(s![rows.clone(), ..]).assign(&predictions);
            }
            return Ok(());
        };
        let output = self.model.output();
        let losses = self.metric.row_losses_from(predictions, output, target, rows.start)?;
        let Some(mut losses) = losses else { return Ok(()) };
        let weights = self.data.weights();
        tally.mean.add(self.metric, &losses, weights.map(|weights| &weights[rows.clone()]));
        losses.iter_mut().zip(&before[rows.clone()]).for_each(|(after, before)| *after -= before);
        if whole.is_some_and(|whole| whole.cells.is_some()) {
            tally.within = Some(self.units.contributions(&losses, weights, whole));
        } else {
            tally.contributions.add(self.units, rows.start, &losses, weights, *donor_units);
        }
        Ok(())
    }

    /// What all parts come to; `whole` as in [`Scorer::add`].
    pub(crate) fn close<'o>(
        &self,
        tally: Tally,
        whole: impl FnOnce() -> Option<Origin<'o>>,
    ) -> Result<Answer> {
        let Tally { moved, mean, contributions, within, predictions, whole: scored } = tally;
        let answer = if self.losses.is_some() {
            let score = mean.score();
            check_score(self.metric, score)?;
            let weights = self.data.weights();
            let contributions = within.unwrap_or_else(|| contributions.finish(self.units, weights));
            let increase = self.metric.worse(self.score, score);
            Answer { increase, contributions: Some(contributions) }
        } else if let Some(answer) = scored {
            answer
        } else {
            self.score_whole(predictions.view(), whole())?
        };
        // Any order of threads comes to the same answer.
        if answer.increase == 0.0 && moved {
            self.unmoved.store(true, Ordering::Relaxed);
        }
        Ok(answer)
    }

    /// Scores all rows in a metric that is no mean over them.
    fn score_whole(
        &self,
        predictions: ArrayView2<'_, f64>,
        origin: Option<Origin<'_>>,
    ) -> Result<Answer> {
        let (target, weights) = (self.data.target(), self.data.weights());
        let score = self.metric.score(predictions, self.model.output(), target, weights)?;
        check_score(self.metric, score)?;
        let increase = self.metric.worse(self.score, score);
        let without = self.increases_without_blocks(predictions, origin);
        Ok(Answer { increase, contributions: without.map(|without| jackknife(increase, &without)) })
    }

    /// The units that the intervals are over.
    pub(crate) fn units(&self) -> &'a Units {
        self.units
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
    // Of most players the degrees of freedom are the same, and the quantile is dear.
    let mut known: Option<(usize, f64)> = None;
    let mut half = |&(error, freedom): &(f64, usize)| {
        let quantile = match known {
            Some((of, quantile)) if of == freedom => quantile,
            _ => t_quantile(confidence, freedom),
        };
        known = Some((freedom, quantile));
        error * quantile
    };
    let halves: Vec<f64> = errors.iter().map(&mut half).collect();
    let end =
        |sign: f64| values.iter().zip(&halves).map(|(value, half)| value + sign * half).collect();
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
