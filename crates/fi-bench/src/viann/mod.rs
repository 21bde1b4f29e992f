//! `cargo xtask compare viann`: the experiment of the VIANN paper, repeated over seeds.
//!
//! The paper trains three networks once on each of six data sets and prints the correlation of
//! four pairs of score vectors: 72 numbers. Here each cell is trained with many seeds, and a
//! published number counts as *reproduced* if it lies in the central 95 % of our single-seed
//! values. Arms that change one thing of the protocol ask what a miss is due to, and methods that
//! are judged on rows held out ask what the agreement is worth.
//!
//! The numbers go one way: cells ([`Score`]) → `scores.csv` → [`Replicate`] → [`Line`] → report.
//! [`check`] computes everything again from `scores.csv` and `manifest.json`.

mod arms;
mod cache;
mod cell;
mod check;
mod figures;
mod manifest;
pub(crate) mod published;
mod report;
mod tables;

use std::path::Path;

use anyhow::{Result, bail, ensure};
use fi_core::{Error, Run};

pub use cache::{Cache, code_version};
pub use cell::Score;
pub use check::check;
pub use manifest::Manifest;
pub use published::PAIRS;
pub use tables::{Line, Replicate, Verdict};

use crate::compare::records::to_csv;
use crate::compare::{folder, html};
use crate::data_sets;
use arms::{Arm, Net, Size};
use cell::{Cell, Protocol};

/// What a user may choose about the experiment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// The first seed. Default 0.
    pub seed: u64,
    /// How many seeds. Default 20.
    pub n_seeds: Option<usize>,
    /// Few seeds, the small data sets and short trainings: for a quick look and for tests.
    pub quick: bool,
    /// The data sets, of the paper's six. Default all of them, in a quick look the small ones.
    pub data: Option<Vec<String>>,
    /// Where finished cells are kept; without, nothing is. Default none.
    pub cache: Option<Cache>,
}

/// Everything that is fixed before the first fit.
struct Plan {
    seed: u64,
    n_seeds: usize,
    /// In the paper's order.
    data: Vec<&'static str>,
    /// The numbers of epochs of the arms without early stopping.
    epochs: Vec<usize>,
    protocol: Protocol,
    quick: bool,
}

impl Plan {
    fn new(settings: &Settings) -> Result<Self> {
        let quick = settings.quick;
        let n_seeds = settings.n_seeds.unwrap_or(if quick { 3 } else { 20 });
        ensure!(n_seeds >= 1, "the number of seeds is 0, it must be at least 1");
        let all = ["breast-cancer", "digits", "iris", "wine", "boston", "diabetes"];
        let chosen = settings.data.clone().unwrap_or_else(|| {
            let small = ["iris", "wine", "diabetes"].map(str::to_owned).to_vec();
            if quick { small } else { all.map(str::to_owned).to_vec() }
        });
        if let Some(name) = chosen.iter().find(|name| !all.contains(&name.as_str())) {
            bail!("the paper has no data set `{name}`, take some of {}", all.join(", "));
        }
        Ok(Self {
            seed: settings.seed,
            n_seeds,
            data: all.into_iter().filter(|name| chosen.iter().any(|c| c == name)).collect(),
            epochs: if quick { vec![7, 30] } else { vec![7, 30, 300] },
            protocol: Protocol {
                size: if quick {
                    Size { max_epochs: 60, deep_divisor: 16 }
                } else {
                    Size { max_epochs: 1000, deep_divisor: 1 }
                },
                n_repeats: 10,
                shap_rows: if quick { 10 } else { 30 },
                shap_background: if quick { 10 } else { 20 },
                shap_permutations: 4,
            },
            quick,
        })
    }

    /// The cells in the order of the files: data set, model, arm, seed.
    fn cells(&self) -> Vec<Cell> {
        let mut cells = Vec::new();
        for &data in &self.data {
            for net in [Net::Nn1, Net::Nn2, Net::Deep, Net::Forest] {
                for arm in self.arms(data, net) {
                    let seeds = (self.seed..).take(self.n_seeds_of(data, net, arm));
                    let data = data.to_owned();
                    cells.extend(seeds.map(|seed| Cell { data: data.clone(), net, arm, seed }));
                }
            }
        }
        cells
    }

    fn arms(&self, data: &str, net: Net) -> Vec<Arm> {
        if matches!(net, Net::Deep | Net::Forest) {
            return vec![Arm::Published, Arm::HoldOut];
        }
        let mut arms = vec![Arm::Published];
        // A regression's validation rows decide nothing.
        if !["boston", "diabetes"].contains(&data) {
            arms.push(Arm::DrawnValidation);
        }
        arms.extend(self.epochs.iter().map(|&n| Arm::Epochs(n)));
        arms.extend([Arm::EveryStep, Arm::HoldOut, Arm::LeaveOut]);
        arms
    }

    /// DeepNN, and retraining without each of many features, are run for fewer seeds.
    fn n_seeds_of(&self, data: &str, net: Net, arm: Arm) -> usize {
        let most = match (net, arm, data) {
            (Net::Deep, ..) | (_, Arm::LeaveOut, "breast-cancer") => 5,
            (_, Arm::LeaveOut, "digits") => 1,
            _ => usize::MAX,
        };
        self.n_seeds.min(most)
    }
}

/// The finished experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct Experiment {
    /// Settings and versions.
    pub manifest: Manifest,
    /// `scores.csv`.
    pub scores: Vec<Score>,
    /// `replicates.csv`.
    pub replicates: Vec<Replicate>,
    /// `viann.csv`.
    pub lines: Vec<Line>,
}

impl Experiment {
    /// Trains and scores every cell that is not in the cache; `run` is only heard for progress
    /// and cancellation, the seeds are those of the settings.
    ///
    /// # Errors
    ///
    /// If a fit fails or the cache cannot be used; [`fi_core::Error::Cancelled`].
    pub fn run(run: &Run<'_>, settings: &Settings) -> Result<Self> {
        let plan = Plan::new(settings)?;
        let sets: Vec<_> =
            plan.data.iter().map(|name| data_sets::load(name)).collect::<Result<_>>()?;
        let manifest = Manifest::new(&plan, &sets, settings)?;
        let cells = plan.cells();
        let scores = run.map(cells.len(), |task, _| {
            let cell = &cells[task];
            let failed = |error: anyhow::Error| {
                Error::model(format!("{error:#}")).in_task(format!(
                    "{} of {}, {}, seed {}",
                    cell.net.name(),
                    cell.data,
                    cell.arm.name(),
                    cell.seed
                ))
            };
            let set = sets.iter().find(|set| set.name == cell.data);
            let set = set.ok_or_else(|| Error::Data(format!("no data set `{}`", cell.data)))?;
            let sha256 = &set.provenance.sha256;
            if let Some(cache) = &settings.cache
                && let Some(scores) = cache.load(cell, &plan.protocol, sha256).map_err(failed)?
            {
                return Ok(scores);
            }
            let scores = cell.run(set, &plan.protocol).map_err(failed)?;
            if let Some(cache) = &settings.cache {
                cache.store(cell, &plan.protocol, sha256, &scores).map_err(failed)?;
            }
            Ok(scores)
        })?;
        Self::new(manifest, scores.concat())
    }

    /// The tables of these scores.
    fn new(manifest: Manifest, scores: Vec<Score>) -> Result<Self> {
        let replicates = tables::replicates(&scores, &manifest.epochs)?;
        let lines = tables::lines(&replicates, tables::PUBLISHED);
        Ok(Self { manifest, scores, replicates, lines })
    }

    /// The text files of the folder and their contents.
    fn texts(&self) -> Result<Vec<(&'static str, String)>> {
        let report = report::markdown(self);
        let mut pictures = Vec::new();
        for (name, figure) in figures::all(self)? {
            pictures.push((format!("{name}.svg"), figure.svg()?));
        }
        let page = html::document("The VIANN paper's experiment, repeated", &report, &pictures);
        Ok(vec![
            ("scores.csv", to_csv(&self.scores)?),
            ("replicates.csv", to_csv(&self.replicates)?),
            ("viann.csv", to_csv(&self.lines)?),
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
