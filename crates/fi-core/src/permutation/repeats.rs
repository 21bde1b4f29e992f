//! What is finished of a permutation importance: repeats that are answered for all players.

use ndarray::Array2;

use crate::checkpoint::Checkpoint;
use crate::scorer::Answer;
use crate::statistics::{mean, sample_std};

/// Repeats between two looks at the tolerance; fixed, so that it does not depend on the calls.
const LOOK: usize = 8;

/// `(n_players, n_finished)` increases of a metric, in the order of the repeats.
pub(super) fn replicates(finished: &Checkpoint, m: usize, n_players: usize) -> Array2<f64> {
    let mut replicates = Array2::zeros((n_players, finished.answers.len()));
    for (mut of_repeat, answer) in
        replicates.columns_mut().into_iter().zip(finished.answers.values())
    {
        of_repeat
            .iter_mut()
            .zip(&answer[m * n_players..])
            .for_each(|(to, &increase)| *to = increase);
    }
    replicates
}

/// Whether, after a multiple of [`LOOK`] repeats without a gap, the shuffles' noise is at most this
/// share of the range of the values and 0.
pub(super) fn is_within(finished: &Checkpoint, n_players: usize, share: f64) -> bool {
    let n = finished.answers.len();
    let in_a_row = finished.answers.last_key_value().map(|(&last, _)| last + 1) == Some(n as u64);
    let look = n > 0 && n.is_multiple_of(LOOK) && in_a_row;
    look && (0..finished.moments.len()).all(|m| {
        let replicates = replicates(finished, m, n_players);
        let players = || replicates.rows().into_iter().map(|of_player| of_player.to_vec());
        let (low, high) = players().fold((0.0_f64, 0.0_f64), |(low, high), of_player| {
            let value = mean(of_player.iter());
            (low.min(value), high.max(value))
        });
        let noise = players().map(|of_player| sample_std(of_player.iter()) / (n as f64).sqrt());
        noise.fold(0.0, f64::max) <= share * (high - low)
    })
}

/// A repeat of which some players are answered.
pub(super) struct Begun {
    n_missing: usize,
    /// Of each metric, and in it each player.
    pub(super) increases: Vec<f64>,
    /// The contributions of each metric's players, one after another as they come, which is in
    /// order; `None` once one is not known.
    pub(super) draws: Vec<Option<Vec<f64>>>,
}

impl Begun {
    pub(super) fn new(n_players: usize, lens: &[usize]) -> Self {
        Self {
            n_missing: n_players,
            increases: vec![0.0; n_players * lens.len()],
            draws: lens.iter().map(|&len| Some(Vec::with_capacity(len))).collect(),
        }
    }

    /// Takes in a player's answer in each metric; whether it was the last.
    pub(super) fn add(&mut self, player: usize, answers: Vec<Answer>) -> bool {
        let n_players = self.increases.len() / self.draws.len().max(1);
        for (m, (answer, draws)) in answers.into_iter().zip(&mut self.draws).enumerate() {
            self.increases[m * n_players + player] = answer.increase;
            match (draws.as_mut(), answer.contributions) {
                (Some(all), Some(own)) if own.len() * player == all.len() => {
                    all.extend_from_slice(&own);
                }
                _ => *draws = None,
            }
        }
        self.n_missing -= 1;
        self.n_missing == 0
    }
}
