//! What the inside of a network says about single rows: gradients and relevance.
//!
//! | method | score of column `c` for output `k` | adds up to |
//! |---|---|---|
//! | [`Gradient`] | `∂fₖ/∂x꜀` | – |
//! | [`GradientTimesInput`] | `x꜀ ∂fₖ/∂x꜀` | – |
//! | [`SmoothGrad`] | mean of `∂fₖ/∂x꜀` around `x` | – |
//! | [`IntegratedGradients`] | `(x꜀ − x′꜀) ∫ ∂fₖ/∂x꜀` from a baseline `x′` to `x` | `fₖ(x) − fₖ(x′)` |
//! | [`ExpectedGradients`] | its mean over baselines drawn from a background | `fₖ(x) − mean fₖ` |
//! | [`DeepLift`] | what `x꜀ − x′꜀` adds, layer by layer, averaged over baselines | `fₖ(x) − mean fₖ` |
//! | [`Lrp`] | relevance that reaches `x꜀` from `fₖ`, layer by layer | `fₖ` less what biases keep |
//!
//! All are signed and local: [`Attribution::mean_abs`] makes them global. A sequence has one score
//! per step and channel, 0 at absent steps; [`Sequence::pool`](fi_core::Sequence::pool) brings
//! them together by channel or step. A token has one score: those of its vector's numbers
//! together.

mod deep_lift;
mod expected;
mod gradient;
mod integrated;
mod lrp;
mod recurrent;
mod smooth;

#[cfg(test)]
mod tests;

use fi_core::{Attribution, Error, Model as _, Result, Run, require_shape};
use ndarray::{Array2, Array3, ArrayView1, ArrayView2, Axis, s};

use super::fitted::Network;
use super::gradients::AnswerScale;
use super::input::Input;

pub use deep_lift::DeepLift;
pub use expected::ExpectedGradients;
pub use gradient::{Gradient, GradientTimesInput};
pub use integrated::IntegratedGradients;
pub use lrp::Lrp;
pub use smooth::SmoothGrad;

/// What a method finds, of numbers and not of tokens.
#[derive(Debug)]
pub struct Scores {
    /// `(n_rows, n_outputs, n_columns)`.
    values: Array3<f64>,
    /// `(n_rows, n_outputs)`: the answer that the values are added to; NaN where they are not.
    base_values: Array2<f64>,
    /// Standard errors of `values`, for a method that draws.
    std_error: Option<Array3<f64>>,
    /// The largest `|base + Σ values − answer|`, for a method whose values must add up.
    additivity_error: Option<f64>,
    /// Forward passes of single rows.
    n_evaluations: usize,
}

/// A method that scores every column of a row from inside a network.
///
/// # Example
///
/// ```
/// use fi_core::{Output, Run};
/// use fi_models::network::{Activation, Dense, Explainer, GradientTimesInput, Network};
/// use ndarray::array;
///
/// let hidden = Dense {
///     weights: array![[1.0, 0.0], [0.0, -1.0]],
///     bias: array![0.0, 0.0],
///     activation: Activation::Relu,
/// };
/// let last = Dense {
///     weights: array![[2.0], [3.0]],
///     bias: array![1.0],
///     activation: Activation::Linear,
/// };
/// let network = Network::dense(vec![hidden, last], Output::Values)?;
/// let rows = array![[4.0, 5.0], [4.0, -5.0]];
/// let names = ["a".to_owned(), "b".to_owned()];
/// let method = GradientTimesInput::default();
/// let found = method.attribution(&Run::new(0), &network, rows.view(), &names)?;
/// // The second unit is silent for the first row.
/// assert_eq!(found.values, array![[[8.0, 0.0]], [[8.0, 15.0]]]);
/// assert_eq!(found.mean_abs(0.95)?.values, [8.0, 7.5]);
/// # Ok::<(), fi_core::Error>(())
/// ```
pub trait Explainer: Sync {
    /// Its name in the field.
    fn name(&self) -> &'static str;

    /// Scores every column of rows of numbers. Absent steps are NaN; what is said of them is not
    /// heard.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] for settings outside their domain.
    fn scores(&self, run: &Run<'_>, network: &Network, rows: ArrayView2<'_, f64>)
    -> Result<Scores>;

    /// The score of a token from those of its vector's numbers. Default: their sum, which keeps
    /// additivity.
    fn of_token(&self, scores: &[f64]) -> f64 {
        scores.iter().sum()
    }

    /// Scores every column of every row for every output.
    ///
    /// Rows are explained in parallel; a row's scores do not depend on the other rows, but for
    /// those of [`SmoothGrad`], whose noise depends on the columns' ranges.
    ///
    /// # Shapes
    ///
    /// `rows` is `(n_rows, n_features)`, the values are `(n_rows, n_outputs, n_features)`.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] for settings outside their domain; [`Error::Shape`] for other numbers
    /// of columns or names; [`Error::TooFewRows`] without rows; [`Error::NotFinite`] for a
    /// missing or infinite value that is not padding; those of [`Input`];
    /// [`Error::Cancelled`].
    fn attribution(
        &self,
        run: &Run<'_>,
        network: &Network,
        rows: ArrayView2<'_, f64>,
        names: &[String],
    ) -> Result<Attribution> {
        require_shape("the list of names", &[network.n_features()], &[names.len()])?;
        check(network, rows, names)?;
        let scores = if let Some((embedding, behind)) = network.behind_embedding()? {
            let width = embedding.weights.ncols();
            let vectors = embedding.rows(rows)?;
            let scores = self.scores(run, &behind, vectors.view())?;
            let (n_rows, n_outputs, _) = scores.values.dim();
            let token = |(row, output, step): (usize, usize, usize)| {
                let own = scores.values.slice(s![row, output, step * width..(step + 1) * width]);
                if rows[[row, step]].is_nan() { 0.0 } else { self.of_token(&own.to_vec()) }
            };
            let values = Array3::from_shape_fn((n_rows, n_outputs, rows.ncols()), token);
            // Errors of a sum's terms do not add up to the sum's.
            Scores { values, std_error: None, ..scores }
        } else {
            let mut scores = self.scores(run, network, rows)?;
            let columns = scores.values.axis_iter_mut(Axis(0));
            for (mut values, row) in columns.zip(rows.rows()) {
                let absent = row.iter().enumerate().filter(|(_, value)| value.is_nan());
                absent.for_each(|(column, _)| values.column_mut(column).fill(0.0));
            }
            scores
        };
        let mut attribution =
            Attribution::new(self.name(), names, scores.values, scores.base_values)?;
        attribution.std_error = scores.std_error;
        attribution.additivity_error = scores.additivity_error;
        attribution.n_evaluations = scores.n_evaluations;
        Ok(attribution)
    }
}

/// Whether there are rows, of numbers that can be multiplied.
fn check(network: &Network, rows: ArrayView2<'_, f64>, names: &[String]) -> Result<()> {
    require_shape("the table", &[rows.nrows(), network.n_features()], rows.shape())?;
    if rows.nrows() == 0 {
        return Err(Error::TooFewRows { what: "an explanation".to_owned(), needed: 1, got: 0 });
    }
    let Input::Features(_) = network.input() else {
        // Checked with the rest of a sequence when it is read.
        return Ok(());
    };
    match rows.indexed_iter().find(|(_, value)| !value.is_finite()) {
        None => Ok(()),
        Some(((row, column), &value)) => Err(Error::NotFinite {
            what: "the table".to_owned(),
            row,
            column: Some(names[column].clone()),
            value,
        }),
    }
}

/// So many rows are one task; fixed, so that it does not depend on threads.
const TASK_ROWS: usize = 64;

/// Does something for blocks of rows in parallel and puts the answers, `(n_rows, n_outputs,
/// n_columns)` each, below one another.
fn by_rows(
    run: &Run<'_>,
    rows: ArrayView2<'_, f64>,
    each: impl Fn(ArrayView2<'_, f64>) -> Result<Array3<f64>> + Sync,
) -> Result<Array3<f64>> {
    let blocks: Vec<ArrayView2<'_, f64>> = rows.axis_chunks_iter(Axis(0), TASK_ROWS).collect();
    let parts = run.map(blocks.len(), |task, _| each(blocks[task]))?;
    let views: Vec<_> = parts.iter().map(Array3::view).collect();
    ndarray::concatenate(Axis(0), &views).map_err(|error| Error::Data(error.to_string()))
}

/// Whether a table of baselines has rows of so many numbers.
fn check_background(network: &Network, background: &Array2<f64>, n_columns: usize) -> Result<()> {
    let n_rows = background.nrows();
    require_shape("the background", &[n_rows, n_columns], background.shape())?;
    if n_rows == 0 {
        return Err(Error::TooFewRows { what: "the background".into(), needed: 1, got: 0 });
    }
    match background.indexed_iter().find(|(_, value)| !value.is_finite()) {
        Some(((row, _), &value)) if matches!(network.input(), Input::Features(_)) => {
            Err(Error::NotFinite { what: "the background".to_owned(), row, column: None, value })
        }
        _ => Ok(()),
    }
}

/// The baseline for each row: absent where the row is, 0 where only the baseline is.
fn lent(rows: ArrayView2<'_, f64>, baseline: ArrayView1<'_, f64>) -> Array2<f64> {
    Array2::from_shape_fn(rows.dim(), |(row, column)| lend(rows[[row, column]], baseline[column]))
}

fn lend(own: f64, other: f64) -> f64 {
    if own.is_nan() {
        f64::NAN
    } else if other.is_nan() {
        0.0
    } else {
        other
    }
}

/// The answers that a scale asks for.
fn answers(
    network: &Network,
    rows: ArrayView2<'_, f64>,
    scale: AnswerScale,
) -> Result<Array2<f64>> {
    match scale {
        AnswerScale::Margins => network.margins(rows),
        AnswerScale::Predictions => network.predict(rows),
    }
}

/// The largest `|base + Σ values − answer|`.
fn additivity_error(values: &Array3<f64>, base: &Array2<f64>, answers: &Array2<f64>) -> f64 {
    let sums = values.sum_axis(Axis(2)) + base - answers;
    // What is no number must not look small.
    sums.iter()
        .fold(0.0, |most, gap| if gap.abs() > most || gap.is_nan() { gap.abs() } else { most })
}

/// A scale's answers have no base value.
fn no_base(values: &Array3<f64>) -> Array2<f64> {
    let (n_rows, n_outputs, _) = values.dim();
    Array2::from_elem((n_rows, n_outputs), f64::NAN)
}
