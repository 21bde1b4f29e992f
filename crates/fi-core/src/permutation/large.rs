//! Permutation importance of tables that are larger than memory.
//!
//! A shuffle goes across all rows, never within a block: the donors' values of a player are whole
//! columns, of which those of the shuffles at hand are in memory, and each block of rows takes from
//! them what its donors give. What is predicted of a part of the rows is scored before the next:
//! of a shuffle only sums stay, unless a metric needs the predictions of all rows.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use ndarray::{Array2, ArrayView2, s};

use super::shuffles::{PART_NUMBERS, PART_ROWS};
use super::{Permutation, Shuffle, Shuffled, everywhere};
use crate::error::{Error, Result, require_shape};
use crate::importance::Importance;
use crate::metric::Metric;
use crate::model::{Model, check_columns, predict_checked, rows_at_once};
use crate::players::Players;
use crate::row_blocks::{LargeDataset, RowBlocks};
use crate::run::Run;
use crate::sampling_noise::Units;

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
    /// shuffles, as many as memory has room for. Memory: per row 48 bytes and 8 per output and
    /// metric; for each shuffle at once 8 per row and column of a player, however many columns
    /// there are, and for each metric that is no mean over rows, 40 and 24 per output a row; up to
    /// 84 MB per metric for intervals.
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
        let columns = 8 * n_members as u64 * data.blocks().n_rows() as u64;
        let fit = |memory| {
            data.shuffles_within(memory, model.n_outputs(), players.len(), metrics, columns)
        };
        let at_once = memory.map_or(Ok(MOST_AT_ONCE), fit)?.min(MOST_AT_ONCE);
        let batch_rows = self.batch_rows;
        let columns = Mutex::default();
        let by = FromBlocks { model, blocks: data.blocks(), batch_rows, at_once, columns };
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

impl LargeDataset<'_> {
    /// How many shuffles of these rows `memory` has room for at once, beside target, weights and
    /// groups, when each takes `own` bytes beside what metrics keep of it.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] if not one does.
    pub fn shuffles_within(
        &self,
        memory: u64,
        n_outputs: usize,
        n_players: usize,
        metrics: &[Metric],
        own: u64,
    ) -> Result<usize> {
        let (n, outputs) = (self.blocks().n_rows() as u64, n_outputs as u64);
        let n_means = metrics.iter().filter(|metric| metric.has_row_losses()).count() as u64;
        let n_whole = metrics.len() as u64 - n_means;
        let units = n.min(Units::most(n_players) as u64);
        // Units, blocks and row numbers, what scoring and sorting make of a target, predictions of
        // the untouched rows and their losses.
        let of_rows = n.saturating_mul(48 + 8 * outputs + 8 * n_means);
        // Contributions of all players: those of repeats that are not complete, and of what the
        // finished ones come to.
        let of_players = 8 * 20 * n_players as u64 * (units * n_means + 25 * n_whole);
        let of_part = 16 * (PART_NUMBERS as u64).min(n.saturating_mul(64 * outputs));
        let fixed = of_rows.saturating_add(of_players + of_part + ROOM);
        // Sums by unit and weights; of a metric that is no mean, predictions and the lists of it.
        let each = 16 * units * n_means
            + n.saturating_mul(n_whole * (24 * outputs + 40))
            + 16 * outputs * n.min(PART_ROWS as u64);
        let each = each.saturating_add(own);
        let needed = fixed.saturating_add(each);
        if memory < needed {
            return Err(Error::Data(format!(
                "shuffling {n} rows takes at least {} MiB beside the target, but only {} MiB are \
                 given: allow more memory or take fewer rows",
                needed.div_ceil(1 << 20),
                memory >> 20
            )));
        }
        Ok(usize::try_from((memory - fixed) / each.max(1)).unwrap_or(usize::MAX))
    }
}

/// For the program itself, its threads, blocks of rows, and a part's donors and their units (at most
/// half of it).
const ROOM: u64 = 64 << 20;

/// The plain way, for any model: reads the rows, puts the donors' values into them, predicts them.
struct FromBlocks<'a> {
    model: &'a dyn Model,
    blocks: &'a dyn RowBlocks,
    batch_rows: usize,
    at_once: usize,
    /// The columns of the shuffles that are asked for.
    columns: Mutex<BTreeMap<usize, Arc<Vec<f64>>>>,
}

impl FromBlocks<'_> {
    /// The columns of these shuffles, which are read once for all parts of the rows.
    fn columns(&self, shuffles: &[Shuffle<'_>]) -> Result<BTreeMap<usize, Arc<Vec<f64>>>> {
        let mut columns = self.columns.lock().unwrap_or_else(PoisonError::into_inner);
        columns.retain(|column, _| shuffles.iter().any(|s| s.members.contains(column)));
        for &member in shuffles.iter().flat_map(|shuffle| shuffle.members) {
            if let Entry::Vacant(vacant) = columns.entry(member) {
                vacant.insert(Arc::new(self.blocks.column(member)?));
            }
        }
        Ok(columns.clone())
    }
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

    fn in_parts(&self) -> bool {
        true
    }

    fn calls_at_once(&self) -> usize {
        1
    }

    fn predict(
        &self,
        run: &Run<'_>,
        _table: ArrayView2<'_, f64>,
        part: Range<usize>,
        shuffles: &[Shuffle<'_>],
    ) -> Result<Array2<f64>> {
        let n_rows = part.len();
        let columns = self.columns(shuffles)?;
        let batch = self.batch_rows.min(rows_at_once(self.blocks.n_features()));
        let answers = run.map(n_rows.div_ceil(batch), |task, _| {
            let first = task * batch;
            let range = first..(first + batch).min(n_rows);
            let own = self.blocks.rows(part.start + range.start..part.start + range.end)?;
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
