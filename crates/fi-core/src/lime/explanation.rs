//! What LIME finds: attributions, and how far they can be trusted.

use ndarray::{Array2, Array3};
use serde::{Deserialize, Serialize};

use super::local::LocalFit;
use crate::attribution::Attribution;

/// Local fits of rows' predictions.
///
/// With several repeats, everything that a fit says is its mean over them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Explanation {
    /// The fits' coefficients, 0 for a player that was not selected; base values are the
    /// intercepts. With several repeats there are standard errors of the means over them: how
    /// far the draws may have moved them, nothing else.
    pub attribution: Attribution,
    /// `(n_rows, n_outputs)`: the weighted R² of the fits; 1 where the model is constant in the
    /// neighbourhood. Low values say that no line fits: the attributions describe little.
    pub r2: Array2<f64>,
    /// `(n_rows, n_outputs)`: what the fits say of the rows.
    pub local_predictions: Array2<f64>,
    /// `(n_rows, n_outputs)`: what the model says of them.
    pub predictions: Array2<f64>,
    /// `(n_rows, n_outputs, n_players)`: in which share of the repeats a player was selected.
    pub chosen: Array3<f64>,
    /// `(n_rows, n_players)`: what a player's value is the value of, such as
    /// `2.8 < petal width ≤ 4.35`.
    pub conditions: Vec<Vec<String>>,
    /// The width of the kernel.
    pub kernel_width: f64,
    /// Per row, how many samples of equal weight would have said as much. Near 1 the kernel is so
    /// narrow that the fit knows the row alone, and its coefficients are the penalty's: 0.
    pub effective_samples: Vec<f64>,
    /// How alike the repeats are, where there are at least 2.
    pub stability: Option<Stability>,
}

/// How alike LIME's answers to the same question are.
///
/// ```text
/// VSI = mean over pairs of repeats of  |Sₐ ∩ S_b| / max(|Sₐ|, |S_b|)
/// CSI = mean over players of the share of pairs of repeats whose intervals
///       coefficient ± 1.96 standard errors overlap
/// ```
///
/// where `Sₐ` is the set selected in repeat `a`, and a player counts in the CSI for the pairs of
/// repeats in which it was selected, if there are any. Standard errors are those of weighted
/// ridge regression. Both are from 0 to 1, the paper's in per cent.
///
/// # When it misleads
///
/// Stable is not right: a neighbourhood off the data answers the wrong question every time. The
/// VSI is 1 whenever all players are selected. The standard errors take the kernel's weights for
/// precisions, so an overlap is a rule of thumb and no test.
///
/// # References
///
/// - Visani, Bagli, Chesani, Poluzzi, Capuzzo (2022). *Statistical stability indices for LIME.*
///   Journal of the Operational Research Society 73(1).
///   <https://doi.org/10.1080/01605682.2020.1865846>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Stability {
    /// `(n_rows, n_outputs, n_players)`: the standard deviation of a value over the repeats,
    /// which is what a single answer may be off by.
    pub spread: Array3<f64>,
    /// `(n_rows, n_outputs)`: the variables stability index.
    pub vsi: Array2<f64>,
    /// `(n_rows, n_outputs)`: the coefficients stability index; 1 if no player was selected twice.
    pub csi: Array2<f64>,
}

/// The mean over pairs of repeats of how much of their selections they share.
pub(super) fn variables_index(fits: &[&LocalFit]) -> f64 {
    mean_over_pairs(fits, |a, b| {
        let most = a.chosen.len().max(b.chosen.len());
        let common = a.chosen.iter().filter(|player| b.chosen.contains(player)).count();
        Some(if most == 0 { 1.0 } else { common as f64 / most as f64 })
    })
    .unwrap_or(1.0)
}

/// The mean over players of how often their intervals overlap.
pub(super) fn coefficients_index(fits: &[&LocalFit]) -> f64 {
    let n_players = fits.first().map_or(0, |fit| fit.coefficients.len());
    let of_player = |player: usize| {
        mean_over_pairs(fits, |a, b| {
            let both = a.chosen.contains(&player) && b.chosen.contains(&player);
            let apart = (a.coefficients[player] - b.coefficients[player]).abs();
            let reach = 1.96 * (a.std_error[player] + b.std_error[player]);
            // Two exact and equal coefficients overlap.
            both.then(|| f64::from(u8::from(apart < reach || apart == 0.0)))
        })
    };
    let shares: Vec<f64> = (0..n_players).filter_map(of_player).collect();
    if shares.is_empty() { 1.0 } else { shares.iter().sum::<f64>() / shares.len() as f64 }
}

/// `None` if no pair says anything.
fn mean_over_pairs(
    fits: &[&LocalFit],
    of_pair: impl Fn(&LocalFit, &LocalFit) -> Option<f64>,
) -> Option<f64> {
    let (mut sum, mut n_pairs) = (0.0, 0_usize);
    for (place, a) in fits.iter().enumerate() {
        for b in &fits[..place] {
            if let Some(value) = of_pair(a, b) {
                sum += value;
                n_pairs += 1;
            }
        }
    }
    (n_pairs > 0).then(|| sum / n_pairs as f64)
}
