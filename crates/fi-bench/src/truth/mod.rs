//! `cargo xtask compare truth`: which methods find the inputs that matter, where these are known?
//!
//! Agreement between methods can be shared bias. Here the data are drawn: every problem says which
//! inputs matter, and by how much where that is defined. A model is trained, every method ranks
//! the inputs, and each ranking is held against the truth.
//!
//! [`Study::run`] trains and scores, cell by cell; [`Study::write`] writes the folder; [`check`]
//! reads a folder back and computes everything in it again. The numbers go one way: replicates →
//! scores → tables → figures and report.
//!
//! To add a problem, write a line of `friedman.rs`, `linear.rs`, `untidy.rs` or `sequences.rs`; a
//! model is a line of `models.rs`, a method a line of `methods.rs`.

mod calls;
mod check;
mod encode;
mod figures;
mod fit;
mod friedman;
mod linear;
mod manifest;
mod methods;
mod models;
mod problem;
pub(crate) mod quadrature;
mod report;
mod score;
mod sequences;
mod summary;
mod untidy;
mod worth;

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use fi_core::Run;
use serde::{Deserialize, Serialize};

pub use check::{check, redraw};
pub(crate) use fit::label;
pub use fit::{Cells, Clock, Effort, Replicate, Skill};
pub use manifest::Manifest;
pub use summary::{SpreadLine, TruthLine};

use crate::compare::folder;
use crate::compare::records::to_csv;
use fit::Task;
use models::KINDS;
use problem::Problem;
use summary::Scored;

/// From so many rows on a cell takes minutes and varies little: few seeds tell.
const MANY_ROWS: usize = 10_000;
const FEW_SEEDS: usize = 2;

/// How many of a study's seeds are drawn at so many rows.
fn seeds_at(n_rows: usize, n_seeds: usize) -> usize {
    if n_rows >= MANY_ROWS { n_seeds.min(FEW_SEEDS) } else { n_seeds }
}

/// What a user may choose about the study.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// Names of models, all if empty; see [`model_names`].
    pub models: Vec<String>,
    /// Names of problems, all if empty; see [`problem_names`].
    pub problems: Vec<String>,
    /// The first seed. Default 0.
    pub seed: u64,
    /// How many seeds; each draws rows, trains and explains anew. Default 10, 2 if quick.
    pub n_seeds: Option<usize>,
    /// One small number of rows, little work for each method: for a quick look and for tests.
    pub quick: bool,
}

/// The names of all models, in the order of the report.
pub fn model_names() -> Vec<&'static str> {
    KINDS.iter().map(|kind| kind.name).collect()
}

/// The names of all problems, in the order of the report.
pub fn problem_names() -> Vec<&'static str> {
    problems().iter().map(|problem| problem.name).collect()
}

fn problems() -> Vec<Problem> {
    [friedman::all(), linear::all(), untidy::all(), sequences::all()]
        .into_iter()
        .flatten()
        .collect()
}

/// Everything that is fixed before the first fit.
pub(crate) struct Plan {
    problems: Vec<Problem>,
    kinds: Vec<&'static models::Kind>,
    n_rows: Vec<usize>,
    seed: u64,
    n_seeds: usize,
    effort: Effort,
    quick: bool,
}

impl Plan {
    fn new(settings: &Settings) -> Result<Self> {
        let chosen = |given: &[String], known: &[&str], what: &str| -> Result<Vec<usize>> {
            for name in given {
                if !known.contains(&name.as_str()) {
                    bail!("there is no {what} `{name}`, take some of {}", known.join(", "));
                }
            }
            let all = given.is_empty();
            let is_chosen = |i: &usize| all || given.iter().any(|name| name == known[*i]);
            Ok((0..known.len()).filter(is_chosen).collect())
        };
        let kinds = chosen(&settings.models, &model_names(), "model")?;
        let all = problems();
        let known: Vec<&str> = all.iter().map(|problem| problem.name).collect();
        let kept = chosen(&settings.problems, &known, "problem")?;
        let quick = settings.quick;
        let n_seeds = settings.n_seeds.unwrap_or(if quick { 2 } else { 10 });
        ensure!(n_seeds >= 1, "the number of seeds is 0, it must be at least 1");
        let places = all.into_iter().enumerate();
        Ok(Self {
            problems: places.filter(|(i, _)| kept.contains(i)).map(|(_, p)| p).collect(),
            kinds: kinds.into_iter().map(|kind| &KINDS[kind]).collect(),
            n_rows: if quick { vec![300] } else { vec![200, 2000, 20_000] },
            seed: settings.seed,
            n_seeds,
            effort: Effort {
                n_test: if quick { 200 } else { 500 },
                n_repeats: if quick { 3 } else { 10 },
                shap_rows: if quick { 10 } else { 30 },
                shap_background: if quick { 10 } else { 20 },
                shap_permutations: if quick { 2 } else { 4 },
                kernel_coalitions: if quick { 32 } else { 128 },
                lime_samples: if quick { 100 } else { 1000 },
                lofo_players: if quick { 10 } else { 50 },
                lofo_groups: if quick { 0 } else { 10 },
                gradient_rows: if quick { 30 } else { 100 },
                gradient_points: if quick { 8 } else { 30 },
                sage_draws: if quick { 16 } else { 256 },
                deletion_steps: if quick { 3 } else { 8 },
                deletion_repeats: if quick { 1 } else { 2 },
            },
            quick,
        })
    }
}

/// One line of `problems.csv`: what is true of one player.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TruePlayer {
    /// The problem.
    pub problem: String,
    /// `features`, `channels` or `steps`.
    pub level: String,
    /// The column, channel or step.
    pub player: String,
    /// Whether it matters.
    pub relevant: bool,
    /// Its total effect, where that is defined.
    pub effect: Option<f64>,
}

/// A finished study.
pub struct Study {
    /// Settings and versions.
    pub manifest: Manifest,
    /// Every importance of every cell: `replicates.csv`.
    pub replicates: Vec<Replicate>,
    /// What the models learned: `skill.csv`.
    pub skills: Vec<Skill>,
    /// `truth.csv`: each score's mean over the seeds.
    pub lines: Vec<TruthLine>,
    /// `spread.csv`: how far the seeds differ.
    pub spread: Vec<SpreadLine>,
    plan: Plan,
}

impl Study {
    /// Trains every model on every problem and scores it by every method. `run` is only heard for
    /// progress and cancellation, the seeds are those of the settings. With `cells`, what has been
    /// computed once is read from there; with a `clock`, methods are timed.
    ///
    /// # Errors
    ///
    /// If a setting names nothing that is known, a cell cannot be written, or a fit fails;
    /// [`fi_core::Error::Cancelled`].
    pub fn run(
        run: &Run<'_>,
        settings: &Settings,
        cells: Option<&Cells<'_>>,
        clock: Option<Clock<'_>>,
    ) -> Result<Self> {
        let plan = Plan::new(settings)?;
        if let Some(cells) = cells {
            std::fs::create_dir_all(cells.folder).with_context(|| {
                format!("{} cannot be made, give another folder", cells.folder.display())
            })?;
        }
        let mut settings = Vec::new();
        for problem in &plan.problems {
            for kind in &plan.kinds {
                settings.extend((kind.settings)(problem).map(|found| (problem, *kind, found)));
            }
        }
        let mut tasks = Vec::new();
        for (problem, kind, settings) in &settings {
            for &n_rows in plan.n_rows.iter().filter(|n| **n <= kind.most_rows) {
                for seed in (plan.seed..).take(seeds_at(n_rows, plan.n_seeds)) {
                    let effort = &plan.effort;
                    tasks.push(Task { problem, kind, settings, n_rows, seed, effort });
                }
            }
        }
        ensure!(!tasks.is_empty(), "none of the models fits any of the problems, choose others");
        let found = run.map(tasks.len(), |i, _| {
            let task = &tasks[i];
            task.cell(cells, clock).map_err(|error| {
                let name = task.problem.name;
                fi_core::Error::model(format!("{error:#}"))
                    .in_task(format!("{name}, {} rows, seed {}", task.n_rows, task.seed))
            })
        })?;
        drop(tasks);
        drop(settings);
        let (skills, replicates): (Vec<_>, Vec<_>) =
            found.into_iter().map(|cell| (cell.skill, cell.replicates)).unzip();
        Self::new(plan, replicates.concat(), skills)
    }

    /// The summaries of these replicates.
    fn new(plan: Plan, replicates: Vec<Replicate>, skills: Vec<Skill>) -> Result<Self> {
        let scored = Scored::all(&plan.problems, &replicates)?;
        let (lines, spread) = (summary::truth_lines(&scored), summary::spread_lines(&scored));
        let manifest = Manifest::new(&plan)?;
        Ok(Self { manifest, replicates, skills, lines, spread, plan })
    }

    /// Model, method, its mean AUC over the problems that the model learned with the most rows,
    /// and the number of these; best first in each model.
    pub fn by_auc(&self) -> Vec<(String, String, f64, usize)> {
        let models = self.manifest.models.iter().map(|(model, _)| model);
        models
            .flat_map(|model| {
                let ranked = report::ranked(self, model).into_iter();
                ranked.map(|(method, auc, n)| (model.clone(), method, auc, n))
            })
            .collect()
    }

    /// `problems.csv`.
    fn true_players(&self) -> Result<Vec<TruePlayer>> {
        let mut lines = Vec::new();
        for problem in &self.plan.problems {
            for level in problem.levels()? {
                for (player, name) in level.players.names().iter().enumerate() {
                    lines.push(TruePlayer {
                        problem: problem.name.to_owned(),
                        level: level.name.to_owned(),
                        player: name.clone(),
                        relevant: level.relevant[player],
                        effect: level.effects.as_ref().map(|effects| effects[player]),
                    });
                }
            }
        }
        Ok(lines)
    }

    /// `report.md`, and the pictures that it links by their file names.
    fn drawn(&self) -> Result<(String, Vec<(String, String)>)> {
        let figures = figures::all(self)?.into_iter();
        let pictures = figures.map(|(name, figure)| Ok((format!("{name}.svg"), figure.svg()?)));
        Ok((report::markdown(self), pictures.collect::<Result<_>>()?))
    }

    /// The text files of the folder and their contents.
    fn texts(&self) -> Result<Vec<(&'static str, String)>> {
        let (report, pictures) = self.drawn()?;
        let page = crate::compare::document(report::TITLE, &report, &pictures);
        Ok(vec![
            ("problems.csv", to_csv(&self.true_players()?)?),
            ("replicates.csv", to_csv(&self.replicates)?),
            ("skill.csv", to_csv(&self.skills)?),
            ("truth.csv", to_csv(&self.lines)?),
            ("spread.csv", to_csv(&self.spread)?),
            ("report.md", report),
            ("report.html", page),
            ("manifest.json", self.manifest.to_json()?),
        ])
    }

    /// Writes report, page, tables, figures and manifest into a folder, each file whole.
    ///
    /// # Errors
    ///
    /// If a file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        folder::write(folder, &self.texts()?, &figures::all(self)?)
    }
}

#[cfg(test)]
mod tests;
