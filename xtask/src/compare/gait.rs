//! `cargo xtask compare gait`: which sensors, and which pair of them, tell an injured gait?

use std::path::Path;

use anyhow::Result;
use comfy_table::{Table, presets};
use fi_bench::gait::{Settings, Study, check};
use fi_core::Run;

use super::Compare;

/// Runs the study and writes its folder.
pub(super) fn run(compare: &Compare, folder: &Path) -> Result<()> {
    let settings =
        Settings { seed: compare.seed, n_seeds: compare.n_seeds(), quick: compare.quick };
    let study = compare
        .with_progress(|bar| Study::run(&Run::new(compare.seed).with_progress(bar), &settings))?;
    study.write(folder)?;
    compare.finish(folder, &table(&study), check, "scores")
}

/// How often each way finds what was planted; the report has the rest.
fn table(study: &Study) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(["level", "phase", "way", "found", "AUC"]);
    for line in &study.recovery {
        table.add_row([
            line.level.clone(),
            line.phase.clone(),
            line.way.clone(),
            format!("{:.0} %", 100.0 * line.found),
            format!("{:.2}", line.auc),
        ]);
    }
    table
}
