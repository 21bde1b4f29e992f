//! An activation alone, as a layer.

use fi_core::Result;

use super::{Backward, Block, Forward, Shape};
use crate::network::activation::Activation;
use crate::network::real::Real;

impl Block for Activation {
    fn shape(&self, _place: usize, input: Shape) -> Result<Shape> {
        self.check()?;
        Ok(input)
    }
}

impl<T: Real> super::Op<T> for Activation {
    fn forward(&self, pass: Forward<'_, T>) {
        pass.output.copy_from_slice(pass.input);
        self.apply(pass.output);
    }

    fn backward(&self, pass: Backward<'_, T>) {
        let Some(previous) = pass.previous else { return };
        previous.copy_from_slice(pass.delta);
        self.times_slope(pass.output, previous);
    }
}
