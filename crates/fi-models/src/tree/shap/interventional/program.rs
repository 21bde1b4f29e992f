//! A tree as a list of steps that find the patterns of rows.
//!
//! A leaf's value reaches a row `x` completed by a background row `z` only if, for every feature
//! on the leaf's path, the row the feature comes from passes *all* splits on it. So all that a
//! tree asks of a row is one bit per leaf and distinct feature of its path: its *pattern*.
//!
//! Leaves of a small subtree share one *group*. Its pattern has a bit per distinct feature on the
//! way to the subtree (passed, or not) and one per split inside; a table indexed by it holds
//! what all leaves of the group add to each feature.

use crate::tree::tree::Tree;

/// Groups have at most so many bits, unless a single leaf's path has more features.
const GROUP_BITS: usize = 8;

/// Beyond so many distinct features on a path a tree has no tables.
pub(super) const MOST_BITS: usize = 12;

/// Beyond so many splits on a path neither.
const MOST_DEPTH: usize = 64;

/// One step; steps are in depth-first order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Write to mask `out` which rows go from `node` to its left or right child and are in the
    /// mask `and`, which belongs to earlier splits on the same feature.
    Edge { node: u32, left: bool, and: Option<u16>, out: u16 },
    /// The patterns of a group.
    Group(u32),
}

/// Leaves that share a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    /// Masks of the distinct features on the way to the subtree: the lowest bits.
    pub(super) above: Vec<u16>,
    /// The splits inside it: the next bits, set where a row goes left.
    pub(super) splits: Vec<u32>,
    /// The distinct features of all its leaves' paths: one value each per row of the table.
    pub(super) features: Vec<u32>,
    pub(super) leaves: Vec<Leaf>,
}

/// A leaf of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Leaf {
    pub(super) node: u32,
    /// One per distinct feature of its path.
    pub(super) bits: Vec<Bit>,
}

/// What a group's pattern says of one feature of a leaf: it passes all splits where the pattern
/// has the bits `want` among `need`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bit {
    /// The place in [`Group::features`].
    pub(super) lane: u8,
    pub(super) need: u16,
    pub(super) want: u16,
}

/// A tree's steps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Program {
    pub(super) steps: Vec<Step>,
    pub(super) groups: Vec<Group>,
    /// How many masks there are.
    pub(super) n_masks: usize,
}

impl Group {
    pub(super) fn n_bits(&self) -> usize {
        self.above.len() + self.splits.len()
    }
}

impl Leaf {
    /// The leaf's own pattern within a group's.
    #[inline]
    pub(super) fn pattern(&self, group: u16) -> u16 {
        let bits = self.bits.iter().enumerate();
        bits.fold(0, |p, (i, bit)| p | u16::from(group & bit.need == bit.want) << i)
    }
}

/// The path features and depth of a tree's nodes.
#[derive(Debug)]
pub(super) struct Paths {
    /// Distinct features on the way to each node.
    distinct: Vec<u32>,
    /// The most of them that a leaf below each node has.
    most: Vec<u32>,
    /// Splits below each node, itself included.
    n_splits: Vec<u32>,
    depth: usize,
}

impl Paths {
    pub(super) fn new(tree: Tree<'_>) -> Self {
        let n = tree.n_nodes();
        let (mut distinct, mut n_splits) = (vec![0; n], vec![0; n]);
        let mut times = vec![0_u32; tree.ensemble.n_features()];
        let (mut depth, mut current) = (0, 0_u32);
        // `None` leaves the subtree below the split whose feature it names.
        let mut stack = vec![(0, None)];
        let mut level = 0;
        while let Some((node, leave)) = stack.pop() {
            if leave.is_some() {
                let feature = tree.feature(node);
                times[feature] -= 1;
                current -= u32::from(times[feature] == 0);
                level -= 1;
                continue;
            }
            distinct[node] = current;
            depth = depth.max(level);
            if let Some((left, right)) = tree.children(node) {
                let feature = tree.feature(node);
                current += u32::from(times[feature] == 0);
                times[feature] += 1;
                level += 1;
                stack.extend([(node, Some(())), (right, None), (left, None)]);
            }
        }
        let mut most = distinct.clone();
        for node in (0..n).rev() {
            if let Some((left, right)) = tree.children(node) {
                most[node] = most[left].max(most[right]);
                n_splits[node] = 1 + n_splits[left] + n_splits[right];
            }
        }
        Self { distinct, most, n_splits, depth }
    }

    /// The most distinct features on a path.
    pub(super) fn most_features(&self) -> usize {
        self.most[0] as usize
    }
}

/// One feature of the path that the compiler is on: its newest mask.
type Path = Vec<(u32, u16)>;

impl Program {
    /// The steps of a tree; `None` if a path is too long for tables.
    pub(super) fn new(tree: Tree<'_>, paths: &Paths) -> Option<Self> {
        if paths.most_features() > MOST_BITS || paths.depth > MOST_DEPTH {
            return None;
        }
        let mut program = Self { n_masks: paths.depth, ..Self::default() };
        let mut stack: Vec<(usize, Path, Option<Step>, u16)> = vec![(0, Vec::new(), None, 0)];
        while let Some((node, path, edge, level)) = stack.pop() {
            program.steps.extend(edge);
            let n_bits = (paths.distinct[node] + paths.n_splits[node]) as usize;
            // A subtree with no more bits than its longest path needs anyway costs nothing.
            if n_bits <= GROUP_BITS.max(paths.most[node] as usize) {
                program.push_group(tree, node, &path);
                continue;
            }
            let Some((left, right)) = tree.children(node) else { continue };
            let feature = tree.feature[node];
            let known = path.iter().position(|&(on, _)| on == feature);
            let and = known.map(|at| path[at].1);
            let mut below = path;
            match known {
                Some(at) => below[at].1 = level,
                None => below.push((feature, level)),
            }
            let edge = |left| Some(Step::Edge { node: node as u32, left, and, out: level });
            stack.push((right, below.clone(), edge(false), level + 1));
            stack.push((left, below, edge(true), level + 1));
        }
        Some(program)
    }

    fn push_group(&mut self, tree: Tree<'_>, top: usize, path: &Path) {
        let mut group = Group {
            above: path.iter().map(|&(_, mask)| mask).collect(),
            splits: Vec::new(),
            features: path.iter().map(|&(feature, _)| feature).collect(),
            leaves: Vec::new(),
        };
        let bit = |lane: usize| Bit { lane: lane as u8, need: 1 << lane, want: 1 << lane };
        let mut stack: Vec<(usize, Vec<Bit>)> = vec![(top, (0..path.len()).map(bit).collect())];
        while let Some((node, bits)) = stack.pop() {
            let Some((left, right)) = tree.children(node) else {
                group.leaves.push(Leaf { node: node as u32, bits });
                continue;
            };
            let split = 1_u16 << group.n_bits();
            group.splits.push(node as u32);
            let feature = tree.feature[node];
            let lane = group.features.iter().position(|&on| on == feature).unwrap_or_else(|| {
                group.features.push(feature);
                group.features.len() - 1
            });
            for (child, want) in [(right, 0), (left, split)] {
                let mut bits = bits.clone();
                match bits.iter_mut().find(|bit| usize::from(bit.lane) == lane) {
                    Some(bit) => {
                        bit.need |= split;
                        bit.want |= want;
                    }
                    None => bits.push(Bit { lane: lane as u8, need: split, want }),
                }
                stack.push((child, bits));
            }
        }
        // A tree that is one leaf adds to no feature.
        if !group.features.is_empty() {
            self.steps.push(Step::Group(self.groups.len() as u32));
            self.groups.push(group);
        }
    }
}
