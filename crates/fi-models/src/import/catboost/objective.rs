//! From CatBoost's loss to the link and the names of classes.

use super::json::{ClassName, Info};
use super::{Problem, damaged, shown};
use crate::tree::Link;

/// How predictions follow from the trees of a model with this loss.
pub(super) fn link(info: &Info, n_outputs: usize) -> Result<Link, Problem> {
    let loss = info.params.as_ref().and_then(|params| params.loss_function.as_ref());
    // Sums of models do not say what they were trained for: CatBoost answers raw values.
    let Some(loss) = loss else { return Ok(Link::Identity) };
    let link = match loss.name.as_str() {
        "RMSE" | "MAE" | "MAPE" | "Quantile" | "Lq" | "Huber" | "Expectile" | "LogCosh"
        | "YetiRank" | "YetiRankPairwise" | "PairLogit" | "PairLogitPairwise" | "QueryRMSE"
        | "QuerySoftMax" | "QueryCrossEntropy" | "GroupQuantile" | "StochasticFilter"
        | "StochasticRank" | "LambdaMart" => Link::Identity,
        "MultiRMSE"
        | "MultiRMSEWithMissingValues"
        | "MultiQuantile"
        | "PythonUserDefinedPerObject"
        | "PythonUserDefinedMultiTarget"
        | "UserPerObjMetric" => {
            return Ok(Link::Identity);
        }
        "Poisson" | "Tweedie" | "LogLinQuantile" => Link::Exp,
        "Logloss" | "CrossEntropy" | "Focal" => Link::Logistic { slope: 1.0 },
        "MultiLogloss" | "MultiCrossEntropy" => return Ok(Link::Sigmoid { slope: 1.0 }),
        "MultiClass" => Link::Softmax,
        "MultiClassOneVsAll" => Link::OneVsRest { slope: 1.0 },
        other => {
            return Err(Problem::Unsupported(format!(
                "fi does not know how its loss `{}` makes predictions of sums of trees: remove \
                 `loss_function` from the file to read its raw values",
                shown(other)
            )));
        }
    };
    let several = matches!(link, Link::Softmax | Link::OneVsRest { .. });
    if several != (n_outputs > 1) {
        return damaged(format!(
            "its loss `{}` does not go with leaves of {n_outputs} values",
            loss.name
        ));
    }
    Ok(link)
}

/// The names of the classes, if predictions are about classes and the file names them.
pub(super) fn class_names(
    info: &Info,
    link: Link,
    n_outputs: usize,
) -> Result<Option<Vec<String>>, Problem> {
    let n_classes = match link {
        Link::Logistic { .. } => 2,
        Link::Softmax | Link::OneVsRest { .. } => n_outputs,
        _ => return Ok(None),
    };
    let names = info.class_params.as_ref().and_then(|classes| classes.class_names.as_ref());
    let Some(names) = names.filter(|names| !names.is_empty()) else { return Ok(None) };
    if names.len() != n_classes {
        return damaged(format!("it names {} classes, expected {n_classes}", names.len()));
    }
    let text = |name: &ClassName| match name {
        // As Python and CatBoost's predictions write them.
        ClassName::Boolean(true) => "True".to_owned(),
        ClassName::Boolean(false) => "False".to_owned(),
        ClassName::Integer(number) => number.to_string(),
        ClassName::Float(number) => number.to_string(),
        ClassName::Text(text) => text.clone(),
    };
    Ok(Some(names.iter().map(text).collect()))
}
