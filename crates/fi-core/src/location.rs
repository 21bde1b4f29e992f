//! Where the middle of differences lies: a mean, a median or a pseudo-median, with an interval
//! and a one-sided test.

use statrs::distribution::{Binomial, ContinuousCDF, DiscreteCDF, Normal};

use crate::statistics::{mean_ranks, quantile, t_quantile, t_tail};

/// A location with its interval and the p-value of the hypothesis that it is not above 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Located {
    pub(crate) value: f64,
    /// `None` if there are too few differences for this confidence.
    pub(crate) interval: Option<(f64, f64)>,
    pub(crate) p_value: Option<f64>,
}

/// Student's t from a mean and its standard error, where there is one.
pub(crate) fn student(value: f64, error: Option<(f64, usize)>, confidence: f64) -> Located {
    let half = |(error, freedom): (f64, usize)| error * t_quantile(confidence, freedom);
    let p_value = |(error, freedom): (f64, usize)| {
        if error > 0.0 { t_tail(value / error, freedom) } else { f64::from(value <= 0.0) }
    };
    Located {
        value,
        interval: error.map(|error| (value - half(error), value + half(error))),
        p_value: error.map(p_value),
    }
}

/// The median, its interval of order statistics, and the sign test.
///
/// ```text
/// [x₍ₖ₎, x₍ₙ₊₁₋ₖ₎]  with the largest k that has  P(B ≤ k − 1) ≤ (1 − confidence) / 2
/// p = P(B ≥ #{x > 0})                            B binomial (n, ½)
/// ```
///
/// Zeros count as not positive, which keeps the level.
pub(crate) fn sign_test(sorted: &[f64], confidence: f64) -> Located {
    let n = sorted.len();
    let at_most =
        |k: usize| Binomial::new(0.5, n as u64).map_or(f64::NAN, |binomial| binomial.cdf(k as u64));
    let tail = (1.0 - confidence) / 2.0;
    let k = first(0, n, |k| at_most(k) > tail);
    let n_positive = sorted.iter().filter(|&&x| x > 0.0).count();
    // B is symmetric: P(B ≥ k) = P(B ≤ n − k).
    let p_value = Some(at_most(n - n_positive));
    let interval = (k > 0).then(|| (sorted[k - 1], sorted[n - k]));
    Located { value: quantile(sorted, 0.5).unwrap_or(f64::NAN), interval, p_value }
}

/// So few differences have their exact distribution of rank sums, in which counts are whole.
const MOST_EXACT: usize = 50;

/// The pseudo-median, its interval of Walsh averages, and Wilcoxon's signed-rank test.
///
/// ```text
/// value     the median of the M = n (n + 1) / 2 averages (xᵢ + xⱼ) / 2, i ≤ j   (Hodges, Lehmann)
/// interval  the k-th smallest and largest of them, with the largest k: P(W ≤ k − 1) ≤ (1 − c) / 2
/// p         P(W ≥ w),  w the sum of the ranks of |x| over the positive x; zeros are left out
/// ```
///
/// `W` is exact up to 50 differences (for `p`: without ties), and normal with a correction for
/// continuity and ties beyond.
pub(crate) fn signed_rank_test(sorted: &[f64], confidence: f64) -> Located {
    let n = sorted.len();
    let m = n * (n + 1) / 2;
    let value =
        f64::midpoint(walsh_average(sorted, m.div_ceil(2)), walsh_average(sorted, m / 2 + 1));
    let tail = (1.0 - confidence) / 2.0;
    let variance = rank_variance(n as f64);
    let exact = (n <= MOST_EXACT).then(|| rank_sums(n));
    let k = first(0, m, |w| match &exact {
        Some(at_most) => at_most[w] > tail,
        None => normal_tail((m as f64 / 2.0 - w as f64 - 0.5) / variance.sqrt()) > tail,
    });
    let interval = (k > 0).then(|| (walsh_average(sorted, k), walsh_average(sorted, m + 1 - k)));
    Located { value, interval, p_value: Some(signed_rank_p_value(sorted)) }
}

fn signed_rank_p_value(differences: &[f64]) -> f64 {
    let moved: Vec<f64> = differences.iter().copied().filter(|&x| x != 0.0).collect();
    let n = moved.len();
    if n == 0 {
        return 1.0;
    }
    let sizes: Vec<f64> = moved.iter().map(|x| x.abs()).collect();
    let ranks = mean_ranks(&sizes);
    let w: f64 = ranks.iter().zip(&moved).filter(|(_, x)| **x > 0.0).map(|(rank, _)| rank).sum();
    let m = n * (n + 1) / 2;
    let mut ordered = ranks.clone();
    ordered.sort_by(f64::total_cmp);
    let ties: f64 = ordered
        .chunk_by(|a, b| a == b)
        .map(|tied| (tied.len() as f64).powi(3) - tied.len() as f64)
        .sum();
    if ties == 0.0 && n <= MOST_EXACT {
        // W is symmetric: P(W ≥ w) = P(W ≤ m − w).
        return rank_sums(n)[m - w as usize];
    }
    let variance = rank_variance(n as f64) - ties / 48.0;
    normal_tail((w - m as f64 / 2.0 - 0.5) / variance.sqrt())
}

fn rank_variance(n: f64) -> f64 {
    n * (n + 1.0) * (2.0 * n + 1.0) / 24.0
}

/// `P(Z ≥ z)`.
fn normal_tail(z: f64) -> f64 {
    Normal::standard().sf(z)
}

/// `P(W ≤ w)` for every `w`: each of `n` ranks is in the sum or not, equally likely.
fn rank_sums(n: usize) -> Vec<f64> {
    let m = n * (n + 1) / 2;
    let mut counts = vec![0.0; m + 1];
    counts[0] = 1.0;
    for rank in 1..=n {
        for w in (rank..=m).rev() {
            counts[w] += counts[w - rank];
        }
    }
    let all = 2.0_f64.powi(n as i32);
    counts
        .iter()
        .scan(0.0, |sum, count| {
            *sum += count;
            Some(*sum / all)
        })
        .collect()
}

/// The first number from `low` on, below `high`, for which a condition that stays true is true;
/// `high` if there is none.
fn first(mut low: usize, mut high: usize, holds: impl Fn(usize) -> bool) -> usize {
    while low < high {
        let middle = usize::midpoint(low, high);
        if holds(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

/// The `k`-th smallest average of two of the sorted numbers or one with itself, `k` from 1.
///
/// There are too many to list: a bisection of all floating-point numbers asks how many averages
/// are at most some number, which takes one walk along the sorted numbers.
fn walsh_average(sorted: &[f64], k: usize) -> f64 {
    let at_most = |limit: f64| {
        let (mut end, mut count) = (sorted.len(), 0);
        for (i, &x) in sorted.iter().enumerate() {
            while end > i && f64::midpoint(x, sorted[end - 1]) > limit {
                end -= 1;
            }
            count += end.saturating_sub(i);
        }
        count
    };
    let (mut low, mut high) = (key(sorted[0]), key(sorted[sorted.len() - 1]));
    while low < high {
        let middle = u64::midpoint(low, high);
        if at_most(number(middle)) >= k {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    // Adding 0 makes −0 a 0.
    number(low) + 0.0
}

/// Bits that are in the order of their numbers.
fn key(x: f64) -> u64 {
    let bits = x.to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

fn number(key: u64) -> f64 {
    f64::from_bits(if key >> 63 == 1 { key & !(1 << 63) } else { !key })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    fn drawn(n: usize, centre: f64) -> Vec<f64> {
        let mut rng = Rng::new(n as u64, 3);
        let mut values: Vec<f64> = (0..n).map(|_| centre + rng.normal()).collect();
        values.sort_by(f64::total_cmp);
        values
    }

    #[test]
    fn walsh_averages_are_those_of_all_pairs() {
        for n in [1, 2, 7, 40] {
            let mut sorted = drawn(n, 0.0);
            sorted[0] = sorted[n / 2];
            sorted.sort_by(f64::total_cmp);
            let pairs = (0..n).flat_map(|i| (i..n).map(move |j| (i, j)));
            let mut all: Vec<f64> =
                pairs.map(|(i, j)| f64::midpoint(sorted[i], sorted[j])).collect();
            all.sort_by(f64::total_cmp);
            for (k, &average) in all.iter().enumerate() {
                assert_eq!(walsh_average(&sorted, k + 1), average, "{n} {k}");
            }
        }
    }

    /// Every subset of the ranks is equally likely.
    #[test]
    fn rank_sums_are_those_of_all_subsets() {
        let mut counts = [0.0; 22];
        for subset in 0_usize..64 {
            counts[(1..=6).filter(|rank| subset >> (rank - 1) & 1 == 1).sum::<usize>()] += 1.0;
        }
        let mut sum = 0.0;
        for (w, at_most) in rank_sums(6).into_iter().enumerate() {
            sum += counts[w];
            assert_eq!(at_most, sum / 64.0);
        }
    }

    #[test]
    fn order_statistics_by_hand() {
        // Of 6 differences, P(B ≤ 0) = 1/64 and P(B ≤ 1) = 7/64: all six make the interval.
        let six = [-1.0, 0.0, 2.0, 4.0, 5.0, 9.0];
        let found = sign_test(&six, 0.95);
        assert_eq!((found.value, found.interval), (3.0, Some((-1.0, 9.0))));
        // Four are positive: P(B ≥ 4) = (15 + 6 + 1) / 64.
        assert!((found.p_value.unwrap() - 22.0 / 64.0).abs() < 1e-12);
        assert_eq!(sign_test(&six, 0.7).interval, Some((0.0, 5.0)));
        // Five cannot say it with 95 %.
        assert_eq!(sign_test(&six[..5], 0.95).interval, None);
        assert_eq!(signed_rank_test(&six[..5], 0.95).interval, None);
        // P(W ≤ 0) = 1/64: the smallest and the largest average.
        let found = signed_rank_test(&six, 0.95);
        assert_eq!((found.value, found.interval), (3.0, Some((-1.0, 9.0))));
        assert_eq!(signed_rank_test(&[0.0, 0.0], 0.9).p_value, Some(1.0));
        let flat = student(0.0, Some((0.0, 4)), 0.9);
        assert_eq!((flat.interval, flat.p_value), (Some((0.0, 0.0)), Some(1.0)));
        assert_eq!(student(1.0, None, 0.9).p_value, None);
    }

    /// SciPy 1.17.1: `wilcoxon(…, alternative="greater")`, exact, and normal with correction;
    /// `binomtest`. R: `wilcox.test(…, conf.int = TRUE)`.
    #[test]
    fn tests_are_those_of_scipy_and_intervals_those_of_r() {
        let sorted = |mut values: Vec<f64>| {
            values.sort_by(f64::total_cmp);
            values
        };
        let few = sorted(vec![-0.8, 0.3, 1.1, -0.2, 2.4, 0.9, -1.5, 3.2, 0.05, 1.7, 0.6, -0.4]);
        let found = signed_rank_test(&few, 0.95);
        assert!((found.p_value.unwrap() - 0.088_134_765_625).abs() < 1e-12);
        let (low, high) = found.interval.unwrap();
        assert!((low + 0.3).abs() < 1e-12 && (high - 1.5).abs() < 1e-12, "{low} {high}");
        assert!((found.value - 0.525).abs() < 1e-12, "{found:?}");
        let p_value = sign_test(&few, 0.95).p_value.unwrap();
        assert!((p_value - 0.193_847_656_25).abs() < 1e-12);
        let tied = vec![0.0, 0.5, 0.5, -0.5, 1.0, 1.0, -1.0, 2.0, 2.0, 3.0, -2.0, 0.0, 1.5, 0.5];
        let found = signed_rank_test(&sorted(tied), 0.95);
        assert!((found.p_value.unwrap() - 0.057_064_310_742_810).abs() < 1e-10, "{found:?}");
        let many = sorted((0..60).map(|i| (f64::from(i * 37 % 101) - 45.0) / 20.0).collect());
        let found = signed_rank_test(&many, 0.95);
        assert!((found.p_value.unwrap() - 0.133_144_117_189_253).abs() < 1e-10, "{found:?}");
        // R finds the ends by a root: they are ours up to a step of the averages.
        let (low, high) = found.interval.unwrap();
        assert!((low + 0.175).abs() < 0.03 && (high - 0.625).abs() < 0.03, "{low} {high}");
    }

    /// The normal distribution takes over where the exact one ends.
    #[test]
    fn both_distributions_meet() {
        let exact = rank_sums(MOST_EXACT);
        let n = MOST_EXACT as f64;
        for (w, at_most) in exact.iter().enumerate().filter(|(_, p)| (0.01..0.99).contains(*p)) {
            let z = (n * (n + 1.0) / 4.0 - w as f64 - 0.5) / rank_variance(n).sqrt();
            assert!((normal_tail(z) - at_most).abs() < 0.002, "{w}");
        }
        for (n, centre) in [(50, 0.2), (51, 0.2)] {
            let sorted = drawn(n, centre);
            let found = signed_rank_test(&sorted, 0.95);
            let (low, high) = found.interval.unwrap();
            // The interval leaves 0 out on the left if the one-sided test says so at half its size.
            assert_eq!(low > 0.0, found.p_value.unwrap() <= 0.025);
            assert!(low < found.value && found.value < high);
        }
    }
}
