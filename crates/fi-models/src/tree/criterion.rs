//! How impure the rows of a node are. The arithmetic is in the kernels of `grow`.

use fi_core::{Result, Target, require};
use serde::{Deserialize, Serialize};

/// What a split is to reduce.
///
/// With `pₖ` the weighted share of class `k` among a node's rows and `ȳ` their weighted mean:
///
/// ```text
/// Gini          1 − ∑ pₖ²
/// Entropy       −∑ pₖ log₂ pₖ
/// SquaredError  ∑ w (y − ȳ)² / ∑ w
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Criterion {
    /// Gini's impurity: the chance that two rows drawn from the node differ in class.
    Gini,
    /// Shannon's entropy of the classes, in bits.
    Entropy,
    /// Variance of the target: for regression.
    SquaredError,
}

impl Criterion {
    /// Refuses a criterion for the other kind of target.
    pub(super) fn check(self, target: &Target) -> Result<()> {
        let (fits, requirement) = match target {
            Target::Values(_) => (self == Self::SquaredError, "SquaredError for regression"),
            Target::Classes { .. } => {
                (self != Self::SquaredError, "Gini or Entropy for classification")
            }
        };
        require(fits, "criterion", format!("{self:?}"), requirement)
    }
}
