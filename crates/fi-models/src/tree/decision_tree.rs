//! A single decision tree: CART, for classification and regression.
//!
//! Growing asks one question again and again: which threshold on which feature leaves the two
//! sides purest? All thresholds half-way between neighbouring values are tried, exactly.

use fi_core::{Dataset, Error, Learner, Model, Result, Rng, Run, Target, require};
use serde::{Deserialize, Serialize};

use super::builder::TreeBuilder;
use super::class_weight::ClassWeight;
use super::criterion::Criterion;
use super::ensemble::Ensemble;
use super::grow::{Limits, grow};
use super::link::Link;
use super::prune::{Pruning, prune, pruning_path};
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

/// Reads `all`, `sqrt`, `log2`, a number, or a share such as `0.5` or `1.0`.
impl std::str::FromStr for MaxFeatures {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(match (text, text.parse::<usize>(), text.parse::<f64>()) {
            ("all", ..) => Self::All,
            ("sqrt", ..) => Self::Sqrt,
            ("log2", ..) => Self::Log2,
            (_, Ok(count), _) => Self::Count(count),
            (_, _, Ok(share)) => Self::Share(share),
            _ => {
                let requirement = "all, sqrt, log2, a number or a share";
                return Err(Error::unreadable("max_features", text, requirement));
            }
        })
    }
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

/// Where splits lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Splitter {
    /// At the best of all thresholds.
    Best,
    /// At one threshold per feature, drawn uniformly from the range of the feature's values in
    /// the node: *extremely randomized trees* (Geurts, Ernst, Wehenkel 2006,
    /// <https://doi.org/10.1007/s10994-006-6226-1>). A categorical feature draws a set of the
    /// node's categories, and missing values a side.
    Random,
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
/// *Missing values* (NaN) are tried on both sides of every threshold, and alone against all
/// others (a split at `f64::MAX`); the split remembers the better side, and the side that holds
/// more weight if none of its rows lacked the value.
///
/// *Categorical features* ([`Dataset::with_categorical`]) are split into two sets. For values
/// and two classes, all sets are tried: the best one is an end of the categories in the order of
/// their mean targets (Fisher 1958). For more classes the order is that of the first principal
/// component of their class shares (Coppersmith and others 1999). Missing values are one more
/// category; categories that a node has not seen go right, to the heavier side.
///
/// # Cost
///
/// `O(n_rows · max_features)` for each level of the tree: ranks are put in order by their bits
/// and not sorted (but for three or more classes, and entropy). Memory for twice the table, as
/// integers of 4 bytes.
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
/// - Fisher (1958). *On grouping for maximum homogeneity.* JASA 53.
///   <https://doi.org/10.1080/01621459.1958.10501479>
/// - Coppersmith, Hong, Hosking (1999). *Partitioning nominal attributes in decision trees.*
///   Data Mining and Knowledge Discovery 3. <https://doi.org/10.1023/A:1009869804967>
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
    /// Where splits lie: at the best threshold or at a random one. Default `Best`.
    pub splitter: Splitter,
    /// Splits that leave a smaller share of all training weight on a side are not made; inside
    /// [0, 0.5]. Default 0.
    pub min_weight_fraction_leaf: f64,
    /// What a row of each class weighs, on top of its own weight. Default `None`: the same.
    pub class_weight: ClassWeight,
    /// The most bins per feature, at least 2: neighbouring values are joined so that the bins
    /// hold about the same weight of rows, and splits lie between bins. Faster, and a little
    /// coarser. Default `None`: every value is a bin of its own.
    pub max_bins: Option<usize>,
    /// Minimal cost-complexity pruning, at least 0: a branch whose impurity decrease per leaf
    /// more, as a share of all training weight, is not above this becomes a leaf. Default 0: no
    /// pruning.
    pub ccp_alpha: f64,
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
            splitter: Splitter::Best,
            min_weight_fraction_leaf: 0.0,
            class_weight: ClassWeight::None,
            max_bins: None,
            ccp_alpha: 0.0,
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
    /// [`Error::Parameter`](fi_core::Error::Parameter) for a setting outside its domain or a
    /// criterion for the other kind of target.
    pub fn fit(&self, run: &Run<'_>, data: &Dataset) -> Result<Trees> {
        let limits = self.limits(data)?;
        let table = Table::new(data, self.max_bins)?;
        let grown = self.grow(&table, limits, None, &table.weighted_rows(), &mut run.rng(0));
        let mut builder =
            Ensemble::builder(table.n_features, table.n_outputs(), Comparison::LessEqual);
        builder.push_tree(grown)?;
        Ok(Trees { ensemble: builder.build()?, link: link(data.target()), bootstrap: None })
    }

    /// The values of `ccp_alpha` at which another branch of the tree becomes a leaf, and the
    /// impurity of the leaves from there on; scikit-learn's `cost_complexity_pruning_path`.
    ///
    /// # Errors
    ///
    /// As for [`DecisionTree::fit`].
    ///
    /// # Example
    ///
    /// ```
    /// use fi_core::{Dataset, Run, Target};
    /// use fi_models::tree::DecisionTree;
    /// use ndarray::array;
    ///
    /// let data = Dataset::new(array![[0.0], [1.0], [2.0]], Target::Values(vec![0.0, 1.0, 5.0]))?;
    /// let path = DecisionTree::regression().cost_complexity_pruning_path(&Run::new(0), &data)?;
    /// assert!(path.ccp_alphas.windows(2).all(|pair| pair[0] <= pair[1]));
    /// assert_eq!(path.impurities[0], 0.0);
    /// # Ok::<(), fi_core::Error>(())
    /// ```
    ///
    /// # References
    ///
    /// - Breiman, Friedman, Olshen, Stone (1984). *Classification and Regression Trees.*
    ///   Chapter 3. <https://doi.org/10.1201/9781315139470>
    pub fn cost_complexity_pruning_path(
        &self,
        run: &Run<'_>,
        data: &Dataset,
    ) -> Result<PruningPath> {
        let whole = Self { ccp_alpha: 0.0, ..self.clone() };
        let limits = whole.limits(data)?;
        let table = Table::new(data, self.max_bins)?;
        let rows = table.weighted_rows();
        let tree = whole.grow(&table, limits, None, &rows, &mut run.rng(0));
        let Pruning { ccp_alphas, impurities } = pruning_path(&tree);
        Ok(PruningPath { ccp_alphas, impurities })
    }

    /// Checks every setting.
    pub(super) fn limits(&self, data: &Dataset) -> Result<Limits> {
        let Self { max_depth, max_leaf_nodes, min_samples_split, min_samples_leaf, .. } = *self;
        self.criterion.check(data.target())?;
        self.class_weight.check(data.target())?;
        let printed = |limit: Option<usize>| limit.map_or_else(String::new, |n| n.to_string());
        require(max_depth != Some(0), "max_depth", printed(max_depth), "at least 1")?;
        let leaves = max_leaf_nodes.is_none_or(|n| n >= 2);
        require(leaves, "max_leaf_nodes", printed(max_leaf_nodes), "at least 2")?;
        require(min_samples_split >= 2, "min_samples_split", min_samples_split, "at least 2")?;
        require(min_samples_leaf >= 1, "min_samples_leaf", min_samples_leaf, "at least 1")?;
        let at_least_0 = |x: f64| x >= 0.0 && x.is_finite();
        let decrease = self.min_impurity_decrease;
        require(at_least_0(decrease), "min_impurity_decrease", decrease, "at least 0")?;
        let fraction = self.min_weight_fraction_leaf;
        let half = (0.0..=0.5).contains(&fraction);
        require(half, "min_weight_fraction_leaf", fraction, "inside [0, 0.5]")?;
        let bins = self.max_bins.is_none_or(|n| n >= 2);
        require(bins, "max_bins", printed(self.max_bins), "at least 2")?;
        require(at_least_0(self.ccp_alpha), "ccp_alpha", self.ccp_alpha, "at least 0")?;
        Ok(Limits {
            max_depth: max_depth.unwrap_or(usize::MAX),
            max_leaf_nodes,
            min_samples_split,
            min_samples_leaf,
            min_weight_fraction_leaf: fraction,
            min_impurity_decrease: decrease,
            max_features: self.max_features.of(data.n_features())?,
            splitter: self.splitter,
        })
    }

    /// Grows and prunes one tree on these rows, each `draws` times.
    pub(super) fn grow(
        &self,
        table: &Table,
        limits: Limits,
        draws: Option<&[u32]>,
        candidates: &[u32],
        rng: &mut Rng,
    ) -> TreeBuilder {
        let mut weights = table.weights.clone();
        self.class_weight.apply(table, draws, &mut weights);
        let mut rows = candidates.to_vec();
        if let Some(draws) = draws {
            weights.iter_mut().zip(draws).for_each(|(weight, &n)| *weight *= f64::from(n));
            rows.retain(|&row| draws[row as usize] > 0);
        }
        let tree = grow(table, self.criterion, limits, &weights, rows, rng);
        if self.ccp_alpha > 0.0 { prune(&tree, self.ccp_alpha) } else { tree }
    }
}

/// How a tree shrinks as `ccp_alpha` grows.
#[derive(Debug, Clone, PartialEq)]
pub struct PruningPath {
    /// 0, and every value of `ccp_alpha` from which on one branch more is pruned, ascending.
    pub ccp_alphas: Vec<f64>,
    /// The impurity of all leaves from there on, weighted by their share of the training weight.
    pub impurities: Vec<f64>,
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
