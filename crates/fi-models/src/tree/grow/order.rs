//! An order of categories for several classes.
//!
//! With two classes the best two sets of categories are two ends of one order (Breiman and
//! others 1984, Fisher 1958). With more there is no such order; Coppersmith, Hong and Hosking
//! (1999) order the categories along the first principal component of their class shares, which
//! Wright and König (2019) found as good as trying every pair of sets.
//! <https://doi.org/10.1023/A:1009869804967>, <https://doi.org/10.7717/peerj.6339>

/// Enough for the ordering: the component is only asked which way it points.
const POWER_STEPS: usize = 100;

/// The categories in the order of the first principal component of their class shares, weighted
/// by their weights; `weights` holds `n_classes` numbers per category.
pub(super) fn by_first_component(weights: &[f64], n_classes: usize) -> Vec<usize> {
    let categories = || weights.chunks_exact(n_classes);
    let total: f64 = weights.iter().sum();
    let mean: Vec<f64> = (0..n_classes)
        .map(|class| categories().map(|counts| counts[class]).sum::<f64>() / total)
        .collect();
    // Each category's shares from the mean share.
    let centred: Vec<f64> = categories()
        .flat_map(|counts| {
            let sum: f64 = counts.iter().sum();
            counts.iter().zip(&mean).map(move |(count, mean)| count / sum - mean)
        })
        .collect();
    let mut covariance = vec![0.0; n_classes * n_classes];
    for (shares, counts) in centred.chunks_exact(n_classes).zip(categories()) {
        let weight = counts.iter().sum::<f64>() / total;
        for (row, a) in covariance.chunks_exact_mut(n_classes).zip(shares) {
            row.iter_mut().zip(shares).for_each(|(cell, b)| *cell += weight * a * b);
        }
    }
    let component = first_component(&covariance, n_classes);
    let scores: Vec<f64> =
        centred.chunks_exact(n_classes).map(|shares| dot(shares, &component)).collect();
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]).then(a.cmp(&b)));
    order
}

/// The eigenvector of the largest eigenvalue, by the power method.
fn first_component(matrix: &[f64], n: usize) -> Vec<f64> {
    // The longest column is not at right angles to the component unless all are 0.
    let row = |i: usize| &matrix[i * n..(i + 1) * n];
    let length = |i: usize| dot(row(i), row(i));
    let longest = (1..n).fold(0, |best, i| if length(i) > length(best) { i } else { best });
    let mut vector = row(longest).to_vec();
    for _ in 0..POWER_STEPS {
        let norm = dot(&vector, &vector).sqrt();
        if norm <= 0.0 {
            break;
        }
        for x in &mut vector {
            *x /= norm;
        }
        vector = (0..n).map(|i| dot(row(i), &vector)).collect();
    }
    vector
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn categories_line_up_along_the_direction_they_differ_in_most() {
        // Shares of class 0 fall from 0.9 to 0.1, those of class 2 hardly change.
        let weights = [5.0, 4.0, 1.0, 0.9, 0.0, 0.1, 1.0, 8.0, 1.0, 14.0, 4.0, 2.0];
        let order = by_first_component(&weights, 3);
        assert!(order == [2, 0, 3, 1] || order == [1, 3, 0, 2], "{order:?}");
        // Two classes: the order of their shares.
        let order = by_first_component(&[1.0, 9.0, 3.0, 1.0, 1.0, 1.0], 2);
        assert!(order == [0, 2, 1] || order == [1, 2, 0], "{order:?}");
        assert_eq!(by_first_component(&[1.0, 1.0, 2.0, 2.0], 2), [0, 1]);
    }
}
