//! How much do chosen sets agree? The stability measure of Nogueira, Sechidis and Brown.

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal};

use crate::error::{Error, Result};
use crate::statistics::{check_confidence, mean};

/// The agreement of several chosen sets, with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Stability {
    /// 1 if all sets are the same, 0 on average if they are drawn at random; at least `−1/(M − 1)`
    /// of `M` sets.
    pub value: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// Its nominal coverage.
    pub confidence: f64,
}

/// How much `M` chosen sets of `d` features agree, beyond what sets of their sizes would by
/// chance.
///
/// ```text
/// Φ = 1 − [ (1/d) ∑f s²f ] / [ (k̄/d)(1 − k̄/d) ],    s²f = M/(M − 1) p̂f (1 − p̂f)
/// ```
///
/// with `p̂f` the share of sets that hold feature `f` and `k̄` the mean size of a set. The interval is
/// the normal one of the authors' jackknife-like variance `v = 4/M² ∑ᵢ (Φᵢ − Φ̄)²`. `None` if all
/// sets are empty or all are full: agreement then says nothing.
///
/// # Shapes
///
/// `chosen` is `(M, d)`: whether set `i` holds feature `f`.
///
/// # When it misleads
///
/// The interval takes the sets as independent; those of halves or folds of the same rows are not,
/// and it is then too narrow. Two features that say the same and take turns look unstable.
///
/// # Errors
///
/// [`Error::Data`] for fewer than 2 sets or no feature; [`Error::Parameter`] unless `confidence`
/// is inside (0, 1).
///
/// # Example
///
/// ```
/// use fi_core::selection::stability;
/// use ndarray::array;
///
/// let same = array![[true, false, true], [true, false, true]];
/// assert_eq!(stability(same.view(), 0.95)?.map(|found| found.value), Some(1.0));
/// let opposite = array![[true, false], [false, true]];
/// assert_eq!(stability(opposite.view(), 0.95)?.map(|found| found.value), Some(-1.0));
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Nogueira, Sechidis, Brown (2018). *On the stability of feature selection algorithms.* JMLR
///   18(174). <https://jmlr.org/papers/v18/17-514.html>
pub fn stability(chosen: ArrayView2<'_, bool>, confidence: f64) -> Result<Option<Stability>> {
    check_confidence(confidence)?;
    let (n_sets, n_features) = chosen.dim();
    if n_sets < 2 || n_features == 0 {
        return Err(Error::Data(format!(
            "stability needs at least 2 sets of at least 1 feature, got {n_sets} of {n_features}"
        )));
    }
    let (m, d) = (n_sets as f64, n_features as f64);
    let count = |held: ndarray::ArrayView1<'_, bool>| held.iter().filter(|&&held| held).count();
    let shares: Vec<f64> = chosen.columns().into_iter().map(|f| count(f) as f64 / m).collect();
    let sizes: Vec<f64> = chosen.rows().into_iter().map(|set| count(set) as f64).collect();
    let size = mean(sizes.iter());
    let chance = (size / d) * (1.0 - size / d);
    if size == 0.0 || size == d {
        return Ok(None);
    }
    let spread = shares.iter().map(|p| m / (m - 1.0) * p * (1.0 - p)).sum::<f64>() / d;
    let value = 1.0 - spread / chance;
    let of_set = |(set, k): (ndarray::ArrayView1<'_, bool>, &f64)| {
        let held = set.iter().zip(&shares).filter(|(held, _)| **held);
        let agreement = held.map(|(_, p)| p).sum::<f64>() / d - k * size / (d * d);
        let slope = 2.0 * size * k / (d * d) - k / d - size / d + 1.0;
        (agreement + value / 2.0 * slope) / chance
    };
    let parts: Vec<f64> = chosen.rows().into_iter().zip(&sizes).map(of_set).collect();
    let centre = mean(parts.iter());
    let variance = 4.0 / (m * m) * parts.iter().map(|p| (p - centre).powi(2)).sum::<f64>();
    let normal = Normal::new(0.0, 1.0).map_err(Error::model)?;
    let half = normal.inverse_cdf(f64::midpoint(1.0, confidence)) * variance.sqrt();
    Ok(Some(Stability { value, low: value - half, high: value + half, confidence }))
}
