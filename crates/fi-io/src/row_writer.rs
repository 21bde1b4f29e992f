//! Rows of numbers that are written as they come, because all of them are more than memory holds.

use std::io::{self, Write};
use std::path::Path;

use ndarray::{Array2, ArrayView2, ArrayView3, s};

use crate::atomic::write_atomic;
use crate::error::Error;
use crate::table::number;
use crate::table_parquet::NumberWriter;

/// Where rows go, in order.
pub struct RowWriter<'w> {
    into: Sink<'w>,
    n_rows: usize,
    n_columns: usize,
}

enum Sink<'w> {
    Npy(&'w mut (dyn Write + Send)),
    Csv(&'w mut (dyn Write + Send)),
    Parquet(Box<NumberWriter<&'w mut (dyn Write + Send)>>),
}

impl std::fmt::Debug for RowWriter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RowWriter").field("n_rows", &self.n_rows).finish_non_exhaustive()
    }
}

impl RowWriter<'_> {
    /// Writes the next rows.
    ///
    /// # Errors
    ///
    /// Those of the system, and for another number of columns.
    pub fn push(&mut self, rows: ArrayView2<'_, f64>) -> io::Result<()> {
        if rows.ncols() != self.n_columns {
            return Err(io::Error::other(format!(
                "a row has {} numbers, there are {} columns",
                rows.ncols(),
                self.n_columns
            )));
        }
        self.n_rows += rows.nrows();
        match &mut self.into {
            Sink::Npy(file) => {
                for value in rows {
                    file.write_all(&value.to_le_bytes())?;
                }
                Ok(())
            }
            Sink::Csv(file) => {
                for row in rows.rows() {
                    let cells: Vec<String> = row.iter().map(|&value| number(value)).collect();
                    writeln!(file, "{}", cells.join(","))?;
                }
                Ok(())
            }
            Sink::Parquet(writer) => writer.push(rows),
        }
    }

    /// Writes the local importance `(n_rows, n_outputs, n_players)` of the rows from `first_row`,
    /// as [`write_attribution_npy`](crate::write_attribution_npy) and
    /// [`attribution_table`](crate::attribution_table) lay it out, with a base value per output.
    ///
    /// # Errors
    ///
    /// As for [`RowWriter::push`].
    pub fn push_attribution(
        &mut self,
        first_row: usize,
        values: ArrayView3<'_, f64>,
        base_values: &[f64],
    ) -> io::Result<()> {
        let (n_rows, n_outputs, n_players) = values.dim();
        // Tables say row and output, arrays by their axes.
        let front = if n_outputs > 1 && !matches!(self.into, Sink::Npy(_)) { 2 } else { 0 };
        let mut lines = Array2::zeros((n_rows * n_outputs, front + n_players + 1));
        for (i, mut line) in lines.rows_mut().into_iter().enumerate() {
            let (row, output) = (i / n_outputs, i % n_outputs);
            if front > 0 {
                (line[0], line[1]) = ((first_row + row) as f64, output as f64);
            }
            line.slice_mut(s![front..front + n_players]).assign(&values.slice(s![row, output, ..]));
            line[front + n_players] = base_values[output];
        }
        self.push(lines.view())
    }
}

/// Writes a table of numbers row after row: `.npy` (of the shape `leading` and the number of
/// columns), `.parquet`, or any other name as CSV. The first `n_whole` columns are whole numbers in
/// Parquet. The file appears whole or not at all.
///
/// # Errors
///
/// Those of `fill`; [`Error::System`] if the file cannot be written, or if another number of rows
/// came than `leading` says.
///
/// # Example
///
/// ```
/// use fi_io::{Error, read_npy_2d, write_rows};
/// use ndarray::array;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("rows.npy");
/// let columns = ["a".to_owned(), "b".to_owned()];
/// write_rows(&path, &columns, 0, &[2], |rows| -> Result<(), Box<dyn std::error::Error>> {
///     rows.push(array![[1.0, 2.0]].view())?;
///     Ok(rows.push(array![[3.0, 4.0]].view())?)
/// })?;
/// assert_eq!(read_npy_2d(&path)?, array![[1.0, 2.0], [3.0, 4.0]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write_rows<E: From<Error>>(
    path: impl AsRef<Path>,
    columns: &[String],
    n_whole: usize,
    leading: &[usize],
    fill: impl FnOnce(&mut RowWriter<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let path = path.as_ref();
    let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase());
    let mut failed = None;
    let written = write_atomic(path, |file| {
        let into = match extension.as_deref() {
            Some("npy") => {
                file.write_all(&npy_header(leading, columns.len()))?;
                Sink::Npy(file)
            }
            Some("parquet") => Sink::Parquet(Box::new(NumberWriter::new(file, columns, n_whole)?)),
            _ => {
                let mut header = csv::Writer::from_writer(Vec::new());
                header.write_record(columns)?;
                file.write_all(
                    &header.into_inner().map_err(|error| io::Error::other(error.to_string()))?,
                )?;
                Sink::Csv(file)
            }
        };
        let mut writer = RowWriter { into, n_rows: 0, n_columns: columns.len() };
        if let Err(error) = fill(&mut writer) {
            failed = Some(error);
            return Err(io::Error::other("its rows could not be made"));
        }
        let expected: usize = leading.iter().product();
        if writer.n_rows != expected {
            let got = writer.n_rows;
            return Err(io::Error::other(format!("{got} rows came, expected {expected}")));
        }
        match writer.into {
            Sink::Parquet(writer) => writer.close(),
            Sink::Npy(_) | Sink::Csv(_) => Ok(()),
        }
    });
    match failed {
        Some(error) => Err(error),
        None => written.map_err(E::from),
    }
}

/// The header of version 1.0, padded to a multiple of 64 bytes.
fn npy_header(leading: &[usize], n_columns: usize) -> Vec<u8> {
    let sides = leading.iter().chain([&n_columns]).map(usize::to_string).collect::<Vec<_>>();
    let shape = if sides.len() == 1 { format!("{},", sides[0]) } else { sides.join(", ") };
    let mut text = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({shape})}}");
    let length = (10 + text.len() + 1).next_multiple_of(64) - 10;
    text.extend(std::iter::repeat_n(' ', length - 1 - text.len()));
    text.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend_from_slice(&(length as u16).to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        DataOptions, attribution_table, read_rows, write_attribution_npy, write_npy,
        write_table_csv,
    };
    use fi_core::Attribution;
    use ndarray::Array3;

    type Failing = Box<dyn std::error::Error>;

    #[test]
    fn rows_that_come_in_parts_are_the_file_of_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let rows = Array2::from_shape_fn((7, 3), |(i, j)| (i * 3 + j) as f64 / 7.0);
        let names = ["a", "b,c", "d"].map(str::to_owned);
        let write = |name: &str| {
            write_rows(path(name), &names, 0, &[7], |writer| -> Result<(), Failing> {
                writer.push(rows.slice(s![..5, ..]))?;
                Ok(writer.push(rows.slice(s![5.., ..]))?)
            })
        };
        for name in ["r.npy", "r.csv", "r.parquet"] {
            write(name).unwrap();
        }
        write_npy(path("whole.npy"), &rows).unwrap();
        let read = |name: &str| std::fs::read(path(name)).unwrap();
        assert_eq!(read("r.npy"), read("whole.npy"));
        for name in ["r.csv", "r.parquet"] {
            let (columns, found) = read_rows(path(name), &DataOptions::default()).unwrap();
            assert_eq!((&columns[..], found), (&names[..], rows.clone()), "{name}");
        }
    }

    #[test]
    fn local_importance_is_that_which_is_written_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let values = Array3::from_shape_fn((4, 2, 2), |(i, k, j)| (i * 4 + k * 2 + j) as f64);
        let base = Array2::from_shape_fn((4, 2), |(_, k)| 0.5 + k as f64);
        let names = ["a".to_owned(), "b".to_owned()];
        let whole = Attribution::new("SHAP", &names, values.clone(), base).unwrap();
        write_attribution_npy(path("whole.npy"), &whole).unwrap();
        write_table_csv(path("whole.csv"), &attribution_table(&whole)).unwrap();
        let tables = ["row", "output", "a", "b", "base_value"].map(str::to_owned);
        for (name, columns, whole) in
            [("r.npy", &tables[2..], "whole.npy"), ("r.csv", &tables[..], "whole.csv")]
        {
            let leading: &[usize] = if name == "r.npy" { &[4, 2] } else { &[8] };
            write_rows(path(name), columns, 2, leading, |writer| -> Result<(), Failing> {
                for first in [0, 3] {
                    let end = if first == 0 { 3 } else { 4 };
                    let part = values.slice(s![first..end, .., ..]);
                    writer.push_attribution(first, part, &[0.5, 1.5])?;
                }
                Ok(())
            })
            .unwrap();
            let read = |name: &str| std::fs::read(path(name)).unwrap();
            assert_eq!(read(name), read(whole), "{name}");
        }
    }

    #[test]
    fn what_fails_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.parquet");
        let names = ["a".to_owned()];
        let say = |fill: &dyn Fn(&mut RowWriter<'_>) -> Result<(), Failing>| {
            let text = write_rows(&path, &names, 0, &[2], fill).unwrap_err().to_string();
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
            text
        };
        assert_eq!(say(&|_| Err("no rows".into())), "no rows");
        assert!(say(&|_| Ok(())).ends_with("could not be written: 0 rows came, expected 2"));
        let wide = say(&|rows| Ok(rows.push(ndarray::array![[1.0, 2.0]].view())?));
        assert_eq!(wide, "a row has 2 numbers, there are 1 columns");
    }
}
