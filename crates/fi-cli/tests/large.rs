//! `.parquet` in and out, and `--memory`: the same answers from rows on disk.

#![expect(clippy::unwrap_used, reason = "a helper of tests may fail the test")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use fi_io::{DataOptions, read_rows, read_table_csv, write_table_parquet};

/// A folder with diabetes as CSV and Parquet, and a forest of it.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets/diabetes.csv");
        let table = read_table_csv(&data).unwrap();
        write_table_parquet(desk.path("d.parquet"), &table).unwrap();
        std::fs::copy(data, desk.path("d.csv")).unwrap();
        desk.done("train forest --data d.parquet --target target --output m.fi --seed 3");
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn call(&self, words: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fi"));
        command.args(words.split_whitespace()).current_dir(&self.0).output().unwrap()
    }

    fn done(&self, words: &str) {
        let output = self.call(words);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "fi {words}: {errors}");
    }

    fn says(&self, words: &str) -> String {
        let output = self.call(words);
        assert_ne!(output.status.code(), Some(0), "fi {words}");
        String::from_utf8(output.stderr).unwrap().trim_end().to_owned()
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }
}

#[test]
fn answers_from_rows_on_disk_are_those_from_memory() {
    let desk = Desk::new();
    for (call, output) in [
        ("importance permutation --target target --repeats 3", "csv"),
        ("importance permutation --target target --repeats 2 --metric r2", "csv"),
        ("importance shap", "csv"),
        ("explain shap", "npy"),
        ("explain shap", "csv"),
        ("predict", "npy"),
        ("predict", "csv"),
    ] {
        let call = format!("{call} --model m.fi --data d.parquet --output");
        desk.done(&format!("{call} whole.{output}"));
        desk.done(&format!("{call} blocks.{output} --memory 100MiB"));
        let (whole, blocks) = (format!("whole.{output}"), format!("blocks.{output}"));
        assert_eq!(desk.bytes(&whole), desk.bytes(&blocks), "{call}");
    }
    // A table of Parquet is that of CSV, and so is what is written.
    desk.done("importance shap --model m.fi --data d.csv --output whole.parquet");
    desk.done("importance shap --model m.fi --data d.parquet --output other.parquet");
    assert_eq!(desk.bytes("whole.parquet"), desk.bytes("other.parquet"));
    desk.done("predict --model m.fi --data d.parquet --output p.parquet --memory 100MiB");
    let (names, rows) = read_rows(desk.path("p.parquet"), &DataOptions::default()).unwrap();
    assert_eq!(names, ["prediction"]);
    let predictions = fi_io::read_npy_2d(desk.path("whole.npy")).unwrap();
    assert_eq!(rows, predictions);
}

#[test]
fn each_wrong_call_gets_one_sentence() {
    let desk = Desk::new();
    let model = "--model m.fi --data d.parquet";
    let little =
        desk.says(&format!("importance permutation {model} --target target --memory 1MiB --quiet"));
    assert!(little.starts_with("fi: shuffling 442 rows takes at least 65 MiB"), "{little}");
    let impurity = desk.says(&format!("importance impurity {model} --memory 1GiB"));
    assert_eq!(impurity, "fi: --memory has no meaning for this method");
    let shown = desk.says(&format!("explain shap {model} --memory 1GiB"));
    assert_eq!(shown, "fi: --memory is for `fi explain shap` to a file: give --output");
    let csv = desk.says("predict --model m.fi --data d.csv --memory 1GiB --output p.npy");
    let kinds = "fi: `d.csv`: only .parquet and two-dimensional .npy files are read in blocks, \
                 write one of these or read the file whole";
    assert_eq!(csv, kinds);
    let size = desk.says(&format!("predict {model} --memory much --output p.npy"));
    assert!(size.contains("write a size such as 1GiB or 500MB"), "{size}");
    assert!(!desk.path("p.npy").exists());
}
