//! Bad input, translations, and what must always hold.

use fi_core::{Dataset, Learner, Model, Output, Result, Run, Target, Warning};
use linfa_elasticnet::ElasticNet as Net;
use linfa_linear::LinearRegression;
use linfa_logistic::{LogisticRegression, MultiLogisticRegression};
use linfa_trees::{DecisionTree, SplitQuality};
use ndarray::{Array2, array};
use proptest::prelude::*;

use super::*;
use crate::{Scaler, Standardized};

fn values(rows: Array2<f64>, target: &[f64]) -> Dataset {
    Dataset::new(rows, Target::Values(target.to_vec())).unwrap()
}

fn classes(rows: Array2<f64>, labels: &[usize], n_classes: usize) -> Dataset {
    let names = (0..n_classes).map(|class| format!("c{class}")).collect();
    Dataset::new(rows, Target::Classes { labels: labels.to_vec(), names }).unwrap()
}

fn text<T>(result: Result<T>) -> String {
    result.err().unwrap().to_string()
}

#[test]
fn what_linfa_would_ignore_is_refused() {
    let run = Run::new(0);
    let rows = array![[0.0, 1.0], [1.0, 3.0], [2.0, 2.0], [4.0, 1.0]];
    let data = values(rows.clone(), &[0.0, 1.0, 2.0, 5.0]);
    let weighted = data.clone().with_weights(vec![1.0, 1.0, 2.0, 1.0]).unwrap();
    let ols = linear(LinearRegression::new());
    assert_eq!(
        text(ols.fit(&run, &weighted)),
        "linfa-linear ignores row weights, train it on data without weights"
    );
    assert!(text(elastic_net(Net::params()).fit(&run, &weighted)).starts_with("linfa-elasticnet"));
    assert_eq!(
        text(regressor(LinearRegression::new()).train(&run, &weighted)),
        "this learner of linfa ignores row weights, train it on data without weights"
    );
    let collinear = values(array![[0.0, 1.0], [1.0, 3.0], [2.0, 5.0], [4.0, 9.0]], &[0.0; 4]);
    assert_eq!(
        text(ols.fit(&run, &collinear)),
        "column `x1` is a linear combination of the columns before it, so least squares has no \
         single solution: leave one of them out"
    );
    let constant = values(array![[0.0, 0.1], [1.0, 0.1], [2.0, 0.1], [4.0, 0.1]], &[0.0; 4]);
    assert_eq!(
        text(ols.fit(&run, &constant)),
        "column `x1` is constant, so least squares cannot tell its coefficient: leave it out"
    );
    // Without an intercept a constant column stands in for it.
    let origin = linear(LinearRegression::new().with_intercept(false));
    assert!(origin.fit(&run, &constant).is_ok());
    let few = data.select_rows(&[0, 1]).unwrap();
    assert_eq!(
        text(ols.fit(&run, &few)),
        "least squares with 3 coefficients needs at least 3 rows, got 2"
    );
    let missing =
        data.clone().with_rows(array![[0.0, 1.0], [1.0, f64::NAN], [2.0, 2.0], [4.0, 1.0]]);
    let missing = missing.unwrap();
    assert_eq!(
        text(ols.fit(&run, &missing)),
        "linfa-linear cannot take missing values, fill column `x1` in row 1"
    );
    let labelled = classes(rows, &[0, 0, 1, 1], 2);
    assert_eq!(
        text(ols.fit(&run, &labelled)),
        "the target has classes, but this learner predicts values"
    );
    assert_eq!(
        text(multi_logistic(MultiLogisticRegression::default()).fit(&run, &data)),
        "the target has values, but this learner predicts classes"
    );
    let one_class = labelled.select_rows(&[0, 1]).unwrap();
    assert_eq!(
        text(multi_logistic(MultiLogisticRegression::default()).fit(&run, &one_class)),
        "logistic regression needs two classes, but all training rows are of one"
    );
    assert_eq!(
        text(logistic(LogisticRegression::default()).fit(&run, &one_class)),
        "binary logistic regression needs two classes, but the training rows have 1"
    );
    let unfinished = elastic_net(Net::params().penalty(1e-6).max_iterations(2));
    assert_eq!(
        text(unfinished.fit(
            &run,
            &values(array![[1.0, 1.1], [2.0, 2.0], [3.0, 3.1], [4.0, 3.9]], &[1.0, 9.0, 2.0, 3.0])
        )),
        "the elastic net did not converge in 2 steps, raise `max_iterations` or standardise the \
         features"
    );
}

#[test]
fn a_tree_refuses_what_would_crash_linfa() {
    let run = Run::new(0);
    let params = DecisionTree::<f64, usize>::params;
    let data = classes(array![[0.0], [1.0], [2.0], [3.0]], &[0, 0, 1, 1], 2);
    let missing = data.clone().with_rows(array![[0.0], [f64::NAN], [2.0], [3.0]]).unwrap();
    assert_eq!(
        text(decision_tree(params()).fit(&run, &missing)),
        "linfa-trees cannot take missing values, fill column `x0` in row 1"
    );
    assert_eq!(
        text(decision_tree(params().min_weight_leaf(0.0)).fit(&run, &data)),
        "`min_weight_leaf` is `0`, it must be positive"
    );
    assert_eq!(
        text(decision_tree(params().max_depth(Some(1000))).fit(&run, &data)),
        "`max_depth` is `1000`, it must be at most 256"
    );
    let weigh = |w: f64| data.clone().with_weights(vec![w, 1.0, 1.0, 1.0]).unwrap();
    assert_eq!(
        text(decision_tree(params()).fit(&run, &weigh(0.5))),
        "the weight is `0.5` in row 0, but linfa-trees adds weights in single precision: give \
         whole numbers"
    );
    assert!(text(decision_tree(params()).fit(&run, &weigh(1e8))).contains("at most 16777216"));
    // A class of one row, all classes equal, and a single row.
    let single = data.select_rows(&[2]).unwrap();
    let leaf = decision_tree(params()).fit(&run, &single).unwrap();
    assert_eq!(leaf.predict(array![[9.0]].view()).unwrap(), array![[0.0, 1.0]]);
}

#[test]
fn a_tree_counts_weights_and_warns_of_scales_that_linfa_cannot_see() {
    let run = Run::new(0);
    let rows = array![[0.0], [0.0], [1.0], [1.0]];
    let data = classes(rows, &[0, 1, 1, 1], 2).with_weights(vec![3.0, 1.0, 1.0, 0.0]).unwrap();
    let params = DecisionTree::<f64, usize>::params().split_quality(SplitQuality::Entropy);
    let fitted = decision_tree(params).fit(&run, &data).unwrap();
    let tree = fitted.ensemble.tree(0);
    assert_eq!((tree.cover(0), tree.value(0)), (5.0, &[0.6, 0.4][..]));
    assert_eq!(tree.value(1), [0.75, 0.25]);
    let entropy = -(0.6_f64 * 0.6_f64.log2() + 0.4 * 0.4_f64.log2());
    assert!((tree.impurity(0) - entropy).abs() < 1e-15);
    assert!(fitted.warnings.is_empty());
    let tiny = classes(array![[0.0], [1e-6], [2e-6], [3e-6]], &[0, 0, 1, 1], 2);
    let params = DecisionTree::<f64, usize>::params();
    let fitted = decision_tree(params).fit(&run, &tiny).unwrap();
    let expected = "column `x0` has values closer than 0.00001, which linfa-trees takes as \
                    equal: give it a smaller unit";
    assert_eq!(fitted.warnings, [Warning::Note(expected.into())]);
}

#[test]
fn the_rarer_first_class_keeps_its_place() {
    // linfa calls the more frequent class positive; here once the second, once the first.
    let rows = array![[-3.0], [-2.0], [1.0], [2.0], [3.0]];
    for labels in [[0, 0, 2, 2, 2], [2, 2, 0, 0, 0]] {
        let data = classes(rows.clone(), &labels, 3);
        let model = logistic(LogisticRegression::default()).fit(&Run::new(0), &data).unwrap();
        assert_eq!((model.output(), model.n_outputs()), (Output::Probabilities, 3));
        let predicted = model.predict(rows.view()).unwrap();
        for (row, &label) in predicted.outer_iter().zip(&labels) {
            assert!(row[label] > 0.5, "{labels:?} {predicted}");
            assert!((row.sum() - 1.0).abs() < 1e-12 && row[1] == 0.0);
        }
    }
}

#[test]
fn data_sets_go_to_linfa_and_back() {
    let ours = classes(array![[1.0, 2.0], [3.0, 4.0]], &[1, 0], 2)
        .with_feature_names(["a", "b"])
        .unwrap()
        .with_weights(vec![0.5, 2.0])
        .unwrap();
    let theirs = to_linfa::<usize>(&ours).unwrap();
    let back = dataset(&theirs).unwrap();
    assert_eq!((back.rows(), back.weights()), (ours.rows(), ours.weights()));
    assert_eq!(back.feature_names(), ours.feature_names());
    assert_eq!(back.target().labels(), ours.target().labels());
    assert!(text(to_linfa::<f64>(&ours)).starts_with("the target has classes"));
    let named = linfa::Dataset::new(array![[1.0], [2.0]], array!["z".to_owned(), "a".to_owned()]);
    let named = dataset(&named).unwrap();
    let names = vec!["a".to_owned(), "z".to_owned()];
    assert_eq!(named.target(), &Target::Classes { labels: vec![1, 0], names });
    let years = linfa::Dataset::new(array![[1.0], [2.0]], array![2024_usize, 1999]);
    assert_eq!(dataset(&years).unwrap().target().n_classes(), Some(2));
    let huge = ours.with_weights(vec![1e300, 1.0]).unwrap();
    assert_eq!(
        text(to_linfa::<usize>(&huge)),
        format!(
            "the weight `{}` in row 0 does not fit linfa's single precision, rescale the weights",
            1e300
        )
    );
}

#[test]
fn a_scaler_takes_constants_and_missing_values_and_refuses_empty_columns() {
    let rows = array![[0.1, f64::NAN, 1.0], [0.1, 2.0, 3.0], [0.1, 4.0, 5.0]];
    let data = values(rows.clone(), &[0.0; 3]);
    let scaler = Scaler::fit(&data).unwrap();
    assert_eq!((scaler.scale[0], scaler.mean[1], scaler.scale[1]), (1.0, 3.0, 1.0));
    let scaled = scaler.transform(rows.view()).unwrap();
    assert!(scaled[[0, 1]].is_nan() && scaled[[1, 1]] == -1.0);
    let empty = values(array![[f64::NAN]], &[0.0]);
    assert_eq!(
        text(Scaler::fit(&empty)),
        "column `x0` has no value in any row, leave it out before standardising"
    );
    let huge = values(array![[1e200], [-1e200]], &[0.0; 2]);
    assert_eq!(
        text(Scaler::fit(&huge)),
        "the numbers of column `x0` are too large to standardise, change its unit"
    );
    let bad = Scaler { mean: vec![0.0], scale: vec![0.0] };
    assert_eq!(
        text(bad.validate()),
        "the scale of feature 0 is `0`, it must be positive and finite"
    );
    assert_eq!(
        text(scaler.transform(array![[1.0]].view())),
        "the table has shape [1, 1], expected [1, 3]"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Least squares does not care about the units of its features.
    #[test]
    fn standardised_least_squares_predicts_what_plain_least_squares_does(
        cells in prop::collection::vec(-1.0..1.0_f64, 40),
        units in prop::collection::vec(1e-2..1e2_f64, 2),
    ) {
        let rows = Array2::from_shape_fn((16, 2), |(i, j)| units[j] * (5.0 + cells[2 * i + j]));
        let data = values(rows, &cells[24..40]);
        let plain = linear(LinearRegression::new());
        let run = Run::new(0);
        let whole = plain.train(&run, &data).unwrap().predict(data.rows()).unwrap();
        let scaled = Standardized { learner: plain }.train(&run, &data).unwrap();
        let scaled = scaled.predict(data.rows()).unwrap();
        prop_assert!((&whole - &scaled).iter().all(|error| error.abs() < 1e-8));
    }

    /// Covers add up, shares are shares, and the same data give the same tree.
    #[test]
    fn linfas_trees_are_steady(
        cells in prop::collection::vec(0..6_u8, 60), labels in prop::collection::vec(0..4_usize, 30),
    ) {
        let rows = Array2::from_shape_fn((30, 2), |(i, j)| f64::from(cells[2 * i + j]));
        let data = classes(rows, &labels, 4);
        let learner = decision_tree(DecisionTree::<f64, usize>::params());
        let fitted = learner.fit(&Run::new(0), &data).unwrap();
        prop_assert_eq!(&fitted, &learner.fit(&Run::new(1), &data).unwrap());
        let tree = fitted.ensemble.tree(0);
        let leaves = (0..tree.n_nodes()).filter(|&node| tree.is_leaf(node));
        prop_assert_eq!(leaves.map(|leaf| tree.cover(leaf)).sum::<f64>(), 30.0);
    }
}
