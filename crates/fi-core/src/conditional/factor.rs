//! One triangular factor that both conditions and draws.
//!
//! Put the known features first and factor the correlation matrix, `R = L Lᵀ`. A row is then
//! `z = L e` with independent standard normal `e`: the known features determine their own `e` by
//! forward substitution, and the unknown ones follow from it and from fresh noise. That is the
//! conditional normal distribution, its Schur complement included, without inverting anything.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use ndarray::{Array2, ArrayView1, ArrayView2, s};

/// A feature of which the features before it leave less than this share of the variance counts
/// as determined by them: it adds no information and no noise of its own.
pub(crate) const DETERMINED: f64 = 1e-10;

/// The factor of a correlation matrix with the known features first.
#[derive(Debug)]
pub(crate) struct Factor {
    /// The known features, then the others, both ascending.
    pub(crate) order: Vec<usize>,
    pub(crate) n_known: usize,
    /// `(n_features, n_features)`, lower triangular in that order; a column of a feature that
    /// is determined by those before it is 0.
    pub(crate) lower: Array2<f64>,
    /// Of few unknown features: `(n_unknown, n_known)`, what the known features' standardised values
    /// weigh in their centres.
    weights: Option<Array2<f64>>,
}

/// Weights are found where so many times fewer features are unknown than there are: those of an
/// unknown feature take as long to find as the noise of a row.
const FEW: usize = 8;

impl Factor {
    /// Factors a correlation matrix, positive semi-definite with 0 or 1 on its diagonal.
    pub(crate) fn new(correlation: ArrayView2<'_, f64>, known: &[bool]) -> Self {
        let (mut order, unknown): (Vec<usize>, Vec<usize>) =
            (0..known.len()).partition(|&feature| known[feature]);
        let n_known = order.len();
        order.extend(unknown);
        let (lower, _) = semidefinite(correlation, &order);
        let few = FEW * (order.len() - n_known) <= order.len();
        let weights = few.then(|| weights(lower.view(), n_known));
        Self { order, n_known, lower, weights }
    }

    /// The means of the unknown features given the known ones, whose standardised values these are;
    /// standardised, too.
    pub(crate) fn centres(&self, standardised: impl Fn(usize) -> f64) -> Vec<f64> {
        let Some(weights) = &self.weights else {
            let noise = self.noise_of(standardised);
            let unknown = self.n_known..self.order.len();
            return unknown.map(|k| self.dot(k, 0..self.n_known, &noise)).collect();
        };
        let centre = |weights: ArrayView1<'_, f64>| {
            let known = weights.into_iter().zip(&self.order).filter(|(weight, _)| **weight != 0.0);
            known.map(|(weight, &feature)| weight * standardised(feature)).sum()
        };
        weights.outer_iter().map(centre).collect()
    }

    /// The independent normal numbers of the known features; 0 for one that those before it
    /// determine.
    fn noise_of(&self, standardised: impl Fn(usize) -> f64) -> Vec<f64> {
        let mut noise = vec![0.0; self.order.len()];
        for k in 0..self.n_known {
            let pivot = self.lower[[k, k]];
            if pivot > 0.0 {
                let explained = self.dot(k, 0..k, &noise);
                noise[k] = (standardised(self.order[k]) - explained) / pivot;
            }
        }
        noise
    }

    /// What some of the numbers add up to in row `k`.
    pub(crate) fn dot(&self, k: usize, columns: std::ops::Range<usize>, noise: &[f64]) -> f64 {
        columns.map(|m| self.lower[[k, m]] * noise[m]).sum()
    }
}

/// The weights of [`Factor::centres`]: what the noise of the known features weighs, and from the
/// last to the first of these what that is by their values.
fn weights(lower: ArrayView2<'_, f64>, n_known: usize) -> Array2<f64> {
    let mut weights = lower.slice(s![n_known.., ..n_known]).to_owned();
    for mut weights in weights.outer_iter_mut() {
        for k in (0..n_known).rev() {
            let pivot = lower[[k, k]];
            let weight = if pivot > 0.0 { weights[k] / pivot } else { 0.0 };
            weights[k] = weight;
            weights.slice_mut(s![..k]).scaled_add(-weight, &lower.slice(s![k, ..k]));
        }
    }
    weights
}

/// Cholesky's factor of a positive semi-definite matrix whose rows and columns are taken in this
/// order, and the largest absolute value that it does not reproduce.
pub(crate) fn semidefinite(matrix: ArrayView2<'_, f64>, order: &[usize]) -> (Array2<f64>, f64) {
    let n = order.len();
    let (mut lower, mut lost) = (Array2::<f64>::zeros((n, n)), 0.0_f64);
    for j in 0..n {
        let left = |lower: &Array2<f64>, i: usize| {
            let seen: f64 = (0..j).map(|k| lower[[i, k]] * lower[[j, k]]).sum();
            matrix[[order[i], order[j]]] - seen
        };
        let pivot = left(&lower, j);
        if pivot <= DETERMINED {
            lost = (j..n).fold(lost, |lost, i| lost.max(left(&lower, i).abs()));
            continue;
        }
        let root = pivot.sqrt();
        lower[[j, j]] = root;
        for i in j + 1..n {
            lower[[i, j]] = left(&lower, i) / root;
        }
    }
    (lower, lost)
}

/// The factors that were asked for last: a method asks for the same features row after row.
#[derive(Debug, Default)]
pub(crate) struct Factors(Mutex<BTreeMap<Vec<bool>, Arc<Factor>>>);

/// How many numbers all factors together may hold.
const MAX_NUMBERS: usize = 1 << 22;

impl Factors {
    /// The factor for these known features. The cache is emptied when it is full, which changes
    /// what a call costs and never its answer.
    pub(crate) fn get(&self, correlation: ArrayView2<'_, f64>, known: &[bool]) -> Arc<Factor> {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(factor) = lock().get(known) {
            return Arc::clone(factor);
        }
        let factor = Arc::new(Factor::new(correlation, known));
        let most = MAX_NUMBERS / (known.len() * known.len()).max(1);
        let mut factors = lock();
        if factors.len() >= most {
            factors.clear();
        }
        factors.insert(known.to_vec(), Arc::clone(&factor));
        factor
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    /// The last features are sums, copies and constants of those before.
    fn correlation(n: usize) -> Array2<f64> {
        let mut rng = Rng::new(5, n as u64);
        let mut mix = Array2::from_shape_simple_fn((n, n), || rng.normal());
        let sum = &mix.row(0) + &mix.row(1);
        mix.row_mut(n - 3).assign(&sum);
        let copy = mix.row(2).to_owned();
        mix.row_mut(n - 2).assign(&copy);
        mix.row_mut(n - 1).fill(0.0);
        let covariance = mix.dot(&mix.t());
        Array2::from_shape_fn((n, n), |(i, j)| {
            let scale = (covariance[[i, i]] * covariance[[j, j]]).sqrt();
            if scale > 0.0 { covariance[[i, j]] / scale } else { 0.0 }
        })
    }

    #[test]
    fn weights_give_the_centres_that_noise_gives() {
        let n = 17;
        let correlation = correlation(n);
        for unknown in [&[4][..], &[2], &[n - 3], &[n - 1], &[0, n - 2], &[1, 9]] {
            let known: Vec<bool> = (0..n).map(|feature| !unknown.contains(&feature)).collect();
            let by_weights = Factor::new(correlation.view(), &known);
            assert!(by_weights.weights.is_some());
            let by_noise = Factor { weights: None, ..Factor::new(correlation.view(), &known) };
            // Of a constant feature there is no such value.
            let value = |feature: usize| {
                if feature == n - 1 { f64::NAN } else { (3.0 * feature as f64).sin() }
            };
            let [found, expected] = [by_weights, by_noise].map(|factor| factor.centres(value));
            for (found, expected) in found.iter().zip(&expected) {
                assert!((found - expected).abs() < 1e-9, "{unknown:?}: {found} {expected}");
            }
        }
        let half: Vec<bool> = (0..n).map(|feature| feature % 2 == 0).collect();
        assert!(Factor::new(correlation.view(), &half).weights.is_none());
    }
}
