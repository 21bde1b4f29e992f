//! LOCO and leave-one-in: their definitions, closed forms, coverage and bad input.

use fi_core::{
    Dataset, Estimand, Fold, Folds, Importance, Learner, LeaveOneIn, Location, Loco, Metric,
    Players, Replicate, Result, Rng, Run, Target,
};
use ndarray::{Array2, array};

use crate::{Ols, assert_close, gaussian, linear, on_threads};

fn players(n: usize) -> Players {
    Players::features((0..n).map(|i| format!("x{i}"))).unwrap()
}

fn given(n_train: usize, n_rows: usize) -> Folds {
    Folds::Given(vec![Fold { train: (0..n_train).collect(), test: (n_train..n_rows).collect() }])
}

fn loco(settings: &Loco, data: &Dataset, metric: Metric) -> Importance {
    let players = players(data.n_features());
    settings.importance(&Run::new(1), &Ols, data, &players, &[metric]).unwrap().remove(0)
}

/// Predictions of least squares on some rows and columns.
fn predictions(data: &Dataset, train: &[usize], columns: &[usize]) -> Vec<f64> {
    let data = data.select_features(columns);
    let model = Ols.train(&Run::new(0), &data.select_rows(train).unwrap()).unwrap();
    model.predict(data.rows()).unwrap().column(0).to_vec()
}

#[test]
fn replicates_are_the_differences_of_the_test_rows_losses() {
    let data = gaussian(1, 40, &[1.0, 0.5], 0.5);
    let settings = Loco { folds: given(25, 40), ..Default::default() };
    let found = loco(&settings, &data, Metric::Mae);
    let (train, target): (Vec<usize>, _) = ((0..25).collect(), data.target().values().unwrap());
    let (both, second) = (predictions(&data, &train, &[0, 1]), predictions(&data, &train, &[1]));
    let differences: Vec<f64> =
        (25..40).map(|i| (second[i] - target[i]).abs() - (both[i] - target[i]).abs()).collect();
    assert_close(&found.replicates.row(0).to_vec(), &differences, 1e-12);
    assert_eq!((found.method.as_str(), found.replicate_kind), ("LOCO", Some(Replicate::Row)));
    let mean = differences.iter().sum::<f64>() / 15.0;
    let variance = differences.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / 14.0;
    // t(0.975; 14) = 2.144787.
    let half = 2.144_787 * (variance / 15.0).sqrt();
    let interval = found.interval.unwrap();
    assert_eq!(interval.estimand, Estimand::FittedModelsOnPopulation);
    assert_close(
        &[found.values[0], interval.low[0], interval.high[0]],
        &[mean, mean - half, mean + half],
        1e-6,
    );
    let mae = |of: &[f64]| (25..40).map(|i| (of[i] - target[i]).abs()).sum::<f64>() / 15.0;
    assert_close(&[found.score.unwrap()], &[mae(&both)], 1e-12);
    // The median and the pseudo-median of the same differences.
    let mut sorted = differences.clone();
    sorted.sort_by(f64::total_cmp);
    let median = loco(&Loco { location: Location::Median, ..settings.clone() }, &data, Metric::Mae);
    assert_close(&[median.values[0]], &[sorted[7]], 1e-12);
    let mut averages: Vec<f64> = (0..15)
        .flat_map(|i| (i..15).map(move |j| (i, j)))
        .map(|(i, j)| f64::midpoint(sorted[i], sorted[j]))
        .collect();
    averages.sort_by(f64::total_cmp);
    let pseudo = Loco { location: Location::PseudoMedian, ..settings };
    let pseudo = loco(&pseudo, &data, Metric::Mae);
    assert_close(&[pseudo.values[0]], &[f64::midpoint(averages[59], averages[60])], 1e-12);
}

const BETA: [f64; 3] = [1.0, 0.3, 0.0];

/// The population's mean squared error of a linear model on standard normal features.
fn risk(slopes: &[f64], intercept: f64, columns: &[usize]) -> f64 {
    let missed = (0..3).map(|j| {
        let slope = columns.iter().position(|&column| column == j).map_or(0.0, |k| slopes[k]);
        (BETA[j] - slope).powi(2)
    });
    1.0 + intercept * intercept + missed.sum::<f64>()
}

/// The difference of the risks of the two models that these training rows lead to.
fn truth(data: &Dataset, train: &[usize], removed: usize) -> f64 {
    let risk_of = |columns: &[usize]| {
        let part = data.select_features(columns).select_rows(train).unwrap();
        let model = Ols.train(&Run::new(0), &part).unwrap();
        let at = |row: Array2<f64>| model.predict(row.view()).unwrap()[[0, 0]];
        let intercept = at(Array2::zeros((1, columns.len())));
        let unit = |k| Array2::from_shape_fn((1, columns.len()), |(_, j)| f64::from(j == k));
        let slopes: Vec<f64> = (0..columns.len()).map(|k| at(unit(k)) - intercept).collect();
        risk(&slopes, intercept, columns)
    };
    let others: Vec<usize> = (0..3).filter(|&column| column != removed).collect();
    risk_of(&others) - risk_of(&[0, 1, 2])
}

#[test]
fn intervals_cover_the_difference_of_the_two_models_risks() {
    let (n_sets, train) = (200_u64, (0..60).collect::<Vec<usize>>());
    let mut covered = [0.0; 3];
    let mut found = [[0.0; 3]; 3];
    for seed in 0..n_sets {
        let data = gaussian(seed, 160, &BETA, 1.0);
        for (l, location) in
            [Location::Mean, Location::Median, Location::PseudoMedian].into_iter().enumerate()
        {
            let settings = Loco { folds: given(60, 160), location, ..Default::default() };
            let result = loco(&settings, &data, Metric::Mse);
            for player in 0..3 {
                let p = result.p_values.as_ref().unwrap()[player];
                found[l][player] += f64::from(p <= 0.05) / n_sets as f64;
                let interval = result.interval.as_ref().unwrap();
                let truth = truth(&data, &train, player);
                let inside = (interval.low[player]..=interval.high[player]).contains(&truth);
                if location == Location::Mean {
                    covered[player] += f64::from(inside) / n_sets as f64;
                }
            }
        }
    }
    // Of 200 at 95 % the standard deviation is 1.5 %; the means of the weaker ones are skewed.
    assert!(covered.iter().all(|covered| (0.89..=0.99).contains(covered)), "{covered:?}");
    for of_location in found {
        assert!(of_location[0] > 0.8 && of_location[2] <= 0.07, "{found:?}");
    }
}

#[test]
fn folds_are_pooled_and_a_row_that_is_tested_twice_is_one_unit() {
    let data = gaussian(3, 30, &[1.0, 0.5], 0.5);
    let folds = Folds::KFold { n_splits: 3, shuffle: true };
    let all = loco(&Loco { folds: folds.clone(), ..Default::default() }, &data, Metric::Mse);
    assert_eq!(all.replicates.dim(), (2, 30));
    assert_eq!(all.n_evaluations, 3 * 3);
    let mean = all.replicates.row(0).mean().unwrap();
    assert_close(&[all.values[0]], &[mean], 1e-12);
    let first = Folds::First(Box::new(folds.clone()));
    let first = loco(&Loco { folds: first, ..Default::default() }, &data, Metric::Mse);
    assert_eq!(first.replicates.row(0), all.replicates.slice(ndarray::s![0, ..10]));
    // The same fold twice: the same interval as once.
    let fold = Fold { train: (0..20).collect(), test: (20..30).collect() };
    let of = |folds| loco(&Loco { folds, ..Default::default() }, &data, Metric::Mse);
    let once = of(Folds::Given(vec![fold.clone()]));
    let twice = of(Folds::Given(vec![fold.clone(), fold.clone()]));
    assert_eq!(twice.replicates.ncols(), 20);
    let (a, b) = (once.interval.unwrap(), twice.interval.unwrap());
    assert_close(&a.low, &b.low, 1e-12);
    assert_close(&a.high, &b.high, 1e-12);
}

#[test]
fn weights_and_groups_count_and_rows_without_weight_do_not() {
    let data = gaussian(4, 40, &[1.0, 0.5], 0.5);
    let settings = Loco { folds: given(20, 40), ..Default::default() };
    let copies: Vec<usize> = (0..40).chain(30..40).collect();
    let copied = data.select_rows(&copies).unwrap();
    let copied = loco(&Loco { folds: given(20, 50), ..Default::default() }, &copied, Metric::Mse);
    let weight = |row: usize| if row >= 30 { 2.0 } else { 1.0 };
    let weighted = data.clone().with_weights((0..40).map(weight).collect()).unwrap();
    assert_close(&loco(&settings, &weighted, Metric::Mse).values, &copied.values, 1e-12);
    // Without weight, the last ten are as if they were not there.
    let weight = |row: usize| if row >= 30 { 0.0 } else { 1.0 };
    let without = data.clone().with_weights((0..40).map(weight).collect()).unwrap();
    let without = loco(&settings, &without, Metric::Mse);
    let fewer = loco(&Loco { folds: given(20, 30), ..settings.clone() }, &data, Metric::Mse);
    assert_eq!((&without.replicates, &without.interval), (&fewer.replicates, &fewer.interval));
    // Two rows a group: half the degrees of freedom and another width.
    let grouped = data.clone().with_groups((0..40).map(|row| row / 2).collect()).unwrap();
    let grouped = loco(&settings, &grouped, Metric::Mse);
    let plain = loco(&settings, &data, Metric::Mse);
    assert_eq!(grouped.values, plain.values);
    assert_ne!(grouped.interval, plain.interval);
}

#[test]
fn threads_do_not_change_a_bit() {
    let data = gaussian(5, 50, &[1.0, 0.2, 0.0], 0.5);
    let folds = Folds::KFold { n_splits: 3, shuffle: true };
    let settings = Loco { folds, location: Location::PseudoMedian, ..Default::default() };
    let of = || {
        let single = LeaveOneIn { base: vec![1], ..Default::default() };
        let players = Players::groups(3, [("x0", vec![0]), ("x2", vec![2])]).unwrap();
        let metrics = [Metric::Mse];
        let single = single.importance(&Run::new(2), &Ols, &data, &players, &metrics).unwrap();
        (loco(&settings, &data, Metric::Mae), single)
    };
    let expected = on_threads(1, of);
    assert!([2, 3].into_iter().all(|n| on_threads(n, of) == expected));
}

#[test]
fn each_bad_loco_gets_its_own_sentence() {
    let data = gaussian(6, 20, &[1.0, 0.5], 0.5);
    let text = |settings: &Loco, data: &Dataset, players: &Players, metric: Metric| {
        let found = settings.importance(&Run::new(0), &Ols, data, players, &[metric]);
        found.unwrap_err().to_string()
    };
    let all = Players::groups(2, [("all", vec![0, 1])]).unwrap();
    assert_eq!(
        text(&Loco::default(), &data, &all, Metric::Mse),
        "`all` holds every feature, loco needs another one to train on without it"
    );
    assert_eq!(
        text(&Loco::default(), &data, &players(2), Metric::R2),
        "loco of all features, fold 0: `R²` needs to be a mean over rows for differences of rows' \
         losses, as MSE, MAE, log loss, Brier score and accuracy are, but got a metric of all rows \
         together: take LOFO instead"
    );
    let median = Loco { location: Location::Median, ..Default::default() };
    let grouped = data.clone().with_groups(vec![0; 20]).unwrap();
    let refused = "medians of differences have no test where rows belong to groups, have weights \
                   or are tested twice, take `Location::Mean`";
    assert_eq!(text(&median, &grouped, &players(2), Metric::Mse), refused);
    let weights = (1..=20).map(f64::from).collect();
    let weighted = data.clone().with_weights(weights).unwrap();
    assert_eq!(text(&median, &weighted, &players(2), Metric::Mse), refused);
    let bad = Loco { confidence: 1.0, ..Default::default() };
    assert_eq!(
        text(&bad, &data, &players(2), Metric::Mse),
        "`confidence` is `1`, it must be inside (0, 1)"
    );
    // One test row has a value, and no interval.
    let one = loco(&Loco { folds: given(19, 20), ..Default::default() }, &data, Metric::Mse);
    assert_eq!((one.interval, one.p_values), (None, None));
    assert_eq!(
        one.warnings.last().unwrap().to_string(),
        "1 test rows or groups of rows are too few for an interval of 0.95"
    );
}

/// `y = x₀ + x₁` with correlation 0.8, and a feature of noise: alone, each of the two explains
/// `Cov(x, y)² / Var(x) = 1.8²`; beyond the other, `1 − 0.8²`.
fn pair(n_rows: usize) -> Dataset {
    let mut rng = Rng::new(9, 0);
    let mut rows = Array2::zeros((n_rows, 3));
    for mut row in rows.outer_iter_mut() {
        row[0] = rng.normal();
        row[1] = 0.8 * row[0] + 0.6 * rng.normal();
        row[2] = rng.normal();
    }
    let target = rows.rows().into_iter().map(|row| row[0] + row[1]).collect();
    Dataset::new(rows, Target::Values(target)).unwrap()
}

#[test]
fn a_feature_alone_explains_its_share_and_beyond_another_what_is_left() {
    let data = pair(2_000);
    let leave_one_in = |base: Vec<usize>, players: &Players| {
        let settings = LeaveOneIn { base, ..Default::default() };
        settings.importance(&Run::new(0), &Ols, &data, players, &[Metric::Mse]).unwrap().remove(0)
    };
    let alone = leave_one_in(vec![], &players(3));
    assert_close(&alone.values, &[3.24, 3.24, 0.0], 0.08);
    assert_eq!((alone.method.as_str(), alone.n_evaluations), ("leave-one-in", 15));
    assert_eq!((alone.score, alone.metric.as_deref()), (None, Some("MSE")));
    let p = alone.p_values.unwrap();
    assert!(p[0] < 1e-4 && p[2] > 0.05, "{p:?}");
    let others = Players::groups(3, [("x1", vec![1]), ("x2", vec![2]), ("both", vec![1, 2])]);
    let beyond = leave_one_in(vec![0], &others.unwrap());
    assert_close(&beyond.values, &[0.36, 0.0, 0.36], 0.03);
    assert_eq!((beyond.n_evaluations, beyond.score.is_some()), (20, true));
    let interval = beyond.interval.unwrap();
    assert_eq!(interval.estimand, Estimand::LearnerOverTrainingSets);
    assert!(interval.low[0] < 0.36 && 0.36 < interval.high[0]);
}

/// Predicts 5 always.
struct Five;
impl Learner for Five {
    fn train(&self, _: &Run<'_>, _: &Dataset) -> Result<Box<dyn fi_core::Model>> {
        Ok(Box::new(linear(&[0.0], 5.0)))
    }
}

#[test]
fn the_constant_is_learnt_on_the_training_rows() {
    // The mean of the training targets is 1, of the test targets 5.
    let rows = array![[0.0], [1.0], [2.0], [3.0]];
    let data = Dataset::new(rows, Target::Values(vec![0.0, 2.0, 4.0, 6.0])).unwrap();
    let settings = LeaveOneIn { folds: given(2, 4), ..Default::default() };
    let found = settings
        .importance(&Run::new(0), &Five, &data, &players(1), &[Metric::Mse, Metric::Mae])
        .unwrap();
    // The mean 1 is off by 3 and 5: an MSE of 17 against 1. The (lower) median 0 is off by 5 on
    // average, against 1.
    assert_eq!((found[0].values[0], found[1].values[0]), (16.0, 4.0));
    assert_eq!((found[0].constant_score, found[0].interval.as_ref()), (Some(1.0), None));
}

#[test]
fn each_bad_base_gets_its_own_sentence() {
    let data = gaussian(6, 20, &[1.0, 0.5], 0.5);
    let text = |base: Vec<usize>| {
        let settings = LeaveOneIn { base, ..Default::default() };
        let found = settings.importance(&Run::new(0), &Ols, &data, &players(2), &[Metric::Mse]);
        found.unwrap_err().to_string()
    };
    assert_eq!(text(vec![2]), "the base names feature 2, but there are only 2 features");
    assert_eq!(
        text(vec![1]),
        "`x1` is in the base and adds nothing to it, leave it out of one of them"
    );
}
