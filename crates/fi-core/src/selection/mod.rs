//! Which features to keep: selectors that choose players, and the honest score of a choice.
//!
//! A selector is a struct of its settings. It asks any [`LearnerImportance`] for scores of any
//! [`Learner`]'s features and returns a [`Selection`]. Players go in and out whole; features of no
//! player are always kept.
//!
//! | selector | keeps |
//! |---|---|
//! | [`Top`] | the `k` players that score highest |
//! | [`Threshold`] | those that score at least a number, the mean or the median |
//! | [`Rfe`] | what is left when the weakest go, again and again |
//! | [`RfeCv`] | the same, as many as score best on held-out folds |
//! | [`Boruta`] | those that beat shuffled copies of the features (all that matter) |
//! | [`StabilitySelection`] | those that are chosen again on most halves of the rows |
//! | [`Knockoffs`] | those that beat knockoffs of themselves, with a bound of the share that is useless |
//!
//! **Long calls** of RFE, RFECV, Boruta, stability selection and knockoffs keep finished rounds,
//! steps, halves or draws for a later call ([`Run::with_keeper`]); a stop answers with them where they are a result of a
//! smaller call. [`HonestScore`] keeps nothing.
//!
//! **A choice made on the rows that score it is scored too well.** Choose 10 of 200 columns of
//! noise by all 40 rows, cross-validate a model of the 10, and it seems to predict coin flips.
//! [`HonestScore`] chooses again inside each fold.
//!
//! # Example
//!
//! ```
//! use fi_core::selection::{
//!     Boruta, Cutoff, HonestScore, Knockoffs, Rfe, RfeCv, Selector, StabilitySelection, Threshold,
//!     Top,
//! };
//! use fi_core::{Dataset, Function, Importance, Learner, Model, Players, Run, Target};
//! use ndarray::{Array2, ArrayView2, s};
//!
//! /// Sums the columns.
//! struct Sum;
//! impl Learner for Sum {
//!     fn train(&self, _: &Run<'_>, data: &Dataset) -> fi_core::Result<Box<dyn Model>> {
//!         Ok(Box::new(Function::new(data.n_features(), 1, |rows: ArrayView2<f64>| {
//!             Array2::from_shape_fn((rows.nrows(), 1), |(i, _)| rows.row(i).sum())
//!         })))
//!     }
//! }
//! // The covariance of each column with the target.
//! let covariance = |_: &Run<'_>, _: &dyn Learner, data: &Dataset, players: &Players| {
//!     let y = ndarray::Array1::from(data.target().values().unwrap_or_default().to_vec());
//!     let centred = &y - y.mean().unwrap_or(0.0);
//!     Importance::new("covariance", players.names(), data.rows().t().dot(&centred).to_vec())
//! };
//! let run = Run::new(3);
//! let mut rng = run.rng(0);
//! let rows = Array2::from_shape_simple_fn((60, 5), || rng.normal());
//! let target = rows.slice(s![.., ..2]).sum_axis(ndarray::Axis(1)).to_vec();
//! let data = Dataset::new(rows, Target::Values(target))?;
//! let players = Players::features(["a", "b", "c", "d", "e"])?;
//!
//! let found = RfeCv::default().select(&run, &Sum, &covariance, &data, &players)?;
//! assert_eq!(found.names(), ["a", "b"]);
//! let model = found.refit(&run, &Sum, &data)?;
//! assert_eq!(model.columns(), [0, 1]);
//!
//! // As many as one asks for, or those above a bar.
//! let choose = |selector: &dyn Selector| {
//!     selector.select(&run, &Sum, &covariance, &data, &players)
//! };
//! assert_eq!(choose(&Top { k: 2 })?.names(), ["a", "b"]);
//! assert_eq!(choose(&Rfe { n_features: Some(2), ..Default::default() })?.names(), ["a", "b"]);
//! let bar = Threshold { at: Cutoff::Mean(1.5), max: None };
//! assert_eq!(choose(&bar)?.names(), ["a", "b"]);
//!
//! // The recipe, choosing included, on rows that it has not seen: the sum is exact.
//! let honest = HonestScore::default();
//! let scored = honest.score(&run, &RfeCv::default(), &Sum, &covariance, &data, &players)?;
//! assert!(scored.score < 1e-20);
//!
//! // What beats shuffled copies, and what most halves of the rows choose.
//! let boruta = Boruta { n_rounds: 30, ..Default::default() };
//! assert_eq!(choose(&boruta)?.names(), ["a", "b"]);
//! let halves = StabilitySelection { n_chosen: Some(2), ..Default::default() };
//! assert_eq!(choose(&halves)?.names(), ["a", "b"]);
//! # Ok::<(), fi_core::Error>(())
//! ```

use serde::{Deserialize, Serialize};

use crate::checkpoint::Fingerprint;
use crate::dataset::Dataset;
use crate::error::{Error, Result, require_shape};
use crate::importance::Warning;
use crate::learner_importance::LearnerImportance;
use crate::model::Learner;
use crate::players::Players;
use crate::restricted::Restricted;
use crate::run::Run;

mod boruta;
mod cutoff;
mod honest;
mod knockoffs;
mod measure;
mod rfe;
mod rfe_cv;
mod stability;

pub use boruta::{Boruta, Correction};
pub use cutoff::{Cutoff, Threshold, Top};
pub use honest::{Honest, HonestScore};
pub use knockoffs::{Construction, GaussianKnockoffs, Knockoffs, knockoff_threshold};
pub use measure::{Stability, stability};
pub use rfe::{Rfe, Step};
pub use rfe_cv::{Choice, RfeCv};
pub use stability::{Bound, StabilitySelection};

/// Settings that choose players.
pub trait Selector: Sync {
    /// Chooses players by `importance` of `learner`, from `data` and nothing else.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] for a setting outside its domain; [`Error::Shape`] if data and players
    /// have different features; [`Error::Data`] for players that overlap; those of the learner and
    /// of the importance; [`Error::Cancelled`].
    fn select(
        &self,
        run: &Run<'_>,
        learner: &dyn Learner,
        importance: &dyn LearnerImportance,
        data: &Dataset,
        players: &Players,
    ) -> Result<Selection>;
}

/// Which players were chosen, and on what grounds: plain data.
///
/// What has no meaning for the selector is `None` or empty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Selection {
    /// The selector, by its name in the field.
    pub method: String,
    /// The metric of the path's scores.
    pub metric: Option<String>,
    /// All players.
    pub players: Players,
    /// The chosen players, ascending; may be none.
    pub chosen: Vec<usize>,
    /// What the choice was read from, one per player: an importance ([`Top`], [`Threshold`]), its
    /// median over the rounds that a player took part in ([`Boruta`]), the share of halves
    /// that chose it ([`StabilitySelection`]), or by how much its importance beats that of its
    /// knockoff on average ([`Knockoffs`]).
    pub scores: Option<Vec<f64>>,
    /// The standard deviation over draws of what `scores` are means of.
    pub spreads: Option<Vec<f64>>,
    /// The evidence that each player matters: at least `1/α` has a chance of at most `α` if it
    /// does not, on average over such players.
    pub e_values: Option<Vec<f64>>,
    /// The rank of each player: 1 if chosen, 2 for the last that went, and so on.
    pub ranking: Option<Vec<usize>>,
    /// What was decided of each player.
    pub decisions: Option<Vec<Decision>>,
    /// In how many rounds, halves or draws each player beat its rivals.
    pub hits: Option<Vec<usize>>,
    /// One row per number of players that was tried, most first.
    pub path: Vec<PathRow>,
    /// Every round, fold, half of the rows or draw of knockoffs.
    pub history: Vec<Round>,
    /// The bound of the expected number of useless players among the chosen.
    pub error_bound: Option<f64>,
    /// The bound of the expected share of useless players among the chosen.
    pub fdr: Option<f64>,
    /// How much the chosen sets of the halves agree.
    pub stability: Option<Stability>,
    /// The seed.
    pub seed: u64,
    /// How often importances were computed.
    pub n_importances: usize,
    /// How often the selector trained the learner to score a set, besides.
    pub n_fits: usize,
    /// What a reader must know before trusting the choice.
    pub warnings: Vec<Warning>,
}

/// What a selector says of a player.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// It matters.
    Confirmed,
    /// The rounds did not settle it.
    Tentative,
    /// It does no better than chance.
    Rejected,
}

/// One set of players that was tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PathRow {
    /// How many players it has.
    pub n_features: usize,
    /// Their names, in player order.
    pub features: Vec<String>,
    /// The mean score on held-out rows of sets of that size.
    pub score: Option<f64>,
    /// Its plain standard error over folds, as if they were independent.
    pub standard_error: Option<f64>,
    /// The lower end of the score's interval, corrected for folds that share rows.
    pub ci_low: Option<f64>,
    /// The upper end.
    pub ci_high: Option<f64>,
    /// Whether it was chosen.
    pub chosen: bool,
}

/// One step of a selector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Round {
    /// The fold, for steps within one; `None` on all rows.
    pub fold: Option<usize>,
    /// The players that took part, ascending; of a half of the rows or a draw, those it chose.
    pub players: Vec<usize>,
    /// Their importances, where they were computed; of a half or a draw, those of all players.
    pub importances: Vec<f64>,
    /// What an importance had to beat.
    pub threshold: Option<f64>,
    /// The score of a model of these players on the fold's test rows.
    pub score: Option<f64>,
}

impl Selection {
    fn new(method: &str, run: &Run<'_>, players: &Players, chosen: Vec<usize>) -> Self {
        let mut warnings = Vec::new();
        if chosen.is_empty() {
            warnings.push(Warning::Note(
                "no feature was chosen: a model of this choice is a constant, or of the features \
                 of no player"
                    .into(),
            ));
        }
        Self {
            method: method.to_owned(),
            metric: None,
            path: vec![PathRow::of(players, &chosen, true)],
            players: players.clone(),
            chosen,
            scores: None,
            spreads: None,
            e_values: None,
            ranking: None,
            decisions: None,
            hits: None,
            history: Vec::new(),
            error_bound: None,
            fdr: None,
            stability: None,
            seed: run.seed(),
            n_importances: 0,
            n_fits: 0,
            warnings,
        }
    }

    /// The chosen players' names.
    pub fn names(&self) -> Vec<&str> {
        self.chosen.iter().map(|&player| self.players.names()[player].as_str()).collect()
    }

    /// The columns that stay, ascending: those of the chosen players, and those of no player.
    pub fn columns(&self) -> Vec<usize> {
        columns(&self.players, &self.chosen)
    }

    /// Trains the learner on the columns that stay.
    ///
    /// The model takes full rows, of all features, and shows its inner model the columns that
    /// stay; [`Restricted::into_inner`] is the model of those columns alone. Without any column it
    /// is the constant of the training rows.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] for data of another number of features; as for [`Learner::train`].
    pub fn refit(
        &self,
        run: &Run<'_>,
        learner: &dyn Learner,
        data: &Dataset,
    ) -> Result<Restricted> {
        check(data, &self.players)?;
        Restricted::train(run, learner, data, &self.columns())
    }
}

impl PathRow {
    fn of(players: &Players, chosen: &[usize], is_chosen: bool) -> Self {
        Self {
            n_features: chosen.len(),
            features: chosen.iter().map(|&player| players.names()[player].clone()).collect(),
            score: None,
            standard_error: None,
            ci_low: None,
            ci_high: None,
            chosen: is_chosen,
        }
    }
}

/// The columns of these players and of none, ascending.
fn columns(players: &Players, chosen: &[usize]) -> Vec<usize> {
    let mut stays = vec![true; players.n_features()];
    (0..players.len()).flat_map(|i| players.members(i)).for_each(|&column| stays[column] = false);
    chosen.iter().flat_map(|&i| players.members(i)).for_each(|&column| stays[column] = true);
    (0..stays.len()).filter(|&column| stays[column]).collect()
}

/// The data and players of some of the players; `chosen` must not be empty.
fn restrict(data: &Dataset, players: &Players, chosen: &[usize]) -> Result<(Dataset, Players)> {
    let columns = columns(players, chosen);
    let place = |column: &usize| columns.partition_point(|other| other < column);
    let groups = chosen.iter().map(|&player| {
        let members = players.members(player).iter().map(place).collect();
        (players.names()[player].clone(), members)
    });
    let players = Players::groups(columns.len(), groups)?;
    Ok((data.select_features(&columns), players))
}

/// Players must name features of this table, each at most once.
fn check(data: &Dataset, players: &Players) -> Result<()> {
    require_shape("the players' list of features", &[data.n_features()], &[players.n_features()])?;
    let mut owner = vec![None; players.n_features()];
    for player in 0..players.len() {
        for &feature in players.members(player) {
            if let Some(other) = owner[feature].replace(player) {
                let names = players.names();
                return Err(Error::Data(format!(
                    "`{}` and `{}` both hold feature {feature}, selection needs players that do \
                     not overlap",
                    names[other], names[player]
                )));
            }
        }
    }
    Ok(())
}

/// The call that a selector's kept work belongs to, but for its settings.
fn fingerprint(method: &str, run: &Run<'_>, data: &Dataset, players: &Players) -> Fingerprint {
    Fingerprint::new(method, run).with_data(data).with_players(players)
}

/// A prefix that no name begins with: this one, or one like it.
fn unused_prefix(prefix: &str, data: &Dataset, players: &Players) -> String {
    let mut prefix = prefix.to_owned();
    let names = || data.feature_names().iter().chain(players.names());
    while names().any(|name| name.starts_with(&prefix)) {
        prefix.insert(0, '~');
    }
    prefix
}
