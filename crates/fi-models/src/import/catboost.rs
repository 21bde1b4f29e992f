//! CatBoost's JSON models: oblivious trees, and those of the other grow policies.
//!
//! The file says which columns there are, then the trees. An oblivious tree asks the same
//! question of all nodes of a level; here it becomes a full binary tree whose nodes stand level
//! by level, so that the children of node `i` are `2i + 1` and `2i + 2`. The question of bit `k`
//! of CatBoost's leaf index is asked by the `k`-th level from the bottom, which is also the order
//! in which CatBoost's own SHAP values condition on them.

mod category;
mod json;
mod objective;
mod trees;

use crate::import::categories::Budget;
use crate::import::{Problem, shown};
use crate::store::Stored;
use crate::tree::{Aggregate, Comparison, Ensemble, Precision, Statistics, Trees};

use category::Categories;
use json::{Features, Model};
use trees::{Columns, Reader};

/// Reads a model that CatBoost wrote as JSON (`save_model(path, format="json")`).
///
/// Every row falls into the same leaves as in CatBoost: values are rounded to single precision
/// and go right if `x > border`, missing values as the feature's `nan_value_treatment` says. A
/// test for one category (`OneHotFeature`) holds a hash of the category's text; it is read if the
/// text is a whole number below 131,072, and the column must hold these numbers.
///
/// ```text
/// Tree::id        of a leaf: CatBoost's leaf index (`calc_leaf_indexes`) of the model as it is
///                 loaded from the JSON; of a split: its number within the tree
/// Tree::cover     the summed weight of the training rows, in a split the sum of its leaves'
/// Tree::value     the leaf's values times the model's scale; 0 in a split
/// ```
///
/// The model's bias is the base score. Predictions are what CatBoost calls `Probability` for
/// `Logloss`, `CrossEntropy`, `Focal`, the `MultiClass` losses and those of several labels,
/// `Exponent` for `Poisson`, `Tweedie` and `LogLinQuantile`, and the raw value for all others.
///
/// # Cost
///
/// One pass over the text; memory in proportion to it. With categories, 131,072 short hashes.
///
/// # Errors
///
/// [`Problem::Damaged`] for text that does not hold together. [`Problem::Unsupported`] for
/// statistics of categories (CTRs), text and embedding features, categories that are no whole
/// numbers, losses that are not known, and models without trees.
///
/// # Example
///
/// ```
/// use fi_core::Model;
/// use fi_models::import::catboost;
/// use ndarray::array;
///
/// let text = r#"{
///     "features_info": {"float_features": [{"feature_id": "width", "feature_index": 0,
///         "flat_feature_index": 0, "nan_value_treatment": "AsIs"}]},
///     "model_info": {"params": {"loss_function": {"type": "RMSE"}}},
///     "oblivious_trees": [{"leaf_values": [1, 2], "leaf_weights": [10, 5], "splits": [
///         {"split_type": "FloatFeature", "float_feature_index": 0, "border": 0.5}]}],
///     "scale_and_bias": [1, [0.25]]
/// }"#;
/// let stored = catboost(text.as_bytes())?;
/// assert_eq!(stored.feature_names, ["width"]);
/// assert_eq!(stored.predict(array![[0.5], [0.6]].view()).unwrap(), array![[1.25], [2.25]]);
/// # Ok::<(), fi_models::import::Problem>(())
/// ```
///
/// # References
///
/// - L. Prokhorenkova et al., *CatBoost: unbiased boosting with categorical features*, Advances
///   in Neural Information Processing Systems 31, 2018.
///   [arXiv:1706.09516](https://arxiv.org/abs/1706.09516)
pub fn catboost(bytes: &[u8]) -> Result<Stored, Problem> {
    let model: Model =
        serde_json::from_slice(bytes).map_err(|error| Problem::Damaged(error.to_string()))?;
    let columns = columns(&model.features_info)?;
    let oblivious = model.oblivious_trees.as_deref().unwrap_or_default();
    let others = model.trees.as_deref().unwrap_or_default();
    if !oblivious.is_empty() && !others.is_empty() {
        return damaged("it has both `oblivious_trees` and `trees`".into());
    }

    let (scale, bias) = model.scale_and_bias.unwrap_or((1.0, None));
    let categories = Categories::find(&model.features_info, trees::hashes(oblivious, others));
    let mut reader = Reader {
        columns: &columns,
        categories: &categories,
        scale,
        n_outputs: None,
        budget: Budget::new(bytes.len()),
    };
    let mut builders = Vec::new();
    for (index, tree) in oblivious.iter().enumerate() {
        builders.push(reader.oblivious(index, tree)?);
    }
    for (index, tree) in others.iter().enumerate() {
        builders.push(reader.other(index, tree)?);
    }
    let Some(n_outputs) = reader.n_outputs else {
        return Err(Problem::Unsupported(
            "the model has no trees, train it for at least one iteration".into(),
        ));
    };
    let has_weights = oblivious.iter().all(|tree| tree.leaf_weights.is_some())
        && others.iter().all(trees::has_weights);

    let info = model.model_info.unwrap_or_default();
    let link = objective::link(&info, n_outputs)?;
    let class_names = objective::class_names(&info, link, n_outputs)?;
    let statistics = Statistics { cover: has_weights, impurity: false, gain: false };
    let mut builder = Ensemble::builder(columns.names.len(), n_outputs, Comparison::LessEqual)
        .with_precision(Precision::F32)
        .with_aggregate(Aggregate::Sum)
        .with_base(base(bias.unwrap_or_default(), n_outputs)?)
        .with_statistics(statistics);
    for tree in builders {
        builder.push_tree(tree)?;
    }
    let model = Trees::new(builder.build()?, link)?.into();
    let stored = Stored {
        model,
        feature_names: columns.names,
        class_names,
        scaler: None,
        training_rows: None,
        categories: Vec::new(),
    };
    stored.validate()?;
    Ok(stored)
}

/// Where each feature stands in a row.
fn columns(features: &Features) -> Result<Columns, Problem> {
    let floats = features.float_features.as_deref().unwrap_or_default();
    let categories = features.categorical_features.as_deref().unwrap_or_default();
    let n_features = floats.len().saturating_add(categories.len());
    let mut columns = Columns { names: vec![String::new(); n_features], ..Columns::default() };
    let mut is_named = vec![false; n_features];
    let mut place = |column: usize, name: &str| -> Result<(), Problem> {
        if column >= n_features {
            return Err(Problem::Unsupported(format!(
                "its {n_features} numeric and categorical features do not fill the columns up to \
                 {column}: text and embedding features cannot be read, train without them"
            )));
        }
        if std::mem::replace(&mut is_named[column], true) {
            return damaged(format!("column {column} has two features"));
        }
        columns.names[column] = if name.is_empty() { column.to_string() } else { name.to_owned() };
        Ok(())
    };
    for feature in floats {
        place(feature.flat_feature_index, &feature.feature_id)?;
        let missing_left = match feature.nan_value_treatment.as_deref() {
            // No value is larger than a border if it is missing.
            None | Some("AsIs" | "AsFalse") => true,
            Some("AsTrue") => false,
            Some(other) => {
                return damaged(format!("`nan_value_treatment` is `{}`", shown(other)));
            }
        };
        columns.floats.insert(feature.feature_index, (feature.flat_feature_index, missing_left));
    }
    for feature in categories {
        place(feature.flat_feature_index, &feature.feature_id)?;
        columns.categories.insert(feature.feature_index, feature.flat_feature_index);
    }
    if columns.floats.len() + columns.categories.len() != n_features {
        return damaged("two features have the same `feature_index`".into());
    }
    Ok(columns)
}

/// What the trees are added to.
fn base(bias: Vec<f64>, n_outputs: usize) -> Result<Vec<f64>, Problem> {
    match bias.len() {
        0 => Ok(vec![0.0; n_outputs]),
        n if n == n_outputs => Ok(bias),
        n => {
            damaged(format!("`scale_and_bias` has {n} biases, but leaves have {n_outputs} values"))
        }
    }
}

fn damaged<T>(what: String) -> Result<T, Problem> {
    Err(Problem::Damaged(what))
}

#[cfg(test)]
mod tests;
