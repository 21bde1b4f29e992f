//! Permutation importance of trees in one pass: by features, which should cost nothing, by depth,
//! beside the definition, and on the models of the peers' benchmark.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use fi_core::{Dataset, ExactPermutation, Metric, Permutation, Players, Rng, Run, Target};
use fi_models::tree::{
    DecisionTree, GradientBoosting, MaxFeatures, RandomForest, Trees, exact_permutation,
    permutation,
};
use ndarray::Array2;

const N_REPEATS: usize = 5;

/// Normal features that all matter a little.
fn data(n_rows: usize, n_features: usize) -> Dataset {
    let mut rng = Rng::new(1, 0);
    let rows = Array2::from_shape_simple_fn((n_rows, n_features), || rng.normal());
    let noise: Vec<f64> = (0..n_rows).map(|_| rng.normal()).collect();
    let signal = rows.rows().into_iter().zip(noise);
    let target = signal.map(|(x, noise)| x.sum() + x[0] * x[1] + noise).collect();
    Dataset::new(rows, Target::Values(target)).expect("drawn data are finite")
}

/// Trees of the first 2000 rows.
fn forest(data: &Dataset, n_estimators: usize, max_depth: Option<usize>) -> Trees {
    let max_features = MaxFeatures::Share(1.0 / 3.0);
    let tree = DecisionTree { max_depth, max_features, ..DecisionTree::regression() };
    let rows: Vec<usize> = (0..data.n_rows().min(2_000)).collect();
    let training = data.select_rows(&rows).expect("these rows exist");
    let learner = RandomForest { tree, n_estimators, ..RandomForest::regression() };
    learner.fit(&Run::new(0), &training).expect("the data fit")
}

fn players(data: &Dataset) -> Players {
    Players::features(data.feature_names().to_vec()).expect("the names differ")
}

fn one_pass(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("permutation of trees, 5 repeats, one thread");
    group.sample_size(10);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("one thread");
    let method = Permutation { n_repeats: N_REPEATS, ..Default::default() };
    let cases = [
        (5_000, 10, 100, Some(6)),
        (5_000, 50, 100, Some(6)),
        (5_000, 200, 100, Some(6)),
        (5_000, 20, 50, None),
    ];
    for (n_rows, n_features, n_trees, depth) in cases {
        let data = data(n_rows, n_features);
        let trees = forest(&data, n_trees, depth);
        let players = players(&data);
        let depth = depth.map_or("no limit".to_owned(), |depth| depth.to_string());
        let shape = format!("{n_rows} x {n_features}, {n_trees} trees of depth {depth}");
        let metrics = [Metric::Mse];
        group.bench_function(BenchmarkId::new("one pass", &shape), |bencher| {
            let run = || permutation(&Run::new(0), &method, &trees, &data, &players, &metrics);
            bencher.iter(|| pool.install(run));
        });
        if n_features <= 20 {
            group.bench_function(BenchmarkId::new("predicting again", &shape), |bencher| {
                let run = || method.importance(&Run::new(0), &trees, &data, &players, &metrics);
                bencher.iter(|| pool.install(run));
            });
        }
    }
    group.finish();
}

/// As large as in the peers' benchmark: boosting of 200 trees, and a forest of 100 deep trees.
fn large(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("permutation of large models, 5 repeats, one thread");
    group.sample_size(10);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("one thread");
    let method = Permutation { n_repeats: N_REPEATS, ..Default::default() };
    let mut measure = |name: &str, data: &Dataset, trees: &Trees, metric: Metric| {
        let (players, metrics) = (players(data), [metric]);
        group.bench_function(name, |bencher| {
            let run = || permutation(&Run::new(0), &method, trees, data, &players, &metrics);
            bencher.iter(|| pool.install(run));
        });
    };
    for n_features in [10, 50, 200] {
        let data = data(20_000, n_features);
        let learner = GradientBoosting {
            n_estimators: 200,
            max_depth: Some(6),
            max_leaf_nodes: None,
            ..GradientBoosting::regression()
        };
        let trees = learner.fit(&Run::new(0), &data).expect("the data fit");
        let name = format!("20000 x {n_features}, 200 boosted trees of depth 6");
        measure(&name, &data, &trees, Metric::Mse);
    }
    let rows = data(10_000, 20);
    let table = rows.rows();
    let sums = table.rows().into_iter().map(|row| usize::from(row.sum() > 0.0));
    let target = Target::Classes {
        labels: sums.collect(),
        names: vec!["low".to_owned(), "high".to_owned()],
    };
    let data = Dataset::new(rows.rows().to_owned(), target).expect("drawn data are finite");
    let trees = RandomForest::default().fit(&Run::new(0), &data).expect("the data fit");
    measure("10000 x 20, 100 deep trees of classes", &data, &trees, Metric::Accuracy);
    group.finish();
}

fn exact(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("expectation over all permutations, one thread");
    group.sample_size(10);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("one thread");
    let method = ExactPermutation::default();
    for n_rows in [500, 2_000] {
        let data = data(n_rows, 20);
        let trees = forest(&data, 100, Some(6));
        let players = players(&data);
        group.bench_function(BenchmarkId::new("rows", n_rows), |bencher| {
            let metrics = [Metric::Mse];
            let run = || {
                let (run, data) = (Run::new(0), black_box(&data));
                exact_permutation(&run, &method, &trees, data, &players, &metrics)
            };
            bencher.iter(|| pool.install(run));
        });
    }
    group.finish();
}

criterion_group!(benches, one_pass, large, exact);
criterion_main!(benches);
