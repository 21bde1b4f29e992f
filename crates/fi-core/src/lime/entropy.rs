//! Bins that tell classes apart: a small tree of one column.

use crate::dataset::{Dataset, Target};

/// How often a bin may be cut, and its parts again: at most 2³ bins.
const MAX_DEPTH: usize = 3;

/// A row's value, weight and class.
type Row = (f64, f64, usize);

/// Where the bins of `feature` end: the splits of a tree that cuts, 3 levels deep, where the
/// weighted sum of the parts' entropies is smallest,
///
/// ```text
/// H = − Σ over classes c of  p_c log₂ p_c
/// ```
///
/// midway between two values, the first cut of equal ones. A part is cut as long as it has two
/// classes and two values, whatever that gains. Missing values take no part. Without any cut, and for
/// targets that are no classes, there is none.
pub(super) fn borders(data: &Dataset, feature: usize) -> Vec<f64> {
    let Target::Classes { labels, names } = data.target() else { return Vec::new() };
    let column = data.rows().column(feature).to_vec().into_iter().zip(labels).enumerate();
    let weight = |row: usize| data.weights().map_or(1.0, |weights| weights[row]);
    let mut rows: Vec<Row> =
        column.map(|(row, (value, &class))| (value, weight(row), class)).collect();
    rows.retain(|(value, ..)| !value.is_nan());
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut borders = Vec::new();
    cut(&rows, names.len(), MAX_DEPTH, &mut borders);
    borders.sort_by(f64::total_cmp);
    borders
}

fn cut(rows: &[Row], n_classes: usize, depth: usize, borders: &mut Vec<f64>) {
    let mut all = vec![0.0; n_classes];
    for (_, weight, class) in rows {
        all[*class] += weight;
    }
    let is_pure = all.iter().filter(|&&weight| weight > 0.0).count() < 2;
    if depth == 0 || is_pure {
        return;
    }
    let mut left = vec![0.0; n_classes];
    let mut best: Option<(f64, usize)> = None;
    for (place, pair) in rows.windows(2).enumerate() {
        let (_, weight, class) = pair[0];
        left[class] += weight;
        if pair[0].0 == pair[1].0 {
            continue;
        }
        let right: Vec<f64> = all.iter().zip(&left).map(|(all, left)| all - left).collect();
        let disorder = entropy(&right) + entropy(&left);
        if best.is_none_or(|(least, _)| disorder < least) {
            best = Some((disorder, place + 1));
        }
    }
    let Some((_, place)) = best else { return };
    let (low, high) = (rows[place - 1].0, rows[place].0);
    let middle = low / 2.0 + high / 2.0;
    // Neighbours in floating point have nothing between them.
    borders.push(if middle < high { middle } else { low });
    cut(&rows[..place], n_classes, depth - 1, borders);
    cut(&rows[place..], n_classes, depth - 1, borders);
}

/// The entropy of these weights of classes, times their sum.
fn entropy(weights: &[f64]) -> f64 {
    let sum: f64 = weights.iter().sum();
    let shares = weights.iter().filter(|&&weight| weight > 0.0).map(|weight| weight / sum);
    -sum * shares.map(|p| p * p.log2()).sum::<f64>()
}
