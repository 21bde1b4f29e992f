//! XGBoost's own answers, from `xtask/golden/trees_xgboost.py`.

use fi_core::Model as _;
use ndarray::{Array2, array};
use serde::Deserialize;

use super::super::{xgboost_json, xgboost_ubjson};
use super::{bytes, folder, trees};
use crate::tree::{Comparison, Ensemble, Link, Precision, Test};

#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Finite(f64),
    Missing(String),
}

#[derive(Deserialize)]
struct Golden {
    rows: Vec<Vec<Number>>,
    leaves: Vec<Vec<usize>>,
    margins: Vec<Vec<f64>>,
    predictions: Vec<Vec<f64>>,
    scores: Option<Scores>,
}

#[derive(Deserialize)]
struct Scores {
    weight: Vec<f64>,
    total_gain: Vec<f64>,
    total_cover: Vec<f64>,
}

fn golden(name: &str) -> Golden {
    serde_json::from_slice(&bytes(&format!("{name}.golden.json"))).unwrap()
}

fn matrix(rows: &[Vec<f64>]) -> Array2<f64> {
    let flat = rows.iter().flatten().copied().collect();
    Array2::from_shape_vec((rows.len(), rows[0].len()), flat).unwrap()
}

impl Golden {
    fn rows(&self) -> Array2<f64> {
        let one = |number: &Number| match number {
            Number::Finite(x) => *x,
            Number::Missing(text) => text.parse().unwrap(),
        };
        let rows: Vec<Vec<f64>> =
            self.rows.iter().map(|row| row.iter().map(one).collect()).collect();
        matrix(&rows)
    }
}

/// Every model that the script wrote.
fn names() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .filter_map(|entry| {
            entry
                .unwrap()
                .file_name()
                .into_string()
                .unwrap()
                .strip_suffix(".golden.json")
                .map(String::from)
        })
        .collect();
    names.sort();
    names
}

/// XGBoost sums in single precision, in another order: this much of the largest partial sum.
const ROUNDING: f64 = 4e-7;

fn assert_near(ours: &Array2<f64>, theirs: &Array2<f64>, tolerance: f64, what: &str) {
    assert_eq!(ours.dim(), theirs.dim(), "{what}");
    for (index, (a, b)) in ours.iter().zip(theirs).enumerate() {
        assert!((a - b).abs() <= tolerance * b.abs().max(1.0), "{what} {index}: {a}, not {b}");
    }
}

/// Splits, gains and covers of the features, summed in the order of nodes.
fn statistics(ensemble: &Ensemble) -> [Vec<f64>; 3] {
    let mut sums = [(); 3].map(|()| vec![0.0; ensemble.n_features()]);
    for tree in ensemble.trees() {
        for node in (0..tree.n_nodes()).filter(|&node| !tree.is_leaf(node)) {
            let of = tree.feature(node);
            for (sums, one) in sums.iter_mut().zip([1.0, tree.gain(node), tree.cover(node)]) {
                sums[of] += one;
            }
        }
    }
    sums
}

#[test]
fn leaves_margins_predictions_and_statistics_are_those_of_xgboost() {
    let names = names();
    assert!(names.len() >= 45, "{names:?}");
    for name in &names {
        let golden = golden(name);
        let stored = xgboost_json(&bytes(&format!("{name}.json")))
            .unwrap_or_else(|problem| panic!("{name}: {problem}"));
        let rows = golden.rows();
        let trees = trees(&stored);
        let ensemble = trees.ensemble();
        assert_eq!(ensemble.comparison(), Comparison::Less);
        assert_eq!(ensemble.precision(), Precision::F32);

        let leaves = ensemble.apply(rows.view()).unwrap();
        for ((row, tree), &leaf) in leaves.indexed_iter() {
            let id = ensemble.tree(tree).id(leaf);
            assert_eq!(id, golden.leaves[row][tree], "{name}: row {row}, tree {tree}");
        }
        let margins = trees.predict_raw(rows.view()).unwrap();
        assert_near(&margins, &matrix(&golden.margins), ROUNDING, name);
        let predictions = stored.predict(rows.view()).unwrap();
        let theirs = matrix(&golden.predictions);
        match trees.link() {
            Link::Logistic { .. } => {
                let second = predictions.slice(ndarray::s![.., 1..]).to_owned();
                assert_near(&second, &theirs, 1e-6, name);
                assert!(predictions.rows().into_iter().all(|row| (row.sum() - 1.0).abs() < 1e-15));
            }
            // `multi:softmax` answers the most likely class.
            Link::Softmax if theirs.ncols() == 1 => {
                for (row, theirs) in predictions.rows().into_iter().zip(&theirs) {
                    let most = row.iter().copied().fold(0.0, f64::max);
                    assert_eq!(row[*theirs as usize], most, "{name}");
                }
            }
            _ => assert_near(&predictions, &theirs, 1e-6, name),
        }
        if let Some(scores) = golden.scores {
            let theirs = [scores.weight, scores.total_gain, scores.total_cover];
            for (ours, theirs) in statistics(ensemble).iter().zip(&theirs) {
                let row = |sums: &Vec<f64>| matrix(std::slice::from_ref(sums));
                assert_near(&row(ours), &row(theirs), 1e-6, name);
            }
        }
    }
}

#[test]
fn ubjson_gives_the_same_model_as_json() {
    let mut n_files = 0;
    for name in names() {
        let path = folder().join(format!("{name}.ubj"));
        let Ok(binary) = std::fs::read(path) else { continue };
        n_files += 1;
        let [a, b] = [
            xgboost_json(&bytes(&format!("{name}.json"))).unwrap(),
            xgboost_ubjson(&binary).unwrap(),
        ];
        assert_eq!(trees(&a), trees(&b), "{name}");
        assert_eq!((a.feature_names, a.class_names), (b.feature_names, b.class_names));
    }
    assert!(n_files >= 8, "{n_files}");
}

#[test]
fn names_links_and_statistics_come_with_the_model() {
    let load = |name: &str| xgboost_json(&bytes(&format!("{name}.json"))).unwrap();
    let stored = load("regression");
    assert_eq!(stored.feature_names, ["length", "width", "height", "rooms", "colour", "town"]);
    assert_eq!(stored.class_names, None);
    let statistics = trees(&stored).ensemble().statistics();
    assert_eq!((statistics.cover, statistics.impurity, statistics.gain), (true, false, true));

    let stored = load("multiclass");
    assert_eq!(stored.feature_names, ["x0", "x1", "x2", "x3", "x4", "x5"]);
    assert_eq!(stored.class_names, Some(["0", "1", "2"].map(String::from).to_vec()));
    assert_eq!(trees(&stored).link(), Link::Softmax);
    assert_eq!(load("logistic").class_names, Some(["0", "1"].map(String::from).to_vec()));
    for (name, link) in [
        ("logistic", Link::Logistic { slope: 1.0 }),
        ("sigmoid", Link::Sigmoid { slope: 1.0 }),
        ("labels", Link::Sigmoid { slope: 1.0 }),
        ("poisson", Link::Exp),
        ("cox", Link::Exp),
        ("ranking", Link::Identity),
        ("logitraw", Link::Identity),
    ] {
        assert_eq!(trees(&load(name)).link(), link, "{name}");
    }
    // XGBoost wrote no covers for leaves of several values then.
    let statistics = trees(&load("vector-3.0.5")).ensemble().statistics();
    assert!(!statistics.cover && !statistics.gain);
}

#[test]
fn pruned_nodes_are_left_out_and_the_others_keep_their_numbers() {
    let stored = xgboost_json(&bytes("pruned.json")).unwrap();
    let tree = trees(&stored).ensemble().tree(0);
    let ids: Vec<usize> = (0..tree.n_nodes()).map(|node| tree.id(node)).collect();
    assert_eq!(tree.n_nodes(), 57 - 22);
    assert!(ids.iter().any(|&id| id >= tree.n_nodes()), "{ids:?}");
    assert!(ids.iter().all(|&id| id < 57));
}

#[test]
fn infinities_and_odd_categories_go_where_xgboost_sends_them() {
    let stored = xgboost_json(&bytes("categorical.json")).unwrap();
    let ensemble = trees(&stored).ensemble();
    let (tree, node) = ensemble
        .trees()
        .flat_map(|tree| (0..tree.n_nodes()).map(move |node| (tree, node)))
        .find(|&(tree, node)| !tree.is_leaf(node) && matches!(tree.test(node), Test::Categories(_)))
        .unwrap();
    // XGBoost: listed right, all others left. The children are exchanged here.
    let Test::Categories(set) = tree.test(node) else { unreachable!() };
    assert!(set.iter().all(|category| tree.goes_left(node, f64::from(category))));
    for x in [-1.0, -0.5, 90.0, 1e9, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(!tree.goes_left(node, x), "{x}");
    }
    let stored = xgboost_json(&bytes("regression.json")).unwrap();
    let tree = trees(&stored).ensemble().tree(0);
    assert!(tree.goes_left(0, f64::NEG_INFINITY) && !tree.goes_left(0, f64::INFINITY));
    let threshold = tree.threshold(0);
    assert!(!tree.goes_left(0, threshold));
    // A number of double precision just below is that number in single precision.
    assert!(!tree.goes_left(0, threshold.next_down()));
    assert!(tree.goes_left(0, f64::from((threshold as f32).next_down())));
}

#[test]
fn base_scores_are_on_the_scale_of_the_objective() {
    let base = |name: &str| {
        let stored = xgboost_json(&bytes(&format!("{name}.json"))).unwrap();
        trees(&stored).ensemble().base().to_vec()
    };
    // All rows are of class 1, and XGBoost's base score of 1 stands for 1 − 10⁻⁶.
    assert!((base("certain")[0] - 13.745_160).abs() < 1e-5);
    assert_eq!(base("logistic-1.7.6").len(), 1);
    let several = base("vector");
    assert!(several.len() == 3 && several[0] != several[1]);
    let same = base("multiclass-1.7.6");
    assert_eq!(array![same[0], same[1], same[2]], array![0.5, 0.5, 0.5]);
}
