//! `cargo xtask compare coverage`: do intervals and p-values keep their promise?

use std::path::Path;

use anyhow::Result;
use comfy_table::{Table, presets};
use fi_bench::coverage::{Settings, Study, Verdict, check};
use fi_core::Run;

use super::Compare;

/// Runs the study and writes its folder.
pub(super) fn run(compare: &Compare, folder: &Path) -> Result<()> {
    let settings =
        Settings { seed: compare.seed, n_trials: compare.n_seeds(), quick: compare.quick };
    let study = compare
        .with_progress(|bar| Study::run(&Run::new(compare.seed).with_progress(bar), &settings))?;
    study.write(folder)?;
    compare.finish(folder, &table(&study), check, "trials")
}

/// What each interval and test promises and does.
fn table(study: &Study) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(["method", "statistic", "nominal", "measured", "95 % of it", "promise"]);
    for line in &study.lines {
        let verdict = match line.verdict {
            Verdict::Kept => "kept",
            Verdict::Cautious => "cautious",
            Verdict::Broken => "BROKEN",
        };
        table.add_row([
            line.method.clone(),
            line.statistic.clone(),
            format!("{:.3}", line.nominal),
            format!("{:.3}", line.measured),
            format!("{:.3} - {:.3}", line.low, line.high),
            verdict.to_owned(),
        ]);
    }
    table
}
