//! Permutation importance, LOFO, occlusion and folds: their definitions, invariants, golden
//! numbers of other libraries, and the coverage of their intervals.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod anytime;
mod conditional;
mod conditional_golden;
mod coverage;
mod errors;
mod golden;
mod loco;
mod pairs;
mod permutation;
mod refit;

use fi_core::{Dataset, Function, Learner, Model, Result, Rng, Run, Target};
use ndarray::{Array1, Array2, ArrayView2, Axis};

/// `f(x) = intercept + βᵀx`.
pub(crate) fn linear(beta: &[f64], intercept: f64) -> impl Model + use<> {
    let beta = beta.to_vec();
    Function::new(beta.len(), 1, move |rows: ArrayView2<'_, f64>| {
        // Row by row, so that the answer does not depend on the batch.
        Array2::from_shape_fn((rows.nrows(), 1), |(i, _)| {
            rows.row(i).iter().zip(&beta).fold(intercept, |sum, (x, b)| sum + x * b)
        })
    })
}

/// Standard normal rows and `βᵀx` plus noise.
pub(crate) fn gaussian(seed: u64, n_rows: usize, beta: &[f64], noise: f64) -> Dataset {
    let mut rng = Rng::new(seed, 0);
    let rows = Array2::from_shape_simple_fn((n_rows, beta.len()), || rng.normal());
    let target = rows
        .rows()
        .into_iter()
        .map(|row| row.iter().zip(beta).map(|(x, b)| x * b).sum::<f64>() + noise * rng.normal())
        .collect();
    Dataset::new(rows, Target::Values(target)).unwrap()
}

/// Ordinary least squares, weighted, by the normal equations of centred columns.
pub(crate) struct Ols;

impl Learner for Ols {
    fn train(&self, _run: &Run<'_>, data: &Dataset) -> Result<Box<dyn Model>> {
        use linfa_linalg::cholesky::SolveCInplace;
        let n_rows = data.n_rows();
        let weights = Array1::from(data.weights().map_or(vec![1.0; n_rows], <[f64]>::to_vec));
        let target = Array1::from(data.target().values().unwrap().to_vec());
        let column = weights.clone().insert_axis(Axis(1));
        let mean = (&data.rows() * &column).sum_axis(Axis(0)) / weights.sum();
        let centre = (&target * &weights).sum() / weights.sum();
        let rows = &data.rows() - &mean;
        let weighted = &rows * &column;
        let mut gram = weighted.t().dot(&rows);
        let mut right = weighted.t().dot(&(target - centre)).insert_axis(Axis(1));
        let beta =
            gram.solvec_inplace(&mut right).map_err(fi_core::Error::model)?.column(0).to_vec();
        let intercept = centre - mean.iter().zip(&beta).map(|(m, b)| m * b).sum::<f64>();
        Ok(Box::new(linear(&beta, intercept)))
    }
}

pub(crate) fn on_threads<T: Send>(n_threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap().install(work)
}

/// Checks that two lists agree to `tolerance`, relative to the larger of 1 and the expectation.
#[track_caller]
pub(crate) fn assert_close(got: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(got.len(), expected.len());
    let close = |(a, b): (&f64, &f64)| (a - b).abs() <= tolerance * b.abs().max(1.0);
    assert!(got.iter().zip(expected).all(close), "{got:?} is not {expected:?}");
}
