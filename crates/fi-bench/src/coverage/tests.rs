//! The study against its own files, and cases whose promise is known to hold or to be broken.

use super::*;

#[test]
fn the_folder_holds_together_on_any_number_of_threads_and_a_forged_number_does_not_pass() {
    let settings = Settings { n_trials: Some(3), ..Settings::default() };
    let study = |n_threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| Study::run(&Run::new(0), &settings)).unwrap()
    };
    let (one, three) = (study(1), study(3));
    assert_eq!(one.trials, three.trials);
    let folder = tempfile::tempdir().unwrap();
    one.write(folder.path()).unwrap();
    let checked = check(folder.path()).unwrap();
    assert_eq!((checked.texts, checked.figures), (5, 2));
    for name in ["coverage.csv", "report.md", "coverage.svg"] {
        let path = folder.path().join(name);
        let bytes = std::fs::read(&path).unwrap();
        let mut forged = bytes.clone();
        let digit = bytes.iter().rposition(u8::is_ascii_digit).unwrap();
        forged[digit] = if forged[digit] == b'7' { b'3' } else { b'7' };
        std::fs::write(&path, forged).unwrap();
        let error = format!("{:#}", check(folder.path()).err().unwrap());
        std::fs::write(&path, bytes).unwrap();
        assert!(error.starts_with(name), "{name}: {error}");
    }
}

#[test]
fn no_trials_are_refused() {
    let error = Study::run(&Run::new(0), &Settings { n_trials: Some(0), ..Settings::default() });
    let text = error.err().unwrap().to_string();
    assert_eq!(text, "the number of data sets is 0, it must be at least 1");
}
