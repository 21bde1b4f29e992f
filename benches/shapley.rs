//! Shapley estimators on a small dense model, by number of features: seconds per explained row.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use fi_core::shapley::{Estimator, Exact, Kernel, Permutation, Sampling, explain};
use fi_core::{Function, Model, Players, Removal, Rng, Run};
use ndarray::{Array2, ArrayView2};

fn normal(rng: &mut Rng, n_rows: usize, n_columns: usize) -> Array2<f64> {
    Array2::from_shape_simple_fn((n_rows, n_columns), || rng.normal())
}

/// A network of 16 hidden units.
fn network(n_features: usize, rng: &mut Rng) -> impl Model + use<> {
    let hidden = normal(rng, n_features, 16);
    let output = normal(rng, 16, 2);
    Function::new(n_features, 2, move |rows: ArrayView2<'_, f64>| {
        rows.dot(&hidden).mapv(|x| x.max(0.0)).dot(&output)
    })
}

fn estimators(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("shapley");
    group.sample_size(10);
    for n_features in [10, 50, 200] {
        let rng = &mut Rng::new(0, n_features as u64);
        let model = network(n_features, rng);
        let Ok(players) = Players::features((0..n_features).map(|i| format!("x{i}"))) else {
            return;
        };
        let Ok(removal) = Removal::marginal(normal(rng, 20, n_features)) else { return };
        let rows = normal(rng, 4, n_features);
        let permutation = Permutation { n_permutations: 8, tolerance: None };
        let (kernel, sampling) = (Kernel::new(1024), Sampling { n_samples: 50 });
        let all: [&dyn Estimator; 4] = [&permutation, &kernel, &sampling, &Exact];
        for estimator in &all[..if n_features > 10 { 3 } else { 4 }] {
            let id = BenchmarkId::new(estimator.name(), n_features);
            group.bench_function(id, |bencher| {
                let run = Run::new(0);
                bencher.iter(|| explain(&run, *estimator, &model, rows.view(), &players, &removal));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, estimators);
criterion_main!(benches);
