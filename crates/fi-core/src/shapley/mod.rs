//! Shapley values of a game: what each player adds, averaged over all orders of joining.
//!
//! ```text
//!               |S|! (n − |S| − 1)!
//! φᵢ = Σ_{S ∌ i} ――――――――――――――――――― [v(S ∪ {i}) − v(S)]
//!                       n!
//!
//! n  the number of players        v(S)  the worth of coalition S, a [`Game`]
//! ```
//!
//! It is the only value that is *efficient* (`Σᵢ φᵢ = v(all) − v(none)`), *symmetric* (players
//! that add the same get the same), gives a player that adds nothing 0 (*null player*) and is
//! *linear* in the game. The sum has `2ⁿ` terms, hence the estimators:
//!
//! | estimator | draws | efficient | symmetric | null player is 0 | linear |
//! |---|---|---|---|---|---|
//! | [`Exact`] | nothing, `2ⁿ` coalitions | to rounding | to rounding | to the bit | to rounding |
//! | [`Permutation`] | orders of joining | to rounding | in expectation | to the bit | to rounding |
//! | [`Kernel`] | coalitions | to rounding | in the limit¹ | in the limit¹ | in the limit¹ ² |
//! | [`Sampling`] | orders and completions | in expectation | in expectation | to the bit | to rounding |
//!
//! ¹ To rounding when the budget covers all coalitions, and for games without interactions of
//! three or more players. ² With [`Rates::Equal`] to rounding.
//!
//! [`Owen`] values are for players in unions, which join one after the other and not mixed;
//! [`interactions`] are for pairs.
//!
//! [`explain`] applies an estimator to many rows of a model's inputs.

mod exact;
mod interactions;
mod kernel;
mod owen;
mod permutation;
mod sampling;
mod structure;

pub use exact::Exact;
pub use interactions::{
    ExactInteractions, Index, InteractionEstimate, InteractionEstimator, KernelInteractions,
    PreparedInteractions, interactions,
};
pub use kernel::{Kernel, Rates};
pub use owen::Owen;
pub use permutation::Permutation;
pub use sampling::Sampling;
pub use structure::Structure;

use ndarray::{Array1, Array2, Array3, ArrayView1, ArrayView2, ArrayViewMut1, Axis};

use crate::attribution::Attribution;
use crate::checkpoint::{Fingerprint, Work};
use crate::cost::{Cost, bytes};
use crate::error::{Error, Result, require, require_shape};
use crate::game::{Game, PredictionGame, Removal};
use crate::model::{Model, predict_checked};
use crate::players::Players;
use crate::run::Run;

/// Shapley values of one game, and how sure they are.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// `(n_outputs, n_players)`, in the unit of the game.
    pub values: Array2<f64>,
    /// The worth of no player at all, per output.
    pub base_values: Vec<f64>,
    /// Standard errors of `values`: zeros where the values are exact, `None` where they are
    /// not known.
    pub std_error: Option<Array2<f64>>,
    /// How many coalitions were evaluated.
    pub n_coalitions: usize,
    /// How many rows the model predicted for them.
    pub n_evaluations: usize,
    /// Whether the tolerance was reached; `None` for an estimator without one.
    pub converged: Option<bool>,
}

/// An estimator that knows the number of players and has done what does not depend on the game.
pub type Prepared<'a> = Box<dyn Fn(&Run<'_>, &dyn Game) -> Result<Estimate> + Sync + 'a>;

/// Turns a game into Shapley values. How it prints (`Debug`) must say all of its settings: a
/// checkpoint tells estimators apart by it.
pub trait Estimator: Sync + std::fmt::Debug {
    /// Its name in the field.
    fn name(&self) -> &str;

    /// The Shapley values of `game`.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] for settings outside their domain; whatever the game returns.
    fn estimate(&self, run: &Run<'_>, game: &dyn Game) -> Result<Estimate>;

    /// How many rows the model predicts for this game, at most, without asking it; `None` for an
    /// estimator that does not know.
    fn n_evaluations(&self, _game: &dyn Game) -> Option<u64> {
        None
    }

    /// Does the work that many games of `n_players` players share. Calling what comes back with
    /// the same `run` gives the bits of [`Estimator::estimate`].
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] for settings outside their domain.
    fn prepare(&self, _run: &Run<'_>, _n_players: usize) -> Result<Prepared<'_>> {
        Ok(Box::new(|run, game| self.estimate(run, game)))
    }
}

/// Explains the model's prediction for every row.
///
/// Rows are explained in parallel. All rows share the estimator's random draws: a row's values
/// do not depend on where it stands or on the other rows, and equal rows get equal values. Errors
/// of different rows are therefore correlated: averaging over rows does not average them away as
/// independent draws would.
///
/// **Stopping** answers with the rows that are finished and says which they are
/// ([`Attribution::finished_rows`]).
///
/// # Shapes
///
/// `rows` is `(n_rows, n_features)`; the values are `(n_rows, n_outputs, n_players)`.
///
/// # Errors
///
/// [`Error::TooFewRows`] without rows; what [`PredictionGame::new`] refuses; the estimator's
/// and the model's, with the row; [`Error::Data`] for a checkpoint of another call;
/// [`Error::Cancelled`] if the call was stopped without one finished row.
///
/// # Example
///
/// ```
/// use fi_core::{Function, Players, Removal, Run, shapley};
/// use ndarray::{array, ArrayView2};
///
/// let model = Function::new(2, 1, |rows: ArrayView2<f64>| rows.dot(&array![[3.0], [-1.0]]));
/// let players = Players::features(["a", "b"])?;
/// let background = Removal::marginal(array![[0.0, 0.0], [2.0, 4.0]])?;
/// let rows = array![[5.0, 2.0], [1.0, 1.0]];
///
/// let shap =
///     shapley::explain(&Run::new(0), &shapley::Exact, &model, rows.view(), &players, &background)?;
/// // β (x − mean of the background).
/// assert_eq!(shap.values, array![[[12.0, 0.0]], [[0.0, 1.0]]]);
/// assert_eq!(shap.base_values, array![[1.0], [1.0]]);
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Lundberg, Lee (2017). *A unified approach to interpreting model predictions.* NeurIPS 30.
///   <https://arxiv.org/abs/1705.07874>
pub fn explain(
    run: &Run<'_>,
    estimator: &dyn Estimator,
    model: &dyn Model,
    rows: ArrayView2<'_, f64>,
    players: &Players,
    removal: &Removal,
) -> Result<Attribution> {
    require_shape("the table", &[rows.nrows(), model.n_features()], rows.shape())?;
    // A mistake in the settings is not the fault of row 0.
    let missing = Array1::from_elem(model.n_features(), f64::NAN);
    PredictionGame::new(model, players, missing.view(), removal)?;
    let game = |i: usize| PredictionGame::new(model, players, rows.row(i), removal);
    explain_in(run, estimator, players, rows.nrows(), game, |print| {
        Ok(print
            .with_table("rows", rows)
            .with_removal(removal)
            .with_table("model", predict_checked(model, rows)?.view()))
    })
}

/// What [`explain`] of so many rows will cost; `None` for an estimator that does not know.
///
/// # Errors
///
/// What [`PredictionGame::new`] refuses.
pub fn cost(
    estimator: &dyn Estimator,
    model: &dyn Model,
    n_rows: usize,
    players: &Players,
    removal: &Removal,
) -> Result<Option<Cost>> {
    let missing = Array1::from_elem(model.n_features(), f64::NAN);
    let game = PredictionGame::new(model, players, missing.view(), removal)?;
    let n_outputs = model.n_outputs();
    let at_once = TASK_ROWS.max(game.cost());
    Ok(estimator.n_evaluations(&game).map(|of_row| Cost {
        n_evaluations: of_row.saturating_mul(n_rows as u64),
        n_trainings: 0,
        // Values and standard errors, as answers and as arrays.
        n_bytes: bytes(&[n_rows, n_outputs, players.len(), 4]),
        n_bytes_per_thread: bytes(&[at_once, model.n_features() + n_outputs]),
    }))
}

/// Explains rows whose games come from a way of the caller's: as [`explain`] does, where it is
/// faster to ask the model's inside than to predict.
///
/// # Errors
///
/// [`Error::TooFewRows`] without rows; the estimator's and those of a game, with its row;
/// [`Error::Cancelled`].
pub fn explain_games<G: Game>(
    run: &Run<'_>,
    estimator: &dyn Estimator,
    players: &Players,
    n_rows: usize,
    game: impl Fn(usize) -> Result<G> + Sync,
) -> Result<Attribution> {
    explain_in(run, estimator, players, n_rows, &game, |print| {
        (0..n_rows).try_fold(print, |print, row| {
            let (none, all) = ends(&game(row)?)?;
            let values: Vec<f64> = none.iter().chain(&all).copied().collect();
            Ok(print.with_hash("games", values.into_iter().map(f64::to_bits)))
        })
    })
}

/// Explains rows by their games; `print` adds what tells these games from others.
fn explain_in<G: Game>(
    run: &Run<'_>,
    estimator: &dyn Estimator,
    players: &Players,
    n_rows: usize,
    game: impl Fn(usize) -> Result<G> + Sync,
    print: impl FnOnce(Fingerprint) -> Result<Fingerprint>,
) -> Result<Attribution> {
    if n_rows == 0 {
        return Err(Error::TooFewRows { what: "an explanation".to_owned(), needed: 1, got: 0 });
    }
    let shared = run.split(0);
    let prepared = estimator.prepare(&shared, players.len())?;
    let of_row = |i: usize| move |error: Error| error.in_task(format!("row {i}"));
    let n_outputs = game(0).map_err(of_row(0))?.n_outputs();
    let n_players = players.len();
    let n_values = n_outputs * n_players;
    // Values, base values, standard errors (NaN: not known) and the number of predicted rows.
    let answer_len = 2 * n_values + n_outputs + 1;
    let work = Work::open(run, n_rows, answer_len, &[], || {
        let method = Fingerprint::new(format_args!("{} of rows", estimator.name()), run);
        print(method.with("estimator", format_args!("{estimator:?}")).with_players(players))
    })?;
    let outcome = work.map(|i, _| {
        let estimate = game(i).and_then(|game| prepared(&shared, &game)).map_err(of_row(i))?;
        let mut answer = Vec::with_capacity(answer_len);
        answer.extend(&estimate.values);
        answer.extend(&estimate.base_values);
        match &estimate.std_error {
            Some(errors) => answer.extend(errors),
            None => answer.resize(answer.len() + n_values, f64::NAN),
        }
        answer.push(estimate.n_evaluations as f64);
        require_shape("an estimate", &[answer_len], &[answer.len()])?;
        Ok(answer)
    });
    let answers = work.close(outcome)?.answers;
    if answers.is_empty() {
        return Err(Error::Cancelled { done: 0, total: n_rows });
    }
    let mut values = Array3::zeros((answers.len(), n_outputs, n_players));
    let mut base_values = Array2::zeros((answers.len(), n_outputs));
    let mut std_error = Array3::zeros(values.dim());
    for (i, answer) in answers.values().enumerate() {
        let (of_values, rest) = answer.split_at(n_values);
        let (of_base, rest) = rest.split_at(n_outputs);
        values.index_axis_mut(Axis(0), i).iter_mut().zip(of_values).for_each(|(to, x)| *to = *x);
        base_values.row_mut(i).assign(&ArrayView1::from(of_base));
        std_error.index_axis_mut(Axis(0), i).iter_mut().zip(rest).for_each(|(to, x)| *to = *x);
    }
    let known = !std_error.iter().any(|error| error.is_nan());
    let mut attribution = Attribution::new(estimator.name(), players.names(), values, base_values)?;
    attribution.std_error = known.then_some(std_error);
    attribution.n_evaluations =
        answers.values().map(|answer| answer[answer_len - 1] as usize).sum();
    attribution.finished_rows =
        (answers.len() < n_rows).then(|| answers.keys().map(|&row| row as usize).collect());
    Ok(attribution)
}

/// How many rows the model predicts in one task.
const TASK_ROWS: usize = 1 << 14;

/// The values `(n_coalitions, n_outputs)` of the coalitions that `fill` writes into rows of
/// `false`, block by block and in parallel.
fn evaluate(
    run: &Run<'_>,
    game: &dyn Game,
    n_coalitions: usize,
    fill: impl Fn(usize, ArrayViewMut1<'_, bool>) + Sync,
) -> Result<Array2<f64>> {
    let block = (TASK_ROWS / game.cost().max(1)).max(1);
    let blocks = run.map(n_coalitions.div_ceil(block), |task, _| {
        let first = task * block;
        let len = block.min(n_coalitions - first);
        let mut coalitions = Array2::from_elem((len, game.n_players()), false);
        for (k, coalition) in coalitions.outer_iter_mut().enumerate() {
            fill(first + k, coalition);
        }
        checked(game, game.values(coalitions.view())?, len)
    })?;
    let mut values = Array2::zeros((n_coalitions, game.n_outputs()));
    for (mut target, block) in values.axis_chunks_iter_mut(Axis(0), block).zip(&blocks) {
        target.assign(block);
    }
    Ok(values)
}

/// The worth of no player and of all players.
fn ends(game: &dyn Game) -> Result<(Array1<f64>, Array1<f64>)> {
    let mut coalitions = Array2::from_elem((2, game.n_players()), false);
    coalitions.row_mut(1).fill(true);
    let values = checked(game, game.values(coalitions.view())?, 2)?;
    Ok((values.row(0).to_owned(), values.row(1).to_owned()))
}

/// What a foreign game returned, if it has the right shape and is finite.
fn checked(game: &dyn Game, values: Array2<f64>, n_coalitions: usize) -> Result<Array2<f64>> {
    require_shape("the coalitions' values", &[n_coalitions, game.n_outputs()], values.shape())?;
    match values.indexed_iter().find(|(_, value)| !value.is_finite()) {
        None => Ok(values),
        Some(((row, _), &value)) => {
            let what = "a coalition's value".to_owned();
            Err(Error::NotFinite { what, row, column: None, value })
        }
    }
}

fn require_players(n_players: usize) -> Result<()> {
    require(n_players > 0, "n_players", n_players, "at least 1")
}
