//! One pass answers what re-prediction does: to the bit where sums are exact, else to rounding.

use fi_core::{Average, MultiClass, Rng, Target};
use proptest::prelude::*;

use super::super::random::Shape;
use super::super::{Aggregate, Ensemble, Link};
use super::*;

/// Random trees with a fitting link, and data and metrics for them.
fn draw(exact: bool, rng: &mut Rng) -> (Trees, Dataset, Vec<Metric>) {
    let mut shape = Shape { exact, ..Shape::draw(rng) };
    let n_rows = [2, 5, 63, 64, 65, 140][rng.below(6)];
    let classes = shape.n_outputs > 1;
    if classes && rng.below(2) == 0 {
        (shape.shares, shape.aggregate, shape.tree_per_output) = (true, Aggregate::Mean, false);
    }
    let ensemble = shape.ensemble(rng);
    let rows = shape.finite_rows(n_rows, rng);
    let (link, target, metrics) = if classes {
        let labels = (0..n_rows).map(|row| row % shape.n_outputs).collect();
        let names = (0..shape.n_outputs).map(|k| format!("class {k}")).collect();
        let link = if shape.shares { Link::Probabilities } else { Link::Softmax };
        let auc = Metric::RocAuc { multiclass: MultiClass::OneVsRest, average: Average::Macro };
        let metrics = vec![Metric::LogLoss, Metric::Accuracy, auc];
        (link, Target::Classes { labels, names }, metrics)
    } else {
        let values = (0..n_rows).map(|_| rng.normal().exp()).collect();
        let link = [Link::Identity, Link::Exp][rng.below(2)];
        (link, Target::Values(values), vec![Metric::Mse, Metric::R2, Metric::Mae])
    };
    let mut data = Dataset::new(rows, target).unwrap();
    if rng.below(3) == 0 {
        let weights = (0..n_rows).map(|row| ((row + 1) % 4) as f64).collect();
        data = data.with_weights(weights).unwrap();
    }
    (Trees::new(ensemble, link).unwrap(), data, metrics)
}

/// Single features, or groups that overlap and nest.
fn players(n_features: usize, rng: &mut Rng) -> Players {
    if rng.below(2) == 0 {
        return Players::features((0..n_features).map(|f| format!("x{f}"))).unwrap();
    }
    let group = |player: usize| {
        let mut members: Vec<usize> = (0..n_features).filter(|_| rng.below(2) == 0).collect();
        if members.is_empty() {
            members.push(rng.below(n_features));
        }
        (format!("group {player}"), members)
    };
    Players::groups(n_features, (0..70).map(group).collect::<Vec<_>>()).unwrap()
}

fn text<T: std::fmt::Debug>(answer: &Result<T>) -> String {
    match answer {
        Ok(answer) => format!("{answer:?}"),
        Err(error) => error.to_string(),
    }
}

proptest! {
    #[test]
    fn one_pass_answers_what_predicting_again_does(seed: u64) {
        let rng = &mut Rng::new(seed, 0);
        let (trees, data, metrics) = draw(true, rng);
        let players = players(data.n_features(), rng);
        let settings = Permutation {
            n_repeats: 1 + rng.below(9),
            max_rows: [None, Some(20)][rng.below(2)],
            ..Permutation::default()
        };
        let run = Run::new(seed);
        let slow = settings.importance(&run, &trees, &data, &players, &metrics);
        let fast = permutation(&run, &settings, &trees, &data, &players, &metrics);
        // As text, which tells all bits of a number but those of NaN.
        prop_assert_eq!(text(&fast), text(&slow));
    }

    #[test]
    fn every_width_of_codes_predicts_what_the_trees_do(seed: u64, exact: bool) {
        let rng = &mut Rng::new(seed, 0);
        let (trees, data, _) = draw(exact, rng);
        predicts_mixed_rows::<i8>(&trees, &data, exact, &mut rng.clone())?;
        predicts_mixed_rows::<i16>(&trees, &data, exact, &mut rng.clone())?;
        predicts_mixed_rows::<i32>(&trees, &data, exact, rng)?;
    }
}

/// Asks for some of the shuffles in one call, and compares each with what the model says of the
/// mixed rows.
fn predicts_mixed_rows<C: Code>(
    trees: &Trees,
    data: &Dataset,
    exact: bool,
    rng: &mut Rng,
) -> Result<(), TestCaseError> {
    let (n_rows, n_repeats) = (data.n_rows(), 1 + rng.below(9));
    let players = players(data.n_features(), rng);
    let key = rng.below(1000) as u64;
    let donors: Vec<Vec<usize>> = (0..n_repeats as u64)
        .map(|repeat| {
            let donors = fi_core::Donors::new(n_rows, key ^ repeat);
            (0..n_rows).map(|row| donors.of(row)).collect()
        })
        .collect();
    let shuffle = |job: usize| Shuffle {
        name: &players.names()[job / n_repeats],
        members: players.members(job / n_repeats),
        repeat: job % n_repeats,
        donors: &donors[job % n_repeats],
    };
    let n_jobs = players.len() * n_repeats;
    let start = rng.below(n_jobs);
    let end = (start + 1 + rng.below(40)).min(n_jobs);
    let shuffles: Vec<Shuffle<'_>> = (start..end).map(shuffle).collect();
    let coded = CodedTrees::<C>::new(trees.ensemble(), Ranks::new(trees.ensemble()));
    let one_pass = OnePass { trees, coded, rows: OnceLock::new(), whole: false, at_once: None };
    let all = one_pass.predict(&Run::new(0), data.rows(), 0..n_rows, &shuffles);
    for (copy, shuffle) in shuffles.iter().enumerate() {
        let mut rows = data.rows().to_owned();
        for (row, &donor) in shuffle.donors.iter().enumerate() {
            for &column in shuffle.members {
                rows[[row, column]] = data.rows()[[donor, column]];
            }
        }
        let naive = trees.predict(rows.view()).unwrap();
        // A link may overflow; that is tested below.
        let Ok(all) = &all else { continue };
        let all = all.slice(s![copy * n_rows..(copy + 1) * n_rows, ..]);
        if exact {
            prop_assert_eq!(all, naive);
        } else {
            let far = |(a, b): (&f64, &f64)| (a - b).abs() > 1e-12 * (1.0 + b.abs());
            prop_assert!(!all.iter().zip(&naive).any(far), "{} and {}", all, naive);
        }
    }
    Ok(())
}

#[test]
fn codes_grow_with_the_thresholds() {
    use super::super::{Comparison, NodeStats, TreeBuilder};
    let ensemble = |n_thresholds: usize| {
        let mut tree = TreeBuilder::new(1);
        let stats = NodeStats { cover: 1.0, impurity: 0.0, value: &[0.5] };
        let splits: Vec<usize> =
            (0..n_thresholds).map(|k| tree.push_split(0, k as f64, &stats)).collect();
        for (k, &split) in splits.iter().enumerate() {
            let right = splits.get(k + 1).copied();
            let leaf = tree.push_leaf(&stats);
            let right = right.unwrap_or_else(|| tree.push_leaf(&stats));
            tree.connect(split, leaf, right);
        }
        let mut builder = Ensemble::builder(1, 1, Comparison::LessEqual);
        builder.push_tree(tree).unwrap();
        builder.build().unwrap()
    };
    for (n_thresholds, narrow, middle) in
        [(255, true, true), (256, false, true), (65_535, false, true), (65_536, false, false)]
    {
        let ensemble = ensemble(n_thresholds);
        let ranks = Ranks::new(&ensemble);
        assert_eq!((ranks.fit::<i8>(), ranks.fit::<i16>()), (narrow, middle), "{n_thresholds}");
        assert!(ranks.fit::<i32>());
    }
}

#[test]
fn more_players_than_walk_together_and_answers_too_large_to_subtract() {
    use super::super::{Comparison, NodeStats, TreeBuilder};
    let rng = &mut Rng::new(8, 0);
    let shape = Shape { n_features: 4, n_splits: 20, n_trees: 5, exact: true, ..Shape::draw(rng) };
    let shape = Shape { n_outputs: 1, tree_per_output: false, ..shape };
    let trees = Trees::new(shape.ensemble(rng), Link::Identity).unwrap();
    let rows = shape.finite_rows(6, rng);
    let data = Dataset::new(rows, Target::Values((0..6).map(f64::from).collect())).unwrap();
    let groups = (0..1100).map(|player| (format!("{player}"), vec![player % 4, player / 4 % 4]));
    let groups = groups.map(|(name, mut members)| {
        members.dedup();
        (name, members)
    });
    let players = Players::groups(4, groups.collect::<Vec<_>>()).unwrap();
    let settings = Permutation { n_repeats: 8, ..Permutation::default() };
    let (run, metrics) = (Run::new(3), [Metric::Mse]);
    let fast = permutation(&run, &settings, &trees, &data, &players, &metrics).unwrap();
    assert_eq!(fast, settings.importance(&run, &trees, &data, &players, &metrics).unwrap());

    let mut tree = TreeBuilder::new(1);
    let stats = |value| NodeStats { cover: 1.0, impurity: 0.0, value };
    let root = tree.push_split(0, 2.0, &stats(&[0.0]));
    let (low, high) = (tree.push_leaf(&stats(&[-1e308])), tree.push_leaf(&stats(&[1e308])));
    tree.connect(root, low, high);
    let mut builder = Ensemble::builder(1, 1, Comparison::LessEqual);
    builder.push_tree(tree).unwrap();
    let trees = Trees::new(builder.build().unwrap(), Link::Identity).unwrap();
    let rows = Array2::from_shape_fn((5, 1), |(row, _)| row as f64);
    let data = Dataset::new(rows, Target::Values(vec![0.0; 5])).unwrap();
    let players = Players::features(["x"]).unwrap();
    // A median does not overflow.
    let metrics = [Metric::MedianAe];
    assert!(settings.importance(&run, &trees, &data, &players, &metrics).is_ok());
    let fast = permutation(&run, &settings, &trees, &data, &players, &metrics);
    assert_eq!(text(&fast), text(&settings.importance(&run, &trees, &data, &players, &metrics)));
}

#[test]
fn threads_do_not_change_a_bit_and_an_unused_feature_scores_0() {
    let rng = &mut Rng::new(3, 0);
    let mut shape = Shape::draw(rng);
    (shape.n_features, shape.n_outputs, shape.n_splits, shape.special) = (4, 1, 40, true);
    (shape.n_trees, shape.tree_per_output, shape.exact) = (6, false, true);
    let trees = Trees::new(shape.ensemble(rng), Link::Identity).unwrap();
    let n_rows = 3 * TASK_ROWS + 7;
    let rows = shape.finite_rows(n_rows, rng);
    let target = Target::Values((0..n_rows).map(|_| rng.normal()).collect());
    let data = Dataset::new(rows, target).unwrap();
    let players = Players::features(["a", "b", "c", "d"]).unwrap();
    let settings = Permutation { n_repeats: 2, ..Permutation::default() };
    let work = || permutation(&Run::new(5), &settings, &trees, &data, &players, &[Metric::Mse]);
    let on = |n: usize| {
        rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap().install(work).unwrap()
    };
    let one = on(1);
    assert_eq!(one, on(3));
    assert_eq!(
        one,
        settings.importance(&Run::new(5), &trees, &data, &players, &[Metric::Mse]).unwrap()
    );
}

#[test]
fn a_prediction_that_overflows_is_named_as_by_the_definition() {
    use super::super::{Comparison, NodeStats, TreeBuilder};
    let mut tree = TreeBuilder::new(1);
    let stats = |value| NodeStats { cover: 1.0, impurity: 0.0, value };
    let root = tree.push_split(0, 0.5, &stats(&[0.0]));
    let inner = tree.push_split(1, 0.5, &stats(&[0.0]));
    let low = tree.push_leaf(&stats(&[1.0]));
    tree.connect(root, inner, low);
    let (a, b) = (tree.push_leaf(&stats(&[2.0])), tree.push_leaf(&stats(&[1e6])));
    tree.connect(inner, a, b);
    let mut builder = Ensemble::builder(2, 1, Comparison::LessEqual);
    builder.push_tree(tree).unwrap();
    // Only a row of low `x0` and high `x1` is predicted to be exp(10⁶), and there is none.
    let trees = Trees::new(builder.build().unwrap(), Link::Exp).unwrap();
    let rows = Array2::from_shape_fn((20, 2), |(row, _)| f64::from(u8::from(row % 2 == 0)));
    let data = Dataset::new(rows, Target::Values(vec![1.0; 20])).unwrap();
    let players = Players::features(["a", "b"]).unwrap();
    let settings = Permutation { n_repeats: 1, ..Permutation::default() };
    let run = Run::new(1);
    let fast = permutation(&run, &settings, &trees, &data, &players, &[Metric::Mse]).unwrap_err();
    let slow = settings.importance(&run, &trees, &data, &players, &[Metric::Mse]).unwrap_err();
    assert_eq!(fast.to_string(), slow.to_string());
    assert!(fast.to_string().starts_with("permutation of `a`, repeat 0: "), "{fast}");
}

#[test]
fn parts_of_many_rows_are_the_whole_in_memory_and_on_disk() {
    let rng = &mut Rng::new(11, 0);
    let n_rows = 20_000;
    let mut shape = Shape { exact: true, ..Shape::draw(rng) };
    while shape.n_outputs > 1 {
        shape = Shape { exact: true, ..Shape::draw(rng) };
    }
    let trees = Trees::new(shape.ensemble(rng), Link::Identity).unwrap();
    let rows = shape.finite_rows(n_rows, rng);
    let target = Target::Values((0..n_rows).map(|_| rng.normal()).collect());
    let data = Dataset::new(rows.clone(), target.clone()).unwrap();
    let names: Vec<String> = (0..data.n_features()).map(|f| format!("x{f}")).collect();
    // 210 shuffles are predicted 16,384 rows at a time.
    let n_features = data.n_features();
    let group = |player: usize| (format!("group {player}"), vec![player % n_features]);
    let players = Players::groups(n_features, (0..70).map(group)).unwrap();
    let metrics = [Metric::Mse, Metric::MedianAe];
    let settings = Permutation { n_repeats: 3, ..Permutation::default() };
    let run = Run::new(3);
    let slow = settings.importance(&run, &trees, &data, &players, &metrics).unwrap();
    assert!(slow[0].values.iter().any(|&value| value != 0.0));
    let view = rows.view();
    let large = LargeDataset::new(&view, target, None, None, names).unwrap();
    let on_disk = |memory| {
        permutation_of_blocks(&run, &settings, &trees, &large, &players, &metrics, memory).unwrap()
    };
    assert_eq!(permutation(&run, &settings, &trees, &data, &players, &metrics).unwrap(), slow);
    assert_eq!(on_disk(None), slow);
    // Memory for a few shuffles, beside what 70 players' intervals take.
    assert_eq!(on_disk(Some(192 << 20)), slow);
}
