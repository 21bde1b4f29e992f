//! One row's step through cells of long short-term memory, compiled for the processor at hand.
#![expect(clippy::inline_always, reason = "bodies that are compiled for several processors")]

use crate::network::elementwise::{sigmoid_one, tanh_one};
use crate::network::level::{Level, Work, fma};
use crate::network::real::Real;

/// A step forward; all slices but the gates have one number per cell.
pub(super) struct Ahead<'a, T> {
    /// The weighted sums of `i`, `f`, `g` and `o`, which their values replace.
    pub(super) gates: &'a mut [T],
    /// The cells of the step before.
    pub(super) before: &'a [T],
    pub(super) cell: &'a mut [T],
    /// The cells' tanh.
    pub(super) squashed: &'a mut [T],
    pub(super) hidden: &'a mut [T],
}

/// A step back.
pub(super) struct Back<'a, T> {
    pub(super) gates: &'a [T],
    pub(super) before: &'a [T],
    pub(super) squashed: &'a [T],
    /// The slopes by the outputs.
    pub(super) by_hidden: &'a [T],
    /// The slopes by the cells, which those by the cells of the step before replace.
    pub(super) by_cell: &'a mut [T],
    /// The slopes by the gates' weighted sums, to fill.
    pub(super) by_gates: &'a mut [T],
}

impl<T: Real> Ahead<'_, T> {
    pub(super) fn go(self, level: Level) {
        level.run(self);
    }
}

impl<T: Real> Back<'_, T> {
    pub(super) fn go(self, level: Level) {
        level.run(self);
    }
}

impl<T: Real> Work for Ahead<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let n = self.cell.len();
        let [i, f, g, o] = quarters_mut(self.gates, n);
        ahead::<FMA, T>(n, i, f, g, o, self.before, self.cell, self.squashed, self.hidden);
    }
}

// Slices that are parameters are known not to overlap, so that whole registers are worked on.
#[expect(clippy::too_many_arguments, reason = "slices that must not overlap")]
#[inline(always)]
fn ahead<const FMA: bool, T: Real>(
    n: usize,
    i: &mut [T],
    f: &mut [T],
    g: &mut [T],
    o: &mut [T],
    before: &[T],
    cell: &mut [T],
    squashed: &mut [T],
    hidden: &mut [T],
) {
    let (i, f, g, o) = (&mut i[..n], &mut f[..n], &mut g[..n], &mut o[..n]);
    let (before, cell) = (&before[..n], &mut cell[..n]);
    let (squashed, hidden) = (&mut squashed[..n], &mut hidden[..n]);
    for k in 0..n {
        i[k] = sigmoid_one::<FMA, T>(i[k]);
        f[k] = sigmoid_one::<FMA, T>(f[k]);
        g[k] = tanh_one::<FMA, T>(g[k]);
        cell[k] = fma::<FMA, T>(f[k], before[k], i[k] * g[k]);
    }
    for k in 0..n {
        o[k] = sigmoid_one::<FMA, T>(o[k]);
        squashed[k] = tanh_one::<FMA, T>(cell[k]);
        hidden[k] = o[k] * squashed[k];
    }
}

impl<T: Real> Work for Back<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let n = self.by_cell.len();
        let Self { gates, before, squashed, by_hidden, by_cell, .. } = self;
        let [by_i, by_f, by_g, by_o] = quarters_mut(self.by_gates, n);
        back::<FMA, T>(n, gates, before, squashed, by_hidden, by_cell, by_i, by_f, by_g, by_o);
    }
}

#[expect(clippy::too_many_arguments, reason = "slices that must not overlap")]
#[inline(always)]
fn back<const FMA: bool, T: Real>(
    n: usize,
    gates: &[T],
    before: &[T],
    squashed: &[T],
    by_hidden: &[T],
    by_cell: &mut [T],
    by_i: &mut [T],
    by_f: &mut [T],
    by_g: &mut [T],
    by_o: &mut [T],
) {
    let [i, f, g, o] = [0, 1, 2, 3].map(|gate| &gates[gate * n..(gate + 1) * n]);
    let (before, squashed, by_hidden) = (&before[..n], &squashed[..n], &by_hidden[..n]);
    let (by_i, by_f) = (&mut by_i[..n], &mut by_f[..n]);
    let (by_g, by_o, by_cell) = (&mut by_g[..n], &mut by_o[..n], &mut by_cell[..n]);
    for k in 0..n {
        let (i, f, g, o, flat) = (i[k], f[k], g[k], o[k], squashed[k]);
        let by_out = by_hidden[k] * o;
        let slope = fma::<FMA, T>(by_out, T::ONE - flat * flat, by_cell[k]);
        by_i[k] = slope * g * i * (T::ONE - i);
        by_f[k] = slope * before[k] * f * (T::ONE - f);
        by_g[k] = slope * i * (T::ONE - g * g);
        by_o[k] = by_out * flat * (T::ONE - o);
        by_cell[k] = slope * f;
    }
}

#[inline(always)]
fn quarters_mut<T>(gates: &mut [T], n: usize) -> [&mut [T]; 4] {
    let (i, rest) = gates.split_at_mut(n);
    let (f, rest) = rest.split_at_mut(n);
    let (g, o) = rest.split_at_mut(n);
    [i, f, g, o]
}
