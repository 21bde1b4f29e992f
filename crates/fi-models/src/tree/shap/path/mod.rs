//! Path-dependent TreeSHAP by quadrature over rows side by side.
//!
//! The Shapley values of a tree are integrals over `t` of a polynomial: what the tree would
//! answer if every feature were known with the probability `t`, derived by that feature. Its
//! degree is one less than the number `d` of different features on a path, so a Gauss–Legendre
//! rule of `⌈d / 2⌉` nodes gives the integral exactly. [`walk`] has the formulas.

mod columns;
mod fast;
mod kernel;
mod lanes;
mod pairs;
mod program;
mod quadrature;
mod walk;

#[cfg(test)]
mod tests;

use fi_core::{Error, Result};
use ndarray::{ArrayView2, Axis};

use super::super::ensemble::Ensemble;
use super::super::split::Precision;
use super::engine::{Engine, n_pairs, pair};
use columns::{Columns, MOST_RANKS};
use fast::Fast;
use kernel::{Speed, Task};
use lanes::{Lanes, Real};
use pairs::{PairFactors, Sums};
use program::{NONE, Program};
use quadrature::Rule;
use walk::Scratch;

/// So many trees are summed in the arithmetic's own precision before the sum goes into doubles.
const BATCH_TREES: usize = 64;

/// The same for interactions, of which each gets fewer terms.
const BATCH_PAIR_TREES: usize = 256;

/// Rows that go through one tree before the next.
const BLOCK_ROWS: usize = 256;

/// The engine for an ensemble, with this precision of arithmetic.
///
/// # Errors
///
/// [`Error::Data`] if the ensemble does not know the covers of its nodes.
pub(super) fn engine(ensemble: &Ensemble, precision: Precision) -> Result<Box<dyn Engine + '_>> {
    engine_at(ensemble, precision, Speed::of_this_machine())
}

fn engine_at(
    ensemble: &Ensemble,
    precision: Precision,
    speed: Speed,
) -> Result<Box<dyn Engine + '_>> {
    if !ensemble.statistics().cover {
        return Err(Error::Data(
            "the model's file has no covers, which path-dependent SHAP weighs the branches of \
             trees with: take them from rows with `Ensemble::with_covers_of`, or explain with \
             `Perturbation::Interventional`"
                .into(),
        ));
    }
    if precision == Precision::F32 {
        let columns = Columns::new(ensemble, ensemble.precision() == Precision::F64);
        if columns.most_ranks() < MOST_RANKS {
            return Ok(Box::new(PathEngine::<f32, 16>::new(ensemble, columns, speed)));
        }
    }
    Ok(Box::new(PathEngine::<f64, 8>::new(ensemble, Columns::new(ensemble, false), speed)))
}

/// The trees of an ensemble, ready to be walked, `L` rows at a time.
struct PathEngine<'a, T, const L: usize> {
    columns: Columns,
    programs: Vec<(Program<'a, T>, Option<Fast<T>>)>,
    speed: Speed,
    base: Vec<f64>,
    scale: f64,
    n_features: usize,
    n_outputs: usize,
    /// The place of each feature among those that some split is on, and how many those are.
    ranks: Vec<u32>,
    n_used: usize,
    /// The largest number of tests of categories that a tree has.
    spare: usize,
}

impl<'a, T: Real, const L: usize> PathEngine<'a, T, L> {
    fn new(ensemble: &'a Ensemble, columns: Columns, speed: Speed) -> Self {
        let mut rules: std::collections::BTreeMap<usize, Rule> = std::collections::BTreeMap::new();
        let mut rule = |n: usize| rules.entry(n).or_insert_with(|| Rule::new(n)).clone();
        let mut above = vec![None; ensemble.n_features()];
        let programs: Vec<(Program<'a, T>, Option<Fast<T>>)> = ensemble
            .trees()
            .map(|tree| {
                let program = Program::new(tree, &columns, &mut above, &mut rule);
                let fast = Fast::new(&program, ensemble.n_features());
                (program, fast)
            })
            .collect();
        let mut sums = vec![0.0; ensemble.n_outputs()];
        for (program, _) in &programs {
            let sums = sums.iter_mut().skip(program.output);
            sums.zip(&program.expected).for_each(|(sum, expected)| *sum += expected);
        }
        let scale = ensemble.scale();
        let base = ensemble.base().iter().zip(sums).map(|(base, sum)| base + scale * sum).collect();
        let (n_features, n_outputs) = (ensemble.n_features(), ensemble.n_outputs());
        let mut ranks = vec![NONE; n_features];
        for split in programs.iter().flat_map(|(program, _)| &program.splits) {
            ranks[split.feature as usize] = 0;
        }
        let used = ranks.iter_mut().filter(|rank| **rank != NONE);
        let n_used = used.zip(0..).map(|(rank, place)| *rank = place).count();
        let spare = programs.iter().map(|(program, _)| program.categories.len()).max();
        let spare = spare.unwrap_or(0);
        Self { columns, programs, speed, base, scale, n_features, n_outputs, ranks, n_used, spare }
    }
}

impl<T: Real, const L: usize> Engine for PathEngine<'_, T, L> {
    fn base_values(&self) -> &[f64] {
        &self.base
    }

    fn block_rows(&self) -> usize {
        BLOCK_ROWS
    }

    fn attribute(&self, rows: ArrayView2<'_, f64>, values: &mut [f64]) {
        let per_row = self.n_outputs * self.n_features;
        let stride = self.columns.len() + self.spare;
        values.fill(0.0);
        let mut columns = Vec::new();
        let mut scratch = Scratch { a: vec![], s: vec![], g: vec![], h: vec![] };
        let blocks = rows.axis_chunks_iter(Axis(0), BLOCK_ROWS);
        for (rows, values) in blocks.zip(values.chunks_mut((BLOCK_ROWS * per_row).max(1))) {
            self.columns.read::<T, L>(rows, self.spare, &mut columns);
            let n_groups = rows.nrows().div_ceil(L);
            let mut phi = vec![Lanes::<T, L>::ZERO; n_groups * per_row];
            for batch in self.programs.chunks(BATCH_TREES) {
                for (program, fast) in batch {
                    self.ask_categories(program, &mut columns);
                    for group in 0..n_groups {
                        let task = Task {
                            program,
                            fast: fast.as_ref(),
                            n_features: self.n_features,
                            columns: &columns[group * stride..][..stride],
                        };
                        let phi = &mut phi[group * per_row..][..per_row];
                        kernel::attribute(self.speed, &task, phi, &mut scratch);
                    }
                }
                flush(&mut phi, values, per_row);
            }
        }
        values.iter_mut().for_each(|value| *value *= self.scale);
    }

    fn interact(&self, rows: ArrayView2<'_, f64>, values: &mut [f64]) {
        let n = self.n_features;
        let (per_row, per_pair) = (self.n_outputs * n, self.n_outputs * n_pairs(n));
        let stride = self.columns.len() + self.spare;
        values.fill(0.0);
        let mut columns = Vec::new();
        self.columns.read::<T, L>(rows, self.spare, &mut columns);
        let mut scratch = Scratch { a: vec![], s: vec![], g: vec![], h: vec![] };
        let n_groups = rows.nrows().div_ceil(L);
        let mut phi = vec![Lanes::<T, L>::ZERO; n_groups * per_row];
        let used_pairs = self.n_outputs * n_pairs(self.n_used);
        let mut pairs = vec![Lanes::<T, L>::ZERO; n_groups * used_pairs];
        // The Shapley values themselves, for the diagonal.
        let mut totals = vec![0.0; rows.nrows() * per_row];
        for batch in self.programs.chunks(BATCH_PAIR_TREES) {
            for (program, _) in batch {
                self.ask_categories(program, &mut columns);
                let factors = PairFactors::new(program);
                for group in 0..n_groups {
                    let task = Task {
                        program,
                        fast: None,
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
            values.iter_mut().for_each(|value| *value *= self.scale / 2.0);
            for (a, total) in totals.iter().enumerate() {
                let others = (0..n).filter(|&b| b != a);
                let sum: f64 = others.map(|b| values[pair(a.min(b), a.max(b), n)]).sum();
                values[pair(a, a, n)] = total * self.scale - sum;
            }
        }
    }
}

impl<T: Real, const L: usize> PathEngine<'_, T, L> {
    /// Writes the answers to the tree's tests of categories behind the columns.
    fn ask_categories(&self, program: &Program<'_, T>, columns: &mut [Lanes<T, L>]) {
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
    fn flush_pairs(&self, pairs: &mut [Lanes<T, L>], values: &mut [f64], per_row: usize) {
        let used: Vec<usize> =
            (0..self.n_features).filter(|&feature| self.ranks[feature] != NONE).collect();
        let n_used_pairs = n_pairs(self.n_used);
        let groups = pairs.chunks_exact_mut((self.n_outputs * n_used_pairs).max(1));
        for (pairs, values) in groups.zip(values.chunks_mut(L * per_row)) {
            for (output, pairs) in pairs.chunks_exact(n_used_pairs.max(1)).enumerate() {
                let mut at = 0;
                for (place, &a) in used.iter().enumerate() {
                    for &b in &used[place..] {
                        let to = output * n_pairs(self.n_features) + pair(a, b, self.n_features);
                        for (row, sum) in values.chunks_exact_mut(per_row).zip(pairs[at].0) {
                            row[to] += sum.to_f64();
                        }
                        at += 1;
                    }
                }
            }
            pairs.fill(Lanes::ZERO);
        }
    }
}

/// Adds the sums of a batch of trees to the rows' values, and empties them.
fn flush<T: Real, const L: usize>(phi: &mut [Lanes<T, L>], values: &mut [f64], per_row: usize) {
    let groups = phi.chunks_exact_mut(per_row).zip(values.chunks_mut(L * per_row));
    for (phi, values) in groups {
        for (lane, row) in values.chunks_exact_mut(per_row).enumerate() {
            row.iter_mut().zip(&*phi).for_each(|(value, phi)| *value += phi.0[lane].to_f64());
        }
        phi.fill(Lanes::ZERO);
    }
}
