//! Pictures of local results.

use fi_core::Attribution;
use fi_viz::{Beeswarm, Dependence, Figure, Result, Waterfall};
use ndarray::{Array2, Array3};

use super::{names, noise};

/// Contributions of `n` features to `n_rows` rows, and the rows: the first feature's contribution
/// depends on the last; every ninth value is missing in every fifth feature.
pub(crate) fn explained(n: usize, n_rows: usize) -> (Attribution, Array2<f64>) {
    let rows = Array2::from_shape_fn((n_rows, n), |(i, j)| {
        let value = noise(i, j) + noise(i, j + 1000) + noise(i, j + 2000) - 1.5;
        match j % 5 {
            1 if i % 9 == 0 => f64::NAN,
            2 => f64::from(u8::from(value > 0.4)),
            3 => (3.0 * value).exp(),
            _ => value,
        }
    });
    let values = Array3::from_shape_fn((n_rows, 1, n), |(i, _, j)| {
        let known = |j: usize| if rows[[i, j]].is_nan() { 0.0 } else { rows[[i, j]] };
        let size = 1.0 / (j + 1) as f64;
        let value = match j % 5 {
            0 => known(j) + 1.5 * known(j) * known(n - 1),
            2 => known(j) * 0.5,
            3 => -known(j).ln_1p() * 0.4,
            _ => known(j).powi(3),
        };
        size * (value + 0.05 * (noise(i, j + 3000) - 0.5))
    });
    let base_values = Array2::from_elem((n_rows, 1), 0.25);
    (Attribution::new("SHAP", &names(n), values, base_values).unwrap(), rows)
}

pub(crate) fn figures(n: usize, n_rows: usize) -> Result<Vec<(String, Figure)>> {
    let (attribution, rows) = explained(n, n_rows);
    let beeswarm = Beeswarm::of(&attribution, 0, Some(rows.view()))?;
    let plain = Beeswarm::of(&attribution, 0, None)?;
    let waterfall = Waterfall::of(&attribution, 0, 0, Some(rows.row(0)))?;
    let dependence = Dependence::of(&attribution, 0, 0, rows.view(), None)?;
    let skewed = Dependence::of(&attribution, 0, n.min(4) - 1, rows.view(), Some(n / 2))?;
    Ok(vec![
        (format!("beeswarm-{n}-{n_rows}"), beeswarm.figure()?),
        (format!("beeswarm-plain-{n}-{n_rows}"), plain.figure()?),
        (format!("waterfall-{n}-{n_rows}"), waterfall.figure()?),
        (format!("dependence-{n}-{n_rows}"), dependence.figure()?),
        (format!("dependence-skewed-{n}-{n_rows}"), skewed.figure()?),
    ])
}
