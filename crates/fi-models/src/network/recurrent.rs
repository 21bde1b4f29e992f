//! The learner of recurrent networks.

use fi_core::{Dataset, Learner, Model, Result, Run, require};
use serde::{Deserialize, Serialize};

use super::fit::Observer;
use super::fitted::Network;
use super::input::Input;
use super::layers::Pool;
use super::sequential::Sequential;
use super::settings::LayerSettings;
use super::training::Training;

/// A recurrent network: layers of LSTM or GRU cells over a sequence, then a dense output layer.
///
/// ```text
/// tokens or channels → (embedding) → cells → (dropout) → … → last state or mean → output
/// ```
///
/// It is [`Sequential`] with these layers; what is said there holds here too. The defaults, 32
/// LSTM cells whose last state is read, suit a few thousand short sequences.
///
/// # Cost
///
/// `O(epochs × n_rows × steps × units × (units + channels))`.
///
/// # Errors
///
/// As for [`Sequential`].
///
/// # Example
///
/// ```
/// use fi_core::{Dataset, Run, Target};
/// use fi_models::network::{Input, Optimizer, Recurrent, Training};
/// use ndarray::Array2;
///
/// // The sum of a sequence whose length differs from row to row.
/// let rows = Array2::from_shape_fn((80, 5), |(i, t)| {
///     if t > 1 + i % 4 { f64::NAN } else { ((i * (3 + t)) % 11) as f64 / 11.0 - 0.5 }
/// });
/// let sums = rows.rows().into_iter().map(|r| r.iter().filter(|x| !x.is_nan()).sum()).collect();
/// let data = Dataset::new(rows.clone(), Target::Values(sums))?;
///
/// let learner = Recurrent {
///     input: Input::Sequence { steps: 5, channels: 1 },
///     units: vec![8],
///     training: Training { optimizer: Optimizer::adam(0.02), ..Training::default() },
///     ..Recurrent::default()
/// };
/// let network = learner.fit(&Run::new(0), &data)?;
/// assert!(network.history()[49].loss < 0.02);
/// # Ok::<(), fi_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recurrent {
    /// How a row is read: as a sequence or as tokens. Default: a sequence of one number.
    pub input: Input,
    /// The length of the tokens' vectors, at least 1: for tokens, and for them alone. Default:
    /// `None`.
    pub embedding: Option<usize>,
    /// What the units are. Default: LSTM.
    pub cell: Cell,
    /// The number of units of each layer, from the input on; at least one layer, each at least 1.
    /// Default: `[32]`.
    pub units: Vec<usize>,
    /// The share of a layer's outputs that is dropped in training, in [0, 1). Default: 0.
    pub dropout: f64,
    /// What of the last layer's steps goes to the output layer. Default: the last.
    pub readout: Readout,
    /// The factor of the penalty of the recurrent layers' weights, not negative. Default: 0.
    pub l2: f64,
    /// How it is trained.
    pub training: Training,
}

/// The units of a recurrent network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cell {
    /// Long short-term memory.
    Lstm,
    /// Gated recurrent units, which reset after the product.
    Gru,
}

/// What of a recurrent layer's steps is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Readout {
    /// The last that is there.
    Last,
    /// The mean of those that are there.
    Mean,
}

impl Default for Recurrent {
    fn default() -> Self {
        Self {
            input: Input::Sequence { steps: 1, channels: 1 },
            embedding: None,
            cell: Cell::Lstm,
            units: vec![32],
            dropout: 0.0,
            readout: Readout::Last,
            l2: 0.0,
            training: Training::default(),
        }
    }
}

impl Recurrent {
    /// Trains a network on `data`.
    ///
    /// # Errors
    ///
    /// See [`Recurrent`].
    pub fn fit(&self, run: &Run<'_>, data: &Dataset) -> Result<Network> {
        self.sequential()?.fit(run, data)
    }

    /// Trains a network on `data` and shows `observer` the end of every epoch: see
    /// [`Sequential::fit_observed`].
    ///
    /// # Errors
    ///
    /// See [`Recurrent`].
    pub fn fit_observed(
        &self,
        run: &Run<'_>,
        data: &Dataset,
        observer: Observer<'_>,
    ) -> Result<Network> {
        self.sequential()?.fit_observed(run, data, observer)
    }

    /// The same network as a chain of layers.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](fi_core::Error::Parameter) without a layer of units.
    pub fn sequential(&self) -> Result<Sequential> {
        require(!self.units.is_empty(), "units", "[]", "a list of at least one layer")?;
        let mut layers = Vec::new();
        layers.extend(self.embedding.map(LayerSettings::embedding));
        for (place, &units) in self.units.iter().enumerate() {
            let return_sequences = place + 1 < self.units.len() || self.readout == Readout::Mean;
            let (reverse, l2) = (false, self.l2);
            layers.push(match self.cell {
                Cell::Lstm => LayerSettings::Lstm { units, return_sequences, reverse, l2 },
                Cell::Gru => {
                    LayerSettings::Gru { units, reset_after: true, return_sequences, reverse, l2 }
                }
            });
            if self.dropout != 0.0 {
                layers.push(LayerSettings::Dropout { rate: self.dropout });
            }
        }
        if self.readout == Readout::Mean {
            layers.push(LayerSettings::Pool(Pool::Mean));
        }
        let training = self.training.clone();
        Ok(Sequential { input: self.input, layers, training, ..Sequential::default() })
    }
}

impl Learner for Recurrent {
    fn train(&self, run: &Run<'_>, data: &Dataset) -> Result<Box<dyn Model>> {
        Ok(Box::new(self.fit(run, data)?))
    }
}
