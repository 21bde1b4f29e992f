//! Models that other libraries wrote, as ours.
//!
//! A file is told apart by its content, not by its name. Each importer takes the whole file as
//! bytes and answers a [`Stored`]: the model, the names of its features and classes. It keeps the
//! library's own comparisons, missing values and categories, so that every row falls into the
//! same leaves as there.
//!
//! A file may come from anyone: no length that it claims is believed before the bytes are there,
//! nesting is bounded, nothing is evaluated, and what comes out is checked like a model of ours.
//!
//! [`load`] reads a file of any format; [`parse`] bytes of a format that is known, as the
//! functions named like the formats do.

mod catboost;
mod categories;
mod detect;
mod lightgbm;
mod onnx;
mod pickle;
mod safetensors;
mod scikit_learn;
mod xgboost;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::store::Stored;

pub use catboost::catboost;
pub use detect::detect;
pub use lightgbm::lightgbm;
#[cfg(feature = "onnx")]
pub use onnx::OnnxGraph;
pub use onnx::onnx;
pub use safetensors::safetensors;
pub use scikit_learn::scikit_learn;
pub use xgboost::{xgboost_json, xgboost_ubjson};

/// No file above this is read: 4 GiB.
const LARGEST: u64 = 1 << 32;

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
         (.json), ONNX, scikit-learn's trees exported to JSON, networks of PyTorch and Keras \
         (.safetensors), and its own .fi",
        .path.display()
    )]
    Unknown {
        /// The file.
        path: PathBuf,
    },
    /// Layers are described for a model that holds its own.
    #[error(
        "`{}` is a model of {format}, which holds its own layers: layers are described for \
         .safetensors alone",
        .path.display()
    )]
    NeedsNoLayers {
        /// The file.
        path: PathBuf,
        /// Whose model it is.
        format: Format,
    },
    /// The file is larger than any that is read.
    #[error("`{}` has {bytes} bytes, at most {LARGEST} can be read as a model", .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// The file is compressed, or an archive.
    #[error(
        "`{}` is compressed or an archive, and fi reads the model itself and no pickle in it: \
         {instead}",
        .path.display()
    )]
    Compressed {
        /// The file.
        path: PathBuf,
        /// What to do in its place.
        instead: &'static str,
    },
    /// The file is a pickle, which runs code when it is read.
    #[error(
        "`{}` is a Python pickle, which fi never loads because reading one runs code: {instead}",
        .path.display()
    )]
    Pickle {
        /// The file.
        path: PathBuf,
        /// The line of Python that writes the model in a format that is read.
        instead: &'static str,
    },
}

/// Whose model a file is: what [`detect`] tells apart, readable or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// fi's own store.
    Fi,
    /// XGBoost's JSON.
    XgboostJson,
    /// XGBoost's UBJSON.
    XgboostUbjson,
    /// XGBoost's binary format, which version 3.1 stopped reading; not readable.
    XgboostBinary,
    /// What XGBoost's `dump_model` writes, which is no model; not readable.
    XgboostDump,
    /// LightGBM's text.
    Lightgbm,
    /// What LightGBM's `dump_model` writes; not readable.
    LightgbmDump,
    /// CatBoost's JSON.
    Catboost,
    /// CatBoost's own binary format; not readable.
    CatboostBinary,
    /// An ONNX graph.
    Onnx,
    /// scikit-learn's trees, exported to JSON by `docs/guide/export.py`.
    ScikitLearn,
    /// The tensors of a network, whose layers must be described beside them.
    Safetensors,
    /// A Python pickle, joblib's too; never read.
    Pickle,
    /// A compressed file or an archive; not readable.
    Compressed,
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Fi => "fi",
            Self::XgboostJson | Self::XgboostUbjson | Self::XgboostBinary | Self::XgboostDump => {
                "XGBoost"
            }
            Self::Lightgbm | Self::LightgbmDump => "LightGBM",
            Self::Catboost | Self::CatboostBinary => "CatBoost",
            Self::Onnx => "ONNX",
            Self::ScikitLearn => "scikit-learn",
            Self::Safetensors => "PyTorch or Keras",
            Self::Pickle => "Python's pickle",
            Self::Compressed => "a compressed file",
        })
    }
}

/// Reads a model of any library from a file.
///
/// # Cost
///
/// The file is read as a whole; memory is a small multiple of its size.
///
/// # Errors
///
/// [`Error`], each a sentence that names the file.
///
/// # Example
///
/// ```no_run
/// use fi_core::Model;
/// use fi_models::import::load;
/// use ndarray::array;
///
/// // Saved in Python by `booster.save_model("model.ubj")`.
/// let stored = load("model.ubj".as_ref())?;
/// let predictions = stored.predict(array![[0.5, f64::NAN, 3.0]].view())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn load(path: &Path) -> Result<Stored, Error> {
    let path_buf = || path.to_owned();
    let bytes = read(path)?;
    match detect(&bytes) {
        None => Err(Error::Unknown { path: path_buf() }),
        Some(Format::Fi) => Ok(crate::store::load(path)?),
        Some(Format::Pickle) => {
            Err(Error::Pickle { path: path_buf(), instead: pickle::instead(&bytes) })
        }
        Some(Format::Compressed) => {
            Err(Error::Compressed { path: path_buf(), instead: pickle::instead_of_archive(&bytes) })
        }
        Some(format) => parse(format, &bytes).map_err(|problem| Error::Unusable {
            path: path_buf(),
            format,
            problem,
        }),
    }
}

/// Reads a network of PyTorch or Keras from a `.safetensors` file and the JSON file that describes
/// its layers, as [`safetensors`] reads their content.
///
/// # Errors
///
/// [`Error`], each a sentence that names a file; [`Error::NeedsNoLayers`] for a model of any other
/// format.
///
/// # Example
///
/// ```no_run
/// use fi_models::import::load_with_layers;
///
/// // Saved in Python by `safetensors.torch.save_file(model.state_dict(), "net.safetensors")`.
/// let stored = load_with_layers("net.safetensors".as_ref(), "net.json".as_ref())?;
/// println!("{:?}", stored.feature_names);
/// # Ok::<(), fi_models::import::Error>(())
/// ```
pub fn load_with_layers(path: &Path, layers: &Path) -> Result<Stored, Error> {
    let bytes = read(path)?;
    match detect(&bytes) {
        Some(Format::Safetensors) => {}
        Some(format) => return Err(Error::NeedsNoLayers { path: path.to_owned(), format }),
        None => return Err(Error::Unknown { path: path.to_owned() }),
    }
    let unreadable = |source| Error::Read { path: layers.to_owned(), source };
    let json = String::from_utf8(read(layers)?)
        .map_err(|_| unreadable(std::io::Error::other("it is no text, but a JSON is expected")))?;
    safetensors(&bytes, &json).map_err(|problem| Error::Unusable {
        path: path.to_owned(),
        format: Format::Safetensors,
        problem,
    })
}

/// Reads a model from the bytes of a file in a format that is known, by [`detect`] for example.
///
/// # Errors
///
/// [`Problem::Damaged`] for bytes that do not hold together; [`Problem::Unsupported`] for what
/// no model here can hold, for a format that is not readable, and for [`Format::Fi`], which is
/// read from files by [`store::load`](crate::store::load).
pub fn parse(format: Format, bytes: &[u8]) -> Result<Stored, Problem> {
    let unsupported = |why: &str| Err(Problem::Unsupported(why.into()));
    match format {
        Format::XgboostJson => xgboost_json(bytes),
        Format::XgboostUbjson => xgboost_ubjson(bytes),
        Format::XgboostBinary => unsupported(
            "it is in the binary format that XGBoost gave up in version 3.1: load it with an \
             older XGBoost (2.1, for example) and save it with `save_model(\"model.ubj\")`",
        ),
        Format::XgboostDump => unsupported(
            "it is the text of `dump_model`, which lacks what predictions need: write the model \
             with `save_model(\"model.json\")`",
        ),
        Format::LightgbmDump => unsupported(
            "it is the text of `dump_model`: write the model with `save_model(\"model.txt\")`",
        ),
        Format::CatboostBinary => unsupported(
            "it is in CatBoost's binary format: write the model with \
             `save_model(\"model.json\", format=\"json\")`",
        ),
        Format::Lightgbm => lightgbm(bytes),
        Format::Catboost => catboost(bytes),
        Format::Onnx => onnx(bytes),
        Format::ScikitLearn => scikit_learn(bytes),
        Format::Safetensors => unsupported(
            "it holds tensors but not which layers they belong to: describe those in a small JSON \
             (docs/import.md shows how) and give it with `--layers net.json`",
        ),
        Format::Fi => unsupported("it is one of fi's own, read it from its file"),
        Format::Pickle => unsupported("it is a Python pickle, which runs code when it is read"),
        Format::Compressed => unsupported("it is compressed or an archive, unpack it first"),
    }
}

/// The file's bytes, if they are not too many.
fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let unreadable = |source| Error::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(unreadable(std::io::Error::other("it is not a file")));
    }
    let too_large = |bytes| Err(Error::TooLarge { path: path.to_owned(), bytes });
    if metadata.len() > LARGEST {
        return too_large(metadata.len());
    }
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    // It may have grown since.
    if bytes.len() as u64 > LARGEST { too_large(bytes.len() as u64) } else { Ok(bytes) }
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
