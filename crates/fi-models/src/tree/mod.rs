//! Decision trees and random forests, the one layout for every library's trees, and what the
//! structure of trees says about their features.
//!
//! [`DecisionTree`] and [`RandomForest`] are settings; `fit` answers a [`FittedTree`] or a
//! [`Forest`], whose nodes lie in an [`Ensemble`]. Scores of the features: [`impurity`] and
//! [`split_count`] read the nodes, [`oob_permutation`] asks the rows that each tree did not see.

mod builder;
mod criterion;
mod decision_tree;
mod ensemble;
mod forest;
mod grow;
mod importance;
#[cfg(feature = "linfa")]
mod linfa;
mod out_of_bag;
mod sort;
mod table;

pub(crate) use decision_tree::check_output;

pub use builder::{EnsembleBuilder, NodeStats, TreeBuilder};
pub use criterion::Criterion;
pub use decision_tree::{DecisionTree, FittedTree, MaxFeatures};
pub use ensemble::{Comparison, Ensemble, Tree};
pub use forest::{Forest, MaxSamples, RandomForest};
pub use importance::{impurity, split_count};
#[cfg(feature = "linfa")]
pub use linfa::{LinfaError, LinfaModel, LinfaParams, TreeLabel, TreeParams};
pub use out_of_bag::oob_permutation;

#[cfg(test)]
mod tests;
