//! Methods that train again: intervals for this learner over training sets of this size.

use anyhow::Result;
use fi_core::{
    Fold, Folds, HeldOut, Loco, Lofo, Metric, Permutation, Players, Run, Target, TargetPermutation,
};
use fi_models::linear::LinearModel;
use fi_models::linfa;

use super::population::{BETA, CORRELATION, NAMES, conditional_variance, sums};
use super::{Answer, Asked, CONFIDENCE, Case, FITTED_MODELS, TRAINING_SETS, interval};

const N_ROWS: usize = 100;
const N_FOLDS: usize = 10;

pub(super) fn all() -> Vec<Case> {
    vec![lofo_case(), loco_case(), pimp_case()]
}

/// What LOCO asks is about the two models that were trained, so each data set has a true value of
/// its own: the case notes the difference to it, whose true value is 0.
fn loco_case() -> Case {
    Case {
        name: "loco",
        method: "LOCO, MSE",
        about: "least squares on half of 200 rows of three correlated normal features; noted is how \
                far the value is from that of these two models on the population",
        refits: true,
        asked: vec![
            interval("a", FITTED_MODELS, 0.0),
            interval("b", FITTED_MODELS, 0.0),
            interval("null", FITTED_MODELS, 0.0),
        ],
        ask: loco,
    }
}

fn pimp_case() -> Case {
    Case {
        name: "target-permutation",
        method: "target permutation (PIMP)",
        about: "least squares on 50 rows of three correlated normal features and a target of noise, \
                39 shuffled targets",
        refits: true,
        asked: vec![Asked::PValue {
            quantity: "a feature of noise",
            null: "the target is independent of all features",
        }],
        ask: |run| {
            let mut rng = run.rng(0);
            let data = sums(&mut rng, 50)?;
            let noise = (0..50).map(|_| rng.normal()).collect();
            let data = data.with_target(Target::Values(noise))?;
            let method = TargetPermutation { n_permutations: 39, ..TargetPermutation::default() };
            let shuffle = Permutation { n_repeats: 3, ..Permutation::default() };
            let how = HeldOut { permutation: shuffle, ..HeldOut::default() };
            let players = Players::features(NAMES)?;
            let found = method.importance(run, &learner(), &how, &data, &players)?;
            Ok(vec![Answer::of(&found.importance, 0)])
        },
    }
}

fn learner() -> linfa::Linear {
    linfa::linear(linfa_linear::LinearRegression::new())
}

/// The learner, noting the coefficients of what it trains.
fn loco(run: &Run<'static>) -> Result<Vec<Answer>> {
    let data = sums(&mut run.rng(0), 2 * N_ROWS)?;
    let n = data.n_rows();
    let fold = Fold { train: (0..n / 2).collect(), test: (n / 2..n).collect() };
    let train = data.select_rows(&fold.train)?;
    let loco = Loco { folds: Folds::Given(vec![fold]), confidence: CONFIDENCE, ..Loco::default() };
    let players = Players::features(NAMES)?;
    let found = loco.importance(run, &learner(), &data, &players, &[Metric::Mse])?;
    let whole = population_error(&learner().fit(run, &train)?, None);
    (0..3)
        .map(|i| {
            let model = learner().fit(run, &train.without_features(&[i])?)?;
            let truth = population_error(&model, Some(i)) - whole;
            let answer = Answer::of(&found[0], i);
            let interval = answer.interval.map(|(low, high)| (low - truth, high - truth));
            Ok(Answer { value: answer.value - truth, interval, ..answer })
        })
        .collect()
}

/// The squared error of a linear model on the population, perhaps without a feature.
fn population_error(model: &LinearModel, without: Option<usize>) -> f64 {
    let mut left = BETA;
    let kept = (0..3).filter(|i| Some(*i) != without);
    for (feature, coefficient) in kept.zip(model.coefficients().iter()) {
        left[feature] -= coefficient;
    }
    let variance: f64 =
        (0..3).flat_map(|i| (0..3).map(move |j| left[i] * CORRELATION[i][j] * left[j])).sum();
    1.0 + variance + model.intercepts()[0].powi(2)
}

fn lofo_case() -> Case {
    Case {
        name: "lofo",
        method: "LOFO, MSE",
        about: "least squares on 100 rows of three correlated normal features, 10 folds",
        refits: true,
        asked: vec![
            interval("a", TRAINING_SETS, lofo_truth(0)),
            interval("b", TRAINING_SETS, lofo_truth(1)),
            interval("null", TRAINING_SETS, lofo_truth(2)),
            Asked::PValue { quantity: "null, one-sided", null: "the learner is no worse without" },
        ],
        ask: lofo,
    }
}

fn lofo(run: &Run<'static>) -> Result<Vec<Answer>> {
    let data = sums(&mut run.rng(0), N_ROWS)?;
    let folds = Folds::KFold { n_splits: N_FOLDS, shuffle: true };
    let lofo = Lofo { folds, confidence: CONFIDENCE };
    let players = Players::features(NAMES)?;
    let found = lofo.importance(run, &learner(), &data, &players, &[Metric::Mse])?;
    Ok([0, 1, 2, 2].map(|player| Answer::of(&found[0], player)).to_vec())
}

/// The expected squared error of least squares with an intercept on `n` rows of `p` normal features,
/// where the noise, and what the features do not tell, has variance `left` (Breiman, Freedman 1983,
/// doi:10.1080/01621459.1983.10477941).
fn expected_error(n: usize, p: usize, left: f64) -> f64 {
    let (n, p) = (n as f64, p as f64);
    left * (n + 1.0) * (n - 2.0) / (n * (n - p - 2.0))
}

fn lofo_truth(i: usize) -> f64 {
    let n_train = N_ROWS - N_ROWS / N_FOLDS;
    let without = 1.0 + BETA[i] * BETA[i] * conditional_variance(i);
    expected_error(n_train, 2, without) - expected_error(n_train, 3, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closed_form_is_the_mean_of_many_data_sets() {
        let runs = (0..300_u64).map(|seed| lofo(&Run::new(seed)).unwrap());
        let values: Vec<[f64; 3]> =
            runs.map(|answers| [0, 1, 2].map(|i| answers[i].value)).collect();
        for i in 0..3 {
            let n = values.len() as f64;
            let mean = values.iter().map(|value| value[i]).sum::<f64>() / n;
            let spread = values.iter().map(|value| (value[i] - mean).powi(2)).sum::<f64>() / n;
            let bound = 4.5 * (spread / n).sqrt();
            assert!((mean - lofo_truth(i)).abs() < bound, "{i} {mean} {}", lofo_truth(i));
        }
    }
}
