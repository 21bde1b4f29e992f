//! A measurement of training: CPU seconds, to be run by name in the normal profile.

use fi_core::{Dataset, Model, Rng, Run, Target};
use ndarray::Array2;

use super::super::GradientBoosting;
use super::on_threads;

/// Of the whole process, from the kernel's count of hundredths.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<f64> = stat
        .rsplit(')')
        .next()
        .unwrap_or("")
        .split_whitespace()
        .skip(1)
        .map(|field| field.parse().unwrap_or(0.0))
        .collect();
    (fields[10] + fields[11]) / 100.0
}

#[test]
#[ignore = "a measurement"]
#[expect(clippy::print_stdout, reason = "a measurement is read")]
fn five_hundred_rounds_on_50_000_rows() {
    for classes in [false, true] {
        let mut rng = Rng::new(1, 0);
        let rows = Array2::from_shape_simple_fn((50_000, 20), || rng.normal());
        let signal = rows.rows().into_iter().map(|x| {
            let wave = 10.0 * (std::f64::consts::PI * x[0] * x[1]).sin();
            wave + 2.0 * (x[2] - 0.5).powi(2) + 10.0 * x[3] + 5.0 * x[4] + 3.0 * x[5] * x[6]
        });
        let values: Vec<f64> = signal.collect();
        let values: Vec<f64> = values.into_iter().map(|y| y + rng.normal()).collect();
        let (target, settings) = if classes {
            let labels = values.iter().map(|&y| usize::from(y > 2.5)).collect();
            let names = vec!["no".to_owned(), "yes".to_owned()];
            (Target::Classes { labels, names }, GradientBoosting::classification())
        } else {
            (Target::Values(values), GradientBoosting::regression())
        };
        let data = Dataset::new(rows, target).unwrap();
        let settings = GradientBoosting { n_estimators: 500, ..settings };
        let mut predictions = Vec::new();
        for n_threads in [1, 2] {
            let start = cpu_seconds();
            let trees = on_threads(n_threads, || settings.fit(&Run::new(0), &data)).unwrap();
            println!("classes {classes}, {n_threads} threads: {:.2} CPU s", cpu_seconds() - start);
            predictions.push(trees.predict(data.rows().slice(ndarray::s![..100, ..])).unwrap());
        }
        assert_eq!(predictions[0], predictions[1]);
    }
}
