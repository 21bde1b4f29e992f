//! Out-of-bag permutation importance: Breiman's own, tree by tree.
//!
//! Each tree is asked about the rows its sample left out, once as they are and once with a
//! player's columns shuffled among them. What the tree gets worse is the player's importance.

use fi_core::{
    Dataset, Donors, Error, Importance, Metric, Model, Players, Replicate, Result, Run, Shuffle,
    Warning, require, require_shape,
};
use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::bootstrap::OutOfBag;
use super::coded_trees::CodedTrees;
use super::codes::{Code, Coded, Ranks};
use super::ensemble::Ensemble;
use super::one_pass::{Group, shuffled_sums};
use super::permutation::{MOST_PREDICTIONS, ranks_of};
use super::trees::Trees;

/// Keeps the shuffles apart from the bootstrap draws of a forest trained with the same seed.
pub(super) const SHUFFLES: u64 = 0x6F6F_625F_7065_726D;

/// Breiman's permutation importance of each player, on out-of-bag rows.
///
/// ```text
///            1
/// I(S)  =   ―――  ∑  mean over repeats of  L(tₖ, OOBₖ with the columns S shuffled) − L(tₖ, OOBₖ)
///            T   k
/// ```
///
/// where tree `tₖ` did not see the rows `OOBₖ` and `L` is the metric as a loss (of each tree
/// alone, not of the forest). The rows of a repeat are shuffled the same way for all players.
/// Answers one result per metric.
///
/// # Units
///
/// The metric's; positive if something was lost. R's randomForest calls this, with accuracy or
/// MSE and without scaling, `MeanDecreaseAccuracy` and `%IncMSE`.
///
/// # Shapes
///
/// One replicate per tree that has out-of-bag rows. `std` is the spread *over trees*; the
/// interval is empty, because trees of one forest share their training rows. `score` is that of
/// the forest's out-of-bag predictions, which is better than its trees'.
///
/// # Cost
///
/// For each tree, out-of-bag row and seven repeats one walk with a second look at every split, and
/// the rest of a walk for each player that is sent another way, in parallel over trees; one
/// score per tree, repeat and player that the tree uses. A player that a tree does not use costs
/// nothing and is exactly 0 there.
///
/// # When it misleads
///
/// Shuffling breaks the ties between correlated features, so trees are asked about rows that do
/// not occur. Log loss of single fully grown trees is huge (they answer 0 and 1): take accuracy,
/// Brier score or MSE. Rows that belong together are in and out of the bag separately.
///
/// # Errors
///
/// [`Error::Parameter`] if `n_repeats` is 0; [`Error::Data`] without metrics, for a forest
/// without bootstrap or other data than it was trained on; [`Error::Shape`] for players over
/// another number of features; [`Error::TooFewRows`] if no row is out of bag; [`Error::Task`]
/// that names the tree in which a metric failed; [`Error::Cancelled`].
///
/// # Example
///
/// ```
/// use fi_core::{Dataset, Metric, Players, Run, Target};
/// use fi_models::tree::{oob_permutation, RandomForest};
/// use ndarray::Array2;
///
/// let rows = Array2::from_shape_fn((60, 2), |(i, j)| ((i * (7 + 4 * j)) % 60) as f64);
/// let values = rows.column(0).to_vec();
/// let data = Dataset::new(rows, Target::Values(values))?;
/// let forest = RandomForest { n_estimators: 20, ..RandomForest::regression() };
/// let forest = forest.fit(&Run::new(1), &data)?;
/// let players = Players::features(data.feature_names().to_vec())?;
/// let [mse] = oob_permutation(&Run::new(2), &forest, &data, &players, &[Metric::Mse], 1)?
///     .try_into()
///     .unwrap();
/// assert!(mse.values[0] > 50.0 * mse.values[1].abs());
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Breiman (2001). *Random forests.* Machine Learning 45. <https://doi.org/10.1023/A:1010933404324>
pub fn oob_permutation(
    run: &Run<'_>,
    forest: &Trees,
    data: &Dataset,
    players: &Players,
    metrics: &[Metric],
    n_repeats: usize,
) -> Result<Vec<Importance>> {
    require(n_repeats >= 1, "n_repeats", n_repeats, "at least 1")?;
    require_shape("the players' table", &[forest.n_features()], &[players.n_features()])?;
    if metrics.is_empty() {
        return Err(Error::Data("there is no metric to score with, give at least one".into()));
    }
    let bags = forest.out_of_bag(data)?;
    let question = Question { forest, data, players, metrics, n_repeats, bags };
    let answers = match ranks_of(forest.ensemble()) {
        None => question.answers(run, &Again(forest.ensemble()))?,
        Some(ranks) if ranks.fit::<i8>() => {
            question.answers(run, &OnePass::<i8>::new(run, forest, data, ranks)?)?
        }
        Some(ranks) if ranks.fit::<i16>() => {
            question.answers(run, &OnePass::<i16>::new(run, forest, data, ranks)?)?
        }
        Some(ranks) => question.answers(run, &OnePass::<i32>::new(run, forest, data, ranks)?)?,
    };
    if answers.is_empty() {
        let what = "out-of-bag permutation importance".to_owned();
        return Err(Error::TooFewRows { what, needed: 1, got: 0 });
    }
    let mut results = Vec::with_capacity(metrics.len());
    for (index, metric) in metrics.iter().enumerate() {
        let mut replicates = Array2::zeros((players.len(), answers.len()));
        for (answer, mut column) in answers.iter().zip(replicates.columns_mut()) {
            column.assign(&answer.increases.column(index));
        }
        let kind = Replicate::Tree;
        let mut importance =
            Importance::from_replicates("oob_permutation", players.names(), replicates, kind)?;
        importance.seed = Some(run.seed());
        importance.n_evaluations = answers.iter().map(|answer| answer.n_evaluations).sum();
        describe(&mut importance, forest, data, metric)?;
        results.push(importance);
    }
    Ok(results)
}

/// Adds the metric, the forest's own out-of-bag score and what they warn of.
fn describe(
    importance: &mut Importance,
    forest: &Trees,
    data: &Dataset,
    metric: &Metric,
) -> Result<()> {
    let score = forest.oob_score(data, metric)?;
    let name = || metric.name().clone();
    importance.metric = Some(name());
    importance.score = Some(score);
    // Not every metric has a best constant.
    importance.constant_score = metric.constant_score(data.target(), data.weights()).ok();
    if let Some(constant) = importance.constant_score
        && metric.worse(score, constant) <= 0.0
    {
        let warning = Warning::NoBetterThanConstant { metric: name(), score, constant };
        importance.warnings.push(warning);
    }
    if importance.replicates.iter().all(|&increase| increase == 0.0) {
        importance.warnings.push(Warning::MetricDidNotMove { metric: name() });
    }
    Ok(())
}

/// How the shuffled rows of a tree come to their answers.
trait Walk: Sync {
    /// One tree's answers to its out-of-bag rows, whose numbers these are, shuffle after shuffle.
    fn shuffled(
        &self,
        tree: usize,
        of: (&[usize], &Dataset),
        shuffles: &[Shuffle<'_>],
    ) -> Array2<f64>;
}

/// The definition.
struct Again<'a>(&'a Ensemble);

impl Walk for Again<'_> {
    fn shuffled(
        &self,
        tree: usize,
        (_, data): (&[usize], &Dataset),
        shuffles: &[Shuffle<'_>],
    ) -> Array2<f64> {
        let (tree, rows) = (self.0.tree(tree), data.rows());
        let n_rows = data.n_rows();
        let mut answers = Array2::zeros((shuffles.len() * n_rows, self.0.n_outputs()));
        let mut mixed = Array1::zeros(data.n_features());
        for (place, mut answer) in answers.rows_mut().into_iter().enumerate() {
            let (shuffle, row) = (&shuffles[place / n_rows], place % n_rows);
            mixed.assign(&rows.row(row));
            for &column in shuffle.members {
                mixed[column] = rows[[shuffle.donors[row], column]];
            }
            let value = tree.value(tree.leaf_of(mixed.view()));
            answer.iter_mut().zip(value).for_each(|(to, from)| *to = *from);
        }
        answers
    }
}

/// All shuffles in one pass over codes.
struct OnePass<'a, C: Code> {
    trees: CodedTrees<'a, C>,
    rows: Coded<C>,
}

impl<'a, C: Code> OnePass<'a, C> {
    fn new(run: &Run<'_>, forest: &'a Trees, data: &Dataset, ranks: Ranks<'a>) -> Result<Self> {
        let rows = ranks.encode(&run.split(SHUFFLES), data.rows())?;
        Ok(Self { trees: CodedTrees::new(forest.ensemble(), ranks), rows })
    }
}

impl<C: Code> Walk for OnePass<'_, C> {
    fn shuffled(
        &self,
        tree: usize,
        (rows, _): (&[usize], &Dataset),
        shuffles: &[Shuffle<'_>],
    ) -> Array2<f64> {
        let Self { trees, rows: coded } = self;
        let (n_features, n_outputs) = (trees.ensemble.n_features(), trees.ensemble.n_outputs());
        let groups = Group::of(shuffles, trees.ranks.of_column(), n_features, n_outputs);
        shuffled_sums(trees, tree..tree + 1, &coded.select(rows), 0, 0..rows.len(), &groups)
    }
}

/// What every tree is asked.
struct Question<'a> {
    forest: &'a Trees,
    data: &'a Dataset,
    players: &'a Players,
    metrics: &'a [Metric],
    n_repeats: usize,
    bags: OutOfBag<'a>,
}

/// What one tree answers.
struct Answer {
    /// `(n_players, n_metrics)`.
    increases: Array2<f64>,
    n_evaluations: usize,
}

impl Question<'_> {
    /// Of all trees that can answer.
    fn answers(&self, run: &Run<'_>, walk: &dyn Walk) -> Result<Vec<Answer>> {
        let shuffles = run.split(SHUFFLES);
        let answers = run.map(self.forest.ensemble().n_trees(), |tree, _| {
            let answer = self.ask(walk, tree, &shuffles.split(tree as u64));
            answer.map_err(|error| error.in_task(format!("tree {tree}")))
        })?;
        Ok(answers.into_iter().flatten().collect())
    }

    /// `None` if no row with a weight is out of the tree's bag.
    fn ask(&self, walk: &dyn Walk, index: usize, run: &Run<'_>) -> Result<Option<Answer>> {
        let rows = self.bags.rows(index);
        let counts = |row: &usize| self.data.weights().is_none_or(|weights| weights[*row] > 0.0);
        if !rows.iter().any(counts) {
            return Ok(None);
        }
        let data = self.data.select_rows(&rows)?;
        let n_rows = rows.len();
        let mut used = vec![false; data.n_features()];
        let tree = self.forest.ensemble().tree(index);
        tree.splits().for_each(|node| used[tree.feature(node)] = true);
        let before = self.scores(&data, self.predict(index, &data).view())?;
        let uses = |&player: &usize| self.players.members(player).iter().any(|&f| used[f]);
        let users: Vec<usize> = (0..self.players.len()).filter(uses).collect();
        let at_once = MOST_PREDICTIONS / (n_rows * self.forest.n_outputs());

        let mut increases = Array2::zeros((self.players.len(), self.metrics.len()));
        let mut n_evaluations = n_rows;
        let donors: Vec<Vec<usize>> = (0..self.n_repeats as u64)
            .map(|repeat| {
                let donors = Donors::new(n_rows, run.split(repeat).seed());
                (0..n_rows).map(|row| donors.of(row)).collect()
            })
            .collect();
        let shuffles: Vec<Shuffle<'_>> = users
            .iter()
            .flat_map(|&player| {
                let donors = donors.iter().enumerate();
                donors.map(move |(repeat, donors)| self.shuffle(player, repeat, donors))
            })
            .collect();
        for (chunk, shuffles) in shuffles.chunks(at_once.max(1)).enumerate() {
            let predictions = walk.shuffled(index, (&rows, &data), shuffles);
            for (copy, after) in predictions.axis_chunks_iter(Axis(0), n_rows).enumerate() {
                let player = users[(chunk * at_once.max(1) + copy) / self.n_repeats];
                let after = self.scores(&data, after)?;
                n_evaluations += n_rows;
                for (index, metric) in self.metrics.iter().enumerate() {
                    let increase = metric.worse(before[index], after[index]);
                    increases[[player, index]] += increase / self.n_repeats as f64;
                }
            }
        }
        Ok(Some(Answer { increases, n_evaluations }))
    }

    fn shuffle<'a>(&'a self, player: usize, repeat: usize, donors: &'a [usize]) -> Shuffle<'a> {
        let (name, members) = (&self.players.names()[player], self.players.members(player));
        Shuffle { name, members, repeat, donors }
    }

    /// The tree's predictions of the rows as they are.
    fn predict(&self, tree: usize, data: &Dataset) -> Array2<f64> {
        let rows = data.rows();
        let tree = self.forest.ensemble().tree(tree);
        let mut predictions = Array2::zeros((data.n_rows(), self.forest.n_outputs()));
        for (row, mut prediction) in rows.rows().into_iter().zip(predictions.rows_mut()) {
            let value = tree.value(tree.leaf_of(row));
            prediction.iter_mut().zip(value).for_each(|(to, from)| *to = *from);
        }
        predictions
    }

    fn scores(&self, data: &Dataset, predictions: ArrayView2<'_, f64>) -> Result<Vec<f64>> {
        let score = |metric: &Metric| {
            let output = self.forest.output();
            metric.score(predictions, output, data.target(), data.weights())
        };
        self.metrics.iter().map(score).collect()
    }
}

#[cfg(test)]
mod tests {
    use fi_core::{Rng, Target};
    use ndarray::ArrayView1;

    use super::*;
    use crate::tree::RandomForest;

    #[test]
    fn many_sets_of_categories_are_asked_again_and_answer_as_codes_do() {
        let mut rng = Rng::new(3, 0);
        let rows = Array2::from_shape_fn((600, 2), |(_, column)| match column {
            0 => rng.below(60) as f64,
            _ => rng.normal(),
        });
        let value = |row: ArrayView1<'_, f64>| (row[0] * 7.0 % 13.0) + row[1] + rng.normal();
        let target = Target::Values(rows.rows().into_iter().map(value).collect());
        let data = Dataset::new(rows, target).unwrap().with_categorical(vec![0]).unwrap();
        let learner = RandomForest { n_estimators: 60, ..RandomForest::regression() };
        let run = Run::new(4);
        let forest = learner.fit(&run, &data).unwrap();
        let players = Players::features(["category", "number"]).unwrap();
        let metrics = [Metric::Mse];
        let bags = forest.out_of_bag(&data).unwrap();
        let (data, forest) = (&data, &forest);
        let question =
            Question { forest, data, players: &players, metrics: &metrics, n_repeats: 2, bags };
        let ranks = Ranks::new(forest.ensemble());
        assert!(ranks.are_wide(), "{}", ranks.of_column().len());
        let coded = OnePass::<i32>::new(&run, forest, data, ranks).unwrap();
        let coded = question.answers(&run, &coded).unwrap();
        let again = question.answers(&run, &Again(forest.ensemble())).unwrap();
        assert_eq!(again.len(), 60);
        for (a, b) in coded.iter().zip(&again) {
            assert_eq!(a.n_evaluations, b.n_evaluations);
            for (a, b) in a.increases.iter().zip(&b.increases) {
                assert!((a - b).abs() < 1e-9 * a.abs().max(1.0), "{a} {b}");
            }
            assert!(b.increases.iter().all(|&increase| increase > 0.1), "{}", b.increases);
        }
    }
}
