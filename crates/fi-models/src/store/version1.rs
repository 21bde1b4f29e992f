//! Trees as format version 1 wrote them: one comparison, no categories, always averaged.

use fi_core::Output;
use serde::Deserialize;

use crate::tree::{Comparison, Ensemble, Link, NodeStats, TreeBuilder, Trees};

#[derive(Deserialize)]
pub(super) struct OldTrees {
    ensemble: OldEnsemble,
    output: Output,
}

#[derive(Deserialize)]
struct OldEnsemble {
    n_features: usize,
    n_outputs: usize,
    comparison: Comparison,
    offsets: Vec<usize>,
    nodes: OldNodes,
}

#[derive(Deserialize)]
struct OldNodes {
    left: Vec<u32>,
    right: Vec<u32>,
    feature: Vec<u32>,
    threshold: Vec<f64>,
    missing_left: Vec<bool>,
    cover: Vec<f64>,
    impurity: Vec<f64>,
    value: Vec<f64>,
}

impl OldTrees {
    /// The same trees in today's layout; `None` if the arrays do not fit together.
    pub(super) fn into_trees(self) -> Option<Trees> {
        let OldEnsemble { n_features, n_outputs, comparison, offsets, nodes } = self.ensemble;
        let mut builder = Ensemble::builder(n_features, n_outputs, comparison);
        for pair in offsets.windows(2) {
            let mut tree = TreeBuilder::new(n_outputs);
            for node in pair[0]..pair[1] {
                nodes.push(node, n_outputs, &mut tree)?;
            }
            for node in pair[0]..pair[1] {
                if nodes.left[node] != u32::MAX {
                    let (left, right) = (nodes.left[node], *nodes.right.get(node)?);
                    tree.connect(node - pair[0], left as usize, right as usize);
                }
            }
            builder.push_tree(tree).ok()?;
        }
        let link = match self.output {
            Output::Values => Link::Identity,
            Output::Probabilities => Link::Probabilities,
            Output::Margins | Output::Labels => return None,
        };
        Trees::new(builder.build().ok()?, link).ok()
    }
}

impl OldNodes {
    fn push(&self, node: usize, n_outputs: usize, tree: &mut TreeBuilder) -> Option<()> {
        let values = node.checked_mul(n_outputs)?..(node + 1).checked_mul(n_outputs)?;
        let stats = NodeStats {
            cover: *self.cover.get(node)?,
            impurity: *self.impurity.get(node)?,
            value: self.value.get(values)?,
        };
        let (feature, threshold) = (*self.feature.get(node)?, *self.threshold.get(node)?);
        if *self.left.get(node)? == u32::MAX {
            tree.push_leaf(&stats);
            return Some(());
        }
        let split = tree.push_split(feature as usize, threshold, &stats);
        if *self.missing_left.get(node)? {
            tree.send_missing_left(split);
        }
        Some(())
    }
}
