//! Layer-wise relevance propagation: the answer handed back through the layers.

use fi_core::{Result, Run, require};
use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis, s};

use super::recurrent::{Kept, through_gru, through_lstm};
use super::{Explainer, Scores, by_rows};
use crate::network::activation::Activation;
use crate::network::fitted::Network;
use crate::network::layers::{Backward, Forward, Layer, Memory, Pool, Shape};
use crate::network::trace::{Inside, Trace};

/// Relevance of each column for the margin, by the ε-rule.
///
/// ```text
/// Rᵢ = Σⱼ aᵢ wᵢⱼ / (zⱼ + ε sign zⱼ) · Rⱼ,   zⱼ = Σᵢ aᵢ wᵢⱼ + bⱼ
/// ```
///
/// `a` is what goes into a layer, `z` its weighted sums; the relevance of the output layer's `z`
/// is the margin itself. Dense layers, convolutions, batch normalisation (one factor and offset
/// per channel) and means over steps follow the rule; activations, dropout and whatever only
/// picks or moves numbers hand relevance on as it is. In LSTM and GRU cells a gate gets nothing
/// and what it lets through everything; sums of the cell follow the rule.
///
/// The base value of the result is what did not reach a column: the relevance that biases and `ε`
/// kept. A masked step passes on what the state holds.
///
/// # Units
///
/// Those of the margin.
///
/// # Cost
///
/// About `n_outputs` backward passes per row, in double precision.
///
/// # When it misleads
///
/// Where positive and negative parts nearly cancel in `z`, relevance grows without bound: a larger
/// `ε` damps this and keeps more for itself. For ReLU networks and small `ε` it is gradient ×
/// input, so it shares what misleads there.
///
/// # References
///
/// - Bach, Binder, Montavon, Klauschen, Müller, Samek (2015). *On pixel-wise explanations for
///   non-linear classifier decisions by layer-wise relevance propagation.* PLoS ONE 10(7):e0130140.
///   <https://doi.org/10.1371/journal.pone.0130140>
/// - Arras, Montavon, Müller, Samek (2017). *Explaining recurrent neural network predictions in
///   sentiment analysis.* WASSA, 159–168. <https://doi.org/10.18653/v1/W17-5221>
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lrp {
    /// What is added to the size of a sum before it divides; positive. Default: 1e-6.
    pub epsilon: f64,
}

impl Default for Lrp {
    fn default() -> Self {
        Self { epsilon: 1e-6 }
    }
}

impl Explainer for Lrp {
    fn name(&self) -> &'static str {
        "LRP-ε"
    }

    fn scores(
        &self,
        run: &Run<'_>,
        network: &Network,
        rows: ArrayView2<'_, f64>,
    ) -> Result<Scores> {
        let fits = self.epsilon > 0.0 && self.epsilon.is_finite();
        require(fits, "epsilon", self.epsilon, "positive and finite")?;
        let values = by_rows(run, rows, |rows| self.relevance(network, rows))?;
        let base_values = network.margins(rows)? - values.sum_axis(Axis(2));
        let (std_error, additivity_error, n_evaluations) = (None, None, rows.nrows());
        Ok(Scores { values, base_values, std_error, additivity_error, n_evaluations })
    }
}

impl Lrp {
    fn relevance(self, network: &Network, rows: ArrayView2<'_, f64>) -> Result<Array3<f64>> {
        let trace = network.trace(rows)?;
        let n_layers = network.layers().len();
        let margins = trace.levels[n_layers].values.index_axis(Axis(1), 0).to_owned();
        let (n_rows, n_outputs) = margins.dim();
        let mut values = Array3::zeros((n_rows, n_outputs, rows.ncols()));
        let walkers: Vec<Linear> = (0..n_layers).map(|l| Linear::new(network, l, &trace)).collect();
        for output in 0..n_outputs {
            let mut relevance = Array3::zeros((n_rows, 1, n_outputs));
            relevance.slice_mut(s![.., 0, output]).assign(&margins.column(output));
            for l in (0..n_layers).rev() {
                relevance = self.through(network, l, &trace, &walkers[l], relevance);
            }
            let flat = relevance.into_shape_with_order((n_rows, rows.ncols()));
            let flat: Array2<f64> = flat.expect("a row holds all its steps");
            values.index_axis_mut(Axis(1), output).assign(&flat);
        }
        Ok(values)
    }

    /// The relevance of what goes into a layer, from that of what comes out.
    fn through(
        self,
        network: &Network,
        place: usize,
        trace: &Trace,
        linear: &Linear,
        relevance: Array3<f64>,
    ) -> Array3<f64> {
        let input = &trace.levels[place];
        let present = input.present.as_ref();
        match (&network.layers()[place], &trace.insides[place]) {
            (Layer::Lstm(lstm), Inside::Lstm { gates, cells, hidden }) => {
                let kept = Kept { gates, hidden, present, epsilon: self.epsilon };
                through_lstm(lstm, &kept, cells, &input.values, &relevance)
            }
            (Layer::Gru(gru), Inside::Gru { gates, candidates, inner, hidden }) => {
                let kept = Kept { gates, hidden, present, epsilon: self.epsilon };
                through_gru(gru, &kept, candidates, inner, &input.values, &relevance)
            }
            (Layer::Flatten, _) => relevance
                .into_shape_with_order(input.values.dim())
                .expect("flattening keeps the number of elements"),
            (Layer::Dropout(_) | Layer::Activation(_) | Layer::PRelu(_), _) => relevance,
            // What is picked keeps its relevance.
            (Layer::Pool(Pool::Max | Pool::Last), _) => {
                linear.share(&input.values, &relevance, None)
            }
            _ => linear.share(&input.values, &relevance, Some(self.epsilon)),
        }
    }
}

/// `z`, moved away from 0.
pub(super) fn away_from_zero(z: f64, epsilon: f64) -> f64 {
    if z < 0.0 { z - epsilon } else { z + epsilon }
}

/// A layer without its activation, row by row: its weighted sums, and the way back through them.
struct Linear {
    layer: Layer,
    shapes: (Shape, Shape),
    parameters: Vec<f64>,
    state: Vec<f64>,
    /// Which steps come in, row by row; empty for all.
    present: Vec<Vec<bool>>,
}

impl Linear {
    fn new(network: &Network, place: usize, trace: &Trace) -> Self {
        let mut layer = network.layers()[place].clone();
        match &mut layer {
            Layer::Dense(dense) => dense.activation = Activation::Linear,
            Layer::Conv1d(conv) => conv.activation = Activation::Linear,
            _ => {}
        }
        let present = trace.levels[place].present.as_ref();
        let present = present
            .map(|present| present.rows().into_iter().map(|row| row.to_vec()).collect())
            .unwrap_or_default();
        let shapes = (network.shapes()[place], network.shapes()[place + 1]);
        let (parameters, state) = (layer.parameters().collect(), layer.state().collect());
        Self { layer, shapes, parameters, state, present }
    }

    /// `aᵢ Σⱼ wᵢⱼ Rⱼ / (zⱼ ± ε)`: the slope of the sums, weighted by relevance over sum. Without an
    /// `ε`, `Σⱼ wᵢⱼ Rⱼ`.
    fn share(
        &self,
        input: &Array3<f64>,
        relevance: &Array3<f64>,
        epsilon: Option<f64>,
    ) -> Array3<f64> {
        let op = self.layer.op::<f64>(self.shapes.0);
        let mut shared = Array3::zeros(input.dim());
        let (mut memory, mut output) = (Memory::default(), vec![0.0; self.shapes.1.len()]);
        let (mut delta, mut slopes) = (output.clone(), vec![0.0; self.shapes.0.len()]);
        let flat = |array: ArrayView3<'_, f64>| array.iter().copied().collect::<Vec<f64>>();
        for row in 0..input.dim().0 {
            let own = flat(input.slice(s![row..=row, .., ..]));
            let present = self.present.get(row).map_or(&[][..], Vec::as_slice);
            op.forward(Forward {
                n_rows: 1,
                parameters: &self.parameters,
                state: &self.state,
                input: &own,
                present,
                output: &mut output,
                memory: &mut memory,
                training: None,
            });
            let relevance = flat(relevance.slice(s![row..=row, .., ..]));
            for ((delta, r), z) in delta.iter_mut().zip(relevance).zip(&output) {
                *delta = epsilon.map_or(r, |epsilon| r / away_from_zero(*z, epsilon));
            }
            op.backward(Backward {
                n_rows: 1,
                parameters: &self.parameters,
                input: &own,
                present,
                output: &output,
                memory: &mut memory,
                delta: &mut delta,
                previous: Some(&mut slopes),
                gradient: None,
                training: false,
            });
            let to = shared.slice_mut(s![row, .., ..]);
            for (to, (a, s)) in to.into_iter().zip(own.iter().zip(&slopes)) {
                *to = if epsilon.is_some() { a * s } else { *s };
            }
        }
        shared
    }
}
