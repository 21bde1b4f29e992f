//! What the columns of a file are used for, gathered block after block: features go to whoever
//! holds or stores the rows, target, weights and groups are kept.

use std::ops::Range;

use fi_core::{Dataset, Target};
use ndarray::Array2;

use crate::categories::{Coded, Numbers, Texts, UNNUMBERED};
use crate::data_csv::{
    CsvOptions, TargetCells, Task, Use, make_target, names_of, number_target, order, uses,
};
use crate::data_parquet::{ParquetFile, Values};
use crate::error::{Error, Result};

/// Rows that are decoded at once.
pub(crate) const BLOCK_ROWS: usize = 1 << 13;

/// All of a file but its features' values.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    /// The features, in the order asked for.
    pub(crate) names: Vec<String>,
    /// Of each feature that holds text: the categories, by their numbers.
    pub(crate) categories: Vec<Option<Vec<String>>>,
    pub(crate) target: Option<Target>,
    pub(crate) weights: Option<Vec<f64>>,
    pub(crate) groups: Option<Vec<usize>>,
}

/// What to read of a file.
pub(crate) struct Question<'a> {
    pub(crate) options: &'a CsvOptions,
    /// Whether target, weights and groups are to be read too.
    pub(crate) with_target: bool,
    /// Whether the target is in a file of its own; else it is the last column if none is named.
    pub(crate) own_target: bool,
}

impl Question<'_> {
    /// What each column is used for; there is a feature.
    pub(crate) fn uses(&self, file: &str, columns: &[String]) -> Result<Vec<Use>> {
        let options = self.options;
        let mut used = uses(file, columns, options)?;
        if !self.with_target {
            for used in used.iter_mut().filter(|used| **used != Use::Feature) {
                *used = Use::None;
            }
        } else if !self.own_target && options.target.is_none() {
            // The last column that has no other use.
            let of_model = options.features_among(columns).is_some();
            let free = if of_model { Use::None } else { Use::Feature };
            let is_free =
                |(column, used): (&String, &Use)| *used == free && !options.drop.contains(column);
            let last = columns.iter().zip(&used).rposition(is_free).ok_or_else(|| {
                Error::content(file, "no column is left for the target, drop fewer columns")
            })?;
            used[last] = Use::Target;
        }
        if !used.contains(&Use::Feature) {
            return Err(Error::content(file, "no column is left as a feature, there must be one"));
        }
        Ok(used)
    }
}

/// The target's cells, all numbers or all text.
enum Cells {
    Numbers(Vec<f64>),
    Text(Texts, Vec<u32>),
}

/// Reads a Parquet file: `rows` gets the features of each block, text by numbers that [`recode`]
/// turns into those of its categories.
pub(crate) fn gather(
    table: &ParquetFile,
    question: &Question<'_>,
    mut rows: impl FnMut(Array2<f64>) -> Result<()>,
) -> Result<(Gathered, Vec<Option<Vec<f64>>>)> {
    let file = table.file();
    let columns = table.names();
    let options = question.options;
    let used = question.uses(file, columns)?;
    let in_file = names_of(columns, &used, Use::Feature);
    let order = order(&in_file, options).unwrap_or_else(|| (0..in_file.len()).collect());
    let names: Vec<String> = order.iter().map(|&i| in_file[i].clone()).collect();
    let place = |name: &String| columns.iter().position(|column| column == name).unwrap_or(0);
    let mut read: Vec<usize> = names.iter().map(place).collect();
    let n_features = read.len();
    let mut coded = (0..n_features)
        .map(|feature| coded(table, question, read[feature]))
        .collect::<Result<Vec<Option<Coded>>>>()?;
    let mut uses_of_others = Vec::new();
    for (column, used) in used.iter().enumerate() {
        if matches!(used, Use::Target | Use::Weight | Use::Group) {
            read.push(column);
            uses_of_others.push(*used);
        }
    }
    let mut target: Option<Cells> = None;
    let (mut weights, mut groups) = (Vec::new(), Vec::new());
    let mut group_names = GroupNames::default();
    table.read(&read, BLOCK_ROWS, |range, mut block| {
        let others = block.split_off(n_features);
        let mut features = Array2::zeros((range.len(), n_features));
        for (feature, values) in block.into_iter().enumerate() {
            let mut into = features.column_mut(feature);
            let numbers = match values {
                Values::Numbers(numbers) => numbers,
                Values::Text(texts) => {
                    let fail = |row: usize, problem: String| {
                        at(file, &names[feature], range.start + row, &problem)
                    };
                    encode(coded[feature].as_mut(), texts, fail)?
                }
            };
            into.iter_mut().zip(numbers).for_each(|(into, number)| *into = number);
        }
        rows(features)?;
        for (values, used) in others.into_iter().zip(&uses_of_others) {
            let name = &columns[read[n_features + position(&uses_of_others, *used)]];
            match used {
                Use::Target => add_target(&mut target, values, file, name, &range)?,
                Use::Weight => weights.extend(given(values, file, name, &range, "weight")?),
                Use::Group => group_names.add(values, file, name, &range, &mut groups)?,
                Use::Feature | Use::None => {}
            }
        }
        Ok(())
    })?;
    let (categories, recode) = coded
        .into_iter()
        .map(|coded| match coded.map(Coded::finish) {
            None => (None, None),
            Some((names, numbers)) => (Some(names), numbers),
        })
        .unzip();
    let target_name = used.iter().position(|used| *used == Use::Target).map(|i| &columns[i]);
    let target = match (target, target_name) {
        (Some(cells), Some(name)) => Some(finish_target(cells, file, name, options.task)?),
        _ => None,
    };
    let gathered = Gathered {
        names,
        categories,
        target,
        weights: (options.weights.is_some() && question.with_target).then_some(weights),
        groups: (options.groups.is_some() && question.with_target).then_some(groups),
    };
    Ok((gathered, recode))
}

impl Gathered {
    /// The data set of these rows.
    pub(crate) fn dataset(self, file: &str, rows: Array2<f64>) -> Result<Dataset> {
        let core = |source| Error::Core { file: file.to_owned(), source };
        let Some(target) = self.target else {
            return Err(Error::content(file, "there is no target, name its column"));
        };
        let mut data = Dataset::new(rows, target)
            .and_then(|data| data.with_feature_names(self.names))
            .map_err(core)?;
        if let Some(weights) = self.weights {
            data = data.with_weights(weights).map_err(core)?;
        }
        if let Some(groups) = self.groups {
            data = data.with_groups(groups).map_err(core)?;
        }
        data.with_category_names(self.categories).map_err(core)
    }
}

/// Turns the numbers that text was given into their final ones, where there are others.
pub(crate) fn recode(rows: &mut Array2<f64>, numbers: &[Option<Vec<f64>>]) {
    for (feature, numbers) in numbers.iter().enumerate() {
        let Some(numbers) = numbers else { continue };
        renumber(rows.column_mut(feature), numbers);
    }
}

/// The same for the values of one feature.
pub(crate) fn renumber<'a>(values: impl IntoIterator<Item = &'a mut f64>, numbers: &[f64]) {
    for value in values.into_iter().filter(|value| !value.is_nan()) {
        *value = numbers[*value as usize];
    }
}

fn position(uses: &[Use], wanted: Use) -> usize {
    uses.iter().position(|used| *used == wanted).unwrap_or(0)
}

/// How a feature's text is numbered; a model must say how.
fn coded(table: &ParquetFile, question: &Question<'_>, column: usize) -> Result<Option<Coded>> {
    let name = &table.names()[column];
    let known = question.options.categories.iter().find(|(feature, _)| feature == name);
    if !table.is_text(column) {
        return match known {
            None => Ok(None),
            Some(_) => Err(in_column(
                table.file(),
                name,
                "the column holds numbers, but the model was trained on text in it: write the \
                 categories by their names",
            )),
        };
    }
    if let Some((_, names)) = known {
        return Ok(Some(Coded::known(names)));
    }
    if question.options.features.is_some() {
        let problem = format!("the column holds text, but {UNNUMBERED}");
        return Err(in_column(table.file(), name, problem));
    }
    Ok(Some(Coded::Found(Texts::default())))
}

fn encode(
    coded: Option<&mut Coded>,
    texts: Vec<Option<String>>,
    fail: impl Fn(usize, String) -> Error,
) -> Result<Vec<f64>> {
    let Some(coded) = coded else {
        return Err(fail(0, "the column changes its type".to_owned()));
    };
    let number = |(row, text): (usize, Option<String>)| match text {
        None => Ok(f64::NAN),
        Some(text) => coded.number(&text).map_err(|problem| fail(row, problem)),
    };
    texts.into_iter().enumerate().map(number).collect()
}

fn in_column(file: &str, column: &str, problem: impl Into<String>) -> Error {
    let (file, column) = (file.to_owned(), Some(column.to_owned()));
    Error::Content { file, line: None, column, problem: problem.into() }
}

fn at(file: &str, column: &str, row: usize, problem: &str) -> Error {
    in_column(file, column, format!("row {row}: {problem}"))
}

/// Numbers none of which is missing.
fn given(
    values: Values,
    file: &str,
    column: &str,
    range: &Range<usize>,
    what: &str,
) -> Result<Vec<f64>> {
    let Values::Numbers(numbers) = values else {
        return Err(in_column(file, column, format!("the {what} is text, it must be a number")));
    };
    match numbers.iter().position(|number| number.is_nan()) {
        None => Ok(numbers),
        Some(row) => Err(missing(file, column, range.start + row, what)),
    }
}

fn missing(file: &str, column: &str, row: usize, what: &str) -> Error {
    at(file, column, row, &format!("the {what} is missing, remove the row or fill it in"))
}

fn add_target(
    target: &mut Option<Cells>,
    values: Values,
    file: &str,
    column: &str,
    range: &Range<usize>,
) -> Result<()> {
    match values {
        Values::Numbers(_) => {
            let numbers = given(values, file, column, range, "target")?;
            let cells = target.get_or_insert_with(|| Cells::Numbers(Vec::new()));
            if let Cells::Numbers(all) = cells {
                all.extend(numbers);
            }
        }
        Values::Text(texts) => {
            let empty = || Cells::Text(Texts::default(), Vec::new());
            if let Cells::Text(known, all) = target.get_or_insert_with(empty) {
                for (row, text) in texts.into_iter().enumerate() {
                    let missing = || missing(file, column, range.start + row, "target");
                    all.push(known.number(&text.ok_or_else(missing)?));
                }
            }
        }
    }
    Ok(())
}

fn finish_target(cells: Cells, file: &str, column: &str, task: Option<Task>) -> Result<Target> {
    let (texts, numbers) = match cells {
        Cells::Numbers(values) => {
            let fail = |row: usize, problem: String| at(file, column, row, &problem);
            return number_target(values, task, fail);
        }
        Cells::Text(texts, numbers) => (texts, numbers),
    };
    // The rules for text are CSV's: texts that are numbers are numbers.
    if texts.known.keys().all(|text| text.parse::<f64>().is_ok()) || task == Some(Task::Regression)
    {
        let mut by_number = vec![""; texts.known.len()];
        for (text, &number) in &texts.known {
            by_number[number as usize] = text;
        }
        let mut cells = TargetCells::default();
        for (&number, row) in numbers.iter().zip(0..) {
            cells.push(row, by_number[number as usize]);
        }
        return make_target(file, column, &cells, task);
    }
    let (names, place) = texts.sorted();
    let labels = numbers.into_iter().map(|number| place[number as usize]).collect();
    Ok(Target::Classes { labels, names })
}

/// Groups of rows, numbered in the order in which they first occur.
#[derive(Default)]
struct GroupNames {
    texts: Texts,
    numbers: Numbers,
}

impl GroupNames {
    fn add(
        &mut self,
        values: Values,
        file: &str,
        column: &str,
        range: &Range<usize>,
        groups: &mut Vec<usize>,
    ) -> Result<()> {
        match values {
            Values::Numbers(_) => {
                for number in given(values, file, column, range, "group")? {
                    groups.push(self.numbers.number(number));
                }
            }
            Values::Text(texts) => {
                for (row, text) in texts.into_iter().enumerate() {
                    let missing = || missing(file, column, range.start + row, "group");
                    groups.push(self.texts.number(&text.ok_or_else(missing)?) as usize);
                }
            }
        }
        Ok(())
    }
}
