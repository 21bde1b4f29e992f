//! SAGE: how much of the model's loss does each feature take off, shared fairly among all?
//!
//! In the recipe *removal × behaviour × summary* it is any removal, the loss of the mean
//! prediction, and the Shapley value. The model is not refitted. [`LossGame`] is the definition, and
//! [`shapley::Exact`](crate::shapley::Exact) on it the exact values, at `2ⁿ · n_rows · n_background`
//! predicted rows. [`Sage`] draws rows, orders and background rows instead.

mod block;
mod draws;
mod kernel;
mod loss_game;
mod sampler;
mod tally;
mod walks;

pub use loss_game::LossGame;

use ndarray::Array2;

use self::tally::Found;
use crate::dataset::Dataset;
use crate::error::{Result, require};
use crate::game::{Game, Removal};
use crate::guards::of_few_units;
use crate::importance::{Importance, Warning};
use crate::metric::Metric;
use crate::model::Model;
use crate::players::Players;
use crate::run::Run;
use crate::sampling_noise::Units;
use crate::scorer::{describe, interval};
use crate::shapley::Estimate;
use crate::statistics::check_confidence;

/// How [`Sage`] turns losses of coalitions into Shapley values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SageEstimator {
    /// A draw walks one random order of the players, forwards and backwards, and is itself an
    /// unbiased estimate. The less noisy of the two.
    Permutation,
    /// A draw asks for as many random coalitions and their complements; all draws are one least
    /// squares regression, as in KernelSHAP.
    Kernel,
}

/// Scores players by SAGE values: the Shapley values of the loss.
///
/// ```text
///               |S|! (n − |S| − 1)!
/// φⱼ = Σ_{S ∌ j} ――――――――――――――――――― [v(S ∪ {j}) − v(S)]
///                       n!
///
/// v(S)   how much less the model loses, on average over the rows, when it knows the features of
///        the players in S than when it knows none: the loss of the mean prediction, [`LossGame`]
/// n      how many players there are
/// ```
///
/// The values sum to `v(all) − v(none)`, to rounding: what the model is better by than its own
/// mean prediction. For a linear model with independent features, trained to the true slopes, and
/// squared error it is `β² Var(x)`; permutation importance is twice that, because it watches the
/// mean loss of shuffled rows and not the loss of the mean.
///
/// **Draws.** Each draw visits one row of the data with a few background rows; every `n_rows`
/// draws visit each row once. In expectation they are the values of all rows and the whole
/// background: the loss of a mean over few rows is extrapolated to the whole background, which is
/// exact for squared errors and Brier scores; for other losses nobody's prediction counts as one more
/// of the few rows, which bounds log losses, and a quarter of the predicted rows goes to draws with
/// the whole background that correct what is left. What all players are worth in each row, and what the few
/// background rows say of nobody, is known and takes noise off. A background with weights and a conditional removal are used whole.
///
/// **Convergence**: the largest standard error is below `tolerance` times the range of the values,
/// as in Covert, Lundberg and Lee, after at least 32 corrections if there are any. Standard errors are those of the values as estimates of the
/// exact values of these rows and this background ([`Sage::estimate`] returns them). A result that
/// has not converged is valid, and says so in its warnings.
///
/// **Interval** ([`Estimand::ModelOnPopulation`](crate::Estimand::ModelOnPopulation)): value ±
/// Student's t × standard error, which counts that the rows are a sample, and the draws too: from the
/// spread of the rows' mean draws. Rows with [`Dataset::groups`] count one unit per group. The
/// background is held fixed, as a part of the question.
///
/// # Units
///
/// Those of the metric's loss; positive if the player helps. Accuracy counts what is lost of it.
///
/// # Cost
///
/// `2 (n_players − 1) · background_rows` predicted rows per draw, a third more with corrections,
/// and `n_rows + 3 n_background` for all (`n_rows · n_background` if a feature has no player).
/// Memory: `n_rows · n_players` numbers per metric; with a keeper also the losses of the draws,
/// `2 n_players` numbers of each, or a third more with corrections.
///
/// **Stopping** answers with the draws that are finished, 64 at a time; those after a stop, of another
/// call or machine, make it the result of an uninterrupted run.
///
/// # When it misleads
///
/// - As [`Removal`]: with dependent features, a marginal removal asks the model about rows that
///   cannot occur. With a conditional one a feature that the model ignores gets what it
///   tells about others.
/// - On training rows it rewards what the model has memorised: take test rows.
/// - A model that is no better than its mean prediction has values that sum to nothing, and may
///   have large ones of both signs.
/// - Stopping at a tolerance looks at the standard errors of the same draws, and stops a little too
///   often where they happen to be small. Before every row was visited twice standard errors
///   are a little too large.
/// - A log loss that is rarely very large with the whole background, too (a model that is sure of
///   what is wrong), leaves rare large corrections: standard errors are then too small until some
///   were seen.
/// - The kernel estimator has a bias of order `1 / n_draws`, and so have control variates before
///   every row was visited.
///
/// # Example
///
/// ```
/// use fi_core::{Dataset, Function, Metric, Players, Removal, Run, Sage, Target};
/// use ndarray::{Array2, ArrayView2, array};
///
/// // y = 3 x0 + 2 x1; each has variance 1, x2 is not used.
/// let sign = |bit: usize| if bit % 2 == 0 { -1.0 } else { 1.0 };
/// let rows = Array2::from_shape_fn((64, 3), |(i, j)| sign(i >> j));
/// let model = Function::new(3, 1, |rows: ArrayView2<f64>| rows.dot(&array![[3.0], [2.0], [0.0]]));
/// let target = Target::Values(rows.outer_iter().map(|x| 3.0 * x[0] + 2.0 * x[1]).collect());
/// let data = Dataset::new(rows.clone(), target)?;
/// let players = Players::features(["x0", "x1", "x2"])?;
/// let background = Removal::marginal(rows)?;
///
/// let sage = Sage::default();
/// let found =
///     sage.importance(&Run::new(0), &model, &data, &players, &background, &[Metric::Mse])?;
/// for (value, expected) in found[0].values.iter().zip([9.0, 4.0, 0.0]) {
///     assert!((value - expected).abs() < 0.5, "{found:?}");
/// }
/// assert!((found[0].values.iter().sum::<f64>() - 13.0).abs() < 1e-9);
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Covert, Lundberg, Lee (2020). *Understanding global feature contributions with additive
///   importance measures.* NeurIPS 33. <https://arxiv.org/abs/2004.00668>
/// - Covert, Lee (2021). *Improving KernelSHAP: practical Shapley value estimation using linear
///   regression.* AISTATS. <https://arxiv.org/abs/2012.01536>
/// - Quenouille (1956). *Notes on bias in estimation.* Biometrika 43.
///   <https://doi.org/10.1093/biomet/43.3-4.353>
/// - Cochran (1977). *Sampling techniques*, ch. 7, 10 (regression estimators, two stages). Wiley.
///
/// # See also
///
/// [`Permutation`](crate::Permutation), which leaves one player out at a time;
/// [`shapley`](crate::shapley), which explains predictions.
#[derive(Debug, Clone, PartialEq)]
pub struct Sage {
    /// What a draw asks for; default [`SageEstimator::Permutation`].
    pub estimator: SageEstimator,
    /// The most draws, at least 2; all of them without a tolerance. Default 65 536.
    pub n_draws: usize,
    /// Stop when, in every metric, the largest standard error is below this share of the range of
    /// the values; looked at after every 64 draws. `None` draws them all. Default 0.025.
    pub tolerance: Option<f64>,
    /// How many background rows a draw takes, even and at least 2; all there are if that is no
    /// more. Default 8.
    pub background_rows: usize,
    /// The intervals' coverage, inside (0, 1); default 0.95.
    pub confidence: f64,
}

impl Default for Sage {
    fn default() -> Self {
        Self {
            estimator: SageEstimator::Permutation,
            n_draws: 65_536,
            tolerance: Some(0.025),
            background_rows: 8,
            confidence: 0.95,
        }
    }
}

impl Sage {
    /// Scores the players in each metric, in one pass over the predictions.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](crate::Error::Parameter) outside a domain, or for a tolerance in a
    /// shard; what [`LossGame::new`] refuses; [`Error::Data`](crate::Error::Data) if a regression on
    /// very few draws cannot be solved, or for a checkpoint of another call;
    /// [`Error::Task`](crate::Error::Task) that names the row in which the model failed;
    /// [`Error::Cancelled`](crate::Error::Cancelled) if the call was stopped within its first 64
    /// draws.
    pub fn importance(
        &self,
        run: &Run<'_>,
        model: &dyn Model,
        data: &Dataset,
        players: &Players,
        removal: &Removal,
        metrics: &[Metric],
    ) -> Result<Vec<Importance>> {
        self.check()?;
        let game = LossGame::new(model, data, players, removal, metrics)?;
        let sampled = self.sample(run, &game)?;
        let data = &*game.data;
        let units = Units::new(data);
        let results = metrics.iter().zip(&sampled.tallies).zip(&sampled.found);
        results
            .map(|((metric, tally), found)| {
                let mut importance =
                    Importance::new("SAGE", players.names(), found.values.clone())?;
                importance.seed = Some(run.seed());
                importance.n_evaluations = sampled.n_evaluations;
                let (target, weights) = (data.target(), data.weights());
                let predictions = game.predictions.view();
                let score = metric.score(predictions, model.output(), target, weights)?;
                describe(
                    &mut importance,
                    metric,
                    score,
                    metric.constant_score(target, weights).ok(),
                );
                let errors = tally.population(&units, weights);
                importance.interval =
                    errors.map(|errors| interval(&importance.values, &errors, self.confidence));
                if importance.interval.is_none() {
                    let text = "SAGE has no interval: all rows that were drawn belong to one group";
                    importance.warnings.push(Warning::Note(text.to_owned()));
                } else {
                    importance.warnings.extend(of_few_units(units.len()));
                }
                if sampled.unfinished {
                    let (done, total) = (sampled.n_draws, self.n_draws);
                    importance.warnings.push(Warning::Unfinished { done, total });
                } else if let (Some(false), Some(tolerance)) = (sampled.converged, self.tolerance) {
                    importance.warnings.push(Warning::Note(format!(
                        "SAGE has not converged to a tolerance of {tolerance} in {} draws: it is \
                         right on average, but noisier than that; raise `n_draws`",
                        sampled.n_draws
                    )));
                }
                Ok(importance)
            })
            .collect()
    }

    /// The values of `game` `(n_metrics, n_players)`, and their standard errors as estimates of its
    /// exact values, [`shapley::Exact`](crate::shapley::Exact): those of these rows and this
    /// background. The same run gives the values of [`Sage::importance`].
    ///
    /// # Errors
    ///
    /// As for [`Sage::importance`].
    pub fn estimate(&self, run: &Run<'_>, game: &LossGame<'_>) -> Result<Estimate> {
        self.check()?;
        let sampled = self.sample(run, game)?;
        let shape = (game.n_outputs(), game.n_players());
        let table = |of: &dyn Fn(&Found) -> Option<Vec<f64>>| {
            let lists = sampled.found.iter().map(of).collect::<Option<Vec<_>>>()?;
            Some(Array2::from_shape_fn(shape, |(metric, player)| lists[metric][player]))
        };
        Ok(Estimate {
            values: table(&|found| Some(found.values.clone())).unwrap_or_default(),
            base_values: vec![0.0; game.n_outputs()],
            std_error: table(&|found| found.std_error.clone()),
            n_coalitions: sampled.n_coalitions,
            n_evaluations: sampled.n_evaluations,
            converged: sampled.converged,
        })
    }

    fn check(&self) -> Result<()> {
        require(self.n_draws >= 2, "n_draws", self.n_draws, "at least 2")?;
        let taken = self.background_rows;
        let even = taken >= 2 && taken.is_multiple_of(2);
        require(even, "background_rows", taken, "even and at least 2, for its halves")?;
        if let Some(tolerance) = self.tolerance {
            let positive = tolerance > 0.0 && tolerance.is_finite();
            require(positive, "tolerance", tolerance, "positive and finite")?;
        }
        check_confidence(self.confidence)
    }
}
