//! The cases: a population whose answer is known, and what is asked of a method there.

mod fixed;
mod population;
mod refit;
mod shapley;

use anyhow::{Result, ensure};
use fi_core::{Importance, Run};

use super::Trial;
use crate::truth::label;

/// A population and a method.
pub(super) struct Case {
    /// Its name in files.
    pub(super) name: &'static str,
    /// The method.
    pub(super) method: &'static str,
    /// The population, and how the method is asked.
    pub(super) about: &'static str,
    /// Whether each data set needs trainings.
    pub(super) refits: bool,
    /// What is noted of the answer.
    pub(super) asked: Vec<Asked>,
    /// Draws a data set and asks the method: an answer for each of `asked`.
    pub(super) ask: fn(&Run<'static>) -> Result<Vec<Answer>>,
}

/// What is noted of an answer.
pub(super) enum Asked {
    /// Whether an interval holds the true value.
    Interval {
        /// Of what, such as a feature's name.
        quantity: &'static str,
        /// What the interval is for.
        estimand: &'static str,
        /// What it promises.
        confidence: f64,
        /// The true value.
        truth: f64,
    },
    /// A p-value under a null hypothesis that is true.
    PValue {
        /// Of what.
        quantity: &'static str,
        /// The null hypothesis.
        null: &'static str,
    },
}

impl Asked {
    pub(super) fn quantity(&self) -> &'static str {
        match self {
            Self::Interval { quantity, .. } | Self::PValue { quantity, .. } => quantity,
        }
    }

    pub(super) fn estimand(&self) -> &'static str {
        match self {
            Self::Interval { estimand, .. } => estimand,
            Self::PValue { null, .. } => null,
        }
    }
}

/// What a method said.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Answer {
    value: f64,
    interval: Option<(f64, f64)>,
    p_value: Option<f64>,
}

impl Answer {
    /// What an importance says of a player.
    fn of(importance: &Importance, player: usize) -> Self {
        let ends = |interval: &fi_core::Interval| (interval.low[player], interval.high[player]);
        Self {
            value: importance.values[player],
            interval: importance.interval.as_ref().map(ends),
            p_value: importance.p_values.as_ref().map(|p_values| p_values[player]),
        }
    }
}

/// The confidence of all intervals here.
const CONFIDENCE: f64 = 0.95;
/// The estimands' names in the tables.
const POPULATION: &str = "this model on the population";
const FITTED_MODELS: &str = "these two models on the population";
const TRAINING_SETS: &str = "this learner over training sets";
const THESE_VALUES: &str = "these Shapley values; draws vary";

/// An interval that promises 95 %.
fn interval(quantity: &'static str, estimand: &'static str, truth: f64) -> Asked {
    Asked::Interval { quantity, estimand, confidence: CONFIDENCE, truth }
}

/// All cases, in the order of the report.
pub(super) fn all() -> Result<Vec<Case>> {
    Ok([fixed::all(), refit::all(), shapley::all()?].into_iter().flatten().collect())
}

impl Case {
    /// Draws data set number `trial`, which does not depend on the other cases.
    pub(super) fn trial(&self, trial: u64) -> Result<Vec<Trial>> {
        let run = Run::new(trial).split(label(self.name));
        let answers = (self.ask)(&run)?;
        ensure!(answers.len() == self.asked.len(), "an answer is missing");
        let trials = self.asked.iter().zip(answers).map(|(asked, answer)| {
            let truth = match asked {
                Asked::Interval { truth, .. } => Some(*truth),
                Asked::PValue { .. } => None,
            };
            let interval = answer.interval.filter(|_| truth.is_some());
            Trial {
                case: self.name.to_owned(),
                quantity: asked.quantity().to_owned(),
                trial,
                value: answer.value,
                truth,
                low: interval.map(|(low, _)| low),
                high: interval.map(|(_, high)| high),
                p_value: answer.p_value.filter(|_| truth.is_none()),
            }
        });
        Ok(trials.collect())
    }
}
