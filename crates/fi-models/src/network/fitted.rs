//! The trained network: its layers, its training history, and the path of its first weights.

use fi_core::{Error, Model, Output, Result, check_columns, require_shape};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2};
use serde::{Deserialize, Serialize};

use super::engine::{Activation, Shape, affine, softmax};
use super::viann::WeightStatistics;

/// One fully connected layer: `activation(input · weights + bias)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dense {
    /// `(n_in, n_out)`, as Keras stores a kernel; PyTorch's `Linear.weight` is its transpose.
    pub weights: Array2<f64>,
    /// `(n_out,)`.
    pub bias: Array1<f64>,
    /// What is done with each weighted sum. The softmax of a classifier is not part of its last
    /// layer, which is [`Activation::Linear`].
    pub activation: Activation,
}

/// What an epoch of training came to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The training loss: the mean over the epoch's batches, each before its own step, plus the
    /// L2 term at the end of the epoch.
    pub loss: f64,
    /// The share of training rows whose class was predicted, likewise; `None` for regression.
    pub accuracy: Option<f64>,
    /// The loss on the validation rows at the end of the epoch, with the L2 term, where rows are
    /// held back.
    pub validation_loss: Option<f64>,
    /// The accuracy there; `None` for regression.
    pub validation_accuracy: Option<f64>,
}

/// The end of one epoch, as an observer sees it.
#[derive(Debug, Clone, Copy)]
pub struct Epoch<'a> {
    /// Which epoch, from 0.
    pub index: usize,
    /// Its losses.
    pub record: Record,
    pub(super) shapes: &'a [Shape],
    pub(super) parameters: &'a [f64],
}

impl<'a> Epoch<'a> {
    /// How many layers the network has, the output layer included.
    pub fn n_layers(&self) -> usize {
        self.shapes.len()
    }

    /// The `(n_in, n_out)` weights of layer `layer`, from 0 for the one that reads the features.
    ///
    /// # Panics
    ///
    /// If there is no such layer.
    pub fn weights(&self, layer: usize) -> ArrayView2<'a, f64> {
        let shape = self.shapes[layer];
        ArrayView2::from_shape((shape.n_in, shape.n_out), shape.weights(self.parameters))
            .expect("a layer's weights fill its shape")
    }

    /// The biases of layer `layer`.
    ///
    /// # Panics
    ///
    /// If there is no such layer.
    pub fn bias(&self, layer: usize) -> ArrayView1<'a, f64> {
        ArrayView1::from(self.shapes[layer].bias(self.parameters))
    }
}

/// A trained multi-layer perceptron.
///
/// A classifier returns [`Output::Probabilities`], one column per class of the training target
/// in class order (two for two classes); a regressor returns [`Output::Values`], one column.
///
/// Networks trained elsewhere come in through [`Network::new`]. What is read with serde is
/// checked like those.
///
/// # Example
///
/// ```
/// use fi_core::{Model, Output};
/// use fi_models::network::{Activation, Dense, Network};
/// use ndarray::array;
///
/// // One hidden unit: max(0, x₀ − x₁), and twice that plus 1 comes out.
/// let hidden = Dense {
///     weights: array![[1.0], [-1.0]],
///     bias: array![0.0],
///     activation: Activation::Relu,
/// };
/// let last =
///     Dense { weights: array![[2.0]], bias: array![1.0], activation: Activation::Linear };
/// let network = Network::new(vec![hidden, last], Output::Values)?;
/// assert_eq!(network.predict(array![[5.0, 2.0], [0.0, 9.0]].view())?, array![[7.0], [1.0]]);
/// # Ok::<(), fi_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct Network {
    layers: Vec<Dense>,
    output: Output,
    history: Vec<Record>,
    statistics: WeightStatistics,
}

/// A network as it is read, not checked yet.
#[derive(Deserialize)]
struct Parts {
    layers: Vec<Dense>,
    output: Output,
    history: Vec<Record>,
    statistics: WeightStatistics,
}

impl TryFrom<Parts> for Network {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        let Parts { layers, output, history, statistics } = parts;
        let network = Self { layers, output, history, statistics };
        network.validate()?;
        Ok(network)
    }
}

impl Network {
    /// A network of these layers, such as one trained by another library. Its history is empty,
    /// and its weight statistics count no epoch.
    ///
    /// With [`Output::Probabilities`] a softmax follows the last layer.
    ///
    /// # Errors
    ///
    /// As for [`Network::validate`].
    pub fn new(layers: Vec<Dense>, output: Output) -> Result<Self> {
        let first = layers.first().map_or_else(|| Array2::zeros((0, 0)), |l| l.weights.clone());
        let statistics = WeightStatistics::new(first.view());
        let network = Self { layers, output, history: Vec::new(), statistics };
        network.validate()?;
        Ok(network)
    }

    pub(super) fn trained(
        layers: Vec<Dense>,
        output: Output,
        history: Vec<Record>,
        statistics: WeightStatistics,
    ) -> Result<Self> {
        let network = Self { layers, output, history, statistics };
        network.validate()?;
        Ok(network)
    }

    /// Checks that the layers fit together and that every number is finite.
    ///
    /// Every way to make a network has checked this already; a store may ask again.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] without layers, for an empty layer, for probabilities with fewer than two
    /// outputs or an activation before the softmax, for an output kind a network has not, or for
    /// a number that is not finite; [`Error::Shape`] where a layer does not fit the one before
    /// it, its bias, or the statistics.
    pub fn validate(&self) -> Result<()> {
        let Some(last) = self.layers.last() else {
            return Err(Error::Data("the network has no layers, give at least one".into()));
        };
        let mut n_in = self.layers[0].weights.nrows();
        for (l, layer) in self.layers.iter().enumerate() {
            let n_out = layer.weights.ncols();
            let what = format!("the weight matrix of layer {l}");
            require_shape(&what, &[n_in, n_out], layer.weights.shape())?;
            if n_in == 0 || n_out == 0 {
                return Err(Error::Data(format!(
                    "layer {l} has {n_in} inputs and {n_out} units, it needs at least one of each"
                )));
            }
            require_shape(&format!("the bias of layer {l}"), &[n_out], layer.bias.shape())?;
            all_finite(&what, layer.weights.iter())?;
            all_finite(&format!("the bias of layer {l}"), layer.bias.iter())?;
            n_in = n_out;
        }
        match self.output {
            Output::Probabilities if n_in < 2 => Err(Error::Data(
                "a network of probabilities has 1 output, it needs one per class".into(),
            )),
            Output::Probabilities if last.activation != Activation::Linear => Err(Error::Data(
                "the softmax follows the last layer, whose activation must be linear".into(),
            )),
            Output::Labels => Err(Error::Data(
                "a network returns values, margins or probabilities, not labels".into(),
            )),
            _ => self.statistics.check(self.layers[0].weights.dim()),
        }
    }

    /// The layers, from the one that reads the features to the output layer.
    pub fn layers(&self) -> &[Dense] {
        &self.layers
    }

    /// What each epoch of training came to; empty for a network made by [`Network::new`].
    pub fn history(&self) -> &[Record] {
        &self.history
    }

    /// How the weights of the first layer moved from epoch to epoch: what [`Viann`] reads.
    ///
    /// [`Viann`]: super::Viann
    pub fn statistics(&self) -> &WeightStatistics {
        &self.statistics
    }

    /// The last layer's `(n_rows, n_outputs)` sums, before any softmax.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] for another number of columns.
    pub fn margins(&self, rows: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        check_columns(self.n_features(), rows)?;
        let n_rows = rows.nrows();
        let mut values = rows.as_standard_layout().into_owned();
        for layer in &self.layers {
            let mut output = Array2::zeros((n_rows, layer.bias.len()));
            let weights = layer.weights.as_standard_layout();
            let bias = layer.bias.as_standard_layout();
            if let (Some(x), Some(w), Some(b), Some(out)) =
                (values.as_slice(), weights.as_slice(), bias.as_slice(), output.as_slice_mut())
            {
                affine(x, w, b, out);
                layer.activation.apply(out);
            }
            values = output;
        }
        Ok(values)
    }
}

impl Model for Network {
    fn n_features(&self) -> usize {
        self.layers[0].weights.nrows()
    }

    fn n_outputs(&self) -> usize {
        self.layers[self.layers.len() - 1].bias.len()
    }

    fn output(&self) -> Output {
        self.output
    }

    fn predict(&self, rows: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        let mut predictions = self.margins(rows)?;
        if self.output == Output::Probabilities {
            for mut row in predictions.rows_mut() {
                row.as_slice_mut().map(softmax);
            }
        }
        Ok(predictions)
    }
}

pub(super) fn all_finite<'a>(what: &str, mut values: impl Iterator<Item = &'a f64>) -> Result<()> {
    match values.find(|value| !value.is_finite()) {
        None => Ok(()),
        Some(value) => Err(Error::Data(format!(
            "{what} holds `{value}`, train the network again or repair the file"
        ))),
    }
}
