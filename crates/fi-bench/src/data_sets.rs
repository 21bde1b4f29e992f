//! The data sets that ship with the project: a file, an entry in `datasets.toml`, a line below.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context, Result, bail, ensure};
use fi_core::{Dataset, Players};
use fi_io::{CsvOptions, read_csv_from};
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
    /// SHA-256 of the CSV file.
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
    let mut entries: BTreeMap<String, Provenance> = toml::from_str(PROVENANCE)?;
    let provenance =
        entries.remove(name).with_context(|| format!("`{name}` has no entry in datasets.toml"))?;
    let sha256 = hex(&Sha256::digest(text));
    ensure!(
        sha256 == provenance.sha256,
        "datasets/{name}.csv has the SHA-256 {sha256}, but datasets.toml says {}: \
         restore the file or run datasets/make.py and update the entry",
        provenance.sha256
    );
    let options = CsvOptions { target: Some("target".to_owned()), ..CsvOptions::default() };
    let data = read_csv_from(text.as_bytes(), &format!("datasets/{name}.csv"), &options)?;
    let groups = equal_rows(&data);
    Ok(DataSet { name: name.to_owned(), provenance, data: data.with_groups(groups)? })
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
    fn an_unknown_name_lists_the_known_ones() {
        assert_eq!(
            load("flowers").unwrap_err().to_string(),
            "there is no data set `flowers`, take one of boston, breast-cancer, diabetes, digits, iris, wine"
        );
    }
}
