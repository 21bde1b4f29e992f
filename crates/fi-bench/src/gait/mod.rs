//! `cargo xtask compare gait`: which sensors, and which pair of them, tell an injured gait?
//!
//! Wearable sensors are compared by the phase between channels of two of them, and a pair of
//! sensors is often scored by adding up the importances of its features. Here the gait is drawn,
//! so that it is known which pairs tell the injury: the published sum is held beside the joint
//! permutation of a pair's features.
//!
//! `recipe.rs` draws the signals, `phase_slope.rs` makes features of them, `cell.rs` trains and scores
//! one seed. The numbers go one way: `gait.csv`, `features.csv`, `skill.csv` → tables → figures and
//! report; [`check`] computes all of it again.

mod cell;
mod figures;
mod phase_slope;
mod recipe;
mod report;
mod summary;

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use fi_core::Run;
use serde::{Deserialize, Serialize};

pub use cell::{FeatureLine, Line, Skill};
pub use summary::Recovery;

use crate::compare::folder::{self, read_text};
use crate::compare::manifest::{check_versions, versions};
use crate::compare::records::{from_csv, to_csv};
use crate::compare::{Checked, document};
use cell::WAYS;
use phase_slope::{BINS, Phase};

/// What a user may choose about the study.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// The first seed. Default 0.
    pub seed: u64,
    /// How many seeds; each draws bodies, persons and trials anew. Default 10, 1 if quick.
    pub n_seeds: Option<usize>,
    /// Few persons and little work: for a quick look and for tests.
    pub quick: bool,
}

/// How much is drawn and done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Effort {
    /// Persons, as many of each class.
    pub n_persons: usize,
    /// Trials of each.
    pub n_trials: usize,
    /// Folds of persons.
    pub n_folds: usize,
    /// Trees of a forest.
    pub n_trees: usize,
    /// How often a feature is permuted alone.
    pub n_single: usize,
    /// How often a pair's or a sensor's features are permuted together.
    pub n_joint: usize,
}

impl Effort {
    fn new(quick: bool) -> Self {
        if quick {
            let (n_persons, n_trials, n_trees) = (12, 4, 30);
            return Self { n_persons, n_trials, n_folds: 2, n_trees, n_single: 2, n_joint: 5 };
        }
        Self { n_persons: 30, n_trials: 6, n_folds: 3, n_trees: 100, n_single: 5, n_joint: 30 }
    }
}

/// `manifest.json`: what was asked, and with which versions; no clock and no path.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The command that writes the same folder.
    pub command: String,
    /// The first seed.
    pub seed: u64,
    /// How many seeds.
    pub n_seeds: usize,
    /// Whether it was a quick look.
    pub quick: bool,
    /// How much was drawn and done.
    pub effort: Effort,
    /// How many bins a line is fitted to.
    pub n_bins: usize,
    /// The ways to score and what they are.
    pub ways: Vec<(String, String)>,
    /// The versions of fi and of the packages that can change a number.
    pub versions: Vec<(String, String)>,
}

impl Manifest {
    fn new(settings: &Settings) -> Result<Self> {
        let quick = settings.quick;
        let default = if quick { 1 } else { 10 };
        let n_seeds = settings.n_seeds.unwrap_or(default);
        ensure!(n_seeds >= 1, "the number of seeds is 0, it must be at least 1");
        let mut command = "cargo xtask compare gait".to_owned();
        if quick {
            command.push_str(" --quick");
        }
        if n_seeds != default {
            let _ = write!(command, " --seeds {n_seeds}");
        }
        if settings.seed != 0 {
            let _ = write!(command, " --seed {}", settings.seed);
        }
        let ways = WAYS.iter().map(|(way, about)| ((*way).to_owned(), (*about).to_owned()));
        Ok(Self {
            command,
            seed: settings.seed,
            n_seeds,
            quick,
            effort: Effort::new(quick),
            n_bins: BINS,
            ways: ways.collect(),
            versions: versions()?,
        })
    }

    fn settings(&self) -> Settings {
        Settings { seed: self.seed, n_seeds: Some(self.n_seeds), quick: self.quick }
    }
}

/// A finished study.
pub struct Study {
    /// Settings and versions.
    pub manifest: Manifest,
    /// Every score of every fold: `gait.csv`.
    pub lines: Vec<Line>,
    /// Every feature's importance alone: `features.csv`.
    pub features: Vec<FeatureLine>,
    /// What the forests learned: `skill.csv`.
    pub skills: Vec<Skill>,
    /// How often each way finds what was planted: `recovery.csv`.
    pub recovery: Vec<Recovery>,
}

impl Study {
    /// Draws, trains and scores every seed. `run` is only heard for progress and cancellation, the
    /// seeds are those of the settings.
    ///
    /// # Errors
    ///
    /// If there are no seeds or a fit fails; [`fi_core::Error::Cancelled`].
    pub fn run(run: &Run<'_>, settings: &Settings) -> Result<Self> {
        let manifest = Manifest::new(settings)?;
        let effort = &manifest.effort;
        let cells = run.map(manifest.n_seeds, |i, _| {
            let seed = settings.seed + i as u64;
            cell::cell(effort, seed).map_err(|error| {
                fi_core::Error::model(format!("{error:#}")).in_task(format!("seed {seed}"))
            })
        })?;
        let n_fits = (cells.len() * effort.n_folds) as f64;
        let names = cell::features();
        let mut features = Vec::new();
        for (i, (phase, metric)) in Phase::ALL
            .into_iter()
            .flat_map(|phase| [(phase, "accuracy"), (phase, "log loss")])
            .enumerate()
        {
            for (column, name) in names.iter().enumerate() {
                features.push(FeatureLine {
                    phase: phase.name().to_owned(),
                    metric: metric.to_owned(),
                    feature: name.clone(),
                    importance: cells.iter().map(|cell| cell.features[i][column]).sum::<f64>()
                        / n_fits,
                });
            }
        }
        let (lines, skills): (Vec<_>, Vec<_>) =
            cells.into_iter().map(|cell| (cell.lines, cell.skills)).unzip();
        Ok(Self::new(manifest, lines.concat(), features, skills.concat()))
    }

    fn new(
        manifest: Manifest,
        lines: Vec<Line>,
        features: Vec<FeatureLine>,
        skills: Vec<Skill>,
    ) -> Self {
        let recovery = summary::recovery(&lines);
        Self { manifest, lines, features, skills, recovery }
    }

    /// The text files of the folder and their contents.
    fn texts(&self) -> Result<Vec<(&'static str, String)>> {
        let report = report::markdown(self);
        let mut pictures = Vec::new();
        for (name, figure) in figures::all(self)? {
            pictures.push((format!("{name}.svg"), figure.svg()?));
        }
        let page = document(report::TITLE, &report, &pictures);
        Ok(vec![
            ("gait.csv", to_csv(&self.lines)?),
            ("features.csv", to_csv(&self.features)?),
            ("skill.csv", to_csv(&self.skills)?),
            ("recovery.csv", to_csv(&self.recovery)?),
            ("report.md", report),
            ("report.html", page),
            ("manifest.json", serde_json::to_string_pretty(&self.manifest)? + "\n"),
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

/// Computes report, page, tables and figures again from `gait.csv`, `features.csv`, `skill.csv` and
/// `manifest.json`.
///
/// # Errors
///
/// If a file is missing or differs, naming its first different line; if a figure has overlapping
/// or cut text; if ways or versions are not those of the manifest.
pub fn check(folder: &Path) -> Result<Checked> {
    let text = |name: &str| read_text(folder, name);
    let manifest: Manifest =
        serde_json::from_str(&text("manifest.json")?).context("manifest.json does not parse")?;
    check_versions(&manifest.versions)?;
    ensure!(
        Manifest::new(&manifest.settings())? == manifest,
        "manifest.json is of another effort or of other ways, run the comparison again"
    );
    let again = Study::new(
        manifest,
        from_csv(&text("gait.csv")?, "gait.csv")?,
        from_csv(&text("features.csv")?, "features.csv")?,
        from_csv(&text("skill.csv")?, "skill.csv")?,
    );
    let (texts, figures) = (again.texts()?, figures::all(&again)?);
    folder::check(folder, &texts, &figures)?;
    Ok(Checked { replicates: again.lines.len(), texts: texts.len(), figures: figures.len() })
}

#[cfg(test)]
mod tests;
