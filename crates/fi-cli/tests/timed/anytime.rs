//! Long calls of the command: killed, interrupted, out of time, in shards; no bit is lost.

use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use fi_core::Rng;

use crate::desk::Desk;

const SCORE: &str =
    "importance permutation --model m.fi --data diabetes.csv --target target --drop s2,s4";

/// A folder with a table and a model of it: without the columns, and what is kept of the rows, that
/// would bring warnings.
fn desk() -> Desk {
    let desk = Desk::with(&["diabetes.csv"]);
    desk.done(
        "train forest --data diabetes.csv --target target --n-estimators 5 --test-size 0 \
         --no-row-hashes --drop s2,s4 --output m.fi",
    );
    desk
}

impl Desk {
    /// The exit code, and what is said on stderr.
    fn call(&self, words: &str) -> (i32, String) {
        said(&self.command(words).output().unwrap())
    }

    /// What a call that must succeed says on stderr.
    fn done(&self, words: &str) -> String {
        self.both(words).1.trim_end().to_owned()
    }

    fn begin(&self, words: &str) -> Child {
        self.command(words).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    }
}

fn said(output: &Output) -> (i32, String) {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    (output.status.code().unwrap(), text.trim_end().to_owned())
}

/// The number before ` of` in `stopped after 12 of 30 replicates`.
fn n_finished(text: &str) -> usize {
    let rest = text.split("stopped after ").nth(1).unwrap_or_else(|| panic!("{text}"));
    rest.split(" of ").next().unwrap().parse().unwrap()
}

#[test]
fn a_call_that_is_killed_ten_times_writes_the_same_bytes() {
    let desk = desk();
    let start = Instant::now();
    desk.done(&format!("{SCORE} --repeats 1500 --output whole.json"));
    let duration = start.elapsed();
    let call = format!("{SCORE} --repeats 1500 --checkpoint c --output part.json");
    let mut rng = Rng::new(1, 0);
    let mut n_killed = 0;
    for _ in 0..10 {
        let mut child = desk.begin(&call);
        std::thread::sleep(duration.mul_f64(0.3 * rng.uniform()));
        let ended = child.try_wait().unwrap().is_some();
        child.kill().unwrap();
        child.wait().unwrap();
        n_killed += usize::from(!ended);
        // Whole or not at all, whenever it was.
        if desk.path("c").exists() {
            fi_io::read_checkpoint(desk.path("c")).unwrap();
        }
    }
    assert!(n_killed >= 3 && desk.path("c").exists(), "{n_killed}");
    desk.done(&call);
    assert_eq!(desk.bytes("part.json"), desk.bytes("whole.json"));
    // All is finished: the same call only writes.
    desk.done(&format!("{call} --threads 1"));
    assert_eq!(desk.bytes("part.json"), desk.bytes("whole.json"));
}

#[test]
fn ctrl_c_writes_what_is_finished_and_says_how_to_go_on() {
    let desk = desk();
    let child = desk.begin(&format!("{SCORE} --repeats 500000 --checkpoint c --output part.csv"));
    let start = Instant::now();
    while !desk.path("c").exists() && start.elapsed() < Duration::from_mins(1) {
        std::thread::sleep(Duration::from_millis(5));
    }
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let (code, text) = said(&child.wait_with_output().unwrap());
    assert_eq!(code, 130, "{text}");
    let n = n_finished(&text);
    assert_eq!(
        text,
        format!("fi: stopped after {n} of 500000 replicates; the same call goes on from `c`")
    );
    desk.done(&format!("{SCORE} --repeats {n} --output smaller.csv"));
    assert_eq!(desk.bytes("part.csv"), desk.bytes("smaller.csv"));
    let (code, text) = desk.call(&format!("{SCORE} --repeats 1 --checkpoint c"));
    assert_eq!(code, 1);
    assert!(text.starts_with("fi: the checkpoint went further than this call asks"), "{text}");
}

#[test]
fn a_budget_is_kept_and_the_rest_can_be_done_later() {
    let desk = desk();
    let call = format!("{SCORE} --repeats 500000 --checkpoint c --budget 1 --output part.csv");
    let text = desk.done(&call);
    let n = n_finished(&text);
    assert_eq!(
        text,
        format!("Note: stopped after {n} of 500000 replicates; the same call goes on from `c`.")
    );
    let more = n_finished(&desk.done(&call));
    assert!(more > n, "{n} and then {more}");
    desk.done(&format!("{SCORE} --repeats {more} --output smaller.csv"));
    assert_eq!(desk.bytes("part.csv"), desk.bytes("smaller.csv"));
    let without = desk.done(&format!("{SCORE} --repeats 500000 --budget 1 --output part.csv"));
    assert!(without.ends_with("; with --checkpoint a later call could go on."), "{without}");
    let rough = desk.done(&format!("{SCORE} --repeats 500000 --tolerance 0.05 --output t.csv"));
    assert_eq!(rough, "");
}

#[test]
fn shards_are_merged_to_the_same_bytes() {
    let desk = desk();
    desk.done(&format!("{SCORE} --repeats 20 --output whole.json"));
    for shard in 1..=3 {
        let text =
            desk.done(&format!("{SCORE} --repeats 20 --shard {shard}/3 --checkpoint {shard}.c"));
        assert_eq!(text, format!("Part {shard} of 3 is done: merge all parts with --merge."));
    }
    let merge = |files: &str, to: &str| {
        desk.call(&format!(
            "{SCORE} --repeats 20 --merge {files} --checkpoint {to} --output part.json"
        ))
    };
    assert_eq!(merge("3.c,1.c,2.c", "all.c"), (0, String::new()));
    assert_eq!(desk.bytes("part.json"), desk.bytes("whole.json"));
    let (code, text) = merge("1.c", "all.c");
    assert_eq!(
        (code, text.as_str()),
        (
            2,
            "fi: `all.c` is already there: go on from it without --merge, or merge into another \
             file"
        )
    );
    let (code, text) = merge("1.c,1.c", "twice.c");
    assert_eq!(code, 1);
    let twice = "fi: `1.c`: both checkpoints hold task 0, merge shards that have none in common";
    assert_eq!(text, twice);
    // A part that is missing is done here.
    assert_eq!(merge("3.c,1.c", "two.c"), (0, String::new()));
    assert_eq!(desk.bytes("part.json"), desk.bytes("whole.json"));

    let (code, text) = desk.call(&format!("{SCORE} --repeats 20 --seed 1 --checkpoint all.c"));
    assert_eq!(code, 1);
    assert_eq!(
        text,
        "fi: the checkpoint and this call differ in seed, give what it was begun with or begin \
         without it"
    );
    let half = desk.bytes("all.c").len() / 2;
    std::fs::write(desk.path("half.c"), &desk.bytes("all.c")[..half]).unwrap();
    let (code, text) = desk.call(&format!("{SCORE} --checkpoint half.c"));
    assert_eq!(
        (code, text.as_str()),
        (1, "fi: `half.c`: the checkpoint is cut off, begin without it")
    );
    for (words, part) in [
        ("--shard 0/3 --checkpoint d", "the first not above the second"),
        ("--shard 4/3 --checkpoint d", "the first not above the second"),
        ("--shard 1/3", "--checkpoint <FILE>"),
        ("--shard 1/3 --checkpoint d --output x.csv", "cannot be used with"),
        ("--shard 1/3 --checkpoint d --plot x.svg", "leave --plot out"),
        ("--budget 0", "write a positive number of seconds"),
        ("--budget 1e300", "write a positive number of seconds"),
    ] {
        let (code, text) = desk.call(&format!("{SCORE} {words}"));
        assert!(code == 2 && text.contains(part), "{words}: {code}, {text}");
    }
    let (code, text) = desk.call("importance impurity --model m.fi --budget 1");
    assert_eq!((code, text.as_str()), (2, "fi: --budget has no meaning for this method"));
}
