//! The layers of a network: what each holds, and what it does forward and backward.
//!
//! A layer that is stored and read is a plain struct of `f64` arrays ([`Layer`]). To compute, its
//! arrays are laid one after the other into one flat vector of `f32` or `f64`, and an [`Op`]
//! works on slices of it. One file holds both.
//!
//! Between layers, values are `(steps, n_rows, width)` in row order, so that a step of all rows
//! is one matrix and a convolution's tap is a product of matrices shifted by whole steps; without
//! steps they are `(n_rows, width)`. At steps that are masked, the output of every layer is 0 and
//! so is the slope that comes back; both are seen to outside the layers.

mod activation;
mod batch_norm;
mod cell;
mod conv1d;
mod dense;
mod dropout;
mod embedding;
mod flatten;
pub(super) mod gru;
pub(super) mod lstm;
mod pool;
mod prelu;

use std::fmt::Debug;

use fi_core::{Error, Result, Rng};
use ndarray::{ArrayViewD, ArrayViewMutD, CowArray, Ix2};
use serde::{Deserialize, Serialize};

pub use batch_norm::BatchNorm;
pub use conv1d::{Conv1d, Padding};
pub use dense::Dense;
pub use dropout::Dropout;
pub use embedding::Embedding;
pub use gru::Gru;
pub use lstm::Lstm;
pub use pool::Pool;
pub use prelu::PRelu;

use super::activation::Activation;
use super::fitted::all_finite;
use super::real::Real;

/// One layer of a network.
///
/// A sequence stays a sequence until [`Layer::Pool`], [`Layer::Flatten`] or a recurrent layer
/// that returns its last state; dense layers, activations and batch normalisation work on each
/// step alike.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Layer {
    /// Fully connected.
    Dense(Dense),
    /// A vector for each token; the first layer after [`Input::Tokens`](super::Input::Tokens).
    Embedding(Embedding),
    /// A convolution over the steps.
    Conv1d(Conv1d),
    /// Long short-term memory.
    Lstm(Lstm),
    /// Gated recurrent units.
    Gru(Gru),
    /// Batch normalisation.
    BatchNorm(BatchNorm),
    /// Dropout; does nothing to a prediction.
    Dropout(Dropout),
    /// ReLU with a learned slope below 0.
    PRelu(PRelu),
    /// An activation alone.
    Activation(Activation),
    /// All steps side by side: `(steps, width)` becomes `steps · width` features, step after step.
    Flatten,
    /// One step out of all.
    Pool(Pool),
}

/// What stands between two layers, for one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// The number of steps of a sequence; `None` for features.
    pub(crate) steps: Option<usize>,
    /// The numbers per step.
    pub(crate) width: usize,
}

impl Shape {
    pub(crate) fn n_steps(self) -> usize {
        self.steps.unwrap_or(1)
    }

    /// The numbers per row.
    pub(crate) fn len(self) -> usize {
        self.n_steps() * self.width
    }

    fn flat(width: usize) -> Self {
        Self { steps: None, width }
    }

    fn with_width(self, width: usize) -> Self {
        Self { width, ..self }
    }

    /// What comes out of a network is no sequence.
    pub(super) fn refuse_sequence(self) -> Result<()> {
        match self.steps {
            None => Ok(()),
            Some(steps) => Err(Error::Data(format!(
                "the network ends with a sequence of {steps} steps: pool or flatten it before the \
                 last layer"
            ))),
        }
    }

    /// The steps, of a layer that needs some.
    fn sequence(self, place: usize, what: &str) -> Result<usize> {
        self.steps.ok_or_else(|| {
            Error::Data(format!(
                "layer {place} is {what}, which needs a sequence, but gets {} features: read the \
                 rows as a sequence, or put the layer before those that end it",
                self.width
            ))
        })
    }
}

/// An array of a layer, with its name for error messages.
pub(super) type Part<'a> = (&'static str, ArrayViewD<'a, f64>);

/// What every layer's struct can tell about itself.
pub(super) trait Block {
    /// Whether it fits what comes in, and what goes out; `place` is its number.
    fn shape(&self, place: usize, input: Shape) -> Result<Shape>;

    /// The arrays that are learned, in the order in which they are laid out: weights first.
    fn parameters(&self) -> Vec<Part<'_>> {
        Vec::new()
    }

    /// The same, to be written to.
    fn parameters_mut(&mut self) -> Vec<ArrayViewMutD<'_, f64>> {
        Vec::new()
    }

    /// How many of the learned numbers are weights, which a penalty holds, and not biases.
    fn n_weights(&self) -> usize {
        0
    }

    /// The arrays that follow the data without being learned.
    fn state(&self) -> Vec<Part<'_>> {
        Vec::new()
    }

    /// The same, to be written to.
    fn state_mut(&mut self) -> Vec<ArrayViewMutD<'_, f64>> {
        Vec::new()
    }
}

impl Layer {
    /// What kind of layer it is, in a word.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Dense(_) => "dense",
            Self::Embedding(_) => "embedding",
            Self::Conv1d(_) => "convolution",
            Self::Lstm(_) => "LSTM",
            Self::Gru(_) => "GRU",
            Self::BatchNorm(_) => "batch normalisation",
            Self::Dropout(_) => "dropout",
            Self::PRelu(_) => "PReLU",
            Self::Activation(_) => "activation",
            Self::Flatten => "flatten",
            Self::Pool(_) => "pool",
        }
    }

    /// The matrix through which the layer reads its input, one row per input: a dense layer's
    /// weights, an embedding's `(vocabulary, width)`, a convolution's kernel as
    /// `(kernel · in_channels, filters)`, a recurrent layer's input weights; `None` for a layer
    /// without weights.
    pub fn input_weights(&self) -> Option<CowArray<'_, f64, Ix2>> {
        match self {
            Self::Dense(dense) => Some(dense.weights.view().into()),
            Self::Embedding(embedding) => Some(embedding.weights.view().into()),
            Self::Conv1d(conv) => Some(conv.flat_weights()),
            Self::Lstm(lstm) => Some(lstm.input_weights.view().into()),
            Self::Gru(gru) => Some(gru.input_weights.view().into()),
            _ => None,
        }
    }

    fn block(&self) -> &dyn Block {
        match self {
            Self::Dense(block) => block,
            Self::Embedding(block) => block,
            Self::Conv1d(block) => block,
            Self::Lstm(block) => block,
            Self::Gru(block) => block,
            Self::BatchNorm(block) => block,
            Self::Dropout(block) => block,
            Self::PRelu(block) => block,
            Self::Activation(block) => block,
            Self::Flatten => &flatten::Flatten,
            Self::Pool(block) => block,
        }
    }

    /// The layers that hold arrays, to be written to.
    fn block_mut(&mut self) -> Option<&mut dyn Block> {
        match self {
            Self::Dense(block) => Some(block),
            Self::Embedding(block) => Some(block),
            Self::Conv1d(block) => Some(block),
            Self::Lstm(block) => Some(block),
            Self::Gru(block) => Some(block),
            Self::BatchNorm(block) => Some(block),
            Self::PRelu(block) => Some(block),
            Self::Dropout(_) | Self::Activation(_) | Self::Flatten | Self::Pool(_) => None,
        }
    }

    /// Whether it fits what comes in and holds finite numbers only; what goes out.
    pub(crate) fn check(&self, place: usize, input: Shape) -> Result<Shape> {
        let block = self.block();
        let shape = block.shape(place, input)?;
        for (name, array) in block.parameters().into_iter().chain(block.state()) {
            all_finite(&format!("the {name} of layer {place}"), array.iter())?;
        }
        let (steps, width) = (shape.n_steps(), shape.width);
        if steps == 0 || width == 0 || steps.checked_mul(width).is_none_or(|n| n > LARGEST) {
            return Err(Error::Data(format!(
                "layer {place} puts out {steps} × {width} numbers, which must be from 1 to \
                 {LARGEST} in all"
            )));
        }
        Ok(shape)
    }

    /// The numbers of its learned arrays, one array after the other, weights first.
    pub(super) fn parameters(&self) -> impl Iterator<Item = f64> {
        self.block().parameters().into_iter().flat_map(|(_, array)| flat(&array))
    }

    /// How many of the learned numbers are weights, which a penalty holds, and not biases.
    pub(super) fn n_weights(&self) -> usize {
        self.block().n_weights()
    }

    /// The numbers of the arrays that follow the data without being learned.
    pub(super) fn state(&self) -> impl Iterator<Item = f64> {
        self.block().state().into_iter().flat_map(|(_, array)| flat(&array))
    }

    /// Puts numbers back where [`Layer::parameters`] and [`Layer::state`] found them.
    pub(super) fn fill(
        &mut self,
        mut parameters: impl Iterator<Item = f64>,
        mut state: impl Iterator<Item = f64>,
    ) {
        let Some(block) = self.block_mut() else { return };
        for mut array in block.parameters_mut() {
            array.iter_mut().zip(&mut parameters).for_each(|(to, x)| *to = x);
        }
        for mut array in block.state_mut() {
            array.iter_mut().zip(&mut state).for_each(|(to, x)| *to = x);
        }
    }

    /// About how many numbers it holds per row while it predicts.
    pub(super) fn footprint(&self, input: Shape, output: Shape) -> usize {
        match self {
            Self::Lstm(lstm) => 7 * input.n_steps() * lstm.recurrent_weights.nrows(),
            Self::Gru(gru) => 8 * input.n_steps() * gru.recurrent_weights.nrows(),
            _ => output.len(),
        }
    }

    /// What it does, for inputs of this shape.
    pub(super) fn op<T: Real>(&self, input: Shape) -> Box<dyn Op<T>> {
        match self {
            Self::Dense(layer) => Box::new(layer.op()),
            Self::Embedding(layer) => Box::new(layer.op()),
            Self::Conv1d(layer) => Box::new(layer.op(input)),
            Self::Lstm(layer) => Box::new(layer.op(input)),
            Self::Gru(layer) => Box::new(layer.op(input)),
            Self::BatchNorm(layer) => Box::new(layer.op()),
            Self::Dropout(layer) => Box::new(*layer),
            Self::PRelu(layer) => Box::new(layer.op(input)),
            Self::Activation(activation) => Box::new(*activation),
            Self::Flatten => Box::new(flatten::Op(input)),
            Self::Pool(pool) => Box::new(pool::Op { pool: *pool, input }),
        }
    }
}

/// The most numbers that a layer may put out per row, or hold.
pub(super) const LARGEST: usize = 1 << 28;

fn flat(array: &ArrayViewD<'_, f64>) -> Vec<f64> {
    array.iter().copied().collect()
}

/// What a layer keeps from its forward pass for its backward pass, and what it works in.
#[derive(Debug, Default)]
pub(super) struct Memory<T> {
    pub(super) kept: Vec<T>,
    pub(super) scratch: Vec<T>,
    pub(super) places: Vec<u32>,
}

/// The first `len` elements, of a vector that grows if it must.
pub(super) fn room<T: Copy + Default>(buffer: &mut Vec<T>, len: usize) -> &mut [T] {
    if buffer.len() < len {
        buffer.resize(len, T::default());
    }
    &mut buffer[..len]
}

/// A forward pass through one layer.
pub(super) struct Forward<'a, T> {
    pub(super) n_rows: usize,
    /// The layer's learned numbers.
    pub(super) parameters: &'a [T],
    pub(super) state: &'a [T],
    pub(super) input: &'a [T],
    /// Which steps of the input are there, `(steps, n_rows)`; empty for all.
    pub(super) present: &'a [bool],
    /// What to fill; holds anything before.
    pub(super) output: &'a mut [T],
    pub(super) memory: &'a mut Memory<T>,
    /// The draws of a training step; a prediction has none.
    pub(super) training: Option<&'a mut Rng>,
}

/// A backward pass through one layer, after a forward pass over the same rows.
pub(super) struct Backward<'a, T> {
    pub(super) n_rows: usize,
    pub(super) parameters: &'a [T],
    pub(super) input: &'a [T],
    pub(super) present: &'a [bool],
    pub(super) output: &'a [T],
    pub(super) memory: &'a mut Memory<T>,
    /// The slope by the output; may be worked in.
    pub(super) delta: &'a mut [T],
    /// The slope by the input, to fill, if somebody wants it; holds anything before.
    pub(super) previous: Option<&'a mut [T]>,
    /// The slope by the learned numbers, to fill, if somebody wants it.
    pub(super) gradient: Option<&'a mut [T]>,
    pub(super) training: bool,
}

/// A layer at work.
pub(super) trait Op<T: Real>: Debug + Send + Sync {
    fn forward(&self, pass: Forward<'_, T>);

    fn backward(&self, pass: Backward<'_, T>);

    /// Which steps of the output are there; asked only if some of the input are not.
    fn mask(&self, _n_rows: usize, present: &[bool], output: &mut Vec<bool>) {
        output.extend_from_slice(present);
    }

    /// Lets the state follow what a training step saw.
    fn settle(&self, _memory: &Memory<T>, _state: &mut [T]) {}
}

pub(super) fn is_present(present: &[bool], place: usize) -> bool {
    present.is_empty() || present[place]
}

/// Adds up the rows of a matrix, in order.
fn sum_rows<T: Real>(rows: &[T], sums: &mut [T]) {
    sums.fill(T::ZERO);
    for row in rows.chunks_exact(sums.len()) {
        sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += *x);
    }
}

/// Puts the same row everywhere.
fn repeat<T: Real>(row: &[T], rows: &mut [T]) {
    rows.chunks_exact_mut(row.len()).for_each(|to| to.copy_from_slice(row));
}
