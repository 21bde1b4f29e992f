//! The whole comparison on one seed: its folder holds together, a forged number does not pass,
//! and the number of threads changes no byte.
#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::fs;
use std::path::Path;

use fi_bench::compare::{Comparison, Settings, check};
use fi_core::Run;

/// Runs on so many threads and writes the folder.
fn compare(n_threads: usize, folder: &Path) {
    let settings = Settings { n_seeds: Some(1), quick: true, ..Settings::new("iris") };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
    let comparison = pool.install(|| Comparison::run(&Run::new(0), &settings)).unwrap();
    comparison.write(folder).unwrap();
}

/// The contents of every file, by name.
fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().display().to_string(), fs::read(&path).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn the_folder_holds_together_and_a_forged_number_does_not_pass() {
    let (one, three) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    compare(1, one.path());
    compare(3, three.path());
    let files = contents(one.path());
    assert_eq!(files.len(), 14);
    for (a, b) in files.iter().zip(contents(three.path())) {
        assert!(*a == b, "{} differs between 1 and 3 threads", a.0);
    }
    let checked = check(one.path()).unwrap();
    assert_eq!((checked.texts, checked.figures), (6, 4));

    // One changed digit is found, and the file named in which it stands.
    let forge = |name: &str, digit: usize| {
        let path = one.path().join(name);
        let bytes = fs::read(&path).unwrap();
        let mut forged = bytes.clone();
        forged[digit] = if forged[digit] == b'7' { b'3' } else { b'7' };
        fs::write(&path, forged).unwrap();
        let error = format!("{:#}", check(one.path()).unwrap_err());
        fs::write(&path, bytes).unwrap();
        error
    };
    for name in ["report.md", "report.html", "importance.csv", "manifest.json", "spread.svg"] {
        let bytes = fs::read(one.path().join(name)).unwrap();
        let error = forge(name, bytes.iter().rposition(u8::is_ascii_digit).unwrap());
        assert!(error.starts_with(name), "{name}: {error}");
    }
    // The replicates are what the other files are held against: the first one's leading digit.
    let replicates = fs::read_to_string(one.path().join("replicates.csv")).unwrap();
    let line = replicates.find(",main,").unwrap();
    let value = line + replicates[line..].find('\n').unwrap();
    let value = replicates[..value].rfind(',').unwrap() + 1;
    let error = forge("replicates.csv", value);
    assert!(error.contains("but its replicates give"), "{error}");

    fs::remove_file(one.path().join("agreement.csv")).unwrap();
    let error = check(one.path()).unwrap_err().to_string();
    assert_eq!(error, "agreement.csv cannot be read, run the comparison again");
}

#[test]
fn a_bad_setting_gets_its_own_sentence() {
    let run =
        |settings: &Settings| Comparison::run(&Run::new(0), settings).unwrap_err().to_string();
    assert!(run(&Settings::new("flowers")).starts_with("there is no data set `flowers`"));
    let none = Settings { n_seeds: Some(0), ..Settings::new("iris") };
    assert_eq!(run(&none), "the number of seeds is 0, it must be at least 1");
}
