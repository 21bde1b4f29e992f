//! What an explainer may ask of a model: `predict`, and of a learner: `train`.

use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use crate::dataset::{Dataset, all_finite};
use crate::error::{Error, Result, require, require_shape};
use crate::run::Run;

/// What the columns of a prediction are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Output {
    /// Numbers in the target's unit: regression.
    Values,
    /// Unbounded scores before a link function: one column for two classes (the second class's
    /// log-odds) or one column per class.
    Margins,
    /// One column per class, in class order, each row summing to 1.
    Probabilities,
    /// One column holding the index of the predicted class.
    Labels,
}

/// A fitted model.
pub trait Model: Send + Sync {
    /// How many columns a row has.
    fn n_features(&self) -> usize;

    /// How many columns a prediction has.
    fn n_outputs(&self) -> usize;

    /// What the columns of a prediction are.
    fn output(&self) -> Output;

    /// Predicts `(n_rows, n_features)` rows as `(n_rows, n_outputs)` numbers.
    ///
    /// The answer for a row depends on that row alone.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] for another number of columns; [`Error::Model`] for a foreign failure.
    fn predict(&self, rows: ArrayView2<'_, f64>) -> Result<Array2<f64>>;
}

impl<M: Model + ?Sized> Model for &M {
    fn n_features(&self) -> usize {
        (**self).n_features()
    }
    fn n_outputs(&self) -> usize {
        (**self).n_outputs()
    }
    fn output(&self) -> Output {
        (**self).output()
    }
    fn predict(&self, rows: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        (**self).predict(rows)
    }
}

impl<M: Model + ?Sized> Model for Box<M> {
    fn n_features(&self) -> usize {
        (**self).n_features()
    }
    fn n_outputs(&self) -> usize {
        (**self).n_outputs()
    }
    fn output(&self) -> Output {
        (**self).output()
    }
    fn predict(&self, rows: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        (**self).predict(rows)
    }
}

/// Settings that can be trained: what refitting methods need.
///
/// Settings and fitted model are two types, so "not fitted" cannot be written.
pub trait Learner: Send + Sync {
    /// Trains on `data`; all randomness comes from `run`.
    ///
    /// # Errors
    ///
    /// Whatever makes these data unfit for this learner.
    fn train(&self, run: &Run<'_>, data: &Dataset) -> Result<Box<dyn Model>>;
}

impl<L: Learner + ?Sized> Learner for &L {
    fn train(&self, run: &Run<'_>, data: &Dataset) -> Result<Box<dyn Model>> {
        (**self).train(run, data)
    }
}

impl<L: Learner + ?Sized> Learner for Box<L> {
    fn train(&self, run: &Run<'_>, data: &Dataset) -> Result<Box<dyn Model>> {
        (**self).train(run, data)
    }
}

/// Any closure as a model.
///
/// # Example
///
/// ```
/// use fi_core::{Function, Model};
/// use ndarray::{array, ArrayView2, Axis};
///
/// let sum = Function::new(2, 1, |rows: ArrayView2<f64>| rows.sum_axis(Axis(1)).insert_axis(Axis(1)));
/// assert_eq!(sum.predict(array![[1.0, 2.0]].view())?, array![[3.0]]);
/// # Ok::<(), fi_core::Error>(())
/// ```
pub struct Function<F> {
    n_features: usize,
    n_outputs: usize,
    output: Output,
    predict: F,
}

impl<F> std::fmt::Debug for Function<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Function")
            .field("n_features", &self.n_features)
            .field("n_outputs", &self.n_outputs)
            .field("output", &self.output)
            .finish_non_exhaustive()
    }
}

impl<F> Function<F> {
    /// A model whose predictions are [`Output::Values`].
    pub fn new(n_features: usize, n_outputs: usize, predict: F) -> Self
    where
        F: Fn(ArrayView2<'_, f64>) -> Array2<f64> + Send + Sync,
    {
        Self { n_features, n_outputs, output: Output::Values, predict }
    }

    /// The same function, whose columns are `output`.
    pub fn with_output(self, output: Output) -> Self {
        Self { output, ..self }
    }
}

impl<F: Fn(ArrayView2<'_, f64>) -> Array2<f64> + Send + Sync> Model for Function<F> {
    fn n_features(&self) -> usize {
        self.n_features
    }
    fn n_outputs(&self) -> usize {
        self.n_outputs
    }
    fn output(&self) -> Output {
        self.output
    }
    fn predict(&self, rows: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        check_columns(self.n_features, rows)?;
        let predictions = (self.predict)(rows);
        require_shape("the prediction", &[rows.nrows(), self.n_outputs], predictions.shape())?;
        Ok(predictions)
    }
}

/// Rows must have as many columns as the model has features.
///
/// # Errors
///
/// [`Error::Shape`] if they have not.
pub fn check_columns(n_features: usize, rows: ArrayView2<'_, f64>) -> Result<()> {
    require_shape("the table", &[rows.nrows(), n_features], rows.shape())
}

/// How many rows of so many columns to make and predict at once: numbers that a core's own cache
/// holds, together with what a model makes of them, but enough rows that a call costs nothing.
pub(crate) fn rows_at_once(n_features: usize) -> usize {
    // 256 KiB; and at most 8 MiB where few rows are as much.
    const IN_CACHE: usize = 1 << 15;
    const MOST: usize = 1 << 20;
    let n_features = n_features.max(1);
    (IN_CACHE / n_features).clamp(256, 4096).min(MOST / n_features).max(1)
}

/// Predicts and checks what a foreign model returned: its shape, and that it is finite.
///
/// # Errors
///
/// [`Error::Shape`], [`Error::NotFinite`], or the model's own.
pub fn predict_checked(model: &dyn Model, rows: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
    require(model.n_outputs() > 0, "n_outputs", 0, "at least 1")?;
    check_columns(model.n_features(), rows)?;
    let predictions = model.predict(rows)?;
    require_shape("the prediction", &[rows.nrows(), model.n_outputs()], predictions.shape())?;
    if predictions.as_slice().is_some_and(all_finite) {
        return Ok(predictions);
    }
    if let Some(((row, _), &value)) = predictions.indexed_iter().find(|(_, v)| !v.is_finite()) {
        return Err(Error::NotFinite {
            what: "the model's prediction".to_owned(),
            row,
            column: None,
            value,
        });
    }
    Ok(predictions)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn a_model_that_breaks_its_word_is_named() {
        let wrong =
            Function::new(2, 2, |rows: ArrayView2<'_, f64>| rows.to_owned().remove_column());
        let error = predict_checked(&wrong, array![[1.0, 2.0]].view()).unwrap_err();
        assert_eq!(error.to_string(), "the prediction has shape [1, 1], expected [1, 2]");
        let error = wrong.predict(array![[1.0]].view()).unwrap_err();
        assert_eq!(error.to_string(), "the table has shape [1, 1], expected [1, 2]");
        let nan = Function::new(1, 1, |rows: ArrayView2<'_, f64>| rows.mapv(f64::ln));
        let error = predict_checked(&nan, array![[1.0], [0.0]].view()).unwrap_err();
        assert!(
            error.to_string().starts_with("the model's prediction is `-inf` in row 1"),
            "{error}"
        );
    }

    trait RemoveColumn {
        fn remove_column(self) -> Array2<f64>;
    }
    impl RemoveColumn for Array2<f64> {
        fn remove_column(self) -> Array2<f64> {
            self.slice(ndarray::s![.., 1..]).to_owned()
        }
    }
}
