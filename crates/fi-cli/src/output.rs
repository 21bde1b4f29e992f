//! Where results go: a file by its extension, or a table on stdout.

use std::path::Path;

use fi_core::Importance;
use fi_io::{Cell, importance_rows};
use ndarray::ArrayView2;

use crate::failure::{Done, Failure};
use crate::table::{Lines, say};

/// A file of a kind that the command writes, or the terminal.
pub(crate) enum Sink<'a> {
    /// A file, and its extension in lower case.
    File {
        /// Where.
        path: &'a Path,
        /// One of those the command writes.
        extension: &'static str,
    },
    /// A table on stdout.
    Table,
}

impl<'a> Sink<'a> {
    /// Checks the extension before any work is done.
    pub(crate) fn new(path: Option<&'a Path>, known: &[&'static str]) -> Done<Self> {
        let Some(path) = path else { return Ok(Self::Table) };
        let given = path.extension().map(|e| e.to_string_lossy().to_lowercase());
        let found = known.iter().find(|extension| given.as_deref() == Some(**extension));
        let Some(extension) = found else {
            let list = known.iter().map(|e| format!(".{e}")).collect::<Vec<_>>().join(", ");
            return Failure::call(format!(
                "`{}` has no extension that this command writes: {list}",
                path.display()
            ));
        };
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty())
            && !folder.is_dir()
        {
            return Failure::call(format!(
                "`{}` cannot be written: there is no folder `{}`",
                path.display(),
                folder.display()
            ));
        }
        Ok(Self::File { path, extension })
    }
}

/// The name of an option's value, as it is written.
pub(crate) fn name_of(value: Option<impl clap::ValueEnum>) -> Option<String> {
    Some(value?.to_possible_value()?.get_name().to_owned())
}

/// A number as people read it, a text as it is.
pub(crate) fn shown(cell: &fi_io::Cell) -> String {
    match cell {
        fi_io::Cell::Number(value) => fi_viz::number(*value),
        other => other.text(),
    }
}

/// A table as `.parquet` or `.csv`.
pub(crate) fn write_table(path: &Path, extension: &str, table: &fi_io::Table) -> Done {
    match extension {
        "parquet" => fi_io::write_table_parquet(path, table)?,
        _ => fi_io::write_table_csv(path, table)?,
    }
    Ok(())
}

/// Rows of numbers as a table of columns with names.
pub(crate) fn rows_table(names: &[String], rows: ArrayView2<'_, f64>) -> fi_io::Table {
    let mut table = fi_io::Table::new(names.to_vec());
    for row in rows.rows() {
        table.push(row.iter().map(|&value| Cell::from(value)));
    }
    table
}

/// The first rows on stdout.
pub(crate) fn print_rows(names: &[String], rows: ArrayView2<'_, f64>) -> Done {
    const SHOWN: usize = 20;
    let header = std::iter::once("row").chain(names.iter().map(String::as_str));
    let mut lines = Lines::new(header, &[]);
    for (i, row) in rows.rows().into_iter().take(SHOWN).enumerate() {
        let numbers = row.iter().map(|&value| fi_viz::number(value));
        lines.push(std::iter::once(i.to_string()).chain(numbers));
    }
    lines.print()?;
    if rows.nrows() > SHOWN {
        say(format_args!("… {} rows in all; --output writes them.", rows.nrows()))?;
    }
    Ok(())
}

/// Global results on stdout, each under the name of its metric.
pub(crate) fn print_importance(importances: &[Importance]) -> Done {
    for (i, importance) in importances.iter().enumerate() {
        if i > 0 {
            say("")?;
        }
        if let Some(metric) = &importance.metric {
            match importance.score {
                Some(score) => {
                    say(format_args!("{metric} (the model's own: {})", fi_viz::number(score)))?;
                }
                None => say(metric)?,
            }
        }
        importance_table(importance).print()?;
    }
    Ok(())
}

fn importance_table(importance: &Importance) -> Lines {
    let rows = importance_rows(importance);
    let has_std = rows.iter().any(|row| row.std.is_some());
    let has_interval = rows.iter().any(|row| row.ci_low.is_some());
    let has_p = rows.iter().any(|row| row.p_value.is_some());
    let mut header = vec!["rank", "feature", "importance"];
    header.extend(has_std.then_some("std"));
    header.extend(has_interval.then_some(["ci_low", "ci_high"]).into_iter().flatten());
    header.extend(has_p.then_some("p_value"));
    let room = ["std", "p_value", "ci_high", "ci_low", "rank"];
    let mut table = Lines::new(header, &[1]).without_room_for(&room);
    let text = |value: Option<f64>| value.map_or_else(String::new, fi_viz::number);
    for row in rows {
        let mut cells = vec![row.rank.to_string(), row.feature, fi_viz::number(row.importance)];
        if has_std {
            cells.push(text(row.std));
        }
        if has_interval {
            cells.extend([text(row.ci_low), text(row.ci_high)]);
        }
        if has_p {
            cells.push(text(row.p_value));
        }
        table.push(cells);
    }
    table
}
