//! Finished cells on disk, so that a long run goes on where it was interrupted.
//!
//! A cell's file name ends in a fingerprint of everything that its numbers depend on: the code,
//! the data, the cell and the protocol. A cell of other settings or older code has another name
//! and is never found. Files appear whole or not at all.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::cell::{Cell, Protocol, Score};
use crate::compare::records::{from_csv, to_csv};
use crate::data_sets::hex;

/// A folder of finished cells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cache {
    /// The folder; it is made when the first cell is finished.
    pub folder: PathBuf,
    /// What the code is, such as [`code_version`].
    pub code: String,
}

impl Cache {
    /// The scores of a finished cell.
    pub(super) fn load(
        &self,
        cell: &Cell,
        protocol: &Protocol,
        data_sha256: &str,
    ) -> Result<Option<Vec<Score>>> {
        let path = self.path(cell, protocol, data_sha256)?;
        match fs::read_to_string(&path) {
            Ok(text) => from_csv(&text, &path.display().to_string()).map(Some),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => {
                Err(error).with_context(|| format!("{} cannot be read, remove it", path.display()))
            }
        }
    }

    /// Keeps a finished cell.
    pub(super) fn store(
        &self,
        cell: &Cell,
        protocol: &Protocol,
        data_sha256: &str,
        scores: &[Score],
    ) -> Result<()> {
        fs::create_dir_all(&self.folder)
            .with_context(|| format!("{} cannot be made", self.folder.display()))?;
        let text = to_csv(scores)?;
        let path = self.path(cell, protocol, data_sha256)?;
        Ok(fi_io::write_atomic(path, |file| file.write_all(text.as_bytes()))?)
    }

    fn path(&self, cell: &Cell, protocol: &Protocol, data_sha256: &str) -> Result<PathBuf> {
        #[derive(Serialize)]
        struct Key<'a> {
            code: &'a str,
            data_sha256: &'a str,
            cell: &'a Cell,
            protocol: &'a Protocol,
        }
        let key = Key { code: &self.code, data_sha256, cell, protocol };
        let fingerprint = hex(&Sha256::digest(serde_json::to_string(&key)?));
        let arm = cell.arm.name().replace(' ', "-");
        let (data, net, seed) = (&cell.data, cell.net.name(), cell.seed);
        Ok(self.folder.join(format!("{data}-{net}-{arm}-{seed}-{}.csv", &fingerprint[..16])))
    }
}

/// The sources that a cell's numbers depend on, from the workspace's folder.
const SOURCES: [&str; 11] = [
    "Cargo.lock",
    "Cargo.toml",
    "rust-toolchain.toml",
    "crates/fi-core/src",
    "crates/fi-io/src",
    "crates/fi-models/src",
    "crates/fi-bench/src/compare/methods.rs",
    "crates/fi-bench/src/compare/replicate.rs",
    "crates/fi-bench/src/data_sets.rs",
    "crates/fi-bench/src/viann/arms.rs",
    "crates/fi-bench/src/viann/cell.rs",
];

/// A hash of the sources that a cell's numbers depend on.
///
/// # Errors
///
/// If one cannot be read.
pub fn code_version(workspace: &Path) -> Result<String> {
    let mut hash = Sha256::new();
    for source in SOURCES {
        add(&mut hash, &workspace.join(source))?;
    }
    Ok(hex(&hash.finalize()))
}

fn add(hash: &mut Sha256, path: &Path) -> Result<()> {
    let unread = || format!("{} cannot be read", path.display());
    if path.is_dir() {
        let entries: std::io::Result<Vec<_>> =
            fs::read_dir(path).with_context(unread)?.map(|entry| Ok(entry?.path())).collect();
        let mut entries = entries.with_context(unread)?;
        entries.sort();
        return entries.iter().try_for_each(|entry| add(hash, entry));
    }
    let text = fs::read(path).with_context(unread)?;
    hash.update(text.len().to_le_bytes());
    hash.update(text);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::arms::{Arm, Net, Size};
    use super::*;

    #[test]
    fn a_cell_is_found_under_its_own_settings_and_code_alone() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache { folder: folder.path().join("cells"), code: "1".into() };
        let cell = Cell { data: "iris".into(), net: Net::Nn1, arm: Arm::Published, seed: 3 };
        let protocol = Protocol {
            size: Size { max_epochs: 5, deep_divisor: 1 },
            n_repeats: 1,
            shap_rows: 1,
            shap_background: 1,
            shap_permutations: 1,
        };
        let score = Score {
            dataset: "iris".into(),
            network: "NN1".into(),
            arm: "published".into(),
            seed: 3,
            method: "VIANN".into(),
            feature: "petal width".into(),
            value: 1.0 / 3.0,
        };
        assert_eq!(cache.load(&cell, &protocol, "a").unwrap(), None);
        cache.store(&cell, &protocol, "a", std::slice::from_ref(&score)).unwrap();
        assert_eq!(cache.load(&cell, &protocol, "a").unwrap(), Some(vec![score]));

        let newer = Cache { code: "2".into(), ..cache.clone() };
        assert_eq!(newer.load(&cell, &protocol, "a").unwrap(), None);
        assert_eq!(cache.load(&cell, &protocol, "b").unwrap(), None);
        let size = Size { max_epochs: 6, deep_divisor: 1 };
        let longer = Protocol { size, ..protocol.clone() };
        assert_eq!(cache.load(&cell, &longer, "a").unwrap(), None);
        let other = Cell { seed: 4, ..cell.clone() };
        assert_eq!(cache.load(&other, &protocol, "a").unwrap(), None);

        let file = fs::read_dir(&cache.folder).unwrap().next().unwrap().unwrap().path();
        fs::write(&file, "no,scores\nx\n").unwrap();
        let error = cache.load(&cell, &protocol, "a").unwrap_err().to_string();
        assert_eq!(error, format!("{} does not parse, run the comparison again", file.display()));
    }

    #[test]
    fn the_code_version_follows_every_source() {
        let folder = tempfile::tempdir().unwrap();
        for source in SOURCES {
            let path = folder.path().join(source);
            if source.contains('.') {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, "1").unwrap();
            } else {
                fs::create_dir_all(path.join("deep")).unwrap();
                fs::write(path.join("deep/a.rs"), "1").unwrap();
            }
        }
        let before = code_version(folder.path()).unwrap();
        assert_eq!(code_version(folder.path()).unwrap(), before);
        fs::write(folder.path().join("crates/fi-models/src/deep/a.rs"), "2").unwrap();
        assert_ne!(code_version(folder.path()).unwrap(), before);
        fs::remove_file(folder.path().join("Cargo.lock")).unwrap();
        let error = code_version(folder.path()).unwrap_err().to_string();
        assert!(error.ends_with("Cargo.lock cannot be read"), "{error}");
    }
}
