//! CatBoost's JSON models, from `xtask/golden/trees_catboost.py`.

use fi_core::{Model as _, Output};
use fi_models::import::{Problem, catboost};
use fi_models::store::Stored;
use fi_models::tree::{Link, Test};

use crate::{assert_close, assert_leaves, golden, matrix, read, trees};

/// Every model, and what its predictions are.
const MODELS: [(&str, Link); 18] = [
    ("regression", Link::Identity),
    ("numeric", Link::Identity),
    ("nan-max", Link::Identity),
    ("weights", Link::Identity),
    ("ignored", Link::Identity),
    ("scaled", Link::Identity),
    ("with-pool", Link::Identity),
    ("quantile", Link::Identity),
    ("poisson", Link::Exp),
    ("tweedie", Link::Exp),
    ("logloss", Link::Logistic { slope: 1.0 }),
    ("multiclass", Link::Softmax),
    ("one-vs-all", Link::OneVsRest { slope: 1.0 }),
    ("multi-rmse", Link::Identity),
    ("multi-logloss", Link::Sigmoid { slope: 1.0 }),
    ("stumps", Link::Identity),
    ("depthwise", Link::Identity),
    ("lossguide", Link::Softmax),
];

fn model(name: &str) -> Stored {
    catboost(&read("catboost", &format!("{name}-model.json"))).unwrap()
}

#[test]
fn every_row_falls_into_the_same_leaves_and_gets_the_same_numbers() {
    for (name, link) in MODELS {
        let (stored, golden) = (model(name), golden("catboost", name));
        let (trees, rows) = (trees(&stored), matrix(&golden["rows"]));
        assert_eq!(trees.link(), link, "{name}");
        assert_leaves(name, trees.ensemble(), &rows, &matrix(&golden["leaves"]));
        let raw = trees.predict_raw(rows.view()).unwrap();
        assert_close(name, &raw, &matrix(&golden["raw"]), 1e-12);
        let predictions = stored.predict(rows.view()).unwrap();
        assert_close(name, &predictions, &matrix(&golden["predictions"]), 1e-12);
    }
}

#[test]
fn covers_of_children_sum_to_their_parents_and_all_rows_are_at_the_root() {
    for (name, _) in MODELS {
        let stored = model(name);
        let ensemble = trees(&stored).ensemble();
        assert!(ensemble.statistics().cover, "{name}");
        for tree in ensemble.trees() {
            assert_eq!(tree.cover(0), ensemble.tree(0).cover(0), "{name}");
            for node in 0..tree.n_nodes() {
                if let Some((left, right)) = tree.children(node) {
                    assert_eq!(tree.cover(node), tree.cover(left) + tree.cover(right), "{name}");
                }
            }
        }
        if name != "weights" {
            assert_eq!(ensemble.tree(0).cover(0), 400.0, "{name}");
        }
    }
}

#[test]
fn all_nodes_of_a_level_of_an_oblivious_tree_ask_the_same() {
    let stored = model("regression");
    let (mut categories, mut thresholds) = (0, 0);
    for tree in trees(&stored).ensemble().trees() {
        assert_eq!((tree.n_nodes(), tree.depth()), (15, 3));
        for level in 0..3 {
            let first = (1 << level) - 1;
            for node in first..=2 * first {
                assert_eq!(tree.test(node), tree.test(first));
                assert_eq!(tree.feature(node), tree.feature(first));
                assert_eq!(tree.missing_left(node), tree.missing_left(first));
                let (left, right) = tree.children(node).unwrap();
                match tree.test(node) {
                    Test::Threshold(_) => assert_eq!([left, right], [2 * node + 1, 2 * node + 2]),
                    // What is equal to the category has CatBoost's bit, but goes left.
                    Test::Categories(_) => assert_eq!([right, left], [2 * node + 1, 2 * node + 2]),
                }
            }
            match tree.test(first) {
                Test::Threshold(_) => thresholds += 1,
                Test::Categories(set) => {
                    assert_eq!(set.iter().count(), 1);
                    categories += 1;
                }
            }
        }
        assert_eq!((7..15).map(|leaf| tree.id(leaf)).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, 6, 7]);
    }
    assert!(categories > 0 && thresholds > 0);
}

#[test]
fn names_and_classes_are_kept() {
    let stored = model("numeric");
    assert_eq!(stored.feature_names, ["a", "b", "c", "d"]);
    assert_eq!(stored.class_names, None);
    assert_eq!(model("regression").feature_names, ["0", "1", "2", "3"]);
    let stored = model("multiclass");
    assert_eq!(
        stored.class_names.as_deref(),
        Some(&["high", "low", "middle"].map(String::from)[..])
    );
    assert_eq!(stored.output(), Output::Probabilities);
    let stored = model("logloss");
    assert_eq!(stored.class_names.as_deref(), Some(&["0", "1"].map(String::from)[..]));
    assert_eq!(trees(&model("multi-rmse")).ensemble().n_values(), 2);
}

#[test]
fn what_the_layout_cannot_hold_is_refused_with_a_remedy() {
    for (name, expected) in [
        (
            "ctr",
            "tree 0 splits on a statistic of categories (CTR), which fi does not read: train with \
             a larger `one_hot_max_size`, or encode the categories before",
        ),
        (
            "loss",
            "fi does not know how its loss `RMSEWithUncertainty` makes predictions of sums of \
             trees: remove `loss_function` from the file to read its raw values",
        ),
        (
            "text",
            "tree 0 tests whether `colour` is the text with the hash 3052168893, which is no \
             whole number below 131072: replace its categories by whole numbers from 0 and train \
             again",
        ),
        (
            "text-known",
            "tree 0 tests whether `colour` is `red`, which is no whole number below 131072: \
             replace its categories by whole numbers from 0 and train again",
        ),
    ] {
        let bytes = read("catboost", &format!("refused-{name}-model.json"));
        assert_eq!(catboost(&bytes).unwrap_err(), Problem::Unsupported(expected.into()), "{name}");
    }
}
