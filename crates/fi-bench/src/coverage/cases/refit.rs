//! Methods that train again: intervals for this learner over training sets of this size.

use anyhow::Result;
use fi_core::{Folds, Lofo, Metric, Players, Run};
use fi_models::linfa;

use super::population::{BETA, NAMES, conditional_variance, sums};
use super::{Answer, Asked, CONFIDENCE, Case, TRAINING_SETS, interval};

const N_ROWS: usize = 100;
const N_FOLDS: usize = 10;

pub(super) fn all() -> Vec<Case> {
    vec![Case {
        name: "lofo",
        method: "LOFO, squared error",
        about: "least squares on 100 rows of three correlated normal features, 10 folds",
        refits: true,
        asked: vec![
            interval("a", TRAINING_SETS, lofo_truth(0)),
            interval("b", TRAINING_SETS, lofo_truth(1)),
            interval("null", TRAINING_SETS, lofo_truth(2)),
            Asked::PValue { quantity: "null, one-sided", null: "the learner is no worse without" },
        ],
        ask: lofo,
    }]
}

fn lofo(run: &Run<'static>) -> Result<Vec<Answer>> {
    let data = sums(&mut run.rng(0), N_ROWS)?;
    let learner = linfa::linear(linfa_linear::LinearRegression::new());
    let folds = Folds::KFold { n_splits: N_FOLDS, shuffle: true };
    let lofo = Lofo { folds, confidence: CONFIDENCE };
    let players = Players::features(NAMES)?;
    let found = lofo.importance(run, &learner, &data, &players, &[Metric::Mse])?;
    Ok([0, 1, 2, 2].map(|player| Answer::of(&found[0], player)).to_vec())
}

/// The expected squared error of least squares with an intercept on `n` rows of `p` normal features,
/// where the noise, and what the features do not tell, has variance `left` (Breiman, Freedman 1983,
/// doi:10.1080/01621459.1983.10477917).
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
