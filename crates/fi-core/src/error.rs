//! What can go wrong, as data: callers match on it, people read one sentence.

use std::sync::Arc;

/// The result of every fallible call in fi-core.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call could not be answered.
///
/// Messages are one lower-case sentence without a full stop, with values in back-ticks.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An array has another shape than its companions ask for.
    #[error("{what} has shape {got:?}, expected {expected:?}")]
    Shape {
        /// The array, in the caller's words.
        what: String,
        /// The shape that would have fitted.
        expected: Vec<usize>,
        /// The shape that came.
        got: Vec<usize>,
    },
    /// A parameter is outside its domain.
    #[error("`{name}` is `{value}`, it must be {requirement}")]
    Parameter {
        /// The field or argument.
        name: &'static str,
        /// Its value, printed.
        value: String,
        /// The domain, in words.
        requirement: String,
    },
    /// A number is NaN or infinite where only finite ones have a meaning.
    #[error("{what} is `{value}` in row {row}{}, only finite numbers have a meaning there", in_column(.column.as_ref()))]
    NotFinite {
        /// The array, in the caller's words.
        what: String,
        /// The row, from 0.
        row: usize,
        /// The column's name, where there are columns.
        column: Option<String>,
        /// What stands there.
        value: f64,
    },
    /// There are too few rows for the question.
    #[error("{what} needs at least {needed} rows, got {got}")]
    TooFewRows {
        /// What needs them.
        what: String,
        /// How many it needs.
        needed: usize,
        /// How many there are.
        got: usize,
    },
    /// The data cannot answer the question; the sentence says why and what to do.
    #[error("{0}")]
    Data(String),
    /// The metric cannot score what the model returns against this target.
    #[error("`{metric}` needs {needs}, but got {got}")]
    Metric {
        /// The metric's name.
        metric: String,
        /// What it needs.
        needs: String,
        /// What it got.
        got: String,
    },
    /// A foreign model or learner failed.
    #[error("the model failed: {source}")]
    Model {
        /// Its own error.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// A task of many failed.
    #[error("{task}: {source}")]
    Task {
        /// Which one: the feature, the fold, the repeat.
        task: String,
        /// What happened there.
        source: Box<Error>,
    },
    /// The caller's [`Progress`](crate::Progress) asked to stop.
    #[error("cancelled after {done} of {total} steps")]
    Cancelled {
        /// Steps that were finished.
        done: usize,
        /// Steps that were planned.
        total: usize,
    },
}

impl Error {
    /// A [`Error::Parameter`] whose value is a text that cannot be read, cut to a line's length.
    pub fn unreadable(name: &'static str, text: &str, requirement: impl Into<String>) -> Self {
        let value = text.chars().take(80).collect();
        Self::Parameter { name, value, requirement: requirement.into() }
    }

    /// The same of a [`Error::NotFinite`] whose row has another number in the caller's table.
    pub fn with_row(self, number: impl FnOnce(usize) -> usize) -> Self {
        match self {
            Self::NotFinite { what, row, column, value } => {
                Self::NotFinite { what, row: number(row), column, value }
            }
            error => error,
        }
    }

    /// Wraps the error of a foreign model or learner.
    pub fn model(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Model { source: Arc::from(source.into()) }
    }

    /// Says which task of many the error comes from.
    pub fn in_task(self, task: impl Into<String>) -> Self {
        match self {
            Self::Cancelled { .. } => self,
            source => Self::Task { task: task.into(), source: Box::new(source) },
        }
    }
}

fn in_column(name: Option<&String>) -> String {
    name.map_or_else(String::new, |name| format!(", column `{name}`"))
}

/// Checks a parameter: fine if `holds`.
///
/// # Errors
///
/// [`Error::Parameter`] with this name, value and requirement if not.
pub fn require(
    holds: bool,
    name: &'static str,
    value: impl std::fmt::Display,
    requirement: impl Into<String>,
) -> Result<()> {
    if holds {
        return Ok(());
    }
    Err(Error::Parameter { name, value: value.to_string(), requirement: requirement.into() })
}

/// Checks a shape: fine if both are the same.
///
/// # Errors
///
/// [`Error::Shape`] if they differ.
pub fn require_shape(what: &str, expected: &[usize], got: &[usize]) -> Result<()> {
    if expected == got {
        return Ok(());
    }
    Err(Error::Shape { what: what.to_owned(), expected: expected.to_vec(), got: got.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_is_one_sentence_that_names_the_place() {
        let error = require(false, "n_repeats", 0, "at least 1").unwrap_err();
        assert_eq!(error.to_string(), "`n_repeats` is `0`, it must be at least 1");
        let error = require_shape("the target", &[3], &[2]).unwrap_err();
        assert_eq!(error.to_string(), "the target has shape [2], expected [3]");
        let error = Error::NotFinite {
            what: "the table".to_owned(),
            row: 4,
            column: Some("age".to_owned()),
            value: f64::INFINITY,
        };
        assert_eq!(
            error.in_task("fold 2").to_string(),
            "fold 2: the table is `inf` in row 4, column `age`, only finite numbers have a meaning there"
        );
        let stopped = Error::Cancelled { done: 3, total: 9 };
        assert_eq!(stopped.in_task("fold 2").to_string(), "cancelled after 3 of 9 steps");
    }
}
