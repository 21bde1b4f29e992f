//! `fi report` as a user calls it: one file, whole or not at all.

#![expect(clippy::unwrap_used, reason = "a helper of tests may fail the test")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder to work in, and the command called there.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        let iris = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets/iris.csv");
        std::fs::copy(iris, desk.path("iris.csv")).unwrap();
        let train = "train forest --data iris.csv --target target --trees 10 --output m.fi";
        assert_eq!(desk.call(train), (0, String::new()));
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The exit code, and what is said.
    fn call(&self, words: &str) -> (i32, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_fi"))
            .args(words.split_whitespace())
            .arg("--quiet")
            .current_dir(&self.0)
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), said.trim_end().to_owned())
    }

    fn files(&self) -> Vec<String> {
        let names = std::fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<String> =
            names.map(|name| name.to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

#[test]
fn a_report_is_one_page_and_the_same_every_time() {
    let desk = Desk::new();
    let report = "report --model m.fi --data iris.csv --target target --title Iris --output p.html";
    assert_eq!(desk.call(report), (0, String::new()));
    let page = std::fs::read_to_string(desk.path("p.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.len() < 3_000_000);
    let command = "fi report --model m.fi --data iris.csv --target target --title Iris --output \
                   p.html --quiet";
    assert!(page.contains(command), "the page says how it was made");
    for file in ["m.fi", "iris.csv"] {
        let provenance = fi_io::Provenance::of(&[desk.path(file)]).unwrap();
        let (_, sha256) = provenance.files().next().unwrap();
        assert!(page.contains(sha256), "{file}");
    }
    assert_eq!(desk.call(report), (0, String::new()));
    assert_eq!(std::fs::read_to_string(desk.path("p.html")).unwrap(), page);
    assert_eq!(desk.files(), ["iris.csv", "m.fi", "p.html"]);
}

#[test]
fn a_report_needs_neither_target_nor_single_features() {
    let desk = Desk::new();
    std::fs::write(
        desk.path("groups.toml"),
        "petal = [\"petal length\", \"petal width\"]\nsepal = [\"sepal length\", \"sepal width\"]\n",
    )
    .unwrap();
    let report = "report --model m.fi --data iris.csv --groups groups.toml --output p.html";
    assert_eq!(desk.call(report), (0, String::new()));
    let page = std::fs::read_to_string(desk.path("p.html")).unwrap();
    assert!(page.contains("scored as 2 groups"), "groups are scored");
    assert!(page.contains("Without a target"), "the page says what it cannot know");
}

#[test]
fn wrong_calls_leave_no_file() {
    let desk = Desk::new();
    let before = desk.files();
    let wrong = desk.call("report --model m.fi --data iris.csv --output p.pdf");
    let sentence = "fi: `p.pdf` has no extension that this command writes: .html";
    assert_eq!(wrong, (2, sentence.to_owned()));
    let wrong = desk.call("report --model m.fi --data iris.csv --output none/p.html");
    let sentence = "fi: `none/p.html` cannot be written: there is no folder `none`";
    assert_eq!(wrong, (2, sentence.to_owned()));
    let wrong = desk
        .call("report --model m.fi --data iris.csv --target target --metric best --output p.html");
    assert_eq!(wrong.0, 2, "{wrong:?}");
    let wrong = desk.call("report --model none.fi --data iris.csv --output p.html");
    assert!(wrong.0 == 1 && wrong.1.contains("`none.fi`"), "{wrong:?}");
    std::fs::write(desk.path("short.csv"), "petal length,petal width\n1,2\n").unwrap();
    let wrong = desk.call("report --model m.fi --data short.csv --output p.html");
    assert!(wrong.0 == 1 && wrong.1.contains("short.csv"), "{wrong:?}");
    std::fs::remove_file(desk.path("short.csv")).unwrap();
    assert_eq!(desk.files(), before);
}
