//! What a coalition or a shuffle changes, seen from a dense first layer.
//!
//! A dense layer adds up what its features bring. So the sums of a row in which some features
//! have other values are those of the row, and for each of these features the difference times
//! its weights. The first layer is computed once per row; then only what changes.

use ndarray::ArrayView1;

use super::activation::Activation;
use super::fitted::{Computes, Network};
use super::input::Input;
use super::layers::Layer;
use super::matrix::{Write, product};
use super::program::Workspace;
use super::real::Real;

/// A first layer that is dense and reads features.
pub(super) struct Hidden<'a, T> {
    network: &'a Network,
    /// `(n_features, width)`.
    weights: Vec<T>,
    bias: Vec<T>,
    activation: Activation,
}

impl<'a, T: Computes> Hidden<'a, T> {
    /// `None` for a network that begins otherwise.
    pub(super) fn of(network: &'a Network) -> Option<Self> {
        let (Input::Features(_), Some(Layer::Dense(dense))) =
            (network.input(), network.layers().first())
        else {
            return None;
        };
        Some(Self {
            network,
            weights: dense.weights.iter().map(|&x| T::of(x)).collect(),
            bias: dense.bias.iter().map(|&x| T::of(x)).collect(),
            activation: dense.activation,
        })
    }

    pub(super) fn width(&self) -> usize {
        self.bias.len()
    }

    pub(super) fn workspace(&self) -> Workspace<T> {
        Workspace::new(self.network.layers().len())
    }

    /// The weights of one feature.
    pub(super) fn weights_of(&self, feature: usize) -> &[T] {
        &self.weights[feature * self.width()..(feature + 1) * self.width()]
    }

    /// The layer's sums `(n_rows, width)`, before its activation.
    pub(super) fn sums<'r>(
        &self,
        rows: impl ExactSizeIterator<Item = ArrayView1<'r, f64>>,
    ) -> Vec<T> {
        let (n_rows, width) = (rows.len(), self.width());
        let numbers: Vec<T> = rows.flat_map(|row| row.mapv(T::of).to_vec()).collect();
        let mut sums = self.bias.repeat(n_rows);
        product(
            &mut sums,
            &numbers,
            &self.weights,
            (n_rows, numbers.len() / n_rows.max(1), width),
            Write::Add,
        );
        sums
    }

    /// Predicts `n_rows` rows from the sums that `fill` writes.
    pub(super) fn predict(
        &self,
        work: &mut Workspace<T>,
        n_rows: usize,
        fill: impl FnOnce(&mut [T]),
    ) -> Vec<f64> {
        let program = T::program(self.network);
        let level = program.first_level(work, n_rows);
        fill(level);
        self.activation.apply(level);
        program.forward_from(work, 1, None);
        let margins = program.margins(work).iter().map(|x| x.wide()).collect();
        self.network.answer(margins)
    }
}

/// Adds `factor · weights` to `sums`.
pub(super) fn add_scaled<T: Real>(sums: &mut [T], factor: T, weights: &[T]) {
    sums.iter_mut().zip(weights).for_each(|(sum, &weight)| *sum += factor * weight);
}
