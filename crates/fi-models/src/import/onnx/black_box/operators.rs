//! Reads the attributes of `ai.onnx.ml`'s operators.

use prost::Message as _;
use tract_onnx::pb::{AttributeProto, NodeProto};

use super::rows::{Norm, Post, Rows};
use super::svm::{Decision, Kernel, Svm};
use crate::import::{Problem, shown};

/// The operators whose scores are computed by [`Rows`].
pub(super) const KNOWN: [&str; 11] = [
    "Binarizer",
    "Imputer",
    "LinearClassifier",
    "LinearRegressor",
    "Normalizer",
    "SVMClassifier",
    "SVMRegressor",
    "Scaler",
    "TreeEnsemble",
    "TreeEnsembleClassifier",
    "TreeEnsembleRegressor",
];

/// Which of a node's outputs is computed: a classifier's first is the label.
pub(super) fn scores_at(operator: &str) -> usize {
    usize::from(operator.ends_with("Classifier"))
}

/// A node's attributes by name.
pub(super) struct Attributes<'a>(pub(super) &'a NodeProto);

impl Attributes<'_> {
    pub(super) fn get(&self, name: &str) -> Option<&AttributeProto> {
        self.0.attribute.iter().find(|attribute| attribute.name == name)
    }

    fn floats(&self, name: &str) -> &[f32] {
        self.get(name).map_or(&[], |attribute| &attribute.floats)
    }

    fn doubles(&self, name: &str) -> Vec<f64> {
        self.floats(name).iter().copied().map(f64::from).collect()
    }

    fn text(&self, name: &str, default: &str) -> String {
        let given = self.get(name).map(|attribute| String::from_utf8_lossy(&attribute.s));
        given.map_or_else(|| default.to_owned(), |text| text.into_owned())
    }

    /// The names of classes.
    pub(super) fn classes(&self) -> Vec<String> {
        let of = |name: &str| self.get(name).into_iter();
        let texts = ["classlabels_strings"].into_iter().flat_map(of).flat_map(|a| &a.strings);
        let numbers = ["classlabels_ints", "classlabels_int64s"]
            .into_iter()
            .flat_map(of)
            .flat_map(|a| &a.ints);
        let texts = texts.map(|text| String::from_utf8_lossy(text).into_owned());
        texts.chain(numbers.map(ToString::to_string)).collect()
    }

    fn damaged<T>(&self, what: &str) -> Result<T, Problem> {
        Err(Problem::Damaged(format!("its {} has {what}", self.0.op_type)))
    }

    fn unsupported<T>(&self, name: &str, value: &str) -> Result<T, Problem> {
        Err(Problem::Unsupported(format!(
            "{name} `{}` of its {} is none of those that fi can express",
            shown(value),
            self.0.op_type
        )))
    }
}

/// The function that a node computes, if it is one of [`KNOWN`].
pub(super) fn read(node: &NodeProto) -> Result<Rows, Problem> {
    let given = Attributes(node);
    match node.op_type.as_str() {
        "Scaler" => {
            let or = |list: &[f32], default| {
                if list.is_empty() { vec![default] } else { list.to_vec() }
            };
            let (offset, scale) = (or(given.floats("offset"), 0.0), or(given.floats("scale"), 1.0));
            if offset.len() != scale.len() && offset.len() > 1 && scale.len() > 1 {
                return given.damaged(&format!(
                    "{} offsets and {} scales",
                    offset.len(),
                    scale.len()
                ));
            }
            Ok(Rows::Scaler { offset, scale })
        }
        "Imputer" => {
            let values = given.floats("imputed_value_floats").to_vec();
            if values.is_empty() {
                return given.damaged("no `imputed_value_floats`");
            }
            let missing = given.get("replaced_value_float").map_or(0.0, |attribute| attribute.f);
            Ok(Rows::Imputer { values, missing })
        }
        "Normalizer" => Ok(Rows::Normalizer(match given.text("norm", "MAX").as_str() {
            "MAX" => Norm::Max,
            "L1" => Norm::L1,
            "L2" => Norm::L2,
            other => return given.unsupported("norm", other),
        })),
        "Binarizer" => {
            Ok(Rows::Binarizer { threshold: given.get("threshold").map_or(0.0, |a| a.f) })
        }
        "LinearRegressor" => linear_regressor(&given),
        "LinearClassifier" => linear_classifier(&given),
        "SVMRegressor" => svm_regressor(&given).map(Rows::Svm),
        "SVMClassifier" => svm_classifier(&given).map(Rows::Svm),
        _ => trees(node).map(Rows::Trees),
    }
}

fn post(given: &Attributes<'_>) -> Result<Post, Problem> {
    match given.text("post_transform", "NONE").as_str() {
        "NONE" => Ok(Post::None),
        "SOFTMAX" => Ok(Post::Softmax),
        "LOGISTIC" => Ok(Post::Logistic),
        other => given.unsupported("post_transform", other),
    }
}

fn linear(
    given: &Attributes<'_>,
    n_scores: usize,
    intercepts: Vec<f64>,
    post: Post,
) -> Result<Rows, Problem> {
    let weights = given.doubles("coefficients");
    let n_scores = n_scores.max(1);
    let intercepts = if intercepts.is_empty() { vec![0.0; n_scores] } else { intercepts };
    if intercepts.len() != n_scores || weights.is_empty() || weights.len() % n_scores != 0 {
        return given.damaged(&format!(
            "{} coefficients and {} intercepts for {n_scores} scores",
            weights.len(),
            intercepts.len()
        ));
    }
    Ok(Rows::Linear { weights, intercepts, post })
}

fn linear_regressor(given: &Attributes<'_>) -> Result<Rows, Problem> {
    let n_targets = given.get("targets").map_or(1, |a| usize::try_from(a.i).unwrap_or(0));
    // A claimed number is compared with the coefficients before anything is made of it.
    if n_targets == 0 || n_targets > given.floats("coefficients").len() {
        return given.damaged(&format!("coefficients for fewer than its {n_targets} targets"));
    }
    let post = post(given)?;
    if post != Post::None && n_targets == 1 {
        return Err(Problem::Unsupported(format!(
            "post_transform `{post:?}` of a regressor with one target, which onnxruntime ignores \
             and the standard does not"
        )));
    }
    linear(given, n_targets, given.doubles("intercepts"), post)
}

fn linear_classifier(given: &Attributes<'_>) -> Result<Rows, Problem> {
    let n_classes = given.classes().len();
    let intercepts = given.doubles("intercepts");
    let n_scores = if intercepts.is_empty() { n_classes } else { intercepts.len() };
    let post = match (post(given)?, n_scores) {
        (Post::Logistic, 1) => Post::LogisticOfTwo,
        // As onnxruntime does it.
        (_, 1) => Post::Complement,
        (post, _) => post,
    };
    if n_classes != n_scores && !(n_classes == 2 && n_scores == 1) {
        return given.damaged(&format!("{n_classes} classes and {n_scores} intercepts"));
    }
    linear(given, n_scores, intercepts, post)
}

fn kernel(given: &Attributes<'_>) -> Result<Kernel, Problem> {
    let numbers = given.doubles("kernel_params");
    let number = |i: usize| numbers.get(i).copied().unwrap_or(0.0);
    let (gamma, coef0, degree) = (number(0), number(1), number(2));
    Ok(match given.text("kernel_type", "LINEAR").as_str() {
        "LINEAR" => Kernel::Linear,
        "POLY" => Kernel::Polynomial { gamma, coef0, degree },
        "RBF" => Kernel::Rbf { gamma },
        "SIGMOID" => Kernel::Sigmoid { gamma, coef0 },
        other => return given.unsupported("kernel_type", other),
    })
}

fn svm_regressor(given: &Attributes<'_>) -> Result<Svm, Problem> {
    if post(given)? != Post::None {
        return given.unsupported("post_transform", &given.text("post_transform", "NONE"));
    }
    let n_vectors = given.get("n_supports").map_or(0, |a| usize::try_from(a.i).unwrap_or(0));
    let (vectors, weights) = (given.doubles("support_vectors"), given.doubles("coefficients"));
    let rho = given.doubles("rho").first().copied().unwrap_or(0.0);
    let is_one_class = given.get("one_class").is_some_and(|a| a.i != 0);
    let decision = |weights| {
        if is_one_class {
            Decision::Inside { weights, rho }
        } else {
            Decision::Value { weights, rho }
        }
    };
    if n_vectors == 0 {
        // A plain product: the coefficients are the only vector.
        if weights.is_empty() {
            return given.damaged("no coefficients");
        }
        let decision = decision(vec![1.0]);
        return Ok(Svm { kernel: Kernel::Linear, vectors: weights, n_vectors: 1, decision });
    }
    check_vectors(given, &vectors, n_vectors, weights.len(), n_vectors)?;
    Ok(Svm { kernel: kernel(given)?, vectors, n_vectors, decision: decision(weights) })
}

fn check_vectors(
    given: &Attributes<'_>,
    vectors: &[f64],
    n_vectors: usize,
    n_weights: usize,
    needed: usize,
) -> Result<(), Problem> {
    if vectors.is_empty() || vectors.len() % n_vectors != 0 || n_weights != needed {
        return given.damaged(&format!(
            "{} numbers and {n_weights} coefficients for {n_vectors} support vectors",
            vectors.len()
        ));
    }
    Ok(())
}

fn svm_classifier(given: &Attributes<'_>) -> Result<Svm, Problem> {
    if post(given)? != Post::None {
        return given.unsupported("post_transform", &given.text("post_transform", "NONE"));
    }
    let counts = given.get("vectors_per_class").map_or(&[][..], |a| &a.ints);
    let counts: Vec<usize> = counts.iter().map(|&n| usize::try_from(n).unwrap_or(0)).collect();
    let n_classes = counts.len();
    let n_vectors = counts.iter().fold(0_usize, |sum, &n| sum.saturating_add(n));
    if n_classes < 2 || n_vectors == 0 {
        return Err(Problem::Unsupported(
            "its SVMClassifier has no support vectors of two classes or more, which fi cannot \
             express"
                .into(),
        ));
    }
    let (vectors, weights) = (given.doubles("support_vectors"), given.doubles("coefficients"));
    let needed = (n_classes - 1).saturating_mul(n_vectors);
    check_vectors(given, &vectors, n_vectors, weights.len(), needed)?;
    let rho = given.doubles("rho");
    let n_pairs = n_classes.saturating_mul(n_classes - 1) / 2;
    let (slopes, intercepts) = (given.doubles("prob_a"), given.doubles("prob_b"));
    let platt = (!slopes.is_empty()).then_some((slopes, intercepts));
    let fits = platt.as_ref().is_none_or(|(a, b)| a.len() == n_pairs && b.len() == n_pairs);
    if rho.len() != n_pairs || !fits {
        return given.damaged(&format!("{} `rho` for {n_pairs} pairs of classes", rho.len()));
    }
    if platt.is_none() && n_classes == 2 && weights.iter().all(|&weight| weight >= 0.0) {
        return Err(Problem::Unsupported(
            "its SVMClassifier has coefficients of which none is negative, whose scores \
             onnxruntime takes for probabilities"
                .into(),
        ));
    }
    let decision = Decision::Classes { counts, weights, rho, platt };
    Ok(Svm { kernel: kernel(given)?, vectors, n_vectors, decision })
}

/// The trees of a node, read as those of a file of trees alone.
fn trees(node: &NodeProto) -> Result<crate::tree::Trees, Problem> {
    let bytes = node.encode_to_vec();
    let node = super::super::message::NodeProto::decode(bytes.as_slice())
        .map_err(|error| Problem::Damaged(format!("a node of trees, {error}")))?;
    // Values come as the graph computes them, in single or double precision: no rounding is left.
    super::super::trees_of_node(&node, None, crate::tree::Precision::F64, bytes.len())
        .map(|(trees, _)| trees)
}
