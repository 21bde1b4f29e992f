//! Folds from a file: the number of the test fold of each row.

use std::path::Path;

use fi_core::Folds;

use crate::error::{Error, Result};
use crate::npy::read_npy_1d;
use crate::table::{Cell, read_table_csv};

/// Reads the test fold of each row as [`Folds::predefined`] takes it: whole numbers from 0, and −1
/// for a row that is only trained on. The file is a `.npy` array of one dimension, or a CSV whose
/// column `fold`, or only column, holds them.
///
/// # Errors
///
/// [`Error::System`]; [`Error::Content`] for what is no list of whole numbers, or not of `n_rows`;
/// [`Error::Core`] for numbers that make no folds.
///
/// # Example
///
/// ```
/// use fi_core::Folds;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("folds.csv");
/// std::fs::write(&path, "fold\n0\n1\n0\n")?;
/// assert_eq!(fi_io::read_folds(&path, 3)?, Folds::predefined(&[0, 1, 0])?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read_folds(path: impl AsRef<Path>, n_rows: usize) -> Result<Folds> {
    let path = path.as_ref();
    let file = path.display().to_string();
    let is_npy = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npy"));
    let numbers = if is_npy { of_array(path, &file)? } else { of_table(path, &file)? };
    if numbers.len() != n_rows {
        let n = numbers.len();
        return Err(Error::content(&file, format!("it has {n} rows, the data have {n_rows}")));
    }
    Folds::predefined(&numbers).map_err(|source| Error::Core { file, source })
}

fn of_array(path: &Path, file: &str) -> Result<Vec<i64>> {
    let whole = |(row, value): (usize, f64)| {
        // Beyond this doubles are no longer counted one by one.
        if value.fract() == 0.0 && value.abs() < 9e15 {
            Ok(value as i64)
        } else {
            let problem = format!("row {row} is `{value}`, the number of a fold is whole");
            Err(Error::content(file, problem))
        }
    };
    read_npy_1d(path)?.into_iter().enumerate().map(whole).collect()
}

fn of_table(path: &Path, file: &str) -> Result<Vec<i64>> {
    let table = read_table_csv(path)?;
    let only = (table.columns.len() == 1).then_some(0);
    let Some(column) = table.column("fold").or(only) else {
        let problem = "there is no column `fold`, write the number of each row's test fold there";
        return Err(Error::content(file, problem));
    };
    let whole = |(line, row): (u64, &Vec<Cell>)| match &row[column] {
        Cell::Integer(number) => Ok(*number),
        other => {
            let problem = format!("`{}` is no whole number", other.text());
            Err(Error::at(file, line, Some(&table.columns[column]), problem))
        }
    };
    (2..).zip(&table.rows).map(whole).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bad_file_gets_its_own_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let place = format!("{}/", folder.path().display());
        let error = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            read_folds(&path, 2).unwrap_err().to_string().replace(&place, "")
        };
        assert_eq!(
            error("f.csv", b"fold\n0\nx\n"),
            "`f.csv`, line 3, column `fold`: `x` is no whole number"
        );
        assert_eq!(error("f.csv", b"fold\n0\n"), "`f.csv`: it has 1 rows, the data have 2");
        assert_eq!(
            error("f.csv", b"fold\n-1\n-1\n"),
            "`f.csv`: no row is in a test fold, number at least one"
        );
        assert_eq!(
            error("f.csv", b"a,b\n0,1\n1,0\n"),
            "`f.csv`: there is no column `fold`, write the number of each row's test fold there"
        );
        let path = folder.path().join("f.npy");
        crate::write_npy(&path, &ndarray::arr1(&[0.0, 0.5])).unwrap();
        let found = read_folds(&path, 2).unwrap_err().to_string().replace(&place, "");
        assert_eq!(found, "`f.npy`: row 1 is `0.5`, the number of a fold is whole");
        crate::write_npy(&path, &ndarray::arr1(&[0.0, 1.0])).unwrap();
        assert_eq!(read_folds(&path, 2).unwrap(), Folds::predefined(&[0, 1]).unwrap());
    }
}
