//! `coverage.csv`: the shares that were measured, and whether they are the nominal ones.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use super::Trial;
use super::cases::{Asked, Case};

/// How far a measured share may be from the nominal one.
const MARGIN: f64 = 0.02;
/// The quantile of the normal distribution behind Wilson's 95 % interval.
pub(super) const Z: f64 = 1.959_963_984_540_054;

/// One line of `coverage.csv`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The method.
    pub method: String,
    /// What was counted: the coverage of an interval, or the rejections of a test, of a quantity.
    pub statistic: String,
    /// What the interval is for, or the null hypothesis of the test.
    pub estimand: String,
    /// The share that is promised.
    pub nominal: f64,
    /// The share that was found.
    pub measured: f64,
    /// Wilson's 95 % interval of the measured share.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
    /// How many data sets were drawn.
    pub n: usize,
    /// What the numbers say of the promise.
    pub verdict: Verdict,
}

/// What a measured share says of a nominal one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Wilson's interval meets the nominal share ± 2 points.
    Kept,
    /// The interval is wider, or the test more timid, than it promises.
    Cautious,
    /// The interval holds the truth less often, or the test rejects more often, than it promises.
    Broken,
}

/// Wilson's interval of a share (Wilson 1927, doi:10.1080/01621459.1927.10502953).
pub(super) fn wilson(count: usize, n: usize) -> (f64, f64) {
    let (n, share) = (n as f64, count as f64 / n as f64);
    let scale = 1.0 + Z * Z / n;
    let centre = (share + Z * Z / (2.0 * n)) / scale;
    let half = Z / scale * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    ((centre - half).max(0.0), (centre + half).min(1.0))
}

/// At which levels rejections are counted: the usual one, and others that show whether p-values
/// are uniform.
const LEVELS: [f64; 4] = [0.05, 0.1, 0.25, 0.5];

/// All lines, in the order of the cases.
pub(super) fn lines(cases: &[Case], trials: &[Trial]) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for case in cases {
        for asked in &case.asked {
            let own: Vec<&Trial> = trials
                .iter()
                .filter(|trial| trial.case == case.name && trial.quantity == asked.quantity())
                .collect();
            ensure!(!own.is_empty(), "there is no trial of `{}`, {}", case.name, asked.quantity());
            let counted: Vec<(String, f64, usize, bool)> = match asked {
                Asked::Interval { quantity, confidence, .. } => {
                    let held = |trial: &&&Trial| match (trial.low, trial.truth, trial.high) {
                        (Some(low), Some(truth), Some(high)) => low <= truth && truth <= high,
                        _ => false,
                    };
                    let statistic = format!("interval of {quantity}");
                    vec![(statistic, *confidence, own.iter().filter(held).count(), true)]
                }
                Asked::PValue { quantity, .. } => LEVELS
                    .iter()
                    .map(|&level| {
                        let rejected = |trial: &&&Trial| trial.p_value.is_some_and(|p| p <= level);
                        let statistic = format!("rejections of {quantity}");
                        (statistic, level, own.iter().filter(rejected).count(), false)
                    })
                    .collect(),
            };
            for (statistic, nominal, count, is_coverage) in counted {
                let n = own.len();
                let (low, high) = wilson(count, n);
                lines.push(Line {
                    method: case.method.to_owned(),
                    statistic,
                    estimand: asked.estimand().to_owned(),
                    nominal,
                    measured: count as f64 / n as f64,
                    low,
                    high,
                    n,
                    verdict: verdict(nominal, low, high, is_coverage),
                });
            }
        }
    }
    Ok(lines)
}

fn verdict(nominal: f64, low: f64, high: f64, is_coverage: bool) -> Verdict {
    if low <= nominal + MARGIN && nominal - MARGIN <= high {
        Verdict::Kept
    } else if (low > nominal) == is_coverage {
        Verdict::Cautious
    } else {
        Verdict::Broken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilson_is_that_of_the_books() {
        // By the formula in double precision, 47 of 50.
        let (low, high) = wilson(47, 50);
        assert!(
            (low - 0.837_829_1).abs() < 1e-6 && (high - 0.979_385_0).abs() < 1e-6,
            "{low} {high}"
        );
        assert_eq!(wilson(0, 10).0, 0.0);
        assert!((wilson(10, 10).1 - 1.0).abs() < 1e-12);
    }

    #[test]
    fn verdicts_know_which_side_is_the_safe_one() {
        assert_eq!(verdict(0.95, 0.90, 0.935, true), Verdict::Kept);
        assert_eq!(verdict(0.95, 0.90, 0.925, true), Verdict::Broken);
        assert_eq!(verdict(0.95, 0.975, 1.0, true), Verdict::Cautious);
        assert_eq!(verdict(0.05, 0.0, 0.02, false), Verdict::Cautious);
        assert_eq!(verdict(0.05, 0.08, 0.2, false), Verdict::Broken);
        assert_eq!(verdict(0.05, 0.06, 0.2, false), Verdict::Kept);
    }
}
