//! Draws until the values are sure enough, on any number of threads.

use std::ops::{ControlFlow, Range};

use ndarray::{Array1, Array2, ArrayView1};

use super::draws::{Draw, Draws};
use super::kernel::{self, Normal};
use super::loss_game::LossGame;
use super::tally::{Found, Tally};
use super::{Sage, SageEstimator, walks};
use crate::error::Result;
use crate::game::Game;
use crate::run::Run;

/// Draws between two looks at the tolerance.
const LOOK: usize = 64;
/// Synthetic rows of one task, about.
const TASK_ROWS: usize = 1 << 13;

impl Sage {
    pub(super) fn sample<'g>(&self, run: &Run<'_>, game: &'g LossGame<'g>) -> Result<Sampled<'g>> {
        let (draws, corrections) = Draws::new(run, game, self.background_rows)?;
        // A quarter of the predicted rows goes to corrections.
        let n_corrections = |n_draws: usize| match &corrections {
            Some(corrections) if n_draws > 0 => {
                2 + n_draws.saturating_mul(draws.cost()) / (3 * corrections.cost())
            }
            _ => 0,
        };
        let n_coalitions = 2 * (game.n_players() - 1);
        // A power of two, so that a look is a whole number of tasks.
        let draw_rows = (n_coalitions * draws.cost()).max(1);
        let per_task = 1 << (TASK_ROWS / draw_rows).clamp(1, LOOK).ilog2();
        let drawn = |task: usize| task.saturating_mul(per_task).min(self.n_draws);
        let mut state = State::new(self.estimator, game, &draws);
        let (mut n_draws, mut converged, mut looked) = (0, false, Ok(Vec::new()));
        run.fold(
            self.n_draws.div_ceil(per_task),
            LOOK / per_task,
            |task, _| {
                let (from, to) = (drawn(task), drawn(task + 1));
                let main = self.ask(&draws, from..to)?;
                let corrections = match &corrections {
                    Some(draws) => self.ask(draws, n_corrections(from)..n_corrections(to))?,
                    None => Vec::new(),
                };
                let normal = match self.estimator {
                    SageEstimator::Kernel => Some(normal_equations(game, &main)),
                    SageEstimator::Permutation => None,
                };
                Ok((main, corrections, normal))
            },
            |task, (main, corrections, normal)| {
                state.add(main, &corrections, normal.as_ref());
                n_draws = drawn(task + 1);
                // Without a tolerance there is nothing to look at before the end, but that the
                // kernel estimator's draws wait for its regression.
                let looks = self.tolerance.is_some() || self.estimator == SageEstimator::Kernel;
                let look = looks && n_draws.is_multiple_of(LOOK) || n_draws >= self.n_draws;
                if !look {
                    return ControlFlow::Continue(());
                }
                looked = state.look();
                converged = match (&looked, self.tolerance) {
                    (Ok(found), Some(most)) => state.within(found, most),
                    (Ok(_), None) => false,
                    (Err(_), _) => true,
                };
                if converged { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            },
        )?;
        let more = n_corrections(n_draws);
        let rows = n_draws.saturating_mul(draws.cost())
            + corrections.as_ref().map_or(0, |corrections| more * corrections.cost());
        let n_levels = 1 + usize::from(corrections.is_some());
        Ok(Sampled {
            found: looked?,
            tallies: state.tallies,
            n_draws,
            n_coalitions: (n_draws + more).saturating_mul(n_coalitions),
            n_evaluations: rows
                .saturating_mul(n_coalitions)
                .saturating_add(game.n_evaluated() + n_levels * draws.n_known()),
            converged: self.tolerance.map(|_| converged),
        })
    }

    /// Draws `range`, and the losses of their coalitions.
    fn ask(&self, draws: &Draws<'_>, range: Range<usize>) -> Result<Vec<Seen>> {
        let draw = |k: usize| {
            let (row, mut order) = draws.draw(k);
            let coalitions = match self.estimator {
                SageEstimator::Permutation => walks::coalitions(&order),
                SageEstimator::Kernel => kernel::coalitions(&mut order, &mut draws.rng(k)),
            };
            Draw { row, order, coalitions }
        };
        let asked: Vec<Draw> = range.clone().map(draw).collect();
        let losses = draws.losses(range.start, &asked)?;
        let seen = |((k, draw), losses): ((usize, Draw), Array2<f64>)| {
            let all = draws.all.row(draw.row).to_owned();
            Seen { fold: draws.fold(k), draw, losses, all }
        };
        Ok(range.zip(asked).zip(losses).map(seen).collect())
    }
}

/// A draw and its losses `(1 + n_coalitions, n_metrics)`, first that of nobody, and those with all
/// players.
struct Seen {
    fold: usize,
    draw: Draw,
    losses: Array2<f64>,
    all: Array1<f64>,
}

impl Seen {
    /// What the players add together in each metric.
    fn totals(&self) -> Vec<f64> {
        self.losses.row(0).iter().zip(&self.all).map(|(none, all)| none - all).collect()
    }
}

/// What one call found.
pub(super) struct Sampled<'a> {
    pub(super) found: Vec<Found>,
    pub(super) tallies: Vec<Tally<'a>>,
    pub(super) n_draws: usize,
    pub(super) n_coalitions: usize,
    pub(super) n_evaluations: usize,
    pub(super) converged: Option<bool>,
}

/// What has been drawn so far, per metric.
struct State<'a> {
    game: &'a LossGame<'a>,
    tallies: Vec<Tally<'a>>,
    /// Of the kernel estimator: its regression, and draws that wait for its answer.
    normal: Option<Normal>,
    waiting: Vec<Seen>,
}

impl<'a> State<'a> {
    fn new(estimator: SageEstimator, game: &'a LossGame<'a>, draws: &Draws<'_>) -> Self {
        let (n_players, n_metrics) = (game.n_players(), game.n_outputs());
        let kernel = estimator == SageEstimator::Kernel;
        let drawn = &game.none - &draws.all;
        let totals = &game.none - &game.all;
        let tally = |(drawn, totals): (ArrayView1<'_, f64>, ArrayView1<'_, f64>)| {
            Tally::new(&game.shares, drawn, totals, n_players, kernel)
        };
        Self {
            game,
            tallies: drawn.columns().into_iter().zip(totals.columns()).map(tally).collect(),
            normal: kernel.then(|| Normal::new(n_players, n_metrics)),
            waiting: Vec::new(),
        }
    }

    fn add(&mut self, main: Vec<Seen>, corrections: &[Seen], normal: Option<&Normal>) {
        for seen in corrections {
            let losses = seen.losses.view();
            let values = if self.normal.is_some() {
                let u = Array2::zeros((self.game.n_players(), self.game.n_outputs()));
                kernel::draw(seen.draw.coalitions.view(), losses, &seen.totals(), u.view())
            } else {
                walks::gains(&seen.draw.order, losses, seen.all.view())
            };
            for (metric, tally) in self.tallies.iter_mut().enumerate() {
                let (total, error) = (-seen.all[metric], losses[[0, metric]]);
                tally.correct(seen.draw.row, values.row(metric), total, error);
            }
        }
        if let (Some(all), Some(normal)) = (&mut self.normal, normal) {
            all.merge(normal);
            self.waiting.extend(main);
            return;
        }
        for seen in main {
            let values = walks::gains(&seen.draw.order, seen.losses.view(), seen.all.view());
            self.count(&seen, &values);
        }
    }

    fn count(&mut self, seen: &Seen, values: &Array2<f64>) {
        let row = seen.draw.row;
        for (metric, tally) in self.tallies.iter_mut().enumerate() {
            let error = seen.losses[[0, metric]] - self.game.none[[row, metric]];
            tally.add(seen.fold, row, values.row(metric), error);
        }
    }

    /// The values so far.
    fn look(&mut self) -> Result<Vec<Found>> {
        let Some(normal) = &self.normal else {
            return Ok(self.tallies.iter().map(|tally| tally.found(None)).collect());
        };
        let u = normal.solve()?;
        for seen in std::mem::take(&mut self.waiting) {
            let coalitions = seen.draw.coalitions.view();
            let values = kernel::draw(coalitions, seen.losses.view(), &seen.totals(), u.view());
            self.count(&seen, &values);
        }
        let found = self.tallies.iter().zip(u.columns()).map(|(tally, u)| {
            let even = tally.drawn() / u.len() as f64;
            tally.found(Some(&u.mapv(|u| u + even).to_vec()))
        });
        Ok(found.collect())
    }

    /// Whether, in every metric, the largest standard error is below this share of the range of
    /// the values, or nothing but rounding.
    fn within(&self, found: &[Found], tolerance: f64) -> bool {
        let largest = |values: &mut dyn Iterator<Item = f64>| values.fold(f64::MIN, f64::max);
        found.iter().enumerate().all(|(metric, Found { values, std_error })| {
            let Some(errors) = std_error.as_ref().filter(|_| self.tallies[metric].is_corrected())
            else {
                return false;
            };
            let range = largest(&mut values.iter().copied())
                + largest(&mut values.iter().map(|value| -value));
            let losses = self.game.none.column(metric);
            let rounding = 1e-12 * largest(&mut losses.iter().map(|loss| loss.abs()));
            largest(&mut errors.iter().copied()) < tolerance * range.max(rounding)
        })
    }
}

/// The normal equations of a task's draws.
fn normal_equations(game: &LossGame<'_>, main: &[Seen]) -> Normal {
    let mut normal = Normal::new(game.n_players(), game.n_outputs());
    for seen in main {
        let row = seen.draw.row;
        let weight = game.shares[row] * game.shares.len() as f64;
        normal.add(seen.draw.coalitions.view(), seen.losses.view(), &seen.totals(), weight);
    }
    normal
}
