//! Draws until the values are sure enough, on any number of threads.

use std::ops::{ControlFlow, Range};

use ndarray::{Array1, Array2, ArrayView1};

use super::draws::{Draw, Draws};
use super::kernel::{self, Normal};
use super::loss_game::LossGame;
use super::tally::{Found, Tally};
use super::{Sage, SageEstimator, walks};
use crate::checkpoint::{Fingerprint, Work, damaged};
use crate::error::{Error, Result, require};
use crate::game::Game;
use crate::run::Run;

/// Draws between two looks at the tolerance.
const LOOK: usize = 64;
/// Synthetic rows of one task, about.
const TASK_ROWS: usize = 1 << 13;

impl Sage {
    pub(super) fn sample<'g>(&self, run: &Run<'_>, game: &'g LossGame<'g>) -> Result<Sampled<'g>> {
        let (alone, tolerance) = (run.shard().is_none(), self.tolerance.unwrap_or(0.0));
        let requirement = "None in a shard, which does not know the other shards' draws";
        require(alone || self.tolerance.is_none(), "tolerance", tolerance, requirement)?;
        let (draws, corrections) = Draws::new(run, game, self.background_rows)?;
        let (draws, corrections) = (&draws, corrections.as_ref());
        let n_coalitions = 2 * (game.n_players() - 1);
        // A power of two, so that a block is a whole number of tasks.
        let draw_rows = (n_coalitions * draws.cost()).max(1);
        let per_task = 1 << (TASK_ROWS / draw_rows).clamp(1, LOOK).ilog2();
        let asking = Asking { sage: self, game, draws, corrections, per_task };
        // The draws between two looks are a task that is kept, unless they are fewer than that.
        let n_blocks = self.n_draws / LOOK;
        let work = Work::open_in_units(run, (n_blocks, 1), None, &[], || {
            Ok(Fingerprint::new(format!("SAGE by {:?}", self.estimator), run)
                .with_data(&game.data)
                .with_players(game.players)
                .with_removal(game.removal)
                .with_metrics(game.metrics())
                .with("background rows of a draw", self.background_rows)
                .with_table("model", game.predictions.view())
                .with_table("what nobody is told", game.nobody.view()))
        })?;
        let rest = (alone && !self.n_draws.is_multiple_of(LOOK)).then_some(n_blocks);
        let blocks = work.missing().iter().copied().chain(rest);
        let tasks: Vec<usize> = blocks.flat_map(|block| asking.tasks(block)).collect();
        let block_of = |place: usize| tasks.get(place).map_or(usize::MAX, |t| t * per_task / LOOK);
        let mut counted = Counted::new(self, game, draws);
        let mut kept = work.look(|done| done.answers.keys().copied().collect::<Vec<u64>>());
        kept.reverse();
        let mut failed = Ok(());
        counted.count_kept(&asking, &work, &mut kept, block_of(0))?;
        let mut outcome = Ok(());
        if !counted.converged {
            let mut answers = Vec::new();
            let ended = work.run().fold(
                tasks.len(),
                LOOK / per_task,
                |place, _| asking.answer(tasks[place], None),
                |place, answer| {
                    answers.push(answer);
                    let (block, next) = (block_of(place), block_of(place + 1));
                    if block == next {
                        return ControlFlow::Continue(());
                    }
                    let answers = std::mem::take(&mut answers);
                    if run.keeper().is_some() && block < n_blocks {
                        work.put(block, losses(&answers), Vec::new());
                    }
                    failed = work.keep().and_then(|()| {
                        counted.count(answers);
                        counted.count_kept(&asking, &work, &mut kept, next)
                    });
                    if failed.is_err() || counted.converged {
                        return ControlFlow::Break(());
                    }
                    ControlFlow::Continue(())
                },
            );
            outcome = ended.map(|_| ());
        }
        let cancelled = outcome.is_err();
        if failed.is_ok() && matches!(outcome, Err(Error::Cancelled { .. })) {
            failed = counted.count_kept(&asking, &work, &mut kept, usize::MAX);
        }
        work.close(failed.and(outcome))?;
        let Counted { mut state, n_draws, n_corrected, converged, looked, .. } = counted;
        if n_draws == 0 {
            return Err(Error::Cancelled { done: 0, total: self.n_draws });
        }
        let rows = n_draws.saturating_mul(draws.cost())
            + corrections.map_or(0, |corrections| n_corrected * corrections.cost());
        let n_levels = 1 + usize::from(corrections.is_some());
        Ok(Sampled {
            found: looked.unwrap_or_else(|| state.look())?,
            tallies: state.tallies,
            n_draws,
            n_coalitions: (n_draws + n_corrected).saturating_mul(n_coalitions),
            n_evaluations: rows
                .saturating_mul(n_coalitions)
                .saturating_add(game.n_evaluated() + n_levels * draws.n_known()),
            converged: self.tolerance.map(|_| converged),
            unfinished: cancelled || !converged && n_draws < self.n_draws,
        })
    }

    /// Draws `range`, and the losses of their coalitions, of which those that are kept are not asked
    /// for again.
    fn ask(
        &self,
        draws: &Draws<'_>,
        range: Range<usize>,
        kept: Option<&mut &[f64]>,
    ) -> Result<Vec<Seen>> {
        let draw = |k: usize| {
            let (row, mut order) = draws.draw(k);
            let coalitions = match self.estimator {
                SageEstimator::Permutation => walks::coalitions(&order),
                SageEstimator::Kernel => kernel::coalitions(&mut order, &mut draws.rng(k)),
            };
            Draw { row, order, coalitions }
        };
        let asked: Vec<Draw> = range.clone().map(draw).collect();
        let losses = match kept {
            None => draws.losses(range.start, &asked)?,
            Some(kept) => {
                let n_metrics = draws.n_metrics();
                asked.iter().map(|draw| take(kept, draw, n_metrics)).collect::<Result<_>>()?
            }
        };
        let seen = |((k, draw), losses): ((usize, Draw), Array2<f64>)| {
            let all = draws.all.row(draw.row).to_owned();
            Seen { fold: draws.fold(k), draw, losses, all }
        };
        Ok(range.zip(asked).zip(losses).map(seen).collect())
    }
}

/// How a game is asked for the losses of draws.
struct Asking<'a> {
    sage: &'a Sage,
    game: &'a LossGame<'a>,
    draws: &'a Draws<'a>,
    corrections: Option<&'a Draws<'a>>,
    /// How many draws are one task, a part of a block.
    per_task: usize,
}

/// What a task of draws was answered.
struct Answered {
    main: Vec<Seen>,
    corrections: Vec<Seen>,
    /// Of the kernel estimator.
    normal: Option<Normal>,
}

impl Asking<'_> {
    /// The tasks of a block.
    fn tasks(&self, block: usize) -> Range<usize> {
        let task = |draw: usize| draw.div_ceil(self.per_task);
        task(block * LOOK)..task(((block + 1) * LOOK).min(self.sage.n_draws))
    }

    /// How many corrections so many draws come with: a quarter of the predicted rows.
    fn n_corrections(&self, n_draws: usize) -> usize {
        match self.corrections {
            Some(corrections) if n_draws > 0 => {
                2 + n_draws.saturating_mul(self.draws.cost()) / (3 * corrections.cost())
            }
            _ => 0,
        }
    }

    /// The losses of a task, from the model or from those that are kept.
    fn answer(&self, task: usize, mut kept: Option<&mut &[f64]>) -> Result<Answered> {
        let drawn = |task: usize| task.saturating_mul(self.per_task).min(self.sage.n_draws);
        let (from, to) = (drawn(task), drawn(task + 1));
        let main = self.sage.ask(self.draws, from..to, kept.as_deref_mut())?;
        let corrections = match self.corrections {
            Some(draws) => {
                let range = self.n_corrections(from)..self.n_corrections(to);
                self.sage.ask(draws, range, kept)?
            }
            None => Vec::new(),
        };
        let normal = match self.sage.estimator {
            SageEstimator::Kernel => Some(normal_equations(self.game, &main)),
            SageEstimator::Permutation => None,
        };
        Ok(Answered { main, corrections, normal })
    }
}

/// The losses of a block's tasks, for a keeper.
fn losses(answers: &[Answered]) -> Vec<f64> {
    let seen = answers.iter().flat_map(|answer| answer.main.iter().chain(&answer.corrections));
    seen.flat_map(|seen| seen.losses.iter().copied()).collect()
}

/// The first of the losses that are kept, which are those of a draw.
fn take(kept: &mut &[f64], draw: &Draw, n_metrics: usize) -> Result<Array2<f64>> {
    let shape = (1 + draw.coalitions.nrows(), n_metrics);
    let (own, rest) = kept.split_at_checked(shape.0 * shape.1).ok_or_else(damaged)?;
    *kept = rest;
    Array2::from_shape_vec(shape, own.to_vec()).map_err(|_| damaged())
}

/// What is known after some blocks of draws, counted in the order of their numbers.
struct Counted<'s, 'g> {
    sage: &'s Sage,
    state: State<'g>,
    n_draws: usize,
    n_corrected: usize,
    converged: bool,
    /// The values of these draws, if they were looked at.
    looked: Option<Result<Vec<Found>>>,
}

impl<'s, 'g> Counted<'s, 'g> {
    fn new(sage: &'s Sage, game: &'g LossGame<'g>, draws: &Draws<'_>) -> Self {
        let state = State::new(sage.estimator, game, draws);
        Self { sage, state, n_draws: 0, n_corrected: 0, converged: false, looked: None }
    }

    fn count(&mut self, answers: Vec<Answered>) {
        for Answered { main, corrections, normal } in answers {
            self.n_draws += main.len();
            self.n_corrected += corrections.len();
            self.state.add(main, &corrections, normal.as_ref());
        }
        // Without a tolerance there is nothing to look at before the end, but that the kernel
        // estimator's draws wait for its regression.
        let looks = self.sage.tolerance.is_some() || self.sage.estimator == SageEstimator::Kernel;
        if !looks {
            return;
        }
        let looked = self.state.look();
        self.converged = match (&looked, self.sage.tolerance) {
            (Ok(found), Some(most)) => self.state.within(found, most),
            (Ok(_), None) => false,
            (Err(_), _) => true,
        };
        self.looked = Some(looked);
    }

    /// Counts the blocks that are kept (descending) and come before another.
    fn count_kept(
        &mut self,
        asking: &Asking<'_>,
        work: &Work<'_>,
        kept: &mut Vec<u64>,
        before: usize,
    ) -> Result<()> {
        while !self.converged
            && let Some(block) = kept.pop_if(|block| (*block as usize) < before)
        {
            let losses = work.look(|done| done.answers[&block].clone());
            let mut rest = losses.as_slice();
            let tasks = asking.tasks(block as usize);
            let answers = tasks.map(|task| asking.answer(task, Some(&mut rest)));
            let answers = answers.collect::<Result<Vec<_>>>()?;
            if !rest.is_empty() {
                return Err(damaged());
            }
            self.count(answers);
        }
        Ok(())
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
    /// Whether it was stopped, or did a shard.
    pub(super) unfinished: bool,
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
