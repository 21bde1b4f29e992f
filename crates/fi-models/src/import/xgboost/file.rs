//! What of XGBoost's file is read, in its own names; the same in JSON and in UBJSON.

use serde::Deserialize;

use super::number::{BaseScore, Count, Flag, Single};

#[derive(Deserialize)]
pub(super) struct File {
    pub(super) learner: Learner,
    #[serde(default)]
    pub(super) version: Vec<u32>,
}

#[derive(Deserialize)]
pub(super) struct Learner {
    #[serde(default)]
    pub(super) feature_names: Vec<String>,
    pub(super) gradient_booster: Booster,
    #[serde(rename = "learner_model_param")]
    pub(super) param: LearnerModelParam,
    pub(super) objective: Objective,
}

#[derive(Deserialize)]
pub(super) struct LearnerModelParam {
    pub(super) base_score: BaseScore,
    #[serde(default)]
    pub(super) num_class: Count,
    pub(super) num_feature: Count,
    #[serde(default)]
    pub(super) num_target: Count,
}

#[derive(Deserialize)]
pub(super) struct Objective {
    pub(super) name: String,
}

/// `gbtree` has its model, `dart` (before 3.4) a `gbtree` and the weights of its trees.
#[derive(Deserialize)]
pub(super) struct Booster {
    pub(super) name: String,
    pub(super) model: Option<Model>,
    pub(super) gbtree: Option<GbTree>,
    pub(super) weight_drop: Option<Vec<Single>>,
}

#[derive(Deserialize)]
pub(super) struct GbTree {
    pub(super) model: Model,
}

/// Both lists are missing in a `gblinear`.
#[derive(Deserialize)]
pub(super) struct Model {
    pub(super) tree_info: Option<Vec<u32>>,
    pub(super) trees: Option<Vec<Tree>>,
    /// The weights of the trees since 3.4, where there is any dropout.
    pub(super) weight_drop: Option<Vec<Single>>,
}

/// One entry for each node in all lists but those of categories and of leaf weights.
#[derive(Deserialize)]
pub(super) struct Tree {
    pub(super) left_children: Vec<i32>,
    /// In a leaf with several values since 3.2: its place in `leaf_weights`.
    pub(super) right_children: Vec<i32>,
    /// 2147483647 in a node that pruning deleted.
    pub(super) split_indices: Vec<u32>,
    /// Thresholds; in a leaf its value.
    pub(super) split_conditions: Vec<Single>,
    pub(super) default_left: Vec<Flag>,
    #[serde(default)]
    pub(super) split_type: Vec<Flag>,
    #[serde(default)]
    pub(super) sum_hessian: Vec<Single>,
    #[serde(default)]
    pub(super) loss_changes: Vec<Single>,
    /// The categories that go right, of all splits on categories one behind the other.
    #[serde(default)]
    pub(super) categories: Vec<u32>,
    #[serde(default)]
    pub(super) categories_nodes: Vec<u32>,
    #[serde(default)]
    pub(super) categories_segments: Vec<u64>,
    #[serde(default)]
    pub(super) categories_sizes: Vec<u64>,
    /// With several values per leaf, before 3.2: those of all nodes.
    #[serde(default)]
    pub(super) base_weights: Vec<Single>,
    /// With several values per leaf, since 3.2: those of the leaves.
    #[serde(default)]
    pub(super) leaf_weights: Vec<Single>,
    #[serde(rename = "tree_param")]
    pub(super) param: TreeParam,
}

#[derive(Deserialize)]
pub(super) struct TreeParam {
    pub(super) num_nodes: Count,
    /// 0 or 1 for a single value.
    #[serde(default)]
    pub(super) size_leaf_vector: Count,
}
