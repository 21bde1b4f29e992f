//! Tests of gradient boosting.
use super::*;
use fi_core::{Dataset, Model, Rng, Run, Target};
use ndarray::Array2;

#[test]
#[ignore = "a measurement"]
fn speed() {
    for classes in [false, true] {
        let mut rng = Rng::new(1, 0);
        let rows = Array2::from_shape_simple_fn((50_000, 20), || rng.normal());
        let mut values: Vec<f64> = rows
            .rows()
            .into_iter()
            .map(|x| {
                10.0 * (std::f64::consts::PI * x[0] * x[1]).sin()
                    + 2.0 * (x[2] - 0.5).powi(2)
                    + 10.0 * x[3]
                    + 5.0 * x[4]
                    + 3.0 * x[5] * x[6]
                    + rng.normal()
            })
            .collect();
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        let median = sorted[25_000];
        let target = if classes {
            Target::Classes {
                labels: values.iter().map(|&y| usize::from(y > median)).collect(),
                names: vec!["a".into(), "b".into()],
            }
        } else {
            Target::Values(std::mem::take(&mut values))
        };
        let data = Dataset::new(rows, target).unwrap();
        let settings = if classes {
            GradientBoosting::classification()
        } else {
            GradientBoosting::regression()
        };
        let n_estimators = std::env::var("ROUNDS").map_or(500, |n| n.parse().unwrap());
        let settings = GradientBoosting { n_estimators, ..settings };
        let threads = std::env::var("THREADS").map_or(1, |n| n.parse().unwrap());
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let cpu = || -> f64 {
            let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
            let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
            (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
        };
        let start = cpu();
        let trees = pool.install(|| settings.fit(&Run::new(0), &data)).unwrap();
        eprintln!("{classes} {:.2} {}", cpu() - start, trees.ensemble().n_nodes());
        let p = trees.predict(data.rows()).unwrap();
        eprintln!("{}", p.row(0));
    }
}
