//! Several results side by side as tables, JSON and a short report.

use std::fmt::Write as _;
use std::path::Path;

use fi_core::Importance;
use fi_core::agreement::Comparison;
use serde::Serialize;

use crate::atomic::write_atomic;
use crate::error::{Error, Result};
use crate::importance_json::{Entry, Head, Number, Provenance, entry};
use crate::table::{Cell, Table, number};

const FORMAT: &str = "fi-comparison";
const SCHEMA_VERSION: u32 = 1;

/// One line per feature, from the best mean rank to the worst: `feature`, a column of importances
/// per result, and `mean_rank`.
pub fn comparison_table(comparison: &Comparison) -> Table {
    let front = std::iter::once("feature".to_owned());
    let names = comparison.names.iter().cloned();
    let mut table = Table::new(front.chain(names).chain(["mean_rank".to_owned()]));
    for feature in comparison.order() {
        let values = comparison.values.column(feature);
        let values = values.iter().map(|&value| Cell::from(value));
        let front = std::iter::once(comparison.features[feature].as_str().into());
        table.push(front.chain(values).chain([comparison.mean_ranks[feature].into()]));
    }
    table
}

/// How far every two results agree: `result` and a column per result; empty where one of the two
/// is constant.
pub fn agreement_table(comparison: &Comparison) -> Table {
    let front = std::iter::once("result".to_owned());
    let mut table = Table::new(front.chain(comparison.names.iter().cloned()));
    for (name, row) in comparison.names.iter().zip(comparison.agreement.outer_iter()) {
        let cells = row.iter().map(|&value| Cell::from((!value.is_nan()).then_some(value)));
        table.push(std::iter::once(name.as_str().into()).chain(cells));
    }
    table
}

#[derive(Serialize)]
struct File {
    #[serde(flatten)]
    head: Head,
    comparison: Body,
    /// The results that were compared, in the order of `comparison.names`.
    results: Vec<Entry>,
}

#[derive(Serialize)]
struct Body {
    measure: String,
    names: Vec<String>,
    features: Vec<String>,
    /// A list of importances per result.
    values: Vec<Vec<Number>>,
    ranks: Vec<Vec<Number>>,
    mean_ranks: Vec<Number>,
    /// `null` where one of the two results is constant.
    agreement: Vec<Vec<Option<Number>>>,
}

/// Writes a comparison and its results as JSON; `docs/comparison.schema.json` is its schema. The
/// results are written as [`write_importance_json`](crate::write_importance_json) does.
///
/// # Errors
///
/// [`Error::Unwritable`] if there is not one result per name; [`Error::System`].
pub fn write_comparison_json(
    path: impl AsRef<Path>,
    comparison: &Comparison,
    results: &[Importance],
    provenance: &Provenance,
) -> Result<()> {
    let path = path.as_ref();
    let unwritable = |problem| Error::Unwritable { file: path.display().to_string(), problem };
    if results.len() != comparison.names.len() {
        let (n, names) = (results.len(), comparison.names.len());
        return Err(unwritable(format!("there are {n} results for {names} names, give one each")));
    }
    let table = |values: &ndarray::Array2<f64>| {
        values.outer_iter().map(|row| row.iter().map(|&x| Number(x)).collect()).collect()
    };
    let agreement = comparison.agreement.outer_iter();
    let agreement = agreement
        .map(|row| row.iter().map(|&x| (!x.is_nan()).then_some(Number(x))).collect())
        .collect();
    let file = File {
        head: Head::new(FORMAT, SCHEMA_VERSION, provenance),
        comparison: Body {
            measure: comparison.measure.name(),
            names: comparison.names.clone(),
            features: comparison.features.clone(),
            values: table(&comparison.values),
            ranks: table(&comparison.ranks),
            mean_ranks: comparison.mean_ranks.iter().map(|&x| Number(x)).collect(),
            agreement,
        },
        results: results.iter().map(entry).collect(),
    };
    let mut text =
        serde_json::to_string_pretty(&file).map_err(|error| unwritable(error.to_string()))?;
    text.push('\n');
    write_atomic(path, |file| file.write_all(text.as_bytes()))
}

/// A comparison as a short report in Markdown: scores, ranks, agreement, and every warning.
pub fn comparison_report(comparison: &Comparison, results: &[Importance]) -> String {
    let mut text = String::from("# Importances side by side\n\n");
    let cell = |name: &str| name.replace('|', "\\|").replace('\n', " ");
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let names: Vec<String> = comparison.names.iter().map(|name| cell(name)).collect();
    let rule =
        |n: usize| line(std::iter::once("---").chain(vec!["--:"; n]).map(String::from).collect());
    let short = |value: f64| {
        if value.is_nan() { String::new() } else { number((value * 1e4).round() / 1e4) }
    };
    text.push_str("## Ranks\n\n1 is the most important; the mean is over the columns.\n\n");
    let header = ["feature".to_owned(), "mean".to_owned()].into_iter().chain(names.clone());
    text.push_str(&line(header.collect()));
    text.push_str(&rule(names.len() + 1));
    for feature in comparison.order() {
        let ranks = comparison.ranks.column(feature);
        let front = [cell(&comparison.features[feature]), short(comparison.mean_ranks[feature])];
        let ranks = ranks.iter().map(|&rank| number(rank));
        text.push_str(&line(front.into_iter().chain(ranks).collect()));
    }
    let _ = write!(
        text,
        "\n## Agreement\n\n{} of every two; empty where a result is constant.\n\n",
        comparison.measure
    );
    text.push_str(&line(std::iter::once(String::new()).chain(names.clone()).collect()));
    text.push_str(&rule(names.len()));
    for (name, row) in names.iter().zip(comparison.agreement.outer_iter()) {
        let cells = row.iter().map(|&value| short(value));
        text.push_str(&line(std::iter::once(format!("**{name}**")).chain(cells).collect()));
    }
    text.push_str(
        "\nMethods that agree may share a mistake, and methods that ask different questions need \
         not agree.\n\n## Results\n\n",
    );
    for (name, result) in names.iter().zip(results) {
        let _ = write!(text, "- **{name}**: {}", result.method);
        if let Some(metric) = &result.metric {
            let _ = write!(text, ", {metric}");
        }
        if let Some(score) = result.score {
            let _ = write!(text, ", the model's own {}", short(score));
        }
        text.push_str(".\n");
        for warning in &result.warnings {
            let _ = writeln!(text, "  - {warning}.");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use fi_core::Warning;
    use fi_core::agreement::Agreement;

    fn results() -> (Comparison, Vec<Importance>) {
        let names = ["a", "b|c"].map(String::from);
        let mut one = Importance::new("m", &names, vec![1.0, 2.0]).unwrap();
        one.warnings.push(Warning::Note("beware".into()));
        let flat = Importance::new("m", &names, vec![0.5, 0.5]).unwrap();
        let named = [("one".to_owned(), &one), ("flat".to_owned(), &flat)];
        (Comparison::new(Agreement::Spearman, &named).unwrap(), vec![one, flat])
    }

    #[test]
    fn tables_and_report_hold_every_number() {
        let (comparison, results) = results();
        let table = comparison_table(&comparison).to_csv("t").unwrap();
        let text = "feature,one,flat,mean_rank\nb|c,2,0.5,1.25\na,1,0.5,1.75\n";
        assert_eq!(String::from_utf8(table).unwrap(), text);
        let table = agreement_table(&comparison).to_csv("t").unwrap();
        assert_eq!(String::from_utf8(table).unwrap(), "result,one,flat\none,1,\nflat,,\n");
        let report = comparison_report(&comparison, &results);
        assert!(report.contains("| b\\|c | 1.25 | 1 | 1.5 |"), "{report}");
        assert!(report.contains("Spearman of every two") && report.contains("  - beware.\n"));
    }

    #[test]
    fn every_name_needs_its_result() {
        let (comparison, mut results) = results();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.json");
        write_comparison_json(&path, &comparison, &results, &Provenance::default()).unwrap();
        let json: serde_json::Value =
            serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!(json["format"], "fi-comparison");
        assert!(json["comparison"]["agreement"][0][1].is_null());
        assert_eq!(json["results"][1]["features"][0]["importance"], 0.5);
        results.pop();
        let error = write_comparison_json(&path, &comparison, &results, &Provenance::default());
        let text = error.unwrap_err().to_string();
        assert!(text.ends_with("there are 1 results for 2 names, give one each"), "{text}");
    }
}
