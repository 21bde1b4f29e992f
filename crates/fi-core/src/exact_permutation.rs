//! The expected permutation importance over all permutations of the rows, without drawing any.
//!
//! Under a uniform permutation every row is as likely a row's donor as any other, itself too. For
//! a metric that is a mean over rows the expectation therefore needs no permutation: it is the
//! mean over all pairs of a row and a donor.

use ndarray::{Array2, ArrayView2};

use crate::dataset::Dataset;
use crate::error::{Error, Result, require, require_shape};
use crate::importance::Importance;
use crate::metric::Metric;
use crate::model::{Model, predict_checked};
use crate::players::Players;
use crate::run::Run;
use crate::sampling_noise::{Noise, Units};
use crate::scorer::{Scorer, check_parts, interval, only, predict_in_batches, rows_that_count};
use crate::statistics::check_confidence;

/// Scores players by the loss that shuffling them causes on average over all permutations.
///
/// ```text
/// I(S) = ∑ᵢ wᵢ [ (1/n) ∑ⱼ ℓ(f(xᵢ with xᵢ,S ← xⱼ,S), yᵢ)  −  ℓ(f(xᵢ), yᵢ) ] / ∑ᵢ wᵢ
/// ```
///
/// where `ℓ` is the row loss of the metric ([`Metric::row_losses`]), `S` a player's set of
/// columns and `j` runs over all `n` rows, `i` too. It is what the mean of
/// [`Permutation`](crate::Permutation)'s repeats converges to.
///
/// **Interval** ([`Estimand::ModelOnPopulation`](crate::Estimand::ModelOnPopulation)): value ±
/// Student's t × standard error; the test rows are a sample, as targets and as donors, and no
/// shuffle adds noise. With `d(i, j)` the increase of row `i`'s loss by donor `j`,
///
/// ```text
/// c(i) = meanⱼ d(i, j) + meanⱼ d(j, i) − 2 I          se² = Varᵢ(c(i)) / n
/// ```
///
/// Rows with [`Dataset::groups`] count one unit per group. There are no p-values and no
/// replicates, as nothing is drawn.
///
/// # Units
///
/// Those of the metric's loss; positive if the player helps.
///
/// # Cost
///
/// For any model `n_rows² × n_players` predicted rows. Trees need far less:
/// `fi_models::tree::exact_permutation`.
///
/// # When it misleads
///
/// As [`Permutation`](crate::Permutation).
///
/// # Example
///
/// ```
/// use fi_core::{Dataset, ExactPermutation, Function, Metric, Players, Run, Target};
/// use ndarray::{array, s, ArrayView2};
///
/// // f = x0, and 0, 2 are equally likely: a half of all donors makes an error of 2² = 4.
/// let rows = array![[0.0, 5.0], [2.0, 6.0]];
/// let model = Function::new(2, 1, |rows: ArrayView2<f64>| rows.slice(s![.., 0..1]).to_owned());
/// let data = Dataset::new(rows, Target::Values(vec![0.0, 2.0]))?;
/// let players = Players::features(["x0", "x1"])?;
/// let exact = ExactPermutation::default();
/// let importance = exact.importance(&Run::new(0), &model, &data, &players, &[Metric::Mse])?;
/// assert_eq!(importance[0].values, [2.0, 0.0]);
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Fisher, Rudin, Dominici (2019). *All models are wrong, but many are useful.* JMLR 20(177),
///   §3: this is `e_switch` with the pairs of a row and itself. <https://arxiv.org/abs/1801.01489>
/// - van der Vaart (1998). *Asymptotic statistics*, ch. 12 (U-statistics).
///   <https://doi.org/10.1017/CBO9780511802256>
#[derive(Debug, Clone, PartialEq)]
pub struct ExactPermutation {
    /// The intervals' coverage, inside (0, 1); default 0.95.
    pub confidence: f64,
    /// How many rows the model predicts at once, at least 1; default 16 384. The answer does not
    /// depend on it.
    pub batch_rows: usize,
}

impl Default for ExactPermutation {
    fn default() -> Self {
        Self { confidence: 0.95, batch_rows: 16_384 }
    }
}

/// What the pairs of a row and a donor add up to, for one metric.
#[derive(Debug, Clone, PartialEq)]
pub struct PairMeans {
    /// `(n_players, n_rows)`: by how much a row's loss increases on average over its donors.
    pub targets: Array2<f64>,
    /// `(n_players, n_rows)`: by how much the rows' losses increase on weighted average, if
    /// all of them have this donor.
    pub donors: Array2<f64>,
}

/// Where [`ExactPermutation`] gets the means over pairs of rows from.
pub trait PairLosses: Sync {
    /// The means for each metric. `losses` are those of the untouched rows, one list per metric.
    ///
    /// # Errors
    ///
    /// Whatever makes a pair impossible to score.
    fn means(
        &self,
        run: &Run<'_>,
        data: &Dataset,
        players: &Players,
        metrics: &[Metric],
        losses: &[Vec<f64>],
    ) -> Result<Vec<PairMeans>>;
}

impl ExactPermutation {
    /// Scores the players in each metric.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] outside a domain; [`Error::Shape`] if model, data and players have
    /// different features; [`Error::TooFewRows`] with fewer than 2 rows that count;
    /// [`Error::Data`] without metrics; [`Error::Metric`] if a metric is no mean over rows or
    /// cannot score this model; [`Error::Task`] that names the player with which the model
    /// failed; [`Error::Cancelled`].
    pub fn importance(
        &self,
        run: &Run<'_>,
        model: &dyn Model,
        data: &Dataset,
        players: &Players,
        metrics: &[Metric],
    ) -> Result<Vec<Importance>> {
        let pairs = AllPairs { model, batch_rows: self.batch_rows };
        self.importance_by(run, model, data, players, metrics, &pairs)
    }

    /// As [`ExactPermutation::importance`], where the means over pairs come from a way of the
    /// caller's that is faster than predicting all pairs.
    ///
    /// # Errors
    ///
    /// As for [`ExactPermutation::importance`], and those of `pairs`.
    pub fn importance_by(
        &self,
        run: &Run<'_>,
        model: &dyn Model,
        data: &Dataset,
        players: &Players,
        metrics: &[Metric],
        pairs: &dyn PairLosses,
    ) -> Result<Vec<Importance>> {
        require(self.batch_rows >= 1, "batch_rows", self.batch_rows, "at least 1")?;
        check_confidence(self.confidence)?;
        check_parts(data, players, metrics)?;
        let used = rows_that_count(data);
        if used.len() < 2 {
            let what = "permutation importance".to_owned();
            return Err(Error::TooFewRows { what, needed: 2, got: used.len() });
        }
        let data = &only(data, &used)?;
        let predictions = predict_in_batches(model, data.rows(), self.batch_rows, &used)?;
        let units = Units::new(data);
        let scorers = metrics
            .iter()
            .map(|metric| Scorer::new(metric, model, data, &units, &units, &predictions))
            .collect::<Result<Vec<_>>>()?;
        let losses = scorers
            .iter()
            .zip(metrics)
            .map(|(scorer, metric)| {
                scorer.losses().map(<[f64]>::to_vec).ok_or_else(|| Error::Metric {
                    metric: metric.name(),
                    needs: "to be a mean over rows for an exact expectation, as MSE, MAE, log \
                            loss, Brier score and accuracy are"
                        .to_owned(),
                    got: "a metric of all rows together: draw permutations instead".to_owned(),
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let means = pairs.means(run, data, players, metrics, &losses)?;
        require_shape("the list of means over pairs", &[metrics.len()], &[means.len()])?;
        let results = scorers.iter().zip(means);
        results.map(|(scorer, means)| self.finish(data, players, &units, scorer, &means)).collect()
    }

    fn finish(
        &self,
        data: &Dataset,
        players: &Players,
        units: &Units,
        scorer: &Scorer<'_>,
        means: &PairMeans,
    ) -> Result<Importance> {
        let shape = [players.len(), data.n_rows()];
        require_shape("the means over donors", &shape, means.targets.shape())?;
        require_shape("the means over targets", &shape, means.donors.shape())?;
        let weight = |row: usize| data.weights().map_or(1.0, |weights| weights[row]);
        let total: f64 = (0..data.n_rows()).map(weight).sum();
        let (mut values, mut errors) = (Vec::new(), Vec::new());
        for (targets, donors) in means.targets.rows().into_iter().zip(means.donors.rows()) {
            let (targets, donors) = (targets.to_vec(), donors.to_vec());
            let weighted = targets.iter().enumerate().map(|(row, &mean)| weight(row) * mean);
            let value = weighted.sum::<f64>() / total;
            let mut contributions = units.contributions(&targets, data.weights(), None);
            units.add_donors(&donors, value, &mut contributions);
            let mut noise = Noise::default();
            noise.add(&contributions);
            values.push(value);
            let error = noise.standard_error(&[value]);
            errors.push(error.map(|error| (error, noise.degrees_of_freedom())));
        }
        let mut importance = Importance::new("exact_permutation", players.names(), values)?;
        importance.n_evaluations = data.n_rows() * (1 + data.n_rows() * players.len());
        scorer.describe(&mut importance);
        let errors: Option<Vec<_>> = errors.into_iter().collect();
        importance.interval =
            errors.map(|errors| interval(&importance.values, &errors, self.confidence));
        let has_interval = importance.interval.is_some();
        importance.warnings.extend(scorer.interval_warning(has_interval));
        Ok(importance)
    }
}

/// The plain way, for any model: predicts every row with every donor.
struct AllPairs<'a> {
    model: &'a dyn Model,
    batch_rows: usize,
}

impl PairLosses for AllPairs<'_> {
    fn means(
        &self,
        run: &Run<'_>,
        data: &Dataset,
        players: &Players,
        metrics: &[Metric],
        losses: &[Vec<f64>],
    ) -> Result<Vec<PairMeans>> {
        let n_rows = data.n_rows();
        let answers = run.map(players.len(), |player, _| {
            let answer = self.player(data, players.members(player), metrics, losses);
            answer.map_err(|error| {
                error.in_task(format!("permutations of `{}`", players.names()[player]))
            })
        })?;
        let zeros = || Array2::zeros((players.len(), n_rows));
        let mut means: Vec<PairMeans> =
            metrics.iter().map(|_| PairMeans { targets: zeros(), donors: zeros() }).collect();
        for (player, answer) in answers.into_iter().enumerate() {
            for (means, (targets, donors)) in means.iter_mut().zip(answer) {
                means.targets.row_mut(player).iter_mut().zip(targets).for_each(|(to, x)| *to = x);
                means.donors.row_mut(player).iter_mut().zip(donors).for_each(|(to, x)| *to = x);
            }
        }
        Ok(means)
    }
}

impl AllPairs<'_> {
    /// Of one player: the means over donors and over targets, for each metric.
    fn player(
        &self,
        data: &Dataset,
        members: &[usize],
        metrics: &[Metric],
        losses: &[Vec<f64>],
    ) -> Result<Vec<(Vec<f64>, Vec<f64>)>> {
        let (rows, n_rows) = (data.rows(), data.n_rows());
        let weight = |row: usize| data.weights().map_or(1.0, |weights| weights[row]);
        let total: f64 = (0..n_rows).map(weight).sum();
        let mut means = vec![(vec![0.0; n_rows], vec![0.0; n_rows]); metrics.len()];
        let mut batch = Array2::zeros((self.batch_rows.min(n_rows), data.n_features()));
        for row in 0..n_rows {
            for start in (0..n_rows).step_by(self.batch_rows) {
                let end = (start + self.batch_rows).min(n_rows);
                for donor in start..end {
                    let mut into = batch.row_mut(donor - start);
                    into.assign(&rows.row(row));
                    for &column in members {
                        into[column] = rows[[donor, column]];
                    }
                }
                let batch: ArrayView2<'_, f64> = batch.slice(ndarray::s![..end - start, ..]);
                let predictions = predict_checked(self.model, batch)?;
                let target = data.target().select(&vec![row; end - start]);
                for ((metric, untouched), (targets, donors)) in
                    metrics.iter().zip(losses).zip(&mut means)
                {
                    let output = self.model.output();
                    let after = metric.row_losses(predictions.view(), output, &target)?;
                    for (donor, loss) in (start..end).zip(after.unwrap_or_default()) {
                        let increase = loss - untouched[row];
                        targets[row] += increase / n_rows as f64;
                        donors[donor] += weight(row) * increase / total;
                    }
                }
            }
        }
        Ok(means)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Target;
    use crate::model::Function;
    use crate::permutation::Permutation;
    use crate::rng::Rng;
    use ndarray::Axis;

    fn data(n: usize) -> (Dataset, impl Model) {
        let rng = &mut Rng::new(4, 0);
        let rows = Array2::from_shape_simple_fn((n, 2), || rng.normal());
        let target = rows.rows().into_iter().map(|row| row[0] + 0.5 * rng.normal()).collect();
        let weights = (0..n).map(|row| f64::from(row as u32 % 3)).collect();
        let data = Dataset::new(rows, Target::Values(target)).unwrap().with_weights(weights);
        let predict = |rows: ArrayView2<'_, f64>| {
            (&rows.column(0) * &rows.column(1).mapv(f64::exp)).insert_axis(Axis(1))
        };
        (data.unwrap(), Function::new(2, 1, predict))
    }

    #[test]
    fn repeats_converge_to_it_and_its_interval_is_theirs_without_their_noise() {
        let (data, model) = data(60);
        let players = Players::groups(2, [("a", vec![0]), ("b", vec![1]), ("ab", vec![0, 1])]);
        let (players, run) = (players.unwrap(), Run::new(1));
        let metrics = [Metric::Mse, Metric::Mae];
        let exact = ExactPermutation { batch_rows: 7, ..Default::default() };
        let exact = exact.importance(&run, &model, &data, &players, &metrics).unwrap();
        let drawn = Permutation { n_repeats: 3_000, ..Default::default() };
        let drawn = drawn.importance(&run, &model, &data, &players, &metrics).unwrap();
        for (exact, drawn) in exact.iter().zip(&drawn) {
            let (a, b) = (exact.interval.as_ref().unwrap(), drawn.interval.as_ref().unwrap());
            for player in 0..3 {
                let spread = drawn.std.as_ref().unwrap()[player];
                let error = (exact.values[player] - drawn.values[player]).abs();
                assert!(error < 4.0 * spread / 3_000_f64.sqrt(), "{exact:?} {drawn:?}");
                let widths = (a.high[player] - a.low[player], b.high[player] - b.low[player]);
                assert!((widths.0 / widths.1 - 1.0).abs() < 0.05, "{widths:?}");
            }
        }
    }

    #[test]
    fn a_metric_that_is_no_mean_over_rows_is_refused_in_a_sentence() {
        let (data, model) = data(10);
        let players = Players::features(["a", "b"]).unwrap();
        let refused = ExactPermutation::default()
            .importance(&Run::new(0), &model, &data, &players, &[Metric::R2])
            .unwrap_err();
        assert_eq!(
            refused.to_string(),
            "`R²` needs to be a mean over rows for an exact expectation, as MSE, MAE, log loss, \
             Brier score and accuracy are, but got a metric of all rows together: draw \
             permutations instead"
        );
    }
}
