//! The rounds of boosting, one after the other.

use std::ops::ControlFlow;

use fi_core::{Error, Result, Rng, Run};

use super::super::builder::TreeBuilder;
use super::bins::{Table, codes};
use super::grow::{Grower, Grown};
use super::histogram::Scale;
use super::loss::{CHUNK, Objective};
use super::quantile::weighted_quantile;
use super::split::bit;
use super::train::{Training, layout};

/// What all rounds share.
pub(super) struct Rounds<'a> {
    pub(super) run: &'a Run<'a>,
    pub(super) training: &'a Training<'a>,
    pub(super) table: &'a Table,
    pub(super) objective: Objective,
    pub(super) weights: Option<&'a [f64]>,
    pub(super) base: &'a [f64],
}

/// Trees and the output that each is for.
type Forest = Vec<(usize, TreeBuilder)>;

/// What changes from round to round.
struct State<'a, const N: usize> {
    grower: Grower<'a, N>,
    /// `n_rows × n_outputs`.
    raw: Vec<f64>,
    /// A gradient and a Hessian per row.
    pairs: Vec<[f64; 2]>,
    trees: Forest,
    validation: Option<Validation<'a>>,
}

/// The rows that tell when to stop.
struct Validation<'a> {
    objective: Objective,
    weights: Option<&'a [f64]>,
    n_rows: usize,
    /// `n_features × n_rows`.
    codes: Vec<u8>,
    raw: Vec<f64>,
    best_loss: f64,
    best_round: usize,
    /// How many trees there were after the best round.
    best_trees: usize,
}

impl Rounds<'_> {
    /// Goes through the rounds and answers the trees that are kept.
    pub(super) fn train<const N: usize>(&self) -> Result<Forest> {
        let Training { settings, limits, size, kept_bytes, .. } = self.training;
        let n_rows = self.table.n_rows;
        let silent = self.run.split(4);
        let mut state = State::<N> {
            grower: Grower::new(silent, self.table, *limits, *size, *kept_bytes),
            raw: self.base.repeat(n_rows),
            pairs: vec![[0.0; 2]; n_rows],
            trees: Vec::new(),
            validation: self.validation()?,
        };
        let mut failed = None;
        // The steps of the run are the rounds; a round has its own threads.
        let round = |round: usize, (): ()| match self.round(round, &mut state) {
            Ok(flow) => flow,
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        };
        self.run.fold(settings.n_estimators, 1, |_, _| Ok(()), round)?;
        if let Some(error) = failed {
            return Err(error);
        }
        if let Some(validation) = &state.validation {
            state.trees.truncate(validation.best_trees);
        }
        Ok(state.trees)
    }

    fn validation(&self) -> Result<Option<Validation<'_>>> {
        let Some((data, _)) = self.training.validation else { return Ok(None) };
        Ok(Some(Validation {
            objective: Objective::new(self.training.settings.loss, data)?,
            weights: data.weights(),
            n_rows: data.n_rows(),
            codes: codes(&self.run.split(5), data, &self.table.bins)?,
            raw: self.base.repeat(data.n_rows()),
            best_loss: f64::INFINITY,
            best_round: 0,
            best_trees: self.base.len(),
        }))
    }

    fn round<const N: usize>(
        &self,
        round: usize,
        state: &mut State<'_, N>,
    ) -> Result<ControlFlow<()>> {
        let n_outputs = self.objective.n_outputs();
        let probabilities = self.objective.probabilities(&state.grower.run, &state.raw)?;
        let (rows, others) = self.draw(&mut self.run.split(2).rng(round as u64));
        let mut has_split = false;
        for output in 0..n_outputs {
            self.derive(round, output, &probabilities, state)?;
            let mut rng = self.run.split(3).rng((round * n_outputs + output) as u64);
            let grown = state.grower.grow(rows.clone(), &mut rng)?;
            has_split |= grown.nodes.len() > 1;
            let (values, covers) = self.node_values(&grown, output, &state.raw);
            self.add(&grown, &values, output, &others, state)?;
            state.trees.push((output, layout(&grown, &self.table.bins, &values, &covers)));
        }
        if !has_split && round > 0 {
            // Single leaves change nothing: what is constant was fitted first.
            state.trees.truncate(round * n_outputs);
        }
        let size = &self.training.size;
        let all_features = size.features_per_node == self.table.bins.len();
        if !has_split && others.is_empty() && all_features {
            // The next round would be this one again.
            return Ok(ControlFlow::Break(()));
        }
        Ok(self.judge(round, state))
    }

    /// The rows that this round's trees are grown on, ascending, and the others.
    fn draw(&self, rng: &mut Rng) -> (Vec<u32>, Vec<u32>) {
        let n_rows = self.table.n_rows;
        let share = self.training.settings.subsample;
        let wanted = ((share * n_rows as f64).round() as usize).clamp(1, n_rows);
        let (mut drawn, mut others) = (Vec::with_capacity(wanted), Vec::new());
        for row in 0..n_rows {
            // Knuth's algorithm S: every set of `wanted` rows is equally likely.
            let (left, needed) = (n_rows - row, wanted - drawn.len());
            if needed == left || (needed > 0 && rng.below(left) < needed) {
                drawn.push(row as u32);
            } else {
                others.push(row as u32);
            }
        }
        (drawn, others)
    }

    /// Sets the grower's cells to the gradients and Hessians of one output.
    fn derive<const N: usize>(
        &self,
        round: usize,
        output: usize,
        probabilities: &[f64],
        state: &mut State<'_, N>,
    ) -> Result<()> {
        let State { grower, raw, pairs, .. } = state;
        let run = grower.run;
        run.for_chunks(pairs, CHUNK, |chunk, _, pairs| {
            let first = chunk * CHUNK;
            self.objective.derivatives(output, first, raw, probabilities, pairs);
            if let Some(weights) = self.weights {
                for (pair, weight) in pairs.iter_mut().zip(&weights[first..]) {
                    *pair = [pair[0] * weight, pair[1] * weight];
                }
            }
            Ok(())
        })?;
        let (mut gradient, mut hessian, mut finite) = (0.0_f64, 0.0_f64, true);
        for pair in pairs.iter() {
            finite &= pair[0].is_finite() & pair[1].is_finite();
            gradient = gradient.max(pair[0].abs());
            hessian = hessian.max(pair[1]);
        }
        if !finite {
            return Err(Error::Data(format!(
                "the predictions grew beyond all numbers in round {round}, lower `learning_rate`"
            )));
        }
        let scale = Scale::new(N, self.table.n_rows, gradient, hessian);
        grower.scale = scale;
        run.for_chunks(&mut grower.cells, CHUNK, |chunk, _, cells| {
            let pairs = &pairs[chunk * CHUNK..];
            let pairs = cells.iter_mut().zip(pairs);
            pairs.for_each(|(cell, pair)| *cell = scale.cell(pair[0], pair[1]));
            Ok(())
        })
    }

    /// The values and covers of a tree's nodes.
    fn node_values(&self, grown: &Grown, output: usize, raw: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let settings = self.training.settings;
        let rows = |node: usize| &grown.rows[grown.nodes[node].rows.clone()];
        let n_nodes = grown.nodes.len();
        let (mut values, mut covers) = (vec![0.0; n_nodes], vec![0.0; n_nodes]);
        // Children come after their parent.
        for (index, node) in grown.nodes.iter().enumerate().rev() {
            let children = node.branch.as_ref().map(|branch| (branch.left, branch.left + 1));
            covers[index] = match (children, self.weights) {
                (_, None) => node.rows.len() as f64,
                (Some((left, right)), _) => covers[left] + covers[right],
                (None, Some(weights)) => rows(index).iter().map(|&row| weights[row as usize]).sum(),
            };
            let step = match (self.objective.leaf_quantile(), children) {
                (None, _) if node.hessian < settings.min_sum_hessian => 0.0,
                (None, _) => -node.gradient / (node.hessian + settings.l2_regularization),
                (Some(level), None) => {
                    let residual = |&row: &u32| {
                        let row = row as usize;
                        let weight = self.weights.map_or(1.0, |weights| weights[row]);
                        (self.objective.value(row) - raw[row * self.base.len() + output], weight)
                    };
                    let residuals = rows(index).iter().map(residual).collect();
                    weighted_quantile(residuals, self.weights.is_some(), level)
                }
                (Some(_), Some((left, right))) => {
                    // Only leaves have a quantile; above them stands the mean of theirs.
                    let share = covers[right] / covers[index];
                    values[index] = values[left] + share * (values[right] - values[left]);
                    continue;
                }
            };
            values[index] = settings.learning_rate * step;
        }
        (values, covers)
    }

    /// Adds a tree's answers to the raw predictions.
    fn add<const N: usize>(
        &self,
        grown: &Grown,
        values: &[f64],
        output: usize,
        others: &[u32],
        state: &mut State<'_, N>,
    ) -> Result<()> {
        let n_outputs = self.base.len();
        for (node, value) in grown.nodes.iter().zip(values) {
            if node.branch.is_none() {
                for &row in &grown.rows[node.rows.clone()] {
                    state.raw[row as usize * n_outputs + output] += value;
                }
            }
        }
        for &row in others {
            let code = |feature: usize| self.table.column(feature)[row as usize];
            state.raw[row as usize * n_outputs + output] += values[leaf(grown, code)];
        }
        let Some(validation) = &mut state.validation else { return Ok(()) };
        let Validation { codes, raw, n_rows, .. } = validation;
        state.grower.run.for_chunks(raw, CHUNK * n_outputs, |chunk, _, raw| {
            for (row, raw) in (chunk * CHUNK..).zip(raw.chunks_exact_mut(n_outputs)) {
                raw[output] += values[leaf(grown, |feature| codes[feature * *n_rows + row])];
            }
            Ok(())
        })
    }

    /// Whether to go on.
    fn judge<const N: usize>(&self, round: usize, state: &mut State<'_, N>) -> ControlFlow<()> {
        let (Some(validation), Some((_, stopping))) =
            (&mut state.validation, self.training.validation)
        else {
            return ControlFlow::Continue(());
        };
        let loss = validation.objective.mean(&validation.raw, validation.weights);
        if loss < validation.best_loss - stopping.tol {
            validation.best_loss = loss;
            validation.best_round = round;
            validation.best_trees = state.trees.len();
        }
        if round - validation.best_round >= stopping.n_iter_no_change {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

/// The leaf of the row with these codes.
fn leaf(grown: &Grown, code: impl Fn(usize) -> u8) -> usize {
    let mut node = 0;
    while let Some(branch) = &grown.nodes[node].branch {
        let goes_left = bit(&branch.goes_left, usize::from(code(branch.feature)));
        node = branch.left + usize::from(!goes_left);
    }
    node
}
