//! Values as codes: how many of a feature's thresholds lie below them, in one byte.
//!
//! All thresholds that an ensemble compares a feature with, sorted, are that feature's borders.
//! The code of a value `x` is the number of borders `b` with `x > b`; so `x ≤ b_i`, the question
//! of a split, is `code ≤ i`. A missing value has the code 0 where it goes left and 255 where it
//! goes right: features whose missing values go both ways have a column of codes for each. A
//! feature of more than 255 borders has a column for each 255 of them.

use ndarray::ArrayView2;

use super::super::split::{Precision, ZERO};

/// So many rows are coded and asked together.
pub(super) const BLOCK: usize = 256;
/// So many rows of a table are read together: more would not stay in the cache.
pub(super) const LINES: usize = 64;
/// More borders than a byte can count.
const ROOM: usize = 256;
const MOST_BORDERS: usize = ROOM - 1;
/// A column's place has two bytes.
const MOST_COLUMNS: usize = u16::MAX as usize;

/// What a column's codes depend on: the feature and what its missing values are and do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) feature: u32,
    pub(super) missing_left: bool,
    pub(super) zero_is_missing: bool,
}

/// Some borders of a feature.
#[derive(Debug)]
struct Column {
    key: Key,
    /// How many halvings tell the codes apart.
    n_steps: u32,
    /// Ascending, and behind them +∞, which no value exceeds.
    borders: [f64; ROOM],
}

/// The codes of every column that some split is on.
#[derive(Debug)]
pub(super) struct Columns {
    all: Vec<Column>,
    /// The thresholds of each key, ascending, and their first column.
    sorted: Vec<(Key, Vec<f64>, usize)>,
    precision: Precision,
}

impl Columns {
    /// For splits on these thresholds; `None` for too many.
    pub(super) fn new(mut splits: Vec<(Key, f64)>, precision: Precision) -> Option<Self> {
        splits.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let mut found = Self { all: Vec::new(), sorted: Vec::new(), precision };
        for same in splits.chunk_by(|a, b| a.0 == b.0) {
            let key = same[0].0;
            let mut borders: Vec<f64> = same.iter().map(|split| split.1).collect();
            borders.dedup();
            let first = found.all.len();
            found.all.extend(borders.chunks(MOST_BORDERS).map(|some| Column::new(key, some)));
            found.sorted.push((key, borders, first));
        }
        (found.all.len() <= MOST_COLUMNS).then_some(found)
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// The column and the code above which a value goes right, for a split that is among those
    /// that the columns were made for.
    pub(super) fn find(&self, key: Key, threshold: f64) -> Option<(u16, u8)> {
        let at = self.sorted.binary_search_by(|probe| probe.0.cmp(&key)).ok()?;
        let (_, borders, first) = &self.sorted[at];
        let place = borders.partition_point(|&border| border < threshold);
        Some(((first + place / MOST_BORDERS) as u16, (place % MOST_BORDERS) as u8))
    }

    /// Codes the rows, at most [`BLOCK`]: `codes[column][row]`.
    pub(super) fn fill(&self, rows: ArrayView2<'_, f64>, codes: &mut [[u8; BLOCK]]) {
        for start in (0..rows.nrows()).step_by(LINES) {
            let end = rows.nrows().min(start + LINES);
            for (column, codes) in self.all.iter().zip(codes.iter_mut()) {
                let mut values = [0.0; LINES];
                let feature = rows.column(column.key.feature as usize);
                let lines = values.iter_mut().zip(start..end);
                match self.precision {
                    Precision::F32 => {
                        lines.for_each(|(x, row)| *x = f64::from(feature[row] as f32));
                    }
                    Precision::F64 => lines.for_each(|(x, row)| *x = feature[row]),
                }
                if let Some(codes) = codes[start..].first_chunk_mut() {
                    column.code(&mut values, codes);
                }
            }
        }
    }
}

impl Column {
    fn new(key: Key, some: &[f64]) -> Self {
        let mut borders = [f64::INFINITY; ROOM];
        borders[..some.len()].copy_from_slice(some);
        Self { key, n_steps: (some.len() + 1).next_power_of_two().ilog2(), borders }
    }

    /// A binary search for all values in step.
    fn code(&self, values: &mut [f64; LINES], codes: &mut [u8; LINES]) {
        if self.key.zero_is_missing {
            values.iter_mut().filter(|x| x.abs() <= ZERO).for_each(|x| *x = f64::NAN);
        }
        let mut found = [0_usize; LINES];
        for step in (0..self.n_steps).rev() {
            for (found, x) in found.iter_mut().zip(values.iter()) {
                let border = self.borders[(*found + (1 << step) - 1) % ROOM];
                // Arithmetic: a branch would be guessed wrong every other time.
                *found += usize::from(*x > border) << step;
            }
        }
        let missing = if self.key.missing_left { 0 } else { u8::MAX };
        for ((code, found), x) in codes.iter_mut().zip(found).zip(values.iter()) {
            *code = if x.is_nan() { missing } else { found as u8 };
        }
    }
}
