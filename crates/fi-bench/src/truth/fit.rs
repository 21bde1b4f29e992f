//! One cell of the study: one problem, number of rows, model and seed; trained once, scored by
//! every method, and kept in a file so that an interrupted study goes on where it stopped.

use std::path::Path;

use anyhow::{Context, Result};
use fi_core::{
    Dataset, Deletion, DeletionCurves, Learner, Metric, Model, Output, Players, Run, Sequence,
    Target,
};
use ndarray::Array2;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::calls::loss;
use super::encode::Encoded;
use super::methods::METHODS;
use super::models::{Kind, Learned, Reads, Settings};
use super::problem::{Level, Problem};
use crate::data_sets::hex;

/// How much work the methods may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Effort {
    /// Rows on which models are scored and explained.
    pub n_test: usize,
    /// How often permutation importance shuffles.
    pub n_repeats: usize,
    /// How many test rows SHAP explains.
    pub shap_rows: usize,
    /// How many training rows are SHAP's background.
    pub shap_background: usize,
    /// How many orders of joining SHAP draws a row: half of them, and their reverses.
    pub shap_permutations: usize,
    /// How many coalitions KernelSHAP evaluates a row, or what it needs if that is more.
    pub kernel_coalitions: usize,
    /// How many samples LIME draws around a row.
    pub lime_samples: usize,
    /// With more players than this, LOFO is left out: each costs a training.
    pub lofo_players: usize,
    /// The same for models of sequences, which take longer to train.
    pub lofo_groups: usize,
    /// How many test rows the gradient methods explain.
    pub gradient_rows: usize,
    /// Points of the path, noise or backgrounds that a gradient is averaged over.
    pub gradient_points: usize,
    /// How many orders of joining SAGE draws.
    pub sage_draws: usize,
    /// At how many places between the ends deletion curves are looked at.
    pub deletion_steps: usize,
    /// How often they shuffle.
    pub deletion_repeats: usize,
}

/// One method's importances in one cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replicate {
    /// The problem.
    pub problem: String,
    /// How many rows the model was trained on.
    pub n_rows: usize,
    /// The model.
    pub model: String,
    /// The method.
    pub method: String,
    /// The seed of the rows, the training and the method.
    pub seed: u64,
    /// `features`, `channels` or `steps`.
    pub level: String,
    /// Rows predicted, models trained or gradients taken; see the method.
    pub evaluations: usize,
    /// How long it took; empty without a clock.
    pub seconds: Option<f64>,
    /// The area under the deletion curve of the ranking, a share; of single columns, and if the
    /// model is better than one that is told nothing.
    pub deletion: Option<f64>,
    /// The area over the insertion curve.
    pub insertion: Option<f64>,
    /// The importance of each player, with a space between.
    pub values: String,
}

/// What a model has learned in one cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Skill {
    /// The problem.
    pub problem: String,
    /// How many rows the model was trained on.
    pub n_rows: usize,
    /// The model.
    pub model: String,
    /// The seed.
    pub seed: u64,
    /// Accuracy of classes, R² of numbers.
    pub metric: String,
    /// The model's score on the test rows.
    pub score: f64,
    /// The score of the signal itself: no model can be expected to do better.
    pub ceiling: f64,
    /// The score of the best constant.
    pub constant: f64,
    /// How long the training took; empty without a clock.
    pub seconds: Option<f64>,
}

/// All that a cell writes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Cell {
    pub(super) skill: Skill,
    pub(super) replicates: Vec<Replicate>,
}

/// A trained model with the rows on which it is explained.
pub(super) struct Fit<'a> {
    pub(super) run: Run<'static>,
    pub(super) effort: &'a Effort,
    pub(super) settings: &'a Settings,
    pub(super) learned: Learned,
    /// As the model reads them.
    pub(super) train: Dataset,
    pub(super) test: Dataset,
    /// What squared errors are multiplied with to be in the unit of the problem's target.
    pub(super) unit: f64,
    /// The rows of a model that reads sequences for methods that lend values to other rows.
    filled: Option<Filled<'a>>,
}

/// Sequences without missing steps, and a mask behind them.
struct Filled<'a> {
    sequence: &'a Sequence,
    train: Dataset,
    test: Dataset,
}

/// What a method is given that asks only for predictions.
pub(super) struct Seen<'a> {
    pub(super) model: &'a dyn Model,
    pub(super) learner: &'a dyn Learner,
    pub(super) train: &'a Dataset,
    pub(super) test: &'a Dataset,
    pub(super) players: &'a Players,
}

impl Fit<'_> {
    pub(super) fn names(&self) -> &[String] {
        self.train.feature_names()
    }

    /// The channels' names, if the model reads sequences.
    pub(super) fn channels(&self) -> Option<&[String]> {
        self.filled.as_ref().map(|filled| filled.sequence.channels())
    }

    /// What taking players away in the order of these importances does to the model.
    fn deletion(&self, level: &Level, values: &[f64]) -> Result<DeletionCurves> {
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
        let Effort { deletion_steps: max_steps, deletion_repeats: n_repeats, .. } = *self.effort;
        let metric = loss(self.test.target());
        self.ask(&level.players, |seen| {
            let Seen { model, test, players, .. } = seen;
            let deletion = Deletion { n_repeats, max_steps };
            Ok(deletion.curves(&self.run, *model, test, players, &order, &metric)?)
        })
    }

    /// Asks a method that only needs predictions or trainings. Sequences are lent to each other
    /// without their padding, which would tear rows of other lengths apart.
    pub(super) fn ask<T>(
        &self,
        players: &Players,
        ask: impl FnOnce(&Seen<'_>) -> Result<T>,
    ) -> Result<T> {
        let (model, learner) = (self.learned.model(), self.settings.learner());
        let Some(Filled { sequence, train, test }) = &self.filled else {
            return ask(&Seen { model, learner, train: &self.train, test: &self.test, players });
        };
        let (model, learner) = (sequence.masked(model)?, sequence.learner(learner));
        let players = &sequence.fill_players(players)?;
        ask(&Seen { model: &model, learner: &learner, train, test, players })
    }
}

/// Where cells are kept, and of which build they are.
#[derive(Debug, Clone)]
pub struct Cells<'a> {
    /// The folder.
    pub folder: &'a Path,
    /// What tells this program from any other: a cell of another build is not read.
    pub build: String,
}

/// Seconds since some moment, for programs that may look at a clock.
pub type Clock<'a> = &'a (dyn Fn() -> f64 + Sync);

/// What is to be done in one cell.
pub(super) struct Task<'a> {
    pub(super) problem: &'a Problem,
    pub(super) kind: &'a Kind,
    pub(super) settings: &'a Settings,
    pub(super) n_rows: usize,
    pub(super) seed: u64,
    pub(super) effort: &'a Effort,
}

/// The streams of a cell.
mod stream {
    pub(super) const TRAIN: u64 = 0;
    pub(super) const TEST: u64 = 1;
    pub(super) const TRAINING: u64 = 2;
    pub(super) const METHODS: u64 = 3;
}

impl Task<'_> {
    /// Reads the cell if it is kept, or computes and keeps it.
    pub(super) fn cell(&self, cells: Option<&Cells<'_>>, clock: Option<Clock<'_>>) -> Result<Cell> {
        let Some(cells) = cells else { return self.compute(clock) };
        let path = cells.folder.join(self.file_name(&cells.build));
        let kept = std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        if let Some(mut cell) = kept {
            // A cell that was timed does not bring its clock into a study without one.
            let Cell { skill, replicates } = &mut cell;
            if clock.is_none() {
                skill.seconds = None;
                for replicate in replicates {
                    replicate.seconds = None;
                }
            }
            if clock.is_none() || skill.seconds.is_some() {
                return Ok(cell);
            }
        }
        let cell = self.compute(clock)?;
        let text = serde_json::to_vec(&cell)?;
        fi_io::write_atomic(&path, |file| file.write_all(&text))?;
        Ok(cell)
    }

    /// Names all that the numbers of a cell depend on.
    fn file_name(&self, build: &str) -> String {
        let Self { problem, kind, n_rows, seed, .. } = self;
        let all = format!("{build}\n{}\n{}\n{:?}", problem.about, (kind.about)(), self.effort);
        let fingerprint = hex(&Sha256::digest(all));
        format!("{}-{n_rows}-{}-{seed}-{}.json", problem.name, kind.name, &fingerprint[..16])
    }

    fn compute(&self, clock: Option<Clock<'_>>) -> Result<Cell> {
        // The rows do not depend on the model, nor a problem's numbers on the list of problems.
        let rows_run = Run::new(self.seed).split(label(self.problem.name));
        let draw = |stream, n_rows| {
            let mut rng = rows_run.split(stream).rng(self.n_rows as u64);
            self.problem.draw_with_signal(&mut rng, n_rows)
        };
        let (raw_train, _) = draw(stream::TRAIN, self.n_rows)?;
        let (raw_test, signal) = draw(stream::TEST, self.effort.n_test)?;
        let reads = self.settings.reads();
        let encoded = Encoded::new(reads, &raw_train, &raw_test)?;
        let levels: Vec<Level> = self
            .problem
            .levels()?
            .iter()
            .map(|level| encoded.level(level))
            .collect::<Result<_>>()?;
        let Encoded { train, test, unit, .. } = encoded;
        let run = rows_run.split(label(self.kind.name)).split(self.n_rows as u64);
        let start = clock.map(|now| now());
        let learned = self
            .settings
            .fit(&run.split(stream::TRAINING), &train)
            .with_context(|| format!("training the {}", self.kind.name))?;
        let seconds = since(clock, start);
        let sequence = self.problem.sequence.as_ref();
        let filled = match sequence.filter(|_| reads == Reads::Sequences) {
            None => None,
            Some(sequence) => {
                let (train, test) = (sequence.fill_data(&train)?, sequence.fill_data(&test)?);
                Some(Filled { sequence, train, test })
            }
        };
        let fit = Fit {
            run: run.split(stream::METHODS),
            effort: self.effort,
            settings: self.settings,
            learned,
            train,
            test,
            unit,
            filled,
        };
        let mut replicates = Vec::new();
        for level in &levels {
            for method in METHODS {
                let start = clock.map(|now| now());
                let found = (method.score)(&fit, level)
                    .with_context(|| format!("{} of {}", method.name, level.name))?;
                let Some(found) = found else { continue };
                let seconds = since(clock, start);
                let curves = (level.name == "features")
                    .then(|| fit.deletion(level, &found.values))
                    .transpose()?;
                let values: Vec<String> = found.values.iter().map(f64::to_string).collect();
                replicates.push(Replicate {
                    problem: self.problem.name.to_owned(),
                    n_rows: self.n_rows,
                    model: self.kind.name.to_owned(),
                    method: method.name.to_owned(),
                    seed: self.seed,
                    level: level.name.to_owned(),
                    evaluations: found.evaluations,
                    seconds,
                    deletion: curves.as_ref().and_then(|curves| curves.deletion_area),
                    insertion: curves.as_ref().and_then(|curves| curves.insertion_area),
                    values: values.join(" "),
                });
            }
        }
        let skill = self.skill(&fit, raw_test.target(), signal, seconds)?;
        Ok(Cell { skill, replicates })
    }

    fn skill(
        &self,
        fit: &Fit<'_>,
        raw_target: &Target,
        signal: Vec<f64>,
        seconds: Option<f64>,
    ) -> Result<Skill> {
        let regression = self.problem.is_regression();
        let metric = if regression { Metric::R2 } else { Metric::Accuracy };
        let model = fit.learned.model();
        let predictions = model.predict(fit.test.rows())?;
        let score = metric.score(predictions.view(), model.output(), fit.test.target(), None)?;
        let n = signal.len();
        let (best, output) = if regression {
            (Array2::from_shape_vec((n, 1), signal)?, Output::Values)
        } else {
            let both = signal.iter().flat_map(|p| [1.0 - p, *p]).collect();
            (Array2::from_shape_vec((n, 2), both)?, Output::Probabilities)
        };
        Ok(Skill {
            problem: self.problem.name.to_owned(),
            n_rows: self.n_rows,
            model: self.kind.name.to_owned(),
            seed: self.seed,
            metric: metric.name(),
            score,
            ceiling: metric.score(best.view(), output, raw_target, None)?,
            constant: metric.constant_score(raw_target, None)?,
            seconds,
        })
    }
}

fn since(clock: Option<Clock<'_>>, start: Option<f64>) -> Option<f64> {
    Some(clock?() - start?)
}

/// A number of a name (FNV-1a), for a stream of its own.
pub(crate) fn label(name: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    name.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}
