//! Shapley values by walking random orders of joining, forwards and backwards.

use std::ops::ControlFlow;

use ndarray::{Array1, Array2, Array3, Axis, s};

use super::{Estimate, Estimator, TASK_ROWS, checked, ends, require_players};
use crate::checkpoint::{Fingerprint, Work};
use crate::cost::product;
use crate::error::{Error, Result, require};
use crate::game::Game;
use crate::moments::Moments;
use crate::rng::Rng;
use crate::run::Run;

/// Pairs of walks between two looks at the tolerance.
const BATCH: usize = 16;

/// Estimates Shapley values by walking random permutations of the players, each in both
/// directions.
///
/// A permutation `π` adds the players one by one to an empty coalition; what player `i` adds to
/// those before it is one unbiased draw of
///
/// ```text
///       1
/// φᵢ = ―― Σ_π v(before(i, π) ∪ {i}) − v(before(i, π))
///      n!
/// ```
///
/// A permutation and its reverse are a pair, whose mean is one draw (*antithetic* sampling);
/// standard errors come from the pairs. Each draw sums to `v(all) − v(none)`, so the estimate is
/// efficient to rounding, and a player that adds nothing gets 0 to the bit. It is exact when no
/// three players interact, and always with one or two players.
///
/// # Units
///
/// Those of the game.
///
/// # Cost
///
/// `n_permutations · (n_players − 1) + 2` coalitions. Standard errors shrink as
/// `1 / √n_permutations`.
///
/// # When it misleads
///
/// It inherits the game's removal: see [`Removal`](crate::Removal). Stopping at a tolerance looks
/// at the standard errors of the same draws, and stops a little too often where they happen to
/// be small.
///
/// **Stopping** a call on one game answers with the pairs that are walked, not converged.
///
/// # Errors
///
/// [`Error::Parameter`](crate::Error::Parameter) unless `n_permutations` is even and at least 2,
/// at least 4 with a tolerance, and the tolerance positive, or for a tolerance in a shard; whatever
/// the game returns.
///
/// # Example
///
/// ```
/// use fi_core::{Function, Players, Removal, Run, shapley};
/// use ndarray::{array, Axis, ArrayView2};
///
/// let model = Function::new(3, 1, |rows: ArrayView2<f64>| {
///     rows.map_axis(Axis(1), |x| x[0] * x[1] + x[2]).insert_axis(Axis(1))
/// });
/// let players = Players::features(["a", "b", "c"])?;
/// let nothing = Removal::baseline(vec![0.0; 3])?;
/// let row = array![[2.0, 3.0, 5.0]];
/// let permutation = shapley::Permutation { n_permutations: 2, ..Default::default() };
///
/// // Pairs are exact here, because only two players interact.
/// let shap =
///     shapley::explain(&Run::new(0), &permutation, &model, row.view(), &players, &nothing)?;
/// assert_eq!(shap.values, array![[[3.0, 3.0, 5.0]]]);
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Castro, Gómez, Tejada (2009). *Polynomial calculation of the Shapley value based on
///   sampling.* Computers & Operations Research 36(5). <https://doi.org/10.1016/j.cor.2008.04.004>
/// - Mitchell, Cooper, Frank, Holmes (2022). *Sampling permutations for Shapley value
///   estimation.* JMLR 23(43). <https://arxiv.org/abs/2104.12199>
///
/// # See also
///
/// [`Exact`](super::Exact), the definition, for at most 20 players.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Permutation {
    /// How many permutations are walked, each reverse counted too: even, at least 2. With a
    /// tolerance, the most that are walked. Default 32.
    pub n_permutations: usize,
    /// Stop when, for every output, the largest standard error is at most this share of the
    /// range of the values; looked at after every 32 permutations. `None` walks them all.
    /// Default `None`.
    pub tolerance: Option<f64>,
}

impl Default for Permutation {
    fn default() -> Self {
        Self { n_permutations: 32, tolerance: None }
    }
}

impl Permutation {
    fn check(&self) -> Result<()> {
        let n = self.n_permutations;
        let even = n >= 2 && n.is_multiple_of(2);
        let requirement = "even and at least 2, because each is walked in both directions";
        require(even, "n_permutations", n, requirement)?;
        let Some(tolerance) = self.tolerance else { return Ok(()) };
        let positive = tolerance > 0.0 && tolerance.is_finite();
        require(positive, "tolerance", tolerance, "positive and finite")?;
        require(n >= 4, "n_permutations", n, "at least 4 with a tolerance, to have standard errors")
    }
}

impl Estimator for Permutation {
    fn name(&self) -> &'static str {
        "permutation SHAP"
    }

    fn n_evaluations(&self, game: &dyn Game) -> Option<u64> {
        let steps = product(&[self.n_permutations, game.n_players().saturating_sub(1)]);
        Some(steps.saturating_add(2).saturating_mul(game.cost() as u64))
    }

    fn estimate(&self, run: &Run<'_>, game: &dyn Game) -> Result<Estimate> {
        let n = game.n_players();
        self.walk_orders(run, game, self.name(), &|rng| {
            let mut order: Vec<usize> = (0..n).collect();
            rng.shuffle(&mut order);
            order
        })
    }
}

impl Permutation {
    /// Walks orders that `draw` draws, and their reverses; `method` says which orders.
    pub(super) fn walk_orders(
        &self,
        run: &Run<'_>,
        game: &dyn Game,
        method: &str,
        draw: &(dyn Fn(&mut Rng) -> Vec<usize> + Sync),
    ) -> Result<Estimate> {
        self.check()?;
        let (alone, tolerance) = (run.shard().is_none(), self.tolerance.unwrap_or(0.0));
        let requirement = "None in a shard, which does not know the other shards' draws";
        require(alone || self.tolerance.is_none(), "tolerance", tolerance, requirement)?;
        let n = game.n_players();
        require_players(n)?;
        let (none, all) = ends(game)?;
        let n_pairs = self.n_permutations / 2;
        let pair_rows = (2 * (n - 1) * game.cost()).max(1);
        // A power of two, so that a batch is a whole number of tasks.
        let per_task = 1 << (TASK_ROWS / pair_rows).clamp(1, BATCH).ilog2();
        // Without a tolerance, a batch only bounds the memory.
        let batch = if self.tolerance.is_some() { BATCH / per_task } else { 64 };
        let work = Work::open(run, n_pairs, 0, &[game.n_outputs() * n], || {
            let worth = ndarray::stack(Axis(0), &[none.view(), all.view()]);
            let worth = worth.map_err(|error| Error::Data(error.to_string()))?;
            Ok(Fingerprint::new(method, run)
                .with("number of players", n)
                .with_table("worth of no and of all players", worth.view()))
        })?;
        let enough = |within: f64| {
            work.look(|state| {
                let n = state.answers.len();
                // Only all pairs up to one are looked at, whoever walked them.
                let in_a_row = state.answers.last_key_value().map(|(&last, _)| last + 1);
                (n.is_multiple_of(BATCH) || n == n_pairs)
                    && in_a_row == Some(n as u64)
                    && Walked::of(&state.moments[0], game.n_outputs())
                        .is_some_and(|w| w.within(within))
            })
        };
        let mut converged = self.tolerance.is_some_and(enough);
        let mut kept = Ok(());
        let tasks: Vec<&[usize]> = if converged {
            Vec::new()
        } else {
            work.missing().chunk_by(|&a, &b| a / per_task == b / per_task).collect()
        };
        let outcome = work.run().fold(
            tasks.len(),
            batch,
            |task, _| {
                // Each pair has a stream of its own: how pairs are dealt to tasks is no matter.
                let orders =
                    tasks[task].iter().map(|&pair| draw(&mut run.rng(pair as u64))).collect();
                walk(game, orders, &none, &all)
            },
            |task, draws| {
                for (&pair, draw) in tasks[task].iter().zip(draws.outer_iter()) {
                    work.put(pair, Vec::new(), vec![Some(draw.iter().copied().collect())]);
                }
                converged = self.tolerance.is_some_and(enough);
                kept = work.keep();
                if converged || kept.is_err() {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            },
        );
        let finished = work.close(outcome.map(|_| ()).and(kept))?;
        let Some(moments) = Walked::of(&finished.moments[0], game.n_outputs()) else {
            return Err(Error::Cancelled { done: 0, total: n_pairs });
        };
        let n_coalitions = 2 + moments.n * 2 * (n - 1);
        Ok(Estimate {
            std_error: if n <= 2 {
                Some(Array2::zeros(moments.mean.dim()))
            } else {
                (moments.n > 1).then(|| moments.std_error())
            },
            values: moments.mean,
            base_values: none.to_vec(),
            n_coalitions,
            n_evaluations: n_coalitions * game.cost(),
            converged: self.tolerance.map(|_| converged),
        })
    }
}

/// The draws `(n_orders, n_outputs, n_players)` of these orders, each walked in both directions.
fn walk(
    game: &dyn Game,
    forward: Vec<Vec<usize>>,
    none: &Array1<f64>,
    all: &Array1<f64>,
) -> Result<Array3<f64>> {
    let n = game.n_players();
    let both = |order: Vec<usize>| [order.clone(), order.into_iter().rev().collect()];
    let orders: Vec<Vec<usize>> = forward.into_iter().flat_map(both).collect();
    // Each walk passes n − 1 coalitions between none and all.
    let steps = n - 1;
    let mut coalitions = Array2::from_elem((orders.len() * steps, n), false);
    for (walk, order) in orders.iter().enumerate() {
        for step in 0..steps {
            for &player in &order[..=step] {
                coalitions[[walk * steps + step, player]] = true;
            }
        }
    }
    let worth = checked(game, game.values(coalitions.view())?, coalitions.nrows())?;
    let mut draws = Array3::zeros((orders.len() / 2, game.n_outputs(), n));
    for (i, order) in orders.iter().enumerate() {
        let walk = worth.slice(s![i * steps..(i + 1) * steps, ..]);
        for (step, &player) in order.iter().enumerate() {
            let before = if step == 0 { none.view() } else { walk.row(step - 1) };
            let after = if step == steps { all.view() } else { walk.row(step) };
            let mut draw = draws.slice_mut(s![i / 2, .., player]);
            for output in 0..draw.len() {
                draw[output] += 0.5 * (after[output] - before[output]);
            }
        }
    }
    Ok(draws)
}

/// What the walked pairs say: mean and squared deviations `(n_outputs, n_players)`.
struct Walked {
    n: usize,
    mean: Array2<f64>,
    squares: Array2<f64>,
}

impl Walked {
    /// `None` before any pair is walked.
    fn of(moments: &Moments, n_outputs: usize) -> Option<Self> {
        let total = moments.total()?;
        let shape = (n_outputs, total.mean.len() / n_outputs.max(1));
        Some(Self {
            n: total.n as usize,
            mean: Array2::from_shape_vec(shape, total.mean).ok()?,
            squares: Array2::from_shape_vec(shape, total.squares).ok()?,
        })
    }

    fn std_error(&self) -> Array2<f64> {
        let n = self.n as f64;
        self.squares.mapv(|squares| (squares.max(0.0) / (n - 1.0) / n).sqrt())
    }

    fn within(&self, tolerance: f64) -> bool {
        let max = |values: &mut dyn Iterator<Item = f64>| values.fold(f64::NEG_INFINITY, f64::max);
        self.n > 1
            && self.mean.outer_iter().zip(self.std_error().axis_iter(Axis(0))).all(
                |(mean, error)| {
                    let range = max(&mut mean.iter().copied()) + max(&mut mean.iter().map(|x| -x));
                    max(&mut error.iter().copied()) <= tolerance * range
                },
            )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn draws_have_the_standard_error_of_their_mean() {
        let mut moments = Moments::default();
        for (pair, draw) in [[1.0, 5.0], [2.0, 5.0], [6.0, 5.0]].into_iter().enumerate() {
            moments.add(pair as u64, Some(draw.to_vec()));
        }
        let moments = Walked::of(&moments, 1).unwrap();
        assert_eq!(moments.mean, array![[3.0, 5.0]]);
        // Squares of deviations 4 + 1 + 9, over 3 · 2.
        let errors = moments.std_error();
        assert!((errors[[0, 0]] - (14.0_f64 / 6.0).sqrt()).abs() < 1e-15);
        assert_eq!(errors[[0, 1]], 0.0);
        // The largest error is 1.5275 and the range of the values 2.
        assert!(moments.within(0.7638) && !moments.within(0.7637));
    }
}
