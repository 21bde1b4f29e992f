//! SmoothGrad: gradients averaged over noisy copies of a row.

use fi_core::{Error, Result, Run, require};
use ndarray::{Array1, Array3, ArrayView2, Axis};

use super::{Explainer, Scores, by_rows, no_base};
use crate::network::fitted::Network;
use crate::network::gradients::AnswerScale;

/// The mean gradient in a cloud of noise around each row.
///
/// ```text
/// ĝ꜀(x) = 1/m Σₛ ∂f(x + ηₛ) / ∂x꜀,   ηₛ꜀ ~ N(0, (noise · range꜀)²)
/// ```
///
/// `range꜀` is the largest value of the column less the smallest, over the rows explained (for a
/// sequence, over all steps of the channel). All rows share the draws `ηₛ`, so that differences
/// between rows are the network's.
///
/// # Units
///
/// As for [`Gradient`](super::Gradient).
///
/// # Cost
///
/// `n_samples` times that of [`Gradient`](super::Gradient).
///
/// # When it misleads
///
/// More noise looks smoother and says less about this row. A single row has no range: give the
/// rows that the noise is to be measured by.
///
/// # References
///
/// - Smilkov, Thorat, Kim, Viégas, Wattenberg (2017). *SmoothGrad: removing noise by adding
///   noise.* <https://arxiv.org/abs/1706.03825>
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SmoothGrad {
    /// How many noisy copies of a row are averaged, `m`; at least 1. Default: 50.
    pub n_samples: usize,
    /// The noise's standard deviation as a share of a column's range; positive. Default: 0.15.
    pub noise: f64,
    /// Which answers the slopes are of. Default: margins.
    pub scale: AnswerScale,
}

impl Default for SmoothGrad {
    fn default() -> Self {
        Self { n_samples: 50, noise: 0.15, scale: AnswerScale::Margins }
    }
}

impl Explainer for SmoothGrad {
    fn name(&self) -> &'static str {
        "SmoothGrad"
    }

    fn scores(
        &self,
        run: &Run<'_>,
        network: &Network,
        rows: ArrayView2<'_, f64>,
    ) -> Result<Scores> {
        require(self.n_samples >= 1, "n_samples", self.n_samples, "at least 1")?;
        let fits = self.noise > 0.0 && self.noise.is_finite();
        require(fits, "noise", self.noise, "positive and finite")?;
        if rows.nrows() < 2 {
            let what = "the noise, which is measured by the columns' ranges,".to_owned();
            return Err(Error::TooFewRows { what, needed: 2, got: rows.nrows() });
        }
        let deviations = ranges(network, rows) * self.noise;
        let draws: Vec<Array1<f64>> = (0..self.n_samples)
            .map(|sample| {
                let mut rng = run.rng(sample as u64);
                deviations.mapv(|deviation| deviation * rng.normal())
            })
            .collect();
        let values = by_rows(run, rows, |rows| {
            let mut sum: Option<Array3<f64>> = None;
            for draw in &draws {
                let slopes = network.jacobian((&rows + draw).view(), self.scale)?;
                match &mut sum {
                    None => sum = Some(slopes),
                    Some(sum) => *sum += &slopes,
                }
            }
            Ok(sum.unwrap_or_default() / self.n_samples as f64)
        })?;
        let (base_values, n_evaluations) = (no_base(&values), rows.nrows() * self.n_samples);
        Ok(Scores { values, base_values, std_error: None, additivity_error: None, n_evaluations })
    }

    fn of_token(&self, scores: &[f64]) -> f64 {
        scores.iter().map(|slope| slope * slope).sum::<f64>().sqrt()
    }
}

/// Of each column, the largest value less the smallest, whatever is absent left out.
fn ranges(network: &Network, rows: ArrayView2<'_, f64>) -> Array1<f64> {
    let width = network.input().shape().width;
    let mut ends = vec![(f64::INFINITY, f64::NEG_INFINITY); width];
    for (column, values) in rows.axis_iter(Axis(1)).enumerate() {
        let (low, high) = &mut ends[column % width];
        for &value in values.iter().filter(|value| !value.is_nan()) {
            (*low, *high) = (low.min(value), high.max(value));
        }
    }
    Array1::from_shape_fn(rows.ncols(), |column| {
        let (low, high) = ends[column % width];
        if low <= high { high - low } else { 0.0 }
    })
}
