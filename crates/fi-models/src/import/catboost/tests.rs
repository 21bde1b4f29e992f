//! Damaged and hostile files; what CatBoost itself says is compared in `tests/lightgbm_catboost`.

use fi_core::Model as _;
use ndarray::{Array2, array};
use proptest::prelude::*;

use super::*;
use crate::Fitted;
use crate::tree::Link;

/// Two levels, whose lower question is the first in the list: is the category 7? Above it: is
/// the number larger than 0.1? And a single leaf.
const OBLIVIOUS: &str = r#"{
  "features_info": {
    "float_features": [{"feature_id": "width", "feature_index": 0, "flat_feature_index": 1,
      "nan_value_treatment": "AsFalse", "borders": [0.1]}],
    "categorical_features": [{"feature_id": "", "feature_index": 0, "flat_feature_index": 0,
      "values": [-17943309]}]
  },
  "model_info": {
    "params": {"loss_function": {"type": "Logloss", "params": {}}},
    "class_params": {"class_names": [false, true]}
  },
  "oblivious_trees": [
    {"leaf_values": [1, 2, 3, 4], "leaf_weights": [10, 5, 6, 7], "splits": [
      {"split_type": "OneHotFeature", "cat_feature_index": 0, "value": -17943309},
      {"split_type": "FloatFeature", "float_feature_index": 0, "border": 0.1}]},
    {"leaf_values": [0.5], "leaf_weights": [28], "splits": null}
  ],
  "scale_and_bias": [2, [100]]
}"#;

/// Three leaves of two values.
const OTHER: &str = r#"{
  "features_info": {"float_features": [{"feature_id": "width", "feature_index": 0,
    "flat_feature_index": 0, "nan_value_treatment": "AsTrue"}]},
  "model_info": {"params": {"loss_function": {"type": "MultiRMSE"}}},
  "trees": [{
    "split": {"split_type": "FloatFeature", "float_feature_index": 0, "border": 0.5},
    "left": {"value": [1, 10], "weight": 4},
    "right": {
      "split": {"split_type": "FloatFeature", "float_feature_index": 0, "border": 1.5},
      "left": {"value": [2, 20], "weight": 5},
      "right": {"value": [3, 30], "weight": 6}
    }
  }],
  "scale_and_bias": [1, [0, 0]]
}"#;

fn trees(text: &str) -> Trees {
    match catboost(text.as_bytes()).unwrap().model {
        Fitted::Trees(trees) => trees,
        other => panic!("{other:?}"),
    }
}

/// The sentence about the text in which `from` became `to`.
fn problem(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from}");
    catboost(text.replacen(from, to, 1).as_bytes()).unwrap_err().to_string()
}

#[test]
fn an_oblivious_tree_is_a_full_tree_level_by_level() {
    let stored = catboost(OBLIVIOUS.as_bytes()).unwrap();
    assert_eq!(stored.feature_names, ["0", "width"]);
    assert_eq!(stored.class_names.as_deref(), Some(&["False", "True"].map(String::from)[..]));
    let trees = trees(OBLIVIOUS);
    assert_eq!(trees.link(), Link::Logistic { slope: 1.0 });
    let tree = trees.ensemble().tree(0);
    assert_eq!(
        (0..7).map(|node| tree.cover(node)).collect::<Vec<_>>(),
        [28.0, 15.0, 13.0, 10.0, 5.0, 6.0, 7.0]
    );
    assert_eq!((3..7).map(|node| tree.id(node)).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert_eq!(tree.threshold(0), f64::from(0.1_f32));
    let nan = f64::NAN;
    // 0.1 is rounded to the border before it is compared.
    let rows = array![[0.0, 0.1], [7.0, 0.1], [0.0, 0.2], [7.0, 0.2], [nan, nan], [-7.0, nan]];
    let raw = trees.predict_raw(rows.view()).unwrap();
    // Twice the leaves, 1 from the second tree and the bias.
    assert_eq!(raw.column(0).to_vec(), [1.0, 2.0, 3.0, 4.0, 1.0, 1.0].map(|x| 2.0 * x + 101.0));
}

#[test]
fn a_tree_of_nodes_is_read_depth_first() {
    let trees = trees(OTHER);
    let tree = trees.ensemble().tree(0);
    assert_eq!(
        (0..5).map(|node| tree.cover(node)).collect::<Vec<_>>(),
        [15.0, 4.0, 11.0, 5.0, 6.0]
    );
    assert_eq!([1, 3, 4].map(|node| tree.id(node)), [0, 1, 2]);
    let rows = array![[0.5], [1.5], [1.6], [f64::NAN]];
    let expected = array![[1.0, 10.0], [2.0, 20.0], [3.0, 30.0], [3.0, 30.0]];
    assert_eq!(trees.predict_raw(rows.view()).unwrap(), expected);
    // One value is written without a list.
    let one = OTHER
        .replace("[1, 10]", "1")
        .replace("[2, 20]", "2")
        .replace("[3, 30]", "3")
        .replace("[0, 0]", "null")
        .replace(", \"weight\": 6", "");
    let trees = self::trees(&one);
    assert_eq!(trees.predict_raw(rows.view()).unwrap().column(0).to_vec(), [1.0, 2.0, 3.0, 3.0]);
    assert!(!trees.ensemble().statistics().cover);
}

#[test]
fn equal_sets_of_categories_of_one_tree_are_held_once() {
    let info = &OBLIVIOUS[..OBLIVIOUS.find("\"oblivious_trees\"").unwrap()];
    let split = r#"{"split_type": "OneHotFeature", "cat_feature_index": 0, "value": -17943309}"#;
    let leaf = |value: i32| format!("{{\"value\": {value}, \"weight\": 1}}");
    let inner = format!("{{\"split\": {split}, \"left\": {}, \"right\": {}}}", leaf(1), leaf(2));
    let tree = format!("{{\"split\": {split}, \"left\": {inner}, \"right\": {}}}", leaf(3));
    let trees = trees(&format!("{info}\"trees\": [{tree}]}}"));
    let tree = trees.ensemble().tree(0);
    assert_eq!(tree.test(0), tree.test(1));
    // Only categories of a tree's own are added to the ensemble's.
    let raw = trees.predict_raw(array![[7.0, 0.0], [1.0, 0.0]].view()).unwrap();
    assert_eq!(raw.column(0).to_vec(), [3.0, 1.0]);
}

#[test]
fn losses_become_links() {
    let link = |from: &str, to: &str| trees(&OBLIVIOUS.replacen(from, to, 1)).link();
    assert_eq!(link("\"Logloss\"", "\"Poisson\""), Link::Exp);
    assert_eq!(link("\"Logloss\"", "\"MultiLogloss\""), Link::Sigmoid { slope: 1.0 });
    assert_eq!(link("\"params\"", "\"other\""), Link::Identity);
    assert_eq!(
        problem(OBLIVIOUS, "\"Logloss\"", "\"MultiClass\""),
        "it is damaged: its loss `MultiClass` does not go with leaves of 1 values"
    );
    assert_eq!(
        problem(OTHER, "\"MultiRMSE\"", "\"Novel\""),
        "fi does not know how its loss `Novel` makes predictions of sums of trees: remove \
         `loss_function` from the file to read its raw values"
    );
}

#[test]
fn a_file_that_does_not_hold_together_is_told_in_one_sentence() {
    for (from, to, expected) in [
        ("\"features_info\"", "\"x\"", "missing field `features_info` at line 19 column 1"),
        ("\"leaf_values\": [1, 2, 3, 4], ", "", "missing field `leaf_values` at line 15 column 79"),
        ("[1, 2, 3, 4]", "[1, 2, 3, 1e999]", "number out of range at line 13 column 35"),
        ("[1, 2, 3, 4]", "[1, 2, 3, NaN]", "expected value at line 13 column 31"),
        ("[1, 2, 3, 4]", "[1, 2, 3]", "tree 0 has 3 leaf values, no multiple of its 4 leaves"),
        ("[1, 2, 3, 4]", "[]", "tree 0 has 0 leaf values, no multiple of its 4 leaves"),
        (
            "[1, 2, 3, 4]",
            "[1, 2, 3, 4, 5, 6, 7, 8]",
            "tree 1 has 1 values per leaf, those before it have 2",
        ),
        ("[10, 5, 6, 7]", "[10, 5, 6]", "tree 0 has 3 leaf weights, but 4 leaves"),
        (
            "[10, 5, 6, 7]",
            "[10, 5, -60, 7]",
            "tree 0, node 0: the cover is `-38`, it must be at least 0",
        ),
        ("[2, [100]]", "[1e308, [100]]", "tree 0, node 4: a value is `inf`, it must be finite"),
        ("[2, [100]]", "[2, [1, 2]]", "`scale_and_bias` has 2 biases, but leaves have 1 values"),
        (
            "\"float_feature_index\": 0",
            "\"float_feature_index\": 5",
            "tree 0 splits on float feature 5, which is not listed",
        ),
        (
            "\"cat_feature_index\": 0",
            "\"cat_feature_index\": 5",
            "tree 0 splits on categorical feature 5, which is not listed",
        ),
        (", \"border\"", ", \"x\"", "tree 0 has a split without `float_feature_index` or `border`"),
        (", \"value\"", ", \"x\"", "tree 0 has a split without `cat_feature_index` or `value`"),
        ("\"AsFalse\"", "\"Maybe\"", "`nan_value_treatment` is `Maybe`"),
        ("\"flat_feature_index\": 1", "\"flat_feature_index\": 0", "column 0 has two features"),
        ("[false, true]", "[false, true, 2]", "it names 3 classes, expected 2"),
    ] {
        assert_eq!(problem(OBLIVIOUS, from, to), format!("it is damaged: {expected}"), "{to}");
    }
    let no_node = "tree 0 has a node that is neither a leaf with a `value` nor a split with a \
                   `left` and a `right`";
    for (from, to, expected) in [
        ("\"right\": {\"value\"", "\"x\": {\"value\"", no_node),
        ("\"value\": [3, 30], ", "", no_node),
        ("\"value\": [3, 30], ", "\"value\": [], ", "tree 0 has a leaf without values"),
        ("[3, 30]", "3", "tree 0 has 1 values per leaf, those before it have 2"),
    ] {
        assert_eq!(problem(OTHER, from, to), format!("it is damaged: {expected}"), "{to}");
    }
    let mut bytes = OBLIVIOUS.as_bytes().to_vec();
    bytes[OBLIVIOUS.find("width").unwrap()] = 0xff;
    let error = catboost(&bytes).unwrap_err().to_string();
    assert!(error.starts_with("it is damaged: invalid unicode code point at line 3"), "{error}");
}

#[test]
fn absurd_counts_and_depths_are_refused_before_anything_is_made_of_them() {
    let index = "\"flat_feature_index\": 1";
    assert_eq!(
        problem(OBLIVIOUS, index, "\"flat_feature_index\": 18446744073709551615"),
        "its 2 numeric and categorical features do not fill the columns up to \
         18446744073709551615: text and embedding features cannot be read, train without them"
    );
    let split = r#"{"split_type": "FloatFeature", "float_feature_index": 0, "border": 0.1}"#;
    let many = format!("{}{split}", format!("{split},").repeat(63));
    assert_eq!(
        problem(OBLIVIOUS, split, &many),
        "it is damaged: tree 0 has 65 levels, at most 16 can be"
    );
    let deep =
        OTHER.replacen("\"trees\": [", &format!("\"trees\": [{}", "{\"left\":".repeat(1000)), 1);
    let error = catboost(deep.as_bytes()).unwrap_err().to_string();
    assert!(error.starts_with("it is damaged: recursion limit exceeded at line"), "{error}");
}

#[test]
fn what_is_no_damage_is_refused_by_name() {
    for (from, to, expected) in [
        (
            "\"OneHotFeature\"",
            "\"OnlineCtr\"",
            "tree 0 splits on a statistic of categories (CTR), which fi does not read: train with \
             a larger `one_hot_max_size`, or encode the categories before",
        ),
        (
            "\"OneHotFeature\"",
            "\"EstimatedFeature\"",
            "tree 0 has a split of the type `EstimatedFeature`, which fi does not read: train on \
             numeric features and one-hot categories only",
        ),
        (
            ", \"value\": -17943309",
            ", \"value\": -17943310",
            "tree 0 tests whether `0` is the text with the hash 4277023986, which is no whole \
             number below 131072: replace its categories by whole numbers from 0 and train again",
        ),
        (
            "\"oblivious_trees\"",
            "\"x\"",
            "the model has no trees, train it for at least one iteration",
        ),
        (
            "\"oblivious_trees\"",
            "\"trees\": [{\"value\": 1}], \"oblivious_trees\"",
            "it is damaged: it has both `oblivious_trees` and `trees`",
        ),
    ] {
        assert_eq!(problem(OBLIVIOUS, from, to), expected, "{to}");
    }
}

fn is_a_sentence(problem: &Problem) -> bool {
    let text = problem.to_string();
    (20..400).contains(&text.len()) && !text.contains(['\n', '\r'])
}

#[test]
fn a_file_cut_off_anywhere_is_refused() {
    for text in [OBLIVIOUS, OTHER] {
        for end in 0..text.len() {
            let problem = catboost(&text.as_bytes()[..end]).unwrap_err();
            assert!(is_a_sentence(&problem), "{end}: {problem}");
        }
    }
}

/// Whether the bytes are refused in a sentence or read as a model that works.
fn refused_or_works(bytes: &[u8]) -> Result<(), TestCaseError> {
    match catboost(bytes) {
        Err(problem) => prop_assert!(is_a_sentence(&problem), "{}", problem),
        Ok(stored) => {
            let rows = Array2::zeros((2, stored.n_features()));
            prop_assert!(stored.validate().is_ok());
            prop_assert!(stored.predict(rows.view()).is_ok());
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn no_change_of_bytes_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        other in any::<bool>(),
    ) {
        let mut bytes = (if other { OTHER } else { OBLIVIOUS }).as_bytes().to_vec();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        refused_or_works(&bytes)?;
    }

    #[test]
    fn no_change_of_digits_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), b'0'..=b'9'), 1..6),
        other in any::<bool>(),
    ) {
        let mut bytes = (if other { OTHER } else { OBLIVIOUS }).as_bytes().to_vec();
        let digits: Vec<usize> =
            (0..bytes.len()).filter(|&at| bytes[at].is_ascii_digit()).collect();
        for (at, digit) in changes {
            bytes[*at.get(&digits)] = digit;
        }
        refused_or_works(&bytes)?;
    }
}
