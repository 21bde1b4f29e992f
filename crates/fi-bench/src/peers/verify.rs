//! Does a record's table follow from its raw numbers?

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use super::{Curves, LargeRuns, Records, Scores};

/// Computes the table of a record again from its `raw.csv`, times, scores or curves, and gives it back if
/// `table.md` ends with it.
///
/// # Errors
///
/// A file that is missing or is no record; a table that does not follow.
pub fn verify(folder: &Path) -> Result<String> {
    let raw = folder.join("raw.csv");
    let text = std::fs::read_to_string(&raw).with_context(|| raw.display().to_string())?;
    let table = if text.starts_with("data,learner,") {
        Scores::read(&raw)?.table()?
    } else if text.starts_with("game,estimator,") {
        Curves::read(&raw)?.table()?
    } else if text.starts_with("work,side,version,") {
        LargeRuns::read(&raw)?.table()?
    } else {
        Records::read(&raw)?.table()?
    };
    ensure!(!table.is_empty(), "{} has no line that is known", raw.display());
    let path = folder.join("table.md");
    let recorded = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    ensure!(
        recorded.ends_with(&table),
        "{} is not what follows from raw.csv; it should end with\n{table}",
        path.display()
    );
    Ok(table)
}

/// The records in a folder, by name: itself, or those one level below.
///
/// # Errors
///
/// A folder that cannot be read or has no record.
pub fn records_in(folder: &Path) -> Result<Vec<PathBuf>> {
    if folder.join("raw.csv").exists() {
        return Ok(vec![folder.to_path_buf()]);
    }
    let place = || folder.display().to_string();
    let mut records = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(place)? {
        let path = entry?.path();
        if path.join("raw.csv").exists() {
            records.push(path);
        }
    }
    ensure!(!records.is_empty(), "{} holds no raw.csv, give the folder of a record", place());
    records.sort();
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_committed_table_follows_from_its_raw_numbers() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benches/record");
        for record in records_in(&folder).unwrap() {
            let table = verify(&record).unwrap_or_else(|e| panic!("{}: {e:#}", record.display()));
            assert!(table.lines().count() > 8, "{}", record.display());
        }
    }

    #[test]
    fn a_changed_number_is_found() {
        let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benches/record");
        for record in records_in(&committed).unwrap() {
            let folder = tempfile::tempdir().unwrap();
            let copy = |name: &str, change: fn(&str) -> String| {
                let text = std::fs::read_to_string(record.join(name)).unwrap();
                std::fs::write(folder.path().join(name), change(&text)).unwrap();
            };
            copy("raw.csv", str::to_owned);
            copy("table.md", str::to_owned);
            verify(folder.path()).unwrap();
            // The last digit of the table.
            copy("table.md", |text| {
                let place = text.rfind(|c: char| c.is_ascii_digit()).unwrap();
                let other = if &text[place..=place] == "1" { "2" } else { "1" };
                format!("{}{other}{}", &text[..place], &text[place + 1..])
            });
            let error = verify(folder.path()).unwrap_err().to_string();
            assert!(error.contains("is not what follows from raw.csv"), "{error}");
        }
        let empty = tempfile::tempdir().unwrap();
        let error = records_in(empty.path()).unwrap_err().to_string();
        assert!(error.ends_with("holds no raw.csv, give the folder of a record"), "{error}");
    }
}
