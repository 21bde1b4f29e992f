//! Checks by hand, of bad input, and of what must always hold.

use fi_core::{Estimand, Model, Output, Players, Removal, Result, Run, shapley};
use ndarray::{Array1, Array2, array};
use proptest::prelude::*;

use super::*;

fn names(n: usize) -> Vec<String> {
    (0..n).map(|i| format!("x{i}")).collect()
}

fn classes(classes: &[usize], n_classes: usize) -> Scores {
    Scores::Probabilities { classes: classes.to_vec(), n_classes }
}

#[test]
fn softmax_and_logistic_give_one_column_per_class_in_class_order() {
    // Class 1 of four has no score: scores ln 1, ln 2, ln 5 are odds of 1 : 2 : 5.
    let intercepts = array![0.0, 2.0_f64.ln(), 5.0_f64.ln()];
    let model =
        LinearModel::new(Array2::zeros((1, 3)), intercepts, classes(&[0, 2, 3], 4)).unwrap();
    assert_eq!((model.n_outputs(), model.output()), (4, Output::Probabilities));
    let predicted = model.predict(array![[9.0]].view()).unwrap();
    let expected = array![[0.125, 0.0, 0.25, 0.625]];
    assert!((&predicted - &expected).iter().all(|error| error.abs() < 1e-15), "{predicted}");
    // Log-odds of ln 3 of class 2 against class 0.
    let model = LinearModel::new(array![[0.0]], array![3.0_f64.ln()], classes(&[0, 2], 3)).unwrap();
    let predicted = model.predict(array![[9.0]].view()).unwrap();
    assert!((predicted[[0, 0]] - 0.25).abs() < 1e-15 && predicted[[0, 1]] == 0.0);
    // Scores far out do not overflow.
    let model = LinearModel::new(array![[1e3]], array![0.0], classes(&[0, 1], 2)).unwrap();
    assert_eq!(
        model.predict(array![[1.0], [-1.0]].view()).unwrap(),
        array![[0.0, 1.0], [1.0, 0.0]]
    );
    let model = LinearModel::new(array![[1e3, -1e3]], array![0.0, 0.0], classes(&[0, 1], 2));
    assert_eq!(model.unwrap().predict(array![[1.0]].view()).unwrap(), array![[1.0, 0.0]]);
}

#[test]
fn importances_by_hand() {
    let coefficients_of = array![[1.0, -3.0], [0.0, 0.5]];
    let model = LinearModel::new(coefficients_of.clone(), array![0.0, 0.0], Scores::Margins);
    let model = model.unwrap();
    let raw = coefficients(&model, &names(2)).unwrap();
    assert_eq!(raw.values, [2.0, 0.25]);
    assert_eq!(raw.replicates, coefficients_of);
    assert_eq!((raw.interval, raw.p_values), (None, None));
    let scaled = standardized_coefficients(&model, &[0.5, 8.0], &names(2)).unwrap();
    assert_eq!(scaled.values, [1.0, 2.0]);
}

#[test]
fn t_tests_by_hand() {
    // The 97.5 % point of t with 2 degrees of freedom is 4.302652729911275.
    let errors =
        StandardErrors { coefficients: array![[1.0], [1.0], [0.0]], degrees_of_freedom: 2 };
    let model = LinearModel::new(
        array![[-4.302_652_729_911_275], [1.0], [2.0]],
        array![0.0],
        Scores::Values,
    )
    .unwrap()
    .with_standard_errors(errors)
    .unwrap();
    let importance = coefficients(&model, &names(3)).unwrap();
    let p_values = importance.p_values.unwrap();
    assert!((p_values[0] - 0.05).abs() < 1e-9, "{p_values:?}");
    // P(|t| > 1) with 2 degrees of freedom is 1 − 1/√3.
    assert!((p_values[1] - (1.0 - 1.0 / 3.0_f64.sqrt())).abs() < 1e-12, "{p_values:?}");
    assert_eq!(p_values[2], 0.0);
    let interval = importance.interval.unwrap();
    assert_eq!(interval.estimand, Estimand::LearnerOverTrainingSets);
    assert!(interval.low[0].abs() < 1e-8 && (interval.high[0] - 8.605_305).abs() < 1e-5);
    assert_eq!((interval.low[1], interval.low[2], interval.high[2]), (0.0, 2.0, 2.0));
}

#[test]
fn t_tests_move_with_the_unit_and_no_error_makes_0_certain_of_nothing() {
    let errors = StandardErrors { coefficients: array![[0.5], [0.0]], degrees_of_freedom: 2 };
    let model = LinearModel::new(array![[4.0], [0.0]], array![0.0], Scores::Values)
        .and_then(|model| model.with_standard_errors(errors))
        .unwrap();
    let raw = coefficients(&model, &names(2)).unwrap();
    let scaled = standardized_coefficients(&model, &[0.25, 2.0], &names(2)).unwrap();
    // Estimate and error are scaled alike: the same test, an interval in the new unit.
    assert_eq!(scaled.p_values, raw.p_values);
    let (raw_interval, interval) = (raw.interval.unwrap(), scaled.interval.unwrap());
    assert_eq!(interval.low[0], 0.25 * raw_interval.low[0]);
    assert_eq!(interval.high[0], 0.25 * raw_interval.high[0]);
    assert_eq!(raw.p_values.unwrap()[1], 1.0);
}

#[test]
fn each_bad_part_gets_its_own_sentence() {
    let text = |result: Result<LinearModel>| result.unwrap_err().to_string();
    let one = || LinearModel::new(array![[1.0]], array![0.0], Scores::Values).unwrap();
    assert_eq!(
        text(LinearModel::new(Array2::zeros((0, 1)), array![0.0], Scores::Values)),
        "the linear model has no coefficients, give at least one feature and one output"
    );
    assert_eq!(
        text(LinearModel::new(array![[1.0]], array![0.0, 1.0], Scores::Values)),
        "the list of intercepts has shape [2], expected [1]"
    );
    assert_eq!(
        text(LinearModel::new(array![[f64::NAN]], array![0.0], Scores::Values)),
        "the coefficient is `NaN` in row 0, only finite numbers have a meaning there"
    );
    assert_eq!(
        text(LinearModel::new(array![[1.0]], array![0.0], classes(&[1], 2))),
        "the list of classes has shape [1], expected [2]"
    );
    assert_eq!(
        text(LinearModel::new(array![[1.0]], array![0.0], classes(&[1, 0], 2))),
        "the classes [1, 0] of the linear model must ascend and be below 2"
    );
    assert_eq!(
        text(LinearModel::new(array![[1.0]], array![0.0], classes(&[0, 1], usize::MAX))),
        format!("the linear model has {} classes, at most 1048576 are possible", usize::MAX)
    );
    assert_eq!(
        text(one().with_feature_std(vec![-1.0])),
        "the feature's standard deviation of feature 0 is `-1`, it must not be negative"
    );
    let errors = StandardErrors { coefficients: array![[1.0]], degrees_of_freedom: 0 };
    assert_eq!(
        text(one().with_standard_errors(errors)),
        "`degrees_of_freedom` is `0`, it must be at least 1"
    );
    assert_eq!(
        one().predict(array![[1.0, 2.0]].view()).unwrap_err().to_string(),
        "the table has shape [1, 2], expected [1, 1]"
    );
    assert_eq!(
        coefficients(&one(), &names(2)).unwrap_err().to_string(),
        "the list of feature names has shape [2], expected [1]"
    );
    assert_eq!(
        standardized_coefficients(&one(), &[1.0, 1.0], &names(1)).unwrap_err().to_string(),
        "the features' standard deviations has shape [2], expected [1]"
    );
}

#[test]
fn linear_shap_names_what_it_cannot_use() {
    let model = LinearModel::new(array![[1.0], [2.0]], array![0.0], Scores::Values).unwrap();
    let players = Players::features(names(2)).unwrap();
    let error = LinearShap::at_means(Array2::zeros((0, 2)).view()).unwrap_err().to_string();
    assert_eq!(error, "a background needs at least 1 rows, got 0");
    let error = LinearShap::at_means(array![[1.0, f64::NAN]].view()).unwrap_err().to_string();
    assert!(error.starts_with("the background is `NaN` in row 0, column `1`"), "{error}");
    let shap = LinearShap { mean: vec![0.0; 2] };
    let rows = array![[0.0, f64::INFINITY]];
    let error = shap.attribution(&model, rows.view(), &players).unwrap_err().to_string();
    assert!(error.starts_with("the table is `inf` in row 0, column `1`"), "{error}");
    let narrow = LinearShap { mean: vec![0.0] };
    let error = narrow.attribution(&model, array![[0.0, 0.0]].view(), &players).unwrap_err();
    assert_eq!(error.to_string(), "the background's mean has shape [1], expected [2]");
    let few = Players::features(names(1)).unwrap();
    let error = shap.attribution(&model, array![[0.0, 0.0]].view(), &few).unwrap_err();
    assert_eq!(error.to_string(), "the players' list of features has shape [1], expected [2]");
}

proptest! {
    /// The closed form is the definition: of features, of groups that overlap, and of features
    /// that no player holds.
    #[test]
    fn linear_shap_is_exact_shapley_values(
        cells in prop::collection::vec(-10.0..10.0_f64, 8 * 4),
        slopes in prop::collection::vec(-5.0..5.0_f64, 4 * 2),
    ) {
        let table = Array2::from_shape_vec((8, 4), cells).unwrap();
        let (rows, background) = table.view().split_at(ndarray::Axis(0), 3);
        let slopes = Array2::from_shape_vec((4, 2), slopes).unwrap();
        let model = LinearModel::new(slopes, array![1.0, -2.0], Scores::Margins).unwrap();
        let groups = [("ab", vec![0, 1]), ("bc", vec![1, 2]), ("c", vec![2])];
        let all = [Players::features(names(4)).unwrap(), Players::groups(4, groups).unwrap()];
        for players in all {
            let found =
                LinearShap::at_means(background).unwrap().attribution(&model, rows, &players).unwrap();
            let removal = Removal::marginal(background.to_owned()).unwrap();
            let run = Run::new(0);
            let exact =
                shapley::explain(&run, &shapley::Exact, &model, rows, &players, &removal).unwrap();
            prop_assert!((&found.values - &exact.values).iter().all(|gap| gap.abs() < 1e-10));
            let bases = &found.base_values - &exact.base_values;
            prop_assert!(bases.iter().all(|gap| gap.abs() < 1e-10));
            prop_assert!(found.additivity_error.unwrap() < 1e-10);
        }
    }

    /// A feature in another unit: its coefficient changes, its standardised one does not.
    #[test]
    fn standardised_coefficients_do_not_know_units(
        coefficient in -1e3..1e3_f64, std in 0.1..10.0_f64, power in -8..8_i32,
    ) {
        // Powers of two scale without rounding.
        let unit = 2.0_f64.powi(power);
        let model = |b: f64| LinearModel::new(array![[b]], array![0.0], Scores::Values).unwrap();
        let (here, there) = (model(coefficient), model(coefficient / unit));
        let importance = |m: &LinearModel, s| standardized_coefficients(m, &[s], &names(1)).unwrap();
        prop_assert_eq!(importance(&here, std).values, importance(&there, std * unit).values);
        let raw = coefficients(&there, &names(1)).unwrap();
        prop_assert_eq!(raw.values[0] * unit, coefficient.abs());
    }

    /// A row's answer depends on that row alone, to the bit.
    #[test]
    fn rows_are_predicted_one_by_one(cells in prop::collection::vec(-1e3..1e3_f64, 24)) {
        let rows = Array2::from_shape_vec((8, 3), cells).unwrap();
        let coefficients = Array2::from_shape_fn((3, 3), |(i, j)| 0.1 + (i * 3 + j) as f64 / 7.0);
        let model = LinearModel::new(coefficients, Array1::zeros(3), classes(&[0, 1, 2], 3)).unwrap();
        let all = model.predict(rows.view()).unwrap();
        for row in 0..8 {
            let one = model.predict(rows.slice(ndarray::s![row..=row, ..])).unwrap();
            prop_assert_eq!(one.row(0), all.row(row));
        }
    }
}
