//! Shapley and Owen values equal those of shap, from `golden/shapley.json` and `golden/owen.json`.

use fi_core::shapley::{Estimator, Exact, Kernel, Owen, Structure, explain};
use fi_core::{Attribution, Function, Model, Players, Removal, Run};
use ndarray::{Array1, Array2, Array3, ArrayView2};
use serde_json::Value;

/// Both sides are exact; 256 coalitions of 10 rows and a regression leave rounding.
const TOLERANCE: f64 = 1e-8;

fn table(golden: &Value, name: &str) -> Array2<f64> {
    let rows: Vec<Vec<f64>> = serde_json::from_value(golden[name].clone()).unwrap();
    Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).unwrap()
}

fn list(golden: &Value, name: &str) -> Vec<f64> {
    serde_json::from_value(golden[name].clone()).unwrap()
}

fn cube(golden: &Value, name: &str) -> Array3<f64> {
    let rows: Vec<Vec<Vec<f64>>> = serde_json::from_value(golden[name].clone()).unwrap();
    let shape = (rows.len(), rows[0].len(), rows[0][0].len());
    Array3::from_shape_vec(shape, rows.concat().concat()).unwrap()
}

fn assert_same(shap: &Attribution, values: &Array3<f64>, base_values: &[f64]) {
    assert_eq!(shap.values.dim(), values.dim());
    let apart = (&shap.values - values).fold(0.0, |most: f64, x| most.max(x.abs()));
    assert!(apart < TOLERANCE, "{} is {apart} from shap", shap.method);
    for row in shap.base_values.outer_iter() {
        assert!(row.iter().zip(base_values).all(|(a, b)| (a - b).abs() < TOLERANCE));
    }
}

fn network(golden: &Value) -> impl Model + use<> {
    let (hidden, output) = (table(golden, "hidden"), table(golden, "output"));
    let hidden_bias = Array1::from(list(golden, "hidden_bias"));
    let output_bias = Array1::from(list(golden, "output_bias"));
    Function::new(hidden.nrows(), output.ncols(), move |rows: ArrayView2<'_, f64>| {
        (rows.dot(&hidden) + &hidden_bias).mapv(f64::tanh).dot(&output) + &output_bias
    })
}

#[test]
fn owen_values_of_a_binary_tree_equal_shaps_partition_explainer() {
    let golden: Value = serde_json::from_str(include_str!("../golden/owen.json")).unwrap();
    let mut clusters: Vec<Vec<usize>> = (0..7).map(|i| vec![i]).collect();
    let mut levels = Vec::new();
    for merge in table(&golden, "tree").outer_iter() {
        let (a, b) = (merge[0] as usize, merge[1] as usize);
        let cluster = [clusters[a].as_slice(), &clusters[b]].concat();
        // Each level has all clusters so far that are in no other.
        let mut level: Vec<Vec<usize>> = levels.last().cloned().unwrap_or_default();
        level.retain(|union| !union.iter().all(|player| cluster.contains(player)));
        level.push(cluster.clone());
        levels.push(level);
        clusters.push(cluster);
    }
    let structure = Structure::levels(7, &levels).unwrap();
    let owen = Owen { structure, sampling: None };
    let players = Players::features((0..7).map(|i| format!("x{i}"))).unwrap();
    let removal = Removal::marginal(table(&golden, "background")).unwrap();
    let (run, rows) = (Run::new(0), table(&golden, "rows"));
    let network = network(&golden);
    let found = explain(&run, &owen, &network, rows.view(), &players, &removal).unwrap();
    assert_same(&found, &cube(&golden, "values"), &list(&golden, "base_values"));
}

#[test]
fn exact_and_kernel_shap_equal_shap() {
    let golden: Value = serde_json::from_str(include_str!("../golden/shapley.json")).unwrap();
    let network = network(&golden);
    let players = Players::features((0..8).map(|i| format!("x{i}"))).unwrap();
    let (background, rows) = (table(&golden, "background"), table(&golden, "rows"));
    let removal = Removal::marginal(background.clone()).unwrap();
    let weighted = Removal::weighted_marginal(background, list(&golden, "weights")).unwrap();
    let kernel = Kernel::new(256);
    for estimator in [&Exact as &dyn Estimator, &kernel] {
        let values = |removal: &Removal| {
            explain(&Run::new(0), estimator, &network, rows.view(), &players, removal).unwrap()
        };
        let base_values = list(&golden, "base_values");
        assert_same(&values(&removal), &cube(&golden, "exact"), &base_values);
        assert_same(&values(&removal), &cube(&golden, "kernel"), &base_values);
        let base_values = list(&golden, "weighted_base_values");
        assert_same(&values(&weighted), &cube(&golden, "weighted_kernel"), &base_values);
    }
}
