//! Overlap of the tops of two rankings.

/// `Aᵈ = 2 |Sᵈ ∩ Tᵈ| / (|Sᵈ| + |Tᵈ|)` for each depth `d` from 1.
pub(super) fn overlaps(a: &[f64], b: &[f64]) -> Vec<f64> {
    let (first_a, first_b) = (first_depths(a), first_depths(b));
    let n = a.len();
    // How many features enter each top, and both tops, at each depth.
    let (mut enter, mut enter_both) = (vec![0_usize; n + 1], vec![0_usize; n + 1]);
    for (&in_a, &in_b) in first_a.iter().zip(&first_b) {
        enter[in_a] += 1;
        enter[in_b] += 1;
        enter_both[in_a.max(in_b)] += 1;
    }
    let (mut size, mut both) = (0, 0);
    (1..=n)
        .map(|depth| {
            size += enter[depth];
            both += enter_both[depth];
            2.0 * both as f64 / size as f64
        })
        .collect()
}

/// The depth at which each feature enters the top: 1 + how many features beat it.
fn first_depths(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&i, &j| values[j].total_cmp(&values[i]));
    let mut depths = vec![0; values.len()];
    let mut before = 0;
    for tied in order.chunk_by(|&i, &j| values[i] == values[j]) {
        for &i in tied {
            depths[i] = before + 1;
        }
        before += tied.len();
    }
    depths
}

/// `pⁿ + (1 − p)/p ∑ pᵈ Aᵈ`; both rankings hold all features, so that `Aⁿ = 1`.
pub(super) fn rank_biased_overlap(a: &[f64], b: &[f64], p: f64) -> f64 {
    let mut weight = 1.0 - p;
    let mut sum = 0.0;
    for overlap in overlaps(a, b) {
        sum += weight * overlap;
        weight *= p;
    }
    // The weights left over sum to pⁿ.
    (sum + weight / (1.0 - p)).clamp(0.0, 1.0)
}
