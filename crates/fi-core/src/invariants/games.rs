//! Random games, as tables of every coalition's worth.

use std::ops::RangeInclusive;

use ndarray::{Array2, ArrayView2, Axis};
use proptest::prelude::*;

use crate::error::{Result, require, require_shape};
use crate::game::Game;

/// A game given by the worth of every coalition.
#[derive(Debug, Clone, PartialEq)]
pub struct TableGame {
    n_players: usize,
    worth: Array2<f64>,
}

impl TableGame {
    /// The game of `n_players` in which coalition `k` is worth row `k` of `(2ⁿ, n_outputs)`
    /// numbers; player `i` is present in it if bit `i` of `k` is set.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](crate::Error::Parameter) unless there are 1 to 20 players;
    /// [`Error::Shape`](crate::Error::Shape) unless there are `2ⁿ` rows.
    pub fn new(n_players: usize, worth: Array2<f64>) -> Result<Self> {
        require((1..=20).contains(&n_players), "n_players", n_players, "from 1 to 20")?;
        require_shape("the table of worths", &[1 << n_players, worth.ncols()], worth.shape())?;
        Ok(Self { n_players, worth })
    }

    /// The worth `(2ⁿ, n_outputs)` of every coalition.
    pub fn worth(&self) -> ArrayView2<'_, f64> {
        self.worth.view()
    }
}

impl Game for TableGame {
    fn n_players(&self) -> usize {
        self.n_players
    }
    fn n_outputs(&self) -> usize {
        self.worth.ncols()
    }
    fn values(&self, coalitions: ArrayView2<'_, bool>) -> Result<Array2<f64>> {
        let expected = [coalitions.nrows(), self.n_players];
        require_shape("the table of coalitions", &expected, coalitions.shape())?;
        let index = |coalition: ndarray::ArrayView1<'_, bool>| {
            coalition
                .iter()
                .enumerate()
                .map(|(player, &present)| usize::from(present) << player)
                .sum()
        };
        let rows: Vec<usize> = coalitions.outer_iter().map(index).collect();
        Ok(self.worth.select(Axis(0), &rows))
    }
}

/// Games whose coalitions are worth anything in `[−10, 10]`.
///
/// `n_players` from 1 to 20, but a table has `2ⁿ` rows: keep it to about 10.
pub fn games(
    n_players: RangeInclusive<usize>,
    n_outputs: RangeInclusive<usize>,
) -> impl Strategy<Value = TableGame> {
    (n_players, n_outputs).prop_flat_map(|(n_players, n_outputs)| {
        let n_players = n_players.clamp(1, 20);
        let rows = 1 << n_players;
        proptest::collection::vec(-10.0..10.0_f64, rows * n_outputs).prop_map(move |worth| {
            let worth = Array2::from_shape_fn((rows, n_outputs), |(k, o)| worth[k * n_outputs + o]);
            TableGame { n_players, worth }
        })
    })
}

/// Games with a player that adds nothing to any coalition, and that player.
pub fn games_with_null_player(
    n_players: RangeInclusive<usize>,
    n_outputs: RangeInclusive<usize>,
) -> impl Strategy<Value = (TableGame, usize)> {
    (games(n_players, n_outputs), any::<prop::sample::Index>()).prop_map(|(game, index)| {
        let player = index.index(game.n_players);
        let without: Vec<usize> = (0..game.worth.nrows()).map(|k| k & !(1 << player)).collect();
        let worth = game.worth.select(Axis(0), &without);
        (TableGame { worth, ..game }, player)
    })
}

/// Games of at least 2 players in which two different players add the same to every coalition
/// that has neither, and those two.
pub fn games_with_symmetric_players(
    n_players: RangeInclusive<usize>,
    n_outputs: RangeInclusive<usize>,
) -> impl Strategy<Value = (TableGame, (usize, usize))> {
    let n_players = (*n_players.start()).max(2)..=(*n_players.end()).max(2);
    let indices = (any::<prop::sample::Index>(), any::<prop::sample::Index>());
    (games(n_players, n_outputs), indices).prop_map(|(game, (first, second))| {
        let a = first.index(game.n_players);
        let b = (a + 1 + second.index(game.n_players - 1)) % game.n_players;
        // Where only b is present, look up the coalition with a in its place.
        let rows: Vec<usize> = (0..game.worth.nrows())
            .map(|k| if k >> a & 1 == 0 && k >> b & 1 == 1 { k ^ (1 << a) ^ (1 << b) } else { k })
            .collect();
        let worth = game.worth.select(Axis(0), &rows);
        (TableGame { worth, ..game }, (a, b))
    })
}
