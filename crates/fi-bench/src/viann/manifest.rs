//! `manifest.json`: settings, versions and the hashes of the data; no clock and no path.

use std::fmt::Write as _;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::cell::Protocol;
use super::{Plan, Settings};
use crate::compare::manifest::versions;
use crate::data_sets::DataSet;

/// What was run, with what settings and versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The command that writes the same folder.
    pub command: String,
    /// The data sets and the SHA-256 of their files.
    pub data: Vec<(String, String)>,
    /// The first seed.
    pub seed: u64,
    /// How many seeds.
    pub n_seeds: usize,
    /// The numbers of epochs of the arms without early stopping.
    pub epochs: Vec<usize>,
    /// Whether it was a quick look.
    pub quick: bool,
    /// What every cell shares.
    pub(super) protocol: Protocol,
    /// The versions of fi and of the packages that can change a number.
    pub versions: Vec<(String, String)>,
}

impl Manifest {
    pub(super) fn new(plan: &Plan, sets: &[DataSet], settings: &Settings) -> Result<Self> {
        let mut command = "cargo xtask compare viann".to_owned();
        if plan.quick {
            command.push_str(" --quick");
        }
        if settings.data.is_some() {
            let _ = write!(command, " --data {}", plan.data.join(","));
        }
        if let Some(n_seeds) = settings.n_seeds {
            let _ = write!(command, " --seeds {n_seeds}");
        }
        if plan.seed != 0 {
            let _ = write!(command, " --seed {}", plan.seed);
        }
        let data = sets.iter().map(|set| (set.name.clone(), set.provenance.sha256.clone()));
        Ok(Self {
            command,
            data: data.collect(),
            seed: plan.seed,
            n_seeds: plan.n_seeds,
            epochs: plan.epochs.clone(),
            quick: plan.quick,
            protocol: plan.protocol.clone(),
            versions: versions()?,
        })
    }

    pub(super) fn to_json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}
