//! One row at a time: what each feature adds to its prediction.
//!
//! The first row stands on the page as a table. The others are data of the page's script, a sample
//! of rows and of each row the largest values, so that the page stays small.

use std::fmt::Write as _;

use fi_viz::number;
use maud::{Markup, PreEscaped, html};
use serde::Serialize;

use crate::error::Result;
use crate::report::Findings;

/// At most this many rows can be chosen.
const MOST_ROWS: usize = 500;
/// Of each row so many players are shown, the rest in one line.
const MOST_PLAYERS: usize = 12;
/// The data of all rows stay below this.
const MOST_BYTES: usize = 700_000;
/// More outputs make a list that nobody reads.
const MOST_OUTPUTS: usize = 50;

/// What the script reads.
#[derive(Serialize)]
struct Data {
    outputs: Vec<String>,
    names: Vec<String>,
    n_players: usize,
    rows: Vec<Row>,
}

#[derive(Serialize, Clone)]
struct Row {
    /// The number of the row.
    n: usize,
    /// Its answer, where it is known.
    answer: Option<String>,
    outputs: Vec<Explained>,
}

/// One output of a row.
#[derive(Serialize, Clone)]
struct Explained {
    base: Option<f64>,
    total: Option<f64>,
    /// What all players add that are not listed.
    rest: f64,
    /// Places in `names`, what each adds, and its value in the row.
    adds: Vec<(usize, f64, String)>,
}

/// Five digits draw any bar.
fn rounded(value: f64) -> f64 {
    format!("{value:.4e}").parse().unwrap_or(value)
}

fn known(value: f64) -> Option<f64> {
    value.is_finite().then(|| rounded(value))
}

/// At most so many of the explained rows, at equal distances.
pub(crate) fn spread(n_explained: usize, most: usize) -> Vec<usize> {
    let n = n_explained.min(most);
    (0..n).map(|i| i * n_explained / n).collect()
}

fn data(findings: &Findings, most: usize) -> Data {
    let n_outputs = findings.outputs.len().min(MOST_OUTPUTS);
    let mut place = vec![usize::MAX; findings.members.len()];
    let mut names = Vec::new();
    let mut rows = Vec::new();
    for i in spread(findings.explained.len(), most) {
        let mut outputs = Vec::with_capacity(n_outputs);
        for output in 0..n_outputs {
            let values = findings.attribution.values.slice(ndarray::s![i, output, ..]);
            let base = findings.attribution.base_values[[i, output]];
            let mut order: Vec<usize> = (0..values.len()).collect();
            order.sort_by(|&a, &b| values[b].abs().total_cmp(&values[a].abs()));
            let rest = order.iter().skip(MOST_PLAYERS).map(|&player| values[player]);
            let rest = rounded(rest.fold(0.0, |sum, value| sum + value));
            let total = values.iter().fold(base, |sum, value| sum + value);
            order.truncate(MOST_PLAYERS);
            let adds = order.into_iter().map(|player| {
                if place[player] == usize::MAX {
                    place[player] = names.len();
                    names.push(findings.attribution.features[player].clone());
                }
                (place[player], rounded(values[player]), value_of(findings, i, player))
            });
            let adds = adds.collect();
            outputs.push(Explained { base: known(base), total: known(total), rest, adds });
        }
        let answer = findings.answers.as_ref().map(|answers| answers[i].clone());
        rows.push(Row { n: findings.explained[i], answer, outputs });
    }
    let outputs = findings.outputs.iter().take(n_outputs).cloned().collect();
    Data { outputs, names, n_players: findings.members.len(), rows }
}

/// The row's value of a player that is one feature.
fn value_of(findings: &Findings, row: usize, player: usize) -> String {
    match findings.members[player][..] {
        [feature] => match findings.values[[row, feature]] {
            value if value.is_nan() => "missing".to_owned(),
            value => {
                let names = findings.categories[feature].as_ref();
                let category = names.and_then(|names| names.get(value as usize));
                category.cloned().unwrap_or_else(|| number(value))
            }
        },
        _ => String::new(),
    }
}

/// JSON that may stand in a `script` element: nothing in it can end the element.
pub(crate) fn json_in_html(value: &impl Serialize) -> Result<String> {
    let text = serde_json::to_string(value)?;
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        // All of them can stand only inside strings.
        match character {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(safe, "\\u{:04x}", u32::from(character));
            }
            other => safe.push(other),
        }
    }
    Ok(safe)
}

/// The rows that fit, and their JSON.
fn fitting(findings: &Findings) -> Result<(Data, String)> {
    let mut most = MOST_ROWS;
    loop {
        let data = data(findings, most);
        let json = json_in_html(&data)?;
        if json.len() <= MOST_BYTES || most == 1 {
            return Ok((data, json));
        }
        most = most.min(data.rows.len()).div_ceil(2);
    }
}

pub(crate) fn picker(findings: &Findings) -> Result<Markup> {
    let (data, json) = fitting(findings)?;
    let Some(first) = data.rows.first() else { return Ok(html! {}) };
    let n_outputs = findings.outputs.len();
    Ok(html! {
        p {
            (data.rows.len()) " of " (findings.n_rows) " rows can be chosen"
            @if data.rows.len() < findings.n_rows { ", a sample" }
            ". Rows are counted from 0. From the base value, what the model answers while it knows no \
             feature, each feature adds its SHAP value, and together they come to the answer, in "
            (findings.scale) "."
            @if n_outputs > data.outputs.len() {
                " The first " (data.outputs.len()) " of " (n_outputs) " outputs can be chosen."
            }
        }
        noscript { p.note { "Without JavaScript only one row is shown." } }
        div #picker hidden {
            label { "Row " select #row-choice {} }
            @if data.outputs.len() > 1 { label { "Output " select #output-choice {} } }
            button type="button" #row-before { "Previous row" }
            button type="button" #row-after { "Next row" }
        }
        div.wide role="region" aria-labelledby="row-caption" tabindex="0" {
            table #row-table { (body(&data, first)) }
        }
        p.visually-hidden #row-said role="status" {}
        script type="application/json" #row-data { (PreEscaped(json)) }
    })
}

/// How a row is called.
fn title(data: &Data, row: &Row, output: usize) -> (String, String) {
    let answer = row.answer.as_ref().map(|answer| format!(", target {answer}"));
    let of =
        if data.outputs.len() > 1 { format!(", {}", data.outputs[output]) } else { String::new() };
    (format!("Row {}", row.n), format!("{}{of}", answer.unwrap_or_default()))
}

/// The table of a row's first output, the same that the script writes for others.
fn body(data: &Data, row: &Row) -> Markup {
    let explained = &row.outputs[0];
    let (name, rest) = title(data, row, 0);
    let scale = Span::of(explained);
    let left_out = data.n_players - explained.adds.len();
    let mut at = explained.base.unwrap_or(0.0);
    let mut step = |value: f64| {
        let from = at;
        at += value;
        bar(&scale, from, at)
    };
    let mut lines = Vec::new();
    for (place, value, text) in &explained.adds {
        lines.push((data.names[*place].clone(), text.clone(), *value, step(*value)));
    }
    if left_out > 0 {
        let name = format!("{left_out} others");
        lines.push((name, String::new(), explained.rest, step(explained.rest)));
    }
    let number_of = |value: Option<f64>| number(value.unwrap_or(f64::NAN));
    html! {
        caption #row-caption { (name) bdi { (rest) } }
        thead {
            tr {
                th scope="col" { "Feature" }
                th scope="col" { "Value" }
                th scope="col" { "Adds" }
                td aria-hidden="true" {}
            }
        }
        tbody {
            tr.end {
                th scope="row" { "Base value" } td {} td { (number_of(explained.base)) }
                td aria-hidden="true" {}
            }
            @for (name, text, value, bar) in lines {
                tr {
                    th scope="row" { bdi { (name) } }
                    td { (text) } td { (signed(value)) } td aria-hidden="true" { (bar) }
                }
            }
            tr.end {
                th scope="row" { "Together" } td {} td { (number_of(explained.total)) }
                td aria-hidden="true" {}
            }
        }
    }
}

fn signed(value: f64) -> String {
    if value > 0.0 { format!("+{}", number(value)) } else { number(value) }
}

/// From the lowest to the highest point of a row's way.
struct Span {
    low: f64,
    width: f64,
}

impl Span {
    fn of(explained: &Explained) -> Self {
        let mut at = explained.base.unwrap_or(0.0);
        let (mut low, mut high) = (at, at);
        for value in explained.adds.iter().map(|add| add.1).chain([explained.rest]) {
            at += value;
            (low, high) = (low.min(at), high.max(at));
        }
        Self { low, width: if high > low { high - low } else { 1.0 } }
    }

    /// From 0 to 200, with one decimal.
    fn place(&self, value: f64) -> f64 {
        ((value - self.low) / self.width * 2000.0).round() / 10.0
    }
}

fn bar(span: &Span, from: f64, to: f64) -> Markup {
    let (a, b) = (span.place(from), span.place(to));
    let (x, width) = (a.min(b), ((a - b).abs() * 10.0).round() / 10.0);
    let class = if to < from { "down" } else { "up" };
    html! {
        svg.step viewBox="0 0 200 14" preserveAspectRatio="none" {
            rect class=(class) x=(x) y="1" width=(width.max(0.6)) height="12" {}
        }
    }
}
