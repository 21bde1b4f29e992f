//! One register of a processor that was asked what it can do, with the few operations a product
//! needs.
//!
//! Every function here must only be called where its instructions are known to exist, which is
//! why the trait's functions are unsafe: [`super::tile`] inlines them into functions that are
//! compiled for these instructions.
#![expect(unsafe_code, reason = "instructions of a processor that was asked what it can do")]

use std::arch::x86_64::{
    __m256, __m256d, __m256i, __m512, __m512d, __mmask8, __mmask16, _mm256_fmadd_pd,
    _mm256_fmadd_ps, _mm256_loadu_pd, _mm256_loadu_ps, _mm256_loadu_si256, _mm256_maskload_pd,
    _mm256_maskload_ps, _mm256_maskstore_pd, _mm256_maskstore_ps, _mm256_set1_pd, _mm256_set1_ps,
    _mm256_storeu_pd, _mm256_storeu_ps, _mm512_fmadd_pd, _mm512_fmadd_ps, _mm512_loadu_pd,
    _mm512_loadu_ps, _mm512_mask_storeu_pd, _mm512_mask_storeu_ps, _mm512_maskz_loadu_pd,
    _mm512_maskz_loadu_ps, _mm512_set1_pd, _mm512_set1_ps, _mm512_storeu_pd, _mm512_storeu_ps,
};

/// Numbers that are worked on at once.
///
/// # Safety
///
/// All functions ask for a processor with the instructions of the register; those that take a
/// pointer, for as many numbers behind it as the register has, or as the mask lets through.
pub(super) trait Register: Copy {
    type Number: Copy;
    /// Which of the numbers are read or written.
    type Mask: Copy;
    const LANES: usize;
    const ZERO: Self::Number;

    /// Lets the first `lanes` through.
    unsafe fn mask(lanes: usize) -> Self::Mask;
    unsafe fn all(x: Self::Number) -> Self;
    unsafe fn load(from: *const Self::Number) -> Self;
    /// Zero where the mask lets nothing through.
    unsafe fn load_some(from: *const Self::Number, mask: Self::Mask) -> Self;
    unsafe fn store(self, to: *mut Self::Number);
    unsafe fn store_some(self, to: *mut Self::Number, mask: Self::Mask);
    /// `self · factor + term`, rounded once.
    unsafe fn fma(self, factor: Self, term: Self) -> Self;
}

macro_rules! register {
    (
        $register:ty, $number:ty, $mask:ty, $lanes:literal, |$count:ident| $make_mask:expr,
        $all:ident, $load:ident, $store:ident, $fma:ident,
        |$from:ident, $m:ident| $load_some:expr,
        |$to:ident, $n:ident, $x:ident| $store_some:expr
    ) => {
        impl Register for $register {
            type Number = $number;
            type Mask = $mask;
            const LANES: usize = $lanes;
            const ZERO: Self::Number = 0.0;

            #[inline(always)]
            unsafe fn mask(lanes: usize) -> Self::Mask {
                let $count = lanes;
                $make_mask
            }
            #[inline(always)]
            unsafe fn all(x: Self::Number) -> Self {
                // SAFETY: the caller vouches for the processor.
                unsafe { $all(x) }
            }
            #[inline(always)]
            unsafe fn load(from: *const Self::Number) -> Self {
                // SAFETY: the caller vouches for the processor and for the pointer.
                unsafe { $load(from) }
            }
            #[inline(always)]
            unsafe fn load_some($from: *const Self::Number, $m: Self::Mask) -> Self {
                // SAFETY: the caller vouches for the processor and for the pointer.
                unsafe { $load_some }
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut Self::Number) {
                // SAFETY: the caller vouches for the processor and for the pointer.
                unsafe { $store(to, self) }
            }
            #[inline(always)]
            unsafe fn store_some(self, $to: *mut Self::Number, $n: Self::Mask) {
                let $x = self;
                // SAFETY: the caller vouches for the processor and for the pointer.
                unsafe { $store_some }
            }
            #[inline(always)]
            unsafe fn fma(self, factor: Self, term: Self) -> Self {
                // SAFETY: the caller vouches for the processor.
                unsafe { $fma(self, factor, term) }
            }
        }
    };
}

register!(
    __m512,
    f32,
    __mmask16,
    16,
    |lanes| ((1_u32 << lanes) - 1) as __mmask16,
    _mm512_set1_ps,
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    _mm512_fmadd_ps,
    |from, mask| _mm512_maskz_loadu_ps(mask, from),
    |to, mask, x| _mm512_mask_storeu_ps(to, mask, x)
);
register!(
    __m512d,
    f64,
    __mmask8,
    8,
    |lanes| ((1_u32 << lanes) - 1) as __mmask8,
    _mm512_set1_pd,
    _mm512_loadu_pd,
    _mm512_storeu_pd,
    _mm512_fmadd_pd,
    |from, mask| _mm512_maskz_loadu_pd(mask, from),
    |to, mask, x| _mm512_mask_storeu_pd(to, mask, x)
);
register!(
    __m256,
    f32,
    __m256i,
    8,
    // SAFETY: the caller vouches for the processor, and 8 numbers stand behind the place.
    |lanes| unsafe { _mm256_loadu_si256(MASKS_32[8 - lanes..].as_ptr().cast()) },
    _mm256_set1_ps,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_fmadd_ps,
    |from, mask| _mm256_maskload_ps(from, mask),
    |to, mask, x| _mm256_maskstore_ps(to, mask, x)
);
register!(
    __m256d,
    f64,
    __m256i,
    4,
    // SAFETY: the caller vouches for the processor, and 4 numbers stand behind the place.
    |lanes| unsafe { _mm256_loadu_si256(MASKS_64[4 - lanes..].as_ptr().cast()) },
    _mm256_set1_pd,
    _mm256_loadu_pd,
    _mm256_storeu_pd,
    _mm256_fmadd_pd,
    |from, mask| _mm256_maskload_pd(from, mask),
    |to, mask, x| _mm256_maskstore_pd(to, mask, x)
);

/// A mask of AVX2 lets through where the highest bit is set.
const MASKS_32: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
const MASKS_64: [i64; 8] = [-1, -1, -1, -1, 0, 0, 0, 0];
