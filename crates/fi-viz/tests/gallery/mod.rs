//! Pictures of every kind at several sizes, for the tests and for looking at.

pub(crate) mod global;
pub(crate) mod local;

use fi_viz::{
    Annotate, BarChart, BoxPlot, ColorScale, CurveChart, CurveLine, Diagonal, Figure, Heatmap,
    Order, Result,
};
use ndarray::Array2;

const METHODS: [&str; 8] = [
    "VIANN",
    "permutation",
    "LOFO (refitted)",
    "SHAP",
    "MDI",
    "out-of-bag permutation",
    "Garson",
    "Olden",
];

/// A number in [0, 1) that only depends on its place.
fn noise(i: usize, j: usize) -> f64 {
    let mixed = (i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
        ^ (j as u64 + 7).wrapping_mul(0xD1B5_4A32_D192_ED03);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    ((mixed ^ (mixed >> 32)) >> 11) as f64 / (1_u64 << 53) as f64
}

/// Realistic names: short ones, long ones, Greek, Cyrillic, markup.
fn names(n: usize) -> Vec<String> {
    if n == 4 {
        return ["sepal length", "sepal width", "petal length", "petal width"]
            .map(|name| format!("{name} (cm)"))
            .to_vec();
    }
    let name = |i: usize| match i % 10 {
        3 => format!("mean fractal dimension {i}"),
        5 => format!("Δθ of joint {i} <rad> & more"),
        7 => format!("давление в камере {i}"),
        9 => format!("a very long name of a sensor channel that was exported by a script {i}"),
        _ => format!("x{i}"),
    };
    (0..n).map(name).collect()
}

fn rows(n: usize, columns: usize, f: impl Fn(usize, usize) -> f64) -> Array2<f64> {
    Array2::from_shape_fn((n, columns), |(i, j)| f(i, j))
}

/// A curve of `n` points for each output, with bands and `n_rows` single rows.
pub(crate) fn curve(n: usize, outputs: &[&str], n_rows: usize) -> CurveChart {
    let x = |i: usize| (i as f64 + 0.6 * noise(i, 3)) / n as f64;
    let line = |(k, name): (usize, &&str)| {
        let value = |i: usize| (3.0 * x(i) + 1.7 * k as f64).sin() * 0.4 + 0.5;
        let row = |r: usize| {
            let slope = 1.2 * noise(r, k) - 0.4;
            (0..n).map(|i| value(i) * slope + 0.6 * noise(r, 9)).collect()
        };
        CurveLine {
            name: (*name).to_owned(),
            values: (0..n).map(value).collect(),
            band: Some((0..n).map(|i| (value(i) - 0.05 - 0.1 * x(i), value(i) + 0.06)).collect()),
            rows: (0..n_rows).map(row).collect(),
        }
    };
    CurveChart {
        title: "Partial dependence of a forest of 100 trees".to_owned(),
        x_label: names(10)[9].clone(),
        y_label: "probability".to_owned(),
        grid: (0..n).map(x).collect(),
        categories: None,
        outputs: outputs.iter().enumerate().map(line).collect(),
        shares: (0..n).map(|i| if i % 6 == 4 { 0.0 } else { noise(i, 5) }).collect(),
        caption: "Bands: 95 % intervals for this model on the population (test rows vary), each \
                  point by itself. Below: where the rows are."
            .to_owned(),
    }
}

/// Every kind of picture with `n` features, with a file name.
pub(crate) fn figures(n: usize) -> Result<Vec<(String, Figure)>> {
    let bars = BarChart {
        title: format!("Permutation importance of {n} features for a random forest of 100 trees"),
        names: names(n),
        values: (0..n).map(|i| 0.4 * noise(i, 0).powi(3) - 0.03).collect(),
        intervals: Some(
            (0..n)
                .map(|i| {
                    let (value, half) = (0.4 * noise(i, 0).powi(3) - 0.03, 0.05 * noise(i, 1));
                    (value - half, value + half)
                })
                .collect(),
        ),
        x_label: "increase in log loss (nats)".to_owned(),
        caption: "Whiskers: 95 % intervals for this model on the population (test rows vary)."
            .to_owned(),
        order: Order::Descending,
        max_bars: 60,
    };
    let boxes = BoxPlot {
        title: "Share of importance over 30 seeds".to_owned(),
        groups: names(n)
            .into_iter()
            .enumerate()
            .map(|(i, name)| {
                let n_values = if i % 7 == 3 { i % 5 } else { 30 };
                let value = |j| noise(i, 2) * 0.5 + 0.3 * (noise(i, 10 + j) - 0.5).powi(3);
                (name, (0..n_values).map(value).collect())
            })
            .collect(),
        x_label: "share of the sum".to_owned(),
        references: vec![
            ("paper's NN1".to_owned(), 0.25),
            ("equal share".to_owned(), 1.0 / n as f64),
            ("paper's NN2".to_owned(), 0.27),
        ],
        caption: "Each value is one seed.".to_owned(),
    };
    let methods: Vec<String> = METHODS.map(String::from).to_vec();
    let shares = rows(8, n, |i, j| if (i, j) == (6, 1) { f64::NAN } else { noise(i, j).powi(2) });
    let by_method = Heatmap {
        title: "Importance by method, as a share of the largest".to_owned(),
        rows: methods,
        columns: names(n),
        scale: ColorScale::fitting(&shares),
        values: shares,
        row_title: "method".to_owned(),
        column_title: "feature".to_owned(),
        legend_label: "share of the largest".to_owned(),
        ..Heatmap::default()
    };
    let by_feature = Heatmap {
        title: "Importance by method".to_owned(),
        rows: by_method.columns.clone(),
        columns: by_method.rows.clone(),
        values: by_method.values.t().to_owned(),
        row_title: "feature".to_owned(),
        column_title: "method".to_owned(),
        ..by_method.clone()
    };
    let agreement =
        rows(n, n, |i, j| if i == j { 1.0 } else { 2.0 * noise(i.min(j), i.max(j)) - 1.0 });
    let agreement = Heatmap {
        title: "Agreement".to_owned(),
        rows: names(n),
        columns: names(n),
        values: agreement,
        scale: ColorScale::Diverging { max_abs: 1.0 },
        legend_label: "Spearman's ρ".to_owned(),
        ..Heatmap::default()
    };
    let pairs = Heatmap {
        title: "Importance of pairs beyond their parts".to_owned(),
        values: &agreement.values * 1.5e-6,
        scale: ColorScale::Diverging { max_abs: 1e-6 },
        diagonal: Diagonal::Blank,
        annotate: Annotate::None,
        legend_label: "I(ab) − I(a) − I(b)".to_owned(),
        ..agreement.clone()
    };
    let three = ["setosa", "versicolor", "a class with a name that is far too long to be drawn"];
    let categories = CurveChart { categories: Some(names(n)), ..curve(n, &three, 0) };
    Ok(vec![
        (format!("curve-{n}"), curve(n, &[""], 200).figure()?),
        (format!("curves-{n}"), curve(n, &three, 0).figure()?),
        (format!("curve-of-categories-{n}"), categories.figure()?),
        (format!("bars-{n}"), bars.figure()?),
        (format!("boxes-{n}"), boxes.figure()?),
        (format!("methods-by-features-{n}"), by_method.figure()?),
        (format!("features-by-methods-{n}"), by_feature.figure()?),
        (format!("agreement-{n}"), agreement.figure()?),
        (format!("pairs-{n}"), pairs.figure()?),
    ])
}
