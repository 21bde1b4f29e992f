//! Whenever the command is killed, an output is the old file or the new one, never a part.

#![expect(clippy::unwrap_used, reason = "a helper of tests may fail the test")]
#![expect(clippy::disallowed_types, reason = "calls are killed after a share of their time")]
#![cfg(unix)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use fi_core::Rng;

/// How often, over all calls.
const KILLS: usize = 200;

/// A call for an old and for a new file, which differ, and what it writes.
const CALLS: [(&str, &str, &[&str]); 5] = [
    (
        "train forest --data iris.csv --target target --n-estimators 9 --output out.fi",
        "--seed 1",
        &["out.fi"],
    ),
    ("predict --model b.fi --data iris.csv --output out.npy", "--raw", &["out.npy"]),
    (
        "importance permutation --model m.fi --data iris.csv --target target --repeats 3 --output \
         out.json --plot out.png",
        "--seed 1",
        &["out.json", "out.png"],
    ),
    ("explain shap --model m.fi --data iris.csv --output out.csv", "--precision f32", &["out.csv"]),
    ("plot bar scores.csv --output out.svg", "--title New", &["out.svg"]),
];

fn command(folder: &Path, words: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fi"));
    command.args(words.split_whitespace()).current_dir(folder);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

fn done(folder: &Path, words: &str) -> Duration {
    let start = Instant::now();
    let output = command(folder, words).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "fi {words}: {errors}");
    start.elapsed()
}

#[test]
fn a_file_is_the_old_one_or_the_new_one_whenever_the_command_is_killed() {
    let desk = tempfile::tempdir().unwrap();
    let folder = desk.path();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::copy(root.join("datasets/iris.csv"), folder.join("iris.csv")).unwrap();
    done(folder, "train forest --data iris.csv --target target --n-estimators 20 --output m.fi");
    done(folder, "train boosting --data iris.csv --target target --output b.fi");
    done(folder, "importance impurity --model m.fi --output scores.csv");
    let mut rng = Rng::new(0, 0);
    let mut n_killed = 0;
    for (call, change, outputs) in CALLS {
        let contents = |words: &str| {
            let duration = done(folder, words);
            let read = |name: &&str| std::fs::read(folder.join(name)).unwrap();
            (duration, outputs.iter().map(read).collect::<Vec<_>>())
        };
        let (_, old) = contents(call);
        let changed = format!("{call} {change}");
        let (duration, new) = contents(&changed);
        for _ in 0..KILLS / CALLS.len() {
            for (name, old) in outputs.iter().zip(&old) {
                std::fs::write(folder.join(name), old).unwrap();
            }
            let mut child = command(folder, &changed).spawn().unwrap();
            std::thread::sleep(duration.mul_f64(1.2 * rng.uniform()));
            n_killed += usize::from(child.try_wait().unwrap().is_none());
            child.kill().unwrap();
            child.wait().unwrap();
            for (name, (old, new)) in outputs.iter().zip(old.iter().zip(&new)) {
                assert_ne!(old, new, "{changed}");
                let found = std::fs::read(folder.join(name)).unwrap();
                assert!(found == *old || found == *new, "{name} after `{changed}` was killed");
            }
        }
    }
    assert!(n_killed >= KILLS / 4, "only {n_killed} were killed before their end");
}
