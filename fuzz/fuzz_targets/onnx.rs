//! An ONNX graph.
#![no_main]

use fi_models::import::Format;

// Panics that the parser catches are no crashes: the hook of the fuzzer would end at them.
libfuzzer_sys::fuzz_target!(init: std::panic::set_hook(Box::new(|_| ())), |bytes: &[u8]| {
    fi_fuzz::model(Format::Onnx, bytes);
});
