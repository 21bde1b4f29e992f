//! What the tests of an ensemble read of a row: one column per feature and way of reading it.
//!
//! Every test becomes `sign · x ≤ threshold`, which NaN fails. A split that sends missing values
//! to the side that passes is turned round, so that NaN is always on the side that fails. The
//! thresholds are chosen such that the comparison, in the precision of the column, says exactly
//! what the library's own comparison says.

use std::collections::BTreeMap;

use ndarray::ArrayView2;

use super::super::super::ensemble::Ensemble;
use super::super::super::split::{CategorySet, Comparison, Precision, ZERO};
use super::super::super::tree::{Test, Tree};
use super::lanes::{Lanes, Real};

/// Ranks beyond this cannot be told apart in single precision.
pub(super) const MOST_RANKS: usize = 1 << 24;

/// The columns of an ensemble.
#[derive(Debug)]
pub(super) struct Columns {
    columns: Vec<Column>,
    index: BTreeMap<(usize, bool, bool), usize>,
    precision: Precision,
    comparison: Comparison,
}

#[derive(Debug)]
struct Column {
    feature: usize,
    zero_is_missing: bool,
    reading: Reading,
}

#[derive(Debug)]
enum Reading {
    /// The value itself.
    Value,
    /// How many of these ascending thresholds are below the value.
    Rank(Vec<f64>),
    /// The value cut to a whole number, −1 if it is none that a category can have.
    Category,
}

/// A numeric test: a row passes if `sign · x ≤ threshold`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Numeric<T> {
    pub(super) sign: T,
    pub(super) threshold: T,
}

impl Columns {
    /// The columns of all splits, for tests in this type of number; with `ranks`, double values
    /// are replaced by their ranks among the thresholds, so that single precision can tell them
    /// apart.
    pub(super) fn new(ensemble: &Ensemble, ranks: bool) -> Self {
        let mut thresholds: BTreeMap<(usize, bool, bool), Vec<f64>> = BTreeMap::new();
        let comparison = ensemble.comparison();
        for tree in ensemble.trees() {
            for node in (0..tree.n_nodes()).filter(|&node| !tree.is_leaf(node)) {
                let known = thresholds.entry(key(tree, node)).or_default();
                if let Test::Threshold(threshold) = tree.test(node) {
                    if ranks {
                        known.push(last_passing(threshold, comparison));
                    }
                }
            }
        }
        let mut columns = Self {
            columns: Vec::with_capacity(thresholds.len()),
            index: BTreeMap::new(),
            precision: ensemble.precision(),
            comparison,
        };
        for (key, mut thresholds) in thresholds {
            let (feature, zero_is_missing, category) = key;
            let reading = if category {
                Reading::Category
            } else if ranks {
                thresholds.retain(|threshold| !threshold.is_nan());
                thresholds.sort_by(f64::total_cmp);
                thresholds.dedup_by(|a, b| a == b);
                Reading::Rank(thresholds)
            } else {
                Reading::Value
            };
            columns.index.insert(key, columns.columns.len());
            columns.columns.push(Column { feature, zero_is_missing, reading });
        }
        columns
    }

    pub(super) fn len(&self) -> usize {
        self.columns.len()
    }

    /// How many ranks the column with the most has.
    pub(super) fn most_ranks(&self) -> usize {
        let ranks = self.columns.iter().map(|column| match &column.reading {
            Reading::Rank(thresholds) => thresholds.len(),
            Reading::Value | Reading::Category => 0,
        });
        ranks.max().unwrap_or(0)
    }

    /// The column that a split reads.
    pub(super) fn of(&self, tree: Tree<'_>, node: usize) -> usize {
        self.index[&key(tree, node)]
    }

    /// The numeric test of a split, passed by rows that go left, or with `missing_left` by those
    /// that go right.
    pub(super) fn numeric<T: Real>(&self, tree: Tree<'_>, node: usize) -> Numeric<T> {
        let last = last_passing(tree.threshold(node), self.comparison);
        let threshold = match &self.columns[self.of(tree, node)].reading {
            Reading::Rank(_) if last.is_nan() => T::from_f64(f64::NAN),
            Reading::Rank(ranks) => T::from_f64(ranks.partition_point(|&rank| rank < last) as f64),
            Reading::Value | Reading::Category => T::below(last),
        };
        if !tree.missing_left(node) {
            return Numeric { sign: T::ONE, threshold };
        }
        // x > threshold, where nothing is above infinity, and everything above a threshold that
        // nothing passes.
        let turned = if threshold.to_f64() == f64::INFINITY {
            T::from_f64(f64::NAN)
        } else if threshold.to_f64().is_nan() {
            T::from_f64(f64::INFINITY)
        } else {
            (-threshold).next_down()
        };
        Numeric { sign: -T::ONE, threshold: turned }
    }

    /// Reads rows into groups of `L`: `columns[group][column][lane]`, behind the last row zeros.
    pub(super) fn read<T: Real, const L: usize>(
        &self,
        rows: ArrayView2<'_, f64>,
        into: &mut Vec<Lanes<T, L>>,
    ) {
        let n_groups = rows.nrows().div_ceil(L);
        into.clear();
        into.resize(n_groups * self.len(), Lanes::ZERO);
        for (index, column) in self.columns.iter().enumerate() {
            for (row, &x) in rows.column(column.feature).iter().enumerate() {
                let x = column.read(x, self.precision);
                into[row / L * self.len() + index].0[row % L] = T::from_f64(x);
            }
        }
    }
}

impl Column {
    fn read(&self, x: f64, precision: Precision) -> f64 {
        let x = match precision {
            Precision::F32 => f64::from(x as f32),
            Precision::F64 => x,
        };
        if x.is_nan() || (self.zero_is_missing && x.abs() <= ZERO) {
            return f64::NAN;
        }
        match &self.reading {
            Reading::Value => x,
            Reading::Rank(thresholds) => thresholds.partition_point(|&rank| rank < x) as f64,
            Reading::Category if x >= 0.0 && x < MOST_RANKS as f64 => x.trunc(),
            Reading::Category => -1.0,
        }
    }
}

/// Whether a value of a category's column passes: is in the set, or with `turned`, is not; NaN
/// never does.
#[inline]
pub(super) fn passes(set: CategorySet<'_>, turned: bool, x: f64) -> bool {
    !x.is_nan() && set.contains(x) != turned
}

fn key(tree: Tree<'_>, node: usize) -> (usize, bool, bool) {
    let category = matches!(tree.test(node), Test::Categories(_));
    (tree.feature(node), tree.zero_is_missing(node), category)
}

/// The largest double that goes left, NaN if none does.
fn last_passing(threshold: f64, comparison: Comparison) -> f64 {
    match comparison {
        Comparison::LessEqual => threshold,
        Comparison::Less if threshold == f64::NEG_INFINITY => f64::NAN,
        Comparison::Less => threshold.next_down(),
    }
}
