//! The learner of any chain of layers.

use std::ops::ControlFlow;

use fi_core::{Dataset, Learner, Model, Result, Run};
use serde::{Deserialize, Serialize};

use super::activation::Activation;
use super::fit::{Epoch, INITIAL_WEIGHTS, Observer, fit};
use super::fitted::Network;
use super::initializer::Initializer;
use super::input::Input;
use super::layers::Layer;
use super::settings::LayerSettings;
use super::training::Training;

/// A chain of layers of any kind, trained on mini-batches.
///
/// A dense layer with one unit per class, or one for a regression, follows the layers given:
///
/// ```text
/// classification   p = softmax(z),   loss = −ln p[class]
/// regression       prediction = z,   loss = (z − target)²
/// objective of a batch B   1/|B| Σ_{i ∈ B} wᵢ lossᵢ + Σ_l λₗ Σ (weights of layer l)²
/// ```
///
/// Features and values are used as they are given: scale them first.
///
/// # Cost
///
/// `O(epochs × n_rows × n_weights × steps)`; memory for all values of a batch, allocated once.
/// One fit runs on one thread: fit several networks in parallel through [`Run::map`].
///
/// # When it misleads
///
/// Two seeds give two networks. What one network says about its inputs is a sample of one, so
/// compare methods over many seeds.
///
/// # Errors
///
/// [`Error::Parameter`](fi_core::Error::Parameter) for a setting outside its domain;
/// [`Error::Shape`](fi_core::Error::Shape) unless the table has the columns that `input` reads;
/// [`Error::NotFinite`](fi_core::Error::NotFinite) for a missing feature (it names row and
/// column); [`Error::Data`](fi_core::Error::Data) where layers do not fit together, for what
/// [`Input`] cannot read, for fewer than two classes, if early stopping leaves no rows on one
/// side, or if training diverges (it names the epoch).
///
/// # Example
///
/// ```
/// use fi_core::{Dataset, Run, Target};
/// use fi_models::network::{
///     Activation, Input, LayerSettings, Optimizer, Pool, Sequential, Training,
/// };
/// use ndarray::Array2;
///
/// // Is there a step up of more than 1.4 anywhere in the sequence?
/// let rows = Array2::from_shape_fn((60, 8), |(i, t)| {
///     ((i * i * (3 + t) + 5 * i * t * t + t) % 13) as f64 / 6.0
/// });
/// let up = |row: ndarray::ArrayView1<f64>| row.windows(2).into_iter().any(|w| w[1] - w[0] > 1.4);
/// let labels = rows.rows().into_iter().map(|row| usize::from(up(row))).collect();
/// let names = vec!["no".to_owned(), "yes".to_owned()];
/// let data = Dataset::new(rows, Target::Classes { labels, names })?;
///
/// let learner = Sequential {
///     input: Input::Sequence { steps: 8, channels: 1 },
///     layers: vec![
///         LayerSettings::conv1d(8, 2, Activation::Relu),
///         LayerSettings::Pool(Pool::Max),
///     ],
///     training: Training { optimizer: Optimizer::adam(0.05), ..Training::default() },
///     ..Sequential::default()
/// };
/// let network = learner.fit(&Run::new(0), &data)?;
/// assert!(network.history()[49].accuracy > Some(0.9));
/// # Ok::<(), fi_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sequential {
    /// How a row is read. Default: one feature.
    pub input: Input,
    /// The layers before the output layer; a sequence must have ended behind the last one.
    /// Default: none.
    pub layers: Vec<LayerSettings>,
    /// How the output layer's weights start. Default: Glorot uniform.
    pub output_initializer: Initializer,
    /// The factor of the penalty of the output layer's weights, not negative. Default: 0.
    pub output_l2: f64,
    /// How it is trained.
    pub training: Training,
}

impl Default for Sequential {
    fn default() -> Self {
        Self {
            input: Input::Features(1),
            layers: Vec::new(),
            output_initializer: Initializer::GlorotUniform,
            output_l2: 0.0,
            training: Training::default(),
        }
    }
}

impl Sequential {
    /// Trains a network on `data`.
    ///
    /// # Errors
    ///
    /// See [`Sequential`].
    pub fn fit(&self, run: &Run<'_>, data: &Dataset) -> Result<Network> {
        self.fit_observed(run, data, &mut |_: &Epoch<'_>| ControlFlow::Continue(()))
    }

    /// Trains a network on `data` and shows `observer` the end of every epoch.
    ///
    /// If the observer answers `Break`, that epoch is the last, and the network as it stands
    /// comes back: at its best epoch, if early stopping restores that.
    ///
    /// # Errors
    ///
    /// See [`Sequential`].
    pub fn fit_observed(
        &self,
        run: &Run<'_>,
        data: &Dataset,
        observer: Observer<'_>,
    ) -> Result<Network> {
        self.training.check(data, self.input)?;
        let (layers, l2) = self.start(run, data.target().n_classes().unwrap_or(1))?;
        fit(&self.training, self.input, layers, &l2, run, data, observer)
    }

    /// The layers with random weights, and the factor of each one's penalty.
    pub(super) fn start(&self, run: &Run<'_>, n_outputs: usize) -> Result<(Vec<Layer>, Vec<f64>)> {
        let rng = &mut run.rng(INITIAL_WEIGHTS);
        let output = LayerSettings::Dense {
            units: n_outputs,
            activation: Activation::Linear,
            initializer: self.output_initializer,
            l2: self.output_l2,
        };
        let (mut layers, mut l2) = (Vec::new(), Vec::new());
        let mut shape = self.input.shape();
        for (place, settings) in self.layers.iter().chain([&output]).enumerate() {
            let layer = settings.start(self.input, shape, rng)?;
            shape = layer.check(place, shape)?;
            layers.push(layer);
            l2.push(settings.l2());
        }
        shape.refuse_sequence()?;
        Ok((layers, l2))
    }
}

impl Learner for Sequential {
    fn train(&self, run: &Run<'_>, data: &Dataset) -> Result<Box<dyn Model>> {
        Ok(Box::new(self.fit(run, data)?))
    }
}
