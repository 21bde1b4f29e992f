//! Bad input: one sentence each, that names the place.

use fi_core::{
    Dataset, Error, Fold, Folds, Function, Learner, Lofo, Metric, Model, Occlusion, Permutation,
    Players, Result, Run, Target,
};
use ndarray::{Array2, ArrayView2};

use crate::{Ols, gaussian, linear};

fn players(n: usize) -> Players {
    Players::features((0..n).map(|i| format!("x{i}"))).unwrap()
}

fn permutation_error(permutation: &Permutation, model: &dyn Model, data: &Dataset) -> String {
    let metrics = [Metric::Mse];
    permutation
        .importance(&Run::new(0), model, data, &players(2), &metrics)
        .unwrap_err()
        .to_string()
}

#[test]
fn permutation_refuses_parameters_outside_their_domain() {
    let (model, data) = (linear(&[1.0, 1.0], 0.0), gaussian(0, 9, &[1.0, 1.0], 0.0));
    let text = |permutation: Permutation| permutation_error(&permutation, &model, &data);
    let with = Permutation::default;
    assert_eq!(
        text(Permutation { n_repeats: 0, ..with() }),
        "`n_repeats` is `0`, it must be at least 1"
    );
    assert_eq!(
        text(Permutation { batch_rows: 0, ..with() }),
        "`batch_rows` is `0`, it must be at least 1"
    );
    assert_eq!(
        text(Permutation { max_rows: Some(1), ..with() }),
        "`max_rows` is `1`, it must be at least 2"
    );
    assert_eq!(
        text(Permutation { confidence: 1.0, ..with() }),
        "`confidence` is `1`, it must be inside (0, 1)"
    );
}

#[test]
fn permutation_refuses_parts_that_do_not_fit() {
    let (model, data) = (linear(&[1.0, 1.0], 0.0), gaussian(0, 9, &[1.0, 1.0], 0.0));
    let permutation = Permutation::default();
    assert_eq!(
        permutation_error(&permutation, &model, &gaussian(0, 9, &[1.0], 0.0)),
        "the players' list of features has shape [2], expected [1]"
    );
    assert_eq!(
        permutation_error(&permutation, &linear(&[1.0], 0.0), &data),
        "the table has shape [9, 2], expected [9, 1]"
    );
    assert_eq!(
        permutation_error(&permutation, &model, &gaussian(0, 1, &[1.0, 1.0], 0.0)),
        "permutation importance needs at least 2 rows, got 1"
    );
    let none = permutation.importance(&Run::new(0), &model, &data, &players(2), &[]);
    assert_eq!(
        none.unwrap_err().to_string(),
        "there is no metric to score with, give at least one"
    );
}

#[test]
fn a_model_that_fails_on_a_shuffle_is_placed() {
    // Finite where both columns agree, as they do until one is shuffled.
    let model = Function::new(2, 1, |rows: ArrayView2<'_, f64>| {
        Array2::from_shape_fn((rows.nrows(), 1), |(i, _)| {
            if rows[[i, 0]] == rows[[i, 1]] { 0.0 } else { f64::NAN }
        })
    });
    let rows = Array2::from_shape_fn((40, 2), |(i, _)| i as f64);
    let data = Dataset::new(rows, Target::Values(vec![0.0; 40])).unwrap();
    for batch_rows in [1, 40, 16_384] {
        let permutation = Permutation { batch_rows, ..Default::default() };
        let text = permutation_error(&permutation, &model, &data);
        assert!(
            text.starts_with(
                "permutation of `x0`, repeat 0: the model's prediction is `NaN` in row"
            ),
            "{text}"
        );
    }
    let occlusion = Occlusion { baseline: vec![0.5, 0.5] };
    let failed =
        occlusion.importance(&Run::new(0), &model, &data, &players(2), &[Metric::Mse]).unwrap_err();
    assert!(failed.to_string().starts_with("occlusion of `x0`: the model's prediction is `NaN`"));
}

#[test]
fn occlusion_refuses_a_bad_baseline() {
    let (model, data) = (linear(&[1.0, 1.0], 0.0), gaussian(0, 9, &[1.0, 1.0], 0.0));
    let text = |baseline: Vec<f64>| {
        Occlusion { baseline }
            .importance(&Run::new(0), &model, &data, &players(2), &[Metric::Mse])
            .unwrap_err()
            .to_string()
    };
    assert_eq!(text(vec![0.0]), "the baseline has shape [1], expected [2]");
    assert_eq!(
        text(vec![0.0, f64::INFINITY]),
        "the baseline is `inf` in row 0, column `x1`, only finite numbers have a meaning there"
    );
}

/// Fails as soon as `x1` is missing.
struct Needy;

impl Learner for Needy {
    fn train(&self, run: &Run<'_>, data: &Dataset) -> Result<Box<dyn Model>> {
        if data.feature_names().iter().any(|name| name == "petal width") {
            return Ols.train(run, data);
        }
        Err(Error::model("nothing to hold on to"))
    }
}

#[test]
fn a_learner_that_fails_is_placed() {
    let data = gaussian(0, 30, &[1.0, 1.0], 0.1)
        .with_feature_names(["petal length", "petal width"])
        .unwrap();
    let players = Players::features(data.feature_names().to_vec()).unwrap();
    let lofo = |learner: &dyn Learner, players: &Players| {
        let lofo = Lofo::default();
        lofo.importance(&Run::new(0), learner, &data, players, &[Metric::Mse])
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        lofo(&Needy, &players),
        "lofo of `petal width`, fold 0: the model failed: nothing to hold on to"
    );
    let all = Players::groups(2, [("petal", vec![0, 1])]).unwrap();
    assert_eq!(
        lofo(&Ols, &all),
        "`petal` holds every feature, lofo needs another one to train on without it"
    );
}

#[test]
fn a_test_fold_without_weight_is_named() {
    let weights = (0..30).map(|i| if i < 10 { 0.0 } else { 1.0 }).collect();
    let data = gaussian(0, 30, &[1.0, 1.0], 0.1).with_weights(weights).unwrap();
    let lofo = Lofo { folds: Folds::KFold { n_splits: 3, shuffle: false }, ..Default::default() };
    let failed = lofo.importance(&Run::new(0), &Ols, &data, &players(2), &[Metric::Mse]);
    assert_eq!(
        failed.unwrap_err().to_string(),
        "lofo of all features, fold 0: all weights are 0, give at least one row a weight"
    );
}

#[test]
fn folds_that_cannot_be_made_say_why() {
    let numbers = gaussian(0, 6, &[1.0], 0.0);
    let target = Target::Classes {
        labels: vec![0, 0, 0, 1, 1, 1],
        names: vec!["a".to_owned(), "b".to_owned()],
    };
    let classes = numbers.clone().with_target(target).unwrap();
    let grouped = classes.clone().with_groups(vec![3, 3, 3, 8, 8, 8]).unwrap();
    let text =
        |folds: Folds, data: &Dataset| folds.split(&Run::new(0), data).unwrap_err().to_string();
    let shuffle = false;
    let cases = [
        (
            Folds::KFold { n_splits: 1, shuffle },
            &numbers,
            "`n_splits` is `1`, it must be at least 2",
        ),
        (
            Folds::KFold { n_splits: 7, shuffle },
            &numbers,
            "`n_splits` is `7`, it must be at most the 6 rows",
        ),
        (
            Folds::Stratified { n_splits: 2, shuffle },
            &numbers,
            "stratified folds need classes, take `KFold` for a target of numbers",
        ),
        (
            Folds::Stratified { n_splits: 4, shuffle },
            &classes,
            "`n_splits` is `4`, it must be at most the 3 rows of the largest class",
        ),
        (
            Folds::Group { n_splits: 2, shuffle },
            &classes,
            "group folds need the rows' groups, give the data set `with_groups`",
        ),
        (
            Folds::Group { n_splits: 3, shuffle },
            &grouped,
            "`n_splits` is `3`, it must be at most the 2 groups",
        ),
        (
            Folds::StratifiedGroup { n_splits: 3, shuffle },
            &grouped,
            "`n_splits` is `3`, it must be at most the 2 groups",
        ),
        (
            Folds::TimeSeries { n_splits: 6, gap: 0, max_train: None, test_size: None },
            &numbers,
            "`n_splits` is `6`, it must be fewer than the 6 rows",
        ),
        (
            Folds::TimeSeries { n_splits: 2, gap: 2, max_train: None, test_size: None },
            &numbers,
            "a time series split in 2 tests of 2 with gap 2 needs at least 7 rows, got 6",
        ),
        (
            Folds::TimeSeries { n_splits: 2, gap: 0, max_train: Some(0), test_size: None },
            &numbers,
            "`max_train` is `0`, it must be at least 1",
        ),
        (
            Folds::TimeSeries { n_splits: 2, gap: 0, max_train: None, test_size: Some(0) },
            &numbers,
            "`test_size` is `0`, it must be at least 1",
        ),
        (
            Folds::Repeated {
                folds: Box::new(Folds::KFold { n_splits: 2, shuffle }),
                n_repeats: 2,
            },
            &numbers,
            "repeated folds would all be the same, repeat folds with `shuffle: true`",
        ),
        (
            Folds::Repeated { folds: Box::default(), n_repeats: 0 },
            &numbers,
            "`n_repeats` is `0`, it must be at least 1",
        ),
    ];
    for (folds, data, expected) in cases {
        assert_eq!(text(folds, data), expected);
    }
    let lonely = numbers.clone().with_groups(vec![1; 6]).unwrap();
    assert_eq!(
        text(Folds::LeaveOneGroupOut, &lonely),
        "all rows belong to one group, leaving it out leaves no row to train on"
    );
}

#[test]
fn given_folds_are_checked() {
    let data = gaussian(0, 6, &[1.0], 0.0);
    let text = |train: &[usize], test: &[usize]| {
        let good = Fold { train: vec![0], test: vec![1] };
        let bad = Fold { train: train.to_vec(), test: test.to_vec() };
        Folds::Given(vec![good, bad]).split(&Run::new(0), &data).unwrap_err().to_string()
    };
    assert_eq!(text(&[], &[1]), "fold 1 has no training rows, take fewer folds");
    assert_eq!(text(&[1], &[]), "fold 1 has no test rows, take fewer folds");
    assert_eq!(text(&[1], &[6]), "fold 1 names row 6, but there are only 6 rows");
    assert_eq!(text(&[1], &[2, 2]), "fold 1 tests row 2 twice, test it once");
    assert_eq!(text(&[1, 3], &[2, 3]), "fold 1 trains and tests on row 3, keep it on one side");
    let none = Folds::Given(vec![]).split(&Run::new(0), &data).unwrap_err();
    assert_eq!(none.to_string(), "there is no fold, give at least one");
}
