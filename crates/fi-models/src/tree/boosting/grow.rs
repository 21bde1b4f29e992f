//! Grows one tree, best leaf first.
//!
//! The rows lie in one array; a node is a range of it, and a split divides the range in place,
//! keeping the order. Of two children only the one with fewer rows has its histogram filled; the
//! other one's is the parent's minus that.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::Range;

use fi_core::{Result, Rng, Run};

use super::bins::Table;
use super::histogram::{self, Cell, Column, Histogram, Scale, Sums, minus};
use super::split::{Finder, Limits, Split};

/// A node with fewer additions than this in a histogram is not worth a second thread.
const PARALLEL_FROM: usize = 1 << 16;

/// Histograms of waiting leaves are kept up to this many bytes; beyond, they are filled anew.
pub(super) const KEPT_BYTES: usize = 1 << 28;

/// How large a tree may get.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) max_leaf_nodes: usize,
    pub(super) max_depth: usize,
    /// How many features a tree and a node may split on.
    pub(super) features_per_tree: usize,
    pub(super) features_per_node: usize,
}

/// A node of a grown tree.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// Children and how rows reach them; `None` for a leaf.
    pub(super) branch: Option<Branch>,
    /// The node's place in [`Grown::rows`].
    pub(super) rows: Range<usize>,
    pub(super) gradient: f64,
    pub(super) hessian: f64,
    depth: usize,
}

/// Where a node's rows go.
#[derive(Debug, Clone)]
pub(super) struct Branch {
    pub(super) feature: usize,
    /// The last bin on the left, for a numeric feature.
    pub(super) bin: usize,
    pub(super) goes_left: [u64; 4],
    pub(super) gain: f64,
    /// The left child; the right one follows it.
    pub(super) left: usize,
}

/// A grown tree, in order of growth, and its rows, node by node.
pub(super) struct Grown {
    pub(super) nodes: Vec<Node>,
    pub(super) rows: Vec<u32>,
}

/// A leaf that can be split, and what is known of it.
struct Open<const N: usize> {
    node: usize,
    total: Cell<N>,
    split: Split<N>,
    histogram: Option<Histogram<N>>,
}

impl<const N: usize> PartialEq for Open<N> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<const N: usize> Eq for Open<N> {}

impl<const N: usize> PartialOrd for Open<N> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<const N: usize> Ord for Open<N> {
    /// The largest gain is the greatest; of equal ones the oldest node.
    fn cmp(&self, other: &Self) -> Ordering {
        self.split.gain.total_cmp(&other.split.gain).then(other.node.cmp(&self.node))
    }
}

/// What all trees of a round share, and room that serves one tree after the other.
pub(super) struct Grower<'a, const N: usize> {
    pub(super) run: Run<'static>,
    pub(super) table: &'a Table,
    pub(super) limits: Limits,
    pub(super) size: Size,
    pub(super) scale: Scale,
    /// One per row of the table.
    pub(super) cells: Vec<Cell<N>>,
    spare: Vec<Histogram<N>>,
    right: Vec<u32>,
    /// How many more histograms may wait.
    keep: usize,
}

/// The features one tree may split on.
struct Drawn {
    features: Vec<usize>,
    allowed: Vec<bool>,
}

/// The work on one block of features: the histograms of two siblings and their best splits.
struct Siblings<const N: usize> {
    /// The parent's, then the larger child's.
    large: Box<[Column<N>]>,
    small: Box<[Column<N>]>,
    best: [Option<Split<N>>; 2],
}

impl<'a, const N: usize> Grower<'a, N> {
    /// `kept_bytes` is how much of histograms may wait: beyond, they are filled anew.
    pub(super) fn new(
        run: Run<'static>,
        table: &'a Table,
        limits: Limits,
        size: Size,
        kept_bytes: usize,
    ) -> Self {
        let bytes = table.bins.len() * size_of::<Column<N>>();
        Self {
            run,
            table,
            limits,
            size,
            scale: Scale::new(N, table.n_rows, 0.0, 0.0),
            cells: vec![[0; N]; table.n_rows],
            spare: Vec::new(),
            right: Vec::new(),
            keep: kept_bytes / bytes,
        }
    }

    /// Grows a tree on these rows, ascending.
    pub(super) fn grow(&mut self, mut rows: Vec<u32>, rng: &mut Rng) -> Result<Grown> {
        let drawn = self.draw(rng);
        let total =
            rows.iter().fold([0; N], |sum, &row| histogram::plus(&sum, &self.cells[row as usize]));
        let mut nodes = vec![self.node(&total, 0..rows.len(), 0)];
        let mut open = BinaryHeap::new();
        if self.size.max_leaf_nodes > 1 && self.divisible(&nodes[0], &total) {
            open.extend(self.root(&total, &rows, &drawn, rng)?);
        }
        let mut n_leaves = 1;
        while let Some(Open { node: parent, total, split, histogram }) = open.pop() {
            let range = nodes[parent].rows.clone();
            let column = self.table.column(split.feature);
            let n_left = divide(&mut rows[range.clone()], &mut self.right, column, &split);
            let middle = range.start + n_left;
            let depth = nodes[parent].depth + 1;
            let (left, right) = (split.left, minus(&total, &split.left));
            let first = nodes.len();
            nodes.push(self.node(&left, range.start..middle, depth));
            nodes.push(self.node(&right, middle..range.end, depth));
            nodes[parent].branch = Some(Branch {
                feature: split.feature,
                bin: split.bin,
                goes_left: split.goes_left,
                gain: split.gain,
                left: first,
            });
            n_leaves += 1;
            if n_leaves == self.size.max_leaf_nodes {
                self.spare.extend(histogram);
                break;
            }
            let mut child = |index: usize, total: Cell<N>| {
                let node = &nodes[first + index];
                let allowed = self.divisible(node, &total).then(|| self.allowed(&drawn, rng));
                Child { node: first + index, total, rows: &rows[node.rows.clone()], allowed }
            };
            let children = [child(0, left), child(1, right)];
            let keep = open.len() + 2 <= self.keep;
            open.extend(self.children(children, histogram, &drawn, keep)?);
        }
        self.spare.extend(open.into_iter().filter_map(|open| open.histogram));
        Ok(Grown { nodes, rows })
    }

    fn node(&self, total: &Cell<N>, rows: Range<usize>, depth: usize) -> Node {
        let Sums { gradient, hessian, .. } = self.scale.sums(total);
        Node { branch: None, rows, gradient, hessian, depth }
    }

    /// Whether a node is large and shallow enough to be split.
    fn divisible(&self, node: &Node, total: &Cell<N>) -> bool {
        let sums = self.scale.sums(total);
        node.depth < self.size.max_depth
            && sums.count >= 2 * self.limits.min_samples_leaf
            && sums.hessian >= 2.0 * self.limits.min_sum_hessian
    }

    /// Draws the features of a tree.
    fn draw(&self, rng: &mut Rng) -> Drawn {
        let n_features = self.table.bins.len();
        let mut features: Vec<usize> = (0..n_features).collect();
        if self.size.features_per_tree < n_features {
            features = rng.sample(n_features, self.size.features_per_tree);
            features.sort_unstable();
        }
        let mut allowed = vec![false; n_features];
        for &feature in &features {
            allowed[feature] = true;
        }
        Drawn { features, allowed }
    }

    /// Draws the features of a node among those of its tree.
    fn allowed(&self, drawn: &Drawn, rng: &mut Rng) -> Vec<bool> {
        let n = self.size.features_per_node.min(drawn.features.len());
        if n == drawn.features.len() {
            return drawn.allowed.clone();
        }
        let mut allowed = vec![false; drawn.allowed.len()];
        for index in rng.sample(drawn.features.len(), n) {
            allowed[drawn.features[index]] = true;
        }
        allowed
    }

    fn root(
        &mut self,
        total: &Cell<N>,
        rows: &[u32],
        drawn: &Drawn,
        rng: &mut Rng,
    ) -> Result<Option<Open<N>>> {
        let allowed = Some(self.allowed(drawn, rng));
        let empty = Child { node: usize::MAX, total: [0; N], rows: &[], allowed: None };
        let root = Child { node: 0, total: *total, rows, allowed };
        Ok(self.children([root, empty], None, drawn, true)?.into_iter().next())
    }

    /// Finds the best splits of two siblings, given the histogram of their parent where it was
    /// kept.
    fn children(
        &mut self,
        [left, right]: [Child<'_, N>; 2],
        parent: Option<Histogram<N>>,
        drawn: &Drawn,
        keep: bool,
    ) -> Result<Vec<Open<N>>> {
        let (small, large) =
            if left.rows.len() <= right.rows.len() { (left, right) } else { (right, left) };
        if small.allowed.is_none() && large.allowed.is_none() {
            self.spare.extend(parent);
            return Ok(Vec::new());
        }
        let is_parents = parent.is_some();
        let mut room = || self.spare.pop().unwrap_or_else(|| histogram::empty(self.table));
        let (large_room, small_room) = (parent.unwrap_or_else(&mut room), room());
        let pairs = large_room.into_iter().zip(small_room);
        let mut work: Vec<Siblings<N>> =
            pairs.map(|(large, small)| Siblings { large, small, best: [None, None] }).collect();
        let do_block = |index: usize, siblings: &mut Siblings<N>| {
            let block = &self.table.blocks[index];
            if drawn.allowed[block.first..block.first + block.width].contains(&true) {
                self.block(index, siblings, &small, &large, is_parents);
            }
        };
        let n_filled =
            if is_parents { small.rows.len() } else { small.rows.len() + large.rows.len() };
        if n_filled * drawn.features.len() < PARALLEL_FROM {
            work.iter_mut().enumerate().for_each(|(index, siblings)| do_block(index, siblings));
        } else {
            self.run.for_chunks(&mut work, 1, |index, _, siblings| {
                for siblings in siblings {
                    do_block(index, siblings);
                }
                Ok(())
            })?;
        }
        let mut best = [None, None];
        for siblings in &work {
            for (best, found) in best.iter_mut().zip(siblings.best) {
                better(best, found);
            }
        }
        let (large_room, small_room): (Histogram<N>, Histogram<N>) =
            work.into_iter().map(|siblings| (siblings.large, siblings.small)).unzip();
        let mut open = Vec::with_capacity(2);
        for ((child, split), room) in
            [large, small].into_iter().zip(best).zip([large_room, small_room])
        {
            match split {
                Some(split) if keep => {
                    let histogram = Some(room);
                    open.push(Open { node: child.node, total: child.total, split, histogram });
                }
                _ => {
                    self.spare.push(room);
                    let (node, total) = (child.node, child.total);
                    open.extend(split.map(|split| Open { node, total, split, histogram: None }));
                }
            }
        }
        Ok(open)
    }

    /// Fills one block of the histograms of two siblings and finds their best splits there.
    fn block(
        &self,
        index: usize,
        siblings: &mut Siblings<N>,
        small: &Child<'_, N>,
        large: &Child<'_, N>,
        is_parents: bool,
    ) {
        let block = &self.table.blocks[index];
        let finder = |child: &Child<'_, N>, columns: &[Column<N>]| {
            let finder = Finder { limits: &self.limits, scale: &self.scale, total: child.total };
            finder.best(self.table, block, columns, child.allowed.as_ref()?)
        };
        let fill = |columns: &mut [Column<N>], rows: &[u32]| {
            histogram::fill(columns, self.table, block, rows, &self.cells);
        };
        // The small one is filled for its own sake, or to take it away from the parent's.
        if small.allowed.is_some() || is_parents {
            fill(&mut siblings.small, small.rows);
            siblings.best[1] = finder(small, &siblings.small);
        }
        if large.allowed.is_some() {
            if is_parents {
                histogram::subtract(&mut siblings.large, &siblings.small, self.table, block);
            } else {
                fill(&mut siblings.large, large.rows);
            }
            siblings.best[0] = finder(large, &siblings.large);
        }
    }
}

/// A new leaf.
struct Child<'r, const N: usize> {
    node: usize,
    total: Cell<N>,
    rows: &'r [u32],
    /// The features it may be split on; `None` if it may not be split.
    allowed: Option<Vec<bool>>,
}

/// Replaces `best` where `found` gains more.
fn better<const N: usize>(best: &mut Option<Split<N>>, found: Option<Split<N>>) {
    if let Some(found) = found
        && best.as_ref().is_none_or(|best| found.gain > best.gain)
    {
        *best = Some(found);
    }
}

/// Brings the rows that go left before the others, both in their order; answers their number.
fn divide<const N: usize>(
    rows: &mut [u32],
    right: &mut Vec<u32>,
    column: &[u8],
    split: &Split<N>,
) -> usize {
    let goes_left: [bool; 256] = std::array::from_fn(|code| split.sends_left(code as u8));
    if right.len() < rows.len() {
        right.resize(rows.len(), 0);
    }
    let (mut n_left, mut n_right) = (0, 0);
    for place in 0..rows.len() {
        let row = rows[place];
        let left = goes_left[usize::from(column[row as usize])];
        // Written to both sides, so that no branch has to be guessed.
        rows[n_left] = row;
        right[n_right] = row;
        n_left += usize::from(left);
        n_right += usize::from(!left);
    }
    rows[n_left..].copy_from_slice(&right[..n_right]);
    n_left
}
