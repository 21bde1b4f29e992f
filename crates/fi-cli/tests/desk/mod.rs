//! A folder to work in, and the command called there.

use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) struct Desk(tempfile::TempDir);

impl Desk {
    /// With some of the repository's data sets in it.
    pub(crate) fn with(data_sets: &[&str]) -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets");
        for name in data_sets {
            std::fs::copy(root.join(name), desk.path(name)).unwrap();
        }
        desk
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    pub(crate) fn command(&self, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fi"));
        command.args(words.split_whitespace()).current_dir(&self.0);
        command
    }

    /// What a call that must succeed prints, and what it says.
    pub(crate) fn both(&self, words: &str) -> (String, String) {
        let output = self.command(words).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "fi {words}: {said}");
        (String::from_utf8(output.stdout).unwrap(), said)
    }
}
