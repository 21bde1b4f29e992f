//! Trees by hand, routing at the threshold, and layouts that are refused.

use super::super::{NodeStats, Test, TreeBuilder};
use super::*;
use fi_core::Error;
use ndarray::array;

fn stats(cover: f64, value: &[f64]) -> NodeStats<'_> {
    NodeStats { cover, impurity: 0.0, value }
}

/// `x0` against 0.5, then on the right `x1` against 2; values 1, 2 and 4.
fn tree() -> TreeBuilder {
    let mut tree = TreeBuilder::new(1);
    let root = tree.push_split(0, 0.5, &stats(4.0, &[2.0]));
    let low = tree.push_leaf(&stats(1.0, &[1.0]));
    let high = tree.push_split(1, 2.0, &stats(3.0, &[3.0]));
    tree.connect(root, low, high);
    let (a, b) = (tree.push_leaf(&stats(1.0, &[2.0])), tree.push_leaf(&stats(2.0, &[4.0])));
    tree.connect(high, a, b);
    tree
}

fn ensemble(comparison: Comparison, trees: Vec<TreeBuilder>) -> Result<Ensemble> {
    let mut builder = Ensemble::builder(2, 1, comparison);
    trees.into_iter().try_for_each(|tree| builder.push_tree(tree))?;
    builder.build()
}

#[test]
fn rows_fall_by_the_ensembles_comparison() {
    let rows = array![[0.5, 0.0], [0.6, 2.0], [0.6, 2.1], [f64::NAN, f64::NAN]];
    let at_most = ensemble(Comparison::LessEqual, vec![tree(), tree()]).unwrap();
    assert_eq!(at_most.apply(rows.view()).unwrap(), array![[1, 1], [3, 3], [4, 4], [4, 4]]);
    assert_eq!(at_most.predict(rows.view()).unwrap(), array![[1.0], [2.0], [4.0], [4.0]]);
    let below = ensemble(Comparison::Less, vec![tree()]).unwrap();
    assert_eq!(below.predict(rows.view()).unwrap(), array![[2.0], [4.0], [4.0], [4.0]]);
    assert_eq!(below.tree(0).leaf_of(rows.row(0)), 3);
    let mut other = tree();
    other.send_missing_left(0);
    let other = ensemble(Comparison::LessEqual, vec![other, tree()]).unwrap();
    assert_eq!(other.predict_tree(0, rows.view()).unwrap()[[3, 0]], 1.0);
    assert_eq!(other.predict(rows.view()).unwrap()[[3, 0]], 2.5);
    assert_eq!((other.tree(0).depth(), other.tree(0).n_leaves(), other.n_nodes()), (2, 3, 10));
}

#[test]
fn a_view_in_any_memory_order_gives_the_same_answer() {
    let ensemble = ensemble(Comparison::LessEqual, vec![tree()]).unwrap();
    let columns = array![[0.5, 0.6, 0.6], [0.0, 2.0, 2.1]];
    assert_eq!(ensemble.predict(columns.t()).unwrap(), array![[1.0], [2.0], [4.0]]);
    assert_eq!(
        ensemble.predict(array![[0.0, 1.0]].slice(ndarray::s![..0, ..])).unwrap().nrows(),
        0
    );
}

#[test]
fn each_broken_tree_gets_its_own_sentence() {
    let text = |edit: &dyn Fn(&mut TreeBuilder)| {
        let mut broken = tree();
        edit(&mut broken);
        ensemble(Comparison::Less, vec![tree(), broken]).unwrap_err().to_string()
    };
    assert_eq!(
        text(&|tree| tree.connect(2, 3, 2)),
        "tree 1, node 2: child 2 must lie after it, below 5"
    );
    assert_eq!(
        text(&|tree| tree.connect(2, 3, usize::MAX)),
        "tree 1, node 2: child 4294967294 must lie after it, below 5"
    );
    assert_eq!(
        text(&|tree| tree.connect(2, 3, 3)),
        "tree 1, node 2: child 3 has another parent already"
    );
    assert_eq!(
        text(&|tree| {
            tree.push_leaf(&stats(1.0, &[1.0]));
        }),
        "tree 1, node 5: no split leads to it"
    );
    assert_eq!(
        text(&|tree| tree.connect(1, 3, 4)),
        "tree 1: node 1 cannot have children, push it as a split"
    );
    assert_eq!(
        text(&|tree| tree.send_missing_left(9)),
        "tree 1: node 9 does not exist, push it first"
    );
    assert_eq!(
        text(&|tree| {
            tree.push_leaf(&stats(1.0, &[1.0, 2.0]));
        }),
        "tree 1: node 5 has 2 values, expected 1"
    );
    assert_eq!(
        text(&|tree| tree.make_split(0, 2, 0.0)),
        "tree 1, node 0: splits on feature 2 of 2"
    );
    assert_eq!(
        text(&|tree| tree.make_split(0, 1, f64::NAN)),
        "tree 1, node 0: the threshold is `NaN`, it must be a number"
    );
    let one = |stats: NodeStats<'_>| {
        let mut tree = TreeBuilder::new(1);
        tree.push_leaf(&stats);
        ensemble(Comparison::Less, vec![tree]).unwrap_err().to_string()
    };
    assert_eq!(
        one(stats(-1.0, &[0.0])),
        "tree 0, node 0: the cover is `-1`, it must be at least 0"
    );
    assert_eq!(
        one(NodeStats { impurity: f64::NAN, ..stats(1.0, &[0.0]) }),
        "tree 0, node 0: the impurity is `NaN`, it must be at least 0"
    );
    assert_eq!(
        one(stats(1.0, &[f64::INFINITY])),
        "tree 0, node 0: a value is `inf`, it must be finite"
    );
    assert_eq!(
        ensemble(Comparison::Less, vec![TreeBuilder::new(1)]).unwrap_err().to_string(),
        "tree 0 has 0 nodes, it must have 1 to 4294967294"
    );
    assert_eq!(
        ensemble(Comparison::Less, vec![]).unwrap_err().to_string(),
        "the ensemble has no trees, add at least one"
    );
    assert_eq!(
        Ensemble::builder(0, 1, Comparison::Less).build().unwrap_err().to_string(),
        "`n_features` is `0`, it must be at least 1"
    );
    let good = ensemble(Comparison::Less, vec![tree()]).unwrap();
    assert_eq!(
        good.predict_tree(1, array![[0.0, 0.0]].view()).unwrap_err().to_string(),
        "`tree` is `1`, it must be below the number of trees, 1"
    );
    assert_eq!(
        good.predict(array![[0.0]].view()).unwrap_err().to_string(),
        "the table has shape [1, 1], expected [1, 2]"
    );
    assert!(matches!(good.apply(array![[0.0]].view()), Err(Error::Shape { .. })));
}

#[test]
fn what_a_file_held_is_checked_again() {
    let good = ensemble(Comparison::LessEqual, vec![tree(), tree()]).unwrap();
    let json = serde_json::to_string(&good).unwrap();
    let read: Ensemble = serde_json::from_str(&json).unwrap();
    assert_eq!(read, good);
    read.validate().unwrap();
    let text = |edit: &dyn Fn(&mut Ensemble)| {
        let mut broken = good.clone();
        edit(&mut broken);
        broken.validate().unwrap_err().to_string()
    };
    let cover = "the ensemble's trees do not cover its 10 nodes one behind the other";
    assert_eq!(text(&|e| e.offsets[1] = 10), cover);
    assert_eq!(text(&|e| e.offsets[2] = 11), cover);
    let lengths = "the ensemble has 10 nodes, but not every array has one entry for each";
    let base = "the list of base scores has shape [1], expected [2]";
    assert_eq!(text(&|e| e.n_outputs = 2), base);
    assert_eq!(text(&|e| (e.n_outputs, e.base) = (2, vec![0.0; 2])), lengths);
    assert_eq!(text(&|e| e.nodes.cover.truncate(3)), lengths);
    assert_eq!(
        text(&|e| e.nodes.left[5] = 0),
        "tree 1, node 0: child 0 must lie after it, below 5"
    );
    assert_eq!(text(&|e| e.n_features = 1), "tree 0, node 2: splits on feature 1 of 1");
    assert_eq!(text(&|e| e.offsets.truncate(1)), "the ensemble has no trees, add at least one");
}

#[test]
fn categories_missing_values_and_single_precision_take_the_way_of_their_library() {
    let mut tree = TreeBuilder::new(1);
    let root = tree.push_category_split(0, &[1, 70], &stats(4.0, &[0.0]));
    let inside = tree.push_split(1, 0.3, &stats(2.0, &[0.0]));
    let outside = tree.push_leaf(&stats(2.0, &[5.0]));
    tree.connect(root, inside, outside);
    let (low, high) = (tree.push_leaf(&stats(1.0, &[1.0])), tree.push_leaf(&stats(1.0, &[2.0])));
    tree.connect(inside, low, high);
    tree.take_zero_for_missing(inside);
    tree.set_gain(root, 7.5);
    tree.set_id(high, 40);
    let rows = array![
        [1.0, 0.2],
        [70.5, 0.0],
        [1.0, f64::NAN],
        [2.0, 0.2],
        [f64::NAN, 0.2],
        [-1.0, 0.2],
        [1.0, 0.3]
    ];
    let build = |tree: &TreeBuilder, precision| {
        let mut builder = Ensemble::builder(2, 1, Comparison::LessEqual).with_precision(precision);
        builder.push_tree(tree.clone()).unwrap();
        builder.push_tree(tree.clone()).unwrap();
        builder.build().unwrap()
    };
    let double = build(&tree, Precision::F64);
    let predicted =
        |ensemble: &Ensemble| ensemble.predict(rows.view()).unwrap().into_raw_vec_and_offset().0;
    assert_eq!(predicted(&double), [1.0, 2.0, 2.0, 5.0, 5.0, 5.0, 1.0]);
    // 0.3 in single precision lies above 0.3 in double.
    assert_eq!(predicted(&build(&tree, Precision::F32)), [1.0, 2.0, 2.0, 5.0, 5.0, 5.0, 2.0]);
    assert_eq!((double.tree(1).gain(0), double.tree(1).id(4), double.tree(1).id(3)), (7.5, 40, 3));
    let Test::Categories(set) = double.tree(1).test(0) else { panic!("a split on categories") };
    assert_eq!(set.iter().collect::<Vec<_>>(), [1, 70]);
    assert_eq!(double.tree(1).test(1), Test::Threshold(0.3));
    tree.send_missing_left(0);
    tree.send_missing_left(1);
    let left = build(&tree, Precision::F64);
    assert_eq!(predicted(&left), [1.0, 1.0, 1.0, 5.0, 1.0, 5.0, 1.0]);
    tree.push_category_split(0, &[1 << 24], &stats(1.0, &[0.0]));
    let mut builder = Ensemble::builder(2, 1, Comparison::LessEqual);
    assert_eq!(
        builder.push_tree(tree).unwrap_err().to_string(),
        "tree 0: node 5 has a category above 16777215, the largest there is"
    );
}

#[test]
fn trees_for_one_output_each_are_summed_on_top_of_the_base() {
    let leaf = |value: f64| {
        let mut tree = TreeBuilder::new(1);
        tree.push_leaf(&stats(1.0, &[value]));
        tree
    };
    let empty = || {
        Ensemble::builder(1, 2, Comparison::Less)
            .with_aggregate(Aggregate::Sum)
            .with_base(vec![10.0, 20.0])
    };
    let mut builder = empty();
    for (output, value) in [(0, 1.0), (1, 2.0), (1, 3.0)] {
        builder.push_tree_for(output, leaf(value)).unwrap();
    }
    let text = |result: Result<()>| result.unwrap_err().to_string();
    assert_eq!(text(builder.push_tree_for(2, leaf(0.0))), "tree 3 is for output 2 of 2");
    assert_eq!(
        text(builder.push_tree(leaf(0.0))),
        "tree 3 is for all outputs, but the trees before it are for one each"
    );
    let ensemble = builder.build().unwrap();
    ensemble.validate().unwrap();
    assert_eq!(ensemble.predict(array![[0.0]].view()).unwrap(), array![[11.0, 25.0]]);
    assert_eq!(ensemble.predict_tree(2, array![[0.0]].view()).unwrap(), array![[0.0, 3.0]]);
    assert_eq!((ensemble.n_values(), ensemble.tree(1).output()), (1, Some(1)));
    let mut builder = empty();
    let mut vector = TreeBuilder::new(2);
    vector.push_leaf(&stats(1.0, &[1.0, 2.0]));
    builder.push_tree(vector).unwrap();
    assert_eq!(
        text(builder.push_tree_for(0, leaf(0.0))),
        "tree 1 is for one output, but the trees before it are for all"
    );
    assert_eq!(builder.build().unwrap().tree(0).output(), None);
    let base = empty().with_base(vec![f64::NAN, 0.0]).build().unwrap_err().to_string();
    assert_eq!(base, "a base score is `NaN`, it must be finite");
}

#[test]
fn a_mean_of_trees_for_one_output_each_runs_over_the_trees_of_that_output() {
    let build = |outputs: &[usize]| {
        let mut builder = Ensemble::builder(2, 2, Comparison::LessEqual);
        for (index, &output) in outputs.iter().enumerate() {
            let mut leaf = TreeBuilder::new(1);
            leaf.push_leaf(&stats(1.0, &[index as f64]));
            builder.push_tree_for(output, leaf).unwrap();
        }
        builder.build()
    };
    let mean = build(&[0, 1, 0, 1, 0, 1]).unwrap();
    assert_eq!(mean.predict(array![[0.0, 0.0]].view()).unwrap(), array![[2.0, 3.0]]);
    assert_eq!(mean.scale(), 1.0 / 3.0);
    for outputs in [&[0, 0, 1][..], &[0, 0], &[1]] {
        assert_eq!(
            build(outputs).unwrap_err().to_string(),
            "the ensemble is a mean, but its 2 outputs do not have as many trees each"
        );
    }
}

#[test]
fn a_split_like_another_sends_every_row_the_same_way() {
    let mut tree = TreeBuilder::new(1);
    let root = tree.push_category_split(0, &[2, 5], &stats(4.0, &[0.0]));
    tree.send_missing_left(root);
    let again = tree.push_split_like(root, &stats(2.0, &[0.0]));
    let leaves = [1.0, 2.0, 3.0].map(|value| tree.push_leaf(&stats(1.0, &[value])));
    tree.connect(root, again, leaves[0]);
    tree.connect(again, leaves[1], leaves[2]);
    let ensemble = ensemble(Comparison::LessEqual, vec![tree.clone()]).unwrap();
    let rows = array![[2.0, 0.0], [5.0, 0.0], [f64::NAN, 0.0], [1.0, 0.0]];
    assert_eq!(ensemble.predict(rows.view()).unwrap(), array![[2.0], [2.0], [2.0], [1.0]]);
    assert_eq!(ensemble.tree(0).test(0), ensemble.tree(0).test(1));
    assert_eq!(ensemble.sets.len(), 1);

    let leaf = leaves[0];
    tree.push_split_like(leaf, &stats(1.0, &[0.0]));
    let error = Ensemble::builder(2, 1, Comparison::LessEqual).push_tree(tree).unwrap_err();
    assert_eq!(error.to_string(), format!("tree 0: node {leaf} is no split, push it first"));
}
