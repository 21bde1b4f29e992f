//! Neural networks, and what their weights say about the inputs.
//!
//! | learner | is |
//! |---|---|
//! | [`Mlp`] | dense layers over features |
//! | [`Recurrent`] | LSTM or GRU over a sequence or over tokens |
//! | [`Sequential`] | any chain of [`LayerSettings`]: convolutions, embeddings, normalisation, … |
//!
//! All three share one loop and its settings ([`Training`]). [`Network`] is what they return, a
//! [`Model`](fi_core::Model) whose [`Layer`]s can be read, whose slopes can be asked for
//! ([`Network::input_gradients`]), and which remembers how the weights of its first layer moved
//! in training ([`WeightStatistics`]). [`Input`] says how it reads a row. Training computes in
//! `f32` unless told otherwise ([`Precision`]); sums over rows and epochs are `f64`.
//!
//! | score | reads | signed |
//! |---|---|---|
//! | [`Viann`] | the first layer over all epochs | no |
//! | [`first_layer`] | the first layer | no |
//! | [`garson`] | every layer, all dense, or the first only ([`GarsonForm`]) | no |
//! | [`olden`], [`connection_weights`] | every layer, all dense | yes |
//! | [`probe`], [`probe_pairs`] | only `predict`, at 0 and at unit rows | yes |
//!
//! [`permutation`] and [`shap`] are `fi_core`'s permutation importance and Shapley values, without
//! most of a dense first layer's work.
//!
//! All but the probe are sums of weights, so they depend on the unit of each feature: they
//! compare features only if these were scaled alike, such as to unit variance. None has an
//! estimand, hence none has an interval: refit with other seeds to see how far a score moves.
//!
//! # Example
//!
//! ```
//! use fi_core::{Dataset, Run, Target};
//! use fi_models::network::{Mlp, Viann, olden};
//! use ndarray::Array2;
//!
//! // The target is twice the first feature; the second one is noise.
//! let rows = Array2::from_shape_fn((60, 2), |(i, j)| (((i * (7 + 4 * j)) % 31) as f64 - 15.0) / 9.0);
//! let target = Target::Values(rows.column(0).iter().map(|x| 2.0 * x).collect());
//! let data = Dataset::new(rows, target)?;
//!
//! let network = Mlp { epochs: 100, ..Mlp::default() }.fit(&Run::new(1), &data)?;
//! let viann = Viann::default().of_network(&network, data.feature_names())?;
//! let olden = olden(&network, data.feature_names())?;
//! assert_eq!((viann.order()[0], olden.order()[0]), (0, 0));
//! # Ok::<(), fi_core::Error>(())
//! ```

mod activation;
mod elementwise;
mod explain;
mod fit;
mod fitted;
mod gradients;
mod hidden;
mod initializer;
mod input;
mod layers;
mod level;
mod matrix;
mod mlp;
mod objective;
mod optimizer;
mod permutation;
mod probe;
mod program;
mod real;
mod recurrent;
mod schedule;
mod sequential;
mod settings;
mod shap;
mod standardized;
mod stopping;
mod trace;
mod training;
mod viann;
mod weights;

#[cfg(test)]
mod tests;

pub use activation::Activation;
pub use explain::{
    DeepLift, ExpectedGradients, Explainer, Gradient, GradientTimesInput, IntegratedGradients, Lrp,
    Scores, SmoothGrad,
};
pub use fit::Epoch;
pub(crate) use fitted::Parts;
pub use fitted::{Network, Record};
pub use gradients::AnswerScale;
pub use initializer::Initializer;
pub use input::Input;
pub(crate) use layers::Shape;
pub use layers::{
    BatchNorm, Conv1d, Dense, Dropout, Embedding, Gru, Layer, Lstm, PRelu, Padding, Pool,
};
pub use mlp::Mlp;
pub use objective::ClassWeights;
pub use optimizer::Optimizer;
pub use permutation::permutation;
pub use probe::{ProbePairs, probe, probe_pairs};
pub use real::Precision;
pub use recurrent::{Cell, Readout, Recurrent};
pub use schedule::Schedule;
pub use sequential::Sequential;
pub use settings::LayerSettings;
pub use shap::shap;
pub use standardized::fit_standardized;
pub use stopping::{EarlyStopping, Monitor, StopRule, Validation};
pub use training::{Clip, Sampling, Training};
pub use viann::{Scale, Viann, WeightStatistics};
pub use weights::{GarsonForm, connection_weights, first_layer, garson, olden};
