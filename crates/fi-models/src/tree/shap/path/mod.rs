//! Path-dependent TreeSHAP by quadrature over rows side by side.
//!
//! The Shapley values of a tree are integrals over `t` of a polynomial: what the tree would
//! answer if every feature were known with the probability `t`, derived by that feature. Its
//! degree is one less than the number `d` of different features on a path, so a Gauss–Legendre
//! rule of `⌈d / 2⌉` nodes gives the integral exactly. [`walk`] has the formulas.

mod columns;
mod lanes;
mod program;
mod quadrature;
mod walk;

#[cfg(test)]
mod tests;

use fi_core::{Error, Result};
use ndarray::{ArrayView2, Axis};

use super::super::ensemble::Ensemble;
use super::super::split::Precision;
use super::engine::Engine;
use columns::{Columns, MOST_RANKS};
use lanes::{Lanes, Real};
use program::Program;
use quadrature::Rule;
use walk::{Scratch, walk};

/// So many trees are summed in the arithmetic's own precision before the sum goes into doubles.
const BATCH_TREES: usize = 64;

/// Rows that go through one tree before the next.
const BLOCK_ROWS: usize = 256;

/// The engine for an ensemble, with this precision of arithmetic.
///
/// # Errors
///
/// [`Error::Data`] if the ensemble does not know the covers of its nodes.
pub(super) fn engine(ensemble: &Ensemble, precision: Precision) -> Result<Box<dyn Engine + '_>> {
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
            return Ok(Box::new(PathEngine::<f32, 16>::new(ensemble, columns)));
        }
    }
    Ok(Box::new(PathEngine::<f64, 8>::new(ensemble, Columns::new(ensemble, false))))
}

/// The trees of an ensemble, ready to be walked, `L` rows at a time.
struct PathEngine<'a, T, const L: usize> {
    columns: Columns,
    programs: Vec<Program<'a, T>>,
    base: Vec<f64>,
    scale: f64,
    n_features: usize,
    n_outputs: usize,
}

impl<'a, T: Real, const L: usize> PathEngine<'a, T, L> {
    fn new(ensemble: &'a Ensemble, columns: Columns) -> Self {
        let mut rules: std::collections::BTreeMap<usize, Rule> = std::collections::BTreeMap::new();
        let mut rule = |n: usize| rules.entry(n).or_insert_with(|| Rule::new(n)).clone();
        let mut above = vec![None; ensemble.n_features()];
        let programs: Vec<Program<'a, T>> = ensemble
            .trees()
            .map(|tree| Program::new(tree, &columns, &mut above, &mut rule))
            .collect();
        let mut sums = vec![0.0; ensemble.n_outputs()];
        for program in &programs {
            let sums = sums.iter_mut().skip(program.output);
            sums.zip(&program.expected).for_each(|(sum, expected)| *sum += expected);
        }
        let scale = ensemble.scale();
        let base = ensemble.base().iter().zip(sums).map(|(base, sum)| base + scale * sum).collect();
        let (n_features, n_outputs) = (ensemble.n_features(), ensemble.n_outputs());
        Self { columns, programs, base, scale, n_features, n_outputs }
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
        values.fill(0.0);
        let mut columns = Vec::new();
        let mut scratch = Scratch { a: vec![], s: vec![], g: vec![], h: vec![] };
        let blocks = rows.axis_chunks_iter(Axis(0), BLOCK_ROWS);
        for (rows, values) in blocks.zip(values.chunks_mut((BLOCK_ROWS * per_row).max(1))) {
            self.columns.read::<T, L>(rows, &mut columns);
            let n_groups = rows.nrows().div_ceil(L);
            let mut phi = vec![Lanes::<T, L>::ZERO; n_groups * per_row];
            for batch in self.programs.chunks(BATCH_TREES) {
                for program in batch.iter().filter(|program| !program.splits.is_empty()) {
                    for group in 0..n_groups {
                        walk::<T, L, false>(
                            program,
                            program.t.len().min(8),
                            &columns[group * self.columns.len()..][..self.columns.len()],
                            self.n_features,
                            &mut phi[group * per_row..][..per_row],
                            &mut scratch,
                        );
                    }
                }
                flush(&mut phi, values, per_row);
            }
        }
        values.iter_mut().for_each(|value| *value *= self.scale);
    }

    fn interact(&self, _rows: ArrayView2<'_, f64>, values: &mut [f64]) {
        values.fill(0.0);
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
