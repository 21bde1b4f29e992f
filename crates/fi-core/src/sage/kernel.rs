//! The kernel estimator: a regression of the worth of random coalitions and their complements on
//! who is in them.
//!
//! Of a row whose players are worth `t` together, write `φ = t / n + u` with `Σ u = 0`. A coalition
//! `S` of `s` players, drawn with the Shapley kernel's chance, and its complement `S'` say
//!
//! ```text
//! ½ [v(S) − v(S') − (2s − n) t / n]  =  Σᵢ (zᵢ − s/n) uᵢ  +  noise,       zᵢ = 1 if i ∈ S, else 0
//! ```
//!
//! whose normal equations are `M u = r`; in expectation `M = c (I − 1 1ᵀ / n)` for each pair. Least
//! squares takes the `M` of the pairs drawn, with a bias of order `1 / n_pairs`. Any `u`
//! that does not depend on a pair gives an unbiased draw `t / n + u + (z − s/n) · residual / c`
//! (Covert and Lee take `u = 0`); with the regression's `u` its noise is that of the regression,
//! hence the standard errors.

use linfa_linalg::cholesky::SolveC;
use ndarray::{Array1, Array2, ArrayView2, Axis};

use crate::error::{Error, Result};
use crate::rng::Rng;

/// The normal equations of all metrics.
#[derive(Debug, Clone)]
pub(super) struct Normal {
    /// `M`, and the number of pairs in it.
    matrix: Array2<f64>,
    n_pairs: usize,
    /// `(n_players, n_metrics)`.
    right: Array2<f64>,
}

/// `n − 1` coalitions, each followed by its complement; `order` is used up.
pub(super) fn coalitions(order: &mut [usize], rng: &mut Rng) -> Array2<bool> {
    let n = order.len();
    let kernel = |size: usize| 1.0 / (size * (n - size)) as f64;
    let total: f64 = (1..n).map(kernel).sum();
    let mut coalitions = Array2::from_elem((2 * (n - 1), n), false);
    for pair in 0..n - 1 {
        let mut left = rng.uniform() * total;
        let size = (1..n).find(|&size| {
            left -= kernel(size);
            left < 0.0
        });
        rng.shuffle(order);
        for (place, &player) in order.iter().enumerate() {
            let member = place < size.unwrap_or(n - 1);
            coalitions[[2 * pair + usize::from(!member), player]] = true;
        }
    }
    coalitions
}

/// The left sides `(n_pairs, n_metrics)` of a draw whose players are worth `totals` together.
fn targets(
    coalitions: ArrayView2<'_, bool>,
    losses: ArrayView2<'_, f64>,
    totals: &[f64],
) -> Array2<f64> {
    let n = coalitions.ncols() as f64;
    Array2::from_shape_fn((coalitions.nrows() / 2, totals.len()), |(pair, metric)| {
        let size = coalitions.row(2 * pair).iter().filter(|&&member| member).count() as f64;
        // Losses begin with that of nobody.
        let added = losses[[2 * pair + 2, metric]] - losses[[2 * pair + 1, metric]];
        0.5 * (added - (2.0 * size - n) / n * totals[metric])
    })
}

/// `zᵢ − s/n` of each pair.
fn centred(coalitions: ArrayView2<'_, bool>) -> Array2<f64> {
    let (n_pairs, n) = (coalitions.nrows() / 2, coalitions.ncols());
    let mut centred = Array2::from_shape_fn((n_pairs, n), |(pair, player)| {
        f64::from(u8::from(coalitions[[2 * pair, player]]))
    });
    for mut row in centred.outer_iter_mut() {
        let mean = row.sum() / n as f64;
        row -= mean;
    }
    centred
}

impl Normal {
    pub(super) fn new(n_players: usize, n_metrics: usize) -> Self {
        Self {
            matrix: Array2::zeros((n_players, n_players)),
            n_pairs: 0,
            right: Array2::zeros((n_players, n_metrics)),
        }
    }

    /// Adds a draw's pairs.
    pub(super) fn add(
        &mut self,
        coalitions: ArrayView2<'_, bool>,
        losses: ArrayView2<'_, f64>,
        totals: &[f64],
        weight: f64,
    ) {
        let centred = centred(coalitions);
        let targets = targets(coalitions, losses, totals);
        let weighted = weight * &centred;
        self.matrix += &weighted.t().dot(&centred);
        self.right += &weighted.t().dot(&targets);
        self.n_pairs += centred.nrows();
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.matrix += &other.matrix;
        self.right += &other.right;
        self.n_pairs += other.n_pairs;
    }

    /// `u`, `(n_players, n_metrics)`.
    pub(super) fn solve(&self) -> Result<Array2<f64>> {
        let n = self.matrix.nrows();
        if n == 1 {
            return Ok(Array2::zeros(self.right.dim()));
        }
        // 1 is in the kernel of M: a multiple of 1 1ᵀ makes it regular and leaves Σ u = 0.
        let ridge = self.matrix.diag().sum() / (n * n) as f64;
        let mut regular = &self.matrix + ridge;
        regular.solvec(&self.right).map_err(|error| {
            Error::Data(format!(
                "SAGE's regression on {n} players cannot be solved after {} pairs of coalitions \
                 ({error}), give it more draws",
                self.n_pairs
            ))
        })
    }
}

/// The unbiased draw of each metric `(n_metrics, n_players)` with these `u`.
pub(super) fn draw(
    coalitions: ArrayView2<'_, bool>,
    losses: ArrayView2<'_, f64>,
    totals: &[f64],
    u: ArrayView2<'_, f64>,
) -> Array2<f64> {
    let n = coalitions.ncols();
    let totals_apart = Array1::from_iter(totals.iter().map(|total| total / n as f64));
    let mut values = &u.t() + &totals_apart.insert_axis(Axis(1));
    if n == 1 {
        return values;
    }
    let centred = centred(coalitions);
    let residuals = targets(coalitions, losses, totals) - centred.dot(&u);
    // c: the chance that one of two players is in S and the other is not, halved.
    let kernel: f64 = (1..n).map(|size| 1.0 / (size * (n - size)) as f64).sum();
    let scale = kernel * n as f64 / centred.nrows() as f64;
    values.scaled_add(scale, &residuals.t().dot(&centred));
    values
}
