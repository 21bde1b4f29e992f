//! `cargo xtask compare` as it is called: what it refuses in one sentence, with nothing written.

#![expect(clippy::unwrap_used, reason = "a helper of tests may fail the test")]

use std::process::Command;

fn refused(words: &str) -> String {
    let desk = tempfile::tempdir().unwrap();
    let output = desk.path().join("refused");
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.arg("compare").args(words.split(' ')).arg("--output").arg(&output);
    let found = command.output().unwrap();
    assert_eq!(found.status.code(), Some(1), "{words}");
    assert!(found.stdout.is_empty() && !output.exists(), "{words}");
    String::from_utf8(found.stderr).unwrap()
}

#[test]
fn what_is_not_known_is_named_beside_what_is() {
    let said = refused("truth --problems no-such,xor");
    let start = "error: there is no problem `no-such`, take some of friedman-1, friedman-2,";
    assert!(said.starts_with(start), "{said}");
    assert_eq!(
        refused("truth --models tree"),
        "error: there is no model `tree`, take some of forest, boosting, mlp, linear, lstm\n"
    );
    assert_eq!(
        refused("viann --data abalone"),
        "error: the paper has no data set `abalone`, take some of breast-cancer, digits, iris, \
         wine, boston, diabetes\n"
    );
}

#[test]
fn models_that_fit_no_problem_are_refused() {
    assert_eq!(
        refused("truth --models lstm --problems xor"),
        "error: none of the models fits any of the problems, choose others\n"
    );
}
