//! Conditional permutation importance: how much worse does the model score when a feature's
//! values are exchanged only where the other features agree?
//!
//! In the recipe *removal × behaviour × summary* it is conditional removal, the mean loss of
//! completions, and leave-one-out. What a feature shares with the others stays in place, so that
//! only what it says beyond them is lost. The statistics are those of
//! [`Permutation`](crate::Permutation), which does the work.

use ndarray::{ArrayView1, ArrayView2, ArrayViewMut1, ArrayViewMut2, s};

use crate::conditional::Conditional;
use crate::dataset::Dataset;
use crate::donor::Cells;
use crate::error::{Error, Result, require_shape};
use crate::importance::Importance;
use crate::metric::Metric;
use crate::model::Model;
use crate::permutation::{Exchange, Permutation, PredictAgain, Replace, Shuffle};
use crate::players::Players;
use crate::run::Run;

/// The streams of the subgroups, beside those of the repeats.
const SUBGROUPS: u64 = u64::MAX - 2;

/// Divides rows into cells within which a player hardly depends on the other features.
pub trait Subgroups: Sync {
    /// The cell of each row of `data`, by any numbers, for the player with these columns; found
    /// from the other columns.
    ///
    /// # Errors
    ///
    /// Whatever makes these data unfit for it.
    fn cells(&self, run: &Run<'_>, data: &Dataset, members: &[usize]) -> Result<Vec<usize>>;
}

/// How a player's values are replaced given the other features.
#[derive(Clone, Copy)]
pub enum Conditioning<'a> {
    /// By those of another row of the same cell; `fi_models::tree::TreeSubgroups` grows a tree.
    Subgroups(&'a dyn Subgroups),
    /// By values drawn for each row given its other features.
    Sampler(&'a dyn Conditional),
}

/// Scores players by the loss that replacing their values causes, given all other features.
///
/// The question is: *what does this model lose beyond what the other features say as well?*
///
/// ```text
/// I(S) = mean over r of  worse( score(f(X), y),  score(f(X with X[i, S] ← x̃ᵣ(i)), y) )
///
/// subgroups   x̃ᵣ(i) = X[σᵣ(i), S],  σᵣ a permutation within the cells of the rows
/// sampler     x̃ᵣ(i) drawn from  P(X_S | the other columns of row i)
/// ```
///
/// where `S` is a player's set of columns, replaced jointly, and `worse` the difference of scores
/// in the metric's bad direction. For a linear model with jointly normal features and squared
/// error it is `2 β² Var(x | the others)`, where [`Permutation`] has `2 β² Var(x)`. A player that
/// holds every feature is replaced unconditionally.
///
/// **Interval** ([`Estimand::ModelOnPopulation`](crate::Estimand::ModelOnPopulation)): as for
/// [`Permutation`], for these cells or this sampler as they are. Within cells row `i` matters as a
/// target among all rows and as a donor in its cell,
///
/// ```text
/// cᵣ(i) = dᵣ(i) − Iᵣ  +  dᵣ(σᵣ⁻¹(i)) − Iᵣ of its cell
/// ```
///
/// and with a sampler rows are targets only: `cᵣ(i) = dᵣ(i) − Iᵣ`. That cells or sampler were
/// themselves found from data is not counted.
///
/// **p-value**: `(1 + #{r: the score is at least as good}) / (R + 1)`, the conditional
/// randomisation test of the null hypothesis that the player tells nothing about the target beyond
/// the other features. It is exact, whatever the model, if the sampler knows the conditional
/// distribution, or if the player does not depend on the others within the cells and these were
/// not found from its own values in these rows; otherwise as good as that holds.
///
/// # Units
///
/// Those of the metric; positive if the player helps.
///
/// # Cost
///
/// `n_rows × (1 + n_players × n_repeats)` predicted rows, and a division into cells for each
/// player, or as many draws.
///
/// # When it misleads
///
/// - It scores a used feature near 0 if the others say the same, however much the model relies on
///   it; and a feature that the model does not use scores 0.
/// - Wide cells, or a sampler that misses a part of the dependence, leave a part of what is shared
///   to be exchanged too: scores then lie between the conditional and the marginal ones.
/// - Cells of `m` rows give a row its own values in one of `m` exchanges: values are `(m − 1) / m`
///   of those with another donor each time. Rows alone in their cell cannot be exchanged at all.
/// - Cells that were grown on the rows that are scored fit their noise a little. Grow them on
///   others where p-values decide.
/// - A sampler of the wrong distribution asks about rows that do not occur, as shuffling does.
///
/// # Example
///
/// ```
/// use fi_core::conditional::Gaussian;
/// use fi_core::{
///     ConditionalPermutation, Conditioning, Dataset, Function, Metric, Permutation, Players, Rng,
///     Run, Target,
/// };
/// use ndarray::{Array2, ArrayView2, Axis, s};
///
/// // The second feature is the first with a little noise: variance 0.1 given the first.
/// let mut rng = Rng::new(0, 0);
/// let mut rows = Array2::from_shape_simple_fn((2_000, 2), || rng.normal());
/// rows.outer_iter_mut().for_each(|mut row| row[1] = row[0] + 0.1_f64.sqrt() * row[1]);
/// let model = Function::new(2, 1, |rows: ArrayView2<f64>| rows.slice(s![.., 1..]).to_owned());
/// let target = Target::Values(rows.column(1).to_vec());
/// let data = Dataset::new(rows, target)?;
/// let players = Players::features(["a", "b"])?;
/// let (run, metrics) = (Run::new(1), [Metric::Mse]);
///
/// let marginal = Permutation::default().importance(&run, &model, &data, &players, &metrics)?;
/// let gaussian = Gaussian::fit(&data)?;
/// let given = Conditioning::Sampler(&gaussian);
/// let conditional = ConditionalPermutation::default();
/// let conditional = conditional.importance(&run, &model, &data, &players, &metrics, given)?;
/// assert!((marginal[0].values[1] - 2.0 * 1.1).abs() < 0.2);
/// assert!((conditional[0].values[1] - 2.0 * 0.1).abs() < 0.02);
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Strobl, Boulesteix, Kneib, Augustin, Zeileis (2008). *Conditional variable importance for
///   random forests.* BMC Bioinformatics 9. <https://doi.org/10.1186/1471-2105-9-307>
/// - Molnar, König, Bischl, Casalicchio (2024). *Model-agnostic feature importance and effects with
///   dependent features: a conditional subgroup approach.* Data Mining and Knowledge Discovery
///   38(5). <https://doi.org/10.1007/s10618-022-00901-9>
/// - Candès, Fan, Janson, Lv (2018). *Panning for gold: 'model-X' knockoffs for high dimensional
///   controlled variable selection.* JRSS B 80(3), §5. <https://doi.org/10.1111/rssb.12265>
/// - Phipson, Smyth (2010). *Permutation P-values should never be zero.*
///   <https://doi.org/10.2202/1544-6115.1585>
///
/// # See also
///
/// [`Permutation`], what this model makes of a feature; [`Lofo`](crate::Lofo) and
/// [`Loco`](crate::Loco), what the learner could not replace; [`LeaveOneIn`](crate::LeaveOneIn),
/// what a feature is worth on its own.
#[derive(Debug, Clone, PartialEq)]
pub struct ConditionalPermutation {
    /// How often each player is replaced, at least 1; default 30.
    pub n_repeats: usize,
    /// The intervals' coverage, inside (0, 1); default 0.95.
    pub confidence: f64,
    /// At most this many rows are used, at least 2, drawn by the seed. Default `None`: all.
    pub max_rows: Option<usize>,
    /// How many rows the model predicts at once, at least 1; default 16 384. The answer does not
    /// depend on it.
    pub batch_rows: usize,
}

impl Default for ConditionalPermutation {
    fn default() -> Self {
        let Permutation { n_repeats, confidence, max_rows, batch_rows, .. } =
            Permutation::default();
        Self { n_repeats, confidence, max_rows, batch_rows }
    }
}

impl ConditionalPermutation {
    /// Scores the players in each metric, in one pass over the predictions.
    ///
    /// # Errors
    ///
    /// As for [`Permutation::importance`]; [`Error::Shape`] if there is not one cell per row or
    /// the sampler has other features than the data; [`Error::Task`] that names the player whose
    /// cells could not be found, or also the repeat in which nothing could be drawn.
    pub fn importance(
        &self,
        run: &Run<'_>,
        model: &dyn Model,
        data: &Dataset,
        players: &Players,
        metrics: &[Metric],
        given: Conditioning<'_>,
    ) -> Result<Vec<Importance>> {
        let Self { n_repeats, confidence, max_rows, batch_rows } = *self;
        let permutation =
            Permutation { n_repeats, confidence, max_rows, batch_rows, tolerance: None };
        match given {
            Conditioning::Subgroups(subgroups) => {
                let exchange =
                    |data: &Dataset| divide(run, data, players, subgroups).map(Exchange::Within);
                let predict = PredictAgain { model, batch_rows, replace: Replace::FromDonor };
                let how = ("conditional permutation (subgroups)", &exchange as _);
                permutation.importance_in(run, model, data, players, metrics, &predict, how)
            }
            Conditioning::Sampler(sampler) => {
                let features = [data.n_features()];
                require_shape("the sampler's row", &features, &[sampler.n_features()])?;
                let replace = |shuffle: &Shuffle<'_>,
                               rows: ArrayView2<'_, f64>,
                               first: usize,
                               mut into: ArrayViewMut2<'_, f64>| {
                    let run = run.split(shuffle.repeat as u64);
                    let mut present = vec![true; rows.ncols()];
                    shuffle.members.iter().for_each(|&column| present[column] = false);
                    let part = rows.slice(s![first..first + into.nrows(), ..]);
                    let rng = |k: usize| run.rng((first + k) as u64);
                    let drawn = sampler.sample_each(part, &present, &rng)?;
                    require_shape("the table of drawn rows", part.shape(), drawn.shape())?;
                    shuffle.members.iter().try_for_each(|&column| {
                        give(column, drawn.column(column), into.column_mut(column))
                    })
                };
                let predict = PredictAgain { model, batch_rows, replace: Replace::By(&replace) };
                let exchange = |_: &Dataset| Ok(Exchange::Drawn(format!("{sampler:?}")));
                let how = ("conditional permutation (sampler)", &exchange as _);
                permutation.importance_in(run, model, data, players, metrics, &predict, how)
            }
        }
    }
}

/// The cells of each player.
fn divide(
    run: &Run<'_>,
    data: &Dataset,
    players: &Players,
    subgroups: &dyn Subgroups,
) -> Result<Vec<Cells>> {
    let run = run.split(SUBGROUPS);
    run.map(players.len(), |player, _| {
        let cells = subgroups.cells(&run, data, players.members(player)).and_then(|cells| {
            require_shape("the list of cells", &[data.n_rows()], &[cells.len()])?;
            Ok(Cells::new(&cells))
        });
        cells.map_err(|error| error.in_task(format!("subgroups of `{}`", players.names()[player])))
    })
}

/// Writes the values that were drawn for a column.
fn give(column: usize, drawn: ArrayView1<'_, f64>, mut into: ArrayViewMut1<'_, f64>) -> Result<()> {
    if let Some(value) = drawn.iter().find(|value| value.is_infinite()) {
        return Err(Error::Data(format!(
            "the sampler drew `{value}` for feature {column}, it must draw finite numbers"
        )));
    }
    into.assign(&drawn);
    Ok(())
}
