//! The results that an explainer makes.

use fi_core::{Dataset, Error, Players, Removal, Rng, Run, Target, shapley};
use ndarray::{Array2, Array3, s};

use super::super::{Comparison, Ensemble, NodeStats, RandomForest, TreeBuilder, Trees};
use super::*;

/// A forest of three classes over five features, and 700 rows: more than two blocks.
fn forest() -> (Trees, Array2<f64>) {
    let mut rng = Rng::new(5, 0);
    let rows = Array2::from_shape_simple_fn((700, 5), || rng.normal());
    let labels = rows.rows().into_iter().map(|row| {
        let (first, second) = (row[0] + row[1] > 0.0, row[2] > 0.3);
        usize::from(first) + usize::from(second)
    });
    let names = ["a", "b", "c"].map(String::from).to_vec();
    let target = Target::Classes { labels: labels.collect(), names };
    let data = Dataset::new(rows.clone(), target).unwrap();
    let learner = RandomForest { n_estimators: 5, ..RandomForest::default() };
    (learner.fit(&Run::new(1), &data).unwrap(), rows)
}

/// Each tree twice, the second time with features 0 and 1 in each other's place.
pub(super) fn twice_exchanged(trees: &Ensemble) -> Ensemble {
    let mut both = trees.clone();
    let exchanged = trees.nodes.feature.iter().map(|&f| if f < 2 { 1 - f } else { f });
    let n = trees.n_nodes();
    both.offsets.extend(trees.offsets[1..].iter().map(|offset| offset + n));
    both.tree_outputs.extend(&trees.tree_outputs);
    both.nodes.feature.extend(exchanged);
    let (to, of) = (&mut both.nodes, &trees.nodes);
    to.left.extend(&of.left);
    to.right.extend(&of.right);
    to.threshold.extend(&of.threshold);
    to.set.extend(&of.set);
    to.missing_left.extend(&of.missing_left);
    to.zero_is_missing.extend(&of.zero_is_missing);
    to.id.extend(&of.id);
    to.cover.extend(&of.cover);
    to.impurity.extend(&of.impurity);
    to.gain.extend(&of.gain);
    to.value.extend(&of.value);
    both.validate().unwrap();
    both
}

fn features() -> Players {
    Players::features(["v", "w", "x", "y", "z"]).unwrap()
}

fn largest(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0, |largest: f64, value| largest.max(value.abs()))
}

#[test]
fn streamed_and_reduced_values_are_those_of_the_whole() {
    let (trees, rows) = forest();
    let run = Run::new(0);
    let explainer = TreeShap::default().explainer(&Run::new(0), &trees).unwrap();
    let found = explainer.attribution(&run, &features(), rows.view()).unwrap();
    assert_eq!(found.values.dim(), (700, 3, 5));
    assert!(found.additivity_error.unwrap() < 1e-12);

    let mut streamed = Array3::zeros((700, 3, 5));
    explainer
        .for_each_block(&run, &features(), rows.view(), |block| {
            let end = block.first_row + block.values.dim().0;
            streamed.slice_mut(s![block.first_row..end, .., ..]).assign(&block.values);
            Ok(())
        })
        .unwrap();
    assert_eq!(streamed, found.values);

    let whole = found.mean_abs(0.9).unwrap();
    let reduced =
        explainer.importance(&run, &features(), rows.view(), Summary::MeanAbsolute, 0.9).unwrap();
    let close = |a: &[f64], b: &[f64]| largest(a.iter().zip(b).map(|(a, b)| a - b)) < 1e-14;
    assert!(close(&whole.values, &reduced.values));
    assert!(close(&whole.std.unwrap(), &reduced.std.unwrap()));
    assert!(close(&whole.interval.unwrap().low, &reduced.interval.unwrap().low));
    let signed = explainer.importance(&run, &features(), rows.view(), Summary::Mean, 0.9).unwrap();
    assert!((signed.values[0] - found.values.slice(s![.., .., 0]).mean().unwrap()).abs() < 1e-14);
    assert_eq!(signed.method, "mean path-dependent TreeSHAP");

    let top = explainer.top(&run, &features(), rows.view(), 2).unwrap();
    for ((row, output, place), &player) in top.players.indexed_iter() {
        let value = top.values[[row, output, place]];
        assert_eq!(value, found.values[[row, output, player]]);
        let larger = found.values.slice(s![row, output, ..]);
        let larger = larger.iter().filter(|other| other.abs() > value.abs()).count();
        assert!(larger <= place, "row {row}");
    }
}

#[test]
fn of_equal_sizes_the_first_players_come_first() {
    let stats = |cover, value| NodeStats { cover, impurity: 0.0, value };
    let mut tree = TreeBuilder::new(1);
    let root = tree.push_split(2, 0.0, &stats(2.0, &[0.0]));
    let low = tree.push_leaf(&stats(1.0, &[-1.0]));
    let high = tree.push_leaf(&stats(1.0, &[1.0]));
    tree.connect(root, low, high);
    let mut builder = Ensemble::builder(5, 1, Comparison::LessEqual);
    builder.push_tree(tree).unwrap();
    let trees = Trees::new(builder.build().unwrap(), Link::Identity).unwrap();
    let explainer = TreeShap::default().explainer(&Run::new(0), &trees).unwrap();
    let rows = Array2::ones((1, 5));
    for (k, players) in [(1, vec![2]), (3, vec![2, 0, 1]), (5, vec![2, 0, 1, 3, 4])] {
        let top = explainer.top(&Run::new(0), &features(), rows.view(), k).unwrap();
        assert_eq!(top.players.into_raw_vec_and_offset().0, players);
    }
}

#[test]
fn interactions_add_up_to_values_and_their_mean_is_streamed() {
    let (trees, rows) = forest();
    let run = Run::new(0);
    let rows = rows.slice(s![..300, ..]);
    let explainer = TreeShap::default().explainer(&Run::new(0), &trees).unwrap();
    let values = explainer.attribution(&run, &features(), rows).unwrap().values;
    let found = explainer.interactions(&run, &features(), rows).unwrap();
    assert!(found.additivity_error.unwrap() < 1e-12);
    for ((row, output, feature), value) in values.indexed_iter() {
        let dense = found.dense(row, output);
        assert!((dense.row(feature).sum() - value).abs() < 1e-12);
    }
    let mean = explainer.mean_interactions(&run, &features(), rows, Summary::MeanAbsolute).unwrap();
    let by_hand = |a: usize, b: usize| {
        let sizes = (0..300).flat_map(|row| (0..3).map(move |output| (row, output)));
        sizes.map(|(row, output)| found.value(row, output, a, b).abs()).sum::<f64>() / 900.0
    };
    for ((a, b), value) in mean.values.indexed_iter() {
        assert!((value - by_hand(a, b)).abs() < 1e-13);
    }
    assert_eq!(mean.n_rows, 300);
}

#[test]
fn the_value_of_a_group_is_the_sum_of_its_members() {
    let (trees, rows) = forest();
    let run = Run::new(0);
    let rows = rows.slice(s![..20, ..]);
    let explainer = TreeShap::default().explainer(&Run::new(0), &trees).unwrap();
    let single = explainer.attribution(&run, &features(), rows).unwrap();
    let groups = Players::groups(5, [("ab", vec![0, 1]), ("c", vec![2]), ("de", vec![3, 4])]);
    let groups = groups.unwrap();
    let grouped = explainer.attribution(&run, &groups, rows).unwrap();
    assert!(grouped.additivity_error.unwrap() < 1e-12);
    let sum = &single.values.slice(s![.., .., 0]) + &single.values.slice(s![.., .., 1]);
    assert_eq!(grouped.values.slice(s![.., .., 0]), sum);
    let pairs = explainer.interactions(&run, &groups, rows).unwrap();
    for ((row, output, player), value) in grouped.values.indexed_iter() {
        assert!((pairs.dense(row, output).row(player).sum() - value).abs() < 1e-12);
    }
    // Players that leave features out do not add up, and nobody looks.
    let some = Players::groups(5, [("a", vec![0])]).unwrap();
    let some = explainer.attribution(&run, &some, rows).unwrap();
    assert_eq!(some.additivity_error, None);
}

#[test]
fn interventional_values_add_up_on_both_scales() {
    let (trees, rows) = forest();
    let run = Run::new(0);
    let background = Background::new(rows.slice(s![..50, ..]).to_owned(), None).unwrap();
    for output_scale in [OutputScale::Raw, OutputScale::Probability] {
        let perturbation = Perturbation::Interventional(&background);
        let settings = TreeShap { perturbation, output_scale, ..TreeShap::default() };
        let explainer = settings.explainer(&run, &trees).unwrap();
        let found = explainer.attribution(&run, &features(), rows.slice(s![50..90, ..])).unwrap();
        assert!(found.additivity_error.unwrap() < 1e-12);
        let pairs = explainer.interactions(&run, &features(), rows.slice(s![50..60, ..])).unwrap();
        assert!(pairs.additivity_error.unwrap() < 1e-12);
        assert!(explainer.chosen_engines().is_some());
    }
}

#[test]
fn interventional_interactions_are_those_of_the_exact_game() {
    let mut rng = Rng::new(8, 0);
    let rows = Array2::from_shape_simple_fn((60, 4), || rng.normal());
    let target = rows.rows().into_iter().map(|x| x[0] * x[1] + (x[2] * x[3]).tanh()).collect();
    let data = Dataset::new(rows.clone(), Target::Values(target)).unwrap();
    let learner = RandomForest { n_estimators: 4, ..RandomForest::regression() };
    let (run, trees) = (Run::new(0), learner.fit(&Run::new(1), &data).unwrap());
    let background = rows.slice(s![..9, ..]).to_owned();
    let removal = Removal::marginal(background.clone()).unwrap();
    let background = Background::new(background, None).unwrap();
    let perturbation = Perturbation::Interventional(&background);
    let explainer =
        TreeShap { perturbation, ..TreeShap::default() }.explainer(&run, &trees).unwrap();
    let rows = rows.slice(s![50.., ..]);
    let players = Players::features(["a", "b", "c", "d"]).unwrap();
    let of_trees = explainer.interactions(&run, &players, rows).unwrap();
    let exact = shapley::ExactInteractions::default();
    let of_game = shapley::interactions(&run, &exact, &trees, rows, &players, &removal).unwrap();
    let base = &of_trees.base_values - &of_game.base_values;
    assert!(largest(base.into_iter()) < 1e-12);
    assert!(largest(of_game.values.iter().copied()) > 0.1);
    let apart = &of_trees.values - &of_game.values;
    assert!(largest(apart.into_iter()) < 1e-12);
}

#[test]
fn threads_do_not_change_a_bit() {
    let (trees, rows) = forest();
    let explainer = TreeShap { precision: Precision::F32, ..TreeShap::default() };
    let explainer = explainer.explainer(&Run::new(0), &trees).unwrap();
    let on = |n_threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| {
            let run = Run::new(0);
            let summary = Summary::MeanAbsolute;
            let values = explainer.attribution(&run, &features(), rows.view()).unwrap();
            let mean = explainer.importance(&run, &features(), rows.view(), summary, 0.9).unwrap();
            (values, mean)
        })
    };
    assert_eq!(on(1), on(3));
}

#[test]
fn what_cannot_be_explained_is_refused_by_a_sentence() {
    let (trees, rows) = forest();
    let run = Run::new(0);
    let probability = TreeShap { output_scale: OutputScale::Probability, ..TreeShap::default() };
    assert_eq!(
        probability.explainer(&Run::new(0), &trees).unwrap_err().to_string(),
        "`output_scale` is `Probability`, it must be `Raw` with `Perturbation::TreePath`: on the \
         probability scale only interventional values are defined, so give a background"
    );
    let explainer = TreeShap::default().explainer(&Run::new(0), &trees).unwrap();
    let narrow = rows.slice(s![.., ..4]);
    let error = explainer.attribution(&run, &features(), narrow).unwrap_err().to_string();
    assert_eq!(error, "the table has shape [700, 4], expected [700, 5]");
    let four = Players::features(["a", "b", "c", "d"]).unwrap();
    let error = explainer.attribution(&run, &four, rows.view()).unwrap_err().to_string();
    assert_eq!(error, "the list of players' features has shape [4], expected [5]");
    let none = rows.slice(s![..0, ..]);
    let error = explainer.importance(&run, &features(), none, Summary::Mean, 0.9).unwrap_err();
    assert_eq!(error.to_string(), "a mean of attributions needs at least 1 rows, got 0");
    let error = explainer.top(&run, &features(), none, 6).unwrap_err().to_string();
    assert_eq!(error, "`k` is `6`, it must be between 1 and the number of players, 5");
    assert_eq!(explainer.attribution(&run, &features(), none).unwrap().values.dim(), (0, 3, 5));
    let mut calls = 0;
    let stop = explainer.for_each_block(&run, &features(), rows.view(), |_| {
        calls += 1;
        Err(Error::Data("the disk is full".into()))
    });
    assert_eq!((stop.unwrap_err().to_string(), calls), ("the disk is full".to_owned(), 1));
    let error = blocks::zeros("values", "take fewer", &[usize::MAX, 2]).unwrap_err().to_string();
    let shape = format!("[{}, 2]", usize::MAX);
    assert_eq!(error, format!("values of shape {shape} do not fit into memory, take fewer"));
}
