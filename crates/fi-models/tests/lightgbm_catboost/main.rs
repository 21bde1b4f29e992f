//! Models of LightGBM and CatBoost, compared with what these libraries say of hard rows: missing
//! values, zeros, infinities, values equal to thresholds and next to them, unseen categories.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its file must fail")]

mod catboost;
mod lightgbm;

use std::path::PathBuf;

use fi_models::Fitted;
use fi_models::store::Stored;
use fi_models::tree::{Ensemble, Trees};
use ndarray::Array2;
use serde_json::Value;

/// The committed file of a topic.
fn read(topic: &str, file: &str) -> Vec<u8> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let path = root.join("tests/golden").join(topic).join(file);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn golden(topic: &str, name: &str) -> Value {
    serde_json::from_slice(&read(topic, &format!("{name}.json"))).unwrap()
}

/// A number, or the name of one that JSON does not have.
fn number(value: &Value) -> f64 {
    match value {
        Value::String(name) => name.parse().unwrap(),
        value => value.as_f64().unwrap(),
    }
}

fn list(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

fn matrix(value: &Value) -> Array2<f64> {
    let rows: Vec<Vec<f64>> = value.as_array().unwrap().iter().map(list).collect();
    let n_columns = rows.first().map_or(0, Vec::len);
    Array2::from_shape_vec((rows.len(), n_columns), rows.concat()).unwrap()
}

fn trees(stored: &Stored) -> &Trees {
    match &stored.model {
        Fitted::Trees(trees) => trees,
        other => panic!("{other:?}"),
    }
}

/// The library's number of each row's leaf in each tree.
fn leaf_ids(ensemble: &Ensemble, rows: &Array2<f64>) -> Array2<f64> {
    let mut leaves = ensemble.apply(rows.view()).unwrap();
    for mut row in leaves.rows_mut() {
        row.iter_mut().zip(ensemble.trees()).for_each(|(leaf, tree)| *leaf = tree.id(*leaf));
    }
    leaves.mapv(|leaf| leaf as f64)
}

/// Asserts that all rows fall into the leaves that the library says.
fn assert_leaves(name: &str, ensemble: &Ensemble, rows: &Array2<f64>, expected: &Array2<f64>) {
    let leaves = leaf_ids(ensemble, rows);
    assert_eq!(leaves.dim(), expected.dim(), "{name}");
    for ((row, tree), (got, expected)) in
        leaves.indexed_iter().map(|(at, got)| (at, (got, expected[at])))
    {
        let values = rows.row(row);
        assert_eq!(*got, expected, "{name}: row {row} = {values}, tree {tree}");
    }
}

/// Asserts that no number is further from the expected one than `tolerance` of its size (of 1
/// for small ones).
fn assert_close(name: &str, got: &Array2<f64>, expected: &Array2<f64>, tolerance: f64) {
    assert_eq!(got.dim(), expected.dim(), "{name}");
    for ((place, got), expected) in got.indexed_iter().zip(expected) {
        let error = (got - expected).abs() / expected.abs().max(1.0);
        assert!(error <= tolerance, "{name} at {place:?}: {got} instead of {expected}");
    }
}
