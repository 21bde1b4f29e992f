//! The loop that trains every network.

use std::ops::{ControlFlow, Range};

use fi_core::{Dataset, Error, Output, Result, Rng, Run};
use ndarray::{Array2, ArrayView2};

use super::fitted::{Network, Parts, Record, shapes};
use super::input::Input;
use super::layers::Layer;
use super::objective::{ClassWeights, Goal, Sums, losses};
use super::optimizer::Stepper;
use super::program::{Program, Reach, Workspace};
use super::real::{Precision, Real};
use super::schedule::Clock;
use super::stopping::Watch;
use super::training::{Clip, Sampling, Training};
use super::viann::WeightStatistics;

/// The streams of a fit, so that a setting changes only what it is about.
pub(super) const INITIAL_WEIGHTS: u64 = 0;
const VALIDATION_ROWS: u64 = 1;
const ROW_ORDER: u64 = 2;
const DROPPED_UNITS: u64 = 3;

/// What is heard at the end of every epoch.
pub(super) type Observer<'a> = &'a mut dyn FnMut(&Epoch<'_>) -> ControlFlow<()>;

/// The end of one epoch, as an observer sees it.
#[derive(Clone, Copy)]
pub struct Epoch<'a> {
    /// Which epoch, from 0.
    pub index: usize,
    /// Its losses.
    pub record: Record,
    n_layers: usize,
    layer: &'a dyn Fn(usize) -> Layer,
}

impl std::fmt::Debug for Epoch<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { index, record, .. } = self;
        f.debug_struct("Epoch")
            .field("index", index)
            .field("record", record)
            .finish_non_exhaustive()
    }
}

impl Epoch<'_> {
    /// How many layers the network has, the output layer included.
    pub fn n_layers(&self) -> usize {
        self.n_layers
    }

    /// A copy of layer `layer`, from 0 for the one that reads the features.
    ///
    /// # Panics
    ///
    /// If there is no such layer.
    pub fn layer(&self, layer: usize) -> Layer {
        (self.layer)(layer)
    }

    /// A copy of the input weights of layer `layer`: see [`Layer::input_weights`].
    ///
    /// # Panics
    ///
    /// If there is no such layer, or it has no weights.
    pub fn weights(&self, layer: usize) -> Array2<f64> {
        let layer = self.layer(layer);
        layer.input_weights().expect("the layer has weights").into_owned()
    }
}

/// Trains these layers, which hold their first weights; `l2` has the factor of each.
pub(super) fn fit(
    settings: &Training,
    input: Input,
    layers: Vec<Layer>,
    l2: &[f64],
    run: &Run<'_>,
    data: &Dataset,
    observer: Observer<'_>,
) -> Result<Network> {
    match settings.precision {
        Precision::Single => Fit::<f32>::new(settings, input, layers, l2)?.run(run, data, observer),
        Precision::Double => Fit::<f64>::new(settings, input, layers, l2)?.run(run, data, observer),
    }
}

/// A network in training.
pub(super) struct Fit<'a, T> {
    settings: &'a Training,
    input: Input,
    layers: Vec<Layer>,
    pub(super) program: Program<T>,
    work: Workspace<T>,
    pub(super) gradient: Vec<T>,
    stepper: Stepper<T>,
    clock: Clock,
    /// The weights that are penalised, with the factor of each run.
    penalties: Vec<(Range<usize>, f64)>,
    /// Where the first layer's weights stand, and their shape.
    first: Option<(Range<usize>, (usize, usize))>,
    statistics: WeightStatistics,
}

/// Rows with what is wanted of them.
#[derive(Clone, Copy)]
pub(super) struct Table<'a> {
    pub(super) rows: ArrayView2<'a, f64>,
    pub(super) goal: Goal<'a>,
    pub(super) weights: Option<&'a [f64]>,
}

impl<'a, T: Real> Fit<'a, T> {
    pub(super) fn new(
        settings: &'a Training,
        input: Input,
        layers: Vec<Layer>,
        l2: &[f64],
    ) -> Result<Self> {
        let program = Program::new(input, &layers, &shapes(input, &layers)?);
        let penalties = layers.iter().zip(&program.spans).zip(l2).filter(|(_, l2)| **l2 != 0.0);
        let penalties = penalties
            .map(|((layer, span), l2)| (span.start..span.start + layer.n_weights(), *l2))
            .collect();
        let first = layers.iter().zip(&program.spans).find_map(|(layer, span)| {
            let dim = layer.input_weights()?.dim();
            Some((span.start..span.start + dim.0 * dim.1, dim))
        });
        let n = program.parameters.len();
        let mut fit = Self {
            settings,
            input,
            work: Workspace::new(layers.len()),
            layers,
            program,
            gradient: vec![T::ZERO; n],
            stepper: Stepper::new(settings.optimizer, n),
            clock: Clock::new(settings.schedule, settings.warm_up),
            penalties,
            first,
            statistics: WeightStatistics::new(Array2::zeros((0, 0)).view()),
        };
        if let Some(weights) = fit.first_weights() {
            fit.statistics = WeightStatistics::new(weights.view());
        }
        Ok(fit)
    }

    fn first_weights(&self) -> Option<Array2<f64>> {
        let (span, dim) = self.first.clone()?;
        let weights = self.program.parameters[span].iter().map(|w| w.wide()).collect();
        Some(Array2::from_shape_vec(dim, weights).expect("weights fill their shape"))
    }

    fn run(mut self, run: &Run<'_>, data: &Dataset, observer: Observer<'_>) -> Result<Network> {
        let settings = self.settings;
        let (mut training, validation) = match &settings.early_stopping {
            None => ((0..data.n_rows()).collect(), Vec::new()),
            Some(stopping) => stopping.split(data, &mut run.rng(VALIDATION_ROWS))?,
        };
        let weights = settings.class_weights.row_weights(data, &training);
        let own_weights = ClassWeights::Equal.row_weights(data, &training);
        let goal = Goal::of(data.target());
        let table = Table { rows: data.rows(), goal, weights: weights.as_deref() };
        let held_back = Table { weights: own_weights.as_deref(), ..table };
        let mut watch = settings.early_stopping.as_ref().map(Watch::new).transpose()?;
        let batch_size = settings.batch_size.min(data.n_rows());
        let (order, drops) = (&mut run.rng(ROW_ORDER), &mut run.rng(DROPPED_UNITS));
        let classes = data.target().n_classes().is_some();
        let output = if classes { Output::Probabilities } else { Output::Values };
        let mut history = Vec::new();

        for index in 0..settings.epochs {
            if settings.shuffle {
                order.shuffle(&mut training);
            }
            let (mut sums, mut factor) = (Sums::default(), 1.0);
            for batch in training.chunks(batch_size) {
                sums.add(self.differentiate(table, batch, drops));
                factor = self.clock.step(index);
                self.stepper.step(&mut self.program.parameters, &self.gradient, factor);
                if settings.sampling == Sampling::Steps {
                    self.count()?;
                }
            }
            if settings.sampling == Sampling::Epochs {
                self.count()?;
            }
            let penalty = self.penalty();
            let mut record = Record {
                loss: sums.loss / sums.weight + penalty,
                accuracy: classes.then(|| sums.correct / sums.weight),
                validation_loss: None,
                validation_accuracy: None,
                validation_metric: None,
                learning_rate: Some(settings.optimizer.learning_rate() * factor),
            };
            if let Some(watch) = &watch {
                let mut answers = Vec::new();
                let sums = self.evaluate(held_back, &validation, batch_size, &mut answers);
                record.validation_loss = Some(sums.loss / sums.weight + penalty);
                record.validation_accuracy = classes.then(|| sums.correct / sums.weight);
                record.validation_metric =
                    watch.metric(data, &validation, &answers, output).transpose()?;
            }
            refuse_divergence(index + 1, &record, &self.program.parameters)?;
            history.push(record);
            self.clock.hear(record.validation_loss.unwrap_or(record.loss));
            let layer = |place: usize| {
                let mut layer = self.layers[place..=place].to_vec();
                self.program.store_one(place, &mut layer[0]);
                layer.remove(0)
            };
            let heard =
                observer(&Epoch { index, record, n_layers: self.layers.len(), layer: &layer });
            let program = &self.program;
            let stops =
                watch.as_mut().is_some_and(|watch| watch.stops(index + 1, &record, program));
            if stops || heard.is_break() {
                break;
            }
        }
        if let Some((parameters, state)) = watch.and_then(Watch::into_best) {
            (self.program.parameters, self.program.state) = (parameters, state);
        }
        self.program.store(&mut self.layers);
        let Self { input, layers, statistics, .. } = self;
        let precision = settings.precision;
        Parts { input, layers, output, precision, history, statistics }.try_into()
    }

    fn load(&mut self, table: Table<'_>, batch: &[usize]) {
        self.program.load(&mut self.work, batch.iter().map(|&row| table.rows.row(row)));
    }

    /// Leaves in `gradient` the slope of `Σ weight · loss / n + Σ λ Σ w²` over these `n` rows.
    pub(super) fn differentiate(
        &mut self,
        table: Table<'_>,
        batch: &[usize],
        drops: &mut Rng,
    ) -> Sums {
        self.load(table, batch);
        self.program.forward(&mut self.work, Some(drops));
        self.program.settle(&self.work);
        let (margins, slopes) = self.program.margins_and_seeds(&mut self.work);
        let sums = losses(table.goal, table.weights, batch, margins, slopes, |_| {});
        self.program.backward(&mut self.work, Reach::Gradient(&mut self.gradient), true);
        for (span, l2) in &self.penalties {
            let twice = T::of(2.0 * l2);
            let weights = &self.program.parameters[span.clone()];
            let slopes = &mut self.gradient[span.clone()];
            slopes.iter_mut().zip(weights).for_each(|(g, w)| *g += twice * *w);
        }
        if let Some(clip) = self.settings.clip {
            shorten(&mut self.gradient, clip);
        }
        sums
    }

    /// The losses and predictions of some rows.
    fn evaluate(
        &mut self,
        table: Table<'_>,
        rows: &[usize],
        batch_size: usize,
        answers: &mut Vec<f64>,
    ) -> Sums {
        let mut sums = Sums::default();
        for batch in rows.chunks(batch_size) {
            self.load(table, batch);
            self.program.forward(&mut self.work, None);
            let (margins, slopes) = self.program.margins_and_seeds(&mut self.work);
            let hear = |answer: &[f64]| answers.extend_from_slice(answer);
            sums.add(losses(table.goal, table.weights, batch, margins, slopes, hear));
        }
        sums
    }

    pub(super) fn penalty(&self) -> f64 {
        let of = |(span, l2): &(Range<usize>, f64)| {
            let squares = self.program.parameters[span.clone()].iter().map(|w| w.wide().powi(2));
            l2 * squares.sum::<f64>()
        };
        self.penalties.iter().map(of).sum()
    }

    /// Counts the first layer's weights.
    fn count(&mut self) -> Result<()> {
        match self.first_weights() {
            Some(weights) => self.statistics.update(weights.view()),
            None => Ok(()),
        }
    }
}

fn shorten<T: Real>(gradient: &mut [T], clip: Clip) {
    match clip {
        Clip::Norm(limit) => {
            let norm = gradient.iter().map(|g| g.wide().powi(2)).sum::<f64>().sqrt();
            if norm > limit {
                let factor = T::of(limit / norm);
                for g in gradient {
                    *g *= factor;
                }
            }
        }
        Clip::Value(limit) => {
            let limit = T::of(limit);
            for g in gradient {
                if *g > limit {
                    *g = limit;
                } else if *g < -limit {
                    *g = -limit;
                }
            }
        }
    }
}

fn refuse_divergence<T: Real>(epoch: usize, record: &Record, parameters: &[T]) -> Result<()> {
    if record.loss.is_finite() && parameters.iter().all(|w| w.is_finite()) {
        return Ok(());
    }
    Err(Error::Data(format!(
        "training diverged in epoch {epoch} (loss `{}`), \
         lower the learning rate or scale the features",
        record.loss
    )))
}
