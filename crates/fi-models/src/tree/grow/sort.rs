//! Sorts the rows of a node by a feature's rank, for criteria that look at them one by one.
//!
//! Large nodes take a byte-wise radix sort, small ones the standard library's. Both put equal
//! ranks in row order, so which of them ran changes no bit of the tree.

use super::kernel::Index;

/// Nodes with fewer rows are sorted by comparison.
const RADIX_FROM: usize = 128;

/// A rank and a place in the node's list in one integer: sorting it sorts by rank, then place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Item(u64);

impl Item {
    fn new(rank: usize, place: usize) -> Self {
        Self((rank as u64) << 32 | place as u64)
    }

    pub(super) fn rank(self) -> usize {
        (self.0 >> 32) as usize
    }

    pub(super) fn place(self) -> usize {
        (self.0 & 0xFFFF_FFFF) as usize
    }
}

/// Buffers that serve every node of a tree.
pub(super) struct Sorter {
    items: Vec<Item>,
    other: Vec<Item>,
}

impl Sorter {
    /// For nodes of at most `n_rows` rows.
    pub(super) fn new(n_rows: usize) -> Self {
        Self { items: vec![Item::default(); n_rows], other: vec![Item::default(); n_rows] }
    }

    /// The places of the list by rank; `None` if all have the same.
    pub(super) fn sort<I: Index>(&mut self, ranks: &[I], list: &[I]) -> Option<&[Item]> {
        let n_rows = list.len();
        let (mut low, mut high) = (usize::MAX, 0);
        for (place, (item, id)) in self.items.iter_mut().zip(list).enumerate() {
            let rank = ranks[id.get()].get();
            low = low.min(rank);
            high = high.max(rank);
            *item = Item::new(rank, place);
        }
        if low >= high {
            return None;
        }
        if n_rows < RADIX_FROM {
            self.items[..n_rows].sort_unstable();
        } else {
            self.radix(n_rows, low, high);
        }
        Some(&self.items[..n_rows])
    }

    /// Least significant byte first, as many bytes as the range of ranks has.
    fn radix(&mut self, n_rows: usize, low: usize, high: usize) {
        let n_bytes = (usize::BITS - (high - low).leading_zeros()).div_ceil(8);
        for byte in 0..n_bytes {
            let digit = |item: Item| ((item.rank() - low) >> (8 * byte)) & 0xFF;
            let items = &self.items[..n_rows];
            let mut next = [0_u32; 256];
            for &item in items {
                next[digit(item)] += 1;
            }
            let mut start = 0;
            for next in &mut next {
                start += std::mem::replace(next, start);
            }
            for &item in items {
                let next = &mut next[digit(item)];
                self.other[*next as usize] = item;
                *next += 1;
            }
            std::mem::swap(&mut self.items, &mut self.other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fi_core::Rng;

    #[test]
    fn both_sorts_give_the_same_order() {
        for (n_rows, n_ranks) in [(2, 2), (127, 9), (128, 300), (1_000, 70_000), (5_000, 1 << 25)] {
            let mut rng = Rng::new(3, n_rows as u64);
            let ranks: Vec<u32> = (0..2 * n_rows).map(|_| rng.below(n_ranks) as u32 + 7).collect();
            let list: Vec<u32> = (0..n_rows as u32).map(|row| 2 * row).collect();
            let item =
                |(place, &row): (usize, &u32)| Item::new(ranks[row as usize] as usize, place);
            let mut expected: Vec<Item> = list.iter().enumerate().map(item).collect();
            expected.sort_unstable();
            let mut sorter = Sorter::new(2 * n_rows);
            if let Some(sorted) = sorter.sort(&ranks, &list) {
                assert_eq!(sorted, expected);
            }
            assert_eq!(sorter.sort(&ranks, &[2, 2]), None);
        }
    }
}
