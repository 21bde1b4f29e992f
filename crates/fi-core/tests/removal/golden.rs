//! Numbers of scikit-learn 1.9 and lofo-importance 0.3.5, made by `xtask/golden/removal.py`.

use fi_core::{Dataset, Fold, Folds, Lofo, Metric, Permutation, Players, Run, Target};
use ndarray::Array2;
use serde_json::Value;

use crate::{Ols, assert_close, linear};

fn golden() -> Value {
    serde_json::from_str(include_str!("../golden/removal.json")).unwrap()
}

fn integers(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|x| x.as_u64().unwrap() as usize).collect()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn folds(value: &Value) -> Vec<Fold> {
    let fold =
        |fold: &Value| Fold { train: integers(&fold["train"]), test: integers(&fold["test"]) };
    value.as_array().unwrap().iter().map(fold).collect()
}

fn table(case: &Value) -> Dataset {
    let rows: Vec<Vec<f64>> = case["rows"].as_array().unwrap().iter().map(numbers).collect();
    let shape = (rows.len(), rows[0].len());
    let rows = Array2::from_shape_vec(shape, rows.concat()).unwrap();
    Dataset::new(rows, Target::Values(numbers(&case["target"]))).unwrap()
}

#[test]
fn folds_are_those_of_scikit_learn() {
    let golden = golden();
    let cases = golden["folds"].as_array().unwrap();
    assert_eq!(cases.len(), 21);
    for case in cases {
        let n_splits = case["n_splits"].as_u64().unwrap() as usize;
        let labels = case["labels"].as_array().map(|_| integers(&case["labels"]));
        let n_rows =
            labels.as_ref().map_or_else(|| case["n_rows"].as_u64().unwrap() as usize, Vec::len);
        let target = match labels {
            None => Target::Values(vec![0.0; n_rows]),
            // More names than classes that occur.
            Some(labels) => {
                Target::Classes { labels, names: (0..5).map(|i| format!("class {i}")).collect() }
            }
        };
        let mut data = Dataset::new(Array2::zeros((n_rows, 1)), target).unwrap();
        if case["groups"].is_array() {
            data = data.with_groups(integers(&case["groups"])).unwrap();
        }
        let size = |name: &str| case[name].as_u64().map(|x| x as usize);
        let kind = case["kind"].as_str().unwrap();
        let split = match kind {
            "k-fold" => Folds::KFold { n_splits, shuffle: false },
            "stratified" => Folds::Stratified { n_splits, shuffle: false },
            "group" => Folds::Group { n_splits, shuffle: false },
            "stratified-group" => Folds::StratifiedGroup { n_splits, shuffle: false },
            "leave-one-group-out" => Folds::LeaveOneGroupOut,
            _ => Folds::TimeSeries {
                n_splits,
                gap: size("gap").unwrap(),
                max_train: size("max_train"),
                test_size: size("test_size"),
            },
        };
        let found = split.split(&Run::new(0), &data).unwrap();
        assert_eq!(found, folds(&case["folds"]), "{kind} {n_splits} {n_rows}");
    }
}

#[test]
fn lofo_is_that_of_lofo_importance() {
    let golden = golden();
    let case = &golden["lofo"];
    let names: Vec<&str> =
        case["names"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    let data = table(case).with_feature_names(names.clone()).unwrap();
    let lofo = Lofo { folds: Folds::Given(folds(&case["folds"])), ..Default::default() };
    let compare = |players: &Players, expected: &Value| {
        let metrics = [Metric::Mse];
        let found =
            lofo.importance(&Run::new(0), &Ols, &data, players, &metrics).unwrap().remove(0);
        assert_eq!(players.len(), expected.as_object().unwrap().len());
        for (name, replicates) in players.names().iter().zip(found.replicates.rows()) {
            assert_close(replicates.as_slice().unwrap(), &numbers(&expected[name]), 1e-8);
        }
    };
    compare(&Players::features(names).unwrap(), &case["importance"]);
    let groups = Players::correlated(&data, 0.9).unwrap();
    assert_eq!(groups.names(), ["a & d", "b", "c"]);
    compare(&groups, &case["grouped_importance"]);
    // SciPy's ρ of a and d: just below it they are one group, just above it they are not.
    let rho = case["spearman"][0][3].as_f64().unwrap();
    assert_eq!(Players::correlated(&data, rho - 1e-12).unwrap().len(), 3);
    assert_eq!(Players::correlated(&data, rho + 1e-12).unwrap().len(), 4);
}

#[test]
fn permutation_importance_is_that_of_scikit_learn() {
    let golden = golden();
    let case = &golden["permutation"];
    let model = linear(&numbers(&case["coefficients"]), case["intercept"].as_f64().unwrap());
    let n_repeats = 2000;
    for kind in ["plain", "weighted"] {
        let mut data = table(case);
        if kind == "weighted" {
            data = data.with_weights(numbers(&case["weights"])).unwrap();
        }
        let players = Players::features(["a", "b", "c", "d"]).unwrap();
        let permutation = Permutation { n_repeats, ..Default::default() };
        let found = permutation
            .importance(&Run::new(0), &model, &data, &players, &[Metric::Mse])
            .unwrap()
            .remove(0);
        let (means, deviations) = (numbers(&case[kind]["mean"]), numbers(&case[kind]["std"]));
        let peer = case["n_repeats"].as_f64().unwrap();
        for i in 0..4 {
            // Two independent samples of the same shuffles: means within 4 standard errors,
            // standard deviations within 10 %.
            let error = deviations[i] * (1.0 / n_repeats as f64 + 1.0 / peer).sqrt();
            let value = found.values[i];
            assert!((value - means[i]).abs() < 4.0 * error, "{kind} {i}: {value} {}", means[i]);
            let ratio = found.std.as_ref().unwrap()[i] / deviations[i];
            assert!((ratio - 1.0).abs() < 0.1, "{kind} {i}: {ratio}");
        }
    }
}
