//! Tests of the networks, by what they need: training, reading weights, golden numbers.

mod fitting;
mod gradient;
mod layers;
mod random;
mod scores;
mod training;

use fi_core::{Dataset, Output, Rng, Target};
use ndarray::Array2;

use super::{Activation, Dense, Input, Layer, Network, Precision};

/// Normal rows whose class, or value, depends on the first features more than on the last.
pub(super) fn data(n_rows: usize, n_features: usize, n_classes: Option<usize>) -> Dataset {
    let mut rng = Rng::new(77, 0);
    let rows = Array2::from_shape_fn((n_rows, n_features), |_| rng.normal());
    let scores = rows.rows().into_iter().map(|x| {
        x.iter().enumerate().map(|(i, x)| x / (1.0 + i as f64)).sum::<f64>() + 0.1 * rng.normal()
    });
    let scores: Vec<f64> = scores.collect();
    let target = match n_classes {
        None => Target::Values(scores),
        Some(k) => Target::Classes {
            labels: scores
                .iter()
                .map(|s| ((s + 1.5).max(0.0) / 3.0 * k as f64).min(k as f64 - 1.0) as usize)
                .collect(),
            names: (0..k).map(|class| format!("class {class}")).collect(),
        },
    };
    Dataset::new(rows, target).unwrap()
}

/// A layer that is dense.
pub(super) fn dense_of(network: &Network, layer: usize) -> &Dense {
    match &network.layers()[layer] {
        Layer::Dense(dense) => dense,
        other => panic!("layer {layer} is {other:?}"),
    }
}

/// Two hidden layers of random weights; one output is a value, more are probabilities.
pub(super) fn random_mlp(n_in: usize, n_out: usize, precision: Precision) -> Network {
    let mut rng = Rng::new(21, 0);
    let layers = vec![
        random::dense(&mut rng, n_in, 9, Activation::Relu),
        random::dense(&mut rng, 9, 5, Activation::Tanh),
        random::dense(&mut rng, 5, n_out, Activation::Linear),
    ];
    let output = if n_out == 1 { Output::Values } else { Output::Probabilities };
    Network::new(Input::Features(n_in), layers, output).unwrap().with_precision(precision)
}
