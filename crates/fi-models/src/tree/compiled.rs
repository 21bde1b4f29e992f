//! Trees laid out for walking: 16 bytes a node, siblings side by side, one kind of comparison.
//!
//! [`Ensemble`] keeps a node's properties apart, because most readers want one of them. A walk
//! wants all of one node at once. Here every test is `x ≤ t` in double precision, which any
//! ensemble's test can be turned into without changing its answer:
//!
//! ```text
//! x < t   ⇔   x ≤ the next double below t
//! ```
//!
//! for every double `x`, and values that an ensemble rounds to single precision are rounded when
//! they are put into a [`Tile`]. A leaf is a split on a column of −∞ behind the last feature,
//! whose left child is itself: a walk may take more steps than it needs, so that many walks go
//! in step without a branch that the processor cannot foresee.

use ndarray::ArrayView2;

use super::ensemble::Ensemble;
use super::split::{Comparison, NUMERIC, Precision};
use super::tree::Tree;

/// In [`Node::feature`]: a missing value goes left.
const MISSING_LEFT: u32 = 1 << 31;
/// In [`Node::feature`]: a split on categories or one that takes 0 for missing, which is asked of
/// the ensemble; `threshold` holds its node.
const SPECIAL: u32 = 1 << 30;
const FEATURE: u32 = SPECIAL - 1;

/// One node.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    /// In a leaf its value, or, of several values, the place of the first.
    threshold: f64,
    /// The left child within the tree; the right one follows it. A leaf's is itself.
    left: u32,
    feature: u32,
}

impl Node {
    /// The feature it splits on; the number of features in a leaf.
    #[inline]
    pub(super) fn feature(self) -> usize {
        (self.feature & FEATURE) as usize
    }

    /// Whether its left values need not be those up to a threshold.
    #[inline]
    pub(super) fn is_special(self) -> bool {
        self.feature & SPECIAL != 0
    }

    #[inline]
    pub(super) fn left(self) -> u32 {
        self.left
    }
}

/// One tree, laid out for walking.
#[derive(Debug, Clone, Copy)]
pub(super) struct Walk<'a> {
    tree: Tree<'a>,
    pub(super) nodes: &'a [Node],
    /// The node of the ensemble's tree that each node is.
    origin: &'a [u32],
    /// The number of splits on the longest way to a leaf.
    pub(super) depth: usize,
}

/// Many trees, laid out for walking.
#[derive(Debug, Clone, Copy)]
pub(super) struct Compiled<'a> {
    pub(super) ensemble: &'a Ensemble,
    layout: &'a Layout,
    /// Whether some split is [`SPECIAL`].
    pub(super) special: bool,
}

/// The nodes of many trees in the order of walks.
#[derive(Debug)]
pub(super) struct Layout {
    n_features: usize,
    comparison: Comparison,
    nodes: Vec<Node>,
    origin: Vec<u32>,
    depths: Vec<usize>,
    special: bool,
}

impl Layout {
    /// Lays out all trees; `None` if there are more features than a node has room for.
    pub(super) fn new(ensemble: &Ensemble) -> Option<Self> {
        if ensemble.n_features() >= FEATURE as usize {
            return None;
        }
        let n_nodes = ensemble.n_nodes();
        let mut layout = Self {
            n_features: ensemble.n_features(),
            comparison: ensemble.comparison(),
            nodes: Vec::with_capacity(n_nodes),
            origin: Vec::with_capacity(n_nodes),
            depths: Vec::with_capacity(ensemble.n_trees()),
            special: false,
        };
        let mut waiting = Vec::new();
        for tree in ensemble.trees() {
            layout.push(tree, &mut waiting);
        }
        Some(layout)
    }

    /// Depth first, so that a child's children often share its cache line.
    fn push(&mut self, tree: Tree<'_>, waiting: &mut Vec<(u32, u32, usize)>) {
        let start = self.nodes.len();
        let blank = Node { threshold: 0.0, left: 0, feature: 0 };
        self.nodes.push(blank);
        self.origin.push(0);
        let mut depth = 0;
        waiting.push((0, 0, 0));
        while let Some((node, place, level)) = waiting.pop() {
            let (from, to) = (node as usize, start + place as usize);
            let Some((left, right)) = tree.children(from) else {
                depth = depth.max(level);
                self.nodes[to] = self.leaf(tree, from, place);
                continue;
            };
            let first = (self.nodes.len() - start) as u32;
            self.nodes[to] = self.split(tree, from, first);
            self.nodes.extend([blank, blank]);
            self.origin.extend([left as u32, right as u32]);
            waiting.push((right as u32, first + 1, level + 1));
            waiting.push((left as u32, first, level + 1));
        }
        self.depths.push(depth);
    }

    fn leaf(&self, tree: Tree<'_>, node: usize, place: u32) -> Node {
        let value = tree.value(node);
        let n_values = value.len();
        let threshold = if n_values == 1 { value[0] } else { (node * n_values) as f64 };
        Node { threshold, left: place, feature: self.n_features as u32 }
    }

    fn split(&mut self, tree: Tree<'_>, node: usize, left: u32) -> Node {
        let feature = tree.feature[node];
        if tree.set[node] != NUMERIC || tree.zero_is_missing[node] {
            self.special = true;
            return Node { threshold: node as f64, left, feature: feature | SPECIAL };
        }
        let threshold = match self.comparison {
            Comparison::LessEqual => tree.threshold[node],
            // Nothing is below −∞, and nothing is at most NaN.
            Comparison::Less if tree.threshold[node] == f64::NEG_INFINITY => f64::NAN,
            Comparison::Less => tree.threshold[node].next_down(),
        };
        let missing = if tree.missing_left[node] { MISSING_LEFT } else { 0 };
        Node { threshold, left, feature: feature | missing }
    }
}

impl<'a> Compiled<'a> {
    /// The trees as they are kept with the ensemble, laid out if they were not yet; `None` if
    /// there are more features than a node has room for.
    pub(super) fn new(ensemble: &'a Ensemble) -> Option<Self> {
        let layout = ensemble.kept.layout(ensemble)?;
        Some(Self { ensemble, layout, special: layout.special })
    }

    /// The trees, in order.
    pub(super) fn walks(&self) -> impl ExactSizeIterator<Item = Walk<'a>> {
        let compiled = *self;
        (0..self.layout.depths.len()).map(move |tree| compiled.walk(tree))
    }

    /// One tree.
    pub(super) fn walk(&self, tree: usize) -> Walk<'a> {
        let layout = self.layout;
        let depth = layout.depths[tree];
        let tree = self.ensemble.tree(tree);
        let nodes = tree.start..tree.start + tree.n_nodes();
        Walk { tree, nodes: &layout.nodes[nodes.clone()], origin: &layout.origin[nodes], depth }
    }
}

impl<'a> Walk<'a> {
    /// Whether a value goes to the right child of a node; false in a leaf, whose value is −∞.
    #[inline]
    pub(super) fn goes_right<const SPECIALS: bool>(&self, node: Node, x: f64) -> bool {
        if SPECIALS && node.feature & SPECIAL != 0 {
            return !self.tree.goes_left(node.threshold as usize, x);
        }
        let missing_left = node.feature & MISSING_LEFT != 0;
        !((x <= node.threshold) | (x.is_nan() & missing_left))
    }

    /// The next node on the way of a row of a [`Tile`].
    #[inline]
    pub(super) fn step<const SPECIALS: bool>(&self, at: u32, row: &[f64]) -> u32 {
        let node = self.nodes[at as usize];
        node.left + u32::from(self.goes_right::<SPECIALS>(node, row[node.feature()]))
    }

    /// As [`Walk::step`], for any split.
    #[inline]
    pub(super) fn step_any(&self, at: u32, row: &[f64]) -> u32 {
        self.step::<true>(at, row)
    }

    #[inline]
    pub(super) fn is_leaf(&self, at: u32) -> bool {
        self.nodes[at as usize].left == at
    }

    /// The only value of a leaf.
    #[inline]
    pub(super) fn value(&self, leaf: u32) -> f64 {
        self.nodes[leaf as usize].threshold
    }

    /// All values of a leaf of several.
    #[inline]
    pub(super) fn values(&self, leaf: u32, n_values: usize) -> &'a [f64] {
        let first = self.nodes[leaf as usize].threshold as usize;
        &self.tree.value[first..first + n_values]
    }

    /// What the ensemble's tree calls a node.
    pub(super) fn origin(&self, node: u32) -> usize {
        self.origin[node as usize] as usize
    }

    /// The first output that the tree answers.
    pub(super) fn first_output(&self) -> usize {
        self.tree.output().unwrap_or(0)
    }
}

/// Rows as walks read them: rounded to the ensemble's precision, row after row, with a last
/// column of −∞.
#[derive(Debug, Default)]
pub(super) struct Tile {
    pub(super) values: Vec<f64>,
    pub(super) stride: usize,
}

impl Tile {
    /// Takes these rows in, in place of what it held.
    pub(super) fn fill(&mut self, rows: ArrayView2<'_, f64>, precision: Precision) {
        self.stride = rows.ncols() + 1;
        self.values.clear();
        self.append(rows, precision);
    }

    /// Puts more rows behind those it holds.
    pub(super) fn append(&mut self, rows: ArrayView2<'_, f64>, precision: Precision) {
        for row in rows.rows() {
            match precision {
                Precision::F32 => self.values.extend(row.iter().map(|&x| f64::from(x as f32))),
                Precision::F64 => self.values.extend(row),
            }
            self.values.push(f64::NEG_INFINITY);
        }
    }
}
