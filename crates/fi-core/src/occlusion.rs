//! Occlusion: how much worse does the model score when a feature is set to a constant?
//!
//! Baseline removal, leave-one-out, no refitting. With a baseline of zeros it is what some papers
//! call *leave one feature out* although nothing is trained again; [`Lofo`](crate::Lofo) retrains.

use ndarray::{Array2, ArrayView1, ArrayView2, Axis};

use crate::attribution::Attribution;
use crate::cost::{Cost, bytes, product};
use crate::dataset::Dataset;
use crate::error::{Error, Result, require_shape};
use crate::importance::Importance;
use crate::metric::Metric;
use crate::model::{Model, predict_checked};
use crate::players::Players;
use crate::run::Run;
use crate::sampling_noise::{Noise, Units};
use crate::scorer::{Scorer, check_parts, interval, only, predict_in_batches, rows_that_count};

const BATCH_ROWS: usize = 16_384;
/// Its intervals are always 95 % ones.
const CONFIDENCE: f64 = 0.95;
/// The stream of the row blocks.
const BLOCKS: u64 = u64::MAX - 1;

/// Scores players by the loss that setting their columns to a baseline causes.
///
/// ```text
/// I(S) = worse( score(f(X), y),  score(f(X with X[i, S] ← baseline[S]), y) )
/// ```
///
/// where `S` is a player's set of columns. `method` of the result is `occlusion`, or
/// `set to zero` if the baseline is all zeros.
///
/// **Interval** ([`Estimand::ModelOnPopulation`](crate::Estimand::ModelOnPopulation)): 95 %
/// Student's t over the increases of the rows' losses, one unit per row or per group of
/// [`Dataset::groups`], rows of weight 0 left out; a jackknife over at most 25 random blocks of rows for metrics that are no
/// mean over rows.
///
/// # Units
///
/// Those of the metric; positive if the player helps.
///
/// # Cost
///
/// `n_rows × (1 + n_players)` predicted rows.
///
/// # When it misleads
///
/// The answer is about one baseline: zero is the mean of a standardised feature, but of others it
/// may be a value that never occurs, and a feature that often *is* at the baseline seems
/// unimportant.
///
/// # Example
///
/// ```
/// use fi_core::{Dataset, Function, Metric, Occlusion, Players, Run, Target};
/// use ndarray::{array, s, ArrayView2};
///
/// let rows = array![[1.0, 5.0], [2.0, 6.0], [3.0, 7.0]];
/// let model = Function::new(2, 1, |rows: ArrayView2<f64>| rows.slice(s![.., 0..1]).to_owned());
/// let data = Dataset::new(rows, Target::Values(vec![1.0, 2.0, 3.0]))?;
/// let players = Players::features(["x0", "x1"])?;
///
/// let occlusion = Occlusion { baseline: vec![0.0, 0.0] };
/// let found = occlusion.importance(&Run::new(0), &model, &data, &players, &[Metric::Mse])?;
/// assert!((found[0].values[0] - 14.0 / 3.0).abs() < 1e-12);
/// assert_eq!(found[0].values[1], 0.0);
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Zeiler, Fergus (2014). *Visualizing and understanding convolutional networks.* ECCV.
///   <https://doi.org/10.1007/978-3-319-10590-1_53>
/// - Covert, Lundberg, Lee (2021). *Explaining by removing.* JMLR 22(209).
///   <https://arxiv.org/abs/2011.14878>
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Occlusion {
    /// One value per feature, NaN for *missing* if the model can; no default fits every table.
    pub baseline: Vec<f64>,
}

impl Occlusion {
    /// With each column's mean over the rows that have a value as the baseline; NaN for a column
    /// that no row has.
    pub fn at_means(rows: ArrayView2<'_, f64>) -> Self {
        let mean = |column: ArrayView1<'_, f64>| {
            let there: Vec<f64> = column.iter().copied().filter(|value| !value.is_nan()).collect();
            there.iter().sum::<f64>() / there.len() as f64
        };
        Self { baseline: rows.columns().into_iter().map(mean).collect() }
    }

    /// What [`Occlusion::attribution`] or [`Occlusion::importance`] of so many rows will cost.
    pub fn cost(&self, n_rows: usize, n_players: usize, n_outputs: usize) -> Cost {
        Cost {
            n_evaluations: product(&[n_rows, n_players.saturating_add(1)]),
            n_trainings: 0,
            // The differences, and once more as they are put together.
            n_bytes: bytes(&[n_rows, n_outputs, n_players, 2]),
            n_bytes_per_thread: bytes(&[n_rows, self.baseline.len() + n_outputs]),
        }
    }

    /// What each player adds to each prediction: `f(x) − f(x with the player's features at the
    /// baseline)`, per row and output. There is no base value: the scores do not add up.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] if baseline, model, rows and players have different features;
    /// [`Error::Task`] that names the player for which the model failed; [`Error::Cancelled`].
    pub fn attribution(
        &self,
        run: &Run<'_>,
        model: &dyn Model,
        rows: ArrayView2<'_, f64>,
        players: &Players,
    ) -> Result<Attribution> {
        require_shape("the table", &[rows.nrows(), model.n_features()], rows.shape())?;
        require_shape("the baseline", &[rows.ncols()], &[self.baseline.len()])?;
        require_shape("the players' table", &[rows.ncols()], &[players.n_features()])?;
        let whole = predict_checked(model, rows)?;
        let differences = run.map(players.len(), |player, _| {
            let mut occluded = rows.to_owned();
            for &column in players.members(player) {
                occluded.column_mut(column).fill(self.baseline[column]);
            }
            let predictions = predict_checked(model, occluded.view()).map_err(|error| {
                error.in_task(format!("occlusion of `{}`", players.names()[player]))
            })?;
            Ok(&whole - &predictions)
        })?;
        let views: Vec<_> = differences.iter().map(|d| d.view().insert_axis(Axis(2))).collect();
        let values = ndarray::concatenate(Axis(2), &views)
            .map_err(|error| Error::Data(error.to_string()))?;
        let base_values = Array2::from_elem(whole.dim(), f64::NAN);
        let mut attribution = Attribution::new("occlusion", players.names(), values, base_values)?;
        attribution.n_evaluations = rows.nrows() * (1 + players.len());
        Ok(attribution)
    }

    /// Scores the players in each metric, in one pass over the predictions.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] if baseline, model, data and players have different features;
    /// [`Error::NotFinite`] for an infinite baseline; [`Error::Data`] without metrics;
    /// [`Error::Metric`] if a metric cannot score this model; [`Error::Task`] that names the
    /// player for which the model failed; [`Error::Cancelled`].
    pub fn importance(
        &self,
        run: &Run<'_>,
        model: &dyn Model,
        data: &Dataset,
        players: &Players,
        metrics: &[Metric],
    ) -> Result<Vec<Importance>> {
        require_shape("the baseline", &[data.n_features()], &[self.baseline.len()])?;
        if let Some(feature) = self.baseline.iter().position(|value| value.is_infinite()) {
            return Err(Error::NotFinite {
                what: "the baseline".to_owned(),
                row: 0,
                column: Some(data.feature_names()[feature].clone()),
                value: self.baseline[feature],
            });
        }
        check_parts(data, players, metrics)?;
        let used = rows_that_count(data);
        let data = &only(data, &used)?;
        let predictions = predict_in_batches(model, data.rows(), BATCH_ROWS, &used)?;
        let units = Units::new(data);
        let blocks = units.blocks(run.split(BLOCKS).seed());
        let scorers = metrics
            .iter()
            .map(|metric| Scorer::new(metric, model, data, &units, &blocks, &predictions))
            .collect::<Result<Vec<_>>>()?;
        let answers = run.map(players.len(), |player, _| {
            let in_task =
                |error: Error| error.in_task(format!("occlusion of `{}`", players.names()[player]));
            let mut rows = data.rows().to_owned();
            for &column in players.members(player) {
                rows.column_mut(column).fill(self.baseline[column]);
            }
            let predictions =
                predict_in_batches(model, rows.view(), BATCH_ROWS, &used).map_err(in_task)?;
            let answer = |scorer: &Scorer<'_>| {
                let answer = scorer.answer(predictions.view(), None)?;
                let error = answer.contributions.and_then(|contributions| {
                    let mut noise = Noise::default();
                    noise.add(&contributions);
                    Some((noise.standard_error(&[])?, noise.degrees_of_freedom()))
                });
                Ok((answer.increase, error))
            };
            scorers.iter().map(answer).collect::<Result<Vec<_>>>().map_err(in_task)
        })?;
        let zero = self.baseline.iter().all(|&value| value == 0.0);
        let method = if zero { "set to zero" } else { "occlusion" };
        let result = |(m, scorer): (usize, &Scorer<'_>)| {
            let values = answers.iter().map(|answer| answer[m].0).collect();
            let mut importance = Importance::new(method, players.names(), values)?;
            importance.n_evaluations = data.n_rows() * (1 + players.len());
            scorer.describe(&mut importance);
            let errors: Option<Vec<_>> = answers.iter().map(|answer| answer[m].1).collect();
            importance.interval =
                errors.map(|errors| interval(&importance.values, &errors, CONFIDENCE));
            let has_interval = importance.interval.is_some();
            importance.warnings.extend(scorer.interval_warning(has_interval));
            Ok(importance)
        };
        scorers.iter().enumerate().map(result).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Function;
    use ndarray::{Axis, array};

    #[test]
    fn a_row_s_score_is_what_the_answer_loses() {
        // a b + c
        let model = Function::new(3, 1, |rows: ArrayView2<'_, f64>| {
            rows.map_axis(Axis(1), |x| x[0] * x[1] + x[2]).insert_axis(Axis(1))
        });
        let groups = [("a", vec![0]), ("a and b", vec![0, 1]), ("c", vec![2])];
        let players = Players::groups(3, groups).unwrap();
        let occlusion = Occlusion { baseline: vec![1.0, 2.0, 0.0] };
        let rows = array![[3.0, 4.0, 5.0], [1.0, 1.0, 0.0]];
        let run = Run::new(0);
        let found = occlusion.attribution(&run, &model, rows.view(), &players).unwrap();
        assert_eq!(found.values, array![[[8.0, 10.0, 5.0]], [[0.0, -1.0, 0.0]]]);
        assert!(found.base_values.iter().all(|base| base.is_nan()));
        let means = Occlusion::at_means(array![[1.0, f64::NAN], [3.0, 4.0]].view());
        assert_eq!(means.baseline, [2.0, 4.0]);
        let short = Occlusion { baseline: vec![0.0] };
        let error = short.attribution(&run, &model, rows.view(), &players).unwrap_err();
        assert_eq!(error.to_string(), "the baseline has shape [1], expected [3]");
    }
}
