//! Minimal cost-complexity pruning: the weakest branch becomes a leaf, again and again.
//!
//! With `R(t)` the impurity of node `t` by its share of the training weight, and `R(T)` that of
//! the leaves of its branch, the branch is worth its leaves as long as
//!
//! ```text
//! α < (R(t) − R(T)) / (leaves of T − 1)
//! ```
//!
//! (Breiman, Friedman, Olshen, Stone 1984, chapter 3.)

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::builder::{NodeStats, TreeBuilder};
use super::ensemble::LEAF;
use super::split::NUMERIC;

/// Every step of pruning a tree down to its root.
pub(super) struct Pruning {
    pub(super) ccp_alphas: Vec<f64>,
    pub(super) impurities: Vec<f64>,
}

/// A branch and what its leaves are worth, when it was looked at.
struct Link {
    alpha: f64,
    node: usize,
    n_leaves: usize,
}

/// A tree whose branches are becoming leaves.
struct Pruner<'a> {
    tree: &'a TreeBuilder,
    parent: Vec<usize>,
    /// Of the node, and of the leaves of its branch.
    node_cost: Vec<f64>,
    branch_cost: Vec<f64>,
    n_leaves: Vec<usize>,
    heap: BinaryHeap<Link>,
}

impl<'a> Pruner<'a> {
    fn new(tree: &'a TreeBuilder) -> Self {
        let (nodes, n) = (&tree.nodes, tree.n_nodes());
        let total = nodes.cover[0];
        let costs = nodes.cover.iter().zip(&nodes.impurity);
        let node_cost: Vec<f64> = costs.map(|(cover, impurity)| cover * impurity / total).collect();
        let (mut branch_cost, mut n_leaves) = (node_cost.clone(), vec![1; n]);
        let mut parent = vec![usize::MAX; n];
        // Children come after their parent.
        for node in (0..n).rev() {
            if nodes.left[node] != LEAF {
                let (left, right) = (nodes.left[node] as usize, nodes.right[node] as usize);
                parent[left] = node;
                parent[right] = node;
                branch_cost[node] = branch_cost[left] + branch_cost[right];
                n_leaves[node] = n_leaves[left] + n_leaves[right];
            }
        }
        let heap = BinaryHeap::with_capacity(n);
        let mut pruner = Self { tree, parent, node_cost, branch_cost, n_leaves, heap };
        (0..n).for_each(|node| pruner.look_at(node));
        pruner
    }

    fn look_at(&mut self, node: usize) {
        let n_leaves = self.n_leaves[node];
        if n_leaves > 1 {
            let alpha = (self.node_cost[node] - self.branch_cost[node]) / (n_leaves - 1) as f64;
            self.heap.push(Link { alpha, node, n_leaves });
        }
    }

    /// The weakest branch.
    fn weakest(&mut self) -> Option<Link> {
        while let Some(link) = self.heap.pop() {
            // Whatever happened to a branch since has left it fewer leaves.
            if self.n_leaves[link.node] == link.n_leaves {
                return Some(link);
            }
        }
        None
    }

    /// Makes a branch a leaf.
    fn cut(&mut self, branch: usize) {
        let cost = self.node_cost[branch] - self.branch_cost[branch];
        let n_leaves = self.n_leaves[branch] - 1;
        let mut below = vec![branch];
        while let Some(node) = below.pop() {
            if self.n_leaves[node] > 1 {
                let nodes = &self.tree.nodes;
                below.extend([nodes.left[node] as usize, nodes.right[node] as usize]);
            }
            // 0 leaves: gone.
            self.n_leaves[node] = 0;
        }
        self.n_leaves[branch] = 1;
        self.branch_cost[branch] = self.node_cost[branch];
        let mut node = self.parent[branch];
        while node != usize::MAX {
            self.branch_cost[node] += cost;
            self.n_leaves[node] -= n_leaves;
            self.look_at(node);
            node = self.parent[node];
        }
    }

    /// The tree without what was cut off.
    fn remaining(&self) -> TreeBuilder {
        let (tree, nodes) = (self.tree, &self.tree.nodes);
        let mut pruned = TreeBuilder::new(tree.n_values);
        let mut place = vec![usize::MAX; tree.n_nodes()];
        for node in (0..tree.n_nodes()).filter(|&node| self.n_leaves[node] > 0) {
            let value = &nodes.value[node * tree.n_values..(node + 1) * tree.n_values];
            let (cover, impurity) = (nodes.cover[node], nodes.impurity[node]);
            let new = pruned.push_leaf(&NodeStats { cover, impurity, value });
            place[node] = new;
            if self.n_leaves[node] > 1 {
                let feature = nodes.feature[node] as usize;
                match nodes.set[node] {
                    NUMERIC => pruned.make_split(new, feature, nodes.threshold[node]),
                    set => {
                        let categories: Vec<u32> = tree.sets.get(set as usize).iter().collect();
                        pruned.make_category_split(new, feature, &categories);
                    }
                }
                if nodes.missing_left[node] {
                    pruned.send_missing_left(new);
                }
            }
        }
        for node in (0..tree.n_nodes()).filter(|&node| self.n_leaves[node] > 1) {
            let (left, right) = (nodes.left[node] as usize, nodes.right[node] as usize);
            pruned.connect(place[node], place[left], place[right]);
        }
        pruned
    }
}

/// The tree without the branches that are not worth `ccp_alpha` per leaf.
pub(super) fn prune(tree: &TreeBuilder, ccp_alpha: f64) -> TreeBuilder {
    let mut pruner = Pruner::new(tree);
    while let Some(link) = pruner.weakest() {
        if link.alpha > ccp_alpha {
            break;
        }
        pruner.cut(link.node);
    }
    pruner.remaining()
}

/// Every step of pruning a tree down to its root.
pub(super) fn pruning_path(tree: &TreeBuilder) -> Pruning {
    let mut pruner = Pruner::new(tree);
    let (mut ccp_alphas, mut impurities) = (vec![0.0], vec![pruner.branch_cost[0]]);
    while let Some(link) = pruner.weakest() {
        pruner.cut(link.node);
        ccp_alphas.push(link.alpha);
        impurities.push(pruner.branch_cost[0]);
    }
    Pruning { ccp_alphas, impurities }
}

// The heap hands out the weakest link first, ties in the order of the nodes.
impl Ord for Link {
    fn cmp(&self, other: &Self) -> Ordering {
        other.alpha.total_cmp(&self.alpha).then(other.node.cmp(&self.node))
    }
}

impl PartialOrd for Link {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Link {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Link {}
