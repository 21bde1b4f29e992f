//! What must hold for LOFO and for shuffled folds.

use fi_core::{Dataset, Fold, Folds, Learner, Lofo, Metric, Model, Players, Result, Run, Target};
use ndarray::Array2;
use proptest::prelude::*;

use crate::{Ols, assert_close, gaussian, linear, on_threads};

fn players(n: usize) -> Players {
    Players::features((0..n).map(|i| format!("x{i}"))).unwrap()
}

/// Predicts a constant drawn from the seed it is given.
struct Lucky;

impl Learner for Lucky {
    fn train(&self, run: &Run<'_>, data: &Dataset) -> Result<Box<dyn Model>> {
        Ok(Box::new(linear(&vec![0.0; data.n_features()], run.rng(0).normal())))
    }
}

#[test]
fn base_and_reduced_models_share_their_seed_and_folds_do_not() {
    let data = gaussian(1, 30, &[1.0, 1.0], 1.0);
    let found = Lofo::default()
        .importance(&Run::new(3), &Lucky, &data, &players(2), &[Metric::Mse])
        .unwrap()
        .remove(0);
    assert!(found.replicates.iter().all(|&value| value == 0.0));
    assert_eq!(found.p_values.unwrap(), [1.0, 1.0]);
    let again = Lofo::default()
        .importance(&Run::new(4), &Lucky, &data, &players(2), &[Metric::Mse])
        .unwrap()
        .remove(0);
    assert_ne!(found.score, again.score);
}

#[test]
fn the_corrected_interval_is_that_of_nadeau_and_bengio() {
    let data = gaussian(2, 40, &[1.0, 0.5], 0.5);
    let lofo = Lofo { folds: Folds::KFold { n_splits: 4, shuffle: true }, confidence: 0.95 };
    let found =
        lofo.importance(&Run::new(0), &Ols, &data, &players(2), &[Metric::Mse]).unwrap().remove(0);
    assert_eq!(found.n_evaluations, 4 * 3);
    let values = found.replicates.row(0).to_vec();
    let mean = values.iter().sum::<f64>() / 4.0;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 3.0;
    // t(0.975; 3) = 3.182446; 1/4 + 10/30.
    let half = 3.182_446 * ((0.25 + 1.0 / 3.0) * variance).sqrt();
    let interval = found.interval.unwrap();
    assert_close(&[interval.low[0], interval.high[0]], &[mean - half, mean + half], 1e-6);
    // Two folds have one degree of freedom, where P(T ≥ t) = ½ − atan(t) / π.
    let lofo = Lofo { folds: Folds::KFold { n_splits: 2, shuffle: true }, ..lofo };
    let two =
        lofo.importance(&Run::new(0), &Ols, &data, &players(2), &[Metric::Mse]).unwrap().remove(0);
    let t = two.values[0] / (1.5_f64.sqrt() * two.std.unwrap()[0]);
    let expected = 0.5 - t.atan() / std::f64::consts::PI;
    assert!((two.p_values.unwrap()[0] - expected).abs() < 1e-9);
    // The end of the one-sided 97.5 % interval is where the p-value is 0.025.
    let just = interval.low[0] > 0.0;
    assert_eq!(found.p_values.unwrap()[0] < 0.025, just);
}

#[test]
fn one_fold_has_values_and_no_interval() {
    let data = gaussian(2, 40, &[1.0, 0.5], 0.5);
    let fold = Fold { train: (0..30).collect(), test: (30..40).collect() };
    let lofo = Lofo { folds: Folds::Given(vec![fold]), ..Default::default() };
    let found =
        lofo.importance(&Run::new(0), &Ols, &data, &players(2), &[Metric::Mse]).unwrap().remove(0);
    assert!(found.values[0] > 0.0);
    assert_eq!((found.interval, found.p_values, found.std), (None, None, None));
}

#[test]
fn threads_do_not_change_a_bit_and_weights_matter() {
    let data = gaussian(5, 50, &[1.0, 0.2, 0.0], 0.5);
    let lofo = |data: &Dataset| {
        Lofo::default().importance(&Run::new(2), &Ols, data, &players(3), &[Metric::Mse]).unwrap()
    };
    let expected = lofo(&data);
    assert!([1, 2, 3, 8].into_iter().all(|n| on_threads(n, || lofo(&data)) == expected));
    let doubled = data.clone().with_weights(vec![2.0; 50]).unwrap();
    assert_close(&lofo(&doubled)[0].values, &expected[0].values, 1e-12);
    let uneven = data.with_weights((1..=50).map(f64::from).collect()).unwrap();
    assert!((lofo(&uneven)[0].values[0] - expected[0].values[0]).abs() > 1e-3);
}

#[test]
fn a_weight_is_a_number_of_copies() {
    // Training rows of weight 2 and twice the same training rows: the same model and scores.
    let data = gaussian(6, 30, &[1.0, 0.4], 0.5);
    let copies: Vec<usize> = (0..10).chain(0..20).chain(20..30).collect();
    let copied = data.select_rows(&copies).unwrap();
    let weights = (0..30).map(|i| if i < 10 { 2.0 } else { 1.0 }).collect();
    let weighted = data.with_weights(weights).unwrap();
    let of = |data: &Dataset, n_train: usize| {
        let fold = Fold { train: (0..n_train).collect(), test: (n_train..n_train + 10).collect() };
        let lofo = Lofo { folds: Folds::Given(vec![fold]), ..Default::default() };
        lofo.importance(&Run::new(0), &Ols, data, &players(2), &[Metric::Mse]).unwrap().remove(0)
    };
    assert_close(&of(&weighted, 20).values, &of(&copied, 30).values, 1e-10);
}

#[test]
fn rows_without_weight_do_not_count_as_training_or_test_rows() {
    let data = gaussian(7, 30, &[1.0, 0.4], 0.5);
    let fold = |train: &[usize], test: &[usize]| Fold { train: train.into(), test: test.into() };
    let of = |data: &Dataset, folds| {
        let lofo = Lofo { folds: Folds::Given(folds), ..Default::default() };
        lofo.importance(&Run::new(0), &Ols, data, &players(2), &[Metric::Mse]).unwrap().remove(0)
    };
    let (first, second, third): (Vec<usize>, Vec<usize>, Vec<usize>) =
        ((0..10).collect(), (10..20).collect(), (20..30).collect());
    let few = of(&data, vec![fold(&first, &second), fold(&second, &first)]);
    let weights = (0..30).map(|i| if i < 20 { 1.0 } else { 0.0 }).collect();
    let weighted = data.with_weights(weights).unwrap();
    let more = |rows: &[usize]| [rows, &third].concat();
    let many = of(&weighted, vec![fold(&more(&first), &second), fold(&second, &more(&first))]);
    let (few, many) = (few.interval.unwrap(), many.interval.unwrap());
    assert_close(&many.low, &few.low, 1e-9);
    assert_close(&many.high, &few.high, 1e-9);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn shuffled_folds_test_every_row_once_and_keep_groups_together(
        seed: u64, n_rows in 12_usize..60, n_splits in 2_usize..5,
    ) {
        let labels: Vec<usize> = (0..n_rows).map(|i| i % 2).collect();
        let names = vec!["a".to_owned(), "b".to_owned()];
        let groups: Vec<usize> = (0..n_rows).map(|i| i * 7 % 11).collect();
        let data = Dataset::new(Array2::zeros((n_rows, 1)), Target::Classes { labels, names })
            .unwrap()
            .with_groups(groups.clone())
            .unwrap();
        let run = Run::new(seed);
        let all = [
            Folds::KFold { n_splits, shuffle: true },
            Folds::Stratified { n_splits, shuffle: true },
            Folds::Group { n_splits, shuffle: true },
            Folds::StratifiedGroup { n_splits, shuffle: true },
        ];
        for kind in all {
            let folds = kind.split(&run, &data).unwrap();
            prop_assert_eq!(&folds, &kind.split(&run, &data).unwrap());
            prop_assert_eq!(folds.len(), n_splits);
            let mut tested: Vec<usize> = folds.iter().flat_map(|fold| fold.test.clone()).collect();
            tested.sort_unstable();
            prop_assert_eq!(tested, (0..n_rows).collect::<Vec<_>>());
            for fold in &folds {
                prop_assert_eq!(fold.train.len() + fold.test.len(), n_rows);
                if matches!(kind, Folds::Group { .. } | Folds::StratifiedGroup { .. }) {
                    let of = |rows: &[usize], group| rows.iter().any(|&row| groups[row] == group);
                    prop_assert!((0..11).all(|g| !(of(&fold.train, g) && of(&fold.test, g))));
                }
                if matches!(kind, Folds::Stratified { .. }) {
                    let labels = data.target().labels().unwrap();
                    let ones = fold.test.iter().filter(|&&row| labels[row] == 1).count();
                    prop_assert!((2 * ones).abs_diff(fold.test.len()) <= 2);
                }
            }
            let repeated = Folds::Repeated { folds: Box::new(kind), n_repeats: 3 };
            let repeated = repeated.split(&run, &data).unwrap();
            prop_assert_eq!(repeated.len(), 3 * n_splits);
        }
    }
}

#[test]
fn repeats_draw_anew_and_classes_ask_for_strata() {
    let data = gaussian(1, 40, &[1.0], 1.0);
    let kind = Folds::KFold { n_splits: 2, shuffle: true };
    let folds = Folds::Repeated { folds: Box::new(kind), n_repeats: 2 };
    let folds = folds.split(&Run::new(0), &data).unwrap();
    assert!(folds[0] != folds[2] && folds[0] != folds[3]);
    assert_eq!(Folds::for_target(data.target()), Folds::default());
    let classes = Target::Classes { labels: vec![0], names: vec!["a".to_owned()] };
    assert_eq!(Folds::for_target(&classes), Folds::Stratified { n_splits: 5, shuffle: true });
}
