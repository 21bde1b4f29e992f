//! Calls that are stopped after a share of their time; apart, so that no other test slows them.

#![expect(clippy::unwrap_used, reason = "a helper of tests may fail the test")]
#![expect(clippy::disallowed_types, reason = "calls are stopped after a share of their time")]
#![cfg(unix)]

mod anytime;
#[path = "../desk/mod.rs"]
mod desk;
mod killed;
