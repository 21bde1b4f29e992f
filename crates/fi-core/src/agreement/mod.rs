//! How far two importance vectors agree, and what that agreement is worth.
//!
//! A measure compares two vectors over the same features, by value or by order, the most
//! important feature being the one with the highest value. One number of one pair says little:
//! [`over_replicates`] shows its spread over seeds or rows, and [`self_agreement`] how well one
//! method agrees with itself, which is about as well as it can agree with anything else. Features
//! are never resampled: they are no sample of a population of features. [`Comparison`] sets several
//! results side by side.

mod comparison;
mod correlation;
#[cfg(test)]
mod tests;
mod top;

pub use comparison::Comparison;

use std::fmt;

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, require, require_shape};
use crate::statistics::{pearson, quantile};

/// A measure of how far two importance vectors agree.
///
/// `a` and `b` hold one number per feature, `n` of them. Only exactly equal numbers tie.
///
/// # Units
///
/// Correlations lie in `[−1, 1]`, overlaps in `[0, 1]`; 1 is perfect agreement.
///
/// # Cost
///
/// `O(n log n)`; the weighted tau `O(n²)`.
///
/// # When it misleads
///
/// Few features agree easily: of the 24 orders of 4 features, 4 reach a Kendall tau of 2/3 or
/// more. Pearson follows the one largest value. Rank-biased overlap and top-k overlap are far
/// from 0 for unrelated rankings: the rank-biased overlap of 4 reversed features is 0.78 at
/// `p = 0.9`, since the part that is never seen counts as full agreement. Compare with
/// [`self_agreement`] and with what a trivial score reaches.
///
/// # Example
///
/// ```
/// use fi_core::agreement::Agreement;
///
/// let (a, b) = ([0.5, 0.3, 0.2, 0.0], [0.9, 0.1, 0.4, 0.2]);
/// assert_eq!(Agreement::Spearman.between(&a, &b)?, Some(0.4));
/// assert_eq!(Agreement::TopK { k: 2 }.between(&a, &b)?, Some(0.5));
/// assert_eq!(Agreement::Pearson.between(&a, &[1.0; 4])?, None);
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Knight (1966). *A computer method for calculating Kendall's tau with ungrouped data.*
///   JASA 61(314). <https://doi.org/10.1080/01621459.1966.10480879>
/// - Vigna (2015). *A weighted correlation index for rankings with ties.* WWW 2015.
///   <https://doi.org/10.1145/2736277.2741088>
/// - Webber, Moffat, Zobel (2010). *A similarity measure for indefinite rankings.* ACM TOIS
///   28(4). <https://doi.org/10.1145/1852102.1852106>
/// - Corsi, Urbano (2024). *The treatment of ties in rank-biased overlap.* SIGIR 2024.
///   <https://doi.org/10.1145/3626772.3657700>
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Agreement {
    /// Linear correlation of the values.
    Pearson,
    /// Pearson of the ranks, tied features sharing their mean rank.
    Spearman,
    /// Kendall's tau-b.
    ///
    /// ```text
    /// τ = (C − D) / √((P − Tₐ)(P − T_b))
    /// ```
    ///
    /// with `C` concordant and `D` discordant ones of the `P = n(n − 1)/2` pairs, `Tₐ` and `T_b`
    /// of which are tied in `a` and in `b`.
    Kendall,
    /// Kendall's tau where the pair of the features of rank `r` and `s`, from 0, weighs
    /// `1/(r + 1) + 1/(s + 1)`, so that the important features count most.
    ///
    /// It is the mean of two: ranks by `a`, ties broken by `b`, and ranks by `b`, ties broken
    /// by `a` (`scipy.stats.weightedtau` with its defaults).
    WeightedTau,
    /// Extrapolated rank-biased overlap (equation 32 of Webber et al.) of two full rankings.
    ///
    /// ```text
    /// RBO = pⁿ + (1 − p)/p ∑ pᵈ Aᵈ,   Aᵈ = 2 |Sᵈ ∩ Tᵈ| / (|Sᵈ| + |Tᵈ|),   d = 1, …, n
    /// ```
    ///
    /// `Sᵈ` and `Tᵈ` are the features that fewer than `d` others beat: those tied across depth
    /// `d` all belong to it (Webber's treatment of ties, which takes them as equally good).
    RankBiasedOverlap {
        /// How far down the ranking counts, in `(0, 1)`: depth `d` weighs `pᵈ`. The mean depth
        /// is `1 / (1 − p)`.
        p: f64,
    },
    /// Share of the top `k` that both have, `2 |Sᵏ ∩ Tᵏ| / (|Sᵏ| + |Tᵏ|)`; features tied across
    /// depth `k` all belong to the top.
    TopK {
        /// The depth, from 1 to the number of features.
        k: usize,
    },
}

impl fmt::Display for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

/// Reads `pearson`, `spearman`, `kendall`, `weighted-tau`, `rbo:0.9` or `top:5`.
///
/// # Errors
///
/// [`Error::Parameter`] for any other text.
impl std::str::FromStr for Agreement {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let read = match text {
            "pearson" => Some(Self::Pearson),
            "spearman" => Some(Self::Spearman),
            "kendall" => Some(Self::Kendall),
            "weighted-tau" => Some(Self::WeightedTau),
            _ => match text.split_once(':') {
                Some(("rbo", p)) => p.parse().ok().map(|p| Self::RankBiasedOverlap { p }),
                Some(("top", k)) => k.parse().ok().map(|k| Self::TopK { k }),
                _ => None,
            },
        };
        let requirement = "pearson, spearman, kendall, weighted-tau, rbo:0.9 or top:5";
        read.ok_or_else(|| Error::unreadable("measure", text, requirement))
    }
}

impl Agreement {
    /// The measure's name, with its parameter.
    pub fn name(&self) -> String {
        match self {
            Self::Pearson => "Pearson".to_owned(),
            Self::Spearman => "Spearman".to_owned(),
            Self::Kendall => "Kendall τ-b".to_owned(),
            Self::WeightedTau => "weighted τ".to_owned(),
            Self::RankBiasedOverlap { p } => format!("rank-biased overlap ({p})"),
            Self::TopK { k } => format!("top-{k} overlap"),
        }
    }

    /// How far `a` and `b` agree; `None` if one of them is constant, since it then prefers
    /// nothing and agreement with it has no meaning. A single feature is constant.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] for different lengths; [`Error::Data`] without features or for a value
    /// that is not finite; [`Error::Parameter`] for `p` or `k` outside its domain.
    pub fn between(&self, a: &[f64], b: &[f64]) -> Result<Option<f64>> {
        require_shape("the second importance vector", &[a.len()], &[b.len()])?;
        if a.is_empty() {
            return Err(Error::Data("there are no importances to compare, give some".into()));
        }
        for (which, values) in [("first", a), ("second", b)] {
            if let Some(feature) = values.iter().position(|value| !value.is_finite()) {
                return Err(Error::Data(format!(
                    "the {which} importance vector is `{}` for feature {feature}, \
                     only finite numbers can be compared",
                    values[feature]
                )));
            }
        }
        self.check_parameter(a.len())?;
        if [a, b].iter().any(|values| values.iter().all(|&value| value == values[0])) {
            return Ok(None);
        }
        Ok(Some(match self {
            Self::Pearson => pearson(a, b),
            Self::Spearman => correlation::spearman(a, b),
            Self::Kendall => correlation::kendall(a, b),
            Self::WeightedTau => correlation::weighted_tau(a, b),
            Self::RankBiasedOverlap { p } => top::rank_biased_overlap(a, b, *p),
            Self::TopK { k } => top::overlaps(a, b)[*k - 1],
        }))
    }

    fn check_parameter(&self, n_features: usize) -> Result<()> {
        match *self {
            Self::RankBiasedOverlap { p } => {
                require(0.0 < p && p < 1.0, "p", p, "between 0 and 1, both excluded")
            }
            Self::TopK { k } => {
                let domain = format!("from 1 to the number of features, {n_features}");
                require((1..=n_features).contains(&k), "k", k, domain)
            }
            _ => Ok(()),
        }
    }
}

/// The share of single-replicate values that [`AgreementOverReplicates`] spans.
pub const CONFIDENCE: f64 = 0.95;

/// The agreement of single replicates and its spread.
///
/// # When it misleads
///
/// `low` and `high` bound the central 95 % of the *single-replicate* values: what one seed may
/// show. They are no interval for a mean or for a true agreement, and do not shrink with more
/// replicates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgreementOverReplicates {
    /// The measure.
    pub measure: Agreement,
    /// Each replicate's (or pair of replicates') agreement; `None` where one side is constant.
    pub values: Vec<Option<f64>>,
    /// The median of the defined values; `None` if there is none, as for the two below.
    pub median: Option<f64>,
    /// The 2.5 % quantile of the defined values, interpolated linearly.
    pub low: Option<f64>,
    /// Their 97.5 % quantile.
    pub high: Option<f64>,
    /// How many values are undefined.
    pub n_undefined: usize,
}

impl AgreementOverReplicates {
    fn new(measure: Agreement, values: Vec<Option<f64>>) -> Self {
        let mut sorted: Vec<f64> = values.iter().copied().flatten().collect();
        sorted.sort_by(f64::total_cmp);
        let tail = (1.0 - CONFIDENCE) / 2.0;
        Self {
            measure,
            median: quantile(&sorted, 0.5),
            low: quantile(&sorted, tail),
            high: quantile(&sorted, 1.0 - tail),
            n_undefined: values.len() - sorted.len(),
            values,
        }
    }
}

/// The agreement of replicate `r` of one method with replicate `r` of another, for each `r`.
///
/// # Shapes
///
/// `a` and `b` are `(n_replicates, n_features)`. Replicates that share a seed, a fold or rows
/// belong in the same row.
///
/// # Errors
///
/// [`Error::Shape`] for different shapes; [`Error::TooFewRows`] without replicates; those of
/// [`Agreement::between`].
///
/// # Example
///
/// ```
/// use fi_core::agreement::{Agreement, over_replicates};
/// use ndarray::array;
///
/// let a = array![[3.0, 2.0, 1.0], [3.0, 1.0, 2.0], [1.0, 1.0, 1.0]];
/// let b = array![[3.0, 2.0, 1.0], [3.0, 2.0, 1.0], [3.0, 2.0, 1.0]];
/// let agreement = over_replicates(Agreement::Spearman, a.view(), b.view())?;
/// assert_eq!(agreement.values, [Some(1.0), Some(0.5), None]);
/// assert_eq!((agreement.median, agreement.n_undefined), (Some(0.75), 1));
/// # Ok::<(), fi_core::Error>(())
/// ```
pub fn over_replicates(
    measure: Agreement,
    a: ArrayView2<'_, f64>,
    b: ArrayView2<'_, f64>,
) -> Result<AgreementOverReplicates> {
    require_shape("the second method's replicates", a.shape(), b.shape())?;
    check_replicates("an agreement over replicates", 1, a)?;
    let between = |row| compare(measure, a, row, b, row);
    let values = (0..a.nrows()).map(between).collect::<Result<_>>()?;
    Ok(AgreementOverReplicates::new(measure, values))
}

/// The agreement of one method with itself, over all pairs of its replicates: the noise ceiling
/// of its agreement with any other.
///
/// Pair `(r, s)` with `r < s` comes in the order `(0, 1), (0, 2), …, (1, 2), …`. The pairs share
/// replicates, so their values are not independent.
///
/// # Shapes
///
/// `a` is `(n_replicates, n_features)`.
///
/// # Errors
///
/// [`Error::TooFewRows`] with fewer than two replicates; those of [`Agreement::between`].
pub fn self_agreement(
    measure: Agreement,
    a: ArrayView2<'_, f64>,
) -> Result<AgreementOverReplicates> {
    check_replicates("a self-agreement", 2, a)?;
    let pairs = (0..a.nrows()).flat_map(|r| (r + 1..a.nrows()).map(move |s| (r, s)));
    let values = pairs.map(|(r, s)| compare(measure, a, r, a, s)).collect::<Result<_>>()?;
    Ok(AgreementOverReplicates::new(measure, values))
}

fn check_replicates(what: &str, needed: usize, a: ArrayView2<'_, f64>) -> Result<()> {
    if a.nrows() < needed {
        return Err(Error::TooFewRows {
            what: format!("{what}, a row per replicate,"),
            needed,
            got: a.nrows(),
        });
    }
    Ok(())
}

fn compare(
    measure: Agreement,
    a: ArrayView2<'_, f64>,
    row_a: usize,
    b: ArrayView2<'_, f64>,
    row_b: usize,
) -> Result<Option<f64>> {
    let agreement = measure.between(&a.row(row_a).to_vec(), &b.row(row_b).to_vec());
    agreement.map_err(|error| error.in_task(format!("replicates {row_a} and {row_b}")))
}
