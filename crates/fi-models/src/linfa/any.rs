//! Any linfa learner as a black box.

use std::marker::PhantomData;

use fi_core::{Dataset, Error, Learner, Model, Output, Result, Run, check_columns};
use linfa::traits::{Fit, PredictInplace};
use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::data::{labels, plain_rows, values};

/// Any linfa regressor as a learner; made by [`regressor`].
#[derive(Debug, Clone)]
pub struct Regressor<P, E> {
    /// linfa's parameters.
    pub params: P,
    error: PhantomData<fn() -> E>,
}

/// Any linfa classifier as a learner; made by [`classifier`].
#[derive(Debug, Clone)]
pub struct Classifier<P, E> {
    /// linfa's parameters.
    pub params: P,
    error: PhantomData<fn() -> E>,
}

/// Any linfa regressor with a single target: `E` is the error of its `fit`, usually inferred.
///
/// The model is a black box whose output is [`Output::Values`].
///
/// # When it misleads
///
/// Whether a linfa learner looks at row weights cannot be seen from outside, and most do not:
/// weights are refused. So are missing values. What a foreign learner draws does not come from
/// `run`, and a foreign panic is a panic.
///
/// # Example
///
/// ```
/// use fi_core::{Dataset, Learner, Model, Run, Target};
/// use ndarray::array;
///
/// let data = Dataset::new(array![[0.0], [1.0], [2.0]], Target::Values(vec![1.0, 3.0, 5.0]))?;
/// let learner = fi_models::linfa::regressor(linfa_linear::LinearRegression::new());
/// let model = learner.train(&Run::new(0), &data)?;
/// assert!((model.predict(array![[4.0]].view())?[[0, 0]] - 9.0).abs() < 1e-12);
/// # Ok::<(), fi_core::Error>(())
/// ```
pub fn regressor<P, E>(params: P) -> Regressor<P, E>
where
    E: std::error::Error + From<linfa::Error> + Send + Sync + 'static,
    P: Fit<Array2<f64>, Array1<f64>, E> + Send + Sync,
    P::Object: PredictInplace<Array2<f64>, Array1<f64>> + Send + Sync + 'static,
{
    Regressor { params, error: PhantomData }
}

/// Any linfa classifier with `usize` labels: `E` is the error of its `fit`, usually inferred.
///
/// The model is a black box whose output is [`Output::Labels`]: take an adapter with
/// probabilities for metrics such as log loss.
///
/// # When it misleads
///
/// As for [`regressor`].
///
/// # Example
///
/// ```
/// use fi_core::{Dataset, Learner, Model, Run, Target};
/// use linfa_trees::DecisionTree;
/// use ndarray::array;
///
/// let names = vec!["no".to_owned(), "yes".to_owned()];
/// let target = Target::Classes { labels: vec![0, 0, 1, 1], names };
/// let data = Dataset::new(array![[0.0], [1.0], [2.0], [3.0]], target)?;
/// let learner = fi_models::linfa::classifier(DecisionTree::<f64, usize>::params());
/// let model = learner.train(&Run::new(0), &data)?;
/// assert_eq!(model.predict(array![[2.5]].view())?, array![[1.0]]);
/// # Ok::<(), fi_core::Error>(())
/// ```
pub fn classifier<P, E>(params: P) -> Classifier<P, E>
where
    E: std::error::Error + From<linfa::Error> + Send + Sync + 'static,
    P: Fit<Array2<f64>, Array1<usize>, E> + Send + Sync,
    P::Object: PredictInplace<Array2<f64>, Array1<usize>> + Send + Sync + 'static,
{
    Classifier { params, error: PhantomData }
}

impl<P, E> Learner for Regressor<P, E>
where
    E: std::error::Error + From<linfa::Error> + Send + Sync + 'static,
    P: Fit<Array2<f64>, Array1<f64>, E> + Send + Sync,
    P::Object: PredictInplace<Array2<f64>, Array1<f64>> + Send + Sync + 'static,
{
    fn train(&self, _run: &Run<'_>, data: &Dataset) -> Result<Box<dyn Model>> {
        let targets = values(data.target())?.to_vec();
        plain_rows("this learner of linfa", data)?;
        let theirs = linfa::Dataset::new(data.rows().to_owned(), Array1::from_vec(targets))
            .with_feature_names(data.feature_names().to_vec());
        let model = self.params.fit(&theirs).map_err(Error::model)?;
        Ok(Box::new(Values { model, n_features: data.n_features() }))
    }
}

impl<P, E> Learner for Classifier<P, E>
where
    E: std::error::Error + From<linfa::Error> + Send + Sync + 'static,
    P: Fit<Array2<f64>, Array1<usize>, E> + Send + Sync,
    P::Object: PredictInplace<Array2<f64>, Array1<usize>> + Send + Sync + 'static,
{
    fn train(&self, _run: &Run<'_>, data: &Dataset) -> Result<Box<dyn Model>> {
        let targets = labels(data.target())?.0.to_vec();
        plain_rows("this learner of linfa", data)?;
        let theirs = linfa::Dataset::new(data.rows().to_owned(), Array1::from_vec(targets))
            .with_feature_names(data.feature_names().to_vec());
        let model = self.params.fit(&theirs).map_err(Error::model)?;
        Ok(Box::new(Labels { model, n_features: data.n_features() }))
    }
}

/// A fitted linfa regressor.
struct Values<M> {
    model: M,
    n_features: usize,
}

/// A fitted linfa classifier.
struct Labels<M> {
    model: M,
    n_features: usize,
}

impl<M: PredictInplace<Array2<f64>, Array1<f64>> + Send + Sync> Model for Values<M> {
    fn n_features(&self) -> usize {
        self.n_features
    }
    fn n_outputs(&self) -> usize {
        1
    }
    fn output(&self) -> Output {
        Output::Values
    }
    fn predict(&self, rows: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        check_columns(self.n_features, rows)?;
        let rows = rows.to_owned();
        let mut values = self.model.default_target(&rows);
        self.model.predict_inplace(&rows, &mut values);
        Ok(values.insert_axis(Axis(1)))
    }
}

impl<M: PredictInplace<Array2<f64>, Array1<usize>> + Send + Sync> Model for Labels<M> {
    fn n_features(&self) -> usize {
        self.n_features
    }
    fn n_outputs(&self) -> usize {
        1
    }
    fn output(&self) -> Output {
        Output::Labels
    }
    fn predict(&self, rows: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        check_columns(self.n_features, rows)?;
        let rows = rows.to_owned();
        let mut labels = self.model.default_target(&rows);
        self.model.predict_inplace(&rows, &mut labels);
        Ok(labels.mapv(|label| label as f64).insert_axis(Axis(1)))
    }
}
