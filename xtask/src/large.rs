//! `cargo xtask bench --large`: the command on a table larger than the memory it is allowed.
//!
//! Every side is a process of its own, measured from its start to its end: what is asked is how
//! long a user waits and how much memory that takes.

#![expect(clippy::disallowed_types, reason = "a benchmark reads the clock")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use fi_bench::peers::{LargeRun, LargeRuns};
use fi_core::Rng;
use ndarray::Array2;

use crate::bench::processor;
use crate::root;

const N_FEATURES: usize = 20;
/// Rows that are drawn at once.
const BLOCK_ROWS: usize = 1 << 16;
const ALLOWED_MIB: u64 = 1024;
/// Peers are given fewer rows where all would take them long.
const PEER_PERMUTATION_ROWS: usize = 1_000_000;
const PEER_SHAP_ROWS: usize = 200_000;
/// Between two looks at a process.
const LOOK: Duration = Duration::from_millis(20);

/// What `--large` is given.
pub(crate) struct Large<'a> {
    pub(crate) rows: usize,
    pub(crate) repeats: usize,
    /// The command.
    pub(crate) fi: &'a Path,
    /// A Python with xgboost and scikit-learn, which trains the model.
    pub(crate) python: &'a Path,
    pub(crate) output: &'a Path,
}

impl Large<'_> {
    pub(crate) fn run(&self) -> Result<()> {
        std::fs::create_dir_all(self.output)?;
        let folder = root().join("target/large");
        std::fs::create_dir_all(&folder)?;
        let outcome = self.measure(&folder);
        // The files are of gigabytes.
        std::fs::remove_dir_all(&folder)?;
        outcome
    }

    fn measure(&self, folder: &Path) -> Result<()> {
        println!("drawing {} rows of {N_FEATURES} features", self.rows);
        self.draw(&folder.join("rows.parquet"))?;
        self.draw(&folder.join("rows.npy"))?;
        let script = root().join("benches/peers/large.py");
        let python = || {
            let mut command = Command::new(self.python);
            command.arg(&script).arg(folder);
            command
        };
        ensure!(python().arg("train").status()?.success(), "the model could not be trained");
        let version = |of: &str| -> Result<String> {
            let said = Command::new(self.python)
                .args(["-c", &format!("import {of}; print({of}.__version__)")])
                .output()?;
            Ok(String::from_utf8(said.stdout)?.trim().to_owned())
        };
        let xgboost = format!("xgboost {}", version("xgboost")?);
        let sklearn = format!("scikit-learn {} with {xgboost}", version("sklearn")?);
        let threads = std::thread::available_parallelism()?.to_string();
        let theirs = |work: &str, rows: usize| {
            let mut command = python();
            command.args([work, &rows.to_string(), &threads]);
            command
        };
        let ours = |call: &str| {
            let mut command = Command::new(self.fi);
            command.args(call.split(' ')).arg("--model").arg(folder.join("model.json"));
            command.arg("--data").arg(folder.join("rows.parquet"));
            command.args(["--memory", &format!("{ALLOWED_MIB}MiB"), "--quiet"]);
            command.env("TMPDIR", folder);
            command
        };
        let to = |mut command: Command, file: &str| {
            command.arg("--output").arg(folder.join(file));
            command
        };
        let permutation = format!(
            "importance permutation --target target --task regression --metric \
             neg_mean_squared_error --seed 0 --repeats {}",
            self.repeats
        );
        let fi = concat!("fi ", env!("CARGO_PKG_VERSION"));
        let n = self.rows;
        let shuffled = PEER_PERMUTATION_ROWS.min(n);
        let fewer = PEER_SHAP_ROWS.min(n);
        let drop = "--drop target";
        let works = [
            ("predict", "fi", fi, n, 1, to(ours(&format!("predict {drop}")), "ours.npy")),
            ("predict", "xgboost", xgboost.as_str(), n, 1, theirs("predict", n)),
            ("permutation", "fi", fi, n, self.repeats, to(ours(&permutation), "permutation.csv")),
            (
                "permutation",
                "scikit-learn",
                sklearn.as_str(),
                shuffled,
                1,
                theirs("permutation", shuffled),
            ),
            (
                "shap importance",
                "fi",
                fi,
                n,
                1,
                to(ours(&format!("importance shap {drop}")), "shap.csv"),
            ),
            ("shap importance", "xgboost", xgboost.as_str(), fewer, 1, theirs("shap", fewer)),
            ("shap values", "fi", fi, n, 1, to(ours(&format!("explain shap {drop}")), "shap.npy")),
        ];
        let mut runs = LargeRuns::default();
        for (work, side, version, rows, repeats, command) in works {
            println!("{work} by {version}");
            let allowed_mib = (side == "fi").then_some(ALLOWED_MIB);
            let (wall_s, cpu_s, peak_mib) = watched(command)?;
            runs.0.push(LargeRun {
                work: work.to_owned(),
                side: side.to_owned(),
                version: version.to_owned(),
                rows,
                repeats,
                allowed_mib,
                wall_s,
                cpu_s,
                peak_mib,
            });
            self.write(&runs)?;
        }
        println!("{}", runs.table()?);
        Ok(())
    }

    fn write(&self, runs: &LargeRuns) -> Result<()> {
        let write = |name: &str, bytes: &[u8]| {
            fi_io::write_atomic(self.output.join(name), |file| file.write_all(bytes))
        };
        write("raw.csv", &runs.to_csv()?)?;
        let parquet = "float64 rows of 20 features and a target";
        let head = format!("{}; {parquet}; 100 trees of depth 6\n\n", processor());
        Ok(write("table.md", format!("{head}{}", runs.table()?).as_bytes())?)
    }

    /// The same rows as Parquet or npy: standard normal features and a target that a few of them make.
    fn draw(&self, path: &Path) -> Result<()> {
        let columns: Vec<String> =
            (0..N_FEATURES).map(|i| format!("x{i}")).chain(["target".to_owned()]).collect();
        fi_io::write_rows(path, &columns, 0, &[self.rows], |writer| -> Result<()> {
            for block in 0..self.rows.div_ceil(BLOCK_ROWS) {
                let mut rng = Rng::new(20, block as u64);
                let n = BLOCK_ROWS.min(self.rows - block * BLOCK_ROWS);
                let mut rows = Array2::zeros((n, columns.len()));
                for mut row in rows.rows_mut() {
                    row.iter_mut().for_each(|x| *x = rng.normal());
                    let smooth = (0..N_FEATURES / 2).map(|i| row[i] / (i + 1) as f64);
                    let smooth: f64 = smooth.sum();
                    row[N_FEATURES] += 2.0 * smooth + row[0] * row[1] + row[2].sin();
                }
                writer.push(rows.view())?;
            }
            Ok(())
        })
    }
}

/// Wall seconds, CPU seconds and the peak memory in MiB of a process.
fn watched(mut command: Command) -> Result<(f64, f64, u64)> {
    let start = Instant::now();
    let mut child = command.stdout(Stdio::null()).spawn().with_context(|| {
        format!("{} cannot be started", PathBuf::from(command.get_program()).display())
    })?;
    let folder = PathBuf::from(format!("/proc/{}", child.id()));
    let (mut ticks, mut peak_kib) = (0, 0);
    let status = loop {
        // Both only grow: what is missed is what came after the last look.
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
        peak_kib = peak(&read("status")).unwrap_or(peak_kib);
        ticks = cpu_ticks(&read("stat")).unwrap_or(ticks);
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(LOOK);
    };
    let wall = start.elapsed().as_secs_f64();
    ensure!(status.success(), "{command:?} failed");
    // Linux counts hundredths of a second for every program.
    Ok((wall, ticks as f64 / 100.0, peak_kib.div_ceil(1024)))
}

/// In KiB, from `/proc/PID/status`.
fn peak(status: &str) -> Option<u64> {
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Of the process and all its threads, from `/proc/PID/stat`; a name may hold spaces.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u64>().ok();
    Some(next()? + next()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_measured() {
        let mut command = Command::new("sh");
        command.args(["-c", "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done"]);
        let (wall, cpu, peak_mib) = watched(command).unwrap();
        assert!(wall > 0.0 && cpu <= wall * 2.0 + 0.1 && peak_mib > 0, "{wall} {cpu} {peak_mib}");
        let mut fails = Command::new("sh");
        fails.args(["-c", "exit 3"]);
        assert!(watched(fails).unwrap_err().to_string().ends_with("failed"));
    }

    #[test]
    fn the_kernels_numbers_are_read() {
        assert_eq!(peak("Name:\tfi\nVmHWM:\t  2048 kB\n"), Some(2048));
        let stat = "7 (a b) c) S 1 2 3 4 5 6 7 8 9 10 250 31 0 0";
        assert_eq!(cpu_ticks(stat), Some(281));
        assert_eq!((peak(""), cpu_ticks("")), (None, None));
    }
}
