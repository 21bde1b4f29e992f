//! Blocks of rows through all trees.

use fi_core::Interactions;
use ndarray::{ArrayView2, Axis};

use super::super::engine::{Engine, n_pairs, pair};
use super::kernel::{self, Task};
use super::lanes::{Lanes, Layout, Lone, Real, Wide};
use super::pairs::{PairFactors, Sums};
use super::program::{NONE, Program};
use super::walk::Scratch;
use super::{Member, PathEngine};

/// So many trees are summed in the arithmetic's own precision before the sum goes into doubles.
const BATCH_TREES: usize = 64;

/// The same for interactions, of which each gets fewer terms.
const BATCH_PAIR_TREES: usize = 256;

/// Rows that go through one tree before the next.
const BLOCK_ROWS: usize = 256;

/// So few rows go through the trees one by one, the nodes of the quadrature rule side by side.
/// The bits are the same.
const FEW_ROWS: usize = 2;

/// Groups of rows that go through one tree before the next for interactions, whose sums are
/// large.
const PAIR_GROUPS: usize = 4;

impl<T: Real, const L: usize> Engine for PathEngine<'_, T, L> {
    fn base_values(&self) -> &[f64] {
        &self.base
    }

    fn block_rows(&self) -> usize {
        BLOCK_ROWS
    }

    fn attribute(&self, rows: ArrayView2<'_, f64>, values: &mut [f64]) {
        values.fill(0.0);
        if rows.nrows() <= FEW_ROWS {
            self.attribute_groups::<Lone, 1>(rows, values);
            return;
        }
        let len = (BLOCK_ROWS * self.n_outputs * self.n_features).max(1);
        let blocks = rows.axis_chunks_iter(Axis(0), BLOCK_ROWS);
        for (rows, values) in blocks.zip(values.chunks_mut(len)) {
            self.attribute_groups::<Wide, L>(rows, values);
        }
    }

    fn interact(&self, rows: ArrayView2<'_, f64>, values: &mut [f64]) {
        values.fill(0.0);
        let rows_at_once = PAIR_GROUPS * L;
        let len = (rows_at_once * self.n_outputs * n_pairs(self.n_features)).max(1);
        let blocks = rows.axis_chunks_iter(Axis(0), rows_at_once);
        for (rows, values) in blocks.zip(values.chunks_mut(len)) {
            self.interact_groups::<Wide, L>(rows, values);
        }
    }
}

impl<T: Real, const W: usize> PathEngine<'_, T, W> {
    /// Shapley values, `L` rows at a time, on top of zeros.
    fn attribute_groups<A: Layout, const L: usize>(
        &self,
        rows: ArrayView2<'_, f64>,
        values: &mut [f64],
    ) {
        let per_row = self.n_outputs * self.n_features;
        let stride = self.columns.len() + self.spare;
        let mut columns = Vec::new();
        self.columns.read::<T, A, L>(rows, self.spare, &mut columns);
        let n_groups = rows.nrows().div_ceil(L);
        let mut phi = vec![Lanes::<T, A, L>::ZERO; n_groups * per_row];
        let mut scratch = Scratch::default();
        for batch in self.members.chunks(BATCH_TREES) {
            for Member { program, fast, table } in batch {
                self.ask_categories(program, &mut columns);
                for group in 0..n_groups {
                    let task = Task {
                        program,
                        fast: fast.as_ref(),
                        table: table.as_ref(),
                        n_features: self.n_features,
                        columns: &columns[group * stride..][..stride],
                    };
                    let phi = &mut phi[group * per_row..][..per_row];
                    kernel::attribute(self.speed, &task, phi, &mut scratch);
                }
            }
            flush(&mut phi, values, per_row);
        }
        for value in values {
            *value *= self.scale;
        }
    }

    /// Interactions, `L` rows at a time, on top of zeros.
    fn interact_groups<A: Layout, const L: usize>(
        &self,
        rows: ArrayView2<'_, f64>,
        values: &mut [f64],
    ) {
        let n = self.n_features;
        let (per_row, per_pair) = (self.n_outputs * n, self.n_outputs * n_pairs(n));
        let stride = self.columns.len() + self.spare;
        let mut columns = Vec::new();
        self.columns.read::<T, A, L>(rows, self.spare, &mut columns);
        let n_groups = rows.nrows().div_ceil(L);
        let mut phi = vec![Lanes::<T, A, L>::ZERO; n_groups * per_row];
        let used_pairs = self.n_outputs * n_pairs(self.n_used);
        let mut pairs = vec![Lanes::<T, A, L>::ZERO; n_groups * used_pairs];
        // The Shapley values themselves, for the diagonal.
        let mut totals = vec![0.0; rows.nrows() * per_row];
        let mut scratch = Scratch::default();
        for batch in self.members.chunks(BATCH_PAIR_TREES) {
            for Member { program, .. } in batch {
                self.ask_categories(program, &mut columns);
                let factors = PairFactors::new(program);
                for group in 0..n_groups {
                    let task = Task {
                        program,
                        fast: None,
                        table: None,
                        n_features: n,
                        columns: &columns[group * stride..][..stride],
                    };
                    let mut sums = Sums {
                        phi: &mut phi[group * per_row..][..per_row],
                        n_features: n,
                        pairs: &mut pairs[group * used_pairs..][..used_pairs],
                        ranks: &self.ranks,
                        n_used: self.n_used,
                    };
                    kernel::interact(self.speed, &task, &factors, &mut sums, &mut scratch);
                }
            }
            flush(&mut phi, &mut totals, per_row);
            self.flush_pairs(&mut pairs, values, per_pair);
        }
        let matrices = totals.chunks_exact(n).zip(values.chunks_exact_mut(n_pairs(n)));
        for (totals, values) in matrices {
            for value in values.iter_mut() {
                *value *= self.scale / 2.0;
            }
            for (a, total) in totals.iter().enumerate() {
                let others = (0..n).filter(|&b| b != a);
                let sum: f64 = others.map(|b| values[Interactions::pair(n, a, b)]).sum();
                values[pair(a, a, n)] = total * self.scale - sum;
            }
        }
    }

    /// Writes the answers to the tree's tests of categories behind the columns.
    fn ask_categories<A: Layout, const L: usize>(
        &self,
        program: &Program<'_, T>,
        columns: &mut [Lanes<T, A, L>],
    ) {
        if program.categories.is_empty() {
            return;
        }
        let n_columns = self.columns.len();
        for group in columns.chunks_exact_mut(n_columns + self.spare) {
            let (columns, answers) = group.split_at_mut(n_columns);
            for (test, answer) in program.categories.iter().zip(answers) {
                *answer = test.ask(columns[test.column]);
            }
        }
    }

    /// Adds the sums of pairs of features in use to the rows' values, and empties them.
    fn flush_pairs<A: Layout, const L: usize>(
        &self,
        pairs: &mut [Lanes<T, A, L>],
        values: &mut [f64],
        per_row: usize,
    ) {
        let used: Vec<usize> =
            (0..self.n_features).filter(|&feature| self.ranks[feature] != NONE).collect();
        let n_used_pairs = n_pairs(self.n_used);
        let groups = pairs.chunks_exact_mut((self.n_outputs * n_used_pairs).max(1));
        for (pairs, values) in groups.zip(values.chunks_mut(L * per_row)) {
            for (output, pairs) in pairs.chunks_exact(n_used_pairs.max(1)).enumerate() {
                let mut sums = pairs.iter();
                for (place, &a) in used.iter().enumerate() {
                    for (&b, sum) in used[place..].iter().zip(&mut sums) {
                        let to = output * n_pairs(self.n_features) + pair(a, b, self.n_features);
                        for (row, sum) in values.chunks_exact_mut(per_row).zip(sum.0) {
                            row[to] += sum.to_f64();
                        }
                    }
                }
            }
            pairs.fill(Lanes::ZERO);
        }
    }
}

/// Adds the sums of a batch of trees to the rows' values, and empties them.
fn flush<T: Real, A: Layout, const L: usize>(
    phi: &mut [Lanes<T, A, L>],
    values: &mut [f64],
    per_row: usize,
) {
    let groups = phi.chunks_exact_mut(per_row).zip(values.chunks_mut(L * per_row));
    for (phi, values) in groups {
        for (lane, row) in values.chunks_exact_mut(per_row).enumerate() {
            row.iter_mut().zip(&*phi).for_each(|(value, phi)| *value += phi.0[lane].to_f64());
        }
        phi.fill(Lanes::ZERO);
    }
}
