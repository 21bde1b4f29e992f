//! What must hold for every model and table.

use fi_core::invariants::{models, regression, thread_count_invariance};
use fi_core::{AccumulatedLocalEffects, Function, Grid, Model, PartialDependence, Run};
use ndarray::{Array2, ArrayView2};
use proptest::prelude::*;

use crate::{assert_close, table};

fn pd() -> PartialDependence {
    PartialDependence { grid: Grid::Quantiles(5), lines: 4, ..Default::default() }
}

fn ale() -> AccumulatedLocalEffects {
    AccumulatedLocalEffects { grid: Grid::Quantiles(4), ..Default::default() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_feature_that_is_not_used_is_flat(
        model in models(3..=4, 1..=2),
        data in regression(1..=25, 3..=3),
    ) {
        prop_assume!(model.n_features() == 3);
        for feature in (0..3).filter(|&feature| !model.uses(feature)) {
            let run = Run::new(1);
            let curve = ale().curve(&run, &model, &data, feature).unwrap();
            prop_assert!(curve.values.iter().all(|&value| value == 0.0));
            let curve = pd().curve(&run, &model, &data, feature).unwrap();
            prop_assert!(curve.values.rows().into_iter().all(|row| row == curve.values.row(0)));
            let centred = PartialDependence { centred: true, ..pd() };
            let curve = centred.curve(&run, &model, &data, feature).unwrap();
            prop_assert!(curve.values.iter().all(|&value| value == 0.0));
            let other = (feature + 1) % 3;
            let surface = ale().surface(&run, &model, &data, [feature, other]).unwrap();
            prop_assert!(surface.values.iter().all(|&value| value.abs() < 1e-12));
        }
    }

    #[test]
    fn a_constant_added_to_the_model_shifts_partial_dependence_alone(
        model in models(3..=3, 1..=2),
        data in regression(1..=20, 3..=3),
        shift in -50.0..50.0_f64,
    ) {
        let n_outputs = model.n_outputs();
        let shifted = Function::new(3, n_outputs, |rows: ArrayView2<'_, f64>| {
            model.predict(rows).unwrap() + shift
        });
        let run = Run::new(1);
        let [a, b]: [&dyn Model; 2] = [&model, &shifted];
        let of = |model| pd().curve(&run, model, &data, 1).unwrap().values;
        assert_close(&of(b), &(of(a) + shift), 1e-10);
        let of = |model| ale().curve(&run, model, &data, 1).unwrap().values;
        assert_close(&of(b), &of(a), 1e-10);
        let of = |model| ale().surface(&run, model, &data, [0, 2]).unwrap().values;
        assert_close(&of(b), &of(a), 1e-9);
        // The mean of ALE over the rows is its zero, the surface's too where all is known.
        let curve = ale().curve(&run, &model, &data, 1).unwrap();
        prop_assert!((curve.shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_order_of_columns_and_rows_does_not_matter(
        model in models(3..=3, 1..=1),
        data in regression(2..=20, 3..=3),
    ) {
        let order = [2, 0, 1];
        let turned = Function::new(3, 1, |rows: ArrayView2<'_, f64>| {
            let back = Array2::from_shape_fn(rows.dim(), |(i, j)| {
                rows[[i, order.iter().position(|&old| old == j).unwrap()]]
            });
            model.predict(back.view()).unwrap()
        });
        let other = data.select_features(&order);
        let run = Run::new(1);
        for (new, old) in order.into_iter().enumerate() {
            let a = pd().curve(&run, &model, &data, old).unwrap();
            prop_assert_eq!(&pd().curve(&run, &turned, &other, new).unwrap().values, &a.values);
            let a = ale().curve(&run, &model, &data, old).unwrap();
            prop_assert_eq!(ale().curve(&run, &turned, &other, new).unwrap().band, a.band);
        }
        // A pair the other way round is the transposed surface.
        let [a, b] = [[0, 1], [1, 0]].map(|pair| ale().surface(&run, &model, &data, pair).unwrap());
        if a.warnings.is_empty() {
            assert_close(&b.values, a.values.view().permuted_axes([1, 0, 2]), 1e-9);
        }
        let reversed: Vec<usize> = (0..data.n_rows()).rev().collect();
        let rows = data.select_rows(&reversed).unwrap();
        let [a, b] = [&data, &rows].map(|data| ale().curve(&run, &model, data, 0).unwrap());
        assert_close(&a.values, &b.values, 1e-10);
    }
}

/// Hundreds of rows in several blocks, with groups, weights, gaps and categories.
#[test]
fn threads_and_batches_change_no_bit_and_no_value() {
    let mut rng = fi_core::Rng::new(3, 0);
    let rows = Array2::from_shape_fn((700, 4), |(i, j)| match j {
        3 => (i % 5) as f64,
        0 if i % 50 == 0 => f64::NAN,
        _ => rng.normal(),
    });
    let data = table(rows)
        .with_categorical([3])
        .unwrap()
        .with_groups((0..700).map(|i| (i * 7) % 40).collect())
        .unwrap()
        .with_weights((0..700).map(|i| f64::from(i % 3)).collect())
        .unwrap();
    let model =
        crate::function(4, |x| if x[0].is_nan() { x[1] } else { x[0] * x[1] + x[3] * x[2] });
    let run = Run::new(5);
    let sampled = PartialDependence { max_rows: Some(300), ..pd() };
    for feature in 0..4 {
        thread_count_invariance(&run, |run| sampled.curve(run, &model, &data, feature)).unwrap();
        thread_count_invariance(&run, |run| ale().curve(run, &model, &data, feature)).unwrap();
    }
    thread_count_invariance(&run, |run| pd().surface(run, &model, &data, [0, 3])).unwrap();
    thread_count_invariance(&run, |run| ale().surface(run, &model, &data, [0, 1])).unwrap();
    thread_count_invariance(&run, |run| {
        PartialDependence { max_rows: Some(30), ..pd() }.friedman_h(run, &model, &data, [0, 1])
    })
    .unwrap();
    let [a, b, c] = [16_384, 300, 7]
        .map(|batch_rows| PartialDependence { batch_rows, ..pd() })
        .map(|dependence| dependence.curve(&run, &model, &data, 0).unwrap());
    assert_eq!(a, b);
    assert_close(&a.values, &c.values, 1e-12);
    assert_eq!(a.lines, c.lines);
    let text = serde_json::to_string(&a).unwrap();
    assert_eq!(serde_json::from_str::<fi_core::Curve>(&text).unwrap(), a);
}
