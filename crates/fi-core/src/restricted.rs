//! A model of some of the columns, asked with rows of all of them.

use ndarray::{Array2, ArrayView2, Axis};

use crate::dataset::{Dataset, Target};
use crate::error::{Result, require, require_shape};
use crate::model::{Function, Learner, Model, Output, check_columns};
use crate::run::Run;

/// A model that takes full rows and shows an inner model the chosen columns only.
///
/// # Shapes
///
/// It takes `(n_rows, n_features)`; `model` takes `(n_rows, columns.len())`, in the order of
/// `columns`.
///
/// # Example
///
/// ```
/// use fi_core::{Function, Model, Restricted};
/// use ndarray::{ArrayView2, array};
///
/// let inner = Function::new(1, 1, |rows: ArrayView2<f64>| 2.0 * &rows);
/// let model = Restricted::new(Box::new(inner), vec![2], 3)?;
/// assert_eq!(model.predict(array![[7.0, 8.0, 9.0]].view())?, array![[18.0]]);
/// # Ok::<(), fi_core::Error>(())
/// ```
pub struct Restricted {
    model: Box<dyn Model>,
    columns: Vec<usize>,
    n_features: usize,
}

impl std::fmt::Debug for Restricted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Restricted")
            .field("columns", &self.columns)
            .field("n_features", &self.n_features)
            .finish_non_exhaustive()
    }
}

impl Restricted {
    /// Shows `model` these columns of rows of `n_features`.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`](crate::Error::Shape) unless the model has a feature per column; [`Error::Parameter`](crate::Error::Parameter) for a
    /// column out of range.
    pub fn new(model: Box<dyn Model>, columns: Vec<usize>, n_features: usize) -> Result<Self> {
        require_shape("the list of columns", &[model.n_features()], &[columns.len()])?;
        check_range(&columns, n_features)?;
        Ok(Self { model, columns, n_features })
    }

    /// Trains on some columns of `data`. Without columns the model is the constant of the training
    /// rows: their mean, or the shares of their classes.
    ///
    /// # Errors
    ///
    /// As for [`Learner::train`]; [`Error::Parameter`](crate::Error::Parameter) for a column out of range.
    pub fn train(
        run: &Run<'_>,
        learner: &dyn Learner,
        data: &Dataset,
        columns: &[usize],
    ) -> Result<Self> {
        let n_features = data.n_features();
        check_range(columns, n_features)?;
        let model = if columns.is_empty() {
            constant(data)
        } else {
            learner.train(run, &data.select_features(columns))?
        };
        Self::new(model, columns.to_vec(), n_features)
    }

    /// The columns that the inner model sees, in its order.
    pub fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// The inner model, which takes the chosen columns only.
    pub fn into_inner(self) -> Box<dyn Model> {
        self.model
    }
}

impl Model for Restricted {
    fn n_features(&self) -> usize {
        self.n_features
    }
    fn n_outputs(&self) -> usize {
        self.model.n_outputs()
    }
    fn output(&self) -> Output {
        self.model.output()
    }
    fn predict(&self, rows: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        check_columns(self.n_features, rows)?;
        self.model.predict(rows.select(Axis(1), &self.columns).view())
    }
}

fn check_range(columns: &[usize], n_features: usize) -> Result<()> {
    let largest = columns.iter().copied().max().unwrap_or(0);
    let inside = columns.is_empty() || largest < n_features;
    require(inside, "columns", largest, format!("below the {n_features} features"))
}

/// What is best known without any feature: the weighted mean, or the weighted shares of classes.
fn constant(data: &Dataset) -> Box<dyn Model> {
    let weight = |row: usize| data.weights().map_or(1.0, |weights| weights[row]);
    let total: f64 = (0..data.n_rows()).map(weight).sum();
    let (row, output) = match data.target() {
        Target::Values(values) => {
            let sum = values.iter().enumerate().map(|(row, y)| weight(row) * y).sum::<f64>();
            (vec![sum / total], Output::Values)
        }
        Target::Classes { labels, names } => {
            let mut shares = vec![0.0; names.len()];
            labels.iter().enumerate().for_each(|(row, &class)| shares[class] += weight(row));
            (shares.iter().map(|share| share / total).collect(), Output::Probabilities)
        }
    };
    let n_outputs = row.len();
    let predict = move |rows: ArrayView2<'_, f64>| {
        Array2::from_shape_fn((rows.nrows(), n_outputs), |(_, output)| row[output])
    };
    Box::new(Function::new(0, n_outputs, predict).with_output(output))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use ndarray::array;

    struct Never;
    impl Learner for Never {
        fn train(&self, _: &Run<'_>, _: &Dataset) -> Result<Box<dyn Model>> {
            Err(Error::Data("asked".into()))
        }
    }

    #[test]
    fn without_columns_it_is_the_weighted_constant() {
        let rows = array![[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]];
        let values = Dataset::new(rows.clone(), Target::Values(vec![1.0, 2.0, 6.0])).unwrap();
        let values = values.with_weights(vec![1.0, 1.0, 2.0]).unwrap();
        let model = Restricted::train(&Run::new(0), &Never, &values, &[]).unwrap();
        assert_eq!(model.predict(rows.view()).unwrap(), array![[3.75], [3.75], [3.75]]);
        let names = ["a", "b", "c"].map(String::from).to_vec();
        let target = Target::Classes { labels: vec![0, 2, 2], names };
        let classes = values.with_target(target).unwrap();
        let model = Restricted::train(&Run::new(0), &Never, &classes, &[]).unwrap();
        assert_eq!(model.output(), Output::Probabilities);
        assert_eq!(
            model.predict(rows.slice(ndarray::s![..1, ..])).unwrap(),
            array![[0.25, 0.0, 0.75]]
        );
    }

    #[test]
    fn columns_that_do_not_fit_are_named() {
        let model = || Box::new(Function::new(1, 1, |rows: ArrayView2<'_, f64>| rows.to_owned()));
        let text = |columns| Restricted::new(model(), columns, 2).unwrap_err().to_string();
        assert_eq!(text(vec![2]), "`columns` is `2`, it must be below the 2 features");
        assert_eq!(text(vec![0, 1]), "the list of columns has shape [2], expected [1]");
        let model = Restricted::new(model(), vec![1], 2).unwrap();
        let error = model.predict(array![[1.0]].view()).unwrap_err();
        assert_eq!(error.to_string(), "the table has shape [1, 1], expected [1, 2]");
    }
}
