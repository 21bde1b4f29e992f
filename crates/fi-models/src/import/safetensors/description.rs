//! The JSON that describes a network: what it reads, what it answers, and its layers.
//!
//! A key that is not known is an error that names it, so that nothing which changes a prediction
//! is passed over.

use serde::Deserialize;

use crate::import::Problem;
use crate::network;

/// A network around the tensors of a file.
pub(super) struct Description {
    pub(super) framework: Framework,
    pub(super) input: InputKind,
    pub(super) output: OutputKind,
    /// Of the features, or of the channels of a sequence.
    pub(super) names: Option<Vec<String>>,
    pub(super) classes: Option<Vec<String>>,
    pub(super) standardize: Option<Standardize>,
    pub(super) layers: Vec<LayerKind>,
}

/// Whose order of axes and gates the tensors have.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Framework {
    Pytorch,
    Keras,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum InputKind {
    Features(usize),
    Sequence { steps: usize, channels: usize },
    Tokens { steps: usize, vocabulary: usize },
}

impl From<InputKind> for network::Input {
    fn from(input: InputKind) -> Self {
        match input {
            InputKind::Features(n) => Self::Features(n),
            InputKind::Sequence { steps, channels } => Self::Sequence { steps, channels },
            InputKind::Tokens { steps, vocabulary } => Self::Tokens { steps, vocabulary },
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum OutputKind {
    Values,
    Probabilities,
    Margins,
}

/// What was done to each column, or to each channel, before the network saw it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Standardize {
    pub(super) mean: Vec<f64>,
    pub(super) scale: Vec<f64>,
}

/// Where a layer's tensors are.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "`tensors` is neither a prefix such as \"lstm\" nor a list of tensors' names"
)]
pub(super) enum Source {
    /// What the framework's own names stand behind.
    Prefix(String),
    /// One by one, in the framework's own order.
    List(Vec<String>),
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum LayerKind {
    #[serde(alias = "linear")]
    Dense {
        tensors: Source,
        #[serde(default)]
        activation: Activation,
        #[serde(default = "yes")]
        bias: bool,
    },
    Embedding {
        tensors: Source,
    },
    Conv1d {
        tensors: Source,
        #[serde(default)]
        activation: Activation,
        #[serde(default = "yes")]
        bias: bool,
        #[serde(default = "one")]
        stride: usize,
        #[serde(default)]
        padding: Padding,
    },
    Lstm {
        tensors: Source,
        #[serde(default = "one")]
        num_layers: usize,
        #[serde(default = "yes")]
        bias: bool,
        #[serde(default)]
        return_sequences: bool,
        #[serde(default)]
        reverse: bool,
        #[serde(default)]
        bidirectional: bool,
    },
    Gru {
        tensors: Source,
        #[serde(default = "one")]
        num_layers: usize,
        #[serde(default = "yes")]
        bias: bool,
        #[serde(default = "yes")]
        reset_after: bool,
        #[serde(default)]
        return_sequences: bool,
        #[serde(default)]
        reverse: bool,
        #[serde(default)]
        bidirectional: bool,
    },
    BatchNorm {
        tensors: Source,
        /// The framework's own default if not given.
        epsilon: Option<f64>,
        #[serde(default = "yes")]
        scale: bool,
        #[serde(default = "yes")]
        center: bool,
    },
    Dropout {
        #[serde(default)]
        rate: f64,
    },
    Prelu {
        tensors: Source,
    },
    Activation {
        function: Activation,
    },
    Flatten {
        order: Option<Order>,
    },
    Pool {
        kind: Pool,
    },
}

fn yes() -> bool {
    true
}

fn one() -> usize {
    1
}

/// What a layer does with its sums.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Activation {
    #[default]
    Linear,
    Relu,
    Tanh,
    Sigmoid,
    Softplus,
    LeakyRelu {
        slope: f64,
    },
    Elu {
        alpha: f64,
    },
    /// Known in order to say where it goes.
    Softmax,
}

impl Activation {
    pub(super) fn ours(self) -> Result<network::Activation, Problem> {
        Ok(match self {
            Self::Linear => network::Activation::Linear,
            Self::Relu => network::Activation::Relu,
            Self::Tanh => network::Activation::Tanh,
            Self::Sigmoid => network::Activation::Sigmoid,
            Self::Softplus => network::Activation::Softplus,
            Self::LeakyRelu { slope } => network::Activation::LeakyRelu { slope },
            Self::Elu { alpha } => network::Activation::Elu { alpha },
            Self::Softmax => {
                return Err(Problem::Unsupported(
                    "leave the softmax out: with the output `probabilities` it follows the last \
                     layer"
                        .into(),
                ));
            }
        })
    }
}

/// A convolution's padding: by its name, or the steps on each side.
#[derive(Clone, Copy, Deserialize)]
#[serde(
    untagged,
    expecting = "`padding` is neither \"valid\", \"same\" or \"causal\" nor a number of steps"
)]
pub(super) enum Padding {
    Named(PaddingName),
    Steps(usize),
}

impl Default for Padding {
    fn default() -> Self {
        Self::Named(PaddingName::Valid)
    }
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum PaddingName {
    Valid,
    Same,
    Causal,
}

/// In which order a sequence is laid out flat.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Order {
    /// All channels of a step side by side, as in `(rows, steps, channels)`.
    Steps,
    /// All steps of a channel side by side, as in PyTorch's `(rows, channels, steps)`.
    Channels,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Pool {
    Max,
    Mean,
    Last,
}

impl Description {
    pub(super) fn read(json: &str) -> Result<Self, Problem> {
        /// The same with layers that are read one by one, to say which one is wrong.
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Outer {
            framework: Framework,
            input: InputKind,
            output: OutputKind,
            #[serde(default)]
            names: Option<Vec<String>>,
            #[serde(default)]
            classes: Option<Vec<String>>,
            #[serde(default)]
            standardize: Option<Standardize>,
            layers: Vec<serde_json::Value>,
        }
        let wrong = |what: &str, error: serde_json::Error| {
            Problem::Unsupported(format!("the JSON of its layers cannot be used: {what}{error}"))
        };
        let outer: Outer = serde_json::from_str(json).map_err(|error| wrong("", error))?;
        let Outer { framework, input, output, names, classes, standardize, layers: values } = outer;
        let mut layers = Vec::new();
        for (place, layer) in values.into_iter().enumerate() {
            let layer = serde_json::from_value(layer);
            layers.push(layer.map_err(|error| wrong(&format!("layer {place}: "), error))?);
        }
        Ok(Self { framework, input, output, names, classes, standardize, layers })
    }
}
