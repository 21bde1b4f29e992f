//! The ranks of a node in line, summed from the left: where to part it best.

use super::kernel::Least;

/// Sums of all ranks up to and including each.
#[derive(Default)]
pub(super) struct Line {
    pub(super) weights: Vec<f64>,
    pub(super) sums: Vec<f64>,
    pub(super) counts: Vec<u32>,
}

/// The best place to part a line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Place {
    pub(super) score: f64,
    /// The last entry that goes left.
    pub(super) entry: usize,
    /// Whether the last entry of the line, missing values, goes left too.
    pub(super) last_left: bool,
}

/// So many scores are computed side by side.
const LANES: usize = 4;

impl Line {
    /// Makes room for `n` entries.
    pub(super) fn reserve(&mut self, n: usize) {
        if self.weights.len() < n {
            self.weights.resize(n, 0.0);
            self.sums.resize(n, 0.0);
            self.counts.resize(n, 0);
        }
    }

    /// The best place in the first `n` entries if it is better than `best`; the first one of
    /// equally good ones.
    ///
    /// The entries weigh `total`, and their sums add up to 0. If the last one is missing values,
    /// it goes right and, where that is better, left.
    pub(super) fn best(
        &self,
        n: usize,
        total: f64,
        last_is_missing: bool,
        least: Least,
        best: f64,
    ) -> Option<Place> {
        if n < 2 {
            return None;
        }
        // Scores are not negative but where rounding takes a side's weight away.
        let mut best = best.max(-f64::MIN_POSITIVE);
        let mut found = None;
        for last_left in [false, true] {
            let (end, extra) = match (last_left, last_is_missing) {
                (false, _) => (n - 1, (0.0, 0.0, 0)),
                (true, true) => (n - 2, self.last(n)),
                (true, false) => break,
            };
            let (from, to) = self.allowed(n, end, total, (extra.0, extra.2), least);
            if from >= to {
                continue;
            }
            let (weights, sums) = (&self.weights[from..to], &self.sums[from..to]);
            let score = |weight: f64, sum: f64| {
                let (left, sum) = (extra.0 + weight, extra.1 + sum);
                sum * sum / (left * (total - left))
            };
            let greatest = greatest(weights, sums, best, score);
            if greatest > best {
                let mut entries = weights.iter().zip(sums);
                let place = entries.position(|(&weight, &sum)| score(weight, sum) == greatest);
                best = greatest;
                found = place.map(|place| Place { score: best, entry: from + place, last_left });
            }
        }
        found
    }

    /// What the last of `n` entries adds.
    fn last(&self, n: usize) -> (f64, f64, u32) {
        let (a, b) = (n - 2, n - 1);
        let count = self.counts[b].wrapping_sub(self.counts[a]);
        (self.weights[b] - self.weights[a], self.sums[b] - self.sums[a], count)
    }

    /// The entries before `end` after which a split leaves enough on both sides.
    fn allowed(
        &self,
        n: usize,
        end: usize,
        total: f64,
        extra: (f64, u32),
        least: Least,
    ) -> (usize, usize) {
        if least.is_nothing() {
            return (0, end);
        }
        let n_rows = self.counts[n - 1] as usize;
        let samples = |entry: usize| (self.counts[entry] + extra.1) as usize;
        let weight = |entry: usize| self.weights[entry] + extra.0;
        let enough =
            |entry: &usize| samples(*entry) >= least.samples && weight(*entry) >= least.weight;
        let too_many = |entry: &usize| {
            n_rows - samples(*entry) < least.samples || total - weight(*entry) < least.weight
        };
        let from = (0..end).find(enough).unwrap_or(end);
        (from, (from..end).find(too_many).unwrap_or(end))
    }
}

/// The greatest finite score above `best`, or `best`.
fn greatest(weights: &[f64], sums: &[f64], best: f64, score: impl Fn(f64, f64) -> f64) -> f64 {
    // NaN and infinity, from weights that vanish in rounding, are no score.
    let better = |best: f64, score: f64| {
        if score > best && score < f64::INFINITY { score } else { best }
    };
    let mut lanes = [best; LANES];
    let (weight_blocks, sum_blocks) = (weights.chunks_exact(LANES), sums.chunks_exact(LANES));
    let rest = weight_blocks.remainder().iter().zip(sum_blocks.remainder());
    for (weights, sums) in weight_blocks.zip(sum_blocks) {
        for lane in 0..LANES {
            lanes[lane] = better(lanes[lane], score(weights[lane], sums[lane]));
        }
    }
    let lanes = lanes.into_iter().fold(best, better);
    rest.fold(lanes, |best, (&weight, &sum)| better(best, score(weight, sum)))
}
