//! Random data sets and players.

use std::ops::RangeInclusive;

use ndarray::Array2;
use proptest::prelude::*;

use crate::dataset::{Dataset, Target};
use crate::players::Players;

/// Regression data: features in `[−2, 2]`, a target in `[−10, 10]`, no weights, nothing missing.
///
/// At least one row and one feature.
pub fn regression(
    n_rows: RangeInclusive<usize>,
    n_features: RangeInclusive<usize>,
) -> impl Strategy<Value = Dataset> {
    rows(n_rows, n_features).prop_flat_map(|rows| {
        let target = proptest::collection::vec(-10.0..10.0_f64, rows.nrows());
        (Just(rows), target).prop_filter_map("a data set", |(rows, target)| {
            Dataset::new(rows, Target::Values(target)).ok()
        })
    })
}

/// Classification data: features in `[−2, 2]`, classes called `c0`, `c1`, …. Every class occurs
/// where there are rows enough.
///
/// At least one row, one feature and one class.
pub fn classification(
    n_rows: RangeInclusive<usize>,
    n_features: RangeInclusive<usize>,
    n_classes: RangeInclusive<usize>,
) -> impl Strategy<Value = Dataset> {
    (rows(n_rows, n_features), n_classes).prop_flat_map(|(rows, n_classes)| {
        let n_classes = n_classes.max(1);
        let labels: Vec<usize> = (0..rows.nrows()).map(|row| row % n_classes).collect();
        (Just(rows), Just(labels).prop_shuffle()).prop_filter_map(
            "a data set",
            move |(rows, labels)| {
                let names = (0..n_classes).map(|class| format!("c{class}")).collect();
                Dataset::new(rows, Target::Classes { labels, names }).ok()
            },
        )
    })
}

/// Players over `n_features ≥ 1` features: each feature alone, or a few named groups that may
/// overlap and leave features out.
pub fn players(n_features: usize) -> impl Strategy<Value = Players> {
    let n_features = n_features.max(1);
    let features: Vec<usize> = (0..n_features).collect();
    let alone: Vec<Vec<usize>> = features.iter().map(|&feature| vec![feature]).collect();
    let group = proptest::sample::subsequence(features, 1..=n_features);
    let groups = proptest::collection::vec(group, 1..=4);
    prop_oneof![Just(alone), groups].prop_filter_map("players", move |groups| {
        let named = groups.into_iter().enumerate().map(|(i, members)| (format!("p{i}"), members));
        Players::groups(n_features, named).ok()
    })
}

fn rows(
    n_rows: RangeInclusive<usize>,
    n_features: RangeInclusive<usize>,
) -> impl Strategy<Value = Array2<f64>> {
    (n_rows, n_features).prop_flat_map(|(n_rows, n_features)| {
        let (n_rows, n_features) = (n_rows.max(1), n_features.max(1));
        proptest::collection::vec(-2.0..2.0_f64, n_rows * n_features).prop_map(move |values| {
            Array2::from_shape_fn((n_rows, n_features), |(i, j)| values[i * n_features + j])
        })
    })
}
