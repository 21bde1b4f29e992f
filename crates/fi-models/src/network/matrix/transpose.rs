//! Rows become columns, block by block in registers: how `b` is read by [`super::product_transposed_b`].
#![expect(unsafe_code, reason = "code for a processor that was asked what it can do")]
#![expect(clippy::inline_always, reason = "the body of two functions for the same processor")]

use std::arch::x86_64::{
    _mm256_loadu_pd, _mm256_loadu_ps, _mm256_permute2f128_pd, _mm256_permute2f128_ps,
    _mm256_shuffle_ps, _mm256_storeu_pd, _mm256_storeu_ps, _mm256_unpackhi_pd, _mm256_unpackhi_ps,
    _mm256_unpacklo_pd, _mm256_unpacklo_ps,
};

/// A matrix in memory: where it starts, and how far it is from one row to the next.
pub(super) type Rows<P> = (P, usize);

/// Writes `rows` rows of `columns` numbers as as many columns.
///
/// # Safety
///
/// Needs AVX2, and as many rows behind both pointers as it is told.
pub(super) type Transpose<T> =
    unsafe fn(from: Rows<*const T>, rows: usize, columns: usize, to: Rows<*mut T>);

/// As [`Transpose`].
#[target_feature(enable = "avx2")]
pub(super) unsafe fn transpose_f32(
    from: Rows<*const f32>,
    rows: usize,
    columns: usize,
    to: Rows<*mut f32>,
) {
    // SAFETY: the caller's contract is the same; a block is 8 rows of 8 numbers.
    unsafe { in_blocks::<f32, 8>(from, rows, columns, to, |from, to| block_f32(from, to)) }
}

/// As [`Transpose`].
#[target_feature(enable = "avx2")]
pub(super) unsafe fn transpose_f64(
    from: Rows<*const f64>,
    rows: usize,
    columns: usize,
    to: Rows<*mut f64>,
) {
    // SAFETY: the caller's contract is the same; a block is 4 rows of 4 numbers.
    unsafe { in_blocks::<f64, 4>(from, rows, columns, to, |from, to| block_f64(from, to)) }
}

#[inline(always)]
unsafe fn in_blocks<T: Copy, const B: usize>(
    (from, from_row): Rows<*const T>,
    rows: usize,
    columns: usize,
    (to, to_row): Rows<*mut T>,
    block: impl Fn(Rows<*const T>, Rows<*mut T>),
) {
    let (whole_rows, whole_columns) = (rows - rows % B, columns - columns % B);
    // SAFETY: all places are within the rows and columns that the caller vouches for.
    unsafe {
        let one = |i: usize, j: usize| *to.add(j * to_row + i) = *from.add(i * from_row + j);
        for i in (0..whole_rows).step_by(B) {
            for j in (0..whole_columns).step_by(B) {
                let (from, to) = (from.add(i * from_row + j), to.add(j * to_row + i));
                block((from, from_row), (to, to_row));
            }
            for j in whole_columns..columns {
                (i..i + B).for_each(|i| one(i, j));
            }
        }
        for i in whole_rows..rows {
            (0..columns).for_each(|j| one(i, j));
        }
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn block_f32((from, from_row): Rows<*const f32>, (to, to_row): Rows<*mut f32>) {
    // SAFETY: only called for a block of 8 by 8 that is there.
    let row = |i: usize| unsafe { _mm256_loadu_ps(from.add(i * from_row)) };
    let rows = [row(0), row(1), row(2), row(3), row(4), row(5), row(6), row(7)];
    let pair = |i: usize| {
        let (one, two) = (rows[i], rows[i + 1]);
        (_mm256_unpacklo_ps(one, two), _mm256_unpackhi_ps(one, two))
    };
    // Columns 0 and 4, 1 and 5, 2 and 6, 3 and 7 of four rows.
    let four = |i: usize| {
        let ((low_one, high_one), (low_two, high_two)) = (pair(i), pair(i + 2));
        [
            _mm256_shuffle_ps::<0b01_00_01_00>(low_one, low_two),
            _mm256_shuffle_ps::<0b11_10_11_10>(low_one, low_two),
            _mm256_shuffle_ps::<0b01_00_01_00>(high_one, high_two),
            _mm256_shuffle_ps::<0b11_10_11_10>(high_one, high_two),
        ]
    };
    let (upper, lower) = (four(0), four(4));
    for j in 0..4 {
        // SAFETY: as above.
        unsafe {
            let columns = _mm256_permute2f128_ps::<0x20>(upper[j], lower[j]);
            _mm256_storeu_ps(to.add(j * to_row), columns);
            let columns = _mm256_permute2f128_ps::<0x31>(upper[j], lower[j]);
            _mm256_storeu_ps(to.add((j + 4) * to_row), columns);
        }
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn block_f64((from, from_row): Rows<*const f64>, (to, to_row): Rows<*mut f64>) {
    // SAFETY: only called for a block of 4 by 4 that is there.
    let row = |i: usize| unsafe { _mm256_loadu_pd(from.add(i * from_row)) };
    let (zero, one, two, three) = (row(0), row(1), row(2), row(3));
    let upper = [_mm256_unpacklo_pd(zero, one), _mm256_unpackhi_pd(zero, one)];
    let lower = [_mm256_unpacklo_pd(two, three), _mm256_unpackhi_pd(two, three)];
    for j in 0..2 {
        // SAFETY: as above.
        unsafe {
            let columns = _mm256_permute2f128_pd::<0x20>(upper[j], lower[j]);
            _mm256_storeu_pd(to.add(j * to_row), columns);
            let columns = _mm256_permute2f128_pd::<0x31>(upper[j], lower[j]);
            _mm256_storeu_pd(to.add((j + 2) * to_row), columns);
        }
    }
}
