//! linfa's data sets and ours.

use fi_core::{Dataset, Error, Result, Target};
use ndarray::{Array1, Array2};

/// What linfa's single targets become: numbers are values, indices and names are classes.
pub trait ToTarget: Sized {
    /// The target of these labels, in row order.
    fn to_target(labels: &Array1<Self>) -> Target;
}

impl ToTarget for f64 {
    fn to_target(labels: &Array1<Self>) -> Target {
        Target::Values(labels.to_vec())
    }
}

/// Classes `0..=max`, named by their numbers.
impl ToTarget for usize {
    fn to_target(labels: &Array1<Self>) -> Target {
        // Numbers may be large and few, such as years: only those that occur become classes
        // unless they already are indices.
        let mut classes = labels.to_vec();
        classes.sort_unstable();
        classes.dedup();
        let are_indices = classes.last().is_none_or(|&last| last < 2 * classes.len() + 8);
        if are_indices {
            classes = (0..=classes.last().copied().unwrap_or(0)).collect();
        }
        named(labels, &classes)
    }
}

/// The classes `false` and `true`.
impl ToTarget for bool {
    fn to_target(labels: &Array1<Self>) -> Target {
        named(labels, &[false, true])
    }
}

/// The names that occur, in alphabetical order.
impl ToTarget for String {
    fn to_target(labels: &Array1<Self>) -> Target {
        let mut classes = labels.to_vec();
        classes.sort_unstable();
        classes.dedup();
        named(labels, &classes)
    }
}

/// Each label as its place in the ascending `classes`, of which it is one.
fn named<L: Ord + ToString>(labels: &Array1<L>, classes: &[L]) -> Target {
    let place = |label| classes.partition_point(|class| class < label);
    Target::Classes {
        labels: labels.iter().map(place).collect(),
        names: classes.iter().map(ToString::to_string).collect(),
    }
}

/// One of linfa's data sets as ours: rows, single target, weights and feature names.
///
/// Numbers (`f64`) become values, `usize`, `bool` and `String` labels become classes. linfa's
/// weights are single precision and are widened.
///
/// # Errors
///
/// As for [`Dataset::new`], [`Dataset::with_weights`] and [`Dataset::with_feature_names`].
///
/// # Example
///
/// ```
/// use fi_models::linfa::dataset;
/// use ndarray::array;
///
/// let theirs = linfa::Dataset::new(array![[1.0], [2.0]], array![true, false]);
/// let ours = dataset(&theirs)?;
/// assert_eq!(ours.target().labels(), Some(&[1, 0][..]));
/// # Ok::<(), fi_core::Error>(())
/// ```
pub fn dataset<L: ToTarget>(data: &linfa::DatasetBase<Array2<f64>, Array1<L>>) -> Result<Dataset> {
    let mut ours = Dataset::new(data.records().clone(), L::to_target(data.targets()))?;
    if !data.feature_names().is_empty() {
        ours = ours.with_feature_names(data.feature_names().to_vec())?;
    }
    if let Some(weights) = data.weights() {
        ours = ours.with_weights(weights.iter().map(|&weight| f64::from(weight)).collect())?;
    }
    Ok(ours)
}

/// One of our data sets as linfa's, for its regressors (`L = f64`) or classifiers (`L = usize`).
///
/// # Errors
///
/// [`Error::Data`] if the target is of the other kind, or if a weight does not fit linfa's single
/// precision.
///
/// # Example
///
/// ```
/// use fi_core::{Dataset, Target};
/// use fi_models::linfa::to_linfa;
/// use ndarray::array;
///
/// let ours = Dataset::new(array![[1.0], [2.0]], Target::Values(vec![0.5, 0.7]))?;
/// let theirs = to_linfa::<f64>(&ours)?;
/// assert_eq!(theirs.targets(), array![0.5, 0.7]);
/// # Ok::<(), fi_core::Error>(())
/// ```
pub fn to_linfa<L: FromTarget>(data: &Dataset) -> Result<linfa::Dataset<f64, L, ndarray::Ix1>> {
    let targets = Array1::from_vec(L::from_target(data.target())?);
    let mut theirs = linfa::Dataset::new(data.rows().to_owned(), targets)
        .with_feature_names(data.feature_names().to_vec());
    if let Some(weights) = data.weights() {
        let narrow: Array1<f32> = weights.iter().map(|&weight| weight as f32).collect();
        let lost = weights
            .iter()
            .zip(&narrow)
            .position(|(&wide, &narrow)| !narrow.is_finite() || (wide > 0.0 && narrow == 0.0));
        if let Some(row) = lost {
            return Err(Error::Data(format!(
                "the weight `{}` in row {row} does not fit linfa's single precision, rescale the \
                 weights",
                weights[row]
            )));
        }
        theirs = theirs.with_weights(narrow);
    }
    Ok(theirs)
}

/// What our targets become for linfa.
pub trait FromTarget: Sized {
    /// The labels, in row order.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] if the target is of the other kind.
    fn from_target(target: &Target) -> Result<Vec<Self>>;
}

impl FromTarget for f64 {
    fn from_target(target: &Target) -> Result<Vec<Self>> {
        values(target).map(<[f64]>::to_vec)
    }
}

impl FromTarget for usize {
    fn from_target(target: &Target) -> Result<Vec<Self>> {
        labels(target).map(|(labels, _)| labels.to_vec())
    }
}

/// The numbers a regressor trains on.
pub(super) fn values(target: &Target) -> Result<&[f64]> {
    target.values().ok_or_else(|| {
        Error::Data("the target has classes, but this learner predicts values".into())
    })
}

/// The classes a classifier trains on, and how many there are.
pub(super) fn labels(target: &Target) -> Result<(&[usize], usize)> {
    match target {
        Target::Classes { labels, names } => Ok((labels, names.len())),
        Target::Values(_) => {
            Err(Error::Data("the target has values, but this learner predicts classes".into()))
        }
    }
}

/// Refuses what `learner` of linfa cannot take: missing values, and weights, which it ignores.
pub(super) fn plain_rows(learner: &str, data: &Dataset) -> Result<()> {
    no_missing(learner, data)?;
    if data.weights().is_some() {
        return Err(Error::Data(format!(
            "{learner} ignores row weights, train it on data without weights"
        )));
    }
    Ok(())
}

/// Refuses missing values, which linfa's learners turn into nonsense or a crash.
pub(super) fn no_missing(learner: &str, data: &Dataset) -> Result<()> {
    match data.rows().indexed_iter().find(|(_, value)| value.is_nan()) {
        None => Ok(()),
        Some(((row, column), _)) => Err(Error::Data(format!(
            "{learner} cannot take missing values, fill column `{}` in row {row}",
            data.feature_names()[column]
        ))),
    }
}

/// The standard deviation (ddof 0) of each column.
pub(super) fn feature_std(rows: ndarray::ArrayView2<'_, f64>) -> Vec<f64> {
    rows.columns().into_iter().map(|column| column.std(0.0)).collect()
}
