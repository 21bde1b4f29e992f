//! The pieces answer what all pairs of rows do, and what repeats converge to.

use fi_core::{Permutation, Rng, Target};
use proptest::prelude::*;

use super::super::random::Shape;
use super::super::{Aggregate, Link};
use super::*;

fn draw(rng: &mut Rng) -> (Trees, Dataset, Vec<Metric>) {
    let mut shape = Shape::draw(rng);
    let n_rows = 2 + rng.below(25);
    let classes = shape.n_outputs > 1;
    if classes && rng.below(2) == 0 {
        (shape.shares, shape.aggregate, shape.tree_per_output) = (true, Aggregate::Mean, false);
    }
    let ensemble = shape.ensemble(rng);
    let rows = shape.finite_rows(n_rows, rng);
    let (link, target, metrics) = if classes {
        let labels = (0..n_rows).map(|row| row % shape.n_outputs).collect();
        let names = (0..shape.n_outputs).map(|k| format!("class {k}")).collect();
        let link = if shape.shares { Link::Probabilities } else { Link::Softmax };
        (link, Target::Classes { labels, names }, vec![Metric::Brier, Metric::Accuracy])
    } else {
        let values = (0..n_rows).map(|_| rng.normal()).collect();
        (Link::Identity, Target::Values(values), vec![Metric::Mse, Metric::Mae])
    };
    let mut data = Dataset::new(rows, target).unwrap();
    if rng.below(3) == 0 {
        let weights = (0..n_rows).map(|row| ((row + 1) % 4) as f64).collect();
        data = data.with_weights(weights).unwrap();
    }
    (Trees::new(ensemble, link).unwrap(), data, metrics)
}

fn players(n_features: usize) -> Players {
    Players::features((0..n_features).map(|f| format!("x{f}"))).unwrap()
}

proptest! {
    #[test]
    fn pieces_answer_what_all_pairs_do(seed: u64) {
        let rng = &mut Rng::new(seed, 0);
        let (trees, data, metrics) = draw(rng);
        let players = players(data.n_features());
        let (run, settings) = (Run::new(0), ExactPermutation::default());
        let slow = settings.importance(&run, &trees, &data, &players, &metrics);
        let fast = exact_permutation(&run, &settings, &trees, &data, &players, &metrics);
        let Ok(slow) = slow else {
            prop_assert_eq!(fast.unwrap_err().to_string(), slow.unwrap_err().to_string());
            return Ok(());
        };
        for (fast, slow) in fast.unwrap().iter().zip(&slow) {
            let near = |a: &[f64], b: &[f64]| {
                a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-10 * (1.0 + b.abs()))
            };
            prop_assert!(near(&fast.values, &slow.values), "{:?} {:?}", fast, slow);
            prop_assert_eq!(&fast.metric, &slow.metric);
            prop_assert_eq!(fast.score, slow.score);
            let (a, b) = (fast.interval.as_ref().unwrap(), slow.interval.as_ref().unwrap());
            // The square root of a variance that is 0 but for rounding.
            let near = |a: &[f64], b: &[f64]| {
                a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6 * (1.0 + b.abs()))
            };
            prop_assert!(near(&a.low, &b.low) && near(&a.high, &b.high), "{:?} {:?}", a, b);
        }
    }
}

#[test]
fn repeats_converge_to_it_on_any_number_of_threads() {
    let rng = &mut Rng::new(11, 0);
    let mut shape = Shape::draw(rng);
    (shape.n_features, shape.n_outputs, shape.n_trees, shape.n_splits) = (4, 1, 6, 40);
    (shape.special, shape.tree_per_output) = (true, false);
    let trees = Trees::new(shape.ensemble(rng), Link::Identity).unwrap();
    let rows = shape.finite_rows(40, rng);
    let target = Target::Values((0..40).map(|_| rng.normal()).collect());
    let data = Dataset::new(rows, target).unwrap();
    let (players, run, mse) = (players(4), Run::new(3), [Metric::Mse]);
    let settings = ExactPermutation::default();
    let exact = || exact_permutation(&run, &settings, &trees, &data, &players, &mse).unwrap();
    let on =
        |n: usize| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap().install(exact);
    assert_eq!(on(1), on(3));
    let n_repeats = 2_000;
    let drawn = Permutation { n_repeats, ..Permutation::default() };
    let drawn = super::super::permutation(&run, &drawn, &trees, &data, &players, &mse).unwrap();
    let spread = drawn[0].std.as_ref().unwrap();
    assert!(spread.iter().any(|&spread| spread > 0.0));
    for (player, spread) in spread.iter().enumerate() {
        let error = (exact()[0].values[player] - drawn[0].values[player]).abs();
        assert!(error <= 4.0 * spread / (n_repeats as f64).sqrt() + 1e-12, "{drawn:?}");
    }
}

#[test]
fn groups_and_metrics_of_all_rows_are_refused_in_a_sentence() {
    let rng = &mut Rng::new(2, 0);
    let shape = Shape { n_features: 2, n_outputs: 1, tree_per_output: false, ..Shape::draw(rng) };
    let trees = Trees::new(shape.ensemble(rng), Link::Identity).unwrap();
    let rows = shape.finite_rows(9, rng);
    let data = Dataset::new(rows, Target::Values((0..9).map(f64::from).collect())).unwrap();
    let text = |players: &Players, metric: Metric| {
        let (run, settings) = (Run::new(0), ExactPermutation::default());
        exact_permutation(&run, &settings, &trees, &data, players, &[metric])
            .unwrap_err()
            .to_string()
    };
    let pair = Players::groups(2, [("pair", vec![0, 1])]).unwrap();
    assert_eq!(
        text(&pair, Metric::Mse),
        "group `pair` has 2 features, but trees are a step function of one at a time: score \
         single features, or draw permutations"
    );
    let refused = text(&players(2), Metric::R2);
    assert!(refused.starts_with("`R²` needs to be a mean over rows"), "{refused}");
}
