//! Each bad input gets its own sentence.

use fi_core::{AccumulatedLocalEffects, Error, Grid, PartialDependence, Run};
use ndarray::{Array2, array};

use crate::{function, table};

fn sum() -> impl fi_core::Model {
    function(2, |x| x[0] + x[1])
}

#[test]
fn each_bad_question_gets_its_own_sentence() {
    let data = table(array![[1.0, 2.0], [3.0, 4.0]]);
    let run = Run::new(0);
    let curve = |dependence: PartialDependence, data, feature| {
        dependence.curve(&run, &sum(), data, feature).unwrap_err().to_string()
    };
    let plain = PartialDependence::default;
    assert_eq!(curve(plain(), &data, 2), "feature 2 was asked for, but the table has 2 features");
    let text = curve(PartialDependence { confidence: 1.0, ..plain() }, &data, 0);
    assert_eq!(text, "`confidence` is `1`, it must be inside (0, 1)");
    let text = curve(PartialDependence { batch_rows: 0, ..plain() }, &data, 0);
    assert_eq!(text, "`batch_rows` is `0`, it must be at least 1");
    let text = curve(PartialDependence { max_rows: Some(0), ..plain() }, &data, 0);
    assert_eq!(text, "`max_rows` is `0`, it must be at least 1");
    let text = curve(PartialDependence { grid: Grid::Uniform(1), ..plain() }, &data, 0);
    assert_eq!(text, "`grid` is `1`, it must be 2 to 10000 points");
    let wide = table(array![[1.0, 2.0, 3.0]]);
    let text = curve(plain(), &wide, 0);
    assert_eq!(text, "the model's list of features has shape [2], expected [3]");
    let gaps = table(array![[f64::NAN, 2.0], [f64::NAN, 4.0]]);
    assert_eq!(
        curve(plain(), &gaps, 0),
        "no row that counts has a value of `x0`, give rows that have one"
    );
    let ale = AccumulatedLocalEffects::default();
    let text = ale.surface(&run, &sum(), &data, [1, 1]).unwrap_err().to_string();
    assert_eq!(text, "`x1` was asked for twice, a surface needs two different features");
    let kinds = data.clone().with_categorical([1]).unwrap();
    let text = ale.surface(&run, &sum(), &kinds, [0, 1]).unwrap_err().to_string();
    assert_eq!(
        text,
        "second-order accumulated local effects take numbers, but `x1` is categorical: take the \
         partial dependence of the pair"
    );
    let grid = Grid::Values((0..1000).map(f64::from).collect());
    let dependence = PartialDependence { grid, ..plain() };
    let text = dependence.surface(&run, &sum(), &data, [0, 1]).unwrap_err().to_string();
    assert_eq!(text, "a surface of 1000 × 1000 points is too large, take a grid of fewer points");
    let many = table(Array2::from_shape_fn((501, 2), |(i, _)| i as f64));
    let text = ale.curve(&run, &sum(), &many.with_categorical([0]).unwrap(), 0).unwrap_err();
    assert!(text.to_string().starts_with("`x0` has 501 categories, at most 500"), "{text}");
    let many = table(Array2::zeros((10_001, 2)));
    let text = plain().friedman_h(&run, &sum(), &many, [0, 1]).unwrap_err().to_string();
    assert!(text.starts_with("Friedman's H of 10001 rows asks for up to 300060003"), "{text}");
}

#[test]
fn a_failing_model_is_named_with_the_row_of_the_table() {
    let mut rows = Array2::from_shape_fn((600, 2), |(i, _)| i as f64);
    rows[[571, 1]] = -5.0;
    let data = table(rows).with_groups((0..600).rev().collect()).unwrap();
    // Not at the first points of the grid, so that the row stands in a later copy of its block.
    let model = function(2, |x| if x[1] < 0.0 && x[0] > 300.0 { f64::INFINITY } else { x[0] });
    let run = Run::new(0);
    let expected = "the model's prediction is `inf` in row 571, only finite numbers have a \
                    meaning there";
    let text = PartialDependence::default().curve(&run, &model, &data, 0).unwrap_err().to_string();
    assert_eq!(text, format!("partial dependence of `x0`: {expected}"));
    let ale = AccumulatedLocalEffects::default();
    let text = ale.curve(&run, &model, &data, 0).unwrap_err().to_string();
    assert_eq!(text, format!("accumulated local effects of `x0`: {expected}"));
}

#[test]
fn one_row_and_one_value_make_a_point() {
    let data = table(array![[2.0, 5.0]]);
    let run = Run::new(0);
    let curve = PartialDependence::default().curve(&run, &sum(), &data, 0).unwrap();
    assert_eq!((curve.grid, curve.values), (vec![2.0], array![[7.0]]));
    let ale = AccumulatedLocalEffects::default();
    let curve = ale.curve(&run, &sum(), &data, 0).unwrap();
    assert_eq!((curve.grid, curve.values), (vec![2.0], array![[0.0]]));
    assert_eq!(curve.warnings[0].to_string(), "`x0` has a single value: there is no effect to see");
    let surface = ale.surface(&run, &sum(), &data, [0, 1]).unwrap();
    assert_eq!(surface.values.dim(), (1, 1, 1));
    assert_eq!(surface.values[[0, 0, 0]], 0.0);
    // A category that stands alone.
    let kinds = data.with_categorical([0]).unwrap();
    let curve = ale.curve(&run, &sum(), &kinds, 0).unwrap();
    assert_eq!((curve.grid, curve.values), (vec![2.0], array![[0.0]]));
}

#[test]
fn dependent_features_and_empty_cells_bring_a_warning() {
    let data = crate::correlated(2, 200, 0.97);
    let run = Run::new(0);
    let dependence = PartialDependence { grid: Grid::Uniform(12), ..Default::default() };
    let curve = dependence.curve(&run, &sum(), &data, 0).unwrap();
    let text = curve.warnings[0].to_string();
    assert!(text.starts_with("`x0` has a rank correlation of 0.9"), "{text}");
    assert!(text.contains("with `x1`, so the model was asked about rows that hardly occur"));
    let surface = dependence.surface(&run, &sum(), &data, [0, 1]).unwrap();
    let text = surface.warnings[0].to_string();
    assert!(text.contains("% of the points have no row near them"), "{text}");
    let ale = AccumulatedLocalEffects { grid: Grid::Quantiles(6), ..Default::default() };
    let surface = ale.surface(&run, &sum(), &data, [0, 1]).unwrap();
    assert!(surface.warnings.iter().any(|w| w.to_string().contains("cells have no row and take")));
    let independent = crate::correlated(2, 200, 0.0);
    let curve = dependence.curve(&run, &sum(), &independent, 0).unwrap();
    assert!(curve.warnings.is_empty(), "{:?}", curve.warnings);
}

#[test]
fn a_cancelled_run_says_so() {
    struct Stop;
    impl fi_core::Progress for Stop {
        fn advance(&self, _done: usize, _total: usize) -> std::ops::ControlFlow<()> {
            std::ops::ControlFlow::Break(())
        }
    }
    let data = crate::correlated(2, 6000, 0.0);
    let run = Run::new(0).with_progress(&Stop);
    let error = PartialDependence::default().curve(&run, &sum(), &data, 0).unwrap_err();
    assert!(matches!(error, Error::Cancelled { .. }), "{error}");
}
