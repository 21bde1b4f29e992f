//! Linear models, and what their coefficients say about the features.
//!
//! Every linear adapter and importer ends in one [`LinearModel`]: a matrix of coefficients, an
//! intercept per column, and what the columns mean. [`coefficients`] reads the matrix as it is,
//! [`standardized_coefficients`] in units of each feature's standard deviation, which is the
//! form that can be compared between features. [`LinearShap`] explains rows.

mod importance;
mod model;
mod shap;

#[cfg(test)]
mod tests;

pub use importance::{coefficients, standardized_coefficients};
pub use model::{LinearModel, Scores, StandardErrors};
pub use shap::LinearShap;
