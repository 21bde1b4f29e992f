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
    /// Where the slopes of this row of `(steps · n_rows, width)` values start, and how many there
    /// are: one, or one per channel.
    fn slopes(&self, place: usize, n_rows: usize) -> std::ops::Range<usize> {
        let width = self.input.width;
        if self.n <= width {
            return 0..self.n;
        }
        let start = place / n_rows * width;
        start..start + width
    }
}

impl<T: Real> super::Op<T> for Op {
    fn forward(&self, pass: Forward<'_, T>) {
        let width = self.input.width;
        let rows = pass.output.chunks_exact_mut(width).zip(pass.input.chunks_exact(width));
        for (place, (to, from)) in rows.enumerate() {
            let alphas = pass.parameters[self.slopes(place, pass.n_rows)].iter().cycle();
            for ((to, &x), &alpha) in to.iter_mut().zip(from).zip(alphas) {
                *to = if x < T::ZERO { alpha * x } else { x };
            }
        }
    }

    fn backward(&self, pass: Backward<'_, T>) {
        let width = self.input.width;
        if let Some(gradient) = pass.gradient {
            let mut sums = vec![0.0; self.n];
            let rows = pass.delta.chunks_exact(width).zip(pass.input.chunks_exact(width));
            for (place, (delta, from)) in rows.enumerate() {
                let sums = &mut sums[self.slopes(place, pass.n_rows)];
                for (channel, (delta, &x)) in delta.iter().zip(from).enumerate() {
                    let slope = if x < T::ZERO { delta.wide() * x.wide() } else { 0.0 };
                    sums[channel.min(self.n - 1)] += slope;
                }
            }
            gradient.iter_mut().zip(sums).for_each(|(to, sum)| *to = T::of(sum));
        }
        let Some(previous) = pass.previous else { return };
        let values = pass.delta.chunks_exact(width).zip(pass.input.chunks_exact(width));
        for (place, (to, (delta, from))) in previous.chunks_exact_mut(width).zip(values).enumerate()
        {
            let alphas = pass.parameters[self.slopes(place, pass.n_rows)].iter().cycle();
            for (((to, &x), &delta), &alpha) in to.iter_mut().zip(from).zip(delta).zip(alphas) {
                *to = if x > T::ZERO { delta } else { alpha * delta };
            }
        }
    }
}
