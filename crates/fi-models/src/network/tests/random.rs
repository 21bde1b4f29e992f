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

/// Features and channels.
const N: usize = 5;
const CHANNELS: usize = 3;

/// A random network of a kind, for sequences of this many steps.
pub(super) fn network(kind: usize, rng: &mut Rng, steps: usize) -> Network {
    let (input, mut layers, width) = if kind < SEQUENCES {
        let (layers, width) = over_features(kind, rng);
        (Input::Features(N), layers, width)
    } else if kind < TOKENS {
        let (layers, width) = over_channels(kind, rng, steps);
        (Input::Sequence { steps, channels: CHANNELS }, layers, width)
    } else {
        let embedding = Layer::Embedding(Embedding { weights: normal(rng, (6, CHANNELS)) });
        let (behind, width) = if kind == TOKENS {
            (Layer::Lstm(lstm(rng, CHANNELS, 4, false, false)), 4)
        } else {
            (Layer::Flatten, steps * CHANNELS)
        };
        (Input::Tokens { steps, vocabulary: 6 }, vec![embedding, behind], width)
    };
    layers.push(dense(rng, width, 2, Activation::Linear));
    let probabilities = kind.is_multiple_of(2);
    let output = if probabilities { Output::Probabilities } else { Output::Values };
    Network::new(input, layers, output).unwrap()
}

/// Layers over features, and how wide their output is.
fn over_features(kind: usize, rng: &mut Rng) -> (Vec<Layer>, usize) {
    match kind {
        0 => (vec![dense(rng, N, 6, Activation::Relu), dense(rng, 6, 4, Activation::Sigmoid)], 4),
        1 => (
            vec![
                dense(rng, N, 6, Activation::LeakyRelu { slope: 0.2 }),
                Layer::Dropout(Dropout { rate: 0.3 }),
                dense(rng, 6, 4, Activation::Elu { alpha: 0.7 }),
            ],
            4,
        ),
        2 => (
            vec![
                dense(rng, N, 6, Activation::Linear),
                batch_norm(rng, 6),
                Layer::Activation(Activation::Tanh),
            ],
            6,
        ),
        _ => (
            vec![
                batch_norm(rng, N),
                prelu(rng, 1),
                dense(rng, N, 4, Activation::Linear),
                prelu(rng, 4),
            ],
            4,
        ),
    }
}

/// Layers over a sequence, and how wide their output is.
fn over_channels(kind: usize, rng: &mut Rng, steps: usize) -> (Vec<Layer>, usize) {
    let dropout = Layer::Dropout(Dropout { rate: 0.4 });
    let c = CHANNELS;
    match kind {
        4 => (vec![prelu(rng, steps * c), Layer::Flatten, dropout], steps * c),
        5 => {
            let conv = conv(rng, c, 3, Padding::Same, 2);
            (vec![conv, batch_norm(rng, 4), Layer::Pool(Pool::Max)], 4)
        }
        6 => {
            let first = conv(rng, c, 2, Padding::Causal, 1);
            (vec![first, conv(rng, 4, 3, Padding::Same, 1), Layer::Pool(Pool::Mean)], 4)
        }
        7 => {
            let conv = conv(rng, c, 2, Padding::Causal, 3);
            (vec![conv, dense(rng, 4, 3, Activation::Tanh), Layer::Pool(Pool::Last)], 3)
        }
        8 => {
            let conv = conv(rng, c, 2, Padding::Valid, 1);
            (vec![conv, prelu(rng, 4), Layer::Pool(Pool::Last)], 4)
        }
        9 => {
            let first = lstm(rng, c, 4, true, false);
            (vec![Layer::Lstm(first), Layer::Lstm(lstm(rng, 4, 3, false, true))], 3)
        }
        10 => {
            let lstm = Layer::Lstm(lstm(rng, c, 4, true, true));
            (vec![lstm, dropout, batch_norm(rng, 4), Layer::Pool(Pool::Mean)], 4)
        }
        11 => {
            let first = gru(rng, c, 4, true, true);
            (vec![Layer::Gru(first), Layer::Gru(gru(rng, 4, 3, false, false))], 3)
        }
        _ => {
            let reversed = Gru { reverse: true, ..gru(rng, c, 4, true, false) };
            (vec![Layer::Gru(reversed), Layer::Gru(gru(rng, 4, 3, false, true))], 3)
        }
    }
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
