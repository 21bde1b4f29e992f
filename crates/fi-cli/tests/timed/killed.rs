//! Whenever the command is killed, an output is the old file or the new one, never a part.

use std::process::Stdio;
use std::time::Instant;

use fi_core::Rng;

use crate::desk::Desk;

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

#[test]
fn a_file_is_the_old_one_or_the_new_one_whenever_the_command_is_killed() {
    let desk = Desk::with(&["iris.csv"]);
    desk.both("train forest --data iris.csv --target target --n-estimators 20 --output m.fi");
    desk.both("train boosting --data iris.csv --target target --output b.fi");
    desk.both("importance impurity --model m.fi --output scores.csv");
    let mut rng = Rng::new(0, 0);
    let mut n_killed = 0;
    for (call, change, outputs) in CALLS {
        let contents = |words: &str| {
            let start = Instant::now();
            desk.both(words);
            (start.elapsed(), outputs.iter().map(|name| desk.bytes(name)).collect::<Vec<_>>())
        };
        let (_, old) = contents(call);
        let changed = format!("{call} {change}");
        let (duration, new) = contents(&changed);
        for _ in 0..KILLS / CALLS.len() {
            for (name, old) in outputs.iter().zip(&old) {
                std::fs::write(desk.path(name), old).unwrap();
            }
            let mut child =
                desk.command(&changed).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            std::thread::sleep(duration.mul_f64(1.2 * rng.uniform()));
            n_killed += usize::from(child.try_wait().unwrap().is_none());
            child.kill().unwrap();
            child.wait().unwrap();
            for (name, (old, new)) in outputs.iter().zip(old.iter().zip(&new)) {
                assert_ne!(old, new, "{changed}");
                let found = desk.bytes(name);
                assert!(found == *old || found == *new, "{name} after `{changed}` was killed");
            }
        }
    }
    assert!(n_killed >= KILLS / 4, "only {n_killed} were killed before their end");
}
