//! Rows as small whole numbers, so that a split is one comparison of 16 bits for many rows.
//!
//! A value's code is how many of the model's thresholds on its feature lie before it. Then
//! `x ≤ t_k` is `code ≤ k` for the `k`-th threshold, exactly, whatever the comparison and the
//! precision of the model; a missing value gets the code 0 where it goes left, and the largest
//! where it goes right. Splits on categories, and those on a feature of more than 65,535
//! thresholds, ask [`Tree::goes_left`] for every row.

use ndarray::ArrayView2;

use super::kernel::{self, Level};
use crate::tree::Ensemble;
use crate::tree::split::{Comparison, NUMERIC, Precision, ZERO};
use crate::tree::tree::Tree;

/// Rows are padded to a multiple of this, with rows whose results nobody reads.
pub(super) const PAD: usize = 64;

/// The code of a missing value that goes right: after every threshold.
const LAST: usize = u16::MAX as usize;

/// How the decision of a split is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Test {
    /// Rows go left whose code in this column is at most `last`.
    Code { column: u32, last: u16 },
    /// Rows go left that the tree says so for; their values stand in this column.
    Direct { column: u32 },
    /// There is no split, but a leaf.
    None,
}

/// The codes of a model's features.
#[derive(Debug)]
pub(super) struct Codes {
    features: Vec<Feature>,
    n_columns: usize,
    n_raw: usize,
    comparison: Comparison,
    precision: Precision,
    /// One per node of the ensemble.
    tests: Vec<Test>,
}

#[derive(Debug, Default)]
struct Feature {
    /// Ascending, each once.
    thresholds: Vec<f64>,
    /// The columns of codes, by `2 · zero_is_missing + missing_left`.
    columns: [Option<u32>; 4],
    /// The column of values.
    raw: Option<u32>,
}

/// Rows of codes, column by column.
#[derive(Debug, Default)]
pub(super) struct Block {
    pub(super) n_rows: usize,
    /// `n_rows`, rounded up to a multiple of [`PAD`].
    pub(super) padded: usize,
    codes: Vec<u16>,
    raw: Vec<f64>,
}

impl Codes {
    pub(super) fn new(ensemble: &Ensemble) -> Self {
        let feature = |thresholds| Feature { thresholds, ..Feature::default() };
        let features = ensemble.thresholds().into_iter().map(feature).collect();
        let mut codes = Self {
            features,
            n_columns: 0,
            n_raw: 0,
            comparison: ensemble.comparison(),
            precision: ensemble.precision(),
            tests: vec![Test::None; ensemble.n_nodes()],
        };
        for (tree, node) in ensemble.splits() {
            codes.tests[tree.start + node] = codes.add(tree, node);
        }
        codes
    }

    /// Finds the column for a split, or opens one.
    fn add(&mut self, tree: Tree<'_>, node: usize) -> Test {
        let feature = &mut self.features[tree.feature(node)];
        if tree.set[node] != NUMERIC || feature.thresholds.len() > LAST {
            let column = *feature.raw.get_or_insert_with(|| {
                self.n_raw += 1;
                self.n_raw as u32 - 1
            });
            return Test::Direct { column };
        }
        let threshold = tree.threshold(node);
        let last = feature.thresholds.partition_point(|&before| before < threshold);
        let variant =
            2 * usize::from(tree.zero_is_missing(node)) + usize::from(tree.missing_left(node));
        let column = *feature.columns[variant].get_or_insert_with(|| {
            self.n_columns += 1;
            self.n_columns as u32 - 1
        });
        Test::Code { column, last: last as u16 }
    }

    /// The codes of rows, into a block whose memory is used again.
    pub(super) fn encode(&self, rows: ArrayView2<'_, f64>, block: &mut Block) {
        block.n_rows = rows.nrows();
        block.padded = rows.nrows().next_multiple_of(PAD);
        block.codes.clear();
        block.codes.resize(self.n_columns * block.padded, 0);
        block.raw.clear();
        block.raw.resize(self.n_raw * block.padded, 0.0);
        for (feature, values) in self.features.iter().zip(rows.columns()) {
            if let Some(column) = feature.raw {
                let start = column as usize * block.padded;
                block.raw[start..].iter_mut().zip(values).for_each(|(raw, &x)| *raw = x);
            }
            if feature.columns == [None; 4] {
                continue;
            }
            for (row, &x) in values.iter().enumerate() {
                let x = match self.precision {
                    Precision::F32 => f64::from(x as f32),
                    Precision::F64 => x,
                };
                // NaN lies before no threshold; it is replaced below.
                let code = match self.comparison {
                    Comparison::LessEqual => feature.thresholds.partition_point(|&t| t < x),
                    Comparison::Less => feature.thresholds.partition_point(|&t| t <= x),
                };
                for (variant, column) in feature.columns.iter().enumerate() {
                    let Some(column) = column else { continue };
                    let missing = x.is_nan() || (variant >= 2 && x.abs() <= ZERO);
                    let code = match (missing, variant % 2 == 1) {
                        (false, _) => code,
                        (true, true) => 0,
                        (true, false) => LAST,
                    };
                    block.codes[*column as usize * block.padded + row] = code as u16;
                }
            }
        }
    }

    /// Where the rows' codes stand, and the last one that goes left; `None` if only
    /// [`Codes::direct`] can tell.
    #[inline]
    pub(super) fn code<'b>(
        &self,
        tree: Tree<'_>,
        node: usize,
        block: &'b Block,
    ) -> Option<(&'b [u16], u16)> {
        match self.tests[tree.start + node] {
            Test::Code { column, last } => {
                let start = column as usize * block.padded;
                Some((&block.codes[start..start + block.padded], last))
            }
            Test::Direct { .. } | Test::None => None,
        }
    }

    /// Whether each row goes left, as masks of ones and zeros, for a split without codes.
    pub(super) fn direct(&self, tree: Tree<'_>, node: usize, block: &Block, mask: &mut [u16]) {
        let Test::Direct { column } = self.tests[tree.start + node] else {
            mask.fill(0);
            return;
        };
        let start = column as usize * block.padded;
        for (mask, &x) in mask.iter_mut().zip(&block.raw[start..start + block.padded]) {
            *mask = if tree.goes_left(node, x) { u16::MAX } else { 0 };
        }
    }

    /// Whether each row goes left, 64 rows to a word; `scratch` has a cell for each row.
    pub(super) fn bits(
        &self,
        level: Level,
        (tree, node): (Tree<'_>, usize),
        block: &Block,
        scratch: &mut [u16],
        words: &mut [u64],
    ) {
        if let Some((codes, last)) = self.code(tree, node, block) {
            kernel::pack(level, codes, last, words);
        } else {
            // A mask of ones is the code that goes left once it is turned around.
            self.direct(tree, node, block, scratch);
            for mask in scratch.iter_mut() {
                *mask = !*mask;
            }
            kernel::pack(level, scratch, 0, words);
        }
    }
}
