//! What a leaf of value 1 adds to each feature, for every pattern of a row.
//!
//! For a leaf with `d` distinct features let `p` be the set of those that the row passes, and
//! `f(E)` the weight of the background rows that fail exactly the features `E`. The leaf counts
//! where `E ⊆ p`: the features `E` must then come from the row, the `r = d − |p|` others from
//! the background row, so that
//!
//! ```text
//! j ∈ p   φ_j =   ∑_{E ⊆ p, j ∈ E}  f(E) · β(|E| − 1, r)
//! j ∉ p   φ_j = − ∑_{E ⊆ p}         f(E) · β(|E|, r − 1)
//! ```
//!
//! with [`Beta`]. The weights depend on the size of `E` only, so one subset-sum transform that
//! keeps the sizes apart answers all of them: `Z_e(q) = ∑_{E ⊆ q, |E| = e} f(E)` has
//! `2^d · (d + 1)` cells and costs `d/2` additions each. The sum over `E ∋ j` is the one over
//! `E ⊆ p` without the one over `E ⊆ p ∖ j`; pairs follow in the same way.

#![expect(clippy::inline_always, reason = "bodies that are compiled once more for wider registers")]

use super::beta::Beta;

/// The transform of one leaf after the other, in memory that is used again.
///
/// `L` is the number of sizes `e = 0 … L − 1` kept; `d` is at most `L`.
#[derive(Debug)]
pub(super) struct Unit<const L: usize> {
    /// `β(e − 1 − i, r − k)` by `[i + 1 + 3k][r]`, with 0 where an exponent is negative.
    weights: Vec<Vec<[f64; L]>>,
    sums: Vec<[f64; L]>,
    /// Weighted sums over the sizes: one list per kind.
    kinds: [Vec<f64>; 6],
    /// `f(E)` where `E` is all `L` features, which has no cell.
    all: f64,
    d: usize,
}

/// The kinds of weighted sums over the subsets of `q`, with `r` counted at the row's pattern.
///
/// `X·` are taken at the pattern itself (`r = d − |q|`), `·1` and `·2` at a pattern with one or
/// two features more.
const IN: usize = 0; // β(e − 1, r)
const IN_1: usize = 1;
const OUT: usize = 2; // β(e, r − 1)
/// For pairs.
const BOTH: usize = 0; // β(e − 2, r)
const BOTH_1: usize = 1;
const BOTH_2: usize = 2;
const MIXED: usize = 3; // β(e − 1, r − 1)
const MIXED_1: usize = 4;
const NEITHER: usize = 5; // β(e, r − 2)

impl<const L: usize> Unit<L> {
    pub(super) fn new(beta: &Beta) -> Self {
        let mut weights = Vec::new();
        for k in 0..3_usize {
            for i in 0..3_usize {
                let row = |r: usize| {
                    std::array::from_fn(|e| match (e.checked_sub(i), r.checked_sub(k)) {
                        (Some(a), Some(b)) => beta.get(a, b),
                        _ => 0.0,
                    })
                };
                // r goes to d, and 2 beyond it where less is taken off than was counted.
                weights.push((0..=L + 2).map(row).collect());
            }
        }
        Self { weights, sums: Vec::new(), kinds: Default::default(), all: 0.0, d: 0 }
    }

    /// `β(e − i, r − k)` for all sizes `e`.
    fn weights(&self, i: usize, k: usize, r: usize) -> &[f64; L] {
        &self.weights[3 * k + i][r]
    }

    /// Takes in the background: `failing[E]` is the weight of the rows that fail exactly `E`.
    #[inline(always)]
    fn transform(&mut self, d: usize, failing: &[f64]) {
        self.d = d;
        self.sums.clear();
        self.sums.resize(1 << d, [0.0; L]);
        self.all = 0.0;
        for (subset, (sums, &weight)) in self.sums.iter_mut().zip(failing).enumerate() {
            match sums.get_mut(subset.count_ones() as usize) {
                Some(sum) => *sum = weight,
                None => self.all = weight,
            }
        }
        for feature in 0..d {
            for pair in self.sums.chunks_exact_mut(2 << feature) {
                let (without, with) = pair.split_at_mut(1 << feature);
                for (with, without) in with.iter_mut().zip(without) {
                    for size in 0..L {
                        with[size] += without[size];
                    }
                }
            }
        }
    }

    /// Weighs the sums with `β(e − i, r − k)`, where `r = d − |q| − less`.
    #[inline(always)]
    fn weigh(&mut self, kind: usize, (i, k): (usize, usize), less: usize) {
        let mut out = std::mem::take(&mut self.kinds[kind]);
        out.clear();
        out.extend(self.sums.iter().enumerate().map(|(q, sums)| {
            let outside = self.d - q.count_ones() as usize;
            let Some(r) = outside.checked_sub(less) else { return 0.0 };
            let weights = self.weights(i, k, r);
            let products: [f64; L] = std::array::from_fn(|e| sums[e] * weights[e]);
            sum(products)
        }));
        if let (true, Some(last)) = (self.all > 0.0 && less == 0 && k == 0, out.last_mut()) {
            // E is all features, so r = 0.
            *last += self.all / (L + 1 - i) as f64;
        }
        self.kinds[kind] = out;
    }

    /// Writes `values[pattern][lane]` of a leaf of value 1; `lanes[j]` is where feature `j`
    /// stands, other lanes get 0.
    #[inline(always)]
    pub(super) fn values<const W: usize>(
        &mut self,
        failing: &[f64],
        lanes: &[usize],
        values: &mut Vec<[f64; W]>,
    ) {
        let d = lanes.len();
        self.transform(d, failing);
        self.weigh(IN, (1, 0), 0);
        self.weigh(IN_1, (1, 0), 1);
        self.weigh(OUT, (0, 1), 0);
        values.clear();
        values.resize(1 << d, [0.0; W]);
        for (p, values) in values.iter_mut().enumerate() {
            for (j, &lane) in lanes.iter().enumerate() {
                let without = p & !(1 << j);
                values[lane] = if without == p {
                    -self.kinds[OUT][p]
                } else {
                    self.kinds[IN][p] - self.kinds[IN_1][without]
                };
            }
        }
    }

    /// Writes for one pattern after the other the pairs `a ≤ b` of the leaf's features: half the
    /// interaction of two, and the main effect, which is left of `φ_a` without them.
    pub(super) fn pairs(&mut self, failing: &[f64], d: usize, values: &mut Vec<f64>) {
        self.transform(d, failing);
        self.weigh(IN, (1, 0), 0);
        self.weigh(IN_1, (1, 0), 1);
        self.weigh(OUT, (0, 1), 0);
        let single: Vec<f64> = (0..1_usize << d)
            .flat_map(|p| (0..d).map(move |j| (p, p & !(1 << j))))
            .map(|(p, without)| {
                if without == p {
                    -self.kinds[OUT][p]
                } else {
                    self.kinds[IN][p] - self.kinds[IN_1][without]
                }
            })
            .collect();
        self.weigh(BOTH, (2, 0), 0);
        self.weigh(BOTH_1, (2, 0), 1);
        self.weigh(BOTH_2, (2, 0), 2);
        self.weigh(MIXED, (1, 1), 0);
        self.weigh(MIXED_1, (1, 1), 1);
        self.weigh(NEITHER, (0, 2), 0);
        values.clear();
        let mut main = vec![0.0; d];
        for p in 0..1_usize << d {
            main.copy_from_slice(&single[p * d..(p + 1) * d]);
            let start = values.len();
            for a in 0..d {
                values.push(0.0);
                for b in a + 1..d {
                    let half = 0.5 * self.interaction(p, a, b);
                    main[a] -= half;
                    main[b] -= half;
                    values.push(half);
                }
            }
            let mut at = start;
            for (a, main) in main.iter().enumerate() {
                values[at] = *main;
                at += d - a;
            }
        }
    }

    fn interaction(&self, p: usize, a: usize, b: usize) -> f64 {
        let [both, both_1, both_2, mixed, mixed_1, neither] = &self.kinds;
        let (bit_a, bit_b) = (1 << a, 1 << b);
        match (p & bit_a != 0, p & bit_b != 0) {
            (true, true) => {
                let without_one = both_1[p ^ bit_a] + both_1[p ^ bit_b];
                both[p] - without_one + both_2[p ^ bit_a ^ bit_b]
            }
            (true, false) => mixed_1[p ^ bit_a] - mixed[p],
            (false, true) => mixed_1[p ^ bit_b] - mixed[p],
            (false, false) => neither[p],
        }
    }
}

/// In pairs, so that the order does not depend on the processor.
#[inline(always)]
fn sum<const L: usize>(mut products: [f64; L]) -> f64 {
    let mut half = L / 2;
    while half > 0 {
        for i in 0..half {
            products[i] += products[i + half];
        }
        half /= 2;
    }
    products[0]
}
