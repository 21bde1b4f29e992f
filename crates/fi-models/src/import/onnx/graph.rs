//! Finds the tree ensemble in a graph, and what stands around it.

use crate::import::Problem;
use crate::tree::Precision;

use super::message::{DOUBLE, GraphProto, NodeProto};

/// The operator and what is known of its input.
pub(super) struct Found<'a> {
    pub(super) node: &'a NodeProto,
    /// The number of columns, if the graph says it.
    pub(super) n_features: Option<usize>,
    pub(super) precision: Precision,
    /// The size of the file.
    pub(super) n_bytes: usize,
}

const CLASSIFIER: &str = "TreeEnsembleClassifier";
const REGRESSOR: &str = "TreeEnsembleRegressor";
pub(super) const ENSEMBLE: &str = "TreeEnsemble";

pub(super) fn find(graph: &GraphProto, n_bytes: usize) -> Result<Found<'_>, Problem> {
    let is_trees =
        |node: &&NodeProto| [CLASSIFIER, REGRESSOR, ENSEMBLE].contains(&node.op_type.as_str());
    let mut all = graph.node.iter().filter(is_trees);
    let Some(node) = all.next() else {
        return Err(Problem::Unsupported(format!(
            "it is a black box model; fi reads graphs of one {CLASSIFIER}, {REGRESSOR} or \
             {ENSEMBLE}, and this one has {}",
            operators(graph)
        )));
    };
    if all.next().is_some() {
        return Err(Problem::Unsupported(format!(
            "it has more than one tree ensemble: fi reads graphs of one, and this one has {}",
            operators(graph)
        )));
    }
    check_scores(graph, node)?;
    let Some(mut name) = node.input.first() else {
        return Err(Problem::Damaged(format!("its {} has no input", node.op_type)));
    };
    let mut precision = Precision::F64;
    // Every step goes to another operator, so there are no more steps than operators.
    for _ in 0..=graph.node.len() {
        if let Some(input) = graph.input.iter().find(|input| input.name == *name) {
            let tensor = input.r#type.as_ref().and_then(|t| t.tensor_type.as_ref());
            if tensor.is_none_or(|tensor| tensor.elem_type != DOUBLE) {
                precision = Precision::F32;
            }
            let dims = tensor.and_then(|tensor| tensor.shape.as_ref()).map(|shape| &shape.dim);
            let columns = dims.and_then(|dims| dims.get(1)).and_then(|dim| dim.dim_value);
            let columns = columns.filter(|&columns| columns > 0);
            let n_features = columns.and_then(|columns| usize::try_from(columns).ok());
            return Ok(Found { node, n_features, precision, n_bytes });
        }
        let Some(before) = graph.node.iter().find(|node| node.output.contains(name)) else {
            return Err(Problem::Damaged(format!("nothing in the graph makes `{name}`")));
        };
        let to = before.attribute.iter().find(|attribute| attribute.name == "to");
        match before.op_type.as_str() {
            "Identity" => {}
            "Cast" if to.is_some_and(|to| to.i == i64::from(DOUBLE)) => {}
            "Cast" if to.is_some_and(|to| to.i == 1) => precision = Precision::F32,
            other => return Err(in_the_way(other, "before")),
        }
        match before.input.first() {
            Some(input) => name = input,
            None => return Err(Problem::Damaged("a cast in the graph has no input".into())),
        }
    }
    Err(Problem::Damaged("the graph runs in a circle".into()))
}

/// Whether the scores leave the graph as the trees make them.
fn check_scores(graph: &GraphProto, trees: &NodeProto) -> Result<(), Problem> {
    // A classifier's first output is the label.
    let scores = usize::from(trees.op_type == CLASSIFIER);
    let mut names: Vec<&String> = trees.output.get(scores).into_iter().collect();
    let mut next = 0;
    while let Some(&name) = names.get(next) {
        next += 1;
        for node in graph.node.iter().filter(|node| node.input.contains(name)) {
            if !["Cast", "Identity", "ZipMap"].contains(&node.op_type.as_str()) {
                return Err(in_the_way(&node.op_type, "behind"));
            }
            for output in &node.output {
                if !names.contains(&output) {
                    names.push(output);
                }
            }
        }
    }
    Ok(())
}

fn in_the_way(operator: &str, place: &str) -> Problem {
    Problem::Unsupported(format!(
        "the operator `{operator}` stands {place} the trees: convert the tree model alone, and \
         prepare the data before"
    ))
}

/// The operators' names, each once, in order.
fn operators(graph: &GraphProto) -> String {
    const MOST: usize = 8;
    let mut names: Vec<&str> = Vec::new();
    for node in &graph.node {
        if !names.contains(&node.op_type.as_str()) {
            if names.len() == MOST {
                names.push("…");
                break;
            }
            names.push(&node.op_type);
        }
    }
    names.join(", ")
}
