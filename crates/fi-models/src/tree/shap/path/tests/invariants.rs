//! What must always hold, whatever the trees are.

use ndarray::{Array3, Axis, concatenate, s};
use proptest::prelude::*;

use super::super::kernel::Speed;
use super::super::{engine, engine_at};
use super::agreement::{attribute, kinds, largest_difference};
use super::oracle::exact;
use super::random::{Kind, ensemble, oblivious, rows};
use crate::tree::shap::tests::twice_exchanged;
use crate::tree::{Aggregate, Comparison, Ensemble, NodeStats, Precision, TreeBuilder};

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn the_code_for_any_processor_gives_the_same_values(kind in kinds()) {
        let ensemble = ensemble(&kind);
        let rows = rows(&kind, 20);
        for (precision, bound) in [(Precision::F64, 1e-12), (Precision::F32, 2e-5)] {
            let engine = engine_at(&ensemble, precision, Speed::Plain).unwrap();
            let mut plain = Array3::zeros((20, kind.n_outputs, kind.n_features));
            engine.attribute(rows.view(), plain.as_slice_mut().unwrap());
            let fast = attribute(&ensemble, precision, rows.view());
            prop_assert!(largest_difference(&plain, &fast) < bound);
        }
    }

    #[test]
    fn a_row_has_the_same_bits_in_any_company(kind in kinds(), depth in 3..12_usize) {
        for ensemble in [ensemble(&Kind { depth, ..kind }), oblivious(&kind)] {
            let rows = rows(&kind, 40);
            for precision in [Precision::F32, Precision::F64] {
                let all = attribute(&ensemble, precision, rows.view());
                for (first, n) in [(0, 1), (7, 2), (13, 3), (22, 18)] {
                    let part = attribute(&ensemble, precision, rows.slice(s![first..first + n, ..]));
                    prop_assert_eq!(part, all.slice(s![first..first + n, .., ..]));
                }
            }
        }
    }

    #[test]
    fn a_feature_that_no_split_is_on_has_no_value(kind in kinds()) {
        let wide = Kind { n_features: kind.n_features + 1, ..kind };
        // The trees split on the first features only.
        let ensemble = super::random::ensemble_over(&wide, kind.n_features);
        let values = attribute(&ensemble, Precision::F64, rows(&wide, 5).view());
        prop_assert!(values.slice(s![.., .., kind.n_features]).iter().all(|&value| value == 0.0));
    }

    /// Where both play the same part in the trees, and their values in a row are the same.
    #[test]
    fn features_that_are_alike_have_the_same_value(kind in kinds()) {
        let kind = Kind { n_features: kind.n_features + 1, ..kind };
        let mut rows = rows(&kind, 5);
        let first = rows.column(0).to_owned();
        rows.column_mut(1).assign(&first);
        for trees in [ensemble(&kind), oblivious(&kind)] {
            let values = attribute(&twice_exchanged(&trees), Precision::F64, rows.view());
            for cell in values.lanes(Axis(2)) {
                prop_assert!((cell[0] - cell[1]).abs() < 1e-12, "{}", cell);
            }
        }
    }

    #[test]
    fn the_values_of_an_ensemble_are_the_sums_of_its_trees(kind in kinds()) {
        let rows = rows(&kind, 5);
        let one = ensemble(&kind);
        let other = ensemble(&Kind { seed: kind.seed ^ 1, ..kind });
        let both = super::random::joined(&kind, &[kind.seed, kind.seed ^ 1]);
        let weight = if kind.aggregate == Aggregate::Sum { 1.0 } else { 0.5 };
        let sum = (attribute(&one, Precision::F64, rows.view())
            + attribute(&other, Precision::F64, rows.view()))
            * weight;
        let found = attribute(&both, Precision::F64, rows.view());
        prop_assert!(largest_difference(&found, &sum) < 1e-12);
    }

    #[test]
    fn trees_with_one_test_per_depth_are_looked_up(kind in kinds()) {
        let ensemble = oblivious(&kind);
        let rows = rows(&kind, 30);
        let oracle = exact(&ensemble, rows.view());
        for (precision, bound) in [(Precision::F64, 1e-12), (Precision::F32, 2e-5)] {
            let values = attribute(&ensemble, precision, rows.view());
            prop_assert!(largest_difference(&values, &oracle) < bound);
        }
    }
}

/// Trees as full as oblivious ones, but for one split of one level that asks something else.
#[test]
fn trees_that_are_not_quite_oblivious_are_not_looked_up() {
    let kind = Kind { n_features: 3, n_trees: 1, ..Kind::default() };
    let stats = |cover, value| NodeStats { cover, impurity: 0.0, value };
    let sets: [&[u32]; 2] = [&[0, 1], &[1, 2]];
    let squares: [[f64; 1]; 8] = std::array::from_fn(|leaf| [(leaf * leaf) as f64]);
    for (odd, by_category) in [(0, false), (1, false), (1, true), (2, false)] {
        let mut tree = TreeBuilder::new(1);
        for node in 0..7_usize {
            let level = (node + 1).ilog2() as usize;
            let cover = 8.0 / f64::from(1 << level);
            // The last split of a level.
            let differs = level == odd && node + 2 == 2 << level;
            let at = if by_category {
                tree.push_category_split(level, sets[usize::from(differs)], &stats(cover, &[0.0]))
            } else {
                let threshold = if differs { 0.3 } else { 1.0 };
                tree.push_split(level, threshold, &stats(cover, &[0.0]))
            };
            tree.connect(at, 2 * node + 1, 2 * node + 2);
        }
        for square in &squares {
            tree.push_leaf(&stats(1.0, square));
        }
        let mut builder = Ensemble::builder(3, 1, Comparison::LessEqual);
        builder.push_tree(tree).unwrap();
        let ensemble = builder.build().unwrap();
        let rows = rows(&kind, 40);
        let values = attribute(&ensemble, Precision::F64, rows.view());
        let difference = largest_difference(&values, &exact(&ensemble, rows.view()));
        assert!(difference < 1e-12, "{odd} {by_category} {difference:e}");
    }
}

/// A chain of 100,000 splits needs no stack and little memory.
#[test]
fn trees_may_be_very_deep() {
    let depth = 100_000;
    let stats = |cover, value| NodeStats { cover, impurity: 0.0, value };
    let mut tree = TreeBuilder::new(1);
    let mut node = tree.push_split(0, 0.5, &stats(1e9, &[0.0]));
    for level in 1..depth {
        let leaf = tree.push_leaf(&stats(10.0, &[1.0]));
        let cover = 1e9 - 10.0 * level as f64;
        let next = tree.push_split(level % 3, 0.5, &stats(cover, &[0.0]));
        tree.connect(node, leaf, next);
        node = next;
    }
    let (low, high) = (tree.push_leaf(&stats(10.0, &[2.0])), tree.push_leaf(&stats(10.0, &[3.0])));
    tree.connect(node, low, high);
    let mut builder = Ensemble::builder(3, 1, Comparison::LessEqual);
    builder.push_tree(tree).unwrap();
    let ensemble = builder.build().unwrap();
    let rows = ndarray::array![[0.0, 0.0, 1.0], [1.0, 1.0, 1.0]];
    let rows = concatenate![Axis(0), rows, rows];
    let values = attribute(&ensemble, Precision::F64, rows.view());
    let base = engine(&ensemble, Precision::F64).unwrap().base_values()[0];
    let raw = ensemble.predict(rows.view()).unwrap();
    for (values, raw) in values.outer_iter().zip(raw.column(0)) {
        assert!((base + values.sum() - raw).abs() < 1e-9, "{values} {raw}");
    }
}

#[test]
fn trees_without_covers_are_refused_with_a_way_out() {
    let mut tree = TreeBuilder::new(1);
    tree.push_leaf(&NodeStats { cover: 0.0, impurity: 0.0, value: &[1.0] });
    let statistics = crate::tree::Statistics { cover: false, impurity: false, gain: false };
    let mut builder = Ensemble::builder(1, 1, Comparison::LessEqual).with_statistics(statistics);
    builder.push_tree(tree).unwrap();
    let ensemble = builder.build().unwrap();
    let error = engine(&ensemble, Precision::F64).err().unwrap().to_string();
    assert_eq!(
        error,
        "the model's file has no covers, which path-dependent SHAP weighs the branches of trees \
         with: take them from rows with `Ensemble::with_covers_of`, or explain with \
         `Perturbation::Interventional`"
    );
}
