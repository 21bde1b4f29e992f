//! One pass answers what re-prediction does, to the bit.

use fi_core::{Average, MultiClass, Rng, Target};
use proptest::prelude::*;

use super::super::random::Shape;
use super::super::{Aggregate, Link};
use super::*;

/// Random trees with a fitting link, and data and metrics for them.
fn draw(rng: &mut Rng) -> (Trees, Dataset, Vec<Metric>) {
    let mut shape = Shape::draw(rng);
    let n_rows = [2, 5, 31, 32, 33, 90][rng.below(6)];
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
        let (trees, data, metrics) = draw(rng);
        let players = players(data.n_features(), rng);
        let settings = Permutation {
            n_repeats: 1 + rng.below(3),
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
    fn few_shuffles_at_once_give_the_same_predictions(seed: u64, n_first in 1_usize..6) {
        let rng = &mut Rng::new(seed, 0);
        let (trees, data, _) = draw(rng);
        let n_rows = data.n_rows();
        let names: Vec<String> = (0..data.n_features()).map(|f| format!("x{f}")).collect();
        let members: Vec<[usize; 1]> = (0..data.n_features()).map(|f| [f]).collect();
        let donors: Vec<Vec<usize>> = (0..2_u64)
            .map(|repeat| {
                let donors = fi_core::Donors::new(n_rows, seed ^ repeat);
                (0..n_rows).map(|row| donors.of(row)).collect()
            })
            .collect();
        let shuffle = |job: usize| Shuffle {
            name: &names[job / 2],
            members: &members[job / 2],
            repeat: job % 2,
            donors: &donors[job % 2],
        };
        let shuffles: Vec<Shuffle<'_>> = (0..2 * members.len()).map(shuffle).collect();
        let used = vec![true; data.n_features()];
        let compiled = Compiled::new(trees.ensemble()).unwrap();
        let one_pass = OnePass { trees: &trees, compiled, used };
        let ask = |shuffles: &[Shuffle<'_>]| one_pass.predict(&Run::new(0), data.rows(), shuffles);
        let all = ask(&shuffles).unwrap();
        let first = n_first.min(shuffles.len());
        prop_assert_eq!(ask(&shuffles[..first]).unwrap(), all.slice(s![..first * n_rows, ..]));
        if first < shuffles.len() {
            prop_assert_eq!(ask(&shuffles[first..]).unwrap(), all.slice(s![first * n_rows.., ..]));
        }
        // Each is what the model says of the mixed rows.
        for (copy, shuffle) in shuffles.iter().enumerate() {
            let mut rows = data.rows().to_owned();
            for (row, &donor) in shuffle.donors.iter().enumerate() {
                rows[[row, shuffle.members[0]]] = data.rows()[[donor, shuffle.members[0]]];
            }
            let naive = trees.predict(rows.view()).unwrap();
            prop_assert_eq!(all.slice(s![copy * n_rows..(copy + 1) * n_rows, ..]), naive);
        }
    }
}

#[test]
fn threads_do_not_change_a_bit_and_an_unused_feature_scores_0() {
    let rng = &mut Rng::new(3, 0);
    let mut shape = Shape::draw(rng);
    (shape.n_features, shape.n_outputs, shape.n_splits, shape.special) = (4, 1, 40, true);
    (shape.n_trees, shape.tree_per_output) = (6, false);
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
    use super::super::{Comparison, Ensemble, NodeStats, TreeBuilder};
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
