//! Against the definition: every coalition of the marginal game, and every pair of rows.

use fi_core::shapley::{Estimator, Exact};
use fi_core::{Game, Players, PredictionGame, Removal, Run};
use ndarray::{Array2, ArrayView2};
use proptest::prelude::*;

use super::*;
use crate::tree::{Link, Trees};

fn players(n: usize) -> Players {
    Players::features((0..n).map(|i| format!("x{i}"))).unwrap()
}

fn removal(background: ArrayView2<'_, f64>, weights: &[f64]) -> Removal {
    Removal::Marginal { rows: background.to_owned(), weights: Some(weights.to_vec()) }
}

/// Exact Shapley values `[row][output][feature]`, and the base values.
fn exact(trees: &Trees, removal: &Removal, rows: &Array2<f64>) -> (Vec<f64>, Vec<f64>) {
    let players = players(trees.ensemble().n_features());
    let (mut all, mut base) = (Vec::new(), Vec::new());
    for row in rows.rows() {
        let game = PredictionGame::new(trees, &players, row, removal).unwrap();
        let estimate = Exact.estimate(&Run::new(0), &game).unwrap();
        all.extend(estimate.values.iter().copied());
        base = estimate.base_values;
    }
    (all, base)
}

fn factorial(n: usize) -> f64 {
    (1..=n).map(|k| k as f64).product()
}

/// The pairs `[row][output][pair]` by the definition of the Shapley interaction index.
fn exact_pairs(trees: &Trees, removal: &Removal, rows: &Array2<f64>) -> Vec<f64> {
    let n = trees.ensemble().n_features();
    let players = players(n);
    let coalitions = Array2::from_shape_fn((1 << n, n), |(set, i)| set >> i & 1 == 1);
    let n_outputs = trees.ensemble().n_outputs();
    let (single, _) = exact(trees, removal, rows);
    let mut all = Vec::new();
    for (index, row) in rows.rows().into_iter().enumerate() {
        let game = PredictionGame::new(trees, &players, row, removal).unwrap();
        let worth = game.values(coalitions.view()).unwrap();
        for output in 0..n_outputs {
            let half = |a: usize, b: usize| {
                let (a, b) = (1 << a, 1 << b);
                let mut sum = 0.0;
                for set in (0..1_usize << n).filter(|set| set & (a | b) == 0) {
                    let size = set.count_ones() as usize;
                    let weight = factorial(size) * factorial(n - size - 2) / factorial(n - 1);
                    let v = |set: usize| worth[[set, output]];
                    sum += weight * (v(set | a | b) - v(set | a) - v(set | b) + v(set));
                }
                0.5 * sum
            };
            for a in 0..n {
                let others: f64 = (0..n).filter(|&b| b != a).map(|b| half(a, b)).sum();
                all.push(single[(index * n_outputs + output) * n + a] - others);
                all.extend((a + 1..n).map(|b| half(a, b)));
            }
        }
    }
    all
}

/// TreeSHAP of one row against one background row, as shap has it: slow and plain.
pub(super) fn single(
    tree: crate::tree::Tree<'_>,
    x: &[f64],
    z: &[f64],
    output: usize,
    scale: f64,
    values: &mut [f64],
) {
    fn go(
        tree: crate::tree::Tree<'_>,
        node: usize,
        (x, z): (&[f64], &[f64]),
        origin: &mut Vec<Option<bool>>,
        visit: &mut dyn FnMut(usize, &[Option<bool>]),
    ) {
        let Some((left, right)) = tree.children(node) else {
            visit(node, origin);
            return;
        };
        let feature = tree.feature(node);
        let child = |x: &[f64]| if tree.goes_left(node, x[feature]) { left } else { right };
        match origin[feature] {
            Some(true) => go(tree, child(x), (x, z), origin, visit),
            Some(false) => go(tree, child(z), (x, z), origin, visit),
            None if child(x) == child(z) => go(tree, child(x), (x, z), origin, visit),
            None => {
                for (from, row) in [(true, x), (false, z)] {
                    origin[feature] = Some(from);
                    go(tree, child(row), (x, z), origin, visit);
                    origin[feature] = None;
                }
            }
        }
    }
    let visit = &mut |leaf: usize, origin: &[Option<bool>]| {
        let count = |side| origin.iter().filter(|&&from| from == Some(side)).count();
        let (e, r) = (count(true), count(false));
        for (value, from) in values.iter_mut().zip(origin) {
            let weight = match from {
                Some(true) => factorial(e - 1) * factorial(r) / factorial(e + r),
                Some(false) => -factorial(e) * factorial(r - 1) / factorial(e + r),
                None => 0.0,
            };
            *value += scale * tree.value(leaf)[output] * weight;
        }
    };
    go(tree, 0, (x, z), &mut vec![None; x.len()], visit);
}

fn kinds() -> impl Strategy<Value = Forest> {
    (1_usize..7, 1_usize..6, 0_usize..6, 1_usize..4, any::<bool>()).prop_map(
        |(n_features, n_trees, depth, n_outputs, per_output)| Forest {
            n_features,
            n_trees,
            depth,
            n_outputs,
            per_output,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn values_are_the_exact_ones_of_the_marginal_game(
        forest in kinds(), seed in 0_u64..1000, n_background in 1_usize..8,
    ) {
        let trees = Trees::new(ensemble(seed, &forest), Link::Identity).unwrap();
        let n = forest.n_features;
        let (background, weights) = (rows(seed + 1, n_background, n), weights(seed, n_background));
        let explained = rows(seed + 2, 5, n);
        let (expected, base) = exact(&trees, &removal(background.view(), &weights), &explained);
        let background = Background::new(background, Some(weights)).unwrap();
        for (plan, precision, tolerance) in ALL {
            let engine = prepare(trees.ensemble(), &background, (plan, precision));
            let got = ask(&engine, trees.ensemble(), &explained, false);
            prop_assert_eq!(close(&got, &expected, tolerance), Ok(()), "{:?} {:?}", plan, precision);
            prop_assert_eq!(close(engine.base_values(), &base, 1e-12), Ok(()));
        }
    }

    #[test]
    fn pairs_are_the_exact_ones_of_the_marginal_game(
        forest in kinds(), seed in 0_u64..1000, n_background in 1_usize..6,
    ) {
        let trees = Trees::new(ensemble(seed, &forest), Link::Identity).unwrap();
        let n = forest.n_features;
        let (background, weights) = (rows(seed + 1, n_background, n), weights(seed, n_background));
        let explained = rows(seed + 2, 3, n);
        let expected = exact_pairs(&trees, &removal(background.view(), &weights), &explained);
        let background = Background::new(background, Some(weights)).unwrap();
        for (plan, precision, tolerance) in ALL {
            let engine = prepare(trees.ensemble(), &background, (plan, precision));
            let got = ask(&engine, trees.ensemble(), &explained, true);
            prop_assert_eq!(close(&got, &expected, tolerance), Ok(()), "{:?} {:?}", plan, precision);
        }
    }

    /// Up to 11 distinct features on a path: groups of more than eight bits.
    #[test]
    fn values_over_many_features_are_those_of_all_pairs_of_rows(
        seed in 0_u64..1000, depth in 6_usize..12, n_background in 1_usize..90,
    ) {
        let forest = Forest { n_features: 30, n_trees: 2, depth, n_outputs: 2, per_output: false };
        let trees = ensemble(seed, &forest);
        let mut background = rows(seed + 1, n_background, 30);
        let weights = weights(seed, n_background);
        let mut explained = rows(seed + 2, 2, 30);
        let infinite = [f64::INFINITY, f64::NEG_INFINITY];
        explained.column_mut(seed as usize % 30).assign(&ndarray::aview1(&infinite));
        background[[0, seed as usize % 7]] = infinite[seed as usize % 2];
        let background = Background::new(background, Some(weights)).unwrap();
        let mut expected = vec![0.0; 2 * 2 * 30];
        for (cell, values) in expected.chunks_mut(30).enumerate() {
            for (z, weight) in background.rows().rows().into_iter().zip(background.weights()) {
                for tree in trees.trees() {
                    let scale = weight * trees.scale();
                    let (x, z) = (explained.row(cell / 2).to_vec(), z.to_vec());
                    single(tree, &x, &z, cell % 2, scale, values);
                }
            }
        }
        for (plan, precision, tolerance) in ALL {
            let got = values(&trees, &background, &explained, (plan, precision));
            prop_assert_eq!(close(&got, &expected, tolerance), Ok(()), "{:?} {:?}", plan, precision);
        }
    }
}

#[test]
fn a_stump_and_two_rows_by_hand() {
    let mut tree = TreeBuilder::new(1);
    let leaf = |value| NodeStats { cover: 1.0, impurity: 0.0, value };
    let root = tree.push_split(1, 0.5, &leaf(&[0.0]));
    let low = tree.push_leaf(&leaf(&[10.0]));
    let high = tree.push_leaf(&leaf(&[20.0]));
    tree.connect(root, low, high);
    let mut builder = Ensemble::builder(2, 1, Comparison::LessEqual).with_base(vec![1.0]);
    builder.push_tree(tree).unwrap();
    let trees = builder.build().unwrap();
    // Three quarters of the background stand low: the base is 1 + 12.5.
    let rows = ndarray::array![[9.0, 0.0], [9.0, 1.0]];
    let background = Background::new(rows, Some(vec![3.0, 1.0])).unwrap();
    for (plan, precision, _) in ALL {
        let engine = prepare(&trees, &background, (plan, precision));
        assert_eq!(engine.base_values(), [13.5]);
        let explained = ndarray::array![[0.0, 0.5], [0.0, 0.6]];
        assert_eq!(ask(&engine, &trees, &explained, false), [0.0, -2.5, 0.0, 7.5]);
        assert_eq!(ask(&engine, &trees, &explained, true), [0.0, 0.0, -2.5, 0.0, 0.0, 7.5]);
    }
}

#[test]
fn a_background_of_other_features_is_refused() {
    let trees = ensemble(0, &Forest::default());
    let background = Background::new(Array2::zeros((2, 4)), None).unwrap();
    let refused = Interventional::new(
        &Run::new(0),
        &trees,
        &background,
        Precision::F64,
        &TablePlan::default(),
    );
    let message = refused.err().map(|error| error.to_string());
    let expected = "the background has shape [2, 4], expected [2, 5]";
    assert_eq!(message.as_deref(), Some(expected));
}
