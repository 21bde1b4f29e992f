//! Shapley values by their definition: every coalition once.

use ndarray::Array2;

use super::{Estimate, Estimator, evaluate, require_players};
use crate::error::{Result, require};
use crate::game::Game;
use crate::run::Run;

/// Most players: a million coalitions.
const MAX_PLAYERS: usize = 20;

/// Computes Shapley values exactly, from all `2ⁿ` coalitions.
///
/// ```text
/// φᵢ = 1/n Σ_s 1/C(n−1, s) Σ_{S ∌ i, |S| = s} [v(S ∪ {i}) − v(S)]
///
/// n  the number of players        v(S)  the worth of coalition S
/// ```
///
/// The oracle that the other estimators are tested against. A player that adds nothing gets 0
/// to the bit; the other axioms hold to rounding.
///
/// # Units
///
/// Those of the game.
///
/// # Cost
///
/// `2ⁿ` coalitions, `n · 2ⁿ⁻¹` additions and 8 bytes of memory per coalition and output: with
/// 20 players, a million coalitions and 8 MiB per output.
///
/// # When it misleads
///
/// It is exact for the game, and inherits what the game asks: see [`Removal`](crate::Removal).
///
/// # Errors
///
/// [`Error::Parameter`](crate::Error::Parameter) for more than 20 players; whatever the game
/// returns.
///
/// # Example
///
/// ```
/// use fi_core::{Game, Result, Run, shapley::{Estimator, Exact}};
/// use ndarray::{Array2, ArrayView2, Axis};
///
/// /// Player 0 holds a left glove, players 1 and 2 a right one; a pair is worth 1.
/// struct Gloves;
///
/// impl Game for Gloves {
///     fn n_players(&self) -> usize {
///         3
///     }
///     fn n_outputs(&self) -> usize {
///         1
///     }
///     fn values(&self, coalitions: ArrayView2<bool>) -> Result<Array2<f64>> {
///         let worth = |s: ndarray::ArrayView1<bool>| f64::from(s[0] && (s[1] || s[2]));
///         Ok(coalitions.map_axis(Axis(1), worth).insert_axis(Axis(1)))
///     }
/// }
///
/// let exact = Exact.estimate(&Run::new(0), &Gloves)?;
/// assert!((exact.values[[0, 0]] - 2.0 / 3.0).abs() < 1e-15);
/// assert!((exact.values[[0, 1]] - 1.0 / 6.0).abs() < 1e-15);
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Shapley (1953). *A value for n-person games.* Contributions to the Theory of Games II.
///   <https://doi.org/10.1515/9781400881970-018>
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Exact;

impl Estimator for Exact {
    fn name(&self) -> &'static str {
        "exact Shapley values"
    }

    fn n_evaluations(&self, game: &dyn Game) -> Option<u64> {
        let n_coalitions = 1_u64.checked_shl(game.n_players() as u32).unwrap_or(u64::MAX);
        Some(n_coalitions.saturating_mul(game.cost() as u64))
    }

    fn estimate(&self, run: &Run<'_>, game: &dyn Game) -> Result<Estimate> {
        let n = game.n_players();
        require_players(n)?;
        require(
            n <= MAX_PLAYERS,
            "n_players",
            n,
            "at most 20 for exact Shapley values; score groups, or use `Permutation` or `Kernel`",
        )?;
        let n_coalitions = 1_usize << n;
        // Player i is bit i of a coalition's index.
        let worth = evaluate(run, game, n_coalitions, |index, mut coalition| {
            for (player, present) in coalition.iter_mut().enumerate() {
                *present = index >> player & 1 == 1;
            }
        })?;
        let mut values = Array2::zeros((game.n_outputs(), n));
        for (output, worth) in worth.columns().into_iter().enumerate() {
            let worth = worth.to_vec();
            for player in 0..n {
                values[[output, player]] = value(&worth, n, player);
            }
        }
        Ok(Estimate {
            std_error: Some(Array2::zeros(values.dim())),
            values,
            base_values: worth.row(0).to_vec(),
            n_coalitions,
            n_evaluations: n_coalitions * game.cost(),
            converged: None,
        })
    }
}

/// The value of one player in a game of one output.
fn value(worth: &[f64], n: usize, player: usize) -> f64 {
    let bit = 1_usize << player;
    // What the player adds, summed over the coalitions of each size.
    let mut added = [0.0; MAX_PLAYERS];
    for high in (0..worth.len()).step_by(2 * bit) {
        for without in high..high + bit {
            added[without.count_ones() as usize] += worth[without | bit] - worth[without];
        }
    }
    let mut subsets = 1.0;
    let mut sum = 0.0;
    for (size, added) in added[..n].iter().enumerate() {
        sum += added / subsets;
        subsets *= (n - 1 - size) as f64 / (size + 1) as f64;
    }
    sum / n as f64
}
