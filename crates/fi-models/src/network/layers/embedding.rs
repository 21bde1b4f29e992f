//! A vector for each token: row `token` of a matrix.

use fi_core::{Error, Result, require_shape};
use ndarray::{Array2, ArrayViewMutD};
use serde::{Deserialize, Serialize};

use super::{Backward, Block, Forward, Part, Shape, is_present};
use crate::network::elementwise::add_scaled;
use crate::network::real::Real;

/// A learned vector for each token: the first layer after [`Input::Tokens`].
///
/// [`Input::Tokens`]: crate::network::Input::Tokens
#[expect(clippy::unsafe_derive_deserialize, reason = "the `unsafe` is in ndarray's `s!`")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Embedding {
    /// `(vocabulary, width)`: one vector per token.
    pub weights: Array2<f64>,
}

impl Block for Embedding {
    fn shape(&self, place: usize, input: Shape) -> Result<Shape> {
        let steps = input.sequence(place, "an embedding")?;
        if place > 0 {
            return Err(Error::Data(format!(
                "layer {place} is an embedding, which reads tokens: put it first"
            )));
        }
        require_shape("one step of an embedding's input", &[1], &[input.width])?;
        Ok(Shape { steps: Some(steps), width: self.weights.ncols() })
    }

    fn parameters(&self) -> Vec<Part<'_>> {
        vec![("embedding matrix", self.weights.view().into_dyn())]
    }

    fn parameters_mut(&mut self) -> Vec<ArrayViewMutD<'_, f64>> {
        vec![self.weights.view_mut().into_dyn()]
    }

    fn n_weights(&self) -> usize {
        self.weights.len()
    }
}

impl Embedding {
    pub(super) fn op(&self) -> Op {
        Op { width: self.weights.ncols() }
    }
}

#[derive(Debug)]
pub(super) struct Op {
    width: usize,
}

impl<T: Real> super::Op<T> for Op {
    fn forward(&self, pass: Forward<'_, T>) {
        for (to, token) in pass.output.chunks_exact_mut(self.width).zip(pass.input) {
            let start = token.wide() as usize * self.width;
            to.copy_from_slice(&pass.parameters[start..start + self.width]);
        }
    }

    /// Tokens have no slope: nothing goes further back.
    fn backward(&self, pass: Backward<'_, T>) {
        if let Some(previous) = pass.previous {
            previous.fill(T::ZERO);
        }
        let Some(gradient) = pass.gradient else { return };
        gradient.fill(T::ZERO);
        let steps = pass.delta.chunks_exact(self.width).zip(pass.input).enumerate();
        for (place, (delta, token)) in steps {
            if is_present(pass.present, place) {
                let start = token.wide() as usize * self.width;
                add_scaled(&mut gradient[start..start + self.width], T::ONE, delta);
            }
        }
    }
}
