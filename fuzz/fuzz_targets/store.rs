//! A model file of ours, whose length and checksum are made to fit: else nothing comes behind them.
#![no_main]

use fi_models::store;
use sha2::{Digest as _, Sha256};

/// Mark and version, then the length and the checksum of what follows.
const FRONT: usize = 12;
const HEADER: usize = FRONT + 8 + 32;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut sealed = bytes.to_vec();
    if let Some((header, payload)) = sealed.split_at_mut_checked(HEADER) {
        header[FRONT..FRONT + 8].copy_from_slice(&(payload.len() as u64).to_le_bytes());
        let sum =
            Sha256::new().chain_update(&header[..FRONT + 8]).chain_update(&payload).finalize();
        header[FRONT + 8..].copy_from_slice(&sum);
    }
    fi_fuzz::in_file(&sealed, ".fi", |path| {
        if let Ok(stored) = fi_fuzz::within_memory(bytes.len(), || store::load(path)) {
            fi_fuzz::ask(&stored);
        }
    });
});
