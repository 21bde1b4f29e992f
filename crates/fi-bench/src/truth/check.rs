//! `--check`: reads a folder back and computes everything in it again from the replicates.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use super::{Manifest, Plan, Study, figures};
use crate::compare::records::from_csv;
use crate::compare::{Checked, same_text};

/// Computes report, page, tables and figures again from `replicates.csv`, `skill.csv` and
/// `manifest.json`, and the truth itself from the problems.
///
/// # Errors
///
/// If a file is missing or differs, naming its first different line; if a figure has overlapping
/// or cut text; if the problems, models, methods or versions are not those of the manifest.
pub fn check(folder: &Path) -> Result<Checked> {
    let read = |name: &str| -> Result<Vec<u8>> {
        fs::read(folder.join(name))
            .with_context(|| format!("{name} cannot be read, run the comparison again"))
    };
    let text = |name: &str| -> Result<String> {
        String::from_utf8(read(name)?).with_context(|| format!("{name} is not UTF-8"))
    };
    let manifest: Manifest =
        serde_json::from_str(&text("manifest.json")?).context("manifest.json does not parse")?;
    let again = Study::new(
        Plan::new(&manifest.settings())?,
        from_csv(&text("replicates.csv")?, "replicates.csv")?,
        from_csv(&text("skill.csv")?, "skill.csv")?,
    )?;
    ensure!(
        again.manifest == manifest,
        "manifest.json is of other problems, models, methods or versions, run the comparison again"
    );
    let texts = again.texts()?;
    for (name, expected) in &texts {
        same_text(name, expected, &text(name)?)?;
    }
    let figures = figures::all(&again)?;
    for (name, figure) in &figures {
        if let Some((a, b)) = figure.overlaps().first() {
            bail!("{name}.svg: the texts `{}` and `{}` overlap", a.text, b.text);
        }
        if let Some(cut) = figure.cut_texts().first() {
            bail!("{name}.svg: the text `{}` leaves the picture", cut.text);
        }
        same_text(&format!("{name}.svg"), &figure.svg()?, &text(&format!("{name}.svg"))?)?;
        ensure!(figure.png()? == read(&format!("{name}.png"))?, "{name}.png differs");
    }
    Ok(Checked { replicates: again.replicates.len(), texts: texts.len(), figures: figures.len() })
}
