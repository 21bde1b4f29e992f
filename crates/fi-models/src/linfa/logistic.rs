//! linfa's logistic regressions.

use fi_core::{Dataset, Error, Learner, Model, Result, Run};
use linfa::traits::Fit;
use linfa_logistic::{LogisticRegression, MultiLogisticRegression};
use ndarray::{Array1, Axis};

use super::data::{feature_std, labels, plain_rows};
use crate::linear::{LinearModel, Scores};

/// `linfa_logistic::LogisticRegression` as a learner; made by [`logistic`].
#[derive(Debug, Clone)]
pub struct Logistic {
    /// linfa's parameters.
    pub params: LogisticRegression<f64>,
}

/// `linfa_logistic::MultiLogisticRegression` as a learner; made by [`multi_logistic`].
#[derive(Debug, Clone)]
pub struct MultiLogistic {
    /// linfa's parameters.
    pub params: MultiLogisticRegression<f64>,
}

/// Logistic regression for two classes, with an L2 penalty `α/2 ∑ⱼ βⱼ²` on the summed log loss.
///
/// The model has one column of coefficients, the log-odds of the second class against the first,
/// and predicts a probability per class, in class order, with 0 for a class that no training row
/// has. linfa calls the more frequent class positive; the sign is turned where that is the first.
///
/// # When it misleads
///
/// The penalty depends on each feature's unit, and linfa's optimiser stops after
/// `max_iterations` without a word, which it reaches on columns of very different sizes:
/// standardise first ([`Standardized`](crate::Standardized)). Weights are ignored by linfa and
/// refused here.
///
/// # Example
///
/// ```
/// use fi_core::{Dataset, Run, Target};
/// use ndarray::array;
///
/// let names = vec!["no".to_owned(), "yes".to_owned()];
/// let target = Target::Classes { labels: vec![0, 0, 1, 1], names };
/// let data = Dataset::new(array![[-2.0], [-1.0], [1.0], [2.0]], target)?;
/// let learner = fi_models::linfa::logistic(linfa_logistic::LogisticRegression::default());
/// assert!(learner.fit(&Run::new(0), &data)?.coefficients()[[0, 0]] > 0.0);
/// # Ok::<(), fi_core::Error>(())
/// ```
pub fn logistic(params: LogisticRegression<f64>) -> Logistic {
    Logistic { params }
}

/// Multinomial logistic regression, with an L2 penalty `α/2 ∑ⱼₖ βⱼₖ²` on the summed log loss.
///
/// The model has one column of coefficients per class that occurs among the training rows, and
/// predicts the softmax of their scores, in class order, with 0 for a class that does not occur.
///
/// # When it misleads
///
/// As for [`logistic`]. linfa also takes one maximum for all rows in its log-sum-exp, so rows
/// whose scores lie far below those of others lose their part of the loss: one more reason to
/// standardise.
///
/// # Example
///
/// ```
/// use fi_core::{Dataset, Model, Run, Target};
/// use ndarray::array;
///
/// let names = ["a", "b", "c"].map(String::from).to_vec();
/// let target = Target::Classes { labels: vec![0, 0, 2, 2], names };
/// let data = Dataset::new(array![[-2.0], [-1.0], [1.0], [2.0]], target)?;
/// let params = linfa_logistic::MultiLogisticRegression::default();
/// let model = fi_models::linfa::multi_logistic(params).fit(&Run::new(0), &data)?;
/// let probabilities = model.predict(array![[0.0]].view())?;
/// assert_eq!(probabilities[[0, 1]], 0.0, "no training row has class b");
/// assert!((probabilities[[0, 0]] - 0.5).abs() < 1e-3);
/// # Ok::<(), fi_core::Error>(())
/// ```
pub fn multi_logistic(params: MultiLogisticRegression<f64>) -> MultiLogistic {
    MultiLogistic { params }
}

impl Logistic {
    /// Fits the model.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] for values, weights, missing values, or if the training rows have not
    /// exactly two classes; [`Error::Model`] for parameters that linfa refuses.
    pub fn fit(&self, _run: &Run<'_>, data: &Dataset) -> Result<LinearModel> {
        let (theirs, classes, n_classes) = prepare(data)?;
        if classes.len() != 2 {
            return Err(Error::Data(format!(
                "binary logistic regression needs two classes, but the training rows have {}",
                classes.len()
            )));
        }
        let fitted = self.params.fit(&theirs).map_err(Error::model)?;
        let sign = if fitted.labels().pos.class == classes[1] { 1.0 } else { -1.0 };
        LinearModel::new(
            fitted.params().mapv(|value| sign * value).insert_axis(Axis(1)),
            Array1::from_elem(1, sign * fitted.intercept()),
            Scores::Probabilities { classes, n_classes },
        )?
        .with_feature_std(feature_std(data.rows()))
    }
}

impl MultiLogistic {
    /// Fits the model.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] for values, weights, missing values, or if all training rows are of one
    /// class; [`Error::Model`] for parameters that linfa refuses.
    pub fn fit(&self, _run: &Run<'_>, data: &Dataset) -> Result<LinearModel> {
        let (theirs, classes, n_classes) = prepare(data)?;
        if classes.len() < 2 {
            return Err(Error::Data(
                "logistic regression needs two classes, but all training rows are of one".into(),
            ));
        }
        let fitted = self.params.fit(&theirs).map_err(Error::model)?;
        LinearModel::new(
            fitted.params().clone(),
            fitted.intercept().clone(),
            // linfa's columns are the classes that occur, ascending.
            Scores::Probabilities { classes: fitted.classes().to_vec(), n_classes },
        )?
        .with_feature_std(feature_std(data.rows()))
    }
}

impl Learner for Logistic {
    fn train(&self, run: &Run<'_>, data: &Dataset) -> Result<Box<dyn Model>> {
        Ok(Box::new(self.fit(run, data)?))
    }
}

impl Learner for MultiLogistic {
    fn train(&self, run: &Run<'_>, data: &Dataset) -> Result<Box<dyn Model>> {
        Ok(Box::new(self.fit(run, data)?))
    }
}

/// linfa's data set, the classes that occur, and how many there are.
type Prepared = (linfa::Dataset<f64, usize, ndarray::Ix1>, Vec<usize>, usize);

fn prepare(data: &Dataset) -> Result<Prepared> {
    let (labels, n_classes) = labels(data.target())?;
    plain_rows("linfa-logistic", data)?;
    let mut classes = labels.to_vec();
    classes.sort_unstable();
    classes.dedup();
    let labels = Array1::from_vec(labels.to_vec());
    Ok((linfa::Dataset::new(data.rows().to_owned(), labels), classes, n_classes))
}
