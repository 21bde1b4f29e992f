//! The one local result: a score per row, output and player.

use ndarray::{Array2, Array3, Axis};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, require_shape};
use crate::guards::of_few_units;
use crate::importance::{Estimand, Importance, Interval, Replicate};
use crate::statistics::check_confidence;

/// Local importance: how much each player adds to each prediction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Attribution {
    /// The method, by its name in the field.
    pub method: String,
    /// The players' names.
    pub features: Vec<String>,
    /// `(n_rows, n_outputs, n_players)`, in the unit of the prediction.
    pub values: Array3<f64>,
    /// `(n_rows, n_outputs)`: the prediction with every player removed; NaN for a method that knows
    /// no such thing.
    pub base_values: Array2<f64>,
    /// Standard errors of `values`, for estimators that draw.
    pub std_error: Option<Array3<f64>>,
    /// How many rows the model predicted.
    pub n_evaluations: usize,
    /// The largest `|base + Σ values − prediction|`, for methods whose values must add up to the
    /// prediction and that looked.
    #[serde(default)]
    pub additivity_error: Option<f64>,
    /// Which of the rows that were asked for these are, ascending, if the call was stopped before
    /// all were explained. `None`: all of them.
    #[serde(default)]
    pub finished_rows: Option<Vec<usize>>,
}

impl Attribution {
    /// A result of these parts.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] unless the shapes fit together.
    pub fn new(
        method: impl Into<String>,
        features: &[String],
        values: Array3<f64>,
        base_values: Array2<f64>,
    ) -> Result<Self> {
        let (n_rows, n_outputs, _) = values.dim();
        require_shape("attributions", &[n_rows, n_outputs, features.len()], values.shape())?;
        require_shape("base values", &[n_rows, n_outputs], base_values.shape())?;
        Ok(Self {
            method: method.into(),
            features: features.to_vec(),
            values,
            base_values,
            std_error: None,
            n_evaluations: 0,
            additivity_error: None,
            finished_rows: None,
        })
    }

    /// Global importance: the mean over rows and outputs of `|value|`.
    ///
    /// Replicates are the rows (each the mean over outputs); the interval is Student's t over
    /// rows with `n_rows − 1` degrees of freedom, for the mean absolute attribution
    /// ([`Estimand::ModelOnPopulation`]). A single row has none.
    ///
    /// # When it misleads
    ///
    /// Rows count as independent and alike: neither groups of rows nor weights are known here.
    /// The interval is for the attributions *with this background and these draws*: it does not
    /// count the noise of an estimator that draws, which also makes sizes too large where values
    /// are near 0. Look at `std_error` first.
    ///
    /// # Errors
    ///
    /// [`Error::TooFewRows`] without rows; [`Error::Parameter`] unless `confidence` is inside
    /// (0, 1).
    pub fn mean_abs(&self, confidence: f64) -> Result<Importance> {
        self.averaged(format!("mean |{}|", self.method), confidence, f64::abs)
    }

    /// The mean over rows and outputs of the values with their signs, which may cancel.
    ///
    /// Replicates, interval and errors as for [`Attribution::mean_abs`].
    ///
    /// # When it misleads
    ///
    /// A mean near 0 may come of large values of both signs. Of probabilities, what one class
    /// gains the others lose: over all outputs the mean is near 0 whatever the model does.
    ///
    /// # Errors
    ///
    /// As for [`Attribution::mean_abs`].
    pub fn mean(&self, confidence: f64) -> Result<Importance> {
        self.averaged(format!("mean {}", self.method), confidence, |value| value)
    }

    fn averaged(
        &self,
        method: String,
        confidence: f64,
        size: impl Fn(f64) -> f64,
    ) -> Result<Importance> {
        check_confidence(confidence)?;
        let (n_rows, n_outputs, _) = self.values.dim();
        if n_rows == 0 || n_outputs == 0 {
            let what = "a mean of attributions".to_owned();
            return Err(Error::TooFewRows { what, needed: 1, got: 0 });
        }
        let by_row = self.values.mapv(size).sum_axis(Axis(1)) / n_outputs as f64;
        let replicates = by_row.reversed_axes().as_standard_layout().to_owned();
        let mut importance =
            Importance::from_replicates(method, &self.features, replicates, Replicate::Row)?;
        importance.n_evaluations = self.n_evaluations;
        if let Some(std) = &importance.std {
            let (values, estimand) = (&importance.values, Estimand::ModelOnPopulation);
            let interval = Interval::of_means(estimand, confidence, values, std, n_rows)?;
            importance.interval = Some(interval);
            importance.warnings.extend(of_few_units(n_rows));
        }
        Ok(importance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn mean_abs_averages_rows_and_outputs() {
        let values = array![[[1.0, -2.0]], [[-3.0, 2.0]]];
        let attribution =
            Attribution::new("SHAP", &["a".into(), "b".into()], values, array![[0.0], [0.0]])
                .unwrap();
        let importance = attribution.mean_abs(0.95).unwrap();
        assert_eq!(importance.values, [2.0, 2.0]);
        let interval = importance.interval.unwrap();
        // t(0.975; 1) = 12.7062, s = √2, n = 2.
        assert!((interval.high[0] - 14.7062).abs() < 1e-4, "{interval:?}");
        assert_eq!(interval.low[1], 2.0);
        let error = attribution.mean_abs(1.0).unwrap_err();
        assert_eq!(error.to_string(), "`confidence` is `1`, it must be inside (0, 1)");
        let signed = attribution.mean(0.95).unwrap();
        assert_eq!((signed.method.as_str(), signed.values), ("mean SHAP", vec![-1.0, 0.0]));
        // Sizes are taken before outputs are averaged; a single row has no interval.
        let values = array![[[1.0], [-3.0]]];
        let names = ["a".to_owned()];
        let two = Attribution::new("SHAP", &names, values, array![[0.0, 0.0]]).unwrap();
        let importance = two.mean_abs(0.95).unwrap();
        assert_eq!((importance.values, importance.interval), (vec![2.0], None));
    }
}
