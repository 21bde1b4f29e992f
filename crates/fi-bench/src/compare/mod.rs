//! `cargo xtask compare`: networks and a forest on one data set, every method that fits each.
//!
//! [`Comparison::run`] trains and scores; [`Comparison::write`] writes the folder;
//! [`check`] reads a folder back and computes everything in it again from `replicates.csv`.
//!
//! The numbers go one way: replicates → [`records::Records`] → importance and agreement lines →
//! figures and report. Nothing in a report comes from anywhere else.

mod check;
mod figures;
pub(crate) mod folder;
pub(crate) mod html;
pub(crate) mod manifest;
pub(crate) mod methods;
mod models;
mod published;
pub mod records;
pub(crate) mod replicate;
pub(crate) mod report;
pub mod summary;
mod verdict;
mod yardsticks;

use std::path::Path;

use anyhow::{Result, ensure};
use fi_core::agreement::Agreement;
use fi_core::{Fold, Folds, Metric, Players, Run, Target};
use ndarray::ArrayView1;

pub use check::{Checked, check};
pub use manifest::Manifest;
pub use methods::VIANN;
pub use verdict::{Answer, Verdict, verdicts};

pub(crate) use check::same_text;
pub(crate) use html::document;
pub(crate) use manifest::versions;
pub(crate) use replicate::joined;
pub(crate) use yardsticks::anova_f;

use crate::data_sets::{self, DataSet};
use models::Arm;
use records::{Record, Records};
use replicate::ShapSample;
use summary::{AgreementLine, ImportanceLine};

/// What a user may choose about a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The data set's name; see [`data_sets::names`].
    pub data: String,
    /// The first seed. Default 0.
    pub seed: u64,
    /// How many seeds; each splits the rows anew. Default by data set, 10 for Iris.
    pub n_seeds: Option<usize>,
    /// Two seeds, one for larger data: for a quick look and for tests.
    pub quick: bool,
}

impl Settings {
    /// The default settings for a data set.
    pub fn new(data: &str) -> Self {
        Self { data: data.to_owned(), seed: 0, n_seeds: None, quick: false }
    }
}

/// Everything that is fixed before the first fit.
struct Plan {
    data: fi_core::Dataset,
    players: Players,
    groups: Option<Players>,
    arms: Vec<Arm>,
    metrics: Vec<Metric>,
    top_k_metric: Metric,
    seed: u64,
    n_seeds: usize,
    n_folds: usize,
    n_repeats: usize,
    shap: ShapSample,
    top_k: Vec<usize>,
    top_k_in_every_fold: bool,
    quick: bool,
}

impl Plan {
    fn new(set: &DataSet, settings: &Settings) -> Result<Self> {
        let data = &set.data;
        let small = data.n_features() <= 6;
        let default_seeds = if small {
            10
        } else if data.n_features() <= 16 {
            5
        } else {
            2
        };
        let quick_seeds = if small { 2 } else { 1 };
        let n_seeds =
            settings.n_seeds.unwrap_or(if settings.quick { quick_seeds } else { default_seeds });
        ensure!(n_seeds >= 1, "the number of seeds is 0, it must be at least 1");
        let top_k = [1, 2, 3, 5, 10, 20, 30].into_iter().filter(|k| *k < data.n_features());
        Ok(Self {
            data: data.clone(),
            players: Players::features(data.feature_names().iter().cloned())?,
            groups: set.groups()?,
            arms: models::arms(data),
            metrics: replicate::skill_metrics(data.target()),
            top_k_metric: replicate::skill_metrics(data.target()).remove(1),
            seed: settings.seed,
            n_seeds,
            n_folds: 5,
            n_repeats: 10,
            shap: ShapSample { rows: 50, background: 30, permutations: 4 },
            top_k: top_k.collect(),
            top_k_in_every_fold: small,
            quick: settings.quick,
        })
    }

    /// The splits of one seed: the same for every model and method.
    fn splits(&self, run: &Run<'_>) -> Result<Vec<Fold>> {
        let n_splits = self.n_folds;
        let folds = match self.data.target() {
            Target::Classes { .. } => Folds::StratifiedGroup { n_splits, shuffle: true },
            Target::Values(_) => Folds::KFold { n_splits, shuffle: true },
        };
        Ok(folds.split(run, &self.data)?)
    }
}

/// Whether SHAP enumerates all coalitions of so many features.
pub(crate) fn is_exact(n_features: usize) -> bool {
    n_features <= 6
}

/// The metric whose increase is the importance of permutation, LOFO and set-to-zero.
fn metric(target: &Target) -> Metric {
    replicate::skill_metrics(target).remove(0)
}

/// A finished comparison.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// The data set.
    pub data: DataSet,
    /// Settings and versions.
    pub manifest: Manifest,
    /// Every number of every fit.
    pub replicates: Vec<Record>,
    /// The same, indexed.
    pub records: Records,
    /// `importance.csv`.
    pub importance: Vec<ImportanceLine>,
    /// `agreement.csv`.
    pub agreement: Vec<AgreementLine>,
}

impl Comparison {
    /// Trains every model and scores it by every method; `run` is only heard for progress and
    /// cancellation, the seeds are those of the settings.
    ///
    /// # Errors
    ///
    /// If there is no such data set, or a fit fails; [`fi_core::Error::Cancelled`].
    pub fn run(run: &Run<'_>, settings: &Settings) -> Result<Self> {
        let data = data_sets::load(&settings.data)?;
        let plan = Plan::new(&data, settings)?;
        let manifest = Manifest::new(&data, &plan, settings)?;
        let mut tasks = Vec::new();
        for seed in (plan.seed..).take(plan.n_seeds) {
            let seeded = Run::new(seed);
            for (fold, split) in plan.splits(&seeded)?.into_iter().enumerate() {
                tasks.push((seed, fold, split, seeded.split(fold as u64)));
            }
        }
        let fits = run.map(tasks.len(), |task, _| {
            let (seed, fold, split, fit) = &tasks[task];
            replicate::replicate(&plan, fit, *seed, *fold, split).map_err(|error| {
                fi_core::Error::model(format!("{error:#}"))
                    .in_task(format!("{}, seed {seed}, fold {fold}", data.name))
            })
        })?;
        Self::new(data, manifest, fits.concat())
    }

    /// The summaries of these replicates.
    fn new(data: DataSet, manifest: Manifest, replicates: Vec<Record>) -> Result<Self> {
        let records = Records::new(&replicates)?;
        let (importance, agreement) =
            (summary::importance(&records), summary::agreement(&records)?);
        Ok(Self { data, manifest, replicates, records, importance, agreement })
    }

    /// The text files of the folder and their contents.
    fn texts(&self) -> Result<Vec<(&'static str, String)>> {
        let report = report::markdown(self);
        let page = html::page(self, &report)?;
        Ok(vec![
            ("replicates.csv", records::to_csv(&self.replicates)?),
            ("importance.csv", records::to_csv(&self.importance)?),
            ("agreement.csv", records::to_csv(&self.agreement)?),
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

    /// The two features with the largest absolute correlation, and the correlation.
    fn most_correlated(&self) -> Option<(String, String, f64)> {
        let names = self.data.data.feature_names();
        let rows = self.data.data.rows();
        let mut best: Option<(usize, usize, f64)> = None;
        for a in 0..names.len() {
            for b in a + 1..names.len() {
                let r = correlation(rows.column(a), rows.column(b));
                if best.is_none_or(|(_, _, other)| r.abs() > other.abs()) && r.is_finite() {
                    best = Some((a, b, r));
                }
            }
        }
        best.map(|(a, b, r)| (names[a].clone(), names[b].clone(), r))
    }
}

/// Pearson correlation; NaN if one is constant.
pub(crate) fn correlation(x: ArrayView1<'_, f64>, y: ArrayView1<'_, f64>) -> f64 {
    let defined = Agreement::Pearson.between(&x.to_vec(), &y.to_vec());
    defined.ok().flatten().unwrap_or(f64::NAN)
}
