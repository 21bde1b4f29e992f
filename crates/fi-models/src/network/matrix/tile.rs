//! The innermost loop of a product: a tile of `c` that fits into registers.
//!
//! A tile has a few registers of columns and a few rows. Each element is one chain
//! of fused multiplications and additions over `k`, whatever the tile's size, so the bits of an
//! element are those of any other tiling, and those of AVX2 are those of AVX-512.
#![expect(unsafe_code, reason = "code for a processor that was asked what it can do")]
#![expect(clippy::inline_always, reason = "bodies that are compiled for several processors")]
#![expect(
    clippy::needless_range_loop,
    reason = "rows and registers of the same number in several arrays"
)]

use std::arch::x86_64::{__m256, __m256d, __m512, __m512d};

use super::register::Register;
use super::transpose::{Transpose, transpose_f32, transpose_f64};

/// What one tile reads and writes.
///
/// Row `i` and term `l` of `a` stand at `a + i · a_row + l · a_step`, term `l` and column `j` of
/// `b` at `b + l · b_step + j`, row `i` and column `j` of `c` at `c + i · c_row + j`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tile<T> {
    pub(super) k: usize,
    pub(super) a: *const T,
    pub(super) a_row: usize,
    pub(super) a_step: usize,
    pub(super) b: *const T,
    pub(super) b_step: usize,
    pub(super) c: *mut T,
    pub(super) c_row: usize,
    /// How many numbers of the last register are columns.
    pub(super) last: usize,
    /// Whether the chains start at what stands in `c`.
    pub(super) add: bool,
}

/// Computes one tile.
///
/// # Safety
///
/// Needs the processor of its [`Tiles`], and memory behind all pointers as [`Tile`] says.
pub(super) type Compute<T> = unsafe fn(&Tile<T>);

/// The tiles of one kind of processor.
#[derive(Debug)]
pub(in super::super) struct Tiles<T: 'static> {
    /// Numbers per register.
    pub(super) lanes: usize,
    /// By registers of columns and by rows, both from 1.
    pub(super) compute: &'static [&'static [Compute<T>]],
    pub(super) transpose: Transpose<T>,
}

/// Whole registers need no mask, which would take one from the sums.
#[inline(always)]
unsafe fn compute<V: Register, const R: usize, const W: usize>(tile: &Tile<V::Number>) {
    // SAFETY: the caller's contract is the same.
    unsafe {
        if tile.last == V::LANES {
            compute_in::<V, R, W, true>(tile);
        } else {
            compute_in::<V, R, W, false>(tile);
        }
    }
}

#[inline(always)]
unsafe fn load_last<V: Register, const WHOLE: bool>(from: *const V::Number, mask: V::Mask) -> V {
    // SAFETY: the caller vouches for the processor and for the pointer.
    unsafe { if WHOLE { V::load(from) } else { V::load_some(from, mask) } }
}

#[inline(always)]
unsafe fn compute_in<V: Register, const R: usize, const W: usize, const WHOLE: bool>(
    tile: &Tile<V::Number>,
) {
    let &Tile { k, a, a_row, a_step, b, b_step, c, c_row, last, add } = tile;
    // SAFETY: the caller vouches for the processor, and by `Tile` for rows `0..R` and `k` terms
    // of `a`, for `k` terms and the columns of `b` and for those rows and columns of `c`. No
    // column behind the last is touched: the last register's mask lets through `last`.
    unsafe {
        let mask = V::mask(last);
        let mut sums = [[V::all(V::ZERO); W]; R];
        if add {
            for i in 0..R {
                for w in 0..W - 1 {
                    sums[i][w] = V::load(c.add(i * c_row + w * V::LANES));
                }
                sums[i][W - 1] = load_last::<V, WHOLE>(c.add(i * c_row + (W - 1) * V::LANES), mask);
            }
        }
        let (mut a, mut b) = (a, b);
        for _ in 0..k {
            let mut columns = [V::all(V::ZERO); W];
            for w in 0..W - 1 {
                columns[w] = V::load(b.add(w * V::LANES));
            }
            columns[W - 1] = load_last::<V, WHOLE>(b.add((W - 1) * V::LANES), mask);
            for i in 0..R {
                let factor = V::all(*a.add(i * a_row));
                for w in 0..W {
                    sums[i][w] = factor.fma(columns[w], sums[i][w]);
                }
            }
            a = a.wrapping_add(a_step);
            b = b.wrapping_add(b_step);
        }
        for i in 0..R {
            for w in 0..W - 1 {
                sums[i][w].store(c.add(i * c_row + w * V::LANES));
            }
            let to = c.add(i * c_row + (W - 1) * V::LANES);
            if WHOLE {
                sums[i][W - 1].store(to);
            } else {
                sums[i][W - 1].store_some(to, mask);
            }
        }
    }
}

/// Defines the tiles of a register: compiled for its instructions, with the most rows by width.
macro_rules! tiles {
    ($name:ident, $module:ident, $register:ty, $number:ty, $features:literal, $transpose:ident, [$($wide:literal: [$($rows:literal)*]),*]) => {
        mod $module {
            use super::*;

            #[target_feature(enable = $features)]
            unsafe fn compute<const R: usize, const W: usize>(tile: &Tile<$number>) {
                // SAFETY: the caller's contract is the same.
                unsafe { super::compute::<$register, R, W>(tile) }
            }

            pub(crate) static TILES: Tiles<$number> = Tiles {
                lanes: <$register as Register>::LANES,
                compute: &[$(&[$(compute::<$rows, $wide>),*]),*],
                transpose: $transpose,
            };
        }
        pub(super) use $module::TILES as $name;
    };
}

// 32 registers: at most 24 of sums, 4 of columns and one of a factor.
tiles!(AVX512_F32, avx512_f32, __m512, f32, "avx512f", transpose_f32,
    [1: [1 2 3 4 5 6 7 8], 2: [1 2 3 4 5 6 7 8], 3: [1 2 3 4 5 6 7 8], 4: [1 2 3 4 5 6]]);
tiles!(AVX512_F64, avx512_f64, __m512d, f64, "avx512f", transpose_f64,
    [1: [1 2 3 4 5 6 7 8], 2: [1 2 3 4 5 6 7 8], 3: [1 2 3 4 5 6 7 8], 4: [1 2 3 4 5 6]]);
// 16 registers: at most 12 of sums, 2 of columns and one of a factor.
tiles!(AVX2_F32, avx2_f32, __m256, f32, "avx2,fma", transpose_f32, [1: [1 2 3 4 5 6 7 8], 2: [1 2 3 4 5 6]]);
tiles!(AVX2_F64, avx2_f64, __m256d, f64, "avx2,fma", transpose_f64, [1: [1 2 3 4 5 6 7 8], 2: [1 2 3 4 5 6]]);
