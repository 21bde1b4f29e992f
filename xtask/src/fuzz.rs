//! `cargo xtask fuzz`: the fuzz targets of `fuzz/`, each for some minutes, from files that exist.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

/// Files above this slow a fuzzer down and teach it nothing.
const LARGEST_SEED: u64 = 16 << 10;

/// A target and where files of its format stand in the project.
struct Target {
    name: &'static str,
    folders: &'static [&'static str],
    suffix: &'static str,
}

/// One for each parser.
const TARGETS: &[Target] = &[
    Target {
        name: "xgboost_json",
        folders: &["crates/fi-models/tests/golden/xgboost"],
        suffix: ".json",
    },
    Target {
        name: "xgboost_ubjson",
        folders: &["crates/fi-models/tests/golden/xgboost"],
        suffix: ".ubj",
    },
    Target {
        name: "lightgbm",
        folders: &["crates/fi-models/tests/golden/lightgbm"],
        suffix: ".txt",
    },
    Target {
        name: "catboost",
        folders: &["crates/fi-models/tests/golden/catboost"],
        suffix: "model.json",
    },
    Target {
        name: "onnx",
        folders: &[
            "crates/fi-models/tests/golden/onnx",
            "crates/fi-models/tests/golden/onnx_graphs",
        ],
        suffix: ".onnx",
    },
    Target {
        name: "scikit_learn",
        folders: &["crates/fi-models/tests/golden/scikit_learn"],
        suffix: ".model.json",
    },
    Target {
        name: "safetensors",
        folders: &["crates/fi-models/tests/golden/networks"],
        suffix: ".safetensors",
    },
    Target { name: "store", folders: &["crates/fi-models/tests/golden"], suffix: ".fi" },
    // What these begin with stands in `fuzz/corpus`.
    Target { name: "npy", folders: &[], suffix: ".npy" },
    Target { name: "npz", folders: &[], suffix: ".npz" },
    Target { name: "csv", folders: &[], suffix: ".csv" },
    Target { name: "parquet", folders: &["crates/fi-io/tests/golden"], suffix: ".parquet" },
];

/// Run the fuzz targets (needs a nightly compiler and `cargo install cargo-fuzz`)
#[derive(Args)]
pub(crate) struct Fuzz {
    /// Which parsers, all if none is named
    #[arg(value_name = "TARGET", value_parser = clap::builder::PossibleValuesParser::new(TARGETS.iter().map(|target| target.name)))]
    targets: Vec<String>,
    /// How long each runs
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    seconds: u64,
    /// `address` finds wild accesses too, in more time and memory
    #[arg(long, value_parser = ["none", "address"], default_value = "none")]
    sanitizer: String,
}

impl Fuzz {
    pub(crate) fn run(&self) -> Result<()> {
        let asked = |target: &&Target| {
            self.targets.is_empty() || self.targets.iter().any(|name| name == target.name)
        };
        let mut crashed = Vec::new();
        for target in TARGETS.iter().filter(asked) {
            if !self.run_one(target)? {
                crashed.push(target.name);
            }
        }
        if !crashed.is_empty() {
            bail!("{} crashed, see fuzz/artifacts", crashed.join(", "));
        }
        Ok(())
    }

    /// Whether the target came to its end without a crash.
    fn run_one(&self, target: &Target) -> Result<bool> {
        let root = crate::root();
        let corpus = root.join("fuzz/corpus").join(target.name);
        let seeds = seeds(&root, target)?;
        // What is found goes here, and not between the files that are committed.
        let found = root.join("fuzz/target/found").join(target.name);
        fs::create_dir_all(&found)?;
        let has_files =
            |folder: &Path| fs::read_dir(folder).is_ok_and(|mut all| all.next().is_some());
        ensure!(
            has_files(&seeds) || has_files(&corpus),
            "{} has no file to begin with",
            target.name
        );
        let mut command = Command::new("cargo");
        command.args(["+nightly", "fuzz", "run", "--sanitizer", &self.sanitizer, target.name]);
        command.arg(found).arg(seeds);
        if corpus.is_dir() {
            command.arg(corpus);
        }
        command.arg("--").arg(format!("-max_total_time={}", self.seconds)).args([
            "-timeout=10",
            "-rss_limit_mb=2048",
            "-print_final_stats=1",
        ]);
        // What a backtrace takes to print is not the parser's memory.
        command.env("RUST_BACKTRACE", "0");
        // The pinned toolchain of the workspace is not the one to fuzz with.
        let status = command.current_dir(root).env_remove("RUSTUP_TOOLCHAIN").status();
        Ok(status.context("cargo cannot be started")?.success())
    }
}

/// A folder of the project's own files of the format.
fn seeds(root: &Path, target: &Target) -> Result<PathBuf> {
    let seeds = root.join("fuzz/target/seeds").join(target.name);
    fs::create_dir_all(&seeds)?;
    for folder in target.folders {
        let folder = root.join(folder);
        for entry in fs::read_dir(&folder).with_context(|| format!("{}", folder.display()))? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if !name.ends_with(target.suffix) || path.metadata()?.len() > LARGEST_SEED {
                continue;
            }
            let mut bytes = fs::read(&path)?;
            if target.name == "safetensors" {
                // The layers, a zero, the tensors.
                let layers = fs::read(path.with_extension("json"))?;
                ensure!(!layers.contains(&0), "{name} has layers with a zero");
                bytes = [layers, vec![0], bytes].concat();
            }
            fs::write(seeds.join(name), bytes)?;
        }
    }
    Ok(seeds)
}
