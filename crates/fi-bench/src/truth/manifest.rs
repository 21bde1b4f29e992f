//! `manifest.json`: what was asked, what answered, and with which versions; no clock and no path.

use std::fmt::Write as _;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::fit::Effort;
use super::methods::METHODS;
use super::{Plan, Settings, model_names, problem_names};
use crate::compare::versions;

/// What was studied, with what settings and versions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The command that writes the same folder.
    pub command: String,
    /// The first seed.
    pub seed: u64,
    /// How many seeds.
    pub n_seeds: usize,
    /// Numbers of training rows.
    pub n_rows: Vec<usize>,
    /// Whether it was a quick look.
    pub quick: bool,
    /// How much work the methods did.
    pub effort: Effort,
    /// The problems and what they are.
    pub problems: Vec<(String, String)>,
    /// The models and what they are.
    pub models: Vec<(String, String)>,
    /// The methods and what they compute.
    pub methods: Vec<(String, String)>,
    /// The versions of fi and of the packages that can change a number.
    pub versions: Vec<(String, String)>,
}

impl Manifest {
    pub(super) fn new(plan: &Plan) -> Result<Self> {
        let names: Vec<&str> = plan.problems.iter().map(|problem| problem.name).collect();
        let kinds: Vec<&str> = plan.kinds.iter().map(|kind| kind.name).collect();
        let mut command = "cargo xtask compare truth".to_owned();
        if plan.quick {
            command.push_str(" --quick");
        }
        if kinds != model_names() {
            let _ = write!(command, " --models {}", kinds.join(","));
        }
        if names != problem_names() {
            let _ = write!(command, " --problems {}", names.join(","));
        }
        if plan.n_seeds != if plan.quick { 2 } else { 10 } {
            let _ = write!(command, " --seeds {}", plan.n_seeds);
        }
        if plan.seed != 0 {
            let _ = write!(command, " --seed {}", plan.seed);
        }
        let owned = |(name, about): (&str, &str)| (name.to_owned(), about.to_owned());
        Ok(Self {
            command,
            seed: plan.seed,
            n_seeds: plan.n_seeds,
            n_rows: plan.n_rows.clone(),
            quick: plan.quick,
            effort: plan.effort,
            problems: plan.problems.iter().map(|p| owned((p.name, p.about))).collect(),
            models: plan.kinds.iter().map(|k| (k.name.to_owned(), (k.about)())).collect(),
            methods: METHODS.iter().map(|m| owned((m.name, m.about))).collect(),
            versions: versions()?,
        })
    }

    /// The settings that write the same folder.
    pub(super) fn settings(&self) -> Settings {
        let names = |pairs: &[(String, String)]| pairs.iter().map(|(n, _)| n.clone()).collect();
        Settings {
            models: names(&self.models),
            problems: names(&self.problems),
            seed: self.seed,
            n_seeds: Some(self.n_seeds),
            quick: self.quick,
        }
    }

    pub(super) fn to_json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}
