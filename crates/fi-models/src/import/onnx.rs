//! Tree ensembles in ONNX graphs: `TreeEnsembleClassifier`, `TreeEnsembleRegressor`, and the
//! `TreeEnsemble` that stands for both since version 5.
//!
//! What skl2onnx and onnxmltools write. The operators carry neither covers nor impurities, and
//! most converters round thresholds and leaves to single precision. Rows fall into the leaves
//! that onnxruntime puts them in; sums are in double precision here and mostly in single there.

mod attributes;
#[cfg(feature = "onnx")]
mod black_box;
mod graph;
mod message;
mod nodes;
mod tree_ensemble;

use fi_core::Model as _;
use prost::Message as _;

use crate::import::Problem;
use crate::store::Stored;
use crate::tree::{Aggregate, Link, Precision, Trees};
use attributes::{Attributes, Post};
#[cfg(feature = "onnx")]
pub use black_box::OnnxGraph;
use message::ModelProto;

/// More columns than this are not believed: each gets a name.
const MOST_FEATURES: usize = 1 << 20;

/// Reads the tree ensemble of an ONNX graph.
///
/// The graph may cast its input and name the probabilities (`Cast`, `Identity`, `ZipMap`) around
/// one `TreeEnsembleClassifier` or `TreeEnsembleRegressor` of `ai.onnx.ml`, versions 1 to 4, or
/// one `TreeEnsemble` of version 5.
///
/// # Errors
///
/// [`Problem::Damaged`] for bytes that do not hold together; [`Problem::Unsupported`] for another
/// graph, naming its operators, or an option of the operator, naming it.
///
/// # Example
///
/// ```
/// use fi_models::import::onnx;
///
/// let error = onnx(b"not an ONNX file").unwrap_err().to_string();
/// assert!(error.starts_with("it is damaged: no ONNX model"), "{error}");
/// ```
pub fn onnx(bytes: &[u8]) -> Result<Stored, Problem> {
    let model = ModelProto::decode(bytes)
        .map_err(|error| Problem::Damaged(format!("no ONNX model, {error}")))?;
    let Some(graph) = model.graph.filter(|graph| !graph.node.is_empty()) else {
        return Err(Problem::Damaged("no ONNX model, it has no graph with an operator".into()));
    };
    let found = match graph::find(&graph, bytes.len()) {
        Ok(found) => found,
        #[cfg(feature = "onnx")]
        Err(Problem::Unsupported(_)) => return black_box::read(bytes),
        Err(problem) => return Err(problem),
    };
    let (trees, class_names) =
        trees_of_node(found.node, found.n_features, found.precision, found.n_bytes)?;
    let n_features = trees.n_features();
    let feature_names = (0..n_features).map(|feature| format!("x{feature}")).collect();
    let stored = Stored {
        model: trees.into(),
        feature_names,
        class_names,
        scaler: None,
        training_rows: None,
        categories: Vec::new(),
    };
    stored.validate()?;
    Ok(stored)
}

/// The trees of one operator, and the names of its classes.
fn trees_of_node(
    node: &message::NodeProto,
    n_features: Option<usize>,
    precision: Precision,
    n_bytes: usize,
) -> Result<(Trees, Option<Vec<String>>), Problem> {
    let attributes = Attributes::read(node)?;
    let n_features = match n_features {
        Some(n_features) if n_features <= MOST_FEATURES => n_features,
        // Claimed, not shown by bytes: more cannot be meant.
        Some(n_features) => {
            return Err(Problem::Damaged(format!("its input has {n_features} columns")));
        }
        None => attributes.least_features(),
    };
    let found = graph::Found { node, n_features: Some(n_features), precision, n_bytes };
    let trees = if attributes.classes.is_some() {
        classifier(&attributes, n_features, &found)?
    } else {
        regressor(&attributes, n_features, &found)?
    };
    Ok((trees, attributes.classes))
}

fn regressor(
    attributes: &Attributes,
    n_features: usize,
    found: &graph::Found<'_>,
) -> Result<Trees, Problem> {
    let n_targets = attributes.n_targets;
    let link = match (attributes.post, n_targets) {
        (Post::None, _) => Link::Identity,
        (Post::Logistic, 2..) => Link::Sigmoid { slope: 1.0 },
        (Post::Softmax, 2..) => Link::Softmax,
        (post, _) => {
            return Err(Problem::Unsupported(format!(
                "post_transform `{post:?}` of a regressor with one target, which onnxruntime \
                 ignores and the standard does not"
            )));
        }
    };
    let base = match attributes.base.len() {
        0 => vec![0.0; n_targets],
        _ => attributes.base.clone(),
    };
    let layout = nodes::Layout::of(attributes, n_targets)?;
    layout.check_base(&base)?;
    let builder = layout
        .builder(attributes, n_features, found)?
        .with_aggregate(if attributes.average { Aggregate::Mean } else { Aggregate::Sum })
        .with_base(base);
    Ok(Trees::new(builder.build()?, link)?)
}

/// What a classifier's scores are depends on how many columns its weights are for, as in
/// onnxruntime.
fn classifier(
    attributes: &Attributes,
    n_features: usize,
    found: &graph::Found<'_>,
) -> Result<Trees, Problem> {
    let n_classes = attributes.n_targets;
    let first = attributes.leaf_targets.first();
    let one_column =
        n_classes == 2 && attributes.leaf_targets.iter().all(|target| Some(target) == first);
    let n_outputs = if one_column { 1 } else { n_classes };
    let has_base = attributes.base.iter().any(|&base| base != 0.0);
    if attributes.post == Post::None {
        if has_base {
            return Err(raw_scores());
        }
        return shares(attributes, n_features, found, one_column);
    }
    let link = match (attributes.post, one_column) {
        (Post::Logistic, true) if attributes.leaf_weights.iter().all(|&weight| weight >= 0.0) => {
            return Err(Problem::Unsupported(
                "post_transform `Logistic` with leaf weights of which none is negative, which \
                 onnxruntime takes for probabilities and the standard does not"
                    .into(),
            ));
        }
        (Post::Logistic, true) => Link::Logistic { slope: 1.0 },
        (Post::Logistic, false) => Link::OneVsRest { slope: 1.0 },
        (_, false) => Link::Softmax,
        (post, true) => {
            return Err(Problem::Unsupported(format!(
                "post_transform `{post:?}` of a classifier with scores for one class only"
            )));
        }
    };
    let base = match (attributes.base.len(), n_outputs) {
        (0, _) => vec![0.0; n_outputs],
        (2, 1) => vec![attributes.base[1]],
        (n, n_outputs) if n == n_outputs => attributes.base.clone(),
        (n, _) => {
            return Err(Problem::Damaged(format!(
                "`base_values` has {n} numbers for {n_outputs} scores"
            )));
        }
    };
    let layout = nodes::Layout::of(attributes, n_outputs)?;
    layout.check_base(&base)?;
    let builder = layout
        .builder(attributes, n_features, found)?
        .with_aggregate(Aggregate::Sum)
        .with_base(base);
    Ok(Trees::new(builder.build()?, link)?)
}

/// A forest: leaf weights are class shares, divided by the number of trees.
fn shares(
    attributes: &Attributes,
    n_features: usize,
    found: &graph::Found<'_>,
    one_column: bool,
) -> Result<Trees, Problem> {
    let n_classes = attributes.n_targets;
    let layout = nodes::Layout::of(attributes, n_classes)?;
    let builder = layout.shares(attributes, n_features, one_column, found)?;
    let ensemble = builder.with_aggregate(Aggregate::Mean).build()?;
    Trees::new(ensemble, Link::Probabilities).map_err(|_| raw_scores())
}

fn raw_scores() -> Problem {
    Problem::Unsupported(
        "its scores are no probabilities (post_transform `None`, and the leaves do not hold class \
         shares that sum to 1): convert it with the library's probabilities"
            .into(),
    )
}
