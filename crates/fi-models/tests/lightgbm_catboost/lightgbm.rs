//! LightGBM's text models, from `xtask/golden/trees_lightgbm.py`.

use fi_core::{Model as _, Output};
use fi_models::import::{Problem, lightgbm};
use fi_models::tree::{Aggregate, Link, split_count};
use ndarray::{Array2, aview1};

use crate::{assert_close, assert_leaves, golden, list, matrix, read, trees};

/// Every model, and what its predictions are.
const MODELS: [(&str, Link); 24] = [
    ("regression", Link::Identity),
    ("no-average", Link::Identity),
    ("numeric", Link::Identity),
    ("zero-as-missing", Link::Identity),
    ("no-missing", Link::Identity),
    ("one-hot", Link::Identity),
    ("quantile", Link::Identity),
    ("poisson", Link::Exp),
    ("gamma", Link::Exp),
    ("tweedie", Link::Exp),
    ("binary", Link::Logistic { slope: 1.0 }),
    ("sigmoid", Link::Logistic { slope: 0.6 }),
    ("cross-entropy", Link::Sigmoid { slope: 1.0 }),
    ("multiclass", Link::Softmax),
    ("one-vs-all", Link::OneVsRest { slope: 1.7 }),
    ("rank", Link::Identity),
    ("dart", Link::Identity),
    ("forest", Link::Identity),
    ("forest-binary", Link::Logistic { slope: 1.0 }),
    ("forest-multiclass", Link::Softmax),
    ("monotone", Link::Identity),
    ("single-leaf", Link::Identity),
    ("single-leaves", Link::Softmax),
    ("custom", Link::Identity),
];

#[test]
fn every_row_falls_into_the_same_leaves_and_gets_the_same_numbers() {
    for (name, link) in MODELS {
        let stored = lightgbm(&read("lightgbm", &format!("{name}.txt"))).unwrap();
        let golden = golden("lightgbm", name);
        let (model, rows) = (trees(&stored), matrix(&golden["rows"]));
        assert_eq!(model.link(), link, "{name}");
        assert_leaves(name, model.ensemble(), &rows, &matrix(&golden["leaves"]));

        let raw = model.predict_raw(rows.view()).unwrap();
        assert_close(name, &raw, &matrix(&golden["raw"]), 1e-12);
        let mut predictions = stored.predict(rows.view()).unwrap();
        if let Link::Logistic { .. } = link {
            // LightGBM answers the second class only.
            let second = predictions.column(1).to_owned();
            predictions = second.insert_axis(ndarray::Axis(1));
        }
        assert_close(name, &predictions, &matrix(&golden["predictions"]), 1e-12);
    }
}

#[test]
fn importances_are_the_librarys() {
    for (name, _) in MODELS {
        let stored = lightgbm(&read("lightgbm", &format!("{name}.txt"))).unwrap();
        let golden = golden("lightgbm", name);
        let ensemble = trees(&stored).ensemble();
        let mut gains = vec![0.0; ensemble.n_features()];
        for tree in ensemble.trees() {
            for node in (0..tree.n_nodes()).filter(|&node| !tree.is_leaf(node)) {
                gains[tree.feature(node)] += tree.gain(node);
            }
        }
        let columns = |values: &[f64]| Array2::from(vec![[0.0; 4]; 1]) + aview1(values);
        // The order of the sum is another one.
        assert_close(name, &columns(&gains), &columns(&list(&golden["gain"])), 1e-12);
        let counts = split_count(ensemble, &stored.feature_names).unwrap();
        assert_eq!(counts.values, list(&golden["split"]), "{name}");
    }
}

#[test]
fn covers_of_children_sum_to_their_parents() {
    for (name, _) in MODELS {
        let stored = lightgbm(&read("lightgbm", &format!("{name}.txt"))).unwrap();
        let ensemble = trees(&stored).ensemble();
        assert!(ensemble.statistics().cover && ensemble.statistics().gain, "{name}");
        for tree in ensemble.trees() {
            for node in 0..tree.n_nodes() {
                if let Some((left, right)) = tree.children(node) {
                    assert_eq!(tree.cover(node), tree.cover(left) + tree.cover(right), "{name}");
                }
            }
        }
    }
}

#[test]
fn names_classes_and_the_kind_of_sum_are_kept() {
    let stored = lightgbm(&read("lightgbm", "forest-multiclass.txt")).unwrap();
    assert_eq!(stored.feature_names, ["Column_0", "Column_1", "Column_2", "Column_3"]);
    assert_eq!(stored.class_names.as_deref(), Some(&["0", "1", "2"].map(String::from)[..]));
    assert_eq!(stored.output(), Output::Probabilities);
    let ensemble = trees(&stored).ensemble();
    assert_eq!((ensemble.aggregate(), ensemble.n_trees()), (Aggregate::Mean, 12));
    // The mean runs over the 4 trees of an output.
    assert_eq!(ensemble.scale(), 0.25);
    let stored = lightgbm(&read("lightgbm", "regression.txt")).unwrap();
    assert_eq!(stored.class_names, None);
    assert!(trees(&stored).ensemble().has_categories());
}

#[test]
fn what_the_layout_cannot_hold_is_refused_with_a_remedy() {
    for (name, expected) in [
        (
            "linear",
            "tree 0 has linear models in its leaves, which fi does not read: train with \
             `linear_tree=false`",
        ),
        (
            "square-root",
            "it was trained with `reg_sqrt`, whose predictions are squares of sums of trees: \
             train on the square roots of the target without `reg_sqrt`",
        ),
        (
            "cross-entropy-lambda",
            "its objective `cross_entropy_lambda` predicts intensities by a link that fi does \
             not have: train with `cross_entropy`",
        ),
    ] {
        let problem = lightgbm(&read("lightgbm", &format!("refused-{name}.txt"))).unwrap_err();
        assert_eq!(problem, Problem::Unsupported(expected.into()), "{name}");
    }
}
