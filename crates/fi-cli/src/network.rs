//! Methods that look inside a network: options, and which library call each is.

use clap::{Args, ValueEnum};
use fi_core::{Attribution, Importance, Pooling};
use fi_io::Cell;
use fi_models::Fitted;
use fi_models::network::{
    self, DeepLift, ExpectedGradients, Explainer, GarsonForm, Gradient, GradientTimesInput,
    IntegratedGradients, Lrp, Network, SmoothGrad, Viann,
};
use fi_models::store::Stored;
use ndarray::Array2;

use crate::data::DataArgs;
use crate::failure::{Done, Failure, known};
use crate::sequence::SequenceArgs;
use crate::session::Session;

/// A score for every row, from gradients or relevance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Local {
    Gradient,
    GradientXInput,
    SmoothGrad,
    IntegratedGradients,
    ExpectedGradients,
    DeepLift,
    Lrp,
}

/// A score of the whole network, from its weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weights {
    Viann,
    FirstLayer,
    OneHot,
    Garson,
    Olden,
}

/// Options of methods that look inside a network.
#[derive(Args, Default)]
pub(crate) struct NetworkArgs {
    /// integrated-gradients: at how many points of the way the gradient is taken [default: 50]
    #[arg(long, value_name = "N")]
    steps: Option<usize>,
    /// smooth-grad, expected-gradients: how many draws are averaged [default: 50; 200]
    #[arg(long, value_name = "N")]
    samples: Option<usize>,
    /// smooth-grad: the noise as a share of a column's range [default: 0.15]
    #[arg(long, value_name = "SHARE")]
    noise: Option<f64>,
    /// lrp: what keeps a sum from 0 [default: 1e-6]
    #[arg(long, value_name = "E")]
    epsilon: Option<f64>,
}

impl NetworkArgs {
    /// The options that were given.
    pub(crate) fn settings(&self) -> Vec<(String, Cell)> {
        let given: [(&str, Option<Cell>); 4] = [
            ("steps", self.steps.map(Cell::from)),
            ("samples", self.samples.map(Cell::from)),
            ("noise", self.noise.map(Cell::from)),
            ("epsilon", self.epsilon.map(Cell::from)),
        ];
        given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }

    /// Options that this method does not know are no options.
    pub(crate) fn check(&self, method: Option<Local>) -> Done {
        let known = |given: bool, name: &str, methods: &[Local]| {
            known(given, name, method.is_some_and(|method| methods.contains(&method)))
        };
        known(self.steps.is_some(), "steps", &[Local::IntegratedGradients])?;
        known(self.samples.is_some(), "samples", &[Local::SmoothGrad, Local::ExpectedGradients])?;
        known(self.noise.is_some(), "noise", &[Local::SmoothGrad])?;
        known(self.epsilon.is_some(), "epsilon", &[Local::Lrp])
    }

    /// The scores of single columns of the network's own, scaled input.
    fn columns(
        &self,
        session: &Session,
        method: Local,
        model: &Stored,
        rows: &Array2<f64>,
        background: Option<Array2<f64>>,
    ) -> Done<Attribution> {
        let network = network_of(model)?;
        let rows = scaled(model, rows)?;
        let gradient = Gradient::default();
        let times_input = GradientTimesInput::default();
        let base = SmoothGrad::default();
        let smooth = SmoothGrad {
            n_samples: self.samples.unwrap_or(base.n_samples),
            noise: self.noise.unwrap_or(base.noise),
            ..base
        };
        let base = IntegratedGradients::default();
        let n_steps = self.steps.unwrap_or(base.n_steps);
        let integrated = IntegratedGradients { n_steps, ..base };
        let lrp = Lrp { epsilon: self.epsilon.unwrap_or(Lrp::default().epsilon) };
        let background = background.map(|rows| -> Done<Array2<f64>> {
            let rows = scaled(model, &rows)?;
            Ok(match network.behind_embedding()? {
                Some((embedding, _)) => embedding.rows(rows.view())?,
                None => rows,
            })
        });
        let background = background.transpose()?;
        let (expected, deep_lift);
        let explainer: &dyn Explainer = match method {
            Local::Gradient => &gradient,
            Local::GradientXInput => &times_input,
            Local::SmoothGrad => &smooth,
            Local::IntegratedGradients => &integrated,
            Local::Lrp => &lrp,
            Local::DeepLift => {
                deep_lift = DeepLift { background };
                &deep_lift
            }
            Local::ExpectedGradients => {
                let Some(background) = background else {
                    return Failure::call("expected-gradients draws from rows: give --background");
                };
                let base = ExpectedGradients::new(background);
                let n_samples = self.samples.unwrap_or(base.n_samples);
                expected = ExpectedGradients { n_samples, ..base };
                &expected
            }
        };
        Ok(explainer.attribution(&session.run(), network, rows.view(), &model.feature_names)?)
    }

    /// One score per row and player: column, channel, step or group.
    #[expect(clippy::too_many_arguments, reason = "each is an option of the command")]
    pub(crate) fn explain(
        &self,
        session: &Session,
        method: Local,
        model: &Stored,
        rows: &Array2<f64>,
        background: Option<Array2<f64>>,
        sequence: &SequenceArgs,
        default: Pooling,
    ) -> Done<Attribution> {
        let columns = self.columns(session, method, model, rows, background)?;
        Ok(match sequence.of(&model.feature_names)? {
            None => columns,
            Some(shape) => {
                shape.pool(&columns, rows.view(), sequence.over(), sequence.pooling(default))?
            }
        })
    }

    /// The mean over rows: of sizes, or with their signs if scores were pooled with signs.
    #[expect(clippy::too_many_arguments, reason = "each is an option of the command")]
    pub(crate) fn importance(
        &self,
        session: &Session,
        method: Local,
        model: &Stored,
        data: &DataArgs,
        background: Option<Array2<f64>>,
        sequence: &SequenceArgs,
        confidence: f64,
    ) -> Done<Importance> {
        let rows = data.rows(session, model)?;
        let default = Pooling::AbsoluteMean;
        let local = self.explain(session, method, model, &rows, background, sequence, default)?;
        let signed = sequence.is_pool_given()
            && matches!(sequence.pooling(default), Pooling::Sum | Pooling::Mean);
        Ok(if signed { local.mean(confidence)? } else { local.mean_abs(confidence)? })
    }
}

/// A score of the whole network.
pub(crate) fn of_weights(method: Weights, model: &Stored) -> Done<Importance> {
    let network = network_of(model)?;
    let names = network.input_names(&model.feature_names);
    Ok(match method {
        Weights::Viann => Viann::default().of_network(network, &names)?,
        Weights::FirstLayer => network::first_layer(network, &names)?,
        Weights::Garson => network::garson(network, &names, GarsonForm::Garson)?,
        Weights::Olden => network::olden(network, &names)?,
        // The probe's zeros and ones are those of the scaled input.
        Weights::OneHot => network::probe(network, &model.feature_names)?.mean_abs(0.95)?,
    })
}

fn network_of(model: &Stored) -> Done<&Network> {
    match &model.model {
        Fitted::Network(network) => Ok(network),
        _ => Failure::call("this method looks inside a neural network, and this model is none"),
    }
}

/// What the network itself reads.
fn scaled(model: &Stored, rows: &Array2<f64>) -> Done<Array2<f64>> {
    Ok(match &model.scaler {
        Some(scaler) => scaler.transform(rows.view())?,
        None => rows.clone(),
    })
}
