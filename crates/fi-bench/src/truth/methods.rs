//! The methods that are held against the truth: a list to which a new method is a line.
//!
//! A method scores the players of a level of a fitted model, or nothing if it does not fit. What
//! scores columns only is summed over the columns of a channel or a step, as absolute values.

use std::sync::Arc;

use anyhow::Result;
use fi_core::{Conditioning, Importance, LeaveOneIn, Lofo, Occlusion, Removal};
use fi_models::linear::standardized_coefficients;
use fi_models::network::{
    ExpectedGradients, GarsonForm, Gradient, GradientTimesInput, IntegratedGradients, Lrp, Scale,
    SmoothGrad, Viann, first_layer, garson, olden, probe,
};
use fi_models::tree::{
    TreeShap, TreeSubgroups, impurity, oob_permutation, split_count, total_gain,
};
use ndarray::Axis;

use super::calls::{
    BACKGROUND, EXPECTED_ROWS, EXPLAINED, GIVEN_SAMPLES, SAGE_BACKGROUND, SCALE, Signs, by_columns,
    drawn, first, found, gaussian, given_others, gradients, kernel_shap, lime, loss, oob_metric,
    paths, permutation, permutation_shap, retrained, sage, set_to_mean,
};
use super::fit::Fit;
use super::models::{Reads, Settings};
use super::problem::Level;
use super::worth::Quantity;
use crate::compare::anova_f;

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
    /// What it estimates, where that is a number and not only a ranking.
    pub(super) quantity: Option<Quantity>,
    /// Its scores, or nothing if it does not fit the model or costs too much.
    pub(super) score: fn(&Fit<'_>, &Level) -> Result<Option<Found>>,
}

/// All methods, in the order of the report.
pub(super) const METHODS: &[Method] = &[
    Method {
        name: "MDI",
        about: "decrease of the impurity in a forest's splits, of its training rows",
        quantity: None,
        score: |fit, level| {
            let Some(trees) = fit.learned.trees() else { return Ok(None) };
            if !trees.ensemble().statistics().impurity {
                return Ok(None);
            }
            Ok(Some(by_columns(level, &impurity(trees.ensemble(), fit.names())?)))
        },
    },
    Method {
        name: "total gain",
        about: "what a boosting's splits gained, of its training rows",
        quantity: None,
        score: |fit, level| {
            let Some(trees) = fit.learned.trees() else { return Ok(None) };
            if !trees.ensemble().statistics().gain {
                return Ok(None);
            }
            Ok(Some(by_columns(level, &total_gain(trees.ensemble(), fit.names())?)))
        },
    },
    Method {
        name: "split count",
        about: "how many splits ask for a column",
        quantity: None,
        score: |fit, level| {
            let Some(trees) = fit.learned.trees() else { return Ok(None) };
            Ok(Some(by_columns(level, &split_count(trees.ensemble(), fit.names())?)))
        },
    },
    Method {
        name: "OOB permutation",
        about: "increase of the loss of each tree (error rate of classes) on the rows that it has \
                not seen, with the player shuffled; predicted rows of all trees",
        quantity: Some(Quantity::Shuffled),
        score: |fit, level| {
            let Some(trees) = fit.learned.trees() else { return Ok(None) };
            if !matches!(fit.settings, Settings::Forest(_)) {
                return Ok(None);
            }
            let metrics = [oob_metric(fit.train.target())];
            let (run, players) = (&fit.run, &level.players);
            Ok(Some(fit.losses(oob_permutation(run, trees, &fit.train, players, &metrics, 1)?)))
        },
    },
    Method {
        name: "TreeSHAP",
        about: "mean |Shapley value| of test rows, exact, path-dependent",
        quantity: None,
        score: |fit, level| {
            let Some(trees) = fit.learned.trees() else { return Ok(None) };
            let rows = drawn(fit, fit.test.rows(), fit.effort.gradient_rows, EXPLAINED);
            let explainer = TreeShap::default().explainer(&fit.run, trees)?;
            let shap = explainer.attribution(&fit.run, &level.players, rows.view())?;
            Ok(Some(found(vec![shap.mean_abs(0.95)?])))
        },
    },
    Method {
        name: "coefficients",
        about: "|coefficient| of scaled columns",
        quantity: None,
        score: |fit, level| {
            let Some(linear) = fit.learned.linear() else { return Ok(None) };
            let std = vec![1.0; fit.names().len()];
            Ok(Some(by_columns(level, &standardized_coefficients(linear, &std, fit.names())?)))
        },
    },
    Method {
        name: "VIANN",
        about: "variance of the input weights over the epochs × |final weight|, not scaled",
        quantity: None,
        score: |fit, level| {
            first(fit, level, |network, names| {
                Viann { scale: Scale::Raw, ..Viann::default() }.of_network(network, names)
            })
        },
    },
    Method {
        name: "first layer",
        about: "sum of |first-layer weights|",
        quantity: None,
        score: |fit, level| first(fit, level, first_layer),
    },
    Method {
        name: "Garson",
        about: "shares of the |weights| along all paths of a dense network",
        quantity: None,
        score: |fit, level| {
            paths(fit, level, |network, names| garson(network, names, GarsonForm::Garson))
        },
    },
    Method {
        name: "Olden",
        about: "|sum of the products of weights along all paths| of a dense network, mean over the \
                outputs",
        quantity: None,
        score: |fit, level| paths(fit, level, olden),
    },
    Method {
        name: "one-hot probe",
        about: "|f(e) − f(0)| with one column at 1 and the others at their mean of 0; predicted rows",
        quantity: None,
        score: |fit, level| {
            if fit.settings.reads() == Reads::Tables {
                return Ok(None);
            }
            let answers = probe(fit.learned.model(), fit.names())?;
            Ok(Some(by_columns(level, &answers.mean_abs(0.95)?)))
        },
    },
    Method {
        name: "set to mean",
        about: "increase of the loss on the test rows with the player at its mean, nothing \
                retrained; predicted rows",
        quantity: None,
        score: set_to_mean,
    },
    Method {
        name: "permutation",
        about: "increase of the loss on the test rows with the player shuffled; predicted rows",
        quantity: Some(Quantity::Shuffled),
        score: permutation,
    },
    Method {
        name: "LOFO",
        about: "increase of the loss on the test rows of a model trained without the player; \
                trained models",
        quantity: Some(Quantity::Without),
        score: |fit, level| {
            retrained(fit, level, |run, seen, data, folds| {
                let lofo = Lofo { folds, ..Lofo::default() };
                let metrics = [loss(data.target())];
                Ok(lofo.importance(run, seen.learner, data, seen.players, &metrics)?)
            })
        },
    },
    Method {
        name: "conditional permutation, trees",
        about: "increase of the loss on the test rows with the player shuffled among rows of the \
                same leaf of a tree on the other columns; predicted rows",
        quantity: Some(Quantity::DrawnGiven),
        score: |fit, level| {
            let trees = TreeSubgroups::default();
            given_others(fit, level, |_| Ok(Some(Conditioning::Subgroups(&trees))))
        },
    },
    Method {
        name: "conditional permutation, Gaussian",
        about: "the same with values drawn from a normal distribution given the other columns, \
                fitted to the training rows",
        quantity: Some(Quantity::DrawnGiven),
        score: |fit, level| {
            let Some(gaussian) = gaussian(fit, level)? else { return Ok(None) };
            given_others(fit, level, |_| Ok(Some(Conditioning::Sampler(&gaussian))))
        },
    },
    Method {
        name: "leave-one-in",
        about: "decrease of the loss on the test rows of a model trained on the player alone, \
                against the best constant; trained models",
        quantity: Some(Quantity::Alone),
        score: |fit, level| {
            // A sequence without all but one channel is none: what is present is a column too.
            if fit.channels().is_some() {
                return Ok(None);
            }
            retrained(fit, level, |run, seen, data, folds| {
                let method = LeaveOneIn { folds, ..LeaveOneIn::default() };
                let metrics = [loss(data.target())];
                Ok(method.importance(run, seen.learner, data, seen.players, &metrics)?)
            })
        },
    },
    Method {
        name: "SAGE",
        about: "Shapley values of the loss of the mean prediction on the test rows, sampled, with \
                training rows as background; predicted rows",
        quantity: Some(Quantity::Sage),
        score: |fit, level| {
            fit.ask(&level.players, |seen| {
                let background = drawn(fit, seen.train.rows(), SAGE_BACKGROUND, BACKGROUND);
                sage(fit, seen, &Removal::marginal(background)?)
            })
        },
    },
    Method {
        name: "SAGE, Gaussian",
        about: "the same with absent columns drawn from a normal distribution given those present, \
                fitted to the training rows",
        quantity: Some(Quantity::SageGiven),
        score: |fit, level| {
            let Some(gaussian) = gaussian(fit, level)? else { return Ok(None) };
            let removal = Removal::conditional(Arc::new(gaussian), GIVEN_SAMPLES, 0)?;
            fit.ask(&level.players, |seen| sage(fit, seen, &removal))
        },
    },
    Method {
        name: "SHAP",
        about: "mean |Shapley value| of test rows, sampled, with training rows as background; \
                predicted rows",
        quantity: None,
        score: permutation_shap,
    },
    Method {
        name: "KernelSHAP",
        about: "the same by a regression over drawn coalitions; predicted rows",
        quantity: None,
        score: kernel_shap,
    },
    Method {
        name: "LIME",
        about: "mean |coefficient| of straight lines fitted around test rows, quartiles of the \
                training rows, all players selected; predicted rows",
        quantity: None,
        score: lime,
    },
    Method {
        name: "gradient",
        about: "mean |slope of the margin| of test rows; predicted rows, as of all that follow",
        quantity: None,
        score: |fit, level| gradients(fit, level, Signs::Lost, &Gradient { scale: SCALE }),
    },
    Method {
        name: "gradient × input",
        about: "mean |slope × value|",
        quantity: None,
        score: |fit, level| {
            gradients(fit, level, Signs::Kept, &GradientTimesInput { scale: SCALE })
        },
    },
    Method {
        name: "SmoothGrad",
        about: "mean |slope, averaged over noise of 0.15 of the column's range|",
        quantity: None,
        score: |fit, level| {
            let n_samples = fit.effort.gradient_points;
            let method = SmoothGrad { n_samples, noise: 0.15, scale: SCALE };
            gradients(fit, level, Signs::Lost, &method)
        },
    },
    Method {
        name: "integrated gradients",
        about: "mean |value × slope, averaged over the way from 0|",
        quantity: None,
        score: |fit, level| {
            let n_steps = fit.effort.gradient_points;
            let method = IntegratedGradients { baseline: None, n_steps, scale: SCALE };
            gradients(fit, level, Signs::Kept, &method)
        },
    },
    Method {
        name: "expected gradients",
        about: "the same with drawn training rows as the start of the way",
        quantity: None,
        score: |fit, level| {
            let chosen = fit.run.rng(BACKGROUND).sample(fit.train.n_rows(), EXPECTED_ROWS);
            let method = ExpectedGradients {
                n_samples: fit.effort.gradient_points,
                scale: SCALE,
                ..ExpectedGradients::new(fit.train.rows().select(Axis(0), &chosen))
            };
            gradients(fit, level, Signs::Kept, &method)
        },
    },
    Method {
        name: "LRP-ε",
        about: "mean |relevance| that reaches the column from the margin, layer by layer",
        quantity: None,
        score: |fit, level| gradients(fit, level, Signs::Kept, &Lrp::default()),
    },
    Method {
        name: "ANOVA F",
        about: "the F statistic of each column alone, without any model: a yardstick",
        quantity: None,
        score: |fit, level| {
            // The numbers of categories have no order.
            if !fit.train.categorical().is_empty() {
                return Ok(None);
            }
            let mut rows = fit.train.rows().to_owned();
            let means = Occlusion::at_means(rows.view()).baseline;
            for (mut column, mean) in rows.columns_mut().into_iter().zip(means) {
                column.mapv_inplace(|x| if x.is_nan() { mean } else { x });
            }
            let f = anova_f(&fit.train.clone().with_rows(rows)?);
            Ok(Some(by_columns(level, &Importance::new("ANOVA F", fit.names(), f)?)))
        },
    },
];
