//! onnxruntime's answers from pipelines and networks, and graphs that are refused. The files come
//! from `xtask/golden/onnx_graphs.py`.

#![cfg(feature = "onnx")]
#![expect(clippy::unwrap_used, reason = "what does not fit fails the test")]

use std::path::PathBuf;

use fi_core::{Model, Output};
use fi_models::Fitted;
use fi_models::import::onnx;
use fi_models::store::Stored;
use ndarray::{Array2, Axis, concatenate, s};
use serde_json::Value;

fn file(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/onnx_graphs");
    std::fs::read(folder.join(name)).unwrap()
}

fn read(name: &str) -> Stored {
    onnx(&file(&format!("{name}.onnx"))).unwrap_or_else(|problem| panic!("{name}: {problem}"))
}

fn table(value: &Value) -> Array2<f64> {
    let cell = |x: &Value| if x.is_null() { f64::NAN } else { x.as_f64().unwrap() };
    let rows: Vec<Vec<f64>> = value
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row.as_array().unwrap().iter().map(cell).collect())
        .collect();
    Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).unwrap()
}

fn golden() -> (Array2<f64>, serde_json::Map<String, Value>) {
    let golden: Value = serde_json::from_slice(&file("golden.json")).unwrap();
    (table(&golden["rows"]), golden["models"].as_object().unwrap().clone())
}

/// The rows that the script gave this model.
fn rows_of(name: &str, rows: &Array2<f64>) -> Array2<f64> {
    let mut rows = rows.clone();
    if name.starts_with("imputer") {
        rows.slice_mut(s![..;3, 1]).fill(f64::NAN);
    }
    rows
}

#[test]
fn answers_are_those_of_onnxruntime() {
    let (rows, models) = golden();
    let mut read = 0;
    for (name, golden) in &models {
        let theirs = table(&golden["scores"]);
        let rows = rows_of(name, &rows);
        let stored = match onnx(&file(&format!("{name}.onnx"))) {
            Ok(stored) => stored,
            Err(problem) => {
                let problem = problem.to_string();
                assert_eq!(name, "scaler_logistic_columns", "{problem}");
                assert_eq!(
                    problem,
                    "it has 3 outputs of numbers (shigh, slow, smid), and fi takes one table: \
                     convert a classifier with `options={\"zipmap\": False}`, or any other graph \
                     with one output"
                );
                continue;
            }
        };
        assert!(matches!(stored.model, Fitted::Graph(_)), "{name}");
        let ours = stored.predict(rows.view()).unwrap();
        // One probability is completed to two.
        let ours = if name == "torch_sigmoid" { ours.slice(s![.., 1..]).to_owned() } else { ours };
        assert_eq!(ours.dim(), theirs.dim(), "{name}");
        for (place, theirs) in theirs.indexed_iter() {
            let difference = (ours[place] - theirs).abs();
            // onnxruntime computes in single precision. The products with support vectors, whose
            // sizes add up to a thousand here, nearly cancel each other.
            let least = match name.as_str() {
                "svr_linear" | "svr_polynomial" => 3.0,
                _ => 1e-2,
            };
            let same = difference <= 1e-5 * theirs.abs().max(least);
            assert!(same, "{name}, {place:?}: {} and {theirs}", ours[place]);
        }
        read += 1;
    }
    assert_eq!((read, models.len()), (models.len() - 1, 43));
}

#[test]
fn outputs_and_classes_are_told_from_the_graph() {
    let cases: [(&str, Output, Option<&[&str]>); 14] = [
        ("scaler_logistic", Output::Probabilities, Some(&["0", "1"])),
        ("scaler_logistic_zipmap", Output::Probabilities, Some(&["high", "low", "mid"])),
        ("logistic_numbers", Output::Probabilities, Some(&["0", "10", "20", "30"])),
        ("mlp_classes", Output::Probabilities, Some(&["high", "low", "mid"])),
        ("mlp_double", Output::Probabilities, Some(&["high", "low", "mid"])),
        ("linear_double", Output::Values, None),
        ("svr", Output::Values, None),
        ("two_targets", Output::Values, None),
        ("svc", Output::Margins, Some(&["0", "1"])),
        ("linear_svc", Output::Margins, Some(&["0", "1"])),
        ("torch_softmax", Output::Probabilities, None),
        ("torch_sigmoid", Output::Probabilities, None),
        ("torch_logits", Output::Margins, None),
        ("torch_regression", Output::Values, None),
    ];
    for (name, output, classes) in cases {
        let stored = read(name);
        assert_eq!(stored.output(), output, "{name}");
        let names = stored.class_names.as_deref();
        let names: Option<Vec<&str>> = names.map(|all| all.iter().map(String::as_str).collect());
        assert_eq!(names.as_deref(), classes, "{name}");
        assert_eq!(stored.feature_names, ["x0", "x1", "x2", "x3"], "{name}");
    }
}

#[test]
fn a_prediction_depends_on_its_row_alone_and_on_no_thread() {
    let (rows, _) = golden();
    // More rows than a block has, and no whole number of blocks.
    let views: Vec<_> = (0..20).map(|_| rows.view()).collect();
    let many = concatenate(Axis(0), &views).unwrap();
    for name in ["mlp_classes", "torch_fixed", "torch_logits", "svc_probability", "scaler_forest"] {
        let stored = read(name);
        let whole = stored.predict(many.view()).unwrap();
        for n in [1, 2, 127, 128, 129] {
            let part = stored.predict(many.slice(s![5..5 + n, ..])).unwrap();
            // At another place in a block, sums of a row may be rounded otherwise.
            let difference = &part - &whole.slice(s![5..5 + n, ..]);
            assert!(difference.iter().all(|d| d.abs() < 1e-6), "{name}, {n}: {difference}");
            let again = stored.predict(many.slice(s![5..5 + n, ..])).unwrap();
            assert_eq!(part, again, "{name}, {n}");
        }
        let answers: Vec<Array2<f64>> = std::thread::scope(|scope| {
            let ask = || stored.predict(many.view()).unwrap();
            let all: Vec<_> = (0..3).map(|_| scope.spawn(ask)).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert!(answers.iter().all(|answer| *answer == whole), "{name}");
        assert_eq!(stored.predict(Array2::zeros((0, 4)).view()).unwrap().nrows(), 0);
        let error = stored.predict(Array2::zeros((2, 3)).view()).unwrap_err();
        assert_eq!(error.to_string(), "the table has shape [2, 3], expected [2, 4]");
    }
}

#[test]
fn a_graph_describes_itself() {
    let stored = read("mlp_binary");
    let Fitted::Graph(graph) = &stored.model else { panic!("no graph") };
    assert_eq!((graph.input_name(), graph.output_name()), ("x", "probabilities"));
    assert_eq!((graph.is_double(), graph.fixed_rows()), (false, None));
    assert_eq!(graph.producer(), Some("skl2onnx"));
    let scaler = graph.operators().iter().find(|(name, _)| name == "Scaler");
    assert_eq!(scaler, Some(&("Scaler".to_owned(), 1)));
    // 4 · 6 + 6 + 6 · 5 + 5 + 5 + 1 weights, the scaler's 8, and constants.
    assert!((79..90).contains(&graph.n_numbers()), "{}", graph.n_numbers());
    let stored = read("torch_fixed");
    let Fitted::Graph(graph) = &stored.model else { panic!("no graph") };
    assert_eq!((graph.fixed_rows(), graph.n_operators()), (Some(3), 3));
    let error = fi_models::store::save("unused.fi".as_ref(), &stored).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a black box cannot be stored: only trees, linear models and networks can"
    );
}

#[test]
fn what_cannot_be_used_is_one_sentence() {
    let cases = [
        ("cycle", "it is damaged: the graph runs in a circle"),
        ("unknown", "it has the operator `Bogus` of org.example, which fi does not know"),
        (
            "external",
            "the numbers of `w` are in another file: save the model in one, by \
             `onnx.save_model(model, file, save_as_external_data=False)`",
        ),
        (
            "huge",
            "it is damaged: the tensor `w` claims the shape (1099511627776, 1099511627776) and \
             has 8 numbers",
        ),
        ("short", "it is damaged: the tensor `w` claims the shape (4, 3) and has 8 numbers"),
        ("expand", "it is damaged: its Expand makes 4398046511104 numbers"),
        ("expand_constant", "it is damaged: its Expand makes 4398046511104 numbers"),
        (
            "two_inputs",
            "it has 2 inputs (x, z), and fi gives one table of rows: convert it with one input \
             of shape (None, number of features)",
        ),
        (
            "three_dimensions",
            "its input `x` has 3 dimensions, and fi gives rows and columns: convert it with one \
             input of shape (None, number of features)",
        ),
        ("text", "its input `x` is of type string, and fi gives float or double"),
        (
            "labels",
            "its only output is a label, and fi needs the scores: convert it with its \
             probabilities",
        ),
        ("nothing", "it is damaged: nothing in the graph makes `z`"),
        ("no_output", "it is damaged: nothing in the graph makes `y`"),
        (
            "mixes",
            "its answer for a row depends on the rows beside it, and a model looks at each row \
             alone",
        ),
        (
            "random",
            "the operator `RandomNormalLike` draws random numbers, and a model answers the same \
             each time",
        ),
        (
            "columns",
            "it does not say how many columns its input `x` has: convert it with the shape \
             (None, number of features)",
        ),
        (
            "several",
            "it has 2 outputs of numbers (a, b), and fi takes one table: convert a classifier \
             with `options={\"zipmap\": False}`, or any other graph with one output",
        ),
        (
            "probit",
            "post_transform `PROBIT` of its LinearClassifier is none of those that fi can express",
        ),
        ("scaler_lengths", "it is damaged: its Scaler has 3 offsets and 2 scales"),
    ];
    for (name, sentence) in cases {
        let problem = onnx(&file(&format!("refused_{name}.onnx"))).unwrap_err();
        assert_eq!(problem.to_string(), sentence, "{name}");
    }
    // tract's own words may change.
    let problem = onnx(&file("refused_shapes.onnx")).unwrap_err().to_string();
    assert!(problem.starts_with("its operators do not fit together"), "{problem}");
    assert!(!problem.contains('\n') && problem.len() < 400, "{problem}");
}

#[test]
fn a_file_cut_anywhere_is_one_sentence() {
    for name in ["scaler_logistic.onnx", "torch_softmax.onnx"] {
        let bytes = file(name);
        for length in (0..bytes.len()).step_by(bytes.len() / 60) {
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
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(48))]
    #[test]
    fn changed_bytes_never_panic(
        name in proptest::sample::select(vec!["torch_softmax", "scaler_logistic", "svc"]),
        changes in proptest::collection::vec((0_usize..3000, proptest::num::u8::ANY), 1..4),
    ) {
        let mut bytes = file(&format!("{name}.onnx"));
        for (place, byte) in changes {
            let place = place % bytes.len();
            bytes[place] = byte;
        }
        match onnx(&bytes) {
            Ok(stored) => stored.validate().unwrap(),
            Err(problem) => assert!(problem.to_string().len() < 800, "{problem}"),
        }
    }
}
