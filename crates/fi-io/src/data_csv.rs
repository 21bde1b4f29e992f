//! From a CSV file to a checked data set.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use fi_core::{Dataset, Target};
use ndarray::Array2;

use crate::categories::{Coded, Texts, UNNUMBERED, listed, shortened};
use crate::data::by_place;
use crate::error::{Error, Result};
use crate::gather::{BLOCK_ROWS, Gathered, Question, recode};
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
    /// model. If they are `x0`, `x1`, … and no such columns are there, the model has no names, and
    /// that is as `None`, the default: every column without another use, in the order of the file.
    pub features: Option<Vec<String>>,
    /// Features that hold categories: if any of their cells is text, all are, numbers too.
    /// Default none: a column holds numbers, or text in every cell.
    pub categorical: Vec<String>,
    /// The categories of features that hold text, in the order of their numbers: those of a model.
    /// Default none: the texts in alphabetical order, and an error if `features` are a model's.
    pub categories: Vec<(String, Vec<String>)>,
    /// What separates cells; one ASCII character. Default a comma.
    pub delimiter: u8,
}

impl CsvOptions {
    /// The features that are looked up by name in a file with these columns.
    pub(crate) fn features_among(&self, columns: &[String]) -> Option<&Vec<String>> {
        self.features.as_ref().filter(|names| !by_place(names, columns))
    }
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
            categorical: Vec::new(),
            categories: Vec::new(),
            delimiter: b',',
        }
    }
}

/// Reads a CSV file with a header line as a data set.
///
/// Cells are trimmed. Empty cells and `NA`, `N/A`, `NaN`, `null`, `None`, `?` are missing: NaN in
/// a feature, an error in the target, the weights or the groups. Classes are named by their
/// text and sorted, as numbers where all of them are. Groups are numbered in order of
/// appearance. A feature whose cells are text has categories, numbered in alphabetical order
/// ([`Dataset::category_names`]); one that holds numbers and text is an error, because one of them
/// is likely a mistake, unless it is called `categorical`. Blank lines are passed over.
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
/// let text = "width,colour,kind\n1.5,red,rose\n,blue,iris\n2.5,red,rose\n";
/// let data = read_csv_from(text.as_bytes(), "flowers.csv", &CsvOptions::default())?;
/// assert_eq!(data.feature_names(), ["width", "colour"]);
/// assert_eq!(data.target().labels(), Some(&[1, 0, 1][..]));
/// assert!(data.rows()[[1, 0]].is_nan());
/// assert_eq!(data.category_names(1).unwrap(), ["blue", "red"]);
/// assert_eq!(data.rows().column(1).to_vec(), [1.0, 0.0, 1.0]);
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
    let question = Question { options, with_target: true, own_target: false };
    let (found, rows) = csv_table(reader, name, &question)?;
    found.dataset(name, rows)
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
    let question = Question { options, with_target: false, own_target: false };
    let (found, rows) = csv_table(file, &path.display().to_string(), &question)?;
    Ok((found.names, rows))
}

/// What [`gather_csv`] finds, with all rows.
pub(crate) fn csv_table(
    reader: impl Read,
    name: &str,
    question: &Question<'_>,
) -> Result<(Gathered, Array2<f64>)> {
    let mut values = Vec::new();
    let (found, numbers) = gather_csv(reader, name, question, |block| {
        values.extend(block);
        Ok(())
    })?;
    let n_features = found.names.len();
    let mut rows = Array2::from_shape_vec((values.len() / n_features, n_features), values)
        .map_err(|error| Error::content(name, error.to_string()))?;
    recode(&mut rows, &numbers);
    Ok((found, rows))
}

/// Reads a CSV file line after line: `rows` gets the features of each block of [`BLOCK_ROWS`] in
/// the order that was asked for, text by numbers that [`recode`] turns into those of its
/// categories.
pub(crate) fn gather_csv(
    reader: impl Read,
    name: &str,
    question: &Question<'_>,
    mut rows: impl FnMut(Array2<f64>) -> Result<()>,
) -> Result<(Gathered, Vec<Option<Vec<f64>>>)> {
    let options = question.options;
    let mut records = Records::new(reader, name, options.delimiter)?;
    let columns = records.columns().to_vec();
    let uses = question.uses(name, &columns)?;
    let in_file = names_of(&columns, &uses, Use::Feature);
    let order = order(&in_file, options).unwrap_or_else(|| (0..in_file.len()).collect());
    // Where each feature of the file goes.
    let mut places = vec![0; order.len()];
    order.iter().enumerate().for_each(|(place, &feature)| places[feature] = place);
    let mut readers: Vec<Column> = in_file.iter().map(|name| Column::new(name, options)).collect();
    let (mut target, mut weights, mut groups) = (TargetCells::default(), Vec::new(), Vec::new());
    let mut group_names = Texts::default();
    let mut block: Vec<f64> = Vec::new();
    let mut hand_on = |block: &mut Vec<f64>| {
        let shape = (block.len() / places.len(), places.len());
        let block = Array2::from_shape_vec(shape, std::mem::take(block));
        rows(block.map_err(|error| Error::content(name, error.to_string()))?)
    };
    let mut n_rows = 0;
    while let Some((line, row)) = records.next()? {
        let start = block.len();
        block.resize(start + places.len(), 0.0);
        let mut features = readers.iter_mut().zip(&places);
        for ((cell, used), column) in row.into_iter().map(str::trim).zip(&uses).zip(&columns) {
            let place = Place { file: name, line, column };
            match used {
                Use::None => {}
                Use::Feature => {
                    if let Some((reader, &to)) = features.next() {
                        block[start + to] = reader.read(cell, &place)?;
                    }
                }
                Use::Weight => weights.push(place.number(cell, "weight")?),
                Use::Group => groups.push(group_names.number(place.given(cell, "group")?) as usize),
                Use::Target => target.push(line, place.given(cell, "target")?),
            }
        }
        n_rows += 1;
        if n_rows % BLOCK_ROWS == 0 {
            hand_on(&mut block)?;
        }
    }
    if n_rows == 0 {
        let problem = "there is only a header, at least one line of data must follow";
        return Err(Error::content(name, problem));
    }
    if !block.is_empty() {
        hand_on(&mut block)?;
    }
    let target = match names_of(&columns, &uses, Use::Target).first() {
        Some(column) => Some(make_target(name, column, &target, options.task)?),
        None => None,
    };
    let mut finished: Vec<_> = readers.into_iter().map(|reader| Some(reader.finish())).collect();
    let (categories, numbers) =
        order.iter().map(|&feature| finished[feature].take().unwrap_or_default()).unzip();
    let found = Gathered {
        names: order.iter().map(|&feature| in_file[feature].clone()).collect(),
        categories,
        target,
        weights: (question.with_target && options.weights.is_some()).then_some(weights),
        groups: (question.with_target && options.groups.is_some()).then_some(groups),
    };
    Ok((found, numbers))
}

/// The names of a CSV file's columns, of which only the first line is read.
pub(crate) fn csv_columns(path: &Path, options: &CsvOptions) -> Result<Vec<String>> {
    let file = File::open(path).map_err(|source| Error::read(path, source))?;
    let records = Records::new(file, &path.display().to_string(), options.delimiter)?;
    Ok(records.columns().to_vec())
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

/// The cells of a target one after another, and their lines.
#[derive(Default)]
pub(crate) struct TargetCells {
    text: String,
    ends: Vec<usize>,
    lines: Vec<u64>,
}

impl TargetCells {
    pub(crate) fn push(&mut self, line: u64, cell: &str) {
        self.text.push_str(cell);
        self.ends.push(self.text.len());
        self.lines.push(line);
    }

    fn cell(&self, row: usize) -> &str {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.text[start..self.ends[row]]
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.ends.len()).map(|row| self.cell(row))
    }
}

/// How the cells of a feature are read.
#[derive(Debug)]
enum Column {
    /// Nothing but missing values so far.
    Unknown {
        /// Whether text would have no number, because a model must say which.
        of_model: bool,
    },
    Numbers,
    Text(Coded),
    /// It is called categorical: text if any of its cells is.
    Declared(Texts),
}

impl Column {
    fn new(name: &str, options: &CsvOptions) -> Self {
        if let Some((_, names)) = options.categories.iter().find(|(feature, _)| feature == name) {
            return Self::Text(Coded::known(names));
        }
        let of_model = options.features.is_some();
        if !of_model && options.categorical.iter().any(|other| other == name) {
            return Self::Declared(Texts::default());
        }
        Self::Unknown { of_model }
    }

    /// The number of a cell, of text the one of [`Column::finish`].
    fn read(&mut self, cell: &str, place: &Place<'_>) -> Result<f64> {
        if is_missing(cell) {
            return Ok(f64::NAN);
        }
        if let Self::Unknown { of_model } = *self {
            *self = if cell.parse::<f64>().is_ok() {
                Self::Numbers
            } else if of_model {
                let problem = format!("`{}` is text, but {UNNUMBERED}", shortened(cell));
                return Err(place.fail(problem));
            } else {
                Self::Text(Coded::Found(Texts::default()))
            };
        }
        match self {
            Self::Unknown { .. } | Self::Numbers => place.feature(cell),
            Self::Declared(texts) => Ok(f64::from(texts.number(cell))),
            Self::Text(Coded::Found(_)) if cell.parse::<f64>().is_ok() => Err(place.fail(format!(
                "`{}` is a number, but cells above hold text: write a text, leave the cell empty, \
                 or name the column as `categorical` to take all its cells as text",
                shortened(cell)
            ))),
            Self::Text(coded) => coded.number(cell).map_err(|problem| place.fail(problem)),
        }
    }

    /// The categories' names, and the final number of each that was given.
    fn finish(self) -> (Option<Vec<String>>, Option<Vec<f64>>) {
        let coded = match self {
            Self::Unknown { .. } | Self::Numbers => return (None, None),
            Self::Declared(texts) => {
                let number = |text: &String| text.parse::<f64>().ok().filter(|x| x.is_finite());
                if let Some(values) = texts.known.keys().map(number).collect::<Option<Vec<f64>>>() {
                    let mut by_number = vec![0.0; values.len()];
                    for (&given, value) in texts.known.values().zip(values) {
                        by_number[given as usize] = value;
                    }
                    return (None, Some(by_number));
                }
                Coded::Found(texts)
            }
            Self::Text(coded) => coded,
        };
        let (names, numbers) = coded.finish();
        (Some(names), numbers)
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
    let wanted = options.features_among(columns);
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
        let Ok(value) = cell.parse::<f64>() else {
            return Err(self.fail(format!(
                "`{}` is not a number, but cells above are: write a number, leave the column out \
                 with `drop`, or name it as `categorical` to take all its cells as text",
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

pub(crate) fn make_target(
    file: &str,
    column: &str,
    cells: &TargetCells,
    task: Option<Task>,
) -> Result<Target> {
    let numbers: Vec<Option<f64>> = cells.iter().map(|cell| cell.parse().ok()).collect();
    let values: Option<Vec<f64>> = numbers.iter().copied().collect();
    let task = task.unwrap_or_else(|| match &values {
        Some(values) if !are_classes(values) => Task::Regression,
        _ => Task::Classification,
    });
    let fail =
        |row: usize, problem: String| Err(Error::at(file, cells.lines[row], Some(column), problem));
    if let Some(row) = numbers.iter().position(|n| n.is_some_and(|n| !n.is_finite())) {
        return fail(
            row,
            format!("the target `{}` is not a finite number", shortened(cells.cell(row))),
        );
    }
    match (task, values) {
        (Task::Regression, Some(values)) => Ok(Target::Values(values)),
        (Task::Regression, None) => {
            let row = numbers.iter().position(Option::is_none).unwrap_or(0);
            let cell = shortened(cells.cell(row));
            fail(row, format!("the target `{cell}` is not a number, regression needs numbers"))
        }
        (Task::Classification, Some(values)) => Ok(number_classes(&values)),
        (Task::Classification, None) => {
            let mut names: Vec<&str> = cells.iter().collect();
            names.sort_unstable();
            names.dedup();
            let place = |cell: &str| names.binary_search(&cell).unwrap_or(0);
            let labels = cells.iter().map(place).collect();
            let names = names.into_iter().map(str::to_owned).collect();
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
