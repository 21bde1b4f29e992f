//! Importance read from coefficients.

use fi_core::{Estimand, Importance, Interval, Replicate, Result, Warning, require_shape};
use ndarray::{Array2, ArrayView1};
use statrs::distribution::{ContinuousCDF, StudentsT};

use super::model::LinearModel;

/// The coverage of the intervals.
const CONFIDENCE: f64 = 0.95;

/// Importance as the size of each coefficient, in output units per unit of the feature.
///
/// ```text
/// Iⱼ = (1 / K) ∑ₖ |βⱼₖ|
/// ```
///
/// with `βⱼₖ` the coefficient of feature `j` in column `k` of `K`. The replicates keep the signed
/// coefficients, one column per output; the values are the mean of their sizes.
///
/// # Units
///
/// Those of the score (target units, log-odds) per unit of the feature.
///
/// # Cost
///
/// No evaluation of the model.
///
/// # When it misleads
///
/// Metres instead of millimetres make the same feature a thousand times more important: compare
/// only features of one unit, or take [`standardized_coefficients`]. Correlated features share
/// their effect between them in a way that depends on the penalty. The columns of a softmax are
/// only defined up to a shift, which the penalty fixes.
///
/// With standard errors (least squares, one column) the p-value is that of the t test of
/// `βⱼ = 0`, given all other features, and the interval that of `|βⱼ|`: the 95 % t interval of
/// `βⱼ`, folded at 0. Both assume a linear truth and independent errors of equal variance.
/// What varies is the training set: [`Estimand::LearnerOverTrainingSets`].
///
/// # Errors
///
/// [`Error::Shape`](fi_core::Error::Shape) unless there is one name per feature.
///
/// # Example
///
/// ```
/// use fi_models::linear::{LinearModel, Scores, coefficients};
/// use ndarray::array;
///
/// let model = LinearModel::new(array![[2.0], [-3.0]], array![0.0], Scores::Values)?;
/// let importance = coefficients(&model, &["a".into(), "b".into()])?;
/// assert_eq!(importance.values, [2.0, 3.0]);
/// assert_eq!(importance.replicates, array![[2.0], [-3.0]]);
/// # Ok::<(), fi_core::Error>(())
/// ```
pub fn coefficients(model: &LinearModel, names: &[String]) -> Result<Importance> {
    let units = vec![1.0; model.coefficients().nrows()];
    scaled("coefficients", model, &units, names)
}

/// Importance as the size of each coefficient times the feature's standard deviation.
///
/// ```text
/// Iⱼ = (1 / K) ∑ₖ |βⱼₖ sⱼ|
/// ```
///
/// with `sⱼ` the feature's standard deviation, for which [`LinearModel::feature_std`] has that of
/// the training rows: how far the score moves when the feature moves by one standard deviation.
///
/// # Units
///
/// Those of the score: target units for regression, log-odds for classes.
///
/// # Cost
///
/// No evaluation of the model.
///
/// # When it misleads
///
/// It is the effect with all other features held still, which correlated features cannot do.
/// A standard deviation says little about a rare binary feature. Intervals and p-values are as
/// for [`coefficients`] and take `sⱼ` as known.
///
/// # Errors
///
/// [`Error::Shape`](fi_core::Error::Shape) unless there is one name and one standard deviation
/// per feature; [`Error::NotFinite`](fi_core::Error::NotFinite) or
/// [`Error::Data`](fi_core::Error::Data) for a standard deviation that is none.
///
/// # Example
///
/// ```
/// use fi_models::linear::{LinearModel, Scores, standardized_coefficients};
/// use ndarray::array;
///
/// let model = LinearModel::new(array![[2.0], [-3.0]], array![0.0], Scores::Values)?;
/// let importance = standardized_coefficients(&model, &[10.0, 0.5], &["a".into(), "b".into()])?;
/// assert_eq!(importance.values, [20.0, 1.5]);
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Bring (1994). *How to standardize regression coefficients.* The American Statistician
///   48(3). <https://doi.org/10.1080/00031305.1994.10476059>
pub fn standardized_coefficients(
    model: &LinearModel,
    feature_std: &[f64],
    names: &[String],
) -> Result<Importance> {
    // The model's own check of standard deviations, with its words.
    let checked = model.clone().with_feature_std(feature_std.to_vec())?;
    scaled("standardized coefficients", &checked, feature_std, names)
}

fn scaled(
    method: &str,
    model: &LinearModel,
    units: &[f64],
    names: &[String],
) -> Result<Importance> {
    let coefficients = model.coefficients();
    require_shape("the list of feature names", &[coefficients.nrows()], &[names.len()])?;
    let signed = Array2::from_shape_fn(coefficients.dim(), |(feature, column)| {
        coefficients[[feature, column]] * units[feature]
    });
    let values = signed.outer_iter().map(mean_size).collect();
    let mut importance = Importance::new(method, names, values)?;
    importance.replicates = signed;
    importance.replicate_kind = Some(Replicate::Output);
    if let Some(errors) = model.standard_errors().filter(|_| coefficients.ncols() == 1) {
        let column = errors.coefficients.column(0);
        let std_errors: Vec<f64> = column.iter().zip(units).map(|(se, unit)| se * unit).collect();
        add_t_tests(&mut importance, &std_errors, errors.degrees_of_freedom)?;
    }
    Ok(importance)
}

fn mean_size(row: ArrayView1<'_, f64>) -> f64 {
    row.iter().map(|coefficient| coefficient.abs()).sum::<f64>() / row.len() as f64
}

/// p-values of `β = 0` and intervals of `|β|` from standard errors.
fn add_t_tests(importance: &mut Importance, std_errors: &[f64], freedom: usize) -> Result<()> {
    let t = StudentsT::new(0.0, 1.0, freedom as f64).map_err(fi_core::Error::model)?;
    let width = t.inverse_cdf(f64::midpoint(1.0, CONFIDENCE));
    let (mut low, mut high, mut p_values) = (Vec::new(), Vec::new(), Vec::new());
    for (&size, &error) in importance.values.iter().zip(std_errors) {
        low.push((size - width * error).max(0.0));
        high.push(size + width * error);
        // A perfect fit has errors of 0: a coefficient that is not 0 is then certain.
        let statistic = if error > 0.0 { size / error } else { size * f64::INFINITY };
        p_values.push(if statistic.is_nan() { 1.0 } else { 2.0 * t.sf(statistic) });
    }
    importance.interval = Some(Interval {
        estimand: Estimand::LearnerOverTrainingSets,
        confidence: CONFIDENCE,
        low,
        high,
    });
    importance.p_values = Some(p_values);
    importance.warnings.push(Warning::Note(
        "the intervals and p-values assume a linear truth with independent errors of equal variance"
            .into(),
    ));
    Ok(())
}
