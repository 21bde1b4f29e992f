//! A few rows of the table in a piece of memory that the cache holds.
//!
//! A node's rows lie all over the table, and their ranks are large numbers with gaps. So the
//! rows of a small node are copied into a block of their own, renumbered from 0, with ranks
//! among themselves; the whole subtree is grown there.

use super::super::table::Table;
use super::kernel::{Feature, Index};

/// Rows to grow on: the table's, or a block's.
pub(super) struct View<'a, I, R> {
    /// `n_features × stride`, column by column.
    ranks: &'a [I],
    stride: usize,
    infos: &'a [Info],
    /// What the kernel knows of each row.
    pub(super) rows: &'a [R],
    /// The row of the table that each row is; `None` if it is the table.
    ids: Option<&'a [u32]>,
}

/// The ranks of one feature.
#[derive(Clone, Copy)]
pub(super) struct Info {
    n_ranks: usize,
    has_missing: bool,
}

impl<'a, R> View<'a, u32, R> {
    /// The whole table.
    pub(super) fn table(table: &'a Table, infos: &'a [Info], rows: &'a [R]) -> Self {
        Self { ranks: table.all_ranks(), stride: table.n_rows, infos, rows, ids: None }
    }
}

/// What is known of the table's features.
pub(super) fn infos(table: &Table) -> Vec<Info> {
    let columns = (0..table.n_features).map(|feature| table.column(feature));
    columns.map(|c| Info { n_ranks: c.n_ranks(), has_missing: c.has_missing }).collect()
}

impl<'a, I: Index, R> View<'a, I, R> {
    /// One feature; `None` if all rows have the same rank.
    #[inline]
    pub(super) fn feature(&self, feature: usize) -> Option<Feature<'a, I>> {
        let Info { n_ranks, has_missing } = self.infos[feature];
        let ranks = &self.ranks[feature * self.stride..(feature + 1) * self.stride];
        (n_ranks + usize::from(has_missing) > 1).then_some(Feature { ranks, n_ranks, has_missing })
    }

    /// The row of the table that a row is.
    #[inline]
    pub(super) fn id(&self, row: I) -> u32 {
        self.ids.map_or(row.get() as u32, |ids| ids[row.get()])
    }
}

/// Memory for one block at a time.
pub(super) struct Block<R> {
    /// The most rows.
    pub(super) capacity: usize,
    ids: Vec<u32>,
    ranks: Vec<u16>,
    infos: Vec<Info>,
    rows: Vec<R>,
    list: Vec<u16>,
    aside: Vec<u16>,
    taken: Vec<u64>,
    renamed: Vec<u16>,
}

impl<R: Copy> Block<R> {
    /// For at most this many rows, fewer than 65,536: one rank more is for missing values.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            ids: Vec::new(),
            ranks: Vec::new(),
            infos: Vec::new(),
            rows: Vec::new(),
            list: Vec::new(),
            aside: Vec::new(),
            taken: Vec::new(),
            renamed: Vec::new(),
        }
    }

    /// Copies these rows of `view` and ranks them among themselves.
    pub(super) fn fill<I: Index>(&mut self, view: &View<'_, I, R>, rows: &[I]) {
        let n = rows.len();
        self.ids.clear();
        self.ids.extend(rows.iter().map(|&row| view.id(row)));
        self.rows.clear();
        self.rows.extend(rows.iter().map(|row| view.rows[row.get()]));
        self.list.clear();
        self.list.extend((0..n).map(|row| row as u16));
        self.aside.resize(n, 0);
        self.ranks.resize(n * view.infos.len(), 0);
        self.infos.clear();
        for (feature, &Info { n_ranks, has_missing }) in view.infos.iter().enumerate() {
            let old = &view.ranks[feature * view.stride..(feature + 1) * view.stride];
            let words = n_ranks / 64 + 1;
            if self.taken.len() < words {
                self.taken.resize(words, 0);
                self.renamed.resize(words * 64, 0);
            }
            for row in rows {
                let rank = old[row.get()].get();
                self.taken[rank / 64] |= 1 << (rank % 64);
            }
            let missing = has_missing && self.taken[n_ranks / 64] >> (n_ranks % 64) & 1 == 1;
            let mut next = 0;
            for (word, taken) in self.taken[..words].iter_mut().enumerate() {
                let mut bits = std::mem::take(taken);
                while bits != 0 {
                    self.renamed[word * 64 + bits.trailing_zeros() as usize] = next;
                    next = next.wrapping_add(1);
                    bits &= bits - 1;
                }
            }
            let new = &mut self.ranks[feature * n..(feature + 1) * n];
            for (new, row) in new.iter_mut().zip(rows) {
                *new = self.renamed[old[row.get()].get()];
            }
            let n_ranks = usize::from(next) - usize::from(missing);
            self.infos.push(Info { n_ranks, has_missing: missing });
        }
    }

    /// The block to look at, the list of its rows, and as much room again.
    pub(super) fn open(&mut self) -> (View<'_, u16, R>, &mut [u16], &mut [u16]) {
        let n = self.ids.len();
        let view = View {
            ranks: &self.ranks,
            stride: n,
            infos: &self.infos,
            rows: &self.rows,
            ids: Some(&self.ids),
        };
        (view, &mut self.list, &mut self.aside[..n])
    }
}
