//! Tables on disk as blocks of rows: a file of numbers that any part is read from at once.
//!
//! Rows stand in blocks, and in a block column after column, so that a row group is written as it
//! comes, rows are read in one piece per column, and a whole column in one piece per block. The file
//! has no name: it is gone when the program is, however it ends.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::Range;
use std::path::Path;

use fi_core::{LargeDataset, RowBlocks, Target};
use ndarray::{Array2, ArrayView2, CowArray, Ix2, s};

use crate::data::{
    DataOptions, TargetSource, categorical, csv_options, file_target, is_npy, is_parquet,
};
use crate::data_csv::gather_csv;
use crate::data_parquet::ParquetFile;
use crate::error::{Error, Result};
use crate::gather::{BLOCK_ROWS, Gathered, Question, gather, renumber};
use crate::npy::NpyRows;

/// Bytes of a number.
const WIDTH: u64 = 8;

/// A table of numbers in a file without a name.
#[derive(Debug)]
pub struct SpooledRows {
    name: String,
    file: File,
    n_rows: usize,
    n_features: usize,
    /// Of features that hold text: the number of each category, by the number in the file.
    numbers: Vec<Option<Vec<f64>>>,
}

/// Writes blocks of [`BLOCK_ROWS`] rows, however many rows come at once.
struct Spooler {
    name: String,
    file: BufWriter<File>,
    waiting: Array2<f64>,
    n_waiting: usize,
    n_rows: usize,
}

impl Spooler {
    fn new(name: &str) -> Result<Self> {
        let file = tempfile::tempfile().map_err(|source| cannot(name, "written", source))?;
        let (file, name) = (BufWriter::with_capacity(1 << 20, file), name.to_owned());
        Ok(Self { name, file, waiting: Array2::zeros((0, 0)), n_waiting: 0, n_rows: 0 })
    }

    fn push(&mut self, mut rows: ArrayView2<'_, f64>) -> Result<()> {
        if self.waiting.is_empty() {
            self.waiting = Array2::zeros((BLOCK_ROWS, rows.ncols()));
        }
        while rows.nrows() > 0 {
            let n = rows.nrows().min(BLOCK_ROWS - self.n_waiting);
            let (now, later) = rows.split_at(ndarray::Axis(0), n);
            self.waiting.slice_mut(s![self.n_waiting..self.n_waiting + n, ..]).assign(&now);
            self.n_waiting += n;
            if self.n_waiting == BLOCK_ROWS {
                self.flush()?;
            }
            rows = later;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let block = self.waiting.slice(s![..self.n_waiting, ..]);
        for column in block.columns() {
            for value in column {
                let written = self.file.write_all(&value.to_le_bytes());
                written.map_err(|source| cannot(&self.name, "written", source))?;
            }
        }
        self.n_rows += self.n_waiting;
        self.n_waiting = 0;
        Ok(())
    }

    fn finish(mut self, numbers: Vec<Option<Vec<f64>>>) -> Result<SpooledRows> {
        if self.n_waiting > 0 {
            self.flush()?;
        }
        let n_features = self.waiting.ncols();
        let file = self
            .file
            .into_inner()
            .map_err(|error| cannot(&self.name, "written", error.into_error()))?;
        Ok(SpooledRows { name: self.name, file, n_rows: self.n_rows, n_features, numbers })
    }
}

fn cannot(name: &str, what: &'static str, source: std::io::Error) -> Error {
    let folder = std::env::temp_dir();
    let file = format!("{}` (for `{name}`; TMPDIR says where) `", folder.display());
    Error::System { file, what, source }
}

impl SpooledRows {
    /// Reads numbers from a place in the file.
    fn read(&self, place: u64, into: &mut [f64], bytes: &mut Vec<u8>) -> fi_core::Result<()> {
        use std::os::unix::fs::FileExt;
        bytes.resize(into.len() * WIDTH as usize, 0);
        self.file.read_exact_at(bytes, place * WIDTH).map_err(|error| {
            let name = &self.name;
            fi_core::Error::Data(format!("the rows of `{name}` cannot be read again: {error}"))
        })?;
        for (into, bytes) in into.iter_mut().zip(bytes.chunks_exact(WIDTH as usize)) {
            let mut number = [0; WIDTH as usize];
            number.copy_from_slice(bytes);
            *into = f64::from_le_bytes(number);
        }
        Ok(())
    }

    /// Where the values of a feature begin in a block, and how many there are.
    fn place(&self, block: usize, feature: usize) -> (u64, usize) {
        let first = block * BLOCK_ROWS;
        let n = BLOCK_ROWS.min(self.n_rows - first);
        ((first * self.n_features + feature * n) as u64, n)
    }

    fn recode(&self, feature: usize, values: &mut [f64]) {
        if let Some(Some(numbers)) = self.numbers.get(feature) {
            renumber(values, numbers);
        }
    }
}

impl RowBlocks for SpooledRows {
    fn n_rows(&self) -> usize {
        self.n_rows
    }

    fn n_features(&self) -> usize {
        self.n_features
    }

    fn rows(&self, range: Range<usize>) -> fi_core::Result<CowArray<'_, f64, Ix2>> {
        let range = range.start.min(self.n_rows)..range.end.min(self.n_rows);
        let mut rows = Array2::zeros((range.len(), self.n_features));
        let (mut values, mut bytes) = (Vec::new(), Vec::new());
        let mut first = range.start;
        while first < range.end {
            let block = first / BLOCK_ROWS;
            let within = first % BLOCK_ROWS;
            let end = range.end.min((block + 1) * BLOCK_ROWS);
            values.resize(end - first, 0.0);
            for feature in 0..self.n_features {
                let (place, _) = self.place(block, feature);
                self.read(place + within as u64, &mut values, &mut bytes)?;
                self.recode(feature, &mut values);
                let mut into = rows.slice_mut(s![first - range.start..end - range.start, feature]);
                into.iter_mut().zip(&values).for_each(|(into, &value)| *into = value);
            }
            first = end;
        }
        Ok(rows.into())
    }

    fn column(&self, feature: usize) -> fi_core::Result<Vec<f64>> {
        let mut column = vec![0.0; self.n_rows];
        let mut bytes = Vec::new();
        for (block, into) in column.chunks_mut(BLOCK_ROWS).enumerate() {
            self.read(self.place(block, feature).0, into, &mut bytes)?;
        }
        self.recode(feature, &mut column);
        Ok(column)
    }
}

/// A data set whose rows were read into a file without a name.
#[derive(Debug)]
pub struct SpooledData {
    /// The features of all rows.
    pub rows: SpooledRows,
    /// The features' names.
    pub feature_names: Vec<String>,
    /// The target, if it was asked for.
    pub target: Option<Target>,
    /// The rows' weights, if there are any.
    pub weights: Option<Vec<f64>>,
    /// The group of each row, if there are any.
    pub groups: Option<Vec<usize>>,
}

impl SpooledData {
    /// What methods take; `None` without a target.
    ///
    /// # Errors
    ///
    /// Those of [`LargeDataset::new`].
    pub fn dataset(&self) -> fi_core::Result<Option<LargeDataset<'_>>> {
        let Some(target) = self.target.clone() else { return Ok(None) };
        let (weights, groups) = (self.weights.clone(), self.groups.clone());
        LargeDataset::new(&self.rows, target, weights, groups, &self.feature_names).map(Some)
    }
}

/// Reads a `.csv`, `.parquet` or two-dimensional `.npy` file that may be larger than memory, block after
/// block, into a file without a name in the system's folder for such files (`TMPDIR`): 8 bytes for
/// each value of a feature. With `with_target` target, weights and groups are read and kept in
/// memory; else only features.
///
/// The numbers are those of [`read_data`](crate::read_data) and [`read_rows`](crate::read_rows).
///
/// # Errors
///
/// As for these; [`Error::System`] if there is no room for the file.
///
/// # Example
///
/// ```
/// use fi_core::RowBlocks as _;
/// use fi_io::{DataOptions, Table, spool_data, write_table_parquet};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("rows.parquet");
/// let mut table = Table::new(["a", "b"]);
/// table.push([0.5.into(), 1.5.into()]);
/// write_table_parquet(&path, &table)?;
/// let data = spool_data(&path, &DataOptions::default(), false)?;
/// assert_eq!(data.rows.column(1)?, [1.5]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn spool_data(
    path: impl AsRef<Path>,
    options: &DataOptions,
    with_target: bool,
) -> Result<SpooledData> {
    let path = path.as_ref();
    let name = path.display().to_string();
    let mut spooler = Spooler::new(&name)?;
    let (mut found, numbers) = if is_npy(path) {
        let npy = NpyRows::open(path)?;
        let gathered =
            npy.gather(path, options, with_target, BLOCK_ROWS, |block| spooler.push(block.view()))?;
        let numbers = vec![None; gathered.names.len()];
        (gathered, numbers)
    } else {
        let csv = csv_options(path, options)?;
        let own_target = matches!(options.target, Some(TargetSource::File(_)));
        let question = Question { options: &csv, with_target, own_target };
        let push = |block: Array2<f64>| spooler.push(block.view());
        if is_parquet(path) {
            gather(&ParquetFile::open(path)?, &question, push)?
        } else {
            let file = File::open(path).map_err(|source| Error::read(path, source))?;
            gather_csv(file, &name, &question, push)?
        }
    };
    let rows = spooler.finish(numbers)?;
    if let (true, Some(TargetSource::File(file))) = (with_target, &options.target) {
        found.target = Some(file_target(file, rows.n_rows, &name, options.task)?);
    }
    if with_target {
        categorical(&name, &found.names, options)?;
    }
    if let Some(wanted) = &options.features
        && wanted.len() != found.names.len()
    {
        let problem = format!(
            "there are {} feature columns, but the model has {}",
            found.names.len(),
            wanted.len()
        );
        return Err(Error::content(&name, problem));
    }
    let Gathered { names, target, weights, groups, .. } = found;
    Ok(SpooledData { rows, feature_names: names, target, weights, groups })
}

#[cfg(test)]
mod tests;
