//! Trees and forests: training, prediction and what is read from them.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use fi_core::{Dataset, Metric, Model, Players, Rng, Run, Target};
use fi_models::tree::{
    DecisionTree, MaxFeatures, RandomForest, Splitter, impurity, oob_permutation, split_count,
};
use ndarray::Array2;

/// Normal features; the target depends on the first four and the last.
fn data(n_rows: usize, n_features: usize, classes: bool) -> Dataset {
    let mut rng = Rng::new(1, 0);
    let rows = Array2::from_shape_simple_fn((n_rows, n_features), || rng.normal());
    let noise: Vec<f64> = (0..n_rows).map(|_| rng.normal()).collect();
    let signal = rows.rows().into_iter().zip(noise);
    let values: Vec<f64> =
        signal.map(|(x, e)| x[0] + x[1] * x[2] + 0.5 * x[3] - x[x.len() - 1].abs() + e).collect();
    let target = if classes {
        let labels = values.iter().map(|&y| usize::from(y > -0.8)).collect();
        Target::Classes { labels, names: vec!["no".into(), "yes".into()] }
    } else {
        Target::Values(values)
    };
    Dataset::new(rows, target).expect("drawn data are finite")
}

fn learner(classes: bool) -> RandomForest {
    if classes {
        return RandomForest::default();
    }
    let tree =
        DecisionTree { max_features: MaxFeatures::Share(1.0 / 3.0), ..DecisionTree::regression() };
    RandomForest { tree, ..RandomForest::default() }
}

fn training(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("forest of 100 trees, one thread");
    group.sample_size(10);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("one thread");
    for (n_rows, n_features) in [(150, 4), (2_000, 20)] {
        for classes in [true, false] {
            let data = data(n_rows, n_features, classes);
            let kind = if classes { "classification" } else { "regression" };
            let id = BenchmarkId::new(kind, format!("{n_rows} x {n_features}"));
            group.bench_function(id, |bencher| {
                let train = || learner(classes).fit(&Run::new(0), black_box(&data));
                bencher.iter(|| pool.install(train));
            });
        }
    }
    group.finish();
}

/// The size that other libraries are compared at; ten trees, to keep it short.
fn large(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("forest of 10 trees on 50000 x 20, one thread");
    group.sample_size(10);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("one thread");
    for classes in [true, false] {
        let data = data(50_000, 20, classes);
        let kind = if classes { "classification" } else { "regression" };
        let plain = RandomForest { n_estimators: 10, ..learner(classes) };
        let binned = DecisionTree { max_bins: Some(255), ..plain.tree.clone() };
        let random = DecisionTree { splitter: Splitter::Random, ..plain.tree.clone() };
        for (name, tree) in
            [("", plain.tree.clone()), (", 255 bins", binned), (", extra-trees", random)]
        {
            let learner = RandomForest { tree, ..plain.clone() };
            let train = || learner.fit(&Run::new(0), black_box(&data));
            group.bench_function(BenchmarkId::new("train", format!("{kind}{name}")), |bencher| {
                bencher.iter(|| pool.install(train));
            });
        }
        let forest = plain.fit(&Run::new(0), &data).expect("the data fit");
        group.bench_function(BenchmarkId::new("predict 50000 rows", kind), |bencher| {
            bencher.iter(|| pool.install(|| forest.predict(black_box(data.rows()))));
        });
    }
    group.finish();
}

fn reading(criterion: &mut Criterion) {
    let data = data(2_000, 20, true);
    let forest = learner(true).fit(&Run::new(0), &data).expect("the data fit");
    let players = Players::features(data.feature_names().to_vec()).expect("features have names");
    let names = data.feature_names();
    let mut group = criterion.benchmark_group("forest of 100 trees on 2000 x 20");
    group.sample_size(10);
    group.bench_function("predict 2000 rows", |bencher| {
        bencher.iter(|| forest.predict(black_box(data.rows())));
    });
    group.bench_function("impurity", |bencher| {
        bencher.iter(|| impurity(black_box(forest.ensemble()), names));
    });
    group.bench_function("split count", |bencher| {
        bencher.iter(|| split_count(black_box(forest.ensemble()), names));
    });
    group.bench_function("out-of-bag permutation, 1 repeat", |bencher| {
        let metrics = [Metric::Accuracy];
        bencher.iter(|| oob_permutation(&Run::new(1), &forest, &data, &players, &metrics, 1));
    });
    group.finish();
}

criterion_group!(benches, training, large, reading);
criterion_main!(benches);
