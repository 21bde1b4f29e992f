//! Models that other libraries wrote, as ours.
//!
//! A file is told apart by its content, not by its name. Each importer takes the whole file as
//! bytes and answers a [`Stored`]: the model, the names of its features and classes. It keeps the
//! library's own comparisons, missing values and categories, so that every row falls into the
//! same leaves as there.
//!
//! A file may come from anyone: no length that it claims is believed before the bytes are there,
//! nesting is bounded, nothing is evaluated, and what comes out is checked like a model of ours.

mod catboost;
mod lightgbm;

use std::path::{Path, PathBuf};

use crate::store::Stored;

pub use catboost::catboost;
pub use lightgbm::lightgbm;

/// Why bytes are no model that can be read; a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// They do not hold together: cut off, changed, or never a model.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// They are a model with something that this layout of trees cannot hold.
    #[error("{0}")]
    Unsupported(String),
}

impl From<fi_core::Error> for Problem {
    fn from(error: fi_core::Error) -> Self {
        Self::Damaged(error.to_string())
    }
}

/// Why a file could not be read as a model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be read.
    #[error("`{}` cannot be read: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is a model, but not one that can be used.
    #[error("`{}` cannot be used as a model of {format}: {problem}", .path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What it was taken for.
        format: Format,
        /// What is wrong with it.
        problem: Problem,
    },
    /// The file is one of ours, but not one that can be used.
    #[error(transparent)]
    Store(#[from] crate::store::Error),
    /// Nothing in the file says which library wrote it.
    #[error(
        "`{}` is no model that fi knows: it reads XGBoost (.json, .ubj), LightGBM (.txt), CatBoost \
         (.json), ONNX, scikit-learn's trees exported to JSON, and its own .fi",
        .path.display()
    )]
    Unknown {
        /// The file.
        path: PathBuf,
    },
    /// The file is a pickle, which runs code when it is read.
    #[error(
        "`{}` is a Python pickle, which fi never loads because reading one runs code: export the \
         model with its library's own `save_model`, or scikit-learn's trees with the snippet in \
         docs/import.md",
        .path.display()
    )]
    Pickle {
        /// The file.
        path: PathBuf,
    },
}

/// Whose model a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// fi's own store.
    Fi,
    /// XGBoost's JSON.
    XgboostJson,
    /// XGBoost's UBJSON.
    XgboostUbjson,
    /// LightGBM's text.
    Lightgbm,
    /// CatBoost's JSON.
    Catboost,
    /// An ONNX graph.
    Onnx,
    /// scikit-learn's trees, exported to JSON by the documented snippet.
    ScikitLearn,
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Fi => "fi",
            Self::XgboostJson | Self::XgboostUbjson => "XGBoost",
            Self::Lightgbm => "LightGBM",
            Self::Catboost => "CatBoost",
            Self::Onnx => "ONNX",
            Self::ScikitLearn => "scikit-learn",
        })
    }
}

/// Reads a model of any library from a file.
///
/// # Errors
///
/// [`Error`], each a sentence that names the file.
pub fn load(path: &Path) -> Result<Stored, Error> {
    Ok(crate::store::load(path)?)
}

/// So much of a text from a file as fits into a sentence.
fn shown(text: &str) -> String {
    const MOST: usize = 40;
    let plain = |c: char| if c.is_control() { '?' } else { c };
    let mut shown: String = text.chars().take(MOST).map(plain).collect();
    if text.chars().nth(MOST).is_some() {
        shown.push('…');
    }
    shown
}
