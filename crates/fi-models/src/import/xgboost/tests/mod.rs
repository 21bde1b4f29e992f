//! Tests of the importer: against XGBoost, and against files that hold anything.

mod golden;
mod hostile;

use std::path::PathBuf;

use crate::fitted::Fitted;
use crate::store::Stored;
use crate::tree::Trees;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/xgboost")
}

fn bytes(file: &str) -> Vec<u8> {
    std::fs::read(folder().join(file)).unwrap()
}

fn trees(stored: &Stored) -> &Trees {
    match &stored.model {
        Fitted::Trees(trees) => trees,
        other => panic!("expected trees, got {other:?}"),
    }
}
