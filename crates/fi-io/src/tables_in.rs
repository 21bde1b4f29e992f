//! Tables of agreement and of selections, read back from CSV or Parquet.

use std::path::Path;

use fi_core::selection::PathRow;
use ndarray::Array2;

use crate::error::{Error, Result};
use crate::table::{Cell, Table, read_table};

/// A table whose cells say where they are wrong.
struct Source {
    file: String,
    table: Table,
}

impl Source {
    fn read(path: &Path) -> Result<Self> {
        let source = Self { file: path.display().to_string(), table: read_table(path)? };
        if source.table.rows.is_empty() {
            return Err(source.fails("there is only a header, there must be a line"));
        }
        Ok(source)
    }

    fn fails(&self, problem: impl Into<String>) -> Error {
        Error::content(&self.file, problem)
    }

    fn column(&self, name: &str, what: &str) -> Result<usize> {
        let missing = || self.fails(format!("it has no column `{name}`: this is no {what}"));
        self.table.column(name).ok_or_else(missing)
    }

    /// A number, or `None` for an empty cell.
    fn number(&self, line: usize, column: usize) -> Result<Option<f64>> {
        match &self.table.rows[line][column] {
            Cell::Empty => Ok(None),
            Cell::Number(value) => Ok(Some(*value)),
            Cell::Integer(value) => Ok(Some(*value as f64)),
            Cell::Text(text) => Err(self.at(line, column, format!("`{text}` is not a number"))),
        }
    }

    /// A number from 0.
    fn count(&self, line: usize, column: usize) -> Result<usize> {
        let cell = &self.table.rows[line][column];
        let count = match cell {
            Cell::Integer(value) => usize::try_from(*value).ok(),
            _ => None,
        };
        count.ok_or_else(|| self.at(line, column, format!("`{}` is no whole number", cell.text())))
    }

    fn at(&self, line: usize, column: usize, problem: String) -> Error {
        Error::at(&self.file, line as u64 + 2, Some(&self.table.columns[column]), problem)
    }
}

/// Reads how far every two results agree: a column `result`, and a column per result in the order
/// of the lines; an empty cell is NaN.
///
/// # Errors
///
/// [`Error::Content`] for another table, names of lines that are not those of the columns, and a
/// cell that holds no number; [`Error::System`].
pub fn read_agreement(path: impl AsRef<Path>) -> Result<(Vec<String>, Array2<f64>)> {
    let source = Source::read(path.as_ref())?;
    if source.column("result", "matrix of agreement")? != 0 {
        return Err(
            source.fails("`result` is not its first column: this is no matrix of agreement")
        );
    }
    let names = source.table.columns[1..].to_vec();
    let lines: Vec<String> = source.table.rows.iter().map(|row| row[0].text()).collect();
    if lines != names {
        let problem = "its lines are not named as its columns are: this is no matrix of agreement";
        return Err(source.fails(problem));
    }
    let mut values = Array2::from_elem((names.len(), names.len()), f64::NAN);
    for ((line, column), value) in values.indexed_iter_mut() {
        *value = source.number(line, column + 1)?.unwrap_or(f64::NAN);
    }
    Ok((names, values))
}

/// Reads the sets of features that a selection tried:
/// `n_features,features,score,ci_low,ci_high,chosen`, and `standard_error` if there is such a
/// column; `features` are names with `;` between them.
///
/// # Errors
///
/// [`Error::Content`] for another table, and a cell that holds no number; [`Error::System`].
pub fn read_selection_path(path: impl AsRef<Path>) -> Result<Vec<PathRow>> {
    let source = Source::read(path.as_ref())?;
    let column = |name| source.column(name, "selection path");
    let [number, features, score, low, high, chosen] = [
        column("n_features")?,
        column("features")?,
        column("score")?,
        column("ci_low")?,
        column("ci_high")?,
        column("chosen")?,
    ];
    let error = source.table.column("standard_error");
    let row = |line: usize| {
        Ok(PathRow {
            n_features: source.count(line, number)?,
            features: match source.table.rows[line][features].text() {
                names if names.is_empty() => Vec::new(),
                names => names.split(';').map(str::to_owned).collect(),
            },
            score: source.number(line, score)?,
            standard_error: error.map(|at| source.number(line, at)).transpose()?.flatten(),
            ci_low: source.number(line, low)?,
            ci_high: source.number(line, high)?,
            chosen: source.count(line, chosen)? > 0,
        })
    };
    (0..source.table.rows.len()).map(row).collect()
}

/// What a selection says of a feature.
#[derive(Debug, Clone, PartialEq)]
pub struct SelectedFeature {
    /// Its name.
    pub feature: String,
    /// Whether it was chosen.
    pub chosen: bool,
    /// What the choice was read from; for stability selection the share of halves that chose it.
    pub score: Option<f64>,
    /// In how many folds of an honest score it was chosen again.
    pub n_folds_chosen: Option<usize>,
}

/// Reads what a selection says of each feature: `feature,chosen,score,n_folds_chosen`, of which
/// the last two may be missing or empty.
///
/// # Errors
///
/// [`Error::Content`] for another table, and a cell that holds no number; [`Error::System`].
pub fn read_selected_features(path: impl AsRef<Path>) -> Result<Vec<SelectedFeature>> {
    let source = Source::read(path.as_ref())?;
    let what = "table of selected features";
    let [feature, chosen] = [source.column("feature", what)?, source.column("chosen", what)?];
    let [score, folds] = ["score", "n_folds_chosen"].map(|name| source.table.column(name));
    let row = |line: usize| {
        let folds = folds.filter(|&at| source.table.rows[line][at] != Cell::Empty);
        Ok(SelectedFeature {
            feature: source.table.rows[line][feature].text(),
            chosen: source.count(line, chosen)? > 0,
            score: score.map(|at| source.number(line, at)).transpose()?.flatten(),
            n_folds_chosen: folds.map(|at| source.count(line, at)).transpose()?,
        })
    };
    (0..source.table.rows.len()).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        std::fs::write(&path, content).unwrap();
        (folder, path)
    }

    fn problem(error: &Error) -> String {
        let text = error.to_string();
        text.split_once("t.csv`").unwrap().1.to_owned()
    }

    #[test]
    fn tables_are_read() {
        let (_folder, path) = file("result,a,b\na,1,\nb,,1.0\n");
        let (names, values) = read_agreement(&path).unwrap();
        assert_eq!(names, ["a", "b"]);
        assert!(values[[0, 1]].is_nan() && values[[1, 1]] == 1.0);

        let content = "n_features,features,score,ci_low,ci_high,chosen,standard_error\n\
                       2,a;b,0.5,0.25,,0,0.1\n0,,,,,1,\n";
        let (_folder, path) = file(content);
        let rows = read_selection_path(&path).unwrap();
        assert_eq!(rows[0].features, ["a", "b"]);
        assert_eq!((rows[0].ci_low, rows[0].ci_high), (Some(0.25), None));
        assert_eq!((rows[0].standard_error, rows[0].chosen), (Some(0.1), false));
        assert_eq!((rows[1].n_features, rows[1].features.len(), rows[1].chosen), (0, 0, true));

        let (_folder, path) = file("feature,chosen,score,n_folds_chosen\n7,1,0.5,3\nb,0,,\n");
        let rows = read_selected_features(&path).unwrap();
        let first = SelectedFeature {
            feature: "7".to_owned(),
            chosen: true,
            score: Some(0.5),
            n_folds_chosen: Some(3),
        };
        assert_eq!(rows[0], first);
        assert_eq!((rows[1].score, rows[1].n_folds_chosen), (None, None));
    }

    #[test]
    fn each_bad_table_gets_its_own_sentence() {
        let path = |content: &str| {
            let (_folder, path) = file(content);
            problem(&read_selection_path(path).unwrap_err())
        };
        let matrix = |content: &str| {
            let (_folder, path) = file(content);
            problem(&read_agreement(path).unwrap_err())
        };
        assert_eq!(matrix("result,a\n"), ": there is only a header, there must be a line");
        assert_eq!(
            matrix("a,b\n1,2\n"),
            ": it has no column `result`: this is no matrix of agreement"
        );
        assert_eq!(
            matrix("result,a,b\na,1,0\n"),
            ": its lines are not named as its columns are: this is no matrix of agreement"
        );
        assert_eq!(matrix("result,a\na,x\n"), ", line 2, column `a`: `x` is not a number");
        assert_eq!(
            path("n_features,features\n1,a\n"),
            ": it has no column `score`: this is no selection path"
        );
        let header = "n_features,features,score,ci_low,ci_high,chosen\n";
        assert_eq!(
            path(&format!("{header}-1,a,0,0,0,1\n")),
            ", line 2, column `n_features`: `-1` is no whole number"
        );
    }
}
