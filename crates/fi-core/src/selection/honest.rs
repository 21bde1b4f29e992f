//! The honest score of a selector: it chooses again inside each fold.

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::rfe_cv::score_fold;
use super::{Selection, Selector, Stability, check, stability};
use crate::corrected_t_test::{corrected_t_test, test_per_train};
use crate::dataset::Dataset;
use crate::error::Result;
use crate::folds::Folds;
use crate::guards::groups_across_folds;
use crate::importance::{Estimand, Interval};
use crate::learner_importance::{LearnerImportance, metric_or_first};
use crate::metric::Metric;
use crate::model::Learner;
use crate::players::Players;
use crate::run::Run;
use crate::statistics::{check_confidence, mean};

/// The streams of the folds, and of the selection on all rows.
const SPLIT: u64 = u64::MAX;
const ALL_ROWS: u64 = u64::MAX - 1;

/// Scores a selector with its learner on rows that the selection has not seen.
///
/// ```text
/// honest = mean over k of  score( learner trained on trainₖ, features chosen on trainₖ;  testₖ )
/// naive  = mean over k of  score( learner trained on trainₖ, features chosen on all rows;  testₖ )
/// ```
///
/// The honest score is that of the whole recipe, choosing included. The naive one has seen the test
/// rows when it chose; it is returned to be set beside the honest one, and is nothing to report.
///
/// **Interval** ([`Estimand::LearnerOverTrainingSets`]): corrected for folds that share rows
/// ([`corrected_t_test`](crate::corrected_t_test)); none with a single fold.
///
/// # Units
///
/// Those of the metric.
///
/// # Cost
///
/// One selection per fold and one on all rows; two fits per fold.
///
/// # When it misleads
///
/// It scores the recipe, on training sets a fold smaller than all rows, and not the one set that is
/// chosen on all rows. Trying ten selectors and reporting the best honest score is a choice on
/// these rows again. Scaling, imputation or a filter that saw all rows before `data` was made is
/// outside the folds, and the score is not honest. Rows that belong together need group folds.
///
/// # Example
///
/// See [`selection`](crate::selection).
///
/// # References
///
/// - Ambroise, McLachlan (2002). *Selection bias in gene extraction on the basis of microarray
///   gene-expression data.* PNAS 99(10). <https://doi.org/10.1073/pnas.102102699>
#[derive(Debug, Clone)]
pub struct HonestScore {
    /// Training and test rows; default 5 shuffled folds.
    pub folds: Folds,
    /// What is scored; default `None`: the first of [`Metric::for_target`].
    pub metric: Option<Metric>,
    /// The intervals' coverage, inside (0, 1); default 0.95.
    pub confidence: f64,
}

impl Default for HonestScore {
    fn default() -> Self {
        Self { folds: Folds::default(), metric: None, confidence: 0.95 }
    }
}

/// A selection on all rows, and what it and its learner are worth on others: plain data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Honest {
    /// The choice on all rows: the one to use.
    pub selection: Selection,
    /// The metric's name.
    pub metric: String,
    /// The mean score of the recipe on held-out rows.
    pub score: f64,
    /// Its interval, with one element; `None` with a single fold.
    pub interval: Option<Interval>,
    /// The score of each fold.
    pub fold_scores: Vec<f64>,
    /// The mean score on the same folds of the features chosen on all rows: too good.
    pub naive_score: f64,
    /// The choice of each fold.
    pub folds: Vec<Selection>,
    /// How much the folds' choices agree; `None` with a single fold, or if all or no players are
    /// chosen every time.
    pub stability: Option<Stability>,
}

impl HonestScore {
    /// Selects on all rows and in each fold, and scores both.
    ///
    /// # Errors
    ///
    /// As for [`Selector::select`] and [`Folds::split`];
    /// [`Error::Task`](crate::Error::Task) names the fold, from 0.
    pub fn score(
        &self,
        run: &Run<'_>,
        selector: &dyn Selector,
        learner: &dyn Learner,
        importance: &dyn LearnerImportance,
        data: &Dataset,
        players: &Players,
    ) -> Result<Honest> {
        check(data, players)?;
        check_confidence(self.confidence)?;
        let metric = metric_or_first(self.metric.as_ref(), data);
        let folds = self.folds.split(&run.split(SPLIT), data)?;
        // The last task selects on all rows.
        let mut selections = run.map(folds.len() + 1, |task, _| match folds.get(task) {
            None => selector.select(&run.split(ALL_ROWS), learner, importance, data, players),
            Some(fold) => data
                .select_rows(&fold.train)
                .and_then(|train| {
                    let run = run.split(task as u64);
                    selector.select(&run, learner, importance, &train, players)
                })
                .map_err(|error| error.in_task(format!("fold {task}"))),
        })?;
        let mut selection = selections.remove(folds.len());
        selection.warnings.extend(groups_across_folds(data, &folds));
        let score = |number: usize, chosen: &Selection| {
            let seed = run.split(number as u64).split(SPLIT);
            score_fold(&seed, learner, data, &folds[number], &chosen.columns(), &metric)
                .map_err(|error| error.in_task(format!("fold {number}")))
        };
        let scores = run.split(SPLIT - 2).map(folds.len(), |number, _| {
            Ok((score(number, &selections[number])?, score(number, &selection)?))
        })?;
        let (fold_scores, naive): (Vec<f64>, Vec<f64>) = scores.into_iter().unzip();
        let (mut interval, mut agreement) = (None, None);
        if folds.len() > 1 {
            let share = test_per_train(data, &folds);
            let test = corrected_t_test(&fold_scores, share, self.confidence)?;
            interval = Some(Interval {
                estimand: Estimand::LearnerOverTrainingSets,
                confidence: self.confidence,
                low: vec![test.low],
                high: vec![test.high],
            });
            let shape = (folds.len(), players.len());
            let held = Array2::from_shape_fn(shape, |(fold, player)| {
                selections[fold].chosen.binary_search(&player).is_ok()
            });
            agreement = stability(held.view(), self.confidence)?;
        }
        Ok(Honest {
            selection,
            metric: metric.name(),
            score: mean(fold_scores.iter()),
            interval,
            fold_scores,
            naive_score: mean(naive.iter()),
            folds: selections,
            stability: agreement,
        })
    }
}
