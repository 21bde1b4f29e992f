//! `fi train mlp|lstm|gru`: options of networks.

use clap::{Args, ValueEnum};
use fi_core::{Dataset, Run, Sequence, Target};
use fi_models::Scaler;
use fi_models::network::{
    Activation, Cell, ClassWeights, EarlyStopping, Input, Mlp, Monitor, Network, Optimizer,
    Recurrent, StopRule, Training, Validation, fit_standardized,
};

use crate::failure::{Done, Failure};

/// Options of networks.
#[derive(Args)]
pub(crate) struct NetworkSettings {
    /// Networks: the units of each hidden layer, such as 50,100,50 [default: 16; 32 for lstm, gru]
    #[arg(long, value_name = "UNITS", value_delimiter = ',')]
    hidden: Vec<usize>,
    /// mlp: what hidden units do
    #[arg(long, value_enum)]
    activation: Option<ActivationArg>,
    /// Networks: how often all rows are seen [default: 50]
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Networks: how many rows a step averages over [default: 16]
    #[arg(long, value_name = "ROWS")]
    batch_size: Option<usize>,
    /// Networks: the share of a layer's outputs dropped in training [default: 0]
    #[arg(long, value_name = "SHARE")]
    dropout: Option<f64>,
    /// Networks: the factor of the sum of squared weights [default: 0]
    #[arg(long, value_name = "L")]
    l2: Option<f64>,
    /// Networks: the share of rows held back to stop when their loss no longer falls; the weights
    /// of the best epoch are kept [default: 0, never stop]
    #[arg(long, value_name = "SHARE")]
    validation: Option<f64>,
    /// Networks: how many epochs without a lower loss end the training [default: 10]
    #[arg(long, value_name = "EPOCHS", requires = "validation")]
    patience: Option<usize>,
    /// Networks: let every class weigh the same in all
    #[arg(long)]
    balanced: bool,
    /// lstm, gru: read the columns as tokens 0, 1, 2, …, each a vector of this length
    #[arg(long, value_name = "LENGTH")]
    embedding: Option<usize>,
}

/// What hidden units do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ActivationArg {
    /// max(0, z)
    Relu,
    /// tanh z
    Tanh,
    /// 1 / (1 + exp(-z))
    Sigmoid,
    /// z
    Linear,
}

impl NetworkSettings {
    /// Whether any of the options was given, and which.
    pub(crate) fn given(&self) -> Option<&'static str> {
        let options = [
            (!self.hidden.is_empty(), "hidden"),
            (self.activation.is_some(), "activation"),
            (self.epochs.is_some(), "epochs"),
            (self.batch_size.is_some(), "batch-size"),
            (self.dropout.is_some(), "dropout"),
            (self.l2.is_some(), "l2"),
            (self.validation.is_some(), "validation"),
            (self.balanced, "balanced"),
            (self.embedding.is_some(), "embedding"),
        ];
        options.into_iter().find_map(|(given, name)| given.then_some(name))
    }

    /// Options that only one kind of network knows.
    pub(crate) fn check(&self, cell: Option<Cell>) -> Done {
        if cell.is_some() && self.activation.is_some() {
            return Failure::call("--activation has no meaning for this learner");
        }
        if cell.is_none() && self.embedding.is_some() {
            return Failure::call("--embedding has no meaning for this learner");
        }
        Ok(())
    }

    fn training(&self, learning_rate: Option<f64>) -> Training {
        let base = Training::default();
        let early_stopping = self.validation.filter(|share| *share != 0.0).map(|share| {
            let rule = StopRule::Patience {
                monitor: Monitor::Loss,
                patience: self.patience.unwrap_or(10),
                min_delta: 0.0,
                restore_best: true,
            };
            EarlyStopping { rule, validation: Validation::Drawn { share } }
        });
        Training {
            optimizer: learning_rate.map_or(base.optimizer, Optimizer::adam),
            epochs: self.epochs.unwrap_or(base.epochs),
            batch_size: self.batch_size.unwrap_or(base.batch_size),
            early_stopping,
            class_weights: if self.balanced {
                ClassWeights::Balanced
            } else {
                base.class_weights.clone()
            },
            ..base
        }
    }

    /// Trains a network without cells, or a recurrent one, on standardised data; `whole` are all
    /// rows, which say what tokens there are.
    pub(crate) fn fit(
        &self,
        run: &Run<'_>,
        data: &Dataset,
        whole: &Dataset,
        cell: Option<Cell>,
        learning_rate: Option<f64>,
    ) -> Done<(Network, Option<Scaler>)> {
        let training = self.training(learning_rate);
        let Some(cell) = cell else {
            let base = Mlp::default();
            let mlp = Mlp {
                hidden: if self.hidden.is_empty() {
                    base.hidden.clone()
                } else {
                    self.hidden.clone()
                },
                activation: match self.activation {
                    None => base.activation,
                    Some(ActivationArg::Relu) => Activation::Relu,
                    Some(ActivationArg::Tanh) => Activation::Tanh,
                    Some(ActivationArg::Sigmoid) => Activation::Sigmoid,
                    Some(ActivationArg::Linear) => Activation::Linear,
                },
                l2: self.l2.unwrap_or(base.l2),
                dropout: self.dropout.unwrap_or(base.dropout),
                optimizer: training.optimizer,
                epochs: training.epochs,
                batch_size: training.batch_size,
                early_stopping: training.early_stopping,
                class_weights: training.class_weights,
                ..base
            };
            let input = Input::Features(data.n_features());
            let fit = |run: &Run<'_>, data: &Dataset| mlp.fit(run, data);
            return Ok(fit_standardized(run, data, input, fit)?);
        };
        let base = Recurrent::default();
        let recurrent = Recurrent {
            input: self.input(whole)?,
            embedding: self.embedding,
            cell,
            units: if self.hidden.is_empty() { base.units.clone() } else { self.hidden.clone() },
            dropout: self.dropout.unwrap_or(base.dropout),
            l2: self.l2.unwrap_or(base.l2),
            training,
            ..base
        };
        let fit = |run: &Run<'_>, data: &Dataset| recurrent.fit(run, data);
        Ok(fit_standardized(run, data, recurrent.input, fit)?)
    }

    /// How a recurrent network reads a row.
    fn input(&self, data: &Dataset) -> Done<Input> {
        let n_columns = data.n_features();
        if self.embedding.is_some() {
            let highest = data.rows().iter().copied().fold(0.0, f64::max);
            if highest >= f64::from(1 << 24) {
                return Failure::call(format!(
                    "--embedding reads tokens from 0 to 16777215, the data hold `{highest}`"
                ));
            }
            return Ok(Input::Tokens { steps: n_columns, vocabulary: highest as usize + 1 });
        }
        match Sequence::of_columns(data.feature_names()) {
            Some(sequence) => Ok(Input::Sequence {
                steps: sequence.n_steps(),
                channels: sequence.channels().len(),
            }),
            None => Failure::call(
                "a recurrent network reads sequences: give --data a .npy array of three dimensions \
                 (row, step, channel), or --embedding for tokens",
            ),
        }
    }
}

/// How sure a network's training is to have gone well: the losses of its first and last epoch.
pub(crate) fn course(network: &Network, target: &Target) -> String {
    let history = network.history();
    let loss = |record: Option<&fi_models::network::Record>| {
        record.map_or_else(String::new, |record| fi_viz::number(record.loss))
    };
    let scale = match target {
        Target::Values(_) => " of standardised values",
        Target::Classes { .. } => "",
    };
    format!(
        "Training loss{scale}: {} in the first epoch, {} in the last of {}.",
        loss(history.first()),
        loss(history.last()),
        history.len()
    )
}
