//! A data set the way the split finder reads it: ranks instead of numbers, column by column.
//!
//! Where a split may lie depends on the order of a feature's values only, so each column is
//! sorted once and every value replaced by its rank among the column's different values (or
//! among its bins). A strictly increasing change of a feature then changes nothing but the
//! thresholds. Missing values have the rank behind the last.

use fi_core::{Dataset, Error, Result, Target};

/// A checked data set in ranks. Shared by all trees of a forest.
pub(super) struct Table {
    pub(super) n_rows: usize,
    pub(super) n_features: usize,
    /// `n_features × n_rows`, column by column.
    ranks: Vec<u32>,
    columns: Vec<Column>,
    pub(super) target: Target,
    pub(super) weights: Vec<f64>,
}

/// What the ranks of a column stand for.
#[derive(Clone)]
pub(super) struct Column {
    /// The smallest value of each rank, ascending.
    lowest: Vec<f64>,
    /// The largest value of each rank; empty if every rank is one value.
    highest: Vec<f64>,
    pub(super) categorical: bool,
    pub(super) has_missing: bool,
}

impl Column {
    /// How many ranks there are, and the rank of missing values.
    pub(super) fn n_ranks(&self) -> usize {
        self.lowest.len()
    }

    /// The value of a rank; the smallest if it is a bin.
    pub(super) fn value(&self, rank: usize) -> f64 {
        self.lowest[rank]
    }

    fn highest(&self, rank: usize) -> f64 {
        self.highest.get(rank).copied().unwrap_or(self.lowest[rank])
    }

    /// The threshold between two ranks: half-way, or the lower value where rounding would
    /// reach the upper one. Between the last rank and missing values: above all numbers.
    pub(super) fn threshold(&self, low: usize, high: usize) -> f64 {
        if high >= self.n_ranks() {
            return f64::MAX;
        }
        let (low, high) = (self.highest(low), self.lowest[high]);
        // Halves first: the sum could overflow.
        let middle = low / 2.0 + high / 2.0;
        if low <= middle && middle < high { middle } else { low }
    }

    /// The last rank, from `low` on and before `high`, that a threshold sends left; and the
    /// threshold, raised to the end of a bin.
    pub(super) fn cut(&self, low: usize, high: usize, threshold: f64) -> (usize, f64) {
        let after = self.lowest[low..high].partition_point(|&value| value <= threshold);
        let last = low + after.max(1) - 1;
        (last, threshold.max(self.highest(last)))
    }
}

impl Table {
    /// Sorts each column of `data`, and joins neighbouring values into `max_bins` bins if a
    /// column has more.
    pub(super) fn new(data: &Dataset, max_bins: Option<usize>) -> Result<Self> {
        let (n_rows, n_features) = data.rows().dim();
        // One number less than there could be: missing values need a rank of their own.
        if n_rows >= u32::MAX as usize {
            return Err(Error::Data(format!(
                "the table has {n_rows} rows, a tree can be trained on {} at most",
                u32::MAX - 1
            )));
        }
        let weights = data.weights().map_or_else(|| vec![1.0; n_rows], <[f64]>::to_vec);
        let mut ranks = vec![0; n_rows * n_features];
        let mut columns = Vec::with_capacity(n_features);
        let mut order: Vec<(u64, u32)> = Vec::with_capacity(n_rows);
        for (feature, (values, ranks)) in
            data.rows().columns().into_iter().zip(ranks.chunks_exact_mut(n_rows)).enumerate()
        {
            order.clear();
            let present = values.iter().enumerate().filter(|(_, x)| !x.is_nan());
            order.extend(present.map(|(row, &x)| (sortable(x), row as u32)));
            order.sort_unstable();
            let mut lowest: Vec<f64> = Vec::new();
            let mut last = None;
            for &(key, row) in &order {
                if last != Some(key) {
                    // Adding 0 turns −0 into 0.
                    lowest.push(values[row as usize] + 0.0);
                    last = Some(key);
                }
                ranks[row as usize] = lowest.len() as u32 - 1;
            }
            let categorical = data.categorical().binary_search(&feature).is_ok();
            let has_missing = order.len() < n_rows;
            let mut column = Column { lowest, highest: Vec::new(), categorical, has_missing };
            if let Some(max_bins) = max_bins
                && !categorical
                && column.n_ranks() > max_bins
            {
                column.join(max_bins, &order, ranks, &weights);
            }
            if has_missing {
                let missing = column.n_ranks() as u32;
                let rows = ranks.iter_mut().zip(values).filter(|(_, x)| x.is_nan());
                rows.for_each(|(rank, _)| *rank = missing);
            }
            columns.push(column);
        }
        let target = data.target().clone();
        Ok(Self { n_rows, n_features, ranks, columns, target, weights })
    }

    /// The same table with a copy of every column behind it, whose row `i` has the values of
    /// row `donors[i]`.
    pub(super) fn with_shadows(mut self, donors: &[usize]) -> Self {
        let mut shadows = Vec::with_capacity(self.ranks.len());
        for feature in 0..self.n_features {
            let ranks = self.ranks(feature);
            shadows.extend(donors.iter().map(|&donor| ranks[donor]));
        }
        self.ranks.extend(shadows);
        self.columns.extend_from_within(..);
        self.n_features *= 2;
        self
    }

    /// The rank of each row's value in a column.
    pub(super) fn ranks(&self, feature: usize) -> &[u32] {
        &self.ranks[feature * self.n_rows..(feature + 1) * self.n_rows]
    }

    /// All columns, one behind the other.
    pub(super) fn all_ranks(&self) -> &[u32] {
        &self.ranks
    }

    pub(super) fn column(&self, feature: usize) -> &Column {
        &self.columns[feature]
    }

    /// How many numbers a node predicts: one per class, or the mean.
    pub(super) fn n_outputs(&self) -> usize {
        self.target.n_classes().unwrap_or(1)
    }

    /// The rows that have a weight; there is always one.
    pub(super) fn weighted_rows(&self) -> Vec<u32> {
        (0..self.n_rows as u32).filter(|&row| self.weights[row as usize] > 0.0).collect()
    }
}

impl Column {
    /// Joins neighbouring ranks so that the bins hold about the same weight of rows.
    fn join(&mut self, max_bins: usize, order: &[(u64, u32)], ranks: &mut [u32], weights: &[f64]) {
        let mut heights = vec![0.0; self.n_ranks()];
        for &(_, row) in order {
            heights[ranks[row as usize] as usize] += weights[row as usize];
        }
        let mut left: f64 = heights.iter().sum();
        let mut bins_left = max_bins as f64;
        let (mut filled, mut bin_of) = (0.0, Vec::with_capacity(heights.len()));
        let (mut lowest, mut highest) = (vec![self.lowest[0]], Vec::new());
        for (rank, &height) in heights.iter().enumerate() {
            // A new bin where half of this value would overfill the old one.
            let share = left / bins_left;
            if rank > 0 && filled > 0.0 && filled + height / 2.0 > share && bins_left > 1.0 {
                left -= filled;
                bins_left -= 1.0;
                filled = 0.0;
                highest.push(self.lowest[rank - 1]);
                lowest.push(self.lowest[rank]);
            }
            filled += height;
            bin_of.push(lowest.len() as u32 - 1);
        }
        highest.push(self.lowest[self.n_ranks() - 1]);
        for &(_, row) in order {
            let rank = &mut ranks[row as usize];
            *rank = bin_of[*rank as usize];
        }
        (self.lowest, self.highest) = (lowest, highest);
    }
}

/// An integer that sorts as the number does, −0 with 0.
fn sortable(x: f64) -> u64 {
    let bits = (x + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    fn table(rows: Array2<f64>, max_bins: Option<usize>) -> Table {
        let target = Target::Values(vec![0.0; rows.nrows()]);
        Table::new(&Dataset::new(rows, target).unwrap(), max_bins).unwrap()
    }

    #[test]
    fn equal_values_share_a_rank_and_thresholds_lie_between() {
        let next = f64::from_bits(1.0_f64.to_bits() + 1);
        let rows = array![[0.0, 1.0], [3.0, next], [-0.0, f64::MAX], [1.0, -f64::MAX]];
        let table = table(rows, None);
        assert_eq!(table.ranks(0), [0, 2, 0, 1]);
        assert_eq!(table.column(0).threshold(0, 2), 1.5);
        assert_eq!(table.column(1).threshold(1, 2), 1.0);
        assert_eq!(table.column(1).threshold(0, 3), 0.0);
    }

    #[test]
    fn a_missing_value_has_the_last_rank() {
        let table = table(array![[0.0, 1.0], [5.0, f64::NAN], [-1.0, 1.0]], None);
        assert_eq!(table.ranks(0), [1, 2, 0]);
        assert_eq!(table.ranks(1), [0, 1, 0]);
        assert!(table.column(1).has_missing && !table.column(0).has_missing);
        assert_eq!(table.column(1).threshold(0, 1), f64::MAX);
    }

    #[test]
    fn bins_hold_about_as_many_rows_and_thresholds_lie_between_them() {
        let rows = Array2::from_shape_fn((100, 1), |(i, _)| ((i * 37) % 100) as f64);
        let table = table(rows, Some(4));
        let mut counts = [0; 4];
        table.ranks(0).iter().for_each(|&rank| counts[rank as usize] += 1);
        assert_eq!(counts, [25; 4]);
        assert_eq!(table.column(0).threshold(0, 1), 24.5);
        assert_eq!(table.column(0).cut(0, 3, 30.0), (1, 49.0));
        // A value that most rows have is a bin of its own.
        let rows = Array2::from_shape_fn((100, 1), |(i, _)| if i < 90 { 5.0 } else { i as f64 });
        let table = self::table(rows, Some(3));
        assert_eq!(table.column(0).n_ranks(), 3);
        assert!(table.ranks(0)[..90].iter().all(|&rank| rank == 0));
        assert!(table.ranks(0)[90..].iter().all(|&rank| rank > 0));
    }

    #[test]
    fn numbers_sort_as_their_keys() {
        let xs = [-f64::MAX, -1.0, -f64::MIN_POSITIVE, 0.0, 1e-300, 2.0, f64::MAX];
        assert!(xs.windows(2).all(|pair| sortable(pair[0]) < sortable(pair[1])));
        assert_eq!(sortable(-0.0), sortable(0.0));
    }
}
