//! Learners, their fitted models, and what the inside of a model says about its features.
//!
//! Each kind of model has a module, with settings that train, a fitted type that predicts as any
//! [`Model`](fi_core::Model), and functions that read it:
//!
//! | module | settings | fitted | read by |
//! |---|---|---|---|
//! | [`tree`] | [`DecisionTree`](tree::DecisionTree), [`RandomForest`](tree::RandomForest), [`GradientBoosting`](tree::GradientBoosting) | [`Trees`](tree::Trees): an [`Ensemble`](tree::Ensemble) of nodes, the one layout for every library's trees | [`TreeShap`](tree::TreeShap), [`permutation`](tree::permutation), [`impurity`](tree::impurity) (MDI), [`gain`](tree::gain), [`split_count`](tree::split_count), [`oob_permutation`](tree::oob_permutation) |
//! | [`linear`] | those of linfa | [`LinearModel`](linear::LinearModel) | [`coefficients`](linear::coefficients), [`standardized_coefficients`](linear::standardized_coefficients), [`LinearShap`](linear::LinearShap) |
//! | [`network`] | [`Mlp`](network::Mlp), [`Recurrent`](network::Recurrent), [`Sequential`](network::Sequential) | [`Network`](network::Network), with the history of its first layer | [`Viann`](network::Viann), [`first_layer`](network::first_layer), [`garson`](network::garson), [`olden`](network::olden) |
//!
//! | besides | is |
//! |---|---|
//! | `linfa` (feature `linfa`, on by default) | linfa's learners as ours, and linfa's traits on ours |
//! | [`Standardized`] | a learner whose columns are scaled by the training rows, [`Scaled`] its model |
//! | `AnyLearner` (feature `linfa`) | a learner from a short text such as `forest:max_depth=3` |
//! | [`Fitted`] | a fitted model by its kind |
//! | [`impurity_of`], [`coefficients_of`], [`standardized_coefficients_of`] | what a fresh fit says of its features, for [`fi_core::selection`] |
//! | [`import`] | models of other libraries |
//! | [`store`] | fitted models in files |
//!
//! These methods cost nothing but a look, and say what training did with the features. They do not
//! say what the features are worth on new rows: set [`fi_core::Permutation`] or [`fi_core::Lofo`]
//! beside them. None of the weights' and splits' scores estimates a quantity of the population, so
//! none has an interval.
//!
//! # Example
//!
//! Impurity rewards a column of noise for having many values, and other rows do not.
//!
//! ```
//! use fi_core::{Dataset, Metric, Permutation, Players, Run, Target};
//! use fi_models::tree::{RandomForest, impurity};
//! use ndarray::Array2;
//!
//! // The target is a coin that agrees with the first feature, a coin, four times out of five.
//! // The second feature is noise with a value of its own for every row.
//! let run = Run::new(7);
//! let data = |label| {
//!     let mut rng = run.rng(label);
//!     let mut rows = Array2::zeros((200, 2));
//!     let mut labels = Vec::new();
//!     for mut row in rows.rows_mut() {
//!         let coin = rng.below(2);
//!         row[0] = coin as f64;
//!         row[1] = rng.uniform();
//!         labels.push(if rng.below(5) == 0 { 1 - coin } else { coin });
//!     }
//!     let names = ["tails", "heads"].map(String::from).to_vec();
//!     Dataset::new(rows, Target::Classes { labels, names })?.with_feature_names(["coin", "noise"])
//! };
//! let (train, test) = (data(0)?, data(1)?);
//! let forest = RandomForest::default().fit(&run, &train)?;
//!
//! let mdi = impurity(forest.ensemble(), train.feature_names())?;
//! assert_eq!(mdi.order(), [1, 0]); // noise first
//!
//! let players = Players::features(["coin", "noise"])?;
//! let shuffled =
//!     Permutation::default().importance(&run, &forest, &test, &players, &[Metric::Accuracy])?;
//! assert_eq!(shuffled[0].order(), [0, 1]); // the coin first
//! # Ok::<(), fi_core::Error>(())
//! ```

pub mod import;
pub mod linear;
#[cfg(feature = "linfa")]
pub mod linfa;
pub mod network;
pub mod store;
pub mod tree;

#[cfg(feature = "linfa")]
mod any_learner;
mod fitted;
mod from_fit;
mod quadrature;
mod standardize;

#[cfg(feature = "linfa")]
pub use any_learner::{AnyLearner, LearnerKind};
pub use fitted::Fitted;
pub use from_fit::{coefficients_of, impurity_of, standardized_coefficients_of};
pub use standardize::{Scaled, Scaler, Standardized};

/// Runs the README's example as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
