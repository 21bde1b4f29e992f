//! What each setting of the learners changes, and what it must leave alone.

use fi_core::{Dataset, Metric, Model, Rng, Run, Target};
use ndarray::{Array2, Axis};

use super::super::*;

/// A numeric signal with gaps, five categories of which two count, and noise; two or more
/// classes, or values.
fn drawn(seed: u64, n_rows: usize, n_classes: usize) -> Dataset {
    let mut rng = Rng::new(seed, 0);
    let mut rows = Array2::from_shape_simple_fn((n_rows, 3), || rng.normal());
    rows.column_mut(1).mapv_inplace(|_| rng.below(5) as f64);
    let signal: Vec<f64> = rows
        .rows()
        .into_iter()
        .map(|row| {
            row[0] + if [1.0, 4.0].contains(&row[1]) { 2.0 } else { -1.0 } + 0.3 * rng.normal()
        })
        .collect();
    rows.column_mut(0).mapv_inplace(|x| if rng.below(5) == 0 { f64::NAN } else { x });
    let target = if n_classes == 0 {
        Target::Values(signal)
    } else {
        let last = n_classes as f64 - 1.0;
        let labels = signal.iter().map(|y| (y + 1.0).clamp(0.0, last) as usize).collect();
        Target::Classes { labels, names: (0..n_classes).map(|k| format!("class {k}")).collect() }
    };
    Dataset::new(rows, target).unwrap().with_categorical([1]).unwrap()
}

#[test]
fn extra_trees_draw_thresholds_evenly_from_the_range_of_a_node() {
    let rows =
        Array2::from_shape_fn((40, 1), |(row, _)| if row < 20 { 10.0 } else { 20.0 + row as f64 });
    let values = (0..40).map(|row| f64::from(u8::from(row >= 20))).collect();
    let data = Dataset::new(rows, Target::Values(values)).unwrap();
    let learner = RandomForest { n_estimators: 400, ..RandomForest::extra_trees_regression() };
    let fitted = learner.fit(&Run::new(1), &data).unwrap();
    let thresholds: Vec<f64> = fitted.ensemble().trees().map(|tree| tree.threshold(0)).collect();
    // Uniform between 10 and 59: mean 34.5, standard error 14.1 / 20.
    let mean = thresholds.iter().sum::<f64>() / 400.0;
    assert!((mean - 34.5).abs() < 3.0, "{mean}");
    assert!(thresholds.iter().all(|t| (10.0..59.0).contains(t)));
    let quarter = thresholds.iter().filter(|&&t| t < 10.0 + 49.0 / 4.0).count();
    assert!((70..130).contains(&quarter), "{quarter}");
    // All rows in every tree, and a fully grown tree repeats them.
    assert!(fitted.oob_predictions(&data).is_err());
    let predicted = fitted.predict(data.rows()).unwrap();
    assert!(
        predicted.iter().zip(data.target().values().unwrap()).all(|(p, y)| (p - y).abs() < 1e-12)
    );
}

#[test]
fn extra_trees_and_bins_predict_about_as_well_as_forests() {
    for n_classes in [0, 2, 4] {
        let (train, test) = (drawn(1, 1500, n_classes), drawn(2, 1500, n_classes));
        let score = |learner: RandomForest| {
            let learner = RandomForest { n_estimators: 40, ..learner };
            let fitted = learner.fit(&Run::new(3), &train).unwrap();
            let predicted = fitted.predict(test.rows()).unwrap();
            let metric = if n_classes == 0 { Metric::R2 } else { Metric::Accuracy };
            metric.score(predicted.view(), fitted.output(), test.target(), None).unwrap()
        };
        let (plain, extra) = if n_classes == 0 {
            (RandomForest::regression(), RandomForest::extra_trees_regression())
        } else {
            (RandomForest::default(), RandomForest::extra_trees())
        };
        let bins = |max_bins: usize| RandomForest {
            tree: DecisionTree { max_bins: Some(max_bins), ..plain.tree.clone() },
            ..plain.clone()
        };
        let (best, extra) = (score(plain.clone()), score(extra));
        let (fine, coarse) = (score(bins(64)), score(bins(2)));
        assert!(best > 0.6, "{best}");
        assert!((extra - best).abs() < 0.06, "{n_classes}: {extra} {best}");
        assert!((fine - best).abs() < 0.03, "{n_classes}: {fine} {best}");
        assert!(coarse < best - 0.02, "{n_classes}: {coarse} {best}");
        assert_eq!(best, score(bins(1500)), "as many bins as values");
    }
}

#[test]
fn two_bins_leave_one_threshold_per_feature() {
    let data = drawn(3, 300, 0);
    let tree = DecisionTree { max_bins: Some(2), ..DecisionTree::regression() };
    let fitted = tree.fit(&Run::new(0), &data).unwrap();
    let tree = fitted.ensemble().tree(0);
    for feature in [0, 2] {
        let mut thresholds: Vec<f64> = (0..tree.n_nodes())
            .filter(|&node| !tree.is_leaf(node) && tree.feature(node) == feature)
            .map(|node| tree.threshold(node))
            .filter(|&threshold| threshold < f64::MAX)
            .collect();
        thresholds.sort_by(f64::total_cmp);
        thresholds.dedup();
        assert_eq!(thresholds.len(), 1, "{thresholds:?}");
    }
}

#[test]
fn class_weights_are_weights_of_rows() {
    let data = drawn(4, 200, 3);
    let labels = data.target().labels().unwrap().to_vec();
    let fit = |class_weight: ClassWeight, data: &Dataset| {
        let tree = DecisionTree { class_weight, ..RandomForest::default().tree };
        let learner = RandomForest { n_estimators: 4, tree, ..RandomForest::default() };
        learner.fit(&Run::new(1), data).unwrap()
    };
    let factors = [0.5, 2.0, 3.0];
    let rows = labels.iter().map(|&label| factors[label]).collect();
    let by_rows = fit(ClassWeight::None, &data.clone().with_weights(rows).unwrap());
    let by_class = fit(ClassWeight::Weights(factors.to_vec()), &data);
    assert_eq!(by_class.ensemble(), by_rows.ensemble());

    let count = |class: usize| labels.iter().filter(|&&label| label == class).count() as f64;
    let balanced = (0..3).map(|class| 200.0 / (3.0 * count(class))).collect();
    let balanced = fit(ClassWeight::Weights(balanced), &data);
    assert_eq!(fit(ClassWeight::Balanced, &data).ensemble(), balanced.ensemble());
    // Counted in each sample, the classes weigh the same at every root.
    let each = fit(ClassWeight::BalancedSubsample, &data);
    for tree in each.ensemble().trees() {
        assert!(tree.value(0).iter().all(|share| (share - 1.0 / 3.0).abs() < 1e-12));
        assert!((tree.cover(0) - 200.0).abs() < 1e-9);
    }
    let uneven =
        balanced.ensemble().trees().any(|tree| (tree.value(0)[0] - 1.0 / 3.0).abs() > 1e-3);
    assert!(uneven);
}

#[test]
fn pruning_leaves_fewer_leaves_the_more_they_cost() {
    for n_classes in [0, 2, 3] {
        let data = drawn(5, 400, n_classes);
        let criterion = if n_classes == 0 { Criterion::SquaredError } else { Criterion::Gini };
        let learner = DecisionTree { criterion, ..DecisionTree::default() };
        let path = learner.cost_complexity_pruning_path(&Run::new(0), &data).unwrap();
        let fit = |ccp_alpha: f64| {
            let tree = DecisionTree { ccp_alpha, ..learner.clone() };
            let fitted = tree.fit(&Run::new(0), &data).unwrap();
            fitted.validate().unwrap();
            fitted
        };
        let mut last = usize::MAX;
        for (step, &alpha) in path.ccp_alphas.iter().enumerate().step_by(5) {
            let fitted = fit(alpha);
            let tree = fitted.ensemble().tree(0);
            assert!(tree.n_leaves() <= last);
            last = tree.n_leaves();
            // Steps of equal cost are taken together.
            let end = path.ccp_alphas.partition_point(|&other| other <= alpha).max(step + 1) - 1;
            let leaves = (0..tree.n_nodes()).filter(|&node| tree.is_leaf(node));
            let impurity: f64 =
                leaves.map(|leaf| tree.cover(leaf) * tree.impurity(leaf)).sum::<f64>() / 400.0;
            assert!((impurity - path.impurities[end]).abs() < 1e-9, "{step}");
        }
        assert_eq!(fit(10.0).ensemble().tree(0).n_nodes(), 1);
        // Rows still fall where the covers say, through sets of categories too.
        let fitted = fit(0.002);
        let leaves = fitted.ensemble().apply(data.rows()).unwrap();
        let tree = fitted.ensemble().tree(0);
        assert!(fitted.ensemble().has_categories() && tree.n_leaves() > 2);
        for leaf in (0..tree.n_nodes()).filter(|&node| tree.is_leaf(node)) {
            assert_eq!(
                leaves.iter().filter(|&&other| other == leaf).count() as f64,
                tree.cover(leaf)
            );
        }
    }
}

#[test]
fn leaves_hold_their_share_of_the_weight() {
    let data = drawn(6, 300, 2);
    let weights: Vec<f64> = (0..300).map(|row| 0.5 + f64::from(row % 7)).collect();
    let total: f64 = weights.iter().sum();
    let data = data.with_weights(weights).unwrap();
    for splitter in [Splitter::Best, Splitter::Random] {
        let learner =
            DecisionTree { min_weight_fraction_leaf: 0.1, splitter, ..DecisionTree::default() };
        let fitted = learner.fit(&Run::new(0), &data).unwrap();
        let tree = fitted.ensemble().tree(0);
        assert!(tree.n_leaves() > 3);
        assert!((0..tree.n_nodes()).all(|node| tree.cover(node) >= 0.1 * total));
    }
}

#[test]
fn another_order_of_the_columns_grows_the_same_tree_from_categories_and_gaps() {
    let data = drawn(7, 500, 0);
    let learner = DecisionTree { min_samples_leaf: 20, ..DecisionTree::regression() };
    let a = learner.fit(&Run::new(0), &data).unwrap();
    let turned = data.select_features(&[2, 0, 1]);
    let b = learner.fit(&Run::new(1), &turned).unwrap();
    let difference = a.predict(data.rows()).unwrap() - b.predict(turned.rows()).unwrap();
    assert!(difference.iter().all(|d| d.abs() < 1e-12));
    // Categories are names: other numbers for them change nothing.
    let mut rows = data.rows().to_owned();
    rows.column_mut(1).mapv_inplace(|x| [70.0, 3.0, 0.0, 129.0, 64.0][x as usize]);
    let renamed = data.clone().with_rows(rows).unwrap();
    let c = learner.fit(&Run::new(2), &renamed).unwrap();
    let difference = a.predict(data.rows()).unwrap() - c.predict(renamed.rows()).unwrap();
    assert!(difference.iter().all(|d| d.abs() < 1e-12));
    // As numbers they are something else.
    let numbers = data.clone().with_categorical([]).unwrap();
    assert_ne!(learner.fit(&Run::new(0), &numbers).unwrap(), a);
}

#[test]
fn categories_and_gaps_survive_the_store() {
    let data = drawn(8, 200, 3);
    let learner = RandomForest { n_estimators: 3, ..RandomForest::default() };
    let fitted = learner.fit(&Run::new(0), &data).unwrap();
    assert!(fitted.ensemble().has_categories());
    let read: Trees = serde_json::from_str(&serde_json::to_string(&fitted).unwrap()).unwrap();
    read.validate().unwrap();
    assert_eq!(read, fitted);
    let settings = RandomForest {
        tree: DecisionTree {
            class_weight: ClassWeight::Weights(vec![1.0, 2.0, 0.5]),
            max_bins: Some(63),
            ..RandomForest::extra_trees().tree
        },
        ..RandomForest::extra_trees()
    };
    let json = serde_json::to_string(&settings).unwrap();
    assert_eq!(serde_json::from_str::<RandomForest>(&json).unwrap(), settings);
    let shares = fitted.predict(data.rows()).unwrap().sum_axis(Axis(1));
    assert!(shares.iter().all(|sum| (sum - 1.0).abs() < 1e-12));
}
