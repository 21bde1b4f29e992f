//! What stands at every place of a network while it predicts: for methods that walk it.

use fi_core::Result;
use ndarray::{Array2, Array3, ArrayView2, s};

use super::fitted::Network;
use super::gradients::unfold;
use super::layers::{Layer, gru, lstm};
use super::program::Workspace;

/// A prediction of some rows, level by level; always in `f64`.
#[derive(Debug, Clone)]
pub(crate) struct Trace {
    /// What stands before each layer, and behind the last (`n_layers + 1` levels).
    pub(crate) levels: Vec<Level>,
    /// What each layer keeps inside (`n_layers`).
    pub(crate) insides: Vec<Inside>,
}

/// What stands between two layers.
#[derive(Debug, Clone)]
pub(crate) struct Level {
    /// `(n_rows, steps, width)`; one step where there is no sequence. Masked steps hold 0.
    pub(crate) values: Array3<f64>,
    /// `(n_rows, steps)`: which steps are there; `None` for all.
    pub(crate) present: Option<Array2<bool>>,
}

/// What a recurrent layer keeps of every step; at masked steps the gates mean nothing, and the
/// states are those of the step before.
#[derive(Debug, Clone)]
pub(crate) enum Inside {
    /// Another layer, whose levels say everything.
    Plain,
    /// LSTM: `gates` `(n_rows, steps, 4 units)` after their activations, in the order of the
    /// weights; the others `(n_rows, steps, units)`.
    Lstm { gates: Array3<f64>, cells: Array3<f64>, hidden: Array3<f64> },
    /// GRU: `gates` `(n_rows, steps, 2 units)`, reset and update; the others
    /// `(n_rows, steps, units)`. `inner` is `h⁻ U + d` of the candidates with a recurrent bias,
    /// and `r h⁻` without.
    Gru { gates: Array3<f64>, candidates: Array3<f64>, inner: Array3<f64>, hidden: Array3<f64> },
}

impl Network {
    /// Predicts these rows and keeps everything.
    pub(crate) fn trace(&self, rows: ArrayView2<'_, f64>) -> Result<Trace> {
        let n_rows = rows.nrows();
        let shapes = self.shapes();
        let zeros = |steps: usize, width: usize| Array3::<f64>::zeros((n_rows, steps, width));
        let mut levels: Vec<Level> = shapes
            .iter()
            .map(|shape| Level { values: zeros(shape.n_steps(), shape.width), present: None })
            .collect();
        let mut insides: Vec<Inside> = self
            .layers()
            .iter()
            .zip(shapes)
            .map(|(layer, shape)| {
                let steps = shape.n_steps();
                match layer {
                    Layer::Lstm(lstm) => {
                        let units = lstm.recurrent_weights.nrows();
                        let [cells, hidden] = [(); 2].map(|()| zeros(steps, units));
                        Inside::Lstm { gates: zeros(steps, 4 * units), cells, hidden }
                    }
                    Layer::Gru(gru) => {
                        let units = gru.recurrent_weights.nrows();
                        let [candidates, inner, hidden] = [(); 3].map(|()| zeros(steps, units));
                        Inside::Gru { gates: zeros(steps, 2 * units), candidates, inner, hidden }
                    }
                    _ => Inside::Plain,
                }
            })
            .collect();
        self.in_blocks(rows, |work: &mut Workspace<f64>, range| {
            let n_block = range.len();
            for (l, level) in levels.iter_mut().enumerate() {
                let (values, present) = work.level(l);
                unfold(values, level.values.slice_mut(s![range.clone(), .., ..]));
                if !present.is_empty() {
                    let steps = shapes[l].n_steps();
                    let all = level
                        .present
                        .get_or_insert_with(|| Array2::from_elem((n_rows, steps), true));
                    for (place, there) in present.iter().enumerate() {
                        all[[range.start + place % n_block, place / n_block]] = *there;
                    }
                }
            }
            for (l, inside) in insides.iter_mut().enumerate() {
                let mut kept = work.memory(l).kept.clone();
                match inside {
                    Inside::Plain => {}
                    Inside::Lstm { gates, cells, hidden } => {
                        let n = n_block * cells.dim().1 * cells.dim().2;
                        let kept = lstm::Kept::new(&mut kept, n);
                        let pairs =
                            [(gates, kept.gates), (cells, kept.cells), (hidden, kept.hidden)];
                        for (to, from) in pairs {
                            unfold(from, to.slice_mut(s![range.clone(), .., ..]));
                        }
                    }
                    Inside::Gru { gates, candidates, inner, hidden } => {
                        let n = n_block * hidden.dim().1 * hidden.dim().2;
                        let kept = gru::Kept::new(&mut kept, n);
                        let pairs = [
                            (gates, kept.gates),
                            (candidates, kept.candidates),
                            (inner, kept.inner),
                            (hidden, kept.hidden),
                        ];
                        for (to, from) in pairs {
                            unfold(from, to.slice_mut(s![range.clone(), .., ..]));
                        }
                    }
                }
            }
            Ok(())
        })?;
        Ok(Trace { levels, insides })
    }
}
