//! `manifest.json`: what was asked, and with which versions; no clock and no path.

use std::fmt::Write as _;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::{Plan, Settings};
use crate::compare::manifest::versions;

/// What was drawn, with what settings and versions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The command that writes the same folder.
    pub command: String,
    /// The first data set's number.
    pub seed: u64,
    /// How many data sets of each case, if the user said so.
    pub n_trials: Option<usize>,
    /// Whether it was a quick look.
    pub quick: bool,
    /// The cases: name, what is done, and how many data sets were drawn.
    pub cases: Vec<(String, String, usize)>,
    /// The versions of fi and of the packages that can change a number.
    pub versions: Vec<(String, String)>,
}

impl Manifest {
    pub(super) fn new(plan: &Plan) -> Result<Self> {
        let mut command = "cargo xtask compare coverage".to_owned();
        if plan.quick {
            command.push_str(" --quick");
        }
        if let Some(n) = plan.n_trials {
            let _ = write!(command, " --seeds {n}");
        }
        if plan.seed != 0 {
            let _ = write!(command, " --seed {}", plan.seed);
        }
        let case =
            |case: &super::Case| (case.name.to_owned(), case.about.to_owned(), plan.n_trials(case));
        Ok(Self {
            command,
            seed: plan.seed,
            n_trials: plan.n_trials,
            quick: plan.quick,
            cases: plan.cases.iter().map(case).collect(),
            versions: versions()?,
        })
    }

    /// The settings that write the same folder.
    pub(super) fn settings(&self) -> Settings {
        Settings { seed: self.seed, n_trials: self.n_trials, quick: self.quick }
    }

    pub(super) fn to_json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}
