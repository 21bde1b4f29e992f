//! Which features go together, so that their scores are read together.

use fi_core::agreement::Agreement;
use fi_core::{Hierarchy, Linkage, Run};
use ndarray::{Array2, Axis};

use crate::error::Result;
use crate::model::View;
use crate::report::drawn;

/// More features make names that nobody reads.
const MOST_FEATURES: usize = 30;
const MOST_ROWS: usize = 2000;
/// Fewer common rows say nothing about a correlation.
const FEWEST_ROWS: usize = 30;
/// The stream that rows are drawn from.
const STREAM: u64 = 0x7265_706f_7274_0004;

/// Spearman's ρ between features, neighbours in the picture being alike.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Correlation {
    /// The features' names, in the order of a hierarchical clustering.
    pub names: Vec<String>,
    /// Their rank correlations; NaN where one has a single value.
    pub values: Array2<f64>,
}

pub(crate) fn correlation(
    run: &Run<'_>,
    view: &View<'_, '_>,
    top: &[usize],
    notes: &mut Vec<String>,
) -> Result<Option<Correlation>> {
    let n_rows = view.rows.nrows();
    if n_rows < FEWEST_ROWS || view.is_sequence || view.names.len() < 2 {
        return Ok(None);
    }
    let shown = &top[..top.len().min(MOST_FEATURES)];
    let rows = drawn(run, STREAM, n_rows, MOST_ROWS);
    if n_rows > MOST_ROWS {
        notes.push(format!("Correlations are of {MOST_ROWS} rows, drawn from {n_rows}."));
    }
    let table = view.rows.select(Axis(0), &rows);
    let n = shown.len();
    let mut values = Array2::from_elem((n, n), f64::NAN);
    for i in 0..n {
        for j in i..n {
            let (a, b): (Vec<f64>, Vec<f64>) = table
                .column(shown[i])
                .iter()
                .zip(table.column(shown[j]))
                .filter(|(a, b)| a.is_finite() && b.is_finite())
                .map(|(&a, &b)| (a, b))
                .unzip();
            let rho =
                if a.len() < FEWEST_ROWS { None } else { Agreement::Spearman.between(&a, &b)? };
            values[[i, j]] = rho.unwrap_or(f64::NAN);
            values[[j, i]] = values[[i, j]];
        }
    }
    let distance = |i: usize, j: usize| {
        let rho: f64 = values[[i, j]];
        if i == j { 0.0 } else { 1.0 - if rho.is_nan() { 0.0 } else { rho.abs().min(1.0) } }
    };
    let distances = Array2::from_shape_fn((n, n), |(i, j)| distance(i, j));
    let names: Vec<String> = shown.iter().map(|&feature| view.names[feature].clone()).collect();
    let order = Hierarchy::of_distances(&names, distances.view(), Linkage::Average)?.leaves();
    Ok(Some(Correlation {
        names: order.iter().map(|&i| names[i].clone()).collect(),
        values: Array2::from_shape_fn((n, n), |(i, j)| values[[order[i], order[j]]]),
    }))
}
