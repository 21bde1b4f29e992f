//! Problems of tables: Friedman's three, correlated and sparse linear, interactions, copies.
//!
//! Friedman (1991). *Multivariate adaptive regression splines.* Annals of Statistics 19.
//! <https://doi.org/10.1214/aos/1176347963>

use std::f64::consts::PI;

use fi_core::Rng;

use super::problem::{NEGLIGIBLE, Problem, Response};
use super::quadrature::{Marginal, total_effects};

/// The correlation of neighbours in the correlated problem.
const RHO: f64 = 0.7;
/// Every second coefficient is 0.
const CORRELATED: [f64; 10] = [3.0, 0.0, 2.5, 0.0, 2.0, 0.0, 1.5, 0.0, 1.0, 0.0];
/// The only coefficients of the sparse problem that are not 0.
const SPARSE: [f64; 5] = [5.0, 4.0, 3.0, 2.0, 1.0];
const SPARSE_COLUMNS: usize = 100;
/// The inputs of Friedman's second and third problem.
const CIRCUIT: [(f64, f64); 4] = [(0.0, 100.0), (40.0 * PI, 560.0 * PI), (0.0, 1.0), (1.0, 11.0)];
const CIRCUIT_COLUMNS: usize = 8;

/// All problems of tables.
pub(super) fn all() -> Vec<Problem> {
    vec![
        friedman_1(),
        friedman(
            "friedman-2",
            "√(x0² + (x1 x2 − 1/(x1 x3))²) of four uniform inputs in the ranges of the paper, four \
             more that do nothing, noise of standard deviation 125; the effects of x0 and x3 are negligible",
            impedance,
            125.0,
        ),
        friedman(
            "friedman-3",
            "arctan((x1 x2 − 1/(x1 x3)) / x0) of the same inputs, noise of standard deviation 0.1; the effect of x3 is negligible",
            phase,
            0.1,
        ),
        correlated(),
        parity(
            "xor",
            "class 1 with probability 0.95 if x0 and x1 of ten uniform inputs have the same sign, \
             0.05 otherwise: neither says anything alone",
            10,
            2,
            |rng| (0..10).map(|_| uniform(rng, -1.0, 1.0)).collect(),
            |x| sign_probability(x[0] * x[1]),
        ),
        parity(
            "parity-3",
            "class 1 with probability 0.95 if the product of x0, x1 and x2 of eight random signs is \
             positive, 0.05 otherwise",
            8,
            3,
            |rng| (0..8).map(|_| if rng.below(2) == 0 { -1.0 } else { 1.0 }).collect(),
            |x| sign_probability(x[0] * x[1] * x[2]),
        ),
        sparse(),
        copies(),
    ]
}

fn numbered(n: usize) -> Vec<String> {
    (0..n).map(|i| format!("x{i}")).collect()
}

fn uniform(rng: &mut Rng, low: f64, high: f64) -> f64 {
    low + (high - low) * rng.uniform()
}

fn normals(rng: &mut Rng, n: usize) -> Vec<f64> {
    (0..n).map(|_| rng.normal()).collect()
}

/// A problem whose relevant columns are those with an effect worth the name.
fn with_effects(
    name: &'static str,
    about: &'static str,
    mut effects: Vec<f64>,
    n_columns: usize,
    inputs: fn(&mut Rng) -> Vec<f64>,
    signal: fn(&[f64]) -> f64,
    response: Response,
) -> Problem {
    effects.resize(n_columns, 0.0);
    Problem {
        name,
        about,
        features: numbered(n_columns),
        sequence: None,
        relevant: effects.iter().map(|effect| *effect > NEGLIGIBLE).collect(),
        effects: Some(effects),
        inputs,
        signal,
        response,
    }
}

fn friedman_1() -> Problem {
    let unit = Marginal::Uniform { low: 0.0, high: 1.0 };
    let signal: fn(&[f64]) -> f64 = |x| {
        10.0 * (PI * x[0] * x[1]).sin() + 20.0 * (x[2] - 0.5).powi(2) + 10.0 * x[3] + 5.0 * x[4]
    };
    with_effects(
        "friedman-1",
        "10 sin(π x0 x1) + 20 (x2 − ½)² + 10 x3 + 5 x4 of ten inputs, uniform in [0, 1], noise of \
         standard deviation 1",
        total_effects(&[unit; 5], 10, signal),
        10,
        |rng| (0..10).map(|_| rng.uniform()).collect(),
        signal,
        Response::Values { noise: 1.0 },
    )
}

fn reactance(x: &[f64]) -> f64 {
    x[1] * x[2] - 1.0 / (x[1] * x[3])
}

fn impedance(x: &[f64]) -> f64 {
    x[0].hypot(reactance(x))
}

fn phase(x: &[f64]) -> f64 {
    reactance(x).atan2(x[0])
}

fn friedman(
    name: &'static str,
    about: &'static str,
    signal: fn(&[f64]) -> f64,
    noise: f64,
) -> Problem {
    let circuit = CIRCUIT.map(|(low, high)| Marginal::Uniform { low, high });
    with_effects(
        name,
        about,
        total_effects(&circuit, 24, signal),
        CIRCUIT_COLUMNS,
        |rng| {
            let used = CIRCUIT.iter().map(|&(low, high)| uniform(rng, low, high));
            let mut row: Vec<f64> = used.collect();
            row.extend((CIRCUIT.len()..CIRCUIT_COLUMNS).map(|_| rng.uniform()));
            row
        },
        signal,
        Response::Values { noise },
    )
}

/// What a column of an autoregressive row varies by, all others known.
fn conditional_variance(column: usize) -> f64 {
    let end = column == 0 || column + 1 == CORRELATED.len();
    if end { 1.0 - RHO * RHO } else { (1.0 - RHO * RHO) / (1.0 + RHO * RHO) }
}

fn correlated() -> Problem {
    let covariance = |i: usize, j: usize| RHO.powi(i.abs_diff(j) as i32);
    let mut variance = 0.0;
    for (i, a) in CORRELATED.iter().enumerate() {
        for (j, b) in CORRELATED.iter().enumerate() {
            variance += a * b * covariance(i, j);
        }
    }
    let effect = |(i, beta): (usize, &f64)| beta * beta * conditional_variance(i) / variance;
    with_effects(
        "correlated",
        "3 x0 + 2.5 x2 + 2 x4 + 1.5 x6 + x8 of ten normal inputs that correlate at 0.7 to the power \
         of their distance, so that every input that does nothing lies beside one that does; noise \
         of standard deviation 2",
        CORRELATED.iter().enumerate().map(effect).collect(),
        CORRELATED.len(),
        |rng| {
            let mut row = normals(rng, CORRELATED.len());
            for i in 1..row.len() {
                row[i] = RHO * row[i - 1] + (1.0 - RHO * RHO).sqrt() * row[i];
            }
            row
        },
        |x| x.iter().zip(CORRELATED).map(|(x, beta)| x * beta).sum(),
        Response::Values { noise: 2.0 },
    )
}

fn sign_probability(product: f64) -> f64 {
    if product > 0.0 { 0.95 } else { 0.05 }
}

/// Without one of its inputs a parity cannot be told from a coin: every total effect is 1.
fn parity(
    name: &'static str,
    about: &'static str,
    n_columns: usize,
    n_used: usize,
    inputs: fn(&mut Rng) -> Vec<f64>,
    signal: fn(&[f64]) -> f64,
) -> Problem {
    with_effects(name, about, vec![1.0; n_used], n_columns, inputs, signal, Response::Classes)
}

fn sparse() -> Problem {
    let variance: f64 = SPARSE.iter().map(|beta| beta * beta).sum();
    with_effects(
        "sparse",
        "5 x0 + 4 x1 + 3 x2 + 2 x3 + x4 of a hundred independent normal inputs, noise of standard \
         deviation 2",
        SPARSE.iter().map(|beta| beta * beta / variance).collect(),
        SPARSE_COLUMNS,
        |rng| normals(rng, SPARSE_COLUMNS),
        |x| x.iter().zip(SPARSE).map(|(x, beta)| x * beta).sum(),
        Response::Values { noise: 2.0 },
    )
}

/// Who counts when several columns say the same is a convention, so there are no effects here.
fn copies() -> Problem {
    let names = ["signal", "copy 1", "copy 2", "other"].map(String::from);
    let nulls = (1..=6).map(|i| format!("null {i}"));
    let features: Vec<String> = names.into_iter().chain(nulls).collect();
    Problem {
        name: "copies",
        about: "2 signal + other, noise of standard deviation 1; the two copies are the signal and \
                normal noise of standard deviation 0.1, six inputs do nothing. A copy counts as \
                relevant: it tells of the target. No one of the three is needed, so LOFO should \
                find none, and no true ranking is defined",
        relevant: (0..features.len()).map(|i| i < 4).collect(),
        features,
        sequence: None,
        effects: None,
        inputs: |rng| {
            let mut row = normals(rng, 10);
            row[1] = row[0] + 0.1 * row[1];
            row[2] = row[0] + 0.1 * row[2];
            row
        },
        signal: |x| 2.0 * x[0] + x[3],
        response: Response::Values { noise: 1.0 },
    }
}
