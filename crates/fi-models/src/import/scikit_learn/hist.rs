//! scikit-learn's histogram gradient boosting: double precision, gains, categories.
//!
//! Its trees see categorical columns first, each category as its place in the list of the
//! training data's categories. A category that is not in the list is a missing value. A split
//! here knows one set: where missing values go left, it is the set of categories that go right,
//! and the children change places, so that unknown categories follow missing values.

use crate::import::Problem;
use crate::import::categories::Budget;
use crate::tree::{Ensemble, NodeStats, Precision, Statistics, TreeBuilder};

use super::document::{Document, Nodes, Split};

/// 32-bit words per set of categories.
const WORDS: usize = 8;

pub(super) fn boosting(document: &Document, n_bytes: usize) -> Result<Ensemble, Problem> {
    let columns = Columns::of(document)?;
    let statistics = Statistics { cover: true, impurity: false, gain: true };
    let builder = super::boosted(document, Precision::F64)?.with_statistics(statistics);
    let mut budget = Budget::new(n_bytes);
    super::push_all(builder, document, |nodes, index| tree(nodes, index, &columns, &mut budget))
}

/// From the trees' columns to the data's.
struct Columns {
    /// Empty if they are the same.
    order: Vec<usize>,
    /// Of the first columns.
    categories: Vec<Vec<u32>>,
}

impl Columns {
    fn of(document: &Document) -> Result<Self, Problem> {
        let order = document.columns.clone().unwrap_or_default();
        let n_features = document.n_features;
        let mut sorted = order.clone();
        sorted.sort_unstable();
        if !order.is_empty() && !sorted.into_iter().eq(0..n_features) {
            return Err(Problem::Damaged(format!(
                "`columns` does not name each of {n_features} features once"
            )));
        }
        let category = |value: &serde_json::Value| {
            let number =
                value.as_f64().filter(|x| x.fract() == 0.0 && (0.0..16_777_216.0).contains(x));
            number.map(|x| x as u32).ok_or_else(|| {
                Problem::Unsupported(format!(
                    "`{value}` is a category and no whole number from 0 below 2^24: encode \
                     categories as numbers before training"
                ))
            })
        };
        let lists = document.categories.iter().flatten();
        let categories = lists.map(|list| list.iter().map(category).collect());
        let categories = categories.collect::<Result<Vec<Vec<u32>>, _>>()?;
        Ok(Self { order, categories })
    }

    fn feature(&self, column: usize) -> usize {
        // A column beyond the last is refused when the tree is built.
        if self.order.is_empty() {
            column
        } else {
            self.order.get(column).copied().unwrap_or(usize::MAX)
        }
    }
}

fn tree(
    nodes: &Nodes,
    index: usize,
    columns: &Columns,
    budget: &mut Budget,
) -> Result<TreeBuilder, Problem> {
    let n_nodes = nodes.check(index, 1)?;
    let mut tree = TreeBuilder::new(1);
    for node in 0..n_nodes {
        let value = &nodes.value[node..=node];
        let stats = NodeStats { cover: nodes.cover[node], impurity: 0.0, value };
        match nodes.split(index, node)? {
            None => tree.push_leaf(&stats),
            Some(split) => {
                let feature = columns.feature(split.feature);
                match categories(nodes, index, node, &split, columns)? {
                    None => tree.push_split(feature, split.threshold, &stats),
                    Some(set) => {
                        budget.take(index, node, &set)?;
                        tree.push_category_split(feature, &set, &stats)
                    }
                }
            }
        };
    }
    for node in 0..n_nodes {
        let Some(split) = nodes.split(index, node)? else { continue };
        let gain = nodes.gain.as_ref().map_or(0.0, |gains| gains[node]);
        tree.set_gain(node, gain);
        let set = nodes.set.as_ref().map_or(-1, |sets| sets[node]);
        match (set, split.missing_left) {
            (0.., true) => tree.connect(node, split.right, split.left),
            (_, missing_left) => {
                tree.connect(node, split.left, split.right);
                if missing_left {
                    tree.send_missing_left(node);
                }
            }
        }
    }
    Ok(tree)
}

/// The categories that go to the child where missing values do not go; `None` for a threshold.
fn categories(
    nodes: &Nodes,
    index: usize,
    node: usize,
    split: &Split,
    columns: &Columns,
) -> Result<Option<Vec<u32>>, Problem> {
    let Some(set) = nodes.set.as_ref().and_then(|sets| usize::try_from(sets[node]).ok()) else {
        return Ok(None);
    };
    let start = set.checked_mul(WORDS);
    let bits = nodes.bits.as_deref().unwrap_or(&[]);
    let words = start.and_then(|start| bits.get(start..start.checked_add(WORDS)?));
    let (Some(words), Some(known)) = (words, columns.categories.get(split.feature)) else {
        return Err(Problem::Damaged(format!(
            "tree {index}, node {node}: there is no set {set} of categories of column {}",
            split.feature
        )));
    };
    let goes_left =
        |place: usize| words.get(place / 32).is_some_and(|word| word >> (place % 32) & 1 == 1);
    let places = (0..known.len()).filter(|&place| goes_left(place) != split.missing_left);
    Ok(Some(places.map(|place| known[place]).collect()))
}
