//! linfa's `Fit` and `Predict` on gradient boosting.

use fi_core::{Dataset, Result, Run};

use super::super::linfa::{LinfaParams, TreeParams};
use super::super::trees::Trees;
use super::settings::GradientBoosting;

impl GradientBoosting {
    /// These settings for linfa's `fit`.
    ///
    /// # Example
    ///
    /// ```
    /// use fi_models::tree::GradientBoosting;
    /// use linfa::prelude::*;
    /// use ndarray::array;
    ///
    /// let data = linfa::Dataset::new(array![[1.0], [2.0], [3.0]], array![7_usize, 7, 9]);
    /// let settings =
    ///     GradientBoosting { min_samples_leaf: 1, ..GradientBoosting::classification() };
    /// let model = settings.linfa(42).fit(&data)?;
    /// assert_eq!(model.predict(&data), array![7, 7, 9]);
    /// # Ok::<(), fi_models::tree::LinfaError>(())
    /// ```
    pub fn linfa(self, seed: u64) -> LinfaParams<Self> {
        LinfaParams { params: self, seed }
    }
}

impl TreeParams for GradientBoosting {
    type Model = Trees;

    fn train_on(&self, run: &Run<'_>, data: &Dataset) -> Result<Trees> {
        self.fit(run, data)
    }
}
