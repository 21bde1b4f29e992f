//! `--check`: reads a folder back and computes everything in it again.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::{Experiment, Manifest, figures};
use crate::compare::Checked;
use crate::compare::folder::{self, read_text};
use crate::compare::manifest::check_versions;
use crate::compare::records::from_csv;
use crate::data_sets;

/// Computes report, page, tables and figures again from `scores.csv` and `manifest.json`.
///
/// # Errors
///
/// If a file is missing or differs, naming its first different line; if a figure has overlapping
/// or cut text; if the data or the versions are not those of the manifest.
pub fn check(folder: &Path) -> Result<Checked> {
    let manifest: Manifest = serde_json::from_str(&read_text(folder, "manifest.json")?)
        .context("manifest.json does not parse")?;
    check_versions(&manifest.versions)?;
    for (name, sha256) in &manifest.data {
        let ours = data_sets::load(name)?.provenance.sha256;
        ensure!(
            ours == *sha256,
            "manifest.json is of other data: {name} has the SHA-256 {sha256}, ours has {ours}"
        );
    }
    let scores = from_csv(&read_text(folder, "scores.csv")?, "scores.csv")?;
    let again = Experiment::new(manifest, scores)?;
    let (texts, figures) = (again.texts()?, figures::all(&again)?);
    folder::check(folder, &texts, &figures)?;
    Ok(Checked { replicates: again.replicates.len(), texts: texts.len(), figures: figures.len() })
}
