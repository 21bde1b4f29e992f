//! The attributes of a tree ensemble's operator, checked.

use std::collections::BTreeMap;

use crate::import::Problem;

use super::MOST_FEATURES;
use super::graph::ENSEMBLE;
use super::message::{AttributeProto, NodeProto};
use super::tree_ensemble;

/// What a node does with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Leq,
    Lt,
    Gte,
    Gt,
    Eq,
    Neq,
    /// Of a set.
    Member,
    Leaf,
}

/// What happens to the scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Post {
    None,
    Softmax,
    Logistic,
}

/// Lists with one entry per node, and lists with one per weight of a leaf.
pub(super) struct Attributes {
    pub(super) trees: Vec<i64>,
    pub(super) ids: Vec<i64>,
    pub(super) features: Vec<i64>,
    pub(super) thresholds: Vec<f64>,
    pub(super) modes: Vec<Mode>,
    pub(super) true_ids: Vec<i64>,
    pub(super) false_ids: Vec<i64>,
    /// Empty, or one per node.
    pub(super) missing_true: Vec<i64>,
    pub(super) leaf_trees: Vec<i64>,
    pub(super) leaf_ids: Vec<i64>,
    pub(super) leaf_targets: Vec<i64>,
    pub(super) leaf_weights: Vec<f64>,
    pub(super) base: Vec<f64>,
    pub(super) n_targets: usize,
    pub(super) average: bool,
    pub(super) post: Post,
    /// Of a classifier.
    pub(super) classes: Option<Vec<String>>,
    /// The values of each split on a set.
    pub(super) members: BTreeMap<usize, Vec<f64>>,
}

impl Attributes {
    pub(super) fn read(node: &NodeProto) -> Result<Self, Problem> {
        let named = Named(&node.attribute);
        if node.op_type == ENSEMBLE {
            return tree_ensemble::read(&named);
        }
        let classifier = node.op_type == "TreeEnsembleClassifier";
        let prefix = if classifier { "class" } else { "target" };
        let leaf = |what: &str| named.ints(&format!("{prefix}_{what}"));
        let post = named.text("post_transform")?;
        let post = match post.as_deref().unwrap_or("NONE") {
            "NONE" => Post::None,
            "SOFTMAX" => Post::Softmax,
            "LOGISTIC" => Post::Logistic,
            other => return Err(not_known("post_transform", other)),
        };
        let aggregate = named.text("aggregate_function")?;
        let average = match aggregate.as_deref().unwrap_or("SUM") {
            "SUM" => false,
            "AVERAGE" => true,
            other => return Err(not_known("aggregate_function", other)),
        };
        let classes = if classifier { Some(classes(&named)?) } else { None };
        let n_targets = match &classes {
            Some(classes) => classes.len(),
            None => named.get("n_targets").map_or(1, |n| usize::try_from(n.i).unwrap_or(0)),
        };
        let attributes = Self {
            trees: named.ints("nodes_treeids"),
            ids: named.ints("nodes_nodeids"),
            features: named.ints("nodes_featureids"),
            thresholds: named.numbers("nodes_values")?,
            modes: modes(&named)?,
            true_ids: named.ints("nodes_truenodeids"),
            false_ids: named.ints("nodes_falsenodeids"),
            missing_true: named.ints("nodes_missing_value_tracks_true"),
            leaf_trees: leaf("treeids"),
            leaf_ids: leaf("nodeids"),
            leaf_targets: leaf("ids"),
            leaf_weights: named.numbers(&format!("{prefix}_weights"))?,
            base: named.numbers("base_values")?,
            n_targets,
            average,
            post,
            classes,
            members: BTreeMap::new(),
        };
        attributes.check(prefix)?;
        Ok(attributes)
    }

    /// How many columns the splits ask for at least.
    pub(super) fn least_features(&self) -> usize {
        let splits = self.features.iter().zip(&self.modes).filter(|(_, mode)| **mode != Mode::Leaf);
        // Checked to be small.
        splits.map(|(&feature, _)| feature as usize + 1).max().unwrap_or(1)
    }

    pub(super) fn check(&self, prefix: &str) -> Result<(), Problem> {
        let n = self.modes.len();
        let lists = [
            ("nodes_treeids", self.trees.len()),
            ("nodes_nodeids", self.ids.len()),
            ("nodes_featureids", self.features.len()),
            ("nodes_values", self.thresholds.len()),
            ("nodes_truenodeids", self.true_ids.len()),
            ("nodes_falsenodeids", self.false_ids.len()),
        ];
        if let Some((name, length)) = lists.iter().find(|(_, length)| *length != n) {
            return Err(Problem::Damaged(format!(
                "it has {n} `nodes_modes` and {length} `{name}`"
            )));
        }
        if !self.missing_true.is_empty() && self.missing_true.len() != n {
            return Err(Problem::Damaged(format!(
                "it has {n} `nodes_modes` and {} `nodes_missing_value_tracks_true`",
                self.missing_true.len()
            )));
        }
        let n = self.leaf_weights.len();
        let lists = [
            ("treeids", self.leaf_trees.len()),
            ("nodeids", self.leaf_ids.len()),
            ("ids", self.leaf_targets.len()),
        ];
        if let Some((name, length)) = lists.iter().find(|(_, length)| *length != n) {
            return Err(Problem::Damaged(format!(
                "it has {n} `{prefix}_weights` and {length} `{prefix}_{name}`"
            )));
        }
        if self.modes.is_empty() || n == 0 {
            return Err(Problem::Damaged("it has no nodes or no leaf weights".into()));
        }
        // An operator that claims more outputs than leaf weights would only make room for zeros.
        if self.n_targets == 0 || self.n_targets > n.max(2) {
            return Err(Problem::Damaged(format!(
                "it has {n} leaf weights for {} outputs",
                self.n_targets
            )));
        }
        for (&feature, mode) in self.features.iter().zip(&self.modes) {
            if *mode != Mode::Leaf && !(0..MOST_FEATURES as i64).contains(&feature) {
                return Err(Problem::Damaged(format!("a node splits on feature {feature}")));
            }
        }
        let in_range = |&target: &i64| usize::try_from(target).is_ok_and(|t| t < self.n_targets);
        if let Some(target) = self.leaf_targets.iter().find(|target| !in_range(target)) {
            return Err(Problem::Damaged(format!(
                "a leaf weight is for output {target} of {}",
                self.n_targets
            )));
        }
        Ok(())
    }
}

/// A class's name, from the list of strings or of numbers.
fn classes(named: &Named<'_>) -> Result<Vec<String>, Problem> {
    let numbers = named.ints("classlabels_int64s");
    let strings = named.get("classlabels_strings").map(|list| list.strings.as_slice());
    match strings {
        Some(strings) if !strings.is_empty() => strings
            .iter()
            .map(|name| String::from_utf8(name.clone()))
            .collect::<Result<_, _>>()
            .map_err(|_| Problem::Damaged("a class's name is no UTF-8".into())),
        _ if !numbers.is_empty() => Ok(numbers.iter().map(i64::to_string).collect()),
        _ => Err(Problem::Damaged("the classifier names no classes".into())),
    }
}

fn modes(named: &Named<'_>) -> Result<Vec<Mode>, Problem> {
    let modes = named.get("nodes_modes").map_or(&[][..], |list| list.strings.as_slice());
    let mode = |mode: &Vec<u8>| match mode.as_slice() {
        b"BRANCH_LEQ" => Ok(Mode::Leq),
        b"BRANCH_LT" => Ok(Mode::Lt),
        b"BRANCH_GTE" => Ok(Mode::Gte),
        b"BRANCH_GT" => Ok(Mode::Gt),
        b"BRANCH_EQ" => Ok(Mode::Eq),
        b"BRANCH_NEQ" => Ok(Mode::Neq),
        b"LEAF" => Ok(Mode::Leaf),
        other => Err(not_known("nodes_modes", &String::from_utf8_lossy(other))),
    };
    modes.iter().map(mode).collect()
}

pub(super) fn not_known(name: &str, value: &str) -> Problem {
    let value: String = value.chars().take(40).collect();
    Problem::Unsupported(format!("{name} `{value}` is none of those that fi can express"))
}

/// Attributes by name.
pub(super) struct Named<'a>(&'a [AttributeProto]);

impl<'a> Named<'a> {
    fn get(&self, name: &str) -> Option<&'a AttributeProto> {
        self.0.iter().find(|attribute| attribute.name == name)
    }

    /// One number, or what stands for it if it is not given.
    pub(super) fn int(&self, name: &str, default: i64) -> i64 {
        self.get(name).map_or(default, |attribute| attribute.i)
    }

    /// The numbers of a tensor; none if it is not given.
    pub(super) fn tensor(&self, name: &str) -> Result<Vec<f64>, Problem> {
        let tensor = self.get(name).and_then(|attribute| attribute.t.as_ref());
        tensor.map_or(Ok(Vec::new()), |tensor| tensor.numbers(name))
    }

    pub(super) fn ints(&self, name: &str) -> Vec<i64> {
        self.get(name).map_or(Vec::new(), |attribute| attribute.ints.clone())
    }

    /// Single-precision numbers, or the tensor that stands for them.
    fn numbers(&self, name: &str) -> Result<Vec<f64>, Problem> {
        let tensor = format!("{name}_as_tensor");
        match self.get(&tensor).and_then(|attribute| attribute.t.as_ref()) {
            Some(numbers) => numbers.numbers(&tensor),
            None => Ok(self.get(name).map_or(Vec::new(), |attribute| {
                attribute.floats.iter().copied().map(f64::from).collect()
            })),
        }
    }

    fn text(&self, name: &str) -> Result<Option<String>, Problem> {
        let text = self.get(name).map(|attribute| String::from_utf8(attribute.s.clone()));
        text.transpose().map_err(|_| Problem::Damaged(format!("`{name}` is no UTF-8")))
    }
}
