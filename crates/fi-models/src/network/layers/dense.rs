//! Fully connected: `activation(input · weights + bias)`, on each step of a sequence alike.

use fi_core::{Result, require_shape};
use ndarray::{Array1, Array2, ArrayViewMutD};
use serde::{Deserialize, Serialize};

use super::{Backward, Block, Forward, Part, Shape, repeat, sum_rows};
use crate::network::activation::Activation;
use crate::network::matrix::{Write, product, product_transposed_a, product_transposed_b};
use crate::network::real::Real;

/// One fully connected layer: `activation(input · weights + bias)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dense {
    /// `(n_in, n_out)`, as Keras stores a kernel; PyTorch's `Linear.weight` is its transpose.
    pub weights: Array2<f64>,
    /// `(n_out,)`.
    pub bias: Array1<f64>,
    /// What is done with each weighted sum. The softmax of a classifier is not part of its last
    /// layer, which is [`Activation::Linear`].
    pub activation: Activation,
}

impl Block for Dense {
    fn shape(&self, place: usize, input: Shape) -> Result<Shape> {
        let n_out = self.weights.ncols();
        let what = format!("the weight matrix of layer {place}");
        require_shape(&what, &[input.width, n_out], self.weights.shape())?;
        require_shape(&format!("the bias of layer {place}"), &[n_out], self.bias.shape())?;
        self.activation.check()?;
        Ok(input.with_width(n_out))
    }

    fn parameters(&self) -> Vec<Part<'_>> {
        vec![
            ("weight matrix", self.weights.view().into_dyn()),
            ("bias", self.bias.view().into_dyn()),
        ]
    }

    fn parameters_mut(&mut self) -> Vec<ArrayViewMutD<'_, f64>> {
        vec![self.weights.view_mut().into_dyn(), self.bias.view_mut().into_dyn()]
    }

    fn n_weights(&self) -> usize {
        self.weights.len()
    }
}

impl Dense {
    pub(super) fn op(&self) -> Op {
        let (n_in, n_out) = self.weights.dim();
        Op { n_in, n_out, activation: self.activation }
    }
}

#[derive(Debug)]
pub(super) struct Op {
    n_in: usize,
    n_out: usize,
    activation: Activation,
}

impl<T: Real> super::Op<T> for Op {
    fn forward(&self, pass: Forward<'_, T>) {
        let Self { n_in, n_out, activation } = *self;
        let (weights, bias) = pass.parameters.split_at(n_in * n_out);
        repeat(bias, pass.output);
        let n = pass.input.len() / n_in;
        product(pass.output, pass.input, weights, (n, n_in, n_out), Write::Add);
        activation.apply(pass.output);
    }

    fn backward(&self, pass: Backward<'_, T>) {
        let Self { n_in, n_out, activation } = *self;
        let n = pass.input.len() / n_in;
        activation.times_slope(pass.output, pass.delta);
        if let Some(gradient) = pass.gradient {
            let (weights, bias) = gradient.split_at_mut(n_in * n_out);
            product_transposed_a(weights, pass.input, pass.delta, (n_in, n, n_out), Write::Set);
            sum_rows(pass.delta, bias);
        }
        if let Some(previous) = pass.previous {
            let weights = &pass.parameters[..n_in * n_out];
            product_transposed_b(previous, pass.delta, weights, (n, n_out, n_in), Write::Set);
        }
    }
}
