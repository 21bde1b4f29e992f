//! Leave one in: how much better does a learner do with a feature than with none, or with a few?
//!
//! In the recipe *removal × behaviour × summary* it is removal by retraining, the loss of a data
//! set, and inclusion instead of leave-one-out. What a feature shares with the others counts in
//! full, so it is the upper end of what [`Lofo`](crate::Lofo) is the lower end of.

use ndarray::Array2;

use crate::corrected_t_test::test_per_train;
use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::folds::{Fold, Folds};
use crate::guards::groups_across_folds;
use crate::importance::{Importance, Replicate};
use crate::lofo::{Refit, SPLIT, add_t_tests, constant_scores};
use crate::metric::Metric;
use crate::model::Learner;
use crate::players::Players;
use crate::run::Run;
use crate::scorer::{check_parts, check_score, describe};
use crate::statistics::{check_confidence, mean};

/// Scores players by what a learner gains from them alone, or on top of a base of features.
///
/// The question is: *what does the player tell about the target on its own?*
///
/// ```text
/// I(S) = mean over k of  worse( score(fₖ on B ∪ S, testₖ),  score(fₖ on B, testₖ) )
/// ```
///
/// where `fₖ` is trained on the training rows of fold `k` with the columns of the player `S` and of
/// the base `B`. With an empty base, `fₖ` on `B` is the constant that is best on the training rows.
/// Folds and seeds are those of [`Lofo`](crate::Lofo). For least squares, one feature and squared
/// error it is about `Cov(x, y)² / Var(x)`.
///
/// **Interval** ([`Estimand::LearnerOverTrainingSets`](crate::Estimand::LearnerOverTrainingSets))
/// and **p-value** (of `I ≤ 0`, one-sided) are those of [`Lofo`](crate::Lofo), by the corrected
/// resampled t-test of Nadeau and Bengio. There is neither with a single fold.
///
/// The score is that of the base, where there is one; the constant's is that of the constant which
/// is best on the test rows.
///
/// # Units
///
/// Those of the metric; positive if the player helps, negative if the learner does worse with it
/// than without.
///
/// # Cost
///
/// `n_players × n_folds` fits, and `n_folds` more for a base. Memory: one copy of the training rows
/// per thread.
///
/// # When it misleads
///
/// - Features that say the same all score high: it says what a feature tells, and not whether
///   anyone needs it. [`Lofo`](crate::Lofo) says that.
/// - A feature that matters only together with another scores 0, or below by the noise that the
///   learner fits. Put the other into the base.
/// - With few features a strong learner may fit noise that it would have averaged over with all.
///
/// # Example
///
/// ```
/// use fi_core::{Dataset, Function, LeaveOneIn, Learner, Metric, Model, Players, Run, Target};
/// use ndarray::{Array2, ArrayView2, Axis};
///
/// /// Predicts the mean of the features it is given.
/// struct Mean;
/// impl Learner for Mean {
///     fn train(&self, _run: &Run, data: &Dataset) -> fi_core::Result<Box<dyn Model>> {
///         Ok(Box::new(Function::new(data.n_features(), 1, |rows: ArrayView2<f64>| {
///             rows.mean_axis(Axis(1)).unwrap_or_default().insert_axis(Axis(1))
///         })))
///     }
/// }
///
/// // The first two features are equal, and the target: each tells all on its own.
/// let rows = Array2::from_shape_fn((40, 3), |(i, j)| ((i * if j < 2 { 3 } else { 7 }) % 20) as f64);
/// let target = rows.column(0).to_vec();
/// let data = Dataset::new(rows, Target::Values(target))?;
/// let players = Players::features(["a", "copy", "other"])?;
/// let found =
///     LeaveOneIn::default().importance(&Run::new(1), &Mean, &data, &players, &[Metric::R2])?;
/// assert!(found[0].values[0] == found[0].values[1] && found[0].values[0] >= 1.0);
/// // Beyond the first, its copy tells nothing.
/// let base = LeaveOneIn { base: vec![0], ..Default::default() };
/// let players = Players::groups(3, [("copy", vec![1])])?;
/// let found = base.importance(&Run::new(1), &Mean, &data, &players, &[Metric::R2])?;
/// assert_eq!(found[0].values, [0.0]);
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Nadeau, Bengio (2003). *Inference for the generalization error.* Machine Learning 52.
///   <https://doi.org/10.1023/A:1024068626366>
/// - Covert, Lundberg, Lee (2021). *Explaining by removing: a unified framework for model
///   explanation.* JMLR 22(209). <https://www.jmlr.org/papers/v22/20-1316.html>
///
/// # See also
///
/// [`Lofo`](crate::Lofo), which leaves one out.
#[derive(Debug, Clone, PartialEq)]
pub struct LeaveOneIn {
    /// The training and test rows; default 5 shuffled folds. [`Folds::for_target`] stratifies.
    pub folds: Folds,
    /// Columns that every model has; default none.
    pub base: Vec<usize>,
    /// The intervals' coverage, inside (0, 1); default 0.95.
    pub confidence: f64,
}

impl Default for LeaveOneIn {
    fn default() -> Self {
        Self { folds: Folds::default(), base: Vec::new(), confidence: 0.95 }
    }
}

impl LeaveOneIn {
    /// Scores the players in each metric, with one set of fits for all metrics.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] outside a domain; [`Error::Shape`] if data and players have different
    /// features; [`Error::Data`] without metrics, for a base out of range or one that holds a whole
    /// player, or for folds that cannot be made; [`Error::Task`] that names player and fold, both
    /// from 0, if the learner, its model or a metric failed there; [`Error::Cancelled`].
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
        self.check_base(data, players)?;
        let folds = self.folds.split(&run.split(SPLIT), data)?;
        // Task 0 of each fold has the base alone.
        let per_fold = players.len() + 1;
        let scores = run.map(folds.len() * per_fold, |task, _| {
            let (number, added) = (task / per_fold, (task % per_fold).checked_sub(1));
            let (seed, fold) = (run.split(number as u64), &folds[number]);
            let scores = match added.map_or(&[][..], |player| players.members(player)) {
                [] if self.base.is_empty() => learnt_constants(data, fold, metrics),
                added => {
                    let kept =
                        |column: &usize| added.contains(column) || self.base.contains(column);
                    let without: Vec<usize> =
                        (0..data.n_features()).filter(|column| !kept(column)).collect();
                    Refit::new(&seed, learner, data, fold, Some(&without))
                        .and_then(|refit| refit.scores(metrics))
                }
            };
            scores.map_err(|error| {
                let what = added.map_or("the base".to_owned(), |player| {
                    format!("`{}`", players.names()[player])
                });
                error.in_task(format!("leave one in of {what}, fold {number}"))
            })
        })?;
        let constants = folds.iter().map(|fold| constant_scores(data, fold, metrics));
        let constants = constants.collect::<Result<Vec<_>>>()?;
        let test_per_train = test_per_train(data, &folds);
        let result = |(m, metric): (usize, &Metric)| {
            let base: Vec<f64> = scores.chunks(per_fold).map(|fold| fold[0][m]).collect();
            let replicates = Array2::from_shape_fn((players.len(), folds.len()), |(player, k)| {
                metric.worse(scores[k * per_fold + 1 + player][m], base[k])
            });
            let (names, kind) = (players.names(), Replicate::Fold);
            let mut importance =
                Importance::from_replicates("leave-one-in", names, replicates, kind)?;
            importance.seed = Some(run.seed());
            let constant: Option<Vec<f64>> = constants.iter().map(|of_fold| of_fold[m]).collect();
            let constant = constant.map(|of_folds| mean(of_folds.iter()));
            if self.base.is_empty() {
                importance.n_evaluations = players.len() * folds.len();
                importance.metric = Some(metric.name());
                importance.constant_score = constant;
            } else {
                importance.n_evaluations = scores.len();
                describe(&mut importance, metric, mean(base.iter()), constant);
            }
            importance.warnings.extend(groups_across_folds(data, &folds));
            add_t_tests(&mut importance, test_per_train, self.confidence)?;
            Ok(importance)
        };
        metrics.iter().enumerate().map(result).collect()
    }

    fn check_base(&self, data: &Dataset, players: &Players) -> Result<()> {
        let n_features = data.n_features();
        if let Some(column) = self.base.iter().find(|&&column| column >= n_features) {
            return Err(Error::Data(format!(
                "the base names feature {column}, but there are only {n_features} features"
            )));
        }
        let known = |&player: &usize| {
            players.members(player).iter().all(|column| self.base.contains(column))
        };
        match (0..players.len()).find(known) {
            None => Ok(()),
            Some(player) => Err(Error::Data(format!(
                "`{}` is in the base and adds nothing to it, leave it out of one of them",
                players.names()[player]
            ))),
        }
    }
}

/// The scores on the test rows of the constants that are best on the training rows.
fn learnt_constants(data: &Dataset, fold: &Fold, metrics: &[Metric]) -> Result<Vec<f64>> {
    let (train, test) = (data.select_rows(&fold.train)?, data.select_rows(&fold.test)?);
    let (learnt, asked) = ((train.target(), train.weights()), (test.target(), test.weights()));
    let score = |metric: &Metric| {
        let score = metric.learnt_constant_score(learnt, asked)?;
        check_score(metric, score)?;
        Ok(score)
    };
    metrics.iter().map(score).collect()
}
