//! SAGE values agree with those of sage-importance, from `golden/sage.json`.

use fi_core::shapley::{Estimator, Exact};
use fi_core::{
    Dataset, Function, LossGame, Metric, Model, Output, Players, Removal, Run, Sage, SageEstimator,
    Target,
};
use ndarray::{Array1, Array2, ArrayView2, Axis, stack};
use serde_json::Value;

fn table(golden: &Value, name: &str) -> Array2<f64> {
    let rows: Vec<Vec<f64>> = serde_json::from_value(golden[name].clone()).unwrap();
    Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).unwrap()
}

fn list(golden: &Value, name: &str) -> Vec<f64> {
    serde_json::from_value(golden[name].clone()).unwrap()
}

/// The exact values are within the peer's standard errors of its values, ours within ours of the
/// exact ones.
fn compare(golden: &Value, model: &dyn Model, target: Target, metric: Metric) {
    let data = Dataset::new(table(golden, "rows"), target).unwrap();
    let players = Players::features((0..6).map(|i| format!("x{i}"))).unwrap();
    let removal = Removal::marginal(table(golden, "background")).unwrap();
    let name = if matches!(metric, Metric::Mse) { "mse" } else { "log_loss" };
    let metrics = [metric];
    let game = LossGame::new(model, &data, &players, &removal, &metrics).unwrap();
    let exact = Exact.estimate(&Run::new(0), &game).unwrap().values;
    for peer in ["permutation", "kernel"] {
        let peer = &golden[name][peer];
        let (values, std) = (list(peer, "values"), list(peer, "std"));
        assert_eq!(values.len(), 6);
        for player in 0..6 {
            let apart = (values[player] - exact[[0, player]]).abs();
            assert!(apart < 4.0 * std[player] + 1e-12, "{name} {player}: {apart} {std:?}");
        }
        assert!(std.iter().copied().fold(0.0, f64::max) < 0.01 * exact.sum(), "{std:?}");
    }
    for estimator in [SageEstimator::Permutation, SageEstimator::Kernel] {
        let sage = Sage { estimator, n_draws: 2000, tolerance: None, ..Default::default() };
        let ours = sage.estimate(&Run::new(1), &game).unwrap();
        let std_error = ours.std_error.unwrap();
        for player in 0..6 {
            let apart = (ours.values[[0, player]] - exact[[0, player]]).abs();
            assert!(
                apart < 4.0 * std_error[[0, player]] + 1e-12,
                "{estimator:?} {player}: {apart}"
            );
        }
    }
}

#[test]
fn squared_errors_and_log_losses_agree_with_sage_importance() {
    let golden: Value = serde_json::from_str(include_str!("../golden/sage.json")).unwrap();
    let (hidden, output) = (table(&golden, "hidden"), Array1::from(list(&golden, "output")));
    let number =
        move |rows: ArrayView2<'_, f64>| 1.5 * rows.dot(&hidden).mapv(f64::tanh).dot(&output);
    let probabilities = {
        let number = number.clone();
        move |rows: ArrayView2<'_, f64>| {
            let p = number(rows).mapv(|z| 1.0 / (1.0 + (-z).exp()));
            stack![Axis(1), 1.0 - &p, p]
        }
    };
    let model =
        Function::new(6, 1, move |rows: ArrayView2<'_, f64>| number(rows).insert_axis(Axis(1)));
    compare(&golden, &model, Target::Values(list(&golden, "target")), Metric::Mse);
    let model = Function::new(6, 2, probabilities).with_output(Output::Probabilities);
    let labels = serde_json::from_value(golden["labels"].clone()).unwrap();
    let names = vec!["no".into(), "yes".into()];
    compare(&golden, &model, Target::Classes { labels, names }, Metric::LogLoss);
}
