//! Spearman, Kendall's tau-b and the weighted tau of vectors that are not constant.

use std::cmp::Ordering;

use crate::statistics::{mean_ranks, pearson};

/// Pearson of average ranks.
pub(super) fn spearman(a: &[f64], b: &[f64]) -> f64 {
    pearson(&mean_ranks(a), &mean_ranks(b))
}

/// Kendall's tau-b by Knight's algorithm: sort by `a`, then count the exchanges that a merge sort
/// by `b` makes. Integers throughout, up to the last line.
pub(super) fn kendall(a: &[f64], b: &[f64]) -> f64 {
    let mut rows: Vec<(f64, f64)> = a.iter().copied().zip(b.iter().copied()).collect();
    rows.sort_by(|x, y| compare(x.0, y.0).then(compare(x.1, y.1)));
    let tied_a = tied_pairs(&rows, |x, y| x.0 == y.0);
    let tied_both = tied_pairs(&rows, |x, y| x == y);
    let mut by_b: Vec<f64> = rows.iter().map(|row| row.1).collect();
    let discordant = exchanges(&mut by_b);
    let tied_b = tied_pairs(&by_b, |x, y| x == y);
    let pairs = a.len() as i128 * (a.len() as i128 - 1) / 2;
    let concordant_minus_discordant = pairs - tied_a - tied_b + tied_both - 2 * discordant;
    let (left, right) = ((pairs - tied_a) as f64, (pairs - tied_b) as f64);
    (concordant_minus_discordant as f64 / left.sqrt() / right.sqrt()).clamp(-1.0, 1.0)
}

/// The order of finite numbers, in which −0 equals 0.
fn compare(x: f64, y: f64) -> Ordering {
    x.partial_cmp(&y).unwrap_or(Ordering::Equal)
}

fn tied_pairs<T>(sorted: &[T], same: impl FnMut(&T, &T) -> bool) -> i128 {
    sorted.chunk_by(same).map(|group| group.len() as i128 * (group.len() as i128 - 1) / 2).sum()
}

/// Sorts and counts the pairs that were in the wrong order.
fn exchanges(values: &mut [f64]) -> i128 {
    let n = values.len();
    let mut merged = values.to_vec();
    let mut exchanges = 0;
    let mut width = 1;
    while width < n {
        for start in (0..n).step_by(2 * width) {
            let (middle, end) = ((start + width).min(n), (start + 2 * width).min(n));
            let (mut left, mut right) = (start, middle);
            for slot in &mut merged[start..end] {
                if right == end || (left < middle && values[left] <= values[right]) {
                    *slot = values[left];
                    left += 1;
                } else {
                    *slot = values[right];
                    right += 1;
                    exchanges += (middle - left) as i128;
                }
            }
        }
        values.copy_from_slice(&merged);
        width *= 2;
    }
    exchanges
}

/// The mean of the weighted taus with ranks by `a` and by `b`.
pub(super) fn weighted_tau(a: &[f64], b: &[f64]) -> f64 {
    f64::midpoint(tau_with_ranks_of(a, b), tau_with_ranks_of(b, a))
}

/// `⟨a, b⟩ / (‖a‖ ‖b‖)` with `⟨a, b⟩ = ∑ sgn(aᵢ − aⱼ) sgn(bᵢ − bⱼ) (vᵢ + vⱼ)` over pairs, and
/// `v` the reciprocal ranks by `a`, ties broken by `b`.
fn tau_with_ranks_of(a: &[f64], b: &[f64]) -> f64 {
    let mut rows: Vec<(f64, f64)> = a.iter().copied().zip(b.iter().copied()).collect();
    rows.sort_by(|x, y| compare(y.0, x.0).then(compare(y.1, x.1)));
    let (mut product, mut norm_a, mut norm_b) = (0.0, 0.0, 0.0);
    for (i, x) in rows.iter().enumerate() {
        for (j, y) in rows.iter().enumerate().skip(i + 1) {
            let weight = 1.0 / (i + 1) as f64 + 1.0 / (j + 1) as f64;
            let (sign_a, sign_b) = (sign(x.0, y.0), sign(x.1, y.1));
            product += sign_a * sign_b * weight;
            norm_a += sign_a * sign_a * weight;
            norm_b += sign_b * sign_b * weight;
        }
    }
    (product / norm_a.sqrt() / norm_b.sqrt()).clamp(-1.0, 1.0)
}

fn sign(x: f64, y: f64) -> f64 {
    f64::from(compare(x, y) as i8)
}
