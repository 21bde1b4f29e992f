//! Forward and backward through all layers, on flat buffers that are allocated once per fit.
//!
//! Parameters, gradients and the optimiser's memory are flat vectors (each layer's weights in
//! row order, then its biases), so a step is one loop. Products of large layers go to
//! `general_mat_mul`; for small ones packing costs more than the product, and plain loops win.

use fi_core::Rng;
use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2};

use super::activation::Activation;
use super::fitted::softmax;
use super::initializer::Initializer;

/// Where a layer's parameters stand in the flat vectors.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) n_in: usize,
    pub(super) n_out: usize,
    start: usize,
}

impl Shape {
    /// The shapes of the layers between these widths.
    pub(super) fn chain(widths: &[usize]) -> Vec<Self> {
        let mut start = 0;
        let pairs = widths.windows(2);
        pairs
            .map(|pair| {
                let shape = Self { n_in: pair[0], n_out: pair[1], start };
                start = shape.end();
                shape
            })
            .collect()
    }

    fn bias_start(self) -> usize {
        self.start + self.n_in * self.n_out
    }

    fn end(self) -> usize {
        self.bias_start() + self.n_out
    }

    pub(super) fn weights(self, flat: &[f64]) -> &[f64] {
        &flat[self.start..self.bias_start()]
    }

    pub(super) fn weights_mut(self, flat: &mut [f64]) -> &mut [f64] {
        &mut flat[self.start..self.bias_start()]
    }

    pub(super) fn bias(self, flat: &[f64]) -> &[f64] {
        &flat[self.bias_start()..self.end()]
    }

    fn bias_mut(self, flat: &mut [f64]) -> &mut [f64] {
        &mut flat[self.bias_start()..self.end()]
    }
}

/// What the network is to predict, which also fixes its loss.
#[derive(Debug, Clone, Copy)]
pub(super) enum Goal<'a> {
    /// Classes: softmax and cross-entropy.
    Classes(&'a [usize]),
    /// Numbers: a linear output and the squared error.
    Values(&'a [f64]),
}

/// The training table: rows in row order, goal, and weights whose mean is 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table<'a> {
    pub(super) rows: &'a [f64],
    pub(super) goal: Goal<'a>,
    pub(super) weights: Option<&'a [f64]>,
}

impl Table<'_> {
    fn weight(&self, row: usize) -> f64 {
        self.weights.map_or(1.0, |weights| weights[row])
    }
}

/// Sums over some rows, so that batches can be added up.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sums {
    /// `Σ weight · loss`, without the L2 term.
    pub(super) loss: f64,
    /// `Σ weight` of the rows whose class was predicted.
    pub(super) correct: f64,
    /// `Σ weight`.
    pub(super) weight: f64,
}

impl Sums {
    pub(super) fn add(&mut self, other: Self) {
        self.loss += other.loss;
        self.correct += other.correct;
        self.weight += other.weight;
    }
}

/// A network in training.
pub(super) struct Engine {
    pub(super) shapes: Vec<Shape>,
    pub(super) parameters: Vec<f64>,
    pub(super) gradient: Vec<f64>,
    activation: Activation,
    l2: f64,
    /// The batch, and the output of each layer for it.
    outputs: Vec<Vec<f64>>,
    /// The slope of the loss at each layer's weighted sums.
    deltas: Vec<Vec<f64>>,
}

impl Engine {
    /// A network of these widths (inputs, hidden layers, outputs) for batches of up to
    /// `batch_size` rows.
    pub(super) fn new(
        widths: &[usize],
        activation: Activation,
        initializer: Initializer,
        l2: f64,
        batch_size: usize,
        rng: &mut Rng,
    ) -> Self {
        let shapes = Shape::chain(widths);
        let n_parameters = shapes.last().map_or(0, |shape| shape.end());
        let mut parameters = vec![0.0; n_parameters];
        for shape in &shapes {
            initializer.fill(rng, shape.n_in, shape.n_out, shape.weights_mut(&mut parameters));
        }
        let outputs = widths.iter().map(|width| vec![0.0; width * batch_size]).collect();
        let deltas = shapes.iter().map(|shape| vec![0.0; shape.n_out * batch_size]).collect();
        let gradient = vec![0.0; n_parameters];
        Self { shapes, parameters, gradient, activation, l2, outputs, deltas }
    }

    /// `λ Σ w²` over the hidden layers' weights.
    pub(super) fn penalty(&self) -> f64 {
        if self.l2 == 0.0 {
            return 0.0;
        }
        let hidden = &self.shapes[..self.shapes.len() - 1];
        let squares = hidden.iter().flat_map(|shape| shape.weights(&self.parameters));
        self.l2 * squares.map(|w| w * w).sum::<f64>()
    }

    /// Predicts these rows and adds up their losses.
    pub(super) fn evaluate(&mut self, table: &Table<'_>, rows: &[usize]) -> Sums {
        self.forward(table, rows);
        self.loss(table, rows)
    }

    /// Leaves in `gradient` the slope of `Σ weight · loss / n + λ Σ w²` over these `n` rows.
    pub(super) fn differentiate(&mut self, table: &Table<'_>, rows: &[usize]) -> Sums {
        self.forward(table, rows);
        let sums = self.loss(table, rows);
        self.backward(rows.len());
        sums
    }

    fn forward(&mut self, table: &Table<'_>, rows: &[usize]) {
        let n_in = self.shapes[0].n_in;
        for (to, &row) in self.outputs[0].chunks_exact_mut(n_in).zip(rows) {
            to.copy_from_slice(&table.rows[row * n_in..(row + 1) * n_in]);
        }
        let last = self.shapes.len() - 1;
        for (l, &shape) in self.shapes.iter().enumerate() {
            let (before, after) = self.outputs.split_at_mut(l + 1);
            let output = &mut after[0][..rows.len() * shape.n_out];
            let (weights, bias) = (shape.weights(&self.parameters), shape.bias(&self.parameters));
            affine(&before[l][..rows.len() * shape.n_in], weights, bias, output);
            if l < last {
                self.activation.apply(output);
            }
        }
    }

    /// Turns the last outputs into losses and their slopes.
    fn loss(&mut self, table: &Table<'_>, rows: &[usize]) -> Sums {
        let n_out = self.shapes[self.shapes.len() - 1].n_out;
        let last = self.shapes.len() - 1;
        let outputs = self.outputs[last + 1].chunks_exact_mut(n_out);
        let deltas = self.deltas[last].chunks_exact_mut(n_out);
        let n_rows = rows.len() as f64;
        let mut sums = Sums::default();
        for ((output, delta), &row) in outputs.zip(deltas).zip(rows) {
            let weight = table.weight(row);
            sums.weight += weight;
            match table.goal {
                Goal::Classes(labels) => {
                    let label = labels[row];
                    let margin = output[label];
                    let log_sum = softmax(output);
                    sums.loss += weight * (log_sum - margin);
                    if argmax(output) == label {
                        sums.correct += weight;
                    }
                    for (d, p) in delta.iter_mut().zip(&*output) {
                        *d = weight / n_rows * p;
                    }
                    delta[label] -= weight / n_rows;
                }
                Goal::Values(values) => {
                    let error = output[0] - values[row];
                    sums.loss += weight * error * error;
                    delta[0] = 2.0 * weight / n_rows * error;
                }
            }
        }
        sums
    }

    fn backward(&mut self, n_rows: usize) {
        let last = self.shapes.len() - 1;
        for l in (0..=last).rev() {
            let shape = self.shapes[l];
            let input = &self.outputs[l][..n_rows * shape.n_in];
            let (before, after) = self.deltas.split_at_mut(l);
            let delta = &after[0][..n_rows * shape.n_out];

            let bias = shape.bias_mut(&mut self.gradient);
            bias.fill(0.0);
            for row in delta.chunks_exact(shape.n_out) {
                bias.iter_mut().zip(row).for_each(|(b, d)| *b += d);
            }
            let slope = shape.weights_mut(&mut self.gradient);
            outer(input, delta, shape, slope);
            let weights = shape.weights(&self.parameters);
            if l < last && self.l2 != 0.0 {
                slope.iter_mut().zip(weights).for_each(|(g, w)| *g += 2.0 * self.l2 * w);
            }
            if let Some(previous) = before.last_mut() {
                let previous = &mut previous[..n_rows * shape.n_in];
                back(delta, weights, shape, previous);
                self.activation.times_slope(input, previous);
            }
        }
    }
}

/// From this number of weights on, a layer's products go to `general_mat_mul`.
const LARGE: usize = 512;

/// `output = input · weights + bias`; a row's answer does not depend on the other rows.
pub(super) fn affine(input: &[f64], weights: &[f64], bias: &[f64], output: &mut [f64]) {
    let (n_out, n_in) = (bias.len(), weights.len() / bias.len());
    if weights.len() < LARGE {
        for (x, out) in input.chunks_exact(n_in).zip(output.chunks_exact_mut(n_out)) {
            out.copy_from_slice(bias);
            for (x, w) in x.iter().zip(weights.chunks_exact(n_out)) {
                out.iter_mut().zip(w).for_each(|(o, w)| *o += x * w);
            }
        }
    } else {
        let (x, w) = (matrix(input, n_in), matrix(weights, n_out));
        general_mat_mul(1.0, &x, &w, 0.0, &mut matrix_mut(output, n_out));
        for out in output.chunks_exact_mut(n_out) {
            out.iter_mut().zip(bias).for_each(|(o, b)| *o += b);
        }
    }
}

/// `slope = inputᵀ · delta`.
fn outer(input: &[f64], delta: &[f64], shape: Shape, slope: &mut [f64]) {
    let Shape { n_in, n_out, .. } = shape;
    if slope.len() < LARGE {
        slope.fill(0.0);
        for (x, d) in input.chunks_exact(n_in).zip(delta.chunks_exact(n_out)) {
            for (x, g) in x.iter().zip(slope.chunks_exact_mut(n_out)) {
                g.iter_mut().zip(d).for_each(|(g, d)| *g += x * d);
            }
        }
    } else {
        let (x, d) = (matrix(input, n_in), matrix(delta, n_out));
        general_mat_mul(1.0, &x.t(), &d, 0.0, &mut matrix_mut(slope, n_out));
    }
}

/// `previous = delta · weightsᵀ`.
fn back(delta: &[f64], weights: &[f64], shape: Shape, previous: &mut [f64]) {
    let Shape { n_in, n_out, .. } = shape;
    if weights.len() < LARGE {
        for (d, to) in delta.chunks_exact(n_out).zip(previous.chunks_exact_mut(n_in)) {
            for (to, w) in to.iter_mut().zip(weights.chunks_exact(n_out)) {
                *to = d.iter().zip(w).map(|(d, w)| d * w).sum();
            }
        }
    } else {
        let (d, w) = (matrix(delta, n_out), matrix(weights, n_out));
        general_mat_mul(1.0, &d, &w.t(), 0.0, &mut matrix_mut(previous, n_in));
    }
}

fn matrix(flat: &[f64], n_columns: usize) -> ArrayView2<'_, f64> {
    let shape = (flat.len() / n_columns, n_columns);
    ArrayView2::from_shape(shape, flat).expect("the buffer holds whole rows")
}

fn matrix_mut(flat: &mut [f64], n_columns: usize) -> ArrayViewMut2<'_, f64> {
    let shape = (flat.len() / n_columns, n_columns);
    ArrayViewMut2::from_shape(shape, flat).expect("the buffer holds whole rows")
}

/// The first of the largest values.
fn argmax(values: &[f64]) -> usize {
    let mut best = 0;
    for (i, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = i;
        }
    }
    best
}
