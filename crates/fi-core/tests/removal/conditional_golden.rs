//! Numbers of hidimstat 0.4.0, made by `xtask/golden/conditional.py`.

use fi_core::conditional::Gaussian;
use fi_core::{
    ConditionalPermutation, Conditioning, Dataset, Fold, Folds, Function, LeaveOneIn, Loco, Lofo,
    Metric, Model, Players, Run, Target,
};
use ndarray::{Array2, ArrayView2};
use serde_json::Value;

use crate::{Ols, assert_close, linear};

struct Golden {
    json: Value,
    data: Dataset,
    players: Players,
    n_train: usize,
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn golden() -> Golden {
    let json: Value = serde_json::from_str(include_str!("../golden/conditional.json")).unwrap();
    let rows: Vec<f64> = json["rows"].as_array().unwrap().iter().flat_map(numbers).collect();
    let rows = Array2::from_shape_vec((rows.len() / 4, 4), rows).unwrap();
    let data = Dataset::new(rows, Target::Values(numbers(&json["target"]))).unwrap();
    let n_train = json["n_train"].as_u64().unwrap() as usize;
    let players = Players::features(["a", "b", "c", "d"]).unwrap();
    Golden { json, data, players, n_train }
}

/// hidimstat permutes the residuals of a regression on the other features, whose variance is
/// `(n − 1) / n` of what is drawn here; for a square of a feature their fourth moments count, too.
#[test]
fn conditional_permutation_is_hidimstats_cfi() {
    let Golden { json, data, players, n_train } = golden();
    let test = data.select_rows(&(n_train..data.n_rows()).collect::<Vec<_>>()).unwrap();
    let coefficients = numbers(&json["coefficients"]);
    let linear: Box<dyn Model> = Box::new(linear(&coefficients[..4], coefficients[4]));
    let curved: Box<dyn Model> = Box::new(Function::new(4, 1, |rows: ArrayView2<'_, f64>| {
        Array2::from_shape_fn((rows.nrows(), 1), |(i, _)| {
            rows[[i, 0]].powi(2) + rows[[i, 1]] * rows[[i, 2]] - rows[[i, 3]]
        })
    }));
    let gaussian = Gaussian::fit(&test).unwrap();
    let settings = ConditionalPermutation { n_repeats: 300, ..Default::default() };
    for (name, model, from, bias) in [("linear", linear, 0, 0.012), ("curved", curved, 1, 0.03)] {
        let given = Conditioning::Sampler(&gaussian);
        let (run, metrics) = (Run::new(5), [Metric::Mse]);
        let found = settings.importance(&run, &model, &test, &players, &metrics, given).unwrap();
        let case = &json["cfi"][name];
        let (values, errors) = (numbers(&case["values"]), numbers(&case["std_errors"]));
        for player in from..4 {
            let own = found[0].std.as_ref().unwrap()[player] / 300_f64.sqrt();
            let noise = 4.0 * own.hypot(errors[player]);
            let (value, expected) = (found[0].values[player], values[player]);
            assert!((value - expected).abs() < noise + bias, "{name} {player}: {value} {expected}");
        }
    }
}

#[test]
fn loco_and_leave_one_in_are_hidimstats_loco_and_loci() {
    let Golden { json, data, players, n_train } = golden();
    let fold = Fold { train: (0..n_train).collect(), test: (n_train..data.n_rows()).collect() };
    let folds = Folds::Given(vec![fold]);
    let (run, metrics) = (Run::new(0), [Metric::Mse]);
    let loco = Loco { folds: folds.clone(), ..Default::default() };
    let found = loco.importance(&run, &Ols, &data, &players, &metrics).unwrap();
    assert_close(&found[0].values, &numbers(&json["loco"]), 1e-10);
    // One fold of LOFO is the same mean.
    let lofo = Lofo { folds: folds.clone(), ..Default::default() };
    let lofo = lofo.importance(&run, &Ols, &data, &players, &metrics).unwrap();
    assert_close(&lofo[0].values, &found[0].values, 1e-10);
    let alone = LeaveOneIn { folds, ..Default::default() };
    let found = alone.importance(&run, &Ols, &data, &players, &metrics).unwrap();
    assert_close(&found[0].values, &numbers(&json["loci"]), 1e-10);
}
