//! Boruta: which features beat what shuffled features can do?

use std::ops::ControlFlow;

use ndarray::Axis;
use serde::{Deserialize, Serialize};
use statrs::distribution::{Binomial, DiscreteCDF};

use super::{Decision, Round, Selection, Selector, check, fingerprint, restrict, unused_prefix};
use crate::chains::{Chain, work_through};
use crate::dataset::Dataset;
use crate::error::{Error, Result, require};
use crate::exchange::{Blocks, Exchange};
use crate::importance::Warning;
use crate::learner_importance::{LearnerImportance, scores_checked};
use crate::model::Learner;
use crate::multiple_testing::benjamini_hochberg;
use crate::players::Players;
use crate::run::Run;
use crate::statistics::quantile;

/// With fewer shadows than this, they are drawn twice, and again.
const FEWEST_SHADOWS: usize = 5;

/// How the tests of many players in many rounds are corrected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Correction {
    /// Over the players, by Bonferroni: that of the original.
    #[default]
    Bonferroni,
    /// Over the players by the false discovery rate (Benjamini and Hochberg), and over the rounds
    /// by Bonferroni: that of boruta_py.
    TwoStep,
}

/// Finds all players that matter: those whose importance beats the best *shadow*, a shuffled copy
/// of a feature, more often than a coin falls heads.
///
/// Each round trains on the players that are not rejected and a shadow of each (doubled until
/// there are 5), and a player *hits* if it scores above the shadows' `perc`-th percentile. After
/// `r` rounds with `h` hits
///
/// ```text
/// confirmed   P(Binomial(r, 1/2) ≥ h) corrected ≤ α
/// rejected    P(Binomial(r, 1/2) ≤ h) corrected ≤ α
/// ```
///
/// A rejected player is out of the rounds that follow. It ends when nobody is tentative, or after
/// `n_rounds`.
///
/// The shadow of a player of several columns shuffles them with one permutation, so that what they
/// are together stays; every shadow has a permutation of its own, a new one each round.
///
/// # Units
///
/// [`Selection::scores`] are the medians of a player's importances over its rounds.
///
/// # Cost
///
/// At most `n_rounds` importances, of up to twice as many columns.
///
/// **Stopping** answers with the rounds that are finished; a later call goes on from them. There are no
/// shards: a round follows from those before it.
///
/// # When it misleads
///
/// - It keeps all that matter, doubles too: for the few that suffice, see
///   [`RfeCv`](super::RfeCv).
/// - The rounds use the same rows: they say what this table holds, not what another would. The coin
///   of the test is a convention. The level `α` is per decision, not of the whole search.
/// - A model with an importance on training rows must be able to use noise for the shadows to say
///   anything; with an importance on held-out rows the best of many shadows is lucky, and it is
///   strict.
/// - Where rows belong together, shadows that trade places with any row lose the groups' pattern
///   and are too weak: see [`Exchange`].
///
/// # Example
///
/// See [`selection`](crate::selection).
///
/// # References
///
/// - Kursa, Rudnicki (2010). *Feature selection with the Boruta package.* Journal of Statistical
///   Software 36(11). <https://doi.org/10.18637/jss.v036.i11>
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Boruta {
    /// At most so many rounds, at least 1; default 100. (boruta_py's `max_iter` is one more than
    /// its rounds.)
    pub n_rounds: usize,
    /// The level of the tests, inside (0, 1); default 0.01.
    pub alpha: f64,
    /// The percentile of the shadows that must be beaten, in [0, 100]; default 100, the best.
    pub perc: f64,
    /// How the tests are corrected; default as in the original.
    pub correction: Correction,
    /// Whether a player that stays tentative is chosen if its median importance is above the
    /// median of what it had to beat; default `false`: it is not chosen.
    pub rough_fix: bool,
    /// Which rows trade places in a shadow; default whole groups, where rows have any.
    pub exchange: Exchange,
}

impl Default for Boruta {
    fn default() -> Self {
        Self {
            n_rounds: 100,
            alpha: 0.01,
            perc: 100.0,
            correction: Correction::Bonferroni,
            rough_fix: false,
            exchange: Exchange::WholeGroups,
        }
    }
}

/// The rounds so far, and what is known by them.
struct Rounds<'a> {
    boruta: &'a Boruta,
    run: Run<'a>,
    learner: &'a dyn Learner,
    importance: &'a dyn LearnerImportance,
    data: &'a Dataset,
    players: &'a Players,
    blocks: &'a Blocks,
    decisions: Vec<Decision>,
    hits: Vec<usize>,
    history: Vec<Round>,
}

impl Rounds<'_> {
    fn alive(&self) -> Vec<usize> {
        let alive = |&i: &usize| self.decisions[i] != Decision::Rejected;
        (0..self.players.len()).filter(alive).collect()
    }
}

/// A round answers the importance of each player, NaN if it is rejected, and the shadows' bar.
impl Chain for Rounds<'_> {
    type Outcome = Self;

    fn step(&self) -> Result<Vec<f64>> {
        let (number, alive) = (self.history.len(), self.alive());
        let parts = restrict(self.data, self.players, &alive)?;
        let run = self.run.split(number as u64);
        let (found, threshold) = self
            .boruta
            .round(&run, self.learner, self.importance, &parts, self.blocks)
            .map_err(|error| error.in_task(format!("Boruta's round {number}")))?;
        let mut answer = vec![f64::NAN; self.players.len()];
        alive.iter().zip(found).for_each(|(&player, score)| answer[player] = score);
        answer.push(threshold);
        Ok(answer)
    }

    fn follow(&mut self, answer: &[f64]) -> Result<ControlFlow<()>> {
        let (threshold, players) = (answer[self.players.len()], self.alive());
        let importances: Vec<f64> = players.iter().map(|&player| answer[player]).collect();
        for (&player, &score) in players.iter().zip(&importances) {
            self.hits[player] += usize::from(score > threshold);
        }
        let threshold = Some(threshold);
        self.history.push(Round { fold: None, players, importances, threshold, score: None });
        self.boruta.decide(&self.hits, self.history.len(), &mut self.decisions)?;
        Ok(if self.decisions.contains(&Decision::Tentative) {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        })
    }

    fn outcome(self) -> Self {
        self
    }
}

impl Selector for Boruta {
    fn select(
        &self,
        run: &Run<'_>,
        learner: &dyn Learner,
        importance: &dyn LearnerImportance,
        data: &Dataset,
        players: &Players,
    ) -> Result<Selection> {
        check(data, players)?;
        require(self.n_rounds >= 1, "n_rounds", self.n_rounds, "at least 1")?;
        require(0.0 < self.alpha && self.alpha < 1.0, "alpha", self.alpha, "inside (0, 1)")?;
        require((0.0..=100.0).contains(&self.perc), "perc", self.perc, "from 0 to 100")?;
        let blocks = &self.exchange.blocks(data)?;
        let n = players.len();
        let begin = |_| {
            Ok(Rounds {
                boruta: self,
                run: run.alone(),
                learner,
                importance,
                data,
                players,
                blocks,
                decisions: vec![Decision::Tentative; n],
                hits: vec![0; n],
                history: Vec::new(),
            })
        };
        let settings = || {
            fingerprint("Boruta", run, data, players)
                .with("alpha", self.alpha)
                .with("perc", self.perc)
                .with("correction", format!("{:?}", self.correction))
                .with("exchange", format!("{:?}", self.exchange))
        };
        let mut worked = work_through(run, (1, self.n_rounds), n + 1, settings, begin)?;
        match worked.outcomes.pop() {
            Some((rounds, over)) if over || !rounds.history.is_empty() => {
                Ok(self.selection(run, players, rounds, over))
            }
            _ => Err(worked.cancelled),
        }
    }
}

impl Boruta {
    /// The importances of the players, and the bar that their shadows set.
    fn round(
        &self,
        run: &Run<'_>,
        learner: &dyn Learner,
        importance: &dyn LearnerImportance,
        (data, players): &(Dataset, Players),
        blocks: &Blocks,
    ) -> Result<(Vec<f64>, f64)> {
        let (wide, all) = with_shadows(run, data, players, blocks)?;
        let mut scores = scores_checked(importance, &run.split(0), learner, &wide, &all)?.values;
        let mut shadows = scores.split_off(players.len());
        shadows.sort_by(f64::total_cmp);
        let bar = quantile(&shadows, self.perc / 100.0);
        let bar = bar.ok_or_else(|| Error::Data("there is no shadow to compare with".into()))?;
        Ok((scores, bar))
    }

    /// Settles what so many hits in so many rounds settle.
    fn decide(&self, hits: &[usize], n_rounds: usize, decisions: &mut [Decision]) -> Result<()> {
        let coin = Binomial::new(0.5, n_rounds as u64).map_err(Error::model)?;
        let tested: Vec<usize> =
            (0..hits.len()).filter(|&i| decisions[i] != Decision::Rejected).collect();
        let at_least = |hits: usize| hits.checked_sub(1).map_or(1.0, |below| coin.sf(below as u64));
        let more: Vec<f64> = tested.iter().map(|&i| at_least(hits[i]).min(1.0)).collect();
        let fewer: Vec<f64> = tested.iter().map(|&i| coin.cdf(hits[i] as u64).min(1.0)).collect();
        let small = |p_values: &[f64]| -> Result<Vec<bool>> {
            Ok(match self.correction {
                Correction::Bonferroni => {
                    let bar = self.alpha / hits.len() as f64;
                    p_values.iter().map(|&p| p <= bar).collect()
                }
                Correction::TwoStep => {
                    let bar = self.alpha / n_rounds as f64;
                    let adjusted = benjamini_hochberg(p_values)?;
                    let both = |(&p, q): (&f64, f64)| p <= bar && q <= self.alpha;
                    p_values.iter().zip(adjusted).map(both).collect()
                }
            })
        };
        let (more, fewer) = (small(&more)?, small(&fewer)?);
        for (place, &player) in tested.iter().enumerate() {
            if decisions[player] != Decision::Tentative {
                continue;
            }
            if more[place] {
                decisions[player] = Decision::Confirmed;
            } else if fewer[place] {
                decisions[player] = Decision::Rejected;
            }
        }
        Ok(())
    }

    fn selection(
        &self,
        run: &Run<'_>,
        players: &Players,
        state: Rounds<'_>,
        over: bool,
    ) -> Selection {
        let Rounds { decisions, hits, history: rounds, blocks: Blocks { n_fixed, .. }, .. } = state;
        let of = |player: usize| {
            let found = rounds.iter().filter_map(|round| {
                let place = round.players.binary_search(&player).ok()?;
                Some(round.importances[place])
            });
            median(found.collect())
        };
        let medians: Vec<f64> = (0..players.len()).map(of).collect();
        let bar = median(rounds.iter().filter_map(|round| round.threshold).collect());
        let chosen = |&player: &usize| match decisions[player] {
            Decision::Confirmed => true,
            Decision::Tentative => self.rough_fix && medians[player] > bar,
            Decision::Rejected => false,
        };
        let chosen = (0..players.len()).filter(chosen).collect();
        let mut selection = Selection::new("Boruta", run, players, chosen);
        let n_tentative = decisions.iter().filter(|&&d| d == Decision::Tentative).count();
        if n_tentative > 0 {
            selection.warnings.push(Warning::Note(format!(
                "{n_tentative} features are still tentative after {} rounds: take more rounds",
                rounds.len()
            )));
        }
        if *n_fixed > 0 {
            selection.warnings.push(Warning::Note(format!(
                "{n_fixed} rows keep their place in every shadow: no other group has the size of \
                 theirs"
            )));
        }
        if !over {
            let (done, total) = (rounds.len(), self.n_rounds);
            selection.warnings.push(Warning::Unfinished { done, total });
        }
        selection.scores = Some(medians);
        selection.decisions = Some(decisions);
        selection.hits = Some(hits);
        selection.n_importances = rounds.len();
        selection.history = rounds;
        selection
    }
}

/// The data with a shuffled copy of each player's columns, as new columns and players behind the
/// others.
fn with_shadows(
    run: &Run<'_>,
    data: &Dataset,
    players: &Players,
    blocks: &Blocks,
) -> Result<(Dataset, Players)> {
    let n = players.len();
    let mut n_shadows = n;
    while n_shadows < FEWEST_SHADOWS {
        n_shadows *= 2;
    }
    let prefix = unused_prefix("shadow ", data, players);
    let mut names: Vec<String> = Vec::new();
    let mut groups: Vec<(String, Vec<usize>)> =
        (0..n).map(|i| (players.names()[i].clone(), players.members(i).to_vec())).collect();
    let mut categorical = Vec::new();
    let mut copies = Vec::with_capacity(n_shadows);
    for shadow in 0..n_shadows {
        let members = players.members(shadow % n);
        let donors = blocks.draw(&mut run.rng(shadow as u64));
        copies.push(data.rows().select(Axis(1), members).select(Axis(0), &donors));
        let first = data.n_features() + names.len();
        groups.push((format!("{prefix}{shadow}"), (first..first + members.len()).collect()));
        for &member in members {
            if data.categorical().binary_search(&member).is_ok() {
                categorical.push(data.n_features() + names.len());
            }
            names.push(format!("{prefix}{shadow} of {}", data.feature_names()[member]));
        }
    }
    let copies: Vec<_> = copies.iter().map(ndarray::Array2::view).collect();
    let wide = data.with_columns(&copies, names, &categorical)?;
    let all = Players::groups(wide.n_features(), groups)?;
    Ok((wide, all))
}

/// The median; every player takes part in the first round.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    quantile(&values, 0.5).unwrap_or(f64::NEG_INFINITY)
}
