//! Which machine code a walk runs in: for processors with AVX2 and FMA, or for any.
//!
//! Both are compiled from the same safe source. Asking the processor is the only thing that
//! makes the faster one sound to call.
#![expect(unsafe_code, reason = "code for a processor that was asked what it can do")]

use super::fast::{Fast, MOST_NODES};
use super::lanes::{Lanes, Layout, Real};
use super::pairs::{PairFactors, Sums, walk_pairs};
use super::program::Program;
use super::table::Table;
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
pub(super) struct Task<'t, 'a, T, A, const L: usize> {
    pub(super) program: &'t Program<'a, T>,
    pub(super) fast: Option<&'t Fast<T>>,
    pub(super) table: Option<&'t Table<T>>,
    pub(super) n_features: usize,
    pub(super) columns: &'t [Lanes<T, A, L>],
}

/// Adds the Shapley values of one tree for one group of rows to `phi[output][feature]`.
pub(super) fn attribute<T: Real, A: Layout, const L: usize>(
    speed: Speed,
    task: &Task<'_, '_, T, A, L>,
    phi: &mut [Lanes<T, A, L>],
    scratch: &mut Scratch<T, A, L>,
) {
    match speed {
        Speed::Plain => attribute_by::<T, A, L, false>(task, phi, scratch),
        #[cfg(target_arch = "x86_64")]
        Speed::Avx2(_) => {
            // SAFETY: `Detected` is only made on a processor with AVX2 and FMA.
            unsafe { attribute_avx2(task, phi, scratch) }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn attribute_avx2<T: Real, A: Layout, const L: usize>(
    task: &Task<'_, '_, T, A, L>,
    phi: &mut [Lanes<T, A, L>],
    scratch: &mut Scratch<T, A, L>,
) {
    attribute_by::<T, A, L, true>(task, phi, scratch);
}

/// Adds the Shapley values and interactions of one tree for one group of rows to `sums`.
pub(super) fn interact<T: Real, A: Layout, const L: usize>(
    speed: Speed,
    task: &Task<'_, '_, T, A, L>,
    factors: &PairFactors<T>,
    sums: &mut Sums<'_, T, A, L>,
    scratch: &mut Scratch<T, A, L>,
) {
    match speed {
        Speed::Plain => interact_by::<T, A, L, false>(task, factors, sums, scratch),
        #[cfg(target_arch = "x86_64")]
        Speed::Avx2(_) => {
            // SAFETY: `Detected` is only made on a processor with AVX2 and FMA.
            unsafe { interact_avx2(task, factors, sums, scratch) }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn interact_avx2<T: Real, A: Layout, const L: usize>(
    task: &Task<'_, '_, T, A, L>,
    factors: &PairFactors<T>,
    sums: &mut Sums<'_, T, A, L>,
    scratch: &mut Scratch<T, A, L>,
) {
    interact_by::<T, A, L, true>(task, factors, sums, scratch);
}

#[inline(always)]
fn interact_by<T: Real, A: Layout, const L: usize, const FMA: bool>(
    task: &Task<'_, '_, T, A, L>,
    factors: &PairFactors<T>,
    sums: &mut Sums<'_, T, A, L>,
    scratch: &mut Scratch<T, A, L>,
) {
    let program = task.program;
    if program.splits.is_empty() {
        return;
    }
    let most = if program.depth > LONG { 1 } else { MOST_NODES };
    scratch.reserve(program.depth, most.min(program.t.len()), program.n_values);
    let sizes: &[usize] = if FMA { &[4, 3, 2, 1] } else { &[1] };
    let columns = task.columns;
    let mut first = 0;
    while first < program.t.len() {
        let rest = most.min(program.t.len() - first);
        let nodes = sizes.iter().copied().find(|&size| size <= rest).unwrap_or(1);
        match nodes {
            4 if FMA => {
                walk_pairs::<T, A, L, 4, FMA>(program, factors, first, columns, sums, scratch);
            }
            3 if FMA => {
                walk_pairs::<T, A, L, 3, FMA>(program, factors, first, columns, sums, scratch);
            }
            2 if FMA => {
                walk_pairs::<T, A, L, 2, FMA>(program, factors, first, columns, sums, scratch);
            }
            _ => walk_pairs::<T, A, L, 1, FMA>(program, factors, first, columns, sums, scratch),
        }
        first += nodes;
    }
}

#[inline(always)]
fn attribute_by<T: Real, A: Layout, const L: usize, const FMA: bool>(
    task: &Task<'_, '_, T, A, L>,
    phi: &mut [Lanes<T, A, L>],
    scratch: &mut Scratch<T, A, L>,
) {
    let program = task.program;
    if program.splits.is_empty() {
        return;
    }
    if let Some(table) = task.table {
        table.add(task.columns, phi);
        return;
    }
    let most = if program.depth > LONG { 1 } else { MOST_NODES };
    scratch.reserve(program.depth, most.min(program.t.len()), program.n_values);
    let Some(fast) = task.fast else {
        walk::<T, A, L, FMA>(program, most, task.columns, task.n_features, phi, scratch);
        return;
    };
    // Without fused multiplication speed is not the point: fewer sizes, less code.
    let sizes: &[usize] = if FMA { &[8, 7, 6, 5, 4, 3, 2, 1] } else { &[4, 2, 1] };
    let mut first = 0;
    while first < program.t.len() {
        let rest = most.min(program.t.len() - first);
        let nodes = sizes.iter().copied().find(|&size| size <= rest).unwrap_or(1);
        let columns = task.columns;
        match nodes {
            8 if FMA => fast.walk::<A, L, 8, FMA>(program, first, columns, phi, scratch),
            7 if FMA => fast.walk::<A, L, 7, FMA>(program, first, columns, phi, scratch),
            6 if FMA => fast.walk::<A, L, 6, FMA>(program, first, columns, phi, scratch),
            5 if FMA => fast.walk::<A, L, 5, FMA>(program, first, columns, phi, scratch),
            4 => fast.walk::<A, L, 4, FMA>(program, first, columns, phi, scratch),
            3 if FMA => fast.walk::<A, L, 3, FMA>(program, first, columns, phi, scratch),
            2 => fast.walk::<A, L, 2, FMA>(program, first, columns, phi, scratch),
            _ => fast.walk::<A, L, 1, FMA>(program, first, columns, phi, scratch),
        }
        first += nodes;
    }
}
