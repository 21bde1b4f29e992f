//! One step out of all: the largest, the mean or the last that is there.

use fi_core::Result;
use serde::{Deserialize, Serialize};

use super::{Backward, Block, Forward, Shape, is_present, room};
use crate::network::real::Real;

/// What is made of all steps of a sequence, channel by channel; masked steps do not count, and a
/// row without steps gives 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pool {
    /// The largest value.
    Max,
    /// The mean.
    Mean,
    /// The value of the last step.
    Last,
}

impl Block for Pool {
    fn shape(&self, place: usize, input: Shape) -> Result<Shape> {
        input.sequence(place, "a pool")?;
        Ok(Shape::flat(input.width))
    }
}

#[derive(Debug)]
pub(super) struct Op {
    pub(super) pool: Pool,
    pub(super) input: Shape,
}

/// No step.
const NONE: u32 = u32::MAX;

impl<T: Real> super::Op<T> for Op {
    /// Keeps, for each row and channel, which step was taken; for the mean, how many there are.
    fn forward(&self, pass: Forward<'_, T>) {
        let (width, n_rows) = (self.input.width, pass.n_rows);
        let places = room(&mut pass.memory.places, n_rows * width);
        places.fill(if self.pool == Pool::Mean { 0 } else { NONE });
        pass.output.fill(T::ZERO);
        let rows = pass.input.chunks_exact(width).enumerate();
        for (place, from) in rows.filter(|(place, _)| is_present(pass.present, *place)) {
            let (step, row) = ((place / n_rows) as u32, place % n_rows);
            let to = &mut pass.output[row * width..(row + 1) * width];
            let places = &mut places[row * width..(row + 1) * width];
            for ((to, place), &x) in to.iter_mut().zip(places).zip(from) {
                match self.pool {
                    Pool::Mean => (*to, *place) = (*to + x, *place + 1),
                    Pool::Max if *place != NONE && x <= *to => {}
                    Pool::Max | Pool::Last => (*to, *place) = (x, step),
                }
            }
        }
        if self.pool == Pool::Mean {
            for (to, n) in pass.output.iter_mut().zip(places).filter(|(_, n)| **n > 0) {
                *to /= T::of(f64::from(*n));
            }
        }
    }

    fn backward(&self, pass: Backward<'_, T>) {
        let Some(previous) = pass.previous else { return };
        let (width, n_rows) = (self.input.width, pass.n_rows);
        for (place, to) in previous.chunks_exact_mut(width).enumerate() {
            let (step, row) = ((place / n_rows) as u32, place % n_rows);
            let delta = &pass.delta[row * width..(row + 1) * width];
            let places = &pass.memory.places[row * width..(row + 1) * width];
            for ((to, place), &delta) in to.iter_mut().zip(places).zip(delta) {
                *to = match self.pool {
                    Pool::Mean if *place > 0 => delta / T::of(f64::from(*place)),
                    Pool::Max | Pool::Last if *place == step => delta,
                    _ => T::ZERO,
                };
            }
        }
    }
}
