//! A convolution over the steps of a sequence.
//!
//! With values laid out step after step, tap `j` of the kernel is one product of matrices: the
//! input, shifted by whole steps, times the `(in_channels, filters)` weights of the tap.

use fi_core::{Error, Result, require_shape};
use ndarray::{Array1, Array3, ArrayViewMutD, CowArray, Ix2};
use serde::{Deserialize, Serialize};

use super::{Backward, Block, Forward, Part, Shape, repeat, sum_rows};
use crate::network::activation::Activation;
use crate::network::matrix::{Write, product, product_transposed_a, product_transposed_b};
use crate::network::real::Real;

/// A convolution over the steps: each filter sees `kernel` steps of all channels.
///
/// ```text
/// out[t, f] = activation(bias[f] + Σⱼ Σ_c in[t · stride + j − left, c] · weights[j, c, f])
/// ```
///
/// Steps outside the sequence and masked ones count as 0. `left` is 0 for [`Padding::Valid`],
/// `kernel − 1` for [`Padding::Causal`] and Keras's half for [`Padding::Same`]. A step of the
/// output is masked if the input step at which its window is anchored is (`t · stride`); with
/// [`Padding::Valid`], if any step of its window is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conv1d {
    /// `(kernel, in_channels, filters)`, as Keras stores it; PyTorch's `Conv1d.weight` has the
    /// axes the other way round.
    pub weights: Array3<f64>,
    /// `(filters,)`.
    pub bias: Array1<f64>,
    /// How many steps the window moves; at least 1.
    pub stride: usize,
    /// What happens at the ends.
    pub padding: Padding,
    /// What is done with each weighted sum.
    pub activation: Activation,
}

/// What a convolution does at the ends of a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Padding {
    /// Windows lie within the sequence: `⌊(steps − kernel) / stride⌋ + 1` steps come out.
    Valid,
    /// Zeros on both sides, the odd one behind, as in Keras: `⌈steps / stride⌉` steps come out.
    Same,
    /// Zeros in front, so that no step sees a later one: `⌈steps / stride⌉` steps come out.
    Causal,
}

impl Conv1d {
    /// `(kernel · in_channels, filters)`.
    pub(super) fn flat_weights(&self) -> CowArray<'_, f64, Ix2> {
        let (kernel, channels, filters) = self.weights.dim();
        self.weights
            .to_shape((kernel * channels, filters))
            .expect("a reshaping keeps the number of elements")
    }

    /// How many steps come out.
    fn steps(&self, steps: usize) -> usize {
        match self.padding {
            Padding::Valid => (steps - self.weights.dim().0) / self.stride + 1,
            Padding::Same | Padding::Causal => steps.div_ceil(self.stride),
        }
    }

    pub(super) fn op(&self, input: Shape) -> Op {
        let (kernel, channels, filters) = self.weights.dim();
        let (steps, stride) = (input.n_steps(), self.stride);
        let steps_out = self.steps(steps);
        let left = match self.padding {
            Padding::Valid => 0,
            Padding::Causal => kernel - 1,
            Padding::Same => ((steps_out - 1) * stride + kernel).saturating_sub(steps) / 2,
        };
        let whole = self.padding == Padding::Valid;
        let activation = self.activation;
        Op { kernel, channels, filters, steps, steps_out, stride, left, whole, activation }
    }
}

impl Block for Conv1d {
    fn shape(&self, place: usize, input: Shape) -> Result<Shape> {
        let steps = input.sequence(place, "a convolution")?;
        let (kernel, _, filters) = self.weights.dim();
        let what = format!("the kernel of layer {place}");
        require_shape(&what, &[kernel, input.width, filters], self.weights.shape())?;
        require_shape(&format!("the bias of layer {place}"), &[filters], self.bias.shape())?;
        self.activation.check()?;
        let fits = self.padding != Padding::Valid || kernel <= steps;
        if kernel == 0 || self.stride == 0 || !fits {
            return Err(Error::Data(format!(
                "layer {place} moves a window of {kernel} by {} steps over {steps}: window and \
                 stride must be at least 1, and without padding the window may not be longer than \
                 the sequence",
                self.stride
            )));
        }
        Ok(Shape { steps: Some(self.steps(steps)), width: filters })
    }

    fn parameters(&self) -> Vec<Part<'_>> {
        vec![("kernel", self.weights.view().into_dyn()), ("bias", self.bias.view().into_dyn())]
    }

    fn parameters_mut(&mut self) -> Vec<ArrayViewMutD<'_, f64>> {
        vec![self.weights.view_mut().into_dyn(), self.bias.view_mut().into_dyn()]
    }

    fn n_weights(&self) -> usize {
        self.weights.len()
    }
}

#[derive(Debug)]
pub(super) struct Op {
    kernel: usize,
    channels: usize,
    filters: usize,
    steps: usize,
    steps_out: usize,
    stride: usize,
    left: usize,
    /// Whether a window with a masked step is masked.
    whole: bool,
    activation: Activation,
}

impl Op {
    /// Runs of output steps that tap `tap` feeds: `(first output step, first input step, length)`,
    /// both sides contiguous.
    fn runs(&self, tap: usize) -> impl Iterator<Item = (usize, usize, usize)> {
        let (stride, left, steps) = (self.stride, self.left, self.steps);
        // Outputs t with 0 ≤ t · stride + tap − left < steps.
        let first = left.saturating_sub(tap).div_ceil(stride);
        let end = (steps + left).saturating_sub(tap).div_ceil(stride).min(self.steps_out);
        let length = if stride == 1 { end.saturating_sub(first).max(1) } else { 1 };
        (first..end).step_by(length).map(move |t| (t, t * stride + tap - left, length))
    }
}

impl<T: Real> super::Op<T> for Op {
    fn forward(&self, pass: Forward<'_, T>) {
        let (channels, filters, n_rows) = (self.channels, self.filters, pass.n_rows);
        let (weights, bias) = pass.parameters.split_at(self.kernel * channels * filters);
        repeat(bias, pass.output);
        for (tap, weights) in weights.chunks_exact(channels * filters).enumerate() {
            for (to, from, steps) in self.runs(tap) {
                let n = steps * n_rows;
                let output = &mut pass.output[to * n_rows * filters..][..n * filters];
                let input = &pass.input[from * n_rows * channels..][..n * channels];
                product(output, input, weights, (n, channels, filters), Write::Add);
            }
        }
        self.activation.apply(pass.output);
    }

    fn backward(&self, mut pass: Backward<'_, T>) {
        let (channels, filters, n_rows) = (self.channels, self.filters, pass.n_rows);
        let n_weights = self.kernel * channels * filters;
        self.activation.times_slope(pass.output, pass.delta);
        if let Some(gradient) = &mut pass.gradient {
            gradient[..n_weights].fill(T::ZERO);
            sum_rows(pass.delta, &mut gradient[n_weights..]);
        }
        if let Some(previous) = &mut pass.previous {
            previous.fill(T::ZERO);
        }
        let size = channels * filters;
        for tap in 0..self.kernel {
            let weights = &pass.parameters[tap * size..(tap + 1) * size];
            for (to, from, steps) in self.runs(tap) {
                let n = steps * n_rows;
                let delta = &pass.delta[to * n_rows * filters..][..n * filters];
                let inputs = from * n_rows * channels..(from * n_rows + n) * channels;
                if let Some(gradient) = &mut pass.gradient {
                    let slope = &mut gradient[tap * size..(tap + 1) * size];
                    let input = &pass.input[inputs.clone()];
                    product_transposed_a(slope, input, delta, (channels, n, filters), Write::Add);
                }
                if let Some(previous) = &mut pass.previous {
                    let sizes = (n, filters, channels);
                    let previous = &mut previous[inputs];
                    product_transposed_b(previous, delta, weights, sizes, Write::Add);
                }
            }
        }
    }

    fn mask(&self, n_rows: usize, present: &[bool], output: &mut Vec<bool>) {
        let seen = if self.whole { self.kernel } else { 1 };
        for t in 0..self.steps_out {
            for row in 0..n_rows {
                let anchor = t * self.stride;
                output.push((anchor..anchor + seen).all(|step| present[step * n_rows + row]));
            }
        }
    }
}
