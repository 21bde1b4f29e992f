//! The pictures of the page.

use std::fmt::Write as _;

use fi_viz::{BarChart, Beeswarm, ColorScale, CurveChart, Dependence, Heatmap};
use maud::{Markup, PreEscaped, html};
use ndarray::{Axis, s};

use crate::error::Result;
use crate::report::Findings;
use crate::rows::spread;
use crate::words::{explained, heading};

/// So many bars are compared at a glance.
const MOST_BARS: usize = 20;
/// Swarms of so many features and outputs, a dot for each of so many rows.
const MOST_SWARMS: usize = 10;
const MOST_OUTPUTS: usize = 3;
const MOST_DOTS: usize = 400;

/// A picture and the words under it.
fn figure(figure: &fi_viz::Figure, caption: &str) -> Result<Markup> {
    let svg = figure.svg()?;
    // The XML declaration has no place inside a page.
    let svg = svg.find("<svg").map_or("", |start| &svg[start..]);
    Ok(html! { figure { (PreEscaped(svg)) figcaption { (caption) } } })
}

/// Bars of every method.
pub(crate) fn bars(findings: &Findings) -> Result<Markup> {
    let drawn = findings.importances.iter().map(|importance| {
        let title = heading(importance);
        let chart = BarChart { title, max_bars: MOST_BARS, ..BarChart::of(importance) };
        figure(&chart.figure()?, &explained(importance))
    });
    let drawn = drawn.collect::<Result<Vec<_>>>()?;
    Ok(html! { @for picture in drawn { (picture) } })
}

/// The outputs that are drawn: of two classes' probabilities, which mirror each other, the second.
fn drawn_outputs(findings: &Findings) -> Vec<usize> {
    match findings.outputs.len() {
        2 if findings.scale == "probability" => vec![1],
        n => (0..n.min(MOST_OUTPUTS)).collect(),
    }
}

/// What an axis of SHAP values is called.
fn adds_to(findings: &Findings, output: usize) -> String {
    let of = &findings.outputs[output];
    if findings.scale == "units of the prediction" {
        return format!("adds to {}{of}", if of == "prediction" { "the " } else { "" });
    }
    format!("adds to {of} ({})", findings.scale)
}

/// Whether every player is one feature, so that rows have a value of it.
fn has_values(findings: &Findings) -> bool {
    findings.members.iter().all(|members| members.len() == 1)
}

/// SHAP values of many rows at once.
pub(crate) fn swarms(findings: &Findings) -> Result<Markup> {
    let dots = spread(findings.explained.len(), MOST_DOTS);
    let values = findings.attribution.values.select(Axis(0), &dots);
    let rows = has_values(findings).then(|| {
        let columns: Vec<usize> = findings.members.iter().map(|members| members[0]).collect();
        findings.values.select(Axis(0), &dots).select(Axis(1), &columns)
    });
    let drawn = drawn_outputs(findings).into_iter().map(|output| {
        let chart = Beeswarm {
            title: format!("SHAP values, {}", findings.outputs[output]),
            features: findings.attribution.features.clone(),
            values: values.slice(s![.., output, ..]).to_owned(),
            feature_values: rows.clone(),
            x_label: adds_to(findings, output),
            max_features: MOST_SWARMS,
            ..Beeswarm::default()
        };
        let caption = format!(
            "To the right the feature raises the answer, to the left it lowers it, for {} rows.",
            dots.len()
        );
        figure(&chart.figure()?, &caption)
    });
    let drawn = drawn.collect::<Result<Vec<_>>>()?;
    let left_out = findings.outputs.len().saturating_sub(MOST_OUTPUTS);
    Ok(html! {
        @for picture in drawn { (picture) }
        @if left_out > 0 {
            p.note { "The first " (MOST_OUTPUTS) " of " (findings.outputs.len()) " outputs are drawn." }
        }
    })
}

/// SHAP values over the values of the features that curves are drawn of.
pub(crate) fn dependence(findings: &Findings) -> Result<Markup> {
    // Else a feature's place is not that of its player.
    if !has_values(findings) || findings.model.n_groups.is_some() {
        return Ok(html! {});
    }
    let Some(&output) = drawn_outputs(findings).first() else { return Ok(html! {}) };
    let dots = spread(findings.explained.len(), MOST_DOTS);
    let picked = |values: &[f64]| dots.iter().map(|&dot| values[dot]).collect::<Vec<f64>>();
    let mut drawn = Vec::new();
    for &feature in &findings.curved {
        let rows = findings.values.view();
        let whole = Dependence::of(&findings.attribution, output, feature, rows, None)?;
        let chart = Dependence {
            title: format!("SHAP values of {}", findings.features[feature]),
            y_label: adds_to(findings, output),
            x: picked(&whole.x),
            y: picked(&whole.y),
            color: whole.color.map(|(name, values)| (name, picked(&values))),
            ..whole
        };
        if chart.x.iter().all(|value| value.is_nan()) {
            continue;
        }
        drawn.push(figure(&chart.figure()?, "What the feature adds, over its own value.")?);
    }
    Ok(html! { @for picture in drawn { (picture) } })
}

/// How alike the methods' orders are; nothing for one method or fewer than three players.
pub(crate) fn agreement(findings: &Findings) -> Result<Option<Markup>> {
    let importances = &findings.importances;
    if importances.len() < 2 || importances[0].len() < 3 {
        return Ok(None);
    }
    let names: Vec<String> = importances.iter().map(heading).collect();
    let chart = Heatmap {
        title: "Agreement between methods".to_owned(),
        ..Heatmap::agreement(names, findings.agreement.clone(), "Spearman's ρ")
    };
    let caption = "1: the same order, 0: unrelated orders, −1: reversed. An empty cell: one of the \
                   methods prefers nothing.";
    figure(&chart.figure()?, caption).map(Some)
}

/// The prediction over each of the most important features.
pub(crate) fn curves(findings: &Findings) -> Result<Markup> {
    let drawn = findings.curves.iter().map(|curve| {
        let chart =
            CurveChart { title: String::new(), ..CurveChart::of(curve, &findings.answer_names) };
        let title = format!("Partial dependence on {}", curve.feature);
        let caption = "The mean prediction when this feature is set to each value in every row.";
        figure(&CurveChart { title, ..chart }.figure()?, caption)
    });
    let drawn = drawn.collect::<Result<Vec<_>>>()?;
    Ok(html! { @for picture in drawn { (picture) } })
}

/// Which features go together.
pub(crate) fn correlation(findings: &Findings) -> Result<Option<Markup>> {
    let Some(correlation) = &findings.correlation else { return Ok(None) };
    let chart = Heatmap {
        title: "Rank correlation of features".to_owned(),
        rows: correlation.names.clone(),
        columns: correlation.names.clone(),
        values: correlation.values.clone(),
        scale: ColorScale::Diverging { max_abs: 1.0 },
        legend_label: "Spearman's ρ".to_owned(),
        ..Heatmap::default()
    };
    let mut caption = "Features that go together stand together: what they share is split between \
                       them, or counted for either."
        .to_owned();
    if correlation.names.len() < findings.features.len() {
        let (shown, all) = (correlation.names.len(), findings.features.len());
        let _ = write!(caption, " The {shown} most important of {all} features are shown.");
    }
    figure(&chart.figure()?, &caption).map(Some)
}
