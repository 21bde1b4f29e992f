//! What the settings of forests, the growing of trees and the out-of-bag scores come to, by hand.

use fi_core::{Dataset, Donors, Metric, Model, Players, Rng, Run, Target, Warning};
use ndarray::{Array2, array};

use super::super::out_of_bag::SHUFFLES;
use super::super::*;

fn column(xs: &[f64], target: Target) -> Dataset {
    Dataset::new(Array2::from_shape_fn((xs.len(), 1), |(i, _)| xs[i]), target).unwrap()
}

fn two_classes(labels: &[usize]) -> Target {
    let names = vec!["no".to_owned(), "yes".to_owned()];
    Target::Classes { labels: labels.to_vec(), names }
}

/// Three normal features, of which the first makes the target, and weights of 0 to 3.
fn weighted(seed: u64, n_rows: usize) -> Dataset {
    let mut rng = Rng::new(seed, 0);
    let rows = Array2::from_shape_simple_fn((n_rows, 3), || rng.normal());
    let values = rows.column(0).iter().map(|x| x + 0.5 * rng.normal()).collect();
    let weights = (0..n_rows).map(|row| (row % 4) as f64).collect();
    Dataset::new(rows, Target::Values(values)).unwrap().with_weights(weights).unwrap()
}

fn features(data: &Dataset) -> Players {
    Players::features(data.feature_names().to_vec()).unwrap()
}

/// Weighted mean squared error.
fn mse(predicted: &[f64], target: &[f64], weights: &[f64]) -> f64 {
    let squares = predicted.iter().zip(target).zip(weights).map(|((p, y), w)| w * (p - y).powi(2));
    squares.sum::<f64>() / weights.iter().sum::<f64>()
}

#[test]
fn impurity_weighs_nodes_by_cover_and_trees_alike() {
    let stats = |cover, impurity| NodeStats { cover, impurity, value: &[0.0] };
    let mut tree = TreeBuilder::new(1);
    let root = tree.push_split(0, 0.0, &stats(8.0, 4.0));
    let left = tree.push_leaf(&stats(2.0, 4.0));
    let right = tree.push_split(1, 0.0, &stats(6.0, 2.0));
    let low = tree.push_leaf(&stats(2.0, 2.0));
    let high = tree.push_leaf(&stats(4.0, 1.0));
    tree.connect(root, left, right);
    tree.connect(right, low, high);

    // A thousand times the impurity is still one tree among others.
    let mut stump = TreeBuilder::new(1);
    let root = stump.push_split(1, 0.0, &stats(8.0, 4000.0));
    let left = stump.push_leaf(&stats(2.0, 0.0));
    let right = stump.push_leaf(&stats(6.0, 0.0));
    stump.connect(root, left, right);

    let mut builder = Ensemble::builder(2, 1, Comparison::LessEqual);
    builder.push_tree(tree).unwrap();
    builder.push_tree(stump).unwrap();
    let importance = impurity(&builder.build().unwrap(), &["a".into(), "b".into()]).unwrap();
    // 8·4 − 2·4 − 6·2 = 12 against 6·2 − 2·2 − 4·1 = 4.
    assert_eq!(importance.replicates, array![[0.75, 0.0], [0.25, 1.0]]);
    assert_eq!(importance.values, [0.375, 0.625]);
}

#[test]
fn a_sample_draws_as_many_rows_as_it_should_each_with_its_weight() {
    let xs: Vec<f64> = (0..21).map(f64::from).collect();
    let data = column(&xs, Target::Values(xs.clone())).with_weights(vec![3.0; 21]).unwrap();
    let cover = |max_samples: MaxSamples| {
        let learner = RandomForest { n_estimators: 2, max_samples, ..RandomForest::regression() };
        learner.fit(&Run::new(0), &data).unwrap().ensemble().tree(1).cover(0)
    };
    assert_eq!(cover(MaxSamples::All), 63.0);
    assert_eq!(cover(MaxSamples::Count(4)), 12.0);
    // 0.35 · 21 = 7.35, 0.4 · 21 = 8.4, 0.36 · 21 = 7.56.
    let shares = [0.35, 0.4, 0.36, 0.001, 1.0].map(|share| cover(MaxSamples::Share(share)));
    assert_eq!(shares, [21.0, 24.0, 24.0, 3.0, 63.0]);
}

#[test]
fn out_of_bag_methods_refuse_other_labels_and_other_rows_without_weight() {
    let xs = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0];
    let data = column(&xs, two_classes(&[0, 0, 0, 1, 1, 1]));
    let learner = RandomForest { n_estimators: 3, ..RandomForest::default() };
    let forest = learner.fit(&Run::new(0), &data).unwrap();
    let other = column(&xs, two_classes(&[0, 0, 1, 0, 1, 1]));
    assert!(forest.oob_predictions(&data).is_ok() && forest.oob_predictions(&other).is_err());

    let with = |weights: [f64; 6]| data.clone().with_weights(weights.to_vec()).unwrap();
    let first = with([0.0, 1.0, 1.0, 1.0, 1.0, 1.0]);
    let forest = learner.fit(&Run::new(0), &first).unwrap();
    assert!(forest.oob_predictions(&first).is_ok());
    assert!(forest.oob_predictions(&with([1.0, 0.0, 1.0, 1.0, 1.0, 1.0])).is_err());
}

#[test]
fn missing_values_go_where_most_of_the_weight_went() {
    let left = |labels: &[usize]| {
        let data = column(&[0.0, 1.0, 2.0, 3.0, 4.0], two_classes(labels));
        DecisionTree::default().fit(&Run::new(0), &data).unwrap().ensemble().tree(0).missing_left(0)
    };
    assert!(left(&[0, 0, 0, 1, 1]) && !left(&[0, 0, 1, 1, 1]));
}

#[test]
fn a_decrease_of_impurity_counts_by_its_share_of_the_rows() {
    let data = column(&[0.0, 1.0, 2.0, 3.0], two_classes(&[0, 0, 1, 1]));
    let n_nodes = |min_impurity_decrease: f64| {
        let learner = DecisionTree { min_impurity_decrease, ..DecisionTree::default() };
        learner.fit(&Run::new(0), &data).unwrap().ensemble().tree(0).n_nodes()
    };
    // Two equal classes have a Gini impurity of 1/2, and one split takes all of it.
    assert_eq!((n_nodes(0.5), n_nodes(0.51)), (3, 1));
}

#[test]
fn features_are_drawn_until_one_can_split() {
    let rows = array![[7.0, 0.0, 7.0], [7.0, 1.0, 7.0], [7.0, 2.0, 7.0]];
    let data = Dataset::new(rows, two_classes(&[0, 0, 1])).unwrap();
    let learner = DecisionTree { max_features: MaxFeatures::Count(1), ..DecisionTree::default() };
    for seed in 0..20 {
        let tree = learner.fit(&Run::new(seed), &data).unwrap();
        assert_eq!(
            (tree.ensemble().tree(0).n_nodes(), tree.ensemble().tree(0).feature(0)),
            (3, 1),
            "seed {seed}"
        );
    }
}

#[test]
fn with_a_limit_on_leaves_the_largest_decrease_comes_first() {
    // After the root, {100, 120} has 200 squares to lose and {0, 0, 10, 10} only 100.
    let xs = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0];
    let values = vec![0.0, 0.0, 10.0, 10.0, 100.0, 120.0];
    let data = column(&xs, Target::Values(values));
    let learner = DecisionTree { max_leaf_nodes: Some(3), ..DecisionTree::regression() };
    let predictions = learner.fit(&Run::new(0), &data).unwrap().predict(data.rows()).unwrap();
    assert_eq!(predictions.column(0).to_vec(), [5.0, 5.0, 5.0, 5.0, 100.0, 120.0]);
}

#[test]
fn out_of_bag_scores_count_rows_by_weight() {
    let data = weighted(3, 60);
    let learner = RandomForest { n_estimators: 6, ..RandomForest::regression() };
    let forest = learner.fit(&Run::new(1), &data).unwrap();
    let (target, weights) = (data.target().values().unwrap(), data.weights().unwrap());
    let predicted = forest.oob_predictions(&data).unwrap().column(0).to_vec();
    let rows: Vec<usize> = (0..60).filter(|&row| !predicted[row].is_nan()).collect();
    let of = |all: &[f64]| -> Vec<f64> { rows.iter().map(|&row| all[row]).collect() };
    let expected = mse(&of(&predicted), &of(target), &of(weights));
    let score = forest.oob_score(&data, &Metric::Mse).unwrap();
    assert!((score - expected).abs() < 1e-12 * expected, "{score} {expected}");
}

/// The definition, row by row: each tree, repeat and player on its own.
#[test]
fn oob_permutation_is_its_definition() {
    let data = weighted(5, 40);
    let tree = DecisionTree { max_depth: Some(1), ..DecisionTree::regression() };
    let learner = RandomForest { n_estimators: 5, tree, ..RandomForest::regression() };
    let (run, n_repeats) = (Run::new(8), 2);
    let forest = learner.fit(&Run::new(1), &data).unwrap();
    let players = features(&data);
    let results =
        oob_permutation(&run, &forest, &data, &players, &[Metric::Mse], n_repeats).unwrap();
    let (bags, shuffles) = (forest.out_of_bag(&data).unwrap(), run.split(SHUFFLES));
    let mut n_evaluations = 0;
    for t in 0..5 {
        let rows = bags.rows(t);
        let left_out = data.select_rows(&rows).unwrap();
        let target = left_out.target().values().unwrap();
        let weights = left_out.weights().unwrap();
        let loss = |rows: Array2<f64>| {
            let predicted = forest.ensemble().predict_tree(t, rows.view()).unwrap();
            mse(&predicted.column(0).to_vec(), target, weights)
        };
        let before = loss(left_out.rows().to_owned());
        n_evaluations += rows.len();
        for feature in 0..3 {
            let mut increase = 0.0;
            for repeat in 0..n_repeats as u64 {
                let seed = shuffles.split(t as u64).split(repeat).seed();
                let donors = Donors::new(rows.len(), seed);
                let mut mixed = left_out.rows().to_owned();
                for row in 0..rows.len() {
                    mixed[[row, feature]] = left_out.rows()[[donors.of(row), feature]];
                }
                increase += (loss(mixed) - before) / n_repeats as f64;
            }
            let got = results[0].replicates[[feature, t]];
            assert!((got - increase).abs() < 1e-12, "{t} {feature}: {got} {increase}");
        }
        // A stump uses one feature; the others cost nothing.
        n_evaluations += rows.len() * n_repeats;
    }
    assert_eq!(results[0].n_evaluations, n_evaluations);
}

#[test]
fn oob_permutation_warns_of_noise_and_of_a_metric_that_did_not_move() {
    let mut rng = Rng::new(2, 0);
    let rows = Array2::from_shape_simple_fn((60, 2), || rng.normal());
    let noise: Vec<f64> = (0..60).map(|_| rng.normal()).collect();
    let weights: Vec<f64> = noise.iter().map(|y| if *y > 0.0 { 3.0 } else { 1.0 }).collect();
    let data = Dataset::new(rows.clone(), Target::Values(noise.clone())).unwrap();
    let data = data.with_weights(weights.clone()).unwrap();
    let ask = |data: &Dataset| {
        let learner = RandomForest { n_estimators: 20, ..RandomForest::regression() };
        let forest = learner.fit(&Run::new(1), data).unwrap();
        let metrics = [Metric::Mse];
        oob_permutation(&Run::new(2), &forest, data, &features(data), &metrics, 1)
            .unwrap()
            .remove(0)
    };
    let result = ask(&data);
    // The best constant is the weighted mean.
    let total: f64 = weights.iter().sum();
    let mean = noise.iter().zip(&weights).map(|(y, w)| w * y).sum::<f64>() / total;
    let expected = mse(&[mean; 60], &noise, &weights);
    assert!((result.constant_score.unwrap() - expected).abs() < 1e-12);
    assert!(result.score.unwrap() > expected);
    assert!(matches!(result.warnings[..], [Warning::NoBetterThanConstant { .. }]), "{result:?}");

    let still = ask(&Dataset::new(rows, Target::Values(vec![1.0; 60])).unwrap());
    let moved = |warning: &Warning| matches!(warning, Warning::MetricDidNotMove { .. });
    assert!(still.warnings.iter().any(moved), "{still:?}");
}

#[test]
fn trees_without_a_weighted_row_out_of_bag_have_no_say() {
    let xs = [0.0, 1.0, 2.0, 3.0];
    let data = column(&xs, Target::Values(xs.to_vec()));
    let learner = RandomForest { n_estimators: 20, ..RandomForest::regression() };
    let ask = |weights: [f64; 4]| {
        let data = data.clone().with_weights(weights.to_vec()).unwrap();
        let forest = learner.fit(&Run::new(1), &data).unwrap();
        oob_permutation(&Run::new(2), &forest, &data, &features(&data), &[Metric::Mse], 1)
    };
    // The only row that can be drawn is in every bag.
    assert_eq!(
        ask([1.0, 0.0, 0.0, 0.0]).unwrap_err().to_string(),
        "out-of-bag permutation importance needs at least 1 rows, got 0"
    );
    let n_trees = ask([1.0, 1.0, 0.0, 0.0]).unwrap()[0].replicates.ncols();
    assert!((1..20).contains(&n_trees), "{n_trees}");
}
