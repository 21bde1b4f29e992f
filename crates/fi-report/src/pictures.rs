//! The pictures of the page.

use fi_viz::{BarChart, ColorScale, CurveChart, Heatmap};
use maud::{Markup, PreEscaped, html};

use crate::error::Result;
use crate::report::Findings;
use crate::words::{explained, heading};

/// So many bars are compared at a glance.
const MOST_BARS: usize = 20;

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

/// How alike the methods' orders are; nothing for one method or fewer than three players.
pub(crate) fn agreement(findings: &Findings) -> Result<Option<Markup>> {
    let importances = &findings.importances;
    if importances.len() < 2 || importances[0].len() < 3 {
        return Ok(None);
    }
    let names: Vec<String> = importances.iter().map(heading).collect();
    let chart = Heatmap {
        title: "Agreement between methods".to_owned(),
        rows: names.clone(),
        columns: names,
        values: findings.agreement.clone(),
        scale: ColorScale::Diverging { max_abs: 1.0 },
        legend_label: "Spearman's ρ".to_owned(),
        ..Heatmap::default()
    };
    let caption = "1: the same order, 0: unrelated orders, −1: reversed. An empty cell: one of the \
                   methods prefers nothing.";
    figure(&chart.figure()?, caption).map(Some)
}

/// The prediction over each of the most important features.
pub(crate) fn curves(findings: &Findings) -> Result<Markup> {
    let drawn = findings.curves.iter().map(|curve| {
        let chart = CurveChart { title: String::new(), ..CurveChart::of(curve, &findings.answer_names) };
        let title = format!("Partial dependence on {}", crate::words::shown(&curve.feature));
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
        caption.push_str(&format!(" The {shown} most important of {all} features are shown."));
    }
    figure(&chart.figure()?, &caption).map(Some)
}
