//! From LightGBM's objective to the link.

use super::{Problem, damaged, shown};
use crate::tree::Link;

/// How predictions follow from the trees of this objective.
///
/// The text is a name, and parameters as `key:value` or as words. A model that was trained by a
/// function of the user's has no objective: LightGBM and fi answer the raw score.
pub(super) fn link(objective: Option<&str>, n_outputs: usize) -> Result<Link, Problem> {
    let Some(objective) = objective else { return Ok(Link::Identity) };
    let mut words = objective.split_ascii_whitespace();
    let name = words.next().unwrap_or("none");
    let parameters: Vec<&str> = words.collect();
    let link = match name {
        "regression" if parameters.contains(&"sqrt") => {
            return Err(Problem::Unsupported(
                "it was trained with `reg_sqrt`, whose predictions are squares of sums of trees: \
                 train on the square roots of the target without `reg_sqrt`"
                    .into(),
            ));
        }
        "regression" | "regression_l1" | "huber" | "fair" | "quantile" | "mape" | "lambdarank"
        | "rank_xendcg" | "custom" | "none" => Link::Identity,
        "poisson" | "gamma" | "tweedie" => Link::Exp,
        "binary" => Link::Logistic { slope: slope(&parameters)? },
        "multiclass" => Link::Softmax,
        "multiclassova" => Link::OneVsRest { slope: slope(&parameters)? },
        "cross_entropy" => Link::Sigmoid { slope: 1.0 },
        "cross_entropy_lambda" => {
            return Err(Problem::Unsupported(
                "its objective `cross_entropy_lambda` predicts intensities by a link that fi \
                 does not have: train with `cross_entropy`"
                    .into(),
            ));
        }
        other => {
            return Err(Problem::Unsupported(format!(
                "fi does not know how its objective `{}` makes predictions of sums of trees: \
                 remove the line `objective=` from the file to read its raw scores",
                shown(other)
            )));
        }
    };
    // All others have one output, or any number by a function of the user's.
    let several = matches!(link, Link::Softmax | Link::OneVsRest { .. });
    let custom = matches!(name, "custom" | "none");
    if !custom && several != (n_outputs > 1) {
        return damaged(format!(
            "its objective `{name}` does not go with `num_tree_per_iteration={n_outputs}`"
        ));
    }
    Ok(link)
}

/// How many classes the predictions are about, if they are.
pub(super) fn n_classes(link: Link, n_outputs: usize) -> Option<usize> {
    match link {
        Link::Logistic { .. } => Some(2),
        Link::Softmax | Link::OneVsRest { .. } => Some(n_outputs),
        _ => None,
    }
}

/// The factor of the log-odds.
fn slope(parameters: &[&str]) -> Result<f64, Problem> {
    let Some(text) = parameters.iter().find_map(|parameter| parameter.strip_prefix("sigmoid:"))
    else {
        return Ok(1.0);
    };
    match text.parse::<f64>() {
        Ok(slope) if slope > 0.0 && slope.is_finite() => Ok(slope),
        _ => damaged(format!("its objective has `sigmoid:{}`, not positive", shown(text))),
    }
}
