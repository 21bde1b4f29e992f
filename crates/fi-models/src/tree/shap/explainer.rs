//! A prepared ensemble: asks the engine block by block and makes results of its answers.

use std::ops::ControlFlow;

use fi_core::{
    Attribution, Error, Interactions, Players, Result, RowBlocks, Run, check_columns, require_shape,
};
use ndarray::{Array2, Array3, ArrayView2, ArrayView3, s};

use super::super::trees::Trees;
use super::OutputScale;
use super::blocks::{Grouping, rows_per_block, zeros};
use super::engine::{Engine, n_pairs};
use super::interventional::ChosenEngines;

/// So many blocks of answers are alive at once.
const BATCH: usize = 16;

/// The stream of the look at additivity, which draws nothing.
const ADDITIVITY: u64 = 1;

/// An ensemble prepared for TreeSHAP; [`TreeShap::explainer`](super::TreeShap::explainer) makes
/// it.
///
/// Players are single features or groups. The value of a group is the *sum* of its members'
/// values, which Shapley values allow because they add up; it is not the value that the group
/// would have if it could only join a coalition as a whole.
pub struct TreeExplainer<'t> {
    pub(super) trees: &'t Trees,
    pub(super) engine: Box<dyn Engine + 't>,
    pub(super) method: &'static str,
    scale: OutputScale,
    chosen: Option<ChosenEngines>,
}

impl std::fmt::Debug for TreeExplainer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TreeExplainer").field("method", &self.method).finish_non_exhaustive()
    }
}

/// Values of some consecutive rows.
#[derive(Debug)]
pub struct Block<'a> {
    /// The place of the first of these rows.
    pub first_row: usize,
    /// `(n_rows, n_outputs, n_players)`.
    pub values: ArrayView3<'a, f64>,
}

impl<'t> TreeExplainer<'t> {
    pub(super) fn new(
        trees: &'t Trees,
        engine: Box<dyn Engine + 't>,
        method: &'static str,
        scale: OutputScale,
    ) -> Self {
        Self { trees, engine, method, scale, chosen: None }
    }

    /// Remembers what was chosen.
    pub(super) fn with_chosen(self, chosen: ChosenEngines) -> Self {
        Self { chosen: Some(chosen), ..self }
    }

    /// Which engine explains how many trees, where there was a choice: interventional.
    pub fn chosen_engines(&self) -> Option<ChosenEngines> {
        self.chosen
    }

    /// How many outputs are explained.
    pub fn n_outputs(&self) -> usize {
        self.engine.base_values().len()
    }

    /// The expected answer per output: what the values of a row add up to its answer from.
    pub fn base_values(&self) -> &[f64] {
        self.engine.base_values()
    }

    /// The method's name.
    pub fn method(&self) -> &str {
        self.method
    }

    pub(super) fn n_features(&self) -> usize {
        self.trees.ensemble().n_features()
    }

    /// Shapley values of the players for each row.
    ///
    /// The model predicts the rows too, and the largest difference between a prediction and the
    /// sum of its values is the result's `additivity_error`.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] for another number of columns than the model's; [`Error::Data`] if the
    /// values do not fit into memory; [`Error::Cancelled`].
    pub fn attribution(
        &self,
        run: &Run<'_>,
        players: &Players,
        rows: ArrayView2<'_, f64>,
    ) -> Result<Attribution> {
        check_columns(self.n_features(), rows)?;
        let grouping = Grouping::new(players, self.n_features())?;
        let shape = [rows.nrows(), self.n_outputs(), players.len()];
        let instead = "ask for `importance`, or take them block by block from `for_each_block`";
        let mut values = zeros("values", instead, &shape)?;
        let (per_row, block) = (shape[1] * shape[2], self.block_rows());
        run.for_chunks(&mut values, block * per_row, |index, _, values| {
            let first = index * block;
            let rows = rows.slice(s![first..first + values.len() / per_row, ..]);
            self.attribute(&grouping, rows, values);
            Ok(())
        })?;
        let error = if covers_all(players) {
            Some(self.additivity_error(run, rows, &values, per_row)?)
        } else {
            None
        };
        let values = shaped(shape, values)?;
        let mut found = Attribution::new(self.method, players.names(), values, self.bases(rows))?;
        found.n_evaluations = rows.nrows();
        found.additivity_error = error;
        Ok(found)
    }

    /// Shapley values of blocks of rows, in row order, without ever holding all of them.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] for another number of columns than the model's; the first error of `f`,
    /// which is not called again; [`Error::Cancelled`].
    pub fn for_each_block(
        &self,
        run: &Run<'_>,
        players: &Players,
        rows: ArrayView2<'_, f64>,
        f: impl FnMut(Block<'_>) -> Result<()>,
    ) -> Result<()> {
        self.for_each_block_of(run, players, &rows, f)
    }

    /// As [`TreeExplainer::for_each_block`], of rows that are read in blocks.
    ///
    /// # Errors
    ///
    /// As for [`TreeExplainer::for_each_block`], and those of reading rows.
    pub fn for_each_block_of(
        &self,
        run: &Run<'_>,
        players: &Players,
        rows: &dyn RowBlocks,
        mut f: impl FnMut(Block<'_>) -> Result<()>,
    ) -> Result<()> {
        let grouping = Grouping::new(players, self.n_features())?;
        let shape = |n_rows| (n_rows, self.n_outputs(), players.len());
        let work = |rows: ArrayView2<'_, f64>| {
            let (n_rows, n_outputs, n_players) = shape(rows.nrows());
            let mut values = vec![0.0; n_rows * n_outputs * n_players];
            self.attribute(&grouping, rows, &mut values);
            values
        };
        self.fold(run, rows, self.block_rows(), work, |first_row, n_rows, values| {
            let values = ArrayView3::from_shape(shape(n_rows), &values).map_err(Error::model)?;
            f(Block { first_row, values })
        })
    }

    /// Shapley interaction values of all pairs of players for each row: see [`Interactions`].
    ///
    /// Between groups it is the sum of the entries between their members.
    ///
    /// # Cost
    ///
    /// `n_features · (n_features + 1) / 2` numbers per row and output.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] for another number of columns than the model's; [`Error::Data`] if the
    /// values do not fit into memory; [`Error::Cancelled`].
    pub fn interactions(
        &self,
        run: &Run<'_>,
        players: &Players,
        rows: ArrayView2<'_, f64>,
    ) -> Result<Interactions> {
        check_columns(self.n_features(), rows)?;
        let grouping = Grouping::new(players, self.n_features())?;
        let shape = [rows.nrows(), self.n_outputs(), Interactions::n_pairs(players.len())?];
        let instead = "ask for `mean_interactions`, or for fewer rows at a time";
        let mut values = zeros("interactions", instead, &shape)?;
        let per_row = shape[1] * shape[2];
        let block = self.pair_block_rows()?;
        run.for_chunks(&mut values, block * per_row, |index, _, values| {
            let first = index * block;
            let rows = rows.slice(s![first..first + values.len() / per_row, ..]);
            self.interact(&grouping, rows, values)
        })?;
        let twice: Vec<f64> = (0..players.len())
            .flat_map(|a| (a..players.len()).map(move |b| if a == b { 1.0 } else { 2.0 }))
            .collect();
        let error = if covers_all(players) {
            let sums: Vec<f64> = values
                .chunks_exact(shape[2].max(1))
                .map(|pairs| pairs.iter().zip(&twice).map(|(value, times)| value * times).sum())
                .collect();
            Some(self.additivity_error(run, rows, &sums, shape[1])?)
        } else {
            None
        };
        let method = format!("{} interactions", self.method);
        let values = shaped(shape, values)?;
        let mut found = Interactions::new(method, players.names(), values, self.bases(rows))?;
        found.n_evaluations = rows.nrows();
        found.additivity_error = error;
        Ok(found)
    }

    /// The values of a block.
    pub(super) fn attribute(
        &self,
        grouping: &Grouping<'_>,
        rows: ArrayView2<'_, f64>,
        values: &mut [f64],
    ) {
        if grouping.is_same() {
            self.engine.attribute(rows, values);
            return;
        }
        let mut single = vec![0.0; rows.nrows() * self.n_outputs() * self.n_features()];
        self.engine.attribute(rows, &mut single);
        grouping.sum(&single, values);
    }

    /// The interactions of a block.
    pub(super) fn interact(
        &self,
        grouping: &Grouping<'_>,
        rows: ArrayView2<'_, f64>,
        values: &mut [f64],
    ) -> Result<()> {
        if grouping.is_same() {
            self.engine.interact(rows, values);
            return Ok(());
        }
        let mut single = vec![0.0; rows.nrows() * self.n_outputs() * n_pairs(self.n_features())];
        self.engine.interact(rows, &mut single);
        grouping.sum_pairs(&single, values)
    }

    pub(super) fn block_rows(&self) -> usize {
        rows_per_block(self.engine.block_rows(), self.n_outputs() * self.n_features())
    }

    pub(super) fn pair_block_rows(&self) -> Result<usize> {
        let n_pairs = Interactions::n_pairs(self.n_features())?;
        Ok(rows_per_block(self.engine.block_rows(), self.n_outputs().saturating_mul(n_pairs)))
    }

    /// Does `work` on all blocks of rows, and gives `merge` the answers in order with the first
    /// row and the number of rows.
    pub(super) fn fold<A: Send>(
        &self,
        run: &Run<'_>,
        rows: &dyn RowBlocks,
        block: usize,
        work: impl Fn(ArrayView2<'_, f64>) -> A + Sync,
        mut merge: impl FnMut(usize, usize, A) -> Result<()>,
    ) -> Result<()> {
        let n_rows = rows.n_rows();
        require_shape("the table", &[n_rows, self.n_features()], &[n_rows, rows.n_features()])?;
        let mut result = Ok(());
        let range = |index: usize| index * block..((index + 1) * block).min(n_rows);
        run.fold(
            n_rows.div_ceil(block),
            BATCH,
            |index, _| Ok(work(rows.rows(range(index))?.view())),
            |index, answer| {
                if result.is_ok() {
                    result = merge(range(index).start, range(index).len(), answer);
                }
                if result.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            },
        )?;
        result
    }

    /// The largest difference between a prediction and what `values`, `per_row / n_outputs`
    /// numbers for each, add up to.
    fn additivity_error(
        &self,
        run: &Run<'_>,
        rows: ArrayView2<'_, f64>,
        values: &[f64],
        per_row: usize,
    ) -> Result<f64> {
        let block = self.block_rows();
        let (n_outputs, base) = (self.n_outputs(), self.base_values());
        let n_blocks = rows.nrows().div_ceil(block);
        let errors = run.split(ADDITIVITY).map(n_blocks, |index, _| {
            let range = index * block..((index + 1) * block).min(rows.nrows());
            let answers = self.answers(rows.slice(s![range.clone(), ..]))?;
            let values = values[range.start * per_row..range.end * per_row].chunks_exact(per_row);
            let mut worst = 0.0_f64;
            for (answers, values) in answers.rows().into_iter().zip(values) {
                let lists = values.chunks_exact(per_row / n_outputs).zip(base);
                for (answer, (values, base)) in answers.iter().zip(lists) {
                    let error = (base + values.iter().sum::<f64>() - answer).abs();
                    // NaN, from values that overflow, stays.
                    if error > worst || error.is_nan() {
                        worst = error;
                    }
                }
            }
            Ok(worst)
        })?;
        let larger = |worst: f64, error: f64| {
            if error > worst || error.is_nan() { error } else { worst }
        };
        Ok(errors.into_iter().fold(0.0, larger))
    }

    /// What is explained: one column per explained output.
    fn answers(&self, rows: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        let raw = self.trees.predict_raw(rows)?;
        let answers = match self.scale {
            OutputScale::Raw => raw,
            OutputScale::Probability => self.trees.link().apply(raw),
        };
        // Of two classes that share one raw answer, the second may be explained alone.
        let first = answers.ncols().saturating_sub(self.n_outputs());
        let answers = answers.slice_move(s![.., first..]);
        require_shape("the answers", &[rows.nrows(), self.n_outputs()], answers.shape())?;
        Ok(answers)
    }

    fn bases(&self, rows: ArrayView2<'_, f64>) -> Array2<f64> {
        let base = self.base_values();
        Array2::from_shape_fn((rows.nrows(), base.len()), |(_, output)| base[output])
    }
}

/// Whether every feature is in exactly one player, so that values add up to the prediction.
fn covers_all(players: &Players) -> bool {
    let mut times = vec![0_usize; players.n_features()];
    let members = (0..players.len()).flat_map(|player| players.members(player));
    members.for_each(|&feature| times[feature] += 1);
    times.iter().all(|&times| times == 1)
}

fn shaped(shape: [usize; 3], values: Vec<f64>) -> Result<Array3<f64>> {
    Array3::from_shape_vec((shape[0], shape[1], shape[2]), values).map_err(Error::model)
}
