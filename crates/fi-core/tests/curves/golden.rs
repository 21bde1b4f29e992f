//! Numbers of scikit-learn 1.9 and PyALE 1.2, made by `xtask/golden/curves.py`.

use fi_core::{AccumulatedLocalEffects, Dataset, Function, Grid, Model, PartialDependence, Run};
use ndarray::{Array2, ArrayView2, Axis};
use serde_json::Value;

use crate::{assert_close, table};

fn golden() -> Value {
    serde_json::from_str(include_str!("../golden/curves.json")).unwrap()
}

/// All numbers of nested lists, in order.
fn numbers(value: &Value) -> Vec<f64> {
    match value.as_array() {
        Some(values) => values.iter().flat_map(numbers).collect(),
        None => vec![value.as_f64().unwrap()],
    }
}

fn data(golden: &Value) -> Dataset {
    let rows = numbers(&golden["rows"]);
    table(Array2::from_shape_vec((rows.len() / 5, 5), rows).unwrap()).with_categorical([4]).unwrap()
}

/// The formula of `curves.py`.
fn formula() -> impl Model {
    Function::new(5, 2, |rows: ArrayView2<'_, f64>| {
        Array2::from_shape_fn((rows.nrows(), 2), |(i, output)| {
            let [a, b, c, d, kind] = [0, 1, 2, 3, 4].map(|j| rows[[i, j]]);
            if output == 0 {
                let slope = [0.5, -1.0, 2.0, 0.25][kind as usize];
                let step = if d > 0.25 { 1.0 } else { 0.0 };
                a * a + 2.0 * a * b - c.sin() * b + step + slope * c
            } else {
                (0.3 * a).exp() - b * c * d + 3.0 * kind
            }
        })
    })
}

fn features(case: &Value) -> Vec<usize> {
    numbers(&case["features"]).into_iter().map(|x| x as usize).collect()
}

#[test]
fn partial_dependence_and_ice_are_those_of_scikit_learn() {
    let golden = golden();
    let (plain, model, run) = (data(&golden), formula(), Run::new(0));
    let weighted = plain.clone().with_weights(numbers(&golden["weights"])).unwrap();
    let cases = golden["partial_dependence"].as_array().unwrap();
    assert_eq!(cases.len(), 5);
    for case in cases {
        let grid = Grid::Uniform(case["n"].as_u64().unwrap() as usize);
        let data = if case["weighted"].as_bool().unwrap() { &weighted } else { &plain };
        let dependence =
            PartialDependence { grid, lines: 60, batch_rows: 64, ..Default::default() };
        let average = numbers(&case["average"]);
        match *features(case) {
            [feature] => {
                let curve = dependence.curve(&run, &model, data, feature).unwrap();
                assert_close(&curve.grid, &numbers(&case["grid"]), 1e-12);
                assert_close(curve.values.t(), &average, 1e-10);
                if case["individual"].is_array() {
                    let lines = curve.lines.unwrap();
                    assert_eq!(lines.rows, (0..60).collect::<Vec<_>>());
                    let first = lines.values.slice(ndarray::s![..12, .., ..]);
                    let by_output = first.permuted_axes([2, 0, 1]);
                    assert_close(by_output, &numbers(&case["individual"]), 1e-10);
                }
            }
            [a, b] => {
                let surface = dependence.surface(&run, &model, data, [a, b]).unwrap();
                assert_close(surface.grids.concat().iter(), &numbers(&case["grid"]), 1e-12);
                assert_close(&surface.values.permuted_axes([2, 0, 1]), &average, 1e-10);
            }
            _ => unreachable!(),
        }
    }
}

#[test]
fn accumulated_local_effects_are_those_of_pyale() {
    let golden = golden();
    let (data, model, run) = (data(&golden), formula(), Run::new(0));
    let cases = golden["ale"].as_array().unwrap();
    assert_eq!(cases.len(), 5);
    for case in cases {
        let edges = case["grid"].as_array().unwrap().iter().map(numbers).collect::<Vec<_>>();
        // Both grids' edges: those of the other feature are left out again where they differ.
        let ale = |edges: &[f64]| AccumulatedLocalEffects {
            grid: Grid::Values(edges.to_vec()),
            ..Default::default()
        };
        let values = numbers(&case["values"]);
        match *features(case) {
            [feature] => {
                let curve = ale(&edges[0]).curve(&run, &model, &data, feature).unwrap();
                assert_eq!(curve.grid, edges[0]);
                assert_close(curve.values.column(0), &values, 1e-10);
            }
            [a, b] => {
                // One grid serves both features, so the second is rescaled to use the first's.
                let surface = second_order(&edges, &data, &model, [a, b], &run);
                assert_close(surface.index_axis(Axis(2), 0), &values, 1e-10);
            }
            _ => unreachable!(),
        }
    }
}

/// The golden edges of two features as one list of values: each feature is moved into a range of
/// its own by a power of two, and the model moves it back.
fn second_order(
    edges: &[Vec<f64>],
    data: &Dataset,
    model: &dyn Model,
    pair: [usize; 2],
    run: &Run<'_>,
) -> ndarray::Array3<f64> {
    const AWAY: f64 = 1024.0;
    let mut rows = data.rows().to_owned();
    rows.column_mut(pair[1]).mapv_inplace(|x| x + AWAY);
    let moved = table(rows).with_categorical([4]).unwrap();
    let back = Function::new(5, 2, |rows: ArrayView2<'_, f64>| {
        let mut rows = rows.to_owned();
        rows.column_mut(pair[1]).mapv_inplace(|x| x - AWAY);
        model.predict(rows.view()).unwrap()
    });
    let both = edges[0].iter().copied().chain(edges[1].iter().map(|x| x + AWAY)).collect();
    let ale = AccumulatedLocalEffects { grid: Grid::Values(both), ..Default::default() };
    let surface = ale.surface(run, &back, &moved, pair).unwrap();
    assert_eq!(surface.grids[0], edges[0]);
    assert_eq!(surface.grids[1].len(), edges[1].len());
    surface.values
}

#[test]
fn categories_stand_in_the_order_of_pyale_and_have_its_effects() {
    let golden = golden();
    let kinds = &golden["ale_kinds"];
    let ale = AccumulatedLocalEffects::default();
    let curve = ale.curve(&Run::new(0), &formula(), &data(&golden), 4).unwrap();
    assert!(curve.categorical && curve.band.is_some());
    assert_eq!(curve.grid, numbers(&kinds["order"]));
    assert_close(curve.values.column(0), &numbers(&kinds["values"]), 1e-10);
}
