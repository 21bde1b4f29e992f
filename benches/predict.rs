//! Prediction of trees, shallow and deep, by rows: with few rows laying out the trees counts.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use fi_core::{Dataset, Rng, Run, Target};
use fi_models::tree::{DecisionTree, GradientBoosting, RandomForest, Trees};
use ndarray::{Array2, ArrayView2, s};

fn predict(criterion: &mut Criterion) {
    let mut rng = Rng::new(1, 0);
    let rows = Array2::from_shape_simple_fn((10_000, 20), || rng.normal());
    let target = rows.rows().into_iter().map(|x| x.sum() + x[0] * x[1]).collect();
    let data = Dataset::new(rows, Target::Values(target)).expect("drawn data are finite");
    let training = data.select_rows(&(0..2_000).collect::<Vec<_>>()).expect("rows exist");
    let run = Run::new(0);
    for (name, max_depth, n_trees) in [("depth 6", Some(6), 500), ("no limit", None, 100)] {
        let tree = DecisionTree { max_depth, ..DecisionTree::regression() };
        let learner = RandomForest { tree, n_estimators: n_trees, ..RandomForest::regression() };
        let trees = learner.fit(&run, &training).expect("the data fit");
        by_rows(criterion, &format!("predict, {n_trees} trees, {name}"), &trees, data.rows());
    }
    // At most 254 thresholds a feature, which one byte can count.
    let learner = GradientBoosting { n_estimators: 500, ..GradientBoosting::regression() };
    let trees = learner.fit(&run, &training).expect("the data fit");
    by_rows(criterion, "predict, 500 boosted trees", &trees, data.rows());
    // Leaves of several values.
    let table = data.rows();
    let first = table.column(0);
    let labels = first.iter().map(|&x| (x + 1.5).clamp(0.0, 2.0) as usize);
    let names = (0..3).map(|class| class.to_string()).collect();
    let target = Target::Classes { labels: labels.collect(), names };
    let classes = Dataset::new(data.rows().to_owned(), target).expect("drawn data are finite");
    let training = classes.select_rows(&(0..2_000).collect::<Vec<_>>()).expect("rows exist");
    let trees = RandomForest::default().fit(&run, &training).expect("the data fit");
    by_rows(criterion, "predict, 100 trees of classes", &trees, data.rows());
}

fn by_rows(criterion: &mut Criterion, name: &str, trees: &Trees, rows: ArrayView2<'_, f64>) {
    let mut group = criterion.benchmark_group(name);
    group.sample_size(10);
    for n_rows in [1, 100, 10_000] {
        let rows = rows.slice_move(s![..n_rows, ..]);
        group.throughput(Throughput::Elements(n_rows as u64));
        group.bench_function(BenchmarkId::new("rows", n_rows), |bencher| {
            bencher.iter(|| trees.ensemble().predict(black_box(rows)));
        });
    }
    group.finish();
}

criterion_group!(benches, predict);
criterion_main!(benches);
