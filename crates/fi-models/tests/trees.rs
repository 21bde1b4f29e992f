//! Our trees against scikit-learn's: the same tree where the best splits are unique, forests
//! that score the same within noise. The numbers come from `xtask/golden/trees.py` and
//! `xtask/golden/growing.py`.

#![expect(clippy::unwrap_used, reason = "what does not fit fails the test")]

use std::path::PathBuf;

use fi_core::{Dataset, Model, Run, Target};
use fi_models::tree::{ClassWeight, Criterion, DecisionTree, RandomForest, Tree, impurity};
use ndarray::{Array2, ArrayView1};
use serde_json::Value;

fn golden() -> Value {
    serde_json::from_str(include_str!("golden/trees.json")).unwrap()
}

/// Missing values, class weights, pruning: from `xtask/golden/growing.py`.
fn growing() -> Value {
    serde_json::from_str(include_str!("golden/growing/trees.json")).unwrap()
}

/// Numbers; null is a missing one.
fn floats(value: &Value) -> Vec<f64> {
    let number = |x: &Value| if x.is_null() { f64::NAN } else { x.as_f64().unwrap() };
    value.as_array().unwrap().iter().map(number).collect()
}

fn table(value: &Value) -> Array2<f64> {
    let rows: Vec<Vec<f64>> = value.as_array().unwrap().iter().map(floats).collect();
    let n_columns = rows[0].len();
    Array2::from_shape_vec((rows.len(), n_columns), rows.concat()).unwrap()
}

fn case(case: &Value) -> (DecisionTree, Dataset) {
    let limit = |name: &str| case["limits"][name].as_u64().map(|n| n as usize);
    let criterion = match case["criterion"].as_str().unwrap() {
        "gini" => Criterion::Gini,
        "entropy" => Criterion::Entropy,
        _ => Criterion::SquaredError,
    };
    let share = |name: &str| case["limits"][name].as_f64().unwrap_or(0.0);
    let class_weight = match &case["limits"]["class_weight"] {
        Value::Null => ClassWeight::None,
        Value::String(_) => ClassWeight::Balanced,
        weights => {
            let weights = weights.as_object().unwrap().values();
            ClassWeight::Weights(weights.map(|weight| weight.as_f64().unwrap()).collect())
        }
    };
    let learner = DecisionTree {
        criterion,
        class_weight,
        min_weight_fraction_leaf: share("min_weight_fraction_leaf"),
        ccp_alpha: share("ccp_alpha"),
        max_depth: limit("max_depth"),
        max_leaf_nodes: limit("max_leaf_nodes"),
        min_samples_split: limit("min_samples_split").unwrap_or(2),
        min_samples_leaf: limit("min_samples_leaf").unwrap_or(1),
        min_impurity_decrease: share("min_impurity_decrease"),
        ..DecisionTree::default()
    };
    let values = floats(&case["target"]);
    let target = if criterion == Criterion::SquaredError {
        Target::Values(values)
    } else {
        let labels: Vec<usize> = values.iter().map(|&class| class as usize).collect();
        let n_classes = labels.iter().max().unwrap() + 1;
        Target::Classes { labels, names: (0..n_classes).map(|class| class.to_string()).collect() }
    };
    let data = Dataset::new(table(&case["rows"]), target).unwrap();
    match &case["weights"] {
        Value::Null => (learner, data),
        weights => (learner, data.with_weights(floats(weights)).unwrap()),
    }
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-12 * b.abs().max(1.0)
}

/// Walks both trees side by side: they number their nodes differently.
fn assert_same(name: &str, weighted: bool, ours: Tree<'_>, theirs: &Value) {
    let at = |key: &str, node: usize| theirs[key][node].as_f64().unwrap();
    assert_eq!(ours.n_nodes(), theirs["left"].as_array().unwrap().len(), "{name}");
    let mut open = vec![(0, 0)];
    while let Some((a, b)) = open.pop() {
        assert!(close(ours.cover(a), at("cover", b)), "{name}: cover of {a}");
        assert!(close(ours.impurity(a), at("impurity", b)), "{name}: impurity of {a}");
        let value = floats(&theirs["value"][b]);
        let same = ours.value(a).iter().zip(&value).all(|(&a, &b)| close(a, b));
        assert!(same && ours.value(a).len() == value.len(), "{name}: value of {a}");
        match ours.children(a) {
            None => assert_eq!(at("left", b), -1.0, "{name}: {a} is a leaf"),
            Some((left, right)) => {
                assert_eq!(ours.feature(a) as f64, at("feature", b), "{name}: feature of {a}");
                // Missing values against all others: above every number.
                let threshold = theirs["threshold"][b].as_f64().unwrap_or(f64::MAX);
                assert_eq!(ours.threshold(a), threshold, "{name}: threshold of {a}");
                if !weighted {
                    // With weights scikit-learn compares numbers of rows, we their weights.
                    let missing = theirs["missing_left"][b].as_bool().unwrap();
                    assert_eq!(ours.missing_left(a), missing, "{name}: missing values of {a}");
                }
                open.push((left, at("left", b) as usize));
                open.push((right, at("right", b) as usize));
            }
        }
    }
}

#[test]
fn trees_are_those_of_scikit_learn() {
    let (golden, growing) = (golden(), growing());
    let cases = |golden: &Value| golden["trees"].as_array().unwrap().clone();
    let cases = [cases(&golden), cases(&growing)].concat();
    assert_eq!(cases.len(), 22);
    for golden in &cases {
        let name = golden["name"].as_str().unwrap();
        let (learner, data) = case(golden);
        for seed in 0..3 {
            let fitted = learner.fit(&Run::new(seed), &data).unwrap();
            let weighted = data.weights().is_some() || !golden["limits"]["class_weight"].is_null();
            assert_same(name, weighted, fitted.ensemble().tree(0), &golden["tree"]);
            let ours = impurity(fitted.ensemble(), data.feature_names()).unwrap().values;
            let theirs = floats(&golden["importances"]);
            assert!(ours.iter().zip(&theirs).all(|(&a, &b)| close(a, b)), "{name}: {ours:?}");
        }
    }
}

#[test]
fn pruning_takes_the_steps_of_scikit_learn() {
    let growing = growing();
    let mut n_paths = 0;
    for golden in growing["trees"].as_array().unwrap() {
        if golden["ccp_alphas"].is_null() {
            continue;
        }
        n_paths += 1;
        let (learner, data) = case(golden);
        let path = learner.cost_complexity_pruning_path(&Run::new(0), &data).unwrap();
        for (ours, theirs) in
            [(&path.ccp_alphas, &golden["ccp_alphas"]), (&path.impurities, &golden["impurities"])]
        {
            let theirs = floats(theirs);
            assert_eq!(ours.len(), theirs.len());
            assert!(ours.iter().zip(&theirs).all(|(&a, &b)| close(a, b)), "{ours:?} {theirs:?}");
        }
    }
    assert_eq!(n_paths, 2);
}

/// One of the project's data sets.
fn dataset(name: &str) -> Dataset {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../datasets");
    let mut reader = csv::Reader::from_path(root.join(format!("{name}.csv"))).unwrap();
    let (mut cells, mut targets) = (Vec::new(), Vec::new());
    for record in reader.records() {
        let record = record.unwrap();
        let target = &record[record.len() - 1];
        let features = record.iter().take(record.len() - 1);
        cells.extend(features.map(|cell| cell.parse::<f64>().unwrap()));
        targets.push(target.to_owned());
    }
    let n_rows = targets.len();
    let rows = Array2::from_shape_vec((n_rows, cells.len() / n_rows), cells).unwrap();
    let target = if name == "diabetes" {
        Target::Values(targets.iter().map(|cell| cell.parse().unwrap()).collect())
    } else {
        let mut names = targets.clone();
        names.sort();
        names.dedup();
        let label = |cell: &String| names.iter().position(|name| name == cell).unwrap();
        Target::Classes { labels: targets.iter().map(label).collect(), names }
    };
    Dataset::new(rows, target).unwrap()
}

/// 5 folds, each with its share of every class; rows in random order.
fn folds(data: &Dataset, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..data.n_rows()).collect();
    Run::new(seed).rng(0).shuffle(&mut order);
    if let Some(labels) = data.target().labels() {
        order.sort_by_key(|&row| labels[row]);
    }
    let mut folds = vec![0; data.n_rows()];
    order.iter().enumerate().for_each(|(place, &row)| folds[row] = place % 5);
    folds
}

/// The mean accuracy or R² over the folds.
fn cross_validated(data: &Dataset, learner: &RandomForest, seed: u64) -> f64 {
    let folds = folds(data, seed);
    let scores = (0..5).map(|fold| {
        let rows = |test: bool| -> Vec<usize> {
            (0..data.n_rows()).filter(|&row| (folds[row] == fold) == test).collect()
        };
        let (training, test) =
            (data.select_rows(&rows(false)).unwrap(), data.select_rows(&rows(true)).unwrap());
        let forest = learner.fit(&Run::new(seed), &training).unwrap();
        let predictions = forest.predict(test.rows()).unwrap();
        match test.target() {
            Target::Classes { labels, .. } => {
                let predicted = |shares: ArrayView1<'_, f64>| {
                    let better = |best, k| if shares[k] > shares[best] { k } else { best };
                    (1..shares.len()).fold(0, better)
                };
                let hit =
                    |&(row, &label): &(usize, &usize)| predicted(predictions.row(row)) == label;
                let hits = labels.iter().enumerate().filter(hit).count();
                hits as f64 / labels.len() as f64
            }
            Target::Values(values) => {
                let mean = values.iter().sum::<f64>() / values.len() as f64;
                let residual: f64 =
                    values.iter().zip(predictions.column(0)).map(|(y, p)| (y - p).powi(2)).sum();
                1.0 - residual / values.iter().map(|y| (y - mean).powi(2)).sum::<f64>()
            }
        }
    });
    scores.sum::<f64>() / 5.0
}

#[test]
fn forests_score_as_scikit_learns_within_noise() {
    let golden = golden();
    for (name, n_seeds) in
        [("iris", 10), ("wine", 10), ("breast-cancer", 5), ("digits", 2), ("diabetes", 3)]
    {
        let data = dataset(name);
        let learner = match data.target() {
            Target::Classes { .. } => RandomForest::default(),
            Target::Values(_) => RandomForest::regression(),
        };
        let scores: Vec<f64> =
            (0..n_seeds).map(|seed| cross_validated(&data, &learner, seed)).collect();
        let ours = scores.iter().sum::<f64>() / n_seeds as f64;
        let theirs = &golden["forests"][name];
        let (mean, std) = (theirs["mean"].as_f64().unwrap(), theirs["std"].as_f64().unwrap());
        // Four standard errors of the difference of two means.
        let noise = std * (1.0 / 10.0 + 1.0 / n_seeds as f64).sqrt();
        assert!((ours - mean).abs() < 4.0 * noise, "{name}: {ours} against {mean}, {scores:?}");
    }
}
