//! What the settings do, one by one, and what is refused.

use std::ops::ControlFlow;

use fi_core::{Dataset, Learner, Model, Output, Progress, Result, Run, Target};
use ndarray::{Array2, array};

use super::super::Loss;
use super::super::settings::{EarlyStopping, GradientBoosting};
use super::{drawn, fit, unweighted, with_target};
use crate::tree::{ClassWeight, Trees};
use crate::{Fitted, store};

fn text<T>(result: Result<T>) -> String {
    result.err().map(|error| error.to_string()).unwrap_or_default()
}

fn values(rows: Array2<f64>, values: &[f64]) -> Dataset {
    Dataset::new(rows, Target::Values(values.to_vec())).unwrap()
}

fn classes(labels: &[usize], n_classes: usize) -> Target {
    let names = (0..n_classes).map(|k| format!("class {k}")).collect();
    Target::Classes { labels: labels.to_vec(), names }
}

#[test]
fn every_setting_outside_its_domain_is_refused_by_name() {
    let data = unweighted(&drawn(0, 30));
    let d = GradientBoosting::default;
    let nan = f64::NAN;
    let stop = |stopping| GradientBoosting { early_stopping: Some(stopping), ..d() };
    let e = EarlyStopping::default;
    for (settings, message) in [
        (
            GradientBoosting { n_estimators: 0, ..d() },
            "`n_estimators` is `0`, it must be at least 1",
        ),
        (
            GradientBoosting { learning_rate: 0.0, ..d() },
            "`learning_rate` is `0`, it must be positive and finite",
        ),
        (
            GradientBoosting { learning_rate: nan, ..d() },
            "`learning_rate` is `NaN`, it must be positive and finite",
        ),
        (
            GradientBoosting { max_leaf_nodes: Some(1), ..d() },
            "`max_leaf_nodes` is `1`, it must be at least 2",
        ),
        (
            GradientBoosting { max_depth: Some(0), ..d() },
            "`max_depth` is `0`, it must be at least 1",
        ),
        (
            GradientBoosting { min_samples_leaf: 0, ..d() },
            "`min_samples_leaf` is `0`, it must be at least 1",
        ),
        (
            GradientBoosting { min_sum_hessian: 0.0, ..d() },
            "`min_sum_hessian` is `0`, it must be positive and finite",
        ),
        (
            GradientBoosting { min_gain_to_split: -1.0, ..d() },
            "`min_gain_to_split` is `-1`, it must be at least 0 and finite",
        ),
        (
            GradientBoosting { l2_regularization: f64::INFINITY, ..d() },
            "`l2_regularization` is `inf`, it must be at least 0 and finite",
        ),
        (GradientBoosting { max_bins: 1, ..d() }, "`max_bins` is `1`, it must be 2 to 255"),
        (GradientBoosting { max_bins: 256, ..d() }, "`max_bins` is `256`, it must be 2 to 255"),
        (
            GradientBoosting { subsample: 0.0, ..d() },
            "`subsample` is `0`, it must be inside (0, 1]",
        ),
        (
            GradientBoosting { colsample_bytree: 1.5, ..d() },
            "`colsample_bytree` is `1.5`, it must be inside (0, 1]",
        ),
        (
            GradientBoosting { colsample_bynode: nan, ..d() },
            "`colsample_bynode` is `NaN`, it must be inside (0, 1]",
        ),
        (
            GradientBoosting { cat_smooth: -0.5, ..d() },
            "`cat_smooth` is `-0.5`, it must be at least 0 and finite",
        ),
        (
            GradientBoosting { loss: Loss::LogLoss, ..d() },
            "`loss` is `LogLoss`, it must be one for values for regression",
        ),
        (
            GradientBoosting { loss: Loss::Quantile { level: 1.0 }, ..d() },
            "`level` is `1`, it must be inside (0, 1)",
        ),
        (
            GradientBoosting { loss: Loss::Huber { delta: 0.0 }, ..d() },
            "`delta` is `0`, it must be positive and finite",
        ),
        (
            GradientBoosting { class_weight: ClassWeight::Balanced, ..d() },
            "`class_weight` is `Balanced`, it must be None for regression",
        ),
        (
            stop(EarlyStopping { validation_share: 1.0, ..e() }),
            "`validation_share` is `1`, it must be inside (0, 1)",
        ),
        (
            stop(EarlyStopping { n_iter_no_change: 0, ..e() }),
            "`n_iter_no_change` is `0`, it must be at least 1",
        ),
        (
            stop(EarlyStopping { tol: -1.0, ..e() }),
            "`tol` is `-1`, it must be at least 0 and finite",
        ),
    ] {
        assert_eq!(text(settings.fit(&Run::new(0), &data)), message);
    }
}

#[test]
fn data_that_do_not_fit_the_loss_are_refused_by_row() {
    let data = |y: &[f64]| values(Array2::zeros((y.len(), 1)), y);
    let with = |loss, y: &[f64]| {
        text(GradientBoosting { loss, ..GradientBoosting::default() }.fit(&Run::new(0), &data(y)))
    };
    assert_eq!(
        with(Loss::Poisson, &[0.0, 2.0, -1.0]),
        "the target is `-1` in row 2, the Poisson loss needs values of at least 0"
    );
    assert_eq!(
        with(Loss::Gamma, &[1.0, 0.0]),
        "the target is `0` in row 1, the gamma loss needs values above 0"
    );
    let labels = data(&[0.0; 3]).with_target(classes(&[0, 0, 0], 1)).unwrap();
    let classify = GradientBoosting::classification();
    assert_eq!(
        text(classify.fit(&Run::new(0), &labels)),
        "the target has 1 class, boosting needs at least 2 to tell apart"
    );
    let labels = data(&[0.0; 3]).with_target(classes(&[0, 1, 0], 2)).unwrap();
    assert_eq!(
        text(GradientBoosting::regression().fit(&Run::new(0), &labels)),
        "`loss` is `SquaredError`, it must be LogLoss for classification"
    );
    let forests =
        GradientBoosting { class_weight: ClassWeight::BalancedSubsample, ..classify.clone() };
    assert_eq!(
        text(forests.fit(&Run::new(0), &labels)),
        "`class_weight` is `BalancedSubsample`, it must be None, Balanced or Weights for boosting"
    );
    let stopping = Some(EarlyStopping::default());
    let one = GradientBoosting { early_stopping: stopping.clone(), ..GradientBoosting::default() };
    assert_eq!(
        text(one.fit(&Run::new(0), &data(&[1.0]))),
        "holding out rows for early stopping needs at least 2 rows, got 1"
    );
    let grouped = data(&[1.0, 2.0]).with_groups(vec![4, 4]).unwrap();
    assert_eq!(
        text(one.fit(&Run::new(0), &grouped)),
        "all rows are of one group, give validation rows of another one"
    );
    let fits = |validation: &Dataset| {
        text(classify.fit_with_validation(&Run::new(0), &labels, validation))
    };
    let wide = Dataset::new(Array2::zeros((2, 3)), classes(&[0, 1], 2)).unwrap();
    assert_eq!(fits(&wide), "the table of validation rows has shape [2, 3], expected [2, 1]");
    assert_eq!(
        fits(&data(&[1.0])),
        "the validation rows have another kind of target or other classes than the training \
         rows, give both the same"
    );
    let steep = GradientBoosting {
        loss: Loss::Poisson,
        learning_rate: 1e6,
        min_samples_leaf: 1,
        ..GradientBoosting::default()
    };
    let rows = array![[0.0], [1.0], [2.0], [3.0]];
    assert_eq!(
        text(steep.fit(&Run::new(0), &values(rows, &[0.0, 1.0, 5.0, 90.0]))),
        "the predictions grew beyond all numbers in round 1, lower `learning_rate`"
    );
}

#[test]
fn the_smallest_data_are_fitted_by_their_constant() {
    let one = fit(&GradientBoosting::regression(), &values(array![[1.0]], &[7.5]));
    assert_eq!(one.predict(array![[3.0]].view()).unwrap(), array![[7.5]]);
    let rows = Array2::from_shape_fn((100, 2), |(i, j)| ((i * (j + 3)) % 17) as f64);
    for (loss, y) in [(Loss::SquaredError, 0.1), (Loss::AbsoluteError, -3.0), (Loss::Poisson, 2.0)]
    {
        let settings = GradientBoosting { loss, ..GradientBoosting::default() };
        let trees = fit(&settings, &values(rows.clone(), &[y; 100]));
        let predicted = trees.predict(rows.view()).unwrap();
        assert!(predicted.iter().all(|p| (p - y).abs() < 1e-9), "{loss:?}");
        assert_eq!((trees.ensemble().n_trees(), trees.ensemble().n_nodes()), (1, 1), "{loss:?}");
    }
    // A column that is missing everywhere, or constant, is never split on.
    let mut holes = rows.clone();
    holes.column_mut(0).fill(f64::NAN);
    let target: Vec<f64> = rows.column(1).to_vec();
    let trees = fit(&GradientBoosting::regression(), &values(holes, &target));
    let splits = trees.ensemble().trees().flat_map(|tree| {
        (0..tree.n_nodes())
            .filter(move |&node| !tree.is_leaf(node))
            .map(move |node| tree.feature(node))
    });
    let splits: Vec<usize> = splits.collect();
    assert!(!splits.is_empty() && splits.iter().all(|&feature| feature == 1));
}

#[test]
fn missing_values_go_where_they_gain_and_unseen_ones_with_the_most_rows() {
    // Missing rows have the target of the high rows.
    let x = |row: usize| match row % 3 {
        0 => 1.0,
        1 => 2.0,
        _ => f64::NAN,
    };
    let rows = Array2::from_shape_fn((90, 1), |(row, _)| x(row));
    let y: Vec<f64> = (0..90).map(|row| f64::from(u8::from(row % 3 != 0))).collect();
    let stump =
        GradientBoosting { n_estimators: 1, learning_rate: 1.0, ..GradientBoosting::default() };
    let trees = fit(&stump, &values(rows.clone(), &y));
    let near = |trees: &Trees, asked: &[f64], expected: &[f64]| {
        let asked = Array2::from_shape_fn((asked.len(), 1), |(row, _)| asked[row]);
        let predicted = trees.predict(asked.view()).unwrap();
        // Gradients are rounded, to 48 bits here.
        assert!(predicted.iter().zip(expected).all(|(p, y)| (p - y).abs() < 1e-12), "{predicted}");
    };
    near(&trees, &[1.0, 2.0, f64::NAN], &[0.0, 1.0, 1.0]);
    // Only being missing tells: the threshold lies above all values.
    let y: Vec<f64> = (0..90).map(|row| f64::from(u8::from(row % 3 == 2))).collect();
    let trees = fit(&stump, &values(rows, &y));
    assert_eq!(trees.ensemble().tree(0).threshold(0), f64::INFINITY);
    near(&trees, &[9e99, f64::NAN], &[0.0, 1.0]);
    // No row is missing: with the 60 rows, not the 30.
    for turned in [false, true] {
        let low = |row: usize| row.is_multiple_of(3) != turned;
        let rows = Array2::from_shape_fn((90, 1), |(row, _)| if low(row) { 1.0 } else { 2.0 });
        let y: Vec<f64> = (0..90).map(|row| f64::from(u8::from(low(row)))).collect();
        let trees = fit(&stump, &values(rows, &y));
        assert_eq!(trees.ensemble().tree(0).missing_left(0), turned);
    }
}

#[test]
fn unseen_categories_go_with_the_missing_ones() {
    let rows = Array2::from_shape_fn((120, 1), |(row, _)| [4.0, 7.0, f64::NAN][row % 3]);
    let y: Vec<f64> = (0..120).map(|row| [0.0, 3.0, 3.0][row % 3]).collect();
    let data = values(rows, &y).with_categorical([0]).unwrap();
    let stump =
        GradientBoosting { n_estimators: 1, learning_rate: 1.0, ..GradientBoosting::default() };
    let trees = fit(&stump, &data);
    let asked = array![[4.0], [7.0], [f64::NAN], [5.0], [1e9]];
    let predicted = trees.predict(asked.view()).unwrap();
    let expected = array![[0.0], [3.0], [3.0], [3.0], [3.0]];
    assert!((&predicted - &expected).iter().all(|d| d.abs() < 1e-12), "{predicted}");
    assert!(trees.ensemble().has_categories());
}

#[test]
fn a_class_without_rows_is_improbable_and_the_others_are_told_apart() {
    let rows = Array2::from_shape_fn((90, 1), |(row, _)| (row % 3) as f64);
    let labels: Vec<usize> = (0..90).map(|row| [0, 1, 3][row % 3]).collect();
    let data = Dataset::new(rows.clone(), classes(&labels, 4)).unwrap();
    let trees = fit(&GradientBoosting::classification(), &data);
    assert_eq!((trees.n_outputs(), trees.output()), (4, Output::Probabilities));
    let p = trees.predict(rows.view()).unwrap();
    assert!((0..90).all(|row| p[[row, 2]] < 1e-9 && p[[row, labels[row]]] > 0.99));
    // Of two classes one without rows.
    let one = Dataset::new(rows.clone(), classes(&[1; 90], 2)).unwrap();
    let p = fit(&GradientBoosting::classification(), &one).predict(rows.view()).unwrap();
    assert!(p.column(1).iter().all(|&p| p > 1.0 - 1e-9 && p <= 1.0));
}

#[test]
fn limits_are_kept() {
    let data = unweighted(&drawn(5, 400));
    let settings = GradientBoosting {
        n_estimators: 5,
        max_depth: Some(3),
        max_leaf_nodes: None,
        min_samples_leaf: 7,
        ..GradientBoosting::default()
    };
    let all = |trees: &Trees, holds: &dyn Fn(crate::tree::Tree<'_>) -> bool| {
        trees.ensemble().trees().all(holds)
    };
    let deep = fit(&settings, &data);
    assert!(all(&deep, &|tree| tree.depth() == 3 && tree.n_leaves() > 4));
    assert!(all(&deep, &|tree| (0..tree.n_nodes()).all(|node| tree.cover(node) >= 7.0)));
    let wide = GradientBoosting { max_depth: None, max_leaf_nodes: Some(9), ..settings.clone() };
    assert!(all(&fit(&wide, &data), &|tree| tree.n_leaves() == 9));
    let heavy = GradientBoosting { min_sum_hessian: 100.0, ..settings.clone() };
    assert!(
        all(&fit(&heavy, &data), &|tree| (0..tree.n_nodes()).all(|node| tree.cover(node) >= 100.0))
    );
    let gainful = GradientBoosting { min_gain_to_split: 30.0, ..settings.clone() };
    let gains = fit(&gainful, &data);
    assert!(all(&gains, &|tree| (0..tree.n_nodes())
        .all(|node| tree.is_leaf(node) || tree.gain(node) > 30.0)));
    assert!(gains.ensemble().n_nodes() < deep.ensemble().n_nodes());
    // One feature per tree; a third of the rows.
    let drawn = GradientBoosting { colsample_bytree: 0.25, subsample: 0.33, ..settings.clone() };
    let drawn = fit(&drawn, &data);
    let features = |tree: crate::tree::Tree<'_>| {
        let splits = (0..tree.n_nodes()).filter(|&node| !tree.is_leaf(node));
        let mut features: Vec<usize> = splits.map(|node| tree.feature(node)).collect();
        features.dedup();
        features
    };
    assert!(all(&drawn, &|tree| features(tree).len() <= 1 && tree.cover(0) == 132.0));
    let first: Vec<Vec<usize>> = drawn.ensemble().trees().map(features).collect();
    assert!(first.iter().any(|features| *features != first[0]), "{first:?}");
    let node = GradientBoosting { colsample_bynode: 0.25, ..settings };
    let node = fit(&node, &data);
    assert!(node.ensemble().trees().any(|tree| features(tree).len() > 1));
    let roots = |trees: &Trees| -> Vec<usize> {
        trees.ensemble().trees().map(|tree| tree.feature(0)).collect()
    };
    assert_ne!(roots(&node), roots(&deep));
}

#[test]
fn rows_that_were_not_drawn_hear_of_the_tree_too() {
    let rows = Array2::from_shape_fn((200, 1), |(row, _)| (row % 2) as f64);
    let y: Vec<f64> = rows.column(0).iter().map(|x| 5.0 * x).collect();
    let settings = GradientBoosting {
        n_estimators: 3,
        learning_rate: 1.0,
        subsample: 0.5,
        ..GradientBoosting::default()
    };
    // The first tree fits every row; nothing is left for the others.
    let trees = fit(&settings, &values(rows.clone(), &y));
    let left = trees.ensemble().predict_tree(1, rows.view()).unwrap();
    assert!(left.iter().all(|z| z.abs() < 1e-9), "{left}");
}

#[test]
fn class_weights_multiply_those_of_the_rows() {
    let data = with_target(&unweighted(&drawn(8, 150)), Loss::LogLoss, 3);
    let labels = data.target().labels().unwrap().to_vec();
    let settings = GradientBoosting { n_estimators: 5, ..GradientBoosting::classification() };
    let given = |class_weight| fit(&GradientBoosting { class_weight, ..settings.clone() }, &data);
    let by_row = |factors: &[f64]| {
        let weights = labels.iter().map(|&label| factors[label]).collect();
        fit(&settings, &data.clone().with_weights(weights).unwrap())
    };
    let factors = [0.5, 3.0, 1.25];
    assert_eq!(given(ClassWeight::Weights(factors.to_vec())), by_row(&factors));
    let count = |k: usize| labels.iter().filter(|&&label| label == k).count() as f64;
    let balanced: Vec<f64> = (0..3).map(|k| 150.0 / (3.0 * count(k))).collect();
    assert_eq!(given(ClassWeight::Balanced), by_row(&balanced));
    let base = given(ClassWeight::Balanced).ensemble().base().to_vec();
    assert!(base.iter().all(|z| (z.exp() - 1.0 / 3.0).abs() < 1e-12));
}

#[test]
fn early_stopping_keeps_the_best_round() {
    for (loss, n_classes) in [(Loss::SquaredError, 0), (Loss::LogLoss, 3)] {
        let data = with_target(&drawn(11, 300), loss, n_classes);
        let validation = with_target(&drawn(12, 200), loss, n_classes);
        let settings = GradientBoosting {
            loss,
            n_estimators: 120,
            learning_rate: 0.3,
            min_samples_leaf: 2,
            ..GradientBoosting::default()
        };
        let all = fit(&settings, &data);
        let stopping = EarlyStopping { n_iter_no_change: 7, tol: 0.0, ..EarlyStopping::default() };
        let stopped = GradientBoosting { early_stopping: Some(stopping), ..settings };
        let stopped = stopped.fit_with_validation(&Run::new(3), &data, &validation).unwrap();
        let losses = super::properties::curve(loss, &validation, &all);
        let mut best = 1;
        for round in 1..losses.len() {
            if losses[round] < losses[best] {
                best = round;
            } else if round - best >= 7 {
                break;
            }
        }
        let n_outputs = n_classes.max(1);
        assert_eq!(stopped.ensemble().n_trees(), best * n_outputs);
        assert!(best > 1 && best < 100, "{best}");
        for tree in 0..stopped.ensemble().n_trees() {
            let answers = |trees: &Trees| trees.ensemble().predict_tree(tree, data.rows()).unwrap();
            assert_eq!(answers(&stopped), answers(&all));
        }
    }
}

#[test]
fn a_held_out_share_keeps_classes_and_groups_together() {
    let data = with_target(&unweighted(&drawn(2, 200)), Loss::LogLoss, 3);
    let stopping = EarlyStopping { validation_share: 0.25, ..EarlyStopping::default() };
    let (train, held_out) = stopping.split(&Run::new(4), &data).unwrap();
    assert_eq!((train.n_rows(), held_out.n_rows()), (150, 50));
    let count =
        |data: &Dataset, k| data.target().labels().unwrap().iter().filter(|&&l| l == k).count();
    for k in 0..3 {
        let share = count(&held_out, k) as f64 - 0.25 * count(&data, k) as f64;
        assert!(share.abs() <= 1.0, "{share}");
    }
    let grouped = data.clone().with_groups((0..200).map(|row| row / 10).collect()).unwrap();
    let (train, held_out) = stopping.split(&Run::new(4), &grouped).unwrap();
    assert_eq!(held_out.n_rows(), 50);
    let groups = held_out.groups().unwrap();
    assert!(train.groups().unwrap().iter().all(|group| !groups.contains(group)));
    let settings =
        GradientBoosting { early_stopping: Some(stopping), ..GradientBoosting::classification() };
    assert_eq!(fit(&settings, &data), fit(&settings, &data));
}

#[test]
fn a_boosted_model_is_a_learner_and_comes_back_from_a_file() {
    let data = with_target(&drawn(6, 120), Loss::LogLoss, 3);
    let settings = GradientBoosting { n_estimators: 4, ..GradientBoosting::classification() };
    let trees = fit(&settings, &data);
    let model = settings.train(&Run::new(3), &data).unwrap();
    assert_eq!(model.predict(data.rows()).unwrap(), trees.predict(data.rows()).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("boosting.fi");
    let stored = store::Stored::new(trees.clone(), &data, None).unwrap();
    store::save(&path, &stored).unwrap();
    match store::load(&path).unwrap().model {
        Fitted::Trees(loaded) => assert_eq!(loaded, trees),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_caller_may_stop_after_any_round() {
    struct Stop;
    impl Progress for Stop {
        fn advance(&self, done: usize, _total: usize) -> ControlFlow<()> {
            if done == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    }
    let data = unweighted(&drawn(0, 60));
    let run = Run::new(0).with_progress(&Stop);
    let error = text(GradientBoosting::regression().fit(&run, &data));
    assert_eq!(error, "cancelled after 3 of 100 steps");
}
