//! Selectors against scikit-learn and boruta_py, on noise and on signal, and on bad input.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod anytime;
mod errors;
mod golden;
mod honest;
mod knockoffs;
mod properties;
mod selectors;

use fi_core::{Dataset, Function, Importance, Learner, Model, Players, Result, Rng, Run, Target};
use ndarray::{Array1, Array2, ArrayView2, Axis};

/// Ridge regression with an intercept that is not penalised.
pub(crate) struct Ridge(pub(crate) f64);

impl Ridge {
    pub(crate) fn coefficients(&self, data: &Dataset) -> Result<(Vec<f64>, f64)> {
        use linfa_linalg::cholesky::SolveCInplace;
        let target = Array1::from(data.target().values().unwrap().to_vec());
        let mean = data.rows().mean_axis(Axis(0)).unwrap();
        let centre = target.mean().unwrap();
        let rows = &data.rows() - &mean;
        let mut gram = rows.t().dot(&rows);
        gram.diag_mut().mapv_inplace(|x| x + self.0);
        let mut right = rows.t().dot(&(target - centre)).insert_axis(Axis(1));
        let beta =
            gram.solvec_inplace(&mut right).map_err(fi_core::Error::model)?.column(0).to_vec();
        let intercept = centre - mean.iter().zip(&beta).map(|(m, b)| m * b).sum::<f64>();
        Ok((beta, intercept))
    }
}

impl Learner for Ridge {
    fn train(&self, _run: &Run<'_>, data: &Dataset) -> Result<Box<dyn Model>> {
        let (beta, intercept) = self.coefficients(data)?;
        Ok(Box::new(Function::new(beta.len(), 1, move |rows: ArrayView2<'_, f64>| {
            Array2::from_shape_fn((rows.nrows(), 1), |(i, _)| {
                rows.row(i).iter().zip(&beta).fold(intercept, |sum, (x, b)| sum + x * b)
            })
        })))
    }
}

/// The sizes of the coefficients of a ridge regression, summed over a player's columns.
pub(crate) fn sizes(
    _: &Run<'_>,
    _: &dyn Learner,
    data: &Dataset,
    players: &Players,
) -> Result<Importance> {
    let (beta, _) = Ridge(1.5).coefficients(data)?;
    let size = |i: usize| players.members(i).iter().map(|&column| beta[column].abs()).sum();
    Importance::new("sizes", players.names(), (0..players.len()).map(size).collect())
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

pub(crate) fn features(n: usize) -> Players {
    Players::features((0..n).map(|i| format!("x{i}"))).unwrap()
}
