//! One tree of an [`Ensemble`], node by node.

use ndarray::ArrayView1;

use super::ensemble::{Ensemble, LEAF};
use super::split::{CategorySet, Comparison, NUMERIC, Precision, ZERO};

/// One tree of an [`Ensemble`], borrowed. Nodes are numbered from its root, node 0.
///
/// The methods that take a node panic if it is out of range.
#[derive(Debug, Clone, Copy)]
pub struct Tree<'a> {
    pub(super) ensemble: &'a Ensemble,
    pub(super) index: usize,
    pub(super) left: &'a [u32],
    pub(super) right: &'a [u32],
    pub(super) feature: &'a [u32],
    pub(super) threshold: &'a [f64],
    pub(super) set: &'a [u32],
    pub(super) missing_left: &'a [bool],
    pub(super) zero_is_missing: &'a [bool],
    pub(super) value: &'a [f64],
    pub(super) start: usize,
}

/// How a node divides rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Test<'a> {
    /// By comparing a value with a threshold.
    Threshold(f64),
    /// By whether a value is one of these categories.
    Categories(CategorySet<'a>),
}

impl<'a> Tree<'a> {
    /// Its place in the ensemble.
    pub fn index(&self) -> usize {
        self.index
    }

    /// The only output that the tree is for; `None` if it answers all of them.
    pub fn output(&self) -> Option<usize> {
        self.ensemble.tree_outputs.get(self.index).map(|&output| output as usize)
    }

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

    /// The nodes that are no leaves.
    pub(super) fn splits(self) -> impl Iterator<Item = usize> {
        (0..self.n_nodes()).filter(move |&node| !self.is_leaf(node))
    }

    /// The left and right child; `None` for a leaf.
    pub fn children(&self, node: usize) -> Option<(usize, usize)> {
        (!self.is_leaf(node)).then(|| (self.left[node] as usize, self.right[node] as usize))
    }

    /// The feature a node splits on; 0 in a leaf.
    pub fn feature(&self, node: usize) -> usize {
        self.feature[node] as usize
    }

    /// The threshold of a node's split; 0 in a leaf and in a split on categories.
    pub fn threshold(&self, node: usize) -> f64 {
        self.threshold[node]
    }

    /// How a split divides rows; without meaning in a leaf.
    pub fn test(&self, node: usize) -> Test<'a> {
        match self.set[node] {
            NUMERIC => Test::Threshold(self.threshold[node]),
            set => Test::Categories(self.ensemble.sets.get(set as usize)),
        }
    }

    /// Whether a missing value goes to the left child.
    pub fn missing_left(&self, node: usize) -> bool {
        self.missing_left[node]
    }

    /// Whether a split takes 0 for a missing value.
    pub fn zero_is_missing(&self, node: usize) -> bool {
        self.zero_is_missing[node]
    }

    /// The number that the library the tree comes from knows a node by: `node` itself in trees
    /// of ours, the index among the leaves in LightGBM's.
    pub fn id(&self, node: usize) -> usize {
        self.ensemble.nodes.id[self.start + node] as usize
    }

    /// The summed weight of the training rows that reached a node.
    pub fn cover(&self, node: usize) -> f64 {
        self.ensemble.nodes.cover[self.start + node]
    }

    /// The impurity of the training rows that reached a node.
    pub fn impurity(&self, node: usize) -> f64 {
        self.ensemble.nodes.impurity[self.start + node]
    }

    /// What a split gained, in the library's own unit; 0 in a leaf.
    pub fn gain(&self, node: usize) -> f64 {
        self.ensemble.nodes.gain[self.start + node]
    }

    /// What the tree answers in a node: [`Ensemble::n_values`] numbers, in a leaf what it
    /// predicts, elsewhere what the library says it would predict there, or 0.
    pub fn value(&self, node: usize) -> &'a [f64] {
        let n_values = self.value.len() / self.left.len();
        &self.value[node * n_values..(node + 1) * n_values]
    }

    /// Whether a value goes to the left child of a node.
    #[inline]
    pub fn goes_left(&self, node: usize, x: f64) -> bool {
        // Rounding to single precision and back is exact for values that are single already.
        let x = match self.ensemble.precision {
            Precision::F32 => f64::from(x as f32),
            Precision::F64 => x,
        };
        if x.is_nan() || (self.zero_is_missing[node] && x.abs() <= ZERO) {
            return self.missing_left[node];
        }
        if self.set[node] != NUMERIC {
            return self.ensemble.sets.get(self.set[node] as usize).contains(x);
        }
        match self.ensemble.comparison {
            Comparison::LessEqual => x <= self.threshold[node],
            Comparison::Less => x < self.threshold[node],
        }
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
