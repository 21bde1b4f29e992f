//! Values and base values against the definition.

use ndarray::{Array3, ArrayView2, array};
use proptest::prelude::*;

use super::super::super::engine::{n_pairs, pair};
use super::super::engine;
use super::oracle::{TreePathGame, exact, exact_interactions, textbook};
use super::random::{Kind, ensemble, rows};
use crate::tree::{Aggregate, Comparison, Ensemble, Precision};

pub(super) fn attribute(
    ensemble: &Ensemble,
    precision: Precision,
    rows: ArrayView2<'_, f64>,
) -> Array3<f64> {
    let engine = engine(ensemble, precision).unwrap();
    let mut values = Array3::zeros((rows.nrows(), ensemble.n_outputs(), ensemble.n_features()));
    engine.attribute(rows, values.as_slice_mut().unwrap());
    values
}

pub(super) fn largest_difference(a: &Array3<f64>, b: &Array3<f64>) -> f64 {
    assert_eq!(a.dim(), b.dim());
    a.iter().zip(b).fold(0.0, |largest: f64, (a, b)| {
        assert!(a.is_finite() && b.is_finite());
        largest.max((a - b).abs())
    })
}

pub(super) fn kinds() -> impl Strategy<Value = Kind> {
    let trees = (any::<u64>(), 1..8_usize, 1..4_usize, any::<bool>(), 1..5_usize, 0..8_usize);
    let ways = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (trees, ways).prop_map(|(trees, ways)| {
        let (seed, n_features, n_outputs, one_output_each, n_trees, depth) = trees;
        let (less, single, mean, odd_splits, odd_covers) = ways;
        Kind {
            seed,
            n_features,
            n_outputs,
            one_output_each,
            n_trees,
            depth,
            comparison: if less { Comparison::Less } else { Comparison::LessEqual },
            precision: if single { Precision::F32 } else { Precision::F64 },
            aggregate: if mean { Aggregate::Mean } else { Aggregate::Sum },
            odd_splits,
            odd_covers,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn values_are_those_of_the_definition(kind in kinds(), n_rows in 1..20_usize) {
        let ensemble = ensemble(&kind);
        let rows = rows(&kind, n_rows);
        let oracle = exact(&ensemble, rows.view());
        let double = attribute(&ensemble, Precision::F64, rows.view());
        prop_assert!(largest_difference(&double, &oracle) < 1e-12);
        let single = attribute(&ensemble, Precision::F32, rows.view());
        prop_assert!(largest_difference(&single, &oracle) < 2e-5);
    }

    #[test]
    fn interactions_are_those_of_the_definition(kind in kinds(), n_rows in 1..20_usize) {
        let ensemble = ensemble(&kind);
        let rows = rows(&kind, n_rows);
        let n = kind.n_features;
        let oracle = exact_interactions(&ensemble, rows.view());
        for (precision, bound) in [(Precision::F64, 1e-11), (Precision::F32, 2e-5)] {
            let engine = engine(&ensemble, precision).unwrap();
            let mut values = vec![0.0; n_rows * kind.n_outputs * n_pairs(n)];
            engine.interact(rows.view(), &mut values);
            for ((row, output, a, b), expected) in oracle.indexed_iter() {
                let at = (row * kind.n_outputs + output) * n_pairs(n) + pair(a.min(b), a.max(b), n);
                let difference = (values[at] - expected).abs();
                prop_assert!(difference < bound, "{} {} {}", a, b, difference);
            }
        }
    }

    #[test]
    fn values_and_base_add_up_to_the_answer(kind in kinds()) {
        let ensemble = ensemble(&kind);
        let rows = rows(&kind, 9);
        let engine = engine(&ensemble, Precision::F64).unwrap();
        let nothing = vec![false; kind.n_features];
        let empty = TreePathGame { ensemble: &ensemble, row: rows.row(0) }.value(&nothing);
        for (base, empty) in engine.base_values().iter().zip(&empty) {
            prop_assert!((base - empty).abs() < 1e-12);
        }
        let values = attribute(&ensemble, Precision::F64, rows.view());
        let raw = ensemble.predict(rows.view()).unwrap();
        for ((row, output), raw) in raw.indexed_iter() {
            let sum = engine.base_values()[output] + values.slice(ndarray::s![row, output, ..]).sum();
            prop_assert!((sum - raw).abs() < 1e-12, "{} {}", sum, raw);
        }
    }
}

#[test]
fn many_features_on_a_path_agree_with_the_published_algorithm() {
    for (seed, n_features, depth) in [(1, 40, 14), (2, 40, 24), (3, 5, 20), (4, 60, 30)] {
        let kind = Kind {
            seed,
            n_features,
            depth: depth.min(14),
            n_trees: 1,
            odd_covers: false,
            ..Kind::default()
        };
        let ensemble = ensemble(&kind);
        let rows = rows(&kind, 5);
        let oracle = textbook(&ensemble, rows.view());
        let found = attribute(&ensemble, Precision::F64, rows.view());
        let difference = largest_difference(&found, &oracle);
        assert!(difference < 1e-11, "{difference:e}");
    }
}

/// A split of two features on the first, with leaves 1 and 3.
fn stump(covers: [f64; 3]) -> Ensemble {
    use crate::tree::{NodeStats, TreeBuilder};
    let stats = |cover, value| NodeStats { cover, impurity: 0.0, value };
    let mut tree = TreeBuilder::new(1);
    let root = tree.push_split(0, 0.5, &stats(covers[0], &[2.5]));
    let low = tree.push_leaf(&stats(covers[1], &[1.0]));
    let high = tree.push_leaf(&stats(covers[2], &[3.0]));
    tree.connect(root, low, high);
    let mut builder = Ensemble::builder(2, 1, Comparison::LessEqual);
    builder.push_tree(tree).unwrap();
    builder.build().unwrap()
}

/// The definition asks `shares` as the engine does, so this is not its to find.
#[test]
fn of_no_cover_each_child_has_half_and_shares_need_not_add_up() {
    let rows = array![[0.0, 9.0], [1.0, 9.0]];
    for (covers, base) in [([0.0; 3], 2.0), ([4.0, 0.0, 4.0], 3.0), ([4.0, 1.0, 2.0], 1.75)] {
        let ensemble = stump(covers);
        assert_eq!(engine(&ensemble, Precision::F64).unwrap().base_values(), [base], "{covers:?}");
        let found = attribute(&ensemble, Precision::F64, rows.view());
        assert_eq!(found, array![[[1.0 - base, 0.0]], [[3.0 - base, 0.0]]], "{covers:?}");
    }
}

#[test]
fn a_stump_by_hand() {
    let ensemble = stump([4.0, 1.0, 3.0]);
    let rows = array![[0.0, 9.0], [1.0, 9.0]];
    let found = attribute(&ensemble, Precision::F64, rows.view());
    assert_eq!(found, array![[[-1.5, 0.0]], [[0.5, 0.0]]]);
    assert_eq!(engine(&ensemble, Precision::F32).unwrap().base_values(), [2.5]);
}
