//! What must hold across the crate: axioms, closed forms, unbiasedness, golden numbers.

mod axioms;
mod closed_form;
mod shapley_edges;
mod shapley_golden;
mod unbiased;
