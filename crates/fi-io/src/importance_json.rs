//! Global importance as JSON: everything that a result holds.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use fi_core::{Estimand, Importance, Interval, Replicate, Warning};
use ndarray::Array2;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use crate::atomic::write_atomic;
use crate::error::{Error, Result};
use crate::importance_csv::importance_rows;
use crate::table::Cell;

const FORMAT: &str = "fi-importance";
/// Raised whenever a reader of the version before would misread the file.
const SCHEMA_VERSION: u32 = 1;

/// A number; JSON has no NaN and no infinity, so they are the strings `"NaN"`, `"inf"`, `"-inf"`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Number(pub(crate) f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_finite() {
            serializer.serialize_f64(self.0)
        } else {
            serializer.serialize_str(&self.0.to_string())
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Raw {
            Number(f64),
            Text(String),
        }
        match Raw::deserialize(deserializer)? {
            Raw::Number(value) => Ok(Self(value)),
            Raw::Text(text) => match text.as_str() {
                "NaN" => Ok(Self(f64::NAN)),
                "inf" => Ok(Self(f64::INFINITY)),
                "-inf" => Ok(Self(f64::NEG_INFINITY)),
                _ => Err(serde::de::Error::custom(format!("`{text}` is not a number"))),
            },
        }
    }
}

/// What every JSON result begins with.
#[derive(Serialize, Deserialize)]
pub(crate) struct Head {
    format: String,
    schema_version: u32,
    /// The version of fi that wrote it.
    version: String,
    /// What the results were computed from.
    #[serde(default)]
    inputs: Vec<Input>,
    /// What was asked for, by the names of options.
    #[serde(default)]
    settings: BTreeMap<String, Setting>,
}

impl Head {
    pub(crate) fn new(format: &str, schema_version: u32, provenance: &Provenance) -> Self {
        Self {
            format: format.to_owned(),
            schema_version,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            inputs: provenance.inputs.clone(),
            settings: provenance.settings.clone(),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct File {
    #[serde(flatten)]
    head: Head,
    results: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Input {
    file: String,
    sha256: String,
}

/// A setting as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Setting {
    Integer(i64),
    Number(f64),
    Text(String),
    Nothing,
}

impl From<Cell> for Setting {
    fn from(cell: Cell) -> Self {
        match cell {
            Cell::Empty => Self::Nothing,
            Cell::Text(text) => Self::Text(text),
            Cell::Integer(value) => Self::Integer(value),
            Cell::Number(value) if value.is_finite() => Self::Number(value),
            Cell::Number(value) => Self::Text(value.to_string()),
        }
    }
}

/// What results were computed from: files with the SHA-256 of their content, and settings.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Provenance {
    inputs: Vec<Input>,
    settings: BTreeMap<String, Setting>,
}

impl Provenance {
    /// That of these files, as they are now.
    ///
    /// # Errors
    ///
    /// [`Error::System`] for a file that cannot be read.
    pub fn of<P: AsRef<Path>>(files: &[P]) -> Result<Self> {
        let input = |path: &P| {
            let path = path.as_ref();
            let read = |source| Error::read(path, source);
            let mut file = std::fs::File::open(path).map_err(read)?;
            let mut hash = Sha256::new();
            let mut buffer = vec![0; 1 << 16];
            loop {
                let n = file.read(&mut buffer).map_err(read)?;
                if n == 0 {
                    break;
                }
                hash.update(&buffer[..n]);
            }
            let digits = |byte: &u8| [byte >> 4, byte & 15].map(|d| char::from_digit(d.into(), 16));
            let sha256 = hash.finalize().iter().flat_map(digits).flatten().collect();
            Ok(Input { file: path.display().to_string(), sha256 })
        };
        let inputs = files.iter().map(input).collect::<Result<_>>()?;
        Ok(Self { inputs, settings: BTreeMap::new() })
    }

    /// The same, with what was asked for, such as `("repeats", 30)`.
    pub fn with_settings(self, settings: impl IntoIterator<Item = (String, Cell)>) -> Self {
        let settings = settings.into_iter().map(|(name, value)| (name, value.into())).collect();
        Self { settings, ..self }
    }

    /// Each file as it was named, and the SHA-256 of its content.
    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.inputs.iter().map(|input| (input.file.as_str(), input.sha256.as_str()))
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Entry {
    method: String,
    metric: Option<String>,
    estimand: Option<Estimand>,
    confidence: Option<Number>,
    score: Option<Number>,
    baseline: Option<Number>,
    seed: Option<u64>,
    n_evaluations: usize,
    replicate_kind: Option<Replicate>,
    warnings: Vec<Note>,
    /// In feature order, unlike the CSV's lines.
    features: Vec<Feature>,
}

#[derive(Serialize, Deserialize)]
struct Feature {
    #[expect(clippy::struct_field_names, reason = "the name of the column")]
    feature: String,
    importance: Number,
    std: Option<Number>,
    ci_low: Option<Number>,
    ci_high: Option<Number>,
    p_value: Option<Number>,
    rank: usize,
    rank_low: Option<usize>,
    rank_high: Option<usize>,
    repeats: Vec<Number>,
}

/// [`Warning`], where scores may be NaN.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Note {
    NoBetterThanConstant {
        metric: String,
        score: Number,
        constant: Number,
    },
    /// All others as they are: their numbers are finite.
    #[serde(untagged)]
    Other(Warning),
}

impl From<&Warning> for Note {
    fn from(warning: &Warning) -> Self {
        match warning {
            Warning::NoBetterThanConstant { metric, score, constant } => {
                Self::NoBetterThanConstant {
                    metric: metric.clone(),
                    score: Number(*score),
                    constant: Number(*constant),
                }
            }
            // JSON has no such number, and a file must be read again.
            Warning::Correlated { strongest: number, .. }
            | Warning::NoHigherThanProbe { probe: number, .. }
            | Warning::MetricTooCoarse { score: number, .. }
                if !number.is_finite() =>
            {
                Self::Other(Warning::Note(warning.to_string()))
            }
            other => Self::Other(other.clone()),
        }
    }
}

impl From<Note> for Warning {
    fn from(note: Note) -> Self {
        match note {
            Note::NoBetterThanConstant { metric, score, constant } => {
                Self::NoBetterThanConstant { metric, score: score.0, constant: constant.0 }
            }
            Note::Other(warning) => warning,
        }
    }
}

/// Writes global results as JSON, with every field of each and what they were computed from.
///
/// The file is `{"format": "fi-importance", "schema_version": 1, "version": …, "inputs": [{"file":
/// …, "sha256": …}], "settings": {…}, "results": […]}`; `docs/importance.schema.json` is its schema.
/// Features stand in feature order with the columns of the CSV; replicates are `repeats`.
/// Finite numbers come back with the same bits; NaN and infinities are strings.
///
/// # Errors
///
/// [`Error::Unwritable`] without results; [`Error::System`] if the file cannot be written.
pub fn write_importance_json(
    path: impl AsRef<Path>,
    importances: &[Importance],
    provenance: &Provenance,
) -> Result<()> {
    let path = path.as_ref();
    let text = importance_json(importances, provenance)
        .map_err(|problem| Error::Unwritable { file: path.display().to_string(), problem })?;
    write_atomic(path, |file| file.write_all(text.as_bytes()))
}

fn importance_json(
    importances: &[Importance],
    provenance: &Provenance,
) -> std::result::Result<String, String> {
    if importances.is_empty() {
        return Err("there is no result, give at least one".to_owned());
    }
    let file = File {
        head: Head::new(FORMAT, SCHEMA_VERSION, provenance),
        results: importances.iter().map(entry).collect(),
    };
    let mut text = serde_json::to_string_pretty(&file).map_err(|error| error.to_string())?;
    text.push('\n');
    Ok(text)
}

pub(crate) fn entry(importance: &Importance) -> Entry {
    let number = |value: Option<f64>| value.map(Number);
    let ranks = importance.ranks();
    // From the sorted lines back to feature order.
    let mut lines: Vec<_> = importance_rows(importance).into_iter().map(Some).collect();
    let features = ranks.iter().filter_map(|rank| lines[rank - 1].take()).map(|row| Feature {
        feature: row.feature,
        importance: Number(row.importance),
        std: number(row.std),
        ci_low: number(row.ci_low),
        ci_high: number(row.ci_high),
        p_value: number(row.p_value),
        rank: row.rank,
        rank_low: row.rank_low,
        rank_high: row.rank_high,
        repeats: row.repeats.into_iter().map(Number).collect(),
    });
    Entry {
        method: importance.method.clone(),
        metric: importance.metric.clone(),
        estimand: importance.interval.as_ref().map(|interval| interval.estimand),
        confidence: importance.interval.as_ref().map(|interval| Number(interval.confidence)),
        score: number(importance.score),
        baseline: number(importance.constant_score),
        seed: importance.seed,
        n_evaluations: importance.n_evaluations,
        replicate_kind: importance.replicate_kind,
        warnings: importance.warnings.iter().map(Note::from).collect(),
        features: features.collect(),
    }
}

/// Reads what [`write_importance_json`] wrote.
///
/// # Errors
///
/// [`Error::System`]; [`Error::Content`] for another format, a newer schema, or what is not a
/// whole result.
pub fn read_importance_json(path: impl AsRef<Path>) -> Result<Vec<Importance>> {
    let path = path.as_ref();
    let bytes = std::fs::read(path).map_err(|source| Error::read(path, source))?;
    parse(&bytes, &path.display().to_string())
}

fn parse(bytes: &[u8], name: &str) -> Result<Vec<Importance>> {
    #[derive(Deserialize)]
    struct Kind {
        format: String,
        schema_version: u32,
    }
    let malformed = |error: serde_json::Error| {
        Error::content(name, format!("this is no JSON result of importance: {error}"))
    };
    let head: Kind = serde_json::from_slice(bytes).map_err(malformed)?;
    if head.format != FORMAT {
        let problem = format!("the format is `{}`, expected `{FORMAT}`", head.format);
        return Err(Error::content(name, problem));
    }
    if head.schema_version != SCHEMA_VERSION {
        return Err(Error::content(
            name,
            format!(
                "the file has schema version {}, this program reads version {SCHEMA_VERSION}; \
                 use the version of fi that wrote it",
                head.schema_version
            ),
        ));
    }
    let file: File = serde_json::from_slice(bytes).map_err(malformed)?;
    file.results.into_iter().map(|entry| importance(entry, name)).collect()
}

fn importance(entry: Entry, name: &str) -> Result<Importance> {
    let features = &entry.features;
    let names: Vec<String> = features.iter().map(|f| f.feature.clone()).collect();
    let values = features.iter().map(|f| f.importance.0).collect();
    let uneven =
        |what: &str| Error::content(name, format!("`{what}` is there for some features only"));
    let all = |what: &str, get: fn(&Feature) -> Option<Number>| {
        let given: Vec<f64> = features.iter().filter_map(get).map(|n| n.0).collect();
        match given.len() {
            0 => Ok(None),
            n if n == features.len() => Ok(Some(given)),
            _ => Err(uneven(what)),
        }
    };
    let n_repeats = features.first().map_or(0, |f| f.repeats.len());
    if features.iter().any(|f| f.repeats.len() != n_repeats) {
        return Err(uneven("repeats"));
    }
    let repeats = features.iter().flat_map(|f| f.repeats.iter().map(|n| n.0)).collect();
    let replicates = Array2::from_shape_vec((features.len(), n_repeats), repeats)
        .map_err(|error| Error::content(name, error.to_string()))?;
    let interval = match (all("ci_low", |f| f.ci_low)?, all("ci_high", |f| f.ci_high)?) {
        (None, None) => None,
        (Some(low), Some(high)) => {
            let (Some(estimand), Some(confidence)) = (entry.estimand, entry.confidence) else {
                let problem = "there are intervals, but no `estimand` or no `confidence`";
                return Err(Error::content(name, problem));
            };
            Some(Interval { estimand, confidence: confidence.0, low, high })
        }
        _ => return Err(uneven("ci_low` or `ci_high")),
    };
    let core = |source| Error::Core { file: name.to_owned(), source };
    let std = all("std", |f| f.std)?;
    let p_values = all("p_value", |f| f.p_value)?;
    let mut importance = Importance::new(entry.method, &names, values).map_err(core)?;
    importance.metric = entry.metric;
    importance.std = std;
    importance.interval = interval;
    importance.p_values = p_values;
    importance.replicates = replicates;
    importance.replicate_kind = entry.replicate_kind;
    importance.score = entry.score.map(|n| n.0);
    importance.constant_score = entry.baseline.map(|n| n.0);
    importance.seed = entry.seed;
    importance.n_evaluations = entry.n_evaluations;
    importance.warnings = entry.warnings.into_iter().map(Warning::from).collect();
    Ok(importance)
}
