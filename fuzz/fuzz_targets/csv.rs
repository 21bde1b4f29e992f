//! The same bytes as data, as a table of pairs, and as importances.
#![no_main]

use fi_io::{CsvOptions, read_csv_from, read_importance_csv_from, read_table_csv_from};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    fi_fuzz::within_memory(bytes.len(), || {
        let _ = read_csv_from(bytes, "x.csv", &CsvOptions::default());
        let _ = read_table_csv_from(bytes, "x.csv");
        let _ = read_importance_csv_from(bytes, "x.csv");
    });
});
