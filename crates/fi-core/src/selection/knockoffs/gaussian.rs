//! Knockoffs of features that are jointly normal.

use linfa_linalg::cholesky::InverseC;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, s};

use super::Construction;
use crate::conditional::{DETERMINED, Gaussian, moments, semidefinite};
use crate::error::{Error, Result, require_shape};
use crate::rng::Rng;

#[cfg(test)]
mod tests;

/// Draws a knockoff of each feature of jointly normal ones: what stands in its place as if nothing
/// had happened.
///
/// ```text
/// x̃ | x  ~  N( x − diag(s) Σ⁻¹ (x − μ),   2 diag(s) − diag(s) Σ⁻¹ diag(s) )
///
///                            ⎛ Σ             Σ − diag(s) ⎞
/// so that  (x, x̃) has cov.   ⎜                           ⎟
///                            ⎝ Σ − diag(s)   Σ           ⎠
/// ```
///
/// which does not change when a feature trades places with its knockoff. The target is not looked
/// at, so given the features a knockoff says nothing of it.
///
/// A feature that is constant, or that others determine, has no knockoff but itself: its `s` is 0.
///
/// # Cost
///
/// A few dozen times `n_features³` multiplications to make, then `2 n_features²` per row.
///
/// # When it misleads
///
/// Where features are not jointly normal, only means and covariances trade places (*second-order*
/// knockoffs): a learner that sees more, such as that an original holds whole numbers, may tell an
/// original from its knockoff without any help of the target.
///
/// # Example
///
/// ```
/// use fi_core::selection::{Construction, GaussianKnockoffs};
/// use fi_core::Rng;
/// use ndarray::{Array2, array};
///
/// // Independent features: the knockoffs are fresh draws.
/// let sampler =
///     GaussianKnockoffs::new(vec![5.0, 0.0], Array2::eye(2).view(), Construction::Mvr)?;
/// assert!(sampler.distances().iter().all(|s| (s - 1.0).abs() < 1e-6));
/// let copies = sampler.sample(array![[5.0, 1.0], [4.0, 2.0]].view(), &mut Rng::new(0, 0))?;
/// assert_eq!(copies.dim(), (2, 2));
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Candès, Fan, Janson, Lv (2018). *Panning for gold: "model-X" knockoffs for high dimensional
///   controlled variable selection.* JRSS B 80(3). <https://doi.org/10.1111/rssb.12265>
/// - Spector, Janson (2022). *Powerful knockoffs via minimizing reconstructability.* Annals of
///   Statistics 50(1). <https://doi.org/10.1214/21-AOS2104>
#[derive(Debug)]
pub struct GaussianKnockoffs {
    mean: Vec<f64>,
    std: Vec<f64>,
    /// The features that say all that the others do, and among them those with a knockoff.
    known: Vec<usize>,
    features: Vec<usize>,
    /// Of the standardised features; 0 for one without a knockoff.
    distances: Vec<f64>,
    /// `(known, features)`: `Σ⁻¹ diag(s)`.
    drift: Array2<f64>,
    /// `(features, features)`: Cholesky's factor of the covariance of `x̃` given `x`.
    noise: Array2<f64>,
    /// How far the correlations were shrunk to 0, as a share.
    pub(super) shrinkage: f64,
}

impl GaussianKnockoffs {
    /// The knockoffs of features with these means and this `(n_features, n_features)` covariance.
    ///
    /// # Errors
    ///
    /// As for [`Gaussian::new`].
    pub fn new(
        mean: Vec<f64>,
        covariance: ArrayView2<'_, f64>,
        construction: Construction,
    ) -> Result<Self> {
        Gaussian::new(mean.clone(), covariance)?;
        let (std, correlation) = standardised(covariance);
        let all: Vec<usize> = (0..mean.len()).collect();
        let ties = Ties::find(correlation.view(), usize::MAX);
        let correlation = ties.among(&correlation);
        Self::of((mean, std), &ties, (correlation.view(), 0.0), &all, construction)
    }

    /// The knockoffs of `wanted` columns of a table without missing values, given its others; means
    /// and covariance are those of rows with a positive weight.
    pub(super) fn fit(
        rows: ArrayView2<'_, f64>,
        weights: &[f64],
        wanted: &[usize],
        construction: Construction,
    ) -> Result<Self> {
        let counts: Vec<usize> = (0..rows.nrows()).filter(|&row| weights[row] > 0.0).collect();
        if counts.len() < 3 {
            let what = "the covariance of features with knockoffs".to_owned();
            return Err(Error::TooFewRows { what, needed: 3, got: counts.len() });
        }
        let weights = Array1::from_iter(counts.iter().map(|&row| weights[row]));
        let weights = &weights / weights.sum();
        let mut rows = rows.select(Axis(0), &counts);
        let (mean, mut covariance) = moments(rows.view(), &weights.to_vec())?;
        for (column, values) in rows.columns().into_iter().enumerate() {
            // Its variance may be a rounding error.
            if values.iter().all(|value| value == values.first().unwrap_or(value)) {
                covariance.row_mut(column).fill(0.0);
                covariance.column_mut(column).fill(0.0);
            }
        }
        let (std, correlation) = standardised(covariance.view());
        let ties = Ties::find(correlation.view(), counts.len());
        let biased = (1.0 - 1.0 / counts.len() as f64).sqrt();
        for ((mut column, mean), std) in rows.columns_mut().into_iter().zip(&mean).zip(&std) {
            column.mapv_inplace(|x| (x - mean) / (std * biased));
        }
        let shrunk =
            shrunk(ties.among(&correlation), rows.select(Axis(1), &ties.known).view(), &weights);
        Self::of((mean, std), &ties, (shrunk.0.view(), shrunk.1), wanted, construction)
    }

    /// By the correlation of the known features.
    fn of(
        (mean, std): (Vec<f64>, Vec<f64>),
        ties: &Ties,
        (correlation, shrinkage): (ArrayView2<'_, f64>, f64),
        wanted: &[usize],
        construction: Construction,
    ) -> Result<Self> {
        let known = ties.known.clone();
        let places: Vec<usize> = (0..known.len())
            .filter(|&place| !ties.tied[known[place]] && wanted.contains(&known[place]))
            .collect();
        let features: Vec<usize> = places.iter().map(|&place| known[place]).collect();
        let mut sampler = Self {
            distances: vec![0.0; mean.len()],
            drift: Array2::zeros((known.len(), features.len())),
            noise: Array2::zeros((features.len(), features.len())),
            mean,
            std,
            known,
            features,
            shrinkage,
        };
        if places.is_empty() {
            return Ok(sampler);
        }
        let precision = correlation.invc().map_err(Error::model)?;
        let of_features = precision.select(Axis(0), &places).select(Axis(1), &places);
        // Given the features without a knockoff, only the rest of each feature can be exchanged.
        let rest = if places.len() == sampler.known.len() {
            correlation.to_owned()
        } else {
            of_features.invc().map_err(Error::model)?
        };
        let (scale, correlation) = standardised(rest.view());
        let s = construction.distances(correlation.view())?;
        let s: Array1<f64> = s.iter().zip(&scale).map(|(s, scale)| s * scale * scale).collect();
        sampler.drift = precision.select(Axis(1), &places) * &s;
        let mut covariance = of_features * &s * s.view().insert_axis(Axis(1)) * -1.0;
        covariance.diag_mut().iter_mut().zip(&s).for_each(|(x, s)| *x += 2.0 * s);
        let order: Vec<usize> = (0..s.len()).collect();
        (sampler.noise, _) = semidefinite(covariance.view(), &order);
        sampler.features.iter().zip(&s).for_each(|(&feature, &s)| sampler.distances[feature] = s);
        Ok(sampler)
    }

    /// `sⱼ = var xⱼ − cov(xⱼ, x̃ⱼ)` of each feature, in its unit squared.
    pub fn distances(&self) -> Vec<f64> {
        self.distances.iter().zip(&self.std).map(|(s, std)| s * std * std).collect()
    }

    /// The features that have a knockoff.
    pub(super) fn features(&self) -> &[usize] {
        &self.features
    }

    /// How many features say all that the others do.
    pub(super) fn n_known(&self) -> usize {
        self.known.len()
    }

    /// Draws the knockoffs of rows, in their shape `(n_rows, n_features)`; a feature without a
    /// knockoff is as it was.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] for another number of features; [`Error::NotFinite`] for a value that is
    /// missing or infinite.
    pub fn sample(&self, rows: ArrayView2<'_, f64>, rng: &mut Rng) -> Result<Array2<f64>> {
        require_shape("the table of rows", &[rows.nrows(), self.mean.len()], rows.shape())?;
        if let Some(((row, column), &value)) = rows.indexed_iter().find(|(_, x)| !x.is_finite()) {
            let (what, column) = ("the table of rows".to_owned(), Some(column.to_string()));
            return Err(Error::NotFinite { what, row, column, value });
        }
        let of_known = |(row, k): (usize, usize)| {
            let feature = self.known[k];
            (rows[[row, feature]] - self.mean[feature]) / self.std[feature]
        };
        let known = Array2::from_shape_fn((rows.nrows(), self.known.len()), of_known);
        let shape = (rows.nrows(), self.features.len());
        let noise = Array2::from_shape_simple_fn(shape, || rng.normal());
        let moves = noise.dot(&self.noise.t()) - known.dot(&self.drift);
        let mut copies = rows.to_owned();
        for (&feature, moves) in self.features.iter().zip(moves.columns()) {
            copies.column_mut(feature).scaled_add(self.std[feature], &moves);
        }
        Ok(copies)
    }
}

/// Standard deviations and correlation, with 0 for what is constant.
fn standardised(covariance: ArrayView2<'_, f64>) -> (Vec<f64>, Array2<f64>) {
    let std = covariance.diag().mapv(f64::sqrt).to_vec();
    let correlation = Array2::from_shape_fn(covariance.dim(), |(i, j)| match std[i] * std[j] {
        scale if i == j => f64::from(u8::from(scale > 0.0)),
        scale if scale > 0.0 => covariance[[i, j]] / std[i] / std[j],
        _ => 0.0,
    });
    (std, correlation)
}

/// Which features follow from others.
struct Ties {
    /// Whether a feature is constant, determined by others, or helps to determine one.
    tied: Vec<bool>,
    /// The features that say all that there is to know, ascending.
    known: Vec<usize>,
}

impl Ties {
    /// By the correlation of so many rows.
    fn find(correlation: ArrayView2<'_, f64>, n_rows: usize) -> Self {
        let n = correlation.nrows();
        let order: Vec<usize> = (0..n).collect();
        let (lower, _) = semidefinite(correlation, &order);
        let (mut tied, mut known) = (vec![false; n], Vec::<usize>::new());
        for k in 0..n {
            if correlation[[k, k]] == 0.0 {
                tied[k] = true;
            } else if known.len() + 1 < n_rows {
                if lower[[k, k]] > 0.0 {
                    known.push(k);
                    continue;
                }
                tied[k] = true;
                // x_k = ∑ b_i x_i of the known features so far: Lᵀ b is its row of L.
                let mut b = lower.slice(s![k, ..]).to_owned();
                for at in (0..known.len()).rev() {
                    let i = known[at];
                    let later: f64 = known[at + 1..].iter().map(|&m| lower[[m, i]] * b[m]).sum();
                    b[i] = (b[i] - later) / lower[[i, i]];
                    tied[i] |= b[i].abs() > 1e-4;
                }
            } else {
                // So few rows make any feature a sum of others: only a copy is no chance.
                let copy = |&&i: &&usize| correlation[[i, k]].abs() >= 1.0 - DETERMINED;
                match known.iter().find(copy) {
                    Some(&i) => (tied[i], tied[k]) = (true, true),
                    None => known.push(k),
                }
            }
        }
        Self { tied, known }
    }

    /// The correlation of the known features.
    fn among(&self, correlation: &Array2<f64>) -> Array2<f64> {
        correlation.select(Axis(0), &self.known).select(Axis(1), &self.known)
    }
}

/// The correlation as near to independence as its own noise asks for, and by what share it was
/// moved there (Ledoit and Wolf, of standardised columns).
fn shrunk(
    correlation: Array2<f64>,
    standardised: ArrayView2<'_, f64>,
    weights: &Array1<f64>,
) -> (Array2<f64>, f64) {
    let size = |matrix: &Array2<f64>| matrix.iter().map(|x| x * x).sum::<f64>();
    let all = size(&correlation);
    let away = all - correlation.nrows() as f64;
    let projected = standardised.dot(&correlation);
    let of_row = |row: ArrayView1<'_, f64>, projected: ArrayView1<'_, f64>| {
        row.dot(&row).powi(2) - 2.0 * projected.dot(&row) + all
    };
    let rows = standardised.rows().into_iter().zip(projected.rows()).zip(weights);
    let noise: f64 = rows.map(|((row, to), weight)| weight * weight * of_row(row, to)).sum();
    if away <= 0.0 {
        return (correlation, 0.0);
    }
    let share = (noise / away).min(1.0);
    let mut shrunk = correlation * (1.0 - share);
    shrunk.diag_mut().fill(1.0);
    (shrunk, share)
}
