//! Relevance through the steps of LSTM and GRU layers: a gate gets none, its signal all.

use ndarray::{Array1, Array2, Array3, ArrayView1, ArrayView2, s};

use super::lrp::away_from_zero;
use crate::network::layers::lstm::Walk;
use crate::network::layers::{Gru, Lstm};

/// What both kinds of layer keep of every step.
pub(super) struct Kept<'a> {
    /// `(n_rows, steps, gates · units)`, after their activations.
    pub(super) gates: &'a Array3<f64>,
    /// `(n_rows, steps, units)`.
    pub(super) hidden: &'a Array3<f64>,
    /// `(n_rows, steps)`; `None` for all.
    pub(super) present: Option<&'a Array2<bool>>,
    pub(super) epsilon: f64,
}

impl Kept<'_> {
    fn present(&self, row: usize, step: usize) -> bool {
        self.present.is_none_or(|present| present[[row, step]])
    }

    /// What state a step starts from: that after the step before, or 0.
    fn before(&self, row: usize, before: Option<usize>, state: &Array3<f64>) -> Array1<f64> {
        match before {
            Some(before) => state.slice(s![row, before, ..]).to_owned(),
            None => Array1::zeros(self.hidden.dim().2),
        }
    }
}

/// Relevance over sum, unit by unit.
fn over(relevance: &Array1<f64>, sums: &Array1<f64>, epsilon: f64) -> Array1<f64> {
    let share = |(r, z): (&f64, &f64)| r / away_from_zero(*z, epsilon);
    relevance.iter().zip(sums).map(share).collect()
}

/// `aᵢ Σⱼ wᵢⱼ sⱼ`.
fn back(a: ArrayView1<'_, f64>, w: ArrayView2<'_, f64>, s: &Array1<f64>) -> Array1<f64> {
    &a * &w.dot(s)
}

/// From the outputs of an LSTM layer to its inputs.
pub(super) fn through_lstm(
    lstm: &Lstm,
    kept: &Kept<'_>,
    cells: &Array3<f64>,
    input: &Array3<f64>,
    relevance: &Array3<f64>,
) -> Array3<f64> {
    let (n_rows, steps, _) = input.dim();
    let units = lstm.recurrent_weights.nrows();
    let walk = Walk { steps, reverse: lstm.reverse };
    let candidate = 2 * units..3 * units;
    let w = lstm.input_weights.slice(s![.., candidate.clone()]);
    let u = lstm.recurrent_weights.slice(s![.., candidate.clone()]);
    let bias = lstm.bias.slice(s![candidate]);
    let mut shared = Array3::zeros(input.dim());
    for row in 0..n_rows {
        let (mut of_hidden, mut of_cell) = (Array1::zeros(units), Array1::zeros(units));
        if !lstm.return_sequences {
            of_hidden.assign(&relevance.slice(s![row, 0, ..]));
        }
        for point in (0..steps).rev() {
            let (step, before) = (walk.step(point), walk.before(point));
            if lstm.return_sequences {
                of_hidden += &relevance.slice(s![row, step, ..]);
            }
            if !kept.present(row, step) {
                continue;
            }
            // h = o tanh c: the output gate gets nothing.
            of_cell += &of_hidden;
            let gate = |k: usize| kept.gates.slice(s![row, step, k * units..(k + 1) * units]);
            let (then, held) =
                (kept.before(row, before, cells), kept.before(row, before, kept.hidden));
            let x = input.slice(s![row, step, ..]);
            // c = f c⁻ + i g, and g is the tanh of a weighted sum.
            let per_cell = over(&of_cell, &cells.slice(s![row, step, ..]).to_owned(), kept.epsilon);
            let of_candidate = &per_cell * &gate(0) * gate(2);
            of_cell = per_cell * gate(1) * then;
            let sums = x.dot(&w) + held.dot(&u) + bias;
            let per_sum = over(&of_candidate, &sums, kept.epsilon);
            shared.slice_mut(s![row, step, ..]).assign(&back(x, w, &per_sum));
            of_hidden = back(held.view(), u, &per_sum);
        }
    }
    shared
}

/// From the outputs of a GRU layer to its inputs.
pub(super) fn through_gru(
    gru: &Gru,
    kept: &Kept<'_>,
    candidates: &Array3<f64>,
    inner: &Array3<f64>,
    input: &Array3<f64>,
    relevance: &Array3<f64>,
) -> Array3<f64> {
    let (n_rows, steps, _) = input.dim();
    let units = gru.recurrent_weights.nrows();
    let walk = Walk { steps, reverse: gru.reverse };
    let candidate = 2 * units..3 * units;
    let w = gru.input_weights.slice(s![.., candidate.clone()]);
    let u = gru.recurrent_weights.slice(s![.., candidate.clone()]);
    let bias = gru.bias.slice(s![candidate]);
    let mut shared = Array3::zeros(input.dim());
    for row in 0..n_rows {
        let mut of_hidden = Array1::zeros(units);
        if !gru.return_sequences {
            of_hidden.assign(&relevance.slice(s![row, 0, ..]));
        }
        for point in (0..steps).rev() {
            let (step, before) = (walk.step(point), walk.before(point));
            if gru.return_sequences {
                of_hidden += &relevance.slice(s![row, step, ..]);
            }
            if !kept.present(row, step) {
                continue;
            }
            let reset = kept.gates.slice(s![row, step, ..units]);
            let update = kept.gates.slice(s![row, step, units..]);
            let held = kept.before(row, before, kept.hidden);
            let x = input.slice(s![row, step, ..]);
            // h = (1 − z) n + z h⁻, and n is the tanh of a weighted sum.
            let now = kept.hidden.slice(s![row, step, ..]).to_owned();
            let per_state = over(&of_hidden, &now, kept.epsilon);
            let n = candidates.slice(s![row, step, ..]);
            let of_candidate = &per_state * &update.mapv(|z| 1.0 - z) * n;
            of_hidden = per_state * update * &held;
            let inner = inner.slice(s![row, step, ..]);
            let after = gru.recurrent_bias.is_some();
            let recurrent = if after { &inner * &reset } else { inner.dot(&u) };
            let sums = x.dot(&w) + bias + recurrent;
            let per_sum = over(&of_candidate, &sums, kept.epsilon);
            shared.slice_mut(s![row, step, ..]).assign(&back(x, w, &per_sum));
            of_hidden += &if after {
                back(held.view(), u, &(per_sum * reset))
            } else {
                back(held.view(), u, &per_sum) * reset
            };
        }
    }
    shared
}
