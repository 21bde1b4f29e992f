//! Interactions from some coalitions: a regression on players and pairs, and what it leaves over.

use linfa_linalg::cholesky::InverseC;
use ndarray::{Array1, Array2, ArrayView2, Axis, s};

use super::{
    Index, InteractionEstimate, InteractionEstimator, PreparedInteractions, binomial, halve_pairs,
};
use crate::error::{Error, Result, require, require_shape};
use crate::game::Game;
use crate::interaction::Interactions;
use crate::run::Run;
use crate::shapley::kernel::pairs::{Pairs, choose};
use crate::shapley::{ends, evaluate, require_players};

/// With fewer sampled pairs of coalitions there are no standard errors.
const MIN_SAMPLED: usize = 8;
/// Most numbers of the linear map from worths to interactions: half a gigabyte.
const MAX_NUMBERS: usize = 1 << 26;

/// Estimates the interactions of all pairs from the coalitions that [`Kernel`](super::super::Kernel)
/// would ask for.
///
/// ```text
/// v(S) ≈ g(S) = v(none) + Σ_{i ∈ S} βᵢ + Σ_{i < j ∈ S} βᵢⱼ     weighted as in KernelSHAP,
///                                                             with g(all) = v(all)
/// I(a, b) ≈ βₐᵦ + Σ_sizes C(n, s) · mean over the size's S of γₐᵦ(S) [v(S) − g(S)]
///
/// γₐᵦ(S)   the weight of v(S) in the index
/// ```
///
/// The regression finds everything if no three players interact. What it leaves over is small, and
/// the second sum, size by size, takes out of it what belongs to each pair: so the estimate is
/// right in the limit for every [`Index`], and not only for the one that the regression is the
/// definition of (Faith-Shap). The own effects are estimated alike, and together they add up to
/// `v(all) − v(none)` to rounding. With all coalitions it is exact.
///
/// # Units
///
/// Those of the game.
///
/// # Cost
///
/// `n_coalitions` coalitions, never more than `2ⁿ`. With `p = n (n + 1) / 2` effects, one linear map
/// of `p × n_coalitions` numbers is made for all games of as many players, in
/// `O(p² · n_coalitions + p³)`; each game then takes `O(p · n_coalitions)`.
///
/// # Standard errors
///
/// They count what the drawn coalitions add to the spread, size by size, corrected for having
/// drawn without replacement. They are 0 if nothing was drawn, and `None` below 8 sampled pairs of
/// coalitions.
///
/// # When it misleads
///
/// It inherits the game's removal: see [`Removal`](crate::Removal). Near the smallest budget the
/// regression follows its few coalitions closely: errors are large, and standard errors a little
/// too small. A player that adds nothing has interactions of exactly 0 only where the estimate is
/// exact.
///
/// # Errors
///
/// [`Error::Parameter`] if `n_coalitions` is below `2 n²` and below `2ⁿ`, or too large for
/// the memory; [`Error::Data`] if the regression cannot be solved; whatever the game returns.
///
/// # Example
///
/// ```
/// use fi_core::{Function, Players, Removal, Run, shapley};
/// use ndarray::{Array1, array, Axis, ArrayView2};
///
/// // Twelve features, of which pairs of neighbours interact.
/// let model = Function::new(12, 1, |rows: ArrayView2<f64>| {
///     let pairs = |x: ndarray::ArrayView1<f64>| (0..11).map(|i| x[i] * x[i + 1]).sum();
///     rows.map_axis(Axis(1), pairs).insert_axis(Axis(1))
/// });
/// let players = Players::features((0..12).map(|i| format!("x{i}")))?;
/// let zeros = Removal::baseline(vec![0.0; 12])?;
/// let row = Array1::range(0.0, 12.0, 1.0).insert_axis(Axis(0));
/// let kernel = shapley::KernelInteractions { n_coalitions: 300, ..Default::default() };
///
/// let found =
///     shapley::interactions(&Run::new(0), &kernel, &model, row.view(), &players, &zeros)?;
/// // Half of 4·5.
/// assert!((found.value(0, 0, 4, 5) - 10.0).abs() < 1e-8);
/// assert!(found.value(0, 0, 4, 6).abs() < 1e-8);
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Fumagalli, Muschalik, Kolpaczki, Hüllermeier, Hammer (2024). *KernelSHAP-IQ: weighted least
///   square optimization for Shapley interactions.* ICML. <https://arxiv.org/abs/2405.10852>
/// - Witter, Liu, Musco (2025). *Regression-adjusted Monte Carlo estimators for Shapley values and
///   probabilistic values.* NeurIPS 38. <https://arxiv.org/abs/2506.11849>
/// - Tsai, Yeh, Ravikumar (2023). *Faith-Shap: the faithful Shapley interaction index.* JMLR
///   24(94). <https://arxiv.org/abs/2203.00870>
///
/// # See also
///
/// [`ExactInteractions`](super::ExactInteractions), the definition, for at most 16 players.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KernelInteractions {
    /// How discrete derivatives are weighted; default [`Index::Shapley`].
    pub index: Index,
    /// How many coalitions are evaluated, none and all included; at least `2 n²`, or `2ⁿ` if
    /// that is less. An odd one is left out. Default 2048.
    pub n_coalitions: usize,
}

impl Default for KernelInteractions {
    fn default() -> Self {
        Self { index: Index::default(), n_coalitions: 2048 }
    }
}

impl InteractionEstimator for KernelInteractions {
    fn name(&self) -> String {
        format!("kernel {}", self.index.name())
    }

    fn prepare(&self, run: &Run<'_>, n_players: usize) -> Result<PreparedInteractions<'_>> {
        require_players(n_players)?;
        let everything = 1_usize.checked_shl(n_players as u32).unwrap_or(usize::MAX);
        let least = everything.min(n_players.saturating_mul(n_players).saturating_mul(2));
        require(self.n_coalitions >= least, "n_coalitions", self.n_coalitions, {
            format!("at least {least} with {n_players} players, to tell all pairs apart")
        })?;
        let n_coalitions = self.n_coalitions.min(everything);
        let n_effects = Interactions::n_pairs(n_players)?;
        let fits = n_effects.checked_mul(n_coalitions).is_some_and(|n| n <= MAX_NUMBERS);
        require(fits, "n_coalitions", self.n_coalitions, {
            let most = MAX_NUMBERS / n_effects;
            format!("at most {most} with {n_players} players, to fit into memory; score groups")
        })?;
        let map = Map::new(self.index, n_players, (n_coalitions - 2) / 2, run)?;
        Ok(Box::new(move |run, game| map.apply(run, game)))
    }
}

/// How far a fit of exact effects may be from them.
const TOLD_APART: f64 = 1e-8;

fn unsolvable(n_players: usize, why: impl std::fmt::Display) -> Error {
    Error::Data(format!(
        "the regression on the pairs of {n_players} players cannot be solved ({why}), give it \
         more coalitions or another seed"
    ))
}

/// The linear map from worths to interactions. Row `2 k` of the regression is the coalition of pair
/// `k`, row `2 k + 1` its complement.
struct Map {
    n_players: usize,
    pairs: Pairs,
    /// `(n_rows, n_effects − 1)`: the effects that are present, less whether the last one is. The
    /// last player's own effect is what the others leave of `v(all) − v(none)`.
    rows: Array2<f64>,
    /// `(n_effects − 1, n_rows)`: from targets to the regression's effects.
    fit: Array2<f64>,
    /// `(n_effects, n_rows)`: from targets to what is returned, but for the total.
    returned: Array2<f64>,
    /// `(n_pairs, 2)`: what the sum and the difference of a pair's two residuals are multiplied
    /// with to have the size of errors.
    unbiased: Array2<f64>,
}

impl Map {
    fn new(index: Index, n: usize, budget: usize, run: &Run<'_>) -> Result<Self> {
        let pairs = choose(n, budget, &mut run.rng(0));
        let n_effects = Interactions::n_pairs(n)?;
        let (last, n_rows) = (n_effects - 1, 2 * pairs.coalitions.nrows());
        let shown = Array2::from_shape_fn((n_rows, n), |(row, player)| {
            pairs.coalitions[[row / 2, player]] != (row % 2 == 1)
        });
        let mut rows = Array2::zeros((n_rows, last));
        for (row, shown) in shown.outer_iter().enumerate() {
            for a in 0..n {
                for b in a..n {
                    let effect = Interactions::pair(n, a, b);
                    if effect != last {
                        rows[[row, effect]] =
                            f64::from(shown[a] && shown[b]) - f64::from(shown[n - 1]);
                    }
                }
            }
        }
        let weights = Array1::from_shape_fn(n_rows, |row| pairs.weights[row / 2]);
        let weighted = &rows * &weights.view().insert_axis(Axis(1));
        let normal = rows.t().dot(&weighted);
        // One player's effect is all there is: nothing is left to solve.
        let inverse = if last == 0 { Ok(normal) } else { normal.invc() };
        let inverse = inverse.map_err(|error| unsolvable(n, error))?;
        let mut fit = inverse.dot(&weighted.t());
        // One step of refinement takes off what rounding the inverse has cost.
        let off = fit.dot(&rows);
        fit = 2.0 * &fit - off.dot(&fit);
        let found = fit.dot(&rows) - Array2::<f64>::eye(last);
        if found.iter().any(|off| off.abs() > TOLD_APART) {
            return Err(unsolvable(n, "some pairs are never told apart"));
        }
        // A pair's sum says something of pairs alone, its difference of players alone: they are
        // fitted by different effects, and the sums much closer.
        let leverage = |row: usize, other: usize| rows.row(row).dot(&fit.column(other));
        let unbiased = Array2::from_shape_fn((n_rows / 2, 2), |(pair, part)| {
            let (own, other) = (leverage(2 * pair, 2 * pair), leverage(2 * pair, 2 * pair + 1));
            let fitted = if part == 0 { own + other } else { own - other };
            (1.0 - fitted).max(1e-9).sqrt().recip()
        });
        let rest = left_over(index, shown.view(), &pairs);
        // What is returned is fit + rest (1 − rows fit), and the last effect is the others'
        // complement.
        let mut map = &rest - &rest.dot(&rows).dot(&fit);
        let mut effects = map.slice_mut(s![..last, ..]);
        effects += &fit;
        let mut effect = map.row_mut(last);
        effect -= &fit.sum_axis(Axis(0));
        halve_pairs(n, &mut map);
        Ok(Self { n_players: n, pairs, rows, fit, returned: map, unbiased })
    }

    fn apply(&self, run: &Run<'_>, game: &dyn Game) -> Result<InteractionEstimate> {
        let n = self.n_players;
        require_shape("the game's list of players", &[n], &[game.n_players()])?;
        let (none, all) = ends(game)?;
        let total = &all - &none;
        let n_rows = self.rows.nrows();
        let shown =
            |row: usize, player: usize| self.pairs.coalitions[[row / 2, player]] != (row % 2 == 1);
        let mut target = evaluate(run, game, n_rows, |row, mut coalition| {
            coalition.iter_mut().enumerate().for_each(|(player, at)| *at = shown(row, player));
        })?;
        for (row, mut target) in target.outer_iter_mut().enumerate() {
            target -= &none;
            if shown(row, n - 1) {
                target -= &total;
            }
        }
        let mut effects = self.returned.dot(&target);
        let mut last = effects.row_mut(self.returned.nrows() - 1);
        last += &total;
        let residuals = &target - &self.rows.dot(&self.fit.dot(&target));
        let n_coalitions = n_rows + 2;
        Ok(InteractionEstimate {
            values: effects.reversed_axes(),
            base_values: none.to_vec(),
            std_error: self.std_error(&residuals),
            n_coalitions,
            n_evaluations: n_coalitions * game.cost(),
        })
    }

    /// Standard errors `(n_outputs, n_effects)` from the residuals `(n_rows, n_outputs)`: the
    /// spread between the drawn pairs of each stratum of what each puts into an effect.
    fn std_error(&self, residuals: &Array2<f64>) -> Option<Array2<f64>> {
        let mut squares = Array2::zeros((residuals.ncols(), self.returned.nrows()));
        let first = self.pairs.strata.first().map(|stratum| stratum.start);
        let n_sampled = first.map_or(0, |first| self.pairs.unseen.len() - first);
        if n_sampled == 0 {
            return Some(squares);
        }
        if n_sampled < MIN_SAMPLED {
            return None;
        }
        for ((output, effect), squares) in squares.indexed_iter_mut() {
            let put_in = |pair: usize| {
                let [of, other] = [2 * pair, 2 * pair + 1]
                    .map(|row| (self.returned[[effect, row]], residuals[[row, output]]));
                let sum = (of.0 + other.0) * (of.1 + other.1) * self.unbiased[[pair, 0]];
                let difference = (of.0 - other.0) * (of.1 - other.1) * self.unbiased[[pair, 1]];
                0.5 * (sum + difference) * self.pairs.unseen[pair].sqrt()
            };
            for stratum in &self.pairs.strata {
                let n = stratum.len() as f64;
                let mean = stratum.clone().map(put_in).sum::<f64>() / n;
                let spread: f64 = stratum.clone().map(|pair| (put_in(pair) - mean).powi(2)).sum();
                // A single pair has no spread: it counts in full.
                *squares += if n > 1.0 { spread * n / (n - 1.0) } else { mean * mean };
            }
        }
        Some(squares.mapv_into(f64::sqrt))
    }
}

/// `(n_effects, n_rows)`: from what the regression leaves over to what belongs to each effect. Each
/// size's coalitions stand for all of that size. A coalition's numbers add up to 0, because all
/// effects together are `v(all) − v(none)` whatever it is worth.
fn left_over(index: Index, shown: ArrayView2<'_, bool>, pairs: &Pairs) -> Array2<f64> {
    let n = shown.ncols();
    let weights = index.weights(n);
    let n_effects = n * (n + 1) / 2;
    let mut rest = Array2::zeros((n_effects, shown.nrows()));
    for (row, shown) in shown.outer_iter().enumerate() {
        let size = shown.iter().filter(|&&present| present).count();
        // A size that was taken in full has the weight 2 (n − 1) / (C(n, s) s (n − s)) per pair.
        let (each, both) = (binomial(n, size), (size * (n - size)) as f64);
        let stands_for = pairs.weights[row / 2] * each * both / (2 * (n - 1)) as f64;
        for a in 0..n {
            let single = if shown[a] { weights.single[size - 1] } else { -weights.single[size] };
            rest[[Interactions::pair(n, a, a), row]] = stands_for * single;
            for b in a + 1..n {
                let present = usize::from(shown[a]) + usize::from(shown[b]);
                let sign = if present == 1 { -1.0 } else { 1.0 };
                rest[[Interactions::pair(n, a, b), row]] =
                    stands_for * sign * weights.pair[size - present];
            }
        }
    }
    weights.leave_own(n, &mut rest);
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_regression_that_cannot_tell_pairs_apart_is_refused() {
        // 45 pairs of coalitions for 45 effects: too few for one draw in forty.
        let map = |seed| Map::new(Index::Shapley, 9, 45, &Run::new(seed));
        let error = (0..300).find_map(|seed| map(seed).err()).map(|error| error.to_string());
        let error = error.unwrap_or_default();
        assert!(
            error.starts_with("the regression on the pairs of 9 players cannot be solved (")
                && error.ends_with("), give it more coalitions or another seed"),
            "{error}"
        );
        assert!((0..20).all(|seed| { Map::new(Index::Shapley, 9, 80, &Run::new(seed)).is_ok() }));
    }
}
