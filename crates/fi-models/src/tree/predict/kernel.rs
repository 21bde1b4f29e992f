//! Which machine code asks the questions: for processors with AVX-512, with AVX2, or for any.
//!
//! [`Plain`] is the safe twin: what it answers, the others answer faster. They only read and
//! write arrays whose lengths their types say, so asking the processor is what makes them sound.
#![expect(unsafe_code, reason = "code for a processor that was asked what it can do")]
#![expect(
    clippy::inline_always,
    reason = "the questions must be compiled for a processor's instructions in each wrapper"
)]

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m256i, __m512i, _mm_cvtsi64_si128, _mm256_and_si256, _mm256_blendv_epi8, _mm256_cmpeq_epi8,
    _mm256_loadu_si256, _mm256_max_epu8, _mm256_or_si256, _mm256_set1_epi8, _mm256_setzero_si256,
    _mm256_storeu_si256, _mm512_add_pd, _mm512_cmpgt_epu8_mask, _mm512_cvtepu8_epi64,
    _mm512_loadu_pd, _mm512_loadu_si512, _mm512_mask_blend_epi8, _mm512_mask_blend_pd,
    _mm512_mask_cmpeq_epu8_mask, _mm512_maskz_mov_epi8, _mm512_or_si512, _mm512_permutex2var_pd,
    _mm512_set1_epi8, _mm512_set1_epi64, _mm512_setzero_si512, _mm512_storeu_pd,
    _mm512_storeu_si512, _mm512_test_epi64_mask,
};

use super::coded::{Coded, Small, Split};
use super::codes::{BLOCK, LINES};

/// The lines of a block.
const LINES_OF_BLOCK: usize = BLOCK / LINES;

/// The codes of a column, or the leaves, of `G` groups of [`LINES`] rows.
type Lines<const G: usize> = [[u8; LINES]; G];

/// The instructions that may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speed {
    /// Those that every processor of this kind has.
    Plain,
    /// AVX2.
    #[cfg(target_arch = "x86_64")]
    Avx2(Detected),
    /// AVX-512 with its F and BW parts.
    #[cfg(target_arch = "x86_64")]
    Avx512(Detected),
}

/// Only made once the processor said that it has what it stands for.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Detected(());

impl Speed {
    pub(super) fn of_this_machine() -> Self {
        *Self::all().last().unwrap_or(&Self::Plain)
    }

    /// All that this machine can, the best last.
    pub(super) fn all() -> Vec<Self> {
        let mut all = vec![Self::Plain];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") {
                all.push(Self::Avx2(Detected(())));
            }
            if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw") {
                all.push(Self::Avx512(Detected(())));
            }
        }
        all
    }
}

/// How questions are asked and leaves' values looked up.
trait Machine {
    /// The leaves, by one question for each level.
    fn by_levels<const G: usize>(splits: &[Split], codes: &Codes<'_>) -> Lines<G>;

    /// The leaves, by every split's question.
    fn by_splits<const G: usize>(splits: &[Split], codes: &Codes<'_>) -> Lines<G>;

    /// Adds the only values of leaves.
    fn add(values: &[f64], leaves: &[u8; LINES], sums: &mut [f64; LINES]);
}

/// The codes of a block, and its first group of rows that is asked.
struct Codes<'a> {
    columns: &'a [[u8; BLOCK]],
    group: usize,
}

impl<'a> Codes<'a> {
    #[inline(always)]
    fn lines<const G: usize>(&self, split: Split) -> &'a Lines<G> {
        const { assert!(G <= LINES_OF_BLOCK) };
        let (lines, _) = self.columns[usize::from(split.column)].as_chunks::<LINES>();
        // A block has a whole number of groups, and no more are asked than it has.
        lines[self.group..].first_chunk().unwrap_or(&[[0; LINES]; G])
    }
}

/// Adds the answers of all trees for the first rows of a block to `sums[output][row]`; beyond
/// them it may leave anything.
pub(super) fn answer(
    speed: Speed,
    coded: &Coded,
    codes: &[[u8; BLOCK]],
    n_rows: usize,
    sums: &mut [[f64; BLOCK]],
) {
    match speed {
        Speed::Plain => answer_by::<Plain>(coded, codes, n_rows, sums),
        #[cfg(target_arch = "x86_64")]
        Speed::Avx2(_) => {
            // SAFETY: `Detected` is only made on a processor with AVX2.
            unsafe { answer_avx2(coded, codes, n_rows, sums) }
        }
        #[cfg(target_arch = "x86_64")]
        Speed::Avx512(_) => {
            // SAFETY: `Detected` is only made on a processor with these parts of AVX-512.
            unsafe { answer_avx512(coded, codes, n_rows, sums) }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn answer_avx2(coded: &Coded, codes: &[[u8; BLOCK]], n_rows: usize, sums: &mut [[f64; BLOCK]]) {
    answer_by::<Avx2>(coded, codes, n_rows, sums);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw")]
fn answer_avx512(coded: &Coded, codes: &[[u8; BLOCK]], n_rows: usize, sums: &mut [[f64; BLOCK]]) {
    answer_by::<Avx512>(coded, codes, n_rows, sums);
}

#[inline(always)]
fn answer_by<M: Machine>(
    coded: &Coded,
    columns: &[[u8; BLOCK]],
    n_rows: usize,
    sums: &mut [[f64; BLOCK]],
) {
    let n_groups = n_rows.div_ceil(LINES);
    if n_groups == LINES_OF_BLOCK {
        answer_groups::<M, LINES_OF_BLOCK>(coded, &Codes { columns, group: 0 }, sums);
        return;
    }
    for group in 0..n_groups {
        answer_groups::<M, 1>(coded, &Codes { columns, group }, sums);
    }
}

/// The same for `G` groups of rows.
#[inline(always)]
fn answer_groups<M: Machine, const G: usize>(
    coded: &Coded,
    codes: &Codes<'_>,
    sums: &mut [[f64; BLOCK]],
) {
    let n_values = coded.n_values;
    for tree in &coded.trees {
        let &Small { splits: (from, to), level_wise, values: (first, last), output } = tree;
        let splits = &coded.splits[from..to];
        let values = &coded.values[first..last];
        let leaves: Lines<G> =
            if level_wise { M::by_levels(splits, codes) } else { M::by_splits(splits, codes) };
        let outputs = if n_values == 1 { output..output + 1 } else { 0..n_values };
        for (k, sums) in sums[outputs].iter_mut().enumerate() {
            let (sums, _) = sums.as_chunks_mut::<LINES>();
            for (sums, leaves) in sums[codes.group..].iter_mut().zip(&leaves) {
                if n_values == 1 {
                    M::add(values, leaves, sums);
                    continue;
                }
                for (sum, &leaf) in sums.iter_mut().zip(leaves) {
                    *sum += values[usize::from(leaf) * n_values + k];
                }
            }
        }
    }
}

/// Any processor.
struct Plain;

impl Machine for Plain {
    #[inline(always)]
    fn by_levels<const G: usize>(splits: &[Split], codes: &Codes<'_>) -> Lines<G> {
        let mut leaves = [[0; LINES]; G];
        for &split in splits {
            let codes = codes.lines::<G>(split).as_flattened();
            for (leaf, &code) in leaves.as_flattened_mut().iter_mut().zip(codes) {
                *leaf |= if code > split.border { split.right } else { 0 };
            }
        }
        leaves
    }

    #[inline(always)]
    fn by_splits<const G: usize>(splits: &[Split], codes: &Codes<'_>) -> Lines<G> {
        let mut leaves = [[0; LINES]; G];
        for &split in splits {
            let codes = codes.lines::<G>(split).as_flattened();
            for (leaf, &code) in leaves.as_flattened_mut().iter_mut().zip(codes) {
                let turns = code > split.border && *leaf == split.first;
                *leaf = if turns { split.right } else { *leaf };
            }
        }
        leaves
    }

    #[inline(always)]
    fn add(values: &[f64], leaves: &[u8; LINES], sums: &mut [f64; LINES]) {
        match values.len() {
            16 => add_of::<16>(values, leaves, sums),
            32 => add_of::<32>(values, leaves, sums),
            64 => add_of::<64>(values, leaves, sums),
            128 => add_of::<128>(values, leaves, sums),
            _ => add_of::<256>(values, leaves, sums),
        }
    }
}

/// With a number of leaves that is known, no look-up is checked. Not inlined, so that it is code
/// for any processor: where vectors can be gathered, that is slower than one value at a time.
#[inline(never)]
fn add_of<const N: usize>(values: &[f64], leaves: &[u8; LINES], sums: &mut [f64; LINES]) {
    let Some(values) = values.first_chunk::<N>() else { return };
    for (sum, &leaf) in sums.iter_mut().zip(leaves) {
        *sum += values[usize::from(leaf) % N];
    }
}

/// Half of a group in each register.
#[cfg(target_arch = "x86_64")]
struct Avx2;

/// What [`Avx2`]'s methods are made of, for a processor with AVX2.
#[cfg(target_arch = "x86_64")]
impl Avx2 {
    #[inline]
    #[target_feature(enable = "avx2")]
    fn leaves<const G: usize, const LEVELS: bool>(splits: &[Split], codes: &Codes<'_>) -> Lines<G> {
        let mut leaves: [[__m256i; 2]; G] = [[_mm256_setzero_si256(); 2]; G];
        for &split in splits {
            let lines = codes.lines::<G>(split);
            // No border is 255.
            let above = _mm256_set1_epi8(split.border.wrapping_add(1).cast_signed());
            let first = _mm256_set1_epi8(split.first.cast_signed());
            let right = _mm256_set1_epi8(split.right.cast_signed());
            for (leaves, line) in leaves.iter_mut().zip(lines) {
                let (halves, _) = line.as_chunks::<32>();
                for (leaf, half) in leaves.iter_mut().zip(halves) {
                    // SAFETY: 32 bytes are read from an array of 32.
                    let code = unsafe { _mm256_loadu_si256(half.as_ptr().cast()) };
                    let is_above = _mm256_cmpeq_epi8(_mm256_max_epu8(code, above), code);
                    *leaf = if LEVELS {
                        _mm256_or_si256(*leaf, _mm256_and_si256(is_above, right))
                    } else {
                        let turns = _mm256_and_si256(is_above, _mm256_cmpeq_epi8(*leaf, first));
                        _mm256_blendv_epi8(*leaf, right, turns)
                    };
                }
            }
        }
        let mut out = [[0; LINES]; G];
        for (out, leaves) in out.iter_mut().zip(leaves) {
            let (halves, _) = out.as_chunks_mut::<32>();
            for (half, leaf) in halves.iter_mut().zip(leaves) {
                // SAFETY: 32 bytes are written to an array of 32.
                unsafe { _mm256_storeu_si256(half.as_mut_ptr().cast(), leaf) };
            }
        }
        out
    }
}

#[cfg(target_arch = "x86_64")]
impl Machine for Avx2 {
    #[inline(always)]
    fn by_levels<const G: usize>(splits: &[Split], codes: &Codes<'_>) -> Lines<G> {
        // SAFETY: only called by `answer_avx2`.
        unsafe { Self::leaves::<G, true>(splits, codes) }
    }

    #[inline(always)]
    fn by_splits<const G: usize>(splits: &[Split], codes: &Codes<'_>) -> Lines<G> {
        // SAFETY: only called by `answer_avx2`.
        unsafe { Self::leaves::<G, false>(splits, codes) }
    }

    #[inline(always)]
    fn add(values: &[f64], leaves: &[u8; LINES], sums: &mut [f64; LINES]) {
        Plain::add(values, leaves, sums);
    }
}

/// A group in each register.
#[cfg(target_arch = "x86_64")]
struct Avx512;

/// What [`Avx512`]'s methods are made of, for a processor with AVX-512.
#[cfg(target_arch = "x86_64")]
impl Avx512 {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn leaves<const G: usize, const LEVELS: bool>(splits: &[Split], codes: &Codes<'_>) -> Lines<G> {
        let mut leaves: [__m512i; G] = [_mm512_setzero_si512(); G];
        for &split in splits {
            let border = _mm512_set1_epi8(split.border.cast_signed());
            let first = _mm512_set1_epi8(split.first.cast_signed());
            let right = _mm512_set1_epi8(split.right.cast_signed());
            for (leaf, line) in leaves.iter_mut().zip(codes.lines::<G>(split)) {
                // SAFETY: 64 bytes are read from an array of 64.
                let code = unsafe { _mm512_loadu_si512(line.as_ptr().cast()) };
                let above = _mm512_cmpgt_epu8_mask(code, border);
                *leaf = if LEVELS {
                    _mm512_or_si512(*leaf, _mm512_maskz_mov_epi8(above, right))
                } else {
                    let turns = _mm512_mask_cmpeq_epu8_mask(above, *leaf, first);
                    _mm512_mask_blend_epi8(turns, *leaf, right)
                };
            }
        }
        let mut out = [[0; LINES]; G];
        for (out, leaf) in out.iter_mut().zip(leaves) {
            // SAFETY: 64 bytes are written to an array of 64.
            unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), leaf) };
        }
        out
    }

    /// For `8 R` values, which are in registers: `R` is 2, 4 or 8.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn add_permuted<const R: usize>(values: &[f64], leaves: &[u8; LINES], sums: &mut [f64; LINES]) {
        let (values, _) = values.as_chunks::<8>();
        let Some(values) = values.first_chunk::<R>() else { return };
        // SAFETY: eight numbers are read from an array of eight.
        let load = |values: &[f64; 8]| unsafe { _mm512_loadu_pd(values.as_ptr()) };
        let table: [_; R] = std::array::from_fn(|k| load(&values[k]));
        let (sums, _) = sums.as_chunks_mut::<8>();
        let (leaves, _) = leaves.as_chunks::<8>();
        for (sums, leaves) in sums.iter_mut().zip(leaves) {
            let leaf = _mm512_cvtepu8_epi64(_mm_cvtsi64_si128(i64::from_le_bytes(*leaves)));
            // Sixteen values at a time by the lower four bits, then halves by the bits above.
            let of = |k: usize| _mm512_permutex2var_pd(table[2 * k], leaf, table[2 * k + 1]);
            let mut value = of(0);
            if R > 2 {
                let bit = _mm512_test_epi64_mask(leaf, _mm512_set1_epi64(16));
                value = _mm512_mask_blend_pd(bit, value, of(1));
                if R > 4 {
                    let high = _mm512_mask_blend_pd(bit, of(2), of(3));
                    let bit = _mm512_test_epi64_mask(leaf, _mm512_set1_epi64(32));
                    value = _mm512_mask_blend_pd(bit, value, high);
                }
            }
            let sum = _mm512_add_pd(load(sums), value);
            // SAFETY: eight numbers are written to an array of eight.
            unsafe { _mm512_storeu_pd(sums.as_mut_ptr(), sum) };
        }
    }
}

#[cfg(target_arch = "x86_64")]
impl Machine for Avx512 {
    #[inline(always)]
    fn by_levels<const G: usize>(splits: &[Split], codes: &Codes<'_>) -> Lines<G> {
        // SAFETY: only called by `answer_avx512`.
        unsafe { Self::leaves::<G, true>(splits, codes) }
    }

    #[inline(always)]
    fn by_splits<const G: usize>(splits: &[Split], codes: &Codes<'_>) -> Lines<G> {
        // SAFETY: only called by `answer_avx512`.
        unsafe { Self::leaves::<G, false>(splits, codes) }
    }

    #[inline(always)]
    fn add(values: &[f64], leaves: &[u8; LINES], sums: &mut [f64; LINES]) {
        // SAFETY: only called by `answer_avx512`.
        unsafe {
            match values.len() {
                16 => Self::add_permuted::<2>(values, leaves, sums),
                32 => Self::add_permuted::<4>(values, leaves, sums),
                64 => Self::add_permuted::<8>(values, leaves, sums),
                _ => Plain::add(values, leaves, sums),
            }
        }
    }
}
