//! What is trained: the paper's networks, and the arms that change one thing of its protocol.

use fi_core::{Dataset, Learner, Result, Run};
use fi_models::network::{
    Activation, EarlyStopping, Initializer, Input, LayerSettings, Mlp, Monitor, Network, Optimizer,
    Precision, Sampling, Sequential, StopRule, Training, Validation,
};
use serde::{Deserialize, Serialize};

/// A model of the experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Net {
    /// 50-100-50 units without activation functions.
    Nn1,
    /// 50-100-50 units with ReLU.
    Nn2,
    /// Seven hidden layers of up to 4096 units.
    Deep,
    /// The random forest that the networks are set beside.
    Forest,
}

impl Net {
    /// The name in tables and files.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nn1 => "NN1",
            Self::Nn2 => "NN2",
            Self::Deep => "DeepNN",
            Self::Forest => "forest",
        }
    }
}

/// What is done with a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Arm {
    /// As published.
    Published,
    /// The validation rows are drawn, the same share of each class, and not the last of the table.
    DrawnValidation,
    /// So many epochs, whatever the validation rows say.
    Epochs(usize),
    /// VIANN's variance is over the weights after every step, not after every epoch.
    EveryStep,
    /// Trained on four fifths of the rows and explained on the rest.
    HoldOut,
    /// As `HoldOut`, and retrained without each feature.
    LeaveOut,
}

impl Arm {
    /// The name in tables and files.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Published => "published".to_owned(),
            Self::DrawnValidation => "drawn validation".to_owned(),
            Self::Epochs(n) => format!("{n} epochs"),
            Self::EveryStep => "every step".to_owned(),
            Self::HoldOut => "hold-out".to_owned(),
            Self::LeaveOut => "leave out".to_owned(),
        }
    }
}

/// A network before it is trained.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Untrained {
    /// NN1 or NN2.
    Mlp(Box<Mlp>),
    /// DeepNN.
    Deep(Box<Sequential>),
}

impl Untrained {
    pub(crate) fn fit(&self, run: &Run<'_>, data: &Dataset) -> Result<Network> {
        match self {
            Self::Mlp(mlp) => mlp.fit(run, data),
            Self::Deep(deep) => deep.fit(run, data),
        }
    }

    pub(crate) fn learner(&self) -> &dyn Learner {
        match self {
            Self::Mlp(mlp) => &**mlp,
            Self::Deep(deep) => &**deep,
        }
    }
}

/// The share of the rows that the paper validates on.
const VALIDATION: f64 = 0.05;

/// How much of the published networks is trained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Size {
    /// The most epochs of a classifier's training; 1000 as published.
    pub(crate) max_epochs: usize,
    /// What DeepNN's widths are divided by; 1 as published.
    pub(crate) deep_divisor: usize,
}

impl Size {
    /// How many epochs a regression trains for; 100 as published.
    pub(crate) fn regression_epochs(&self) -> usize {
        self.max_epochs.min(100)
    }
}

/// The published network for these rows.
pub(crate) fn network(net: Net, arm: Arm, data: &Dataset, size: &Size) -> Untrained {
    let classes = data.target().n_classes().is_some();
    let epochs = match arm {
        Arm::Epochs(n) => n,
        _ if classes => size.max_epochs,
        _ => size.regression_epochs(),
    };
    // The published rule, `val_acc > 0.95` and `epoch > 5` from 0; no share of so few rows is .95.
    let stops = classes && !matches!(arm, Arm::Epochs(_));
    let rule = if stops {
        StopRule::Threshold { accuracy: 0.95, first_epoch: 7 }
    } else {
        StopRule::Patience {
            monitor: Monitor::Loss,
            patience: usize::MAX,
            min_delta: 0.0,
            restore_best: false,
        }
    };
    let validation = if arm == Arm::DrawnValidation {
        Validation::Drawn { share: VALIDATION }
    } else {
        Validation::LastRows { share: VALIDATION }
    };
    let training = Training {
        optimizer: if net == Net::Deep { Optimizer::adam(0.001) } else { Optimizer::sgd(0.01) },
        epochs,
        batch_size: (data.n_rows() as f64 / 7.0).round() as usize,
        early_stopping: Some(EarlyStopping { rule, validation }),
        sampling: if arm == Arm::EveryStep { Sampling::Steps } else { Sampling::Epochs },
        precision: Precision::Single,
        ..Training::default()
    };
    if net == Net::Deep {
        return Untrained::Deep(Box::new(Sequential {
            input: Input::Features(data.n_features()),
            layers: deep_layers(size.deep_divisor),
            output_initializer: NORMAL,
            training,
            ..Sequential::default()
        }));
    }
    Untrained::Mlp(Box::new(Mlp {
        hidden: vec![50, 100, 50],
        activation: if net == Net::Nn1 { Activation::Linear } else { Activation::Relu },
        initializer: NORMAL,
        l2: 0.01,
        optimizer: training.optimizer,
        epochs: training.epochs,
        batch_size: training.batch_size,
        early_stopping: training.early_stopping,
        sampling: training.sampling,
        precision: training.precision,
        ..Mlp::default()
    }))
}

/// Keras's `"normal"`.
const NORMAL: Initializer = Initializer::RandomNormal { std: 0.05 };
/// Keras's `"random_uniform"`.
const UNIFORM: Initializer = Initializer::RandomUniform { limit: 0.05 };

/// DeepNN's hidden layers: units, start of the weights, L2, dropout.
const DEEP: [(usize, Initializer, f64, f64); 7] = [
    (500, NORMAL, 0.0, 0.5),
    (1024, NORMAL, 0.0, 0.5),
    (2048, NORMAL, 0.1, 0.5),
    (4096, UNIFORM, 0.1, 0.5),
    (2048, UNIFORM, 0.1, 0.5),
    (1024, NORMAL, 0.1, 0.5),
    (500, NORMAL, 0.0, 0.2),
];

/// Each hidden layer with batch normalisation and dropout; only the first has an activation, and
/// a PReLU follows the last.
fn deep_layers(divisor: usize) -> Vec<LayerSettings> {
    let mut layers = Vec::new();
    for (place, (units, initializer, l2, rate)) in DEEP.into_iter().enumerate() {
        let activation = if place == 0 { Activation::Relu } else { Activation::Linear };
        let units = (units / divisor).max(1);
        layers.push(LayerSettings::Dense { units, activation, initializer, l2 });
        layers.push(LayerSettings::batch_norm());
        layers.push(LayerSettings::Dropout { rate });
    }
    layers.push(LayerSettings::PRelu { start: 0.0 });
    layers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data_sets::load;

    const FULL: Size = Size { max_epochs: 1000, deep_divisor: 1 };

    fn mlp(net: Net, arm: Arm, data: &Dataset) -> Mlp {
        match network(net, arm, data, &FULL) {
            Untrained::Mlp(mlp) => *mlp,
            Untrained::Deep(_) => panic!("{net:?} is no perceptron"),
        }
    }

    #[test]
    fn batches_epochs_and_stopping_are_the_papers() {
        let expected = [
            ("breast-cancer", 81, 1000),
            ("digits", 257, 1000),
            ("iris", 21, 1000),
            ("wine", 25, 1000),
            ("boston", 72, 100),
            ("diabetes", 63, 100),
        ];
        for (name, batch_size, epochs) in expected {
            let data = load(name).unwrap().data;
            let classes = data.target().n_classes().is_some();
            let published = mlp(Net::Nn1, Arm::Published, &data);
            assert_eq!((published.batch_size, published.epochs), (batch_size, epochs), "{name}");
            let stops = |mlp: &Mlp| {
                let rule = &mlp.early_stopping.as_ref().unwrap().rule;
                matches!(rule, StopRule::Threshold { first_epoch: 7, .. })
            };
            assert_eq!(stops(&published), classes, "{name}");
            let fixed = mlp(Net::Nn2, Arm::Epochs(30), &data);
            assert!(fixed.epochs == 30 && !stops(&fixed), "{name}");
        }
    }

    #[test]
    fn the_last_rows_of_iris_and_wine_are_of_one_class() {
        for (name, n_rows) in [("iris", 8), ("wine", 9)] {
            let data = load(name).unwrap().data;
            let kept = (data.n_rows() as f64 * (1.0 - VALIDATION)) as usize;
            let labels = &data.target().labels().unwrap()[kept..];
            assert!(labels.len() == n_rows && labels.iter().all(|label| *label == 2), "{name}");
        }
    }

    #[test]
    fn an_arm_changes_one_thing() {
        let data = load("iris").unwrap().data;
        let published = mlp(Net::Nn1, Arm::Published, &data);
        let stopping = published.early_stopping.clone().unwrap();
        let drawn =
            Some(EarlyStopping { validation: Validation::Drawn { share: VALIDATION }, ..stopping });
        let arm = |arm| mlp(Net::Nn1, arm, &data);
        assert_eq!(arm(Arm::DrawnValidation), Mlp { early_stopping: drawn, ..published.clone() });
        assert_eq!(arm(Arm::EveryStep), Mlp { sampling: Sampling::Steps, ..published.clone() });
        let relu = Mlp { activation: Activation::Relu, ..published.clone() };
        assert_eq!(mlp(Net::Nn2, Arm::Published, &data), relu);
    }

    #[test]
    fn deepnn_has_the_published_layers() {
        let layers = deep_layers(1);
        assert_eq!(layers.len(), 22);
        let dense = layers.iter().filter_map(|layer| match layer {
            LayerSettings::Dense { units, l2, activation, .. } => Some((*units, *l2, *activation)),
            _ => None,
        });
        let (relu, linear) = (Activation::Relu, Activation::Linear);
        let expected = [
            (500, 0.0, relu),
            (1024, 0.0, linear),
            (2048, 0.1, linear),
            (4096, 0.1, linear),
            (2048, 0.1, linear),
            (1024, 0.1, linear),
            (500, 0.0, linear),
        ];
        assert_eq!(dense.collect::<Vec<_>>(), expected);
        let drops = layers.iter().filter_map(|layer| match layer {
            LayerSettings::Dropout { rate } => Some(*rate),
            _ => None,
        });
        assert_eq!(drops.collect::<Vec<_>>(), [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.2]);
        assert_eq!(layers[21], LayerSettings::PRelu { start: 0.0 });
        assert!(matches!(deep_layers(16)[9], LayerSettings::Dense { units: 256, .. }));
    }
}
