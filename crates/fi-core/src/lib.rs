//! Feature importance that can be trusted: the concepts and the model-agnostic engines.

pub mod agreement;
#[cfg(feature = "proptest")]
pub mod invariants;
pub mod shapley;

mod attribution;
mod correlation_groups;
mod dataset;
mod donor;
mod error;
mod folds;
mod game;
mod importance;
mod lofo;
mod metric;
mod model;
mod occlusion;
mod permutation;
mod players;
mod rng;
mod run;
mod sampling_noise;
mod scorer;
mod statistics;

pub use attribution::Attribution;
pub use dataset::{Dataset, Target};
pub use donor::Donors;
pub use error::{Error, Result, require, require_shape};
pub use folds::{Fold, Folds};
pub use game::{Game, PredictionGame, Removal};
pub use importance::{Estimand, Importance, Interval, Replicate, Warning};
pub use lofo::Lofo;
pub use metric::{Average, Custom, Direction, Metric, MultiClass, Score};
pub use model::{Function, Learner, Model, Output, check_columns, predict_checked};
pub use occlusion::Occlusion;
pub use permutation::Permutation;
pub use players::Players;
pub use rng::Rng;
pub use run::{Progress, Run};
pub use statistics::quantile;
