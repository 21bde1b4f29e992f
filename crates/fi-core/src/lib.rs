//! Feature importance that can be trusted: the concepts and the model-agnostic engines.

pub mod agreement;
#[cfg(feature = "proptest")]
pub mod invariants;
pub mod shapley;

mod attribution;
mod dataset;
mod error;
mod folds;
mod game;
mod importance;
mod lofo;
mod metric;
mod model;
mod permutation;
mod players;
mod rng;
mod run;

pub use attribution::Attribution;
pub use dataset::{Dataset, Target};
pub use error::{Error, Result, require, require_shape};
pub use game::{Game, PredictionGame, Removal};
pub use importance::{Estimand, Importance, Interval, Replicate, Warning};
pub use metric::{Average, Custom, Direction, Metric, MultiClass, Score};
pub use model::{Function, Learner, Model, Output, check_columns, predict_checked};
pub use players::Players;
pub use rng::Rng;
pub use run::{Progress, Run};
