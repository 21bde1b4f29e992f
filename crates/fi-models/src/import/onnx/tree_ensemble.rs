//! The operator `TreeEnsemble` of version 5, as the lists of the older operators.
//!
//! It numbers splits and leaves apart, each through all trees, and a tree is a root among the
//! splits. A split whose branches are the same leaf, at a root, stands for a tree of one leaf.

use std::collections::BTreeMap;

use crate::import::Problem;

use super::attributes::{Attributes, Mode, Named, Post, not_known};

fn exchanged(name: &str, taken_for: &str) -> Problem {
    Problem::Unsupported(format!(
        "post_transform `{name}` of a TreeEnsemble, which onnxruntime takes for `{taken_for}`: \
         convert to TreeEnsembleRegressor or TreeEnsembleClassifier"
    ))
}

/// The lists as the operator has them.
struct Lists {
    features: Vec<i64>,
    thresholds: Vec<f64>,
    modes: Vec<Mode>,
    true_ids: Vec<i64>,
    false_ids: Vec<i64>,
    true_leafs: Vec<i64>,
    false_leafs: Vec<i64>,
    missing_true: Vec<i64>,
    leaf_targets: Vec<i64>,
    leaf_weights: Vec<f64>,
    members: BTreeMap<usize, Vec<f64>>,
}

/// Where a branch leads.
#[derive(Clone, Copy, PartialEq)]
enum Branch {
    Split(usize),
    Leaf(usize),
}

pub(super) fn read(named: &Named<'_>) -> Result<Attributes, Problem> {
    let lists = Lists::read(named)?;
    match named.int("post_transform", 0) {
        0 => {}
        1 => return Err(exchanged("SOFTMAX", "LOGISTIC")),
        2 => return Err(exchanged("LOGISTIC", "SOFTMAX")),
        3 => return Err(not_known("post_transform", "SOFTMAX_ZERO")),
        4 => return Err(not_known("post_transform", "PROBIT")),
        other => return Err(not_known("post_transform", &other.to_string())),
    }
    let average = match named.int("aggregate_function", 1) {
        0 => true,
        1 => false,
        2 => return Err(not_known("aggregate_function", "MIN")),
        3 => return Err(not_known("aggregate_function", "MAX")),
        other => return Err(not_known("aggregate_function", &other.to_string())),
    };
    let mut out = Attributes {
        trees: Vec::new(),
        ids: Vec::new(),
        features: Vec::new(),
        thresholds: Vec::new(),
        modes: Vec::new(),
        true_ids: Vec::new(),
        false_ids: Vec::new(),
        missing_true: Vec::new(),
        leaf_trees: Vec::new(),
        leaf_ids: Vec::new(),
        leaf_targets: Vec::new(),
        leaf_weights: Vec::new(),
        base: Vec::new(),
        n_targets: usize::try_from(named.int("n_targets", 1)).unwrap_or(0),
        average,
        post: Post::None,
        classes: None,
        members: BTreeMap::new(),
    };
    let mut seen = vec![false; lists.modes.len()];
    for (tree, root) in named.ints("tree_roots").into_iter().enumerate() {
        lists.push_tree(tree, root, &mut seen, &mut out)?;
    }
    if let Some(node) = seen.iter().position(|seen| !seen) {
        return Err(Problem::Damaged(format!("no tree has the node {node}")));
    }
    out.check("leaf")?;
    Ok(out)
}

impl Lists {
    fn read(named: &Named<'_>) -> Result<Self, Problem> {
        let modes = named.tensor("nodes_modes")?;
        let modes = modes.into_iter().map(mode).collect::<Result<Vec<_>, _>>()?;
        let members = members(&modes, &named.tensor("membership_values")?)?;
        let lists = Self {
            features: named.ints("nodes_featureids"),
            thresholds: named.tensor("nodes_splits")?,
            modes,
            true_ids: named.ints("nodes_truenodeids"),
            false_ids: named.ints("nodes_falsenodeids"),
            true_leafs: named.ints("nodes_trueleafs"),
            false_leafs: named.ints("nodes_falseleafs"),
            missing_true: named.ints("nodes_missing_value_tracks_true"),
            leaf_targets: named.ints("leaf_targetids"),
            leaf_weights: named.tensor("leaf_weights")?,
            members,
        };
        let n = lists.modes.len();
        let lengths = [
            ("nodes_featureids", lists.features.len()),
            ("nodes_splits", lists.thresholds.len()),
            ("nodes_truenodeids", lists.true_ids.len()),
            ("nodes_falsenodeids", lists.false_ids.len()),
            ("nodes_trueleafs", lists.true_leafs.len()),
            ("nodes_falseleafs", lists.false_leafs.len()),
        ];
        let missing = ("nodes_missing_value_tracks_true", lists.missing_true.len());
        let missing = Some(missing).filter(|(_, length)| *length > 0);
        let differs = |(_, length): &(&str, usize)| *length != n;
        if let Some((name, length)) = lengths.into_iter().chain(missing).find(differs) {
            return Err(Problem::Damaged(format!(
                "it has {n} `nodes_modes` and {length} `{name}`"
            )));
        }
        let (weights, targets) = (lists.leaf_weights.len(), lists.leaf_targets.len());
        if weights != targets {
            return Err(Problem::Damaged(format!(
                "it has {weights} `leaf_weights` and {targets} `leaf_targetids`"
            )));
        }
        Ok(lists)
    }

    fn branch(&self, node: usize, when: bool) -> Result<Branch, Problem> {
        let (ids, leafs) = if when {
            (&self.true_ids, &self.true_leafs)
        } else {
            (&self.false_ids, &self.false_leafs)
        };
        let id = usize::try_from(ids[node]).ok();
        let (kind, n) = match leafs[node] {
            0 => ("node", self.modes.len()),
            _ => ("leaf", self.leaf_weights.len()),
        };
        match id.filter(|&id| id < n) {
            Some(id) if leafs[node] == 0 => Ok(Branch::Split(id)),
            Some(id) => Ok(Branch::Leaf(id)),
            None => Err(Problem::Damaged(format!(
                "node {node} leads to {kind} {}, which does not exist",
                ids[node]
            ))),
        }
    }

    /// Adds a tree's nodes, each under the next free number in its tree.
    fn push_tree(
        &self,
        tree: usize,
        root: i64,
        seen: &mut [bool],
        out: &mut Attributes,
    ) -> Result<(), Problem> {
        let n = self.modes.len();
        let Some(root) = usize::try_from(root).ok().filter(|&root| root < n) else {
            return Err(Problem::Damaged(format!("tree {tree} starts at node {root} of {n}")));
        };
        let (mut waiting, mut id) = (vec![Branch::Split(root)], 0);
        let mut next = 0;
        while let Some(&branch) = waiting.get(next) {
            next += 1;
            let (split, leaf) = match branch {
                Branch::Leaf(leaf) => (None, leaf),
                Branch::Split(node) => {
                    if std::mem::replace(&mut seen[node], true) {
                        return Err(Problem::Damaged(format!(
                            "two splits or trees lead to node {node}"
                        )));
                    }
                    let branches = [self.branch(node, true)?, self.branch(node, false)?];
                    match branches {
                        [Branch::Leaf(one), Branch::Leaf(other)] if one == other && next == 1 => {
                            (None, one)
                        }
                        _ => (Some((node, branches)), 0),
                    }
                }
            };
            out.trees.push(tree as i64);
            out.ids.push(id);
            let Some((node, branches)) = split else {
                self.push_leaf(tree, id, leaf, out);
                id += 1;
                continue;
            };
            if let Some(values) = self.members.get(&node) {
                out.members.insert(out.modes.len(), values.clone());
            }
            // Numbers are given in the order of the list of those that wait.
            let child = waiting.len() as i64;
            out.features.push(self.features[node]);
            out.thresholds.push(self.thresholds[node]);
            out.modes.push(self.modes[node]);
            out.true_ids.push(child);
            out.false_ids.push(child + 1);
            out.missing_true.push(self.missing_true.get(node).copied().unwrap_or(0));
            waiting.extend(branches);
            id += 1;
        }
        Ok(())
    }

    fn push_leaf(&self, tree: usize, id: i64, leaf: usize, out: &mut Attributes) {
        out.features.push(0);
        out.thresholds.push(0.0);
        out.modes.push(Mode::Leaf);
        out.true_ids.push(0);
        out.false_ids.push(0);
        out.missing_true.push(0);
        out.leaf_trees.push(tree as i64);
        out.leaf_ids.push(id);
        out.leaf_targets.push(self.leaf_targets[leaf]);
        out.leaf_weights.push(self.leaf_weights[leaf]);
    }
}

fn mode(number: f64) -> Result<Mode, Problem> {
    const MODES: [Mode; 7] =
        [Mode::Leq, Mode::Lt, Mode::Gte, Mode::Gt, Mode::Eq, Mode::Neq, Mode::Member];
    let known = MODES.into_iter().enumerate().find(|&(place, _)| place as f64 == number);
    known.map(|(_, mode)| mode).ok_or_else(|| not_known("nodes_modes", &number.to_string()))
}

/// The values of each set, in the order of the splits that ask for one; NaN ends a set.
fn members(modes: &[Mode], values: &[f64]) -> Result<BTreeMap<usize, Vec<f64>>, Problem> {
    let nodes: Vec<usize> = (0..modes.len()).filter(|&at| modes[at] == Mode::Member).collect();
    let mut sets: Vec<&[f64]> = values.split(|value| value.is_nan()).collect();
    // Behind the last end, or the last set if its end was left out.
    if sets.last().is_some_and(|set| set.is_empty()) {
        sets.pop();
    }
    if sets.len() != nodes.len() {
        return Err(Problem::Damaged(format!(
            "`membership_values` has {} sets for {} splits on sets",
            sets.len(),
            nodes.len()
        )));
    }
    Ok(nodes.into_iter().zip(sets.into_iter().map(<[f64]>::to_vec)).collect())
}
