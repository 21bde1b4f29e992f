//! Bad input: one sentence each, that names the place.

use fi_core::selection::{
    Boruta, Choice, Cutoff, HonestScore, Knockoffs, Rfe, RfeCv, Selector, StabilitySelection, Step,
    Threshold, Top, stability,
};
use fi_core::{Dataset, Exchange, Folds, Importance, Learner, Model, Players, Result, Run, Target};
use ndarray::Array2;

use crate::{Ridge, features, gaussian, sizes};

fn error(selector: &dyn Selector) -> String {
    let data = gaussian(0, 12, &[1.0, 1.0, 1.0], 0.1);
    let found = selector.select(&Run::new(0), &Ridge(1.0), &sizes, &data, &features(3));
    found.unwrap_err().to_string()
}

#[test]
fn settings_outside_their_domain_are_named() {
    let rfecv = RfeCv::default;
    let boruta = Boruta::default;
    let halves = StabilitySelection::default;
    let knockoffs = Knockoffs::default;
    let cases: Vec<(Box<dyn Selector>, &str)> = vec![
        (Box::new(Top { k: 0 }), "`k` is `0`, it must be at least 1"),
        (Box::new(Top { k: 4 }), "`k` is `4`, it must be at most the 3 players"),
        (
            Box::new(Threshold { at: Cutoff::Mean(f64::NAN), max: None }),
            "`at` is `NaN`, it must be a finite number",
        ),
        (
            Box::new(Threshold { max: Some(0), ..Default::default() }),
            "`max` is `0`, it must be at least 1",
        ),
        (
            Box::new(Rfe { n_features: Some(0), ..Default::default() }),
            "`n_features` is `0`, it must be at least 1",
        ),
        (
            Box::new(Rfe { n_features: Some(9), ..Default::default() }),
            "`n_features` is `9`, it must be at most the 3 players",
        ),
        (
            Box::new(Rfe { step: Step::Number(0), ..Default::default() }),
            "`step` is `0`, it must be at least 1",
        ),
        (
            Box::new(Rfe { step: Step::Share(1.0), ..Default::default() }),
            "`step` is `1`, it must be a share inside (0, 1)",
        ),
        (Box::new(RfeCv { least: 0, ..rfecv() }), "`least` is `0`, it must be at least 1"),
        (
            Box::new(RfeCv { least: 4, ..rfecv() }),
            "`least` is `4`, it must be at most the 3 players",
        ),
        (
            Box::new(RfeCv { confidence: 1.0, ..rfecv() }),
            "`confidence` is `1`, it must be inside (0, 1)",
        ),
        (Box::new(Boruta { n_rounds: 0, ..boruta() }), "`n_rounds` is `0`, it must be at least 1"),
        (Box::new(Boruta { alpha: 0.0, ..boruta() }), "`alpha` is `0`, it must be inside (0, 1)"),
        (Box::new(Boruta { perc: 101.0, ..boruta() }), "`perc` is `101`, it must be from 0 to 100"),
        (
            Box::new(Boruta { exchange: Exchange::WithinGroups, ..boruta() }),
            "shuffling within groups needs the rows' groups, give the data set `with_groups`",
        ),
        (
            Box::new(StabilitySelection { threshold: 0.5, ..halves() }),
            "`threshold` is `0.5`, it must be above 0.5 and at most 1",
        ),
        (
            Box::new(StabilitySelection { n_pairs: 0, ..halves() }),
            "`n_pairs` is `0`, it must be at least 1",
        ),
        (
            Box::new(StabilitySelection { n_chosen: Some(4), ..halves() }),
            "`n_chosen` is `4`, it must be at most the 3 players",
        ),
        (Box::new(Knockoffs { fdr: 0.0, ..knockoffs() }), "`fdr` is `0`, it must be inside (0, 1)"),
        (
            Box::new(Knockoffs { fdr: f64::NAN, ..knockoffs() }),
            "`fdr` is `NaN`, it must be inside (0, 1)",
        ),
        (
            Box::new(Knockoffs { n_draws: 0, ..knockoffs() }),
            "`n_draws` is `0`, it must be at least 1",
        ),
        (Box::new(Knockoffs { offset: 2, ..knockoffs() }), "`offset` is `2`, it must be 0 or 1"),
        (
            Box::new(Knockoffs { offset: 0, ..knockoffs() }),
            "`offset` is `0`, it must be 1 with several draws, whose e-values need it",
        ),
    ];
    for (selector, text) in cases {
        assert_eq!(error(&*selector), text);
    }
    let one =
        Folds::Given(vec![fi_core::Fold { train: (0..6).collect(), test: (6..12).collect() }]);
    let rule = RfeCv { choice: Choice::OneStandardError, folds: one.clone(), ..rfecv() };
    assert_eq!(error(&rule), "the one-standard-error rule needs at least 2 folds, got 1");
    // With the best score a single fold will do, without an interval.
    let data = gaussian(0, 12, &[1.0, 1.0, 1.0], 0.1);
    let best = RfeCv { folds: one.clone(), ..rfecv() };
    let found = best.select(&Run::new(0), &Ridge(1.0), &sizes, &data, &features(3)).unwrap();
    assert!(found.path.iter().all(|row| row.score.is_some() && row.ci_low.is_none()));
    let honest = HonestScore { folds: one, ..Default::default() };
    let found = honest
        .score(&Run::new(0), &Top { k: 1 }, &Ridge(1.0), &sizes, &data, &features(3))
        .unwrap();
    assert!(found.interval.is_none() && found.stability.is_none());
}

#[test]
fn parts_that_do_not_fit_are_named() {
    let data = gaussian(0, 12, &[1.0, 1.0, 1.0], 0.1);
    let selectors: Vec<Box<dyn Selector>> = vec![
        Box::new(Top { k: 1 }),
        Box::new(Threshold::default()),
        Box::new(Rfe::default()),
        Box::new(RfeCv::default()),
        Box::new(Boruta::default()),
        Box::new(StabilitySelection::default()),
        Box::new(Knockoffs::default()),
    ];
    let overlap = Players::groups(3, [("a", vec![0, 1]), ("b", vec![1, 2])]).unwrap();
    for selector in &selectors {
        let text = |players: &Players| {
            let found = selector.select(&Run::new(0), &Ridge(1.0), &sizes, &data, players);
            found.unwrap_err().to_string()
        };
        assert_eq!(
            text(&overlap),
            "`a` and `b` both hold feature 1, selection needs players that do not overlap"
        );
        assert_eq!(text(&features(2)), "the players' list of features has shape [2], expected [3]");
        // One row: refused by the folds, the halves or the shuffles, or learnt from.
        let one = gaussian(0, 1, &[1.0, 1.0, 1.0], 0.1);
        let found = selector.select(&Run::new(0), &Ridge(1.0), &sizes, &one, &features(3));
        if let Err(error) = found {
            let text = error.to_string();
            assert!(
                [
                    "`n_splits` is `5`, it must be at most the 1 rows",
                    "stability selection, whose halves have at least 2 rows or groups, needs at \
                     least 4 rows, got 1",
                    "the covariance of features with knockoffs needs at least 3 rows, got 1",
                    "no two rows may trade places: all groups have different sizes, or one row \
                     each; shuffle by another `exchange`",
                ]
                .contains(&text.as_str()),
                "{text}"
            );
        }
    }
    let found =
        Top { k: 1 }.select(&Run::new(0), &Ridge(1.0), &sizes, &data, &features(3)).unwrap();
    let narrow = gaussian(0, 12, &[1.0, 1.0], 0.1);
    assert_eq!(
        found.refit(&Run::new(0), &Ridge(1.0), &narrow).unwrap_err().to_string(),
        "the players' list of features has shape [3], expected [2]"
    );
}

#[test]
fn a_foreign_failure_is_named_with_its_place() {
    struct Fails;
    impl Learner for Fails {
        fn train(&self, _: &Run<'_>, _: &Dataset) -> Result<Box<dyn Model>> {
            Err(fi_core::Error::Data("it is Sunday".into()))
        }
    }
    let data = gaussian(0, 12, &[1.0, 1.0, 1.0], 0.1);
    let text = |selector: &dyn Selector, importance: &dyn fi_core::LearnerImportance| {
        let found = selector.select(&Run::new(0), &Fails, importance, &data, &features(3));
        found.unwrap_err().to_string()
    };
    assert_eq!(text(&RfeCv::default(), &sizes), "fold 0: it is Sunday");
    let held_out = fi_core::HeldOut::default();
    assert_eq!(text(&Top { k: 1 }, &held_out), "fold 0: it is Sunday");
    assert_eq!(text(&Rfe::default(), &held_out), "elimination to 2 players: fold 0: it is Sunday");
    assert_eq!(text(&Boruta::default(), &held_out), "Boruta's round 0: fold 0: it is Sunday");
    assert_eq!(
        text(&StabilitySelection::default(), &held_out),
        "half 0 of pair 0: fold 0: it is Sunday"
    );
    assert_eq!(text(&Knockoffs::default(), &held_out), "draw 0 of knockoffs: fold 0: it is Sunday");
    let nan = |_: &Run<'_>, _: &dyn Learner, _: &Dataset, players: &Players| {
        Importance::new("nan", players.names(), vec![f64::NAN; players.len()])
    };
    assert_eq!(
        text(&Top { k: 1 }, &nan),
        "the importance of `x0` is `NaN`, only finite numbers can be compared"
    );
    let short = |_: &Run<'_>, _: &dyn Learner, _: &Dataset, _: &Players| {
        Importance::new("short", &["x0".to_owned()], vec![1.0])
    };
    assert_eq!(text(&Top { k: 1 }, &short), "the list of importances has shape [1], expected [3]");
    let honest = HonestScore::default();
    let found = honest.score(&Run::new(0), &Top { k: 1 }, &Fails, &sizes, &data, &features(3));
    assert_eq!(found.unwrap_err().to_string(), "fold 0: it is Sunday");
}

#[test]
fn constant_columns_are_no_obstacle_and_stability_wants_sets() {
    let rows = Array2::zeros((20, 3));
    let data = Dataset::new(rows, Target::Values((0..20).map(f64::from).collect())).unwrap();
    let found =
        RfeCv::default().select(&Run::new(0), &Ridge(1.0), &sizes, &data, &features(3)).unwrap();
    assert_eq!(found.chosen, [0]);
    let boruta = Boruta { n_rounds: 12, ..Default::default() };
    let found = boruta.select(&Run::new(0), &Ridge(1.0), &sizes, &data, &features(3)).unwrap();
    assert!(found.chosen.is_empty());
    let text =
        |shape| stability(Array2::from_elem(shape, true).view(), 0.9).unwrap_err().to_string();
    assert_eq!(text((1, 3)), "stability needs at least 2 sets of at least 1 feature, got 1 of 3");
    assert_eq!(text((3, 0)), "stability needs at least 2 sets of at least 1 feature, got 3 of 0");
    assert_eq!(stability(Array2::from_elem((3, 2), true).view(), 0.9).unwrap(), None);
    assert_eq!(stability(Array2::from_elem((3, 2), false).view(), 0.9).unwrap(), None);
}
