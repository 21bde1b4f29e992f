//! Each selector on data whose answer is known.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use fi_core::selection::{
    Boruta, Choice, Correction, Cutoff, Decision, PathRow, Rfe, RfeCv, Selector,
    StabilitySelection, Step, Threshold, Top,
};
use fi_core::{
    Dataset, Exchange, HeldOut, Importance, Learner, LearnerImportance, Lofo, Metric, Model,
    Players, Run, Target,
};
use ndarray::{Array2, array};

use crate::{Ridge, features, gaussian, sizes};

#[test]
fn groups_go_in_and_out_together_and_the_rest_stays() {
    let data = gaussian(1, 50, &[2.0, 0.0, 1.0, 0.0, 0.0, 0.1], 0.5);
    // Feature 3 belongs to nobody: it is always there.
    let groups = [("ab", vec![0, 1]), ("c", vec![2]), ("ef", vec![4, 5])];
    let players = Players::groups(6, groups).unwrap();
    let seen = |run: &Run<'_>, learner: &dyn Learner, data: &Dataset, players: &Players| {
        assert!(data.feature_names().contains(&"x3".to_owned()));
        let columns: usize = (0..players.len()).map(|i| players.members(i).len()).sum();
        assert_eq!(data.n_features(), columns + 1);
        for (i, name) in players.names().iter().enumerate() {
            let names: Vec<&str> =
                players.members(i).iter().map(|&c| data.feature_names()[c].as_str()).collect();
            let expected = match name.as_str() {
                "ab" => vec!["x0", "x1"],
                "c" => vec!["x2"],
                _ => vec!["x4", "x5"],
            };
            assert_eq!(names, expected);
        }
        sizes(run, learner, data, players)
    };
    let rfe = Rfe { n_features: Some(2), ..Default::default() };
    let found = rfe.select(&Run::new(0), &Ridge(1.0), &seen, &data, &players).unwrap();
    assert_eq!(found.names(), ["ab", "c"]);
    assert_eq!(found.columns(), [0, 1, 2, 3]);
    assert_eq!(found.ranking, Some(vec![1, 1, 2]));
    let model = found.refit(&Run::new(0), &Ridge(1.0), &data).unwrap();
    assert_eq!((model.n_features(), model.columns().len()), (6, 4));
    let full = model.predict(data.rows()).unwrap();
    let inner = model.into_inner();
    let chosen = data.select_features(&[0, 1, 2, 3]);
    assert_eq!(inner.predict(chosen.rows()).unwrap(), full);
}

#[test]
fn nothing_chosen_is_a_constant_that_says_so() {
    let data = gaussian(1, 20, &[1.0, 0.0], 0.5);
    let threshold = Threshold { at: Cutoff::Value(1e9), max: None };
    let found = threshold.select(&Run::new(0), &Ridge(1.0), &sizes, &data, &features(2)).unwrap();
    assert!(found.chosen.is_empty());
    assert_eq!(
        found.warnings[0].to_string(),
        "no feature was chosen: a model of this choice is a constant, or of the features of no \
         player"
    );
    let model = found.refit(&Run::new(0), &Ridge(1.0), &data).unwrap();
    let y = data.target().values().unwrap();
    let mean = y.iter().sum::<f64>() / 20.0;
    assert!((model.predict(data.rows()).unwrap()[[7, 0]] - mean).abs() < 1e-12);
}

#[test]
fn one_standard_error_keeps_fewer_that_are_about_as_good() {
    let mut n_fewer = 0;
    for seed in 0..12 {
        let data = gaussian(seed, 60, &[2.0, 1.5, 0.3, 0.3, 0.2, 0.0, 0.0, 0.0], 1.0);
        let select = |choice| {
            let rfecv = RfeCv { choice, metric: Some(Metric::R2), ..Default::default() };
            rfecv.select(&Run::new(1), &Ridge(1.0), &sizes, &data, &features(8)).unwrap()
        };
        let (best, fewer) = (select(Choice::Best), select(Choice::OneStandardError));
        // The rule read from the path: the fewest within one standard error of the best.
        let score = |row: &PathRow| row.score.unwrap();
        let top = best.path.iter().map(score).fold(f64::NEG_INFINITY, f64::max);
        let row = best.path.iter().find(|row| score(row) == top).unwrap();
        assert_eq!(row.n_features, best.chosen.len());
        let bar = top - row.standard_error.unwrap();
        let near = best.path.iter().filter(|row| score(row) >= bar).map(|row| row.n_features);
        assert_eq!(near.min(), Some(fewer.chosen.len()));
        n_fewer += usize::from(fewer.chosen.len() < best.chosen.len());
        // The corrected interval: 5 folds whose tests are a quarter of their training rows.
        let scores: Vec<f64> = best
            .history
            .iter()
            .filter(|round| round.fold.is_some() && round.players.len() == row.n_features)
            .map(|round| round.score.unwrap())
            .collect();
        let test = fi_core::corrected_t_test(&scores, 0.25, 0.95).unwrap();
        assert_eq!((row.ci_low, row.ci_high), (Some(test.low), Some(test.high)));
        let mean = scores.iter().sum::<f64>() / 5.0;
        let squares: f64 = scores.iter().map(|x| (x - mean).powi(2)).sum();
        assert!((row.standard_error.unwrap() - (squares / 4.0 / 5.0).sqrt()).abs() < 1e-12);
    }
    assert!(n_fewer >= 4, "{n_fewer}");
}

#[test]
fn ties_go_to_fewer_features() {
    // A learner that predicts 0 whatever the features: every number scores the same.
    struct Zero;
    impl Learner for Zero {
        fn train(&self, _: &Run<'_>, data: &Dataset) -> fi_core::Result<Box<dyn Model>> {
            let zeros = |rows: ndarray::ArrayView2<'_, f64>| Array2::zeros((rows.nrows(), 1));
            Ok(Box::new(fi_core::Function::new(data.n_features(), 1, zeros)))
        }
    }
    let data = gaussian(2, 20, &[1.0, 0.5, 0.2], 0.1);
    for choice in [Choice::Best, Choice::OneStandardError] {
        let rfecv = RfeCv { choice, ..Default::default() };
        let found = rfecv.select(&Run::new(0), &Zero, &sizes, &data, &features(3)).unwrap();
        assert_eq!(found.chosen, [0]);
    }
    // Equal importances: the last player goes first.
    let flat = |_: &Run<'_>, _: &dyn Learner, _: &Dataset, players: &Players| {
        Importance::new("flat", players.names(), vec![1.0; players.len()])
    };
    let rfe = Rfe { n_features: Some(1), ..Default::default() };
    let found = rfe.select(&Run::new(0), &Zero, &flat, &data, &features(3)).unwrap();
    assert_eq!(found.ranking, Some(vec![1, 2, 3]));
}

#[test]
fn importances_see_the_training_rows_of_their_fold_alone_and_are_counted() {
    let data = gaussian(3, 30, &[1.0, 0.5, 0.0, 0.0], 0.5);
    let (calls, short) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let counted = |run: &Run<'_>, learner: &dyn Learner, data: &Dataset, players: &Players| {
        calls.fetch_add(1, Ordering::Relaxed);
        short.fetch_add(usize::from(data.n_rows() == 24), Ordering::Relaxed);
        sizes(run, learner, data, players)
    };
    let found =
        RfeCv::default().select(&Run::new(0), &Ridge(1.0), &counted, &data, &features(4)).unwrap();
    assert_eq!((found.n_importances, found.n_fits), (18, 20));
    assert_eq!(calls.load(Ordering::Relaxed), 18);
    assert_eq!(short.load(Ordering::Relaxed), 15);
    assert_eq!(found.metric.as_deref(), Some("MSE"));
    assert!(found.warnings[0].to_string().contains("the best of 4 on the same rows"));
}

#[test]
fn boruta_keeps_what_matters_and_its_double() {
    let mut rows = gaussian(4, 80, &[1.0; 6], 0.0).rows().to_owned();
    let target: Vec<f64> = rows.rows().into_iter().map(|row| 2.0 * row[0] + row[2]).collect();
    let double = rows.column(0).to_owned();
    rows.column_mut(1).assign(&double);
    let data = Dataset::new(rows, Target::Values(target)).unwrap();
    for correction in [Correction::Bonferroni, Correction::TwoStep] {
        let boruta = Boruta { n_rounds: 40, correction, ..Default::default() };
        let found = boruta.select(&Run::new(5), &Ridge(1.5), &sizes, &data, &features(6)).unwrap();
        assert_eq!(found.chosen, [0, 1, 2], "{:?}", found.hits);
        let decisions = found.decisions.unwrap();
        assert_eq!(decisions[..3], [Decision::Confirmed; 3]);
        // It stops when all is decided.
        assert!(found.n_importances < 40 && !decisions.contains(&Decision::Tentative));
    }
}

#[test]
fn shadows_are_shuffled_copies_and_groups_stay_together() {
    let data = gaussian(6, 12, &[1.0, 1.0, 1.0], 0.0);
    let names = ["a", "shadow 0", "b"];
    let data = data.with_feature_names(names).unwrap().with_weights(vec![2.0; 12]).unwrap();
    let data = data.with_groups((0..12).map(|i| i / 2).collect()).unwrap();
    let players = Players::groups(3, [("pair", vec![0, 2]), ("one", vec![1])]).unwrap();
    let rounds = AtomicUsize::new(0);
    let looked = |_: &Run<'_>, _: &dyn Learner, wide: &Dataset, all: &Players| {
        rounds.fetch_add(1, Ordering::Relaxed);
        // Two players, doubled until there are at least 5 shadows: 8, of 1.5 columns on average.
        assert_eq!((all.len(), wide.n_features()), (10, 3 + 12));
        assert!(wide.weights().is_some() && wide.groups().is_some());
        assert_eq!(wide.rows().slice(ndarray::s![.., ..3]), data.rows());
        let mut moved = 0;
        for shadow in 2..10 {
            let (own, copy) = (all.members(shadow % 2), all.members(shadow));
            let donor = |row: usize| {
                let same = |&other: &usize| {
                    let pairs = own.iter().zip(copy);
                    pairs
                        .into_iter()
                        .all(|(&o, &c)| data.rows()[[other, o]] == wide.rows()[[row, c]])
                };
                (0..12).find(same).unwrap()
            };
            let donors: Vec<usize> = (0..12).map(donor).collect();
            // Whole groups trade places.
            assert!(
                (0..6)
                    .all(|g| donors[2 * g].is_multiple_of(2)
                        && donors[2 * g + 1] == donors[2 * g] + 1)
            );
            moved += donors.iter().enumerate().filter(|(row, donor)| *row != **donor).count();
        }
        assert!(moved > 40);
        let flat = (0..all.len()).map(|i| f64::from(u8::from(i == 0))).collect();
        Importance::new("looked", all.names(), flat)
    };
    let boruta = Boruta { n_rounds: 3, ..Default::default() };
    let found = boruta.select(&Run::new(0), &Ridge(1.0), &looked, &data, &players).unwrap();
    assert_eq!(rounds.load(Ordering::Relaxed), 3);
    // Equal to the best shadow is no hit.
    assert_eq!(found.hits, Some(vec![3, 0]));
    assert_eq!(found.decisions, Some(vec![Decision::Tentative; 2]));
    assert!(found.chosen.is_empty());
    let fixed = Boruta { n_rounds: 3, rough_fix: true, ..Default::default() };
    let found = fixed.select(&Run::new(0), &Ridge(1.0), &looked, &data, &players).unwrap();
    assert_eq!(found.names(), ["pair"]);
    assert!(found.warnings.iter().any(
        |w| w.to_string() == "2 features are still tentative after 3 rounds: take more rounds"
    ));
}

#[test]
fn stability_selection_finds_signal_and_bounds_its_errors() {
    let mut beta = vec![0.0; 20];
    beta[..3].fill(1.5);
    let data = gaussian(8, 80, &beta, 1.0);
    let settings = StabilitySelection { n_pairs: 20, ..Default::default() };
    let found = settings.select(&Run::new(2), &Ridge(1.0), &sizes, &data, &features(20)).unwrap();
    assert_eq!(found.chosen, [0, 1, 2], "{:?}", found.scores);
    // The most with 2 · 0.75 − 1 = 1/2: q² / 10 ≤ 1, so 3.
    assert!(found.history.iter().all(|round| round.players.len() == 3));
    assert_eq!(found.error_bound, Some(0.9));
    let scores = found.scores.unwrap();
    let hits = found.hits.unwrap();
    assert!(scores.iter().zip(&hits).all(|(share, &n)| *share == n as f64 / 40.0));
    assert_eq!(found.history.len(), 40);
    let agreement = found.stability.unwrap();
    assert!(agreement.value > 0.8 && agreement.low <= agreement.value);
}

#[test]
fn noise_is_not_chosen() {
    let (mut halves, mut shadows) = (0, 0);
    for seed in 0..15 {
        let data = gaussian(seed, 40, &[0.0; 20], 1.0);
        let settings = StabilitySelection { n_pairs: 10, ..Default::default() };
        let found =
            settings.select(&Run::new(seed), &Ridge(1.0), &sizes, &data, &features(20)).unwrap();
        assert!(found.error_bound.unwrap() <= 1.0);
        halves += found.chosen.len();
        let boruta = Boruta { n_rounds: 20, ..Default::default() };
        let found =
            boruta.select(&Run::new(seed), &Ridge(1.0), &sizes, &data, &features(20)).unwrap();
        shadows += found.chosen.len();
    }
    // The bound is 0.9 false choices a run, far above what happens.
    assert!(halves <= 3, "{halves}");
    // Of 300 columns; the rounds share rows, so that a lucky column stays lucky.
    assert!(shadows <= 3, "{shadows}");
}

#[test]
fn a_selector_stops_when_told_to() {
    struct Stop(usize);
    impl fi_core::Progress for Stop {
        fn advance(&self, done: usize, _: usize) -> std::ops::ControlFlow<()> {
            if done >= self.0 {
                std::ops::ControlFlow::Break(())
            } else {
                std::ops::ControlFlow::Continue(())
            }
        }
    }
    let data = gaussian(1, 20, &[1.0, 0.0, 0.0, 0.0], 1.0);
    let stop = Stop(2);
    let run = Run::new(0).with_progress(&stop);
    let select =
        |selector: &dyn Selector| selector.select(&run, &Ridge(1.0), &sizes, &data, &features(4));
    assert_eq!(select(&Boruta::default()).unwrap().n_importances, 2);
    let rfe = Rfe { n_features: Some(1), ..Default::default() };
    assert_eq!(select(&rfe).unwrap_err().to_string(), "cancelled after 2 of 3 steps");
}

#[test]
fn a_half_does_not_choose_what_scores_nothing() {
    let data = gaussian(8, 20, &[1.0, 1.0, 1.0], 1.0);
    let sparse = |_: &Run<'_>, _: &dyn Learner, _: &Dataset, players: &Players| {
        Importance::new("sparse", players.names(), vec![1.0, 0.0, -1.0])
    };
    let settings = StabilitySelection { n_chosen: Some(3), n_pairs: 2, ..Default::default() };
    let found = settings.select(&Run::new(2), &Ridge(1.0), &sparse, &data, &features(3)).unwrap();
    assert_eq!(found.scores, Some(vec![1.0, 0.0, 0.0]));
    assert_eq!(found.stability.unwrap().value, 1.0);
}

#[test]
fn any_importance_drives_a_selector() {
    let data = gaussian(9, 60, &[1.5, 0.0, 1.0, 0.0], 0.5);
    let top = Top { k: 2 };
    let select = |importance: &dyn fi_core::LearnerImportance| {
        top.select(&Run::new(1), &Ridge(0.1), importance, &data, &features(4)).unwrap()
    };
    for importance in
        [&HeldOut::default() as &dyn fi_core::LearnerImportance, &Lofo::default(), &sizes]
    {
        let found = select(importance);
        assert_eq!(found.chosen, [0, 2]);
        // The score of a held-out permutation is near 2 β².
        assert!(found.scores.unwrap()[0] > 0.5);
    }
}

/// A learner that writes down the targets that it was trained on.
struct Noting(Mutex<Vec<Vec<u64>>>);

impl Learner for Noting {
    fn train(&self, run: &Run<'_>, data: &Dataset) -> fi_core::Result<Box<dyn Model>> {
        let seen = data.target().values().unwrap().iter().map(|y| y.to_bits()).collect();
        self.0.lock().unwrap().push(seen);
        Ridge(1.0).train(run, data)
    }
}

#[test]
fn held_out_rows_are_not_trained_on() {
    let bits = |data: &Dataset| -> Vec<u64> {
        data.target().values().unwrap().iter().map(|y| y.to_bits()).collect()
    };
    let data = gaussian(1, 30, &[1.0, 0.0], 0.5);
    let (learner, held_out) = (Noting(Mutex::default()), HeldOut::default());
    let run = Run::new(2);
    let found = held_out.importance(&run, &learner, &data, &features(2)).unwrap();
    let mut seen = learner.0.into_inner().unwrap();
    seen.sort_unstable();
    let folds = held_out.folds.split(&run.split(u64::MAX), &data).unwrap();
    let mut expected: Vec<Vec<u64>> =
        folds.iter().map(|fold| bits(&data.select_rows(&fold.train).unwrap())).collect();
    expected.sort_unstable();
    assert_eq!(seen, expected);
    // Each fold's value is that of the method on the test rows.
    for (number, fold) in folds.iter().enumerate() {
        let model = Ridge(1.0).train(&run, &data.select_rows(&fold.train).unwrap()).unwrap();
        let test = data.select_rows(&fold.test).unwrap();
        let seed = run.split(number as u64).split(1);
        let alone = held_out
            .permutation
            .importance(&seed, &*model, &test, &features(2), &[Metric::Mse])
            .unwrap()
            .remove(0);
        assert_eq!(found.replicates.column(number).to_vec(), alone.values);
    }
    assert_eq!((found.metric.as_deref(), found.seed), (Some("MSE"), Some(2)));
}

#[test]
fn steps_are_numbers_or_shares() {
    let data = gaussian(1, 40, &[1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1], 0.1);
    let sizes_of = |step| {
        let rfe = Rfe { n_features: Some(2), step };
        let found = rfe.select(&Run::new(0), &Ridge(0.1), &sizes, &data, &features(10)).unwrap();
        found.path.iter().map(|row| row.n_features).collect::<Vec<_>>()
    };
    assert_eq!(sizes_of(Step::Number(3)), [10, 7, 4, 2]);
    assert_eq!(sizes_of(Step::Share(0.35)), [10, 7, 4, 2]);
    assert_eq!(sizes_of(Step::Number(usize::MAX)), [10, 2]);
    assert_eq!(sizes_of(Step::Share(0.01)), [10, 9, 8, 7, 6, 5, 4, 3, 2]);
}

#[test]
fn missing_values_and_categories_reach_the_importance() {
    let rows = array![[f64::NAN, 1.0], [2.0, 0.0], [1.0, 2.0], [0.5, 1.0]];
    let data = Dataset::new(rows, Target::Values(vec![1.0, 2.0, 3.0, 4.0])).unwrap();
    let data = data.with_categorical([1]).unwrap();
    let looked = |_: &Run<'_>, _: &dyn Learner, wide: &Dataset, players: &Players| {
        // The category and each second shadow of eight.
        assert_eq!(wide.categorical(), [1, 3, 5, 7, 9]);
        assert_eq!(wide.rows().iter().filter(|x| x.is_nan()).count(), 5);
        Importance::new("looked", players.names(), vec![0.0; players.len()])
    };
    let boruta = Boruta { n_rounds: 1, exchange: Exchange::Rows, ..Default::default() };
    boruta.select(&Run::new(0), &Ridge(1.0), &looked, &data, &features(2)).unwrap();
}
