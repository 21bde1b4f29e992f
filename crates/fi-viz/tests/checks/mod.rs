//! Tests of pictures of local results, and of stability, paths and agreement.

mod global;
mod local;

use fi_viz::{Figure, Result};

/// All texts, in the order they are drawn.
fn texts(figure: &Figure) -> String {
    super::check("chart", figure);
    figure.texts().into_iter().map(|text| text.text).collect::<Vec<_>>().join("|")
}

/// The lines of an SVG that are dots, areas or lines, or that a reader does not see.
fn drawn(figure: &Figure) -> String {
    let svg = figure.svg().unwrap();
    let seen = ["<circle", "<poly", "<line", "<title", "<desc"];
    let lines = svg.lines().filter(|line| seen.iter().any(|tag| line.starts_with(tag)));
    let plain = lines.map(|line| line.replace(" stroke=\"none\"", ""));
    plain.collect::<Vec<_>>().join("\n")
}

/// The sentence after `the chart cannot be drawn: `.
fn refused(chart: &str, result: Result<Figure>) -> String {
    let text = result.unwrap_err().to_string();
    let start = format!("the {chart} cannot be drawn: ");
    text.strip_prefix(&start).unwrap_or_else(|| panic!("{text}")).to_owned()
}
