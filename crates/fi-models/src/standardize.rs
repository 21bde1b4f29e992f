//! Standardising features on the training rows.
//!
//! A [`Scaler`] remembers each column's mean and standard deviation; [`Standardized`] is a learner
//! whose inner learner only sees scaled rows, and whose model scales what it is asked. Whatever
//! splits or refits (folds, LOFO) then fits the scaling on its own training rows, with no leak.

use fi_core::{Dataset, Error, Learner, Model, Output, Result, Run, check_columns, require_shape};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2};
use serde::{Deserialize, Serialize};

/// The mean and scale of each column: `z = (x − mean) / scale`.
///
/// As scikit-learn's `StandardScaler`: the scale is the standard deviation with ddof 0, taken over
/// the values that are there (NaN stays NaN), and 1 for a constant column. Row weights count as
/// in `StandardScaler.fit(sample_weight=…)`: a row of weight 2 counts like two rows.
///
/// # Example
///
/// ```
/// use fi_core::{Dataset, Target};
/// use fi_models::Scaler;
/// use ndarray::array;
///
/// let data = Dataset::new(array![[1.0, 5.0], [3.0, 5.0]], Target::Values(vec![0.0, 1.0]))?;
/// let scaler = Scaler::fit(&data)?;
/// assert_eq!(scaler.transform(data.rows())?, array![[-1.0, 0.0], [1.0, 0.0]]);
/// assert_eq!(scaler.inverse(scaler.transform(data.rows())?.view())?, data.rows());
/// # Ok::<(), fi_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scaler {
    /// The mean of each column.
    pub mean: Vec<f64>,
    /// What each column is divided by; positive.
    pub scale: Vec<f64>,
}

impl Scaler {
    /// The means and standard deviations of these rows.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] for a column without any value, or one whose numbers are too large for
    /// their variance to be a number.
    pub fn fit(data: &Dataset) -> Result<Self> {
        let ones = vec![1.0; data.n_rows()];
        let weights = data.weights().unwrap_or(&ones);
        let mut scaler = Self { mean: Vec::new(), scale: Vec::new() };
        for (column, name) in data.rows().columns().into_iter().zip(data.feature_names()) {
            let (mean, scale) = column_moments(column, weights, name)?;
            scaler.mean.push(mean);
            scaler.scale.push(scale);
        }
        Ok(scaler)
    }

    /// The means and standard deviations of the channels of sequences, each over all steps; padding
    /// (NaN) does not count. Column `c` belongs to channel `c mod n_channels`.
    ///
    /// # Errors
    ///
    /// As for [`Scaler::fit`]; [`Error::Shape`] unless the columns are whole steps.
    pub fn fit_channels(data: &Dataset, n_channels: usize) -> Result<Self> {
        let (n_rows, n_columns) = data.rows().dim();
        let n_steps = n_columns.checked_div(n_channels).unwrap_or(0);
        require_shape("the table of steps", &[n_rows, n_steps * n_channels], &[n_rows, n_columns])?;
        let ones = vec![1.0; n_rows];
        let weights = data.weights().unwrap_or(&ones);
        let weights: Vec<f64> = (0..n_steps).flat_map(|_| weights).copied().collect();
        let mut channels = Vec::with_capacity(n_channels);
        for channel in 0..n_channels {
            let columns = (channel..n_columns).step_by(n_channels);
            let values: Array1<f64> =
                columns.flat_map(|column| data.rows().column(column).to_vec()).collect();
            let name = &data.feature_names()[channel];
            channels.push(column_moments(values.view(), &weights, name)?);
        }
        let (mean, scale) = (0..n_columns).map(|column| channels[column % n_channels]).unzip();
        Ok(Self { mean, scale })
    }

    /// How many columns it scales.
    pub fn n_features(&self) -> usize {
        self.mean.len()
    }

    /// Scales `(n_rows, n_features)` rows.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] for another number of columns.
    pub fn transform(&self, rows: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        self.apply(rows, |x, mean, scale| (x - mean) / scale)
    }

    /// Takes scaled rows back to the original units.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] for another number of columns.
    pub fn inverse(&self, rows: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        self.apply(rows, |z, mean, scale| z * scale + mean)
    }

    /// The same data set with scaled rows.
    ///
    /// # Errors
    ///
    /// As for [`Scaler::transform`].
    pub fn scale(&self, data: &Dataset) -> Result<Dataset> {
        data.clone().with_rows(self.transform(data.rows())?)
    }

    /// Whether mean and scale fit together; called for every scaler read from a file.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] for lists of different lengths; [`Error::NotFinite`] for a mean that is
    /// not finite; [`Error::Data`] for a scale that is not positive and finite.
    pub fn validate(&self) -> Result<()> {
        require_shape("the scaler's list of scales", &[self.mean.len()], &[self.scale.len()])?;
        if let Some(row) = self.mean.iter().position(|mean| !mean.is_finite()) {
            let what = "the scaler's mean".to_owned();
            return Err(Error::NotFinite { what, row, column: None, value: self.mean[row] });
        }
        match self.scale.iter().position(|&scale| !(scale > 0.0 && scale.is_finite())) {
            None => Ok(()),
            Some(i) => Err(Error::Data(format!(
                "the scale of feature {i} is `{}`, it must be positive and finite",
                self.scale[i]
            ))),
        }
    }

    fn apply(
        &self,
        rows: ArrayView2<'_, f64>,
        f: impl Fn(f64, f64, f64) -> f64,
    ) -> Result<Array2<f64>> {
        check_columns(self.n_features(), rows)?;
        Ok(Array2::from_shape_fn(rows.dim(), |(row, column)| {
            f(rows[[row, column]], self.mean[column], self.scale[column])
        }))
    }
}

/// Weighted mean, and weighted standard deviation or 1, of the values that are not missing.
fn column_moments(column: ArrayView1<'_, f64>, weights: &[f64], name: &str) -> Result<(f64, f64)> {
    let there = || column.iter().zip(weights).filter(|(x, w)| !x.is_nan() && **w > 0.0);
    let total: f64 = there().map(|(_, w)| w).sum();
    if there().next().is_none() {
        return Err(Error::Data(format!(
            "column `{name}` has no value in any row, leave it out before standardising"
        )));
    }
    let mean = there().map(|(x, w)| w * x).sum::<f64>() / total;
    let variance = there().map(|(x, w)| w * (x - mean).powi(2)).sum::<f64>() / total;
    if !mean.is_finite() || !variance.is_finite() {
        return Err(Error::Data(format!(
            "the numbers of column `{name}` are too large to standardise, change its unit"
        )));
    }
    // What rounding alone leaves of a constant column, as scikit-learn bounds it.
    let n = there().count() as f64;
    let rounding = n * f64::EPSILON * variance + (n * mean * f64::EPSILON).powi(2);
    Ok((mean, if variance <= rounding { 1.0 } else { variance.sqrt() }))
}

/// A model that is asked in original units and answers through its scaler.
#[derive(Debug, Clone, PartialEq)]
pub struct Scaled<M> {
    /// The scaling of the training rows.
    pub scaler: Scaler,
    /// The model of the scaled rows.
    pub model: M,
}

impl<M: Model> Model for Scaled<M> {
    fn n_features(&self) -> usize {
        self.model.n_features()
    }
    fn n_outputs(&self) -> usize {
        self.model.n_outputs()
    }
    fn output(&self) -> Output {
        self.model.output()
    }
    fn predict(&self, rows: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        self.model.predict(self.scaler.transform(rows)?.view())
    }
}

/// A learner that trains `learner` on standardised rows.
///
/// Means and standard deviations are those of the training rows ([`Scaler`]); the model scales
/// its input itself, so callers stay in original units.
///
/// # When it misleads
///
/// A model-specific importance of the inner model (coefficients, input weights) is one of the
/// *scaled* features.
///
/// # Example
///
/// ```
/// use fi_core::{Dataset, Learner, Model, Run, Target};
/// use fi_models::Standardized;
/// # use fi_core::{Function, Result};
/// # use ndarray::{ArrayView2, Axis};
/// use ndarray::array;
/// # struct Sum;
/// # impl Learner for Sum {
/// #     fn train(&self, _: &Run<'_>, data: &Dataset) -> Result<Box<dyn Model>> {
/// #         let sum = |rows: ArrayView2<'_, f64>| rows.sum_axis(Axis(1)).insert_axis(Axis(1));
/// #         Ok(Box::new(Function::new(data.n_features(), 1, sum)))
/// #     }
/// # }
///
/// let data = Dataset::new(array![[10.0], [30.0]], Target::Values(vec![0.0, 1.0]))?;
/// // `Sum` is any learner; its model adds up a row.
/// let model = Standardized { learner: Sum }.train(&Run::new(0), &data)?;
/// assert_eq!(model.predict(array![[30.0]].view())?, array![[1.0]]);
/// # Ok::<(), fi_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standardized<L> {
    /// What is trained on the scaled rows.
    pub learner: L,
}

impl<L: Learner> Learner for Standardized<L> {
    fn train(&self, run: &Run<'_>, data: &Dataset) -> Result<Box<dyn Model>> {
        let scaler = Scaler::fit(data)?;
        let model = self.learner.train(run, &scaler.scale(data)?)?;
        Ok(Box::new(Scaled { scaler, model }))
    }
}

#[cfg(test)]
mod tests {
    use fi_core::Target;
    use ndarray::array;

    use super::*;

    #[test]
    fn rows_count_by_weight_and_those_without_not_at_all() {
        let rows = array![[1.0, 0.1], [5.0, 0.1], [1e300, 9.0]];
        let data = Dataset::new(rows, Target::Values(vec![0.0; 3])).unwrap();
        let scaler = Scaler::fit(&data.with_weights(vec![3.0, 1.0, 0.0]).unwrap()).unwrap();
        // (3 · 1 + 5) / 4 = 2, and (3 · 1² + 3²) / 4 = 3.
        assert_eq!((scaler.mean[0], scaler.scale[0]), (2.0, 3.0_f64.sqrt()));
        assert_eq!(scaler.scale[1], 1.0);
    }

    #[test]
    fn inverse_takes_scaled_rows_back() {
        let scaler = Scaler { mean: vec![1.0, -2.0], scale: vec![0.5, 4.0] };
        let rows = array![[3.0, 0.0], [0.0, -6.0]];
        let scaled = scaler.transform(rows.view()).unwrap();
        assert_eq!(scaled, array![[4.0, 0.5], [-2.0, -1.0]]);
        assert_eq!(scaler.inverse(scaled.view()).unwrap(), rows);
    }
}
