//! When to stop training early, and the rows that decide it.

use std::collections::BTreeMap;

use fi_core::{Dataset, Direction, Error, Metric, Output, Result, Rng, require};
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use super::fitted::Record;
use super::program::Program;
use super::real::Real;

/// Stops training by what the network does on rows it does not learn from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EarlyStopping {
    /// When to stop. Default: loss with a patience of 10 epochs, best weights restored.
    pub rule: StopRule,
    /// The rows held back. Default: a drawn tenth.
    pub validation: Validation,
}

impl Default for EarlyStopping {
    fn default() -> Self {
        let rule = StopRule::Patience {
            monitor: Monitor::Loss,
            patience: 10,
            min_delta: 0.0,
            restore_best: true,
        };
        Self { rule, validation: Validation::Drawn { share: 0.1 } }
    }
}

/// When to stop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum StopRule {
    /// Keras's `EarlyStopping`: after `patience` epochs in a row without improvement.
    Patience {
        /// What must improve.
        monitor: Monitor,
        /// How many epochs without improvement end the training; at least 1.
        patience: usize,
        /// A change must be larger than this to be an improvement; not negative.
        min_delta: f64,
        /// Whether the network keeps the weights of its best epoch instead of its last.
        restore_best: bool,
    },
    /// VIANN's `MetricThreshold`: as soon as the validation accuracy is at least `accuracy`, but
    /// not before epoch `first_epoch`, counted from 1. (The published experiment: .95 and 7.)
    Threshold {
        /// The accuracy that is enough, in (0, 1]. Classification only.
        accuracy: f64,
        /// The first epoch that may be the last; at least 1.
        first_epoch: usize,
    },
}

/// What is watched on the validation rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Monitor {
    /// The loss, L2 term included as in Keras; lower is better.
    Loss,
    /// The accuracy; higher is better. Classification only.
    Accuracy,
    /// A metric by its name, as [`Metric::parse`] reads it, such as `roc_auc`; its direction is
    /// known.
    Metric(String),
}

/// The rows held back from training.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Validation {
    /// Drawn at random, the same share of each class; whole groups where the rows have groups.
    Drawn {
        /// The share held back, inside (0, 1).
        share: f64,
    },
    /// The last rows, as Keras's `validation_split`: `n − ⌊n (1 − share)⌋` of them. In a table
    /// sorted by class they are all of one class.
    LastRows {
        /// The share held back, inside (0, 1).
        share: f64,
    },
}

impl EarlyStopping {
    pub(super) fn check(&self, data: &Dataset) -> Result<()> {
        let (Validation::Drawn { share } | Validation::LastRows { share }) = self.validation;
        require(0.0 < share && share < 1.0, "share", share, "inside (0, 1)")?;
        let needs_classes = match &self.rule {
            StopRule::Patience { monitor, patience, min_delta, .. } => {
                require(*patience >= 1, "patience", patience, "at least 1")?;
                let fits = min_delta.is_finite() && *min_delta >= 0.0;
                require(fits, "min_delta", min_delta, "finite and not negative")?;
                if let Monitor::Metric(name) = monitor {
                    Metric::parse(name)?;
                }
                *monitor == Monitor::Accuracy
            }
            &StopRule::Threshold { accuracy, first_epoch } => {
                let fits = 0.0 < accuracy && accuracy <= 1.0;
                require(fits, "accuracy", accuracy, "in (0, 1]")?;
                require(first_epoch >= 1, "first_epoch", first_epoch, "at least 1")?;
                true
            }
        };
        if needs_classes && data.target().n_classes().is_none() {
            return Err(Error::Data(
                "early stopping by accuracy needs classes, but the target is numbers: \
                 stop by the loss"
                    .into(),
            ));
        }
        Ok(())
    }

    /// The rows to train on and the rows to validate on, both ascending.
    pub(super) fn split(&self, data: &Dataset, rng: &mut Rng) -> Result<(Vec<usize>, Vec<usize>)> {
        let n_rows = data.n_rows();
        let mut held_back = vec![false; n_rows];
        match self.validation {
            Validation::LastRows { share } => {
                let kept = (n_rows as f64 * (1.0 - share)) as usize;
                held_back[kept..].fill(true);
                refuse_cut_group(data, kept)?;
            }
            Validation::Drawn { share } => draw(data, share, rng, &mut held_back),
        }
        let (validation, training): (Vec<usize>, Vec<usize>) =
            (0..n_rows).partition(|&row| held_back[row]);
        if training.is_empty() || validation.is_empty() {
            return Err(Error::Data(format!(
                "early stopping leaves {} rows to train on and {} to validate on, \
                 give more rows or another share",
                training.len(),
                validation.len()
            )));
        }
        if let Some(weights) = data.weights() {
            for (rows, what) in [(&training, "train"), (&validation, "validate")] {
                if rows.iter().all(|&row| weights[row] == 0.0) {
                    return Err(Error::Data(format!(
                        "all rows to {what} on have weight 0, hold back other rows"
                    )));
                }
            }
        }
        Ok((training, validation))
    }
}

/// Marks a share of each class, or of the groups.
fn draw(data: &Dataset, share: f64, rng: &mut Rng, held_back: &mut [bool]) {
    let mut strata: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let labels = data.target().labels().filter(|_| data.groups().is_none());
    for row in 0..data.n_rows() {
        let key = data.groups().or(labels).map_or(0, |keys| keys[row]);
        strata.entry(key).or_default().push(row);
    }
    if data.groups().is_some() {
        let wanted = share * data.n_rows() as f64;
        let mut groups: Vec<&Vec<usize>> = strata.values().collect();
        rng.shuffle(&mut groups);
        let mut n_held = 0;
        for group in groups.into_iter().take(strata.len() - 1) {
            if n_held as f64 >= wanted {
                break;
            }
            for &row in group {
                held_back[row] = true;
            }
            n_held += group.len();
        }
    } else {
        for rows in strata.values_mut() {
            rng.shuffle(rows);
            let n_held = (share * rows.len() as f64).round() as usize;
            rows[..n_held].iter().for_each(|&row| held_back[row] = true);
        }
    }
}

fn refuse_cut_group(data: &Dataset, kept: usize) -> Result<()> {
    let Some(groups) = data.groups() else { return Ok(()) };
    match groups[kept..].iter().find(|group| groups[..kept].contains(group)) {
        None => Ok(()),
        Some(group) => Err(Error::Data(format!(
            "holding back the last rows cuts row group {group} in two, \
             draw the validation rows instead"
        ))),
    }
}

/// Watches the epochs and says when to stop.
pub(super) struct Watch<T> {
    rule: StopRule,
    metric: Option<Metric>,
    best: f64,
    since_best: usize,
    /// The parameters and states of the best epoch.
    kept: Option<(Vec<T>, Vec<T>)>,
}

impl<T: Real> Watch<T> {
    pub(super) fn new(stopping: &EarlyStopping) -> Result<Self> {
        let rule = stopping.rule.clone();
        let metric = match &rule {
            StopRule::Patience { monitor: Monitor::Metric(name), .. } => Some(Metric::parse(name)?),
            _ => None,
        };
        Ok(Self { rule, metric, best: f64::INFINITY, since_best: 0, kept: None })
    }

    /// The metric of these predictions of validation rows, if it watches one.
    pub(super) fn metric(
        &self,
        data: &Dataset,
        rows: &[usize],
        answers: &[f64],
        output: Output,
    ) -> Option<Result<f64>> {
        let metric = self.metric.as_ref()?;
        let score = || {
            let shape = (rows.len(), answers.len() / rows.len());
            let predictions = ArrayView2::from_shape(shape, answers)
                .expect("every row has one answer per output");
            let held_back = data.select_rows(rows)?;
            metric.score(predictions, output, held_back.target(), held_back.weights())
        };
        Some(score())
    }

    /// Whether epoch `epoch` (from 1) is the last.
    pub(super) fn stops(&mut self, epoch: usize, record: &Record, program: &Program<T>) -> bool {
        match &self.rule {
            StopRule::Threshold { accuracy: enough, first_epoch } => {
                epoch >= *first_epoch
                    && record.validation_accuracy.is_some_and(|accuracy| accuracy >= *enough)
            }
            StopRule::Patience { monitor, patience, min_delta, restore_best } => {
                let higher = match monitor {
                    Monitor::Loss => false,
                    Monitor::Accuracy => true,
                    Monitor::Metric(_) => self
                        .metric
                        .as_ref()
                        .is_some_and(|metric| metric.direction() == Direction::Higher),
                };
                let value = match monitor {
                    Monitor::Loss => record.validation_loss,
                    Monitor::Accuracy => record.validation_accuracy,
                    Monitor::Metric(_) => record.validation_metric,
                };
                let value = value.unwrap_or(f64::NAN);
                let now = if higher { -value } else { value };
                // What is no number is no best.
                if now < self.best - min_delta || epoch == 1 || self.best.is_nan() {
                    (self.best, self.since_best) = (now, 0);
                    if *restore_best {
                        let (parameters, state) = self.kept.get_or_insert_default();
                        parameters.clone_from(&program.parameters);
                        state.clone_from(&program.state);
                    }
                } else {
                    self.since_best += 1;
                }
                self.since_best >= *patience
            }
        }
    }

    /// The parameters and states to go back to, if any.
    pub(super) fn into_best(self) -> Option<(Vec<T>, Vec<T>)> {
        self.kept
    }
}
