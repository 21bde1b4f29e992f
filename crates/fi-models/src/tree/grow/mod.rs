//! Grows one tree: finds the best split of a node, divides its rows, and goes on.
//!
//! The rows of a node lie side by side in one list, so growing needs no recursion and no copy
//! of the list. Without a limit on leaves the newest node is split first, and small nodes move
//! with their whole subtree into a block of memory that the cache holds; with a limit, the node
//! whose split decreases the impurity most is next.

mod block;
mod classes;
mod few;
mod kernel;
mod line;
mod moments;
mod order;
mod part;
mod sort;

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use fi_core::Rng;

use self::block::{Block, View, infos};
use self::classes::Classes;
use self::kernel::{Feature, Index, Kernel, Least, Summary};
use self::moments::Moments;
use self::part::{Split, partition, side};
use super::builder::{NodeStats, TreeBuilder};
use super::criterion::Criterion;
use super::decision_tree::Splitter;
use super::table::Table;

/// When to stop, in numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) max_depth: usize,
    pub(super) max_leaf_nodes: Option<usize>,
    pub(super) min_samples_split: usize,
    pub(super) min_samples_leaf: usize,
    pub(super) min_weight_fraction_leaf: f64,
    pub(super) min_impurity_decrease: f64,
    pub(super) max_features: usize,
    pub(super) splitter: Splitter,
}

/// Blocks of these sizes take over from each other as nodes get smaller.
const BLOCKS: [usize; 3] = [u16::MAX as usize - 1, 4096, 256];

/// Nodes with fewer rows stay where they are.
const BLOCK_FROM: usize = 24;

/// Grows a tree over `rows`, all of which have a weight, with these weights of all rows.
pub(super) fn grow(
    table: &Table,
    criterion: Criterion,
    limits: Limits,
    weights: &[f64],
    rows: Vec<u32>,
    rng: &mut Rng,
) -> TreeBuilder {
    match criterion {
        Criterion::Gini if table.n_outputs() != 2 => {
            grow_by(table, limits, Classes::new(table, weights, false), rows, rng)
        }
        Criterion::Entropy => grow_by(table, limits, Classes::new(table, weights, true), rows, rng),
        Criterion::Gini | Criterion::SquaredError => {
            grow_by(table, limits, Moments::new(table, weights), rows, rng)
        }
    }
}

fn grow_by<K: Kernel>(
    table: &Table,
    limits: Limits,
    mut kernel: K,
    mut rows: Vec<u32>,
    rng: &mut Rng,
) -> TreeBuilder {
    let infos = infos(table);
    let known = kernel.take_rows();
    let view = View::table(table, &infos, &known);
    let mut grower = Grower {
        table,
        limits,
        least: Least { samples: limits.min_samples_leaf, weight: 0.0 },
        kernel,
        root_cover: 0.0,
        features: (0..table.n_features as u32).collect(),
        value: vec![0.0; table.n_outputs()],
        tree: TreeBuilder::new(table.n_outputs()),
        unset: Vec::new(),
        rng,
    };
    let summary = grower.kernel.summarise(view.rows, &rows);
    grower.root_cover = summary.cover;
    grower.least.weight = limits.min_weight_fraction_leaf * summary.cover;
    let root = grower.push(0, rows.len(), 0, summary);
    let mut aside = vec![0; rows.len()];
    match limits.max_leaf_nodes {
        None => {
            // Random thresholds are drawn between values, which blocks do not know.
            let mut blocks: Vec<Block<K::Row>> = match limits.splitter {
                Splitter::Best => BLOCKS.map(Block::new).into(),
                Splitter::Random => Vec::new(),
            };
            grower.newest_first(&view, &mut rows, &mut aside, root, &mut blocks);
        }
        Some(max_leaf_nodes) => {
            grower.best_first(&view, &mut rows, &mut aside, root, max_leaf_nodes);
        }
    }
    grower.set_thresholds();
    grower.tree
}

/// A node of the tree that may still be split: its rows are `start..end` of the list.
struct Open<S> {
    node: usize,
    start: usize,
    end: usize,
    depth: usize,
    summary: Summary<S>,
}

/// How to split a node, in the numbers of the table.
enum Test {
    Threshold(f64),
    /// Between the values of these two rows.
    Between(u32, u32),
    Categories(Vec<u32>),
}

/// A node whose best split is known and whose rows are divided, left ones first.
struct Divided<S> {
    open: Open<S>,
    feature: usize,
    test: Test,
    missing_left: Option<bool>,
    middle: usize,
    left: Summary<S>,
    right: Summary<S>,
    improvement: f64,
}

struct Grower<'a, K> {
    table: &'a Table,
    limits: Limits,
    least: Least,
    kernel: K,
    root_cover: f64,
    /// All features, in the order of the last draws.
    features: Vec<u32>,
    /// Room for one node's value.
    value: Vec<f64>,
    tree: TreeBuilder,
    /// Splits whose thresholds are still to be looked up: node, feature, and the rows between
    /// whose values it lies. All at once, because each look-up waits for memory.
    unset: Vec<[u32; 4]>,
    rng: &'a mut Rng,
}

impl<K: Kernel> Grower<'_, K> {
    fn newest_first<I: Index>(
        &mut self,
        view: &View<'_, I, K::Row>,
        list: &mut [I],
        aside: &mut [I],
        root: Open<K::Sums>,
        blocks: &mut [Block<K::Row>],
    ) {
        let mut stack = vec![root];
        while let Some(open) = stack.pop() {
            let n_rows = open.end - open.start;
            if !self.may_split(&open) {
                continue;
            }
            let fitting = blocks.iter().rposition(|block| n_rows <= block.capacity);
            if let (Some(fitting), true) = (fitting, n_rows >= BLOCK_FROM)
                && let Some((block, smaller)) = blocks[fitting..].split_first_mut()
            {
                block.fill(view, &list[open.start..open.end]);
                let (view, list, aside) = block.open();
                let root = Open { start: 0, end: n_rows, ..open };
                self.newest_first(&view, list, aside, root, smaller);
                continue;
            }
            if let Some(divided) = self.divide(view, list, aside, open) {
                let (left, right) = self.split(divided);
                stack.extend([right, left]);
            }
        }
    }

    fn best_first<I: Index>(
        &mut self,
        view: &View<'_, I, K::Row>,
        list: &mut [I],
        aside: &mut [I],
        root: Open<K::Sums>,
        max_leaf_nodes: usize,
    ) {
        let mut frontier = BinaryHeap::new();
        let mut n_leaves = 1;
        let mut open = vec![root];
        loop {
            for node in open.drain(..) {
                if self.may_split(&node) {
                    frontier.extend(self.divide(view, list, aside, node));
                }
            }
            if n_leaves >= max_leaf_nodes {
                break;
            }
            let Some(best) = frontier.pop() else { break };
            let (left, right) = self.split(best);
            n_leaves += 1;
            open.extend([left, right]);
        }
    }

    /// Adds a node, as a leaf until it is split.
    fn push(
        &mut self,
        start: usize,
        end: usize,
        depth: usize,
        summary: Summary<K::Sums>,
    ) -> Open<K::Sums> {
        let Summary { cover, impurity, .. } = summary;
        self.kernel.value(&summary, &mut self.value);
        let node = self.tree.push_leaf(&NodeStats { cover, impurity, value: &self.value });
        Open { node, start, end, depth, summary }
    }

    fn may_split(&self, open: &Open<K::Sums>) -> bool {
        let n_rows = open.end - open.start;
        let Limits { max_depth, min_samples_split, min_samples_leaf, .. } = self.limits;
        !open.summary.pure
            && open.depth < max_depth
            && n_rows >= min_samples_split
            && n_rows >= min_samples_leaf.saturating_mul(2)
    }

    /// Divides a node's rows at its best split; `None` if it stays a leaf.
    fn divide<I: Index>(
        &mut self,
        view: &View<'_, I, K::Row>,
        list: &mut [I],
        aside: &mut [I],
        open: Open<K::Sums>,
    ) -> Option<Divided<K::Sums>> {
        let list = &mut list[open.start..open.end];
        let (feature, split) = self.best_split(view, list, &open)?;
        let ranks = view.feature(feature)?;
        let (test, missing_left) = self.in_numbers(view, list, feature, ranks, &split);
        let middle = partition(list, aside, ranks, &split);
        let left = self.kernel.summarise(view.rows, &list[..middle]);
        let right = self.kernel.summarise(view.rows, &list[middle..]);
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
        let middle = open.start + middle;
        Some(Divided { open, feature, test, missing_left, middle, left, right, improvement })
    }

    /// Turns a leaf into a split of two new leaves.
    fn split(&mut self, divided: Divided<K::Sums>) -> (Open<K::Sums>, Open<K::Sums>) {
        let Divided { open, feature, test, missing_left, middle, left, right, .. } = divided;
        let (start, end, depth) = (open.start, open.end, open.depth + 1);
        match test {
            Test::Threshold(threshold) => self.tree.make_split(open.node, feature, threshold),
            Test::Between(low, high) => {
                self.tree.make_split(open.node, feature, 0.0);
                self.unset.push([open.node as u32, feature as u32, low, high]);
            }
            Test::Categories(categories) => {
                self.tree.make_category_split(open.node, feature, &categories);
            }
        }
        // If nothing was missing in training, the heavier side is the better guess.
        let missing_left = missing_left.unwrap_or(left.cover > right.cover);
        let left = self.push(start, middle, depth, left);
        let right = self.push(middle, end, depth, right);
        self.tree.connect(open.node, left.node, right.node);
        if missing_left {
            self.tree.send_missing_left(open.node);
        }
        (left, right)
    }

    /// Draws features without replacement, at least `max_features` and until one can split.
    fn best_split<I: Index>(
        &mut self,
        view: &View<'_, I, K::Row>,
        list: &[I],
        open: &Open<K::Sums>,
    ) -> Option<(usize, Split)> {
        let enough = self.kernel.enter(&open.summary, view.rows, list);
        let mut best = None;
        let mut best_score = f64::NEG_INFINITY;
        for drawn in 0..self.features.len() {
            if best.is_some() && (drawn >= self.limits.max_features || best_score >= enough) {
                break;
            }
            let other = drawn + self.rng.below(self.features.len() - drawn);
            self.features.swap(drawn, other);
            let feature = self.features[drawn] as usize;
            let Some(ranks) = view.feature(feature) else { continue };
            if let Some((score, split)) = self.split_on(feature, ranks, list, best_score) {
                best_score = score;
                best = Some((feature, split));
            }
        }
        best
    }

    /// The best split on one feature if it is better than `best`.
    fn split_on<I: Index>(
        &mut self,
        feature: usize,
        ranks: Feature<'_, I>,
        list: &[I],
        best: f64,
    ) -> Option<(f64, Split)> {
        let categorical = self.table.column(feature).categorical;
        match (self.limits.splitter, categorical) {
            (Splitter::Best, false) => {
                let cut = self.kernel.cut(ranks, list, self.least, best)?;
                let kernel::Cut { score, low, high, missing_left } = cut;
                Some((score, Split::Cut { low, high, missing_left }))
            }
            (Splitter::Best, true) => {
                let parts = self.kernel.parts(ranks, list, self.least, best)?;
                let kernel::Parts { score, left, missing_left } = parts;
                Some((score, Split::Parts { left, missing_left }))
            }
            (Splitter::Random, _) => {
                let split = self.drawn_split(feature, ranks, list)?;
                let score = {
                    let side = side(ranks.n_ranks, &split);
                    let goes_left = list.iter().map(|id| side(ranks.ranks[id.get()].get()));
                    self.kernel.score(self.least, goes_left)?
                };
                (score > best).then_some((score, split))
            }
        }
    }

    /// A random split of a feature's values in the node, which are ranks of the table.
    fn drawn_split<I: Index>(
        &mut self,
        feature: usize,
        ranks: Feature<'_, I>,
        list: &[I],
    ) -> Option<Split> {
        let column = self.table.column(feature);
        let missing = ranks.n_ranks;
        let present = || list.iter().map(|id| ranks.ranks[id.get()].get());
        if column.categorical {
            let mut seen: Vec<usize> = present().collect();
            seen.sort_unstable();
            seen.dedup();
            if seen.len() < 2 {
                return None;
            }
            // Every set but the empty and the full one is as likely.
            let left = loop {
                let flip = |_: &&usize| self.rng.below(2) == 0;
                let left: Vec<usize> = seen.iter().filter(flip).copied().collect();
                if !left.is_empty() && left.len() < seen.len() {
                    break left;
                }
            };
            let has_missing = seen.last() == Some(&missing);
            let missing_left = has_missing.then(|| left.last() == Some(&missing));
            let left = left.into_iter().filter(|&rank| rank != missing).collect();
            return Some(Split::Parts { left, missing_left });
        }
        let (mut low, mut high, mut has_missing) = (usize::MAX, 0, false);
        for rank in present() {
            if rank < missing {
                low = low.min(rank);
                high = high.max(rank);
            } else {
                has_missing = true;
            }
        }
        if low == usize::MAX || (low == high && !has_missing) {
            return None;
        }
        if low == high {
            // The only value against missing ones.
            return Some(Split::Cut { low, high: missing, missing_left: Some(false) });
        }
        let (from, to) = (column.value(low), column.value(high));
        let threshold = from + self.rng.uniform() * (to - from);
        // The range may overflow, and rounding may reach its end.
        let threshold = if threshold < to { threshold } else { from };
        let (last, threshold) = column.cut(low, high, threshold);
        let missing_left = has_missing.then(|| self.rng.below(2) == 0);
        Some(Split::Drawn { last, threshold, missing_left })
    }

    /// The split in the numbers of the table, and where missing values go.
    fn in_numbers<I: Index>(
        &self,
        view: &View<'_, I, K::Row>,
        list: &[I],
        feature: usize,
        ranks: Feature<'_, I>,
        split: &Split,
    ) -> (Test, Option<bool>) {
        match *split {
            Split::Drawn { threshold, missing_left, .. } => {
                (Test::Threshold(threshold), missing_left)
            }
            Split::Cut { low, high, missing_left } => {
                let has = |wanted: usize| move |id: &&I| ranks.ranks[id.get()].get() == wanted;
                let row =
                    |wanted: usize| list.iter().find(has(wanted)).map_or(0, |&id| view.id(id));
                (Test::Between(row(low), row(high)), missing_left)
            }
            Split::Parts { missing_left, .. } => {
                let column = self.table.column(feature);
                let table_ranks = self.table.ranks(feature);
                let rank = |id: &I| table_ranks[view.id(*id) as usize] as usize;
                let side = side(ranks.n_ranks, split);
                let left = list.iter().filter(|id| side(ranks.ranks[id.get()].get()));
                let mut left: Vec<usize> = left.map(rank).collect();
                left.sort_unstable();
                left.dedup();
                let left = left.into_iter().filter(|&rank| rank < column.n_ranks());
                let categories = left.map(|rank| column.value(rank) as u32).collect();
                (Test::Categories(categories), missing_left)
            }
        }
    }
}

impl<K> Grower<'_, K> {
    fn set_thresholds(&mut self) {
        for [_, feature, low, high] in &mut self.unset {
            let ranks = self.table.ranks(*feature as usize);
            (*low, *high) = (ranks[*low as usize], ranks[*high as usize]);
        }
        for &[node, feature, low, high] in &self.unset {
            let column = self.table.column(feature as usize);
            let threshold = column.threshold(low as usize, high as usize);
            self.tree.nodes.threshold[node as usize] = threshold;
        }
    }
}

// The heap hands out the greatest decrease first, ties in the order the nodes were made.
impl<S> Ord for Divided<S> {
    fn cmp(&self, other: &Self) -> Ordering {
        let decrease = self.improvement.total_cmp(&other.improvement);
        decrease.then(other.open.node.cmp(&self.open.node))
    }
}

impl<S> PartialOrd for Divided<S> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<S> PartialEq for Divided<S> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<S> Eq for Divided<S> {}

#[cfg(test)]
mod tests;
