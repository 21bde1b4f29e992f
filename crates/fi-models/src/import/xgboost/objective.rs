//! XGBoost's objectives: how a prediction follows from the trees, and what scale the base score
//! is on.

use super::super::Problem;
use super::file::File;
use crate::tree::Link;

/// The scale of the base score in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    /// As the trees' sum.
    Margin,
    /// A probability.
    Probability,
    /// A value whose logarithm the trees sum to.
    Value,
}

/// Base scores outside are taken for the nearest inside: XGBoost does so since 3.1, and older
/// versions do not train with them.
const NEAREST_TO_0: f32 = 1e-6;

impl Scale {
    /// The base score as the trees' sum has it, in single precision as in XGBoost.
    pub(super) fn margin(self, base_score: f32) -> f32 {
        match self {
            Self::Margin => base_score,
            Self::Probability => {
                let p = base_score.clamp(NEAREST_TO_0, 1.0 - NEAREST_TO_0);
                -(1.0 / p - 1.0).ln()
            }
            Self::Value => base_score.ln(),
        }
    }
}

/// The link of a model's objective, and the scale of its base score.
pub(super) fn link(file: &File, n_outputs: usize) -> Result<(Link, Scale), Problem> {
    let name = file.learner.objective.name.as_str();
    let unsupported =
        |why: &str| Err(Problem::Unsupported(format!("its objective `{name}` {why}")));
    Ok(match name {
        "reg:quantileerror" if n_outputs > 1 && file.version.as_slice() >= &[3, 4] => {
            return unsupported(
                "sorts the quantiles that it predicts for a row, which is no sum of trees: train \
                 one model for each quantile",
            );
        }
        "reg:expectileerror" if n_outputs > 1 => {
            return unsupported(
                "sorts the expectiles that it predicts for a row, which is no sum of trees: train \
                 one model for each expectile",
            );
        }
        "binary:hinge" => {
            return unsupported(
                "predicts labels without a score for them: train with `binary:logistic`",
            );
        }
        "reg:squarederror"
        | "reg:linear"
        | "reg:squaredlogerror"
        | "reg:absoluteerror"
        | "reg:pseudohubererror"
        | "reg:quantileerror"
        | "reg:expectileerror"
        | "binary:logitraw"
        | "rank:ndcg"
        | "rank:map"
        | "rank:pairwise" => (Link::Identity, Scale::Margin),
        "binary:logistic" if n_outputs == 1 => (Link::Logistic { slope: 1.0 }, Scale::Probability),
        "reg:logistic" | "binary:logistic" => (Link::Sigmoid { slope: 1.0 }, Scale::Probability),
        "multi:softprob" | "multi:softmax" => (Link::Softmax, Scale::Margin),
        "count:poisson" | "reg:gamma" | "reg:tweedie" | "survival:cox" | "survival:aft" => {
            (Link::Exp, Scale::Value)
        }
        _ => {
            return unsupported(
                "is not known, so neither is what follows from its trees: train with one that \
                 XGBoost 1.7 to 3.4 has",
            );
        }
    })
}

/// The classes' names, which XGBoost counts from 0.
pub(super) fn class_names(link: Link, n_outputs: usize) -> Option<Vec<String>> {
    let n_classes = match link {
        Link::Logistic { .. } => 2,
        Link::Softmax => n_outputs,
        _ => return None,
    };
    Some((0..n_classes).map(|class| class.to_string()).collect())
}
