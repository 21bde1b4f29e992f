//! Anytime runs: what a call has finished outlives the call.
//!
//! A method's work is a list of numbered tasks whose answers do not depend on each other: repeats
//! of shuffles, (fold, player), rows, halves of the rows. A [`Checkpoint`] is the set of finished tasks with what each
//! answered, and a fingerprint of everything that the answers depend on. So three things are one:
//!
//! - **stopping**: the answer to a `Break` of [`Progress`](crate::Progress) is the result of the
//!   finished tasks, with [`Warning::Unfinished`](crate::Warning::Unfinished);
//! - **going on**: a call whose [`Keeper`] holds a checkpoint does the tasks that are missing;
//! - **sharing**: [`Run::with_shard`] does some of the tasks, and [`Checkpoint::merge`] is the union.
//!
//! Whichever way a task was finished, the result is that of an uninterrupted run to the bit: it is
//! computed at the end from all answers, in the order of the tasks' numbers. Where all answers do
//! not fit into memory they are summed in [`Moments`], which do not depend on the order either.
//!
//! # How a method takes part
//!
//! It opens a [`Work`] with the number of tasks and a [`Fingerprint`], lets [`Work::map`] (or a
//! loop of its own over [`Work::missing`] that calls [`Work::put`] and [`Work::keep`]) do what is
//! missing, and computes its result from what [`Work::close`] returns. Tasks that follow from each
//! other are steps of a chain (`chains.rs`). Any other method refuses a run with a keeper or a
//! shard, because [`Run::map`] and its like do.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::{Mutex, PoisonError};

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use crate::dataset::{Dataset, Target};
use crate::error::{Error, Result, require};
use crate::game::Removal;
use crate::metric::Metric;
use crate::moments::Moments;
use crate::players::Players;
use crate::rng::{Rng, mix};
use crate::run::Run;

/// The finished tasks of a call, and all that their answers depend on. Plain data: fi-io writes
/// and reads it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// What the answers depend on, by name: short values as they are, data as a hash of their bits.
    pub fingerprint: Vec<(String, String)>,
    /// What each finished task answered, by the task's number.
    pub answers: BTreeMap<u64, Vec<f64>>,
    /// What is summed over the same tasks; empty for methods whose answers are all there is.
    pub moments: Vec<Moments>,
}

impl Checkpoint {
    /// The finished tasks of both, such as those of two shards of one call. The order of merging
    /// does not change a bit.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] for checkpoints of different calls, naming what differs, if both hold the
    /// same task, or for damaged ones.
    pub fn merge(mut self, other: Self) -> Result<Self> {
        same(&self.fingerprint, &other.fingerprint, "the other")?;
        if let Some(twice) = other.answers.keys().find(|task| self.answers.contains_key(task)) {
            return Err(Error::Data(format!(
                "both checkpoints hold task {twice}, merge shards that have none in common"
            )));
        }
        self.check(None)?;
        other.check(None)?;
        if self.moments.len() != other.moments.len() {
            return Err(damaged());
        }
        self.answers.extend(other.answers);
        for (moments, other) in self.moments.iter_mut().zip(other.moments) {
            moments.merge(other);
        }
        self.check(None)?;
        Ok(self)
    }

    /// Looks whether the parts fit together, and to these lengths if they are known.
    fn check(&self, lens: Option<(Option<usize>, &[usize])>) -> Result<()> {
        let len = lens.and_then(|(len, _)| len);
        let answers = || self.answers.values().all(|a| len.is_none_or(|len| a.len() == len));
        if lens.is_some_and(|(_, lens)| lens.len() != self.moments.len()) || !answers() {
            return Err(damaged());
        }
        for (m, moments) in self.moments.iter().enumerate() {
            moments.check(lens.map(|(_, lens)| lens[m]))?;
            // An unknown number of draws is counted, not listed.
            let n: u64 = moments.nodes.iter().map(|node| node.n).sum();
            let same = n == self.answers.len() as u64
                && moments.numbers().zip(self.answers.keys()).all(|(a, &b)| a == b);
            if !same {
                return Err(damaged());
            }
        }
        Ok(())
    }
}

pub(crate) fn damaged() -> Error {
    Error::Data("the checkpoint's parts do not fit together, begin without it".to_owned())
}

/// Both fingerprints must be the same; `this` is what the second is of.
fn same(kept: &[(String, String)], asked: &[(String, String)], this: &str) -> Result<()> {
    if kept == asked {
        return Ok(());
    }
    if let (Some((_, kept)), Some((_, asked))) = (kept.first(), asked.first())
        && kept != asked
    {
        return Err(Error::Data(format!(
            "the checkpoint is of `{kept}` and {this} of `{asked}`, give the same method or begin \
             without it"
        )));
    }
    let value = |name: &str| asked.iter().find(|(other, _)| other == name).map(|(_, value)| value);
    let others: Vec<&str> = kept
        .iter()
        .filter(|(name, kept)| value(name) != Some(kept))
        .map(|(name, _)| name.as_str())
        .collect();
    let what = if others.is_empty() { "parts".to_owned() } else { others.join(" and ") };
    Err(Error::Data(format!(
        "the checkpoint and {this} differ in {what}, give what it was begun with or begin without it"
    )))
}

/// Where the finished work of a call is kept, and what is there when the call begins.
///
/// A `Mutex<Option<Checkpoint>>` keeps it in memory, a file of fi-io over a crash.
pub trait Keeper: Sync {
    /// The finished work to go on from; asked once, when a call begins.
    ///
    /// # Errors
    ///
    /// Whatever makes it unreadable.
    fn begin(&self) -> Result<Option<Checkpoint>>;

    /// Hears what is finished by now: after every batch of tasks, and once when the call is
    /// `over`, however it ended. The caller waits for it, so it may let some calls pass.
    ///
    /// # Errors
    ///
    /// What could not be kept ends the call.
    fn keep(&self, finished: &Checkpoint, over: bool) -> Result<()>;
}

/// In memory; what is finished is there when the call is over.
impl Keeper for Mutex<Option<Checkpoint>> {
    fn begin(&self) -> Result<Option<Checkpoint>> {
        Ok(self.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn keep(&self, finished: &Checkpoint, over: bool) -> Result<()> {
        if over {
            *self.lock().unwrap_or_else(PoisonError::into_inner) = Some(finished.clone());
        }
        Ok(())
    }
}

/// The share of a call's tasks that one machine does: shard `index` of `count`, tasks in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shard {
    index: usize,
    count: usize,
}

impl Shard {
    pub(crate) fn new(index: usize, count: usize) -> Result<Self> {
        require(count > 0, "count", count, "at least 1 shard")?;
        let requirement = format!("below the number of shards, {count}: the first is 0");
        require(index < count, "index", index, requirement)?;
        Ok(Self { index, count })
    }

    /// Its tasks, of which `unit` in a row are not parted.
    fn tasks(self, n_tasks: usize, unit: usize) -> std::ops::Range<usize> {
        let n = (n_tasks / unit.max(1)) as u128;
        let end = |shards: usize| (n * shards as u128 / self.count as u128) as usize * unit;
        end(self.index)..end(self.index + 1)
    }
}

/// Raised when a method's answers get other bits, so that older work is not gone on from.
const SUMS: u32 = 1;

/// Everything that the answers of a call depend on.
pub(crate) struct Fingerprint(Vec<(String, String)>);

impl Fingerprint {
    pub(crate) fn new(method: impl Display, run: &Run<'_>) -> Self {
        Self(Vec::new())
            .with("method", method)
            .with("version of fi", env!("CARGO_PKG_VERSION"))
            .with("version of the sums", SUMS)
            .with("seed", run.seed())
    }

    pub(crate) fn with(mut self, name: &str, value: impl Display) -> Self {
        self.0.push((name.to_owned(), value.to_string()));
        self
    }

    /// With a hash in place of the value.
    pub(crate) fn with_hash(self, name: &str, values: impl IntoIterator<Item = u64>) -> Self {
        let mut n = 0;
        let hash = values.into_iter().inspect(|_| n += 1).fold(0, mix);
        self.with(name, format!("{:016x}", mix(hash, n)))
    }

    pub(crate) fn with_text(self, name: &str, text: &str) -> Self {
        self.with_hash(name, text.bytes().map(u64::from))
    }

    /// A hash of the bits of numbers.
    pub(crate) fn with_numbers(self, name: &str, values: &[f64]) -> Self {
        self.with_hash(name, values.iter().copied().map(bits))
    }

    pub(crate) fn with_table(self, name: &str, table: ArrayView2<'_, f64>) -> Self {
        let shape = [table.nrows() as u64, table.ncols() as u64];
        self.with_hash(name, shape.into_iter().chain(table.iter().copied().map(bits)))
    }

    pub(crate) fn with_data(self, data: &Dataset) -> Self {
        let places = |list: &[usize]| list.iter().map(|&i| i as u64).collect::<Vec<_>>();
        let print = match data.target() {
            Target::Values(values) => self.with_hash("target", values.iter().copied().map(bits)),
            Target::Classes { labels, names } => {
                let names = names.iter().flat_map(|name| name.bytes().chain([0]));
                self.with_hash("target", places(labels).into_iter().chain(names.map(u64::from)))
            }
        };
        print
            .with_table("rows", data.rows())
            .with_hash("categorical columns", places(data.categorical()))
            .with_hash("weights", data.weights().into_iter().flatten().copied().map(bits))
            .with_hash("groups of rows", places(data.groups().unwrap_or(&[])))
    }

    /// What stands in the place of removed features; samplers are told apart by how they print.
    pub(crate) fn with_removal(self, removal: &Removal) -> Self {
        match removal {
            Removal::Baseline(values) => {
                self.with_hash("baseline", values.iter().copied().map(bits))
            }
            Removal::Marginal { rows, weights } => self
                .with_table("background", rows.view())
                .with_hash("background weights", weights.iter().flatten().copied().map(bits)),
            Removal::Conditional { sampler, n_samples, seed } => self
                .with_text("sampler", &format!("{sampler:?}"))
                .with("draws per coalition", n_samples)
                .with("seed of the draws", seed),
        }
    }

    pub(crate) fn with_players(self, players: &Players) -> Self {
        self.with_text("players", &format!("{players:?}"))
    }

    pub(crate) fn with_metrics(self, metrics: &[Metric]) -> Self {
        self.with("metrics", metrics.iter().map(Metric::name).collect::<Vec<_>>().join(", "))
    }
}

/// The bits of a number; all that is missing is the same.
fn bits(value: f64) -> u64 {
    if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() }
}

/// A call's tasks: those that are finished, and those to do.
pub(crate) struct Work<'a> {
    run: Run<'a>,
    keeper: Option<&'a dyn Keeper>,
    missing: Vec<usize>,
    state: Mutex<Checkpoint>,
}

impl<'a> Work<'a> {
    /// The work of a call of `n_tasks` tasks, each of which answers `answer_len` numbers and adds
    /// a draw of these lengths to each of the moments. The fingerprint is made only if there is a
    /// keeper.
    pub(crate) fn open(
        run: &Run<'a>,
        n_tasks: usize,
        answer_len: usize,
        moment_lens: &[usize],
        fingerprint: impl FnOnce() -> Result<Fingerprint>,
    ) -> Result<Self> {
        Self::open_in_units(run, (n_tasks, 1), Some(answer_len), moment_lens, fingerprint)
    }

    /// As [`Work::open`], where `unit` tasks in a row are of one shard, and lengths of answers that
    /// differ are for the caller to check.
    pub(crate) fn open_in_units(
        run: &Run<'a>,
        (n_tasks, unit): (usize, usize),
        answer_len: Option<usize>,
        moment_lens: &[usize],
        fingerprint: impl FnOnce() -> Result<Fingerprint>,
    ) -> Result<Self> {
        let keeper = run.keeper();
        let fresh = |fingerprint| Checkpoint {
            fingerprint,
            answers: BTreeMap::new(),
            moments: vec![Moments::default(); moment_lens.len()],
        };
        let state = match keeper {
            None => fresh(Vec::new()),
            Some(keeper) => {
                let Fingerprint(fingerprint) = fingerprint()?;
                match keeper.begin()? {
                    None => fresh(fingerprint),
                    Some(kept) => {
                        same(&kept.fingerprint, &fingerprint, "this call")?;
                        kept.check(Some((answer_len, moment_lens)))?;
                        kept
                    }
                }
            }
        };
        if let Some((&last, _)) = state.answers.last_key_value()
            && last >= n_tasks as u64
        {
            return Err(Error::Data(format!(
                "the checkpoint went further than this call asks: it holds task {last} of 0 to {}, \
                 ask for at least as much",
                n_tasks as i128 - 1
            )));
        }
        let share = run.shard().map_or(0..n_tasks, |shard| shard.tasks(n_tasks, unit));
        let missing = share.filter(|&task| !state.answers.contains_key(&(task as u64))).collect();
        Ok(Self { run: run.alone(), keeper, missing, state: Mutex::new(state) })
    }

    /// The run for the tasks' threads; it counts their steps and keeps nothing.
    pub(crate) fn run(&self) -> &Run<'a> {
        &self.run
    }

    /// The tasks to do, ascending.
    pub(crate) fn missing(&self) -> &[usize] {
        &self.missing
    }

    /// Finishes a task with its answer, and its draw for each of the moments.
    pub(crate) fn put(&self, task: usize, answer: Vec<f64>, draws: Vec<Option<Vec<f64>>>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for (moments, draw) in state.moments.iter_mut().zip(draws) {
            moments.add(task as u64, draw);
        }
        state.answers.insert(task as u64, answer);
    }

    /// Tells the keeper what is finished.
    pub(crate) fn keep(&self) -> Result<()> {
        let Some(keeper) = self.keeper else { return Ok(()) };
        keeper.keep(&self.state.lock().unwrap_or_else(PoisonError::into_inner), false)
    }

    /// Asks something of what is finished.
    pub(crate) fn look<T>(&self, question: impl FnOnce(&Checkpoint) -> T) -> T {
        question(&self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Does the missing tasks in parallel, where each is a batch of its own. Task `i` draws from
    /// the stream `(seed, i)`.
    pub(crate) fn map(
        &self,
        task: impl Fn(usize, &mut Rng) -> Result<Vec<f64>> + Sync,
    ) -> Result<()> {
        let finish = |place: usize, _: &mut Rng| {
            let number = self.missing[place];
            let answer = task(number, &mut self.run.rng(number as u64))?;
            self.put(number, answer, Vec::new());
            self.keep()
        };
        self.run.map(self.missing.len(), finish).map(|_: Vec<()>| ())
    }

    /// The finished tasks, after `outcome` of the missing ones: all, or those before a `Break`.
    pub(crate) fn close(self, outcome: Result<()>) -> Result<Checkpoint> {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        let kept = self.keeper.map_or(Ok(()), |keeper| keeper.keep(&state, true));
        match outcome {
            Err(Error::Cancelled { .. }) | Ok(()) => kept.map(|()| state),
            Err(error) => Err(error),
        }
    }
}
