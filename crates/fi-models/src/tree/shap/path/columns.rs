//! What the tests of an ensemble read of a row: one column per feature and way of reading it.
//!
//! Every test becomes `x ≤ threshold`, which NaN fails. A split that sends missing values to the
//! side that passes is turned round, so that NaN is always on the side that fails: `x > t` is
//! `−x ≤ t′` on a column of its own. The
//! thresholds are chosen such that the comparison, in the precision of the column, says exactly
//! what the library's own comparison says.

use std::collections::BTreeMap;

use ndarray::ArrayView2;

use super::super::super::ensemble::Ensemble;
use super::super::super::split::{CategorySet, Comparison, MOST_CATEGORIES, Precision, ZERO};
use super::super::super::tree::{Test, Tree};
use super::lanes::{Lanes, Layout, Real};

/// Ranks beyond this cannot be told apart in single precision.
pub(super) const MOST_RANKS: usize = 1 << 24;

/// The columns of an ensemble.
#[derive(Debug)]
pub(super) struct Columns {
    list: Vec<Column>,
    index: BTreeMap<Key, usize>,
    precision: Precision,
    comparison: Comparison,
}

/// A feature, whether its zeros are missing, and how it is read.
type Key = (usize, bool, Way);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Number,
    /// With the sign changed, for splits that send missing values left.
    Negative,
    Category,
}

#[derive(Debug)]
struct Column {
    feature: usize,
    zero_is_missing: bool,
    way: Way,
    /// Where a number is replaced by how many of these ascending thresholds are below it.
    ranks: Option<Vec<f64>>,
}

/// A test of categories: a row passes if its category is in the set, or with `turned`, if it is
/// not; NaN never does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Categories<'a> {
    pub(super) column: usize,
    pub(super) set: CategorySet<'a>,
    pub(super) turned: bool,
}

impl Columns {
    /// The columns of all splits; with `ranks`, numbers are replaced by their ranks among the
    /// thresholds, so that single precision can tell doubles apart.
    pub(super) fn new(ensemble: &Ensemble, ranks: bool) -> Self {
        let mut thresholds: BTreeMap<Key, Vec<f64>> = BTreeMap::new();
        let comparison = ensemble.comparison();
        for (tree, node) in ensemble.splits() {
            let known = thresholds.entry(key(tree, node)).or_default();
            if let (true, Test::Threshold(threshold)) = (ranks, tree.test(node)) {
                known.push(last_passing(threshold, comparison));
            }
        }
        let (precision, index) = (ensemble.precision(), BTreeMap::new());
        let mut columns = Self { list: Vec::new(), index, precision, comparison };
        for (key, mut thresholds) in thresholds {
            let (feature, zero_is_missing, way) = key;
            thresholds.retain(|threshold| !threshold.is_nan());
            thresholds.sort_by(f64::total_cmp);
            thresholds.dedup_by(|a, b| a == b);
            let ranks = (ranks && way != Way::Category).then_some(thresholds);
            columns.index.insert(key, columns.list.len());
            columns.list.push(Column { feature, zero_is_missing, way, ranks });
        }
        columns
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// How many ranks the column with the most has.
    pub(super) fn most_ranks(&self) -> usize {
        self.list.iter().filter_map(|column| column.ranks.as_ref().map(Vec::len)).max().unwrap_or(0)
    }

    /// The column that a split reads.
    pub(super) fn of(&self, tree: Tree<'_>, node: usize) -> usize {
        self.index[&key(tree, node)]
    }

    /// The threshold that a number of the split's column must not be above to pass. Rows that
    /// pass go left, or those that go right do if missing values go left.
    pub(super) fn threshold<T: Real>(&self, tree: Tree<'_>, node: usize) -> T {
        let last = last_passing(tree.threshold(node), self.comparison);
        let threshold = match &self.list[self.of(tree, node)].ranks {
            Some(_) if last.is_nan() => T::from_f64(f64::NAN),
            Some(ranks) => T::from_f64(ranks.partition_point(|&rank| rank < last) as f64),
            None => T::below(last),
        };
        if !tree.missing_left(node) {
            return threshold;
        }
        // x > threshold, where nothing is above infinity, and everything above a threshold that
        // nothing passes.
        if threshold.to_f64() == f64::INFINITY {
            T::from_f64(f64::NAN)
        } else if threshold.to_f64().is_nan() {
            T::from_f64(f64::INFINITY)
        } else {
            (-threshold).next_down()
        }
    }

    /// Reads rows into groups of `L`, `columns[group][column][lane]`, behind the last row zeros.
    /// Each group has `spare` more columns.
    pub(super) fn read<T: Real, A: Layout, const L: usize>(
        &self,
        rows: ArrayView2<'_, f64>,
        spare: usize,
        into: &mut Vec<Lanes<T, A, L>>,
    ) {
        let stride = self.len() + spare;
        into.clear();
        into.resize(rows.nrows().div_ceil(L) * stride, Lanes::ZERO);
        for (group, into) in into.chunks_exact_mut(stride.max(1)).enumerate() {
            for lane in 0..L.min(rows.nrows() - group * L) {
                let row = rows.row(group * L + lane);
                for (column, into) in self.list.iter().zip(&mut *into) {
                    into.0[lane] = T::from_f64(column.read(row[column.feature], self.precision));
                }
            }
        }
    }
}

impl Column {
    #[inline]
    fn read(&self, x: f64, precision: Precision) -> f64 {
        let x = match precision {
            Precision::F32 => f64::from(x as f32),
            Precision::F64 => x,
        };
        if x.is_nan() || (self.zero_is_missing && x.abs() <= ZERO) {
            return f64::NAN;
        }
        let rank = |x: f64| match &self.ranks {
            Some(ranks) => ranks.partition_point(|&rank| rank < x) as f64,
            None => x,
        };
        match self.way {
            Way::Number => rank(x),
            Way::Negative => -rank(x),
            Way::Category if x >= 0.0 && x < f64::from(MOST_CATEGORIES) => x.trunc(),
            Way::Category => -1.0,
        }
    }
}

impl Categories<'_> {
    /// The test as one of numbers: 0 for rows that pass, which are not above [`HALF`], else 1.
    pub(super) fn ask<T: Real, A: Layout, const L: usize>(
        &self,
        column: Lanes<T, A, L>,
    ) -> Lanes<T, A, L> {
        column.map(|x| {
            let x = x.to_f64();
            let passes = !x.is_nan() && self.set.contains(x) != self.turned;
            if passes { T::ZERO } else { T::ONE }
        })
    }
}

/// The threshold of tests of categories.
pub(super) const HALF: f64 = 0.5;

fn key(tree: Tree<'_>, node: usize) -> Key {
    let way = match tree.test(node) {
        Test::Categories(_) => Way::Category,
        Test::Threshold(_) if tree.missing_left(node) => Way::Negative,
        Test::Threshold(_) => Way::Number,
    };
    (tree.feature(node), tree.zero_is_missing(node), way)
}

/// The largest double that goes left, NaN if none does.
fn last_passing(threshold: f64, comparison: Comparison) -> f64 {
    match comparison {
        Comparison::LessEqual => threshold,
        Comparison::Less if threshold == f64::NEG_INFINITY => f64::NAN,
        Comparison::Less => threshold.next_down(),
    }
}
