//! The learner: what a multi-layer perceptron is, and the loop that trains it.

use std::ops::ControlFlow;

use fi_core::{Dataset, Error, Learner, Model, Output, Result, Run, Target, require};
use ndarray::{Array1, Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use super::activation::Activation;
use super::engine::{Engine, Goal, Shape, Sums, Table};
use super::epoch::Epoch;
use super::fitted::{Network, Parts, Record};
use super::initializer::Initializer;
use super::input::Input;
use super::layers::{Dense, Layer};
use super::optimizer::{Optimizer, Stepper};
use super::real::Precision;
use super::stopping::{EarlyStopping, Watch};
use super::viann::WeightStatistics;

/// A multi-layer perceptron: fully connected layers, trained on mini-batches.
///
/// ```text
/// a⁰ = x,   aˡ = σ(aˡ⁻¹ Wˡ + bˡ)  for each hidden layer l,   z = aᴸ⁻¹ Wᴸ + bᴸ
/// classification   p = softmax(z),   loss = −ln p[class]
/// regression       prediction = z,   loss = (z − target)²
/// objective of a batch B   1/|B| Σ_{i ∈ B} wᵢ lossᵢ + λ Σ_{hidden l} Σ (Wˡ)²
/// ```
///
/// The conventions are Keras's: the rows are shuffled before each epoch, the last batch of an
/// epoch may be smaller, biases start at 0 and are not penalised, `λ Σ w²` carries no factor ½.
/// Row weights `wᵢ` are divided by their mean, so their scale does not matter, and a batch is
/// divided by its number of rows, as in Keras, not by its sum of weights.
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
/// [`Error::Parameter`] for a setting outside its domain; [`Error::NotFinite`] for a missing
/// value (it names row and column); [`Error::Data`] for fewer than two classes, if early stopping
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
}

impl Default for Mlp {
    fn default() -> Self {
        Self {
            hidden: vec![16],
            activation: Activation::Relu,
            initializer: Initializer::GlorotUniform,
            l2: 0.0,
            optimizer: Optimizer::adam(0.001),
            epochs: 50,
            batch_size: 16,
            shuffle: true,
            early_stopping: None,
        }
    }
}

/// The streams of a fit, so that a setting changes only what it is about.
const INITIAL_WEIGHTS: u64 = 0;
const VALIDATION_ROWS: u64 = 1;
const ROW_ORDER: u64 = 2;

/// More weights than this are refused before memory is asked for (2 GiB of `f64`).
const MAX_PARAMETERS: usize = 1 << 28;

impl Mlp {
    /// Trains a network on `data`.
    ///
    /// # Errors
    ///
    /// See [`Mlp`].
    pub fn fit(&self, run: &Run<'_>, data: &Dataset) -> Result<Network> {
        self.fit_observed(run, data, &mut |_| ControlFlow::Continue(()))
    }

    /// Trains a network on `data` and shows `observer` the end of every epoch.
    ///
    /// If the observer answers `Break`, that epoch is the last, and the network as it stands
    /// comes back.
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
        observer: &mut dyn FnMut(&Epoch<'_>) -> ControlFlow<()>,
    ) -> Result<Network> {
        let widths = self.check(data)?;
        let (mut training, validation) = match &self.early_stopping {
            None => ((0..data.n_rows()).collect(), Vec::new()),
            Some(stopping) => stopping.split(data, &mut run.rng(VALIDATION_ROWS))?,
        };
        let rows: Vec<f64> = data.rows().iter().copied().collect();
        let weights = data.weights().map(|weights| with_mean_one(weights, &training));
        let table = Table {
            rows: &rows,
            goal: match data.target() {
                Target::Classes { labels, .. } => Goal::Classes(labels),
                Target::Values(values) => Goal::Values(values),
            },
            weights: weights.as_deref(),
        };
        let classes = data.target().n_classes().is_some();

        let batch_size = self.batch_size.min(data.n_rows());
        let rng = &mut run.rng(INITIAL_WEIGHTS);
        let mut engine =
            Engine::new(&widths, self.activation, self.initializer, self.l2, batch_size, rng);
        let mut stepper = Stepper::new(self.optimizer, engine.parameters.len());
        let mut statistics = WeightStatistics::new(first_weights(&engine));
        let mut watch = self.early_stopping.map(|stopping| Watch::new(stopping.rule));
        let mut history = Vec::new();
        let order = &mut run.rng(ROW_ORDER);

        for index in 0..self.epochs {
            if self.shuffle {
                order.shuffle(&mut training);
            }
            let mut sums = Sums::default();
            for batch in training.chunks(batch_size) {
                sums.add(engine.differentiate(&table, batch));
                stepper.step(&mut engine.parameters, &engine.gradient);
            }
            let mut held_back = Sums::default();
            for batch in validation.chunks(batch_size) {
                held_back.add(engine.evaluate(&table, batch));
            }

            let penalty = engine.penalty();
            let held_back = (!validation.is_empty()).then_some(held_back);
            let record = Record {
                loss: sums.loss / sums.weight + penalty,
                accuracy: classes.then(|| sums.correct / sums.weight),
                validation_loss: held_back.map(|sums| sums.loss / sums.weight + penalty),
                validation_accuracy: held_back
                    .filter(|_| classes)
                    .map(|sums| sums.correct / sums.weight),
                validation_metric: None,
            };
            refuse_divergence(index + 1, &record, &engine.parameters)?;
            history.push(record);
            statistics.update(first_weights(&engine))?;
            let Engine { shapes, parameters, .. } = &engine;
            let heard = observer(&Epoch { index, record, shapes, parameters });
            let stops = watch.as_mut().is_some_and(|watch| {
                let loss = record.validation_loss.unwrap_or(f64::NAN);
                watch.stops(index + 1, loss, record.validation_accuracy, parameters)
            });
            if stops || heard.is_break() {
                break;
            }
        }

        let parameters =
            watch.and_then(Watch::into_best).unwrap_or_else(|| engine.parameters.clone());
        let layers = self.layers(&engine.shapes, &parameters);
        let output = if classes { Output::Probabilities } else { Output::Values };
        let (input, precision) = (Input::Features(data.n_features()), Precision::Double);
        Parts { input, layers, output, precision, history, statistics }.try_into()
    }

    /// Checks settings and data, and returns the widths of all layers.
    fn check(&self, data: &Dataset) -> Result<Vec<usize>> {
        if let Some(layer) = self.hidden.iter().position(|&n_units| n_units == 0) {
            let requirement = format!("at least 1 unit in each layer, but layer {layer} has none");
            require(false, "hidden", format!("{:?}", self.hidden), requirement)?;
        }
        require(self.epochs >= 1, "epochs", self.epochs, "at least 1")?;
        require(self.batch_size >= 1, "batch_size", self.batch_size, "at least 1")?;
        require(self.l2.is_finite() && self.l2 >= 0.0, "l2", self.l2, "finite and not negative")?;
        self.initializer.check()?;
        self.optimizer.check()?;
        if let Some(stopping) = &self.early_stopping {
            stopping.check(data)?;
        }
        if let Some(((row, column), &value)) =
            data.rows().indexed_iter().find(|(_, value)| !value.is_finite())
        {
            let column = Some(data.feature_names()[column].clone());
            return Err(Error::NotFinite { what: "the table".to_owned(), row, column, value });
        }
        if let Target::Classes { labels, names } = data.target()
            && labels.iter().all(|label| *label == labels[0])
        {
            return Err(Error::Data(format!(
                "every row is of class `{}`, give rows of at least two classes",
                names[labels[0]]
            )));
        }
        let n_outputs = data.target().n_classes().unwrap_or(1);
        let widths = [&[data.n_features()], self.hidden.as_slice(), &[n_outputs]].concat();
        let n_parameters = widths.windows(2).try_fold(0_usize, |sum, pair| {
            sum.checked_add(pair[0].checked_add(1)?.checked_mul(pair[1])?)
        });
        let fits = n_parameters.is_some_and(|n| n <= MAX_PARAMETERS);
        let requirement = format!("small enough for {MAX_PARAMETERS} weights in all");
        require(fits, "hidden", format!("{:?}", self.hidden), requirement)?;
        Ok(widths)
    }

    fn layers(&self, shapes: &[Shape], parameters: &[f64]) -> Vec<Layer> {
        let last = shapes.len() - 1;
        let layer = |(l, shape): (usize, &Shape)| Dense {
            weights: Array2::from_shape_vec(
                (shape.n_in, shape.n_out),
                shape.weights(parameters).to_vec(),
            )
            .expect("a layer's weights fill its shape"),
            bias: Array1::from(shape.bias(parameters).to_vec()),
            activation: if l < last { self.activation } else { Activation::Linear },
        };
        shapes.iter().enumerate().map(layer).map(Layer::Dense).collect()
    }
}

impl Learner for Mlp {
    fn train(&self, run: &Run<'_>, data: &Dataset) -> Result<Box<dyn Model>> {
        Ok(Box::new(self.fit(run, data)?))
    }
}

fn first_weights(engine: &Engine) -> ArrayView2<'_, f64> {
    let shape = engine.shapes[0];
    ArrayView2::from_shape((shape.n_in, shape.n_out), shape.weights(&engine.parameters))
        .expect("a layer's weights fill its shape")
}

/// The weights divided by their mean over the training rows, which is positive.
fn with_mean_one(weights: &[f64], training: &[usize]) -> Vec<f64> {
    let mean = training.iter().map(|&row| weights[row]).sum::<f64>() / training.len() as f64;
    weights.iter().map(|weight| weight / mean).collect()
}

fn refuse_divergence(epoch: usize, record: &Record, parameters: &[f64]) -> Result<()> {
    if record.loss.is_finite() && parameters.iter().all(|w| w.is_finite()) {
        return Ok(());
    }
    Err(Error::Data(format!(
        "training diverged in epoch {epoch} (loss `{}`), \
         lower the learning rate or scale the features",
        record.loss
    )))
}
