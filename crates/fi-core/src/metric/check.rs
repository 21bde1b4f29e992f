//! What every metric asks of its inputs.

use ndarray::ArrayView2;

use crate::dataset::{Target, all_finite, finite};
use crate::error::{Error, Result, require, require_shape};

/// The rows of positive weight; `None` if that is all of them.
pub(super) fn rows_that_count(weights: Option<&[f64]>) -> Option<Vec<usize>> {
    let weights = weights?;
    weights.contains(&0.0).then(|| (0..weights.len()).filter(|&row| weights[row] > 0.0).collect())
}

pub(super) fn check_predictions(predictions: ArrayView2<'_, f64>, target: &Target) -> Result<()> {
    check_target(target)?;
    require_shape("the prediction", &[target.len(), predictions.ncols()], predictions.shape())?;
    check_finite(predictions)
}

pub(super) fn check_finite(predictions: ArrayView2<'_, f64>) -> Result<()> {
    if predictions.as_slice().is_some_and(all_finite) {
        return Ok(());
    }
    match predictions.indexed_iter().find(|(_, value)| !value.is_finite()) {
        None => Ok(()),
        Some(((row, _), &value)) => {
            Err(Error::NotFinite { what: "the prediction".to_owned(), row, column: None, value })
        }
    }
}

pub(super) fn check_target(target: &Target) -> Result<()> {
    if target.is_empty() {
        return Err(Error::TooFewRows { what: "a score".to_owned(), needed: 1, got: 0 });
    }
    match target {
        Target::Values(values) => finite("the target", values),
        Target::Classes { labels, names } => {
            if labels.iter().fold(true, |all, &label| all & (label < names.len())) {
                return Ok(());
            }
            match labels.iter().position(|&label| label >= names.len()) {
                None => Ok(()),
                Some(row) => Err(Error::Data(format!(
                    "the target is class `{}` in row {row}, but only {} classes are named",
                    labels[row],
                    names.len()
                ))),
            }
        }
    }
}

pub(super) fn check_weights(weights: Option<&[f64]>, n_rows: usize) -> Result<()> {
    let Some(weights) = weights else { return Ok(()) };
    require_shape("the list of weights", &[n_rows], &[weights.len()])?;
    finite("the weight", weights)?;
    if let Some(row) = weights.iter().position(|&weight| weight < 0.0) {
        return Err(Error::Data(format!(
            "the weight is `{}` in row {row}, weights must not be negative",
            weights[row]
        )));
    }
    if weights.iter().all(|&weight| weight == 0.0) {
        return Err(Error::Data("all weights are 0, give at least one row a weight".into()));
    }
    Ok(())
}

pub(super) fn check_alpha(alpha: f64) -> Result<()> {
    require((0.0..=1.0).contains(&alpha), "alpha", alpha, "between 0 and 1")
}
