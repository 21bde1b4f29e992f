//! What *not knowing a feature* means.

use std::sync::Arc;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

use super::drawn::Drawn;
use crate::conditional::Conditional;
use crate::error::{Error, Result, require, require_shape};

/// What stands in the place of a feature that is removed.
///
/// # When it misleads
///
/// - [`Removal::Baseline`] and [`Removal::Marginal`] break the dependence between the removed
///   features and those that stay: with dependent features the model is asked about rows that
///   cannot occur. A baseline is also a choice of the reference point, and another baseline gives
///   other scores.
/// - [`Removal::Conditional`] keeps the dependence as the sampler knows it, and then a feature
///   that the model does not use is worth something if it tells about one that it uses.
#[derive(Debug, Clone)]
pub enum Removal {
    /// One fixed value per feature.
    Baseline(Vec<f64>),
    /// The mean over background rows, whatever the other features are (also called
    /// *interventional*).
    Marginal {
        /// `(n_background, n_features)`; NaN where a value is missing.
        rows: Array2<f64>,
        /// A weight per background row; `None` weighs all the same.
        weights: Option<Vec<f64>>,
    },
    /// The mean over rows drawn given the features that stay (also called *observational*).
    Conditional {
        /// Draws the removed features.
        sampler: Arc<dyn Conditional>,
        /// How many rows stand for a coalition, from 1 to 2²⁰.
        n_samples: usize,
        /// What the rows are drawn by: the same features that stay are completed by the same
        /// draws, whatever the row.
        seed: u64,
    },
}

/// Samplers are equal if they are the same one.
impl PartialEq for Removal {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Baseline(a), Self::Baseline(b)) => a == b,
            (
                Self::Marginal { rows: a, weights: of_a },
                Self::Marginal { rows: b, weights: of_b },
            ) => a == b && of_a == of_b,
            (
                Self::Conditional { sampler: a, n_samples: of_a, seed: from_a },
                Self::Conditional { sampler: b, n_samples: of_b, seed: from_b },
            ) => Arc::ptr_eq(a, b) && of_a == of_b && from_a == from_b,
            _ => false,
        }
    }
}

impl Removal {
    /// Removed features take these values.
    ///
    /// # Errors
    ///
    /// [`Error::NotFinite`] for an infinite value; [`Error::Data`] without features.
    pub fn baseline(values: Vec<f64>) -> Result<Self> {
        let removal = Self::Baseline(values);
        removal.check()?;
        Ok(removal)
    }

    /// Removed features are averaged over these background rows.
    ///
    /// # Errors
    ///
    /// [`Error::TooFewRows`] without rows; [`Error::Data`] without features;
    /// [`Error::NotFinite`] for an infinite value.
    pub fn marginal(rows: Array2<f64>) -> Result<Self> {
        let removal = Self::Marginal { rows, weights: None };
        removal.check()?;
        Ok(removal)
    }

    /// Removed features are averaged over these background rows with these weights.
    ///
    /// # Errors
    ///
    /// As for [`Removal::marginal`]; [`Error::Shape`] for another number of weights;
    /// [`Error::Data`] for a negative weight or if all are 0.
    pub fn weighted_marginal(rows: Array2<f64>, weights: Vec<f64>) -> Result<Self> {
        let removal = Self::Marginal { rows, weights: Some(weights) };
        removal.check()?;
        Ok(removal)
    }

    /// Removed features are averaged over `n_samples` draws given those that stay.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] unless `n_samples` is from 1 to 2²⁰; [`Error::Data`] without features.
    pub fn conditional(sampler: Arc<dyn Conditional>, n_samples: usize, seed: u64) -> Result<Self> {
        let removal = Self::Conditional { sampler, n_samples, seed };
        removal.check()?;
        Ok(removal)
    }

    /// How many columns its rows have.
    pub fn n_features(&self) -> usize {
        match self {
            Self::Baseline(values) => values.len(),
            Self::Marginal { rows, .. } => rows.ncols(),
            Self::Conditional { sampler, .. } => sampler.n_features(),
        }
    }

    /// The fields are public, so a game checks them again.
    pub(super) fn check(&self) -> Result<()> {
        let (what, rows, weights) = match self {
            Self::Baseline(values) => ("the baseline", as_row(values), None),
            Self::Marginal { rows, weights } => ("the background", rows.view(), weights.as_ref()),
            Self::Conditional { sampler, n_samples, .. } => {
                let (domain, words) = (1..=MAX_SAMPLES, format!("from 1 to {MAX_SAMPLES}"));
                require(domain.contains(n_samples), "n_samples", n_samples, words)?;
                return require(sampler.n_features() > 0, "n_features", 0, "at least 1");
            }
        };
        if rows.nrows() == 0 {
            return Err(Error::TooFewRows { what: what.to_owned(), needed: 1, got: 0 });
        }
        if rows.ncols() == 0 {
            return Err(Error::Data(format!("{what} has no features, give at least one column")));
        }
        if let Some(((row, column), &value)) = rows.indexed_iter().find(|(_, x)| x.is_infinite()) {
            let column = Some(column.to_string());
            return Err(Error::NotFinite { what: what.to_owned(), row, column, value });
        }
        weights.map_or(Ok(()), |weights| check_weights(weights, rows.nrows()))
    }

    pub(super) fn rest(&self) -> Rest<'_> {
        match self {
            Self::Baseline(values) => Rest::Background(Background::new(as_row(values), None)),
            Self::Marginal { rows, weights } => {
                Rest::Background(Background::new(rows.view(), weights.as_deref()))
            }
            Self::Conditional { sampler, n_samples, seed } => {
                let (n_samples, seed) = (*n_samples, *seed);
                Rest::Drawn(Drawn { sampler: &**sampler, n_samples, seed })
            }
        }
    }
}

/// So many draws stand for a coalition at most.
const MAX_SAMPLES: usize = 1 << 20;

fn as_row(values: &[f64]) -> ArrayView2<'_, f64> {
    ArrayView1::from(values).insert_axis(Axis(0))
}

/// What completes the rows of a game.
pub(super) enum Rest<'a> {
    Background(Background<'a>),
    Drawn(Drawn<'a>),
}

/// The same rows for every coalition.
pub(super) struct Background<'a> {
    pub(super) rows: ArrayView2<'a, f64>,
    /// Weights of the rows, and their running sum.
    pub(super) weights: Array1<f64>,
    pub(super) cumulative: Vec<f64>,
}

impl<'a> Background<'a> {
    fn new(rows: ArrayView2<'a, f64>, weights: Option<&[f64]>) -> Self {
        let ones = || Array1::ones(rows.nrows());
        let weights = weights.map_or_else(ones, |weights| Array1::from(weights.to_vec()));
        let cumulative = weights
            .iter()
            .scan(0.0, |sum, weight| {
                *sum += weight;
                Some(*sum)
            })
            .collect();
        Self { rows, weights, cumulative }
    }
}

fn check_weights(weights: &[f64], n_rows: usize) -> Result<()> {
    require_shape("the list of background weights", &[n_rows], &[weights.len()])?;
    if let Some(row) = weights.iter().position(|weight| !weight.is_finite()) {
        let what = "the background weight".to_owned();
        return Err(Error::NotFinite { what, row, column: None, value: weights[row] });
    }
    if let Some(row) = weights.iter().position(|&weight| weight < 0.0) {
        let weight = weights[row];
        return Err(Error::Data(format!(
            "the background weight is `{weight}` in row {row}, weights must not be negative"
        )));
    }
    if weights.iter().all(|&weight| weight == 0.0) {
        return Err(Error::Data(
            "all background weights are 0, give at least one row a weight".to_owned(),
        ));
    }
    Ok(())
}
