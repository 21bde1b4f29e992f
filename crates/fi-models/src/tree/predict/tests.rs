//! The fast way gives the bits of the plain one, on every kind of split.

use fi_core::Rng;
use ndarray::{Array2, s};
use proptest::prelude::*;

use super::super::ensemble::add;
use super::super::random::Shape;
use super::super::tree::Tree;
use super::super::{Aggregate, Comparison, NodeStats, Precision, TreeBuilder};
use super::coded::Coded;
use super::kernel::Speed;
use super::*;

/// The plain way, whatever the number of rows.
fn plain(ensemble: &Ensemble, rows: ArrayView2<'_, f64>) -> (Array2<f64>, Array2<usize>) {
    let trees: Vec<_> = ensemble.trees().collect();
    let mut sums = Array2::zeros((rows.nrows(), ensemble.n_outputs()));
    add(&trees, rows, &mut sums);
    ensemble.finish(&mut sums);
    let leaf = |(row, tree): (usize, usize)| trees[tree].leaf_of(rows.row(row));
    (sums, Array2::from_shape_fn((rows.nrows(), trees.len()), leaf))
}

fn bits(values: &Array2<f64>) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

proptest! {
    #[test]
    fn predictions_and_leaves_are_those_of_the_plain_walk(seed: u64, n_rows in 0_usize..70) {
        let rng = &mut Rng::new(seed, 0);
        let shape = Shape::draw(rng);
        let ensemble = shape.ensemble(rng);
        let rows = shape.rows(n_rows, rng);
        let (predictions, leaves) = plain(&ensemble, rows.view());
        prop_assert_eq!(bits(&ensemble.predict(rows.view()).unwrap()), bits(&predictions));
        prop_assert_eq!(&ensemble.apply(rows.view()).unwrap(), &leaves);
        let compiled = Compiled::new(&ensemble).unwrap();
        let mut sums = Array2::zeros(predictions.dim());
        compiled.add(&ensemble, rows.view(), &mut sums);
        ensemble.finish(&mut sums);
        prop_assert_eq!(bits(&sums), bits(&predictions));
        // Rows in any memory order, and each row as if it were alone.
        let turned = rows.t().as_standard_layout().into_owned();
        prop_assert_eq!(bits(&ensemble.predict(turned.t()).unwrap()), bits(&predictions));
        for row in 0..n_rows {
            let alone = ensemble.predict(rows.slice(s![row..=row, ..])).unwrap();
            prop_assert_eq!(alone.row(0), predictions.row(row));
        }
    }
}

proptest! {
    #[test]
    fn questions_about_codes_give_the_bits_of_the_plain_walk(
        seed: u64, n_rows in 1_usize..600, n_splits in 0_usize..150, zero_is_missing: bool
    ) {
        let rng = &mut Rng::new(seed, 0);
        let mut shape = Shape { n_splits, special: false, ..Shape::draw(rng) };
        shape.n_trees = 1 + rng.below(3);
        let ensemble = shape.ensemble_with(rng, zero_is_missing);
        let rows = shape.rows(n_rows, rng);
        let (predictions, _) = plain(&ensemble, rows.view());
        for speed in Speed::all() {
            let Some(coded) = Coded::new(&ensemble) else {
                // Nothing is below −∞.
                let below_all = |tree: Tree<'_>| tree.threshold.contains(&f64::NEG_INFINITY);
                prop_assert!(ensemble.comparison() == Comparison::Less);
                prop_assert!(ensemble.trees().any(below_all));
                return Ok(());
            };
            let mut sums = Array2::zeros(predictions.dim());
            coded.at(speed).sum(rows.view(), &mut sums);
            ensemble.finish(&mut sums);
            prop_assert_eq!(bits(&sums), bits(&predictions), "{:?}", speed);
        }
        prop_assert_eq!(bits(&ensemble.predict(rows.view()).unwrap()), bits(&predictions));
    }

    #[test]
    fn a_tree_that_asks_a_level_the_same_is_asked_level_by_level(
        seed: u64, depth in 0_usize..9, n_rows in 1_usize..300, agree: bool
    ) {
        let rng = &mut Rng::new(seed, 0);
        let thresholds: Vec<f64> = (0..depth).map(|_| rng.normal()).collect();
        let mut builder = Ensemble::builder(3, 1, Comparison::Less)
            .with_precision(Precision::F32)
            .with_aggregate(Aggregate::Sum);
        for _ in 0..3 {
            let missing_left = rng.below(2) == 0;
            let mut tree = TreeBuilder::new(1);
            let first_leaf = (1 << depth) - 1;
            for node in 0..=2 * first_leaf {
                let value = [rng.normal()];
                let stats = NodeStats { cover: 1.0, impurity: 0.0, value: &value };
                if node >= first_leaf {
                    tree.push_leaf(&stats);
                    continue;
                }
                let level = (node + 1_usize).ilog2() as usize;
                let odd = !agree && node == first_leaf - 1;
                let threshold = thresholds[level] + f64::from(u8::from(odd));
                let split = tree.push_split(level % 3, threshold, &stats);
                if missing_left {
                    tree.send_missing_left(split);
                }
            }
            (0..first_leaf).for_each(|node| tree.connect(node, 2 * node + 1, 2 * node + 2));
            builder.push_tree(tree).unwrap();
        }
        let ensemble = builder.build().unwrap();
        let shape = Shape { n_features: 3, ..Shape::draw(rng) };
        let rows = shape.rows(n_rows, rng);
        let (predictions, _) = plain(&ensemble, rows.view());
        for speed in Speed::all() {
            let coded = Coded::new(&ensemble).unwrap();
            let one_node_a_level = depth < 2;
            prop_assert!(coded.trees.iter().all(|t| t.level_wise == (agree || one_node_a_level)));
            let mut sums = Array2::zeros(predictions.dim());
            coded.at(speed).sum(rows.view(), &mut sums);
            ensemble.finish(&mut sums);
            prop_assert_eq!(bits(&sums), bits(&predictions), "{:?}", speed);
        }
    }
}

#[test]
fn a_feature_of_more_borders_than_a_byte_counts_is_asked_as_well() {
    let rng = &mut Rng::new(3, 0);
    let mut builder = Ensemble::builder(1, 1, Comparison::LessEqual).with_aggregate(Aggregate::Sum);
    let mut thresholds = Vec::new();
    for _ in 0..40 {
        let mut tree = TreeBuilder::new(1);
        for node in 0..31 {
            let value = [rng.normal()];
            let stats = NodeStats { cover: 1.0, impurity: 0.0, value: &value };
            if node < 15 {
                thresholds.push(rng.normal());
                tree.push_split(0, thresholds[thresholds.len() - 1], &stats);
            } else {
                tree.push_leaf(&stats);
            }
        }
        (0..15).for_each(|node| tree.connect(node, 2 * node + 1, 2 * node + 2));
        builder.push_tree(tree).unwrap();
    }
    let ensemble = builder.build().unwrap();
    // On each border, and on either side of it.
    let around = |x: &f64| [x.next_down(), *x, x.next_up(), f64::NAN];
    let rows: Vec<f64> = thresholds.iter().flat_map(around).collect();
    let rows = Array2::from_shape_vec((rows.len(), 1), rows).unwrap();
    let (predictions, _) = plain(&ensemble, rows.view());
    for speed in Speed::all() {
        let mut sums = Array2::zeros(predictions.dim());
        Coded::new(&ensemble).unwrap().at(speed).sum(rows.view(), &mut sums);
        ensemble.finish(&mut sums);
        assert_eq!(bits(&sums), bits(&predictions), "{speed:?}");
    }
}

#[test]
fn what_is_kept_is_no_property_of_an_ensemble() {
    let rng = &mut Rng::new(5, 0);
    let shape = Shape { n_splits: 6, n_trees: 6, special: false, ..Shape::draw(rng) };
    let ensemble = shape.ensemble(rng);
    let fresh = ensemble.clone();
    ensemble.predict(shape.rows(600, rng).view()).unwrap();
    assert!(ensemble.kept.has_layout() || ensemble.kept.coded(&ensemble, 600).is_some());
    assert_eq!(ensemble, fresh);
    assert!(!ensemble.clone().kept.has_layout());
}

#[test]
fn a_tree_as_deep_as_a_chain_is_walked_without_recursion() {
    let depth = 50_000_u32;
    let mut tree = TreeBuilder::new(1);
    for node in 0..depth {
        let split = tree.push_split(
            0,
            f64::from(node),
            &NodeStats { cover: 1.0, impurity: 0.0, value: &[0.0] },
        );
        let leaf =
            tree.push_leaf(&NodeStats { cover: 1.0, impurity: 0.0, value: &[f64::from(node)] });
        tree.connect(split, leaf, split + 2);
    }
    tree.push_leaf(&NodeStats { cover: 1.0, impurity: 0.0, value: &[-1.0] });
    let mut builder = Ensemble::builder(1, 1, Comparison::LessEqual);
    builder.push_tree(tree).unwrap();
    let ensemble = builder.build().unwrap();
    let rows = Array2::from_shape_fn((40, 1), |(row, _)| 1_500.0 * row as f64);
    let compiled = Compiled::new(&ensemble).unwrap();
    let mut sums = Array2::zeros((40, 1));
    compiled.add(&ensemble, rows.view(), &mut sums);
    let expected = rows.mapv(|x| if x < f64::from(depth) { x } else { -1.0 });
    assert_eq!(sums, expected);
}
