//! Squared error, and Gini's impurity of two classes: both ask for two sums per side.
//!
//! With `S` the left side's weighted sum of targets measured from the node's mean, and `l`, `r`
//! the sides' weights, the impurity decrease is `S² / (l r)` but for a constant of the node. Two
//! classes are the targets 0 and 1. Measuring from the node's mean keeps it exact for targets
//! far from 0.
//!
//! No sorting: each row is added to the slot of its rank, a bit says that the slot is taken, and
//! the bits are read in order.

use super::super::table::Table;
use super::few::{FEW, best_of_few};
use super::kernel::{Cut, Feature, Index, Kernel, Least, Parts, Summary};
use super::line::Line;

/// A row's weight and target.
pub(super) type Moment = [f64; 2];

/// The kernel of [`SquaredError`](super::super::Criterion::SquaredError), and of
/// [`Gini`](super::super::Criterion::Gini) for two classes.
pub(super) struct Moments {
    two_classes: bool,
    rows: Vec<Moment>,
    /// Weight and weighted target, from the node's mean, of each row of the node.
    pairs: Vec<Moment>,
    node_weight: f64,
    slots: Slots,
    line: Line,
}

/// Sums by rank. All are 0 between two features.
struct Slots {
    sums: Vec<Moment>,
    counts: Vec<u32>,
    taken: Vec<u64>,
}

impl Slots {
    /// Adds each row to the slot of its rank.
    fn fill<const COUNTED: bool, I: Index>(&mut self, ranks: &[I], list: &[I], pairs: &[Moment]) {
        for (&id, pair) in list.iter().zip(pairs) {
            let rank = ranks[id.get()].get();
            let sum = &mut self.sums[rank];
            sum[0] += pair[0];
            sum[1] += pair[1];
            if COUNTED {
                self.counts[rank] += 1;
            }
            self.taken[rank / 64] |= 1 << (rank % 64);
        }
    }

    /// Empties the slots up to this rank, in order.
    #[inline]
    fn drain<const COUNTED: bool>(&mut self, last: usize, mut each: impl FnMut(Moment, u32)) {
        for (word, taken) in self.taken[..=last / 64].iter().enumerate() {
            let mut bits = *taken;
            while bits != 0 {
                let rank = word * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                let count = if COUNTED { std::mem::take(&mut self.counts[rank]) } else { 0 };
                each(std::mem::take(&mut self.sums[rank]), count);
            }
        }
    }

    /// The ranks of the taken slots, in order.
    fn ranks(&self) -> impl Iterator<Item = usize> {
        self.taken.iter().enumerate().flat_map(|(word, &taken)| {
            std::iter::successors((taken != 0).then_some(taken), |bits| {
                let rest = bits & (bits - 1);
                (rest != 0).then_some(rest)
            })
            .map(move |bits| word * 64 + bits.trailing_zeros() as usize)
        })
    }
}

impl Moments {
    pub(super) fn new(table: &Table, weights: &[f64]) -> Self {
        let n_ranks = (0..table.n_features).map(|feature| table.column(feature).n_ranks()).max();
        let n_slots = n_ranks.unwrap_or(0) + 1;
        let rows = match table.target.labels() {
            None => {
                let targets = table.target.values().unwrap_or(&[]);
                targets.iter().zip(weights).map(|(&y, &weight)| [weight, y]).collect()
            }
            Some(labels) => {
                labels.iter().zip(weights).map(|(&class, &weight)| [weight, class as f64]).collect()
            }
        };
        let slots = Slots {
            sums: vec![[0.0; 2]; n_slots],
            counts: vec![0; n_slots],
            taken: vec![0; n_slots / 64 + 1],
        };
        Self {
            two_classes: table.target.labels().is_some(),
            rows,
            pairs: Vec::with_capacity(table.n_rows),
            node_weight: 0.0,
            slots,
            line: Line::default(),
        }
    }

    /// Puts the node's ranks in line; answers how many there are.
    fn line_up<I: Index>(&mut self, feature: Feature<'_, I>, list: &[I], least: Least) -> usize {
        let Self { pairs, slots, line, .. } = self;
        let pairs = &pairs[..list.len()];
        line.reserve(list.len());
        let mut n = 0;
        let [mut weight, mut sum] = [0.0; 2];
        if least.is_nothing() {
            slots.fill::<false, I>(feature.ranks, list, pairs);
            slots.drain::<false>(feature.n_ranks, |slot, _| {
                weight += slot[0];
                sum += slot[1];
                line.weights[n] = weight;
                line.sums[n] = sum;
                n += 1;
            });
        } else {
            slots.fill::<true, I>(feature.ranks, list, pairs);
            let mut count = 0;
            slots.drain::<true>(feature.n_ranks, |slot, rows| {
                weight += slot[0];
                sum += slot[1];
                count += rows;
                line.weights[n] = weight;
                line.sums[n] = sum;
                line.counts[n] = count;
                n += 1;
            });
        }
        n
    }
}

impl Kernel for Moments {
    type Row = Moment;
    /// The mean; or the weight of both classes.
    type Sums = [f64; 2];

    fn take_rows(&mut self) -> Vec<Moment> {
        std::mem::take(&mut self.rows)
    }

    fn summarise<I: Index>(&self, rows: &[Moment], list: &[I]) -> Summary<[f64; 2]> {
        if self.two_classes {
            let mut classes = [0.0; 2];
            for id in list {
                let [weight, class] = rows[id.get()];
                classes[0] += weight * (1.0 - class);
                classes[1] += weight * class;
            }
            let cover = classes[0] + classes[1];
            let pure = classes[0] <= 0.0 || classes[1] <= 0.0;
            let squares = classes[0] * classes[0] + classes[1] * classes[1];
            let impurity = if pure { 0.0 } else { (1.0 - squares / (cover * cover)).max(0.0) };
            return Summary { cover, impurity, pure, sums: classes };
        }
        let first = rows[list[0].get()][1];
        let (mut cover, mut sum, mut pure) = (0.0, 0.0, true);
        for id in list {
            let [weight, target] = rows[id.get()];
            cover += weight;
            // From the first target: a constant target gives its exact value.
            sum += weight * (target - first);
            pure &= target == first;
        }
        let mean = first + sum / cover;
        if pure {
            return Summary { cover, impurity: 0.0, pure, sums: [mean, 0.0] };
        }
        let square = |id: &I| {
            let [weight, target] = rows[id.get()];
            weight * (target - mean).powi(2)
        };
        let squares: f64 = list.iter().map(square).sum();
        Summary { cover, impurity: squares / cover, pure, sums: [mean, 0.0] }
    }

    fn value(&self, node: &Summary<[f64; 2]>, value: &mut [f64]) {
        if self.two_classes {
            value[0] = node.sums[0] / node.cover;
            value[1] = node.sums[1] / node.cover;
        } else {
            value[0] = node.sums[0];
        }
    }

    fn enter<I: Index>(&mut self, node: &Summary<[f64; 2]>, rows: &[Moment], list: &[I]) -> f64 {
        self.node_weight = node.cover;
        // Whole weights stay whole numbers, and with them scores exact, if two classes are
        // measured in the node's weight.
        let (unit, mean) =
            if self.two_classes { (node.cover, node.sums[1]) } else { (1.0, node.sums[0]) };
        self.pairs.clear();
        self.pairs.extend(list.iter().map(|id| {
            let [weight, target] = rows[id.get()];
            [weight, weight * (target * unit - mean)]
        }));
        match list.len() {
            // Any split of two rows is the only one.
            2 => f64::NEG_INFINITY,
            _ if self.two_classes => node.sums[0] * node.sums[1],
            _ => f64::INFINITY,
        }
    }

    fn cut<I: Index>(
        &mut self,
        feature: Feature<'_, I>,
        list: &[I],
        least: Least,
        best: f64,
    ) -> Option<Cut> {
        // Ranks of a block fit into 16 bits.
        let small = list.len() <= FEW && size_of::<I>() <= size_of::<u16>();
        if small && !feature.has_missing && least.is_nothing() {
            return best_of_few(feature.ranks, list, &self.pairs, self.node_weight, best);
        }
        let first = feature.ranks[list[0].get()];
        if list.iter().all(|id| feature.ranks[id.get()] == first) {
            return None;
        }
        let n = self.line_up(feature, list, least);
        let missing = feature.n_ranks;
        let has_missing =
            feature.has_missing && self.slots.taken[missing / 64] >> (missing % 64) & 1 == 1;
        let found = self.line.best(n, self.node_weight, has_missing, least, best);
        let cut = found.map(|found| {
            let mut ranks = self.slots.ranks().skip(found.entry);
            let low = ranks.next().unwrap_or(0);
            let high = ranks.next().unwrap_or(missing);
            let missing_left = has_missing.then_some(found.last_left);
            Cut { score: found.score, low, high, missing_left }
        });
        self.slots.taken[..=missing / 64].fill(0);
        cut
    }

    fn parts<I: Index>(
        &mut self,
        feature: Feature<'_, I>,
        list: &[I],
        least: Least,
        best: f64,
    ) -> Option<Parts> {
        // Fisher (1958): ordered by their mean targets, the best two sets are two ends.
        let Self { pairs, slots, line, node_weight, .. } = self;
        slots.fill::<true, I>(feature.ranks, list, pairs);
        let mut entries: Vec<(usize, Moment, u32)> =
            slots.ranks().map(|rank| (rank, [0.0; 2], 0)).collect();
        let mut next = entries.iter_mut();
        slots.drain::<true>(feature.n_ranks, |sums, count| {
            if let Some(entry) = next.next() {
                (entry.1, entry.2) = (sums, count);
            }
        });
        slots.taken[..=feature.n_ranks / 64].fill(0);
        if entries.len() < 2 {
            return None;
        }
        let mean = |[weight, sum]: Moment| sum / weight;
        entries.sort_by(|a, b| mean(a.1).total_cmp(&mean(b.1)).then(a.0.cmp(&b.0)));
        line.reserve(entries.len());
        let (mut weight, mut sum, mut count) = (0.0, 0.0, 0);
        for (place, &(_, sums, rows)) in entries.iter().enumerate() {
            weight += sums[0];
            sum += sums[1];
            count += rows;
            line.weights[place] = weight;
            line.sums[place] = sum;
            line.counts[place] = count;
        }
        let found = line.best(entries.len(), *node_weight, false, least, best)?;
        let left_weight = line.weights[found.entry];
        let (low, high) = entries.split_at(found.entry + 1);
        // Categories that the node has not seen go right: to the heavier side.
        let (left, right) =
            if left_weight > *node_weight - left_weight { (high, low) } else { (low, high) };
        let missing = feature.n_ranks;
        let is_missing = |entry: &(usize, Moment, u32)| entry.0 == missing;
        let missing_left = match (left.iter().any(is_missing), right.iter().any(is_missing)) {
            (false, false) => None,
            (missing_left, _) => Some(missing_left),
        };
        let left = left.iter().map(|entry| entry.0).filter(|&rank| rank != missing).collect();
        Some(Parts { score: found.score, left, missing_left })
    }

    fn score(&mut self, least: Least, goes_left: impl Iterator<Item = bool>) -> Option<f64> {
        let (mut weight, mut sum, mut count) = (0.0, 0.0, 0_usize);
        for (pair, goes_left) in self.pairs.iter().zip(goes_left) {
            let share = f64::from(u8::from(goes_left));
            weight += share * pair[0];
            sum += share * pair[1];
            count += usize::from(goes_left);
        }
        let other = self.node_weight - weight;
        let samples = least.samples.max(1);
        let enough = count >= samples
            && self.pairs.len() - count >= samples
            && weight >= least.weight
            && other >= least.weight;
        let score = sum * sum / (weight * other);
        (enough && score.is_finite()).then_some(score)
    }
}
