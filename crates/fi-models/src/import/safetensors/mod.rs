//! Networks of PyTorch and Keras: their tensors from a `.safetensors` file, and what the tensors
//! belong to from a small JSON.
//!
//! The file holds arrays with names and nothing of the network around them, so the JSON lists
//! the layers in order ([`description`]). Each layer names its tensors, by a prefix or one by one,
//! and they are brought into our order of axes and gates ([`layers`], [`recurrent`]). A number in
//! the file that no layer reads is an error: a forgotten layer must not go unnoticed.

mod description;
mod layers;
mod recurrent;
mod tensors;

#[cfg(test)]
mod tests;

use fi_core::{Output, Sequence};
use ndarray::{Array1, Array2, s};

use super::Problem;
use crate::network::{Activation, Input, Layer, Network};
use crate::standardize::Scaler;
use crate::store::Stored;
use description::{Description, OutputKind, Standardize};
use layers::Builder;
use tensors::Tensors;

/// A row with more columns than this is refused, because every column has a name.
const MOST_COLUMNS: usize = 1 << 20;

/// Reads a network from the bytes of a `.safetensors` file and the JSON that describes its layers.
///
/// The JSON is documented in `docs/import.md`. Tensors of `f16`, `bf16`, `f32` and `f64` are read
/// to `f64`, in which the network computes; its predictions are those of the framework up to the
/// framework's own rounding.
///
/// # Errors
///
/// [`Problem::Damaged`] for bytes that do not hold together, such as a tensor of another shape than
/// its layer needs; [`Problem::Unsupported`] for what the JSON asks and no network here can hold,
/// and for a tensor of which nothing is told.
///
/// # Example
///
/// ```
/// use fi_core::Model;
/// use fi_models::import::safetensors;
/// use ndarray::array;
///
/// // A `Linear(2, 1)` of PyTorch: its weights (1, 2) and its bias (1,).
/// let header = br#"{"head.weight":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},
///     "head.bias":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}"#;
/// let numbers = [2.0_f32, -1.0, 0.5].map(f32::to_le_bytes).concat();
/// let file = [&(header.len() as u64).to_le_bytes()[..], header, &numbers].concat();
/// let layers = r#"{"framework": "pytorch", "input": {"features": 2}, "output": "values",
///     "names": ["width", "height"], "layers": [{"type": "linear", "tensors": "head"}]}"#;
///
/// let stored = safetensors(&file, layers)?;
/// assert_eq!(stored.feature_names, ["width", "height"]);
/// assert_eq!(stored.predict(array![[3.0, 4.0]].view())?, array![[2.5]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn safetensors(weights: &[u8], layers: &str) -> Result<Stored, Problem> {
    let description = Description::read(layers)?;
    let Description { framework, input, output, names, classes, standardize, layers } = description;
    let input = Input::from(input);
    if !(1..=MOST_COLUMNS).contains(&input.n_features()) {
        return Err(Problem::Unsupported(format!(
            "the input has {} columns, it needs at least 1 and at most {MOST_COLUMNS}",
            input.n_features()
        )));
    }
    let mut builder = Builder::new(framework, input, Tensors::read(weights)?);
    for layer in layers {
        builder.push(layer)?;
    }
    let mut layers = builder.finish()?;
    let output = match output {
        OutputKind::Values => Output::Values,
        OutputKind::Margins => Output::Margins,
        OutputKind::Probabilities => {
            two_classes(&mut layers);
            Output::Probabilities
        }
    };
    if classes.is_some() && output == Output::Values {
        return Err(Problem::Unsupported(
            "`classes` are of `probabilities` or `margins`, but the output is `values`".into(),
        ));
    }
    let network = Network::new(input, layers, output).map_err(unfit)?;
    let stored = Stored {
        model: network.into(),
        feature_names: column_names(input, names)?,
        class_names: classes,
        scaler: standardize.map(|standardize| scaler(input, standardize)).transpose()?,
        training_rows: None,
        categories: Vec::new(),
    };
    stored.validate().map_err(unfit)?;
    Ok(stored)
}

/// What is wrong with a network that the description made.
#[expect(clippy::needless_pass_by_value, reason = "`map_err` passes by value")]
fn unfit(error: fi_core::Error) -> Problem {
    Problem::Unsupported(error.to_string())
}

/// One output `z` whose sigmoid is the second class's probability is the softmax of `0` and `z`.
fn two_classes(layers: &mut Vec<Layer>) {
    if matches!(layers.last(), Some(Layer::Activation(Activation::Sigmoid))) && layers.len() > 1 {
        let sigmoid = layers.pop();
        if !matches!(layers.last(), Some(Layer::Dense(dense))
            if dense.bias.len() == 1 && dense.activation == Activation::Linear)
        {
            layers.extend(sigmoid);
        }
    }
    let Some(Layer::Dense(dense)) = layers.last_mut() else { return };
    let logit = matches!(dense.activation, Activation::Linear | Activation::Sigmoid);
    if dense.bias.len() != 1 || !logit {
        return;
    }
    let mut weights = Array2::zeros((dense.weights.nrows(), 2));
    weights.slice_mut(s![.., 1..]).assign(&dense.weights);
    dense.weights = weights;
    dense.bias = Array1::from(vec![0.0, dense.bias[0]]);
    dense.activation = Activation::Linear;
}

/// What the columns are called: those of a sequence by channel and step.
fn column_names(input: Input, names: Option<Vec<String>>) -> Result<Vec<String>, Problem> {
    let (what, n) = match input {
        Input::Features(n) => ("features", n),
        Input::Sequence { channels, .. } => ("channels", channels),
        Input::Tokens { steps, .. } => ("places of tokens", steps),
    };
    let names = names.unwrap_or_else(|| (0..n).map(|place| format!("x{place}")).collect());
    if names.len() != n {
        return Err(Problem::Unsupported(format!(
            "`names` has {} names, but there are {n} {what}",
            names.len()
        )));
    }
    match input {
        Input::Sequence { steps, .. } => {
            Ok(Sequence::new(steps, names).map_err(unfit)?.column_names())
        }
        _ => Ok(names),
    }
}

/// The scaling of every column: that of its channel in a sequence.
fn scaler(input: Input, standardize: Standardize) -> Result<Scaler, Problem> {
    let (n, times) = match input {
        Input::Features(n) => (n, 1),
        Input::Sequence { steps, channels } => (channels, steps),
        Input::Tokens { .. } => {
            return Err(Problem::Unsupported(
                "tokens cannot be standardised, leave `standardize` out".into(),
            ));
        }
    };
    let Standardize { mean, scale } = standardize;
    if mean.len() != n || scale.len() != n {
        return Err(Problem::Unsupported(format!(
            "`standardize` has {} means and {} scales, it needs {n} of both",
            mean.len(),
            scale.len()
        )));
    }
    Ok(Scaler { mean: mean.repeat(times), scale: scale.repeat(times) })
}
