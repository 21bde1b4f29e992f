//! `fi report` as a user calls it: one file, whole or not at all.

use crate::desk::Desk;

fn desk() -> Desk {
    let desk = Desk::with(&["iris.csv"]);
    desk.done("train forest --data iris.csv --target target --n-estimators 10 --output m.fi");
    desk
}

/// The exit code, and what is said.
fn call(desk: &Desk, words: &str) -> (i32, String) {
    let output = desk.command(words).arg("--quiet").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), said.trim_end().to_owned())
}

#[test]
fn a_report_is_one_page_and_the_same_every_time() {
    let desk = desk();
    let report = "report --model m.fi --data iris.csv --target target --title Iris --output p.html";
    assert_eq!(call(&desk, report), (0, String::new()));
    let page = desk.text("p.html");
    assert!(page.starts_with("<!DOCTYPE html>") && page.len() < 3_000_000);
    let command = "fi report --model m.fi --data iris.csv --target target --title Iris --output \
                   p.html --quiet";
    assert!(page.contains(command), "the page says how it was made");
    for file in ["m.fi", "iris.csv"] {
        let provenance = fi_io::Provenance::of(&[desk.path(file)]).unwrap();
        let (_, sha256) = provenance.files().next().unwrap();
        assert!(page.contains(sha256), "{file}");
    }
    assert_eq!(call(&desk, report), (0, String::new()));
    assert_eq!(desk.text("p.html"), page);
    assert_eq!(desk.files(), ["iris.csv", "m.fi", "p.html"]);
}

#[test]
fn a_report_needs_neither_target_nor_single_features() {
    let desk = desk();
    std::fs::write(
        desk.path("groups.toml"),
        "petal = [\"petal length\", \"petal width\"]\nsepal = [\"sepal length\", \"sepal width\"]\n",
    )
    .unwrap();
    let report = "report --model m.fi --data iris.csv --groups groups.toml --output p.html";
    assert_eq!(call(&desk, report), (0, String::new()));
    let page = desk.text("p.html");
    assert!(page.contains("scored as 2 groups"), "groups are scored");
    assert!(page.contains("Without a target"), "the page says what it cannot know");
}

#[test]
fn wrong_calls_leave_no_file() {
    let desk = desk();
    let before = desk.files();
    let wrong = call(&desk, "report --model m.fi --data iris.csv --output p.pdf");
    let sentence = "fi: `p.pdf` has no extension that this command writes: .html";
    assert_eq!(wrong, (2, sentence.to_owned()));
    let wrong = call(&desk, "report --model m.fi --data iris.csv --output none/p.html");
    let sentence = "fi: `none/p.html` cannot be written: there is no folder `none`";
    assert_eq!(wrong, (2, sentence.to_owned()));
    let wrong = call(
        &desk,
        "report --model m.fi --data iris.csv --target target --metric best --output p.html",
    );
    assert_eq!(wrong.0, 2, "{wrong:?}");
    let wrong = call(&desk, "report --model none.fi --data iris.csv --output p.html");
    assert!(wrong.0 == 1 && wrong.1.contains("`none.fi`"), "{wrong:?}");
    std::fs::write(desk.path("short.csv"), "petal length,petal width\n1,2\n").unwrap();
    let wrong = call(&desk, "report --model m.fi --data short.csv --output p.html");
    assert!(wrong.0 == 1 && wrong.1.contains("short.csv"), "{wrong:?}");
    std::fs::remove_file(desk.path("short.csv")).unwrap();
    assert_eq!(desk.files(), before);
}
