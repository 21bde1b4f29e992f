//! `replicates.csv`: every number of a comparison, one a line, and an index over them.
//!
//! All tables, figures and sentences are computed from these lines and from nothing else, so that
//! `--check` can compute them again from the file.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context, Result, ensure};
use ndarray::Array2;
use serde::{Deserialize, Serialize};

/// One number of one fit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The model, or `data` for what needs none.
    pub model: String,
    /// The importance method or the metric.
    pub method: String,
    /// The seed of the split and of the training.
    pub seed: u64,
    /// The fold of that split, from 0.
    pub fold: usize,
    /// What was done; see [`variant`].
    pub variant: String,
    /// The feature, group or setting; empty for a score of the model.
    pub feature: String,
    /// The number.
    pub value: f64,
}

/// The values of [`Record::variant`].
pub mod variant {
    /// Importance of each feature: the experiment itself.
    pub const MAIN: &str = "main";
    /// Importance of each named group of features.
    pub const GROUPS: &str = "groups";
    /// As `main`, same rows, trained with another seed.
    pub const RETRAINED: &str = "retrained";
    /// As `main`, same model, the estimator's seed another.
    pub const RE_ESTIMATED: &str = "re-estimated";
    /// As `main`, trained on shuffled targets.
    pub const SHUFFLED_LABELS: &str = "shuffled-labels";
    /// Importance of each feature and of its shuffled copy, `probe of …`.
    pub const PROBES: &str = "probes";
    /// Score of the model on the hold-out.
    pub const SCORE: &str = "score";
    /// Score on the hold-out of a model retrained on a method's best features, `k=2:forest`.
    pub const TOP_K: &str = "top-k";
}

/// The name of a shuffled copy of a feature.
pub fn probe_name(feature: &str) -> String {
    format!("probe of {feature}")
}

/// Whether a feature is a shuffled copy.
pub fn is_probe(feature: &str) -> bool {
    feature.starts_with("probe of ")
}

/// The replicates of one method on one model: `(n_replicates, n_features)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// The features, in the order in which they were recorded.
    pub features: Vec<String>,
    /// Seed and fold of each replicate.
    pub fits: Vec<(u64, usize)>,
    /// One row per fit.
    pub values: Array2<f64>,
}

impl Scores {
    /// One feature's values over the fits.
    pub fn feature(&self, feature: &str) -> Option<Vec<f64>> {
        let column = self.features.iter().position(|name| name == feature)?;
        Some(self.values.column(column).to_vec())
    }
}

/// Model and method.
pub type Key = (String, String);

/// All numbers of a comparison, indexed by variant, model and method.
#[derive(Debug, Clone)]
pub struct Records {
    tables: BTreeMap<String, Vec<(Key, Scores)>>,
}

impl Records {
    /// Indexes the lines; models and methods keep the order of their first line.
    ///
    /// # Errors
    ///
    /// If a fit of a method lacks a feature or has it twice.
    pub fn new(records: &[Record]) -> Result<Self> {
        let mut lines: BTreeMap<&str, (Vec<Key>, BTreeMap<Key, Vec<&Record>>)> = BTreeMap::new();
        for record in records {
            let (order, by_key) = lines.entry(&record.variant).or_default();
            let key = (record.model.clone(), record.method.clone());
            let of_key = by_key.entry(key.clone()).or_default();
            if of_key.is_empty() {
                order.push(key);
            }
            of_key.push(record);
        }
        let mut tables = BTreeMap::new();
        for (variant, (order, by_key)) in lines {
            let mut table = Vec::new();
            for key in order {
                let scores = scores(&by_key[&key]).with_context(|| {
                    format!("replicates.csv, variant {variant}, {} of {}", key.1, key.0)
                })?;
                table.push((key, scores));
            }
            tables.insert(variant.to_owned(), table);
        }
        Ok(Self { tables })
    }

    /// The models and methods of a variant, in the order in which they were recorded.
    pub fn keys(&self, variant: &str) -> impl Iterator<Item = &Key> {
        self.tables.get(variant).into_iter().flatten().map(|(key, _)| key)
    }

    /// The replicates of one method on one model.
    pub fn scores(&self, variant: &str, model: &str, method: &str) -> Option<&Scores> {
        let table = self.tables.get(variant)?;
        table.iter().find(|((m, n), _)| m == model && n == method).map(|(_, scores)| scores)
    }
}

/// Lines of one key, a block per fit, each with the same features in the same order.
fn scores(records: &[&Record]) -> Result<Scores> {
    let fit = |record: &Record| (record.seed, record.fold);
    let first = fit(records[0]);
    let features: Vec<String> = records
        .iter()
        .take_while(|record| fit(record) == first)
        .map(|record| record.feature.clone())
        .collect();
    let mut fits = Vec::new();
    for block in records.chunks(features.len()) {
        let whole = block.len() == features.len()
            && block.iter().zip(&features).all(|(r, feature)| r.feature == *feature)
            && block.iter().all(|record| fit(record) == fit(block[0]));
        ensure!(
            whole && !fits.contains(&fit(block[0])),
            "seed {}, fold {} has other features than the first fit, run the comparison again",
            block[0].seed,
            block[0].fold
        );
        fits.push(fit(block[0]));
    }
    let values = records.iter().map(|record| record.value).collect();
    let values = Array2::from_shape_vec((fits.len(), features.len()), values)?;
    Ok(Scores { features, fits, values })
}

/// The CSV text of serialisable lines.
///
/// # Errors
///
/// If a line cannot be written.
pub fn to_csv<T: Serialize>(lines: &[T]) -> Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for line in lines {
        writer.serialize(line)?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

/// The lines of a CSV text; `name` is the file in error messages.
///
/// # Errors
///
/// If a line does not parse.
pub fn from_csv<T: for<'a> Deserialize<'a>>(text: &str, name: &str) -> Result<Vec<T>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader
        .deserialize()
        .collect::<Result<_, _>>()
        .with_context(|| format!("{name} does not parse, run the comparison again"))
}

/// A Markdown table.
pub(crate) fn markdown_table(headers: &[&str], rows: &[Vec<String>]) -> String {
    let mut text = format!("| {} |\n|", headers.join(" | "));
    for i in 0..headers.len() {
        text.push_str(if i == 0 { " --- |" } else { " ---: |" });
    }
    text.push('\n');
    for row in rows {
        let cells: Vec<String> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(seed: u64, feature: &str, value: f64) -> Record {
        Record {
            model: "forest".into(),
            method: "MDI".into(),
            seed,
            fold: 0,
            variant: variant::MAIN.into(),
            feature: feature.into(),
            value,
        }
    }

    #[test]
    fn lines_become_a_matrix_and_survive_a_file() {
        let lines =
            [record(0, "a", 0.1), record(0, "b", 0.9), record(1, "a", 1.0 / 3.0), record(1, "b", -0.0)];
        let text = to_csv(&lines).unwrap();
        assert_eq!(from_csv::<Record>(&text, "replicates.csv").unwrap(), lines);
        let records = Records::new(&lines).unwrap();
        let scores = records.scores("main", "forest", "MDI").unwrap();
        assert_eq!(scores.fits, [(0, 0), (1, 0)]);
        assert_eq!(scores.feature("b"), Some(vec![0.9, -0.0]));
        assert!(records.scores("main", "forest", "SHAP").is_none());
    }

    #[test]
    fn a_missing_line_is_named() {
        let lines = [record(0, "a", 0.1), record(0, "b", 0.9), record(1, "a", 0.3)];
        let error = format!("{:#}", Records::new(&lines).unwrap_err());
        assert_eq!(
            error,
            "replicates.csv, variant main, MDI of forest: \
             seed 1, fold 0 has other features than the first fit, run the comparison again"
        );
        let error = from_csv::<Record>("model,method\nx\n", "replicates.csv").unwrap_err();
        assert!(error.to_string().starts_with("replicates.csv does not parse"), "{error}");
    }
}
