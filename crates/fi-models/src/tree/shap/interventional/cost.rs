//! Which engine for which tree: what each would cost.

use super::kernel::Cell;
use super::program::{Paths, Program};
use super::table::{What, table_bytes};
use crate::tree::tree::Tree;

/// What the choice between tables and cohorts is made for.
///
/// The choice depends on these two numbers, the trees and the size of the background alone, so
/// the same explainer always answers the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TablePlan {
    /// How many rows the explainer is made for. Tables cost time to build that pays back after
    /// some rows. Default: 1000.
    pub expected_rows: usize,
    /// How many bytes of tables are kept. The tables of further trees are made anew for every
    /// block of rows where that is cheaper than cohorts. Default: 1 GiB.
    pub table_bytes: usize,
}

impl Default for TablePlan {
    fn default() -> Self {
        Self { expected_rows: 1000, table_bytes: 1 << 30 }
    }
}

/// What was chosen, tree by tree, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChosenEngines {
    /// Trees whose tables are kept.
    pub tables: usize,
    /// Trees whose tables are made for every block of rows.
    pub streamed_tables: usize,
    /// Trees that are walked with the background in cohorts.
    pub cohorts: usize,
    /// Bytes of tables that are kept.
    pub table_bytes: usize,
}

/// The engine of one tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    Tables,
    StreamedTables,
    Cohorts,
}

/// Rows of one block where tables are streamed.
pub(super) const STREAM_ROWS: usize = 2048;

// Nanoseconds, estimated from counts of operations; only their ratios matter, and only for speed.
/// A step of the transform or a cell of a table.
const CELL: f64 = 1.0;
/// A background row's pattern in one group.
const COUNT: f64 = 1.2;
/// Eight values of one row.
const LOOKUP: f64 = 1.5;
/// A background row, or word of a cohort, at a leaf.
const PART: f64 = 6.0;

/// What tables cost: nanoseconds to make them and per row, and their bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct TableCost {
    build: f64,
    row: f64,
    pub(super) bytes: usize,
}

impl TableCost {
    pub(super) fn new<T: Cell>(tree: Tree<'_>, program: &Program, n_background: usize) -> Self {
        let n_values = tree.value(0).len();
        let (mut build, mut row, mut bytes) = (0.0, 0.0, 0);
        for group in &program.groups {
            let chunks = group.features.len().div_ceil(8) as f64;
            let patterns = (1_usize << group.n_bits()) as f64;
            let leaves = group.leaves.len() as f64;
            build += COUNT * n_background as f64;
            build += CELL * patterns * leaves * (8.0 + 2.0 * chunks * n_values as f64);
            row += LOOKUP * chunks * n_values as f64;
            bytes += table_bytes::<T>(group, What::Values, n_values);
        }
        Self { build, row, bytes }
    }
}

/// What cohorts cost per row.
///
/// A background row shares about `1.5^depth` leaves with a row whose decisions it shares half of
/// the time; in a tree of `L` leaves that is `L^0.585`. A word holds up to 64 background rows
/// that are still together.
fn cohort_row(tree: Tree<'_>, n_background: usize) -> f64 {
    let leaves = tree.n_leaves() as f64;
    let shared = leaves.powf(0.585) * n_background as f64;
    let words = leaves * n_background.div_ceil(64) as f64;
    let value = 1.0 + 0.1 * tree.value(0).len() as f64;
    PART * value * shared.min(4.0 * words).max(leaves.ln_1p())
}

/// The engine for a tree, if `tables` would cost this much.
pub(super) fn choose(
    plan: &TablePlan,
    tree: Tree<'_>,
    n_background: usize,
    tables: Option<TableCost>,
    bytes_left: usize,
) -> Choice {
    let Some(tables) = tables else { return Choice::Cohorts };
    let rows = plan.expected_rows as f64;
    let cohorts = rows * cohort_row(tree, n_background);
    if tables.bytes <= bytes_left {
        let cost = tables.build + rows * tables.row;
        return if cost < cohorts { Choice::Tables } else { Choice::Cohorts };
    }
    let blocks = plan.expected_rows.div_ceil(STREAM_ROWS) as f64;
    let cost = blocks * tables.build + rows * tables.row;
    if cost < cohorts { Choice::StreamedTables } else { Choice::Cohorts }
}

/// Whether a tree's paths are short enough for tables, and its steps if so.
pub(super) fn compile(tree: Tree<'_>) -> Option<Program> {
    Program::new(tree, &Paths::new(tree))
}
