//! `--check`: reads a folder back and computes everything in it again from the replicates.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::{Manifest, Plan, Study, figures};
use crate::compare::Checked;
use crate::compare::folder::{self, read_text};
use crate::compare::manifest::check_versions;
use crate::compare::records::from_csv;

/// Computes report, page, tables and figures again from `replicates.csv`, `skill.csv` and
/// `manifest.json`, and the truth itself from the problems.
///
/// # Errors
///
/// If a file is missing or differs, naming its first different line; if a figure has overlapping
/// or cut text; if the problems, models, methods or versions are not those of the manifest.
pub fn check(folder: &Path) -> Result<Checked> {
    let text = |name: &str| read_text(folder, name);
    let manifest: Manifest =
        serde_json::from_str(&text("manifest.json")?).context("manifest.json does not parse")?;
    check_versions(&manifest.versions)?;
    let again = Study::new(
        Plan::new(&manifest.settings())?,
        from_csv(&text("replicates.csv")?, "replicates.csv")?,
        from_csv(&text("skill.csv")?, "skill.csv")?,
    )?;
    ensure!(
        again.manifest == manifest,
        "manifest.json is of other problems, models or methods, run the comparison again"
    );
    let (texts, figures) = (again.texts()?, figures::all(&again)?);
    folder::check(folder, &texts, &figures)?;
    Ok(Checked { replicates: again.replicates.len(), texts: texts.len(), figures: figures.len() })
}
