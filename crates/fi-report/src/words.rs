//! The findings in plain words.

use fi_core::{Importance, Replicate, Warning};
use fi_viz::number;

use crate::report::Findings;
use crate::shown::clipped;

const LONGEST_SENTENCE: usize = 1500;
/// So many names stand in a sentence.
const NAMED: usize = 3;

/// What readers call a method.
pub(crate) fn called(importance: &Importance) -> String {
    match importance.method.as_str() {
        "permutation" => "permutation importance".to_owned(),
        method if method.starts_with("mean |") && method.ends_with('|') => {
            "SHAP (mean size)".to_owned()
        }
        "impurity" => "impurity (MDI)".to_owned(),
        method => method.replace('_', " "),
    }
}

/// A method's name at the start of a line.
pub(crate) fn heading(importance: &Importance) -> String {
    let name = called(importance);
    let mut letters = name.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

/// What a method's numbers are.
pub(crate) fn unit(importance: &Importance) -> String {
    match &importance.metric {
        Some(metric) => format!("how much worse {metric} gets"),
        None => "importance".to_owned(),
    }
}

/// What the model is, how good it is, what matters, and whether the methods agree.
pub(crate) fn summary(findings: &Findings) -> Vec<String> {
    let mut sentences = vec![about(findings)];
    let first = &findings.importances[0];
    sentences.extend(quality(findings, first));
    sentences.push(top(findings, first));
    sentences.extend(certainty(findings, first));
    sentences.extend(agreement(findings));
    sentences
}

/// `features` or `groups of features`.
fn players(findings: &Findings) -> &'static str {
    if findings.model.n_groups.is_some() { "groups of features" } else { "features" }
}

fn about(findings: &Findings) -> String {
    let model = &findings.model;
    let groups = model.n_groups.map(|n| format!(", scored as {n} groups,")).unwrap_or_default();
    format!(
        "The model is {}. It reads {} features{groups} and answers with {}.",
        model.kind, model.n_features, model.answer
    )
}

fn quality(findings: &Findings, first: &Importance) -> Option<String> {
    let (metric, score) = (first.metric.as_ref()?, first.score?);
    let constant = first.constant_score.map_or_else(String::new, |constant| {
        format!("; always answering the same would score {} at best", number(constant))
    });
    Some(format!("On {} rows its {metric} is {}{constant}.", findings.n_scored, number(score)))
}

fn top(findings: &Findings, first: &Importance) -> String {
    let order = first.order();
    let one = |&player: &usize| {
        let value = number(first.values[player]);
        let interval = first.interval.as_ref().map_or_else(String::new, |interval| {
            let (low, high) = (number(interval.low[player]), number(interval.high[player]));
            format!(", {} interval {low} to {high}", percent(interval.confidence))
        });
        format!("“{}” ({value}{interval})", isolated(&first.features[player]))
    };
    let named: Vec<String> = order.iter().take(NAMED).map(one).collect();
    let (what, are) = match (players(findings), named.len()) {
        ("features", 1) => ("feature", "is"),
        (_, 1) => ("group of features", "is"),
        (players, _) => (players, "are"),
    };
    format!("By {} the most important {what} {are} {}.", called(first), named.join(", "))
}

/// A share in percent.
fn percent(share: f64) -> String {
    format!("{} %", number(100.0 * share).trim_end_matches(".0"))
}

fn certainty(findings: &Findings, first: &Importance) -> Option<String> {
    let interval = first.interval.as_ref()?;
    first.metric.as_ref()?;
    let above = interval.low.iter().filter(|low| **low > 0.0).count();
    let rest = first.len() - above;
    let what = players(findings);
    let percent = percent(interval.confidence);
    Some(if rest == 0 {
        format!("For all {} {what} the {percent} interval lies above 0.", first.len())
    } else {
        format!(
            "For {above} of {} {what} the {percent} interval lies above 0. For the other {rest} it \
             does not: these rows do not show that the model needs them.",
            first.len()
        )
    })
}

fn agreement(findings: &Findings) -> Option<String> {
    let n = findings.importances.len();
    let pairs = (0..n).flat_map(|i| (i + 1..n).map(move |j| findings.agreement[[i, j]]));
    let rho: Vec<f64> = pairs.filter(|rho| !rho.is_nan()).collect();
    if findings.importances[0].len() < 3 || rho.is_empty() {
        return None;
    }
    // `min` and `max` of finite numbers.
    let low = rho.iter().copied().fold(1.0, f64::min);
    let high = rho.iter().copied().fold(-1.0, f64::max);
    let how = match low {
        low if low >= 0.8 => "put the features in nearly the same order",
        low if low >= 0.5 => "partly agree on the order of the features",
        _ => "do not agree on the order of the features: see where they differ before trusting one",
    };
    let range =
        if rho.len() == 1 { number(low) } else { format!("{} to {}", number(low), number(high)) };
    Some(format!("The {n} methods {how} (Spearman’s ρ {range})."))
}

/// The warnings of all methods, each once, with the methods it is said of.
pub(crate) fn warnings(findings: &Findings) -> Vec<(String, Vec<String>)> {
    let mut said: Vec<(String, Vec<String>)> = Vec::new();
    let mut say = |warning: &Warning, method: String| {
        let text = sentence(&warning.to_string());
        match said.iter_mut().find(|(known, _)| *known == text) {
            Some((_, methods)) if methods.contains(&method) => {}
            Some((_, methods)) => methods.push(method),
            None => said.push((text, vec![method])),
        }
    };
    for importance in &findings.importances {
        importance.warnings.iter().for_each(|warning| say(warning, called(importance)));
    }
    for curve in &findings.curves {
        for warning in &curve.warnings {
            say(warning, format!("{} of “{}”", curve.method, isolated(&curve.feature)));
        }
    }
    said
}

/// A name inside a sentence, whose script must not turn the numbers behind it round.
fn isolated(name: &str) -> String {
    format!("\u{2068}{name}\u{2069}")
}

/// With a capital and a full stop.
fn sentence(text: &str) -> String {
    // Warnings name features by their whole names, in backticks.
    let text = clipped(text, LONGEST_SENTENCE);
    let parts: Vec<&str> = text.split('`').collect();
    let text = if parts.len() % 2 == 1 {
        let named = |(i, part): (usize, &&str)| match i % 2 {
            0 => (*part).to_owned(),
            _ => format!("`{}`", isolated(part)),
        };
        parts.iter().enumerate().map(named).collect()
    } else {
        text.clone()
    };
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), letters.as_str())
}

/// What a method asks, for readers who meet it here.
pub(crate) fn explained(importance: &Importance) -> String {
    let method = importance.method.as_str();
    if importance.metric.is_some() {
        return "How much worse the score gets when a feature’s values are shuffled between rows."
            .to_owned();
    }
    if method.contains("SHAP") || importance.replicate_kind == Some(Replicate::Row) {
        return "How far a feature moves predictions away from the base value, on average."
            .to_owned();
    }
    match method {
        "coefficients" => "The size of the coefficient, per unit of the feature.",
        "standardized coefficients" => {
            "How far the score moves when the feature moves by one standard deviation."
        }
        "VIANN" => "How far the feature’s first weights moved in training, times their size.",
        _ => "What the splits on a feature achieved when the trees were grown.",
    }
    .to_owned()
}
