//! Interactions of pairs of players in a game: what two add together beyond what each adds.
//!
//! ```text
//! Δ_ab v(T) = v(T ∪ {a, b}) − v(T ∪ {a}) − v(T ∪ {b}) + v(T)
//! I(a, b)   = Σ_{T ∌ a, b} w(|T|) Δ_ab v(T)
//! ```
//!
//! [`Index`] says how the discrete derivatives are weighted, and [`interactions`] applies an
//! estimator to many rows of a model's inputs:
//!
//! | estimator | draws | exact |
//! |---|---|---|
//! | [`ExactInteractions`] | nothing, `2ⁿ` coalitions | always |
//! | [`KernelInteractions`] | coalitions | when no three players interact, or for all coalitions |

mod exact;
mod kernel;

pub use exact::ExactInteractions;
pub use kernel::KernelInteractions;

use ndarray::{Array1, Array2, Array3, ArrayView1, ArrayView2, Axis};

use crate::error::{Error, Result, require_shape};
use crate::game::{Game, PredictionGame, Removal};
use crate::interaction::Interactions;
use crate::model::Model;
use crate::players::Players;
use crate::run::Run;

/// How the joint effects of two players in all coalitions become one number, and what is left as
/// each player's own effect. All three of order 2 add up to `v(all) − v(none)`, and agree where no
/// three players interact.
///
/// # References
///
/// - Grabisch, Roubens (1999). *An axiomatic approach to the concept of interaction among players
///   in cooperative games.* International Journal of Game Theory 28.
///   <https://doi.org/10.1007/s001820050125>
/// - Bordt, von Luxburg (2023). *From Shapley values to generalized additive models and back.*
///   AISTATS. <https://arxiv.org/abs/2209.04012>
/// - Sundararajan, Dhamdhere, Agarwal (2020). *The Shapley Taylor interaction index.* ICML.
///   <https://arxiv.org/abs/1902.05622>
/// - Tsai, Yeh, Ravikumar (2023). *Faith-Shap: the faithful Shapley interaction index.* JMLR
///   24(94). <https://arxiv.org/abs/2203.00870>
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Index {
    /// The Shapley interaction index (SII) of pairs, all sizes of coalitions alike; a player's own
    /// effect is its Shapley value less half of its pairs (*k-SII*, *n-Shapley values*, order 2).
    /// What [`Interactions`] of trees hold.
    #[default]
    Shapley,
    /// Shapley–Taylor (STII): a player's own effect is what it is worth alone, `v({a}) − v(none)`,
    /// and everything else is the pairs'.
    Taylor,
    /// Faith-Shap (FSII): the effects of players and pairs that fit the game best, by the weights
    /// of KernelSHAP.
    Faithful,
}

impl Index {
    fn name(self) -> &'static str {
        match self {
            Self::Shapley => "Shapley interactions",
            Self::Taylor => "Shapley-Taylor interactions",
            Self::Faithful => "Faith-Shap interactions",
        }
    }

    /// The weights of what one player adds to the others' coalitions of each size, and of what two
    /// do, in a game of `n` players.
    fn weights(self, n: usize) -> Weights {
        let each = |n_sizes: usize, of: &dyn Fn(usize) -> f64| (0..n_sizes).map(of).collect();
        let all = n as f64;
        let (single, pair): (Vec<f64>, Vec<f64>) = match self {
            Self::Shapley => (
                each(n, &|t| 1.0 / (all * binomial(n - 1, t))),
                each(n - 1, &|t| 1.0 / ((all - 1.0) * binomial(n - 2, t))),
            ),
            Self::Taylor => (
                each(n, &|t| if t == 0 { 1.0 } else { 0.0 }),
                each(n - 1, &|t| 2.0 / (all * binomial(n - 1, t))),
            ),
            // From their Möbius form with Σⱼ (−1)ʲ C(N, j) / (u + j) = (u − 1)! N! / (u + N)!.
            Self::Faithful => (
                each(n, &|t| {
                    let u = t + 1;
                    (4.0 / u as f64 - 6.0 / (all + 1.0)) / binomial(n, u)
                }),
                each(n - 1, &|t| {
                    let u = t + 2;
                    6.0 * (all + 1.0 - u as f64) / (u as f64 * (all + 1.0) * binomial(n, u))
                }),
            ),
        };
        Weights { single, pair, own_is_the_rest: self == Self::Shapley }
    }
}

struct Weights {
    single: Vec<f64>,
    pair: Vec<f64>,
    /// Whether half of a player's pairs is taken from its single effect.
    own_is_the_rest: bool,
}

impl Weights {
    /// Turns single and pair effects into own effects and halves of the pairs', column by column
    /// of `(n_pairs, any)` in the order of [`Interactions::pair`].
    fn arrange(&self, n: usize, effects: &mut Array2<f64>) {
        self.leave_own(n, effects);
        halve_pairs(n, effects);
    }

    /// Takes half of a player's pairs off its single effect, where the index says so.
    fn leave_own(&self, n: usize, effects: &mut Array2<f64>) {
        for (a, b) in different(n).filter(|_| self.own_is_the_rest) {
            let pair = effects.row(Interactions::pair(n, a, b)).to_owned();
            effects.row_mut(Interactions::pair(n, a, a)).scaled_add(-0.5, &pair);
            effects.row_mut(Interactions::pair(n, b, b)).scaled_add(-0.5, &pair);
        }
    }
}

fn halve_pairs(n: usize, effects: &mut Array2<f64>) {
    for (a, b) in different(n) {
        effects.row_mut(Interactions::pair(n, a, b)).mapv_inplace(|pair| 0.5 * pair);
    }
}

/// All pairs of different players.
fn different(n: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..n).flat_map(move |a| (a + 1..n).map(move |b| (a, b)))
}

fn binomial(n: usize, k: usize) -> f64 {
    (0..k).fold(1.0, |c, i| c * (n - i) as f64 / (i + 1) as f64)
}

/// Interactions of one game, and how sure they are.
#[derive(Debug, Clone, PartialEq)]
pub struct InteractionEstimate {
    /// `(n_outputs, n_pairs)`, laid out as [`Interactions`]: half of each pair's index, and each
    /// player's own effect.
    pub values: Array2<f64>,
    /// The worth of no player at all, per output.
    pub base_values: Vec<f64>,
    /// Standard errors of `values`: zeros where the values are exact, `None` where they are not
    /// known.
    pub std_error: Option<Array2<f64>>,
    /// How many coalitions were evaluated.
    pub n_coalitions: usize,
    /// How many rows the model predicted for them.
    pub n_evaluations: usize,
}

/// An estimator that knows the number of players and has done what does not depend on the game.
pub type PreparedInteractions<'a> =
    Box<dyn Fn(&Run<'_>, &dyn Game) -> Result<InteractionEstimate> + Sync + 'a>;

/// Turns a game into interactions of its players.
pub trait InteractionEstimator: Sync {
    /// The index and the way it is computed.
    fn name(&self) -> String;

    /// The interactions of `game`.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] for settings outside their domain; whatever the game returns.
    fn estimate(&self, run: &Run<'_>, game: &dyn Game) -> Result<InteractionEstimate> {
        self.prepare(run, game.n_players())?(run, game)
    }

    /// Does the work that many games of `n_players` players share.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] for settings outside their domain.
    fn prepare(&self, run: &Run<'_>, n_players: usize) -> Result<PreparedInteractions<'_>>;
}

/// Divides the model's prediction for every row into effects of players and of pairs.
///
/// As [`explain`](super::explain) is for players: rows in parallel, all with the estimator's same
/// random draws. Of single features, with [`Index::Shapley`] and a background, the result is that
/// of `TreeExplainer::interactions` with the same background, for any model. (Of groups trees give
/// the sums of the features' interactions; here a group is one player.)
///
/// # Shapes
///
/// `rows` is `(n_rows, n_features)`; the values are `(n_rows, n_outputs, n_pairs)`.
///
/// # Errors
///
/// [`Error::TooFewRows`] without rows; [`Error::Data`] for more pairs than can be counted; what
/// [`PredictionGame::new`] refuses; the estimator's and the model's, with the row;
/// [`Error::Cancelled`].
///
/// # Example
///
/// ```
/// use fi_core::{Function, Players, Removal, Run, shapley};
/// use ndarray::{array, Axis, ArrayView2};
///
/// let model = Function::new(3, 1, |rows: ArrayView2<f64>| {
///     rows.map_axis(Axis(1), |x| x[0] * x[1] + x[2]).insert_axis(Axis(1))
/// });
/// let players = Players::features(["a", "b", "c"])?;
/// let nothing = Removal::baseline(vec![0.0; 3])?;
/// let (run, row) = (Run::new(0), array![[2.0, 3.0, 5.0]]);
///
/// let exact = shapley::ExactInteractions::default();
/// let found =
///     shapley::interactions(&run, &exact, &model, row.view(), &players, &nothing)?;
/// // All of a and b is in their product, of which a half stands on each side of the diagonal.
/// assert_eq!(found.value(0, 0, 0, 1), 3.0);
/// assert_eq!(found.value(0, 0, 0, 0), 0.0);
/// assert_eq!(found.value(0, 0, 2, 2), 5.0);
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// As for [`Index`].
pub fn interactions(
    run: &Run<'_>,
    estimator: &dyn InteractionEstimator,
    model: &dyn Model,
    rows: ArrayView2<'_, f64>,
    players: &Players,
    removal: &Removal,
) -> Result<Interactions> {
    require_shape("the table", &[rows.nrows(), model.n_features()], rows.shape())?;
    if rows.nrows() == 0 {
        return Err(Error::TooFewRows { what: "an explanation".to_owned(), needed: 1, got: 0 });
    }
    // A mistake in the settings is not the fault of row 0.
    let missing = Array1::from_elem(model.n_features(), f64::NAN);
    PredictionGame::new(model, players, missing.view(), removal)?;
    let n_pairs = Interactions::n_pairs(players.len())?;
    let shared = run.split(0);
    let prepared = estimator.prepare(&shared, players.len())?;
    let estimates = run.map(rows.nrows(), |i, _| {
        PredictionGame::new(model, players, rows.row(i), removal)
            .and_then(|game| prepared(&shared, &game))
            .map_err(|error| error.in_task(format!("row {i}")))
    })?;
    let mut values = Array3::zeros((rows.nrows(), model.n_outputs(), n_pairs));
    let mut base_values = Array2::zeros((rows.nrows(), model.n_outputs()));
    let mut std_error = Array3::zeros(values.dim());
    for (i, estimate) in estimates.iter().enumerate() {
        values.index_axis_mut(Axis(0), i).assign(&estimate.values);
        base_values.row_mut(i).assign(&ArrayView1::from(&estimate.base_values));
        if let Some(errors) = &estimate.std_error {
            std_error.index_axis_mut(Axis(0), i).assign(errors);
        }
    }
    let known = estimates.iter().all(|estimate| estimate.std_error.is_some());
    let mut found = Interactions::new(estimator.name(), players.names(), values, base_values)?;
    found.std_error = known.then_some(std_error);
    found.n_evaluations = estimates.iter().map(|estimate| estimate.n_evaluations).sum();
    Ok(found)
}
