//! Damaged and hostile texts; what LightGBM itself says is compared in `tests/lightgbm_catboost`.

use fi_core::Model as _;
use ndarray::{Array2, array};
use proptest::prelude::*;

use super::*;
use crate::Fitted;
use crate::tree::Link;

/// Three leaves over a number and a category, and a single leaf.
const TEXT: &str = "tree
version=v4
num_class=1
num_tree_per_iteration=1
label_index=0
max_feature_idx=1
objective=binary sigmoid:0.5
feature_names=width colour
feature_infos=[0:1] 0:1:2
tree_sizes=300 100

Tree=0
num_leaves=3
num_cat=1
split_feature=1 0
split_gain=5 2.5
threshold=0 0.5
decision_type=1 10
left_child=1 -2
right_child=-1 -3
leaf_value=1 2 3
leaf_weight=0.5 0.5 0.5
leaf_count=10 5 6
internal_value=1.5 2.5
internal_weight=1 2
internal_count=21 11
cat_boundaries=0 2
cat_threshold=5 1
is_linear=0
shrinkage=1

Tree=1
num_leaves=1
num_cat=0
leaf_value=-0.25
leaf_count=21
shrinkage=1

end of trees

pandas_categorical:[[\"red\", \"blue\"]]
";

fn trees(text: &str) -> Trees {
    match lightgbm(text.as_bytes()).unwrap().model {
        Fitted::Trees(trees) => trees,
        other => panic!("{other:?}"),
    }
}

/// The sentence about the text in which `from` became `to`.
fn problem(from: &str, to: &str) -> String {
    assert!(TEXT.contains(from), "{from}");
    lightgbm(TEXT.replacen(from, to, 1).as_bytes()).unwrap_err().to_string()
}

#[test]
fn leaves_splits_and_statistics_are_where_the_text_says() {
    let trees = trees(TEXT);
    assert_eq!(trees.link(), Link::Logistic { slope: 0.5 });
    let tree = trees.ensemble().tree(0);
    // Depth first: split 0, split 1, leaf 1, leaf 2, leaf 0.
    assert_eq!((0..5).map(|node| tree.id(node)).collect::<Vec<_>>(), [0, 1, 1, 2, 0]);
    assert_eq!(
        (0..5).map(|node| tree.cover(node)).collect::<Vec<_>>(),
        [21.0, 11.0, 5.0, 6.0, 10.0]
    );
    assert_eq!(
        (0..5).map(|node| tree.value(node)[0]).collect::<Vec<_>>(),
        [1.5, 2.5, 2.0, 3.0, 1.0]
    );
    assert_eq!([tree.gain(0), tree.gain(1)], [5.0, 2.5]);
    let nan = f64::NAN;
    // Categories 0, 2 and 32 go left; there, up to 0.5 and missing goes left.
    let rows = array![[0.5, 0.0], [0.6, 2.0], [nan, 32.0], [0.0, 1.0], [0.0, nan], [0.0, -1.0]];
    let leaves = [2.0, 3.0, 2.0, 1.0, 1.0, 1.0];
    let raw = trees.predict_raw(rows.view()).unwrap();
    assert_eq!(raw.column(0).to_vec(), leaves.map(|leaf| leaf - 0.25));
}

#[test]
fn each_missing_type_sends_nan_and_zero_where_lightgbm_does() {
    let rows = array![[f64::NAN, 0.0], [0.0, 0.0], [1e-35, 0.0], [-1e-36, 0.0], [-0.6, 0.0]];
    // Bit 1 is the default direction, bits 2 and 3 the missing type: None, Zero, NaN.
    for (decision, threshold, left) in [
        (0, "0.5", [true, true, true, true, true]),
        (2, "-0.5", [false, false, false, false, true]),
        (4, "0.5", [false, false, false, false, true]),
        (6, "-0.5", [true, true, true, true, true]),
        (8, "0.5", [false, true, true, true, true]),
        (10, "-0.5", [true, false, false, false, true]),
        // Small values are 0 before they are compared.
        (0, "-1e-36", [false, false, false, false, true]),
        (0, "1e-36", [true, true, true, true, true]),
    ] {
        let text = TEXT
            .replacen("decision_type=1 10", &format!("decision_type=1 {decision}"), 1)
            .replacen("threshold=0 0.5", &format!("threshold=0 {threshold}"), 1);
        let raw = trees(&text).predict_raw(rows.view()).unwrap();
        let expected = left.map(|left| if left { 1.75 } else { 2.75 });
        assert_eq!(raw.column(0).to_vec(), expected, "{decision} {threshold}");
    }
}

#[test]
fn a_forest_is_the_mean_over_its_rounds() {
    let text = TEXT
        .replacen("num_tree_per_iteration=1", "num_tree_per_iteration=2\naverage_output", 1)
        .replacen("objective=binary sigmoid:0.5", "objective=multiclass num_class:2", 1);
    let tree = text.split("Tree=1").next().unwrap().split("Tree=0").nth(1).unwrap();
    let more = format!("Tree=2{tree}Tree=3{tree}end of trees");
    let text = text.replacen("tree_sizes=300 100\n", "", 1).replacen("end of trees", &more, 1);
    let trees = trees(&text);
    assert_eq!(trees.ensemble().scale(), 0.5);
    let raw = trees.predict_raw(array![[0.5, 0.0], [0.5, 1.0]].view()).unwrap();
    assert_eq!(raw, array![[2.0, 0.875], [1.0, 0.375]]);
}

#[test]
fn objectives_become_links() {
    let link = |objective: &str| {
        trees(&TEXT.replacen("objective=binary sigmoid:0.5\n", objective, 1)).link()
    };
    assert_eq!(link(""), Link::Identity);
    assert_eq!(link("objective=custom\n"), Link::Identity);
    assert_eq!(link("objective=gamma\n"), Link::Exp);
    assert_eq!(link("objective=binary\n"), Link::Logistic { slope: 1.0 });
    assert_eq!(link("objective=cross_entropy\n"), Link::Sigmoid { slope: 1.0 });
    for (objective, expected) in [
        (
            "objective=novel x:1",
            "fi does not know how its objective `novel` makes predictions of sums of trees: \
             remove the line `objective=` from the file to read its raw scores",
        ),
        (
            "objective=multiclass num_class:3",
            "it is damaged: its objective `multiclass` does not go with \
             `num_tree_per_iteration=1`",
        ),
        (
            "objective=binary sigmoid:-1",
            "it is damaged: its objective has `sigmoid:-1`, not positive",
        ),
    ] {
        assert_eq!(problem("objective=binary sigmoid:0.5", objective), expected);
    }
}

#[test]
fn a_text_that_does_not_hold_together_is_told_in_one_sentence() {
    for (from, to, expected) in [
        ("tree\n", "three\n", "it does not start with the line `tree`"),
        ("version=v4\n", "", "its header has no `version`"),
        ("max_feature_idx=1", "max_feature_idx=x", "its header has `max_feature_idx=x`, no count"),
        (
            "max_feature_idx=1",
            "max_feature_idx=99999999999999",
            "its header has 2 feature names, but `max_feature_idx=99999999999999`",
        ),
        ("feature_names=width colour\n", "", "its header has no `feature_names`"),
        (
            "width colour",
            "width width",
            "the feature name `width` is empty or double, give every feature its own name",
        ),
        (
            "num_tree_per_iteration=1",
            "num_tree_per_iteration=3",
            "it has 2 trees, which is no multiple of `num_tree_per_iteration=3`",
        ),
        (
            "num_tree_per_iteration=1",
            "num_tree_per_iteration=0",
            "it has 2 trees, which is no multiple of `num_tree_per_iteration=0`",
        ),
        ("tree_sizes=300 100", "tree_sizes=1 2 3", "its header announces 3 trees, but 2 follow"),
        ("Tree=1", "Tree=7", "line 32 is `Tree=7`, expected `Tree=1` or `end of trees`"),
        ("end of trees", "end", "line 39 is `end`, expected `Tree=2` or `end of trees`"),
        ("num_leaves=3", "num_leaves=0", "tree 0 has no leaves"),
        (
            "num_leaves=3",
            "num_leaves=18446744073709551615",
            "tree 0: `leaf_value` has 3 numbers, expected 18446744073709551615",
        ),
        ("num_leaves=3\n", "", "tree 0 has no `num_leaves`"),
        ("num_leaves=3", "num_leaves=3\nnum_leaves=3", "tree 0 has `num_leaves` twice"),
        ("threshold=0 0.5\n", "", "tree 0 has no `threshold`"),
        ("threshold=0 0.5", "threshold=0", "tree 0: `threshold` has 1 numbers, expected 2"),
        (
            "threshold=0 0.5",
            "threshold=0 half",
            "tree 0: `threshold` has `half`, no number it can be",
        ),
        (
            "threshold=0 0.5",
            "threshold=0 nan",
            "tree 0, node 1: the threshold is `NaN`, it must be a number",
        ),
        (
            "leaf_value=1 2 3",
            "leaf_value=1 inf 3",
            "tree 0, node 2: a value is `inf`, it must be finite",
        ),
        (
            "leaf_count=10 5 6",
            "leaf_count=10 -5 6",
            "tree 0, node 2: the cover is `-5`, it must be at least 0",
        ),
        ("split_feature=1 0", "split_feature=1 2", "tree 0: split 1 is on feature 2 of 2"),
        (
            "split_feature=1 0",
            "split_feature=1 -1",
            "tree 0: `split_feature` has `-1`, no number it can be",
        ),
        (
            "decision_type=1 10",
            "decision_type=1 14",
            "tree 0: split 1 has the decision type 14, whose missing type does not exist",
        ),
    ] {
        assert_eq!(problem(from, to), format!("it is damaged: {expected}"), "{to}");
    }
    let mut bytes = TEXT.as_bytes().to_vec();
    let at = TEXT.find("width").unwrap();
    bytes[at] = 0xff;
    let error = lightgbm(&bytes).unwrap_err().to_string();
    assert_eq!(error, "it is damaged: line 8 is no text in UTF-8");
}

#[test]
fn children_and_categories_that_lead_nowhere_are_told_in_one_sentence() {
    for (from, to, expected) in [
        ("left_child=1 -2", "left_child=0 -2", "tree 0: split 0 is a child twice"),
        ("left_child=1 -2", "left_child=1 1", "tree 0: split 1 is a child twice"),
        ("left_child=1 -2", "left_child=1 -3", "tree 0: leaf 2 is a child twice"),
        ("left_child=1 -2", "left_child=-2 1", "tree 0: a split or leaf is nobody's child"),
        ("left_child=1 -2", "left_child=1 2", "tree 0: split 2 is a child, but there are 2"),
        ("left_child=1 -2", "left_child=1 -4", "tree 0: leaf 3 is a child, but there are 3"),
        (
            "left_child=1 -2",
            "left_child=1 -9223372036854775808",
            "tree 0: leaf 9223372036854775807 is a child, but there are 3",
        ),
        (
            "threshold=0 0.5",
            "threshold=1 0.5",
            "tree 0: split 0 is on set 1 of categories, but there are 1",
        ),
        (
            "threshold=0 0.5",
            "threshold=nan 0.5",
            "tree 0: split 0 is on set NaN of categories, but there are 1",
        ),
        (
            "cat_boundaries=0 2",
            "cat_boundaries=0 18446744073709551615",
            "tree 0: `cat_threshold` has 2 numbers, expected 18446744073709551615",
        ),
        ("cat_boundaries=0 2", "cat_boundaries=1 0", "tree 0: `cat_boundaries` do not rise from 0"),
        (
            "num_cat=1",
            "num_cat=18446744073709551615",
            "tree 0: `cat_boundaries` has 2 numbers, expected 18446744073709551615",
        ),
    ] {
        assert_eq!(problem(from, to), format!("it is damaged: {expected}"), "{to}");
    }
}

#[test]
fn what_is_no_damage_is_refused_by_name() {
    assert_eq!(
        problem("version=v4", "version=v9"),
        "it has LightGBM's model format `v9`, fi reads v3 and v4: load it in LightGBM 3 or 4 and \
         save it again"
    );
    assert_eq!(
        problem("is_linear=0", "is_linear=1"),
        "tree 0 has linear models in its leaves, which fi does not read: train with \
         `linear_tree=false`"
    );
    let (header, rest) = TEXT.split_once("tree_sizes=").unwrap();
    let end = rest.split_once("end of trees").unwrap().1;
    let none = format!("{header}\nend of trees\n{end}");
    assert_eq!(
        lightgbm(none.as_bytes()).unwrap_err().to_string(),
        "the model has no trees, train it for at least one iteration"
    );
    let words = "0 ".repeat(1 << 19);
    let text = TEXT.replacen("cat_boundaries=0 2", "cat_boundaries=0 524289", 1).replacen(
        "cat_threshold=5 1",
        &format!("cat_threshold={words}1"),
        1,
    );
    assert_eq!(
        lightgbm(text.as_bytes()).unwrap_err().to_string(),
        "tree 0 splits on a category of `colour` that is 16777216 or more: number the categories \
         from 0 and train again"
    );
}

#[test]
fn line_ends_of_windows_and_old_models_without_counts_are_read() {
    let windows = TEXT.replace('\n', "\r\n");
    assert_eq!(trees(&windows), trees(TEXT));
    let old = TEXT
        .replacen("version=v4", "version=v3", 1)
        .replacen("internal_count=21 11\n", "", 1)
        .replacen("split_gain=5 2.5\n", "", 1);
    let statistics = trees(&old).ensemble().statistics();
    assert!(!statistics.cover && !statistics.gain);
}

#[test]
fn a_text_cut_off_anywhere_before_the_end_of_the_trees_is_refused() {
    let whole = TEXT.find("end of trees").unwrap() + "end of trees".len();
    for end in 0..TEXT.len() {
        let read = lightgbm(&TEXT.as_bytes()[..end]);
        match read {
            Ok(_) => assert!(end >= whole, "{end}"),
            Err(problem) => assert!(end < whole && is_a_sentence(&problem), "{end}: {problem}"),
        }
    }
}

fn is_a_sentence(problem: &Problem) -> bool {
    let text = problem.to_string();
    (20..400).contains(&text.len()) && !text.contains(['\n', '\r'])
}

#[test]
fn a_tree_as_deep_as_a_list_is_read_without_recursion() {
    let n = 100_000;
    let repeat = |word: &str, n: usize| vec![word; n].join(" ");
    let left: Vec<String> = (1..=n).map(|split| split.to_string()).collect();
    let right: Vec<String> = (0..n).map(|leaf| (-1 - leaf).to_string()).collect();
    let last = format!("{} {}", left[..n as usize - 1].join(" "), -1 - n);
    let tree = format!(
        "Tree=0\nnum_leaves={}\nsplit_feature={}\nthreshold={}\ndecision_type={}\nleft_child={last}\n\
         right_child={}\nleaf_value={}\n\nend of trees\n",
        n + 1,
        repeat("0", n as usize),
        repeat("0.5", n as usize),
        repeat("2", n as usize),
        right.join(" "),
        repeat("1", n as usize + 1),
    );
    let header = TEXT.split_once("tree_sizes=").unwrap().0;
    let trees = trees(&format!("{header}\n{tree}"));
    assert_eq!(trees.ensemble().tree(0).depth(), n as usize);
}

proptest! {
    #[test]
    fn no_change_of_bytes_panics(changes in prop::collection::vec((0..TEXT.len(), any::<u8>()), 1..6)) {
        let mut bytes = TEXT.as_bytes().to_vec();
        for (at, byte) in changes {
            bytes[at] = byte;
        }
        match lightgbm(&bytes) {
            Err(problem) => prop_assert!(is_a_sentence(&problem), "{}", problem),
            Ok(stored) => {
                let rows = Array2::zeros((2, stored.n_features()));
                prop_assert!(stored.validate().is_ok());
                prop_assert!(stored.predict(rows.view()).is_ok());
            }
        }
    }

    #[test]
    fn digits_elsewhere_do_not_panic(changes in prop::collection::vec((0..TEXT.len(), 0_u8..12), 1..6)) {
        // Changes that keep numbers numbers come further.
        let mut bytes = TEXT.as_bytes().to_vec();
        for (at, byte) in changes {
            if bytes[at].is_ascii_digit() || bytes[at] == b' ' {
                bytes[at] = b"0123456789- "[byte as usize];
            }
        }
        match lightgbm(&bytes) {
            Err(problem) => prop_assert!(is_a_sentence(&problem), "{}", problem),
            Ok(stored) => {
                prop_assert!(stored.predict(array![[0.0, 1.0]].view()).is_ok());
            }
        }
    }
}

#[test]
fn the_names_of_pandas_categories_are_kept() {
    let stump = "Tree=0\nnum_leaves=1\nnum_cat=0\nleaf_value=1\nis_linear=0\nshrinkage=1\n";
    let named = |infos: &str, lists: &str| {
        let text = format!(
            "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=3\n\
             objective=regression\nfeature_names=s colour n d\nfeature_infos={infos}\n\n{stump}\n\
             end of trees\n\nparameters:\nend of parameters\n\npandas_categorical:{lists}\n"
        );
        lightgbm(text.as_bytes()).unwrap().categories
    };
    let lists = r#"[["blue", "green", "red"], [3, 5], ["x", "y"]]"#;
    let strings = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    assert_eq!(
        named("[-3.9:2.5] -1:1:0:2 0:1 -1:1:0", lists),
        [
            ("colour".to_owned(), strings(&["blue", "green", "red"])),
            ("d".to_owned(), strings(&["x", "y"]))
        ]
    );
    // A column that never changed may be of either kind: nobody knows whose the lists are.
    assert!(named("[-3.9:2.5] none 0:1 -1:1:0", lists).is_empty());
    assert!(named("[0:1] none 0:1 [0:1]", r#"[["x", "y"]]"#).is_empty());
    // Nor does a list belong to a column with more categories.
    assert!(named("[0:1] [0:1] 0:1:2 [0:1]", r#"[["x", "y"]]"#).is_empty());
    assert_eq!(named("[0:1] [0:1] 0:1 [0:1]", r#"[["x", "y"]]"#).len(), 1);
    for nothing in ["null", "[]", "{\"a\": 1}", "[[\"a\""] {
        assert!(named("[0:1] 0:1 0:1 0:1", nothing).is_empty());
    }
}
