//! What is trained: the paper's networks, and the arms that change one thing of its protocol.

use fi_core::Dataset;
use fi_models::network::{
    Activation, EarlyStopping, Initializer, Mlp, Monitor, Optimizer, StopRule, Validation,
};
use serde::{Deserialize, Serialize};

/// A model of the experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Net {
    /// 50-100-50 units without activation functions.
    Nn1,
    /// 50-100-50 units with ReLU.
    Nn2,
    /// The random forest that the networks are set beside.
    Forest,
}

impl Net {
    /// The name in tables and files.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nn1 => "NN1",
            Self::Nn2 => "NN2",
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
            Self::HoldOut => "hold-out".to_owned(),
            Self::LeaveOut => "leave out".to_owned(),
        }
    }
}

/// The share of the rows that the paper validates on.
const VALIDATION: f64 = 0.05;

/// The published network for these rows; `max_epochs` is 1000 as published, for classes.
pub(crate) fn network(net: Net, arm: Arm, data: &Dataset, max_epochs: usize) -> Mlp {
    let classes = data.target().n_classes().is_some();
    let epochs = match (arm, classes) {
        (Arm::Epochs(n), _) => n,
        (_, true) => max_epochs,
        (_, false) => max_epochs.min(100),
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
    Mlp {
        hidden: vec![50, 100, 50],
        activation: if net == Net::Nn1 { Activation::Linear } else { Activation::Relu },
        initializer: Initializer::RandomNormal { std: 0.05 },
        l2: 0.01,
        optimizer: Optimizer::sgd(0.01),
        epochs,
        batch_size: (data.n_rows() as f64 / 7.0).round() as usize,
        early_stopping: Some(EarlyStopping { rule, validation }),
        ..Mlp::default()
    }
}
