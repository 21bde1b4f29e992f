//! Long short-term memory.
//!
//! The inputs' part of all gates of all steps is one product of matrices; what is left for each
//! step is the product with the state before it. A masked step leaves a row's state as it is.

use fi_core::{Result, require_shape};
use ndarray::{Array1, Array2, ArrayViewMutD};
use serde::{Deserialize, Serialize};

use super::cell::{Ahead, Back};
use super::{Backward, Block, Forward, Part, Shape, is_present, repeat, room, sum_rows};
use crate::network::elementwise::tanh;
use crate::network::level::Level;
use crate::network::matrix::{
    Write, product, product_transposed_a, product_transposed_b, transpose,
};
use crate::network::real::Real;

/// A layer of long short-term memory cells.
///
/// ```text
/// i, f, o = σ(x W + h⁻ U + b)    g = tanh(x W + h⁻ U + b)     (each with its own columns)
/// c = f c⁻ + i g                 h = o tanh c
/// ```
///
/// `h⁻` and `c⁻` are output and cell of the step before, 0 at the start. The columns of `W`, `U`
/// and `b` are those of `i`, `f`, `g`, `o`, `units` each, as in PyTorch and Keras.
///
/// # References
///
/// - Hochreiter, Schmidhuber (1997). *Long short-term memory.* Neural Computation 9(8):1735–1780.
///   <https://doi.org/10.1162/neco.1997.9.8.1735>
/// - Gers, Schmidhuber, Cummins (2000). *Learning to forget.* Neural Computation 12(10):2451–2471.
///   <https://doi.org/10.1162/089976600300015015>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lstm {
    /// `W`, `(n_in, 4 units)`; PyTorch's `weight_ih` is its transpose.
    pub input_weights: Array2<f64>,
    /// `U`, `(units, 4 units)`; PyTorch's `weight_hh` is its transpose.
    pub recurrent_weights: Array2<f64>,
    /// `b`, `(4 units,)`; PyTorch keeps two biases, whose sum this is.
    pub bias: Array1<f64>,
    /// Whether `h` of every step is put out, or that of the last only.
    pub return_sequences: bool,
    /// Whether the steps are read from the last to the first. The output of a step stays at its
    /// place, as in PyTorch; Keras's `go_backwards` turns the order around.
    pub reverse: bool,
}

/// Whether the arrays of a recurrent layer with so many gates fit; its number of units.
pub(super) fn check_recurrent(
    place: usize,
    gates: usize,
    n_in: usize,
    input_weights: &Array2<f64>,
    recurrent_weights: &Array2<f64>,
    biases: &[&Array1<f64>],
) -> Result<usize> {
    let units = recurrent_weights.nrows();
    let columns = gates.saturating_mul(units);
    let what = format!("the recurrent weight matrix of layer {place}");
    require_shape(&what, &[units, columns], recurrent_weights.shape())?;
    let what = format!("the input weight matrix of layer {place}");
    require_shape(&what, &[n_in, columns], input_weights.shape())?;
    for bias in biases {
        require_shape(&format!("the bias of layer {place}"), &[columns], bias.shape())?;
    }
    Ok(units)
}

impl Block for Lstm {
    fn shape(&self, place: usize, input: Shape) -> Result<Shape> {
        let steps = input.sequence(place, "an LSTM")?;
        let (w, u) = (&self.input_weights, &self.recurrent_weights);
        let width = check_recurrent(place, 4, input.width, w, u, &[&self.bias])?;
        Ok(Shape { steps: self.return_sequences.then_some(steps), width })
    }

    fn parameters(&self) -> Vec<Part<'_>> {
        vec![
            ("input weight matrix", self.input_weights.view().into_dyn()),
            ("recurrent weight matrix", self.recurrent_weights.view().into_dyn()),
            ("bias", self.bias.view().into_dyn()),
        ]
    }

    fn parameters_mut(&mut self) -> Vec<ArrayViewMutD<'_, f64>> {
        vec![
            self.input_weights.view_mut().into_dyn(),
            self.recurrent_weights.view_mut().into_dyn(),
            self.bias.view_mut().into_dyn(),
        ]
    }

    fn n_weights(&self) -> usize {
        self.input_weights.len() + self.recurrent_weights.len()
    }
}

impl Lstm {
    pub(super) fn op(&self, input: Shape) -> Op {
        let walk = Walk { steps: input.n_steps(), reverse: self.reverse };
        let (n_in, units) = (input.width, self.recurrent_weights.nrows());
        Op { n_in, units, walk, return_sequences: self.return_sequences }
    }
}

/// The order in which a recurrent layer reads the steps.
#[derive(Debug, Clone, Copy)]
pub(in crate::network) struct Walk {
    pub(in crate::network) steps: usize,
    pub(in crate::network) reverse: bool,
}

impl Walk {
    /// The step that is read at this point.
    pub(in crate::network) fn step(self, point: usize) -> usize {
        if self.reverse { self.steps - 1 - point } else { point }
    }

    /// The step that was read before this point; none for the first.
    pub(in crate::network) fn before(self, point: usize) -> Option<usize> {
        point.checked_sub(1).map(|point| self.step(point))
    }

    /// All steps but the last read, and all but the first read: a state and the step it feeds
    /// stand at the same place of the two ranges.
    pub(in crate::network) fn feeds(
        self,
        size: usize,
    ) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
        let (early, late) = (0..(self.steps - 1) * size, size..self.steps * size);
        if self.reverse { (late, early) } else { (early, late) }
    }
}

/// The states of the step before, if there is one, and those of this step.
fn at_step<T>(
    states: &mut [T],
    size: usize,
    step: usize,
    before: Option<usize>,
) -> (Option<&[T]>, &mut [T]) {
    let (low, high) = states.split_at_mut(step.max(before.unwrap_or(0)) * size);
    match before {
        None => (None, &mut high[..size]),
        Some(before) if before < step => {
            (Some(&low[before * size..(before + 1) * size]), &mut high[..size])
        }
        Some(_) => (Some(&high[..size]), &mut low[step * size..(step + 1) * size]),
    }
}

#[derive(Debug)]
pub(super) struct Op {
    n_in: usize,
    units: usize,
    walk: Walk,
    return_sequences: bool,
}

/// What is kept of every step: the gates, the cells, their tanh, and the outputs.
pub(crate) struct Kept<'a, T> {
    pub(crate) gates: &'a mut [T],
    pub(crate) cells: &'a mut [T],
    pub(crate) squashed: &'a mut [T],
    pub(crate) hidden: &'a mut [T],
}

impl<'a, T> Kept<'a, T> {
    /// Takes apart `7 n` numbers, for `n` numbers of state in all steps.
    pub(crate) fn new(kept: &'a mut [T], n: usize) -> Self {
        let (gates, rest) = kept.split_at_mut(4 * n);
        let (cells, rest) = rest.split_at_mut(n);
        let (squashed, rest) = rest.split_at_mut(n);
        Self { gates, cells, squashed, hidden: &mut rest[..n] }
    }
}

impl<T: Real> super::Op<T> for Op {
    fn forward(&self, pass: Forward<'_, T>) {
        let Self { n_in, units, walk, .. } = *self;
        let (size, width) = (pass.n_rows * units, 4 * units);
        let (w, rest) = pass.parameters.split_at(n_in * width);
        let (u, bias) = rest.split_at(units * width);
        let n = walk.steps * size;
        let level = Level::detect();
        let start = room(&mut pass.memory.scratch, units);
        start.fill(T::ZERO);
        let kept = Kept::new(room(&mut pass.memory.kept, 7 * n), n);
        repeat(bias, kept.gates);
        let sizes = (walk.steps * pass.n_rows, n_in, width);
        product(kept.gates, pass.input, w, sizes, Write::Add);
        for point in 0..walk.steps {
            let (step, before) = (walk.step(point), walk.before(point));
            let gates = &mut kept.gates[step * size * 4..(step + 1) * size * 4];
            let (cells_before, cells) = at_step(kept.cells, size, step, before);
            let (hidden_before, hidden) = at_step(kept.hidden, size, step, before);
            let squashed = &mut kept.squashed[step * size..(step + 1) * size];
            if let Some(hidden) = hidden_before {
                product(gates, hidden, u, (pass.n_rows, units, width), Write::Add);
            }
            for (row, gates) in gates.chunks_exact_mut(width).enumerate() {
                let own = row * units..(row + 1) * units;
                let before = cells_before.map_or(&*start, |cells| &cells[own.clone()]);
                let cell = &mut cells[own.clone()];
                let (squashed, hidden) = (&mut squashed[own.clone()], &mut hidden[own.clone()]);
                Ahead { gates, before, cell, squashed, hidden }.go(level);
                if !is_present(pass.present, step * pass.n_rows + row) {
                    cell.copy_from_slice(before);
                    squashed.copy_from_slice(before);
                    tanh(squashed);
                    hidden.copy_from_slice(hidden_before.map_or(&*start, |hidden| &hidden[own]));
                }
            }
        }
        if self.return_sequences {
            pass.output.copy_from_slice(kept.hidden);
        } else {
            let last = walk.step(walk.steps - 1) * size;
            pass.output.copy_from_slice(&kept.hidden[last..last + size]);
        }
    }

    fn backward(&self, mut pass: Backward<'_, T>) {
        let Self { n_in, units, walk, .. } = *self;
        let (size, width, n_rows) = (pass.n_rows * units, 4 * units, pass.n_rows);
        let (w, rest) = pass.parameters.split_at(n_in * width);
        let u = &rest[..units * width];
        let n = walk.steps * size;
        let kept = Kept::new(&mut pass.memory.kept[..7 * n], n);
        let level = Level::detect();
        // The slopes by the gates' sums, then by state and cell of the step at hand, then `Uᵀ`.
        let scratch = room(&mut pass.memory.scratch, 4 * n + 2 * size + (width + 1) * units);
        let (by_gates, rest) = scratch.split_at_mut(4 * n);
        let (by_hidden, rest) = rest.split_at_mut(size);
        let (by_cell, rest) = rest.split_at_mut(size);
        let (turned, start) = rest.split_at_mut(width * units);
        transpose(u, width, turned);
        start.fill(T::ZERO);
        by_hidden.fill(T::ZERO);
        by_cell.fill(T::ZERO);
        if !self.return_sequences {
            by_hidden.copy_from_slice(pass.delta);
        }
        for point in (0..walk.steps).rev() {
            let (step, before) = (walk.step(point), walk.before(point));
            if self.return_sequences {
                let delta = &pass.delta[step * size..(step + 1) * size];
                by_hidden.iter_mut().zip(delta).for_each(|(sum, d)| *sum += *d);
            }
            let by_gates = &mut by_gates[step * size * 4..(step + 1) * size * 4];
            for (row, by_gates) in by_gates.chunks_exact_mut(width).enumerate() {
                if !is_present(pass.present, step * n_rows + row) {
                    by_gates.fill(T::ZERO);
                    continue;
                }
                let own = row * units..(row + 1) * units;
                let gates = &kept.gates[(step * n_rows + row) * width..][..width];
                let before =
                    before.map_or(&*start, |b| &kept.cells[b * size + own.start..][..units]);
                let squashed = &kept.squashed[step * size + own.start..][..units];
                let by_hidden = &mut by_hidden[own.clone()];
                let by_cell = &mut by_cell[own];
                Back { gates, before, squashed, by_hidden, by_cell, by_gates }.go(level);
                by_hidden.fill(T::ZERO);
            }
            if before.is_some() {
                product(by_hidden, by_gates, turned, (n_rows, width, units), Write::Add);
            }
        }
        let n_all = walk.steps * n_rows;
        if let Some(gradient) = &mut pass.gradient {
            let (by_w, rest) = gradient.split_at_mut(n_in * width);
            let (by_u, by_bias) = rest.split_at_mut(units * width);
            product_transposed_a(by_w, pass.input, by_gates, (n_in, n_all, width), Write::Set);
            let (states, fed) = walk.feeds(size);
            let fed = &by_gates[fed.start * 4..fed.end * 4];
            let sizes = (units, n_all - n_rows, width);
            product_transposed_a(by_u, &kept.hidden[states], fed, sizes, Write::Set);
            sum_rows(by_gates, by_bias);
        }
        if let Some(previous) = pass.previous {
            product_transposed_b(previous, by_gates, w, (n_all, width, n_in), Write::Set);
        }
    }
}
