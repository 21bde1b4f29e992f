//! Tables larger than memory: what the command takes for them, beside peers that hold them whole.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::lines;

/// One process, from its start to its end: a line of the record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LargeRun {
    /// What was done: `predict`, `permutation`, `shap importance`, `shap values`.
    pub work: String,
    /// Who did it: `fi`, or the name of a peer.
    pub side: String,
    /// Its version.
    pub version: String,
    /// The rows that were explained.
    pub rows: usize,
    /// Shuffles of each feature; 1 for works without.
    pub repeats: usize,
    /// How much memory was allowed, in MiB, if that was said.
    pub allowed_mib: Option<u64>,
    /// Seconds from start to end, reading included.
    pub wall_s: f64,
    /// CPU seconds of all threads.
    pub cpu_s: f64,
    /// The most resident memory, in MiB.
    pub peak_mib: u64,
}

/// All lines of a record.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LargeRuns(pub Vec<LargeRun>);

impl LargeRuns {
    /// Reads `raw.csv`.
    ///
    /// # Errors
    ///
    /// A file that cannot be read or is no such record.
    pub fn read(path: &Path) -> Result<Self> {
        lines::read(path).map(Self)
    }

    /// As CSV.
    ///
    /// # Errors
    ///
    /// None that can happen in memory.
    pub fn to_csv(&self) -> Result<Vec<u8>> {
        lines::to_csv(&self.0)
    }

    /// The table in Markdown; a peer's ratio is its wall time by fi's, per row and repeat.
    ///
    /// # Errors
    ///
    /// None that can happen in memory.
    pub fn table(&self) -> Result<String> {
        let mut text = String::from(
            "| work | side | rows | repeats | memory allowed | peak memory | wall seconds | CPU \
             seconds | wall, per row and repeat, by fi's |\n|---|---|---|---|---|---|---|---|---|\n",
        );
        let each = |run: &LargeRun| run.wall_s / (run.rows * run.repeats) as f64;
        for run in &self.0 {
            let ours = self.0.iter().find(|other| other.work == run.work && other.side == "fi");
            let ratio = match ours {
                Some(ours) if run.side != "fi" => format!("{:.1}", each(run) / each(ours)),
                _ => String::new(),
            };
            let allowed = run.allowed_mib.map(|mib| format!("{mib} MiB")).unwrap_or_default();
            writeln!(
                text,
                "| {} | {} | {} | {} | {allowed} | {} MiB | {:.1} | {:.1} | {ratio} |",
                run.work, run.version, run.rows, run.repeats, run.peak_mib, run.wall_s, run.cpu_s
            )?;
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_compared_per_row_and_repeat() {
        let run = |side: &str, rows, repeats, wall_s| LargeRun {
            work: "permutation".to_owned(),
            side: side.to_owned(),
            version: format!("{side} 1"),
            rows,
            repeats,
            allowed_mib: (side == "fi").then_some(1024),
            wall_s,
            cpu_s: 2.0 * wall_s,
            peak_mib: 700,
        };
        let runs = LargeRuns(vec![run("fi", 1000, 30, 60.0), run("peer", 500, 1, 4.0)]);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("raw.csv"), runs.to_csv().unwrap()).unwrap();
        let read = LargeRuns::read(&folder.path().join("raw.csv")).unwrap();
        assert_eq!(read, runs);
        let table = read.table().unwrap();
        let lines: Vec<&str> = table.lines().skip(2).collect();
        let ours = "| permutation | fi 1 | 1000 | 30 | 1024 MiB | 700 MiB | 60.0 | 120.0 |  |";
        // 8 ms a row against 2 ms.
        let theirs = "| permutation | peer 1 | 500 | 1 |  | 700 MiB | 4.0 | 8.0 | 4.0 |";
        assert_eq!(lines, [ours, theirs]);
    }
}
