//! Sorts the rows of a node by a feature's rank.
//!
//! Large nodes take a byte-wise radix sort, small ones the standard library's. Both put equal
//! ranks in row order, so which of them ran changes no bit of the tree.

/// Nodes with fewer rows are sorted by comparison.
const RADIX_FROM: usize = 128;

/// A row and its rank in one integer: sorting it sorts by rank, then row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Item(u64);

impl Item {
    fn new(rank: u32, row: u32) -> Self {
        Self(u64::from(rank) << 32 | u64::from(row))
    }

    pub(super) fn rank(self) -> u32 {
        (self.0 >> 32) as u32
    }

    pub(super) fn row(self) -> u32 {
        self.0 as u32
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

    /// The rows, ascending in number, by rank; `None` if all have the same.
    pub(super) fn sort(&mut self, ranks: &[u32], rows: &[u32]) -> Option<&[Item]> {
        let n_rows = rows.len();
        let (mut low, mut high) = (u32::MAX, 0);
        for (item, &row) in self.items.iter_mut().zip(rows) {
            let rank = ranks[row as usize];
            low = low.min(rank);
            high = high.max(rank);
            *item = Item::new(rank, row);
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
    fn radix(&mut self, n_rows: usize, low: u32, high: u32) {
        let n_bytes = (u32::BITS - (high - low).leading_zeros()).div_ceil(8);
        for byte in 0..n_bytes {
            let digit = |item: Item| ((item.rank() - low) >> (8 * byte)) as usize & 0xFF;
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
            let rows: Vec<u32> = (0..n_rows as u32).map(|row| 2 * row).collect();
            let mut expected: Vec<Item> =
                rows.iter().map(|&row| Item::new(ranks[row as usize], row)).collect();
            expected.sort_unstable();
            let mut sorter = Sorter::new(2 * n_rows);
            if let Some(sorted) = sorter.sort(&ranks, &rows) {
                assert_eq!(sorted, expected);
            }
            assert_eq!(sorter.sort(&ranks, &[2, 2]), None);
        }
    }
}
