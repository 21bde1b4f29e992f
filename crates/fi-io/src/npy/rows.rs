//! The rows of a two-dimensional `.npy` file, block after block.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use fi_core::Target;
use ndarray::Array2;

use super::Header;
use crate::categories::Numbers;
use crate::data::{DataOptions, TargetSource, are_places, by_place, read_names};
use crate::data_csv::{CsvOptions, Use, mismatch, names_of, number_target, uses};
use crate::error::{Error, Result};
use crate::gather::Gathered;

/// No header of a two-dimensional array is longer.
const MOST_HEADER: u64 = 1 << 16;

/// A file whose header was read.
pub(crate) struct NpyRows {
    file: File,
    header: Header,
    n_rows: usize,
    n_columns: usize,
}

impl NpyRows {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let fail = |problem: String| Error::content(&name, problem);
        let system = |source| Error::read(path, source);
        let mut file = File::open(path).map_err(system)?;
        let length = file.metadata().map_err(system)?.len();
        let mut start = Vec::new();
        (&mut file).take(MOST_HEADER).read_to_end(&mut start).map_err(system)?;
        let (header, rest) = super::split(&start).map_err(fail)?;
        let data_start = (start.len() - rest.len()) as u64;
        let header = Header::parse(header).map_err(fail)?;
        let [n_rows, n_columns] = header.shape[..] else {
            return Err(fail(format!(
                "the array has shape {:?}, only two dimensions are read in blocks",
                header.shape
            )));
        };
        if header.fortran_order && n_columns > 1 {
            return Err(fail(
                "the array is in Fortran order, which is not read in blocks: write \
                 `numpy.ascontiguousarray` of it"
                    .to_owned(),
            ));
        }
        if n_rows == 0 || n_columns == 0 {
            return Err(fail(format!("the array of shape {:?} holds no number", header.shape)));
        }
        let bytes =
            n_rows.checked_mul(n_columns).and_then(|n| n.checked_mul(header.number.width()));
        if bytes.map(|bytes| bytes as u64) != Some(length.saturating_sub(data_start)) {
            return Err(fail(format!(
                "the header promises shape {:?} of {}-byte numbers, but {} bytes follow; the file \
                 is damaged or cut off",
                header.shape,
                header.number.width(),
                length.saturating_sub(data_start)
            )));
        }
        file.seek(SeekFrom::Start(data_start)).map_err(system)?;
        Ok(Self { file, header, n_rows, n_columns })
    }

    /// Hands on the features of each block, and keeps target, weights and groups.
    pub(crate) fn gather(
        mut self,
        path: &Path,
        options: &DataOptions,
        with_target: bool,
        block_rows: usize,
        mut rows: impl FnMut(Array2<f64>) -> Result<()>,
    ) -> Result<Gathered> {
        let file = path.display().to_string();
        let columns = match &options.names {
            None => (0..self.n_columns).map(|i| format!("x{i}")).collect(),
            Some(names) => read_names(names, path, self.n_columns)?,
        };
        let (names, places, others) = plan(&file, &columns, options, with_target)?;
        let mut kept: Vec<Vec<f64>> = vec![Vec::new(); others.len()];
        let width = self.header.number.width();
        let mut bytes = Vec::new();
        let mut first = 0;
        while first < self.n_rows {
            let n = block_rows.min(self.n_rows - first);
            bytes.resize(n * self.n_columns * width, 0);
            self.file.read_exact(&mut bytes).map_err(|source| Error::read(path, source))?;
            let mut block = Array2::zeros((n, places.len()));
            for (row, bytes) in bytes.chunks_exact(self.n_columns * width).enumerate() {
                let value = |column: usize| {
                    let value = self.header.value(&bytes[column * width..(column + 1) * width]);
                    value.map_err(|problem| Error::content(&file, problem))
                };
                for (feature, &column) in places.iter().enumerate() {
                    block[[row, feature]] = value(column)?;
                }
                for ((_, column), kept) in others.iter().zip(&mut kept) {
                    kept.push(value(*column)?);
                }
            }
            rows(block)?;
            first += n;
        }
        let mut gathered = Gathered { names, ..Gathered::default() };
        for ((used, column), values) in others.into_iter().zip(kept) {
            match used {
                Use::Target => {
                    gathered.target = Some(target(&file, &columns[column], values, options)?);
                }
                Use::Weight => gathered.weights = Some(values),
                _ => {
                    let mut known = Numbers::default();
                    let groups = values.iter().map(|&group| known.number(group)).collect();
                    gathered.groups = Some(groups);
                }
            }
        }
        Ok(gathered)
    }
}

type Plan = (Vec<String>, Vec<usize>, Vec<(Use, usize)>);

/// The features' names and columns, and the columns of other uses.
fn plan(file: &str, columns: &[String], options: &DataOptions, with_target: bool) -> Result<Plan> {
    let target = match &options.target {
        Some(TargetSource::Column(name)) => Some(name.clone()),
        None if with_target => {
            return Err(Error::content(
                file,
                "an array does not say which column is the target: name one, or give a .npy file \
                 of its own",
            ));
        }
        Some(TargetSource::File(_)) | None => None,
    };
    let csv = CsvOptions {
        target,
        weights: options.weights.clone(),
        groups: options.groups.clone(),
        drop: options.drop.clone(),
        ..CsvOptions::default()
    };
    let uses = uses(file, columns, &csv)?;
    let others = if with_target {
        let other = |used: &Use| matches!(used, Use::Target | Use::Weight | Use::Group);
        uses.iter()
            .enumerate()
            .filter(|(_, used)| other(used))
            .map(|(i, used)| (*used, i))
            .collect()
    } else {
        Vec::new()
    };
    let free = names_of(columns, &uses, Use::Feature);
    if free.is_empty() {
        return Err(Error::content(file, "no column is left as a feature, there must be one"));
    }
    let place = |name: &String| columns.iter().position(|column| column == name).unwrap_or(0);
    let in_order = || free.iter().map(place).collect::<Vec<usize>>();
    let Some(wanted) = &options.features else {
        let places = in_order();
        return Ok((free, places, others));
    };
    if by_place(wanted, &free) || are_places(&free) {
        if wanted.len() != free.len() {
            return Err(Error::content(
                file,
                format!(
                    "there are {} feature columns, but the model has {}: `{}` to `{}`",
                    free.len(),
                    wanted.len(),
                    wanted[0],
                    wanted[wanted.len() - 1]
                ),
            ));
        }
        return Ok((wanted.clone(), in_order(), others));
    }
    if let Some(name) = wanted.iter().find(|name| !free.contains(name)) {
        return Err(Error::content(file, mismatch(name, wanted, &free)));
    }
    Ok((wanted.clone(), wanted.iter().map(place).collect(), others))
}

/// The line of an error is the row from 1, as for arrays that are read whole.
fn target(file: &str, column: &str, values: Vec<f64>, options: &DataOptions) -> Result<Target> {
    let fail = |row: usize, problem: String| Error::at(file, row as u64 + 1, Some(column), problem);
    number_target(values, options.task, fail)
}
