//! The best split of a few rows: their places are counted and not sorted for.
//!
//! Most nodes of a fully grown tree have a handful of rows. Comparing each row with each takes
//! fewer steps there than putting slots in order, and has no branch to guess.

use super::kernel::{Cut, Index};
use super::moments::Moment;

/// Nodes with more rows take the general way.
pub(super) const FEW: usize = 16;

/// The best split between two ranks if it is better than `best`, for up to [`FEW`] rows none of
/// which is missing; `total` is their weight.
#[inline]
pub(super) fn best_of_few<I: Index>(
    ranks: &[I],
    list: &[I],
    pairs: &[Moment],
    total: f64,
    best: f64,
) -> Option<Cut> {
    match list.len() {
        2 => {
            // The only split there is.
            let (a, b) = (ranks[list[0].get()].get(), ranks[list[1].get()].get());
            let (low, high) = (a.min(b), a.max(b));
            (low < high).then_some(Cut { score: 0.0, low, high, missing_left: None })
        }
        3..=4 => best_of::<4, I>(ranks, list, pairs, total, best),
        5..=8 => best_of::<8, I>(ranks, list, pairs, total, best),
        _ => best_of::<FEW, I>(ranks, list, pairs, total, best),
    }
}

#[inline]
fn best_of<const N: usize, I: Index>(
    ranks: &[I],
    list: &[I],
    pairs: &[Moment],
    total: f64,
    best: f64,
) -> Option<Cut> {
    // What is beyond the rows stays behind them.
    let mut keys = [u16::MAX; N];
    for (key, id) in keys.iter_mut().zip(list) {
        *key = ranks[id.get()].get() as u16;
    }
    // A row's place: how many lie before it, of equal ranks those earlier in the list.
    let mut places = [0_u16; N];
    for (i, &key) in keys.iter().enumerate() {
        for (j, place) in places.iter_mut().enumerate() {
            let before = if i < j { key <= keys[j] } else { key < keys[j] };
            *place += u16::from(before);
        }
    }
    let (mut sorted, mut sums) = ([u16::MAX; N], [[0.0; 2]; N]);
    for ((&key, &place), pair) in keys.iter().zip(&places).zip(pairs) {
        sorted[usize::from(place) % N] = key;
        sums[usize::from(place) % N] = *pair;
    }
    let n = list.len().min(N);
    let (mut weight, mut sum) = (0.0, 0.0);
    let (mut best, mut found) = (best.max(-f64::MIN_POSITIVE), None);
    for (pair, ranks) in sums.iter().zip(sorted.windows(2)).take(n - 1) {
        weight += pair[0];
        sum += pair[1];
        let score = sum * sum / (weight * (total - weight));
        // NaN and infinity, from weights that vanish in rounding, are no score.
        if score > best && score < f64::INFINITY && ranks[0] != ranks[1] {
            best = score;
            found = Some((ranks[0], ranks[1]));
        }
    }
    found.map(|(low, high)| {
        let (low, high) = (usize::from(low), usize::from(high));
        Cut { score: best, low, high, missing_left: None }
    })
}
