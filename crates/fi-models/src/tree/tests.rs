//! What must always hold for trees, forests and what is read from them.

use fi_core::{Dataset, Learner, Metric, Model, Output, Players, Result, Rng, Run, Target};
use ndarray::{Array2, Axis, array};
use proptest::prelude::*;

use super::*;

fn names(n: usize) -> Vec<String> {
    (0..n).map(|k| format!("class {k}")).collect()
}

/// Normal features and a target that depends on the first two, as classes or values.
fn drawn(seed: u64, n_rows: usize, n_features: usize, n_classes: Option<usize>) -> Dataset {
    let mut rng = Rng::new(seed, 0);
    let rows = Array2::from_shape_simple_fn((n_rows, n_features), || rng.normal());
    let noise: Vec<f64> = (0..n_rows).map(|_| rng.normal()).collect();
    let signal = rows.rows().into_iter().zip(noise);
    let values: Vec<f64> =
        signal.map(|(row, e)| row[0] + 0.5 * row[n_features.min(2) - 1] + 0.3 * e).collect();
    let target = match n_classes {
        None => Target::Values(values),
        Some(k) => Target::Classes {
            labels: values.iter().map(|y| (y + 1.5).clamp(0.0, k as f64 - 1.0) as usize).collect(),
            names: names(k),
        },
    };
    Dataset::new(rows, target).unwrap()
}

fn params(criterion: Criterion) -> DecisionTree {
    DecisionTree { criterion, ..DecisionTree::default() }
}

fn criteria() -> impl Strategy<Value = Criterion> {
    prop_oneof![Just(Criterion::Gini), Just(Criterion::Entropy), Just(Criterion::SquaredError)]
}

fn data_for(criterion: Criterion, seed: u64, n_rows: usize, n_features: usize) -> Dataset {
    drawn(seed, n_rows, n_features, (criterion != Criterion::SquaredError).then_some(3))
}

fn forest(criterion: Criterion) -> RandomForest {
    let tree = DecisionTree { max_features: MaxFeatures::Sqrt, ..params(criterion) };
    RandomForest { n_estimators: 8, tree, ..RandomForest::default() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_strictly_increasing_change_of_a_feature_changes_nothing(
        criterion in criteria(), seed in 0_u64..1000, n_rows in 2_usize..60
    ) {
        let data = data_for(criterion, seed, n_rows, 3);
        let mut rows = data.rows().to_owned();
        rows.column_mut(0).mapv_inplace(|x| 2.0 * x);
        let values = rows.column(1).to_vec();
        rows.column_mut(1).mapv_inplace(|x| values.iter().filter(|&&y| y < x).count() as f64);
        rows.column_mut(2).mapv_inplace(|x| x.powi(3) * 1e-9);
        let changed = data.clone().with_rows(rows).unwrap();
        let learner = forest(criterion);
        let (a, b) = (learner.fit(&Run::new(seed), &data).unwrap(), learner.fit(&Run::new(seed), &changed).unwrap());
        // Rows in the bag of every tree fall the same way; so do the trees.
        for (a, b) in a.ensemble().trees().zip(b.ensemble().trees()) {
            prop_assert_eq!(a.n_nodes(), b.n_nodes());
            prop_assert!((0..a.n_nodes()).all(|node| a.feature(node) == b.feature(node)));
        }
        let names = data.feature_names();
        prop_assert_eq!(impurity(a.ensemble(), names).unwrap(), impurity(b.ensemble(), names).unwrap());
        prop_assert_eq!(split_count(a.ensemble(), names).unwrap(), split_count(b.ensemble(), names).unwrap());
        let tree = params(criterion);
        let (a, b) = (tree.fit(&Run::new(seed), &data).unwrap(), tree.fit(&Run::new(seed), &changed).unwrap());
        prop_assert_eq!(a.predict(data.rows()).unwrap(), b.predict(changed.rows()).unwrap());
    }

    #[test]
    fn another_order_of_the_columns_only_permutes_the_scores(seed in 0_u64..1000) {
        // Large leaves and continuous targets: no two features part the rows equally well.
        let data = drawn(seed, 120, 4, None);
        let learner = DecisionTree { min_samples_leaf: 15, ..DecisionTree::regression() };
        let order = [2, 0, 3, 1];
        let scores = |data: &Dataset| {
            let tree = learner.fit(&Run::new(seed), data).unwrap();
            impurity(tree.ensemble(), data.feature_names()).unwrap().values
        };
        let (before, after) = (scores(&data), scores(&data.select_features(&order)));
        for (player, &feature) in order.iter().enumerate() {
            prop_assert!((after[player] - before[feature]).abs() < 1e-12, "{before:?} {after:?}");
        }
    }

    #[test]
    fn a_row_of_weight_k_is_k_rows_and_one_of_weight_0_none(seed in 0_u64..1000) {
        let data = drawn(seed, 50, 1, Some(2 + (seed % 2) as usize));
        let mut rng = Rng::new(seed, 9);
        let times: Vec<usize> = (0..50).map(|row| if row == 0 { 1 } else { rng.below(4) }).collect();
        let repeated: Vec<usize> = (0..50).flat_map(|row| vec![row; times[row]]).collect();
        let weighted = data.clone().with_weights(times.iter().map(|&k| k as f64).collect()).unwrap();
        for criterion in [Criterion::Gini, Criterion::Entropy] {
            let fit = |data: &Dataset| params(criterion).fit(&Run::new(0), data).unwrap();
            prop_assert_eq!(fit(&weighted), fit(&data.select_rows(&repeated).unwrap()));
        }
        // Without the rows of weight 0, a forest draws the very same samples.
        let kept: Vec<usize> = (0..50).filter(|&row| times[row] > 0).collect();
        let kept = weighted.select_rows(&kept).unwrap();
        let fit = |data: &Dataset| forest(Criterion::Gini).fit(&Run::new(seed), data).unwrap();
        let (a, b) = (fit(&weighted), fit(&kept));
        prop_assert_eq!(a.ensemble(), b.ensemble());

        // One feature: no two features part the rows equally well.
        let data = drawn(seed, 50, 1, None);
        let weighted = data.clone().with_weights(times.iter().map(|&k| k as f64).collect()).unwrap();
        let fit = |data: &Dataset| DecisionTree::regression().fit(&Run::new(0), data).unwrap();
        let (a, b) = (fit(&weighted), fit(&data.select_rows(&repeated).unwrap()));
        let difference = a.predict(data.rows()).unwrap() - b.predict(data.rows()).unwrap();
        prop_assert!(difference.iter().all(|d| d.abs() < 1e-12));
    }

    #[test]
    fn impurity_shares_sum_to_one_and_an_unused_feature_has_none(
        criterion in criteria(), seed in 0_u64..1000, n_rows in 1_usize..40
    ) {
        let data = data_for(criterion, seed, n_rows, 3);
        let mut rows = data.rows().to_owned();
        rows.column_mut(2).fill(7.0);
        let data = data.with_rows(rows).unwrap();
        let fitted = forest(criterion).fit(&Run::new(seed), &data).unwrap();
        let importance = impurity(fitted.ensemble(), data.feature_names()).unwrap();
        let counts = split_count(fitted.ensemble(), data.feature_names()).unwrap();
        let sum: f64 = importance.values.iter().sum();
        let n_splits: f64 = counts.values.iter().sum();
        prop_assert!((sum - f64::from(u8::from(n_splits > 0.0))).abs() < 1e-12, "{importance:?}");
        prop_assert_eq!((importance.values[2], counts.values[2]), (0.0, 0.0));
        prop_assert!(importance.interval.is_none());
    }

    #[test]
    fn leaves_hold_what_the_limits_allow(
        criterion in criteria(), seed in 0_u64..1000, depth in 1_usize..6, leaves in 2_usize..12,
        least in 1_usize..6,
    ) {
        let data = data_for(criterion, seed, 60, 3);
        let learner = DecisionTree {
            max_depth: Some(depth), min_samples_leaf: least, ..params(criterion)
        };
        for learner in [learner.clone(), DecisionTree { max_leaf_nodes: Some(leaves), ..learner }] {
            let fitted = learner.fit(&Run::new(seed), &data).unwrap();
            fitted.validate().unwrap();
            let tree = fitted.ensemble().tree(0);
            prop_assert!(tree.depth() <= depth);
            prop_assert!(tree.n_leaves() <= learner.max_leaf_nodes.unwrap_or(60));
            let reached = fitted.ensemble().apply(data.rows()).unwrap();
            for node in (0..tree.n_nodes()).filter(|&node| tree.is_leaf(node)) {
                let n = reached.iter().filter(|&&leaf| leaf == node).count();
                prop_assert!(n >= least && n as f64 == tree.cover(node));
            }
        }
    }
}

#[test]
fn the_answer_does_not_depend_on_the_threads() {
    let data = drawn(5, 90, 4, Some(3));
    let players = Players::features(data.feature_names().to_vec()).unwrap();
    let work = || {
        let forest = RandomForest { n_estimators: 30, ..RandomForest::default() };
        let forest = forest.fit(&Run::new(3), &data).unwrap();
        let metrics = [Metric::Accuracy, Metric::LogLoss];
        let scores = oob_permutation(&Run::new(3), &forest, &data, &players, &metrics, 2).unwrap();
        (forest, scores)
    };
    let on =
        |n: usize| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap().install(work);
    let one = on(1);
    assert!([2, 3, 8].into_iter().all(|n| on(n) == one));
    assert_ne!(RandomForest::default().fit(&Run::new(4), &data).unwrap(), one.0);
}

#[test]
fn a_fully_grown_tree_repeats_its_training_rows() {
    for criterion in [Criterion::Gini, Criterion::Entropy, Criterion::SquaredError] {
        let data = data_for(criterion, 1, 200, 5);
        let tree = DecisionTree { max_features: MaxFeatures::Log2, ..params(criterion) };
        let predictions = tree.fit(&Run::new(0), &data).unwrap().predict(data.rows()).unwrap();
        for (row, prediction) in predictions.rows().into_iter().enumerate() {
            match data.target() {
                Target::Values(values) => assert_eq!(prediction[0], values[row]),
                Target::Classes { labels, .. } => assert_eq!(prediction[labels[row]], 1.0),
            }
        }
    }
}

#[test]
fn a_constant_target_is_one_leaf_and_a_class_without_rows_has_probability_0() {
    let rows = array![[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]];
    let constant = Dataset::new(rows.clone(), Target::Values(vec![0.1; 3])).unwrap();
    let tree = DecisionTree::regression().fit(&Run::new(0), &constant).unwrap();
    assert_eq!(
        (tree.ensemble().tree(0).n_nodes(), tree.ensemble().tree(0).value(0)),
        (1, &[0.1][..])
    );
    assert_eq!(impurity(tree.ensemble(), constant.feature_names()).unwrap().values, [0.0, 0.0]);
    let target = Target::Classes { labels: vec![2, 0, 0], names: names(4) };
    let data = Dataset::new(rows.clone(), target).unwrap();
    let model = RandomForest::default().train(&Run::new(0), &data).unwrap();
    assert_eq!((model.n_outputs(), model.output()), (4, Output::Probabilities));
    let predictions = model.predict(rows.view()).unwrap();
    assert_eq!(predictions.column(1).sum() + predictions.column(3).sum(), 0.0);
    assert!(predictions.sum_axis(Axis(1)).iter().all(|sum| (sum - 1.0).abs() < 1e-12));
}

#[test]
fn a_tree_of_thousands_of_levels_needs_no_stack() {
    // Each split parts one row from the rest: powers of two.
    let n = 900;
    let rows = Array2::from_shape_fn((n, 1), |(i, _)| i as f64);
    let values = (0..n).map(|i| 2.0_f64.powi(i as i32 - 450)).collect();
    let data = Dataset::new(rows, Target::Values(values)).unwrap();
    let tree = DecisionTree::regression().fit(&Run::new(0), &data).unwrap();
    assert!(tree.ensemble().tree(0).depth() > 400, "{}", tree.ensemble().tree(0).depth());
    tree.validate().unwrap();
}

#[test]
fn out_of_bag_rows_are_those_no_sample_holds() {
    let data = drawn(8, 100, 3, Some(2));
    let fitted = forest(Criterion::Gini).fit(&Run::new(2), &data).unwrap();
    let bags = fitted.out_of_bag(&data).unwrap();
    let mut sums = Array2::<f64>::zeros((100, 2));
    let mut n_trees = [0.0; 100];
    for tree in 0..8 {
        let rows = bags.rows(tree);
        assert!((25..50).contains(&rows.len()), "{}", rows.len());
        // The root's cover counts every draw; a fully grown tree knows the rows of its bag.
        assert_eq!(fitted.ensemble().tree(tree).cover(0), 100.0);
        let predicted = fitted.ensemble().predict_tree(tree, data.rows()).unwrap();
        let labels = data.target().labels().unwrap();
        let in_bag = (0..100).filter(|row| !rows.contains(row));
        assert!(in_bag.into_iter().all(|row| predicted[[row, labels[row]]] == 1.0));
        for row in rows {
            n_trees[row] += 1.0;
            sums.row_mut(row).scaled_add(1.0, &predicted.row(row));
        }
    }
    let predictions = fitted.oob_predictions(&data).unwrap();
    for row in 0..100 {
        let expected = sums.row(row).mapv(|sum| sum / n_trees[row]);
        let nan = expected[0].is_nan() && predictions[[row, 0]].is_nan();
        assert!(nan || predictions.row(row) == expected);
    }
    assert!(n_trees.contains(&0.0), "a row in every bag answers NaN");
    let score = fitted.oob_score(&data, &Metric::Accuracy).unwrap();
    assert!((0.6..0.99).contains(&score), "{score}");
}

#[test]
fn oob_permutation_finds_the_signal_and_ignores_the_unused() {
    let data = drawn(4, 300, 4, None);
    let mut rows = data.rows().to_owned();
    rows.column_mut(3).fill(1.0);
    let data = data.with_rows(rows).unwrap();
    let learner = RandomForest { n_estimators: 50, ..RandomForest::regression() };
    let forest = learner.fit(&Run::new(1), &data).unwrap();
    let groups = [
        ("x0", vec![0]),
        ("x1", vec![1]),
        ("x2", vec![2]),
        ("x3", vec![3]),
        ("all", vec![0, 1, 2, 3]),
    ];
    let players = Players::groups(4, groups).unwrap();
    let results =
        oob_permutation(&Run::new(1), &forest, &data, &players, &[Metric::Mse, Metric::R2], 3)
            .unwrap();
    let mse = &results[0];
    assert_eq!((mse.method.as_str(), mse.replicates.dim()), ("oob_permutation", (5, 50)));
    // Var(x0) = 1, coefficient 1: shuffling adds 2 β² = 2; 2 · 0.25 for x1; both for all.
    assert!((mse.values[0] - 2.0).abs() < 0.5 && (mse.values[1] - 0.5).abs() < 0.3, "{mse:?}");
    assert!((mse.values[4] - 2.5).abs() < 0.6 && mse.values[2].abs() < 0.1, "{mse:?}");
    assert_eq!(mse.values[3], 0.0);
    assert!(mse.interval.is_none() && mse.warnings.is_empty());
    assert_eq!(results[1].order()[..3], mse.order()[..3]);
    let r2 = forest.oob_score(&data, &Metric::R2).unwrap();
    assert!(r2 > 0.7 && results[1].score == Some(r2), "{r2}");
}

#[test]
fn models_survive_a_round_trip_and_are_checked_after_it() {
    let data = drawn(4, 30, 2, Some(2));
    let forest = forest(Criterion::Gini).fit(&Run::new(1), &data).unwrap();
    let json = serde_json::to_string(&forest).unwrap();
    let read: Trees = serde_json::from_str(&json).unwrap();
    read.validate().unwrap();
    assert_eq!(read, forest);
    assert_eq!(
        read.oob_score(&data, &Metric::Accuracy).unwrap(),
        forest.oob_score(&data, &Metric::Accuracy).unwrap()
    );
    let text = |from: &str, to: &str| -> String {
        let broken: Trees = serde_json::from_str(&json.replacen(from, to, 1)).unwrap();
        broken.validate().unwrap_err().to_string()
    };
    assert_eq!(
        text("\"Probabilities\"", "{\"Logistic\":{\"slope\":1.0}}"),
        "the trees have 2 outputs, too few or many for Logistic { slope: 1.0 }"
    );
    assert_eq!(
        text("\"Mean\"", "\"Sum\""),
        "the trees do not hold class shares that sum to 1 in every leaf"
    );
    let many: Trees =
        serde_json::from_str(&json.replace("\"n_draws\":30", "\"n_draws\":9999999999")).unwrap();
    assert_eq!(
        many.oob_predictions(&data).unwrap_err().to_string(),
        "the forest says it drew 9999999999 of 30 rows, more than there are"
    );
    let tree = DecisionTree::regression().fit(&Run::new(0), &drawn(1, 5, 1, None)).unwrap();
    let json = serde_json::to_string(&tree).unwrap();
    let shares: Trees = serde_json::from_str(&json.replace("Identity", "Probabilities")).unwrap();
    assert_eq!(
        shares.validate().unwrap_err().to_string(),
        "the trees do not hold class shares that sum to 1 in every leaf"
    );
}

/// The error's sentence; empty if there is none.
fn text<T>(result: Result<T>) -> String {
    result.err().map_or_else(String::new, |error| error.to_string())
}

#[test]
fn each_bad_share_weight_or_cost_gets_its_own_sentence() {
    let (data, values) = (drawn(1, 20, 3, Some(2)), drawn(1, 20, 3, None));
    let tree = |params: DecisionTree| text(params.fit(&Run::new(0), &data));
    let plain = DecisionTree::default;
    assert_eq!(
        tree(DecisionTree { min_weight_fraction_leaf: 0.6, ..plain() }),
        "`min_weight_fraction_leaf` is `0.6`, it must be inside [0, 0.5]"
    );
    assert_eq!(
        tree(DecisionTree { max_bins: Some(1), ..plain() }),
        "`max_bins` is `1`, it must be at least 2"
    );
    assert_eq!(
        tree(DecisionTree { ccp_alpha: -1.0, ..plain() }),
        "`ccp_alpha` is `-1`, it must be at least 0"
    );
    let weigh = |class_weight: ClassWeight| DecisionTree { class_weight, ..plain() };
    assert_eq!(
        tree(weigh(ClassWeight::Weights(vec![1.0]))),
        "the list of class weights has shape [1], expected [2]"
    );
    assert_eq!(
        tree(weigh(ClassWeight::Weights(vec![1.0, 0.0]))),
        "the weight of class 1 is `0`, class weights must be above 0 and finite"
    );
    let regression =
        DecisionTree { class_weight: ClassWeight::Balanced, ..DecisionTree::regression() };
    assert_eq!(
        text(regression.fit(&Run::new(0), &values)),
        "`class_weight` is `Balanced`, it must be None for regression"
    );
}

#[test]
fn each_bad_setting_gets_its_own_sentence() {
    let data = drawn(1, 20, 3, Some(2));
    let values = drawn(1, 20, 3, None);
    let tree = |params: DecisionTree| text(params.fit(&Run::new(0), &data));
    let plain = DecisionTree::default;
    assert_eq!(
        tree(DecisionTree { max_depth: Some(0), ..plain() }),
        "`max_depth` is `0`, it must be at least 1"
    );
    assert_eq!(
        tree(DecisionTree { max_leaf_nodes: Some(1), ..plain() }),
        "`max_leaf_nodes` is `1`, it must be at least 2"
    );
    assert_eq!(
        tree(DecisionTree { min_samples_split: 1, ..plain() }),
        "`min_samples_split` is `1`, it must be at least 2"
    );
    assert_eq!(
        tree(DecisionTree { min_samples_leaf: 0, ..plain() }),
        "`min_samples_leaf` is `0`, it must be at least 1"
    );
    assert_eq!(
        tree(DecisionTree { min_impurity_decrease: f64::NAN, ..plain() }),
        "`min_impurity_decrease` is `NaN`, it must be at least 0"
    );
    assert_eq!(
        tree(DecisionTree { max_features: MaxFeatures::Count(4), ..plain() }),
        "`max_features` is `4`, it must be 1 to the number of features, 3"
    );
    assert_eq!(
        tree(DecisionTree { max_features: MaxFeatures::Share(0.0), ..plain() }),
        "`max_features` is `0`, it must be inside (0, 1]"
    );
    assert_eq!(
        text(DecisionTree::default().fit(&Run::new(0), &values)),
        "`criterion` is `Gini`, it must be SquaredError for regression"
    );
    let forest = |params: RandomForest| text(params.fit(&Run::new(0), &data));
    let plain = RandomForest::default;
    assert_eq!(
        forest(RandomForest { n_estimators: 0, ..plain() }),
        "`n_estimators` is `0`, it must be at least 1"
    );
    assert_eq!(
        forest(RandomForest { max_samples: MaxSamples::Count(21), ..plain() }),
        "`max_samples` is `21`, it must be 1 to the number of weighted rows, 20"
    );
    assert_eq!(
        forest(RandomForest { max_samples: MaxSamples::Share(1.5), ..plain() }),
        "`max_samples` is `1.5`, it must be inside (0, 1]"
    );
    assert_eq!(
        forest(RandomForest { bootstrap: false, max_samples: MaxSamples::Count(3), ..plain() }),
        "`max_samples` is `Count(3)`, it must be All for a forest without bootstrap"
    );
    let whole = RandomForest { bootstrap: false, n_estimators: 2, ..plain() };
    let whole = whole.fit(&Run::new(0), &data).unwrap();
    assert_eq!(
        text(whole.oob_predictions(&data)),
        "the forest was trained without bootstrap, so no row is out of bag: train it with \
         `bootstrap: true`"
    );
    let fitted = RandomForest { n_estimators: 3, ..plain() }.fit(&Run::new(0), &data).unwrap();
    assert_eq!(
        text(fitted.oob_score(&drawn(2, 20, 3, Some(2)), &Metric::Accuracy)),
        "these are not the data that the forest was trained on, and only those have out-of-bag rows"
    );
    let players = Players::features(["a", "b", "c"]).unwrap();
    let asked = |players: &Players, metrics: &[Metric], n_repeats: usize| {
        text(oob_permutation(&Run::new(0), &fitted, &data, players, metrics, n_repeats))
    };
    assert_eq!(
        asked(&players, &[Metric::Accuracy], 0),
        "`n_repeats` is `0`, it must be at least 1"
    );
    assert_eq!(asked(&players, &[], 1), "there is no metric to score with, give at least one");
    assert_eq!(
        asked(&Players::features(["a"]).unwrap(), &[Metric::Accuracy], 1),
        "the players' table has shape [1], expected [3]"
    );
    assert!(asked(&players, &[Metric::Mse], 1).starts_with("tree 0: "));
    assert_eq!(
        text(impurity(fitted.ensemble(), &names(2))),
        "the list of feature names has shape [2], expected [3]"
    );
}
