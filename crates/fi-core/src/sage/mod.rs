//! SAGE: how much of the model's loss does each feature take off, shared fairly among all?
//!
//! In the recipe *removal × behaviour × summary* it is any removal, the loss of the mean
//! prediction, and the Shapley value. The model is not refitted. [`LossGame`] is the definition, and
//! [`shapley::Exact`](crate::shapley::Exact) on it the exact values, at `2ⁿ · n_rows · n_background`
//! predicted rows. [`Sage`] draws rows, orders and background rows instead.

mod draws;
mod kernel;
mod loss_game;
mod tally;
mod walks;

pub use loss_game::LossGame;

use std::ops::{ControlFlow, Range};

use ndarray::{Array1, Array2, ArrayView1};

use self::draws::{Draw, Draws};
use self::kernel::Normal;
use self::tally::{Found, Tally};
use crate::dataset::Dataset;
use crate::error::{Result, require};
use crate::game::{Game, Removal};
use crate::guards::of_few_units;
use crate::importance::{Importance, Warning};
use crate::metric::Metric;
use crate::model::Model;
use crate::players::Players;
use crate::run::Run;
use crate::sampling_noise::Units;
use crate::scorer::{describe, interval};
use crate::shapley::Estimate;
use crate::statistics::check_confidence;

/// Draws between two looks at the tolerance.
const LOOK: usize = 64;
/// Synthetic rows of one task, about.
const TASK_ROWS: usize = 1 << 13;

/// How [`Sage`] turns losses of coalitions into Shapley values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SageEstimator {
    /// A draw walks one random order of the players, forwards and backwards.
    Permutation,
    /// A draw asks for as many random coalitions and their complements; all of them are one
    /// regression.
    Kernel,
}

/// Scores players by SAGE values: the Shapley values of the loss.
#[derive(Debug, Clone, PartialEq)]
pub struct Sage {
    /// What a draw asks for; default [`SageEstimator::Permutation`].
    pub estimator: SageEstimator,
    /// The most draws, at least 2; all of them without a tolerance. Default 65 536.
    pub n_draws: usize,
    /// Stop when, in every metric, the largest standard error is below this share of the range of
    /// the values, looked at after every 64 draws. `None` draws them all. Default 0.025.
    pub tolerance: Option<f64>,
    /// How many background rows a draw takes, even and at least 2; default 8.
    pub background_rows: usize,
    /// The intervals' coverage, inside (0, 1); default 0.95.
    pub confidence: f64,
}

impl Default for Sage {
    fn default() -> Self {
        Self {
            estimator: SageEstimator::Permutation,
            n_draws: 65_536,
            tolerance: Some(0.025),
            background_rows: 8,
            confidence: 0.95,
        }
    }
}

impl Sage {
    /// Scores the players in each metric, in one pass over the predictions.
    pub fn importance(
        &self,
        run: &Run<'_>,
        model: &dyn Model,
        data: &Dataset,
        players: &Players,
        removal: &Removal,
        metrics: &[Metric],
    ) -> Result<Vec<Importance>> {
        self.check()?;
        let game = LossGame::new(model, data, players, removal, metrics)?;
        let sampled = self.sample(run, &game)?;
        let data = &*game.data;
        let units = Units::new(data);
        let results = metrics.iter().zip(&sampled.tallies).zip(&sampled.found);
        results
            .map(|((metric, tally), found)| {
                let mut importance =
                    Importance::new("SAGE", players.names(), found.values.clone())?;
                importance.seed = Some(run.seed());
                importance.n_evaluations = sampled.n_evaluations;
                let (target, weights) = (data.target(), data.weights());
                let predictions = game.predictions.view();
                let score = metric.score(predictions, model.output(), target, weights)?;
                describe(
                    &mut importance,
                    metric,
                    score,
                    metric.constant_score(target, weights).ok(),
                );
                let errors = tally.population(&units, weights);
                importance.interval =
                    errors.map(|errors| interval(&importance.values, &errors, self.confidence));
                if importance.interval.is_none() {
                    let text = "SAGE has no interval: all rows visited belong to one group";
                    importance.warnings.push(Warning::Note(text.to_owned()));
                } else {
                    importance.warnings.extend(of_few_units(units.len()));
                }
                if let (Some(false), Some(tolerance)) = (sampled.converged, self.tolerance) {
                    importance.warnings.push(Warning::Note(format!(
                        "SAGE has not converged to a tolerance of {tolerance} in {} draws: it is \
                         right on average, but noisier than that; raise `n_draws`",
                        sampled.n_draws
                    )));
                }
                Ok(importance)
            })
            .collect()
    }

    /// The values of `game` `(n_metrics, n_players)`, and their standard errors as estimates of its
    /// exact values, [`shapley::Exact`](crate::shapley::Exact): those of these rows and this
    /// background. The same run gives the values of [`Sage::importance`].
    ///
    /// # Errors
    ///
    /// As for [`Sage::importance`].
    pub fn estimate(&self, run: &Run<'_>, game: &LossGame<'_>) -> Result<Estimate> {
        self.check()?;
        let sampled = self.sample(run, game)?;
        let shape = (game.n_outputs(), game.n_players());
        let table = |of: &dyn Fn(&Found) -> Option<Vec<f64>>| {
            let lists = sampled.found.iter().map(of).collect::<Option<Vec<_>>>()?;
            Some(Array2::from_shape_fn(shape, |(metric, player)| lists[metric][player]))
        };
        Ok(Estimate {
            values: table(&|found| Some(found.values.clone())).unwrap_or_default(),
            base_values: vec![0.0; game.n_outputs()],
            std_error: table(&|found| found.std_error.clone()),
            n_coalitions: sampled.n_coalitions,
            n_evaluations: sampled.n_evaluations,
            converged: sampled.converged,
        })
    }

    fn check(&self) -> Result<()> {
        require(self.n_draws >= 2, "n_draws", self.n_draws, "at least 2")?;
        let taken = self.background_rows;
        let even = taken >= 2 && taken.is_multiple_of(2);
        require(even, "background_rows", taken, "even and at least 2, for its halves")?;
        if let Some(tolerance) = self.tolerance {
            let positive = tolerance > 0.0 && tolerance.is_finite();
            require(positive, "tolerance", tolerance, "positive and finite")?;
        }
        check_confidence(self.confidence)
    }

    fn sample<'g>(&self, run: &Run<'_>, game: &'g LossGame<'g>) -> Result<Sampled<'g>> {
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
        let mut state = State::new(self.estimator, game);
        let (mut n_draws, mut converged, mut looked) = (0, false, Ok(Vec::new()));
        run.fold(
            self.n_draws.div_ceil(per_task),
            LOOK / per_task,
            |task, _| {
                let (from, to) = (drawn(task), drawn(task + 1));
                let main = self.ask(&draws, game, from..to)?;
                let corrections = match &corrections {
                    Some(draws) => self.ask(draws, game, n_corrections(from)..n_corrections(to))?,
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
                if !n_draws.is_multiple_of(LOOK) && n_draws < self.n_draws {
                    return ControlFlow::Continue(());
                }
                looked = state.look();
                converged = match (&looked, self.tolerance) {
                    (Ok(found), Some(most)) => found.iter().all(|found| within(found, most)),
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
    fn ask(
        &self,
        draws: &Draws<'_>,
        game: &LossGame<'_>,
        range: Range<usize>,
    ) -> Result<Vec<Seen>> {
        let draw = |k: usize| {
            let Draw { row, mut order, .. } = draws.draw(k);
            let coalitions = match self.estimator {
                SageEstimator::Permutation => walks::coalitions(&order),
                SageEstimator::Kernel => kernel::coalitions(&mut order, &mut draws.rng(k)),
            };
            Draw { row, order, coalitions }
        };
        let asked: Vec<Draw> = range.clone().map(draw).collect();
        let losses = draws.losses(range.start, &asked)?;
        debug_assert_eq!(losses.first().map_or(game.n_outputs(), Array2::ncols), game.n_outputs());
        Ok(asked.into_iter().zip(losses).map(|(draw, losses)| Seen { draw, losses }).collect())
    }
}

/// A draw and its losses `(1 + n_coalitions, n_metrics)`, first that of nobody.
struct Seen {
    draw: Draw,
    losses: Array2<f64>,
}

impl Seen {
    /// What the players add together in each metric, when all of them lose `all`.
    fn totals(&self, all: ArrayView1<'_, f64>) -> Vec<f64> {
        self.losses.row(0).iter().zip(all).map(|(none, all)| none - all).collect()
    }
}

/// What one call found.
struct Sampled<'a> {
    found: Vec<Found>,
    tallies: Vec<Tally<'a>>,
    n_draws: usize,
    n_coalitions: usize,
    n_evaluations: usize,
    converged: Option<bool>,
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
    fn new(estimator: SageEstimator, game: &'a LossGame<'a>) -> Self {
        let (n_players, n_metrics) = (game.n_players(), game.n_outputs());
        let kernel = estimator == SageEstimator::Kernel;
        let totals = &game.none - &game.all;
        let tally = |totals: ArrayView1<'_, f64>| {
            Tally::new(&game.shares, totals.to_vec(), n_players, kernel)
        };
        Self {
            game,
            tallies: totals.columns().into_iter().map(tally).collect(),
            normal: kernel.then(|| Normal::new(n_players, n_metrics)),
            waiting: Vec::new(),
        }
    }

    fn add(&mut self, main: Vec<Seen>, corrections: &[Seen], normal: Option<&Normal>) {
        let nothing = Array1::zeros(self.game.n_outputs());
        for seen in corrections {
            let losses = seen.losses.view();
            let values = if self.normal.is_some() {
                let u = Array2::zeros((self.game.n_players(), self.game.n_outputs()));
                let totals = seen.totals(nothing.view());
                kernel::draw(seen.draw.coalitions.view(), losses, &totals, u.view())
            } else {
                walks::gains(&seen.draw.order, losses, nothing.view())
            };
            for (metric, tally) in self.tallies.iter_mut().enumerate() {
                tally.correct(seen.draw.row, values.row(metric), losses[[0, metric]]);
            }
        }
        if let (Some(all), Some(normal)) = (&mut self.normal, normal) {
            all.merge(normal);
            self.waiting.extend(main);
            return;
        }
        for seen in main {
            let all = self.game.all.row(seen.draw.row);
            let values = walks::gains(&seen.draw.order, seen.losses.view(), all);
            self.count(&seen, &values);
        }
    }

    fn count(&mut self, seen: &Seen, values: &Array2<f64>) {
        let row = seen.draw.row;
        for (metric, tally) in self.tallies.iter_mut().enumerate() {
            let error = seen.losses[[0, metric]] - self.game.none[[row, metric]];
            tally.add(row, values.row(metric), error);
        }
    }

    /// The values so far.
    fn look(&mut self) -> Result<Vec<Found>> {
        let Some(normal) = &self.normal else {
            return Ok(self.tallies.iter().map(|tally| tally.found(None)).collect());
        };
        let u = normal.solve()?;
        for seen in std::mem::take(&mut self.waiting) {
            let totals = seen.totals(self.game.all.row(seen.draw.row));
            let coalitions = seen.draw.coalitions.view();
            let values = kernel::draw(coalitions, seen.losses.view(), &totals, u.view());
            self.count(&seen, &values);
        }
        let found = self.tallies.iter().zip(u.columns()).map(|(tally, u)| {
            let even = tally.total() / u.len() as f64;
            tally.found(Some(&u.mapv(|u| u + even).to_vec()))
        });
        Ok(found.collect())
    }
}

/// The normal equations of a task's draws.
fn normal_equations(game: &LossGame<'_>, main: &[Seen]) -> Normal {
    let mut normal = Normal::new(game.n_players(), game.n_outputs());
    for seen in main {
        let row = seen.draw.row;
        let weight = game.shares[row] * game.shares.len() as f64;
        let totals = seen.totals(game.all.row(row));
        normal.add(seen.draw.coalitions.view(), seen.losses.view(), &totals, weight);
    }
    normal
}

/// Whether the largest standard error is below this share of the range of the values.
fn within(found: &Found, tolerance: f64) -> bool {
    let Some(errors) = &found.std_error else { return false };
    let largest = |values: &mut dyn Iterator<Item = f64>| values.fold(f64::MIN, f64::max);
    let range = largest(&mut found.values.iter().copied())
        + largest(&mut found.values.iter().map(|value| -value));
    largest(&mut errors.iter().copied()) < tolerance * range.max(f64::MIN_POSITIVE)
}
