//! The VIANN paper's experiment on one data set: its folder holds together, and neither threads
//! nor an interrupt change a byte.
#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use fi_bench::viann::{Cache, Experiment, Settings, check};
use fi_core::{Progress, Run};

fn settings() -> Settings {
    Settings {
        n_seeds: Some(1),
        quick: true,
        data: Some(vec!["iris".to_owned()]),
        ..Settings::default()
    }
}

fn on_threads(n_threads: usize, work: impl FnOnce() + Send) {
    rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap().install(work);
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

struct StopAfter(usize);

impl Progress for StopAfter {
    fn advance(&self, done: usize, _total: usize) -> ControlFlow<()> {
        if done >= self.0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

#[test]
fn threads_and_interrupts_change_no_byte_and_a_forged_score_does_not_pass() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, resumed) = (folder.path().join("whole"), folder.path().join("resumed"));
    on_threads(1, || Experiment::run(&Run::new(0), &settings()).unwrap().write(&whole).unwrap());

    let cells = folder.path().join("cells");
    let cache = Some(Cache { folder: cells.clone(), code: "test".to_owned() });
    let cached = Settings { cache, ..settings() };
    on_threads(2, || {
        let run = Run::new(0);
        let error = Experiment::run(&run.with_progress(&StopAfter(5)), &cached).unwrap_err();
        assert!(error.to_string().starts_with("cancelled after"), "{error}");
    });
    let finished = contents(&cells);
    assert!(finished.len() >= 5, "{} cells", finished.len());
    on_threads(2, || Experiment::run(&Run::new(0), &cached).unwrap().write(&resumed).unwrap());
    let after = contents(&cells);
    assert!(after.len() > finished.len() && finished.iter().all(|cell| after.contains(cell)));

    let files = contents(&whole);
    assert_eq!(files.len(), 20);
    for (a, b) in files.iter().zip(contents(&resumed)) {
        assert!(*a == b, "{} differs after an interrupt", a.0);
    }
    let checked = check(&whole).unwrap();
    assert_eq!((checked.texts, checked.figures), (6, 7));

    let path = whole.join("scores.csv");
    let text = fs::read_to_string(&path).unwrap();
    let line = text.find(",VIANN,").unwrap();
    let value = line + text[line..].find('\n').unwrap();
    let value = text[..value].rfind(',').unwrap() + 1;
    fs::write(&path, format!("{}7{}", &text[..value], &text[value..])).unwrap();
    let error = format!("{:#}", check(&whole).unwrap_err());
    assert!(error.contains("but its replicates give"), "{error}");
}

#[test]
fn a_bad_setting_gets_its_own_sentence() {
    let run =
        |settings: &Settings| Experiment::run(&Run::new(0), settings).unwrap_err().to_string();
    let none = Settings { n_seeds: Some(0), ..settings() };
    assert_eq!(run(&none), "the number of seeds is 0, it must be at least 1");
    let unknown = Settings { data: Some(vec!["flowers".to_owned()]), ..settings() };
    assert_eq!(
        run(&unknown),
        "the paper has no data set `flowers`, take some of breast-cancer, digits, iris, wine, \
         boston, diabetes"
    );
}
