//! The simplest selectors: the players that score highest, and those above a bar.

use serde::{Deserialize, Serialize};

use super::{Round, Selection, Selector, check};
use crate::dataset::Dataset;
use crate::error::{Error, Result, require};
use crate::importance::Importance;
use crate::learner_importance::{LearnerImportance, scores_checked};
use crate::model::Learner;
use crate::players::Players;
use crate::run::Run;
use crate::statistics::{mean, quantile};

/// Chooses the `k` players of highest importance, ties in player order.
///
/// # Cost
///
/// One importance.
///
/// # When it misleads
///
/// Of two features that say the same either both are in or both may be out, as the importance
/// shares the credit. `k` is the user's and says nothing of what matters.
///
/// # Example
///
/// See [`selection`](crate::selection).
///
/// # See also
///
/// [`RfeCv`](super::RfeCv), which finds `k`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Top {
    /// How many players, from 1 to all of them; default 10.
    pub k: usize,
}

impl Default for Top {
    fn default() -> Self {
        Self { k: 10 }
    }
}

impl Selector for Top {
    fn select(
        &self,
        run: &Run<'_>,
        learner: &dyn Learner,
        importance: &dyn LearnerImportance,
        data: &Dataset,
        players: &Players,
    ) -> Result<Selection> {
        check(data, players)?;
        require(self.k >= 1, "k", self.k, "at least 1")?;
        require(self.k <= players.len(), "k", self.k, at_most(players))?;
        let found = scores_checked(importance, run, learner, data, players)?;
        let mut chosen = found.order();
        chosen.truncate(self.k);
        chosen.sort_unstable();
        Ok(selection("top k", run, players, chosen, found, None))
    }
}

/// What a player has to score at least.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cutoff {
    /// This number.
    Value(f64),
    /// This multiple of the mean over players.
    Mean(f64),
    /// This multiple of the median over players.
    Median(f64),
}

/// Reads a number, `mean`, `median`, or a multiple of these such as `1.25*mean`, as scikit-learn.
///
/// # Errors
///
/// [`Error::Parameter`] for any other text.
impl std::str::FromStr for Cutoff {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let number = |text: &str| text.trim().parse::<f64>().ok().filter(|x| x.is_finite());
        let (factor, name) = match text.split_once('*') {
            Some((factor, name)) => (number(factor), name.trim()),
            None => (Some(1.0), text),
        };
        let read = match (factor, name) {
            (Some(factor), "mean") => Some(Self::Mean(factor)),
            (Some(factor), "median") => Some(Self::Median(factor)),
            _ => number(text).map(Self::Value),
        };
        let requirement = "a number, mean, median, or a multiple such as 1.25*mean";
        read.ok_or_else(|| Error::unreadable("cutoff", text, requirement))
    }
}

/// Chooses the players whose importance is at least a bar: scikit-learn's `SelectFromModel`.
///
/// # Cost
///
/// One importance.
///
/// # When it misleads
///
/// A mean bar always keeps someone, also of nothing but noise. (Scores may be negative: then so
/// may the mean be, and a multiple of it stands lower than the mean.)
///
/// # Example
///
/// See [`selection`](crate::selection).
///
/// # References
///
/// - Pedregosa et al. (2011). *Scikit-learn: machine learning in Python.* JMLR 12,
///   2825–2830. <https://jmlr.org/papers/v12/pedregosa11a.html>
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// The bar; a finite number or multiple; default the mean.
    pub at: Cutoff,
    /// At most so many, the highest, at least 1; default `None`: all above the bar.
    pub max: Option<usize>,
}

impl Default for Threshold {
    fn default() -> Self {
        Self { at: Cutoff::Mean(1.0), max: None }
    }
}

impl Selector for Threshold {
    fn select(
        &self,
        run: &Run<'_>,
        learner: &dyn Learner,
        importance: &dyn LearnerImportance,
        data: &Dataset,
        players: &Players,
    ) -> Result<Selection> {
        check(data, players)?;
        let (Cutoff::Value(number) | Cutoff::Mean(number) | Cutoff::Median(number)) = self.at;
        require(number.is_finite(), "at", number, "a finite number")?;
        let max = self.max.unwrap_or(usize::MAX);
        require(max >= 1, "max", max, "at least 1")?;
        let found = scores_checked(importance, run, learner, data, players)?;
        let bar = match self.at {
            Cutoff::Value(value) => value,
            Cutoff::Mean(scale) => scale * mean(found.values.iter()),
            Cutoff::Median(scale) => {
                let mut sorted = found.values.clone();
                sorted.sort_by(f64::total_cmp);
                let no_median = || Error::Data("there is no importance to take a median of".into());
                scale * quantile(&sorted, 0.5).ok_or_else(no_median)?
            }
        };
        let above = found.order().into_iter().filter(|&player| found.values[player] >= bar);
        let mut chosen: Vec<usize> = above.take(max).collect();
        chosen.sort_unstable();
        Ok(selection("threshold", run, players, chosen, found, Some(bar)))
    }
}

/// The result of a single look at the importances.
fn selection(
    method: &str,
    run: &Run<'_>,
    players: &Players,
    chosen: Vec<usize>,
    found: Importance,
    threshold: Option<f64>,
) -> Selection {
    let mut selection = Selection::new(method, run, players, chosen);
    let everyone = (0..players.len()).collect();
    let importances = found.values.clone();
    let round = Round { fold: None, players: everyone, importances, threshold, score: None };
    selection.history.push(round);
    selection.scores = Some(found.values);
    selection.n_importances = 1;
    selection.warnings.extend(found.warnings);
    selection
}

pub(super) fn at_most(players: &Players) -> String {
    format!("at most the {} players", players.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::selection::Step;

    #[test]
    fn cutoffs_and_steps_are_read_from_texts() {
        assert_eq!("0.5".parse::<Cutoff>().unwrap(), Cutoff::Value(0.5));
        assert_eq!("mean".parse::<Cutoff>().unwrap(), Cutoff::Mean(1.0));
        assert_eq!("1.25*median".parse::<Cutoff>().unwrap(), Cutoff::Median(1.25));
        for text in ["", "max", "2*max", "x*mean", "inf", "NaN*mean"] {
            let error = text.parse::<Cutoff>().unwrap_err().to_string();
            let domain = "it must be a number, mean, median, or a multiple such as 1.25*mean";
            assert_eq!(error, format!("`cutoff` is `{text}`, {domain}"));
        }
        assert_eq!("2".parse::<Step>().unwrap(), Step::Number(2));
        assert_eq!("0.25".parse::<Step>().unwrap(), Step::Share(0.25));
        let error = "few".parse::<Step>().unwrap_err().to_string();
        assert_eq!(error, "`step` is `few`, it must be a whole number, or a share such as 0.1");
    }
}
