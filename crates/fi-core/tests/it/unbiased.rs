//! Estimates are near the exact values, and standard errors say how near.

use fi_core::shapley::{Estimator, Exact, Kernel, Permutation, Rates, Sampling};
use fi_core::{Function, Game, Players, PredictionGame, Removal, Run};
use ndarray::{Array2, ArrayView1, ArrayView2, Axis};

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

/// How much of the spread over seeds the standard errors say, and how often they are exceeded.
struct Calibration {
    /// Root mean squared error over root mean squared standard error.
    ratio: f64,
    /// The shares of values that are off by more than 2 and 5 standard errors.
    beyond_2: f64,
    beyond_5: f64,
}

/// Errors of so many seeds. Their mean is within five of its own standard errors of 0, per value;
/// or it makes up at most `most_bias` of the mean squared error.
fn calibration(
    estimator: &dyn Estimator,
    game: &dyn Game,
    n_seeds: u64,
    most_bias: Option<f64>,
) -> Calibration {
    let exact = Exact.estimate(&Run::new(0), game).unwrap().values;
    let (mut squares, mut said) = (exact.clone() * 0.0, exact.clone() * 0.0);
    let mut bias = exact.clone() * 0.0;
    let mut off = Vec::new();
    for seed in 0..n_seeds {
        let estimate = estimator.estimate(&Run::new(seed), game).unwrap();
        let error = &estimate.values - &exact;
        let std_error = estimate.std_error.unwrap();
        squares += &error.mapv(|error| error * error);
        said += &std_error.mapv(|error| error * error);
        bias += &error;
        off.extend((&error / &std_error).mapv(f64::abs));
    }
    let n = n_seeds as f64;
    if let Some(most) = most_bias {
        let share = bias.mapv(|sum| sum * sum / n).sum() / squares.sum();
        assert!(share < most, "{} {share}", estimator.name());
    } else {
        let of_mean = (&bias / n) / (&squares / n / n).mapv(f64::sqrt);
        assert!(of_mean.iter().all(|z| z.abs() < 5.0), "{} {of_mean}", estimator.name());
    }
    let beyond = |most: f64| off.iter().filter(|&&z| z > most).count() as f64 / off.len() as f64;
    let ratio = (squares.sum() / said.sum()).sqrt();
    Calibration { ratio, beyond_2: beyond(2.0), beyond_5: beyond(5.0) }
}

/// The values of all coalitions of another game, player `i` being bit `i`; cheap to ask again.
struct Tabulated(Array2<f64>);

impl Tabulated {
    fn new(game: &dyn Game) -> Self {
        let all = Array2::from_shape_fn((1 << N, N), |(index, player)| index >> player & 1 == 1);
        Self(game.values(all.view()).unwrap())
    }
}

impl Game for Tabulated {
    fn n_players(&self) -> usize {
        N
    }

    fn n_outputs(&self) -> usize {
        self.0.ncols()
    }

    fn values(&self, coalitions: ArrayView2<'_, bool>) -> fi_core::Result<Array2<f64>> {
        let index = |coalition: ArrayView1<'_, bool>| {
            coalition.iter().rev().fold(0, |index, &present| 2 * index + usize::from(present))
        };
        Ok(self.0.select(Axis(0), &coalitions.outer_iter().map(index).collect::<Vec<_>>()))
    }
}

/// Sampling draws completions, of which a table of values knows nothing.
fn on_games(estimator: &dyn Estimator, tabulate: bool, n_seeds: u64, most_bias: Option<f64>) {
    let model = model();
    let players = Players::features((0..N).map(|i| format!("x{i}"))).unwrap();
    let background = Removal::marginal(normal(6, 1)).unwrap();
    let baseline = Removal::baseline(vec![0.1; N]).unwrap();
    let rows = normal(2, 2);
    for (row, removal) in [(0, &background), (1, &background), (0, &baseline)] {
        let game = PredictionGame::new(&model, &players, rows.row(row), removal).unwrap();
        let table = Tabulated::new(&game);
        let game: &dyn Game = if tabulate { &table } else { &game };
        let Calibration { ratio, beyond_2, beyond_5 } =
            calibration(estimator, game, n_seeds, most_bias);
        let text = format!("{} {ratio:.3} {beyond_2:.4} {beyond_5:.4}", estimator.name());
        // A normal deviate is beyond 2 with 0.0455; draws are few and skewed, so allow for it.
        assert!((0.85..1.15).contains(&ratio), "{text}");
        assert!((0.02..0.1).contains(&beyond_2) && beyond_5 < 0.002, "{text}");
    }
}

#[test]
fn permutation() {
    on_games(&Permutation { n_permutations: 400, tolerance: None }, true, 200, None);
}

#[test]
fn kernel() {
    // What the law of interactions pulls towards 0 is a bias; the standard errors count it.
    for n_coalitions in [150, 400] {
        for rates in [Rates::Learned, Rates::Equal] {
            on_games(&Kernel { n_coalitions, rates }, true, 60, Some(0.2));
        }
    }
}

#[test]
fn sampling() {
    on_games(&Sampling { n_samples: 1000 }, false, 200, None);
}
