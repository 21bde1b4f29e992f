//! The lines of a record as CSV.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Reads `raw.csv`; a file that cannot be read, or is no such record, is named.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    let place = || path.display().to_string();
    let mut reader = csv::Reader::from_path(path).with_context(place)?;
    reader.deserialize().collect::<Result<_, _>>().with_context(place)
}

pub(super) fn to_csv<T: Serialize>(lines: &[T]) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    lines.iter().try_for_each(|line| writer.serialize(line))?;
    Ok(writer.into_inner()?)
}
