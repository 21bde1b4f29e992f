//! The walks of shuffled rows that leave the way of the untouched row.
//!
//! A block of rows walks down a tree. At every split each row is also asked where its donor's
//! value would go; where a player first goes the other way, an item is noted: this row, this
//! player, at the other child. Then all items walk on together, each step for all of them before
//! the next, so that they do not wait for memory one by one, and what comes to a leaf drops out
//! without a branch that the processor cannot foresee.

use std::ops::Range;

use fi_core::Shuffle;
use ndarray::{Array2, ArrayView2, Axis, s};

use super::compiled::{Compiled, Tile, Walk};

/// So many rows go through all trees together.
const LANES: usize = 32;
/// Trees of so many nodes go through all rows of a task before the next trees: they stay in a
/// processor's second cache, as the rows of a task do not.
const NEAR_NODES: usize = 1 << 13;

/// The shuffles of one repeat.
pub(super) struct Group<'a> {
    donors: &'a [usize],
    /// Of the players that a tree uses: which shuffle each is.
    shuffles: Vec<usize>,
    /// Of the others, whose predictions are the untouched ones.
    unused: Vec<usize>,
    /// The players of feature `f` are `players[starts[f]..starts[f + 1]]`.
    starts: Vec<usize>,
    players: Vec<u32>,
    members: Members,
}

/// Which features a player has.
enum Members {
    /// Of each player the only one, and of each feature its player, if there is one.
    Single { feature_of: Vec<u32>, player_of: Vec<Option<u32>> },
    /// `[player][feature]`, of `stride` features.
    Many { holds: Vec<bool>, stride: usize },
}

impl<'a> Group<'a> {
    /// The shuffles, ordered in any way, repeat by repeat; `used` says whether some tree splits
    /// on a feature.
    pub(super) fn of(shuffles: &[Shuffle<'a>], used: &[bool]) -> Vec<Self> {
        let mut repeats: Vec<usize> = shuffles.iter().map(|shuffle| shuffle.repeat).collect();
        repeats.sort_unstable();
        repeats.dedup();
        let group = |&repeat: &usize| {
            let of_repeat = (0..shuffles.len()).filter(|&copy| shuffles[copy].repeat == repeat);
            let uses = |&copy: &usize| shuffles[copy].members.iter().any(|&feature| used[feature]);
            let (chosen, unused): (Vec<usize>, Vec<usize>) = of_repeat.partition(uses);
            Self::new(shuffles, used.len(), chosen, unused)
        };
        repeats.iter().map(group).collect()
    }

    fn new(
        shuffles: &[Shuffle<'a>],
        n_features: usize,
        chosen: Vec<usize>,
        unused: Vec<usize>,
    ) -> Self {
        let donors = chosen.first().or(unused.first()).map_or(&[][..], |&i| shuffles[i].donors);
        // The column of −∞ that leaves ask for is a feature of no player.
        let stride = n_features + 1;
        let members = || chosen.iter().map(|&copy| shuffles[copy].members);
        let mut starts = vec![0; stride + 1];
        members().flatten().for_each(|&feature| starts[feature + 1] += 1);
        (0..stride).for_each(|feature| starts[feature + 1] += starts[feature]);
        let mut next = starts.clone();
        let mut players = vec![0; starts[stride]];
        for (player, members) in members().enumerate() {
            for &feature in members {
                players[next[feature]] = player as u32;
                next[feature] += 1;
            }
        }
        let one_each = starts.windows(2).all(|pair| pair[1] - pair[0] <= 1);
        let members = if one_each && members().all(|members| members.len() == 1) {
            let mut player_of = vec![None; stride];
            for (player, members) in members().enumerate() {
                player_of[members[0]] = Some(player as u32);
            }
            Members::Single {
                feature_of: members().map(|members| members[0] as u32).collect(),
                player_of,
            }
        } else {
            let mut holds = vec![false; chosen.len() * stride];
            for (player, members) in members().enumerate() {
                for &feature in members {
                    holds[player * stride + feature] = true;
                }
            }
            Members::Many { holds, stride }
        };
        Self { donors, shuffles: chosen, unused, starts, players, members }
    }

    #[inline]
    fn players_of(&self, feature: usize) -> &[u32] {
        &self.players[self.starts[feature]..self.starts[feature + 1]]
    }
}

/// The sums of the trees' answers `(n_shuffles · rows in range, n_outputs)`, shuffle after
/// shuffle, without division and base scores.
pub(super) fn shuffled_sums(
    compiled: &Compiled<'_>,
    walks: &[Walk<'_>],
    rows: ArrayView2<'_, f64>,
    range: Range<usize>,
    groups: &[Group<'_>],
) -> Array2<f64> {
    let ensemble = compiled.ensemble;
    let (n_outputs, precision) = (ensemble.n_outputs(), ensemble.precision());
    let n_rows = range.len();
    let n_shuffles: usize = groups.iter().map(|g| g.shuffles.len() + g.unused.len()).sum();
    let mut blocks = Vec::with_capacity(n_rows.div_ceil(LANES) * groups.len());
    for start in range.clone().step_by(LANES) {
        let end = (start + LANES).min(range.end);
        for group in groups {
            // The donors' rows stand behind the rows' own.
            let mut tile = Tile::default();
            tile.fill(rows.slice(s![start..end, ..]), precision);
            tile.append(rows.select(Axis(0), &group.donors[start..end]).view(), precision);
            let sums = vec![[0.0; LANES]; (group.shuffles.len() + 1) * n_outputs];
            blocks.push(Block {
                start: start - range.start,
                n_lanes: end - start,
                group,
                tile,
                sums,
            });
        }
    }
    let mut scratch = Scratch::default();
    let mut rest = walks;
    while !rest.is_empty() {
        let (near, far) = rest.split_at(n_near(rest));
        rest = far;
        for block in &mut blocks {
            scratch.begin(block, n_outputs, ensemble.n_values());
            std::mem::swap(&mut scratch.sums, &mut block.sums);
            for walk in near {
                scratch.tree(walk, &block.tile, block.group, compiled.special);
            }
            std::mem::swap(&mut scratch.sums, &mut block.sums);
        }
    }
    let mut all = Array2::zeros((n_shuffles * n_rows, n_outputs));
    for block in &blocks {
        let (group, n_players) = (block.group, block.group.shuffles.len());
        let untouched = group.unused.iter().map(|&copy| (copy, n_players));
        let shuffled = group.shuffles.iter().enumerate().map(|(player, &copy)| (copy, player));
        for (copy, player) in shuffled.chain(untouched) {
            let first = copy * n_rows + block.start;
            for output in 0..n_outputs {
                let sums = &block.sums[player * n_outputs + output];
                let mut into = all.slice_mut(s![first..first + block.n_lanes, output]);
                into.iter_mut().zip(sums).for_each(|(to, from)| *to = *from);
            }
        }
    }
    all
}

/// How many of these trees stay near the processor together; at least 1.
fn n_near(walks: &[Walk<'_>]) -> usize {
    let mut n_nodes = 0;
    let near = walks.iter().take_while(|walk| {
        n_nodes += walk.nodes.len();
        n_nodes <= NEAR_NODES
    });
    near.count().max(1)
}

/// Rows that go through the trees together, in one repeat.
struct Block<'a> {
    start: usize,
    n_lanes: usize,
    group: &'a Group<'a>,
    tile: Tile,
    /// `[player][output]`, and behind the players the untouched rows.
    sums: Vec<[f64; LANES]>,
}

/// One walk on its way.
#[derive(Debug, Clone, Copy, Default)]
struct Item {
    at: u32,
    lane: u32,
    player: u32,
}

/// What a block of rows needs, kept from tree to tree.
#[derive(Default)]
struct Scratch {
    n_lanes: usize,
    n_outputs: usize,
    n_values: usize,
    /// Those of the [`Block`].
    sums: Vec<[f64; LANES]>,
    /// One bit per lane and player: whether it has left the way of the untouched row.
    left: Vec<u64>,
    /// The leaf of each untouched row.
    leaves: [u32; LANES],
    /// The walks that left.
    items: Vec<Item>,
    /// Those that have come to a leaf.
    done: Vec<Item>,
    /// What the sums of those become, `n_values` each.
    after: Vec<f64>,
}

impl Scratch {
    fn begin(&mut self, block: &Block<'_>, n_outputs: usize, n_values: usize) {
        let n_players = block.group.shuffles.len();
        (self.n_lanes, self.n_outputs, self.n_values) = (block.n_lanes, n_outputs, n_values);
        self.left.resize(LANES * n_players.div_ceil(64), 0);
        // One more than there can be: what is written there is not kept.
        self.items.resize(LANES * n_players + 1, Item::default());
        self.done.resize(LANES * n_players + 1, Item::default());
    }

    /// Adds the answers of one tree to all sums.
    fn tree(&mut self, walk: &Walk<'_>, tile: &Tile, group: &Group<'_>, special: bool) {
        let n_items = match (&group.members, special) {
            (Members::Single { player_of, .. }, false) => {
                let players = |feature: usize| player_of[feature].as_slice();
                self.leave::<false>(walk, tile, group.shuffles.len(), players)
            }
            (_, false) => {
                let players = |feature: usize| group.players_of(feature);
                self.leave::<false>(walk, tile, group.shuffles.len(), players)
            }
            (_, true) => {
                let players = |feature: usize| group.players_of(feature);
                self.leave::<true>(walk, tile, group.shuffles.len(), players)
            }
        };
        let n_done = match (&group.members, special) {
            (Members::Single { feature_of, .. }, false) => {
                let holds = |player: u32, f: usize| feature_of[player as usize] == f as u32;
                self.arrive::<false>(walk, tile, n_items, holds)
            }
            (Members::Single { feature_of, .. }, true) => {
                let holds = |player: u32, f: usize| feature_of[player as usize] == f as u32;
                self.arrive::<true>(walk, tile, n_items, holds)
            }
            (Members::Many { holds, stride }, false) => {
                let holds = |player: u32, f: usize| holds[player as usize * stride + f];
                self.arrive::<false>(walk, tile, n_items, holds)
            }
            (Members::Many { holds, stride }, true) => {
                let holds = |player: u32, f: usize| holds[player as usize * stride + f];
                self.arrive::<true>(walk, tile, n_items, holds)
            }
        };
        self.add(walk, n_done);
    }

    /// Walks the untouched rows to their leaves and notes where players leave their way; answers
    /// how many do.
    #[inline]
    fn leave<'p, const SPECIALS: bool>(
        &mut self,
        walk: &Walk<'_>,
        tile: &Tile,
        n_players: usize,
        players_of: impl Fn(usize) -> &'p [u32],
    ) -> usize {
        let words = n_players.div_ceil(64);
        // Slices of their own, so that a store to one does not make the others be loaded again.
        let (left, items, leaves) = (&mut self.left[..], &mut self.items[..], &mut self.leaves);
        let (own, given) = tile.values.split_at(self.n_lanes * tile.stride);
        let (nodes, stride) = (walk.nodes, tile.stride);
        left.fill(0);
        leaves.fill(0);
        let mut rows = [(0_u32, 0_u32); LANES];
        let mut n_rows = if walk.depth == 0 { 0 } else { self.n_lanes };
        rows.iter_mut().zip(0..).for_each(|(row, lane)| row.1 = lane);
        let mut n_items = 0;
        while n_rows > 0 {
            let mut n_kept = 0;
            for place in 0..n_rows {
                let (at, lane) = rows[place % LANES];
                let row = lane as usize;
                let node = nodes[at as usize];
                let feature = node.feature();
                let right = walk.goes_right::<SPECIALS>(node, own[row * stride + feature]);
                let other = walk.goes_right::<SPECIALS>(node, given[row * stride + feature]);
                for &player in players_of(feature) {
                    let left = &mut left[row * words + player as usize / 64];
                    let fresh = u64::from(right ^ other) & !(*left >> (player % 64));
                    *left |= fresh << (player % 64);
                    items[n_items] = Item { at: node.left() + u32::from(!right), lane, player };
                    n_items += fresh as usize;
                }
                let next = node.left() + u32::from(right);
                leaves[row % LANES] = next;
                rows[n_kept % LANES] = (next, lane);
                n_kept += usize::from(!walk.is_leaf(next));
            }
            n_rows = n_kept;
        }
        // Lanes without a row need a leaf too.
        let some = leaves[0];
        leaves[self.n_lanes..].fill(some);
        n_items
    }

    /// Walks those that left to their leaves; answers how many there are.
    #[inline]
    fn arrive<const SPECIALS: bool>(
        &mut self,
        walk: &Walk<'_>,
        tile: &Tile,
        mut n_items: usize,
        holds: impl Fn(u32, usize) -> bool,
    ) -> usize {
        let (items, done) = (&mut self.items[..], &mut self.done[..]);
        let (nodes, values, stride) = (walk.nodes, &tile.values[..], tile.stride);
        let given = self.n_lanes * stride;
        let mut n_done = 0;
        while n_items > 0 {
            let mut n_kept = 0;
            for place in 0..n_items {
                let Item { at, lane, player } = items[place];
                let node = nodes[at as usize];
                let feature = node.feature();
                // A sum and no branch: which of the two cannot be foreseen.
                let from = usize::from(holds(player, feature)) * given;
                let x = values[from + lane as usize * stride + feature];
                let next = node.left() + u32::from(walk.goes_right::<SPECIALS>(node, x));
                let item = Item { at: next, lane, player };
                let leaf = walk.is_leaf(next);
                items[n_kept] = item;
                n_kept += usize::from(!leaf);
                done[n_done] = item;
                n_done += usize::from(leaf);
            }
            n_items = n_kept;
        }
        n_done
    }

    /// Adds the leaves' values: the untouched row's for all players, but those of the players
    /// that left their own.
    fn add(&mut self, walk: &Walk<'_>, n_done: usize) {
        let (n_outputs, n_values) = (self.n_outputs, self.n_values);
        let first = walk.first_output();
        let value = |leaf: u32, k: usize| match n_values {
            1 => walk.value(leaf),
            _ => walk.values(leaf, n_values)[k],
        };
        self.after.clear();
        for item in &self.done[..n_done] {
            for k in 0..n_values {
                let sums = &self.sums[item.player as usize * n_outputs + first + k];
                self.after.push(sums[item.lane as usize] + value(item.at, k));
            }
        }
        for k in 0..n_values {
            let values = self.leaves.map(|leaf| value(leaf, k));
            if n_outputs == 1 {
                self.sums.iter_mut().for_each(|sums| add_lanes(sums, &values));
            } else {
                let of_output = self.sums.iter_mut().skip(first + k).step_by(n_outputs);
                of_output.for_each(|sums| add_lanes(sums, &values));
            }
        }
        for (item, after) in self.done[..n_done].iter().zip(self.after.chunks_exact(n_values)) {
            for (k, after) in after.iter().enumerate() {
                let sums = &mut self.sums[item.player as usize * n_outputs + first + k];
                sums[item.lane as usize] = *after;
            }
        }
    }
}

#[inline]
fn add_lanes(sums: &mut [f64; LANES], values: &[f64; LANES]) {
    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}
