//! Training the networks of the comparison, and reading their weights.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use fi_core::{Dataset, Rng, Run, Target};
use fi_models::network::{GarsonForm, Initializer, Mlp, Optimizer, Viann, garson, olden};
use ndarray::Array2;

/// Three shifted normal classes of four features: the shape of Iris.
fn flowers(n_rows: usize) -> Dataset {
    let mut rng = Rng::new(1936, 0);
    let labels: Vec<usize> = (0..n_rows).map(|row| row % 3).collect();
    let rows = Array2::from_shape_fn((n_rows, 4), |(row, feature)| {
        rng.normal() + (labels[row] * feature) as f64 / 2.0
    });
    let names = ["a", "b", "c"].map(String::from).to_vec();
    Dataset::new(rows, Target::Classes { labels, names }).expect("the table is valid")
}

/// The published NN2, for a fixed number of epochs.
fn paper(epochs: usize) -> Mlp {
    Mlp {
        hidden: vec![50, 100, 50],
        initializer: Initializer::RandomNormal { std: 0.05 },
        l2: 0.01,
        optimizer: Optimizer::sgd(0.01),
        epochs,
        batch_size: 21,
        ..Mlp::default()
    }
}

fn training(criterion: &mut Criterion) {
    let data = flowers(120);
    criterion.bench_function("networks/script: 4-16-3, 50 epochs of 8 batches", |bencher| {
        bencher.iter(|| Mlp::default().fit(&Run::new(0), black_box(&data)));
    });
    let data = flowers(142);
    criterion.bench_function("networks/paper: 4-50-100-50-3, 50 epochs of 7 batches", |bencher| {
        bencher.iter(|| paper(50).fit(&Run::new(0), black_box(&data)));
    });
}

fn reading(criterion: &mut Criterion) {
    let data = flowers(142);
    let network = paper(2).fit(&Run::new(0), &data).expect("the table is valid");
    let names = data.feature_names();
    criterion.bench_function("networks/VIANN, Garson and Olden of the paper's", |bencher| {
        bencher.iter(|| {
            let network = black_box(&network);
            let viann = Viann::default().of_network(network, names);
            (viann, garson(network, names, GarsonForm::Garson), olden(network, names))
        });
    });
}

criterion_group!(benches, training, reading);
criterion_main!(benches);
