//! ReLU with a learned slope below 0.

use fi_core::{Result, require_shape};
use ndarray::{Array1, ArrayViewMutD};
use serde::{Deserialize, Serialize};

use super::{Backward, Block, Forward, Part, Shape};
use crate::network::real::Real;

/// `in` if positive, otherwise `alpha · in`, with a learned `alpha`.
///
/// # References
///
/// - He, Zhang, Ren, Sun (2015). *Delving deep into rectifiers.* ICCV.
///   <https://doi.org/10.1109/ICCV.2015.123>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PRelu {
    /// The slope below 0: one for all (PyTorch's default), one per channel, or one per step and
    /// channel in step order (Keras's default).
    pub alpha: Array1<f64>,
}

impl Block for PRelu {
    fn shape(&self, place: usize, input: Shape) -> Result<Shape> {
        if self.alpha.len() != 1 && self.alpha.len() != input.width {
            let what = format!("the alpha of layer {place}");
            require_shape(&what, &[input.len()], self.alpha.shape())?;
        }
        Ok(input)
    }

    fn parameters(&self) -> Vec<Part<'_>> {
        vec![("alpha", self.alpha.view().into_dyn())]
    }

    fn parameters_mut(&mut self) -> Vec<ArrayViewMutD<'_, f64>> {
        vec![self.alpha.view_mut().into_dyn()]
    }
}

impl PRelu {
    pub(super) fn op(&self, input: Shape) -> Op {
        Op { n: self.alpha.len(), input }
    }
}

#[derive(Debug)]
pub(super) struct Op {
    n: usize,
    input: Shape,
}

impl Op {
    /// Which alpha belongs to the element at this place of `(steps, n_rows, width)`.
    fn alpha_of(&self, place: usize, n_rows: usize) -> usize {
        let width = self.input.width;
        if self.n == 1 {
            0
        } else if self.n == width {
            place % width
        } else {
            place / (n_rows * width) * width + place % width
        }
    }
}

impl<T: Real> super::Op<T> for Op {
    fn forward(&self, pass: Forward<'_, T>) {
        for (place, (to, &x)) in pass.output.iter_mut().zip(pass.input).enumerate() {
            let alpha = pass.parameters[self.alpha_of(place, pass.n_rows)];
            *to = if x < T::ZERO { alpha * x } else { x };
        }
    }

    fn backward(&self, pass: Backward<'_, T>) {
        if let Some(gradient) = pass.gradient {
            let mut sums = vec![0.0; self.n];
            for (place, (delta, &x)) in pass.delta.iter().zip(pass.input).enumerate() {
                if x < T::ZERO {
                    sums[self.alpha_of(place, pass.n_rows)] += delta.wide() * x.wide();
                }
            }
            gradient.iter_mut().zip(sums).for_each(|(to, sum)| *to = T::of(sum));
        }
        let Some(previous) = pass.previous else { return };
        for (place, (to, &x)) in previous.iter_mut().zip(pass.input).enumerate() {
            let alpha = pass.parameters[self.alpha_of(place, pass.n_rows)];
            *to = if x > T::ZERO { pass.delta[place] } else { alpha * pass.delta[place] };
        }
    }
}
