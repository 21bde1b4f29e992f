//! linfa's learners as ours.
//!
//! [`regressor`] and [`classifier`] take any linfa parameters and see only predictions. Where a
//! model has an inside worth reading there is an adapter of its own, which also refuses what
//! linfa would silently ignore (weights, collinear columns, fits that did not converge):
//!
//! | function | linfa's parameters | fitted |
//! |---|---|---|
//! | [`linear`] | `linfa_linear::LinearRegression` | `LinearModel` with standard errors |
//! | [`elastic_net`] | `linfa_elasticnet::ElasticNetParams` | `LinearModel` |
//! | [`logistic`] | `linfa_logistic::LogisticRegression`, two classes | `LinearModel` with probabilities |
//! | [`multi_logistic`] | `linfa_logistic::MultiLogisticRegression` | `LinearModel` with probabilities |
//! | [`decision_tree`] | `linfa_trees::DecisionTreeParams` | trees with covers and class shares |
//!
//! Each has an inherent `fit` that returns the concrete model, and is a
//! [`Learner`](fi_core::Learner). [`dataset`] and [`to_linfa`] translate data sets.

mod any;
mod class;
mod data;
mod elastic_net;
mod linear;
mod logistic;
mod tree;

#[cfg(test)]
mod tests;

pub use any::{Classifier, Regressor, classifier, regressor};
pub use data::{ToTarget, dataset, to_linfa};
pub use elastic_net::{ElasticNet, elastic_net};
pub use linear::{Linear, linear};
pub use logistic::{Logistic, MultiLogistic, logistic, multi_logistic};
pub use tree::{DecisionTree, FittedTree, decision_tree};
