//! Permutation importance of tables that are larger than memory.
//!
//! A shuffle goes across all rows, never within a block: the donors' values of a player are whole
//! columns, of which one player's are in memory at a time, and each block of rows takes from them
//! what its donors give.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use ndarray::{Array2, ArrayView2, s};

use super::{Permutation, Shuffle, Shuffled, everywhere};
use crate::error::{Error, Result, require_shape};
use crate::importance::Importance;
use crate::metric::Metric;
use crate::model::{Model, check_columns, predict_checked, rows_at_once};
use crate::players::Players;
use crate::row_blocks::{LargeDataset, RowBlocks};
use crate::run::Run;

/// So many shuffles share a block of rows that was read.
const MOST_AT_ONCE: usize = 16;

impl Permutation {
    /// As [`Permutation::importance`], of rows that are read in blocks: the same bits.
    ///
    /// `memory` is how many bytes the whole call may take beside target, weights and groups;
    /// `None` takes what the in-memory call does.
    ///
    /// # Cost
    ///
    /// The predictions of [`Permutation::importance`], and once the table is read for up to 16
    /// shuffles, as many as memory has room for. Memory: per row 56 bytes and 8 per output and metric, and for each shuffle at
    /// once 56 and 16 per output, and 8 per column of a player, however many columns there are.
    ///
    /// # Errors
    ///
    /// As for [`Permutation::importance`]; [`Error::Data`] if `memory` does not suffice for one
    /// shuffle, for rows of weight 0 or with `max_rows` (write the rows that count to a file), or
    /// if rows cannot be read.
    pub fn importance_of_blocks(
        &self,
        run: &Run<'_>,
        model: &dyn Model,
        data: &LargeDataset<'_>,
        players: &Players,
        metrics: &[Metric],
        memory: Option<u64>,
    ) -> Result<Vec<Importance>> {
        let n_members = (0..players.len()).map(|p| players.members(p).len()).max().unwrap_or(0);
        let (n_outputs, n_metrics) = (model.n_outputs(), metrics.len());
        let n_rows = data.blocks().n_rows();
        let columns = 8 * n_members as u64 * n_rows as u64;
        let at_once = shuffles_within(memory, n_rows, n_outputs, n_metrics, columns)?;
        let by = FromBlocks { model, blocks: data.blocks(), batch_rows: self.batch_rows, at_once };
        self.importance_of_blocks_by(run, model, data, players, metrics, &by)
    }

    /// As [`Permutation::importance_of_blocks`], where the predictions of shuffled rows come from
    /// a way of the caller's; the rows that it is given have no columns.
    ///
    /// # Errors
    ///
    /// As for [`Permutation::importance_of_blocks`], and those of `shuffled`.
    pub fn importance_of_blocks_by(
        &self,
        run: &Run<'_>,
        model: &dyn Model,
        data: &LargeDataset<'_>,
        players: &Players,
        metrics: &[Metric],
        shuffled: &dyn Shuffled,
    ) -> Result<Vec<Importance>> {
        let blocks = data.blocks();
        let (n_rows, n_features) = (blocks.n_rows(), blocks.n_features());
        let what = "the players' list of features";
        require_shape(what, &[n_features], &[players.n_features()])?;
        let used = self.checked(run, data.rest(), metrics)?;
        if used.len() < n_rows {
            return Err(Error::Data(
                "rows that do not count are not left out of a table that is read in blocks: write \
                 the rows of positive weight to a file of their own, and leave `max_rows` out"
                    .to_owned(),
            ));
        }
        let mut predictions = Array2::zeros((n_rows, model.n_outputs()));
        predict_blocks(run, model, blocks, self.batch_rows, |first, predicted| {
            predictions.slice_mut(s![first..first + predicted.nrows(), ..]).assign(&predicted);
            Ok(())
        })?;
        let how = ("permutation", &everywhere as &_);
        Self::scored(
            run,
            model,
            data.rest(),
            &used,
            &predictions,
            players,
            metrics,
            shuffled,
            how,
            |shuffles, scorers| self.accumulate(run, model, shuffles, scorers, metrics),
        )
    }
}

/// Predicts rows that are read in blocks, and hands the predictions on in order with the number of
/// their first row; at most `batch_rows` rows are predicted at once.
///
/// # Errors
///
/// [`Error::Shape`], [`Error::NotFinite`] that names the row, those of the model, of the rows and
/// of `take`; [`Error::Cancelled`].
pub fn predict_blocks(
    run: &Run<'_>,
    model: &dyn Model,
    blocks: &dyn RowBlocks,
    batch_rows: usize,
    mut take: impl FnMut(usize, Array2<f64>) -> Result<()>,
) -> Result<()> {
    let n_rows = blocks.n_rows();
    let batch = batch_rows.min(rows_at_once(blocks.n_features())).max(1);
    let mut outcome = Ok(());
    run.alone().fold(
        n_rows.div_ceil(batch),
        MOST_AT_ONCE,
        |task, _| {
            let range = task * batch..((task + 1) * batch).min(n_rows);
            let first = range.start;
            let rows = blocks.rows(range)?;
            finite(rows.view(), first)?;
            check_columns(model.n_features(), rows.view())?;
            predict_checked(model, rows.view()).map_err(|error| error.with_row(|row| first + row))
        },
        |task, predicted| {
            outcome = take(task * batch, predicted);
            if outcome.is_ok() {
                std::ops::ControlFlow::Continue(())
            } else {
                std::ops::ControlFlow::Break(())
            }
        },
    )?;
    outcome
}

fn finite(rows: ArrayView2<'_, f64>, first: usize) -> Result<()> {
    match rows.indexed_iter().find(|(_, value)| value.is_infinite()) {
        None => Ok(()),
        Some(((row, column), &value)) => Err(Error::NotFinite {
            what: "the table".to_owned(),
            row: first + row,
            column: Some(format!("column {column}")),
            value,
        }),
    }
}

/// How many shuffles of so many rows fit into memory at once, when each takes `own` bytes beside
/// its predictions, losses and donors.
///
/// # Errors
///
/// [`Error::Data`] if not one does.
pub fn shuffles_within(
    memory: Option<u64>,
    n_rows: usize,
    n_outputs: usize,
    n_metrics: usize,
    own: u64,
) -> Result<usize> {
    let Some(memory) = memory else { return Ok(MOST_AT_ONCE) };
    let (n, outputs, metrics) = (n_rows as u64, n_outputs as u64, n_metrics as u64);
    // Units, blocks and row numbers, 8 bytes each, what sorting makes of a target, predictions of
    // the untouched rows and their losses.
    let fixed = n.saturating_mul(32 + 8 * outputs + 8 * metrics);
    // Predictions twice, donors, losses, increases, and a metric's own lists.
    let each = n.saturating_mul(40 + 16 * outputs).saturating_add(own);
    let needed = fixed.saturating_add(each).saturating_add(ROOM);
    if memory < needed {
        return Err(Error::Data(format!(
            "shuffling {n_rows} rows takes at least {} MiB beside the target, but only {} MiB are \
             given: allow more memory or take fewer rows",
            needed.div_ceil(1 << 20),
            memory >> 20
        )));
    }
    let at_once = (memory - fixed - ROOM) / each.max(1);
    Ok(usize::try_from(at_once).map_or(MOST_AT_ONCE, |n| n.clamp(1, MOST_AT_ONCE)))
}

/// For the program itself, its threads and blocks of rows.
const ROOM: u64 = 64 << 20;

/// The plain way, for any model: reads the rows, puts the donors' values into them, predicts them.
struct FromBlocks<'a> {
    model: &'a dyn Model,
    blocks: &'a dyn RowBlocks,
    batch_rows: usize,
    at_once: usize,
}

impl Shuffled for FromBlocks<'_> {
    fn name(&self) -> &'static str {
        "predicting again"
    }

    /// The donors of a repeat are those of all players, and a stop then loses the least.
    fn repeats_together(&self) -> usize {
        1
    }

    fn at_once(&self, _n_rows: usize) -> usize {
        self.at_once
    }

    fn calls_at_once(&self) -> usize {
        1
    }

    fn predict(
        &self,
        run: &Run<'_>,
        rows: ArrayView2<'_, f64>,
        shuffles: &[Shuffle<'_>],
    ) -> Result<Array2<f64>> {
        let n_rows = rows.nrows();
        let mut columns = BTreeMap::new();
        for &member in shuffles.iter().flat_map(|shuffle| shuffle.members) {
            if let Entry::Vacant(vacant) = columns.entry(member) {
                vacant.insert(self.blocks.column(member)?);
            }
        }
        let batch = self.batch_rows.min(rows_at_once(self.blocks.n_features()));
        let answers = run.map(n_rows.div_ceil(batch), |task, _| {
            let first = task * batch;
            let range = first..(first + batch).min(n_rows);
            let own = self.blocks.rows(range.clone())?;
            let mut block = own.to_owned();
            let mut answers = Vec::with_capacity(shuffles.len());
            for (copy, shuffle) in shuffles.iter().enumerate() {
                for &member in shuffle.members {
                    let donors = shuffle.donors[range.clone()].iter();
                    let values = block.column_mut(member);
                    values.into_iter().zip(donors).for_each(|(to, &d)| *to = columns[&member][d]);
                }
                let answer = predict_checked(self.model, block.view());
                answers.push(answer.map_err(|error| match error {
                    Error::NotFinite { .. } => error.with_row(|row| copy * n_rows + first + row),
                    error => error.in_task(shuffle.task()),
                })?);
                for &member in shuffle.members {
                    block.column_mut(member).assign(&own.column(member));
                }
            }
            Ok(answers)
        })?;
        let mut predictions = Array2::zeros((shuffles.len() * n_rows, self.model.n_outputs()));
        for (task, answers) in answers.into_iter().enumerate() {
            for (copy, answer) in answers.into_iter().enumerate() {
                let start = copy * n_rows + task * batch;
                predictions.slice_mut(s![start..start + answer.nrows(), ..]).assign(&answer);
            }
        }
        Ok(predictions)
    }
}
