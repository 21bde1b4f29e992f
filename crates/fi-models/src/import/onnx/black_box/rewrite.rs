//! Nodes that tract does not compute as the standard has it, in other words.

use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto, TensorProto};

use super::operators::{Attributes, KNOWN, scores_at};
use crate::import::Problem;

/// Rewrites a graph's nodes, of which only `output` is asked for.
pub(super) fn rewrite(
    graph: &mut GraphProto,
    output: &str,
    is_double: bool,
) -> Result<(), Problem> {
    let asked: Vec<String> = graph.node.iter().flat_map(|node| node.input.clone()).collect();
    let is_asked = |name: &String| name == output || asked.contains(name);
    let mut made: Vec<NodeProto> = Vec::with_capacity(graph.node.len());
    for mut node in std::mem::take(&mut graph.node) {
        match node.op_type.as_str() {
            // A sequence of maps is a table to us.
            "ZipMap" => {
                "Identity".clone_into(&mut node.op_type);
                node.attribute.clear();
                node.domain.clear();
            }
            "ArrayFeatureExtractor" => flatten_indices(graph, &mut node),
            "Gemm" if is_double => {
                made.extend(products(node));
                continue;
            }
            operator if KNOWN.contains(&operator) => {
                let scores = scores_at(operator);
                if scores == 1 && node.output.first().is_some_and(is_asked) {
                    return Err(Problem::Unsupported(format!(
                        "its scores are computed from the label of a {operator}, which fi cannot \
                         express"
                    )));
                }
                let Some(name) = node.output.get(scores).cloned() else {
                    let what = format!("its {operator} has no output of scores");
                    return Err(Problem::Damaged(what));
                };
                node.output = vec![name];
            }
            _ => {}
        }
        made.push(node);
    }
    graph.node = made;
    Ok(())
}

/// Indices are a list, of however many dimensions: tract drops a column that one number takes.
fn flatten_indices(graph: &mut GraphProto, node: &mut NodeProto) {
    let Some(name) = node.input.get(1).cloned() else { return };
    let Some(indices) = graph.initializer.iter().find(|tensor| tensor.name == name) else { return };
    let flat = format!("{name}/flat");
    // Checked: there are as many numbers as dimensions say.
    let n_indices = indices.dims.iter().product();
    let made = TensorProto { name: flat.clone(), dims: vec![n_indices], ..indices.clone() };
    if graph.initializer.iter().all(|tensor| tensor.name != flat) {
        graph.initializer.push(made);
    }
    node.input[1] = flat;
}

/// `α·A·B + β·C` in double precision as plain products and sums: tract's factors are of single
/// precision. Other factors than 1 are left to it, and to its error.
fn products(node: NodeProto) -> Vec<NodeProto> {
    let given = Attributes(&node);
    let factor = |name| given.get(name).map_or(1.0, |attribute| attribute.f);
    let turned = |name| given.get(name).is_some_and(|attribute| attribute.i != 0);
    let ([a, b, rest @ ..], Some(output)) = (&node.input[..], node.output.first()) else {
        return vec![node];
    };
    if factor("alpha") != 1.0 || factor("beta") != 1.0 {
        return vec![node];
    }
    let plain = |operator: &str, input: Vec<String>, output: String| NodeProto {
        op_type: operator.to_owned(),
        name: output.clone(),
        input,
        output: vec![output],
        ..NodeProto::default()
    };
    let mut made = Vec::new();
    let mut side = |name: &String, turn: bool, what: &str| {
        if !turn {
            return name.clone();
        }
        let turned = format!("{output}/{what}");
        let mut node = plain("Transpose", vec![name.clone()], turned.clone());
        node.attribute.push(AttributeProto {
            name: "perm".to_owned(),
            r#type: AttributeType::Ints as i32,
            ints: vec![1, 0],
            ..AttributeProto::default()
        });
        made.push(node);
        turned
    };
    let sides = vec![side(a, turned("transA"), "a"), side(b, turned("transB"), "b")];
    match rest.first().filter(|name| !name.is_empty()) {
        None => made.push(plain("MatMul", sides, output.clone())),
        Some(c) => {
            let product = format!("{output}/product");
            made.push(plain("MatMul", sides, product.clone()));
            made.push(plain("Add", vec![product, c.clone()], output.clone()));
        }
    }
    made
}
