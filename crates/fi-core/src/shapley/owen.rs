//! Owen values: Shapley values for players that belong together.

use ndarray::Array2;

use super::{Estimate, Estimator, Permutation, Structure, evaluate, require_players};
use crate::error::{Result, require, require_shape};
use crate::game::Game;
use crate::run::Run;

/// Most coalitions of the exact computation.
const MAX_COALITIONS: usize = 1 << 20;
/// A coalition is the bits of a number.
const MAX_PLAYERS: usize = 128;

/// Computes Owen values: what each player adds, averaged over the orders of joining in which the
/// players of each union follow one another.
///
/// ```text
/// φᵢ = Σ_{H ⊆ M∖k} Σ_{T ⊆ Bₖ∖i} w(|H|, m) w(|T|, bₖ) [v(Q ∪ T ∪ {i}) − v(Q ∪ T)]
///
/// M    the m unions              Bₖ   the union of player i, of bₖ players
/// Q    all players of unions H   w(s, n) = s! (n − s − 1)! / n!, the weight of Shapley values
/// ```
///
/// With unions of unions the same sum is taken on every level (Winter 1989). The values are
/// *efficient*, give a null player 0, and are *symmetric* within a union and between unions:
/// unions that are alike get the same. The values of a union add up to the Shapley value of the
/// union as one player (the *quotient game*), so a group is worth what it is worth, however finely
/// its inside is looked at. With unions of single players, or one of all, they are Shapley values.
///
/// On a binary tree they are what shap's `PartitionExplainer` finds, if its budget lets it ask for
/// every coalition of the tree.
///
/// Take them where features come in groups (one-hot columns, lags, clusters of correlated
/// features): coalitions that cut through another group are never asked for, so the model sees
/// fewer rows that cannot occur, and there are fewer coalitions.
///
/// # Units
///
/// Those of the game.
///
/// # Cost
///
/// Exact: up to `Σₖ 2^(m − 1) · 2^bₖ` coalitions, and at every further level likewise; at most
/// 2²⁰ and 128 players. A tree of pairs costs `2 n²` with `n` players. Sampling: that of
/// [`Permutation`].
///
/// # When it misleads
///
/// The structure is part of the question: other unions, other values. A player in a large union
/// and its like alone are not treated alike. It inherits the game's removal: see
/// [`Removal`](crate::Removal).
///
/// # Errors
///
/// [`Error::Shape`](crate::Error::Shape) if the structure has another number of players than the
/// game; [`Error::Parameter`](crate::Error::Parameter) for too many exact coalitions or players,
/// and as for [`Permutation`]; whatever the game returns.
///
/// # Example
///
/// ```
/// use fi_core::{Function, Players, Removal, Run, shapley};
/// use ndarray::{array, Axis, ArrayView2};
///
/// // a and b are one thing measured twice; c is the other thing. All three are needed.
/// let model = Function::new(3, 1, |x: ArrayView2<f64>| {
///     x.map_axis(Axis(1), |x| x[0] * x[1] * x[2]).insert_axis(Axis(1))
/// });
/// let players = Players::features(["a", "b", "c"])?;
/// let nothing = Removal::baseline(vec![0.0; 3])?;
/// let row = array![[1.0, 1.0, 12.0]];
///
/// let structure = shapley::Structure::unions(3, &[vec![0, 1]])?;
/// let owen = shapley::Owen { structure, sampling: None };
/// let found = shapley::explain(&Run::new(0), &owen, &model, row.view(), &players, &nothing)?;
/// // Half for each thing; Shapley values would be 4 for each column.
/// assert_eq!(found.values, array![[[3.0, 3.0, 6.0]]]);
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Owen (1977). *Values of games with a priori unions.* Mathematical Economics and Game Theory.
///   <https://doi.org/10.1007/978-3-642-45494-3_7>
/// - Winter (1989). *A value for cooperative games with levels structure of cooperation.*
///   International Journal of Game Theory 18(2). <https://doi.org/10.1007/BF01268161>
/// - López, Saboya (2009). *On the relationship between Shapley and Owen values.* Central European
///   Journal of Operations Research 17. <https://doi.org/10.1007/s10100-009-0100-8>
///
/// # See also
///
/// [`Exact`](super::Exact), without unions; [`Players::groups`](crate::Players::groups), which
/// score a group as one player; [`Hierarchy::structure`](crate::Hierarchy::structure).
#[derive(Debug, Clone, PartialEq)]
pub struct Owen {
    /// The unions of the players.
    pub structure: Structure,
    /// How to sample orders of joining that respect the structure, each with its reverse; `None`
    /// computes exactly.
    pub sampling: Option<Permutation>,
}

impl Estimator for Owen {
    fn name(&self) -> &'static str {
        "Owen values"
    }

    fn estimate(&self, run: &Run<'_>, game: &dyn Game) -> Result<Estimate> {
        let n = self.structure.n_players();
        require_players(game.n_players())?;
        require_shape("the game's list of players", &[n], &[game.n_players()])?;
        match &self.sampling {
            Some(permutation) => {
                let method = format!("{} of {:?}", self.name(), self.structure);
                permutation.walk_orders(run, game, &method, &|rng| self.structure.draw_order(rng))
            }
            None => exact(run, game, &self.structure),
        }
    }
}

/// What is present outside a union, in the orders in which its first player joins, and how likely.
type Outside = Vec<(u128, f64)>;

fn exact(run: &Run<'_>, game: &dyn Game, structure: &Structure) -> Result<Estimate> {
    let n = structure.n_players();
    require(
        n <= MAX_PLAYERS,
        "n_players",
        n,
        "at most 128 for exact Owen values; score groups, or set `sampling`",
    )?;
    check_size(structure)?;
    let members = members(structure);
    let outside = outside(structure, &members);
    // All coalitions that are asked for, each once.
    let mut asked: Vec<u128> = vec![0];
    for (union, parts) in structure.parts().iter().enumerate() {
        if parts.iter().any(|&part| part < n) {
            for &(others, _) in &outside[union] {
                asked.extend(subsets(parts, &members).map(|(inside, _)| others | inside));
            }
        }
    }
    asked.sort_unstable();
    asked.dedup();
    let worth = evaluate(run, game, asked.len(), |index, mut coalition| {
        for (player, present) in coalition.iter_mut().enumerate() {
            *present = asked[index] >> player & 1 == 1;
        }
    })?;
    let mut values = Array2::zeros((game.n_outputs(), n));
    for (union, parts) in structure.parts().iter().enumerate() {
        for &player in parts.iter().filter(|&&part| part < n) {
            let siblings: Vec<usize> =
                parts.iter().copied().filter(|&part| part != player).collect();
            let mut value = values.column_mut(player);
            for &(others, likely) in &outside[union] {
                for (inside, size) in subsets(&siblings, &members) {
                    let before = others | inside;
                    let at = |coalition: u128| {
                        worth.row(asked.partition_point(|&other| other < coalition))
                    };
                    let added = &at(before | 1 << player) - &at(before);
                    value.scaled_add(likely * weight(size, parts.len()), &added);
                }
            }
        }
    }
    let n_coalitions = asked.len();
    Ok(Estimate {
        std_error: Some(Array2::zeros(values.dim())),
        values,
        base_values: worth.row(0).to_vec(),
        n_coalitions,
        n_evaluations: n_coalitions * game.cost(),
        converged: None,
    })
}

/// The coalitions must be countable before they are made.
fn check_size(structure: &Structure) -> Result<()> {
    let n = structure.n_players();
    let mut outside = vec![1.0; structure.parts().len()];
    let mut total = 0.0;
    for (union, parts) in structure.parts().iter().enumerate().rev() {
        let subsets = outside[union] * 2.0_f64.powf(parts.len() as f64);
        if parts.iter().any(|&part| part < n) {
            total += subsets;
        }
        for part in parts.iter().filter_map(|part| part.checked_sub(n)) {
            outside[part] = subsets / 2.0;
        }
    }
    require(
        total <= MAX_COALITIONS as f64,
        "structure",
        format!("{total:.0} coalitions"),
        "one of at most 1048576 for exact Owen values; make smaller unions, or set `sampling`",
    )
}

/// The players of every part, as bits: the players themselves, then the unions.
fn members(structure: &Structure) -> Vec<u128> {
    let mut members: Vec<u128> = (0..structure.n_players()).map(|player| 1 << player).collect();
    for parts in structure.parts() {
        members.push(parts.iter().fold(0, |all, &part| all | members[part]));
    }
    members
}

/// What is present outside each union: any of its siblings, and what is outside their union.
fn outside(structure: &Structure, members: &[u128]) -> Vec<Outside> {
    let n = structure.n_players();
    let mut outside: Vec<Outside> = vec![vec![(0, 1.0)]; structure.parts().len()];
    for (union, parts) in structure.parts().iter().enumerate().rev() {
        for &part in parts.iter().filter(|&&part| part >= n) {
            let siblings: Vec<usize> =
                parts.iter().copied().filter(|&sibling| sibling != part).collect();
            let here = outside[union].iter().flat_map(|&(others, likely)| {
                subsets(&siblings, members).map(move |(present, size)| {
                    (others | present, likely * weight(size, parts.len()))
                })
            });
            outside[part - n] = here.collect();
        }
    }
    outside
}

/// All subsets of some parts: their players, and how many parts they have.
fn subsets<'a>(
    parts: &'a [usize],
    members: &'a [u128],
) -> impl Iterator<Item = (u128, usize)> + 'a {
    (0..1_usize << parts.len()).map(move |chosen| {
        let present = parts.iter().enumerate().filter(move |(i, _)| chosen >> i & 1 == 1);
        let players = present.fold(0, |all, (_, &part)| all | members[part]);
        (players, chosen.count_ones() as usize)
    })
}

/// How likely `size` of `n` come before a given one of them: `s! (n − s − 1)! / n!` each.
fn weight(size: usize, n: usize) -> f64 {
    let others = n - 1;
    let subsets = (0..size).fold(1.0, |c, i| c * (others - i) as f64 / (i + 1) as f64);
    1.0 / (n as f64 * subsets)
}
