//! Tables that are larger than memory: read in blocks of rows, as often as a method needs.
//!
//! What a method keeps of each row is then a few numbers (target, prediction, loss), and what it
//! keeps of each feature nothing.

use std::ops::Range;

use ndarray::{ArrayView2, CowArray, Ix2, s};

use crate::dataset::{Dataset, Target, check_names};
use crate::error::{Error, Result, require_shape};

/// A table that gives any of its rows again and again: an array, or a file that is read.
pub trait RowBlocks: Sync {
    /// How many rows there are.
    fn n_rows(&self) -> usize;

    /// How many features there are.
    fn n_features(&self) -> usize;

    /// These rows, `(n_rows, n_features)`; the same bits each time.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] if they cannot be read.
    fn rows(&self, range: Range<usize>) -> Result<CowArray<'_, f64, Ix2>>;

    /// One feature of all rows.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] if it cannot be read.
    fn column(&self, feature: usize) -> Result<Vec<f64>>;
}

impl RowBlocks for ArrayView2<'_, f64> {
    fn n_rows(&self) -> usize {
        self.nrows()
    }
    fn n_features(&self) -> usize {
        self.ncols()
    }
    fn rows(&self, range: Range<usize>) -> Result<CowArray<'_, f64, Ix2>> {
        Ok(self.slice(s![range, ..]).into())
    }
    fn column(&self, feature: usize) -> Result<Vec<f64>> {
        Ok(ArrayView2::column(self, feature).to_vec())
    }
}

/// A [`Dataset`] whose rows are [`RowBlocks`]: only target, weights and groups are in memory.
///
/// # Example
///
/// ```
/// use fi_core::{Function, LargeDataset, Metric, Permutation, Players, Run, Target};
/// use ndarray::{Array2, ArrayView2, Axis};
///
/// let rows = Array2::from_shape_fn((100, 2), |(i, j)| ((i * (3 + j)) % 11) as f64);
/// let model = Function::new(2, 1, |x: ArrayView2<f64>| x.sum_axis(Axis(1)).insert_axis(Axis(1)));
/// let target = Target::Values(rows.sum_axis(Axis(1)).to_vec());
/// let view = rows.view();
/// let data = LargeDataset::new(&view, target, None, None, ["a", "b"])?;
/// let (run, players) = (Run::new(0), Players::features(["a", "b"])?);
/// let method = Permutation { batch_rows: 10, ..Permutation::default() };
/// let found = method.importance_of_blocks(&run, &model, &data, &players, &[Metric::Mse], None)?;
/// assert!(found[0].values[0] > 0.0);
/// # Ok::<(), fi_core::Error>(())
/// ```
pub struct LargeDataset<'a> {
    blocks: &'a dyn RowBlocks,
    /// A table without columns, which takes no memory.
    rest: Dataset,
    feature_names: Vec<String>,
}

impl std::fmt::Debug for LargeDataset<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LargeDataset")
            .field("n_rows", &self.blocks.n_rows())
            .field("feature_names", &self.feature_names)
            .finish_non_exhaustive()
    }
}

impl<'a> LargeDataset<'a> {
    /// Rows with their target, and their weights and groups if they have any.
    ///
    /// # Errors
    ///
    /// Those of [`Dataset`], but that values are finite is looked at when the rows are read.
    pub fn new<S: Into<String>>(
        blocks: &'a dyn RowBlocks,
        target: Target,
        weights: Option<Vec<f64>>,
        groups: Option<Vec<usize>>,
        feature_names: impl IntoIterator<Item = S>,
    ) -> Result<Self> {
        if blocks.n_features() == 0 {
            return Err(Error::Data("the table has no features, give at least one column".into()));
        }
        let mut rest = Dataset::without_rows(blocks.n_rows(), target)?;
        if let Some(weights) = weights {
            rest = rest.with_weights(weights)?;
        }
        if let Some(groups) = groups {
            rest = rest.with_groups(groups)?;
        }
        let feature_names: Vec<String> = feature_names.into_iter().map(Into::into).collect();
        let (n, names) = (blocks.n_features(), feature_names.len());
        require_shape("the list of feature names", &[n], &[names])?;
        check_names("feature", &feature_names)?;
        Ok(Self { blocks, rest, feature_names })
    }

    /// The rows.
    pub fn blocks(&self) -> &'a dyn RowBlocks {
        self.blocks
    }

    /// What a model is to predict.
    pub fn target(&self) -> &Target {
        self.rest.target()
    }

    /// The features' names, all different.
    pub fn feature_names(&self) -> &[String] {
        &self.feature_names
    }

    /// The same rows with another target.
    ///
    /// # Errors
    ///
    /// As for [`LargeDataset::new`].
    pub fn with_target(self, target: Target) -> Result<Self> {
        let (weights, groups) = (self.rest.weights(), self.rest.groups());
        let (weights, groups) = (weights.map(<[f64]>::to_vec), groups.map(<[usize]>::to_vec));
        Self::new(self.blocks, target, weights, groups, self.feature_names)
    }

    /// Target, weights and groups, with a table of no columns.
    pub(crate) fn rest(&self) -> &Dataset {
        &self.rest
    }
}
