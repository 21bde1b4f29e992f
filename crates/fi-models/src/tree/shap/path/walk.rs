//! The walk over one tree for a group of rows, for any tree.
//!
//! With `u = h t + c (1 − t)` for the state of a feature on the path (`h`: the row went this way
//! at all of its splits; `c`: the product of their shares), a child with share `r` that a row
//! goes to (`b = 1`) or not (`b = 0`) multiplies the weight of the path by
//!
//! ```text
//! y = r + h (t/u) (b − r)
//! ```
//!
//! the sum `S` of a subtree is that of its children times their `y`, and a split adds to its
//! feature
//!
//! ```text
//! φ += h ∑ₖ A (c/u²) ((b₁ − r₁) S₁ + (b₂ − r₂) S₂)
//! ```
//!
//! where `A`, the product of all `y` above and the weight of the node, came down the path.

use super::lanes::{Lanes, Real};
use super::program::{NONE, Program, Split, Step};

/// What a walk writes down on its way, taken along from tree to tree.
#[derive(Debug, Default)]
pub(super) struct Scratch<T, const L: usize> {
    /// The weight of the path at each depth.
    pub(super) a: Vec<Lanes<T, L>>,
    /// The sums of the two children at each depth.
    pub(super) s: Vec<Lanes<T, L>>,
    /// `h (b − r)` of the two children.
    pub(super) g: Vec<Lanes<T, L>>,
    /// `h b` of the child that the walk is in, and of the other.
    pub(super) h: Vec<Lanes<T, L>>,
}

impl<T: Real, const L: usize> Scratch<T, L> {
    pub(super) fn reserve(&mut self, depth: usize, nodes: usize, n_values: usize) {
        grow(&mut self.a, (depth + 1) * nodes);
        grow(&mut self.s, 2 * depth * nodes * n_values);
        grow(&mut self.g, 2 * depth);
        grow(&mut self.h, 2 * depth);
    }
}

fn grow<T: Real, const L: usize>(lanes: &mut Vec<Lanes<T, L>>, len: usize) {
    if lanes.len() < len {
        lanes.resize(len, Lanes::ZERO);
    }
}

/// Which rows pass a test: 1 or 0.
#[inline(always)]
pub(super) fn test<T: Real, const L: usize>(
    split: &Split<T>,
    columns: &[Lanes<T, L>],
) -> Lanes<T, L> {
    columns[split.column as usize].map(|x| if x <= split.threshold { T::ONE } else { T::ZERO })
}

/// Adds the Shapley values of one tree for one group of rows to `phi[output][feature]`.
///
/// The nodes of the quadrature rule are taken `step` at a time.
#[inline(always)]
pub(super) fn walk<T: Real, const L: usize, const FMA: bool>(
    program: &Program<'_, T>,
    step: usize,
    columns: &[Lanes<T, L>],
    n_features: usize,
    phi: &mut [Lanes<T, L>],
    scratch: &mut Scratch<T, L>,
) {
    scratch.reserve(program.depth, step, program.n_values);
    for first in (0..program.t.len()).step_by(step) {
        let nodes = step.min(program.t.len() - first);
        let walk = Walk { program, first, nodes };
        for k in 0..nodes {
            scratch.a[k] = Lanes::all(program.w[first + k]);
        }
        for step in &program.steps {
            match *step {
                Step::Enter(split) => walk.enter::<L, FMA, false>(split, columns, scratch),
                Step::Between(split) => walk.between::<L, FMA, false>(split, scratch),
                Step::Leave(split) => walk.leave::<L, FMA>(split, n_features, phi, scratch),
            }
        }
    }
}

/// A walk with the `nodes` nodes of the quadrature rule from `first`.
pub(super) struct Walk<'w, 'a, T> {
    pub(super) program: &'w Program<'a, T>,
    pub(super) first: usize,
    pub(super) nodes: usize,
}

impl<T: Real> Walk<'_, '_, T> {
    #[inline(always)]
    fn factor(&self, split: &Split<T>, k: usize) -> T {
        match split.repeat {
            NONE => self.program.t[self.first + k],
            repeat => self.program.repeats[repeat as usize + self.first + k],
        }
    }

    #[inline(always)]
    pub(super) fn enter<const L: usize, const FMA: bool, const KEEP: bool>(
        &self,
        split: u32,
        columns: &[Lanes<T, L>],
        scratch: &mut Scratch<T, L>,
    ) {
        let split = &self.program.splits[split as usize];
        let depth = split.depth as usize;
        let pass = test(split, columns);
        let first = if split.pass_first { pass } else { pass.map(|bit| T::ONE - bit) };
        let mut g1 = first.map(|bit| bit - split.share[0]);
        let mut g2 = first.map(|bit| T::ONE - bit - split.share[1]);
        let known = match split.above {
            NONE => Lanes::all(T::ONE),
            above => scratch.h[2 * above as usize],
        };
        if split.above != NONE {
            (g1, g2) = (g1.times(known), g2.times(known));
        }
        if KEEP || split.keep {
            let one = first.times(known);
            scratch.h[2 * depth] = one;
            scratch.h[2 * depth + 1] = known.minus(one);
        }
        (scratch.g[2 * depth], scratch.g[2 * depth + 1]) = (g1, g2);
        if split.leaf[0] == NONE {
            self.descend::<L, FMA>(split, split.share[0], g1, scratch);
        }
    }

    #[inline(always)]
    pub(super) fn between<const L: usize, const FMA: bool, const KEEP: bool>(
        &self,
        split: u32,
        scratch: &mut Scratch<T, L>,
    ) {
        let split = &self.program.splits[split as usize];
        let depth = split.depth as usize;
        if KEEP || split.keep {
            scratch.h.swap(2 * depth, 2 * depth + 1);
        }
        self.descend::<L, FMA>(split, split.share[1], scratch.g[2 * depth + 1], scratch);
    }

    #[inline(always)]
    fn descend<const L: usize, const FMA: bool>(
        &self,
        split: &Split<T>,
        share: T,
        g: Lanes<T, L>,
        scratch: &mut Scratch<T, L>,
    ) {
        let from = split.depth as usize * self.nodes;
        let (above, below) = scratch.a[from..].split_at_mut(self.nodes);
        for (k, (a, child)) in above.iter().zip(below).enumerate() {
            let factor = Lanes::all(self.factor(split, k));
            *child = a.times(g.fma::<FMA>(factor, Lanes::all(share)));
        }
    }

    #[inline(always)]
    fn leave<const L: usize, const FMA: bool>(
        &self,
        split: u32,
        n_features: usize,
        phi: &mut [Lanes<T, L>],
        scratch: &mut Scratch<T, L>,
    ) {
        let split = &self.program.splits[split as usize];
        for value in 0..self.program.n_values {
            let mut sum = Lanes::ZERO;
            self.sums::<L, FMA>(split, value, scratch, |_, term| sum = sum.plus(term));
            let phi = &mut phi[(self.program.output + value) * n_features + split.feature as usize];
            *phi = phi.plus(sum);
        }
    }

    /// The sum of a split's subtree, and the term that each node adds to the split's feature.
    #[inline(always)]
    pub(super) fn sums<const L: usize, const FMA: bool>(
        &self,
        split: &Split<T>,
        value: usize,
        scratch: &mut Scratch<T, L>,
        mut each: impl FnMut(usize, Lanes<T, L>),
    ) {
        let depth = split.depth as usize;
        let (g1, g2) = (scratch.g[2 * depth], scratch.g[2 * depth + 1]);
        let [share1, share2] = split.share.map(Lanes::all);
        for k in 0..self.nodes {
            let child = |child: usize| match split.leaf[child] {
                NONE => scratch.s[self.slot(2 * depth + child, value) + k],
                leaf => Lanes::all(self.program.leaves[leaf as usize + value]),
            };
            let (s1, s2) = (child(0), child(1));
            let factor = Lanes::all(self.factor(split, k));
            let y1 = g1.fma::<FMA>(factor, share1);
            let y2 = g2.fma::<FMA>(factor, share2);
            let mut a = scratch.a[depth * self.nodes + k];
            if split.repeat != NONE {
                let weight = split.repeat as usize + self.program.t.len() + self.first + k;
                a = a.times(Lanes::all(self.program.repeats[weight]));
            }
            each(k, a.times(g1.fma::<FMA>(s1, g2.times(s2))));
            if split.slot != NONE {
                let slot = self.slot(split.slot as usize, value) + k;
                scratch.s[slot] = y1.fma::<FMA>(s1, y2.times(s2));
            }
        }
    }

    #[inline(always)]
    fn slot(&self, slot: usize, value: usize) -> usize {
        (slot * self.program.n_values + value) * self.nodes
    }
}
