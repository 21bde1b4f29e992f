//! The background rows that stand for "this feature is not known".

use fi_core::{Error, Result, require_shape};
use ndarray::{Array2, ArrayView2};

/// Background rows with weights: what interventional TreeSHAP fills unknown features from.
///
/// ```text
/// v(S) = ∑_b w_b · f(x on S, z_b elsewhere)        ∑_b w_b = 1
/// ```
///
/// All rows are used, however many there are; none is left out or drawn at random.
///
/// # When it misleads
///
/// The background is the question: the same row has other values against other backgrounds.
/// Combinations of a row's and a background row's features need not occur in the data.
///
/// # Example
///
/// ```
/// use fi_models::tree::Background;
/// use ndarray::array;
///
/// // NaN is a missing value. The second row counts three times as much as the first.
/// let background = Background::new(array![[0.0, f64::NAN], [1.0, 2.0]], Some(vec![1.0, 3.0]))?;
/// assert_eq!(background.weights(), [0.25, 0.75]);
/// # Ok::<(), fi_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Background {
    rows: Array2<f64>,
    weights: Vec<f64>,
}

impl Background {
    /// Rows `(n_background, n_features)` and a weight for each; `None` weighs all the same.
    ///
    /// NaN is a missing value, and infinities are compared like other numbers.
    ///
    /// # Errors
    ///
    /// [`Error::TooFewRows`] without rows; [`Error::Shape`] unless there is a weight for each
    /// row; [`Error::NotFinite`] for a weight that is not finite; [`Error::Data`] for a negative
    /// one, if all are 0, or if their sum overflows.
    pub fn new(rows: Array2<f64>, weights: Option<Vec<f64>>) -> Result<Self> {
        let n = rows.nrows();
        if n == 0 {
            return Err(Error::TooFewRows { what: "the background".into(), needed: 1, got: 0 });
        }
        let mut weights = weights.unwrap_or_else(|| vec![1.0; n]);
        require_shape("the list of background weights", &[n], &[weights.len()])?;
        if let Some(row) = weights.iter().position(|weight| !weight.is_finite()) {
            let what = "the background weight".to_owned();
            return Err(Error::NotFinite { what, row, column: None, value: weights[row] });
        }
        if let Some(row) = weights.iter().position(|&weight| weight < 0.0) {
            let weight = weights[row];
            return Err(Error::Data(format!(
                "the background weight is `{weight}` in row {row}, weights must not be negative"
            )));
        }
        let sum: f64 = weights.iter().sum();
        if sum == 0.0 {
            return Err(Error::Data(
                "all background weights are 0, give at least one row a weight".to_owned(),
            ));
        }
        if !sum.is_finite() {
            return Err(Error::Data(
                "the sum of the background weights overflows, scale them down".to_owned(),
            ));
        }
        for weight in &mut weights {
            *weight /= sum;
        }
        Ok(Self { rows, weights })
    }

    /// The rows `(n_background, n_features)`.
    pub fn rows(&self) -> ArrayView2<'_, f64> {
        self.rows.view()
    }

    /// A weight for each row; they sum to 1.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// How many rows there are; at least 1.
    pub fn n_rows(&self) -> usize {
        self.rows.nrows()
    }

    /// How many columns a row has.
    pub fn n_features(&self) -> usize {
        self.rows.ncols()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn weights_are_normalised_and_rows_kept() {
        let rows = array![[1.0], [f64::NAN], [f64::INFINITY]];
        let background = Background::new(rows, Some(vec![2.0, 0.0, 6.0])).unwrap();
        assert_eq!(background.weights(), [0.25, 0.0, 0.75]);
        assert_eq!((background.n_rows(), background.n_features()), (3, 1));
        let even = Background::new(array![[1.0], [2.0]], None).unwrap();
        assert_eq!(even.weights(), [0.5, 0.5]);
    }

    #[test]
    fn what_is_no_background_is_refused_by_a_sentence() {
        let refuse = |rows: Array2<f64>, weights: Option<Vec<f64>>| {
            Background::new(rows, weights).unwrap_err().to_string()
        };
        let two = || array![[1.0], [2.0]];
        let message = "the background needs at least 1 rows, got 0";
        assert_eq!(refuse(Array2::zeros((0, 2)), None), message);
        let message = "the list of background weights has shape [1], expected [2]";
        assert_eq!(refuse(two(), Some(vec![1.0])), message);
        let message =
            "the background weight is `NaN` in row 1, only finite numbers have a meaning there";
        assert_eq!(refuse(two(), Some(vec![1.0, f64::NAN])), message);
        let message = "the background weight is `-1` in row 0, weights must not be negative";
        assert_eq!(refuse(two(), Some(vec![-1.0, 1.0])), message);
        let message = "all background weights are 0, give at least one row a weight";
        assert_eq!(refuse(two(), Some(vec![0.0, 0.0])), message);
        let message = "the sum of the background weights overflows, scale them down";
        assert_eq!(refuse(two(), Some(vec![1e308, 1e308])), message);
    }
}
