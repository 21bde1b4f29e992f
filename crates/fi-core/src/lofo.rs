//! LOFO, leave one feature out: how much worse does a learner do when it never sees a feature?
//!
//! In the recipe *removal × behaviour × summary* it is removal by retraining, the loss of a data
//! set, and leave-one-out. It scores what the *learner* can do with a feature beyond the others,
//! and not what one fitted model does. [`Loco`](crate::Loco) asks the same of one pair of models.

use ndarray::Array2;

use crate::checkpoint::{Fingerprint, Work};
use crate::corrected_t_test::{corrected_t_test, test_per_train};
use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::folds::{Fold, Folds};
use crate::guards::groups_across_folds;
use crate::importance::{Estimand, Importance, Interval, Replicate, Warning};
use crate::metric::Metric;
use crate::model::{Learner, Output, predict_checked};
use crate::players::Players;
use crate::run::Run;
use crate::scorer::{check_parts, check_score, describe};
use crate::statistics::{check_confidence, mean};

/// The streams of the folds, beside those of the learners.
pub(crate) const SPLIT: u64 = u64::MAX;

/// Scores players by the loss of a learner that is trained without them.
///
/// ```text
/// I(S) = mean over k of  worse( score(fₖ, testₖ),  score(fₖ without S, testₖ) )
/// ```
///
/// where `fₖ` is trained on the training rows of fold `k`, once with all features and once without
/// the player's set `S` of columns. Folds, and the learner's seed within a fold, are the same for
/// all players, so that the difference is the features' and not the seeds'.
///
/// **Interval** ([`Estimand::LearnerOverTrainingSets`]): training sets of `J` folds overlap, so the
/// variance of the folds' values is corrected after Nadeau and Bengio:
///
/// ```text
/// se² = (1 / J + n_test / n_train) · Varₖ(Iₖ),   I ± t(J − 1) se
/// ```
///
/// with the mean of `n_test / n_train` over the folds, rows of weight 0 not counted. (`J` counts
/// the folds of all repeats of [`Folds::Repeated`].) The **p-value** is that of the corrected
/// resampled t-test of `I ≤ 0`, one-sided; 0 or 1 if the folds do not vary at all (1 if they are
/// all 0). There is neither with a single fold.
///
/// The score is the mean over folds; the constant's is that of the constant which is best on the
/// test rows, hence a little better than any constant that could have been learnt.
///
/// # Units
///
/// Those of the metric; positive if the player helps, negative if the learner does better without.
///
/// # Cost
///
/// `(n_players + 1) × n_folds` fits, one more with a keeper, which tells the learner by what it
/// learns. Memory: one copy of the training rows per thread.
///
/// **Stopping** keeps each single fit, and answers with the folds that are whole for all players.
///
/// # When it misleads
///
/// - Of two features that say the same, each scores near 0: the other stands in. Score them as one
///   group, for instance with [`Players::correlated`].
/// - A learner that tunes itself is tuned anew without the feature, which is right but noisy.
/// - The correction ([`corrected_t_test`]) is a rule of thumb that assumes a correlation of
///   `n_test / (n_train + n_test)` between folds; time series and leave-one-group-out only
///   resemble that.
///
/// # Example
///
/// ```
/// use fi_core::{Dataset, Folds, Function, Learner, Lofo, Metric, Model, Players, Run, Target};
/// use ndarray::{Array2, ArrayView2};
///
/// /// Predicts the mean of the nearest training rows: one neighbour.
/// struct Nearest;
/// impl Learner for Nearest {
///     fn train(&self, _run: &Run, data: &Dataset) -> fi_core::Result<Box<dyn Model>> {
///         let (rows, target) = (data.rows().to_owned(), data.target().values().unwrap().to_vec());
///         let distance = |a: &ndarray::ArrayView1<f64>, b: &ndarray::ArrayView1<f64>| {
///             a.iter().zip(b).map(|(x, y)| (x - y).powi(2)).sum::<f64>()
///         };
///         Ok(Box::new(Function::new(rows.ncols(), 1, move |asked: ArrayView2<f64>| {
///             Array2::from_shape_fn((asked.nrows(), 1), |(i, _)| {
///                 let nearest = (0..rows.nrows()).min_by(|&a, &b| {
///                     let to = |row| distance(&asked.row(i), &rows.row(row));
///                     to(a).total_cmp(&to(b))
///                 });
///                 target[nearest.unwrap()]
///             })
///         })))
///     }
/// }
///
/// let rows = Array2::from_shape_fn((40, 2), |(i, j)| if j == 0 { i as f64 } else { (i % 3) as f64 });
/// let target = rows.column(0).to_vec();
/// let data = Dataset::new(rows, Target::Values(target))?;
/// let lofo = Lofo { folds: Folds::for_target(data.target()), ..Default::default() };
/// let players = Players::features(["useful", "noise"])?;
/// let found = lofo.importance(&Run::new(1), &Nearest, &data, &players, &[Metric::Mse])?;
/// assert!(found[0].values[0] > 100.0 && found[0].values[1].abs() < 10.0);
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Lei, G'Sell, Rinaldo, Tibshirani, Wasserman (2018). *Distribution-free predictive inference
///   for regression.* JASA 113(523). <https://doi.org/10.1080/01621459.2017.1307116>
/// - Nadeau, Bengio (2003). *Inference for the generalization error.* Machine Learning 52.
///   <https://doi.org/10.1023/A:1024068626366>
///
/// # See also
///
/// [`Loco`](crate::Loco), the same for fitted models; [`LeaveOneIn`](crate::LeaveOneIn), what a
/// feature is worth on its own; [`Permutation`](crate::Permutation) and
/// [`ConditionalPermutation`](crate::ConditionalPermutation), which do not refit.
#[derive(Debug, Clone, PartialEq)]
pub struct Lofo {
    /// The training and test rows; default 5 shuffled folds. [`Folds::for_target`] stratifies.
    pub folds: Folds,
    /// The intervals' coverage, inside (0, 1); default 0.95.
    pub confidence: f64,
}

impl Default for Lofo {
    fn default() -> Self {
        Self { folds: Folds::default(), confidence: 0.95 }
    }
}

impl Lofo {
    /// Scores the players in each metric, with one set of fits for all metrics.
    ///
    /// Rows' weights reach the learner with the training rows and the metric with the test rows.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] outside a domain; [`Error::Shape`] if data and players have different
    /// features; [`Error::Data`] without metrics, for a player that holds every feature, or for
    /// folds that cannot be made, or a checkpoint of another call; [`Error::Task`] that names player
    /// and fold, both from 0, if the learner, its model or a metric failed there;
    /// [`Error::Cancelled`] if the call was stopped, or does a shard, without one whole fold.
    pub fn importance(
        &self,
        run: &Run<'_>,
        learner: &dyn Learner,
        data: &Dataset,
        players: &Players,
        metrics: &[Metric],
    ) -> Result<Vec<Importance>> {
        check_confidence(self.confidence)?;
        check_parts(data, players, metrics)?;
        require_others("lofo", data, players)?;
        let folds = self.folds.split(&run.split(SPLIT), data)?;
        // Task 0 of each fold keeps all features.
        let per_fold = players.len() + 1;
        let refit = |task: usize| {
            let (number, removed) = (task / per_fold, (task % per_fold).checked_sub(1));
            let without = removed.map(|player| players.members(player));
            let seed = run.split(number as u64);
            let in_task = |error: Error| {
                let what = removed.map_or("all features".to_owned(), |player| {
                    format!("`{}`", players.names()[player])
                });
                error.in_task(format!("lofo of {what}, fold {number}"))
            };
            let refit = Refit::new(&seed, learner, data, &folds[number], without);
            refit.and_then(|refit| Ok((refit.scores(metrics)?, refit))).map_err(in_task)
        };
        let n_tasks = folds.len() * per_fold;
        let work = Work::open(run, n_tasks, metrics.len(), &[], || {
            Ok(Fingerprint::new("LOFO", run)
                .with_data(data)
                .with_text("folds", &format!("{folds:?}"))
                .with_players(players)
                .with_metrics(metrics)
                .with_table("what the learner learns", refit(0)?.1.predictions.view()))
        })?;
        let outcome = work.map(|task, _| Ok(refit(task)?.0));
        let scores = work.close(outcome)?.answers;
        // The folds that are whole, and what was scored there.
        let whole = |&fold: &usize| {
            let tasks = (fold * per_fold) as u64..((fold + 1) * per_fold) as u64;
            scores.range(tasks).count() == per_fold
        };
        let finished: Vec<usize> = (0..folds.len()).filter(whole).collect();
        if finished.is_empty() {
            return Err(Error::Cancelled { done: scores.len(), total: n_tasks });
        }
        let score = |fold: usize, place: usize, m| scores[&((fold * per_fold + place) as u64)][m];
        let kept: Vec<Fold> = finished.iter().map(|&fold| folds[fold].clone()).collect();
        let constants = kept.iter().map(|fold| constant_scores(data, fold, metrics));
        let constants = constants.collect::<Result<Vec<_>>>()?;
        let test_per_train = test_per_train(data, &kept);
        let result = |(m, metric): (usize, &Metric)| {
            let base: Vec<f64> = finished.iter().map(|&fold| score(fold, 0, m)).collect();
            let replicates = Array2::from_shape_fn((players.len(), base.len()), |(player, k)| {
                metric.worse(base[k], score(finished[k], 1 + player, m))
            });
            let kind = Replicate::Fold;
            let mut importance =
                Importance::from_replicates("LOFO", players.names(), replicates, kind)?;
            importance.seed = Some(run.seed());
            importance.n_evaluations = finished.len() * per_fold;
            let constant: Option<Vec<f64>> = constants.iter().map(|of_fold| of_fold[m]).collect();
            let constant = constant.map(|of_folds| mean(of_folds.iter()));
            describe(&mut importance, metric, mean(base.iter()), constant);
            importance.warnings.extend(groups_across_folds(data, &folds));
            add_t_tests(&mut importance, test_per_train, self.confidence)?;
            if finished.len() < folds.len() {
                let (done, total) = (finished.len(), folds.len());
                importance.warnings.push(Warning::Unfinished { done, total });
            }
            Ok(importance)
        };
        metrics.iter().enumerate().map(result).collect()
    }
}

/// A player must leave a feature to train on.
pub(crate) fn require_others(method: &str, data: &Dataset, players: &Players) -> Result<()> {
    for (player, name) in players.names().iter().enumerate() {
        if players.members(player).len() == data.n_features() {
            return Err(Error::Data(format!(
                "`{name}` holds every feature, {method} needs another one to train on without it"
            )));
        }
    }
    Ok(())
}

/// A model of one fold, trained without some columns, on its test rows.
pub(crate) struct Refit {
    pub(crate) test: Dataset,
    pub(crate) predictions: Array2<f64>,
    pub(crate) output: Output,
}

impl Refit {
    pub(crate) fn new(
        run: &Run<'_>,
        learner: &dyn Learner,
        data: &Dataset,
        fold: &Fold,
        without: Option<&[usize]>,
    ) -> Result<Self> {
        let part = |rows: &[usize]| {
            let data = data.select_rows(rows)?;
            if let Some(members) = without { data.without_features(members) } else { Ok(data) }
        };
        let test = part(&fold.test)?;
        let model = learner.train(run, &part(&fold.train)?)?;
        let predictions = predict_checked(&*model, test.rows())?;
        Ok(Self { test, predictions, output: model.output() })
    }

    pub(crate) fn scores(&self, metrics: &[Metric]) -> Result<Vec<f64>> {
        let Self { test, predictions, output } = self;
        let score = |metric: &Metric| {
            let score = metric.score(predictions.view(), *output, test.target(), test.weights())?;
            check_score(metric, score)?;
            Ok(score)
        };
        metrics.iter().map(score).collect()
    }
}

/// The best constant's score on the test rows; `None` where a metric has none.
pub(crate) fn constant_scores(
    data: &Dataset,
    fold: &Fold,
    metrics: &[Metric],
) -> Result<Vec<Option<f64>>> {
    let test = data.select_rows(&fold.test)?;
    let score = |metric: &Metric| metric.constant_score(test.target(), test.weights()).ok();
    Ok(metrics.iter().map(score).collect())
}

/// Interval and p-value over folds whose training sets overlap; of one fold there are none.
pub(crate) fn add_t_tests(
    importance: &mut Importance,
    test_per_train: f64,
    confidence: f64,
) -> Result<()> {
    if importance.replicates.ncols() < 2 {
        return Ok(());
    }
    let rows = importance.replicates.rows().into_iter();
    let tests = rows.map(|row| corrected_t_test(&row.to_vec(), test_per_train, confidence));
    let tests = tests.collect::<Result<Vec<_>>>()?;
    importance.interval = Some(Interval {
        estimand: Estimand::LearnerOverTrainingSets,
        confidence,
        low: tests.iter().map(|test| test.low).collect(),
        high: tests.iter().map(|test| test.high).collect(),
    });
    importance.p_values = Some(tests.iter().map(|test| test.p_value).collect());
    Ok(())
}
