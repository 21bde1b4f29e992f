//! Sums of gradients, Hessians and rows per bin, in whole numbers.
//!
//! Gradients and Hessians are rounded once per tree to multiples of a power of two far below
//! their largest size. Whole numbers add up exactly, so a sum does not depend on its order: not
//! on threads, not on the order of rows or features, and a sibling's histogram is exactly its
//! parent's minus the other child's.
//!
//! A row is a *cell* of one, two or three 64-bit words, added with one instruction each:
//!
//! ```text
//! 1 word    gradient · 2ᵇ + 1                           where every Hessian is 1
//! 2 words   gradient,  Hessian · 2ᵇ + 1
//! 3 words   gradient,  Hessian,  1                      for very many rows
//! ```
//!
//! The low `b` bits count the rows; `2ᵇ` is above their number.

use super::bins::{Block, Table};

/// One feature's cells are so far apart: more than the 256 codes, so that equal codes of
/// neighbouring features do not share a set of the cache.
const STRIDE: usize = 260;

/// Gradients and Hessians have so many bits at most, for [`whole`].
const MOST_BITS: u32 = 50;

/// What a row adds to a histogram, or several rows together.
pub(super) type Cell<const N: usize> = [u64; N];

/// The cells of one feature.
pub(super) type Column<const N: usize> = [Cell<N>; STRIDE];

/// The histograms of a node: per block of features, per feature.
pub(super) type Histogram<const N: usize> = Vec<Box<[Column<N>]>>;

/// What rows sum to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sums {
    pub(super) count: u64,
    pub(super) gradient: f64,
    pub(super) hessian: f64,
}

/// How numbers become whole ones and back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    /// How many bits count rows.
    bits: u32,
    /// A power of two each, and what undoes it.
    gradient: f64,
    hessian: f64,
    gradient_unit: f64,
    hessian_unit: f64,
}

/// How many bits a count of up to `n_rows` needs.
fn count_bits(n_rows: usize) -> u32 {
    usize::BITS - n_rows.leading_zeros()
}

/// How many words a cell has: the fewest with at least 24 bits for the smaller of gradient and
/// Hessian (28 in one word), which is what a single-precision number has.
pub(super) fn n_words(n_rows: usize, unit_hessians: bool) -> usize {
    match count_bits(n_rows) {
        0..=17 if unit_hessians => 1,
        0..=20 => 2,
        _ => 3,
    }
}

impl Scale {
    /// For cells of `n_words` words, `n_rows` rows and gradients and Hessians up to these sizes.
    pub(super) fn new(n_words: usize, n_rows: usize, gradient: f64, hessian: f64) -> Self {
        let bits = count_bits(n_rows);
        // A sum of 2ᵇ numbers and a sign must fit.
        let (gradient_bits, hessian_bits) = match n_words {
            1 => (62 - 2 * bits, 1),
            2 => (62 - bits, 63 - 2 * bits),
            _ => (62 - bits, 62 - bits),
        };
        let (gradient_bits, hessian_bits) =
            (gradient_bits.min(MOST_BITS), hessian_bits.min(MOST_BITS));
        let power = |bits: u32, largest: f64| {
            if largest <= 0.0 {
                return 1.0;
            }
            // Both the power and its inverse must be normal numbers.
            let exponent = (f64::from(bits) - largest.log2().floor() - 1.0).clamp(-1000.0, 1000.0);
            2.0_f64.powi(exponent as i32)
        };
        let (gradient, hessian) = (power(gradient_bits, gradient), power(hessian_bits, hessian));
        Self {
            bits,
            gradient,
            hessian,
            gradient_unit: gradient.recip(),
            hessian_unit: hessian.recip(),
        }
    }

    /// The cell of one row.
    #[inline]
    pub(super) fn cell<const N: usize>(&self, gradient: f64, hessian: f64) -> Cell<N> {
        let gradient = whole(gradient * self.gradient);
        let mut cell = [0; N];
        match N {
            1 => cell[0] = (gradient << self.bits).wrapping_add(1),
            2 => {
                let hessian = whole(hessian * self.hessian);
                (cell[0], cell[1]) = (gradient, (hessian << self.bits) + 1);
            }
            _ => {
                let hessian = whole(hessian * self.hessian);
                (cell[0], cell[1], cell[2]) = (gradient, hessian, 1);
            }
        }
        cell
    }

    /// How many rows a cell holds.
    #[inline]
    pub(super) fn count<const N: usize>(&self, cell: &Cell<N>) -> u64 {
        match N {
            1 | 2 => cell[N - 1] & ((1 << self.bits) - 1),
            _ => cell[N - 1],
        }
    }

    /// What the rows of a cell sum to.
    #[inline]
    pub(super) fn sums<const N: usize>(&self, cell: &Cell<N>) -> Sums {
        let count = self.count(cell);
        let (gradient, hessian) = match N {
            1 => ((cell[0] as i64) >> self.bits, count as f64),
            // Below 2⁶³: the conversion of signed numbers is one instruction.
            2 => (cell[0] as i64, (cell[1] >> self.bits) as i64 as f64 * self.hessian_unit),
            _ => (cell[0] as i64, cell[1] as i64 as f64 * self.hessian_unit),
        };
        Sums { count, gradient: gradient as f64 * self.gradient_unit, hessian }
    }
}

/// The nearest whole number, as the bits of a signed one, of a number below 2⁵¹.
#[inline]
fn whole(x: f64) -> u64 {
    // Numbers around this one have no digits after the point; rounding is the processor's.
    const SHIFT: f64 = 1.5 * (1_u64 << 52) as f64;
    (x + SHIFT).to_bits().wrapping_sub(SHIFT.to_bits())
}

/// `a + b`.
#[inline]
pub(super) fn plus<const N: usize>(a: &Cell<N>, b: &Cell<N>) -> Cell<N> {
    std::array::from_fn(|k| a[k].wrapping_add(b[k]))
}

/// `a − b`.
#[inline]
pub(super) fn minus<const N: usize>(a: &Cell<N>, b: &Cell<N>) -> Cell<N> {
    std::array::from_fn(|k| a[k].wrapping_sub(b[k]))
}

/// A histogram with room for every feature of the table.
pub(super) fn empty<const N: usize>(table: &Table) -> Histogram<N> {
    let block = |block: &Block| vec![[[0; N]; STRIDE]; block.width].into_boxed_slice();
    table.blocks.iter().map(block).collect()
}

/// Sets the block's histograms to the sums over `rows`.
pub(super) fn fill<const N: usize>(
    columns: &mut [Column<N>],
    table: &Table,
    block: &Block,
    rows: &[u32],
    cells: &[Cell<N>],
) {
    for (column, bins) in columns.iter_mut().zip(&table.bins[block.first..]) {
        column[..=bins.n_bins()].fill([0; N]);
    }
    match block.width {
        1 => add::<N, 1>(columns, &block.codes, rows, cells),
        2 => add::<N, 2>(columns, &block.codes, rows, cells),
        3 => add::<N, 3>(columns, &block.codes, rows, cells),
        4 => add::<N, 4>(columns, &block.codes, rows, cells),
        5 => add::<N, 5>(columns, &block.codes, rows, cells),
        6 => add::<N, 6>(columns, &block.codes, rows, cells),
        7 => add::<N, 7>(columns, &block.codes, rows, cells),
        _ => add::<N, 8>(columns, &block.codes, rows, cells),
    }
}

fn add<const N: usize, const W: usize>(
    columns: &mut [Column<N>],
    codes: &[u8],
    rows: &[u32],
    cells: &[Cell<N>],
) {
    // A column has more cells than a byte has values: nothing to check in the inner loop.
    let Ok(columns) = <&mut [Column<N>; W]>::try_from(columns) else { return };
    let (codes, _) = codes.as_chunks::<W>();
    for &row in rows {
        let (cell, codes) = (&cells[row as usize], &codes[row as usize]);
        for (column, &code) in columns.iter_mut().zip(codes) {
            let sum = &mut column[usize::from(code)];
            *sum = plus(sum, cell);
        }
    }
}

/// Takes the histograms `other` away from `columns`.
pub(super) fn subtract<const N: usize>(
    columns: &mut [Column<N>],
    other: &[Column<N>],
    table: &Table,
    block: &Block,
) {
    for ((column, other), bins) in columns.iter_mut().zip(other).zip(&table.bins[block.first..]) {
        let n = bins.n_bins() + 1;
        for (a, b) in column[..n].iter_mut().zip(&other[..n]) {
            *a = minus(a, b);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip<const N: usize>(n_rows: usize, largest: f64) {
        let scale = Scale::new(N, n_rows, largest, 1.0);
        let extreme = scale.cell::<N>(-largest, 1.0);
        // As many of the largest as there are rows.
        let times = |n: u64| -> Cell<N> { std::array::from_fn(|k| extreme[k].wrapping_mul(n)) };
        for n in [1, n_rows] {
            let all = scale.sums(&times(n as u64));
            assert_eq!((all.count, all.hessian), (n as u64, n as f64));
            assert!((all.gradient / largest / n as f64 + 1.0).abs() < 1e-8, "{all:?}");
        }
        let small =
            scale.sums(&minus(&plus(&times(9), &scale.cell::<N>(largest / 3.0, 1.0)), &times(9)));
        assert!((small.gradient / largest - 1.0 / 3.0).abs() < 1e-8, "{small:?}");
    }

    #[test]
    fn sums_are_exact_up_to_the_largest() {
        for n_rows in [1, 2, 3, 1000, 65_535, 131_071] {
            for largest in [1.0, 0.75, 1e-200, 1e300, 3e7] {
                round_trip::<1>(n_rows, largest);
                round_trip::<2>(n_rows, largest);
                round_trip::<3>(n_rows, largest);
            }
        }
        round_trip::<2>(1 << 19, 1.0);
        round_trip::<3>(1 << 31, 1.0);
        assert_eq!([1, 131_071, 131_072].map(|n| n_words(n, true)), [1, 1, 2]);
        assert_eq!([1, 1_048_575, 1_048_576].map(|n| n_words(n, false)), [2, 2, 3]);
    }
}
