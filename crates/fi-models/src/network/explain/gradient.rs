//! The gradient itself, and multiplied by the input.

use fi_core::{Result, Run};
use ndarray::{Array2, ArrayView2, Axis};

use super::{Explainer, Scores, by_rows, no_base};
use crate::network::fitted::Network;
use crate::network::gradients::AnswerScale;

/// The slope of each output by each column; its mean absolute value is *saliency*.
///
/// ```text
/// gₖ꜀(x) = ∂fₖ(x) / ∂x꜀
/// ```
///
/// A token's score is the length `‖g‖₂` of the gradient by its vector.
///
/// # Units
///
/// Those of the answer per unit of the column: scale columns alike before you compare them.
///
/// # Cost
///
/// One forward and `n_outputs` backward passes per row.
///
/// # When it misleads
///
/// It says what a small change would do, not what a column contributes: a saturated unit has
/// slope 0 however much its inputs matter, and a ReLU network's slope jumps between rows.
///
/// # References
///
/// - Simonyan, Vedaldi, Zisserman (2014). *Deep inside convolutional networks.* ICLR workshop.
///   <https://arxiv.org/abs/1312.6034>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gradient {
    /// Which answers the slopes are of. Default: margins.
    pub scale: AnswerScale,
}

impl Default for Gradient {
    fn default() -> Self {
        Self { scale: AnswerScale::Margins }
    }
}

impl Explainer for Gradient {
    fn name(&self) -> &'static str {
        "gradient"
    }

    fn scores(
        &self,
        run: &Run<'_>,
        network: &Network,
        rows: ArrayView2<'_, f64>,
    ) -> Result<Scores> {
        let values = by_rows(run, rows, |rows| network.jacobian(rows, self.scale))?;
        let (base_values, n_evaluations) = (no_base(&values), rows.nrows());
        Ok(Scores { values, base_values, std_error: None, additivity_error: None, n_evaluations })
    }

    fn of_token(&self, scores: &[f64]) -> f64 {
        scores.iter().map(|slope| slope * slope).sum::<f64>().sqrt()
    }
}

/// Each column's value times the slope by it.
///
/// ```text
/// a꜀(x) = x꜀ ∂fₖ(x) / ∂x꜀
/// ```
///
/// For a network of ReLU units without biases the scores add up to the margin, and equal what
/// [`Lrp`](super::Lrp) finds as its ε goes to 0.
///
/// # Units
///
/// Those of the answer, whatever the column's unit.
///
/// # Cost
///
/// As for [`Gradient`].
///
/// # When it misleads
///
/// A column whose value is 0 scores 0, so what 0 means matters: with standardised columns the
/// score is that of the distance from the mean.
///
/// # References
///
/// - Shrikumar, Greenside, Shcherbina, Kundaje (2016). *Not just a black box: learning important
///   features through propagating activation differences.* <https://arxiv.org/abs/1605.01713>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GradientTimesInput {
    /// Which answers the slopes are of. Default: margins.
    pub scale: AnswerScale,
}

impl Default for GradientTimesInput {
    fn default() -> Self {
        Self { scale: AnswerScale::Margins }
    }
}

impl Explainer for GradientTimesInput {
    fn name(&self) -> &'static str {
        "gradient × input"
    }

    fn scores(
        &self,
        run: &Run<'_>,
        network: &Network,
        rows: ArrayView2<'_, f64>,
    ) -> Result<Scores> {
        let mut scores = Gradient { scale: self.scale }.scores(run, network, rows)?;
        let factors: Array2<f64> = rows.mapv(|x| if x.is_nan() { 0.0 } else { x });
        scores.values *= &factors.insert_axis(Axis(1));
        Ok(scores)
    }
}
