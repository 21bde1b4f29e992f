//! What units do with their weighted sums.

use fi_core::{Result, require};
use serde::{Deserialize, Serialize};

use super::elementwise;
use super::real::Real;

/// What a unit does with its weighted sum `z`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Activation {
    /// `max(0, z)`; its slope at 0 is taken as 0.
    Relu,
    /// `tanh z`.
    Tanh,
    /// `1 / (1 + e⁻ᶻ)`.
    Sigmoid,
    /// `z`.
    Linear,
    /// `z` if positive, otherwise `slope · z`.
    LeakyRelu {
        /// The slope below 0, in [0, 1); PyTorch's default is 0.01, Keras's 0.3 (0.2 in
        /// `keras.activations`).
        slope: f64,
    },
    /// `z` if positive, otherwise `alpha · (eᶻ − 1)`.
    Elu {
        /// The limit at `−∞`, positive; the usual value is 1.
        alpha: f64,
    },
    /// `ln(1 + eᶻ)`.
    Softplus,
}

impl Activation {
    pub(super) fn check(self) -> Result<()> {
        match self {
            Self::LeakyRelu { slope } => {
                require((0.0..1.0).contains(&slope), "slope", slope, "in [0, 1)")
            }
            Self::Elu { alpha } => {
                let fits = alpha.is_finite() && alpha > 0.0;
                require(fits, "alpha", alpha, "positive and finite")
            }
            _ => Ok(()),
        }
    }

    pub(super) fn apply<T: Real>(self, values: &mut [T]) {
        let each = values.iter_mut();
        match self {
            // A comparison and not `max`, which would turn a NaN into 0.
            Self::Relu => each.for_each(|z| *z = if *z < T::ZERO { T::ZERO } else { *z }),
            Self::Tanh => elementwise::tanh(values),
            Self::Sigmoid => elementwise::sigmoid(values),
            Self::Linear => {}
            Self::LeakyRelu { slope } => {
                let slope = T::of(slope);
                each.for_each(|z| *z = if *z < T::ZERO { slope * *z } else { *z });
            }
            Self::Elu { alpha } => {
                let alpha = T::of(alpha);
                each.for_each(|z| *z = if *z < T::ZERO { alpha * z.exp_m1() } else { *z });
            }
            // The larger of 0 and z, plus what is missing: e^z alone overflows.
            Self::Softplus => each.for_each(|z| {
                let floor = if *z < T::ZERO { T::ZERO } else { *z };
                *z = floor + (-z.abs()).exp().ln_1p();
            }),
        }
    }

    /// Multiplies `delta` by the slope, which each activation can tell from its own value.
    pub(super) fn times_slope<T: Real>(self, values: &[T], delta: &mut [T]) {
        let pairs = delta.iter_mut().zip(values);
        match self {
            Self::Relu => pairs.for_each(|(d, &a)| *d = if a > T::ZERO { *d } else { T::ZERO }),
            Self::Tanh => pairs.for_each(|(d, &a)| *d *= T::ONE - a * a),
            Self::Sigmoid => pairs.for_each(|(d, &a)| *d *= a * (T::ONE - a)),
            Self::Linear => {}
            Self::LeakyRelu { slope } => {
                let slope = T::of(slope);
                pairs.for_each(|(d, &a)| *d = if a > T::ZERO { *d } else { slope * *d });
            }
            Self::Elu { alpha } => {
                let alpha = T::of(alpha);
                pairs.for_each(|(d, &a)| *d = if a > T::ZERO { *d } else { *d * (a + alpha) });
            }
            // σ(z) = 1 − e^−a for a = ln(1 + e^z).
            Self::Softplus => pairs.for_each(|(d, &a)| *d *= -(-a).exp_m1()),
        }
    }
}
