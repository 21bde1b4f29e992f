//! LSTM and GRU of both frameworks: whose gates come in which order, and how many biases there are.
//!
//! | | gates | biases |
//! |---|---|---|
//! | ours, PyTorch | LSTM i, f, g, o; GRU r, z, n | PyTorch two, of the input and of the state |
//! | Keras | LSTM i, f, c, o; GRU z, r, h | LSTM one; GRU `(2, 3 units)`, or one if the reset comes first |

use fi_core::Error;
use ndarray::{Array, Array1, Axis, Dimension, Ix2, RemoveAxis, concatenate};

use super::description::{Framework, LayerKind, Source};
use super::layers::Builder;
use super::tensors::Size;
use crate::import::{Problem, shown};
use crate::network::{Gru, Layer, Lstm};

/// What a layer of the description says of its cells.
struct Cells {
    tensors: Source,
    num_layers: usize,
    bias: bool,
    /// `None` for an LSTM.
    reset_after: Option<bool>,
    return_sequences: bool,
    reverse: bool,
}

impl Cells {
    fn gates(&self) -> (usize, &'static str, &'static str) {
        match self.reset_after {
            None => (4, "4 · units", "lstm_cell"),
            Some(_) => (3, "3 · units", "gru_cell"),
        }
    }
}

impl Builder<'_> {
    /// The layers of one recurrent layer of the description.
    pub(super) fn recurrent(&mut self, kind: LayerKind) -> Result<Vec<Layer>, Problem> {
        let unsupported = |what: &str| Err(Problem::Unsupported(what.into()));
        let (cells, bidirectional) = match kind {
            LayerKind::Lstm {
                tensors,
                num_layers,
                bias,
                return_sequences,
                reverse,
                bidirectional,
            } => {
                let reset_after = None;
                let cells =
                    Cells { tensors, num_layers, bias, reset_after, return_sequences, reverse };
                (cells, bidirectional)
            }
            LayerKind::Gru {
                tensors,
                num_layers,
                bias,
                reset_after,
                return_sequences,
                reverse,
                bidirectional,
            } => {
                let reset_after = Some(reset_after);
                let cells =
                    Cells { tensors, num_layers, bias, reset_after, return_sequences, reverse };
                (cells, bidirectional)
            }
            _ => return unsupported("it is not recurrent"),
        };
        if bidirectional {
            return unsupported("a bidirectional layer cannot be read, only one direction can");
        }
        if self.shape.steps.is_none() {
            return unsupported(
                "a recurrent layer needs a sequence: the layers before it end it, or the input is \
                 none",
            );
        }
        let keras = self.framework == Framework::Keras;
        if cells.num_layers == 0 || (keras && cells.num_layers > 1) {
            return unsupported(
                "`num_layers` must be at least 1, and 1 in Keras: give every layer its own entry",
            );
        }
        if keras && cells.reverse && cells.return_sequences {
            return unsupported(
                "Keras's `go_backwards` turns the order of the returned steps around, which fi's \
                 `reverse` does not: it can be read without `return_sequences` only",
            );
        }
        if !keras && cells.reset_after == Some(false) {
            return unsupported("PyTorch's GRU resets after the product: leave `reset_after` out");
        }
        if keras { Ok(vec![self.keras(&cells)?]) } else { self.pytorch(&cells) }
    }

    fn pytorch(&mut self, cells: &Cells) -> Result<Vec<Layer>, Problem> {
        let (n_gates, gates, _) = cells.gates();
        let per_layer: &[&str] = &["weight_ih", "weight_hh", "bias_ih", "bias_hh"];
        let per_layer = if cells.bias { per_layer } else { &per_layer[..2] };
        let mut width = self.shape.width;
        let mut layers = Vec::new();
        let count = match &cells.tensors {
            Source::List(names) if names.len() != per_layer.len() * cells.num_layers => {
                return Err(Problem::Unsupported(format!(
                    "`tensors` lists {} names, {} layers need {} each: {}",
                    names.len(),
                    cells.num_layers,
                    per_layer.len(),
                    per_layer.join(", ")
                )));
            }
            _ => per_layer.len(),
        };
        for index in 0..cells.num_layers {
            let names = match &cells.tensors {
                Source::List(names) => names[index * count..(index + 1) * count].to_vec(),
                Source::Prefix(_) => {
                    let parts: Vec<String> =
                        per_layer.iter().map(|part| format!("{part}_l{index}")).collect();
                    let names = self.each_name(&cells.tensors, &parts)?;
                    self.refuse_variants(&names[0])?;
                    names
                }
            };
            let u = self.matrix(&names[1], Size::Any("units"), Size::Any(gates))?;
            let units = u.nrows();
            let columns = self.columns(&names[1], units, n_gates, u.ncols())?;
            let w = self.matrix(&names[0], Size::Is(width), Size::Is(columns))?;
            let b = self.bias(names.get(2), columns)?;
            let d = self.bias(names.get(3), columns)?;
            let return_sequences = cells.return_sequences || index + 1 < cells.num_layers;
            let reverse = cells.reverse;
            let (input_weights, recurrent_weights) = (w, u);
            layers.push(if cells.reset_after.is_none() {
                let bias = b + d;
                Layer::Lstm(Lstm {
                    input_weights,
                    recurrent_weights,
                    bias,
                    return_sequences,
                    reverse,
                })
            } else {
                let (bias, recurrent_bias) = (b, Some(d));
                Layer::Gru(Gru {
                    input_weights,
                    recurrent_weights,
                    bias,
                    recurrent_bias,
                    return_sequences,
                    reverse,
                })
            });
            width = units;
        }
        Ok(layers)
    }

    /// Both directions, and projections of the state, have tensors of their own.
    fn refuse_variants(&self, input_weights: &str) -> Result<(), Problem> {
        let projection = input_weights.replace("weight_ih_l", "weight_hr_l");
        for (name, what) in [
            (format!("{input_weights}_reverse"), "a bidirectional layer"),
            (projection, "a layer with `proj_size`"),
        ] {
            if name != input_weights && self.tensors.holds(&name) {
                return Err(Problem::Unsupported(format!(
                    "{what} cannot be read (there is a tensor `{}`)",
                    shown(&name)
                )));
            }
        }
        Ok(())
    }

    fn keras(&mut self, cells: &Cells) -> Result<Layer, Problem> {
        let (n_gates, gates, inner) = cells.gates();
        let mut parts = vec!["kernel".to_owned(), "recurrent_kernel".to_owned()];
        parts.extend(cells.bias.then(|| "bias".to_owned()));
        let mut names = self.each_name(&cells.tensors, &parts)?;
        if let Source::Prefix(prefix) = &cells.tensors
            && !self.tensors.holds(&names[0])
            && self.tensors.holds(&format!("{prefix}/{inner}/kernel"))
        {
            names = parts.iter().map(|part| format!("{prefix}/{inner}/{part}")).collect();
        }
        let u = self.matrix(&names[1], Size::Any("units"), Size::Any(gates))?;
        let columns = self.columns(&names[1], u.nrows(), n_gates, u.ncols())?;
        let w = self.matrix(&names[0], Size::Is(self.shape.width), Size::Is(columns))?;
        let Cells { return_sequences, reverse, .. } = *cells;
        if cells.reset_after != Some(true) {
            let bias = self.bias(names.get(2), columns)?;
            return Ok(if cells.reset_after.is_none() {
                Layer::Lstm(Lstm {
                    input_weights: w,
                    recurrent_weights: u,
                    bias,
                    return_sequences,
                    reverse,
                })
            } else {
                Layer::Gru(Gru {
                    input_weights: reset_first(&w)?,
                    recurrent_weights: reset_first(&u)?,
                    bias: reset_first(&bias)?,
                    recurrent_bias: None,
                    return_sequences,
                    reverse,
                })
            });
        }
        let [bias, recurrent_bias] = match names.get(2) {
            None => [Array1::zeros(columns), Array1::zeros(columns)],
            Some(name) => {
                let both = self.tensors.array::<Ix2>(name, &[Size::Is(2), Size::Is(columns)])?;
                [both.row(0).to_owned(), both.row(1).to_owned()]
            }
        };
        Ok(Layer::Gru(Gru {
            input_weights: reset_first(&w)?,
            recurrent_weights: reset_first(&u)?,
            bias: reset_first(&bias)?,
            recurrent_bias: Some(reset_first(&recurrent_bias)?),
            return_sequences,
            reverse,
        }))
    }

    /// `gates · units`, which the recurrent weights must have.
    fn columns(
        &self,
        name: &str,
        units: usize,
        gates: usize,
        found: usize,
    ) -> Result<usize, Problem> {
        if units.checked_mul(gates) == Some(found) {
            return Ok(found);
        }
        let shape = |columns: usize| match self.framework {
            Framework::Pytorch => format!("[{columns}, {units}]"),
            Framework::Keras => format!("[{units}, {columns}]"),
        };
        Err(Problem::Damaged(format!(
            "the tensor `{}` has shape {}, expected {}",
            shown(name),
            shape(found),
            shape(units.saturating_mul(gates))
        )))
    }
}

/// Keras's columns z, r, h as r, z, h.
fn reset_first<D: Dimension + RemoveAxis>(array: &Array<f64, D>) -> Result<Array<f64, D>, Problem> {
    let last = Axis(array.ndim() - 1);
    let units = array.len_of(last) / 3;
    let (update, rest) = array.view().split_at(last, units);
    let (reset, candidate) = rest.split_at(last, units);
    let turned = concatenate(last, &[reset, update, candidate]).map_err(Error::model);
    turned.map_err(|error| Problem::Damaged(error.to_string()))
}
