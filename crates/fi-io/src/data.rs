//! Data from a file of any kind that is read: told apart by its name.

use std::fs::File;
use std::path::{Path, PathBuf};

use fi_core::{Dataset, Sequence, Target};
use ndarray::{Array2, Axis};

use crate::categories::Numbers;
use crate::data_csv::{
    CsvOptions, Task, csv_columns, csv_table, feature_columns, mismatch, number_target, read_csv,
    read_csv_rows,
};
use crate::data_parquet::ParquetFile;
use crate::error::{Error, Result};
use crate::gather::{Gathered, Question, gather, recode};
use crate::npy::{read_npy, read_npy_1d};

/// Where the target is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetSource {
    /// A column of the data, by its name.
    Column(String),
    /// A `.npy` file of one number per row.
    File(PathBuf),
}

/// How a file becomes data.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DataOptions {
    /// Where the target is. Default `None`: the last column of a CSV file that has no other use.
    pub target: Option<TargetSource>,
    /// What the target is. Default `None`: as for [`CsvOptions::task`].
    pub task: Option<Task>,
    /// A file with the names of an array's columns (of the channels of sequences), one a line.
    /// Default `None`: `x0`, `x1`, ….
    pub names: Option<PathBuf>,
    /// The column of sample weights. Default none.
    pub weights: Option<String>,
    /// The column that says which group a row belongs to. Default none.
    pub groups: Option<String>,
    /// Columns to leave out. Default none.
    pub drop: Vec<String>,
    /// Features whose numbers are categories; those that hold text are so anyway.
    /// Default none.
    pub categorical: Vec<String>,
    /// The categories of features that hold text, in the order of their numbers: those of a model.
    /// Default none: the texts in alphabetical order, and an error if `features` are a model's.
    pub categories: Vec<(String, Vec<String>)>,
    /// The features of a model, in its order: the columns to take, all others being left out.
    /// If the data have no names, or the model's are `x0`, `x1`, … and no such columns are there, the
    /// places decide. Default
    /// `None`: every column without another use.
    pub features: Option<Vec<String>>,
}

/// Reads a `.csv`, `.parquet` or `.npy` file as a data set.
///
/// A column of text (or, in Parquet, of a dictionary of texts) is one categorical feature whose
/// categories are numbered in alphabetical order, or as `categories` say. Of Parquet, numbers of
/// every width, decimals and booleans are numbers, and null is NaN; rows are counted from 0 in its
/// errors.
///
/// An array `(rows, steps, channels)` holds sequences: one column for each step and channel,
/// called `channel[step]` ([`Sequence`] tells them apart again); `names` names the channels. A
/// model's sequences may have more steps, those are padded with NaN.
///
/// # Errors
///
/// [`Error`], each a sentence that names the file: what [`read_csv`] refuses; an array without a
/// target, or a target of another length; names that do not fit.
///
/// # Example
///
/// ```
/// use fi_io::{DataOptions, TargetSource, read_data, write_npy};
/// use ndarray::array;
///
/// let folder = tempfile::tempdir()?;
/// let path = |name| folder.path().join(name);
/// write_npy(path("X.npy"), &array![[1.0, 2.0], [3.0, 4.0]])?;
/// write_npy(path("y.npy"), &array![0.5, 1.5])?;
/// let target = Some(TargetSource::File(path("y.npy")));
/// let data = read_data(path("X.npy"), &DataOptions { target, ..DataOptions::default() })?;
/// assert_eq!(data.feature_names(), ["x0", "x1"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read_data(path: impl AsRef<Path>, options: &DataOptions) -> Result<Dataset> {
    let path = path.as_ref();
    let data = match &options.target {
        _ if is_parquet(path) => read_parquet(path, options)?,
        _ if is_npy(path) => Table::read(path, options)?.dataset(options)?,
        Some(TargetSource::File(file)) => csv_with_file(path, file, options)?,
        Some(TargetSource::Column(_)) | None => read_csv(path, &csv_options(path, options)?)?,
    };
    if options.categorical.is_empty() {
        return Ok(data);
    }
    let file = path.display().to_string();
    let mut places = categorical(&file, data.feature_names(), options)?;
    places.extend_from_slice(data.categorical());
    data.with_categorical(places).map_err(|source| Error::Core { file, source })
}

/// Where the features that are called categorical stand among all.
pub(crate) fn categorical(
    file: &str,
    features: &[String],
    options: &DataOptions,
) -> Result<Vec<usize>> {
    let place = |name: &String| {
        let place = features.iter().position(|feature| feature == name);
        place.ok_or_else(|| {
            Error::content(file, format!("the categorical column `{name}` is no feature here"))
        })
    };
    options.categorical.iter().map(place).collect()
}

/// Reads only the features of a `.csv`, `.parquet` or `.npy` file: their names and the rows.
///
/// # Errors
///
/// As for [`read_data`], but there need not be a target.
pub fn read_rows(
    path: impl AsRef<Path>,
    options: &DataOptions,
) -> Result<(Vec<String>, Array2<f64>)> {
    let path = path.as_ref();
    if is_parquet(path) {
        let (gathered, rows) = parquet_rows(path, options, false)?;
        return Table::checked(path, gathered.names, rows, options);
    }
    if !is_npy(path) {
        return read_csv_rows(path, &csv_options(path, options)?);
    }
    let mut table = Table::read(path, options)?;
    let target = match &options.target {
        Some(TargetSource::Column(name)) => Some(name),
        _ => None,
    };
    for name in target.into_iter().chain(&options.weights).chain(&options.groups) {
        table.take(name)?;
    }
    table.features(options)
}

/// The names that a table gives to the features of a model that has none of its own (`x0`, `x1`, …),
/// such as an ONNX graph: those of its columns that are features, in their order.
///
/// `None` if the model's features have names, or columns are called as they are, or the file is an
/// array, whose columns have none.
///
/// # Errors
///
/// If the table has another number of features, or as for [`read_rows`].
///
/// # Example
///
/// ```
/// use fi_io::{DataOptions, TargetSource, names_by_place};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("table.csv");
/// std::fs::write(&path, "age,dose,ill\n30,1.5,yes\n40,2.5,no\n")?;
/// let target = Some(TargetSource::Column("ill".to_owned()));
/// let options = DataOptions { target, ..DataOptions::default() };
/// let model = ["x0".to_owned(), "x1".to_owned()];
/// assert_eq!(names_by_place(&path, &options, &model)?.unwrap(), ["age", "dose"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn names_by_place(
    path: impl AsRef<Path>,
    options: &DataOptions,
    model: &[String],
) -> Result<Option<Vec<String>>> {
    let path = path.as_ref();
    if !are_places(model) || is_npy(path) {
        return Ok(None);
    }
    let options = CsvOptions { features: None, ..csv_options(path, options)? };
    let columns = if is_parquet(path) {
        ParquetFile::open(path)?.names().to_vec()
    } else {
        csv_columns(path, &options)?
    };
    if !by_place(model, &columns) {
        return Ok(None);
    }
    let names = feature_columns(&path.display().to_string(), &columns, &options)?;
    if names.len() != model.len() {
        let problem = format!(
            "there are {} feature columns, but the model, whose features have no names, takes {}: \
             leave the others out with `drop`, the target with `target`",
            names.len(),
            model.len()
        );
        return Err(Error::content(&path.display().to_string(), problem));
    }
    Ok(Some(names))
}

/// The data set in a CSV file whose target is in a file of its own.
fn csv_with_file(path: &Path, target: &Path, options: &DataOptions) -> Result<Dataset> {
    let file = path.display().to_string();
    let opened = File::open(path).map_err(|source| Error::read(path, source))?;
    let csv = csv_options(path, options)?;
    let question = Question { options: &csv, with_target: true, own_target: true };
    let (mut found, rows) = csv_table(opened, &file, &question)?;
    found.target = Some(file_target(target, rows.nrows(), &file, options.task)?);
    found.dataset(&file, rows)
}

/// The data set in a Parquet file.
fn read_parquet(path: &Path, options: &DataOptions) -> Result<Dataset> {
    let file = path.display().to_string();
    let (mut gathered, rows) = parquet_rows(path, options, true)?;
    if let Some(TargetSource::File(target)) = &options.target {
        gathered.target = Some(file_target(target, rows.nrows(), &file, options.task)?);
    }
    gathered.dataset(&file, rows)
}

/// What is in a Parquet file, and the rows of its features.
fn parquet_rows(
    path: &Path,
    options: &DataOptions,
    with_target: bool,
) -> Result<(Gathered, Array2<f64>)> {
    let table = ParquetFile::open(path)?;
    let csv = csv_options(path, options)?;
    let own_target = matches!(options.target, Some(TargetSource::File(_)));
    let question = Question { options: &csv, with_target, own_target };
    let mut values: Vec<f64> = Vec::new();
    let n_rows = table.n_rows();
    let too_large = || {
        let problem = format!("its {n_rows} rows do not fit into memory, read it with `memory`");
        Error::content(table.file(), problem)
    };
    let (gathered, places) = gather(&table, &question, |block| {
        if values.is_empty() {
            let length = n_rows.checked_mul(block.ncols()).ok_or_else(too_large)?;
            values.try_reserve_exact(length).map_err(|_| too_large())?;
        }
        values.extend(block);
        Ok(())
    })?;
    let shape = (n_rows, gathered.names.len());
    let mut rows = Array2::from_shape_vec(shape, values).map_err(|e| not_read(path, &e))?;
    recode(&mut rows, &places);
    Ok((gathered, rows))
}

/// What an array of the right number of dimensions never gives.
fn not_read(path: &Path, error: &ndarray::ShapeError) -> Error {
    Error::content(&path.display().to_string(), error.to_string())
}

pub(crate) fn is_parquet(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("parquet"))
}

pub(crate) fn is_npy(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npy"))
}

/// Whether these are the names of columns without names.
pub(crate) fn are_places(names: &[String]) -> bool {
    names.iter().enumerate().all(|(i, name)| *name == format!("x{i}"))
}

/// Whether a model's features are found among columns by their places, and not by their names:
/// where it has none, unless columns are called so.
pub(crate) fn by_place(model: &[String], columns: &[String]) -> bool {
    are_places(model) && !model.iter().all(|name| columns.contains(name))
}

pub(crate) fn csv_options(path: &Path, options: &DataOptions) -> Result<CsvOptions> {
    if options.names.is_some() {
        let problem = if is_parquet(path) {
            "a Parquet file names its columns itself, leave `names` out"
        } else {
            "a CSV file has its names in the first line, leave `names` out"
        };
        return Err(Error::content(&path.display().to_string(), problem));
    }
    let target = match &options.target {
        Some(TargetSource::Column(name)) => Some(name.clone()),
        _ => None,
    };
    Ok(CsvOptions {
        target,
        task: options.task,
        weights: options.weights.clone(),
        groups: options.groups.clone(),
        drop: options.drop.clone(),
        features: options.features.clone(),
        categorical: options.categorical.clone(),
        categories: options.categories.clone(),
        ..CsvOptions::default()
    })
}

/// A table of numbers with names.
struct Table {
    file: String,
    names: Vec<String>,
    rows: Array2<f64>,
}

impl Table {
    fn new(
        path: &Path,
        names: Vec<String>,
        rows: Array2<f64>,
        options: &DataOptions,
    ) -> Result<Self> {
        let mut table = Self { file: path.display().to_string(), names, rows };
        for name in &options.drop {
            table.take(name)?;
        }
        Ok(table)
    }

    /// The features, which must be as many as the model's where places decide.
    fn checked(
        path: &Path,
        names: Vec<String>,
        rows: Array2<f64>,
        options: &DataOptions,
    ) -> Result<(Vec<String>, Array2<f64>)> {
        Self { file: path.display().to_string(), names, rows }.features(options)
    }

    fn read(path: &Path, options: &DataOptions) -> Result<Self> {
        let array = read_npy(path)?;
        if array.is_empty() {
            // Nothing bounds the sides of what takes no room.
            let problem = format!("the array of shape {:?} holds no number", array.shape());
            return Err(Error::content(&path.display().to_string(), problem));
        }
        let named = |n_columns: usize| match &options.names {
            None => Ok((0..n_columns).map(|i| format!("x{i}")).collect()),
            Some(file) => read_names(file, path, n_columns),
        };
        match *array.shape() {
            [_, n_columns] => {
                let rows = array.into_dimensionality().map_err(|e| not_read(path, &e))?;
                Self::new(path, named(n_columns)?, rows, options)
            }
            [n_rows, n_steps, n_channels] => {
                let core = |source| Error::Core { file: path.display().to_string(), source };
                let sequence = Sequence::new(n_steps, named(n_channels)?).map_err(core)?;
                let rows = array.into_shape_with_order((n_rows, sequence.n_columns()));
                let rows = rows.map_err(|e| not_read(path, &e))?;
                Self::new(path, sequence.column_names(), rows, options)?.fit_steps(options)
            }
            _ => {
                let problem = format!(
                    "the array has shape {:?}, expected (rows, columns), or (rows, steps, \
                     channels) for sequences",
                    array.shape()
                );
                Err(Error::content(&path.display().to_string(), problem))
            }
        }
    }

    /// Gives sequences the steps and, if they have none, the channel names of the model: steps
    /// that are not there are padding, NaN.
    fn fit_steps(mut self, options: &DataOptions) -> Result<Self> {
        let model = options.features.as_deref().and_then(Sequence::of_columns);
        let (Some(model), Some(own)) = (model, Sequence::of_columns(&self.names)) else {
            return Ok(self);
        };
        let channels = own.channels().to_vec();
        let channels = if are_places(&channels) || are_places(model.channels()) {
            if channels.len() != model.channels().len() {
                return self.fail(format!(
                    "the sequences have {} channels, but the model has {}",
                    channels.len(),
                    model.channels().len()
                ));
            }
            model.channels().to_vec()
        } else {
            channels
        };
        if own.n_steps() > model.n_steps() {
            return self.fail(format!(
                "the sequences have {} steps, but the model takes at most {}",
                own.n_steps(),
                model.n_steps()
            ));
        }
        let core = |source| Error::Core { file: self.file.clone(), source };
        let padded = Sequence::new(model.n_steps(), channels).map_err(core)?;
        let mut rows = Array2::from_elem((self.rows.nrows(), padded.n_columns()), f64::NAN);
        rows.slice_mut(ndarray::s![.., ..own.n_columns()]).assign(&self.rows);
        self.names = padded.column_names();
        self.rows = rows;
        Ok(self)
    }

    fn fail<T>(&self, problem: impl Into<String>) -> Result<T> {
        Err(Error::content(&self.file, problem))
    }

    /// Takes a column out.
    fn take(&mut self, name: &str) -> Result<Vec<f64>> {
        let Some(column) = self.names.iter().position(|other| other == name) else {
            return self.fail(format!(
                "there is no column `{name}`; an array's columns are called x0, x1, … unless \
                 `names` says otherwise"
            ));
        };
        let values = self.rows.column(column).to_vec();
        let kept: Vec<usize> = (0..self.names.len()).filter(|&i| i != column).collect();
        self.rows = self.rows.select(Axis(1), &kept);
        self.names.remove(column);
        Ok(values)
    }

    /// What is left, in the order of the model.
    fn features(self, options: &DataOptions) -> Result<(Vec<String>, Array2<f64>)> {
        if self.names.is_empty() {
            return self.fail("no column is left as a feature, there must be one");
        }
        let Some(wanted) = &options.features else { return Ok((self.names, self.rows)) };
        if by_place(wanted, &self.names) || are_places(&self.names) {
            if wanted.len() != self.names.len() {
                return self.fail(format!(
                    "there are {} feature columns, but the model has {}: `{}` to `{}`",
                    self.names.len(),
                    wanted.len(),
                    wanted[0],
                    wanted[wanted.len() - 1]
                ));
            }
            return Ok((wanted.clone(), self.rows));
        }
        let place = |name: &String| self.names.iter().position(|other| other == name);
        let mut places = Vec::with_capacity(wanted.len());
        for name in wanted {
            let Some(place) = place(name) else {
                return self.fail(mismatch(name, wanted, &self.names));
            };
            places.push(place);
        }
        Ok((wanted.clone(), self.rows.select(Axis(1), &places)))
    }

    fn dataset(mut self, options: &DataOptions) -> Result<Dataset> {
        let weights = options.weights.as_deref().map(|name| self.take(name)).transpose()?;
        let groups = options.groups.as_deref().map(|name| self.take(name)).transpose()?;
        let file = self.file.clone();
        let core = |source| Error::Core { file: file.clone(), source };
        let mut data = match &options.target {
            Some(TargetSource::File(path)) => {
                let (names, rows) = self.features(options)?;
                Self { file: file.clone(), names, rows }.with_file(path, options.task)?
            }
            Some(TargetSource::Column(name)) => {
                let values = self.take(name)?;
                let target = target(&file, name, values, options.task)?;
                let (names, rows) = self.features(options)?;
                Dataset::new(rows, target)
                    .and_then(|data| data.with_feature_names(names))
                    .map_err(core)?
            }
            None => {
                return self.fail(
                    "an array does not say which column is the target: name one, or give a .npy \
                     file of its own",
                );
            }
        };
        if let Some(weights) = weights {
            data = data.with_weights(weights).map_err(core)?;
        }
        if let Some(groups) = groups {
            let mut known = Numbers::default();
            let groups = groups.into_iter().map(|group| known.number(group)).collect();
            data = data.with_groups(groups).map_err(core)?;
        }
        Ok(data)
    }

    /// These features with a target from a file of its own.
    fn with_file(self, path: &Path, task: Option<Task>) -> Result<Dataset> {
        let target = file_target(path, self.rows.nrows(), &self.file, task)?;
        Dataset::new(self.rows, target)
            .and_then(|data| data.with_feature_names(self.names))
            .map_err(|source| Error::Core { file: self.file, source })
    }
}

/// The target in a file of its own, for so many rows of `data`.
pub(crate) fn file_target(
    path: &Path,
    n_rows: usize,
    data: &str,
    task: Option<Task>,
) -> Result<Target> {
    let name = path.display().to_string();
    let values = read_npy_1d(path)?.to_vec();
    if values.len() != n_rows {
        let problem = format!("there are {n_rows} rows, but `{name}` has {} targets", values.len());
        return Err(Error::content(data, problem));
    }
    target(&name, "target", values, task)
}

/// Numbers as a target, by the rules for CSV; the line of an error is the row from 1.
fn target(file: &str, column: &str, values: Vec<f64>, task: Option<Task>) -> Result<Target> {
    let fail = |row: usize, problem: String| Error::at(file, row as u64 + 1, Some(column), problem);
    number_target(values, task, fail)
}

/// The names in a file, one a line, for `n_columns` columns of `data`.
///
/// # Errors
///
/// [`Error::System`]; [`Error::Content`] for another number of names, or an empty or double one.
pub fn read_names(file: &Path, data: &Path, n_columns: usize) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(file).map_err(|source| Error::read(file, source))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let names: Vec<String> = text.lines().map(|line| line.trim().to_owned()).collect();
    let fail = |problem: String| Err(Error::content(&file.display().to_string(), problem));
    if names.len() != n_columns {
        let data = data.display();
        return fail(format!(
            "there are {} names, but `{data}` has {n_columns} columns",
            names.len()
        ));
    }
    for (i, name) in names.iter().enumerate() {
        if name.is_empty() || names[..i].contains(name) {
            return fail(format!(
                "line {} holds `{name}`, every column needs a name of its own",
                i + 1
            ));
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests;
