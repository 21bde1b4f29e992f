//! Which other feature goes with the spread of a feature's contributions.

use ndarray::{ArrayView1, ArrayView2};

/// With fewer rows a bin's correlations are chance.
const FEWEST_ROWS: usize = 30;
const MOST_BINS: usize = 10;
/// A feature that explains less is no partner.
const LEAST_SHARE: f64 = 0.05;

/// The feature that goes best with how `contributions` of the feature in column `feature` differ
/// among rows whose value of it is alike, and which share of that spread it explains.
///
/// ```text
/// bins    rows in the order of the feature's value, in up to 10 bins of equally many, at least 30
/// r²_b    squared correlation in bin b of contribution and candidate, after a line over the
///         feature's own value was taken from both, adjusted for chance: 1 − (1 − r²)(n − 2)/(n − 3)
/// share   Σ_b SS_b r²_b / Σ_b SS_b,  SS_b = squares of the contributions' residuals in bin b
/// ```
///
/// The candidate of the largest share is the partner, the first of equals. `None` with fewer than
/// 30 rows, if contributions are a function of the feature alone, or if no share reaches 5 %. Rows
/// that miss the feature are left out; a candidate's missing values count as its mean.
///
/// # Cost
///
/// Rows times features.
///
/// # When it misleads
///
/// A candidate whose influence changes its sign within a bin, or that only stands in for the one
/// that interacts, is judged by its straight line. It is a hint for a picture's colours and no test
/// of an interaction.
///
/// # Panics
///
/// If there are not as many contributions as rows, or there is no column `feature`.
pub fn interaction_partner(
    contributions: ArrayView1<'_, f64>,
    rows: ArrayView2<'_, f64>,
    feature: usize,
) -> Option<(usize, f64)> {
    assert_eq!(contributions.len(), rows.nrows(), "one contribution per row");
    let own = rows.column(feature);
    let mut order: Vec<usize> = (0..own.len()).filter(|&row| !own[row].is_nan()).collect();
    order.sort_by(|&a, &b| own[a].total_cmp(&own[b]));
    let n_bins = (order.len() / FEWEST_ROWS).min(MOST_BINS);
    let mut spread = 0.0;
    let mut explained = vec![0.0; rows.ncols()];
    for bin in 0..n_bins {
        let members = &order[bin * order.len() / n_bins..(bin + 1) * order.len() / n_bins];
        let x = centred(members.iter().map(|&row| own[row]));
        let y = without(&centred(members.iter().map(|&row| contributions[row])), &x);
        let size = dot(&y, &y);
        // What is left by rounding alone is no spread.
        let scale = members.iter().map(|&row| contributions[row].powi(2)).sum::<f64>();
        if size <= 1e-20 * scale {
            continue;
        }
        spread += size;
        for (candidate, column) in rows.columns().into_iter().enumerate() {
            if candidate == feature {
                continue;
            }
            let plain = centred(members.iter().map(|&row| column[row]));
            let residual = without(&plain, &x);
            let own_size = dot(&residual, &residual);
            // A copy of the feature has nothing of its own.
            if own_size > 1e-12 * dot(&plain, &plain) {
                let r2 = dot(&residual, &y).powi(2) / (own_size * size);
                let n = members.len() as f64;
                explained[candidate] += size * (1.0 - (1.0 - r2) * (n - 2.0) / (n - 3.0));
            }
        }
    }
    let mut best: Option<(usize, f64)> = None;
    for (candidate, explained) in explained.into_iter().enumerate() {
        let share = explained / spread;
        if share >= LEAST_SHARE && best.is_none_or(|(_, other)| share > other) {
            best = Some((candidate, share));
        }
    }
    best
}

/// Less their mean; NaN becomes the mean.
fn centred(values: impl Iterator<Item = f64> + Clone) -> Vec<f64> {
    let known = values.clone().filter(|value| !value.is_nan());
    let mean = known.clone().sum::<f64>() / known.count() as f64;
    values.map(|value| if value.is_nan() { 0.0 } else { value - mean }).collect()
}

/// Centred `y` less its line over centred `x`.
fn without(y: &[f64], x: &[f64]) -> Vec<f64> {
    let size = dot(x, x);
    let slope = if size > 0.0 { dot(x, y) / size } else { 0.0 };
    y.iter().zip(x).map(|(y, x)| y - slope * x).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use fi_core::Run;
    use ndarray::{Array1, Array2};

    fn rows(n: usize) -> Array2<f64> {
        let mut rng = Run::new(5).rng(0);
        Array2::from_shape_simple_fn((n, 4), || rng.normal())
    }

    #[test]
    fn the_partner_of_a_product_is_found() {
        let mut rows = rows(500);
        // Column 3 goes with the feature, and would win if its line were not taken out.
        let copy = &rows.column(0) * 3.0 + &rows.column(3) * 0.1;
        rows.column_mut(3).assign(&copy);
        let product = &rows.column(0) * &rows.column(2) + rows.column(0).mapv(|x| x.powi(3));
        let (partner, share) = interaction_partner(product.view(), rows.view(), 0).unwrap();
        assert_eq!(partner, 2);
        assert!((0.5..=1.0).contains(&share), "{share}");
        // Missing values of the partner, or of the feature, do not hide it.
        rows[[3, 2]] = f64::NAN;
        rows[[4, 0]] = f64::NAN;
        assert_eq!(interaction_partner(product.view(), rows.view(), 0).unwrap().0, 2);
    }

    #[test]
    fn nothing_goes_with_what_has_no_spread() {
        let rows = rows(300);
        let line = &rows.column(0) * 2.0;
        assert_eq!(interaction_partner(line.view(), rows.view(), 0), None);
        let constant = Array1::from_elem(300, 0.7);
        assert_eq!(interaction_partner(constant.view(), rows.view(), 0), None);
        // Noise belongs to nobody, and 29 rows say nothing.
        let mut rng = Run::new(6).rng(0);
        let noise = Array1::from_shape_simple_fn(300, || rng.normal());
        assert_eq!(interaction_partner(noise.view(), rows.view(), 0), None);
        let few = rows.slice_move(ndarray::s![..29, ..]);
        let product = &few.column(0) * &few.column(2);
        assert_eq!(interaction_partner(product.view(), few.view(), 0), None);
    }
}
