//! Gradient boosting beside scikit-learn's and LightGBM's.
//!
//! The numbers come from `xtask/golden/boosting.py`.

#![expect(clippy::unwrap_used, reason = "what does not fit fails the test")]

use std::path::PathBuf;

use fi_core::{Dataset, Metric, Model, Run, Target};
use fi_models::tree::{GradientBoosting, Loss};
use ndarray::Array2;
use serde_json::Value;

fn golden(name: &str) -> Value {
    let root = env!("CARGO_MANIFEST_DIR");
    let path: PathBuf = [root, "tests", "golden", "boosting", name].iter().collect();
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap_or(f64::NAN)).collect()
}

#[test]
fn raw_predictions_are_scikit_learns() {
    let golden = golden("predictions.json");
    let rows: Vec<f64> = golden["rows"].as_array().unwrap().iter().flat_map(numbers).collect();
    let rows = Array2::from_shape_vec((rows.len() / 4, 4), rows).unwrap();
    for case in golden["cases"].as_array().unwrap() {
        let target = numbers(&golden["targets"][case["target"].as_str().unwrap()]);
        let loss = match case["loss"].as_str().unwrap() {
            "SquaredError" => Loss::SquaredError,
            "AbsoluteError" => Loss::AbsoluteError,
            "Poisson" => Loss::Poisson,
            "Gamma" => Loss::Gamma,
            _ => Loss::LogLoss,
        };
        let target = if loss == Loss::LogLoss {
            let names = vec!["no".to_owned(), "yes".to_owned()];
            Target::Classes { labels: target.iter().map(|&y| y as usize).collect(), names }
        } else {
            Target::Values(target)
        };
        let mut data = Dataset::new(rows.clone(), target).unwrap();
        if case["weighted"].as_bool().unwrap() {
            data = data.with_weights(numbers(&golden["weights"])).unwrap();
        }
        let settings = GradientBoosting {
            loss,
            n_estimators: 20,
            max_leaf_nodes: Some(8),
            min_samples_leaf: 10,
            l2_regularization: 0.5,
            ..GradientBoosting::default()
        };
        let trees = settings.fit(&Run::new(0), &data).unwrap();
        let raw = trees.predict_raw(rows.view()).unwrap();
        let expected = numbers(&case["raw"]);
        let worst = raw.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        // scikit-learn's gradients are single-precision numbers.
        assert!(worst < 2e-6, "{} {}: {worst}", case["loss"], case["weighted"]);
    }
}

/// A table of `datasets/`, classes in the order of their names.
fn load(name: &str) -> Dataset {
    let root = env!("CARGO_MANIFEST_DIR");
    let path: PathBuf = [root, "..", "..", "datasets", &format!("{name}.csv")].iter().collect();
    let mut reader = csv::Reader::from_path(path).unwrap();
    let records: Vec<csv::StringRecord> = reader.records().map(|record| record.unwrap()).collect();
    let n_features = records[0].len() - 1;
    let cell = |(i, j): (usize, usize)| records[i][j].parse::<f64>().unwrap();
    let rows = Array2::from_shape_fn((records.len(), n_features), cell);
    let target: Vec<&str> = records.iter().map(|record| &record[n_features]).collect();
    if name == "diabetes" {
        let values = target.iter().map(|y| y.parse().unwrap()).collect();
        return Dataset::new(rows, Target::Values(values)).unwrap();
    }
    let mut names: Vec<String> = target.iter().map(ToString::to_string).collect();
    names.sort_unstable();
    names.dedup();
    let labels = target.iter().map(|y| names.iter().position(|name| name == y).unwrap()).collect();
    Dataset::new(rows, Target::Classes { labels, names }).unwrap()
}

/// The held-out scores of each fold of each seed.
fn scores(name: &str, folds: &Value) -> Vec<f64> {
    let data = load(name);
    let values = data.target().values().is_some();
    let (settings, metric) = if values {
        (GradientBoosting::regression(), Metric::R2)
    } else {
        (GradientBoosting::classification(), Metric::LogLoss)
    };
    let mut scores = Vec::new();
    for folds in folds.as_array().unwrap() {
        let folds = numbers(folds);
        for k in 0..5 {
            let rows = |test: bool| -> Vec<usize> {
                (0..folds.len()).filter(|&row| (folds[row] as usize == k) == test).collect()
            };
            let train = data.select_rows(&rows(false)).unwrap();
            let test = data.select_rows(&rows(true)).unwrap();
            let trees = settings.fit(&Run::new(0), &train).unwrap();
            let predicted = trees.predict(test.rows()).unwrap();
            scores
                .push(metric.score(predicted.view(), trees.output(), test.target(), None).unwrap());
        }
    }
    scores
}

#[test]
fn held_out_scores_are_those_of_scikit_learn_and_lightgbm() {
    let golden = golden("scores.json");
    for name in ["diabetes", "breast-cancer", "wine", "iris"] {
        let peers = &golden["data"][name];
        let ours = scores(name, &peers["folds"]);
        let n = ours.len() as f64;
        for library in ["scikit-learn", "lightgbm"] {
            let theirs = numbers(&peers[library]);
            let mean = |x: &[f64]| x.iter().sum::<f64>() / n;
            // Paired over folds; positive is better.
            let sign = if name == "diabetes" { 1.0 } else { -1.0 };
            let gains: Vec<f64> = ours.iter().zip(&theirs).map(|(a, b)| sign * (a - b)).collect();
            let gain = mean(&gains);
            let variance = gains.iter().map(|d| (d - gain).powi(2)).sum::<f64>() / (n - 1.0);
            let error = (variance / n).sqrt();
            assert!(
                gain > -3.0 * error - 1e-6,
                "{name} {library}: {} {} {error}",
                mean(&ours),
                mean(&theirs)
            );
        }
    }
}
