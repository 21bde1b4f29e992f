//! Any table of results as CSV.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::atomic::write_atomic;
use crate::data::is_parquet;
use crate::error::{Error, Result};
use crate::records::Records;
use crate::table_parquet::read_table_parquet;

/// A table with named columns.
///
/// # Example
///
/// ```
/// use fi_io::Table;
///
/// let mut table = Table::new(["model", "accuracy"]);
/// table.push(["forest".into(), 0.95.into()]);
/// assert_eq!(table.to_csv("scores.csv")?, b"model,accuracy\nforest,0.95\n");
/// # Ok::<(), fi_io::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// The columns' names.
    pub columns: Vec<String>,
    /// The rows, each with one cell per column.
    pub rows: Vec<Vec<Cell>>,
}

/// A cell of a [`Table`].
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Nothing: the column has no meaning here.
    Empty,
    /// Text.
    Text(String),
    /// A number, written with as many digits as bring back its bits.
    Number(f64),
    /// A whole number.
    Integer(i64),
}

impl From<f64> for Cell {
    fn from(value: f64) -> Self {
        Self::Number(value)
    }
}

impl From<usize> for Cell {
    fn from(value: usize) -> Self {
        i64::try_from(value).map_or(Self::Number(value as f64), Self::Integer)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl<T: Into<Self>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Empty, Into::into)
    }
}

impl Cell {
    /// The cell as it is written.
    pub fn text(&self) -> String {
        match self {
            Self::Empty => String::new(),
            Self::Text(text) => text.clone(),
            Self::Number(value) => number(*value),
            Self::Integer(value) => value.to_string(),
        }
    }
}

/// The shortest text that reads back as the same bits; `NaN`, `inf`, `-inf`.
pub(crate) fn number(value: f64) -> String {
    // Plain `Display` would write 1e300 with 300 zeros.
    let size = value.abs();
    if size != 0.0 && size.is_finite() && !(1e-5..1e16).contains(&size) {
        format!("{value:e}")
    } else {
        value.to_string()
    }
}

impl Table {
    /// A table without rows.
    pub fn new<S: Into<String>>(columns: impl IntoIterator<Item = S>) -> Self {
        Self { columns: columns.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// Adds a row.
    pub fn push(&mut self, row: impl IntoIterator<Item = Cell>) {
        self.rows.push(row.into_iter().collect());
    }

    /// The place of a column.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }

    /// The table as CSV; `name` stands for the file in errors.
    ///
    /// # Errors
    ///
    /// [`Error::Unwritable`] without columns, for a name that is empty or double, or for a row
    /// of another length.
    pub fn to_csv(&self, name: &str) -> Result<Vec<u8>> {
        self.check(name)?;
        let unwritable = |problem| Error::Unwritable { file: name.to_owned(), problem };
        let mut writer = csv::Writer::from_writer(Vec::new());
        let header = std::iter::once(self.columns.clone());
        let rows = self.rows.iter().map(|row| row.iter().map(Cell::text).collect());
        for line in header.chain(rows) {
            writer.write_record(&line).map_err(|error| unwritable(error.to_string()))?;
        }
        writer.into_inner().map_err(|error| unwritable(error.to_string()))
    }

    /// Whether columns and rows fit together; `name` stands for the file in errors.
    pub(crate) fn check(&self, name: &str) -> Result<()> {
        let unwritable = |problem| Error::Unwritable { file: name.to_owned(), problem };
        let fail = |problem| Err(unwritable(problem));
        if self.columns.is_empty() {
            return fail("the table has no columns, give at least one".to_owned());
        }
        for (i, column) in self.columns.iter().enumerate() {
            if column.is_empty() || self.columns[..i].contains(column) {
                return fail(format!(
                    "column {} is called `{column}`, give every column its own name",
                    i + 1
                ));
            }
        }
        if let Some(i) = self.rows.iter().position(|row| row.len() != self.columns.len()) {
            return fail(format!(
                "row {i} has {} cells, there are {} columns",
                self.rows[i].len(),
                self.columns.len()
            ));
        }
        Ok(())
    }
}

/// Writes a table as CSV. The file appears whole or not at all.
///
/// # Errors
///
/// As for [`Table::to_csv`]; [`Error::System`].
pub fn write_table_csv(path: impl AsRef<Path>, table: &Table) -> Result<()> {
    let path = path.as_ref();
    let bytes = table.to_csv(&path.display().to_string())?;
    write_atomic(path, |file| file.write_all(&bytes))
}

/// Reads a table of results, told apart by its name: [`read_table_parquet`], else
/// [`read_table_csv`].
///
/// # Errors
///
/// As for these.
pub fn read_table(path: impl AsRef<Path>) -> Result<Table> {
    let path = path.as_ref();
    if is_parquet(path) { read_table_parquet(path) } else { read_table_csv(path) }
}

/// Reads a CSV file with a header as a table: empty cells are [`Cell::Empty`], cells that read
/// as whole numbers [`Cell::Integer`], as other numbers [`Cell::Number`], the rest is text.
///
/// # Errors
///
/// [`Error::System`]; [`Error::Content`] for what is not a table, naming the line.
pub fn read_table_csv(path: impl AsRef<Path>) -> Result<Table> {
    let path = path.as_ref();
    let file = File::open(path).map_err(|source| Error::read(path, source))?;
    read_table_csv_from(file, &path.display().to_string())
}

/// As [`read_table_csv`], from anything that can be read; `name` stands for the file in errors.
///
/// # Errors
///
/// As for [`read_table_csv`].
pub fn read_table_csv_from(reader: impl Read, name: &str) -> Result<Table> {
    let mut records = Records::new(reader, name, b',')?;
    let mut table = Table::new(records.columns().to_vec());
    while let Some((_, cells)) = records.next()? {
        table.rows.push(cells.into_iter().map(parsed).collect());
    }
    Ok(table)
}

fn parsed(cell: &str) -> Cell {
    if cell.is_empty() {
        return Cell::Empty;
    }
    let integer = cell.parse().ok().filter(|value: &i64| value.to_string() == cell);
    match (integer, cell.parse()) {
        (Some(value), _) => Cell::Integer(value),
        (None, Ok(value)) => Cell::Number(value),
        _ => Cell::Text(cell.to_owned()),
    }
}
