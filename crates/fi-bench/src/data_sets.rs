//! The data sets that ship with the project: a file, an entry in `datasets.toml`, a line below.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context, Result, bail, ensure};
use fi_core::{Dataset, Players, Sequence, Target};
use fi_io::{CsvOptions, read_csv_from, read_npy_2d_from};
use ndarray::{Array2, s};
use serde::Deserialize;
use sha2::{Digest, Sha256};

const PROVENANCE: &str = include_str!("../../../datasets/datasets.toml");

const FILES: &[(&str, &str)] = &[
    ("boston", include_str!("../../../datasets/boston.csv")),
    ("breast-cancer", include_str!("../../../datasets/breast-cancer.csv")),
    ("diabetes", include_str!("../../../datasets/diabetes.csv")),
    ("digits", include_str!("../../../datasets/digits.csv")),
    ("iris", include_str!("../../../datasets/iris.csv")),
    ("wine", include_str!("../../../datasets/wine.csv")),
];

const SEQUENCES: &[(&str, &[u8], usize)] = &[(
    "japanese-vowels",
    include_bytes!("../../../datasets/japanese-vowels.npy"),
    // The official training series come first.
    270,
)];

/// What an integer in a file of sequences stands for.
const UNIT: f64 = 1e-4;

/// A data set that ships with the project.
#[derive(Debug, Clone)]
pub struct DataSet {
    /// Its name on the command line.
    pub name: String,
    /// Where it comes from.
    pub provenance: Provenance,
    /// The rows, unscaled; rows that are equal in every feature share a row group.
    pub data: Dataset,
}

/// Where a data set comes from.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// Its title.
    pub title: String,
    /// What the rows and columns are.
    pub about: String,
    /// Who published it.
    pub source: String,
    /// The DOI of the publication.
    pub doi: String,
    /// Which copy this is.
    pub repository: String,
    /// The SPDX name of its licence.
    pub licence: String,
    /// SHA-256 of the file.
    pub sha256: String,
    /// Named groups of features, by their names.
    #[serde(default)]
    groups: BTreeMap<String, Vec<String>>,
}

/// The names of all data sets, sorted.
pub fn names() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|(name, _)| *name)
}

/// Loads a data set and checks its SHA-256.
///
/// # Errors
///
/// If there is none of this name, or its file or entry was changed.
pub fn load(name: &str) -> Result<DataSet> {
    let Some((_, text)) = FILES.iter().find(|(known, _)| *known == name) else {
        let known: Vec<&str> = names().collect();
        bail!("there is no data set `{name}`, take one of {}", known.join(", "));
    };
    let provenance = provenance(name, "csv", text.as_bytes())?;
    let options = CsvOptions { target: Some("target".to_owned()), ..CsvOptions::default() };
    let data = read_csv_from(text.as_bytes(), &format!("datasets/{name}.csv"), &options)?;
    let groups = equal_rows(&data);
    Ok(DataSet { name: name.to_owned(), provenance, data: data.with_groups(groups)? })
}

/// A set of sequences that ships with the project.
#[derive(Debug, Clone)]
pub struct SequenceSet {
    /// Its name.
    pub name: String,
    /// Where it comes from.
    pub provenance: Provenance,
    /// A row per sequence: its steps × channels as columns, missing after its end.
    pub data: Dataset,
    /// How the columns lie: `c1[0]`, `c2[0]`, …
    pub sequence: Sequence,
    /// How many rows, from the first, are the official training part.
    pub n_train: usize,
}

/// The names of all sets of sequences, sorted.
pub fn sequence_names() -> impl Iterator<Item = &'static str> {
    SEQUENCES.iter().map(|(name, _, _)| *name)
}

/// Loads a set of sequences and checks its SHA-256.
///
/// # Errors
///
/// If there is none of this name, or its file or entry was changed.
pub fn load_sequences(name: &str) -> Result<SequenceSet> {
    let Some((_, bytes, n_train)) = SEQUENCES.iter().find(|(known, _, _)| *known == name) else {
        let known: Vec<&str> = sequence_names().collect();
        bail!("there is no set of sequences `{name}`, take one of {}", known.join(", "));
    };
    let provenance = provenance(name, "npy", bytes)?;
    let steps = read_npy_2d_from(bytes, &format!("datasets/{name}.npy"))?;
    let numbers: Vec<usize> = steps.column(0).iter().map(|number| *number as usize).collect();
    let lengths: Vec<usize> = numbers.chunk_by(|a, b| a == b).map(<[usize]>::len).collect();
    let n_steps = lengths.iter().copied().max().unwrap_or_default();
    let channels = (1..=steps.ncols() - 2).map(|coefficient| format!("c{coefficient}"));
    let sequence = Sequence::new(n_steps, channels)?;
    let mut rows = Array2::from_elem((lengths.len(), sequence.n_columns()), f64::NAN);
    let (mut labels, mut start) = (Vec::new(), 0);
    for (mut row, length) in rows.rows_mut().into_iter().zip(lengths) {
        let of_row = steps.slice(s![start..start + length, 2..]);
        for (cell, value) in row.iter_mut().zip(of_row) {
            *cell = value * UNIT;
        }
        labels.push(steps[[start, 1]] as usize - 1);
        start += length;
    }
    let n_classes = labels.iter().max().map_or(0, |label| label + 1);
    let names = (1..=n_classes).map(|class| class.to_string()).collect();
    let data = Dataset::new(rows, Target::Classes { labels, names })?;
    let data = data.with_feature_names(sequence.column_names())?;
    Ok(SequenceSet { name: name.to_owned(), provenance, data, sequence, n_train: *n_train })
}

/// The entry of a file in `datasets.toml`, if it is of this very file.
fn provenance(name: &str, extension: &str, bytes: &[u8]) -> Result<Provenance> {
    let mut entries: BTreeMap<String, Provenance> = toml::from_str(PROVENANCE)?;
    let provenance =
        entries.remove(name).with_context(|| format!("`{name}` has no entry in datasets.toml"))?;
    let sha256 = hex(&Sha256::digest(bytes));
    ensure!(
        sha256 == provenance.sha256,
        "datasets/{name}.{extension} has the SHA-256 {sha256}, but datasets.toml says {}: \
         restore the file or run datasets/make.py and update the entry",
        provenance.sha256
    );
    Ok(provenance)
}

impl DataSet {
    /// The named groups of features, where `datasets.toml` has any.
    ///
    /// # Errors
    ///
    /// If a group names a feature that is not there.
    pub fn groups(&self) -> Result<Option<Players>> {
        if self.provenance.groups.is_empty() {
            return Ok(None);
        }
        let names = self.data.feature_names();
        let mut groups = Vec::new();
        for (group, members) in &self.provenance.groups {
            let columns: Result<Vec<usize>> = members
                .iter()
                .map(|member| {
                    let column = names.iter().position(|name| name == member);
                    column.with_context(|| format!("`{group}` names `{member}`, not a feature"))
                })
                .collect();
            groups.push((group.clone(), columns?));
        }
        Ok(Some(Players::groups(names.len(), groups)?))
    }
}

/// Gives rows that are equal in every feature the same number, in order of first appearance.
fn equal_rows(data: &Dataset) -> Vec<usize> {
    let mut seen: BTreeMap<Vec<u64>, usize> = BTreeMap::new();
    data.rows()
        .rows()
        .into_iter()
        .map(|row| {
            let next = seen.len();
            *seen.entry(row.iter().map(|value| value.to_bits()).collect()).or_insert(next)
        })
        .collect()
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_data_set_loads_and_says_where_it_comes_from() {
        let shape = |name: &str| {
            let set = load(name).unwrap();
            assert!(!set.provenance.licence.is_empty() && !set.provenance.doi.is_empty());
            (set.data.n_rows(), set.data.n_features(), set.data.target().n_classes())
        };
        assert_eq!(shape("iris"), (150, 4, Some(3)));
        assert_eq!(shape("wine"), (178, 13, Some(3)));
        assert_eq!(shape("breast-cancer"), (569, 30, Some(2)));
        assert_eq!(shape("digits"), (1797, 64, Some(10)));
        assert_eq!(shape("diabetes"), (442, 10, None));
        assert_eq!(shape("boston"), (506, 13, None));
    }

    #[test]
    fn the_equal_flowers_share_a_row_group() {
        let iris = load("iris").unwrap();
        let groups = iris.data.groups().unwrap();
        assert_eq!(groups[101], groups[142]);
        assert_eq!(groups.iter().max(), Some(&148));
        assert_eq!(iris.groups().unwrap().unwrap().names(), ["petal", "sepal"]);
        assert!(load("wine").unwrap().groups().unwrap().is_none());
    }

    #[test]
    fn the_vowels_are_padded_sequences_of_nine_speakers() {
        let vowels = load_sequences("japanese-vowels").unwrap();
        assert_eq!((vowels.sequence.n_steps(), vowels.sequence.channels().len()), (29, 12));
        let (data, labels) = (&vowels.data, vowels.data.target().labels().unwrap());
        assert_eq!((data.n_rows(), data.n_features(), vowels.n_train), (640, 348, 270));
        // As the source describes it: 30 training series of each speaker, these of the test part.
        let of = |labels: &[usize]| -> Vec<usize> {
            (0..9).map(|class| labels.iter().filter(|label| **label == class).count()).collect()
        };
        assert_eq!(of(&labels[..270]), [30; 9]);
        assert_eq!(of(&labels[270..]), [31, 35, 88, 44, 29, 24, 40, 50, 29]);
        // The first frame of the first series, of 20 frames.
        let first = data.rows().row(0).to_vec();
        assert_eq!(first[..3], [1.8609, -0.2074, 0.2616].map(|x: f64| (x * 1e4).round() * UNIT));
        assert!(first[20 * 12 - 1].is_finite() && first[20 * 12..].iter().all(|x| x.is_nan()));
        let length =
            |row: usize| data.rows().row(row).iter().filter(|x| x.is_finite()).count() / 12;
        let lengths: Vec<usize> = (0..640).map(length).collect();
        assert_eq!((lengths.iter().min(), lengths.iter().max()), (Some(&7), Some(&29)));
        assert_eq!(lengths.iter().sum::<usize>(), 9961);
        assert_eq!(
            load_sequences("songs").unwrap_err().to_string(),
            "there is no set of sequences `songs`, take one of japanese-vowels"
        );
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        assert_eq!(
            load("flowers").unwrap_err().to_string(),
            "there is no data set `flowers`, take one of boston, breast-cancer, diabetes, digits, iris, wine"
        );
    }
}
