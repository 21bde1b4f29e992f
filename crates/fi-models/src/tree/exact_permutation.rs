//! The expected permutation importance of trees over all permutations, from the pieces of a step
//! function.
//!
//! With all but one feature held, an ensemble is a step function of that feature. Its steps are
//! found by walking each tree with the feature left open: a split on it is taken both ways, every
//! other one as the row goes. Between two steps all donors give the same prediction, so it is
//! made once and counted as often as there are donors.

use std::ops::ControlFlow;

use fi_core::{
    Dataset, Error, ExactPermutation, Importance, Metric, Model as _, PairLosses, PairMeans,
    Players, Result, Run,
};
use ndarray::{Array2, s};

use super::columns::Columns;
use super::compiled::{Compiled, Tile, Walk};
use super::trees::Trees;

/// Rows are divided into so many tasks, however many threads there are.
const TASKS: usize = 8;

/// The expected permutation importance of trees over all permutations, for single features.
///
/// Answers what `settings.importance(run, trees, data, players, metrics)` does (see
/// [`ExactPermutation`] for the definition and the interval), to rounding, without predicting
/// every row with every donor.
///
/// # Cost
///
/// Per row: a walk through each tree, one more with each feature on its way left open, and per
/// feature one row loss per piece of its step function, to which every tree adds once. There are
/// about as many pieces as splits on the feature that the row can come to. Memory: the distinct
/// values of all features, for eight tasks.
///
/// # When it misleads
///
/// As [`Permutation`](fi_core::Permutation).
///
/// # Errors
///
/// As for [`ExactPermutation::importance`]; [`Error::Data`] for a player of several features.
///
/// # Example
///
/// ```
/// use fi_core::{Dataset, ExactPermutation, Metric, Players, Run, Target};
/// use fi_models::tree::{exact_permutation, RandomForest};
/// use ndarray::Array2;
///
/// let rows = Array2::from_shape_fn((60, 2), |(i, j)| ((i * (7 + 4 * j)) % 60) as f64);
/// let values = rows.column(0).to_vec();
/// let data = Dataset::new(rows, Target::Values(values))?;
/// let forest = RandomForest { n_estimators: 20, ..RandomForest::regression() };
/// let forest = forest.fit(&Run::new(1), &data)?;
/// let players = Players::features(data.feature_names().to_vec())?;
///
/// let (run, settings, mse) = (Run::new(0), ExactPermutation::default(), [Metric::Mse]);
/// let fast = exact_permutation(&run, &settings, &forest, &data, &players, &mse)?;
/// let slow = settings.importance(&run, &forest, &data, &players, &mse)?;
/// assert!((fast[0].values[0] - slow[0].values[0]).abs() < 1e-9 * slow[0].values[0]);
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Fisher, Rudin, Dominici (2019). *All models are wrong, but many are useful.* JMLR 20(177).
///   <https://arxiv.org/abs/1801.01489>
///
/// # See also
///
/// [`permutation`](super::permutation), which draws, and takes groups and every metric.
pub fn exact_permutation(
    run: &Run<'_>,
    settings: &ExactPermutation,
    trees: &Trees,
    data: &Dataset,
    players: &Players,
    metrics: &[Metric],
) -> Result<Vec<Importance>> {
    for (player, name) in players.names().iter().enumerate() {
        let n_members = players.members(player).len();
        if n_members > 1 {
            return Err(Error::Data(format!(
                "group `{name}` has {n_members} features, but trees are a step function of one at \
                 a time: score single features, or draw permutations"
            )));
        }
    }
    let Some(compiled) = Compiled::new(trees.ensemble()) else {
        return settings.importance(run, trees, data, players, metrics);
    };
    settings.importance_by(run, trees, data, players, metrics, &Pieces { trees, compiled })
}

/// The step functions of every row and feature.
struct Pieces<'a> {
    trees: &'a Trees,
    compiled: Compiled<'a>,
}

impl PairLosses for Pieces<'_> {
    fn means(
        &self,
        run: &Run<'_>,
        data: &Dataset,
        players: &Players,
        metrics: &[Metric],
        losses: &[Vec<f64>],
    ) -> Result<Vec<PairMeans>> {
        let ensemble = self.trees.ensemble();
        let walks: Vec<Walk<'_>> = self.compiled.walks().collect();
        let columns = Columns::new(data.rows(), ensemble.precision());
        let question =
            Question { trees: self.trees, walks, columns, data, players, metrics, losses };
        let n_rows = data.n_rows();
        let task_rows = n_rows.div_ceil(TASKS);
        let zeros = |n: usize| Array2::zeros((players.len(), n));
        let mut targets = vec![zeros(n_rows); metrics.len()];
        let mut jumps = vec![question.columns.zeros(players); metrics.len()];
        run.fold(
            n_rows.div_ceil(task_rows),
            TASKS,
            |task, _| question.ask(task * task_rows..((task + 1) * task_rows).min(n_rows)),
            |task, answer| {
                for (m, part) in answer.into_iter().enumerate() {
                    let first = task * task_rows;
                    let end = first + part.targets.ncols();
                    targets[m].slice_mut(s![.., first..end]).assign(&part.targets);
                    let all = jumps[m].iter_mut().flatten();
                    all.zip(part.jumps.into_iter().flatten()).for_each(|(sum, x)| *sum += x);
                }
                ControlFlow::Continue(())
            },
        )?;
        let total: f64 = (0..n_rows).map(|row| question.weight(row)).sum();
        let results = targets.into_iter().zip(jumps).map(|(targets, jumps)| {
            let mut donors = zeros(n_rows);
            for (player, jumps) in jumps.iter().enumerate() {
                let mut sum = 0.0;
                let sums: Vec<f64> = jumps
                    .iter()
                    .map(|jump| {
                        sum += jump;
                        sum / total
                    })
                    .collect();
                let feature = players.members(player)[0];
                let places = question.columns.places(feature);
                donors.row_mut(player).iter_mut().zip(places).for_each(|(to, &at)| *to = sums[at]);
            }
            PairMeans { targets, donors }
        });
        Ok(results.collect())
    }
}

/// What every task is asked.
struct Question<'a> {
    trees: &'a Trees,
    walks: Vec<Walk<'a>>,
    columns: Columns,
    data: &'a Dataset,
    players: &'a Players,
    metrics: &'a [Metric],
    losses: &'a [Vec<f64>],
}

/// What some rows answer in one metric.
struct Part {
    /// `(n_players, rows)`.
    targets: Array2<f64>,
    /// Of each player: where along its distinct values the summed increase changes.
    jumps: Vec<Vec<f64>>,
}

/// A leaf that one tree answers if the open feature's value is in a range of its distinct values.
#[derive(Debug, Clone, Copy)]
struct Step {
    tree: usize,
    leaf: u32,
    low: usize,
    high: usize,
}

impl Question<'_> {
    fn weight(&self, row: usize) -> f64 {
        self.data.weights().map_or(1.0, |weights| weights[row])
    }

    fn ask(&self, rows: std::ops::Range<usize>) -> Result<Vec<Part>> {
        let n_features = self.data.n_features();
        let zeros = |_: &Metric| Part {
            targets: Array2::zeros((self.players.len(), rows.len())),
            jumps: self.columns.zeros(self.players),
        };
        let mut parts: Vec<Part> = self.metrics.iter().map(zeros).collect();
        let mut found = Found {
            steps: vec![Vec::new(); n_features],
            leaves: vec![0; self.walks.len()],
            seen: vec![usize::MAX; n_features + 1],
            open: Vec::new(),
        };
        let mut tile = Tile::default();
        for row in rows.clone() {
            let values = self.data.rows().slice_move(s![row..=row, ..]);
            tile.fill(values, self.trees.ensemble().precision());
            self.walk(&tile.values, &mut found);
            self.add(row, row - rows.start, &found, &mut parts)?;
        }
        Ok(parts)
    }

    /// Finds the leaves of a row, and the steps of each feature on its way.
    fn walk(&self, row: &[f64], found: &mut Found) {
        found.steps.iter_mut().for_each(Vec::clear);
        found.seen.fill(usize::MAX);
        for (tree, walk) in self.walks.iter().enumerate() {
            let mut at = 0;
            while !walk.is_leaf(at) {
                let feature = walk.nodes[at as usize].feature();
                // No split above is on it: all of its values come here.
                if found.seen[feature] != tree {
                    found.seen[feature] = tree;
                    let steps = &mut found.steps[feature];
                    self.open(tree, at, feature, row, &mut found.open, steps);
                }
                at = walk.step_any(at, row);
            }
            found.leaves[tree] = at;
        }
    }

    /// Walks on with one feature left open, and writes down the leaves and who comes there.
    fn open(
        &self,
        tree: usize,
        start: u32,
        feature: usize,
        row: &[f64],
        open: &mut Vec<(u32, usize, usize)>,
        steps: &mut Vec<Step>,
    ) {
        let walk = &self.walks[tree];
        open.push((start, 0, self.columns.len(feature)));
        while let Some((at, low, high)) = open.pop() {
            let node = walk.nodes[at as usize];
            if walk.is_leaf(at) {
                steps.push(Step { tree, leaf: at, low, high });
            } else if node.feature() == feature {
                let left = node.left();
                // In reverse, so that the steps of a tree come in the order of the values.
                self.columns.divide(walk, at, feature, low, high, |low, high, right| {
                    open.push((left + u32::from(right), low, high));
                });
            } else {
                open.push((walk.step_any(at, row), low, high));
            }
        }
    }

    /// Adds what a row's step functions cost to the answers.
    fn add(&self, row: usize, place: usize, found: &Found, parts: &mut [Part]) -> Result<()> {
        let ensemble = self.trees.ensemble();
        let n_outputs = ensemble.n_outputs();
        let mut pieces: Vec<Piece> = Vec::new();
        let mut sums: Vec<f64> = Vec::new();
        for player in 0..self.players.len() {
            let feature = self.players.members(player)[0];
            let steps = &found.steps[feature];
            if steps.is_empty() {
                continue;
            }
            let mut ends: Vec<usize> =
                steps.iter().flat_map(|step| [step.low, step.high]).collect();
            ends.sort_unstable();
            ends.dedup();
            let (n_pieces, start) = (ends.len() - 1, sums.len());
            sums.resize(start + n_pieces * n_outputs, 0.0);
            self.sum(found, steps, &ends, &mut sums[start..]);
            pieces.extend(ends.windows(2).map(|end| Piece { player, low: end[0], high: end[1] }));
        }
        if pieces.is_empty() {
            return Ok(());
        }
        let shape = (pieces.len(), n_outputs);
        let mut raw = Array2::from_shape_vec(shape, sums)
            .map_err(|error| Error::Data(format!("the pieces do not fit together: {error}")))?;
        ensemble.finish(&mut raw);
        let predictions = self.trees.link().apply(raw);
        let target = self.data.target().select(&vec![row; pieces.len()]);
        let (n_rows, weight) = (self.data.n_rows() as f64, self.weight(row));
        for ((metric, untouched), part) in self.metrics.iter().zip(self.losses).zip(parts) {
            let output = self.trees.output();
            let losses = metric.row_losses(predictions.view(), output, &target);
            let losses =
                losses.map_err(|error| error.in_task(format!("permutations of row {row}")))?;
            for (piece, loss) in pieces.iter().zip(losses.unwrap_or_default()) {
                let increase = loss - untouched[row];
                let feature = self.players.members(piece.player)[0];
                let n_donors = self.columns.count(feature, piece.low, piece.high) as f64;
                part.targets[[piece.player, place]] += n_donors * increase / n_rows;
                part.jumps[piece.player][piece.low] += weight * increase;
                part.jumps[piece.player][piece.high] -= weight * increase;
            }
        }
        Ok(())
    }

    /// The raw answers of the pieces between `ends`, `[piece][output]`, each summed over the trees
    /// in order.
    fn sum(&self, found: &Found, steps: &[Step], ends: &[usize], sums: &mut [f64]) {
        let ensemble = self.trees.ensemble();
        let (n_outputs, n_values) = (ensemble.n_outputs(), ensemble.n_values());
        let mut steps = steps;
        for (tree, walk) in self.walks.iter().enumerate() {
            let first = walk.first_output();
            let mut add = |pieces: std::ops::Range<usize>, leaf: u32| {
                let sums = &mut sums[pieces.start * n_outputs..pieces.end * n_outputs];
                if n_outputs == 1 {
                    let value = walk.value(leaf);
                    for sum in sums {
                        *sum += value;
                    }
                    return;
                }
                for sums in sums.chunks_exact_mut(n_outputs) {
                    if n_values == 1 {
                        sums[first] += walk.value(leaf);
                    } else {
                        let values = walk.values(leaf, n_values);
                        sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
                    }
                }
            };
            let n_steps = steps.iter().take_while(|step| step.tree == tree).count();
            let (here, rest) = steps.split_at(n_steps);
            steps = rest;
            if here.is_empty() {
                add(0..ends.len() - 1, found.leaves[tree]);
            }
            for step in here {
                let place = |end: usize| ends.partition_point(|&other| other < end);
                add(place(step.low)..place(step.high), step.leaf);
            }
        }
    }
}

/// A range of a player's distinct values in which no tree changes its answer.
struct Piece {
    player: usize,
    low: usize,
    high: usize,
}

/// What the walks of one row find.
struct Found {
    /// Of each feature, ordered by tree.
    steps: Vec<Vec<Step>>,
    /// Of each tree.
    leaves: Vec<u32>,
    /// The last tree that met a feature.
    seen: Vec<usize>,
    /// What [`Question::open`] has yet to walk.
    open: Vec<(u32, usize, usize)>,
}

#[cfg(test)]
mod tests;
