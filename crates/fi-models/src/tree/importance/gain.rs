//! What the splits on a feature gained, and how many rows they saw.

use fi_core::{Error, Importance, Result};

use super::check_names;
use crate::tree::{Ensemble, Tree};

/// What all splits on each feature gained together: LightGBM's `"gain"`, XGBoost's
/// `"total_gain"`.
///
/// ```text
/// Gⱼ  =  ∑ over nodes split on j of  gain(node)
/// ```
///
/// The gain is what the library wrote, in its own unit: the decrease of the regularised loss for
/// boosting. Trees without gains but with impurities, such as scikit-learn's and ours, gain
/// `w(node)·I(node) − w(left)·I(left) − w(right)·I(right)` with cover `w` and impurity `I`.
///
/// # Units
///
/// The library's; they cannot be compared between libraries.
///
/// # Cost
///
/// One pass over the nodes.
///
/// # When it misleads
///
/// As [`impurity`](super::impurity): it is measured on training rows, and features with many
/// values get more. Deep splits on noise add up.
///
/// # Errors
///
/// [`Error::Shape`] unless there is a name for each feature; [`Error::Data`] for trees that know
/// neither gains nor impurities.
///
/// # Example
///
/// ```
/// use fi_core::{Dataset, Run, Target};
/// use fi_models::tree::{DecisionTree, total_gain};
/// use ndarray::array;
///
/// let rows = array![[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
/// let data = Dataset::new(rows, Target::Values(vec![0.0, 1.0, 2.0, 3.0]))?;
/// let tree = DecisionTree::regression().fit(&Run::new(0), &data)?;
/// // The sum of squares falls from 5 to 1 by x0, and to 0 by two splits on x1.
/// assert_eq!(total_gain(tree.ensemble(), data.feature_names())?.values, [4.0, 1.0]);
/// # Ok::<(), fi_core::Error>(())
/// ```
pub fn total_gain(ensemble: &Ensemble, features: &[String]) -> Result<Importance> {
    Importance::new("total_gain", features, sums(ensemble, features, Known::Gain)?.totals)
}

/// What a split on each feature gained on average: XGBoost's `"gain"`, 0 without a split.
///
/// ```text
/// [`total_gain`] / [`split_count`](super::split_count)
/// ```
///
/// # Units
///
/// The library's; they cannot be compared between libraries.
///
/// # Cost
///
/// One pass over the nodes.
///
/// # When it misleads
///
/// A feature with one good split stands before a feature with that split and many smaller ones,
/// which helped more. Take [`total_gain`] to ask how much a feature helped in all.
///
/// # Errors
///
/// As for [`total_gain`].
///
/// # Example
///
/// ```
/// use fi_core::{Dataset, Run, Target};
/// use fi_models::tree::{DecisionTree, gain};
/// use ndarray::array;
///
/// let rows = array![[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
/// let data = Dataset::new(rows, Target::Values(vec![0.0, 1.0, 2.0, 3.0]))?;
/// let tree = DecisionTree::regression().fit(&Run::new(0), &data)?;
/// assert_eq!(gain(tree.ensemble(), data.feature_names())?.values, [4.0, 0.5]);
/// # Ok::<(), fi_core::Error>(())
/// ```
pub fn gain(ensemble: &Ensemble, features: &[String]) -> Result<Importance> {
    Importance::new("gain", features, sums(ensemble, features, Known::Gain)?.means())
}

/// The covers of all splits on each feature together: XGBoost's `"total_cover"`.
///
/// # Units
///
/// Those of the cover: rows or their weights, and for XGBoost the sum of second derivatives.
///
/// # Cost
///
/// One pass over the nodes.
///
/// # When it misleads
///
/// It says how many rows were asked about a feature, not what the answers were worth: a split
/// of the root counts in full even if it parts nothing.
///
/// # Errors
///
/// [`Error::Shape`] unless there is a name for each feature; [`Error::Data`] for trees without
/// covers.
///
/// # Example
///
/// ```
/// use fi_core::{Dataset, Run, Target};
/// use fi_models::tree::{DecisionTree, total_cover};
/// use ndarray::array;
///
/// let rows = array![[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
/// let data = Dataset::new(rows, Target::Values(vec![0.0, 1.0, 2.0, 3.0]))?;
/// let tree = DecisionTree::regression().fit(&Run::new(0), &data)?;
/// assert_eq!(total_cover(tree.ensemble(), data.feature_names())?.values, [4.0, 4.0]);
/// # Ok::<(), fi_core::Error>(())
/// ```
pub fn total_cover(ensemble: &Ensemble, features: &[String]) -> Result<Importance> {
    Importance::new("total_cover", features, sums(ensemble, features, Known::Cover)?.totals)
}

/// The cover of a split on each feature on average: XGBoost's `"cover"`, 0 without a split.
///
/// # Units
///
/// Those of the cover: rows or their weights, and for XGBoost the sum of second derivatives.
///
/// # Cost
///
/// One pass over the nodes.
///
/// # When it misleads
///
/// As [`total_cover`]; and a feature that is split on once, at a root, comes first.
///
/// # Errors
///
/// As for [`total_cover`].
///
/// # Example
///
/// ```
/// use fi_core::{Dataset, Run, Target};
/// use fi_models::tree::{DecisionTree, cover};
/// use ndarray::array;
///
/// let rows = array![[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
/// let data = Dataset::new(rows, Target::Values(vec![0.0, 1.0, 2.0, 3.0]))?;
/// let tree = DecisionTree::regression().fit(&Run::new(0), &data)?;
/// assert_eq!(cover(tree.ensemble(), data.feature_names())?.values, [4.0, 2.0]);
/// # Ok::<(), fi_core::Error>(())
/// ```
pub fn cover(ensemble: &Ensemble, features: &[String]) -> Result<Importance> {
    Importance::new("cover", features, sums(ensemble, features, Known::Cover)?.means())
}

/// What is summed over splits.
#[derive(Clone, Copy)]
enum Known {
    Gain,
    Cover,
}

/// Per feature.
struct Sums {
    totals: Vec<f64>,
    counts: Vec<usize>,
}

impl Sums {
    fn means(self) -> Vec<f64> {
        let pairs = self.totals.into_iter().zip(self.counts);
        pairs.map(|(total, count)| if count == 0 { 0.0 } else { total / count as f64 }).collect()
    }
}

fn sums(ensemble: &Ensemble, features: &[String], what: Known) -> Result<Sums> {
    check_names(ensemble, features)?;
    let known = ensemble.statistics();
    let of: fn(Tree<'_>, usize) -> f64 = match what {
        Known::Gain if known.gain => |tree, node| tree.gain(node),
        Known::Gain if known.impurity && known.cover => super::decrease,
        Known::Gain => {
            return Err(Error::Data(
                "these trees know neither the gains of their splits nor the impurities and covers \
                 that gains follow from: count their splits with `split_count`, or permute the \
                 features"
                    .into(),
            ));
        }
        Known::Cover if known.cover => |tree, node| tree.cover(node),
        Known::Cover => {
            return Err(Error::Data(
                "these trees do not know the covers of their nodes: count them on background rows \
                 with `Ensemble::with_covers_of`"
                    .into(),
            ));
        }
    };
    let mut sums = Sums { totals: vec![0.0; features.len()], counts: vec![0; features.len()] };
    for (tree, node) in ensemble.splits() {
        sums.totals[tree.feature(node)] += of(tree, node);
        sums.counts[tree.feature(node)] += 1;
    }
    Ok(sums)
}
