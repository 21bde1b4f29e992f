//! Recursive feature elimination with cross-validation: how many players to keep, by the scores
//! of held-out rows.

use std::borrow::Cow;

use crate::chains::work_through;
use crate::corrected_t_test::{corrected_t_test, test_per_train};
use crate::dataset::Dataset;
use crate::error::{Error, Result, require};
use crate::folds::{Fold, Folds};
use crate::guards::groups_across_folds;
use crate::importance::Warning;
use crate::learner_importance::{LearnerImportance, metric_or_first};
use crate::metric::Metric;
use crate::model::{Learner, Model, predict_checked};
use crate::players::Players;
use crate::restricted::Restricted;
use crate::run::Run;
use crate::scorer::check_score;
use crate::statistics::{check_confidence, mean, sample_std};

use super::cutoff::at_most;
use super::rfe::{Elimination, Test, ranking, round};
use super::{PathRow, Round, Selection, Selector, Step, check, fingerprint};

/// The streams of the folds, and of the elimination on all rows.
const SPLIT: u64 = u64::MAX;
const ALL_ROWS: u64 = u64::MAX - 1;

/// How the number of players is read from the scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Choice {
    /// The best mean score.
    #[default]
    Best,
    /// The fewest players whose mean score is within one standard error of the best, after
    /// Breiman et al.: simpler, and about as good. Needs at least 2 folds.
    OneStandardError,
}

/// Eliminates players in each fold, scores every number of players on the fold's test rows, and
/// then eliminates on all rows down to the number that did best.
///
/// ```text
/// score(n) = mean over folds k of  score(learner trained on the n players left in fold k, testₖ)
/// ```
///
/// Inside a fold the importances see the training rows alone. Ties go to fewer players. The path
/// has a row per number: the players that are left of all rows, the mean score, its plain standard
/// error over folds `sd / √J` (which the one-standard-error rule uses), and the interval corrected
/// for folds that share rows ([`corrected_t_test`](crate::corrected_t_test)).
///
/// # Units
///
/// Scores are those of the metric.
///
/// # Cost
///
/// With `s` numbers of players and `J` folds `(J + 1) (s − 1)` importances and `J s` fits.
///
/// **Stopping** answers with the folds that are finished, if all rows are, too; a later call goes on
/// from the steps that are. A shard does whole folds.
///
/// # When it misleads
///
/// - The path compares numbers of players. The score of the number it chose is the best of many on
///   the same rows, and too good: [`HonestScore`](super::HonestScore) is the score to report.
/// - The players of a fold and those of all rows may differ; the score belongs to the recipe.
/// - As [`Rfe`](super::Rfe), it is greedy.
///
/// # Example
///
/// See [`selection`](crate::selection).
///
/// # References
///
/// - Guyon, Weston, Barnhill, Vapnik (2002). *Gene selection for cancer classification using
///   support vector machines.* Machine Learning 46. <https://doi.org/10.1023/A:1012487302797>
/// - Breiman, Friedman, Olshen, Stone (1984). *Classification and regression trees*, ch. 3.4.
///   <https://doi.org/10.1201/9781315139470>
/// - Nadeau, Bengio (2003). *Inference for the generalization error.* Machine Learning 52.
///   <https://doi.org/10.1023/A:1024068626366>
#[derive(Debug, Clone)]
pub struct RfeCv {
    /// The fewest players that are tried, from 1 to all of them; default 1.
    pub least: usize,
    /// How many go at a time; default 1.
    pub step: Step,
    /// Training and test rows; default 5 shuffled folds.
    pub folds: Folds,
    /// What is scored; default `None`: the first of [`Metric::for_target`].
    pub metric: Option<Metric>,
    /// How the number is chosen; default the best score.
    pub choice: Choice,
    /// The intervals' coverage, inside (0, 1); default 0.95.
    pub confidence: f64,
}

impl Default for RfeCv {
    fn default() -> Self {
        Self {
            least: 1,
            step: Step::Number(1),
            folds: Folds::default(),
            metric: None,
            choice: Choice::Best,
            confidence: 0.95,
        }
    }
}

impl Selector for RfeCv {
    fn select(
        &self,
        run: &Run<'_>,
        learner: &dyn Learner,
        importance: &dyn LearnerImportance,
        data: &Dataset,
        players: &Players,
    ) -> Result<Selection> {
        check(data, players)?;
        check_confidence(self.confidence)?;
        require(self.least >= 1, "least", self.least, "at least 1")?;
        require(self.least <= players.len(), "least", self.least, at_most(players))?;
        let sizes = self.step.sizes(players.len(), self.least)?;
        let metric = metric_or_first(self.metric.as_ref(), data);
        let folds = self.folds.split(&run.split(SPLIT), data)?;
        if self.choice == Choice::OneStandardError && folds.len() < 2 {
            return Err(Error::Data(
                "the one-standard-error rule needs at least 2 folds, got 1".into(),
            ));
        }
        // Chain 0 eliminates on all rows.
        let begin = |chain: usize| {
            let (run, data, test) = match chain.checked_sub(1) {
                None => (run.split(ALL_ROWS), Cow::Borrowed(data), None),
                Some(number) => {
                    let (run, fold) = (run.split(number as u64), &folds[number]);
                    let train = data.select_rows(&fold.train)?;
                    let metric = &metric;
                    let test: Test<'_> = Box::new(move |columns: &[usize]| {
                        score_fold(&run.split(0), learner, data, fold, columns, metric)
                    });
                    (run, Cow::Owned(train), Some((number, test)))
                }
            };
            let rounds = vec![round(chain.checked_sub(1), (0..players.len()).collect())];
            let sizes = &sizes[..];
            Ok(Elimination { run, learner, importance, data, players, sizes, test, rounds })
        };
        let settings = || {
            fingerprint("RFECV", run, data, players)
                .with("numbers of players", format!("{sizes:?}"))
                .with_text("folds", &format!("{folds:?}"))
                .with_metrics(std::slice::from_ref(&metric))
        };
        let shape = (folds.len() + 1, sizes.len());
        let worked = work_through(run, shape, players.len() + 1, settings, begin)?;
        let mut whole = worked.outcomes.into_iter().map(|(rounds, over)| over.then_some(rounds));
        let all_rows = whole.next().flatten();
        let (finished, paths): (Vec<usize>, Vec<Vec<Round>>) =
            whole.enumerate().filter_map(|(fold, rounds)| Some((fold, rounds?))).unzip();
        let least = if self.choice == Choice::Best { 1 } else { 2 };
        let (Some(all_rows), true) = (all_rows, paths.len() >= least) else {
            return Err(worked.cancelled);
        };
        let n_asked = folds.len();
        let folds: Vec<Fold> = finished.iter().map(|&fold| folds[fold].clone()).collect();
        let scores = |size: usize| -> Vec<f64> {
            paths.iter().filter_map(|rounds| rounds[size].score).collect()
        };
        let scores: Vec<Vec<f64>> = (0..sizes.len()).map(scores).collect();
        let choice = self.choose(&metric, &scores);
        let mut selection = Selection::new("RFECV", run, players, all_rows[choice].players.clone());
        let share = test_per_train(data, &folds);
        selection.path = Vec::with_capacity(sizes.len());
        for (size, scores) in scores.iter().enumerate() {
            let mut row = PathRow::of(players, &all_rows[size].players, size == choice);
            row.score = Some(mean(scores.iter()));
            if scores.len() > 1 {
                let test = corrected_t_test(scores, share, self.confidence)?;
                row.standard_error = Some(standard_error(scores));
                (row.ci_low, row.ci_high) = (Some(test.low), Some(test.high));
            }
            selection.path.push(row);
        }
        selection.metric = Some(metric.name());
        selection.ranking = Some(ranking(players.len(), &all_rows, sizes[choice]));
        selection.n_importances = (folds.len() + 1) * (sizes.len() - 1);
        selection.n_fits = folds.len() * sizes.len();
        selection.history = paths.into_iter().flatten().chain(all_rows).collect();
        selection.warnings.extend(groups_across_folds(data, &folds));
        if folds.len() < n_asked {
            let (done, total) = (folds.len(), n_asked);
            selection.warnings.push(Warning::Unfinished { done, total });
        }
        if sizes.len() > 1 {
            selection.warnings.push(Warning::Note(format!(
                "the score of the chosen number is the best of {} on the same rows and too good: \
                 an honest score chooses again inside each fold",
                sizes.len()
            )));
        }
        Ok(selection)
    }
}

impl RfeCv {
    /// The place of the chosen number of players; later places have fewer players.
    fn choose(&self, metric: &Metric, scores: &[Vec<f64>]) -> usize {
        let means: Vec<f64> = scores.iter().map(|scores| mean(scores.iter())).collect();
        let better = |best: usize, size: usize| {
            if metric.worse(means[size], means[best]) >= 0.0 { size } else { best }
        };
        let best = (0..means.len()).fold(0, better);
        match self.choice {
            Choice::Best => best,
            Choice::OneStandardError => {
                let bar = standard_error(&scores[best]);
                let near = |&size: &usize| metric.worse(means[best], means[size]) <= bar;
                (0..means.len()).rev().find(near).unwrap_or(best)
            }
        }
    }
}

/// Of a mean over folds, as if they were independent.
fn standard_error(scores: &[f64]) -> f64 {
    sample_std(scores.iter()) / (scores.len() as f64).sqrt()
}

/// Trains on some columns of a fold's training rows, and scores its test rows.
pub(super) fn score_fold(
    run: &Run<'_>,
    learner: &dyn Learner,
    data: &Dataset,
    fold: &Fold,
    columns: &[usize],
    metric: &Metric,
) -> Result<f64> {
    let model = Restricted::train(run, learner, &data.select_rows(&fold.train)?, columns)?;
    let test = data.select_rows(&fold.test)?;
    let predictions = predict_checked(&model, test.rows())?;
    let score = metric.score(predictions.view(), model.output(), test.target(), test.weights())?;
    check_score(metric, score)?;
    Ok(score)
}
