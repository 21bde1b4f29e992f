//! Decision trees and random forests, the one layout for every library's trees, and what the
//! structure of trees says about their features.
//!
//! [`DecisionTree`] and [`RandomForest`] are settings; `fit` answers [`Trees`], whose nodes lie
//! in an [`Ensemble`]. Scores of the features: [`impurity`] and
//! [`split_count`] read the nodes, [`oob_permutation`] asks the rows that each tree did not see,
//! [`corrected_impurity`] grows a forest beside shadows of the features. [`permutation`] shuffles
//! all features in one pass, and [`exact_permutation`] answers its expectation without drawing.
//! [`TreeShap`] divides single predictions among the features, exactly.

mod boosting;
mod bootstrap;
mod builder;
mod class_weight;
mod coded_trees;
mod codes;
mod columns;
mod compiled;
mod corrected;
mod covers;
mod criterion;
mod decision_tree;
mod ensemble;
mod exact_permutation;
mod forest;
mod grow;
mod importance;
mod leaving;
#[cfg(feature = "linfa")]
mod linfa;
mod link;
mod one_pass;
mod out_of_bag;
mod permutation;
mod predict;
mod prune;
mod shap;
mod split;
mod subgroups;
mod table;
#[expect(clippy::module_inception, reason = "the field's word")]
mod tree;
mod trees;

pub use boosting::{EarlyStopping, GradientBoosting, Loss};
pub use bootstrap::Bootstrap;
pub use builder::{EnsembleBuilder, NodeStats, TreeBuilder};
pub use class_weight::ClassWeight;
pub use corrected::corrected_impurity;
pub use criterion::Criterion;
pub use decision_tree::{DecisionTree, MaxFeatures, PruningPath, Splitter};
pub use ensemble::{Aggregate, Ensemble, Statistics};
pub use exact_permutation::exact_permutation;
pub use forest::{MaxSamples, RandomForest};
pub use importance::{
    cover, gain, held_out_impurity, impurity, oob_impurity, split_count, total_cover, total_gain,
};
#[cfg(feature = "linfa")]
pub use linfa::{LinfaError, LinfaModel, LinfaParams, TreeLabel, TreeParams};
pub use link::Link;
#[cfg(feature = "onnx")]
pub(crate) use link::{sigmoid, softmax};
pub use out_of_bag::oob_permutation;
pub use permutation::{permutation, permutation_of_blocks};
pub use shap::{
    Background, Block, ChosenEngines, OutputScale, Perturbation, Summary, TablePlan, TopFeatures,
    TreeExplainer, TreeShap,
};
pub use split::{CategorySet, Comparison, Precision};
pub use subgroups::TreeSubgroups;
pub use tree::{Test, Tree};
pub use trees::Trees;

#[cfg(test)]
mod random;
#[cfg(test)]
mod tests;
