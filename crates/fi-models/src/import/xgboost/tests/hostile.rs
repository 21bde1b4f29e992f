//! Files that hold anything: one sentence each, no panic, no memory for claims.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::{Problem, xgboost_json, xgboost_ubjson};
use super::{bytes, trees};

const TREE: &str = "/learner/gradient_booster/model/trees/0";

fn model(name: &str) -> Value {
    serde_json::from_slice(&bytes(&format!("{name}.json"))).unwrap()
}

/// What is said of a model in which this value is replaced, or taken out by `null`.
fn problem(mut model: Value, pointer: &str, value: Value) -> String {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = model.pointer_mut(parent).unwrap();
    match parent {
        Value::Object(map) if value.is_null() => drop(map.remove(key).unwrap()),
        Value::Object(map) => drop(map.insert(key.into(), value)),
        list => list[key.parse::<usize>().unwrap()] = value,
    }
    match xgboost_json(&serde_json::to_vec(&model).unwrap()) {
        Ok(_) => panic!("{pointer} was read"),
        Err(problem) => problem.to_string(),
    }
}

#[test]
fn a_tree_that_does_not_hold_together_is_named() {
    let cases = [
        ("left_children/0", json!(0), "tree 0, node 0: two splits lead to it"),
        ("right_children/0", json!(1), "tree 0, node 1: two splits lead to it"),
        ("left_children/1", json!(0), "tree 0, node 0: two splits lead to it"),
        ("right_children/0", json!(-1), "tree 0, node 0: its child -1 is none of 31 nodes"),
        ("left_children/0", json!(31), "tree 0, node 0: its child 31 is none of 31 nodes"),
        ("split_indices/1", json!(6), "tree 0, node 1: it splits on feature 6 of 6"),
        ("default_left", json!([0]), "tree 0: `default_left` has 1 entries for 31 nodes"),
        ("split_type", json!([0]), "tree 0: `split_type` has 1 entries for 31 nodes"),
        ("sum_hessian", json!([1, 2]), "tree 0: `sum_hessian` has 2 entries for 31 nodes"),
        ("sum_hessian/0", json!(-1.0), "tree 0, node 0: the cover is `-1`, it must be at least 0"),
        ("left_children", json!([]), "tree 0: it has 0 nodes, but claims 31"),
        (
            "tree_param/num_nodes",
            json!("9223372036854775808"),
            "tree 0: it has 31 nodes, but claims 9223372036854775808",
        ),
        (
            "split_type/0",
            json!(1),
            "tree 0, node 0: it splits on categories, but `categories_nodes` does not list it",
        ),
        (
            "categories_nodes",
            json!([0]),
            "tree 0: `categories_nodes` has 1 entries, `categories_segments` 0 and `categories_sizes` 0",
        ),
    ];
    for (field, value, sentence) in cases {
        let expected = format!("it is damaged: {sentence}");
        assert_eq!(problem(model("regression"), &format!("{TREE}/{field}"), value), expected);
    }
    let sizes = "/categories_sizes/0";
    for value in [json!(1_000_000), json!(u64::MAX), json!(0)] {
        let said = problem(model("categorical"), &format!("{TREE}{sizes}"), value);
        let sentence = "it is damaged: tree 0: `categories_segments` and `categories_sizes` do not";
        assert!(said.starts_with(sentence), "{said}");
    }
    let said = problem(model("categorical"), &format!("{TREE}/categories/0"), json!(1 << 24));
    assert!(said.ends_with("has a category above 16777215, the largest there is"), "{said}");
    let said = problem(model("vector"), &format!("{TREE}/leaf_weights"), json!([1.0]));
    assert!(said.contains("is not among its `leaf_weights`") || said.contains("outputs"), "{said}");
    let said =
        problem(model("vector-3.2.0"), &format!("{TREE}/right_children/14"), json!(i32::MAX));
    assert!(said.ends_with("node 14: leaf 2147483647 is not among its `leaf_weights`"), "{said}");
}

#[test]
fn thresholds_and_leaves_must_be_numbers() {
    let text = String::from_utf8(bytes("regression.json")).unwrap();
    let at = text.find("\"split_conditions\":[").unwrap() + "\"split_conditions\":[".len();
    let end = at + text[at..].find(',').unwrap();
    let read = |literal: &str| {
        let changed = format!("{}{literal}{}", &text[..at], &text[end..]);
        xgboost_json(changed.as_bytes())
    };
    let said = read("NaN").unwrap_err().to_string();
    assert_eq!(said, "it is damaged: tree 0, node 0: its threshold is `NaN`, it must be a number");
    for (literal, threshold) in [("-Infinity", f64::NEG_INFINITY), ("Infinity", f64::INFINITY)] {
        let stored = read(literal).unwrap();
        assert_eq!(trees(&stored).ensemble().tree(0).threshold(0), threshold);
    }
    let last = text[..text.find("],\"split_indices\"").unwrap()].rfind(',').unwrap() + 1;
    let end = last + text[last..].find(']').unwrap();
    let changed = format!("{}Infinity{}", &text[..last], &text[end..]);
    let said = xgboost_json(changed.as_bytes()).unwrap_err().to_string();
    assert_eq!(said, "it is damaged: tree 0, node 30: its value is `inf`");
}

#[test]
fn a_model_that_cannot_be_held_is_refused_by_name() {
    let learner = |rest: &str| format!("/learner/{rest}");
    let param = |rest: &str| format!("/learner/learner_model_param/{rest}");
    let huge = json!("9223372036854775808");
    let cases = [
        (
            learner("objective/name"),
            json!("binary:hinge"),
            "its objective `binary:hinge` predicts labels without a score for them: train with `binary:logistic`",
        ),
        (
            learner("objective/name"),
            json!("mine"),
            "its objective `mine` is not known, so neither is what follows from its trees: train with one that XGBoost 1.7 to 3.4 has",
        ),
        (
            learner("gradient_booster/name"),
            json!("gblinear"),
            "it is a linear model (`booster=gblinear`), and only trees are read from XGBoost: train with `booster=gbtree`",
        ),
        (
            learner("gradient_booster/name"),
            json!("dart"),
            "it is damaged: its booster is `dart`, but it has no `weight_drop`",
        ),
        (
            learner("gradient_booster/name"),
            json!("x"),
            "its booster `x` is not known: train with `gbtree` or `dart`",
        ),
        (
            learner("gradient_booster/model/trees"),
            json!([]),
            "it has no trees: train it for at least one round",
        ),
        (
            learner("gradient_booster/model/tree_info"),
            json!([0]),
            "it is damaged: `tree_info` has 1 entries for 5 trees",
        ),
        (
            learner("gradient_booster/model/weight_drop"),
            json!([1]),
            "it is damaged: `weight_drop` has 1 entries for 5 trees",
        ),
        (
            learner("gradient_booster/model"),
            Value::Null,
            "it is damaged: its `gradient_booster` has no `model`",
        ),
        (
            param("num_class"),
            huge.clone(),
            "it is damaged: it claims 9223372036854775808 outputs, but its trees are for at most 5",
        ),
        (
            param("num_target"),
            json!("6"),
            "it is damaged: it claims 6 outputs, but its trees are for at most 5",
        ),
        (
            param("num_feature"),
            huge,
            "it is damaged: `feature_names` has 6 entries for 9223372036854775808 features",
        ),
        (param("base_score"), json!("[1,2]"), "it is damaged: it has 2 base scores for 1 outputs"),
        (
            param("base_score"),
            json!("inf"),
            "its base score is `inf` on the scale of the trees: set `base_score` to a number that its objective can have, and train again",
        ),
        (
            learner("feature_names/0"),
            json!("width"),
            "it is damaged: the feature name `width` is empty or double, give every feature its own name",
        ),
    ];
    for (pointer, value, sentence) in cases {
        assert_eq!(problem(model("regression"), &pointer, value), sentence, "{pointer}");
    }
    let said = problem(model("logistic"), &param("num_feature"), json!("9223372036854775808"));
    let sentence = "it has 9223372036854775808 features without names, 1 to 1048576 can be read: \
                    give the features names before training";
    assert_eq!(said, sentence);
    let said = problem(model("vector"), &learner("objective/name"), json!("reg:quantileerror"));
    assert!(said.contains("sorts the quantiles that it predicts for a row"), "{said}");
    let said = problem(model("vector"), &learner("objective/name"), json!("reg:expectileerror"));
    assert!(said.contains("sorts the expectiles that it predicts for a row"), "{said}");
    let said = problem(
        model("vector"),
        &format!("{TREE}/tree_param/size_leaf_vector"),
        json!("9223372036854775807"),
    );
    assert_eq!(said, "it is damaged: its leaves hold 9223372036854775807 values for 3 outputs");
    let said = problem(model("vector"), "/learner", Value::Null);
    assert!(said.starts_with("it is damaged: missing field `learner` at line 1"), "{said}");
}

#[test]
fn every_truncation_is_damage() {
    for (json, binary, step) in
        [("certain.json", "certain.ubj", 1), ("categorical.json", "categorical.ubj", 61)]
    {
        let (json, binary) = (bytes(json), bytes(binary));
        // Behind the last brace there is nothing, or one byte of white space.
        let whole = json.trim_ascii_end().len();
        for end in (0..whole).step_by(step) {
            let problem = xgboost_json(&json[..end]).unwrap_err();
            assert!(matches!(problem, Problem::Damaged(_)), "{end}: {problem}");
        }
        for end in (0..binary.len()).step_by(step) {
            let problem = xgboost_ubjson(&binary[..end]).unwrap_err();
            assert!(matches!(problem, Problem::Damaged(_)), "{end}: {problem}");
        }
    }
    let mut binary = bytes("certain.ubj");
    binary.push(b'}');
    let said = xgboost_ubjson(&binary).unwrap_err().to_string();
    assert!(
        said.starts_with("it is damaged: 1 bytes are left behind the model at byte "),
        "{said}"
    );
}

#[test]
fn absurd_lengths_are_not_believed() {
    let binary = bytes("categorical.ubj");
    let mut n_lengths = 0;
    for at in 0..binary.len() - 9 {
        // A length, or a byte of another number: that may still be a model.
        if binary[at] != b'L' {
            continue;
        }
        for length in [i64::MAX, i64::MIN, -1, 1 << 40, 1 << 62] {
            let mut changed = binary.clone();
            changed[at + 1..at + 9].copy_from_slice(&length.to_be_bytes());
            n_lengths += usize::from(xgboost_ubjson(&changed).is_err());
        }
    }
    assert!(n_lengths > 1000, "{n_lengths}");
    let key = b"{L\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFFlearner";
    let said = xgboost_ubjson(key).unwrap_err().to_string();
    let sentence =
        "it is damaged: a length of 9223372036854775807 where 7 bytes are left at byte 10";
    assert_eq!(said, sentence);
    for (value, sentence) in [
        (b"[$L#U\x05\0\0".as_slice(), "a length of 5 where 2 bytes are left"),
        (b"[$d#i\xFF", "a length of -1 where 0 bytes are left"),
        (b"[$Z#L\0\0\0\0\x7F\xFF\xFF\xFF", "an unknown marker `Z`"),
        (b"[$lU\x01", "a list of numbers without its length"),
        (b"SU\x09abc", "a length of 9 where 3 bytes are left"),
        (b"SU\x01\xFF", "a text that is not UTF-8"),
        (b"N", "an unknown marker `N`"),
    ] {
        let file = [b"{U\x01a".as_slice(), value].concat();
        let said = xgboost_ubjson(&file).unwrap_err().to_string();
        assert!(said.starts_with(&format!("it is damaged: {sentence} at byte ")), "{said}");
    }
    let nested = [b"{U\x01a".as_slice(), &vec![b'['; 100_000]].concat();
    let said = xgboost_ubjson(&nested).unwrap_err().to_string();
    assert!(said.starts_with("it is damaged: more than 64 lists are nested at byte "), "{said}");
    // serde_json passes over what is not asked for without recursion.
    let nested = ["{\"a\":", &"[".repeat(100_000)].concat();
    let said = xgboost_json(nested.as_bytes()).unwrap_err().to_string();
    assert_eq!(said, "it is damaged: EOF while parsing a list at line 1 column 100005");
}

/// A tree that goes on to the right, with as many splits.
fn chain(n_splits: usize, categories: &[u32]) -> Vec<u8> {
    let n = 2 * n_splits + 1;
    let split = |node: usize| node.is_multiple_of(2) && node + 1 < n;
    let child = |step: i64| -> Vec<i64> {
        (0..n).map(|node| if split(node) { node as i64 + step } else { -1 }).collect()
    };
    let splits: Vec<usize> = (0..n).filter(|&node| !categories.is_empty() && split(node)).collect();
    let list: Vec<u32> = splits.iter().flat_map(|_| categories.iter().copied()).collect();
    let segments: Vec<usize> = (0..splits.len()).map(|i| i * categories.len()).collect();
    let types: Vec<u8> = (0..n).map(|node| u8::from(splits.binary_search(&node).is_ok())).collect();
    let tree = json!({
        "left_children": child(1), "right_children": child(2), "split_indices": vec![0; n],
        "split_conditions": (0..n).map(|node| node as f64).collect::<Vec<_>>(),
        "default_left": vec![false; n], "split_type": types,
        "categories": list, "categories_nodes": splits, "categories_segments": segments,
        "categories_sizes": vec![categories.len(); splits.len()],
        "tree_param": { "num_nodes": n.to_string() },
    });
    let model = json!({ "tree_info": [0], "trees": [tree] });
    let param = json!({ "base_score": "0", "num_feature": "1" });
    let learner = json!({
        "gradient_booster": { "name": "gbtree", "model": model },
        "learner_model_param": param, "objective": { "name": "reg:squarederror" },
    });
    serde_json::to_vec(&json!({ "learner": learner })).unwrap()
}

#[test]
fn a_tree_may_be_as_deep_as_it_has_nodes() {
    let stored = xgboost_json(&chain(100_000, &[])).unwrap();
    let tree = trees(&stored).ensemble().tree(0);
    assert_eq!(tree.depth(), 100_000);
    assert_eq!(tree.id(tree.leaf(&[1e9])), 200_000);
    assert_eq!(tree.id(tree.leaf(&[-1.0])), 1);
    assert!(!trees(&stored).ensemble().statistics().cover);
}

#[test]
fn large_categories_do_not_take_more_memory_than_the_file_can_ask_for() {
    let stored = xgboost_json(&chain(30, &[0, 70, 1 << 20])).unwrap();
    assert!(trees(&stored).ensemble().has_categories());
    let said = xgboost_json(&chain(40, &[(1 << 24) - 1])).unwrap_err().to_string();
    assert_eq!(
        said,
        "tree 0, node 64: the numbers of its categories are too large for the size of the file, \
         encode the categories as 0, 1, 2 and so on"
    );
}

proptest! {
    #[test]
    fn no_change_of_bytes_makes_it_panic(
        name in prop::sample::select(vec!["certain", "categorical", "vector", "dart"]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
    ) {
        let mut json = bytes(&format!("{name}.json"));
        let mut binary = bytes(&format!("{name}.ubj"));
        for (index, byte) in changes {
            let at = index.index(json.len());
            // Mostly digits, so that some changes stay JSON.
            json[at] = if byte < 200 { b'0' + byte % 10 } else { byte };
            let at = index.index(binary.len());
            binary[at] ^= byte;
        }
        for read in [xgboost_json(&json), xgboost_ubjson(&binary)] {
            match read {
                Ok(stored) => prop_assert!(stored.validate().is_ok()),
                Err(problem) => prop_assert!(!problem.to_string().contains('\n')),
            }
        }
    }
}
