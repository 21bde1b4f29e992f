//! What must hold, as checks for property tests.

use ndarray::{Array2, ArrayView1, ArrayView2, Axis};
use proptest::test_runner::TestCaseError;

use crate::error::{Error, Result, require};
use crate::game::Game;
use crate::model::{Model, Output};
use crate::run::{Run, on_threads};
use crate::shapley::Estimator;

type Check = std::result::Result<(), TestCaseError>;

#[expect(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
fn failed(error: Error) -> TestCaseError {
    TestCaseError::fail(error.to_string())
}

fn hold(holds: bool, text: impl FnOnce() -> String) -> Check {
    if holds { Ok(()) } else { Err(TestCaseError::fail(text())) }
}

/// Whether two numbers are equal, up to `tolerance` of the larger or of 1.
fn close(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance * a.abs().max(b.abs()).max(1.0)
}

/// The values sum to what all players are worth more than none: `Σᵢ φᵢ = v(all) − v(none)`.
///
/// # Errors
///
/// If they do not, up to `tolerance`; the estimator's.
pub fn efficiency(
    run: &Run<'_>,
    estimator: &dyn Estimator,
    game: &dyn Game,
    tolerance: f64,
) -> Check {
    let estimate = estimator.estimate(run, game).map_err(failed)?;
    let mut coalitions = Array2::from_elem((2, game.n_players()), false);
    coalitions.row_mut(1).fill(true);
    let worth = game.values(coalitions.view()).map_err(failed)?;
    for (output, values) in estimate.values.outer_iter().enumerate() {
        let (none, all, base) =
            (worth[[0, output]], worth[[1, output]], estimate.base_values[output]);
        let name = estimator.name();
        hold(close(base, none, tolerance), || {
            format!("{name} is based on {base}, no player is worth {none} (output {output})")
        })?;
        hold(close(values.sum(), all - none, tolerance), || {
            let (sum, worth) = (values.sum(), all - none);
            format!("{name} sums to {sum}, the players are worth {worth} (output {output})")
        })?;
    }
    Ok(())
}

/// A player that adds nothing to any coalition gets 0, up to an absolute `tolerance` (which may
/// be 0). That `player` is one is the caller's word: see
/// [`games_with_null_player`](super::games_with_null_player).
///
/// # Errors
///
/// If it does not; the estimator's.
pub fn null_player(
    run: &Run<'_>,
    estimator: &dyn Estimator,
    game: &dyn Game,
    player: usize,
    tolerance: f64,
) -> Check {
    let estimate = estimator.estimate(run, game).map_err(failed)?;
    for (output, values) in estimate.values.outer_iter().enumerate() {
        hold(values[player].abs() <= tolerance, || {
            let (name, value) = (estimator.name(), values[player]);
            format!("{name} gives the null player {player} {value} (output {output})")
        })?;
    }
    Ok(())
}

/// Two players that add the same to every coalition get the same. That they are alike is the
/// caller's word: see [`games_with_symmetric_players`](super::games_with_symmetric_players).
///
/// # Errors
///
/// If they do not, up to `tolerance`; the estimator's.
pub fn symmetry(
    run: &Run<'_>,
    estimator: &dyn Estimator,
    game: &dyn Game,
    players: (usize, usize),
    tolerance: f64,
) -> Check {
    let estimate = estimator.estimate(run, game).map_err(failed)?;
    for (output, values) in estimate.values.outer_iter().enumerate() {
        let (a, b) = (values[players.0], values[players.1]);
        hold(close(a, b, tolerance), || {
            let name = estimator.name();
            format!("{name} gives {a} and {b} to the like players {players:?} (output {output})")
        })?;
    }
    Ok(())
}

/// The values of `a · first + b · second` are the same sum of the two games' values, with the
/// same draws.
///
/// # Errors
///
/// If they are not, up to `tolerance`, or the games have different shapes; the estimator's.
pub fn linearity(
    run: &Run<'_>,
    estimator: &dyn Estimator,
    (a, first): (f64, &dyn Game),
    (b, second): (f64, &dyn Game),
    tolerance: f64,
) -> Check {
    let shape = |game: &dyn Game| (game.n_players(), game.n_outputs());
    hold(shape(first) == shape(second), || {
        let (first, second) = (shape(first), shape(second));
        format!("games of (players, outputs) {first:?} and {second:?} have no sum")
    })?;
    let values = |game: &dyn Game| estimator.estimate(run, game).map(|estimate| estimate.values);
    let expected = a * values(first).map_err(failed)? + b * values(second).map_err(failed)?;
    let sum = values(&Sum { a, first, b, second }).map_err(failed)?;
    for ((index, &sum), &expected) in sum.indexed_iter().zip(&expected) {
        hold(close(sum, expected, tolerance), || {
            let name = estimator.name();
            format!(
                "{name} gives the sum {sum} and the parts {expected} (output, player {index:?})"
            )
        })?;
    }
    Ok(())
}

struct Sum<'a> {
    a: f64,
    first: &'a dyn Game,
    b: f64,
    second: &'a dyn Game,
}

impl Game for Sum<'_> {
    fn n_players(&self) -> usize {
        self.first.n_players()
    }
    fn n_outputs(&self) -> usize {
        self.first.n_outputs()
    }
    fn values(&self, coalitions: ArrayView2<'_, bool>) -> Result<Array2<f64>> {
        Ok(self.a * self.first.values(coalitions)? + self.b * self.second.values(coalitions)?)
    }
}

/// `work` gives the same answer on 1, 2, 3 and 8 threads. For bits, let it return what compares
/// bits, such as `f64::to_bits` of every number.
///
/// # Errors
///
/// If it does not; its own.
///
/// # Example
///
/// ```
/// use fi_core::{Run, invariants::thread_count_invariance};
///
/// let draw = |run: &Run<'_>| run.map(10, |_, rng| Ok(rng.bits()));
/// thread_count_invariance(&Run::new(1), draw).unwrap();
/// ```
pub fn thread_count_invariance<T: PartialEq + Send>(
    run: &Run<'_>,
    work: impl Fn(&Run<'_>) -> Result<T> + Sync,
) -> Check {
    let on = |n_threads| match on_threads(n_threads, || work(run)) {
        Ok(answer) => answer.map_err(failed),
        Err(error) => Err(TestCaseError::fail(error.to_string())),
    };
    let one = on(1)?;
    for n_threads in [2, 3, 8] {
        let other = on(n_threads)?;
        hold(other == one, || format!("the answer on {n_threads} threads is not that on 1"))?;
    }
    Ok(())
}

/// Bringing the columns into another order brings the scores into that order, and changes
/// nothing else.
///
/// `scores` is given the model and its rows, and then a model that takes the columns in the new
/// order and those rows; new column `j` is old column `order[j]`.
///
/// # Errors
///
/// If a score changes by more than `tolerance`, or `order` is not an order of the columns; those
/// of `scores`.
pub fn column_permutation(
    scores: impl Fn(&dyn Model, ArrayView2<'_, f64>) -> Result<Vec<f64>>,
    model: &dyn Model,
    rows: ArrayView2<'_, f64>,
    order: &[usize],
    tolerance: f64,
) -> Check {
    let n_features = model.n_features();
    let mut sorted = order.to_vec();
    sorted.sort_unstable();
    let columns = sorted.iter().copied().eq(0..n_features);
    require(columns, "order", format!("{order:?}"), "an order of the model's columns")
        .map_err(failed)?;
    let before = scores(model, rows).map_err(failed)?;
    let permuted = rows.select(Axis(1), order);
    let after = scores(&Reordered { model, order }, permuted.view()).map_err(failed)?;
    let lengths = (before.len(), after.len());
    hold(lengths == (n_features, n_features), || {
        format!("{lengths:?} scores came for {n_features} columns")
    })?;
    for (new, &old) in order.iter().enumerate() {
        let (before, after) = (before[old], after[new]);
        hold(close(before, after, tolerance), || {
            format!("column {old} scores {before}, and {after} when it stands at {new}")
        })?;
    }
    Ok(())
}

struct Reordered<'a> {
    model: &'a dyn Model,
    order: &'a [usize],
}

impl Model for Reordered<'_> {
    fn n_features(&self) -> usize {
        self.model.n_features()
    }
    fn n_outputs(&self) -> usize {
        self.model.n_outputs()
    }
    fn output(&self) -> Output {
        self.model.output()
    }
    fn predict(&self, rows: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        crate::model::check_columns(self.n_features(), rows)?;
        let mut original = Array2::zeros(rows.dim());
        for (column, &old) in rows.columns().into_iter().zip(self.order) {
            let column: ArrayView1<'_, f64> = column;
            original.column_mut(old).assign(&column);
        }
        self.model.predict(original.view())
    }
}
