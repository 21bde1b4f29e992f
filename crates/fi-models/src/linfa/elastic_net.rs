//! linfa's elastic net, lasso and ridge.

use fi_core::{Dataset, Error, Learner, Model, Result, Run};
use linfa::ParamGuard;
use linfa::traits::Fit;
use linfa_elasticnet::{ElasticNetError, ElasticNetParams, ElasticNetValidParams};
use ndarray::{Array1, Axis};

use super::data::{feature_std, plain_rows, values};
use crate::linear::{LinearModel, Scores};

/// `linfa_elasticnet::ElasticNetParams` as a learner; made by [`elastic_net`].
#[derive(Debug, Clone)]
pub struct ElasticNet {
    /// linfa's parameters.
    pub params: ElasticNetParams<f64>,
}

/// Penalised least squares: `ElasticNet::params()`, `ElasticNet::lasso()`, `ElasticNet::ridge()`.
///
/// ```text
/// min over β, b of  1/(2n) ∑ᵢ (yᵢ − xᵢβ − b)² + λ ρ ∑ⱼ |βⱼ| + λ (1 − ρ)/2 ∑ⱼ βⱼ²
/// ```
///
/// with `λ` the penalty and `ρ` the share of the L1 part. linfa takes the mean of `y` as the
/// intercept and leaves the columns as they are, which solves this only if they have mean 0: with
/// an intercept the columns are centred here first, and the intercept is that of the columns as
/// they came.
///
/// # When it misleads
///
/// The penalty works on the coefficients' sizes, so it depends on each feature's unit: standardise
/// first ([`Standardized`](crate::Standardized)). Penalised coefficients are biased towards 0 and
/// have no standard errors; linfa's z-scores ignore the penalty and are not used.
///
/// # Example
///
/// ```
/// use fi_core::{Dataset, Run, Target};
/// use ndarray::array;
///
/// let target = Target::Values(vec![1.0, 3.0, 5.0]);
/// let data = Dataset::new(array![[0.0], [1.0], [2.0]], target)?;
/// let learner = fi_models::linfa::elastic_net(linfa_elasticnet::ElasticNet::ridge().penalty(1.0));
/// let model = learner.fit(&Run::new(0), &data)?;
/// // Without penalty the slope is 2; here it is 2 · 2 / (2 + 3 · 1).
/// assert!((model.coefficients()[[0, 0]] - 0.8).abs() < 1e-6);
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Zou, Hastie (2005). *Regularization and variable selection via the elastic net.* JRSS B
///   67(2). <https://doi.org/10.1111/j.1467-9868.2005.00503.x>
pub fn elastic_net(params: ElasticNetParams<f64>) -> ElasticNet {
    ElasticNet { params }
}

impl ElasticNet {
    /// Fits the model.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] for classes, weights, missing values, or if coordinate descent did not
    /// converge; [`Error::Model`] for parameters that linfa refuses.
    pub fn fit(&self, _run: &Run<'_>, data: &Dataset) -> Result<LinearModel> {
        let y = Array1::from_vec(values(data.target())?.to_vec());
        plain_rows("linfa-elasticnet", data)?;
        let checked = self.params.check_ref().map_err(Error::model)?;
        let mut rows = data.rows().to_owned();
        let mut means = Array1::zeros(rows.ncols());
        if checked.with_intercept() {
            means = rows.sum_axis(Axis(0)) / rows.nrows() as f64;
            rows -= &means;
        }
        let theirs = linfa::Dataset::new(rows, y);
        let fitted = checked.fit(&theirs).map_err(|error: ElasticNetError| Error::model(error))?;
        // linfa's duality gap cannot get small without an L1 part, so the gradient decides.
        let stopped = fitted.n_steps() >= checked.max_iterations();
        if stopped && gradient_left(checked, &fitted, &theirs) > checked.tolerance().sqrt() {
            return Err(Error::Data(format!(
                "the elastic net did not converge in {} steps, raise `max_iterations` or \
                 standardise the features",
                fitted.n_steps()
            )));
        }
        let intercept = fitted.intercept() - means.dot(fitted.hyperplane());
        LinearModel::new(
            fitted.hyperplane().clone().insert_axis(Axis(1)),
            Array1::from_elem(1, intercept),
            Scores::Values,
        )?
        .with_feature_std(feature_std(data.rows()))
    }
}

/// How far the worst coefficient is from its optimum: its subgradient as a share of the largest
/// one possible, 0 at the optimum.
fn gradient_left(
    params: &ElasticNetValidParams<f64>,
    fitted: &linfa_elasticnet::ElasticNet<f64>,
    data: &linfa::Dataset<f64, f64, ndarray::Ix1>,
) -> f64 {
    let (n, x) = (data.records().nrows() as f64, data.records());
    let y = data.targets() - fitted.intercept();
    let residuals = &y - &x.dot(fitted.hyperplane());
    let l1 = params.penalty() * params.l1_ratio();
    let l2 = params.penalty() * (1.0 - params.l1_ratio());
    let mut worst = 0.0_f64;
    for (column, &w) in x.columns().into_iter().zip(fitted.hyperplane()) {
        let slope = column.dot(&residuals) / n - l2 * w;
        let left = if w == 0.0 { slope.abs() - l1 } else { (slope - l1 * w.signum()).abs() };
        let most = (column.dot(&column) * y.dot(&y)).sqrt() / n;
        // Without a target or a column to fit, 0 is the optimum.
        if most > 0.0 {
            worst = worst.max(left / most);
        }
    }
    worst
}

impl Learner for ElasticNet {
    fn train(&self, run: &Run<'_>, data: &Dataset) -> Result<Box<dyn Model>> {
        Ok(Box::new(self.fit(run, data)?))
    }
}
