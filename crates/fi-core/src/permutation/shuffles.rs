//! Shuffles: where the values of a shuffled player come from, and the predictions of the rows.

use std::collections::BTreeMap;

use ndarray::{Array2, ArrayView2, s};

use crate::checkpoint::Fingerprint;
use crate::dataset::Dataset;
use crate::donor::{Cells, Donors};
use crate::error::{Error, Result, require_shape};
use crate::importance::{Importance, Warning};
use crate::players::Players;
use crate::run::Run;
use crate::sampling_noise::Origin;
use crate::scorer::{Answer, Scorer};

/// Tasks whose answers wait at once to be added up; fixed, so that it does not depend on threads.
pub(crate) const TASKS_AT_ONCE: usize = 16;
/// A call predicts no more repeats than it takes to predict so many rows: a stop loses what calls
/// have begun.
const CALL_ROWS: usize = 1 << 18;

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
    /// The row that gives its values to each row; the same for all players of a repeat, unless
    /// the permutation is conditional.
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

    /// How many shuffles of so many rows to ask for in one call; all of their predictions are held.
    fn at_once(&self, n_rows: usize) -> usize;

    /// How many calls to make at once, on as many threads as there are; 1 for a way that has
    /// threads of its own.
    fn calls_at_once(&self) -> usize;

    /// Predicts all rows once per shuffle, shuffle after shuffle:
    /// `(n_shuffles · n_rows, n_outputs)`. The shuffles come in groups of
    /// [`Shuffled::repeats_together`] repeats, in each ordered by player, then repeat; a call may
    /// begin and end inside a group.
    ///
    /// # Errors
    ///
    /// An [`Error::NotFinite`] names a row of the answer; other errors come back as they are.
    fn predict(
        &self,
        run: &Run<'_>,
        rows: ArrayView2<'_, f64>,
        shuffles: &[Shuffle<'_>],
    ) -> Result<Array2<f64>>;

    /// As [`Shuffled::predict`], where the predictions of the rows as they are, `untouched`, are
    /// known: a way may take them for rows that a shuffle does not change.
    ///
    /// # Errors
    ///
    /// As for [`Shuffled::predict`].
    fn predict_beside(
        &self,
        run: &Run<'_>,
        rows: ArrayView2<'_, f64>,
        _untouched: ArrayView2<'_, f64>,
        shuffles: &[Shuffle<'_>],
    ) -> Result<Array2<f64>> {
        self.predict(run, rows, shuffles)
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
pub(crate) type Drawn = BTreeMap<Job, Vec<usize>>;

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
        let donors = self.run.map(drawn.len(), |place, _| {
            let (player, repeat) = drawn[place];
            let key = self.seed.split(repeat as u64).seed();
            Ok(match &self.exchange {
                Exchange::Everywhere => Donors::new(self.rows.nrows(), key).all(),
                Exchange::Within(cells) => cells[player].donors(key),
                Exchange::Drawn(_) => Vec::new(),
            })
        })?;
        Ok(drawn.into_iter().zip(donors).collect())
    }

    /// Predicts and scores some jobs, whose donors are among these.
    pub(crate) fn run(
        &self,
        jobs: &[Job],
        donors: &Drawn,
        scorers: &[Scorer<'_>],
    ) -> Result<Vec<Vec<Answer>>> {
        let n_rows = self.rows.nrows();
        let shuffle = |&(player, repeat): &Job| Shuffle {
            name: &self.players.names()[player],
            members: self.players.members(player),
            repeat,
            donors: &donors[&self.drawn_for((player, repeat))],
        };
        let shuffles: Vec<Shuffle<'_>> = jobs.iter().map(shuffle).collect();
        let predictions = self
            .shuffled
            .predict_beside(&self.run, self.rows, self.predictions.view(), &shuffles)
            .map_err(|error| self.place(error, &shuffles))?;
        let shape = [shuffles.len() * n_rows, predictions.ncols()];
        require_shape("the prediction", &shape, predictions.shape())?;
        self.run.map(shuffles.len(), |copy, _| {
            let predictions = predictions.slice(s![copy * n_rows..(copy + 1) * n_rows, ..]);
            let donors = shuffles[copy].donors;
            let origin = match &self.exchange {
                Exchange::Everywhere => Some(Origin { donors, cells: None }),
                Exchange::Within(cells) => {
                    Some(Origin { donors, cells: Some(cells[jobs[copy].0].of_row()) })
                }
                Exchange::Drawn(_) => None,
            };
            scorers
                .iter()
                .map(|scorer| scorer.answer(predictions, origin))
                .collect::<Result<Vec<Answer>>>()
                .map_err(|error| error.in_task(shuffles[copy].task()))
        })
    }

    /// Says in which player, repeat and row of the caller's table a prediction is not finite.
    fn place(&self, error: Error, shuffles: &[Shuffle<'_>]) -> Error {
        let n_rows = self.rows.nrows();
        match error {
            Error::NotFinite { row: stacked, .. } => error
                .with_row(|stacked| self.row_names[stacked % n_rows])
                .in_task(shuffles[stacked / n_rows].task()),
            error => error,
        }
    }
}
