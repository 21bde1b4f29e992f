//! The JSON document of the export, and the checks that make its arrays safe to index.

use serde::Deserialize;
use serde_json::Value;

use crate::import::Problem;

const FORMAT: &str = "fi-scikit-learn-trees";
const VERSION: u64 = 1;

/// What the export writes.
#[derive(Debug, Deserialize)]
pub(super) struct Document {
    pub(super) format: String,
    pub(super) version: u64,
    /// The class's name.
    pub(super) model: String,
    pub(super) n_features: usize,
    /// Targets of a forest; raw numbers of boosting.
    pub(super) n_outputs: usize,
    #[serde(default)]
    pub(super) feature_names: Option<Vec<String>>,
    #[serde(default)]
    pub(super) class_names: Option<Vec<String>>,
    #[serde(default)]
    pub(super) loss: Option<String>,
    #[serde(default)]
    pub(super) learning_rate: Option<f64>,
    /// What boosting's trees are added to.
    #[serde(default)]
    pub(super) base: Option<Vec<f64>>,
    /// The class of the estimator that gradient boosting starts from.
    #[serde(default)]
    pub(super) init: Option<String>,
    /// Histogram boosting over categories: the data's column of each column of the trees.
    #[serde(default)]
    pub(super) columns: Option<Vec<usize>>,
    /// Histogram boosting over categories: the categories of the trees' first columns.
    #[serde(default)]
    pub(super) categories: Option<Vec<Vec<Value>>>,
    pub(super) trees: Vec<Nodes>,
}

/// One tree: a number per node and list.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Nodes {
    /// -1 in a leaf.
    pub(super) left: Vec<i64>,
    pub(super) right: Vec<i64>,
    pub(super) feature: Vec<i64>,
    pub(super) threshold: Vec<f64>,
    pub(super) missing_left: Vec<u8>,
    pub(super) cover: Vec<f64>,
    #[serde(default)]
    pub(super) impurity: Option<Vec<f64>>,
    #[serde(default)]
    pub(super) gain: Option<Vec<f64>>,
    /// `n_nodes × n_outputs` (or classes), node by node.
    pub(super) value: Vec<f64>,
    /// The place of a split's categories in `bits`; -1 for a threshold.
    #[serde(default)]
    pub(super) set: Option<Vec<i64>>,
    /// Sets of 256 bits, 8 numbers each: the encoded categories that go left.
    #[serde(default)]
    pub(super) bits: Option<Vec<u32>>,
}

/// What an inner node does.
pub(super) struct Split {
    pub(super) feature: usize,
    pub(super) threshold: f64,
    pub(super) left: usize,
    pub(super) right: usize,
    pub(super) missing_left: bool,
}

impl Document {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Problem> {
        let document: Self = serde_json::from_slice(bytes)
            .map_err(|error| Problem::Damaged(format!("not the JSON of the export, {error}")))?;
        if document.format != FORMAT {
            return Err(Problem::Damaged(format!(
                "its format is `{}`, not `{FORMAT}`",
                document.format
            )));
        }
        if document.version != VERSION {
            return Err(Problem::Unsupported(format!(
                "the export has version {}, fi reads {VERSION}: export again with \
                 docs/guide/export.py",
                document.version
            )));
        }
        if document.n_features == 0 || document.n_outputs == 0 || document.trees.is_empty() {
            return Err(Problem::Damaged(
                "it needs at least one feature, one output and one tree".into(),
            ));
        }
        // Every count stands beside a list that shows it, so none is believed without bytes.
        if let Some(names) = &document.feature_names
            && names.len() != document.n_features
        {
            return Err(Problem::Damaged(format!(
                "`feature_names` has {} names and `n_features` is {}",
                names.len(),
                document.n_features
            )));
        }
        if document.feature_names.is_none() && document.n_features > bytes.len() {
            return Err(Problem::Damaged(format!(
                "`n_features` is {}, more than the file has bytes",
                document.n_features
            )));
        }
        Ok(document)
    }
}

impl Nodes {
    /// The number of nodes, if every list has one entry for each.
    pub(super) fn check(&self, index: usize, n_values: usize) -> Result<usize, Problem> {
        let n_nodes = self.left.len();
        let values = n_nodes.checked_mul(n_values);
        let optional = |list: Option<usize>| list.unwrap_or(n_nodes);
        let lists = [
            ("right", self.right.len()),
            ("feature", self.feature.len()),
            ("threshold", self.threshold.len()),
            ("missing_left", self.missing_left.len()),
            ("cover", self.cover.len()),
            ("impurity", optional(self.impurity.as_ref().map(Vec::len))),
            ("gain", optional(self.gain.as_ref().map(Vec::len))),
            ("set", optional(self.set.as_ref().map(Vec::len))),
        ];
        if let Some((name, length)) = lists.iter().find(|(_, length)| *length != n_nodes) {
            return Err(Problem::Damaged(format!(
                "tree {index} has {n_nodes} nodes and {length} numbers of `{name}`"
            )));
        }
        if values != Some(self.value.len()) {
            return Err(Problem::Damaged(format!(
                "tree {index} has {n_nodes} nodes of {n_values} values each and {} numbers of \
                 `value`",
                self.value.len()
            )));
        }
        Ok(n_nodes)
    }

    /// What a node does; `None` for a leaf.
    pub(super) fn split(&self, index: usize, node: usize) -> Result<Option<Split>, Problem> {
        let (left, right) = (self.left[node], self.right[node]);
        if left == -1 && right == -1 {
            return Ok(None);
        }
        let number = |name: &str, value: i64| {
            usize::try_from(value).map_err(|_| {
                Problem::Damaged(format!("tree {index}, node {node}: `{name}` is {value}"))
            })
        };
        // JSON has no infinity: the export writes the largest number for it.
        let threshold = match self.threshold[node] {
            f64::MAX => f64::INFINITY,
            threshold => threshold,
        };
        Ok(Some(Split {
            feature: number("feature", self.feature[node])?,
            threshold,
            left: number("left", left)?,
            right: number("right", right)?,
            missing_left: self.missing_left[node] != 0,
        }))
    }
}
