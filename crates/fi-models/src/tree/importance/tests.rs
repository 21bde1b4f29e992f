//! What trees say of their features, against slow plain recomputations and by hand.

use fi_core::{Dataset, Run, Target};
use ndarray::Array2;

use super::*;
use crate::tree::{Comparison, Link, NodeStats, RandomForest, Statistics, TreeBuilder, Trees};

/// A root on feature 0, a split on feature 1 below it, with what is said to be known.
fn ensemble(statistics: Statistics) -> Ensemble {
    let stats = |cover, impurity| NodeStats { cover, impurity, value: &[0.0] };
    let mut builder = Ensemble::builder(3, 1, Comparison::LessEqual).with_statistics(statistics);
    for gain in [6.0, 2.0] {
        let mut tree = TreeBuilder::new(1);
        let root = tree.push_split(0, 0.5, &stats(10.0, 1.0));
        let low = tree.push_leaf(&stats(4.0, 0.0));
        let high = tree.push_split(1, 0.5, &stats(6.0, 0.5));
        let leaves = [tree.push_leaf(&stats(3.0, 0.0)), tree.push_leaf(&stats(3.0, 0.25))];
        tree.connect(root, low, high);
        tree.connect(high, leaves[0], leaves[1]);
        tree.set_gain(root, gain);
        tree.set_gain(high, 1.0);
        builder.push_tree(tree).unwrap();
    }
    builder.build().unwrap()
}

fn names() -> Vec<String> {
    ["a", "b", "c"].map(String::from).to_vec()
}

#[test]
fn gains_and_covers_are_summed_and_averaged_over_splits() {
    let all = Statistics { cover: true, impurity: true, gain: true };
    let known = ensemble(all);
    assert_eq!(total_gain(&known, &names()).unwrap().values, [8.0, 2.0, 0.0]);
    assert_eq!(gain(&known, &names()).unwrap().values, [4.0, 1.0, 0.0]);
    assert_eq!(total_cover(&known, &names()).unwrap().values, [20.0, 12.0, 0.0]);
    assert_eq!(cover(&known, &names()).unwrap().values, [10.0, 6.0, 0.0]);
    // Without gains: 10 − 3 and 3 − 0.75 twice.
    let derived = ensemble(Statistics { gain: false, ..all });
    assert_eq!(total_gain(&derived, &names()).unwrap().values, [14.0, 4.5, 0.0]);
    let error = gain(&known, &names()[..2]).unwrap_err().to_string();
    assert_eq!(error, "the list of feature names has shape [2], expected [3]");
}

#[test]
fn what_is_not_known_is_named_with_what_to_take() {
    let none = ensemble(Statistics { cover: false, impurity: false, gain: false });
    let gains = "these trees know neither the gains of their splits nor the impurities and covers \
                 that gains follow from: count their splits with `split_count`, or permute the \
                 features";
    let covers = "these trees do not know the covers of their nodes: count them on background \
                  rows with `Ensemble::with_covers_of`";
    assert_eq!(gain(&none, &names()).unwrap_err().to_string(), gains);
    assert_eq!(total_gain(&none, &names()).unwrap_err().to_string(), gains);
    assert_eq!(cover(&none, &names()).unwrap_err().to_string(), covers);
    assert_eq!(total_cover(&none, &names()).unwrap_err().to_string(), covers);
    assert!(impurity(&none, &names()).unwrap_err().to_string().ends_with("take `split_count`"));
}

fn data(classes: bool) -> Dataset {
    let rows = Array2::from_shape_fn((50, 3), |(i, j)| ((i * (7 + 4 * j)) % 47) as f64);
    let sums: Vec<f64> = rows.rows().into_iter().map(|row| row[0] + row[1] / 2.0).collect();
    let target = if classes {
        let labels = sums.iter().map(|&sum| usize::from(sum > 20.0) + usize::from(sum > 40.0));
        let names = ["low", "mid", "high"].map(String::from).to_vec();
        Target::Classes { labels: labels.collect(), names }
    } else {
        Target::Values(sums)
    };
    let weights = (0..50).map(|row| f64::from(row % 3) + 0.5).collect();
    Dataset::new(rows, target).unwrap().with_weights(weights).unwrap()
}

/// The definition, node by node: the rows of a node are found by walking from the root each time.
fn plain(trees: &Trees, tree: usize, data: &Dataset, rows: &[usize]) -> Vec<f64> {
    let tree = trees.ensemble().tree(tree);
    let weight = |row: usize| data.weights().unwrap()[row];
    let passes = |row: usize, wanted: usize| {
        let mut node = 0;
        while node != wanted {
            let Some((left, right)) = tree.children(node) else { return false };
            let x = data.rows()[[row, tree.feature(node)]];
            node = if tree.goes_left(node, x) { left } else { right };
        }
        true
    };
    let mut sums = vec![0.0; 3];
    for node in 0..tree.n_nodes() {
        let Some((left, right)) = tree.children(node) else { continue };
        for child in [left, right] {
            for &row in rows.iter().filter(|&&row| passes(row, child)) {
                for output in 0..tree.value(0).len() {
                    let y = match data.target() {
                        Target::Classes { labels, .. } => f64::from(labels[row] == output),
                        Target::Values(values) => values[row] - tree.value(0)[0],
                    };
                    let step = tree.value(child)[output] - tree.value(node)[output];
                    sums[tree.feature(node)] += weight(row) * step * y;
                }
            }
        }
    }
    let total: f64 = rows.iter().map(|&row| weight(row)).sum();
    sums.into_iter().map(|sum| sum / total).collect()
}

fn assert_close(ours: impl IntoIterator<Item = f64>, theirs: &[f64]) {
    let ours: Vec<f64> = ours.into_iter().collect();
    assert_eq!(ours.len(), theirs.len());
    for (a, b) in ours.iter().zip(theirs) {
        assert!((a - b).abs() <= 1e-9 * b.abs().max(1.0), "{ours:?} and {theirs:?}");
    }
}

#[test]
fn held_out_and_out_of_bag_decreases_follow_the_definition() {
    for classes in [false, true] {
        let data = data(classes);
        let learner = if classes { RandomForest::default() } else { RandomForest::regression() };
        let learner = RandomForest { n_estimators: 4, ..learner };
        let forest = learner.fit(&Run::new(3), &data).unwrap();
        let test: Vec<usize> = (0..20).collect();
        let test_data = data.select_rows(&test).unwrap();
        let held_out = held_out_impurity(&forest, data.feature_names(), &test_data).unwrap();
        let oob = oob_impurity(&forest, data.feature_names(), &data).unwrap();
        let bags = forest.out_of_bag(&data).unwrap();
        assert_eq!((held_out.replicates.ncols(), oob.replicates.ncols()), (4, 4));
        for tree in 0..4 {
            let theirs = plain(&forest, tree, &data, &test);
            assert_close(held_out.replicates.column(tree).to_vec(), &theirs);
            let theirs = plain(&forest, tree, &data, &bags.rows(tree));
            assert_close(oob.replicates.column(tree).to_vec(), &theirs);
        }
    }
}

#[test]
fn on_the_training_rows_it_is_the_mean_decrease_in_impurity() {
    for classes in [false, true] {
        let data = data(classes);
        let learner = if classes { RandomForest::default() } else { RandomForest::regression() };
        let learner = RandomForest { n_estimators: 3, bootstrap: false, ..learner };
        let forest = learner.fit(&Run::new(3), &data).unwrap();
        let ours = held_out_impurity(&forest, data.feature_names(), &data).unwrap();
        for tree in forest.ensemble().trees() {
            let decreases = impurity_decreases(tree, 3);
            let theirs: Vec<f64> = decreases.iter().map(|all| all / tree.cover(0)).collect();
            assert_close(ours.replicates.column(tree.index()).to_vec(), &theirs);
        }
    }
}

#[test]
fn trees_and_data_of_different_kinds_are_refused() {
    let (values, classes) = (data(false), data(true));
    let forest = RandomForest { n_estimators: 1, ..RandomForest::regression() };
    let forest = forest.fit(&Run::new(3), &values).unwrap();
    let refusal = |trees: &Trees, data: &Dataset| {
        held_out_impurity(trees, &names(), data).unwrap_err().to_string()
    };
    assert_eq!(refusal(&forest, &classes), "the target has classes, but the trees answer values");
    let none = ensemble(Statistics { cover: true, impurity: false, gain: false });
    let none = Trees::new(none, Link::Identity).unwrap();
    assert!(refusal(&none, &values).contains("do not know what their inner nodes answer"));
    let error = oob_impurity(&none, &names(), &values).unwrap_err().to_string();
    assert!(error.contains("without bootstrap"), "{error}");
}
