//! The order of categories by similarity: accumulated effects need a way from one to the next.
//!
//! Two categories are close if their rows are alike in the other features. As in Apley and Zhu
//! (2020), the distance of two categories is the sum over the other features of
//!
//! ```text
//! numbers:     max over x of |Fₐ(x) − F_b(x)|          (Kolmogorov and Smirnov's)
//! categories:  ½ Σ over c of |pₐ(c) − p_b(c)|          (total variation)
//! ```
//!
//! between the distributions in the rows of `a` and of `b`, and the order is that of the first
//! coordinate of classical multidimensional scaling. The coordinate has no sign of its own: it is
//! turned so that the first category stands before the last.

use linfa_linalg::eigh::{EigSort, Eigh};
use ndarray::{Array2, Axis};

use crate::error::{Error, Result};

use super::question::Question;

/// Distances of more categories take too long, and no one looks at their curve.
const MOST_CATEGORIES: usize = 500;

/// Places of the categories in their order, given each row's category as a place in the list.
pub(super) fn by_similarity(
    question: &Question<'_>,
    n_categories: usize,
    of_row: &[usize],
) -> Result<Vec<usize>> {
    if n_categories > MOST_CATEGORIES {
        return Err(Error::Data(format!(
            "`{}` has {n_categories} categories, at most {MOST_CATEGORIES} can be ordered by \
             similarity: merge the rare ones, or take the partial dependence",
            question.name(0)
        )));
    }
    let mut distances = Array2::<f64>::zeros((n_categories, n_categories));
    let data = question.data;
    for feature in (0..data.n_features()).filter(|&j| j != question.columns[0]) {
        let categorical = data.categorical().binary_search(&feature).is_ok();
        let column: Vec<f64> =
            question.rows.iter().map(|&row| data.rows()[[row, feature]]).collect();
        add_distances(&mut distances, &column, &question.weights, of_row, categorical);
    }
    first_coordinate_order(&distances)
}

/// Adds what one other feature says; rows that miss it are left out.
fn add_distances(
    distances: &mut Array2<f64>,
    column: &[f64],
    weights: &[f64],
    of_row: &[usize],
    categorical: bool,
) {
    let n = distances.nrows();
    let mut order: Vec<usize> = (0..column.len()).filter(|&i| !column[i].is_nan()).collect();
    order.sort_by(|&a, &b| column[a].total_cmp(&column[b]));
    let mut totals = vec![0.0; n];
    for &i in &order {
        totals[of_row[i]] += weights[i];
    }
    // The share of each category's rows at or below the value reached, and at it.
    let (mut below, mut here) = (vec![0.0; n], vec![0.0; n]);
    let mut apart = Array2::<f64>::zeros((n, n));
    for same in order.chunk_by(|&a, &b| column[a] == column[b]) {
        here.fill(0.0);
        for &i in same {
            here[of_row[i]] += weights[i] / totals[of_row[i]];
        }
        below.iter_mut().zip(&here).for_each(|(below, here)| *below += here);
        let shares = if categorical { &here } else { &below };
        for a in 0..n {
            for b in a + 1..n {
                if totals[a] > 0.0 && totals[b] > 0.0 {
                    let gap = (shares[a] - shares[b]).abs();
                    let apart = &mut apart[[a, b]];
                    *apart = if categorical { *apart + gap / 2.0 } else { apart.max(gap) };
                }
            }
        }
    }
    for a in 0..n {
        for b in a + 1..n {
            distances[[a, b]] += apart[[a, b]];
            distances[[b, a]] += apart[[a, b]];
        }
    }
}

fn first_coordinate_order(distances: &Array2<f64>) -> Result<Vec<usize>> {
    let n = distances.nrows();
    let mut order: Vec<usize> = (0..n).collect();
    if n < 3 || distances.iter().all(|&distance| distance == 0.0) {
        return Ok(order);
    }
    let mut gram = distances.mapv(|distance| -0.5 * distance * distance);
    for axis in [Axis(0), Axis(1)] {
        let means = gram.sum_axis(axis) / n as f64;
        gram -= &means.insert_axis(axis);
    }
    let (_, vectors) = gram.eigh().map_err(Error::model)?.sort_eig_desc();
    let coordinate = vectors.column(0);
    let sign = if coordinate[0] <= coordinate[n - 1] { 1.0 } else { -1.0 };
    order.sort_by(|&a, &b| (sign * coordinate[a]).total_cmp(&(sign * coordinate[b])));
    Ok(order)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn distances_by_hand() {
        // Category 0 has the values 1, 2; category 1 has 2, 3; category 2 misses all.
        let column = [1.0, 2.0, 2.0, 3.0, f64::NAN];
        let of_row = [0, 0, 1, 1, 2];
        let weights = [1.0, 1.0, 1.0, 3.0, 1.0];
        let mut found = Array2::zeros((3, 3));
        add_distances(&mut found, &column, &weights, &of_row, false);
        // F₀ is ½ and 1, F₁ is 0 and ¼ at 1 and 2.
        assert_eq!(found, array![[0.0, 0.75, 0.0], [0.75, 0.0, 0.0], [0.0, 0.0, 0.0]]);
        let mut found = Array2::zeros((3, 3));
        add_distances(&mut found, &column, &weights, &of_row, true);
        // ½ (½ + ¼ + ¾).
        assert_eq!(found[[0, 1]], 0.75);
    }

    #[test]
    fn points_of_a_line_come_in_its_order() {
        let at = [0.3_f64, 0.9, 0.1, 0.5];
        let distances = Array2::from_shape_fn((4, 4), |(i, j)| (at[i] - at[j]).abs());
        assert_eq!(first_coordinate_order(&distances).unwrap(), [2, 0, 3, 1]);
        assert_eq!(first_coordinate_order(&Array2::zeros((4, 4))).unwrap(), [0, 1, 2, 3]);
    }
}
