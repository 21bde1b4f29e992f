//! Recursive feature elimination: the weakest players go, the rest are scored anew, and so on.

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use super::cutoff::at_most;
use super::{PathRow, Round, Selection, Selector, check, in_turn, restrict};
use crate::dataset::Dataset;
use crate::error::{Result, require};
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
/// One importance per step.
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
        let rounds = eliminate(run, learner, importance, data, players, &sizes)?;
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
pub(super) fn eliminate(
    run: &Run<'_>,
    learner: &dyn Learner,
    importance: &dyn LearnerImportance,
    data: &Dataset,
    players: &Players,
    sizes: &[usize],
) -> Result<Vec<Round>> {
    let round = |players| Round {
        fold: None,
        players,
        importances: Vec::new(),
        threshold: None,
        score: None,
    };
    let begin = vec![round((0..players.len()).collect())];
    in_turn(run, sizes.len() - 1, begin, |step, rounds| {
        let size = sizes[step + 1];
        let Some(last) = rounds.last_mut() else { return Ok(ControlFlow::Break(())) };
        let (part, left) = restrict(data, players, &last.players)?;
        let seed = run.split(size as u64);
        let found = scores_checked(importance, &seed, learner, &part, &left)
            .map_err(|error| error.in_task(format!("elimination to {size} players")))?;
        let mut stay: Vec<usize> =
            found.order()[..size].iter().map(|&place| last.players[place]).collect();
        stay.sort_unstable();
        last.importances = found.values;
        rounds.push(round(stay));
        Ok(ControlFlow::Continue(()))
    })
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
