//! Log loss, ROC AUC and Kendall's tau by the number of rows or features.
//!
//! A permutation method scores once per feature and repeat, so a metric is on its inner path.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use fi_core::agreement::Agreement;
use fi_core::{Metric, Output, Rng, Target};
use ndarray::Array2;

/// Probabilities of two classes that lean towards the label.
fn drawn(n_rows: usize) -> (Array2<f64>, Target) {
    let mut rng = Rng::new(7, 0);
    let labels: Vec<usize> = (0..n_rows).map(|_| rng.below(2)).collect();
    let second: Vec<f64> = labels.iter().map(|&y| f64::midpoint(rng.uniform(), y as f64)).collect();
    let rows = Array2::from_shape_fn((n_rows, 2), |(row, class)| match class {
        0 => 1.0 - second[row],
        _ => second[row],
    });
    (rows, Target::Classes { labels, names: vec!["no".into(), "yes".into()] })
}

fn scores(criterion: &mut Criterion) {
    for name in ["log_loss", "roc_auc"] {
        let metric = Metric::parse(name).expect("a known name");
        let mut group = criterion.benchmark_group(metric.name());
        for n_rows in [1_000, 10_000, 100_000] {
            let (rows, target) = drawn(n_rows);
            group.throughput(Throughput::Elements(n_rows as u64));
            group.bench_function(BenchmarkId::from_parameter(n_rows), |bencher| {
                bencher.iter(|| metric.score(rows.view(), Output::Probabilities, &target, None));
            });
        }
        group.finish();
    }
}

fn agreement(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("Kendall τ-b");
    for n_features in [10, 1_000, 100_000] {
        let mut rng = Rng::new(7, 1);
        let a: Vec<f64> = (0..n_features).map(|_| rng.normal()).collect();
        let b: Vec<f64> = a.iter().map(|x| x + rng.normal()).collect();
        group.throughput(Throughput::Elements(n_features as u64));
        group.bench_function(BenchmarkId::from_parameter(n_features), |bencher| {
            bencher.iter(|| Agreement::Kendall.between(&a, &b));
        });
    }
    group.finish();
}

criterion_group!(benches, scores, agreement);
criterion_main!(benches);
