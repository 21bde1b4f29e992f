//! Knockoffs against knockpy and scikit-learn, and their own algebra.

use ndarray::{Array2, Axis};
use serde_json::Value;

use super::*;
use crate::dataset::Target;
use crate::importance::Importance;
use crate::model::{Function, Model};
use crate::rng::Rng;

pub(super) fn golden() -> Value {
    serde_json::from_str(include_str!("../../../tests/golden/knockoffs.json")).unwrap()
}

pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

pub(super) fn numbers(value: &Value) -> Vec<f64> {
    list(value).iter().map(|x| x.as_f64().unwrap()).collect()
}

pub(super) fn matrix(value: &Value) -> Array2<f64> {
    let rows: Vec<Vec<f64>> = list(value).iter().map(numbers).collect();
    Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).unwrap()
}

pub(super) fn close(ours: &[f64], theirs: &[f64], within: f64) {
    assert_eq!(ours.len(), theirs.len());
    let far = ours.iter().zip(theirs).find(|(a, b)| (*a - *b).abs() > within);
    assert_eq!(far, None, "{ours:?} {theirs:?}");
}

pub(super) const BOTH: [Construction; 2] = [Construction::Mvr, Construction::Equicorrelated];

#[test]
fn distances_are_those_of_knockpy() {
    for case in list(&golden()["distances"]) {
        let correlation = matrix(&case["correlation"]);
        for (construction, name) in BOTH.into_iter().zip(["mvr", "equicorrelated"]) {
            let ours = construction.distances(correlation.view()).unwrap();
            close(&ours, &numbers(&case[name]), 1e-6);
        }
    }
}

#[test]
fn thresholds_are_those_of_knockpy_and_of_the_definition() {
    for case in list(&golden()["thresholds"]) {
        let (w, fdr) = (numbers(&case["w"]), case["fdr"].as_f64().unwrap());
        let offset = case["offset"].as_u64().unwrap() as usize;
        let ours = knockoff_threshold(&w, fdr, offset).unwrap();
        assert_eq!(ours, case["threshold"].as_f64(), "{fdr} {offset}");
    }
    // With ties and zeros, every size is tried as the formula says.
    let mut rng = Rng::new(3, 0);
    for _ in 0..300 {
        let w: Vec<f64> = (0..12).map(|_| (rng.normal() * 2.0 + 1.0).round()).collect();
        for (offset, fdr) in [(0, 0.2), (1, 0.3), (1, 0.5)] {
            let fine = |t: &f64| {
                let (below, above) =
                    (w.iter().filter(|w| **w <= -t).count(), w.iter().filter(|w| *w >= t).count());
                (offset + below) as f64 / above.max(1) as f64 <= fdr
            };
            let sizes = w.iter().map(|w| w.abs()).filter(|t| *t > 0.0 && fine(t));
            let slow = sizes.min_by(f64::total_cmp);
            assert_eq!(knockoff_threshold(&w, fdr, offset).unwrap(), slow, "{w:?}");
        }
    }
    let text = |w: &[f64], fdr, offset| knockoff_threshold(w, fdr, offset).unwrap_err().to_string();
    assert_eq!(
        text(&[1.0, f64::NAN], 0.1, 1),
        "statistic 1 is `NaN`, only numbers can be compared"
    );
    assert_eq!(text(&[1.0], 1.0, 1), "`fdr` is `1`, it must be inside (0, 1)");
    assert_eq!(text(&[1.0], 0.1, 2), "`offset` is `2`, it must be 0 or 1");
    assert_eq!(knockoff_threshold(&[], 0.1, 1).unwrap(), None);
}

fn no_learner() -> impl Learner {
    struct Nothing;
    impl Learner for Nothing {
        fn train(&self, _: &Run<'_>, data: &Dataset) -> Result<Box<dyn Model>> {
            let zeros = |rows: ndarray::ArrayView2<'_, f64>| Array2::zeros((rows.nrows(), 1));
            Ok(Box::new(Function::new(data.n_features(), 1, zeros)))
        }
    }
    Nothing
}

fn normal_table(seed: u64, n_rows: usize, n_features: usize) -> Dataset {
    let mut rng = Rng::new(seed, 0);
    let rows = Array2::from_shape_simple_fn((n_rows, n_features), || rng.normal());
    let target = Target::Values((0..n_rows).map(|_| rng.normal()).collect());
    Dataset::new(rows, target).unwrap()
}

#[test]
fn choices_are_those_of_the_formulas() {
    for case in list(&golden()["choices"]) {
        let draws: Vec<Vec<f64>> = list(&case["draws"]).iter().map(numbers).collect();
        let (n_draws, fdr) = (draws.len(), case["fdr"].as_f64().unwrap());
        let knockoffs = Knockoffs { fdr, n_draws, ..Knockoffs::default() };
        let data = normal_table(1, 100, draws[0].len());
        let players = Players::features(data.feature_names().to_vec()).unwrap();
        let rivals = knockoffs.rivals(&data, &players).unwrap();
        let found = knockoffs.selection(&Run::new(0), &rivals, draws.clone()).unwrap();
        close(&found.e_values.unwrap(), &numbers(&case["e"]), 1e-9);
        let theirs: Vec<usize> =
            list(&case["chosen"]).iter().map(|i| i.as_u64().unwrap() as usize).collect();
        assert_eq!(found.chosen, theirs);
        assert_eq!((found.fdr, found.n_importances), (Some(fdr), n_draws));
        // A single draw keeps what is at or above its threshold, and with an offset of 0, too.
        for offset in [0, 1] {
            let alone = Knockoffs { n_draws: 1, offset, ..knockoffs };
            let found = alone.selection(&Run::new(0), &rivals, draws[..1].to_vec()).unwrap();
            let bar = knockoff_threshold(&draws[0], fdr, offset).unwrap();
            let passes = |&i: &usize| bar.is_some_and(|bar| draws[0][i] >= bar);
            let expected: Vec<usize> = (0..players.len()).filter(passes).collect();
            assert_eq!(found.chosen, expected, "{offset}");
            assert_eq!(found.history[0].threshold, bar);
            assert_eq!((found.spreads, found.fdr.is_some()), (None, offset == 1));
        }
    }
}

#[test]
fn distances_do_not_depend_on_the_order_of_columns() {
    let case = &golden()["distances"][2];
    let correlation = matrix(&case["correlation"]);
    let order = [4, 2, 8, 0, 1, 7, 3, 6, 5];
    let moved = correlation.select(Axis(0), &order).select(Axis(1), &order);
    for construction in BOTH {
        let before = construction.distances(correlation.view()).unwrap();
        let after = construction.distances(moved.view()).unwrap();
        let expected: Vec<f64> = order.iter().map(|&i| before[i]).collect();
        close(&after, &expected, 1e-6);
    }
}

/// What each column is worth by itself, and more for one that stands before the others.
fn worth(_: &Run<'_>, _: &dyn Learner, data: &Dataset, players: &Players) -> Result<Importance> {
    let y = ndarray::Array1::from(data.target().values().unwrap().to_vec());
    let of = |player: usize| {
        let column = players.members(player)[0];
        data.rows().column(column).dot(&y).abs() + 5.0 / (1.0 + column as f64)
    };
    Importance::new("worth", players.names(), (0..players.len()).map(of).collect())
}

/// A rival table whose features in `swapped` have traded places with their knockoffs, drawn in
/// advance, in a given order of columns.
fn statistics_of(
    data: &Dataset,
    copies: &Array2<f64>,
    order: &[usize],
    swapped: &[usize],
) -> Vec<f64> {
    let players = Players::features(data.feature_names().to_vec()).unwrap();
    let (mut rows, mut copies) = (data.rows().to_owned(), copies.clone());
    let mut order = order.to_vec();
    let n = rows.ncols();
    for &feature in swapped {
        let original = rows.column(feature).to_owned();
        rows.column_mut(feature).assign(&copies.column(feature));
        copies.column_mut(feature).assign(&original);
        let place = |column| order.iter().position(|&c| c == column).unwrap();
        let (a, b) = (place(feature), place(n + feature));
        order.swap(a, b);
    }
    let data = data.clone().with_rows(rows).unwrap();
    let rivals = Knockoffs::default().rivals(&data, &players).unwrap();
    let learner = no_learner();
    rivals.compare(&Run::new(4), &learner, &worth, &copies, &order).unwrap()
}

#[test]
fn a_swap_of_a_feature_and_its_knockoff_turns_its_statistic_around() {
    let data = normal_table(2, 50, 4);
    let copies = normal_table(3, 50, 4).rows().to_owned();
    let mut order: Vec<usize> = (0..8).collect();
    for seed in 0..20 {
        Rng::new(seed, 0).shuffle(&mut order);
        let before = statistics_of(&data, &copies, &order, &[]);
        let after = statistics_of(&data, &copies, &order, &[0, 2]);
        assert_eq!(after, [-before[0], before[1], -before[2], before[3]]);
    }
}

#[test]
fn no_place_is_favoured() {
    // Only the place of a column counts: by it alone originals win half of the time.
    let first = |_: &Run<'_>, _: &dyn Learner, _: &Dataset, players: &Players| {
        let of = |player: usize| 1.0 / (1.0 + players.members(player)[0] as f64);
        Importance::new("first", players.names(), (0..players.len()).map(of).collect())
    };
    let data = normal_table(4, 40, 5);
    let players = Players::features(data.feature_names().to_vec()).unwrap();
    let knockoffs = Knockoffs { n_draws: 400, ..Knockoffs::default() };
    let found = knockoffs.select(&Run::new(1), &no_learner(), &first, &data, &players).unwrap();
    for player in 0..5 {
        let wins =
            found.history.iter().filter(|round| round.importances[player] > 0.0).count() as f64;
        // Four standard errors of 400 coins.
        assert!((wins - 200.0).abs() <= 40.0, "{wins}");
    }
    assert!(found.chosen.is_empty());
}

#[test]
fn copies_by_the_copula_have_the_values_that_occur() {
    let data = normal_table(5, 60, 3);
    let skewed = data.rows().mapv(f64::exp);
    let data = data.clone().with_rows(skewed).unwrap();
    let players = Players::features(data.feature_names().to_vec()).unwrap();
    let looked = |_: &Run<'_>, _: &dyn Learner, wide: &Dataset, all: &Players| {
        let mut n_moved = 0;
        for (name, column) in wide.feature_names().iter().zip(wide.rows().columns()) {
            let own = name.trim_start_matches("knockoff of ");
            let place = data.feature_names().iter().position(|name| name == own).unwrap();
            let own = data.rows().column(place).to_owned();
            assert!(column.iter().all(|x| own.iter().any(|y| x == y)), "{name}");
            n_moved += usize::from(column != own);
        }
        assert_eq!(n_moved, 3);
        Importance::new("looked", all.names(), vec![0.0; all.len()])
    };
    let knockoffs = Knockoffs { n_draws: 2, copula: true, ..Knockoffs::default() };
    knockoffs.select(&Run::new(0), &no_learner(), &looked, &data, &players).unwrap();
}
