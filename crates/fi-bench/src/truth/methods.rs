//! The methods that are held against the truth: a list to which a new method is a line.
//!
//! A method scores the players of a level of a fitted model, or nothing if it does not fit. What
//! scores columns only is summed over the columns of a channel or a step, as absolute values.

use anyhow::Result;
use fi_core::{
    Fold, Folds, Importance, Lofo, Metric, Occlusion, Permutation, Removal, Target, shapley,
};
use fi_models::network::{GarsonForm, Scale, Viann, first_layer, garson, olden, probe};
use ndarray::{Array2, Axis};

use super::fit::Fit;
use super::problem::Level;
use crate::compare::{anova_f, joined};

/// The importance of each player of a level.
pub(super) struct Found {
    /// The higher the more important.
    pub(super) values: Vec<f64>,
    /// How many rows were predicted, models trained or gradients taken.
    pub(super) evaluations: usize,
}

/// A method of the list.
pub(super) struct Method {
    /// Its name in files and pictures.
    pub(super) name: &'static str,
    /// What it computes, and what its evaluations are.
    pub(super) about: &'static str,
    /// Its scores, or nothing if it does not fit the model or costs too much.
    pub(super) score: fn(&Fit<'_>, &Level) -> Result<Option<Found>>,
}

/// All methods, in the order of the report.
pub(super) const METHODS: &[Method] = &[
    Method {
        name: "VIANN",
        about: "variance of the input weights over the epochs × |final weight|, not scaled",
        score: |fit, level| {
            let viann = Viann { scale: Scale::Raw, ..Viann::default() };
            let Some(network) = fit.learned.network() else { return Ok(None) };
            Ok(Some(by_columns(level, &viann.of_network(network, fit.names())?)))
        },
    },
    Method {
        name: "first layer",
        about: "sum of |first-layer weights|",
        score: |fit, level| {
            let Some(network) = fit.learned.network() else { return Ok(None) };
            Ok(Some(by_columns(level, &first_layer(network, fit.names())?)))
        },
    },
    Method {
        name: "Garson",
        about: "shares of the |weights| along all paths",
        score: |fit, level| {
            let Some(network) = fit.learned.network() else { return Ok(None) };
            Ok(Some(by_columns(level, &garson(network, fit.names(), GarsonForm::Garson)?)))
        },
    },
    Method {
        name: "Olden",
        about: "|sum of the products of weights along all paths|, mean over the outputs",
        score: |fit, level| {
            let Some(network) = fit.learned.network() else { return Ok(None) };
            Ok(Some(by_columns(level, &olden(network, fit.names())?)))
        },
    },
    Method {
        name: "one-hot probe",
        about: "|f(e) − f(0)| with one column at 1 and the others at their mean of 0; predicted rows",
        score: |fit, level| {
            let answers = probe(fit.learned.model(), fit.names())?;
            Ok(Some(by_columns(level, &answers.mean_abs(0.95)?)))
        },
    },
    Method {
        name: "set to zero",
        about: "increase of the loss on the test rows with the player at its mean of 0, nothing \
                retrained; predicted rows",
        score: set_to_zero,
    },
    Method {
        name: "permutation",
        about: "increase of the loss on the test rows with the player shuffled; predicted rows",
        score: permutation,
    },
    Method {
        name: "LOFO",
        about: "increase of the loss on the test rows of a model trained without the player; \
                trained models",
        score: lofo,
    },
    Method {
        name: "SHAP",
        about: "mean |Shapley value| of test rows, sampled, with training rows as background; \
                predicted rows",
        score: shap,
    },
    Method {
        name: "ANOVA F",
        about: "the F statistic of each column alone, without any model: a yardstick",
        score: |fit, level| {
            let importance = Importance::new("ANOVA F", fit.names(), anova_f(&fit.train))?;
            Ok(Some(by_columns(level, &importance)))
        },
    },
];

/// Scores of columns, summed as absolute values over the columns of each player.
fn by_columns(level: &Level, columns: &Importance) -> Found {
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

fn found(mut importances: Vec<Importance>) -> Found {
    let importance = importances.swap_remove(0);
    Found { values: importance.values, evaluations: importance.n_evaluations }
}

fn set_to_zero(fit: &Fit<'_>, level: &Level) -> Result<Option<Found>> {
    let occlusion = Occlusion { baseline: vec![0.0; fit.test.n_features()] };
    let metrics = [loss(fit.test.target())];
    let model = fit.learned.model();
    Ok(Some(found(occlusion.importance(&fit.run, model, &fit.test, &level.players, &metrics)?)))
}

fn permutation(fit: &Fit<'_>, level: &Level) -> Result<Option<Found>> {
    let method = Permutation { n_repeats: fit.effort.n_repeats, ..Permutation::default() };
    let metrics = [loss(fit.test.target())];
    let model = fit.learned.model();
    Ok(Some(found(method.importance(&fit.run, model, &fit.test, &level.players, &metrics)?)))
}

fn lofo(fit: &Fit<'_>, level: &Level) -> Result<Option<Found>> {
    if level.players.len() > fit.effort.lofo_players {
        return Ok(None);
    }
    let data = joined(&fit.train, &fit.test)?;
    let (n_train, n_rows) = (fit.train.n_rows(), data.n_rows());
    let split = Fold { train: (0..n_train).collect(), test: (n_train..n_rows).collect() };
    let lofo = Lofo { folds: Folds::Given(vec![split]), ..Lofo::default() };
    let metrics = [loss(data.target())];
    let learner = fit.settings.learner();
    Ok(Some(found(lofo.importance(&fit.run, &*learner, &data, &level.players, &metrics)?)))
}

fn shap(fit: &Fit<'_>, level: &Level) -> Result<Option<Found>> {
    let drawn = |rows: ndarray::ArrayView2<'_, f64>, n: usize, stream: u64| -> Array2<f64> {
        rows.select(Axis(0), &fit.run.rng(stream).sample(rows.nrows(), n))
    };
    let removal = Removal::marginal(drawn(fit.train.rows(), fit.effort.shap_background, 0))?;
    let explained = drawn(fit.test.rows(), fit.effort.shap_rows, 1);
    let walk =
        shapley::Permutation { n_permutations: fit.effort.shap_permutations, tolerance: None };
    let model = fit.learned.model();
    let attribution =
        shapley::explain(&fit.run, &walk, model, explained.view(), &level.players, &removal)?;
    let importance = attribution.mean_abs(0.95)?;
    Ok(Some(Found { values: importance.values, evaluations: importance.n_evaluations }))
}
