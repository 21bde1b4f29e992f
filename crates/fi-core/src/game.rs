//! A cooperative game: what a coalition of players is worth.
//!
//! [`PredictionGame`] asks what one row's prediction becomes when the model knows only some of
//! the features; [`Removal`] says what *not knowing* means.

use ndarray::{Array2, ArrayView1, ArrayView2, s};

use crate::error::{Error, Result, require_shape};
use crate::model::{Model, predict_checked, rows_at_once};
use crate::players::{Players, Shown, shows};
use crate::rng::Rng;

mod drawn;
mod removal;
mod synthetic;

pub use removal::Removal;
use removal::Rest;
pub(crate) use synthetic::write_changes;

/// A pure function from coalitions to values.
///
/// Randomness belongs into the construction of a game or into an estimator, so that the same
/// coalition always has the same value, axioms hold exactly and caching is legal.
pub trait Game: Sync {
    /// How many players there are.
    fn n_players(&self) -> usize;

    /// How many numbers a coalition is worth.
    fn n_outputs(&self) -> usize;

    /// The values `(n_coalitions, n_outputs)` of `(n_coalitions, n_players)` coalitions;
    /// `true` for a player that is present.
    ///
    /// # Errors
    ///
    /// The model's.
    fn values(&self, coalitions: ArrayView2<'_, bool>) -> Result<Array2<f64>>;

    /// What one coalition costs, in rows the model predicts; for the result's account.
    fn cost(&self) -> usize {
        1
    }

    /// Draws one completion: where a value is a mean over completions of the coalition (such as
    /// background rows), the index of one of them, drawn with its weight in that mean.
    ///
    /// Games whose values are no such means keep the default: there is one completion, 0.
    fn draw_completion(&self, _rng: &mut Rng) -> usize {
        0
    }

    /// The values `(n_coalitions, n_outputs)` where coalition `k` is completed by
    /// `completions[k]` alone. In expectation over [`Game::draw_completion`] these are
    /// [`Game::values`]; they are the same thing for a game with one completion.
    ///
    /// # Errors
    ///
    /// The model's.
    fn complete(
        &self,
        coalitions: ArrayView2<'_, bool>,
        _completions: &[usize],
    ) -> Result<Array2<f64>> {
        self.values(coalitions)
    }

    /// What one completion costs, in rows the model predicts.
    fn completion_cost(&self) -> usize {
        1
    }
}

/// One row's prediction as a game: what the model says when it knows only a coalition's features.
///
/// ```text
/// v(S) = Σ_b w_b · f(x on S, z_b elsewhere) / Σ_b w_b
///
/// f    the model, all its outputs at once
/// x    the row
/// S    the features of the players present, and the features of no player
/// z_b  background row b, with weight w_b; one row for a baseline; for a conditional removal the
///      b-th row that is drawn given x on S, from a stream of the seed and S alone
/// ```
///
/// Where players overlap, a feature is present if any player that holds it is. A missing value
/// of the row that is present stays missing, and tells a conditional sampler nothing.
///
/// # Units
///
/// Those of the model's outputs.
///
/// # Cost
///
/// At most one predicted row per coalition and background row, or per draw (and one if all is
/// present).
/// A single completion of a conditional removal costs one predicted row and all of its draws. The
/// synthetic rows are made in blocks that a processor's cache holds, in one buffer, in which only
/// the columns that change from one coalition to the next are written; those that coalitions of
/// one call make alike are predicted once.
///
/// # Example
///
/// ```
/// use fi_core::{Function, Game, Players, PredictionGame, Removal};
/// use ndarray::{array, Axis, ArrayView2};
///
/// let product = Function::new(2, 1, |rows: ArrayView2<f64>| {
///     (&rows.column(0) * &rows.column(1)).insert_axis(Axis(1))
/// });
/// let players = Players::features(["a", "b"])?;
/// let background = Removal::marginal(array![[0.0, 1.0], [2.0, 3.0]])?;
/// let row = array![5.0, 7.0];
/// let game = PredictionGame::new(&product, &players, row.view(), &background)?;
/// let values = game.values(array![[false, false], [true, false], [true, true]].view())?;
/// // (0·1 + 2·3) / 2, then 5·(1 + 3) / 2, then 5·7.
/// assert_eq!(values, array![[3.0], [10.0], [35.0]]);
/// # Ok::<(), fi_core::Error>(())
/// ```
pub struct PredictionGame<'a> {
    model: &'a dyn Model,
    players: &'a Players,
    shown: Shown<'a>,
    row: Vec<f64>,
    rest: Rest<'a>,
}

impl<'a> PredictionGame<'a> {
    /// The game of `row`.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] unless model, players, row and removal have the same number of features;
    /// [`Error::NotFinite`] for an infinite value in the row (NaN means missing); what the
    /// constructors of [`Removal`] refuse.
    pub fn new(
        model: &'a dyn Model,
        players: &'a Players,
        row: ArrayView1<'_, f64>,
        removal: &'a Removal,
    ) -> Result<Self> {
        let n_features = model.n_features();
        removal.check()?;
        require_shape("the list of players' features", &[n_features], &[players.n_features()])?;
        require_shape("the row", &[n_features], row.shape())?;
        let what = match removal {
            Removal::Baseline(_) => "the baseline row",
            Removal::Marginal { .. } => "the background row",
            Removal::Conditional { .. } => "the sampler's row",
        };
        require_shape(what, &[n_features], &[removal.n_features()])?;
        if let Some(column) = row.iter().position(|value| value.is_infinite()) {
            let (what, value) = ("the row to explain".to_owned(), row[column]);
            let column = Some(column.to_string());
            return Err(Error::NotFinite { what, row: 0, column, value });
        }
        let shown = Shown::new(players);
        Ok(Self { model, players, shown, row: row.to_vec(), rest: removal.rest() })
    }

    /// Which features a coalition shows, as samplers are told.
    fn present(&self, coalition: ArrayView1<'_, bool>) -> Vec<bool> {
        let mut shown = vec![0; self.shown.n_words()];
        self.shown.by(coalition, &mut shown);
        (0..self.row.len()).map(|feature| shows(&shown, feature)).collect()
    }

    fn check(&self, coalitions: ArrayView2<'_, bool>) -> Result<()> {
        let expected = [coalitions.nrows(), self.players.len()];
        require_shape("the table of coalitions", &expected, coalitions.shape())
    }

    /// How many synthetic rows are predicted at once.
    fn block(&self) -> usize {
        rows_at_once(self.row.len())
    }
}

impl Game for PredictionGame<'_> {
    fn n_players(&self) -> usize {
        self.players.len()
    }

    fn n_outputs(&self) -> usize {
        self.model.n_outputs()
    }

    fn values(&self, coalitions: ArrayView2<'_, bool>) -> Result<Array2<f64>> {
        self.check(coalitions)?;
        match &self.rest {
            Rest::Background(background) => synthetic::values(self, background, coalitions),
            Rest::Drawn(drawn) => drawn.values(self, coalitions),
        }
    }

    fn cost(&self) -> usize {
        match &self.rest {
            Rest::Background(background) => background.rows.nrows(),
            Rest::Drawn(drawn) => drawn.n_samples,
        }
    }

    fn draw_completion(&self, rng: &mut Rng) -> usize {
        let cumulative = match &self.rest {
            Rest::Background(background) => &background.cumulative,
            Rest::Drawn(drawn) => return rng.below(drawn.n_samples),
        };
        let last = cumulative.len() - 1;
        let at = rng.uniform() * cumulative[last];
        cumulative.partition_point(|&sum| sum <= at).min(last)
    }

    fn complete(
        &self,
        coalitions: ArrayView2<'_, bool>,
        completions: &[usize],
    ) -> Result<Array2<f64>> {
        self.check(coalitions)?;
        require_shape("the list of completions", &[coalitions.nrows()], &[completions.len()])?;
        let n_rows = self.cost();
        if let Some(row) = completions.iter().find(|&&row| row >= n_rows) {
            let kind = match &self.rest {
                Rest::Background(_) => "background rows",
                Rest::Drawn(_) => "draws",
            };
            return Err(Error::Data(format!(
                "completion {row} does not exist, there are only {n_rows} {kind}"
            )));
        }
        let mut values = Array2::zeros((coalitions.nrows(), self.n_outputs()));
        let block_len = self.block().min(coalitions.nrows()).max(1);
        let mut block = Array2::zeros((block_len, self.row.len()));
        let mut shown = vec![0; self.shown.n_words()];
        for start in (0..coalitions.nrows()).step_by(block_len) {
            let end = (start + block_len).min(coalitions.nrows());
            for (k, mut row) in (start..end).zip(block.outer_iter_mut()) {
                let (coalition, completion) = (coalitions.row(k), completions[k]);
                match &self.rest {
                    Rest::Background(background) => {
                        self.shown.by(coalition, &mut shown);
                        row.assign(&background.rows.row(completion));
                        let own = self.row.iter().enumerate().filter(|(f, _)| shows(&shown, *f));
                        own.for_each(|(f, &value)| row[f] = value);
                    }
                    Rest::Drawn(drawn) => {
                        let present = self.present(coalition);
                        row.assign(&drawn.completion(&self.row, &present, completion)?);
                    }
                }
            }
            let predictions = predict_checked(self.model, block.slice(s![..end - start, ..]))?;
            values.slice_mut(s![start..end, ..]).assign(&predictions);
        }
        Ok(values)
    }
}

#[cfg(test)]
mod tests;
