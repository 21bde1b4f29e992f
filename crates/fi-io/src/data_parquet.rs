//! The columns of a Parquet file as numbers and categories, block after block.
//!
//! Only flat columns are read. A row group is decoded page by page, so that memory is that of a
//! block and of one page of each column, however large the file is.

use std::fs::File;
use std::ops::Range;
use std::path::Path;

use parquet::basic::{ConvertedType, LogicalType, Type as Physical};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::DataType;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::ColumnDescriptor;

use crate::error::{Error, Result};

/// Whole numbers up to here are all numbers of float64.
const MOST_EXACT: u64 = 1 << 53;

/// A file whose columns are known, and which is read as often as needed.
pub(crate) struct ParquetFile {
    file: String,
    reader: SerializedFileReader<File>,
    names: Vec<String>,
    kinds: Vec<Kind>,
    n_rows: usize,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Numbers; unsigned ones are stored as signed ones of the same bits.
    Number {
        unsigned: bool,
    },
    /// 16-bit floats.
    Half,
    /// Whole numbers times a power of ten.
    Decimal {
        scale: u32,
    },
    Text,
    /// Nothing that a model can take, and what to do.
    Refused(&'static str),
}

/// The values of one column in a block of rows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Values {
    /// NaN where there is none.
    Numbers(Vec<f64>),
    /// `None` where there is none.
    Text(Vec<Option<String>>),
}

impl ParquetFile {
    /// Opens a file and looks whether it is a table.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = path.display().to_string();
        let opened = File::open(path).map_err(|source| Error::read(path, source))?;
        let length = opened.metadata().map_err(|source| Error::read(path, source))?.len();
        if length == 0 {
            return Err(Error::content(&file, "the file is empty, it needs a table in Parquet"));
        }
        let reader = guarded(&file, || SerializedFileReader::new(opened))?;
        let metadata = reader.metadata().file_metadata();
        let schema = metadata.schema_descr();
        let fields = schema.root_schema().get_fields();
        let names: Vec<String> = fields.iter().map(|field| field.name().to_owned()).collect();
        if names.is_empty() {
            return Err(Error::content(&file, "the table has no columns, write at least one"));
        }
        if let Some(i) = names.iter().position(String::is_empty) {
            let problem = format!("column {} has no name, give every column a name", i + 1);
            return Err(Error::content(&file, problem));
        }
        let mut sorted: Vec<&String> = names.iter().collect();
        sorted.sort_unstable();
        if let Some(name) = twice(&sorted) {
            let problem =
                format!("two columns are called `{name}`, give every column its own name");
            return Err(Error::content(&file, problem));
        }
        if let Some(field) = fields.iter().find(|field| field.is_group()) {
            return Err(Error::Content {
                file,
                line: None,
                column: Some(field.name().to_owned()),
                problem: "the column is nested (a list or a struct), only flat columns are read: \
                          write each part as a column of its own"
                    .to_owned(),
            });
        }
        let kinds = schema.columns().iter().map(|column| kind(column)).collect();
        let too_many = || {
            Error::content(&file, "the file is damaged: its parts do not have the rows it promises")
        };
        let n_rows = usize::try_from(metadata.num_rows()).map_err(|_| too_many())?;
        let mut counted = 0_i64;
        for group in reader.metadata().row_groups() {
            counted = counted.checked_add(group.num_rows()).ok_or_else(too_many)?;
            let whole = group.columns().len() == names.len()
                && group.num_rows() >= 0
                && group.columns().iter().all(|chunk| {
                    // A repeated value is no flat column; a flat one has one value a row.
                    chunk.num_values() == group.num_rows()
                        || chunk.column_descr().max_rep_level() > 0
                });
            if !whole {
                return Err(too_many());
            }
            // The decoder takes these for granted.
            let inside = group.columns().iter().all(|chunk| {
                let start = chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset());
                let end = start.checked_add(chunk.compressed_size());
                start >= 0
                    && chunk.data_page_offset() >= 0
                    && chunk.compressed_size() >= 0
                    && end.and_then(|end| u64::try_from(end).ok()).is_some_and(|end| end <= length)
            });
            if !inside {
                return Err(Error::content(
                    &file,
                    "the file is damaged or cut off: a column lies outside of it",
                ));
            }
        }
        if counted != metadata.num_rows() {
            return Err(too_many());
        }
        if n_rows == 0 {
            return Err(Error::content(&file, "the table has no rows, there must be one"));
        }
        Ok(Self { file, reader, names, kinds, n_rows })
    }

    /// The file, for errors.
    pub(crate) fn file(&self) -> &str {
        &self.file
    }

    /// The columns' names, all different.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// How many rows there are, at least 1.
    pub(crate) fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Whether a column holds text.
    pub(crate) fn is_text(&self, column: usize) -> bool {
        self.kinds[column] == Kind::Text
    }

    /// Reads these columns in blocks of at most so many rows: hands on the rows' numbers from 0
    /// and a block of values for each column.
    pub(crate) fn read(
        &self,
        columns: &[usize],
        block_rows: usize,
        mut take: impl FnMut(Range<usize>, Vec<Values>) -> Result<()>,
    ) -> Result<()> {
        for &column in columns {
            if let Kind::Refused(remedy) = self.kinds[column] {
                return Err(self.fail(column, remedy));
            }
        }
        let mut first = 0;
        for (index, group) in self.reader.metadata().row_groups().iter().enumerate() {
            let rows = guarded(&self.file, || self.reader.get_row_group(index))?;
            let mut cursors = Vec::with_capacity(columns.len());
            for &column in columns {
                let reader = guarded(&self.file, || rows.get_column_reader(column))?;
                let nullable = self.descriptor(column).max_def_level() > 0;
                cursors.push(Cursor { column, kind: self.kinds[column], nullable, reader });
            }
            let end = first + group.num_rows() as usize;
            while first < end {
                let range = first..(first + block_rows.max(1)).min(end);
                let block = cursors
                    .iter_mut()
                    .map(|cursor| self.block(cursor, &range))
                    .collect::<Result<Vec<Values>>>()?;
                first = range.end;
                take(range, block)?;
            }
        }
        Ok(())
    }

    fn descriptor(&self, column: usize) -> &ColumnDescriptor {
        self.reader.metadata().file_metadata().schema_descr().columns()[column].as_ref()
    }

    fn fail(&self, column: usize, problem: impl Into<String>) -> Error {
        Error::Content {
            file: self.file.clone(),
            line: None,
            column: Some(self.names[column].clone()),
            problem: problem.into(),
        }
    }

    /// The next rows of a column.
    fn block(&self, cursor: &mut Cursor, range: &Range<usize>) -> Result<Values> {
        let column = cursor.column;
        let read =
            guarded(&self.file, || cursor.next(range.len())).map_err(|error| match error {
                Error::Content { problem, .. } => self.fail(column, problem),
                other => other,
            })?;
        let values = match read {
            Ok(values) => values,
            Err((row, problem)) => {
                return Err(self.fail(column, format!("row {}: {problem}", range.start + row)));
            }
        };
        let n = match &values {
            Values::Numbers(numbers) => numbers.len(),
            Values::Text(texts) => texts.len(),
        };
        if n != range.len() {
            return Err(self.fail(
                column,
                format!(
                    "the column ends after {} rows, the file promises {}: it is damaged or cut off",
                    range.start + n,
                    self.n_rows
                ),
            ));
        }
        Ok(values)
    }
}

/// Does what the decoder does; what it says, or panics with, becomes a sentence.
fn guarded<T>(file: &str, work: impl FnOnce() -> Result<T, ParquetError>) -> Result<T> {
    // A hostile file must not end the program, whatever the decoder takes for granted. What it has
    // half done is not used again.
    let done = fi_core::catch_panic(work);
    let done = done.unwrap_or_else(|| Err(ParquetError::General("it cannot be decoded".into())));
    done.map_err(|error| {
        let problem = match &error {
            ParquetError::General(text) if text.contains("Invalid Parquet file") => {
                "this is no Parquet file, write one with `to_parquet` of pandas or \
                 `write_parquet` of polars"
                    .to_owned()
            }
            ParquetError::NYI(text) | ParquetError::General(text)
                if text.starts_with("Disabled feature")
                    || matches!(error, ParquetError::NYI(_)) =>
            {
                format!(
                    "it has a compression or encoding that is not read here ({}), write it with \
                     zstd, snappy, gzip or lz4",
                    one_line(text)
                )
            }
            other => format!("the file is damaged or cut off ({})", one_line(&other.to_string())),
        };
        Error::content(file, problem)
    })
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(200).collect()
}

const DATES: &str = "the column holds dates or times, which are no numbers: write what matters of \
                     them as numbers, such as days since a day, or leave the column out with `drop`";
const BYTES: &str = "the column holds bytes and not text: write text or numbers, or leave the \
                     column out with `drop`";
const REPEATED: &str = "the column holds lists, only flat columns are read: write each part as a \
                        column of its own, or leave the column out with `drop`";
const UNKNOWN: &str = "the column's type is not known here: write numbers or text, or leave the \
                       column out with `drop`";

fn kind(column: &ColumnDescriptor) -> Kind {
    use LogicalType as L;
    if column.max_rep_level() > 0 || column.max_def_level() > 1 {
        return Kind::Refused(REPEATED);
    }
    let number = Kind::Number { unsigned: false };
    let whole = matches!(column.physical_type(), Physical::INT32 | Physical::INT64);
    match column.logical_type_ref() {
        Some(L::Date | L::Time(_) | L::Timestamp(_)) => return Kind::Refused(DATES),
        Some(L::Integer(integer)) if whole => return Kind::Number { unsigned: !integer.is_signed },
        Some(L::Decimal(decimal)) => return decimal_kind(decimal.scale),
        Some(L::Float16) if column.type_length() == 2 => return Kind::Half,
        Some(L::String | L::Enum | L::Json) => return Kind::Text,
        // A column of nothing but nulls.
        Some(L::Unknown) if column.physical_type() != Physical::INT96 => {}
        Some(_) => return Kind::Refused(UNKNOWN),
        None => {}
    }
    match (column.converted_type(), column.physical_type()) {
        (
            ConvertedType::DATE
            | ConvertedType::TIME_MILLIS
            | ConvertedType::TIME_MICROS
            | ConvertedType::TIMESTAMP_MILLIS
            | ConvertedType::TIMESTAMP_MICROS
            | ConvertedType::INTERVAL,
            _,
        )
        | (_, Physical::INT96) => Kind::Refused(DATES),
        (ConvertedType::UTF8 | ConvertedType::ENUM | ConvertedType::JSON, _) => Kind::Text,
        (ConvertedType::DECIMAL, _) => decimal_kind(column.type_scale()),
        (
            ConvertedType::UINT_8
            | ConvertedType::UINT_16
            | ConvertedType::UINT_32
            | ConvertedType::UINT_64,
            Physical::INT32 | Physical::INT64,
        ) => Kind::Number { unsigned: true },
        (
            _,
            Physical::BOOLEAN
            | Physical::INT32
            | Physical::INT64
            | Physical::FLOAT
            | Physical::DOUBLE,
        ) => number,
        (_, Physical::BYTE_ARRAY | Physical::FIXED_LEN_BYTE_ARRAY) => Kind::Refused(BYTES),
    }
}

fn decimal_kind(scale: i32) -> Kind {
    // Parquet's decimals have at most 38 digits where anything writes them.
    u32::try_from(scale)
        .ok()
        .filter(|scale| *scale <= 100)
        .map_or(Kind::Refused(UNKNOWN), |scale| Kind::Decimal { scale })
}

/// Where a column of a row group is read.
struct Cursor {
    column: usize,
    kind: Kind,
    nullable: bool,
    reader: ColumnReader,
}

/// The row within a block, and what is wrong with its value.
type Wrong = (usize, String);

impl Cursor {
    /// The next values, fewer where the column ends.
    fn next(&mut self, n: usize) -> Result<Result<Values, Wrong>, ParquetError> {
        let (kind, nullable) = (self.kind, self.nullable);
        let unsigned = kind == Kind::Number { unsigned: true };
        let decimal = |whole: i128| match kind {
            Kind::Decimal { scale } => Some(scaled(whole, scale)),
            _ => None,
        };
        match &mut self.reader {
            ColumnReader::BoolColumnReader(reader) => {
                numbers(reader, n, nullable, |value| Ok(f64::from(u8::from(*value))))
            }
            ColumnReader::Int32ColumnReader(reader) => numbers(reader, n, nullable, |&value| {
                let whole = if unsigned { i64::from(value as u32) } else { i64::from(value) };
                Ok(decimal(whole.into()).unwrap_or(whole as f64))
            }),
            ColumnReader::Int64ColumnReader(reader) => numbers(reader, n, nullable, |&value| {
                if let Some(value) = decimal(value.into()) {
                    return Ok(value);
                }
                let whole = if unsigned { i128::from(value as u64) } else { i128::from(value) };
                if whole as f64 as i128 != whole {
                    return Err(format!(
                        "{whole} is too large a whole number for float64, leave the column out \
                         with `drop`"
                    ));
                }
                Ok(whole as f64)
            }),
            ColumnReader::FloatColumnReader(reader) => {
                numbers(reader, n, nullable, |&value| finite(f64::from(value)))
            }
            ColumnReader::DoubleColumnReader(reader) => {
                numbers(reader, n, nullable, |&value| finite(value))
            }
            ColumnReader::ByteArrayColumnReader(reader) if kind == Kind::Text => {
                texts(reader, n, nullable)
            }
            ColumnReader::ByteArrayColumnReader(reader) => {
                numbers(reader, n, nullable, |value| of_bytes(value.data(), kind))
            }
            ColumnReader::FixedLenByteArrayColumnReader(reader) => {
                numbers(reader, n, nullable, |value| of_bytes(value.data(), kind))
            }
            // Refused before.
            ColumnReader::Int96ColumnReader(_) => Err(ParquetError::NYI(DATES.to_owned())),
        }
    }
}

fn finite(value: f64) -> Result<f64, String> {
    if value.is_infinite() {
        return Err(format!(
            "`{value}` is not a finite number, only finite ones have a meaning; write null if the \
             value is missing"
        ));
    }
    Ok(value)
}

/// Big-endian decimals, and halves.
fn of_bytes(bytes: &[u8], kind: Kind) -> Result<f64, String> {
    match kind {
        Kind::Half => match bytes {
            &[low, high] => finite(half(u16::from_le_bytes([low, high]))),
            _ => Err("a half has two bytes, the file is damaged".to_owned()),
        },
        Kind::Decimal { scale } if bytes.len() <= 16 => {
            let sign = if bytes.first().is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 };
            let mut whole = [sign; 16];
            whole[16 - bytes.len()..].copy_from_slice(bytes);
            Ok(scaled(i128::from_be_bytes(whole), scale))
        }
        _ => Err("the decimal has more than 38 digits, write float64".to_owned()),
    }
}

/// `whole / 10^scale`, rounded once.
fn scaled(whole: i128, scale: u32) -> f64 {
    if whole.unsigned_abs() <= u128::from(MOST_EXACT) && scale <= 22 {
        // Both are exact, so the quotient is rounded once.
        return whole as f64 / 10_f64.powi(scale as i32);
    }
    format!("{whole}e-{scale}").parse().unwrap_or(f64::NAN)
}

/// An IEEE half.
fn half(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    let size = match exponent {
        0 => fraction * 2_f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * 2_f64.powi(exponent - 25),
    };
    if bits >> 15 == 1 { -size } else { size }
}

/// The next values and where they belong: which of the rows have one.
fn next<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    n: usize,
    nullable: bool,
) -> Result<(Vec<T::T>, Vec<bool>), ParquetError> {
    let (mut values, mut levels) = (Vec::new(), Vec::new());
    let (n_records, ..) =
        reader.read_records(n, nullable.then_some(&mut levels), None, &mut values)?;
    let given = if nullable {
        levels.iter().map(|&level| level > 0).collect()
    } else {
        vec![true; n_records]
    };
    Ok((values, given))
}

fn numbers<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    n: usize,
    nullable: bool,
    number: impl Fn(&T::T) -> Result<f64, String>,
) -> Result<Result<Values, Wrong>, ParquetError> {
    let (values, given) = next(reader, n, nullable)?;
    let mut values = values.iter();
    let mut found = Vec::with_capacity(given.len());
    for (row, given) in given.into_iter().enumerate() {
        match if given { values.next().map(&number) } else { Some(Ok(f64::NAN)) } {
            Some(Ok(value)) => found.push(value),
            Some(Err(problem)) => return Ok(Err((row, problem))),
            None => break,
        }
    }
    Ok(Ok(Values::Numbers(found)))
}

fn texts<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    n: usize,
    nullable: bool,
) -> Result<Result<Values, Wrong>, ParquetError>
where
    T::T: parquet::data_type::AsBytes,
{
    use parquet::data_type::AsBytes as _;
    let (values, given) = next(reader, n, nullable)?;
    let mut values = values.iter();
    let mut found = Vec::with_capacity(given.len());
    for (row, given) in given.into_iter().enumerate() {
        if !given {
            found.push(None);
            continue;
        }
        let Some(value) = values.next() else { break };
        match std::str::from_utf8(value.as_bytes()) {
            Ok(text) => found.push(Some(text.to_owned())),
            Err(_) => return Ok(Err((row, "the text is not UTF-8".to_owned()))),
        }
    }
    Ok(Ok(Values::Text(found)))
}

/// The first name that follows itself.
fn twice<'a>(sorted: &[&'a String]) -> Option<&'a String> {
    sorted.iter().zip(sorted.iter().skip(1)).find(|(a, b)| a == b).map(|(name, _)| *name)
}

#[cfg(test)]
mod tests;
