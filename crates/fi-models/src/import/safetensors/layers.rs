//! The layers of a description with their tensors, in our order of axes.

use ndarray::{Array1, Array2, Array3, Axis, Ix1, Ix2, Ix3};

use super::description::{Framework, LayerKind, Order, Padding, PaddingName, Pool, Source};
use super::tensors::{Size, Tensors};
use super::unfit;
use crate::import::Problem;
use crate::network::Shape;
use crate::network::{self, BatchNorm, Conv1d, Dense, Dropout, Embedding, Input, Layer, PRelu};

/// Layers one after the other, and what comes out of the last.
pub(super) struct Builder<'a> {
    pub(super) framework: Framework,
    pub(super) tensors: Tensors<'a>,
    pub(super) shape: Shape,
    input: Input,
    layers: Vec<Layer>,
    /// The sequence that a flattening laid out channel by channel, until a dense layer reads it.
    flattened: Option<Shape>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(framework: Framework, input: Input, tensors: Tensors<'a>) -> Self {
        let shape = input.shape();
        Self { framework, tensors, shape, input, layers: Vec::new(), flattened: None }
    }

    /// Reads the next layer, and checks that it fits the one before.
    pub(super) fn push(&mut self, kind: LayerKind) -> Result<(), Problem> {
        let place = self.layers.len();
        let layers = self.read(kind).map_err(|problem| match problem {
            Problem::Damaged(what) => Problem::Damaged(format!("layer {place}: {what}")),
            Problem::Unsupported(what) => Problem::Unsupported(format!("layer {place}: {what}")),
        })?;
        for layer in layers {
            self.shape = layer.check(self.layers.len(), self.shape).map_err(unfit)?;
            self.layers.push(layer);
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Vec<Layer>, Problem> {
        if self.flattened.is_some() {
            return Err(order_lost());
        }
        self.tensors.finish()?;
        Ok(self.layers)
    }

    fn read(&mut self, kind: LayerKind) -> Result<Vec<Layer>, Problem> {
        let keeps_order = matches!(
            kind,
            LayerKind::Dense { .. } | LayerKind::Dropout { .. } | LayerKind::Activation { .. }
        );
        if self.flattened.is_some() && !keeps_order {
            return Err(order_lost());
        }
        let layer = match kind {
            LayerKind::Dense { tensors, activation, bias } => {
                let names = self.names(&tensors, ["weight", "bias"], ["kernel", "bias"], bias)?;
                Layer::Dense(self.dense(&names, activation.ours()?)?)
            }
            LayerKind::Embedding { tensors } => Layer::Embedding(self.embedding(&tensors)?),
            LayerKind::Conv1d { tensors, activation, bias, stride, padding } => {
                let names = self.names(&tensors, ["weight", "bias"], ["kernel", "bias"], bias)?;
                let (weights, bias) = self.convolution(&names)?;
                let padding = ours(padding, weights.dim().0, stride)?;
                let activation = activation.ours()?;
                Layer::Conv1d(Conv1d { weights, bias, stride, padding, activation })
            }
            LayerKind::Lstm { .. } | LayerKind::Gru { .. } => return self.recurrent(kind),
            LayerKind::BatchNorm { tensors, epsilon, scale, center } => {
                Layer::BatchNorm(self.batch_norm(&tensors, epsilon, scale, center)?)
            }
            LayerKind::Dropout { rate } => Layer::Dropout(Dropout { rate }),
            LayerKind::Prelu { tensors } => Layer::PRelu(self.prelu(&tensors)?),
            LayerKind::Activation { function } => Layer::Activation(function.ours()?),
            LayerKind::Flatten { order } => {
                self.flatten(order)?;
                Layer::Flatten
            }
            LayerKind::Pool { kind } => Layer::Pool(match kind {
                Pool::Max => network::Pool::Max,
                Pool::Mean => network::Pool::Mean,
                Pool::Last => network::Pool::Last,
            }),
        };
        Ok(vec![layer])
    }

    /// The names of a layer's weights and, if it has one, its bias.
    fn names(
        &self,
        source: &Source,
        pytorch: [&str; 2],
        keras: [&str; 2],
        bias: bool,
    ) -> Result<Vec<String>, Problem> {
        let parts = match self.framework {
            Framework::Pytorch => pytorch,
            Framework::Keras => keras,
        };
        let parts = if bias { &parts[..] } else { &parts[..1] };
        self.each_name(source, &parts.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>())
    }

    /// The full names of these parts of a layer.
    pub(super) fn each_name(
        &self,
        source: &Source,
        parts: &[String],
    ) -> Result<Vec<String>, Problem> {
        match source {
            Source::Prefix(prefix) if prefix.is_empty() => Ok(parts.to_vec()),
            Source::Prefix(prefix) => {
                let between = if self.framework == Framework::Pytorch { '.' } else { '/' };
                Ok(parts.iter().map(|part| format!("{prefix}{between}{part}")).collect())
            }
            Source::List(names) if names.len() == parts.len() => Ok(names.clone()),
            Source::List(names) => Err(Problem::Unsupported(format!(
                "`tensors` lists {} names, it needs {}: {}",
                names.len(),
                parts.len(),
                parts.join(", ")
            ))),
        }
    }

    /// PyTorch's `(out, in)` or Keras's `(in, out)` as `(in, out)`.
    pub(super) fn matrix(
        &mut self,
        name: &str,
        n_in: Size,
        n_out: Size,
    ) -> Result<Array2<f64>, Problem> {
        match self.framework {
            Framework::Keras => self.tensors.array::<Ix2>(name, &[n_in, n_out]),
            Framework::Pytorch => {
                let stored = self.tensors.array::<Ix2>(name, &[n_out, n_in])?;
                Ok(stored.t().as_standard_layout().into_owned())
            }
        }
    }

    /// A layer's bias, 0 if it has none.
    pub(super) fn bias(&mut self, name: Option<&String>, n: usize) -> Result<Array1<f64>, Problem> {
        match name {
            None => Ok(Array1::zeros(n)),
            Some(name) => self.tensors.array::<Ix1>(name, &[Size::Is(n)]),
        }
    }

    fn dense(
        &mut self,
        names: &[String],
        activation: network::Activation,
    ) -> Result<Dense, Problem> {
        let n_in = Size::Is(self.shape.width);
        let mut weights = self.matrix(&names[0], n_in, Size::Any("outputs"))?;
        if let Some(Shape { steps, width }) = self.flattened.take() {
            // Our column `step · width + channel` is theirs at `channel · steps + step`.
            let steps = steps.unwrap_or(1);
            let theirs: Vec<usize> =
                (0..steps).flat_map(|t| (0..width).map(move |c| c * steps + t)).collect();
            weights = weights.select(Axis(0), &theirs);
        }
        let bias = self.bias(names.get(1), weights.ncols())?;
        Ok(Dense { weights, bias, activation })
    }

    fn embedding(&mut self, source: &Source) -> Result<Embedding, Problem> {
        let part = if self.framework == Framework::Pytorch { "weight" } else { "embeddings" };
        let names = self.each_name(source, &[part.to_owned()])?;
        let vocabulary = match self.input {
            Input::Tokens { vocabulary, .. } => Size::Is(vocabulary),
            _ => Size::Any("vocabulary"),
        };
        Ok(Embedding { weights: self.tensors.array(&names[0], &[vocabulary, Size::Any("width")])? })
    }

    /// PyTorch's `(out, in, kernel)` or Keras's `(kernel, in, out)` as the latter.
    fn convolution(&mut self, names: &[String]) -> Result<(Array3<f64>, Array1<f64>), Problem> {
        let [kernel, n_in, filters] =
            [Size::Any("kernel"), Size::Is(self.shape.width), Size::Any("filters")];
        let weights = match self.framework {
            Framework::Keras => self.tensors.array::<Ix3>(&names[0], &[kernel, n_in, filters])?,
            Framework::Pytorch => {
                let stored = self.tensors.array::<Ix3>(&names[0], &[filters, n_in, kernel])?;
                stored.t().as_standard_layout().into_owned()
            }
        };
        let bias = self.bias(names.get(1), weights.dim().2)?;
        Ok((weights, bias))
    }

    fn batch_norm(
        &mut self,
        source: &Source,
        epsilon: Option<f64>,
        scale: bool,
        center: bool,
    ) -> Result<BatchNorm, Problem> {
        let ([gamma, beta, mean, variance], usual) = match self.framework {
            Framework::Pytorch => (["weight", "bias", "running_mean", "running_var"], 1e-5),
            Framework::Keras => (["gamma", "beta", "moving_mean", "moving_variance"], 1e-3),
        };
        let mut parts = Vec::new();
        parts.extend(scale.then(|| gamma.to_owned()));
        parts.extend(center.then(|| beta.to_owned()));
        parts.extend([mean.to_owned(), variance.to_owned()]);
        let names = self.each_name(source, &parts)?;
        let width = self.shape.width;
        let arrays = names.iter().map(|name| self.tensors.array::<Ix1>(name, &[Size::Is(width)]));
        let mut arrays = arrays.collect::<Result<Vec<_>, _>>()?.into_iter();
        // What is not there leaves a number as it is.
        let mut next = |there: bool, usual: f64| {
            let array = if there { arrays.next() } else { None };
            array.unwrap_or_else(|| Array1::from_elem(width, usual))
        };
        let (gamma, beta) = (next(scale, 1.0), next(center, 0.0));
        let (mean, variance) = (next(true, 0.0), next(true, 1.0));
        let epsilon = epsilon.unwrap_or(usual);
        // What training would do next; a prediction does not ask.
        Ok(BatchNorm { gamma, beta, mean, variance, epsilon, momentum: 0.9 })
    }

    fn prelu(&mut self, source: &Source) -> Result<PRelu, Problem> {
        let part = if self.framework == Framework::Pytorch { "weight" } else { "alpha" };
        let names = self.each_name(source, &[part.to_owned()])?;
        let stored = self.tensors.any(&names[0])?;
        let Shape { steps, width } = self.shape;
        let expected: Vec<Vec<usize>> = match steps {
            None => vec![vec![1], vec![width]],
            Some(_) if self.framework == Framework::Pytorch => vec![vec![1], vec![width]],
            Some(steps) => vec![vec![1, width], vec![steps, width]],
        };
        if !expected.iter().any(|shape| shape == stored.shape()) {
            return Err(Problem::Damaged(format!(
                "the tensor `{}` has shape {:?}, expected {:?} or {:?}",
                crate::import::shown(&names[0]),
                stored.shape(),
                expected[0],
                expected[1]
            )));
        }
        Ok(PRelu { alpha: stored.iter().copied().collect() })
    }

    fn flatten(&mut self, order: Option<Order>) -> Result<(), Problem> {
        let order = match (order, self.framework) {
            (Some(order), _) => order,
            (None, Framework::Keras) => Order::Steps,
            (None, Framework::Pytorch) => {
                return Err(Problem::Unsupported(
                    "a flattening of PyTorch needs `\"order\": \"channels\"` where it flattens \
                     (rows, channels, steps), as behind a convolution, or `\"order\": \"steps\"` \
                     where it flattens (rows, steps, channels)"
                        .into(),
                ));
            }
        };
        if order == Order::Channels && self.shape.steps.is_some() {
            self.flattened = Some(self.shape);
        }
        Ok(())
    }
}

fn order_lost() -> Problem {
    Problem::Unsupported(
        "behind a flattening in the order of channels a dense layer must follow, with nothing \
         but dropout and activations between"
            .into(),
    )
}

/// A padding of ours that adds the same steps.
fn ours(padding: Padding, kernel: usize, stride: usize) -> Result<network::Padding, Problem> {
    match padding {
        Padding::Named(PaddingName::Valid) | Padding::Steps(0) => Ok(network::Padding::Valid),
        Padding::Named(PaddingName::Same) => Ok(network::Padding::Same),
        Padding::Named(PaddingName::Causal) => Ok(network::Padding::Causal),
        // Half a window on both sides.
        Padding::Steps(steps) if stride == 1 && kernel / 2 == steps && kernel % 2 == 1 => {
            Ok(network::Padding::Same)
        }
        Padding::Steps(steps) => Err(Problem::Unsupported(format!(
            "a padding of {steps} steps on each side of a convolution with a window of {kernel} \
             and stride {stride}: fi has `valid`, `same` and `causal`, and a number where it is \
             half of an odd window with stride 1"
        ))),
    }
}
