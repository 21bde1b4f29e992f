//! Weighted quantiles, for the leaves of losses that have no second derivative.

/// The quantile of this level: the lowest value whose share of the weight, with all values below
/// it, exceeds `level`; half-way to the value before where that one's share is `level` exactly.
///
/// Weights are ignored unless `weighted`; a whole weight is worth as much as so many copies.
/// `pairs` are values and weights, at least one of them positive.
pub(super) fn weighted_quantile(mut pairs: Vec<(f64, f64)>, weighted: bool, level: f64) -> f64 {
    let by_value = |a: &(f64, f64), b: &(f64, f64)| a.0.total_cmp(&b.0);
    if !weighted {
        let place = level * pairs.len() as f64;
        let index = (place as usize).min(pairs.len() - 1);
        let (below, &mut (value, _), _) = pairs.select_nth_unstable_by(index, by_value);
        if place.fract() == 0.0 && index > 0 {
            let before = below.iter().map(|pair| pair.0).fold(f64::NEG_INFINITY, f64::max);
            return before / 2.0 + value / 2.0;
        }
        return value;
    }
    pairs.retain(|&(_, weight)| weight > 0.0);
    pairs.sort_by(by_value);
    let total: f64 = pairs.iter().map(|pair| pair.1).sum();
    let mut sum = 0.0;
    for (index, &(value, weight)) in pairs.iter().enumerate() {
        sum += weight;
        if sum == level * total
            && let Some(&(next, _)) = pairs.get(index + 1)
        {
            return value / 2.0 + next / 2.0;
        }
        if sum > level * total {
            return value;
        }
    }
    pairs.last().map_or(0.0, |pair| pair.0)
}

#[cfg(test)]
mod tests {
    use super::weighted_quantile;

    #[test]
    fn quantiles_are_those_of_repeated_values() {
        let values = [3.0, 1.0, 2.0, 10.0];
        let ones = |values: &[f64]| values.iter().map(|&x| (x, 1.0)).collect::<Vec<_>>();
        assert_eq!(weighted_quantile(ones(&values), false, 0.5), 2.5);
        assert_eq!(weighted_quantile(ones(&values[..3]), false, 0.5), 2.0);
        assert_eq!(weighted_quantile(ones(&values[..1]), false, 0.9), 3.0);
        for level in [0.1, 0.25, 0.5, 0.6, 0.75, 0.99] {
            let weighted = vec![(3.0, 2.0), (1.0, 3.0), (7.0, 0.0), (2.0, 1.0), (10.0, 2.0)];
            let repeated = [1.0, 3.0, 2.0, 10.0, 1.0, 3.0, 1.0, 10.0];
            let expected = weighted_quantile(ones(&repeated), false, level);
            assert_eq!(weighted_quantile(weighted, true, level), expected, "{level}");
            assert_eq!(weighted_quantile(ones(&repeated), true, level), expected, "{level}");
        }
    }
}
