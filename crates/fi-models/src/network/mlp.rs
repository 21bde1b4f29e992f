//! The learner of multi-layer perceptrons: dense layers, with what usually stands between them.

use std::ops::ControlFlow;

use fi_core::{Dataset, Learner, Model, Result, Run, require};
use serde::{Deserialize, Serialize};

use super::activation::Activation;
use super::fit::{Epoch, Observer};
use super::fitted::Network;
use super::initializer::Initializer;
use super::input::Input;
use super::layers::LARGEST;
use super::objective::ClassWeights;
use super::optimizer::Optimizer;
use super::real::Precision;
use super::schedule::Schedule;
use super::sequential::Sequential;
use super::settings::LayerSettings;
use super::stopping::EarlyStopping;
use super::training::{Clip, Sampling, Training};

/// A multi-layer perceptron: fully connected layers, trained on mini-batches.
///
/// ```text
/// a⁰ = x,   aˡ = σ(aˡ⁻¹ Wˡ + bˡ)  for each hidden layer l,   z = aᴸ⁻¹ Wᴸ + bᴸ
/// classification   p = softmax(z),   loss = −ln p[class]
/// regression       prediction = z,   loss = (z − target)²
/// objective of a batch B   1/|B| Σ_{i ∈ B} wᵢ lossᵢ + λ Σ_{hidden l} Σ (Wˡ)²
/// ```
///
/// With batch normalisation and dropout a hidden layer is weighted sum, normalisation,
/// activation, dropout. It is [`Sequential`] with such layers, trained as [`Training`] says; the
/// fields from `optimizer` on are those of [`Training`]. Biases start at 0 and are not penalised.
///
/// Features and values are used as they are given: scale them first. The defaults are the
/// network of the VIANN package's example script: 16 ReLU units, Adam, 50 epochs of batches of 16.
///
/// # Cost
///
/// `O(epochs × n_rows × n_weights)`; memory `O(n_weights + batch_size × n_units)`, allocated
/// once. One fit runs on one thread: fit several networks in parallel through [`Run::map`].
///
/// # When it misleads
///
/// Two seeds give two networks. What one network says about its inputs is a sample of one, so
/// compare methods over many seeds.
///
/// # Errors
///
/// [`Error::Parameter`](fi_core::Error::Parameter) for a setting outside its domain;
/// [`Error::NotFinite`](fi_core::Error::NotFinite) for a missing
/// value (it names row and column); [`Error::Data`](fi_core::Error::Data) for fewer than two classes, if early stopping
/// leaves no rows on one side, or if training diverges (it names the epoch).
///
/// # Example
///
/// ```
/// use fi_core::{Dataset, Model, Run, Target};
/// use fi_models::network::{Mlp, Optimizer};
/// use ndarray::array;
///
/// // Exclusive or, which no network without a hidden layer can learn.
/// let rows = array![[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
/// let names = vec!["same".to_owned(), "different".to_owned()];
/// let data = Dataset::new(rows.clone(), Target::Classes { labels: vec![0, 1, 1, 0], names })?;
/// let mlp = Mlp { epochs: 500, optimizer: Optimizer::adam(0.02), ..Mlp::default() };
/// let network = mlp.fit(&Run::new(0), &data)?;
/// let probabilities = network.predict(rows.view())?;
/// assert!(probabilities[[0, 0]] > 0.9 && probabilities[[1, 1]] > 0.9);
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Rumelhart, Hinton, Williams (1986). *Learning representations by back-propagating errors.*
///   Nature 323:533–536. <https://doi.org/10.1038/323533a0>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mlp {
    /// The number of units of each hidden layer, from the inputs on; each at least 1. Without
    /// hidden layers the network is a linear or multinomial logistic regression. Default: `[16]`.
    pub hidden: Vec<usize>,
    /// What the hidden units do. Default: ReLU.
    pub activation: Activation,
    /// How all weights start. Default: Glorot uniform.
    pub initializer: Initializer,
    /// `λ`: the factor of the sum of squares of the *hidden* layers' weights, as in the published
    /// VIANN networks; the output layer and the biases are free. Not negative. Default: 0.
    pub l2: f64,
    /// Whether the hidden layers' sums are normalised by batch. Default: no.
    pub batch_norm: bool,
    /// The share of hidden units that is dropped in training, in [0, 1). Default: 0.
    pub dropout: f64,
    /// Whether the hidden units are ReLUs with a learned slope below 0, which starts at 0.25 for
    /// each unit, instead of `activation`. Default: no.
    pub prelu: bool,
    /// How a gradient becomes a step. Default: Adam with a learning rate of 0.001.
    pub optimizer: Optimizer,
    /// How often all training rows are seen; at least 1. Default: 50.
    pub epochs: usize,
    /// How many rows a step averages over; at least 1, and more than there are means all of
    /// them. Default: 16.
    pub batch_size: usize,
    /// Whether rows are brought into a new random order before each epoch. Default: yes.
    pub shuffle: bool,
    /// When to stop before `epochs`; `None` (the default) never does, and trains on all rows.
    pub early_stopping: Option<EarlyStopping>,
    /// How the learning rate changes from epoch to epoch. Default: not.
    pub schedule: Schedule,
    /// Over how many steps the learning rate rises to its place. Default: 0.
    pub warm_up: usize,
    /// What a row of each class weighs. Default: the same.
    pub class_weights: ClassWeights,
    /// How large a gradient may be. Default: as large as it is.
    pub clip: Option<Clip>,
    /// When the first layer's weights are counted. Default: after each epoch.
    pub sampling: Sampling,
    /// What the network computes with. Default: `f32`.
    pub precision: Precision,
}

impl Default for Mlp {
    fn default() -> Self {
        let Training {
            optimizer,
            schedule,
            warm_up,
            epochs,
            batch_size,
            shuffle,
            early_stopping,
            class_weights,
            clip,
            sampling,
            precision,
        } = Training::default();
        Self {
            hidden: vec![16],
            activation: Activation::Relu,
            initializer: Initializer::GlorotUniform,
            l2: 0.0,
            batch_norm: false,
            dropout: 0.0,
            prelu: false,
            optimizer,
            epochs,
            batch_size,
            shuffle,
            early_stopping,
            schedule,
            warm_up,
            class_weights,
            clip,
            sampling,
            precision,
        }
    }
}

impl Mlp {
    /// Trains a network on `data`.
    ///
    /// # Errors
    ///
    /// See [`Mlp`].
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
    /// See [`Mlp`].
    ///
    /// # Example
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use fi_core::{Dataset, Run, Target};
    /// use fi_models::network::{Epoch, Mlp};
    /// use ndarray::array;
    ///
    /// let data = Dataset::new(array![[0.0], [1.0], [2.0]], Target::Values(vec![0.0, 2.0, 4.0]))?;
    /// let mut largest = Vec::new();
    /// let mut observer = |epoch: &Epoch<'_>| {
    ///     largest.push(epoch.weights(0).fold(0.0_f64, |m, w| m.max(w.abs())));
    ///     if epoch.index == 9 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    /// };
    /// let network = Mlp::default().fit_observed(&Run::new(0), &data, &mut observer)?;
    /// assert_eq!((largest.len(), network.history().len()), (10, 10));
    /// # Ok::<(), fi_core::Error>(())
    /// ```
    pub fn fit_observed(
        &self,
        run: &Run<'_>,
        data: &Dataset,
        observer: Observer<'_>,
    ) -> Result<Network> {
        self.sequential(data.n_features(), data.target().n_classes().unwrap_or(1))?
            .fit_observed(run, data, observer)
    }

    /// The same network as a chain of layers, for so many features and outputs.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](fi_core::Error::Parameter) for a hidden layer without units, or more
    /// weights than can be held.
    pub fn sequential(&self, n_features: usize, n_outputs: usize) -> Result<Sequential> {
        if let Some(layer) = self.hidden.iter().position(|&n_units| n_units == 0) {
            let requirement = format!("at least 1 unit in each layer, but layer {layer} has none");
            require(false, "hidden", format!("{:?}", self.hidden), requirement)?;
        }
        require(self.l2.is_finite() && self.l2 >= 0.0, "l2", self.l2, "finite and not negative")?;
        let share = (0.0..1.0).contains(&self.dropout);
        require(share, "dropout", self.dropout, "in [0, 1)")?;
        let widths = [&[n_features], self.hidden.as_slice(), &[n_outputs]].concat();
        let n_parameters = widths.windows(2).try_fold(0_usize, |sum, pair| {
            sum.checked_add(pair[0].checked_add(1)?.checked_mul(pair[1])?)
        });
        let fits = n_parameters.is_some_and(|n| n <= LARGEST);
        let requirement = format!("small enough for {LARGEST} weights in all");
        require(fits, "hidden", format!("{:?}", self.hidden), requirement)?;

        let Self { initializer, l2, .. } = *self;
        let mut layers = Vec::new();
        for &units in &self.hidden {
            let activation = if self.prelu { Activation::Linear } else { self.activation };
            let alone = if self.batch_norm { Activation::Linear } else { activation };
            layers.push(LayerSettings::Dense { units, activation: alone, initializer, l2 });
            if self.batch_norm {
                layers.push(LayerSettings::batch_norm());
                layers.push(LayerSettings::Activation(activation));
            }
            if self.prelu {
                layers.push(LayerSettings::PRelu { start: 0.25 });
            }
            if self.dropout > 0.0 {
                layers.push(LayerSettings::Dropout { rate: self.dropout });
            }
        }
        Ok(Sequential {
            input: Input::Features(n_features),
            layers,
            output_initializer: initializer,
            output_l2: 0.0,
            training: self.training(),
        })
    }

    fn training(&self) -> Training {
        Training {
            optimizer: self.optimizer,
            schedule: self.schedule,
            warm_up: self.warm_up,
            epochs: self.epochs,
            batch_size: self.batch_size,
            shuffle: self.shuffle,
            early_stopping: self.early_stopping.clone(),
            class_weights: self.class_weights.clone(),
            clip: self.clip,
            sampling: self.sampling,
            precision: self.precision,
        }
    }
}

impl Learner for Mlp {
    fn train(&self, run: &Run<'_>, data: &Dataset) -> Result<Box<dyn Model>> {
        Ok(Box::new(self.fit(run, data)?))
    }
}
