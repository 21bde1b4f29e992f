//! Splits of the rows into training and test rows, as scikit-learn defines them.
//!
//! Without shuffling the indices are scikit-learn's own; shuffles come from the [`Run`], so that
//! the same seed gives the same folds at any thread count.

mod spec;

use crate::dataset::{Dataset, Target};
use crate::error::{Error, Result, require};
use crate::rng::Rng;
use crate::run::Run;
use crate::statistics::population_std;

/// The rows of one split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold {
    /// The rows to train on, ascending unless given otherwise; never empty.
    pub train: Vec<usize>,
    /// The rows to test on, none of them a training row; never empty.
    pub test: Vec<usize>,
}

/// How rows are split into training and test rows.
///
/// # When it misleads
///
/// Rows that belong together (duplicates, one person's visits) must not be on both sides: give
/// them a group in the [`Dataset`] and take a group split. Rows in order of time need
/// [`Folds::TimeSeries`].
///
/// # Example
///
/// ```
/// use fi_core::{Dataset, Folds, Run, Target};
/// use ndarray::Array2;
///
/// let data = Dataset::new(Array2::zeros((5, 1)), Target::Values(vec![0.0; 5]))?;
/// let folds = Folds::KFold { n_splits: 2, shuffle: false }.split(&Run::new(0), &data)?;
/// assert_eq!(folds[0].test, [0, 1, 2]);
/// assert_eq!(folds[1].train, [0, 1, 2]);
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Pedregosa et al. (2011). *Scikit-learn: machine learning in Python.* JMLR 12,
///   2825–2830. <https://jmlr.org/papers/v12/pedregosa11a.html>
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Folds {
    /// Blocks of equal size (or one larger); of shuffled rows if `shuffle`.
    KFold {
        /// How many folds, from 2 to the number of rows.
        n_splits: usize,
        /// Whether rows are shuffled first.
        shuffle: bool,
    },
    /// Every fold has each class's share of the rows. A class with fewer rows than folds is
    /// missing in some, as in scikit-learn, which warns.
    Stratified {
        /// How many folds, from 2 to the size of the largest class.
        n_splits: usize,
        /// Whether each class's rows are shuffled first.
        shuffle: bool,
    },
    /// Rows of one group stay together. Without shuffling the largest groups go to the lightest
    /// folds; with it every fold has equally many groups.
    Group {
        /// How many folds, from 2 to the number of groups.
        n_splits: usize,
        /// Whether groups are drawn instead of balanced.
        shuffle: bool,
    },
    /// Rows of one group stay together, and folds keep the classes' shares as well as they can.
    StratifiedGroup {
        /// How many folds, from 2 to the number of groups and the size of the largest class.
        n_splits: usize,
        /// Whether groups of equal class spread are shuffled first.
        shuffle: bool,
    },
    /// Each fold tests on the rows that follow its training rows.
    TimeSeries {
        /// How many folds, at least 2.
        n_splits: usize,
        /// How many rows are left out between training and test.
        gap: usize,
        /// At most this many, the latest, training rows; `None`: all.
        max_train: Option<usize>,
        /// How many rows a test has; `None`: `n_rows / (n_splits + 1)`.
        test_size: Option<usize>,
    },
    /// Other folds several times, shuffled anew.
    Repeated {
        /// What is repeated: folds that shuffle.
        folds: Box<Folds>,
        /// How often, at least 1.
        n_repeats: usize,
    },
    /// Only the first of other folds: a single split into training and test rows.
    First(Box<Folds>),
    /// Each group is the test once.
    LeaveOneGroupOut,
    /// These folds.
    Given(Vec<Fold>),
}

impl Default for Folds {
    /// Five shuffled folds; [`Folds::for_target`] stratifies them where there are classes.
    fn default() -> Self {
        Self::KFold { n_splits: 5, shuffle: true }
    }
}

impl Folds {
    /// Five shuffled folds, stratified if the target has classes.
    pub fn for_target(target: &Target) -> Self {
        match target {
            Target::Values(_) => Self::default(),
            Target::Classes { .. } => Self::Stratified { n_splits: 5, shuffle: true },
        }
    }

    /// Splits the rows.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] if there are too many folds for the rows, classes or groups;
    /// [`Error::Data`] without groups or classes where they are needed, for an empty fold, a row
    /// out of range, tested twice in one fold, or on both sides of it.
    pub fn split(&self, run: &Run<'_>, data: &Dataset) -> Result<Vec<Fold>> {
        let n_rows = data.n_rows();
        let mut rng = run.rng(0);
        let folds = match self {
            Self::KFold { n_splits, shuffle } => {
                check_splits(*n_splits, n_rows, "rows")?;
                let mut rows: Vec<usize> = (0..n_rows).collect();
                if *shuffle {
                    rng.shuffle(&mut rows);
                }
                by_fold(*n_splits, &into_blocks(&rows, *n_splits))
            }
            Self::Stratified { n_splits, shuffle } => {
                let (classes, counts) = classes(data)?;
                check_classes(*n_splits, &counts)?;
                let shuffle = shuffle.then_some(&mut rng);
                by_fold(*n_splits, &stratified(&classes, &counts, *n_splits, shuffle))
            }
            Self::Group { n_splits, shuffle } => {
                let (groups, counts) = groups(data)?;
                check_splits(*n_splits, counts.len(), "groups")?;
                let fold_of = if *shuffle {
                    let mut order: Vec<usize> = (0..counts.len()).collect();
                    rng.shuffle(&mut order);
                    into_blocks(&order, *n_splits)
                } else {
                    lightest(&counts, *n_splits)
                };
                by_fold(*n_splits, &groups.iter().map(|&group| fold_of[group]).collect::<Vec<_>>())
            }
            Self::StratifiedGroup { n_splits, shuffle } => {
                let (classes, class_counts) = numbered(labels(data)?);
                check_classes(*n_splits, &class_counts)?;
                let (groups, counts) = groups(data)?;
                check_splits(*n_splits, counts.len(), "groups")?;
                let mut table = vec![vec![0.0; class_counts.len()]; counts.len()];
                groups.iter().zip(&classes).for_each(|(&group, &class)| table[group][class] += 1.0);
                let mut order: Vec<usize> = (0..counts.len()).collect();
                if *shuffle {
                    rng.shuffle(&mut order);
                }
                let fold_of = most_even(&table, &class_counts, order, *n_splits);
                by_fold(*n_splits, &groups.iter().map(|&group| fold_of[group]).collect::<Vec<_>>())
            }
            Self::TimeSeries { n_splits, gap, max_train, test_size } => {
                time_series(n_rows, *n_splits, *gap, *max_train, *test_size)?
            }
            Self::Repeated { folds, n_repeats } => {
                require(*n_repeats >= 1, "n_repeats", n_repeats, "at least 1")?;
                if !folds.shuffles() {
                    return Err(Error::Data(
                        "repeated folds would all be the same, repeat folds with `shuffle: true`"
                            .into(),
                    ));
                }
                let repeats = (0..*n_repeats as u64).map(|i| folds.split(&run.split(i), data));
                repeats.collect::<Result<Vec<_>>>()?.concat()
            }
            Self::First(folds) => folds.split(run, data)?.into_iter().take(1).collect(),
            Self::LeaveOneGroupOut => {
                let (groups, counts) = groups(data)?;
                if counts.len() < 2 {
                    return Err(Error::Data(
                        "all rows belong to one group, leaving it out leaves no row to train on"
                            .into(),
                    ));
                }
                by_fold(counts.len(), &groups)
            }
            Self::Given(folds) => folds.clone(),
        };
        check_folds(&folds, n_rows)?;
        Ok(folds)
    }

    fn shuffles(&self) -> bool {
        if let Self::First(folds) = self {
            return folds.shuffles();
        }
        matches!(
            self,
            Self::KFold { shuffle: true, .. }
                | Self::Stratified { shuffle: true, .. }
                | Self::Group { shuffle: true, .. }
                | Self::StratifiedGroup { shuffle: true, .. }
        )
    }
}

/// The block of each item, when `items` are cut into `n_splits` blocks, the first ones larger.
fn into_blocks(items: &[usize], n_splits: usize) -> Vec<usize> {
    let (size, larger) = (items.len() / n_splits, items.len() % n_splits);
    let mut block_of = vec![0; items.len()];
    let mut start = 0;
    for block in 0..n_splits {
        let end = start + size + usize::from(block < larger);
        items[start..end].iter().for_each(|&item| block_of[item] = block);
        start = end;
    }
    block_of
}

/// The folds of rows whose test fold is known.
fn by_fold(n_splits: usize, fold_of: &[usize]) -> Vec<Fold> {
    let fold = |fold| {
        let (test, train) = (0..fold_of.len()).partition(|&row| fold_of[row] == fold);
        Fold { train, test }
    };
    (0..n_splits).map(fold).collect()
}

fn labels(data: &Dataset) -> Result<&[usize]> {
    data.target().labels().ok_or_else(|| {
        Error::Data("stratified folds need classes, take `KFold` for a target of numbers".into())
    })
}

/// The class of each row, numbered by first appearance, and the classes' sizes.
fn classes(data: &Dataset) -> Result<(Vec<usize>, Vec<usize>)> {
    let labels = labels(data)?;
    let mut seen: Vec<usize> = Vec::new();
    let mut counts = Vec::new();
    let mut class_of = Vec::with_capacity(labels.len());
    for label in labels {
        let class = seen.iter().position(|other| other == label).unwrap_or_else(|| {
            seen.push(*label);
            counts.push(0);
            seen.len() - 1
        });
        counts[class] += 1;
        class_of.push(class);
    }
    Ok((class_of, counts))
}

/// The group of each row, numbered in ascending order, and the groups' sizes.
fn groups(data: &Dataset) -> Result<(Vec<usize>, Vec<usize>)> {
    let groups = data.groups().ok_or_else(|| {
        Error::Data("group folds need the rows' groups, give the data set `with_groups`".into())
    })?;
    Ok(numbered(groups))
}

/// The names numbered in ascending order, and how often each occurs.
pub(crate) fn numbered(all: &[usize]) -> (Vec<usize>, Vec<usize>) {
    let mut names = all.to_vec();
    names.sort_unstable();
    names.dedup();
    let mut counts = vec![0; names.len()];
    let number_of = all.iter().map(|one| {
        let index = names.partition_point(|name| name < one);
        counts[index] += 1;
        index
    });
    (number_of.collect(), counts)
}

/// scikit-learn's stratification: shares are fixed round robin over the sorted classes, and each
/// class's rows are dealt in blocks, which keeps their order.
fn stratified(
    classes: &[usize],
    counts: &[usize],
    n_splits: usize,
    mut shuffle: Option<&mut Rng>,
) -> Vec<usize> {
    let mut allocation = vec![vec![0; n_splits]; counts.len()];
    let sorted = counts.iter().enumerate().flat_map(|(class, &n)| std::iter::repeat_n(class, n));
    sorted.enumerate().for_each(|(i, class)| allocation[class][i % n_splits] += 1);
    let mut folds_of_class: Vec<std::vec::IntoIter<usize>> = Vec::with_capacity(counts.len());
    for sizes in &allocation {
        let mut folds: Vec<usize> =
            sizes.iter().enumerate().flat_map(|(fold, &n)| std::iter::repeat_n(fold, n)).collect();
        if let Some(rng) = shuffle.as_deref_mut() {
            rng.shuffle(&mut folds);
        }
        folds_of_class.push(folds.into_iter());
    }
    classes.iter().map(|&class| folds_of_class[class].next().unwrap_or(0)).collect()
}

/// The fold of each group: the largest group first, always into the lightest fold.
fn lightest(counts: &[usize], n_splits: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by_key(|&group| counts[group]);
    let mut weight = vec![0; n_splits];
    let mut fold_of = vec![0; counts.len()];
    for &group in order.iter().rev() {
        let fold = (0..n_splits).fold(0, |a, b| if weight[b] < weight[a] { b } else { a });
        weight[fold] += counts[group];
        fold_of[group] = fold;
    }
    fold_of
}

/// The fold of each group: the group with the most uneven classes first, always into the fold
/// that leaves the classes most evenly spread over the folds.
fn most_even(
    table: &[Vec<f64>],
    class_counts: &[usize],
    mut order: Vec<usize>,
    n_splits: usize,
) -> Vec<usize> {
    let spread: Vec<f64> = table.iter().map(|counts| population_std(counts.iter())).collect();
    order.sort_by(|&a, &b| spread[b].total_cmp(&spread[a]));
    let mut in_fold = vec![vec![0.0; class_counts.len()]; n_splits];
    let mut fold_of = vec![0; table.len()];
    for group in order {
        let (mut best, mut least, mut fewest) = (0, f64::INFINITY, f64::INFINITY);
        for fold in 0..n_splits {
            let rows: f64 = in_fold[fold].iter().sum();
            let unevenness = (0..class_counts.len()).map(|class| {
                let share = |other: usize| {
                    let more = if other == fold { table[group][class] } else { 0.0 };
                    (in_fold[other][class] + more) / class_counts[class] as f64
                };
                population_std((0..n_splits).map(share).collect::<Vec<_>>().iter())
            });
            let unevenness = unevenness.sum::<f64>() / class_counts.len() as f64;
            // NumPy's `isclose`: equal but for rounding.
            let close = (unevenness - least).abs() <= 1e-8 + 1e-5 * least.abs();
            if unevenness < least || (least.is_finite() && close && rows < fewest) {
                (best, least, fewest) = (fold, unevenness, rows);
            }
        }
        in_fold[best].iter_mut().zip(&table[group]).for_each(|(sum, n)| *sum += n);
        fold_of[group] = best;
    }
    fold_of
}

fn time_series(
    n_rows: usize,
    n_splits: usize,
    gap: usize,
    max_train: Option<usize>,
    test_size: Option<usize>,
) -> Result<Vec<Fold>> {
    require(n_splits >= 2, "n_splits", n_splits, "at least 2")?;
    let too_many = || format!("fewer than the {n_rows} rows");
    require(n_splits < n_rows, "n_splits", n_splits, too_many())?;
    let test_size = test_size.unwrap_or(n_rows / (n_splits + 1));
    require(test_size >= 1, "test_size", test_size, "at least 1")?;
    let max_train = max_train.unwrap_or(usize::MAX);
    require(max_train >= 1, "max_train", max_train, "at least 1")?;
    let needed = test_size.saturating_mul(n_splits).saturating_add(gap);
    if needed >= n_rows {
        return Err(Error::TooFewRows {
            what: format!("a time series split in {n_splits} tests of {test_size} with gap {gap}"),
            needed: needed.saturating_add(1),
            got: n_rows,
        });
    }
    let fold = |split: usize| {
        let start = n_rows - (n_splits - split) * test_size;
        let end = start - gap;
        Fold {
            train: (end.saturating_sub(max_train)..end).collect(),
            test: (start..start + test_size).collect(),
        }
    };
    Ok((0..n_splits).map(fold).collect())
}

fn check_splits(n_splits: usize, available: usize, of: &str) -> Result<()> {
    require(n_splits >= 2, "n_splits", n_splits, "at least 2")?;
    require(n_splits <= available, "n_splits", n_splits, format!("at most the {available} {of}"))
}

fn check_classes(n_splits: usize, counts: &[usize]) -> Result<()> {
    let largest = counts.iter().copied().max().unwrap_or(0);
    check_splits(n_splits, largest, "rows of the largest class")
}

/// Folds must have rows on both sides, inside the table, and not the same ones.
fn check_folds(folds: &[Fold], n_rows: usize) -> Result<()> {
    if folds.is_empty() {
        return Err(Error::Data("there is no fold, give at least one".into()));
    }
    for (number, fold) in folds.iter().enumerate() {
        let mut tested = vec![false; n_rows];
        let problem =
            if let Some(row) = fold.train.iter().chain(&fold.test).find(|&&row| row >= n_rows) {
                Some(format!("names row {row}, but there are only {n_rows} rows"))
            } else if fold.train.is_empty() {
                Some("has no training rows, take fewer folds".to_owned())
            } else if fold.test.is_empty() {
                Some("has no test rows, take fewer folds".to_owned())
            } else if let Some(row) =
                fold.test.iter().find(|&&row| std::mem::replace(&mut tested[row], true))
            {
                Some(format!("tests row {row} twice, test it once"))
            } else {
                let row = fold.train.iter().find(|&&row| tested[row]);
                row.map(|row| format!("trains and tests on row {row}, keep it on one side"))
            };
        if let Some(problem) = problem {
            return Err(Error::Data(format!("fold {number} {problem}")));
        }
    }
    Ok(())
}
