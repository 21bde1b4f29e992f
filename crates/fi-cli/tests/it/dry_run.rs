//! `--dry-run`: the counts of the call itself, and nothing written.

use crate::desk::Desk;

/// The line of a plan that begins so.
fn line(plan: &str, what: &str) -> String {
    let found = plan.lines().find_map(|line| line.strip_prefix(what));
    found.unwrap_or_else(|| panic!("{what} is not in {plan}")).trim().to_owned()
}

fn desk() -> Desk {
    let desk = Desk::with(&["iris.csv"]);
    desk.done("train forest --data iris.csv --target target --n-estimators 5 --output m.fi");
    desk
}

const DATA: &str = "--data iris.csv --target target";

#[test]
fn a_plan_counts_what_the_call_does() {
    let desk = desk();
    let plan = desk.done(&format!("importance permutation --model m.fi {DATA} --dry-run"));
    assert_eq!(line(&plan, "rows"), "150 with 4 features");
    assert_eq!(line(&plan, "evaluations"), "18,150 rows predicted by models");
    assert_eq!(line(&plan, "trainings"), "0");
    assert!(line(&plan, "time").ends_with("rehearsed on all rows"), "{plan}");
    desk.done(&format!("importance permutation --model m.fi {DATA} --output i.json"));
    let found: serde_json::Value = serde_json::from_str(&desk.text("i.json")).unwrap();
    assert!(found.to_string().contains("\"n_evaluations\":18150"), "{found}");
    let learner = "--learner tree --folds 5";
    let plan = desk.done(&format!("importance lofo {DATA} {learner} --dry-run"));
    assert_eq!(line(&plan, "trainings"), "25");
    assert_eq!(line(&plan, "evaluations"), "750 rows predicted by models");
    // Beside one another both are counted.
    let both = format!("compare --models m.fi --methods permutation,lofo {learner} --repeats 5");
    let plan = desk.done(&format!("{both} {DATA} --output c --dry-run"));
    assert_eq!(line(&plan, "evaluations"), "3,900 rows predicted by models");
    assert_eq!(line(&plan, "trainings"), "25");
}

#[test]
fn every_long_command_has_a_plan_and_writes_nothing() {
    let desk = desk();
    let before = desk.files();
    for call in [
        "importance permutation --model m.fi --checkpoint c.check --output i.csv --plot i.svg",
        "explain shap --model m.fi --output s.npy",
        "explain lime --model m.fi --n-samples 50 --fits f.csv --output s.npy",
        "interactions shap --model m.fi --output p.npy",
        "interactions permutation --model m.fi --repeats 2 --output p.csv",
        "select rfe --learner tree --importance impurity --refit n.fi --output s.csv",
        "compare --models m.fi --methods permutation,impurity,lofo --learner tree --output c",
        "report --model m.fi --repeats 2 --output r.html",
    ] {
        let (plan, said) = desk.both(&format!("{call} {DATA} --dry-run"));
        for what in ["rows", "evaluations", "trainings", "memory", "time"] {
            line(&plan, what);
        }
        assert!(said.is_empty(), "{call}: {said}");
        assert_eq!(desk.files(), before, "{call}");
    }
    let (code, sentence) = desk.fails("explain shap --model m.fi --data none.csv --dry-run");
    assert_eq!(code, 1);
    assert!(sentence.starts_with("fi: `none.csv` could not be read"), "{sentence}");
}
