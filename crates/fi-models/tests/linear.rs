//! Linear models and linfa's adapters on real data, against scikit-learn and closed forms.
//!
//! The numbers come from `xtask/golden/linear.py`.
#![cfg(feature = "linfa")]
#![expect(clippy::unwrap_used, reason = "a helper of tests may fail the test")]

use fi_core::{Dataset, Learner, Model, Run, Target};
use fi_models::linear::{coefficients, standardized_coefficients};
use fi_models::linfa::{
    classifier, decision_tree, elastic_net, linear, logistic, multi_logistic, regressor,
};
use fi_models::{Scaler, Standardized};
use linfa_elasticnet::ElasticNet;
use linfa_linear::LinearRegression;
use linfa_logistic::{LogisticRegression, MultiLogisticRegression};
use ndarray::Array2;
use serde_json::Value;

fn golden() -> Value {
    serde_json::from_str(include_str!("golden/linear.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        number => vec![number.as_f64().unwrap()],
    }
}

/// One of the committed data sets; classes in alphabetical order.
fn data(name: &str) -> Dataset {
    let path = format!("{}/../../datasets/{name}.csv", env!("CARGO_MANIFEST_DIR"));
    let mut reader = csv::Reader::from_path(path).unwrap();
    let names: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let (mut cells, mut last) = (Vec::new(), Vec::new());
    for record in reader.records() {
        let record = record.unwrap();
        let (target, row) = (&record[names.len() - 1], names.len() - 1);
        cells.extend(record.iter().take(row).map(|cell| cell.parse::<f64>().unwrap()));
        last.push(target.to_owned());
    }
    let target = if name == "diabetes" {
        Target::Values(last.iter().map(|cell| cell.parse().unwrap()).collect())
    } else {
        let mut classes = last.clone();
        classes.sort();
        classes.dedup();
        let labels = last.iter().map(|label| classes.binary_search(label).unwrap()).collect();
        Target::Classes { labels, names: classes }
    };
    let rows = Array2::from_shape_vec((last.len(), names.len() - 1), cells).unwrap();
    let names = names[..names.len() - 1].to_vec();
    Dataset::new(rows, target).unwrap().with_feature_names(names).unwrap()
}

#[track_caller]
fn close<'a>(got: impl IntoIterator<Item = &'a f64>, expected: &[f64], tolerance: f64) {
    let got: Vec<f64> = got.into_iter().copied().collect();
    assert_eq!(got.len(), expected.len());
    for (got, expected) in got.iter().zip(expected) {
        let size = expected.abs().max(1.0);
        assert!((got - expected).abs() <= tolerance * size, "{got} is not {expected}");
    }
}

#[test]
fn linfas_tree_predicts_what_linfa_predicts_and_its_covers_add_up() {
    let data = data("iris");
    let params = linfa_trees::DecisionTree::<f64, usize>::params();
    let tree = decision_tree(params).fit(&Run::new(0), &data).unwrap();
    // Two classes: linfa's splits are steady without help, so its own tree is a fair oracle.
    let rows: Vec<usize> = (50..150).collect();
    let two = data.select_rows(&rows).unwrap();
    let ours = decision_tree(params).fit(&Run::new(0), &two).unwrap();
    let theirs = classifier(params).train(&Run::new(0), &two).unwrap();
    let labels = theirs.predict(two.rows()).unwrap();
    let probabilities = ours.predict(two.rows()).unwrap();
    // linfa alone labels a leaf of equal shares by chance, and merges it accordingly.
    let agree = probabilities
        .outer_iter()
        .zip(&labels)
        .filter(|(row, label)| row.iter().all(|share| *share <= row[**label as usize]));
    assert!(agree.count() >= 95);
    let tree = tree.ensemble.tree(0);
    assert_eq!(tree.cover(0), 150.0);
    for node in 0..tree.n_nodes() {
        if let Some((left, right)) = tree.children(node) {
            assert_eq!(tree.cover(left) + tree.cover(right), tree.cover(node));
            let shares = tree.value(node).iter().sum::<f64>();
            assert!((shares - 1.0).abs() < 1e-12);
        }
    }
    // Gini impurity of three equal classes.
    assert!((tree.impurity(0) - 2.0 / 3.0).abs() < 1e-12);
}

fn accuracy(model: &dyn Model, data: &Dataset) -> f64 {
    let predictions = model.predict(data.rows()).unwrap();
    let labels = data.target().labels().unwrap();
    let hits = predictions.outer_iter().zip(labels).filter(|(row, label)| {
        let best = (0..row.len()).rev().max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap();
        best == **label
    });
    hits.count() as f64 / labels.len() as f64
}

#[test]
fn least_squares_on_diabetes_is_the_closed_form_with_its_standard_errors() {
    let (data, golden) = (data("diabetes"), &golden()["least_squares"]);
    let model = linear(LinearRegression::new()).fit(&Run::new(0), &data).unwrap();
    // Both solve a problem of condition 1e5 or less: 1e-9 leaves room for its rounding.
    close(model.coefficients(), &numbers(&golden["coefficients"]), 1e-9);
    close(model.intercepts(), &numbers(&golden["intercept"]), 1e-9);
    let errors = model.standard_errors().unwrap();
    close(&errors.coefficients, &numbers(&golden["standard_errors"]), 1e-9);
    assert_eq!(errors.degrees_of_freedom as u64, golden["degrees_of_freedom"].as_u64().unwrap());

    let importance = coefficients(&model, data.feature_names()).unwrap();
    close(importance.p_values.as_ref().unwrap(), &numbers(&golden["p_values"]), 1e-8);
    let interval = importance.interval.as_ref().unwrap();
    let quantile = golden["t_quantile"].as_f64().unwrap();
    let widths: Vec<f64> =
        numbers(&golden["standard_errors"]).iter().map(|se| quantile * se).collect();
    let high: Vec<f64> = importance.values.iter().zip(&widths).map(|(b, w)| b + w).collect();
    close(&interval.high, &high, 1e-8);

    // A coefficient times its feature's deviation is the coefficient of the scaled feature.
    let std = model.feature_std().unwrap();
    let standardized = standardized_coefficients(&model, std, data.feature_names()).unwrap();
    let scaled = Scaler::fit(&data).unwrap().scale(&data).unwrap();
    let refitted = linear(LinearRegression::new()).fit(&Run::new(0), &scaled).unwrap();
    let refitted = coefficients(&refitted, data.feature_names()).unwrap();
    close(&standardized.values, &refitted.values, 1e-9);
    close(standardized.p_values.as_ref().unwrap(), refitted.p_values.as_ref().unwrap(), 1e-8);
}

#[test]
fn penalised_models_on_columns_that_are_not_centred_are_scikit_learns() {
    let (data, golden) = (data("diabetes"), &golden()["penalised"]);
    let scaled = Scaler::fit(&data).unwrap().scale(&data).unwrap();
    let shifted = scaled.rows().mapv(|z| z + 3.0);
    let data = scaled.with_rows(shifted).unwrap();
    let params = ElasticNet::params().tolerance(1e-12).max_iterations(100_000);
    for (name, params) in [
        ("elastic_net", params.clone().penalty(0.5).l1_ratio(0.3)),
        ("lasso", params.clone().penalty(2.0).l1_ratio(1.0)),
        ("ridge", params.penalty(0.1).l1_ratio(0.0)),
    ] {
        let model = elastic_net(params).fit(&Run::new(0), &data).unwrap();
        // A duality gap of 1e-12 |y|² leaves its root in the coefficients.
        close(model.coefficients(), &numbers(&golden[name]["coefficients"]), 1e-5);
        close(model.intercepts(), &numbers(&golden[name]["intercept"]), 1e-5);
    }
}

#[test]
fn logistic_regressions_on_standardised_data_are_scikit_learns() {
    let iris = data("iris");
    let expected = &golden()["iris"];
    let scaler = Scaler::fit(&iris).unwrap();
    close(&scaler.mean, &numbers(&expected["mean"]), 1e-12);
    close(&scaler.scale, &numbers(&expected["scale"]), 1e-12);
    let scaled = scaler.scale(&iris).unwrap();
    let params = MultiLogisticRegression::default().gradient_tolerance(1e-8).max_iterations(1000);
    let model = multi_logistic(params.clone()).fit(&Run::new(0), &scaled).unwrap();
    close(model.coefficients(), &numbers(&expected["coefficients"]), 1e-5);
    let found = accuracy(&model, &scaled);
    assert!((found - expected["accuracy"].as_f64().unwrap()).abs() < 1e-12 && found >= 0.95);
    // The learner that scales for itself predicts the same, in original units.
    let learner = Standardized { learner: multi_logistic(params) };
    let whole = learner.train(&Run::new(0), &iris).unwrap();
    assert_eq!(whole.predict(iris.rows()).unwrap(), model.predict(scaled.rows()).unwrap());

    let cancer = data("breast-cancer");
    let expected = &golden()["breast_cancer"];
    let scaled = Scaler::fit(&cancer).unwrap().scale(&cancer).unwrap();
    let params = LogisticRegression::default().gradient_tolerance(1e-8).max_iterations(1000);
    let model = logistic(params).fit(&Run::new(0), &scaled).unwrap();
    close(model.coefficients(), &numbers(&expected["coefficients"]), 1e-4);
    close(model.intercepts(), &numbers(&expected["intercepts"]), 1e-4);
}

#[test]
fn row_weights_scale_as_in_scikit_learn() {
    let wine = data("wine");
    let weights = (0..wine.n_rows()).map(|row| 1.0 + (row % 3) as f64).collect();
    let scaler = Scaler::fit(&wine.with_weights(weights).unwrap()).unwrap();
    let golden = &golden()["weighted_scaler"];
    close(&scaler.mean, &numbers(&golden["mean"]), 1e-12);
    close(&scaler.scale, &numbers(&golden["scale"]), 1e-12);
}

#[test]
fn linfas_tree_is_the_same_in_every_thread() {
    for name in ["iris", "digits"] {
        let data = data(name);
        let params = linfa_trees::DecisionTree::<f64, usize>::params().max_depth(Some(6));
        let learner = decision_tree(params);
        let first = learner.fit(&Run::new(0), &data).unwrap();
        assert!(first.ensemble.tree(0).n_leaves() > 2);
        assert!(accuracy(&first, &data) > 0.7, "{name}: {}", accuracy(&first, &data));
        // Every thread has hash maps with keys of its own.
        let repeats = if name == "digits" { 4 } else { 50 };
        std::thread::scope(|scope| {
            let fits: Vec<_> = (0..repeats)
                .map(|_| scope.spawn(|| learner.fit(&Run::new(0), &data).unwrap()))
                .collect();
            for fit in fits {
                assert_eq!(fit.join().unwrap(), first, "{name}");
            }
        });
    }
}

#[test]
fn black_boxes_learn_too() {
    let diabetes = data("diabetes");
    let learner = regressor(LinearRegression::new());
    let model = learner.train(&Run::new(0), &diabetes).unwrap();
    let known = linear(LinearRegression::new()).fit(&Run::new(0), &diabetes).unwrap();
    let expected = known.predict(diabetes.rows()).unwrap();
    close(&model.predict(diabetes.rows()).unwrap(), &expected.into_raw_vec_and_offset().0, 1e-9);

    let iris = data("iris");
    let learner = classifier(linfa_trees::DecisionTree::<f64, usize>::params());
    let model = learner.train(&Run::new(0), &iris).unwrap();
    let labels = model.predict(iris.rows()).unwrap();
    let truth = iris.target().labels().unwrap();
    let hits = labels.iter().zip(truth).filter(|(label, truth)| **label == **truth as f64);
    assert!(hits.count() >= 142);
}
