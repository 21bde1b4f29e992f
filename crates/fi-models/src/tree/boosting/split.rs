//! The best split of a node, from its histograms.
//!
//! With `G` and `H` the sums of gradients and Hessians and `λ` the L2 penalty, a split gains
//!
//! ```text
//! G(left)²/(H(left)+λ) + G(right)²/(H(right)+λ) − G²/(H+λ)
//! ```
//!
//! Missing values are tried on both sides. Of equally good splits the first feature's wins, and
//! of its own the lowest threshold's with missing values on the right.

use super::bins::{Bins, Block, Table};
use super::histogram::{Cell, Column, Scale, minus, plus};

/// Gains below this share of the sides' scores are rounding.
const ROUNDING: f64 = 1e-12;

/// What a split must keep to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) min_samples_leaf: u64,
    pub(super) min_sum_hessian: f64,
    pub(super) min_gain_to_split: f64,
    pub(super) l2: f64,
    pub(super) cat_smooth: f64,
}

/// A split of a node.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Split<const N: usize> {
    pub(super) feature: usize,
    /// The last bin on the left, for a numeric feature.
    pub(super) bin: usize,
    pub(super) gain: f64,
    /// The sum of the left child's rows.
    pub(super) left: Cell<N>,
    /// Which codes go left, as bits.
    pub(super) goes_left: [u64; 4],
}

impl<const N: usize> Split<N> {
    /// Whether rows with this code go left.
    pub(super) fn sends_left(&self, code: u8) -> bool {
        bit(&self.goes_left, usize::from(code))
    }
}

/// Whether a set of codes has this one.
pub(super) fn bit(set: &[u64; 4], code: usize) -> bool {
    set[code / 64] >> (code % 64) & 1 == 1
}

/// The best cut so far.
struct Best<const N: usize> {
    /// `G(left)²/(H(left)+λ) + G(right)²/(H(right)+λ)` as a fraction: comparing two needs no
    /// division.
    numerator: f64,
    denominator: f64,
    /// Codes (in the feature's order) before this place go left.
    end: usize,
    missing_left: bool,
    left: Cell<N>,
}

/// A node's rows and what its split must keep to.
pub(super) struct Finder<'a, const N: usize> {
    pub(super) limits: &'a Limits,
    pub(super) scale: &'a Scale,
    pub(super) total: Cell<N>,
}

impl<const N: usize> Finder<'_, N> {
    /// The best split on a feature of the block that `allowed` admits.
    pub(super) fn best(
        &self,
        table: &Table,
        block: &Block,
        columns: &[Column<N>],
        allowed: &[bool],
    ) -> Option<Split<N>> {
        let mut best: Option<Split<N>> = None;
        for (feature, column) in (block.first..).zip(columns) {
            if !allowed[feature] {
                continue;
            }
            let split = match &table.bins[feature] {
                Bins::Numeric(thresholds) => self.numeric(
                    feature,
                    &column[..thresholds.len() + 2],
                    table.has_missing[feature],
                ),
                Bins::Categories(categories) => {
                    self.categorical(feature, &column[..=categories.len()])
                }
            };
            if let Some(split) = split
                && best.as_ref().is_none_or(|best| split.gain > best.gain)
            {
                best = Some(split);
            }
        }
        best
    }

    /// Tries all cuts between neighbouring cells with rows on both sides, besides those of `start`
    /// on the left: the cut between `start` and all others is one of another scan.
    fn scan<'c>(
        &self,
        cells: impl Iterator<Item = &'c Cell<N>>,
        start: Cell<N>,
        missing_left: bool,
        best: &mut Best<N>,
    ) {
        let Limits { min_samples_leaf, min_sum_hessian, l2, .. } = *self.limits;
        let total = self.scale.sums(&self.total);
        let fewest_left = min_samples_leaf.max(self.scale.count(&start) + 1);
        let mut left = start;
        for (index, cell) in cells.enumerate() {
            left = plus(&left, cell);
            let low = self.scale.sums(&left);
            if low.count < fewest_left {
                continue;
            }
            if total.count - low.count < min_samples_leaf {
                break;
            }
            let high_gradient = total.gradient - low.gradient;
            let high_hessian = total.hessian - low.hessian;
            let (low_penalized, high_penalized) = (low.hessian + l2, high_hessian + l2);
            let numerator = low.gradient * low.gradient * high_penalized
                + high_gradient * high_gradient * low_penalized;
            let denominator = low_penalized * high_penalized;
            if numerator * best.denominator > best.numerator * denominator
                && low.hessian >= min_sum_hessian
                && high_hessian >= min_sum_hessian
            {
                *best = Best { numerator, denominator, end: index + 1, missing_left, left };
            }
        }
    }

    fn none(&self) -> Best<N> {
        // A score must beat the whole node's.
        let total = self.scale.sums(&self.total);
        let (numerator, denominator) =
            (total.gradient * total.gradient, total.hessian + self.limits.l2);
        Best { numerator, denominator, end: 0, missing_left: false, left: [0; N] }
    }

    /// The gain of a cut, if it is enough: the same bits whichever side is called left.
    fn gain(&self, best: &Best<N>) -> Option<f64> {
        let none = self.none();
        let score = |side: &Cell<N>| {
            let sums = self.scale.sums(side);
            sums.gradient * sums.gradient / (sums.hessian + self.limits.l2)
        };
        let score = score(&best.left) + score(&minus(&self.total, &best.left));
        let gain = score - none.numerator / none.denominator;
        let enough = best.end > 0
            && gain > self.limits.min_gain_to_split
            && gain > ROUNDING * score
            && gain.is_finite();
        enough.then_some(gain)
    }

    fn numeric(&self, feature: usize, cells: &[Cell<N>], has_missing: bool) -> Option<Split<N>> {
        let (missing, cells) = cells.split_last()?;
        let mut best = self.none();
        if has_missing && self.scale.count(missing) > 0 {
            // The cut after the last bin sends all but the missing values left.
            self.scan(cells.iter(), [0; N], false, &mut best);
            self.scan(cells[..cells.len() - 1].iter(), *missing, true, &mut best);
        } else {
            self.scan(cells[..cells.len() - 1].iter(), [0; N], false, &mut best);
            // What training did not see goes with the most rows.
            best.missing_left = 2 * self.scale.count(&best.left) > self.scale.count(&self.total);
        }
        let gain = self.gain(&best)?;
        let mut goes_left = first(best.end);
        if best.missing_left {
            goes_left[cells.len() / 64] |= 1 << (cells.len() % 64);
        }
        Some(Split { feature, bin: best.end - 1, gain, left: best.left, goes_left })
    }

    /// Sorts the categories by `G/(H + smooth)`: the best set is among the first ones (Fisher).
    fn categorical(&self, feature: usize, cells: &[Cell<N>]) -> Option<Split<N>> {
        let missing = cells.len() - 1;
        let mut order: Vec<(f64, usize)> = (0..cells.len())
            .filter(|&code| self.scale.count(&cells[code]) > 0)
            .map(|code| {
                let sums = self.scale.sums(&cells[code]);
                // At least something, so that no category divides by zero.
                let weight = (sums.hessian + self.limits.cat_smooth).max(f64::MIN_POSITIVE);
                (sums.gradient / weight, code)
            })
            .collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut best = self.none();
        let cuts = order.len().saturating_sub(1);
        self.scan(order[..cuts].iter().map(|&(_, code)| &cells[code]), [0; N], false, &mut best);
        let gain = self.gain(&best)?;
        // Missing and unseen categories can only go right, so the missing ones' side is the
        // right one; without any, the side with the most rows.
        let (low, high) = order.split_at(best.end);
        let in_low = low.iter().any(|&(_, code)| code == missing);
        let in_high = high.iter().any(|&(_, code)| code == missing);
        let more_low = 2 * self.scale.count(&best.left) > self.scale.count(&self.total);
        let turned = in_low || (!in_high && more_low);
        let (codes, left) =
            if turned { (high, minus(&self.total, &best.left)) } else { (low, best.left) };
        let mut goes_left = [0; 4];
        for &(_, code) in codes {
            goes_left[code / 64] |= 1 << (code % 64);
        }
        Some(Split { feature, bin: 0, gain, left, goes_left })
    }
}

/// The codes below `end`.
fn first(end: usize) -> [u64; 4] {
    std::array::from_fn(|word| match end.saturating_sub(64 * word) {
        0 => 0,
        n if n >= 64 => u64::MAX,
        n => (1 << n) - 1,
    })
}

#[cfg(test)]
mod tests {
    use fi_core::Rng;

    use super::*;

    /// Whichever side of a cut the order of a feature's bins calls left.
    #[test]
    fn a_cut_gains_the_same_bits_as_its_mirror() {
        let limits = Limits {
            min_samples_leaf: 1,
            min_sum_hessian: 0.1,
            min_gain_to_split: 0.0,
            // Without a penalty every cut gains something.
            l2: 0.0,
            cat_smooth: 1.0,
        };
        let mut rng = Rng::new(2, 0);
        for _ in 0..200 {
            let scale = Scale::new(2, 40, 3.0, 0.25);
            let mut side = || {
                (0..20).fold([0; 2], |sum, _| {
                    plus(&sum, &scale.cell(rng.normal(), 0.25 * rng.uniform()))
                })
            };
            let (a, b) = (side(), side());
            let finder = Finder { limits: &limits, scale: &scale, total: plus(&a, &b) };
            let gain = |cells| finder.numeric(0, cells, false).unwrap().gain;
            assert_eq!(gain(&[a, b, [0; 2]]).to_bits(), gain(&[b, a, [0; 2]]).to_bits());
        }
    }

    #[test]
    fn the_first_codes_as_bits() {
        for end in [0, 1, 63, 64, 65, 128, 200, 255, 256] {
            let set = first(end);
            assert!((0..256).all(|code| bit(&set, code) == (code < end)), "{end}");
        }
    }
}
