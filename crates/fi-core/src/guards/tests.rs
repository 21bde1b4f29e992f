//! Each guard speaks where it must, with its number, and is silent on good data.

use ndarray::{Array2, ArrayView2, Axis, array, s};
use proptest::prelude::*;

use super::*;
use crate::dataset::Target;
use crate::importance::{Importance, Warning};
use crate::rng::Rng;
use crate::{
    ConditionalPermutation, Conditioning, Folds, Function, HeldOut, Learner, LearnerImportance,
    LeaveOneIn, Loco, Lofo, Metric, Model, Occlusion, Output, PairImportance, Permutation, Removal,
    Run, Sage,
};

fn noise(n_rows: usize, n_features: usize) -> Array2<f64> {
    let mut rng = Rng::new(5, 1);
    Array2::from_shape_simple_fn((n_rows, n_features), || rng.normal())
}

fn data(rows: Array2<f64>) -> Dataset {
    let target = rows.column(0).to_vec();
    Dataset::new(rows, Target::Values(target)).unwrap()
}

fn alone(n: usize) -> Players {
    Players::features((0..n).map(|i| format!("x{i}"))).unwrap()
}

/// The first column, times a slope.
fn first(slope: f64, n_features: usize) -> impl Model {
    Function::new(n_features, 1, move |rows: ArrayView2<'_, f64>| slope * &rows.slice(s![.., ..1]))
}

/// Learns nothing: always [`first`].
struct Fixed(f64);

impl Learner for Fixed {
    fn train(&self, _: &Run<'_>, data: &Dataset) -> Result<Box<dyn Model>> {
        Ok(Box::new(first(self.0, data.n_features())))
    }
}

#[test]
fn training_rows_are_counted_and_new_rows_are_not() {
    let rows = noise(200, 3);
    let trained = RowHashes::new(rows.slice(s![..100, ..]));
    assert_eq!((trained.len(), trained.n_features(), trained.is_empty()), (100, 3, false));
    let seen = |from: usize| seen_rows(&data(rows.slice(s![from.., ..]).to_owned()), &trained);
    assert_eq!(seen(100).unwrap(), None);
    assert_eq!(seen(99).unwrap(), Some(Warning::SeenRows { n_seen: 1, n_rows: 101 }));
    let all = seen(0).unwrap().unwrap();
    assert_eq!(
        all.to_string(),
        "100 of 200 rows have the values of training rows, where the model scores what it has \
         memorised: take rows that it has not seen"
    );
    // The order of columns counts, that of rows does not; −0 is 0, and a gap is a gap.
    assert!(!trained.contains(array![rows[[0, 1]], rows[[0, 0]], rows[[0, 2]]].view()));
    let odd = RowHashes::new(array![[f64::NAN, 0.0], [1.0, 2.0]].view());
    assert_eq!(odd, RowHashes::new(array![[1.0, 2.0], [-f64::NAN, -0.0]].view()));
    assert!(!odd.contains(array![0.0, f64::NAN].view()) && !odd.contains(array![1.0].view()));
    let error = seen_rows(&data(noise(4, 2)), &trained).unwrap_err();
    assert_eq!(error.to_string(), "a training row has shape [3], expected [2]");
}

/// FNV-1a by its published test vectors would need bytes; these were computed once from its
/// definition by another program, and files hold them.
#[test]
fn fingerprints_never_change() {
    let rows = array![[0.0, 0.0], [1.0, -2.5], [f64::NAN, 1e300]];
    let found = serde_json::to_value(RowHashes::new(rows.view())).unwrap();
    let expected = serde_json::json!({ "n_features": 2, "sorted": [0x2f20_b4ea_1c69_d79c_u64, 0x8820_1fb9_60ff_6465_u64, 0xcf24_bc2d_5fe2_b0ae_u64] });
    assert_eq!(found, expected);
}

#[test]
fn twins_by_chance_are_no_leak_and_a_leak_among_twins_is_one() {
    // Two columns of few values: 25 possible rows, of which most have twins.
    let mut rng = Rng::new(3, 0);
    let mut few = |n: usize| Array2::from_shape_simple_fn((n, 2), || rng.below(5) as f64);
    let trained = RowHashes::new(few(60).view());
    assert_eq!(seen_rows(&data(few(40)), &trained).unwrap(), None);
    // Half a per cent of twins do not hide a tenth of seen rows.
    let mut rows = noise(400, 2);
    let row = rows.row(0).to_owned();
    rows.row_mut(1).assign(&row);
    let trained = RowHashes::new(rows.slice(s![..200, ..]));
    let mixed = data(rows.slice(s![190..290, ..]).to_owned());
    let found = seen_rows(&mixed, &trained).unwrap();
    assert_eq!(found, Some(Warning::SeenRows { n_seen: 10, n_rows: 100 }));
}

#[test]
fn fingerprints_out_of_order_are_refused() {
    let hostile = r#"{"n_features": 1, "sorted": [5, 3]}"#;
    let hostile: RowHashes = serde_json::from_str(hostile).unwrap();
    assert_eq!(
        hostile.validate().unwrap_err().to_string(),
        "the fingerprints of the training rows are not in ascending order, make them anew"
    );
    RowHashes::new(noise(20, 2).view()).validate().unwrap();
}

#[test]
fn groups_across_folds_are_counted_by_every_method_that_refits() {
    let plain = data(noise(40, 2));
    let grouped = plain.clone().with_groups((0..40).map(|i| i / 4).collect()).unwrap();
    let (run, players) = (Run::new(1), alone(2));
    let leak = |folds: Folds, data: &Dataset| -> Vec<Vec<Warning>> {
        let metrics = [Metric::Mse];
        let lofo = Lofo { folds: folds.clone(), ..Default::default() };
        let loco = Loco { folds: folds.clone(), ..Default::default() };
        let one_in = LeaveOneIn { folds: folds.clone(), ..Default::default() };
        let held = HeldOut { folds, ..Default::default() };
        let learner = Fixed(1.0);
        let pairs = PairImportance { pairs: None };
        let with_both = |found: Vec<crate::Interaction>| found[0].warnings.clone();
        let wide = data.with_columns(&[noise(40, 1).view()], vec!["x2".into()], &[]).unwrap();
        [
            lofo.importance(&run, &learner, data, &players, &metrics).unwrap()[0].warnings.clone(),
            loco.importance(&run, &learner, data, &players, &metrics).unwrap()[0].warnings.clone(),
            one_in.importance(&run, &learner, data, &players, &metrics).unwrap()[0]
                .warnings
                .clone(),
            held.importance(&run, &learner, data, &players).unwrap().warnings,
            with_both(pairs.refit(&run, &lofo, &learner, &wide, &alone(3), &metrics).unwrap()),
        ]
        .map(|warnings| {
            let of_groups = |w: &Warning| matches!(w, Warning::GroupsAcrossFolds { .. });
            warnings.into_iter().filter(of_groups).collect()
        })
        .to_vec()
    };
    let plainly = Folds::KFold { n_splits: 2, shuffle: true };
    for warnings in leak(plainly.clone(), &grouped) {
        let [Warning::GroupsAcrossFolds { n_groups, n_folds: 2 }] = warnings[..] else {
            panic!("{warnings:?}")
        };
        // Four rows in halves: all in one with a chance of 1/8.
        assert!((5..=10).contains(&n_groups), "{n_groups}");
    }
    let whole = Folds::Group { n_splits: 2, shuffle: true };
    assert!(leak(whole, &grouped).iter().all(Vec::is_empty));
    assert!(leak(plainly, &plain).iter().all(Vec::is_empty));
    let fold =
        |train: [usize; 3], test: [usize; 3]| Fold { train: train.into(), test: test.into() };
    // Only the second fold parts the first group.
    let folds = [fold([0, 1, 2], [4, 5, 6]), fold([0, 4, 5], [1, 2, 8])];
    let warning = Warning::GroupsAcrossFolds { n_groups: 1, n_folds: 1 };
    assert_eq!(groups_across_folds(&grouped, &folds), Some(warning));
    let text = Warning::GroupsAcrossFolds { n_groups: 3, n_folds: 2 }.to_string();
    assert_eq!(
        text,
        "groups of rows on both sides of a fold, where models are tested on what they have seen: \
         3, in 2 folds; take folds that keep groups together"
    );
}

#[test]
fn correlated_features_are_named_unless_they_are_scored_together() {
    let mut rows = noise(300, 4);
    let doubled = rows.column(0).mapv(f64::exp) + 0.1 * &rows.column(3);
    rows.column_mut(2).assign(&doubled);
    let data = data(rows);
    let found = correlated(&data, &alone(4), THRESHOLD).unwrap().unwrap();
    let Warning::Correlated { clusters, threshold, strongest } = &found else { panic!("{found}") };
    assert_eq!((clusters, *threshold), (&vec![vec!["x0".to_owned(), "x2".to_owned()]], 0.7));
    assert!((0.95..1.0).contains(strongest), "{strongest}");
    let text = found.to_string();
    assert!(text.contains("above 0.7 (up to 0.9"), "{text}");
    assert!(text.ends_with("score `x0 & x2` as groups, or conditionally"), "{text}");
    let apart = [("x0", vec![0]), ("x1", vec![1]), ("x2", vec![2]), ("x3", vec![3])];
    let together = apart.into_iter().chain([("both", vec![0, 2])]);
    let players = Players::groups(4, together).unwrap();
    assert_eq!(correlated(&data, &players, THRESHOLD).unwrap(), None);
    assert_eq!(correlated(&data, &alone(4), 1.0).unwrap(), None);
    let few = data.select_rows(&(0..29).collect::<Vec<_>>()).unwrap();
    assert_eq!(correlated(&few, &alone(4), THRESHOLD).unwrap(), None);
    let error = |players: &Players, threshold| {
        correlated(&data, players, threshold).unwrap_err().to_string()
    };
    assert_eq!(error(&alone(4), 1.5), "`threshold` is `1.5`, it must be in [0, 1]");
    assert_eq!(error(&alone(3), 0.5), "the players' list of features has shape [3], expected [4]");
}

#[test]
fn of_many_features_few_rows_are_looked_at_without_false_alarms() {
    // 500 features are 125,000 pairs: 100 rows of these 150.
    let mut rows = noise(150, 500);
    let copy = rows.column(3).to_owned();
    rows.column_mut(400).assign(&copy);
    let found = correlated(&data(rows), &alone(500), THRESHOLD).unwrap().unwrap();
    let Warning::Correlated { clusters, strongest, .. } = found else { panic!("{found}") };
    assert_eq!(clusters, [["x3", "x400"]]);
    assert!((strongest - 1.0).abs() < 1e-12);
}

/// A long list is cut.
#[test]
fn a_sentence_is_never_gigantic() {
    let cluster: Vec<String> = (0..5000).map(|i| format!("x{i}")).collect();
    let warning =
        Warning::Correlated { clusters: vec![cluster; 50], threshold: 0.7, strongest: 0.9 };
    let text = warning.to_string();
    assert!(text.len() < 600 && text.contains("… (5000 in all)`, … (50 in all)"), "{text}");
}

#[test]
fn few_rows_or_groups_are_few_units_for_every_interval_over_rows() {
    let warning = Warning::FewUnits { n_units: 99, enough: 100 };
    assert_eq!(few_units(&data(noise(99, 1))), Some(warning));
    let enough = data(noise(100, 1));
    assert_eq!(few_units(&enough), None);
    let grouped = enough.with_groups((0..100).map(|i| i / 2).collect()).unwrap();
    let warning = few_units(&grouped).unwrap();
    assert_eq!(
        warning.to_string(),
        "the intervals are of 50 independent rows or groups of rows, and with fewer than 100 they \
         cover less often than they say: take more rows"
    );
    for (n, expected) in [(40, vec![Warning::FewUnits { n_units: 40, enough: 100 }]), (100, vec![])]
    {
        for (method, found) in scored(&first(1.0, 2), &Fixed(1.0), &data(noise(n, 2))) {
            // Of halves half are tested.
            let n_units = if method == "LOCO" { n / 2 } else { n };
            let of_units = |w: &&Warning| matches!(w, Warning::FewUnits { .. });
            let found: Vec<Warning> = found.iter().filter(of_units).cloned().collect();
            match method {
                "LOFO" => assert_eq!(found, []),
                "LOCO" => assert_eq!(found, [Warning::FewUnits { n_units, enough: 100 }]),
                _ => assert_eq!(found, expected, "{method}"),
            }
        }
    }
}

/// The warnings of every method that scores a model or a learner.
fn scored(
    model: &dyn Model,
    learner: &dyn Learner,
    data: &Dataset,
) -> Vec<(&'static str, Vec<Warning>)> {
    let (run, players, metrics) = (Run::new(1), alone(2), [Metric::Mse]);
    let few = Permutation { n_repeats: 2, ..Default::default() };
    let sage = Sage { n_draws: 64, tolerance: None, ..Default::default() };
    let rest = ConditionalPermutation { n_repeats: 2, ..Default::default() };
    let zeros = Occlusion { baseline: vec![0.0; 2] };
    let background = Removal::marginal(data.rows().to_owned()).unwrap();
    let gaussian = crate::conditional::Gaussian::fit(data).unwrap();
    let given = Conditioning::Sampler(&gaussian);
    let pairs = PairImportance { pairs: None };
    let of = |found: Result<Vec<Importance>>| found.unwrap().remove(0).warnings;
    vec![
        ("permutation", of(few.importance(&run, model, data, &players, &metrics))),
        ("conditional", of(rest.importance(&run, model, data, &players, &metrics, given))),
        ("occlusion", of(zeros.importance(&run, model, data, &players, &metrics))),
        (
            "exact",
            of(crate::ExactPermutation::default()
                .importance(&run, model, data, &players, &metrics)),
        ),
        ("SAGE", of(sage.importance(&run, model, data, &players, &background, &metrics))),
        ("LOFO", of(Lofo::default().importance(&run, learner, data, &players, &metrics))),
        ("LOCO", of(Loco::default().importance(&run, learner, data, &players, &metrics))),
        (
            "pairs",
            pairs
                .permutation(&run, &few, model, data, &players, &metrics)
                .unwrap()
                .remove(0)
                .warnings,
        ),
    ]
}

#[test]
fn a_model_no_better_than_a_constant_is_said_by_every_method() {
    let data = data(noise(120, 2));
    let worse = |w: &Warning| matches!(w, Warning::NoBetterThanConstant { .. });
    for (method, warnings) in scored(&first(-1.0, 2), &Fixed(-1.0), &data) {
        assert!(warnings.iter().any(worse), "{method}: {warnings:?}");
    }
    for (method, warnings) in scored(&first(1.0, 2), &Fixed(1.0), &data) {
        assert!(!warnings.iter().any(worse), "{method}: {warnings:?}");
    }
    let held = |slope| {
        let way = HeldOut::default();
        LearnerImportance::importance(&way, &Run::new(1), &Fixed(slope), &data, &alone(2)).unwrap()
    };
    assert!(held(-1.0).warnings.iter().any(worse) && held(1.0).warnings.is_empty());
}

/// Classes by a probability that moves with both features, but never across ½.
fn confident() -> impl Model {
    Function::new(2, 2, |rows: ArrayView2<'_, f64>| {
        let sure = rows.map_axis(Axis(1), |x| 0.9 + 0.05 * (x[0] + x[1]).tanh());
        Array2::from_shape_fn(
            (rows.nrows(), 2),
            |(i, j)| if j == 0 { sure[i] } else { 1.0 - sure[i] },
        )
    })
    .with_output(Output::Probabilities)
}

#[test]
fn a_coarse_metric_is_told_from_a_model_that_ignores_its_input() {
    let labels = (0..120).map(|i| usize::from(i % 10 == 0)).collect();
    let names = ["no", "yes"].map(String::from).to_vec();
    let data = Dataset::new(noise(120, 2), Target::Classes { labels, names }).unwrap();
    let (run, players) = (Run::new(1), alone(2));
    let metrics = [Metric::Accuracy, Metric::LogLoss];
    let few = Permutation { n_repeats: 3, ..Default::default() };
    let warnings = |model: &dyn Model| -> [Vec<Warning>; 2] {
        let found = few.importance(&run, model, &data, &players, &metrics).unwrap();
        let of = |m: usize| {
            let still = |w: &&Warning| !matches!(w, Warning::NoBetterThanConstant { .. });
            found[m].warnings.iter().filter(still).cloned().collect()
        };
        [of(0), of(1)]
    };
    let [accuracy, log_loss] = warnings(&confident());
    let expected =
        Warning::MetricTooCoarse { metric: "accuracy".to_owned(), score: 0.9, n_scores: 6 };
    assert_eq!(accuracy, std::slice::from_ref(&expected));
    assert_eq!(
        expected.to_string(),
        "accuracy stayed at 0.9000 in all 6 scorings although predictions changed: take a finer \
         metric such as log loss"
    );
    assert_eq!(log_loss, []);
    let constant =
        Function::new(2, 2, |rows: ArrayView2<'_, f64>| Array2::from_elem((rows.nrows(), 2), 0.5))
            .with_output(Output::Probabilities);
    let [accuracy, _] = warnings(&constant);
    assert_eq!(accuracy, [Warning::MetricDidNotMove { metric: "accuracy".to_owned() }]);
    let occlusion = Occlusion { baseline: vec![3.0; 2] };
    let found = occlusion.importance(&run, &confident(), &data, &players, &metrics).unwrap();
    let coarse = |w: &Warning| matches!(w, Warning::MetricTooCoarse { n_scores: 2, .. });
    assert!(found[0].warnings.iter().any(coarse), "{:?}", found[0].warnings);
}

#[test]
fn a_probe_is_added_and_what_scores_no_higher_is_named() {
    let data = data(noise(60, 2)).with_weights(vec![2.0; 60]).unwrap();
    let data = data.with_groups((0..60).map(|i| i / 3).collect()).unwrap();
    let run = Run::new(7);
    let (wide, all) = with_probe(&run, &data, &alone(2)).unwrap();
    assert_eq!((wide.n_features(), wide.feature_names()[2].as_str()), (3, PROBE));
    assert_eq!((all.names()[2].as_str(), all.members(2)), (PROBE, &[2][..]));
    assert_eq!((wide.weights(), wide.groups()), (data.weights(), data.groups()));
    assert_eq!(wide.select_features(&[0, 1]), data);
    let probe = wide.rows().column(2).to_owned();
    assert!(probe[0] == probe[2] && probe[2] != probe[3]);
    assert_eq!(with_probe(&run, &data, &alone(2)).unwrap(), (wide.clone(), all.clone()));
    let importance =
        |values: [f64; 3]| Importance::new("test", all.names(), values.to_vec()).unwrap();
    assert_eq!(below_probe(&importance([1.0, 0.6, 0.5])), None);
    let warning = below_probe(&importance([1.0, 0.5, 0.5])).unwrap();
    assert_eq!(
        warning,
        Warning::NoHigherThanProbe { probe: 0.5, features: vec!["x1".to_owned()], n_features: 2 }
    );
    let without = Importance::new("test", alone(2).names(), vec![0.0, 1.0]).unwrap();
    assert_eq!(below_probe(&without), None);
    assert_eq!(below_probe(&importance([1.0, 2.0, f64::INFINITY])), None);
    let error = with_probe(&run, &wide, &all).unwrap_err().to_string();
    assert_eq!(error, "a feature or player is already called `noise probe`, give it another name");
    let error = with_probe(&run, &data, &all).unwrap_err().to_string();
    assert_eq!(error, "the players' list of features has shape [3], expected [2]");
}

proptest! {
    /// A row is found among those it came from, wherever they stand.
    #[test]
    fn every_training_row_is_recognised(
        values in prop::collection::vec(prop::num::f64::ANY, 1..40), width in 1_usize..5
    ) {
        let n = values.len() / width;
        let rows = Array2::from_shape_vec((n, width), values[..n * width].to_vec()).unwrap();
        let mut reversed = rows.clone();
        reversed.invert_axis(Axis(0));
        let trained = RowHashes::new(reversed.view());
        prop_assert_eq!(&trained, &RowHashes::new(rows.view()));
        prop_assert!(rows.rows().into_iter().all(|row| trained.contains(row)));
        prop_assert!(trained.validate().is_ok());
    }
}
