//! Every measured second, and the table that follows from them.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

use super::black_box::{BLACK_BOX, MOST_BEYOND};
use super::lines;
use super::works::{WORKS, Work};

/// What one side prints when it has done a piece of work some times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// CPU seconds of each repetition.
    pub cpu: Vec<f64>,
    /// Wall seconds of each repetition.
    pub wall: Vec<f64>,
    /// The process's peak memory in KiB.
    pub peak_kib: u64,
    /// What a trained model scores on rows it has not seen: accuracy, or R².
    #[serde(default)]
    pub score: Option<f64>,
    /// CPU seconds of the model alone on what each repetition asked of it; empty where it is not
    /// timed apart.
    #[serde(default)]
    pub forward: Vec<f64>,
    /// How many rows that were.
    #[serde(default)]
    pub model_rows: Option<u64>,
}

/// One repetition of one side: a line of the record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// [`Work::name`].
    pub work: String,
    /// The peer that the work is compared with.
    pub against: String,
    /// Who did it: `fi`, or the peer.
    pub side: String,
    /// The version of who did it.
    pub version: String,
    /// On how many threads.
    pub threads: usize,
    /// Of how many rows.
    pub rows: usize,
    /// CPU seconds.
    pub cpu_s: f64,
    /// Wall seconds.
    pub wall_s: f64,
    /// Peak memory of the process in KiB.
    pub peak_kib: u64,
    /// What a trained model scores on rows it has not seen.
    pub score: Option<f64>,
    /// CPU seconds of the model alone on what the work asked of it.
    #[serde(default)]
    pub forward_cpu_s: Option<f64>,
    /// How many rows that were.
    #[serde(default)]
    pub model_rows: Option<u64>,
}

/// All lines of a record, in the order they were measured.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Records(pub Vec<Record>);

impl Records {
    /// Reads `raw.csv`.
    ///
    /// # Errors
    ///
    /// A file that cannot be read or is no record.
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

    /// Adds what a side measured.
    pub fn add(&mut self, work: &Work, side: &str, version: &str, threads: usize, m: &Measured) {
        let rows = if side == "fi" { work.rows } else { work.peer_rows };
        for (i, (&cpu_s, &wall_s)) in m.cpu.iter().zip(&m.wall).enumerate() {
            self.0.push(Record {
                work: work.name.to_owned(),
                against: work.peer.name.to_owned(),
                side: side.to_owned(),
                version: version.to_owned(),
                threads,
                rows,
                cpu_s,
                wall_s,
                peak_kib: m.peak_kib,
                score: m.score,
                forward_cpu_s: m.forward.get(i).copied(),
                model_rows: m.model_rows,
            });
        }
    }

    /// The table in Markdown: medians of both sides, and how many times faster fi is per row.
    ///
    /// # Errors
    ///
    /// A line with a number of rows that is 0 or seconds that are no positive numbers.
    pub fn table(&self) -> Result<String> {
        for record in &self.0 {
            let positive = record.cpu_s > 0.0 && record.wall_s > 0.0 && record.rows > 0;
            if !positive || !(record.cpu_s + record.wall_s).is_finite() {
                bail!("the record of `{}` by {} has no positive times", record.work, record.side);
            }
        }
        let mut text = String::new();
        let header = "| work | rows | fi, CPU s | peer | its rows | its CPU s | ratio per row | asked for | \
             wall ratio on 2 threads | peak MiB, fi / peer | score, fi / peer |\n\
             |---|---|---|---|---|---|---|---|---|---|---|\n";
        for work in WORKS {
            let side = |side: &str, threads| Side::of(self, work, side, threads);
            let (Some(ours), Some(theirs)) = (side("fi", 1), side(work.peer.name, 1)) else {
                continue;
            };
            if text.is_empty() {
                text.push_str(header);
            }
            let ratio = theirs.cpu_per_row() / ours.cpu_per_row();
            let wall = match (side("fi", 2), side(work.peer.name, 2)) {
                (Some(ours), Some(theirs)) => {
                    format!("{}×", short(theirs.wall / theirs.rows / (ours.wall / ours.rows)))
                }
                _ => String::new(),
            };
            let score = match (ours.score, theirs.score) {
                (Some(ours), Some(theirs)) => format!("{ours:.4} / {theirs:.4}"),
                _ => String::new(),
            };
            let reached = if ratio >= work.at_least { "" } else { ", **missed**" };
            writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} | {}× | {}×{reached} | {wall} | {:.0} / {:.0} | {score} |",
                work.title,
                ours.rows,
                short(ours.cpu),
                work.peer.title,
                theirs.rows,
                short(theirs.cpu),
                short(ratio),
                work.at_least,
                ours.peak_mib,
                theirs.peak_mib,
            )?;
        }
        text.push_str(&self.black_box()?);
        Ok(text)
    }

    /// The table of methods that only predict; empty without them.
    fn black_box(&self) -> Result<String> {
        let mut text = String::new();
        for work in BLACK_BOX {
            let side = |side: &str| Side::of(self, work, side, 1);
            let (Some(ours), Some(theirs)) = (side("fi"), side(work.peer.name)) else {
                continue;
            };
            if text.is_empty() {
                text.push_str(
                    "\n| work | rows | fi, CPU s | beyond the model (asked for) | rows of the \
                     model | peer | its rows | its CPU s | beyond the model | rows of the model | \
                     ratio per row (asked for) | µs of a model's row, fi / peer | score, fi / peer \
                     |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
                );
            }
            let ratio = theirs.cpu_per_row() / ours.cpu_per_row();
            let missed = |reached: bool| if reached { "" } else { ", **missed**" };
            let percent = |share: f64| format!("{:.1} %", 100.0 * share);
            let beyond = ours.beyond.map_or(String::new(), |share| {
                if !work.name.starts_with("black_box:") {
                    return percent(share);
                }
                let reached = missed(share <= MOST_BEYOND);
                format!("{} (≤ {:.0} %{reached})", percent(share), 100.0 * MOST_BEYOND)
            });
            let model_rows = |side: &Side| side.model_rows.map_or(String::new(), |n| n.to_string());
            let each = match (ours.each_us, theirs.each_us) {
                (Some(ours), Some(theirs)) => format!("{} / {}", short(ours), short(theirs)),
                _ => String::new(),
            };
            let score = match (ours.score, theirs.score) {
                (Some(ours), Some(theirs)) => format!("{ours:.4} / {theirs:.4}"),
                _ => String::new(),
            };
            writeln!(
                text,
                "| {} | {} | {} | {beyond} | {} | {} | {} | {} | {} | {} | {}× ({}×{}) | {each} | {score} |",
                work.title,
                ours.rows,
                short(ours.cpu),
                model_rows(&ours),
                work.peer.title,
                theirs.rows,
                short(theirs.cpu),
                theirs.beyond.map_or(String::new(), percent),
                model_rows(&theirs),
                short(ratio),
                work.at_least,
                missed(ratio >= work.at_least),
            )?;
        }
        Ok(text)
    }
}

/// The medians of one side of a piece of work.
struct Side {
    cpu: f64,
    wall: f64,
    rows: f64,
    peak_mib: f64,
    score: Option<f64>,
    /// The share of the time that is not the model's.
    beyond: Option<f64>,
    model_rows: Option<u64>,
    /// Microseconds of the model alone per row.
    each_us: Option<f64>,
}

impl Side {
    fn of(records: &Records, work: &Work, side: &str, threads: usize) -> Option<Self> {
        let lines: Vec<&Record> = records
            .0
            .iter()
            .filter(|r| r.work == work.name && r.against == work.peer.name)
            .filter(|r| r.side == side && r.threads == threads)
            .collect();
        let first = lines.first()?;
        let of = |number: fn(&Record, f64) -> f64| {
            let numbers: Option<Vec<f64>> =
                lines.iter().map(|r| Some(number(r, r.forward_cpu_s?))).collect();
            numbers.map(|numbers| median(numbers.into_iter()))
        };
        Some(Self {
            beyond: of(|record, forward| 1.0 - forward / record.cpu_s),
            each_us: of(|record, forward| 1e6 * forward / record.model_rows.unwrap_or(0) as f64),
            model_rows: first.model_rows,
            cpu: median(lines.iter().map(|r| r.cpu_s)),
            wall: median(lines.iter().map(|r| r.wall_s)),
            rows: first.rows as f64,
            peak_mib: median(lines.iter().map(|r| r.peak_kib as f64 / 1024.0)),
            score: first.score,
        })
    }

    fn cpu_per_row(&self) -> f64 {
        self.cpu / self.rows
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    fi_core::quantile(&sorted, 0.5).unwrap_or(f64::NAN)
}

/// Three significant digits.
fn short(value: f64) -> String {
    let digits = 2 - value.abs().log10().floor() as i32;
    format!("{value:.*}", digits.clamp(0, 6) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(cpu: &[f64]) -> Measured {
        let wall = cpu.iter().map(|s| s * 1.5).collect();
        Measured {
            cpu: cpu.to_vec(),
            wall,
            peak_kib: 2048,
            score: None,
            forward: Vec::new(),
            model_rows: None,
        }
    }

    #[test]
    fn the_table_holds_medians_and_the_ratio_per_row() {
        let slow = WORKS.iter().find(|work| work.rows == 100 * work.peer_rows).unwrap();
        let mut records = Records::default();
        records.add(slow, "fi", "0", 1, &measured(&[0.5, 0.25, 8.0]));
        records.add(slow, slow.peer.name, "1", 1, &measured(&[4.0]));
        let table = records.table().unwrap();
        let line = table.lines().nth(2).unwrap();
        // 4 s for a hundredth of the rows, against 0.5 s: 800 times.
        assert!(line.contains("| 0.500 | shap 0.54.1 | 100 | 4.00 | 800× | 500× |"), "{line}");
        records.add(slow, "fi", "0", 1, &measured(&[8.0, 8.0]));
        assert!(records.table().unwrap().contains("| 50.0× | 500×, **missed** |"));
        records.0[0].cpu_s = 0.0;
        assert!(records.table().unwrap_err().to_string().contains("no positive times"));
    }

    #[test]
    fn records_survive_their_file() {
        let mut records = Records::default();
        records.add(&WORKS[0], "fi", "0.1", 2, &measured(&[0.1, 1.0 / 3.0]));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("raw.csv");
        std::fs::write(&path, records.to_csv().unwrap()).unwrap();
        assert_eq!(Records::read(&path).unwrap(), records);
    }

    #[test]
    fn every_work_is_named_once_for_each_peer() {
        for (i, work) in WORKS.iter().enumerate() {
            let same = |other: &Work| other.name == work.name && other.peer == work.peer;
            assert!(!WORKS[..i].iter().any(same), "{} by {}", work.name, work.peer.name);
            assert!(work.peer_rows <= work.rows && work.repetitions > 0, "{}", work.name);
        }
    }
}
