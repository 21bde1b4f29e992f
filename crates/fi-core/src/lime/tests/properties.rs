//! What must hold of every explanation.

use std::sync::atomic::{AtomicUsize, Ordering};

use ndarray::{Array2, ArrayView2, Axis, array, s};
use proptest::prelude::*;

use super::{
    Around, Dataset, Discretizer, Explanation, Function, Lime, Model, Players, Run, SELECTIONS,
    Selection, Target, explained, quick, singles, table, two_outputs,
};
use crate::invariants;

const DISCRETIZERS: [Discretizer; 4] = [
    Discretizer::Quartiles,
    Discretizer::Deciles,
    Discretizer::Continuous(Around::Mean),
    Discretizer::Continuous(Around::Instance),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn a_line_gets_its_coefficients_back(
        slopes in proptest::collection::vec(-3.0..3.0_f64, 3), seed in 0_u64..1000,
    ) {
        let data = table(60).select_features(&[0, 1, 2]);
        let line = slopes.clone();
        let model = Function::new(3, 1, move |rows: ArrayView2<'_, f64>| {
            rows.map_axis(Axis(1), |x| 7.0 + x.iter().zip(&line).map(|(a, b)| a * b).sum::<f64>())
                .insert_axis(Axis(1))
        });
        for around in [Around::Mean, Around::Instance] {
            let lime = Lime {
                kernel_width: Some(1e6),
                discretizer: Discretizer::Continuous(around),
                penalty: 0.0,
                ..quick()
            };
            let rows = data.rows();
            let rows = rows.slice(s![..2, ..]);
            let explainer = lime.fit(&data).unwrap();
            let found =
                explainer.explain(&Run::new(seed), &model, rows, &singles(&data)).unwrap();
            for (feature, slope) in slopes.iter().enumerate() {
                let std = crate::statistics::population_std(data.rows().column(feature).iter());
                let value = found.attribution.values[[1, 0, feature]];
                prop_assert!((value - slope * std).abs() < 1e-9, "{value}");
            }
            prop_assert!((found.r2[[0, 0]] - 1.0).abs() < 1e-9);
            prop_assert!((found.local_predictions[[1, 0]] - found.predictions[[1, 0]]).abs() < 1e-9);
            // The intercept is the line at the training mean.
            let means = data.rows().mean_axis(Axis(0)).unwrap();
            let at_means = model.predict(means.view().insert_axis(Axis(0))).unwrap()[[0, 0]];
            prop_assert!((found.attribution.base_values[[1, 0]] - at_means).abs() < 1e-9);
        }
    }
}

#[test]
fn the_answer_does_not_depend_on_the_threads() {
    let (data, model) = (table(40), two_outputs());
    for discretizer in DISCRETIZERS {
        let explainer = Lime { n_samples: 1300, discretizer, ..quick() }.fit(&data).unwrap();
        let rows = data.rows();
        let work = |run: &Run<'_>| {
            explainer.explain(run, &model, rows.slice(s![..3, ..]), &singles(&data))
        };
        invariants::thread_count_invariance(&Run::new(4), work).unwrap();
        assert_ne!(work(&Run::new(4)).unwrap(), work(&Run::new(5)).unwrap());
    }
}

#[test]
fn a_constant_has_no_attributions() {
    let data = table(40);
    let model = Function::new(4, 1, |rows: ArrayView2<'_, f64>| {
        Array2::from_elem((rows.nrows(), 1), 1e6 + 0.1)
    });
    for discretizer in DISCRETIZERS {
        for selection in SELECTIONS {
            let lime = Lime { selection, discretizer, n_features: 2, ..quick() };
            let rows = data.rows();
            let found = explained(&lime, &model, &data, rows.slice(s![..2, ..]));
            assert!(found.attribution.values.iter().all(|&value| value == 0.0));
            assert!(found.attribution.base_values.iter().all(|&base| base == 1e6 + 0.1));
            assert_eq!(found.local_predictions, found.predictions);
            assert!(found.r2.iter().all(|&r2| r2 == 1.0));
            let stability = found.stability.unwrap();
            assert!(stability.spread.iter().all(|&spread| spread == 0.0));
            assert!(stability.vsi.iter().chain(&stability.csi).all(|&index| index == 1.0));
        }
    }
}

#[test]
fn what_the_model_ignores_is_near_0_and_what_it_uses_is_not() {
    let (data, model) = (table(200), two_outputs());
    let lime = Lime { n_samples: 2000, selection: Selection::All, n_repeats: 8, ..quick() };
    let rows = data.rows();
    let found = explained(&lime, &model, &data, rows.slice(s![..4, ..]));
    let (values, errors) =
        (&found.attribution.values, found.attribution.std_error.as_ref().unwrap());
    let spread = &found.stability.as_ref().unwrap().spread;
    assert!(errors.iter().zip(spread).all(|(e, s)| (e * 8.0_f64.sqrt() - s).abs() < 1e-12));
    for row in 0..4 {
        // The second output asks for the colour alone.
        for player in 0..3 {
            let at = [row, 1, player];
            assert!(values[at].abs() < 0.03, "{}", values[at]);
            assert!(values[at].abs() < 6.0 * errors[at], "{} {}", values[at], errors[at]);
        }
        let colour = if data.rows()[[row, 3]] == 1.0 { 0.3..1.1 } else { -1.1..-0.3 };
        assert!(colour.contains(&values[[row, 1, 3]]), "{}", values[[row, 1, 3]]);
    }
}

#[test]
fn the_order_of_columns_brings_other_draws_and_nothing_else() {
    let data = table(80);
    let model = Function::new(4, 1, |rows: ArrayView2<'_, f64>| {
        rows.map_axis(Axis(1), |x| 0.3 * (x[0] + x[1] + 2.0 * x[2])).insert_axis(Axis(1))
    });
    let numeric = data.with_categorical([]).unwrap();
    for discretizer in [Discretizer::Quartiles, Discretizer::Continuous(Around::Instance)] {
        let scores = |model: &dyn Model, rows: ArrayView2<'_, f64>| {
            let target = Target::Values(vec![0.0; rows.nrows()]);
            let data = Dataset::new(rows.to_owned(), target)?;
            let lime = Lime { n_samples: 4000, n_repeats: 4, discretizer, ..quick() };
            let row = rows.slice(s![3..4, ..]);
            let found = lime.fit(&data)?.explain(&Run::new(1), model, row, &singles(&data))?;
            Ok(found.attribution.values.iter().copied().collect())
        };
        invariants::column_permutation(scores, &model, numeric.rows(), &[2, 0, 3, 1], 0.12)
            .unwrap();
    }
}

#[test]
fn a_row_s_values_are_its_own() {
    let (data, model) = (table(40), two_outputs());
    let rows = data.rows().select(Axis(0), &[7, 3, 7]);
    for discretizer in DISCRETIZERS {
        let lime = Lime { discretizer, ..quick() };
        let found = explained(&lime, &model, &data, rows.view());
        let alone = explained(&lime, &model, &data, rows.slice(s![1..2, ..]));
        let values = &found.attribution.values;
        assert_eq!(values.index_axis(Axis(0), 0), values.index_axis(Axis(0), 2));
        assert_eq!(values.index_axis(Axis(0), 1), alone.attribution.values.index_axis(Axis(0), 0));
    }
}

#[test]
fn samples_that_do_not_depend_on_the_row_are_predicted_once() {
    let data = table(30);
    for (discretizer, for_each_row) in DISCRETIZERS.into_iter().zip([false, false, false, true]) {
        let asked = AtomicUsize::new(0);
        let model = Function::new(4, 1, |rows: ArrayView2<'_, f64>| {
            asked.fetch_add(rows.nrows(), Ordering::Relaxed);
            rows.slice(s![.., ..1]).to_owned()
        });
        let rows = data.rows();
        let found =
            explained(&Lime { discretizer, ..quick() }, &model, &data, rows.slice(s![..5, ..]));
        let expected = 5 + 2 * 399 * if for_each_row { 5 } else { 1 };
        assert_eq!(found.attribution.n_evaluations, expected);
        assert_eq!(asked.into_inner(), expected);
    }
}

#[test]
fn groups_are_one_component_and_features_of_no_player_stay() {
    let data = table(60);
    // 1 where both are in the row's bins: what the group's coordinate says.
    let both = Function::new(4, 1, |rows: ArrayView2<'_, f64>| {
        rows.map_axis(Axis(1), |x| f64::from(x[0] > 1e9 || x[3] == 1.0) + 5.0 * x[2])
            .insert_axis(Axis(1))
    });
    let row = array![[3.0, 0.5, 2.5, 1.0]];
    let players = Players::groups(4, [("a and colour", vec![0, 3]), ("b", vec![1])]).unwrap();
    let explainer = Lime { selection: Selection::All, ..quick() }.fit(&data).unwrap();
    let found = explainer.explain(&Run::new(0), &both, row.view(), &players).unwrap();
    // Column 2 belongs to no player: it stays, and 5 · 2.5 is in every prediction.
    assert!((found.predictions[[0, 0]] - 13.5).abs() < 1e-12);
    let sum = found.attribution.base_values[[0, 0]] + found.attribution.values.sum();
    assert!((sum - found.local_predictions[[0, 0]]).abs() < 1e-12);
    assert!((12.5..13.5).contains(&sum), "{sum}");
    assert!(found.r2[[0, 0]] < 1.0);
    assert_eq!(found.attribution.n_evaluations, 1 + 2 * 399);
    let names = &found.conditions[0];
    assert!(names[0].contains(" and colour = 1"), "{names:?}");
    // Where the model asks for the group's state, all of its members', the fit is exact.
    let mut sorted = data.rows().column(0).to_vec();
    sorted.sort_by(f64::total_cmp);
    let border = crate::quantile(&sorted, 0.75).unwrap();
    let together = Function::new(4, 1, move |rows: ArrayView2<'_, f64>| {
        rows.map_axis(Axis(1), |x| f64::from(x[0] > border && x[3] == 1.0)).insert_axis(Axis(1))
    });
    let exact = Lime { selection: Selection::All, penalty: 0.0, ..quick() }.fit(&data).unwrap();
    let top = array![[border + 1.0, 0.5, 2.5, 1.0]];
    let found = exact.explain(&Run::new(0), &together, top.view(), &players).unwrap();
    assert!((found.attribution.values[[0, 0, 0]] - 1.0).abs() < 1e-9);
    assert!((found.r2[[0, 0]] - 1.0).abs() < 1e-9);
    let only = Players::groups(4, [("c", vec![2])]).unwrap();
    let held = Function::new(4, 1, |rows: ArrayView2<'_, f64>| rows.slice(s![.., ..1]).to_owned());
    let found = explainer.explain(&Run::new(0), &held, row.view(), &only).unwrap();
    assert_eq!(found.attribution.values, array![[[0.0]]]);
    assert_eq!((found.local_predictions[[0, 0]], found.r2[[0, 0]]), (3.0, 1.0));
}

#[test]
fn a_row_may_miss_values() {
    let mut rows = table(80).rows().to_owned();
    rows.slice_mut(s![..24, 0]).fill(f64::NAN);
    let data = Dataset::new(rows, Target::Values(vec![0.0; 80])).unwrap();
    // Whether the first column is there.
    let model = Function::new(4, 1, |rows: ArrayView2<'_, f64>| {
        rows.slice(s![.., ..1]).mapv(|x| f64::from(u8::from(!x.is_nan())))
    });
    let asked = array![[f64::NAN, 0.5, 0.1, 1.0], [3.0, f64::NAN, 0.1, 1.0]];
    for discretizer in DISCRETIZERS {
        let lime = Lime { discretizer, n_samples: 3000, penalty: 0.0, n_features: 4, ..quick() };
        let lime = Lime { selection: Selection::All, ..lime };
        let found = explained(&lime, &model, &data, asked.view());
        // The coordinate of the first row is what the model asks for.
        assert!((found.attribution.values[[0, 0, 0]] + 1.0).abs() < 1e-9, "{discretizer:?}");
        assert!((found.r2[[0, 0]] - 1.0).abs() < 1e-9);
        assert_eq!(found.conditions[0][0], "x0 is missing");
        assert!(found.attribution.values.iter().all(|value| value.is_finite()));
        assert!(found.r2[[1, 0]] < 0.9);
    }
}

#[test]
fn a_missing_sample_of_a_continuous_column_counts_as_the_mean() {
    let mut rows = table(80).select_features(&[0, 1]).rows().to_owned();
    rows.slice_mut(s![..24, 0]).fill(f64::NAN);
    let there = rows.slice(s![24.., 0]).to_owned();
    let mean = there.sum() / 56.0;
    let data = Dataset::new(rows, Target::Values(vec![0.0; 80])).unwrap();
    // A line that puts the mean where the value is missing.
    let model = Function::new(2, 1, move |rows: ArrayView2<'_, f64>| {
        rows.slice(s![.., ..1]).mapv(|x| 2.0 * if x.is_nan() { mean } else { x })
    });
    for around in [Around::Mean, Around::Instance] {
        let discretizer = Discretizer::Continuous(around);
        let lime = Lime { discretizer, penalty: 0.0, selection: Selection::All, ..quick() };
        let found = explained(&lime, &model, &data, array![[5.0, 1.0]].view());
        let slope = 2.0 * crate::statistics::population_std(there.iter());
        let value = found.attribution.values[[0, 0, 0]];
        assert!((value - slope).abs() < 1e-9, "{around:?}: {value}, not {slope}");
        assert!((found.r2[[0, 0]] - 1.0).abs() < 1e-9);
    }
}

#[test]
fn one_repeat_has_no_stability_and_a_narrow_kernel_knows_the_row_alone() {
    let (data, model) = (table(40), two_outputs());
    let rows = data.rows();
    let rows = rows.slice(s![..1, ..]);
    let once = explained(&Lime { n_repeats: 1, ..quick() }, &model, &data, rows);
    assert_eq!((once.stability, once.attribution.std_error), (None, None));
    assert_eq!(once.kernel_width, 1.5);
    assert!(once.effective_samples[0] > 100.0);
    let narrow = Lime { kernel_width: Some(0.01), ..quick() };
    let narrow = explained(&narrow, &model, &data, rows);
    assert!((1.0..20.0).contains(&narrow.effective_samples[0]));
    // So narrow that all weights but the row's are 0: everything stays finite.
    let least = Lime { kernel_width: Some(1e-200), ..quick() };
    let least = explained(&least, &model, &data, rows);
    assert!(least.attribution.values.iter().chain(&least.r2).all(|value| value.is_finite()));
}

#[test]
fn at_most_n_features_are_chosen_and_an_explanation_is_plain_data() {
    let (data, model) = (table(40), two_outputs());
    let rows = data.rows();
    for selection in SELECTIONS {
        let lime = Lime { selection, n_features: 2, ..quick() };
        let found = explained(&lime, &model, &data, rows.slice(s![..2, ..]));
        let most = if selection == Selection::All { 4.0 } else { 2.0 };
        for chosen in found.chosen.lanes(Axis(2)) {
            assert!(chosen.sum() <= most);
        }
        for (value, chosen) in found.attribution.values.iter().zip(&found.chosen) {
            assert!(*value == 0.0 || *chosen > 0.0);
        }
        let text = serde_json::to_string(&found).unwrap();
        assert_eq!(serde_json::from_str::<Explanation>(&text).unwrap(), found);
    }
}
