//! Random models: sums of linear, product and step terms.

use std::ops::RangeInclusive;

use ndarray::{Array2, ArrayView1, ArrayView2};
use proptest::prelude::*;

use crate::error::Result;
use crate::model::{Model, Output, check_columns};

/// One term of a [`RandomModel`].
#[derive(Debug, Clone, PartialEq)]
pub enum Term {
    /// `coefficient · x[feature]`.
    Linear {
        /// The column.
        feature: usize,
        /// Its coefficient.
        coefficient: f64,
    },
    /// `coefficient · Π x[feature]`: an interaction.
    Product {
        /// The columns; one may come several times.
        features: Vec<usize>,
        /// The product's coefficient.
        coefficient: f64,
    },
    /// A tree of depth `splits.len()` with the same split on a level: the leaf's value, whose
    /// index has bit `d` set where `x[feature] ≤ threshold` at level `d`.
    Steps {
        /// `(feature, threshold)` of each level.
        splits: Vec<(usize, f64)>,
        /// The values of the `2^depth` leaves.
        leaves: Vec<f64>,
    },
}

impl Term {
    fn evaluate(&self, row: ArrayView1<'_, f64>) -> f64 {
        match self {
            Self::Linear { feature, coefficient } => coefficient * row[*feature],
            Self::Product { features, coefficient } => {
                features.iter().fold(*coefficient, |product, &feature| product * row[feature])
            }
            Self::Steps { splits, leaves } => {
                let bit = |(level, &(feature, threshold)): (usize, &(usize, f64))| {
                    usize::from(row[feature] <= threshold) << level
                };
                leaves[splits.iter().enumerate().map(bit).sum::<usize>()]
            }
        }
    }
}

/// A regression model whose outputs are sums of terms; made by [`models`].
#[derive(Debug, Clone, PartialEq)]
pub struct RandomModel {
    n_features: usize,
    outputs: Vec<Vec<Term>>,
}

impl RandomModel {
    /// The terms that each output is the sum of.
    pub fn outputs(&self) -> &[Vec<Term>] {
        &self.outputs
    }

    /// Whether any output looks at a feature.
    pub fn uses(&self, feature: usize) -> bool {
        self.outputs.iter().flatten().any(|term| match term {
            Term::Linear { feature: used, .. } => *used == feature,
            Term::Product { features, .. } => features.contains(&feature),
            Term::Steps { splits, .. } => splits.iter().any(|(used, _)| *used == feature),
        })
    }
}

impl Model for RandomModel {
    fn n_features(&self) -> usize {
        self.n_features
    }
    fn n_outputs(&self) -> usize {
        self.outputs.len()
    }
    fn output(&self) -> Output {
        Output::Values
    }
    fn predict(&self, rows: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        check_columns(self.n_features, rows)?;
        Ok(Array2::from_shape_fn((rows.nrows(), self.outputs.len()), |(row, output)| {
            self.outputs[output].iter().map(|term| term.evaluate(rows.row(row))).sum()
        }))
    }
}

/// Models of up to five terms per output: linear ones, products of two or three features, and
/// trees of depth one to three. Some features may not be used.
pub fn models(
    n_features: RangeInclusive<usize>,
    n_outputs: RangeInclusive<usize>,
) -> impl Strategy<Value = RandomModel> {
    (n_features, n_outputs).prop_flat_map(|(n_features, n_outputs)| {
        let terms = proptest::collection::vec(term(n_features), 1..=5);
        proptest::collection::vec(terms, n_outputs)
            .prop_map(move |outputs| RandomModel { n_features, outputs })
    })
}

fn term(n_features: usize) -> impl Strategy<Value = Term> {
    let feature = 0..n_features;
    let linear = (feature.clone(), -3.0..3.0_f64)
        .prop_map(|(feature, coefficient)| Term::Linear { feature, coefficient });
    let product = (proptest::collection::vec(feature.clone(), 2..=3), -3.0..3.0_f64)
        .prop_map(|(features, coefficient)| Term::Product { features, coefficient });
    let steps =
        proptest::collection::vec((feature, -1.5..1.5_f64), 1..=3).prop_flat_map(|splits| {
            let n_leaves = 1 << splits.len();
            (Just(splits), proptest::collection::vec(-3.0..3.0_f64, n_leaves))
                .prop_map(|(splits, leaves)| Term::Steps { splits, leaves })
        });
    prop_oneof![linear, product, steps]
}
