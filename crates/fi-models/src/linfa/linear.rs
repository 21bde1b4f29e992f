//! linfa's least squares.

use fi_core::{Dataset, Error, Learner, Model, Result, Run};
use linfa::traits::Fit;
use linfa_linalg::qr::QR;
use linfa_linear::LinearRegression;
use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::data::{feature_std, plain_rows, values};
use crate::linear::{LinearModel, Scores, StandardErrors};

/// `linfa_linear::LinearRegression` as a learner; made by [`linear`].
#[derive(Debug, Clone)]
pub struct Linear {
    /// linfa's parameters.
    pub params: LinearRegression,
}

/// Ordinary least squares, with the standard errors that linfa does not compute.
///
/// ```text
/// se(βⱼ) = √(σ² [(XᵀX)⁻¹]ⱼⱼ),  σ² = ∑ᵢ (yᵢ − ŷᵢ)² / (n − p)
/// ```
///
/// with `X` the rows (and the column of ones if an intercept is fitted), `n` rows and `p` fitted
/// numbers. With exactly as many rows as fitted numbers there are none.
///
/// # When it misleads
///
/// linfa-linear ignores weights and returns an arbitrary solution for collinear columns: both
/// are refused here, and so is a column that is constant beside an intercept.
///
/// # Example
///
/// ```
/// use fi_core::{Dataset, Run, Target};
/// use ndarray::array;
///
/// let target = Target::Values(vec![1.0, 3.0, 5.5, 6.5]);
/// let data = Dataset::new(array![[0.0], [1.0], [2.0], [3.0]], target)?;
/// let learner = fi_models::linfa::linear(linfa_linear::LinearRegression::new());
/// let model = learner.fit(&Run::new(0), &data)?;
/// assert!((model.coefficients()[[0, 0]] - 1.9).abs() < 1e-12);
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Seber, Lee (2003). *Linear Regression Analysis.* Wiley.
///   <https://doi.org/10.1002/9780471722199>
pub fn linear(params: LinearRegression) -> Linear {
    Linear { params }
}

impl Linear {
    /// Fits the model.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] for classes, weights, missing values, constant or collinear columns;
    /// [`Error::TooFewRows`] for fewer rows than coefficients.
    pub fn fit(&self, _run: &Run<'_>, data: &Dataset) -> Result<LinearModel> {
        let y = values(data.target())?;
        plain_rows("linfa-linear", data)?;
        let with_intercept = self.params == self.params.clone().with_intercept(true);
        let n_fitted = data.n_features() + usize::from(with_intercept);
        if data.n_rows() < n_fitted {
            let what = format!("least squares with {n_fitted} coefficients");
            return Err(Error::TooFewRows { what, needed: n_fitted, got: data.n_rows() });
        }
        let spread = inverse_diagonal(data, with_intercept)?;
        let y = Array1::from_vec(y.to_vec());
        let theirs = linfa::Dataset::new(data.rows().to_owned(), y.clone());
        let fitted = self.params.fit(&theirs).map_err(Error::model)?;
        let coefficients = fitted.params().clone();
        let residuals = &y - &(data.rows().dot(&coefficients) + fitted.intercept());
        let model = LinearModel::new(
            coefficients.insert_axis(Axis(1)),
            Array1::from_elem(1, fitted.intercept()),
            Scores::Values,
        )?
        .with_feature_std(feature_std(data.rows()))?;
        let degrees_of_freedom = data.n_rows() - n_fitted;
        if degrees_of_freedom == 0 {
            return Ok(model);
        }
        let variance = residuals.dot(&residuals) / degrees_of_freedom as f64;
        let coefficients = spread.mapv(|inverse| (variance * inverse).sqrt());
        model.with_standard_errors(StandardErrors {
            coefficients: coefficients.insert_axis(Axis(1)),
            degrees_of_freedom,
        })
    }
}

impl Learner for Linear {
    fn train(&self, run: &Run<'_>, data: &Dataset) -> Result<Box<dyn Model>> {
        Ok(Box::new(self.fit(run, data)?))
    }
}

/// A column counts as a combination of others when less than this share of it is left.
const COLLINEAR: f64 = 1e-9;

/// The diagonal of `(XᵀX)⁻¹` for the features, or an error that names a collinear column.
fn inverse_diagonal(data: &Dataset, with_intercept: bool) -> Result<Array1<f64>> {
    // With an intercept, the features' block of (XᵀX)⁻¹ is the inverse of the centred product.
    let mut x = data.rows().to_owned();
    let mut lengths = Vec::with_capacity(x.ncols());
    for (mut column, name) in x.columns_mut().into_iter().zip(data.feature_names()) {
        let size = column.iter().fold(0.0_f64, |size, value| size.max(value.abs()));
        if with_intercept {
            let mean = column.sum() / column.len() as f64;
            column -= mean;
        }
        let length = column.dot(&column).sqrt();
        // What rounding leaves of a constant column after its mean is taken away.
        if length <= size * column.len() as f64 * f64::EPSILON {
            let kind = if with_intercept { "is constant" } else { "is 0 in every row" };
            return Err(Error::Data(format!(
                "column `{name}` {kind}, so least squares cannot tell its coefficient: leave it out"
            )));
        }
        column /= length;
        lengths.push(length);
    }
    let (_, r) = x.qr().map_err(Error::model)?.into_decomp();
    // The columns have length 1: `r[j, j]` is what is left of column `j` beside those before it.
    if let Some(j) = (0..r.ncols()).find(|&j| r[[j, j]].is_nan() || r[[j, j]].abs() < COLLINEAR) {
        return Err(Error::Data(format!(
            "column `{}` is a linear combination of the columns before it, so least squares has \
             no single solution: leave one of them out",
            data.feature_names()[j]
        )));
    }
    let inverse = invert_upper(r.view());
    // (RᵀR)⁻¹ = R⁻¹R⁻ᵀ, whose diagonal holds the squared lengths of the rows of R⁻¹.
    Ok(inverse
        .outer_iter()
        .zip(lengths)
        .map(|(row, length)| row.dot(&row) / (length * length))
        .collect())
}

/// The inverse of an upper triangular matrix, by back substitution.
fn invert_upper(r: ArrayView2<'_, f64>) -> Array2<f64> {
    let n = r.ncols();
    let mut inverse = Array2::zeros((n, n));
    for column in 0..n {
        for row in (0..=column).rev() {
            let rest: f64 = (row + 1..=column).map(|k| r[[row, k]] * inverse[[k, column]]).sum();
            let unit = if row == column { 1.0 } else { 0.0 };
            inverse[[row, column]] = (unit - rest) / r[[row, row]];
        }
    }
    inverse
}
