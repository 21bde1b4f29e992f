//! The one tree layout: every library's trees, and ours, as flat arrays.
//!
//! An [`Ensemble`] holds many binary trees one behind the other, one array per property of a
//! node. Whatever explains trees (impurity importance, TreeSHAP, a permutation in one pass)
//! reads this layout and nothing else, so it works for the trees of every library.
//!
//! Nodes are numbered within their tree, the root is node 0 and children come after their
//! parent; so a loop from the last node to the first sees children before parents, without
//! recursion, however deep the tree.

use fi_core::{Result, check_columns, require};
use ndarray::{Array2, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use super::builder::{EnsembleBuilder, check_tree};
use super::predict::{Kept, compile};
use super::split::{CategorySets, Comparison, NUMERIC, Precision};
use super::tree::Tree;

/// Marks a leaf in the arrays of children.
pub(super) const LEAF: u32 = u32::MAX;

/// So many rows go through one tree before the next, while it is in the cache.
const BLOCK_ROWS: usize = 64;

/// Many binary trees over the same features, as flat arrays.
///
/// A split tests one feature: `x ≤ threshold` or `x < threshold`, by the ensemble's
/// [`Comparison`] and in its [`Precision`], or whether `x` is one of a set of categories. Rows
/// that pass go to the left child. A missing value (NaN, and 0 where the split says so) goes
/// where the split sends it.
///
/// Every node has a *cover* (the summed weight of the training rows that reached it), an
/// *impurity*, a *gain* and values. Not every library writes all of them: [`Statistics`] says
/// which are known. The values of a leaf are what its tree answers: `n_outputs` numbers, or one
/// number for the single output that the tree is for (one tree per class and round, as gradient
/// boosting has them). The answers of the trees are averaged, or summed on top of base scores.
///
/// # Example
///
/// ```
/// use fi_models::tree::{Comparison, Ensemble, NodeStats, TreeBuilder};
/// use ndarray::array;
///
/// let mut tree = TreeBuilder::new(1);
/// let root = tree.push_split(0, 0.5, &NodeStats { cover: 4.0, impurity: 1.0, value: &[2.0] });
/// let low = tree.push_leaf(&NodeStats { cover: 2.0, impurity: 0.0, value: &[1.0] });
/// let high = tree.push_leaf(&NodeStats { cover: 2.0, impurity: 0.0, value: &[3.0] });
/// tree.connect(root, low, high);
///
/// let mut builder = Ensemble::builder(1, 1, Comparison::LessEqual);
/// builder.push_tree(tree)?;
/// let ensemble = builder.build()?;
/// assert_eq!(ensemble.predict(array![[0.5], [0.6]].view())?, array![[1.0], [3.0]]);
/// # Ok::<(), fi_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ensemble {
    pub(super) n_features: usize,
    pub(super) n_outputs: usize,
    pub(super) comparison: Comparison,
    pub(super) precision: Precision,
    pub(super) aggregate: Aggregate,
    pub(super) statistics: Statistics,
    /// What the trees are added to, one number per output.
    pub(super) base: Vec<f64>,
    /// The output that each tree is for; empty if every tree is for all of them.
    pub(super) tree_outputs: Vec<u32>,
    /// Where each tree starts, and behind them the number of nodes: `n_trees + 1` numbers.
    pub(super) offsets: Vec<usize>,
    pub(super) nodes: Nodes,
    pub(super) sets: CategorySets,
    #[serde(skip)]
    pub(super) kept: Kept,
}

/// How the answers of the trees become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Aggregate {
    /// Their mean: forests. If each tree is for one output, the mean of the trees for an output,
    /// of which every output has as many.
    Mean,
    /// Their sum: boosting.
    Sum,
}

/// Which properties of nodes are known; those that are not are 0 everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statistics {
    /// The summed weight of the training rows that reached a node.
    pub cover: bool,
    /// Their impurity.
    pub impurity: bool,
    /// What a split gained, in the library's own unit.
    pub gain: bool,
}

/// The properties of nodes, one array each.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Nodes {
    /// Left child within the tree, or [`LEAF`].
    pub(super) left: Vec<u32>,
    pub(super) right: Vec<u32>,
    /// 0 in a leaf.
    pub(super) feature: Vec<u32>,
    /// 0 in a leaf and in a split on categories.
    pub(super) threshold: Vec<f64>,
    /// The set of categories that go left, or [`NUMERIC`].
    pub(super) set: Vec<u32>,
    pub(super) missing_left: Vec<bool>,
    pub(super) zero_is_missing: Vec<bool>,
    /// The number that the library knows a node by.
    pub(super) id: Vec<u32>,
    pub(super) cover: Vec<f64>,
    pub(super) impurity: Vec<f64>,
    pub(super) gain: Vec<f64>,
    /// `n_nodes × n_values`, node by node.
    pub(super) value: Vec<f64>,
}

impl Nodes {
    pub(super) fn len(&self) -> usize {
        self.left.len()
    }
}

impl Ensemble {
    /// A builder for trees over `n_features` columns with `n_outputs` numbers per node.
    pub fn builder(n_features: usize, n_outputs: usize, comparison: Comparison) -> EnsembleBuilder {
        EnsembleBuilder::new(n_features, n_outputs, comparison)
    }

    /// How many columns a row has.
    pub fn n_features(&self) -> usize {
        self.n_features
    }

    /// How many numbers a prediction has.
    pub fn n_outputs(&self) -> usize {
        self.n_outputs
    }

    /// How many numbers a node holds: `n_outputs`, or 1 if each tree is for one output.
    pub fn n_values(&self) -> usize {
        if self.tree_outputs.is_empty() { self.n_outputs } else { 1 }
    }

    /// Which rows a numeric split sends to its left child.
    pub fn comparison(&self) -> Comparison {
        self.comparison
    }

    /// The precision that values are rounded to before they are compared.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// How the answers of the trees become one.
    pub fn aggregate(&self) -> Aggregate {
        self.aggregate
    }

    /// What an answer of a tree is multiplied with: 1 in a sum, in a mean one over the number of
    /// trees that answer an output.
    pub fn scale(&self) -> f64 {
        match self.aggregate {
            Aggregate::Mean => 1.0 / self.trees_per_output() as f64,
            Aggregate::Sum => 1.0,
        }
    }

    /// How many trees answer each output of a mean.
    fn trees_per_output(&self) -> usize {
        self.n_trees() / (self.n_outputs / self.n_values())
    }

    /// What the trees are added to: one number per output.
    pub fn base(&self) -> &[f64] {
        &self.base
    }

    /// Which properties of nodes are known.
    pub fn statistics(&self) -> Statistics {
        self.statistics
    }

    /// Whether some split is on categories.
    pub fn has_categories(&self) -> bool {
        self.sets.len() > 0
    }

    /// How many trees there are; at least 1.
    pub fn n_trees(&self) -> usize {
        self.offsets.len() - 1
    }

    /// How many nodes all trees have together.
    pub fn n_nodes(&self) -> usize {
        self.nodes.len()
    }

    /// One tree.
    ///
    /// # Panics
    ///
    /// If `tree` is not below [`Ensemble::n_trees`].
    pub fn tree(&self, tree: usize) -> Tree<'_> {
        let nodes = self.offsets[tree]..self.offsets[tree + 1];
        let n_values = self.n_values();
        Tree {
            ensemble: self,
            index: tree,
            left: &self.nodes.left[nodes.clone()],
            right: &self.nodes.right[nodes.clone()],
            feature: &self.nodes.feature[nodes.clone()],
            threshold: &self.nodes.threshold[nodes.clone()],
            set: &self.nodes.set[nodes.clone()],
            missing_left: &self.nodes.missing_left[nodes.clone()],
            zero_is_missing: &self.nodes.zero_is_missing[nodes.clone()],
            value: &self.nodes.value[nodes.start * n_values..nodes.end * n_values],
            start: nodes.start,
        }
    }

    /// The trees, in order.
    pub fn trees(&self) -> impl ExactSizeIterator<Item = Tree<'_>> {
        (0..self.n_trees()).map(|tree| self.tree(tree))
    }

    /// All splits, each a tree and a node of it.
    pub(super) fn splits(&self) -> impl Iterator<Item = (Tree<'_>, usize)> {
        self.trees().flat_map(|tree| tree.splits().map(move |node| (tree, node)))
    }

    /// The thresholds on each feature, ascending, each once.
    pub(super) fn thresholds(&self) -> Vec<Vec<f64>> {
        let mut thresholds = vec![Vec::new(); self.n_features()];
        for (tree, node) in self.splits().filter(|(tree, node)| tree.set[*node] == NUMERIC) {
            thresholds[tree.feature(node)].push(tree.threshold(node));
        }
        for thresholds in &mut thresholds {
            thresholds.sort_unstable_by(f64::total_cmp);
            // −0 and 0 are one threshold.
            thresholds.dedup_by(|a, b| a == b);
        }
        thresholds
    }

    /// The leaf `(n_rows, n_trees)` that each row falls into, numbered within its tree.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`](fi_core::Error::Shape) for another number of columns.
    pub fn apply(&self, rows: ArrayView2<'_, f64>) -> Result<Array2<usize>> {
        check_columns(self.n_features, rows)?;
        let mut leaves = Array2::zeros((rows.nrows(), self.n_trees()));
        if let Some(compiled) = compile(self, rows.nrows()) {
            compiled.apply(self, rows, &mut leaves);
            return Ok(leaves);
        }
        let rows = rows.as_standard_layout();
        let trees: Vec<Tree<'_>> = self.trees().collect();
        for (row, mut leaves) in rows.rows().into_iter().zip(leaves.rows_mut()) {
            let row = row.to_slice().unwrap_or(&[]);
            leaves.iter_mut().zip(&trees).for_each(|(leaf, tree)| *leaf = tree.leaf(row));
        }
        Ok(leaves)
    }

    /// The answers `(n_rows, n_outputs)` of one tree, 0 for outputs that it is not for.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`](fi_core::Error::Shape) for another number of columns;
    /// [`Error::Parameter`](fi_core::Error::Parameter) if there is no such tree.
    pub fn predict_tree(&self, tree: usize, rows: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        let requirement = || format!("below the number of trees, {}", self.n_trees());
        require(tree < self.n_trees(), "tree", tree, requirement())?;
        check_columns(self.n_features, rows)?;
        let mut predictions = Array2::zeros((rows.nrows(), self.n_outputs));
        add(&[self.tree(tree)], rows, &mut predictions);
        Ok(predictions)
    }

    /// The mean or sum `(n_rows, n_outputs)` of the trees' answers, on top of the base scores.
    ///
    /// A row's sum runs over the trees in order, so it is the same whatever stands in the other
    /// rows. Missing values (NaN) take the way each split gives them.
    ///
    /// # Cost
    ///
    /// One walk from root to leaf per row and tree, sixteen rows at a time, on the calling
    /// thread. With many rows the trees are laid out for walking first, 20 bytes a node, and
    /// stay so. From 512 rows on, trees of at most 256 leaves without categories are asked all
    /// their splits for 256 rows at once where that is less work.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`](fi_core::Error::Shape) for another number of columns.
    pub fn predict(&self, rows: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        check_columns(self.n_features, rows)?;
        let mut predictions = Array2::zeros((rows.nrows(), self.n_outputs));
        if let Some(coded) = self.kept.coded(self, rows.nrows()) {
            coded.sum(rows, &mut predictions);
        } else if let Some(compiled) = compile(self, rows.nrows()) {
            compiled.add(self, rows, &mut predictions);
        } else {
            add(&self.trees().collect::<Vec<_>>(), rows, &mut predictions);
        }
        self.finish(&mut predictions);
        Ok(predictions)
    }

    /// Sums over the trees become answers: divided in a mean, and on top of the base scores.
    pub(super) fn finish(&self, predictions: &mut Array2<f64>) {
        if self.aggregate == Aggregate::Mean {
            let n_trees = self.trees_per_output() as f64;
            predictions.mapv_inplace(|sum| sum / n_trees);
        }
        for mut row in predictions.rows_mut() {
            row.iter_mut().zip(&self.base).for_each(|(sum, base)| *sum += base);
        }
    }

    /// Checks everything the methods rely on: for an ensemble that came from a file.
    ///
    /// # Errors
    ///
    /// [`Error::Data`](fi_core::Error::Data) that names the tree and the node.
    pub fn validate(&self) -> Result<()> {
        super::builder::check_ensemble(self)?;
        for tree in 0..self.n_trees() {
            check_tree(self.tree(tree), tree, self.n_features)?;
        }
        Ok(())
    }
}

/// Adds the trees' answers to `sums`, for each row in the order of the trees: the plain way.
pub(super) fn add(trees: &[Tree<'_>], rows: ArrayView2<'_, f64>, sums: &mut Array2<f64>) {
    let rows = rows.as_standard_layout();
    let blocks = rows.axis_chunks_iter(Axis(0), BLOCK_ROWS);
    for (rows, mut sums) in blocks.zip(sums.axis_chunks_iter_mut(Axis(0), BLOCK_ROWS)) {
        for tree in trees {
            let first = tree.output().unwrap_or(0);
            for (row, mut sums) in rows.rows().into_iter().zip(sums.rows_mut()) {
                let value = tree.value(tree.leaf(row.to_slice().unwrap_or(&[])));
                sums.iter_mut().skip(first).zip(value).for_each(|(sum, value)| *sum += value);
            }
        }
    }
}

#[cfg(test)]
mod tests;
