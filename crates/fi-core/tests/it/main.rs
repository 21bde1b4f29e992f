//! What must hold across the crate: axioms, closed forms, unbiasedness, golden numbers.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod axioms;
mod closed_form;
mod interactions;
mod owen;
mod sage;
mod sage_golden;
mod shapley_edges;
mod shapley_golden;
mod unbiased;
