//! A problem whose important inputs are known: how its rows are drawn, and what is true of them.

use anyhow::Result;
use fi_core::{Dataset, Over, Players, Rng, Sequence, Target};
use ndarray::Array2;

/// Below this total effect an input counts as one that does not matter.
pub(super) const NEGLIGIBLE: f64 = 1e-3;

/// A problem whose important inputs are known.
pub(super) struct Problem {
    /// Its name in files and on the command line.
    pub(super) name: &'static str,
    /// What the inputs and the target are.
    pub(super) about: &'static str,
    /// The names of its columns.
    pub(super) features: Vec<String>,
    /// The columns as steps × channels, if they are a sequence.
    pub(super) sequence: Option<Sequence>,
    /// Which columns matter.
    pub(super) relevant: Vec<bool>,
    /// The total effect of each column, where it ranks them.
    pub(super) effects: Option<Vec<f64>>,
    /// Draws the columns of one row.
    pub(super) inputs: fn(&mut Rng) -> Vec<f64>,
    /// What the columns say about the target: its mean, or the probability of class `1`.
    pub(super) signal: fn(&[f64]) -> f64,
    /// What is drawn around the signal.
    pub(super) response: Response,
}

/// How a target is drawn around the signal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Response {
    /// The signal and normal noise of this standard deviation.
    Values { noise: f64 },
    /// Class `1` with the signal as its probability, class `0` otherwise.
    Classes,
}

/// What is scored: single columns, or the channels or the steps of a sequence.
#[derive(Debug, Clone)]
pub(super) struct Level {
    /// `features`, `channels` or `steps`.
    pub(super) name: &'static str,
    /// The players.
    pub(super) players: Players,
    /// Which of them matter.
    pub(super) relevant: Vec<bool>,
    /// Their total effects, where these rank them.
    pub(super) effects: Option<Vec<f64>>,
}

impl Problem {
    /// Draws so many rows.
    pub(super) fn draw(&self, rng: &mut Rng, n_rows: usize) -> Result<Dataset> {
        let mut rows = Array2::zeros((n_rows, self.features.len()));
        let mut target = Vec::with_capacity(n_rows);
        for mut row in rows.rows_mut() {
            let inputs = (self.inputs)(rng);
            let signal = (self.signal)(&inputs);
            target.push(match self.response {
                Response::Values { noise } => signal + noise * rng.normal(),
                Response::Classes => f64::from(u8::from(rng.uniform() < signal)),
            });
            for (cell, value) in row.iter_mut().zip(inputs) {
                *cell = value;
            }
        }
        let target = match self.response {
            Response::Values { .. } => Target::Values(target),
            Response::Classes => Target::Classes {
                labels: target.into_iter().map(|class| class as usize).collect(),
                names: ["0", "1"].map(String::from).to_vec(),
            },
        };
        Ok(Dataset::new(rows, target)?.with_feature_names(self.features.iter().cloned())?)
    }

    /// What is scored: the columns, and of a sequence its channels and its steps.
    pub(super) fn levels(&self) -> Result<Vec<Level>> {
        let mut levels = vec![Level {
            name: "features",
            players: Players::features(self.features.iter().cloned())?,
            relevant: self.relevant.clone(),
            effects: self.effects.clone(),
        }];
        if let Some(sequence) = &self.sequence {
            levels.push(self.grouped("channels", sequence.players(Over::Channel)?));
            levels.push(self.grouped("steps", sequence.players(Over::Step)?));
        }
        Ok(levels)
    }

    /// A group matters if a member does. Groups share nothing in an additive function, which all
    /// sequences of numbers here are: then their total effects are sums.
    fn grouped(&self, name: &'static str, players: Players) -> Level {
        let groups = || (0..players.len()).map(|group| players.members(group));
        let relevant = groups().map(|members| members.iter().any(|&i| self.relevant[i])).collect();
        let additive = matches!(self.response, Response::Values { .. });
        let effects = self.effects.as_ref().filter(|_| additive).map(|effects| {
            groups().map(|members| members.iter().map(|&i| effects[i]).sum()).collect()
        });
        Level { name, players, relevant, effects }
    }
}
