//! Tables of groups: what the leaves of a group add to each feature, for every pattern.

use super::beta::Beta;
use super::kernel::{Cell, Level, Slots, Tile, wide};
use super::program::{Group, Leaf};
use super::unit::Unit;
use crate::tree::shap::engine::{n_pairs, pair};
use crate::tree::tree::Tree;

/// The values of one group.
#[derive(Debug, Clone)]
pub(super) struct Table<T> {
    /// `[output][pattern][chunk]`, eight values each.
    cells: Vec<[T; 8]>,
    n_chunks: usize,
}

/// How many eights of values a group's table has for a pattern and output.
fn n_chunks(group: &Group, what: What) -> usize {
    let n = group.features.len();
    match what {
        What::Values => n.div_ceil(8),
        What::Pairs => n_pairs(n).div_ceil(8),
    }
}

/// What a table holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// A value per feature.
    Values,
    /// A value per pair of features `a ≤ b`, in the order of [`pair`].
    Pairs,
}

/// How many bytes a group's table takes.
pub(super) fn table_bytes<T>(group: &Group, what: What, n_values: usize) -> usize {
    (n_values << group.n_bits()) * n_chunks(group, what) * size_of::<[T; 8]>()
}

impl<T: Cell> Table<T> {
    /// Adds the values of the rows' patterns to a tile, `columns_per_output` columns for each
    /// output; `columns` are those of the group's features or pairs.
    pub(super) fn add(
        &self,
        level: Level,
        patterns: &[u16],
        columns: &[u32],
        columns_per_output: usize,
        tile: &mut Tile<'_, T>,
    ) {
        let per_output = columns_per_output * tile.stride;
        let n_outputs = tile.cells.len() / per_output;
        let n_cells = self.cells.len() / n_outputs;
        let outputs = tile.cells.chunks_exact_mut(per_output);
        for (cells, table) in outputs.zip(self.cells.chunks_exact(n_cells)) {
            for (chunk, columns) in columns.chunks(8).enumerate() {
                let slots = Slots { n_chunks: self.n_chunks, chunk, columns };
                let mut tile = Tile { cells: &mut *cells, stride: tile.stride };
                T::accumulate(level, table, slots, patterns, &mut tile);
            }
        }
    }
}

/// The columns of a group's pairs in the upper triangle of all features.
pub(super) fn pair_columns(group: &Group, n_features: usize, columns: &mut Vec<u32>) {
    columns.clear();
    for (i, &a) in group.features.iter().enumerate() {
        for &b in &group.features[i..] {
            let (a, b) = (a.min(b) as usize, a.max(b) as usize);
            columns.push(pair(a, b, n_features) as u32);
        }
    }
}

/// Makes tables, in memory that is used again.
#[derive(Debug)]
pub(super) struct Builder {
    level: Level,
    narrow: Unit<8>,
    broad: Unit<16>,
    histogram: Vec<f64>,
    /// The weight of the background by the features of a leaf that it fails.
    failing: Vec<f64>,
    /// The leaf's pattern for each of the group's.
    patterns: Vec<u16>,
    unit_8: Vec<[f64; 8]>,
    unit_16: Vec<[f64; 16]>,
    unit_pairs: Vec<f64>,
    sums: Vec<f64>,
}

impl Builder {
    pub(super) fn new(level: Level) -> Self {
        let beta = Beta::new();
        Self {
            level,
            narrow: Unit::new(&beta),
            broad: Unit::new(&beta),
            histogram: Vec::new(),
            failing: Vec::new(),
            patterns: Vec::new(),
            unit_8: Vec::new(),
            unit_16: Vec::new(),
            unit_pairs: Vec::new(),
            sums: Vec::new(),
        }
    }

    /// The table of a group, from the patterns and weights of the background rows; leaves count
    /// `scale` times.
    pub(super) fn build<T: Cell>(
        &mut self,
        (tree, group): (Tree<'_>, &Group),
        (patterns, weights): (&[u16], &[f64]),
        scale: f64,
        what: What,
    ) -> Table<T> {
        self.histogram.clear();
        self.histogram.resize(1 << group.n_bits(), 0.0);
        for (&pattern, &weight) in patterns.iter().zip(weights) {
            self.histogram[usize::from(pattern)] += weight;
        }
        let n_chunks = n_chunks(group, what);
        let width = 8 * n_chunks;
        let n_cells = (width << group.n_bits()) * tree.value(0).len();
        self.sums.clear();
        self.sums.resize(n_cells, 0.0);
        for leaf in &group.leaves {
            let value = tree.value(leaf.node as usize);
            if value.iter().all(|&value| value == 0.0) {
                continue;
            }
            self.count(group, leaf);
            match (what, n_chunks) {
                (What::Values, 1) => self.add_values_8(group, leaf, value, scale),
                (What::Values, _) => self.add_values_16(leaf, value, scale),
                (What::Pairs, _) => self.add_pairs(group, leaf, value, scale, width),
            }
        }
        let (sums, _) = self.sums.as_chunks::<8>();
        let cells = sums.iter().map(|eight| eight.map(T::from_f64)).collect();
        Table { cells, n_chunks }
    }

    /// Counts the background rows by the features of a leaf that they fail.
    fn count(&mut self, group: &Group, leaf: &Leaf) {
        let full = (1 << leaf.bits.len()) - 1;
        let Self { patterns, failing, histogram, level, .. } = self;
        patterns.clear();
        patterns.resize(1 << group.n_bits(), 0);
        wide(*level, || {
            for (at, pattern) in patterns.iter_mut().enumerate() {
                *pattern = leaf.pattern(at as u16);
            }
        });
        failing.clear();
        failing.resize(full + 1, 0.0);
        for (&pattern, &weight) in patterns.iter().zip(histogram.iter()) {
            failing[full ^ usize::from(pattern)] += weight;
        }
    }

    fn add_values_8(&mut self, group: &Group, leaf: &Leaf, value: &[f64], scale: f64) {
        let Self { narrow, failing, patterns, unit_8: unit, sums, level, .. } = self;
        let lanes: Vec<usize> = leaf.bits.iter().map(|bit| usize::from(bit.lane)).collect();
        wide(*level, || {
            narrow.values(failing, &lanes, unit);
            let (sums, _) = sums.as_chunks_mut::<8>();
            for (sums, &value) in sums.chunks_exact_mut(1 << group.n_bits()).zip(value) {
                let value = scale * value;
                for (sums, &pattern) in sums.iter_mut().zip(patterns.iter()) {
                    let unit = &unit[usize::from(pattern)];
                    for lane in 0..8 {
                        sums[lane] += value * unit[lane];
                    }
                }
            }
        });
    }

    fn add_values_16(&mut self, leaf: &Leaf, value: &[f64], scale: f64) {
        let Self { broad, failing, patterns, unit_16: unit, sums, level, .. } = self;
        let lanes: Vec<usize> = leaf.bits.iter().map(|bit| usize::from(bit.lane)).collect();
        wide(*level, || {
            broad.values(failing, &lanes, unit);
            let (sums, _) = sums.as_chunks_mut::<16>();
            for (sums, &value) in sums.chunks_exact_mut(patterns.len()).zip(value) {
                let value = scale * value;
                for (sums, &pattern) in sums.iter_mut().zip(patterns.iter()) {
                    let unit = &unit[usize::from(pattern)];
                    for lane in 0..16 {
                        sums[lane] += value * unit[lane];
                    }
                }
            }
        });
    }

    fn add_pairs(&mut self, group: &Group, leaf: &Leaf, value: &[f64], scale: f64, width: usize) {
        let d = leaf.bits.len();
        self.broad.pairs(&self.failing, d, &mut self.unit_pairs);
        let n = group.features.len();
        // Where the leaf's pairs stand among the group's.
        let slots: Vec<usize> = (0..d)
            .flat_map(|i| (i..d).map(move |j| (i, j)))
            .map(|(i, j)| {
                let (a, b) = (leaf.bits[i].lane.into(), leaf.bits[j].lane.into());
                pair(usize::min(a, b), usize::max(a, b), n)
            })
            .collect();
        for (sums, &value) in self.sums.chunks_exact_mut(width << group.n_bits()).zip(value) {
            let value = scale * value;
            for (sums, &pattern) in sums.chunks_exact_mut(width).zip(&self.patterns) {
                let unit = &self.unit_pairs[usize::from(pattern) * slots.len()..];
                for (&slot, &unit) in slots.iter().zip(unit) {
                    sums[slot] += value * unit;
                }
            }
        }
    }
}
