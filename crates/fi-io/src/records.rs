//! The lines of a CSV file, checked: header, column counts, encoding.

use std::collections::VecDeque;
use std::io::Read;

use csv::{ByteRecord, Reader, ReaderBuilder};

use crate::error::{Error, Result};

/// Reads a CSV file line by line; every line that comes out has as many cells as the header.
pub(crate) struct Records<R> {
    reader: Reader<Lines<R>>,
    file: String,
    columns: Vec<String>,
    record: ByteRecord,
}

impl<R: Read> Records<R> {
    pub(crate) fn new(reader: R, file: &str, delimiter: u8) -> Result<Self> {
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .from_reader(Lines { reader, offset: 0, breaks: VecDeque::new(), line: 1 });
        let file = file.to_owned();
        let mut records = Self { reader, file, columns: Vec::new(), record: ByteRecord::new() };
        let Some((_, cells)) = records.next()? else {
            return Err(Error::content(
                &records.file,
                "the file is empty, it needs a header line with column names",
            ));
        };
        let columns: Vec<String> = cells.iter().map(|name| name.trim().to_owned()).collect();
        records.check_header(&columns)?;
        records.columns = columns;
        Ok(records)
    }

    fn check_header(&self, columns: &[String]) -> Result<()> {
        let fail = |problem: String| Err(Error::at(&self.file, 1, None, problem));
        if let [only] = columns
            && let Some(other) = [';', '\t', '|'].into_iter().find(|&c| only.contains(c))
        {
            return fail(format!(
                "the header has one column and contains `{}`, separate the columns with commas \
                 or set `delimiter`",
                other.escape_default()
            ));
        }
        if let Some(i) = columns.iter().position(String::is_empty) {
            return fail(format!("column {} has no name, give every column a name", i + 1));
        }
        let mut sorted: Vec<&String> = columns.iter().collect();
        sorted.sort_unstable();
        match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => fail(format!(
                "two columns are called `{}`, give every column its own name",
                pair[0]
            )),
            None => Ok(()),
        }
    }

    pub(crate) fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The next line that is not blank: its number from 1, and its cells.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, Vec<&str>)>> {
        let more = self.reader.read_byte_record(&mut self.record).map_err(|error| {
            let source = match error.into_kind() {
                csv::ErrorKind::Io(source) => source,
                other => std::io::Error::other(format!("{other:?}")),
            };
            Error::System { file: self.file.clone(), what: "read", source }
        })?;
        if !more {
            return Ok(None);
        }
        let start = self.record.position().map_or(0, csv::Position::byte);
        let line = self.reader.get_mut().line_at(start);
        let (expected, got) = (self.columns.len(), self.record.len());
        if expected > 0 && got != expected {
            let problem = format!("the line has {got} cells, the header has {expected}");
            return Err(Error::at(&self.file, line, None, problem));
        }
        let mut cells = Vec::with_capacity(got);
        for (i, cell) in self.record.iter().enumerate() {
            cells.push(std::str::from_utf8(cell).map_err(|_| {
                let column = self.columns.get(i).map(String::as_str);
                Error::at(&self.file, line, column, "the text is not UTF-8, save the file as UTF-8")
            })?);
        }
        Ok(Some((line, cells)))
    }
}

/// Counts lines as people do.
///
/// csv's own count stands before the blank lines that it passes over, and before the `\n` of a
/// `\r\n`.
struct Lines<R> {
    reader: R,
    /// How many bytes were read.
    offset: u64,
    /// Where `\r` and `\n` stand, and which is a `\n`, from the last line asked for.
    breaks: VecDeque<(u64, bool)>,
    /// The line that starts before the first of them.
    line: u64,
}

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.reader.read(buffer)?;
        for (byte, at) in buffer[..n].iter().zip(self.offset..) {
            if matches!(byte, b'\r' | b'\n') {
                self.breaks.push_back((at, *byte == b'\n'));
            }
        }
        self.offset += n as u64;
        Ok(n)
    }
}

impl<R> Lines<R> {
    /// The line of the first byte from `start` that breaks no line; `start` must not decrease.
    fn line_at(&mut self, mut start: u64) -> u64 {
        while let Some(&(at, newline)) = self.breaks.front()
            && at <= start
        {
            start += u64::from(at == start);
            self.line += u64::from(newline);
            self.breaks.pop_front();
        }
        self.line
    }
}
