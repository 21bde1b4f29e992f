//! Permutation importance of a closed-form model, by rows, and the donors alone: the model costs
//! next to nothing, so this is what the method itself costs.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use fi_core::{Dataset, Donors, Function, Metric, Permutation, Players, Rng, Run, Target};
use ndarray::{Array2, ArrayView2, Axis};

const N_FEATURES: usize = 10;
const N_REPEATS: usize = 5;

fn data(n_rows: usize) -> Dataset {
    let mut rng = Rng::new(1, 0);
    let rows = Array2::from_shape_simple_fn((n_rows, N_FEATURES), || rng.normal());
    let target = rows.sum_axis(Axis(1)).to_vec();
    Dataset::new(rows, Target::Values(target)).expect("the rows are finite")
}

fn permutation(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("permutation");
    group.sample_size(10);
    let model = Function::new(N_FEATURES, 1, |rows: ArrayView2<'_, f64>| {
        rows.sum_axis(Axis(1)).insert_axis(Axis(1))
    });
    let method = Permutation { n_repeats: N_REPEATS, ..Default::default() };
    for n_rows in [150, 20_000] {
        let data = data(n_rows);
        let players = Players::features(data.feature_names().to_vec()).expect("the names differ");
        group.throughput(Throughput::Elements((n_rows * N_FEATURES * N_REPEATS) as u64));
        group.bench_function(BenchmarkId::new("rows", n_rows), |bencher| {
            bencher
                .iter(|| method.importance(&Run::new(0), &model, &data, &players, &[Metric::Mse]));
        });
    }
    group.finish();
}

fn donors(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("donors");
    for n_rows in [150, 20_000] {
        let donors = Donors::new(n_rows, 7);
        group.throughput(Throughput::Elements(n_rows as u64));
        group.bench_function(BenchmarkId::new("rows", n_rows), |bencher| {
            bencher.iter(|| (0..n_rows).fold(0, |sum, row| sum ^ donors.of(row)));
        });
    }
    group.finish();
}

criterion_group!(benches, permutation, donors);
criterion_main!(benches);
