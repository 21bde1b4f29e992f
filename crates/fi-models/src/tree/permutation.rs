//! Permutation importance of trees: the predictions of every shuffle from one pass.
//!
//! A row that has another row's value of one feature mostly takes the same way through a tree.
//! So each row walks down once, and at every split is asked where it would go with the other
//! row's value. Only where a player first sends it the other way does a second walk begin, at the
//! other child. A player whose features are on no row's way costs no walk at all, so the walks
//! cost the same however many features there are.
//!
//! Rows go in small blocks, and walks in lists that are stepped together, so that they do not
//! wait for memory one by one. Each sum runs over the trees in order: the predictions have the
//! bits of a naive re-prediction.

use fi_core::{
    Dataset, Error, Importance, Metric, Model as _, Permutation, Players, Result, Run, Shuffle,
    Shuffled,
};
use ndarray::{Array2, ArrayView2, Axis, s};

use super::compiled::{Compiled, Walk};
use super::one_pass::{Group, shuffled_sums};
use super::tree::Tree;
use super::trees::Trees;

/// So many rows are one task; fixed, so that it does not depend on threads.
const TASK_ROWS: usize = 512;
/// At most so many predicted numbers are held at once.
pub(super) const MOST_PREDICTIONS: usize = 1 << 24;

/// Permutation importance of trees, for all players in one pass.
///
/// Answers what `settings.importance(run, trees, data, players, metrics)` does, to the bit (see
/// [`Permutation`] for the definition, intervals and p-values), but does not ask the trees about
/// each player anew.
///
/// # Cost
///
/// For each row, tree and repeat one walk from root to leaf with a second look at every split,
/// and the rest of a walk for each player that the donor's values send another way; and one
/// addition for each player. With so many players that their predictions are made in several turns,
/// each turn walks anew. Memory: 16 bytes a node, and predictions of as many players and
/// repeats as fit into 128 MB, at least of one.
///
/// # When it misleads
///
/// As [`Permutation`].
///
/// # Errors
///
/// As for [`Permutation::importance`].
///
/// # Example
///
/// ```
/// use fi_core::{Dataset, Metric, Permutation, Players, Run, Target};
/// use fi_models::tree::{permutation, RandomForest};
/// use ndarray::Array2;
///
/// let rows = Array2::from_shape_fn((60, 2), |(i, j)| ((i * (7 + 4 * j)) % 60) as f64);
/// let values = rows.column(0).to_vec();
/// let data = Dataset::new(rows, Target::Values(values))?;
/// let forest = RandomForest { n_estimators: 20, ..RandomForest::regression() };
/// let forest = forest.fit(&Run::new(1), &data)?;
/// let players = Players::features(data.feature_names().to_vec())?;
///
/// let (run, settings) = (Run::new(2), Permutation::default());
/// let fast = permutation(&run, &settings, &forest, &data, &players, &[Metric::Mse])?;
/// assert_eq!(fast, settings.importance(&run, &forest, &data, &players, &[Metric::Mse])?);
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Breiman (2001). *Random forests.* Machine Learning 45.
///   <https://doi.org/10.1023/A:1010933404324>
/// - Fisher, Rudin, Dominici (2019). *All models are wrong, but many are useful.* JMLR 20(177).
///   <https://arxiv.org/abs/1801.01489>
///
/// # See also
///
/// [`oob_permutation`](super::oob_permutation), on the rows that each tree did not see.
pub fn permutation(
    run: &Run<'_>,
    settings: &Permutation,
    trees: &Trees,
    data: &Dataset,
    players: &Players,
    metrics: &[Metric],
) -> Result<Vec<Importance>> {
    // So many features that a walk has no room for their numbers: the definition itself.
    let Some(compiled) = Compiled::new(trees.ensemble()) else {
        return settings.importance(run, trees, data, players, metrics);
    };
    let mut used = vec![false; trees.ensemble().n_features()];
    trees.ensemble().trees().for_each(|tree| mark_used(tree, &mut used));
    let one_pass = OnePass { trees, compiled, used };
    settings.importance_by(run, trees, data, players, metrics, &one_pass)
}

/// Marks the features that a tree splits on.
pub(super) fn mark_used(tree: Tree<'_>, used: &mut [bool]) {
    let splits = (0..tree.n_nodes()).filter(|&node| !tree.is_leaf(node));
    splits.for_each(|node| used[tree.feature(node)] = true);
}

/// All trees, laid out for walking.
struct OnePass<'a> {
    trees: &'a Trees,
    compiled: Compiled<'a>,
    /// Whether some tree splits on a feature.
    used: Vec<bool>,
}

impl Shuffled for OnePass<'_> {
    fn at_once(&self, n_rows: usize) -> usize {
        let n_outputs = self.trees.n_outputs().max(self.trees.ensemble().n_outputs());
        MOST_PREDICTIONS / n_rows.saturating_mul(n_outputs).max(1)
    }

    fn calls_at_once(&self) -> usize {
        1
    }

    fn predict(
        &self,
        run: &Run<'_>,
        rows: ArrayView2<'_, f64>,
        shuffles: &[Shuffle<'_>],
    ) -> Result<Array2<f64>> {
        let groups = Group::of(shuffles, &self.used);
        let walks: Vec<Walk<'_>> = self.compiled.walks().collect();
        let n_rows = rows.nrows();
        let answers = run.map(n_rows.div_ceil(TASK_ROWS), |task, _| {
            let start = task * TASK_ROWS;
            let end = (start + TASK_ROWS).min(n_rows);
            let mut raw = shuffled_sums(&self.compiled, &walks, rows, start..end, &groups);
            self.trees.ensemble().finish(&mut raw);
            Ok(self.trees.link().apply(raw))
        })?;
        let mut predictions = Array2::zeros((shuffles.len() * n_rows, self.trees.n_outputs()));
        for (task, answer) in answers.into_iter().enumerate() {
            let n_block = answer.nrows() / shuffles.len();
            for (copy, answer) in answer.axis_chunks_iter(Axis(0), n_block).enumerate() {
                let first = copy * n_rows + task * TASK_ROWS;
                predictions.slice_mut(s![first..first + n_block, ..]).assign(&answer);
            }
        }
        if let Some(((row, _), &value)) = predictions.indexed_iter().find(|(_, v)| !v.is_finite()) {
            let what = "the model's prediction".to_owned();
            return Err(Error::NotFinite { what, row, column: None, value });
        }
        Ok(predictions)
    }
}

#[cfg(test)]
mod tests;
