//! Integrated gradients: slopes collected on the way from a baseline.

use fi_core::{Result, Run, require, require_shape};
use ndarray::{Array1, Array2, Array3, ArrayView2, Axis};

use super::{Explainer, Scores, additivity_error, answers, by_rows};
use crate::network::fitted::Network;
use crate::network::gradients::AnswerScale;
use crate::quadrature::Rule;

/// The integral of the gradient on the straight way from a baseline to the row.
///
/// ```text
/// IG꜀(x) = (x꜀ − x′꜀) ∫₀¹ ∂f(x′ + t (x − x′)) / ∂x꜀ dt
/// Σ꜀ IG꜀(x) = f(x) − f(x′)                             (completeness)
/// ```
///
/// The integral is Gauss–Legendre's rule of `n_steps` nodes. How far the sum misses `f(x) − f(x′)`
/// is in the result ([`Attribution::additivity_error`](fi_core::Attribution::additivity_error)):
/// more steps make it smaller.
///
/// # Units
///
/// Those of the answer.
///
/// # Cost
///
/// `n_steps` times that of [`Gradient`](super::Gradient).
///
/// # When it misleads
///
/// The baseline is part of the question: a column that has the baseline's value scores 0. For
/// images and standardised columns 0 is the custom; for others choose a row that means "nothing",
/// or average over many with [`ExpectedGradients`](super::ExpectedGradients).
///
/// # References
///
/// - Sundararajan, Taly, Yan (2017). *Axiomatic attribution for deep networks.* ICML, PMLR
///   70:3319–3328. <https://arxiv.org/abs/1703.01365>
#[derive(Debug, Clone, PartialEq)]
pub struct IntegratedGradients {
    /// `x′`, one number per column (of a token's vector: per number of all steps' vectors).
    /// Default `None`: all 0. Absent steps stay absent.
    pub baseline: Option<Array1<f64>>,
    /// At how many points of the way the gradient is taken; at least 1. Default: 50.
    pub n_steps: usize,
    /// Which answers are explained. Default: margins.
    pub scale: AnswerScale,
}

impl Default for IntegratedGradients {
    fn default() -> Self {
        Self { baseline: None, n_steps: 50, scale: AnswerScale::Margins }
    }
}

impl Explainer for IntegratedGradients {
    fn name(&self) -> &'static str {
        "integrated gradients"
    }

    fn scores(
        &self,
        run: &Run<'_>,
        network: &Network,
        rows: ArrayView2<'_, f64>,
    ) -> Result<Scores> {
        require(self.n_steps >= 1, "n_steps", self.n_steps, "at least 1")?;
        let zeros = Array1::zeros(rows.ncols());
        let baseline = self.baseline.as_ref().unwrap_or(&zeros);
        require_shape("the baseline", &[rows.ncols()], baseline.shape())?;
        if let Some(value) = baseline.iter().find(|value| !value.is_finite()) {
            require(false, "baseline", value, "finite in every column")?;
        }
        let rule = Rule::new(self.n_steps);
        let values = by_rows(run, rows, |rows| {
            along(network, rows, &start(rows, baseline), &rule, self.scale)
        })?;
        let base_values = answers(network, start(rows, baseline).view(), self.scale)?;
        let ends = answers(network, rows, self.scale)?;
        let error = additivity_error(&values, &base_values, &ends);
        let n_evaluations = rows.nrows() * (self.n_steps + 2);
        let (std_error, additivity_error) = (None, Some(error));
        Ok(Scores { values, base_values, std_error, additivity_error, n_evaluations })
    }
}

/// The baseline for each row, absent where the row is.
fn start(rows: ArrayView2<'_, f64>, baseline: &Array1<f64>) -> Array2<f64> {
    Array2::from_shape_fn(rows.dim(), |(row, column)| {
        if rows[[row, column]].is_nan() { f64::NAN } else { baseline[column] }
    })
}

/// `(x − x′) · Σ w ∂f(x′ + t (x − x′)) / ∂x`, 0 where a value is absent.
fn along(
    network: &Network,
    rows: ArrayView2<'_, f64>,
    start: &Array2<f64>,
    rule: &Rule,
    scale: AnswerScale,
) -> Result<Array3<f64>> {
    let way = &rows - start;
    let mut sum: Option<Array3<f64>> = None;
    for (&t, &weight) in rule.nodes.iter().zip(&rule.weights) {
        let slopes = network.jacobian((start + &way * t).view(), scale)? * weight;
        match &mut sum {
            None => sum = Some(slopes),
            Some(sum) => *sum += &slopes,
        }
    }
    let way = way.mapv(|step| if step.is_nan() { 0.0 } else { step });
    Ok(sum.unwrap_or_default() * way.insert_axis(Axis(1)))
}
