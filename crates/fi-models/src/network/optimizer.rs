//! How a gradient becomes a step: Keras's optimisers, over one flat vector of parameters.

use fi_core::{Result, require};
use serde::{Deserialize, Serialize};

use super::level::{Level, Work, fma};
use super::real::Real;

/// The rule that turns the gradient `g` of one batch into a step of the parameters `w`.
///
/// ```text
/// SGD        v ← μ v − η g          w ← w + v            (Nesterov: w ← w + μ v − η g)
/// Adam       m ← β₁ m + (1 − β₁) g   s ← β₂ s + (1 − β₂) g²
///            w ← w − η √(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / (√s + ε)
/// AdamW      w ← w − η λ w, then as Adam
/// RMSprop    s ← ρ s + (1 − ρ) g²    w ← w − η g / (√s + ε)
/// ```
///
/// `η` is the learning rate, `μ` the momentum, `t` the number of steps so far, from 1. All are
/// Keras's, in which Adam's `ε` stands outside the bias correction and AdamW's decay is on every
/// parameter.
///
/// # References
///
/// - Sutskever, Martens, Dahl, Hinton (2013). *On the importance of initialization and momentum
///   in deep learning.* ICML, PMLR 28(3):1139–1147.
///   <https://proceedings.mlr.press/v28/sutskever13.html>
/// - Kingma, Ba (2015). *Adam: a method for stochastic optimization.* ICLR.
///   <https://arxiv.org/abs/1412.6980>
/// - Loshchilov, Hutter (2019). *Decoupled weight decay regularization.* ICLR.
///   <https://arxiv.org/abs/1711.05101>
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
    /// Adam with a decay of the parameters that is not part of the gradient.
    AdamW {
        /// `η`, positive; Keras's default is 0.001.
        learning_rate: f64,
        /// `β₁` in [0, 1); Keras's default is 0.9.
        beta_1: f64,
        /// `β₂` in [0, 1); Keras's default is 0.999.
        beta_2: f64,
        /// `ε`, positive; Keras's default is 1e-7.
        epsilon: f64,
        /// `λ`, not negative; Keras's default is 0.004.
        weight_decay: f64,
    },
    /// Gradients divided by the root of a running mean of their squares.
    RmsProp {
        /// `η`, positive; Keras's default is 0.001.
        learning_rate: f64,
        /// `ρ` in [0, 1); Keras's default is 0.9.
        rho: f64,
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

    /// AdamW with this learning rate and Keras's other defaults.
    pub const fn adam_w(learning_rate: f64) -> Self {
        let (beta_1, beta_2, epsilon, weight_decay) = (0.9, 0.999, 1e-7, 0.004);
        Self::AdamW { learning_rate, beta_1, beta_2, epsilon, weight_decay }
    }

    /// RMSprop with this learning rate and Keras's other defaults.
    pub const fn rms_prop(learning_rate: f64) -> Self {
        Self::RmsProp { learning_rate, rho: 0.9, epsilon: 1e-7 }
    }

    /// `η`.
    pub const fn learning_rate(self) -> f64 {
        match self {
            Self::Sgd { learning_rate, .. }
            | Self::Adam { learning_rate, .. }
            | Self::AdamW { learning_rate, .. }
            | Self::RmsProp { learning_rate, .. } => learning_rate,
        }
    }

    pub(super) fn check(self) -> Result<()> {
        let positive = |x: f64| x.is_finite() && x > 0.0;
        let share = |x: f64| (0.0..1.0).contains(&x);
        let rate = |x: f64| require(positive(x), "learning_rate", x, "positive and finite");
        rate(self.learning_rate())?;
        match self {
            Self::Sgd { momentum, .. } => {
                require(share(momentum), "momentum", momentum, "in [0, 1)")
            }
            Self::Adam { beta_1, beta_2, epsilon, .. }
            | Self::AdamW { beta_1, beta_2, epsilon, .. } => {
                require(share(beta_1), "beta_1", beta_1, "in [0, 1)")?;
                require(share(beta_2), "beta_2", beta_2, "in [0, 1)")?;
                require(positive(epsilon), "epsilon", epsilon, "positive and finite")?;
                let Self::AdamW { weight_decay, .. } = self else { return Ok(()) };
                let fits = weight_decay.is_finite() && weight_decay >= 0.0;
                require(fits, "weight_decay", weight_decay, "finite and not negative")
            }
            Self::RmsProp { rho, epsilon, .. } => {
                require(share(rho), "rho", rho, "in [0, 1)")?;
                require(positive(epsilon), "epsilon", epsilon, "positive and finite")
            }
        }
    }
}

/// An optimiser with its memory.
pub(super) struct Stepper<T> {
    optimizer: Optimizer,
    first: Vec<T>,
    second: Vec<T>,
    /// `β₁ᵗ` and `β₂ᵗ`.
    powers: (f64, f64),
}

impl<T: Real> Stepper<T> {
    pub(super) fn new(optimizer: Optimizer, n_parameters: usize) -> Self {
        let (first, second) = match optimizer {
            Optimizer::Sgd { momentum: 0.0, .. } => (0, 0),
            Optimizer::Sgd { .. } => (n_parameters, 0),
            Optimizer::Adam { .. } | Optimizer::AdamW { .. } => (n_parameters, n_parameters),
            Optimizer::RmsProp { .. } => (0, n_parameters),
        };
        let [first, second] = [first, second].map(|n| vec![T::ZERO; n]);
        Self { optimizer, first, second, powers: (1.0, 1.0) }
    }

    /// One step of `parameters` along `gradient`, with `factor` times the learning rate.
    pub(super) fn step(&mut self, parameters: &mut [T], gradient: &[T], factor: f64) {
        let eta = self.optimizer.learning_rate() * factor;
        let rate = T::of(eta);
        match self.optimizer {
            Optimizer::Sgd { momentum: 0.0, .. } => {
                for (w, g) in parameters.iter_mut().zip(gradient) {
                    *w -= rate * *g;
                }
            }
            Optimizer::Sgd { momentum, nesterov, .. } => {
                let momentum = T::of(momentum);
                for ((w, g), v) in parameters.iter_mut().zip(gradient).zip(&mut self.first) {
                    *v = momentum * *v - rate * *g;
                    *w += if nesterov { momentum * *v - rate * *g } else { *v };
                }
            }
            Optimizer::Adam { beta_1, beta_2, epsilon, .. } => {
                self.adam(parameters, gradient, eta, 0.0, [beta_1, beta_2, epsilon]);
            }
            Optimizer::AdamW { beta_1, beta_2, epsilon, weight_decay, .. } => {
                self.adam(parameters, gradient, eta, weight_decay, [beta_1, beta_2, epsilon]);
            }
            Optimizer::RmsProp { rho, epsilon, .. } => {
                let (new, epsilon) = (T::of(1.0 - rho), T::of(epsilon));
                for ((w, &g), s) in parameters.iter_mut().zip(gradient).zip(&mut self.second) {
                    *s += (g * g - *s) * new;
                    *w -= rate * g / (s.sqrt() + epsilon);
                }
            }
        }
    }

    fn adam(
        &mut self,
        parameters: &mut [T],
        gradient: &[T],
        eta: f64,
        decay: f64,
        [beta_1, beta_2, epsilon]: [f64; 3],
    ) {
        self.powers = (self.powers.0 * beta_1, self.powers.1 * beta_2);
        let rate = eta * (1.0 - self.powers.1).sqrt() / (1.0 - self.powers.0);
        let (first, second) = (&mut self.first[..], &mut self.second[..]);
        Level::detect().run(Adam {
            parameters,
            gradient,
            first,
            second,
            rate: T::of(rate),
            decay: T::of(eta * decay),
            new: [beta_1, beta_2].map(|beta| T::of(1.0 - beta)),
            epsilon: T::of(epsilon),
        });
    }
}

/// A step of Adam or `AdamW`: one pass over four arrays, which the memory's speed bounds.
struct Adam<'a, T> {
    parameters: &'a mut [T],
    gradient: &'a [T],
    first: &'a mut [T],
    second: &'a mut [T],
    rate: T,
    /// What is taken off the parameters first.
    decay: T,
    /// `1 − β₁` and `1 − β₂`.
    new: [T; 2],
    epsilon: T,
}

impl<T: Real> Work for Adam<'_, T> {
    type Output = ();

    #[expect(clippy::inline_always, reason = "compiled for several processors")]
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self { rate, decay, new, epsilon, .. } = self;
        let moments = self.first.iter_mut().zip(self.second);
        for ((w, &g), (m, s)) in self.parameters.iter_mut().zip(self.gradient).zip(moments) {
            let (mean, square) =
                (fma::<FMA, T>(g - *m, new[0], *m), fma::<FMA, T>(g * g - *s, new[1], *s));
            let kept = fma::<FMA, T>(-decay, *w, *w);
            (*m, *s) = (mean, square);
            *w = kept - rate * mean / (square.sqrt() + epsilon);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(optimizer: Optimizer, gradients: &[f64]) -> f64 {
        let mut stepper = Stepper::new(optimizer, 1);
        let mut w = [1.0_f64];
        for &g in gradients {
            stepper.step(&mut w, &[g], 1.0);
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
        // The decay takes 0.1 · 0.5 · 1 off first; Adam's step does not depend on where w is.
        let (beta_1, beta_2, epsilon, weight_decay) = (0.5, 0.75, 1.0, 0.5);
        let adam_w = Optimizer::AdamW { learning_rate: 0.1, beta_1, beta_2, epsilon, weight_decay };
        close(walk(adam_w, &[2.0]), 0.9);
        // s₁ = 0.25 · 4 = 1, a step of 0.1 · 2 / (1 + 1); s₂ = 0.75 + 0.25 · 0 with g = 0.
        let rms = Optimizer::RmsProp { learning_rate: 0.1, rho: 0.75, epsilon: 1.0 };
        close(walk(rms, &[2.0, 0.0]), 0.9);
        close(walk(rms, &[2.0, 4.0]), 0.9 - 0.1 * 4.0 / (4.75_f64.sqrt() + 1.0));
        let mut half = Stepper::new(Optimizer::sgd(0.1), 1);
        let mut w = [1.0_f32];
        half.step(&mut w, &[2.0], 0.5);
        close(f64::from(w[0]), f64::from(0.9_f32));
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
        let bad = Optimizer::RmsProp { learning_rate: 0.1, rho: 1.0, epsilon: 1.0 };
        assert_eq!(text(bad), "`rho` is `1`, it must be in [0, 1)");
        let (beta_1, beta_2, epsilon, weight_decay) = (0.5, 0.5, 1.0, -1.0);
        let bad = Optimizer::AdamW { learning_rate: 0.1, beta_1, beta_2, epsilon, weight_decay };
        assert_eq!(text(bad), "`weight_decay` is `-1`, it must be finite and not negative");
    }
}
