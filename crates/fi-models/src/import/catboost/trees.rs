//! CatBoost's trees, in the common layout.

use std::collections::BTreeMap;

use super::category::{Categories, LIMIT};
use super::json::{Node, Oblivious, Split};
use super::{Problem, damaged, shown};
use crate::import::categories::Budget;
use crate::tree::{NodeStats, TreeBuilder};

/// CatBoost grows no deeper trees, and 2¹⁶ leaves are many.
const DEEPEST: usize = 16;

/// Where features stand in a row.
#[derive(Default)]
pub(super) struct Columns {
    pub(super) names: Vec<String>,
    /// Of a numeric feature, its column and whether its missing values go left.
    pub(super) floats: BTreeMap<usize, (usize, bool)>,
    pub(super) categories: BTreeMap<usize, usize>,
}

/// The question of a split.
enum Question<'a> {
    /// `x > border`: if so, right.
    Larger { column: usize, border: f32, missing_left: bool },
    /// Whether `x` is one of these: if so, CatBoost's right, but left in the layout.
    OneOf { column: usize, categories: &'a [u32] },
}

impl Question<'_> {
    fn push(&self, builder: &mut TreeBuilder, stats: &NodeStats<'_>) -> usize {
        match *self {
            Self::Larger { column, border, missing_left } => {
                let node = builder.push_split(column, f64::from(border), stats);
                if missing_left {
                    builder.send_missing_left(node);
                }
                node
            }
            Self::OneOf { column, categories } => {
                builder.push_category_split(column, categories, stats)
            }
        }
    }

    /// Connects a split with the nodes for `no` and `yes`.
    fn connect(&self, builder: &mut TreeBuilder, split: usize, no: usize, yes: usize) {
        match self {
            Self::Larger { .. } => builder.connect(split, no, yes),
            Self::OneOf { .. } => builder.connect(split, yes, no),
        }
    }
}

/// Makes trees of a model.
pub(super) struct Reader<'a> {
    pub(super) columns: &'a Columns,
    pub(super) categories: &'a Categories,
    /// What values of leaves are multiplied with.
    pub(super) scale: f64,
    /// How many values a leaf has, once a tree was read.
    pub(super) n_outputs: Option<usize>,
    pub(super) budget: Budget,
}

impl<'a> Reader<'a> {
    fn question(&self, tree: usize, split: &Split) -> Result<Question<'a>, Problem> {
        match split.split_type.as_str() {
            "FloatFeature" => {
                let (Some(index), Some(border)) = (split.float_feature_index, split.border) else {
                    return damaged(format!(
                        "tree {tree} has a split without `float_feature_index` or `border`"
                    ));
                };
                let Some(&(column, missing_left)) = self.columns.floats.get(&index) else {
                    return damaged(format!(
                        "tree {tree} splits on float feature {index}, which is not listed"
                    ));
                };
                // The file has a single-precision number with enough digits to find it again.
                Ok(Question::Larger { column, border: border as f32, missing_left })
            }
            "OneHotFeature" => {
                let (Some(index), Some(value)) = (split.cat_feature_index, split.value) else {
                    return damaged(format!(
                        "tree {tree} has a split without `cat_feature_index` or `value`"
                    ));
                };
                let Some(&column) = self.columns.categories.get(&index) else {
                    return damaged(format!(
                        "tree {tree} splits on categorical feature {index}, which is not listed"
                    ));
                };
                let categories = self.categories.get(value as u32).map_err(|category| {
                    Problem::Unsupported(format!(
                        "tree {tree} tests whether `{}` is {category}, which is no whole number \
                         below {LIMIT}: replace its categories by whole numbers from 0 and train \
                         again",
                        shown(&self.columns.names[column])
                    ))
                })?;
                Ok(Question::OneOf { column, categories })
            }
            "OnlineCtr" => Err(Problem::Unsupported(format!(
                "tree {tree} splits on a statistic of categories (CTR), which fi does not read: \
                 train with a larger `one_hot_max_size`, or encode the categories before"
            ))),
            other => Err(Problem::Unsupported(format!(
                "tree {tree} has a split of the type `{}`, which fi does not read: train on \
                 numeric features and one-hot categories only",
                shown(other)
            ))),
        }
    }

    /// Notes how many values a leaf has, and checks that all have as many.
    fn check_values(&mut self, tree: usize, n_values: usize) -> Result<(), Problem> {
        let expected = *self.n_outputs.get_or_insert(n_values);
        if n_values == 0 {
            return damaged(format!("tree {tree} has a leaf without values"));
        }
        if n_values != expected {
            return damaged(format!(
                "tree {tree} has {n_values} values per leaf, those before it have {expected}"
            ));
        }
        Ok(())
    }

    /// A tree with the same question on all nodes of a level.
    pub(super) fn oblivious(
        &mut self,
        index: usize,
        tree: &Oblivious,
    ) -> Result<TreeBuilder, Problem> {
        let splits = tree.splits.as_deref().unwrap_or_default();
        let depth = splits.len();
        if depth > DEEPEST {
            return damaged(format!("tree {index} has {depth} levels, at most {DEEPEST} can be"));
        }
        let n_leaves = 1_usize << depth;
        let n_values = tree.leaf_values.len() / n_leaves;
        if !tree.leaf_values.len().is_multiple_of(n_leaves) || n_values == 0 {
            return damaged(format!(
                "tree {index} has {} leaf values, no multiple of its {n_leaves} leaves",
                tree.leaf_values.len()
            ));
        }
        self.check_values(index, n_values)?;
        let weights = tree.leaf_weights.as_deref();
        if let Some(weights) = weights.filter(|weights| weights.len() != n_leaves) {
            let n = weights.len();
            return damaged(format!("tree {index} has {n} leaf weights, but {n_leaves} leaves"));
        }

        // Level by level: the leaves behind the splits, parents before their children.
        let n_splits = n_leaves - 1;
        let mut covers = vec![0.0; n_splits];
        covers.extend(weights.unwrap_or(&vec![0.0; n_leaves]));
        for split in (0..n_splits).rev() {
            covers[split] = covers[2 * split + 1] + covers[2 * split + 2];
        }
        let mut builder = TreeBuilder::new(n_values);
        let nothing = vec![0.0; n_values];
        for (level, split) in splits.iter().rev().enumerate() {
            let question = self.question(index, split)?;
            let first = (1 << level) - 1;
            if let Question::OneOf { categories, .. } = question {
                self.budget.take(index, first, categories)?;
            }
            for (node, &cover) in covers.iter().enumerate().skip(first).take(first + 1) {
                let stats = NodeStats { cover, impurity: 0.0, value: &nothing };
                if node == first {
                    question.push(&mut builder, &stats);
                } else {
                    builder.push_split_like(first, &stats);
                }
                question.connect(&mut builder, node, 2 * node + 1, 2 * node + 2);
            }
        }
        let mut value = vec![0.0; n_values];
        for leaf in 0..n_leaves {
            let values = &tree.leaf_values[leaf * n_values..(leaf + 1) * n_values];
            value.iter_mut().zip(values).for_each(|(value, x)| *value = self.scale * x);
            let stats = NodeStats { cover: covers[n_splits + leaf], impurity: 0.0, value: &value };
            let node = builder.push_leaf(&stats);
            builder.set_id(node, leaf as u32);
        }
        Ok(builder)
    }

    /// A tree with a question of its own in every split, in depth-first order, left before right.
    pub(super) fn other(&mut self, index: usize, root: &Node) -> Result<TreeBuilder, Problem> {
        let nodes = flatten(index, root)?;
        let mut covers: Vec<f64> =
            nodes.iter().map(|(node, _)| node.weight.unwrap_or(0.0)).collect();
        for (at, (_, children)) in nodes.iter().enumerate().rev() {
            if let Some((left, right)) = *children {
                covers[at] = covers[left] + covers[right];
            }
        }
        let leaf = nodes.iter().find_map(|(node, _)| node.value.as_ref());
        let n_values = leaf.map_or(0, |value| value.as_slice().len());
        self.check_values(index, n_values)?;

        let mut builder = TreeBuilder::new(n_values);
        let mut value = vec![0.0; n_values];
        let mut n_leaves = 0;
        // Equal sets of categories are held once.
        let mut known = BTreeMap::new();
        for (&(node, children), &cover) in nodes.iter().zip(&covers) {
            value.fill(0.0);
            match (children, &node.split, &node.value) {
                (Some((left, right)), Some(split), None) => {
                    let stats = NodeStats { cover, impurity: 0.0, value: &value };
                    let question = self.question(index, split)?;
                    let key = split.cat_feature_index.zip(split.value);
                    let like = key.and_then(|key| known.get(&key)).copied();
                    let at = match (&question, like) {
                        (Question::OneOf { .. }, Some(like)) => {
                            builder.push_split_like(like, &stats)
                        }
                        (Question::OneOf { categories, .. }, None) => {
                            self.budget.take(index, builder.n_nodes(), categories)?;
                            question.push(&mut builder, &stats)
                        }
                        _ => question.push(&mut builder, &stats),
                    };
                    if let (Question::OneOf { .. }, Some(key)) = (&question, key) {
                        known.entry(key).or_insert(at);
                    }
                    question.connect(&mut builder, at, left, right);
                }
                (None, None, Some(values)) => {
                    self.check_values(index, values.as_slice().len())?;
                    let values = values.as_slice().iter();
                    value.iter_mut().zip(values).for_each(|(value, x)| *value = self.scale * x);
                    let at = builder.push_leaf(&NodeStats { cover, impurity: 0.0, value: &value });
                    builder.set_id(at, n_leaves);
                    n_leaves += 1;
                }
                _ => return no_node(index),
            }
        }
        Ok(builder)
    }
}

/// The numbers of a node's children.
type Children = Option<(usize, usize)>;

/// The nodes in depth-first order with the numbers of their children.
fn flatten(index: usize, root: &Node) -> Result<Vec<(&Node, Children)>, Problem> {
    let mut nodes: Vec<(&Node, Children)> = Vec::new();
    // With the parent whose right child a node is; a left child stands right behind its parent.
    let mut waiting: Vec<(&Node, Option<usize>)> = vec![(root, None)];
    while let Some((node, parent)) = waiting.pop() {
        let at = nodes.len();
        if let Some(parent) = parent {
            nodes[parent] = (nodes[parent].0, Some((parent + 1, at)));
        }
        nodes.push((node, None));
        match (&node.left, &node.right) {
            (Some(left), Some(right)) => {
                waiting.push((right, Some(at)));
                waiting.push((left, None));
            }
            (None, None) => {}
            _ => return no_node(index),
        }
    }
    Ok(nodes)
}

fn no_node<T>(index: usize) -> Result<T, Problem> {
    damaged(format!(
        "tree {index} has a node that is neither a leaf with a `value` nor a split with a `left` \
         and a `right`"
    ))
}

/// Whether every leaf says its weight.
pub(super) fn has_weights(root: &Node) -> bool {
    leaves_and_splits(root).all(|node| node.split.is_some() || node.weight.is_some())
}

/// The hashes of all categories that some split tests.
pub(super) fn hashes(oblivious: &[Oblivious], others: &[Node]) -> Vec<u32> {
    let levels = oblivious.iter().flat_map(|tree| tree.splits.iter().flatten());
    let nodes = others.iter().flat_map(leaves_and_splits).filter_map(|node| node.split.as_ref());
    // A cast keeps the low 32 bits, whether they were written with a sign or without.
    levels.chain(nodes).filter_map(|split| split.value).map(|value| value as u32).collect()
}

/// All nodes of a tree.
fn leaves_and_splits(root: &Node) -> impl Iterator<Item = &Node> {
    let mut waiting = vec![root];
    std::iter::from_fn(move || {
        let node = waiting.pop()?;
        waiting.extend(node.left.iter().chain(&node.right).map(AsRef::as_ref));
        Some(node)
    })
}
