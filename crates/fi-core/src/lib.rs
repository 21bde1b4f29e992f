//! How much does each input of a model matter? The concepts, and the methods that ask a model only
//! to predict or a learner only to train.
//!
//! | concept | is |
//! |---|---|
//! | [`Model`] | a fitted model: rows in, predictions out, and what those are ([`Output`]); a closure becomes one with [`Function`] |
//! | [`Learner`] | settings that can be trained into a model |
//! | [`Dataset`] | rows, a [`Target`], and if there are any: weights, groups of rows, names of features |
//! | [`Players`] | what is scored: single features, groups, pairs, one-hot blocks, lags, or what is correlated |
//! | [`Hierarchy`] | the tree of what is correlated, at every threshold at once |
//! | [`SensorPairs`] | features that belong to two sensors each, and the players they make |
//! | [`Metric`] | how well predictions fit a target, and which way is better |
//! | [`Removal`] | what stands in for a feature that is taken away |
//! | [`Game`] | what a coalition of players is worth; Shapley values are computed from it: of a row's prediction ([`PredictionGame`]) or of the loss ([`LossGame`]) |
//! | [`Conditional`] | draws removed features given those that stay; samplers are in [`conditional`] |
//! | [`Importance`] | the global result: a score per player, every replicate, an [`Interval`] and what it is for |
//! | [`Attribution`] | the local result: a score per row, output and player |
//! | [`Curve`], [`Surface`] | the prediction as a function of one feature, or of two |
//! | [`Interaction`], [`Interactions`] | the same for pairs of players, global and local |
//! | [`Run`] | the seed, progress and cancellation of a call |
//! | [`Checkpoint`] | what a call has finished; a [`Keeper`] keeps it, a later call goes on from it |
//!
//! A method is a struct of its settings, with one entry point:
//!
//! | method | a feature is | what is watched | its question |
//! |---|---|---|---|
//! | [`Permutation`] | shuffled among the rows | the loss on a data set | what does this model make of it? |
//! | [`ExactPermutation`] | shuffled, on average over all permutations | the loss on a data set | the same |
//! | [`ConditionalPermutation`] | replaced given the other features | the loss on a data set | what does this model lose beyond what the others say? |
//! | [`Occlusion`] | set to a constant | the loss on a data set | what does this model make of it? |
//! | [`Sage`] | replaced as [`Removal`] says | the loss of the mean prediction on a data set | how is what the model knows put together? |
//! | [`Lofo`] | left out, and the learner trained again | the loss on a data set | what can this learner not replace? |
//! | [`Loco`] | left out, and the learner trained again | the losses of single rows | the same, of these fitted models |
//! | [`LeaveOneIn`] | all that the learner gets, or added to a base | the loss on a data set | what does it tell on its own? |
//! | [`TargetPermutation`] | as it is; the target is shuffled, and the learner trained again | any importance | would a target of chance give it as much? |
//! | [`PairImportance`] | left out beside another, by shuffling or training again | the loss on a data set | do two stand in for each other, or need each other? |
//! | [`shapley`] | averaged over background rows or draws, or set to a constant | the prediction of a row | how is this prediction put together? |
//! | [`lime`] | drawn from other bins, categories or a normal | the prediction of a row | which straight line fits here? |
//! | [`PartialDependence`] | set to one value after another, in every row | the mean prediction | in which direction? |
//! | [`AccumulatedLocalEffects`] | moved across short intervals, in the rows there | the change of the prediction | in which direction, where there are rows? |
//! | [`Deletion`] | shuffled together with all that rank above it | the loss on a data set | is a ranking the model's? |
//!
//! [`guards`] look for a misuse that a result does not show, and [`Warning`] says it with its number.
//! [`selection`] chooses features by any [`LearnerImportance`] of a learner and scores the choice
//! honestly; [`multiple_testing`] adjusts p-values for being many.
//!
//! The same seed gives the same bits on any number of threads: all threads and all randomness go
//! through [`Run`]. To choose the number of threads, wrap a call in the `install` of a rayon pool.
//! Nothing here reads a file or a clock, prints, or draws. [`agreement`] compares rankings;
//! `invariants` (feature `proptest`) holds what must be true of any explainer, as property tests.
//!
//! # Example
//!
//! A table may hold the same thing twice. What does each copy score, and what both together?
//!
//! ```
//! use fi_core::{Dataset, Function, Metric, Permutation, Players, Removal, Run, Target, shapley};
//! use ndarray::{Array2, ArrayView2, Axis, array, s};
//!
//! // `a` and `b` are equal, with variance 1; the target is their value, the model their mean.
//! let rows = Array2::from_shape_fn((1000, 3), |(i, j)| {
//!     if j < 2 { if i % 2 == 0 { 1.0 } else { -1.0 } } else { (i % 7) as f64 }
//! });
//! let model = Function::new(3, 1, |x: ArrayView2<f64>| {
//!     ((&x.column(0) + &x.column(1)) / 2.0).insert_axis(Axis(1))
//! });
//! let target = Target::Values(rows.column(0).to_vec());
//! let data = Dataset::new(rows, target)?.with_feature_names(["a", "b", "noise"])?;
//!
//! // Every method takes the same players: single features, and the copies as one group.
//! let alone = [("a", vec![0]), ("b", vec![1]), ("noise", vec![2])];
//! let players = Players::groups(3, alone.into_iter().chain([("a & b", vec![0, 1])]))?;
//! let run = Run::new(42);
//! let found = Permutation::default().importance(&run, &model, &data, &players, &[Metric::Mse])?;
//! let importance = &found[0];
//! for (value, expected) in importance.values.iter().zip([0.5, 0.5, 0.0, 2.0]) {
//!     assert!((value - expected).abs() < 0.05, "{importance:?}");
//! }
//!
//! // Shapley values divide the prediction of a row as the model uses the features.
//! let players = Players::features(["a", "b", "noise"])?;
//! let background = Removal::marginal(data.rows().to_owned())?;
//! let row = data.rows().slice_move(s![..1, ..]);
//! let shap = shapley::explain(&run, &shapley::Exact, &model, row, &players, &background)?;
//! assert!((&shap.values - &array![[[0.5, 0.5, 0.0]]]).iter().all(|d| d.abs() < 1e-12));
//! # Ok::<(), fi_core::Error>(())
//! ```
//!
//! So a single score of a feature with a double says what this model makes of it, and a group's
//! score what the information is worth. [`Players::correlated`] finds such groups, and [`Lofo`]
//! scores near 0 what another feature can stand in for.

pub mod agreement;
pub mod conditional;
pub mod guards;
#[cfg(feature = "proptest")]
pub mod invariants;
pub mod lime;
pub mod multiple_testing;
pub mod selection;
pub mod shapley;

mod attribution;
mod chains;
mod checkpoint;
mod conditional_permutation;
mod corrected_t_test;
mod correlation_groups;
mod cost;
mod curve;
mod dataset;
mod deletion;
mod donor;
mod error;
mod exact_permutation;
mod exchange;
mod folds;
mod game;
mod hierarchy;
mod importance;
mod interaction;
mod learner_importance;
mod leave_one_in;
mod location;
mod loco;
mod lofo;
mod metric;
mod model;
mod moments;
mod occlusion;
mod pair_importance;
mod panics;
mod permutation;
mod players;
mod restricted;
mod rng;
mod row_blocks;
mod run;
mod sage;
mod sampling_noise;
mod scorer;
mod sensor_pairs;
mod sequence;
mod statistics;
mod target_permutation;

pub use attribution::Attribution;
pub use checkpoint::{Checkpoint, Keeper};
pub use conditional::Conditional;
pub use conditional_permutation::{ConditionalPermutation, Conditioning, Subgroups};
pub use corrected_t_test::{CorrectedTTest, corrected_t_test};
pub use cost::{Cost, Counter, extrapolate};
pub use curve::{
    AccumulatedLocalEffects, Band, Curve, FriedmanH, Grid, Lines, PartialDependence, Surface,
};
pub use dataset::{Dataset, Target};
pub use deletion::{Deletion, DeletionCurves};
pub use donor::Donors;
pub use error::{Error, Result, require, require_shape};
pub use exact_permutation::{ExactPermutation, PairLosses, PairMeans};
pub use exchange::Exchange;
pub use folds::{Fold, Folds};
pub use game::{Game, PredictionGame, Removal};
pub use hierarchy::{Hierarchy, Linkage, Merge};
pub use importance::{Estimand, Importance, Interval, Replicate, Warning};
pub use interaction::{Interaction, Interactions, PairInterval, Relation};
pub use learner_importance::{HeldOut, LearnerImportance};
pub use leave_one_in::LeaveOneIn;
pub use loco::{Location, Loco};
pub use lofo::Lofo;
pub use metric::{Average, Custom, Direction, Metric, MultiClass, Score};
pub use model::{Function, Learner, Model, Output, check_columns, predict_checked};
pub use moments::{Moments, MomentsNode};
pub use occlusion::Occlusion;
pub use pair_importance::PairImportance;
pub use panics::{catch_panic, is_panic_caught};
pub use permutation::{Permutation, Shuffle, Shuffled, predict_blocks};
pub use players::{OneHot, OneHotBlock, Players};
pub use restricted::Restricted;
pub use rng::Rng;
pub use row_blocks::{LargeDataset, RowBlocks};
pub use run::{Progress, Run};
pub use sage::{LossGame, Sage, SageEstimator};
pub use sensor_pairs::{PAIR_PATTERN, SensorPairs, pair_names};
pub use sequence::{Masked, MaskedLearner, Over, Pooling, Sequence};
pub use statistics::quantile;
pub use target_permutation::{NullDistribution, TargetPermutation, TargetPermuted};

/// Runs the README's example as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
