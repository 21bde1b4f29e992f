//! Grows one tree: finds the best split of a node, divides its rows, and goes on.
//!
//! The rows of a node lie side by side in one list, so growing needs no recursion and no copy.
//! Without a limit on leaves the newest node is split first; with one, the node whose split
//! decreases the impurity most.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use fi_core::Rng;

use super::builder::{NodeStats, TreeBuilder};
use super::criterion::{Scan, Summary};
use super::sort::Sorter;
use super::table::Table;

/// When to stop, in numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) max_depth: usize,
    pub(super) max_leaf_nodes: Option<usize>,
    pub(super) min_samples_split: usize,
    pub(super) min_samples_leaf: usize,
    pub(super) min_impurity_decrease: f64,
    pub(super) max_features: usize,
}

/// Grows a tree over `rows`, all of which have a weight.
pub(super) fn grow<S: Scan>(
    table: &Table,
    limits: Limits,
    scan: S,
    rows: Vec<u32>,
    rng: &mut Rng,
) -> TreeBuilder {
    let mut grower = Grower {
        table,
        limits,
        scan,
        root_cover: 0.0,
        sorter: Sorter::new(rows.len()),
        features: (0..table.n_features as u32).collect(),
        aside: Vec::with_capacity(rows.len()),
        rows,
        tree: TreeBuilder::new(table.n_outputs()),
        rng,
    };
    let summary = grower.scan.summarise(&grower.rows);
    grower.root_cover = summary.cover;
    let root = grower.push(0, grower.rows.len(), 0, summary);
    match limits.max_leaf_nodes {
        None => grower.newest_first(root),
        Some(max_leaf_nodes) => grower.best_first(root, max_leaf_nodes),
    }
    grower.tree
}

/// A node of the tree that may still be split: its rows are `start..end` of the list.
struct Open {
    node: usize,
    start: usize,
    end: usize,
    depth: usize,
    summary: Summary,
}

/// Where to split: the feature and the last rank that goes left.
#[derive(Clone, Copy)]
struct Split {
    feature: usize,
    low: u32,
    high: u32,
}

/// A node whose best split is known and whose rows are divided, left ones first.
struct Divided {
    open: Open,
    split: Split,
    middle: usize,
    left: Summary,
    right: Summary,
    improvement: f64,
}

struct Grower<'a, S> {
    table: &'a Table,
    limits: Limits,
    scan: S,
    root_cover: f64,
    sorter: Sorter,
    /// All features, in the order of the last draws.
    features: Vec<u32>,
    rows: Vec<u32>,
    /// Rows that wait to go right.
    aside: Vec<u32>,
    tree: TreeBuilder,
    rng: &'a mut Rng,
}

impl<S: Scan> Grower<'_, S> {
    fn newest_first(&mut self, root: Open) {
        let mut open = vec![root];
        while let Some(node) = open.pop() {
            if let Some(divided) = self.divide(node) {
                let (left, right) = self.split(divided);
                open.extend([right, left]);
            }
        }
    }

    fn best_first(&mut self, root: Open, max_leaf_nodes: usize) {
        let mut frontier: BinaryHeap<Divided> = self.divide(root).into_iter().collect();
        let mut n_leaves = 1;
        while n_leaves < max_leaf_nodes {
            let Some(best) = frontier.pop() else { break };
            let (left, right) = self.split(best);
            n_leaves += 1;
            frontier.extend(self.divide(left));
            frontier.extend(self.divide(right));
        }
    }

    /// Adds a node, as a leaf until it is split.
    fn push(&mut self, start: usize, end: usize, depth: usize, summary: Summary) -> Open {
        let Summary { cover, impurity, .. } = summary;
        let value = self.scan.value(&summary);
        let node = self.tree.push_leaf(&NodeStats { cover, impurity, value: &value });
        Open { node, start, end, depth, summary }
    }

    /// Divides a node's rows at its best split; `None` if it stays a leaf.
    fn divide(&mut self, open: Open) -> Option<Divided> {
        let n_rows = open.end - open.start;
        let Limits { max_depth, min_samples_split, min_samples_leaf, .. } = self.limits;
        if open.summary.pure
            || open.depth >= max_depth
            || n_rows < min_samples_split
            || n_rows < min_samples_leaf.saturating_mul(2)
        {
            return None;
        }
        let split = self.best_split(&open)?;
        let middle = self.partition(open.start, open.end, split);
        let left = self.scan.summarise(&self.rows[open.start..middle]);
        let right = self.scan.summarise(&self.rows[middle..open.end]);
        let node = &open.summary;
        let improvement = (node.cover * node.impurity
            - left.cover * left.impurity
            - right.cover * right.impurity)
            / self.root_cover;
        let required = self.limits.min_impurity_decrease;
        // A decrease that equals the limit but for rounding is enough.
        if required > 0.0 && improvement + f64::EPSILON < required {
            return None;
        }
        Some(Divided { open, split, middle, left, right, improvement })
    }

    /// Turns a leaf into a split of two new leaves.
    fn split(&mut self, divided: Divided) -> (Open, Open) {
        let Divided { open, split, middle, left, right, .. } = divided;
        let Split { feature, low, high } = split;
        let (start, end, depth) = (open.start, open.end, open.depth + 1);
        self.tree.make_split(open.node, feature, self.table.threshold(feature, low, high));
        let left_is_heavier = left.cover > right.cover;
        let left = self.push(start, middle, depth, left);
        let right = self.push(middle, end, depth, right);
        self.tree.connect(open.node, left.node, right.node);
        if left_is_heavier {
            // Nothing was missing in training: the heavier side is the better guess.
            self.tree.send_missing_left(open.node);
        }
        (left, right)
    }

    /// Draws features without replacement, at least `max_features` and until one can split.
    fn best_split(&mut self, open: &Open) -> Option<Split> {
        self.scan.enter(&open.summary);
        let mut best = None;
        let mut best_score = f64::NEG_INFINITY;
        for drawn in 0..self.features.len() {
            if drawn >= self.limits.max_features && best.is_some() {
                break;
            }
            let other = drawn + self.rng.below(self.features.len() - drawn);
            self.features.swap(drawn, other);
            let feature = self.features[drawn] as usize;
            if let Some((score, low, high)) = self.scan_feature(open, feature, best_score) {
                best_score = score;
                best = Some(Split { feature, low, high });
            }
        }
        best
    }

    /// The best split on one feature, if it is better than `best`: its score and the ranks on
    /// both sides of it.
    fn scan_feature(&mut self, open: &Open, feature: usize, best: f64) -> Option<(f64, u32, u32)> {
        let rows = &self.rows[open.start..open.end];
        let sorted = self.sorter.sort(self.table.ranks(feature), rows)?;
        let least = self.limits.min_samples_leaf;
        let last = sorted.len() - least;
        let scan = &mut self.scan;
        scan.restart();
        sorted[..least - 1].iter().for_each(|item| scan.move_left(item.row()));
        let mut best = best;
        let mut found = None;
        for pair in sorted[least - 1..=last].windows(2) {
            scan.move_left(pair[0].row());
            if pair[0].rank() == pair[1].rank() {
                continue;
            }
            let score = scan.score();
            // NaN and infinity, from weights that vanish in rounding, are no score.
            if score > best && score < f64::INFINITY {
                best = score;
                found = Some((score, pair[0].rank(), pair[1].rank()));
            }
        }
        found
    }

    /// Moves the rows that go left to the front, both sides in their order.
    fn partition(&mut self, start: usize, end: usize, split: Split) -> usize {
        let ranks = self.table.ranks(split.feature);
        let mut middle = start;
        self.aside.clear();
        for i in start..end {
            let row = self.rows[i];
            if ranks[row as usize] <= split.low {
                self.rows[middle] = row;
                middle += 1;
            } else {
                self.aside.push(row);
            }
        }
        self.rows[middle..end].copy_from_slice(&self.aside);
        middle
    }
}

// The heap hands out the greatest decrease first, ties in the order the nodes were made.
impl Ord for Divided {
    fn cmp(&self, other: &Self) -> Ordering {
        let decrease = self.improvement.total_cmp(&other.improvement);
        decrease.then(other.open.node.cmp(&self.open.node))
    }
}

impl PartialOrd for Divided {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Divided {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Divided {}
