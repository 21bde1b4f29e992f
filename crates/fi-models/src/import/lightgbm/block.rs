//! One tree of LightGBM's text.
//!
//! A tree of `n` leaves has `n − 1` splits, both numbered from 0. A child that is not negative is
//! a split; a negative one, `c`, is the leaf `−c − 1`. The root is split 0, or the only leaf.

use std::str::FromStr;

use super::super::categories::Budget;
use super::{Lines, Problem, TreeParts, damaged, shown};
use crate::tree::{NodeStats, TreeBuilder};

/// The keys that matter; all others of a block are passed over.
const KEYS: [&str; 15] = [
    "num_leaves",
    "num_cat",
    "split_feature",
    "split_gain",
    "threshold",
    "decision_type",
    "left_child",
    "right_child",
    "leaf_value",
    "leaf_count",
    "internal_value",
    "internal_count",
    "cat_boundaries",
    "cat_threshold",
    "is_linear",
];

/// In a split's decision type: it is on categories.
const CATEGORICAL: u8 = 1;
/// In a split's decision type: missing values go left.
const DEFAULT_LEFT: u8 = 2;

/// Categories from here on cannot be held.
const MOST_CATEGORIES: usize = 1 << 24;

/// LightGBM drops values up to this size from a row, and what is not there is 0.
const ZERO: f64 = 1e-35_f32 as f64;

/// A threshold beside which values fall as they do after small ones were replaced by 0.
fn beside_zero(threshold: f64) -> f64 {
    if threshold.abs() > ZERO || threshold.is_nan() {
        threshold
    } else if threshold < 0.0 {
        // 0, and so all small values, go right; the next larger in size go left.
        (-ZERO).next_down()
    } else {
        ZERO
    }
}

/// The lines of one tree.
pub(super) struct Block<'a> {
    index: usize,
    values: [Option<&'a str>; KEYS.len()],
}

/// The numbers of one tree, with as many entries as it has splits.
struct Splits {
    feature: Vec<usize>,
    threshold: Vec<f64>,
    decision: Vec<u8>,
    left: Vec<i64>,
    right: Vec<i64>,
    /// 0 if the file does not say.
    gain: Vec<f64>,
    value: Vec<f64>,
    count: Vec<f64>,
    /// Where the set of each split on categories starts, and behind them the number of words.
    boundaries: Vec<usize>,
    words: Vec<u32>,
}

/// As many entries as it has leaves.
struct Leaves {
    value: Vec<f64>,
    count: Vec<f64>,
}

impl<'a> Block<'a> {
    /// Takes the lines up to the next tree or the end of the trees.
    pub(super) fn read(index: usize, lines: &mut Lines<'a>) -> Result<Self, Problem> {
        let mut values = [None; KEYS.len()];
        while let Some(line) = lines.peek_filled()? {
            if line.starts_with("Tree=") || !line.contains('=') {
                break;
            }
            lines.next_filled()?;
            let Some((key, value)) = line.split_once('=') else { continue };
            let Some(slot) = KEYS.iter().position(|&known| known == key) else { continue };
            if values[slot].replace(value).is_some() {
                return damaged(format!("tree {index} has `{key}` twice"));
            }
        }
        Ok(Self { index, values })
    }

    fn get(&self, key: &str) -> Option<&'a str> {
        KEYS.iter().position(|&known| known == key).and_then(|slot| self.values[slot])
    }

    /// The numbers of a line, of which there must be so many.
    fn numbers<T: FromStr>(&self, key: &str, expected: usize) -> Result<Vec<T>, Problem> {
        let index = self.index;
        let Some(line) = self.get(key) else {
            return damaged(format!("tree {index} has no `{key}`"));
        };
        // Counted before anything is kept: the expected number is only a claim.
        let n = line.split_ascii_whitespace().count();
        if n != expected {
            return damaged(format!("tree {index}: `{key}` has {n} numbers, expected {expected}"));
        }
        let parse = |word: &str| {
            word.parse().map_err(|_| {
                let word = shown(word);
                Problem::Damaged(format!("tree {index}: `{key}` has `{word}`, no number it can be"))
            })
        };
        line.split_ascii_whitespace().map(parse).collect()
    }

    fn number(&self, key: &str) -> Result<usize, Problem> {
        Ok(self.numbers(key, 1)?[0])
    }

    /// The numbers of a line that need not be there. The caller has seen another line with so
    /// many numbers: the claim is true.
    fn numbers_or_zero(&self, key: &str, n: usize) -> Result<Vec<f64>, Problem> {
        if self.get(key).is_none() { Ok(vec![0.0; n]) } else { self.numbers(key, n) }
    }

    /// The tree, over features of these names.
    pub(super) fn build(
        &self,
        feature_names: &[&str],
        budget: &mut Budget,
    ) -> Result<TreeParts, Problem> {
        let index = self.index;
        if self.get("is_linear").is_some_and(|text| text != "0") {
            return Err(Problem::Unsupported(format!(
                "tree {index} has linear models in its leaves, which fi does not read: train \
                 with `linear_tree=false`"
            )));
        }
        let n_leaves = self.number("num_leaves")?;
        if n_leaves == 0 {
            return damaged(format!("tree {index} has no leaves"));
        }
        let value = self.numbers("leaf_value", n_leaves)?;
        if n_leaves == 1 {
            let mut builder = TreeBuilder::new(1);
            let cover = self.get("leaf_count").and_then(|text| text.parse().ok()).unwrap_or(0.0);
            builder.push_leaf(&NodeStats { cover, impurity: 0.0, value: &value });
            return Ok(TreeParts { builder, has_counts: true, has_gains: true });
        }
        let has_counts = self.get("leaf_count").is_some() && self.get("internal_count").is_some();
        let count = self.numbers_or_zero("leaf_count", n_leaves)?;
        let splits = self.splits(n_leaves - 1)?;
        let builder = self.connect(&splits, &Leaves { value, count }, feature_names, budget)?;
        Ok(TreeParts { builder, has_counts, has_gains: self.get("split_gain").is_some() })
    }

    fn splits(&self, n: usize) -> Result<Splits, Problem> {
        let index = self.index;
        let feature = self.numbers("split_feature", n)?;
        let n_sets = if self.get("num_cat").is_some() { self.number("num_cat")? } else { 0 };
        let (mut boundaries, mut words) = (vec![0], Vec::new());
        if n_sets > 0 {
            let expected = n_sets.saturating_add(1);
            boundaries = self.numbers("cat_boundaries", expected)?;
            let rising = boundaries.windows(2).all(|pair| pair[0] <= pair[1]);
            if boundaries[0] != 0 || !rising {
                return damaged(format!("tree {index}: `cat_boundaries` do not rise from 0"));
            }
            words = self.numbers("cat_threshold", boundaries[n_sets])?;
        }
        Ok(Splits {
            threshold: self.numbers("threshold", n)?,
            decision: self.numbers("decision_type", n)?,
            left: self.numbers("left_child", n)?,
            right: self.numbers("right_child", n)?,
            gain: self.numbers_or_zero("split_gain", n)?,
            value: self.numbers_or_zero("internal_value", n)?,
            count: self.numbers_or_zero("internal_count", n)?,
            feature,
            boundaries,
            words,
        })
    }

    /// The nodes in depth-first order, left before right.
    fn connect(
        &self,
        splits: &Splits,
        leaves: &Leaves,
        feature_names: &[&str],
        budget: &mut Budget,
    ) -> Result<TreeBuilder, Problem> {
        let index = self.index;
        let (n_splits, n_leaves) = (splits.feature.len(), leaves.value.len());
        let mut builder = TreeBuilder::new(1);
        // The node that each split and leaf became.
        let (mut split_nodes, mut leaf_nodes) = (vec![None; n_splits], vec![None; n_leaves]);
        let mut waiting: Vec<i64> = vec![0];
        while let Some(child) = waiting.pop() {
            let (node, slot) = if child >= 0 {
                let split = usize::try_from(child).unwrap_or(usize::MAX);
                let Some(slot) = split_nodes.get_mut(split) else {
                    return damaged(format!(
                        "tree {index}: split {child} is a child, but there are {n_splits}"
                    ));
                };
                waiting.extend([splits.right[split], splits.left[split]]);
                (self.push_split(&mut builder, splits, split, feature_names, budget)?, slot)
            } else {
                // `!c` is `−c − 1` without overflow.
                let leaf = usize::try_from(!child).unwrap_or(usize::MAX);
                let Some(slot) = leaf_nodes.get_mut(leaf) else {
                    return damaged(format!(
                        "tree {index}: leaf {} is a child, but there are {n_leaves}",
                        !child
                    ));
                };
                let (cover, value) = (leaves.count[leaf], &leaves.value[leaf..=leaf]);
                let node = builder.push_leaf(&NodeStats { cover, impurity: 0.0, value });
                builder.set_id(node, u32::try_from(leaf).unwrap_or(u32::MAX));
                (node, slot)
            };
            if slot.replace(node).is_some() {
                let (kind, number) = if child >= 0 { ("split", child) } else { ("leaf", !child) };
                return damaged(format!("tree {index}: {kind} {number} is a child twice"));
            }
        }
        // n leaves have n − 1 splits above them, so none of either is missing once the walk is
        // through: it pushed one more leaf than splits.
        if split_nodes.contains(&None) || leaf_nodes.contains(&None) {
            return damaged(format!("tree {index}: a split or leaf is nobody's child"));
        }
        let node_of = |child: i64| {
            let nodes = if child >= 0 { &split_nodes } else { &leaf_nodes };
            nodes[if child >= 0 { child } else { !child } as usize].unwrap_or(0)
        };
        for split in 0..n_splits {
            let (left, right) = (node_of(splits.left[split]), node_of(splits.right[split]));
            builder.connect(node_of(split as i64), left, right);
        }
        Ok(builder)
    }

    fn push_split(
        &self,
        builder: &mut TreeBuilder,
        splits: &Splits,
        split: usize,
        feature_names: &[&str],
        budget: &mut Budget,
    ) -> Result<usize, Problem> {
        let index = self.index;
        let (feature, decision) = (splits.feature[split], splits.decision[split]);
        let Some(name) = feature_names.get(feature) else {
            return damaged(format!(
                "tree {index}: split {split} is on feature {feature} of {}",
                feature_names.len()
            ));
        };
        let stats = NodeStats {
            cover: splits.count[split],
            impurity: 0.0,
            value: &splits.value[split..=split],
        };
        let node = if decision & CATEGORICAL != 0 {
            let categories = self.categories(splits, split, name)?;
            budget.take(index, split, &categories)?;
            builder.push_category_split(feature, &categories, &stats)
        } else {
            let threshold = beside_zero(splits.threshold[split]);
            let node = builder.push_split(feature, threshold, &stats);
            let default_left = decision & DEFAULT_LEFT != 0;
            let missing_left = match decision >> 2 & 3 {
                // LightGBM takes NaN for 0.
                0 => 0.0 <= threshold,
                1 => {
                    builder.take_zero_for_missing(node);
                    default_left
                }
                2 => default_left,
                _ => {
                    return damaged(format!(
                        "tree {index}: split {split} has the decision type {decision}, whose \
                         missing type does not exist"
                    ));
                }
            };
            if missing_left {
                builder.send_missing_left(node);
            }
            node
        };
        // LightGBM keeps gains in single precision.
        builder.set_gain(node, f64::from(splits.gain[split] as f32));
        builder.set_id(node, u32::try_from(split).unwrap_or(u32::MAX));
        Ok(node)
    }

    /// The categories that a split sends left.
    fn categories(&self, splits: &Splits, split: usize, name: &str) -> Result<Vec<u32>, Problem> {
        let index = self.index;
        // The threshold is the number of the set. A cast takes what is no number for 0, and the
        // comparison finds it.
        let threshold = splits.threshold[split];
        let set = threshold as usize;
        let bounds = splits.boundaries.get(set).zip(splits.boundaries.get(set.saturating_add(1)));
        let Some((&start, &end)) = bounds.filter(|_| set as f64 == threshold) else {
            return damaged(format!(
                "tree {index}: split {split} is on set {threshold} of categories, but there are {}",
                splits.boundaries.len() - 1
            ));
        };
        let mut categories = Vec::new();
        let words = splits.words[start..end].iter().enumerate();
        for (word, &bits) in words.filter(|(_, bits)| **bits != 0) {
            if word >= MOST_CATEGORIES / 32 {
                return Err(Problem::Unsupported(format!(
                    "tree {index} splits on a category of `{}` that is {MOST_CATEGORIES} or \
                     more: number the categories from 0 and train again",
                    shown(name)
                )));
            }
            categories.extend(
                (0..32).filter(|bit| bits >> bit & 1 == 1).map(|bit| word as u32 * 32 + bit),
            );
        }
        Ok(categories)
    }
}
