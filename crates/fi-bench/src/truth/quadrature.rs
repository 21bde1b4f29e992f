//! What each input of a known function is worth: its total effect, by quadrature.
//!
//! ```text
//! Tᵢ = E[Var(f(X) | X₋ᵢ)] / Var f(X)      X₋ᵢ  all inputs but the i-th
//! ```
//!
//! is the share of the variance that no one can explain who knows every input but this one: Sobol's
//! total index where the inputs are independent. A tensor grid of Gauss and Legendre's nodes gives
//! it with no draw and, for a smooth function of few inputs, to many digits.
//!
//! Homma, Saltelli (1996). *Importance measures in global sensitivity analysis of nonlinear models.*
//! Reliability Engineering & System Safety 52. <https://doi.org/10.1016/0951-8320(96)00002-6>

use std::f64::consts::{PI, TAU};

/// How far out a normal density is integrated, in standard deviations.
const TAIL: f64 = 8.0;

/// The distribution of one input; inputs are independent.
#[derive(Debug, Clone, Copy)]
pub(super) enum Marginal {
    /// Every value between two ends alike.
    Uniform { low: f64, high: f64 },
    /// Normal around 0.
    Normal { std: f64 },
}

impl Marginal {
    /// Nodes and weights of an expectation; the weights sum to 1.
    fn nodes(self, n: usize) -> Vec<(f64, f64)> {
        let (low, high, density): (f64, f64, fn(f64) -> f64) = match self {
            Self::Uniform { low, high } => (low, high, |_| 1.0),
            Self::Normal { .. } => (-TAIL, TAIL, |z| (-0.5 * z * z).exp() / TAU.sqrt()),
        };
        let mut nodes: Vec<(f64, f64)> = legendre(n)
            .into_iter()
            .map(|(t, w)| (low + (high - low) * f64::midpoint(t, 1.0), w))
            .map(|(x, w)| (x, w * density(x)))
            .collect();
        let total: f64 = nodes.iter().map(|(_, w)| w).sum();
        for (x, w) in &mut nodes {
            *w /= total;
            if let Self::Normal { std } = self {
                *x *= std;
            }
        }
        nodes
    }
}

/// Nodes and weights of Gauss and Legendre on [−1, 1]: the roots of the polynomial, by Newton.
fn legendre(n: usize) -> Vec<(f64, f64)> {
    (0..n)
        .map(|i| {
            let mut x = (PI * (i as f64 + 0.75) / (n as f64 + 0.5)).cos();
            let mut slope = 1.0;
            for _ in 0..100 {
                let (mut p, mut before) = (1.0, 0.0);
                for k in 1..=n {
                    let k = k as f64;
                    (p, before) = (((2.0 * k - 1.0) * x * p - (k - 1.0) * before) / k, p);
                }
                slope = n as f64 * (x * p - before) / (x * x - 1.0);
                let step = p / slope;
                x -= step;
                if step.abs() < 1e-15 {
                    break;
                }
            }
            (x, 2.0 / ((1.0 - x * x) * slope * slope))
        })
        .collect()
}

/// The total effect of every input of `f`, with `n_nodes` nodes an input.
///
/// Cost: `n_nodes` to the power of the number of inputs.
pub(super) fn total_effects(
    inputs: &[Marginal],
    n_nodes: usize,
    f: impl Fn(&[f64]) -> f64,
) -> Vec<f64> {
    let nodes: Vec<Vec<(f64, f64)>> = inputs.iter().map(|input| input.nodes(n_nodes)).collect();
    let n_points = n_nodes.pow(inputs.len() as u32);
    let stride = |input: usize| n_nodes.pow(input as u32);
    let digit = |point: usize, input: usize| point / stride(input) % n_nodes;
    let mut x = vec![0.0; inputs.len()];
    let (mut values, mut weights) = (vec![0.0; n_points], vec![1.0; n_points]);
    for point in 0..n_points {
        for (input, nodes) in nodes.iter().enumerate() {
            let (at, weight) = nodes[digit(point, input)];
            x[input] = at;
            weights[point] *= weight;
        }
        values[point] = f(&x);
    }
    let pairs = || values.iter().zip(&weights);
    let mean: f64 = pairs().map(|(v, w)| v * w).sum();
    let variance: f64 = pairs().map(|(v, w)| w * (v - mean).powi(2)).sum();
    let effect = |input: usize| -> f64 {
        let line = |start: usize| -> f64 {
            let along = || (0..n_nodes).map(|k| (start + k * stride(input), nodes[input][k].1));
            let mean: f64 = along().map(|(point, w)| w * values[point]).sum();
            let inside: f64 = along().map(|(point, w)| w * (values[point] - mean).powi(2)).sum();
            inside * weights[start] / nodes[input][0].1
        };
        (0..n_points).filter(|&point| digit(point, input) == 0).map(line).sum()
    };
    (0..inputs.len()).map(|input| effect(input) / variance).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nodes_integrate_polynomials_and_moments() {
        // n nodes are exact to degree 2n − 1: ∫ x⁶ over [−1, 1] is 2/7.
        let sum: f64 = legendre(4).iter().map(|(x, w)| w * x.powi(6)).sum();
        assert!((sum - 2.0 / 7.0).abs() < 1e-14, "{sum}");
        let moment = |k: i32| -> f64 {
            Marginal::Normal { std: 2.0 }.nodes(40).iter().map(|(x, w)| w * x.powi(k)).sum()
        };
        assert!((moment(2) - 4.0).abs() < 1e-9 && (moment(4) - 48.0).abs() < 1e-6);
    }

    #[test]
    fn additive_and_multiplied_inputs_have_their_closed_form() {
        // x + 2 y, variances 1 and 4; u v with both of mean 1/2 and variance 1/12.
        let normal = [Marginal::Normal { std: 1.0 }; 2];
        let effects = total_effects(&normal, 40, |x| x[0] + 2.0 * x[1]);
        assert!((effects[0] - 0.2).abs() < 1e-9 && (effects[1] - 0.8).abs() < 1e-9);
        let uniform = [Marginal::Uniform { low: 0.0, high: 1.0 }; 2];
        let effects = total_effects(&uniform, 8, |x| x[0] * x[1]);
        // E[v²] Var u = 1/36 of the variance 1/9 − 1/16 = 7/144.
        assert!((effects[0] - 4.0 / 7.0).abs() < 1e-12, "{effects:?}");
    }
}
