//! From a CSV file to a checked data set.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use fi_core::{Dataset, Target};
use ndarray::{Array2, Axis};

use crate::error::{Error, Result};
use crate::records::Records;

/// Cells that stand for a missing value, besides empty ones.
const MISSING: [&str; 10] = ["NA", "N/A", "n/a", "NaN", "nan", "NAN", "null", "NULL", "None", "?"];

/// Whole numbers with more different values than this are values and not classes.
const MOST_CLASSES: usize = 20;

/// What a model is to learn from the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// The target is a class.
    Classification,
    /// The target is a number.
    Regression,
}

/// How a CSV file becomes a [`Dataset`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvOptions {
    /// The target's column. Default `None`: the last one that has no other use.
    pub target: Option<String>,
    /// What the target is. Default `None`: classes if it is text, or whole numbers with at most
    /// 20 different values that occur twice or more on average; else numbers.
    pub task: Option<Task>,
    /// The column of sample weights. Default none.
    pub weights: Option<String>,
    /// The column that says which group a row belongs to, as text or number. Default none.
    pub groups: Option<String>,
    /// Columns to leave out. Default none.
    pub drop: Vec<String>,
    /// The columns to take as features, in this order, all others being left out: those of a
    /// model. Default `None`: every column without another use, in the order of the file.
    pub features: Option<Vec<String>>,
    /// What separates cells; one ASCII character. Default a comma.
    pub delimiter: u8,
}

impl Default for CsvOptions {
    fn default() -> Self {
        Self {
            target: None,
            task: None,
            weights: None,
            groups: None,
            drop: Vec::new(),
            features: None,
            delimiter: b',',
        }
    }
}

/// Reads a CSV file with a header line as a data set.
///
/// Cells are trimmed. Empty cells and `NA`, `N/A`, `NaN`, `null`, `None`, `?` are missing: NaN in
/// a feature, an error in the target, the weights or the groups. Classes are named by their
/// text and sorted, as numbers where all of them are. Groups are numbered in order of
/// appearance. Blank lines are passed over.
///
/// # Cost
///
/// One pass; memory is that of the numbers.
///
/// # When it misleads
///
/// Whole numbers such as ratings from 1 to 5 are taken for classes: set `task`.
///
/// # Errors
///
/// [`Error::System`] if the file cannot be read; [`Error::Content`] for what is not a table of
/// numbers with a target, naming line and column; [`Error::Core`] for what [`Dataset`] refuses.
///
/// # Example
///
/// ```
/// use fi_io::{CsvOptions, read_csv_from};
///
/// let text = "width,colour,kind\n1.5,0,rose\n,1,iris\n2.5,0,rose\n";
/// let data = read_csv_from(text.as_bytes(), "flowers.csv", &CsvOptions::default())?;
/// assert_eq!(data.feature_names(), ["width", "colour"]);
/// assert_eq!(data.target().labels(), Some(&[1, 0, 1][..]));
/// assert!(data.rows()[[1, 0]].is_nan());
/// # Ok::<(), fi_io::Error>(())
/// ```
pub fn read_csv(path: impl AsRef<Path>, options: &CsvOptions) -> Result<Dataset> {
    let path = path.as_ref();
    let file = File::open(path).map_err(|source| Error::read(path, source))?;
    read_csv_from(file, &path.display().to_string(), options)
}

/// As [`read_csv`], from anything that can be read; `name` stands for the file in errors.
///
/// # Errors
///
/// As for [`read_csv`].
pub fn read_csv_from(reader: impl Read, name: &str, options: &CsvOptions) -> Result<Dataset> {
    let mut records = Records::new(reader, name, options.delimiter)?;
    let mut uses = uses(records.file(), records.columns(), options)?;
    if options.target.is_none() {
        // The last column that has no other use.
        let wanted = if options.features.is_some() { Use::None } else { Use::Feature };
        let free =
            |(column, used): (&String, &Use)| *used == wanted && !options.drop.contains(column);
        let Some(last) = records.columns().iter().zip(&uses).rposition(free) else {
            let problem = "no column is left for the target, drop fewer columns";
            return Err(Error::content(name, problem));
        };
        uses[last] = Use::Target;
    }
    let mut cells = Cells::read(&mut records, &uses)?;
    let target_column = &names_of(records.columns(), &uses, Use::Target)[0];
    let target = make_target(name, target_column, &cells.target, options.task)?;
    let feature_names = names_of(records.columns(), &uses, Use::Feature);
    let core = |source| Error::Core { file: name.to_owned(), source };
    let rows = cells.rows(name, feature_names.len())?;
    let mut data = Dataset::new(rows, target)
        .and_then(|d| d.with_feature_names(feature_names))
        .map_err(core)?;
    if options.weights.is_some() {
        data = data.with_weights(cells.weights).map_err(core)?;
    }
    if options.groups.is_some() {
        data = data.with_groups(cells.groups.indices).map_err(core)?;
    }
    Ok(match order(data.feature_names(), options) {
        Some(order) => data.select_features(&order),
        None => data,
    })
}

/// Reads only the features of a CSV file: their names and the rows.
///
/// As [`read_csv`], but there need not be a target; one that is named is left out.
///
/// # Errors
///
/// As for [`read_csv`].
pub fn read_csv_rows(
    path: impl AsRef<Path>,
    options: &CsvOptions,
) -> Result<(Vec<String>, Array2<f64>)> {
    let path = path.as_ref();
    let file = File::open(path).map_err(|source| Error::read(path, source))?;
    let name = path.display().to_string();
    let mut records = Records::new(file, &name, options.delimiter)?;
    let mut uses = uses(records.file(), records.columns(), options)?;
    for used in &mut uses {
        if *used != Use::Feature {
            *used = Use::None;
        }
    }
    let names = names_of(records.columns(), &uses, Use::Feature);
    let rows = Cells::read(&mut records, &uses)?.rows(&name, names.len())?;
    Ok(match order(&names, options) {
        Some(order) => {
            (order.iter().map(|&i| names[i].clone()).collect(), rows.select(Axis(1), &order))
        }
        None => (names, rows),
    })
}

/// The names of a CSV file's features, of which only the first line is read.
pub(crate) fn csv_features(path: &Path, options: &CsvOptions) -> Result<Vec<String>> {
    let file = File::open(path).map_err(|source| Error::read(path, source))?;
    let name = path.display().to_string();
    let records = Records::new(file, &name, options.delimiter)?;
    feature_columns(&name, records.columns(), options)
}

/// The columns that are features.
pub(crate) fn feature_columns(
    file: &str,
    columns: &[String],
    options: &CsvOptions,
) -> Result<Vec<String>> {
    Ok(names_of(columns, &uses(file, columns, options)?, Use::Feature))
}

/// Where the features that were asked for stand among the file's.
pub(crate) fn order(names: &[String], options: &CsvOptions) -> Option<Vec<usize>> {
    let wanted = options.features.as_ref()?;
    wanted.iter().map(|name| names.iter().position(|other| other == name)).collect()
}

/// The cells of all lines, by their use.
#[derive(Default)]
struct Cells {
    features: Vec<f64>,
    target: Vec<(u64, String)>,
    weights: Vec<f64>,
    groups: Groups,
    n_rows: usize,
}

impl Cells {
    fn read<R: Read>(records: &mut Records<R>, uses: &[Use]) -> Result<Self> {
        let (name, columns) = (records.file().to_owned(), records.columns().to_vec());
        if !uses.contains(&Use::Feature) {
            return Err(Error::content(&name, "no column is left as a feature, there must be one"));
        }
        let mut all = Self::default();
        while let Some((line, row)) = records.next()? {
            for ((cell, used), column) in row.into_iter().map(str::trim).zip(uses).zip(&columns) {
                let place = Place { file: &name, line, column };
                match used {
                    Use::None => {}
                    Use::Feature => all.features.push(place.feature(cell)?),
                    Use::Weight => all.weights.push(place.number(cell, "weight")?),
                    Use::Group => all.groups.push(place.given(cell, "group")?),
                    Use::Target => all.target.push((line, place.given(cell, "target")?.to_owned())),
                }
            }
            all.n_rows += 1;
        }
        if all.n_rows == 0 {
            return Err(Error::content(
                &name,
                "there is only a header, at least one line of data must follow",
            ));
        }
        Ok(all)
    }

    /// The features as a table.
    fn rows(&mut self, name: &str, n_features: usize) -> Result<Array2<f64>> {
        Array2::from_shape_vec((self.n_rows, n_features), std::mem::take(&mut self.features))
            .map_err(|error| Error::content(name, error.to_string()))
    }
}

/// What a column is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    Feature,
    Target,
    Weight,
    Group,
    None,
}

/// What each column of a file is used for.
pub(crate) fn uses(file: &str, columns: &[String], options: &CsvOptions) -> Result<Vec<Use>> {
    let wanted = options.features.as_ref();
    if let Some(missing) = wanted.and_then(|w| w.iter().find(|name| !columns.contains(name))) {
        let all = wanted.map_or(&[][..], Vec::as_slice);
        return Err(Error::content(file, mismatch(missing, all, columns)));
    }
    let start = |column: &String| match wanted {
        Some(wanted) if !wanted.contains(column) => Use::None,
        _ => Use::Feature,
    };
    let mut uses: Vec<Use> = columns.iter().map(start).collect();
    let mut assign = |name: &str, used: Use| {
        let Some(i) = columns.iter().position(|column| column == name) else {
            return Err(Error::content(file, unknown(name, columns)));
        };
        let free = if wanted.is_some() { Use::None } else { Use::Feature };
        if uses[i] != free {
            return Err(Error::content(
                file,
                format!("column `{name}` is given two uses, give it one"),
            ));
        }
        uses[i] = used;
        Ok(())
    };
    for name in &options.drop {
        assign(name, Use::None)?;
    }
    for (name, used) in [
        (&options.weights, Use::Weight),
        (&options.groups, Use::Group),
        (&options.target, Use::Target),
    ] {
        if let Some(name) = name {
            assign(name, used)?;
        }
    }
    Ok(uses)
}

/// The columns of a use, in the order of the file.
pub(crate) fn names_of(columns: &[String], uses: &[Use], wanted: Use) -> Vec<String> {
    let named = columns.iter().zip(uses);
    named.filter(|(_, used)| **used == wanted).map(|(name, _)| name.clone()).collect()
}

fn unknown(name: &str, columns: &[String]) -> String {
    format!("there is no column `{name}`, the columns are {}", listed(columns))
}

/// Features of the model that the data do not have, one of which is known: what is missing, and
/// what is left over.
pub(crate) fn mismatch(missing: &str, wanted: &[String], columns: &[String]) -> String {
    let others = wanted.iter().filter(|name| *name != missing && !columns.contains(name));
    let missing: Vec<String> = std::iter::once(missing.to_owned()).chain(others.cloned()).collect();
    let left = columns.iter().filter(|name| !wanted.contains(name)).cloned();
    let left: Vec<String> = left.collect();
    let left = if left.is_empty() { "none".to_owned() } else { listed(&left) };
    format!(
        "of the model's {} features {} no column here: {}; columns that are no feature of it: {left}",
        wanted.len(),
        if missing.len() == 1 { "1 has".to_owned() } else { format!("{} have", missing.len()) },
        listed(&missing)
    )
}

fn listed(names: &[String]) -> String {
    const SHOWN: usize = 12;
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    let more =
        if names.len() > SHOWN { format!(", … ({} in all)", names.len()) } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

struct Place<'a> {
    file: &'a str,
    line: u64,
    column: &'a str,
}

impl Place<'_> {
    fn fail(&self, problem: String) -> Error {
        Error::at(self.file, self.line, Some(self.column), problem)
    }

    fn feature(&self, cell: &str) -> Result<f64> {
        if is_missing(cell) {
            return Ok(f64::NAN);
        }
        let Ok(value) = cell.parse::<f64>() else {
            return Err(self.fail(format!(
                "`{}` is not a number, write numbers or leave the column out with `drop`",
                shortened(cell)
            )));
        };
        if value.is_finite() { Ok(value) } else { Err(self.infinite(cell)) }
    }

    fn number(&self, cell: &str, what: &str) -> Result<f64> {
        match self.given(cell, what)?.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(value),
            Ok(_) => Err(self.infinite(cell)),
            Err(_) => Err(self.fail(format!("the {what} `{}` is not a number", shortened(cell)))),
        }
    }

    fn infinite(&self, cell: &str) -> Error {
        self.fail(format!(
            "`{}` is not a finite number, only finite ones have a meaning; leave the cell empty \
             if the value is missing",
            shortened(cell)
        ))
    }

    fn given<'c>(&self, cell: &'c str, what: &str) -> Result<&'c str> {
        if is_missing(cell) {
            return Err(self.fail(format!("the {what} is missing, remove the line or fill it in")));
        }
        Ok(cell)
    }
}

fn is_missing(cell: &str) -> bool {
    cell.is_empty() || MISSING.contains(&cell)
}

/// A cell for an error message, which must not be gigantic.
fn shortened(cell: &str) -> String {
    const SHOWN: usize = 40;
    if cell.chars().count() <= SHOWN {
        return cell.to_owned();
    }
    cell.chars().take(SHOWN).chain(['…']).collect()
}

/// Names of groups, numbered in order of appearance.
#[derive(Default)]
struct Groups {
    known: std::collections::BTreeMap<String, usize>,
    indices: Vec<usize>,
}

impl Groups {
    fn push(&mut self, name: &str) {
        let next = self.known.len();
        self.indices.push(*self.known.entry(name.to_owned()).or_insert(next));
    }
}

pub(crate) fn make_target(
    file: &str,
    column: &str,
    cells: &[(u64, String)],
    task: Option<Task>,
) -> Result<Target> {
    let numbers: Vec<Option<f64>> = cells.iter().map(|(_, cell)| cell.parse().ok()).collect();
    let values: Option<Vec<f64>> = numbers.iter().copied().collect();
    let task = task.unwrap_or_else(|| match &values {
        Some(values) if !are_classes(values) => Task::Regression,
        _ => Task::Classification,
    });
    let fail =
        |row: usize, problem: String| Err(Error::at(file, cells[row].0, Some(column), problem));
    if let Some(row) = numbers.iter().position(|n| n.is_some_and(|n| !n.is_finite())) {
        return fail(
            row,
            format!("the target `{}` is not a finite number", shortened(&cells[row].1)),
        );
    }
    match (task, values) {
        (Task::Regression, Some(values)) => Ok(Target::Values(values)),
        (Task::Regression, None) => {
            let row = numbers.iter().position(Option::is_none).unwrap_or(0);
            let cell = shortened(&cells[row].1);
            fail(row, format!("the target `{cell}` is not a number, regression needs numbers"))
        }
        (Task::Classification, Some(values)) => Ok(number_classes(&values)),
        (Task::Classification, None) => {
            let mut names: Vec<String> = cells.iter().map(|(_, cell)| cell.clone()).collect();
            names.sort_unstable();
            names.dedup();
            let labels =
                cells.iter().map(|(_, cell)| names.binary_search(cell).unwrap_or(0)).collect();
            Ok(Target::Classes { labels, names })
        }
    }
}

/// Numbers as a target; `fail` makes an error of a row and what is wrong there.
pub(crate) fn number_target(
    values: Vec<f64>,
    task: Option<Task>,
    fail: impl Fn(usize, String) -> Error,
) -> Result<Target> {
    if let Some(row) = values.iter().position(|value| !value.is_finite()) {
        return Err(fail(row, format!("the target `{}` is not a finite number", values[row])));
    }
    let classes = task.map_or_else(|| are_classes(&values), |task| task == Task::Classification);
    Ok(if classes { number_classes(&values) } else { Target::Values(values) })
}

/// Numbers as classes: named by their text, in the order of the numbers.
fn number_classes(values: &[f64]) -> Target {
    // `+ 0.0` makes −0 and 0 one class; `1` and `1.0` are one, too.
    let mut classes: Vec<f64> = values.iter().map(|value| value + 0.0).collect();
    classes.sort_unstable_by(f64::total_cmp);
    classes.dedup();
    let index = |value: &f64| {
        classes.binary_search_by(|class| class.total_cmp(&(value + 0.0))).unwrap_or(0)
    };
    let names = classes.iter().map(f64::to_string).collect();
    Target::Classes { labels: values.iter().map(index).collect(), names }
}

/// Few whole numbers that repeat.
fn are_classes(values: &[f64]) -> bool {
    if values.iter().any(|value| value.fract() != 0.0) {
        return false;
    }
    let mut different = values.to_vec();
    different.sort_by(f64::total_cmp);
    different.dedup();
    different.len() <= MOST_CLASSES && 2 * different.len() <= values.len()
}

#[cfg(test)]
mod tests;
