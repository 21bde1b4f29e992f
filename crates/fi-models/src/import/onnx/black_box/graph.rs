//! A graph as it is given to tract: one input, the output that is asked for, and the operators
//! between them; checked before any of it is believed.

use std::collections::BTreeMap;

use tract_onnx::pb::tensor_proto::{DataLocation, DataType};
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Dimension;
use tract_onnx::pb::type_proto::Value as Type;
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto,
};

use super::operators::Attributes;
use super::rewrite::rewrite;
use crate::import::{Problem, shown};

/// What a graph's one input is.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) name: String,
    pub(super) is_double: bool,
    /// How many rows it takes at once, if it takes one number only.
    pub(super) n_rows: Option<usize>,
    /// How many columns, if it says so.
    pub(super) n_columns: Option<usize>,
}

/// More columns or rows than this are not believed.
const MOST: usize = 1 << 20;

fn damaged<T>(what: impl Into<String>) -> Result<T, Problem> {
    Err(Problem::Damaged(what.into()))
}

fn unsupported<T>(what: impl Into<String>) -> Result<T, Problem> {
    Err(Problem::Unsupported(what.into()))
}

/// The one input of rows.
pub(super) fn input(graph: &GraphProto) -> Result<Input, Problem> {
    let is_tensor = |name: &str| graph.initializer.iter().any(|tensor| tensor.name == name);
    let inputs: Vec<&ValueInfoProto> =
        graph.input.iter().filter(|input| !is_tensor(&input.name)).collect();
    let [input] = inputs[..] else {
        return unsupported(format!(
            "it has {} inputs ({}), and fi gives one table of rows: convert it with one input of \
             shape (None, number of features)",
            inputs.len(),
            listed(inputs.iter().map(|input| input.name.as_str()))
        ));
    };
    let name = shown(&input.name);
    let Some(Type::TensorType(tensor)) = input.r#type.as_ref().and_then(|t| t.value.as_ref())
    else {
        return unsupported(format!("its input `{name}` is no tensor of numbers"));
    };
    let is_double = match DataType::try_from(tensor.elem_type) {
        Ok(DataType::Float) => false,
        Ok(DataType::Double) => true,
        Ok(other) => {
            return unsupported(format!(
                "its input `{name}` is of type {}, and fi gives float or double",
                other.as_str_name().to_lowercase()
            ));
        }
        Err(_) => return damaged(format!("its input `{name}` has no type that ONNX knows")),
    };
    let dims = tensor.shape.as_ref().map_or(&[][..], |shape| &shape.dim);
    let [rows, columns] = dims else {
        return unsupported(format!(
            "its input `{name}` has {} dimensions, and fi gives rows and columns: convert it with \
             one input of shape (None, number of features)",
            dims.len()
        ));
    };
    let size = |value: &Option<Dimension>, what: &str| match value {
        Some(Dimension::DimValue(size)) if *size > 0 => {
            let size = usize::try_from(*size).ok().filter(|&size| size <= MOST);
            let size = size.map(Some);
            size.ok_or_else(|| Problem::Damaged(format!("its input `{name}` has too many {what}")))
        }
        _ => Ok(None),
    };
    Ok(Input {
        name: input.name.clone(),
        is_double,
        n_rows: size(&rows.value, "rows")?,
        n_columns: size(&columns.value, "columns")?,
    })
}

/// Which output holds the scores, and what the labels beside it say.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) name: String,
    /// Whether a label stands beside it, or classes are named: it belongs to a classifier.
    pub(super) is_classifier: bool,
    /// The names that the graph gives to its classes, not compared with the scores yet.
    pub(super) classes: Vec<String>,
}

/// The output of scores among labels.
pub(super) fn output(graph: &GraphProto) -> Result<Chosen, Problem> {
    let by = producers(graph);
    let mut scores: Vec<&str> = Vec::new();
    let mut labels: Vec<&str> = Vec::new();
    for output in &graph.output {
        let value = output.r#type.as_ref().and_then(|t| t.value.as_ref());
        let element = value.map(|Type::TensorType(tensor)| DataType::try_from(tensor.elem_type));
        match element {
            Some(Ok(DataType::Int64 | DataType::Int32 | DataType::String | DataType::Bool)) => {
                labels.push(&output.name);
            }
            // A sequence of maps is what ZipMap makes.
            _ => scores.push(&output.name),
        }
    }
    let name = match (&scores[..], &labels[..]) {
        ([name], _) => (*name).to_owned(),
        ([], []) => return damaged("its graph has no output"),
        ([], _) => {
            return unsupported(
                "its only output is a label, and fi needs the scores: convert it with its \
                 probabilities",
            );
        }
        (several, _) => {
            return unsupported(format!(
                "it has {} outputs of numbers ({}), and fi takes one table: convert a classifier \
                 with `options={{\"zipmap\": False}}`, or any other graph with one output",
                several.len(),
                listed(several.iter().copied())
            ));
        }
    };
    let mut classes = Vec::new();
    let mut is_classifier = !labels.is_empty();
    // Names stand at operators, or in the list that the label is looked up in.
    for name in labels.iter().copied().chain([name.as_str()]) {
        for node in before(graph, &by, name) {
            let found = Attributes(node).classes();
            is_classifier |= node.op_type == "ZipMap";
            if classes.is_empty() && !found.is_empty() {
                classes = found;
            }
            if classes.is_empty() && node.op_type == "ArrayFeatureExtractor" && name != scores[0] {
                classes = looked_up(graph, node);
            }
        }
    }
    Ok(Chosen { name, is_classifier, classes })
}

/// The list that a node takes labels from.
fn looked_up(graph: &GraphProto, node: &NodeProto) -> Vec<String> {
    let list = node.input.first();
    let list = list.and_then(|list| graph.initializer.iter().find(|tensor| tensor.name == *list));
    let Some(list) = list else { return Vec::new() };
    match DataType::try_from(list.data_type) {
        Ok(DataType::String) => {
            let text = |text: &Vec<u8>| String::from_utf8_lossy(text).into_owned();
            list.string_data.iter().map(text).collect()
        }
        Ok(DataType::Int64) if list.raw_data.is_empty() => {
            list.int64_data.iter().map(ToString::to_string).collect()
        }
        Ok(DataType::Int32) if list.raw_data.is_empty() => {
            list.int32_data.iter().map(ToString::to_string).collect()
        }
        Ok(DataType::Int64) => {
            let number = |bytes: &[u8]| <[u8; 8]>::try_from(bytes).map(i64::from_le_bytes);
            list.raw_data.chunks_exact(8).flat_map(number).map(|n| n.to_string()).collect()
        }
        Ok(DataType::Int32) => {
            let number = |bytes: &[u8]| <[u8; 4]>::try_from(bytes).map(i32::from_le_bytes);
            list.raw_data.chunks_exact(4).flat_map(number).map(|n| n.to_string()).collect()
        }
        _ => Vec::new(),
    }
}

/// Which node makes each value.
fn producers(graph: &GraphProto) -> BTreeMap<&str, usize> {
    let mut by = BTreeMap::new();
    for (i, node) in graph.node.iter().enumerate() {
        for output in node.output.iter().filter(|output| !output.is_empty()) {
            by.entry(output.as_str()).or_insert(i);
        }
    }
    by
}

/// The nodes that a value is made by, nearest first.
fn before<'a>(graph: &'a GraphProto, by: &BTreeMap<&str, usize>, name: &str) -> Vec<&'a NodeProto> {
    let mut seen = vec![false; graph.node.len()];
    let mut found: Vec<usize> = by.get(name).copied().into_iter().collect();
    for &i in &found {
        seen[i] = true;
    }
    let mut next = 0;
    while let Some(&i) = found.get(next) {
        next += 1;
        for input in &graph.node[i].input {
            if let Some(&j) = by.get(input.as_str())
                && !seen[j]
            {
                seen[j] = true;
                found.push(j);
            }
        }
    }
    found.into_iter().map(|i| &graph.node[i]).collect()
}

/// Keeps what makes one output, in an order that can be computed, and checks it. Answers which
/// operators the file has there, and how often.
pub(super) fn prune(
    model: &mut ModelProto,
    input: &Input,
    output: &str,
    is_known: &dyn Fn(&str) -> bool,
) -> Result<Vec<(String, usize)>, Problem> {
    if !model.functions.is_empty() {
        return unsupported(
            "it has functions of its own: inline them (`onnx.inliner.inline_local_functions`)",
        );
    }
    let Some(graph) = &mut model.graph else { return damaged("it has no graph") };
    if !graph.sparse_initializer.is_empty() {
        return unsupported("it has sparse tensors: convert them to dense ones");
    }
    let order = order(graph, &input.name, output)?;
    check_operators(order.iter().map(|&i| &graph.node[i]), is_known)?;
    let nodes: Vec<NodeProto> = order.iter().map(|&i| graph.node[i].clone()).collect();
    let uses = |name: &str| nodes.iter().any(|node| node.input.iter().any(|input| input == name));
    graph.initializer.retain(|tensor| uses(&tensor.name));
    for tensor in &graph.initializer {
        check_tensor(tensor)?;
    }
    let mut whole: Vec<(&str, Vec<i64>)> =
        graph.initializer.iter().map(|tensor| (tensor.name.as_str(), integers(tensor))).collect();
    for node in nodes.iter().filter(|node| node.op_type == "Constant") {
        whole.extend(node.output.iter().map(|name| (name.as_str(), constants(node))));
    }
    for node in &nodes {
        check_node(node, &whole)?;
    }
    let mut operators = BTreeMap::new();
    for node in &nodes {
        *operators.entry(node.op_type.clone()).or_insert(0) += 1;
    }
    graph.node = nodes;
    rewrite(graph, output, input.is_double)?;
    graph.input.retain(|given| given.name == input.name);
    // Claims about values in between are not needed.
    graph.value_info.clear();
    graph.quantization_annotation.clear();
    graph.output.retain(|given| given.name == output);
    graph.output.truncate(1);
    if graph.output.is_empty() {
        graph.output.push(ValueInfoProto { name: output.to_owned(), ..ValueInfoProto::default() });
    }
    Ok(operators.into_iter().collect())
}

/// The nodes before an output, each behind what it needs.
fn order(graph: &GraphProto, input: &str, output: &str) -> Result<Vec<usize>, Problem> {
    let by = producers(graph);
    let is_given =
        |name: &str| name == input || graph.initializer.iter().any(|tensor| tensor.name == name);
    if !by.contains_key(output) {
        return damaged(format!("nothing in the graph makes `{}`", shown(output)));
    }
    // 0: not seen, 1: on the way, 2: done. Without recursion: a graph may be deep.
    let mut state = vec![0_u8; graph.node.len()];
    let mut order = Vec::new();
    let mut stack: Vec<(usize, usize)> = by.get(output).map(|&i| (i, 0)).into_iter().collect();
    while let Some((i, next)) = stack.pop() {
        state[i] = 1;
        let Some(name) = graph.node[i].input.get(next) else {
            state[i] = 2;
            order.push(i);
            continue;
        };
        stack.push((i, next + 1));
        if name.is_empty() || is_given(name) {
            continue;
        }
        match by.get(name.as_str()) {
            None => return damaged(format!("nothing in the graph makes `{}`", shown(name))),
            Some(&j) if state[j] == 1 => return damaged("the graph runs in a circle"),
            Some(&j) if state[j] == 0 => stack.push((j, 0)),
            Some(_) => {}
        }
    }
    Ok(order)
}

/// Operators that draw, of which every prediction would be another.
const RANDOM: [&str; 6] = [
    "Bernoulli",
    "Multinomial",
    "RandomNormal",
    "RandomNormalLike",
    "RandomUniform",
    "RandomUniformLike",
];

fn check_operators<'a>(
    nodes: impl Iterator<Item = &'a NodeProto> + Clone,
    is_known: &dyn Fn(&str) -> bool,
) -> Result<(), Problem> {
    if let Some(node) = nodes.clone().find(|node| RANDOM.contains(&node.op_type.as_str())) {
        return unsupported(format!(
            "the operator `{}` draws random numbers, and a model answers the same each time",
            node.op_type
        ));
    }
    let mut unknown: Vec<String> = Vec::new();
    for node in nodes {
        let name = shown(&node.op_type);
        let name = match node.domain.as_str() {
            "" | "ai.onnx" | "ai.onnx.ml" if is_known(&node.op_type) => continue,
            "" | "ai.onnx" => format!("`{name}`"),
            domain => format!("`{name}` of {}", shown(domain)),
        };
        if !unknown.contains(&name) {
            unknown.push(name);
        }
    }
    match &unknown[..] {
        [] => Ok(()),
        [one] => unsupported(format!("it has the operator {one}, which fi does not know")),
        several => unsupported(format!(
            "it has the operators {}, which fi does not know",
            listed(several.iter().map(String::as_str))
        )),
    }
}

/// Operators whose answer is as large as a number in the file says.
const SIZED: [&str; 8] =
    ["ConstantOfShape", "Expand", "EyeLike", "OneHot", "Pad", "Range", "Resize", "Tile"];

/// No tensor has more axes; some operators walk from the one that they name to the last.
const MOST_AXES: u64 = 64;

fn check_node(node: &NodeProto, whole: &[(&str, Vec<i64>)]) -> Result<(), Problem> {
    for attribute in &node.attribute {
        if attribute.name == "axis" || attribute.name == "axes" {
            let mut axes = attribute.ints.iter().chain([&attribute.i]);
            if let Some(axis) = axes.find(|axis| axis.unsigned_abs() > MOST_AXES) {
                return damaged(format!("its {} has no axis {axis}", shown(&node.op_type)));
            }
        }
        if attribute.g.is_some() || !attribute.graphs.is_empty() {
            return unsupported(format!(
                "the operator `{}` holds a graph of its own, which fi does not read",
                shown(&node.op_type)
            ));
        }
        if attribute.sparse_tensor.is_some() {
            return unsupported("it has sparse tensors: convert them to dense ones");
        }
        attribute.t.iter().chain(&attribute.tensors).try_for_each(check_tensor)?;
    }
    if !SIZED.contains(&node.op_type.as_str()) {
        return Ok(());
    }
    let is_input = |name: &str| node.input.iter().any(|input| input == name);
    for (_, numbers) in whole.iter().filter(|(name, _)| is_input(name)) {
        let size = numbers
            .iter()
            .fold(1_u64, |size, &n| size.saturating_mul(u64::try_from(n).unwrap_or(1).max(1)));
        if size > MOST as u64 {
            return damaged(format!("its {} makes {size} numbers", node.op_type));
        }
    }
    Ok(())
}

/// The whole numbers of a node that is nothing else.
fn constants(node: &NodeProto) -> Vec<i64> {
    let of = |attribute: &AttributeProto| match attribute.name.as_str() {
        "value" => attribute.t.as_ref().map(integers).unwrap_or_default(),
        "value_ints" => attribute.ints.clone(),
        "value_int" => vec![attribute.i],
        _ => Vec::new(),
    };
    node.attribute.iter().flat_map(of).collect()
}

fn integers(tensor: &TensorProto) -> Vec<i64> {
    if tensor.data_type != DataType::Int64 as i32 {
        return Vec::new();
    }
    let number = |bytes: &[u8]| <[u8; 8]>::try_from(bytes).map(i64::from_le_bytes);
    let raw = tensor.raw_data.chunks_exact(8).flat_map(number);
    tensor.int64_data.iter().copied().chain(raw).collect()
}

/// A tensor must have the numbers that its dimensions claim, in the file itself.
fn check_tensor(tensor: &TensorProto) -> Result<(), Problem> {
    let name = shown(&tensor.name);
    if tensor.data_location == Some(DataLocation::External as i32)
        || !tensor.external_data.is_empty()
    {
        return unsupported(format!(
            "the numbers of `{name}` are in another file: save the model in one, by \
             `onnx.save_model(model, file, save_as_external_data=False)`"
        ));
    }
    let mut dims = tensor.dims.iter();
    let claimed = dims.try_fold(1_usize, |all, &dim| all.checked_mul(usize::try_from(dim).ok()?));
    let raw = |width: usize| {
        if tensor.raw_data.is_empty() { None } else { Some(tensor.raw_data.len() / width) }
    };
    let (here, width) = match DataType::try_from(tensor.data_type) {
        Ok(DataType::Float) => (raw(4).unwrap_or(tensor.float_data.len()), 4),
        Ok(DataType::Double) => (raw(8).unwrap_or(tensor.double_data.len()), 8),
        Ok(DataType::Int64 | DataType::Uint64) => {
            let numbers = tensor.int64_data.len().max(tensor.uint64_data.len());
            (raw(8).unwrap_or(numbers), 8)
        }
        Ok(DataType::Int32 | DataType::Uint32) => (raw(4).unwrap_or(tensor.int32_data.len()), 4),
        Ok(DataType::Float16 | DataType::Bfloat16 | DataType::Int16 | DataType::Uint16) => {
            (raw(2).unwrap_or(tensor.int32_data.len()), 2)
        }
        Ok(DataType::Bool | DataType::Int8 | DataType::Uint8) => {
            (raw(1).unwrap_or(tensor.int32_data.len()), 1)
        }
        Ok(DataType::String) => (tensor.string_data.len(), 1),
        _ => return damaged(format!("the tensor `{name}` has elements of no type that fi reads")),
    };
    if claimed != Some(here) || !tensor.raw_data.len().is_multiple_of(width) {
        let dims: Vec<String> = tensor.dims.iter().take(8).map(ToString::to_string).collect();
        return damaged(format!(
            "the tensor `{name}` claims the shape ({}) and has {here} numbers",
            dims.join(", ")
        ));
    }
    Ok(())
}

/// Names for a sentence, which must not be gigantic.
pub(super) fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const MOST: usize = 8;
    let names: Vec<String> = names.map(shown).collect();
    let mut list = names.iter().take(MOST).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > MOST {
        list.push_str(", …");
    }
    list
}
