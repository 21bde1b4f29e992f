//! Predicts rows in which one or two columns are set to other values, many settings in a call.
//!
//! A block of rows is copied into a buffer once, as often as fits beside itself; then only the
//! columns in question are written again from call to call. So no table is copied per grid
//! point, small tables make large calls, and memory does not grow with the table.

use ndarray::{Array2, ArrayView2, s};

use crate::error::{Error, Result};
use crate::model::{Model, predict_checked};

use super::question::Question;

/// Rows of a block: fixed, so that sums do not depend on threads.
const BLOCK: usize = 256;
/// Rows of a call, whatever `batch_rows` says.
const MOST_ROWS: usize = 1 << 20;
/// Blocks whose answers wait at once to be added up.
pub(super) const BLOCKS_AT_ONCE: usize = 16;

/// The rows of a question, at `n_points` settings each.
pub(super) struct Sweep<'a> {
    pub(super) question: &'a Question<'a>,
    pub(super) model: &'a dyn Model,
    pub(super) n_points: usize,
    pub(super) batch_rows: usize,
    /// What an error says that it happened in.
    pub(super) method: &'static str,
}

impl Sweep<'_> {
    fn block_rows(&self) -> usize {
        self.batch_rows.clamp(1, BLOCK)
    }

    pub(super) fn n_blocks(&self) -> usize {
        self.question.rows.len().div_ceil(self.block_rows())
    }

    /// The places of the rows of a block in the question's list.
    pub(super) fn places(&self, block: usize) -> std::ops::Range<usize> {
        let start = block * self.block_rows();
        start..(start + self.block_rows()).min(self.question.rows.len())
    }

    pub(super) fn n_evaluations(&self) -> usize {
        self.question.rows.len() * self.n_points
    }

    /// Predicts the rows of one block at each setting and shows the `(n_rows, n_outputs)`
    /// answers to `seen`, setting after setting. In setting `point` the row at `place` has
    /// `value(point, place, k)` in column `k` of the question.
    pub(super) fn predict(
        &self,
        block: usize,
        value: impl Fn(usize, usize, usize) -> f64,
        mut seen: impl FnMut(usize, ArrayView2<'_, f64>),
    ) -> Result<()> {
        let places = self.places(block);
        let n = places.len();
        let per_call = (self.batch_rows.min(MOST_ROWS) / n).clamp(1, self.n_points);
        let table = self.question.data.rows();
        let mut buffer = Array2::zeros((n * per_call, table.ncols()));
        for (i, mut row) in buffer.rows_mut().into_iter().enumerate() {
            row.assign(&table.row(self.question.rows[places.start + i % n]));
        }
        for first in (0..self.n_points).step_by(per_call) {
            let points = first..(first + per_call).min(self.n_points);
            for (copy, point) in points.clone().enumerate() {
                for (i, place) in places.clone().enumerate() {
                    for (k, &column) in self.question.columns.iter().enumerate() {
                        buffer[[copy * n + i, column]] = value(point, place, k);
                    }
                }
            }
            let answers = predict_checked(self.model, buffer.slice(s![..points.len() * n, ..]))
                .map_err(|error| self.in_table(error, places.start, n))?;
            for (copy, point) in points.enumerate() {
                seen(point, answers.slice(s![copy * n..(copy + 1) * n, ..]));
            }
        }
        Ok(())
    }

    /// Names the row by its number in the table.
    fn in_table(&self, error: Error, start: usize, n: usize) -> Error {
        let error = error.with_row(|row| self.question.rows[start + row % n]);
        let names: Vec<String> = (0..self.question.columns.len())
            .map(|k| format!("`{}`", self.question.name(k)))
            .collect();
        error.in_task(format!("{} of {}", self.method, names.join(" and ")))
    }
}
