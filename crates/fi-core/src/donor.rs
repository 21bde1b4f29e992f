//! Which row gives its values to which: a random permutation of the rows, computed row by row.
//!
//! A shuffle needs the whole table at hand. A keyed bijection needs only the row, the number of
//! rows and the key, so that blocks, threads and machines that each see a part of the table
//! all draw the same permutation.

use std::ops::Range;

use crate::folds::numbered;
use crate::rng::mix;

/// Few rows need more rounds until every order is equally likely: there are fewer numbers to mix.
const ROUNDS_OF_FEW: usize = 24;
const FEW: u64 = 256;
const ROUNDS_OF_MANY: usize = 12;
/// So many rows go through the rounds side by side: each waits for its own round before, and a
/// processor has time for others.
const SIDE_BY_SIDE: usize = 8;

/// A permutation of `0..n_rows`, drawn by a key.
///
/// A Feistel network on pairs `(l, r)` of `0..a × 0..b`, where `a` is the first even number
/// that is not below `√n` and `b = ⌈n / a⌉`:
///
/// ```text
/// row = l·b + r
/// odd rounds:   l ← l + F(keyₖ, r)  mod a
/// even rounds:  r ← r + F(keyₖ, l)  mod b
/// ```
///
/// with `F` the SplitMix64 finaliser. As `a·b` may exceed `n`, a pair that falls outside walks on
/// until it is inside (cycle walking), which keeps it a bijection of `0..n`. (With `a` and `b` odd
/// every round would be an even permutation, and half of all orders of `n = a·b` rows unreachable.)
///
/// # Cost
///
/// Some 50 ns a row, less for rows that are asked for together, and no memory; `a·b < n + a`, so
/// walks are rare.
///
/// # Example
///
/// ```
/// use fi_core::Donors;
///
/// let donors = Donors::new(5, 42);
/// let mut drawn: Vec<usize> = (0..5).map(|row| donors.of(row)).collect();
/// drawn.sort_unstable();
/// assert_eq!(drawn, [0, 1, 2, 3, 4]);
/// ```
///
/// # References
///
/// - Black, Rogaway (2002). *Ciphers with arbitrary finite domains.* CT-RSA.
///   <https://doi.org/10.1007/3-540-45760-7_9>
#[derive(Debug, Clone)]
pub struct Donors {
    n_rows: u64,
    a: u64,
    b: u64,
    keys: Vec<u64>,
}

impl Donors {
    /// The permutation of `0..n_rows` that belongs to `key`.
    pub fn new(n_rows: usize, key: u64) -> Self {
        let n_rows = (n_rows as u64).max(1);
        let root = n_rows.isqrt();
        let a = (root + u64::from(root * root < n_rows)).next_multiple_of(2);
        let n_rounds = if n_rows < FEW { ROUNDS_OF_FEW } else { ROUNDS_OF_MANY };
        let keys = (0..n_rounds as u64).map(|round| mix(key, round)).collect();
        Self { n_rows, a, b: n_rows.div_ceil(a), keys }
    }

    /// The row that gives its values to `row`.
    ///
    /// # Panics
    ///
    /// If `row` is out of range.
    pub fn of(&self, row: usize) -> usize {
        let code = row as u64;
        assert!(code < self.n_rows, "row {row} of {}", self.n_rows);
        let [code] = self.round_trip([code]);
        self.walk(code)
    }

    /// The donors of these rows, in row order; faster than one by one.
    ///
    /// # Panics
    ///
    /// If a row is out of range.
    pub(crate) fn of_rows(&self, rows: Range<usize>) -> Vec<usize> {
        assert!(rows.end as u64 <= self.n_rows, "row {} of {}", rows.end, self.n_rows);
        let mut donors = Vec::with_capacity(rows.len().next_multiple_of(SIDE_BY_SIDE));
        for first in rows.clone().step_by(SIDE_BY_SIDE) {
            // Places behind the last row go through the rounds for nothing.
            let codes = self.round_trip(std::array::from_fn::<_, SIDE_BY_SIDE, _>(|lane| {
                (first + lane).min(rows.end - 1) as u64
            }));
            donors.extend(codes.map(|code| self.walk(code)));
        }
        donors.truncate(rows.len());
        donors
    }

    /// The donor of every row, in row order.
    pub(crate) fn all(&self) -> Vec<usize> {
        self.of_rows(0..self.n_rows as usize)
    }

    /// Where a pair that has gone through the rounds once comes to.
    fn walk(&self, mut code: u64) -> usize {
        while code >= self.n_rows {
            [code] = self.round_trip([code]);
        }
        code as usize
    }

    fn round_trip<const N: usize>(&self, codes: [u64; N]) -> [u64; N] {
        let (mut l, mut r) = (codes.map(|code| code / self.b), codes.map(|code| code % self.b));
        for keys in self.keys.chunks_exact(2) {
            for (l, r) in l.iter_mut().zip(&r) {
                *l = add(*l, scaled(mix(keys[0], *r), self.a), self.a);
            }
            for (l, r) in l.iter().zip(&mut r) {
                *r = add(*r, scaled(mix(keys[1], *l), self.b), self.b);
            }
        }
        std::array::from_fn(|lane| l[lane] * self.b + r[lane])
    }
}

/// Rows in cells, within which values are exchanged.
#[derive(Debug)]
pub(crate) struct Cells {
    /// The cell of each row, from 0, and the rows of each cell.
    of_row: Vec<usize>,
    rows: Vec<Vec<usize>>,
}

impl Cells {
    /// The cells that bear these names.
    pub(crate) fn new(names: &[usize]) -> Self {
        let (of_row, sizes) = numbered(names);
        let mut rows: Vec<Vec<usize>> = sizes.into_iter().map(Vec::with_capacity).collect();
        of_row.iter().enumerate().for_each(|(row, &cell)| rows[cell].push(row));
        Self { of_row, rows }
    }

    /// The cell of each row, from 0 without gaps.
    pub(crate) fn of_row(&self) -> &[usize] {
        &self.of_row
    }

    /// How many rows are alone in their cell: they can only give their values to themselves.
    pub(crate) fn n_alone(&self) -> usize {
        self.rows.iter().filter(|rows| rows.len() == 1).count()
    }

    /// The donor of every row: a permutation within each cell, drawn by `key`.
    pub(crate) fn donors(&self, key: u64) -> Vec<usize> {
        let mut donors = vec![0; self.of_row.len()];
        for (cell, rows) in self.rows.iter().enumerate() {
            let within = Donors::new(rows.len(), mix(key, cell as u64));
            rows.iter().zip(within.all()).for_each(|(&row, donor)| donors[row] = rows[donor]);
        }
        donors
    }
}

/// `(x + y) mod n` for `x, y < n`.
fn add(x: u64, y: u64, n: u64) -> u64 {
    let sum = x + y;
    if sum >= n { sum - n } else { sum }
}

/// 64 random bits as a number below `n`.
fn scaled(bits: u64, n: u64) -> u64 {
    ((u128::from(bits) * u128::from(n)) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const N_KEYS: usize = 30_000;

    /// Pearson's χ² of equal expectations, as standard deviations from its own mean.
    fn excess(counts: &[f64], degrees_of_freedom: f64) -> f64 {
        let expected = counts.iter().sum::<f64>() / counts.len() as f64;
        let chi2: f64 = counts.iter().map(|c| (c - expected).powi(2) / expected).sum();
        (chi2 - degrees_of_freedom) / (2.0 * degrees_of_freedom).sqrt()
    }

    #[test]
    fn one_row_gives_to_itself() {
        assert!((0..100).all(|key| Donors::new(1, key).of(0) == 0));
    }

    #[test]
    fn every_row_is_as_likely_a_donor_as_any_other() {
        for n in [2, 3, 4, 7, 16, 100] {
            let mut counts = vec![0.0; n * n];
            for key in 0..N_KEYS {
                let donors = Donors::new(n, mix(5, key as u64));
                (0..n).for_each(|row| counts[row * n + donors.of(row)] += 1.0);
            }
            // Rows and columns of the table have fixed sums.
            let freedom = ((n - 1) * (n - 1)) as f64;
            // Under the null, χ² of a doubly constrained table is scaled by n / (n − 1).
            let scale = (n - 1) as f64 / n as f64;
            let expected = N_KEYS as f64 / n as f64;
            let chi2: f64 = counts.iter().map(|c| (c - expected).powi(2) / expected).sum();
            let z = (chi2 * scale - freedom) / (2.0 * freedom).sqrt();
            assert!(z.abs() < 4.5, "n = {n}: {z}");
        }
    }

    #[test]
    fn every_permutation_of_few_rows_is_equally_likely() {
        for (n, n_permutations) in [(2, 2), (3, 6), (4, 24), (5, 120), (6, 720), (7, 5040)] {
            let mut seen = std::collections::BTreeMap::<Vec<usize>, f64>::new();
            for key in 0..N_KEYS {
                *seen.entry(Donors::new(n, mix(6, key as u64)).all()).or_default() += 1.0;
            }
            let mut counts: Vec<f64> = seen.into_values().collect();
            assert!(counts.len() <= n_permutations, "n = {n}");
            counts.resize(n_permutations, 0.0);
            let z = excess(&counts, (n_permutations - 1) as f64);
            assert!(z < 4.5, "n = {n}: {z}");
        }
    }

    #[test]
    fn fixed_points_and_inversions_are_those_of_random_permutations() {
        // One fixed point on average, with variance 1; half of all pairs are inverted.
        for n in [7, 50, 100] {
            let (mut fixed, mut square, mut inverted) = (0.0, 0.0, 0.0);
            let n_keys = 4_000_u64;
            for key in 0..n_keys {
                let donors = Donors::new(n, mix(7, key)).all();
                let here = (0..n).filter(|&row| donors[row] == row).count() as f64;
                fixed += here;
                square += here * here;
                inverted += (1..n).filter(|&row| donors[row] < donors[row - 1]).count() as f64;
            }
            let mean = fixed / n_keys as f64;
            let variance = square / n_keys as f64 - mean * mean;
            assert!(
                (mean - 1.0).abs() < 0.07 && (variance - 1.0).abs() < 0.15,
                "{n}: {mean} {variance}"
            );
            let share = inverted / (n_keys as usize * (n - 1)) as f64;
            assert!((share - 0.5).abs() < 0.01, "{n}: {share}");
        }
    }

    #[test]
    fn within_cells_every_row_is_as_likely_a_donor_as_any_other() {
        let cells = Cells::new(&[7, 3, 7, 3, 7, 9]);
        assert_eq!((cells.of_row(), cells.n_alone()), (&[1, 0, 1, 0, 1, 2][..], 1));
        let mut counts = [[0.0_f64; 6]; 6];
        for key in 0..6_000 {
            let donors = cells.donors(mix(3, key));
            (0..6).for_each(|row| counts[row][donors[row]] += 1.0);
        }
        for (row, counts) in counts.iter().enumerate() {
            for (donor, &count) in counts.iter().enumerate() {
                let size = [3.0, 2.0, 3.0, 2.0, 3.0, 1.0][row];
                let same = cells.of_row()[row] == cells.of_row()[donor];
                let expected = if same { 6_000.0 / size } else { 0.0 };
                assert!((count - expected).abs() < 160.0, "{row} {donor}: {count}");
            }
        }
    }

    proptest! {
        #[test]
        fn rows_together_have_the_donors_of_each(n in 1_usize..600, key: u64, part: (u8, u8)) {
            let donors = Donors::new(n, key);
            let (one, other) = (usize::from(part.0) % (n + 1), usize::from(part.1) % (n + 1));
            let rows = one.min(other)..one.max(other);
            let each: Vec<usize> = rows.clone().map(|row| donors.of(row)).collect();
            prop_assert_eq!(donors.of_rows(rows), each);
        }

        #[test]
        fn donors_are_a_bijection(n in 1_usize..3_000, key: u64) {
            let mut donors = Donors::new(n, key).all();
            donors.sort_unstable();
            prop_assert_eq!(donors, (0..n).collect::<Vec<_>>());
        }
    }
}
