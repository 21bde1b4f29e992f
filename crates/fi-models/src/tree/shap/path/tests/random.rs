//! Random ensembles and rows with everything that can be awkward about them.

use fi_core::Rng;
use ndarray::Array2;

use crate::tree::{Aggregate, Comparison, Ensemble, NodeStats, Precision, TreeBuilder};

/// What the trees are like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    pub(super) seed: u64,
    pub(super) n_features: usize,
    pub(super) n_outputs: usize,
    /// Trees for one output each, in turn.
    pub(super) one_output_each: bool,
    pub(super) n_trees: usize,
    pub(super) depth: usize,
    pub(super) comparison: Comparison,
    pub(super) precision: Precision,
    pub(super) aggregate: Aggregate,
    /// Category splits and zeros for missing values among the splits.
    pub(super) odd_splits: bool,
    /// Covers of 0, and covers that do not add up.
    pub(super) odd_covers: bool,
}

impl Default for Kind {
    fn default() -> Self {
        Self {
            seed: 1,
            n_features: 6,
            n_outputs: 1,
            one_output_each: false,
            n_trees: 3,
            depth: 5,
            comparison: Comparison::LessEqual,
            precision: Precision::F64,
            aggregate: Aggregate::Sum,
            odd_splits: true,
            odd_covers: true,
        }
    }
}

/// Values that fall onto thresholds often, and next to them.
const GRID: [f64; 8] = [-1.5, -0.1, 0.0, 0.1, 0.3, 1.0, 2.0, 3.0];

pub(super) fn ensemble(kind: &Kind) -> Ensemble {
    joined(kind, &[kind.seed])
}

/// The trees of several seeds behind one another.
pub(super) fn joined(kind: &Kind, seeds: &[u64]) -> Ensemble {
    build(kind, seeds, kind.n_features, tree)
}

/// Trees over a table of which only the first `n_split` features are split on.
pub(super) fn ensemble_over(kind: &Kind, n_split: usize) -> Ensemble {
    build(kind, &[kind.seed], n_split, tree)
}

/// Trees with one test per depth, 3 to 5 deep.
pub(super) fn oblivious(kind: &Kind) -> Ensemble {
    build(kind, &[kind.seed], kind.n_features, level_tree)
}

fn build(
    kind: &Kind,
    seeds: &[u64],
    n_split: usize,
    tree: impl Fn(&Kind, usize, &mut Rng) -> TreeBuilder,
) -> Ensemble {
    let base = (0..kind.n_outputs).map(|output| 0.25 + output as f64).collect();
    let mut builder = Ensemble::builder(kind.n_features, kind.n_outputs, kind.comparison)
        .with_precision(kind.precision)
        .with_aggregate(kind.aggregate)
        .with_base(base);
    for &seed in seeds {
        let mut rng = Rng::new(seed, 0);
        let kind = &Kind { n_features: n_split, ..*kind };
        let rounds = if kind.one_output_each { kind.n_outputs } else { 1 };
        for index in 0..kind.n_trees * rounds {
            if kind.one_output_each {
                builder.push_tree_for(index % kind.n_outputs, tree(kind, 1, &mut rng)).unwrap();
            } else {
                builder.push_tree(tree(kind, kind.n_outputs, &mut rng)).unwrap();
            }
        }
    }
    builder.build().unwrap()
}

fn level_tree(kind: &Kind, n_values: usize, rng: &mut Rng) -> TreeBuilder {
    let depth = 3 + rng.below(3);
    let mut tree = TreeBuilder::new(n_values);
    let mut covers = vec![64.0];
    let mut first = 0;
    for _ in 0..depth {
        let feature = rng.below(kind.n_features);
        let threshold = GRID[rng.below(GRID.len())];
        let categories: Vec<u32> = (0..4).filter(|_| rng.below(2) == 0).collect();
        let by_category = kind.odd_splits && rng.uniform() < 0.3;
        let missing_left = rng.below(2) == 0;
        let values = vec![0.0; n_values];
        let mut below = Vec::new();
        for &cover in &covers {
            let stats = NodeStats { cover, impurity: 0.0, value: &values };
            let node = if by_category {
                tree.push_category_split(feature, &categories, &stats)
            } else {
                tree.push_split(feature, threshold, &stats)
            };
            if missing_left {
                tree.send_missing_left(node);
            }
            let share = [0.5, 0.25, 0.1, 0.0][rng.below(if kind.odd_covers { 4 } else { 3 })];
            below.extend([cover * share, cover * (1.0 - share)]);
        }
        for index in 0..covers.len() {
            let child = first + covers.len() + 2 * index;
            // Children that do not exist yet are connected once they do.
            tree.connect(first + index, child, child + 1);
        }
        first += covers.len();
        covers = below;
    }
    for &cover in &covers {
        let value: Vec<f64> = (0..n_values).map(|_| rng.normal()).collect();
        tree.push_leaf(&NodeStats { cover, impurity: 0.0, value: &value });
    }
    tree
}

fn tree(kind: &Kind, n_values: usize, rng: &mut Rng) -> TreeBuilder {
    let value = |rng: &mut Rng| (0..n_values).map(|_| rng.normal()).collect::<Vec<_>>();
    let mut open = vec![(0, 64.0, 0)];
    let mut splits = TreeBuilder::new(n_values);
    // Which leaves become splits is drawn first, because a builder takes them in order.
    let mut plan: Vec<(f64, Option<(usize, usize)>)> = vec![(64.0, None)];
    while let Some((node, cover, depth)) = open.pop() {
        let leaf = rng.uniform() < if depth == 0 { 0.05 } else { 0.2 };
        if depth == kind.depth || leaf {
            continue;
        }
        let mut share = [0.5, 0.1, 0.3, 0.75][rng.below(4)];
        let mut rest = 1.0 - share;
        if kind.odd_covers && rng.uniform() < 0.2 {
            (share, rest) = [(0.0, 1.0), (0.4, 0.4), (0.0, 0.0)][rng.below(3)];
        }
        let (left, right) = (plan.len(), plan.len() + 1);
        plan[node].1 = Some((left, right));
        plan.push((cover * share, None));
        plan.push((cover * rest, None));
        open.push((left, cover * share, depth + 1));
        open.push((right, cover * rest, depth + 1));
    }
    for &(cover, children) in &plan {
        let value = value(rng);
        let stats = NodeStats { cover, impurity: 0.0, value: &value };
        if children.is_none() {
            splits.push_leaf(&stats);
            continue;
        }
        let feature = rng.below(kind.n_features);
        let node = if kind.odd_splits && rng.uniform() < 0.2 {
            let categories: Vec<u32> = (0..70).filter(|c| c % 3 == rng.below(3) as u32).collect();
            splits.push_category_split(feature, &categories, &stats)
        } else {
            // A threshold of 0.1 + ε is not a number of single precision.
            let threshold = match rng.below(16) {
                0 => [f64::INFINITY, f64::NEG_INFINITY][rng.below(2)],
                _ => GRID[rng.below(GRID.len())] + [0.0, 1e-9, -1e-9][rng.below(3)],
            };
            splits.push_split(feature, threshold, &stats)
        };
        if rng.below(2) == 0 {
            splits.send_missing_left(node);
        }
        if kind.odd_splits && rng.uniform() < 0.2 {
            splits.take_zero_for_missing(node);
        }
    }
    for (node, &(_, children)) in plan.iter().enumerate() {
        if let Some((left, right)) = children {
            splits.connect(node, left, right);
        }
    }
    splits
}

pub(super) fn rows(kind: &Kind, n_rows: usize) -> Array2<f64> {
    let mut rng = Rng::new(kind.seed, 1);
    let mut rows =
        Array2::from_shape_simple_fn((n_rows, kind.n_features), || match rng.below(12) {
            0 => f64::NAN,
            1 => [f64::INFINITY, f64::NEG_INFINITY, 1e-36, 67.9, -0.5, 1e300][rng.below(6)],
            2 => rng.normal(),
            3 => f64::from(GRID[rng.below(GRID.len())] as f32),
            _ => GRID[rng.below(GRID.len())],
        });
    // Of some tables the first row has nothing but missing values.
    if rng.below(3) == 0 {
        rows.row_mut(0).fill(f64::NAN);
    }
    rows
}
