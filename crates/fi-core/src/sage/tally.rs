//! From draws to values, and how sure they are, for one metric.
//!
//! Draw `k` is about a row `i` and sums to `tᵢ + eₖ`: what all players are worth in that row,
//! which is known of every row, and the error of the draw's few background rows for no player,
//! whose expectation is known, too. Both are control variates: with `βₜ` and `βₑ` the slopes of a
//! player's draws `ψₖ` on them,
//!
//! ```text
//! φ = Σ wᵢ [ψ̄ᵢ − βₜ (tᵢ − t̄) − βₑ ēᵢ] / Σ wᵢ        over the rows visited; bars are means
//! ```
//!
//! The slopes of all players sum to 1, so the values sum to `t̄`, to rounding.

use ndarray::{Array2, ArrayView1};

use crate::sampling_noise::{Noise, Units};

/// With fewer draws there are no standard errors.
const MIN_DRAWS: usize = 8;
/// Second draws of rows that make the spread within rows worth trusting.
const MIN_AGAIN: usize = 32;

/// Draws of one metric, added up.
#[derive(Debug, Clone)]
pub(super) struct Tally<'a> {
    shares: &'a [f64],
    /// What all players are worth in each row, less the mean.
    totals: Vec<f64>,
    total: f64,
    /// Whether both slopes are `1 / n_players` by construction (the kernel estimator).
    even: bool,
    n_draws: usize,
    visits: Vec<usize>,
    /// `(n_rows, n_players + 1)`: sums of the row's draws, last of their errors.
    sums: Array2<f64>,
    /// Per player: sums of `ψ`, `|ψ|`, `ψ²`, `ψ t`, `ψ e` over all draws.
    moments: Vec<[f64; 5]>,
    /// Sums of `t`, `e`, `t²`, `t e`, `e²`.
    controls: [f64; 5],
    corrections: Corrections,
}

/// Corrections, each weighted by its row: how many, and per player the sums of `ψ`, `ψ²`, `ψ e`.
#[derive(Debug, Clone, Default)]
struct Corrections {
    n: usize,
    moments: Vec<[f64; 3]>,
    /// Sums of `e`, `e²`.
    errors: [f64; 2],
}

/// The values and their standard errors.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) values: Vec<f64>,
    /// Of the values as estimates of those of these rows and this background.
    pub(super) std_error: Option<Vec<f64>>,
}

impl<'a> Tally<'a> {
    pub(super) fn new(shares: &'a [f64], totals: Vec<f64>, n_players: usize, even: bool) -> Self {
        let total = totals.iter().zip(shares).map(|(t, share)| t * share).sum();
        Self {
            totals: totals.iter().map(|t| t - total).collect(),
            total,
            even,
            n_draws: 0,
            visits: vec![0; shares.len()],
            sums: Array2::zeros((shares.len(), n_players + 1)),
            moments: vec![[0.0; 5]; n_players],
            controls: [0.0; 5],
            corrections: Corrections { moments: vec![[0.0; 3]; n_players], ..Default::default() },
            shares,
        }
    }

    /// What all players are worth, on average.
    pub(super) fn total(&self) -> f64 {
        self.total
    }

    fn n_players(&self) -> usize {
        self.moments.len()
    }

    /// Adds a draw about `row`, whose values sum to what the row is worth and `error`.
    pub(super) fn add(&mut self, row: usize, draw: ArrayView1<'_, f64>, error: f64) {
        let t = self.totals[row];
        self.n_draws += 1;
        self.visits[row] += 1;
        let mut sums = self.sums.row_mut(row);
        for ((moments, sum), &psi) in self.moments.iter_mut().zip(&mut sums).zip(&draw) {
            *sum += psi;
            let terms = [psi, psi.abs(), psi * psi, psi * t, psi * error];
            moments.iter_mut().zip(terms).for_each(|(moment, term)| *moment += term);
        }
        sums[draw.len()] += error;
        let terms = [t, error, t * t, t * error, error * error];
        self.controls.iter_mut().zip(terms).for_each(|(moment, term)| *moment += term);
    }

    /// Adds a correction about `row`, whose values sum to `error`.
    pub(super) fn correct(&mut self, row: usize, draw: ArrayView1<'_, f64>, error: f64) {
        let weight = self.shares[row] * self.shares.len() as f64;
        let error = weight * error;
        self.corrections.n += 1;
        for (moments, psi) in self.corrections.moments.iter_mut().zip(draw) {
            let psi = weight * psi;
            let terms = [psi, psi * psi, psi * error];
            moments.iter_mut().zip(terms).for_each(|(moment, term)| *moment += term);
        }
        self.corrections.errors[0] += error;
        self.corrections.errors[1] += error * error;
    }

    /// The slopes of a player's draws on `t` and `e`, and the draws' spread about them: the sum of
    /// squares.
    fn regression(&self, player: usize) -> ([f64; 2], f64) {
        let n = self.n_draws.max(1) as f64;
        let [t, e, tt, te, ee] = self.controls;
        let [psi, _, squares, psi_t, psi_e] = self.moments[player];
        let about = |product: f64, a: f64, b: f64| product - a * b / n;
        let (tt, te, ee) = (about(tt, t, t), about(te, t, e), about(ee, e, e));
        let (psi_t, psi_e) = (about(psi_t, psi, t), about(psi_e, psi, e));
        let even = 1.0 / self.n_players() as f64;
        let determinant = tt * ee - te * te;
        let slopes = if self.even {
            [even, even]
        } else if determinant > 1e-12 * tt * ee {
            let slope = |a: f64, b: f64, own: f64| (a * own - b * te) / determinant;
            [slope(psi_t, psi_e, ee), slope(psi_e, psi_t, tt)]
        } else {
            // One of them is constant, or one says what the other does.
            let alone = |a: f64, own: f64| if own > 0.0 { a / own } else { 0.0 };
            if tt >= ee { [alone(psi_t, tt), 0.0] } else { [0.0, alone(psi_e, ee)] }
        };
        let [b, c] = slopes;
        let left = about(squares, psi, psi) - 2.0 * (b * psi_t + c * psi_e)
            + b * b * tt
            + 2.0 * b * c * te
            + c * c * ee;
        (slopes, left.max(0.0))
    }

    /// A row's mean draw, less what its controls explain.
    fn residual(&self, row: usize, player: usize, [b, c]: [f64; 2]) -> f64 {
        let sums = self.sums.row(row);
        (sums[player] - c * sums[self.n_players()]) / self.visits[row] as f64 - b * self.totals[row]
    }

    fn visited(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.visits.len()).filter(|&row| self.visits[row] > 0)
    }

    fn visited_share(&self) -> f64 {
        self.visited().map(|row| self.shares[row]).sum()
    }

    /// The mean and the squared standard error of the corrections of a player.
    fn correction(&self, player: usize, slope: f64) -> (f64, f64) {
        let Corrections { n, moments, errors: [e, ee] } = &self.corrections;
        if *n == 0 {
            return (0.0, 0.0);
        }
        let (n, [psi, squares, psi_e]) = (*n as f64, moments[player]);
        let mean = (psi - slope * e) / n;
        let squares = squares - 2.0 * slope * psi_e + slope * slope * ee;
        (mean, (squares - n * mean * mean).max(0.0) / (n - 1.0).max(1.0) / n)
    }

    /// The values, or those in `instead` where the estimator has its own.
    pub(super) fn found(&self, instead: Option<&[f64]>) -> Found {
        let n_players = self.n_players();
        let share = self.visited_share();
        let (mut values, mut errors) = (Vec::new(), Vec::new());
        for player in 0..n_players {
            let (slopes, left) = self.regression(player);
            let (correction, noise) = self.correction(player, slopes[1]);
            let mean =
                self.visited().map(|row| self.shares[row] * self.residual(row, player, slopes));
            let value = mean.sum::<f64>() / share;
            values.push(instead.map_or(value, |values| values[player]) + correction);
            errors.push((self.variance(player, slopes, left) + noise).sqrt());
        }
        // The slopes are those of a sample, of too few draws perhaps: what they miss of the sum
        // goes to the players as they move.
        let missing = self.total - values.iter().sum::<f64>();
        let moved: f64 = self.moments.iter().map(|moments| moments[1]).sum();
        for (value, moments) in values.iter_mut().zip(&self.moments) {
            let part = if moved > 0.0 { moments[1] / moved } else { 1.0 / n_players as f64 };
            *value += missing * part;
        }
        Found { values, std_error: (self.n_draws >= MIN_DRAWS).then_some(errors) }
    }

    /// The squared standard error for these rows: from the spread within rows once it is known,
    /// before that from all of the spread about the controls, which is a little too much.
    fn variance(&self, player: usize, slopes: [f64; 2], left: f64) -> f64 {
        let n_visited = self.visited().count();
        let again = self.n_draws - n_visited;
        let share = self.visited_share();
        let one = |row: usize| self.shares[row].powi(2) / self.visits[row] as f64;
        let weights: f64 = self.visited().map(one).sum::<f64>() / (share * share);
        if n_visited < self.visits.len() || again < MIN_AGAIN {
            return weights * left / (self.n_draws as f64 - 3.0).max(1.0);
        }
        let [_, _, squares, _, psi_e] = self.moments[player];
        let c = slopes[1];
        let all = squares - 2.0 * c * psi_e + c * c * self.controls[4];
        let between =
            |row: usize| self.visits[row] as f64 * self.residual(row, player, [0.0, c]).powi(2);
        let within = all - self.visited().map(between).sum::<f64>();
        weights * within.max(0.0) / again as f64
    }

    /// Standard errors and degrees of freedom for the population that the rows are drawn from.
    pub(super) fn population(
        &self,
        units: &Units,
        weights: Option<&[f64]>,
    ) -> Option<Vec<(f64, usize)>> {
        let share = self.visited_share();
        let n_visited = self.visited().count();
        let of_player = |player: usize| {
            let (slopes, _) = self.regression(player);
            let residual = |row: usize| self.residual(row, player, slopes);
            let mean =
                self.visited().map(|row| self.shares[row] * residual(row)).sum::<f64>() / share;
            let mut influence: Vec<f64> = self.totals.iter().map(|t| slopes[0] * t).collect();
            self.visited().for_each(|row| influence[row] += (residual(row) - mean) / share);
            let mut noise = Noise::default();
            noise.add(&units.contributions(&influence, weights, None));
            let rows = noise.standard_error(&[])?;
            let (_, corrections) = self.correction(player, slopes[1]);
            let freedom = noise.degrees_of_freedom().min(n_visited.saturating_sub(1));
            Some(((rows * rows + corrections).sqrt(), freedom))
        };
        (n_visited > 1).then(|| (0..self.n_players()).map(of_player).collect()).flatten()
    }
}
