//! What a row of each class weighs in training.

use fi_core::{Error, Result, Target, require, require_shape};
use serde::{Deserialize, Serialize};

use super::table::Table;

/// What a row of each class weighs in training, on top of its own weight.
///
/// With `n` rows (that have a weight), `nₖ` of them of class `k` and `K` classes that occur:
///
/// ```text
/// None      1
/// Balanced  n / (K nₖ)
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ClassWeight {
    /// All rows the same.
    None,
    /// Every class as much as every other.
    Balanced,
    /// As `Balanced`, counted anew in each tree's bootstrap sample; for forests.
    BalancedSubsample,
    /// These weights, one per class in class order, all above 0.
    Weights(Vec<f64>),
}

impl ClassWeight {
    pub(super) fn check(&self, target: &Target) -> Result<()> {
        let Some(n_classes) = target.n_classes() else {
            let given = format!("{self:?}");
            return require(*self == Self::None, "class_weight", given, "None for regression");
        };
        if let Self::Weights(weights) = self {
            require_shape("the list of class weights", &[n_classes], &[weights.len()])?;
            if let Some(class) = weights.iter().position(|&w| !(w > 0.0 && w.is_finite())) {
                return Err(Error::Data(format!(
                    "the weight of class {class} is `{}`, class weights must be above 0 and finite",
                    weights[class]
                )));
            }
        }
        Ok(())
    }

    /// Multiplies the rows' weights by those of their classes.
    pub(super) fn apply(&self, table: &Table, draws: Option<&[u32]>, weights: &mut [f64]) {
        let (Some(labels), Some(n_classes)) = (table.target.labels(), table.target.n_classes())
        else {
            return;
        };
        let balanced = |times: &dyn Fn(usize) -> f64| {
            let mut counts = vec![0.0; n_classes];
            for (row, &label) in labels.iter().enumerate() {
                if table.weights[row] > 0.0 {
                    counts[label] += times(row);
                }
            }
            let n: f64 = counts.iter().sum();
            let n_present = counts.iter().filter(|&&count| count > 0.0).count() as f64;
            // A class that does not occur needs no weight.
            counts.iter().map(|count| n / (n_present * count.max(1.0))).collect()
        };
        let factors: Vec<f64> = match (self, draws) {
            (Self::None, _) => return,
            (Self::Weights(weights), _) => weights.clone(),
            (Self::BalancedSubsample, Some(draws)) => balanced(&|row| f64::from(draws[row])),
            (Self::Balanced | Self::BalancedSubsample, _) => balanced(&|_| 1.0),
        };
        weights.iter_mut().zip(labels).for_each(|(weight, &label)| *weight *= factors[label]);
    }
}
