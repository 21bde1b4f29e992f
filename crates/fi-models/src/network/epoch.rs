//! The end of an epoch, as an observer of training sees it.

use ndarray::{ArrayView1, ArrayView2};

use super::engine::Shape;
use super::fitted::Record;

/// The end of one epoch, as an observer sees it.
#[derive(Debug, Clone, Copy)]
pub struct Epoch<'a> {
    /// Which epoch, from 0.
    pub index: usize,
    /// Its losses.
    pub record: Record,
    pub(super) shapes: &'a [Shape],
    pub(super) parameters: &'a [f64],
}

impl<'a> Epoch<'a> {
    /// How many layers the network has, the output layer included.
    pub fn n_layers(&self) -> usize {
        self.shapes.len()
    }

    /// The `(n_in, n_out)` weights of layer `layer`, from 0 for the one that reads the features.
    ///
    /// # Panics
    ///
    /// If there is no such layer.
    pub fn weights(&self, layer: usize) -> ArrayView2<'a, f64> {
        let shape = self.shapes[layer];
        ArrayView2::from_shape((shape.n_in, shape.n_out), shape.weights(self.parameters))
            .expect("a layer's weights fill its shape")
    }

    /// The biases of layer `layer`.
    ///
    /// # Panics
    ///
    /// If there is no such layer.
    pub fn bias(&self, layer: usize) -> ArrayView1<'a, f64> {
        ArrayView1::from(self.shapes[layer].bias(self.parameters))
    }
}
