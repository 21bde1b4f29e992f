//! The picture of the report: how far each measured share is from the nominal one.

use anyhow::Result;
use fi_viz::{BarChart, Figure, Order};

use super::{Line, Study};

/// Every picture and its file name without extension.
pub(super) fn all(study: &Study) -> Result<Vec<(&'static str, Figure)>> {
    let chosen = |interval: bool| {
        let kind = if interval { "interval" } else { "rejections" };
        study.lines.iter().filter(move |line| {
            line.statistic.starts_with(kind) && (interval || line.nominal == 0.05)
        })
    };
    let mut figures = Vec::new();
    for (name, title, interval) in [
        ("coverage", "How far the coverage of intervals is from what they promise", true),
        ("rejections", "How far rejections at 5 % are from what a test promises", false),
    ] {
        let lines: Vec<&Line> = chosen(interval).collect();
        if lines.is_empty() {
            continue;
        }
        let label = |line: &&Line| {
            let (_, quantity) = line.statistic.split_once(" of ").unwrap_or(("", &line.statistic));
            format!("{}: {quantity}", line.method)
        };
        let points = |line: &Line, share: f64| 100.0 * (share - line.nominal);
        let chart = BarChart {
            title: title.to_owned(),
            names: lines.iter().map(label).collect(),
            values: lines.iter().map(|line| points(line, line.measured)).collect(),
            intervals: Some(
                lines
                    .iter()
                    .map(|line| (points(line, line.low), points(line, line.high)))
                    .collect(),
            ),
            x_label: "measured less nominal share, in points".to_owned(),
            caption: "Whiskers: Wilson's 95 % intervals over the data sets.".to_owned(),
            order: Order::Given,
            ..BarChart::default()
        };
        figures.push((name, chart.figure()?));
    }
    Ok(figures)
}
