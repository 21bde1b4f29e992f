//! The few statistics that several methods share.

use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::error::{Result, require};

/// The quantile `q` of ascending values, interpolated linearly between order statistics: type 7
/// of Hyndman and Fan, the default of NumPy and R. `None` without values, or unless `0 ≤ q ≤ 1`.
///
/// ```text
/// Q(q) = x[⌊h⌋] + (h − ⌊h⌋) (x[⌊h⌋ + 1] − x[⌊h⌋]),   h = q (n − 1),   x from 0 to n − 1
/// ```
///
/// # Example
///
/// ```
/// let sorted = [1.0, 2.0, 3.0, 10.0];
/// assert_eq!(fi_core::quantile(&sorted, 0.25), Some(1.75));
/// assert_eq!(fi_core::quantile(&sorted, 0.5), Some(2.5));
/// assert_eq!(fi_core::quantile(&[], 0.5), None);
/// ```
///
/// # References
///
/// - Hyndman, Fan (1996). *Sample quantiles in statistical packages.* The American Statistician
///   50(4). <https://doi.org/10.1080/00031305.1996.10473566>
pub fn quantile(sorted: &[f64], q: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    if !(0.0..=1.0).contains(&q) {
        return None;
    }
    let place = q * last as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(last);
    Some(sorted[below] + (place - below as f64) * (sorted[above] - sorted[below]))
}

/// Arithmetic mean, summed in order.
pub(crate) fn mean<'a>(values: impl ExactSizeIterator<Item = &'a f64>) -> f64 {
    let n = values.len() as f64;
    values.sum::<f64>() / n
}

/// Sample standard deviation (ddof 1), in two passes.
pub(crate) fn sample_std<'a>(values: impl ExactSizeIterator<Item = &'a f64> + Clone) -> f64 {
    let n = values.len() as f64;
    (squares(values) / (n - 1.0)).sqrt()
}

/// Standard deviation of a whole population (ddof 0), in two passes.
pub(crate) fn population_std<'a>(values: impl ExactSizeIterator<Item = &'a f64> + Clone) -> f64 {
    let n = values.len() as f64;
    (squares(values) / n).sqrt()
}

/// The sum of squared deviations from the mean.
fn squares<'a>(values: impl ExactSizeIterator<Item = &'a f64> + Clone) -> f64 {
    let centre = mean(values.clone());
    values.map(|value| (value - centre).powi(2)).sum()
}

/// Ranks from 1 for the smallest value; tied values share their mean rank.
pub(crate) fn mean_ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&i, &j| values[i].total_cmp(&values[j]));
    let mut ranks = vec![0.0; values.len()];
    let mut smaller = 0;
    for tied in order.chunk_by(|&i, &j| values[i] == values[j]) {
        let mean = smaller as f64 + (tied.len() + 1) as f64 / 2.0;
        for &i in tied {
            ranks[i] = mean;
        }
        smaller += tied.len();
    }
    ranks
}

/// Pearson's correlation of two vectors that are not constant.
pub(crate) fn pearson(a: &[f64], b: &[f64]) -> f64 {
    let (a, b) = (centred(a), centred(b));
    let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
    (dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt()).clamp(-1.0, 1.0)
}

/// Values about their mean, first divided by a power of two, so that nothing overflows and
/// nothing is rounded.
fn centred(values: &[f64]) -> Vec<f64> {
    let largest = values.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    let scale = 2.0_f64.powi((largest.log2().floor() as i32).max(-1000));
    let scaled: Vec<f64> = values.iter().map(|value| value / scale).collect();
    let centre = mean(scaled.iter());
    scaled.iter().map(|value| value - centre).collect()
}

/// The two-sided quantile of Student's t: what a standard error is multiplied with.
pub(crate) fn t_quantile(confidence: f64, degrees_of_freedom: usize) -> f64 {
    student(degrees_of_freedom).map_or(f64::NAN, |t| t.inverse_cdf(f64::midpoint(1.0, confidence)))
}

/// `P(T ≥ t)` for Student's `T`.
pub(crate) fn t_tail(t: f64, degrees_of_freedom: usize) -> f64 {
    student(degrees_of_freedom).map_or(f64::NAN, |distribution| distribution.sf(t))
}

fn student(degrees_of_freedom: usize) -> Option<StudentsT> {
    StudentsT::new(0.0, 1.0, degrees_of_freedom.max(1) as f64).ok()
}

pub(crate) fn check_confidence(confidence: f64) -> Result<()> {
    require(0.0 < confidence && confidence < 1.0, "confidence", confidence, "inside (0, 1)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_numpys_and_outside_there_are_none() {
        // numpy.quantile([1, 2, 3, 4, 10], [0, .25, .3, .5, .75, 1]).
        let five = [1.0, 2.0, 3.0, 4.0, 10.0];
        let at = |q| quantile(&five, q).unwrap();
        assert_eq!([0.0, 0.25, 0.5, 0.75, 1.0].map(at), [1.0, 2.0, 3.0, 4.0, 10.0]);
        assert!((at(0.3) - 2.2).abs() < 1e-15 && (at(0.9) - 7.6).abs() < 1e-14);
        assert_eq!(quantile(&[7.0], 1.0), Some(7.0));
        for q in [-0.1, 1.1, f64::NAN] {
            assert_eq!(quantile(&five, q), None);
        }
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn spreads_and_ranks_by_hand() {
        let values = [2.0, 4.0, 4.0, 6.0];
        assert!((sample_std(values.iter()) - (8.0_f64 / 3.0).sqrt()).abs() < 1e-15);
        assert_eq!(population_std(values.iter()), 2.0_f64.sqrt());
        assert_eq!(mean_ranks(&values), [1.0, 2.5, 2.5, 4.0]);
        assert_eq!(mean_ranks(&[0.0, -0.0, 1.0]), [1.5, 1.5, 3.0]);
    }

    #[test]
    fn students_t_is_that_of_the_tables() {
        assert!((t_tail(2.776_445, 4) - 0.025).abs() < 1e-7);
        assert_eq!(t_tail(0.0, 7), 0.5);
        assert!((t_quantile(0.95, 4) - 2.776_445).abs() < 1e-6);
        assert!((t_quantile(0.9, 10) - 1.812_461).abs() < 1e-6);
    }
}
