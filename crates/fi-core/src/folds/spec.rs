//! Folds from a short text, such as `stratified:5`, and from the number of each row's test fold.

use std::str::FromStr;

use super::{Fold, Folds};
use crate::dataset::Dataset;
use crate::error::{Error, Result};

/// More repeats would be a slip of the finger.
const MOST_REPEATS: usize = 10_000;

const FORMS: &str = "5, kfold:5, stratified:5, group:5, stratified-group:5, time:5, \
                     leave-one-group-out, repeated:5x10, repeated:stratified:5x10 or first:5";

/// The kinds of folds that have a number and a shuffle.
#[derive(Clone, Copy)]
enum Kind {
    KFold,
    Stratified,
    Group,
    StratifiedGroup,
}

impl Kind {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "kfold" => Self::KFold,
            "stratified" => Self::Stratified,
            "group" => Self::Group,
            "stratified-group" => Self::StratifiedGroup,
            _ => return None,
        })
    }

    fn of_data(data: &Dataset) -> Self {
        match (data.target().n_classes().is_some(), data.groups().is_some()) {
            (false, false) => Self::KFold,
            (true, false) => Self::Stratified,
            (false, true) => Self::Group,
            (true, true) => Self::StratifiedGroup,
        }
    }

    fn of(self, n_splits: usize) -> Folds {
        let shuffle = true;
        match self {
            Self::KFold => Folds::KFold { n_splits, shuffle },
            Self::Stratified => Folds::Stratified { n_splits, shuffle },
            Self::Group => Folds::Group { n_splits, shuffle },
            Self::StratifiedGroup => Folds::StratifiedGroup { n_splits, shuffle },
        }
    }
}

/// Reads folds as [`Folds::parse`] does, where a bare number is shuffled folds that are not
/// stratified.
///
/// # Errors
///
/// [`Error::Parameter`] for any other text.
impl FromStr for Folds {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        read(text, Kind::KFold).ok_or_else(|| Error::unreadable("folds", text, FORMS))
    }
}

impl Folds {
    /// Reads folds from a text; all are shuffled but those in time.
    ///
    /// | text | folds |
    /// |---|---|
    /// | `5` | [`Folds::for_data`]: with each class's share of the rows, as scikit-learn's `cv=5`, and groups kept together |
    /// | `kfold:5`, `stratified:5`, `group:5`, `stratified-group:5` | those |
    /// | `time:5` | [`Folds::TimeSeries`] |
    /// | `leave-one-group-out` | [`Folds::LeaveOneGroupOut`] |
    /// | `repeated:5x10`, `repeated:group:5x10` | 5 folds, 10 times |
    /// | `first:5` | the first of 5: one split |
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] for any other text.
    ///
    /// # Example
    ///
    /// ```
    /// use fi_core::{Dataset, Folds, Target};
    /// use ndarray::Array2;
    ///
    /// let data = Dataset::new(Array2::zeros((2, 1)), Target::Values(vec![1.0, 2.0]))?;
    /// assert_eq!(Folds::parse("5", &data)?, Folds::KFold { n_splits: 5, shuffle: true });
    /// let folds: Folds = "stratified:3".parse()?;
    /// assert_eq!(folds, Folds::Stratified { n_splits: 3, shuffle: true });
    /// # Ok::<(), fi_core::Error>(())
    /// ```
    pub fn parse(text: &str, data: &Dataset) -> Result<Self> {
        read(text, Kind::of_data(data)).map_or_else(|| text.parse(), Ok)
    }

    /// Shuffled folds that suit the data: stratified if the target has classes, and with the rows
    /// of a group together if rows have groups.
    pub fn for_data(n_splits: usize, data: &Dataset) -> Self {
        Kind::of_data(data).of(n_splits)
    }

    /// Folds of rows whose test fold is known: one per number that occurs, ascending; a row of
    /// −1 is trained on in all of them, as in scikit-learn's `PredefinedSplit`.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] for a number below −1 or if no row is in a test fold.
    ///
    /// # Example
    ///
    /// ```
    /// use fi_core::{Fold, Folds};
    ///
    /// let folds = Folds::predefined(&[0, 1, -1])?;
    /// let first = Fold { train: vec![1, 2], test: vec![0] };
    /// assert!(matches!(folds, Folds::Given(folds) if folds.len() == 2 && folds[0] == first));
    /// # Ok::<(), fi_core::Error>(())
    /// ```
    pub fn predefined(test_fold: &[i64]) -> Result<Self> {
        if let Some(row) = test_fold.iter().position(|&fold| fold < -1) {
            return Err(Error::Data(format!(
                "row {row} has the test fold {}, it must be a number from 0, or -1 for a row that \
                 is only trained on",
                test_fold[row]
            )));
        }
        let mut numbers: Vec<i64> = test_fold.iter().copied().filter(|&fold| fold >= 0).collect();
        numbers.sort_unstable();
        numbers.dedup();
        if numbers.is_empty() {
            return Err(Error::Data("no row is in a test fold, number at least one".into()));
        }
        let fold = |number: i64| {
            let (test, train) = (0..test_fold.len()).partition(|&row| test_fold[row] == number);
            Fold { train, test }
        };
        Ok(Self::Given(numbers.into_iter().map(fold).collect()))
    }
}

/// `None` if the text is no folds; `plain` is what a bare number means.
fn read(text: &str, plain: Kind) -> Option<Folds> {
    let number = |text: &str| text.parse::<usize>().ok().filter(|&n| n >= 1);
    if text == "leave-one-group-out" {
        return Some(Folds::LeaveOneGroupOut);
    }
    if let Some(inner) = text.strip_prefix("first:").filter(|inner| !inner.starts_with("first:")) {
        return read(inner, plain).map(|folds| Folds::First(Box::new(folds)));
    }
    if let Some(inner) = text.strip_prefix("repeated:") {
        let (folds, n_repeats) = inner.rsplit_once('x')?;
        let n_repeats = number(n_repeats).filter(|&n| n <= MOST_REPEATS)?;
        let folds = Box::new(of_kind(folds, plain)?);
        return Some(Folds::Repeated { folds, n_repeats });
    }
    if let Some(n_splits) = text.strip_prefix("time:") {
        let n_splits = number(n_splits)?;
        return Some(Folds::TimeSeries { n_splits, gap: 0, max_train: None, test_size: None });
    }
    of_kind(text, plain)
}

/// `5` or `group:5`.
fn of_kind(text: &str, plain: Kind) -> Option<Folds> {
    let (kind, n_splits) = match text.split_once(':') {
        None => (plain, text),
        Some((kind, n_splits)) => (Kind::named(kind)?, n_splits),
    };
    n_splits.parse().ok().filter(|&n| n >= 1).map(|n_splits| kind.of(n_splits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Target;

    fn values() -> Dataset {
        Dataset::new(ndarray::Array2::zeros((2, 1)), Target::Values(vec![0.0, 1.0])).unwrap()
    }

    fn classes() -> Dataset {
        let target = Target::Classes { labels: vec![0, 1], names: vec!["a".into(), "b".into()] };
        values().with_target(target).unwrap()
    }

    #[test]
    fn every_form_is_read() {
        let shuffle = true;
        let parse = |text: &str| text.parse::<Folds>().unwrap();
        assert_eq!(parse("4"), Folds::KFold { n_splits: 4, shuffle });
        assert_eq!(parse("kfold:4"), Folds::KFold { n_splits: 4, shuffle });
        assert_eq!(parse("group:3"), Folds::Group { n_splits: 3, shuffle });
        assert_eq!(parse("stratified-group:3"), Folds::StratifiedGroup { n_splits: 3, shuffle });
        assert_eq!(parse("leave-one-group-out"), Folds::LeaveOneGroupOut);
        let time = Folds::TimeSeries { n_splits: 2, gap: 0, max_train: None, test_size: None };
        assert_eq!(parse("time:2"), time);
        let folds = Box::new(Folds::Group { n_splits: 5, shuffle });
        assert_eq!(parse("repeated:group:5x10"), Folds::Repeated { folds, n_repeats: 10 });
        assert_eq!(parse("first:time:2"), Folds::First(Box::new(time)));
        // A bare number knows the data.
        let stratified = Folds::Stratified { n_splits: 5, shuffle };
        assert_eq!(Folds::parse("5", &classes()).unwrap(), stratified);
        let folds = Box::new(stratified);
        let repeated = Folds::Repeated { folds, n_repeats: 2 };
        assert_eq!(Folds::parse("repeated:5x2", &classes()).unwrap(), repeated);
        assert_eq!(Folds::parse("kfold:5", &classes()).unwrap(), parse("5"));
        assert_eq!(Folds::parse("5", &values()).unwrap(), parse("5"));
        let grouped = |data: Dataset| data.with_groups(vec![0, 1]).unwrap();
        assert_eq!(Folds::parse("5", &grouped(values())).unwrap(), parse("group:5"));
        assert_eq!(Folds::for_data(5, &grouped(classes())), parse("stratified-group:5"));
    }

    #[test]
    fn any_other_text_gets_one_sentence() {
        let mut texts = vec!["", "0", "-1", "five", "5x2", "time", "time:x", "lottery:5"];
        texts.extend(["repeated:5", "repeated:time:5x2", "repeated:5x0", "repeated:5x99999"]);
        texts.extend(["first:", "first:first:5", "first:repeated", "99999999999999999999999"]);
        for text in texts {
            for data in [values(), classes()] {
                let error = Folds::parse(text, &data).unwrap_err().to_string();
                assert_eq!(error, format!("`folds` is `{text}`, it must be {FORMS}"));
            }
        }
    }

    #[test]
    fn numbered_rows_make_folds() {
        let Folds::Given(folds) = Folds::predefined(&[7, -1, 2, 7]).unwrap() else { panic!() };
        assert_eq!(folds[0], Fold { train: vec![0, 1, 3], test: vec![2] });
        assert_eq!(folds[1], Fold { train: vec![1, 2], test: vec![0, 3] });
        let error = |folds: &[i64]| Folds::predefined(folds).unwrap_err().to_string();
        assert_eq!(
            error(&[0, -2]),
            "row 1 has the test fold -2, it must be a number from 0, or -1 for a row that is only \
             trained on"
        );
        assert_eq!(error(&[-1]), "no row is in a test fold, number at least one");
        assert_eq!(error(&[]), "no row is in a test fold, number at least one");
    }
}
