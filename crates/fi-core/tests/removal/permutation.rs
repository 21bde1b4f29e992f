//! What must always hold for permutation importance and occlusion.

use std::sync::Arc;

use fi_core::{
    Custom, Dataset, Direction, Function, Importance, Metric, Model, Occlusion, Output,
    Permutation, Players, Run, Target, Warning,
};
use ndarray::{Array2, ArrayView2, array, s};
use proptest::prelude::*;

use crate::{assert_close, gaussian, linear, on_threads};

/// R², which is no mean over rows.
pub(crate) fn r2() -> Metric {
    Metric::Custom(Custom {
        name: "my R²".to_owned(),
        direction: Direction::Higher,
        score: Arc::new(|predictions, target, weights| {
            let y = target.values().unwrap();
            let w = |i: usize| weights.map_or(1.0, |w| w[i]);
            let total: f64 = (0..y.len()).map(w).sum();
            let mean = (0..y.len()).map(|i| w(i) * y[i]).sum::<f64>() / total;
            let left: f64 = (0..y.len()).map(|i| w(i) * (y[i] - predictions[[i, 0]]).powi(2)).sum();
            let all: f64 = (0..y.len()).map(|i| w(i) * (y[i] - mean).powi(2)).sum();
            Ok(1.0 - left / all)
        }),
    })
}

fn players(n: usize) -> Players {
    Players::features((0..n).map(|i| format!("x{i}"))).unwrap()
}

fn run_on(
    permutation: &Permutation,
    model: &dyn Model,
    data: &Dataset,
    players: &Players,
) -> Vec<Importance> {
    permutation.importance(&Run::new(7), model, data, players, &[Metric::Mse, r2()]).unwrap()
}

fn few(n_repeats: usize) -> Permutation {
    Permutation { n_repeats, ..Default::default() }
}

/// A model with interactions, so that the order of features matters for nothing by accident.
fn crooked() -> impl Model {
    Function::new(4, 1, |rows: ArrayView2<'_, f64>| {
        Array2::from_shape_fn((rows.nrows(), 1), |(i, _)| {
            let x = rows.row(i);
            (x[0] * x[1]).sin() + x[2].exp().min(3.0)
        })
    })
}

#[test]
fn a_linear_model_scores_two_beta_squared_variance() {
    let beta = [3.0, -1.0, 0.5];
    let mut data = gaussian(1, 400, &beta, 0.0);
    // Standardised exactly, so that the expectation over permutations is 2 β² exactly.
    let mut rows = data.rows().to_owned();
    for mut column in rows.columns_mut() {
        let mean = column.sum() / 400.0;
        column -= mean;
        let deviation = (column.dot(&column) / 400.0).sqrt();
        column /= deviation;
    }
    let target = rows.rows().into_iter().map(|x| 3.0 * x[0] - x[1] + 0.5 * x[2]).collect();
    data = data.with_rows(rows).unwrap().with_target(Target::Values(target)).unwrap();
    let found = run_on(&few(400), &linear(&beta, 0.0), &data, &players(3)).remove(0);
    let std = found.std.unwrap();
    for (i, expected) in [18.0, 2.0, 0.5].into_iter().enumerate() {
        // The standard error of a mean of 400 shuffles.
        let error = std[i] / 20.0;
        assert!((found.values[i] - expected).abs() < 4.0 * error, "{:?}", found.values);
        assert!(error < 0.01 * expected);
    }
    assert_eq!(found.score, Some(0.0));
    assert_eq!(found.n_evaluations, 400 * (1 + 3 * 400));
    assert_eq!(found.p_values.unwrap()[0], 1.0 / 401.0);
}

#[test]
fn neither_batches_nor_threads_change_a_bit() {
    let data = gaussian(2, 53, &[1.0, 0.5, 0.2, 0.0], 0.3);
    let data = data.with_weights((0..53).map(|i| 0.5 + f64::from(i % 4)).collect()).unwrap();
    let groups = [("a", vec![0]), ("b", vec![1, 3]), ("c", vec![0, 2])];
    let groups = Players::groups(4, groups).unwrap();
    let of = |batch_rows| {
        let permutation = Permutation { n_repeats: 9, batch_rows, ..Default::default() };
        run_on(&permutation, &crooked(), &data, &groups)
    };
    let expected = of(16_384);
    assert!(expected[0].values[0] != 0.0 && expected[1].interval.is_some());
    for batch_rows in [1, 7, 53, 54, 200] {
        assert_eq!(of(batch_rows), expected, "{batch_rows}");
    }
    for n_threads in [1, 2, 3, 8] {
        assert_eq!(on_threads(n_threads, || of(60)), expected, "{n_threads}");
    }
}

#[test]
fn more_repeats_go_on_where_fewer_stopped() {
    let data = gaussian(8, 30, &[1.0, 0.5], 0.5);
    let of = |n_repeats| {
        run_on(&few(n_repeats), &linear(&[1.0, 0.5], 0.0), &data, &players(2)).remove(0).replicates
    };
    assert_eq!(of(5).slice(s![.., ..3]), of(3));
}

#[test]
fn a_row_sample_has_its_own_baseline_and_names_its_rows() {
    // scikit-learn scores the baseline on all rows: an unused feature then gets a score.
    let data = gaussian(3, 300, &[1.0, 0.0], 1.0);
    let permutation = Permutation { n_repeats: 4, max_rows: Some(40), ..Default::default() };
    let found = run_on(&permutation, &linear(&[1.0, 0.0], 0.0), &data, &players(2)).remove(0);
    assert_eq!(found.values[1], 0.0);
    assert_eq!(found.n_evaluations, 40 * 9);
    assert_ne!(
        found.score,
        run_on(&few(4), &linear(&[1.0, 0.0], 0.0), &data, &players(2))[0].score
    );
    // More rows than there are: all of them.
    let permutation = Permutation { max_rows: Some(300), ..few(4) };
    let model = linear(&[1.0, 0.0], 0.0);
    assert_eq!(
        run_on(&permutation, &model, &data, &players(2)),
        run_on(&few(4), &model, &data, &players(2))
    );
}

#[test]
fn warnings_name_a_useless_model_and_a_still_metric() {
    let data = gaussian(4, 120, &[1.0, 1.0], 1.0);
    let found = run_on(&few(3), &linear(&[0.0, 0.0], 9.0), &data, &players(2)).remove(0);
    assert!(matches!(found.warnings[0], Warning::NoBetterThanConstant { .. }));
    assert_eq!(found.warnings[1], Warning::MetricDidNotMove { metric: "MSE".to_owned() });
    let interval = found.interval.unwrap();
    assert_eq!((interval.low[0], interval.high[0]), (0.0, 0.0));
    assert_eq!(found.p_values.unwrap(), [1.0, 1.0]);
    let good = run_on(&few(3), &linear(&[1.0, 1.0], 0.0), &data, &players(2)).remove(0);
    assert_eq!(good.warnings, []);
    // As good as the best constant is no better.
    let data = data.with_target(Target::Values((0..120).map(|i| f64::from(i % 2)).collect()));
    let even = run_on(&few(3), &linear(&[0.0, 0.0], 0.5), &data.unwrap(), &players(2)).remove(0);
    assert_eq!(even.score, even.constant_score);
    assert!(matches!(even.warnings[0], Warning::NoBetterThanConstant { .. }));
}

/// A metric of the number of rows alone.
fn of_rows(score: fn(usize) -> f64) -> Metric {
    Metric::custom("size", Direction::Lower, move |_, target, _| Ok(score(target.len())))
}

#[test]
fn infinite_scores_are_refused_and_without_some_rows_leave_no_interval() {
    let data = gaussian(9, 30, &[1.0, 1.0], 1.0);
    let model = linear(&[1.0, 1.0], 0.0);
    let of = |metric| few(3).importance(&Run::new(0), &model, &data, &players(2), &[metric]);
    assert_eq!(
        of(of_rows(|_| f64::INFINITY)).unwrap_err().to_string(),
        "`size` needs predictions that it can score with a finite number, but got `inf`"
    );
    let found = of(of_rows(|n| if n == 30 { 1.0 } else { f64::INFINITY })).unwrap().remove(0);
    assert_eq!((found.values, found.interval), (vec![0.0; 2], None));
    assert!(found.warnings.iter().any(|warning| warning.to_string().contains("has no interval")));
}

#[test]
fn rows_without_weight_are_absent() {
    let data = gaussian(10, 40, &[1.0, 0.5], 0.5);
    let kept: Vec<usize> = (0..40).filter(|i: &usize| !i.is_multiple_of(3)).collect();
    let weights = |i: usize| if i.is_multiple_of(3) { 0.0 } else { 1.0 + i as f64 };
    let all = data.with_weights((0..40).map(weights).collect()).unwrap();
    let some = all.select_rows(&kept).unwrap();
    for max_rows in [None, Some(10)] {
        let permutation = Permutation { max_rows, ..few(4) };
        let of = |data: &Dataset| run_on(&permutation, &crooked_two(), data, &players(2));
        assert_eq!(of(&all), of(&some));
    }
    let occlusion = Occlusion { baseline: vec![0.5; 2] };
    let of = |data: &Dataset| {
        let metrics = [Metric::Mse, r2()];
        occlusion.importance(&Run::new(0), &crooked_two(), data, &players(2), &metrics).unwrap()
    };
    assert_eq!(of(&all), of(&some));
    // A model that fails in a row says its number in the table that it was given.
    let broken = Function::new(2, 1, |rows: ArrayView2<'_, f64>| {
        Array2::from_elem((rows.nrows(), 1), f64::NAN)
    });
    let failed = few(4).importance(&Run::new(0), &broken, &all, &players(2), &[Metric::Mse]);
    let text = failed.unwrap_err().to_string();
    assert!(text.starts_with("the model's prediction is `NaN` in row 1,"), "{text}");
    let one = all.with_weights((0..40).map(|i| f64::from(u8::from(i == 7))).collect()).unwrap();
    let failed = few(4).importance(&Run::new(0), &broken, &one, &players(2), &[Metric::Mse]);
    assert_eq!(
        failed.unwrap_err().to_string(),
        "permutation importance needs at least 2 rows, got 1"
    );
}

/// An interaction of two features.
fn crooked_two() -> impl Model {
    Function::new(2, 1, |rows: ArrayView2<'_, f64>| {
        Array2::from_shape_fn((rows.nrows(), 1), |(i, _)| rows[[i, 0]] * (1.0 + rows[[i, 1]]))
    })
}

#[test]
fn weights_enter_the_interval_as_they_enter_the_mean() {
    let rows = array![[1.0], [2.0], [3.0]];
    let data = Dataset::new(rows, Target::Values(vec![1.0, 2.0, 3.0])).unwrap();
    let data = data.with_weights(vec![1.0, 1.0, 2.0]).unwrap();
    let zero = Occlusion { baseline: vec![0.0] };
    let found = zero
        .importance(&Run::new(0), &linear(&[1.0], 0.0), &data, &players(1), &[Metric::Mse])
        .unwrap()
        .remove(0);
    // Losses 1, 4, 9 with mean 23/4; the sandwich n / (n − 1) Σ (wᵢ (dᵢ − mean) / Σ w)².
    let mean = 5.75;
    let squares = [1.0 - mean, 4.0 - mean, 2.0 * (9.0 - mean)].map(|x: f64| (x / 4.0).powi(2));
    let half = 4.302_653 * (1.5 * squares.iter().sum::<f64>()).sqrt();
    let interval = found.interval.unwrap();
    assert_close(&[found.values[0], interval.high[0]], &[mean, mean + half], 1e-6);
}

#[test]
fn one_group_of_rows_has_no_interval_and_says_so() {
    let data = gaussian(5, 20, &[1.0, 1.0], 1.0).with_groups(vec![4; 20]).unwrap();
    let found = run_on(&few(3), &linear(&[1.0, 1.0], 0.0), &data, &players(2));
    for importance in found {
        assert_eq!(importance.interval, None);
        let text = importance.warnings[0].to_string();
        assert!(text.contains("has no interval: it cannot be scored without some"), "{text}");
    }
}

#[test]
fn groups_of_rows_widen_the_interval() {
    // Every row four times: four times fewer independent rows, twice the standard error.
    let once = gaussian(6, 100, &[1.0, 0.5], 0.5);
    let rows: Vec<usize> = (0..400).map(|i| i / 4).collect();
    let copied = once.select_rows(&rows).unwrap();
    let width = |data: &Dataset| {
        let found = run_on(&few(50), &linear(&[1.0, 0.5], 0.0), data, &players(2)).remove(0);
        let interval = found.interval.unwrap();
        interval.high[0] - interval.low[0]
    };
    let (apart, together) = (width(&copied), width(&copied.clone().with_groups(rows).unwrap()));
    assert!((together / apart - 2.0).abs() < 0.2, "{together} {apart}");
    assert!((together / width(&once) - 1.0).abs() < 0.2);
}

#[test]
fn classes_are_scored_by_probabilities() {
    let rows = array![[0.0, 1.0], [1.0, 0.0], [0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 1.0]];
    let model = Function::new(2, 2, |rows: ArrayView2<'_, f64>| {
        Array2::from_shape_fn((rows.nrows(), 2), |(i, class)| {
            let p = 0.1 + 0.8 * rows[[i, 0]];
            if class == 1 { p } else { 1.0 - p }
        })
    })
    .with_output(Output::Probabilities);
    let target = Target::Classes {
        labels: vec![0, 1, 0, 1, 0, 1],
        names: vec!["no".to_owned(), "yes".to_owned()],
    };
    let data = Dataset::new(rows, target).unwrap();
    let metrics = [Metric::LogLoss, Metric::Accuracy];
    let found = few(200).importance(&Run::new(0), &model, &data, &players(2), &metrics).unwrap();
    // Half of all donors are of the other class: 0.5 · ln(0.9 / 0.1), and 0.5.
    assert_close(&found[0].values, &[0.5 * 9.0_f64.ln(), 0.0], 0.1);
    assert_close(&found[1].values, &[0.5, 0.0], 0.05);
    assert_eq!(found[1].score, Some(1.0));
    // Both metrics saw the same shuffles.
    for (loss, accuracy) in found[0].replicates.iter().zip(&found[1].replicates) {
        assert!((loss - accuracy * 9.0_f64.ln()).abs() < 1e-12);
    }
}

#[test]
fn occlusion_is_the_loss_of_setting_a_column() {
    let data = gaussian(7, 50, &[2.0, 1.0, 0.0], 0.0);
    let model = linear(&[2.0, 1.0, 0.0], 0.0);
    let pairs = Players::groups(3, [("x0", vec![0]), ("both", vec![0, 1]), ("x2", vec![2])]);
    let occlusion = Occlusion { baseline: vec![1.0, 0.0, 5.0] };
    let metrics = [Metric::Mse, r2()];
    let found = occlusion.importance(&Run::new(0), &model, &data, &pairs.unwrap(), &metrics);
    let found = found.unwrap();
    let loss = |change: &dyn Fn(f64, f64) -> f64| {
        data.rows().rows().into_iter().map(|x| change(x[0], x[1]).powi(2)).collect::<Vec<_>>()
    };
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let single = loss(&|a, _| 2.0 * (1.0 - a));
    let both = loss(&|a, b| 2.0 * (1.0 - a) - b);
    assert_close(&found[0].values, &[mean(&single), mean(&both), 0.0], 1e-12);
    assert_eq!(found[0].method, "occlusion");
    assert_eq!(found[0].n_evaluations, 200);
    // Student's t over the rows: 2.009575 for 49 degrees of freedom.
    let centre = mean(&single);
    let variance = single.iter().map(|x| (x - centre).powi(2)).sum::<f64>() / 49.0;
    let half = 2.009_575 * (variance / 50.0).sqrt();
    let interval = found[0].interval.as_ref().unwrap();
    assert_close(&[interval.low[0], interval.high[0]], &[centre - half, centre + half], 1e-6);
    assert!(found[1].interval.is_some());
    let zero = Occlusion { baseline: vec![0.0; 3] };
    let found = zero.importance(&Run::new(0), &model, &data, &players(3), &metrics).unwrap();
    assert_eq!(found[0].method, "set to zero");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn an_unused_feature_scores_exactly_zero(seed: u64, n_rows in 2_usize..60) {
        let data = gaussian(seed, n_rows, &[1.0, 1.0, 1.0, 5.0], 1.0);
        for importance in run_on(&few(5), &crooked(), &data, &players(4)) {
            prop_assert_eq!(importance.values[3], 0.0);
            prop_assert!(importance.replicates.row(3).iter().all(|&value| value == 0.0));
            prop_assert_eq!(importance.p_values.unwrap()[3], 1.0);
            if let Some(interval) = importance.interval {
                prop_assert_eq!((interval.low[3], interval.high[3]), (0.0, 0.0));
            }
        }
    }

    #[test]
    fn scaling_the_target_scales_by_its_square(seed: u64, scale in 0.1..10.0) {
        let beta = [1.0, -0.4];
        let data = gaussian(seed, 40, &beta, 0.5);
        let scaled = data.target().values().unwrap().iter().map(|y| y * scale).collect();
        let scaled = data.clone().with_target(Target::Values(scaled)).unwrap();
        let before = run_on(&few(5), &linear(&beta, 0.0), &data, &players(2)).remove(0);
        let beta = beta.map(|b| b * scale);
        let after = run_on(&few(5), &linear(&beta, 0.0), &scaled, &players(2)).remove(0);
        let expected = |values: &[f64]| values.iter().map(|v| v * scale * scale).collect::<Vec<_>>();
        assert_close(&after.values, &expected(&before.values), 1e-9);
        let (before, after) = (before.interval.unwrap(), after.interval.unwrap());
        assert_close(&after.low, &expected(&before.low), 1e-9);
    }

    #[test]
    fn the_order_of_columns_only_permutes_the_scores(seed: u64) {
        let data = gaussian(seed, 30, &[1.0, 0.3, 0.7, 0.0], 0.5);
        let order = [2, 0, 3, 1];
        let model = crooked();
        let moved = Function::new(4, 1, |rows: ArrayView2<'_, f64>| {
            let mut back = Array2::zeros(rows.raw_dim());
            for (new, &old) in order.iter().enumerate() {
                back.slice_mut(s![.., old]).assign(&rows.column(new));
            }
            crooked().predict(back.view()).unwrap()
        });
        let before = run_on(&few(4), &model, &data, &players(4));
        let after = run_on(&few(4), &moved, &data.select_features(&order), &players(4));
        for (before, after) in before.iter().zip(&after) {
            for (new, &old) in order.iter().enumerate() {
                prop_assert_eq!(after.replicates.row(new), before.replicates.row(old));
                prop_assert_eq!(
                    after.interval.as_ref().unwrap().high[new],
                    before.interval.as_ref().unwrap().high[old]
                );
            }
        }
    }

    #[test]
    fn a_group_of_one_is_that_feature(seed: u64) {
        let data = gaussian(seed, 30, &[1.0, 0.3, 0.7, 0.0], 0.5);
        let alone = run_on(&few(4), &crooked(), &data, &players(4)).remove(0);
        let groups = Players::groups(4, [("rest", vec![0, 1, 3]), ("one", vec![2])]).unwrap();
        let grouped = run_on(&few(4), &crooked(), &data, &groups).remove(0);
        prop_assert_eq!(grouped.replicates.row(1), alone.replicates.row(2));
    }
}
