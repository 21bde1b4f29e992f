//! DeepLIFT: the answer's difference from a baseline, handed back through the layers.

use fi_core::{Error, Model as _, Result, Run};
use ndarray::{Array2, Array3, ArrayView2, Axis, s};

use super::{Explainer, Scores, additivity_error, by_rows, check_background, lent};
use crate::network::activation::Activation;
use crate::network::fitted::{Computes, Network};
use crate::network::gradients::unfold;
use crate::network::layers::{Layer, Pool};
use crate::network::program::{Program, Stepped, Workspace};

/// Contributions by differences from a baseline, by the rescale rule; averaged over a background
/// they are what `shap.DeepExplainer` computes (Deep SHAP).
///
/// ```text
/// C꜀ = m꜀ (x꜀ − x′꜀),   Σ꜀ C꜀ = f(x) − f(x′)                 (summation to delta)
///
/// m of a weighted sum     the weight
/// m of an activation a    (a(z) − a(z′)) / (z − z′), its slope where z = z′
/// m of a chain            the product, summed over ways
/// ```
///
/// `x′` is the baseline, `z` and `z′` are what the two rows make of a unit's sum. Of a pool's largest
/// step, the whole difference goes to the step that holds the larger of the two maxima. Batch
/// normalisation, means and whatever only picks or moves numbers are weighted sums.
///
/// Where a slope sees nothing, since a unit is saturated, a difference still counts. The scores
/// are exact: no way is cut in steps, nothing is drawn.
///
/// # Units
///
/// Those of the margin. A row's scores add up to its margin less the mean margin of the
/// baselines, which is the base value; how far rounding lets them miss it is in the result.
///
/// # Cost
///
/// About `n_outputs` backward passes per row and baseline, in double precision.
///
/// # When it misleads
///
/// The baseline is part of the question, as for integrated gradients. Each unit is taken alone:
/// where units work together, as in a minimum or a product, other networks that compute the same
/// function have other scores, and these need not be Shapley values.
///
/// # Errors
///
/// [`Error::Data`] for an LSTM or a GRU, whose gates multiply: the rule has no word for that.
///
/// # Example
///
/// ```
/// use fi_core::{Output, Run};
/// use fi_models::network::{Activation, DeepLift, Dense, Explainer, Network};
/// use ndarray::array;
///
/// // min(a + b, 1): flat beyond 1, where its gradient is 0.
/// let hidden = Dense {
///     weights: array![[-1.0], [-1.0]],
///     bias: array![1.0],
///     activation: Activation::Relu,
/// };
/// let last = Dense { weights: array![[-1.0]], bias: array![1.0], activation: Activation::Linear };
/// let network = Network::dense(vec![hidden, last], Output::Values)?;
/// let (rows, names) = (array![[1.5, 0.5]], ["a".to_owned(), "b".to_owned()]);
/// let found = DeepLift::default().attribution(&Run::new(0), &network, rows.view(), &names)?;
/// assert_eq!(found.values, array![[[0.75, 0.25]]]);
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Shrikumar, Greenside, Kundaje (2017). *Learning important features through propagating
///   activation differences.* ICML, PMLR 70:3145–3153. <https://arxiv.org/abs/1704.02685>
/// - Lundberg, Lee (2017). *A unified approach to interpreting model predictions.* NeurIPS 30.
///   <https://arxiv.org/abs/1705.07874>
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DeepLift {
    /// The baselines, `(n_baselines, n_columns)`, over which scores are averaged; of tokens, rows
    /// of their vectors ([`Embedding::rows`](crate::network::Embedding::rows)). Steps absent in a
    /// row stay absent; those absent in a baseline are 0 there. Default `None`: one row of 0.
    pub background: Option<Array2<f64>>,
}

impl Explainer for DeepLift {
    fn name(&self) -> &'static str {
        match &self.background {
            Some(background) if background.nrows() > 1 => "Deep SHAP",
            _ => "DeepLIFT",
        }
    }

    fn scores(
        &self,
        run: &Run<'_>,
        network: &Network,
        rows: ArrayView2<'_, f64>,
    ) -> Result<Scores> {
        let zeros = Array2::zeros((1, rows.ncols()));
        let background = self.background.as_ref().unwrap_or(&zeros);
        check_background(network, background, rows.ncols())?;
        let plain = without_inner_activations(network)?;
        // The base value stands behind the columns.
        let n_columns = rows.ncols();
        let parts = by_rows(run, rows, |rows| contributions(&plain, rows, background.view()))?;
        let values = parts.slice(s![.., .., ..n_columns]).to_owned();
        let base_values = parts.slice(s![.., .., n_columns]).to_owned();
        let error = additivity_error(&values, &base_values, &network.margins(rows)?);
        let n_evaluations = rows.nrows() * (1 + background.nrows());
        let (std_error, additivity_error) = (None, Some(error));
        Ok(Scores { values, base_values, std_error, additivity_error, n_evaluations })
    }
}

/// The same function, of layers that are either weighted sums, or work on each number alone, or
/// take a maximum.
fn without_inner_activations(network: &Network) -> Result<Network> {
    let mut layers = Vec::new();
    for (place, layer) in network.layers().iter().enumerate() {
        let mut layer = layer.clone();
        let inner = match &mut layer {
            Layer::Dense(dense) => Some(&mut dense.activation),
            Layer::Conv1d(conv) => Some(&mut conv.activation),
            Layer::Lstm(_) | Layer::Gru(_) => {
                return Err(Error::Data(format!(
                    "layer {place} is of kind {}, whose gates multiply, and DeepLIFT has no rule \
                     for that: take integrated gradients or LRP",
                    layer.kind()
                )));
            }
            _ => None,
        };
        let behind =
            inner.map_or(Activation::Linear, |inner| std::mem::replace(inner, Activation::Linear));
        layers.push(layer);
        if behind != Activation::Linear {
            layers.push(Layer::Activation(behind));
        }
    }
    Network::new(network.input(), layers, network.output())
}

/// `(n_rows, n_outputs, n_columns + 1)`: means over the baselines, the last of the margins of the
/// baselines themselves.
fn contributions(
    network: &Network,
    rows: ArrayView2<'_, f64>,
    background: ArrayView2<'_, f64>,
) -> Result<Array3<f64>> {
    let program = f64::program(network);
    let (n_rows, n_columns) = rows.dim();
    let (n_outputs, shape) = (program.n_outputs(), network.shapes()[0]);
    let [mut own, mut other] = [(); 2].map(|()| Workspace::new(program.n_layers()));
    forward(network, program, rows, &mut own)?;
    // Without padding every row is lent the same baseline.
    let n_alike = if rows.iter().any(|value| value.is_nan()) { n_rows } else { 1 };
    let mut sums = Array3::zeros((n_rows, n_outputs, n_columns + 1));
    for baseline in background.rows() {
        let lent = lent(rows.slice(s![..n_alike, ..]), baseline);
        forward(network, program, lent.view(), &mut other)?;
        let margins = program.margins(&other);
        for ((row, output), sum) in sums.index_axis_mut(Axis(2), n_columns).indexed_iter_mut() {
            *sum += margins[row % n_alike * n_outputs + output];
        }
        for output in 0..n_outputs {
            let (_, seeds) = program.margins_and_seeds(&mut own);
            for seeds in seeds.chunks_exact_mut(n_outputs) {
                seeds.fill(0.0);
                seeds[output] = 1.0;
            }
            for (place, layer) in network.layers().iter().enumerate().rev() {
                program.step_back(&mut own, place, None, true, false);
                let width = network.shapes()[place].width;
                match layer {
                    Layer::Activation(_) | Layer::PRelu(_) => {
                        rescale(&mut own, &other, place, width);
                    }
                    Layer::Pool(Pool::Max) => largest(&mut own, &other, place, width),
                    _ => {}
                }
            }
            let (multipliers, values) = (own.delta(), own.level(0).0);
            let mut found = vec![0.0; values.len()];
            for (at, other) in baselines_of(&own, &other, 0, shape.width) {
                found[at] = multipliers[at] * (values[at] - other);
            }
            let mut by_step = Array3::zeros((n_rows, shape.n_steps(), shape.width));
            unfold(&found, by_step.view_mut());
            let flat: Array2<f64> = by_step
                .into_shape_with_order((n_rows, n_columns))
                .expect("a row holds all its steps");
            let mut sums = sums.slice_mut(s![.., output, ..n_columns]);
            sums += &flat;
        }
    }
    Ok(sums / background.nrows() as f64)
}

fn forward(
    network: &Network,
    program: &Program<f64>,
    rows: ArrayView2<'_, f64>,
    work: &mut Workspace<f64>,
) -> Result<()> {
    network.input().check_rows(rows)?;
    program.load(work, rows.rows().into_iter());
    program.forward(work, None);
    Ok(())
}

/// Every place of a level `(steps, n_rows, width)` of the rows, and what the baseline has there: one
/// baseline for each row, or one for all.
fn baselines_of<'a>(
    own: &Workspace<f64>,
    other: &'a Workspace<f64>,
    level: usize,
    width: usize,
) -> impl Iterator<Item = (usize, f64)> + use<'a> {
    let n_rows = own.n_rows;
    let steps = other.level(level).0.chunks_exact(other.n_rows * width);
    steps.flat_map(move |step| step.iter().cycle().take(n_rows * width)).copied().enumerate()
}

/// Nearer than this share of its size, a difference is rounding, and the slope is better.
const TOO_NEAR: f64 = 1e-8;

/// Puts the difference of an activation over that of its input in the place of its slope.
fn rescale(own: &mut Workspace<f64>, other: &Workspace<f64>, place: usize, width: usize) {
    let inputs = baselines_of(own, other, place, width);
    let outputs = baselines_of(own, other, place + 1, width);
    let Stepped { levels, delta: multipliers, above, .. } = own.stepped();
    let (input, output) = (&levels[place], &levels[place + 1]);
    for ((at, from), (_, to)) in inputs.zip(outputs) {
        let step = input[at] - from;
        if step.abs() > TOO_NEAR * (1.0 + input[at].abs()) {
            multipliers[at] = above[at] * (output[at] - to) / step;
        }
    }
}

/// Gives the difference of two maxima over steps to the step that holds the larger.
fn largest(own: &mut Workspace<f64>, other: &Workspace<f64>, place: usize, width: usize) {
    let (n_rows, n_others) = (own.n_rows, other.n_rows);
    let outputs = baselines_of(own, other, place + 1, width);
    let Stepped { levels, memories, delta: multipliers, above } = own.stepped();
    let (input, output) = (&levels[place], &levels[place + 1]);
    let (before, others) = (other.level(place).0, &other.memory(place).places);
    multipliers.fill(0.0);
    for (at, to) in outputs {
        let gain = output[at] - to;
        if gain == 0.0 {
            continue;
        }
        let (row, channel) = (at / width, at % width);
        let places = if gain > 0.0 {
            memories[place].places[at]
        } else {
            others[row % n_others * width + channel]
        };
        let step = places as usize;
        let here = (step * n_rows + row) * width + channel;
        let there = (step * n_others + row % n_others) * width + channel;
        // At least as large as the gain, so the quotient is at most 1.
        multipliers[here] = above[at] * (gain / (input[here] - before[there]));
    }
}
