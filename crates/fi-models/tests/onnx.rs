//! onnxruntime's answers from the same ONNX files, and what is refused. The files come from
//! `xtask/golden/onnx_trees.py`.

#![expect(clippy::unwrap_used, reason = "what does not fit fails the test")]

use std::path::PathBuf;

use fi_core::Model;
use fi_models::import::onnx;
use ndarray::Array2;
use serde_json::Value;

/// How refusals start; every other file must be read.
const REFUSED: [(&str, &str); 17] = [
    ("pipeline", "the operator `Scaler` stands before the trees: convert the tree model alone"),
    (
        "linear",
        "it is a black box model; fi reads graphs of one TreeEnsembleClassifier, \
         TreeEnsembleRegressor or TreeEnsemble, and this one has LinearRegressor",
    ),
    ("hand_max", "aggregate_function `MAX` is none of those that fi can express"),
    ("hand_probit", "post_transform `PROBIT` is none of those that fi can express"),
    ("hand_logistic", "post_transform `Logistic` of a regressor with one target"),
    ("hand_min", "aggregate_function `MIN` is none of those that fi can express"),
    ("hand_logistic_of_two", "`base_values` for output 0, for which some rows have no leaf weight"),
    ("hand_softmax_zero", "post_transform `SOFTMAX_ZERO` is none of those that fi can express"),
    ("v5_minimum", "aggregate_function `MIN` is none of those that fi can express"),
    ("v5_maximum", "aggregate_function `MAX` is none of those that fi can express"),
    ("v5_softmax_zero", "post_transform `SOFTMAX_ZERO` is none of those that fi can express"),
    ("v5_probit", "post_transform `PROBIT` is none of those that fi can express"),
    ("v5_softmax", "post_transform `SOFTMAX` of a TreeEnsemble, which onnxruntime takes for"),
    ("v5_logistic", "post_transform `LOGISTIC` of a TreeEnsemble, which onnxruntime takes for"),
    ("v5_logistic_of_one", "post_transform `LOGISTIC` of a TreeEnsemble, which onnxruntime takes"),
    ("v5_fraction", "a split asks whether a feature equals 0.5, which is no category"),
    ("hand_fraction", "a split asks whether a feature equals 0.5, which is no category"),
];

/// Models with splits on categories.
const EQUAL: [&str; 4] =
    ["hand_equal", "v5_equal", "v5_member", "v5_members_in_the_order_of_nodes"];

fn file(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/onnx");
    std::fs::read(folder.join(name)).unwrap()
}

fn table(value: &Value) -> Array2<f64> {
    let cell = |x: &Value| if x.is_null() { f64::NAN } else { x.as_f64().unwrap() };
    let row = |row: &Value| {
        row.as_array().map_or_else(|| vec![cell(row)], |row| row.iter().map(cell).collect())
    };
    let rows: Vec<Vec<f64>> = value.as_array().unwrap().iter().map(row).collect();
    Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).unwrap()
}

#[test]
fn answers_are_those_of_onnxruntime() {
    let golden: Value = serde_json::from_slice(&file("golden.json")).unwrap();
    let rows = table(&golden["rows"]);
    let models = golden["models"].as_object().unwrap();
    let mut read = 0;
    for (name, golden) in models {
        let result = onnx(&file(&format!("{name}.onnx")));
        // Read as black boxes, beside the others of their kind in `onnx_graphs.rs`.
        if cfg!(feature = "onnx") && ["pipeline", "linear"].contains(&name.as_str()) {
            assert!(matches!(result.unwrap().output(), fi_core::Output::Values));
            continue;
        }
        if let Some((_, start)) = REFUSED.iter().find(|(refused, _)| refused == name) {
            let problem = result.unwrap_err().to_string();
            assert!(problem.starts_with(start), "{name}: {problem}");
            continue;
        }
        let stored = result.unwrap_or_else(|problem| panic!("{name}: {problem}"));
        let (ours, theirs) = (stored.predict(rows.view()).unwrap(), table(&golden["scores"]));
        assert_eq!(ours.dim(), theirs.dim(), "{name}");
        for (place, theirs) in theirs.indexed_iter() {
            // Categories are whole numbers: others are cut here, and equal to none there.
            if EQUAL.contains(&name.as_str()) && rows.row(place.0).iter().any(|x| x.fract() != 0.0)
            {
                continue;
            }
            let difference = (ours[place] - theirs).abs();
            // onnxruntime sums in single precision.
            let same = difference <= 1e-6 * theirs.abs().max(1.0);
            assert!(same, "{name}, {place:?}: {} and {theirs}", ours[place]);
        }
        let whole = rows.rows().into_iter().filter(|row| row.iter().all(|x| x.fract() == 0.0));
        assert_eq!(whole.count(), 6, "rows of whole numbers, for categories");
        read += 1;
    }
    assert_eq!((read, models.len()), (models.len() - REFUSED.len(), 59));
}

#[test]
fn a_file_cut_anywhere_is_one_sentence() {
    for name in ["hand_mixed.onnx", "forest_binary.onnx", "boosting_multiclass.onnx"] {
        let bytes = file(name);
        let step = 1 + bytes.len() / 2000;
        for length in (0..bytes.len()).step_by(step) {
            // Metadata may stand behind the graph: then a cut file is whole.
            if let Err(problem) = onnx(&bytes[..length]) {
                let problem = problem.to_string();
                assert!(!problem.contains('\n') && problem.len() < 400, "{length}: {problem}");
            }
        }
        let error = onnx(&bytes[..bytes.len() / 2]).unwrap_err().to_string();
        assert!(error.starts_with("it is damaged: no ONNX model, "), "{error}");
    }
}

proptest::proptest! {
    #[test]
    fn changed_bytes_never_panic(
        changes in proptest::collection::vec((0_usize..600, proptest::num::u8::ANY), 1..4),
    ) {
        let mut bytes = file("hand_mixed.onnx");
        for (place, byte) in changes {
            let place = place % bytes.len();
            bytes[place] = byte;
        }
        match onnx(&bytes) {
            Ok(stored) => stored.validate().unwrap(),
            Err(problem) => assert!(problem.to_string().len() < 600, "{problem}"),
        }
    }
}
