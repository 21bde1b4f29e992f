//! p-values of any importance by shuffling the target: PIMP.
//!
//! Shuffling a feature asks what this model does with it. Shuffling the target and training again
//! asks what importance the whole procedure gives to a feature when there is nothing to learn:
//! features with many values, that a forest's impurity favours, are favoured there as well.

use ndarray::Array2;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Gamma, Normal};
use statrs::function::gamma::digamma;

use crate::dataset::Dataset;
use crate::error::{Error, Result, require, require_shape};
use crate::exchange::Exchange;
use crate::importance::{Importance, Warning};
use crate::learner_importance::{LearnerImportance, scores_checked};
use crate::model::Learner;
use crate::players::Players;
use crate::run::Run;
use crate::statistics::{mean, population_std, sample_std};

/// Beside the streams of the repeats: importances on the true target.
const TRUE_TARGET: u64 = u64::MAX;

/// How a p-value is read from the importances under shuffled targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NullDistribution {
    /// `(1 + #{r: Iᵣ ≥ I}) / (R + 1)`.
    #[default]
    Empirical,
    /// The tail of a normal distribution with their mean and standard deviation.
    Normal,
    /// The tail of a log-normal one, by maximum likelihood; importances must be above 0.
    LogNormal,
    /// The tail of a gamma one, by maximum likelihood; importances must be above 0.
    Gamma,
}

/// Gives any importance of any learner p-values, by computing it again on shuffled targets.
///
/// ```text
/// pⱼ = (1 + #{r: Iⱼ(shuffled target r) ≥ Iⱼ(target)}) / (R + 1)
/// ```
///
/// for the null hypothesis that the target is independent of all features together. A fitted
/// distribution gives p-values below `1 / (R + 1)`, as far as its tail can be believed: each player
/// has a Kolmogorov–Smirnov test of the fit, and a warning counts the players that fail it at 5 %.
/// (The test takes the distribution as known although it was fitted, and so is lenient.)
///
/// Weights move with the target: a row's features meet another row's target and weight.
/// Rows that belong together trade places as [`Exchange`] says.
///
/// # Cost
///
/// `n_permutations + 1` importances, each with its fits.
///
/// # When it misleads
///
/// - The null is global: nothing matters. An importance that hands out shares of a whole (a
///   forest's impurity) gives every feature an equal share then, and next to a strong feature a
///   weaker one gets less and is missed. Take one that is no share, such as
///   [`HeldOut`](crate::HeldOut), or read it as a test of the strongest.
/// - A feature that only goes with one that matters is not independent of the target: it is
///   rightly found, and need not be needed.
/// - It says that there is something, not how much: p-values are no ranking of importance.
/// - Many players are many tests: see [`Importance::adjusted_p_values`].
///
/// # Example
///
/// ```
/// use fi_core::{
///     Dataset, Importance, Learner, Model, Players, Run, Target, TargetPermutation,
///     multiple_testing::holm,
/// };
/// use ndarray::Array2;
///
/// struct None;
/// impl Learner for None {
///     fn train(&self, _: &Run<'_>, _: &Dataset) -> fi_core::Result<Box<dyn Model>> {
///         Err(fi_core::Error::Data("not asked".into()))
///     }
/// }
/// let covariance = |_: &Run<'_>, _: &dyn Learner, data: &Dataset, players: &Players| {
///     let y = ndarray::Array1::from(data.target().values().unwrap_or_default().to_vec());
///     let sizes = data.rows().t().dot(&y).mapv(f64::abs).to_vec();
///     Importance::new("covariance", players.names(), sizes)
/// };
/// let run = Run::new(5);
/// let mut rng = run.rng(0);
/// let rows = Array2::from_shape_simple_fn((50, 2), || rng.normal());
/// let target = rows.column(0).to_vec();
/// let data = Dataset::new(rows, Target::Values(target))?;
/// let players = Players::features(["signal", "noise"])?;
/// let tested =
///     TargetPermutation::default().importance(&run, &None, &covariance, &data, &players)?;
/// let p = tested.importance.adjusted_p_values(holm)?.unwrap_or_default();
/// assert!(p[0] < 0.03 && p[1] > 0.05);
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Altmann, Toloşi, Sander, Lengauer (2010). *Permutation importance: a corrected feature
///   importance measure.* Bioinformatics 26(10).
///   <https://doi.org/10.1093/bioinformatics/btq134>
/// - Phipson, Smyth (2010). *Permutation P-values should never be zero.*
///   <https://doi.org/10.2202/1544-6115.1585>
/// - Minka (2002). *Estimating a gamma distribution.*
///   <https://tminka.github.io/papers/minka-gamma.pdf>
///
/// # See also
///
/// [`Permutation`](crate::Permutation), whose p-values are of one fitted model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetPermutation {
    /// How often the target is shuffled, at least 1, and at least 2 for a fitted distribution;
    /// default 100.
    pub n_permutations: usize,
    /// How p-values are read; default the empirical distribution.
    pub null: NullDistribution,
    /// Which rows trade places; default whole groups, where rows have any.
    pub exchange: Exchange,
}

impl Default for TargetPermutation {
    fn default() -> Self {
        Self {
            n_permutations: 100,
            null: NullDistribution::Empirical,
            exchange: Exchange::WholeGroups,
        }
    }
}

/// An importance with p-values, and the null distribution they come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TargetPermuted {
    /// The importance on the true target, with [`Importance::p_values`].
    pub importance: Importance,
    /// `(n_players, n_permutations)`: the importances under shuffled targets.
    pub null: Array2<f64>,
    /// The Kolmogorov–Smirnov p-value of each player's fitted distribution; `None` for the
    /// empirical one. 0 where the null does not vary and nothing could be fitted.
    pub fit_p_values: Option<Vec<f64>>,
}

impl TargetPermutation {
    /// Computes the importance on the true target and on every shuffled one.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] outside a domain; [`Error::Shape`] if data and players have different
    /// features; [`Error::Data`] if no rows may trade places, or for an importance of 0 or less
    /// where the distribution has none; [`Error::Task`] that names the shuffle, from 0; those of
    /// learner and importance; [`Error::Cancelled`].
    pub fn importance(
        &self,
        run: &Run<'_>,
        learner: &dyn Learner,
        importance: &dyn LearnerImportance,
        data: &Dataset,
        players: &Players,
    ) -> Result<TargetPermuted> {
        let least = if self.null == NullDistribution::Empirical { 1 } else { 2 };
        let enough = self.n_permutations >= least;
        require(enough, "n_permutations", self.n_permutations, format!("at least {least}"))?;
        require_shape(
            "the players' list of features",
            &[data.n_features()],
            &[players.n_features()],
        )?;
        let blocks = self.exchange.blocks(data)?;
        // The last task keeps the target.
        let mut found = run.map(self.n_permutations + 1, |task, rng| {
            if task == self.n_permutations {
                let run = run.split(TRUE_TARGET);
                return scores_checked(importance, &run, learner, data, players);
            }
            let shuffled = with_donors(data, &blocks.draw(rng))?;
            scores_checked(importance, &run.split(task as u64), learner, &shuffled, players)
                .map_err(|error| error.in_task(format!("shuffled target {task}")))
        })?;
        let mut importance = found.remove(self.n_permutations);
        let shape = (players.len(), self.n_permutations);
        let null = Array2::from_shape_fn(shape, |(player, repeat)| found[repeat].values[player]);
        let tests = null.rows().into_iter().zip(&importance.values).zip(players.names());
        let tests = tests.map(|((null, &value), name)| {
            self.test(&null.to_vec(), value).map_err(|error| error.in_task(format!("`{name}`")))
        });
        let (p_values, fits): (Vec<f64>, Vec<f64>) =
            tests.collect::<Result<Vec<_>>>()?.into_iter().unzip();
        importance.p_values = Some(p_values);
        importance.seed = Some(run.seed());
        importance.n_evaluations += found.iter().map(|one| one.n_evaluations).sum::<usize>();
        let mut warn = |text: String| importance.warnings.push(Warning::Note(text));
        let n_poor = fits.iter().filter(|&&p| p < 0.05).count();
        if self.null != NullDistribution::Empirical && n_poor > 0 {
            warn(format!(
                "{n_poor} of {} players have a null that the fitted distribution does not \
                 describe: take the empirical one for them",
                players.len()
            ));
        }
        if blocks.n_fixed > 0 {
            warn(format!(
                "{} rows keep their target in every shuffle: no other group has the size of theirs",
                blocks.n_fixed
            ));
        }
        let fit_p_values = (self.null != NullDistribution::Empirical).then_some(fits);
        Ok(TargetPermuted { importance, null, fit_p_values })
    }

    /// The p-value of `value`, and that of the fit.
    fn test(&self, null: &[f64], value: f64) -> Result<(f64, f64)> {
        let as_high = null.iter().filter(|&&other| other >= value).count();
        let empirical = (1 + as_high) as f64 / (null.len() + 1) as f64;
        let positive =
            |distribution: &str| match null.iter().chain([&value]).find(|&&other| other <= 0.0) {
                None => Ok(()),
                Some(other) => Err(Error::Data(format!(
                    "an importance is `{other}`, a {distribution} distribution needs numbers above \
                     0, take another `null`"
                ))),
            };
        match self.null {
            NullDistribution::LogNormal => positive("log-normal")?,
            NullDistribution::Gamma => positive("gamma")?,
            NullDistribution::Empirical | NullDistribution::Normal => {}
        }
        if self.null == NullDistribution::Empirical {
            return Ok((empirical, 1.0));
        }
        // A null that does not vary has no distribution to fit.
        if null.iter().all(|&other| other == null[0]) {
            return Ok((empirical, 0.0));
        }
        Ok(match self.null {
            NullDistribution::Empirical | NullDistribution::Normal => {
                tail(&Normal::new(mean(null.iter()), sample_std(null.iter())), null, value)?
            }
            NullDistribution::LogNormal => {
                let logs: Vec<f64> = null.iter().map(|x| x.ln()).collect();
                let normal = Normal::new(mean(logs.iter()), population_std(logs.iter()));
                tail(&normal, &logs, value.ln())?
            }
            NullDistribution::Gamma => {
                let shape = gamma_shape(null);
                tail(&Gamma::new(shape, shape / mean(null.iter())), null, value)?
            }
        })
    }
}

/// The data whose rows have the target and weight of their donors; groups stay with the rows.
fn with_donors(data: &Dataset, donors: &[usize]) -> Result<Dataset> {
    let shuffled = data.clone().with_target(data.target().select(donors))?;
    match data.weights() {
        None => Ok(shuffled),
        Some(all) => shuffled.with_weights(donors.iter().map(|&row| all[row]).collect()),
    }
}

/// `P(X ≥ value)` of a distribution fitted to `null`, and the p-value of the fit.
fn tail<D: ContinuousCDF<f64, f64>, E: std::error::Error + Clone + Send + Sync + 'static>(
    distribution: &std::result::Result<D, E>,
    null: &[f64],
    value: f64,
) -> Result<(f64, f64)> {
    let fitted = distribution.as_ref().map_err(|error| Error::model(error.clone()))?;
    let mut sorted = null.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len() as f64;
    let distance = sorted.iter().enumerate().fold(0.0_f64, |largest, (i, &x)| {
        let cdf = fitted.cdf(x);
        largest.max(cdf - i as f64 / n).max((i + 1) as f64 / n - cdf)
    });
    Ok((fitted.sf(value), kolmogorov_tail(distance, n)))
}

/// The chance of a larger Kolmogorov–Smirnov distance of `n` values from their distribution, by
/// the limit with Stephens' correction for few values.
fn kolmogorov_tail(distance: f64, n: f64) -> f64 {
    let x = (n.sqrt() + 0.12 + 0.11 / n.sqrt()) * distance;
    if x < 0.3 {
        // The series converges slowly there, and what is left is below 1e-5.
        return 1.0;
    }
    let term = |k: i32| {
        let sign = if k % 2 == 0 { -1.0 } else { 1.0 };
        sign * (-2.0 * f64::from(k * k) * x * x).exp()
    };
    (2.0 * (1..=20).map(term).sum::<f64>()).clamp(0.0, 1.0)
}

/// The shape of the gamma distribution of highest likelihood, by Minka's fast Newton steps.
fn gamma_shape(values: &[f64]) -> f64 {
    let logs: Vec<f64> = values.iter().map(|x| x.ln()).collect();
    // Above 0 for values that differ, but for rounding.
    let spread = (mean(values.iter()).ln() - mean(logs.iter())).max(1e-12);
    let mut shape = 0.5 / spread;
    for _ in 0..50 {
        // ψ′ by a central difference: it only steers the step.
        let step = 1e-4 * shape;
        let slope = (digamma(shape + step) - digamma(shape - step)) / (2.0 * step);
        let excess = shape.ln() - digamma(shape) - spread;
        let next = 1.0 / (1.0 / shape + excess / (shape * shape * (1.0 / shape - slope)));
        let done = (next - shape).abs() <= 1e-12 * shape;
        if !(next.is_finite() && next > 0.0) || done {
            break;
        }
        shape = next;
    }
    shape
}

#[cfg(test)]
mod tests;
