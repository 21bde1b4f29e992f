//! The road of docs/guide: models of each library as it saves them, and what the command says of
//! them held against what the library says itself (`xtask/golden/guide.py`).

use std::collections::BTreeMap;
use std::path::Path;

use ndarray::{ArrayD, Axis, Slice};
use serde_json::Value;

use crate::desk::Desk;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/guide");

/// The models and tables, and the numbers of one library.
fn golden(library: &str) -> (Desk, Value) {
    let desk = Desk::with(&["diabetes.csv", "wine.csv", "iris.csv"]);
    for entry in std::fs::read_dir(FOLDER).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), desk.path(entry.file_name().to_str().unwrap())).unwrap();
    }
    let all: Value = serde_json::from_slice(&desk.bytes("peers.json")).unwrap();
    (desk, all[library].clone())
}

/// An array that the command wrote, at the rows whose numbers are kept.
fn kept(desk: &Desk, file: &str) -> ArrayD<f64> {
    let path = desk.path(file);
    let read = |path: &Path| {
        let of_two = fi_io::read_npy_2d(path).map(ndarray::ArrayBase::into_dyn);
        of_two.or_else(|_| fi_io::read_npy_3d(path).map(ndarray::ArrayBase::into_dyn))
    };
    read(&path).unwrap().slice_axis(Axis(0), Slice::from(..).step_by(20)).to_owned()
}

/// The numbers of nested lists, in order.
fn flat(value: &Value, into: &mut Vec<f64>) {
    match value {
        Value::Array(values) => {
            for value in values {
                flat(value, into);
            }
        }
        number => into.push(number.as_f64().unwrap()),
    }
}

/// What must be equal to `bound` times its size, or 1.
fn assert_near<'a>(what: &str, found: impl Iterator<Item = &'a f64>, own: &[f64], bound: f64) {
    let found: Vec<f64> = found.copied().collect();
    assert_eq!(found.len(), own.len(), "{what}");
    for (i, (found, own)) in found.iter().zip(own).enumerate() {
        let gap = (found - own).abs() / own.abs().max(1.0);
        assert!(gap < bound, "{what}, number {i}: fi has {found}, the library {own}");
    }
}

/// Compares a file of the command with the library's numbers; `n_columns` of the last axes are
/// compared, because some libraries leave the base value away.
fn assert_rows(desk: &Desk, file: &str, own: &Value, n_columns: usize, bound: f64) {
    let mut found = kept(desk, file);
    let first_axis = if file.starts_with("pairs") { 1 } else { found.ndim() - 1 };
    for axis in first_axis..found.ndim() {
        found.slice_axis_inplace(Axis(axis), Slice::from(..n_columns));
    }
    let mut numbers = Vec::new();
    flat(own, &mut numbers);
    assert_near(file, found.iter(), &numbers, bound);
}

/// A column of a result's table, by feature.
fn column(desk: &Desk, file: &str, name: &str) -> BTreeMap<String, f64> {
    let text = desk.text(file);
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = lines.next().unwrap();
    let place = |name: &str| header.iter().position(|column| *column == name).unwrap();
    let (feature, number) = (place("feature"), place(name));
    lines.map(|cells| (cells[feature].to_owned(), cells[number].parse().unwrap())).collect()
}

fn by_name(own: &Value) -> BTreeMap<String, f64> {
    let object = own.as_object().unwrap();
    object.iter().map(|(name, number)| (name.clone(), number.as_f64().unwrap())).collect()
}

fn assert_scores(what: &str, found: &BTreeMap<String, f64>, own: &Value, bound: f64) {
    let own = by_name(own);
    assert!(found.keys().eq(own.keys()), "{what}: {found:?}");
    assert_near(what, found.values(), &own.into_values().collect::<Vec<_>>(), bound);
}

/// Scores that the command reads in the model's file.
fn assert_inside(desk: &Desk, model: &str, own: &Value, bound: f64) {
    for (method, scores) in own["scores"].as_object().unwrap() {
        desk.done(&format!("importance {method} --model {model} --output {method}.csv"));
        let found = column(desk, &format!("{method}.csv"), "importance");
        assert_scores(method, &found, scores, bound);
    }
}

/// scikit-learn draws other shuffles: means agree within the error of the means of the repeats.
fn assert_permutation(desk: &Desk, call: &str, own: &Value) {
    const REPEATS: f64 = 100.0;
    let call =
        format!("importance permutation --repeats {REPEATS} --output permutation.csv {call}");
    desk.done(&call);
    let [mean, std] = ["importance", "std"].map(|name| column(desk, "permutation.csv", name));
    let [own_mean, own_std] = ["mean", "std"].map(|key| by_name(&own[key]));
    let own_repeats = own["repeats"].as_f64().unwrap();
    assert!(mean.keys().eq(own_mean.keys()), "{mean:?}");
    let mut n_moved = 0;
    for (name, found) in &mean {
        let error = (std[name].powi(2) / REPEATS + own_std[name].powi(2) / own_repeats).sqrt();
        let gap = (found - own_mean[name]).abs();
        assert!(gap <= 4.5 * error, "{name}: fi has {found}, scikit-learn {}", own_mean[name]);
        n_moved += usize::from(own_mean[name].abs() > 10.0 * error);
    }
    assert!(n_moved > 1, "no feature is told from chance: {mean:?}");
}

#[test]
fn xgboost_says_the_same() {
    let (desk, own) = golden("xgboost");
    let rows = "--model xgboost.ubj --data diabetes.csv";
    desk.done(&format!("predict {rows} --output predictions.npy"));
    assert_rows(&desk, "predictions.npy", &own["predictions"], 1, 1e-6);
    desk.done(&format!("explain shap {rows} --output shap.npy"));
    assert_rows(&desk, "shap.npy", &own["shap"], 11, 1e-5);
    desk.done(&format!("interactions shap {rows} --output pairs.npy"));
    assert_rows(&desk, "pairs.npy", &own["pairs"], 11, 1e-4);
    assert_inside(&desk, "xgboost.ubj", &own, 1e-6);
    desk.done(&format!("importance shap {rows} --output shap.csv"));
    let found = column(&desk, "shap.csv", "importance");
    assert_scores("SHAP importance", &found, &own["shap importance"], 1e-5);

    // The page holds them in full.
    desk.done(&format!("report {rows} --target target --metric r2 --output page.html"));
    let page = desk.text("page.html");
    let keys = page.split("data-key=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let numbers: Vec<f64> = keys.filter_map(|key| key.parse().ok()).collect();
    for (name, own) in by_name(&own["shap importance"]) {
        let is_there = numbers.iter().any(|number| (number / own - 1.0).abs() < 1e-5);
        assert!(is_there, "the page lacks the {own} of {name}");
    }
}

#[test]
fn lightgbm_says_the_same_of_classes_categories_and_missing_values() {
    let (desk, own) = golden("lightgbm");
    let rows = "--model lightgbm.txt --data penguins-missing.csv";
    desk.done(&format!("predict {rows} --output predictions.npy"));
    assert_rows(&desk, "predictions.npy", &own["predictions"], 3, 1e-12);
    desk.done(&format!("explain shap {rows} --output shap.npy"));
    assert_rows(&desk, "shap.npy", &own["shap"], 7, 1e-12);
    assert_inside(&desk, "lightgbm.txt", &own, 1e-5);
    assert_permutation(&desk, &format!("{rows} --target species"), &own["permutation"]);
    desk.done("plot beeswarm shap.npy --data penguins-missing.csv --drop species --output p.svg");
    assert!(desk.text("p.svg").contains("bill_length_mm"));
}

#[test]
fn catboost_says_the_same_of_one_hot_categories() {
    let (desk, own) = golden("catboost");
    let rows = "--model catboost.json --data penguins-unknown.csv";
    desk.done(&format!("predict {rows} --output predictions.npy"));
    assert_rows(&desk, "predictions.npy", &own["predictions"], 1, 1e-12);
    desk.done(&format!("explain shap {rows} --output shap.npy"));
    assert_rows(&desk, "shap.npy", &own["shap"], 7, 1e-10);
    desk.done(&format!("importance shap {rows} --output shap.csv"));
    let found = column(&desk, "shap.csv", "importance");
    assert_scores("SHAP importance", &found, &own["shap importance"], 1e-10);
}

#[test]
fn scikit_learn_and_shap_say_the_same_of_a_forest() {
    let (desk, own) = golden("forest");
    let rows = "--model forest.json --data diabetes.csv";
    desk.done(&format!("predict {rows} --output predictions.npy"));
    assert_rows(&desk, "predictions.npy", &own["predictions"], 1, 1e-12);
    desk.done(&format!("explain shap {rows} --output shap.npy"));
    assert_rows(&desk, "shap.npy", &own["shap"], 10, 1e-10);
    desk.done(&format!("explain shap {rows} --background background.csv --output of-rows.npy"));
    assert_rows(&desk, "of-rows.npy", &own["interventional"], 10, 1e-10);
    desk.done(&format!("interactions shap {rows} --output pairs.npy"));
    assert_rows(&desk, "pairs.npy", &own["pairs"], 10, 1e-10);
    assert_inside(&desk, "forest.json", &own, 1e-12);
    let call = format!("{rows} --target target --metric r2");
    assert_permutation(&desk, &call, &own["permutation"]);
}

/// The graph has no names for its inputs: they are the table's.
#[test]
fn scikit_learn_says_the_same_of_a_pipeline_in_onnx() {
    let (desk, own) = golden("pipeline");
    let rows = "--model pipeline.onnx --data wine.csv --target target";
    desk.done(&format!("predict {rows} --output predictions.npy"));
    assert_rows(&desk, "predictions.npy", &own["predictions"], 3, 1e-6);
    assert_permutation(&desk, rows, &own["permutation"]);
}

#[test]
fn pytorch_and_shap_say_the_same_of_a_network() {
    let (desk, own) = golden("network");
    let rows = "--model net.safetensors --layers net.json --data iris.csv";
    desk.done(&format!("predict {rows} --output predictions.npy"));
    assert_rows(&desk, "predictions.npy", &own["predictions"], 3, 1e-12);
    desk.done(&format!("explain gradient {rows} --output gradient.npy"));
    assert_rows(&desk, "gradient.npy", &own["gradient"], 4, 1e-12);
    let graph = "--model net.onnx --data iris.csv --target target";
    desk.done(&format!("predict {graph} --output graph.npy"));
    assert_rows(&desk, "graph.npy", &own["predictions"], 3, 1e-6);
    desk.done(&format!("explain shap {graph} --background iris.csv --output shap.npy"));
    assert_rows(&desk, "shap.npy", &own["shap"], 4, 1e-6);
    // The graph's features are drawn by the table's names.
    desk.done(&format!("plot beeswarm shap.npy {graph} --output-index 2 --output p.svg"));
    assert!(desk.text("p.svg").contains("petal width"), "{}", desk.text("p.svg"));
}

#[test]
fn a_model_without_names_takes_those_of_the_table() {
    let (desk, _) = golden("pipeline");
    let call = "importance permutation --model pipeline.onnx --data wine.csv --repeats 2";
    let table = desk.done(&format!("{call} --target target"));
    assert!(table.contains("proline") && !table.contains("x12"), "{table}");
    let (code, said) = desk.fails("predict --model pipeline.onnx --data wine.csv");
    let sentence = "fi: `wine.csv`: there are 14 feature columns, but the model, whose features \
                    have no names, takes 13: leave the others out with `drop`, the target with \
                    `target`";
    assert_eq!((code, said.as_str()), (1, sentence));
}
