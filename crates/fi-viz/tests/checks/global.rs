//! Do charts of whole results show what they were given, and refuse what they cannot?

use expect_test::expect;
use fi_core::Direction;
use fi_viz::{DotChart, Heatmap, SelectionPath};
use ndarray::array;

use super::super::{check, gallery};
use super::{drawn, refused, texts};

fn dots() -> DotChart {
    DotChart {
        title: "Halves".to_owned(),
        names: ["a", "b & c", "d"].map(String::from).to_vec(),
        values: vec![0.9, 0.5, f64::NAN],
        ranges: Some(vec![(0.8, 1.0), (f64::NAN, f64::NAN), (0.1, 0.2)]),
        chosen: Some(vec![true, false, false]),
        reference: Some(("threshold 0.75".to_owned(), 0.75)),
        x_label: "share".to_owned(),
        caption: "Filled: chosen.".to_owned(),
        ..DotChart::default()
    }
}

fn path() -> SelectionPath {
    SelectionPath {
        title: "RFE".to_owned(),
        y_label: "log loss".to_owned(),
        n_features: vec![4, 2, 1],
        scores: vec![0.30, 0.32, 0.9],
        intervals: Some(vec![(0.2, 0.4), (0.25, 0.4), (f64::NAN, f64::NAN)]),
        standard_errors: Some(vec![0.05, 0.05, 0.05]),
        chosen: Some(2),
        direction: Some(Direction::Lower),
        ..SelectionPath::default()
    }
}

#[test]
fn no_text_of_a_global_picture_is_covered_or_cut() {
    for n in [1, 2, 4, 20, 60, 250] {
        for (name, figure) in gallery::global::figures(n).unwrap() {
            check(&name, &figure);
        }
    }
}

#[test]
fn small_global_pictures_are_these() {
    let figure = dots().figure().unwrap();
    expect!["Halves|threshold 0.75|a|0.900 (0.800–1.00)|b & c|0.500|d|– (0.100–0.200)|0.2|0.4|0.6|0.8|1.0|share|Filled: chosen."].assert_eq(&texts(&figure));
    expect![[r##"
        <title>Halves</title>
        <desc>share: a 0.900 (0.800–1.00), b &amp; c 0.500, d – (0.100–0.200). Filled: chosen.</desc>
        <circle cx="437" cy="80" r="5" fill="#0072B2" stroke-width="1"/>
        <circle cx="253" cy="104" r="5" fill="#0072B2" stroke-width="1"/>
        <circle cx="253" cy="104" r="4" fill="#FFFFFF" stroke-width="1"/>"##]].assert_eq(&drawn(&figure));
    let figure = path().figure().unwrap();
    expect!["RFE|0.2|0.4|0.6|0.8|log loss|best + 1 SE|chosen: 2|1|2|3|4|number of features|Best mean score at 4; fewest within one standard error of it: 2."].assert_eq(&texts(&figure));
    expect![[r##"
        <title>RFE</title>
        <desc>log loss against the number of features, from 0.900 at 1 to 0.300 at 4. 2 chosen. Best mean score at 4; fewest within one standard error of it: 2.</desc>
        <polygon opacity="0.25" fill="#0072B2" points="237,261 467,261 467,333 237,315 "/>
        <line stroke="#0072B2" stroke-width="2" x1="122" y1="79" x2="237" y2="290"/>
        <line stroke="#0072B2" stroke-width="2" x1="237" y1="290" x2="467" y2="297"/>
        <circle cx="122" cy="79" r="3" fill="#0072B2" stroke-width="1"/>
        <circle cx="237" cy="290" r="3" fill="#0072B2" stroke-width="1"/>
        <circle cx="467" cy="297" r="3" fill="#0072B2" stroke-width="1"/>
        <circle cx="237" cy="290" r="6" fill="#D55E00" stroke-width="1"/>"##]].assert_eq(&drawn(&figure));
    let importance = gallery::global::ranked(4, "permutation");
    let ranks = DotChart::of_ranks(&importance);
    expect!["permutation|sepal length (cm)|1|petal length (cm)|2|sepal width (cm)|3 (3–4)|petal width (cm)|4 (3–4)|1|2|3|4|rank|Ranges: smallest and largest rank over 25 replicates."].assert_eq(&texts(&ranks.figure().unwrap()));
}

#[test]
fn ranges_are_those_of_the_ranks() {
    let importance = gallery::global::ranked(30, "permutation");
    let chart = DotChart::of_ranks(&importance);
    let (ranges, rows) = (chart.ranges.unwrap(), &importance.replicates);
    let order = importance.order();
    for (place, &player) in order.iter().enumerate() {
        let rank = |column: usize| {
            let own = rows[[player, column]];
            1 + rows.column(column).iter().filter(|&&other| other > own).count()
        };
        let ranks: Vec<usize> = (0..rows.ncols()).map(rank).collect();
        let expected = (*ranks.iter().min().unwrap() as f64, *ranks.iter().max().unwrap() as f64);
        assert_eq!(ranges[place], expected);
        assert_eq!(chart.names[place], importance.features[player]);
    }
}

#[test]
fn the_rule_asks_for_the_fewest_within_one_standard_error() {
    let caption = |path: SelectionPath| texts(&path.figure().unwrap());
    assert!(
        caption(path())
            .contains("Best mean score at 4; fewest within one standard error of it: 2.")
    );
    let higher = SelectionPath { direction: Some(Direction::Higher), ..path() };
    let text = caption(higher);
    assert!(text.contains("at 1; fewest within one standard error of it: 1."), "{text}");
    assert!(text.contains("best − 1 SE"), "{text}");
    let no_rule = SelectionPath { direction: None, ..path() };
    assert!(!caption(no_rule).contains("SE"));
}

#[test]
fn a_selection_becomes_pictures() {
    use fi_core::selection::{HonestScore, Knockoffs, RfeCv, Selector, StabilitySelection};
    use fi_core::{Dataset, Function, Importance, Learner, Model, Players, Run, Target};
    use ndarray::{Array1, Array2, ArrayView2};

    struct Sum;
    impl Learner for Sum {
        fn train(&self, _: &Run<'_>, data: &Dataset) -> fi_core::Result<Box<dyn Model>> {
            Ok(Box::new(Function::new(data.n_features(), 1, |rows: ArrayView2<'_, f64>| {
                Array2::from_shape_fn((rows.nrows(), 1), |(i, _)| rows.row(i).sum())
            })))
        }
    }
    let covariance = |_: &Run<'_>, _: &dyn Learner, data: &Dataset, players: &Players| {
        let y = Array1::from(data.target().values().unwrap_or_default().to_vec());
        Importance::new("covariance", players.names(), data.rows().t().dot(&y).to_vec())
    };
    let run = Run::new(3);
    let mut rng = run.rng(0);
    let rows = Array2::from_shape_simple_fn((60, 4), || rng.normal());
    let target = (&rows.column(0) + &rows.column(1)).to_vec();
    let data = Dataset::new(rows, Target::Values(target)).unwrap();
    let players = Players::features(["a", "b", "c", "d"]).unwrap();
    let found = RfeCv::default().select(&run, &Sum, &covariance, &data, &players).unwrap();
    let chart = SelectionPath::of(&found, Some(Direction::Lower));
    assert_eq!((chart.n_features.as_slice(), chart.chosen), (&[4, 3, 2, 1][..], Some(2)));
    let text = texts(&chart.figure().unwrap());
    assert!(text.contains("chosen: 2") && text.contains("best + 1 SE"), "{text}");

    let halves = StabilitySelection { n_chosen: Some(2), n_pairs: 5, ..Default::default() };
    let stable = halves.select(&run, &Sum, &covariance, &data, &players).unwrap();
    let chart = DotChart::of_selection(&stable, Some(0.75)).unwrap();
    assert_eq!(chart.chosen, Some(vec![true, true, false, false]));
    let text = texts(&chart.figure().unwrap());
    assert!(text.contains("|threshold 0.750|"), "{text}");
    assert!(text.contains("Stability of the chosen sets"), "{text}");
    let rivals = Knockoffs { fdr: 0.9, n_draws: 2, ..Default::default() };
    let rated = rivals.select(&run, &Sum, &covariance, &data, &players).unwrap();
    let text = texts(&DotChart::of_selection(&rated, None).unwrap().figure().unwrap());
    assert!(text.contains("useless ones among them: at most 0.900."), "{text}");
    assert_eq!(DotChart::of_selection(&found, None).is_none(), found.scores.is_none());
    // A path without scores is no picture.
    assert_eq!(
        refused("selection path", SelectionPath::of(&stable, None).figure()),
        "no number of features has a score, give one at least: RFE with cross-validation computes \
         them"
    );

    let honest = HonestScore::default();
    let honest = honest.score(&run, &halves, &Sum, &covariance, &data, &players).unwrap();
    let chart = DotChart::of_folds(&honest);
    assert_eq!(chart.values.iter().map(|share| (share * 5.0).round()).sum::<f64>(), {
        honest.folds.iter().map(|fold| fold.chosen.len()).sum::<usize>() as f64
    });
    check("folds", &chart.figure().unwrap());
}

#[test]
fn channels_are_a_map_and_other_names_are_not() {
    let columns = fi_core::Sequence::new(2, ["x", "y"]).unwrap().column_names();
    let map = Heatmap::of_channels(&columns, &[1.0, 2.0, 3.0, 4.0]).unwrap();
    assert_eq!(
        (map.rows, map.values),
        (vec!["x".into(), "y".into()], array![[1.0, 3.0], [2.0, 4.0]])
    );
    assert_eq!(Heatmap::of_channels(&columns, &[1.0]), None);
    assert_eq!(Heatmap::of_channels(&columns[..2], &[1.0, 2.0]), None);
    assert_eq!(Heatmap::of_channels(&["age".to_owned()], &[1.0]), None);
}

#[test]
fn each_bad_global_result_gets_its_own_sentence() {
    let with = |change: &dyn Fn(&mut DotChart)| {
        let mut chart = dots();
        change(&mut chart);
        refused("dot chart", chart.figure())
    };
    assert_eq!(with(&|c| c.names.clear()), "there are no names, give at least one");
    assert_eq!(with(&|c| c.values.truncate(1)), "it has 3 names and 1 values, give one per name");
    assert_eq!(
        with(&|c| c.chosen = Some(vec![])),
        "it has 3 names and 0 choices, give one per name"
    );
    assert_eq!(
        with(&|c| c.values[0] = f64::INFINITY),
        "`a` is `inf`, give a finite number or NaN for none"
    );
    assert_eq!(
        with(&|c| c.ranges.as_mut().unwrap()[0] = (1.0, 0.0)),
        "the range of `a` is `1` to `0`, give finite ends, the lower first"
    );
    assert_eq!(
        with(&|c| c.reference = Some(("t".to_owned(), f64::NAN))),
        "the line `t` is at `NaN`, give a finite number"
    );
    assert_eq!(with(&|c| c.max_rows = 0), "`max_rows` is `0`, it must be at least 1");
    let none = DotChart { values: vec![f64::NAN; 3], ranges: None, reference: None, ..dots() };
    check("no dots", &none.figure().unwrap());

    let with = |change: &dyn Fn(&mut SelectionPath)| {
        let mut chart = path();
        change(&mut chart);
        refused("selection path", chart.figure())
    };
    assert_eq!(
        with(&|c| c.scores.truncate(1)),
        "it has 3 numbers of features and 1 scores, give one each"
    );
    assert!(
        with(&|c| c.scores = vec![f64::NAN; 3]).starts_with("no number of features has a score")
    );
    assert_eq!(
        with(&|c| c.n_features[0] = 2),
        "2 features stand on the path twice, give each number once"
    );
    assert_eq!(
        with(&|c| c.scores[1] = f64::INFINITY),
        "a score of 2 features, or its error, is `inf`, give finite numbers or NaN for none"
    );
    assert_eq!(
        with(&|c| c.intervals.as_mut().unwrap()[0] = (0.4, 0.2)),
        "the interval of 4 features is `0.4` to `0.2`, give the lower end first"
    );
    assert_eq!(with(&|c| c.chosen = Some(9)), "9 features are chosen, which are not on the path");
    let zeros = SelectionPath { scores: vec![0.0; 3], intervals: None, ..path() };
    check("zeros", &zeros.figure().unwrap());
}
