//! `cargo xtask compare coverage`: do the intervals hold what they say, and are the p-values uniform?
//!
//! A case draws a data set from a population whose answer is known, asks one method, and notes for
//! each quantity whether its interval holds the true value, or its p-value. After a thousand data
//! sets the share is held against the nominal one.
//!
//! [`Study::run`] draws, [`Study::write`] writes the folder, [`check`] computes everything again
//! from the trials. To add a case, write a line of a list in `cases/`.

mod cases;
mod figures;
mod manifest;
mod report;
mod summary;

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use fi_core::{Error, Run};
use serde::{Deserialize, Serialize};

pub use manifest::Manifest;
pub use summary::{Line, Verdict};

use crate::compare::folder::{self, read_text};
use crate::compare::manifest::check_versions;
use crate::compare::records::{from_csv, to_csv};
use crate::compare::{Checked, document};
use cases::Case;

/// What a user may choose about the study.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// The first data set's number. Default 0.
    pub seed: u64,
    /// How many data sets of each case; by default 1000, and 400 where each needs trainings.
    pub n_trials: Option<usize>,
    /// Few data sets: for a quick look and for tests.
    pub quick: bool,
}

/// What one data set said of one quantity: one line of `trials.csv`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// The case.
    pub case: String,
    /// What is estimated or tested.
    pub quantity: String,
    /// The number of the data set.
    pub trial: u64,
    /// What the method found.
    pub value: f64,
    /// The true value; empty for a p-value.
    pub truth: Option<f64>,
    /// The interval.
    pub low: Option<f64>,
    /// Its upper end.
    pub high: Option<f64>,
    /// The p-value.
    pub p_value: Option<f64>,
}

/// Everything that is fixed before the first draw.
pub(crate) struct Plan {
    seed: u64,
    quick: bool,
    n_trials: Option<usize>,
    cases: Vec<Case>,
}

impl Plan {
    fn new(settings: &Settings) -> Result<Self> {
        ensure!(
            settings.n_trials != Some(0),
            "the number of data sets is 0, it must be at least 1"
        );
        let Settings { seed, n_trials, quick } = *settings;
        Ok(Self { seed, quick, n_trials, cases: cases::all()? })
    }

    fn n_trials(&self, case: &Case) -> usize {
        self.n_trials.unwrap_or(match (self.quick, case.refits) {
            (true, true) => 10,
            (true, false) => 40,
            (false, true) => 400,
            (false, false) => 1000,
        })
    }
}

/// A finished study.
pub struct Study {
    /// Settings and versions.
    pub manifest: Manifest,
    /// `trials.csv`.
    pub trials: Vec<Trial>,
    /// `coverage.csv`.
    pub lines: Vec<Line>,
}

impl Study {
    /// Draws the data sets and asks the methods; `run` is only heard for progress and cancellation,
    /// the seeds are those of the settings.
    ///
    /// # Errors
    ///
    /// If a method fails; [`fi_core::Error::Cancelled`].
    pub fn run(run: &Run<'_>, settings: &Settings) -> Result<Self> {
        let plan = Plan::new(settings)?;
        let tasks: Vec<(&Case, u64)> = plan
            .cases
            .iter()
            .flat_map(|case| {
                let trials = (plan.seed..).take(plan.n_trials(case));
                trials.map(move |trial| (case, trial))
            })
            .collect();
        let found = run.map(tasks.len(), |task, _| {
            let (case, trial) = tasks[task];
            case.trial(trial).map_err(|error| {
                Error::model(format!("{error:#}"))
                    .in_task(format!("{}, data set {trial}", case.name))
            })
        })?;
        drop(tasks);
        Self::new(&plan, found.concat())
    }

    /// The tables of these trials.
    fn new(plan: &Plan, trials: Vec<Trial>) -> Result<Self> {
        let (manifest, lines) = (Manifest::new(plan)?, summary::lines(&plan.cases, &trials)?);
        Ok(Self { manifest, trials, lines })
    }

    /// The text files of the folder and their contents.
    fn texts(&self) -> Result<Vec<(&'static str, String)>> {
        let report = report::markdown(self);
        let mut pictures = Vec::new();
        for (name, figure) in figures::all(self)? {
            pictures.push((format!("{name}.svg"), figure.svg()?));
        }
        Ok(vec![
            ("trials.csv", to_csv(&self.trials)?),
            ("coverage.csv", to_csv(&self.lines)?),
            ("report.html", document(report::TITLE, &report, &pictures)),
            ("report.md", report),
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

/// Computes report, page, tables and figures again from `trials.csv` and `manifest.json`.
///
/// # Errors
///
/// If a file is missing or differs, naming its first different line; if a figure has overlapping
/// or cut text; if the cases or versions are not those of the manifest.
pub fn check(folder: &Path) -> Result<Checked> {
    let text = |name: &str| read_text(folder, name);
    let manifest: Manifest =
        serde_json::from_str(&text("manifest.json")?).context("manifest.json does not parse")?;
    check_versions(&manifest.versions)?;
    let plan = Plan::new(&manifest.settings())?;
    let again = Study::new(&plan, from_csv(&text("trials.csv")?, "trials.csv")?)?;
    if again.manifest != manifest {
        bail!("manifest.json is of other cases, run the comparison again");
    }
    let (texts, figures) = (again.texts()?, figures::all(&again)?);
    folder::check(folder, &texts, &figures)?;
    Ok(Checked { replicates: again.trials.len(), texts: texts.len(), figures: figures.len() })
}

#[cfg(test)]
mod tests;
