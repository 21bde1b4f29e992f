//! What the weights of a trained network say, without data: first layer, Garson, Olden.

use fi_core::{Error, Importance, Replicate, Result, require_shape};
use ndarray::{Array2, Axis};
use serde::{Deserialize, Serialize};

use super::fitted::Network;
use super::input::Input;
use super::layers::Dense;

/// Scores each feature by the sum of its |weights| in the first layer.
///
/// ```text
/// scoreᵢ = Σⱼ |wᵢⱼ|
/// ```
///
/// # Units
///
/// Hidden activation per unit of the feature.
///
/// # When it misleads
///
/// A weight into a unit that later layers ignore counts in full, and so does what is left of the
/// random start: a feature that was never used keeps its initial weights unless a penalty
/// removes them. Features in other units have other weights: scale them first.
///
/// # Errors
///
/// [`Error::Shape`] unless there is one name per feature; [`Error::Data`] for a network without
/// such layers.
///
/// # References
///
/// - Atashgahi et al. (2022). *Quick and robust feature selection: the strength of
///   energy-efficient sparse training for autoencoders.* Machine Learning 111:377–414, where it
///   is called neuron strength. <https://doi.org/10.1007/s10994-021-06063-x>
pub fn first_layer(network: &Network, names: &[String]) -> Result<Importance> {
    let weights = network.first_weights().ok_or_else(|| {
        Error::Data("the network has no weights, and no first layer of them".into())
    })?;
    require_shape("the list of feature names", &[weights.nrows()], &[names.len()])?;
    let sums = weights.mapv(f64::abs).sum_axis(Axis(1));
    Importance::new("first-layer weights", names, sums.to_vec())
}

impl Network {
    /// A name for each row of the first layer's weights: what a score of those weights belongs to.
    ///
    /// They are the features of a network that reads features, and the channels of one that reads
    /// sequences; of a convolution `channel[tap]`, of an embedding `token 0`, `token 1`, ….
    /// `features` are the names of the columns, as [`Sequence::column_names`] gives them for
    /// sequences.
    ///
    /// [`Sequence::column_names`]: fi_core::Sequence::column_names
    pub fn input_names(&self, features: &[String]) -> Vec<String> {
        let channels = match self.input() {
            Input::Features(_) => return features.to_vec(),
            Input::Tokens { vocabulary, .. } => {
                return (0..vocabulary).map(|token| format!("token {token}")).collect();
            }
            Input::Sequence { channels, .. } => match fi_core::Sequence::of_columns(features) {
                Some(sequence) if sequence.channels().len() == channels => {
                    sequence.channels().to_vec()
                }
                _ => (0..channels).map(|channel| format!("channel {channel}")).collect(),
            },
        };
        let taps = self.first_weights().map_or(1, |weights| weights.nrows() / channels.len());
        if taps == 1 {
            return channels;
        }
        let name = |tap| channels.iter().map(move |channel| format!("{channel}[{tap}]"));
        (0..taps).flat_map(name).collect()
    }
}

/// Which of the two formulas that go by Garson's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum GarsonForm {
    /// Garson's: hidden units count by the |weight| they send on.
    Garson,
    /// The one in circulation in which the outgoing weights cancel, used for the VIANN
    /// comparison: all hidden units count alike.
    Cancelling,
}

/// Scores each feature by its share of the absolute weight that flows to an output.
///
/// ```text
/// Garson       q_ik = Σⱼ (|wᵢⱼ| / Σᵣ |wᵣⱼ|) |vⱼₖ|,   score_ik = q_ik / Σᵢ q_ik
/// cancelling   scoreᵢ = 1/H Σⱼ |wᵢⱼ vⱼ| / Σᵣ |wᵣⱼ vⱼ| = 1/H Σⱼ |wᵢⱼ| / Σᵣ |wᵣⱼ|
/// ```
///
/// `w` are the first layer's weights, `v` those to output `k`, `H` the number of hidden units.
/// With several hidden layers, Garson's form multiplies the shares through all of them: every
/// unit passes on the shares of its inputs, in proportion to |weight|. The cancelling form was
/// published with the first and the last kernel and hence for first and last hidden layers of
/// one width only; as `v` cancels, it reads nothing but the first layer, and is defined for any
/// depth. A unit all of whose incoming weights are 0 has no shares to pass on.
///
/// The score is the mean over outputs; the replicates are the outputs (one for the cancelling
/// form, which knows none).
///
/// # Units
///
/// Shares: not negative, summing to 1 for each output.
///
/// # Cost
///
/// One product of matrices per layer.
///
/// # When it misleads
///
/// Signs are lost: two paths that cancel count twice. Biases and activations are ignored, and
/// random initial weights keep unused features well above 0. In a study with known truth its
/// ranking was far below [`olden`]'s. The cancelling form is no more than the first layer's
/// column-normalised |weights|, and has no link to the output at all.
///
/// # Errors
///
/// [`Error::Shape`] unless there is one name per feature; [`Error::Data`] for a network without
/// such layers.
///
/// # Example
///
/// ```
/// use fi_core::Output;
/// use fi_models::network::{Activation, Dense, GarsonForm, Network, garson};
/// use ndarray::{Array1, array};
///
/// let layer = |weights: ndarray::Array2<f64>, activation| {
///     let bias = Array1::zeros(weights.ncols());
///     Dense { weights, bias, activation }
/// };
/// let first = layer(array![[3.0, 1.0], [-1.0, 1.0]], Activation::Tanh);
/// let last = layer(array![[1.0], [-3.0]], Activation::Linear);
/// let network = Network::dense(vec![first, last], Output::Values)?;
/// let names = ["a".to_owned(), "b".to_owned()];
///
/// // Shares 3/4 and 1/2 of the hidden units, which count 1 and 3: (3/4 + 3/2) / 4.
/// assert_eq!(garson(&network, &names, GarsonForm::Garson)?.values, [0.5625, 0.4375]);
/// // Both units count alike: (3/4 + 1/2) / 2.
/// assert_eq!(garson(&network, &names, GarsonForm::Cancelling)?.values, [0.625, 0.375]);
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Garson (1991). *Interpreting neural-network connection weights.* AI Expert 6(4):46–51.
/// - Goh (1995). *Back-propagation neural networks for modeling complex systems.* Artificial
///   Intelligence in Engineering 9(3):143–151. <https://doi.org/10.1016/0954-1810(94)00011-S>
pub fn garson(network: &Network, names: &[String], form: GarsonForm) -> Result<Importance> {
    let layers = network.dense_layers("Garson's score")?;
    check_names(&layers, names)?;
    let mut layers = layers.iter().map(|layer| layer.weights.mapv(f64::abs));
    let first = layers.next().unwrap_or_else(|| Array2::zeros((names.len(), 1)));
    match form {
        GarsonForm::Garson => {
            let shares = layers
                .fold(column_shares(first), |shares, weights| column_shares(shares.dot(&weights)));
            Importance::from_replicates("Garson", names, shares, Replicate::Output)
        }
        GarsonForm::Cancelling => {
            let mean = column_shares(first).sum_axis(Axis(1));
            let sum = mean.sum();
            let values = mean.iter().map(|m| if sum > 0.0 { m / sum } else { 0.0 }).collect();
            Importance::new("Garson (cancelling form)", names, values)
        }
    }
}

/// Scores each feature by |connection weight|: the signed weights multiplied along every path to
/// an output, and summed.
///
/// The score is the mean over outputs of `|R_ik|` of [`connection_weights`], which keeps the
/// signs; the replicates are the outputs.
///
/// # Units
///
/// Output per unit of the feature, if every unit were linear.
///
/// # Cost
///
/// One product of matrices per layer.
///
/// # When it misleads
///
/// It is exact for linear units only. With ReLU, paths that are never active together still
/// cancel; with tanh, a saturated unit still passes everything on. For a softmax, adding the same
/// to all outputs changes nothing that is predicted, but changes this score. Features in other
/// units have other weights: scale them first.
///
/// # Errors
///
/// [`Error::Shape`] unless there is one name per feature; [`Error::Data`] for a network without
/// such layers.
///
/// # References
///
/// - Olden, Jackson (2002). *Illuminating the "black box".* Ecological Modelling 154:135–150.
///   <https://doi.org/10.1016/S0304-3800(02)00064-9>
/// - Olden, Joy, Death (2004). *An accurate comparison of methods for quantifying variable
///   importance in artificial neural networks using simulated data.* Ecological Modelling
///   178:389–397. <https://doi.org/10.1016/j.ecolmodel.2004.03.013>
///
/// # See also
///
/// [`connection_weights`], the signed values.
pub fn olden(network: &Network, names: &[String]) -> Result<Importance> {
    let connections = connection_weights(network)?;
    require_shape("the list of feature names", &[connections.nrows()], &[names.len()])?;
    let absolute = connections.mapv(f64::abs);
    Importance::from_replicates("Olden", names, absolute, Replicate::Output)
}

/// Multiplies all layers' weights: the signed `(n_features, n_outputs)` connection weights.
///
/// ```text
/// R = W¹ W² … Wᴸ
/// ```
///
/// For a network of linear units these are exactly its coefficients. See [`olden`].
///
/// # Example
///
/// ```
/// use fi_core::Output;
/// use fi_models::network::{Activation, Dense, Network, connection_weights};
/// use ndarray::{Array1, array};
///
/// let layer = |weights: ndarray::Array2<f64>| {
///     let bias = Array1::zeros(weights.ncols());
///     Dense { weights, bias, activation: Activation::Linear }
/// };
/// let layers = vec![layer(array![[3.0, 1.0], [-1.0, 1.0]]), layer(array![[1.0], [-3.0]])];
/// let network = Network::dense(layers, Output::Values)?;
/// // 3·1 − 1·3 and −1·1 − 1·3: the two paths of the first feature cancel.
/// assert_eq!(connection_weights(&network)?, array![[0.0], [-4.0]]);
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # Errors
///
/// [`Error::Data`] for a network with layers that are not dense; dropout and
/// activations are passed over.
pub fn connection_weights(network: &Network) -> Result<Array2<f64>> {
    let layers = network.dense_layers("the product of connection weights")?;
    let product = |product: Array2<f64>, layer: &&Dense| product.dot(&layer.weights);
    Ok(layers[1..].iter().fold(layers[0].weights.clone(), product))
}

fn check_names(layers: &[&Dense], names: &[String]) -> Result<()> {
    let n_features = layers[0].weights.nrows();
    require_shape("the list of feature names", &[n_features], &[names.len()])
}

/// Divides each column by its sum; a column of zeros stays.
fn column_shares(mut values: Array2<f64>) -> Array2<f64> {
    for mut column in values.columns_mut() {
        let sum = column.sum();
        if sum > 0.0 {
            column /= sum;
        }
    }
    values
}
