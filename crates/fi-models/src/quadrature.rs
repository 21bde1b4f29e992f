//! Gauss–Legendre quadrature on [0, 1], to the last bit that double precision holds.
//!
//! A rule of K nodes integrates polynomials up to the degree 2K − 1 exactly. Shapley values of a
//! tree are integrals of polynomials whose degree is known, so a rule of the right size is no
//! approximation: it is a finite sum that equals the definition.

/// So large rules are refined in twice the precision; larger ones lose a digit or two.
const REFINED: usize = 4096;

/// The nodes `t`, ascending, and weights `w` of a rule: `∫₀¹ p(t) dt = ∑ₖ w[k] p(t[k])`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rule {
    pub(crate) nodes: Vec<f64>,
    pub(crate) weights: Vec<f64>,
}

impl Rule {
    /// The rule of `n ≥ 1` nodes.
    pub(crate) fn new(n: usize) -> Self {
        let (mut nodes, mut weights) = (vec![0.5; n], vec![1.0; n]);
        // The i-th root of the Legendre polynomial from above; the others mirror it.
        for i in 0..n / 2 {
            let angle = std::f64::consts::PI * (i as f64 + 0.75) / (n as f64 + 0.5);
            let mut x = angle.cos();
            for _ in 0..100 {
                let (value, slope) = legendre(n, x);
                let step = value / slope;
                x -= step;
                if step.abs() <= 2.0 * f64::EPSILON * x.abs() {
                    break;
                }
            }
            let (x, weight) = if n <= REFINED { refined(n, x) } else { plain(n, Double::from(x)) };
            // (1 + x) / 2 and (1 − x) / 2.
            nodes[n - 1 - i] = x.add(Double::from(1.0)).scaled(0.5).0;
            nodes[i] = Double::from(1.0).add(x.scaled(-1.0)).scaled(0.5).0;
            weights[i] = weight;
            weights[n - 1 - i] = weight;
        }
        if n % 2 == 1 {
            weights[n / 2] = plain(n, Double::from(0.0)).1;
        }
        Self { nodes, weights }
    }
}

/// `Pₙ(x)` and `Pₙ′(x)`.
fn legendre(n: usize, x: f64) -> (f64, f64) {
    let (mut before, mut value) = (1.0, x);
    for j in 1..n {
        let j = j as f64;
        let next = ((2.0 * j + 1.0) * x * value - j * before) / (j + 1.0);
        (before, value) = (value, next);
    }
    (value, n as f64 * (x * value - before) / (x * x - 1.0))
}

/// One more Newton step from a root, and the weight on [0, 1], in twice the precision.
fn refined(n: usize, x: f64) -> (Double, f64) {
    let x = Double::from(x);
    let (mut before, mut value) = (Double::from(1.0), x);
    for j in 1..n {
        let j = j as f64;
        let next = x.mul(value).scaled_exactly(2.0 * j + 1.0);
        let next = next.add(before.scaled_exactly(-j)).divided(j + 1.0);
        (before, value) = (value, next);
    }
    // (x² − 1) P′ = n (x P − P₋): the slope need not be doubled, the step is tiny.
    let slope = n as f64 * (x.0 * value.0 - before.0) / (x.0 * x.0 - 1.0);
    let step = -value.0 / slope;
    // Where the step leads, Pₙ₋₁ is larger by its slope n x Pₙ₋₁ / (1 − x²).
    let grown = before.scaled_exactly(1.0 + step * n as f64 * x.0 / (1.0 - x.0 * x.0));
    weighed(n, x.add(Double::from(step)), grown)
}

fn plain(n: usize, x: Double) -> (Double, f64) {
    let (mut before, mut value) = (1.0, x.0);
    for j in 1..n {
        let j = j as f64;
        let next = ((2.0 * j + 1.0) * x.0 * value - j * before) / (j + 1.0);
        (before, value) = (value, next);
    }
    weighed(n, x, Double::from(before))
}

/// The weight at a root `x`, where `Pₙ₋₁` is `before`: `(1 − x²) / (n Pₙ₋₁)²` on [0, 1].
fn weighed(n: usize, x: Double, before: Double) -> (Double, f64) {
    let rest = Double::from(1.0).add(x.mul(x).scaled(-1.0)).0;
    let scaled = n as f64 * before.0;
    (x, rest / (scaled * scaled))
}

/// A number as the sum of two, the second below the last bit of the first.
#[derive(Debug, Clone, Copy)]
struct Double(f64, f64);

impl From<f64> for Double {
    fn from(x: f64) -> Self {
        Self(x, 0.0)
    }
}

impl Double {
    fn add(self, other: Self) -> Self {
        let sum = self.0 + other.0;
        let part = sum - self.0;
        let error = (self.0 - (sum - part)) + (other.0 - part);
        Self::normal(sum, error + self.1 + other.1)
    }

    fn mul(self, other: Self) -> Self {
        let product = self.0 * other.0;
        let error = self.0.mul_add(other.0, -product);
        Self::normal(product, error + self.0 * other.1 + self.1 * other.0)
    }

    /// Times a power of two.
    fn scaled(self, factor: f64) -> Self {
        Self(self.0 * factor, self.1 * factor)
    }

    fn scaled_exactly(self, factor: f64) -> Self {
        self.mul(Self::from(factor))
    }

    fn divided(self, divisor: f64) -> Self {
        let quotient = self.0 / divisor;
        let rest = quotient.mul_add(-divisor, self.0) + self.1;
        Self::normal(quotient, rest / divisor)
    }

    fn normal(high: f64, low: f64) -> Self {
        let sum = high + low;
        Self(sum, low - (sum - high))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_are_those_of_the_tables() {
        assert_eq!(Rule::new(1), Rule { nodes: vec![0.5], weights: vec![1.0] });
        let two = Rule::new(2);
        let offset = 0.5 / 3.0_f64.sqrt();
        assert!((two.nodes[0] - (0.5 - offset)).abs() < 1e-16);
        assert_eq!(two.weights, [0.5, 0.5]);
        // Abramowitz and Stegun, table 25.4, n = 3: x = √0.6, w = 5/9 and 8/9 on [−1, 1].
        let three = Rule::new(3);
        assert!((three.nodes[2] - 0.5 * (1.0 + 0.6_f64.sqrt())).abs() < 1e-16);
        assert!((three.weights[0] - 5.0 / 18.0).abs() < 1e-16);
        assert!((three.weights[1] - 4.0 / 9.0).abs() < 1e-16);
    }

    #[test]
    fn polynomials_up_to_degree_2k_minus_1_are_exact_and_the_next_is_not() {
        for n in [1, 2, 3, 4, 5, 8, 16, 33, 64, 200, 600] {
            let rule = Rule::new(n);
            assert!(rule.nodes.windows(2).all(|pair| pair[0] < pair[1]), "{n}");
            let integral = |degree: i32| {
                let terms = rule.nodes.iter().zip(&rule.weights);
                terms.map(|(t, w)| w * t.powi(degree)).sum::<f64>()
            };
            for degree in (0..2 * n as i32).step_by(1 + n / 20) {
                let exact = 1.0 / (f64::from(degree) + 1.0);
                let error = (integral(degree) / exact - 1.0).abs();
                let bound = 1e-13;
                assert!(error < bound, "n {n}, degree {degree}: {error:e}");
            }
            if n <= 5 {
                let exact = 1.0 / (2.0 * n as f64 + 1.0);
                assert!((integral(2 * n as i32) - exact).abs() > 1e-8, "{n}");
            }
        }
    }
}
