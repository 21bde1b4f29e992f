//! `manifest.json`: settings, versions and the hash of the data; no clock and no path.

use std::fmt::Write as _;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use super::{Plan, Settings, is_exact};
use crate::data_sets::DataSet;

const LOCK: &str = include_str!("../../../../Cargo.lock");

/// The packages whose version can change a number.
const PACKAGES: [&str; 8] = [
    "linfa",
    "linfa-linear",
    "linfa-logistic",
    "linfa-trees",
    "matrixmultiply",
    "ndarray",
    "plotters",
    "rand_chacha",
];

/// What was compared, with what settings and versions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The command that writes the same folder.
    pub command: String,
    /// The data set.
    pub data: String,
    /// SHA-256 of its file.
    pub data_sha256: String,
    /// The first seed.
    pub seed: u64,
    /// How many seeds.
    pub n_seeds: usize,
    /// How many folds each seed's split has.
    pub n_folds: usize,
    /// The metric of permutation, LOFO and set-to-zero.
    pub metric: String,
    /// The metric of the forest's out-of-bag permutation.
    pub oob_metric: String,
    /// The metric of the models retrained on the best features.
    pub top_k_metric: String,
    /// How often permutation importance shuffles.
    pub n_repeats: usize,
    /// How many hold-out rows SHAP explains at the most.
    pub shap_rows: usize,
    /// How many training rows SHAP draws as background.
    pub shap_background: usize,
    /// How SHAP is computed.
    pub shap_estimator: String,
    /// The models and what they are.
    pub models: Vec<(String, String)>,
    /// The versions of fi and of the packages that can change a number.
    pub versions: Vec<(String, String)>,
}

impl Manifest {
    pub(super) fn new(set: &DataSet, plan: &Plan, settings: &Settings) -> Result<Self> {
        let mut command = format!("cargo xtask compare {}", set.name);
        if settings.quick {
            command.push_str(" --quick");
        }
        if let Some(n_seeds) = settings.n_seeds {
            let _ = write!(command, " --seeds {n_seeds}");
        }
        if settings.seed != 0 {
            let _ = write!(command, " --seed {}", settings.seed);
        }
        let n_test = plan.data.n_rows() / plan.n_folds;
        Ok(Self {
            command,
            data: set.name.clone(),
            data_sha256: set.provenance.sha256.clone(),
            seed: plan.seed,
            n_seeds: plan.n_seeds,
            n_folds: plan.n_folds,
            metric: super::metric(plan.data.target()).name(),
            oob_metric: super::models::oob_metric(plan.data.target()).name(),
            top_k_metric: plan.top_k_metric.name(),
            n_repeats: plan.n_repeats,
            shap_rows: plan.shap.rows.min(n_test),
            shap_background: plan.shap.background,
            shap_estimator: if is_exact(plan.data.n_features()) {
                "exact: every coalition".to_owned()
            } else {
                format!("{} antithetic permutations", plan.shap.permutations)
            },
            models: plan.arms.iter().map(|arm| (arm.name.to_owned(), arm.about.clone())).collect(),
            versions: versions()?,
        })
    }

    pub(super) fn to_json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

/// Versions as the committed lock file pins them.
pub(crate) fn versions() -> Result<Vec<(String, String)>> {
    #[derive(Deserialize)]
    struct Lock {
        package: Vec<Package>,
    }
    #[derive(Deserialize)]
    struct Package {
        name: String,
        version: String,
    }
    let lock: Lock = toml::from_str(LOCK).context("Cargo.lock does not parse")?;
    let mut versions = vec![("fi".to_owned(), env!("CARGO_PKG_VERSION").to_owned())];
    for name in PACKAGES {
        let of_name = lock.package.iter().filter(|package| package.name == name);
        versions.extend(of_name.map(|package| (name.to_owned(), package.version.clone())));
    }
    Ok(versions)
}

/// Whether this build would write these versions.
///
/// # Errors
///
/// If not, naming the first that differs.
pub(crate) fn check_versions(theirs: &[(String, String)]) -> Result<()> {
    let ours = versions()?;
    let other = theirs.iter().zip(&ours).find(|(their, our)| their != our);
    if let Some(((name, version), (our_name, our_version))) = other {
        bail!(
            "manifest.json is of {name} {version}, but this build has {our_name} {our_version}, \
             run the comparison again"
        );
    }
    ensure!(theirs == ours, "manifest.json lists other packages, run the comparison again");
    Ok(())
}
