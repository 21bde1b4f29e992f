//! What is a feature worth to a learner, on these rows alone?
//!
//! Selection and [`TargetPermutation`](crate::TargetPermutation) ask this again and again, on other
//! rows, on fewer features, on a shuffled target, and never mind how it is answered.

use ndarray::Array2;

use crate::dataset::Dataset;
use crate::error::{Error, Result, require_shape};
use crate::folds::Folds;
use crate::guards::groups_across_folds;
use crate::importance::{Importance, Replicate};
use crate::lofo::Lofo;
use crate::metric::Metric;
use crate::model::Learner;
use crate::permutation::Permutation;
use crate::players::Players;
use crate::run::Run;
use crate::scorer::describe;
use crate::statistics::mean;

/// The streams of the folds, beside those of the learners.
const SPLIT: u64 = u64::MAX;

/// A way to score players for a learner from a data set: it trains what it needs, on these rows
/// and no others.
///
/// Whoever asks gives only training rows, so that held-out rows stay unseen; a way that needs
/// rows of its own to score on splits what it is given.
///
/// [`HeldOut`] is permutation importance on held-out rows, [`Lofo`] refits without each player (in
/// the first of [`Metric::for_target`]), `fi_models::impurity_of` and `fi_models::coefficients_of`
/// read a fresh fit, and any closure of the same arguments is a way, too.
///
/// # Example
///
/// ```
/// use fi_core::{Dataset, Importance, Learner, LearnerImportance, Players, Run, Target};
/// use ndarray::array;
///
/// // The size of each column's mean product with the target: no learner needed.
/// let filter = |_: &Run<'_>, _: &dyn Learner, data: &Dataset, players: &Players| {
///     let y = data.target().values().unwrap_or_default();
///     let score = |player: usize| {
///         let column = data.rows().column(players.members(player)[0]).to_owned();
///         column.iter().zip(y).map(|(x, y)| x * y).sum::<f64>().abs()
///     };
///     Importance::new("filter", players.names(), (0..players.len()).map(score).collect())
/// };
/// fn takes_any(_: &dyn LearnerImportance) {}
/// takes_any(&filter);
/// ```
pub trait LearnerImportance: Sync {
    /// Scores the players, higher being more important; all randomness comes from `run`.
    ///
    /// # Errors
    ///
    /// Those of the learner and of the way itself.
    fn importance(
        &self,
        run: &Run<'_>,
        learner: &dyn Learner,
        data: &Dataset,
        players: &Players,
    ) -> Result<Importance>;
}

impl<F> LearnerImportance for F
where
    F: Fn(&Run<'_>, &dyn Learner, &Dataset, &Players) -> Result<Importance> + Sync,
{
    fn importance(
        &self,
        run: &Run<'_>,
        learner: &dyn Learner,
        data: &Dataset,
        players: &Players,
    ) -> Result<Importance> {
        self(run, learner, data, players)
    }
}

impl LearnerImportance for Lofo {
    fn importance(
        &self,
        run: &Run<'_>,
        learner: &dyn Learner,
        data: &Dataset,
        players: &Players,
    ) -> Result<Importance> {
        let metrics = &Metric::for_target(data.target())[..1];
        Ok(Self::importance(self, run, learner, data, players, metrics)?.remove(0))
    }
}

/// Permutation importance on held-out rows: in each fold the learner is trained on the training
/// rows, and the test rows are shuffled.
///
/// The replicates are the folds' values, the value their mean.
///
/// # Cost
///
/// One fit per fold, and [`Permutation`]'s predicted rows.
///
/// # When it misleads
///
/// - As [`Permutation`]: of two features that say the same, each shares the model's trust, and both
///   may look weaker than either is.
/// - A selector asks with other rows each time: [`Folds::Given`] would name the wrong ones. Rows
///   that belong together need group folds, here as in the selector.
///
/// # Example
///
/// ```
/// use fi_core::{Folds, HeldOut};
///
/// let quick = HeldOut { folds: Folds::KFold { n_splits: 2, shuffle: true }, ..Default::default() };
/// assert_eq!(quick.permutation.n_repeats, 5);
/// ```
#[derive(Debug, Clone)]
pub struct HeldOut {
    /// Training and test rows; default 3 shuffled folds.
    pub folds: Folds,
    /// How the test rows are shuffled; default 5 repeats.
    pub permutation: Permutation,
    /// What is scored; default `None`: the first of [`Metric::for_target`].
    pub metric: Option<Metric>,
}

impl Default for HeldOut {
    fn default() -> Self {
        Self {
            folds: Folds::KFold { n_splits: 3, shuffle: true },
            permutation: Permutation { n_repeats: 5, ..Permutation::default() },
            metric: None,
        }
    }
}

impl LearnerImportance for HeldOut {
    fn importance(
        &self,
        run: &Run<'_>,
        learner: &dyn Learner,
        data: &Dataset,
        players: &Players,
    ) -> Result<Importance> {
        let metrics = [metric_or_first(self.metric.as_ref(), data)];
        let folds = self.folds.split(&run.split(SPLIT), data)?;
        let found = run.map(folds.len(), |number, _| {
            let (fold, run) = (&folds[number], run.split(number as u64));
            let work = || {
                let model = learner.train(&run.split(0), &data.select_rows(&fold.train)?)?;
                let test = data.select_rows(&fold.test)?;
                self.permutation.importance(&run.split(1), &*model, &test, players, &metrics)
            };
            work().map(|mut found| found.remove(0)).map_err(|e| e.in_task(format!("fold {number}")))
        })?;
        let shape = (players.len(), found.len());
        let values = Array2::from_shape_fn(shape, |(player, fold)| found[fold].values[player]);
        let (names, kind) = (players.names(), Replicate::Fold);
        let mut importance =
            Importance::from_replicates("held-out permutation", names, values, kind)?;
        let score = mean(found.iter().filter_map(|one| one.score).collect::<Vec<_>>().iter());
        let constants = found.iter().map(|one| one.constant_score).collect::<Option<Vec<_>>>();
        let constant = constants.map(|constants| mean(constants.iter()));
        describe(&mut importance, &metrics[0], score, constant);
        importance.warnings.extend(groups_across_folds(data, &folds));
        importance.seed = Some(run.seed());
        importance.n_evaluations = found.iter().map(|one| one.n_evaluations).sum();
        Ok(importance)
    }
}

/// The metric that was asked for, or the first for this target.
pub(crate) fn metric_or_first(metric: Option<&Metric>, data: &Dataset) -> Metric {
    metric.cloned().unwrap_or_else(|| Metric::for_target(data.target()).swap_remove(0))
}

/// Scores the players, and checks what a foreign way returned: a finite number for each.
pub(crate) fn scores_checked(
    importance: &dyn LearnerImportance,
    run: &Run<'_>,
    learner: &dyn Learner,
    data: &Dataset,
    players: &Players,
) -> Result<Importance> {
    let found = importance.importance(run, learner, data, players)?;
    require_shape("the list of importances", &[players.len()], &[found.values.len()])?;
    match found.values.iter().position(|value| !value.is_finite()) {
        None => Ok(found),
        Some(player) => Err(Error::Data(format!(
            "the importance of `{}` is `{}`, only finite numbers can be compared",
            players.names()[player],
            found.values[player]
        ))),
    }
}
