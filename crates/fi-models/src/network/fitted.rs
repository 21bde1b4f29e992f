//! The trained network: its layers, its training history, and the path of its first weights.

use std::sync::OnceLock;

use fi_core::{Error, Model, Output, Result};
use ndarray::{Array2, ArrayView2, CowArray, Ix2, s};
use serde::{Deserialize, Serialize};

use super::activation::Activation;
use super::elementwise;
use super::input::Input;
use super::layers::{Dense, Layer, Shape};
use super::program::{Program, Workspace};
use super::real::{Precision, Real};
use super::viann::WeightStatistics;

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
    /// The metric there that early stopping watches, where it watches one.
    pub validation_metric: Option<f64>,
    /// The learning rate of the epoch's last step; `None` in networks of older files.
    pub learning_rate: Option<f64>,
}

/// A neural network: layers in a chain, from the rows of a table to one number per output.
///
/// A classifier returns [`Output::Probabilities`], one column per class of the training target
/// in class order (two for two classes): the softmax of its margins. A regressor returns
/// [`Output::Values`], one column.
///
/// Networks trained elsewhere come in through [`Network::new`]. What is read with serde is
/// checked like those.
///
/// # Example
///
/// ```
/// use fi_core::{Model, Output};
/// use fi_models::network::{Activation, Dense, Input, Layer, Network, Pool};
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
/// let network = Network::dense(vec![hidden.clone(), last.clone()], Output::Values)?;
/// assert_eq!(network.predict(array![[5.0, 2.0], [0.0, 9.0]].view())?, array![[7.0], [1.0]]);
///
/// // The same at each of two steps, of which the mean counts; NaN is padding.
/// let layers = vec![Layer::Dense(hidden), Layer::Pool(Pool::Mean), Layer::Dense(last)];
/// let input = Input::Sequence { steps: 2, channels: 2 };
/// let network = Network::new(input, layers, Output::Values)?;
/// let rows = array![[5.0, 2.0, 1.0, 0.0], [5.0, 2.0, f64::NAN, f64::NAN]];
/// assert_eq!(network.predict(rows.view())?, array![[5.0], [7.0]]);
/// # Ok::<(), fi_core::Error>(())
/// ```
#[expect(clippy::unsafe_derive_deserialize, reason = "the `unsafe` is in ndarray's `s!`")]
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct Network {
    input: Input,
    layers: Vec<Layer>,
    output: Output,
    precision: Precision,
    history: Vec<Record>,
    statistics: WeightStatistics,
    /// What stands before each layer, and behind the last.
    #[serde(skip)]
    shapes: Vec<Shape>,
    /// The layers ready to compute, made when they are needed first.
    #[serde(skip)]
    programs: Programs,
}

impl PartialEq for Network {
    fn eq(&self, other: &Self) -> bool {
        let key = |n: &Self| (n.input, n.output, n.precision);
        key(self) == key(other)
            && self.layers == other.layers
            && self.history == other.history
            && self.statistics == other.statistics
    }
}

/// A network as it is read, not checked yet.
#[derive(Deserialize)]
pub(crate) struct Parts {
    pub(crate) input: Input,
    pub(crate) layers: Vec<Layer>,
    pub(crate) output: Output,
    pub(crate) precision: Precision,
    pub(crate) history: Vec<Record>,
    pub(crate) statistics: WeightStatistics,
}

impl TryFrom<Parts> for Network {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        let Parts { input, layers, output, precision, history, statistics } = parts;
        let shapes = shapes(input, &layers)?;
        let programs = Programs::default();
        let network =
            Self { input, layers, output, precision, history, statistics, shapes, programs };
        network.validate()?;
        Ok(network)
    }
}

#[derive(Debug, Default)]
struct Programs {
    single: OnceLock<Program<f32>>,
    double: OnceLock<Program<f64>>,
}

impl Clone for Programs {
    /// A copy makes its own when it needs them.
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// A number type that a network has a program for.
pub(super) trait Computes: Real {
    fn program(network: &Network) -> &Program<Self>;
}

impl Computes for f32 {
    fn program(network: &Network) -> &Program<Self> {
        let Network { input, layers, shapes, programs, .. } = network;
        programs.single.get_or_init(|| Program::new(*input, layers, shapes))
    }
}

impl Computes for f64 {
    fn program(network: &Network) -> &Program<Self> {
        let Network { input, layers, shapes, programs, .. } = network;
        programs.double.get_or_init(|| Program::new(*input, layers, shapes))
    }
}

/// What stands before each layer, and behind the last.
pub(super) fn shapes(input: Input, layers: &[Layer]) -> Result<Vec<Shape>> {
    input.check()?;
    let embeds = matches!(layers.first(), Some(Layer::Embedding(_)));
    if embeds != matches!(input, Input::Tokens { .. }) {
        return Err(Error::Data(
            "tokens are read by an embedding as the first layer, and nothing else is".into(),
        ));
    }
    if let (Input::Tokens { vocabulary, .. }, Some(Layer::Embedding(embedding))) =
        (input, layers.first())
    {
        let shape = embedding.weights.shape();
        fi_core::require_shape("the embedding matrix", &[vocabulary, shape[1]], shape)?;
    }
    let mut shapes = vec![input.shape()];
    for (place, layer) in layers.iter().enumerate() {
        shapes.push(layer.check(place, shapes[place])?);
    }
    Ok(shapes)
}

/// About so many numbers per layer are in memory at once when a table is predicted: more than a
/// processor's cache holds costs time.
const BLOCK: usize = 1 << 20;

impl Network {
    /// A network of these layers, such as one trained by another library. Its history is empty,
    /// its weight statistics count no epoch, and it computes in `f64`.
    ///
    /// With [`Output::Probabilities`] a softmax follows the last layer.
    ///
    /// # Errors
    ///
    /// As for [`Network::validate`].
    pub fn new(input: Input, layers: Vec<Layer>, output: Output) -> Result<Self> {
        let first = layers.iter().find_map(Layer::input_weights);
        let none = Array2::zeros((0, 0));
        let statistics = WeightStatistics::new(first.as_ref().map_or(none.view(), CowArray::view));
        let (precision, history) = (Precision::Double, Vec::new());
        Parts { input, layers, output, precision, history, statistics }.try_into()
    }

    /// A network of dense layers alone, which reads rows as features.
    ///
    /// # Errors
    ///
    /// As for [`Network::validate`].
    pub fn dense(layers: Vec<Dense>, output: Output) -> Result<Self> {
        let n_features = layers.first().map_or(1, |layer| layer.weights.nrows());
        let layers = layers.into_iter().map(Layer::Dense).collect();
        Self::new(Input::Features(n_features), layers, output)
    }

    /// The same network, computing in another precision.
    pub fn with_precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// Checks that the layers fit together and that every number is finite.
    ///
    /// Every way to make a network has checked this already; a store may ask again.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] without layers, for an empty layer or one that needs a sequence and gets
    /// none, for a network that ends with a sequence, for probabilities with fewer than two
    /// outputs or an activation before the softmax, for an output kind a network has not, or for
    /// a number that is not finite; [`Error::Shape`] where a layer does not fit the one before
    /// it, its bias, or the statistics; [`Error::Parameter`] for an input without columns or an
    /// activation's setting outside its domain.
    pub fn validate(&self) -> Result<()> {
        let Some(last) = self.layers.last() else {
            return Err(Error::Data("the network has no layers, give at least one".into()));
        };
        let shapes = shapes(self.input, &self.layers)?;
        let last_shape = shapes[self.layers.len()];
        last_shape.refuse_sequence()?;
        let width = last_shape.width;
        let activation = match last {
            Layer::Dense(dense) => dense.activation,
            Layer::Activation(activation) => *activation,
            _ => Activation::Linear,
        };
        match self.output {
            Output::Probabilities if width < 2 => Err(Error::Data(
                "a network of probabilities has 1 output, it needs one per class".into(),
            )),
            Output::Probabilities if activation != Activation::Linear => Err(Error::Data(
                "the softmax follows the last layer, whose activation must be linear".into(),
            )),
            Output::Labels => Err(Error::Data(
                "a network returns values, margins or probabilities, not labels".into(),
            )),
            _ => {
                let first = self.first_weights().map_or((0, 0), |weights| weights.dim());
                self.statistics.check(first)
            }
        }
    }

    /// How it reads a row.
    pub fn input(&self) -> Input {
        self.input
    }

    /// The layers, from the one that reads the features to the output layer.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// What it computes with: what it was trained in, `f64` for a network made by
    /// [`Network::new`].
    pub fn precision(&self) -> Precision {
        self.precision
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

    /// The weights of the first layer that has any, one row per input: see
    /// [`Layer::input_weights`]; `None` for a network without weights.
    pub fn first_weights(&self) -> Option<CowArray<'_, f64, Ix2>> {
        self.layers.iter().find_map(Layer::input_weights)
    }

    /// The dense layers of a network of nothing else, but for dropout and activations.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] naming `method` and the first layer of another kind.
    pub(super) fn dense_layers(&self, method: &str) -> Result<Vec<&Dense>> {
        let mut dense = Vec::new();
        for (place, layer) in self.layers.iter().enumerate() {
            match layer {
                Layer::Dense(layer) => dense.push(layer),
                Layer::Dropout(_) | Layer::Activation(_) | Layer::PRelu(_) | Layer::Flatten => {}
                other => {
                    return Err(Error::Data(format!(
                        "{method} is defined for dense layers, but layer {place} is of kind {}: \
                         take a method that only predicts",
                        other.kind()
                    )));
                }
            }
        }
        if dense.is_empty() {
            return Err(Error::Data(format!("{method} needs a dense layer, the network has none")));
        }
        Ok(dense)
    }

    /// The last layer's `(n_rows, n_outputs)` sums, before any softmax.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] for another number of columns; for sequences and tokens those of
    /// [`Input`].
    pub fn margins(&self, rows: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        match self.precision {
            Precision::Single => self.margins_in::<f32>(rows),
            Precision::Double => self.margins_in::<f64>(rows),
        }
    }

    fn margins_in<T: Computes>(&self, rows: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        let program = T::program(self);
        let mut margins = Array2::zeros((rows.nrows(), self.n_outputs()));
        self.in_blocks(rows, |work: &mut Workspace<T>, rows| {
            let block = margins.slice_mut(s![rows, ..]);
            let computed = program.margins(work).iter();
            block.into_iter().zip(computed).for_each(|(to, x)| *to = x.wide());
            Ok(())
        })?;
        Ok(margins)
    }

    /// Runs the rows forward in blocks that bound memory, and hands each over with its range.
    pub(super) fn in_blocks<T: Computes>(
        &self,
        rows: ArrayView2<'_, f64>,
        mut each: impl FnMut(&mut Workspace<T>, std::ops::Range<usize>) -> Result<()>,
    ) -> Result<()> {
        self.input.check_rows(rows)?;
        let program = T::program(self);
        let shapes = self.layers.iter().zip(self.shapes.windows(2));
        let widest = shapes.map(|(layer, pair)| layer.footprint(pair[0], pair[1])).max();
        let widest = widest.unwrap_or(1).max(self.shapes[0].len());
        let block = (BLOCK / widest).clamp(64, 1024);
        // Alike, because a block that is larger than the one before has to be cleared.
        let block = rows.nrows().div_ceil(rows.nrows().div_ceil(block).max(1)).max(1);
        program.with_workspace(|work| {
            for start in (0..rows.nrows()).step_by(block) {
                let range = start..(start + block).min(rows.nrows());
                let part = rows.slice(s![range.clone(), ..]);
                program.load(work, part.rows().into_iter());
                program.forward(work, None);
                each(work, range)?;
            }
            Ok(())
        })
    }

    /// What it answers, row by row, where these are its margins.
    pub(super) fn answer(&self, mut margins: Vec<f64>) -> Vec<f64> {
        if self.output == Output::Probabilities {
            softmax_rows(&mut margins, self.n_outputs());
        }
        margins
    }

    /// What stands before each layer, and behind the last.
    pub(crate) fn shapes(&self) -> &[Shape] {
        &self.shapes
    }
}

impl Model for Network {
    fn n_features(&self) -> usize {
        self.input.n_features()
    }

    fn n_outputs(&self) -> usize {
        self.shapes[self.layers.len()].len()
    }

    fn output(&self) -> Output {
        self.output
    }

    fn predict(&self, rows: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        let mut predictions = self.margins(rows)?;
        if self.output == Output::Probabilities {
            let n_outputs = self.n_outputs();
            if let Some(margins) = predictions.as_slice_mut() {
                softmax_rows(margins, n_outputs);
            }
        }
        Ok(predictions)
    }
}

/// Turns rows of so many margins into probabilities in place: for each, what [`softmax`] does.
fn softmax_rows(margins: &mut [f64], n_outputs: usize) {
    for row in margins.chunks_exact_mut(n_outputs) {
        let highest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        for z in row.iter_mut() {
            *z -= highest;
        }
    }
    // Of all rows at once, because a row is less than a register.
    elementwise::exp(margins);
    for row in margins.chunks_exact_mut(n_outputs) {
        let sum: f64 = row.iter().sum();
        for z in row.iter_mut() {
            *z /= sum;
        }
    }
}

/// Turns margins into probabilities in place and returns `ln Σ eᶻ`.
pub(super) fn softmax(margins: &mut [f64]) -> f64 {
    let highest = margins.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    for z in margins.iter_mut() {
        *z -= highest;
    }
    elementwise::exp(margins);
    let sum: f64 = margins.iter().sum();
    for z in margins {
        *z /= sum;
    }
    highest + sum.ln()
}

pub(super) fn all_finite<'a>(what: &str, mut values: impl Iterator<Item = &'a f64>) -> Result<()> {
    match values.find(|value| !value.is_finite()) {
        None => Ok(()),
        Some(value) => Err(Error::Data(format!(
            "{what} holds `{value}`, train the network again or repair the file"
        ))),
    }
}
