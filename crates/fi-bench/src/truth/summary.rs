//! `truth.csv` and `spread.csv`: what the rankings score, computed from the replicates alone.

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::fit::Replicate;
use super::methods::METHODS;
use super::problem::{Level, Problem};
use super::score::{Ranking, Score};

/// One line of `truth.csv`: one score of one method, as a mean over the seeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TruthLine {
    /// The problem.
    pub problem: String,
    /// How many rows the model was trained on.
    pub n_rows: usize,
    /// The model.
    pub model: String,
    /// The method.
    pub method: String,
    /// `AUC`, `top-k recall`, `Spearman`, `Kendall τ-b`, `relative error`, `deletion` or
    /// `insertion`; for a sequence also `… of channels` and `… of steps`.
    pub score: String,
    /// The mean over the seeds where it is defined.
    pub value: f64,
    /// The mean number of evaluations; see the method.
    pub evaluations: f64,
    /// The mean wall time; empty without a clock.
    pub seconds: Option<f64>,
}

/// One line of `spread.csv`: how far the seeds of a line of `truth.csv` differ.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpreadLine {
    /// The problem.
    pub problem: String,
    /// How many rows the model was trained on.
    pub n_rows: usize,
    /// The model.
    pub model: String,
    /// The method.
    pub method: String,
    /// The score.
    pub score: String,
    /// For how many seeds it is defined.
    pub n_seeds: usize,
    /// Their sample standard deviation (ddof 1); empty for one seed.
    pub std: Option<f64>,
    /// The lowest.
    pub low: f64,
    /// The highest.
    pub high: f64,
}

/// One score of one method over the seeds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scored {
    pub(super) problem: String,
    pub(super) n_rows: usize,
    pub(super) model: String,
    pub(super) method: String,
    pub(super) score: String,
    /// One of each seed where it is defined.
    pub(super) values: Vec<f64>,
    evaluations: Vec<f64>,
    seconds: Vec<Option<f64>>,
}

/// A score's name at a level.
pub(super) fn score_name(score: Score, level: &str) -> String {
    match level {
        "features" => score.name().to_owned(),
        level => format!("{} of {level}", score.name()),
    }
}

impl Scored {
    /// The scores of all replicates, in the order of their first; what is never defined is left
    /// out.
    pub(super) fn all(problems: &[Problem], replicates: &[Replicate]) -> Result<Vec<Self>> {
        let mut levels: Vec<(&str, Vec<Level>)> = Vec::new();
        for problem in problems {
            levels.push((problem.name, problem.levels()?));
        }
        let mut all: Vec<Self> = Vec::new();
        for replicate in replicates {
            let known = levels.iter().find(|(name, _)| *name == replicate.problem);
            let level = known
                .and_then(|(_, levels)| levels.iter().find(|level| level.name == replicate.level))
                .with_context(|| {
                    format!("there is no `{}` of `{}`", replicate.level, replicate.problem)
                })?;
            let values = replicate.importances()?;
            ensure!(
                values.len() == level.players.len(),
                "{} of {}, seed {}: {} importances of {} {}",
                replicate.method,
                replicate.problem,
                replicate.seed,
                values.len(),
                level.players.len(),
                level.name
            );
            let method = METHODS.iter().find(|method| method.name == replicate.method);
            let ranking = Ranking {
                values: &values,
                level,
                quantity: method.and_then(|method| method.quantity),
                deletion: replicate.deletion,
                insertion: replicate.insertion,
            };
            for score in Score::ALL {
                let found = score.of(&ranking)?;
                Self::of(&mut all, replicate, score_name(score, level.name)).push(replicate, found);
            }
        }
        all.retain(|scored| !scored.values.is_empty());
        Ok(all)
    }

    /// The place of a replicate's score: replicates of one cell kind stand close together.
    fn of<'a>(all: &'a mut Vec<Self>, r: &Replicate, score: String) -> &'a mut Self {
        let same = |scored: &Self| {
            scored.problem == r.problem
                && scored.n_rows == r.n_rows
                && scored.model == r.model
                && scored.method == r.method
                && scored.score == score
        };
        let place = all.iter().rposition(same).unwrap_or_else(|| {
            all.push(Self {
                problem: r.problem.clone(),
                n_rows: r.n_rows,
                model: r.model.clone(),
                method: r.method.clone(),
                score,
                values: Vec::new(),
                evaluations: Vec::new(),
                seconds: Vec::new(),
            });
            all.len() - 1
        });
        &mut all[place]
    }

    fn push(&mut self, replicate: &Replicate, found: Option<f64>) {
        self.values.extend(found);
        self.evaluations.push(replicate.evaluations as f64);
        self.seconds.push(replicate.seconds);
    }
}

impl Replicate {
    /// The importances as numbers.
    fn importances(&self) -> Result<Vec<f64>> {
        let number = |text: &str| -> Result<f64> {
            let value: f64 = text.parse().with_context(|| format!("`{text}` is no number"))?;
            ensure!(value.is_finite(), "`{text}` is not finite");
            Ok(value)
        };
        self.values
            .split(' ')
            .map(number)
            .collect::<Result<_>>()
            .with_context(|| format!("{} of {}, seed {}", self.method, self.problem, self.seed))
    }
}

pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn std(values: &[f64]) -> Option<f64> {
    let centre = mean(values);
    let squares: f64 = values.iter().map(|value| (value - centre).powi(2)).sum();
    (values.len() > 1).then(|| (squares / (values.len() - 1) as f64).sqrt())
}

/// The lines of `truth.csv`.
pub(super) fn truth_lines(scored: &[Scored]) -> Vec<TruthLine> {
    let line = |s: &Scored| {
        let seconds: Option<Vec<f64>> = s.seconds.iter().copied().collect();
        TruthLine {
            problem: s.problem.clone(),
            n_rows: s.n_rows,
            model: s.model.clone(),
            method: s.method.clone(),
            score: s.score.clone(),
            value: mean(&s.values),
            evaluations: mean(&s.evaluations),
            seconds: seconds.map(|seconds| mean(&seconds)),
        }
    };
    scored.iter().map(line).collect()
}

/// The lines of `spread.csv`.
pub(super) fn spread_lines(scored: &[Scored]) -> Vec<SpreadLine> {
    let line = |s: &Scored| SpreadLine {
        problem: s.problem.clone(),
        n_rows: s.n_rows,
        model: s.model.clone(),
        method: s.method.clone(),
        score: s.score.clone(),
        n_seeds: s.values.len(),
        std: std(&s.values),
        low: s.values.iter().copied().fold(f64::INFINITY, f64::min),
        high: s.values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    };
    scored.iter().map(line).collect()
}
