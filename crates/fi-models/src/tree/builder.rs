//! Puts an [`Ensemble`] together from any library's trees, and checks it.
//!
//! What is checked once here no method checks again: children come after their parent and have
//! exactly one, features and thresholds make sense, covers and impurities are not negative.

use std::collections::BTreeMap;

use fi_core::{Error, Result, require, require_shape};

use super::ensemble::{Aggregate, Ensemble, LEAF, Nodes, Statistics};
use super::predict::Kept;
use super::split::{CategorySets, Comparison, MOST_CATEGORIES, NUMERIC, Precision};
use super::tree::Tree;

/// What a node knows of the training rows that reached it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NodeStats<'a> {
    /// Their summed weight, at least 0.
    pub cover: f64,
    /// Their impurity, at least 0.
    pub impurity: f64,
    /// What the tree answers there: one number per output, or one number in all if the tree is
    /// for a single output.
    pub value: &'a [f64],
}

/// One tree on its way into an [`Ensemble`].
///
/// Push the root first, then every other node after its parent, and connect them.
#[derive(Debug, Clone)]
pub struct TreeBuilder {
    pub(super) n_values: usize,
    pub(super) nodes: Nodes,
    pub(super) sets: CategorySets,
    /// The first call that did not fit, told by [`EnsembleBuilder::push_tree`].
    problem: Option<String>,
}

impl TreeBuilder {
    /// An empty tree with `n_values` numbers per node.
    pub fn new(n_values: usize) -> Self {
        let (nodes, sets) = (Nodes::default(), CategorySets::default());
        Self { n_values, nodes, sets, problem: None }
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

    /// Adds a split that sends these categories left, and answers its number; missing values and
    /// all other categories go right.
    pub fn push_category_split(
        &mut self,
        feature: usize,
        categories: &[u32],
        stats: &NodeStats<'_>,
    ) -> usize {
        let node = self.push_leaf(stats);
        self.make_category_split(node, feature, categories);
        node
    }

    /// Adds a split with the same test as split `like`, and answers its number: what goes left
    /// there goes left here. All splits of a level of an oblivious tree have the same test.
    pub fn push_split_like(&mut self, like: usize, stats: &NodeStats<'_>) -> usize {
        let node = self.push_leaf(stats);
        if like >= node || self.nodes.left[like] == LEAF {
            self.note(format!("node {like} is no split, push it first"));
            return node;
        }
        self.make_split(node, self.nodes.feature[like] as usize, self.nodes.threshold[like]);
        self.nodes.set[node] = self.nodes.set[like];
        self.nodes.missing_left[node] = self.nodes.missing_left[like];
        self.nodes.zero_is_missing[node] = self.nodes.zero_is_missing[like];
        node
    }

    /// Adds a leaf and answers its number.
    pub fn push_leaf(&mut self, stats: &NodeStats<'_>) -> usize {
        let node = self.nodes.len();
        if stats.value.len() != self.n_values {
            let (expected, got) = (self.n_values, stats.value.len());
            self.note(format!("node {node} has {got} values, expected {expected}"));
        }
        self.nodes.left.push(LEAF);
        self.nodes.right.push(LEAF);
        self.nodes.feature.push(0);
        self.nodes.threshold.push(0.0);
        self.nodes.set.push(NUMERIC);
        self.nodes.missing_left.push(false);
        self.nodes.zero_is_missing.push(false);
        self.nodes.id.push(u32::try_from(node).unwrap_or(u32::MAX));
        self.nodes.cover.push(stats.cover);
        self.nodes.impurity.push(stats.impurity);
        self.nodes.gain.push(0.0);
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

    /// Turns a leaf into a split on categories whose children are to be connected.
    pub(super) fn make_category_split(&mut self, node: usize, feature: usize, categories: &[u32]) {
        self.make_split(node, feature, 0.0);
        self.nodes.set[node] = self.sets.len() as u32;
        if !self.sets.push(categories) {
            let most = MOST_CATEGORIES - 1;
            self.note(format!("node {node} has a category above {most}, the largest there is"));
        }
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

    /// Lets a split take 0 for a missing value.
    pub fn take_zero_for_missing(&mut self, split: usize) {
        match self.nodes.zero_is_missing.get_mut(split) {
            Some(zero_is_missing) => *zero_is_missing = true,
            None => self.note(format!("node {split} does not exist, push it first")),
        }
    }

    /// Says what a split gained.
    pub fn set_gain(&mut self, split: usize, gain: f64) {
        match self.nodes.gain.get_mut(split) {
            Some(known) => *known = gain,
            None => self.note(format!("node {split} does not exist, push it first")),
        }
    }

    /// Says what number the tree's library knows a node by.
    pub fn set_id(&mut self, node: usize, id: u32) {
        match self.nodes.id.get_mut(node) {
            Some(known) => *known = id,
            None => self.note(format!("node {node} does not exist, push it first")),
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
        let ensemble = Ensemble {
            n_features,
            n_outputs,
            comparison,
            precision: Precision::F64,
            aggregate: Aggregate::Mean,
            statistics: Statistics { cover: true, impurity: true, gain: false },
            base: vec![0.0; n_outputs],
            tree_outputs: Vec::new(),
            offsets: vec![0],
            nodes: Nodes::default(),
            sets: CategorySets::default(),
            kept: Kept::default(),
        };
        Self { ensemble }
    }

    /// Values are rounded to this precision before they are compared. Default: `F64`.
    pub fn with_precision(mut self, precision: Precision) -> Self {
        self.ensemble.precision = precision;
        self
    }

    /// The answers of the trees are joined this way. Default: `Mean`.
    pub fn with_aggregate(mut self, aggregate: Aggregate) -> Self {
        self.ensemble.aggregate = aggregate;
        self
    }

    /// The trees are added to this, one number per output. Default: 0.
    pub fn with_base(mut self, base: Vec<f64>) -> Self {
        self.ensemble.base = base;
        self
    }

    /// These properties of nodes are known. Default: cover and impurity.
    pub fn with_statistics(mut self, statistics: Statistics) -> Self {
        self.ensemble.statistics = statistics;
        self
    }

    /// Adds a tree that answers all outputs.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] that names the tree and the node: unless children come after their
    /// parent, every node but the root has one parent, features are in range, no threshold is
    /// NaN, values are finite, covers and impurities finite and not negative;
    /// [`Error::Shape`] for another number of values; [`Error::Data`] after a tree for one
    /// output.
    pub fn push_tree(&mut self, tree: TreeBuilder) -> Result<()> {
        let index = self.ensemble.offsets.len() - 1;
        if !self.ensemble.tree_outputs.is_empty() {
            return Err(Error::Data(format!(
                "tree {index} is for all outputs, but the trees before it are for one each"
            )));
        }
        require_shape("the tree's list of values", &[self.ensemble.n_outputs], &[tree.n_values])?;
        self.push(tree, Vec::new())
    }

    /// Adds a tree that answers only this output: its nodes hold one value.
    ///
    /// # Errors
    ///
    /// As for [`EnsembleBuilder::push_tree`], and [`Error::Data`] if there is no such output or
    /// the trees before it are for all outputs.
    pub fn push_tree_for(&mut self, output: usize, tree: TreeBuilder) -> Result<()> {
        let n_outputs = self.ensemble.n_outputs;
        let index = self.ensemble.offsets.len() - 1;
        if self.ensemble.tree_outputs.len() != index {
            return Err(Error::Data(format!(
                "tree {index} is for one output, but the trees before it are for all"
            )));
        }
        if output >= n_outputs {
            return Err(Error::Data(format!("tree {index} is for output {output} of {n_outputs}")));
        }
        require_shape("the tree's list of values", &[1], &[tree.n_values])?;
        self.push(tree, vec![output as u32])?;
        Ok(())
    }

    fn push(&mut self, tree: TreeBuilder, tree_outputs: Vec<u32>) -> Result<()> {
        let ensemble = &mut self.ensemble;
        let index = ensemble.offsets.len() - 1;
        if let Some(problem) = tree.problem {
            return Err(Error::Data(format!("tree {index}: {problem}")));
        }
        let one = Ensemble {
            base: Vec::new(),
            tree_outputs,
            offsets: vec![0, tree.nodes.len()],
            nodes: tree.nodes,
            sets: tree.sets,
            kept: Kept::default(),
            ..*ensemble
        };
        check_tree(one.tree(0), index, ensemble.n_features)?;
        let first_set = ensemble.sets.len() as u32;
        ensemble.sets.append(&one.sets);
        let sets = one.nodes.set.iter();
        let nodes = &mut ensemble.nodes;
        nodes.set.extend(sets.map(|&set| if set == NUMERIC { set } else { first_set + set }));
        nodes.left.extend(one.nodes.left);
        nodes.right.extend(one.nodes.right);
        nodes.feature.extend(one.nodes.feature);
        nodes.threshold.extend(one.nodes.threshold);
        nodes.missing_left.extend(one.nodes.missing_left);
        nodes.zero_is_missing.extend(one.nodes.zero_is_missing);
        nodes.id.extend(one.nodes.id);
        nodes.cover.extend(one.nodes.cover);
        nodes.impurity.extend(one.nodes.impurity);
        nodes.gain.extend(one.nodes.gain);
        nodes.value.extend(one.nodes.value);
        ensemble.offsets.push(ensemble.nodes.left.len());
        ensemble.tree_outputs.extend(one.tree_outputs);
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
    let Ensemble { n_features, n_outputs, offsets, nodes, tree_outputs, sets, .. } = ensemble;
    require(*n_features > 0, "n_features", n_features, "at least 1")?;
    require(*n_outputs > 0, "n_outputs", n_outputs, "at least 1")?;
    require_shape("the list of base scores", &[*n_outputs], &[ensemble.base.len()])?;
    if let Some(base) = ensemble.base.iter().find(|base| !base.is_finite()) {
        return Err(Error::Data(format!("a base score is `{base}`, it must be finite")));
    }
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
        nodes.set.len(),
        nodes.missing_left.len(),
        nodes.zero_is_missing.len(),
        nodes.id.len(),
        nodes.cover.len(),
        nodes.impurity.len(),
        nodes.gain.len(),
    ];
    if !tree_outputs.is_empty()
        && (tree_outputs.len() != ensemble.n_trees()
            || tree_outputs.iter().any(|&output| output as usize >= *n_outputs))
    {
        return Err(Error::Data(format!(
            "the ensemble does not name one of its {n_outputs} outputs for every tree"
        )));
    }
    if ensemble.aggregate == Aggregate::Mean && !tree_outputs.is_empty() {
        // If all that are named have as many, the numbers only add up if all are named.
        let mut counts = BTreeMap::<u32, usize>::new();
        for &output in tree_outputs {
            *counts.entry(output).or_default() += 1;
        }
        let each = ensemble.n_trees() / n_outputs;
        if counts.values().any(|&count| count != each) {
            return Err(Error::Data(format!(
                "the ensemble is a mean, but its {n_outputs} outputs do not have as many trees each"
            )));
        }
    }
    let known_set = |&set: &u32| set == NUMERIC || (set as usize) < sets.len();
    if !sets.hold_together() || !nodes.set.iter().all(known_set) {
        return Err(Error::Data("the ensemble has a split on categories it does not hold".into()));
    }
    let values = n.checked_mul(ensemble.n_values());
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
        if tree.threshold(node).is_nan() {
            return problem(node, "the threshold is `NaN`, it must be a number".into());
        }
        if !tree.gain(node).is_finite() {
            let gain = tree.gain(node);
            return problem(node, format!("the gain is `{gain}`, it must be finite"));
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
