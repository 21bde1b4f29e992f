//! Decision trees and forests.

mod builder;
mod ensemble;

pub use builder::{EnsembleBuilder, NodeStats, TreeBuilder};
pub use ensemble::{Comparison, Ensemble, Tree};
