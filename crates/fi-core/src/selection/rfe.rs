//! Recursive feature elimination: the weakest players go, the rest are scored anew, and so on.

use std::borrow::Cow;
use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use super::cutoff::at_most;
use super::{PathRow, Round, Selection, Selector, check, columns, fingerprint, restrict};
use crate::chains::{Chain, work_through};
use crate::dataset::Dataset;
use crate::error::{Result, require};
use crate::importance::highest_first;
use crate::learner_importance::{LearnerImportance, scores_checked};
use crate::model::Learner;
use crate::players::Players;
use crate::run::Run;

/// How many players go at a time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// So many, at least 1.
    Number(usize),
    /// This share, inside (0, 1), of all players; rounded down, but at least one.
    Share(f64),
}

/// Reads a whole number, or a share such as `0.1`.
///
/// # Errors
///
/// [`Error::Parameter`](crate::Error::Parameter) for any other text.
impl std::str::FromStr for Step {
    type Err = crate::error::Error;

    fn from_str(text: &str) -> Result<Self> {
        match (text.parse(), text.parse()) {
            (Ok(number), _) => Ok(Self::Number(number)),
            (_, Ok(share)) => Ok(Self::Share(share)),
            _ => Err(Self::Err::unreadable("step", text, "a whole number, or a share such as 0.1")),
        }
    }
}

impl Step {
    /// The numbers of players that are tried, from all of them down to `least`.
    pub(super) fn sizes(self, n_players: usize, least: usize) -> Result<Vec<usize>> {
        let step = match self {
            Self::Number(number) => {
                require(number >= 1, "step", number, "at least 1")?;
                number
            }
            Self::Share(share) => {
                require(0.0 < share && share < 1.0, "step", share, "a share inside (0, 1)")?;
                ((share * n_players as f64) as usize).max(1)
            }
        };
        let next = |&size: &usize| (size > least).then(|| size.saturating_sub(step).max(least));
        Ok(std::iter::successors(Some(n_players), next).collect())
    }
}

/// Removes the player of lowest importance, computes the importances of the rest anew, and so on
/// until `n_features` players are left.
///
/// Ties go from the last player to the first. The importances of each step are computed on the
/// rows of that step alone, without the columns that have gone, so that what a lost double has
/// carried comes to the one that stayed.
///
/// # Cost
///
/// One importance per step. A stop keeps the steps that are finished for a later call, but answers
/// with [`Error::Cancelled`](crate::Error::Cancelled).
///
/// # When it misleads
///
/// It is greedy: two features that matter only together may both go when one of them does. How
/// many to keep is the user's guess; [`RfeCv`](super::RfeCv) asks held-out rows.
///
/// # Example
///
/// See [`selection`](crate::selection).
///
/// # References
///
/// - Guyon, Weston, Barnhill, Vapnik (2002). *Gene selection for cancer classification using
///   support vector machines.* Machine Learning 46. <https://doi.org/10.1023/A:1012487302797>
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rfe {
    /// How many players are kept, from 1 to all of them; default `None`: half, rounded down, at
    /// least 1.
    pub n_features: Option<usize>,
    /// How many go at a time; default 1.
    pub step: Step,
}

impl Default for Rfe {
    fn default() -> Self {
        Self { n_features: None, step: Step::Number(1) }
    }
}

impl Selector for Rfe {
    fn select(
        &self,
        run: &Run<'_>,
        learner: &dyn Learner,
        importance: &dyn LearnerImportance,
        data: &Dataset,
        players: &Players,
    ) -> Result<Selection> {
        check(data, players)?;
        let least = self.n_features.unwrap_or((players.len() / 2).max(1));
        require(least >= 1, "n_features", least, "at least 1")?;
        require(least <= players.len(), "n_features", least, at_most(players))?;
        let sizes = self.step.sizes(players.len(), least)?;
        let begin = |_| {
            let (run, data) = (run.alone(), Cow::Borrowed(data));
            let rounds = vec![round(None, (0..players.len()).collect())];
            let sizes = &sizes[..];
            Ok(Elimination { run, learner, importance, data, players, sizes, test: None, rounds })
        };
        let settings = || {
            fingerprint("RFE", run, data, players).with("numbers of players", format!("{sizes:?}"))
        };
        let mut worked =
            work_through(run, (1, sizes.len() - 1), players.len() + 1, settings, begin)?;
        let Some((rounds, true)) = worked.outcomes.pop() else {
            return Err(worked.cancelled);
        };
        let chosen = rounds.last().map_or_else(Vec::new, |round| round.players.clone());
        let mut selection = Selection::new("RFE", run, players, chosen);
        selection.path = rounds
            .iter()
            .map(|round| PathRow::of(players, &round.players, round.players.len() == least))
            .collect();
        selection.ranking = Some(ranking(players.len(), &rounds, least));
        selection.n_importances = rounds.len() - 1;
        selection.history = rounds;
        Ok(selection)
    }
}

/// The players of each size, those of the next among those of the last, with the importances by
/// which the next ones were chosen.
pub(super) struct Elimination<'a> {
    pub(super) run: Run<'a>,
    pub(super) learner: &'a dyn Learner,
    pub(super) importance: &'a dyn LearnerImportance,
    pub(super) data: Cow<'a, Dataset>,
    pub(super) players: &'a Players,
    pub(super) sizes: &'a [usize],
    /// Scores the columns of each size on the test rows of the fold of this number.
    pub(super) test: Option<(usize, Test<'a>)>,
    pub(super) rounds: Vec<Round>,
}

/// Scores a model of some columns.
pub(super) type Test<'a> = Box<dyn Fn(&[usize]) -> Result<f64> + Send + Sync + 'a>;

/// A step answers the importance of each player, NaN if it has gone or nobody has to go, and the
/// score of a fold, NaN without one.
impl Chain for Elimination<'_> {
    type Outcome = Vec<Round>;

    fn step(&self) -> Result<Vec<f64>> {
        let mut answer = vec![f64::NAN; self.players.len() + 1];
        let place = self.rounds.len() - 1;
        let left = &self.rounds[place].players;
        let mut ask = || -> Result<()> {
            if let Some(&size) = self.sizes.get(place + 1) {
                let (part, names) = restrict(&self.data, self.players, left)?;
                let seed = self.run.split(size as u64);
                let found = scores_checked(self.importance, &seed, self.learner, &part, &names)
                    .map_err(|error| error.in_task(format!("elimination to {size} players")))?;
                left.iter().zip(found.values).for_each(|(&player, x)| answer[player] = x);
            }
            if let Some((_, score)) = &self.test {
                answer[self.players.len()] = score(&columns(self.players, left))?;
            }
            Ok(())
        };
        match (ask(), &self.test) {
            (Err(error), Some((fold, _))) => Err(error.in_task(format!("fold {fold}"))),
            (asked, _) => asked.map(|()| answer),
        }
    }

    fn follow(&mut self, answer: &[f64]) -> Result<ControlFlow<()>> {
        let place = self.rounds.len() - 1;
        let last = &mut self.rounds[place];
        last.score = self.test.as_ref().map(|_| answer[self.players.len()]);
        if let Some(&size) = self.sizes.get(place + 1) {
            last.importances = last.players.iter().map(|&player| answer[player]).collect();
            let best = highest_first(&last.importances);
            let mut stay: Vec<usize> = best[..size].iter().map(|&i| last.players[i]).collect();
            stay.sort_unstable();
            let fold = last.fold;
            self.rounds.push(round(fold, stay));
        }
        Ok(ControlFlow::Continue(()))
    }

    fn outcome(self) -> Vec<Round> {
        self.rounds
    }
}

/// A round of which only the players are known.
pub(super) fn round(fold: Option<usize>, players: Vec<usize>) -> Round {
    Round { fold, players, importances: Vec::new(), threshold: None, score: None }
}

/// 1 for the players of the chosen size, 2 for those that went last, and so on.
pub(super) fn ranking(n_players: usize, rounds: &[Round], size: usize) -> Vec<usize> {
    let mut ranks = vec![1; n_players];
    let lost: Vec<&Round> = rounds.iter().filter(|round| round.players.len() >= size).collect();
    for (rank, pair) in lost.windows(2).rev().enumerate() {
        let gone = |player: &&usize| pair[1].players.binary_search(player).is_err();
        pair[0].players.iter().filter(gone).for_each(|&player| ranks[player] = rank + 2);
    }
    ranks
}
