//! Data sets, comparisons and benchmarks of the fi feature-importance crates.

pub mod compare;
pub mod data_sets;

/// Runs the examples of the project's README as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
