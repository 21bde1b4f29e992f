//! Many p-values at once: adjusted so that the errors of the whole list are controlled.
//!
//! With 1000 useless features and a bar of 0.05 some 50 pass. An adjusted p-value answers for the
//! list: reject what is at most `α`, and the error that the method controls is at most `α`.
//!
//! | function | controls | when |
//! |---|---|---|
//! | [`bonferroni`] | the chance of any false rejection (FWER) | always |
//! | [`holm`] | the same, rejecting never fewer | always |
//! | [`benjamini_hochberg`] | the expected share of false rejections among all (FDR) | p-values that are independent, or positively dependent on those of the true hypotheses (PRDS) |
//! | [`benjamini_yekutieli`] | the same | any dependence |
//! | [`e_benjamini_hochberg`] | the same, of e-values | any dependence |
//!
//! # When it misleads
//!
//! Adjusted is only as good as what went in: a p-value from training rows, or of a null hypothesis
//! that is not the question, stays wrong. A Monte Carlo p-value is at least `1 / (R + 1)`, and no
//! adjustment of `m` of them can pass unless `R` is several times `m / α`.
//!
//! # Example
//!
//! ```
//! use fi_core::multiple_testing::{benjamini_hochberg, bonferroni};
//!
//! let p = [0.01, 0.04, 0.03, 0.5];
//! assert_eq!(bonferroni(&p)?, [0.04, 0.16, 0.12, 1.0]);
//! let fdr = benjamini_hochberg(&p)?;
//! assert!((fdr[1] - 0.16 / 3.0).abs() < 1e-15 && fdr[2] == fdr[1]);
//! # Ok::<(), fi_core::Error>(())
//! ```
//!
//! # References
//!
//! - Holm (1979). *A simple sequentially rejective multiple test procedure.* Scandinavian Journal
//!   of Statistics 6(2), 65–70. <https://www.jstor.org/stable/4615733>
//! - Benjamini, Hochberg (1995). *Controlling the false discovery rate.* JRSS B 57(1).
//!   <https://doi.org/10.1111/j.2517-6161.1995.tb02031.x>
//! - Benjamini, Yekutieli (2001). *The control of the false discovery rate in multiple testing
//!   under dependency.* Annals of Statistics 29(4). <https://doi.org/10.1214/aos/1013699998>
//! - Wang, Ramdas (2022). *False discovery rate control with e-values.* JRSS B 84(3).
//!   <https://doi.org/10.1111/rssb.12489>

use crate::error::{Error, Result};

/// `min(1, m pᵢ)` for `m` p-values: the chance of any false rejection, under any dependence.
///
/// # Errors
///
/// [`Error::Data`] for a p-value that is NaN or outside [0, 1].
pub fn bonferroni(p_values: &[f64]) -> Result<Vec<f64>> {
    check(p_values)?;
    let m = p_values.len() as f64;
    Ok(p_values.iter().map(|p| (m * p).min(1.0)).collect())
}

/// Holm's step-down: the chance of any false rejection, under any dependence.
///
/// ```text
/// p̃₍ᵢ₎ = max over j ≤ i of  min(1, (m − j + 1) p₍ⱼ₎)
/// ```
///
/// # Errors
///
/// As for [`bonferroni`].
pub fn holm(p_values: &[f64]) -> Result<Vec<f64>> {
    check(p_values)?;
    let mut adjusted = vec![0.0; p_values.len()];
    let mut largest = 0.0_f64;
    for (smaller, i) in ascending(p_values).into_iter().enumerate() {
        largest = largest.max((p_values.len() - smaller) as f64 * p_values[i]).min(1.0);
        adjusted[i] = largest;
    }
    Ok(adjusted)
}

/// The step-up of Benjamini and Hochberg: the expected share of false rejections, for independent
/// or positively dependent p-values.
///
/// ```text
/// p̃₍ᵢ₎ = min over j ≥ i of  min(1, m p₍ⱼ₎ / j)
/// ```
///
/// # Errors
///
/// As for [`bonferroni`].
pub fn benjamini_hochberg(p_values: &[f64]) -> Result<Vec<f64>> {
    step_up(p_values, 1.0)
}

/// [`benjamini_hochberg`] times `1 + 1/2 + … + 1/m`: the expected share of false rejections, under
/// any dependence.
///
/// # Errors
///
/// As for [`bonferroni`].
pub fn benjamini_yekutieli(p_values: &[f64]) -> Result<Vec<f64>> {
    step_up(p_values, (1..=p_values.len()).map(|i| 1.0 / i as f64).sum())
}

/// The step-up of Benjamini and Hochberg on e-values, numbers from 0 on whose mean is at most 1 if
/// nothing is there: the expected share of false rejections, under any dependence.
///
/// ```text
/// p̃₍ᵢ₎ = min over j ≥ i of  min(1, m / (j e₍ⱼ₎)),      e₍₁₎ the largest
/// ```
///
/// # Errors
///
/// [`Error::Data`] for an e-value that is NaN or negative.
pub fn e_benjamini_hochberg(e_values: &[f64]) -> Result<Vec<f64>> {
    if let Some(i) = e_values.iter().position(|e| e.is_nan() || *e < 0.0) {
        return Err(Error::Data(format!(
            "e-value {i} is `{}`, only numbers from 0 on can be adjusted",
            e_values[i]
        )));
    }
    let inverse: Vec<f64> = e_values.iter().map(|e| e.recip().min(1.0)).collect();
    step_up(&inverse, 1.0)
}

fn step_up(p_values: &[f64], factor: f64) -> Result<Vec<f64>> {
    check(p_values)?;
    let m = p_values.len() as f64;
    let mut adjusted = vec![0.0; p_values.len()];
    let mut smallest = 1.0_f64;
    for (smaller, i) in ascending(p_values).into_iter().enumerate().rev() {
        smallest = smallest.min(factor * m * p_values[i] / (smaller + 1) as f64);
        adjusted[i] = smallest;
    }
    Ok(adjusted)
}

fn ascending(p_values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    order
}

fn check(p_values: &[f64]) -> Result<()> {
    match p_values.iter().position(|p| !(0.0..=1.0).contains(p)) {
        None => Ok(()),
        Some(i) => Err(Error::Data(format!(
            "p-value {i} is `{}`, only numbers from 0 to 1 can be adjusted",
            p_values[i]
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn they_are_those_of_statsmodels() {
        let golden: serde_json::Value =
            serde_json::from_str(include_str!("../tests/golden/selection.json")).unwrap();
        let cases = golden["multiple_testing"].as_array().unwrap();
        assert_eq!(cases.len(), 6);
        let numbers = |value: &serde_json::Value| -> Vec<f64> {
            value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
        };
        for case in cases {
            let p = numbers(&case["p"]);
            for (name, adjust) in METHODS {
                let (found, expected) = (adjust(&p).unwrap(), numbers(&case[name]));
                assert_eq!(found.len(), expected.len());
                let close = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-14;
                assert!(found.iter().zip(&expected).all(close), "{name} {found:?} {expected:?}");
            }
        }
    }

    type Adjust = fn(&[f64]) -> Result<Vec<f64>>;
    const METHODS: [(&str, Adjust); 4] = [
        ("bonferroni", bonferroni),
        ("holm", holm),
        ("fdr_bh", benjamini_hochberg),
        ("fdr_by", benjamini_yekutieli),
    ];

    #[test]
    fn what_is_no_probability_is_refused() {
        for (bad, text) in [(f64::NAN, "NaN"), (-0.1, "-0.1"), (1.5, "1.5")] {
            for (_, adjust) in METHODS {
                assert_eq!(
                    adjust(&[0.5, bad]).unwrap_err().to_string(),
                    format!("p-value 1 is `{text}`, only numbers from 0 to 1 can be adjusted")
                );
            }
        }
        assert!(METHODS.iter().all(|(_, adjust)| adjust(&[]).unwrap().is_empty()));
    }

    #[test]
    fn e_values_are_rejected_by_their_definition() {
        // m = 4 at α = 0.4: k largest of at least 4 / (0.4 k) = 10, 5, 3.33, 2.5.
        let e = [6.0, 0.0, 4.0, 9.0];
        let adjusted = e_benjamini_hochberg(&e).unwrap();
        let third = 4.0 / (3.0 * 4.0);
        for (found, expected) in adjusted.iter().zip([third, 1.0, third, third]) {
            assert!((found - expected).abs() < 1e-15, "{adjusted:?}");
        }
        for (bad, text) in [(f64::NAN, "NaN"), (-0.5, "-0.5")] {
            assert_eq!(
                e_benjamini_hochberg(&[1.0, bad]).unwrap_err().to_string(),
                format!("e-value 1 is `{text}`, only numbers from 0 on can be adjusted")
            );
        }
        assert!(e_benjamini_hochberg(&[]).unwrap().is_empty());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn adjusted_values_keep_the_order_and_stand_in_a_chain(
            p in prop::collection::vec(0.0..=1.0_f64, 1..40), alpha in 0.01..0.5_f64,
        ) {
            let [bonferroni, holm, hochberg, yekutieli] =
                METHODS.map(|(_, adjust)| adjust(&p).unwrap());
            for i in 0..p.len() {
                let eps = 1e-12;
                prop_assert!(p[i] <= hochberg[i] + eps && hochberg[i] <= holm[i] + eps);
                prop_assert!(holm[i] <= bonferroni[i] && hochberg[i] <= yekutieli[i]);
                prop_assert!(bonferroni[i] <= 1.0 && yekutieli[i] <= 1.0);
                for j in 0..p.len() {
                    for adjusted in [&bonferroni, &holm, &hochberg, &yekutieli] {
                        prop_assert!(p[i] > p[j] || adjusted[i] <= adjusted[j]);
                    }
                }
            }
            // The definition of the step-up: all up to the largest k with p₍ₖ₎ ≤ α k / m.
            let mut sorted = p.clone();
            sorted.sort_by(f64::total_cmp);
            let m = p.len() as f64;
            let bar = (0..p.len()).rev().find(|&k| sorted[k] * m / (k + 1) as f64 <= alpha);
            for i in 0..p.len() {
                let rejected = bar.is_some_and(|k| p[i] <= sorted[k]);
                prop_assert_eq!(hochberg[i] <= alpha, rejected);
            }
        }
    }
}
