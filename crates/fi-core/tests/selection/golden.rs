//! Numbers of scikit-learn, boruta_py and the stability measure's formula, made by
//! `xtask/golden/selection.py`.

use std::sync::Mutex;

use fi_core::selection::{
    Boruta, Correction, Cutoff, Decision, Rfe, RfeCv, Selector, Step, Threshold, stability,
};
use fi_core::{Dataset, Folds, Importance, Learner, Metric, Players, Run, Target};
use ndarray::Array2;
use serde_json::Value;

use crate::{Ridge, features, gaussian, sizes};

fn golden() -> Value {
    serde_json::from_str(include_str!("../golden/selection.json")).unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn integers(value: &Value) -> Vec<usize> {
    list(value).iter().map(|x| x.as_u64().unwrap() as usize).collect()
}

fn numbers(value: &Value) -> Vec<f64> {
    list(value).iter().map(|x| x.as_f64().unwrap()).collect()
}

fn integer(value: &Value) -> usize {
    value.as_u64().unwrap() as usize
}

fn step(value: &Value) -> Step {
    value.as_u64().map_or_else(
        || Step::Share(value.as_f64().unwrap()),
        |number| Step::Number(number as usize),
    )
}

fn table(case: &Value) -> Dataset {
    let rows: Vec<Vec<f64>> = list(&case["rows"]).iter().map(numbers).collect();
    let shape = (rows.len(), rows[0].len());
    let rows = Array2::from_shape_vec(shape, rows.concat()).unwrap();
    Dataset::new(rows, Target::Values(numbers(&case["target"]))).unwrap()
}

#[test]
fn rfe_is_that_of_scikit_learn() {
    let golden = &golden()["elimination"];
    let data = table(golden);
    for case in list(&golden["rfe"]) {
        let n_features = Some(integer(&case["n_features"]));
        let rfe = Rfe { n_features, step: step(&case["step"]) };
        let found = rfe.select(&Run::new(0), &Ridge(1.5), &sizes, &data, &features(7)).unwrap();
        assert_eq!(found.ranking, Some(integers(&case["ranking"])), "{case}");
        assert_eq!(found.chosen.len(), integer(&case["n_features"]));
    }
}

#[test]
fn rfecv_is_that_of_scikit_learn() {
    let golden = &golden()["elimination"];
    let data = table(golden);
    for case in list(&golden["rfecv"]) {
        let rfecv = RfeCv {
            least: integer(&case["least"]),
            step: step(&case["step"]),
            folds: Folds::KFold { n_splits: 4, shuffle: false },
            metric: Some(Metric::Mse),
            ..Default::default()
        };
        let found = rfecv.select(&Run::new(0), &Ridge(1.5), &sizes, &data, &features(7)).unwrap();
        // scikit-learn's lists begin with the fewest features.
        let mut tried: Vec<usize> = found.path.iter().map(|row| row.n_features).collect();
        tried.reverse();
        assert_eq!(tried, integers(&case["n_features"]));
        for (fold, scores) in list(&case["folds"]).iter().enumerate() {
            let rounds = found.history.iter().filter(|round| round.fold == Some(fold));
            let mut ours: Vec<f64> = rounds.map(|round| round.score.unwrap()).collect();
            ours.reverse();
            for (ours, theirs) in ours.iter().zip(numbers(scores)) {
                assert!((ours / theirs - 1.0).abs() < 1e-10, "{ours} {theirs}");
            }
            assert_eq!(ours.len(), tried.len());
        }
        assert_eq!(found.chosen.len(), integer(&case["chosen"]));
        assert_eq!(found.ranking, Some(integers(&case["ranking"])));
    }
}

#[test]
fn threshold_is_select_from_model() {
    let golden = &golden()["elimination"];
    let data = table(golden);
    for case in list(&golden["select_from_model"]) {
        let at = match case["threshold"].as_str() {
            None => Cutoff::Value(case["threshold"].as_f64().unwrap()),
            Some("mean") => Cutoff::Mean(1.0),
            Some("median") => Cutoff::Median(1.0),
            Some("1.25*median") => Cutoff::Median(1.25),
            Some(_) => Cutoff::Mean(0.1),
        };
        let threshold = Threshold { at, max: case["max"].as_u64().map(|x| x as usize) };
        let found =
            threshold.select(&Run::new(0), &Ridge(1.5), &sizes, &data, &features(7)).unwrap();
        assert_eq!(found.chosen, integers(&case["chosen"]), "{case}");
        let bar = found.history[0].threshold.unwrap();
        assert!((bar - case["value"].as_f64().unwrap()).abs() < 1e-10);
    }
}

#[test]
fn boruta_decides_as_boruta_py_round_by_round() {
    let golden = golden();
    assert_eq!(list(&golden["boruta"]).len(), 5);
    for case in list(&golden["boruta"]) {
        let rounds = list(&case["rounds"]);
        // Plays the recorded importances again, in the order of the rounds.
        let next = Mutex::new(0);
        let replay = |_: &Run<'_>, _: &dyn Learner, _: &Dataset, players: &Players| {
            let mut next = next.lock().unwrap();
            let round = &rounds[*next];
            *next += 1;
            let expected: Vec<String> =
                integers(&round["players"]).iter().map(|i| format!("x{i}")).collect();
            let shadows = numbers(&round["shadows"]);
            assert_eq!(players.names()[..expected.len()], expected);
            assert_eq!(players.len(), expected.len() + shadows.len());
            let values = [numbers(&round["importances"]), shadows].concat();
            Importance::new("replay", players.names(), values)
        };
        let two_step = case["two_step"].as_bool().unwrap();
        let settings = |n_rounds| Boruta {
            n_rounds,
            alpha: case["alpha"].as_f64().unwrap(),
            perc: case["perc"].as_f64().unwrap(),
            correction: if two_step { Correction::TwoStep } else { Correction::Bonferroni },
            rough_fix: true,
            ..Default::default()
        };
        assert_eq!(rounds.len(), integer(&case["n_rounds"]));
        let n = integer(&case["n_features"]);
        let data = gaussian(0, 10, &vec![0.0; n], 1.0);
        for n_rounds in 1..=rounds.len() {
            *next.lock().unwrap() = 0;
            let found = settings(n_rounds)
                .select(&Run::new(0), &Ridge(1.0), &replay, &data, &features(n))
                .unwrap();
            let round = &rounds[n_rounds - 1];
            let decision = |x: &Value| match x.as_i64().unwrap() {
                1 => Decision::Confirmed,
                0 => Decision::Tentative,
                _ => Decision::Rejected,
            };
            let decisions = list(&round["decisions"]).iter().map(decision).collect();
            assert_eq!(found.decisions, Some(decisions), "round {n_rounds}");
            assert_eq!(found.hits, Some(integers(&round["hits"])), "round {n_rounds}");
            assert_eq!(found.n_importances, n_rounds);
            if n_rounds == rounds.len() {
                let mut kept = [integers(&case["confirmed"]), integers(&case["weak"])].concat();
                kept.sort_unstable();
                assert_eq!(found.chosen, kept);
            }
        }
    }
}

#[test]
fn stability_is_its_formula() {
    let golden = golden();
    assert_eq!(list(&golden["stability"]).len(), 3);
    for case in list(&golden["stability"]) {
        let sets: Vec<Vec<bool>> = list(&case["sets"])
            .iter()
            .map(|set| list(set).iter().map(|held| held.as_bool().unwrap()).collect())
            .collect();
        let shape = (sets.len(), sets[0].len());
        let sets = Array2::from_shape_vec(shape, sets.concat()).unwrap();
        let found = stability(sets.view(), 0.95).unwrap().unwrap();
        for (name, ours) in [("value", found.value), ("low", found.low), ("high", found.high)] {
            assert!((ours - case[name].as_f64().unwrap()).abs() < 1e-9, "{name} {ours}");
        }
    }
}
