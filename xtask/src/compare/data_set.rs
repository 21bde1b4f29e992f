//! `cargo xtask compare iris`: networks and a forest on one data set.

use std::path::Path;

use anyhow::Result;
use comfy_table::{Table, presets};
use fi_bench::compare::{Comparison, Settings, VIANN, check, verdicts};
use fi_core::Run;

use super::Compare;

pub(super) fn run(options: &Compare, folder: &Path) -> Result<()> {
    let settings = Settings {
        data: options.what.clone(),
        seed: options.seed,
        n_seeds: options.n_seeds(),
        quick: options.quick,
    };
    let comparison = options.with_progress(|bar| {
        Comparison::run(&Run::new(options.seed).with_progress(bar), &settings)
    })?;
    comparison.write(folder)?;
    options.finish(folder, &table(&comparison), check, "replicates")
}

/// Each network's VIANN against the forest's MDI; the report has the other methods.
fn table(comparison: &Comparison) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(["VIANN of the", "Pearson with MDI", "verdict"]);
    for v in verdicts(&comparison.records).into_iter().filter(|v| v.method == VIANN) {
        let [median, low, high] = v.agreement;
        let agreement = format!("{median:.2} [{low:.2}, {high:.2}]");
        table.add_row([v.model.as_str(), agreement.as_str(), v.text()]);
    }
    table
}
