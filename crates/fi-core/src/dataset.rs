//! A checked table with its target: what learners train on and metrics score against.

use std::borrow::Cow;
use std::ops::Range;

use ndarray::{Array2, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, require_shape};

/// What a model is to predict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Target {
    /// One number per row: regression.
    Values(Vec<f64>),
    /// One class per row, as an index into `names`.
    Classes {
        /// The class of each row.
        labels: Vec<usize>,
        /// The classes' names, in class order. Not every class need occur.
        names: Vec<String>,
    },
}

impl Target {
    /// How many rows it has.
    pub fn len(&self) -> usize {
        match self {
            Self::Values(values) => values.len(),
            Self::Classes { labels, .. } => labels.len(),
        }
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many classes it has; `None` for regression.
    pub fn n_classes(&self) -> Option<usize> {
        match self {
            Self::Values(_) => None,
            Self::Classes { names, .. } => Some(names.len()),
        }
    }

    /// The class labels; `None` for regression.
    pub fn labels(&self) -> Option<&[usize]> {
        match self {
            Self::Values(_) => None,
            Self::Classes { labels, .. } => Some(labels),
        }
    }

    /// The numbers; `None` for classification.
    pub fn values(&self) -> Option<&[f64]> {
        match self {
            Self::Values(values) => Some(values),
            Self::Classes { .. } => None,
        }
    }

    /// Refuses a target that says the same of every row.
    ///
    /// Single learners may take it, as folds in which a rare class is missing ask of them; a table
    /// of it has nothing to learn.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] if it has rows, and all are of one class or of one value.
    pub fn require_variety(&self) -> Result<()> {
        let only = match self {
            Self::Values(values) => values
                .first()
                .filter(|&&first| values.iter().all(|&value| value == first))
                .map(ToString::to_string),
            Self::Classes { labels, names } => labels
                .first()
                .filter(|&first| labels.iter().all(|label| label == first))
                .map(|&label| names[label].clone()),
        };
        match only {
            Some(only) => Err(Error::Data(format!(
                "the target is `{only}` in every row, so there is nothing to learn: take another \
                 target, or rows in which it differs"
            ))),
            None => Ok(()),
        }
    }

    /// These rows' part of it.
    pub(crate) fn part(&self, rows: Range<usize>) -> Cow<'_, Self> {
        if rows == (0..self.len()) {
            return Cow::Borrowed(self);
        }
        Cow::Owned(match self {
            Self::Values(values) => Self::Values(values[rows].to_vec()),
            Self::Classes { labels, names } => {
                Self::Classes { labels: labels[rows].to_vec(), names: names.clone() }
            }
        })
    }

    /// The same classes numbered as in `names`, such as those of a model; a target of values is
    /// returned as it is.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] for a class that occurs and is not among them, naming both sides.
    pub fn in_classes(&self, names: &[String]) -> Result<Self> {
        let Self::Classes { labels, names: own } = self else { return Ok(self.clone()) };
        let place: Vec<Option<usize>> =
            own.iter().map(|name| names.iter().position(|other| other == name)).collect();
        let listed = |names: &[String]| {
            names.iter().take(20).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        };
        let number = |&label: &usize| {
            place[label].ok_or_else(|| {
                Error::Data(format!(
                    "class `{}` is unknown to the model: the data have {}, the model has {}; name \
                     them in the target as the model does",
                    own[label],
                    listed(own),
                    listed(names)
                ))
            })
        };
        let labels = labels.iter().map(number).collect::<Result<_>>()?;
        Ok(Self::Classes { labels, names: names.to_vec() })
    }

    /// The target of these rows, in this order. Classes keep their indices.
    ///
    /// # Panics
    ///
    /// If a row is out of range.
    pub fn select(&self, rows: &[usize]) -> Self {
        match self {
            Self::Values(values) => Self::Values(rows.iter().map(|&row| values[row]).collect()),
            Self::Classes { labels, names } => Self::Classes {
                labels: rows.iter().map(|&row| labels[row]).collect(),
                names: names.clone(),
            },
        }
    }
}

/// Rows, their target, and what is known about both.
///
/// Rows are `f64`; NaN means *missing*. Infinite values, duplicate feature names, mismatched
/// lengths, class indices out of range and negative weights are refused when it is made, so no
/// method has to look again.
///
/// # Example
///
/// ```
/// use fi_core::{Dataset, Target};
/// use ndarray::array;
///
/// let data = Dataset::new(array![[1.0, 5.0], [2.0, 6.0]], Target::Values(vec![0.5, 0.7]))?
///     .with_feature_names(["width", "height"])?;
/// assert_eq!(data.select_features(&[1]).feature_names(), ["height"]);
/// # Ok::<(), fi_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    rows: Array2<f64>,
    target: Target,
    weights: Option<Vec<f64>>,
    groups: Option<Vec<usize>>,
    feature_names: Vec<String>,
    /// The categorical columns, ascending.
    categorical: Vec<usize>,
    /// Of each feature: its categories' names by their numbers, where they are known.
    category_names: Vec<Option<Vec<String>>>,
}

/// Categories are whole numbers below this: single-precision numbers tell no more apart.
const MOST_CATEGORIES: f64 = (1_u32 << 24) as f64;

impl Dataset {
    /// A data set whose features are called `x0`, `x1`, ….
    ///
    /// # Errors
    ///
    /// [`Error::TooFewRows`] without rows; [`Error::Data`] without features or for a class out
    /// of range; [`Error::Shape`] if the target has another length; [`Error::NotFinite`] for an
    /// infinite value in the rows or a target that is not finite.
    pub fn new(rows: Array2<f64>, target: Target) -> Result<Self> {
        if rows.nrows() == 0 {
            return Err(Error::TooFewRows { what: "a data set".to_owned(), needed: 1, got: 0 });
        }
        if rows.ncols() == 0 {
            return Err(Error::Data("the table has no features, give at least one column".into()));
        }
        require_shape("the target", &[rows.nrows()], &[target.len()])?;
        match &target {
            Target::Values(values) => finite("the target", values)?,
            Target::Classes { labels, names } => {
                if let Some(row) = labels.iter().position(|&label| label >= names.len()) {
                    return Err(Error::Data(format!(
                        "the target is class `{}` in row {row}, but only {} classes are named",
                        labels[row],
                        names.len()
                    )));
                }
            }
        }
        let feature_names = (0..rows.ncols()).map(|i| format!("x{i}")).collect();
        let (weights, groups, categorical) = (None, None, Vec::new());
        let category_names = vec![None; rows.ncols()];
        let data =
            Self { rows, target, weights, groups, feature_names, categorical, category_names };
        data.check_rows()?;
        Ok(data)
    }

    /// Only the target of so many rows, and a table without columns.
    pub(crate) fn without_rows(n_rows: usize, target: Target) -> Result<Self> {
        // The checks are those of a table with a column.
        let data = Self::new(Array2::zeros((n_rows, 1)), target)?;
        let (feature_names, category_names) = (Vec::new(), Vec::new());
        Ok(Self { rows: Array2::zeros((n_rows, 0)), feature_names, category_names, ..data })
    }

    fn check_rows(&self) -> Result<()> {
        match self.rows.indexed_iter().find(|(_, value)| value.is_infinite()) {
            None => Ok(()),
            Some(((row, column), &value)) => Err(Error::NotFinite {
                what: "the table".to_owned(),
                row,
                column: Some(self.feature_names[column].clone()),
                value,
            }),
        }?;
        for &column in &self.categorical {
            let category =
                |x: f64| x.is_nan() || (x.trunc() == x && (0.0..MOST_CATEGORIES).contains(&x));
            let values = self.rows.column(column);
            if let Some(row) = values.iter().position(|&x| !category(x)) {
                return Err(Error::Data(format!(
                    "column `{}` is categorical, but `{}` in row {row} is not a whole number from \
                     0 to {}, number its categories",
                    self.feature_names[column],
                    values[row],
                    MOST_CATEGORIES - 1.0
                )));
            }
        }
        Ok(())
    }

    /// The same data with these feature names.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] for another number of names; [`Error::Data`] for an empty or double one.
    pub fn with_feature_names<S: Into<String>>(
        self,
        names: impl IntoIterator<Item = S>,
    ) -> Result<Self> {
        let feature_names: Vec<String> = names.into_iter().map(Into::into).collect();
        require_shape("the list of feature names", &[self.n_features()], &[feature_names.len()])?;
        check_names("feature", &feature_names)?;
        Ok(Self { feature_names, ..self })
    }

    /// The same data with a weight for each row.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] for another length; [`Error::NotFinite`]; [`Error::Data`] for a negative
    /// weight or if all are 0.
    pub fn with_weights(self, weights: Vec<f64>) -> Result<Self> {
        require_shape("the list of weights", &[self.n_rows()], &[weights.len()])?;
        finite("the weight", &weights)?;
        if let Some(row) = weights.iter().position(|&weight| weight < 0.0) {
            return Err(Error::Data(format!(
                "the weight is `{}` in row {row}, weights must not be negative",
                weights[row]
            )));
        }
        if weights.iter().all(|&weight| weight == 0.0) {
            return Err(Error::Data("all weights are 0, give at least one row a weight".into()));
        }
        Ok(Self { weights: Some(weights), ..self })
    }

    /// The same data whose rows belong to groups (persons, devices): rows of one group must stay
    /// on one side of every split.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] for another length.
    pub fn with_groups(self, groups: Vec<usize>) -> Result<Self> {
        require_shape("the list of row groups", &[self.n_rows()], &[groups.len()])?;
        Ok(Self { groups: Some(groups), ..self })
    }

    /// The same data whose columns `features` are categorical: their numbers are names without
    /// an order, the whole numbers from 0.
    ///
    /// Learners that know categories (our trees) split them into sets; the others take the
    /// numbers as they are. Replaces what was categorical before.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] for a feature out of range, and for a value that is neither missing nor a
    /// whole number from 0 to 2²⁴ − 1.
    pub fn with_categorical(self, features: impl IntoIterator<Item = usize>) -> Result<Self> {
        let mut categorical: Vec<usize> = features.into_iter().collect();
        categorical.sort_unstable();
        categorical.dedup();
        if let Some(feature) = categorical.iter().find(|&&feature| feature >= self.n_features()) {
            return Err(Error::Data(format!(
                "feature {feature} cannot be categorical, the table has {} features",
                self.n_features()
            )));
        }
        let mut category_names = self.category_names;
        for (feature, names) in category_names.iter_mut().enumerate() {
            if categorical.binary_search(&feature).is_err() {
                *names = None;
            }
        }
        let data = Self { categorical, category_names, ..self };
        data.check_rows()?;
        Ok(data)
    }

    /// The same data, of whose features those with names are categorical: category `k` is called
    /// `names[feature][k]`. A model of these data keeps the names
    /// (`fi_models::store::Stored::categories`), so that other data can be read by them.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] for another number of features; [`Error::Data`] for a double name, and for a
    /// value that is neither missing nor the number of a category. An empty text may be one.
    pub fn with_category_names(self, names: Vec<Option<Vec<String>>>) -> Result<Self> {
        require_shape("the list of category names", &[self.n_features()], &[names.len()])?;
        for ((feature, names), column) in names.iter().enumerate().zip(self.rows.columns()) {
            let Some(names) = names else { continue };
            check_distinct("category", names)?;
            if let Some(row) = column.iter().position(|&x| x >= names.len() as f64) {
                return Err(Error::Data(format!(
                    "column `{}` holds category `{}` in row {row}, but only {} are named",
                    self.feature_names[feature],
                    column[row],
                    names.len()
                )));
            }
        }
        let named = |feature: &usize| names[*feature].is_some();
        let categorical = (0..names.len()).filter(named).chain(self.categorical.iter().copied());
        let categorical: Vec<usize> = categorical.collect();
        let data = Self { category_names: names, ..self };
        data.with_categorical(categorical)
    }

    /// The same rows with another target.
    ///
    /// # Errors
    ///
    /// As for [`Dataset::new`].
    pub fn with_target(self, target: Target) -> Result<Self> {
        let checked = Self::new(self.rows, target)?;
        Ok(Self { rows: checked.rows, target: checked.target, ..self })
    }

    /// The same target and weights with other rows, such as scaled ones, of the same shape.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`]; [`Error::NotFinite`] for an infinite value.
    pub fn with_rows(self, rows: Array2<f64>) -> Result<Self> {
        require_shape("the table", self.rows.shape(), rows.shape())?;
        let data = Self { rows, ..self };
        data.check_rows()?;
        Ok(data)
    }

    /// How many rows there are; at least 1.
    pub fn n_rows(&self) -> usize {
        self.rows.nrows()
    }

    /// How many features there are; at least 1.
    pub fn n_features(&self) -> usize {
        self.rows.ncols()
    }

    /// `(n_rows, n_features)`; NaN where a value is missing.
    pub fn rows(&self) -> ArrayView2<'_, f64> {
        self.rows.view()
    }

    /// What a model is to predict.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The rows' weights, where they have any.
    pub fn weights(&self) -> Option<&[f64]> {
        self.weights.as_deref()
    }

    /// The group each row belongs to, where they have any.
    pub fn groups(&self) -> Option<&[usize]> {
        self.groups.as_deref()
    }

    /// The features' names, all different.
    pub fn feature_names(&self) -> &[String] {
        &self.feature_names
    }

    /// The categorical features, ascending.
    pub fn categorical(&self) -> &[usize] {
        &self.categorical
    }

    /// The names of a feature's categories by their numbers, where they are known: those of a
    /// column of text.
    pub fn category_names(&self, feature: usize) -> Option<&[String]> {
        self.category_names.get(feature)?.as_deref()
    }

    /// These rows, in this order; rows may be taken several times.
    ///
    /// # Errors
    ///
    /// [`Error::TooFewRows`] if `rows` is empty; [`Error::Data`] if one is out of range or all
    /// chosen weights are 0.
    pub fn select_rows(&self, rows: &[usize]) -> Result<Self> {
        if rows.is_empty() {
            return Err(Error::TooFewRows { what: "a data set".to_owned(), needed: 1, got: 0 });
        }
        if let Some(row) = rows.iter().find(|&&row| row >= self.n_rows()) {
            return Err(Error::Data(format!(
                "row {row} was asked for, but the table has {} rows",
                self.n_rows()
            )));
        }
        let data = Self {
            rows: self.rows.select(Axis(0), rows),
            target: self.target.select(rows),
            weights: None,
            groups: self.groups.as_ref().map(|all| rows.iter().map(|&row| all[row]).collect()),
            feature_names: self.feature_names.clone(),
            categorical: self.categorical.clone(),
            category_names: self.category_names.clone(),
        };
        match &self.weights {
            None => Ok(data),
            Some(all) => data.with_weights(rows.iter().map(|&row| all[row]).collect()),
        }
    }

    /// The same rows with more columns behind the others: their names, and which of the new places
    /// are categorical.
    pub(crate) fn with_columns<'a>(
        &'a self,
        columns: &[ArrayView2<'a, f64>],
        names: Vec<String>,
        categorical: &[usize],
    ) -> Result<Self> {
        let views: Vec<_> = std::iter::once(self.rows()).chain(columns.iter().copied()).collect();
        let rows = ndarray::concatenate(Axis(1), &views).map_err(Error::model)?;
        let feature_names = self.feature_names.iter().cloned().chain(names);
        let categorical = self.categorical.iter().chain(categorical).copied();
        let (categorical, names) = (categorical.collect(), feature_names.collect::<Vec<_>>());
        let mut category_names = self.category_names.clone();
        category_names.resize(names.len(), None);
        let data = Self { rows, categorical, category_names, ..self.clone() };
        let data = data.with_feature_names(names)?;
        data.check_rows()?;
        Ok(data)
    }

    /// These features, in this order.
    ///
    /// # Panics
    ///
    /// If a feature is out of range.
    pub fn select_features(&self, features: &[usize]) -> Self {
        let kept = features.iter().enumerate();
        let kept = kept.filter(|(_, feature)| self.categorical.binary_search(feature).is_ok());
        Self {
            categorical: kept.map(|(place, _)| place).collect(),
            rows: self.rows.select(Axis(1), features),
            feature_names: features.iter().map(|&i| self.feature_names[i].clone()).collect(),
            category_names: features.iter().map(|&i| self.category_names[i].clone()).collect(),
            target: self.target.clone(),
            weights: self.weights.clone(),
            groups: self.groups.clone(),
        }
    }

    /// All features but these, in their order.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] if none would be left.
    pub fn without_features(&self, features: &[usize]) -> Result<Self> {
        let kept: Vec<usize> = (0..self.n_features()).filter(|i| !features.contains(i)).collect();
        if kept.is_empty() {
            return Err(Error::Data(
                "leaving these features out leaves no feature to train on".into(),
            ));
        }
        Ok(self.select_features(&kept))
    }
}

/// Whether no value is NaN or infinite: looked at many at a time, without a branch for each.
pub(crate) fn all_finite(values: &[f64]) -> bool {
    values.chunks(256).all(|values| values.iter().fold(true, |all, value| all & value.is_finite()))
}

/// `Err(Error::NotFinite)` at the first value that is NaN or infinite.
pub(crate) fn finite(what: &str, values: &[f64]) -> Result<()> {
    if all_finite(values) {
        return Ok(());
    }
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(row) => {
            Err(Error::NotFinite { what: what.to_owned(), row, column: None, value: values[row] })
        }
    }
}

/// Names must be there and differ.
pub(crate) fn check_names(kind: &str, names: &[String]) -> Result<()> {
    if let Some(i) = names.iter().position(String::is_empty) {
        return Err(Error::Data(format!("{kind} {i} has an empty name, give every {kind} a name")));
    }
    check_distinct(kind, names)
}

fn check_distinct(kind: &str, names: &[String]) -> Result<()> {
    let mut sorted: Vec<&String> = names.iter().collect();
    sorted.sort_unstable();
    match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        None => Ok(()),
        Some(pair) => Err(Error::Data(format!(
            "two {kind}s are called `{}`, give every {kind} its own name",
            pair[0]
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn data() -> Dataset {
        Dataset::new(array![[1.0, f64::NAN], [3.0, 4.0], [5.0, 6.0]], classes(&[0, 1, 1])).unwrap()
    }

    fn classes(labels: &[usize]) -> Target {
        Target::Classes { labels: labels.to_vec(), names: vec!["no".into(), "yes".into()] }
    }

    #[test]
    fn a_target_to_learn_differs_between_rows() {
        let said = |target: Target| target.require_variety().map_err(|error| error.to_string());
        let refused = |only: &str| {
            Err(format!(
                "the target is `{only}` in every row, so there is nothing to learn: take another \
                 target, or rows in which it differs"
            ))
        };
        assert_eq!(said(classes(&[1, 1, 1])), refused("yes"));
        assert_eq!(said(Target::Values(vec![0.5, 0.5])), refused("0.5"));
        for target in [classes(&[1, 1, 0]), Target::Values(vec![0.5, 1.0]), Target::Values(vec![])]
        {
            assert_eq!(said(target), Ok(()));
        }
    }

    #[test]
    fn classes_take_the_numbers_of_a_model_by_name() {
        let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let target = Target::Classes { labels: vec![0, 1, 0], names: names(&["b", "c", "d"]) };
        let renamed = target.in_classes(&names(&["c", "a", "b"])).unwrap();
        assert_eq!(renamed.labels(), Some(&[2, 0, 2][..]));
        assert_eq!(renamed.n_classes(), Some(3));
        let error = target.in_classes(&names(&["b"])).unwrap_err().to_string();
        assert_eq!(
            error,
            "class `c` is unknown to the model: the data have `b`, `c`, `d`, the model has `b`; name \
             them in the target as the model does"
        );
        let values = Target::Values(vec![1.0]);
        assert_eq!(values.in_classes(&names(&["b"])).unwrap(), values);
    }

    #[test]
    fn categorical_columns_stay_with_their_features() {
        let rows = array![[0.5, 2.0, 1.0], [1.5, f64::NAN, 0.0]];
        let data = Dataset::new(rows, Target::Values(vec![0.0, 1.0])).unwrap();
        let data = data.with_categorical([2, 1, 2]).unwrap();
        assert_eq!(data.categorical(), [1, 2]);
        assert_eq!(data.select_rows(&[1]).unwrap().categorical(), [1, 2]);
        assert_eq!(data.select_features(&[2, 0, 1]).categorical(), [0, 2]);
        assert_eq!(data.without_features(&[1]).unwrap().categorical(), [1]);
        let text = |result: Result<Dataset>| result.unwrap_err().to_string();
        assert_eq!(
            text(data.clone().with_categorical([3])),
            "feature 3 cannot be categorical, the table has 3 features"
        );
        assert_eq!(
            text(data.clone().with_categorical([0])),
            "column `x0` is categorical, but `0.5` in row 0 is not a whole number from 0 to \
             16777215, number its categories"
        );
        let negative = array![[0.5, -2.0, 1.0], [1.5, 0.0, 0.0]];
        assert!(text(data.clone().with_rows(negative)).starts_with("column `x1` is categorical"));
        let many = array![[0.5, 16_777_216.0, 1.0], [1.5, 0.0, 0.0]];
        assert!(text(data.with_rows(many)).starts_with("column `x1` is categorical"));
    }

    #[test]
    fn each_bad_input_gets_its_own_sentence() {
        let text = |result: Result<Dataset>| result.unwrap_err().to_string();
        let values = |n: usize| Target::Values(vec![0.0; n]);
        assert_eq!(
            text(Dataset::new(Array2::zeros((0, 2)), values(0))),
            "a data set needs at least 1 rows, got 0"
        );
        assert_eq!(
            text(Dataset::new(Array2::zeros((2, 0)), values(2))),
            "the table has no features, give at least one column"
        );
        assert_eq!(
            text(Dataset::new(array![[1.0]], values(2))),
            "the target has shape [2], expected [1]"
        );
        assert_eq!(
            text(Dataset::new(array![[f64::INFINITY]], values(1))),
            "the table is `inf` in row 0, column `x0`, only finite numbers have a meaning there"
        );
        assert_eq!(
            text(Dataset::new(array![[1.0]], Target::Values(vec![f64::NAN]))),
            "the target is `NaN` in row 0, only finite numbers have a meaning there"
        );
        assert_eq!(
            text(Dataset::new(array![[1.0]], classes(&[2]))),
            "the target is class `2` in row 0, but only 2 classes are named"
        );
        assert_eq!(
            text(data().with_feature_names(["a", "a"])),
            "two features are called `a`, give every feature its own name"
        );
        assert_eq!(
            text(data().with_feature_names(["a", ""])),
            "feature 1 has an empty name, give every feature a name"
        );
        assert_eq!(
            text(data().with_weights(vec![1.0, -1.0, 0.0])),
            "the weight is `-1` in row 1, weights must not be negative"
        );
        assert_eq!(
            text(data().with_weights(vec![0.0; 3])),
            "all weights are 0, give at least one row a weight"
        );
        assert_eq!(text(data().select_rows(&[7])), "row 7 was asked for, but the table has 3 rows");
        assert_eq!(
            text(data().without_features(&[0, 1])),
            "leaving these features out leaves no feature to train on"
        );
    }

    #[test]
    fn a_selection_keeps_everything_in_step() {
        let data = data().with_weights(vec![1.0, 2.0, 3.0]).unwrap();
        let data = data.with_groups(vec![7, 8, 9]).unwrap().select_rows(&[2, 0, 2]).unwrap();
        assert_eq!(data.weights(), Some(&[3.0, 1.0, 3.0][..]));
        assert_eq!(data.groups(), Some(&[9, 7, 9][..]));
        assert_eq!(data.target().labels(), Some(&[1, 0, 1][..]));
        assert_eq!(data.select_features(&[1]).rows()[[0, 0]], 6.0);
        assert_eq!(data.without_features(&[0]).unwrap().feature_names(), ["x1"]);
    }
}
