//! SHAP values of linear models, in closed form.

use fi_core::{Attribution, Error, Model as _, Players, Result, require_shape};
use ndarray::{Array2, Array3, ArrayView2, Axis};

use super::model::LinearModel;

/// Shapley values of a linear model's scores, exact and without asking it anything.
///
/// ```text
/// φⱼ = βⱼ (xⱼ − x̄ⱼ),     base value = the score at x̄
/// ```
///
/// with `x̄` the mean of background rows that stand in for a feature which is not known
/// (*interventional*, as [`Removal::Marginal`](fi_core::Removal)): the mean of a linear score over
/// the rows is the score of their mean. A player's value is the sum over its features; a feature
/// that several players hold is shared equally among them, and one that none holds is always known.
///
/// # Units
///
/// Those of the scores *before* the link: target units for regression, log-odds for classes, one
/// output per column of coefficients. That is why values and base value add up.
///
/// # Cost
///
/// One multiplication per number of the table.
///
/// # When it misleads
///
/// - A feature that copies another takes its share of the effect by its coefficient alone, which
///   the penalty divides between them at will.
/// - Of a softmax the columns are only defined up to a shift that all classes share.
///
/// # Example
///
/// ```
/// use fi_core::Players;
/// use fi_models::linear::{LinearModel, LinearShap, Scores};
/// use ndarray::array;
///
/// let model = LinearModel::new(array![[2.0], [-1.0]], array![0.5], Scores::Values)?;
/// let background = array![[0.0, 0.0], [2.0, 4.0]];
/// let players = Players::features(["a", "b"])?;
/// let shap = LinearShap::at_means(background.view())?;
/// let found = shap.attribution(&model, array![[5.0, 3.0]].view(), &players)?;
/// assert_eq!(found.values, array![[[8.0, -1.0]]]);
/// assert_eq!(found.base_values, array![[0.5]]);
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Štrumbelj, Kononenko (2014). *Explaining prediction models and individual predictions with
///   feature contributions.* Knowledge and Information Systems 41.
///   <https://doi.org/10.1007/s10115-013-0679-x>
/// - Lundberg, Lee (2017). *A unified approach to interpreting model predictions.* NeurIPS 30.
///   <https://arxiv.org/abs/1705.07874>
#[derive(Debug, Clone, PartialEq)]
pub struct LinearShap {
    /// What stands in for each feature: the mean of the background rows.
    pub mean: Vec<f64>,
}

impl LinearShap {
    /// With the means of these background rows.
    ///
    /// # Errors
    ///
    /// [`Error::TooFewRows`] without rows; [`Error::NotFinite`] for a value that is missing or
    /// infinite.
    pub fn at_means(background: ArrayView2<'_, f64>) -> Result<Self> {
        if background.nrows() == 0 {
            let what = "a background".to_owned();
            return Err(Error::TooFewRows { what, needed: 1, got: 0 });
        }
        finite("the background", background)?;
        let n = background.nrows() as f64;
        // Each share is added as it is, so that huge values do not overflow in their sum.
        let mean = |column: ndarray::ArrayView1<'_, f64>| column.iter().map(|x| x / n).sum();
        Ok(Self { mean: background.columns().into_iter().map(mean).collect() })
    }

    /// Explains the model's scores for `(n_rows, n_features)` rows.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] unless model, mean, rows and players have the same number of features;
    /// [`Error::NotFinite`] for a value that is missing or infinite.
    pub fn attribution(
        &self,
        model: &LinearModel,
        rows: ArrayView2<'_, f64>,
        players: &Players,
    ) -> Result<Attribution> {
        let n_features = model.n_features();
        require_shape("the background's mean", &[n_features], &[self.mean.len()])?;
        require_shape("the players' list of features", &[n_features], &[players.n_features()])?;
        let margins = model.margins(rows)?;
        finite("the table", rows)?;
        let mut n_holders = vec![0.0; n_features];
        (0..players.len()).flat_map(|i| players.members(i)).for_each(|&j| n_holders[j] += 1.0);
        let coefficients = model.coefficients();
        let shape = (rows.nrows(), model.intercepts().len(), players.len());
        let mut values = Array3::zeros(shape);
        let mut base_values = Array2::zeros((shape.0, shape.1));
        for (row, x) in rows.outer_iter().enumerate() {
            for output in 0..shape.1 {
                let known = (0..n_features).map(|j| {
                    let stands = if n_holders[j] > 0.0 { self.mean[j] } else { x[j] };
                    coefficients[[j, output]] * stands
                });
                base_values[[row, output]] = model.intercepts()[output] + known.sum::<f64>();
                for player in 0..shape.2 {
                    let members = players.members(player).iter();
                    let of = |&j: &usize| {
                        coefficients[[j, output]] * (x[j] - self.mean[j]) / n_holders[j]
                    };
                    values[[row, output, player]] = members.map(of).sum::<f64>();
                }
            }
        }
        let sums = values.sum_axis(Axis(2)) + &base_values;
        let gap = (&sums - &margins).iter().fold(0.0, |worst: f64, gap| worst.max(gap.abs()));
        let mut found = Attribution::new("linear SHAP", players.names(), values, base_values)?;
        found.additivity_error = Some(gap);
        Ok(found)
    }
}

fn finite(what: &str, rows: ArrayView2<'_, f64>) -> Result<()> {
    match rows.indexed_iter().find(|(_, value)| !value.is_finite()) {
        None => Ok(()),
        Some(((row, column), &value)) => {
            let column = Some(column.to_string());
            Err(Error::NotFinite { what: what.to_owned(), row, column, value })
        }
    }
}
