//! Which players belong together: a coalition structure, with unions of unions if there are any.

use crate::error::{Error, Result, require};
use crate::hierarchy::Hierarchy;
use crate::rng::Rng;

/// A list of more players would not fit into memory.
const MAX_PLAYERS: usize = 1 << 20;

/// A tree of unions over the players of a game: what [`Owen`](super::Owen) values respect.
///
/// A union of one is its only member, and one that holds all players is the whole: they change
/// nothing.
///
/// # Example
///
/// ```
/// use fi_core::shapley::Structure;
///
/// let flat = Structure::unions(5, &[vec![0, 1, 2], vec![3, 4]])?;
/// // The same, with players 0 and 1 nearer to each other.
/// let nested = Structure::levels(
///     5,
///     &[vec![vec![0, 1], vec![2], vec![3, 4]], vec![vec![0, 1, 2], vec![3, 4]]],
/// )?;
/// assert_eq!((flat.n_unions(), nested.n_unions()), (2, 3));
/// # Ok::<(), fi_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Structure {
    n_players: usize,
    /// The parts of each union: players `0..n`, and `n + k` for union `k`. A union comes after its
    /// parts; the last one is the whole, whose parts may be a single player.
    unions: Vec<Vec<usize>>,
}

impl Structure {
    /// Players `0..n_players` in unions that do not overlap; each player is in one, or alone.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] unless there are 1 to 1 048 576 players; [`Error::Data`] for an empty
    /// union, a player that does not exist or is in two unions.
    pub fn unions(n_players: usize, unions: &[Vec<usize>]) -> Result<Self> {
        Self::levels(n_players, &[unions.to_vec()])
    }

    /// Several levels of unions, from the finest to the coarsest: each union of a level is made of
    /// whole unions of the level before, and of players that were alone there.
    ///
    /// # Errors
    ///
    /// As for [`Structure::unions`]; [`Error::Data`] for a union that parts one of the level
    /// before.
    pub fn levels(n_players: usize, levels: &[Vec<Vec<usize>>]) -> Result<Self> {
        let requirement = format!("from 1 to {MAX_PLAYERS}");
        require((1..=MAX_PLAYERS).contains(&n_players), "n_players", n_players, requirement)?;
        let mut unions: Vec<Vec<usize>> = Vec::new();
        // The part that each player is in so far, and how many players that has.
        let mut part_of: Vec<usize> = (0..n_players).collect();
        let mut sizes: Vec<usize> = vec![1; n_players];
        for (level, members) in levels.iter().enumerate() {
            let mut seen = vec![false; n_players];
            for union in members {
                if union.is_empty() {
                    return Err(Error::Data(format!(
                        "a union of level {level} has no players, give it at least one"
                    )));
                }
                let mut parts = Vec::with_capacity(union.len());
                for &player in union {
                    let Some(seen) = seen.get_mut(player) else {
                        return Err(Error::Data(format!(
                            "a union of level {level} names player {player}, but there are only \
                             {n_players} players"
                        )));
                    };
                    if std::mem::replace(seen, true) {
                        return Err(Error::Data(format!(
                            "player {player} is in the unions of level {level} twice, name it once"
                        )));
                    }
                    parts.push(part_of[player]);
                }
                parts.sort_unstable();
                parts.dedup();
                if parts.iter().map(|&part| sizes[part]).sum::<usize>() != union.len() {
                    return Err(Error::Data(format!(
                        "a union of level {level} parts one of the level before, a level must be \
                         made of whole unions of the one before"
                    )));
                }
                if parts.len() > 1 {
                    for &player in union {
                        part_of[player] = sizes.len();
                    }
                    sizes.push(union.len());
                    unions.push(parts);
                }
            }
        }
        let mut parts = part_of;
        parts.sort_unstable();
        parts.dedup();
        // A union of all players is the whole already.
        if parts.len() > 1 || unions.is_empty() {
            unions.push(parts);
        }
        Ok(Self { n_players, unions })
    }

    /// How many players there are.
    pub fn n_players(&self) -> usize {
        self.n_players
    }

    /// How many unions of at least two players there are on all levels, without the whole.
    pub fn n_unions(&self) -> usize {
        self.unions.len() - 1
    }

    /// The unions, the whole last: the parts of each.
    pub(super) fn parts(&self) -> &[Vec<usize>] {
        &self.unions
    }

    /// A random order of joining in which the players of each union follow one another.
    pub(super) fn draw_order(&self, rng: &mut Rng) -> Vec<usize> {
        let mut order = Vec::with_capacity(self.n_players);
        let mut open = vec![self.n_players + self.unions.len() - 1];
        while let Some(part) = open.pop() {
            let Some(union) = part.checked_sub(self.n_players) else {
                order.push(part);
                continue;
            };
            let first = open.len();
            open.extend(&self.unions[union]);
            rng.shuffle(&mut open[first..]);
        }
        order
    }
}

impl Hierarchy {
    /// The clusters of several cuts as the structure of Owen values, where each feature is a
    /// player. All heights of [`Hierarchy::merges`] give the whole tree.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] for a distance that is negative or no number.
    pub fn structure(&self, distances: &[f64]) -> Result<Structure> {
        let n = self.names().len();
        let unions = |component: Vec<usize>| {
            let mut unions: Vec<Vec<usize>> = vec![Vec::new(); n];
            for (feature, root) in component.into_iter().enumerate() {
                unions[root].push(feature);
            }
            unions.retain(|union| !union.is_empty());
            unions
        };
        let levels: Vec<_> = self.levels(distances)?.into_iter().map(unions).collect();
        Structure::levels(n, &levels)
    }
}
