//! Features in bins: one byte instead of a number.
//!
//! A feature with at most `max_bins` different values gets a bin for each; one with more gets
//! bins of about equal weight, in which a value that fills a bin alone has it alone. One more bin
//! holds the missing values. Codes lie twice in memory: column by column for dividing rows by one
//! feature, and row by row in blocks of a few features for filling histograms.

use fi_core::{Dataset, Result, Run};
use ndarray::ArrayView1;

/// So many bins at most, so that a code with the missing bin fits in a byte.
pub(super) const MOST_BINS: usize = 255;

/// So many features share a block: their histograms stay in the first-level cache together.
pub(super) const BLOCK: usize = 8;

/// How one feature becomes codes. Code `n_bins` is the missing one.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Bins {
    /// Bin `b` holds what is above threshold `b − 1` and not above threshold `b`.
    Numeric(Vec<f64>),
    /// Bin `b` holds this category; ascending. Other categories are as good as missing.
    Categories(Vec<u32>),
}

impl Bins {
    pub(super) fn n_bins(&self) -> usize {
        match self {
            Self::Numeric(thresholds) => thresholds.len() + 1,
            Self::Categories(categories) => categories.len(),
        }
    }

    fn code(&self, x: f64) -> u8 {
        let code = match self {
            _ if x.is_nan() => self.n_bins(),
            Self::Numeric(thresholds) => thresholds.partition_point(|&t| t < x),
            // Columns of training rows hold categories only; others in validation rows are as
            // good as missing.
            Self::Categories(categories) => {
                let known = categories.binary_search_by(|&c| f64::from(c).total_cmp(&x));
                known.unwrap_or(categories.len())
            }
        };
        code as u8
    }
}

/// A few neighbouring features, row by row.
pub(super) struct Block {
    /// The block's first feature.
    pub(super) first: usize,
    /// How many it has: 1 to [`BLOCK`].
    pub(super) width: usize,
    /// `n_rows × width`.
    pub(super) codes: Vec<u8>,
}

/// A table in codes.
pub(super) struct Table {
    pub(super) n_rows: usize,
    pub(super) bins: Vec<Bins>,
    /// `n_features × n_rows`.
    columns: Vec<u8>,
    /// Whether a feature has missing values.
    pub(super) has_missing: Vec<bool>,
    pub(super) blocks: Vec<Block>,
}

impl Table {
    /// Chooses the bins of every feature and puts the rows into them.
    ///
    /// `weights` are those that a value has in filling a bin; 1 each if `None`.
    pub(super) fn new(
        run: &Run<'_>,
        data: &Dataset,
        weights: Option<&[f64]>,
        max_bins: usize,
        categorical: &[bool],
    ) -> Result<Self> {
        let rows = data.rows();
        let bins = run.map(data.n_features(), |feature, _| {
            let column = rows.column(feature);
            let distinct = distinct(column, weights);
            Ok(if categorical[feature] {
                categories(distinct, max_bins)
            } else {
                Bins::Numeric(thresholds(&distinct, max_bins))
            })
        })?;
        let mut table = Self {
            n_rows: data.n_rows(),
            columns: codes(run, data, &bins)?,
            has_missing: Vec::new(),
            blocks: Vec::new(),
            bins,
        };
        let missing = |feature: usize| {
            let code = table.bins[feature].n_bins() as u8;
            table.column(feature).contains(&code)
        };
        table.has_missing = (0..table.bins.len()).map(missing).collect();
        table.blocks = table.blocks();
        Ok(table)
    }

    /// The codes of one feature, row by row.
    pub(super) fn column(&self, feature: usize) -> &[u8] {
        &self.columns[feature * self.n_rows..(feature + 1) * self.n_rows]
    }

    fn blocks(&self) -> Vec<Block> {
        let n_features = self.bins.len();
        let n_blocks = n_features.div_ceil(BLOCK);
        let start = |block: usize| block * n_features / n_blocks;
        let block = |index: usize| {
            let (first, end) = (start(index), start(index + 1));
            let width = end - first;
            let mut codes = vec![0; self.n_rows * width];
            for feature in first..end {
                let places = codes[feature - first..].iter_mut().step_by(width);
                places.zip(self.column(feature)).for_each(|(place, &code)| *place = code);
            }
            Block { first, width, codes }
        };
        (0..n_blocks).map(block).collect()
    }
}

/// The codes `n_features × n_rows` of a table in these bins.
pub(super) fn codes(run: &Run<'_>, data: &Dataset, bins: &[Bins]) -> Result<Vec<u8>> {
    let rows = data.rows();
    let mut codes = vec![0; rows.len()];
    run.for_chunks(&mut codes, data.n_rows(), |feature, _, codes| {
        let column = rows.column(feature);
        codes.iter_mut().zip(column).for_each(|(code, &x)| *code = bins[feature].code(x));
        Ok(())
    })?;
    Ok(codes)
}

/// The different values of a column, ascending, and the summed weight of each.
fn distinct(column: ArrayView1<'_, f64>, weights: Option<&[f64]>) -> Vec<(f64, f64)> {
    let mut distinct: Vec<(f64, f64)> = Vec::new();
    let mut add = |x: f64, weight: f64| match distinct.last_mut() {
        Some((last, sum)) if *last == x => *sum += weight,
        _ => distinct.push((x, weight)),
    };
    match weights {
        None => {
            let mut values: Vec<f64> = column.iter().copied().filter(|x| !x.is_nan()).collect();
            values.sort_unstable_by(f64::total_cmp);
            for x in values {
                add(x, 1.0);
            }
        }
        Some(weights) => {
            let pairs = column.iter().copied().zip(weights.iter().copied());
            let mut pairs: Vec<(f64, f64)> = pairs.filter(|(x, _)| !x.is_nan()).collect();
            // Stable: the sums run in the order of the rows.
            pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
            for (x, weight) in pairs {
                add(x, weight);
            }
        }
    }
    distinct
}

/// The `max_bins` heaviest categories, of equally heavy ones the lowest.
fn categories(mut distinct: Vec<(f64, f64)>, max_bins: usize) -> Bins {
    distinct.sort_by(|a, b| b.1.total_cmp(&a.1));
    distinct.truncate(max_bins);
    let mut categories: Vec<u32> = distinct.into_iter().map(|(x, _)| x as u32).collect();
    categories.sort_unstable();
    Bins::Categories(categories)
}

/// The thresholds between the bins, as LightGBM's `GreedyFindBin` chooses them.
fn thresholds(distinct: &[(f64, f64)], max_bins: usize) -> Vec<f64> {
    let between = |low: usize| halfway(distinct[low].0, distinct[low + 1].0);
    let last = distinct.len().saturating_sub(1);
    if distinct.len() <= max_bins {
        return (0..last).map(between).collect();
    }
    let total: f64 = distinct.iter().map(|(_, weight)| weight).sum();
    let mean = total / max_bins as f64;
    let big = |index: usize| distinct[index].1 >= mean;
    let bigs = (0..distinct.len()).filter(|&index| big(index));
    let (n_big, big_weight) =
        bigs.fold((0, 0.0), |(n, sum), index| (n + 1, sum + distinct[index].1));
    let mut rest_bins = max_bins.saturating_sub(n_big);
    let mut rest = total - big_weight;
    let mut mean = rest / rest_bins.max(1) as f64;
    let mut thresholds = Vec::with_capacity(max_bins - 1);
    let mut filled = 0.0;
    for (index, &(_, weight)) in distinct[..last].iter().enumerate() {
        if !big(index) {
            rest -= weight;
        }
        filled += weight;
        if big(index) || filled >= mean || (big(index + 1) && filled >= 0.5 * mean) {
            thresholds.push(between(index));
            if thresholds.len() == max_bins - 1 {
                break;
            }
            filled = 0.0;
            if !big(index) {
                rest_bins = rest_bins.saturating_sub(1);
                mean = rest / rest_bins.max(1) as f64;
            }
        }
    }
    thresholds
}

/// Half-way between two values, or the lower one where rounding would reach the upper one.
fn halfway(low: f64, high: f64) -> f64 {
    // Halves first: the sum could overflow.
    let middle = low / 2.0 + high / 2.0;
    if low <= middle && middle < high { middle } else { low }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fi_core::Target;
    use ndarray::{Array2, array};

    fn table(column: &[f64], max_bins: usize, categorical: bool) -> Result<Table> {
        let rows = Array2::from_shape_vec((column.len(), 1), column.to_vec()).unwrap();
        let data = Dataset::new(rows, Target::Values(vec![0.0; column.len()]))?;
        Table::new(&Run::new(0), &data, None, max_bins, &[categorical])
    }

    #[test]
    fn few_values_get_a_bin_each_and_missing_ones_the_last() {
        let table = table(&[3.0, f64::NAN, -0.0, 1.0, 0.0, 1.0], 4, false).unwrap();
        assert_eq!(table.bins[0], Bins::Numeric(vec![0.5, 2.0]));
        assert_eq!(table.column(0), [2, 3, 0, 1, 0, 1]);
        assert_eq!(table.has_missing, [true]);
        // Rounding must not put the upper value into the lower bin.
        let next = f64::from_bits(1.0_f64.to_bits() + 1);
        assert_eq!(halfway(1.0, next), 1.0);
        assert_eq!(halfway(-f64::MAX, f64::MAX), 0.0);
    }

    #[test]
    fn many_values_get_bins_of_equal_weight() {
        let column: Vec<f64> = (0..1000).map(f64::from).collect();
        let even = table(&column, 10, false).unwrap();
        assert_eq!(even.bins[0].n_bins(), 10);
        let mut counts = [0; 10];
        even.column(0).iter().for_each(|&code| counts[usize::from(code)] += 1);
        assert_eq!(counts, [100; 10]);
        // A value that half of the rows have gets a bin alone.
        let heavy: Vec<f64> = column.iter().map(|&x| if x < 500.0 { 100.5 } else { x }).collect();
        let heavy = table(&heavy, 5, false).unwrap();
        assert_eq!(heavy.column(0)[..500], [0; 500]);
        assert!(heavy.column(0)[500..].iter().all(|&code| code > 0));
        assert_eq!(heavy.bins[0].n_bins(), 5);
    }

    #[test]
    fn categories_beyond_the_bins_are_as_good_as_missing() {
        let table = table(&[7.0, 7.0, 2.0, 2.0, 9.0, f64::NAN], 2, true).unwrap();
        assert_eq!(table.bins[0], Bins::Categories(vec![2, 7]));
        assert_eq!(table.column(0), [1, 1, 0, 0, 2, 2]);
        let codes = [7.5, -1.0, 1e300].map(|x| table.bins[0].code(x));
        assert_eq!(codes, [2, 2, 2]);
    }

    #[test]
    fn blocks_hold_the_columns_row_by_row() {
        let rows = Array2::from_shape_fn((4, 11), |(i, j)| ((i * 7 + j * 5) % 4) as f64);
        let data = Dataset::new(rows, Target::Values(vec![0.0; 4])).unwrap();
        let table = Table::new(&Run::new(0), &data, None, 255, &[false; 11]).unwrap();
        assert_eq!(table.blocks.iter().map(|block| block.width).collect::<Vec<_>>(), [5, 6]);
        for block in &table.blocks {
            for (place, &code) in block.codes.iter().enumerate() {
                let (row, feature) = (place / block.width, block.first + place % block.width);
                assert_eq!(code, table.column(feature)[row]);
            }
        }
        let empty = Dataset::new(array![[f64::NAN]], Target::Values(vec![0.0])).unwrap();
        let table = Table::new(&Run::new(0), &empty, None, 255, &[false]).unwrap();
        assert_eq!((table.bins[0].n_bins(), table.column(0)), (1, &[1][..]));
    }
}
