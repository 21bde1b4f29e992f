//! The corrected resampled t-test: what a mean over folds is worth when the folds share their
//! training rows.

use crate::dataset::Dataset;
use crate::error::{Error, Result, require};
use crate::folds::Fold;
use crate::statistics::{check_confidence, mean, sample_std, t_quantile, t_tail};

/// The mean of values over folds, with its corrected standard error, interval and p-value.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct CorrectedTTest {
    /// The mean over folds.
    pub mean: f64,
    /// Its standard error, corrected for training sets that overlap.
    pub standard_error: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
    /// One-sided, of the hypothesis that the mean is at most 0; 0 or 1 if the folds do not vary at
    /// all (1 if they are all 0 or less).
    pub p_value: f64,
}

/// Interval and p-value of a mean over folds whose training sets overlap.
///
/// ```text
/// se² = (1 / J + n_test / n_train) · Varₖ(vₖ),   v̄ ± t(J − 1) se,   p = P(T ≥ v̄ / se)
/// ```
///
/// with `J` values `vₖ`, one per fold of all repeats, such as scores or differences of scores, and
/// `test_per_train` the share `n_test / n_train`.
///
/// # When it misleads
///
/// The correction is a rule of thumb that assumes a correlation of `n_test / (n_train + n_test)`
/// between folds; time series and leave-one-group-out only resemble that.
///
/// # Errors
///
/// [`Error::Parameter`] unless `confidence` is inside (0, 1) and `test_per_train` is a number of
/// at least 0; [`Error::Data`] for fewer than 2 folds.
///
/// # Example
///
/// ```
/// // Ten folds: each training set is nine times its test set.
/// let gains = [0.2, 0.1, 0.3, 0.2, 0.0, 0.1, 0.2, 0.4, 0.1, 0.2];
/// let test = fi_core::corrected_t_test(&gains, 1.0 / 9.0, 0.95)?;
/// assert!(test.low > 0.0 && test.p_value < 0.01);
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Nadeau, Bengio (2003). *Inference for the generalization error.* Machine Learning 52.
///   <https://doi.org/10.1023/A:1024068626366>
pub fn corrected_t_test(
    values: &[f64],
    test_per_train: f64,
    confidence: f64,
) -> Result<CorrectedTTest> {
    check_confidence(confidence)?;
    let share = test_per_train.is_finite() && test_per_train >= 0.0;
    require(share, "test_per_train", test_per_train, "a number of at least 0")?;
    let n = values.len();
    if n < 2 {
        return Err(Error::Data(format!("a test over folds needs at least 2 of them, got {n}")));
    }
    let (mean, std) = (mean(values.iter()), sample_std(values.iter()));
    let factor = corrected_factor(n, test_per_train);
    let quantile = t_quantile(confidence, n - 1);
    let standard_error = factor * std;
    let p_value = if std > 0.0 {
        t_tail(mean / standard_error, n - 1)
    } else {
        f64::from(u8::from(mean <= 0.0))
    };
    let end = |sign: f64| mean + sign * quantile * factor * std;
    Ok(CorrectedTTest { mean, standard_error, low: end(-1.0), high: end(1.0), p_value })
}

/// What the standard deviation of the folds' values is multiplied with.
pub(crate) fn corrected_factor(n_folds: usize, test_per_train: f64) -> f64 {
    (1.0 / n_folds as f64 + test_per_train).sqrt()
}

/// The mean over folds of `n_test / n_train`, rows of weight 0 not counted.
pub(crate) fn test_per_train(data: &Dataset, folds: &[Fold]) -> f64 {
    let count = |rows: &[usize]| {
        let counts = |&&row: &&usize| data.weights().is_none_or(|weights| weights[row] > 0.0);
        rows.iter().filter(counts).count() as f64
    };
    let ratios: Vec<f64> =
        folds.iter().map(|fold| count(&fold.test) / count(&fold.train)).collect();
    mean(ratios.iter())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_correction_widens_the_plain_t_interval() {
        let values = [1.0, 2.0, 4.0, 9.0];
        let plain = corrected_t_test(&values, 0.0, 0.95).unwrap();
        // 4 ± 3.182446 · sd / 2 with sd² = 38 / 3.
        let half = 3.182_446 * (38.0_f64 / 3.0).sqrt() / 2.0;
        assert!((plain.high - 4.0 - half).abs() < 1e-5 && (4.0 - plain.low - half).abs() < 1e-5);
        let corrected = corrected_t_test(&values, 0.75, 0.95).unwrap();
        assert!((corrected.standard_error / plain.standard_error - 2.0).abs() < 1e-12);
        assert_eq!(corrected_t_test(&[2.0, 2.0], 0.5, 0.9).unwrap().p_value, 0.0);
        assert_eq!(corrected_t_test(&[0.0, 0.0], 0.5, 0.9).unwrap().p_value, 1.0);
    }

    #[test]
    fn bad_input_is_named() {
        let text =
            |values: &[f64], share| corrected_t_test(values, share, 0.95).unwrap_err().to_string();
        assert_eq!(text(&[1.0], 0.5), "a test over folds needs at least 2 of them, got 1");
        assert_eq!(
            text(&[1.0, 2.0], f64::NAN),
            "`test_per_train` is `NaN`, it must be a number of at least 0"
        );
    }
}
