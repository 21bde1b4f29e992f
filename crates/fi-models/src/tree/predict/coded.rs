//! Small trees without a walk: every split is asked of every row, many rows at a time.
//!
//! A walk must know where it is before it can ask the next question. A tree of few splits is
//! faster asked all of them: the comparisons of many rows' codes ([`super::codes`]) with one
//! number, a byte each, are one instruction. Leaves are numbered from left to right, and splits
//! are taken parents first. A row's place is the first leaf it may still reach:
//!
//! ```text
//! place = first leaf of the split, and code > border   ⇒   place = first leaf on its right
//! ```
//!
//! A split off the row's way begins with another leaf and changes nothing. A tree that asks the
//! same question of all nodes of a level needs one comparison a level, which is a bit of the
//! leaf's number.

use ndarray::{Array2, ArrayView2, Axis, s};

use super::super::ensemble::Ensemble;
use super::super::split::{Comparison, NUMERIC};
use super::super::tree::Tree;
use super::codes::{BLOCK, Columns, Key};
use super::kernel::{Speed, answer};

/// A leaf's number has one byte.
const MOST_LEAVES: usize = 256;

/// One question.
#[derive(Debug, Clone, Copy)]
pub(super) struct Split {
    pub(super) column: u16,
    /// Codes above go right.
    pub(super) border: u8,
    /// The first leaf below the split; unused if a level shares the question.
    pub(super) first: u8,
    /// The first leaf on its right; the bit of the leaf's number if a level shares the question.
    pub(super) right: u8,
}

/// One tree, as places in the lists of all.
#[derive(Debug, Clone, Copy)]
pub(super) struct Small {
    pub(super) splits: (usize, usize),
    /// All nodes of a level ask the same.
    pub(super) level_wise: bool,
    /// Where its leaves' values are: of a single value a power of two, from 16.
    pub(super) values: (usize, usize),
    pub(super) output: usize,
}

/// All trees of an ensemble as questions about codes.
#[derive(Debug)]
pub(in super::super) struct Coded {
    columns: Columns,
    pub(super) splits: Vec<Split>,
    pub(super) values: Vec<f64>,
    pub(super) trees: Vec<Small>,
    pub(super) n_values: usize,
    n_outputs: usize,
    /// What walks would cost a row, in cycles, as far as that can be told.
    walks: usize,
    speed: Speed,
}

/// A tree's splits, parents first, and its leaves from left to right.
struct Order {
    /// The node, the first leaf below it, and the first on its right.
    splits: Vec<(usize, usize, usize)>,
    leaves: Vec<usize>,
    /// The level of each split.
    levels: Vec<usize>,
    depth: usize,
}

impl Coded {
    /// `None` if a tree is too large or a split is on categories.
    pub(super) fn new(ensemble: &Ensemble) -> Option<Self> {
        let most = MOST_LEAVES.saturating_mul(2).saturating_mul(ensemble.n_trees());
        if ensemble.n_nodes() > most || ensemble.has_categories() {
            return None;
        }
        let orders: Option<Vec<Order>> = ensemble.trees().map(Order::new).collect();
        let orders = orders?;
        let mut asked = Vec::with_capacity(ensemble.n_nodes() / 2);
        for (tree, order) in ensemble.trees().zip(&orders) {
            for &(node, ..) in &order.splits {
                asked.push(question(ensemble, tree, node)?);
            }
        }
        let columns = Columns::new(asked, ensemble.precision())?;
        let mut coded = Self {
            columns,
            splits: Vec::new(),
            values: Vec::new(),
            trees: Vec::with_capacity(orders.len()),
            n_values: ensemble.n_values(),
            n_outputs: ensemble.n_outputs(),
            walks: 0,
            speed: Speed::of_this_machine(),
        };
        for (tree, order) in ensemble.trees().zip(&orders) {
            coded.push(ensemble, tree, order)?;
        }
        Some(coded)
    }

    fn push(&mut self, ensemble: &Ensemble, tree: Tree<'_>, order: &Order) -> Option<()> {
        let (start, first) = (self.splits.len(), self.values.len());
        for &(node, first, right) in &order.splits {
            let (key, threshold) = question(ensemble, tree, node)?;
            let (column, border) = self.columns.find(key, threshold)?;
            self.splits.push(Split { column, border, first: first as u8, right: right as u8 });
        }
        let level_wise = order.is_full() && self.levels_agree(start, order);
        if level_wise {
            // Leaves from left to right are numbers whose highest bit is the root's answer.
            let levels: Vec<Split> = (0..order.depth)
                .filter_map(|level| {
                    let at = order.levels.iter().position(|&of_split| of_split == level)?;
                    let right = 1 << (order.depth - 1 - level);
                    Some(Split { right, ..self.splits[start + at] })
                })
                .collect();
            self.splits.truncate(start);
            self.splits.extend(levels);
        }
        for &leaf in &order.leaves {
            self.values.extend_from_slice(tree.value(leaf));
        }
        if self.n_values == 1 {
            let n_leaves = order.leaves.len().next_power_of_two().max(16);
            self.values.resize(first + n_leaves, 0.0);
        }
        self.walks += 5 * order.depth;
        self.trees.push(Small {
            splits: (start, self.splits.len()),
            level_wise,
            values: (first, self.values.len()),
            output: tree.output().unwrap_or(0),
        });
        Some(())
    }

    /// Whether the splits from `start` on ask the same wherever they are on the same level.
    fn levels_agree(&self, start: usize, order: &Order) -> bool {
        let splits = &self.splits[start..];
        let mut of_level: Vec<Option<(u16, u8)>> = vec![None; order.depth];
        splits.iter().zip(&order.levels).all(|(split, &level)| {
            let asked = (split.column, split.border);
            *of_level[level].get_or_insert(asked) == asked
        })
    }

    /// Whether coding the values is paid back by the trees.
    pub(super) fn is_worth_it(&self) -> bool {
        10 * self.columns.len() + self.splits.len() / 16 + 2 * self.trees.len() < self.walks
    }

    /// Runs in other machine code than this machine's best.
    #[cfg(test)]
    pub(super) fn at(self, speed: Speed) -> Self {
        Self { speed, ..self }
    }

    /// Writes the sums `(n_rows, n_outputs)` of the trees' answers, for each row in the order of
    /// the trees.
    pub(in super::super) fn sum(&self, rows: ArrayView2<'_, f64>, sums: &mut Array2<f64>) {
        let mut codes = vec![[0; BLOCK]; self.columns.len()];
        let mut block_sums = vec![[0.0; BLOCK]; self.n_outputs];
        for (block, rows) in rows.axis_chunks_iter(Axis(0), BLOCK).enumerate() {
            self.columns.fill(rows, &mut codes);
            block_sums.fill([0.0; BLOCK]);
            answer(self.speed, self, &codes, rows.nrows(), &mut block_sums);
            let start = block * BLOCK;
            let mut out = sums.slice_mut(s![start..start + rows.nrows(), ..]);
            for (mut out, sums) in out.columns_mut().into_iter().zip(&block_sums) {
                out.iter_mut().zip(sums).for_each(|(out, sum)| *out = *sum);
            }
        }
    }
}

impl Order {
    /// `None` for too many leaves.
    fn new(tree: Tree<'_>) -> Option<Self> {
        if tree.n_nodes() >= 2 * MOST_LEAVES {
            return None;
        }
        let mut order =
            Self { splits: Vec::new(), leaves: Vec::new(), levels: Vec::new(), depth: 0 };
        // A node, its level, and the split that it is the right child of.
        let mut waiting = vec![(0, 0, None)];
        while let Some((node, level, right_of)) = waiting.pop() {
            if let Some(split) = right_of {
                let split: &mut (usize, usize, usize) = &mut order.splits[split];
                split.2 = order.leaves.len();
            }
            let Some((left, right)) = tree.children(node) else {
                order.depth = order.depth.max(level);
                order.leaves.push(node);
                continue;
            };
            waiting.push((right, level + 1, Some(order.splits.len())));
            waiting.push((left, level + 1, None));
            order.splits.push((node, order.leaves.len(), 0));
            order.levels.push(level);
        }
        Some(order)
    }

    /// Whether all leaves are equally deep.
    fn is_full(&self) -> bool {
        1_usize.checked_shl(self.depth as u32) == Some(self.leaves.len())
    }
}

/// What a split asks, as `x ≤ threshold`; `None` if that has no threshold.
fn question(ensemble: &Ensemble, tree: Tree<'_>, node: usize) -> Option<(Key, f64)> {
    if tree.set[node] != NUMERIC {
        return None;
    }
    let threshold = match ensemble.comparison() {
        Comparison::LessEqual => tree.threshold[node],
        // Nothing is below −∞.
        Comparison::Less if tree.threshold[node] == f64::NEG_INFINITY => return None,
        Comparison::Less => tree.threshold[node].next_down(),
    };
    let key = Key {
        feature: tree.feature[node],
        missing_left: tree.missing_left[node],
        zero_is_missing: tree.zero_is_missing[node],
    };
    // Both zeros are one border.
    Some((key, threshold + 0.0))
}
