//! Files and descriptions that are wrong, each of which gets one sentence.

use fi_core::Model as _;
use ndarray::{Array2, array};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::safetensors;
use crate::import::Problem;

/// A file of these tensors in `f32`, all of one number.
fn file(tensors: &[(&str, &[usize])], number: f32) -> Vec<u8> {
    let (mut header, mut start) = (serde_json::Map::new(), 0);
    for (name, shape) in tensors {
        let end = start + 4 * shape.iter().product::<usize>();
        header.insert(
            (*name).to_owned(),
            json!({"dtype": "F32", "shape": shape, "data_offsets": [start, end]}),
        );
        start = end;
    }
    with_header(&Value::from(header).to_string(), &number.to_le_bytes().repeat(start / 4))
}

fn with_header(header: &str, numbers: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), numbers].concat()
}

fn dense() -> Vec<u8> {
    file(&[("a.weight", &[3, 2]), ("a.bias", &[3])], 0.5)
}

fn description(input: &Value, layers: &Value) -> String {
    json!({"framework": "pytorch", "input": input, "output": "values", "layers": layers})
        .to_string()
}

fn two_features(layer: Value) -> String {
    description(&json!({"features": 2}), &Value::Array(vec![layer]))
}

fn sequence(layers: &Value) -> String {
    description(&json!({"sequence": {"steps": 4, "channels": 2}}), layers)
}

fn problem(weights: &[u8], layers: &str) -> String {
    safetensors(weights, layers).err().map_or_else(String::new, |problem| problem.to_string())
}

fn assert_problem(weights: &[u8], layers: &str, parts: &[&str]) {
    let problem = problem(weights, layers);
    for part in parts {
        assert!(problem.contains(part), "`{problem}` lacks `{part}`");
    }
    assert!(problem.len() < 600 && !problem.contains('\n'), "{problem}");
}

#[test]
fn a_file_cut_off_anywhere_or_followed_by_anything_is_damaged() {
    let (whole, layers) = (dense(), two_features(json!({"type": "dense", "tensors": "a"})));
    let stored = safetensors(&whole, &layers).expect("the file is whole");
    let predictions = stored.predict(array![[1.0, 2.0]].view()).expect("a row of two");
    assert_eq!(predictions, array![[2.0, 2.0, 2.0]]);
    for length in 0..whole.len() {
        let problem = safetensors(&whole[..length], &layers).map(|_| ());
        assert!(matches!(problem, Err(Problem::Damaged(_))), "{length}: {problem:?}");
    }
    assert_problem(&[&whole[..], b"\0"].concat(), &layers, &["damaged", "something follows"]);
}

#[test]
fn headers_that_claim_too_much_are_damaged() {
    let layers = two_features(json!({"type": "dense", "tensors": "a"}));
    let one = |shape: &str, offsets: &str, n: usize| {
        let tensor = format!("\"dtype\":\"F32\",\"shape\":{shape},\"data_offsets\":{offsets}");
        with_header(&format!("{{\"a.weight\":{{{tensor}}}}}"), &vec![0; n])
    };
    for (bytes, what) in [
        ([&[0xFF; 8][..], b"{}"].concat(), "header"),
        ([&1_000_000_u64.to_le_bytes()[..], b"{}"].concat(), "header"),
        (one("[9223372036854775807,9223372036854775807]", "[0,8]", 8), "shape"),
        (one("[3,2]", "[0,18446744073709551615]", 24), ""),
        (one("[1000000000,1000000000]", "[0,4000000000000000000]", 24), ""),
        (one("[3,2]", "[8,32]", 32), "gap"),
        (one("[3,2]", "[24,0]", 24), ""),
        (one("[3,2]", "[0,20]", 24), ""),
        (one("[3,-2]", "[0,24]", 24), "header"),
        (with_header(&"[".repeat(100_000), &[]), "header"),
        (with_header(&format!("{{\"a\":{}", "{\"a\":".repeat(50_000)), &[]), "header"),
        (with_header("{\"a\": \u{7}}", &[]), "header"),
    ] {
        assert_problem(&bytes, &layers, &["it is damaged: ", what]);
    }
    let twice = r#"{"a.weight":{"dtype":"F32","shape":[3,2],"data_offsets":[0,24]},
        "a.bias":{"dtype":"F32","shape":[3],"data_offsets":[12,24]}}"#;
    assert_problem(&with_header(twice, &[0; 24]), &layers, &["overlap"]);
    // Nothing is made of an axis that no number backs.
    let empty = one("[1152921504606846976,0]", "[0,0]", 0);
    let bare = json!({"type": "dense", "tensors": "a", "bias": false});
    for features in [0, 1] {
        let layers = description(&json!({"features": features}), &json!([bare]));
        assert!(!problem(&empty, &layers).is_empty());
    }
}

#[test]
fn tensors_that_do_not_fit_are_named() {
    let dense_at = |tensors: Value| two_features(json!({"type": "dense", "tensors": tensors}));
    let layers = dense_at(json!("a"));
    let wrong = file(&[("a.weight", &[2, 3]), ("a.bias", &[3])], 0.5);
    assert_problem(
        &wrong,
        &layers,
        &["layer 0: ", "`a.weight` has shape [2, 3], expected [outputs, 2]"],
    );
    let wrong = file(&[("a.weight", &[3, 2]), ("a.bias", &[2])], 0.5);
    assert_problem(&wrong, &layers, &["`a.bias` has shape [2], expected [3]"]);
    let nan = file(&[("a.weight", &[3, 2]), ("a.bias", &[3])], f32::NAN);
    assert_problem(&nan, &layers, &["`a.weight` holds `NaN` at place 0"]);
    assert_problem(
        &dense(),
        &dense_at(json!("b")),
        &["no tensor `b.weight`", "`a.bias`, `a.weight`"],
    );
    assert_problem(
        &dense(),
        &dense_at(json!(["a.weight"])),
        &["lists 1 names, it needs 2: weight, bias"],
    );
    let names: Vec<String> = (0..30).map(|i| format!("tensor{i:02}{}", "x".repeat(60))).collect();
    let many: Vec<(&str, &[usize])> = names.iter().map(|name| (name.as_str(), &[1][..])).collect();
    assert_problem(&file(&many, 1.0), &layers, &["… (30 in all)"]);
    let header = r#"{"a.weight":{"dtype":"I32","shape":[3,2],"data_offsets":[0,24]}}"#;
    assert_problem(&with_header(header, &[0; 24]), &layers, &["`a.weight` holds I32"]);
    // What is left over was forgotten in the description.
    let more = file(&[("a.weight", &[3, 2]), ("a.bias", &[3]), ("norm.weight", &[3])], 0.5);
    assert_problem(&more, &layers, &["no layer reads `norm.weight`"]);

    let cells = json!([{"type": "lstm", "tensors": ""}]);
    let shapes = |ih: [usize; 2], hh: [usize; 2]| {
        let biases = [("bias_ih_l0", &[12][..]), ("bias_hh_l0", &[12][..])];
        file(&[&[("weight_ih_l0", &ih[..]), ("weight_hh_l0", &hh[..])][..], &biases].concat(), 0.1)
    };
    assert!(safetensors(&shapes([12, 2], [12, 3]), &sequence(&cells)).is_ok());
    let parts = ["`weight_hh_l0` has shape [9, 3], expected [12, 3]"];
    assert_problem(&shapes([9, 2], [9, 3]), &sequence(&cells), &parts);
    let parts = ["`weight_ih_l0` has shape [12, 5], expected [12, 2]"];
    assert_problem(&shapes([12, 5], [12, 3]), &sequence(&cells), &parts);
    let deep = json!([{"type": "lstm", "tensors": "", "num_layers": 1_000_000_000}]);
    assert_problem(&shapes([12, 2], [12, 3]), &sequence(&deep), &["no tensor `weight_hh_l1`"]);
    let both = file(&[("g.weight_ih_l0", &[9, 2]), ("g.weight_ih_l0_reverse", &[9, 2])], 0.1);
    let cells = sequence(&json!([{"type": "gru", "tensors": "g"}]));
    assert_problem(&both, &cells, &["a bidirectional layer", "`g.weight_ih_l0_reverse`"]);
}

#[test]
fn descriptions_that_are_wrong_say_where() {
    let at = |layer: Value| two_features(layer);
    let dense_with = |key: &str, value: Value| {
        let mut layer = json!({"type": "dense", "tensors": "a"});
        layer[key] = value;
        two_features(layer)
    };
    let steps = |layer: Value| sequence(&json!([layer]));
    let outer = |key: &str, value: Value| {
        let mut all: Value = serde_json::from_str(&dense_with("bias", json!(true))).expect("JSON");
        all[key] = value;
        all.to_string()
    };
    for (layers, parts) in [
        (String::new(), vec!["JSON", "line 1"]),
        ("[".repeat(100_000), vec!["JSON"]),
        (outer("layerz", json!([])), vec!["unknown field `layerz`"]),
        (outer("layers", json!([])), vec!["no layer"]),
        (outer("framework", json!("jax")), vec!["unknown variant `jax`", "pytorch"]),
        (outer("names", json!(["a"])), vec!["`names` has 1 names, but there are 2 features"]),
        (outer("names", json!(["a", "a"])), vec!["`a` is empty or double"]),
        (outer("classes", json!(["a"])), vec!["`classes`"]),
        (outer("standardize", json!({"mean": [1], "scale": [1]})), vec!["it needs 2 of both"]),
        (outer("standardize", json!({"mean": [1, 1], "scale": [1, 0]})), vec!["scale", "positive"]),
        (outer("input", json!({"features": 1_u64 << 40})), vec!["at most 1048576"]),
        (outer("input", json!({"features": 0})), vec!["has 0 columns"]),
        (
            outer("input", json!({"sequence": {"steps": u64::MAX, "channels": u64::MAX}})),
            vec!["at most 1048576"],
        ),
        (outer("input", json!({"features": 2.5})), vec!["invalid type"]),
        (dense_with("units", json!(3)), vec!["layer 0: unknown field `units`", "activation"]),
        (dense_with("type", json!("attention")), vec!["unknown variant `attention`", "gru"]),
        (dense_with("tensors", json!(3)), vec!["layer 0: `tensors` is neither a prefix"]),
        (dense_with("activation", json!("softmax")), vec!["layer 0: leave the softmax out"]),
        (dense_with("activation", json!({"elu": {"alpha": -1}})), vec!["alpha", "positive"]),
        (at(json!({"tensors": "a"})), vec!["layer 0: missing field `type`"]),
        (at(json!({"type": "dropout", "rate": 2})), vec!["layer 0 drops a share of 2"]),
        (
            at(json!({"type": "pool", "kind": "max"})),
            vec!["layer 0 is a pool, which needs a sequence"],
        ),
        (
            at(json!({"type": "lstm", "tensors": "a"})),
            vec!["layer 0: a recurrent layer needs a sequence"],
        ),
        (steps(json!({"type": "flatten"})), vec!["layer 0: ", "\"order\": \"channels\""]),
        (steps(json!({"type": "flatten", "order": "channels"})), vec!["a dense layer must follow"]),
        (
            steps(json!({"type": "lstm", "tensors": "a", "bidirectional": true})),
            vec!["layer 0: a bidirectional layer cannot be read"],
        ),
        (
            steps(json!({"type": "gru", "tensors": "a", "reset_after": false})),
            vec!["layer 0: PyTorch's GRU"],
        ),
        (steps(json!({"type": "lstm", "tensors": "a", "num_layers": 0})), vec!["`num_layers`"]),
    ] {
        assert_problem(&dense(), &layers, &parts);
    }
    let conv = file(&[("c.weight", &[1, 2, 3]), ("c.bias", &[1])], 0.5);
    let layer = json!({"type": "conv1d", "tensors": "c", "padding": 2});
    assert_problem(&conv, &steps(layer), &["layer 0: a padding of 2 steps on each side"]);
    let keras = |layer: Value| steps(layer).replace("pytorch", "keras");
    for (layer, part) in [
        (json!({"type": "lstm", "tensors": "a", "num_layers": 2}), "its own entry"),
        (
            json!({"type": "gru", "tensors": "a", "reverse": true, "return_sequences": true}),
            "`go_backwards`",
        ),
    ] {
        assert_problem(&dense(), &keras(layer), &["layer 0: ", part]);
    }
}

#[test]
fn one_logit_is_two_classes() {
    let file = file(&[("a.weight", &[1, 2]), ("a.bias", &[1])], 0.5);
    let layers = |layer: Value| two_features(layer).replace("values", "probabilities");
    let sigmoid = 1.0 / (1.0 + (-2.0_f64).exp());
    for layer in [
        json!({"type": "dense", "tensors": "a"}),
        json!({"type": "dense", "tensors": "a", "activation": "sigmoid"}),
    ] {
        let stored = safetensors(&file, &layers(layer)).expect("one logit is two classes");
        let ours: Array2<f64> = stored.predict(array![[1.0, 2.0]].view()).expect("a row");
        assert!((ours[[0, 1]] - sigmoid).abs() < 1e-15 && ours.dim() == (1, 2), "{ours}");
    }
    let tanh = json!({"type": "dense", "tensors": "a", "activation": "tanh"});
    assert_problem(&file, &layers(tanh), &["probabilities"]);
}

proptest! {
    #[test]
    fn no_change_of_a_byte_makes_it_panic(place in 0_usize..170, byte: u8) {
        let mut bytes = dense();
        let place = place % bytes.len();
        bytes[place] = byte;
        let _ = safetensors(&bytes, &two_features(json!({"type": "dense", "tensors": "a"})));
    }
}
