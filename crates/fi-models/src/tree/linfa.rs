//! linfa's `Fit` and `Predict` on our trees and forests.
//!
//! linfa's `fit` takes no seed, so the settings are put together with one first:
//! [`DecisionTree::linfa`] and [`RandomForest::linfa`]. Numbers are regression, `usize` labels
//! classes; `predict` answers the labels that training saw.

use fi_core::{Dataset, Model, Result, Run, Target};
use linfa::DatasetBase;
use linfa::traits::{Fit, PredictInplace};
use ndarray::{Array1, Array2, ArrayBase, ArrayView1, ArrayView2, Data, Ix1, Ix2};

use super::decision_tree::DecisionTree;
use super::forest::RandomForest;
use super::trees::Trees;

/// Why linfa's `fit` failed.
#[derive(Debug, thiserror::Error)]
pub enum LinfaError {
    /// fi's reason.
    #[error(transparent)]
    Fi(#[from] fi_core::Error),
    /// linfa's reason.
    #[error(transparent)]
    Linfa(#[from] linfa::Error),
}

/// Settings and a seed: what linfa's `fit` is called on.
#[derive(Debug, Clone, PartialEq)]
pub struct LinfaParams<P> {
    /// The settings.
    pub params: P,
    /// The seed of everything that is drawn.
    pub seed: u64,
}

/// A model fitted through linfa, which predicts labels (`L = usize`) or values (`L = f64`).
#[derive(Debug, Clone, PartialEq)]
pub struct LinfaModel<M, L> {
    /// The model, with all it can do beside `predict`.
    pub model: M,
    /// The label of each class, ascending; empty for values.
    pub labels: Vec<L>,
}

impl DecisionTree {
    /// These settings for linfa's `fit`.
    ///
    /// # Example
    ///
    /// ```
    /// use fi_models::tree::DecisionTree;
    /// use linfa::prelude::*;
    /// use ndarray::array;
    ///
    /// let data = linfa::Dataset::new(array![[1.0], [2.0], [3.0]], array![7_usize, 7, 9]);
    /// let model = DecisionTree::default().linfa(42).fit(&data)?;
    /// assert_eq!(model.predict(&data), array![7, 7, 9]);
    /// # Ok::<(), fi_models::tree::LinfaError>(())
    /// ```
    pub fn linfa(self, seed: u64) -> LinfaParams<Self> {
        LinfaParams { params: self, seed }
    }
}

impl RandomForest {
    /// These settings for linfa's `fit`.
    ///
    /// # Example
    ///
    /// ```
    /// use fi_models::tree::RandomForest;
    /// use linfa::prelude::*;
    /// use ndarray::array;
    ///
    /// let data = linfa::Dataset::new(array![[1.0], [2.0], [3.0]], array![0.5, 0.5, 2.5]);
    /// let model = RandomForest::regression().linfa(42).fit(&data)?;
    /// assert!(model.predict(&array![[0.0]])[0] < 1.5);
    /// # Ok::<(), fi_models::tree::LinfaError>(())
    /// ```
    pub fn linfa(self, seed: u64) -> LinfaParams<Self> {
        LinfaParams { params: self, seed }
    }
}

/// Settings of this module, which linfa's `fit` can train.
pub trait TreeParams {
    /// What they are trained to.
    type Model: Model;

    /// Trains on one of our data sets.
    ///
    /// # Errors
    ///
    /// Those of the settings' own `fit`.
    fn train_on(&self, run: &Run<'_>, data: &Dataset) -> Result<Self::Model>;
}

impl TreeParams for DecisionTree {
    type Model = Trees;

    fn train_on(&self, run: &Run<'_>, data: &Dataset) -> Result<Trees> {
        self.fit(run, data)
    }
}

impl TreeParams for RandomForest {
    type Model = Trees;

    fn train_on(&self, run: &Run<'_>, data: &Dataset) -> Result<Trees> {
        self.fit(run, data)
    }
}

/// A linfa target of ours: `f64` values or `usize` labels.
pub trait TreeLabel: Copy {
    /// Our target, and the label of each class.
    fn target(labels: ArrayView1<'_, Self>) -> (Target, Vec<Self>);
}

impl TreeLabel for f64 {
    fn target(labels: ArrayView1<'_, Self>) -> (Target, Vec<Self>) {
        (Target::Values(labels.to_vec()), Vec::new())
    }
}

impl TreeLabel for usize {
    fn target(labels: ArrayView1<'_, Self>) -> (Target, Vec<Self>) {
        let mut classes = labels.to_vec();
        classes.sort_unstable();
        classes.dedup();
        let index = |label: &usize| classes.partition_point(|class| class < label);
        let names = classes.iter().map(ToString::to_string).collect();
        (Target::Classes { labels: labels.iter().map(index).collect(), names }, classes)
    }
}

impl<P, D, S, L> Fit<ArrayBase<D, Ix2>, ArrayBase<S, Ix1>, LinfaError> for LinfaParams<P>
where
    P: TreeParams,
    D: Data<Elem = f64>,
    S: Data<Elem = L>,
    L: TreeLabel,
{
    type Object = LinfaModel<P::Model, L>;

    fn fit(
        &self,
        data: &DatasetBase<ArrayBase<D, Ix2>, ArrayBase<S, Ix1>>,
    ) -> Result<Self::Object, LinfaError> {
        let (target, labels) = L::target(data.targets().view());
        let mut ours = Dataset::new(data.records().to_owned(), target)?;
        if !data.feature_names().is_empty() {
            ours = ours.with_feature_names(data.feature_names().to_vec())?;
        }
        if let Some(weights) = data.weights() {
            ours = ours.with_weights(weights.iter().map(|&weight| f64::from(weight)).collect())?;
        }
        let model = self.params.train_on(&Run::new(self.seed), &ours)?;
        Ok(LinfaModel { model, labels })
    }
}

impl<M: Model, L> LinfaModel<M, L> {
    fn outputs(&self, rows: ArrayView2<'_, f64>) -> Array2<f64> {
        match self.model.predict(rows) {
            Ok(outputs) => outputs,
            // linfa's trait has no way to fail; its own models panic here too.
            Err(error) => panic!("{error}"),
        }
    }
}

/// Predicts values.
///
/// # Panics
///
/// If the rows have another number of columns than the training rows.
impl<M: Model, D: Data<Elem = f64>> PredictInplace<ArrayBase<D, Ix2>, Array1<f64>>
    for LinfaModel<M, f64>
{
    fn predict_inplace(&self, rows: &ArrayBase<D, Ix2>, targets: &mut Array1<f64>) {
        targets.assign(&self.outputs(rows.view()).column(0));
    }

    fn default_target(&self, rows: &ArrayBase<D, Ix2>) -> Array1<f64> {
        Array1::zeros(rows.nrows())
    }
}

/// Predicts the label of the most probable class, the lowest of equally probable ones.
///
/// # Panics
///
/// If the rows have another number of columns than the training rows.
impl<M: Model, D: Data<Elem = f64>> PredictInplace<ArrayBase<D, Ix2>, Array1<usize>>
    for LinfaModel<M, usize>
{
    fn predict_inplace(&self, rows: &ArrayBase<D, Ix2>, targets: &mut Array1<usize>) {
        let outputs = self.outputs(rows.view());
        for (target, shares) in targets.iter_mut().zip(outputs.rows()) {
            let better = |best, k| if shares[k] > shares[best] { k } else { best };
            let best = (1..shares.len()).fold(0, better);
            *target = self.labels[best];
        }
    }

    fn default_target(&self, rows: &ArrayBase<D, Ix2>) -> Array1<usize> {
        Array1::zeros(rows.nrows())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use linfa::prelude::*;
    use ndarray::array;

    #[test]
    fn a_classifier_answers_linfas_labels() {
        let rows = array![[0.0, 5.0], [1.0, 4.0], [2.0, 9.0], [3.0, 1.0], [4.0, 2.0], [5.0, 3.0]];
        let data = linfa::Dataset::new(rows, array![30_usize, 30, 10, 10, 20, 20])
            .with_feature_names(vec!["a", "b"]);
        let params = RandomForest::default().linfa(3);
        let model = params.fit(&data).unwrap();
        let predicted = model.predict(&data);
        assert!(predicted.confusion_matrix(&data).unwrap().accuracy() > 0.6);
        assert_eq!(model.labels, [10, 20, 30]);
        assert_eq!(model.model.ensemble().n_outputs(), 3);
        assert_eq!(model, params.fit(&data).unwrap());
        // By view, as linfa's cross-validation does.
        let view = data.view();
        assert_eq!(model, params.fit(&view).unwrap());
        assert_eq!(model.predict(&data.records().view()), predicted);
    }

    #[test]
    fn a_regressor_minds_linfas_weights() {
        let data = linfa::Dataset::new(array![[0.0], [0.0], [1.0]], array![1.0, 5.0, 2.0]);
        let data = data.with_weights(array![3.0_f32, 1.0, 1.0]);
        let model = DecisionTree::regression().linfa(0).fit(&data).unwrap();
        assert_eq!(model.predict(&array![[0.0], [1.0]]), array![2.0, 2.0]);
        let scores =
            linfa::Dataset::new(array![[0.0], [1.0], [2.0], [3.0]], array![0.0, 0.0, 1.0, 1.0])
                .cross_validate_single(2, &[DecisionTree::regression().linfa(0)], |a, b| a.r2(b));
        assert!(scores.is_ok(), "{scores:?}");
    }

    #[test]
    fn our_errors_come_through() {
        let data = linfa::Dataset::new(array![[f64::INFINITY]], array![1.0]);
        let error = DecisionTree::regression().linfa(0).fit(&data).unwrap_err();
        assert!(error.to_string().starts_with("the table is `inf` in row 0"), "{error}");
        let data = linfa::Dataset::new(array![[1.0]], array![1_usize]);
        let error = DecisionTree::regression().linfa(0).fit(&data).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`criterion` is `SquaredError`, it must be Gini or Entropy for classification"
        );
    }
}
