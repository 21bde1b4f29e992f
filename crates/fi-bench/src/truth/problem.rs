//! A problem whose important inputs are known: how its rows are drawn, and what is true of them.

use anyhow::Result;
use fi_core::{Dataset, Over, Players, Rng, Sequence, Target};
use ndarray::Array2;

use super::quadrature::Effects;
use super::worth::Worth;

/// Below this total effect an input counts as one that does not matter.
pub(super) const NEGLIGIBLE: f64 = 1e-3;

/// A problem whose important inputs are known.
#[derive(Clone)]
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
    /// What methods would find in the signal, where that is known.
    pub(super) worth: Option<Worth>,
    /// Which columns hold categories.
    pub(super) categorical: Vec<usize>,
    /// Draws the columns of one row.
    pub(super) inputs: fn(&mut Rng) -> Vec<f64>,
    /// What the columns say about the target: its mean, or the probability of class `1`.
    pub(super) signal: fn(&[f64]) -> f64,
    /// What is drawn around the signal.
    pub(super) response: Response,
    /// What of a row is lost before anyone sees it, after the target is drawn.
    pub(super) hide: fn(&mut Rng, &mut [f64]),
}

/// A problem of numbers that is told by its columns, its signal and what is drawn around it.
pub(super) fn table(
    name: &'static str,
    about: &'static str,
    n_columns: usize,
    inputs: fn(&mut Rng) -> Vec<f64>,
    signal: fn(&[f64]) -> f64,
    response: Response,
) -> Problem {
    Problem {
        name,
        about,
        features: (0..n_columns).map(|i| format!("x{i}")).collect(),
        sequence: None,
        relevant: vec![false; n_columns],
        effects: None,
        worth: None,
        categorical: Vec::new(),
        inputs,
        signal,
        response,
        hide: |_, _| {},
    }
}

/// Draws `n` independent normal numbers.
pub(super) fn normals(rng: &mut Rng, n: usize) -> Vec<f64> {
    (0..n).map(|_| rng.normal()).collect()
}

/// Draws a number between two ends, every one alike.
pub(super) fn uniform(rng: &mut Rng, low: f64, high: f64) -> f64 {
    low + (high - low) * rng.uniform()
}

/// How a target is drawn around the signal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Response {
    /// The signal and normal noise of this standard deviation.
    Values { noise: f64 },
    /// The signal and noise of this scale with Student's t distribution of three degrees of
    /// freedom.
    HeavyTailed { noise: f64 },
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
    /// What methods would find in the signal, where that is known.
    pub(super) worth: Option<Worth>,
}

/// Draws from Student's t distribution of three degrees of freedom, whose variance is 3.
pub(super) fn student(rng: &mut Rng) -> f64 {
    let normal = rng.normal();
    let squares: f64 = (0..3).map(|_| rng.normal().powi(2)).sum();
    normal / (squares / 3.0).sqrt()
}

impl Problem {
    /// The same problem where the columns with these total effects matter, if they have an effect
    /// worth the name.
    pub(super) fn with_shares(mut self, mut shares: Vec<f64>) -> Self {
        shares.resize(self.features.len(), 0.0);
        self.relevant = shares.iter().map(|share| *share > NEGLIGIBLE).collect();
        self.effects = Some(shares);
        self
    }

    /// The same problem with its first columns' effects; they are independent, and so is the rest.
    pub(super) fn with_effects(self, effects: &Effects) -> Self {
        let worth = Worth::of_effects(effects, self.features.len());
        self.with_worth(worth, effects.variance)
    }

    /// The same problem with what is known of a signal of this variance.
    pub(super) fn with_worth(mut self, worth: Worth, variance: f64) -> Self {
        let shares = worth.shares(variance);
        if matches!(self.response, Response::Values { .. }) {
            self.worth = Some(worth);
        }
        self.with_shares(shares)
    }

    /// Whether the target is a number.
    pub(super) fn is_regression(&self) -> bool {
        !matches!(self.response, Response::Classes)
    }

    /// Draws so many rows.
    #[cfg(test)]
    pub(super) fn draw(&self, rng: &mut Rng, n_rows: usize) -> Result<Dataset> {
        Ok(self.draw_with_signal(rng, n_rows)?.0)
    }

    /// Draws so many rows, and the signal of each.
    pub(super) fn draw_with_signal(
        &self,
        rng: &mut Rng,
        n_rows: usize,
    ) -> Result<(Dataset, Vec<f64>)> {
        let mut rows = Array2::zeros((n_rows, self.features.len()));
        let (mut target, mut signals) = (Vec::with_capacity(n_rows), Vec::with_capacity(n_rows));
        for mut row in rows.rows_mut() {
            let mut inputs = (self.inputs)(rng);
            let signal = (self.signal)(&inputs);
            signals.push(signal);
            target.push(match self.response {
                Response::Values { noise } => signal + noise * rng.normal(),
                Response::HeavyTailed { noise } => signal + noise * student(rng),
                Response::Classes => f64::from(u8::from(rng.uniform() < signal)),
            });
            (self.hide)(rng, &mut inputs);
            for (cell, value) in row.iter_mut().zip(inputs) {
                *cell = value;
            }
        }
        let target = if self.is_regression() {
            Target::Values(target)
        } else {
            Target::Classes {
                labels: target.into_iter().map(|class| class as usize).collect(),
                names: ["0", "1"].map(String::from).to_vec(),
            }
        };
        let data = Dataset::new(rows, target)?.with_feature_names(self.features.iter().cloned())?;
        Ok((data.with_categorical(self.categorical.iter().copied())?, signals))
    }

    /// What is scored: the columns, and of a sequence its channels and its steps.
    pub(super) fn levels(&self) -> Result<Vec<Level>> {
        let mut levels = vec![Level {
            name: "features",
            players: Players::features(self.features.iter().cloned())?,
            relevant: self.relevant.clone(),
            effects: self.effects.clone(),
            worth: self.worth.clone(),
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
        let additive = self.is_regression();
        let effects = self.effects.as_ref().filter(|_| additive).map(|effects| {
            groups().map(|members| members.iter().map(|&i| effects[i]).sum()).collect()
        });
        Level { name, players, relevant, effects, worth: None }
    }
}
