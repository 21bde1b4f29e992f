//! The command as a user calls it: files in, files out, exit codes, one sentence per error.

#![expect(clippy::unwrap_used, reason = "a helper of tests may fail the test")]

mod black_box;
mod categories;
mod command;
#[path = "../desk/mod.rs"]
mod desk;
mod dry_run;
mod hostile;
mod large;
mod methods;
mod networks;
mod peers;
mod plots;
mod report;

use ndarray::Array2;

use crate::desk::Desk;

impl Desk {
    /// What a call that must succeed prints.
    fn done(&self, words: &str) -> String {
        self.both(words).0
    }

    /// The exit code and the sentence of a call that must fail.
    fn fails(&self, words: &str) -> (i32, String) {
        let output = self.command(words).output().unwrap();
        assert!(!output.status.success(), "fi {words} was done");
        assert!(output.stdout.is_empty(), "fi {words} printed to stdout");
        let text = String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), text.trim_end().to_owned())
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn array(&self, name: &str) -> Array2<f64> {
        fi_io::read_npy_2d(self.path(name)).unwrap()
    }

    /// The names of all files, sorted.
    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path("")).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}
