//! Results as Parquet: the columns of the CSV, each with a type.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use ndarray::ArrayView2;
use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{Type, TypePtr};

use crate::atomic::write_atomic;
use crate::data_parquet::{ParquetFile, Values};
use crate::error::{Error, Result};
use crate::table::{Cell, Table};

/// Rows of one row group.
const GROUP_ROWS: usize = 1 << 16;

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Integer,
    Number,
    Text,
}

impl Kind {
    /// What holds all cells: text if one is text, else whole numbers if all that are given are.
    fn of(table: &Table, column: usize) -> Self {
        let cells = || table.rows.iter().map(|row| &row[column]);
        let given = || cells().filter(|cell| !matches!(cell, Cell::Empty));
        if given().any(|cell| matches!(cell, Cell::Text(_))) {
            Self::Text
        } else if given().next().is_some() && given().all(|cell| matches!(cell, Cell::Integer(_))) {
            Self::Integer
        } else {
            Self::Number
        }
    }
}

/// Writes a table as Parquet, with the columns that [`write_table_csv`](crate::write_table_csv)
/// writes: text, 64-bit whole numbers or float64, null where a cell is empty. Numbers keep their
/// bits. The file appears whole or not at all.
///
/// # Errors
///
/// [`Error::Unwritable`] as for [`Table::to_csv`]; [`Error::System`].
///
/// # Example
///
/// ```
/// use fi_io::{DataOptions, Table, read_rows, write_table_parquet};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("scores.parquet");
/// let mut table = Table::new(["depth", "loss"]);
/// table.push([3_usize.into(), 0.25.into()]);
/// write_table_parquet(&path, &table)?;
/// let (names, rows) = read_rows(&path, &DataOptions::default())?;
/// assert_eq!((names.len(), rows[[0, 1]]), (2, 0.25));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write_table_parquet(path: impl AsRef<Path>, table: &Table) -> Result<()> {
    let path = path.as_ref();
    let name = path.display().to_string();
    table.check(&name)?;
    let kinds: Vec<Kind> = (0..table.columns.len()).map(|column| Kind::of(table, column)).collect();
    let schema = schema(table.columns.iter().zip(&kinds)).map_err(|e| unwritable(&name, &e))?;
    write_atomic(path, |file| {
        let mut writer = writer(file, schema).map_err(std::io::Error::other)?;
        for rows in table.rows.chunks(GROUP_ROWS) {
            let cell = |row: usize, column: usize| &rows[row][column];
            write_group(&mut writer, &kinds, rows.len(), cell).map_err(std::io::Error::other)?;
        }
        writer.close().map_err(std::io::Error::other)?;
        Ok(())
    })
}

/// Reads a Parquet file as a table: null and NaN are [`Cell::Empty`], whole numbers
/// [`Cell::Integer`], as a CSV file of the same cells is read.
///
/// # Errors
///
/// [`Error::System`]; [`Error::Content`] for what is no table of numbers and text.
pub fn read_table_parquet(path: impl AsRef<Path>) -> Result<Table> {
    let file = ParquetFile::open(path.as_ref())?;
    let mut table = Table::new(file.names().to_vec());
    let columns: Vec<usize> = (0..table.columns.len()).collect();
    file.read(&columns, GROUP_ROWS, |range, block| {
        let first = table.rows.len();
        table.rows.extend(range.map(|_| Vec::with_capacity(columns.len())));
        for values in block {
            let cells: Box<dyn Iterator<Item = Cell>> = match values {
                Values::Numbers(numbers) => Box::new(numbers.into_iter().map(cell)),
                Values::Text(texts) => Box::new(texts.into_iter().map(Cell::from)),
            };
            table.rows[first..].iter_mut().zip(cells).for_each(|(row, cell)| row.push(cell));
        }
        Ok(())
    })?;
    Ok(table)
}

fn cell(number: f64) -> Cell {
    // All whole numbers below this are different as f64.
    const EXACT: f64 = (1_u64 << 53) as f64;
    match number {
        x if x.is_nan() => Cell::Empty,
        x if x.fract() == 0.0 && x.abs() < EXACT => Cell::Integer(x as i64),
        x => Cell::Number(x),
    }
}

fn unwritable(file: &str, error: &ParquetError) -> Error {
    Error::Unwritable { file: file.to_owned(), problem: error.to_string() }
}

fn schema<'a>(
    columns: impl Iterator<Item = (&'a String, &'a Kind)>,
) -> Result<TypePtr, ParquetError> {
    let fields = columns.map(|(name, kind)| {
        let (physical, logical) = match kind {
            Kind::Integer => (Physical::INT64, None),
            Kind::Number => (Physical::DOUBLE, None),
            Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        };
        Type::primitive_type_builder(name, physical)
            .with_repetition(Repetition::OPTIONAL)
            .with_logical_type(logical)
            .build()
            .map(Arc::new)
    });
    let fields = fields.collect::<Result<Vec<TypePtr>, ParquetError>>()?;
    Type::group_type_builder("schema").with_fields(fields).build().map(Arc::new)
}

fn writer<W: Write + Send>(
    file: W,
    schema: TypePtr,
) -> Result<SerializedFileWriter<W>, ParquetError> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_created_by(concat!("fi ", env!("CARGO_PKG_VERSION")).to_owned())
        .build();
    SerializedFileWriter::new(file, schema, Arc::new(properties))
}

fn write_group<'c, W: Write + Send>(
    writer: &mut SerializedFileWriter<W>,
    kinds: &[Kind],
    n_rows: usize,
    cell: impl Fn(usize, usize) -> &'c Cell,
) -> Result<(), ParquetError> {
    let mut group = writer.next_row_group()?;
    for column in 0..kinds.len() {
        let cells = || (0..n_rows).map(|row| cell(row, column));
        let levels: Vec<i16> =
            cells().map(|cell| i16::from(!matches!(cell, Cell::Empty))).collect();
        let given = || cells().filter(|cell| !matches!(cell, Cell::Empty));
        let Some(mut into) = group.next_column()? else { continue };
        match into.untyped() {
            ColumnWriter::Int64ColumnWriter(typed) => {
                let whole = |cell: &Cell| match cell {
                    Cell::Integer(value) => *value,
                    _ => 0,
                };
                let values: Vec<i64> = given().map(whole).collect();
                typed.write_batch(&values, Some(&levels), None)?;
            }
            ColumnWriter::DoubleColumnWriter(typed) => {
                let number = |cell: &Cell| match cell {
                    Cell::Integer(value) => *value as f64,
                    Cell::Number(value) => *value,
                    Cell::Empty | Cell::Text(_) => f64::NAN,
                };
                let values: Vec<f64> = given().map(number).collect();
                typed.write_batch(&values, Some(&levels), None)?;
            }
            ColumnWriter::ByteArrayColumnWriter(typed) => {
                let text = |cell: &Cell| ByteArray::from(cell.text().into_bytes());
                let values: Vec<ByteArray> = given().map(text).collect();
                typed.write_batch(&values, Some(&levels), None)?;
            }
            _ => return Err(ParquetError::General("a column has an unknown type".to_owned())),
        }
        into.close()?;
    }
    group.close()?;
    Ok(())
}

/// Writes rows of numbers to a Parquet file that is open already, block after block: each block is
/// a row group.
pub(crate) struct NumberWriter<W: Write + Send> {
    writer: SerializedFileWriter<W>,
}

impl<W: Write + Send> NumberWriter<W> {
    /// The first `n_whole` columns are whole numbers.
    pub(crate) fn new(file: W, columns: &[String], n_whole: usize) -> std::io::Result<Self> {
        let kind = |column: usize| if column < n_whole { Kind::Integer } else { Kind::Number };
        let kinds: Vec<Kind> = (0..columns.len()).map(kind).collect();
        let schema = schema(columns.iter().zip(&kinds)).map_err(std::io::Error::other)?;
        Ok(Self { writer: writer(file, schema).map_err(std::io::Error::other)? })
    }

    pub(crate) fn push(&mut self, rows: ArrayView2<'_, f64>) -> std::io::Result<()> {
        self.try_push(rows).map_err(std::io::Error::other)
    }

    fn try_push(&mut self, rows: ArrayView2<'_, f64>) -> Result<(), ParquetError> {
        let levels = vec![1; rows.nrows()];
        let mut group = self.writer.next_row_group()?;
        for column in rows.columns() {
            let Some(mut into) = group.next_column()? else { continue };
            match into.untyped() {
                ColumnWriter::DoubleColumnWriter(typed) => {
                    typed.write_batch(&column.to_vec(), Some(&levels), None)?;
                }
                ColumnWriter::Int64ColumnWriter(typed) => {
                    let whole: Vec<i64> = column.iter().map(|&value| value as i64).collect();
                    typed.write_batch(&whole, Some(&levels), None)?;
                }
                _ => return Err(ParquetError::General("a column has an unknown type".to_owned())),
            }
            into.close()?;
        }
        group.close()?;
        Ok(())
    }

    pub(crate) fn close(self) -> std::io::Result<()> {
        self.writer.close().map_err(std::io::Error::other)?;
        Ok(())
    }
}
