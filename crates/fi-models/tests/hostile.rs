//! Small files that ask for much: categories whose sets of bits are large, trees as deep as their
//! lists, circles and claims. Each importer's own tests hold what is particular to its format.

#![expect(clippy::unwrap_used, reason = "what does not fit fails the test")]

use fi_models::Fitted;
use fi_models::import::{catboost, lightgbm, onnx, scikit_learn, xgboost_json};
use fi_models::store::Stored;
use fi_models::tree::Trees;
use serde_json::{Value, json};

const LARGEST: u32 = (1 << 24) - 1;

fn trees(stored: Stored) -> Trees {
    match stored.model {
        Fitted::Trees(trees) => trees,
        other => panic!("{other:?}"),
    }
}

/// That a tree's node is refused because its categories take too much memory.
fn assert_too_large(problem: &str) {
    let (place, rest) = problem.split_once(": ").unwrap();
    assert!(place.starts_with("tree ") && place.contains(", node "), "{problem}");
    let sentence = "the numbers of its categories are too large for the size of the file, encode \
                    the categories as 0, 1, 2 and so on";
    assert_eq!(rest, sentence);
}

/// Lists of a tree whose splits go on to the right: left and right children.
fn chain(n_splits: usize) -> [Vec<i64>; 2] {
    let split = |node: usize| node.is_multiple_of(2) && node < 2 * n_splits;
    let child = |step: i64| {
        (0..=2 * n_splits).map(|node| if split(node) { node as i64 + step } else { -1 }).collect()
    };
    [child(1), child(2)]
}

fn of_scikit_learn(n_splits: usize, categories: &Value) -> Value {
    let [left, right] = chain(n_splits);
    let n = left.len();
    let sets: Vec<i64> =
        left.iter().map(|&left| if left < 0 || categories.is_null() { -1 } else { 0 }).collect();
    json!({
        "format": "fi-scikit-learn-trees", "version": 1, "model": "HistGradientBoostingRegressor",
        "n_features": 1, "n_outputs": 1, "loss": "squared_error", "base": [0.0],
        "categories": categories, "trees": [{
            "left": left, "right": right, "feature": vec![0; n],
            "threshold": (0..n).map(|node| node as f64).collect::<Vec<_>>(),
            "missing_left": vec![0; n], "cover": vec![1.0; n], "gain": vec![0.0; n],
            "value": (0..n).map(|node| node as f64).collect::<Vec<_>>(),
            "set": sets, "bits": [1, 0, 0, 0, 0, 0, 0, 0],
        }],
    })
}

fn of_xgboost(categories: &[u64]) -> Value {
    json!({ "learner": {
        "gradient_booster": { "name": "gbtree", "model": { "tree_info": [0], "trees": [{
            "left_children": [1, -1, -1], "right_children": [2, -1, -1],
            "split_indices": [0, 0, 0], "split_conditions": [0.0, 1.0, 2.0],
            "default_left": [0, 0, 0], "split_type": [1, 0, 0], "categories": categories,
            "categories_nodes": [0], "categories_segments": [0],
            "categories_sizes": [categories.len()], "tree_param": { "num_nodes": "3" },
        }] } },
        "learner_model_param": { "base_score": "0", "num_feature": "1" },
        "objective": { "name": "reg:squarederror" },
    } })
}

#[test]
fn a_category_beyond_all_that_can_be_told_apart_is_refused() {
    assert!(xgboost_json(of_xgboost(&[3]).to_string().as_bytes()).is_ok());
    for category in [1 << 24, 1 << 31, u64::from(u32::MAX)] {
        let file = of_xgboost(&[category]).to_string();
        let problem = xgboost_json(file.as_bytes()).unwrap_err().to_string();
        if category == 1 << 24 {
            assert!(problem.ends_with("has a category above 16777215, the largest there is"));
        } else {
            assert_too_large(&problem);
        }
        let file = of_scikit_learn(1, &json!([[category]])).to_string();
        let problem = scikit_learn(file.as_bytes()).unwrap_err().to_string();
        assert!(problem.contains("is a category and no whole number from 0 below 2^24"));
        let file = Operator { modes: vec![EQ], splits: vec![category as f32], ..stump() };
        let problem = onnx(&file.bytes()).unwrap_err().to_string();
        assert!(problem.contains("which is no category (a whole number from 0 below 2^24)"));
    }
}

#[test]
fn large_categories_of_scikit_learn_do_not_fill_the_memory() {
    let read = |n_splits, category: u32| {
        scikit_learn(of_scikit_learn(n_splits, &json!([[category]])).to_string().as_bytes())
    };
    assert!(read(40, 1000).is_ok());
    assert!(read(20, LARGEST).is_ok());
    assert_too_large(&read(40, LARGEST).unwrap_err().to_string());
}

#[test]
fn one_set_that_many_splits_of_lightgbm_share_does_not_fill_the_memory() {
    let words = format!("{}1", "0 ".repeat((1 << 19) - 1));
    let read = |n: usize| {
        let list = |f: &dyn Fn(usize) -> i64, n: usize| {
            (0..n).map(|i| f(i).to_string()).collect::<Vec<_>>().join(" ")
        };
        let next = |split: usize| if split + 1 < n { split as i64 + 1 } else { -1 - n as i64 };
        let text = format!(
            "tree\nversion=v4\nnum_tree_per_iteration=1\nmax_feature_idx=0\nobjective=regression\n\
             feature_names=colour\n\nTree=0\nnum_leaves={}\nnum_cat=1\nsplit_feature={}\n\
             threshold={}\ndecision_type={}\nleft_child={}\nright_child={}\nleaf_value={}\n\
             cat_boundaries=0 524288\ncat_threshold={words}\n\nend of trees\n",
            n + 1,
            list(&|_| 0, n),
            list(&|_| 0, n),
            list(&|_| 1, n),
            list(&|split| -1 - split as i64, n),
            list(&next, n),
            list(&|leaf| leaf as i64, n + 1),
        );
        lightgbm(text.as_bytes())
    };
    assert!(read(8).is_ok());
    assert_too_large(&read(100).unwrap_err().to_string());
}

#[test]
fn many_splits_of_catboost_on_large_categories_do_not_fill_the_memory() {
    // The hash of 98765, one of the largest numbers that are tried.
    let split = r#"{"split_type":"OneHotFeature","cat_feature_index":0,"value":-1593606444}"#;
    let tree =
        format!(r#"{{"leaf_values":[{}0],"splits":[{}]}}"#, "0,".repeat(15), [split; 4].join(","));
    let read = |n_trees: usize| {
        let text = format!(
            r#"{{"features_info":{{"categorical_features":[{{"feature_id":"","feature_index":0,
            "flat_feature_index":0}}]}},"oblivious_trees":[{}]}}"#,
            vec![tree.as_str(); n_trees].join(",")
        );
        catboost(text.as_bytes())
    };
    assert!(read(10).is_ok());
    assert_too_large(&read(3000).unwrap_err().to_string());
}

const LEQ: u8 = 0;
const EQ: u8 = 4;
const MEMBER: u8 = 6;

/// ONNX's `TreeEnsemble`, put together by hand.
#[derive(Clone)]
struct Operator {
    modes: Vec<u8>,
    splits: Vec<f32>,
    true_ids: Vec<i64>,
    false_ids: Vec<i64>,
    true_leafs: Vec<i64>,
    false_leafs: Vec<i64>,
    targets: Vec<i64>,
    weights: Vec<f32>,
    roots: Vec<i64>,
    members: Vec<f32>,
    features: Vec<i64>,
    n_targets: i64,
}

/// One split and two leaves.
fn stump() -> Operator {
    Operator {
        modes: vec![LEQ],
        splits: vec![0.5],
        true_ids: vec![0],
        false_ids: vec![1],
        true_leafs: vec![1],
        false_leafs: vec![1],
        targets: vec![0, 0],
        weights: vec![1.0, 2.0],
        roots: vec![0],
        members: vec![],
        features: vec![0],
        n_targets: 1,
    }
}

/// Splits that go on where they are false, all alike.
fn long(n: usize, mode: u8, split: f32) -> Operator {
    let last = |node: usize| node + 1 == n;
    Operator {
        modes: vec![mode; n],
        splits: vec![split; n],
        true_ids: (0..n as i64).collect(),
        false_ids: (1..=n as i64).collect(),
        true_leafs: vec![1; n],
        false_leafs: (0..n).map(|node| i64::from(last(node))).collect(),
        targets: vec![0; n + 1],
        weights: (0..=n).map(|leaf| leaf as f32).collect(),
        features: vec![0; n],
        ..stump()
    }
}

fn number(mut value: u64, to: &mut Vec<u8>) {
    while value >= 128 {
        to.push(value as u8 | 128);
        value >>= 7;
    }
    to.push(value as u8);
}

/// A field of protobuf with these bytes.
fn field(tag: u64, bytes: &[u8]) -> Vec<u8> {
    let mut field = Vec::new();
    number(tag << 3 | 2, &mut field);
    number(bytes.len() as u64, &mut field);
    field.extend(bytes);
    field
}

fn integer(tag: u64, value: i64) -> Vec<u8> {
    let mut field = Vec::new();
    number(tag << 3, &mut field);
    number(value as u64, &mut field);
    field
}

impl Operator {
    fn bytes(&self) -> Vec<u8> {
        let named =
            |name: &str, value: Vec<u8>| field(5, &[field(1, name.as_bytes()), value].concat());
        let ints = |name: &str, values: &[i64]| {
            named(name, values.iter().flat_map(|&value| integer(8, value)).collect())
        };
        let tensor = |name: &str, kind: i64, raw: &[u8]| {
            named(name, field(5, &[integer(2, kind), field(9, raw)].concat()))
        };
        let floats = |name: &str, values: &[f32]| {
            let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            tensor(name, 1, &raw)
        };
        let node = [
            field(1, b"x"),
            field(2, b"y"),
            field(4, b"TreeEnsemble"),
            ints("nodes_featureids", &self.features),
            ints("nodes_truenodeids", &self.true_ids),
            ints("nodes_falsenodeids", &self.false_ids),
            ints("nodes_trueleafs", &self.true_leafs),
            ints("nodes_falseleafs", &self.false_leafs),
            ints("leaf_targetids", &self.targets),
            ints("tree_roots", &self.roots),
            tensor("nodes_modes", 2, &self.modes),
            floats("nodes_splits", &self.splits),
            floats("leaf_weights", &self.weights),
            floats("membership_values", &self.members),
            named("n_targets", integer(3, self.n_targets)),
        ]
        .concat();
        let graph = [field(1, &node), field(11, &field(1, b"x"))].concat();
        [integer(1, 10), field(7, &graph)].concat()
    }
}

#[test]
fn an_operator_of_onnx_that_does_not_hold_together_is_told_in_one_sentence() {
    assert_eq!(trees(onnx(&stump().bytes()).unwrap()).ensemble().n_nodes(), 3);
    let two = || long(2, LEQ, 0.5);
    let set = |members: Vec<f32>| Operator { modes: vec![MEMBER], members, ..stump() };
    let nan = f32::NAN;
    assert!(onnx(&set(vec![3.0, nan]).bytes()).is_ok());
    let cases = [
        (Operator { roots: vec![], ..stump() }, "no tree has the node 0"),
        (Operator { roots: vec![1], ..stump() }, "tree 0 starts at node 1 of 1"),
        (Operator { roots: vec![-1], ..stump() }, "tree 0 starts at node -1 of 1"),
        (Operator { roots: vec![0, 0], ..stump() }, "two splits or trees lead to node 0"),
        (Operator { false_ids: vec![0, 2], ..two() }, "two splits or trees lead to node 0"),
        (Operator { roots: vec![1], ..two() }, "no tree has the node 0"),
        (Operator { true_ids: vec![2], ..stump() }, "node 0 leads to leaf 2, which does not exist"),
        (
            Operator { false_ids: vec![-1], ..stump() },
            "node 0 leads to leaf -1, which does not exist",
        ),
        (
            Operator { false_ids: vec![i64::MAX, 2], ..two() },
            "node 0 leads to node 9223372036854775807, which does not exist",
        ),
        (Operator { features: vec![-1], ..stump() }, "a node splits on feature -1"),
        (Operator { features: vec![1 << 40], ..stump() }, "a node splits on feature 1099511627776"),
        (Operator { targets: vec![0, 1], ..stump() }, "a leaf weight is for output 1 of 1"),
        (
            Operator { targets: vec![0], ..stump() },
            "it has 2 `leaf_weights` and 1 `leaf_targetids`",
        ),
        (
            Operator { n_targets: i64::MAX, ..stump() },
            "it has 2 leaf weights for 9223372036854775807 outputs",
        ),
        (Operator { n_targets: -1, ..stump() }, "it has 2 leaf weights for 0 outputs"),
        (Operator { splits: vec![], ..stump() }, "it has 1 `nodes_modes` and 0 `nodes_splits`"),
        (
            Operator { true_leafs: vec![1, 1], ..stump() },
            "it has 1 `nodes_modes` and 2 `nodes_trueleafs`",
        ),
        (
            Operator { splits: vec![nan], ..stump() },
            "tree 0, node 0: the threshold is `NaN`, it must be a number",
        ),
        (
            Operator { weights: vec![1.0, nan], ..stump() },
            "tree 0, node 2: a value is `NaN`, it must be finite",
        ),
        (set(vec![]), "`membership_values` has 0 sets for 1 splits on sets"),
        (set(vec![1.0, nan, 2.0, nan]), "`membership_values` has 2 sets for 1 splits on sets"),
    ];
    for (operator, sentence) in cases {
        let problem = onnx(&operator.bytes()).unwrap_err().to_string();
        assert_eq!(problem, format!("it is damaged: {sentence}"));
    }
    let problem = onnx(&Operator { modes: vec![7], ..stump() }.bytes()).unwrap_err().to_string();
    assert_eq!(problem, "nodes_modes `7` is none of those that fi can express");
}

#[test]
fn an_operator_of_onnx_cut_anywhere_or_changed_is_one_sentence() {
    let bytes = long(3, EQ, 2.0).bytes();
    assert!(onnx(&bytes).is_ok());
    for length in 0..bytes.len() {
        let problem = onnx(&bytes[..length]).unwrap_err().to_string();
        assert!(problem.starts_with("it is damaged: "), "{length}: {problem}");
        assert!(!problem.contains('\n') && problem.len() < 400, "{length}: {problem}");
    }
    for place in 0..bytes.len() {
        for byte in [0, 1, 127, 128, 255] {
            let mut changed = bytes.clone();
            changed[place] = byte;
            match onnx(&changed) {
                Ok(stored) => stored.validate().unwrap(),
                Err(problem) => assert!(!problem.to_string().contains('\n'), "{problem}"),
            }
        }
    }
}

#[test]
fn large_categories_of_onnx_do_not_fill_the_memory() {
    let read = |n, category: u32| onnx(&long(n, EQ, category as f32).bytes());
    assert!(read(40, 1000).is_ok());
    assert!(read(20, LARGEST).is_ok());
    assert_too_large(&read(40, LARGEST).unwrap_err().to_string());
    let members = [LARGEST as f32, f32::NAN].repeat(40);
    let problem = onnx(&Operator { members, ..long(40, MEMBER, 0.0) }.bytes()).unwrap_err();
    assert_too_large(&problem.to_string());
}

#[test]
fn outputs_that_only_make_room_for_zeros_are_refused() {
    // 6,000 leaves for as many outputs: one tree of them would hold 72 million numbers.
    let n = 6_000;
    let operator = Operator {
        targets: (0..=n as i64).collect(),
        n_targets: n as i64 + 1,
        ..long(n, LEQ, 0.5)
    };
    let problem = onnx(&operator.bytes()).unwrap_err().to_string();
    let sentence = "12001 nodes with 6001 outputs each are too many for 6001 leaf weights: convert \
                    one model for each output";
    assert_eq!(problem, sentence);
}

#[test]
fn a_tree_may_be_as_deep_as_it_has_nodes() {
    let n = 100_000;
    let of_onnx = trees(onnx(&long(n, LEQ, 0.5).bytes()).unwrap());
    let tree = of_onnx.ensemble().tree(0);
    assert_eq!(tree.depth(), n);
    assert_eq!(tree.value(tree.leaf(&[1.0])), [n as f64]);
    assert_eq!(tree.value(tree.leaf(&[0.0])), [0.0]);

    let file = of_scikit_learn(n, &Value::Null).to_string();
    let of_scikit_learn = trees(scikit_learn(file.as_bytes()).unwrap());
    let tree = of_scikit_learn.ensemble().tree(0);
    assert_eq!(tree.depth(), n);
    assert_eq!(tree.value(tree.leaf(&[1e9])), [2.0 * n as f64]);
    assert_eq!(tree.value(tree.leaf(&[-1.0])), [1.0]);
}

#[test]
fn thresholds_and_values_of_scikit_learn_must_be_numbers() {
    let file = of_scikit_learn(1, &Value::Null).to_string();
    for (from, to) in [("\"threshold\":[0.0", "\"threshold\":[NaN"), ("[0.0,1.0,2.0]", "[1e999]")] {
        assert!(file.contains(from), "{from}");
        let problem = scikit_learn(file.replace(from, to).as_bytes()).unwrap_err().to_string();
        assert!(problem.starts_with("it is damaged: not the JSON of the export, "), "{problem}");
    }
}
