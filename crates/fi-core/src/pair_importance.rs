//! Importance of pairs: are two players worth more or less together than the sum of each alone?
//!
//! In the recipe *removal × behaviour × summary* it is the second difference of leaving out, for
//! any removal: by shuffling ([`Permutation`]) or by training again ([`Lofo`]).

use std::ops::ControlFlow;

use ndarray::{Array2, Axis, s};

use crate::corrected_t_test::{corrected_factor, test_per_train};
use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::importance::{Estimand, Importance, Replicate};
use crate::interaction::{Interaction, Interactions, PairInterval};
use crate::lofo::{Lofo, SPLIT};
use crate::metric::Metric;
use crate::model::{Learner, Model};
use crate::permutation::{
    Job, Permutation, PlanExchange, PredictAgain, Replace, Shuffles, everywhere,
};
use crate::players::Players;
use crate::run::Run;
use crate::sampling_noise::Noise;
use crate::scorer::Scorer;
use crate::statistics::{mean, sample_std, t_quantile, t_tail};

/// Two million pairs, of which tables are made.
const MAX_PLAYERS: usize = 2_000;

/// Scores pairs of players by what removing both costs beyond removing each.
///
/// ```text
/// I(A, B) = I(A ∪ B) − I(A) − I(B)
/// ```
///
/// where `I` is [`Permutation`] importance or [`Lofo`]. The diagonal of the result holds `I(A)`:
/// every player is removed alone once, however many pairs it is in.
///
/// **Sign.** Both removals have the same reading, [`Interaction::relation`]:
///
/// - **positive: redundancy.** With one of them left the loss is small, without both it is large.
///   Two copies of a useful feature and a learner trained again: `0, 0` alone, all together.
/// - **negative: synergy.** Each loss alone already costs what both together bring. For
///   `y = x₁ x₂` with independent standardised features and squared error, shuffling either or
///   both costs 2, so the pair scores −2; training again, each or both cost 1: the pair scores −1.
/// - **near 0**: an additive model of independent features.
///
/// By shuffling it says this of the *model*; by training again of the *features* for a learner.
///
/// **Intervals** are for the difference itself. By shuffling
/// ([`Estimand::ModelOnPopulation`]) all players of a repeat have the same donors, so the three
/// increases of a row's loss are paired, `dᵣ(i) = d_AB − d_A − d_B`, and take the place of the
/// increase in the standard error of [`Permutation`]. By training again
/// ([`Estimand::LearnerOverTrainingSets`]) the folds and seeds are the same, the differences are
/// taken per fold, and the variance is corrected as in [`Lofo`]. The **p-values** are those of the
/// two-sided t-test of `I(A, B) = 0` with the same standard error, on the diagonal of `I(A) = 0`.
///
/// # Units
///
/// Those of the metric.
///
/// # Cost
///
/// That of [`Permutation`] or [`Lofo`] of as many players as there are players and pairs: with `p`
/// players all pairs are `p (p + 1) / 2`. By shuffling, memory is `n_players × n_repeats × n_rows`
/// numbers per metric, because the players' part of each row is kept for their pairs.
///
/// # When it misleads
///
/// - With *dependent* features an additive model has interactions under shuffling: for squared
///   error `4 β_a β_b Cov(a, b)`, positive where both carry the same signal with the same sign.
///   It is redundancy, but not a product in the model.
/// - The sign is that of losses, so it depends on the metric, and coarse metrics saturate: once
///   one loss has cost all there is to lose, a pair looks synergetic.
/// - A redundant pair within a redundant three scores 0 when training again: the third stands in.
/// - Of many pairs, one in twenty excludes 0 at 95 % with nothing to see. Correct p-values for
///   their number.
///
/// # Example
///
/// ```
/// use fi_core::{Dataset, Function, Metric, PairImportance, Permutation, Players, Relation, Rng};
/// use fi_core::{Run, Target};
/// use ndarray::{Array2, ArrayView2, Axis};
///
/// // A product of two independent features, and a third one that is added.
/// let mut rng = Rng::new(0, 0);
/// let rows = Array2::from_shape_simple_fn((400, 3), || rng.normal());
/// let f = |x: ArrayView2<f64>| &x.column(0) * &x.column(1) + &x.column(2);
/// let model = Function::new(3, 1, move |x: ArrayView2<f64>| f(x).insert_axis(Axis(1)));
/// let target = Target::Values(f(rows.view()).to_vec());
/// let data = Dataset::new(rows, target)?;
/// let players = Players::features(["a", "b", "c"])?;
///
/// let found = PairImportance::default()
///     .permutation(&Run::new(1), &Permutation::default(), &model, &data, &players, &[Metric::Mse])?
///     .remove(0);
/// assert!((found.values[[0, 1]] + 2.0).abs() < 0.5);
/// assert_eq!(found.relation(0, 1), Some(Relation::Synergy));
/// assert_eq!(found.relation(0, 2), Some(Relation::Undecided));
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Au, Herbinger, Stachl, Bischl, Casalicchio (2022). *Grouped feature importance and combined
///   features effect plot.* Data Mining and Knowledge Discovery 36.
///   <https://doi.org/10.1007/s10618-022-00840-5>
/// - Grabisch, Roubens (1999). *An axiomatic approach to the concept of interaction among players
///   in cooperative games.* International Journal of Game Theory 28 (the second difference).
///   <https://doi.org/10.1007/s001820050125>
///
/// # See also
///
/// [`Permutation`] and [`Lofo`], of single players.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PairImportance {
    /// The pairs of players, by their places; of different players without a common feature, each
    /// once. Default `None`: all that have no common feature. Pairs that are left out are NaN in
    /// the result, and so is a player's place in the diagonal that is in no pair.
    pub pairs: Option<Vec<(usize, usize)>>,
}

impl PairImportance {
    /// Scores the pairs in each metric by shuffling, with the settings of `permutation`.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] for a pair of a player with itself, with a common feature, of a player that
    /// does not exist, given twice, if there is no pair, or for more than 2000 players; those of [`Permutation::importance`].
    pub fn permutation(
        &self,
        run: &Run<'_>,
        permutation: &Permutation,
        model: &dyn Model,
        data: &Dataset,
        players: &Players,
        metrics: &[Metric],
    ) -> Result<Vec<Interaction>> {
        let plan = Plan::new(players, self.pairs.as_deref())?;
        let shuffled =
            PredictAgain { model, batch_rows: permutation.batch_rows, replace: Replace::FromDonor };
        let parts = permutation.prepared(
            run,
            model,
            data,
            &plan.removed,
            metrics,
            &shuffled,
            ("permutation", &everywhere as &PlanExchange<'_>),
            |shuffles, scorers| plan.shuffle(run, shuffles, scorers, permutation.n_repeats),
        )?;
        let finish = |Part { importance, errors, n_rows }: Part| {
            let settings = (Estimand::ModelOnPopulation, permutation.confidence);
            let mut found = plan.finish(players, &importance, errors.as_deref(), settings)?;
            found.seed = Some(run.seed());
            found.n_rows = n_rows;
            Ok(found)
        };
        parts.into_iter().map(finish).collect()
    }

    /// Scores the pairs in each metric by training again, with the settings of `lofo`.
    ///
    /// # Errors
    ///
    /// As for [`PairImportance::permutation`]; those of [`Lofo::importance`], which cannot train
    /// without a pair that holds every feature.
    pub fn refit(
        &self,
        run: &Run<'_>,
        lofo: &Lofo,
        learner: &dyn Learner,
        data: &Dataset,
        players: &Players,
        metrics: &[Metric],
    ) -> Result<Vec<Interaction>> {
        let plan = Plan::new(players, self.pairs.as_deref())?;
        let found = lofo.importance(run, learner, data, &plan.removed, metrics)?;
        // The folds that `lofo` has taken.
        let folds = lofo.folds.split(&run.split(SPLIT), data)?;
        let factor = corrected_factor(folds.len(), test_per_train(data, &folds));
        let finish = |importance: &Importance| {
            let differences = plan.differences(&importance.replicates);
            let error = |row: ndarray::ArrayView1<'_, f64>| {
                (factor * sample_std(row.iter()), folds.len() - 1)
            };
            let errors: Option<Vec<(f64, usize)>> =
                (folds.len() > 1).then(|| differences.rows().into_iter().map(error).collect());
            let settings = (Estimand::LearnerOverTrainingSets, lofo.confidence);
            let mut found = plan.finish(players, importance, errors.as_deref(), settings)?;
            found.n_rows = data.n_rows();
            Ok(found)
        };
        found.iter().map(finish).collect()
    }
}

/// What has to be removed for some pairs.
struct Plan {
    /// The players that are in a pair, ascending.
    singles: Vec<usize>,
    /// The pairs, each by its players' places in `singles`.
    pairs: Vec<(usize, usize)>,
    /// The singles, then the pairs' unions.
    removed: Players,
}

/// One metric's increases of all that was removed, and the standard errors and degrees of freedom
/// of the singles and of the pairs' differences, if they are known.
struct Part {
    importance: Importance,
    errors: Option<Vec<(f64, usize)>>,
    n_rows: usize,
}

impl Plan {
    fn new(players: &Players, chosen: Option<&[(usize, usize)]>) -> Result<Self> {
        let common = |a: usize, b: usize| {
            let (a, b) = (players.members(a), players.members(b));
            a.iter().find(|feature| b.binary_search(feature).is_ok()).copied()
        };
        let n = players.len();
        if n > MAX_PLAYERS {
            return Err(Error::Data(format!(
                "{n} players have too many pairs for a table, at most {MAX_PLAYERS} players are \
                 possible; give fewer"
            )));
        }
        let pairs = if let Some(chosen) = chosen {
            let mut pairs = Vec::with_capacity(chosen.len());
            for &(a, b) in chosen {
                if let Some(missing) = [a, b].into_iter().find(|&player| player >= n) {
                    return Err(Error::Data(format!(
                        "player {missing} of a pair does not exist, there are only {n} players"
                    )));
                }
                let (a, b) = (a.min(b), a.max(b));
                let names = players.names();
                if let Some(feature) = common(a, b) {
                    return Err(Error::Data(format!(
                        "`{}` and `{}` both hold feature {feature}, a pair needs two players \
                         without a common feature",
                        names[a], names[b]
                    )));
                }
                if pairs.contains(&(a, b)) {
                    let pair = format!("the pair of `{}` and `{}`", names[a], names[b]);
                    return Err(Error::Data(format!("{pair} is given twice, give it once")));
                }
                pairs.push((a, b));
            }
            pairs
        } else {
            let all = (0..n).flat_map(|a| (a + 1..n).map(move |b| (a, b)));
            all.filter(|&(a, b)| common(a, b).is_none()).collect()
        };
        if pairs.is_empty() {
            return Err(Error::Data(
                "there is no pair to score, give two players without a common feature".into(),
            ));
        }
        let mut singles: Vec<usize> = pairs.iter().flat_map(|&(a, b)| [a, b]).collect();
        singles.sort_unstable();
        singles.dedup();
        let place = |player: usize| singles.partition_point(|&single| single < player);
        let name = |player: usize| &players.names()[player];
        let alone = singles.iter().map(|&i| (name(i).clone(), players.members(i).to_vec()));
        let unions = pairs.iter().map(|&(a, b)| {
            (
                format!("{} × {}", name(a), name(b)),
                [players.members(a), players.members(b)].concat(),
            )
        });
        let removed = Players::groups(players.n_features(), alone.chain(unions))?;
        let pairs = pairs.iter().map(|&(a, b)| (place(a), place(b))).collect();
        Ok(Self { singles, pairs, removed })
    }

    /// Removes everything by shuffling: the singles, whose rows' contributions are kept, and then
    /// the pairs, one pair's noise at a time.
    fn shuffle(
        &self,
        run: &Run<'_>,
        shuffles: &Shuffles<'_>,
        scorers: &[Scorer<'_>],
        n_repeats: usize,
    ) -> Result<Vec<Part>> {
        let n_jobs = self.removed.len() * n_repeats;
        let n_rows = shuffles.rows.nrows();
        let per_task = shuffles.shuffled.at_once(n_rows).clamp(1, n_jobs);
        let mut collected: Vec<Collected> =
            scorers.iter().map(|_| Collected::new(self.removed.len(), n_repeats)).collect();
        run.fold(
            n_jobs.div_ceil(per_task),
            shuffles.shuffled.calls_at_once().max(1),
            |task, _| {
                let jobs = task * per_task..((task + 1) * per_task).min(n_jobs);
                let jobs: Vec<Job> = jobs.map(|job| (job / n_repeats, job % n_repeats)).collect();
                shuffles.run(&jobs, &shuffles.donors(&jobs)?, scorers)
            },
            |task, answers| {
                for (offset, answers) in answers.into_iter().enumerate() {
                    let job = task * per_task + offset;
                    for (collected, answer) in collected.iter_mut().zip(answers) {
                        collected.increases[[job / n_repeats, job % n_repeats]] = answer.increase;
                        collected.add(self, job, answer.contributions);
                    }
                }
                ControlFlow::Continue(())
            },
        )?;
        let part = |(scorer, collected): (&Scorer<'_>, Collected)| {
            let names = self.removed.names();
            let (increases, kind) = (collected.increases, Replicate::Repeat);
            let mut importance =
                Importance::from_replicates("permutation", names, increases, kind)?;
            scorer.describe(&mut importance);
            importance.n_evaluations = n_rows * (1 + n_jobs);
            let has_interval = collected.errors.is_some();
            importance.warnings.extend(scorer.interval_warning(has_interval));
            Ok(Part { importance, errors: collected.errors, n_rows })
        };
        scorers.iter().zip(collected).map(part).collect()
    }

    /// The singles' replicates, and the pairs' differences.
    fn differences(&self, replicates: &Array2<f64>) -> Array2<f64> {
        let n = self.singles.len();
        let mut differences = replicates.clone();
        for (pair, &(a, b)) in self.pairs.iter().enumerate() {
            let (singles, mut pairs) = differences.view_mut().split_at(Axis(0), n);
            let mut difference = pairs.row_mut(pair);
            difference -= &singles.row(a);
            difference -= &singles.row(b);
        }
        differences
    }

    /// Brings singles and pairs into the matrix of all players.
    fn finish(
        &self,
        players: &Players,
        removed: &Importance,
        errors: Option<&[(f64, usize)]>,
        (estimand, confidence): (Estimand, f64),
    ) -> Result<Interaction> {
        let n = players.len();
        let differences = self.differences(&removed.replicates);
        let on_diagonal = self.singles.iter().map(|&a| (a, a));
        let pairs = self.pairs.iter().map(|&(a, b)| (self.singles[a], self.singles[b]));
        let places: Vec<(usize, usize)> = on_diagonal.chain(pairs).collect();
        let square = |of: &dyn Fn(usize) -> f64| {
            let mut square = Array2::from_elem((n, n), f64::NAN);
            for (entry, &(a, b)) in places.iter().enumerate() {
                square[[a, b]] = of(entry);
                square[[b, a]] = square[[a, b]];
            }
            square
        };
        let value = |entry: usize| mean(differences.row(entry).iter());
        let method = format!("{} of pairs", removed.method);
        let mut found = Interaction::new(method, players.names(), square(&value), 0)?;
        found.metric.clone_from(&removed.metric);
        found.score = removed.score;
        found.seed = removed.seed;
        found.n_evaluations = removed.n_evaluations;
        found.warnings.clone_from(&removed.warnings);
        found.replicate_kind = removed.replicate_kind;
        found.replicates =
            Array2::from_elem((Interactions::n_pairs(n)?, differences.ncols()), f64::NAN);
        for (&(a, b), row) in places.iter().zip(differences.rows()) {
            found.replicates.row_mut(Interactions::pair(n, a, b)).assign(&row);
        }
        if differences.ncols() > 1 {
            found.std = Some(square(&|entry| sample_std(differences.row(entry).iter())));
        }
        if let Some(errors) = errors {
            let half = |entry: usize| {
                let (error, freedom) = errors[entry];
                error * t_quantile(confidence, freedom)
            };
            let low = square(&|entry| value(entry) - half(entry));
            let high = square(&|entry| value(entry) + half(entry));
            found.interval = Some(PairInterval { estimand, confidence, low, high });
            found.p_values = Some(square(&|entry| two_sided(value(entry), errors[entry])));
        }
        Ok(found)
    }
}

/// What the answers of one metric add up to.
struct Collected {
    /// `(n_removed, n_repeats)`.
    increases: Array2<f64>,
    /// The units' contributions of each single and repeat.
    singles: Vec<Vec<f64>>,
    noise: Noise,
    /// `None` once a contribution is not known.
    errors: Option<Vec<(f64, usize)>>,
}

impl Collected {
    fn new(n_removed: usize, n_repeats: usize) -> Self {
        Self {
            increases: Array2::zeros((n_removed, n_repeats)),
            singles: Vec::new(),
            noise: Noise::default(),
            errors: Some(Vec::new()),
        }
    }

    /// Takes in the contributions of one job; jobs come in order, singles first.
    fn add(&mut self, plan: &Plan, job: usize, contributions: Option<Vec<f64>>) {
        let n_repeats = self.increases.ncols();
        let (entry, repeat) = (job / n_repeats, job % n_repeats);
        let (Some(errors), Some(mut contributions)) = (&mut self.errors, contributions) else {
            self.errors = None;
            self.singles.clear();
            return;
        };
        let mut replicates = self.increases.row(entry).to_vec();
        let pair = entry.checked_sub(plan.singles.len()).map(|pair| plan.pairs[pair]);
        for single in pair.into_iter().flat_map(|(a, b)| [a, b]) {
            // The donors are the same, so a row's part in the difference is that of its parts.
            let alone = &self.singles[single * n_repeats + repeat];
            contributions.iter_mut().zip(alone).for_each(|(both, alone)| *both -= alone);
            let alone = self.increases.slice(s![single, ..]);
            replicates.iter_mut().zip(alone).for_each(|(both, alone)| *both -= alone);
        }
        self.noise.add(&contributions);
        if pair.is_none() {
            self.singles.push(contributions);
        }
        if repeat + 1 == n_repeats {
            let noise = std::mem::take(&mut self.noise);
            let known = noise.standard_error(&replicates);
            match known {
                Some(error) => errors.push((error, noise.degrees_of_freedom())),
                None => self.errors = None,
            }
        }
    }
}

/// The two-sided p-value of a value that is 0 in truth; 0 or 1 without any error.
fn two_sided(value: f64, (error, freedom): (f64, usize)) -> f64 {
    if error > 0.0 {
        (2.0 * t_tail(value.abs() / error, freedom)).min(1.0)
    } else {
        f64::from(u8::from(value == 0.0))
    }
}
