//! Learners, fitted models and what their insides say about feature importance.

pub mod linear;
#[cfg(feature = "linfa")]
pub mod linfa;
pub mod network;
pub mod store;
pub mod tree;

mod fitted;
mod standardize;

pub use fitted::{Fitted, Trees};
pub use standardize::{Scaled, Scaler, Standardized};
