//! A tree as a list of steps that a machine without branches of its own can follow.
//!
//! The tree is walked once, depth first, and what the walk meets is written down: at every split
//! a step on the way down, one between its children and one on the way up. The walk for a row
//! is then the same for all rows, and only numbers differ.

use super::super::super::tree::{Test, Tree};
use super::columns::{Categories, Columns, HALF};
use super::lanes::Real;
use crate::quadrature::Rule;

/// Marks what is not there.
pub(super) const NONE: u32 = u32::MAX;

/// Covers of children that add up to their parent's this well are taken to add up.
const ADDITIVE: f64 = 1e-6;

/// One tree, ready to be walked.
#[derive(Debug, Clone)]
pub(super) struct Program<'a, T> {
    pub(super) splits: Vec<Split<T>>,
    pub(super) steps: Vec<Step>,
    /// The tests of categories, whose answers stand in the columns behind the ensemble's own.
    pub(super) categories: Vec<Categories<'a>>,
    /// The values of leaves, `n_values` each.
    pub(super) leaves: Vec<T>,
    pub(super) n_values: usize,
    /// The output that the first value is for.
    pub(super) output: usize,
    /// Nodes and weights of the quadrature rule.
    pub(super) t: Vec<T>,
    pub(super) w: Vec<T>,
    /// For each split on a feature that was split on above, at its `repeat`: `t/u` for each
    /// node, then `c/u²`.
    pub(super) repeats: Vec<T>,
    /// How many splits lie on the longest path.
    pub(super) depth: usize,
    /// Whether the shares of all splits' children add up to 1.
    pub(super) additive: bool,
    /// What the tree answers where nothing is known, `n_values` numbers.
    pub(super) expected: Vec<f64>,
}

/// One split. Child 1 is walked first; it is a leaf only if both are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Split<T> {
    pub(super) column: u32,
    pub(super) feature: u32,
    /// A row passes if its number in the column is not above this.
    pub(super) threshold: T,
    /// Whether rows that pass go to child 1.
    pub(super) pass_first: bool,
    /// The share of the cover that each child has.
    pub(super) share: [T; 2],
    /// The places of the children's values where they are leaves.
    pub(super) leaf: [u32; 2],
    pub(super) depth: u32,
    /// Where the sum of the subtree goes: `2 · depth of the parent + child − 1`.
    pub(super) slot: u32,
    /// Where the numbers of a repeated feature begin.
    pub(super) repeat: u32,
    /// The depth of the closest split above on the same feature.
    pub(super) above: u32,
    /// Whether a split below is on the same feature.
    pub(super) keep: bool,
}

/// What is done at a split, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// On the way down, into child 1.
    Enter(u32),
    /// Into child 2.
    Between(u32),
    /// On the way up.
    Leave(u32),
}

/// The shares of their parent's cover that the children have, and whether they add up to 1.
///
/// Shares that add up but for rounding are made to; of no cover, each child has half.
pub(super) fn shares(tree: Tree<'_>, node: usize, left: usize, right: usize) -> ([f64; 2], bool) {
    let (parent, left, right) = (tree.cover(node), tree.cover(left), tree.cover(right));
    if parent == 0.0 {
        return ([0.5; 2], true);
    }
    let additive = ((left + right) / parent - 1.0).abs() <= ADDITIVE;
    let whole = if additive { left + right } else { parent };
    let share = left / whole;
    ([share, if additive { 1.0 - share } else { right / whole }], additive)
}

/// What a feature's splits above say, during the walk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Above {
    depth: u32,
    /// The product of the shares of its splits so far.
    cover: f64,
}

/// One split on the path that the walk is on.
struct Frame {
    split: u32,
    children: [usize; 2],
    feature: usize,
    before: Option<Above>,
    next: u8,
}

impl<'a, T: Real> Program<'a, T> {
    /// The steps of a tree; `above` has a place per feature, all empty, and is so again.
    pub(super) fn new(
        tree: Tree<'a>,
        columns: &Columns,
        above: &mut [Option<Above>],
        rule: &mut impl FnMut(usize) -> Rule,
    ) -> Self {
        let mut program = Self {
            splits: Vec::new(),
            steps: Vec::new(),
            categories: Vec::new(),
            leaves: Vec::new(),
            n_values: tree.value(0).len(),
            output: tree.output().unwrap_or(0),
            t: Vec::new(),
            w: Vec::new(),
            repeats: Vec::new(),
            depth: 0,
            additive: true,
            expected: expected(tree),
        };
        let mut path: Vec<Frame> = Vec::new();
        let (mut distinct, mut most) = (0_usize, 1);
        let mut repeated: Vec<(u32, f64)> = Vec::new();
        let mut enter = (tree.children(0).is_some()).then_some((0, NONE));
        loop {
            if let Some((node, slot)) = enter.take() {
                let frame = program.enter(tree, columns, node, slot, &path, above);
                match frame.before {
                    Some(before) => repeated.push((frame.split, before.cover)),
                    None => distinct += 1,
                }
                most = most.max(distinct);
                path.push(frame);
                program.depth = program.depth.max(path.len());
            }
            let depth = path.len();
            let Some(frame) = path.last_mut() else { break };
            let split = program.splits[frame.split as usize];
            let child = usize::from(frame.next);
            frame.next += 1;
            if child == 2 {
                program.steps.push(Step::Leave(frame.split));
                above[frame.feature] = frame.before;
                distinct -= usize::from(frame.before.is_none());
                path.pop();
            } else if split.leaf[child] == NONE {
                let cover = frame.before.map_or(1.0, |before| before.cover);
                let share = if child == 0 { split.share[0] } else { split.share[1] };
                let cover = cover * share.to_f64();
                above[frame.feature] = Some(Above { depth: depth as u32 - 1, cover });
                if child == 1 {
                    program.steps.push(Step::Between(frame.split));
                }
                enter = Some((frame.children[child], (2 * (depth - 1) + child) as u32));
            }
        }
        program.integrate(&rule(most.div_ceil(2)), &repeated);
        program
    }

    fn enter(
        &mut self,
        tree: Tree<'a>,
        columns: &Columns,
        node: usize,
        slot: u32,
        path: &[Frame],
        above: &[Option<Above>],
    ) -> Frame {
        let index = self.splits.len() as u32;
        let (left, right) = tree.children(node).unwrap_or((node, node));
        let ([left_share, right_share], additive) = shares(tree, node, left, right);
        self.additive &= additive;
        let feature = tree.feature(node);
        let before = above[feature];
        if let Some(before) = before {
            self.splits[path[before.depth as usize].split as usize].keep = true;
        }
        let missing_left = tree.missing_left(node);
        // Child 1 is the left one, unless only the right one has splits.
        let swapped = tree.is_leaf(left) && !tree.is_leaf(right);
        let (children, share) = if swapped {
            ([right, left], [right_share, left_share])
        } else {
            ([left, right], [left_share, right_share])
        };
        let mut leaf = [NONE; 2];
        for (place, child) in leaf.iter_mut().zip(children) {
            if tree.is_leaf(child) {
                *place = self.leaves.len() as u32;
                self.leaves.extend(tree.value(child).iter().map(|&value| T::from_f64(value)));
            }
        }
        let column = columns.of(tree, node);
        let (column, threshold) = match tree.test(node) {
            Test::Threshold(_) => (column, columns.threshold(tree, node)),
            Test::Categories(set) => {
                self.categories.push(Categories { column, set, turned: missing_left });
                (columns.len() + self.categories.len() - 1, T::from_f64(HALF))
            }
        };
        self.splits.push(Split {
            column: column as u32,
            feature: feature as u32,
            threshold,
            // Rows that pass go left, unless missing values do.
            pass_first: missing_left == swapped,
            share: share.map(T::from_f64),
            leaf,
            depth: path.len() as u32,
            slot,
            repeat: NONE,
            above: before.map_or(NONE, |before| before.depth),
            keep: false,
        });
        self.steps.push(Step::Enter(index));
        Frame { split: index, children, feature, before, next: 0 }
    }

    /// Takes in the nodes of the quadrature rule.
    fn integrate(&mut self, rule: &Rule, repeated: &[(u32, f64)]) {
        self.t = rule.nodes.iter().map(|&t| T::from_f64(t)).collect();
        self.w = rule.weights.iter().map(|&w| T::from_f64(w)).collect();
        for &(split, cover) in repeated {
            self.splits[split as usize].repeat = self.repeats.len() as u32;
            let known = rule.nodes.iter().map(|&t| t + cover * (1.0 - t));
            let factors = known.clone().zip(&rule.nodes).map(|(u, &t)| t / u);
            self.repeats.extend(factors.map(T::from_f64));
            self.repeats.extend(known.map(|u| T::from_f64(cover / (u * u))));
        }
    }
}

/// The mean of the leaves, weighted by cover.
fn expected(tree: Tree<'_>) -> Vec<f64> {
    let n_values = tree.value(0).len();
    let mut means = vec![0.0; tree.n_nodes() * n_values];
    for node in (0..tree.n_nodes()).rev() {
        match tree.children(node) {
            None => means[node * n_values..][..n_values].copy_from_slice(tree.value(node)),
            Some((left, right)) => {
                let ([left_share, right_share], _) = shares(tree, node, left, right);
                for value in 0..n_values {
                    means[node * n_values + value] = left_share * means[left * n_values + value]
                        + right_share * means[right * n_values + value];
                }
            }
        }
    }
    means.truncate(n_values);
    means
}
