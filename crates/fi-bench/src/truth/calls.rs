//! How the methods of the list are called: on which rows, with how much work, in which unit.

use anyhow::Result;
use fi_core::conditional::Gaussian;
use fi_core::lime::Lime;
use fi_core::shapley::Estimator;
use fi_core::{
    Attribution, ConditionalPermutation, Conditioning, Dataset, Fold, Folds, Importance, Metric,
    Occlusion, Permutation, Removal, Run, Sage, Target, shapley,
};
use fi_models::network::{AnswerScale, Explainer, Network};
use ndarray::{Array2, Array3, ArrayView2, Axis};

use super::fit::{Fit, Seen};
use super::methods::Found;
use super::problem::Level;
use crate::compare::joined;

/// Slopes are of margins: probabilities are flat where the network is sure.
pub(super) const SCALE: AnswerScale = AnswerScale::Margins;
/// The streams of the drawn rows.
pub(super) const BACKGROUND: u64 = 0;
pub(super) const EXPLAINED: u64 = 1;
/// From how many training rows expected gradients start.
pub(super) const EXPECTED_ROWS: usize = 100;
/// How many training rows are SAGE's background.
pub(super) const SAGE_BACKGROUND: usize = 100;
/// What is drawn given other columns is left out for more players than this: it takes too long.
const GIVEN_PLAYERS: usize = 20;
/// How often absent columns are drawn for a row.
pub(super) const GIVEN_SAMPLES: usize = 16;

/// Scores of columns, summed as absolute values over the columns of each player.
pub(super) fn by_columns(level: &Level, columns: &Importance) -> Found {
    let single = |player: usize| level.players.members(player);
    let values = (0..level.players.len())
        .map(|player| match single(player) {
            [column] => columns.values[*column],
            several => several.iter().map(|&column| columns.values[column].abs()).sum(),
        })
        .collect();
    Found { values, evaluations: columns.n_evaluations }
}

/// The loss whose increase is the importance.
pub(super) fn loss(target: &Target) -> Metric {
    match target {
        Target::Classes { .. } => Metric::LogLoss,
        Target::Values(_) => Metric::Mse,
    }
}

/// The metric of single trees: of classes the accuracy, as Breiman defines it, because a tree's log
/// loss would be ruled by its probabilities of 0.
pub(super) fn oob_metric(target: &Target) -> Metric {
    match target {
        Target::Classes { .. } => Metric::Accuracy,
        Target::Values(_) => Metric::Mse,
    }
}

impl Fit<'_> {
    /// Importances in the unit of a loss, in that of the problem's target.
    pub(super) fn losses(&self, importances: Vec<Importance>) -> Found {
        let Found { values, evaluations } = found(importances);
        Found { values: values.into_iter().map(|value| value * self.unit).collect(), evaluations }
    }
}

pub(super) fn found(mut importances: Vec<Importance>) -> Found {
    let importance = importances.swap_remove(0);
    Found { values: importance.values, evaluations: importance.n_evaluations }
}

/// A score of the first layer's rows: of columns, or of channels if the network reads sequences.
pub(super) fn first(
    fit: &Fit<'_>,
    level: &Level,
    score: impl Fn(&Network, &[String]) -> fi_core::Result<Importance>,
) -> Result<Option<Found>> {
    let Some(network) = fit.learned.network() else { return Ok(None) };
    match fit.channels() {
        None => Ok(Some(by_columns(level, &score(network, fit.names())?))),
        Some(channels) if level.name == "channels" => {
            Ok(Some(found(vec![score(network, channels)?])))
        }
        Some(_) => Ok(None),
    }
}

/// A score of the columns of a network that is dense throughout.
pub(super) fn paths(
    fit: &Fit<'_>,
    level: &Level,
    score: impl Fn(&Network, &[String]) -> fi_core::Result<Importance>,
) -> Result<Option<Found>> {
    if fit.channels().is_some() { Ok(None) } else { first(fit, level, score) }
}

pub(super) fn set_to_mean(fit: &Fit<'_>, level: &Level) -> Result<Option<Found>> {
    // Between categories there is no mean.
    if !fit.test.categorical().is_empty() {
        return Ok(None);
    }
    let metrics = [loss(fit.test.target())];
    fit.ask(&level.players, |seen| {
        let Seen { model, train, test, players, .. } = seen;
        let occlusion = Occlusion::at_means(train.rows());
        Ok(Some(fit.losses(occlusion.importance(&fit.run, *model, test, players, &metrics)?)))
    })
}

pub(super) fn permutation(fit: &Fit<'_>, level: &Level) -> Result<Option<Found>> {
    let method = Permutation { n_repeats: fit.effort.n_repeats, ..Permutation::default() };
    let metrics = [loss(fit.test.target())];
    fit.ask(&level.players, |seen| {
        let Seen { model, test, players, .. } = seen;
        Ok(Some(fit.losses(method.importance(&fit.run, *model, test, players, &metrics)?)))
    })
}

/// Players that are scored by training; each costs a training.
pub(super) fn retrained(
    fit: &Fit<'_>,
    level: &Level,
    score: impl FnOnce(&Run<'_>, &Seen<'_>, &Dataset, Folds) -> Result<Vec<Importance>>,
) -> Result<Option<Found>> {
    let reads_sequences = fit.channels().is_some();
    let most = if reads_sequences { fit.effort.lofo_groups } else { fit.effort.lofo_players };
    if level.players.len() > most {
        return Ok(None);
    }
    fit.ask(&level.players, |seen| {
        let data = joined(seen.train, seen.test)?;
        let (n_train, n_rows) = (seen.train.n_rows(), data.n_rows());
        let split = Fold { train: (0..n_train).collect(), test: (n_train..n_rows).collect() };
        Ok(Some(fit.losses(score(&fit.run, seen, &data, Folds::Given(vec![split]))?)))
    })
}

/// Players whose values are replaced given the other columns.
pub(super) fn given_others<'a>(
    fit: &Fit<'_>,
    level: &Level,
    given: impl FnOnce(&Seen<'_>) -> Result<Option<Conditioning<'a>>>,
) -> Result<Option<Found>> {
    if level.players.len() > GIVEN_PLAYERS {
        return Ok(None);
    }
    let n_repeats = fit.effort.n_repeats;
    let method = ConditionalPermutation { n_repeats, ..ConditionalPermutation::default() };
    let metrics = [loss(fit.test.target())];
    fit.ask(&level.players, |seen| {
        let Some(given) = given(seen)? else { return Ok(None) };
        let Seen { model, test, players, .. } = seen;
        Ok(Some(fit.losses(method.importance(&fit.run, *model, test, players, &metrics, given)?)))
    })
}

/// The normal distribution of the training rows, where they are numbers, all there, and few.
pub(super) fn gaussian(fit: &Fit<'_>, level: &Level) -> Result<Option<Gaussian>> {
    let whole = fit.train.categorical().is_empty() && !fit.train.rows().iter().any(|x| x.is_nan());
    if !whole || fit.channels().is_some() || level.players.len() > GIVEN_PLAYERS {
        return Ok(None);
    }
    Ok(Some(Gaussian::fit(&fit.train)?))
}

pub(super) fn sage(fit: &Fit<'_>, seen: &Seen<'_>, removal: &Removal) -> Result<Option<Found>> {
    let sage = Sage { n_draws: fit.effort.sage_draws, tolerance: None, ..Sage::default() };
    let metrics = [loss(fit.test.target())];
    let Seen { model, test, players, .. } = seen;
    let found = sage.importance(&fit.run, *model, test, players, removal, &metrics)?;
    Ok(Some(fit.losses(found)))
}

/// So many rows of a table, drawn.
pub(super) fn drawn(
    fit: &Fit<'_>,
    rows: ArrayView2<'_, f64>,
    n: usize,
    stream: u64,
) -> Array2<f64> {
    rows.select(Axis(0), &fit.run.rng(stream).sample(rows.nrows(), n))
}

pub(super) fn permutation_shap(fit: &Fit<'_>, level: &Level) -> Result<Option<Found>> {
    let n_permutations = fit.effort.shap_permutations;
    shap(fit, level, &shapley::Permutation { n_permutations, tolerance: None })
}

pub(super) fn kernel_shap(fit: &Fit<'_>, level: &Level) -> Result<Option<Found>> {
    let n_coalitions = fit.effort.kernel_coalitions.max(2 * level.players.len() + 2);
    shap(fit, level, &shapley::Kernel::new(n_coalitions))
}

fn shap(fit: &Fit<'_>, level: &Level, estimator: &dyn Estimator) -> Result<Option<Found>> {
    let effort = fit.effort;
    fit.ask(&level.players, |seen| {
        let background = drawn(fit, seen.train.rows(), effort.shap_background, BACKGROUND);
        let explained = drawn(fit, seen.test.rows(), effort.shap_rows, EXPLAINED);
        let removal = Removal::marginal(background)?;
        let (rows, players) = (explained.view(), seen.players);
        let shap = shapley::explain(&fit.run, estimator, seen.model, rows, players, &removal)?;
        Ok(Some(found(vec![shap.mean_abs(0.95)?])))
    })
}

pub(super) fn lime(fit: &Fit<'_>, level: &Level) -> Result<Option<Found>> {
    let effort = fit.effort;
    let method = Lime {
        n_samples: effort.lime_samples,
        n_features: level.players.len(),
        n_repeats: 1,
        ..Lime::default()
    };
    fit.ask(&level.players, |seen| {
        let explained = drawn(fit, seen.test.rows(), effort.shap_rows, EXPLAINED);
        let explainer = method.fit(seen.train)?;
        let lime = explainer.explain(&fit.run, seen.model, explained.view(), seen.players)?;
        Ok(Some(found(vec![lime.attribution.mean_abs(0.95)?])))
    })
}

/// What becomes of the signs of the columns of a channel or a step.
#[derive(Clone, Copy)]
pub(super) enum Signs {
    /// Scores that add up to an answer are added up.
    Kept,
    /// Slopes do not add up: their sizes are added.
    Lost,
}

/// Mean over test rows and outputs of the |score| of each player.
pub(super) fn gradients(
    fit: &Fit<'_>,
    level: &Level,
    signs: Signs,
    method: &dyn Explainer,
) -> Result<Option<Found>> {
    let Some(network) = fit.learned.network() else { return Ok(None) };
    let rows = drawn(fit, fit.test.rows(), fit.effort.gradient_rows, EXPLAINED);
    let columns = method.attribution(&fit.run, network, rows.view(), fit.names())?;
    let (n_rows, n_outputs, _) = columns.values.dim();
    let players = &level.players;
    let pooled = Array3::from_shape_fn((n_rows, n_outputs, players.len()), |(row, output, i)| {
        let members = players.members(i).iter().map(|&c| columns.values[[row, output, c]]);
        match signs {
            Signs::Kept => members.sum::<f64>(),
            Signs::Lost => members.map(f64::abs).sum(),
        }
    });
    let pooled =
        Attribution::new(method.name(), players.names(), pooled, columns.base_values.clone())?;
    Ok(Some(Found { values: pooled.mean_abs(0.95)?.values, evaluations: columns.n_evaluations }))
}
