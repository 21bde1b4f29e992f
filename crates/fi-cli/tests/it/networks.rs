//! Networks and sequences through the command, from arrays to pictures.

use std::path::Path;

use ndarray::{Array1, Array3};

use crate::desk::Desk;

/// Sixty series of two channels and up to five steps: the target is the mean of channel `x1` over
/// steps 1 and 2.
fn desk() -> Desk {
    let desk = Desk::with(&[]);
    let mut state = 1_u32;
    let mut draw = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state >> 8) / f64::from(1 << 23) - 1.0
    };
    let mut x = Array3::from_shape_fn((60, 5, 2), |_| draw());
    let y: Array1<f64> = (0..60).map(|i| f64::midpoint(x[[i, 1, 1]], x[[i, 2, 1]])).collect();
    for row in 0..20 {
        x.slice_mut(ndarray::s![row, 4.., ..]).fill(f64::NAN);
    }
    fi_io::write_npy(desk.path("X.npy"), &x).unwrap();
    fi_io::write_npy(desk.path("y.npy"), &y).unwrap();
    desk
}

impl Desk {
    fn features(&self, file: &str) -> Vec<(String, f64)> {
        let rows = fi_io::read_importance(self.path(file)).unwrap();
        rows.into_iter().map(|row| (row.feature, row.importance)).collect()
    }
}

#[test]
fn an_lstm_is_trained_and_explained_by_channel_and_step() {
    let desk = desk();
    let data = "--data X.npy --target y.npy";
    desk.done(&format!(
        "train lstm {data} --hidden 6 --epochs 60 --learning-rate 0.03 --output net.fi --quiet"
    ));
    let about = desk.done("inspect net.fi");
    assert!(about.contains("network") && about.contains("10"), "{about}");

    for method in ["gradient", "gradient-x-input", "integrated-gradients", "lrp", "smooth-grad"] {
        desk.done(&format!(
            "importance {method} --model net.fi --data X.npy --output {method}.csv"
        ));
        let found = desk.features(&format!("{method}.csv"));
        assert_eq!((found.len(), found[0].0.as_str()), (2, "x1"), "{method}: {found:?}");
    }
    desk.done(
        "importance integrated-gradients --model net.fi --data X.npy --over both \
         --output both.csv --plot map.svg",
    );
    let found = desk.features("both.csv");
    let top = [found[0].0.as_str(), found[1].0.as_str()];
    assert!(top.contains(&"x1[1]") && top.contains(&"x1[2]"), "{found:?}");
    let map = std::fs::read_to_string(desk.path("map.svg")).unwrap();
    assert!(map.contains("x0") && map.contains("step"), "{map}");
    desk.done("plot heatmap both.csv --output again.svg");

    // Shuffling never moves the padding, whole or in blocks.
    desk.done(&format!(
        "importance permutation --model net.fi {data} --repeats 5 --output permutation.csv"
    ));
    assert_eq!(desk.features("permutation.csv")[0].0, "x1");
    desk.done(&format!(
        "importance permutation --model net.fi {data} --repeats 5 --block 2 --output block.csv"
    ));
    let blocks = desk.features("block.csv");
    assert_eq!(blocks.len(), 6);
    assert!(blocks[..2].iter().all(|(name, _)| name.starts_with("x1[")), "{blocks:?}");
    desk.done(&format!("importance occlusion --model net.fi {data} --over step --output o.csv"));
    assert!(["step 1", "step 2"].contains(&desk.features("o.csv")[0].0.as_str()));
    desk.done("importance shap --model net.fi --data X.npy --background X.npy --output shap.csv");
    assert_eq!(desk.features("shap.csv")[0].0, "x1");

    desk.done(
        "explain integrated-gradients --model net.fi --data X.npy --over both --output l.npy",
    );
    let local = fi_io::read_npy_2d(desk.path("l.npy")).unwrap();
    let predicted = {
        desk.done("predict --model net.fi --data X.npy --output p.npy");
        fi_io::read_npy_2d(desk.path("p.npy")).unwrap()
    };
    assert_eq!(local.dim(), (60, 11));
    let gap = local.sum_axis(ndarray::Axis(1)) - predicted.column(0);
    assert!(gap.iter().all(|gap| gap.abs() < 1e-3), "{gap}");
    desk.done("explain occlusion --model net.fi --data X.npy --output o.npy");
    assert_eq!(fi_io::read_npy_2d(desk.path("o.npy")).unwrap().dim(), (60, 3));

    for method in ["viann", "first-layer"] {
        let table = desk.done(&format!("importance {method} --model net.fi"));
        assert!(table.contains("x0") && table.contains("x1"), "{table}");
    }
}

#[test]
fn a_perceptron_is_scored_by_its_weights_and_by_a_history_from_elsewhere() {
    let desk = desk();
    let rows: Vec<String> = (0..60)
        .map(|i| {
            let (a, b) = (f64::from(i * 7 % 60), f64::from(i * 11 % 60));
            format!("{a},{b},{}", if a > 30.0 { "high" } else { "low" })
        })
        .collect();
    std::fs::write(desk.path("t.csv"), format!("a,b,kind\n{}\n", rows.join("\n"))).unwrap();
    let table = desk.done(
        "train mlp --data t.csv --target kind --hidden 8 --epochs 40 --learning-rate 0.02 \
         --output net.fi",
    );
    assert!(table.contains("accuracy"), "{table}");
    for method in ["viann", "first-layer", "garson", "olden", "one-hot", "gradient", "lrp"] {
        let data = if ["gradient", "lrp"].contains(&method) { "--data t.csv" } else { "" };
        desk.done(&format!("importance {method} --model net.fi {data} --output {method}.csv"));
        assert_eq!(desk.features(&format!("{method}.csv"))[0].0, "a", "{method}");
    }
    let epochs = ndarray::array![[[0.1], [0.5]], [[0.4], [0.5]], [[0.9], [0.4]]];
    fi_io::write_npy(desk.path("epochs.npy"), &epochs).unwrap();
    let found = desk.done("importance viann --weights-history epochs.npy");
    let first = found.lines().find(|line| line.contains("x0")).unwrap();
    assert!(first.contains('1'), "{found}");
}

#[test]
fn tokens_that_only_rows_set_aside_have_are_known() {
    let desk = desk();
    // Every row has a token of its own.
    let tokens =
        ndarray::Array2::from_shape_fn((20, 3), |(i, t)| if t == 0 { i } else { i % 2 } as f64);
    fi_io::write_npy(desk.path("tokens.npy"), &tokens).unwrap();
    let y = Array1::from_shape_fn(20, |i| (i % 2) as f64);
    fi_io::write_npy(desk.path("labels.npy"), &y).unwrap();
    desk.done(
        "train gru --data tokens.npy --target labels.npy --task classification --embedding 2 \
         --hidden 2 --epochs 2 --output words.fi",
    );
    desk.done("importance gradient-x-input --model words.fi --data tokens.npy --output t.csv");
    assert_eq!(desk.features("t.csv").len(), 3);
}

#[test]
fn each_wrong_call_gets_its_own_sentence() {
    let desk = desk();
    std::fs::write(desk.path("t.csv"), "a,b,y\n1,2,3\n2,3,5\n3,4,7\n4,1,5\n").unwrap();
    desk.done("train mlp --data t.csv --target y --epochs 2 --test-size 0 --output net.fi --quiet");
    desk.done("train forest --data t.csv --target y --test-size 0 --output forest.fi --quiet");
    let cases = [
        ("train lstm --data t.csv --target y --output l.fi", "reads sequences: give --data"),
        (
            "train mlp --data t.csv --target y --output l.fi --embedding 4",
            "--embedding has no meaning",
        ),
        (
            "train forest --data t.csv --target y --output l.fi --epochs 4",
            "--epochs has no meaning",
        ),
        (
            "train mlp --data t.csv --target y --output l.fi --max-depth 4",
            "--max-depth has no meaning",
        ),
        ("importance gradient --model forest.fi --data t.csv", "looks inside a neural network"),
        ("importance viann --model forest.fi", "looks inside a neural network"),
        ("importance gradient --model net.fi --data t.csv --over step", "are for sequences"),
        ("importance gradient --model net.fi --data t.csv --repeats 3", "--repeats has no meaning"),
        ("importance lrp --model net.fi --data t.csv --steps 3", "--steps has no meaning"),
        ("importance expected-gradients --model net.fi --data t.csv", "give --background"),
        (
            "importance permutation --model net.fi --data t.csv --target y --precision f32",
            "--precision has no meaning",
        ),
        (
            "explain lrp --model net.fi --data t.csv --output-scale probability",
            "--output-scale has no meaning",
        ),
        (
            "importance occlusion --model net.fi --data t.csv --target y --confidence 0.5",
            "--confidence has no meaning",
        ),
        (
            "explain shap --model net.fi --data t.csv --background t.csv --output-scale probability",
            "leave --output-scale out",
        ),
        ("train mlp --data t.csv --target y --output l.fi --validation=-0.2", "share"),
        ("importance garson --model net.fi --metric r2", "--metric has no meaning"),
        ("importance viann --weights-history missing.npz", "`missing.npz` could not be read"),
        ("importance olden --weights-history X.npy", "--weights-history has no meaning"),
    ];
    for (call, sentence) in cases {
        let said = desk.fails(call).1;
        assert!(said.contains(sentence), "{call}: {said}");
    }
}

#[test]
fn a_network_of_pytorch_comes_in_with_its_layers() {
    let desk = desk();
    let goldens = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fi-models/tests/golden");
    for name in ["torch_lstm.safetensors", "torch_lstm.json", "torch_lstm.golden.json"] {
        std::fs::copy(goldens.join("networks").join(name), desk.path(name)).unwrap();
    }
    let golden = std::fs::read(desk.path("torch_lstm.golden.json")).unwrap();
    let golden: serde_json::Value = serde_json::from_slice(&golden).unwrap();
    let number = |x: &serde_json::Value| x.as_f64().unwrap_or(f64::NAN);
    let flat = |key: &str| -> Vec<f64> {
        let rows = golden[key].as_array().unwrap();
        rows.iter().flat_map(|row| row.as_array().unwrap()).map(number).collect()
    };
    let rows = Array3::from_shape_vec((6, 7, 3), flat("rows")).unwrap();
    fi_io::write_npy(desk.path("rows.npy"), &rows).unwrap();

    let model = "torch_lstm.safetensors --layers torch_lstm.json";
    let about = desk.done(&format!("inspect {model}"));
    for part in ["neural network", "21: pitch[0], roll[0], yaw[0]", "3: one probability per class"]
    {
        assert!(about.contains(part), "{about}");
    }
    desk.done(&format!("predict --model {model} --data rows.npy --output predictions.csv"));
    let text = std::fs::read_to_string(desk.path("predictions.csv")).unwrap();
    let ours = text.lines().skip(1).flat_map(|line| line.split(',')).map(|x| x.parse().unwrap());
    let ours: Vec<f64> = ours.collect();
    let theirs = flat("predictions");
    assert_eq!((ours.len(), theirs.len()), (18, 18));
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert!((ours - theirs).abs() < 1e-10, "{ours} and {theirs}");
    }
    let score = format!("--model {model} --data rows.npy");
    desk.done(&format!("importance gradient {score} --output gradient.csv"));
    let mut names: Vec<_> =
        desk.features("gradient.csv").into_iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    assert_eq!(names, ["pitch", "roll", "yaw"]);
    desk.done(&format!("explain gradient {score} --output slopes.npy"));

    let alone = "--model torch_lstm.safetensors --data rows.npy";
    for call in ["predict", "importance gradient", "explain gradient"] {
        let error = desk.fails(&format!("{call} {alone}")).1;
        assert!(error.contains("give it with `--layers net.json`"), "{error}");
    }
    let error = desk.fails("inspect torch_lstm.safetensors --layers absent.json").1;
    assert!(error.contains("`absent.json` cannot be read"), "{error}");
    std::fs::write(desk.path("wrong.json"), "{\"framework\": \"pytorch\", \"layer\": []}").unwrap();
    let error = desk.fails("inspect torch_lstm.safetensors --layers wrong.json").1;
    assert!(error.contains("unknown field `layer`"), "{error}");
}
