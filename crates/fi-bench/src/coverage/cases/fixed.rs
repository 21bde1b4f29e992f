//! A fixed model on test rows: intervals for this model on the population, and the p-values of
//! shuffling.

use anyhow::Result;
use fi_core::conditional::Gaussian;
use fi_core::{
    ConditionalPermutation, Conditioning, Dataset, ExactPermutation, Importance, Metric, Model,
    Occlusion, PairImportance, Permutation, Players, Removal, Rng, Run, Sage, shapley,
};
use ndarray::Array2;

use super::population::{
    BETA, CLASS_BETA, CLASS_MODEL, CORRELATION, MODEL, NAMES, class_model, classes,
    conditional_variance, grouped_sums, left_to, logistic, model, sums,
};
use super::{Answer, Asked, CONFIDENCE, Case, POPULATION, interval};
use crate::truth::quadrature::{Marginal, expectation};

const N_ROWS: usize = 200;
const N_REPEATS: usize = 10;

pub(super) fn all() -> Vec<Case> {
    let groups = [shuffled_rows(), classes_shuffled(), other_removals(), pairs(), nulls()];
    groups.into_iter().flatten().collect()
}

/// Shuffled features of numbers.
fn shuffled_rows() -> Vec<Case> {
    vec![
        Case {
            name: "permutation-mse",
            method: "permutation, MSE",
            about: "200 rows of three correlated normal features, a linear model that is a little \
                    wrong, 10 repeats",
            refits: false,
            asked: each(shuffled),
            ask: |run| shuffle(run, &sums(&mut run.rng(0), N_ROWS)?, &model(), Metric::Mse),
        },
        Case {
            name: "permutation-few-rows",
            method: "permutation, MSE, 30 rows",
            about: "the same with 30 rows",
            refits: false,
            asked: each(shuffled),
            ask: |run| shuffle(run, &sums(&mut run.rng(0), 30)?, &model(), Metric::Mse),
        },
        Case {
            name: "permutation-groups",
            method: "permutation, MSE, groups",
            about: "200 rows in 50 groups that share 70 % of the variance of features and noise",
            refits: false,
            asked: each(shuffled),
            ask: |run| shuffle(run, &grouped_sums(&mut run.rng(0), 50)?, &model(), Metric::Mse),
        },
        Case {
            name: "permutation-r2",
            method: "permutation, R²",
            about: "as squared error; the intervals are from a jackknife over blocks of rows",
            refits: false,
            asked: each(|i| shuffled(i) / variance_of_target()),
            ask: |run| shuffle(run, &sums(&mut run.rng(0), N_ROWS)?, &model(), Metric::R2),
        },
        Case {
            name: "exact-permutation",
            method: "permutation over all, MSE",
            about: "as permutation importance, without drawing permutations",
            refits: false,
            asked: each(shuffled),
            ask: |run| {
                let data = sums(&mut run.rng(0), N_ROWS)?;
                let method = ExactPermutation { confidence: CONFIDENCE, ..Default::default() };
                let found = method.importance(run, &model(), &data, &players()?, &[Metric::Mse])?;
                Ok(answers(&found[0]))
            },
        },
    ]
}

/// Shuffled features of classes.
fn classes_shuffled() -> Vec<Case> {
    vec![
        Case {
            name: "permutation-log-loss",
            method: "permutation, log loss",
            about: "200 rows of three independent normal features and two classes, a logistic model \
                    that is a little wrong, 10 repeats",
            refits: false,
            asked: each(shuffled_log_loss),
            ask: |run| {
                shuffle(run, &classes(&mut run.rng(0), N_ROWS)?, &class_model(), Metric::LogLoss)
            },
        },
        Case {
            name: "permutation-auc",
            method: "permutation, AUC",
            about: "as log loss; the intervals are from a jackknife over blocks of rows, the true \
                    values from 400,000 rows",
            refits: false,
            asked: {
                let truth = shuffled_auc();
                each(|i| truth[i])
            },
            ask: |run| {
                let data = classes(&mut run.rng(0), N_ROWS)?;
                shuffle(run, &data, &class_model(), Metric::parse("roc_auc")?)
            },
        },
    ]
}

/// Features taken away otherwise.
fn other_removals() -> Vec<Case> {
    vec![
        Case {
            name: "occlusion",
            method: "occlusion, MSE",
            about: "the rows and the model of permutation importance",
            refits: false,
            asked: each(|i| MODEL[i] * MODEL[i] + 2.0 * MODEL[i] * left_to(i)),
            ask: |run| {
                let data = sums(&mut run.rng(0), N_ROWS)?;
                let occlusion = Occlusion { baseline: vec![0.0; 3] };
                let metrics = [Metric::Mse];
                let found = occlusion.importance(run, &model(), &data, &players()?, &metrics)?;
                Ok(answers(&found[0]))
            },
        },
        Case {
            name: "conditional-gaussian",
            method: "conditional, MSE",
            about: "the rows and the model of permutation importance; values are drawn from their \
                    true normal distribution given the other features",
            refits: false,
            asked: each(drawn_given),
            ask: |run| {
                let data = sums(&mut run.rng(0), N_ROWS)?;
                let gaussian = gaussian()?;
                given(run, &data, Conditioning::Sampler(&gaussian))
            },
        },
        Case {
            name: "sage",
            method: "SAGE, MSE",
            about: "the rows and the model of permutation importance, a background of 100 rows of \
                    the same population, 256 orders",
            refits: false,
            asked: each(|i| (0..3).map(|j| sage_part(i, j)).sum()),
            ask: |run| {
                let mut rng = run.rng(0);
                let (data, background) = (sums(&mut rng, N_ROWS)?, sums(&mut rng, 100)?);
                let removal = Removal::marginal(background.rows().to_owned())?;
                let sage = Sage { n_draws: 256, tolerance: None, ..Sage::default() };
                let (model, players, metrics) = (model(), players()?, [Metric::Mse]);
                let found = sage.importance(run, &model, &data, &players, &removal, &metrics)?;
                Ok(answers(&found[0]))
            },
        },
        Case {
            name: "mean-abs-shap",
            method: "mean |SHAP|",
            about: "100 of the same rows, the same model, a background of one row of zeros",
            refits: false,
            asked: each(|i| MODEL[i].abs() * (2.0 / std::f64::consts::PI).sqrt()),
            ask: |run| {
                let data = sums(&mut run.rng(0), 100)?;
                let removal = Removal::baseline(vec![0.0; 3])?;
                let (rows, model, players) = (data.rows(), model(), players()?);
                let found =
                    shapley::explain(run, &shapley::Exact, &model, rows, &players, &removal)?;
                Ok(answers(&found.mean_abs(CONFIDENCE)?))
            },
        },
    ]
}

/// Two features at once.
fn pairs() -> Vec<Case> {
    vec![Case {
        name: "pairs",
        method: "pairs, MSE",
        about: "the rows and the model of permutation importance",
        refits: false,
        asked: [(0, 1, "a × b"), (0, 2, "a × null")]
            .map(|(i, j, name)| interval(name, POPULATION, pair(i, j)))
            .into(),
        ask: |run| {
            let data = sums(&mut run.rng(0), N_ROWS)?;
            let shuffle = Permutation { n_repeats: N_REPEATS, ..Permutation::default() };
            let (model, players, metrics) = (model(), players()?, [Metric::Mse]);
            let pairs = PairImportance::default();
            let found = pairs.permutation(run, &shuffle, &model, &data, &players, &metrics)?;
            let ends = |at: (usize, usize)| {
                let interval = found[0].interval.as_ref();
                interval.map(|interval| (interval.low[at], interval.high[at]))
            };
            let answer = |at: (usize, usize)| Answer {
                value: found[0].values[at],
                interval: ends(at),
                p_value: None,
            };
            Ok(vec![answer((0, 1)), answer((0, 2))])
        },
    }]
}

/// P-values whose null hypothesis is true.
fn nulls() -> Vec<Case> {
    vec![
        Case {
            name: "conditional-null",
            method: "conditional, p-value",
            about: "100 rows of three correlated normal features; the model uses `null`, of which \
                    the target is independent given the others; values are drawn from their true \
                    distribution given the others, 99 times",
            refits: false,
            asked: vec![Asked::PValue {
                quantity: "a correlated feature",
                null: "the feature is independent of the target given the others",
            }],
            ask: |run| {
                let data = sums(&mut run.rng(0), 100)?;
                let gaussian = gaussian()?;
                let method =
                    ConditionalPermutation { n_repeats: 99, ..ConditionalPermutation::default() };
                let (model, players, metrics) = (model(), players()?, [Metric::Mse]);
                let how = Conditioning::Sampler(&gaussian);
                let found = method.importance(run, &model, &data, &players, &metrics, how)?;
                Ok(vec![Answer::of(&found[0], 2)])
            },
        },
        Case {
            name: "permutation-null",
            method: "permutation, p-value",
            about: "100 rows; the model uses a feature that is independent of the target and of the \
                    other features; 99 repeats",
            refits: false,
            asked: vec![Asked::PValue {
                quantity: "an independent feature",
                null: "the feature is independent of target and other features",
            }],
            ask: |run| {
                // Classes' features are independent, and the third does nothing.
                let data = classes(&mut run.rng(0), 100)?;
                let shuffle = Permutation { n_repeats: 99, ..Permutation::default() };
                let metrics = [Metric::LogLoss];
                let found =
                    shuffle.importance(run, &class_model(), &data, &players()?, &metrics)?;
                Ok(vec![Answer::of(&found[0], 2)])
            },
        },
    ]
}

fn players() -> Result<Players> {
    Ok(Players::features(NAMES)?)
}

/// An interval of each feature.
fn each(truth: impl Fn(usize) -> f64) -> Vec<Asked> {
    (0..3).map(|i| interval(NAMES[i], POPULATION, truth(i))).collect()
}

fn answers(importance: &Importance) -> Vec<Answer> {
    (0..3).map(|player| Answer::of(importance, player)).collect()
}

fn shuffle(
    run: &Run<'static>,
    data: &Dataset,
    model: &dyn Model,
    metric: Metric,
) -> Result<Vec<Answer>> {
    let shuffle =
        Permutation { n_repeats: N_REPEATS, confidence: CONFIDENCE, ..Permutation::default() };
    let found = shuffle.importance(run, model, data, &players()?, &[metric])?;
    Ok(answers(&found[0]))
}

fn gaussian() -> Result<Gaussian> {
    let covariance = Array2::from(CORRELATION.to_vec());
    Ok(Gaussian::new(vec![0.0; 3], covariance.view())?)
}

fn given(run: &Run<'static>, data: &Dataset, how: Conditioning<'_>) -> Result<Vec<Answer>> {
    let method = ConditionalPermutation {
        n_repeats: N_REPEATS,
        confidence: CONFIDENCE,
        ..Default::default()
    };
    let found = method.importance(run, &model(), data, &players()?, &[Metric::Mse], how)?;
    Ok(answers(&found[0]))
}

/// As `shuffled`, of a value that is drawn given the other features: it has their part of `xᵢ`, so
/// only what is left of `xᵢ`, of variance `v`, is exchanged, and only its part in `y − f` is lost.
fn drawn_given(i: usize) -> f64 {
    let v = conditional_variance(i);
    2.0 * MODEL[i] * v * (MODEL[i] + BETA[i] - MODEL[i])
}

/// What players `i` and `j` add to `i`'s SAGE value: the loss falls by a quadratic form in what is
/// known, `E[(y − μ)²] − E[(y − f_S)²]` with `f_S` the sum over the known features.
fn sage_part(i: usize, j: usize) -> f64 {
    let c = CORRELATION[i][j];
    // 2 Cov(y, f_S) − Var f_S: the first is additive, the products of the second are halved.
    2.0 * MODEL[i] * c * BETA[j] - MODEL[i] * c * MODEL[j]
}

/// What shuffling both adds to what shuffling each does: `2 bᵢ bⱼ E[(xᵢ − xᵢ')(xⱼ − xⱼ')]`.
fn pair(i: usize, j: usize) -> f64 {
    4.0 * MODEL[i] * MODEL[j] * CORRELATION[i][j]
}

/// `E[(y − f + bᵢ (xᵢ − xᵢ'))²] − E[(y − f)²]`.
fn shuffled(i: usize) -> f64 {
    2.0 * MODEL[i] * MODEL[i] + 2.0 * MODEL[i] * left_to(i)
}

/// `1 + ¼ + 2 · ½ · ½` of the features and 1 of the noise.
fn variance_of_target() -> f64 {
    2.75
}

/// The log loss with a feature from another row less that with its own.
fn shuffled_log_loss(i: usize) -> f64 {
    let normal = Marginal::Normal { std: 1.0 };
    let loss = |x: &[f64], seen: &[f64]| {
        let sum = |x: &[f64], beta: [f64; 3]| x.iter().zip(beta).map(|(x, b)| x * b).sum::<f64>();
        let (truth, believed) = (logistic(sum(x, CLASS_BETA)), sum(seen, CLASS_MODEL));
        // −p ln σ(z) − (1 − p) ln σ(−z).
        let soft_plus = |z: f64| z.max(0.0) + (-z.abs()).exp().ln_1p();
        truth * soft_plus(-believed) + (1.0 - truth) * soft_plus(believed)
    };
    expectation(&[normal; 4], 20, |x| {
        let mut seen = [x[0], x[1], x[2]];
        seen[i] = x[3];
        loss(&x[..3], &seen) - loss(&x[..3], &x[..3])
    })
}

/// The fall of the AUC, from many rows.
fn shuffled_auc() -> [f64; 3] {
    let n = 400_000;
    let mut rng = Rng::new(0, 0);
    let (mut labels, mut scores) = (Vec::with_capacity(n), vec![Vec::new(); 4]);
    for _ in 0..n {
        let x = [rng.normal(), rng.normal(), rng.normal()];
        let truth: f64 = x.iter().zip(CLASS_BETA).map(|(x, b)| x * b).sum();
        labels.push(rng.uniform() < logistic(truth));
        let score: f64 = x.iter().zip(CLASS_MODEL).map(|(x, b)| x * b).sum();
        scores[3].push(score);
        for i in 0..3 {
            scores[i].push(score + CLASS_MODEL[i] * (rng.normal() - x[i]));
        }
    }
    let areas: Vec<f64> = scores.iter().map(|scores| area(scores, &labels)).collect();
    [0, 1, 2].map(|i| areas[3] - areas[i])
}

/// The area under the ROC curve from ranks; scores are continuous, so there are no ties.
fn area(scores: &[f64], labels: &[bool]) -> f64 {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    let (mut below, mut pairs, mut won) = (0.0, 0.0, 0.0);
    let n_false = labels.iter().filter(|label| !**label).count() as f64;
    for i in order {
        if labels[i] {
            won += below;
            pairs += n_false;
        } else {
            below += 1.0;
        }
    }
    won / pairs
}
