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

/// What is kept of a study without its replicates, such as `docs/truth`: its tables.
pub(super) fn recorded(folder: &Path) -> Result<Study> {
    let text = |name: &str| read_text(folder, name);
    let manifest: Manifest =
        serde_json::from_str(&text("manifest.json")?).context("manifest.json does not parse")?;
    Ok(Study {
        plan: Plan::new(&manifest.settings())?,
        manifest,
        replicates: Vec::new(),
        skills: from_csv(&text("skill.csv")?, "skill.csv")?,
        lines: from_csv(&text("truth.csv")?, "truth.csv")?,
        spread: Vec::new(),
    })
}

/// Writes `report.md` and the SVG figures of a folder again, from its `manifest.json`, `skill.csv` and
/// `truth.csv` alone: what was recorded stays, how it is told is that of this build.
///
/// # Errors
///
/// If one of these is missing or does not parse, or a file cannot be written.
pub fn redraw(folder: &Path) -> Result<()> {
    let (report, pictures) = recorded(folder)?.drawn()?;
    for (name, text) in pictures.into_iter().chain([("report.md".to_owned(), report)]) {
        fi_io::write_atomic(folder.join(name), |file| file.write_all(text.as_bytes()))?;
    }
    Ok(())
}
