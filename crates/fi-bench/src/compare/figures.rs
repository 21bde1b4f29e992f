//! The pictures of a report: shares by method, single fits, agreement of all methods.

use anyhow::Result;
use fi_viz::{Annotate, BoxPlot, ColorScale, Diagonal, Figure, Heatmap};
use ndarray::Array2;

use super::Comparison;
use super::methods::{
    COEFFICIENTS, GARSON_CANCELLING, MDI, PERMUTATION, SHAP, SPLIT_COUNT, VARIANCE, VIANN,
    VIANN_RAW,
};
use super::models::{DATA, FOREST, TUNED, is_network};
use super::records::{Key, variant};
use super::report::top_features;

/// How many box plots of features one picture holds.
const MANY_BOXES: usize = 8;

/// Every picture and its file name without extension.
pub(super) fn all(c: &Comparison) -> Result<Vec<(&'static str, Figure)>> {
    Ok(vec![
        ("importance", importance(c)?),
        ("spread", spread(c)?),
        ("agreement-pearson", agreement(c, "Pearson")?),
        ("agreement-spearman", agreement(c, "Spearman")?),
    ])
}

/// Whether the picture of shares shows this method: all of the tuned network and of the models
/// that are no network, a few of the other networks.
fn in_shares(model: &str, method: &str) -> bool {
    !is_network(model) || model == TUNED || [VIANN, PERMUTATION, SHAP].contains(&method)
}

/// Whether the agreement matrix shows this method. VIANN (raw) ranks as VIANN does, and the
/// cancelling Garson nearly as Garson.
fn in_matrix(model: &str, method: &str) -> bool {
    match model {
        TUNED | FOREST | DATA => ![VIANN_RAW, GARSON_CANCELLING, SPLIT_COUNT].contains(&method),
        _ => [VIANN, MDI, COEFFICIENTS].contains(&method),
    }
}

fn label((model, method): &Key) -> String {
    format!("{method} · {model}")
}

/// `NN1` for `network (NN1)`.
fn short(model: &str) -> &str {
    model.strip_prefix("network (").and_then(|name| name.strip_suffix(')')).unwrap_or(model)
}

/// Methods × features, each method's means as shares of their sum.
fn importance(c: &Comparison) -> Result<Figure> {
    let columns = c.data.data.feature_names().to_vec();
    let keys: Vec<&Key> =
        c.records.keys(variant::MAIN).filter(|(model, method)| in_shares(model, method)).collect();
    let mut values = Array2::from_elem((keys.len(), columns.len()), f64::NAN);
    for line in &c.importance {
        let row = keys.iter().position(|key| (&key.0, &key.1) == (&line.model, &line.method));
        let column = columns.iter().position(|name| *name == line.feature);
        if let (Some(row), Some(column)) = (row, column) {
            values[[row, column]] = line.share;
        }
    }
    // The variance of an unscaled column can hold nearly all of its sum: it may not set the scale.
    let lines = c.importance.iter().filter(|line| line.method != VARIANCE);
    let largest = lines.map(|line| line.share).filter(|share| *share < 1.0).fold(0.0, f64::max);
    let heatmap = Heatmap {
        title: format!("{}: importance by method", c.data.provenance.title),
        rows: keys.iter().map(|key| label(key)).collect(),
        columns,
        values,
        scale: ColorScale::Sequential { low: 0.0, high: if largest > 0.0 { largest } else { 1.0 } },
        legend_label: "share of the method's sum".to_owned(),
        caption: "Mean over all fits; the absolute means of each row add up to 1.".to_owned(),
        ..Heatmap::default()
    };
    Ok(heatmap.figure()?)
}

/// Single fits of each network's VIANN beside the forest's MDI, feature by feature.
fn spread(c: &Comparison) -> Result<Figure> {
    let mut groups = Vec::new();
    let features: Vec<String> = top_features(c).into_iter().take(MANY_BOXES).collect();
    for feature in &features {
        for (model, method) in c.records.keys(variant::MAIN) {
            let shown = method == VIANN || (model.as_str(), method.as_str()) == (FOREST, MDI);
            let scores = c.records.scores(variant::MAIN, model, method);
            if let (true, Some(scores)) = (shown, scores)
                && let Some(values) = scores.feature(feature)
            {
                groups.push((format!("{feature} · {method} ({})", short(model)), values));
            }
        }
    }
    let plot = BoxPlot {
        title: format!("{}: single fits of VIANN and MDI", c.data.provenance.title),
        groups,
        x_label: "VIANN scaled to 0–1, MDI as a share".to_owned(),
        ..BoxPlot::default()
    };
    Ok(plot.figure()?)
}

/// Median agreement of all methods with each other, with themselves on the diagonal.
fn agreement(c: &Comparison, measure: &str) -> Result<Figure> {
    let keys: Vec<&Key> =
        c.records.keys(variant::MAIN).filter(|(model, method)| in_matrix(model, method)).collect();
    let place = |model: &String, method: &String| {
        keys.iter().position(|key| (&key.0, &key.1) == (model, method))
    };
    let mut values = Array2::from_elem((keys.len(), keys.len()), f64::NAN);
    for line in c.agreement.iter().filter(|line| line.measure == measure) {
        let (a, b) = (place(&line.model_a, &line.method_a), place(&line.model_b, &line.method_b));
        if let (Some(a), Some(b)) = (a, b) {
            values[[a, b]] = line.median;
            values[[b, a]] = line.median;
        }
    }
    let names: Vec<String> = keys.iter().map(|key| label(key)).collect();
    let heatmap = Heatmap {
        title: format!("{}: median {measure} correlation", c.data.provenance.title),
        rows: names.clone(),
        columns: names,
        values,
        scale: ColorScale::Diverging { max_abs: 1.0 },
        annotate: Annotate::Digits(2),
        diagonal: Diagonal::Drawn,
        legend_label: format!("{measure} correlation"),
        caption: "Between two methods of one fit; on the diagonal between two fits of one method."
            .to_owned(),
        ..Heatmap::default()
    };
    Ok(heatmap.figure()?)
}
