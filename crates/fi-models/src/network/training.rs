//! How a network is trained, whatever its layers are.

use fi_core::{Dataset, Error, Result, Target, require};
use serde::{Deserialize, Serialize};

use super::input::Input;
use super::objective::ClassWeights;
use super::optimizer::Optimizer;
use super::real::Precision;
use super::schedule::Schedule;
use super::stopping::EarlyStopping;

/// How a network is trained: the settings that [`Sequential`](super::Sequential),
/// [`Recurrent`](super::Recurrent) and [`Mlp`](super::Mlp) share.
///
/// The conventions are Keras's: the rows are shuffled before each epoch, the last batch of an
/// epoch may be smaller, `λ Σ w²` carries no factor ½. Row weights, times class weights, are
/// divided by their mean, so their scale does not matter, and a batch is divided by its number of
/// rows, not by its sum of weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Training {
    /// How a gradient becomes a step. Default: Adam with a learning rate of 0.001.
    pub optimizer: Optimizer,
    /// How the learning rate changes from epoch to epoch. Default: not.
    pub schedule: Schedule,
    /// Over how many steps (not epochs) the learning rate rises to its place, in a straight line.
    /// Default: 0.
    pub warm_up: usize,
    /// How often all training rows are seen; at least 1. Default: 50.
    pub epochs: usize,
    /// How many rows a step averages over; at least 1, and more than there are means all of
    /// them. Default: 16.
    pub batch_size: usize,
    /// Whether rows are brought into a new random order before each epoch. Default: yes.
    pub shuffle: bool,
    /// When to stop before `epochs`; `None` (the default) never does, and trains on all rows.
    pub early_stopping: Option<EarlyStopping>,
    /// What a row of each class weighs. Default: the same.
    pub class_weights: ClassWeights,
    /// How large a gradient may be. Default: as large as it is.
    pub clip: Option<Clip>,
    /// When the first layer's weights are counted. Default: after each epoch.
    pub sampling: Sampling,
    /// What the network computes with. Default: `f32`.
    pub precision: Precision,
}

impl Default for Training {
    fn default() -> Self {
        Self {
            optimizer: Optimizer::adam(0.001),
            schedule: Schedule::Constant,
            warm_up: 0,
            epochs: 50,
            batch_size: 16,
            shuffle: true,
            early_stopping: None,
            class_weights: ClassWeights::Equal,
            clip: None,
            sampling: Sampling::Epochs,
            precision: Precision::Single,
        }
    }
}

/// How large a gradient may be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Clip {
    /// A gradient over all parameters that is longer (Euclidean) than this is shortened to it.
    Norm(f64),
    /// Each element is brought within plus or minus this.
    Value(f64),
}

/// When [`WeightStatistics`](super::WeightStatistics) count the first layer's weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sampling {
    /// At the end of each epoch, as VIANN does.
    Epochs,
    /// After each step: more samples, of which neighbours are nearly the same.
    Steps,
}

impl Training {
    /// Checks settings and data.
    pub(super) fn check(&self, data: &Dataset, input: Input) -> Result<()> {
        require(self.epochs >= 1, "epochs", self.epochs, "at least 1")?;
        require(self.batch_size >= 1, "batch_size", self.batch_size, "at least 1")?;
        self.optimizer.check()?;
        self.schedule.check()?;
        if let Some(stopping) = &self.early_stopping {
            stopping.check(data)?;
        }
        self.class_weights.check(data.target())?;
        if let Some(Clip::Norm(limit) | Clip::Value(limit)) = self.clip {
            let fits = limit.is_finite() && limit > 0.0;
            require(fits, "clip", limit, "positive and finite")?;
        }
        input.check()?;
        input.check_rows(data.rows())?;
        if let Input::Features(_) = input
            && let Some(((row, column), &value)) =
                data.rows().indexed_iter().find(|(_, value)| !value.is_finite())
        {
            let column = Some(data.feature_names()[column].clone());
            return Err(Error::NotFinite { what: "the table".to_owned(), row, column, value });
        }
        if let Target::Classes { labels, names } = data.target()
            && labels.iter().all(|label| *label == labels[0])
        {
            return Err(Error::Data(format!(
                "every row is of class `{}`, give rows of at least two classes",
                names[labels[0]]
            )));
        }
        Ok(())
    }
}
