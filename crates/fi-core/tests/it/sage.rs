//! SAGE against its definition: exact enumeration, closed forms, axioms, coverage and bad input.

use std::ops::ControlFlow;
use std::sync::Arc;

use fi_core::conditional::Gaussian;
use fi_core::invariants::{self, column_permutation, thread_count_invariance};
use fi_core::shapley::{Estimate, Estimator, Exact};
use fi_core::{
    Dataset, Function, Game, LossGame, Metric, Model, Output, Players, Progress, Removal, Rng, Run,
    Sage, SageEstimator, Target, Warning,
};
use ndarray::{Array2, ArrayView2, Axis, array, s, stack};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

const BOTH: [SageEstimator; 2] = [SageEstimator::Permutation, SageEstimator::Kernel];

fn normal(n_rows: usize, n_columns: usize, seed: u64) -> Array2<f64> {
    let mut rng = Rng::new(seed, 0);
    let mut rows = Array2::from_shape_simple_fn((n_rows, n_columns), || rng.normal());
    // Each column leans on the one before it.
    for column in 1..n_columns {
        let before = rows.column(column - 1).to_owned();
        rows.column_mut(column).scaled_add(0.5, &before);
    }
    rows
}

fn score(x: ndarray::ArrayView1<'_, f64>) -> f64 {
    let n = x.len();
    let pair = if n > 2 { x[1] * x[2] } else { 0.0 };
    let step = if n > 3 { (2.0 * x[3]).tanh() * x[0].max(0.0) } else { 0.0 };
    1.2 * x[0] + pair + step
}

/// Numbers, with interactions of two and three features.
fn numbers(n_features: usize) -> impl Model {
    Function::new(n_features, 1, |rows: ArrayView2<'_, f64>| {
        rows.map_axis(Axis(1), score).insert_axis(Axis(1))
    })
}

/// Probabilities of two classes.
fn classes(n_features: usize) -> impl Model {
    let predict = |rows: ArrayView2<'_, f64>| {
        let p = rows.map_axis(Axis(1), score).mapv(|z| 1.0 / (1.0 + (-z).exp()));
        stack![Axis(1), 1.0 - &p, p]
    };
    Function::new(n_features, 2, predict).with_output(Output::Probabilities)
}

fn regression(n_rows: usize, n_features: usize, seed: u64) -> Dataset {
    let rows = normal(n_rows, n_features, seed);
    let mut rng = Rng::new(seed, 1);
    let target = rows.outer_iter().map(|x| score(x) + 0.5 * rng.normal()).collect();
    Dataset::new(rows, Target::Values(target)).unwrap()
}

fn classification(n_rows: usize, n_features: usize, seed: u64) -> Dataset {
    let data = regression(n_rows, n_features, seed);
    let labels = data.target().values().unwrap().iter().map(|&y| usize::from(y > 0.3)).collect();
    let names = vec!["no".into(), "yes".into()];
    data.with_target(Target::Classes { labels, names }).unwrap()
}

fn singles(n_features: usize) -> Players {
    Players::features((0..n_features).map(|i| format!("x{i}"))).unwrap()
}

fn exact(game: &LossGame<'_>) -> Array2<f64> {
    Exact.estimate(&Run::new(0), game).unwrap().values
}

fn drawn(estimator: SageEstimator, n_draws: usize, background_rows: usize) -> Sage {
    Sage { estimator, n_draws, background_rows, tolerance: None, ..Default::default() }
}

fn assert_near(got: &Array2<f64>, expected: &Array2<f64>, tolerance: f64) {
    let apart = (got - expected).iter().fold(0.0_f64, |most, apart| most.max(apart.abs()));
    assert!(apart < tolerance, "{got} is not {expected}");
}

/// `vᵢ(S) = ℓ(none) − (rᵢ − Σ_S cⱼ)²` with `cⱼ = βⱼ (xⱼ − μⱼ)` and `rᵢ = yᵢ − β·μ`, hence
/// `φⱼ = meanᵢ cⱼ (2 rᵢ − Σ c)`.
#[test]
fn a_linear_model_has_a_closed_form_which_pairs_of_walks_hit() {
    let beta = [1.5, -0.7, 0.3, 0.0];
    let model = Function::new(4, 1, move |rows: ArrayView2<'_, f64>| {
        rows.dot(&ndarray::Array1::from(beta.to_vec())).insert_axis(Axis(1))
    });
    let data = regression(30, 4, 3);
    let (background, players) = (normal(11, 4, 8), singles(4));
    let mean = background.mean_axis(Axis(0)).unwrap();
    let mut expected = Array2::zeros((1, 4));
    for (x, y) in data.rows().outer_iter().zip(data.target().values().unwrap()) {
        let c: Vec<f64> = (0..4).map(|j| beta[j] * (x[j] - mean[j])).collect();
        let r = y - (0..4).map(|j| beta[j] * mean[j]).sum::<f64>();
        for j in 0..4 {
            expected[[0, j]] += c[j] * (2.0 * r - c.iter().sum::<f64>()) / 30.0;
        }
    }
    let removal = Removal::marginal(background).unwrap();
    let game = LossGame::new(&model, &data, &players, &removal, &[Metric::Mse]).unwrap();
    assert_near(&exact(&game), &expected, 1e-12);
    // Squared errors of a linear model have interactions of two players only.
    let estimate = drawn(BOTH[0], 30, 12).estimate(&Run::new(0), &game).unwrap();
    assert_near(&estimate.values, &expected, 1e-12);
    assert_eq!(estimate.n_evaluations, 30 + 11 + 30 * 6 * 11);
    // A few of the background rows are noisy, in whichever way they are drawn.
    for estimator in BOTH {
        let estimate = drawn(estimator, 3000, 4).estimate(&Run::new(1), &game).unwrap();
        assert_near(&estimate.values, &expected, 0.25);
        assert!((&estimate.values - &expected).iter().any(|apart| apart.abs() > 1e-6));
    }
}

/// Over seeds: the root mean squared error over what the standard errors say, the largest bias in
/// its own standard errors, and the largest error in those of the estimate.
fn calibration(sage: &Sage, game: &LossGame<'_>, n_seeds: u64) -> (f64, f64, f64) {
    let exact = exact(game);
    let zeros = Array2::<f64>::zeros((exact.nrows(), 4));
    let (mut squares, mut said) = (zeros.clone(), 0.0);
    let (mut sum, mut worst) = (zeros, 0.0_f64);
    for seed in 0..n_seeds {
        let estimate = sage.estimate(&Run::new(seed), game).unwrap();
        let std_error = estimate.std_error.unwrap();
        // Of the model's own features: of others there is nothing but rounding.
        let error = (&estimate.values - &exact).slice_move(s![.., ..4]);
        let std_error = std_error.slice_move(s![.., ..4]);
        worst = (&error / &std_error).iter().fold(worst, |worst, z| worst.max(z.abs()));
        said += std_error.mapv(|error| error * error).sum();
        squares += &error.mapv(|error| error * error);
        sum += &error;
    }
    let ratio = (squares.sum() / said).sqrt();
    let bias = (&sum / &squares.mapv(f64::sqrt)).iter().fold(0.0_f64, |most, z| most.max(z.abs()));
    (ratio, bias, worst)
}

/// Few background rows in a draw, rows visited less than once, a few times and often: the values
/// are those of the whole background, and the standard errors say how near.
#[test]
fn estimates_are_within_their_own_standard_errors() {
    let (n_features, players) = (5, singles(5));
    let removal = Removal::marginal(normal(10, n_features, 7)).unwrap();
    let (numbers, classes) = (numbers(n_features), classes(n_features));
    let (values, labels) = (regression(24, n_features, 1), classification(24, n_features, 1));
    let squared = LossGame::new(&numbers, &values, &players, &removal, &[Metric::Mse]).unwrap();
    let metrics = [Metric::LogLoss, Metric::Brier, Metric::Accuracy];
    let probable = LossGame::new(&classes, &labels, &players, &removal, &metrics).unwrap();
    for estimator in BOTH {
        for (game, n_draws) in [(&squared, 20), (&squared, 60), (&probable, 200)] {
            let (ratio, bias, worst) = calibration(&drawn(estimator, n_draws, 4), game, 30);
            let label = format!("{estimator:?} {n_draws}: {ratio} {bias} {worst}");
            // Before every row was visited twice, standard errors are too large.
            let least = if n_draws < 24 { 0.4 } else { 0.8 };
            assert!((least..1.2).contains(&ratio), "{label}");
            assert!(bias < 4.0 && worst < 6.0, "{label}");
        }
    }
}

/// Without corrections the log loss of few background rows would be biased.
#[test]
fn what_is_left_of_the_bias_is_corrected() {
    let (players, model) = (singles(3), classes(3));
    let removal = Removal::marginal(normal(30, 3, 7)).unwrap();
    let data = classification(25, 3, 2);
    let game = LossGame::new(&model, &data, &players, &removal, &[Metric::LogLoss]).unwrap();
    let exact = exact(&game);
    for estimator in BOTH {
        let estimate = drawn(estimator, 6000, 2).estimate(&Run::new(3), &game).unwrap();
        let std_error = estimate.std_error.unwrap();
        let apart = (&estimate.values - &exact).mapv(f64::abs);
        assert!(apart.iter().zip(&std_error).all(|(a, e)| *a < 4.0 * e), "{apart} {std_error}");
        assert!(std_error.iter().all(|&error| error < 0.01), "{std_error}");
    }
}

/// A model that is sure says 0 of all of a few background rows now and then, but of no whole
/// background: losses of few rows have tails that those of the whole have not. Standard errors are
/// then small soon, and true: over seeds, errors are as large as they say.
#[test]
fn losses_without_a_bound_converge_to_what_their_standard_errors_say() {
    let sure = |rows: ArrayView2<'_, f64>| {
        let p = rows.map_axis(Axis(1), score).mapv(|z| 1.0 / (1.0 + (-60.0 * (z - 0.3)).exp()));
        stack![Axis(1), 1.0 - &p, p]
    };
    let model = Function::new(4, 2, sure).with_output(Output::Probabilities);
    let (players, data) = (singles(4), classification(60, 4, 2));
    let labels = data.rows().outer_iter().map(|x| usize::from(score(x) > 0.3)).collect();
    let names = vec!["no".into(), "yes".into()];
    let data = data.with_target(Target::Classes { labels, names }).unwrap();
    let removal = Removal::marginal(normal(100, 4, 7)).unwrap();
    let game = LossGame::new(&model, &data, &players, &removal, &[Metric::LogLoss]).unwrap();
    let exact = exact(&game);
    for estimator in BOTH {
        let sage = Sage { estimator, tolerance: Some(0.025), ..Default::default() };
        let (mut squares, mut n) = (0.0, 0.0);
        for seed in 0..12 {
            let estimate = sage.estimate(&Run::new(seed), &game).unwrap();
            assert_eq!(estimate.converged, Some(true));
            assert!(estimate.n_evaluations < 3_000_000, "{}", estimate.n_evaluations);
            let errors = (&estimate.values - &exact) / estimate.std_error.unwrap();
            squares += errors.mapv(|error| error * error).sum();
            n += errors.len() as f64;
        }
        let spread = (squares / n).sqrt();
        assert!((0.6..1.4).contains(&spread), "{estimator:?} {spread}");
    }
}

#[test]
fn groups_that_overlap_leave_features_out_and_other_removals() {
    let model = numbers(5);
    let groups = [("a", vec![0, 1]), ("b", vec![1, 2]), ("c", vec![3])];
    let players = Players::groups(5, groups).unwrap();
    let data = regression(20, 5, 4).with_weights((0..20).map(|i| f64::from(i % 4)).collect());
    let data = data.unwrap();
    let sampler = Arc::new(Gaussian::fit(&regression(60, 5, 9)).unwrap());
    let weights = (0..6).map(f64::from).collect();
    for removal in [
        Removal::marginal(normal(9, 5, 7)).unwrap(),
        Removal::weighted_marginal(normal(6, 5, 7), weights).unwrap(),
        Removal::baseline(vec![0.3; 5]).unwrap(),
        Removal::conditional(sampler, 4, 5).unwrap(),
    ] {
        let game =
            LossGame::new(&model, &data, &players, &removal, &[Metric::Mae, Metric::Mse]).unwrap();
        let exact = exact(&game);
        for estimator in BOTH {
            let estimate = drawn(estimator, 1500, 4).estimate(&Run::new(3), &game).unwrap();
            let std_error = estimate.std_error.unwrap();
            let apart = (&estimate.values - &exact).mapv(f64::abs);
            let near = |(a, e): (&f64, &f64)| *a < 4.0 * e + 1e-9;
            assert!(apart.iter().zip(&std_error).all(near), "{apart} {std_error}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Of any budget, however few the draws.
    #[test]
    fn efficiency_and_null_players(
        seed in any::<u64>(),
        n_draws in 2_usize..90,
        background_rows in 1_usize..5,
        kind in 0_usize..2,
    ) {
        let (model, data) = (classes(5), classification(20, 5, seed % 50));
        let removal = Removal::marginal(normal(7, 5, 7)).unwrap();
        let players = singles(5);
        let metrics = [Metric::LogLoss, Metric::Brier];
        let game = LossGame::new(&model, &data, &players, &removal, &metrics).unwrap();
        let all = game.values(array![[true, true, true, true, true]].view()).unwrap();
        let sage = drawn(BOTH[kind], n_draws, 2 * background_rows);
        let Ok(estimate) = sage.estimate(&Run::new(seed), &game) else {
            // Too few pairs of coalitions for a regression.
            prop_assert!(kind == 1 && n_draws < 4);
            return Ok(());
        };
        for (values, all) in estimate.values.outer_iter().zip(all.row(0)) {
            prop_assert!((values.sum() - all).abs() < 1e-11, "{values} {all}");
            // The model does not use the last feature.
            prop_assert!(kind == 1 || values[4].abs() < 1e-14, "{values}");
        }
    }

    #[test]
    fn rows_of_a_weight_are_repeated_rows(
        weights in proptest::collection::vec(0_usize..3, 6),
        seed in 0_u64..100,
    ) {
        prop_assume!(weights.iter().sum::<usize>() > 0);
        let (data, model, players) = (regression(6, 4, seed), numbers(4), singles(4));
        let repeated: Vec<usize> =
            weights.iter().enumerate().flat_map(|(i, &n)| std::iter::repeat_n(i, n)).collect();
        let weights: Vec<f64> = weights.iter().map(|&n| n as f64).collect();
        let weighted = data.clone().with_weights(weights.clone()).unwrap();
        let background = normal(6, 4, 3);
        let removals = [
            Removal::weighted_marginal(background.clone(), weights).unwrap(),
            Removal::marginal(background.select(Axis(0), &repeated)).unwrap(),
        ];
        let repeated = data.select_rows(&repeated).unwrap();
        let of = |data: &Dataset, removal: &Removal| {
            exact(&LossGame::new(&model, data, &players, removal, &[Metric::Mae]).unwrap())
        };
        assert_near(&of(&weighted, &removals[0]), &of(&repeated, &removals[1]), 1e-11);
    }

    #[test]
    fn the_order_of_columns_does_not_matter(
        order in Just((0..4).collect::<Vec<usize>>()).prop_shuffle(),
        seed in 0_u64..100,
    ) {
        let (model, background) = (numbers(4), normal(5, 4, 3));
        let target = regression(6, 4, seed).target().clone();
        // What is moved with the model's columns: the rows, and the background below them.
        let both = ndarray::concatenate![Axis(0), normal(6, 4, seed), background];
        let scores = |model: &dyn Model, both: ArrayView2<'_, f64>| {
            let (rows, background) = both.split_at(Axis(0), 6);
            let data = Dataset::new(rows.to_owned(), target.clone())?;
            let (players, removal) = (singles(4), Removal::marginal(background.to_owned())?);
            let game = LossGame::new(model, &data, &players, &removal, &[Metric::Mse])?;
            Ok(Exact.estimate(&Run::new(0), &game)?.values.into_raw_vec_and_offset().0)
        };
        column_permutation(scores, &model, both.view(), &order, 1e-11)?;
    }
}

#[test]
fn the_loss_keeps_the_axioms() -> Result<(), TestCaseError> {
    // The first two columns and their background are the same, and the model takes their sum.
    let twin = |mut rows: Array2<f64>| {
        let first = rows.column(0).to_owned();
        rows.column_mut(1).assign(&first);
        rows
    };
    let model = Function::new(4, 1, |rows: ArrayView2<'_, f64>| {
        rows.map_axis(Axis(1), |x| (x[0] + x[1]) * x[2]).insert_axis(Axis(1))
    });
    let data = regression(8, 4, 3);
    let data = data.clone().with_rows(twin(data.rows().to_owned())).unwrap();
    let (players, removal) = (singles(4), Removal::marginal(twin(normal(5, 4, 2))).unwrap());
    let game = LossGame::new(&model, &data, &players, &removal, &[Metric::Mse]).unwrap();
    let run = Run::new(0);
    invariants::efficiency(&run, &Exact, &game, 1e-11)?;
    invariants::null_player(&run, &Exact, &game, 3, 0.0)?;
    invariants::symmetry(&run, &Exact, &game, (0, 1), 1e-11)?;
    // In expectation, for the estimators.
    for estimator in BOTH {
        let Estimate { values, std_error, .. } =
            drawn(estimator, 4000, 2).estimate(&run, &game).unwrap();
        let error = std_error.unwrap();
        let apart = (values[[0, 0]] - values[[0, 1]]).abs();
        assert!(apart < 4.0 * (error[[0, 0]] + error[[0, 1]]), "{values} {error}");
    }
    Ok(())
}

#[test]
fn threads_do_not_change_a_bit() {
    let (model, data, players) = (classes(4), classification(30, 4, 5), singles(4));
    let removal = Removal::marginal(normal(9, 4, 7)).unwrap();
    for estimator in BOTH {
        let sage = Sage { estimator, n_draws: 400, tolerance: Some(0.1), ..Default::default() };
        let bits = |run: &Run<'_>| {
            let found =
                sage.importance(run, &model, &data, &players, &removal, &[Metric::LogLoss])?;
            Ok(serde_json::to_string(&found).unwrap())
        };
        thread_count_invariance(&Run::new(4), bits).unwrap();
    }
}

#[test]
fn a_run_stops_when_the_values_are_sure_enough_and_says_when_not() {
    let (model, data, players) = (numbers(4), regression(50, 4, 5), singles(4));
    let removal = Removal::marginal(normal(20, 4, 7)).unwrap();
    let game = LossGame::new(&model, &data, &players, &removal, &[Metric::Mse]).unwrap();
    for estimator in BOTH {
        let sage = Sage { estimator, tolerance: Some(0.05), ..Default::default() };
        let estimate = sage.estimate(&Run::new(4), &game).unwrap();
        assert_eq!(estimate.converged, Some(true));
        let n_draws = (estimate.n_coalitions / 6) as f64;
        assert!(n_draws < 4000.0 && n_draws % 64.0 == 0.0, "{n_draws}");
        let (values, errors) = (estimate.values, estimate.std_error.unwrap());
        let largest = |of: &Array2<f64>| of.iter().copied().fold(f64::MIN, f64::max);
        let range = largest(&values) + largest(&values.mapv(|value| -value));
        assert!(largest(&errors) < 0.05 * range && largest(&errors) > 0.01 * range);

        let hasty = Sage { n_draws: 20, tolerance: Some(1e-3), ..sage };
        let estimate = hasty.estimate(&Run::new(4), &game).unwrap();
        assert_eq!((estimate.converged, estimate.n_coalitions), (Some(false), 120));
        let found = hasty
            .importance(&Run::new(4), &model, &data, &players, &removal, &[Metric::Mse])
            .unwrap();
        assert_eq!(found[0].values, estimate.values.row(0).to_vec());
        assert_eq!(
            found[0].warnings.last().unwrap().to_string(),
            "SAGE has not converged to a tolerance of 0.001 in 20 draws: it is right on average, \
             but noisier than that; raise `n_draws`"
        );
    }
}

/// Slopes `b`, true slopes `β`, independent standard features, a fixed background of mean `μ`:
/// `φⱼ = E[bⱼ (xⱼ − μⱼ) (2y − 2 b·μ − b·(x − μ))] = bⱼ (2βⱼ − bⱼ) + bⱼ μⱼ b·μ`.
#[test]
fn intervals_cover_the_values_in_the_population() {
    let (b, beta) = ([0.9, 0.6, 0.2], [1.0, 0.5, 0.0]);
    let model = Function::new(3, 1, move |rows: ArrayView2<'_, f64>| {
        rows.dot(&ndarray::Array1::from(b.to_vec())).insert_axis(Axis(1))
    });
    let mut rng = Rng::new(9, 9);
    let background = Array2::from_shape_simple_fn((12, 3), || rng.normal());
    let mean = background.mean_axis(Axis(0)).unwrap();
    let at_mean = mean.dot(&ndarray::Array1::from(b.to_vec()));
    let truth: Vec<f64> =
        (0..3).map(|j| b[j] * (2.0 * beta[j] - b[j]) + b[j] * mean[j] * at_mean).collect();
    let (players, removal) = (singles(3), Removal::marginal(background).unwrap());
    // Fewer draws than rows, and more; every row twice in a group.
    for (estimator, n_draws, grouped) in
        [(BOTH[0], 60, false), (BOTH[0], 150, true), (BOTH[1], 150, false)]
    {
        let n_sets = 150;
        let mut covered = [0.0; 3];
        for seed in 0..n_sets {
            let mut rng = Rng::new(seed, 3);
            let mut rows = Array2::from_shape_simple_fn((100, 3), || rng.normal());
            let mut target: Vec<f64> = rows
                .outer_iter()
                .map(|x| (0..3).map(|j| beta[j] * x[j]).sum::<f64>() + rng.normal())
                .collect();
            if grouped {
                let first = rows.slice(s![..50, ..]).to_owned();
                rows.slice_mut(s![50.., ..]).assign(&first);
                target.copy_within(..50, 50);
            }
            let mut data = Dataset::new(rows, Target::Values(target)).unwrap();
            if grouped {
                data = data.with_groups((0..100).map(|row| row % 50).collect()).unwrap();
            }
            let sage = drawn(estimator, n_draws, 4);
            let run = Run::new(seed);
            let found = sage.importance(&run, &model, &data, &players, &removal, &[Metric::Mse]);
            let interval = found.unwrap().remove(0).interval.unwrap();
            for j in 0..3 {
                let inside = (interval.low[j]..=interval.high[j]).contains(&truth[j]);
                covered[j] += f64::from(u8::from(inside)) / n_sets as f64;
            }
        }
        assert!(
            covered.iter().all(|covered| (0.90..=0.99).contains(covered)),
            "{estimator:?} {n_draws} {grouped}: {covered:?}"
        );
    }
}

#[test]
fn one_row_one_player_and_a_model_that_ignores_all() {
    let removal = Removal::marginal(normal(9, 3, 7)).unwrap();
    let constant =
        Function::new(3, 1, |rows: ArrayView2<'_, f64>| Array2::from_elem((rows.nrows(), 1), 2.0));
    let (numbers, data) = (numbers(3), regression(1, 3, 5));
    let together = Players::groups(3, [("all", vec![0, 1, 2])]).unwrap();
    for estimator in BOTH {
        let sage = Sage { estimator, ..Default::default() };
        let run = Run::new(0);
        let of = |model: &dyn Model, players: &Players| {
            sage.importance(&run, model, &data, players, &removal, &[Metric::Mse])
                .unwrap()
                .remove(0)
        };
        let ignored = of(&constant, &singles(3));
        assert_eq!(ignored.values, [0.0; 3]);
        assert!(ignored.interval.is_none());
        let notes: Vec<String> = ignored.warnings.iter().map(ToString::to_string).collect();
        assert!(notes.iter().any(|note| note.contains("did not move")), "{notes:?}");
        assert_eq!(
            notes.last().unwrap(),
            "SAGE has no interval: all rows that were drawn belong to one group"
        );
        let alone = of(&numbers, &together);
        let game = LossGame::new(&numbers, &data, &together, &removal, &[Metric::Mse]).unwrap();
        assert!((alone.values[0] - exact(&game)[[0, 0]]).abs() < 1e-12);
    }
}

/// Two columns that are the same; the model is their mean. The table of docs/methods.md.
#[test]
fn what_a_table_holds_twice_is_shared() {
    let rows = array![[-1.0, -1.0, 3.0], [1.0, 1.0, 4.0]];
    let model = Function::new(3, 1, |rows: ArrayView2<'_, f64>| {
        rows.map_axis(Axis(1), |x| 0.5 * (x[0] + x[1])).insert_axis(Axis(1))
    });
    let data = Dataset::new(rows.clone(), Target::Values(vec![-1.0, 1.0])).unwrap();
    let (apart, removal) = (singles(3), Removal::marginal(rows).unwrap());
    let of = |players: &Players| {
        exact(&LossGame::new(&model, &data, players, &removal, &[Metric::Mse]).unwrap())
    };
    assert_near(&of(&apart), &array![[0.5, 0.5, 0.0]], 1e-12);
    let together = Players::groups(3, [("a and b", vec![0, 1]), ("c", vec![2])]).unwrap();
    assert_near(&of(&together), &array![[1.0, 0.0]], 1e-12);
}

struct Stop;

impl Progress for Stop {
    fn advance(&self, done: usize, _total: usize) -> ControlFlow<()> {
        if done > 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

#[test]
fn bad_input_is_named() {
    let (model, data, players) = (numbers(3), regression(6, 3, 5), singles(3));
    let removal = Removal::marginal(normal(4, 3, 7)).unwrap();
    let text = |sage: &Sage, model: &dyn Model, removal: &Removal, metrics: &[Metric]| {
        let found = sage.importance(&Run::new(0), model, &data, &players, removal, metrics);
        found.unwrap_err().to_string()
    };
    let (mse, sage) = ([Metric::Mse], Sage::default());
    for (bad, message) in [
        (Sage { n_draws: 1, ..sage.clone() }, "`n_draws` is `1`, it must be at least 2"),
        (
            Sage { background_rows: 3, ..sage.clone() },
            "`background_rows` is `3`, it must be even and at least 2, for its halves",
        ),
        (
            Sage { tolerance: Some(0.0), ..sage.clone() },
            "`tolerance` is `0`, it must be positive and finite",
        ),
        (Sage { confidence: 1.0, ..sage.clone() }, "`confidence` is `1`, it must be inside (0, 1)"),
    ] {
        assert_eq!(text(&bad, &model, &removal, &mse), message);
    }
    assert_eq!(
        text(&sage, &model, &removal, &[Metric::Rmse]),
        "`RMSE` needs to be a mean over rows, such as MSE, MAE, log loss or Brier score, but got a \
         score of all rows together"
    );
    assert_eq!(
        text(&sage, &model, &removal, &[]),
        "there is no metric to score with, give at least one"
    );
    let narrow = Removal::baseline(vec![0.0]).unwrap();
    assert_eq!(text(&sage, &model, &narrow, &mse), "the baseline row has shape [1], expected [3]");
    let labels =
        Function::new(3, 1, |rows: ArrayView2<'_, f64>| rows.slice(s![.., ..1]).to_owned())
            .with_output(Output::Labels);
    assert_eq!(
        text(&sage, &labels, &removal, &[Metric::Accuracy]),
        "`accuracy` needs predictions that have a mean: values, margins or probabilities, but got \
         a model whose output is labels"
    );
    // Fails only where the first column is that of row 4 and the others are not.
    let rows = data.rows().to_owned();
    let (x, z) = (rows[[4, 0]], rows[[4, 1]]);
    let brittle = Function::new(3, 1, move |rows: ArrayView2<'_, f64>| {
        let fails = |r: ndarray::ArrayView1<'_, f64>| r[0] == x && r[1] != z;
        rows.map_axis(Axis(1), |r| if fails(r) { f64::NAN } else { 1.0 }).insert_axis(Axis(1))
    });
    let message = text(&sage, &brittle, &removal, &mse);
    assert!(message.starts_with("row 4: the model's prediction is `NaN` in row"), "{message}");
    let run = Run::new(0).with_progress(&Stop);
    let slow = drawn(BOTH[0], 1 << 20, 4);
    let stopped = slow.importance(&run, &model, &data, &players, &removal, &mse).unwrap().remove(0);
    assert!(stopped.warnings.iter().any(|warning| {
        matches!(warning, Warning::Unfinished { done: 64.., total: 1_048_576 })
    }));
}
