//! What can go wrong when a picture is made.

use std::path::PathBuf;

/// The result of every fallible call in fi-viz.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a picture could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What was to be drawn does not make a picture; the sentence says why and what to do.
    #[error("the {chart} cannot be drawn: {problem}")]
    Data {
        /// The kind of picture.
        chart: &'static str,
        /// What is wrong, and the remedy.
        problem: String,
    },
    /// The picture would be larger than an image viewer opens.
    #[error(
        "the picture would be {width} × {height} pixels, at most {limit} a side can be drawn: \
         show fewer rows or columns"
    )]
    TooLarge {
        /// Its width in pixels.
        width: i64,
        /// Its height in pixels.
        height: i64,
        /// The limit in pixels.
        limit: i64,
    },
    /// The file's name does not say a format that is known.
    #[error("`{}` does not end in `.svg` or `.png`, name the picture so", .path.display())]
    Format {
        /// The path.
        path: PathBuf,
    },
    /// The drawing backend failed.
    #[error("the picture could not be drawn: {0}")]
    Drawing(String),
    /// The file could not be written.
    #[error("`{}` could not be written: {source}", .path.display())]
    Write {
        /// The path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// `Err(Error::Data)` unless `holds`.
pub(crate) fn require(
    holds: bool,
    chart: &'static str,
    problem: impl FnOnce() -> String,
) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::Data { chart, problem: problem() }) }
}

/// `Err(Error::Data)` unless there is such an output.
pub(crate) fn require_output(chart: &'static str, output: usize, n_outputs: usize) -> Result<()> {
    require(output < n_outputs, chart, || {
        format!("there is no output {output}, the result has {n_outputs}, counted from 0")
    })
}
