//! A Parquet table, read as data.
#![no_main]

use fi_io::{DataOptions, read_data};

libfuzzer_sys::fuzz_target!(init: fi_fuzz::let_caught_panics_pass(), |bytes: &[u8]| {
    fi_fuzz::in_file(bytes, ".parquet", |path| {
        fi_fuzz::within_memory(bytes.len(), || {
            let _ = read_data(path, &DataOptions::default());
        });
    });
});
