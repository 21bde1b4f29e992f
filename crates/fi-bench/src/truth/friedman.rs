//! Problems of independent inputs: Friedman's three, and interactions that no input tells of alone.
//!
//! Friedman (1991). *Multivariate adaptive regression splines.* Annals of Statistics 19.
//! <https://doi.org/10.1214/aos/1176347963>

use std::f64::consts::PI;

use fi_core::Rng;

use super::problem::{Problem, Response, normals, table, uniform};
use super::quadrature::{Effects, Marginal, effects};

/// The inputs of Friedman's second and third problem.
const CIRCUIT: [(f64, f64); 4] = [(0.0, 100.0), (40.0 * PI, 560.0 * PI), (0.0, 1.0), (1.0, 11.0)];
const CIRCUIT_COLUMNS: usize = 8;

/// All problems of this file, in the order of the report.
pub(super) fn all() -> Vec<Problem> {
    vec![
        friedman_1(),
        circuit(
            "friedman-2",
            "√(x0² + (x1 x2 − 1/(x1 x3))²) of four uniform inputs in the ranges of the paper, four \
             more that do nothing, noise of standard deviation 125; the effects of x0 and x3 are negligible",
            impedance,
            125.0,
        ),
        circuit(
            "friedman-3",
            "arctan((x1 x2 − 1/(x1 x3)) / x0) of the same inputs, noise of standard deviation 0.1; the effect of x3 is negligible",
            phase,
            0.1,
        ),
        interactions(),
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
    ]
}

fn friedman_1() -> Problem {
    let unit = Marginal::Uniform { low: 0.0, high: 1.0 };
    let signal: fn(&[f64]) -> f64 = |x| {
        10.0 * (PI * x[0] * x[1]).sin() + 20.0 * (x[2] - 0.5).powi(2) + 10.0 * x[3] + 5.0 * x[4]
    };
    table(
        "friedman-1",
        "10 sin(π x0 x1) + 20 (x2 − ½)² + 10 x3 + 5 x4 of ten inputs, uniform in [0, 1], noise of \
         standard deviation 1",
        10,
        |rng| (0..10).map(|_| rng.uniform()).collect(),
        signal,
        Response::Values { noise: 1.0 },
    )
    .with_effects(&effects(&[unit; 5], 10, signal))
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

fn circuit(
    name: &'static str,
    about: &'static str,
    signal: fn(&[f64]) -> f64,
    noise: f64,
) -> Problem {
    let inputs = CIRCUIT.map(|(low, high)| Marginal::Uniform { low, high });
    let drawn: fn(&mut Rng) -> Vec<f64> = |rng| {
        let used = CIRCUIT.iter().map(|&(low, high)| uniform(rng, low, high));
        let mut row: Vec<f64> = used.collect();
        row.extend((CIRCUIT.len()..CIRCUIT_COLUMNS).map(|_| rng.uniform()));
        row
    };
    table(name, about, CIRCUIT_COLUMNS, drawn, signal, Response::Values { noise })
        .with_effects(&effects(&inputs, 24, signal))
}

/// Normal inputs that only count as products.
fn interactions() -> Problem {
    table(
        "interactions",
        "2 x0 x1 + x2 x3 of ten independent normal inputs, noise of standard deviation 0.5: no \
         input says anything alone",
        10,
        |rng| normals(rng, 10),
        |x| 2.0 * x[0] * x[1] + x[2] * x[3],
        Response::Values { noise: 0.5 },
    )
    .with_effects(&Effects {
        variance: 5.0,
        total: vec![4.0, 4.0, 1.0, 1.0],
        first: vec![0.0; 4],
        shapley: vec![2.0, 2.0, 0.5, 0.5],
    })
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
    table(name, about, n_columns, inputs, signal, Response::Classes).with_shares(vec![1.0; n_used])
}
