//! The loss on a data set as a game: how much better the model scores with a coalition's features.

use std::borrow::Cow;

use ndarray::{Array2, ArrayView2, Axis};

use crate::dataset::Dataset;
use crate::error::{Error, Result, require_shape};
use crate::game::{Game, PredictionGame, Removal};
use crate::metric::Metric;
use crate::model::{Model, Output};
use crate::players::{Players, Shown};
use crate::scorer::{check_parts, check_score, only, predict_in_batches, rows_that_count};

const BATCH_ROWS: usize = 16_384;

/// The loss on a data set as a game, whose Shapley values are SAGE values.
///
/// ```text
/// v(S) = Σᵢ wᵢ [ℓ(f̄ᵢ(none), yᵢ) − ℓ(f̄ᵢ(S), yᵢ)] / Σᵢ wᵢ
///
/// f̄ᵢ(S)    the prediction of row i when the model knows the features of S alone: the mean over
///          what stands in for the others, as in [`PredictionGame`]
/// ℓ, yᵢ    the metric's loss of one row, and that row's target
/// wᵢ       the row's weight; one of weight 0 counts as absent
/// ```
///
/// It is the loss *of the mean prediction*. Permutation importance watches the mean of the losses
/// of single shuffled rows, which is larger for a convex loss. There is one output per metric, and nobody is worth 0.
///
/// # Units
///
/// Those of the metrics; positive where the loss falls. Accuracy counts what is lost of it.
///
/// # Cost
///
/// `n_rows · n_background` predicted rows per coalition. [`Sage`](super::Sage) asks for far fewer.
///
/// # When it misleads
///
/// As [`Removal`], and [`Sage`](super::Sage).
///
/// # Example
///
/// ```
/// use fi_core::shapley::{Estimator, Exact};
/// use fi_core::{Dataset, Function, LossGame, Metric, Players, Removal, Run, Target};
/// use ndarray::{Axis, array, s};
///
/// // The model is right, and uses the first column alone.
/// let rows = array![[-1.0, 5.0], [1.0, 5.0], [-1.0, 7.0], [1.0, 9.0]];
/// let model = Function::new(2, 1, |rows| rows.slice(s![.., ..1]).to_owned());
/// let data = Dataset::new(rows.clone(), Target::Values(rows.column(0).to_vec()))?;
/// let players = Players::features(["a", "b"])?;
/// let background = Removal::marginal(rows)?;
/// let game = LossGame::new(&model, &data, &players, &background, &[Metric::Mse])?;
/// let sage = Exact.estimate(&Run::new(0), &game)?;
/// // Without `a` the mean is predicted, which costs the variance.
/// assert_eq!(sage.values, array![[1.0, 0.0]]);
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Covert, Lundberg, Lee (2020). *Understanding global feature contributions with additive
///   importance measures.* NeurIPS 33. <https://arxiv.org/abs/2004.00668>
pub struct LossGame<'a> {
    pub(super) model: &'a dyn Model,
    pub(super) data: Cow<'a, Dataset>,
    pub(super) players: &'a Players,
    pub(super) removal: &'a Removal,
    metrics: &'a [Metric],
    /// The rows' numbers in the caller's table.
    pub(super) row_names: Vec<usize>,
    /// The rows' shares of the weight.
    pub(super) shares: Vec<f64>,
    /// The losses `(n_rows, n_metrics)` with all players and with none.
    pub(super) all: Array2<f64>,
    pub(super) none: Array2<f64>,
    /// The predictions with no player.
    pub(super) nobody: Array2<f64>,
    pub(super) shown: Shown<'a>,
    /// The untouched predictions.
    pub(super) predictions: Array2<f64>,
}

impl<'a> LossGame<'a> {
    /// The game of `data`, in each metric.
    ///
    /// # Errors
    ///
    /// [`Error::Metric`] for a metric that is no mean over rows, or cannot score this model, and
    /// for a model of labels, which have no mean; [`Error::Data`] without metrics;
    /// [`Error::Shape`] unless model, players, data and removal have the same features; what the
    /// constructors of [`Removal`] refuse; the model's.
    pub fn new(
        model: &'a dyn Model,
        data: &'a Dataset,
        players: &'a Players,
        removal: &'a Removal,
        metrics: &'a [Metric],
    ) -> Result<Self> {
        check_parts(data, players, metrics)?;
        require_shape("the table", &[data.n_rows(), model.n_features()], data.rows().shape())?;
        // A mistake in the settings is not the fault of the first row.
        let missing = ndarray::Array1::from_elem(model.n_features(), f64::NAN);
        PredictionGame::new(model, players, missing.view(), removal)?;
        if matches!(model.output(), Output::Labels) {
            return Err(Error::Metric {
                metric: metrics[0].name(),
                needs: "predictions that have a mean: values, margins or probabilities".to_owned(),
                got: "a model whose output is labels".to_owned(),
            });
        }
        let row_names = rows_that_count(data);
        let data = only(data, &row_names)?;
        let n_rows = data.n_rows();
        let total: f64 = data.weights().map_or(n_rows as f64, |weights| weights.iter().sum());
        let share = |row: usize| data.weights().map_or(1.0, |weights| weights[row]) / total;
        let shares = (0..n_rows).map(share).collect();
        let predictions = predict_in_batches(model, data.rows(), BATCH_ROWS, &row_names)?;
        let empty = Array2::zeros((0, 0));
        let mut game = Self {
            model,
            data,
            players,
            removal,
            metrics,
            row_names,
            shares,
            all: empty.clone(),
            none: empty.clone(),
            nobody: empty,
            shown: Shown::new(players),
            predictions,
        };
        let every: Vec<usize> = (0..n_rows).collect();
        game.all = game.losses(&every, game.predictions.view())?;
        for (row, losses) in game.all.outer_iter().enumerate() {
            for (metric, &loss) in metrics.iter().zip(losses) {
                check_score(metric, loss).map_err(|error| game.in_row(row, error))?;
            }
        }
        game.nobody = game.predict_nobody()?;
        game.none = game.losses(&every, game.nobody.view())?;
        Ok(game)
    }

    /// Whether every feature has a player, so that nobody predicts the same for every row.
    pub(super) fn nobody_is_one(&self) -> bool {
        !self.shown.any_always()
    }

    /// The rows' predictions with no player.
    fn predict_nobody(&self) -> Result<Array2<f64>> {
        let nobody = Array2::from_elem((1, self.players.len()), false);
        let n_rows = self.data.n_rows();
        let n_asked = if self.nobody_is_one() { 1 } else { n_rows };
        let mut means = Array2::zeros((n_rows, self.model.n_outputs()));
        for row in 0..n_asked {
            let mean = self.prediction_game(row).and_then(|game| game.values(nobody.view()));
            means.row_mut(row).assign(&mean.map_err(|error| self.in_row(row, error))?.row(0));
        }
        if self.nobody_is_one() {
            let first = means.row(0).to_owned();
            means.outer_iter_mut().for_each(|mut mean| mean.assign(&first));
        }
        Ok(means)
    }

    /// The loss `(n, n_metrics)` of each prediction, that of row `rows[i]` being number `i`.
    pub(super) fn losses(
        &self,
        rows: &[usize],
        predictions: ArrayView2<'_, f64>,
    ) -> Result<Array2<f64>> {
        let target = self.data.target().select(rows);
        let mut losses = Array2::zeros((rows.len(), self.metrics.len()));
        for (metric, mut column) in self.metrics.iter().zip(losses.columns_mut()) {
            let of_rows = metric.row_losses_from(predictions, self.model.output(), &target, 0)?;
            let of_rows = of_rows.ok_or_else(|| Error::Metric {
                metric: metric.name(),
                needs: "to be a mean over rows, such as MSE, MAE, log loss or Brier score"
                    .to_owned(),
                got: "a score of all rows together".to_owned(),
            })?;
            column.iter_mut().zip(of_rows).for_each(|(to, loss)| *to = loss);
        }
        Ok(losses)
    }

    /// One row's predictions as a game.
    pub(super) fn prediction_game(&self, row: usize) -> Result<PredictionGame<'_>> {
        PredictionGame::new(self.model, self.players, self.data.rows().row(row), self.removal)
    }

    /// Says by its number in the caller's table in which row something went wrong.
    pub(super) fn in_row(&self, row: usize, error: Error) -> Error {
        error.in_task(format!("row {}", self.row_names[row]))
    }

    /// How many synthetic rows one coalition of one row is predicted with.
    pub(super) fn completions(&self) -> usize {
        self.prediction_game(0).map_or(1, |game| game.cost())
    }

    /// How many rows the model predicted to make it.
    pub(super) fn n_evaluated(&self) -> usize {
        let n_rows = self.data.n_rows();
        n_rows + if self.nobody_is_one() { 1 } else { n_rows } * self.completions()
    }

    pub(super) fn metrics(&self) -> &'a [Metric] {
        self.metrics
    }
}

impl Game for LossGame<'_> {
    fn n_players(&self) -> usize {
        self.players.len()
    }

    fn n_outputs(&self) -> usize {
        self.metrics.len()
    }

    fn values(&self, coalitions: ArrayView2<'_, bool>) -> Result<Array2<f64>> {
        let mut worth = Array2::zeros((coalitions.nrows(), self.metrics.len()));
        for (row, &share) in self.shares.iter().enumerate() {
            let rows = vec![row; coalitions.nrows()];
            let losses = self
                .prediction_game(row)
                .and_then(|game| game.values(coalitions))
                .and_then(|means| self.losses(&rows, means.view()))
                .map_err(|error| self.in_row(row, error))?;
            worth.scaled_add(share, &(&self.none.row(row).insert_axis(Axis(0)) - &losses));
        }
        Ok(worth)
    }

    fn cost(&self) -> usize {
        self.data.n_rows() * self.completions()
    }
}
