//! Interactions by their definition: every coalition once.

use ndarray::Array2;

use super::{Index, InteractionEstimate, InteractionEstimator, PreparedInteractions};
use crate::error::{Result, require, require_shape};
use crate::game::Game;
use crate::interaction::Interactions;
use crate::run::Run;
use crate::shapley::{evaluate, require_players};

/// Most players: 65 536 coalitions, and 120 pairs.
const MAX_PLAYERS: usize = 16;

/// Computes the interactions of all pairs exactly, from all `2ⁿ` coalitions.
///
/// ```text
/// I(a, b) = Σ_{T ∌ a, b} w(|T|) Δ_ab v(T)
///
/// Shapley    w(t) = t! (n − t − 2)! / (n − 1)!
/// Taylor     w(t) = 2 t! (n − t − 1)! / n!
/// Faithful   w(t) = 6 (t + 1)! (n − t − 1)! / (n + 1)!
/// ```
///
/// The oracle that [`KernelInteractions`](super::KernelInteractions) is tested against. A player
/// that adds nothing has no interaction to the bit.
///
/// # Units
///
/// Those of the game.
///
/// # Cost
///
/// `2ⁿ` coalitions and `n² · 2ⁿ⁻²` additions per output.
///
/// # When it misleads
///
/// It is exact for the game, and inherits what the game asks: see [`Removal`](crate::Removal). An
/// interaction of three players is divided among their pairs.
///
/// # Errors
///
/// [`Error::Parameter`](crate::Error::Parameter) for more than 16 players; whatever the game
/// returns.
///
/// # Example
///
/// See [`interactions`](super::interactions).
///
/// # References
///
/// As for [`Index`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExactInteractions {
    /// How discrete derivatives are weighted; default [`Index::Shapley`].
    pub index: Index,
}

impl InteractionEstimator for ExactInteractions {
    fn name(&self) -> String {
        format!("exact {}", self.index.name())
    }

    fn prepare(&self, _run: &Run<'_>, n_players: usize) -> Result<PreparedInteractions<'_>> {
        require_players(n_players)?;
        require(
            n_players <= MAX_PLAYERS,
            "n_players",
            n_players,
            "at most 16 for exact interactions; score groups, or use `KernelInteractions`",
        )?;
        Ok(Box::new(move |run, game| self.compute(run, game, n_players)))
    }
}

impl ExactInteractions {
    fn compute(self, run: &Run<'_>, game: &dyn Game, n: usize) -> Result<InteractionEstimate> {
        require_shape("the game's list of players", &[n], &[game.n_players()])?;
        let n_coalitions = 1_usize << n;
        // Player i is bit i of a coalition's index.
        let worth = evaluate(run, game, n_coalitions, |index, mut coalition| {
            for (player, present) in coalition.iter_mut().enumerate() {
                *present = index >> player & 1 == 1;
            }
        })?;
        let weights = self.index.weights(n);
        let mut effects = Array2::zeros((Interactions::n_pairs(n)?, game.n_outputs()));
        for (output, worth) in worth.columns().into_iter().enumerate() {
            let worth = worth.to_vec();
            for a in 0..n {
                let single = |without: usize| worth[without | 1 << a] - worth[without];
                effects[[Interactions::pair(n, a, a), output]] =
                    sum(n, 1 << a, &weights.single, single);
                for b in a + 1..n {
                    let joint = |without: usize| single(without | 1 << b) - single(without);
                    effects[[Interactions::pair(n, a, b), output]] =
                        sum(n, 1 << a | 1 << b, &weights.pair, joint);
                }
            }
        }
        weights.arrange(n, &mut effects);
        let values = effects.reversed_axes();
        Ok(InteractionEstimate {
            std_error: Some(Array2::zeros(values.dim())),
            values,
            base_values: worth.row(0).to_vec(),
            n_coalitions,
            n_evaluations: n_coalitions * game.cost(),
        })
    }
}

/// The sum over coalitions without `players` of what they add, weighted by the coalition's size.
fn sum(n: usize, players: usize, weights: &[f64], added: impl Fn(usize) -> f64) -> f64 {
    let mut of_size = [0.0; MAX_PLAYERS];
    for without in (0..1_usize << n).filter(|coalition| coalition & players == 0) {
        of_size[without.count_ones() as usize] += added(without);
    }
    weights.iter().zip(of_size).map(|(weight, sum)| weight * sum).sum()
}
