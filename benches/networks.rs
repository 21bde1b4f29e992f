//! Training the networks of the comparison, and reading their weights.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use fi_core::{Dataset, Rng, Run, Target};
use fi_models::network::{
    GarsonForm, Initializer, Input, Mlp, Optimizer, Precision, Recurrent, Training, Viann, garson,
    olden,
};
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

/// Normal classes whose features are raised by turns: the shape of digits, or of a sequence.
fn raised(n_rows: usize, n_features: usize, n_classes: usize) -> Dataset {
    let mut rng = Rng::new(1936, 1);
    let labels: Vec<usize> = (0..n_rows).map(|row| row % n_classes).collect();
    let rows = Array2::from_shape_fn((n_rows, n_features), |(row, feature)| {
        rng.normal() + f64::from(u8::from(feature % n_classes == labels[row]))
    });
    let names = (0..n_classes).map(|class| class.to_string()).collect();
    Dataset::new(rows, Target::Classes { labels, names }).expect("the table is valid")
}

/// What peers are timed with: see `benches/peers`.
fn peers(criterion: &mut Criterion) {
    let digits = raised(1797, 64, 10);
    let hidden = vec![50, 100, 50];
    let wide = Mlp { hidden, batch_size: 64, epochs: 30, ..Mlp::default() };
    for (name, precision) in [("f32", Precision::Single), ("f64", Precision::Double)] {
        let learner = Mlp { precision, optimizer: Optimizer::sgd(0.01), ..wide.clone() };
        let name = format!("networks/digits: 64-50-100-50-10, 30 epochs of 29 batches, {name}");
        criterion.bench_function(&name, |bencher| {
            bencher.iter(|| learner.fit(&Run::new(0), black_box(&digits)));
        });
    }
    let sequences = raised(1000, 400, 2);
    let learner = Recurrent {
        input: Input::Sequence { steps: 50, channels: 8 },
        units: vec![64],
        training: Training { epochs: 5, batch_size: 32, ..Training::default() },
        ..Recurrent::default()
    };
    let mut group = criterion.benchmark_group("networks");
    group.sample_size(10);
    group.bench_function("LSTM: 50 steps of 8, 64 units, 5 epochs of 32 batches", |bencher| {
        bencher.iter(|| learner.fit(&Run::new(0), black_box(&sequences)));
    });
    group.finish();
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

criterion_group!(benches, training, peers, reading);
criterion_main!(benches);
