//! Estimators of Shapley values: does an estimate with its standard error hold the exact value?

use anyhow::Result;
use fi_core::{Function, Model};
use fi_core::{Players, PredictionGame, Removal, Run, shapley};
use ndarray::{Array1, ArrayView2, Axis};

use super::super::summary::Z;
use super::{Answer, Case, THESE_VALUES, interval};

const N_PLAYERS: usize = 8;
const QUANTITIES: [&str; 3] = ["x0", "x3", "x7"];

pub(super) fn all() -> Result<Vec<Case>> {
    let exact = estimate(&Run::new(0), &shapley::Exact)?.0;
    let asked =
        || QUANTITIES.iter().zip([0, 3, 7]).map(|(name, i)| interval(name, THESE_VALUES, exact[i]));
    let about = "one row of a function of eight features with products of three and a threshold, \
                 against zeros";
    Ok(vec![
        Case {
            name: "permutation-shap",
            method: "permutation SHAP, 64",
            about,
            refits: false,
            asked: asked().collect(),
            ask: |run| {
                let walk = shapley::Permutation { n_permutations: 64, tolerance: None };
                answers(run, &walk)
            },
        },
        Case {
            name: "kernel-shap",
            method: "KernelSHAP, 128",
            about,
            refits: false,
            asked: asked().collect(),
            ask: |run| answers(run, &shapley::Kernel::new(128)),
        },
        Case {
            name: "shapley-sampling",
            method: "Shapley sampling",
            about,
            refits: false,
            asked: asked().collect(),
            ask: |run| answers(run, &shapley::Sampling::default()),
        },
    ])
}

fn model() -> impl Model {
    Function::new(N_PLAYERS, 1, |x: ArrayView2<f64>| {
        let value = |row: ndarray::ArrayView1<f64>| {
            let sum: f64 = row.iter().enumerate().map(|(i, x)| x * (i as f64 - 3.5) / 4.0).sum();
            let products = row[0] * row[1] * row[2] - 2.0 * row[3] * row[4] * row[7];
            sum + products + if row[5] + row[6] + row[7] > 1.5 { 1.0 } else { 0.0 }
        };
        x.map_axis(Axis(1), value).insert_axis(Axis(1))
    })
}

fn estimate(
    run: &Run<'static>,
    estimator: &dyn shapley::Estimator,
) -> Result<(Array1<f64>, Option<Array1<f64>>)> {
    let (model, players) = (model(), Players::features((0..N_PLAYERS).map(|i| format!("x{i}")))?);
    let (row, removal) = (Array1::ones(N_PLAYERS), Removal::baseline(vec![0.0; N_PLAYERS])?);
    let game = PredictionGame::new(&model, &players, row.view(), &removal)?;
    let found = estimator.estimate(run, &game)?;
    let error = found.std_error.map(|errors| errors.row(0).to_owned());
    Ok((found.values.row(0).to_owned(), error))
}

fn answers(run: &Run<'static>, estimator: &dyn shapley::Estimator) -> Result<Vec<Answer>> {
    let (values, errors) = estimate(run, estimator)?;
    let answer = |i: usize| {
        let ends = |errors: &Array1<f64>| (values[i] - Z * errors[i], values[i] + Z * errors[i]);
        Answer { value: values[i], interval: errors.as_ref().map(ends), p_value: None }
    };
    Ok([0, 3, 7].map(answer).to_vec())
}
