//! Boosting the plain way: every split of every leaf by direct sums over its rows.

use fi_core::{Dataset, Run};
use ndarray::Axis;
use proptest::prelude::*;

use super::super::super::{Ensemble, Test, Tree};
use super::super::{GradientBoosting, Loss};
use super::{drawn, fit, unweighted, with_target};

/// How a node divides rows.
#[derive(Debug, Clone, PartialEq)]
enum Cut {
    Threshold { threshold: f64, missing_left: bool },
    Categories(Vec<u32>),
}

impl Cut {
    fn sends_left(&self, x: f64) -> bool {
        match self {
            Self::Threshold { missing_left, .. } if x.is_nan() => *missing_left,
            Self::Threshold { threshold, .. } => x <= *threshold,
            Self::Categories(left) => left.iter().any(|&category| f64::from(category) == x),
        }
    }
}

#[derive(Debug, Clone)]
struct Node {
    rows: Vec<usize>,
    split: Option<(usize, Cut, f64)>,
    children: Option<(usize, usize)>,
}

struct Oracle<'a> {
    settings: &'a GradientBoosting,
    data: &'a Dataset,
    gradients: Vec<[f64; 2]>,
}

impl Oracle<'_> {
    fn sums(&self, rows: &[usize]) -> [f64; 2] {
        rows.iter().fold([0.0; 2], |sum, &row| {
            [sum[0] + self.gradients[row][0], sum[1] + self.gradients[row][1]]
        })
    }

    fn score(&self, rows: &[usize]) -> f64 {
        let [g, h] = self.sums(rows);
        g * g / (h + self.settings.l2_regularization)
    }

    fn gain(&self, rows: &[usize], feature: usize, cut: &Cut) -> Option<f64> {
        let x = |row: usize| self.data.rows()[[row, feature]];
        let (left, right): (Vec<usize>, Vec<usize>) =
            rows.iter().partition(|&&row| cut.sends_left(x(row)));
        let enough = |rows: &[usize]| {
            rows.len() >= self.settings.min_samples_leaf
                && self.sums(rows)[1] >= self.settings.min_sum_hessian
        };
        if !enough(&left) || !enough(&right) {
            return None;
        }
        let sides = self.score(&left) + self.score(&right);
        let gain = sides - self.score(rows);
        (gain > self.settings.min_gain_to_split && gain > 1e-12 * sides).then_some(gain)
    }

    fn cuts(&self, rows: &[usize], feature: usize) -> Vec<Cut> {
        let column = self.data.rows().index_axis(Axis(1), feature).to_vec();
        let has_missing = rows.iter().any(|&row| column[row].is_nan());
        if self.data.categorical().contains(&feature) {
            return self.category_cuts(rows, &column);
        }
        let mut distinct: Vec<f64> = column.iter().copied().filter(|x| !x.is_nan()).collect();
        distinct.sort_by(f64::total_cmp);
        distinct.dedup();
        let thresholds = distinct.windows(2).map(|pair| pair[0] / 2.0 + pair[1] / 2.0);
        let thresholds: Vec<f64> = thresholds.collect();
        let cut =
            |missing_left: bool| move |&threshold: &f64| Cut::Threshold { threshold, missing_left };
        let mut cuts: Vec<Cut> = thresholds.iter().map(cut(false)).collect();
        if has_missing {
            cuts.push(cut(false)(&f64::INFINITY));
            // A threshold below all numbers would part the rows as the cut above does.
            let smallest = rows.iter().map(|&row| column[row]).fold(f64::INFINITY, f64::min);
            cuts.extend(thresholds.iter().filter(|&&x| x >= smallest).map(cut(true)));
        } else {
            for cut in &mut cuts {
                let n_left = rows.iter().filter(|&&row| cut.sends_left(column[row])).count();
                if let Cut::Threshold { missing_left, .. } = cut {
                    *missing_left = 2 * n_left > rows.len();
                }
            }
        }
        cuts
    }

    fn category_cuts(&self, rows: &[usize], column: &[f64]) -> Vec<Cut> {
        // Missing is one more category, behind all others.
        let key = |row: usize| if column[row].is_nan() { u32::MAX } else { column[row] as u32 };
        let mut categories: Vec<u32> = rows.iter().map(|&row| key(row)).collect();
        categories.sort_unstable();
        categories.dedup();
        let of = |category: u32| -> Vec<usize> {
            rows.iter().copied().filter(|&row| key(row) == category).collect()
        };
        let order = |category: &u32| {
            let [g, h] = self.sums(&of(*category));
            g / (h + self.settings.cat_smooth)
        };
        categories.sort_by(|a, b| order(a).total_cmp(&order(b)));
        let cut = |end: usize| {
            let (low, high) = categories.split_at(end);
            let n_low: usize = low.iter().map(|&category| of(category).len()).sum();
            let low_is_right =
                low.contains(&u32::MAX) || (!high.contains(&u32::MAX) && 2 * n_low > rows.len());
            let mut left = if low_is_right { high.to_vec() } else { low.to_vec() };
            left.sort_unstable();
            Cut::Categories(left)
        };
        (1..categories.len()).map(cut).collect()
    }

    fn best(&self, rows: &[usize]) -> Option<(usize, Cut, f64)> {
        let mut best: Option<(usize, Cut, f64)> = None;
        for feature in 0..self.data.n_features() {
            for cut in self.cuts(rows, feature) {
                let Some(gain) = self.gain(rows, feature, &cut) else { continue };
                // Equal parts of the rows must tie whatever their sums round to.
                if best.as_ref().is_none_or(|best| gain > best.2 * (1.0 + 1e-13)) {
                    best = Some((feature, cut, gain));
                }
            }
        }
        best
    }

    fn grow(&self) -> Vec<Node> {
        let rows: Vec<usize> = (0..self.data.n_rows()).collect();
        let split = self.best(&rows);
        let mut nodes = vec![Node { rows, split, children: None }];
        let most = self.settings.max_leaf_nodes.unwrap();
        while nodes.len().div_ceil(2) < most {
            let open =
                |node: &usize| nodes[*node].children.is_none() && nodes[*node].split.is_some();
            let gain = |node: usize| nodes[node].split.as_ref().unwrap().2;
            let candidates = (0..nodes.len()).filter(open);
            let Some(parent) = candidates.reduce(|a, b| if gain(b) > gain(a) { b } else { a })
            else {
                break;
            };
            let (feature, cut, _) = nodes[parent].split.clone().unwrap();
            let x = |row: usize| self.data.rows()[[row, feature]];
            let (left, right): (Vec<usize>, Vec<usize>) =
                nodes[parent].rows.iter().partition(|&&row| cut.sends_left(x(row)));
            nodes[parent].children = Some((nodes.len(), nodes.len() + 1));
            for rows in [left, right] {
                let split = self.best(&rows);
                nodes.push(Node { rows, split, children: None });
            }
        }
        nodes
    }

    fn value(&self, rows: &[usize]) -> f64 {
        let [g, h] = self.sums(rows);
        // Of a root alone: it takes no step on less than any leaf must have.
        if h < self.settings.min_sum_hessian {
            return 0.0;
        }
        -self.settings.learning_rate * g / (h + self.settings.l2_regularization)
    }
}

/// Gradients by the textbook's formulas.
fn gradients(loss: Loss, data: &Dataset, raw: &[Vec<f64>], output: usize) -> Vec<[f64; 2]> {
    let weight = |row: usize| data.weights().map_or(1.0, |weights| weights[row]);
    let pair = |row: usize| {
        let z = raw[row][output];
        let y = data.target().values().map_or(0.0, |values| values[row]);
        match loss {
            Loss::LogLoss if raw[row].len() == 1 => {
                let p = 1.0 / (1.0 + (-z).exp());
                [p - data.target().labels().unwrap()[row] as f64, p * (1.0 - p)]
            }
            Loss::LogLoss => {
                let k = raw[row].len() as f64;
                let p = z.exp() / raw[row].iter().map(|z| z.exp()).sum::<f64>();
                let is = data.target().labels().unwrap()[row] == output;
                [p - f64::from(u8::from(is)), k / (k - 1.0) * p * (1.0 - p)]
            }
            Loss::Poisson => [z.exp() - y, z.exp()],
            Loss::Gamma => [1.0 - y / z.exp(), y / z.exp()],
            Loss::Huber { delta } if (z - y).abs() > delta => [delta * (z - y).signum(), 1.0],
            _ => [z - y, 1.0],
        }
    };
    (0..data.n_rows()).map(|row| pair(row).map(|x| x * weight(row))).collect()
}

fn close(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance * (1.0 + a.abs().max(b.abs()))
}

fn compare(tree: Tree<'_>, nodes: &[Node], oracle: &Oracle<'_>) {
    assert_eq!(tree.n_nodes(), nodes.len());
    for (index, node) in nodes.iter().enumerate() {
        assert_eq!(tree.children(index), node.children, "node {index}");
        assert!(close(tree.value(index)[0], oracle.value(&node.rows), 1e-7), "node {index}");
        let cover: f64 = match oracle.data.weights() {
            None => node.rows.len() as f64,
            Some(weights) => node.rows.iter().map(|&row| weights[row]).sum(),
        };
        assert!(close(tree.cover(index), cover, 1e-12));
        let (Some((feature, cut, gain)), true) = (&node.split, node.children.is_some()) else {
            continue;
        };
        assert_eq!(tree.feature(index), *feature, "node {index}: {cut:?}");
        assert!(close(tree.gain(index), *gain, 1e-6), "{} {gain}", tree.gain(index));
        match (tree.test(index), cut) {
            (Test::Threshold(a), Cut::Threshold { threshold, missing_left }) => {
                assert_eq!((a, tree.missing_left(index)), (*threshold, *missing_left));
            }
            (Test::Categories(set), Cut::Categories(left)) => {
                assert_eq!(set.iter().collect::<Vec<_>>(), *left);
                assert!(!tree.missing_left(index));
            }
            (test, cut) => panic!("{test:?} {cut:?}"),
        }
    }
}

/// Compares every tree with the oracle's, from the raw predictions of the trees before it.
fn check(settings: &GradientBoosting, data: &Dataset) {
    let trees = fit(settings, data);
    let ensemble: &Ensemble = trees.ensemble();
    let n_outputs = ensemble.n_outputs();
    let mut raw = vec![ensemble.base().to_vec(); data.n_rows()];
    for round in 0..ensemble.n_trees() / n_outputs {
        let before = raw.clone();
        for output in 0..n_outputs {
            let gradients = gradients(settings.loss, data, &before, output);
            let oracle = Oracle { settings, data, gradients };
            let tree = ensemble.tree(round * n_outputs + output);
            assert_eq!(tree.output(), Some(output));
            compare(tree, &oracle.grow(), &oracle);
            let answers = ensemble.predict_tree(tree.index(), data.rows()).unwrap();
            (0..data.n_rows()).for_each(|row| raw[row][output] += answers[[row, output]]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn trees_are_those_of_the_plain_way(
        seed in 0_u64..10_000,
        n_rows in 12_usize..80,
        loss in prop_oneof![
            Just(Loss::SquaredError),
            Just(Loss::Huber { delta: 0.5 }),
            Just(Loss::Poisson),
            Just(Loss::Gamma),
            Just(Loss::LogLoss)
        ],
        n_classes in 2_usize..4,
        l2 in prop_oneof![Just(0.0), Just(1.5)],
    ) {
        let settings = GradientBoosting {
            loss,
            n_estimators: 3,
            max_leaf_nodes: Some(6),
            min_samples_leaf: 3,
            // No leaf of next to no Hessian, whose step would leave every scale behind.
            min_sum_hessian: 0.5,
            l2_regularization: l2,
            cat_smooth: 1.0,
            ..GradientBoosting::default()
        };
        check(&settings, &with_target(&drawn(seed, n_rows), loss, n_classes));
    }

    #[test]
    fn trees_without_weights_are_those_of_the_plain_way(seed in 0_u64..10_000, n_rows in 5_usize..80) {
        let settings = GradientBoosting {
            n_estimators: 3,
            max_leaf_nodes: Some(8),
            min_samples_leaf: 2,
            ..GradientBoosting::default()
        };
        check(&settings, &unweighted(&drawn(seed, n_rows)));
    }

    #[test]
    fn no_set_of_categories_gains_more(seed in 0_u64..10_000, n_rows in 8_usize..60) {
        let data = drawn(seed, n_rows).select_features(&[3]);
        let settings = GradientBoosting {
            n_estimators: 1,
            max_leaf_nodes: Some(2),
            min_samples_leaf: 1,
            min_sum_hessian: 1e-9,
            cat_smooth: 0.0,
            ..GradientBoosting::default()
        };
        let trees = fit(&settings, &data);
        let raw = vec![trees.ensemble().base().to_vec(); n_rows];
        let gradients = gradients(Loss::SquaredError, &data, &raw, 0);
        let oracle = Oracle { settings: &settings, data: &data, gradients };
        let rows: Vec<usize> = (0..n_rows).collect();
        let all = (1_u32..64).map(|set| (0..6).filter(|k| set >> k & 1 == 1).collect());
        let gains = all.filter_map(|set| oracle.gain(&rows, 0, &Cut::Categories(set)));
        let best = gains.fold(0.0, f64::max);
        let tree = trees.ensemble().tree(0);
        let gain = if tree.n_nodes() > 1 { tree.gain(0) } else { 0.0 };
        prop_assert!(close(gain, best, 1e-7), "{gain} {best}");
    }
}

#[test]
fn a_cut_between_missing_and_other_values_sends_the_missing_right() {
    // A threshold below a node's numbers parts its rows alike, and its gain once rounded higher.
    let settings = GradientBoosting {
        loss: Loss::LogLoss,
        n_estimators: 3,
        max_leaf_nodes: Some(6),
        min_samples_leaf: 3,
        min_sum_hessian: 0.5,
        l2_regularization: 1.5,
        cat_smooth: 1.0,
        ..GradientBoosting::default()
    };
    check(&settings, &with_target(&drawn(7684, 70), Loss::LogLoss, 2));
}

#[test]
fn four_rows_by_hand() {
    // The oracle itself: by hand on four rows.
    let rows = ndarray::array![[1.0], [2.0], [3.0], [4.0]];
    let data = Dataset::new(rows, fi_core::Target::Values(vec![0.0, 0.0, 6.0, 6.0])).unwrap();
    let settings = GradientBoosting {
        n_estimators: 1,
        min_samples_leaf: 1,
        learning_rate: 0.5,
        ..GradientBoosting::default()
    };
    let trees = settings.fit(&Run::new(0), &data).unwrap();
    let tree = trees.ensemble().tree(0);
    assert_eq!((tree.n_nodes(), tree.threshold(0), tree.gain(0)), (3, 2.5, 36.0));
    assert_eq!((tree.value(1)[0], tree.value(2)[0], trees.ensemble().base()[0]), (-1.5, 1.5, 3.0));
    assert_eq!(trees.predict_raw(data.rows()).unwrap().column(0).to_vec(), [1.5, 1.5, 4.5, 4.5]);
}
