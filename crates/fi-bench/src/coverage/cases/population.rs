//! The populations: sums of three correlated normal features, and classes of independent ones.

use anyhow::Result;
use fi_core::{Dataset, Function, Model, Output, Rng, Target};
use ndarray::{Array2, ArrayView2, Axis};

/// The correlations of `a`, `b` and `null`; all variances are 1.
pub(super) const CORRELATION: [[f64; 3]; 3] = [[1.0, 0.5, 0.6], [0.5, 1.0, 0.0], [0.6, 0.0, 1.0]];
/// Its Cholesky factor by rows: `√(1 − ½²)` and what is left of `null`.
fn factor() -> [[f64; 3]; 3] {
    let second = 0.75_f64.sqrt();
    let third = -0.3 / second;
    [[1.0, 0.0, 0.0], [0.5, second, 0.0], [0.6, third, (1.0 - 0.36 - third * third).sqrt()]]
}

/// What the features do to the target, whose noise has standard deviation 1.
pub(super) const BETA: [f64; 3] = [1.0, 0.5, 0.0];
/// What the model that is explained believes.
pub(super) const MODEL: [f64; 3] = [1.1, 0.4, 0.1];
/// The features' names.
pub(super) const NAMES: [&str; 3] = ["a", "b", "null"];

fn dot(x: &[f64], beta: [f64; 3]) -> f64 {
    x.iter().zip(beta).map(|(x, beta)| x * beta).sum()
}

/// A correlated row.
pub(super) fn row(rng: &mut Rng) -> [f64; 3] {
    let z = [rng.normal(), rng.normal(), rng.normal()];
    factor().map(|weights| dot(&z, weights))
}

/// Rows of the sum of numbers.
pub(super) fn sums(rng: &mut Rng, n_rows: usize) -> Result<Dataset> {
    let rows: Vec<[f64; 3]> = (0..n_rows).map(|_| row(rng)).collect();
    let target = rows.iter().map(|row| dot(row, BETA) + rng.normal()).collect();
    table(rows, Target::Values(target))
}

/// The same where rows come in groups of four that share much of their features and noise.
pub(super) fn grouped_sums(rng: &mut Rng, n_groups: usize) -> Result<Dataset> {
    let (mut rows, mut target, mut groups) = (Vec::new(), Vec::new(), Vec::new());
    let (shared, own) = (0.7_f64.sqrt(), 0.3_f64.sqrt());
    for group in 0..n_groups {
        let (of_group, noise) = (row(rng), rng.normal());
        for _ in 0..4 {
            let alone = row(rng);
            let mixed = [0, 1, 2].map(|i| shared * of_group[i] + own * alone[i]);
            target.push(dot(&mixed, BETA) + shared * noise + own * rng.normal());
            rows.push(mixed);
            groups.push(group);
        }
    }
    Ok(table(rows, Target::Values(target))?.with_groups(groups)?)
}

/// Rows of independent features and classes whose log odds are `1.5 a + b`.
pub(super) fn classes(rng: &mut Rng, n_rows: usize) -> Result<Dataset> {
    let rows: Vec<[f64; 3]> =
        (0..n_rows).map(|_| [rng.normal(), rng.normal(), rng.normal()]).collect();
    let labels = rows
        .iter()
        .map(|row| usize::from(rng.uniform() < logistic(dot(row, CLASS_BETA))))
        .collect();
    let names = ["no", "yes"].map(String::from).to_vec();
    table(rows, Target::Classes { labels, names })
}

/// The log odds of class `yes`, and what the model believes.
pub(super) const CLASS_BETA: [f64; 3] = [1.5, 1.0, 0.0];
pub(super) const CLASS_MODEL: [f64; 3] = [1.2, 1.2, 0.2];

pub(super) fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn table(rows: Vec<[f64; 3]>, target: Target) -> Result<Dataset> {
    Ok(Dataset::new(Array2::from(rows), target)?.with_feature_names(NAMES)?)
}

/// The model of numbers.
pub(super) fn model() -> impl Model {
    Function::new(3, 1, |x: ArrayView2<f64>| {
        x.map_axis(Axis(1), |row| row.iter().zip(MODEL).map(|(x, b)| x * b).sum())
            .insert_axis(Axis(1))
    })
}

/// The model of classes.
pub(super) fn class_model() -> impl Model {
    Function::new(3, 2, |x: ArrayView2<f64>| {
        let mut both = Array2::zeros((x.nrows(), 2));
        for (row, mut out) in x.rows().into_iter().zip(both.rows_mut()) {
            let sum = row.iter().zip(CLASS_MODEL).map(|(x, b)| x * b).sum();
            out[1] = logistic(sum);
            out[0] = 1.0 - out[1];
        }
        both
    })
    .with_output(Output::Probabilities)
}

/// `Cov(y − f, xᵢ)`: what the model leaves to a feature.
pub(super) fn left_to(i: usize) -> f64 {
    (0..3).map(|j| CORRELATION[i][j] * (BETA[j] - MODEL[j])).sum()
}

/// The variance of a feature given all others, and of its sum with weights.
pub(super) fn conditional_variance(i: usize) -> f64 {
    let others: Vec<usize> = (0..3).filter(|j| *j != i).collect();
    let [j, k] = others[..] else { return f64::NAN };
    let c = CORRELATION;
    let determinant = 1.0 - c[j][k] * c[j][k];
    let explained =
        (c[i][j].powi(2) - 2.0 * c[i][j] * c[i][k] * c[j][k] + c[i][k].powi(2)) / determinant;
    1.0 - explained
}
