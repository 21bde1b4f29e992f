//! How the cost of explaining trees grows: with rows, trees, depth, features and background.

use anyhow::Result;
use fi_core::{Dataset, Metric, Model as _, Permutation, Players, Run, Target};
use fi_models::tree::{
    Background, GradientBoosting, OutputScale, Perturbation, Precision, TreeShap, Trees,
    permutation,
};
use fi_viz::{LineChart, Scale};
use ndarray::{Array2, s};

/// What is done to a model.
const METHODS: [&str; 4] =
    ["interventional SHAP", "path-dependent SHAP", "permutation, 1 repeat", "prediction"];

/// The sizes of a piece of work.
#[derive(Debug, Clone, Copy)]
struct Size {
    rows: usize,
    trees: usize,
    depth: usize,
    features: usize,
    background: usize,
}

const MIDDLE: Size = Size { rows: 2_000, trees: 100, depth: 6, features: 50, background: 100 };

/// One chart per size that varies, the others staying in the middle: its file's stem and picture.
///
/// `cpu` answers the CPU seconds of the process so far, `heard` is told of each measurement.
///
/// # Errors
///
/// Those of the methods.
pub fn growth(
    cpu: impl Fn() -> f64,
    mut heard: impl FnMut(&str),
) -> Result<Vec<(&'static str, LineChart)>> {
    type With = fn(usize) -> Size;
    let axes: [(&str, &str, &[usize], With); 5] = [
        ("rows", "rows explained", &[200, 1_000, 5_000, 25_000], |rows| Size { rows, ..MIDDLE }),
        ("trees", "trees", &[20, 60, 200, 600], |trees| Size { trees, ..MIDDLE }),
        ("depth", "depth of the trees", &[2, 4, 6, 8, 10], |depth| Size { depth, ..MIDDLE }),
        ("features", "features", &[5, 20, 80, 320], |features| Size { features, ..MIDDLE }),
        ("background", "background rows", &[10, 100, 1_000, 5_000], |background| Size {
            background,
            ..MIDDLE
        }),
    ];
    let mut charts = Vec::new();
    for (stem, label, values, with) in axes {
        let mut lines: Vec<(String, Vec<(f64, f64)>)> =
            METHODS.iter().map(|name| ((*name).to_owned(), Vec::new())).collect();
        for &value in values {
            heard(&format!("{label}: {value}"));
            let work = Work::new(with(value))?;
            for (method, line) in METHODS.iter().zip(&mut lines) {
                line.1.push((value as f64, least_of_3(&cpu, || work.run(method))?));
            }
        }
        charts.push((stem, chart(label, lines)));
    }
    Ok(charts)
}

fn chart(label: &str, lines: Vec<(String, Vec<(f64, f64)>)>) -> LineChart {
    let Size { rows, trees, depth, features, background } = MIDDLE;
    LineChart {
        title: format!("Cost over the number of {label}").replace("number of depth", "depth"),
        x_label: label.to_owned(),
        y_label: "CPU seconds".to_owned(),
        // Cost grows as a power of the others, but exponentially with the depth.
        x_scale: if label.starts_with("depth") { Scale::Linear } else { Scale::Logarithmic },
        y_scale: Scale::Logarithmic,
        lines,
        caption: format!(
            "One thread, the least of 3. Where it does not vary: {rows} rows, {trees} boosted trees \
             of depth {depth}, {features} features, {background} background rows; SHAP in single \
             precision, preparation included."
        ),
    }
}

/// What else the machine does can only add to the time: the least of three is closest to the work.
fn least_of_3(cpu: impl Fn() -> f64, mut work: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut least = f64::INFINITY;
    for _ in 0..3 {
        let start = cpu();
        work()?;
        // A clock that has not moved cannot be drawn on a logarithmic axis.
        least = least.min((cpu() - start).max(1e-6));
    }
    Ok(least)
}

/// A model of the right size, and rows.
struct Work {
    model: Trees,
    data: Dataset,
    players: Players,
    background: Background,
}

impl Work {
    fn new(size: Size) -> Result<Self> {
        let mut rng = Run::new(size.features as u64).rng(0);
        let n = size.rows.max(size.background).max(5_000);
        let x = Array2::from_shape_simple_fn((n, size.features), || rng.normal());
        let y = x.rows().into_iter().map(|row| {
            let waves = row.iter().enumerate().map(|(j, v)| (v * (1.0 + j as f64 % 3.0)).sin());
            waves.sum::<f64>() + row[0] * row[1]
        });
        let target = Target::Values(y.collect());
        let train = Dataset::new(x.clone(), target.clone())?;
        let boosting = GradientBoosting {
            n_estimators: size.trees,
            max_depth: Some(size.depth),
            max_leaf_nodes: None,
            min_samples_leaf: 1,
            ..GradientBoosting::regression()
        };
        let rows: Vec<usize> = (0..5_000).collect();
        let model = boosting.fit(&Run::new(0), &train.select_rows(&rows)?)?;
        let rows: Vec<usize> = (0..size.rows).collect();
        let data = train.select_rows(&rows)?;
        let players = Players::features(data.feature_names().to_vec())?;
        let background = Background::new(x.slice(s![..size.background, ..]).to_owned(), None)?;
        Ok(Self { model, data, players, background })
    }

    fn run(&self, method: &str) -> Result<()> {
        let run = Run::new(0);
        let rows = self.data.rows();
        let shap = |perturbation| TreeShap {
            perturbation,
            output_scale: OutputScale::Raw,
            precision: Precision::F32,
            ..TreeShap::default()
        };
        match method {
            "prediction" => drop(self.model.predict(rows)?),
            "permutation, 1 repeat" => {
                let settings = Permutation { n_repeats: 1, ..Permutation::default() };
                let metrics = [Metric::Mse];
                permutation(&run, &settings, &self.model, &self.data, &self.players, &metrics)?;
            }
            "path-dependent SHAP" => {
                let explainer = shap(Perturbation::TreePath).explainer(&run, &self.model)?;
                drop(explainer.attribution(&run, &self.players, rows)?);
            }
            _ => {
                let perturbation = Perturbation::Interventional(&self.background);
                let explainer = shap(perturbation).explainer(&run, &self.model)?;
                drop(explainer.attribution(&run, &self.players, rows)?);
            }
        }
        Ok(())
    }
}
