//! Random forests: many trees, each on its own bootstrap sample and with its own draws of
//! features, averaged.
//!
//! The rows that a tree did not see, about 37 % of them, are its *out-of-bag* rows: test data
//! that cost nothing.

use std::ops::ControlFlow;

use fi_core::{Dataset, Learner, Model, Result, Rng, Run, require};
use serde::{Deserialize, Serialize};

use super::bootstrap::{Bootstrap, fingerprint};
use super::builder::TreeBuilder;
use super::decision_tree::{DecisionTree, MaxFeatures, Splitter, link};
use super::ensemble::Ensemble;
use super::split::Comparison;
use super::table::Table;
use super::trees::Trees;

/// So many trees are grown before they are moved to their place.
const BATCH: usize = 32;

/// How many rows a bootstrap sample draws.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum MaxSamples {
    /// As many as there are.
    All,
    /// This many: 1 to the number of rows.
    Count(usize),
    /// This share of them, inside (0, 1], rounded, at least 1.
    Share(f64),
}

/// Breiman's random forest, for classification and regression.
///
/// Each tree is grown on rows drawn with replacement and chooses each split from features drawn
/// for that split; the forest predicts the mean of its trees: of their class shares, or of
/// their values. A row drawn twice has twice its weight; rows without weight are never drawn.
///
/// # Cost
///
/// As many trees as [`DecisionTree`]s, in parallel. Sorting the table once is shared. The
/// fitted forest holds its nodes (about `45 + 8 · n_outputs` bytes each) and no rows.
///
/// # When it misleads
///
/// Probabilities of a forest of fully grown trees are votes: ranked well, but not calibrated.
/// No tree predicts beyond the values it was trained on.
///
/// # Example
///
/// ```
/// use fi_core::{Dataset, Model, Run, Target};
/// use fi_models::tree::RandomForest;
/// use ndarray::Array2;
///
/// let rows = Array2::from_shape_fn((40, 2), |(i, j)| ((i + 1) * (j + 3) % 41) as f64);
/// let values = rows.column(0).to_vec();
/// let data = Dataset::new(rows, Target::Values(values))?;
/// let forest = RandomForest { n_estimators: 20, ..RandomForest::regression() };
/// let forest = forest.fit(&Run::new(7), &data)?;
/// assert_eq!(forest.ensemble().n_trees(), 20);
/// assert_eq!(forest.oob_predictions(&data)?.dim(), (40, 1));
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Breiman (2001). *Random forests.* Machine Learning 45. <https://doi.org/10.1023/A:1010933404324>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RandomForest {
    /// How many trees, at least 1. Default 100.
    pub n_estimators: usize,
    /// How each tree is grown. Default: fully, by Gini impurity, each split from √n features.
    pub tree: DecisionTree,
    /// Whether each tree gets its own sample of rows, drawn with replacement; without, all
    /// trees see all rows and none is out of bag. Default `true`.
    pub bootstrap: bool,
    /// How many rows a sample draws; `All` without bootstrap. Default `All`.
    pub max_samples: MaxSamples,
}

impl Default for RandomForest {
    fn default() -> Self {
        let tree = DecisionTree { max_features: MaxFeatures::Sqrt, ..DecisionTree::default() };
        Self { n_estimators: 100, tree, bootstrap: true, max_samples: MaxSamples::All }
    }
}

impl RandomForest {
    /// The default settings for regression: trees by squared error, each split from all
    /// features, as in scikit-learn.
    pub fn regression() -> Self {
        Self { tree: DecisionTree::regression(), ..Self::default() }
    }

    /// The default settings of extremely randomized trees (extra-trees) for classification:
    /// each split at the best of √n random thresholds, one per feature drawn; all trees see all
    /// rows.
    ///
    /// # References
    ///
    /// - Geurts, Ernst, Wehenkel (2006). *Extremely randomized trees.* Machine Learning 63.
    ///   <https://doi.org/10.1007/s10994-006-6226-1>
    pub fn extra_trees() -> Self {
        let plain = Self::default();
        let tree = DecisionTree { splitter: Splitter::Random, ..plain.tree };
        Self { tree, bootstrap: false, ..plain }
    }

    /// The default settings of extra-trees for regression: trees by squared error, each split
    /// from all features, as in scikit-learn.
    pub fn extra_trees_regression() -> Self {
        let tree = DecisionTree { splitter: Splitter::Random, ..DecisionTree::regression() };
        Self { tree, ..Self::extra_trees() }
    }

    /// Trains a forest; the same bits for any number of threads.
    ///
    /// # Errors
    ///
    /// As for [`DecisionTree::fit`]; [`Error::Parameter`](fi_core::Error::Parameter) for `n_estimators` or `max_samples`
    /// outside their domain; [`Error::Cancelled`](fi_core::Error::Cancelled).
    pub fn fit(&self, run: &Run<'_>, data: &Dataset) -> Result<Trees> {
        let table = Table::new(data, self.tree.max_bins)?;
        let mut builder =
            Ensemble::builder(table.n_features, table.n_outputs(), Comparison::LessEqual);
        let bootstrap = self.grow(run, data, &table, |_, tree| builder.push_tree(tree))?;
        Ok(Trees { ensemble: builder.build()?, link: link(data.target()), bootstrap })
    }

    /// Grows the trees and hands them over one by one, in their order.
    pub(super) fn grow(
        &self,
        run: &Run<'_>,
        data: &Dataset,
        table: &Table,
        mut each: impl FnMut(usize, TreeBuilder) -> Result<()>,
    ) -> Result<Option<Bootstrap>> {
        require(self.n_estimators >= 1, "n_estimators", self.n_estimators, "at least 1")?;
        let limits = self.tree.limits(data)?;
        let candidates = table.weighted_rows();
        let bootstrap = self.bootstrap(run, data, candidates.len())?;
        let grow = |_tree: usize, rng: &mut Rng| {
            let draws = bootstrap.as_ref().map(|b| b.draw(table.n_rows, &candidates, rng));
            Ok(self.tree.grow(table, limits, draws.as_deref(), &candidates, rng))
        };
        let mut pushed = Ok(());
        run.fold(self.n_estimators, BATCH, grow, |index, tree| {
            if pushed.is_ok() {
                pushed = each(index, tree);
            }
            if pushed.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        pushed.map(|()| bootstrap)
    }

    fn bootstrap(
        &self,
        run: &Run<'_>,
        data: &Dataset,
        n_candidates: usize,
    ) -> Result<Option<Bootstrap>> {
        let name = "max_samples";
        if !self.bootstrap {
            let all = self.max_samples == MaxSamples::All;
            let given = format!("{:?}", self.max_samples);
            require(all, name, given, "All for a forest without bootstrap")?;
            return Ok(None);
        }
        let n_draws = match self.max_samples {
            MaxSamples::All => n_candidates,
            MaxSamples::Count(count) => {
                let requirement = || format!("1 to the number of weighted rows, {n_candidates}");
                require(0 < count && count <= n_candidates, name, count, requirement())?;
                count
            }
            MaxSamples::Share(share) => {
                require(0.0 < share && share <= 1.0, name, share, "inside (0, 1]")?;
                ((share * n_candidates as f64).round() as usize).max(1)
            }
        };
        Ok(Some(Bootstrap { seed: run.seed(), n_draws, data: fingerprint(data) }))
    }
}

impl Learner for RandomForest {
    fn train(&self, run: &Run<'_>, data: &Dataset) -> Result<Box<dyn Model>> {
        Ok(Box::new(self.fit(run, data)?))
    }
}

#[cfg(test)]
mod settings_tests;
#[cfg(test)]
mod tests;
