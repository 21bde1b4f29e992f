//! The walk over one tree for Shapley interactions, for any tree.
//!
//! A split adds to its feature the integral of some `E`. What another feature `j` on the path
//! has to do with it is the same integral, derived by `j` too:
//!
//! ```text
//! φ(f, j) += ∑ₖ Eₖ (hⱼ − cⱼ)/uⱼ = hⱼ ∑ₖ Eₖ δⱼₖ − ∑ₖ Eₖ / (1 − tₖ)
//! δⱼₖ = 1 / ((1 − tₖ) (tₖ + cⱼ (1 − tₖ)))
//! ```
//!
//! with the state of `j` at its closest split above. Those closest splits are kept in a list
//! from which a split takes out the one that it replaces, and puts it back when it is left.

use super::super::engine::pair;
use super::lanes::{Lanes, Real};
use super::program::{NONE, Program, Step};
use super::walk::{Scratch, Walk};

/// The numbers of a tree that only interactions need.
pub(super) struct PairFactors<T> {
    /// `1 / (1 − t)` for each node.
    cold: Vec<T>,
    /// `δ` for each split, child and node.
    hot: Vec<T>,
}

impl<T: Real> PairFactors<T> {
    pub(super) fn new(program: &Program<'_, T>) -> Self {
        let t: Vec<f64> = program.t.iter().map(|t| t.to_f64()).collect();
        let mut hot = vec![T::ZERO; program.splits.len() * 2 * t.len()];
        // The product of shares of each split's feature, up to the split and to its children.
        let mut covers = vec![[1.0; 2]; program.splits.len()];
        let mut path = vec![(0, 0); program.depth];
        for step in &program.steps {
            match *step {
                Step::Enter(index) => {
                    let split = &program.splits[index as usize];
                    let before = if split.above == NONE {
                        1.0
                    } else {
                        let (above, child): (u32, usize) = path[split.above as usize];
                        covers[above as usize][child]
                    };
                    let after = split.share.map(|share| before * share.to_f64());
                    covers[index as usize] = after;
                    path[split.depth as usize] = (index, 0);
                    for (child, cover) in after.into_iter().enumerate() {
                        let at = (index as usize * 2 + child) * t.len();
                        for (hot, t) in hot[at..].iter_mut().zip(&t) {
                            let rest = 1.0 - t;
                            *hot = T::from_f64(1.0 / (rest * (t + cover * rest)));
                        }
                    }
                }
                Step::Between(index) => {
                    path[program.splits[index as usize].depth as usize] = (index, 1);
                }
                Step::Leave(_) => {}
            }
        }
        let cold = t.iter().map(|t| T::from_f64(1.0 / (1.0 - t))).collect();
        Self { cold, hot }
    }
}

/// One split on the path, in the list of those that are the closest on their feature.
#[derive(Debug, Clone, Copy, Default)]
struct Link {
    feature: u32,
    /// Where the factors of the child begin that the walk is in.
    hot: usize,
    above: u32,
    below: u32,
}

/// The sums that a walk adds to.
pub(super) struct Sums<'s, T, const L: usize> {
    /// `[output][feature]`, and how many features there are.
    pub(super) phi: &'s mut [Lanes<T, L>],
    pub(super) n_features: usize,
    /// `[output][pair]` of the features in use.
    pub(super) pairs: &'s mut [Lanes<T, L>],
    /// The place of each feature among those in use, and how many those are.
    pub(super) ranks: &'s [u32],
    pub(super) n_used: usize,
}

/// Adds the Shapley values and interactions of one tree for one group of rows to `sums`.
#[inline(always)]
pub(super) fn walk_pairs<T: Real, const L: usize, const FMA: bool>(
    program: &Program<'_, T>,
    factors: &PairFactors<T>,
    step: usize,
    columns: &[Lanes<T, L>],
    sums: &mut Sums<'_, T, L>,
    scratch: &mut Scratch<T, L>,
) {
    let mut links = vec![Link::default(); program.depth];
    let mut e = vec![Lanes::ZERO; step.min(program.t.len())];
    for first in (0..program.t.len()).step_by(step) {
        let nodes = step.min(program.t.len() - first);
        let walk = Walk { program, first, nodes };
        for k in 0..nodes {
            scratch.a[k] = Lanes::all(program.w[first + k]);
        }
        for step in &program.steps {
            let (Step::Enter(index) | Step::Between(index) | Step::Leave(index)) = *step;
            let split = &program.splits[index as usize];
            let depth = split.depth as usize;
            let hot = |child: usize| (index as usize * 2 + child) * program.t.len() + first;
            match step {
                Step::Enter(_) => {
                    enter_list(&mut links, depth, split.above);
                    (links[depth].feature, links[depth].hot) = (split.feature, hot(0));
                    walk.enter::<L, FMA, true>(index, columns, scratch);
                }
                Step::Between(_) => {
                    links[depth].hot = hot(1);
                    walk.between::<L, FMA, true>(index, scratch);
                }
                Step::Leave(_) => {
                    for value in 0..program.n_values {
                        let e = &mut e[..nodes];
                        walk.sums::<L, FMA>(split, value, scratch, |k, term| e[k] = term);
                        let output = program.output + value;
                        let mut total = Lanes::ZERO;
                        let mut cold = Lanes::ZERO;
                        for (e, factor) in e.iter().zip(&factors.cold[first..]) {
                            total = total.plus(*e);
                            cold = cold.minus(e.times(Lanes::all(*factor)));
                        }
                        let phi = &mut sums.phi[output * sums.n_features + split.feature as usize];
                        *phi = phi.plus(total);
                        let n_pairs = sums.pairs.len() / (sums.phi.len() / sums.n_features);
                        let rank = sums.ranks[split.feature as usize] as usize;
                        let mut above = links[depth].above;
                        while above != NONE {
                            let link = links[above as usize];
                            let mut dot = Lanes::ZERO;
                            for (e, factor) in e.iter().zip(&factors.hot[link.hot..]) {
                                dot = e.fma::<FMA>(Lanes::all(*factor), dot);
                            }
                            let went = scratch.h[2 * above as usize];
                            let other = sums.ranks[link.feature as usize] as usize;
                            let (a, b) = (rank.min(other), rank.max(other));
                            let sum = &mut sums.pairs[output * n_pairs + pair(a, b, sums.n_used)];
                            *sum = sum.plus(went.fma::<FMA>(dot, cold));
                            above = link.above;
                        }
                    }
                    leave_list(&mut links, split.above);
                }
            }
        }
    }
}

/// Puts a split at the end of the list, and takes out the one that it replaces.
fn enter_list(links: &mut [Link], depth: usize, replaced: u32) {
    links[depth].above = NONE;
    if depth > 0 {
        links[depth].above = depth as u32 - 1;
        links[depth - 1].below = depth as u32;
    }
    if replaced != NONE {
        let Link { above, below, .. } = links[replaced as usize];
        links[below as usize].above = above;
        if above != NONE {
            links[above as usize].below = below;
        }
    }
}

/// Puts back what was taken out.
fn leave_list(links: &mut [Link], replaced: u32) {
    if replaced != NONE {
        let Link { above, below, .. } = links[replaced as usize];
        links[below as usize].above = replaced;
        if above != NONE {
            links[above as usize].below = replaced;
        }
    }
}
