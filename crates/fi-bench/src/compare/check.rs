//! `--check`: reads a folder back and computes everything in it again.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use super::folder::{self, read_text};
use super::manifest::check_versions;
use super::records::{self, Record};
use super::{Comparison, Manifest, figures};
use crate::data_sets;

/// What a check has found in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    /// Lines of `replicates.csv` from which everything was computed again.
    pub replicates: usize,
    /// Text files that came out the same.
    pub texts: usize,
    /// Figures that came out the same and have no overlapping or cut text.
    pub figures: usize,
}

/// Computes report, page, tables and figures again from `replicates.csv` and `manifest.json`.
///
/// # Errors
///
/// If a file is missing or differs, naming its first different line; if a figure has overlapping
/// or cut text; if the data or the versions are not those of the manifest.
pub fn check(folder: &Path) -> Result<Checked> {
    let text = |name: &str| read_text(folder, name);
    let manifest: Manifest =
        serde_json::from_str(&text("manifest.json")?).context("manifest.json does not parse")?;
    check_versions(&manifest.versions)?;
    let data = data_sets::load(&manifest.data)?;
    ensure!(
        data.provenance.sha256 == manifest.data_sha256,
        "manifest.json is of other data: SHA-256 {} against {}",
        manifest.data_sha256,
        data.provenance.sha256
    );
    let replicates: Vec<Record> = records::from_csv(&text("replicates.csv")?, "replicates.csv")?;
    let again = Comparison::new(data, manifest, replicates)?;
    let (texts, figures) = (again.texts()?, figures::all(&again)?);
    folder::check(folder, &texts, &figures)?;
    Ok(Checked { replicates: again.replicates.len(), texts: texts.len(), figures: figures.len() })
}

/// Whether a file holds what it should; an error names its first different line.
pub(crate) fn same_text(name: &str, expected: &str, found: &str) -> Result<()> {
    if expected == found {
        return Ok(());
    }
    let different = expected.lines().zip(found.lines()).position(|(a, b)| a != b);
    let line = different.unwrap_or_else(|| expected.lines().count().min(found.lines().count()));
    let show = |text: &str| text.lines().nth(line).unwrap_or("(end of file)").to_owned();
    bail!(
        "{name}, line {}: the file says `{}`, but its replicates give `{}`",
        line + 1,
        show(found),
        show(expected)
    )
}

#[cfg(test)]
mod tests {
    use super::same_text;

    #[test]
    fn the_first_different_line_is_shown() {
        assert!(same_text("report.md", "a\nb\n", "a\nb\n").is_ok());
        assert_eq!(
            same_text("report.md", "a\n0.72\n", "a\n0.73\n").unwrap_err().to_string(),
            "report.md, line 2: the file says `0.73`, but its replicates give `0.72`"
        );
        assert_eq!(
            same_text("report.md", "a\n", "a\nb\n").unwrap_err().to_string(),
            "report.md, line 2: the file says `b`, but its replicates give `(end of file)`"
        );
    }
}
