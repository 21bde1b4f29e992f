//! What can go wrong with a file.

use std::path::Path;

/// The result of every fallible call in fi-io.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a file could not be read or written.
///
/// Messages are one sentence that names the file, the place in it and the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system refused.
    #[error("`{file}` could not be {what}: {source}")]
    System {
        /// The file.
        file: String,
        /// `read` or `written`.
        what: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file's content is not what was expected.
    #[error("`{file}`{}{}: {problem}", in_line(*.line), in_column(.column.as_ref()))]
    Content {
        /// The file.
        file: String,
        /// The line, from 1, where there is one.
        line: Option<u64>,
        /// The column's name, where there is one.
        column: Option<String>,
        /// What is wrong, and the remedy.
        problem: String,
    },
    /// The content was read, but does not make a data set or a result.
    #[error("`{file}`: {source}")]
    Core {
        /// The file.
        file: String,
        /// What fi-core said.
        source: fi_core::Error,
    },
    /// What was to be written does not make a file.
    #[error("`{file}` was not written: {problem}")]
    Unwritable {
        /// The file.
        file: String,
        /// What is wrong, and the remedy.
        problem: String,
    },
}

fn in_line(line: Option<u64>) -> String {
    line.map_or_else(String::new, |line| format!(", line {line}"))
}

fn in_column(column: Option<&String>) -> String {
    column.map_or_else(String::new, |column| format!(", column `{column}`"))
}

impl Error {
    pub(crate) fn read(path: &Path, source: std::io::Error) -> Self {
        Self::System { file: path.display().to_string(), what: "read", source }
    }

    pub(crate) fn written(path: &Path, source: std::io::Error) -> Self {
        Self::System { file: path.display().to_string(), what: "written", source }
    }

    pub(crate) fn content(file: &str, problem: impl Into<String>) -> Self {
        Self::Content { file: file.to_owned(), line: None, column: None, problem: problem.into() }
    }

    pub(crate) fn at(
        file: &str,
        line: u64,
        column: Option<&str>,
        problem: impl Into<String>,
    ) -> Self {
        Self::Content {
            file: file.to_owned(),
            line: Some(line),
            column: column.map(str::to_owned),
            problem: problem.into(),
        }
    }
}
