//! Two slow definitions: the game of paths itself, and TreeSHAP as it was published.

use fi_core::shapley::Estimator as _;
use fi_core::{Game, Result, Run};
use ndarray::{Array1, Array2, Array3, ArrayView1, ArrayView2};

use super::super::program::shares;
use crate::tree::{Ensemble, Tree};

/// What an ensemble answers for a row of which only some features are known: at a split on
/// another, both branches are averaged by their covers.
pub(super) struct TreePathGame<'a> {
    pub(super) ensemble: &'a Ensemble,
    pub(super) row: ArrayView1<'a, f64>,
}

impl TreePathGame<'_> {
    pub(super) fn value(&self, known: &[bool]) -> Array1<f64> {
        let mut answer = Array1::zeros(self.ensemble.n_outputs());
        for tree in self.ensemble.trees() {
            let mut open = vec![(0, self.ensemble.scale())];
            while let Some((node, weight)) = open.pop() {
                let Some((left, right)) = tree.children(node) else {
                    let first = tree.output().unwrap_or(0);
                    for (value, output) in tree.value(node).iter().zip(first..) {
                        answer[output] += weight * value;
                    }
                    continue;
                };
                let feature = tree.feature(node);
                if known[feature] {
                    let goes_left = tree.goes_left(node, self.row[feature]);
                    open.push((if goes_left { left } else { right }, weight));
                } else {
                    let ([left_share, right_share], _) = shares(tree, node, left, right);
                    open.push((left, weight * left_share));
                    open.push((right, weight * right_share));
                }
            }
        }
        answer + ArrayView1::from(self.ensemble.base())
    }
}

impl Game for TreePathGame<'_> {
    fn n_players(&self) -> usize {
        self.ensemble.n_features()
    }

    fn n_outputs(&self) -> usize {
        self.ensemble.n_outputs()
    }

    fn values(&self, coalitions: ArrayView2<'_, bool>) -> Result<Array2<f64>> {
        let mut values = Array2::zeros((coalitions.nrows(), self.n_outputs()));
        for (coalition, mut value) in coalitions.rows().into_iter().zip(values.rows_mut()) {
            value.assign(&self.value(&coalition.to_vec()));
        }
        Ok(values)
    }
}

/// `(n_rows, n_outputs, n_features)` by all coalitions.
pub(super) fn exact(ensemble: &Ensemble, rows: ArrayView2<'_, f64>) -> Array3<f64> {
    let mut values = Array3::zeros((rows.nrows(), ensemble.n_outputs(), ensemble.n_features()));
    for (row, mut values) in rows.rows().into_iter().zip(values.outer_iter_mut()) {
        let game = TreePathGame { ensemble, row };
        let estimate = fi_core::shapley::Exact.estimate(&Run::new(0), &game).unwrap();
        values.assign(&estimate.values);
    }
    values
}

/// `(n_rows, n_outputs, n_features, n_features)`: half the Shapley interaction index off the
/// diagonal, the rest of each feature's value on it, as shap and XGBoost define it.
pub(super) fn exact_interactions(
    ensemble: &Ensemble,
    rows: ArrayView2<'_, f64>,
) -> ndarray::Array4<f64> {
    let n = ensemble.n_features();
    let phi = exact(ensemble, rows);
    let mut all = ndarray::Array4::zeros((rows.nrows(), ensemble.n_outputs(), n, n));
    let factorial = |n: usize| (1..=n).map(|i| i as f64).product::<f64>();
    for (index, row) in rows.rows().into_iter().enumerate() {
        let game = TreePathGame { ensemble, row };
        let worth: Vec<Array1<f64>> = (0..1_usize << n)
            .map(|set| game.value(&(0..n).map(|i| set >> i & 1 == 1).collect::<Vec<_>>()))
            .collect();
        for a in 0..n {
            for b in (0..n).filter(|&b| b != a) {
                let (a_bit, b_bit) = (1 << a, 1 << b);
                for set in (0..1_usize << n).filter(|set| set & (a_bit | b_bit) == 0) {
                    let size = set.count_ones() as usize;
                    let weight = factorial(size) * factorial(n - size - 2) / factorial(n - 1) / 2.0;
                    let delta =
                        &worth[set | a_bit | b_bit] - &worth[set | a_bit] - &worth[set | b_bit]
                            + &worth[set];
                    for output in 0..ensemble.n_outputs() {
                        all[[index, output, a, b]] += weight * delta[output];
                    }
                }
            }
        }
        for output in 0..ensemble.n_outputs() {
            for a in 0..n {
                let rest: f64 =
                    (0..n).filter(|&b| b != a).map(|b| all[[index, output, a, b]]).sum();
                all[[index, output, a, a]] = phi[[index, output, a]] - rest;
            }
        }
    }
    all
}

/// One feature on the path of algorithm 2.
#[derive(Debug, Clone, Copy)]
struct Element {
    feature: usize,
    zero: f64,
    one: f64,
    weight: f64,
}

/// `(n_rows, n_outputs, n_features)` by algorithm 2 of Lundberg, Erion and Lee (2018),
/// arXiv:1802.03888, for shares that add up to 1 or not.
pub(super) fn textbook(ensemble: &Ensemble, rows: ArrayView2<'_, f64>) -> Array3<f64> {
    let mut values = Array3::zeros((rows.nrows(), ensemble.n_outputs(), ensemble.n_features()));
    for (index, row) in rows.rows().into_iter().enumerate() {
        for tree in ensemble.trees() {
            descend(tree, row, 0, Vec::new(), (1.0, 1.0, usize::MAX), &mut |phi, leaf| {
                let first = tree.output().unwrap_or(0);
                for (value, output) in tree.value(leaf).iter().zip(first..) {
                    for &(feature, share) in phi {
                        values[[index, output, feature]] += ensemble.scale() * share * value;
                    }
                }
            });
        }
    }
    values
}

fn descend(
    tree: Tree<'_>,
    row: ArrayView1<'_, f64>,
    node: usize,
    mut path: Vec<Element>,
    (zero, one, feature): (f64, f64, usize),
    leaf: &mut impl FnMut(&[(usize, f64)], usize),
) {
    extend(&mut path, zero, one, feature);
    let Some((left, right)) = tree.children(node) else {
        let phi: Vec<(usize, f64)> = (1..path.len())
            .map(|i| {
                let mut without = path.clone();
                unwind(&mut without, i);
                let weight: f64 = without.iter().map(|element| element.weight).sum();
                (path[i].feature, weight * (path[i].one - path[i].zero))
            })
            .collect();
        leaf(&phi, node);
        return;
    };
    let feature = tree.feature(node);
    let ([left_share, right_share], _) = shares(tree, node, left, right);
    let goes_left = tree.goes_left(node, row[feature]);
    let (mut zero, mut one) = (1.0, 1.0);
    if let Some(place) = path.iter().skip(1).position(|element| element.feature == feature) {
        (zero, one) = (path[place + 1].zero, path[place + 1].one);
        unwind(&mut path, place + 1);
    }
    for (child, share, hot) in [(left, left_share, goes_left), (right, right_share, !goes_left)] {
        let one = if hot { one } else { 0.0 };
        descend(tree, row, child, path.clone(), (zero * share, one, feature), leaf);
    }
}

fn extend(path: &mut Vec<Element>, zero: f64, one: f64, feature: usize) {
    let l = path.len();
    path.push(Element { feature, zero, one, weight: if l == 0 { 1.0 } else { 0.0 } });
    for i in (0..l).rev() {
        path[i + 1].weight += one * path[i].weight * (i + 1) as f64 / (l + 1) as f64;
        path[i].weight = zero * path[i].weight * (l - i) as f64 / (l + 1) as f64;
    }
}

/// Takes an element out again. An element with neither fraction leaves nothing behind.
fn unwind(path: &mut Vec<Element>, at: usize) {
    let l = path.len() - 1;
    let (zero, one) = (path[at].zero, path[at].one);
    let mut next = path[l].weight;
    for i in (0..l).rev() {
        if one != 0.0 {
            let weight = path[i].weight;
            path[i].weight = next * (l + 1) as f64 / ((i + 1) as f64 * one);
            next = weight - path[i].weight * zero * (l - i) as f64 / (l + 1) as f64;
        } else if zero != 0.0 {
            path[i].weight = path[i].weight * (l + 1) as f64 / (zero * (l - i) as f64);
        } else {
            path[i].weight = 0.0;
        }
    }
    for i in at..l {
        let (feature, zero, one) = (path[i + 1].feature, path[i + 1].zero, path[i + 1].one);
        path[i] = Element { feature, zero, one, weight: path[i].weight };
    }
    path.pop();
}
