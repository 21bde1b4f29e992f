//! Means and spreads of numbered draws, whatever the order in which the draws come.
//!
//! Sums of floats depend on their order, so they are summed along a fixed binary tree over the
//! draws' numbers: the node of draws `first..first + n`, with `n` a power of two that divides
//! `first`, is the merge of its two halves, and exists as soon as both do.
//!
//! ```text
//! draws      0   1   2   3   4   5
//!            └─┬─┘   └─┬─┘   └─┬─┘
//!              └───┬───┘       │          nodes kept: 0..4 and 4..6
//! ```
//!
//! What is kept is then the largest nodes that are complete: it depends on *which* draws came, to
//! the bit, and never on who drew them, when, or in which parts they were merged. `k` draws in a
//! row keep at most `2 log₂ k` nodes.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The mean of some draws of a vector, and the sums of squared deviations from it.
///
/// Without numbers at all (`mean` is empty) it says that one of the draws was not known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MomentsNode {
    /// The number of its first draw, a multiple of `n`.
    pub first: u64,
    /// How many draws in a row it holds, a power of two.
    pub n: u64,
    /// The mean over the draws.
    pub mean: Vec<f64>,
    /// The sums of squared deviations; empty for a single draw, which has none.
    pub squares: Vec<f64>,
}

/// The mean and spread of numbered draws, as the complete nodes of a binary tree: ascending,
/// apart, and no two of them the halves of a third.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Moments {
    /// The nodes.
    pub nodes: Vec<MomentsNode>,
}

impl MomentsNode {
    fn end(&self) -> u64 {
        self.first + self.n
    }

    fn is_left_half_of_a_node_with(&self, right: &Self) -> bool {
        self.n == right.n && self.end() == right.first && self.first.is_multiple_of(2 * self.n)
    }

    /// Adds the draws that follow (Chan, Golub and LeVeque 1983,
    /// <https://doi.org/10.1080/00031305.1983.10483115>).
    fn append(&mut self, right: Self) {
        let (left_n, right_n) = (self.n as f64, right.n as f64);
        self.n += right.n;
        if self.mean.is_empty() || right.mean.is_empty() {
            (self.mean, self.squares) = (Vec::new(), Vec::new());
            return;
        }
        let (share, factor) = (right_n / (left_n + right_n), left_n * right_n / (left_n + right_n));
        // Two draws have no squares yet: the other's numbers make room for them.
        if self.squares.is_empty() && right.squares.is_empty() {
            self.squares = right.mean;
            for (mean, squares) in self.mean.iter_mut().zip(&mut self.squares) {
                let delta = *squares - *mean;
                *mean += delta * share;
                *squares = delta * delta * factor;
            }
            return;
        }
        let mut squares = std::mem::take(&mut self.squares);
        if squares.is_empty() {
            squares = right.squares;
        } else {
            // One draw has none.
            squares.iter_mut().zip(&right.squares).for_each(|(left, right)| *left += right);
        }
        for ((mean, squares), right) in self.mean.iter_mut().zip(&mut squares).zip(&right.mean) {
            let delta = right - *mean;
            *mean += delta * share;
            *squares += delta * delta * factor;
        }
        self.squares = squares;
    }
}

impl Moments {
    /// Adds draw `number`; `None` if it is not known.
    pub(crate) fn add(&mut self, number: u64, draw: Option<Vec<f64>>) {
        let mean = draw.unwrap_or_default();
        self.insert(MomentsNode { first: number, n: 1, mean, squares: Vec::new() });
    }

    /// Puts a node in its place, and merges halves as long as there are any.
    fn insert(&mut self, node: MomentsNode) {
        let mut place = self.nodes.partition_point(|other| other.first < node.first);
        self.nodes.insert(place, node);
        loop {
            if place > 0 && self.nodes[place - 1].is_left_half_of_a_node_with(&self.nodes[place]) {
                place -= 1;
            } else if !(self.nodes.get(place + 1))
                .is_some_and(|right| self.nodes[place].is_left_half_of_a_node_with(right))
            {
                return;
            }
            let right = self.nodes.remove(place + 1);
            self.nodes[place].append(right);
        }
    }

    /// Adds the draws of another, none of which are here.
    pub(crate) fn merge(&mut self, other: Self) {
        other.nodes.into_iter().for_each(|node| self.insert(node));
    }

    /// The numbers of the draws, ascending.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u64> + '_ {
        self.nodes.iter().flat_map(|node| node.first..node.end())
    }

    /// All draws as one node; `None` without any.
    pub(crate) fn total(&self) -> Option<MomentsNode> {
        self.clone().into_total()
    }

    /// As [`Moments::total`], without a copy.
    pub(crate) fn into_total(self) -> Option<MomentsNode> {
        let mut nodes = self.nodes.into_iter();
        let mut total = nodes.next()?;
        nodes.for_each(|node| total.append(node));
        if total.squares.is_empty() {
            total.squares.resize(total.mean.len(), 0.0);
        }
        Some(total)
    }

    /// Looks whether these are nodes of vectors of one length (`len`, if that is known), as they
    /// may come from a file.
    pub(crate) fn check(&self, len: Option<usize>) -> Result<()> {
        let first = self.nodes.iter().map(|node| node.mean.len()).find(|&len| len > 0);
        let len = len.or(first).unwrap_or(0);
        let whole = |node: &MomentsNode| {
            let squares = if node.n == 1 { 0 } else { node.mean.len() };
            node.n.is_power_of_two()
                && node.first.is_multiple_of(node.n)
                && node.first.checked_add(node.n).is_some_and(|end| end <= 1 << 62)
                && (node.mean.is_empty() || node.mean.len() == len)
                && node.squares.len() == squares
        };
        let apart = |pair: &[MomentsNode]| {
            pair[0].end() <= pair[1].first && !pair[0].is_left_half_of_a_node_with(&pair[1])
        };
        if self.nodes.iter().all(whole) && self.nodes.windows(2).all(apart) {
            return Ok(());
        }
        Err(Error::Data("the checkpoint's moments are damaged, begin without it".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use crate::statistics::sample_std;
    use proptest::prelude::*;

    fn draw(number: u64) -> Vec<f64> {
        let mut rng = Rng::new(8, number);
        vec![rng.normal(), 1e6 + rng.uniform(), 3.0]
    }

    fn of(numbers: impl IntoIterator<Item = u64>) -> Moments {
        let mut moments = Moments::default();
        numbers.into_iter().for_each(|number| moments.add(number, Some(draw(number))));
        moments
    }

    #[test]
    fn they_are_mean_and_squared_deviations() {
        let total = of(0..13).total().unwrap();
        assert_eq!(total.n, 13);
        for place in 0..3 {
            let draws: Vec<f64> = (0..13).map(|number| draw(number)[place]).collect();
            assert!((total.mean[place] - draws.iter().sum::<f64>() / 13.0).abs() < 1e-9);
            let std = (total.squares[place] / 12.0).sqrt();
            assert!((std - sample_std(draws.iter())).abs() < 1e-9 * (1.0 + std), "{place}: {std}");
        }
        // Equal draws have no spread, to the bit.
        assert_eq!((total.mean[2], total.squares[2]), (3.0, 0.0));
        assert_eq!(of([5]).total().unwrap().squares, [0.0; 3]);
        assert_eq!(Moments::default().total(), None);
    }

    #[test]
    fn a_draw_that_is_not_known_makes_all_unknown() {
        let mut moments = of(0..5);
        moments.add(5, None);
        let total = moments.total().unwrap();
        assert!(total.n == 6 && total.mean.is_empty() && total.squares.is_empty());
        assert!(moments.check(Some(3)).is_ok());
    }

    #[test]
    fn what_is_no_tree_is_refused() {
        let text = |moments: Moments| moments.check(Some(3)).unwrap_err().to_string();
        let node = |first, n, len| MomentsNode {
            first,
            n,
            mean: vec![0.0; len],
            squares: vec![0.0; if n == 1 { 0 } else { len }],
        };
        let damaged = [
            vec![node(1, 2, 3)],
            vec![node(0, 3, 3)],
            vec![node(0, 0, 3)],
            vec![node(0, 2, 4)],
            vec![node(0, 2, 3), node(1, 1, 3)],
            vec![node(0, 2, 3), node(2, 2, 3)],
            vec![node(u64::MAX - 1, 1 << 63, 3)],
            vec![MomentsNode { squares: vec![0.0], ..node(0, 2, 3) }],
        ];
        for nodes in damaged {
            let expected = "the checkpoint's moments are damaged, begin without it";
            assert_eq!(text(Moments { nodes: nodes.clone() }), expected, "{nodes:?}");
        }
        assert!(Moments { nodes: vec![node(2, 2, 3), node(4, 2, 3)] }.check(Some(3)).is_ok());
    }

    proptest! {
        #[test]
        fn neither_order_nor_parts_change_a_bit(
            mut numbers in proptest::collection::btree_set(0_u64..64, 1..50)
                .prop_map(|set| set.into_iter().collect::<Vec<_>>()),
            seed: u64,
            n_parts in 1_usize..5,
        ) {
            let whole = of(numbers.iter().copied());
            prop_assert_eq!(whole.numbers().collect::<Vec<_>>(), numbers.clone());
            prop_assert!(whole.check(Some(3)).is_ok());
            let rng = &mut Rng::new(seed, 0);
            rng.shuffle(&mut numbers);
            let mut parts = vec![Moments::default(); n_parts];
            for number in numbers {
                parts[rng.below(n_parts)].add(number, Some(draw(number)));
            }
            let mut merged = Moments::default();
            for part in parts {
                merged.merge(part);
            }
            prop_assert_eq!(&merged, &whole);
            prop_assert_eq!(merged.total(), whole.total());
        }
    }
}
