#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    fi_fuzz::in_file(bytes, ".npz", |path| {
        fi_fuzz::within_memory(bytes.len(), || {
            let _ = fi_io::read_npz(path);
        });
    });
});
