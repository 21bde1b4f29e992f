//! The models whose scores are held against the truth: a list to which a new model is a line.

use anyhow::Result;
use fi_core::{Dataset, Learner, Model, Run};
use fi_models::network::{Activation, Mlp, Network, Optimizer};

use super::problem::Problem;

/// A kind of model, before it is trained.
pub(super) struct Kind {
    /// Its name in files and in `--models`.
    pub(super) name: &'static str,
    /// What it is.
    pub(super) about: fn() -> String,
    /// Its settings for a problem; nothing where it does not fit.
    pub(super) settings: fn(&Problem) -> Option<Settings>,
}

/// All kinds, in the order of the report.
pub(super) const KINDS: &[Kind] =
    &[Kind { name: "mlp", about: mlp_text, settings: |_| Some(Settings::Mlp(mlp())) }];

/// The settings of a model, of whatever kind.
pub(super) enum Settings {
    Mlp(Mlp),
}

/// A trained model, of whatever kind.
pub(super) enum Learned {
    Mlp(Network),
}

fn mlp() -> Mlp {
    Mlp {
        hidden: vec![32],
        activation: Activation::Relu,
        l2: 0.001,
        optimizer: Optimizer::adam(0.01),
        epochs: 60,
        batch_size: 32,
        ..Mlp::default()
    }
}

fn mlp_text() -> String {
    let mlp = mlp();
    format!(
        "a dense network with one hidden layer of {} ReLU units, L2 {}, Adam (0.01), {} epochs, \
         batches of {}; missing values are filled with the column's mean",
        mlp.hidden[0], mlp.l2, mlp.epochs, mlp.batch_size
    )
}

impl Settings {
    /// Trains on scaled rows.
    pub(super) fn fit(&self, run: &Run<'_>, train: &Dataset) -> Result<Learned> {
        Ok(match self {
            Self::Mlp(mlp) => Learned::Mlp(mlp.fit(run, train)?),
        })
    }

    /// The settings as a learner that can do without columns.
    pub(super) fn learner(&self) -> Box<dyn Learner + '_> {
        match self {
            Self::Mlp(mlp) => Box::new(mlp),
        }
    }

    /// Whether missing values have to be filled first.
    pub(super) fn fills_missing(&self) -> bool {
        match self {
            Self::Mlp(_) => true,
        }
    }
}

impl Learned {
    pub(super) fn model(&self) -> &dyn Model {
        match self {
            Self::Mlp(network) => network,
        }
    }

    /// The dense network, if it is one.
    pub(super) fn network(&self) -> Option<&Network> {
        match self {
            Self::Mlp(network) => Some(network),
        }
    }
}
