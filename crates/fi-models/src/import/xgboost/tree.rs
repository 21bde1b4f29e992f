//! One tree of XGBoost, as one of ours.

use super::super::Problem;
use super::super::categories::Budget;
use super::file;
use super::number::{Flag, Single};
use crate::tree::{NodeStats, TreeBuilder};

/// What all trees of a model share.
pub(super) struct Shape {
    pub(super) n_features: usize,
    /// Values per node.
    pub(super) n_values: usize,
    pub(super) has_cover: bool,
    pub(super) has_gain: bool,
    /// For sets of categories.
    pub(super) budget: Budget,
}

/// The tree's nodes that can be reached from its root, each under XGBoost's number.
///
/// Pruned nodes stay in XGBoost's lists, but no split leads to them. Parents come before their
/// children here, which a reused number of a pruned node need not.
pub(super) fn convert(
    tree: &file::Tree,
    index: usize,
    weight: Option<f32>,
    shape: &mut Shape,
) -> Result<TreeBuilder, Problem> {
    let checked = Checked::new(tree, index, shape)?;
    let mut builder = TreeBuilder::new(shape.n_values);
    let mut seen = vec![false; checked.n_nodes];
    let mut children: Vec<[usize; 2]> = Vec::new();
    let mut value = vec![0.0; shape.n_values];
    // XGBoost's number of a node, and the parent's place and side here.
    let mut stack: Vec<(usize, Option<(usize, usize)>)> = vec![(0, None)];
    while let Some((node, parent)) = stack.pop() {
        if std::mem::replace(&mut seen[node], true) {
            return Err(checked.damaged(node, "two splits lead to it"));
        }
        let ours = builder.n_nodes();
        if let Some((split, side)) = parent {
            children[split][side] = ours;
        }
        children.push([0, 0]);
        let cover = if shape.has_cover { f64::from(tree.sum_hessian[node].0) } else { 0.0 };
        value.fill(0.0);
        let Some([left, right]) = checked.children(node)? else {
            checked.leaf(node, weight, &mut value)?;
            builder.push_leaf(&NodeStats { cover, impurity: 0.0, value: &value });
            set_id(&mut builder, ours, node);
            continue;
        };
        let stats = NodeStats { cover, impurity: 0.0, value: &value };
        let feature = checked.feature(node, shape.n_features)?;
        let default_left = tree.default_left[node].0;
        let (next, missing_left) = if checked.is_categorical(node) {
            let categories = checked.categories(node, &mut shape.budget)?;
            builder.push_category_split(feature, categories, &stats);
            // XGBoost sends the listed categories right, we send them left.
            ([right, left], !default_left)
        } else {
            builder.push_split(feature, checked.threshold(node)?, &stats);
            ([left, right], default_left)
        };
        set_id(&mut builder, ours, node);
        if missing_left {
            builder.send_missing_left(ours);
        }
        if shape.has_gain {
            builder.set_gain(ours, f64::from(tree.loss_changes[node].0));
        }
        stack.push((next[1], Some((ours, 1))));
        stack.push((next[0], Some((ours, 0))));
    }
    for (split, [left, right]) in children.into_iter().enumerate() {
        if left != 0 {
            builder.connect(split, left, right);
        }
    }
    Ok(builder)
}

fn set_id(builder: &mut TreeBuilder, ours: usize, node: usize) {
    // A node is one of a list whose numbers are `i32`.
    builder.set_id(ours, node as u32);
}

/// A tree whose lists have the right lengths.
struct Checked<'a> {
    tree: &'a file::Tree,
    index: usize,
    n_nodes: usize,
    n_values: usize,
}

impl<'a> Checked<'a> {
    fn new(tree: &'a file::Tree, index: usize, shape: &Shape) -> Result<Self, Problem> {
        let damaged = |what: String| Err(Problem::Damaged(format!("tree {index}: {what}")));
        let n_nodes = tree.left_children.len();
        let claimed = tree.param.num_nodes.0;
        if n_nodes == 0 || claimed != n_nodes as u64 {
            return damaged(format!("it has {n_nodes} nodes, but claims {claimed}"));
        }
        let n_values = usize::try_from(tree.param.size_leaf_vector.0.max(1));
        if n_values != Ok(shape.n_values) {
            let size = tree.param.size_leaf_vector.0;
            return damaged(format!("its leaves hold {size} values, expected {}", shape.n_values));
        }
        let optional = |length: usize, known: bool| if known { length } else { n_nodes };
        let lengths = [
            ("right_children", tree.right_children.len()),
            ("split_indices", tree.split_indices.len()),
            ("split_conditions", tree.split_conditions.len()),
            ("default_left", tree.default_left.len()),
            ("split_type", optional(tree.split_type.len(), !tree.split_type.is_empty())),
            ("sum_hessian", optional(tree.sum_hessian.len(), shape.has_cover)),
            ("loss_changes", optional(tree.loss_changes.len(), shape.has_gain)),
        ];
        if let Some((name, length)) = lengths.iter().find(|(_, length)| *length != n_nodes) {
            return damaged(format!("`{name}` has {length} entries for {n_nodes} nodes"));
        }
        if shape.n_values > 1 && tree.leaf_weights.is_empty() {
            let weights = tree.base_weights.len();
            if Some(weights) != n_nodes.checked_mul(shape.n_values) {
                return damaged(format!(
                    "`base_weights` has {weights} entries for {n_nodes} nodes"
                ));
            }
        }
        if let Err(what) = check_categories(tree) {
            return damaged(what);
        }
        Ok(Self { tree, index, n_nodes, n_values: shape.n_values })
    }

    fn damaged(&self, node: usize, what: impl std::fmt::Display) -> Problem {
        Problem::Damaged(format!("tree {}, node {node}: {what}", self.index))
    }

    /// Left and right; none for a leaf.
    fn children(&self, node: usize) -> Result<Option<[usize; 2]>, Problem> {
        if self.tree.left_children[node] == -1 {
            return Ok(None);
        }
        let child = |child: i32| {
            usize::try_from(child).ok().filter(|&child| child < self.n_nodes).ok_or_else(|| {
                self.damaged(node, format!("its child {child} is none of {} nodes", self.n_nodes))
            })
        };
        let left = child(self.tree.left_children[node])?;
        Ok(Some([left, child(self.tree.right_children[node])?]))
    }

    /// Writes the values of a leaf.
    fn leaf(&self, node: usize, weight: Option<f32>, value: &mut [f64]) -> Result<(), Problem> {
        let tree = self.tree;
        let found: &[Single] = if self.n_values == 1 {
            &tree.split_conditions[node..=node]
        } else if tree.leaf_weights.is_empty() {
            &tree.base_weights[node * self.n_values..(node + 1) * self.n_values]
        } else {
            let leaf = tree.right_children[node];
            usize::try_from(leaf)
                .ok()
                .and_then(|leaf| {
                    let start = leaf.checked_mul(self.n_values)?;
                    tree.leaf_weights.get(start..start.checked_add(self.n_values)?)
                })
                .ok_or_else(|| {
                    self.damaged(node, format!("leaf {leaf} is not among its `leaf_weights`"))
                })?
        };
        for (value, &Single(found)) in value.iter_mut().zip(found) {
            let weighted = weight.map_or(found, |weight| weight * found);
            if !weighted.is_finite() {
                return Err(self.damaged(node, format!("its value is `{weighted}`")));
            }
            *value = f64::from(weighted);
        }
        Ok(())
    }

    fn feature(&self, node: usize, n_features: usize) -> Result<usize, Problem> {
        let feature = self.tree.split_indices[node] as usize;
        if feature < n_features {
            return Ok(feature);
        }
        Err(self.damaged(node, format!("it splits on feature {feature} of {n_features}")))
    }

    fn threshold(&self, node: usize) -> Result<f64, Problem> {
        let Single(threshold) = self.tree.split_conditions[node];
        if threshold.is_nan() {
            return Err(self.damaged(node, "its threshold is `NaN`, it must be a number"));
        }
        Ok(f64::from(threshold))
    }

    fn is_categorical(&self, node: usize) -> bool {
        self.tree.split_type.get(node) == Some(&Flag(true))
    }

    /// The categories that go right; their set is taken off the budget.
    fn categories(&self, node: usize, budget: &mut Budget) -> Result<&'a [u32], Problem> {
        let tree = self.tree;
        let place = tree.categories_nodes.binary_search(&(node as u32)).map_err(|_| {
            self.damaged(node, "it splits on categories, but `categories_nodes` does not list it")
        })?;
        let start = tree.categories_segments[place] as usize;
        let categories = &tree.categories[start..start + tree.categories_sizes[place] as usize];
        budget.take(self.index, node, categories)?;
        Ok(categories)
    }
}

/// Whether the lists of categories lie one behind the other, for ascending nodes.
fn check_categories(tree: &file::Tree) -> Result<(), String> {
    let n_splits = tree.categories_nodes.len();
    if tree.categories_segments.len() != n_splits || tree.categories_sizes.len() != n_splits {
        return Err(format!(
            "`categories_nodes` has {n_splits} entries, `categories_segments` {} and \
             `categories_sizes` {}",
            tree.categories_segments.len(),
            tree.categories_sizes.len()
        ));
    }
    if tree.categories_nodes.windows(2).any(|pair| pair[0] >= pair[1]) {
        return Err("`categories_nodes` is not in ascending order".into());
    }
    let mut end = 0_u64;
    for (&start, &size) in tree.categories_segments.iter().zip(&tree.categories_sizes) {
        let next = start.checked_add(size).filter(|&next| next <= tree.categories.len() as u64);
        match next {
            Some(next) if start == end => end = next,
            _ => {
                return Err(format!(
                    "`categories_segments` and `categories_sizes` do not divide its {} categories",
                    tree.categories.len()
                ));
            }
        }
    }
    Ok(())
}
