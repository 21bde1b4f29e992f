//! Path-dependent TreeSHAP of synthetic ensembles by depth and precision, their interactions, one
//! row of deep trees, and interventional TreeSHAP. One thread.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use fi_core::{Players, Rng, Run};
use fi_models::tree::{
    Aggregate, Background, Comparison, Ensemble, Link, NodeStats, Perturbation, Precision,
    TreeBuilder, TreeExplainer, TreeShap, Trees,
};
use ndarray::{Array2, ArrayView2, s};

const N_FEATURES: usize = 50;

/// Trees as boosting grows them on 100,000 rows: splits end at `depth` or where fewer than
/// `min_cover` rows are left, and the first features are split on the most.
fn ensemble(n_trees: usize, depth: usize, min_cover: f64) -> Trees {
    let mut rng = Rng::new(7, 0);
    let mut builder = Ensemble::builder(N_FEATURES, 1, Comparison::Less)
        .with_precision(Precision::F32)
        .with_aggregate(Aggregate::Sum);
    for _ in 0..n_trees {
        // Cover, depth and children of each node, parents first.
        let mut plan = vec![(100_000.0, 0, None)];
        let mut node = 0;
        while node < plan.len() {
            let (cover, level, _) = plan[node];
            if level < depth && cover >= min_cover {
                let left = (cover * (0.1 + 0.8 * rng.uniform())).round();
                plan[node].2 = Some((plan.len(), plan.len() + 1));
                plan.extend([(left, level + 1, None), (cover - left, level + 1, None)]);
            }
            node += 1;
        }
        let mut tree = TreeBuilder::new(1);
        for &(cover, _, children) in &plan {
            let value = [f64::from((0.1 * rng.normal()) as f32)];
            let stats = NodeStats { cover, impurity: 0.0, value: &value };
            if children.is_none() {
                tree.push_leaf(&stats);
                continue;
            }
            let feature = (N_FEATURES as f64 * rng.uniform().powi(2)) as usize;
            let node = tree.push_split(feature, f64::from(0.8 * rng.normal() as f32), &stats);
            if rng.below(2) == 0 {
                tree.send_missing_left(node);
            }
        }
        for (node, (_, _, children)) in plan.iter().enumerate() {
            if let Some((left, right)) = *children {
                tree.connect(node, left, right);
            }
        }
        builder.push_tree(tree).expect("the tree is valid");
    }
    Trees::new(builder.build().expect("there are trees"), Link::Identity).expect("one output")
}

fn rows() -> Array2<f64> {
    let mut rng = Rng::new(3, 0);
    Array2::from_shape_simple_fn((1024, N_FEATURES), || rng.normal())
}

fn explainer(trees: &Trees, precision: Precision) -> TreeExplainer<'_> {
    TreeShap { precision, ..Default::default() }
        .explainer(&Run::new(0), trees)
        .expect("covers are known")
}

/// Values without the look at additivity, which would time the prediction too.
fn values(explainer: &TreeExplainer<'_>, rows: ArrayView2<'_, f64>) -> f64 {
    let players = Players::features((0..N_FEATURES).map(|i| i.to_string())).expect("names differ");
    let mut sum = 0.0;
    explainer
        .for_each_block(&Run::new(0), &players, rows, |block| {
            sum += block.values[[0, 0, 0]];
            Ok(())
        })
        .expect("the rows fit");
    sum
}

fn tree_shap(criterion: &mut Criterion) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    let rows = rows();
    let mut group = criterion.benchmark_group("TreeSHAP, 200 trees");
    group.sample_size(10);
    for (depth, min_cover) in [(4, 0.0), (6, 1200.0), (8, 250.0), (10, 100.0)] {
        let trees = ensemble(200, depth, min_cover);
        for precision in [Precision::F32, Precision::F64] {
            let explainer = explainer(&trees, precision);
            group.throughput(Throughput::Elements(rows.nrows() as u64));
            let name = format!("depth {depth}");
            group.bench_function(BenchmarkId::new(name, format!("{precision:?}")), |bencher| {
                pool.install(|| bencher.iter(|| values(&explainer, rows.view())));
            });
        }
    }
    group.finish();
}

fn interactions(criterion: &mut Criterion) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    let rows = rows();
    let rows = rows.slice(s![..128, ..]);
    let players = Players::features((0..N_FEATURES).map(|i| i.to_string())).expect("names differ");
    let mut group = criterion.benchmark_group("TreeSHAP interactions, 200 trees");
    group.sample_size(10);
    for (depth, min_cover) in [(4, 0.0), (6, 1200.0), (8, 250.0)] {
        let trees = ensemble(200, depth, min_cover);
        let explainer = explainer(&trees, Precision::F32);
        group.throughput(Throughput::Elements(rows.nrows() as u64));
        group.bench_function(BenchmarkId::new("depth", depth), |bencher| {
            pool.install(|| {
                bencher.iter(|| explainer.interactions(&Run::new(0), &players, rows));
            });
        });
    }
    group.finish();
}

fn one_row(criterion: &mut Criterion) {
    let rows = rows();
    let trees = ensemble(20, 16, 6.0);
    let mut group = criterion.benchmark_group("TreeSHAP, one row of 20 trees, depth 16");
    group.sample_size(10);
    for precision in [Precision::F32, Precision::F64] {
        let explainer = explainer(&trees, precision);
        group.bench_function(format!("{precision:?}"), |bencher| {
            bencher.iter(|| values(&explainer, rows.slice(s![..1, ..])));
        });
    }
    group.finish();
}

fn interventional(criterion: &mut Criterion) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    let rows = rows();
    let background = Background::new(rows.slice(s![24.., ..]).to_owned(), None).expect("rows");
    let mut group = criterion.benchmark_group("interventional TreeSHAP, 1,000 background rows");
    group.sample_size(10);
    for (depth, min_cover) in [(4, 0.0), (6, 1200.0), (8, 250.0)] {
        let trees = ensemble(200, depth, min_cover);
        let settings = TreeShap {
            perturbation: Perturbation::Interventional(&background),
            precision: Precision::F32,
            ..Default::default()
        };
        let explainer = || settings.explainer(&Run::new(0), &trees).expect("the background fits");
        group.bench_function(BenchmarkId::new("preparation, depth", depth), |bencher| {
            pool.install(|| bencher.iter(explainer));
        });
        let explainer = pool.install(explainer);
        group.throughput(Throughput::Elements(rows.nrows() as u64));
        group.bench_function(BenchmarkId::new("values, depth", depth), |bencher| {
            pool.install(|| bencher.iter(|| values(&explainer, rows.view())));
        });
    }
    group.finish();
}

criterion_group!(benches, tree_shap, interactions, one_row, interventional);
criterion_main!(benches);
