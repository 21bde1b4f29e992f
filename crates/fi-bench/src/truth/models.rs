//! The models whose scores are held against the truth: a list to which a new model is a line.

use anyhow::Result;
use fi_core::{Dataset, Learner, Model, Run};
use fi_models::network::{Activation, Input, Mlp, Network, Optimizer, Recurrent, Training};

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
pub(super) const KINDS: &[Kind] = &[
    Kind { name: "mlp", about: mlp_text, settings: |_| Some(Settings::Mlp(mlp())) },
    Kind {
        name: "lstm",
        about: lstm_text,
        settings: |problem| {
            let sequence = problem.sequence.as_ref()?;
            Some(Settings::Lstm(lstm(sequence.n_steps(), sequence.channels().len())))
        },
    },
];

/// The settings of a model, of whatever kind.
pub(super) enum Settings {
    Mlp(Mlp),
    Lstm(Recurrent),
}

/// A trained model, of whatever kind.
pub(super) enum Learned {
    Network(Network),
}

const MLP_RATE: f64 = 0.01;
const LSTM_RATE: f64 = 0.01;

fn mlp() -> Mlp {
    Mlp {
        hidden: vec![32],
        activation: Activation::Relu,
        l2: 0.001,
        optimizer: Optimizer::adam(MLP_RATE),
        epochs: 60,
        batch_size: 32,
        ..Mlp::default()
    }
}

fn mlp_text() -> String {
    let mlp = mlp();
    format!(
        "a dense network with one hidden layer of {} ReLU units, L2 {}, Adam ({MLP_RATE}), {} \
         epochs, batches of {}; missing values are filled with the column's mean",
        mlp.hidden[0], mlp.l2, mlp.epochs, mlp.batch_size
    )
}

fn lstm(steps: usize, channels: usize) -> Recurrent {
    Recurrent {
        input: Input::Sequence { steps, channels },
        units: vec![12],
        training: Training {
            optimizer: Optimizer::adam(LSTM_RATE),
            epochs: 100,
            batch_size: 32,
            ..Training::default()
        },
        ..Recurrent::default()
    }
}

fn lstm_text() -> String {
    let lstm = lstm(1, 1);
    format!(
        "an LSTM of {} units, Adam ({LSTM_RATE}), {} epochs, batches of {}; sequences only",
        lstm.units[0], lstm.training.epochs, lstm.training.batch_size
    )
}

impl Settings {
    /// Trains on scaled rows.
    pub(super) fn fit(&self, run: &Run<'_>, train: &Dataset) -> Result<Learned> {
        Ok(Learned::Network(match self {
            Self::Mlp(mlp) => mlp.fit(run, train)?,
            Self::Lstm(lstm) => lstm.fit(run, train)?,
        }))
    }

    /// The settings as a learner.
    pub(super) fn learner(&self) -> &dyn Learner {
        match self {
            Self::Mlp(mlp) => mlp,
            Self::Lstm(lstm) => lstm,
        }
    }

    /// Whether rows are read as sequences, whose absent steps are missing values; otherwise these
    /// have to be filled first.
    pub(super) fn reads_sequences(&self) -> bool {
        matches!(self, Self::Lstm(_))
    }
}

impl Learned {
    pub(super) fn model(&self) -> &dyn Model {
        match self {
            Self::Network(network) => network,
        }
    }

    /// The network, if it is one.
    pub(super) fn network(&self) -> Option<&Network> {
        match self {
            Self::Network(network) => Some(network),
        }
    }
}
