//! Training on standardised rows and values, for networks that are asked in original units.

use fi_core::{Dataset, Error, Model as _, Result, Run, Target};

use super::activation::Activation;
use super::fitted::{Network, Parts};
use super::input::Input;
use super::layers::Layer;
use crate::standardize::Scaler;

/// Trains a network on standardised rows and, for regression, on standardised values.
///
/// Features are scaled column by column, sequences channel by channel over all their steps, tokens
/// not at all. The scale of the values is put into the last layer afterwards, so that the network
/// answers in original units; its history is in standardised ones.
///
/// The network reads rows that the [`Scaler`] has scaled: as a model of original rows, take both as
/// a [`Scaled`](crate::Scaled), or store both.
///
/// # Errors
///
/// What `fit` returns; as for [`Scaler::fit`]; [`Error::Shape`] if the data have another number of
/// columns than `input`; [`Error::Data`] for regression if the last layer is not dense and linear.
///
/// # Example
///
/// ```
/// use fi_core::{Dataset, Model, Run, Target};
/// use fi_models::Scaled;
/// use fi_models::network::{Input, Mlp, fit_standardized};
/// use ndarray::Array2;
///
/// // Values around a million, from a feature around a thousand.
/// let rows = Array2::from_shape_fn((60, 1), |(i, _)| 1000.0 + i as f64);
/// let target = Target::Values(rows.column(0).iter().map(|x| 1e6 + 100.0 * x).collect());
/// let data = Dataset::new(rows, target)?;
///
/// let mlp = Mlp::default();
/// let fit = |run: &Run<'_>, data: &Dataset| mlp.fit(run, data);
/// let (model, scaler) = fit_standardized(&Run::new(1), &data, Input::Features(1), fit)?;
/// let model = Scaled { scaler: scaler.expect("features are scaled"), model };
/// let gap = (model.predict(data.rows())?[[30, 0]] - 1_103_000.0).abs();
/// assert!(gap < 500.0, "{gap}");
/// # Ok::<(), fi_core::Error>(())
/// ```
pub fn fit_standardized(
    run: &Run<'_>,
    data: &Dataset,
    input: Input,
    fit: impl Fn(&Run<'_>, &Dataset) -> Result<Network>,
) -> Result<(Network, Option<Scaler>)> {
    input.check_rows(data.rows())?;
    let scaler = match input {
        Input::Features(_) => Some(Scaler::fit(data)?),
        Input::Sequence { channels, .. } => Some(Scaler::fit_channels(data, channels)?),
        Input::Tokens { .. } => None,
    };
    let mut scaled = match &scaler {
        Some(scaler) => scaler.scale(data)?,
        None => data.clone(),
    };
    let Target::Values(values) = data.target() else {
        return Ok((fit(run, &scaled)?, scaler));
    };
    let column = ndarray::Array2::from_shape_vec((values.len(), 1), values.clone())
        .map_err(|error| Error::Data(error.to_string()))?;
    let mut column = Dataset::new(column, data.target().clone())?.with_feature_names(["target"])?;
    if let Some(weights) = data.weights() {
        column = column.with_weights(weights.to_vec())?;
    }
    let of_values = Scaler::fit(&column)?;
    let standardised = of_values.transform(column.rows())?.into_raw_vec_and_offset().0;
    scaled = scaled.with_target(Target::Values(standardised))?;
    let network = fit(run, &scaled)?;
    Ok((network.with_output_scale(of_values.mean[0], of_values.scale[0])?, scaler))
}

impl Network {
    /// The same network whose answers are `mean + scale · answer`: the last layer's numbers change.
    fn with_output_scale(self, mean: f64, scale: f64) -> Result<Self> {
        let mut layers = self.layers().to_vec();
        let last = layers.last_mut();
        let Some(Layer::Dense(dense)) = last.filter(
            |layer| matches!(layer, Layer::Dense(dense) if dense.activation == Activation::Linear),
        ) else {
            return Err(Error::Data(
                "values can be standardised only before a last layer that is dense and linear"
                    .into(),
            ));
        };
        dense.weights *= scale;
        dense.bias.mapv_inplace(|bias| mean + scale * bias);
        let (input, output, precision) = (self.input(), self.output(), self.precision());
        let (history, statistics) = (self.history().to_vec(), self.statistics().clone());
        Parts { input, layers, output, precision, history, statistics }.try_into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Mlp, Precision, Recurrent};
    use ndarray::{Array2, array};

    #[test]
    fn answers_are_those_of_standardised_values_in_original_units() {
        let rows = array![[1.0, 10.0], [2.0, 30.0], [4.0, 20.0], [3.0, 50.0]];
        let values = vec![100.0, 300.0, 200.0, 600.0];
        let data = Dataset::new(rows.clone(), Target::Values(values)).unwrap();
        let mlp =
            Mlp { hidden: vec![3], epochs: 3, precision: Precision::Double, ..Mlp::default() };
        let run = Run::new(4);
        let fit = |run: &Run<'_>, data: &Dataset| mlp.fit(run, data);
        let (network, scaler) = fit_standardized(&run, &data, Input::Features(2), fit).unwrap();
        let scaled = scaler.unwrap().transform(rows.view()).unwrap();

        // By hand: mean 300, deviation √(140000 / 4).
        let deviation = 35_000.0_f64.sqrt();
        let own = [100.0, 300.0, 200.0, 600.0].map(|v| (v - 300.0) / deviation).to_vec();
        let by_hand = Dataset::new(scaled.clone(), Target::Values(own)).unwrap();
        let twin = mlp.fit(&run, &by_hand).unwrap().predict(scaled.view()).unwrap();
        let expected = twin.mapv(|value| 300.0 + deviation * value);
        let gap = network.predict(scaled.view()).unwrap() - expected;
        assert!(gap.iter().all(|gap| gap.abs() < 1e-9), "{gap}");
    }

    #[test]
    fn sequences_are_scaled_by_channel_and_keep_their_padding() {
        let rows = array![
            [1.0, 100.0, 3.0, 300.0],
            [5.0, 200.0, f64::NAN, f64::NAN],
            [3.0, 200.0, 3.0, 200.0]
        ];
        let names = vec!["a".to_owned(), "b".to_owned()];
        let data = Dataset::new(rows, Target::Classes { labels: vec![0, 1, 0], names }).unwrap();
        let input = Input::Sequence { steps: 2, channels: 2 };
        let learner = Recurrent { input, units: vec![2], ..Recurrent::default() };
        let seen = std::cell::RefCell::new(Array2::zeros((0, 0)));
        let fit = |run: &Run<'_>, data: &Dataset| {
            *seen.borrow_mut() = data.rows().to_owned();
            learner.fit(run, data)
        };
        let (_, scaler) = fit_standardized(&Run::new(0), &data, input, fit).unwrap();
        let scaler = scaler.unwrap();
        assert_eq!(scaler.mean, [3.0, 200.0, 3.0, 200.0]);
        assert_eq!(scaler.scale[0], scaler.scale[2]);
        let seen = seen.into_inner();
        assert!((seen[[0, 0]] + 2.0 / 1.6_f64.sqrt()).abs() < 1e-12);
        assert!(seen[[1, 2]].is_nan() && seen[[1, 3]].is_nan());
    }
}
