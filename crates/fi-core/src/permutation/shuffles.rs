//! Shuffles: where the values of a shuffled player come from, and the predictions of the rows.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::ops::Range;

use ndarray::{Array2, ArrayView2, s};

use crate::checkpoint::Fingerprint;
use crate::dataset::Dataset;
use crate::donor::{Cells, Donors};
use crate::error::{Error, Result, require_shape};
use crate::importance::{Importance, Warning};
use crate::players::Players;
use crate::run::Run;
use crate::sampling_noise::Origin;
use crate::scorer::{Answer, Part, Scorer, Tally};

/// Tasks whose answers wait at once to be added up; fixed, so that it does not depend on threads.
pub(crate) const TASKS_AT_ONCE: usize = 16;
/// A call predicts no more repeats than it takes to predict so many rows: a stop loses what calls
/// have begun.
const CALL_ROWS: usize = 1 << 18;
/// So many numbers are predicted before they are scored, where rows come in parts;
pub(super) const PART_NUMBERS: usize = 1 << 21;
/// but at least of so many rows, enough to share among threads,
pub(super) const PART_ROWS: usize = 1 << 13;
/// and at most so many numbers.
const MOST_NUMBERS: usize = 1 << 24;

/// Between which rows values are exchanged.
pub(crate) enum Exchange {
    /// Between all, in the same way for all players of a repeat.
    Everywhere,
    /// Within the cells of each player.
    Within(Vec<Cells>),
    /// Between none: values come from elsewhere, which says what it is, and rows are targets only.
    Drawn(String),
}

impl Exchange {
    /// Says in a fingerprint where values come from.
    pub(super) fn print(&self, print: Fingerprint) -> Fingerprint {
        match self {
            Self::Everywhere => print,
            Self::Within(cells) => {
                let of_rows = cells.iter().flat_map(Cells::of_row);
                print.with_hash("cells", of_rows.map(|&cell| cell as u64))
            }
            Self::Drawn(from) => print.with_text("sampler", from),
        }
    }

    /// Says where rows cannot be exchanged.
    pub(super) fn warn(&self, importance: &mut Importance) {
        let Self::Within(cells) = self else { return };
        for (name, cells) in importance.features.iter().zip(cells) {
            if cells.n_alone() > 0 {
                importance.warnings.push(Warning::Note(format!(
                    "{} rows are alone in their cell of `{name}` and keep their values: take \
                     larger cells",
                    cells.n_alone()
                )));
            }
        }
    }
}

/// Plans the exchange from the rows that are used.
pub(crate) type PlanExchange<'a> = dyn Fn(&Dataset) -> Result<Exchange> + 'a;

/// Donors are drawn from all rows.
#[expect(clippy::unnecessary_wraps, reason = "it is a `PlanExchange`")]
pub(crate) fn everywhere(_: &Dataset) -> Result<Exchange> {
    Ok(Exchange::Everywhere)
}

/// One player, shuffled once.
#[derive(Debug, Clone, Copy)]
pub struct Shuffle<'a> {
    /// The player's name.
    pub name: &'a str,
    /// Its columns.
    pub members: &'a [usize],
    /// Which of the repeats it is.
    pub repeat: usize,
    /// The row of the table that gives its values to each of the rows that are asked for; the same
    /// for all players of a repeat, unless the permutation is conditional.
    pub donors: &'a [usize],
}

impl Shuffle<'_> {
    /// What an error says that it happened in.
    pub fn task(&self) -> String {
        format!("permutation of `{}`, repeat {}", self.name, self.repeat)
    }
}

/// Where [`Permutation`](crate::Permutation) gets the predictions of shuffled rows from.
///
/// The predictions must be those of the model that goes with it.
pub trait Shuffled: Sync {
    /// What tells it apart from other ways, whose predictions may have other last bits: work that
    /// one has finished is not the other's to go on from.
    fn name(&self) -> &'static str;

    /// How many repeats of a player to ask for one after another, before the next player's; 1 for
    /// a way that gains nothing from it.
    fn repeats_together(&self) -> usize;

    /// How many shuffles of so many rows to ask for together; what a metric keeps of all of them
    /// is held: its sums over rows, or where it is no mean over rows the predictions of all rows.
    fn at_once(&self, n_rows: usize) -> usize;

    /// Whether to ask [`Shuffled::predict`] for one part of the rows after the other, and to score
    /// each before the next: for a way that takes many shuffles of many rows. By default all rows
    /// are asked for at once.
    fn in_parts(&self) -> bool {
        false
    }

    /// How many calls to make at once, on as many threads as there are; 1 for a way that has
    /// threads of its own.
    fn calls_at_once(&self) -> usize;

    /// Predicts rows `part` of the table once per shuffle, shuffle after shuffle:
    /// `(n_shuffles · part.len(), n_outputs)`. The shuffles come in groups of
    /// [`Shuffled::repeats_together`] repeats, in each ordered by player, then repeat; a call may
    /// begin and end inside a group. `table` is the same in all calls, and has no columns where it
    /// is read in blocks ([`Permutation::importance_of_blocks_by`](crate::Permutation::importance_of_blocks_by)).
    ///
    /// # Errors
    ///
    /// An [`Error::NotFinite`] names a row of the answer; other errors come back as they are.
    fn predict(
        &self,
        run: &Run<'_>,
        table: ArrayView2<'_, f64>,
        part: Range<usize>,
        shuffles: &[Shuffle<'_>],
    ) -> Result<Array2<f64>>;

    /// As [`Shuffled::predict`], where the predictions of the part's rows as they are,
    /// `untouched`, are known: a way may take them for rows that a shuffle does not change.
    ///
    /// # Errors
    ///
    /// As for [`Shuffled::predict`].
    fn predict_beside(
        &self,
        run: &Run<'_>,
        table: ArrayView2<'_, f64>,
        part: Range<usize>,
        _untouched: ArrayView2<'_, f64>,
        shuffles: &[Shuffle<'_>],
    ) -> Result<Array2<f64>> {
        self.predict(run, table, part, shuffles)
    }
}

/// What the tasks share.
pub(crate) struct Shuffles<'a> {
    pub(crate) shuffled: &'a dyn Shuffled,
    /// For the threads of a task; silent.
    pub(crate) run: Run<'static>,
    /// The call's own, for the repeats' seeds.
    pub(crate) seed: Run<'a>,
    pub(crate) data: &'a Dataset,
    /// Of the untouched rows.
    pub(crate) predictions: &'a Array2<f64>,
    pub(crate) rows: ArrayView2<'a, f64>,
    pub(crate) players: &'a Players,
    pub(crate) method: &'static str,
    pub(crate) exchange: Exchange,
    /// The rows' numbers in the caller's table.
    pub(crate) row_names: &'a [usize],
}

/// A player and a repeat.
pub(crate) type Job = (usize, usize);

/// Donors, by the job that they were first drawn for.
pub(crate) type Drawn = BTreeMap<Job, Source>;

/// The rows that give their values to all rows.
pub(crate) enum Source {
    /// By row.
    Listed(Vec<usize>),
    /// A permutation, where rows are asked for in parts.
    Keyed(Donors),
}

impl Source {
    fn of(&self, rows: Range<usize>) -> Cow<'_, [usize]> {
        match self {
            // Values that are drawn come from no row.
            Self::Listed(donors) => donors.get(rows).unwrap_or_default().into(),
            Self::Keyed(donors) => donors.of_rows(rows).into(),
        }
    }
}

impl Shuffles<'_> {
    /// All players of these repeats, as [`Shuffled::predict`] says.
    pub(super) fn in_order(&self, repeats: &[usize]) -> Vec<Job> {
        let together = self.shuffled.repeats_together().max(1);
        let players = || 0..self.players.len();
        let group = |group: &[usize]| {
            let of_player = |player| group.iter().map(move |&repeat| (player, repeat));
            players().flat_map(of_player).collect::<Vec<Job>>()
        };
        repeats.chunks(together).flat_map(group).collect()
    }

    /// How many jobs a call has: as many as are predicted at once, without parting the repeats that
    /// go together, and not more repeats than are worth a stop.
    pub(super) fn per_call(&self, n_jobs: usize) -> usize {
        let n_rows = self.rows.nrows();
        let together = self.shuffled.repeats_together().max(1);
        let group = together.saturating_mul(self.players.len());
        let worth = (CALL_ROWS / n_rows).max(group);
        let most = self.shuffled.at_once(n_rows).min(worth);
        // Of these many the least part would hold too many predictions.
        let of_part = MOST_NUMBERS / PART_ROWS.min(n_rows).max(1) / self.predictions.ncols().max(1);
        let most = if self.shuffled.in_parts() { most.min(of_part.max(1)) } else { most };
        let whole = if most >= group { group } else { together };
        let most = if most >= whole { most - most % whole } else { most };
        most.clamp(1, n_jobs.max(1))
    }

    /// The player and repeat by which the donors of a job are kept.
    fn drawn_for(&self, (player, repeat): Job) -> Job {
        match self.exchange {
            // All players of a repeat have the same donors.
            Exchange::Everywhere => (0, repeat),
            Exchange::Within(_) | Exchange::Drawn(_) => (player, repeat),
        }
    }

    /// The donors of these jobs.
    pub(crate) fn donors(&self, jobs: &[Job]) -> Result<Drawn> {
        let mut drawn: Vec<Job> = jobs.iter().map(|&job| self.drawn_for(job)).collect();
        drawn.sort_unstable();
        drawn.dedup();
        let n_rows = self.rows.nrows();
        let in_parts = self.part_rows(jobs.len()) < n_rows;
        let donors = self.run.map(drawn.len(), |place, _| {
            let (player, repeat) = drawn[place];
            let key = self.seed.split(repeat as u64).seed();
            Ok(match &self.exchange {
                Exchange::Everywhere if in_parts => Source::Keyed(Donors::new(n_rows, key)),
                Exchange::Everywhere => Source::Listed(Donors::new(n_rows, key).all()),
                Exchange::Within(cells) => Source::Listed(cells[player].donors(key)),
                Exchange::Drawn(_) => Source::Listed(Vec::new()),
            })
        })?;
        Ok(drawn.into_iter().zip(donors).collect())
    }

    /// How many rows are predicted before they are scored.
    fn part_rows(&self, n_shuffles: usize) -> usize {
        let n_rows = self.rows.nrows();
        // A donor's part is told by the mean of its whole cell.
        if !self.shuffled.in_parts() || matches!(self.exchange, Exchange::Within(_)) {
            return n_rows;
        }
        let rows = PART_NUMBERS / n_shuffles.saturating_mul(self.predictions.ncols()).max(1);
        rows.next_multiple_of(PART_ROWS).max(PART_ROWS).min(n_rows)
    }

    /// Predicts and scores some jobs, whose donors are among these.
    pub(crate) fn run(
        &self,
        jobs: &[Job],
        donors: &Drawn,
        scorers: &[Scorer<'_>],
    ) -> Result<Vec<Vec<Answer>>> {
        let n_rows = self.rows.nrows();
        let tally = |_| scorers.iter().map(|_| Tally::default()).collect();
        let mut tallies: Vec<Vec<Tally>> = jobs.iter().map(tally).collect();
        for first in (0..n_rows).step_by(self.part_rows(jobs.len())) {
            let rows = first..(first + self.part_rows(jobs.len())).min(n_rows);
            self.add(jobs, donors, scorers, rows, &mut tallies)?;
        }
        let mut answers: Vec<Vec<Answer>> = Vec::new();
        answers.resize_with(jobs.len(), Vec::new);
        let mut open: Vec<_> = tallies.into_iter().zip(&mut answers).collect();
        self.run.for_chunks(&mut open, 1, |copy, _, open| {
            for (tallies, answers) in open {
                let source = &donors[&self.drawn_for(jobs[copy])];
                let listed = OnceCell::new();
                let origin =
                    || self.origin(jobs[copy], listed.get_or_init(|| source.of(0..n_rows)));
                for (scorer, tally) in scorers.iter().zip(std::mem::take(tallies)) {
                    let answer = scorer.close(tally, origin);
                    answers.push(answer.map_err(|error| error.in_task(self.task(jobs[copy])))?);
                }
            }
            Ok(())
        })?;
        Ok(answers)
    }

    /// Predicts some rows in every job, and adds what they say.
    fn add(
        &self,
        jobs: &[Job],
        donors: &Drawn,
        scorers: &[Scorer<'_>],
        rows: Range<usize>,
        tallies: &mut [Vec<Tally>],
    ) -> Result<()> {
        let mut drawn: Vec<Job> = jobs.iter().map(|&job| self.drawn_for(job)).collect();
        drawn.sort_unstable();
        drawn.dedup();
        // Only there a donor is told by its unit.
        let everywhere = matches!(self.exchange, Exchange::Everywhere);
        let units = scorers.first().filter(|_| everywhere).map(Scorer::units);
        let of_rows = self.run.map(drawn.len(), |place, _| {
            let donors = donors[&drawn[place]].of(rows.clone());
            let units = units.map(|units| units.of(&donors));
            Ok((donors, units))
        })?;
        let given: BTreeMap<Job, _> = drawn.into_iter().zip(of_rows).collect();
        let of = |job: Job| &given[&self.drawn_for(job)];
        let shuffle = |&(player, repeat): &Job| Shuffle {
            name: &self.players.names()[player],
            members: self.players.members(player),
            repeat,
            donors: &of((player, repeat)).0,
        };
        let shuffles: Vec<Shuffle<'_>> = jobs.iter().map(shuffle).collect();
        let untouched = self.predictions.slice(s![rows.clone(), ..]);
        let predictions = self
            .shuffled
            .predict_beside(&self.run, self.rows, rows.clone(), untouched, &shuffles)
            .map_err(|error| self.place(error, jobs, &rows))?;
        let len = rows.len();
        let shape = [shuffles.len() * len, predictions.ncols()];
        require_shape("the prediction", &shape, predictions.shape())?;
        let is_whole = len == self.rows.nrows();
        let target = &self.data.target().part(rows.clone());
        self.run.for_chunks(tallies, 1, |copy, _, tallies| {
            let job = jobs[copy];
            let (donors, units) = of(job);
            let part = Part { rows: rows.clone(), target, donor_units: units.as_deref() };
            let origin = if is_whole { self.origin(job, donors) } else { None };
            let predictions = predictions.slice(s![copy * len..(copy + 1) * len, ..]);
            for (scorer, tally) in scorers.iter().zip(tallies.iter_mut().flatten()) {
                let added = scorer.add(tally, &part, predictions, origin);
                added.map_err(|error| error.in_task(self.task(job)))?;
            }
            Ok(())
        })
    }

    /// Where a job's values come from, of all rows.
    fn origin<'d>(&'d self, (player, _): Job, donors: &'d [usize]) -> Option<Origin<'d>> {
        match &self.exchange {
            Exchange::Everywhere => Some(Origin { donors, cells: None }),
            Exchange::Within(cells) => Some(Origin { donors, cells: Some(cells[player].of_row()) }),
            Exchange::Drawn(_) => None,
        }
    }

    /// What an error says that it happened in.
    fn task(&self, (player, repeat): Job) -> String {
        let (name, members) = (&self.players.names()[player], self.players.members(player));
        Shuffle { name, members, repeat, donors: &[] }.task()
    }

    /// Says in which player, repeat and row of the caller's table a prediction is not finite.
    fn place(&self, error: Error, jobs: &[Job], rows: &Range<usize>) -> Error {
        match error {
            Error::NotFinite { row: stacked, .. } => error
                .with_row(|stacked| self.row_names[rows.start + stacked % rows.len()])
                .in_task(self.task(jobs[stacked / rows.len()])),
            error => error,
        }
    }
}
