//! Files of every format version, written once and read for ever.
//!
//! `golden/*.fi` hold one model of each kind, small enough to check by hand. A file in the field
//! outlives the code that wrote it: if a test here fails, the format has changed, and wants a new
//! version number and a reader for the old one. Only a *new* version brings new files, which
//!
//! ```text
//! UPDATE_GOLDEN=1 cargo test -p fi-models --test format
//! ```
//!
//! writes from [`models`].

#![expect(clippy::unwrap_used, reason = "a helper of tests may fail the test")]

use std::path::PathBuf;

use fi_core::Model;
use fi_core::guards::RowHashes;
use fi_models::linear::{LinearModel, Scores, StandardErrors};
use fi_models::network::{
    Activation, BatchNorm, Conv1d, Dense, Dropout, Embedding, Gru, Input, Layer, Lstm, Network,
    PRelu, Padding, Pool,
};
use fi_models::store::{Stored, load, save};
use fi_models::tree::{Comparison, Ensemble, Link, NodeStats, TreeBuilder, Trees};
use fi_models::{Fitted, Scaler};
use ndarray::{Array, Array2, Dimension, ShapeBuilder, array};
use serde_json::json;

fn golden(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "golden", &format!("{name}.fi")].iter().collect()
}

fn strings<const N: usize>(names: [&str; N]) -> Vec<String> {
    names.map(str::to_owned).to_vec()
}

/// Two trees of three classes: `width ≤ 0.8` and then `height ≤ 1.75`, and a stump that sends
/// missing heights to the left.
fn forest() -> Stored {
    let stats = |cover, impurity, value| NodeStats { cover, impurity, value };
    let mut deep = TreeBuilder::new(3);
    let root = deep.push_split(0, 0.8, &stats(8.0, 0.625, &[0.5, 0.25, 0.25]));
    let low = deep.push_leaf(&stats(4.0, 0.0, &[1.0, 0.0, 0.0]));
    let high = deep.push_split(1, 1.75, &stats(4.0, 0.5, &[0.0, 0.5, 0.5]));
    let left = deep.push_leaf(&stats(2.0, 0.0, &[0.0, 1.0, 0.0]));
    let right = deep.push_leaf(&stats(2.0, 0.0, &[0.0, 0.0, 1.0]));
    deep.connect(root, low, high);
    deep.connect(high, left, right);

    let mut stump = TreeBuilder::new(3);
    let root = stump.push_split(1, 2.5, &stats(8.0, 0.625, &[0.5, 0.25, 0.25]));
    let left = stump.push_leaf(&stats(4.0, 0.375, &[0.75, 0.25, 0.0]));
    let right = stump.push_leaf(&stats(4.0, 0.625, &[0.25, 0.25, 0.5]));
    stump.connect(root, left, right);
    stump.send_missing_left(root);

    let mut builder = Ensemble::builder(2, 3, Comparison::LessEqual);
    builder.push_tree(deep).unwrap();
    builder.push_tree(stump).unwrap();
    let ensemble = builder.build().unwrap();
    Stored {
        model: Trees::new(ensemble, Link::Probabilities).unwrap().into(),
        feature_names: strings(["width", "height"]),
        class_names: Some(strings(["red", "green", "μπλε"])),
        scaler: None,
        training_rows: None,
        categories: vec![("height".to_owned(), strings(["high", "low", "χαμηλό"]))],
    }
}

/// Least squares of two scaled features, which knows its standard errors.
fn linear() -> Stored {
    let errors = StandardErrors { coefficients: array![[0.5], [0.25]], degrees_of_freedom: 300 };
    let model = LinearModel::new(array![[2.0], [-0.5]], array![1.25], Scores::Values)
        .and_then(|model| model.with_standard_errors(errors))
        .and_then(|model| model.with_feature_std(vec![1.0, 1.0]))
        .unwrap();
    Stored {
        model: model.into(),
        feature_names: strings(["width", "height"]),
        class_names: None,
        scaler: Some(Scaler { mean: vec![1.0, -2.0], scale: vec![0.5, 4.0] }),
        training_rows: Some(RowHashes::new(array![[3.0, 0.0], [1.0, f64::NAN]].view())),
        categories: Vec::new(),
    }
}

/// Two rectified units and a linear one, after two epochs that were watched.
fn network() -> Stored {
    let array = |dim: &[usize], data: &[f64]| json!({"v": 1, "dim": dim, "data": data});
    let record = |loss: f64, validation: Option<f64>| {
        json!({
            "loss": loss, "accuracy": null,
            "validation_loss": validation, "validation_accuracy": null, "validation_metric": null,
            "learning_rate": null,
        })
    };
    let network: Network = serde_json::from_value(json!({
        "input": {"Features": 2},
        "layers": [
            {"Dense": {
                "weights": array(&[2, 2], &[1.0, -1.0, 2.0, 0.5]),
                "bias": array(&[2], &[0.25, 0.0]),
                "activation": "Relu",
            }},
            {"Dense": {
                "weights": array(&[2, 1], &[3.0, -2.0]),
                "bias": array(&[1], &[0.5]),
                "activation": "Linear",
            }},
        ],
        "output": "Values",
        "precision": "Double",
        "history": [record(2.0, Some(4.0)), record(1.0, None)],
        "statistics": {
            "count": 2,
            "initial": array(&[2, 2], &[0.5, 0.5, 0.5, 0.5]),
            "mean": array(&[2, 2], &[0.75, -0.5, 1.5, 0.25]),
            "m2": array(&[2, 2], &[0.125, 0.5, 0.5, 0.125]),
        },
    }))
    .unwrap();
    Stored {
        model: network.into(),
        feature_names: strings(["width", "height"]),
        class_names: None,
        scaler: None,
        training_rows: None,
        categories: Vec::new(),
    }
}

/// The file, the model that is in it, rows, and what it predicts for them, computed by hand.
fn models() -> [(&'static str, Stored, Array2<f64>, Array2<f64>); 3] {
    [
        (
            "forest",
            forest(),
            array![[0.8, 9.0], [0.9, 1.75], [0.9, 2.5], [0.0, f64::NAN]],
            array![
                [0.625, 0.125, 0.25],
                [0.375, 0.625, 0.0],
                [0.375, 0.125, 0.5],
                [0.875, 0.125, 0.0]
            ],
        ),
        // z = (4, 0.5), and 2 · 4 − 0.5 · 0.5 + 1.25.
        ("linear", linear(), array![[3.0, 0.0], [1.0, -2.0]], array![[9.0], [1.25]]),
        // Units max(0, x₀ + 2 x₁ + 0.25) and max(0, −x₀ + 0.5 x₁).
        (
            "network",
            network(),
            array![[0.0, 0.0], [1.0, 4.0], [-1.0, 0.0]],
            array![[1.25], [26.25], [-1.5]],
        ),
    ]
}

/// The other tests read the committed files; this one keeps them as the code writes them.
#[test]
fn the_same_models_give_the_committed_bytes() {
    let folder = tempfile::tempdir().unwrap();
    for (name, stored, ..) in models() {
        let path = folder.path().join(name);
        save(&path, &stored).unwrap();
        let golden = golden(&format!("{name}-5"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            save(&golden, &stored).unwrap();
        }
        assert_eq!(std::fs::read(path).unwrap(), std::fs::read(golden).unwrap(), "{name}");
    }
}

#[test]
fn committed_files_load_and_predict_what_they_did() {
    let versions =
        [1, 2, 3, 4, 5].into_iter().flat_map(|version| models().map(|model| (version, model)));
    for (version, (name, stored, rows, predictions)) in versions {
        let name = format!("{name}-{version}");
        let loaded = load(&golden(&name)).unwrap();
        assert_eq!(loaded.predict(rows.view()).unwrap(), predictions, "{name}");
        assert_eq!(loaded.feature_names, stored.feature_names, "{name}");
        assert_eq!(loaded.class_names, stored.class_names, "{name}");
        assert_eq!(loaded.scaler, stored.scaler, "{name}");
        let training_rows = stored.training_rows.filter(|_| version >= 4);
        assert_eq!(loaded.training_rows, training_rows, "{name}");
        let categories = if version >= 5 { stored.categories } else { Vec::new() };
        assert_eq!(loaded.categories, categories, "{name}");
        // Everything else too: covers, standard errors, training history.
        match (loaded.model, stored.model) {
            (Fitted::Trees(loaded), Fitted::Trees(made)) => assert_eq!(loaded, made),
            (Fitted::Linear(loaded), Fitted::Linear(made)) => assert_eq!(loaded, made),
            (Fitted::Network(loaded), Fitted::Network(made)) => assert_eq!(loaded, made),
            (loaded, _) => panic!("{name} holds {loaded:?}"),
        }
    }
}

#[test]
fn committed_files_say_their_version() {
    for (name, version) in
        models().iter().flat_map(|(name, ..)| [1, 2, 3, 4, 5].map(|version| (name, version)))
    {
        let bytes = std::fs::read(golden(&format!("{name}-{version}"))).unwrap();
        assert_eq!(bytes[..12], [&b"fi\0model"[..], &[version, 0, 0, 0]].concat(), "{name}");
    }
}

/// Quarters from −0.75 to 0.75, which differ from place to place.
fn counted<D: Dimension, S: ShapeBuilder<Dim = D>>(shape: S) -> Array<f64, D> {
    let mut n = 0.0;
    Array::from_shape_simple_fn(shape, || {
        n += 1.0;
        (n % 7.0 - 3.0) / 4.0
    })
}

/// Every kind of layer, over tokens and over channels.
fn layers() -> [(&'static str, Stored); 2] {
    let dense = |n_in: usize| {
        let (weights, bias) = (counted((n_in, 1)), counted(1));
        Layer::Dense(Dense { weights, bias, activation: Activation::Linear })
    };
    let text = vec![
        Layer::Embedding(Embedding { weights: counted((3, 2)) }),
        Layer::Lstm(Lstm {
            input_weights: counted((2, 8)),
            recurrent_weights: counted((2, 8)),
            bias: counted(8),
            return_sequences: true,
            reverse: true,
        }),
        Layer::Gru(Gru {
            input_weights: counted((2, 6)),
            recurrent_weights: counted((2, 6)),
            bias: counted(6),
            recurrent_bias: Some(counted(6)),
            return_sequences: false,
            reverse: false,
        }),
        dense(2),
    ];
    let series = vec![
        Layer::Conv1d(Conv1d {
            weights: counted((2, 1, 2)),
            bias: counted(2),
            stride: 1,
            padding: Padding::Causal,
            activation: Activation::LeakyRelu { slope: 0.25 },
        }),
        Layer::BatchNorm(BatchNorm {
            gamma: counted(2),
            beta: counted(2),
            mean: counted(2),
            variance: array![0.5, 2.0],
            epsilon: 0.001,
            momentum: 0.99,
        }),
        Layer::PRelu(PRelu { alpha: counted(2) }),
        Layer::Dropout(Dropout { rate: 0.5 }),
        Layer::Activation(Activation::Elu { alpha: 1.0 }),
        Layer::Pool(Pool::Mean),
        Layer::Flatten,
        dense(2),
    ];
    let stored = |input: Input, layers: Vec<Layer>| Stored {
        model: Network::new(input, layers, fi_core::Output::Values).unwrap().into(),
        feature_names: strings(["first", "second", "third"]),
        class_names: None,
        scaler: None,
        training_rows: None,
        categories: Vec::new(),
    };
    [
        ("text", stored(Input::Tokens { steps: 3, vocabulary: 3 }, text)),
        ("series", stored(Input::Sequence { steps: 3, channels: 1 }, series)),
    ]
}

#[test]
fn every_kind_of_layer_keeps_its_bytes() {
    let folder = tempfile::tempdir().unwrap();
    for (name, stored) in layers() {
        let (path, newest) = (folder.path().join(name), golden(&format!("{name}-5")));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            save(&newest, &stored).unwrap();
        }
        save(&path, &stored).unwrap();
        assert_eq!(std::fs::read(path).unwrap(), std::fs::read(&newest).unwrap(), "{name}");
        let Fitted::Network(made) = stored.model else { panic!("{name} is no network") };
        for version in [3, 4, 5] {
            let Fitted::Network(loaded) =
                load(&golden(&format!("{name}-{version}"))).unwrap().model
            else {
                panic!("{name} is no network")
            };
            assert_eq!(loaded, made);
            let rows = array![[1.0, 2.0, f64::NAN], [0.0, 1.0, 2.0]];
            assert_eq!(loaded.predict(rows.view()).unwrap(), made.predict(rows.view()).unwrap());
        }
    }
}
