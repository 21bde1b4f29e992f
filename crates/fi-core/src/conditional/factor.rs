//! One triangular factor that both conditions and draws.
//!
//! Put the known features first and factor the correlation matrix, `R = L Lᵀ`. A row is then
//! `z = L e` with independent standard normal `e`: the known features determine their own `e` by
//! forward substitution, and the unknown ones follow from it and from fresh noise. That is the
//! conditional normal distribution, its Schur complement included, without inverting anything.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use ndarray::{Array2, ArrayView2};

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
}

impl Factor {
    /// Factors a correlation matrix, positive semi-definite with 0 or 1 on its diagonal.
    pub(crate) fn new(correlation: ArrayView2<'_, f64>, known: &[bool]) -> Self {
        let (mut order, unknown): (Vec<usize>, Vec<usize>) =
            (0..known.len()).partition(|&feature| known[feature]);
        let n_known = order.len();
        order.extend(unknown);
        let (lower, _) = semidefinite(correlation, &order);
        Self { order, n_known, lower }
    }

    /// The independent normal numbers of the known features, whose standardised values these are;
    /// 0 for one that those before it determine.
    pub(crate) fn noise_of(&self, standardised: impl Fn(usize) -> f64) -> Vec<f64> {
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
