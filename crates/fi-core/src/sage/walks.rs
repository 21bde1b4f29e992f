//! The permutation estimator: an order of joining, walked forwards and backwards.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

/// The coalitions between none and all on both walks.
pub(super) fn coalitions(order: &[usize]) -> Array2<bool> {
    let n = order.len();
    let mut coalitions = Array2::from_elem((2 * (n - 1), n), false);
    let mut members = Array1::from_elem(n, false);
    for (step, mut coalition) in coalitions.outer_iter_mut().enumerate() {
        let place = step % (n - 1);
        if place == 0 {
            members.fill(false);
        }
        members[if step < n - 1 { order[place] } else { order[n - 1 - place] }] = true;
        coalition.assign(&members);
    }
    coalitions
}

/// What each player adds, the mean of both walks, from the losses `(1 + n_coalitions, n_metrics)`
/// and those with all players.
pub(super) fn gains(
    order: &[usize],
    losses: ArrayView2<'_, f64>,
    all: ArrayView1<'_, f64>,
) -> Array2<f64> {
    let n = order.len();
    let mut gains = Array2::zeros((all.len(), n));
    for (metric, &all) in all.iter().enumerate() {
        for walk in 0..2 {
            let mut before = losses[[0, metric]];
            for step in 0..n {
                let player = order[if walk == 0 { step } else { n - 1 - step }];
                let last = step == n - 1;
                let after = if last { all } else { losses[[1 + walk * (n - 1) + step, metric]] };
                gains[[metric, player]] += 0.5 * (before - after);
                before = after;
            }
        }
    }
    gains
}
