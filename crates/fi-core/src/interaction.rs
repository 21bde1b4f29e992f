//! Results for pairs of players: one matrix per row and output, or one for all rows.

use ndarray::{Array2, Array3, Axis};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, require_shape};
use crate::importance::{Estimand, Replicate, Warning};
use crate::statistics::{mean, sample_std};

/// Local interactions: how each prediction divides into effects of players and of pairs.
///
/// ```text
/// φ(a, b) = φ(b, a)   half of the Shapley interaction index of a and b
/// φ(a, a)             the rest of a's Shapley value: φ(a) − Σ_{b ≠ a} φ(a, b)
/// ```
///
/// so the whole symmetric matrix adds up to the prediction less its base value, and each of its
/// rows to a Shapley value, as in shap and XGBoost.
///
/// Only the upper triangle is stored, row by row: (0, 0), (0, 1), …, (1, 1), (1, 2), ….
///
/// # Example
///
/// ```
/// use fi_core::Interactions;
/// use ndarray::array;
///
/// let names = ["a".to_owned(), "b".to_owned()];
/// let values = array![[[1.0, 0.25, 3.0]]];
/// let found = Interactions::new("SHAP interactions", &names, values, array![[10.0]])?;
/// assert_eq!(found.value(0, 0, 1, 0), 0.25);
/// // As XGBoost lays it out, with the base value in the last place.
/// assert_eq!(found.dense(0, 0), array![[1.0, 0.25, 0.0], [0.25, 3.0, 0.0], [0.0, 0.0, 10.0]]);
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Lundberg, Erion, Chen et al. (2020). *From local explanations to global understanding with
///   explainable AI for trees.* Nature Machine Intelligence 2.
///   <https://doi.org/10.1038/s42256-019-0138-9>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Interactions {
    /// The method, by its name in the field.
    pub method: String,
    /// The players' names.
    pub features: Vec<String>,
    /// `(n_rows, n_outputs, n_pairs)`, in the unit of the prediction.
    pub values: Array3<f64>,
    /// `(n_rows, n_outputs)`: the prediction with every player removed.
    pub base_values: Array2<f64>,
    /// Standard errors of `values`, of methods that sample: zeros where they are exact.
    pub std_error: Option<Array3<f64>>,
    /// How many rows the model predicted.
    pub n_evaluations: usize,
    /// The largest `|base + Σ values − prediction|`, for methods that looked.
    pub additivity_error: Option<f64>,
}

impl Interactions {
    /// A result of these parts.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] unless the shapes fit together; [`Error::Data`] if so many players have
    /// more pairs than can be counted.
    pub fn new(
        method: impl Into<String>,
        features: &[String],
        values: Array3<f64>,
        base_values: Array2<f64>,
    ) -> Result<Self> {
        let (n_rows, n_outputs, _) = values.dim();
        let n_pairs = Self::n_pairs(features.len())?;
        require_shape("interactions", &[n_rows, n_outputs, n_pairs], values.shape())?;
        require_shape("base values", &[n_rows, n_outputs], base_values.shape())?;
        Ok(Self {
            method: method.into(),
            features: features.to_vec(),
            values,
            base_values,
            std_error: None,
            n_evaluations: 0,
            additivity_error: None,
        })
    }

    /// How many pairs `n` players have, each with itself included: `n (n + 1) / 2`.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] if that cannot be counted.
    pub fn n_pairs(n: usize) -> Result<usize> {
        n.checked_add(1)
            .and_then(|more| n.checked_mul(more))
            .map(|double| double / 2)
            .ok_or_else(|| Error::Data(format!("{n} players have more pairs than can be counted")))
    }

    /// Where the pair of `a` and `b`, in either order, stands among those of `n` players.
    pub fn pair(n: usize, a: usize, b: usize) -> usize {
        let (a, b) = (a.min(b), a.max(b));
        a * n - a * (a + 1) / 2 + b
    }

    /// One entry of the symmetric matrix of a row and output.
    ///
    /// # Panics
    ///
    /// If an index is out of range.
    pub fn value(&self, row: usize, output: usize, a: usize, b: usize) -> f64 {
        self.values[[row, output, Self::pair(self.features.len(), a, b)]]
    }

    /// The whole matrix of a row and output as XGBoost lays it out: `n + 1` by `n + 1`, with the
    /// base value in the last place and zeros beside it.
    ///
    /// # Panics
    ///
    /// If an index is out of range.
    pub fn dense(&self, row: usize, output: usize) -> Array2<f64> {
        let n = self.features.len();
        let mut dense = Array2::from_shape_fn((n + 1, n + 1), |(a, b)| {
            if a < n && b < n { self.value(row, output, a, b) } else { 0.0 }
        });
        dense[[n, n]] = self.base_values[[row, output]];
        dense
    }

    /// The mean size of each entry over rows, sizes averaged over outputs first, with its standard
    /// deviation over rows.
    ///
    /// # When it misleads
    ///
    /// Rows count as independent and alike, and the noise of an estimator that draws makes sizes
    /// too large where values are near 0.
    ///
    /// # Errors
    ///
    /// [`Error::TooFewRows`] without rows or outputs.
    pub fn mean_abs(&self) -> Result<Interaction> {
        let (n_rows, n_outputs, n_pairs) = self.values.dim();
        if n_rows == 0 || n_outputs == 0 {
            let what = "a mean of interactions".to_owned();
            return Err(Error::TooFewRows { what, needed: 1, got: 0 });
        }
        let by_row = self.values.mapv(f64::abs).sum_axis(Axis(1)) / n_outputs as f64;
        let (mut means, mut stds) = (Vec::with_capacity(n_pairs), Vec::with_capacity(n_pairs));
        for column in by_row.columns() {
            means.push(mean(column.iter()));
            stds.push(sample_std(column.iter()));
        }
        let n = self.features.len();
        let square = |of: &[f64]| Array2::from_shape_fn((n, n), |(a, b)| of[Self::pair(n, a, b)]);
        let method = format!("mean |{}|", self.method);
        let mut found = Interaction::new(method, &self.features, square(&means), n_rows)?;
        found.std = (n_rows > 1).then(|| square(&stds));
        found.n_evaluations = self.n_evaluations;
        Ok(found)
    }
}

/// Global interactions: one number per pair of players.
///
/// A field that has no meaning for the method is `None`, never a made-up number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Interaction {
    /// The method, by its name in the field.
    pub method: String,
    /// The metric, where the method uses one.
    pub metric: Option<String>,
    /// The players' names.
    pub features: Vec<String>,
    /// `(n_players, n_players)`, symmetric; what the diagonal means, the method says. NaN for a
    /// pair that was not asked for.
    pub values: Array2<f64>,
    /// Sample standard deviation of what was averaged, where there were at least 2.
    pub std: Option<Array2<f64>>,
    /// An interval for each pair, with the name of what it is an interval for.
    pub interval: Option<PairInterval>,
    /// A p-value for each pair, under the method's own null hypothesis; NaN as in `values`.
    pub p_values: Option<Array2<f64>>,
    /// `(n_pairs, n_replicates)`: every single value that was averaged, pair by pair as
    /// [`Interactions::pair`] numbers them; may have 0 columns.
    pub replicates: Array2<f64>,
    /// What varies from one replicate to the next.
    pub replicate_kind: Option<Replicate>,
    /// The model's own score in the metric, on the same rows.
    pub score: Option<f64>,
    /// The seed, for methods that draw.
    pub seed: Option<u64>,
    /// How many rows were averaged.
    pub n_rows: usize,
    /// How many rows the model predicted, or how many models were fitted.
    pub n_evaluations: usize,
    /// What a reader must know before trusting the numbers.
    pub warnings: Vec<Warning>,
}

/// An interval for each pair of players.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PairInterval {
    /// What the interval is for.
    pub estimand: Estimand,
    /// Its nominal coverage, such as 0.95.
    pub confidence: f64,
    /// The lower ends, symmetric; NaN for a pair that was not asked for.
    pub low: Array2<f64>,
    /// The upper ends.
    pub high: Array2<f64>,
}

/// How the importances of two players relate to that of both, as far as the data can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Relation {
    /// Both are worth more than the sum: each stands in for the other.
    Redundancy,
    /// Both are worth less than the sum: each is worth something only with the other.
    Synergy,
    /// The interval holds 0: no relation was seen.
    Undecided,
}

impl Interaction {
    /// A result of these parts.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] unless there is a row and a column per name.
    pub fn new(
        method: impl Into<String>,
        features: &[String],
        values: Array2<f64>,
        n_rows: usize,
    ) -> Result<Self> {
        let n = features.len();
        require_shape("the matrix of interactions", &[n, n], values.shape())?;
        let (method, features) = (method.into(), features.to_vec());
        Ok(Self {
            method,
            metric: None,
            features,
            values,
            std: None,
            interval: None,
            p_values: None,
            replicates: Array2::zeros((Interactions::n_pairs(n)?, 0)),
            replicate_kind: None,
            score: None,
            seed: None,
            n_rows,
            n_evaluations: 0,
            warnings: Vec::new(),
        })
    }

    /// How two different players relate, by the interval of their pair; `None` without one, or
    /// for a pair that was not asked for.
    ///
    /// Meant for results of [`PairImportance`](crate::PairImportance), whose sign says it.
    ///
    /// # Panics
    ///
    /// If an index is out of range.
    pub fn relation(&self, a: usize, b: usize) -> Option<Relation> {
        let interval = self.interval.as_ref().filter(|_| a != b)?;
        let (low, high) = (interval.low[[a, b]], interval.high[[a, b]]);
        match (low, high) {
            (low, _) if low > 0.0 => Some(Relation::Redundancy),
            (_, high) if high < 0.0 => Some(Relation::Synergy),
            (low, high) if low <= 0.0 && high >= 0.0 => Some(Relation::Undecided),
            _ => None,
        }
    }

    /// The pairs `a < b` of different players from the largest value to the smallest, ties in
    /// player order; pairs that were not asked for are left out.
    pub fn order(&self) -> Vec<(usize, usize)> {
        let n = self.features.len();
        let mut pairs: Vec<(usize, usize)> =
            (0..n).flat_map(|a| (a + 1..n).map(move |b| (a, b))).collect();
        pairs.retain(|&pair| !self.values[pair].is_nan());
        // Adding 0 makes −0 and 0 a tie.
        pairs.sort_by(|&a, &b| (self.values[b] + 0.0).total_cmp(&(self.values[a] + 0.0)));
        pairs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn pairs_are_numbered_row_by_row() {
        let mut next = 0;
        for a in 0..5 {
            for b in a..5 {
                assert_eq!(Interactions::pair(5, a, b), next);
                assert_eq!(Interactions::pair(5, b, a), next);
                next += 1;
            }
        }
        assert_eq!(Interactions::n_pairs(5).unwrap(), next);
        let error = Interactions::n_pairs(usize::MAX).unwrap_err().to_string();
        let expected = format!("{} players have more pairs than can be counted", usize::MAX);
        assert_eq!(error, expected);
    }

    #[test]
    fn sizes_are_averaged_over_outputs_and_rows() {
        let names = ["a", "b"].map(String::from);
        let values = ndarray::arr3(&[[[1.0, -2.0, 0.0], [3.0, 0.0, 0.0]], [[0.0; 3]; 2]]);
        let local = Interactions::new("m", &names, values, Array2::zeros((2, 2))).unwrap();
        let found = local.mean_abs().unwrap();
        assert_eq!(found.method, "mean |m|");
        assert_eq!(found.values, array![[1.0, 0.5], [0.5, 0.0]]);
        assert_eq!(found.std.unwrap()[[0, 1]], 0.5_f64.sqrt());
        let none = Interactions::new("m", &names, Array3::zeros((0, 1, 3)), Array2::zeros((0, 1)));
        let error = none.unwrap().mean_abs().unwrap_err().to_string();
        assert_eq!(error, "a mean of interactions needs at least 1 rows, got 0");
    }

    #[test]
    fn shapes_are_checked_and_pairs_ordered() {
        let names = ["a", "b", "c"].map(String::from);
        let error = Interactions::new("m", &names, Array3::zeros((2, 1, 3)), Array2::zeros((2, 1)));
        let message = "interactions has shape [2, 1, 3], expected [2, 1, 6]";
        assert_eq!(error.unwrap_err().to_string(), message);
        let values = array![[9.0, 1.0, 2.0], [1.0, 9.0, 1.0], [2.0, 1.0, 9.0]];
        let global = Interaction::new("m", &names, values, 4).unwrap();
        assert_eq!(global.order(), [(0, 2), (0, 1), (1, 2)]);
        let error = Interaction::new("m", &names, Array2::zeros((2, 3)), 4).unwrap_err();
        let message = "the matrix of interactions has shape [2, 3], expected [3, 3]";
        assert_eq!(error.to_string(), message);
    }
}
