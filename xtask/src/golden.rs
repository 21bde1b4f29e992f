//! `cargo xtask golden`: makes a Python environment with pinned packages and runs the scripts of
//! `xtask/golden`, each of which writes one JSON of peers' numbers beside the tests that read it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::root;

/// The options of `cargo xtask golden`.
#[derive(Args)]
pub(crate) struct Golden {
    /// The scripts to run, such as `metrics` [default: all]
    topics: Vec<String>,
    /// The Python to make the environments with; the pins need 3.11 or 3.12, those of the
    /// libraries of trees 3.12
    #[arg(long, default_value = "python3")]
    python: PathBuf,
}

impl Golden {
    pub(crate) fn run(self) -> Result<()> {
        let scripts = scripts(&root().join("xtask/golden"))?;
        let known = || scripts.iter().filter_map(|path| path.file_stem()?.to_str());
        for topic in &self.topics {
            ensure!(
                known().any(|name| name == topic),
                "there is no golden script `{topic}`, take one of {}",
                known().collect::<Vec<_>>().join(", ")
            );
        }
        for script in &scripts {
            let name = script.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
            if self.topics.is_empty() || self.topics.iter().any(|topic| topic == name) {
                println!("{name}");
                let python = environment(&self.python, &requirements(script)?)?;
                succeed(Command::new(&python).arg(script))?;
            }
        }
        Ok(())
    }
}

fn scripts(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut scripts = Vec::new();
    for entry in std::fs::read_dir(folder).context("xtask/golden cannot be read")? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "py") {
            scripts.push(path);
        }
    }
    scripts.sort();
    Ok(scripts)
}

/// The file of pinned packages that a script names in a line `# requirements: FILE`.
fn requirements(script: &Path) -> Result<String> {
    let text = std::fs::read_to_string(script).with_context(|| script.display().to_string())?;
    let named = text.lines().find_map(|line| line.strip_prefix("# requirements: "));
    Ok(named.unwrap_or("requirements.txt").trim().to_owned())
}

/// A virtual environment under `target/golden` with the packages pinned in a file.
fn environment(python: &Path, requirements: &str) -> Result<PathBuf> {
    let folder = root().join("target/golden").join(requirements.trim_end_matches(".txt"));
    let ready = folder.join("ready");
    let pins = root().join("xtask/golden").join(requirements);
    let text = std::fs::read(&pins).with_context(|| pins.display().to_string())?;
    let inside = folder.join("bin/python");
    // Installed once for these pins.
    if std::fs::read(&ready).is_ok_and(|installed| installed == text) {
        return Ok(inside);
    }
    succeed(Command::new(python).args(["-m", "venv"]).arg(&folder))?;
    succeed(Command::new(&inside).args(["-m", "pip", "install", "--quiet", "-r"]).arg(pins))?;
    std::fs::write(ready, text)?;
    Ok(inside)
}

fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("{command:?} cannot be started"))?;
    ensure!(status.success(), "{command:?} failed");
    Ok(())
}
