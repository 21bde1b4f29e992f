//! From lists of nodes to trees: who is whose child, and which way rows go.

use crate::import::Problem;
use crate::tree::{
    Comparison, Ensemble, EnsembleBuilder, NodeStats, Precision, Statistics, TreeBuilder,
};

use super::attributes::{Attributes, Mode};

/// Where the nodes and the weights of each tree are in the lists.
pub(super) struct Layout {
    /// Each tree's nodes, the root first and children after their parent.
    trees: Vec<Vec<Placed>>,
    /// `n_nodes × n_outputs` leaf values, by index in the lists.
    values: Vec<f64>,
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
        let n_values = attributes.modes.len().checked_mul(n_outputs).filter(|&n| n < 1 << 40);
        let Some(n_values) = n_values else {
            return Err(Problem::Damaged(format!("{n_outputs} outputs are too many")));
        };
        let mut values = Vec::new();
        if values.try_reserve_exact(n_values).is_err() {
            return Err(Problem::Damaged(format!("{n_outputs} outputs do not fit in memory")));
        }
        values.resize(n_values, 0.0);
        let mut named: Vec<Option<usize>> = vec![None; attributes.modes.len()];
        let mut single = true;
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
            single &= named[leaf].is_none_or(|known| known == target);
            named[leaf] = Some(target);
            values[leaf * n_outputs + target] += weight;
        }
        let one_of = |tree: &Vec<Placed>| {
            let mut outputs = tree.iter().filter_map(|placed| named[placed.index]);
            let first = outputs.next().unwrap_or(0);
            outputs.all(|output| output == first).then_some(first)
        };
        let outputs: Option<Vec<usize>> = trees.iter().map(one_of).collect();
        let outputs = outputs.filter(|_| single && n_outputs > 1);
        Ok(Self { trees, values, outputs, n_outputs })
    }

    /// Trees whose leaves hold the weights as they are.
    pub(super) fn builder(
        &self,
        attributes: &Attributes,
        n_features: usize,
        n_outputs: usize,
        precision: Precision,
    ) -> Result<EnsembleBuilder, Problem> {
        let mut builder = empty(attributes, n_features, n_outputs, precision);
        let comparison = comparison(attributes);
        for (place, tree) in self.trees.iter().enumerate() {
            if let Some(outputs) = &self.outputs {
                let output = outputs[place];
                let value = |node: usize| vec![self.values[node * self.n_outputs + output]];
                let tree = build(attributes, tree, comparison, precision, 1, value)?;
                builder.push_tree_for(output, tree)?;
            } else {
                let value = |node: usize| self.value(node).to_vec();
                let tree = build(attributes, tree, comparison, precision, n_outputs, value)?;
                builder.push_tree(tree)?;
            }
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
        precision: Precision,
    ) -> Result<EnsembleBuilder, Problem> {
        let n_outputs = self.n_outputs;
        let mut builder = empty(attributes, n_features, n_outputs, precision);
        let n_trees = self.trees.len() as f64;
        // Single-precision weights may stand a little outside of 0 to 1.
        let tidy = |share: f64| if share < 0.0 && share > -1e-5 { 0.0 } else { share };
        let value = |node: usize| {
            let shares = self.value(node).iter().map(|weight| tidy(weight * n_trees));
            if !one_column {
                return shares.collect();
            }
            let second: f64 = shares.sum();
            vec![tidy(1.0 - second), second]
        };
        for tree in &self.trees {
            let comparison = comparison(attributes);
            let tree = build(attributes, tree, comparison, precision, n_outputs, value)?;
            builder.push_tree(tree)?;
        }
        Ok(builder)
    }

    fn value(&self, node: usize) -> &[f64] {
        &self.values[node * self.n_outputs..(node + 1) * self.n_outputs]
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

fn build(
    attributes: &Attributes,
    placed: &[Placed],
    comparison: Comparison,
    precision: Precision,
    n_values: usize,
    value: impl Fn(usize) -> Vec<f64>,
) -> Result<TreeBuilder, Problem> {
    let mut tree = TreeBuilder::new(n_values);
    for Placed { index, children } in placed {
        let value = value(*index);
        let stats = NodeStats { cover: 0.0, impurity: 0.0, value: &value };
        let id = u32::try_from(attributes.ids[*index]).unwrap_or(u32::MAX);
        if children.is_none() {
            let node = tree.push_leaf(&stats);
            tree.set_id(node, id);
            continue;
        }
        let feature = attributes.features[*index] as usize;
        let threshold = attributes.thresholds[*index];
        let node = match attributes.modes[*index] {
            Mode::Eq | Mode::Neq => {
                let category = threshold;
                if !(category.fract() == 0.0 && (0.0..16_777_216.0).contains(&category)) {
                    return Err(Problem::Unsupported(format!(
                        "a split asks whether a feature equals {category}, which is no category (a \
                         whole number from 0 below 2^24)"
                    )));
                }
                tree.push_category_split(feature, &[category as u32], &stats)
            }
            // Where both comparisons occur: x < t says x ≤ the number before t.
            Mode::Lt | Mode::Gte if comparison == Comparison::LessEqual => {
                tree.push_split(feature, before(threshold, precision), &stats)
            }
            _ => tree.push_split(feature, threshold, &stats),
        };
        tree.set_id(node, id);
    }
    for (node, Placed { index, children }) in placed.iter().enumerate() {
        let Some((when_true, when_false)) = *children else { continue };
        let missing_true = attributes.missing_true.get(*index).is_some_and(|&tracks| tracks != 0);
        // NaN compares to nothing, so only unequal is true of it.
        let mode = attributes.modes[*index];
        let missing_true = missing_true || mode == Mode::Neq;
        if matches!(mode, Mode::Leq | Mode::Lt | Mode::Eq) {
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
