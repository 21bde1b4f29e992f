//! Decision trees and random forests, the one layout for every library's trees, and what the
//! structure of trees says about their features.
//!
//! [`DecisionTree`] and [`RandomForest`] are settings; `fit` answers [`Trees`], whose nodes lie
//! in an [`Ensemble`]. Scores of the features: [`impurity`] and
//! [`split_count`] read the nodes, [`oob_permutation`] asks the rows that each tree did not see.

mod bootstrap;
mod builder;
mod criterion;
mod decision_tree;
mod ensemble;
mod forest;
mod grow;
mod importance;
#[cfg(feature = "linfa")]
mod linfa;
mod link;
mod out_of_bag;
mod shap;
mod sort;
mod split;
mod table;
#[expect(clippy::module_inception, reason = "the field's word")]
mod tree;
mod trees;

pub use bootstrap::Bootstrap;
pub use builder::{EnsembleBuilder, NodeStats, TreeBuilder};
pub use criterion::Criterion;
pub use decision_tree::{DecisionTree, MaxFeatures};
pub use ensemble::{Aggregate, Ensemble, Statistics};
pub use forest::{MaxSamples, RandomForest};
pub use importance::{impurity, split_count};
#[cfg(feature = "linfa")]
pub use linfa::{LinfaError, LinfaModel, LinfaParams, TreeLabel, TreeParams};
pub use link::Link;
pub use out_of_bag::oob_permutation;
pub use shap::{
    Background, Block, ChosenEngines, OutputScale, Perturbation, Summary, TablePlan, TopFeatures,
    TreeExplainer, TreeShap,
};
pub use split::{CategorySet, Comparison, Precision};
pub use tree::{Test, Tree};
pub use trees::Trees;

#[cfg(test)]
mod tests;
