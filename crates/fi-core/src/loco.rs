//! LOCO, leave one covariate out: how much larger are the losses of single test rows when the
//! model was trained without a feature?
//!
//! In the recipe *removal × behaviour × summary* it is removal by retraining, the loss of a row,
//! and leave-one-out. Where [`Lofo`](crate::Lofo) asks about a learner and its training sets, this
//! asks about one pair of fitted models (or a few), for which single test rows are a sample: their
//! test assumes nothing of the learner.

use ndarray::Array2;

use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::folds::Folds;
use crate::guards::{groups_across_folds, of_few_units};
use crate::importance::{Estimand, Importance, Interval, Replicate, Warning};
use crate::location::{Located, sign_test, signed_rank_test, student};
use crate::lofo::{Refit, SPLIT, constant_scores, require_others};
use crate::metric::Metric;
use crate::model::Learner;
use crate::players::Players;
use crate::run::Run;
use crate::sampling_noise::{Noise, Units};
use crate::scorer::{check_parts, describe};
use crate::statistics::{check_confidence, mean};

/// What of the rows' differences is estimated and tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Location {
    /// The mean by the rows' weights, with Student's t.
    Mean,
    /// The median, with the sign test: exact for any distribution.
    Median,
    /// The median of the averages of two differences (Hodges and Lehmann), with Wilcoxon's
    /// signed-rank test: sharper than the sign test, and valid where differences lie
    /// symmetrically about their middle.
    PseudoMedian,
}

/// Scores players by what their absence at training adds to the losses of test rows.
///
/// The question is: *what could this learner, on these training rows, not replace by the other
/// features?*
///
/// ```text
/// Δᵢ(S) = ℓ(f₋S(xᵢ), yᵢ) − ℓ(f(xᵢ), yᵢ)        I(S) = location of Δᵢ(S) over the test rows
/// ```
///
/// where `f` is trained with all features, `f₋S` without the player's set `S` of columns, on the
/// same rows by the same seed, and `ℓ` is the row loss of the metric ([`Metric::row_losses`]). With
/// absolute errors ([`Metric::Mae`]) it is the statistic of Lei and others.
///
/// **Interval** ([`Estimand::FittedModelsOnPopulation`]): for the location of `Δ` over the
/// population with both models as they are. Rows with [`Dataset::groups`] count one unit per group
/// (for the mean). With several folds the differences of all test rows are pooled, and the interval
/// is for the average over these pairs of models; that a fold's test rows trained the others is not
/// counted.
///
/// **p-value**: one-sided, of the hypothesis that the location is not above 0: the test of
/// [`Location`], on the differences of losses. (A test of the residuals' means would say nothing:
/// both models have residuals about 0.)
///
/// # Units
///
/// Those of the metric's loss; positive if the player helps, negative if the model without it is
/// better.
///
/// # Cost
///
/// `(n_players + 1) × n_folds` fits. Memory: one copy of the training rows per thread, and a
/// difference per player and test row, which are the replicates.
///
/// # When it misleads
///
/// - Of two features that say the same, each scores near 0: the other stands in. Score them as one
///   group, for instance with [`Players::correlated`].
/// - It says nothing of another training set: the same learner may find another pair of models.
///   For that question take [`Lofo`](crate::Lofo).
/// - A median of 0 or less does not exclude that the player helps much in few rows; a mean may be
///   those few rows.
/// - Where no feature tells anything beyond the others both models are nearly the same, and the
///   mean of differences about 0 is far from normal: the sign test still holds its level.
///
/// # Example
///
/// ```
/// use fi_core::{Dataset, Function, Learner, Loco, Metric, Model, Players, Run, Target};
/// use ndarray::{Array2, ArrayView2, Axis};
///
/// /// Predicts the mean of the features it is given.
/// struct Mean;
/// impl Learner for Mean {
///     fn train(&self, _run: &Run, data: &Dataset) -> fi_core::Result<Box<dyn Model>> {
///         Ok(Box::new(Function::new(data.n_features(), 1, |rows: ArrayView2<f64>| {
///             rows.mean_axis(Axis(1)).unwrap_or_default().insert_axis(Axis(1))
///         })))
///     }
/// }
///
/// // The target is the mean of both features; without the second it is off by (a − b) / 2.
/// let rows = Array2::from_shape_fn((40, 2), |(i, j)| ((i * (3 + 4 * j)) % 20) as f64);
/// let target = rows.rows().into_iter().map(|row| row.sum() / 2.0).collect();
/// let data = Dataset::new(rows, Target::Values(target))?;
/// let players = Players::features(["a", "b"])?;
/// let found =
///     Loco::default().importance(&Run::new(1), &Mean, &data, &players, &[Metric::Mae])?;
/// assert!(found[0].values.iter().all(|&value| value > 1.0));
/// assert!(found[0].p_values.as_ref().is_some_and(|p| p.iter().all(|&p| p < 0.001)));
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Lei, G'Sell, Rinaldo, Tibshirani, Wasserman (2018). *Distribution-free predictive inference
///   for regression.* JASA 113(523), §6. <https://doi.org/10.1080/01621459.2017.1307116>
/// - Hodges, Lehmann (1963). *Estimates of location based on rank tests.* Annals of Mathematical
///   Statistics 34(2). <https://doi.org/10.1214/aoms/1177704172>
///
/// # See also
///
/// [`Lofo`](crate::Lofo), the same for a learner over training sets;
/// [`ConditionalPermutation`](crate::ConditionalPermutation), the same question without refitting.
#[derive(Debug, Clone, PartialEq)]
pub struct Loco {
    /// The training and test rows; default the first of two shuffled folds: one split in halves.
    pub folds: Folds,
    /// What is estimated and tested; default the mean.
    pub location: Location,
    /// The intervals' coverage, inside (0, 1); default 0.95.
    pub confidence: f64,
}

impl Default for Loco {
    fn default() -> Self {
        let halves = Folds::KFold { n_splits: 2, shuffle: true };
        Self { folds: Folds::First(Box::new(halves)), location: Location::Mean, confidence: 0.95 }
    }
}

/// What one model says of the test rows that count: scores and row losses, metric by metric.
struct Tested {
    scores: Vec<f64>,
    losses: Vec<Vec<f64>>,
}

impl Loco {
    /// Scores the players in each metric, with one set of fits for all metrics.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] outside a domain; [`Error::Shape`] if data and players have different
    /// features; [`Error::Data`] without metrics, for a player that holds every feature, for folds
    /// that cannot be made, or for a median of rows that are not independent and equal;
    /// [`Error::Task`] that names player and fold, both from 0, if the learner, its model or a
    /// metric failed there, or the metric is no mean over rows; [`Error::Cancelled`].
    pub fn importance(
        &self,
        run: &Run<'_>,
        learner: &dyn Learner,
        data: &Dataset,
        players: &Players,
        metrics: &[Metric],
    ) -> Result<Vec<Importance>> {
        check_confidence(self.confidence)?;
        check_parts(data, players, metrics)?;
        require_others("loco", data, players)?;
        let folds = self.folds.split(&run.split(SPLIT), data)?;
        let counts = |row: &usize| data.weights().is_none_or(|weights| weights[*row] > 0.0);
        let tested: Vec<usize> =
            folds.iter().flat_map(|fold| &fold.test).copied().filter(counts).collect();
        let rows = TestRows::new(data, &tested)?;
        self.check_rows(&rows)?;
        // Task 0 of each fold keeps all features.
        let per_fold = players.len() + 1;
        let fits = run.map(folds.len() * per_fold, |task, _| {
            let (number, removed) = (task / per_fold, (task % per_fold).checked_sub(1));
            let without = removed.map(|player| players.members(player));
            let seed = run.split(number as u64);
            let refit = Refit::new(&seed, learner, data, &folds[number], without);
            refit.and_then(|refit| test(&refit, metrics)).map_err(|error| {
                let what = removed.map_or("all features".to_owned(), |player| {
                    format!("`{}`", players.names()[player])
                });
                error.in_task(format!("loco of {what}, fold {number}"))
            })
        })?;
        let constants = folds.iter().map(|fold| constant_scores(data, fold, metrics));
        let constants = constants.collect::<Result<Vec<_>>>()?;
        let result = |(m, metric): (usize, &Metric)| {
            let losses = |place: usize| {
                fits.chunks(per_fold).flat_map(move |fold| fold[place].losses[m].iter())
            };
            let mut replicates = Array2::zeros((players.len(), tested.len()));
            for (player, mut row) in replicates.outer_iter_mut().enumerate() {
                let pairs = losses(1 + player).zip(losses(0));
                row.iter_mut().zip(pairs).for_each(|(to, (without, with))| *to = without - with);
            }
            let located: Vec<Located> = replicates
                .outer_iter()
                .map(|row| rows.locate(&row.to_vec(), self.location, self.confidence))
                .collect();
            let names = players.names();
            let mut importance =
                Importance::from_replicates("LOCO", names, replicates, Replicate::Row)?;
            importance.values = located.iter().map(|located| located.value).collect();
            importance.seed = Some(run.seed());
            importance.n_evaluations = fits.len();
            let base: Vec<f64> = fits.chunks(per_fold).map(|fold| fold[0].scores[m]).collect();
            let constant: Option<Vec<f64>> = constants.iter().map(|of_fold| of_fold[m]).collect();
            let constant = constant.map(|of_folds| mean(of_folds.iter()));
            describe(&mut importance, metric, mean(base.iter()), constant);
            importance.warnings.extend(groups_across_folds(data, &folds));
            importance.p_values = located.iter().map(|located| located.p_value).collect();
            let ends: Option<Vec<(f64, f64)>> =
                located.iter().map(|located| located.interval).collect();
            if let Some(ends) = ends {
                let (low, high) = ends.into_iter().unzip();
                let (estimand, confidence) = (Estimand::FittedModelsOnPopulation, self.confidence);
                importance.interval = Some(Interval { estimand, confidence, low, high });
                // The tests of medians are exact.
                if self.location == Location::Mean {
                    importance.warnings.extend(of_few_units(rows.units.len()));
                }
            } else {
                importance.warnings.push(Warning::Note(format!(
                    "{} test rows or groups of rows are too few for an interval of {}",
                    rows.units.len(),
                    self.confidence
                )));
            }
            Ok(importance)
        };
        metrics.iter().enumerate().map(result).collect()
    }

    /// The tests of medians are for independent rows that count the same.
    fn check_rows(&self, rows: &TestRows) -> Result<()> {
        let even = |weights: &Vec<f64>| weights.iter().all(|weight| *weight == weights[0]);
        let plain = rows.units.len() == rows.n_rows && rows.weights.as_ref().is_none_or(even);
        if self.location == Location::Mean || plain {
            return Ok(());
        }
        Err(Error::Data(
            "medians of differences have no test where rows belong to groups, have weights or are \
             tested twice, take `Location::Mean`"
                .to_owned(),
        ))
    }
}

/// The test rows of all folds, one after the other.
struct TestRows {
    n_rows: usize,
    weights: Option<Vec<f64>>,
    units: Units,
}

impl TestRows {
    /// A row that is tested twice is one unit.
    fn new(data: &Dataset, tested: &[usize]) -> Result<Self> {
        let names = data.groups().map_or_else(
            || tested.to_vec(),
            |groups| tested.iter().map(|&row| groups[row]).collect(),
        );
        let rows = data.select_rows(tested)?.with_groups(names)?;
        let weights = rows.weights().map(<[f64]>::to_vec);
        Ok(Self { n_rows: tested.len(), weights, units: Units::new(&rows) })
    }

    fn locate(&self, differences: &[f64], location: Location, confidence: f64) -> Located {
        if location != Location::Mean {
            let mut sorted = differences.to_vec();
            sorted.sort_by(f64::total_cmp);
            return match location {
                Location::Median => sign_test(&sorted, confidence),
                _ => signed_rank_test(&sorted, confidence),
            };
        }
        let weights = self.weights.as_deref();
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
        let total: f64 = (0..self.n_rows).map(weight).sum();
        let weighted = differences.iter().enumerate().map(|(row, x)| weight(row) * x);
        let value = weighted.sum::<f64>() / total;
        let mut noise = Noise::default();
        noise.add(&self.units.contributions(differences, weights, None));
        let error = noise.standard_error(&[value]);
        student(value, error.map(|error| (error, noise.degrees_of_freedom())), confidence)
    }
}

/// Scores a model, and takes the losses of the test rows that count.
fn test(refit: &Refit, metrics: &[Metric]) -> Result<Tested> {
    let scores = refit.scores(metrics)?;
    let losses = |metric: &Metric| {
        let (predictions, target) = (refit.predictions.view(), refit.test.target());
        let losses = metric.row_losses(predictions, refit.output, target)?;
        let losses = losses.ok_or_else(|| Error::Metric {
            metric: metric.name(),
            needs:
                "to be a mean over rows for differences of rows' losses, as MSE, MAE, log loss, \
                    Brier score and accuracy are"
                    .to_owned(),
            got: "a metric of all rows together: take LOFO instead".to_owned(),
        })?;
        let counts = |row: usize| refit.test.weights().is_none_or(|weights| weights[row] > 0.0);
        let kept = losses.into_iter().enumerate().filter(|(row, _)| counts(*row));
        Ok(kept.map(|(_, loss)| loss).collect())
    };
    Ok(Tested { scores, losses: metrics.iter().map(losses).collect::<Result<_>>()? })
}
