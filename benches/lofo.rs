//! LOFO with a learner that only takes means: what folds, copies and scores cost beside the fits.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use fi_core::{
    Dataset, Folds, Function, Learner, Lofo, Metric, Model, Players, Result, Rng, Run, Target,
};
use ndarray::{Array2, ArrayView2, Axis};

const N_FEATURES: usize = 10;

/// Predicts the mean of the training targets plus the sum of the features.
struct Mean;

impl Learner for Mean {
    fn train(&self, _run: &Run<'_>, data: &Dataset) -> Result<Box<dyn Model>> {
        let values = data.target().values().unwrap_or_default();
        let mean = values.iter().sum::<f64>() / data.n_rows() as f64;
        Ok(Box::new(Function::new(data.n_features(), 1, move |rows: ArrayView2<'_, f64>| {
            rows.sum_axis(Axis(1)).insert_axis(Axis(1)) + mean
        })))
    }
}

fn lofo(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("lofo");
    group.sample_size(10);
    for n_rows in [150, 20_000] {
        let mut rng = Rng::new(1, 0);
        let rows = Array2::from_shape_simple_fn((n_rows, N_FEATURES), || rng.normal());
        let target = Target::Values(rows.sum_axis(Axis(1)).to_vec());
        let data = Dataset::new(rows, target).expect("the rows are finite");
        let players = Players::features(data.feature_names().to_vec()).expect("the names differ");
        let method = Lofo { folds: Folds::for_target(data.target()), ..Default::default() };
        group.bench_function(BenchmarkId::new("rows", n_rows), |bencher| {
            bencher
                .iter(|| method.importance(&Run::new(0), &Mean, &data, &players, &[Metric::Mse]));
        });
    }
    group.finish();
}

criterion_group!(benches, lofo);
criterion_main!(benches);
