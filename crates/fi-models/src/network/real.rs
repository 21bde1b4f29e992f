//! The numbers a network computes with: `f32` or `f64`.
//!
//! Everything between the rows and the margins is generic over [`Real`]; losses, weight
//! statistics and sums over epochs are `f64` whatever the network computes with.

use std::fmt::Debug;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

use serde::{Deserialize, Serialize};

use super::elementwise::Exponent;
use super::matrix::Tiled;

/// What a network computes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Precision {
    /// `f32`: what PyTorch and Keras train with; half the memory of `Double`.
    Single,
    /// `f64`.
    Double,
}

/// An element of a layer's arrays.
pub(super) trait Real:
    Tiled
    + Exponent
    + Copy
    + Debug
    + Default
    + PartialOrd
    + Send
    + Sync
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + DivAssign
    + Sum
    + 'static
{
    const ZERO: Self;
    const ONE: Self;

    /// Rounded to the nearest.
    fn of(value: f64) -> Self;
    /// Exact.
    fn wide(self) -> f64;
    fn exp(self) -> Self;
    /// `e^self − 1`.
    fn exp_m1(self) -> Self;
    /// `ln(1 + self)`.
    fn ln_1p(self) -> Self;
    fn sqrt(self) -> Self;
    fn abs(self) -> Self;
    /// `self · factor + term`, rounded once; slow where the processor has no such instruction.
    fn mul_add(self, factor: Self, term: Self) -> Self;
    fn copysign(self, sign: Self) -> Self;
    fn is_finite(self) -> bool;
}

macro_rules! real {
    ($kind:ty) => {
        impl Real for $kind {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;

            #[inline(always)]
            fn of(value: f64) -> Self {
                value as Self
            }
            #[inline(always)]
            fn wide(self) -> f64 {
                f64::from(self)
            }
            #[inline(always)]
            fn exp(self) -> Self {
                <$kind>::exp(self)
            }
            #[inline(always)]
            fn exp_m1(self) -> Self {
                <$kind>::exp_m1(self)
            }
            #[inline(always)]
            fn ln_1p(self) -> Self {
                <$kind>::ln_1p(self)
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                <$kind>::sqrt(self)
            }
            #[inline(always)]
            fn abs(self) -> Self {
                <$kind>::abs(self)
            }
            #[inline(always)]
            fn mul_add(self, factor: Self, term: Self) -> Self {
                <$kind>::mul_add(self, factor, term)
            }
            #[inline(always)]
            fn copysign(self, sign: Self) -> Self {
                <$kind>::copysign(self, sign)
            }
            #[inline(always)]
            fn is_finite(self) -> bool {
                <$kind>::is_finite(self)
            }
        }
    };
}

real!(f32);
real!(f64);
