//! Trees whose splits of one depth are all the same, as CatBoost grows them.
//!
//! There the answers to the `D` tests, one per depth, are all that the Shapley values of a row
//! depend on: the values of the `2ᴰ` leaves are computed once and looked up from then on.

use super::columns::HALF;
use super::fast::Fast;
use super::kernel::{self, Speed, Task};
use super::lanes::{Lanes, Layout, Real, Wide};
use super::program::{NONE, Program};
use super::walk::Scratch;

/// Below this depth the walk is as fast.
const LEAST_DEPTH: usize = 3;

/// A table may have so many numbers, and so many rows are explained to make it.
const MOST_NUMBERS: usize = 1 << 16;
const MOST_DEPTH: usize = 10;

/// The Shapley values of each leaf.
#[derive(Debug)]
pub(super) struct Table<T> {
    /// Column and threshold of the test at each depth.
    tests: Vec<(u32, T)>,
    /// The place of each value in `phi[output][feature]`.
    places: Vec<u32>,
    /// One per place, leaf after leaf; bit `d` of a leaf's number is 1 if the test at depth `d`
    /// fails.
    values: Vec<T>,
}

impl<T: Real> Table<T> {
    /// The table of a tree, unless its splits differ or the table would be large.
    pub(super) fn new<const L: usize>(
        program: &Program<'_, T>,
        n_columns: usize,
        n_features: usize,
        speed: Speed,
    ) -> Option<Self> {
        let depth = program.depth;
        let fits = (LEAST_DEPTH..=MOST_DEPTH).contains(&depth);
        if !fits || program.splits.len() + 1 != 1 << depth {
            return None;
        }
        // The first split of each depth stands for all.
        let mut levels = vec![NONE; depth];
        for (index, split) in (0..).zip(&program.splits) {
            let level = &mut levels[split.depth as usize];
            if *level == NONE {
                *level = index;
            }
            let first = &program.splits[*level as usize];
            let category = |column: u32| {
                let test = (column as usize).checked_sub(n_columns);
                test.map(|test| program.categories[test])
            };
            let same_test = match (category(first.column), category(split.column)) {
                (None, None) => {
                    // Not a number is a threshold that nothing passes.
                    let (a, b) = (first.threshold.to_f64(), split.threshold.to_f64());
                    first.column == split.column && (a == b || (a.is_nan() && b.is_nan()))
                }
                (Some(a), Some(b)) => a == b,
                _ => false,
            };
            let same = same_test && first.feature == split.feature;
            if !same || (split.leaf[0] == NONE) != (split.leaf[1] == NONE) {
                return None;
            }
        }
        let mut features: Vec<u32> =
            levels.iter().map(|&level| program.splits[level as usize].feature).collect();
        features.sort_unstable();
        features.dedup();
        let n_places = features.len() * program.n_values;
        if n_places << depth > MOST_NUMBERS {
            return None;
        }
        let outputs = program.output..program.output + program.n_values;
        let places = outputs
            .flat_map(|output| features.iter().map(move |feature| (output, feature)))
            .map(|(output, &feature)| (output * n_features) as u32 + feature)
            .collect();
        let test = |&level: &u32| {
            let split = &program.splits[level as usize];
            (split.column, split.threshold)
        };
        let tests = levels.iter().map(test).collect();
        let values = leaves::<T, L>(program, &features, speed);
        Some(Self { tests, places, values })
    }

    /// Adds the values of a group of rows to `phi[output][feature]`.
    #[inline(always)]
    pub(super) fn add<A: Layout, const L: usize>(
        &self,
        columns: &[Lanes<T, A, L>],
        phi: &mut [Lanes<T, A, L>],
    ) {
        let mut leaves = [0_u32; L];
        for (depth, &(column, threshold)) in self.tests.iter().enumerate() {
            let column = &columns[column as usize];
            for (leaf, x) in leaves.iter_mut().zip(column.0) {
                let passes = x <= threshold;
                *leaf |= u32::from(!passes) << depth;
            }
        }
        let n_places = self.places.len();
        for (lane, leaf) in leaves.into_iter().enumerate() {
            let values = &self.values[leaf as usize * n_places..][..n_places];
            for (&place, &value) in self.places.iter().zip(values) {
                let sum = &mut phi[place as usize].0[lane];
                *sum = *sum + value;
            }
        }
    }
}

/// The values of all leaves, by explaining one row for each pattern of answers.
fn leaves<T: Real, const L: usize>(
    program: &Program<'_, T>,
    features: &[u32],
    speed: Speed,
) -> Vec<T> {
    // The same tree over columns that hold the answers, one per depth.
    let mut program = program.clone();
    for split in &mut program.splits {
        (split.column, split.threshold) = (split.depth, T::from_f64(HALF));
        split.feature = features.partition_point(|&feature| feature < split.feature) as u32;
    }
    program.output = 0;
    let fast = Fast::new(&program, features.len());
    let n_places = features.len() * program.n_values;
    let mut values = Vec::with_capacity(n_places << program.depth);
    let mut scratch = Scratch::<T, Wide, L>::default();
    let mut columns = vec![Lanes::<T, Wide, L>::ZERO; program.depth];
    for first in (0..1_usize << program.depth).step_by(L) {
        for (depth, column) in columns.iter_mut().enumerate() {
            for (lane, x) in column.0.iter_mut().enumerate() {
                *x = if (first + lane) >> depth & 1 == 1 { T::ONE } else { T::ZERO };
            }
        }
        let mut phi = vec![Lanes::ZERO; n_places];
        let (fast, n_features) = (fast.as_ref(), features.len());
        let task = Task { program: &program, fast, table: None, n_features, columns: &columns[..] };
        kernel::attribute(speed, &task, &mut phi, &mut scratch);
        let lanes = L.min((1 << program.depth) - first);
        values.extend((0..lanes).flat_map(|lane| phi.iter().map(move |phi| phi.0[lane])));
    }
    values
}
