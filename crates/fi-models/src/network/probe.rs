//! The zeros-and-one probe: what a model answers when a single input is switched on.

use fi_core::{Attribution, Model, Result, predict_checked, require, require_shape};
use ndarray::{Array2, Array3, Axis};
use serde::{Deserialize, Serialize};

/// Switches each feature on alone: sets it to 1 and all others to 0.
///
/// ```text
/// φₖᵢ = fₖ(eᵢ) − fₖ(0)
/// ```
///
/// `f` is the model, `k` an output, `eᵢ` the row that is 1 at feature `i` and 0 elsewhere. It is
/// occlusion of the row `eᵢ` with the baseline 0, and asks any model, not networks alone. The
/// answer is an [`Attribution`] of one row, whose base values are `f(0)`; its `mean_abs` gives
/// one score per feature.
///
/// # Units
///
/// Those of the model's output.
///
/// # Cost
///
/// `n_features + 1` predicted rows.
///
/// # When it misleads
///
/// It means something only where the inputs are scaled so that 0 and 1 do: for standardised
/// features 0 is the mean and 1 a standard deviation above it, for 0/1 features off and on; for
/// raw centimetres the row `eᵢ` is nothing the model has ever seen. It looks at one place, in one
/// direction: a feature that matters only below its mean, only for larger values or only together
/// with another one gets 0. For a softmax it depends on how sure the model is at 0.
///
/// # Errors
///
/// [`Error::Shape`](fi_core::Error::Shape) unless there is one name per feature;
/// [`Error::NotFinite`](fi_core::Error::NotFinite) or the model's own.
///
/// # Example
///
/// ```
/// use fi_core::Function;
/// use fi_models::network::{probe, probe_pairs};
/// use ndarray::ArrayView2;
///
/// // 3 + 2 x₀ + 4 x₀ x₁
/// let model = Function::new(2, 1, |rows: ArrayView2<f64>| {
///     rows.outer_iter().map(|x| [3.0 + 2.0 * x[0] + 4.0 * x[0] * x[1]]).collect::<Vec<_>>().into()
/// });
/// let names = ["x0".to_owned(), "x1".to_owned()];
/// let alone = probe(&model, &names)?;
/// assert_eq!((alone.values[[0, 0, 0]], alone.values[[0, 0, 1]]), (2.0, 0.0));
/// assert_eq!(alone.base_values[[0, 0]], 3.0);
/// assert_eq!(probe_pairs(&model, &names)?.values[[0, 0, 1]], 4.0);
/// # Ok::<(), fi_core::Error>(())
/// ```
pub fn probe(model: &dyn Model, names: &[String]) -> Result<Attribution> {
    let (zero, alone) = answers(model, names)?;
    let values = (&alone - &zero).reversed_axes().insert_axis(Axis(0));
    let mut attribution = Attribution::new("zeros-and-one probe", names, values, zero)?;
    attribution.n_evaluations = names.len() + 1;
    Ok(attribution)
}

/// What two features do together beyond what each does alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProbePairs {
    /// The features' names.
    pub features: Vec<String>,
    /// `(n_outputs, n_features, n_features)`: symmetric, in the unit of the prediction; 0 on the
    /// diagonal, because a feature is no pair with itself.
    pub values: Array3<f64>,
    /// How many rows the model predicted.
    pub n_evaluations: usize,
}

impl ProbePairs {
    /// The `(n_features, n_features)` mean over outputs of `|value|`.
    pub fn mean_abs(&self) -> Array2<f64> {
        let n_outputs = self.values.len_of(Axis(0)) as f64;
        self.values.mapv(f64::abs).sum_axis(Axis(0)) / n_outputs
    }
}

/// Switches each pair of features on: how far the two together are from the sum of each alone.
///
/// ```text
/// Φₖᵢⱼ = fₖ(eᵢ + eⱼ) − fₖ(eᵢ) − fₖ(eⱼ) + fₖ(0)
/// ```
///
/// 0 for every pair of an additive model. See [`probe`], whose caveats hold here too.
///
/// # Cost
///
/// `1 + n_features (n_features + 1) / 2` predicted rows, `n_features` at a time.
///
/// # Errors
///
/// As for [`probe`]; [`Error::Parameter`](fi_core::Error::Parameter) with fewer than two features.
pub fn probe_pairs(model: &dyn Model, names: &[String]) -> Result<ProbePairs> {
    let p = names.len();
    require(p >= 2, "names", p, "at least 2 features, for there to be a pair")?;
    let (zero, alone) = answers(model, names)?;
    let mut values = Array3::zeros((model.n_outputs(), p, p));
    for i in 0..p - 1 {
        let rows = Array2::from_shape_fn((p - 1 - i, p), |(row, feature)| {
            f64::from(u8::from(feature == i || feature == i + 1 + row))
        });
        let together = predict_checked(model, rows.view())?;
        for ((row, k), both) in together.indexed_iter() {
            let j = i + 1 + row;
            let beyond = both - alone[[i, k]] - alone[[j, k]] + zero[[0, k]];
            values[[k, i, j]] = beyond;
            values[[k, j, i]] = beyond;
        }
    }
    Ok(ProbePairs { features: names.to_vec(), values, n_evaluations: 1 + p * (p + 1) / 2 })
}

/// The predictions for the row of zeros, `(1, n_outputs)`, and for each `eᵢ`,
/// `(n_features, n_outputs)`.
fn answers(model: &dyn Model, names: &[String]) -> Result<(Array2<f64>, Array2<f64>)> {
    let n_features = model.n_features();
    require_shape("the list of feature names", &[n_features], &[names.len()])?;
    let zero = predict_checked(model, Array2::zeros((1, n_features)).view())?;
    Ok((zero, predict_checked(model, Array2::eye(n_features).view())?))
}
