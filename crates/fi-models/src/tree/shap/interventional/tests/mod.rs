//! Tests of the interventional engines: against the game's definition, against each other, and
//! of what must hold for every ensemble.

mod axioms;
mod definition;
mod golden;
mod invariance;
mod kernels;
mod probability;

use fi_core::{Rng, Run};
use ndarray::Array2;

use super::{Background, ChosenEngines, Engine, Interventional, Level, TablePlan};
use crate::tree::shap::engine::n_pairs;
use crate::tree::{Aggregate, Comparison, Ensemble, NodeStats, Precision, TreeBuilder};

/// What a random ensemble is like.
#[derive(Debug, Clone, Copy)]
struct Forest {
    n_features: usize,
    n_trees: usize,
    depth: usize,
    n_outputs: usize,
    /// One tree per output instead of vectors in the leaves.
    per_output: bool,
}

impl Default for Forest {
    fn default() -> Self {
        Self { n_features: 5, n_trees: 4, depth: 4, n_outputs: 1, per_output: false }
    }
}

/// Values on a coarse grid, so that they meet thresholds, and some missing.
fn value(rng: &mut Rng) -> f64 {
    match rng.below(14) {
        0 => f64::NAN,
        // Categories that no set has, and the largest numbers; games take no infinities.
        12 => [-1.0, 67.0, f64::MAX, f64::MIN][rng.below(4)],
        1 => 0.0,
        // Only in double precision above the threshold 1.
        2 => 1.000_000_000_1,
        _ => rng.below(7) as f64 / 2.0,
    }
}

fn rows(seed: u64, n: usize, n_features: usize) -> Array2<f64> {
    let mut rng = Rng::new(seed, 1);
    let mut rows = Array2::from_shape_simple_fn((n, n_features), || value(&mut rng));
    // Of some tables the last row has nothing but missing values.
    if n > 0 && rng.below(3) == 0 {
        rows.row_mut(n - 1).fill(f64::NAN);
    }
    rows
}

fn weights(seed: u64, n: usize) -> Vec<f64> {
    let mut rng = Rng::new(seed, 2);
    // A few are 0, but not the first.
    (0..n).map(|i| if i > 0 && rng.below(5) == 0 { 0.0 } else { rng.uniform() + 0.1 }).collect()
}

fn grow(rng: &mut Rng, forest: &Forest, builder: &mut TreeBuilder, level: usize) -> usize {
    let n_values = if forest.per_output { 1 } else { forest.n_outputs };
    let values: Vec<f64> = (0..n_values).map(|_| 2.0 * rng.uniform() - 1.0).collect();
    let stats = NodeStats { cover: 1.0, impurity: 0.0, value: &values };
    // Single leaves and lopsided trees too.
    if level == forest.depth || rng.below(6) == 0 {
        return builder.push_leaf(&stats);
    }
    let feature = rng.below(forest.n_features);
    let node = if rng.below(4) == 0 {
        let categories: Vec<u32> = (0..4).filter(|_| rng.below(2) == 0).collect();
        builder.push_category_split(feature, &categories, &stats)
    } else {
        let threshold = [-0.5, 0.0, 0.5, 1.0, 1.7, 2.0, 2.5, f64::INFINITY][rng.below(8)];
        builder.push_split(feature, threshold, &stats)
    };
    if rng.below(2) == 0 {
        builder.send_missing_left(node);
    }
    if rng.below(3) == 0 {
        builder.take_zero_for_missing(node);
    }
    let left = grow(rng, forest, builder, level + 1);
    let right = grow(rng, forest, builder, level + 1);
    builder.connect(node, left, right);
    node
}

/// An ensemble with every kind of split, by lot.
fn ensemble(seed: u64, forest: &Forest) -> Ensemble {
    let mut rng = Rng::new(seed, 0);
    let comparison = [Comparison::LessEqual, Comparison::Less][rng.below(2)];
    let n_values = if forest.per_output { 1 } else { forest.n_outputs };
    // A mean of trees for one output each needs as many for every output.
    let even = !forest.per_output || forest.n_trees.is_multiple_of(forest.n_outputs);
    let precision = [Precision::F32, Precision::F64][rng.below(2)];
    let mean = rng.below(2) == 0 && even;
    let mut builder = Ensemble::builder(forest.n_features, forest.n_outputs, comparison)
        .with_precision(precision)
        .with_aggregate(if mean { Aggregate::Mean } else { Aggregate::Sum })
        .with_base((0..forest.n_outputs).map(|_| rng.uniform()).collect());
    for index in 0..forest.n_trees {
        let mut tree = TreeBuilder::new(n_values);
        grow(&mut rng, forest, &mut tree, 0);
        if forest.per_output {
            builder.push_tree_for(index % forest.n_outputs, tree).unwrap();
        } else {
            builder.push_tree(tree).unwrap();
        }
    }
    builder.build().unwrap()
}

/// Tables wherever paths are short enough.
const TABLES: TablePlan = TablePlan { expected_rows: usize::MAX >> 12, table_bytes: usize::MAX };
/// Tables that are made anew for every block.
const STREAMED: TablePlan = TablePlan { expected_rows: usize::MAX >> 12, table_bytes: 0 };
/// Cohorts everywhere.
const COHORTS: TablePlan = TablePlan { expected_rows: 0, table_bytes: 0 };

const ALL: [(TablePlan, Precision, f64); 4] = [
    (TABLES, Precision::F64, 1e-12),
    (STREAMED, Precision::F64, 1e-12),
    (COHORTS, Precision::F64, 1e-12),
    (TABLES, Precision::F32, 2e-6),
];

/// The values `[row][output][feature]`, or pairs.
fn ask(engine: &dyn Engine, trees: &Ensemble, rows: &Array2<f64>, pairs: bool) -> Vec<f64> {
    let n = trees.n_features();
    let columns = if pairs { n_pairs(n) } else { n };
    // What was there before must not matter.
    let mut values = vec![7.0; rows.nrows() * trees.n_outputs() * columns];
    if pairs {
        engine.interact(rows.view(), &mut values);
    } else {
        engine.attribute(rows.view(), &mut values);
    }
    values
}

fn prepare<'a>(
    trees: &'a Ensemble,
    background: &Background,
    (plan, precision): (TablePlan, Precision),
) -> Interventional<'a> {
    Interventional::new(&Run::new(0), trees, background, precision, &plan).unwrap()
}

fn values(
    trees: &Ensemble,
    background: &Background,
    rows: &Array2<f64>,
    how: (TablePlan, Precision),
) -> Vec<f64> {
    ask(&prepare(trees, background, how), trees, rows, false)
}

/// Equal up to `tolerance`, relative to 1.
fn close(a: &[f64], b: &[f64], tolerance: f64) -> Result<(), String> {
    if a.len() != b.len() {
        return Err(format!("{} and {} values", a.len(), b.len()));
    }
    match a.iter().zip(b).position(|(a, b)| (a - b).abs() > tolerance || (a - b).is_nan()) {
        None => Ok(()),
        Some(at) => Err(format!("value {at} is {} and not {}", a[at], b[at])),
    }
}
