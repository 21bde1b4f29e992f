//! How impure the rows of a node are, and how good a split of them is.
//!
//! A [`Scan`] walks the rows of a node in the order of one feature, moves them one by one to
//! the left side and scores each split in constant time (in the number of classes for entropy).

use fi_core::{Result, Target, require};
use serde::{Deserialize, Serialize};

use super::table::Table;

/// What a split is to reduce.
///
/// With `pₖ` the weighted share of class `k` among a node's rows and `ȳ` their weighted mean:
///
/// ```text
/// Gini          1 − ∑ pₖ²
/// Entropy       −∑ pₖ log₂ pₖ
/// SquaredError  ∑ w (y − ȳ)² / ∑ w
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Criterion {
    /// Gini's impurity: the chance that two rows drawn from the node differ in class.
    Gini,
    /// Shannon's entropy of the classes, in bits.
    Entropy,
    /// Variance of the target: for regression.
    SquaredError,
}

impl Criterion {
    /// Refuses a criterion for the other kind of target.
    pub(super) fn check(self, target: &Target) -> Result<()> {
        let (fits, requirement) = match target {
            Target::Values(_) => (self == Self::SquaredError, "SquaredError for regression"),
            Target::Classes { .. } => {
                (self != Self::SquaredError, "Gini or Entropy for classification")
            }
        };
        require(fits, "criterion", format!("{self:?}"), requirement)
    }
}

/// The rows of a node, summed.
pub(super) struct Summary {
    pub(super) cover: f64,
    pub(super) impurity: f64,
    /// All rows have the same target: nothing is left to split.
    pub(super) pure: bool,
    /// The weight of each class, or the mean target.
    sums: Vec<f64>,
}

/// Sums and scores the rows of one node at a time.
pub(super) trait Scan {
    /// Sums the rows of a node.
    fn summarise(&self, rows: &[u32]) -> Summary;

    /// The value of a node: its class distribution or mean target.
    fn value(&self, node: &Summary) -> Vec<f64>;

    /// Gets ready to scan the node with this summary.
    fn enter(&mut self, node: &Summary);

    /// All rows back to the right side.
    fn restart(&mut self);

    /// One more row to the left side.
    fn move_left(&mut self, row: u32);

    /// How good the split is: higher is better, in the order of the impurity decrease.
    fn score(&self) -> f64;
}

/// A row's weight and class.
#[derive(Clone, Copy)]
struct Labelled {
    weight: f64,
    class: u32,
}

/// The classes' weights on both sides of a split.
struct Counts {
    rows: Vec<Labelled>,
    /// Node, left and right side.
    node: Vec<f64>,
    left: Vec<f64>,
    right: Vec<f64>,
    left_weight: f64,
    right_weight: f64,
    node_weight: f64,
}

impl Counts {
    fn new(table: &Table, weights: &[f64]) -> Self {
        let labels = table.target.labels().unwrap_or(&[]);
        let rows = labels.iter().zip(weights);
        let rows = rows.map(|(&class, &weight)| Labelled { weight, class: class as u32 }).collect();
        let zeros = vec![0.0; table.n_outputs()];
        Self {
            rows,
            node: zeros.clone(),
            left: zeros.clone(),
            right: zeros,
            left_weight: 0.0,
            right_weight: 0.0,
            node_weight: 0.0,
        }
    }

    fn summarise(&self, rows: &[u32], impurity: impl Fn(&[f64], f64) -> f64) -> Summary {
        let mut sums = vec![0.0; self.node.len()];
        for &row in rows {
            let Labelled { weight, class } = self.rows[row as usize];
            sums[class as usize] += weight;
        }
        let cover: f64 = sums.iter().sum();
        let pure = sums.iter().filter(|&&weight| weight > 0.0).count() <= 1;
        let impurity = if pure { 0.0 } else { impurity(&sums, cover).max(0.0) };
        Summary { cover, impurity, pure, sums }
    }

    fn enter(&mut self, node: &Summary) {
        self.node.copy_from_slice(&node.sums);
        self.node_weight = node.cover;
    }

    fn restart(&mut self) {
        self.left.fill(0.0);
        self.right.copy_from_slice(&self.node);
        self.left_weight = 0.0;
        self.right_weight = self.node_weight;
    }

    /// Moves a row and answers its class's weights before, left and right, and its own.
    #[inline]
    fn move_left(&mut self, row: u32) -> (f64, f64, f64) {
        let Labelled { weight, class } = self.rows[row as usize];
        let (left, right) = (&mut self.left[class as usize], &mut self.right[class as usize]);
        let before = (*left, *right, weight);
        *left += weight;
        *right -= weight;
        self.left_weight += weight;
        self.right_weight -= weight;
        before
    }
}

/// [`Criterion::Gini`]: maximises `∑ₖ lₖ² / l + ∑ₖ rₖ² / r` with the class weights `lₖ`, `rₖ` of
/// the two sides, whose sums of squares follow each row that moves.
pub(super) struct Gini {
    counts: Counts,
    left_squares: f64,
    right_squares: f64,
    node_squares: f64,
}

impl Gini {
    pub(super) fn new(table: &Table, weights: &[f64]) -> Self {
        let counts = Counts::new(table, weights);
        Self { counts, left_squares: 0.0, right_squares: 0.0, node_squares: 0.0 }
    }
}

impl Scan for Gini {
    fn summarise(&self, rows: &[u32]) -> Summary {
        self.counts.summarise(rows, |sums, cover| 1.0 - squares(sums) / (cover * cover))
    }

    fn value(&self, node: &Summary) -> Vec<f64> {
        node.sums.iter().map(|weight| weight / node.cover).collect()
    }

    fn enter(&mut self, node: &Summary) {
        self.counts.enter(node);
        self.node_squares = squares(&node.sums);
    }

    fn restart(&mut self) {
        self.counts.restart();
        self.left_squares = 0.0;
        self.right_squares = self.node_squares;
    }

    #[inline]
    fn move_left(&mut self, row: u32) {
        let (left, right, weight) = self.counts.move_left(row);
        // (l + w)² − l² and (r − w)² − r².
        self.left_squares += weight * (2.0 * left + weight);
        self.right_squares -= weight * (2.0 * right - weight);
    }

    #[inline]
    fn score(&self) -> f64 {
        self.left_squares / self.counts.left_weight + self.right_squares / self.counts.right_weight
    }
}

fn squares(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum()
}

/// [`Criterion::Entropy`]: maximises `∑ₖ lₖ log lₖ − l log l + ∑ₖ rₖ log rₖ − r log r`.
pub(super) struct Entropy {
    counts: Counts,
}

impl Entropy {
    pub(super) fn new(table: &Table, weights: &[f64]) -> Self {
        Self { counts: Counts::new(table, weights) }
    }
}

impl Scan for Entropy {
    fn summarise(&self, rows: &[u32]) -> Summary {
        self.counts.summarise(rows, |sums, cover| {
            let share = |weight: &f64| x_log2_x(weight / cover);
            -sums.iter().map(share).sum::<f64>()
        })
    }

    fn value(&self, node: &Summary) -> Vec<f64> {
        node.sums.iter().map(|weight| weight / node.cover).collect()
    }

    fn enter(&mut self, node: &Summary) {
        self.counts.enter(node);
    }

    fn restart(&mut self) {
        self.counts.restart();
    }

    #[inline]
    fn move_left(&mut self, row: u32) {
        self.counts.move_left(row);
    }

    fn score(&self) -> f64 {
        let side = |weights: &[f64], sum: f64| {
            weights.iter().map(|&weight| x_log2_x(weight)).sum::<f64>() - x_log2_x(sum)
        };
        let Counts { left, right, left_weight, right_weight, .. } = &self.counts;
        side(left, *left_weight) + side(right, *right_weight)
    }
}

/// `x log₂ x`, 0 at 0 (and below, where only rounding leads).
fn x_log2_x(x: f64) -> f64 {
    if x > 0.0 { x * x.log2() } else { 0.0 }
}

/// A row's weight and target.
#[derive(Clone, Copy)]
struct Valued {
    weight: f64,
    target: f64,
}

/// [`Criterion::SquaredError`]: maximises `S² / (l r)`, where `S` is the left side's weighted
/// sum of targets measured from the node's mean, and `l`, `r` are the sides' weights.
///
/// That is the impurity decrease but for a constant of the node. Measuring from the node's
/// mean keeps it exact for targets far from 0.
pub(super) struct SquaredError {
    rows: Vec<Valued>,
    mean: f64,
    node_weight: f64,
    left_sum: f64,
    left_weight: f64,
}

impl SquaredError {
    pub(super) fn new(table: &Table, weights: &[f64]) -> Self {
        let targets = table.target.values().unwrap_or(&[]);
        let rows = targets.iter().zip(weights);
        let rows = rows.map(|(&target, &weight)| Valued { weight, target }).collect();
        Self { rows, mean: 0.0, node_weight: 0.0, left_sum: 0.0, left_weight: 0.0 }
    }
}

impl Scan for SquaredError {
    fn summarise(&self, rows: &[u32]) -> Summary {
        let rows = || rows.iter().map(|&row| self.rows[row as usize]);
        let first = rows().next().map_or(0.0, |row| row.target);
        let (mut cover, mut sum, mut pure) = (0.0, 0.0, true);
        for Valued { weight, target } in rows() {
            cover += weight;
            // From the first target: a constant target gives its exact value.
            sum += weight * (target - first);
            pure &= target == first;
        }
        let mean = first + sum / cover;
        let squares: f64 = rows().map(|row| row.weight * (row.target - mean).powi(2)).sum();
        let impurity = if pure { 0.0 } else { squares / cover };
        Summary { cover, impurity, pure, sums: vec![mean] }
    }

    fn value(&self, node: &Summary) -> Vec<f64> {
        node.sums.clone()
    }

    fn enter(&mut self, node: &Summary) {
        self.mean = node.sums[0];
        self.node_weight = node.cover;
    }

    fn restart(&mut self) {
        self.left_sum = 0.0;
        self.left_weight = 0.0;
    }

    #[inline]
    fn move_left(&mut self, row: u32) {
        let Valued { weight, target } = self.rows[row as usize];
        self.left_sum += weight * (target - self.mean);
        self.left_weight += weight;
    }

    #[inline]
    fn score(&self) -> f64 {
        let right_weight = self.node_weight - self.left_weight;
        self.left_sum * self.left_sum / (self.left_weight * right_weight)
    }
}
