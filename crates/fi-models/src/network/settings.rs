//! What a layer is to be, before it has weights.

use fi_core::{Error, Result, Rng, require};
use ndarray::{Array1, Array2, Array3};
use serde::{Deserialize, Serialize};

use super::activation::Activation;
use super::initializer::Initializer;
use super::input::Input;
use super::layers::{
    BatchNorm, Conv1d, Dense, Dropout, Embedding, Gru, LARGEST, Layer, Lstm, PRelu, Padding, Pool,
    Shape,
};

/// A layer of a network that is to be trained.
///
/// `l2` is the factor of the sum of squares of the layer's weights (both matrices of a recurrent
/// layer; never biases), not negative. Biases start at 0, those of an LSTM's forget gates at 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum LayerSettings {
    /// Fully connected, on each step of a sequence alike.
    Dense {
        /// The number of units; at least 1.
        units: usize,
        /// What they do.
        activation: Activation,
        /// How the weights start.
        initializer: Initializer,
        /// The factor of the penalty.
        l2: f64,
    },
    /// A vector for each token; the first layer after [`Input::Tokens`].
    Embedding {
        /// The length of the vectors; at least 1.
        width: usize,
        /// How they start; Keras's default is uniform within ±0.05.
        initializer: Initializer,
        /// The factor of the penalty.
        l2: f64,
    },
    /// A convolution over the steps.
    Conv1d {
        /// The number of filters; at least 1.
        filters: usize,
        /// How many steps a filter sees; at least 1.
        kernel: usize,
        /// How many steps it moves; at least 1.
        stride: usize,
        /// What happens at the ends.
        padding: Padding,
        /// What the filters do.
        activation: Activation,
        /// How the weights start.
        initializer: Initializer,
        /// The factor of the penalty.
        l2: f64,
    },
    /// Long short-term memory: Glorot-uniform input weights, orthogonal recurrent ones.
    Lstm {
        /// The number of cells; at least 1.
        units: usize,
        /// Whether every step is put out, or the last only.
        return_sequences: bool,
        /// Whether the steps are read from the last to the first.
        reverse: bool,
        /// The factor of the penalty.
        l2: f64,
    },
    /// Gated recurrent units: Glorot-uniform input weights, orthogonal recurrent ones.
    Gru {
        /// The number of units; at least 1.
        units: usize,
        /// Whether the reset comes after the recurrent product, as in PyTorch.
        reset_after: bool,
        /// Whether every step is put out, or the last only.
        return_sequences: bool,
        /// Whether the steps are read from the last to the first.
        reverse: bool,
        /// The factor of the penalty.
        l2: f64,
    },
    /// Batch normalisation: gamma starts at 1, beta at 0.
    BatchNorm {
        /// What keeps the divisor from 0, positive.
        epsilon: f64,
        /// How slowly the stored mean and variance follow the batches, in [0, 1).
        momentum: f64,
    },
    /// Dropout.
    Dropout {
        /// The share that is dropped, in [0, 1).
        rate: f64,
    },
    /// ReLU with a learned slope below 0 for each channel.
    PRelu {
        /// The slope at the start, finite; Keras's default is 0, PyTorch's 0.25.
        start: f64,
    },
    /// An activation alone.
    Activation(Activation),
    /// All steps side by side.
    Flatten,
    /// One step out of all.
    Pool(Pool),
}

impl LayerSettings {
    /// A dense layer with Glorot-uniform weights and no penalty.
    pub const fn dense(units: usize, activation: Activation) -> Self {
        Self::Dense { units, activation, initializer: Initializer::GlorotUniform, l2: 0.0 }
    }

    /// An embedding that starts uniform within ±0.05, without penalty.
    pub const fn embedding(width: usize) -> Self {
        let initializer = Initializer::RandomUniform { limit: 0.05 };
        Self::Embedding { width, initializer, l2: 0.0 }
    }

    /// A convolution with stride 1, zeros at both ends, Glorot-uniform weights and no penalty.
    pub const fn conv1d(filters: usize, kernel: usize, activation: Activation) -> Self {
        Self::Conv1d {
            filters,
            kernel,
            stride: 1,
            padding: Padding::Same,
            activation,
            initializer: Initializer::GlorotUniform,
            l2: 0.0,
        }
    }

    /// An LSTM that puts out its last step.
    pub const fn lstm(units: usize) -> Self {
        Self::Lstm { units, return_sequences: false, reverse: false, l2: 0.0 }
    }

    /// A GRU that puts out its last step and resets after the product.
    pub const fn gru(units: usize) -> Self {
        Self::Gru { units, reset_after: true, return_sequences: false, reverse: false, l2: 0.0 }
    }

    /// Batch normalisation with Keras's defaults.
    pub const fn batch_norm() -> Self {
        Self::BatchNorm { epsilon: 1e-3, momentum: 0.99 }
    }

    /// The factor of its penalty.
    pub(super) fn l2(&self) -> f64 {
        match *self {
            Self::Dense { l2, .. }
            | Self::Embedding { l2, .. }
            | Self::Conv1d { l2, .. }
            | Self::Lstm { l2, .. }
            | Self::Gru { l2, .. } => l2,
            _ => 0.0,
        }
    }

    /// The layer with random weights, for what comes in; `vocabulary` counts the tokens.
    pub(super) fn start(&self, input: Input, shape: Shape, rng: &mut Rng) -> Result<Layer> {
        let n_in = shape.width;
        let l2 = self.l2();
        require(l2.is_finite() && l2 >= 0.0, "l2", l2, "finite and not negative")?;
        Ok(match *self {
            Self::Dense { units, activation, initializer, .. } => {
                small("units", units, &[n_in, units])?;
                let weights = matrix(initializer, rng, n_in, units)?;
                Layer::Dense(Dense { weights, bias: Array1::zeros(units), activation })
            }
            Self::Embedding { width, initializer, .. } => {
                let Input::Tokens { vocabulary, .. } = input else {
                    return Err(Error::Data(
                        "an embedding reads tokens, but the input is none: read it as tokens"
                            .into(),
                    ));
                };
                small("width", width, &[vocabulary, width])?;
                let weights = matrix(initializer, rng, vocabulary, width)?;
                Layer::Embedding(Embedding { weights })
            }
            Self::Conv1d { filters, kernel, stride, padding, activation, initializer, .. } => {
                small("kernel", kernel, &[kernel, n_in])?;
                small("filters", filters, &[kernel, n_in, filters])?;
                initializer.check()?;
                let mut weights = vec![0.0; kernel * n_in * filters];
                let fans = (kernel * n_in, kernel.saturating_mul(filters));
                initializer.fill(rng, fans, filters, &mut weights);
                let weights = Array3::from_shape_vec((kernel, n_in, filters), weights)
                    .expect("a kernel fills its shape");
                let bias = Array1::zeros(filters);
                Layer::Conv1d(Conv1d { weights, bias, stride, padding, activation })
            }
            Self::Lstm { units, return_sequences, reverse, .. } => {
                small("units", units, &[4, n_in.max(units), units])?;
                let mut bias = Array1::zeros(4 * units);
                bias.iter_mut().skip(units).take(units).for_each(|b| *b = 1.0);
                Layer::Lstm(Lstm {
                    input_weights: matrix(Initializer::GlorotUniform, rng, n_in, 4 * units)?,
                    recurrent_weights: matrix(Initializer::Orthogonal, rng, units, 4 * units)?,
                    bias,
                    return_sequences,
                    reverse,
                })
            }
            Self::Gru { units, reset_after, return_sequences, reverse, .. } => {
                small("units", units, &[3, n_in.max(units), units])?;
                Layer::Gru(Gru {
                    input_weights: matrix(Initializer::GlorotUniform, rng, n_in, 3 * units)?,
                    recurrent_weights: matrix(Initializer::Orthogonal, rng, units, 3 * units)?,
                    bias: Array1::zeros(3 * units),
                    recurrent_bias: reset_after.then(|| Array1::zeros(3 * units)),
                    return_sequences,
                    reverse,
                })
            }
            Self::BatchNorm { epsilon, momentum } => Layer::BatchNorm(BatchNorm {
                gamma: Array1::ones(n_in),
                beta: Array1::zeros(n_in),
                mean: Array1::zeros(n_in),
                variance: Array1::ones(n_in),
                epsilon,
                momentum,
            }),
            Self::Dropout { rate } => Layer::Dropout(Dropout { rate }),
            Self::PRelu { start } => {
                require(start.is_finite(), "start", start, "finite")?;
                Layer::PRelu(PRelu { alpha: Array1::from_elem(n_in, start) })
            }
            Self::Activation(activation) => Layer::Activation(activation),
            Self::Flatten => Layer::Flatten,
            Self::Pool(pool) => Layer::Pool(pool),
        })
    }
}

/// Whether a count is at least 1 and small enough for so many weights.
fn small(name: &'static str, value: usize, sizes: &[usize]) -> Result<()> {
    require(value >= 1, name, value, "at least 1")?;
    let product = sizes.iter().try_fold(1_usize, |product, size| product.checked_mul(*size));
    let requirement = format!("small enough for {LARGEST} weights in the layer");
    require(product.is_some_and(|n| n <= LARGEST), name, value, requirement)
}

fn matrix(
    initializer: Initializer,
    rng: &mut Rng,
    n_in: usize,
    n_out: usize,
) -> Result<Array2<f64>> {
    initializer.check()?;
    let mut weights = vec![0.0; n_in * n_out];
    initializer.fill(rng, (n_in, n_out), n_out, &mut weights);
    Ok(Array2::from_shape_vec((n_in, n_out), weights).expect("weights fill their shape"))
}
