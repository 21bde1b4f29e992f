//! Features that are jointly normal: the conditional distribution in closed form.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, ArrayViewMut1, Axis};

use super::factor::{Factor, Factors, semidefinite};
use super::{Conditional, checked, require_rows};
use crate::dataset::{Dataset, finite};
use crate::error::{Error, Result, require_shape};
use crate::rng::Rng;
use crate::scorer::rows_that_count;

/// Draws features from a joint normal distribution, given the others.
///
/// ```text
/// x_R | x_S  ~  N( μ_R + Σ_RS Σ_SS⁺ (x_S − μ_S),   Σ_RR − Σ_RS Σ_SS⁺ Σ_SR )
///
/// S  the features that are present and not missing       R  the others
/// μ, Σ  means and covariance of the features
/// ```
///
/// `Σ_SS⁺` is a generalised inverse: features are taken in column order, and one of which those
/// before it leave less than 10⁻¹⁰ of its variance counts as determined by them. It is not looked
/// at when it is present, and follows them exactly when it is drawn; so are copies. A constant
/// column is drawn as its mean and tells nothing.
///
/// # Cost
///
/// `n_features³ / 3` multiplications for each new set of present features (the last ones are kept,
/// up to 32 MiB), then `n_features²` per row and draw, or `n_features` for each feature that is
/// drawn where these are an eighth of all or fewer.
///
/// # When it misleads
///
/// Where the features are not jointly normal: drawn values fall between the categories of a
/// discrete feature and outside the range of a bounded one, and only linear dependence is seen.
/// [`GaussianCopula`](super::GaussianCopula) keeps every feature's own values.
///
/// # Example
///
/// ```
/// use fi_core::conditional::Gaussian;
/// use ndarray::array;
///
/// let gaussian = Gaussian::new(vec![1.0, 2.0], array![[4.0, 3.0], [3.0, 9.0]].view())?;
/// let (mean, covariance) = gaussian.given(array![3.0, 0.0].view(), &[true, false])?;
/// // μ₂ + Σ₂₁ / Σ₁₁ (x₁ − μ₁) = 2 + 3/4 · 2, and Σ₂₂ − Σ₂₁² / Σ₁₁ = 9 − 9/4.
/// assert!((mean[1] - 3.5).abs() < 1e-12 && (covariance[[1, 1]] - 6.75).abs() < 1e-12);
/// assert_eq!((mean[0], covariance[[0, 0]]), (3.0, 0.0));
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Anderson (2003). *An introduction to multivariate statistical analysis*, 3rd ed., §2.5. Wiley.
/// - Aas, Jullum, Løland (2021). *Explaining individual predictions when features are dependent.*
///   Artificial Intelligence 298. <https://doi.org/10.1016/j.artint.2021.103502>
#[derive(Debug)]
pub struct Gaussian {
    mean: Vec<f64>,
    /// 0 for a constant feature.
    std: Vec<f64>,
    /// With 0 on the diagonal for a constant feature.
    correlation: Array2<f64>,
    factors: Factors,
}

/// Sums of rounded products are symmetric and semi-definite up to this share of the variances.
const ROUNDING: f64 = 1e-6;

impl Gaussian {
    /// The normal distribution with these means and this `(n_features, n_features)` covariance.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`]; [`Error::NotFinite`]; [`Error::Data`] without features, or for a matrix
    /// that is not symmetric or not positive semi-definite.
    pub fn new(mean: Vec<f64>, covariance: ArrayView2<'_, f64>) -> Result<Self> {
        let n = mean.len();
        if n == 0 {
            return Err(Error::Data("the mean has no features, give at least one".into()));
        }
        finite("the mean", &mean)?;
        require_shape("the covariance", &[n, n], covariance.shape())?;
        let entries = || covariance.indexed_iter();
        if let Some(((row, column), &value)) = entries().find(|(_, value)| !value.is_finite()) {
            let (what, column) = ("the covariance".to_owned(), Some(column.to_string()));
            return Err(Error::NotFinite { what, row, column, value });
        }
        let refuse = |problem: String| {
            Err(Error::Data(format!(
                "the covariance {problem}, take one that is symmetric and positive semi-definite"
            )))
        };
        if let Some((feature, variance)) = covariance.diag().iter().enumerate().find(|v| *v.1 < 0.0)
        {
            return refuse(format!("has the variance `{variance}` of feature {feature}"));
        }
        let std = covariance.diag().mapv(f64::sqrt).to_vec();
        let scale = |(i, j): (usize, usize)| std[i] * std[j];
        let asymmetric = |at: (usize, usize)| {
            let difference = covariance[[at.0, at.1]] - covariance[[at.1, at.0]];
            difference.abs() > ROUNDING * scale(at)
        };
        if let Some(((i, j), _)) = entries().find(|(at, _)| asymmetric(*at)) {
            return refuse(format!("of features {i} and {j} differs from that of {j} and {i}"));
        }
        let correlation = Array2::from_shape_fn((n, n), |at| {
            if scale(at) > 0.0 { covariance[[at.0, at.1]] / std[at.0] / std[at.1] } else { 0.0 }
        });
        let beside_a_constant =
            |at: (usize, usize)| scale(at) == 0.0 && covariance[[at.0, at.1]] != 0.0;
        let order: Vec<usize> = (0..n).collect();
        let (_, lost) = semidefinite(correlation.view(), &order);
        // A feature that is determined up to √10⁻¹⁰ may still hide so much of a correlation.
        if lost > 1e-4 || entries().any(|(at, _)| beside_a_constant(at)) {
            return refuse("is that of no distribution".to_owned());
        }
        Ok(Self { mean, std, correlation, factors: Factors::default() })
    }

    /// The normal distribution with the means and covariance of these rows, by their weights.
    ///
    /// ```text
    /// μ = ∑ᵢ wᵢ xᵢ / ∑ᵢ wᵢ       Σ = n / (n − 1) · ∑ᵢ wᵢ (xᵢ − μ)(xᵢ − μ)ᵀ / ∑ᵢ wᵢ
    /// ```
    ///
    /// over the `n` rows of positive weight in which nothing is missing.
    ///
    /// # Errors
    ///
    /// [`Error::TooFewRows`] with fewer than 2 such rows; [`Error::Data`] if the rows are so large
    /// that their covariance overflows.
    pub fn fit(data: &Dataset) -> Result<Self> {
        let counts = rows_that_count(data);
        let weights: Vec<f64> =
            counts.iter().map(|&row| data.weights().map_or(1.0, |all| all[row])).collect();
        let (mean, covariance) = moments(data.rows().select(Axis(0), &counts).view(), &weights)?;
        Self::new(mean, covariance.view())
    }

    /// The mean `n_features` and the covariance `(n_features, n_features)` of a row given what is
    /// present of it: the row's own values and 0 where it is known.
    ///
    /// # Errors
    ///
    /// As for [`Conditional::sample`].
    pub fn given(
        &self,
        row: ArrayView1<'_, f64>,
        present: &[bool],
    ) -> Result<(Array1<f64>, Array2<f64>)> {
        let n = self.mean.len();
        let (known, _) = checked(n, row, present, 0)?;
        let factor = self.factors.get(self.correlation.view(), &known);
        let centres = factor.centres(|feature| self.standardised(feature, row[feature]));
        let (mut mean, mut covariance) = (row.to_owned(), Array2::zeros((n, n)));
        for (i, &a) in factor.order.iter().enumerate().skip(factor.n_known) {
            mean[a] = self.mean[a] + self.std[a] * centres[i - factor.n_known];
            for (j, &b) in factor.order.iter().enumerate().skip(factor.n_known) {
                let both = (factor.n_known..=i.min(j))
                    .map(|k| factor.lower[[i, k]] * factor.lower[[j, k]]);
                covariance[[a, b]] = self.std[a] * self.std[b] * both.sum::<f64>();
            }
        }
        Ok((mean, covariance))
    }

    fn standardised(&self, feature: usize, value: f64) -> f64 {
        (value - self.mean[feature]) / self.std[feature]
    }

    /// Writes what is known of a row, and what is drawn around these centres.
    fn draw(
        &self,
        factor: &Factor,
        centres: &[f64],
        row: ArrayView1<'_, f64>,
        rng: &mut Rng,
        noise: &mut [f64],
        mut into: ArrayViewMut1<'_, f64>,
    ) {
        let n_known = factor.n_known;
        for &feature in &factor.order[..n_known] {
            into[feature] = row[feature];
        }
        noise[n_known..].iter_mut().for_each(|e| *e = rng.normal());
        for (k, centre) in (n_known..).zip(centres) {
            let feature = factor.order[k];
            let standardised = centre + factor.dot(k, n_known..k + 1, noise);
            into[feature] = self.mean[feature] + self.std[feature] * standardised;
        }
    }
}

impl Conditional for Gaussian {
    fn n_features(&self) -> usize {
        self.mean.len()
    }

    fn sample(
        &self,
        row: ArrayView1<'_, f64>,
        present: &[bool],
        n: usize,
        rng: &mut Rng,
    ) -> Result<Array2<f64>> {
        let (known, mut drawn) = checked(self.mean.len(), row, present, n)?;
        let factor = self.factors.get(self.correlation.view(), &known);
        let centres = factor.centres(|feature| self.standardised(feature, row[feature]));
        let mut noise = vec![0.0; factor.order.len()];
        for into in drawn.outer_iter_mut() {
            self.draw(&factor, &centres, row, rng, &mut noise, into);
        }
        Ok(drawn)
    }

    /// Rows that miss nothing share a factor.
    fn sample_each(
        &self,
        rows: ArrayView2<'_, f64>,
        present: &[bool],
        rng: &dyn Fn(usize) -> Rng,
    ) -> Result<Array2<f64>> {
        let n = self.mean.len();
        require_rows(n, rows, present)?;
        let factor = self.factors.get(self.correlation.view(), present);
        let (mut noise, mut drawn) = (vec![0.0; n], Array2::zeros(rows.dim()));
        for (i, (row, mut into)) in rows.outer_iter().zip(drawn.outer_iter_mut()).enumerate() {
            let rng = &mut rng(i);
            if row.iter().zip(present).any(|(x, &present)| present && !x.is_finite()) {
                let one = self.sample(row, present, 1, rng);
                into.assign(&one.map_err(|error| error.with_row(|_| i))?.row(0));
                continue;
            }
            let centres = factor.centres(|feature| self.standardised(feature, row[feature]));
            self.draw(&factor, &centres, row, rng, &mut noise, into);
        }
        Ok(drawn)
    }
}

/// Weighted means and covariance of the rows in which nothing is missing.
pub(crate) fn moments(
    rows: ArrayView2<'_, f64>,
    weights: &[f64],
) -> Result<(Vec<f64>, Array2<f64>)> {
    let complete: Vec<usize> = (0..rows.nrows())
        .filter(|&row| rows.row(row).iter().all(|value| !value.is_nan()))
        .collect();
    if complete.len() < 2 {
        let what = "a covariance of rows without missing values".to_owned();
        return Err(Error::TooFewRows { what, needed: 2, got: complete.len() });
    }
    let weights = Array1::from_iter(complete.iter().map(|&row| weights[row]));
    let weights = &weights / weights.sum();
    let mut rows = rows.select(Axis(0), &complete);
    let mean = weights.dot(&rows);
    rows -= &mean;
    let mut weighted = rows.t().to_owned();
    weighted *= &weights;
    let n = complete.len() as f64;
    let covariance = weighted.dot(&rows) * (n / (n - 1.0));
    if let Some(((i, j), _)) = covariance.indexed_iter().find(|(_, value)| !value.is_finite()) {
        return Err(Error::Data(format!(
            "the covariance of features {i} and {j} overflows, scale them"
        )));
    }
    Ok((mean.to_vec(), covariance))
}
