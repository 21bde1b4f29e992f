//! Stability selection: what is chosen again and again on halves of the rows.

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::cutoff::at_most;
use super::{Round, Selection, Selector, check, fingerprint, stability};
use crate::checkpoint::Work;
use crate::dataset::Dataset;
use crate::error::{Error, Result, require};
use crate::exchange::members;
use crate::importance::{Warning, highest_first};
use crate::learner_importance::{LearnerImportance, scores_checked};
use crate::model::Learner;
use crate::players::Players;
use crate::run::Run;
use crate::statistics::check_confidence;

/// The streams of the halves, beside those of the learners.
const HALVES: u64 = u64::MAX;

/// What the bound of the number of false choices assumes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bound {
    /// Nothing of the distribution of how often both halves choose a feature.
    #[default]
    WorstCase,
    /// That this distribution has one mode, for every feature that is rarely chosen: a smaller
    /// bound.
    Unimodal,
}

/// Draws pairs of complementary halves of the rows, lets each half choose its `n_chosen` best
/// players, and keeps those that a share of at least `threshold` of the halves chose.
///
/// A player of importance 0 or less is not chosen by a half. Rows of one
/// [group](Dataset::with_groups) go to the same half. One row or group of an odd number is left out
/// of each pair.
///
/// **Error bound** ([`Selection::error_bound`]): the expected number of kept players that a half
/// chooses no more often than a random choice would, with `q` chosen of `p`, `B` pairs, threshold
/// `π` and `θ = q / p`:
///
/// ```text
/// worst case   q² / ((2π − 1) p)                                                       π > 1/2
/// unimodal     q² / (2 (2π − 1 − 1/(2B)) p)      π in (1/2 + min(θ², 1/(2B) + 3θ²/4), 3/4]
///              4 (1 − π + 1/(2B)) / (1 + 1/B) · q² / p                         π in (3/4, 1]
/// ```
///
/// (The proof of the unimodal bound wants `θ ≤ 1/√3`, and `π` a multiple of `1/(2B)`; `π` is taken
/// up to the next one.) Meinshausen and Bühlmann's bound is the first, for useless features that
/// are exchangeable; that of Shah and Samworth needs no such assumption and counts the features
/// that are chosen at random or less.
///
/// # Units
///
/// [`Selection::scores`] are shares of halves.
///
/// # Cost
///
/// `2 n_pairs` importances, on half of the rows each.
///
/// **Stopping** answers with the pairs that are finished; those after a stop, of another call or
/// machine, make it the result of an uninterrupted run. A later call may also ask for more pairs,
/// or choose otherwise from the same halves.
///
/// # When it misleads
///
/// - Two features that say the same take turns, and neither may be chosen often: score them as one
///   group, with [`Players::correlated`].
/// - The bound is of an expectation, and of features that a half rarely chooses. It does not say
///   that the kept ones are causes, or that no useful one is missing.
/// - Half of the rows see weaker effects than all of them.
///
/// # Example
///
/// See [`selection`](crate::selection).
///
/// # References
///
/// - Meinshausen, Bühlmann (2010). *Stability selection.* JRSS B 72(4).
///   <https://doi.org/10.1111/j.1467-9868.2010.00740.x>
/// - Shah, Samworth (2013). *Variable selection with error control: another look at stability
///   selection.* JRSS B 75(1). <https://doi.org/10.1111/j.1467-9868.2011.01034.x>
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StabilitySelection {
    /// How many players a half chooses at most, from 1 to all of them; default `None`: the most
    /// for which the error bound is at most 1, at least 1.
    pub n_chosen: Option<usize>,
    /// The share of halves that must choose a player, in (0.5, 1]; default 0.75.
    pub threshold: f64,
    /// How many pairs of halves, at least 1; default 50.
    pub n_pairs: usize,
    /// What the error bound assumes; default nothing.
    pub bound: Bound,
    /// The coverage of the stability's interval, inside (0, 1); default 0.95.
    pub confidence: f64,
}

impl Default for StabilitySelection {
    fn default() -> Self {
        Self {
            n_chosen: None,
            threshold: 0.75,
            n_pairs: 50,
            bound: Bound::WorstCase,
            confidence: 0.95,
        }
    }
}

impl Selector for StabilitySelection {
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
        let inside = 0.5 < self.threshold && self.threshold <= 1.0;
        require(inside, "threshold", self.threshold, "above 0.5 and at most 1")?;
        require(self.n_pairs >= 1, "n_pairs", self.n_pairs, "at least 1")?;
        let q = self.n_chosen.unwrap_or_else(|| self.most(players.len()));
        require(q >= 1, "n_chosen", q, "at least 1")?;
        require(q <= players.len(), "n_chosen", q, at_most(players))?;
        let units = match data.groups() {
            Some(groups) => members(groups),
            None => (0..data.n_rows()).map(|row| vec![row]).collect(),
        };
        if units.len() < 4 {
            let what = "stability selection, whose halves have at least 2 rows or groups,".into();
            return Err(Error::TooFewRows { what, needed: 4, got: units.len() });
        }
        let score = |task: usize| {
            let (pair, half) = (task / 2, task % 2);
            let rows = half_of(&units, &run.split(HALVES), pair as u64, half);
            let found = data.select_rows(&rows).and_then(|half| {
                let seed = run.split(task as u64);
                scores_checked(importance, &seed, learner, &half, players)
            });
            let in_task = |error: Error| error.in_task(format!("half {half} of pair {pair}"));
            found.map(|found| found.values).map_err(in_task)
        };
        let n_tasks = 2 * self.n_pairs;
        let work = Work::open_in_units(run, (n_tasks, 2), Some(players.len()), &[], || {
            Ok(fingerprint("stability selection", run, data, players)
                .with_numbers("what the learner learns", &score(0)?))
        })?;
        let outcome = work.map(|task, _| score(task));
        let scores = work.close(outcome)?.answers;
        // The pairs that are whole, and what their halves choose.
        let n_scored = scores.len();
        let whole = |&half: &u64| scores.contains_key(&(half ^ 1));
        let halves: Vec<u64> = scores.keys().copied().filter(whole).collect();
        if halves.is_empty() {
            return Err(Error::Cancelled { done: n_scored, total: n_tasks });
        }
        let choose = |half: &u64| {
            let values = &scores[half];
            let useful = |&player: &usize| values[player] > 0.0;
            let mut best: Vec<usize> =
                highest_first(values).into_iter().take(q).filter(useful).collect();
            best.sort_unstable();
            (best, values.clone())
        };
        let sets: Vec<(Vec<usize>, Vec<f64>)> = halves.iter().map(choose).collect();
        let finished = Self { n_pairs: sets.len() / 2, ..*self };
        let held = Array2::from_shape_fn((sets.len(), players.len()), |(set, player)| {
            sets[set].0.binary_search(&player).is_ok()
        });
        let count = |player: usize| held.column(player).iter().filter(|&&held| held).count();
        let counts: Vec<usize> = (0..players.len()).map(count).collect();
        let enough = finished.halves_needed();
        let chosen = (0..players.len()).filter(|&player| counts[player] >= enough).collect();
        let mut selection = Selection::new("stability selection", run, players, chosen);
        let n_halves = sets.len();
        selection.scores = Some(counts.iter().map(|&n| n as f64 / n_halves as f64).collect());
        selection.hits = Some(counts);
        selection.error_bound = finished.error_bound(q, players.len());
        if selection.error_bound.is_none() {
            selection.warnings.push(Warning::Note(
                "there is no unimodal error bound for this threshold and number of chosen \
                 players: raise the threshold or let a half choose fewer"
                    .into(),
            ));
        }
        if finished.n_pairs < self.n_pairs {
            let (done, total) = (finished.n_pairs, self.n_pairs);
            selection.warnings.push(Warning::Unfinished { done, total });
        }
        selection.stability = stability(held.view(), self.confidence)?;
        selection.n_importances = n_halves;
        let round = |(players, importances)| Round {
            fold: None,
            players,
            importances,
            threshold: None,
            score: None,
        };
        selection.history = sets.into_iter().map(round).collect();
        Ok(selection)
    }
}

impl StabilitySelection {
    /// How many of the `2 n_pairs` halves must choose a player: the threshold, rounded up but for
    /// the error of a binary fraction.
    fn halves_needed(&self) -> usize {
        (self.threshold * (2 * self.n_pairs) as f64 - 1e-9).ceil() as usize
    }

    /// The bound of the expected number of false choices, of `q` of `p` players; `None` where the
    /// theorem has none.
    fn error_bound(&self, q: usize, p: usize) -> Option<f64> {
        let (per_feature, pairs) = ((q * q) as f64 / p as f64, self.n_pairs as f64);
        let theta = q as f64 / p as f64;
        let threshold = self.halves_needed() as f64 / (2.0 * pairs);
        match self.bound {
            Bound::WorstCase => Some(per_feature / (2.0 * threshold - 1.0)),
            Bound::Unimodal => {
                let extra = 1.0 / (2.0 * pairs);
                let least = 0.5 + (theta * theta).min(extra + 0.75 * theta * theta);
                if threshold > 0.75 {
                    Some(4.0 * (1.0 - threshold + extra) / (1.0 + 2.0 * extra) * per_feature)
                } else if threshold > least && theta <= 1.0 / 3.0_f64.sqrt() {
                    Some(per_feature / (2.0 * (2.0 * threshold - 1.0 - extra)))
                } else {
                    None
                }
            }
        }
    }

    /// The most players that a half may choose under an error bound of 1.
    fn most(&self, p: usize) -> usize {
        let fine = |&q: &usize| self.error_bound(q, p).is_some_and(|bound| bound <= 1.0);
        (1..=p).rev().find(fine).unwrap_or(1)
    }
}

/// The rows of one of two complementary halves, ascending.
fn half_of(units: &[Vec<usize>], run: &Run<'_>, pair: u64, half: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..units.len()).collect();
    run.rng(pair).shuffle(&mut order);
    let size = units.len() / 2;
    let chosen = &order[half * size..(half + 1) * size];
    let mut rows: Vec<usize> = chosen.iter().flat_map(|&unit| &units[unit]).copied().collect();
    rows.sort_unstable();
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_disjoint_and_keep_groups() {
        let units = vec![vec![0, 4], vec![1], vec![2, 3], vec![5], vec![6]];
        for pair in 0..20 {
            let [a, b] = [0, 1].map(|half| half_of(&units, &Run::new(1), pair, half));
            assert!(a.iter().all(|row| b.binary_search(row).is_err()));
            for half in [&a, &b] {
                let holds = |row: usize| half.binary_search(&row).is_ok();
                assert!(holds(0) == holds(4) && holds(2) == holds(3));
            }
        }
    }

    #[test]
    fn bounds_are_those_of_the_papers() {
        let with = |threshold, n_pairs, bound| StabilitySelection {
            threshold,
            n_pairs,
            bound,
            ..StabilitySelection::default()
        };
        let bound = |settings: StabilitySelection, q, p| settings.error_bound(q, p).unwrap();
        // q² / ((2π − 1) p) = 400 / (0.8 · 1000).
        assert!((bound(with(0.9, 50, Bound::WorstCase), 20, 1000) - 0.5).abs() < 1e-12);
        // 2 · 0.6 gives 1.2 − 1 − 0.01 = 0.19, twice 0.38.
        assert!((bound(with(0.6, 50, Bound::Unimodal), 20, 1000) - 0.4 / 0.38).abs() < 1e-12);
        // 4 (0.1 + 0.01) / 1.02 · 0.4.
        let upper = 4.0 * 0.11 / 1.02 * 0.4;
        assert!((bound(with(0.9, 50, Bound::Unimodal), 20, 1000) - upper).abs() < 1e-12);
        assert_eq!(with(0.6, 50, Bound::Unimodal).error_bound(900, 1000), None);
        // q = 28: 784 / (0.8 · 1000) = 0.98, and 29 would be above 1.
        assert_eq!(with(0.9, 50, Bound::WorstCase).most(1000), 28);
        // 0.7 · 100 is 70 halves and not 71, whatever the binary fraction.
        assert_eq!(with(0.7, 50, Bound::WorstCase).halves_needed(), 70);
        assert_eq!(with(0.75, 3, Bound::WorstCase).halves_needed(), 5);
    }
}
