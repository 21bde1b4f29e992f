//! From draws to values, and how sure they are, for one metric.
//!
//! Draw `k` is about a row `i` and sums to `tᵢ + eₖ`: what all players are worth in that row,
//! which is known of every row, and the error of the draw's few background rows for no player,
//! whose expectation is known, too. Both are control variates: with `βₜ` and `βₑ` the slopes of a
//! player's draws `ψₖ` on them,
//!
//! ```text
//! φ = Σ wᵢ meanₖ [ψₖ − βₜ (tᵢ − t̄) − βₑ eₖ] / Σ wᵢ        over the rows visited and their draws k
//! ```
//!
//! The slopes of all players sum to 1, so the values sum to `t̄`. A slope that had seen the draw it
//! is applied to would bias it: draws are in two folds, and each takes the `βₑ` of the other.
//! Where there are corrections, `t` is what all players are worth as a draw has it, and what is
//! missing of it is known, too: a row's correction sums to that and to what its draws' `eₖ` lack.

use ndarray::{Array2, ArrayView1};

use crate::sampling_noise::{Noise, Units};

/// With fewer draws there are no standard errors.
const MIN_DRAWS: f64 = 8.0;
/// Before so many corrections their standard errors are not believed: rare large ones are most of
/// what is corrected.
const MIN_CORRECTIONS: usize = 32;
/// Second draws of rows that make the spread within rows worth trusting.
const MIN_AGAIN: f64 = 32.0;

/// Slopes on `t` and `e`, for the draws of each fold.
type Slopes = [[f64; 2]; 2];

/// Draws of one metric, added up.
#[derive(Debug, Clone)]
pub(super) struct Tally<'a> {
    shares: &'a [f64],
    /// What all players are worth in each row as draws have it, less the mean.
    totals: Vec<f64>,
    drawn: f64,
    /// What they are worth on average.
    total: f64,
    /// Whether both slopes are `1 / n_players` by construction (the kernel estimator).
    even: bool,
    folds: [Fold; 2],
    /// How often each row was visited, by fold.
    visits: Vec<[usize; 2]>,
    /// `(n_rows, n_players + 2)`: sums of the row's draws, last of their errors, by fold.
    sums: Array2<f64>,
    corrections: Corrections,
}

/// Sums over the draws of a fold.
#[derive(Debug, Clone, Default)]
struct Fold {
    n: f64,
    /// Per player: of `ψ`, `|ψ|`, `ψ²`, `ψ t`, `ψ e`.
    moments: Vec<[f64; 5]>,
    /// Of `t`, `e`, `t²`, `t e`, `e²`.
    controls: [f64; 5],
}

impl Fold {
    /// The slopes of a player's draws on `t` and `e`.
    fn slopes(&self, player: usize) -> [f64; 2] {
        let [t, e, tt, te, ee] = self.controls;
        let [psi, _, _, psi_t, psi_e] = self.moments[player];
        let about = |product: f64, a: f64, b: f64| product - a * b / self.n.max(1.0);
        let (tt, te, ee) = (about(tt, t, t), about(te, t, e), about(ee, e, e));
        let (psi_t, psi_e) = (about(psi_t, psi, t), about(psi_e, psi, e));
        let determinant = tt * ee - te * te;
        if determinant > 1e-12 * tt * ee {
            let slope = |a: f64, b: f64, own: f64| (a * own - b * te) / determinant;
            return [slope(psi_t, psi_e, ee), slope(psi_e, psi_t, tt)];
        }
        // One of them is constant, or one says what the other does.
        let alone = |a: f64, own: f64| if own > 0.0 { a / own } else { 0.0 };
        if tt >= ee { [alone(psi_t, tt), 0.0] } else { [0.0, alone(psi_e, ee)] }
    }

    /// This fold and another, for one player.
    fn with(&self, other: &Self, player: usize) -> Self {
        let sum = |a: &[f64; 5], b: &[f64; 5]| std::array::from_fn(|i| a[i] + b[i]);
        Self {
            n: self.n + other.n,
            moments: vec![sum(&self.moments[player], &other.moments[player])],
            controls: sum(&self.controls, &other.controls),
        }
    }

    /// The sum and the sum of squares of a player's draws less what these slopes explain.
    fn residuals(&self, player: usize, [b, c]: [f64; 2]) -> [f64; 2] {
        let [t, e, tt, te, ee] = self.controls;
        let [psi, _, squares, psi_t, psi_e] = self.moments[player];
        let explained = 2.0 * (b * psi_t + c * psi_e);
        let left = squares - explained + b * b * tt + 2.0 * b * c * te + c * c * ee;
        [psi - b * t - c * e, left]
    }
}

/// Corrections, each weighted by its row: how many, and per player the sums of `ψ`, `ψ²`, `ψ e`,
/// `ψ t`, where `t` is what the row's correction sums to beside `e`, which is known, less the mean.
#[derive(Debug, Clone, Default)]
struct Corrections {
    n: usize,
    moments: Vec<[f64; 4]>,
    /// Sums of `e`, `e²`, `t`, `t²`, `t e`.
    controls: [f64; 5],
}

impl Corrections {
    /// The mean and its squared standard error, of a player whose slope on `e` is that of draws and
    /// on `t`, unless it is given, that of the corrections.
    fn mean(&self, player: usize, slope: f64, on_total: Option<f64>) -> (f64, f64) {
        if self.n == 0 {
            return (0.0, 0.0);
        }
        let (n, [psi, squares, psi_e, psi_t]) = (self.n as f64, self.moments[player]);
        let [e, ee, t, tt, te] = self.controls;
        let left = psi - slope * e;
        let (spread, shared) = (tt - t * t / n, psi_t - slope * te - t * left / n);
        let own = if n >= MIN_DRAWS && spread > 0.0 { shared / spread } else { 0.0 };
        let b = on_total.unwrap_or(own);
        let squares = squares - 2.0 * slope * psi_e + slope * slope * ee - left * left / n;
        let unexplained = (squares - 2.0 * b * shared + b * b * spread).max(0.0);
        ((left - b * t) / n, unexplained / (n - 2.0).max(1.0) / n)
    }
}

/// The values and their standard errors.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) values: Vec<f64>,
    /// Of the values as estimates of those of these rows and this background.
    pub(super) std_error: Option<Vec<f64>>,
}

impl<'a> Tally<'a> {
    /// `drawn` is what all players are worth in each row as draws have it, and `totals` what they
    /// are.
    pub(super) fn new(
        shares: &'a [f64],
        drawn: ArrayView1<'_, f64>,
        totals: ArrayView1<'_, f64>,
        n_players: usize,
        even: bool,
    ) -> Self {
        let mean = |of: ArrayView1<'_, f64>| of.iter().zip(shares).map(|(t, s)| t * s).sum();
        let (mean_drawn, total): (f64, f64) = (mean(drawn), mean(totals));
        let fold = Fold { moments: vec![[0.0; 5]; n_players], ..Default::default() };
        Self {
            totals: drawn.iter().map(|t| t - mean_drawn).collect(),
            drawn: mean_drawn,
            total,
            even,
            folds: [fold.clone(), fold],
            visits: vec![[0; 2]; shares.len()],
            sums: Array2::zeros((shares.len(), n_players + 2)),
            corrections: Corrections { moments: vec![[0.0; 4]; n_players], ..Default::default() },
            shares,
        }
    }

    /// Whether there are enough corrections, if any, to believe a standard error.
    pub(super) fn is_corrected(&self) -> bool {
        self.corrections.n == 0 || self.corrections.n >= MIN_CORRECTIONS
    }

    /// What all players are worth on average, as draws have it.
    pub(super) fn drawn(&self) -> f64 {
        self.drawn
    }

    fn n_players(&self) -> usize {
        self.folds[0].moments.len()
    }

    /// Adds a draw of a fold about `row`, whose values sum to what the row is worth and `error`.
    pub(super) fn add(&mut self, fold: usize, row: usize, draw: ArrayView1<'_, f64>, error: f64) {
        let t = self.totals[row];
        let mut sums = self.sums.row_mut(row);
        sums[draw.len() + fold] += error;
        self.visits[row][fold] += 1;
        let fold = &mut self.folds[fold];
        fold.n += 1.0;
        for ((moments, sum), &psi) in fold.moments.iter_mut().zip(sums).zip(&draw) {
            *sum += psi;
            let terms = [psi, psi.abs(), psi * psi, psi * t, psi * error];
            moments.iter_mut().zip(terms).for_each(|(moment, term)| *moment += term);
        }
        let terms = [t, error, t * t, t * error, error * error];
        fold.controls.iter_mut().zip(terms).for_each(|(moment, term)| *moment += term);
    }

    /// Adds a correction about `row`, whose values sum to `total + error`, of which `total` is known.
    pub(super) fn correct(
        &mut self,
        row: usize,
        draw: ArrayView1<'_, f64>,
        total: f64,
        error: f64,
    ) {
        let weight = self.shares[row] * self.shares.len() as f64;
        let (t, e) = (weight * total - (self.total - self.drawn), weight * error);
        self.corrections.n += 1;
        for (moments, psi) in self.corrections.moments.iter_mut().zip(draw) {
            let psi = weight * psi;
            let terms = [psi, psi * psi, psi * e, psi * t];
            moments.iter_mut().zip(terms).for_each(|(moment, term)| *moment += term);
        }
        let terms = [e, e * e, t, t * t, t * e];
        self.corrections.controls.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
    }

    /// The slopes for the draws of each fold: on `e` those of the other. On `t` those of all
    /// draws, so that nothing is left of them when every row was visited as often.
    fn slopes(&self, player: usize) -> Slopes {
        if self.even {
            return [[1.0 / self.n_players() as f64; 2]; 2];
        }
        let [on_total, _] = self.folds[0].with(&self.folds[1], player).slopes(0);
        [1, 0].map(|other| [on_total, self.folds[other].slopes(player)[1]])
    }

    /// The mean of a row's draws, less what their controls explain, player after player.
    fn residuals<'s>(&'s self, row: usize, slopes: &'s [Slopes]) -> impl Iterator<Item = f64> + 's {
        let sums = self.sums.row(row).to_slice().unwrap_or_default();
        let (sums, errors) = sums.split_at(self.n_players());
        let (total, n) = (self.totals[row], self.n_visits(row) as f64);
        let visits = self.visits[row].map(|visits| visits as f64);
        sums.iter().zip(slopes).map(move |(sum, slopes)| {
            let explained = |fold: usize| {
                let [b, c] = slopes[fold];
                visits[fold] * b * total + c * errors[fold]
            };
            (sum - explained(0) - explained(1)) / n
        })
    }

    fn n_visits(&self, row: usize) -> usize {
        self.visits[row][0] + self.visits[row][1]
    }

    fn n_draws(&self) -> f64 {
        self.folds[0].n + self.folds[1].n
    }

    /// The mean of a player's slopes, as often as each is applied.
    fn mean_slopes(&self, slopes: Slopes) -> [f64; 2] {
        let share = self.folds[0].n / self.n_draws();
        [0, 1].map(|i| share * slopes[0][i] + (1.0 - share) * slopes[1][i])
    }

    fn visited(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.visits.len()).filter(|&row| self.n_visits(row) > 0)
    }

    fn visited_share(&self) -> f64 {
        self.visited().map(|row| self.shares[row]).sum()
    }

    /// The mean and the squared standard error of the corrections of a player.
    fn correction(&self, player: usize, slope: f64) -> (f64, f64) {
        let even = self.even.then(|| 1.0 / self.n_players() as f64);
        self.corrections.mean(player, slope, even)
    }

    /// The values, or those in `instead` where the estimator has its own.
    pub(super) fn found(&self, instead: Option<&[f64]>) -> Found {
        let n_players = self.n_players();
        let share = self.visited_share();
        let slopes: Vec<Slopes> = (0..n_players).map(|player| self.slopes(player)).collect();
        let means = self.sums_of_residuals(&slopes, |row, residual| self.shares[row] * residual);
        let (mut values, mut errors) = (Vec::new(), Vec::new());
        for (player, variance) in self.variances(&slopes).into_iter().enumerate() {
            let slope = self.mean_slopes(slopes[player])[1];
            let (correction, noise) = self.correction(player, slope);
            let value = means[player] / share;
            values.push(instead.map_or(value, |values| values[player]) + correction);
            errors.push((variance + noise).sqrt());
        }
        // The slopes are those of a sample, of too few draws perhaps: what they miss of the sum
        // goes to the players as they move.
        let moved =
            |player: usize| self.folds.iter().map(|fold| fold.moments[player][1]).sum::<f64>();
        let missing = self.total - values.iter().sum::<f64>();
        let all: f64 = (0..n_players).map(moved).sum();
        for (player, value) in values.iter_mut().enumerate() {
            let part = if all > 0.0 { moved(player) / all } else { 1.0 / n_players as f64 };
            *value += missing * part;
        }
        Found { values, std_error: (self.n_draws() >= MIN_DRAWS).then_some(errors) }
    }

    /// For each player, the sum over the rows visited of something of a row and its residual: row
    /// after row, which memory likes, and in the order of the rows.
    fn sums_of_residuals(&self, slopes: &[Slopes], of: impl Fn(usize, f64) -> f64) -> Vec<f64> {
        let mut all = vec![0.0; slopes.len()];
        for row in self.visited() {
            let residuals = self.residuals(row, slopes);
            all.iter_mut().zip(residuals).for_each(|(sum, residual)| *sum += of(row, residual));
        }
        all
    }

    /// The players' squared standard errors for these rows: from the spread within rows once it is
    /// known, before that from all of the spread about the controls, which is a little too much.
    fn variances(&self, slopes: &[Slopes]) -> Vec<f64> {
        let n_visited = self.visited().count();
        let again = self.n_draws() - n_visited as f64;
        let share = self.visited_share();
        let one = |row: usize| self.shares[row].powi(2) / self.n_visits(row) as f64;
        let weights: f64 = self.visited().map(one).sum::<f64>() / (share * share);
        let squares = |player: usize, slopes: Slopes| {
            let [a, b] = [0, 1].map(|fold| self.folds[fold].residuals(player, slopes[fold]));
            [a[0] + b[0], a[1] + b[1]]
        };
        if n_visited < self.visits.len() || again < MIN_AGAIN {
            let before = |(player, &slopes): (usize, &Slopes)| {
                let [sum, squares] = squares(player, slopes);
                let left = squares - sum * sum / self.n_draws();
                weights * left.max(0.0) / (self.n_draws() - 3.0).max(1.0)
            };
            return slopes.iter().enumerate().map(before).collect();
        }
        // Within a row the worth of all players does not vary.
        let slopes: Vec<Slopes> =
            slopes.iter().map(|slopes| slopes.map(|[_, c]| [0.0, c])).collect();
        let between = self.sums_of_residuals(&slopes, |row, residual| {
            self.n_visits(row) as f64 * residual.powi(2)
        });
        let within = |(player, between): (usize, f64)| {
            let within = squares(player, slopes[player])[1] - between;
            weights * within.max(0.0) / again
        };
        between.into_iter().enumerate().map(within).collect()
    }

    /// Standard errors and degrees of freedom for the population that the rows are drawn from.
    pub(super) fn population(
        &self,
        units: &Units,
        weights: Option<&[f64]>,
    ) -> Option<Vec<(f64, usize)>> {
        let share = self.visited_share();
        let slopes: Vec<Slopes> = (0..self.n_players()).map(|player| self.slopes(player)).collect();
        let of_rows = self.visited().map(|row| (row, self.residuals(row, &slopes).collect()));
        let residuals: Vec<(usize, Vec<f64>)> = of_rows.collect();
        let n_visited = residuals.len();
        let of_player = |player: usize| {
            let mean_slopes = self.mean_slopes(slopes[player]);
            let residuals = || residuals.iter().map(|(row, of_row)| (*row, of_row[player]));
            let mean =
                residuals().map(|(row, residual)| self.shares[row] * residual).sum::<f64>() / share;
            let mut influence: Vec<f64> = self.totals.iter().map(|t| mean_slopes[0] * t).collect();
            residuals().for_each(|(row, residual)| influence[row] += (residual - mean) / share);
            let mut noise = Noise::default();
            noise.add(&units.contributions(&influence, weights, None));
            let rows = noise.standard_error(&[])?;
            let (_, corrections) = self.correction(player, mean_slopes[1]);
            let freedom = noise.degrees_of_freedom().min(n_visited.saturating_sub(1));
            Some(((rows * rows + corrections).sqrt(), freedom))
        };
        (n_visited > 1).then(|| (0..self.n_players()).map(of_player).collect()).flatten()
    }
}
