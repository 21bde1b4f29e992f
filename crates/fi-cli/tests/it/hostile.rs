//! Files and pipes that are not what a call hopes for: one sentence each, and an exit code.

use std::fs::OpenOptions;
use std::process::Stdio;

use crate::desk::Desk;

fn desk() -> Desk {
    let desk = Desk::with(&["iris.csv"]);
    desk.done("train tree --data iris.csv --target target --output m.fi");
    desk
}

#[test]
fn a_reader_who_has_seen_enough_is_no_mistake() {
    let desk = desk();
    for call in ["predict --model m.fi --data iris.csv", "inspect m.fi", "completions bash"] {
        let mut command = desk.command(call);
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = command.stdout(writer).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{call}");
        assert!(output.stderr.is_empty(), "{call}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_full_disk_is_said() {
    let desk = desk();
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = desk.command("inspect m.fi").stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("fi: stdout cannot be written: No space left"), "{said}");
}

/// What a fuzzer found: tract panics at this graph, and parquet at others.
#[test]
fn what_a_library_panics_with_is_one_sentence() {
    let desk = desk();
    let found = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/onnx/gather.onnx");
    std::fs::copy(found, desk.path("g.onnx")).unwrap();
    for call in ["inspect g.onnx", "predict --model g.onnx --data iris.csv"] {
        let (code, said) = desk.fails(call);
        let sentence = "fi: `g.onnx` cannot be used as a model of ONNX: it is damaged: its \
                        operators do not fit together";
        assert_eq!((code, said.trim_end()), (1, sentence), "{call}");
    }
}

/// What a fuzzer found: tract counts on from an axis that a tensor does not have.
#[test]
fn an_axis_that_no_tensor_has_is_refused() {
    let desk = desk();
    for (file, why) in [
        ("axis.onnx", "it is damaged: its LayerNormalization has no axis -72057594037927937"),
        (
            "few-axes.onnx",
            "its operators do not fit together as tract reads them: LayerNormalization names axis \
             -10 of 2",
        ),
    ] {
        let found = format!("{}/../../fuzz/corpus/onnx/{file}", env!("CARGO_MANIFEST_DIR"));
        std::fs::copy(found, desk.path(file)).unwrap();
        let (code, said) = desk.fails(&format!("inspect {file}"));
        let sentence = format!("fi: `{file}` cannot be used as a model of ONNX: {why}");
        assert_eq!((code, said.trim_end()), (1, sentence.as_str()));
    }
}

#[test]
fn a_target_that_never_differs_is_refused_where_something_learns() {
    let desk = desk();
    let lines = |target: &str| {
        let rows = (0..40).map(|i| format!("{i},{},{target}\n", i % 7));
        "a,b,y\n".to_owned() + &rows.collect::<String>()
    };
    desk.write("class.csv", &lines("ill"));
    desk.write("number.csv", &lines("1.5"));
    for (file, only) in [("class.csv", "ill"), ("number.csv", "1.5")] {
        for call in ["train forest --output n.fi", "importance lofo", "select boruta"] {
            let (code, said) = desk.fails(&format!("{call} --data {file} --target y"));
            let sentence = format!(
                "fi: `{file}`: the target is `{only}` in every row, so there is nothing to learn: \
                 take another target, or rows in which it differs"
            );
            assert_eq!((code, said.trim_end()), (1, &*sentence), "{call}");
        }
    }
}
