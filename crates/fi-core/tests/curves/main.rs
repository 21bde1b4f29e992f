//! Partial dependence, ICE and accumulated local effects: golden numbers of other libraries, closed
//! forms, what must hold for every model, intervals, and bad input.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod closed_form;
mod errors;
mod golden;
mod properties;

use fi_core::{Dataset, Function, Model, Rng, Target};
use ndarray::{Array2, ArrayView1, ArrayView2};

/// Data whose target plays no part.
pub(crate) fn table(rows: Array2<f64>) -> Dataset {
    let n = rows.nrows();
    Dataset::new(rows, Target::Values(vec![0.0; n])).unwrap()
}

/// A model of one output, row by row.
pub(crate) fn function(
    n_features: usize,
    f: impl Fn(ArrayView1<'_, f64>) -> f64 + Send + Sync,
) -> impl Model {
    Function::new(n_features, 1, move |rows: ArrayView2<'_, f64>| {
        Array2::from_shape_fn((rows.nrows(), 1), |(i, _)| f(rows.row(i)))
    })
}

/// Two standard normal columns with this correlation.
pub(crate) fn correlated(seed: u64, n: usize, rho: f64) -> Dataset {
    let mut rng = Rng::new(seed, 0);
    let mut rows = Array2::zeros((n, 2));
    for mut row in rows.rows_mut() {
        let (a, b) = (rng.normal(), rng.normal());
        row[0] = a;
        row[1] = rho * a + (1.0 - rho * rho).sqrt() * b;
    }
    table(rows)
}

#[track_caller]
pub(crate) fn assert_close<'a>(
    got: impl IntoIterator<Item = &'a f64>,
    expected: impl IntoIterator<Item = &'a f64>,
    tolerance: f64,
) {
    let (got, expected): (Vec<_>, Vec<_>) =
        (got.into_iter().collect(), expected.into_iter().collect());
    assert_eq!(got.len(), expected.len());
    let close = |(a, b): (&&f64, &&f64)| (*a - *b).abs() <= tolerance * b.abs().max(1.0);
    assert!(got.iter().zip(&expected).all(close), "{got:?} is not {expected:?}");
}
