//! Local results, read back.

use std::path::Path;

use fi_core::Attribution;
use ndarray::{Array2, Array3, ArrayD, Ix2, Ix3, s};

use crate::error::{Error, Result};
use crate::npy::read_npy;
use crate::table::{Cell, Table, read_table};

/// Reads contributions of features to rows, as [`write_attribution_npy`](crate::write_attribution_npy)
/// and [`attribution_table`](crate::attribution_table) lay them out:
///
/// ```text
/// .npy  (n_rows, n_players + 1) or (n_rows, n_outputs, n_players + 1), the last column the base value
/// .csv, .parquet  a column per player and base_value; row,output in front if there are several outputs
/// ```
///
/// `names` are the players of an array, which has none itself: `x0`, `x1`, … if there are none
/// here either. The method, which files do not hold, is `contributions`.
///
/// # Errors
///
/// [`Error::Content`] for an array of other dimensions, names that are not as many as players, a
/// table without `base_value`, without rows, or whose rows and outputs do not stand in order, and a
/// cell that holds no number; [`Error::System`].
pub fn read_attribution(path: impl AsRef<Path>, names: Option<&[String]>) -> Result<Attribution> {
    let path = path.as_ref();
    let file = path.display().to_string();
    let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase());
    match extension.as_deref() {
        Some("npy") => of_array(&file, read_npy(path)?, names),
        Some("csv" | "parquet") => of_table(&file, &read_table(path)?),
        _ => Err(Error::content(
            &file,
            "contributions of rows are read from .npy, .csv and .parquet: name the file so",
        )),
    }
}

fn of_array(file: &str, array: ArrayD<f64>, names: Option<&[String]>) -> Result<Attribution> {
    let shape = array.shape().to_vec();
    let values = match array.ndim() {
        2 => array.into_dimensionality::<Ix2>().map(|a| a.insert_axis(ndarray::Axis(1))),
        _ => array.into_dimensionality::<Ix3>(),
    };
    let values = values.ok().filter(|values| values.dim().2 > 1).ok_or_else(|| {
        let problem = format!(
            "the array has shape {shape:?}, contributions have (rows, features + 1) or (rows, \
             outputs, features + 1)"
        );
        Error::content(file, problem)
    })?;
    let n = values.dim().2 - 1;
    let names = match names {
        Some(names) if names.len() == n => names.to_vec(),
        Some(names) => {
            return Err(Error::content(
                file,
                format!(
                    "it holds contributions of {n} features and a base value, but there are {} \
                     names: leave out what is no feature",
                    names.len()
                ),
            ));
        }
        None => (0..n).map(|i| format!("x{i}")).collect(),
    };
    let (parts, base) = (values.slice(s![.., .., ..n]), values.slice(s![.., .., n]));
    attribution(file, &names, parts.to_owned(), base.to_owned())
}

fn of_table(file: &str, table: &Table) -> Result<Attribution> {
    let fail = |problem: String| Error::content(file, problem);
    let base = table.column("base_value").ok_or_else(|| {
        fail("it has no column `base_value`: these are no contributions of rows".to_owned())
    })?;
    let several = table.column("row") == Some(0) && table.column("output") == Some(1);
    let front = if several { 2 } else { 0 };
    if base <= front || base + 1 != table.columns.len() {
        let problem = "`base_value` is not its last column after one column per feature";
        return Err(fail(problem.to_owned()));
    }
    let number = |line: usize, column: usize| match &table.rows[line][column] {
        Cell::Number(value) => Ok(*value),
        Cell::Integer(value) => Ok(*value as f64),
        // A method without a base value leaves it empty.
        Cell::Empty if column == base => Ok(f64::NAN),
        other => {
            let problem = format!("`{}` is not a number", other.text());
            Err(Error::at(file, line as u64 + 2, Some(&table.columns[column]), problem))
        }
    };
    let n_lines = table.rows.len();
    let mut n_outputs = 1;
    if several {
        n_outputs = 0;
        while n_outputs < n_lines && number(n_outputs, 0)? == 0.0 {
            n_outputs += 1;
        }
    }
    if n_lines == 0 || n_outputs == 0 || !n_lines.is_multiple_of(n_outputs) {
        let problem = format!("{n_lines} lines do not hold every output of every row");
        return Err(fail(problem));
    }
    let (n_rows, n) = (n_lines / n_outputs, base - front);
    let mut values = Array3::zeros((n_rows, n_outputs, n));
    let mut base_values = Array2::zeros((n_rows, n_outputs));
    for line in 0..n_lines {
        let place = (line / n_outputs, line % n_outputs);
        if several && (number(line, 0)?, number(line, 1)?) != (place.0 as f64, place.1 as f64) {
            let problem = format!("expected row {} and output {} here", place.0, place.1);
            return Err(Error::at(file, line as u64 + 2, None, problem));
        }
        for player in 0..n {
            values[[place.0, place.1, player]] = number(line, front + player)?;
        }
        base_values[[place.0, place.1]] = number(line, base)?;
    }
    attribution(file, &table.columns[front..base], values, base_values)
}

fn attribution(
    file: &str,
    names: &[String],
    values: Array3<f64>,
    base_values: Array2<f64>,
) -> Result<Attribution> {
    Attribution::new("contributions", names, values, base_values)
        .map_err(|source| Error::Core { file: file.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{attribution_table, write_attribution_npy, write_table_csv, write_table_parquet};

    fn names(n: usize) -> Vec<String> {
        (0..n).map(|i| format!("f {i}")).collect()
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        for (n_rows, n_outputs, n) in [(3, 1, 2), (2, 3, 1), (1, 1, 1)] {
            let values = Array3::from_shape_fn((n_rows, n_outputs, n), |(i, j, k)| {
                1.0 / (i + 2 * j + 5 * k + 3) as f64
            });
            let mut base = Array2::from_elem((n_rows, n_outputs), 0.25);
            base[[0, 0]] = f64::NAN;
            let written =
                Attribution::new("contributions", &names(n), values, base.clone()).unwrap();
            let path = folder.path().join("a.csv");
            write_table_csv(&path, &attribution_table(&written)).unwrap();
            let read = read_attribution(&path, None).unwrap();
            assert_eq!((&read.values, &read.features), (&written.values, &written.features));
            assert!(read.base_values[[0, 0]].is_nan());
            let path = folder.path().join("a.parquet");
            write_table_parquet(&path, &attribution_table(&written)).unwrap();
            let read = read_attribution(&path, None).unwrap();
            assert_eq!((&read.values, &read.features), (&written.values, &written.features));
            assert!(read.base_values[[0, 0]].is_nan());
            let path = folder.path().join("a.npy");
            write_attribution_npy(&path, &written).unwrap();
            let read = read_attribution(&path, Some(&names(n))).unwrap();
            assert_eq!((&read.values, &read.features), (&written.values, &written.features));
            assert_eq!(read_attribution(&path, None).unwrap().features[0], "x0");
        }
    }

    #[test]
    fn each_bad_file_gets_its_own_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let text = |name: &str, content: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            let error = read_attribution(&path, None).unwrap_err().to_string();
            let (_, problem) = error.split_once(&format!("{name}`")).unwrap();
            problem.to_owned()
        };
        assert_eq!(
            text("a.txt", ""),
            ": contributions of rows are read from .npy, .csv and .parquet: name the file so"
        );
        assert_eq!(
            text("a.csv", "a,b\n1,2\n"),
            ": it has no column `base_value`: these are no contributions of rows"
        );
        assert_eq!(
            text("a.csv", "a,base_value,b\n1,2,3\n"),
            ": `base_value` is not its last column after one column per feature"
        );
        assert_eq!(
            text("a.csv", "a,base_value\nx,2\n"),
            ", line 2, column `a`: `x` is not a number"
        );
        assert_eq!(
            text("a.csv", "a,base_value\n"),
            ": 0 lines do not hold every output of every row"
        );
        let cut = "row,output,a,base_value\n0,0,1,1\n0,1,1,1\n1,0,1,1\n";
        assert_eq!(text("a.csv", cut), ": 3 lines do not hold every output of every row");
        let mixed = "row,output,a,base_value\n0,0,1,1\n0,1,1,1\n1,1,1,1\n1,0,1,1\n";
        assert_eq!(text("a.csv", mixed), ", line 4: expected row 1 and output 0 here");
        let path = folder.path().join("a.npy");
        let one = ndarray::Array1::<f64>::zeros(3);
        crate::write_npy(&path, &one).unwrap();
        let error = read_attribution(&path, None).unwrap_err().to_string();
        assert!(
            error.ends_with(
                "the array has shape [3], contributions have (rows, features + 1) or (rows, \
                 outputs, features + 1)"
            ),
            "{error}"
        );
        let two = Array2::<f64>::zeros((2, 3));
        crate::write_npy(&path, &two).unwrap();
        let error = read_attribution(&path, Some(&names(3))).unwrap_err().to_string();
        assert!(
            error.ends_with(
                "it holds contributions of 2 features and a base value, but there are 3 names: \
                 leave out what is no feature"
            ),
            "{error}"
        );
    }
}
