//! Random ensembles and tables for tests: every kind of split, values equal to thresholds,
//! missing values, infinities, categories that no split knows.

use fi_core::Rng;
use ndarray::Array2;

use super::{Aggregate, Comparison, Ensemble, NodeStats, Precision, TreeBuilder};

/// What a random ensemble is made of.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "independent choices of a test")]
pub(super) struct Shape {
    pub(super) n_features: usize,
    pub(super) n_outputs: usize,
    pub(super) n_trees: usize,
    /// Splits per tree, at most.
    pub(super) n_splits: usize,
    /// One tree per output in turn, or each for all outputs.
    pub(super) tree_per_output: bool,
    pub(super) comparison: Comparison,
    pub(super) precision: Precision,
    pub(super) aggregate: Aggregate,
    /// Splits on categories and splits that take 0 for missing.
    pub(super) special: bool,
    /// Class shares in the leaves.
    pub(super) shares: bool,
    /// Numbers in the leaves whose sums are exact.
    pub(super) exact: bool,
}

impl Shape {
    /// A shape of which everything is drawn.
    pub(super) fn draw(rng: &mut Rng) -> Self {
        let n_outputs = [1, 1, 2, 3][rng.below(4)];
        Self {
            n_features: 1 + rng.below(6),
            n_outputs,
            n_trees: 1 + rng.below(6),
            n_splits: [0, 1, 6, 40][rng.below(4)],
            tree_per_output: n_outputs > 1 && rng.below(2) == 0,
            comparison: [Comparison::Less, Comparison::LessEqual][rng.below(2)],
            precision: [Precision::F32, Precision::F64][rng.below(2)],
            aggregate: [Aggregate::Mean, Aggregate::Sum][rng.below(2)],
            special: rng.below(2) == 0,
            shares: false,
            exact: false,
        }
    }

    /// A random ensemble of this shape.
    pub(super) fn ensemble(self, rng: &mut Rng) -> Ensemble {
        self.ensemble_with(rng, self.special)
    }

    /// The same, in which splits may take 0 for missing whether or not some are on categories.
    pub(super) fn ensemble_with(self, rng: &mut Rng, zero_is_missing: bool) -> Ensemble {
        let mut builder = Ensemble::builder(self.n_features, self.n_outputs, self.comparison)
            .with_precision(self.precision)
            .with_aggregate(self.aggregate);
        if !self.shares {
            builder = builder.with_base((0..self.n_outputs).map(|k| 0.1 * k as f64).collect());
        }
        // A mean of trees for one output each needs as many for every output.
        let even = self.tree_per_output && self.aggregate == Aggregate::Mean;
        let rounds = self.n_trees.div_ceil(self.n_outputs) * self.n_outputs;
        for tree in 0..if even { rounds } else { self.n_trees } {
            if self.tree_per_output {
                let tree = (tree % self.n_outputs, self.tree(1, rng, zero_is_missing));
                builder.push_tree_for(tree.0, tree.1).unwrap();
            } else {
                builder.push_tree(self.tree(self.n_outputs, rng, zero_is_missing)).unwrap();
            }
        }
        builder.build().unwrap()
    }

    fn tree(self, n_values: usize, rng: &mut Rng, zero_is_missing: bool) -> TreeBuilder {
        let value = |rng: &mut Rng| -> Vec<f64> {
            if self.shares {
                // Quarters, so that classes tie.
                let mut left = 4;
                let mut shares: Vec<f64> = Vec::new();
                for k in 0..n_values {
                    let take = if k + 1 == n_values { left } else { rng.below(left + 1) };
                    left -= take;
                    shares.push(take as f64 / 4.0);
                }
                return shares;
            }
            let value = |x: f64| if self.exact { (8.0 * x).round() / 8.0 } else { x };
            (0..n_values).map(|_| value(rng.normal())).collect()
        };
        let mut leaves = vec![0];
        // Which node a leaf hangs below is known only when it is pushed, so plan first.
        let mut plan: Vec<Option<(usize, usize)>> = vec![None];
        let n_splits = if self.n_splits == 0 { 0 } else { 1 + rng.below(self.n_splits) };
        for _ in 0..n_splits {
            let at = rng.below(leaves.len());
            let node = leaves.swap_remove(at);
            plan[node] = Some((plan.len(), plan.len() + 1));
            leaves.extend([plan.len(), plan.len() + 1]);
            plan.extend([None, None]);
        }
        let mut tree = TreeBuilder::new(n_values);
        for children in &plan {
            let value = value(rng);
            let stats = NodeStats { cover: 1.0, impurity: 0.0, value: &value };
            let feature = rng.below(self.n_features);
            if children.is_none() {
                tree.push_leaf(&stats);
                continue;
            }
            let node = if self.special && rng.below(4) == 0 {
                // Half of the sets are the same, but for what is missing.
                let same = rng.below(2) == 0;
                let drawn = |category: &u32| {
                    if same { category.is_multiple_of(3) } else { rng.below(2) == 0 }
                };
                let categories: Vec<u32> = (0..70).filter(drawn).collect();
                tree.push_category_split(feature, &categories, &stats)
            } else {
                tree.push_split(feature, threshold(rng), &stats)
            };
            if rng.below(2) == 0 {
                tree.send_missing_left(node);
            }
            if zero_is_missing && rng.below(4) == 0 {
                tree.take_zero_for_missing(node);
            }
        }
        for (node, children) in plan.iter().enumerate() {
            if let Some((left, right)) = *children {
                tree.connect(node, left, right);
            }
        }
        tree
    }

    /// A random table for a data set, which holds no infinities.
    pub(super) fn finite_rows(self, n_rows: usize, rng: &mut Rng) -> Array2<f64> {
        self.rows(n_rows, rng).mapv(|x| if x.is_infinite() { 1e300_f64.copysign(x) } else { x })
    }

    /// A random table for it.
    pub(super) fn rows(self, n_rows: usize, rng: &mut Rng) -> Array2<f64> {
        Array2::from_shape_simple_fn((n_rows, self.n_features), || match rng.below(10) {
            0 => f64::NAN,
            1 => [0.0, -0.0, 1e-36, f64::INFINITY, f64::NEG_INFINITY, 1e300][rng.below(6)],
            2 => rng.normal(),
            3 => [-1.0, 69.0, 70.0, 128.0, 2.5][rng.below(5)],
            _ => threshold(rng),
        })
    }
}

/// Few numbers, some of which single precision cannot hold.
fn threshold(rng: &mut Rng) -> f64 {
    let special = [0.0, -0.0, 0.1, 1.0 + 1e-12, f64::INFINITY, f64::NEG_INFINITY];
    match rng.below(3) {
        0 => special[rng.below(special.len())],
        _ => rng.below(9) as f64 / 2.0 - 2.0,
    }
}
