//! Data sets, comparisons and benchmarks of the fi feature-importance crates.
//!
//! [`compare`], [`coverage`], [`truth`] and [`viann`] are what `cargo xtask compare` runs, [`data_sets`] are the
//! tables that ship with the project. The Criterion benchmarks of the folder `benches` are this
//! crate's bench targets.

pub mod compare;
pub mod coverage;
pub mod data_sets;
pub mod gait;
pub mod peers;
pub mod truth;
pub mod viann;

/// The README's examples, as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
