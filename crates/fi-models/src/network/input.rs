//! How a flat row of a table is read: as features, as a sequence of steps, as tokens.

use fi_core::{Error, Result, check_columns, require};
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use super::layers::{LARGEST, Shape};
use super::real::Real;

/// How a network reads a row of a [`Dataset`](fi_core::Dataset), whose columns are flat.
///
/// | input | columns | column of step `t`, channel `c` |
/// |---|---|---|
/// | `Features(n)` | `n` | – |
/// | `Sequence { steps, channels }` | `steps · channels` | `t · channels + c` |
/// | `Tokens { steps, vocabulary }` | `steps` | `t` |
///
/// Sequences shorter than `steps` are padded with NaN, at either end: a step whose channels are
/// all NaN, or whose token is NaN, is *masked*. It changes no other step, no prediction and no
/// gradient, as if it were not there. Tokens are the integers `0 … vocabulary − 1`.
///
/// # Errors
///
/// [`Error::Data`] naming row and column for a NaN in part of a step, an infinite number in a
/// sequence, or a token that is no integer below `vocabulary`.
///
/// # Example
///
/// ```
/// use fi_models::network::Input;
///
/// // 24 steps of 3 channels: 72 columns.
/// let input = Input::Sequence { steps: 24, channels: 3 };
/// assert_eq!(input.n_features(), 72);
/// assert_eq!(Input::Tokens { steps: 10, vocabulary: 5000 }.n_features(), 10);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Input {
    /// A row is a list of features.
    Features(usize),
    /// A row is `steps` times `channels` numbers, step after step.
    Sequence {
        /// The number of steps, padding included.
        steps: usize,
        /// The numbers of each step.
        channels: usize,
    },
    /// A row is a list of `steps` tokens, for an embedding layer.
    Tokens {
        /// The number of tokens, padding included.
        steps: usize,
        /// The number of different tokens; at most 2²⁴.
        vocabulary: usize,
    },
}

impl Input {
    /// How many columns a row has.
    pub fn n_features(&self) -> usize {
        match *self {
            Self::Features(n) | Self::Tokens { steps: n, .. } => n,
            Self::Sequence { steps, channels } => steps.saturating_mul(channels),
        }
    }

    /// What the first layer gets: a token is one number wide.
    pub(crate) fn shape(self) -> Shape {
        match self {
            Self::Features(n) => Shape { steps: None, width: n },
            Self::Sequence { steps, channels } => Shape { steps: Some(steps), width: channels },
            Self::Tokens { steps, .. } => Shape { steps: Some(steps), width: 1 },
        }
    }

    pub(super) fn check(self) -> Result<()> {
        let [positive, small] = ["at least 1", "at most 16777216, 2^24"];
        match self {
            Self::Features(n) => require(n >= 1, "features", n, positive),
            Self::Sequence { steps, channels } => {
                require(steps >= 1, "steps", steps, positive)?;
                require(channels >= 1, "channels", channels, positive)?;
                let fits = steps.checked_mul(channels).is_some_and(|n| n <= LARGEST);
                require(fits, "steps", steps, format!("at most {LARGEST} over the channels"))
            }
            Self::Tokens { steps, vocabulary } => {
                require(steps >= 1, "steps", steps, positive)?;
                require(vocabulary >= 1, "vocabulary", vocabulary, positive)?;
                // An `f32` counts no further.
                require(vocabulary <= 1 << 24, "vocabulary", vocabulary, small)
            }
        }
    }

    /// Whether these rows can be read; features may hold anything.
    pub(super) fn check_rows(self, rows: ArrayView2<'_, f64>) -> Result<()> {
        check_columns(self.n_features(), rows)?;
        match self {
            Self::Features(_) => Ok(()),
            Self::Sequence { channels, .. } => {
                for (r, row) in rows.rows().into_iter().enumerate() {
                    for (c, x) in row.iter().enumerate() {
                        let first = c - c % channels;
                        if x.is_infinite() || x.is_nan() != row[first].is_nan() {
                            return Err(bad_step(r, c, c / channels, *x));
                        }
                    }
                }
                Ok(())
            }
            Self::Tokens { vocabulary, .. } => {
                let fits =
                    |x: f64| x.is_nan() || (x >= 0.0 && x < vocabulary as f64 && x.fract() == 0.0);
                match rows.indexed_iter().find(|(_, x)| !fits(**x)) {
                    None => Ok(()),
                    Some(((row, column), x)) => Err(Error::Data(format!(
                        "row {row} has `{x}` in column {column}, which is no token: give an \
                         integer from 0 to {}, or NaN for none",
                        vocabulary - 1
                    ))),
                }
            }
        }
    }

    /// Writes these rows step by step, `(steps, n_rows, width)`, with 0 at masked steps, and says
    /// which steps are there; `present` stays empty if all are.
    pub(super) fn read<'a, T: Real>(
        self,
        rows: impl ExactSizeIterator<Item = ndarray::ArrayView1<'a, f64>>,
        values: &mut [T],
        present: &mut Vec<bool>,
    ) {
        let shape = self.shape();
        let (n_rows, width) = (rows.len(), shape.width);
        let mut all = true;
        present.clear();
        present.resize(if shape.steps.is_some() { n_rows * shape.n_steps() } else { 0 }, true);
        for (r, row) in rows.enumerate() {
            if shape.steps.is_none() {
                let to = &mut values[r * width..(r + 1) * width];
                match row.as_slice() {
                    // Known to be dense, so that whole registers are read.
                    Some(row) => to.iter_mut().zip(row).for_each(|(to, x)| *to = T::of(*x)),
                    None => to.iter_mut().zip(row).for_each(|(to, x)| *to = T::of(*x)),
                }
                continue;
            }
            for (i, x) in row.iter().enumerate() {
                let (step, channel) = (i / width, i % width);
                let place = step * n_rows + r;
                if x.is_nan() {
                    (present[place], all) = (false, false);
                }
                values[place * width + channel] = if x.is_nan() { T::ZERO } else { T::of(*x) };
            }
        }
        if all {
            present.clear();
        }
    }
}

fn bad_step(row: usize, column: usize, step: usize, value: f64) -> Error {
    let remedy = if value.is_infinite() {
        "give a finite number, or NaN for the whole of the step"
    } else {
        "padding is NaN in all channels of a step or in none"
    };
    Error::Data(format!("row {row} has `{value}` in column {column} (step {step}): {remedy}"))
}
