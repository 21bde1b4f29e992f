//! What each input of a known function of independent inputs is worth, by quadrature.
//!
//! A tensor grid of Gauss and Legendre's nodes gives the variance that a set of inputs explains
//! with no draw and, for a smooth function of few inputs, to many digits.
//!
//! - Homma, Saltelli (1996). *Importance measures in global sensitivity analysis of nonlinear
//!   models.* Reliability Engineering & System Safety 52.
//!   <https://doi.org/10.1016/0951-8320(96)00002-6>
//! - Owen (2014). *Sobol' indices and Shapley value.* SIAM/ASA Journal on Uncertainty
//!   Quantification 2(1). <https://doi.org/10.1137/130936233>

use std::f64::consts::{PI, TAU};

/// How far out a normal density is integrated, in standard deviations.
const TAIL: f64 = 8.0;

/// The distribution of one input; inputs are independent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Marginal {
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

/// `E[f(X)]` with `n_nodes` nodes an input.
///
/// Cost: `n_nodes` to the power of the number of inputs.
pub(crate) fn expectation(inputs: &[Marginal], n_nodes: usize, f: impl Fn(&[f64]) -> f64) -> f64 {
    let nodes: Vec<Vec<(f64, f64)>> = inputs.iter().map(|input| input.nodes(n_nodes)).collect();
    let mut x = vec![0.0; inputs.len()];
    let at = |point: usize| -> f64 {
        let mut weight = 1.0;
        for (input, nodes) in nodes.iter().enumerate() {
            let (value, w) = nodes[point / n_nodes.pow(input as u32) % n_nodes];
            x[input] = value;
            weight *= w;
        }
        weight * f(&x)
    };
    (0..n_nodes.pow(inputs.len() as u32)).map(at).sum()
}

/// What each input is worth to those who know other inputs, in the unit of `Var f(X)`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Effects {
    /// `Var f(X)`.
    pub(super) variance: f64,
    /// `E[Var(f(X) | all but the input)]`.
    pub(super) total: Vec<f64>,
    /// `Var E[f(X) | the input]`.
    pub(super) first: Vec<f64>,
    /// The Shapley values of the game `S ↦ Var E[f(X) | S]`.
    pub(super) shapley: Vec<f64>,
}

/// The effects of every input of `f`, with `n_nodes` nodes an input.
///
/// Cost: `n_nodes` to the power of the number of inputs, times two to that number.
pub(super) fn effects(inputs: &[Marginal], n_nodes: usize, f: impl Fn(&[f64]) -> f64) -> Effects {
    let n = inputs.len();
    let nodes: Vec<Vec<(f64, f64)>> = inputs.iter().map(|input| input.nodes(n_nodes)).collect();
    let n_points = n_nodes.pow(n as u32);
    let digit = |point: usize, input: usize| point / n_nodes.pow(input as u32) % n_nodes;
    let at = |point: usize| -> Vec<f64> {
        (0..n).map(|input| nodes[input][digit(point, input)].0).collect()
    };
    let values: Vec<f64> = (0..n_points).map(|point| f(&at(point))).collect();
    // The variance of the mean over the inputs outside `known`, a set of bits.
    let explained = |known: usize| -> f64 {
        let is_known = |input: usize| known >> input & 1 == 1;
        let mut means = values.clone();
        let mut width = n_points;
        // From the last input to the first, so that what is left stays a grid.
        for input in (0..n).rev().filter(|&input| !is_known(input)) {
            let stride: usize = n_nodes.pow(input as u32);
            let mut next = Vec::with_capacity(width / n_nodes);
            for outer in (0..width).step_by(stride * n_nodes) {
                for inner in outer..outer + stride {
                    let along = nodes[input].iter().enumerate();
                    next.push(along.map(|(k, (_, w))| w * means[inner + k * stride]).sum());
                }
            }
            width /= n_nodes;
            means = next;
        }
        let kept: Vec<usize> = (0..n).filter(|&input| is_known(input)).collect();
        let weight = |point: usize| -> f64 {
            let digits = kept.iter().enumerate();
            digits
                .map(|(k, &input)| nodes[input][point / n_nodes.pow(k as u32) % n_nodes].1)
                .product()
        };
        let weights: Vec<f64> = (0..width).map(weight).collect();
        let pairs = || means.iter().zip(&weights);
        let mean: f64 = pairs().map(|(v, w)| v * w).sum();
        pairs().map(|(v, w)| w * (v - mean).powi(2)).sum()
    };
    let worth: Vec<f64> = (0..1_usize << n).map(explained).collect();
    let all = worth.len() - 1;
    Effects {
        variance: worth[all],
        total: (0..n).map(|i| worth[all] - worth[all ^ 1 << i]).collect(),
        first: (0..n).map(|i| worth[1 << i]).collect(),
        shapley: shapley(n, &worth),
    }
}

/// The Shapley values of a game from its worth of every coalition, numbered by bits.
pub(super) fn shapley(n: usize, worth: &[f64]) -> Vec<f64> {
    // 1 / (n · binomial(n − 1, size)), from one size to the next.
    let mut weights = vec![1.0 / n as f64; n];
    for size in 1..n {
        weights[size] = weights[size - 1] * size as f64 / (n - size) as f64;
    }
    let value = |player: usize| {
        let without = (0..worth.len()).filter(|set| set >> player & 1 == 0);
        without
            .map(|set| weights[set.count_ones() as usize] * (worth[set | 1 << player] - worth[set]))
            .sum()
    };
    (0..n).map(value).collect()
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
        let found = effects(&normal, 40, |x| x[0] + 2.0 * x[1]);
        assert!((found.variance - 5.0).abs() < 1e-9);
        for worth in [&found.total, &found.first, &found.shapley] {
            assert!((worth[0] - 1.0).abs() < 1e-9 && (worth[1] - 4.0).abs() < 1e-9, "{found:?}");
        }
        let uniform = [Marginal::Uniform { low: 0.0, high: 1.0 }; 2];
        let found = effects(&uniform, 8, |x| x[0] * x[1]);
        // Var = 1/9 − 1/16 = 7/144; E[v²] Var u = 1/36; (E v)² Var u = 1/48; and half of both.
        let expected = [7.0 / 144.0, 1.0 / 36.0, 1.0 / 48.0, 7.0 / 288.0];
        let of = [found.variance, found.total[0], found.first[0], found.shapley[0]];
        for (value, expected) in of.iter().zip(expected) {
            assert!((value - expected).abs() < 1e-12, "{found:?}");
        }
    }

    #[test]
    fn inputs_of_different_kinds_keep_their_places() {
        // a (b − ½) + c: E[a²] = 1, Var b = 1/12, Var c = 4; a alone says nothing.
        let unit = Marginal::Uniform { low: 0.0, high: 1.0 };
        let inputs = [Marginal::Normal { std: 1.0 }, unit, Marginal::Normal { std: 2.0 }];
        let found = effects(&inputs, 40, |x| x[0] * (x[1] - 0.5) + x[2]);
        let twelfth = 1.0 / 12.0;
        for (worth, expected) in [
            (&found.total, [twelfth, twelfth, 4.0]),
            (&found.first, [0.0, 0.0, 4.0]),
            (&found.shapley, [twelfth / 2.0, twelfth / 2.0, 4.0]),
        ] {
            for (value, expected) in worth.iter().zip(expected) {
                assert!((value - expected).abs() < 1e-8, "{found:?}");
            }
        }
    }
}
