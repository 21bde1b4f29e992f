//! What is read of CatBoost's JSON; other keys are passed over.
//!
//! CatBoost writes `null` for empty lists. Nesting is bounded by the parser (128 levels; trees of
//! CatBoost are at most 16 deep).

#![expect(clippy::struct_field_names, reason = "the keys of the file")]

use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct Model {
    pub(super) features_info: Features,
    pub(super) model_info: Option<Info>,
    pub(super) oblivious_trees: Option<Vec<Oblivious>>,
    /// Of the grow policies `Depthwise` and `Lossguide`.
    pub(super) trees: Option<Vec<Node>>,
    pub(super) scale_and_bias: Option<(f64, Option<Vec<f64>>)>,
}

#[derive(Deserialize)]
pub(super) struct Features {
    pub(super) float_features: Option<Vec<Feature>>,
    pub(super) categorical_features: Option<Vec<Feature>>,
    /// The texts of categories, if the model was saved with its training data.
    pub(super) cat_features_hash: Option<Vec<Category>>,
}

#[derive(Deserialize)]
pub(super) struct Feature {
    /// Its number among the features of its kind.
    pub(super) feature_index: usize,
    /// Its column.
    pub(super) flat_feature_index: usize,
    #[serde(default)]
    pub(super) feature_id: String,
    pub(super) nan_value_treatment: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Category {
    pub(super) hash: u32,
    pub(super) value: String,
}

#[derive(Deserialize, Default)]
pub(super) struct Info {
    pub(super) params: Option<Params>,
    pub(super) class_params: Option<ClassParams>,
}

#[derive(Deserialize)]
pub(super) struct Params {
    pub(super) loss_function: Option<Loss>,
}

#[derive(Deserialize)]
pub(super) struct Loss {
    #[serde(rename = "type")]
    pub(super) name: String,
}

#[derive(Deserialize)]
pub(super) struct ClassParams {
    pub(super) class_names: Option<Vec<ClassName>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum ClassName {
    Boolean(bool),
    Integer(i64),
    Float(f64),
    Text(String),
}

#[derive(Deserialize)]
pub(super) struct Oblivious {
    pub(super) splits: Option<Vec<Split>>,
    /// Leaf by leaf.
    pub(super) leaf_values: Vec<f64>,
    pub(super) leaf_weights: Option<Vec<f64>>,
}

/// The question of a split. Which fields it has follows from its type.
#[derive(Deserialize)]
pub(super) struct Split {
    pub(super) split_type: String,
    pub(super) float_feature_index: Option<usize>,
    pub(super) border: Option<f64>,
    pub(super) cat_feature_index: Option<usize>,
    /// The hash of a category, its 32 bits read as a signed number.
    pub(super) value: Option<i64>,
}

/// A node of a tree that is not oblivious: a split with two children, or a leaf.
#[derive(Deserialize)]
pub(super) struct Node {
    pub(super) split: Option<Split>,
    pub(super) left: Option<Box<Node>>,
    pub(super) right: Option<Box<Node>>,
    pub(super) value: Option<Values>,
    pub(super) weight: Option<f64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Values {
    One(f64),
    Several(Vec<f64>),
}

impl Values {
    pub(super) fn as_slice(&self) -> &[f64] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Several(values) => values,
        }
    }
}
