//! LIME for tables: which line fits the model best in the neighbourhood of a row?
//!
//! Samples are drawn from the training rows' columns, each column on its own, and described by
//! simple coordinates: is the sample in the row's bin, of the row's category? A ridge regression
//! of the model's predictions on these coordinates, in which samples count by how close they are
//! to the row, gives each feature a coefficient.
//!
//! What is drawn does not depend on the row, only how a sample looks from there does. So samples
//! are drawn and predicted once for all rows, and a row costs the sums of its own weighted
//! products, from which all outputs are fitted. Only what moves with the row (a normal
//! [`Around::Instance`], features of no player) is predicted again for each.

mod columns;
mod entropy;
mod explanation;
mod local;
mod neighbourhood;
mod select;
#[cfg(test)]
mod tests;

pub use columns::{Around, Discretizer};
pub use explanation::{Explanation, Stability};
pub use select::Selection;

use ndarray::{Array2, Array3, ArrayView1, ArrayView2};

use columns::Column;
use local::LocalFit;
use neighbourhood::{Instance, Neighbourhoods};

use crate::attribution::Attribution;
use crate::dataset::Dataset;
use crate::error::{Error, Result, require, require_shape};
use crate::model::{Model, Output};
use crate::players::Players;
use crate::run::Run;
use crate::scorer::{only, predict_in_batches, rows_that_count};
use crate::statistics::{mean, sample_std};

/// How many rows to explain the model predicts at once.
const BATCH_ROWS: usize = 1 << 14;

/// Local interpretable model-agnostic explanations (LIME) of rows of a table.
///
/// ```text
/// β = argmin over (β₀, β) of  Σₛ w(zₛ) (f(xₛ) − β₀ − β · zₛ)²  +  λ |β|²
/// w(z) = √exp(−|z − z(x)|² / width²)
///
/// x, z(x)  the row, and its coordinates, one per player
/// xₛ, zₛ   sample s, and its coordinates; one sample is the row itself
/// f        the model, each output on its own
/// λ        the penalty
/// ```
///
/// With **bins** (and for categories) a coordinate is 1 if the sample is where the row is, in all
/// features of the player, and else 0. A bin, *missing* or a category is drawn by its share among
/// the training rows; inside a bin the value is drawn from a normal with the mean and standard
/// deviation of the bin's training values, cut off at the bin's ends. **Continuous** columns are
/// drawn from a normal, and the coordinate is `(value − mean) / standard deviation` of the
/// training rows.
///
/// A **missing** value (NaN) is a state of its own, drawn as often as training rows have it. In a
/// continuous column a missing sample counts as the mean, unless the row is missing there, too:
/// then the coordinate is whether the sample is. A bin or category that no training row has is
/// never drawn.
///
/// Samples, and so their errors, are shared by all rows: a row's values do not depend on where it
/// stands or on the other rows. Training rows count by their weights; the target is not used but by
/// [`Discretizer::Entropy`].
///
/// Values are those of lime 0.2.0.1 in expectation, but where it errs: a bin of a single value gives
/// that value (there: 0), and a continuous column that is constant stays so (there: noise).
///
/// # Units
///
/// With bins the prediction's: how much more the fit says where the row is than elsewhere. Of
/// continuous columns the prediction's per standard deviation of the column: a slope, whatever the
/// row's value.
///
/// # Shapes
///
/// Values are `(n_rows, n_outputs, n_players)`. With bins, base value and values add up to the
/// fit's prediction of the row, which is not the model's.
///
/// # Cost
///
/// `n_repeats × (n_samples − 1)` predicted rows for all rows together, and as many for each row if
/// columns are drawn around the instance or features belong to no player. For each row and repeat
/// `n_samples × (n_players + n_outputs)²` multiplications, and `n_players³` for a fit. Memory:
/// the samples' states and predictions, `n_repeats × n_samples × (n_features + n_outputs)`
/// numbers (twice as many features where rows are predicted again).
///
/// # When it misleads
///
/// - The kernel's width is a choice without a right answer, and other widths give other values,
///   even of other signs. Narrow kernels leave the penalty to say 0: see
///   [`Explanation::effective_samples`].
/// - Columns are drawn independently of each other, so the model is asked about rows that cannot
///   occur, and inside bins about values (2.4 children) that cannot.
/// - A bin is all that the fit sees of a column: an effect inside the row's bin is invisible, and
///   outside all other bins count as one.
/// - Another seed selects other features: look at [`Explanation::stability`].
/// - Low [`Explanation::r2`]: no line fits, so its coefficients describe nothing.
///
/// # Example
///
/// ```
/// use fi_core::lime::Lime;
/// use fi_core::{Dataset, Function, Players, Run, Target};
/// use ndarray::{Array2, ArrayView2, array, s};
///
/// // The model looks at the sign of the first column alone.
/// let rows = Array2::from_shape_fn((200, 2), |(i, j)| ((i * (7 + 6 * j)) % 200) as f64 - 99.5);
/// let model = Function::new(2, 1, |x: ArrayView2<f64>| {
///     x.slice(s![.., ..1]).mapv(|value| f64::from(value > 0.0))
/// });
/// let data = Dataset::new(rows, Target::Values(vec![0.0; 200]))?.with_feature_names(["a", "b"])?;
///
/// let explainer = Lime { n_repeats: 3, ..Default::default() }.fit(&data)?;
/// let players = Players::features(["a", "b"])?;
/// let found = explainer.explain(&Run::new(0), &model, array![[75.0, 0.5]].view(), &players)?;
/// assert_eq!(found.conditions[0], ["a > 49.75", "0 < b ≤ 49.75"]);
/// // In the upper quarter of `a` it is 1, in the others 1/3 on average.
/// assert!((found.attribution.values[[0, 0, 0]] - 2.0 / 3.0).abs() < 0.02);
/// assert!(found.attribution.values[[0, 0, 1]].abs() < 0.02);
/// assert!(found.r2[[0, 0]] < 0.5);
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Ribeiro, Singh, Guestrin (2016). *"Why should I trust you?" Explaining the predictions of any
///   classifier.* KDD. <https://doi.org/10.1145/2939672.2939778>
/// - Fayyad, Irani (1993). *Multi-interval discretization of continuous-valued attributes for
///   classification learning.* IJCAI, 1022–1027. <https://hdl.handle.net/2014/35171>
/// - Garreau, von Luxburg (2020). *Explaining the explainer: a first theoretical analysis of
///   LIME.* AISTATS, PMLR 108. <https://arxiv.org/abs/2001.03447>
///
/// # See also
///
/// [`shapley`](crate::shapley), whose values add up to the prediction.
#[derive(Debug, Clone, PartialEq)]
pub struct Lime {
    /// How many samples a fit is made of, the row itself included; at least 2, default 5000.
    pub n_samples: usize,
    /// The kernel's width, above 0; default `None`: `0.75 √n_players`.
    pub kernel_width: Option<f64>,
    /// What numeric columns are to the fit; default [`Discretizer::Quartiles`].
    pub discretizer: Discretizer,
    /// How players are selected; default [`Selection::Auto`].
    pub selection: Selection,
    /// How many players are selected at most, at least 1; default 10.
    pub n_features: usize,
    /// The ridge penalty λ, at least 0; default 1.
    pub penalty: f64,
    /// How often everything is drawn and fitted anew, at least 1; default 5. With one there is no
    /// stability to report.
    pub n_repeats: usize,
}

impl Default for Lime {
    fn default() -> Self {
        Self {
            n_samples: 5000,
            kernel_width: None,
            discretizer: Discretizer::Quartiles,
            selection: Selection::Auto,
            n_features: 10,
            penalty: 1.0,
            n_repeats: 5,
        }
    }
}

/// What [`Lime::fit`] learns from training rows; explains rows of any model of these columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Explainer {
    settings: Lime,
    columns: Vec<Column>,
    names: Vec<String>,
}

impl Lime {
    /// Learns from training rows how columns are drawn, and what their bins are.
    ///
    /// [`Dataset::categorical`] columns have categories; all others are numeric.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] outside a domain; [`Error::Data`] for [`Discretizer::Entropy`] without
    /// classes.
    pub fn fit(&self, data: &Dataset) -> Result<Explainer> {
        require(self.n_samples >= 2, "n_samples", self.n_samples, "at least 2")?;
        require(self.n_features >= 1, "n_features", self.n_features, "at least 1")?;
        require(self.n_repeats >= 1, "n_repeats", self.n_repeats, "at least 1")?;
        let penalty = self.penalty;
        require(penalty.is_finite() && penalty >= 0.0, "penalty", penalty, "a number from 0")?;
        if let Some(width) = self.kernel_width {
            let domain = "a number above 0";
            require(width.is_finite() && width > 0.0, "kernel_width", width, domain)?;
        }
        if self.discretizer == Discretizer::Entropy && data.target().n_classes().is_none() {
            return Err(Error::Data(
                "bins by entropy tell classes apart and the target is of numbers: give classes, or \
                 take quartiles"
                    .to_owned(),
            ));
        }
        let data = &only(data, &rows_that_count(data))?;
        let column = |feature| Column::new(data, feature, self.discretizer);
        Ok(Explainer {
            settings: self.clone(),
            columns: (0..data.n_features()).map(column).collect(),
            names: data.feature_names().to_vec(),
        })
    }
}

impl Explainer {
    /// Explains every output of the model for every row.
    ///
    /// Progress is heard twice, for the samples' blocks and for the rows.
    ///
    /// # Errors
    ///
    /// [`Error::TooFewRows`] without rows; [`Error::Shape`] unless training rows, model, rows and
    /// players have the same number of features; [`Error::NotFinite`] for an infinite value in
    /// the rows (NaN means missing); [`Error::Parameter`] for more samples than can be kept;
    /// [`Error::Data`] for a model that predicts labels, for a group with a continuous column, and
    /// without a penalty for players that are combinations of others; the model's, with the row
    /// where it is one; [`Error::Cancelled`].
    pub fn explain(
        &self,
        run: &Run<'_>,
        model: &dyn Model,
        rows: ArrayView2<'_, f64>,
        players: &Players,
    ) -> Result<Explanation> {
        self.check(model, rows, players)?;
        let Lime { n_samples, n_repeats, .. } = self.settings;
        let around = match self.settings.discretizer {
            Discretizer::Continuous(around) => around,
            _ => Around::Mean,
        };
        let kernel_width =
            self.settings.kernel_width.unwrap_or_else(|| 0.75 * (players.len() as f64).sqrt());
        let row_names: Vec<usize> = (0..rows.nrows()).collect();
        let predictions = predict_in_batches(model, rows, BATCH_ROWS, &row_names)?;
        let columns = &self.columns;
        let neighbourhoods =
            Neighbourhoods::draw(run, model, columns, players, around, n_samples, n_repeats)?;
        let answers = run.map(rows.nrows(), |i, _| {
            let (row, prediction) = (rows.row(i), predictions.row(i));
            let instance = Instance::new(row, prediction, columns, players, around, kernel_width);
            self.explain_row(&neighbourhoods, &instance, prediction, players)
                .map_err(|error| error.in_task(format!("row {i}")))
        })?;
        let shape = (rows.nrows(), model.n_outputs(), players.len());
        let cube = |of: fn(&RowAnswer) -> &Array2<f64>| {
            let mut cube = Array3::zeros(shape);
            for (mut part, answer) in cube.outer_iter_mut().zip(&answers) {
                part.assign(of(answer));
            }
            cube
        };
        let table = |column: usize| {
            Array2::from_shape_fn((shape.0, shape.1), |(row, output)| {
                answers[row].of_outputs[[output, column]]
            })
        };
        let (values, spread) = (cube(|answer| &answer.values), cube(|answer| &answer.spread));
        let mut attribution =
            Attribution::new("LIME", players.names(), values, table(RowAnswer::INTERCEPT))?;
        attribution.n_evaluations = rows.nrows() + neighbourhoods.n_evaluations(rows.nrows());
        let stability = (n_repeats > 1).then(|| Stability {
            spread,
            vsi: table(RowAnswer::VSI),
            csi: table(RowAnswer::CSI),
        });
        attribution.std_error =
            stability.as_ref().map(|stability| &stability.spread / (n_repeats as f64).sqrt());
        let conditions = rows.outer_iter().map(|row| self.conditions(row, players)).collect();
        Ok(Explanation {
            attribution,
            r2: table(RowAnswer::R2),
            local_predictions: table(RowAnswer::LOCAL),
            predictions,
            chosen: cube(|answer| &answer.chosen),
            conditions,
            kernel_width,
            effective_samples: answers.iter().map(|answer| answer.effective_samples).collect(),
            stability,
        })
    }

    fn check(&self, model: &dyn Model, rows: ArrayView2<'_, f64>, players: &Players) -> Result<()> {
        let n_features = self.columns.len();
        require_shape("the model's list of features", &[n_features], &[model.n_features()])?;
        require_shape("the table", &[rows.nrows(), n_features], rows.shape())?;
        require_shape("the players' list of features", &[n_features], &[players.n_features()])?;
        if rows.nrows() == 0 {
            return Err(Error::TooFewRows { what: "an explanation".to_owned(), needed: 1, got: 0 });
        }
        if let Some(((row, column), &value)) = rows.indexed_iter().find(|(_, x)| x.is_infinite()) {
            let (what, column) = ("the table".to_owned(), Some(self.names[column].clone()));
            return Err(Error::NotFinite { what, row, column, value });
        }
        if model.output() == Output::Labels {
            return Err(Error::Data(
                "a line cannot be fitted to class labels, give a model that predicts \
                 probabilities, margins or values"
                    .to_owned(),
            ));
        }
        for (player, name) in players.names().iter().enumerate() {
            let members = players.members(player);
            let number = members.iter().find(|&&feature| self.columns[feature].is_number());
            if let (Some(&feature), true) = (number, members.len() > 1) {
                return Err(Error::Data(format!(
                    "group `{name}` has the continuous column `{}`, which has no state to be in \
                     with others: take bins, or single features",
                    self.names[feature]
                )));
            }
        }
        Ok(())
    }

    fn explain_row(
        &self,
        neighbourhoods: &Neighbourhoods<'_>,
        instance: &Instance<'_>,
        prediction: ArrayView1<'_, f64>,
        players: &Players,
    ) -> Result<RowAnswer> {
        let Lime { selection, n_features, penalty, n_repeats, .. } = self.settings;
        let coordinates = instance.coordinates();
        let (mut repeats, mut effective_samples) = (Vec::new(), 0.0);
        for repeat in 0..n_repeats {
            let moments = neighbourhoods.moments(repeat, instance)?;
            effective_samples += moments.effective_samples() / n_repeats as f64;
            let centred = moments.centred();
            let fits = centred.fit(selection, n_features, penalty, &coordinates);
            repeats.push(fits.map_err(|dependent| dependent.error(players))?);
        }
        let shape = (prediction.len(), players.len());
        let mut answer = RowAnswer {
            values: Array2::zeros(shape),
            spread: Array2::zeros(shape),
            chosen: Array2::zeros(shape),
            of_outputs: Array2::zeros((shape.0, RowAnswer::COLUMNS)),
            effective_samples,
        };
        for (output, &predicted) in prediction.iter().enumerate() {
            let fits: Vec<&LocalFit> = repeats.iter().map(|fits| &fits[output]).collect();
            for player in 0..players.len() {
                let at = [output, player];
                let values: Vec<f64> = fits.iter().map(|fit| fit.coefficients[player]).collect();
                answer.values[at] = mean(values.iter());
                answer.spread[at] = sample_std(values.iter());
                let chosen = fits.iter().filter(|fit| fit.chosen.binary_search(&player).is_ok());
                answer.chosen[at] = chosen.count() as f64 / n_repeats as f64;
            }
            let over = |of: &dyn Fn(&LocalFit) -> f64| {
                fits.iter().map(|fit| of(fit)).sum::<f64>() / n_repeats as f64
            };
            let local = predicted + over(&|fit| fit.at_instance);
            let own: f64 =
                answer.values.row(output).iter().zip(&coordinates).map(|(v, z)| v * z).sum();
            let mut row = answer.of_outputs.row_mut(output);
            row[RowAnswer::LOCAL] = local;
            row[RowAnswer::INTERCEPT] = local - own;
            row[RowAnswer::R2] = over(&|fit| fit.r2);
            row[RowAnswer::VSI] = explanation::variables_index(&fits);
            row[RowAnswer::CSI] = explanation::coefficients_index(&fits);
        }
        Ok(answer)
    }

    /// What is true of a row and makes it what it is to each player.
    fn conditions(&self, row: ArrayView1<'_, f64>, players: &Players) -> Vec<String> {
        let of_feature =
            |&feature: &usize| self.columns[feature].condition(&self.names[feature], row[feature]);
        let of_player = |player| {
            players.members(player).iter().map(of_feature).collect::<Vec<_>>().join(" and ")
        };
        (0..players.len()).map(of_player).collect()
    }
}

/// The answer for one row.
struct RowAnswer {
    /// `(n_outputs, n_players)` each.
    values: Array2<f64>,
    spread: Array2<f64>,
    chosen: Array2<f64>,
    /// `(n_outputs, COLUMNS)`: what there is one number of for each output.
    of_outputs: Array2<f64>,
    effective_samples: f64,
}

impl RowAnswer {
    const INTERCEPT: usize = 0;
    const LOCAL: usize = 1;
    const R2: usize = 2;
    const VSI: usize = 3;
    const CSI: usize = 4;
    const COLUMNS: usize = 5;
}
