//! Functions of every element of a slice, in place.
//!
//! An element's bits depend on its own value alone, not on where it stands in the slice or how
//! long that is. NaN stays NaN.

use super::real::Real;

/// `eˣ`.
pub(super) fn exp<T: Real>(values: &mut [T]) {
    values.iter_mut().for_each(|x| *x = x.exp());
}

/// `tanh x`.
pub(super) fn tanh<T: Real>(values: &mut [T]) {
    values.iter_mut().for_each(|x| *x = x.tanh());
}

/// `1 / (1 + e⁻ˣ)`.
pub(super) fn sigmoid<T: Real>(values: &mut [T]) {
    values.iter_mut().for_each(|x| *x = T::ONE / (T::ONE + (-*x).exp()));
}

/// `y ← y + factor · x`.
pub(super) fn add_scaled<T: Real>(y: &mut [T], factor: T, x: &[T]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y += factor * *x);
}
