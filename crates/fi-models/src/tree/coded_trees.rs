//! Trees laid out for walks over codes: 8 bytes a node, siblings side by side.
//!
//! A node says of each child whether it is a leaf, so that a walk that ends there need not look.
//! Leaves of a tree that answer the same share one entry in the table of answers: whoever comes
//! from one to another of them has not moved.

use super::codes::{Code, Ranks};
use super::ensemble::Ensemble;
use super::tree::Tree;

/// In [`Node::children`]: the left child is a leaf; one bit further, the right one.
const LEFT_IS_LEAF: u32 = 30;
const PLACE: u32 = (1 << LEFT_IS_LEAF) - 1;
/// Among so many different answers of leaves a new one is looked for.
const KNOWN: usize = 16;

/// One node.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node<C: Code> {
    /// The place of the left child within the tree, which the right one follows, and whether they
    /// are leaves. In a leaf the number of its answer.
    children: u32,
    column: C::Column,
    last: C,
}

impl<C: Code> Node<C> {
    #[inline]
    pub(super) fn column(self) -> usize {
        C::column(self.column)
    }

    /// The code up to which rows go left.
    #[inline]
    pub(super) fn last(self) -> C {
        self.last
    }

    /// The place of a child, and whether it is a leaf; 0 is the left one, 1 the right one.
    #[inline]
    pub(super) fn child(self, side: u32) -> (u32, bool) {
        let leaf = self.children >> (LEFT_IS_LEAF + side) & 1 == 1;
        ((self.children & PLACE) + side, leaf)
    }
}

/// One tree.
#[derive(Debug, Clone, Copy)]
pub(super) struct CodedTree<'a, C: Code> {
    pub(super) nodes: &'a [Node<C>],
    /// `n_values` numbers per answer.
    pub(super) answers: &'a [f64],
    /// The first output that the tree answers.
    pub(super) first_output: usize,
}

impl<C: Code> CodedTree<'_, C> {
    /// The number of a leaf's answer.
    #[inline]
    pub(super) fn answer(&self, leaf: u32) -> u32 {
        self.nodes[leaf as usize].children
    }

    /// Whether there is no split.
    pub(super) fn is_leaf(&self) -> bool {
        self.nodes.len() == 1
    }
}

/// Many trees.
#[derive(Debug)]
pub(super) struct CodedTrees<'a, C: Code> {
    pub(super) ensemble: &'a Ensemble,
    pub(super) ranks: Ranks<'a>,
    nodes: Vec<Node<C>>,
    answers: Vec<f64>,
    /// Where the answers of each tree start, and behind them their number.
    starts: Vec<usize>,
}

impl<'a, C: Code> CodedTrees<'a, C> {
    /// Lays out all trees, whose codes must fit.
    pub(super) fn new(ensemble: &'a Ensemble, ranks: Ranks<'a>) -> Self {
        let nodes = Vec::with_capacity(ensemble.n_nodes());
        let mut trees = Self { ensemble, ranks, nodes, answers: Vec::new(), starts: vec![0] };
        let mut waiting = Vec::new();
        for tree in ensemble.trees() {
            trees.push(tree, &mut waiting);
            trees.starts.push(trees.answers.len());
        }
        trees
    }

    /// Depth first, so that a child's children often share its cache line.
    fn push(&mut self, tree: Tree<'a>, waiting: &mut Vec<(usize, usize)>) {
        let start = self.nodes.len();
        let blank = Node { children: 0, column: C::of_column(0), last: C::default() };
        self.nodes.push(blank);
        waiting.push((0, 0));
        while let Some((node, place)) = waiting.pop() {
            let Some((left, right)) = tree.children(node) else {
                self.nodes[start + place].children = self.leaf(tree.value(node));
                continue;
            };
            let first = self.nodes.len() - start;
            let leaf = |child: usize, bit: u32| u32::from(tree.is_leaf(child)) << bit;
            let leaves = leaf(left, LEFT_IS_LEAF) | leaf(right, LEFT_IS_LEAF + 1);
            let cut = self.ranks.of_node(tree.start + node);
            self.nodes[start + place] = Node {
                children: first as u32 | leaves,
                column: C::of_column(cut.column),
                last: C::of_rank(cut.last),
            };
            self.nodes.extend([blank, blank]);
            waiting.push((right, first + 1));
            waiting.push((left, first));
        }
    }

    /// The number of an answer within the tree.
    fn leaf(&mut self, value: &[f64]) -> u32 {
        let start = self.starts[self.starts.len() - 1];
        let known = self.answers[start..].chunks_exact(value.len()).take(KNOWN);
        let number = known
            .clone()
            .position(|answer| answer == value)
            .unwrap_or_else(|| (self.answers.len() - start) / value.len());
        if start + number * value.len() == self.answers.len() {
            self.answers.extend(value);
        }
        number as u32
    }

    /// How many trees there are.
    pub(super) fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// One tree.
    pub(super) fn tree(&self, tree: usize) -> CodedTree<'_, C> {
        let answers = &self.answers[self.starts[tree]..self.starts[tree + 1]];
        let tree = self.ensemble.tree(tree);
        CodedTree {
            nodes: &self.nodes[tree.start..tree.start + tree.n_nodes()],
            answers,
            first_output: tree.output().unwrap_or(0),
        }
    }
}

/// Whether the differences of answers, summed over trees, stay finite whatever they are, and
/// nodes have room for their children.
pub(super) fn can_be_coded(ensemble: &Ensemble) -> bool {
    let largest = ensemble.nodes.value.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
    largest < f64::MAX / 4.0 / ensemble.n_trees() as f64
        && ensemble.trees().all(|tree| tree.n_nodes() <= PLACE as usize)
}
