//! Predicting many rows: trees laid out for walking, blocks of rows, sixteen walks at a time.
//!
//! A walk down a tree waits for memory at every step. Sixteen rows go down together, so that
//! their waits overlap. A block of rows goes through one tree before the next, and a row's sum
//! runs over the trees in order: the bits are those of the plain walk, row by row. Small trees
//! need no walks ([`coded`]). What is made of an ensemble is made once ([`kept`]).

mod coded;
mod codes;
mod kept;
mod kernel;

use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, s};

use super::compiled::{Compiled, Tile, Walk};
use super::ensemble::Ensemble;

pub(super) use self::kept::Kept;

/// So many rows go down a tree together.
const LANES: usize = 16;
/// A block of rows takes about as much room as the trees it goes through, within these bytes.
const SMALLEST_BLOCK: usize = 16 << 10;
const LARGEST_BLOCK: usize = 256 << 10;
/// Deeper trees are asked now and then whether all walks are over.
const SHALLOW: usize = 10;
const STEPS_UNASKED: usize = 4;

/// The trees laid out, if that is worth it for so many rows.
pub(super) fn compile(ensemble: &Ensemble, n_rows: usize) -> Option<Compiled<'_>> {
    // Laying a node out costs about as much as a few steps of a walk.
    let worth = n_rows.saturating_mul(ensemble.n_trees()).saturating_mul(8) >= ensemble.n_nodes();
    if worth || ensemble.kept.has_layout() { Compiled::new(ensemble) } else { None }
}

impl Compiled<'_> {
    /// Adds the trees' answers to `sums`, for each row in the order of the trees.
    pub(super) fn add(
        &self,
        ensemble: &Ensemble,
        rows: ArrayView2<'_, f64>,
        sums: &mut Array2<f64>,
    ) {
        let n_values = ensemble.n_values();
        self.blocks(ensemble, rows, |walk, _, start, leaves| {
            let end = start + leaves.len();
            let mut sums = sums.slice_mut(s![start..end, walk.first_output()..]);
            add_leaves(walk, leaves, n_values, &mut sums);
        });
    }

    /// Writes the leaf of every row and tree, numbered as in the ensemble.
    pub(super) fn apply(
        &self,
        ensemble: &Ensemble,
        rows: ArrayView2<'_, f64>,
        found: &mut Array2<usize>,
    ) {
        self.blocks(ensemble, rows, |walk, tree, start, leaves| {
            for (row, &leaf) in leaves.iter().enumerate() {
                found[[start + row, tree]] = walk.origin(leaf);
            }
        });
    }

    /// Answers the leaves of a block of rows (which starts at a row) in each tree.
    fn blocks(
        &self,
        ensemble: &Ensemble,
        rows: ArrayView2<'_, f64>,
        mut answer: impl FnMut(&Walk<'_>, usize, usize, &[u32]),
    ) {
        let row_bytes = 8 * (rows.ncols() + 1);
        let tree_bytes = 16 * (ensemble.n_nodes() / ensemble.n_trees());
        let block_bytes = (4 * tree_bytes).clamp(SMALLEST_BLOCK, LARGEST_BLOCK);
        let block_rows = (block_bytes / row_bytes / LANES).max(1) * LANES;
        let walks: Vec<Walk<'_>> = self.walks().collect();
        let mut tile = Tile::default();
        let mut leaves = vec![0; block_rows.min(rows.nrows())];
        for (block, rows) in rows.axis_chunks_iter(Axis(0), block_rows).enumerate() {
            tile.fill(rows, ensemble.precision());
            let leaves = &mut leaves[..rows.nrows()];
            for (tree, walk) in walks.iter().enumerate() {
                if self.special {
                    walk_all::<true>(walk, &tile, leaves);
                } else {
                    walk_all::<false>(walk, &tile, leaves);
                }
                answer(walk, tree, block * block_rows, leaves);
            }
        }
    }
}

/// Adds the values of the rows' leaves.
fn add_leaves(walk: &Walk<'_>, leaves: &[u32], n_values: usize, sums: &mut ArrayViewMut2<'_, f64>) {
    if n_values == 1 {
        let mut sums = sums.column_mut(0);
        sums.iter_mut().zip(leaves).for_each(|(sum, &leaf)| *sum += walk.value(leaf));
        return;
    }
    for (mut sums, &leaf) in sums.rows_mut().into_iter().zip(leaves) {
        let values = walk.values(leaf, n_values);
        sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
    }
}

/// The leaf of every row of the tile.
pub(super) fn walk_all<const SPECIALS: bool>(walk: &Walk<'_>, tile: &Tile, leaves: &mut [u32]) {
    let stride = tile.stride;
    let mut groups = leaves.chunks_exact_mut(LANES);
    let mut tiles = tile.values.chunks_exact(LANES * stride);
    for (leaves, rows) in groups.by_ref().zip(tiles.by_ref()) {
        let mut at = [0_u32; LANES];
        let step_all = |at: &mut [u32; LANES]| {
            for (lane, at) in at.iter_mut().enumerate() {
                let node = walk.nodes[*at as usize];
                let x = rows[lane * stride + node.feature()];
                *at = node.left() + u32::from(walk.goes_right::<SPECIALS>(node, x));
            }
        };
        if walk.depth <= SHALLOW {
            (0..walk.depth).for_each(|_| step_all(&mut at));
        } else {
            loop {
                (0..STEPS_UNASKED).for_each(|_| step_all(&mut at));
                if at.iter().all(|&at| walk.is_leaf(at)) {
                    break;
                }
            }
        }
        leaves.copy_from_slice(&at);
    }
    let rest = groups.into_remainder();
    for (leaf, row) in rest.iter_mut().zip(tiles.remainder().chunks_exact(stride)) {
        let mut at = 0;
        while !walk.is_leaf(at) {
            at = walk.step::<SPECIALS>(at, row);
        }
        *leaf = at;
    }
}

#[cfg(test)]
mod tests;
