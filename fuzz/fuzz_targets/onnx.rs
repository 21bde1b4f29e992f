//! An ONNX graph.
#![no_main]

use fi_models::import::Format;

libfuzzer_sys::fuzz_target!(init: fi_fuzz::let_caught_panics_pass(), |bytes: &[u8]| {
    fi_fuzz::model(Format::Onnx, bytes);
});
