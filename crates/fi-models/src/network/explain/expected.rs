//! Expected gradients: integrated gradients whose baseline is drawn from data.

use fi_core::{Error, Result, Run, require};
use ndarray::{Array2, Array3, ArrayView1, ArrayView2, Axis, s};

use super::{Explainer, Scores, answers, check_background, lend, lent};
use crate::network::fitted::Network;
use crate::network::gradients::AnswerScale;

/// Integrated gradients averaged over baselines from a background: what `shap.GradientExplainer`
/// estimates.
///
/// ```text
/// EG꜀(x) = E[ (x꜀ − B꜀) ∂f(B + T (x − B)) / ∂x꜀ ],   B a background row, T uniform on [0, 1]
/// ```
///
/// Estimated from `n_samples` draws `(B, T)` that all rows share: the background is gone through
/// in random order again and again, and `T` takes every `n_samples`-th part of [0, 1] once. The
/// standard error in the result is that of independent draws, an upper bound for these.
///
/// # Units
///
/// Those of the answer. In expectation the scores of a row add up to its answer less the mean
/// answer for the background, cut to the steps that the row has; how far they miss it is in the
/// result.
///
/// # Cost
///
/// `n_samples` times that of [`Gradient`](super::Gradient), and a prediction of the background (for
/// each row where sequences are padded).
///
/// # When it misleads
///
/// The points between a row and a background row may be unlike any data. With few samples the
/// scores are noise: look at the standard errors.
///
/// # References
///
/// - Erion, Janizek, Sturmfels, Lundberg, Lee (2021). *Improving performance of deep learning
///   models with axiomatic attribution priors and expected gradients.* Nature Machine Intelligence
///   3:620–631. <https://doi.org/10.1038/s42256-021-00343-w>
#[derive(Debug, Clone, PartialEq)]
pub struct ExpectedGradients {
    /// `(n_background, n_columns)`: rows to draw baselines from; of tokens, rows of their vectors
    /// ([`Embedding::rows`](crate::network::Embedding::rows)). Steps absent in a row stay absent;
    /// those absent in a background row are 0 there.
    pub background: Array2<f64>,
    /// How many pairs of a baseline and a place on the way are drawn; at least 2. Default: 200.
    pub n_samples: usize,
    /// Which answers are explained. Default: margins.
    pub scale: AnswerScale,
}

impl ExpectedGradients {
    /// With this background and 200 samples, of the margins.
    pub fn new(background: Array2<f64>) -> Self {
        Self { background, n_samples: 200, scale: AnswerScale::Margins }
    }
}

/// The streams of a run.
const ORDER: u64 = 0;
const PLACES: u64 = 1;
const BASE: u64 = 2;

impl Explainer for ExpectedGradients {
    fn name(&self) -> &'static str {
        "expected gradients"
    }

    fn scores(
        &self,
        run: &Run<'_>,
        network: &Network,
        rows: ArrayView2<'_, f64>,
    ) -> Result<Scores> {
        require(self.n_samples >= 2, "n_samples", self.n_samples, "at least 2")?;
        check_background(network, &self.background, rows.ncols())?;
        let n_background = self.background.nrows();
        let draws = self.draws(run);
        let parts = super::by_rows(run, rows, |rows| self.sums(network, rows, &draws))?;
        // Sums and sums of squares lie side by side.
        let n_columns = rows.ncols();
        let n = self.n_samples as f64;
        let values = parts.slice(s![.., .., ..n_columns]).to_owned() / n;
        let squares = parts.slice(s![.., .., n_columns..]).to_owned() / n;
        let variance = (squares - &values * &values).mapv(|v| v.max(0.0)) * (n / (n - 1.0));
        let std_error = Some(variance.mapv(|variance| (variance / n).sqrt()));

        let base_values = self.base_values(run, network, rows)?;
        let ends = answers(network, rows, self.scale)?;
        let additivity_error = Some(super::additivity_error(&values, &base_values, &ends));
        let n_evaluations = rows.nrows() * (self.n_samples + 1 + n_background);
        Ok(Scores { values, base_values, std_error, additivity_error, n_evaluations })
    }
}

impl ExpectedGradients {
    /// The mean answer for the background, as it is lent to each row.
    fn base_values(
        &self,
        run: &Run<'_>,
        network: &Network,
        rows: ArrayView2<'_, f64>,
    ) -> Result<Array2<f64>> {
        let mean = |row: ArrayView1<'_, f64>| {
            let lent = Array2::from_shape_fn(self.background.dim(), |(other, column)| {
                let other = self.background[[other, column]];
                lend(row[column], other)
            });
            let answers = answers(network, lent.view(), self.scale)?;
            Ok(answers.mean_axis(Axis(0)).unwrap_or_default())
        };
        let padded = |table: ArrayView2<'_, f64>| table.iter().any(|value| value.is_nan());
        let means = if padded(rows) || padded(self.background.view()) {
            run.split(BASE).map(rows.nrows(), |row, _| mean(rows.row(row)))?
        } else {
            // Every row is lent the same.
            vec![mean(self.background.row(0))?; rows.nrows()]
        };
        let views: Vec<_> = means.iter().map(|mean| mean.view().insert_axis(Axis(0))).collect();
        ndarray::concatenate(Axis(0), &views).map_err(|error| Error::Data(error.to_string()))
    }

    /// Which background row, and where on the way from it.
    fn draws(&self, run: &Run<'_>) -> Vec<(usize, f64)> {
        let (mut order_rng, mut place_rng) = (run.rng(ORDER), run.rng(PLACES));
        let n_background = self.background.nrows();
        let mut baselines = Vec::with_capacity(self.n_samples + n_background);
        while baselines.len() < self.n_samples {
            let mut order: Vec<usize> = (0..n_background).collect();
            order_rng.shuffle(&mut order);
            baselines.extend(order);
        }
        let mut cells: Vec<usize> = (0..self.n_samples).collect();
        place_rng.shuffle(&mut cells);
        let place = |cell: usize| (cell as f64 + place_rng.uniform()) / self.n_samples as f64;
        baselines.into_iter().zip(cells.into_iter().map(place)).collect()
    }

    /// Sums of the samples, and of their squares behind them.
    fn sums(
        &self,
        network: &Network,
        rows: ArrayView2<'_, f64>,
        draws: &[(usize, f64)],
    ) -> Result<Array3<f64>> {
        let n_columns = rows.ncols();
        let mut sums =
            Array3::zeros((rows.nrows(), fi_core::Model::n_outputs(network), 2 * n_columns));
        for &(baseline, t) in draws {
            let start = lent(rows, self.background.row(baseline));
            let way = &rows - &start;
            let slopes = network.jacobian((&start + &way * t).view(), self.scale)?;
            let way = way.mapv(|step| if step.is_nan() { 0.0 } else { step });
            let sample = slopes * way.insert_axis(Axis(1));
            let (mut first, mut second) = sums.view_mut().split_at(Axis(2), n_columns);
            first += &sample;
            second += &(&sample * &sample);
        }
        Ok(sums)
    }
}
