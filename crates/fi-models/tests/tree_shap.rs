//! Path-dependent TreeSHAP against what the libraries say of their own models, wherever a golden
//! file has their contributions.

use std::path::{Path, PathBuf};

use fi_core::{Model as _, Players, Run};
use fi_models::Fitted;
use fi_models::tree::{TreeShap, Trees};
use ndarray::Array2;
use serde_json::Value;

/// A number, or the name of one that JSON does not have.
fn number(value: &Value) -> f64 {
    match value {
        Value::Null => f64::NAN,
        Value::String(name) => name.parse().expect("the name of a number"),
        other => other.as_f64().expect("a number"),
    }
}

/// All numbers of nested lists, in order.
fn flat(value: &Value, into: &mut Vec<f64>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| flat(value, into)),
        other => into.push(number(other)),
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    let mut into = Vec::new();
    flat(value, &mut into);
    into
}

/// The models that stand beside a golden file: its name with another ending.
fn models(golden: &Path) -> Vec<PathBuf> {
    let stem = golden.file_stem().expect("a name").to_string_lossy().into_owned();
    let beside = |name: String| golden.with_file_name(name);
    ["-model.json", ".txt", ".ubj", "-model.ubj", ".model.json"]
        .into_iter()
        .map(|ending| beside(format!("{stem}{ending}")))
        .filter(|path| path.exists())
        .collect()
}

/// Golden files with a field, of one library, and their models.
fn cases(library: &str, field: &str) -> Vec<(PathBuf, Value, Trees)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(library);
    let Ok(entries) = std::fs::read_dir(&folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    let mut cases = Vec::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|end| end == "json")) {
        let text = std::fs::read_to_string(file).expect("a golden file");
        let Ok(golden) = serde_json::from_str::<Value>(&text) else { continue };
        if golden.get(field).is_none_or(Value::is_null) || golden.get("rows").is_none() {
            continue;
        }
        for model in models(file) {
            // CatBoost's contributions of trees that are not symmetric do not add up to its own
            // answers.
            if model.to_string_lossy().contains("depthwise") {
                assert!(!adds_up(&golden), "CatBoost is right now, compare");
                continue;
            }
            let bytes = std::fs::read(&model).expect("a model");
            let fitted = match library {
                "lightgbm" => fi_models::import::lightgbm(&bytes).expect("a model").model,
                "catboost" => fi_models::import::catboost(&bytes).expect("a model").model,
                _ => fi_models::import::load(&model).expect("a model").model,
            };
            if let Fitted::Trees(trees) = fitted {
                cases.push((model, golden.clone(), trees));
            }
        }
    }
    cases
}

/// Whether the library's contributions and base add up to its raw answers.
fn adds_up(golden: &Value) -> bool {
    let (raw, contribs) = (numbers(&golden["raw"]), numbers(&golden["contribs"]));
    let mut lists = contribs.chunks_exact(contribs.len() / raw.len()).zip(&raw);
    lists.all(|(contribs, raw)| (contribs.iter().sum::<f64>() - raw).abs() < 1e-6)
}

fn rows(golden: &Value, trees: &Trees) -> Array2<f64> {
    let rows = numbers(&golden["rows"]);
    let n_features = trees.n_features();
    Array2::from_shape_vec((rows.len() / n_features, n_features), rows).expect("a table")
}

fn players(trees: &Trees) -> Players {
    Players::features((0..trees.n_features()).map(|i| format!("x{i}"))).expect("names")
}

/// Compares with lists of `n_features` values and the base, `n_outputs` per row.
fn compare(library: &str, tolerance: f64) -> usize {
    let cases = cases(library, "contribs");
    for (model, golden, trees) in &cases {
        let run = Run::new(0);
        let (rows, players) = (rows(golden, trees), players(trees));
        let mut expected = numbers(&golden["contribs"]);
        // LightGBM sums the contributions of forests whose predictions it averages.
        if library == "lightgbm" {
            for value in &mut expected {
                *value *= trees.ensemble().scale();
            }
        }
        let explainer = TreeShap::default().explainer(&run, trees).expect("covers");
        let width = explainer.n_outputs() * (trees.n_features() + 1);
        let n_rows = expected.len() / width;
        let found = explainer.attribution(&run, &players, rows.view()).expect("values");
        let error = found.additivity_error.expect("all features are players");
        assert!(error < 1e-9, "{}: {error:e}", model.display());
        let largest = expected.iter().fold(1.0_f64, |largest, value| largest.max(value.abs()));
        let lists = expected.chunks_exact(trees.n_features() + 1);
        for (place, expected) in lists.enumerate() {
            let (row, output) = (place / explainer.n_outputs(), place % explainer.n_outputs());
            for (feature, &expected) in expected.iter().enumerate() {
                let value = if feature < trees.n_features() {
                    found.values[[row, output, feature]]
                } else {
                    explainer.base_values()[output]
                };
                assert!(
                    (value - expected).abs() < tolerance * largest,
                    "{}, row {row} of {n_rows}, output {output}, feature {feature}: {value} \
                     instead of {expected}",
                    model.display()
                );
            }
        }
    }
    cases.len()
}

/// Compares with matrices of `n_features + 1` rows and columns.
fn compare_interactions(library: &str, tolerance: f64) -> usize {
    let cases = cases(library, "interactions");
    for (model, golden, trees) in &cases {
        let run = Run::new(0);
        let (rows, players) = (rows(golden, trees), players(trees));
        let expected = numbers(&golden["interactions"]);
        let explainer = TreeShap::default().explainer(&run, trees).expect("covers");
        let side = trees.n_features() + 1;
        let n_rows = expected.len() / (side * side * explainer.n_outputs());
        let rows = rows.slice(ndarray::s![..n_rows, ..]);
        let found = explainer.interactions(&run, &players, rows).expect("interactions");
        let largest = expected.iter().fold(1.0_f64, |largest, value| largest.max(value.abs()));
        for (place, expected) in expected.chunks_exact(side * side).enumerate() {
            let (row, output) = (place / explainer.n_outputs(), place % explainer.n_outputs());
            let dense = found.dense(row, output);
            // CatBoost has numbers of its own beside the base value.
            let among_features = |place: &usize| place / side < side - 1 && place % side < side - 1;
            for place in (0..side * side).filter(among_features) {
                let (value, expected) = (dense[[place / side, place % side]], expected[place]);
                assert!(
                    (value - expected).abs() < tolerance * largest,
                    "{}, row {row}, output {output}: {value} instead of {expected}",
                    model.display()
                );
            }
        }
    }
    cases.len()
}

#[test]
fn lightgbm_says_the_same() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/lightgbm");
    assert_eq!(compare("lightgbm", 1e-9) > 0, folder.exists());
}

#[test]
fn catboost_says_the_same() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/catboost");
    assert_eq!(compare("catboost", 1e-9) > 0, folder.exists());
    assert_eq!(compare_interactions("catboost", 1e-9) > 0, folder.exists());
}

/// XGBoost computes in single precision.
#[test]
fn xgboost_says_the_same() {
    compare("xgboost", 1e-5);
    compare_interactions("xgboost", 1e-5);
}
