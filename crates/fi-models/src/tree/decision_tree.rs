//! A single decision tree: CART, for classification and regression.
//!
//! Growing asks one question again and again: which threshold on which feature leaves the two
//! sides purest? All thresholds half-way between neighbouring values are tried, exactly.

use fi_core::{Dataset, Learner, Model, Result, Rng, Run, Target, require};
use serde::{Deserialize, Serialize};

use super::builder::TreeBuilder;
use super::criterion::{Criterion, Entropy, Gini, SquaredError};
use super::ensemble::Ensemble;
use super::grow::{Limits, grow};
use super::link::Link;
use super::split::Comparison;
use super::table::Table;
use super::trees::Trees;

/// How many features a split may choose from; drawn anew for every split.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum MaxFeatures {
    /// All of them.
    All,
    /// The square root of their number, rounded down.
    Sqrt,
    /// The binary logarithm of their number, rounded down, at least 1.
    Log2,
    /// This many: 1 to their number.
    Count(usize),
    /// This share of them, inside (0, 1], rounded down, at least 1.
    Share(f64),
}

impl MaxFeatures {
    fn of(self, n_features: usize) -> Result<usize> {
        let n = n_features as f64;
        let name = "max_features";
        Ok(match self {
            Self::All => n_features,
            Self::Sqrt => n_features.isqrt(),
            Self::Log2 => n_features.ilog2() as usize,
            Self::Count(count) => {
                let requirement = || format!("1 to the number of features, {n_features}");
                require(0 < count && count <= n_features, name, count, requirement())?;
                count
            }
            Self::Share(share) => {
                require(0.0 < share && share <= 1.0, name, share, "inside (0, 1]")?;
                (share * n) as usize
            }
        }
        .max(1))
    }
}

/// A classification or regression tree (CART).
///
/// Each node is split at the feature `j` and threshold `t` with the greatest decrease of
/// impurity; rows with `xⱼ ≤ t` go left:
///
/// ```text
/// w(node)·I(node) − w(left)·I(left) − w(right)·I(right)
/// ```
///
/// where `w` is the weight of a node's rows and `I` their impurity by `criterion`. Thresholds
/// lie half-way between neighbouring values (on the lower one where rounding would reach the
/// upper). Of equally good splits the first one drawn wins. Rows without weight are not there.
/// The settings and their defaults are scikit-learn's.
///
/// # Cost
///
/// `O(n_rows · max_features · log n_rows)` for each level of the tree; memory for one copy of
/// the table.
///
/// # When it misleads
///
/// A fully grown tree repeats its training rows, noise included. It varies a lot from one
/// training set to the next; [`RandomForest`](super::RandomForest) averages that out.
///
/// # Example
///
/// ```
/// use fi_core::{Dataset, Model, Run, Target};
/// use fi_models::tree::DecisionTree;
/// use ndarray::array;
///
/// let target = Target::Classes { labels: vec![0, 0, 1, 1], names: vec!["no".into(), "yes".into()] };
/// let data = Dataset::new(array![[1.0], [2.0], [3.0], [4.0]], target)?;
/// let tree = DecisionTree::default().fit(&Run::new(0), &data)?;
/// assert_eq!(tree.ensemble().tree(0).threshold(0), 2.5);
/// assert_eq!(tree.predict(array![[2.4]].view())?, array![[1.0, 0.0]]);
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Breiman, Friedman, Olshen, Stone (1984). *Classification and Regression Trees.* Wadsworth.
///   <https://doi.org/10.1201/9781315139470>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DecisionTree {
    /// What a split is to reduce: `Gini` or `Entropy` for classes, `SquaredError` for values.
    /// Default `Gini`.
    pub criterion: Criterion,
    /// The most splits between the root and a leaf, at least 1. Default `None`: no limit.
    pub max_depth: Option<usize>,
    /// The most leaves, at least 2; the nodes with the greatest decrease are split first.
    /// Default `None`: no limit.
    pub max_leaf_nodes: Option<usize>,
    /// Nodes with fewer rows are not split; at least 2. Default 2.
    pub min_samples_split: usize,
    /// Splits that leave fewer rows on a side are not made; at least 1. Default 1.
    pub min_samples_leaf: usize,
    /// Splits that decrease the impurity less, counted as a share of all training weight, are
    /// not made; at least 0. Default 0.
    pub min_impurity_decrease: f64,
    /// How many features each split draws, without replacement; more if none of them can split
    /// the node. Default `All`.
    pub max_features: MaxFeatures,
}

impl Default for DecisionTree {
    fn default() -> Self {
        Self {
            criterion: Criterion::Gini,
            max_depth: None,
            max_leaf_nodes: None,
            min_samples_split: 2,
            min_samples_leaf: 1,
            min_impurity_decrease: 0.0,
            max_features: MaxFeatures::All,
        }
    }
}

impl DecisionTree {
    /// The default settings for regression: those of [`DecisionTree::default`] with the squared
    /// error as criterion.
    pub fn regression() -> Self {
        Self { criterion: Criterion::SquaredError, ..Self::default() }
    }

    /// Trains a tree.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](fi_core::Error::Parameter) for a setting outside its domain or a criterion for the other kind
    /// of target; [`Error::Data`](fi_core::Error::Data) for a missing value.
    pub fn fit(&self, run: &Run<'_>, data: &Dataset) -> Result<Trees> {
        let limits = self.limits(data)?;
        let table = Table::new(data)?;
        let grown =
            self.grow(&table, limits, &table.weights, table.weighted_rows(), &mut run.rng(0));
        let mut builder =
            Ensemble::builder(table.n_features, table.n_outputs(), Comparison::LessEqual);
        builder.push_tree(grown)?;
        Ok(Trees { ensemble: builder.build()?, link: link(data.target()), bootstrap: None })
    }

    /// Checks every setting.
    pub(super) fn limits(&self, data: &Dataset) -> Result<Limits> {
        let Self { max_depth, max_leaf_nodes, min_samples_split, min_samples_leaf, .. } = *self;
        self.criterion.check(data.target())?;
        let printed = |limit: Option<usize>| limit.map_or_else(String::new, |n| n.to_string());
        require(max_depth != Some(0), "max_depth", printed(max_depth), "at least 1")?;
        let leaves = max_leaf_nodes.is_none_or(|n| n >= 2);
        require(leaves, "max_leaf_nodes", printed(max_leaf_nodes), "at least 2")?;
        require(min_samples_split >= 2, "min_samples_split", min_samples_split, "at least 2")?;
        require(min_samples_leaf >= 1, "min_samples_leaf", min_samples_leaf, "at least 1")?;
        let min_impurity_decrease = self.min_impurity_decrease;
        let finite = min_impurity_decrease >= 0.0 && min_impurity_decrease.is_finite();
        require(finite, "min_impurity_decrease", min_impurity_decrease, "at least 0")?;
        Ok(Limits {
            max_depth: max_depth.unwrap_or(usize::MAX),
            max_leaf_nodes,
            min_samples_split,
            min_samples_leaf,
            min_impurity_decrease,
            max_features: self.max_features.of(data.n_features())?,
        })
    }

    /// Grows one tree on these rows with these weights of all rows.
    pub(super) fn grow(
        &self,
        table: &Table,
        limits: Limits,
        weights: &[f64],
        rows: Vec<u32>,
        rng: &mut Rng,
    ) -> TreeBuilder {
        match self.criterion {
            Criterion::Gini => grow(table, limits, Gini::new(table, weights), rows, rng),
            Criterion::Entropy => grow(table, limits, Entropy::new(table, weights), rows, rng),
            Criterion::SquaredError => {
                grow(table, limits, SquaredError::new(table, weights), rows, rng)
            }
        }
    }
}

impl Learner for DecisionTree {
    fn train(&self, run: &Run<'_>, data: &Dataset) -> Result<Box<dyn Model>> {
        Ok(Box::new(self.fit(run, data)?))
    }
}

/// What the answers of the trees of this target are.
pub(super) fn link(target: &Target) -> Link {
    match target {
        Target::Values(_) => Link::Identity,
        Target::Classes { .. } => Link::Probabilities,
    }
}
