//! The layers' JSON, and behind a byte of zero the tensors.
#![no_main]

use fi_models::import::safetensors;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some(zero) = bytes.iter().position(|&byte| byte == 0) else { return };
    let Ok(layers) = std::str::from_utf8(&bytes[..zero]) else { return };
    let tensors = &bytes[zero + 1..];
    if let Ok(stored) = fi_fuzz::within_memory(bytes.len(), || safetensors(tensors, layers)) {
        fi_fuzz::ask(&stored);
    }
});
