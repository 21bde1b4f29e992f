//! Tests of the networks, by what they need: training, reading weights, golden numbers.

mod fitting;
mod gradient;
mod layers;
mod random;
mod scores;
mod training;

use fi_core::{Dataset, Rng, Target};
use ndarray::Array2;

use super::{Dense, Layer, Network};

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
