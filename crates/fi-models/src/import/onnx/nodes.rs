//! From lists of nodes to trees: who is whose child, and which way rows go.

use std::collections::{BTreeMap, BTreeSet};

use crate::import::Problem;
use crate::import::categories::Budget;
use crate::tree::{
    Comparison, Ensemble, EnsembleBuilder, NodeStats, Precision, Statistics, TreeBuilder,
};

use super::attributes::{Attributes, Mode};
use super::graph::Found;

/// So many numbers the nodes of any file may have together (64 MB), and so many more for each
/// weight of a leaf.
const VALUES: usize = 1 << 23;
const VALUES_PER_WEIGHT: usize = 256;

/// Where the nodes and the weights of each tree are in the lists.
pub(super) struct Layout {
    /// Each tree's nodes, the root first and children after their parent.
    trees: Vec<Vec<Placed>>,
    /// The outputs and weights of leaves, by index in the lists.
    weights: Vec<Vec<(usize, f64)>>,
    /// The only output that each tree's leaves name, if there is one for every tree.
    outputs: Option<Vec<usize>>,
    n_outputs: usize,
}

/// A node and its children, by place in the tree.
struct Placed {
    /// Its index in the lists.
    index: usize,
    /// Where it is true and where it is false.
    children: Option<(usize, usize)>,
}

impl Layout {
    pub(super) fn of(attributes: &Attributes, n_outputs: usize) -> Result<Self, Problem> {
        let lookup = Lookup::of(attributes)?;
        let mut trees = Vec::new();
        for root in lookup.roots()? {
            trees.push(lookup.tree(root)?);
        }
        let n_placed: usize = trees.iter().map(Vec::len).sum();
        if n_placed != attributes.modes.len() {
            return Err(Problem::Damaged(format!(
                "{} of its nodes run in a circle, no split leads to them from a root",
                attributes.modes.len() - n_placed
            )));
        }
        let mut weights: Vec<Vec<(usize, f64)>> = vec![Vec::new(); attributes.modes.len()];
        for (place, &weight) in attributes.leaf_weights.iter().enumerate() {
            let (tree, id) = (attributes.leaf_trees[place], attributes.leaf_ids[place]);
            let leaf = lookup.find(tree, id).filter(|&node| attributes.modes[node] == Mode::Leaf);
            let Some(leaf) = leaf else {
                return Err(Problem::Damaged(format!(
                    "a weight is for node {id} of tree {tree}, which is no leaf"
                )));
            };
            // One column stands for the second of two classes, whatever it is called.
            let target = if n_outputs == 1 { 0 } else { attributes.leaf_targets[place] as usize };
            weights[leaf].push((target, weight));
        }
        let one_of = |tree: &Vec<Placed>| {
            let mut outputs = tree.iter().flat_map(|placed| &weights[placed.index]);
            let first = outputs.next().map_or(0, |weight| weight.0);
            outputs.all(|weight| weight.0 == first).then_some(first)
        };
        // The divisor of a mean is the number of all trees, whatever output they are for.
        let outputs: Option<Vec<usize>> = match n_outputs {
            2.. if !attributes.average => trees.iter().map(one_of).collect(),
            _ => None,
        };
        Ok(Self { trees, weights, outputs, n_outputs })
    }

    /// Trees whose leaves hold the weights as they are.
    pub(super) fn builder(
        &self,
        attributes: &Attributes,
        n_features: usize,
        found: &Found<'_>,
    ) -> Result<EnsembleBuilder, Problem> {
        let mut builder = empty(attributes, n_features, self.n_outputs, found.precision);
        let mut make = Maker::new(attributes, found);
        if let Some(outputs) = &self.outputs {
            for (tree, &output) in self.trees.iter().zip(outputs) {
                let value = |node: usize| {
                    vec![self.weights[node].iter().map(|(_, weight)| weight).sum::<f64>()]
                };
                builder.push_tree_for(output, make.tree(tree, 1, value)?)?;
            }
            return Ok(builder);
        }
        self.check_size()?;
        for tree in &self.trees {
            let tree = make.tree(tree, self.n_outputs, |node| self.value(node))?;
            builder.push_tree(tree)?;
        }
        Ok(builder)
    }

    /// Trees of class shares: weights times the number of trees, for both of two classes if the
    /// weights are for the second only.
    pub(super) fn shares(
        &self,
        attributes: &Attributes,
        n_features: usize,
        one_column: bool,
        found: &Found<'_>,
    ) -> Result<EnsembleBuilder, Problem> {
        self.check_size()?;
        let n_outputs = self.n_outputs;
        let mut builder = empty(attributes, n_features, n_outputs, found.precision);
        let n_trees = self.trees.len() as f64;
        // Single-precision weights may stand a little outside of 0 to 1.
        let tidy = |share: f64| if share < 0.0 && share > -1e-5 { 0.0 } else { share };
        let value = |node: usize| {
            let value = self.value(node);
            let shares = value.iter().map(|weight| tidy(weight * n_trees));
            if !one_column {
                return shares.collect();
            }
            let second: f64 = shares.sum();
            vec![tidy(1.0 - second), second]
        };
        let mut make = Maker::new(attributes, found);
        for tree in &self.trees {
            builder.push_tree(make.tree(tree, n_outputs, value)?)?;
        }
        Ok(builder)
    }

    /// Refuses base scores of outputs that some rows have no weight for: onnxruntime leaves them
    /// out there.
    pub(super) fn check_base(&self, base: &[f64]) -> Result<(), Problem> {
        if base.iter().all(|&base| base == 0.0) {
            return Ok(());
        }
        let mut always = vec![false; self.n_outputs];
        for tree in &self.trees {
            let leaves = || tree.iter().filter(|placed| placed.children.is_none());
            let mut counts = BTreeMap::<usize, usize>::new();
            for leaf in leaves() {
                let outputs: BTreeSet<usize> =
                    self.weights[leaf.index].iter().map(|(output, _)| *output).collect();
                for output in outputs {
                    *counts.entry(output).or_default() += 1;
                }
            }
            let n_leaves = leaves().count();
            let full = counts.into_iter().filter(|(_, count)| *count == n_leaves);
            full.for_each(|(output, _)| always[output] = true);
        }
        // Their number is checked later.
        let has_base = |output: &usize| base.get(*output).is_some_and(|&base| base != 0.0);
        let left_out = |output: &usize| has_base(output) && !always[*output];
        match (0..self.n_outputs).find(left_out) {
            None => Ok(()),
            Some(output) => Err(Problem::Unsupported(format!(
                "`base_values` for output {output}, for which some rows have no leaf weight: \
                 onnxruntime leaves the base out there and the standard does not"
            ))),
        }
    }

    /// A number for each output.
    fn value(&self, node: usize) -> Vec<f64> {
        let mut value = vec![0.0; self.n_outputs];
        self.weights[node].iter().for_each(|&(target, weight)| value[target] += weight);
        value
    }

    /// Refuses outputs that only make room for zeros.
    fn check_size(&self) -> Result<(), Problem> {
        let (n_nodes, n_outputs) = (self.weights.len(), self.n_outputs);
        let n_weights: usize = self.weights.iter().map(Vec::len).sum();
        let most = VALUES.saturating_add(n_weights.saturating_mul(VALUES_PER_WEIGHT));
        if n_nodes.checked_mul(n_outputs).is_some_and(|n| n <= most) {
            return Ok(());
        }
        Err(Problem::Unsupported(format!(
            "{n_nodes} nodes with {n_outputs} outputs each are too many for {n_weights} leaf \
             weights: convert one model for each output"
        )))
    }
}

fn empty(
    attributes: &Attributes,
    n_features: usize,
    n_outputs: usize,
    precision: Precision,
) -> EnsembleBuilder {
    Ensemble::builder(n_features, n_outputs, comparison(attributes))
        .with_precision(precision)
        .with_statistics(Statistics { cover: false, impurity: false, gain: false })
}

/// `<` if no split needs `≤`.
fn comparison(attributes: &Attributes) -> Comparison {
    if attributes.modes.iter().any(|mode| matches!(mode, Mode::Leq | Mode::Gt)) {
        Comparison::LessEqual
    } else if attributes.modes.iter().any(|mode| matches!(mode, Mode::Lt | Mode::Gte)) {
        Comparison::Less
    } else {
        Comparison::LessEqual
    }
}

/// Makes trees of one operator.
struct Maker<'a> {
    attributes: &'a Attributes,
    comparison: Comparison,
    precision: Precision,
    budget: Budget,
}

impl<'a> Maker<'a> {
    fn new(attributes: &'a Attributes, found: &Found<'_>) -> Self {
        let comparison = comparison(attributes);
        let budget = Budget::new(found.n_bytes);
        Self { attributes, comparison, precision: found.precision, budget }
    }

    fn tree(
        &mut self,
        placed: &[Placed],
        n_values: usize,
        value: impl Fn(usize) -> Vec<f64>,
    ) -> Result<TreeBuilder, Problem> {
        let attributes = self.attributes;
        let mut tree = TreeBuilder::new(n_values);
        for Placed { index, children } in placed {
            let value = value(*index);
            let stats = NodeStats { cover: 0.0, impurity: 0.0, value: &value };
            let id = u32::try_from(attributes.ids[*index]).unwrap_or(u32::MAX);
            let node = if children.is_none() {
                tree.push_leaf(&stats)
            } else {
                self.split(&mut tree, *index, &stats)?
            };
            tree.set_id(node, id);
        }
        for (node, Placed { index, children }) in placed.iter().enumerate() {
            let Some((when_true, when_false)) = *children else { continue };
            let missing_true =
                attributes.missing_true.get(*index).is_some_and(|&tracks| tracks != 0);
            // NaN compares to nothing, so only unequal is true of it.
            let mode = attributes.modes[*index];
            let missing_true = missing_true || mode == Mode::Neq;
            if matches!(mode, Mode::Leq | Mode::Lt | Mode::Eq | Mode::Member) {
                tree.connect(node, when_true, when_false);
                if missing_true {
                    tree.send_missing_left(node);
                }
            } else {
                tree.connect(node, when_false, when_true);
                if !missing_true {
                    tree.send_missing_left(node);
                }
            }
        }
        Ok(tree)
    }

    fn split(
        &mut self,
        tree: &mut TreeBuilder,
        index: usize,
        stats: &NodeStats<'_>,
    ) -> Result<usize, Problem> {
        let attributes = self.attributes;
        let feature = attributes.features[index] as usize;
        let threshold = attributes.thresholds[index];
        let values = match attributes.modes[index] {
            Mode::Eq | Mode::Neq => std::slice::from_ref(&threshold),
            Mode::Member => attributes.members.get(&index).map_or(&[][..], Vec::as_slice),
            // Where both comparisons occur: x < t says x ≤ the number before t.
            Mode::Lt | Mode::Gte if self.comparison == Comparison::LessEqual => {
                return Ok(tree.push_split(feature, before(threshold, self.precision), stats));
            }
            _ => return Ok(tree.push_split(feature, threshold, stats)),
        };
        let set: Vec<u32> =
            values.iter().map(|&value| category(value)).collect::<Result<_, _>>()?;
        let (of, node) = (attributes.trees[index], attributes.ids[index]);
        self.budget.take(of as usize, node as usize, &set)?;
        Ok(tree.push_category_split(feature, &set, stats))
    }
}

fn category(value: f64) -> Result<u32, Problem> {
    if value.fract() == 0.0 && (0.0..16_777_216.0).contains(&value) {
        return Ok(value as u32);
    }
    Err(Problem::Unsupported(format!(
        "a split asks whether a feature equals {value}, which is no category (a whole number from \
         0 below 2^24)"
    )))
}

/// The largest number below, among those that values are rounded to.
fn before(threshold: f64, precision: Precision) -> f64 {
    let single = threshold as f32;
    match precision {
        Precision::F64 => threshold.next_down(),
        Precision::F32 if f64::from(single) < threshold => f64::from(single),
        Precision::F32 => f64::from(single.next_down()),
    }
}

/// Nodes by tree and number.
struct Lookup<'a> {
    attributes: &'a Attributes,
    /// Indices in the lists, ordered by tree and number.
    sorted: Vec<usize>,
    /// Whether a split leads to the node.
    is_child: Vec<bool>,
}

impl<'a> Lookup<'a> {
    fn of(attributes: &'a Attributes) -> Result<Self, Problem> {
        let key = |node: usize| (attributes.trees[node], attributes.ids[node]);
        let mut sorted: Vec<usize> = (0..attributes.modes.len()).collect();
        sorted.sort_by_key(|&node| key(node));
        if let Some(pair) = sorted.windows(2).find(|pair| key(pair[0]) == key(pair[1])) {
            let (tree, id) = key(pair[0]);
            return Err(Problem::Damaged(format!("tree {tree} has two nodes {id}")));
        }
        let is_child = vec![false; sorted.len()];
        let mut lookup = Self { attributes, sorted, is_child };
        for node in 0..attributes.modes.len() {
            let Some((when_true, when_false)) = lookup.children(node)? else { continue };
            for child in [when_true, when_false] {
                if std::mem::replace(&mut lookup.is_child[child], true) {
                    let (tree, id) = key(child);
                    return Err(Problem::Damaged(format!(
                        "two splits lead to node {id} of tree {tree}"
                    )));
                }
            }
        }
        Ok(lookup)
    }

    fn find(&self, tree: i64, id: i64) -> Option<usize> {
        let key = |node: &usize| (self.attributes.trees[*node], self.attributes.ids[*node]);
        let place = self.sorted.binary_search_by_key(&(tree, id), key);
        place.ok().map(|place| self.sorted[place])
    }

    /// Where a split leads if it is true and if it is false; `None` for a leaf.
    fn children(&self, node: usize) -> Result<Option<(usize, usize)>, Problem> {
        let attributes = self.attributes;
        if attributes.modes[node] == Mode::Leaf {
            return Ok(None);
        }
        let tree = attributes.trees[node];
        let find = |id: i64| {
            self.find(tree, id).ok_or_else(|| {
                Problem::Damaged(format!(
                    "node {} of tree {tree} leads to node {id}, which does not exist",
                    attributes.ids[node]
                ))
            })
        };
        Ok(Some((find(attributes.true_ids[node])?, find(attributes.false_ids[node])?)))
    }

    /// The root of each tree, in the order in which trees first occur in the lists.
    fn roots(&self) -> Result<Vec<usize>, Problem> {
        let trees = &self.attributes.trees;
        let mut firsts = Vec::new();
        let mut start = 0;
        while let Some(&node) = self.sorted.get(start) {
            let length = self.sorted[start..].partition_point(|&other| trees[other] == trees[node]);
            let nodes = &self.sorted[start..start + length];
            let mut roots = nodes.iter().filter(|&&node| !self.is_child[node]);
            let (Some(&root), None) = (roots.next(), roots.next()) else {
                return Err(Problem::Damaged(format!(
                    "tree {} does not have exactly one root",
                    trees[node]
                )));
            };
            firsts.push((nodes.iter().copied().min().unwrap_or(root), root));
            start += length;
        }
        firsts.sort_unstable();
        Ok(firsts.into_iter().map(|(_, root)| root).collect())
    }

    /// A tree's nodes from its root, children after their parent. Every node has one parent at
    /// most, so none is met twice.
    fn tree(&self, root: usize) -> Result<Vec<Placed>, Problem> {
        let mut placed = vec![Placed { index: root, children: None }];
        let mut next = 0;
        while next < placed.len() {
            if let Some((when_true, when_false)) = self.children(placed[next].index)? {
                let place = placed.len();
                placed[next].children = Some((place, place + 1));
                placed.push(Placed { index: when_true, children: None });
                placed.push(Placed { index: when_false, children: None });
            }
            next += 1;
        }
        Ok(placed)
    }
}
