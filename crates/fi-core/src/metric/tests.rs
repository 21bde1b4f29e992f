//! Metrics against scikit-learn's numbers, what must always hold, and bad input.

use ndarray::{Array2, array};
use proptest::prelude::*;
use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Golden {
    tables: Vec<Table>,
}

#[derive(Deserialize)]
struct Table {
    name: String,
    target: Vec<f64>,
    n_classes: Option<usize>,
    output: Output,
    predictions: Vec<Vec<f64>>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    weights: Option<Vec<f64>>,
    scores: std::collections::BTreeMap<String, f64>,
}

/// A scorer name of scikit-learn, or an average that it has no scorer for.
fn named(name: &str) -> Metric {
    let average = |name: &str| if name == "micro" { Average::Micro } else { Average::Weighted };
    if let Some(how) = name.strip_prefix("average_precision_") {
        return Metric::AveragePrecision { average: average(how) };
    }
    if name == "roc_auc_ovr_micro" {
        return Metric::RocAuc { multiclass: MultiClass::OneVsRest, average: Average::Micro };
    }
    Metric::parse(name).unwrap()
}

#[test]
fn every_score_is_scikit_learns() {
    let golden = include_str!("../../tests/golden/metrics.json");
    let golden: Golden = serde_json::from_str(golden).unwrap();
    let mut n_scores = 0;
    for table in golden.tables {
        let shape = (table.target.len(), table.predictions[0].len());
        let predictions = Array2::from_shape_vec(shape, table.predictions.concat()).unwrap();
        let target = match table.n_classes {
            Some(n) => classes(&table.target.iter().map(|&y| y as usize).collect::<Vec<_>>(), n),
            None => Target::Values(table.target),
        };
        for case in table.cases {
            let weights = case.weights.as_deref();
            for (name, expected) in case.scores {
                let metric = named(&name);
                let score = metric.score(predictions.view(), table.output, &target, weights);
                let score = score.unwrap_or_else(|error| panic!("{name}, {}: {error}", table.name));
                assert!(
                    (score - expected).abs() <= 1e-12 * expected.abs().max(1.0),
                    "{name}, {}: {score} and not {expected}",
                    table.name
                );
                n_scores += 1;
            }
        }
    }
    assert!(n_scores > 200, "{n_scores}");
}

fn classes(labels: &[usize], n_classes: usize) -> Target {
    let names = (0..n_classes).map(|k| format!("c{k}")).collect();
    Target::Classes { labels: labels.to_vec(), names }
}

/// Every metric, by what its target is.
fn of_classes(n_classes: usize) -> Vec<Metric> {
    let mut metrics =
        vec![Metric::Accuracy, Metric::BalancedAccuracy, Metric::LogLoss, Metric::Brier];
    metrics.push(Metric::Mcc);
    let averages = [Average::Macro, Average::Weighted, Average::Micro, Average::Binary];
    for average in averages.into_iter().take(if n_classes == 2 { 4 } else { 3 }) {
        metrics.push(Metric::F1 { average });
        metrics.push(Metric::AveragePrecision { average });
        metrics.push(Metric::RocAuc { multiclass: MultiClass::OneVsRest, average });
        if average != Average::Micro {
            metrics.push(Metric::RocAuc { multiclass: MultiClass::OneVsOne, average });
        }
    }
    metrics
}

fn of_numbers() -> Vec<Metric> {
    vec![
        Metric::Mse,
        Metric::Rmse,
        Metric::Mae,
        Metric::MedianAe,
        Metric::Mape,
        Metric::R2,
        Metric::ExplainedVariance,
        Metric::Pinball { alpha: 0.3 },
        Metric::PoissonDeviance,
        Metric::GammaDeviance,
    ]
}

type Drawn = (Vec<Metric>, Array2<f64>, Output, Target, Vec<f64>);

/// Tied probabilities or numbers, a target in which every class occurs, small integer weights.
fn drawn() -> impl Strategy<Value = Drawn> {
    (2..4_usize, 4..24_usize, any::<bool>()).prop_flat_map(|(n_classes, n_rows, numbers)| {
        let cells = prop::collection::vec(1..6_u8, n_rows * n_classes);
        let labels = prop::collection::vec(0..n_classes, n_rows);
        let weights = prop::collection::vec(0..4_u8, n_rows);
        (cells, labels, weights).prop_map(move |(cells, mut labels, weights)| {
            for (class, label) in labels.iter_mut().take(n_classes).enumerate() {
                *label = class;
            }
            let mut weights: Vec<f64> = weights.into_iter().map(f64::from).collect();
            weights[..n_classes].iter_mut().for_each(|weight| *weight += 1.0);
            let cells = cells.into_iter().map(f64::from).collect();
            let table = Array2::from_shape_vec((n_rows, n_classes), cells).unwrap();
            if numbers {
                let values = (0..n_rows).map(|row| labels[row] as f64 + table[[row, 1]] / 4.0);
                let target = Target::Values(values.collect());
                let first = table.slice_move(ndarray::s![.., ..1]);
                (of_numbers(), first, Output::Values, target, weights)
            } else {
                let sums = table.sum_axis(Axis(1)).insert_axis(Axis(1));
                let target = classes(&labels, n_classes);
                (of_classes(n_classes), table / sums, Output::Probabilities, target, weights)
            }
        })
    })
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-10 * (1.0 + a.abs())
}

proptest! {
    #[test]
    fn an_integer_weight_is_repetition((metrics, rows, output, target, weights) in drawn()) {
        let repeated: Vec<usize> = (0..weights.len())
            .flat_map(|row| std::iter::repeat_n(row, weights[row] as usize))
            .collect();
        for metric in metrics {
            let weighted = metric.score(rows.view(), output, &target, Some(&weights));
            let rows = rows.select(Axis(0), &repeated);
            let plain = metric.score(rows.view(), output, &target.select(&repeated), None);
            match (weighted, plain) {
                (Ok(a), Ok(b)) => prop_assert!(close(a, b), "{metric}: {a} and {b}"),
                (a, b) => prop_assert_eq!(a.unwrap_err().to_string(), b.unwrap_err().to_string()),
            }
            let a = metric.constant_score(&target, Some(&weights));
            let b = metric.constant_score(&target.select(&repeated), None);
            if let (Ok(a), Ok(b)) = (a, b) {
                prop_assert!(close(a, b), "constant {metric}: {a} and {b}");
            }
        }
    }

    #[test]
    fn the_order_of_rows_does_not_count((metrics, rows, output, target, weights) in drawn()) {
        let backwards: Vec<usize> = (0..weights.len()).rev().collect();
        let other_weights: Vec<f64> = backwards.iter().map(|&row| weights[row]).collect();
        for metric in metrics {
            let other = rows.select(Axis(0), &backwards);
            let a = metric.score(rows.view(), output, &target, Some(&weights));
            let b = metric.score(
                other.view(), output, &target.select(&backwards), Some(&other_weights),
            );
            if let (Ok(a), Ok(b)) = (a, b) {
                prop_assert!(close(a, b), "{metric}: {a} and {b}");
            }
        }
    }

    #[test]
    fn row_losses_average_to_the_score((metrics, rows, output, target, weights) in drawn()) {
        for metric in metrics {
            let Some(losses) = metric.row_losses(rows.view(), output, &target).unwrap() else {
                continue;
            };
            prop_assert!(losses.iter().all(|&loss| loss >= -1e-15), "{metric}");
            let score = metric.score(rows.view(), output, &target, Some(&weights)).unwrap();
            let loss = mean(&losses, &weights);
            let loss = if matches!(metric, Metric::Accuracy) { 1.0 - loss } else { loss };
            prop_assert!(close(score, loss), "{metric}: {score} and {loss}");
        }
    }

    #[test]
    fn no_constant_beats_the_best_one((metrics, rows, output, target, weights) in drawn()) {
        for metric in metrics {
            let Ok(best) = metric.constant_score(&target, Some(&weights)) else { continue };
            for row in rows.rows() {
                let constant = row.broadcast(rows.dim()).unwrap();
                let score = metric.score(constant, output, &target, Some(&weights)).unwrap();
                let worse = metric.worse(best, score);
                prop_assert!(worse >= -1e-10, "{metric}: {score} beats {best}");
            }
        }
    }
}

#[test]
fn the_best_constants_by_hand() {
    let constant = |metric: &str, target: &Target| {
        Metric::parse(metric).unwrap().constant_score(target, None).unwrap()
    };
    let target = classes(&[0, 1, 1, 1], 2);
    assert_eq!(constant("accuracy", &target), 0.75);
    assert_eq!(constant("balanced_accuracy", &target), 0.5);
    let entropy = -(0.25 * 0.25_f64.ln() + 0.75 * 0.75_f64.ln());
    assert!((constant("log_loss", &target) - entropy).abs() < 1e-15);
    assert_eq!(constant("brier", &target), 0.25 * 0.75);
    assert_eq!(constant("roc_auc", &target), 0.5);
    assert_eq!(constant("average_precision", &target), 0.75);
    assert_eq!(constant("f1", &target), 2.0 * 0.75 / 1.75);
    assert_eq!(constant("mcc", &target), 0.0);
    let target = Target::Values(vec![1.0, 2.0, 3.0, 10.0]);
    assert_eq!(constant("mse", &target), 12.5);
    assert_eq!(constant("mae", &target), 2.5);
    assert_eq!(constant("r2", &target), 0.0);
    // Three of four targets lie in [1, 3]: distances from 2 are 0, 1, 1, 8.
    assert_eq!(constant("median_absolute_error", &target), 1.0);
    assert_eq!(constant("neg_mean_poisson_deviance", &Target::Values(vec![0.0; 3])), 0.0);
    let first = Metric::custom("first", Direction::Lower, |rows, _, _| Ok(rows[[0, 0]]));
    assert_eq!(first.constant_score(&target, None).unwrap(), 4.0);
    assert_eq!(first.constant_score(&classes(&[1, 0, 1, 1], 2), None).unwrap(), 0.25);
}

#[test]
fn labels_come_from_every_output_that_has_them() {
    let target = classes(&[0, 1, 1, 0], 2);
    let accuracy = |rows: Array2<f64>, output| {
        Metric::Accuracy.score(rows.view(), output, &target, None).unwrap()
    };
    let tied = array![[0.5, 0.5], [0.2, 0.8], [0.5, 0.5], [0.9, 0.1]];
    assert_eq!(accuracy(tied.clone(), Output::Probabilities), 0.75);
    assert_eq!(accuracy(tied, Output::Margins), 0.75);
    let margin = array![[0.0], [2.0], [-1.0], [-3.0]];
    assert_eq!(accuracy(margin.clone(), Output::Margins), 0.75);
    assert_eq!(accuracy(array![[0.0], [1.0], [0.0], [0.0]], Output::Labels), 0.75);
    // One margin per class ranks rows by their difference, as one margin would.
    let two = array![[5.0, 5.0], [0.0, 2.0], [1.0, 0.0], [3.0, 0.0]];
    let auc = Metric::parse("roc_auc").unwrap();
    let score = |rows: Array2<f64>| auc.score(rows.view(), Output::Margins, &target, None).unwrap();
    assert_eq!(score(two), score(margin));
}

#[test]
fn each_metric_says_what_it_needs() {
    let text = |metric: &str, rows: Array2<f64>, output, target: &Target| {
        let score = Metric::parse(metric).unwrap().score(rows.view(), output, target, None);
        score.unwrap_err().to_string()
    };
    let two = classes(&[0, 1], 2);
    let three = classes(&[0, 1], 3);
    let numbers = Target::Values(vec![1.0, 1.0]);
    let column = || array![[0.0], [1.0]];
    let half = || Array2::from_elem((2, 2), 0.5);
    let third = || Array2::from_elem((2, 3), 1.0 / 3.0);
    assert_eq!(
        text("mse", column(), Output::Values, &two),
        "`MSE` needs a target of numbers, but got a target of classes"
    );
    assert_eq!(
        text("accuracy", column(), Output::Labels, &numbers),
        "`accuracy` needs a target of classes, but got a target of numbers"
    );
    assert_eq!(
        text("r2", half(), Output::Probabilities, &numbers),
        "`R²` needs values, but got a model whose output is probabilities"
    );
    assert_eq!(
        text("log_loss", column(), Output::Labels, &two),
        "`log loss` needs probabilities, but got a model whose output is labels"
    );
    assert_eq!(
        text("log_loss", column(), Output::Margins, &two),
        "`log loss` needs probabilities, but got a model whose output is margins"
    );
    assert_eq!(
        text("roc_auc", column(), Output::Labels, &two),
        "`ROC AUC` needs probabilities or margins, but got a model whose output is labels"
    );
    assert_eq!(
        text("f1", column(), Output::Values, &two),
        "`F1` needs probabilities, margins or labels, but got a model whose output is values"
    );
    assert_eq!(
        text("f1", column(), Output::Labels, &three),
        "`F1` needs two classes or another average, but got 3 classes"
    );
    assert_eq!(
        text("roc_auc", third(), Output::Probabilities, &three),
        "`ROC AUC` needs two classes or another average, but got 3 classes"
    );
    assert_eq!(
        text("roc_auc_ovr", third(), Output::Probabilities, &three),
        "`ROC AUC (ovr, macro)` needs rows of every class or a weighted average, \
         but got no row of class `c2`"
    );
    assert_eq!(
        text("roc_auc_ovr", third(), Output::Margins, &three),
        "`ROC AUC (ovr, macro)` needs probabilities for more than two classes, \
         but got a model whose output is margins"
    );
    assert_eq!(
        text("roc_auc", half(), Output::Probabilities, &classes(&[1, 1], 2)),
        "`ROC AUC` needs rows of at least two classes, but got rows of one class"
    );
    assert_eq!(
        text("average_precision", half(), Output::Probabilities, &classes(&[0, 0], 2)),
        "`average precision (macro)` needs rows of the second class, \
         but got rows of the first class only"
    );
    assert_eq!(
        text("r2", column(), Output::Values, &numbers),
        "`R²` needs targets that differ, but got targets that are all equal"
    );
    assert_eq!(
        text("mape", column(), Output::Values, &Target::Values(vec![2.0, 0.0])),
        "`MAPE` needs targets other than 0, but got `0` in row 1"
    );
    assert_eq!(
        text("neg_mean_poisson_deviance", column(), Output::Values, &numbers),
        "`Poisson deviance` needs predictions above 0, but got `0` in row 0"
    );
    assert_eq!(
        text("neg_mean_gamma_deviance", column(), Output::Values, &Target::Values(vec![0.0, 1.0])),
        "`gamma deviance` needs targets above 0, but got `0` in row 0"
    );
}

#[test]
fn each_bad_input_gets_its_own_sentence() {
    let two = classes(&[0, 1], 2);
    let text =
        |metric: Metric, rows: Array2<f64>, output, target: &Target, weights: Option<&[f64]>| {
            metric.score(rows.view(), output, target, weights).unwrap_err().to_string()
        };
    let probabilities = |rows, weights: Option<&[f64]>| {
        text(Metric::LogLoss, rows, Output::Probabilities, &two, weights)
    };
    let good = || array![[0.5, 0.5], [0.5, 0.5]];
    assert_eq!(
        probabilities(array![[0.5, 0.5], [f64::NAN, 0.5]], None),
        "the prediction is `NaN` in row 1, only finite numbers have a meaning there"
    );
    assert_eq!(
        probabilities(array![[0.5, 0.5], [-0.5, 1.5]], None),
        "the probability of class `c0` is `-0.5` in row 1, it must be between 0 and 1"
    );
    assert_eq!(
        probabilities(array![[0.5, 0.25], [0.5, 0.5]], None),
        "the probabilities sum to `0.75` in row 0, they must sum to 1"
    );
    assert_eq!(
        probabilities(array![[0.5], [0.5]], None),
        "the prediction has shape [2, 1], expected [2, 2]"
    );
    assert_eq!(
        probabilities(array![[0.5, 0.5]], None),
        "the prediction has shape [1, 2], expected [2, 2]"
    );
    assert_eq!(
        probabilities(good(), Some(&[1.0])),
        "the list of weights has shape [1], expected [2]"
    );
    assert_eq!(
        probabilities(good(), Some(&[1.0, -2.0])),
        "the weight is `-2` in row 1, weights must not be negative"
    );
    assert_eq!(
        probabilities(good(), Some(&[1.0, f64::NAN])),
        "the weight is `NaN` in row 1, only finite numbers have a meaning there"
    );
    assert_eq!(
        probabilities(good(), Some(&[0.0, 0.0])),
        "all weights are 0, give at least one row a weight"
    );
    assert_eq!(
        text(Metric::Accuracy, array![[1.0], [2.0]], Output::Labels, &two, None),
        "the predicted label is `2` in row 1, it must be a class from 0 to 1"
    );
    assert_eq!(
        text(Metric::Accuracy, array![[1.0], [0.5]], Output::Labels, &two, None),
        "the predicted label is `0.5` in row 1, it must be a class from 0 to 1"
    );
    assert_eq!(
        text(Metric::Accuracy, good(), Output::Probabilities, &classes(&[0, 2], 2), None),
        "the target is class `2` in row 1, but only 2 classes are named"
    );
    let empty = Target::Values(vec![]);
    assert_eq!(
        text(Metric::Mse, Array2::zeros((0, 1)), Output::Values, &empty, None),
        "a score needs at least 1 rows, got 0"
    );
    let numbers = Target::Values(vec![1.0, f64::INFINITY]);
    assert_eq!(
        text(Metric::Mse, Array2::zeros((2, 1)), Output::Values, &numbers, None),
        "the target is `inf` in row 1, only finite numbers have a meaning there"
    );
    let alpha = Metric::Pinball { alpha: 1.5 };
    assert_eq!(
        text(
            alpha.clone(),
            Array2::zeros((1, 1)),
            Output::Values,
            &Target::Values(vec![1.0]),
            None
        ),
        "`alpha` is `1.5`, it must be between 0 and 1"
    );
    assert!(alpha.constant_score(&Target::Values(vec![1.0]), None).is_err());
    let nan = Metric::custom("ratio", Direction::Lower, |_, _, _| Ok(f64::NAN));
    assert_eq!(
        text(nan, good(), Output::Probabilities, &two, None),
        "the metric `ratio` is NaN on these predictions: it overflows or is undefined there"
    );
    let unknown = Metric::parse("auc").unwrap_err().to_string();
    assert!(
        unknown.starts_with("`metric` is `auc`, it must be one of accuracy, balanced_accuracy, "),
        "{unknown}"
    );
    assert!(Metric::parse("pinball:2").is_err() && Metric::parse("pinball:x").is_err());
}

#[test]
fn one_class_and_huge_numbers_are_no_panic() {
    let one = classes(&[0, 0], 1);
    for output in [Output::Margins, Output::Probabilities] {
        let score = Metric::Accuracy.score(array![[1.0], [1.0]].view(), output, &one, None);
        assert_eq!(score.unwrap(), 1.0);
    }
    for metric in of_classes(3) {
        // Any answer will do, but it must be one.
        let score = metric.score(array![[1.0], [1.0]].view(), Output::Margins, &one, None);
        assert!(!score.is_ok_and(f64::is_nan), "{metric}");
        assert!(!metric.constant_score(&one, None).is_ok_and(f64::is_nan), "{metric}");
    }
    let huge = Target::Values(vec![1e300, -1e300]);
    for metric in of_numbers() {
        let score = metric.score(array![[1e300], [1e300]].view(), Output::Values, &huge, None);
        assert!(!score.is_ok_and(f64::is_nan), "{metric}");
    }
}

#[test]
fn names_say_what_distinguishes_metrics_and_worse_follows_the_direction() {
    let mut names: Vec<String> =
        of_classes(3).into_iter().chain(of_numbers()).map(|metric| metric.to_string()).collect();
    let n = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), n);
    assert_eq!(Metric::parse("roc_auc_ovo_weighted").unwrap().name(), "ROC AUC (ovo, weighted)");
    assert_eq!(Metric::Accuracy.worse(0.9, 0.6), 0.9 - 0.6);
    assert_eq!(Metric::LogLoss.worse(0.2, 0.7), 0.7 - 0.2);
    assert_eq!(Metric::for_target(&Target::Values(vec![]))[0].name(), "MSE");
    assert_eq!(Metric::for_target(&classes(&[], 2))[0].name(), "log loss");
    assert!(
        Metric::Rmse
            .row_losses(array![[1.0]].view(), Output::Values, &Target::Values(vec![1.0]))
            .unwrap()
            .is_none()
    );
}
