//! Which players the local fit may use.

use serde::{Deserialize, Serialize};

use super::local::{Centred, Cholesky, DEPENDENT, Dependent, Ridge};

/// The penalty of the fit from which [`Selection::HighestWeights`] takes its weights.
const WEIGHTS_PENALTY: f64 = 0.01;
/// From how many features on [`Selection::Auto`] no longer selects forward.
const MANY_FEATURES: usize = 6;

/// How the players of a local fit are chosen, for each output on its own.
///
/// All of them look only at the weighted moments of the neighbourhood, so that a step costs a
/// sweep over players and not over samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Selection {
    /// All players; [`Lime::n_features`](super::Lime::n_features) is not used.
    All,
    /// One player after the other, each time that with which a fit without a penalty has the
    /// highest weighted R².
    ForwardSelection,
    /// The players with the largest `|coefficient × value of the instance|` in a fit of all, with
    /// a penalty of 0.01. Where an instance is 1 at every player (with bins), that is the size of
    /// the coefficient.
    HighestWeights,
    /// The last set of at most `n_features` players on the lasso's path from the empty set to
    /// least squares.
    LassoPath,
    /// Forward selection of up to 6 features, the highest weights beyond.
    Auto,
}

impl Selection {
    /// At most `n_features` players for one output, ascending.
    pub(super) fn choose(
        self,
        centred: &Centred,
        output: usize,
        n_features: usize,
        instance: &[f64],
    ) -> Result<Vec<usize>, Dependent> {
        let n_players = centred.n_players();
        let mut chosen = match self {
            Self::All => (0..n_players).collect(),
            Self::ForwardSelection => forward(centred, output, n_features),
            Self::HighestWeights => {
                let all: Vec<usize> = (0..n_players).collect();
                let ridge = Ridge::new(centred.gram(), &all, WEIGHTS_PENALTY)?;
                let coefficients = ridge.coefficients(&centred.with_output(output));
                let weight = |player: usize| (coefficients[player] * instance[player]).abs();
                let mut order = all;
                order.sort_by(|&a, &b| weight(b).total_cmp(&weight(a)));
                order.truncate(n_features);
                order
            }
            Self::LassoPath => lasso_path(centred, output, n_features),
            Self::Auto => {
                let selection = if n_features <= MANY_FEATURES {
                    Self::ForwardSelection
                } else {
                    Self::HighestWeights
                };
                return selection.choose(centred, output, n_features, instance);
            }
        };
        chosen.sort_unstable();
        Ok(chosen)
    }
}

/// Each step sweeps the chosen player out of the products of the others: what is left are
/// products of residuals, and `(product with the output)² / square` is what a player adds to the
/// explained sum of squares.
fn forward(centred: &Centred, output: usize, n_features: usize) -> Vec<usize> {
    let n_players = centred.n_players();
    let mut gram = centred.gram().to_owned();
    let mut products = centred.with_output(output);
    let squares = gram.diag().to_vec();
    let mut chosen: Vec<usize> = Vec::new();
    while chosen.len() < n_features.min(n_players) {
        let mut best: Option<(usize, f64)> = None;
        for player in (0..n_players).filter(|player| !chosen.contains(player)) {
            let left = gram[[player, player]];
            let independent = left > DEPENDENT * squares[player];
            let gain = if independent { products[player].powi(2) / left } else { 0.0 };
            if best.is_none_or(|(_, most)| gain > most) {
                best = Some((player, gain));
            }
        }
        let Some((player, gain)) = best else { break };
        chosen.push(player);
        if gain > 0.0 {
            let (row, square, product) =
                (gram.row(player).to_owned(), gram[[player, player]], products[player]);
            for other in 0..n_players {
                let share = row[other] / square;
                products[other] -= share * product;
                gram.row_mut(other).scaled_add(-share, &row);
            }
        }
    }
    chosen
}

/// Least angle regression with the lasso's changes (Efron et al. 2004, section 3.1): all active
/// players keep the same absolute product with the residual, which falls until another player
/// has it too, or a coefficient reaches 0 and its player leaves.
fn lasso_path(centred: &Centred, output: usize, n_features: usize) -> Vec<usize> {
    let (n_players, gram) = (centred.n_players(), centred.gram());
    let mut products = centred.with_output(output);
    let mut coefficients = vec![0.0_f64; n_players];
    let largest = products.iter().fold(0.0_f64, |largest, product| largest.max(product.abs()));
    let mut usable: Vec<bool> = gram.diag().iter().map(|&square| square > 0.0).collect();
    let (mut active, mut factor) = (Vec::new(), Cholesky::default());
    let mut left: Option<usize> = None;
    let mut chosen = Vec::new();
    // A path may turn back, but not for ever.
    for _ in 0..8 * n_players + 8 {
        // After a player has left, the others go on first.
        let before = left.take();
        if before.is_none() {
            let waiting = (0..n_players).filter(|j| usable[*j] && !active.contains(j));
            let next = waiting
                .reduce(|best, j| if products[j].abs() > products[best].abs() { j } else { best });
            if let Some(player) = next {
                let cross: Vec<f64> = active.iter().map(|&j: &usize| gram[[player, j]]).collect();
                if !factor.push(&cross, gram[[player, player]]) {
                    usable[player] = false;
                    continue;
                }
                active.push(player);
            }
        }
        let level = active.first().map_or(0.0, |&j| products[j].abs());
        if level <= f64::EPSILON * largest {
            break;
        }
        let mut direction: Vec<f64> = active.iter().map(|&j| products[j].signum()).collect();
        factor.solve(&mut direction);
        let slope = |player: usize| -> f64 {
            active.iter().zip(&direction).map(|(&j, step)| gram[[player, j]] * step).sum()
        };
        // How far until a product of another is as large; at `level` all products are 0.
        let mut step = level;
        for player in (0..n_players).filter(|&j| usable[j] && !active.contains(&j)) {
            let slope = slope(player);
            for meet in [
                (level - products[player]) / (1.0 - slope),
                (level + products[player]) / (1.0 + slope),
            ] {
                // What has just left stands at `level` itself.
                let least = if before == Some(player) { 1e-9 * level } else { 0.0 };
                if meet > least && meet < step {
                    step = meet;
                }
            }
        }
        for (&player, change) in active.iter().zip(&direction) {
            let zero = -coefficients[player] / change;
            if zero > 0.0 && zero < step {
                (step, left) = (zero, Some(player));
            }
        }
        for (&player, change) in active.iter().zip(&direction) {
            coefficients[player] += step * change;
        }
        let slopes: Vec<f64> = (0..n_players).map(slope).collect();
        for (product, slope) in products.iter_mut().zip(slopes) {
            *product -= step * slope;
        }
        if let Some(player) = left {
            coefficients[player] = 0.0;
            active.retain(|&other| other != player);
            factor = Cholesky::default();
            for (place, &j) in active.iter().enumerate() {
                let cross: Vec<f64> = active[..place].iter().map(|&k| gram[[j, k]]).collect();
                factor.push(&cross, gram[[j, j]]);
            }
        }
        if active.len() <= n_features {
            chosen.clone_from(&active);
        }
        if step >= level {
            break;
        }
    }
    chosen
}
