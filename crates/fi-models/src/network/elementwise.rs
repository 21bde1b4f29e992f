//! Functions of every element of a slice, in place.
//!
//! An element's bits depend on its own value alone, not on where it stands in the slice or how
//! long that is. NaN stays NaN.
//!
//! All exponentials rest on one reduction, `x = n ln 2 + r` with `|r| ≤ ln 2 / 2`, and one
//! polynomial, `eʳ − 1 ≈ r + r² q(r)`, whose coefficients are a weighted least-squares fit. No
//! branch is taken, so whole registers are worked on at once. Errors stay below 1.5 units in the
//! last place for `exp` and below 3 for `tanh` and `sigmoid`, with fused multiplications and
//! without; the two differ in last bits.
#![expect(clippy::inline_always, reason = "bodies that are compiled for several processors")]

#[cfg(test)]
mod tests;

use super::level::{Level, Work, fma};
use super::real::Real;

/// `eˣ`.
pub(super) fn exp<T: Real>(values: &mut [T]) {
    each(Level::detect(), Function::Exp, values);
}

/// `tanh x`.
pub(super) fn tanh<T: Real>(values: &mut [T]) {
    each(Level::detect(), Function::Tanh, values);
}

/// `1 / (1 + e⁻ˣ)`.
pub(super) fn sigmoid<T: Real>(values: &mut [T]) {
    each(Level::detect(), Function::Sigmoid, values);
}

/// `y ← y + factor · x`.
pub(super) fn add_scaled<T: Real>(y: &mut [T], factor: T, x: &[T]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y += factor * *x);
}

/// A function of one number.
#[derive(Debug, Clone, Copy)]
enum Function {
    Exp,
    Tanh,
    Sigmoid,
}

fn each<T: Real>(level: Level, function: Function, values: &mut [T]) {
    level.run(Each { function, values });
}

struct Each<'a, T> {
    function: Function,
    values: &'a mut [T],
}

impl<T: Real> Work for Each<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let each = self.values.iter_mut();
        match self.function {
            Function::Exp => each.for_each(|x| *x = exp_one::<FMA, T>(*x)),
            Function::Tanh => each.for_each(|x| *x = tanh_one::<FMA, T>(*x)),
            Function::Sigmoid => each.for_each(|x| *x = sigmoid_one::<FMA, T>(*x)),
        }
    }
}

/// How a type of number is taken apart into a power of 2 and a rest.
pub(super) trait Exponent: Sized + 'static {
    /// Outside these, `eˣ` is 0 or infinite.
    const LEAST: Self;
    const MOST: Self;
    /// Beyond this, `tanh (x / 2)` is 1.
    const FLAT: Self;
    const LOG2_E: Self;
    /// `ln 2`, whose first part has so few digits that its product with `n` is exact.
    const LN_2: [Self; 2];
    /// The coefficients of `q`, the highest first.
    const Q: &'static [Self];
    /// `1.5 · 2ᵐ`, `m` the number of digits behind the first: added to a small number, it leaves
    /// the nearest integer in the last digits.
    const SHIFT: Self;

    /// `2ᵃ` and `2ᵇ` with `a + b = n`, of `n + SHIFT`; NaN may give anything.
    fn powers(shifted: Self) -> (Self, Self);
}

impl Exponent for f32 {
    const LEAST: Self = -104.0;
    const MOST: Self = 89.0;
    const FLAT: Self = 20.0;
    const LOG2_E: Self = std::f32::consts::LOG2_E;
    const LN_2: [Self; 2] = [0.693_359_4, -2.121_944_4e-4];
    const Q: &'static [Self] = &[0.001_394_112_1, 0.008_366_767, 0.041_666_35, 0.166_665_4, 0.5];
    const SHIFT: Self = 12_582_912.0;

    #[inline(always)]
    fn powers(shifted: Self) -> (Self, Self) {
        // Biased by 256, so that it is positive and can be halved by a shift.
        let n = shifted.to_bits().wrapping_sub(Self::SHIFT.to_bits()).wrapping_add(256);
        let half = n >> 1;
        let power = |n: u32| Self::from_bits(n.wrapping_sub(1) << 23);
        (power(half), power(n.wrapping_sub(half)))
    }
}

impl Exponent for f64 {
    const LEAST: Self = -746.0;
    const MOST: Self = 710.0;
    const FLAT: Self = 40.0;
    const LOG2_E: Self = std::f64::consts::LOG2_E;
    const LN_2: [Self; 2] = [0.693_145_751_953_125, 1.428_606_820_309_417_2e-6];
    const Q: &'static [Self] = &[
        2.510_917_131_400_886_3e-8,
        2.762_637_210_237_089e-7,
        2.755_724_378_779_126e-6,
        2.480_150_431_098_335_6e-5,
        1.984_126_988_659_143_5e-4,
        0.001_388_888_893_251_730_4,
        0.008_333_333_333_321_421,
        0.041_666_666_666_573_06,
        0.166_666_666_666_666_77,
        0.500_000_000_000_000_6,
    ];
    const SHIFT: Self = 6_755_399_441_055_744.0;

    #[inline(always)]
    fn powers(shifted: Self) -> (Self, Self) {
        let n = shifted.to_bits().wrapping_sub(Self::SHIFT.to_bits()).wrapping_add(2048);
        let half = n >> 1;
        let power = |n: u64| Self::from_bits(n.wrapping_sub(1) << 52);
        (power(half), power(n.wrapping_sub(half)))
    }
}

/// `eʳ − 1` and `2ᵃ`, `2ᵇ`, for `x = (a + b) ln 2 + r`.
#[inline(always)]
fn reduce<const FMA: bool, T: Real>(x: T) -> (T, (T, T)) {
    let shifted = fma::<FMA, T>(x, T::LOG2_E, T::SHIFT);
    let n = shifted - T::SHIFT;
    let r = fma::<FMA, T>(-n, T::LN_2[0], x);
    let r = fma::<FMA, T>(-n, T::LN_2[1], r);
    let mut q = T::Q[0];
    for coefficient in &T::Q[1..] {
        q = fma::<FMA, T>(q, r, *coefficient);
    }
    (fma::<FMA, T>(r * r, q, r), T::powers(shifted))
}

#[inline(always)]
fn exp_one<const FMA: bool, T: Real>(x: T) -> T {
    // Comparisons and not `min` and `max`, which would turn a NaN into a number.
    let x = if x < T::LEAST { T::LEAST } else { x };
    let x = if x > T::MOST { T::MOST } else { x };
    let (p, (one, two)) = reduce::<FMA, T>(x);
    // In two steps, as `2ⁿ` itself may be too large or too small.
    fma::<FMA, T>(one, p, one) * two
}

/// `(e²ˣ − 1) / (e²ˣ + 1)` of the magnitude.
#[inline(always)]
pub(super) fn tanh_one<const FMA: bool, T: Real>(x: T) -> T {
    let twice = x.abs() + x.abs();
    let twice = if twice > T::FLAT { T::FLAT } else { twice };
    let (p, (one, two)) = reduce::<FMA, T>(twice);
    let power = one * two;
    let e = fma::<FMA, T>(power, p, power - T::ONE);
    (e / (e + T::ONE + T::ONE)).copysign(x)
}

/// By `e^−|x|`, which cannot overflow.
#[inline(always)]
pub(super) fn sigmoid_one<const FMA: bool, T: Real>(x: T) -> T {
    let e = exp_one::<FMA, T>(-x.abs());
    let above = if x < T::ZERO { e } else { T::ONE };
    above / (T::ONE + e)
}
