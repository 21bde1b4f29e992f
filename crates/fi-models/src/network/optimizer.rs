//! How a gradient becomes a step: Keras's SGD and Adam, over one flat vector of parameters.

use fi_core::{Result, require};
use serde::{Deserialize, Serialize};

/// The rule that turns the gradient `g` of one batch into a step of the parameters `w`.
///
/// ```text
/// SGD        v ← μ v − η g          w ← w + v            (Nesterov: w ← w + μ v − η g)
/// Adam       m ← β₁ m + (1 − β₁) g   s ← β₂ s + (1 − β₂) g²
///            w ← w − η √(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / (√s + ε)
/// ```
///
/// `η` is the learning rate, `μ` the momentum, `t` the number of steps so far, from 1. Both are
/// Keras's, in which Adam's `ε` stands outside the bias correction.
///
/// # References
///
/// - Sutskever, Martens, Dahl, Hinton (2013). *On the importance of initialization and momentum
///   in deep learning.* ICML, PMLR 28(3):1139–1147.
///   <https://proceedings.mlr.press/v28/sutskever13.html>
/// - Kingma, Ba (2015). *Adam: a method for stochastic optimization.* ICLR.
///   <https://arxiv.org/abs/1412.6980>
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Optimizer {
    /// Stochastic gradient descent.
    Sgd {
        /// `η`, positive; Keras's default is 0.01.
        learning_rate: f64,
        /// `μ` in [0, 1); Keras's default is 0.
        momentum: f64,
        /// Whether to look ahead along the momentum; Keras's default is no.
        nesterov: bool,
    },
    /// Adam.
    Adam {
        /// `η`, positive; Keras's default is 0.001.
        learning_rate: f64,
        /// `β₁` in [0, 1); Keras's default is 0.9.
        beta_1: f64,
        /// `β₂` in [0, 1); Keras's default is 0.999.
        beta_2: f64,
        /// `ε`, positive; Keras's default is 1e-7.
        epsilon: f64,
    },
}

impl Optimizer {
    /// Plain SGD with this learning rate.
    pub const fn sgd(learning_rate: f64) -> Self {
        Self::Sgd { learning_rate, momentum: 0.0, nesterov: false }
    }

    /// Adam with this learning rate and Keras's other defaults.
    pub const fn adam(learning_rate: f64) -> Self {
        Self::Adam { learning_rate, beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7 }
    }

    pub(super) fn check(self) -> Result<()> {
        let positive = |x: f64| x.is_finite() && x > 0.0;
        let share = |x: f64| (0.0..1.0).contains(&x);
        let rate = |x: f64| require(positive(x), "learning_rate", x, "positive and finite");
        match self {
            Self::Sgd { learning_rate, momentum, .. } => {
                rate(learning_rate)?;
                require(share(momentum), "momentum", momentum, "in [0, 1)")
            }
            Self::Adam { learning_rate, beta_1, beta_2, epsilon } => {
                rate(learning_rate)?;
                require(share(beta_1), "beta_1", beta_1, "in [0, 1)")?;
                require(share(beta_2), "beta_2", beta_2, "in [0, 1)")?;
                require(positive(epsilon), "epsilon", epsilon, "positive and finite")
            }
        }
    }
}

/// An optimiser with its memory.
pub(super) struct Stepper {
    optimizer: Optimizer,
    first: Vec<f64>,
    second: Vec<f64>,
    /// `β₁ᵗ` and `β₂ᵗ`.
    powers: (f64, f64),
}

impl Stepper {
    pub(super) fn new(optimizer: Optimizer, n_parameters: usize) -> Self {
        let (first, second) = match optimizer {
            Optimizer::Sgd { momentum: 0.0, .. } => (0, 0),
            Optimizer::Sgd { .. } => (n_parameters, 0),
            Optimizer::Adam { .. } => (n_parameters, n_parameters),
        };
        Self { optimizer, first: vec![0.0; first], second: vec![0.0; second], powers: (1.0, 1.0) }
    }

    /// One step of `parameters` along `gradient`.
    pub(super) fn step(&mut self, parameters: &mut [f64], gradient: &[f64]) {
        match self.optimizer {
            Optimizer::Sgd { learning_rate, momentum: 0.0, .. } => {
                for (w, g) in parameters.iter_mut().zip(gradient) {
                    *w -= learning_rate * g;
                }
            }
            Optimizer::Sgd { learning_rate, momentum, nesterov } => {
                for ((w, g), v) in parameters.iter_mut().zip(gradient).zip(&mut self.first) {
                    *v = momentum * *v - learning_rate * g;
                    *w += if nesterov { momentum * *v - learning_rate * g } else { *v };
                }
            }
            Optimizer::Adam { learning_rate, beta_1, beta_2, epsilon } => {
                self.powers = (self.powers.0 * beta_1, self.powers.1 * beta_2);
                let rate = learning_rate * (1.0 - self.powers.1).sqrt() / (1.0 - self.powers.0);
                let moments = self.first.iter_mut().zip(&mut self.second);
                for ((w, g), (m, s)) in parameters.iter_mut().zip(gradient).zip(moments) {
                    *m += (g - *m) * (1.0 - beta_1);
                    *s += (g * g - *s) * (1.0 - beta_2);
                    *w -= rate * *m / (s.sqrt() + epsilon);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(optimizer: Optimizer, gradients: &[f64]) -> f64 {
        let mut stepper = Stepper::new(optimizer, 1);
        let mut w = [1.0];
        for &g in gradients {
            stepper.step(&mut w, &[g]);
        }
        w[0]
    }

    #[test]
    fn steps_are_those_computed_by_hand() {
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} {b}");
        close(walk(Optimizer::sgd(0.1), &[2.0, -1.0]), 1.0 - 0.2 + 0.1);
        // v₁ = −0.2, v₂ = 0.5 · −0.2 + 0.1 = 0.
        let sgd = |nesterov| Optimizer::Sgd { learning_rate: 0.1, momentum: 0.5, nesterov };
        close(walk(sgd(false), &[2.0, -1.0]), 0.8);
        // Nesterov: −0.1 − 0.2 = −0.3, then 0 + 0.1.
        close(walk(sgd(true), &[2.0, -1.0]), 1.0 - 0.3 + 0.1);
        // m₁ = 1, s₁ = 1, rate 0.1 · √0.25 / 0.5 = 0.1: a step of −0.1 · 1 / (1 + 1) = −0.05.
        // m₂ = 0, s₂ = 0.75 · 1 + 0.25 · 1 = 1: no step.
        let adam = Optimizer::Adam { learning_rate: 0.1, beta_1: 0.5, beta_2: 0.75, epsilon: 1.0 };
        close(walk(adam, &[2.0]), 0.95);
        close(walk(adam, &[2.0, -1.0]), 0.95);
        // The first step of Adam is the learning rate, whatever the gradient.
        close((walk(Optimizer::adam(0.01), &[123.0]) - 0.99) * 1e-8, 0.0);
    }

    #[test]
    fn a_setting_outside_its_domain_is_refused() {
        let text = |optimizer: Optimizer| optimizer.check().unwrap_err().to_string();
        let rate = "it must be positive and finite";
        assert_eq!(text(Optimizer::sgd(0.0)), format!("`learning_rate` is `0`, {rate}"));
        assert_eq!(text(Optimizer::adam(f64::NAN)), format!("`learning_rate` is `NaN`, {rate}"));
        let bad = Optimizer::Sgd { learning_rate: 0.1, momentum: 1.0, nesterov: false };
        assert_eq!(text(bad), "`momentum` is `1`, it must be in [0, 1)");
        let adam = |beta_1, beta_2, epsilon| {
            text(Optimizer::Adam { learning_rate: 0.1, beta_1, beta_2, epsilon })
        };
        assert_eq!(adam(-0.1, 0.9, 1.0), "`beta_1` is `-0.1`, it must be in [0, 1)");
        assert_eq!(adam(0.1, 1.5, 1.0), "`beta_2` is `1.5`, it must be in [0, 1)");
        assert_eq!(adam(0.1, 0.9, 0.0), format!("`epsilon` is `0`, {rate}"));
    }
}
