//! What a split asks: on which side of a threshold a value is, or whether it is in a set.

use serde::{Deserialize, Serialize};

/// Which rows a numeric split sends to its left child.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Comparison {
    /// `x ≤ threshold` goes left: fi's own trees, scikit-learn, LightGBM, CatBoost.
    LessEqual,
    /// `x < threshold` goes left: XGBoost, linfa-trees.
    Less,
}

/// The precision that values are rounded to before they are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Precision {
    /// Single: XGBoost, CatBoost, ONNX, and scikit-learn, which compares with thresholds in
    /// double precision.
    F32,
    /// Double: fi's own trees, LightGBM, linfa-trees.
    F64,
}

/// In the array of sets: a split on a threshold.
pub(super) const NUMERIC: u32 = u32::MAX;

/// Where zero is missing, so is every value up to this size (LightGBM's `kZeroThreshold`, a
/// number of single precision).
pub(super) const ZERO: f64 = 1e-35_f32 as f64;

/// Categories beyond this cannot be told apart as single-precision numbers.
pub(super) const MOST_CATEGORIES: u32 = 1 << 24;

/// Sets of categories as bits, one behind the other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct CategorySets {
    /// Where each set starts, and behind them the number of words.
    pub(super) offsets: Vec<usize>,
    pub(super) words: Vec<u64>,
}

/// A set of categories: of the whole numbers from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CategorySet<'a> {
    words: &'a [u64],
}

impl Default for CategorySets {
    fn default() -> Self {
        Self { offsets: vec![0], words: Vec::new() }
    }
}

impl CategorySets {
    pub(super) fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    #[inline]
    pub(super) fn get(&self, set: usize) -> CategorySet<'_> {
        CategorySet { words: &self.words[self.offsets[set]..self.offsets[set + 1]] }
    }

    /// Adds a set; `false` if a category is too large.
    pub(super) fn push(&mut self, categories: &[u32]) -> bool {
        let largest = categories.iter().copied().max().unwrap_or(0);
        if largest >= MOST_CATEGORIES {
            return false;
        }
        let start = self.words.len();
        let n_words = if categories.is_empty() { 0 } else { largest as usize / 64 + 1 };
        self.words.resize(start + n_words, 0);
        for &category in categories {
            self.words[start + category as usize / 64] |= 1 << (category % 64);
        }
        self.offsets.push(self.words.len());
        true
    }

    /// Adds all sets of `other` behind these.
    pub(super) fn append(&mut self, other: &Self) {
        let start = self.words.len();
        self.words.extend_from_slice(&other.words);
        self.offsets.extend(other.offsets[1..].iter().map(|offset| start + offset));
    }

    /// Whether the offsets rise from 0 to the number of words.
    pub(super) fn hold_together(&self) -> bool {
        self.offsets.first() == Some(&0)
            && self.offsets.last() == Some(&self.words.len())
            && self.offsets.windows(2).all(|pair| pair[0] <= pair[1])
    }
}

impl<'a> CategorySet<'a> {
    /// Its bits.
    pub(super) fn words(self) -> &'a [u64] {
        self.words
    }

    /// Whether a value, cut to a whole number, is in the set; negative numbers and NaN never are.
    #[inline]
    pub fn contains(self, x: f64) -> bool {
        // NaN and negative numbers fail the comparison, infinity lies beyond every word.
        x >= 0.0
            && self
                .words
                .get(x as usize / 64)
                .is_some_and(|word| word >> (x as usize % 64) & 1 == 1)
    }

    /// The categories, ascending.
    pub fn iter(self) -> impl Iterator<Item = u32> + 'a {
        self.words.iter().enumerate().flat_map(|(index, &word)| {
            let bits = (0..64).filter(move |bit| word >> bit & 1 == 1);
            bits.map(move |bit| index as u32 * 64 + bit)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in_and_nothing_else() {
        let mut sets = CategorySets::default();
        assert!(sets.push(&[130, 2, 63]));
        assert!(sets.push(&[]));
        let set = sets.get(0);
        assert_eq!(set.iter().collect::<Vec<_>>(), [2, 63, 130]);
        for (x, inside) in [(2.0, true), (2.9, true), (3.0, false), (63.0, true), (64.0, false)] {
            assert_eq!(set.contains(x), inside, "{x}");
        }
        for x in [f64::NAN, -2.0, f64::INFINITY, f64::NEG_INFINITY, 1e300, 192.0] {
            assert!(!set.contains(x), "{x}");
            assert!(!sets.get(1).contains(x), "{x}");
        }
        assert!(!sets.push(&[MOST_CATEGORIES]));
        let mut joined = CategorySets::default();
        assert!(joined.push(&[1]));
        joined.append(&sets);
        assert_eq!(joined.get(1).iter().collect::<Vec<_>>(), [2, 63, 130]);
        assert!(joined.hold_together());
    }
}
