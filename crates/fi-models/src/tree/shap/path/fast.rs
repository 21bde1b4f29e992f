//! The walk over the usual tree: one value per leaf, and shares that add up to 1.
//!
//! There `b₂ − r₂ = −(b₁ − r₁)`, so that with `g = h (b₁ − r₁)`, `y = r₁ + (t/u) g` and
//! `D = S₁ − S₂` everything shrinks to
//!
//! ```text
//! A₁ = A y      A₂ = A − A₁      S = S₂ + y D      φ += g ∑ₖ A (c/u²) D
//! ```
//!
//! Where both children are leaves with the difference `d`, all there is of a split is
//! `e = g d`: `S = (r₁ d + S₂) + (t/u) e` and `φ += e ∑ₖ A (c/u²)`. A split above two such splits,
//! or one and a leaf, is done in one go with them; if none of their features was split on above,
//! their sums are polynomials in `t` of degree 2, and all that must be known of `A` is
//! `∑ₖ Aₖ` and `∑ₖ Aₖ tₖ`.
//!
//! The number of nodes `K` is known when the code is compiled.

use super::lanes::{Lanes, Real};
use super::program::{NONE, Program, Split, Step};
use super::walk::Scratch;

/// The largest number of nodes there is code for; larger rules are taken in parts.
pub(super) const MOST_NODES: usize = 8;

/// What is done at a split, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// On the way down, into child 1.
    Enter,
    /// Into child 2, after child 1.
    Between,
    /// On the way up, from two subtrees.
    Leave,
    /// On the way up, where child 2 is a leaf.
    LeaveOne,
    /// All at once, where both are.
    Leaves,
    /// A split whose child 1 is of that kind and whose child 2 is a leaf.
    Three,
    /// A split whose children are both of that kind.
    Four,
    /// As `Four`, with features that were split on above.
    FourRepeated,
}

/// One step, and the place of its split; those of the children are behind it.
#[derive(Debug, Clone, Copy)]
struct Op {
    kind: Kind,
    at: u32,
}

/// One split.
#[derive(Debug, Clone, Copy)]
struct Node<T> {
    column: u32,
    feature: u32,
    threshold: T,
    /// `b₁ − r₁` for rows that pass and for those that do not, times `d` above two leaves.
    pass: T,
    fail: T,
    /// `r₁`, or `r₁ d + S₂` above two leaves.
    start: T,
    /// The value of child 2 where it is a leaf.
    second: T,
    depth: u32,
    slot: u32,
    above: u32,
    repeat: u32,
    keep: bool,
    pass_first: bool,
}

/// A tree in these steps.
#[derive(Debug)]
pub(super) struct Fast<T> {
    ops: Vec<Op>,
    nodes: Vec<Node<T>>,
    /// As many ones as the rule has nodes.
    ones: Vec<T>,
}

impl<T: Real> Fast<T> {
    /// The steps of a program, unless it needs the general walk.
    pub(super) fn new(program: &Program<'_, T>, n_features: usize) -> Option<Self> {
        if !program.additive || program.n_values != 1 {
            return None;
        }
        let ones = vec![T::ONE; program.t.len()];
        let mut fast = Self { ops: Vec::with_capacity(program.steps.len()), nodes: vec![], ones };
        let both = |split: u32| program.splits[split as usize].leaf[0] != NONE;
        let steps = &program.steps;
        let mut at = 0;
        // The places of the splits that were entered and not left.
        let mut open: Vec<u32> = Vec::new();
        let mut push = |fast: &mut Self, kind: Kind, splits: &[u32]| {
            let place = fast.nodes.len() as u32;
            let nodes = splits.iter().map(|&split| node(program, split, n_features));
            fast.nodes.extend(nodes);
            fast.ops.push(Op { kind, at: place });
            place
        };
        while at < steps.len() {
            let rest = &steps[at..];
            at += match *rest {
                [Step::Enter(split), ..] if both(split) => {
                    push(&mut fast, Kind::Leaves, &[split]);
                    2
                }
                [
                    Step::Enter(split),
                    Step::Enter(one),
                    Step::Leave(_),
                    Step::Between(_),
                    Step::Enter(two),
                    Step::Leave(other),
                    ..,
                ] if both(one) && two == other && both(two) => {
                    let splits = [split, one, two];
                    let plain = splits.iter().all(|&split| repeat(program, split) == NONE);
                    push(&mut fast, if plain { Kind::Four } else { Kind::FourRepeated }, &splits);
                    7
                }
                [Step::Enter(split), Step::Enter(one), Step::Leave(_), Step::Leave(other), ..]
                    if both(one)
                        && split == other
                        && [split, one].iter().all(|&split| repeat(program, split) == NONE) =>
                {
                    push(&mut fast, Kind::Three, &[split, one]);
                    4
                }
                [Step::Enter(split), ..] => {
                    open.push(push(&mut fast, Kind::Enter, &[split]));
                    1
                }
                [Step::Between(_), ..] => {
                    fast.ops.push(Op { kind: Kind::Between, at: *open.last()? });
                    1
                }
                [Step::Leave(split), ..] => {
                    let one_leaf = program.splits[split as usize].leaf[1] != NONE;
                    let kind = if one_leaf { Kind::LeaveOne } else { Kind::Leave };
                    fast.ops.push(Op { kind, at: open.pop()? });
                    1
                }
                [] => return None,
            };
        }
        Some(fast)
    }

    /// Adds the Shapley values of the tree for one group of rows to `phi[output][feature]`, by
    /// `K` nodes of the quadrature rule from `first`.
    #[inline(always)]
    pub(super) fn walk<const L: usize, const K: usize, const FMA: bool>(
        &self,
        program: &Program<'_, T>,
        first: usize,
        columns: &[Lanes<T, L>],
        phi: &mut [Lanes<T, L>],
        scratch: &mut Scratch<T, L>,
    ) {
        let Some(t) = program.t[first..].first_chunk::<K>() else { return };
        let Some(w) = program.w[first..].first_chunk::<K>() else { return };
        let Some(ones) = self.ones[first..].first_chunk::<K>() else { return };
        let factors = Factors { t, ones, repeats: &program.repeats, n: program.t.len(), first };
        let (a, _) = scratch.a.as_chunks_mut::<K>();
        let (s, _) = scratch.s.as_chunks_mut::<K>();
        let (g, h) = (&mut scratch.g[..], &mut scratch.h[..]);
        for k in 0..K {
            a[0][k] = Lanes::all(w[k]);
        }
        for op in &self.ops {
            let nodes = &self.nodes[op.at as usize..];
            let Some(node) = nodes.first() else { return };
            let depth = node.depth as usize;
            match op.kind {
                Kind::Enter => {
                    let step = node.direction(columns, h);
                    g[depth] = step;
                    let (share, ts) = (Lanes::all(node.start), factors.of(node));
                    let [above, below] = &mut a[depth..depth + 2] else { return };
                    for k in 0..K {
                        let y = step.fma::<FMA>(Lanes::all(ts[k]), share);
                        below[k] = above[k].times(y);
                    }
                }
                Kind::Between => {
                    let [above, below] = &mut a[depth..depth + 2] else { return };
                    for k in 0..K {
                        below[k] = above[k].minus(below[k]);
                    }
                    if node.keep {
                        h.swap(2 * depth, 2 * depth + 1);
                    }
                }
                Kind::Leave => {
                    let (step, share, ts) = (g[depth], Lanes::all(node.start), factors.of(node));
                    let mut sum = Lanes::ZERO;
                    let weights = factors.weights(node);
                    for k in 0..K {
                        let y = step.fma::<FMA>(Lanes::all(ts[k]), share);
                        let second = s[2 * depth + 1][k];
                        let difference = s[2 * depth][k].minus(second);
                        let above = weigh(a[depth][k], weights, k);
                        sum = above.fma::<FMA>(difference, sum);
                        s[node.slot as usize][k] = y.fma::<FMA>(difference, second);
                    }
                    add::<T, L, FMA>(phi, node, step, sum);
                }
                Kind::LeaveOne => {
                    let (step, share, ts) = (g[depth], Lanes::all(node.start), factors.of(node));
                    let second = Lanes::all(node.second);
                    let mut sum = Lanes::ZERO;
                    let weights = factors.weights(node);
                    for k in 0..K {
                        let y = step.fma::<FMA>(Lanes::all(ts[k]), share);
                        let difference = s[2 * depth][k].minus(second);
                        let above = weigh(a[depth][k], weights, k);
                        sum = above.fma::<FMA>(difference, sum);
                        s[node.slot as usize][k] = y.fma::<FMA>(difference, second);
                    }
                    add::<T, L, FMA>(phi, node, step, sum);
                }
                Kind::Leaves => {
                    let step = node.direction(columns, h);
                    let (start, ts) = (Lanes::all(node.start), factors.of(node));
                    let weights = factors.weights(node);
                    let mut sum = Lanes::ZERO;
                    for k in 0..K {
                        sum = weigh(a[depth][k], weights, k).plus(sum);
                        s[node.slot as usize][k] = step.fma::<FMA>(Lanes::all(ts[k]), start);
                    }
                    add::<T, L, FMA>(phi, node, step, sum);
                }
                Kind::Three => {
                    let [node, one, ..] = nodes else { return };
                    let (step, step1) = (node.compare(columns), one.compare(columns));
                    let [m0, m1] = moments::<T, L, K, FMA>(&a[depth], t);
                    // D = c + t e.
                    let (c, e) = (Lanes::all(one.start - node.second), step1);
                    let share = Lanes::all(node.start);
                    add::<T, L, FMA>(phi, one, e, m0.times(share).plus(step.times(m1)));
                    add::<T, L, FMA>(phi, node, step, m0.times(c).plus(e.times(m1)));
                    let s0 = Lanes::all(fma_of::<FMA, T>(node.start, c.0[0], node.second));
                    let s1 = share.fma::<FMA>(e, step.times(c));
                    quadratic::<T, L, K, FMA>(&mut s[node.slot as usize], t, s0, s1, step.times(e));
                }
                Kind::Four => {
                    let [node, one, two, ..] = nodes else { return };
                    let step = node.compare(columns);
                    let (e1, e2) = (one.compare(columns), two.compare(columns));
                    let [m0, m1] = moments::<T, L, K, FMA>(&a[depth], t);
                    let (c, e) = (Lanes::all(one.start - two.start), e1.minus(e2));
                    let share = Lanes::all(node.start);
                    let below = m0.times(share).plus(step.times(m1));
                    add::<T, L, FMA>(phi, one, e1, below);
                    add::<T, L, FMA>(phi, two, e2, m0.minus(below));
                    add::<T, L, FMA>(phi, node, step, m0.times(c).plus(e.times(m1)));
                    let s0 = Lanes::all(fma_of::<FMA, T>(node.start, c.0[0], two.start));
                    let s1 = share.fma::<FMA>(e, step.fma::<FMA>(c, e2));
                    quadratic::<T, L, K, FMA>(&mut s[node.slot as usize], t, s0, s1, step.times(e));
                }
                Kind::FourRepeated => {
                    let [node, one, two, ..] = nodes else { return };
                    let step = node.direction(columns, h);
                    let e1 = one.direction(columns, h);
                    if node.keep {
                        h.swap(2 * depth, 2 * depth + 1);
                    }
                    let e2 = two.direction(columns, h);
                    let (ts, t1, t2) = (factors.of(node), factors.of(one), factors.of(two));
                    let (ws, w1, w2) = (
                        factors.all_weights(node),
                        factors.all_weights(one),
                        factors.all_weights(two),
                    );
                    let (start1, start2) = (Lanes::all(one.start), Lanes::all(two.start));
                    let share = Lanes::all(node.start);
                    let (mut sum, mut sum1, mut sum2) = (Lanes::ZERO, Lanes::ZERO, Lanes::ZERO);
                    for k in 0..K {
                        let above = a[depth][k];
                        let y = step.fma::<FMA>(Lanes::all(ts[k]), share);
                        let below = above.times(y);
                        sum1 = below.fma::<FMA>(Lanes::all(w1[k]), sum1);
                        sum2 = above.minus(below).fma::<FMA>(Lanes::all(w2[k]), sum2);
                        let first = e1.fma::<FMA>(Lanes::all(t1[k]), start1);
                        let second = e2.fma::<FMA>(Lanes::all(t2[k]), start2);
                        let difference = first.minus(second);
                        sum = above.times(Lanes::all(ws[k])).fma::<FMA>(difference, sum);
                        s[node.slot as usize][k] = y.fma::<FMA>(difference, second);
                    }
                    add::<T, L, FMA>(phi, one, e1, sum1);
                    add::<T, L, FMA>(phi, two, e2, sum2);
                    add::<T, L, FMA>(phi, node, step, sum);
                }
            }
        }
    }
}

/// The factors `t/u` and `c/u²` of splits for `K` nodes from `first` of `n`.
struct Factors<'p, T, const K: usize> {
    t: &'p [T; K],
    ones: &'p [T; K],
    repeats: &'p [T],
    n: usize,
    first: usize,
}

impl<'p, T: Real, const K: usize> Factors<'p, T, K> {
    #[inline(always)]
    fn of(&self, node: &Node<T>) -> &'p [T; K] {
        if node.repeat == NONE {
            return self.t;
        }
        self.repeats[node.repeat as usize + self.first..].first_chunk::<K>().unwrap_or(self.t)
    }

    #[inline(always)]
    fn weights(&self, node: &Node<T>) -> Option<&'p [T; K]> {
        (node.repeat != NONE).then(|| self.all_weights(node))
    }

    #[inline(always)]
    fn all_weights(&self, node: &Node<T>) -> &'p [T; K] {
        if node.repeat == NONE {
            return self.ones;
        }
        let at = node.repeat as usize + self.n + self.first;
        self.repeats[at..].first_chunk::<K>().unwrap_or(self.ones)
    }
}

impl<T: Real> Node<T> {
    /// `b₁ − r₁`.
    #[inline(always)]
    fn compare<const L: usize>(&self, columns: &[Lanes<T, L>]) -> Lanes<T, L> {
        let (threshold, pass, fail) = (self.threshold, self.pass, self.fail);
        columns[self.column as usize].map(|x| if x <= threshold { pass } else { fail })
    }

    /// `g`; keeps what splits below on the same feature need.
    #[inline(always)]
    fn direction<const L: usize>(
        &self,
        columns: &[Lanes<T, L>],
        h: &mut [Lanes<T, L>],
    ) -> Lanes<T, L> {
        let mut g = self.compare(columns);
        if self.keep || self.above != NONE {
            let known =
                if self.above == NONE { Lanes::all(T::ONE) } else { h[2 * self.above as usize] };
            if self.keep {
                let (depth, threshold) = (self.depth as usize, self.threshold);
                let (first, second) =
                    if self.pass_first { (T::ONE, T::ZERO) } else { (T::ZERO, T::ONE) };
                let x = columns[self.column as usize];
                let one = x.map(|x| if x <= threshold { first } else { second }).times(known);
                h[2 * depth] = one;
                h[2 * depth + 1] = known.minus(one);
            }
            g = g.times(known);
        }
        g
    }
}

fn repeat<T: Real>(program: &Program<'_, T>, split: u32) -> u32 {
    program.splits[split as usize].repeat
}

fn node<T: Real>(program: &Program<'_, T>, split: u32, n_features: usize) -> Node<T> {
    let split: &Split<T> = &program.splits[split as usize];
    let value = |leaf: u32| if leaf == NONE { T::ZERO } else { program.leaves[leaf as usize] };
    let (share, second) = (split.share[0], value(split.leaf[1]));
    let (mut first_step, mut second_step, mut start) = (T::ONE - share, -share, share);
    if split.leaf[0] != NONE {
        let difference = value(split.leaf[0]) - second;
        (first_step, second_step) = (first_step * difference, second_step * difference);
        start = share * difference + second;
    }
    Node {
        column: split.column,
        feature: (program.output * n_features) as u32 + split.feature,
        threshold: split.threshold,
        pass: if split.pass_first { first_step } else { second_step },
        fail: if split.pass_first { second_step } else { first_step },
        start,
        second,
        depth: split.depth,
        // The sum of the whole tree goes where nothing is read any more.
        slot: if split.slot == NONE { 0 } else { split.slot },
        above: split.above,
        repeat: split.repeat,
        keep: split.keep,
        pass_first: split.pass_first,
    }
}

#[inline(always)]
fn weigh<T: Real, const L: usize, const K: usize>(
    a: Lanes<T, L>,
    weights: Option<&[T; K]>,
    k: usize,
) -> Lanes<T, L> {
    match weights {
        Some(weights) => a.times(Lanes::all(weights[k])),
        None => a,
    }
}

#[inline(always)]
fn add<T: Real, const L: usize, const FMA: bool>(
    phi: &mut [Lanes<T, L>],
    node: &Node<T>,
    step: Lanes<T, L>,
    sum: Lanes<T, L>,
) {
    let phi = &mut phi[node.feature as usize];
    *phi = step.fma::<FMA>(sum, *phi);
}

/// `∑ₖ Aₖ` and `∑ₖ Aₖ tₖ`.
#[inline(always)]
fn moments<T: Real, const L: usize, const K: usize, const FMA: bool>(
    a: &[Lanes<T, L>; K],
    t: &[T; K],
) -> [Lanes<T, L>; 2] {
    let (mut m0, mut m1) = (Lanes::ZERO, Lanes::ZERO);
    for k in 0..K {
        m0 = m0.plus(a[k]);
        m1 = a[k].fma::<FMA>(Lanes::all(t[k]), m1);
    }
    [m0, m1]
}

/// `s0 + s1 t + s2 t²` at each node.
#[inline(always)]
fn quadratic<T: Real, const L: usize, const K: usize, const FMA: bool>(
    s: &mut [Lanes<T, L>; K],
    t: &[T; K],
    s0: Lanes<T, L>,
    s1: Lanes<T, L>,
    s2: Lanes<T, L>,
) {
    for k in 0..K {
        let t = Lanes::all(t[k]);
        s[k] = s2.fma::<FMA>(t, s1).fma::<FMA>(t, s0);
    }
}

#[inline(always)]
fn fma_of<const FMA: bool, T: Real>(a: T, b: T, c: T) -> T {
    super::lanes::fma::<FMA, T>(a, b, c)
}
