//! Against shap 0.54.1's C extension on scikit-learn's trees, through the public interface;
//! `xtask/golden/interventional.py` made the numbers.

use fi_core::{Model, Players};
use ndarray::Array2;
use serde_json::Value;

use super::*;
use crate::tree::{Link, OutputScale, Perturbation, TreeShap, Trees};

fn golden() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/interventional/shap.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// All numbers of nested lists.
fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        other => vec![other.as_f64().unwrap()],
    }
}

fn table(value: &Value) -> Array2<f64> {
    let n = value.as_array().unwrap().len();
    let cells = numbers(value);
    Array2::from_shape_vec((n, cells.len() / n), cells).unwrap()
}

/// scikit-learn rounds values to single precision and compares with double thresholds.
fn trees(model: &Value, aggregate: Aggregate, link: Link) -> Trees {
    let base = numbers(&model["base"]);
    let mut builder = Ensemble::builder(8, base.len(), Comparison::LessEqual)
        .with_precision(Precision::F32)
        .with_aggregate(aggregate)
        .with_base(base);
    for tree in model["trees"].as_array().unwrap() {
        let (left, right) = (numbers(&tree["left"]), numbers(&tree["right"]));
        let (feature, threshold) = (numbers(&tree["feature"]), numbers(&tree["threshold"]));
        let value = table(&tree["value"]);
        let mut one = TreeBuilder::new(value.ncols());
        for (node, value) in value.rows().into_iter().enumerate() {
            let value = value.to_vec();
            let stats = NodeStats { cover: 1.0, impurity: 0.0, value: &value };
            if left[node] < 0.0 {
                one.push_leaf(&stats);
            } else {
                one.push_split(feature[node] as usize, threshold[node], &stats);
            }
        }
        for node in (0..left.len()).filter(|&node| left[node] >= 0.0) {
            one.connect(node, left[node] as usize, right[node] as usize);
        }
        builder.push_tree(one).unwrap();
    }
    Trees::new(builder.build().unwrap(), link).unwrap()
}

/// shap adds in single precision.
const TOLERANCE: f64 = 2e-6;

fn check(trees: &Trees, golden: &Value, scale: OutputScale, expected: &Value, last: bool) {
    let background = Background::new(table(&golden["background"]), None).unwrap();
    let rows = table(&golden["rows"]);
    let players = Players::features((0..8).map(|i| format!("x{i}"))).unwrap();
    for tables in [TABLES, STREAMED, COHORTS] {
        let shap = TreeShap {
            perturbation: Perturbation::Interventional(&background),
            output_scale: scale,
            precision: Precision::F64,
            tables,
        };
        let explainer = shap.explainer(&fi_core::Run::new(0), trees).unwrap();
        assert_eq!(explainer.method(), "interventional TreeSHAP");
        let found = explainer.attribution(&Run::new(0), &players, rows.view()).unwrap();
        assert!(found.additivity_error.unwrap() < 1e-12);
        // Of two classes shap explains the second.
        let skip = if last { found.values.dim().1 - 1 } else { 0 };
        let values: Vec<f64> =
            found.values.slice(ndarray::s![.., skip.., ..]).iter().copied().collect();
        close(&values, &numbers(&expected["values"]), TOLERANCE).unwrap();
        close(&explainer.base_values()[skip..], &numbers(&expected["base"]), TOLERANCE).unwrap();
    }
}

#[test]
fn boosting_agrees_with_shap_on_both_scales() {
    let golden = golden();
    let model = &golden["boosting"];
    let trees = trees(model, Aggregate::Sum, Link::Logistic { slope: 1.0 });
    assert_eq!(trees.n_outputs(), 2);
    check(&trees, &golden, OutputScale::Raw, &model["raw"], false);
    check(&trees, &golden, OutputScale::Probability, &model["probability"], true);
}

#[test]
fn a_forest_of_three_classes_agrees_with_shap() {
    let golden = golden();
    let model = &golden["forest"];
    let trees = trees(model, Aggregate::Mean, Link::Probabilities);
    check(&trees, &golden, OutputScale::Raw, &model["raw"], false);
    // The raw answers of a forest are probabilities.
    check(&trees, &golden, OutputScale::Probability, &model["raw"], false);
}
