//! `cargo xtask compare truth`: every method against problems whose important inputs are known.

#![expect(clippy::disallowed_types, reason = "how long a ranking takes is part of the answer")]

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use comfy_table::{Table, presets};
use fi_bench::truth::{Cells, Clock, Settings, Study, check, redraw};
use fi_core::Run;
use sha2::{Digest, Sha256};

use super::Compare;
use crate::root;

/// Runs the study and writes its folder.
pub(super) fn run(compare: &Compare, folder: &Path) -> Result<()> {
    if compare.redraw {
        return redraw(folder);
    }
    let settings = Settings {
        models: compare.models.clone(),
        problems: compare.problems.clone(),
        seed: compare.seed,
        n_seeds: compare.n_seeds(),
        quick: compare.quick,
    };
    // A quick look is computed anew; a long study goes on where it was interrupted.
    let kept = root().join("target/compare/truth-cells");
    let cells = (!compare.quick).then(build).transpose()?;
    let cells = cells.map(|build| Cells { folder: &kept, build });
    let start = Instant::now();
    let now = || start.elapsed().as_secs_f64();
    let clock: Option<Clock<'_>> = (!compare.check).then_some(&now);
    let study = compare.with_progress(|bar| {
        Study::run(&Run::new(compare.seed).with_progress(bar), &settings, cells.as_ref(), clock)
    })?;
    study.write(folder)?;
    compare.finish(folder, &table(&study), check, "replicates")
}

/// The SHA-256 of this very program: another build may compute other numbers.
fn build() -> Result<String> {
    let program = std::env::current_exe().context("this program cannot be found")?;
    let bytes = std::fs::read(&program).with_context(|| program.display().to_string())?;
    let hex = |text, byte| format!("{text}{byte:02x}");
    Ok(Sha256::digest(bytes).iter().fold(String::new(), hex))
}

/// The methods by their mean AUC; the report has the rest.
fn table(study: &Study) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(["model", "method", "mean AUC", "problems"]);
    for (model, method, auc, n_problems) in study.by_auc() {
        table.add_row([model, method, format!("{auc:.2}"), n_problems.to_string()]);
    }
    table
}
