//! How well predictions fit a target, and which way is better.

use std::sync::Arc;

use ndarray::ArrayView2;

use crate::dataset::Target;
use crate::error::{Error, Result};
use crate::model::Output;

/// Which way a metric is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Higher is better: accuracy, R².
    Higher,
    /// Lower is better: log loss, MSE.
    Lower,
}

/// A score of predictions against a target.
#[derive(Clone)]
#[non_exhaustive]
pub enum Metric {
    /// Share of rows whose class is predicted.
    Accuracy,
    /// Mean negative log-likelihood of the true class, in nats.
    LogLoss,
    /// Mean squared error.
    Mse,
    /// Any other score.
    Custom(Custom),
}

/// A metric of the user's own.
#[derive(Clone)]
pub struct Custom {
    /// Its name.
    pub name: String,
    /// Which way is better.
    pub direction: Direction,
    /// Scores predictions `(n_rows, n_outputs)` against the target, with weights if there are any.
    #[expect(clippy::type_complexity, reason = "one closure, named once")]
    pub score:
        Arc<dyn Fn(ArrayView2<'_, f64>, &Target, Option<&[f64]>) -> Result<f64> + Send + Sync>,
}

impl Metric {
    /// The metric's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Accuracy => "accuracy",
            Self::LogLoss => "log loss",
            Self::Mse => "MSE",
            Self::Custom(custom) => &custom.name,
        }
    }

    /// Which way is better.
    pub fn direction(&self) -> Direction {
        match self {
            Self::Accuracy => Direction::Higher,
            Self::LogLoss | Self::Mse => Direction::Lower,
            Self::Custom(custom) => custom.direction,
        }
    }

    /// How much worse `without` is than `with`: positive if something was lost.
    pub fn worse(&self, with: f64, without: f64) -> f64 {
        match self.direction() {
            Direction::Higher => with - without,
            Direction::Lower => without - with,
        }
    }

    /// Scores predictions `(n_rows, n_outputs)`, whose columns are `output`, against a target.
    ///
    /// # Errors
    ///
    /// [`Error::Metric`] if the metric cannot score this output against this target.
    pub fn score(
        &self,
        predictions: ArrayView2<'_, f64>,
        output: Output,
        target: &Target,
        weights: Option<&[f64]>,
    ) -> Result<f64> {
        let _ = (predictions, output, target, weights);
        Err(Error::Data("not yet".into()))
    }
}
