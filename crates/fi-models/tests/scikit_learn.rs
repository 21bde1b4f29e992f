//! scikit-learn's own numbers from the trees that `docs/guide/export.py` wrote. The files come
//! from `xtask/golden/scikit_learn.py`.

#![expect(clippy::unwrap_used, reason = "what does not fit fails the test")]

use std::path::PathBuf;

use fi_core::{Dataset, Model, Target};
use fi_models::Fitted;
use fi_models::import::scikit_learn;
use fi_models::store::Stored;
use fi_models::tree::{Trees, held_out_impurity, impurity, total_gain};
use ndarray::Array2;
use serde_json::Value;

const NAMES: [&str; 16] = [
    "tree_regressor",
    "tree_classifier",
    "forest_regressor",
    "forest_classifier",
    "forest_two_outputs",
    "extra_regressor",
    "extra_classifier",
    "boosting_regressor",
    "boosting_binary",
    "boosting_exponential",
    "boosting_multiclass",
    "hist_regressor",
    "hist_poisson",
    "hist_binary",
    "hist_multiclass",
    "hist_categories",
];

fn file(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/scikit_learn");
    std::fs::read(folder.join(name)).unwrap()
}

fn load(name: &str) -> (Stored, Value) {
    let model = scikit_learn(&file(&format!("{name}.model.json")));
    let model = model.unwrap_or_else(|problem| panic!("{name}: {problem}"));
    (model, serde_json::from_slice(&file(&format!("{name}.json"))).unwrap())
}

fn trees(stored: &Stored) -> &Trees {
    match &stored.model {
        Fitted::Trees(trees) => trees,
        other => panic!("{other:?}"),
    }
}

/// Numbers of any depth of lists, one row each; `null` is NaN.
fn table(value: &Value) -> Array2<f64> {
    let cell = |x: &Value| if x.is_null() { f64::NAN } else { x.as_f64().unwrap() };
    let row = |row: &Value| {
        row.as_array().map_or_else(|| vec![cell(row)], |row| row.iter().map(cell).collect())
    };
    let rows: Vec<Vec<f64>> = value.as_array().unwrap().iter().map(row).collect();
    Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).unwrap()
}

fn assert_close(name: &str, ours: &Array2<f64>, theirs: &Array2<f64>) {
    assert_eq!(ours.dim(), theirs.dim(), "{name}");
    for (ours, theirs) in ours.iter().zip(theirs) {
        let difference = (ours - theirs).abs();
        assert!(difference <= 1e-12 * theirs.abs().max(1.0), "{name}: {ours} and {theirs}");
    }
}

#[test]
fn predictions_are_those_of_scikit_learn() {
    let mut compared = [0; 3];
    for name in NAMES {
        let (stored, golden) = load(name);
        let rows = table(&golden["rows"]);
        let ours = stored.predict(rows.view()).unwrap();
        if golden["predict_proba"].is_array() {
            assert_close(name, &ours, &table(&golden["predict_proba"]));
            compared[0] += 1;
            // The class of the largest probability, by name.
            let names = stored.class_names.as_ref().unwrap();
            for (row, label) in ours.rows().into_iter().zip(golden["predict"].as_array().unwrap()) {
                let best =
                    (0..row.len()).fold(0, |best, k| if row[k] > row[best] { k } else { best });
                let label = label.as_str().map_or_else(|| label.to_string(), String::from);
                assert_eq!(names[best], label, "{name}");
            }
        } else {
            assert_close(name, &ours, &table(&golden["predict"]));
            assert!(stored.class_names.is_none(), "{name}");
            compared[1] += 1;
        }
        if golden["decision_function"].is_array() {
            let raw = trees(&stored).predict_raw(rows.view()).unwrap();
            assert_close(name, &raw, &table(&golden["decision_function"]));
            compared[2] += 1;
        }
    }
    assert_eq!(compared, [8, 8, 5]);
}

#[test]
fn leaves_are_those_of_apply_on_every_row() {
    let mut compared = 0;
    for name in NAMES {
        let (stored, golden) = load(name);
        if !golden["apply"].is_array() {
            continue;
        }
        let ensemble = trees(&stored).ensemble();
        let leaves = ensemble.apply(table(&golden["rows"]).view()).unwrap();
        let theirs = table(&golden["apply"]);
        assert_eq!(leaves.dim(), theirs.dim(), "{name}");
        for ((place, &leaf), &theirs) in leaves.indexed_iter().zip(&theirs) {
            assert_eq!(ensemble.tree(place.1).id(leaf) as f64, theirs, "{name}, {place:?}");
        }
        compared += 1;
    }
    assert_eq!(compared, 11);
}

#[test]
fn impurity_is_feature_importances() {
    let mut compared = 0;
    for name in NAMES {
        let (stored, golden) = load(name);
        let ensemble = trees(&stored).ensemble();
        let ours = impurity(ensemble, &stored.feature_names);
        if golden["feature_importances"].is_array() {
            let ours = Array2::from_shape_vec((5, 1), ours.unwrap().values).unwrap();
            assert_close(name, &ours, &table(&golden["feature_importances"]));
            compared += 1;
        } else {
            let error = ours.unwrap_err().to_string();
            let expected = "these trees do not know the impurities and covers of their nodes: take \
                            `total_gain`";
            assert_eq!(error, expected, "{name}");
            let gains = total_gain(ensemble, &stored.feature_names).unwrap().values;
            assert!(gains.iter().sum::<f64>() > 1.0, "{name}: {gains:?}");
        }
    }
    assert_eq!(compared, 11);
}

#[test]
fn on_the_training_rows_the_held_out_decrease_is_the_impurity() {
    let (stored, golden) = load("tree_regressor");
    let train = &golden["train"];
    let column = |value: &Value| table(value).into_raw_vec_and_offset().0;
    let data = Dataset::new(table(&train["rows"]), Target::Values(column(&train["target"])));
    let data = data.unwrap().with_weights(column(&train["weights"])).unwrap();
    let held_out = held_out_impurity(trees(&stored), &stored.feature_names, &data).unwrap().values;
    let sum: f64 = held_out.iter().sum();
    let shares = held_out.iter().map(|decrease| decrease / sum).collect();
    let ours = Array2::from_shape_vec((5, 1), shares).unwrap();
    let theirs = table(&golden["feature_importances"]);
    ours.iter().zip(&theirs).for_each(|(a, b)| assert!((a - b).abs() < 1e-10, "{a} and {b}"));
}

#[test]
fn covers_counted_on_the_training_rows_are_those_of_training() {
    let (stored, golden) = load("tree_regressor");
    let ensemble = trees(&stored).ensemble().clone();
    let train = &golden["train"];
    let weights = table(&train["weights"]).into_raw_vec_and_offset().0;
    let counted = ensemble.clone().with_covers_of(table(&train["rows"]).view(), Some(&weights));
    let counted = counted.unwrap();
    for node in 0..ensemble.n_nodes() {
        assert_eq!(counted.tree(0).cover(node), ensemble.tree(0).cover(node), "node {node}");
    }
}

/// One split and two leaves.
fn small() -> Value {
    serde_json::json!({
        "format": "fi-scikit-learn-trees", "version": 1, "model": "GradientBoostingRegressor",
        "n_features": 2, "n_outputs": 1, "feature_names": ["a", "b"], "loss": "squared_error",
        "learning_rate": 0.5, "base": [1.0], "init": "zero",
        "trees": [{"left": [1, -1, -1], "right": [2, -1, -1], "feature": [1, -2, -2],
            "threshold": [0.5, -2.0, -2.0], "missing_left": [0, 0, 0], "cover": [4.0, 1.0, 3.0],
            "impurity": [1.0, 0.0, 0.0], "value": [2.5, 1.0, 3.0]}],
    })
}

fn refusal(change: impl Fn(&mut Value)) -> String {
    let mut document = small();
    change(&mut document);
    scikit_learn(document.to_string().as_bytes()).unwrap_err().to_string()
}

#[test]
fn what_does_not_hold_together_is_one_sentence() {
    assert!(scikit_learn(small().to_string().as_bytes()).is_ok());
    let at = |list: &'static str, node: usize, value: Value| {
        refusal(move |document| document["trees"][0][list][node] = value.clone())
    };
    let set =
        |key: &'static str, value: Value| refusal(move |document| document[key] = value.clone());
    let json = serde_json::json!([
        [
            at("left", 0, 0.into()),
            "it is damaged: tree 0, node 0: child 0 must lie after it, below 3"
        ],
        [
            at("left", 0, 9.into()),
            "it is damaged: tree 0, node 0: child 9 must lie after it, below 3"
        ],
        [
            at("left", 0, 2.into()),
            "it is damaged: tree 0, node 0: child 2 has another parent already"
        ],
        [at("left", 0, (-5).into()), "it is damaged: tree 0, node 0: `left` is -5"],
        [at("feature", 0, 2.into()), "it is damaged: tree 0, node 0: splits on feature 2 of 2"],
        [
            at("cover", 1, (-1.0).into()),
            "it is damaged: tree 0, node 1: the cover is `-1`, it must be at least 0"
        ],
        [
            refusal(|document| document["trees"][0]["value"] = serde_json::json!([1.0])),
            "it is damaged: tree 0 has 3 nodes of 1 values each and 1 numbers of `value`"
        ],
        [
            refusal(|document| document["trees"][0]["cover"] = serde_json::json!([])),
            "it is damaged: tree 0 has 3 nodes and 0 numbers of `cover`"
        ],
        [set("n_outputs", 2.into()), "it is damaged: `base` has 1 numbers and `n_outputs` is 2"],
        [
            set("n_features", u64::MAX.into()),
            "it is damaged: `feature_names` has 2 names and `n_features` is 18446744073709551615"
        ],
        [
            refusal(|document| {
                document["n_features"] = u64::MAX.into();
                document["feature_names"] = Value::Null;
            }),
            "it is damaged: `n_features` is 18446744073709551615, more than the file has bytes"
        ],
        [
            set("trees", serde_json::json!([])),
            "it is damaged: it needs at least one feature, one output and one tree"
        ],
        [
            set("format", "x".into()),
            "it is damaged: its format is `x`, not `fi-scikit-learn-trees`"
        ],
        [
            set("version", 2.into()),
            "the export has version 2, fi reads 1: export again with docs/guide/export.py"
        ],
        [
            set("loss", "ranking".into()),
            "the loss `ranking` of the `GradientBoostingRegressor` is not one that fi knows"
        ],
        [
            set("init", "LinearRegression".into()),
            "boosting starts from the predictions of `LinearRegression`, which is no number: train it without `init`"
        ],
        [
            set("model", "IsolationForest".into()),
            "`IsolationForest` is none of the tree models that fi reads from scikit-learn: decision \
             trees, random forests, extra-trees, gradient boosting and histogram gradient boosting"
        ],
    ]);
    for pair in json.as_array().unwrap() {
        assert_eq!(pair[0], pair[1]);
    }
}

#[test]
fn a_file_cut_anywhere_is_one_sentence() {
    let bytes = small().to_string().into_bytes();
    for length in 0..bytes.len() {
        let problem = scikit_learn(&bytes[..length]).unwrap_err().to_string();
        assert!(problem.starts_with("it is damaged: not the JSON of the export, "), "{problem}");
    }
    let nan = String::from_utf8(bytes).unwrap().replace("0.5", "NaN");
    let problem = scikit_learn(nan.as_bytes()).unwrap_err().to_string();
    assert!(problem.contains("expected value"), "{problem}");
}

proptest::proptest! {
    #[test]
    fn changed_bytes_never_panic(
        changes in proptest::collection::vec((0_usize..400, proptest::num::u8::ANY), 1..4),
    ) {
        let mut bytes = small().to_string().into_bytes();
        for (place, byte) in changes {
            let place = place % bytes.len();
            bytes[place] = byte;
        }
        if let Ok(stored) = scikit_learn(&bytes) {
            stored.validate().unwrap();
        }
    }
}
