//! What must hold for boosting whatever the data.

use fi_core::{Dataset, Model, Run, Target};
use ndarray::{Array2, Axis};
use proptest::prelude::*;

use super::super::Loss;
use super::super::settings::GradientBoosting;
use super::super::train::{Training, train};
use super::{drawn, fit, on_threads, unweighted, with_target};
use crate::tree::Trees;

fn small() -> GradientBoosting {
    GradientBoosting {
        n_estimators: 8,
        max_leaf_nodes: Some(6),
        min_samples_leaf: 3,
        ..GradientBoosting::default()
    }
}

fn losses() -> impl Strategy<Value = Loss> {
    prop_oneof![
        Just(Loss::SquaredError),
        Just(Loss::AbsoluteError),
        Just(Loss::Quantile { level: 0.8 }),
        Just(Loss::Huber { delta: 1.0 }),
        Just(Loss::Poisson),
        Just(Loss::Gamma),
        Just(Loss::LogLoss)
    ]
}

/// With cells of this many words, and room for so many bytes of histograms.
fn fit_with(
    settings: &GradientBoosting,
    data: &Dataset,
    n_words: Option<usize>,
    kept_bytes: usize,
) -> Trees {
    let training = settings.training(data, None).unwrap();
    train(&Run::new(3), &Training { n_words, kept_bytes, ..training }).unwrap()
}

/// The mean loss of raw predictions, by its formula.
fn mean_loss(loss: Loss, data: &Dataset, raw: &Array2<f64>) -> f64 {
    let weight = |row: usize| data.weights().map_or(1.0, |weights| weights[row]);
    let one = |row: usize| {
        let z = raw[[row, 0]];
        if let Some(labels) = data.target().labels() {
            if raw.ncols() == 1 {
                return (1.0 + (if labels[row] == 1 { -z } else { z }).exp()).ln();
            }
            return raw.row(row).mapv(f64::exp).sum().ln() - raw[[row, labels[row]]];
        }
        let y = data.target().values().unwrap()[row];
        match loss {
            Loss::AbsoluteError => (z - y).abs(),
            Loss::Quantile { level } if y > z => level * (y - z),
            Loss::Quantile { level } => (1.0 - level) * (z - y),
            Loss::Huber { delta } if (z - y).abs() > delta => delta * ((z - y).abs() - delta / 2.0),
            Loss::Poisson => z.exp() - y * z,
            Loss::Gamma => z + y / z.exp(),
            _ => (z - y).powi(2) / 2.0,
        }
    };
    let total: f64 = (0..data.n_rows()).map(weight).sum();
    (0..data.n_rows()).map(|row| weight(row) * one(row)).sum::<f64>() / total
}

/// The losses before the first and after every round.
pub(super) fn curve(loss: Loss, data: &Dataset, trees: &Trees) -> Vec<f64> {
    let ensemble = trees.ensemble();
    let n_outputs = ensemble.n_outputs();
    let mut raw = Array2::zeros((data.n_rows(), n_outputs));
    raw.rows_mut().into_iter().for_each(|mut row| {
        row.iter_mut().zip(ensemble.base()).for_each(|(z, base)| *z = *base);
    });
    let mut losses = vec![mean_loss(loss, data, &raw)];
    for tree in 0..ensemble.n_trees() {
        raw += &ensemble.predict_tree(tree, data.rows()).unwrap();
        if (tree + 1) % n_outputs == 0 {
            losses.push(mean_loss(loss, data, &raw));
        }
    }
    losses
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_round_lowers_the_training_loss(
        seed in 0_u64..10_000, n_rows in 10_usize..150, loss in losses(), n_classes in 2_usize..5
    ) {
        // Where the mean is exp(z), a step may overshoot: see `Loss`.
        prop_assume!(!matches!(loss, Loss::Poisson | Loss::Gamma));
        let data = with_target(&drawn(seed, n_rows), loss, n_classes);
        let trees = fit(&GradientBoosting { loss, ..small() }, &data);
        let curve = curve(loss, &data, &trees);
        prop_assert!(curve.windows(2).all(|pair| pair[1] <= pair[0] + 1e-9), "{curve:?}");
        prop_assert!(curve.len() > 1);
    }

    #[test]
    fn neither_threads_nor_memory_nor_the_width_of_cells_change_a_bit(
        seed in 0_u64..10_000, loss in losses(), share in 0.3_f64..1.0
    ) {
        let settings = GradientBoosting {
            loss, subsample: share, colsample_bytree: share, colsample_bynode: share, ..small()
        };
        let data = with_target(&drawn(seed, 120), loss, 3);
        let one = on_threads(1, || fit(&settings, &data));
        prop_assert_eq!(&one, &on_threads(3, || fit(&settings, &data)));
        for kept_bytes in [0, 50_000] {
            prop_assert_eq!(&one, &fit_with(&settings, &data, None, kept_bytes));
        }
        // 64 small whole numbers: their mean and residuals have few digits, nothing is rounded.
        let data = unweighted(&drawn(seed, 64));
        let values = data.rows().column(1).to_vec();
        let data = data.with_target(Target::Values(values)).unwrap();
        let settings = GradientBoosting { n_estimators: 1, learning_rate: 1.0, ..small() };
        let one = fit_with(&settings, &data, Some(1), 1 << 20);
        prop_assert_eq!(&one, &fit_with(&settings, &data, Some(2), 1 << 20));
        prop_assert_eq!(&one, &fit_with(&settings, &data, Some(3), 1 << 20));
    }

    #[test]
    fn rows_fall_where_training_counted_them(seed in 0_u64..10_000, max_bins in 2_usize..20) {
        // More values than bins, missing ones and categories beyond the bins.
        let data = unweighted(&drawn(seed, 200));
        let trees = fit(&GradientBoosting { max_bins, ..small() }, &data);
        let leaves = trees.ensemble().apply(data.rows()).unwrap();
        for (tree, leaves) in trees.ensemble().trees().zip(leaves.axis_iter(Axis(1))) {
            for node in (0..tree.n_nodes()).filter(|&node| tree.is_leaf(node)) {
                let count = leaves.iter().filter(|&&leaf| leaf == node).count();
                prop_assert_eq!(count as f64, tree.cover(node));
                prop_assert!(count >= 3);
            }
            prop_assert_eq!(tree.cover(0), 200.0);
        }
    }

    #[test]
    fn a_strictly_increasing_change_of_a_feature_changes_no_prediction(seed in 0_u64..10_000) {
        let data = drawn(seed, 150);
        let mut rows = data.rows().to_owned();
        rows.column_mut(0).mapv_inplace(|x| x.powi(3) * 1e-3);
        rows.column_mut(1).mapv_inplace(|x| 5.0 * x - 2.0);
        rows.column_mut(2).mapv_inplace(f64::exp);
        let changed = data.clone().with_rows(rows).unwrap();
        let (a, b) = (fit(&small(), &data), fit(&small(), &changed));
        prop_assert_eq!(a.predict(data.rows()).unwrap(), b.predict(changed.rows()).unwrap());
    }

    #[test]
    fn another_order_of_columns_or_rows_changes_no_prediction(seed in 0_u64..10_000) {
        let data = drawn(seed, 150);
        let order = [3, 0, 2, 1];
        let turned = data.select_features(&order);
        let settings = GradientBoosting { min_samples_leaf: 15, ..small() };
        let (a, b) = (fit(&settings, &data), fit(&settings, &turned));
        prop_assert_eq!(a.predict(data.rows()).unwrap(), b.predict(turned.rows()).unwrap());
        let backwards: Vec<usize> = (0..150).rev().collect();
        let reversed = data.select_rows(&backwards).unwrap();
        let c = fit(&settings, &reversed).predict(data.rows()).unwrap();
        let difference = &a.predict(data.rows()).unwrap() - &c;
        prop_assert!(difference.iter().all(|d| d.abs() < 1e-9));
    }

    #[test]
    fn a_weight_counts_as_so_many_rows(seed in 0_u64..10_000, loss in losses(), max_bins in 3_usize..255) {
        // Beside their counts the rows have weights that no two of them share: without ties,
        // rounding does not choose between splits.
        let data = with_target(&drawn(seed, 60), loss, 3);
        let copies: Vec<usize> = (0..60).map(|row| row * 7 % 4).collect();
        let repeated = (0..60).flat_map(|row| vec![row; copies[row]]).collect::<Vec<_>>();
        let repeated = data.select_rows(&repeated).unwrap();
        let weights = data.weights().unwrap().iter().zip(&copies);
        let weights = weights.map(|(weight, &copies)| weight * copies as f64).collect();
        let weighted = data.clone().with_weights(weights).unwrap();
        let settings = GradientBoosting {
            loss,
            min_samples_leaf: 1,
            min_sum_hessian: 0.5,
            max_bins,
            max_leaf_nodes: Some(4),
            n_estimators: 3,
            ..small()
        };
        let (a, b) = (fit(&settings, &weighted), fit(&settings, &repeated));
        let covers = [&a, &b].map(|trees| trees.ensemble().tree(0).cover(0));
        prop_assert!((covers[0] - covers[1]).abs() < 1e-9, "{covers:?}");
        let a = curve(loss, &weighted, &a);
        let b = curve(loss, &repeated, &b);
        prop_assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-6 * (1.0 + a.abs())), "{a:?} {b:?}");
    }
}
