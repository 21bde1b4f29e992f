//! Features with marginal distributions of their own whose normal scores are jointly normal.

use ndarray::{Array2, ArrayView1, ArrayView2, ArrayViewMut1, Axis, Zip};
use statrs::distribution::{ContinuousCDF, Normal};

use super::gaussian::{Gaussian, moments};
use super::{Conditional, checked, require_rows};
use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::rng::Rng;
use crate::scorer::rows_that_count;

/// Draws features given the others: as they occur, with a Gaussian dependence of their ranks.
///
/// ```text
/// sᵢ(x) = Φ⁻¹( (Fᵢ(x−) + Fᵢ(x)) / 2 )       normal score of a value of feature i
/// zᵢ(x) = (sᵢ(x) − mean) / std              over the rows
/// z  ~  N(0, R),   R the correlation of the scores
/// drawn:  zᵢ given the others' scores,  then  xᵢ = Fᵢ⁻¹(Φ(zᵢ))
/// ```
///
/// `Fᵢ` is the empirical distribution function of feature `i` by the rows' weights, and `Fᵢ⁻¹(u)`
/// the smallest value with `Fᵢ(x) ≥ u`. So only values that occur are drawn, categories and
/// counts stay what they are, and what is drawn given nothing has the feature's own distribution.
///
/// **Ties** share the middle of their step of `Fᵢ`. A value that did not occur, between two that
/// did, has the score of that place, and outside their range that of the nearest.
///
/// # Cost
///
/// As [`Gaussian`], and a search among the values for each feature that is drawn or present.
/// Memory: the distinct values of each feature.
///
/// # When it misleads
///
/// - Where the dependence is not monotone (`x₂ = x₁²`) or differs along the range.
/// - A feature of few values hides a part of its dependence within its steps: its correlation,
///   and so what the others say of it, is understated. Numbers that name categories in no order
///   have no meaningful ranks: condition by subgroups of a tree instead.
/// - No value beyond the largest that occurred is ever drawn.
///
/// # Example
///
/// ```
/// use fi_core::conditional::{Conditional, GaussianCopula};
/// use fi_core::{Dataset, Rng, Target};
/// use ndarray::{array, Array2};
///
/// // The second feature is the exponential of the first: 1 when that is 0.
/// let rows = Array2::from_shape_fn((101, 2), |(i, j)| {
///     let x = (i as f64 - 50.0) / 10.0;
///     if j == 0 { x } else { x.exp() }
/// });
/// let data = Dataset::new(rows, Target::Values(vec![0.0; 101]))?;
/// let copula = GaussianCopula::fit(&data)?;
/// let drawn = copula.sample(array![0.0, 9.0].view(), &[true, false], 3, &mut Rng::new(0, 0))?;
/// assert!(drawn.column(1).iter().all(|&x| (x - 1.0).abs() < 1e-12));
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Liu, Lafferty, Wasserman (2009). *The nonparanormal.* JMLR 10, 2295–2328.
///   <https://jmlr.org/papers/v10/liu09a.html>
/// - Aas, Jullum, Løland (2021). *Explaining individual predictions when features are dependent.*
///   Artificial Intelligence 298, §3.2. <https://doi.org/10.1016/j.artint.2021.103502>
#[derive(Debug)]
pub struct GaussianCopula {
    marginals: Vec<Marginal>,
    /// Of the standardised scores.
    scores: Gaussian,
}

impl GaussianCopula {
    /// The copula of these rows, by their weights.
    ///
    /// Distribution functions are those of all values that are there, the correlation that of the
    /// rows in which nothing is missing.
    ///
    /// # Errors
    ///
    /// [`Error::TooFewRows`] with fewer than 2 rows of positive weight without missing values;
    /// [`Error::Data`] if a feature is missing in every row.
    pub fn fit(data: &Dataset) -> Result<Self> {
        let counts = rows_that_count(data);
        let weights: Vec<f64> =
            counts.iter().map(|&row| data.weights().map_or(1.0, |all| all[row])).collect();
        let rows = data.rows();
        let mut scores = Array2::zeros((counts.len(), data.n_features()));
        let mut marginals = Vec::with_capacity(data.n_features());
        for (feature, mut into) in scores.columns_mut().into_iter().enumerate() {
            let values: Vec<f64> = counts.iter().map(|&row| rows[[row, feature]]).collect();
            let marginal = Marginal::new(&values, &weights).ok_or_else(|| {
                let name = &data.feature_names()[feature];
                Error::Data(format!("feature `{name}` is missing in every row, leave it out"))
            })?;
            into.iter_mut().zip(&values).for_each(|(score, &value)| *score = marginal.score(value));
            marginals.push(marginal);
        }
        let (mean, covariance) = moments(scores.view(), &weights)?;
        let std = covariance.diag().mapv(f64::sqrt);
        for (marginal, (&mean, &std)) in marginals.iter_mut().zip(mean.iter().zip(&std)) {
            (marginal.mean, marginal.std) = (mean, std);
        }
        let correlation = Array2::from_shape_fn(covariance.dim(), |(i, j)| {
            let scale = std[i] * std[j];
            if scale > 0.0 { covariance[[i, j]] / scale } else { 0.0 }
        });
        let scores = Gaussian::new(vec![0.0; mean.len()], correlation.view())?;
        Ok(Self { marginals, scores })
    }

    /// The standardised normal scores of rows.
    pub(crate) fn scores(&self, rows: ArrayView2<'_, f64>) -> Array2<f64> {
        Array2::from_shape_fn(rows.dim(), |at| self.marginals[at.1].standardised(rows[at]))
    }

    /// The values that have these scores.
    pub(crate) fn values(&self, mut scores: Array2<f64>) -> Array2<f64> {
        for (marginal, mut column) in self.marginals.iter().zip(scores.columns_mut()) {
            column.mapv_inplace(|score| marginal.value(score));
        }
        scores
    }

    /// The scores of what is present and not missing, else NaN.
    fn known_scores(&self, rows: ArrayView2<'_, f64>, present: &[bool]) -> Array2<f64> {
        let mut scores = Array2::from_elem(rows.dim(), f64::NAN);
        let columns = scores.columns_mut().into_iter().zip(rows.columns()).enumerate();
        for (feature, (mut scores, values)) in columns.filter(|(feature, _)| present[*feature]) {
            let marginal = &self.marginals[feature];
            Zip::from(&mut scores).and(values).for_each(|score, &value| {
                if !value.is_nan() {
                    *score = marginal.standardised(value);
                }
            });
        }
        scores
    }

    /// Puts what is known of a row, and the values of the other scores, in place of drawn scores.
    fn put_back(&self, row: ArrayView1<'_, f64>, present: &[bool], drawn: ArrayViewMut1<'_, f64>) {
        let of_row = self.marginals.iter().zip(row).zip(present);
        for (((marginal, &value), &present), to) in of_row.zip(drawn) {
            *to = if present && !value.is_nan() { value } else { marginal.value(*to) };
        }
    }
}

impl Conditional for GaussianCopula {
    fn n_features(&self) -> usize {
        self.marginals.len()
    }

    fn sample(
        &self,
        row: ArrayView1<'_, f64>,
        present: &[bool],
        n: usize,
        rng: &mut Rng,
    ) -> Result<Array2<f64>> {
        checked(self.marginals.len(), row, present, 0)?;
        let scores = self.known_scores(row.insert_axis(Axis(0)), present);
        let mut drawn = self.scores.sample(scores.row(0), present, n, rng)?;
        drawn.outer_iter_mut().for_each(|drawn| self.put_back(row, present, drawn));
        Ok(drawn)
    }

    fn sample_each(
        &self,
        rows: ArrayView2<'_, f64>,
        present: &[bool],
        rng: &dyn Fn(usize) -> Rng,
    ) -> Result<Array2<f64>> {
        let n = self.marginals.len();
        require_rows(n, rows, present)?;
        for (i, row) in rows.outer_iter().enumerate() {
            checked(n, row, present, 0).map_err(|error| error.with_row(|_| i))?;
        }
        let scores = self.known_scores(rows, present);
        let mut drawn = self.scores.sample_each(scores.view(), present, rng)?;
        let of_rows = rows.outer_iter().zip(drawn.outer_iter_mut());
        of_rows.for_each(|(row, drawn)| self.put_back(row, present, drawn));
        Ok(drawn)
    }
}

/// The empirical distribution of one feature.
#[derive(Debug)]
struct Marginal {
    /// The distinct values, ascending, and the share of the weight at or below each.
    values: Vec<f64>,
    up_to: Vec<f64>,
    /// The normal score of each.
    scores: Vec<f64>,
    /// Of the rows' scores.
    mean: f64,
    std: f64,
}

impl Marginal {
    /// `None` if every value is missing.
    fn new(all: &[f64], weights: &[f64]) -> Option<Self> {
        let mut order: Vec<usize> = (0..all.len()).filter(|&i| !all[i].is_nan()).collect();
        order.sort_by(|&a, &b| all[a].total_cmp(&all[b]));
        let total: f64 = order.iter().map(|&i| weights[i]).sum();
        let (mut values, mut up_to, mut sum) = (Vec::new(), Vec::new(), 0.0);
        for tied in order.chunk_by(|&a, &b| all[a] == all[b]) {
            sum += tied.iter().map(|&i| weights[i]).sum::<f64>();
            values.push(all[tied[0]]);
            up_to.push(sum / total);
        }
        let below = |place: usize| if place == 0 { 0.0 } else { up_to[place - 1] };
        let middle = |place: usize| f64::midpoint(below(place), up_to[place]);
        let scores = (0..values.len()).map(|place| standard_normal().inverse_cdf(middle(place)));
        let scores: Vec<f64> = scores.collect();
        (!values.is_empty()).then_some(Self { values, up_to, scores, mean: 0.0, std: 0.0 })
    }

    fn score(&self, value: f64) -> f64 {
        if value.is_nan() {
            return f64::NAN;
        }
        let place = self.values.partition_point(|&other| other < value);
        let last = self.values.len() - 1;
        if place == 0 || place > last || self.values[place] == value {
            return self.scores[place.min(last)];
        }
        standard_normal().inverse_cdf(self.up_to[place - 1])
    }

    /// 0 for a constant feature.
    fn standardised(&self, value: f64) -> f64 {
        if self.std > 0.0 { (self.score(value) - self.mean) / self.std } else { 0.0 }
    }

    fn value(&self, score: f64) -> f64 {
        let share = standard_normal().cdf(score);
        let place = self.up_to.partition_point(|&up_to| up_to < share);
        self.values[place.min(self.values.len() - 1)]
    }
}

fn standard_normal() -> Normal {
    Normal::standard()
}
