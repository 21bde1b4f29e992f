//! The walks of shuffled rows that leave the way of the untouched row.
//!
//! A block of rows walks down a tree. At every split each row is also asked where its donors'
//! values would go; where a player first goes the other way in some repeats, an item is noted:
//! this row, this player, these repeats, at the other child. Then all items walk on together, each
//! step for all of them before the next, so that they do not wait for memory one by one, and what
//! comes to a leaf drops out without a branch that the processor cannot foresee. The repeats of an
//! item part only at a split on the player's own columns.

use std::ops::Range;

use ndarray::ArrayViewMut2;

use super::coded_trees::CodedTree;
use super::codes::{Code, Coded, LANES};
use super::one_pass::{Group, Members, REPEATS};

/// A tree of so many different answers tells few apart.
const FEW: usize = 8;

/// All bits of a number, or none, by four bits of lanes.
const MASKS: [[u64; LANES / 2]; 16] = {
    let mut masks = [[0; LANES / 2]; 16];
    let mut lanes = 0;
    while lanes < 16 {
        let mut lane = 0;
        while lane < LANES / 2 {
            masks[lanes][lane] = 0_u64.wrapping_sub(lanes as u64 >> lane & 1);
            lane += 1;
        }
        lanes += 1;
    }
    masks
};

/// Rows that go through the trees together.
#[derive(Debug)]
pub(super) struct Block<C> {
    pub(super) n_rows: usize,
    n_columns: usize,
    /// `[row][column]`: the code of the row, and those of its donors.
    cells: Vec<[C; LANES]>,
    /// `[row][output]`: of the untouched rows.
    sums: Vec<f64>,
    /// `[row][player][output]`: what each repeat adds to that; the first lane is not used.
    changes: Vec<[f64; LANES]>,
}

impl<C: Code> Block<C> {
    pub(super) fn new(
        rows: &Coded<C>,
        from: usize,
        range: Range<usize>,
        donors: &[&[usize]],
        n_players: usize,
        n_outputs: usize,
    ) -> Self {
        let (n_rows, n_columns) = (range.len(), rows.n_columns());
        let mut cells = vec![[C::default(); LANES]; n_rows * n_columns];
        for (place, row) in range.enumerate() {
            let cells = &mut cells[place * n_columns..(place + 1) * n_columns];
            cells
                .iter_mut()
                .zip(rows.row(from + row))
                .for_each(|(cell, &code)| *cell = [code; LANES]);
            for (lane, donors) in (1..LANES).zip(donors) {
                let codes = rows.row(donors[row]);
                cells.iter_mut().zip(codes).for_each(|(cell, &code)| cell[lane] = code);
            }
        }
        let sums = vec![0.0; n_rows * n_outputs];
        let changes = vec![[0.0; LANES]; n_rows * n_players * n_outputs];
        Self { n_rows, n_columns, cells, sums, changes }
    }

    /// Writes the sums of one player and repeat.
    pub(super) fn write(
        &self,
        player: Option<usize>,
        lane: usize,
        n_players: usize,
        into: &mut ArrayViewMut2<'_, f64>,
    ) {
        let n_outputs = into.ncols();
        for (row, mut into) in into.rows_mut().into_iter().enumerate() {
            for (output, into) in into.iter_mut().enumerate() {
                let change = player.map_or(0.0, |player| {
                    self.changes[(row * n_players + player) * n_outputs + output][lane]
                });
                *into = self.sums[row * n_outputs + output] + change;
            }
        }
    }
}

/// One walk on its way.
#[derive(Debug, Clone, Copy, Default)]
struct Item {
    at: u32,
    player: u16,
    row: u8,
    /// The repeats that go this way.
    lanes: u8,
}

/// What is kept from tree to tree.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    n_values: usize,
    n_outputs: usize,
    /// `[row][player]`: the repeats that have not left the way of the untouched row.
    with: Vec<u8>,
    /// The untouched rows that are on their way.
    rows: Vec<(u32, u32)>,
    /// The leaf of each.
    leaves: Vec<u32>,
    /// The walks that left, and those of them that are left after a step.
    items: Vec<Item>,
    kept: Vec<Item>,
    /// Those that have come to a leaf.
    done: Vec<Item>,
}

impl Leaving {
    pub(super) fn new(n_values: usize, n_outputs: usize) -> Self {
        Self { n_values, n_outputs, ..Self::default() }
    }

    /// Adds what a tree answers of a block's rows.
    pub(super) fn tree<C: Code>(
        &mut self,
        tree: &CodedTree<'_, C>,
        block: &mut Block<C>,
        group: &Group<'_>,
    ) {
        let n_rows = block.n_rows;
        self.leaves.clear();
        self.leaves.resize(n_rows, 0);
        let mut n_done = 0;
        if !tree.is_leaf() {
            self.rows.clear();
            self.rows.extend((0..n_rows as u32).map(|row| (0, row)));
            // One more than there can be: what is written there is not kept.
            let n_items = n_rows * group.lanes.len() * REPEATS + 1;
            for items in [&mut self.items, &mut self.kept, &mut self.done] {
                if items.len() < n_items {
                    items.resize(n_items, Item::default());
                }
            }
            self.with.clear();
            (0..n_rows).for_each(|_| self.with.extend_from_slice(&group.lanes));
            n_done = match &group.members {
                Members::Single(player_of) => {
                    let players = |column: usize| std::slice::from_ref(&player_of[column]);
                    let holds = |player: u16, column: usize| player_of[column] == player;
                    self.walk(tree, block, group.lanes.len(), players, holds)
                }
                Members::Many { starts, players, holds } => {
                    let n_columns = block.n_columns;
                    let players = |c: usize| &players[starts[c]..starts[c + 1]];
                    let holds = |player: u16, column: usize| {
                        holds[usize::from(player) * n_columns + column]
                    };
                    self.walk(tree, block, group.lanes.len(), players, holds)
                }
            };
        }
        self.add(tree, block, group.lanes.len(), n_done);
    }

    #[inline]
    fn walk<'p, C: Code>(
        &mut self,
        tree: &CodedTree<'_, C>,
        block: &Block<C>,
        n_players: usize,
        players_of: impl Fn(usize) -> &'p [u16],
        holds: impl Fn(u16, usize) -> bool,
    ) -> usize {
        let (n_items, n_done) = self.leave(tree, block, n_players, players_of);
        self.arrive(tree, block, n_items, n_done, holds)
    }

    /// Walks the untouched rows to their leaves and notes where players leave their way; answers
    /// how many do, and how many of those are in a leaf.
    #[inline]
    fn leave<'p, C: Code>(
        &mut self,
        tree: &CodedTree<'_, C>,
        block: &Block<C>,
        n_players: usize,
        players_of: impl Fn(usize) -> &'p [u16],
    ) -> (usize, usize) {
        // Slices of their own, so that a store to one does not make the others be loaded again.
        let (with, leaves, rows) = (&mut self.with[..], &mut self.leaves[..], &mut self.rows[..]);
        let (items, done) = (&mut self.items[..], &mut self.done[..]);
        let (nodes, cells, n_columns) = (tree.nodes, &block.cells[..], block.n_columns);
        let (mut n_items, mut n_done) = (0, 0);
        let mut n_rows = rows.len();
        while n_rows > 0 {
            let mut n_kept = 0;
            for place in 0..n_rows {
                let (at, row) = rows[place];
                let node = nodes[at as usize];
                let column = node.column();
                let right = C::after(&cells[row as usize * n_columns + column], node.last());
                let side = right & 1;
                // The lanes that go the other way.
                let other = right ^ side.wrapping_neg();
                for &player in players_of(column) {
                    let with = &mut with[row as usize * n_players + usize::from(player)];
                    let lanes = other & *with;
                    *with &= !other;
                    let (at, leaf) = node.child(u32::from(side ^ 1));
                    let item = Item { at, player, row: row as u8, lanes };
                    items[n_items] = item;
                    n_items += usize::from(lanes != 0) & usize::from(!leaf);
                    done[n_done] = item;
                    n_done += usize::from(lanes != 0) & usize::from(leaf);
                }
                let (next, leaf) = node.child(u32::from(side));
                leaves[row as usize] = next;
                rows[n_kept] = (next, row);
                n_kept += usize::from(!leaf);
            }
            n_rows = n_kept;
        }
        (n_items, n_done)
    }

    /// Walks those that left to their leaves; answers how many there are.
    #[inline]
    fn arrive<C: Code>(
        &mut self,
        tree: &CodedTree<'_, C>,
        block: &Block<C>,
        mut n_items: usize,
        mut n_done: usize,
        holds: impl Fn(u16, usize) -> bool,
    ) -> usize {
        let (mut items, mut kept) = (&mut self.items[..], &mut self.kept[..]);
        let done = &mut self.done[..];
        let (nodes, cells, n_columns) = (tree.nodes, &block.cells[..], block.n_columns);
        while n_items > 0 {
            let mut n_kept = 0;
            for item in &items[..n_items] {
                let node = nodes[item.at as usize];
                let column = node.column();
                let cell = &cells[usize::from(item.row) * n_columns + column];
                let mut step = |side: u32, lanes: u8| {
                    let (at, leaf) = node.child(side);
                    let item = Item { at, lanes, ..*item };
                    kept[n_kept] = item;
                    n_kept += usize::from(!leaf);
                    done[n_done] = item;
                    n_done += usize::from(leaf);
                };
                if holds(item.player, column) {
                    let right = C::after(cell, node.last());
                    for (side, lanes) in [(0, item.lanes & !right), (1, item.lanes & right)] {
                        if lanes != 0 {
                            step(side, lanes);
                        }
                    }
                } else {
                    step(u32::from(C::first_after(cell, node.last())), item.lanes);
                }
            }
            std::mem::swap(&mut items, &mut kept);
            n_items = n_kept;
        }
        n_done
    }

    /// Drops those that came to the answer they left; answers how many are left.
    fn drop_unmoved<C: Code>(&mut self, tree: &CodedTree<'_, C>, n_done: usize) -> usize {
        let mut n_kept = 0;
        for place in 0..n_done {
            let item = self.done[place];
            self.done[n_kept] = item;
            let from = tree.answer(self.leaves[usize::from(item.row)]);
            n_kept += usize::from(tree.answer(item.at) != from);
        }
        n_kept
    }

    /// Adds the answers of the untouched rows' leaves, and of those that left the differences.
    #[inline]
    fn add<C: Code>(
        &mut self,
        tree: &CodedTree<'_, C>,
        block: &mut Block<C>,
        n_players: usize,
        n_done: usize,
    ) {
        let (n_outputs, n_values, first) = (self.n_outputs, self.n_values, tree.first_output);
        for (row, &leaf) in self.leaves.iter().enumerate() {
            let answer = &tree.answers[tree.answer(leaf) as usize * n_values..][..n_values];
            let sums = &mut block.sums[row * n_outputs + first..][..n_values];
            sums.iter_mut().zip(answer).for_each(|(sum, value)| *sum += value);
        }
        // Where few answers are told apart, many that left come to the one they left.
        let few = tree.answers.len() <= FEW * n_values;
        let n_done = if few { self.drop_unmoved(tree, n_done) } else { n_done };
        for item in &self.done[..n_done] {
            let row = usize::from(item.row);
            let from = tree.answer(self.leaves[row]) as usize;
            let to = tree.answer(item.at) as usize;
            let line = (row * n_players + usize::from(item.player)) * n_outputs + first;
            for k in 0..n_values {
                let change = tree.answers[to * n_values + k] - tree.answers[from * n_values + k];
                add_lanes(&mut block.changes[line + k], change, item.lanes);
            }
        }
    }
}

/// Adds a number to these of the sums.
#[inline]
fn add_lanes(sums: &mut [f64; LANES], change: f64, lanes: u8) {
    let halves = [&MASKS[usize::from(lanes & 15)], &MASKS[usize::from(lanes >> 4)]];
    let (low, high) = sums.split_at_mut(LANES / 2);
    for (sums, masks) in [low, high].into_iter().zip(halves) {
        for (sum, mask) in sums.iter_mut().zip(masks) {
            *sum += f64::from_bits(change.to_bits() & mask);
        }
    }
}
