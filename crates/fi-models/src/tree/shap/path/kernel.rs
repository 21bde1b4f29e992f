//! Which machine code a walk runs in: for processors with AVX2 and FMA, or for any.
//!
//! Both are compiled from the same safe source. Asking the processor is the only thing that
//! makes the faster one sound to call.
#![expect(unsafe_code, reason = "code for a processor that was asked what it can do")]

use super::fast::{Fast, MOST_NODES};
use super::lanes::{Lanes, Real};
use super::pairs::{PairFactors, Sums, walk_pairs};
use super::program::Program;
use super::walk::{Scratch, walk};

/// The instructions that may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speed {
    /// Those that every processor of this kind has.
    Plain,
    /// AVX2 and fused multiplication and addition.
    #[cfg(target_arch = "x86_64")]
    Avx2(Detected),
}

/// Only made once the processor said that it has AVX2 and FMA.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Detected(());

impl Speed {
    pub(super) fn of_this_machine() -> Self {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            return Self::Avx2(Detected(()));
        }
        Self::Plain
    }
}

/// So long trees are walked with one node of the quadrature rule at a time, to save memory.
const LONG: usize = 1 << 12;

/// One tree and one group of rows.
pub(super) struct Task<'t, 'a, T, const L: usize> {
    pub(super) program: &'t Program<'a, T>,
    pub(super) fast: Option<&'t Fast<T>>,
    pub(super) n_features: usize,
    pub(super) columns: &'t [Lanes<T, L>],
}

/// Adds the Shapley values of one tree for one group of rows to `phi[output][feature]`.
pub(super) fn attribute<T: Real, const L: usize>(
    speed: Speed,
    task: &Task<'_, '_, T, L>,
    phi: &mut [Lanes<T, L>],
    scratch: &mut Scratch<T, L>,
) {
    match speed {
        Speed::Plain => attribute_by::<T, L, false>(task, phi, scratch),
        #[cfg(target_arch = "x86_64")]
        Speed::Avx2(_) => {
            // SAFETY: `Detected` is only made on a processor with AVX2 and FMA.
            unsafe { attribute_avx2(task, phi, scratch) }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn attribute_avx2<T: Real, const L: usize>(
    task: &Task<'_, '_, T, L>,
    phi: &mut [Lanes<T, L>],
    scratch: &mut Scratch<T, L>,
) {
    attribute_by::<T, L, true>(task, phi, scratch);
}

/// Adds the Shapley values and interactions of one tree for one group of rows to `sums`.
pub(super) fn interact<T: Real, const L: usize>(
    speed: Speed,
    task: &Task<'_, '_, T, L>,
    factors: &PairFactors<T>,
    sums: &mut Sums<'_, T, L>,
    scratch: &mut Scratch<T, L>,
) {
    match speed {
        Speed::Plain => interact_by::<T, L, false>(task, factors, sums, scratch),
        #[cfg(target_arch = "x86_64")]
        Speed::Avx2(_) => {
            // SAFETY: `Detected` is only made on a processor with AVX2 and FMA.
            unsafe { interact_avx2(task, factors, sums, scratch) }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn interact_avx2<T: Real, const L: usize>(
    task: &Task<'_, '_, T, L>,
    factors: &PairFactors<T>,
    sums: &mut Sums<'_, T, L>,
    scratch: &mut Scratch<T, L>,
) {
    interact_by::<T, L, true>(task, factors, sums, scratch);
}

#[inline(always)]
fn interact_by<T: Real, const L: usize, const FMA: bool>(
    task: &Task<'_, '_, T, L>,
    factors: &PairFactors<T>,
    sums: &mut Sums<'_, T, L>,
    scratch: &mut Scratch<T, L>,
) {
    let program = task.program;
    if program.splits.is_empty() {
        return;
    }
    let most = if program.depth > LONG { 1 } else { MOST_NODES };
    scratch.reserve(program.depth, most.min(program.t.len()), program.n_values);
    walk_pairs::<T, L, FMA>(program, factors, most, task.columns, sums, scratch);
}

#[inline(always)]
fn attribute_by<T: Real, const L: usize, const FMA: bool>(
    task: &Task<'_, '_, T, L>,
    phi: &mut [Lanes<T, L>],
    scratch: &mut Scratch<T, L>,
) {
    let program = task.program;
    if program.splits.is_empty() {
        return;
    }
    let most = if program.depth > LONG { 1 } else { MOST_NODES };
    scratch.reserve(program.depth, most.min(program.t.len()), program.n_values);
    let Some(fast) = task.fast else {
        walk::<T, L, FMA>(program, most, task.columns, task.n_features, phi, scratch);
        return;
    };
    let mut first = 0;
    while first < program.t.len() {
        let nodes = most.min(program.t.len() - first);
        let columns = task.columns;
        match nodes {
            1 => fast.walk::<L, 1, FMA>(program, first, columns, phi, scratch),
            2 => fast.walk::<L, 2, FMA>(program, first, columns, phi, scratch),
            3 => fast.walk::<L, 3, FMA>(program, first, columns, phi, scratch),
            4 => fast.walk::<L, 4, FMA>(program, first, columns, phi, scratch),
            5 => fast.walk::<L, 5, FMA>(program, first, columns, phi, scratch),
            6 => fast.walk::<L, 6, FMA>(program, first, columns, phi, scratch),
            7 => fast.walk::<L, 7, FMA>(program, first, columns, phi, scratch),
            _ => fast.walk::<L, 8, FMA>(program, first, columns, phi, scratch),
        }
        first += nodes;
    }
}
