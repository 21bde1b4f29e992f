//! The folder holds together, the recipe makes what it says, and recovery is counted right.

use super::cell::{Line, WAYS};
use super::phase_slope::Phase;
use super::recipe::{PLANTED, pairs};
use super::{Effort, Settings, Study, cell, check, summary};
use fi_core::Run;

fn tiny() -> Effort {
    Effort { n_persons: 6, n_trials: 2, n_folds: 2, n_trees: 5, n_single: 1, n_joint: 2 }
}

#[test]
fn features_are_those_of_the_published_layout() {
    let features = cell::features();
    assert_eq!(features.len(), 435);
    let sensors = fi_core::pair_names(&features, None).unwrap();
    assert_eq!(sensors.iter().filter(|[a, b]| a == b).count(), 75);
    assert_eq!(features[0], "('Left_Ankle', 'Left_Ankle') ('x_acc', 'y_acc')");
    let [wrapped, unwrapped] = cell::draw(&tiny(), 3).unwrap();
    assert_eq!(wrapped.rows().dim(), (12, 435));
    assert_eq!(wrapped.groups().unwrap()[..3], [0, 0, 1]);
    for (column, [a, b]) in sensors.iter().enumerate() {
        let zero = |data: &fi_core::Dataset| data.rows().column(column).iter().all(|&x| x == 0.0);
        assert_eq!((zero(&wrapped), zero(&unwrapped)), (a == b, a == b), "{}", features[column]);
    }
    assert_ne!(wrapped.rows(), unwrapped.rows());
    assert_eq!(cell::draw(&tiny(), 3).unwrap()[0], wrapped);
}

#[test]
fn a_way_that_scores_the_planted_pairs_highest_finds_them() {
    let line = |fold: usize, place: usize, value: f64| Line {
        seed: 0,
        fold,
        phase: Phase::Wrapped.name().to_owned(),
        way: WAYS[4].0.to_owned(),
        level: "pair".to_owned(),
        player: summary::players("pair")[place].clone(),
        value,
        low: Some(value - 0.5),
        high: Some(value + 0.5),
    };
    let planted = |place: usize| PLANTED.contains(&pairs().nth(place));
    let lines = |own: f64, other: f64| -> Vec<Line> {
        (0..20)
            .map(|i| {
                line(i / 10, i % 10, if planted(i % 10) { own + (i / 10) as f64 } else { other })
            })
            .collect()
    };
    let found = summary::recovery(&lines(1.0, 0.2));
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].found, found[0].auc), (1.0, 1.0));
    assert_eq!((found[0].planted, found[0].planted_above), (1.5, Some(1.0)));
    assert!((found[0].others - 0.2).abs() < 1e-12 && found[0].others_above == Some(0.0));
    let missed = summary::recovery(&lines(-2.0, 0.2));
    assert_eq!((missed[0].found, missed[0].auc), (0.0, 0.0));
    let tied = summary::recovery(&lines(-0.5, 0.0));
    assert_eq!((tied[0].found, tied[0].auc), (0.0, 0.5));
}

#[test]
fn a_quick_look_is_written_and_checked() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { quick: true, ..Settings::default() };
    let study = Study::run(&Run::new(0), &settings).unwrap();
    study.write(folder.path()).unwrap();
    let checked = check(folder.path()).unwrap();
    assert_eq!((checked.texts, checked.figures), (7, 6));
    // Two phases, two folds, five ways, ten pairs and five sensors.
    assert_eq!(checked.replicates, 2 * 2 * 5 * 15);
    let path = folder.path().join("gait.csv");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen(",pair,", ",pear,", 1)).unwrap();
    let error = format!("{:#}", check(folder.path()).unwrap_err());
    assert!(
        error.contains("differs") || error.contains(".csv") || error.contains("report"),
        "{error}"
    );
    let none = Settings { n_seeds: Some(0), ..settings };
    let text = Study::run(&Run::new(0), &none).err().unwrap().to_string();
    assert_eq!(text, "the number of seeds is 0, it must be at least 1");
}
