//! Tests of reading files: the contents decide, and each refusal is a sentence.

use std::io::Write as _;

use super::*;
use fi_core::Model as _;
use ndarray::array;

use crate::linear::{LinearModel, Scores};

/// A file with these bytes, and what reading it says, with `FILE` for its name.
fn said(bytes: &[u8], name: &str) -> Result<Stored, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::File::create(&path).unwrap().write_all(bytes).unwrap();
    let name = path.display().to_string();
    load(&path).map_err(|error| error.to_string().replace(&name, "FILE"))
}

#[test]
fn the_contents_decide_and_not_the_name() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/xgboost");
    for file in ["certain.json", "certain.ubj"] {
        let bytes = std::fs::read(golden.join(file)).unwrap();
        for name in ["model.txt", "model.onnx", "model"] {
            assert_eq!(said(&bytes, name).unwrap().n_features(), 6);
        }
    }
    let model = LinearModel::new(array![[2.0]], array![1.0], Scores::Values).unwrap();
    let feature_names = vec!["width".to_owned()];
    let stored = Stored {
        model: model.into(),
        feature_names,
        class_names: None,
        scaler: None,
        training_rows: None,
        categories: Vec::new(),
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.json");
    crate::store::save(&path, &stored).unwrap();
    assert_eq!(load(&path).unwrap().feature_names, ["width"]);
}

#[test]
fn what_cannot_be_read_is_said_in_a_sentence() {
    let cases: [(&[u8], &str); 9] = [
        (
            b"a,b\n1,2\n",
            "`FILE` is no model that fi knows: it reads XGBoost (.json, .ubj), LightGBM (.txt), CatBoost (.json), ONNX, scikit-learn's trees exported to JSON, networks of PyTorch and Keras (.safetensors), and its own .fi",
        ),
        (
            b"",
            "`FILE` is no model that fi knows: it reads XGBoost (.json, .ubj), LightGBM (.txt), CatBoost (.json), ONNX, scikit-learn's trees exported to JSON, networks of PyTorch and Keras (.safetensors), and its own .fi",
        ),
        (
            b"\x80\x05\x95",
            "`FILE` is a Python pickle, which fi never loads because reading one runs code: load it in Python and export the model with its library's own `save_model`, to ONNX, or scikit-learn's trees with docs/guide/export.py",
        ),
        (
            b"PK\x03\x04",
            "`FILE` is compressed or an archive, and fi reads the model itself and no pickle in it: unpack it first, or, if joblib compressed a pickle, load it in Python and export the model with its library's own `save_model` or to ONNX",
        ),
        (
            b"{\"learner\":{}}",
            "`FILE` cannot be used as a model of XGBoost: it is damaged: missing field `gradient_booster` at line 1 column 13",
        ),
        (
            b"binf\0",
            "`FILE` cannot be used as a model of XGBoost: it is in the binary format that XGBoost gave up in version 3.1: load it with an older XGBoost (2.1, for example) and save it with `save_model(\"model.ubj\")`",
        ),
        (
            b"[{\"nodeid\":0}]",
            "`FILE` cannot be used as a model of XGBoost: it is the text of `dump_model`, which lacks what predictions need: write the model with `save_model(\"model.json\")`",
        ),
        (
            b"{\"tree_info\":0}",
            "`FILE` cannot be used as a model of LightGBM: it is the text of `dump_model`: write the model with `save_model(\"model.txt\")`",
        ),
        (
            b"CBM1",
            "`FILE` cannot be used as a model of CatBoost: it is in CatBoost's binary format: write the model with `save_model(\"model.json\", format=\"json\")`",
        ),
    ];
    for (bytes, sentence) in cases {
        assert_eq!(said(bytes, "model.json").unwrap_err(), sentence);
    }
    let error = said(b"fi\0model", "model.fi").unwrap_err();
    assert!(error.starts_with("`FILE` is damaged: "), "{error}");
}

#[test]
fn no_file_no_folder_and_none_that_is_too_large() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none");
    let error = load(&path).unwrap_err();
    assert!(matches!(&error, Error::Read { .. }), "{error}");
    let error = load(folder.path()).unwrap_err().to_string();
    assert!(error.contains("` cannot be read: "), "{error}");
    let file = std::fs::File::create(&path).unwrap();
    file.set_len(LARGEST + 1).unwrap();
    let error = load(&path).unwrap_err().to_string();
    let sentence = "has 4294967297 bytes, at most 4294967296 can be read as a model";
    assert!(error.ends_with(sentence), "{error}");
}
