//! scikit-learn's trees, from the JSON that `docs/guide/export.py` writes.
//!
//! A pickle runs code when it is read, so fi reads none. The script writes what a fitted model
//! holds: nodes, thresholds and values in double precision, covers, impurities and gains. With
//! those every prediction, SHAP value and impurity importance is scikit-learn's own.

mod document;
mod hist;

use crate::import::Problem;
use crate::store::Stored;
use crate::tree::{
    Aggregate, Comparison, Ensemble, Link, NodeStats, Precision, Statistics, TreeBuilder, Trees,
};
use document::{Document, Nodes};

/// Reads scikit-learn's trees from the JSON of the documented export.
///
/// Reads decision trees, random forests and extra-trees (classifiers, and regressors of any
/// number of outputs), gradient boosting, and histogram gradient boosting with missing values and
/// categories that are whole numbers.
///
/// # Errors
///
/// [`Problem::Damaged`] for bytes that do not hold together; [`Problem::Unsupported`] for another
/// model, loss or initial estimator, by name.
///
/// # Example
///
/// ```
/// use fi_core::Model;
/// use fi_models::import::scikit_learn;
/// use ndarray::array;
///
/// let json = br#"{"format": "fi-scikit-learn-trees", "version": 1,
///     "model": "DecisionTreeRegressor", "n_features": 1, "n_outputs": 1,
///     "feature_names": ["width"], "trees": [{"left": [1, -1, -1], "right": [2, -1, -1],
///     "feature": [0, -2, -2], "threshold": [0.5, -2.0, -2.0], "missing_left": [0, 0, 0],
///     "cover": [4.0, 1.0, 3.0], "impurity": [1.0, 0.0, 0.0], "value": [2.5, 1.0, 3.0]}]}"#;
/// let stored = scikit_learn(json)?;
/// assert_eq!(stored.feature_names, ["width"]);
/// assert_eq!(stored.predict(array![[0.5], [0.6]].view())?, array![[1.0], [3.0]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn scikit_learn(bytes: &[u8]) -> Result<Stored, Problem> {
    let document = Document::read(bytes)?;
    let kind = Kind::of(&document)?;
    let ensemble = match kind.family {
        Family::Forest => forest(&document, kind.classifier)?,
        Family::Boosting => boosting(&document)?,
        Family::HistBoosting => hist::boosting(&document, bytes.len())?,
    };
    let trees = Trees::new(ensemble, link(&document, &kind)?)?;
    let n_features = document.n_features;
    let feature_names = document
        .feature_names
        .unwrap_or_else(|| (0..n_features).map(|feature| format!("x{feature}")).collect());
    let class_names = if kind.classifier { document.class_names } else { None };
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

/// How the trees were grown.
enum Family {
    /// One tree, or many that are averaged.
    Forest,
    Boosting,
    HistBoosting,
}

/// What model it is.
struct Kind {
    family: Family,
    classifier: bool,
}

impl Kind {
    fn of(document: &Document) -> Result<Self, Problem> {
        let name = document.model.as_str();
        let (family, classifier) = match name {
            "DecisionTreeClassifier"
            | "ExtraTreeClassifier"
            | "RandomForestClassifier"
            | "ExtraTreesClassifier" => (Family::Forest, true),
            "DecisionTreeRegressor"
            | "ExtraTreeRegressor"
            | "RandomForestRegressor"
            | "ExtraTreesRegressor" => (Family::Forest, false),
            "GradientBoostingClassifier" => (Family::Boosting, true),
            "GradientBoostingRegressor" => (Family::Boosting, false),
            "HistGradientBoostingClassifier" => (Family::HistBoosting, true),
            "HistGradientBoostingRegressor" => (Family::HistBoosting, false),
            _ => {
                return Err(Problem::Unsupported(format!(
                    "`{name}` is none of the tree models that fi reads from scikit-learn: decision \
                     trees, random forests, extra-trees, gradient boosting and histogram gradient \
                     boosting"
                )));
            }
        };
        if classifier && document.class_names.is_none() {
            return Err(Problem::Unsupported(format!(
                "the `{name}` names no classes: fi reads classifiers of one target, so export one \
                 model for each"
            )));
        }
        Ok(Self { family, classifier })
    }
}

/// How predictions follow, by the loss of boosting.
fn link(document: &Document, kind: &Kind) -> Result<Link, Problem> {
    if matches!(kind.family, Family::Forest) {
        return Ok(if kind.classifier { Link::Probabilities } else { Link::Identity });
    }
    let loss = document.loss.as_deref().unwrap_or("");
    Ok(match (kind.classifier, loss) {
        (true, "log_loss" | "deviance") if document.n_outputs == 1 => Link::Logistic { slope: 1.0 },
        (true, "log_loss" | "deviance") => Link::Softmax,
        // AdaBoost's loss is of half the log-odds.
        (true, "exponential") if document.n_outputs == 1 => Link::Logistic { slope: 2.0 },
        (false, "squared_error" | "absolute_error" | "huber" | "quantile") => Link::Identity,
        (false, "poisson" | "gamma") => Link::Exp,
        _ => {
            return Err(Problem::Unsupported(format!(
                "the loss `{loss}` of the `{}` is not one that fi knows",
                document.model
            )));
        }
    })
}

fn forest(document: &Document, classifier: bool) -> Result<Ensemble, Problem> {
    let n_outputs = match &document.class_names {
        Some(names) if classifier => names.len(),
        _ => document.n_outputs,
    };
    let mut builder = Ensemble::builder(document.n_features, n_outputs, Comparison::LessEqual)
        .with_precision(Precision::F32);
    for (index, nodes) in document.trees.iter().enumerate() {
        let mut tree = tree(nodes, index, n_outputs, 1.0)?;
        if classifier {
            tree = shares(nodes, index, n_outputs, tree)?;
        }
        builder.push_tree(tree)?;
    }
    Ok(builder.build()?)
}

/// The tree with class shares: before version 1.3, scikit-learn's nodes held weights of classes.
fn shares(
    nodes: &Nodes,
    index: usize,
    n_outputs: usize,
    tree_of_shares: TreeBuilder,
) -> Result<TreeBuilder, Problem> {
    let sums: Vec<f64> = nodes.value.chunks(n_outputs).map(|value| value.iter().sum()).collect();
    if sums.iter().all(|sum: &f64| (sum - 1.0).abs() < 1e-9) {
        return Ok(tree_of_shares);
    }
    if let Some(node) = sums.iter().position(|&sum| !(sum > 0.0 && sum.is_finite())) {
        return Err(Problem::Damaged(format!(
            "tree {index}, node {node}: the classes' weights sum to `{}`, not to a positive number",
            sums[node]
        )));
    }
    let values = nodes.value.chunks(n_outputs).zip(&sums);
    let value = values.flat_map(|(value, sum)| value.iter().map(move |x| x / sum)).collect();
    tree(&Nodes { value, ..nodes.clone() }, index, n_outputs, 1.0)
}

fn boosting(document: &Document) -> Result<Ensemble, Problem> {
    let init = document.init.as_deref().unwrap_or("DummyRegressor");
    if !matches!(init, "DummyRegressor" | "DummyClassifier" | "zero") {
        return Err(Problem::Unsupported(format!(
            "boosting starts from the predictions of `{init}`, which is no number: train it \
             without `init`"
        )));
    }
    let rate = document.learning_rate.unwrap_or(f64::NAN);
    if !rate.is_finite() {
        return Err(Problem::Damaged("boosting without a number for `learning_rate`".into()));
    }
    let builder = boosted(document, Precision::F32)?;
    let statistics = Statistics { cover: true, impurity: true, gain: false };
    push_all(builder.with_statistics(statistics), document, |nodes, index| {
        tree(nodes, index, 1, rate)
    })
}

/// An empty sum of trees on top of the base scores.
fn boosted(
    document: &Document,
    precision: Precision,
) -> Result<crate::tree::EnsembleBuilder, Problem> {
    let Some(base) = &document.base else {
        return Err(Problem::Damaged("boosting without the list of numbers `base`".into()));
    };
    if base.len() != document.n_outputs {
        return Err(Problem::Damaged(format!(
            "`base` has {} numbers and `n_outputs` is {}",
            base.len(),
            document.n_outputs
        )));
    }
    Ok(Ensemble::builder(document.n_features, base.len(), Comparison::LessEqual)
        .with_precision(precision)
        .with_aggregate(Aggregate::Sum)
        .with_base(base.clone()))
}

/// One tree per round and output.
fn push_all(
    mut builder: crate::tree::EnsembleBuilder,
    document: &Document,
    mut tree: impl FnMut(&Nodes, usize) -> Result<TreeBuilder, Problem>,
) -> Result<Ensemble, Problem> {
    let n_outputs = document.n_outputs;
    if !document.trees.len().is_multiple_of(n_outputs) {
        return Err(Problem::Damaged(format!(
            "{} trees are no whole number of rounds of {n_outputs}",
            document.trees.len()
        )));
    }
    for (index, nodes) in document.trees.iter().enumerate() {
        builder.push_tree_for(index % n_outputs, tree(nodes, index)?)?;
    }
    Ok(builder.build()?)
}

/// A tree as scikit-learn numbers its nodes, values times `factor`.
fn tree(nodes: &Nodes, index: usize, n_values: usize, factor: f64) -> Result<TreeBuilder, Problem> {
    let n_nodes = nodes.check(index, n_values)?;
    let Some(impurities) = &nodes.impurity else {
        return Err(Problem::Damaged(format!("tree {index} has no list `impurity`")));
    };
    // A variance of 0 may come out as less by rounding.
    let rounding = 1e-7 * impurities.first().copied().unwrap_or(0.0).abs().max(1.0);
    let mut tree = TreeBuilder::new(n_values);
    let mut value = vec![0.0; n_values];
    for (node, &impurity) in impurities.iter().enumerate() {
        let of_node = &nodes.value[node * n_values..(node + 1) * n_values];
        value.iter_mut().zip(of_node).for_each(|(to, from)| *to = factor * from);
        let impurity = if (-rounding..0.0).contains(&impurity) { 0.0 } else { impurity };
        let stats = NodeStats { cover: nodes.cover[node], impurity, value: &value };
        match nodes.split(index, node)? {
            None => tree.push_leaf(&stats),
            Some(split) => tree.push_split(split.feature, split.threshold, &stats),
        };
    }
    for node in 0..n_nodes {
        if let Some(split) = nodes.split(index, node)? {
            tree.connect(node, split.left, split.right);
            if split.missing_left {
                tree.send_missing_left(node);
            }
        }
    }
    Ok(tree)
}
