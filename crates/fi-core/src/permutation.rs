//! Permutation importance: how much worse does the model score when a feature's values are
//! shuffled among the rows?
//!
//! In the recipe *removal × behaviour × summary* it is marginal removal, the mean loss of
//! completions, and leave-one-out. The model is not refitted. Repeat `r` shuffles every player
//! with the same permutation of the rows, so that scores of players, groups and pairs can be
//! subtracted from each other.

mod large;
mod predict_again;
mod repeats;
mod shuffles;

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use ndarray::{Array2, ArrayView1};

use self::repeats::{Begun, is_within, replicates};
use crate::checkpoint::{Fingerprint, Work};
use crate::cost::{Cost, bytes, product};
use crate::dataset::Dataset;
use crate::error::{Error, Result, require};
use crate::importance::{Importance, Replicate, Warning};
use crate::metric::Metric;
use crate::model::Model;
use crate::moments::Moments;
use crate::players::Players;
use crate::run::Run;
use crate::sampling_noise::{Noise, Units};
use crate::scorer::{Scorer, check_parts, interval, only, predict_in_batches, rows_that_count};
use crate::statistics::check_confidence;

pub use self::large::predict_blocks;
pub(crate) use self::predict_again::{PredictAgain, Replace};
pub(crate) use self::shuffles::{Exchange, Job, PlanExchange, Shuffles, everywhere};
pub use self::shuffles::{Shuffle, Shuffled};

/// Streams beside those of the repeats.
const ROWS: u64 = u64::MAX;
const BLOCKS: u64 = u64::MAX - 1;

/// Scores players by the loss that shuffling them causes.
///
/// The question is: *what does this model make of the player?* What it says beyond the other
/// features is the question of [`ConditionalPermutation`](crate::ConditionalPermutation).
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
/// freedom. Where there are more than `2¹⁹ / n_players` units (and 25), they are joined at random
/// to so many blocks, each a unit: 5,242 with 100 players.
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
/// `n_rows × (1 + n_players × n_repeats)` rows to predict, less those that a shuffle leaves as they
/// are, and of rows made alike by shuffles of one task all but one. Memory: 16 batches of answers, the larger
/// of `batch_rows` and `n_rows` rows each, and `2 log₂ n_repeats` sums of contributions, each at
/// most 4 MB (or 25 numbers per player) per metric, whatever the number of rows.
/// Metrics that are no mean over rows are scored up to 51 times per player and repeat,
/// on the whole and on the remainders of the jackknife.
///
/// **Stopping** answers with the repeats that are finished for all players; those after a stop, of
/// another call or machine, make it the result of an uninterrupted run.
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
    /// How many rows are predicted in one task, at least 1, and the most that the model predicts at
    /// once; default 16 384. The answer does not depend on it.
    pub batch_rows: usize,
    /// Stop when, in every metric, what the shuffles add to a player's standard error
    /// (`√(Varᵣ(Iᵣ) / R)`, all that more repeats can lower) is at most this share of the range of
    /// the values and 0; looked at after every 8 repeats, and `n_repeats` is then the most that are
    /// made. Positive. Default `None`: all repeats.
    pub tolerance: Option<f64>,
}

impl Default for Permutation {
    fn default() -> Self {
        Self {
            n_repeats: 30,
            confidence: 0.95,
            max_rows: None,
            batch_rows: 16_384,
            tolerance: None,
        }
    }
}

impl Permutation {
    /// What [`Permutation::importance`] will cost for a table `(n_rows, n_features)` and a model
    /// of so many outputs; with a tolerance, at most.
    pub fn cost(
        &self,
        n_rows: usize,
        n_features: usize,
        n_players: usize,
        n_outputs: usize,
    ) -> Cost {
        let n_rows = self.max_rows.map_or(n_rows, |most| n_rows.min(most));
        let shuffles = product(&[n_rows, n_players, self.n_repeats]);
        Cost {
            n_evaluations: shuffles.saturating_add(n_rows as u64),
            n_trainings: 0,
            n_bytes: bytes(&[n_players, self.n_repeats])
                .saturating_add(bytes(&[n_rows, n_outputs])),
            n_bytes_per_thread: bytes(&[n_rows.min(self.batch_rows), n_features + n_outputs]),
        }
    }

    /// Scores the players in each metric, in one pass over the predictions.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] outside a domain, or for a tolerance in a shard; [`Error::Shape`] if
    /// model, data and players have different features; [`Error::TooFewRows`] with fewer than 2
    /// rows that count; [`Error::Data`] without metrics, or for a checkpoint of another call;
    /// [`Error::Metric`] if a metric cannot score this model; [`Error::Task`] that names the
    /// player and the repeat in which the model failed; [`Error::Cancelled`] if the call was
    /// stopped without one finished repeat.
    pub fn importance(
        &self,
        run: &Run<'_>,
        model: &dyn Model,
        data: &Dataset,
        players: &Players,
        metrics: &[Metric],
    ) -> Result<Vec<Importance>> {
        let predict =
            PredictAgain { model, batch_rows: self.batch_rows, replace: Replace::FromDonor };
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
            self.accumulate(run, model, shuffles, scorers, metrics)
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
        how: (&'static str, &PlanExchange<'_>),
        work: impl FnOnce(&Shuffles<'_>, &[Scorer<'_>]) -> Result<T>,
    ) -> Result<T> {
        check_parts(data, players, metrics)?;
        let used = self.checked(run, data, metrics)?;
        let data = &only(data, &used)?;
        let predictions = predict_in_batches(model, data.rows(), self.batch_rows, &used)?;
        Self::scored(run, model, data, &used, &predictions, players, metrics, shuffled, how, work)
    }

    /// Checks the settings, and finds the rows that are used.
    fn checked(&self, run: &Run<'_>, data: &Dataset, metrics: &[Metric]) -> Result<Vec<usize>> {
        require(self.n_repeats >= 1, "n_repeats", self.n_repeats, "at least 1")?;
        require(self.batch_rows >= 1, "batch_rows", self.batch_rows, "at least 1")?;
        let max_rows = self.max_rows.unwrap_or(usize::MAX);
        require(max_rows >= 2, "max_rows", max_rows, "at least 2")?;
        if let Some(tolerance) = self.tolerance {
            let positive = tolerance > 0.0 && tolerance.is_finite();
            require(positive, "tolerance", tolerance, "positive and finite")?;
            let requirement = "None in a shard, which does not know the other shards' repeats";
            require(run.shard().is_none(), "tolerance", tolerance, requirement)?;
        }
        check_confidence(self.confidence)?;
        if metrics.is_empty() {
            return Err(Error::Data("there is no metric to score with, give at least one".into()));
        }
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
        Ok(used)
    }

    /// Prepares the scoring of the used rows, whose predictions are these, and hands it to `work`.
    #[expect(clippy::too_many_arguments, reason = "those of the entry point, and what is prepared")]
    fn scored<T>(
        run: &Run<'_>,
        model: &dyn Model,
        data: &Dataset,
        used: &[usize],
        predictions: &Array2<f64>,
        players: &Players,
        metrics: &[Metric],
        shuffled: &dyn Shuffled,
        (method, exchange): (&'static str, &PlanExchange<'_>),
        work: impl FnOnce(&Shuffles<'_>, &[Scorer<'_>]) -> Result<T>,
    ) -> Result<T> {
        let rows = data.rows();
        let units = Units::new(data);
        let blocks = units.blocks(run.split(BLOCKS).seed());
        let units = units.for_players(players.len(), run.split(BLOCKS).seed());
        let scorers = metrics
            .iter()
            .map(|metric| Scorer::new(metric, model, data, &units, &blocks, predictions))
            .collect::<Result<Vec<_>>>()?;
        let shuffles = Shuffles {
            shuffled,
            run: run.split(BLOCKS),
            seed: *run,
            data,
            predictions,
            rows,
            players,
            method,
            exchange: exchange(data)?,
            row_names: used,
        };
        work(&shuffles, &scorers)
    }

    /// Does the missing repeats, each for all players, and scores those that are finished.
    fn accumulate(
        &self,
        run: &Run<'_>,
        model: &dyn Model,
        shuffles: &Shuffles<'_>,
        scorers: &[Scorer<'_>],
        metrics: &[Metric],
    ) -> Result<Vec<Importance>> {
        let n_players = shuffles.players.len();
        let lens: Vec<usize> = scorers.iter().map(|scorer| n_players * scorer.n_units()).collect();
        let answer_len = n_players * scorers.len();
        let work = Work::open(run, self.n_repeats, answer_len, &lens, || {
            let (method, by) = (shuffles.method, shuffles.shuffled.name());
            let print = Fingerprint::new(format_args!("{method} by {by}"), run);
            Ok(shuffles
                .exchange
                .print(print)
                .with_data(shuffles.data)
                .with_players(shuffles.players)
                .with_metrics(metrics)
                .with_table("model", shuffles.predictions.view())
                .with("what the model predicts", format_args!("{:?}", model.output())))
        })?;
        let enough = |within| work.look(|finished| is_within(finished, n_players, within));
        let mut converged = self.tolerance.is_some_and(enough);
        let order = if converged { Vec::new() } else { shuffles.in_order(work.missing()) };
        let per_call = shuffles.per_call(order.len());
        let calls: Vec<&[Job]> = order.chunks(per_call).collect();
        let at_once = shuffles.shuffled.calls_at_once().max(1);
        let mut begun: BTreeMap<usize, Begun> = BTreeMap::new();
        let mut kept = Ok(());
        let outcome = work.run().fold_with(
            calls.len(),
            at_once,
            |range| {
                shuffles
                    .donors(&order[range.start * per_call..(range.end * per_call).min(order.len())])
            },
            |donors, call, _| shuffles.run(calls[call], donors, scorers),
            |call, answers| {
                for (&(player, repeat), answers) in calls[call].iter().zip(answers) {
                    let of_repeat =
                        begun.entry(repeat).or_insert_with(|| Begun::new(n_players, &lens));
                    if !of_repeat.add(player, answers) {
                        continue;
                    }
                    if let Some(Begun { increases, draws, .. }) = begun.remove(&repeat) {
                        work.put(repeat, increases, draws);
                    }
                    converged = self.tolerance.is_some_and(enough);
                    if converged {
                        return ControlFlow::Break(());
                    }
                }
                kept = work.keep();
                if kept.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            },
        );
        let mut finished = work.close(outcome.map(|_| ()).and(kept))?;
        let moments = std::mem::take(&mut finished.moments);
        let n_finished = finished.answers.len();
        if n_finished == 0 {
            return Err(Error::Cancelled { done: 0, total: self.n_repeats });
        }
        let result = |(m, (scorer, moments)): (usize, (&Scorer<'_>, Moments))| {
            let replicates = replicates(&finished, m, n_players);
            let mut importance = self.summarize(replicates, moments, shuffles, scorer)?;
            importance.seed = Some(run.seed());
            importance.n_evaluations = shuffles.rows.nrows() * (1 + n_players * n_finished);
            if n_finished < self.n_repeats && !converged {
                let (done, total) = (n_finished, self.n_repeats);
                importance.warnings.push(Warning::Unfinished { done, total });
            } else if let Some(tolerance) = self.tolerance.filter(|_| !converged) {
                importance.warnings.push(Warning::Note(format!(
                    "the tolerance of {tolerance} was not reached in {n_finished} repeats"
                )));
            }
            Ok(importance)
        };
        scorers.iter().zip(moments).enumerate().map(result).collect()
    }

    /// The result of the finished repeats in one metric.
    fn summarize(
        &self,
        replicates: Array2<f64>,
        moments: Moments,
        shuffles: &Shuffles<'_>,
        scorer: &Scorer<'_>,
    ) -> Result<Importance> {
        let n_players = shuffles.players.len();
        let noise = moments.into_total();
        let errors: Option<Vec<(f64, usize)>> = (0..n_players)
            .map(|player| {
                let noise = Noise::of_player(noise.as_ref()?, player, n_players)?;
                let seen = replicates.row(player).to_vec();
                Some((noise.standard_error(&seen)?, noise.degrees_of_freedom()))
            })
            .collect();
        let p_value = |of_player: ArrayView1<'_, f64>| {
            let at_least_as_good = of_player.iter().filter(|&&increase| increase <= 0.0).count();
            (1 + at_least_as_good) as f64 / (of_player.len() + 1) as f64
        };
        let p_values = replicates.rows().into_iter().map(p_value).collect();
        let (names, kind) = (shuffles.players.names(), Replicate::Repeat);
        let mut importance = Importance::from_replicates(shuffles.method, names, replicates, kind)?;
        importance.p_values = Some(p_values);
        scorer.describe(&mut importance);
        importance.interval =
            errors.map(|errors| interval(&importance.values, &errors, self.confidence));
        let has_interval = importance.interval.is_some();
        importance.warnings.extend(scorer.interval_warning(has_interval));
        shuffles.exchange.warn(&mut importance);
        Ok(importance)
    }
}
