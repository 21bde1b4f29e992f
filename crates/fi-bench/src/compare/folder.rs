//! A report's folder: written whole, and held against what its replicates give.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use fi_viz::Figure;

use super::check::same_text;

/// Writes texts and pictures into a folder, each file whole.
pub(crate) fn write(
    folder: &Path,
    texts: &[(&str, String)],
    figures: &[(&str, Figure)],
) -> Result<()> {
    fs::create_dir_all(folder)
        .with_context(|| format!("{} cannot be made, give another folder", folder.display()))?;
    for (name, figure) in figures {
        figure.save(folder.join(format!("{name}.svg")))?;
        figure.save(folder.join(format!("{name}.png")))?;
    }
    for (name, text) in texts {
        fi_io::write_atomic(folder.join(name), |file| file.write_all(text.as_bytes()))?;
    }
    Ok(())
}

/// A file of the folder.
fn read(folder: &Path, name: &str) -> Result<Vec<u8>> {
    fs::read(folder.join(name))
        .with_context(|| format!("{name} cannot be read, run the comparison again"))
}

/// A text file of the folder.
pub(crate) fn read_text(folder: &Path, name: &str) -> Result<String> {
    String::from_utf8(read(folder, name)?).with_context(|| format!("{name} is not UTF-8"))
}

/// Whether the folder holds these files, and no picture has overlapping or cut text.
pub(crate) fn check(
    folder: &Path,
    texts: &[(&str, String)],
    figures: &[(&str, Figure)],
) -> Result<()> {
    for (name, expected) in texts {
        same_text(name, expected, &read_text(folder, name)?)?;
    }
    for (name, figure) in figures {
        if let Some((a, b)) = figure.overlaps().first() {
            bail!("{name}.svg: the texts `{}` and `{}` overlap", a.text, b.text);
        }
        if let Some(cut) = figure.cut_texts().first() {
            bail!("{name}.svg: the text `{}` leaves the picture", cut.text);
        }
        let svg = format!("{name}.svg");
        same_text(&svg, &figure.svg()?, &read_text(folder, &svg)?)?;
        ensure!(figure.png()? == read(folder, &format!("{name}.png"))?, "{name}.png differs");
    }
    Ok(())
}
