//! Puts an [`Ensemble`] together from any library's trees, and checks it.
//!
//! What is checked once here no method checks again: children come after their parent and have
//! exactly one, features and thresholds make sense, covers and impurities are not negative.

use fi_core::{Error, Result, require, require_shape};

use super::ensemble::{Comparison, Ensemble, LEAF, Nodes, Tree};

/// What a node knows of the training rows that reached it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NodeStats<'a> {
    /// Their summed weight, at least 0.
    pub cover: f64,
    /// Their impurity, at least 0.
    pub impurity: f64,
    /// Their class distribution or mean target: `n_outputs` numbers.
    pub value: &'a [f64],
}

/// One tree on its way into an [`Ensemble`].
///
/// Push the root first, then every other node after its parent, and connect them.
#[derive(Debug, Clone)]
pub struct TreeBuilder {
    n_outputs: usize,
    nodes: Nodes,
    /// The first call that did not fit, told by [`EnsembleBuilder::push_tree`].
    problem: Option<String>,
}

impl TreeBuilder {
    /// An empty tree with `n_outputs` numbers per node.
    pub fn new(n_outputs: usize) -> Self {
        Self { n_outputs, nodes: Nodes::default(), problem: None }
    }

    /// How many nodes were pushed.
    pub fn n_nodes(&self) -> usize {
        self.nodes.len()
    }

    /// Adds a split and answers its number; missing values go right unless
    /// [`TreeBuilder::send_missing_left`] says otherwise.
    pub fn push_split(&mut self, feature: usize, threshold: f64, stats: &NodeStats<'_>) -> usize {
        let node = self.push_leaf(stats);
        self.make_split(node, feature, threshold);
        node
    }

    /// Adds a leaf and answers its number.
    pub fn push_leaf(&mut self, stats: &NodeStats<'_>) -> usize {
        let node = self.nodes.len();
        if stats.value.len() != self.n_outputs {
            let (expected, got) = (self.n_outputs, stats.value.len());
            self.note(format!("node {node} has {got} values, expected {expected}"));
        }
        self.nodes.left.push(LEAF);
        self.nodes.right.push(LEAF);
        self.nodes.feature.push(0);
        self.nodes.threshold.push(0.0);
        self.nodes.missing_left.push(false);
        self.nodes.cover.push(stats.cover);
        self.nodes.impurity.push(stats.impurity);
        self.nodes.value.extend_from_slice(stats.value);
        node
    }

    /// Turns a leaf into a split whose children are to be connected.
    pub(super) fn make_split(&mut self, node: usize, feature: usize, threshold: f64) {
        self.nodes.feature[node] = u32::try_from(feature).unwrap_or(u32::MAX);
        self.nodes.threshold[node] = threshold;
        // Not a leaf, but no child can stand before its parent: unconnected.
        self.nodes.left[node] = 0;
        self.nodes.right[node] = 0;
    }

    /// Makes `left` and `right` the children of a split.
    pub fn connect(&mut self, split: usize, left: usize, right: usize) {
        let n_nodes = self.nodes.len();
        if split >= n_nodes || self.nodes.left[split] == LEAF {
            self.note(format!("node {split} cannot have children, push it as a split"));
            return;
        }
        // Out of range stays out of range: `check_tree` names it.
        let index = |child: usize| u32::try_from(child).unwrap_or(LEAF - 1);
        self.nodes.left[split] = index(left).min(LEAF - 1);
        self.nodes.right[split] = index(right).min(LEAF - 1);
    }

    /// Sends missing values to the left child of a split.
    pub fn send_missing_left(&mut self, split: usize) {
        match self.nodes.missing_left.get_mut(split) {
            Some(missing_left) => *missing_left = true,
            None => self.note(format!("node {split} does not exist, push it first")),
        }
    }

    fn note(&mut self, problem: String) {
        self.problem.get_or_insert(problem);
    }
}

/// Collects trees into an [`Ensemble`].
#[derive(Debug, Clone)]
pub struct EnsembleBuilder {
    ensemble: Ensemble,
}

impl EnsembleBuilder {
    pub(super) fn new(n_features: usize, n_outputs: usize, comparison: Comparison) -> Self {
        let (offsets, nodes) = (vec![0], Nodes::default());
        Self { ensemble: Ensemble { n_features, n_outputs, comparison, offsets, nodes } }
    }

    /// Adds a tree.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] that names the tree and the node: unless children come after their
    /// parent, every node but the root has one parent, features are in range, thresholds and
    /// values finite, covers and impurities finite and not negative.
    pub fn push_tree(&mut self, tree: TreeBuilder) -> Result<()> {
        let Ensemble { n_features, n_outputs, comparison, offsets, nodes } = &mut self.ensemble;
        let index = offsets.len() - 1;
        if let Some(problem) = tree.problem {
            return Err(Error::Data(format!("tree {index}: {problem}")));
        }
        require_shape("the tree's list of outputs", &[*n_outputs], &[tree.n_outputs])?;
        let offsets_of_one = vec![0, tree.nodes.len()];
        let one = Ensemble {
            n_features: *n_features,
            n_outputs: *n_outputs,
            comparison: *comparison,
            offsets: offsets_of_one,
            nodes: tree.nodes,
        };
        check_tree(one.tree(0), index, *n_features)?;
        nodes.left.extend(one.nodes.left);
        nodes.right.extend(one.nodes.right);
        nodes.feature.extend(one.nodes.feature);
        nodes.threshold.extend(one.nodes.threshold);
        nodes.missing_left.extend(one.nodes.missing_left);
        nodes.cover.extend(one.nodes.cover);
        nodes.impurity.extend(one.nodes.impurity);
        nodes.value.extend(one.nodes.value);
        offsets.push(nodes.len());
        Ok(())
    }

    /// The ensemble of the trees that were added.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] without features or outputs; [`Error::Data`] without trees.
    pub fn build(self) -> Result<Ensemble> {
        let ensemble = self.ensemble;
        check_ensemble(&ensemble)?;
        Ok(ensemble)
    }
}

/// Checks the sizes of the arrays, so that taking a tree out cannot fail.
pub(super) fn check_ensemble(ensemble: &Ensemble) -> Result<()> {
    let Ensemble { n_features, n_outputs, offsets, nodes, .. } = ensemble;
    require(*n_features > 0, "n_features", n_features, "at least 1")?;
    require(*n_outputs > 0, "n_outputs", n_outputs, "at least 1")?;
    if offsets.len() < 2 {
        return Err(Error::Data("the ensemble has no trees, add at least one".into()));
    }
    let n = nodes.len();
    let rising = offsets.windows(2).all(|pair| pair[0] < pair[1]);
    if offsets[0] != 0 || offsets[offsets.len() - 1] != n || !rising {
        return Err(Error::Data(format!(
            "the ensemble's trees do not cover its {n} nodes one behind the other"
        )));
    }
    let lengths = [
        nodes.right.len(),
        nodes.feature.len(),
        nodes.threshold.len(),
        nodes.missing_left.len(),
        nodes.cover.len(),
        nodes.impurity.len(),
    ];
    let values = n.checked_mul(*n_outputs);
    if lengths.iter().any(|&length| length != n) || values != Some(nodes.value.len()) {
        return Err(Error::Data(format!(
            "the ensemble has {n} nodes, but not every array has one entry for each"
        )));
    }
    Ok(())
}

/// Checks one tree whose arrays have the right lengths.
pub(super) fn check_tree(tree: Tree<'_>, index: usize, n_features: usize) -> Result<()> {
    let n_nodes = tree.n_nodes();
    let problem =
        |node: usize, what: String| Err(Error::Data(format!("tree {index}, node {node}: {what}")));
    if n_nodes == 0 || n_nodes >= LEAF as usize {
        return Err(Error::Data(format!(
            "tree {index} has {n_nodes} nodes, it must have 1 to {}",
            LEAF - 1
        )));
    }
    let mut has_parent = vec![false; n_nodes];
    for node in 0..n_nodes {
        let (cover, impurity) = (tree.cover(node), tree.impurity(node));
        if !(cover >= 0.0 && cover.is_finite()) {
            return problem(node, format!("the cover is `{cover}`, it must be at least 0"));
        }
        if !(impurity >= 0.0 && impurity.is_finite()) {
            return problem(node, format!("the impurity is `{impurity}`, it must be at least 0"));
        }
        if let Some(value) = tree.value(node).iter().find(|value| !value.is_finite()) {
            return problem(node, format!("a value is `{value}`, it must be finite"));
        }
        let Some((left, right)) = tree.children(node) else { continue };
        if tree.feature(node) >= n_features {
            let feature = tree.feature(node);
            return problem(node, format!("splits on feature {feature} of {n_features}"));
        }
        if !tree.threshold(node).is_finite() {
            let threshold = tree.threshold(node);
            return problem(node, format!("the threshold is `{threshold}`, it must be finite"));
        }
        for child in [left, right] {
            if child <= node || child >= n_nodes {
                return problem(node, format!("child {child} must lie after it, below {n_nodes}"));
            }
            if std::mem::replace(&mut has_parent[child], true) {
                return problem(node, format!("child {child} has another parent already"));
            }
        }
    }
    match has_parent[1..].iter().position(|has| !has) {
        None => Ok(()),
        Some(orphan) => problem(orphan + 1, "no split leads to it".into()),
    }
}
