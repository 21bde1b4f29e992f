//! A Parquet table, read as data.
#![no_main]

use fi_io::{DataOptions, read_data};

// Panics that the parser catches are no crashes: the hook of the fuzzer would end at them.
libfuzzer_sys::fuzz_target!(init: std::panic::set_hook(Box::new(|_| ())), |bytes: &[u8]| {
    fi_fuzz::in_file(bytes, ".parquet", |path| {
        fi_fuzz::within_memory(bytes.len(), || {
            let _ = read_data(path, &DataOptions::default());
        });
    });
});
