//! The results: the models' skill, importance by method, groups, agreement.

use std::fmt::Write as _;

use super::{agreement, importance, median_range, percent, range_of, significant, spread};
use crate::compare::Comparison;
use crate::compare::methods::{LOFO, MDI};
use crate::compare::models::FOREST;
use crate::compare::records::{markdown_table, variant};
use crate::compare::summary::CENTRAL;

pub(super) fn skill(c: &Comparison) -> String {
    let mut rows = Vec::new();
    let mut metrics: Vec<&str> = Vec::new();
    let mut models: Vec<&str> = Vec::new();
    for (model, metric) in c.records.keys(variant::SCORE) {
        if !metrics.contains(&metric.as_str()) {
            metrics.push(metric);
        }
        if !models.contains(&model.as_str()) {
            models.push(model);
        }
    }
    for model in &models {
        let mut row = vec![(*model).to_owned()];
        for metric in &metrics {
            let scores = c.records.scores(variant::SCORE, model, metric);
            row.push(scores.map_or_else(String::new, |s| spread(s.values.column(0).to_vec())));
        }
        rows.push(row);
    }
    let headers: Vec<&str> = std::iter::once("model").chain(metrics).collect();
    format!(
        "## How good the models are\n\nOn the hold-out: median and central {} of single fits. \
         Importance of a model that predicts no better than a constant says little about the \
         data.\n\n{}",
        percent(CENTRAL),
        markdown_table(&headers, &rows)
    )
}

pub(super) fn importances(c: &Comparison) -> String {
    let features = c.data.data.feature_names();
    let mut text = String::from(
        "## Importance by method\n\nMean ± standard deviation over the fits, in each method's own \
         unit. The picture above shows the same means as shares of each method's sum.\n\n",
    );
    if features.len() > MANY_FEATURES {
        let _ = writeln!(
            text,
            "The {MANY_FEATURES} features with the highest MDI; all of them are in \
             `importance.csv`.\n"
        );
    }
    let shown = top_features(c);
    let headers: Vec<&str> =
        ["model", "method"].into_iter().chain(shown.iter().map(String::as_str)).collect();
    let mut rows = Vec::new();
    for (model, method) in c.records.keys(variant::MAIN) {
        let mut row = vec![model.clone(), method.clone()];
        for feature in &shown {
            let line = importance(c, model, method, feature);
            row.push(line.map_or_else(String::new, |l| {
                format!("{} ± {}", significant(l.mean), significant(l.std))
            }));
        }
        rows.push(row);
    }
    text.push_str(&markdown_table(&headers, &rows));
    let _ = write!(text, "\n![Single fits of VIANN and MDI](spread.svg)\n");
    text
}

/// How many features a table of the report shows.
const MANY_FEATURES: usize = 12;

/// All features, or those with the highest MDI where there are many.
pub(in crate::compare) fn top_features(c: &Comparison) -> Vec<String> {
    let mut features = c.data.data.feature_names().to_vec();
    if features.len() > MANY_FEATURES {
        let mdi = |feature: &String| importance(c, FOREST, MDI, feature).map_or(0.0, |l| l.mean);
        features.sort_by(|a, b| mdi(b).total_cmp(&mdi(a)));
        features.truncate(MANY_FEATURES);
    }
    features
}

pub(super) fn groups(c: &Comparison) -> String {
    let keys: Vec<_> = c.records.keys(variant::GROUPS).collect();
    let Some((model, method)) = keys.first() else { return String::new() };
    let Some(first) = c.records.scores(variant::GROUPS, model, method) else {
        return String::new();
    };
    let mut rows = Vec::new();
    for (model, method) in &keys {
        let mut row = vec![model.clone(), method.clone()];
        for group in &first.features {
            let line = importance(c, model, method, group);
            row.push(line.map_or_else(String::new, |l| median_range(l.median, l.low, l.high)));
        }
        rows.push(row);
    }
    let names: Vec<String> = first.features.iter().map(|name| format!("{{{name}}}")).collect();
    let headers: Vec<&str> =
        ["model", "method"].into_iter().chain(names.iter().map(String::as_str)).collect();
    let mut text = format!(
        "## Groups of features\n\nIncrease of {} when a whole group is permuted, or left out and \
         the model retrained: median and central {} of single fits.\n\n{}\n",
        c.manifest.metric,
        percent(CENTRAL),
        markdown_table(&headers, &rows)
    );
    if let Some((a, b, r)) = c.most_correlated() {
        let alone = [&a, &b].map(|feature| {
            importance(c, FOREST, LOFO, feature)
                .map_or_else(String::new, |l| median_range(l.median, l.low, l.high))
        });
        let _ = writeln!(
            text,
            "*{a}* and *{b}* correlate at {r:.2}. Leaving out only one of them costs the retrained \
             forest {} (*{a}*) and {} (*{b}*), because the other stands in for it; what they carry \
             together shows only when both are left out. LOFO answers *what would I lose without \
             this measurement*, not *what does this model use*.",
            alone[0], alone[1]
        );
    }
    text
}

pub(super) fn agreements(c: &Comparison) -> String {
    let mut text = format!(
        "## Agreement\n\nEach fit gives one correlation over the features between two methods' \
         scores; the table shows the median and the central {} of those single values. \
         *Itself* is the method against itself on another fit: no method can be expected to agree \
         with another better than with itself.\n\n",
        percent(CENTRAL)
    );
    let mut rows = Vec::new();
    for (model, method) in c.records.keys(variant::MAIN) {
        if (model.as_str(), method.as_str()) == (FOREST, MDI) {
            continue;
        }
        let mut row = vec![model.clone(), method.clone()];
        for other in [(FOREST, MDI), (model.as_str(), method.as_str())] {
            for measure in ["Pearson", "Spearman"] {
                let line = agreement(c, measure, (model, method), other);
                row.push(line.map_or_else(|| "undefined".to_owned(), range_of));
            }
        }
        rows.push(row);
    }
    let headers = [
        "model",
        "method",
        "Pearson with MDI",
        "Spearman with MDI",
        "Pearson with itself",
        "Spearman with itself",
    ];
    text.push_str(&markdown_table(&headers, &rows));
    text.push_str(
        "\n![Median Pearson correlation of all methods](agreement-pearson.svg)\n\
         \n![Median Spearman correlation of all methods](agreement-spearman.svg)\n",
    );
    let undefined: usize = c.agreement.iter().map(|line| line.n_undefined).sum();
    if undefined > 0 {
        let _ = writeln!(
            text,
            "\n{undefined} single correlations of `agreement.csv` are undefined, because a method \
             gave every feature the same score; they are left out, and counted there."
        );
    }
    text
}
