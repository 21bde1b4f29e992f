//! Features summed into players, and rows taken in blocks.

use fi_core::{Error, Interactions, Players, Result, require_shape};

use super::engine::pair;

/// So many numbers one block of answers may have, unless a single group of rows has more.
const MOST_NUMBERS: usize = 1 << 22;

/// How the features of a table make up players.
pub(super) struct Grouping<'a> {
    players: &'a Players,
    /// Every player is the feature at its own place.
    same: bool,
}

impl<'a> Grouping<'a> {
    pub(super) fn new(players: &'a Players, n_features: usize) -> Result<Self> {
        require_shape("the list of players' features", &[n_features], &[players.n_features()])?;
        let alone = |player: usize| players.members(player) == [player];
        let same = players.len() == n_features && (0..n_features).all(alone);
        Ok(Self { players, same })
    }

    /// Whether players and features are the same.
    pub(super) fn is_same(&self) -> bool {
        self.same
    }

    /// Sums `values[..][feature]` into `sums[..][player]`.
    pub(super) fn sum(&self, values: &[f64], sums: &mut [f64]) {
        let n_features = self.players.n_features();
        let lists = values.chunks_exact(n_features).zip(sums.chunks_exact_mut(self.players.len()));
        for (values, sums) in lists {
            for (player, sum) in sums.iter_mut().enumerate() {
                *sum = self.players.members(player).iter().map(|&feature| values[feature]).sum();
            }
        }
    }

    /// Sums `values[..][pair of features]` into `sums[..][pair of players]`: all entries of the
    /// symmetric matrix between the members of one and of the other.
    pub(super) fn sum_pairs(&self, values: &[f64], sums: &mut [f64]) -> Result<()> {
        let (n_features, n_players) = (self.players.n_features(), self.players.len());
        let (from, to) = (Interactions::n_pairs(n_features)?, Interactions::n_pairs(n_players)?);
        for (values, sums) in values.chunks_exact(from).zip(sums.chunks_exact_mut(to)) {
            for a in 0..n_players {
                for b in a..n_players {
                    let mut sum = 0.0;
                    for &i in self.players.members(a) {
                        for &j in self.players.members(b) {
                            sum += values[pair(i.min(j), i.max(j), n_features)];
                        }
                    }
                    sums[pair(a, b, n_players)] = sum;
                }
            }
        }
        Ok(())
    }
}

/// How many rows are answered at once if a row has `per_row` numbers.
pub(super) fn rows_per_block(block_rows: usize, per_row: usize) -> usize {
    block_rows.min(MOST_NUMBERS / per_row.max(1)).max(16)
}

/// Zeros, one per number of a whole result.
///
/// # Errors
///
/// [`Error::Data`] if they do not fit into memory.
pub(super) fn zeros(what: &str, instead: &str, shape: &[usize]) -> Result<Vec<f64>> {
    let len = shape.iter().try_fold(1_usize, |product, &n| product.checked_mul(n));
    let mut zeros = Vec::new();
    if len.is_none_or(|len| zeros.try_reserve_exact(len).is_err()) {
        return Err(Error::Data(format!(
            "{what} of shape {shape:?} do not fit into memory, {instead}"
        )));
    }
    zeros.resize(len.unwrap_or(0), 0.0);
    Ok(zeros)
}
