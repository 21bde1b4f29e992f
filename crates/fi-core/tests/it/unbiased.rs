//! Estimates are near the exact values, and standard errors say how near.

use fi_core::shapley::{Estimator, Exact, Kernel, Permutation, Sampling};
use fi_core::{Function, Game, Players, PredictionGame, Removal, Run};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

const N: usize = 10;

/// Interactions of many orders, thresholds and saturation, in two outputs.
fn model() -> impl fi_core::Model {
    Function::new(N, 2, |rows: ArrayView2<'_, f64>| {
        let outputs = |x: ArrayView1<'_, f64>| {
            let product = x[0] * x[1] * x[2] + x[3] * x[4] * x[5] * x[6];
            let steps = f64::from(x[7] > 0.2 && x[8] > -0.5) + f64::from(x.sum() > 1.0);
            [product + 2.0 * steps + x[9], (x.sum() + x[0] * x[9]).tanh()]
        };
        let flat: Vec<f64> = rows.outer_iter().flat_map(outputs).collect();
        Array2::from_shape_vec((rows.nrows(), 2), flat).unwrap()
    })
}

fn normal(n_rows: usize, seed: u64) -> Array2<f64> {
    let mut rng = fi_core::Rng::new(seed, 0);
    Array2::from_shape_simple_fn((n_rows, N), || rng.normal())
}

/// How often a seed's estimate is off by more than its standard error allows, and the ratio of
/// the spread that is to the spread that is said.
fn calibration(estimator: &dyn Estimator, game: &dyn Game) -> (f64, f64) {
    let exact = Exact.estimate(&Run::new(0), game).unwrap().values;
    let n_seeds = 200;
    let (mut squares, mut said) = (Array2::<f64>::zeros(exact.dim()), exact.clone() * 0.0);
    let mut worst = 0.0_f64;
    let mut bias = exact.clone() * 0.0;
    for seed in 0..n_seeds {
        let estimate = estimator.estimate(&Run::new(seed), game).unwrap();
        let error = &estimate.values - &exact;
        let std_error = estimate.std_error.unwrap();
        squares += &error.mapv(|error| error * error);
        said += &std_error.mapv(|error| error * error);
        bias += &error;
        let relative = (&error / &std_error).mapv(f64::abs);
        worst = relative.iter().fold(worst, |worst, &relative| worst.max(relative));
    }
    // The mean over seeds is unbiased: within 5 of its own standard errors, per value.
    let n = f64::from(u32::try_from(n_seeds).unwrap());
    let of_mean = (&bias / n) / (&squares / n / n).mapv(f64::sqrt);
    assert!(of_mean.iter().all(|z| z.abs() < 5.0), "{} {of_mean}", estimator.name());
    (worst, (squares.sum() / said.sum()).sqrt())
}

fn on_games(estimator: &dyn Estimator, low: f64, high: f64) {
    let model = model();
    let players = Players::features((0..N).map(|i| format!("x{i}"))).unwrap();
    let background = Removal::marginal(normal(6, 1)).unwrap();
    let baseline = Removal::baseline(vec![0.1; N]).unwrap();
    let rows = normal(2, 2);
    for (row, removal) in [(0, &background), (1, &background), (0, &baseline)] {
        let row: Array1<f64> = rows.index_axis(Axis(0), row).to_owned();
        let game = PredictionGame::new(&model, &players, row.view(), removal).unwrap();
        let (worst, ratio) = calibration(estimator, &game);
        println!("{} worst {worst:.2} ratio {ratio:.3}", estimator.name());
        assert!(worst < 5.5, "{} is off by {worst} standard errors", estimator.name());
        assert!(low < ratio && ratio < high, "{} {ratio}", estimator.name());
    }
}

#[test]
fn permutation() {
    on_games(&Permutation { n_permutations: 60, tolerance: None }, 0.9, 1.1);
}

#[test]
fn kernel() {
    on_games(&Kernel { n_coalitions: 200 }, 0.85, 1.15);
    on_games(&Kernel { n_coalitions: 500 }, 0.85, 1.15);
}

#[test]
fn sampling() {
    on_games(&Sampling { n_samples: 100 }, 0.9, 1.1);
}
