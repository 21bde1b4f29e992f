//! What must hold for pairs: closed forms, exact zeros, pairing with single scores, coverage.

use fi_core::{
    Dataset, Function, Interaction, Interactions, Learner, Lofo, Metric, Model, PairImportance,
    Permutation, Players, Relation, Result, Rng, Run, Target,
};
use ndarray::{Array2, ArrayView2, Axis};
use proptest::prelude::*;

use crate::{Ols, assert_close, gaussian, linear, on_threads, permutation::r2};

fn players(n: usize) -> Players {
    Players::features((0..n).map(|i| format!("x{i}"))).unwrap()
}

/// `slope · x₀ x₁ + x₂`.
fn product(n_features: usize, slope: f64) -> impl Model {
    Function::new(n_features, 1, move |x: ArrayView2<'_, f64>| {
        let f = slope * &x.column(0) * x.column(1) + x.column(2);
        f.insert_axis(Axis(1))
    })
}

/// Independent standard normal features and the product's values plus noise.
fn product_data(seed: u64, n_rows: usize, noise: f64) -> Dataset {
    let mut rng = Rng::new(seed, 0);
    let rows = Array2::from_shape_simple_fn((n_rows, 3), || rng.normal());
    let target = product(3, 1.0).predict(rows.view()).unwrap();
    let target = target.iter().map(|y| y + noise * rng.normal()).collect();
    Dataset::new(rows, Target::Values(target)).unwrap()
}

fn by_shuffling(seed: u64, model: &dyn Model, data: &Dataset, n_repeats: usize) -> Interaction {
    let permutation = Permutation { n_repeats, ..Default::default() };
    let players = players(data.n_features());
    PairImportance::default()
        .permutation(&Run::new(seed), &permutation, model, data, &players, &[Metric::Mse])
        .unwrap()
        .remove(0)
}

#[test]
fn the_difference_is_that_of_permutation_importances_with_the_same_seed() {
    let (data, run) = (gaussian(1, 40, &[1.0, 0.5, 0.2], 0.5), Run::new(5));
    let model = linear(&[0.9, 0.4, 0.3], 0.1);
    let permutation = Permutation { n_repeats: 4, ..Default::default() };
    let metrics = [Metric::Mse, r2()];
    let pairs = PairImportance::default()
        .permutation(&run, &permutation, &model, &data, &players(3), &metrics)
        .unwrap();
    let of =
        |players: &Players| permutation.importance(&run, &model, &data, players, &metrics).unwrap();
    let (alone, both) = (of(&players(3)), of(&players(3).pairs().unwrap()));
    for (m, pairs) in pairs.iter().enumerate() {
        let singles: Vec<f64> = (0..3).map(|a| pairs.values[[a, a]]).collect();
        assert_close(&singles, &alone[m].values, 1e-14);
        let own = alone[m].interval.as_ref().unwrap();
        let found = pairs.interval.as_ref().unwrap();
        assert_close(&found.low.diag().to_vec(), &own.low, 1e-12);
        for (pair, (a, b)) in [(0, 1), (0, 2), (1, 2)].into_iter().enumerate() {
            let expected = &both[m].replicates.row(pair)
                - &alone[m].replicates.row(a)
                - alone[m].replicates.row(b);
            let replicates = pairs.replicates.row(Interactions::pair(3, a, b));
            assert_close(&replicates.to_vec(), &expected.to_vec(), 1e-12);
            assert_close(&[pairs.values[[b, a]]], &[expected.mean().unwrap()], 1e-12);
        }
        assert_eq!(pairs.n_evaluations, 40 * (1 + 6 * 4));
        assert_eq!((pairs.score, pairs.n_rows), (alone[m].score, 40));
        assert_eq!(pairs.method, "permutation of pairs");
    }
}

#[test]
fn a_product_is_synergetic_and_copies_are_redundant() {
    let found = by_shuffling(3, &product(3, 1.0), &product_data(2, 1000, 0.3), 10);
    // E[(x₀x₁ − x₀′x₁′)²] = 2 for one or both: 2 − 2 − 2.
    assert!((found.values[[0, 1]] + 2.0).abs() < 0.4, "{}", found.values);
    assert_eq!(found.relation(1, 0), Some(Relation::Synergy));
    assert_eq!(found.relation(0, 2), Some(Relation::Undecided));
    assert_eq!(found.relation(0, 0), None);
    // The mean of two copies: 2 − ½ − ½.
    let data = gaussian(4, 500, &[1.0], 0.1);
    let rows = ndarray::concatenate![Axis(1), data.rows(), data.rows()];
    let copies = Dataset::new(rows, data.target().clone()).unwrap();
    let found = by_shuffling(3, &linear(&[0.5, 0.5], 0.0), &copies, 10);
    assert!((found.values[[0, 1]] - 1.0).abs() < 0.2, "{}", found.values);
    assert_eq!(found.relation(0, 1), Some(Relation::Redundancy));
}

/// A copy of `x₀` with a little noise, so that the normal equations have an answer.
fn doubled(seed: u64, n_rows: usize) -> Dataset {
    let data = gaussian(seed, n_rows, &[1.0, 1.0], 0.3);
    let mut rng = Rng::new(seed, 9);
    let copy = data.rows().column(0).mapv(|x| x + 1e-3 * rng.normal());
    let rows = ndarray::concatenate![Axis(1), data.rows(), copy.insert_axis(Axis(1))];
    Dataset::new(rows, data.target().clone()).unwrap()
}

#[test]
fn refitted_copies_are_redundant_and_independent_features_are_not() {
    let data = doubled(1, 300);
    let found = PairImportance::default()
        .refit(&Run::new(0), &Lofo::default(), &Ols, &data, &players(3), &[Metric::Mse])
        .unwrap()
        .remove(0);
    // Without both, the variance 1 of x₀; without one, nothing.
    assert!((found.values[[0, 2]] - 1.0).abs() < 0.25, "{}", found.values);
    assert!(found.values[[0, 0]].abs() < 0.01 && (found.values[[1, 1]] - 1.0).abs() < 0.3);
    assert_eq!(found.relation(0, 2), Some(Relation::Redundancy));
    assert_eq!(found.relation(0, 1), Some(Relation::Undecided));
    let p = found.p_values.unwrap();
    // The interval of the coverage 1 − p ends at 0.
    let lofo = Lofo { confidence: 1.0 - p[[0, 1]], ..Default::default() };
    let again = PairImportance::default()
        .refit(&Run::new(0), &lofo, &Ols, &data, &players(3), &[Metric::Mse])
        .unwrap()
        .remove(0);
    let at = |of: &Array2<f64>| of[[0, 1]].abs();
    let ends = again.interval.unwrap();
    assert!(at(&ends.low).min(at(&ends.high)) < 1e-9, "{} {}", at(&ends.low), at(&ends.high));
    assert!(p[[0, 2]] < 0.01 && p[[0, 1]] > 0.05, "{p}");
    assert_eq!((found.method.as_str(), found.n_evaluations), ("LOFO of pairs", 5 * 7));
    // The interval is the corrected t interval of the folds' differences.
    let row = found.replicates.row(Interactions::pair(3, 0, 2));
    let mean = row.sum() / 5.0;
    let variance = row.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 4.0;
    let half = 2.776_445 * ((0.2 + 0.25) * variance).sqrt();
    let interval = found.interval.unwrap();
    assert_close(&[interval.low[[0, 2]]], &[mean - half], 1e-6);
    assert_close(&[interval.high[[0, 2]]], &[mean + half], 1e-6);
}

/// Least squares on the features and the product of the first two, while both are there.
struct WithProduct;

impl Learner for WithProduct {
    fn train(&self, run: &Run<'_>, data: &Dataset) -> Result<Box<dyn Model>> {
        let both = ["x0", "x1"].map(|name| data.feature_names().iter().position(|n| n == name));
        let [Some(a), Some(b)] = both else { return Ols.train(run, data) };
        let more = move |x: ArrayView2<'_, f64>| {
            let product = &x.column(a) * &x.column(b);
            ndarray::concatenate![Axis(1), x, product.insert_axis(Axis(1))]
        };
        let inner = Ols.train(run, &Dataset::new(more(data.rows()), data.target().clone())?)?;
        Ok(Box::new(Function::new(data.n_features(), 1, move |x: ArrayView2<'_, f64>| {
            inner.predict(more(x).view()).unwrap()
        })))
    }
}

#[test]
fn a_refitted_product_is_synergetic() {
    let data = product_data(7, 400, 0.2);
    let found = PairImportance { pairs: Some(vec![(1, 0)]) }
        .refit(&Run::new(0), &Lofo::default(), &WithProduct, &data, &players(3), &[Metric::Mse])
        .unwrap()
        .remove(0);
    // Each or both: the variance 1 of the product.
    assert!((found.values[[0, 1]] + 1.0).abs() < 0.4, "{}", found.values);
    assert_eq!(found.relation(0, 1), Some(Relation::Synergy));
    // What was not asked for has no number.
    assert!(found.values[[2, 2]].is_nan() && found.values[[0, 2]].is_nan());
    assert_eq!((found.relation(0, 2), found.order()), (None, vec![(0, 1)]));
}

/// For the slope `b` of `β = 1`: `I(A) = I(AB) = 2 b β`, hence `−2 b β`; and 0 with `x₂`.
#[test]
fn intervals_cover_the_pairs_interaction_in_the_population() {
    let n_sets = 150;
    let (mut product_covered, mut zero_covered, mut small) = (0, 0, 0);
    for seed in 0..n_sets {
        let data = product_data(100 + seed, 150, 1.0);
        let found = by_shuffling(seed, &product(3, 0.8), &data, 4);
        let interval = found.interval.unwrap();
        let inside = |a, b, truth| {
            u64::from((interval.low[[a, b]]..=interval.high[[a, b]]).contains(&truth))
        };
        product_covered += inside(0, 1, -1.6);
        zero_covered += inside(0, 2, 0.0);
        small += u64::from(found.p_values.unwrap()[[1, 2]] < 0.05);
    }
    let share = |count: u64| count as f64 / n_sets as f64;
    let (product, zero, small) = (share(product_covered), share(zero_covered), share(small));
    // Products of normal numbers have heavy tails: 150 rows cover a little less often.
    assert!((0.86..=0.99).contains(&product), "{product}");
    assert!((0.90..=1.0).contains(&zero), "{zero}");
    assert!((0.01..=0.10).contains(&small), "{small}");
}

#[test]
fn threads_do_not_change_a_bit() {
    let data = product_data(1, 30, 0.1);
    let found = || by_shuffling(2, &product(3, 1.0), &data, 3);
    let expected = found();
    assert!([1, 2, 3].into_iter().all(|n| on_threads(n, found) == expected));
    let refit = || {
        PairImportance::default()
            .refit(&Run::new(0), &Lofo::default(), &Ols, &data, &players(3), &[Metric::Mse])
            .unwrap()
    };
    let expected = refit();
    assert!([1, 2, 3].into_iter().all(|n| on_threads(n, refit) == expected));
}

#[test]
fn overlapping_players_are_no_pair_and_one_group_has_no_interval() {
    let data = gaussian(1, 20, &[1.0, 1.0, 1.0], 0.1);
    let nested = [("a", vec![0]), ("b", vec![1, 2]), ("ab", vec![0, 1])];
    let nested = Players::groups(3, nested).unwrap();
    let permutation = Permutation { n_repeats: 2, ..Default::default() };
    let score = |data: &Dataset, players: &Players| {
        PairImportance::default()
            .permutation(
                &Run::new(0),
                &permutation,
                &linear(&[1.0; 3], 0.0),
                data,
                players,
                &[Metric::Mse],
            )
            .unwrap()
            .remove(0)
    };
    let found = score(&data, &nested);
    assert_eq!(found.order(), [(0, 1)]);
    assert!(found.values[[2, 2]].is_nan() && !found.values[[0, 0]].is_nan());
    let found = score(&data.with_groups(vec![7; 20]).unwrap(), &players(3));
    assert_eq!((found.interval, found.p_values), (None, None));
    let warning = found.warnings[0].to_string();
    assert!(warning.starts_with("MSE has no interval"), "{warning}");
}

#[test]
fn each_bad_pair_gets_its_own_sentence() {
    let data = gaussian(1, 20, &[1.0, 1.0], 0.1);
    let text = |pairs: Option<Vec<(usize, usize)>>, players: &Players| {
        PairImportance { pairs }
            .permutation(
                &Run::new(0),
                &Permutation::default(),
                &linear(&[1.0; 2], 0.0),
                &data,
                players,
                &[Metric::Mse],
            )
            .unwrap_err()
            .to_string()
    };
    let two = players(2);
    assert_eq!(
        text(Some(vec![(0, 2)]), &two),
        "player 2 of a pair does not exist, there are only 2 players"
    );
    assert_eq!(
        text(Some(vec![(1, 1)]), &two),
        "`x1` and `x1` both hold feature 1, a pair needs two players without a common feature"
    );
    assert_eq!(
        text(Some(vec![(0, 1), (1, 0)]), &two),
        "the pair of `x0` and `x1` is given twice, give it once"
    );
    let none = "there is no pair to score, give two players without a common feature";
    assert_eq!(
        text(None, &players(2001)),
        "2001 players have too many pairs for a table, at most 2000 players are possible; give \
         fewer"
    );
    assert_eq!(text(Some(Vec::new()), &two), none);
    assert_eq!(text(None, &Players::groups(2, [("all", vec![0, 1])]).unwrap()), none);
    let refit = PairImportance::default().refit(
        &Run::new(0),
        &Lofo::default(),
        &Ols,
        &data,
        &two,
        &[Metric::Mse],
    );
    assert_eq!(
        refit.unwrap_err().to_string(),
        "`x0 × x1` holds every feature, lofo needs another one to train on without it"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_feature_that_the_model_ignores_interacts_with_nothing_to_the_bit(
        seed: u64, slopes in proptest::array::uniform2(-2.0..2.0_f64),
    ) {
        let data = gaussian(seed, 12, &[1.0, 1.0, 1.0], 0.5);
        let found = by_shuffling(seed, &linear(&[slopes[0], slopes[1], 0.0], 0.0), &data, 3);
        for other in 0..2 {
            prop_assert_eq!(found.values[[2, other]], 0.0);
            prop_assert_eq!(found.relation(2, other), Some(Relation::Undecided));
            prop_assert_eq!(found.p_values.as_ref().unwrap()[[other, 2]], 1.0);
        }
        prop_assert_eq!(found.values.t().to_owned(), found.values);
    }
}
