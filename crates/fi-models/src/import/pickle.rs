//! What to do in place of a pickle: the line of Python that writes its model in a format that is
//! read. A pickle is looked at as bytes and never loaded.

/// So much of a file is looked at: the outermost class is named in front.
const LOOKED_AT: usize = 1 << 20;

const XGBOOST: &str = "load it in Python and write `model.save_model(\"model.ubj\")`";
const LIGHTGBM: &str = "load it in Python and write `model.booster_.save_model(\"model.txt\")` (of a Booster: \
     `model.save_model(\"model.txt\")`)";
const CATBOOST: &str =
    "load it in Python and write `model.save_model(\"model.json\", format=\"json\")`";
const SCIKIT_LEARN: &str = "load it in Python and write `open(\"model.onnx\", \
     \"wb\").write(skl2onnx.to_onnx(model, X[:1].astype(\"float32\"), options={\"zipmap\": \
     False}).SerializeToString())`, or a model of trees by docs/guide/export.py";
const TORCH: &str = "load it in Python and write `torch.onnx.export(model.eval(), (X[:3],), \
     \"model.onnx\", dynamic_shapes=({0: torch.export.Dim(\"rows\")},), external_data=False)`, or \
     its `state_dict` by `safetensors.torch.save_file`";
const ANY: &str = "load it in Python and export the model with its library's own `save_model`, to \
     ONNX, or scikit-learn's trees with docs/guide/export.py";

/// Names of modules, and what their models are written by.
const MODULES: [(&[u8], &str); 5] = [
    (b"xgboost", XGBOOST),
    (b"lightgbm", LIGHTGBM),
    (b"catboost", CATBOOST),
    (b"sklearn", SCIKIT_LEARN),
    (b"torch", TORCH),
];

/// In place of a pickle.
pub(super) fn instead(bytes: &[u8]) -> &'static str {
    let bytes = &bytes[..bytes.len().min(LOOKED_AT)];
    let first = |name: &[u8]| bytes.windows(name.len()).position(|part| part == name);
    let found = MODULES.iter().filter_map(|(name, line)| Some((first(name)?, *line)));
    found.min_by_key(|(place, _)| *place).map_or(ANY, |(_, line)| line)
}

/// In place of an archive or a compressed file.
pub(super) fn instead_of_archive(bytes: &[u8]) -> &'static str {
    let bytes = &bytes[..bytes.len().min(LOOKED_AT)];
    // What `torch.save` writes is a zip of a pickle and its tensors.
    if bytes.starts_with(b"PK") && bytes.windows(9).any(|part| part == b"/data.pkl") {
        TORCH
    } else {
        "unpack it first, or, if joblib compressed a pickle, load it in Python and export the \
         model with its library's own `save_model` or to ONNX"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outermost_class_tells_the_line() {
        let cases: [(&[u8], &str); 6] = [
            (b"\x80\x04\x95\0\x8c\x0fxgboost.sklearn\x8c\x0dXGBClassifier sklearn", XGBOOST),
            (b"\x80\x04\x95\0\x8c\x10lightgbm.sklearn\x8c\x0e", LIGHTGBM),
            (b"\x80\x04\x95\0\x8c\x0dcatboost.core\x8c\x12", CATBOOST),
            // A pipeline that ends in XGBoost is a pipeline.
            (b"\x80\x04\x95\0\x8c\x10sklearn.pipeline\x8c\x08 xgboost", SCIKIT_LEARN),
            (b"\x80\x02\x8c\x05torch", TORCH),
            (b"\x80\x04\x95\0", ANY),
        ];
        for (bytes, line) in cases {
            assert_eq!(instead(bytes), line, "{}", bytes.escape_ascii());
        }
        assert_eq!(instead_of_archive(b"PK\x03\x04\0\0archive/data.pkl\x80\x02"), TORCH);
        let line = instead_of_archive(b"\x78\x9c\x01\x02");
        assert!(line.starts_with("unpack it first, or, if joblib compressed a pickle"), "{line}");
    }
}
