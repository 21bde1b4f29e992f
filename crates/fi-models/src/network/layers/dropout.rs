//! Dropout: in training, each number is 0 with some chance and made larger otherwise.

use fi_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::{Backward, Block, Forward, Shape, room};
use crate::network::real::Real;

/// Dropout: each training step sets a share of the numbers to 0 and divides the others by
/// `1 − rate`, so that their expectation stays. A prediction passes all of them on.
///
/// # References
///
/// - Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov (2014). *Dropout: a simple way to
///   prevent neural networks from overfitting.* JMLR 15:1929–1958.
///   <https://jmlr.org/papers/v15/srivastava14a.html>
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Dropout {
    /// The share that is dropped, in [0, 1).
    pub rate: f64,
}

impl Block for Dropout {
    fn shape(&self, place: usize, input: Shape) -> Result<Shape> {
        if (0.0..1.0).contains(&self.rate) {
            return Ok(input);
        }
        Err(Error::Data(format!(
            "layer {place} drops a share of {}, which must be in [0, 1)",
            self.rate
        )))
    }
}

impl<T: Real> super::Op<T> for Dropout {
    /// Keeps the factor of each number.
    fn forward(&self, pass: Forward<'_, T>) {
        let Some(rng) = pass.training.filter(|_| self.rate > 0.0) else {
            pass.output.copy_from_slice(pass.input);
            return;
        };
        let factors = room(&mut pass.memory.kept, pass.input.len());
        let kept = T::of(1.0 / (1.0 - self.rate));
        // Two numbers share a draw: the chance is the rate to 2⁻³².
        let bound = (self.rate * 4_294_967_296.0) as u64;
        for pair in factors.chunks_mut(2) {
            let bits = rng.bits();
            for (factor, half) in pair.iter_mut().zip([bits & 0xFFFF_FFFF, bits >> 32]) {
                *factor = if half < bound { T::ZERO } else { kept };
            }
        }
        for ((to, from), factor) in pass.output.iter_mut().zip(pass.input).zip(factors) {
            *to = *from * *factor;
        }
    }

    fn backward(&self, pass: Backward<'_, T>) {
        let Some(previous) = pass.previous else { return };
        previous.copy_from_slice(pass.delta);
        if pass.training && self.rate > 0.0 {
            previous.iter_mut().zip(&pass.memory.kept).for_each(|(d, factor)| *d *= *factor);
        }
    }
}
