//! What the model is, and how it is asked.

use std::borrow::Cow;

use fi_core::{Dataset, Importance, Model, Output, Players, Sequence};
use fi_models::Fitted;
use fi_models::store::Stored;
use fi_models::tree::Trees;
use ndarray::Array2;

use crate::error::Result;
use crate::report::Rows;

/// What a reader must know of the model.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModelFacts {
    /// Its kind, with its size: `an ensemble of 100 trees`.
    pub kind: String,
    /// How many columns it reads.
    pub n_features: usize,
    /// How many players are scored, where they are not its features.
    pub n_groups: Option<usize>,
    /// What it answers: `a probability for each of 3 classes`.
    pub answer: String,
}

impl ModelFacts {
    pub(crate) fn new(model: &Stored, players: &Players) -> Self {
        let kind = match &model.model {
            Fitted::Trees(trees) if trees.ensemble().n_trees() == 1 => "a tree".to_owned(),
            Fitted::Trees(trees) => format!("an ensemble of {} trees", trees.ensemble().n_trees()),
            Fitted::Linear(_) => "a linear model".to_owned(),
            Fitted::Network(_) => "a neural network".to_owned(),
            _ => "a black box, of which only predictions are known".to_owned(),
        };
        let n = model.n_outputs();
        let answer = match model.output() {
            Output::Values if n == 1 => "a number".to_owned(),
            Output::Values => format!("{n} numbers"),
            Output::Probabilities => format!("a probability for each of {n} classes"),
            Output::Margins => format!("a score for each of {n} classes"),
            Output::Labels => "a class".to_owned(),
        };
        let n_groups = (!is_single(players)).then(|| players.len());
        Self { kind, n_features: model.feature_names.len(), n_groups, answer }
    }
}

/// Whether every player is the feature at its place.
pub(crate) fn is_single(players: &Players) -> bool {
    players.len() == players.n_features()
        && (0..players.len()).all(|player| players.members(player) == [player])
}

/// The model and its rows as methods that swap values ask them: the padding of sequences stays in
/// its place ([`Sequence::fill`]).
pub(crate) struct View<'a, 'd> {
    pub(crate) model: Box<dyn Model + 'a>,
    pub(crate) rows: Array2<f64>,
    pub(crate) data: Option<Cow<'d, Dataset>>,
    /// The players of the filled rows.
    pub(crate) players: Players,
    /// The players of the model's columns.
    pub(crate) own_players: &'a Players,
    pub(crate) is_filled: bool,
    pub(crate) is_sequence: bool,
    pub(crate) is_single: bool,
    pub(crate) names: &'a [String],
}

impl<'a, 'd> View<'a, 'd> {
    pub(crate) fn new(model: &'a Stored, players: &'a Players, rows: Rows<'d>) -> Result<Self> {
        let names = &model.feature_names;
        let sequence = Sequence::of_columns(names).filter(|sequence| sequence.n_steps() > 1);
        let table = match rows {
            Rows::Scored(data) => data.rows().to_owned(),
            Rows::Alone(rows) => rows.to_owned(),
        };
        let (is_sequence, is_single) = (sequence.is_some(), is_single(players));
        let padded = table.iter().any(|value| value.is_nan());
        let trees = matches!(model.model, Fitted::Trees(_));
        // Trees take padding as missing values.
        let view = match sequence.filter(|_| padded && !trees) {
            None => Self {
                model: Box::new(model),
                rows: table,
                data: match rows {
                    Rows::Scored(data) => Some(Cow::Borrowed(data)),
                    Rows::Alone(_) => None,
                },
                players: players.clone(),
                own_players: players,
                is_filled: false,
                is_sequence,
                is_single,
                names,
            },
            Some(sequence) => Self {
                model: Box::new(sequence.masked(model)?),
                rows: sequence.fill(table.view())?,
                data: match rows {
                    Rows::Scored(data) => Some(Cow::Owned(sequence.fill_data(data)?)),
                    Rows::Alone(_) => None,
                },
                players: sequence.fill_players(players)?,
                own_players: players,
                is_filled: true,
                is_sequence,
                is_single,
                names,
            },
        };
        Ok(view)
    }

    /// The trees, if they read the rows as they are.
    pub(crate) fn trees(model: &Stored) -> Option<&Trees> {
        match (&model.model, &model.scaler) {
            (Fitted::Trees(trees), None) => Some(trees),
            _ => None,
        }
    }

    /// The model's columns, those of the most important player first, each once.
    pub(crate) fn features_by(&self, importance: &Importance) -> Vec<usize> {
        let mut features = Vec::new();
        let mut seen = vec![false; self.names.len()];
        for player in importance.order() {
            for &feature in self.own_players.members(player) {
                if !std::mem::replace(&mut seen[feature], true) {
                    features.push(feature);
                }
            }
        }
        features
    }
}
