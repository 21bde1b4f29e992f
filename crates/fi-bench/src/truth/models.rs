//! The models whose scores are held against the truth: a list to which a new model is a line.

use anyhow::Result;
use fi_core::{Dataset, Learner, Model, Run};
use fi_models::linear::LinearModel;
use fi_models::linfa;
use fi_models::network::{Activation, Input, Mlp, Network, Optimizer, Recurrent, Training};
use fi_models::tree::{DecisionTree, GradientBoosting, MaxFeatures, RandomForest, Trees};

use super::problem::Problem;

/// A kind of model, before it is trained.
pub(super) struct Kind {
    /// Its name in files and in `--models`.
    pub(super) name: &'static str,
    /// What it is.
    pub(super) about: fn() -> String,
    /// Its settings for a problem; nothing where it does not fit.
    pub(super) settings: fn(&Problem) -> Option<Settings>,
    /// On more rows it is not trained, because it takes too long.
    pub(super) most_rows: usize,
}

/// All kinds, in the order of the report.
pub(super) const KINDS: &[Kind] = &[
    Kind {
        name: "forest",
        about: || {
            format!(
                "a random forest of {} trees, of numbers by squared error with a third of the \
                 features tried at a split",
                forest(true).n_estimators
            )
        },
        settings: |problem| Some(Settings::Forest(forest(problem.is_regression()))),
        most_rows: usize::MAX,
    },
    Kind {
        name: "boosting",
        about: || {
            let boosting = boosting(true);
            format!(
                "gradient boosting of {} rounds, learning rate {}, at most {} leaves a tree",
                boosting.n_estimators,
                boosting.learning_rate,
                boosting.max_leaf_nodes.unwrap_or_default()
            )
        },
        settings: |problem| Some(Settings::Boosting(boosting(problem.is_regression()))),
        most_rows: usize::MAX,
    },
    Kind {
        name: "mlp",
        about: mlp_text,
        settings: |_| Some(Settings::Mlp(mlp())),
        most_rows: usize::MAX,
    },
    Kind {
        name: "linear",
        about: || "least squares of numbers, logistic regression of classes, by linfa".to_owned(),
        settings: |problem| {
            Some(if problem.is_regression() {
                Settings::Linear(linfa::linear(linfa_linear::LinearRegression::new()))
            } else {
                let logistic = linfa_logistic::LogisticRegression::default();
                Settings::Logistic(Box::new(linfa::logistic(logistic)))
            })
        },
        most_rows: usize::MAX,
    },
    Kind {
        name: "lstm",
        about: lstm_text,
        settings: |problem| {
            let sequence = problem.sequence.as_ref()?;
            Some(Settings::Lstm(lstm(sequence.n_steps(), sequence.channels().len())))
        },
        most_rows: 2000,
    },
];

/// The settings of a model, of whatever kind.
pub(super) enum Settings {
    Forest(RandomForest),
    Boosting(GradientBoosting),
    Mlp(Mlp),
    Linear(linfa::Linear),
    Logistic(Box<linfa::Logistic>),
    Lstm(Recurrent),
}

/// A trained model, of whatever kind.
pub(super) enum Learned {
    Trees(Trees),
    Network(Network),
    Linear(LinearModel),
}

/// What a model can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reads {
    /// Rows as they are, with categories and missing values.
    Tables,
    /// Scaled numbers: a category is a column per value, what is missing is filled.
    Numbers,
    /// Scaled sequences, whose absent steps are missing values.
    Sequences,
}

fn forest(regression: bool) -> RandomForest {
    if !regression {
        return RandomForest::default();
    }
    let plain = RandomForest::regression();
    let tree = DecisionTree { max_features: MaxFeatures::Share(1.0 / 3.0), ..plain.tree };
    RandomForest { tree, ..plain }
}

fn boosting(regression: bool) -> GradientBoosting {
    if regression { GradientBoosting::default() } else { GradientBoosting::classification() }
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
    /// Trains on rows that it can read.
    pub(super) fn fit(&self, run: &Run<'_>, train: &Dataset) -> Result<Learned> {
        Ok(match self {
            Self::Forest(forest) => Learned::Trees(forest.fit(run, train)?),
            Self::Boosting(boosting) => Learned::Trees(boosting.fit(run, train)?),
            Self::Mlp(mlp) => Learned::Network(mlp.fit(run, train)?),
            Self::Linear(linear) => Learned::Linear(linear.fit(run, train)?),
            Self::Logistic(logistic) => Learned::Linear(logistic.fit(run, train)?),
            Self::Lstm(lstm) => Learned::Network(lstm.fit(run, train)?),
        })
    }

    /// The settings as a learner.
    pub(super) fn learner(&self) -> &dyn Learner {
        match self {
            Self::Forest(forest) => forest,
            Self::Boosting(boosting) => boosting,
            Self::Mlp(mlp) => mlp,
            Self::Linear(linear) => linear,
            Self::Logistic(logistic) => &**logistic,
            Self::Lstm(lstm) => lstm,
        }
    }

    pub(super) fn reads(&self) -> Reads {
        match self {
            Self::Forest(_) | Self::Boosting(_) => Reads::Tables,
            Self::Mlp(_) | Self::Linear(_) | Self::Logistic(_) => Reads::Numbers,
            Self::Lstm(_) => Reads::Sequences,
        }
    }
}

impl Learned {
    pub(super) fn model(&self) -> &dyn Model {
        match self {
            Self::Trees(trees) => trees,
            Self::Network(network) => network,
            Self::Linear(linear) => linear,
        }
    }

    /// What the methods of networks look into.
    pub(super) fn network(&self) -> Option<&Network> {
        if let Self::Network(network) = self { Some(network) } else { None }
    }

    /// What the methods of trees look into.
    pub(super) fn trees(&self) -> Option<&Trees> {
        if let Self::Trees(trees) = self { Some(trees) } else { None }
    }

    /// What the methods of linear models look into.
    pub(super) fn linear(&self) -> Option<&LinearModel> {
        if let Self::Linear(linear) = self { Some(linear) } else { None }
    }
}
