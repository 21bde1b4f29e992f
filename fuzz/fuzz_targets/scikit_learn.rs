//! scikit-learn's trees, as docs/guide/export.py writes them.
#![no_main]

use fi_models::import::Format;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fi_fuzz::model(Format::ScikitLearn, bytes));
