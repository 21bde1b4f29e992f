//! The inner loops over rows, plain and with AVX2, chosen at run time.
//!
//! Both kinds do the same operations in the same order, so their results are equal to the bit;
//! a test holds them to it.

#![expect(unsafe_code, reason = "calls of functions that need AVX2, behind a check at run time")]
#![expect(clippy::inline_always, reason = "bodies that are compiled once more for wider registers")]

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m256, __m256d, __m256i, _mm256_add_pd, _mm256_add_ps, _mm256_cmpeq_epi16, _mm256_loadu_pd,
    _mm256_loadu_ps, _mm256_loadu_si256, _mm256_min_epu16, _mm256_movemask_epi8,
    _mm256_packs_epi16, _mm256_permute2f128_pd, _mm256_permute2f128_ps, _mm256_permute4x64_epi64,
    _mm256_set1_epi16, _mm256_setzero_pd, _mm256_setzero_ps, _mm256_shuffle_ps, _mm256_storeu_pd,
    _mm256_storeu_ps, _mm256_unpackhi_pd, _mm256_unpackhi_ps, _mm256_unpacklo_pd,
    _mm256_unpacklo_ps,
};

/// What the processor can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Level {
    /// Only [`Level::detect`] sets it, and only if it is so.
    avx2: bool,
}

impl Level {
    /// What this processor can do.
    pub(super) fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        let avx2 = is_x86_feature_detected!("avx2");
        #[cfg(not(target_arch = "x86_64"))]
        let avx2 = false;
        Self { avx2 }
    }

    /// What every processor can do.
    #[cfg(test)]
    pub(super) fn plain() -> Self {
        Self { avx2: false }
    }
}

/// Runs `work`, compiled for AVX2 where the processor has it and the compiler takes it in.
#[inline]
pub(super) fn wide<R>(level: Level, work: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    if level.avx2 {
        #[target_feature(enable = "avx2")]
        fn wide<R>(work: impl FnOnce() -> R) -> R {
            work()
        }
        // SAFETY: `Level` says so only where `is_x86_feature_detected!` found AVX2.
        return unsafe { wide(work) };
    }
    let _ = level;
    work()
}

/// One bit of the rows' patterns.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source<'a> {
    /// Set where the mask is.
    Mask(&'a [u16]),
    /// Set where the code is at most this.
    Code(&'a [u16], u16),
}

/// So many rows are worked on at once.
const STEP: usize = 32;

/// Defines a function that runs `$body` compiled for AVX2 where the processor has it.
macro_rules! dispatch {
    ($(#[$doc:meta])* $name:ident($($arg:ident: $type:ty),*) = $body:ident) => {
        $(#[$doc])*
        pub(super) fn $name(level: Level, $($arg: $type),*) {
            #[cfg(target_arch = "x86_64")]
            if level.avx2 {
                #[target_feature(enable = "avx2")]
                fn wide($($arg: $type),*) {
                    $body($($arg),*);
                }
                // SAFETY: `Level` says so only where `is_x86_feature_detected!` found AVX2.
                return unsafe { wide($($arg),*) };
            }
            let _ = level;
            $body($($arg),*);
        }
    };
}

dispatch! {
    /// Writes masks of the rows that a split sends to one side, and that are in `and` too.
    edge(codes: &[u16], last: u16, left: bool, and: Option<&[u16]>, out: &mut [u16]) = edge_body
}

dispatch! {
    /// As [`edge`], of a split whose decisions are masks in `out` already.
    side(left: bool, and: Option<&[u16]>, out: &mut [u16]) = side_body
}

dispatch! {
    /// Writes the rows' patterns: bit `i` comes from source `i`.
    patterns(sources: &[Source<'_>], out: &mut [u16]) = patterns_body
}

#[inline(always)]
fn edge_body(codes: &[u16], last: u16, left: bool, and: Option<&[u16]>, out: &mut [u16]) {
    let flip = if left { 0 } else { u16::MAX };
    let mask = |code: u16| (if code <= last { u16::MAX } else { 0 }) ^ flip;
    match and {
        None => out.iter_mut().zip(codes).for_each(|(out, &code)| *out = mask(code)),
        Some(and) => {
            for ((out, &code), &and) in out.iter_mut().zip(codes).zip(and) {
                *out = mask(code) & and;
            }
        }
    }
}

#[inline(always)]
fn side_body(left: bool, and: Option<&[u16]>, out: &mut [u16]) {
    let flip = if left { 0 } else { u16::MAX };
    for out in out.iter_mut() {
        *out ^= flip;
    }
    if let Some(and) = and {
        out.iter_mut().zip(and).for_each(|(out, &and)| *out &= and);
    }
}

#[inline(always)]
fn patterns_body(sources: &[Source<'_>], out: &mut [u16]) {
    for (step, out) in out.chunks_exact_mut(STEP).enumerate() {
        let mut pattern = [0_u16; STEP];
        for (i, source) in sources.iter().enumerate() {
            let bit = 1_u16 << i;
            match source {
                Source::Mask(mask) => {
                    let mask = &mask[step * STEP..(step + 1) * STEP];
                    for lane in 0..STEP {
                        pattern[lane] |= mask[lane] & bit;
                    }
                }
                Source::Code(codes, last) => {
                    let codes = &codes[step * STEP..(step + 1) * STEP];
                    for lane in 0..STEP {
                        pattern[lane] |= if codes[lane] <= *last { bit } else { 0 };
                    }
                }
            }
        }
        out.copy_from_slice(&pattern);
    }
}

/// Writes whether each code is at most `last`, 64 codes to a word.
pub(super) fn pack(level: Level, codes: &[u16], last: u16, words: &mut [u64]) {
    #[cfg(target_arch = "x86_64")]
    if level.avx2 {
        // SAFETY: `Level` says so only where `is_x86_feature_detected!` found AVX2.
        return unsafe { pack_avx2(codes, last, words) };
    }
    let _ = level;
    for (word, codes) in words.iter_mut().zip(codes.chunks_exact(64)) {
        let bits = codes.iter().enumerate().map(|(bit, &code)| u64::from(code <= last) << bit);
        *word = bits.fold(0, |word, bit| word | bit);
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn pack_avx2(codes: &[u16], last: u16, words: &mut [u64]) {
    let last = _mm256_set1_epi16(last.cast_signed());
    let at_most = |codes: &[u16; 16]| {
        let codes: *const [u16; 16] = codes;
        #[expect(clippy::cast_ptr_alignment, reason = "the load asks for no alignment")]
        // SAFETY: the array has the 32 bytes that are read.
        let codes = unsafe { _mm256_loadu_si256(codes.cast::<__m256i>()) };
        _mm256_cmpeq_epi16(_mm256_min_epu16(codes, last), codes)
    };
    let (codes, _) = codes.as_chunks::<16>();
    for (word, codes) in words.iter_mut().zip(codes.chunks_exact(4)) {
        let half = |a, b| {
            let bytes = _mm256_packs_epi16(at_most(a), at_most(b));
            // Packing works within halves of 128 bits: put their quarters in order.
            let bytes = _mm256_permute4x64_epi64::<0b11_01_10_00>(bytes);
            u64::from(_mm256_movemask_epi8(bytes).cast_unsigned())
        };
        *word = half(&codes[0], &codes[1]) | half(&codes[2], &codes[3]) << 32;
    }
}

/// Where looked-up values are added: one column of rows per target.
pub(super) struct Tile<'a, T> {
    pub(super) cells: &'a mut [T],
    /// Rows per column.
    pub(super) stride: usize,
}

/// Eight neighbouring values of each table row: which, and the columns they belong to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slots<'a> {
    /// Eights per table row.
    pub(super) n_chunks: usize,
    pub(super) chunk: usize,
    /// At most eight.
    pub(super) columns: &'a [u32],
}

/// A number that tables hold: single or double precision.
pub(super) trait Cell: Copy + Send + Sync + 'static {
    const ZERO: Self;
    /// Sums over so many trees go into double precision.
    const TREES: usize;
    fn from_f64(x: f64) -> Self;
    fn to_f64(self) -> f64;
    fn plus(self, other: Self) -> Self;

    /// Adds to every row of the tile the values of its pattern, eight rows at a time.
    fn accumulate(
        level: Level,
        table: &[[Self; 8]],
        slots: Slots<'_>,
        patterns: &[u16],
        tile: &mut Tile<'_, Self>,
    );
}

fn accumulate_plain<T: Cell>(
    table: &[[T; 8]],
    slots: Slots<'_>,
    patterns: &[u16],
    tile: &mut Tile<'_, T>,
) {
    for (lane, &column) in slots.columns.iter().enumerate() {
        let cells = &mut tile.cells[column as usize * tile.stride..][..patterns.len()];
        for (cell, &pattern) in cells.iter_mut().zip(patterns) {
            let entry = table[usize::from(pattern) * slots.n_chunks + slots.chunk];
            *cell = cell.plus(entry[lane]);
        }
    }
}

macro_rules! cell {
    ($type:ident, $trees:expr, $kernel:ident) => {
        impl Cell for $type {
            const ZERO: Self = 0.0;
            const TREES: usize = $trees;

            #[inline]
            fn from_f64(x: f64) -> Self {
                x as $type
            }

            #[inline]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }

            #[inline]
            fn plus(self, other: Self) -> Self {
                self + other
            }

            fn accumulate(
                level: Level,
                table: &[[Self; 8]],
                slots: Slots<'_>,
                patterns: &[u16],
                tile: &mut Tile<'_, Self>,
            ) {
                #[cfg(target_arch = "x86_64")]
                if level.avx2 {
                    // SAFETY: `Level` says so only where `is_x86_feature_detected!` found AVX2.
                    return unsafe {
                        match slots.columns.len() {
                            1 => $kernel::<1>(table, slots, patterns, tile),
                            2 => $kernel::<2>(table, slots, patterns, tile),
                            3 => $kernel::<3>(table, slots, patterns, tile),
                            4 => $kernel::<4>(table, slots, patterns, tile),
                            5 => $kernel::<5>(table, slots, patterns, tile),
                            6 => $kernel::<6>(table, slots, patterns, tile),
                            7 => $kernel::<7>(table, slots, patterns, tile),
                            _ => $kernel::<8>(table, slots, patterns, tile),
                        }
                    };
                }
                let _ = level;
                accumulate_plain(table, slots, patterns, tile);
            }
        }
    };
}

cell!(f32, 64, accumulate_f32);
cell!(f64, usize::MAX, accumulate_f64);

/// Reads eight rows of the table, turns rows into columns, and adds each column to its place.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn accumulate_f32<const N: usize>(
    table: &[[f32; 8]],
    slots: Slots<'_>,
    patterns: &[u16],
    tile: &mut Tile<'_, f32>,
) {
    let columns: [usize; N] = std::array::from_fn(|i| slots.columns[i] as usize * tile.stride);
    let (patterns, _) = patterns.as_chunks::<8>();
    for (step, patterns) in patterns.iter().enumerate() {
        let mut r = [_mm256_setzero_ps(); 8];
        for (r, &pattern) in r.iter_mut().zip(patterns) {
            let entry = &table[usize::from(pattern) * slots.n_chunks + slots.chunk];
            // SAFETY: the array has the 32 bytes that are read.
            *r = unsafe { _mm256_loadu_ps(entry.as_ptr()) };
        }
        let r = transpose_f32(r);
        for i in 0..N {
            let start = columns[i] + 8 * step;
            let cells = &mut tile.cells[start..start + 8];
            // SAFETY: the slice has the 32 bytes that are read and written.
            unsafe {
                let sum = _mm256_add_ps(_mm256_loadu_ps(cells.as_ptr()), r[i]);
                _mm256_storeu_ps(cells.as_mut_ptr(), sum);
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
fn transpose_f32(r: [__m256; 8]) -> [__m256; 8] {
    let (a0, a1) = (_mm256_unpacklo_ps(r[0], r[1]), _mm256_unpackhi_ps(r[0], r[1]));
    let (a2, a3) = (_mm256_unpacklo_ps(r[2], r[3]), _mm256_unpackhi_ps(r[2], r[3]));
    let (a4, a5) = (_mm256_unpacklo_ps(r[4], r[5]), _mm256_unpackhi_ps(r[4], r[5]));
    let (a6, a7) = (_mm256_unpacklo_ps(r[6], r[7]), _mm256_unpackhi_ps(r[6], r[7]));
    let b0 = _mm256_shuffle_ps::<0x44>(a0, a2);
    let b1 = _mm256_shuffle_ps::<0xEE>(a0, a2);
    let b2 = _mm256_shuffle_ps::<0x44>(a1, a3);
    let b3 = _mm256_shuffle_ps::<0xEE>(a1, a3);
    let b4 = _mm256_shuffle_ps::<0x44>(a4, a6);
    let b5 = _mm256_shuffle_ps::<0xEE>(a4, a6);
    let b6 = _mm256_shuffle_ps::<0x44>(a5, a7);
    let b7 = _mm256_shuffle_ps::<0xEE>(a5, a7);
    [
        _mm256_permute2f128_ps::<0x20>(b0, b4),
        _mm256_permute2f128_ps::<0x20>(b1, b5),
        _mm256_permute2f128_ps::<0x20>(b2, b6),
        _mm256_permute2f128_ps::<0x20>(b3, b7),
        _mm256_permute2f128_ps::<0x31>(b0, b4),
        _mm256_permute2f128_ps::<0x31>(b1, b5),
        _mm256_permute2f128_ps::<0x31>(b2, b6),
        _mm256_permute2f128_ps::<0x31>(b3, b7),
    ]
}

/// As [`accumulate_f32`], in squares of four rows by four values.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn accumulate_f64<const N: usize>(
    table: &[[f64; 8]],
    slots: Slots<'_>,
    patterns: &[u16],
    tile: &mut Tile<'_, f64>,
) {
    let columns: [usize; N] = std::array::from_fn(|i| slots.columns[i] as usize * tile.stride);
    let (patterns, _) = patterns.as_chunks::<4>();
    for (step, patterns) in patterns.iter().enumerate() {
        let mut low = [_mm256_setzero_pd(); 4];
        let mut high = [_mm256_setzero_pd(); 4];
        for ((low, high), &pattern) in low.iter_mut().zip(&mut high).zip(patterns) {
            let entry = &table[usize::from(pattern) * slots.n_chunks + slots.chunk];
            // SAFETY: the array has the 64 bytes that are read.
            unsafe {
                *low = _mm256_loadu_pd(entry.as_ptr());
                if N > 4 {
                    *high = _mm256_loadu_pd(entry.as_ptr().add(4));
                }
            }
        }
        let low = transpose_f64(low);
        let high = if N > 4 { transpose_f64(high) } else { high };
        for i in 0..N {
            let start = columns[i] + 4 * step;
            let cells = &mut tile.cells[start..start + 4];
            let r = if i < 4 { low[i % 4] } else { high[i % 4] };
            // SAFETY: the slice has the 32 bytes that are read and written.
            unsafe {
                let sum = _mm256_add_pd(_mm256_loadu_pd(cells.as_ptr()), r);
                _mm256_storeu_pd(cells.as_mut_ptr(), sum);
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
fn transpose_f64(r: [__m256d; 4]) -> [__m256d; 4] {
    let (a0, a1) = (_mm256_unpacklo_pd(r[0], r[1]), _mm256_unpackhi_pd(r[0], r[1]));
    let (a2, a3) = (_mm256_unpacklo_pd(r[2], r[3]), _mm256_unpackhi_pd(r[2], r[3]));
    [
        _mm256_permute2f128_pd::<0x20>(a0, a2),
        _mm256_permute2f128_pd::<0x20>(a1, a3),
        _mm256_permute2f128_pd::<0x31>(a0, a2),
        _mm256_permute2f128_pd::<0x31>(a1, a3),
    ]
}
