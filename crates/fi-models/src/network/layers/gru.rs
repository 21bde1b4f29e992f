//! Gated recurrent units, in both forms that are in use.

use fi_core::{Result, require_shape};
use ndarray::{Array1, Array2, ArrayViewMutD, Axis, s};
use serde::{Deserialize, Serialize};

use super::lstm::{Walk, check_recurrent};
use super::{Backward, Block, Forward, Part, Shape, is_present, repeat, room, sum_rows};
use crate::network::elementwise::{sigmoid, tanh};
use crate::network::matrix::{Write, product, product_transposed_a, product_transposed_b};
use crate::network::real::Real;

/// A layer of gated recurrent units.
///
/// ```text
/// r, z = σ(x W + b + h⁻ U + d)
/// n    = tanh(x W + b + r (h⁻ U + d))    with a recurrent bias d (PyTorch, Keras's default)
/// n    = tanh(x W + b + (r h⁻) U)        without (as published; Keras's `reset_after=False`)
/// h    = (1 − z) n + z h⁻
/// ```
///
/// `h⁻` is the output of the step before, 0 at the start. The columns of `W`, `U`, `b` and `d`
/// are those of `r`, `z`, `n`, `units` each, as in PyTorch; Keras has `z` before `r`.
///
/// # References
///
/// - Cho et al. (2014). *Learning phrase representations using RNN encoder–decoder for
///   statistical machine translation.* EMNLP, 1724–1734. <https://doi.org/10.3115/v1/D14-1179>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gru {
    /// `W`, `(n_in, 3 units)`; PyTorch's `weight_ih` is its transpose.
    pub input_weights: Array2<f64>,
    /// `U`, `(units, 3 units)`; PyTorch's `weight_hh` is its transpose.
    pub recurrent_weights: Array2<f64>,
    /// `b`, `(3 units,)`.
    pub bias: Array1<f64>,
    /// `d`, `(3 units,)`: `Some` resets after the product with `U`, `None` before it.
    pub recurrent_bias: Option<Array1<f64>>,
    /// Whether `h` of every step is put out, or that of the last only.
    pub return_sequences: bool,
    /// Whether the steps are read from the last to the first. The output of a step stays at its
    /// place, as in PyTorch; Keras's `go_backwards` turns the order around.
    pub reverse: bool,
}

impl Block for Gru {
    fn shape(&self, place: usize, input: Shape) -> Result<Shape> {
        let steps = input.sequence(place, "a GRU")?;
        let (w, u) = (&self.input_weights, &self.recurrent_weights);
        let width = check_recurrent(place, 3, input.width, w, u, &[&self.bias])?;
        if let Some(bias) = &self.recurrent_bias {
            let what = format!("the recurrent bias of layer {place}");
            require_shape(&what, &[3 * width], bias.shape())?;
        }
        Ok(Shape { steps: self.return_sequences.then_some(steps), width })
    }

    /// The recurrent weights of `r` and `z` lie before those of `n`.
    fn parameters(&self) -> Vec<Part<'_>> {
        let gates = 2 * self.recurrent_weights.nrows();
        let (u, name) = (&self.recurrent_weights, "recurrent weight matrix");
        let mut parts = vec![
            ("input weight matrix", self.input_weights.view().into_dyn()),
            (name, u.slice(s![.., ..gates]).into_dyn()),
            (name, u.slice(s![.., gates..]).into_dyn()),
            ("bias", self.bias.view().into_dyn()),
        ];
        let bias = self.recurrent_bias.as_ref();
        parts.extend(bias.map(|bias| ("recurrent bias", bias.view().into_dyn())));
        parts
    }

    fn parameters_mut(&mut self) -> Vec<ArrayViewMutD<'_, f64>> {
        let gates = 2 * self.recurrent_weights.nrows();
        let (gates, candidate) = self.recurrent_weights.view_mut().split_at(Axis(1), gates);
        let mut parts = vec![
            self.input_weights.view_mut().into_dyn(),
            gates.into_dyn(),
            candidate.into_dyn(),
            self.bias.view_mut().into_dyn(),
        ];
        parts.extend(self.recurrent_bias.as_mut().map(|bias| bias.view_mut().into_dyn()));
        parts
    }

    fn n_weights(&self) -> usize {
        self.input_weights.len() + self.recurrent_weights.len()
    }
}

impl Gru {
    pub(super) fn op(&self, input: Shape) -> Op {
        let walk = Walk { steps: input.n_steps(), reverse: self.reverse };
        Op {
            n_in: input.width,
            units: self.recurrent_weights.nrows(),
            walk,
            return_sequences: self.return_sequences,
            after: self.recurrent_bias.is_some(),
        }
    }
}

#[derive(Debug)]
pub(super) struct Op {
    n_in: usize,
    units: usize,
    walk: Walk,
    return_sequences: bool,
    /// Whether the reset comes after the product.
    after: bool,
}

/// A layer's learned numbers, or their slopes, array by array.
struct Split<S> {
    w: S,
    u_gates: S,
    u_candidate: S,
    bias: S,
    /// Empty where the reset comes first.
    recurrent_bias: S,
}

impl Op {
    fn sizes(&self) -> [usize; 4] {
        let Self { n_in, units, .. } = *self;
        [n_in * 3 * units, units * 2 * units, units * units, 3 * units]
    }

    fn split<'a, T>(&self, all: &'a [T]) -> Split<&'a [T]> {
        let [n_w, n_gates, n_candidate, n_bias] = self.sizes();
        let (w, rest) = all.split_at(n_w);
        let (u_gates, rest) = rest.split_at(n_gates);
        let (u_candidate, rest) = rest.split_at(n_candidate);
        let (bias, recurrent_bias) = rest.split_at(n_bias);
        Split { w, u_gates, u_candidate, bias, recurrent_bias }
    }

    fn split_mut<'a, T>(&self, all: &'a mut [T]) -> Split<&'a mut [T]> {
        let [n_w, n_gates, n_candidate, n_bias] = self.sizes();
        let (w, rest) = all.split_at_mut(n_w);
        let (u_gates, rest) = rest.split_at_mut(n_gates);
        let (u_candidate, rest) = rest.split_at_mut(n_candidate);
        let (bias, recurrent_bias) = rest.split_at_mut(n_bias);
        Split { w, u_gates, u_candidate, bias, recurrent_bias }
    }
}

/// What is kept of every step: the gates `r` and `z`, the candidates `n`, what the recurrent
/// product of the candidates came to (or, where the reset comes first, what went into it), and
/// the outputs.
pub(crate) struct Kept<'a, T> {
    /// `(steps, n_rows, 3 units)`: the inputs' part of the sums.
    pub(crate) sums: &'a mut [T],
    /// `(steps, n_rows, 2 units)`.
    pub(crate) gates: &'a mut [T],
    /// `(steps, n_rows, units)`, like those that follow.
    pub(crate) candidates: &'a mut [T],
    pub(crate) inner: &'a mut [T],
    pub(crate) hidden: &'a mut [T],
}

impl<'a, T> Kept<'a, T> {
    /// Takes apart `8 n` numbers, for `n` numbers of state in all steps.
    pub(crate) fn new(kept: &'a mut [T], n: usize) -> Self {
        let (sums, rest) = kept.split_at_mut(3 * n);
        let (gates, rest) = rest.split_at_mut(2 * n);
        let (candidates, rest) = rest.split_at_mut(n);
        let (inner, rest) = rest.split_at_mut(n);
        Self { sums, gates, candidates, inner, hidden: &mut rest[..n] }
    }
}

impl<T: Real> super::Op<T> for Op {
    fn forward(&self, pass: Forward<'_, T>) {
        let Self { n_in, units, walk, after, .. } = *self;
        let (n_rows, size) = (pass.n_rows, pass.n_rows * units);
        let weights = self.split(pass.parameters);
        let n = walk.steps * size;
        let kept = Kept::new(room(&mut pass.memory.kept, 8 * n), n);
        let before_first = room(&mut pass.memory.scratch, size);
        before_first.fill(T::ZERO);
        repeat(weights.bias, kept.sums);
        let sizes = (walk.steps * n_rows, n_in, 3 * units);
        product(kept.sums, pass.input, weights.w, sizes, Write::Add);
        for point in 0..walk.steps {
            let step = walk.step(point);
            let (now, twice) =
                (step * size..(step + 1) * size, 2 * step * size..2 * (step + 1) * size);
            let sums = &kept.sums[3 * step * size..3 * (step + 1) * size];
            let (gates, inner) = (&mut kept.gates[twice], &mut kept.inner[now.clone()]);
            let state: &[T] = match walk.before(point) {
                Some(before) => &kept.hidden[before * size..(before + 1) * size],
                None => before_first,
            };
            for (row, (gates, sums)) in
                gates.chunks_exact_mut(2 * units).zip(sums.chunks_exact(3 * units)).enumerate()
            {
                gates.copy_from_slice(&sums[..2 * units]);
                if after {
                    let (by_gates, by_candidate) = weights.recurrent_bias.split_at(2 * units);
                    gates.iter_mut().zip(by_gates).for_each(|(sum, d)| *sum += *d);
                    inner[row * units..(row + 1) * units].copy_from_slice(by_candidate);
                }
            }
            product(gates, state, weights.u_gates, (n_rows, units, 2 * units), Write::Add);
            sigmoid(gates);
            let candidates = &mut kept.candidates[now.clone()];
            for row in 0..n_rows {
                let own = row * units..(row + 1) * units;
                candidates[own]
                    .copy_from_slice(&sums[(row * 3 + 2) * units..(row + 1) * 3 * units]);
            }
            let sizes = (n_rows, units, units);
            if after {
                product(inner, state, weights.u_candidate, sizes, Write::Add);
                for (place, (sum, inner)) in candidates.iter_mut().zip(&*inner).enumerate() {
                    *sum += gates[place / units * 2 * units + place % units] * *inner;
                }
            } else {
                for (place, (inner, state)) in inner.iter_mut().zip(state).enumerate() {
                    *inner = gates[place / units * 2 * units + place % units] * *state;
                }
                product(candidates, inner, weights.u_candidate, sizes, Write::Add);
            }
            tanh(candidates);
            for row in 0..n_rows {
                let there = is_present(pass.present, step * n_rows + row);
                for k in 0..units {
                    let place = row * units + k;
                    let state =
                        walk.before(point).map_or(T::ZERO, |b| kept.hidden[b * size + place]);
                    let z = gates[(row * 2 + 1) * units + k];
                    kept.hidden[step * size + place] =
                        if there { (T::ONE - z) * candidates[place] + z * state } else { state };
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
        let Self { n_in, units, walk, after, .. } = *self;
        let (n_rows, size) = (pass.n_rows, pass.n_rows * units);
        let weights = self.split(pass.parameters);
        let n = walk.steps * size;
        let kept = Kept::new(&mut pass.memory.kept[..8 * n], n);
        // The slopes by the inputs' sums, by the sums of r and z, by the candidates' recurrent
        // product; then by the state of the step at hand.
        let scratch = room(&mut pass.memory.scratch, 6 * n + 3 * size);
        let (by_sums, rest) = scratch.split_at_mut(3 * n);
        let (by_gates, rest) = rest.split_at_mut(2 * n);
        let (by_inner, rest) = rest.split_at_mut(n);
        let (by_hidden, rest) = rest.split_at_mut(size);
        let (held, by_reset) = rest.split_at_mut(size);
        by_hidden.fill(T::ZERO);
        if !self.return_sequences {
            by_hidden.copy_from_slice(pass.delta);
        }
        for point in (0..walk.steps).rev() {
            let (step, before) = (walk.step(point), walk.before(point));
            if self.return_sequences {
                let delta = &pass.delta[step * size..(step + 1) * size];
                by_hidden.iter_mut().zip(delta).for_each(|(sum, d)| *sum += *d);
            }
            let by_gates = &mut by_gates[2 * step * size..2 * (step + 1) * size];
            let by_inner = &mut by_inner[step * size..(step + 1) * size];
            let state = |place: usize| before.map_or(T::ZERO, |b| kept.hidden[b * size + place]);
            let gate = |place: usize, which: usize| {
                kept.gates[2 * step * size + (place / units * 2 + which) * units + place % units]
            };
            for place in 0..size {
                let (row, k) = (place / units, place % units);
                let update = (row * 2 + 1) * units + k;
                if !is_present(pass.present, step * n_rows + row) {
                    (by_gates[update], by_inner[place], held[place]) =
                        (T::ZERO, T::ZERO, by_hidden[place]);
                    continue;
                }
                let (z, candidate) = (gate(place, 1), kept.candidates[step * size + place]);
                let slope = by_hidden[place];
                by_gates[update] = slope * (state(place) - candidate) * z * (T::ONE - z);
                by_inner[place] = slope * (T::ONE - z) * (T::ONE - candidate * candidate);
                held[place] = slope * z;
            }
            // By the candidates' sums first; the reset decides how it goes on.
            for (place, slope) in by_inner.iter().enumerate() {
                by_sums[3 * step * size + (place / units * 3 + 2) * units + place % units] = *slope;
            }
            let sizes = (n_rows, units, units);
            if !after {
                product_transposed_b(by_reset, by_inner, weights.u_candidate, sizes, Write::Set);
            }
            for place in 0..size {
                let r = gate(place, 0);
                let slope = if after {
                    let slope = by_inner[place] * kept.inner[step * size + place];
                    by_inner[place] *= r;
                    slope
                } else {
                    held[place] += by_reset[place] * r;
                    by_reset[place] * state(place)
                };
                by_gates[place / units * 2 * units + place % units] = slope * r * (T::ONE - r);
            }
            by_hidden.copy_from_slice(held);
            let sizes = (n_rows, 2 * units, units);
            product_transposed_b(by_hidden, by_gates, weights.u_gates, sizes, Write::Add);
            if after {
                let sizes = (n_rows, units, units);
                product_transposed_b(by_hidden, by_inner, weights.u_candidate, sizes, Write::Add);
            }
            let by_sums = &mut by_sums[3 * step * size..3 * (step + 1) * size];
            let rows = by_sums.chunks_exact_mut(3 * units).zip(by_gates.chunks_exact(2 * units));
            rows.for_each(|(sums, gates)| sums[..2 * units].copy_from_slice(gates));
        }
        let n_all = walk.steps * n_rows;
        if let Some(gradient) = &mut pass.gradient {
            let slopes = self.split_mut(gradient);
            let sizes = (n_in, n_all, 3 * units);
            product_transposed_a(slopes.w, pass.input, by_sums, sizes, Write::Set);
            sum_rows(by_sums, slopes.bias);
            let (states, fed) = walk.feeds(size);
            let gates = &by_gates[2 * fed.start..2 * fed.end];
            let hidden = &kept.hidden[states];
            let sizes = (units, n_all - n_rows, 2 * units);
            product_transposed_a(slopes.u_gates, hidden, gates, sizes, Write::Set);
            let (hidden, inner) =
                if after { (hidden, &by_inner[fed]) } else { (&*kept.inner, &*by_inner) };
            let sizes = (units, inner.len() / units, units);
            product_transposed_a(slopes.u_candidate, hidden, inner, sizes, Write::Set);
            if after {
                let (gates, candidate) = slopes.recurrent_bias.split_at_mut(2 * units);
                sum_rows(by_gates, gates);
                sum_rows(by_inner, candidate);
            }
        }
        if let Some(previous) = pass.previous {
            let sizes = (n_all, 3 * units, n_in);
            product_transposed_b(previous, by_sums, weights.w, sizes, Write::Set);
        }
    }
}
