//! Shapley values by Štrumbelj and Kononenko's sampling: one order and one completion a draw.

use ndarray::{Array1, Array2};

use super::{Estimate, Estimator, ends, require_players};
use crate::cost::product;
use crate::error::{Result, require};
use crate::game::Game;
use crate::rng::Rng;
use crate::run::Run;

/// Draws in one task.
const CHUNK: usize = 2048;

/// Estimates Shapley values player by player, each draw with an order of joining and *one*
/// background row of its own.
///
/// ```text
/// φᵢ = E_{π, z} [v_z(before(i, π) ∪ {i}) − v_z(before(i, π))]
///
/// π         a random permutation of the players
/// z, v_z    one completion of the coalition, drawn as the game weighs them, and the worth of a
///           coalition completed by it alone: the prediction, with background row z
/// ```
///
/// A draw costs two predicted rows however large the background is, so it suits large
/// backgrounds. Games without completions (whose worth is not a mean over them) are asked for
/// the worth of the coalition itself. The estimate is unbiased and gives a player that adds
/// nothing 0 to the bit, but its values sum to `v(all) − v(none)` only in expectation, because
/// players are sampled independently.
///
/// # Units
///
/// Those of the game.
///
/// # Cost
///
/// `2 · n_samples · n_players` completed coalitions, and two whole ones. Standard errors shrink
/// as `1 / √n_samples`.
///
/// # When it misleads
///
/// It inherits the game's removal: see [`Removal`](crate::Removal). A player that matters in few
/// of the background rows has a skewed distribution of draws, whose standard error is too small
/// with few samples.
///
/// # Errors
///
/// [`Error::Parameter`](crate::Error::Parameter) if `n_samples < 2`; whatever the game returns.
///
/// # Example
///
/// ```
/// use fi_core::{Function, Players, Removal, Run, shapley};
/// use ndarray::{Array, array, ArrayView2};
///
/// let model = Function::new(2, 1, |rows: ArrayView2<f64>| rows.dot(&array![[3.0], [-1.0]]));
/// let players = Players::features(["a", "b"])?;
/// let background = Removal::marginal(Array::linspace(-1.0, 1.0, 80).into_shape_with_order((40, 2))?)?;
/// let row = array![[5.0, 2.0]];
///
/// let sampling = shapley::Sampling { n_samples: 1000 };
/// let shap =
///     shapley::explain(&Run::new(0), &sampling, &model, row.view(), &players, &background)?;
/// let std_error = shap.std_error.ok_or("sampling has standard errors")?;
/// // β (x − mean of the background) = 3 (5 − −0.0127).
/// assert!((shap.values[[0, 0, 0]] - 15.038).abs() < 4.0 * std_error[[0, 0, 0]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
///
/// - Štrumbelj, Kononenko (2014). *Explaining prediction models and individual predictions with
///   feature contributions.* Knowledge and Information Systems 41.
///   <https://doi.org/10.1007/s10115-013-0679-x>
///
/// # See also
///
/// [`Permutation`](super::Permutation), which is efficient and uses the whole background.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sampling {
    /// Draws per player, at least 2. Default 1000.
    pub n_samples: usize,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { n_samples: 1000 }
    }
}

impl Estimator for Sampling {
    fn name(&self) -> &'static str {
        "Shapley sampling"
    }

    fn n_evaluations(&self, game: &dyn Game) -> Option<u64> {
        let draws = product(&[2, game.n_players(), self.n_samples, game.completion_cost()]);
        Some(draws.saturating_add(product(&[2, game.cost()])))
    }

    fn estimate(&self, run: &Run<'_>, game: &dyn Game) -> Result<Estimate> {
        require(self.n_samples >= 2, "n_samples", self.n_samples, "at least 2")?;
        let n = game.n_players();
        require_players(n)?;
        let (none, _) = ends(game)?;
        let n_chunks = self.n_samples.div_ceil(CHUNK);
        let chunks = run.map(n * n_chunks, |task, rng| {
            let (player, chunk) = (task / n_chunks, task % n_chunks);
            draw(game, player, CHUNK.min(self.n_samples - chunk * CHUNK), rng)
        })?;
        let mut values = Array2::zeros((game.n_outputs(), n));
        let mut std_error = Array2::zeros(values.dim());
        for (player, chunks) in chunks.chunks(n_chunks).enumerate() {
            let mut sum = Draws::new(game.n_outputs());
            for chunk in chunks {
                sum.merge(chunk);
            }
            let n_samples = sum.n;
            values.column_mut(player).assign(&sum.mean);
            std_error
                .column_mut(player)
                .assign(&sum.squares.mapv(|x| (x / (n_samples - 1.0) / n_samples).sqrt()));
        }
        let n_draws = 2 * n * self.n_samples;
        Ok(Estimate {
            values,
            base_values: none.to_vec(),
            std_error: Some(std_error),
            n_coalitions: n_draws + 2,
            n_evaluations: n_draws * game.completion_cost() + 2 * game.cost(),
            converged: None,
        })
    }
}

/// Number, mean and squared deviations of draws, per output.
struct Draws {
    n: f64,
    mean: Array1<f64>,
    squares: Array1<f64>,
}

impl Draws {
    fn new(n_outputs: usize) -> Self {
        Self { n: 0.0, mean: Array1::zeros(n_outputs), squares: Array1::zeros(n_outputs) }
    }

    /// Chan, Golub and LeVeque's merge (1983, <https://doi.org/10.1080/00031305.1983.10483115>).
    fn merge(&mut self, other: &Self) {
        let n = self.n + other.n;
        let delta = &other.mean - &self.mean;
        self.mean.scaled_add(other.n / n, &delta);
        self.squares += &other.squares;
        self.squares.scaled_add(self.n * other.n / n, &(&delta * &delta));
        self.n = n;
    }
}

fn draw(game: &dyn Game, player: usize, n_samples: usize, rng: &mut Rng) -> Result<Draws> {
    let n = game.n_players();
    let mut order: Vec<usize> = (0..n).collect();
    let mut coalitions = Array2::from_elem((2 * n_samples, n), false);
    let mut completions = Vec::with_capacity(2 * n_samples);
    for sample in 0..n_samples {
        rng.shuffle(&mut order);
        for &before in order.iter().take_while(|&&other| other != player) {
            coalitions[[2 * sample, before]] = true;
            coalitions[[2 * sample + 1, before]] = true;
        }
        coalitions[[2 * sample + 1, player]] = true;
        completions.extend([game.draw_completion(rng); 2]);
    }
    let worth = game.complete(coalitions.view(), &completions)?;
    let worth = super::checked(game, worth, coalitions.nrows())?;
    let mut draws = Draws::new(game.n_outputs());
    for sample in 0..n_samples {
        let added = &worth.row(2 * sample + 1) - &worth.row(2 * sample);
        let zeros = Array1::zeros(added.len());
        draws.merge(&Draws { n: 1.0, mean: added, squares: zeros });
    }
    Ok(draws)
}
