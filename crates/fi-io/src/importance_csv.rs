//! Global importance as CSV, in the columns that the command documents.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use fi_core::Importance;

use crate::data::is_parquet;
use crate::error::{Error, Result};
use crate::records::Records;
use crate::table::{Cell, Table, write_table_csv};
use crate::table_parquet::{read_table_parquet, write_table_parquet};

const FIXED: [&str; 9] = [
    "feature",
    "importance",
    "std",
    "ci_low",
    "ci_high",
    "p_value",
    "rank",
    "rank_low",
    "rank_high",
];

/// One line of a global result file.
///
/// A field that has no meaning for the method is `None`, an empty cell. NaN is written `NaN`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ImportanceRow {
    /// The metric, in a file of several.
    pub metric: Option<String>,
    /// The feature or group.
    pub feature: String,
    /// Its importance: the mean of the replicates where there are any.
    pub importance: f64,
    /// Sample standard deviation (ddof 1) of the replicates.
    pub std: Option<f64>,
    /// Lower end of the interval.
    pub ci_low: Option<f64>,
    /// Upper end of the interval.
    pub ci_high: Option<f64>,
    /// The p-value.
    pub p_value: Option<f64>,
    /// 1 for the most important, ties in feature order.
    pub rank: usize,
    /// The best rank over the replicates.
    pub rank_low: Option<usize>,
    /// The worst rank over the replicates.
    pub rank_high: Option<usize>,
    /// Every replicate.
    pub repeats: Vec<f64>,
}

/// The lines of a result, from the most important to the least, ties in feature order.
///
/// `rank_low` and `rank_high` are the smallest and largest rank over the replicates.
pub fn importance_rows(importance: &Importance) -> Vec<ImportanceRow> {
    let n_repeats = importance.replicates.ncols();
    let mut bounds = vec![(usize::MAX, 0); importance.len()];
    for repeat in importance.replicates.columns() {
        let mut order: Vec<usize> = (0..importance.len()).collect();
        order.sort_by(|&a, &b| repeat[b].total_cmp(&repeat[a]));
        for (rank, player) in order.into_iter().enumerate() {
            let (low, high) = bounds[player];
            bounds[player] = (low.min(rank + 1), high.max(rank + 1));
        }
    }
    let row = |(rank, player): (usize, usize)| ImportanceRow {
        metric: importance.metric.clone(),
        feature: importance.features[player].clone(),
        importance: importance.values[player],
        std: importance.std.as_ref().map(|std| std[player]),
        ci_low: importance.interval.as_ref().map(|interval| interval.low[player]),
        ci_high: importance.interval.as_ref().map(|interval| interval.high[player]),
        p_value: importance.p_values.as_ref().map(|p_values| p_values[player]),
        rank: rank + 1,
        rank_low: (n_repeats > 0).then_some(bounds[player].0),
        rank_high: (n_repeats > 0).then_some(bounds[player].1),
        repeats: importance.replicates.row(player).to_vec(),
    };
    importance.order().into_iter().enumerate().map(row).collect()
}

/// Writes global results as CSV:
///
/// ```text
/// feature,importance,std,ci_low,ci_high,p_value,rank,rank_low,rank_high,repeat_0,repeat_1,…
/// ```
///
/// With several results a `metric` column comes first, and each result's lines follow those of
/// the one before. Lines are sorted by importance, ties in feature order. Numbers have as many
/// digits as bring back their bits.
///
/// # Errors
///
/// [`Error::Unwritable`] without results; [`Error::System`] if the file cannot be written.
pub fn write_importance_csv(path: impl AsRef<Path>, importances: &[Importance]) -> Result<()> {
    let path = path.as_ref();
    write_table_csv(path, &whole_table(path, importances)?)
}

/// As [`write_importance_csv`], with the same columns, as Parquet.
///
/// # Errors
///
/// As for [`write_importance_csv`].
pub fn write_importance_parquet(path: impl AsRef<Path>, importances: &[Importance]) -> Result<()> {
    let path = path.as_ref();
    write_table_parquet(path, &whole_table(path, importances)?)
}

fn whole_table(path: &Path, importances: &[Importance]) -> Result<Table> {
    if importances.is_empty() {
        let file = path.display().to_string();
        let problem = "there is no result, give at least one".to_owned();
        return Err(Error::Unwritable { file, problem });
    }
    let mut rows: Vec<ImportanceRow> = importances.iter().flat_map(importance_rows).collect();
    if importances.len() == 1 {
        for row in &mut rows {
            row.metric = None;
        }
    }
    Ok(importance_table(&rows))
}

/// The table that [`write_importance_csv`] writes; a `metric` column only if a row has one.
pub fn importance_table(rows: &[ImportanceRow]) -> Table {
    let n_repeats = rows.iter().map(|row| row.repeats.len()).max().unwrap_or(0);
    let with_metric = rows.iter().any(|row| row.metric.is_some());
    let metric = with_metric.then_some("metric".to_owned());
    let fixed = FIXED.map(str::to_owned);
    let repeats = (0..n_repeats).map(|i| format!("repeat_{i}"));
    let mut table = Table::new(metric.into_iter().chain(fixed).chain(repeats));
    for row in rows {
        let mut cells: Vec<Cell> = Vec::with_capacity(table.columns.len());
        if with_metric {
            cells.push(row.metric.clone().into());
        }
        cells.extend([
            row.feature.clone().into(),
            row.importance.into(),
            row.std.into(),
            row.ci_low.into(),
            row.ci_high.into(),
            row.p_value.into(),
            row.rank.into(),
            row.rank_low.into(),
            row.rank_high.into(),
        ]);
        cells.extend((0..n_repeats).map(|i| Cell::from(row.repeats.get(i).copied())));
        table.rows.push(cells);
    }
    table
}

/// Reads what [`write_importance_csv`] or [`write_importance_parquet`] wrote, line by line.
///
/// Only `feature` and `importance` must be there; ranks that are missing are taken from the
/// order of the lines. Other columns are passed over.
///
/// # Errors
///
/// [`Error::System`]; [`Error::Content`] naming line and column.
pub fn read_importance(path: impl AsRef<Path>) -> Result<Vec<ImportanceRow>> {
    let path = path.as_ref();
    let name = path.display().to_string();
    if is_parquet(path) {
        let text = read_table_parquet(path)?.to_csv(&name)?;
        return read_importance_csv_from(text.as_slice(), &name);
    }
    let file = File::open(path).map_err(|source| Error::read(path, source))?;
    read_importance_csv_from(file, &name)
}

/// As [`read_importance`] of a CSV file, from anything that can be read; `name` stands for the file.
///
/// # Errors
///
/// As for [`read_importance`].
pub fn read_importance_csv_from(reader: impl Read, name: &str) -> Result<Vec<ImportanceRow>> {
    let mut records = Records::new(reader, name, b',')?;
    let columns = records.columns().to_vec();
    for needed in ["feature", "importance"] {
        if !columns.iter().any(|column| column == needed) {
            let problem = format!("there is no column `{needed}`, this is no result of importance");
            return Err(Error::at(name, 1, None, problem));
        }
    }
    let mut rows: Vec<ImportanceRow> = Vec::new();
    while let Some((line, cells)) = records.next()? {
        let mut row = ImportanceRow::default();
        for (cell, column) in cells.into_iter().zip(&columns) {
            let place = Place { file: name, line, column };
            match column.as_str() {
                "metric" => row.metric = (!cell.is_empty()).then(|| cell.to_owned()),
                "feature" => cell.clone_into(&mut row.feature),
                "importance" => row.importance = place.number(cell)?.unwrap_or(f64::NAN),
                "std" => row.std = place.number(cell)?,
                "ci_low" => row.ci_low = place.number(cell)?,
                "ci_high" => row.ci_high = place.number(cell)?,
                "p_value" => row.p_value = place.number(cell)?,
                "rank" => row.rank = place.rank(cell)?.unwrap_or(0),
                "rank_low" => row.rank_low = place.rank(cell)?,
                "rank_high" => row.rank_high = place.rank(cell)?,
                other if other.starts_with("repeat_") => row.repeats.extend(place.number(cell)?),
                _ => {}
            }
        }
        if row.rank == 0 {
            let before = rows.iter().rev().take_while(|other| other.metric == row.metric);
            row.rank = before.count() + 1;
        }
        rows.push(row);
    }
    Ok(rows)
}

struct Place<'a> {
    file: &'a str,
    line: u64,
    column: &'a str,
}

impl Place<'_> {
    fn number(&self, cell: &str) -> Result<Option<f64>> {
        self.parsed(cell, "a number")
    }

    fn rank(&self, cell: &str) -> Result<Option<usize>> {
        self.parsed(cell, "a rank, a whole number from 1")
    }

    fn parsed<T: std::str::FromStr>(&self, cell: &str, what: &str) -> Result<Option<T>> {
        if cell.is_empty() {
            return Ok(None);
        }
        let problem = || format!("`{cell}` is not {what}");
        let fail = |_| Error::at(self.file, self.line, Some(self.column), problem());
        cell.parse().map(Some).map_err(fail)
    }
}
