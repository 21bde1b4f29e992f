//! The walk over the usual tree: one value per leaf, and shares that add up to 1.
//!
//! There `b₂ − r₂ = −(b₁ − r₁)`, so that with `g = h (b₁ − r₁)`, `y = r₁ + (t/u) g` and
//! `D = S₁ − S₂` everything shrinks to
//!
//! ```text
//! A₁ = A y      A₂ = A − A₁      S = S₂ + y D      φ += g ∑ₖ A (c/u²) D
//! ```
//!
//! and where both children are leaves `D` is a constant. The number of nodes `K` is known when
//! the code is compiled.

use super::columns::{Numeric, passes};
use super::lanes::{Lanes, Real};
use super::program::{Categories, NONE, Program, Step};
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
}

/// One step.
#[derive(Debug, Clone, Copy)]
struct Op<T> {
    kind: Kind,
    keep: bool,
    column: u32,
    feature: u32,
    depth: u32,
    slot: u32,
    above: u32,
    repeat: u32,
    /// The place of a test of categories.
    categories: u32,
    numeric: Numeric<T>,
    /// `b₁ − r₁` for rows that pass and for those that do not.
    pass: T,
    fail: T,
    share: T,
    /// The value of child 2 where it is a leaf, and what child 1 has more than it where both are.
    second: T,
    difference: T,
}

/// A tree in these steps.
#[derive(Debug)]
pub(super) struct Fast<'a, T> {
    ops: Vec<Op<T>>,
    categories: Vec<Categories<'a>>,
}

impl<'a, T: Real> Fast<'a, T> {
    /// The steps of a program, unless it needs the general walk.
    pub(super) fn new(program: &Program<'a, T>, n_features: usize) -> Option<Self> {
        if !program.additive || program.n_values != 1 {
            return None;
        }
        let mut fast = Self { ops: Vec::with_capacity(program.steps.len()), categories: vec![] };
        for step in &program.steps {
            let (Step::Enter(split) | Step::Between(split) | Step::Leave(split)) = *step;
            let split = &program.splits[split as usize];
            let one_leaf = split.leaf[1] != NONE;
            let kind = match step {
                Step::Enter(_) if split.leaf[0] != NONE => Kind::Leaves,
                Step::Enter(_) => Kind::Enter,
                Step::Between(_) => Kind::Between,
                Step::Leave(_) if split.leaf[0] != NONE => continue,
                Step::Leave(_) if one_leaf => Kind::LeaveOne,
                Step::Leave(_) => Kind::Leave,
            };
            let value =
                |leaf: u32| if leaf == NONE { T::ZERO } else { program.leaves[leaf as usize] };
            let share = split.share[0];
            let (first, second) = (T::ONE - share, -share);
            let mut categories = NONE;
            if let (Some(test), Kind::Enter | Kind::Leaves) = (split.categories, kind) {
                categories = fast.categories.len() as u32;
                fast.categories.push(test);
            }
            fast.ops.push(Op {
                kind,
                keep: split.keep,
                column: split.column,
                feature: (program.output * n_features) as u32 + split.feature,
                depth: split.depth,
                slot: if split.slot == NONE { 2 * split.depth } else { split.slot },
                above: split.above,
                repeat: split.repeat,
                categories,
                numeric: split.numeric,
                pass: if split.pass_first { first } else { second },
                fail: if split.pass_first { second } else { first },
                share,
                second: value(split.leaf[1]),
                difference: value(split.leaf[0]) - value(split.leaf[1]),
            });
        }
        Some(fast)
    }

    /// Adds the Shapley values of the tree for one group of rows to `phi[feature]`, by `K` nodes
    /// of the quadrature rule from `first`.
    #[inline(always)]
    pub(super) fn walk<const L: usize, const K: usize, const FMA: bool>(
        &self,
        program: &Program<'a, T>,
        first: usize,
        columns: &[Lanes<T, L>],
        phi: &mut [Lanes<T, L>],
        scratch: &mut Scratch<T, L>,
    ) {
        let n_nodes = program.t.len();
        let Some(t) = program.t[first..].first_chunk::<K>() else { return };
        let Some(w) = program.w[first..].first_chunk::<K>() else { return };
        let (a, _) = scratch.a.as_chunks_mut::<K>();
        let (s, _) = scratch.s.as_chunks_mut::<K>();
        let (g, h) = (&mut scratch.g[..], &mut scratch.h[..]);
        for k in 0..K {
            a[0][k] = Lanes::all(w[k]);
        }
        for op in &self.ops {
            let depth = op.depth as usize;
            let repeated;
            let factors: &[T; K] = if op.repeat == NONE {
                t
            } else {
                let at = op.repeat as usize + first;
                repeated = program.repeats[at..].first_chunk::<K>();
                repeated.unwrap_or(t)
            };
            match op.kind {
                Kind::Enter => {
                    let move_in = self.direction(op, columns, h);
                    g[depth] = move_in;
                    let share = Lanes::all(op.share);
                    let [above, below] = &mut a[depth..depth + 2] else { return };
                    for k in 0..K {
                        let y = move_in.fma::<FMA>(Lanes::all(factors[k]), share);
                        below[k] = above[k].times(y);
                    }
                }
                Kind::Between => {
                    let [above, below] = &mut a[depth..depth + 2] else { return };
                    for k in 0..K {
                        below[k] = above[k].minus(below[k]);
                    }
                    if op.keep {
                        h.swap(2 * depth, 2 * depth + 1);
                    }
                }
                Kind::Leave | Kind::LeaveOne => {
                    let move_in = g[depth];
                    let share = Lanes::all(op.share);
                    let mut sum = Lanes::ZERO;
                    let weights = weights::<T, K>(op, program, n_nodes, first);
                    for k in 0..K {
                        let y = move_in.fma::<FMA>(Lanes::all(factors[k]), share);
                        let second = match op.kind {
                            Kind::LeaveOne => Lanes::all(op.second),
                            _ => s[2 * depth + 1][k],
                        };
                        let difference = s[2 * depth][k].minus(second);
                        let mut above = a[depth][k];
                        if let Some(weights) = weights {
                            above = above.times(Lanes::all(weights[k]));
                        }
                        sum = above.fma::<FMA>(difference, sum);
                        s[op.slot as usize][k] = y.fma::<FMA>(difference, second);
                    }
                    let phi = &mut phi[op.feature as usize];
                    *phi = move_in.fma::<FMA>(sum, *phi);
                }
                Kind::Leaves => {
                    let move_in = self.direction(op, columns, h);
                    let (share, second) = (Lanes::all(op.share), Lanes::all(op.second));
                    let difference = Lanes::all(op.difference);
                    let weights = weights::<T, K>(op, program, n_nodes, first);
                    let mut sum = Lanes::ZERO;
                    for k in 0..K {
                        let y = move_in.fma::<FMA>(Lanes::all(factors[k]), share);
                        let above = a[depth][k];
                        sum = match weights {
                            Some(weights) => above.fma::<FMA>(Lanes::all(weights[k]), sum),
                            None => above.plus(sum),
                        };
                        s[op.slot as usize][k] = y.fma::<FMA>(difference, second);
                    }
                    let phi = &mut phi[op.feature as usize];
                    *phi = move_in.times(difference).fma::<FMA>(sum, *phi);
                }
            }
        }
    }

    /// `g` of a split; keeps what splits below on the same feature need.
    #[inline(always)]
    fn direction<const L: usize>(
        &self,
        op: &Op<T>,
        columns: &[Lanes<T, L>],
        h: &mut [Lanes<T, L>],
    ) -> Lanes<T, L> {
        let x = columns[op.column as usize];
        let (sign, threshold, pass, fail) =
            (op.numeric.sign, op.numeric.threshold, op.pass, op.fail);
        let mut g = if op.categories == NONE {
            x.map(|x| if x * sign <= threshold { pass } else { fail })
        } else {
            let test = &self.categories[op.categories as usize];
            x.map(|x| if passes(test.set, test.turned, x.to_f64()) { pass } else { fail })
        };
        if op.keep || op.above != NONE {
            let known =
                if op.above == NONE { Lanes::all(T::ONE) } else { h[2 * op.above as usize] };
            if op.keep {
                let depth = op.depth as usize;
                let first = T::ONE - op.share;
                let one = g.map(|g| if g == first { T::ONE } else { T::ZERO }).times(known);
                h[2 * depth] = one;
                h[2 * depth + 1] = known.minus(one);
            }
            g = g.times(known);
        }
        g
    }
}

/// The factors `c/u²` of a repeated feature.
#[inline(always)]
fn weights<'p, T: Real, const K: usize>(
    op: &Op<T>,
    program: &'p Program<'_, T>,
    n_nodes: usize,
    first: usize,
) -> Option<&'p [T; K]> {
    if op.repeat == NONE {
        return None;
    }
    program.repeats[op.repeat as usize + n_nodes + first..].first_chunk::<K>()
}
