//! Data sets, comparisons and benchmarks of the fi feature-importance crates.

pub mod compare;
pub mod data_sets;
