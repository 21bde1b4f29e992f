//! The engine of one precision: rows in blocks, trees by tables or cohorts.

use std::sync::OnceLock;

use fi_core::{Result, Run};
use ndarray::{ArrayView2, Axis};

use super::beta::Beta;
use super::codes::{Block, Codes, PAD};
use super::cohort::{Cohorts, Mass, Task};
use super::cost::{Choice, ChosenEngines, STREAM_ROWS, TableCost, TablePlan, choose, compile};
use super::kernel::{Cell, Level, Tile};
use super::program::{Program, Step};
use super::table::{Builder, Table, What, pair_columns, table_bytes};
use super::walk::{Walk, Way};
use super::{Background, Coded, check, node_bits, weighted_mean, weighted_rows};
use crate::tree::Ensemble;
use crate::tree::shap::engine::{Engine, n_pairs};
use crate::tree::tree::Tree;

/// Rows of one block where all tables are kept.
const BLOCK_ROWS: usize = 256;

/// Blocks are smaller where their tile would have more cells than this.
const TILE_CELLS: usize = 1 << 22;

/// Bits of the background's decisions that are kept; others are found for every block of rows.
const BITS_BYTES: usize = 1 << 28;

/// How one tree is explained.
struct Plot<T> {
    way: Kind<T>,
    /// Tables of pairs, made when they are first asked for, if they are kept.
    pairs: Option<OnceLock<Vec<Table<T>>>>,
}

enum Kind<T> {
    Tables(Program, Vec<Table<T>>),
    Streamed(Program),
    /// The background's decisions, if they are kept.
    Cohorts(Option<Vec<u64>>),
}

pub(super) struct Fast<'a, T> {
    trees: &'a Ensemble,
    level: Level,
    codes: Codes,
    background: Coded,
    base_values: Vec<f64>,
    beta: Beta,
    plots: Vec<Plot<T>>,
    engines: ChosenEngines,
}

impl<'a, T: Cell> Fast<'a, T> {
    pub(super) fn new(
        run: &Run<'_>,
        trees: &'a Ensemble,
        background: &Background,
        plan: &TablePlan,
        level: Level,
    ) -> Result<Self> {
        check(trees, background)?;
        let codes = Codes::new(trees);
        let (rows, weights) = weighted_rows(background);
        let base_values = weighted_mean(trees.predict(rows.view())?.view(), &weights);
        let background = Coded::new(&codes, background);
        let mut engines = ChosenEngines::default();
        let programs =
            run.split(0).map(trees.n_trees(), |tree, _| Ok(compile(trees.tree(tree))))?;
        let mut bits_bytes = 0;
        let mut pair_bytes = 0;
        let choices: Vec<_> = programs
            .into_iter()
            .zip(trees.trees())
            .map(|(program, tree)| {
                let n = background.n_rows();
                let tables = program.as_ref().map(|p| TableCost::new::<T>(tree, p, n));
                let left = plan.table_bytes.saturating_sub(engines.table_bytes);
                let choice = choose(plan, tree, n, tables, left);
                let mut keep_pairs = false;
                match choice {
                    Choice::Tables => {
                        engines.tables += 1;
                        engines.table_bytes += tables.map_or(0, |tables| tables.bytes);
                    }
                    Choice::StreamedTables => engines.streamed_tables += 1,
                    Choice::Cohorts => engines.cohorts += 1,
                }
                if let (true, Some(program)) = (choice != Choice::Cohorts, &program) {
                    let bytes = |group| table_bytes::<T>(group, What::Pairs, trees.n_values());
                    pair_bytes += program.groups.iter().map(bytes).sum::<usize>();
                    keep_pairs = pair_bytes <= plan.table_bytes;
                } else {
                    bits_bytes += 8 * tree.n_nodes() * background.n_words();
                }
                (choice, program, keep_pairs, bits_bytes <= BITS_BYTES)
            })
            .collect();
        let mut fast = Self {
            trees,
            level,
            codes,
            background,
            base_values,
            beta: Beta::new(),
            plots: Vec::new(),
            engines,
        };
        fast.plots = run.map(trees.n_trees(), |index, _| {
            let (choice, program, keep_pairs, keep_bits) = &choices[index];
            let tree = trees.tree(index);
            let way = match (choice, program) {
                (Choice::Tables, Some(program)) => {
                    let tables = fast.tables(tree, program, What::Values);
                    Kind::Tables(program.clone(), tables)
                }
                (Choice::StreamedTables, Some(program)) => Kind::Streamed(program.clone()),
                _ => Kind::Cohorts(keep_bits.then(|| fast.node_bits(tree))),
            };
            Ok(Plot { way, pairs: keep_pairs.then(OnceLock::new) })
        })?;
        Ok(fast)
    }

    pub(super) fn engines(&self) -> ChosenEngines {
        self.engines
    }

    fn node_bits(&self, tree: Tree<'_>) -> Vec<u64> {
        node_bits(self.level, &self.codes, tree, &self.background)
    }

    fn way<'b>(&'b self, tree: Tree<'b>, program: &'b Program, block: &'b Block) -> Way<'b> {
        Way { level: self.level, tree, program, codes: &self.codes, block }
    }

    /// All tables of a tree.
    fn tables(&self, tree: Tree<'_>, program: &Program, what: What) -> Vec<Table<T>> {
        let (mut builder, mut walk) = (Builder::new(self.level), Walk::default());
        let way = self.way(tree, program, &self.background.block);
        let mut tables = Vec::with_capacity(program.groups.len());
        for &step in &program.steps {
            let patterns = walk.advance(way, step);
            if let Step::Group(index) = step {
                let group = &program.groups[index as usize];
                let rows = (patterns, &self.background.weights[..]);
                tables.push(builder.build((tree, group), rows, self.trees.scale(), what));
            }
        }
        tables
    }

    /// Adds what the trees with tables give each row of a coded block: to `sums`, laid out as
    /// `[output][column][row]`, and in between to `tile` of the same size.
    fn add_tables(&self, block: &Block, what: What, tile: &mut [T], sums: &mut [f64]) {
        let mut scratch = Scratch::new(self.level);
        let n = self.trees.n_features();
        let per_output = match what {
            What::Values => n,
            What::Pairs => n_pairs(n),
        };
        let column = per_output * block.padded;
        let mut waiting = 0;
        for (plot, tree) in self.plots.iter().zip(self.trees.trees()) {
            let (program, tables) = match (&plot.way, what) {
                (Kind::Cohorts(_), _) => continue,
                (Kind::Tables(program, tables), What::Values) => (program, Some(tables)),
                (Kind::Streamed(program), What::Values) => (program, None),
                (Kind::Tables(program, _) | Kind::Streamed(program), What::Pairs) => {
                    let make = || self.tables(tree, program, What::Pairs);
                    (program, plot.pairs.as_ref().map(|pairs| pairs.get_or_init(make)))
                }
            };
            let cells = match tree.output() {
                Some(output) => &mut tile[output * column..(output + 1) * column],
                None => &mut tile[..],
            };
            let mut part = Tile { cells, stride: block.padded };
            self.add_tree((tree, program), tables, block, what, &mut part, &mut scratch);
            waiting += 1;
            if waiting == T::TREES {
                flush(tile, sums);
                waiting = 0;
            }
        }
        flush(tile, sums);
    }

    fn add_tree(
        &self,
        (tree, program): (Tree<'_>, &Program),
        tables: Option<&Vec<Table<T>>>,
        block: &Block,
        what: What,
        tile: &mut Tile<'_, T>,
        scratch: &mut Scratch,
    ) {
        let n_features = self.trees.n_features();
        let rows = self.way(tree, program, block);
        let background = self.way(tree, program, &self.background.block);
        let n_rows = block.n_rows.next_multiple_of(8);
        for &step in &program.steps {
            let streamed = tables.is_none().then(|| scratch.background.advance(background, step));
            let patterns = scratch.rows.advance(rows, step);
            let Step::Group(index) = step else { continue };
            let group = &program.groups[index as usize];
            let made;
            let table = match (tables, streamed) {
                (Some(tables), _) => &tables[index as usize],
                (None, patterns) => {
                    let rows = (patterns.unwrap_or(&[]), &self.background.weights[..]);
                    let scale = self.trees.scale();
                    made = scratch.builder.build((tree, group), rows, scale, what);
                    &made
                }
            };
            let (columns, per_output) = match what {
                What::Values => (&group.features, n_features),
                What::Pairs => {
                    pair_columns(group, n_features, &mut scratch.columns);
                    (&scratch.columns, n_pairs(n_features))
                }
            };
            table.add(self.level, &patterns[..n_rows], columns, per_output, tile);
        }
    }
}

/// Memory for the rows of one block.
struct Scratch {
    rows: Walk,
    background: Walk,
    builder: Builder,
    columns: Vec<u32>,
}

impl Scratch {
    fn new(level: Level) -> Self {
        Self {
            rows: Walk::default(),
            background: Walk::default(),
            builder: Builder::new(level),
            columns: Vec::new(),
        }
    }
}

/// Moves what a tile holds to the sums.
fn flush<T: Cell>(tile: &mut [T], sums: &mut [f64]) {
    for (cell, sum) in tile.iter_mut().zip(sums) {
        *sum += cell.to_f64();
        *cell = T::ZERO;
    }
}

impl<T: Cell> Fast<'_, T> {
    /// Rows of one block, whose tile has so many columns.
    fn rows_of(&self, columns: usize, most: usize) -> usize {
        (TILE_CELLS / (columns * self.trees.n_outputs()).max(1)).clamp(PAD, most) / PAD * PAD
    }

    /// Writes `values[row][output][column]`.
    fn write(&self, rows: ArrayView2<'_, f64>, values: &mut [f64], what: What) {
        let n_outputs = self.trees.n_outputs();
        let (columns, most) = match what {
            What::Values => (self.trees.n_features(), self.block_rows()),
            What::Pairs => (n_pairs(self.trees.n_features()), BLOCK_ROWS),
        };
        values.fill(0.0);
        let with_tables = self.engines.tables + self.engines.streamed_tables > 0;
        let n_block = self.rows_of(columns, most);
        let (mut block, mut tile, mut sums) = (Block::default(), Vec::new(), Vec::new());
        let per_row = n_outputs * columns;
        let chunks = values.chunks_mut(n_block * per_row);
        for (rows, values) in rows.axis_chunks_iter(Axis(0), n_block).zip(chunks) {
            if with_tables {
                self.codes.encode(rows, &mut block);
                tile.clear();
                tile.resize(per_row * block.padded, T::ZERO);
                sums.clear();
                sums.resize(per_row * block.padded, 0.0);
                self.add_tables(&block, what, &mut tile, &mut sums);
                for (row, values) in values.chunks_exact_mut(per_row).enumerate() {
                    let column = sums.chunks_exact(block.padded);
                    values.iter_mut().zip(column).for_each(|(value, sums)| *value = sums[row]);
                }
            }
            self.add_cohorts(rows, values, what);
        }
    }

    /// Adds the trees that are walked with cohorts, to `values[row][output][column]`.
    fn add_cohorts(&self, rows: ArrayView2<'_, f64>, values: &mut [f64], what: What) {
        let rows = rows.as_standard_layout();
        let per_row = values.len() / rows.nrows().max(1);
        let per_output = per_row / self.trees.n_outputs();
        let mut cohorts = Cohorts::default();
        let mass = match self.background.even {
            Some(weight) => Mass::Even(weight),
            None => Mass::Rows(&self.background.weights),
        };
        for (plot, tree) in self.plots.iter().zip(self.trees.trees()) {
            let Kind::Cohorts(bits) = &plot.way else { continue };
            let made;
            let bits = if let Some(bits) = bits {
                bits
            } else {
                made = self.node_bits(tree);
                &made
            };
            let task = Task {
                tree,
                value: None,
                bits,
                n_words: self.background.n_words(),
                n_background: self.background.n_rows(),
                mass,
                scale: self.trees.scale(),
                beta: &self.beta,
            };
            let first = tree.output().unwrap_or(0) * per_output;
            for (row, values) in rows.rows().into_iter().zip(values.chunks_exact_mut(per_row)) {
                let (row, values) = (row.to_slice().unwrap_or(&[]), &mut values[first..]);
                match what {
                    What::Values => cohorts.attribute(&task, row, values),
                    What::Pairs => cohorts.interact(&task, row, values),
                }
            }
        }
    }
}

impl<T: Cell> Engine for Fast<'_, T> {
    fn base_values(&self) -> &[f64] {
        &self.base_values
    }

    fn block_rows(&self) -> usize {
        if self.engines.streamed_tables > 0 { STREAM_ROWS } else { BLOCK_ROWS }
    }

    fn attribute(&self, rows: ArrayView2<'_, f64>, values: &mut [f64]) {
        self.write(rows, values, What::Values);
    }

    fn interact(&self, rows: ArrayView2<'_, f64>, values: &mut [f64]) {
        self.write(rows, values, What::Pairs);
    }
}
