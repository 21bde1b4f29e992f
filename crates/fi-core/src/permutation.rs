//! Permutation importance: how much worse does the model score when a feature's values are
//! shuffled among the rows?
//!
//! In the recipe *removal × behaviour × summary* it is marginal removal, the mean loss of
//! completions, and leave-one-out. The model is not refitted. Repeat `r` shuffles every player
//! with the same permutation of the rows, so that scores of players, groups and pairs can be
//! subtracted from each other.

use std::ops::ControlFlow;

use ndarray::{Array2, ArrayView2, ArrayViewMut1, s};

use crate::dataset::Dataset;
use crate::donor::{Cells, Donors};
use crate::error::{Error, Result, require, require_shape};
use crate::importance::{Importance, Replicate, Warning};
use crate::metric::Metric;
use crate::model::{Model, predict_checked};
use crate::players::Players;
use crate::run::Run;
use crate::sampling_noise::{Noise, Origin, Units};
use crate::scorer::{
    Answer, Scorer, check_parts, interval, only, predict_in_batches, rows_that_count,
};
use crate::statistics::check_confidence;

/// Tasks whose answers wait at once to be added up; fixed, so that it does not depend on threads.
pub(crate) const TASKS_AT_ONCE: usize = 16;
/// Streams beside those of the repeats.
const ROWS: u64 = u64::MAX;
const BLOCKS: u64 = u64::MAX - 1;

/// Scores players by the loss that shuffling them causes.
///
/// ```text
/// I(S) = mean over r of  worse( score(f(X), y),  score(f(X with X[i, S] ← X[σᵣ(i), S]), y) )
/// ```
///
/// where `S` is a player's set of columns, shuffled jointly, `σᵣ` the permutation of repeat `r`,
/// the same for every player, and `worse` the difference of scores in the metric's bad direction.
///
/// For a linear model with independent features and squared error it is `2 β² Var(x)`.
///
/// **Interval** ([`Estimand::ModelOnPopulation`](crate::Estimand::ModelOnPopulation)): value ±
/// Student's t × standard error, which counts that the test rows are a sample and that the
/// shuffles are. Row `i` matters as a target
/// and as a donor, so with `dᵣ(i)` the increase of row `i`'s loss,
///
/// ```text
/// cᵣ(i) = dᵣ(i) + dᵣ(σᵣ⁻¹(i)) − 2 Iᵣ
/// se²   = [ Varᵢ(meanᵣ cᵣ(i)) − meanᵢ(Varᵣ cᵣ(i)) / R ] / n  +  Varᵣ(Iᵣ) / R
/// ```
///
/// the Hájek projection of the pairs (target, donor) without what is noise of the partners, plus
/// the noise of the shuffles. (With one repeat there are only the first terms, and the interval is
/// too wide.) Metrics that are no mean over rows take `cᵣ` from a jackknife that
/// deletes one of at most 25 random blocks of rows, as targets and donors. Rows with
/// [`Dataset::groups`] count one unit per group. There are `n − 1` (or blocks − 1) degrees of
/// freedom.
///
/// **p-value**: `(1 + #{r: the shuffled score is at least as good}) / (R + 1)`, for the null
/// hypothesis that these rows' values are exchangeable for this model.
///
/// # Units
///
/// Those of the metric; positive if the player helps.
///
/// # Cost
///
/// `n_rows × (1 + n_players × n_repeats)` predicted rows. Memory: 16 batches of answers, the larger
/// of `batch_rows` and `n_rows` rows each, whatever the numbers of players and repeats.
/// Metrics that are no mean over rows are scored up to 51 times per player and repeat,
/// on the whole and on the remainders of the jackknife.
///
/// # When it misleads
///
/// - With dependent features the model is asked about rows that cannot occur, and what it says
///   there counts: unused knowledge looks important. Shuffle dependent features as one group.
/// - It explains this model. A feature that the model ignores scores 0 however useful it is.
/// - On training rows it rewards what the model has memorised: take test rows.
/// - A weighted row counts by its weight as a target, but donors are drawn without weights. A row
///   of weight 0 counts as absent: it is neither.
/// - A row gives its values to itself in one of `n` shuffles, so values are `(n − 1) / n` of
///   those with another donor each time, as in scikit-learn.
///
/// # Example
///
/// ```
/// use fi_core::{Dataset, Function, Metric, Permutation, Players, Run, Target};
/// use ndarray::{array, s, ArrayView2};
///
/// // y = 3 x0, x1 is not used; x0 has variance 1, so the importance is near 2 · 3² = 18.
/// let rows = array![[-1.0, 5.0], [1.0, 6.0], [-1.0, 7.0], [1.0, 8.0], [-1.0, 9.0], [1.0, 4.0]];
/// let model = Function::new(2, 1, |rows: ArrayView2<f64>| 3.0 * &rows.slice(s![.., 0..1]));
/// let target = rows.column(0).mapv(|x| 3.0 * x).to_vec();
/// let data = Dataset::new(rows, Target::Values(target))?;
/// let players = Players::features(["x0", "x1"])?;
///
/// let permutation = Permutation { n_repeats: 200, ..Default::default() };
/// let importance =
///     permutation.importance(&Run::new(0), &model, &data, &players, &[Metric::Mse])?.remove(0);
/// assert!((importance.values[0] - 18.0).abs() < 2.0);
/// assert_eq!(importance.values[1], 0.0);
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Breiman (2001). *Random forests.* Machine Learning 45.
///   <https://doi.org/10.1023/A:1010933404324>
/// - Fisher, Rudin, Dominici (2019). *All models are wrong, but many are useful.* JMLR 20(177).
///   <https://arxiv.org/abs/1801.01489>
/// - Phipson, Smyth (2010). *Permutation P-values should never be zero.*
///   <https://doi.org/10.2202/1544-6115.1585>
/// - van der Vaart (1998). *Asymptotic statistics*, ch. 11–12 (projections, U-statistics).
///   <https://doi.org/10.1017/CBO9780511802256>
///
/// # See also
///
/// [`Lofo`](crate::Lofo), which refits; [`Occlusion`](crate::Occlusion), which sets to a constant.
#[derive(Debug, Clone, PartialEq)]
pub struct Permutation {
    /// How often each player is shuffled, at least 1; default 30.
    pub n_repeats: usize,
    /// The intervals' coverage, inside (0, 1); default 0.95.
    pub confidence: f64,
    /// At most this many rows are used, at least 2, drawn by the seed; the model's own score is
    /// that of the same rows. Default `None`: all.
    pub max_rows: Option<usize>,
    /// How many rows the model predicts at once, at least 1; default 16 384. The answer does not
    /// depend on it.
    pub batch_rows: usize,
}

impl Default for Permutation {
    fn default() -> Self {
        Self { n_repeats: 30, confidence: 0.95, max_rows: None, batch_rows: 16_384 }
    }
}

impl Permutation {
    /// Scores the players in each metric, in one pass over the predictions.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] outside a domain; [`Error::Shape`] if model, data and players have
    /// different features; [`Error::TooFewRows`] with fewer than 2 rows that count; [`Error::Data`] without metrics;
    /// [`Error::Metric`] if a metric cannot score this model; [`Error::Task`] that names the
    /// player and the repeat in which the model failed; [`Error::Cancelled`].
    pub fn importance(
        &self,
        run: &Run<'_>,
        model: &dyn Model,
        data: &Dataset,
        players: &Players,
        metrics: &[Metric],
    ) -> Result<Vec<Importance>> {
        let predict = PredictAgain { model, batch_rows: self.batch_rows, replace: &from_donor };
        self.importance_by(run, model, data, players, metrics, &predict)
    }

    /// As [`Permutation::importance`], where the predictions of shuffled rows come from a way of
    /// the caller's that is faster than asking the model again.
    ///
    /// # Errors
    ///
    /// As for [`Permutation::importance`], and those of `shuffled`.
    pub fn importance_by(
        &self,
        run: &Run<'_>,
        model: &dyn Model,
        data: &Dataset,
        players: &Players,
        metrics: &[Metric],
        shuffled: &dyn Shuffled,
    ) -> Result<Vec<Importance>> {
        let how = ("permutation", &everywhere as &PlanExchange<'_>);
        self.importance_in(run, model, data, players, metrics, shuffled, how)
    }

    /// As [`Permutation::importance_by`], under the name of another method, which says from the
    /// rows that are used where values come from.
    #[expect(clippy::too_many_arguments, reason = "those of the method, and what another changes")]
    pub(crate) fn importance_in(
        &self,
        run: &Run<'_>,
        model: &dyn Model,
        data: &Dataset,
        players: &Players,
        metrics: &[Metric],
        shuffled: &dyn Shuffled,
        how: (&'static str, &PlanExchange<'_>),
    ) -> Result<Vec<Importance>> {
        self.prepared(run, model, data, players, metrics, shuffled, how, |shuffles, scorers| {
            self.accumulate(run, shuffles, scorers)
        })
    }

    /// Checks everything, predicts the untouched rows, and hands both to `work`.
    #[expect(clippy::too_many_arguments, reason = "those of the entry point, and what to do")]
    pub(crate) fn prepared<T>(
        &self,
        run: &Run<'_>,
        model: &dyn Model,
        data: &Dataset,
        players: &Players,
        metrics: &[Metric],
        shuffled: &dyn Shuffled,
        (method, exchange): (&'static str, &PlanExchange<'_>),
        work: impl FnOnce(&Shuffles<'_>, &[Scorer<'_>]) -> Result<T>,
    ) -> Result<T> {
        require(self.n_repeats >= 1, "n_repeats", self.n_repeats, "at least 1")?;
        require(self.batch_rows >= 1, "batch_rows", self.batch_rows, "at least 1")?;
        let max_rows = self.max_rows.unwrap_or(usize::MAX);
        require(max_rows >= 2, "max_rows", max_rows, "at least 2")?;
        check_confidence(self.confidence)?;
        check_parts(data, players, metrics)?;
        let mut used = rows_that_count(data);
        if used.len() < 2 {
            let what = "permutation importance".to_owned();
            return Err(Error::TooFewRows { what, needed: 2, got: used.len() });
        }
        if max_rows < used.len() {
            let mut sample = run.split(ROWS).rng(0).sample(used.len(), max_rows);
            sample.sort_unstable();
            used = sample.into_iter().map(|i| used[i]).collect();
        }
        let data = &only(data, &used)?;
        let rows = data.rows();
        let predictions = predict_in_batches(model, rows, self.batch_rows, &used)?;
        let units = Units::new(data);
        let blocks = units.blocks(run.split(BLOCKS).seed());
        let scorers = metrics
            .iter()
            .map(|metric| Scorer::new(metric, model, data, &units, &blocks, &predictions))
            .collect::<Result<Vec<_>>>()?;
        let shuffles = Shuffles {
            shuffled,
            run: run.split(BLOCKS),
            rows,
            players,
            method,
            exchange: exchange(data)?,
            keys: (0..self.n_repeats as u64).map(|repeat| run.split(repeat).seed()).collect(),
            row_names: &used,
        };
        work(&shuffles, &scorers)
    }

    /// Folds the answers of all (player, repeat) in order, one player's noise at a time.
    fn accumulate(
        &self,
        run: &Run<'_>,
        shuffles: &Shuffles<'_>,
        scorers: &[Scorer<'_>],
    ) -> Result<Vec<Importance>> {
        let (n_players, n_repeats) = (shuffles.players.len(), self.n_repeats);
        let n_jobs = n_players * n_repeats;
        let at_once = shuffles.shuffled.at_once(shuffles.rows.nrows());
        let per_task = at_once.clamp(1, n_jobs);
        let mut replicates = vec![Array2::zeros((n_players, n_repeats)); scorers.len()];
        let mut errors: Vec<Option<Vec<(f64, usize)>>> = vec![Some(Vec::new()); scorers.len()];
        let mut noises: Vec<Option<Noise>> = vec![Some(Noise::default()); scorers.len()];
        run.fold(
            n_jobs.div_ceil(per_task),
            shuffles.shuffled.calls_at_once().max(1),
            |task, _| shuffles.run(task * per_task..((task + 1) * per_task).min(n_jobs), scorers),
            |task, answers| {
                for (offset, answers) in answers.into_iter().enumerate() {
                    let job = task * per_task + offset;
                    let (player, repeat) = (job / n_repeats, job % n_repeats);
                    for (m, answer) in answers.into_iter().enumerate() {
                        replicates[m][[player, repeat]] = answer.increase;
                        match (&mut noises[m], answer.contributions) {
                            (Some(noise), Some(contributions)) => noise.add(&contributions),
                            (noise, _) => *noise = None,
                        }
                        if repeat + 1 < n_repeats {
                            continue;
                        }
                        // The player is complete: keep its standard error, forget its rows.
                        let noise = noises[m].replace(Noise::default());
                        let known = noise.and_then(|noise| {
                            let seen = replicates[m].row(player).to_vec();
                            Some((noise.standard_error(&seen)?, noise.degrees_of_freedom()))
                        });
                        match (&mut errors[m], known) {
                            (Some(errors), Some(known)) => errors.push(known),
                            (errors, _) => *errors = None,
                        }
                    }
                }
                ControlFlow::Continue(())
            },
        )?;
        let n_rows = shuffles.rows.nrows();
        let results = scorers.iter().zip(replicates).zip(errors);
        results
            .map(|((scorer, replicates), errors)| {
                let at_least_as_good = |player: usize| {
                    replicates.row(player).iter().filter(|&&increase| increase <= 0.0).count()
                };
                let p_value = |player| (1 + at_least_as_good(player)) as f64;
                let p_values: Vec<f64> =
                    (0..n_players).map(|i| p_value(i) / (n_repeats + 1) as f64).collect();
                let mut importance = Importance::from_replicates(
                    shuffles.method,
                    shuffles.players.names(),
                    replicates,
                    Replicate::Repeat,
                )?;
                importance.p_values = Some(p_values);
                importance.seed = Some(run.seed());
                importance.n_evaluations = n_rows * (1 + n_jobs);
                scorer.describe(&mut importance);
                importance.interval =
                    errors.map(|errors| interval(&importance.values, &errors, self.confidence));
                let has_interval = importance.interval.is_some();
                importance.warnings.extend(scorer.interval_warning(has_interval));
                shuffles.exchange.warn(&mut importance);
                Ok(importance)
            })
            .collect()
    }
}

/// Between which rows values are exchanged.
pub(crate) enum Exchange {
    /// Between all, in the same way for all players of a repeat.
    Everywhere,
    /// Within the cells of each player.
    Within(Vec<Cells>),
    /// Between none: values come from elsewhere, and rows are targets only.
    Drawn,
}

impl Exchange {
    /// Says where rows cannot be exchanged.
    fn warn(&self, importance: &mut Importance) {
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

/// Where [`Permutation`] gets the predictions of shuffled rows from.
///
/// The predictions must be those of the model that goes with it.
pub trait Shuffled: Sync {
    /// How many shuffles of so many rows to ask for in one call; all of their predictions are held.
    fn at_once(&self, n_rows: usize) -> usize;

    /// How many calls to make at once, on as many threads as there are; 1 for a way that has
    /// threads of its own.
    fn calls_at_once(&self) -> usize;

    /// Predicts all rows once per shuffle, shuffle after shuffle:
    /// `(n_shuffles · n_rows, n_outputs)`. The shuffles are ordered by player, then repeat.
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
}

/// The plain way, for any model: builds the rows and predicts them.
pub(crate) struct PredictAgain<'a> {
    pub(crate) model: &'a dyn Model,
    pub(crate) batch_rows: usize,
    /// Puts other values of the player's columns into a copy of this row of the table.
    pub(crate) replace: &'a Replace<'a>,
}

/// The shuffle, the table, the number of the row, and its copy.
pub(crate) type Replace<'a> = dyn Fn(&Shuffle<'_>, ArrayView2<'_, f64>, usize, ArrayViewMut1<'_, f64>) -> Result<()>
    + Sync
    + 'a;

/// Donors are drawn from all rows.
#[expect(clippy::unnecessary_wraps, reason = "it is a `PlanExchange`")]
pub(crate) fn everywhere(_: &Dataset) -> Result<Exchange> {
    Ok(Exchange::Everywhere)
}

/// Replaces values by those of the row's donor.
#[expect(clippy::unnecessary_wraps, reason = "it is a `Replace`")]
pub(crate) fn from_donor(
    shuffle: &Shuffle<'_>,
    rows: ArrayView2<'_, f64>,
    row: usize,
    mut into: ArrayViewMut1<'_, f64>,
) -> Result<()> {
    for &column in shuffle.members {
        into[column] = rows[[shuffle.donors[row], column]];
    }
    Ok(())
}

impl Shuffled for PredictAgain<'_> {
    /// Copies of a small table are predicted together.
    fn at_once(&self, n_rows: usize) -> usize {
        (self.batch_rows / n_rows).max(1)
    }

    fn calls_at_once(&self) -> usize {
        TASKS_AT_ONCE
    }

    fn predict(
        &self,
        _run: &Run<'_>,
        rows: ArrayView2<'_, f64>,
        shuffles: &[Shuffle<'_>],
    ) -> Result<Array2<f64>> {
        let (n_rows, n_features) = rows.dim();
        let n_stacked = shuffles.len() * n_rows;
        let mut predictions = Array2::zeros((n_stacked, self.model.n_outputs()));
        let mut batch = Array2::zeros((self.batch_rows.min(n_stacked), n_features));
        for start in (0..n_stacked).step_by(self.batch_rows) {
            let end = (start + self.batch_rows).min(n_stacked);
            for stacked in start..end {
                let (shuffle, row) = (&shuffles[stacked / n_rows], stacked % n_rows);
                let mut into = batch.row_mut(stacked - start);
                into.assign(&rows.row(row));
                (self.replace)(shuffle, rows, row, into)
                    .map_err(|error| error.in_task(shuffle.task()))?;
            }
            let predicted = predict_checked(self.model, batch.slice(s![..end - start, ..]));
            let predicted = predicted.map_err(|error| match error {
                Error::NotFinite { what, row, column, value } => {
                    Error::NotFinite { what, row: start + row, column, value }
                }
                error => error.in_task(shuffles[start / n_rows].task()),
            })?;
            predictions.slice_mut(s![start..end, ..]).assign(&predicted);
        }
        Ok(predictions)
    }
}

/// What the tasks share.
pub(crate) struct Shuffles<'a> {
    pub(crate) shuffled: &'a dyn Shuffled,
    /// For the threads of a task; silent.
    run: Run<'static>,
    pub(crate) rows: ArrayView2<'a, f64>,
    players: &'a Players,
    method: &'static str,
    exchange: Exchange,
    /// One per repeat.
    keys: Vec<u64>,
    /// The rows' numbers in the caller's table.
    row_names: &'a [usize],
}

impl Shuffles<'_> {
    /// Predicts and scores some (player, repeat), numbered player by player.
    pub(crate) fn run(
        &self,
        jobs: std::ops::Range<usize>,
        scorers: &[Scorer<'_>],
    ) -> Result<Vec<Vec<Answer>>> {
        let (n_rows, n_repeats) = (self.rows.nrows(), self.keys.len());
        let n_drawn = match self.exchange {
            // All players of a repeat have the same donors.
            Exchange::Everywhere => jobs.len().min(n_repeats),
            Exchange::Within(_) | Exchange::Drawn => jobs.len(),
        };
        let donors = |offset: usize, _: &mut _| {
            let (player, repeat) =
                ((jobs.start + offset) / n_repeats, (jobs.start + offset) % n_repeats);
            Ok(match &self.exchange {
                Exchange::Everywhere => Donors::new(n_rows, self.keys[repeat]).all(),
                Exchange::Within(cells) => cells[player].donors(self.keys[repeat]),
                Exchange::Drawn => Vec::new(),
            })
        };
        let donors: Vec<Vec<usize>> = self.run.map(n_drawn, donors)?;
        let shuffle = |job: usize| Shuffle {
            name: &self.players.names()[job / n_repeats],
            members: self.players.members(job / n_repeats),
            repeat: job % n_repeats,
            // Either few jobs, each with donors of its own, or all repeats in turn.
            donors: &donors[(job - jobs.start) % n_drawn],
        };
        let shuffles: Vec<Shuffle<'_>> = jobs.clone().map(shuffle).collect();
        let predictions = self
            .shuffled
            .predict(&self.run, self.rows, &shuffles)
            .map_err(|error| self.place(error, &shuffles))?;
        let shape = [shuffles.len() * n_rows, predictions.ncols()];
        require_shape("the prediction", &shape, predictions.shape())?;
        self.run.map(shuffles.len(), |copy, _| {
            let predictions = predictions.slice(s![copy * n_rows..(copy + 1) * n_rows, ..]);
            let (donors, player) = (shuffles[copy].donors, (jobs.start + copy) / n_repeats);
            let origin = match &self.exchange {
                Exchange::Everywhere => Some(Origin { donors, cells: None }),
                Exchange::Within(cells) => {
                    Some(Origin { donors, cells: Some(cells[player].of_row()) })
                }
                Exchange::Drawn => None,
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
            Error::NotFinite { what, row: stacked, column, value } => {
                let row = self.row_names[stacked % n_rows];
                let error = Error::NotFinite { what, row, column, value };
                error.in_task(shuffles[stacked / n_rows].task())
            }
            error => error,
        }
    }
}
