//! Out-of-bag permutation importance: Breiman's own, tree by tree.
//!
//! Each tree is asked about the rows its sample left out, once as they are and once with a
//! player's columns shuffled among them. What the tree gets worse is the player's importance.

use fi_core::{
    Dataset, Donors, Error, Importance, Metric, Model, Players, Replicate, Result, Run, Shuffle,
    Warning, require, require_shape,
};
use ndarray::{Array2, ArrayView2, Axis};

use super::bootstrap::OutOfBag;
use super::coded_trees::{CodedTrees, can_be_coded};
use super::codes::{Code, Coded, Ranks};
use super::one_pass::{Group, shuffled_sums};
use super::permutation::MOST_PREDICTIONS;
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
    let ranks = Ranks::new(forest.ensemble());
    if !can_be_coded(forest.ensemble()) || !ranks.fit::<i32>() {
        let problem = "the forest is larger than out-of-bag permutation can walk";
        return Err(Error::Data(problem.into()));
    }
    let answers = if ranks.fit::<i8>() {
        question.answers::<i8>(run, ranks)?
    } else if ranks.fit::<i16>() {
        question.answers::<i16>(run, ranks)?
    } else {
        question.answers::<i32>(run, ranks)?
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
    fn answers<C: Code>(&self, run: &Run<'_>, ranks: Ranks<'_>) -> Result<Vec<Answer>> {
        let rows = ranks.encode::<C>(&run.split(SHUFFLES), self.data.rows())?;
        let trees = CodedTrees::new(self.forest.ensemble(), ranks);
        let shuffles = run.split(SHUFFLES);
        let answers = run.map(trees.len(), |tree, _| {
            let answer = self.ask(&trees, &rows, tree, &shuffles.split(tree as u64));
            answer.map_err(|error| error.in_task(format!("tree {tree}")))
        })?;
        Ok(answers.into_iter().flatten().collect())
    }

    /// `None` if no row with a weight is out of the tree's bag.
    fn ask<C: Code>(
        &self,
        trees: &CodedTrees<'_, C>,
        coded: &Coded<C>,
        index: usize,
        run: &Run<'_>,
    ) -> Result<Option<Answer>> {
        let rows = self.bags.rows(index);
        let counts = |row: &usize| self.data.weights().is_none_or(|weights| weights[*row] > 0.0);
        if !rows.iter().any(counts) {
            return Ok(None);
        }
        let data = self.data.select_rows(&rows)?;
        let n_rows = rows.len();
        let mut used = vec![false; data.n_features()];
        let tree = self.forest.ensemble().tree(index);
        let splits = (0..tree.n_nodes()).filter(|&node| !tree.is_leaf(node));
        splits.for_each(|node| used[tree.feature(node)] = true);
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
        let coded = coded.select(&rows);
        let ensemble = self.forest.ensemble();
        let (n_features, n_outputs) = (ensemble.n_features(), ensemble.n_outputs());
        for (chunk, shuffles) in shuffles.chunks(at_once.max(1)).enumerate() {
            let groups = Group::of(shuffles, trees.ranks.of_column(), n_features, n_outputs);
            let predictions = shuffled_sums(trees, index..index + 1, &coded, 0..n_rows, &groups);
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
