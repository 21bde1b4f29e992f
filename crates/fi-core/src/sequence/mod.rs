//! Sequences in a flat table: which columns are which channel at which step.

use ndarray::{Array2, Array3, ArrayView2, Axis, concatenate};
use serde::{Deserialize, Serialize};

use crate::attribution::Attribution;
use crate::dataset::Dataset;
use crate::error::{Error, Result, require, require_shape};
use crate::model::{Learner, Model, check_columns};
use crate::players::Players;

mod masked;

pub use masked::{Masked, MaskedLearner};

/// What a score of a sequence belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Over {
    /// Each channel, over all steps.
    Channel,
    /// Each step, over all channels.
    Step,
    /// Each channel at each step.
    Both,
}

/// How several values become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// Their sum: keeps additivity; opposite signs cancel.
    Sum,
    /// The sum of their sizes.
    AbsoluteSum,
    /// Their mean over the steps that a row has; opposite signs cancel.
    Mean,
    /// The mean of their sizes over the steps that a row has.
    AbsoluteMean,
}

/// A sequence in a row of a table: `column = step · n_channels + channel`.
///
/// A sequence that ends early, or begins late, is padded with NaN: a step is absent where all its
/// channels are NaN. Every method takes such a table as it is, with [`Sequence::players`] for the
/// channels or steps. Methods that swap values between rows (permutation importance, SHAP) would
/// tear a padded row apart where the other row has another length: they are given
/// [`Sequence::fill`]ed rows and a [`Sequence::masked`] model.
///
/// # Example
///
/// ```
/// use fi_core::{Over, Sequence};
///
/// let gait = Sequence::new(3, ["acc", "gyro"])?;
/// assert_eq!(gait.column_names()[..3], ["acc[0]", "gyro[0]", "acc[1]"]);
/// let channels = gait.players(Over::Channel)?;
/// assert_eq!((channels.names()[1].as_str(), channels.members(1)), ("gyro", &[1, 3, 5][..]));
/// # Ok::<(), fi_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequence {
    n_steps: usize,
    channels: Vec<String>,
}

impl Sequence {
    /// Sequences of at most `n_steps` steps of these channels.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] without steps; [`Error::Data`] without channels, or for an empty or
    /// double name.
    pub fn new<S: Into<String>>(
        n_steps: usize,
        channels: impl IntoIterator<Item = S>,
    ) -> Result<Self> {
        require(n_steps > 0, "n_steps", n_steps, "at least 1")?;
        let channels = Players::features(channels)?.names().to_vec();
        Ok(Self { n_steps, channels })
    }

    /// How many steps the longest sequence may have.
    pub fn n_steps(&self) -> usize {
        self.n_steps
    }

    /// The channels' names.
    pub fn channels(&self) -> &[String] {
        &self.channels
    }

    /// Steps times channels.
    pub fn n_columns(&self) -> usize {
        self.n_steps * self.channels.len()
    }

    /// The name of each column: `channel[step]`.
    pub fn column_names(&self) -> Vec<String> {
        let step = |t| self.channels.iter().map(move |channel| format!("{channel}[{t}]"));
        (0..self.n_steps).flat_map(step).collect()
    }

    /// The sequence whose columns are called so, if these are the names of one.
    ///
    /// # Example
    ///
    /// ```
    /// use fi_core::Sequence;
    ///
    /// let gait = Sequence::new(2, ["acc", "gyro"])?;
    /// assert_eq!(Sequence::of_columns(&gait.column_names()), Some(gait));
    /// assert_eq!(Sequence::of_columns(&["age".to_owned()]), None);
    /// # Ok::<(), fi_core::Error>(())
    /// ```
    pub fn of_columns(names: &[String]) -> Option<Self> {
        let channels: Vec<&str> = names.iter().map_while(|name| name.strip_suffix("[0]")).collect();
        let n_steps = names.len().checked_div(channels.len())?;
        let sequence = Self::new(n_steps, channels).ok()?;
        (sequence.column_names() == names).then_some(sequence)
    }

    /// The channels, the steps (called `step 0`, …) or the columns as players.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] if two of their names are equal.
    pub fn players(&self, over: Over) -> Result<Players> {
        Players::groups(self.n_columns(), self.groups(over))
    }

    /// Each channel cut into blocks of `length` steps, called `channel[from..to]`: shuffling a
    /// block between rows keeps the autocorrelation inside it.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] if `length` is 0 or more than there are steps.
    pub fn blocks(&self, length: usize) -> Result<Players> {
        let requirement = format!("from 1 to the {} steps", self.n_steps);
        require((1..=self.n_steps).contains(&length), "block", length, requirement)?;
        let n_channels = self.channels.len();
        let mut groups = Vec::new();
        for (c, channel) in self.channels.iter().enumerate() {
            for from in (0..self.n_steps).step_by(length) {
                let to = (from + length).min(self.n_steps);
                let members = (from..to).map(|t| t * n_channels + c).collect();
                groups.push((format!("{channel}[{from}..{to}]"), members));
            }
        }
        Players::groups(self.n_columns(), groups)
    }

    fn groups(&self, over: Over) -> Vec<(String, Vec<usize>)> {
        let (n_steps, n_channels) = (self.n_steps, self.channels.len());
        match over {
            Over::Channel => {
                let members = |c| (0..n_steps).map(|t| t * n_channels + c).collect();
                self.channels.iter().cloned().zip((0..n_channels).map(members)).collect()
            }
            Over::Step => (0..n_steps)
                .map(|t| (format!("step {t}"), (t * n_channels..(t + 1) * n_channels).collect()))
                .collect(),
            Over::Both => {
                let columns = (0..self.n_columns()).map(|column| vec![column]);
                self.column_names().into_iter().zip(columns).collect()
            }
        }
    }

    /// `(n_rows, n_steps)`: which steps each row has.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] for another number of columns; [`Error::NotFinite`] for a step of which
    /// only some channels are NaN.
    pub fn present(&self, rows: ArrayView2<'_, f64>) -> Result<Array2<bool>> {
        check_columns(self.n_columns(), rows)?;
        let n_channels = self.channels.len();
        let mut present = Array2::from_elem((rows.nrows(), self.n_steps), false);
        for ((row, step), present) in present.indexed_iter_mut() {
            let first = step * n_channels;
            let absent = |channel: &usize| rows[[row, first + channel]].is_nan();
            let missing = (0..n_channels).filter(absent).count();
            *present = missing == 0;
            if missing > 0 && missing < n_channels {
                let channel = (0..n_channels).find(absent).unwrap_or(0);
                return Err(Error::NotFinite {
                    what: "a step of which other channels are there".to_owned(),
                    row,
                    column: Some(format!("{}[{step}]", self.channels[channel])),
                    value: f64::NAN,
                });
            }
        }
        Ok(present)
    }

    /// Brings the scores of single columns together, by channel or by step.
    ///
    /// `attribution` has one player per column, in column order, for these `rows`. With
    /// [`Over::Channel`] the values of a row's steps are pooled, absent steps left out; with
    /// [`Over::Step`] the values of a step's channels, an absent step scoring 0; with
    /// [`Over::Both`] only sizes are taken.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] unless rows and attribution are of this sequence; as for
    /// [`Sequence::present`].
    ///
    /// # Example
    ///
    /// ```
    /// use fi_core::{Attribution, Over, Pooling, Sequence};
    /// use ndarray::array;
    ///
    /// let sequence = Sequence::new(2, ["a"])?;
    /// let rows = array![[1.0, 2.0], [3.0, f64::NAN]];
    /// let values = array![[[4.0, -1.0]], [[5.0, 0.0]]];
    /// let columns =
    ///     Attribution::new("gradient", &sequence.column_names(), values, array![[0.0], [0.0]])?;
    /// let mean = sequence.pool(&columns, rows.view(), Over::Channel, Pooling::AbsoluteMean)?;
    /// assert_eq!(mean.values, array![[[2.5]], [[5.0]]]);
    /// # Ok::<(), fi_core::Error>(())
    /// ```
    pub fn pool(
        &self,
        attribution: &Attribution,
        rows: ArrayView2<'_, f64>,
        over: Over,
        pooling: Pooling,
    ) -> Result<Attribution> {
        let present = self.present(rows)?;
        let (n_rows, n_outputs, _) = attribution.values.dim();
        let expected = [rows.nrows(), n_outputs, self.n_columns()];
        require_shape("attributions of columns", &expected, attribution.values.shape())?;
        let groups = self.groups(over);
        let n_channels = self.channels.len();
        let absolute = matches!(pooling, Pooling::AbsoluteSum | Pooling::AbsoluteMean);
        let mean = matches!(pooling, Pooling::Mean | Pooling::AbsoluteMean);
        let mut values = Array3::zeros((n_rows, n_outputs, groups.len()));
        for ((row, output, player), value) in values.indexed_iter_mut() {
            let mut n = 0_usize;
            for &column in &groups[player].1 {
                if present[[row, column / n_channels]] {
                    let one = attribution.values[[row, output, column]];
                    *value += if absolute { one.abs() } else { one };
                    n += 1;
                }
            }
            if mean && n > 0 {
                *value /= n as f64;
            }
        }
        let names: Vec<String> = groups.into_iter().map(|(name, _)| name).collect();
        let base_values = attribution.base_values.clone();
        let mut pooled = Attribution::new(attribution.method.clone(), &names, values, base_values)?;
        pooled.n_evaluations = attribution.n_evaluations;
        pooled.additivity_error = attribution.additivity_error.filter(|_| pooling == Pooling::Sum);
        Ok(pooled)
    }

    /// Rows of which every step has values, behind them one column per step that says whether the
    /// row has it (1 or 0).
    ///
    /// An absent step holds the row's own steps once more, in turn: what another row is lent
    /// always is a stretch of a real series, and no row's length changes.
    ///
    /// # Errors
    ///
    /// As for [`Sequence::present`]; [`Error::Data`] for a row without any step.
    pub fn fill(&self, rows: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        let present = self.present(rows)?;
        let n_channels = self.channels.len();
        let mut filled = rows.to_owned();
        for (row, steps) in present.rows().into_iter().enumerate() {
            let own: Vec<usize> = (0..self.n_steps).filter(|&t| steps[t]).collect();
            if own.is_empty() {
                return Err(Error::Data(format!(
                    "row {row} has no step at all, every sequence needs one"
                )));
            }
            let absent = (0..self.n_steps).filter(|&t| !steps[t]);
            for (step, &from) in absent.zip(own.iter().cycle()) {
                for channel in 0..n_channels {
                    filled[[row, step * n_channels + channel]] =
                        rows[[row, from * n_channels + channel]];
                }
            }
        }
        let mask = present.mapv(|present| f64::from(u8::from(present)));
        concatenate(Axis(1), &[filled.view(), mask.view()])
            .map_err(|error| Error::Data(error.to_string()))
    }

    /// The same data with [`Sequence::fill`]ed rows; the further columns are called `present[step]`.
    ///
    /// # Errors
    ///
    /// As for [`Sequence::fill`]; [`Error::Data`] if a channel is called `present`.
    pub fn fill_data(&self, data: &Dataset) -> Result<Dataset> {
        let mut names = data.feature_names().to_vec();
        names.extend((0..self.n_steps).map(|step| format!("present[{step}]")));
        let mut filled = Dataset::new(self.fill(data.rows())?, data.target().clone())?
            .with_feature_names(names)?;
        if let Some(weights) = data.weights() {
            filled = filled.with_weights(weights.to_vec())?;
        }
        if let Some(groups) = data.groups() {
            filled = filled.with_groups(groups.to_vec())?;
        }
        Ok(filled)
    }

    /// These players (channels, steps, blocks, …) in [`Sequence::fill`]ed rows.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] for players of another table.
    pub fn fill_players(&self, players: &Players) -> Result<Players> {
        require_shape("the players' table", &[self.n_columns()], &[players.n_features()])?;
        let members = (0..players.len()).map(|player| players.members(player).to_vec());
        let groups = players.names().iter().cloned().zip(members);
        Players::groups(self.n_columns() + self.n_steps, groups)
    }

    /// A model of [`Sequence::fill`]ed rows that predicts as `model` does where the steps that a
    /// row has not are NaN again.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] for a model of another number of features.
    pub fn masked<'a>(&self, model: &'a dyn Model) -> Result<Masked<'a>> {
        require_shape("the model's table", &[self.n_columns()], &[model.n_features()])?;
        Ok(Masked::new(self, model))
    }

    /// A learner for [`Lofo`](crate::Lofo): columns that are left out are constantly 0, so that
    /// the sequence keeps its shape.
    ///
    /// Takes [`Sequence::fill`]ed data. A network cannot tell a constant 0 from a channel that is
    /// not there, but for the starting weights that it draws.
    pub fn learner<'a>(&'a self, learner: &'a dyn Learner) -> MaskedLearner<'a> {
        MaskedLearner::new(self, learner)
    }
}

#[cfg(test)]
mod tests;
