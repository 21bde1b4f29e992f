//! Gini's impurity of several classes, and entropy: one weight per class and side.
//!
//! The rows of a node are sorted by rank and moved one by one to the left side; each split is
//! scored in constant time (in the number of classes for entropy).

use super::super::table::Table;
use super::kernel::{Cut, Feature, Index, Kernel, Least, Parts, Summary};
use super::order::by_first_component;
use super::sort::{Item, Sorter};

/// A row's weight and class.
#[derive(Clone, Copy)]
pub(super) struct Labelled {
    weight: f64,
    class: u32,
}

/// The kernel of [`Entropy`](super::super::Criterion::Entropy), and of
/// [`Gini`](super::super::Criterion::Gini) for three or more classes.
pub(super) struct Classes {
    entropy: bool,
    rows: Vec<Labelled>,
    /// The rows of the node, in the order of its list.
    inside: Vec<Labelled>,
    sides: Sides,
    sorter: Sorter,
}

/// The classes' weights on both sides of a split.
struct Sides {
    node: Vec<f64>,
    left: Vec<f64>,
    right: Vec<f64>,
    node_weight: f64,
    left_weight: f64,
    right_weight: f64,
    /// Sums of squares.
    node_squares: f64,
    left_squares: f64,
    right_squares: f64,
    left_count: usize,
}

impl Sides {
    fn restart(&mut self) {
        self.left.fill(0.0);
        self.right.copy_from_slice(&self.node);
        self.left_weight = 0.0;
        self.right_weight = self.node_weight;
        self.left_squares = 0.0;
        self.right_squares = self.node_squares;
        self.left_count = 0;
    }

    #[inline]
    fn move_left(&mut self, Labelled { weight, class }: Labelled) {
        let (left, right) = (&mut self.left[class as usize], &mut self.right[class as usize]);
        // (l + w)² − l² and (r − w)² − r².
        self.left_squares += weight * (2.0 * *left + weight);
        self.right_squares -= weight * (2.0 * *right - weight);
        *left += weight;
        *right -= weight;
        self.left_weight += weight;
        self.right_weight -= weight;
        self.left_count += 1;
    }

    /// Gini maximises `∑ₖ lₖ² / l + ∑ₖ rₖ² / r`, entropy
    /// `∑ₖ lₖ log lₖ − l log l + ∑ₖ rₖ log rₖ − r log r`.
    #[inline]
    fn score(&self, entropy: bool) -> f64 {
        if !entropy {
            return self.left_squares / self.left_weight + self.right_squares / self.right_weight;
        }
        let side = |weights: &[f64], sum: f64| {
            weights.iter().map(|&weight| x_log2_x(weight)).sum::<f64>() - x_log2_x(sum)
        };
        side(&self.left, self.left_weight) + side(&self.right, self.right_weight)
    }

    fn enough(&self, least: Least, n_rows: usize) -> bool {
        let samples = least.samples.max(1);
        self.left_count >= samples
            && n_rows - self.left_count >= samples
            && self.left_weight >= least.weight
            && self.right_weight >= least.weight
    }
}

impl Classes {
    pub(super) fn new(table: &Table, weights: &[f64], entropy: bool) -> Self {
        let rows = table.target.labels().unwrap_or(&[]).iter().zip(weights);
        let rows = rows.map(|(&class, &weight)| Labelled { weight, class: class as u32 }).collect();
        let zeros = || vec![0.0; table.n_outputs()];
        let sides = Sides {
            node: zeros(),
            left: zeros(),
            right: zeros(),
            node_weight: 0.0,
            left_weight: 0.0,
            right_weight: 0.0,
            node_squares: 0.0,
            left_squares: 0.0,
            right_squares: 0.0,
            left_count: 0,
        };
        let inside = Vec::with_capacity(table.n_rows);
        Self { entropy, rows, inside, sides, sorter: Sorter::new(table.n_rows) }
    }
}

impl Kernel for Classes {
    type Row = Labelled;
    /// The weight of each class.
    type Sums = Vec<f64>;

    fn take_rows(&mut self) -> Vec<Labelled> {
        std::mem::take(&mut self.rows)
    }

    fn summarise<I: Index>(&self, rows: &[Labelled], list: &[I]) -> Summary<Vec<f64>> {
        let mut sums = vec![0.0; self.sides.node.len()];
        for id in list {
            let Labelled { weight, class } = rows[id.get()];
            sums[class as usize] += weight;
        }
        let cover: f64 = sums.iter().sum();
        let pure = sums.iter().filter(|&&weight| weight > 0.0).count() <= 1;
        let impurity = || {
            if self.entropy {
                -sums.iter().map(|weight| x_log2_x(weight / cover)).sum::<f64>()
            } else {
                1.0 - squares(&sums) / (cover * cover)
            }
        };
        let impurity = if pure { 0.0 } else { impurity().max(0.0) };
        Summary { cover, impurity, pure, sums }
    }

    fn value(&self, node: &Summary<Vec<f64>>, value: &mut [f64]) {
        value.iter_mut().zip(&node.sums).for_each(|(share, weight)| *share = weight / node.cover);
    }

    fn enter<I: Index>(&mut self, node: &Summary<Vec<f64>>, rows: &[Labelled], list: &[I]) -> f64 {
        self.sides.node.copy_from_slice(&node.sums);
        self.sides.node_weight = node.cover;
        self.sides.node_squares = squares(&node.sums);
        self.inside.clear();
        self.inside.extend(list.iter().map(|id| rows[id.get()]));
        // Any split of two rows is the only one.
        if list.len() == 2 { f64::NEG_INFINITY } else { f64::INFINITY }
    }

    fn cut<I: Index>(
        &mut self,
        feature: Feature<'_, I>,
        list: &[I],
        least: Least,
        best: f64,
    ) -> Option<Cut> {
        let Self { entropy, inside, sides, sorter, .. } = self;
        let sorted = sorter.sort(feature.ranks, list)?;
        let (n_rows, missing) = (sorted.len(), feature.n_ranks);
        let n_present = if feature.has_missing {
            sorted.partition_point(|item| item.rank() < missing)
        } else {
            n_rows
        };
        let has_missing = n_present < n_rows;
        let (mut best, mut found) = (best, None);
        let mut scan = |sides: &mut Sides, sorted: &[Item], missing_left: bool| {
            for pair in sorted.windows(2) {
                sides.move_left(inside[pair[0].place()]);
                let (low, high) = (pair[0].rank(), pair[1].rank());
                if low == high || !sides.enough(least, n_rows) {
                    continue;
                }
                let score = sides.score(*entropy);
                // NaN and infinity, from weights that vanish in rounding, are no score.
                if score > best && score < f64::INFINITY {
                    best = score;
                    let missing_left = has_missing.then_some(missing_left);
                    found = Some(Cut { score, low, high, missing_left });
                }
            }
        };
        sides.restart();
        scan(sides, sorted, false);
        if has_missing {
            sides.restart();
            let (present, absent) = sorted.split_at(n_present);
            for item in absent {
                sides.move_left(inside[item.place()]);
            }
            scan(sides, present, true);
        }
        found
    }

    fn parts<I: Index>(
        &mut self,
        feature: Feature<'_, I>,
        list: &[I],
        least: Least,
        best: f64,
    ) -> Option<Parts> {
        let Self { entropy, inside, sides, sorter, .. } = self;
        let sorted = sorter.sort(feature.ranks, list)?;
        let n_rows = sorted.len();
        let groups: Vec<&[Item]> = sorted.chunk_by(|a, b| a.rank() == b.rank()).collect();
        let n_classes = sides.node.len();
        let mut weights = vec![0.0; groups.len() * n_classes];
        for (group, weights) in groups.iter().zip(weights.chunks_exact_mut(n_classes)) {
            for item in *group {
                let Labelled { weight, class } = inside[item.place()];
                weights[class as usize] += weight;
            }
        }
        let order = by_first_component(&weights, n_classes);
        sides.restart();
        let (mut best, mut found) = (best, None);
        for (place, &group) in order[..order.len() - 1].iter().enumerate() {
            groups[group].iter().for_each(|item| sides.move_left(inside[item.place()]));
            let score = sides.score(*entropy);
            if sides.enough(least, n_rows) && score > best && score < f64::INFINITY {
                best = score;
                // Categories that the node has not seen go right: to the heavier side.
                found = Some((place + 1, sides.left_weight > sides.right_weight));
            }
        }
        let (place, turn) = found?;
        let (low, high) = order.split_at(place);
        let left = if turn { high } else { low };
        let ranks = left.iter().map(|&group| groups[group][0].rank());
        let missing = feature.n_ranks;
        let has_missing = groups.last().is_some_and(|group| group[0].rank() == missing);
        let missing_left = has_missing.then(|| left.contains(&(groups.len() - 1)));
        let left = ranks.filter(|&rank| rank != missing).collect();
        Some(Parts { score: best, left, missing_left })
    }

    fn score(&mut self, least: Least, goes_left: impl Iterator<Item = bool>) -> Option<f64> {
        self.sides.restart();
        for (&row, goes_left) in self.inside.iter().zip(goes_left) {
            if goes_left {
                self.sides.move_left(row);
            }
        }
        let score = self.sides.score(self.entropy);
        (self.sides.enough(least, self.inside.len()) && score.is_finite()).then_some(score)
    }
}

fn squares(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum()
}

/// `x log₂ x`, 0 at 0 (and below, where only rounding leads).
fn x_log2_x(x: f64) -> f64 {
    if x > 0.0 { x * x.log2() } else { 0.0 }
}
