//! Permutation importance of trees: the predictions of every shuffle from one pass.
//!
//! A row that has another row's value of one feature mostly takes the same way through a tree.
//! So each row walks down once, and at every split is asked where it would go with the other
//! row's value. Only where a player first sends it the other way does a second walk begin, at the
//! other child. A player whose features are on no row's way costs no walk at all, so the walks
//! cost the same however many features there are.
//!
//! Values and thresholds are ranks, so that a question is a comparison of small whole numbers,
//! and one instruction asks it of a row and its donors in seven repeats. What a player changes is
//! added up as a difference to the untouched row, over the trees in order: the predictions are
//! those of a naive re-prediction to rounding, and to the bit where sums of leaves are exact.

use std::ops::Range;
use std::sync::OnceLock;

use fi_core::{
    Dataset, Error, Importance, LargeDataset, Metric, Model as _, Permutation, Players, Result,
    Run, Shuffle, Shuffled,
};
use ndarray::{Array2, ArrayView2, Axis, s};

use super::coded_trees::{CodedTrees, can_be_coded};
use super::codes::{Code, Coded, Ranks};
use super::ensemble::Ensemble;
use super::one_pass::{Group, REPEATS, shuffled_sums};
use super::trees::Trees;

/// So many rows are one task; fixed, so that it does not depend on threads.
const TASK_ROWS: usize = 512;
/// At most so many predicted numbers are held at once.
pub(super) const MOST_PREDICTIONS: usize = 1 << 24;

/// Permutation importance of trees, for all players in one pass.
///
/// Answers what `settings.importance(run, trees, data, players, metrics)` does, to rounding, and
/// to the bit where sums of the leaves' numbers are exact (see [`Permutation`] for the definition,
/// intervals and p-values), but does not ask the trees about each player anew.
///
/// # Cost
///
/// For each row, tree and seven repeats one walk from root to leaf with a second look at every
/// split, and the rest of a walk for each player that the donors' values send another way; a
/// player costs nothing in a tree where it changes nothing. Per player and repeat one score. With
/// so many players that their predictions are made in several turns, each turn walks anew. Memory:
/// 8 bytes a node (12 beyond 65,535 thresholds on a feature), one to four bytes per row and
/// feature, and predictions of some rows, 32 MB; for metrics that are no mean over rows those of
/// all rows of as many players and repeats as fit into 128 MB, twice, at least of one.
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
/// let slow = settings.importance(&run, &forest, &data, &players, &[Metric::Mse])?;
/// assert!((fast[0].values[0] - slow[0].values[0]).abs() < 1e-12 * slow[0].values[0]);
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
    let ensemble = trees.ensemble();
    let Some(ranks) = ranks_of(ensemble) else {
        return settings.importance(run, trees, data, players, metrics);
    };
    if ranks.fit::<i8>() {
        let by = OnePass::<i8>::new(trees, ranks, metrics);
        settings.importance_by(run, trees, data, players, metrics, &by)
    } else if ranks.fit::<i16>() {
        let by = OnePass::<i16>::new(trees, ranks, metrics);
        settings.importance_by(run, trees, data, players, metrics, &by)
    } else {
        let by = OnePass::<i32>::new(trees, ranks, metrics);
        settings.importance_by(run, trees, data, players, metrics, &by)
    }
}

/// As [`permutation`], of rows that are read in blocks: the same bits.
///
/// `memory` is how many bytes the call may take beside target, weights and groups; `None` takes
/// what the in-memory call does beside the table. Of the table one code per value is kept, of one
/// byte where no feature has more than 254 thresholds, of two or four where one has; if these do
/// not fit, rows are read and predicted again ([`Permutation::importance_of_blocks`]), which
/// differs in last bits where sums of leaves are rounded.
///
/// # Cost
///
/// One pass over the table, and the walks of [`permutation`]. Memory: the codes, and per row what
/// [`Permutation::importance_of_blocks`] keeps.
///
/// # Errors
///
/// As for [`Permutation::importance_of_blocks`].
pub fn permutation_of_blocks(
    run: &Run<'_>,
    settings: &Permutation,
    trees: &Trees,
    data: &LargeDataset<'_>,
    players: &Players,
    metrics: &[Metric],
    memory: Option<u64>,
) -> Result<Vec<Importance>> {
    let ensemble = trees.ensemble();
    let n_rows = data.blocks().n_rows();
    let coded = ranks_of(ensemble).map(|ranks| {
        let n_codes = (n_rows as u64).saturating_mul(ranks.of_column().len() as u64);
        let width = if ranks.fit::<i8>() { 1 } else { 2 << u32::from(!ranks.fit::<i16>()) };
        (ranks, n_codes.saturating_mul(width))
    });
    let plan = coded.map(|(ranks, bytes)| {
        let left = memory.map(|memory| memory.saturating_sub(bytes));
        let n_outputs = trees.n_outputs().max(ensemble.n_outputs());
        let fit = |left| data.shuffles_within(left, n_outputs, players.len(), metrics, 0);
        Ok::<_, Error>((ranks, left.map(fit).transpose()?))
    });
    let Some(Ok((ranks, at_once))) = plan else {
        return settings.importance_of_blocks(run, trees, data, players, metrics, memory);
    };
    if ranks.fit::<i8>() {
        let by = OnePass::<i8>::new(trees, ranks, metrics).of_blocks(run, data, at_once)?;
        settings.importance_of_blocks_by(run, trees, data, players, metrics, &by)
    } else if ranks.fit::<i16>() {
        let by = OnePass::<i16>::new(trees, ranks, metrics).of_blocks(run, data, at_once)?;
        settings.importance_of_blocks_by(run, trees, data, players, metrics, &by)
    } else {
        let by = OnePass::<i32>::new(trees, ranks, metrics).of_blocks(run, data, at_once)?;
        settings.importance_of_blocks_by(run, trees, data, players, metrics, &by)
    }
}

/// The ranks of an ensemble's thresholds; `None` where only the definition answers: nodes or
/// columns without number, answers whose differences overflow, a column for each of many sets of
/// categories.
pub(super) fn ranks_of(ensemble: &Ensemble) -> Option<Ranks<'_>> {
    let ranks = Ranks::new(ensemble);
    (can_be_coded(ensemble) && ranks.fit::<i32>() && !ranks.are_wide()).then_some(ranks)
}

/// All trees, laid out for walking.
struct OnePass<'a, C: Code> {
    trees: &'a Trees,
    coded: CodedTrees<'a, C>,
    /// The table, once it was read.
    rows: OnceLock<Coded<C>>,
    /// Whether metrics need the predictions of all rows.
    whole: bool,
    /// How many shuffles memory has room for, where that was said.
    at_once: Option<usize>,
}

impl<'a, C: Code> OnePass<'a, C> {
    fn new(trees: &'a Trees, ranks: Ranks<'a>, metrics: &[Metric]) -> Self {
        let coded = CodedTrees::new(trees.ensemble(), ranks);
        let whole = !metrics.iter().all(Metric::has_row_losses);
        Self { trees, coded, rows: OnceLock::new(), whole, at_once: None }
    }

    /// The same, which knows the table.
    fn of_blocks(
        self,
        run: &Run<'_>,
        data: &LargeDataset<'_>,
        at_once: Option<usize>,
    ) -> Result<Self> {
        let run = run.split(CODES);
        let rows = OnceLock::from(self.coded.ranks.encode_blocks(&run, data.blocks())?);
        Ok(Self { rows, at_once, ..self })
    }
}

/// The stream of coding a table, which draws nothing.
const CODES: u64 = 2;

impl<C: Code> Shuffled for OnePass<'_, C> {
    fn name(&self) -> &'static str {
        "one pass through the trees"
    }

    fn repeats_together(&self) -> usize {
        REPEATS
    }

    fn at_once(&self, n_rows: usize) -> usize {
        let n_outputs = self.trees.n_outputs().max(self.trees.ensemble().n_outputs());
        let most = MOST_PREDICTIONS / n_rows.saturating_mul(n_outputs).max(1);
        let most = if self.whole { most } else { usize::MAX };
        self.at_once.map_or(most, |at_once| at_once.min(most.max(1)))
    }

    fn in_parts(&self) -> bool {
        true
    }

    fn calls_at_once(&self) -> usize {
        1
    }

    fn predict(
        &self,
        run: &Run<'_>,
        table: ArrayView2<'_, f64>,
        part: Range<usize>,
        shuffles: &[Shuffle<'_>],
    ) -> Result<Array2<f64>> {
        let ensemble = self.trees.ensemble();
        let ranks = &self.coded.ranks;
        let groups =
            Group::of(shuffles, ranks.of_column(), ensemble.n_features(), ensemble.n_outputs());
        let coded = if let Some(coded) = self.rows.get() {
            coded
        } else {
            let coded = ranks.encode::<C>(run, table)?;
            self.rows.get_or_init(|| coded)
        };
        let n_rows = part.len();
        let answers = run.map(n_rows.div_ceil(TASK_ROWS), |task, _| {
            let start = task * TASK_ROWS;
            let range = start..(start + TASK_ROWS).min(n_rows);
            let n_trees = self.coded.len();
            let from = part.start;
            let mut raw = shuffled_sums(&self.coded, 0..n_trees, coded, from, range, &groups);
            ensemble.finish(&mut raw);
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
