//! PyTorch's and Keras's own predictions and slopes from the networks that they saved. The files
//! come from `xtask/golden/networks.py`.

#![expect(clippy::unwrap_used, reason = "what does not fit fails the test")]

use std::path::PathBuf;

use fi_core::{Model, Output, Run};
use fi_models::Fitted;
use fi_models::import::{detect, load, load_with_layers, safetensors};
use fi_models::network::{
    Activation, AnswerScale, Conv1d, DeepLift, Dense, Explainer, Input, Layer, Network, Padding,
    Pool,
};
use fi_models::store::Stored;
use ndarray::{Array1, Array2, Array3, Axis};
use serde_json::Value;

const NAMES: [&str; 17] = [
    "torch_dense",
    "torch_half",
    "torch_bfloat",
    "torch_lstm",
    "torch_lstm_reverse",
    "torch_lstm_flatten",
    "torch_gru",
    "torch_conv",
    "torch_pool",
    "torch_tokens",
    "keras_dense",
    "keras_lstm",
    "keras_gru",
    "keras_gru_reverse",
    "keras_gru_before",
    "keras_conv",
    "keras_tokens",
];

/// The weights by which the predictions were summed before slopes were taken.
const SEEDS: [f64; 4] = [1.0, -0.5, 0.25, 2.0];

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/networks").join(name)
}

fn load_named(name: &str) -> (Stored, Value) {
    let weights = std::fs::read(path(&format!("{name}.safetensors"))).unwrap();
    let layers = std::fs::read_to_string(path(&format!("{name}.json"))).unwrap();
    let stored = safetensors(&weights, &layers);
    let stored = stored.unwrap_or_else(|problem| panic!("{name}: {problem}"));
    let golden = std::fs::read(path(&format!("{name}.golden.json"))).unwrap();
    (stored, serde_json::from_slice(&golden).unwrap())
}

fn network(stored: &Stored) -> &Network {
    match &stored.model {
        Fitted::Network(network) => network,
        other => panic!("{other:?}"),
    }
}

/// Rows of numbers; `null` is NaN.
fn table(value: &Value) -> Array2<f64> {
    let cell = |x: &Value| if x.is_null() { f64::NAN } else { x.as_f64().unwrap() };
    let row = |row: &Value| row.as_array().unwrap().iter().map(cell).collect();
    let rows: Vec<Vec<f64>> = value.as_array().unwrap().iter().map(row).collect();
    Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).unwrap()
}

fn assert_close(what: &str, ours: &Array2<f64>, theirs: &Array2<f64>, tolerance: f64) {
    assert_eq!(ours.dim(), theirs.dim(), "{what}");
    for (ours, theirs) in ours.iter().zip(theirs) {
        let difference = (ours - theirs).abs();
        assert!(difference <= tolerance * theirs.abs().max(1.0), "{what}: {ours} and {theirs}");
    }
}

#[test]
fn predictions_and_slopes_are_those_of_the_frameworks() {
    let (mut double, mut single, mut numbers) = (0, 0, 0);
    for name in NAMES {
        let (stored, golden) = load_named(name);
        let tolerance = match golden["dtype"].as_str().unwrap() {
            "float64" => {
                double += 1;
                1e-10
            }
            "float32" => {
                single += 1;
                1e-5
            }
            other => panic!("{other}"),
        };
        let rows = table(&golden["rows"]);
        let predictions = stored.predict(rows.view()).unwrap();
        assert_close(name, &predictions, &table(&golden["predictions"]), tolerance);

        let network = network(&stored);
        let rows = match &stored.scaler {
            Some(scaler) => scaler.transform(rows.view()).unwrap(),
            None => rows,
        };
        let n = predictions.ncols();
        let seeds = Array2::from_shape_fn((rows.nrows(), n), |(_, output)| SEEDS[output]);
        let scale = AnswerScale::Predictions;
        let slopes = if let Input::Tokens { .. } = network.input() {
            let slopes = network.embedding_gradients(rows.view(), &seeds, scale).unwrap();
            let n = slopes.len() / rows.nrows();
            slopes.into_shape_with_order((rows.nrows(), n)).unwrap()
        } else {
            network.input_gradients(rows.view(), &seeds, scale).unwrap()
        };
        let what = format!("the slopes of {name}");
        assert_close(&what, &slopes, &table(&golden["gradients"]), tolerance);
        numbers += predictions.len() + slopes.len();
    }
    assert_eq!((double, single, numbers), (7, 10, 1321));
}

#[test]
fn names_classes_and_scales_are_those_of_the_description() {
    let (stored, _) = load_named("torch_lstm");
    assert_eq!(stored.feature_names[..4], ["pitch[0]", "roll[0]", "yaw[0]", "pitch[1]"]);
    let scaler = stored.scaler.as_ref().unwrap();
    assert_eq!((scaler.mean[20], scaler.scale[20], scaler.scale[18]), (-0.5, 0.5, 2.0));
    let (stored, _) = load_named("torch_half");
    assert_eq!(stored.class_names.as_deref(), Some(&["no".to_owned(), "yes".to_owned()][..]));
    assert_eq!((stored.output(), stored.n_outputs()), (Output::Probabilities, 2));
    assert_eq!(stored.feature_names, ["x0", "x1", "x2"]);
    let (stored, _) = load_named("torch_lstm_reverse");
    assert_eq!((stored.output(), stored.n_outputs()), (Output::Margins, 2));
}

#[test]
fn a_file_is_known_by_its_content_and_asks_for_its_layers() {
    for name in NAMES {
        let weights = std::fs::read(path(&format!("{name}.safetensors"))).unwrap();
        assert_eq!(detect(&weights).unwrap().to_string(), "PyTorch or Keras", "{name}");
    }
    let weights = path("torch_lstm.safetensors");
    let error = load(&weights).unwrap_err().to_string();
    assert!(error.contains("torch_lstm.safetensors` cannot be used"), "{error}");
    assert!(error.ends_with("give it with `--layers net.json`"), "{error}");
    let layers = path("torch_lstm.json");
    assert_eq!(load_with_layers(&weights, &layers).unwrap().n_features(), 21);
    let golden = path("../forest-3.fi");
    let error = load_with_layers(&golden, &layers).unwrap_err().to_string();
    assert!(error.contains("is a model of fi, which holds its own layers"), "{error}");
    let error = load_with_layers(&layers, &layers).unwrap_err().to_string();
    assert!(error.contains("is no model that fi knows"), "{error}");
}

/// A layer's array, `(n_out, …)` as PyTorch stores it.
fn array(case: &Value, name: &str) -> Value {
    case["parameters"][name].clone()
}

fn dense(case: &Value, place: usize, activation: Activation) -> Layer {
    let weights = table(&array(case, &format!("{place}.weight"))).reversed_axes();
    Layer::Dense(Dense {
        weights,
        bias: vector(&array(case, &format!("{place}.bias"))),
        activation,
    })
}

fn vector(value: &Value) -> Array1<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

/// The file comes from `xtask/golden/deep_lift.py`.
#[test]
fn differences_from_baselines_are_those_of_captum_and_shap() {
    let golden: Value =
        serde_json::from_slice(&std::fs::read(path("../deep_lift.json")).unwrap()).unwrap();
    for case in golden["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let (input, layers) = if name == "conv" {
            let weights = array(case, "0.weight");
            let (filters, channels, kernel) = (4, 2, 3);
            let weights = Array3::from_shape_fn((kernel, channels, filters), |(k, c, f)| {
                weights[f][c][k].as_f64().unwrap()
            });
            let conv = Conv1d {
                weights,
                bias: vector(&array(case, "0.bias")),
                stride: 1,
                padding: Padding::Valid,
                activation: Activation::Relu,
            };
            let layers = vec![
                Layer::Conv1d(conv),
                Layer::Pool(Pool::Max),
                dense(case, 4, Activation::Linear),
            ];
            (Input::Sequence { steps: 6, channels: 2 }, layers)
        } else {
            let activation = match name {
                "relu" => Activation::Relu,
                "tanh" => Activation::Tanh,
                "sigmoid" => Activation::Sigmoid,
                "softplus" => Activation::Softplus,
                other => panic!("{other}"),
            };
            let layers = vec![
                dense(case, 0, activation),
                dense(case, 2, activation),
                dense(case, 4, Activation::Linear),
            ];
            (Input::Features(5), layers)
        };
        let network = Network::new(input, layers, Output::Margins).unwrap();
        let rows = table(&case["rows"]);
        let margins = network.margins(rows.view()).unwrap();
        assert_close(name, &margins, &table(&case["margins"]), 1e-12);
        let names: Vec<String> = (0..rows.ncols()).map(|j| format!("x{j}")).collect();
        let method = DeepLift { background: Some(table(&case["background"])) };
        let found = method.attribution(&Run::new(0), &network, rows.view(), &names).unwrap();
        assert_eq!(found.method, "Deep SHAP");
        for output in 0..2 {
            let theirs: Vec<Value> =
                case["values"].as_array().unwrap().iter().map(|row| row[output].clone()).collect();
            let ours = found.values.index_axis(Axis(1), output).to_owned();
            // shap divides differences in single precision's manner: by its own threshold.
            assert_close(name, &ours, &table(&Value::Array(theirs)), 1e-6);
        }
    }
}
