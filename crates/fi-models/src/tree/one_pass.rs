//! The predictions of many shuffles of many rows from one pass through the trees.
//!
//! Rows go in blocks, up to seven repeats at once. A block's codes stand in cells of eight: a
//! row's own, and beside it those of its donors. What a player changes is kept as a difference to
//! the untouched row, summed over the trees in order, so that a player costs nothing where it
//! changes nothing.

use std::ops::Range;

use fi_core::Shuffle;
use ndarray::{Array2, s};

use super::coded_trees::{CodedTree, CodedTrees};
use super::codes::{Code, Coded, LANES};
use super::leaving::{Block, Leaving};

/// So many repeats go together; the first lane is the untouched row's.
pub(super) const REPEATS: usize = LANES - 1;
/// A block has at most so many rows, and so few that its differences fit into so many bytes.
const BLOCK_ROWS: usize = 64;
const BLOCK_BYTES: usize = 1 << 18;
/// So many players, times outputs, walk together.
const MOST_PLAYERS: usize = 1 << 10;
/// Trees of so many nodes go through all rows of a task before the next trees: they stay in a
/// processor's second cache, as the rows of a task do not.
const NEAR_NODES: usize = 1 << 15;

/// The shuffles of up to seven repeats.
#[derive(Debug)]
pub(super) struct Group<'a> {
    /// Of each repeat.
    donors: Vec<&'a [usize]>,
    /// Which player and lane each shuffle is; no player if no tree splits on its features.
    shuffles: Vec<(usize, Option<usize>, usize)>,
    /// The repeats of each player, as bits; behind them one that has none.
    pub(super) lanes: Vec<u8>,
    pub(super) members: Members,
}

/// Which columns of codes a player has.
#[derive(Debug)]
pub(super) enum Members {
    /// The only player of each column, or the one that has no repeats.
    Single(Vec<u16>),
    Many {
        /// The players of column `c` are `players[starts[c]..starts[c + 1]]`.
        starts: Vec<usize>,
        players: Vec<u16>,
        /// `[player][column]`.
        holds: Vec<bool>,
    },
}

impl<'a> Group<'a> {
    /// The shuffles, ordered by player and then repeat, up to seven repeats at a time;
    /// `of_column` says which feature each column of codes is about.
    pub(super) fn of(
        shuffles: &[Shuffle<'a>],
        of_column: &[usize],
        n_features: usize,
        n_outputs: usize,
    ) -> Vec<Self> {
        let mut columns = vec![Vec::new(); n_features];
        for (column, &feature) in of_column.iter().enumerate() {
            columns[feature].push(column);
        }
        let mut repeats: Vec<usize> = shuffles.iter().map(|shuffle| shuffle.repeat).collect();
        repeats.sort_unstable();
        repeats.dedup();
        let most = (MOST_PLAYERS / n_outputs).max(1);
        let mut groups = Vec::new();
        for repeats in repeats.chunks(REPEATS) {
            // Of all these repeats, whether or not the players of a group ask for each.
            let mut donors = vec![&[][..]; repeats.len()];
            for shuffle in shuffles {
                if let Ok(place) = repeats.binary_search(&shuffle.repeat) {
                    donors[place] = shuffle.donors;
                }
            }
            let mut group = Builder::new(&donors);
            for (copy, shuffle) in shuffles.iter().enumerate() {
                let Ok(place) = repeats.binary_search(&shuffle.repeat) else { continue };
                if group.members.len() == most && !group.goes_on(shuffle) {
                    groups.push(group.finish(of_column.len()));
                    group = Builder::new(&donors);
                }
                group.push(copy, shuffle, place, &columns);
            }
            groups.push(group.finish(of_column.len()));
        }
        groups
    }
}

/// A group that is not yet complete.
struct Builder<'a> {
    donors: Vec<&'a [usize]>,
    shuffles: Vec<(usize, Option<usize>, usize)>,
    lanes: Vec<u8>,
    /// The columns of each player.
    members: Vec<Vec<usize>>,
    /// The features of the last player, and its place unless no tree uses it.
    last: Option<(&'a [usize], usize)>,
}

impl<'a> Builder<'a> {
    fn new(donors: &[&'a [usize]]) -> Self {
        let donors = donors.to_vec();
        Self { donors, shuffles: Vec::new(), lanes: Vec::new(), members: Vec::new(), last: None }
    }

    /// Whether a shuffle is the last player's.
    fn goes_on(&self, shuffle: &Shuffle<'a>) -> bool {
        self.last.is_some_and(|(members, _)| members == shuffle.members)
    }

    fn push(&mut self, copy: usize, shuffle: &Shuffle<'a>, place: usize, columns: &[Vec<usize>]) {
        let lane = 1 + place;
        if shuffle.members.iter().all(|&feature| columns[feature].is_empty()) {
            self.shuffles.push((copy, None, lane));
            return;
        }
        let player = match self.last {
            Some((members, player)) if members == shuffle.members => player,
            _ => {
                let all = shuffle.members.iter().flat_map(|&feature| &columns[feature]);
                self.members.push(all.copied().collect());
                self.lanes.push(0);
                self.lanes.len() - 1
            }
        };
        self.last = Some((shuffle.members, player));
        self.lanes[player] |= 1 << lane;
        self.shuffles.push((copy, Some(player), lane));
    }

    fn finish(mut self, n_columns: usize) -> Group<'a> {
        let mut of_column = vec![Vec::new(); n_columns];
        for (player, columns) in self.members.iter().enumerate() {
            for &column in columns {
                of_column[column].push(player as u16);
            }
        }
        let nobody = self.lanes.len() as u16;
        self.lanes.push(0);
        let members = if of_column.iter().all(|players| players.len() <= 1) {
            let player = |players: &Vec<u16>| players.first().copied().unwrap_or(nobody);
            Members::Single(of_column.iter().map(player).collect())
        } else {
            let mut holds = vec![false; self.members.len() * n_columns];
            for (player, columns) in self.members.iter().enumerate() {
                for &column in columns {
                    holds[player * n_columns + column] = true;
                }
            }
            let mut starts = vec![0];
            starts.extend(of_column.iter().scan(0, |sum, players| {
                *sum += players.len();
                Some(*sum)
            }));
            Members::Many { starts, players: of_column.concat(), holds }
        };
        let Self { donors, shuffles, lanes, .. } = self;
        Group { donors, shuffles, lanes, members }
    }
}

/// The sums of the trees' answers `(n_shuffles · rows in range, n_outputs)`, shuffle after
/// shuffle, without division and base scores. Rows are counted from row `from`, the first that the
/// groups have donors for.
pub(super) fn shuffled_sums<C: Code>(
    all: &CodedTrees<'_, C>,
    trees: Range<usize>,
    rows: &Coded<C>,
    from: usize,
    range: Range<usize>,
    groups: &[Group<'_>],
) -> Array2<f64> {
    let n_outputs = all.ensemble.n_outputs();
    let n_rows = range.len();
    let n_shuffles: usize = groups.iter().map(|group| group.shuffles.len()).sum();
    let trees: Vec<CodedTree<'_, C>> = trees.map(|tree| all.tree(tree)).collect();
    let mut sums = Array2::zeros((n_shuffles * n_rows, n_outputs));
    let mut leaving = Leaving::new(all.ensemble.n_values(), n_outputs);
    for group in groups {
        let line = group.lanes.len() * n_outputs * size_of::<[f64; LANES]>();
        let block_rows = (BLOCK_BYTES / line).clamp(1, BLOCK_ROWS);
        let starts: Vec<usize> = range.clone().step_by(block_rows).collect();
        // Trees that stay near together need no more than a block of rows in memory.
        let at_once = if n_near(&trees) == trees.len() { 1 } else { starts.len().max(1) };
        for starts in starts.chunks(at_once) {
            let block = |&start: &usize| {
                let rows_of_block = start..(start + block_rows).min(range.end);
                Block::new(rows, from, rows_of_block, &group.donors, group.lanes.len(), n_outputs)
            };
            let mut blocks: Vec<Block<C>> = starts.iter().map(block).collect();
            let mut rest = &trees[..];
            while !rest.is_empty() {
                let (near, far) = rest.split_at(n_near(rest));
                rest = far;
                for block in &mut blocks {
                    for tree in near {
                        leaving.tree(tree, block, group);
                    }
                }
            }
            for (&start, block) in starts.iter().zip(&blocks) {
                for &(copy, player, lane) in &group.shuffles {
                    let first = copy * n_rows + start - range.start;
                    let mut into = sums.slice_mut(s![first..first + block.n_rows, ..]);
                    block.write(player, lane, group.lanes.len(), &mut into);
                }
            }
        }
    }
    sums
}

/// How many of these trees stay near the processor together; at least 1.
fn n_near<C: Code>(trees: &[CodedTree<'_, C>]) -> usize {
    let mut n_nodes = 0;
    let near = trees.iter().take_while(|tree| {
        n_nodes += tree.nodes.len();
        n_nodes <= NEAR_NODES
    });
    near.count().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_cut_within_a_player_knows_the_donors_of_every_repeat() {
        let donors: Vec<Vec<usize>> = (0..5).map(|repeat| vec![repeat; 3]).collect();
        let members = [vec![0], vec![1]];
        // The second player is asked for its first two repeats only.
        let asked = (0..5).map(|repeat| (0, repeat)).chain([(1, 0), (1, 1)]);
        let shuffles: Vec<Shuffle<'_>> = asked
            .map(|(player, repeat): (usize, usize)| Shuffle {
                name: "player",
                members: &members[player],
                repeat,
                donors: &donors[repeat],
            })
            .collect();
        // With so many outputs a group has room for one player.
        let groups = Group::of(&shuffles, &[0, 1], 2, 600);
        assert_eq!(groups.len(), 2);
        for group in &groups {
            assert_eq!(group.donors, donors.iter().map(Vec::as_slice).collect::<Vec<_>>());
        }
    }
}
