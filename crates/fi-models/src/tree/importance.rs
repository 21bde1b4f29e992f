//! What the structure of trees says about their features: how much impurity they removed, and
//! how often they were split on.
//!
//! Both look at the training data only and cost one pass over the nodes. Neither has an
//! estimand, so neither has an interval.

mod gain;
mod held_out;

pub use gain::{cover, gain, total_cover, total_gain};
pub use held_out::{held_out_impurity, oob_impurity};

use fi_core::{Error, Importance, Replicate, Result, require_shape};
use ndarray::{Array2, Axis};

use super::ensemble::{Aggregate, Ensemble};
use super::tree::Tree;

/// Mean decrease in impurity (MDI, "Gini importance"): scikit-learn's `feature_importances_`.
///
/// ```text
/// for a tree      Δⱼ = ∑ over nodes split on j of  w(node)·I(node) − w(left)·I(left) − w(right)·I(right)
/// normalised      Δⱼ / ∑ₖ Δₖ
/// for a forest    the mean over the trees, normalised to sum 1 again
/// for boosting    the mean of Δⱼ / w(root) over the trees, normalised
/// ```
///
/// with a node's cover `w` and impurity `I`. The trees of a sum (boosting) are not normalised one
/// by one, because later ones have less left to do. Trees without a split add nothing; if no tree
/// has one, all values are 0.
///
/// # Units
///
/// Shares that sum to 1, or all 0.
///
/// # Shapes
///
/// One replicate per tree (before the last normalisation); `std` is their spread *over trees*,
/// which says how much trees differ and not how sure the mean is. The interval is empty.
///
/// # Cost
///
/// One pass over the nodes.
///
/// # When it misleads
///
/// It is measured on training rows: splits on noise count in full, and fully grown trees make
/// many. Features with many different values get more of them than features with few. Correlated
/// features share their importance. Check it against permutation importance on other rows.
///
/// # Errors
///
/// [`Error::Shape`] unless there is a name for each feature; [`Error::Data`] for trees without
/// impurities or covers.
///
/// # Example
///
/// ```
/// use fi_core::{Dataset, Run, Target};
/// use fi_models::tree::{impurity, DecisionTree};
/// use ndarray::array;
///
/// // x0 halves the variance of 0, 1, 2, 3 from 1.25 to 0.25, x1 does the rest.
/// let rows = array![[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
/// let data = Dataset::new(rows, Target::Values(vec![0.0, 1.0, 2.0, 3.0]))?;
/// let tree = DecisionTree::regression().fit(&Run::new(0), &data)?;
/// assert_eq!(impurity(tree.ensemble(), data.feature_names())?.values, [0.8, 0.2]);
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Breiman, Friedman, Olshen, Stone (1984). *Classification and Regression Trees.* Wadsworth.
///   <https://doi.org/10.1201/9781315139470>
/// - Strobl, Boulesteix, Zeileis, Hothorn (2007). *Bias in random forest variable importance
///   measures.* BMC Bioinformatics 8:25. <https://doi.org/10.1186/1471-2105-8-25>
pub fn impurity(ensemble: &Ensemble, features: &[String]) -> Result<Importance> {
    check_names(ensemble, features)?;
    let known = ensemble.statistics();
    if !(known.impurity && known.cover) {
        let instead = if known.gain { "`total_gain`" } else { "`split_count`" };
        return Err(Error::Data(format!(
            "these trees do not know the impurities and covers of their nodes: take {instead}"
        )));
    }
    let mut replicates = Array2::zeros((ensemble.n_features(), ensemble.n_trees()));
    for (tree, mut column) in ensemble.trees().zip(replicates.axis_iter_mut(Axis(1))) {
        let decreases = impurity_decreases(tree, ensemble.n_features());
        column.iter_mut().zip(&decreases).for_each(|(share, decrease)| *share = *decrease);
        match ensemble.aggregate() {
            Aggregate::Mean => normalise(column.iter_mut()),
            Aggregate::Sum if tree.cover(0) > 0.0 => column /= tree.cover(0),
            Aggregate::Sum => {}
        }
    }
    let method = "impurity";
    let mut importance =
        Importance::from_replicates(method, features, replicates, Replicate::Tree)?;
    // Trees without a split pull the mean below 1.
    normalise(importance.values.iter_mut());
    Ok(importance)
}

/// How many splits use each feature, over all trees.
///
/// # Units
///
/// Splits. There are no replicates: the sum is the result.
///
/// # Cost
///
/// One pass over the nodes.
///
/// # When it misleads
///
/// Every split counts the same, one of the root and one that parts two rows of noise. Features
/// with many different values are split on more often.
///
/// # Errors
///
/// [`Error::Shape`] unless there is a name for each feature.
///
/// # Example
///
/// ```
/// use fi_core::{Dataset, Run, Target};
/// use fi_models::tree::{split_count, DecisionTree};
/// use ndarray::array;
///
/// let rows = array![[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
/// let data = Dataset::new(rows, Target::Values(vec![0.0, 1.0, 2.0, 3.0]))?;
/// let tree = DecisionTree::regression().fit(&Run::new(0), &data)?;
/// assert_eq!(split_count(tree.ensemble(), data.feature_names())?.values, [1.0, 2.0]);
/// # Ok::<(), fi_core::Error>(())
/// ```
pub fn split_count(ensemble: &Ensemble, features: &[String]) -> Result<Importance> {
    check_names(ensemble, features)?;
    let mut counts = vec![0_usize; features.len()];
    ensemble.splits().for_each(|(tree, node)| counts[tree.feature(node)] += 1);
    let counts = counts.into_iter().map(|count| count as f64).collect();
    Importance::new("split_count", features, counts)
}

fn check_names(ensemble: &Ensemble, features: &[String]) -> Result<()> {
    require_shape("the list of feature names", &[ensemble.n_features()], &[features.len()])
}

/// The cover-weighted decrease of impurity at the splits on each feature.
fn impurity_decreases(tree: Tree<'_>, n_features: usize) -> Vec<f64> {
    let mut decreases = vec![0.0; n_features];
    for node in tree.splits() {
        decreases[tree.feature(node)] += decrease(tree, node);
    }
    decreases
}

/// The cover-weighted decrease of impurity at one split; 0 in a leaf.
fn decrease(tree: Tree<'_>, node: usize) -> f64 {
    let weighted = |node: usize| tree.cover(node) * tree.impurity(node);
    let children = tree.children(node);
    children.map_or(0.0, |(left, right)| weighted(node) - weighted(left) - weighted(right))
}

/// Makes them sum to 1, unless they sum to 0.
fn normalise<'a>(values: impl Iterator<Item = &'a mut f64>) {
    let values: Vec<&mut f64> = values.collect();
    let sum: f64 = values.iter().map(|value| **value).sum();
    if sum > 0.0 {
        for value in values {
            *value /= sum;
        }
    }
}

#[cfg(test)]
mod tests;
