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
use ndarray::{Array2, ArrayView1, ArrayView2};
use serde::{Deserialize, Serialize};

use super::builder::{EnsembleBuilder, check_tree};

/// Marks a leaf in the arrays of children.
pub(super) const LEAF: u32 = u32::MAX;

/// Which rows a split sends to its left child.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Comparison {
    /// `x ≤ threshold` goes left: fi's own trees, scikit-learn.
    LessEqual,
    /// `x < threshold` goes left: linfa-trees.
    Less,
}

/// Many binary trees over the same features, as flat arrays.
///
/// Every node has a *cover* (the summed weight of the training rows that reached it), the
/// *impurity* of those rows, and a *value* of `n_outputs` numbers: their class distribution or
/// their mean target. The prediction of a tree is the value of the leaf a row falls into; that
/// of the ensemble is the mean over its trees.
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
    /// Where each tree starts, and behind them the number of nodes: `n_trees + 1` numbers.
    pub(super) offsets: Vec<usize>,
    pub(super) nodes: Nodes,
}

/// The properties of nodes, one array each.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Nodes {
    /// Left child within the tree, or [`LEAF`].
    pub(super) left: Vec<u32>,
    pub(super) right: Vec<u32>,
    /// 0 in a leaf.
    pub(super) feature: Vec<u32>,
    /// 0 in a leaf.
    pub(super) threshold: Vec<f64>,
    pub(super) missing_left: Vec<bool>,
    pub(super) cover: Vec<f64>,
    pub(super) impurity: Vec<f64>,
    /// `n_nodes × n_outputs`, node by node.
    pub(super) value: Vec<f64>,
}

impl Nodes {
    pub(super) fn len(&self) -> usize {
        self.left.len()
    }
}

/// One tree of an [`Ensemble`], borrowed. Nodes are numbered from its root, node 0.
///
/// The methods that take a node panic if it is out of range.
#[derive(Debug, Clone, Copy)]
pub struct Tree<'a> {
    left: &'a [u32],
    right: &'a [u32],
    feature: &'a [u32],
    threshold: &'a [f64],
    missing_left: &'a [bool],
    cover: &'a [f64],
    impurity: &'a [f64],
    value: &'a [f64],
    comparison: Comparison,
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

    /// How many numbers a node predicts.
    pub fn n_outputs(&self) -> usize {
        self.n_outputs
    }

    /// Which rows a split sends to its left child.
    pub fn comparison(&self) -> Comparison {
        self.comparison
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
        let values = nodes.start * self.n_outputs..nodes.end * self.n_outputs;
        Tree {
            left: &self.nodes.left[nodes.clone()],
            right: &self.nodes.right[nodes.clone()],
            feature: &self.nodes.feature[nodes.clone()],
            threshold: &self.nodes.threshold[nodes.clone()],
            missing_left: &self.nodes.missing_left[nodes.clone()],
            cover: &self.nodes.cover[nodes.clone()],
            impurity: &self.nodes.impurity[nodes],
            value: &self.nodes.value[values],
            comparison: self.comparison,
        }
    }

    /// The trees, in order.
    pub fn trees(&self) -> impl ExactSizeIterator<Item = Tree<'_>> {
        (0..self.n_trees()).map(|tree| self.tree(tree))
    }

    /// The leaf `(n_rows, n_trees)` that each row falls into, numbered within its tree.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`](fi_core::Error::Shape) for another number of columns.
    pub fn apply(&self, rows: ArrayView2<'_, f64>) -> Result<Array2<usize>> {
        check_columns(self.n_features, rows)?;
        let rows = rows.as_standard_layout();
        let mut leaves = Array2::zeros((rows.nrows(), self.n_trees()));
        let trees: Vec<Tree<'_>> = self.trees().collect();
        for (row, mut leaves) in rows.rows().into_iter().zip(leaves.rows_mut()) {
            let row = row.to_slice().unwrap_or(&[]);
            leaves.iter_mut().zip(&trees).for_each(|(leaf, tree)| *leaf = tree.leaf(row));
        }
        Ok(leaves)
    }

    /// The predictions `(n_rows, n_outputs)` of one tree.
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
        Self::add(&[self.tree(tree)], rows, &mut predictions);
        Ok(predictions)
    }

    /// The mean `(n_rows, n_outputs)` of the trees' predictions.
    ///
    /// A row's sum runs over the trees in order, so it is the same whatever stands in the other
    /// rows. Missing values (NaN) take the way each split gives them.
    ///
    /// # Cost
    ///
    /// One walk from root to leaf per row and tree, on the calling thread.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`](fi_core::Error::Shape) for another number of columns.
    pub fn predict(&self, rows: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        check_columns(self.n_features, rows)?;
        let mut predictions = Array2::zeros((rows.nrows(), self.n_outputs));
        let trees: Vec<Tree<'_>> = self.trees().collect();
        Self::add(&trees, rows, &mut predictions);
        let n_trees = self.n_trees() as f64;
        predictions.mapv_inplace(|sum| sum / n_trees);
        Ok(predictions)
    }

    /// Adds the trees' values to `sums`, tree by tree for each row.
    fn add(trees: &[Tree<'_>], rows: ArrayView2<'_, f64>, sums: &mut Array2<f64>) {
        let rows = rows.as_standard_layout();
        for (row, mut sums) in rows.rows().into_iter().zip(sums.rows_mut()) {
            let row = row.to_slice().unwrap_or(&[]);
            for tree in trees {
                let value = tree.value(tree.leaf(row));
                sums.iter_mut().zip(value).for_each(|(sum, value)| *sum += value);
            }
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

impl<'a> Tree<'a> {
    /// How many nodes it has; at least 1.
    pub fn n_nodes(&self) -> usize {
        self.left.len()
    }

    /// How many of them are leaves.
    pub fn n_leaves(&self) -> usize {
        self.left.iter().filter(|&&left| left == LEAF).count()
    }

    /// The number of splits on the longest way from the root to a leaf.
    pub fn depth(&self) -> usize {
        let mut depths = vec![0; self.n_nodes()];
        for node in 0..self.n_nodes() {
            if let Some((left, right)) = self.children(node) {
                depths[left] = depths[node] + 1;
                depths[right] = depths[node] + 1;
            }
        }
        depths.into_iter().max().unwrap_or(0)
    }

    /// Whether a node is a leaf.
    pub fn is_leaf(&self, node: usize) -> bool {
        self.left[node] == LEAF
    }

    /// The left and right child; `None` for a leaf.
    pub fn children(&self, node: usize) -> Option<(usize, usize)> {
        (!self.is_leaf(node)).then(|| (self.left[node] as usize, self.right[node] as usize))
    }

    /// The feature a node splits on; 0 in a leaf.
    pub fn feature(&self, node: usize) -> usize {
        self.feature[node] as usize
    }

    /// The threshold of a node's split; 0 in a leaf.
    pub fn threshold(&self, node: usize) -> f64 {
        self.threshold[node]
    }

    /// Whether a missing value goes to the left child.
    pub fn missing_left(&self, node: usize) -> bool {
        self.missing_left[node]
    }

    /// The summed weight of the training rows that reached a node.
    pub fn cover(&self, node: usize) -> f64 {
        self.cover[node]
    }

    /// The impurity of the training rows that reached a node.
    pub fn impurity(&self, node: usize) -> f64 {
        self.impurity[node]
    }

    /// The class distribution or mean target of the training rows that reached a node.
    pub fn value(&self, node: usize) -> &'a [f64] {
        let n_outputs = self.value.len() / self.left.len();
        &self.value[node * n_outputs..(node + 1) * n_outputs]
    }

    /// Whether a value goes to the left child of a node.
    #[inline]
    pub fn goes_left(&self, node: usize, x: f64) -> bool {
        let threshold = self.threshold[node];
        let below = match self.comparison {
            Comparison::LessEqual => x <= threshold,
            Comparison::Less => x < threshold,
        };
        // NaN is never below: the right child, unless the split says otherwise.
        below || (self.missing_left[node] && x.is_nan())
    }

    /// The leaf that a row of `n_features` values falls into.
    ///
    /// # Panics
    ///
    /// If the row is too short.
    #[inline]
    pub fn leaf(&self, row: &[f64]) -> usize {
        let mut node = 0;
        while self.left[node] != LEAF {
            let x = row[self.feature[node] as usize];
            let next = if self.goes_left(node, x) { self.left[node] } else { self.right[node] };
            node = next as usize;
        }
        node
    }

    /// As [`Tree::leaf`], for a row that need not lie in one piece.
    pub fn leaf_of(&self, row: ArrayView1<'_, f64>) -> usize {
        let mut node = 0;
        while let Some((left, right)) = self.children(node) {
            node = if self.goes_left(node, row[self.feature(node)]) { left } else { right };
        }
        node
    }
}

#[cfg(test)]
mod tests;
