//! Fitted models in files.
//!
//! [`save`] writes a model with the names of its features and classes, the scaling of its input and
//! the fingerprints of its training rows, [`load`] reads it back to the bit. Equal models give equal bytes, and a file appears
//! whole or not at all.
//!
//! ```text
//! offset  length  what
//!      0       8  `fi` NUL `model`
//!      8       4  version of the format, little endian: 5; 1 to 4 are read as well
//!     12       8  length of the payload, little endian
//!     20      32  SHA-256 of the 20 bytes before it and the payload behind it
//!     52          payload: bincode 2 in its standard configuration (integers as little-endian
//!                 varints, floats as 8 bytes, sequences with their length in front)
//! ```
//!
//! The payload is the model, the names of its features, those of its classes, its scaler, since
//! version 4 the fingerprints of its training rows, each but the first two only if there are any,
//! and since version 5 a list of features that were read from text, with their categories' names.
//!
//! A file may come from anyone: its length is compared with its header before anything is read,
//! decoding is bounded, bytes left over are refused, and a decoded model is checked like one
//! that is made. The checksum finds accidents; it is no signature.

mod codec;
mod version1;
mod version2;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use fi_core::guards::RowHashes;
use fi_core::{Dataset, Model, Output, Target, require_shape};
use ndarray::{Array2, ArrayView2};

use crate::fitted::Fitted;
use crate::standardize::Scaler;

/// A fitted model and what is needed to use it: what a file holds.
///
/// As a [`Model`] it takes rows in original units.
#[derive(Debug)]
pub struct Stored {
    /// The model of the rows, scaled if there is a scaler.
    pub model: Fitted,
    /// The features' names, in column order.
    pub feature_names: Vec<String>,
    /// The classes' names, in class order; none for regression.
    pub class_names: Option<Vec<String>>,
    /// What the model's input was scaled with.
    pub scaler: Option<Scaler>,
    /// The rows that it was trained on, in original units, by their fingerprints, where they are
    /// known: [`seen_rows`](fi_core::guards::seen_rows) finds them in a test. They tell whoever has
    /// the file *and* a row whether the row was among them; set `None` if that must stay secret.
    pub training_rows: Option<RowHashes>,
    /// Features that were read from text, and the names of their categories by their numbers: what
    /// data to predict must be read by.
    pub categories: Vec<(String, Vec<String>)>,
}

/// Why a model could not be stored or read.
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
    /// The file cannot be written.
    #[error("`{}` cannot be written: {source}", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is something else.
    #[error("`{}` is not a model of fi: it does not start with `fi\\0model`", .path.display())]
    NotAModel {
        /// The file.
        path: PathBuf,
    },
    /// The file has a format that this version does not know.
    #[error(
        "`{}` has format version {version}, this version of fi reads 1 to {}: read it with a \
         newer one",
        .path.display(), codec::VERSION
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// The file was cut off or changed.
    #[error("`{}` is damaged: {what}, take another copy or save the model again", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// In which way.
        what: String,
    },
    /// The file holds a model that does not hold together.
    #[error("`{}` holds no usable model: {source}", .path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: fi_core::Error,
    },
    /// The model to store does not hold together.
    #[error("the model cannot be stored: {0}")]
    Unfit(#[from] fi_core::Error),
    /// A black box has nothing that could be written.
    #[error("a black box cannot be stored: only trees, linear models and networks can")]
    BlackBox,
    /// The model is larger than a file may be.
    #[error("the model takes {bytes} bytes, at most {} can be stored", codec::LARGEST)]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
}

impl Stored {
    /// A model with the names of the data it was trained on, and the fingerprints of their rows.
    ///
    /// # Errors
    ///
    /// As for [`Stored::validate`].
    pub fn new(
        model: impl Into<Fitted>,
        data: &Dataset,
        scaler: Option<Scaler>,
    ) -> fi_core::Result<Self> {
        let class_names = match data.target() {
            Target::Values(_) => None,
            Target::Classes { names, .. } => Some(names.clone()),
        };
        let feature_names = data.feature_names().to_vec();
        let training_rows = Some(RowHashes::new(data.rows()));
        let named = |(feature, name): (usize, &String)| {
            Some((name.clone(), data.category_names(feature)?.to_vec()))
        };
        let categories = feature_names.iter().enumerate().filter_map(named).collect();
        let model = model.into();
        let stored = Self { model, feature_names, class_names, scaler, training_rows, categories };
        stored.validate()?;
        Ok(stored)
    }

    /// Of each feature: its categories' names by their numbers, if it was read from text.
    pub fn category_names(&self) -> Vec<Option<Vec<String>>> {
        let named = self.categories.iter().map(|(feature, names)| (feature, names));
        let named: std::collections::BTreeMap<_, _> = named.collect();
        self.feature_names.iter().map(|feature| named.get(feature).copied().cloned()).collect()
    }

    /// Whether model, names and scaler fit together.
    ///
    /// # Errors
    ///
    /// Those of [`Fitted::validate`], [`Scaler::validate`] and [`RowHashes::validate`];
    /// [`Error::Shape`](fi_core::Error::Shape) for another number of names, scales or values of a training row;
    /// [`Error::Data`](fi_core::Error::Data) for an empty or double feature name.
    pub fn validate(&self) -> fi_core::Result<()> {
        self.model.validate()?;
        let n_features = self.model.n_features();
        let names = &self.feature_names;
        require_shape("the list of feature names", &[n_features], &[names.len()])?;
        let mut sorted: Vec<&String> = names.iter().collect();
        sorted.sort_unstable();
        if let Some(name) =
            double(sorted.clone()).or_else(|| names.iter().find(|name| name.is_empty()))
        {
            return Err(fi_core::Error::Data(format!(
                "the feature name `{name}` is empty or double, give every feature its own name"
            )));
        }
        if let (Some(names), Output::Probabilities) = (&self.class_names, self.model.output()) {
            let n_classes = self.model.n_outputs();
            require_shape("the list of class names", &[n_classes], &[names.len()])?;
        }
        if let Some(scaler) = &self.scaler {
            scaler.validate()?;
            require_shape("the scaler", &[n_features], &[scaler.n_features()])?;
        }
        if let Some(rows) = &self.training_rows {
            rows.validate()?;
            require_shape("a training row", &[n_features], &[rows.n_features()])?;
        }
        let of_features: Vec<&String> =
            self.categories.iter().map(|(feature, _)| feature).collect();
        let unknown = of_features.iter().find(|feature| sorted.binary_search(feature).is_err());
        if let Some(feature) = unknown.copied().or_else(|| double(of_features.clone())) {
            return Err(fi_core::Error::Data(format!(
                "categories are named for `{feature}`, which is no feature of the model, or named \
                 twice"
            )));
        }
        for (feature, categories) in &self.categories {
            if let Some(name) = double(categories.iter().collect()) {
                return Err(fi_core::Error::Data(format!(
                    "two categories of `{feature}` are called `{name}`, give every one its own name"
                )));
            }
        }
        Ok(())
    }
}

/// A name that stands twice.
fn double(mut names: Vec<&String>) -> Option<&String> {
    names.sort_unstable();
    names.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
}

impl Model for Stored {
    fn n_features(&self) -> usize {
        self.model.n_features()
    }
    fn n_outputs(&self) -> usize {
        self.model.n_outputs()
    }
    fn output(&self) -> Output {
        self.model.output()
    }
    fn predict(&self, rows: ArrayView2<'_, f64>) -> fi_core::Result<Array2<f64>> {
        match &self.scaler {
            None => self.model.predict(rows),
            Some(scaler) => self.model.predict(scaler.transform(rows)?.view()),
        }
    }
}

/// Writes a model to a file, in one step: readers see the old file or the new one.
///
/// # Errors
///
/// [`Error::BlackBox`]; [`Error::Unfit`] for a model that does not hold together;
/// [`Error::TooLarge`]; [`Error::Write`].
///
/// # Example
///
/// ```no_run
/// use fi_models::linear::{LinearModel, Scores};
/// use fi_models::store::{Stored, load, save};
/// use ndarray::array;
///
/// let model = LinearModel::new(array![[2.0]], array![1.0], Scores::Values)?;
/// let feature_names = vec!["width".to_owned()];
/// let (class_names, scaler, training_rows) = (None, None, None);
/// let (model, categories) = (model.into(), Vec::new());
/// let stored =
///     Stored { model, feature_names, class_names, scaler, training_rows, categories };
/// save("width.fi".as_ref(), &stored)?;
/// assert_eq!(load("width.fi".as_ref())?.feature_names, ["width"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn save(path: &Path, stored: &Stored) -> Result<(), Error> {
    stored.validate()?;
    let bytes = codec::encode(stored)?;
    let write = || -> std::io::Result<()> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let mut builder = tempfile::Builder::new();
        // A temporary file is private, the model's file is like any other.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = builder.tempfile_in(folder.unwrap_or(Path::new(".")))?;
        file.write_all(&bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    write().map_err(|source| Error::Write { path: path.to_owned(), source })
}

/// Reads a model from a file that [`save`] wrote, and checks it.
///
/// # Errors
///
/// [`Error::Read`], [`Error::NotAModel`], [`Error::Version`], [`Error::Damaged`] or
/// [`Error::Invalid`], each naming the file.
pub fn load(path: &Path) -> Result<Stored, Error> {
    let bytes = read(path)?;
    let stored = codec::decode(&bytes).map_err(|problem| {
        let path = path.to_owned();
        match problem {
            codec::Problem::NotAModel => Error::NotAModel { path },
            codec::Problem::Version(version) => Error::Version { path, version },
            codec::Problem::Damaged(what) => Error::Damaged { path, what },
        }
    })?;
    stored.validate().map_err(|source| Error::Invalid { path: path.to_owned(), source })?;
    Ok(stored)
}

/// The file's bytes, of which there are no more than a model can have.
fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let unreadable = |source| Error::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(unreadable(std::io::Error::other("it is not a file")));
    }
    let most = codec::HEADER as u64 + codec::LARGEST as u64;
    if metadata.len() > most {
        let what = format!("it has {} bytes, a model has at most {most}", metadata.len());
        return Err(Error::Damaged { path: path.to_owned(), what });
    }
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}
