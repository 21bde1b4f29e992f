//! Random networks of every kind of layer, for tests.

use fi_core::{Output, Rng};
use ndarray::{Array, Array2, Dimension, ShapeBuilder};

use super::super::*;

/// Normal numbers of any shape.
pub(super) fn normal<D: Dimension, S: ShapeBuilder<Dim = D>>(
    rng: &mut Rng,
    shape: S,
) -> Array<f64, D> {
    Array::from_shape_simple_fn(shape, || 0.6 * rng.normal())
}

pub(super) fn dense(rng: &mut Rng, n_in: usize, n_out: usize, activation: Activation) -> Layer {
    let (weights, bias) = (normal(rng, (n_in, n_out)), normal(rng, n_out));
    Layer::Dense(Dense { weights, bias, activation })
}

pub(super) fn lstm(
    rng: &mut Rng,
    n_in: usize,
    units: usize,
    sequences: bool,
    reverse: bool,
) -> Lstm {
    Lstm {
        input_weights: normal(rng, (n_in, 4 * units)),
        recurrent_weights: normal(rng, (units, 4 * units)),
        bias: normal(rng, 4 * units),
        return_sequences: sequences,
        reverse,
    }
}

pub(super) fn gru(rng: &mut Rng, n_in: usize, units: usize, sequences: bool, after: bool) -> Gru {
    Gru {
        input_weights: normal(rng, (n_in, 3 * units)),
        recurrent_weights: normal(rng, (units, 3 * units)),
        bias: normal(rng, 3 * units),
        recurrent_bias: after.then(|| normal(rng, 3 * units)),
        return_sequences: sequences,
        reverse: false,
    }
}

fn conv(rng: &mut Rng, channels: usize, kernel: usize, padding: Padding, stride: usize) -> Layer {
    let filters = 4;
    Layer::Conv1d(Conv1d {
        weights: normal(rng, (kernel, channels, filters)),
        bias: normal(rng, filters),
        stride,
        padding,
        activation: Activation::Softplus,
    })
}

fn batch_norm(rng: &mut Rng, width: usize) -> Layer {
    Layer::BatchNorm(BatchNorm {
        gamma: normal(rng, width),
        beta: normal(rng, width),
        mean: normal(rng, width),
        variance: normal(rng, width).mapv(|x: f64| x * x + 0.1),
        epsilon: 1e-3,
        momentum: 0.9,
    })
}

fn prelu(rng: &mut Rng, n: usize) -> Layer {
    Layer::PRelu(PRelu { alpha: normal(rng, n) })
}

/// How many kinds of network [`network`] knows.
pub(super) const KINDS: usize = 15;
/// Those from here on read sequences, and their last tokens.
pub(super) const SEQUENCES: usize = 4;
pub(super) const TOKENS: usize = 13;
/// Those whose answer depends on where in the row the steps stand.
pub(super) const PLACED: [usize; 4] = [4, 5, 7, 14];

/// A random network of a kind, for sequences of this many steps.
pub(super) fn network(kind: usize, rng: &mut Rng, steps: usize) -> Network {
    let (n, channels) = (5, 3);
    let rng = &mut *rng;
    let features = Input::Features(n);
    let sequence = Input::Sequence { steps, channels };
    let tokens = Input::Tokens { steps, vocabulary: 6 };
    let embedding =
        |rng: &mut Rng| Layer::Embedding(Embedding { weights: normal(rng, (6, channels)) });
    let out = |rng: &mut Rng, n: usize| dense(rng, n, 2, Activation::Linear);
    let dropout = Layer::Dropout(Dropout { rate: 0.4 });
    let (input, layers) = match kind {
        0 => (
            features,
            vec![
                dense(rng, n, 6, Activation::Relu),
                dense(rng, 6, 4, Activation::Sigmoid),
                out(rng, 4),
            ],
        ),
        1 => (
            features,
            vec![
                dense(rng, n, 6, Activation::LeakyRelu { slope: 0.2 }),
                Layer::Dropout(Dropout { rate: 0.3 }),
                dense(rng, 6, 4, Activation::Elu { alpha: 0.7 }),
                out(rng, 4),
            ],
        ),
        2 => (
            features,
            vec![
                dense(rng, n, 6, Activation::Linear),
                batch_norm(rng, 6),
                Layer::Activation(Activation::Tanh),
                out(rng, 6),
            ],
        ),
        3 => (
            features,
            vec![
                batch_norm(rng, n),
                prelu(rng, 1),
                dense(rng, n, 4, Activation::Linear),
                prelu(rng, 4),
                out(rng, 4),
            ],
        ),
        4 => (
            sequence,
            vec![prelu(rng, steps * channels), Layer::Flatten, dropout, out(rng, steps * channels)],
        ),
        5 => (
            sequence,
            vec![
                conv(rng, channels, 3, Padding::Same, 2),
                batch_norm(rng, 4),
                Layer::Pool(Pool::Max),
                out(rng, 4),
            ],
        ),
        6 => (
            sequence,
            vec![
                conv(rng, channels, 2, Padding::Causal, 1),
                conv(rng, 4, 3, Padding::Same, 1),
                Layer::Pool(Pool::Mean),
                out(rng, 4),
            ],
        ),
        7 => (
            sequence,
            vec![
                conv(rng, channels, 2, Padding::Causal, 3),
                dense(rng, 4, 3, Activation::Tanh),
                Layer::Pool(Pool::Last),
                out(rng, 3),
            ],
        ),
        8 => (
            sequence,
            vec![
                conv(rng, channels, 2, Padding::Valid, 1),
                prelu(rng, 4),
                Layer::Pool(Pool::Last),
                out(rng, 4),
            ],
        ),
        9 => (
            sequence,
            vec![
                Layer::Lstm(lstm(rng, channels, 4, true, false)),
                Layer::Lstm(lstm(rng, 4, 3, false, true)),
                out(rng, 3),
            ],
        ),
        10 => (
            sequence,
            vec![
                Layer::Lstm(lstm(rng, channels, 4, true, true)),
                dropout,
                batch_norm(rng, 4),
                Layer::Pool(Pool::Mean),
                out(rng, 4),
            ],
        ),
        11 => (
            sequence,
            vec![
                Layer::Gru(gru(rng, channels, 4, true, true)),
                Layer::Gru(gru(rng, 4, 3, false, false)),
                out(rng, 3),
            ],
        ),
        12 => {
            let reversed = Gru { reverse: true, ..gru(rng, channels, 4, true, false) };
            (
                sequence,
                vec![Layer::Gru(reversed), Layer::Gru(gru(rng, 4, 3, false, true)), out(rng, 3)],
            )
        }
        13 => (
            tokens,
            vec![embedding(rng), Layer::Lstm(lstm(rng, channels, 4, false, false)), out(rng, 4)],
        ),
        _ => (tokens, vec![embedding(rng), Layer::Flatten, out(rng, steps * channels)]),
    };
    let output = if kind % 2 == 0 { Output::Values } else { Output::Probabilities };
    Network::new(input, layers, output).unwrap()
}

/// Random rows; of sequences, each with its own number of steps, the padding at either end.
pub(super) fn rows(network: &Network, rng: &mut Rng, n_rows: usize) -> Array2<f64> {
    let mut rows = match network.input() {
        Input::Tokens { steps, vocabulary } => {
            Array2::from_shape_simple_fn((n_rows, steps), || rng.below(vocabulary) as f64)
        }
        input => Array2::from_shape_simple_fn((n_rows, input.n_features()), || rng.normal()),
    };
    let (steps, width) = match network.input() {
        Input::Features(_) => return rows,
        Input::Sequence { steps, channels } => (steps, channels),
        Input::Tokens { steps, .. } => (steps, 1),
    };
    for (r, mut row) in rows.rows_mut().into_iter().enumerate() {
        // The first row is whole, and the last, if there are many, empty.
        let missing = match r {
            0 => 0,
            r if r > 3 && r + 1 == n_rows => steps,
            _ => rng.below(steps),
        };
        let front = if rng.below(2) == 0 { 0 } else { steps - missing };
        for step in front..front + missing {
            (step * width..(step + 1) * width).for_each(|column| row[column] = f64::NAN);
        }
    }
    rows
}
