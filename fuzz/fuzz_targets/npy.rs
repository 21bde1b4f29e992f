#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    fi_fuzz::within_memory(bytes.len(), || {
        let _ = fi_io::read_npy_2d_from(bytes, "x.npy");
    });
});
