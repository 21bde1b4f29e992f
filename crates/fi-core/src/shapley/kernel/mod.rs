//! KernelSHAP: Shapley values as a weighted linear regression on coalitions.

mod agreement;
mod evidence;
mod factor;
mod fit;
mod law;
pub(super) mod pairs;

use std::ops::Range;

use linfa_linalg::cholesky::InverseC;
use ndarray::{Array1, Array2, ArrayView1, Axis, s};

use self::evidence::{learn, spread};
use self::fit::{Fit, Smoother};
use self::law::Law;
use self::pairs::{Pairs, choose};
use super::{Estimate, Estimator, Prepared, ends, evaluate, require_players};
use crate::error::{Error, Result, require, require_shape};
use crate::game::Game;
use crate::run::Run;

/// Batches of pairs that standard errors come from.
const N_BATCHES: usize = 32;
/// With fewer sampled pairs there are no standard errors.
const MIN_SAMPLED: usize = 8;
/// With more pairs, the covariances of their values would cost more than the values.
const MOST_PAIRS: usize = 2048;
/// Of more pairs, about so many make the smooth game that is taken off.
const SMOOTH_PAIRS: usize = 1024;

/// Estimates Shapley values by KernelSHAP, with paired coalitions.
///
/// Shapley values solve a weighted least squares problem over all coalitions:
///
/// ```text
/// φ = argmin Σ_S μ(S) [v(S) − v(none) − Σ_{i ∈ S} φᵢ]²   subject to Σᵢ φᵢ = v(all) − v(none)
///
/// μ(S) = (n − 1) / (C(n, s) · s · (n − s))    S a coalition of s players, 0 < s < n
/// ```
///
/// A coalition always comes with its complement. Coalitions of one player and their complements
/// are always taken, so the regression has full rank; then, from the outside in, every size
/// whose share of the budget suffices is taken in full; the rest of the budget is spread evenly
/// over the remaining sizes (which is sampling by leverage) and drawn within a size without
/// replacement.
///
/// What this regression leaves over is no noise: interactions of three and more players make it
/// alike for coalitions that are alike. So drawn coalitions are solved by *generalised* least
/// squares, with the covariances of a Gaussian law of interactions. Under the law a player has a
/// rate, and the variance of an interaction is the product of its players' rates; interactions of
/// two, four, … players cancel in a pair:
///
/// ```text
/// cov(½ [v(S) − v(S')], ½ [v(R) − v(R')])  ∝  sinh Σᵢ ± artanh ρᵢ       + if S and R agree on i
/// ```
///
/// What a player brings alone is normal around the mean of all players, so with few coalitions
/// values are drawn to an equal split. The rates `ρ` and that variance come from the game's own
/// answers, by maximal evidence (empirical Bayes), from up to 256 pairs: players that interact much
/// are told from those that do not. What cancels in Shapley values, `½ [v(S) + v(S')]`, helps to
/// tell them. With [`Rates::Equal`] all players have one rate, the same for every game, and may
/// bring alone whatever they do. The constraint holds to rounding.
///
/// With more than 4096 coalitions, about 2048 of them are fitted so. The fit is a smooth game with
/// known Shapley values, and the first regression is on what it leaves over (regression with a
/// proxy): the other coalitions of a size share the kernel weight of all that are not fitted. So
/// there is no bias but that of a regression. Where all of a size are taken and none is drawn,
/// there is the first regression alone.
///
/// It is exact when the budget covers all `2ⁿ` coalitions, and when no three players interact.
/// There is no feature selection (the `l1_reg` of shap).
///
/// # Units
///
/// Those of the game. In another unit, or with a constant added to the game, it is the same
/// estimate; but with learned rates it is not linear, as the values of a sum of games have a law of
/// their own. All outputs share a law. With equal rates it is linear.
///
/// # Cost
///
/// `n_coalitions` coalitions, never more than `2ⁿ`. Covariances are factorised, those of learned
/// rates for each game, those of equal ones once for all: `n_coalitions³ / 24` multiplications.
/// Learning takes several of 256 × 256. In the project's recorded benchmark, 30 players with 2048
/// coalitions spend 0.02 seconds a game beside the model (0.05 on a processor without AVX-512), and
/// 0.003 (0.004) with equal rates, of ten games. Memory: about `n_coalitions²` numbers. Beyond 4096
/// coalitions that of 2048, and `64 · n_coalitions · n` multiplications; memory:
/// `n_coalitions · n`.
///
/// Learned rates are worth it where the coalitions that they save take longer than the learning: in
/// the project's recorded curves, equal rates were 1.2 to 3.9 times as far off with 2048 coalitions.
///
/// # Standard errors
///
/// The law's, in the unit in which each drawn pair (each of 256, if more are drawn) is as far from
/// what the others say of it as the law has it (leave-one-out); with learned rates, in the one in
/// which the law fits all answers, if that is larger. They count what the law pulls towards 0, too,
/// but not that rates are estimates. Beyond 4096 coalitions they come from 32 batches of drawn pairs,
/// stratified by size. They are 0 if nothing was drawn, and `None` below 8 drawn pairs.
///
/// # When it misleads
///
/// It inherits the game's removal: see [`Removal`](crate::Removal). The law pulls what the
/// coalitions leave open towards 0, and learned rates pull values to an equal split: a bias that is
/// some per cent of the mean squared error, more with few coalitions, and most for a player that
/// stands out from the others. Of such a player, or of one whose jumps few coalitions show, a
/// learned law can be too sure, though standard errors are right on average. They are far too large
/// where interactions are largest among the smallest coalitions and players are alike. Equal rates have
/// none of these faults, but are farther off. With 4500 coalitions an estimate was up to 1.7 times as
/// far off as with 4096, with 10,000 nearer. With many players and a budget of few coalitions per
/// size, a player's error hangs on a few drawn coalitions. A player that adds nothing is exactly 0
/// only where the estimate is exact.
///
/// # Errors
///
/// [`Error::Parameter`] if `n_coalitions` is below `2 · n_players + 2` and below `2ⁿ`; whatever
/// the game returns.
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
/// let kernel = shapley::Kernel::new(200);
///
/// let shap = shapley::explain(&Run::new(0), &kernel, &model, row.view(), &players, &zeros)?;
/// // Half of 4·5 and half of 5·6.
/// assert!((shap.values[[0, 0, 5]] - 25.0).abs() < 1e-9);
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Lundberg, Lee (2017). *A unified approach to interpreting model predictions.* NeurIPS 30.
///   <https://arxiv.org/abs/1705.07874>
/// - Covert, Lee (2021). *Improving KernelSHAP: practical Shapley value estimation using linear
///   regression.* AISTATS. <https://arxiv.org/abs/2012.01536>
/// - Musco, Witter (2025). *Provably accurate Shapley value estimation via leverage score
///   sampling.* ICLR. <https://arxiv.org/abs/2410.01917>
/// - Fumagalli, Butler, Kang, Ramchandran, Witter (2026). *An odd estimator for Shapley values.*
///   ICML. <https://arxiv.org/abs/2602.01399>
/// - Witter, Liu, Musco (2025). *Regression-adjusted Monte Carlo estimators for Shapley values and
///   probabilistic values.* NeurIPS 38. <https://arxiv.org/abs/2506.11849>
/// - Durrande, Ginsbourger, Roustant, Carraro (2013). *ANOVA kernels and RKHS of zero mean functions
///   for model-based sensitivity analysis.* Journal of Multivariate Analysis 115: products over
///   variables as covariances of interactions. <https://doi.org/10.1016/j.jmva.2012.08.016>
/// - Patterson, Thompson (1971). *Recovery of inter-block information when block sizes are
///   unequal.* Biometrika 58: restricted likelihood. <https://doi.org/10.1093/biomet/58.3.545>
///
/// # See also
///
/// [`Exact`](super::Exact), the definition, for at most 20 players.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kernel {
    /// How many coalitions are evaluated, none and all included; at least `2 · n_players + 2`,
    /// or `2ⁿ` if that is less. An odd one is left out. Default 2048.
    pub n_coalitions: usize,
    /// Whose interactions are thought to be how large. Default [`Rates::Learned`].
    pub rates: Rates,
}

/// The rates of [`Kernel`]'s law of interactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rates {
    /// Each game's answers say which players interact: the fewest coalitions for the same error.
    #[default]
    Learned,
    /// All players are alike, whatever a game answers, so games share a factorisation, and the
    /// estimate is linear in the game: for models that are so fast that learning costs more than
    /// it saves.
    Equal,
}

impl Kernel {
    /// With so many coalitions, and rates that are learned.
    #[must_use]
    pub fn new(n_coalitions: usize) -> Self {
        Self { n_coalitions, rates: Rates::Learned }
    }
}

impl Default for Kernel {
    fn default() -> Self {
        Self::new(2048)
    }
}

impl Estimator for Kernel {
    fn name(&self) -> &'static str {
        "KernelSHAP"
    }

    fn n_evaluations(&self, game: &dyn Game) -> Option<u64> {
        let everything = 1_u64.checked_shl(game.n_players() as u32).unwrap_or(u64::MAX);
        // Coalitions come with their complements.
        let n_coalitions = (self.n_coalitions as u64).min(everything) / 2 * 2;
        Some(n_coalitions.saturating_mul(game.cost() as u64))
    }

    fn estimate(&self, run: &Run<'_>, game: &dyn Game) -> Result<Estimate> {
        self.prepare(run, game.n_players())?(run, game)
    }

    fn prepare(&self, run: &Run<'_>, n_players: usize) -> Result<Prepared<'_>> {
        require_players(n_players)?;
        let everything = 1_usize.checked_shl(n_players as u32).unwrap_or(usize::MAX);
        let least = everything.min(2 * n_players + 2);
        require(self.n_coalitions >= least, "n_coalitions", self.n_coalitions, {
            format!(
                "at least {least} with {n_players} players, to ask for each of them and its \
                 complement"
            )
        })?;
        let budget = (self.n_coalitions.min(everything) - 2) / 2;
        let pairs = choose(n_players, budget, &mut run.rng(0));
        if !pairs.strata.is_empty() && pairs.weights.len() < MOST_PAIRS {
            let whole = Whole::new(pairs, self.rates)?;
            return Ok(Box::new(move |run, game| whole.solve(run, game)));
        }
        let regression = Regression::new(pairs, self.rates)?;
        Ok(Box::new(move |run, game| regression.solve(run, game)))
    }
}

/// What a game says of the pairs.
struct Answers {
    none: Array1<f64>,
    /// `v(all) − v(none)`.
    total: Array1<f64>,
    /// `(n_pairs + 1, n_outputs)`: `½ [v(S) − v(S')]`; none and all are the last pair.
    odd: Array2<f64>,
    /// `(n_pairs + 1, n_outputs)`: `½ [v(S) + v(S')]`.
    even: Array2<f64>,
}

fn ask(run: &Run<'_>, game: &dyn Game, pairs: &Pairs) -> Result<Answers> {
    let (n_pairs, n) = pairs.coalitions.dim();
    require_shape("the game's list of players", &[n], &[game.n_players()])?;
    let (none, all) = ends(game)?;
    let worth = evaluate(run, game, 2 * n_pairs, |k, mut coalition| {
        let complement = k % 2 == 1;
        for (present, &member) in coalition.iter_mut().zip(pairs.coalitions.row(k / 2)) {
            *present = member != complement;
        }
    })?;
    let [odd, even] = [-0.5, 0.5].map(|half| {
        let last = (&all * 0.5 + &none * half).insert_axis(Axis(0));
        let mut parts = Array2::zeros((n_pairs + 1, all.len()));
        for (pair, mut part) in parts.outer_iter_mut().enumerate() {
            if pair == n_pairs {
                part.assign(&last.row(0));
            } else {
                part.assign(&(&worth.row(2 * pair) * 0.5 + &worth.row(2 * pair + 1) * half));
            }
        }
        parts
    });
    Ok(Answers { total: all - &none, none, odd, even })
}

/// The generalised least squares fit of all pairs.
struct Whole {
    pairs: Pairs,
    signs: Array2<f64>,
    /// The pairs that were drawn.
    drawn: Range<usize>,
    /// Under the law of equal rates; if it is to be learned, each game has its own.
    equal: Option<Fit>,
}

impl Whole {
    fn new(pairs: Pairs, rates: Rates) -> Result<Self> {
        let (n_pairs, n) = pairs.coalitions.dim();
        let signs = pairs.signs();
        let drawn = pairs.strata.first().map_or(n_pairs, |stratum| stratum.start)..n_pairs;
        let equal = match rates {
            Rates::Equal => Some(Fit::new(signs.view(), drawn.clone(), &Law::alike(n), rates)?),
            Rates::Learned => None,
        };
        Ok(Self { pairs, signs, drawn, equal })
    }

    fn solve(&self, run: &Run<'_>, game: &dyn Game) -> Result<Estimate> {
        let Answers { none, total, odd, even } = ask(run, game, &self.pairs)?;
        let [mut values, std_error] = if let Some(fit) = &self.equal {
            fit.solve(&odd)
        } else {
            let law = learn(self.signs.view(), &odd, &even);
            Fit::new(self.signs.view(), self.drawn.clone(), &law, Rates::Learned)?.solve(&odd)
        };
        // It adds up but for rounding.
        let missing = (&total - &values.sum_axis(Axis(1))) / values.ncols() as f64;
        values += &missing.insert_axis(Axis(1));
        let n_coalitions = 2 * self.pairs.weights.len() + 2;
        Ok(Estimate {
            values,
            base_values: none.to_vec(),
            std_error: (self.drawn.len() >= MIN_SAMPLED).then_some(std_error),
            n_coalitions,
            n_evaluations: n_coalitions * game.cost(),
            converged: None,
        })
    }
}

/// The pairs of coalitions and the factorised normal equations.
///
/// For a pair `S` and its complement `S'`, both rows of the regression with the constraint
/// eliminated say the same of `φ₁ … φₙ₋₁`, so they are one row:
///
/// ```text
/// ½ [v(S) − v(S') + (1 − 2 zₙ) (v(all) − v(none))] = Σ_{i < n} (zᵢ − zₙ) φᵢ,   zᵢ = 1 if i ∈ S
/// ```
///
/// If pairs were drawn, what some of them say is made a smooth game first; its values are known,
/// and the regression is on what it leaves over.
struct Regression {
    n_players: usize,
    pairs: Pairs,
    signs: Array2<f64>,
    /// The pairs that make the smooth game, and none and all; empty if none were drawn.
    some: Vec<usize>,
    /// What makes it under the law of equal rates; if it is to be learned, each game has its own.
    equal: Option<Smoother>,
    /// `(n_pairs, n − 1)`: `zᵢ − zₙ`.
    rows: Array2<f64>,
    /// The inverse of the normal equations' matrix. Its condition number is about `n`.
    inverse: Array2<f64>,
    /// For each sampled pair, what its residual is multiplied with for the standard errors.
    spread: Array1<f64>,
}

impl Regression {
    fn new(pairs: Pairs, rates: Rates) -> Result<Self> {
        let (n_pairs, n_players) = pairs.coalitions.dim();
        let (pairs, some) = if pairs.strata.is_empty() {
            (pairs, Vec::new())
        } else {
            let mut some = spread(n_pairs + 1, n_players, SMOOTH_PAIRS);
            some.truncate(some.len() - 1);
            let (pairs, mut at) = pairs.set_apart(&some);
            at.push(n_pairs);
            (pairs, at)
        };
        let signs = pairs.signs();
        let equal = match rates {
            Rates::Equal if !some.is_empty() => {
                Some(Smoother::new(signs.select(Axis(0), &some), Law::alike(n_players))?)
            }
            _ => None,
        };
        let last = n_players - 1;
        let rows = Array2::from_shape_fn((pairs.coalitions.nrows(), last), |(pair, player)| {
            let z = |player| f64::from(pairs.coalitions[[pair, player]]);
            z(player) - z(last)
        });
        let weights = ArrayView1::from(&pairs.weights).insert_axis(Axis(1));
        let weighted = &rows * &weights;
        let normal = rows.t().dot(&weighted);
        // One player's value is all there is to share: nothing is left to solve.
        let inverse = if last == 0 { Ok(normal) } else { normal.invc() };
        let inverse = inverse.map_err(|error| {
            Error::Data(format!(
                "KernelSHAP's regression on {n_players} players cannot be solved ({error}), \
                 give it more coalitions"
            ))
        })?;
        let first = pairs.strata.first().map_or(rows.nrows(), |stratum| stratum.start);
        let solved = weighted.slice(s![first.., ..]).dot(&inverse);
        let spread = (first..rows.nrows())
            .map(|pair| {
                // Residuals of a fit are smaller than errors by its leverage.
                let leverage = solved.row(pair - first).dot(&rows.row(pair));
                let unbiased = (pairs.unseen[pair] / (1.0 - leverage).max(1e-9)).sqrt();
                pairs.weights[pair] * unbiased
            })
            .collect();
        Ok(Self { n_players, pairs, signs, some, equal, rows, inverse, spread })
    }

    fn solve(&self, run: &Run<'_>, game: &dyn Game) -> Result<Estimate> {
        let n = self.n_players;
        let Answers { none, total: whole, mut odd, even } = ask(run, game, &self.pairs)?;
        let n_pairs = self.pairs.weights.len();
        let mut known = Array2::zeros((n, whole.len()));
        if !self.some.is_empty() {
            let of_some = |table: &Array2<f64>| table.select(Axis(0), &self.some);
            let odd_of_some = of_some(&odd);
            let learned;
            let smoother = if let Some(equal) = &self.equal {
                equal
            } else {
                let signs = of_some(&self.signs);
                let law = learn(signs.view(), &odd_of_some, &of_some(&even));
                learned = Smoother::new(signs, law)?;
                &learned
            };
            let smooth = smoother.smooth(&odd_of_some);
            odd -= &smooth.odd(self.signs.view());
            known = smooth.values();
        }
        let total = &odd.row(n_pairs) * 2.0;
        let last = n - 1;
        let target = Array2::from_shape_fn((n_pairs, total.len()), |(pair, output)| {
            let rest = if self.pairs.coalitions[[pair, last]] { -0.5 } else { 0.5 };
            odd[[pair, output]] + rest * total[output]
        });
        let weights = ArrayView1::from(&self.pairs.weights).insert_axis(Axis(1));
        let fit = |target: &Array2<f64>| self.inverse.dot(&self.rows.t().dot(&(target * &weights)));
        let mut free = fit(&target);
        // One step of refinement takes off what rounding the inverse has cost.
        free += &fit(&(&target - &self.rows.dot(&free)));
        let mut values = Array2::zeros((total.len(), n));
        values.slice_mut(s![.., ..last]).assign(&free.t());
        values += &known.t();
        let others = values.slice(s![.., ..last]).sum_axis(Axis(1));
        values.column_mut(last).assign(&(whole - others));
        let n_coalitions = 2 * n_pairs + 2;
        Ok(Estimate {
            values,
            base_values: none.to_vec(),
            std_error: self.std_error(&(&target - &self.rows.dot(&free))),
            n_coalitions,
            n_evaluations: n_coalitions * game.cost(),
            converged: None,
        })
    }

    /// Standard errors `(n_outputs, n_players)` from the residuals `(n_pairs, n_outputs)`:
    /// linearised, from the spread between batches of each stratum's pairs.
    fn std_error(&self, residuals: &Array2<f64>) -> Option<Array2<f64>> {
        let mut std_error = Array2::zeros((residuals.ncols(), self.n_players));
        let Some(first) = self.pairs.strata.first().map(|stratum| stratum.start) else {
            return Some(std_error);
        };
        if self.spread.len() < MIN_SAMPLED {
            return None;
        }
        for (output, residuals) in residuals.columns().into_iter().enumerate() {
            let mut batches = Array2::<f64>::zeros((N_BATCHES, self.n_players - 1));
            for stratum in &self.pairs.strata {
                let n = stratum.len() as f64;
                let score = |pair: usize| self.spread[pair - first] * residuals[pair];
                let mut mean = Array1::zeros(self.n_players - 1);
                stratum.clone().for_each(|p| mean.scaled_add(score(p) / n, &self.rows.row(p)));
                // Batch sizes differ by one at most.
                let (each, more) = (stratum.len() / N_BATCHES, stratum.len() % N_BATCHES);
                let squares = more * (each + 1).pow(2) + (N_BATCHES - more) * each.pow(2);
                let scale = (n / (n - squares as f64 / n)).sqrt();
                for (i, pair) in stratum.clone().enumerate() {
                    let mut batch = batches.row_mut(i % N_BATCHES);
                    batch.scaled_add(scale * score(pair), &self.rows.row(pair));
                    batch.scaled_add(-scale, &mean);
                }
            }
            for deviation in batches.dot(&self.inverse).outer_iter() {
                let mut sums = std_error.row_mut(output);
                for (sum, &d) in sums.iter_mut().zip(&deviation) {
                    *sum += d * d;
                }
                sums[self.n_players - 1] += deviation.sum().powi(2);
            }
        }
        Some(std_error.mapv_into(f64::sqrt))
    }
}
