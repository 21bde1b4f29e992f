//! Gradient boosting: training by loss, size and threads.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use fi_core::{Dataset, Rng, Run, Target};
use fi_models::tree::{GradientBoosting, Loss};
use ndarray::Array2;

/// Normal features of which seven make the target, as a positive value.
fn data(n_rows: usize, n_features: usize) -> Dataset {
    let mut rng = Rng::new(1, 0);
    let rows = Array2::from_shape_simple_fn((n_rows, n_features), || rng.normal());
    let signal = rows.rows().into_iter().map(|x| {
        let wave = (std::f64::consts::PI * x[0] * x[1]).sin();
        wave + 0.2 * (x[2] - 0.5).powi(2) + x[3] + 0.5 * x[4] + 0.3 * x[5] * x[6]
    });
    let signal: Vec<f64> = signal.collect();
    let values = signal.into_iter().map(|y| (0.5 * y + 0.1 * rng.normal()).exp()).collect();
    Dataset::new(rows, Target::Values(values)).expect("drawn data are finite")
}

/// The same rows in classes of equal size.
fn classes(data: &Dataset, n_classes: usize) -> Dataset {
    let values = data.target().values().unwrap_or(&[]).to_vec();
    let mut sorted = values.clone();
    sorted.sort_unstable_by(f64::total_cmp);
    let cuts: Vec<f64> = (1..n_classes).map(|k| sorted[k * sorted.len() / n_classes]).collect();
    let labels = values.iter().map(|y| cuts.partition_point(|cut| cut <= y)).collect();
    let names = (0..n_classes).map(|k| format!("class {k}")).collect();
    data.clone().with_target(Target::Classes { labels, names }).expect("labels are in range")
}

fn training(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("boosting, 50 rounds");
    group.sample_size(10);
    for (n_rows, n_features) in [(1_000, 20), (50_000, 20)] {
        let values = data(n_rows, n_features);
        let cases = [
            ("squared error", Loss::SquaredError, values.clone()),
            ("absolute error", Loss::AbsoluteError, values.clone()),
            ("Poisson", Loss::Poisson, values.clone()),
            ("logistic", Loss::LogLoss, classes(&values, 2)),
            ("softmax, 3 classes", Loss::LogLoss, classes(&values, 3)),
        ];
        for (name, loss, data) in cases {
            let learner = GradientBoosting { loss, n_estimators: 50, ..Default::default() };
            for n_threads in [1, 2] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build();
                let pool = pool.expect("threads");
                let size = format!("{n_rows} x {n_features}, {n_threads} threads");
                group.bench_function(BenchmarkId::new(name, size), |bencher| {
                    let train = || learner.fit(&Run::new(0), black_box(&data));
                    bencher.iter(|| pool.install(train));
                });
            }
        }
    }
    group.finish();
}

criterion_group!(benches, training);
criterion_main!(benches);
