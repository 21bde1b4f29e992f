//! How far knockoffs are from their features: the diagonal `s` in `cov(x, x̃) = Σ − diag(s)`.
//!
//! `Σ` and `2Σ − diag(s)` must be positive semi-definite. The larger `s`, the easier a feature is
//! told from its knockoff; what else one wants of it is the construction.

use linfa_linalg::cholesky::InverseC;
use linfa_linalg::eigh::EigValsh;
use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How the distance between features and their knockoffs is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Construction {
    /// Minimum variance-based reconstructability: no feature can be guessed well from the others
    /// and all knockoffs. The `s` that minimise `tr (2Σ − diag(s))⁻¹ + ∑ 1/sⱼ`, by coordinate
    /// descent.
    #[default]
    Mvr,
    /// The same `s` for all standardised features, `min(1, 2 λ)` with the smallest eigenvalue `λ`
    /// of their correlation. Where features depend on each other strongly, sums of a feature and
    /// its knockoff say which is which, and power is lost.
    Equicorrelated,
}

/// Coordinate descent has converged when no `s` moves by more than this share of it.
const SMALL_MOVE: f64 = 1e-7;
const MAX_SWEEPS: usize = 200;

impl Construction {
    /// The `s` of a positive definite correlation matrix.
    pub(super) fn distances(self, correlation: ArrayView2<'_, f64>) -> Result<Vec<f64>> {
        let eigenvalues = correlation.eigvalsh().map_err(Error::model)?;
        let least = eigenvalues.iter().fold(f64::INFINITY, |least, &value| least.min(value));
        match self {
            Self::Equicorrelated => Ok(vec![(2.0 * least).clamp(0.0, 1.0); correlation.nrows()]),
            // Half of the largest common distance is inside the domain.
            Self::Mvr => mvr(correlation, least.clamp(0.0, 1.0)),
        }
    }
}

/// A step moves `sⱼ` by `δ` to the minimum of what depends on it. With `D = 2Σ − diag(s)`,
///
/// ```text
/// tr (D − δ eⱼeⱼᵀ)⁻¹ = tr D⁻¹ + δ c² / (1 − δ d),     d = (D⁻¹)ⱼⱼ,  c = ‖D⁻¹eⱼ‖
/// ```
///
/// so that `c (sⱼ + δ) = 1 − δ d` there, which never leaves the domain.
fn mvr(correlation: ArrayView2<'_, f64>, start: f64) -> Result<Vec<f64>> {
    let mut s = vec![start; correlation.nrows()];
    for _ in 0..MAX_SWEEPS {
        let mut difference = &correlation * 2.0;
        difference.diag_mut().iter_mut().zip(&s).for_each(|(x, s)| *x -= s);
        // Anew in each sweep, so that the roundings of steps do not add up.
        let mut inverse: Array2<f64> = difference.invc().map_err(Error::model)?;
        let mut largest_move = 0.0_f64;
        for j in 0..s.len() {
            let column = inverse.column(j).to_owned();
            let (d, c) = (column[j], column.dot(&column).sqrt());
            let step = (1.0 - c * s[j]) / (c + d);
            s[j] += step;
            largest_move = largest_move.max(step.abs() / s[j]);
            let scale = step / (1.0 - step * d);
            for (mut row, &of_row) in inverse.rows_mut().into_iter().zip(&column) {
                row.scaled_add(scale * of_row, &column);
            }
        }
        if largest_move < SMALL_MOVE {
            break;
        }
    }
    Ok(s)
}
