//! Values and thresholds as ranks: a split becomes one comparison of small whole numbers.
//!
//! A value's code is how many of the model's thresholds on its feature lie before it. Then
//! `x ≤ t_k` is `code ≤ k` for the `k`-th threshold, exactly, whatever the comparison and the
//! precision of the model. A missing value gets the first code where it goes left and the last
//! one where it goes right, so splits of one feature that treat missing values differently read
//! different columns. A split on categories has a column of its own, of what it says of each row.
//!
//! Most models have few thresholds on each feature, and their codes fit into a byte.

use std::collections::BTreeMap;
use std::fmt::Debug;

use fi_core::{Result, RowBlocks, Run};
use ndarray::{ArrayView2, Axis};

use super::ensemble::Ensemble;
use super::split::{Comparison, NUMERIC, Precision, ZERO};
use super::tree::Tree;

/// So many codes stand side by side.
pub(super) const LANES: usize = 8;
/// More columns than so many, beside eight for each feature, are not worth their room.
const MOST_SETS: usize = 1024;
/// So many rows are coded by one task.
const TASK_ROWS: usize = 1024;
/// So many rows are read and coded by one task.
const BLOCK_ROWS: usize = 8192;

/// A whole number that holds ranks.
pub(super) trait Code: Copy + Default + Send + Sync + Debug + 'static {
    /// What a node keeps of a column's number.
    type Column: Copy + Send + Sync + Debug;
    /// How many ranks there are.
    const N_RANKS: usize;
    /// How many columns there can be.
    const N_COLUMNS: usize;

    fn of_rank(rank: usize) -> Self;
    fn of_column(column: usize) -> Self::Column;
    fn column(column: Self::Column) -> usize;

    /// Which of the codes come after `last`: bit `k` is about code `k`.
    fn after(codes: &[Self; LANES], last: Self) -> u8;
    /// Whether the first of the codes comes after `last`.
    fn first_after(codes: &[Self; LANES], last: Self) -> bool;
}

macro_rules! code {
    ($code:ty, $column:ty) => {
        impl Code for $code {
            type Column = $column;
            const N_RANKS: usize = 1 << <$code>::BITS;
            const N_COLUMNS: usize = 1 << <$column>::BITS;

            #[inline]
            fn of_rank(rank: usize) -> Self {
                // Signed, because processors of old compare signed numbers only.
                (rank as i64 + i64::from(<$code>::MIN)) as $code
            }

            #[inline]
            fn of_column(column: usize) -> $column {
                column as $column
            }

            #[inline]
            fn column(column: $column) -> usize {
                column as usize
            }

            #[inline]
            fn after(codes: &[Self; LANES], last: Self) -> u8 {
                let bits = codes.iter().enumerate();
                bits.fold(0, |bits, (lane, &code)| bits | u8::from(code > last) << lane)
            }

            #[inline]
            fn first_after(codes: &[Self; LANES], last: Self) -> bool {
                codes[0] > last
            }
        }
    };
}

code!(i8, u16);
code!(i16, u16);
code!(i32, u32);

/// What a split asks of the codes: rows go left whose code in a column is not after `last`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) column: usize,
    /// As a rank.
    pub(super) last: usize,
}

/// The ranks of a model's thresholds.
#[derive(Debug)]
pub(super) struct Ranks<'a> {
    ensemble: &'a Ensemble,
    features: Vec<Feature>,
    /// The feature of each column.
    of_column: Vec<usize>,
    /// Of each node of the ensemble; without meaning in leaves.
    cuts: Vec<Cut>,
}

#[derive(Debug, Default)]
struct Feature {
    /// Ascending, each once.
    thresholds: Vec<f64>,
    /// The columns of ranks, by `2 · zero_is_missing + missing_left`.
    columns: [Option<usize>; 4],
    /// The columns of splits on categories, each with a tree and a node that ask for it.
    sets: Vec<(usize, usize, usize)>,
}

impl<'a> Ranks<'a> {
    pub(super) fn new(ensemble: &'a Ensemble) -> Self {
        let feature = |thresholds| Feature { thresholds, ..Feature::default() };
        let features = ensemble.thresholds().into_iter().map(feature).collect();
        let cuts = vec![Cut::default(); ensemble.n_nodes()];
        let mut ranks = Self { ensemble, features, of_column: Vec::new(), cuts };
        let mut sets = BTreeMap::new();
        for (tree, node) in ensemble.splits() {
            ranks.cuts[tree.start + node] = ranks.cut(tree, node, &mut sets);
        }
        ranks
    }

    /// Finds the column for a split, or opens one.
    fn cut(
        &mut self,
        tree: Tree<'a>,
        node: usize,
        sets: &mut BTreeMap<(usize, usize, &'a [u64]), usize>,
    ) -> Cut {
        let n_columns = self.of_column.len();
        let index = tree.feature(node);
        let feature = &mut self.features[index];
        let variant =
            2 * usize::from(tree.zero_is_missing(node)) + usize::from(tree.missing_left(node));
        let cut = if tree.set[node] == NUMERIC {
            let column = *feature.columns[variant].get_or_insert(n_columns);
            let threshold = tree.threshold(node);
            let last = feature.thresholds.partition_point(|&before| before < threshold);
            Cut { column, last }
        } else {
            let words = tree.ensemble.sets.get(tree.set[node] as usize).words();
            let column = *sets.entry((index, variant, words)).or_insert_with(|| {
                feature.sets.push((n_columns, tree.index(), node));
                n_columns
            });
            Cut { column, last: 0 }
        };
        if cut.column == n_columns {
            self.of_column.push(index);
        }
        cut
    }

    /// What a node of the ensemble asks.
    pub(super) fn of_node(&self, node: usize) -> Cut {
        self.cuts[node]
    }

    /// The feature that each column is about.
    pub(super) fn of_column(&self) -> &[usize] {
        &self.of_column
    }

    /// Whether these codes are large enough.
    pub(super) fn fit<C: Code>(&self) -> bool {
        // The last rank is that of missing values: one more than thresholds.
        let most = self.features.iter().map(|feature| feature.thresholds.len()).max();
        most.unwrap_or(0) < C::N_RANKS && self.of_column.len() < C::N_COLUMNS
    }

    /// Whether rows of codes are much longer than the rows: there are many sets of categories, of
    /// which each takes a column.
    pub(super) fn are_wide(&self) -> bool {
        self.of_column.len() > 8 * self.features.len() + MOST_SETS
    }

    /// The codes of rows.
    pub(super) fn encode<C: Code>(
        &self,
        run: &Run<'_>,
        rows: ArrayView2<'_, f64>,
    ) -> Result<Coded<C>> {
        self.encode_in(run, &rows, TASK_ROWS)
    }

    /// The codes of rows that are read in blocks.
    pub(super) fn encode_blocks<C: Code>(
        &self,
        run: &Run<'_>,
        blocks: &dyn RowBlocks,
    ) -> Result<Coded<C>> {
        self.encode_in(run, blocks, BLOCK_ROWS)
    }

    fn encode_in<C: Code>(
        &self,
        run: &Run<'_>,
        blocks: &dyn RowBlocks,
        block_rows: usize,
    ) -> Result<Coded<C>> {
        let (n_rows, n_columns) = (blocks.n_rows(), self.of_column.len());
        let mut codes = vec![C::default(); n_rows * n_columns];
        run.for_chunks(&mut codes, block_rows * n_columns.max(1), |task, _, codes| {
            let first = task * block_rows;
            let rows = blocks.rows(first..(first + block_rows).min(n_rows))?;
            for (feature, values) in self.features.iter().zip(rows.axis_iter(Axis(1))) {
                for (row, &x) in values.iter().enumerate() {
                    self.code(feature, x, &mut codes[row * n_columns..(row + 1) * n_columns]);
                }
            }
            Ok(())
        })?;
        Ok(Coded { codes, n_columns })
    }

    /// Writes all codes of one value.
    fn code<C: Code>(&self, feature: &Feature, x: f64, codes: &mut [C]) {
        for &(column, tree, node) in &feature.sets {
            let left = self.ensemble.tree(tree).goes_left(node, x);
            codes[column] = C::of_rank(usize::from(!left));
        }
        if feature.columns == [None; 4] {
            return;
        }
        let x = match self.ensemble.precision() {
            Precision::F32 => f64::from(x as f32),
            Precision::F64 => x,
        };
        let thresholds = &feature.thresholds;
        // NaN lies before no threshold; it is replaced below.
        let rank = match self.ensemble.comparison() {
            Comparison::LessEqual => thresholds.partition_point(|&t| t < x),
            Comparison::Less => thresholds.partition_point(|&t| t <= x),
        };
        for (variant, column) in feature.columns.iter().enumerate() {
            let Some(column) = *column else { continue };
            let missing = x.is_nan() || (variant >= 2 && x.abs() <= ZERO);
            let rank = match (missing, variant % 2 == 1) {
                (false, _) => rank,
                (true, true) => 0,
                (true, false) => thresholds.len(),
            };
            codes[column] = C::of_rank(rank);
        }
    }
}

/// Rows as codes, row after row.
#[derive(Debug)]
pub(super) struct Coded<C> {
    codes: Vec<C>,
    n_columns: usize,
}

impl<C: Code> Coded<C> {
    #[inline]
    pub(super) fn row(&self, row: usize) -> &[C] {
        &self.codes[row * self.n_columns..(row + 1) * self.n_columns]
    }

    pub(super) fn n_columns(&self) -> usize {
        self.n_columns
    }

    /// Some of the rows.
    pub(super) fn select(&self, rows: &[usize]) -> Self {
        let codes = rows.iter().flat_map(|&row| self.row(row)).copied().collect();
        Self { codes, n_columns: self.n_columns }
    }
}
