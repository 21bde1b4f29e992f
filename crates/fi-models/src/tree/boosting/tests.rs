//! Gradient boosting against a plain oracle, and what must always hold.

mod choices;
mod oracle;
mod properties;

use fi_core::{Dataset, Rng, Run, Target};
use ndarray::Array2;

use super::super::Trees;
use super::settings::GradientBoosting;

/// Features of every kind (normal, few values, often missing, categorical) and weights.
fn drawn(seed: u64, n_rows: usize) -> Dataset {
    let mut rng = Rng::new(seed, 0);
    let mut rows = Array2::from_shape_simple_fn((n_rows, 4), || rng.normal());
    for mut row in rows.rows_mut() {
        row[1] = (2.0 * row[1]).round();
        if rng.below(4) == 0 {
            row[2] = f64::NAN;
        }
        row[3] = rng.below(6) as f64;
        if rng.below(8) == 0 {
            row[3] = f64::NAN;
        }
    }
    let values = rows.rows().into_iter().map(|x| {
        let missing = if x[2].is_nan() { 0.7 } else { x[2] * x[2] };
        let category = [0.5, -1.0, 2.0, 0.0, 0.3, -0.2].get(x[3] as usize).unwrap_or(&0.0);
        x[0] + 0.5 * x[1] + missing + if x[3].is_nan() { 1.0 } else { *category }
    });
    let values: Vec<f64> = values.collect();
    let values = values.into_iter().map(|y| y + 0.5 * rng.normal()).collect();
    let weights = (0..n_rows).map(|_| 0.2 + rng.uniform()).collect();
    let data = Dataset::new(rows, Target::Values(values)).unwrap();
    data.with_weights(weights).unwrap().with_categorical([3]).unwrap()
}

/// The same rows without weights.
fn unweighted(data: &Dataset) -> Dataset {
    let plain = Dataset::new(data.rows().to_owned(), data.target().clone()).unwrap();
    plain.with_categorical(data.categorical().iter().copied()).unwrap()
}

/// The same rows with the target that a loss needs, `n_classes` of them for classes.
fn with_target(data: &Dataset, loss: super::Loss, n_classes: usize) -> Dataset {
    let values = data.target().values().unwrap();
    let target = match loss {
        super::Loss::LogLoss => {
            let class = |y: &f64| (y + 1.0).clamp(0.0, n_classes as f64 - 1.0) as usize;
            let names = (0..n_classes).map(|k| format!("class {k}")).collect();
            Target::Classes { labels: values.iter().map(class).collect(), names }
        }
        super::Loss::Poisson => Target::Values(values.iter().map(|y| y.max(0.0).floor()).collect()),
        super::Loss::Gamma => Target::Values(values.iter().map(|y| (0.5 * y).exp()).collect()),
        _ => data.target().clone(),
    };
    data.clone().with_target(target).unwrap()
}

fn fit(settings: &GradientBoosting, data: &Dataset) -> Trees {
    settings.fit(&Run::new(3), data).unwrap()
}

fn on_threads<T: Send>(n_threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap().install(work)
}
