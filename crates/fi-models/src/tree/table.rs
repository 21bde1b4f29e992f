//! A data set the way the split finder reads it: ranks instead of numbers, column by column.
//!
//! Where a split may lie depends on the order of a feature's values only, so each column is
//! sorted once and every value replaced by its rank among the column's different values. Nodes
//! then sort small integers, and a strictly increasing change of a feature changes nothing but
//! the thresholds.

use fi_core::{Dataset, Error, Result, Target};

/// A checked data set in ranks. Shared by all trees of a forest.
pub(super) struct Table {
    pub(super) n_rows: usize,
    pub(super) n_features: usize,
    /// `n_features × n_rows`, column by column.
    ranks: Vec<u32>,
    /// Each column's different values, ascending.
    distinct: Vec<Vec<f64>>,
    pub(super) target: Target,
    pub(super) weights: Vec<f64>,
}

impl Table {
    /// Sorts each column of `data`.
    pub(super) fn new(data: &Dataset) -> Result<Self> {
        let (n_rows, n_features) = data.rows().dim();
        if u32::try_from(n_rows).is_err() {
            return Err(Error::Data(format!(
                "the table has {n_rows} rows, a tree can be trained on {} at most",
                u32::MAX
            )));
        }
        let mut ranks = vec![0; n_rows * n_features];
        let mut distinct = Vec::with_capacity(n_features);
        let mut order: Vec<u32> = (0..n_rows as u32).collect();
        for (feature, (column, ranks)) in
            data.rows().columns().into_iter().zip(ranks.chunks_exact_mut(n_rows)).enumerate()
        {
            if let Some(row) = column.iter().position(|x| x.is_nan()) {
                return Err(Error::Data(format!(
                    "row {row} has no value in column `{}`, fill or drop missing values before \
                     training a tree",
                    data.feature_names()[feature]
                )));
            }
            // Adding 0 turns −0 into 0: one value, one rank.
            let column: Vec<f64> = column.iter().map(|x| x + 0.0).collect();
            order.sort_unstable_by(|&a, &b| column[a as usize].total_cmp(&column[b as usize]));
            let mut values: Vec<f64> = Vec::new();
            for &row in &order {
                let x = column[row as usize];
                if values.last().is_none_or(|&last| last < x) {
                    values.push(x);
                }
                ranks[row as usize] = values.len() as u32 - 1;
            }
            distinct.push(values);
        }
        let weights = data.weights().map_or_else(|| vec![1.0; n_rows], <[f64]>::to_vec);
        Ok(Self { n_rows, n_features, ranks, distinct, target: data.target().clone(), weights })
    }

    /// The rank of each row's value in a column.
    pub(super) fn ranks(&self, feature: usize) -> &[u32] {
        &self.ranks[feature * self.n_rows..(feature + 1) * self.n_rows]
    }

    /// How many numbers a node predicts: one per class, or the mean.
    pub(super) fn n_outputs(&self) -> usize {
        self.target.n_classes().unwrap_or(1)
    }

    /// The rows that have a weight; there is always one.
    pub(super) fn weighted_rows(&self) -> Vec<u32> {
        (0..self.n_rows as u32).filter(|&row| self.weights[row as usize] > 0.0).collect()
    }

    /// The threshold between two ranks: half-way, or the lower value where rounding would
    /// reach the upper one.
    pub(super) fn threshold(&self, feature: usize, low: u32, high: u32) -> f64 {
        let (low, high) =
            (self.distinct[feature][low as usize], self.distinct[feature][high as usize]);
        // Halves first: the sum could overflow.
        let middle = low / 2.0 + high / 2.0;
        if low <= middle && middle < high { middle } else { low }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn equal_values_share_a_rank_and_thresholds_lie_between() {
        let next = f64::from_bits(1.0_f64.to_bits() + 1);
        let rows = array![[0.0, 1.0], [3.0, next], [-0.0, f64::MAX], [1.0, -f64::MAX]];
        let table = Table::new(&Dataset::new(rows, Target::Values(vec![0.0; 4])).unwrap()).unwrap();
        assert_eq!(table.ranks(0), [0, 2, 0, 1]);
        assert_eq!(table.threshold(0, 0, 2), 1.5);
        assert_eq!(table.threshold(1, 1, 2), 1.0);
        assert_eq!(table.threshold(1, 0, 3), 0.0);
    }

    #[test]
    fn a_missing_value_is_refused_by_name() {
        let rows = array![[0.0, 1.0], [0.0, f64::NAN]];
        let data = Dataset::new(rows, Target::Values(vec![0.0; 2])).unwrap();
        let error = Table::new(&data).err().unwrap().to_string();
        assert_eq!(
            error,
            "row 1 has no value in column `x1`, fill or drop missing values before training a tree"
        );
    }
}
