//! All steps of a row side by side.

use fi_core::Result;

use super::{Backward, Block, Forward, Shape};
use crate::network::real::Real;

/// Stands for [`Layer::Flatten`](super::Layer::Flatten), which holds nothing.
#[derive(Debug)]
pub(super) struct Flatten;

impl Block for Flatten {
    fn shape(&self, _place: usize, input: Shape) -> Result<Shape> {
        Ok(Shape::flat(input.len()))
    }
}

/// The shape that comes in.
#[derive(Debug)]
pub(super) struct Op(pub(super) Shape);

impl Op {
    /// Where a step of a row stands before and behind the layer.
    fn places(&self, n_rows: usize) -> impl Iterator<Item = (usize, usize)> {
        let Shape { width, .. } = self.0;
        let steps = self.0.n_steps();
        (0..steps).flat_map(move |step| {
            (0..n_rows)
                .map(move |row| ((step * n_rows + row) * width, (row * steps + step) * width))
        })
    }
}

impl<T: Real> super::Op<T> for Op {
    fn forward(&self, pass: Forward<'_, T>) {
        let width = self.0.width;
        for (before, behind) in self.places(pass.n_rows) {
            let from = &pass.input[before..before + width];
            pass.output[behind..behind + width].copy_from_slice(from);
        }
    }

    fn backward(&self, pass: Backward<'_, T>) {
        let Some(previous) = pass.previous else { return };
        let width = self.0.width;
        for (before, behind) in self.places(pass.n_rows) {
            let from = &pass.delta[behind..behind + width];
            previous[before..before + width].copy_from_slice(from);
        }
    }
}
