//! XGBoost's models, from its JSON and its UBJSON, versions 1.7 to 3.4.
//!
//! Splits send `x < threshold` left, in single precision. The categories that a split lists go
//! right in XGBoost; here they go left and the children are exchanged, so every other category
//! (unseen, negative) is on the side where XGBoost has it. A missing value goes where the split
//! says, zero is a value like any other. Leaves of a `dart` are multiplied with the weight of
//! their tree. Covers are the sums of Hessians, gains the loss changes; the values of inner
//! nodes are 0, as XGBoost's are on another scale than its leaves.
//!
//! Predictions are those of `Booster.predict`, from all trees: `best_iteration` of early
//! stopping is what XGBoost's scikit-learn wrapper stops at, a `Booster` does not.

mod file;
mod literals;
mod model;
mod number;
mod objective;
mod tree;
mod ubjson;

#[cfg(test)]
mod tests;

use super::Problem;
use crate::store::Stored;

/// Reads a model that XGBoost saved as JSON.
///
/// Features without names are called `x0`, `x1` and so on; classes are called by their numbers.
/// What was learnt from a data frame's categories is in terms of their codes.
///
/// # Cost
///
/// Time in proportion to the bytes, memory about three times them beside the bytes; once more if
/// the file holds `NaN` or `Infinity`, which XGBoost writes for some splits.
///
/// # Errors
///
/// [`Problem::Damaged`] for what does not hold together, naming tree and node;
/// [`Problem::Unsupported`] for linear models, for objectives whose predictions are no function
/// of the sum of trees (`binary:hinge`, several sorted quantiles or expectiles), and for those
/// that are not known.
///
/// # Example
///
/// ```
/// use fi_core::Model;
/// use fi_models::import::xgboost_json;
/// use ndarray::array;
///
/// // x0 < 0.5 ? 1 : 2, missing to the right, on top of 10.
/// let stored = xgboost_json(
///     br#"{"learner": {
///         "learner_model_param": {"base_score": "1E1", "num_feature": "1"},
///         "objective": {"name": "reg:squarederror"},
///         "gradient_booster": {"name": "gbtree", "model": {"tree_info": [0], "trees": [{
///             "left_children": [1, -1, -1], "right_children": [2, -1, -1],
///             "split_indices": [0, 0, 0], "split_conditions": [5E-1, 1E0, 2E0],
///             "default_left": [0, 0, 0], "tree_param": {"num_nodes": "3"}
///         }]}}
///     }, "version": [2, 1, 4]}"#,
/// )?;
/// let rows = array![[0.4], [0.5], [f64::NAN]];
/// assert_eq!(stored.predict(rows.view())?, array![[11.0], [12.0], [12.0]]);
/// assert_eq!(stored.feature_names, ["x0"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
///
/// T. Chen and C. Guestrin, XGBoost: A Scalable Tree Boosting System, KDD 2016,
/// doi:10.1145/2939672.2939785. The file: XGBoost's *Introduction to Model IO* and its JSON
/// schema.
pub fn xgboost_json(bytes: &[u8]) -> Result<Stored, Problem> {
    let json = literals::replace(bytes);
    let file =
        serde_json::from_slice(&json).map_err(|error| Problem::Damaged(error.to_string()))?;
    drop(json);
    model::convert_file(file, bytes.len())
}

/// Reads a model that XGBoost saved as UBJSON, its binary JSON and default since 2.1.
///
/// As [`xgboost_json`], which reads the same model from other bytes.
///
/// # Errors
///
/// As for [`xgboost_json`].
pub fn xgboost_ubjson(bytes: &[u8]) -> Result<Stored, Problem> {
    let file = ubjson::from_slice(bytes).map_err(|error| Problem::Damaged(error.to_string()))?;
    model::convert_file(file, bytes.len())
}
