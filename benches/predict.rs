//! Prediction of trees, shallow and deep, by rows: with few rows laying out the trees counts.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use fi_core::{Dataset, Rng, Run, Target};
use fi_models::tree::{DecisionTree, RandomForest};
use ndarray::{Array2, s};

fn predict(criterion: &mut Criterion) {
    let mut rng = Rng::new(1, 0);
    let rows = Array2::from_shape_simple_fn((10_000, 20), || rng.normal());
    let target = rows.rows().into_iter().map(|x| x.sum() + x[0] * x[1]).collect();
    let data = Dataset::new(rows, Target::Values(target)).expect("drawn data are finite");
    for (name, max_depth, n_trees) in [("depth 6", Some(6), 500), ("no limit", None, 100)] {
        let tree = DecisionTree { max_depth, ..DecisionTree::regression() };
        let learner = RandomForest { tree, n_estimators: n_trees, ..RandomForest::regression() };
        let training = data.select_rows(&(0..2_000).collect::<Vec<_>>()).expect("rows exist");
        let trees = learner.fit(&Run::new(0), &training).expect("the data fit");
        let mut group = criterion.benchmark_group(format!("predict, {n_trees} trees, {name}"));
        group.sample_size(10);
        for n_rows in [1, 100, 10_000] {
            let rows = data.rows().slice_move(s![..n_rows, ..]);
            group.throughput(Throughput::Elements(n_rows as u64));
            group.bench_function(BenchmarkId::new("rows", n_rows), |bencher| {
                bencher.iter(|| trees.ensemble().predict(black_box(rows)));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, predict);
criterion_main!(benches);
