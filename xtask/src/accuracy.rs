//! `cargo xtask bench --accuracy`: our trees' scores beside those of other libraries, recorded.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use fi_bench::peers::{Environment, Peer, Scored, Scores, Split, TABLES, TreeLearner, split};
use serde_json::Value;

use crate::root;

/// What is scored, and where to.
pub(crate) struct Accuracy<'a> {
    pub(crate) python: &'a Path,
    pub(crate) output: &'a Path,
    /// Only where `table learner peer` contains this.
    pub(crate) only: Option<&'a str>,
    pub(crate) seeds: u64,
}

impl Accuracy<'_> {
    /// Adds what the record lacks, line by line, and computes its table.
    pub(crate) fn run(&self) -> Result<()> {
        std::fs::create_dir_all(self.output)?;
        let raw = self.output.join("raw.csv");
        let mut scores = if raw.exists() { Scores::read(&raw)? } else { Scores::default() };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
        for table in TABLES {
            for learner in TreeLearner::ALL {
                for peer in learner.peers() {
                    let name = format!("{table} {} {}", learner.name(), peer.name);
                    if self.only.is_some_and(|only| !name.contains(only)) {
                        continue;
                    }
                    pool.install(|| self.ours(table, learner, &mut scores))?;
                    self.theirs(table, learner, peer, &mut scores)?;
                }
            }
        }
        let table = scores.table()?;
        let text = format!(
            "Means over seeds: another split (drawn tables: other rows) and other draws for each, \
             the same for both sides. Differences are paired by seed.\n\n{table}"
        );
        fi_io::write_atomic(self.output.join("table.md"), |file| file.write_all(text.as_bytes()))?;
        println!("{table}");
        Ok(())
    }

    fn keep(&self, scores: &Scores) -> Result<()> {
        let csv = scores.to_csv()?;
        Ok(fi_io::write_atomic(self.output.join("raw.csv"), |file| file.write_all(&csv))?)
    }

    fn ours(&self, table: &str, learner: TreeLearner, scores: &mut Scores) -> Result<()> {
        for seed in 0..self.seeds {
            if scores.has(table, learner, "fi", seed) {
                continue;
            }
            println!("{table}, {} {seed} by fi", learner.name());
            let split = split(table, seed)?;
            let predictions = learner.predictions(&split, seed)?;
            let (who, version) =
                ((table, learner, "fi"), concat!("fi ", env!("CARGO_PKG_VERSION")));
            let target = split.test.target();
            scores.0.push(Scored::new(who, version, seed, predictions.view(), target)?);
            self.keep(scores)?;
        }
        Ok(())
    }

    /// One process for all seeds that are missing, because starting one takes longer than a small
    /// forest.
    fn theirs(
        &self,
        table: &str,
        learner: TreeLearner,
        peer: &Peer,
        scores: &mut Scores,
    ) -> Result<()> {
        let missing = |seed: &u64| !scores.has(table, learner, peer.name, *seed);
        let seeds: Vec<u64> = (0..self.seeds).filter(missing).collect();
        let (Some(&first), folder) = (seeds.first(), self.output.join("splits")) else {
            return Ok(());
        };
        for seed in &seeds {
            split(table, *seed)?.save(&folder.join(seed.to_string()))?;
        }
        println!("{table}, {} {first}… by {}", learner.name(), peer.title);
        let mut command = self.command(&folder, learner, peer, split(table, first)?.n_classes())?;
        command.args(seeds.iter().map(u64::to_string));
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        for line in BufReader::new(child.stdout.take().context("a pipe")?).lines() {
            let line = line?;
            if !line.starts_with('{') {
                continue; // libraries print other lines, too
            }
            let said: Value = serde_json::from_str(&line)
                .with_context(|| format!("{command:?} printed `{line}`"))?;
            let (Some(seed), Some(version)) = (said["seed"].as_u64(), said["version"].as_str())
            else {
                bail!("{command:?} printed `{line}`, expected a seed and a version")
            };
            let split: Split = split(table, seed)?;
            let folder = folder.join(seed.to_string());
            let predictions = split.read_predictions(&folder.join("predictions.bin"))?;
            let who = (table, learner, peer.name);
            let target = split.test.target();
            scores.0.push(Scored::new(who, version, seed, predictions.view(), target)?);
            self.keep(scores)?;
            std::fs::remove_dir_all(folder)?;
        }
        ensure!(child.wait()?.success(), "{command:?} failed");
        std::fs::remove_dir(folder)?;
        Ok(())
    }

    fn command(
        &self,
        folder: &Path,
        learner: TreeLearner,
        peer: &Peer,
        n_classes: usize,
    ) -> Result<Command> {
        let script = |name: &str| -> PathBuf { root().join("benches/peers").join(name) };
        let mut command = match peer.environment {
            Environment::R => {
                let mut command = Command::new("Rscript");
                command.arg(script("accuracy.R")).arg(folder);
                command
            }
            Environment::Python => {
                let mut command = Command::new(self.python);
                command.arg(script("accuracy.py")).arg(folder);
                command.args([peer.name, learner.name()]);
                command
            }
            _ => bail!("{} trains no trees to be scored", peer.title),
        };
        command.arg(n_classes.to_string());
        Ok(command)
    }
}
