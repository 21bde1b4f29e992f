//! Networks as format versions 1 and 2 wrote them: dense layers alone, in `f64`.

use fi_core::Output;
use ndarray::{Array1, Array2};
use serde::Deserialize;

use crate::network::{
    Activation, Dense, Input, Layer, Network, Parts, Precision, Record, WeightStatistics,
};

#[derive(Deserialize)]
pub(super) struct OldNetwork {
    layers: Vec<OldLayer>,
    output: Output,
    history: Vec<OldRecord>,
    statistics: WeightStatistics,
}

#[derive(Deserialize)]
struct OldLayer {
    weights: Array2<f64>,
    bias: Array1<f64>,
    activation: OldActivation,
}

#[derive(Deserialize)]
enum OldActivation {
    Relu,
    Tanh,
    Sigmoid,
    Linear,
}

#[derive(Deserialize)]
struct OldRecord {
    loss: f64,
    accuracy: Option<f64>,
    validation_loss: Option<f64>,
    validation_accuracy: Option<f64>,
}

impl OldNetwork {
    /// The same network in today's layout, checked.
    pub(super) fn into_network(self) -> fi_core::Result<Network> {
        let Self { layers, output, history, statistics } = self;
        let n_features = layers.first().map_or(0, |layer| layer.weights.nrows());
        let layer = |OldLayer { weights, bias, activation }: OldLayer| {
            let activation = match activation {
                OldActivation::Relu => Activation::Relu,
                OldActivation::Tanh => Activation::Tanh,
                OldActivation::Sigmoid => Activation::Sigmoid,
                OldActivation::Linear => Activation::Linear,
            };
            Layer::Dense(Dense { weights, bias, activation })
        };
        let record = |old: OldRecord| Record {
            loss: old.loss,
            accuracy: old.accuracy,
            validation_loss: old.validation_loss,
            validation_accuracy: old.validation_accuracy,
            validation_metric: None,
            learning_rate: None,
        };
        let parts = Parts {
            input: Input::Features(n_features),
            layers: layers.into_iter().map(layer).collect(),
            output,
            precision: Precision::Double,
            history: history.into_iter().map(record).collect(),
            statistics,
        };
        parts.try_into()
    }
}
