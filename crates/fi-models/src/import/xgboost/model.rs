//! XGBoost's model, as one of ours.

use super::super::Problem;
use super::super::categories::Budget;
use super::file::{Booster, File, Model};
use super::number::Single;
use super::objective::{class_names, link};
use super::tree::{Shape, convert};
use crate::store::Stored;
use crate::tree::{Aggregate, Comparison, Ensemble, Precision, Statistics, Trees};

/// Without names in the file, so many features are named by us.
const MOST_UNNAMED: usize = 1 << 20;

pub(super) fn convert_file(mut file: File, n_bytes: usize) -> Result<Stored, Problem> {
    let booster = &file.learner.gradient_booster;
    if booster.name == "gblinear" {
        return Err(Problem::Unsupported(
            "it is a linear model (`booster=gblinear`), and only trees are read from XGBoost: \
             train with `booster=gbtree`"
                .into(),
        ));
    }
    if booster.name != "gbtree" && booster.name != "dart" {
        let name = &booster.name;
        return Err(Problem::Unsupported(format!(
            "its booster `{name}` is not known: train with `gbtree` or `dart`"
        )));
    }
    let (model, weight_drop) = take_model(&mut file.learner.gradient_booster)?;
    let (trees, tree_info) = (model.trees.unwrap_or_default(), model.tree_info.unwrap_or_default());
    let Some(first) = trees.first() else {
        return Err(Problem::Unsupported(
            "it has no trees: train it for at least one round".into(),
        ));
    };
    check_length("tree_info", tree_info.len(), trees.len())?;
    if let Some(weights) = &weight_drop {
        check_length("weight_drop", weights.len(), trees.len())?;
    }

    let n_values = first.param.size_leaf_vector.0.max(1);
    let n_outputs = n_outputs(&file, n_values, first, trees.len())?;
    let feature_names = feature_names(&mut file)?;
    let (link, scale) = link(&file, n_outputs)?;
    let base = match file.learner.param.base_score.0.as_slice() {
        &[one] => vec![f64::from(scale.margin(one)); n_outputs],
        many if many.len() == n_outputs => {
            many.iter().map(|&one| f64::from(scale.margin(one))).collect()
        }
        other => {
            return Err(Problem::Damaged(format!(
                "it has {} base scores for {n_outputs} outputs",
                other.len()
            )));
        }
    };
    if let Some(base) = base.iter().find(|base| !base.is_finite()) {
        return Err(Problem::Unsupported(format!(
            "its base score is `{base}` on the scale of the trees: set `base_score` to a number \
             that its objective can have, and train again"
        )));
    }

    let has_cover = !first.sum_hessian.is_empty();
    let has_gain = !first.loss_changes.is_empty();
    let mut builder = Ensemble::builder(feature_names.len(), n_outputs, Comparison::Less)
        .with_precision(Precision::F32)
        .with_aggregate(Aggregate::Sum)
        .with_base(base)
        .with_statistics(Statistics { cover: has_cover, impurity: false, gain: has_gain });
    let mut shape = Shape {
        n_features: feature_names.len(),
        // It fits: it is the number of outputs or 1.
        n_values: n_values as usize,
        has_cover,
        has_gain,
        budget: Budget::new(n_bytes),
    };
    let mut weights = weight_drop.into_iter().flatten();
    // Each tree of the file is dropped as soon as it is taken over.
    for (index, (tree, output)) in trees.into_iter().zip(tree_info).enumerate() {
        let weight = weights.next().map(|Single(weight)| weight);
        let tree = convert(&tree, index, weight, &mut shape)?;
        if n_values == 1 && n_outputs > 1 {
            builder.push_tree_for(output as usize, tree)?;
        } else {
            builder.push_tree(tree)?;
        }
    }
    let trees = Trees::new(builder.build()?, link)?;
    let class_names = class_names(link, n_outputs);
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

/// The trees, and the weights of a dart's: beside its `gbtree`, since 3.4 in the model.
fn take_model(booster: &mut Booster) -> Result<(Model, Option<Vec<Single>>), Problem> {
    let nested = booster.gbtree.take().map(|gbtree| gbtree.model);
    let Some(mut model) = nested.or_else(|| booster.model.take()) else {
        return Err(Problem::Damaged("its `gradient_booster` has no `model`".into()));
    };
    let weights = booster.weight_drop.take().or_else(|| model.weight_drop.take());
    if booster.name == "dart" && weights.is_none() {
        return Err(Problem::Damaged("its booster is `dart`, but it has no `weight_drop`".into()));
    }
    Ok((model, weights))
}

fn check_length(name: &str, length: usize, n_trees: usize) -> Result<(), Problem> {
    if length == n_trees {
        return Ok(());
    }
    Err(Problem::Damaged(format!("`{name}` has {length} entries for {n_trees} trees")))
}

/// The number of outputs, which no more is made of than there are trees or values in a leaf.
fn n_outputs(
    file: &File,
    n_values: u64,
    first: &super::file::Tree,
    n_trees: usize,
) -> Result<usize, Problem> {
    let param = &file.learner.param;
    let claimed = param.num_class.0.max(param.num_target.0).max(1);
    let most = if n_values > 1 {
        if n_values != claimed {
            return Err(Problem::Damaged(format!(
                "its leaves hold {n_values} values for {claimed} outputs"
            )));
        }
        first.base_weights.len().max(first.leaf_weights.len())
    } else {
        n_trees
    };
    usize::try_from(claimed).ok().filter(|&claimed| claimed <= most).ok_or_else(|| {
        Problem::Damaged(format!(
            "it claims {claimed} outputs, but its trees are for at most {most}"
        ))
    })
}

/// The names in the file, or `x0`, `x1` and so on.
fn feature_names(file: &mut File) -> Result<Vec<String>, Problem> {
    let names = std::mem::take(&mut file.learner.feature_names);
    let claimed = file.learner.param.num_feature.0;
    if !names.is_empty() {
        if names.len() as u64 != claimed {
            let n_names = names.len();
            return Err(Problem::Damaged(format!(
                "`feature_names` has {n_names} entries for {claimed} features"
            )));
        }
        return Ok(names);
    }
    match usize::try_from(claimed) {
        Ok(n_features @ 1..=MOST_UNNAMED) => Ok((0..n_features).map(|i| format!("x{i}")).collect()),
        _ => Err(Problem::Unsupported(format!(
            "it has {claimed} features without names, 1 to {MOST_UNNAMED} can be read: give \
             the features names before training"
        ))),
    }
}
