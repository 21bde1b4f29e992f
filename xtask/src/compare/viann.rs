//! `cargo xtask compare viann`: the VIANN paper's experiment, repeated; goes on where it stopped.

use std::path::Path;

use anyhow::Result;
use comfy_table::{Table, presets};
use fi_bench::viann::{Cache, Experiment, PAIRS, Settings, Verdict, check, code_version};
use fi_core::Run;

use super::Compare;
use crate::root;

pub(super) fn run(options: &Compare, folder: &Path) -> Result<()> {
    let cache = Cache { folder: root().join("target/compare/cells"), code: code_version(&root())? };
    let settings = Settings {
        seed: options.seed,
        n_seeds: options.n_seeds(),
        quick: options.quick,
        data: (!options.data.is_empty()).then(|| options.data.clone()),
        cache: Some(cache),
    };
    let experiment = options.with_progress(|bar| {
        Experiment::run(&Run::new(options.seed).with_progress(bar), &settings)
    })?;
    experiment.write(folder)?;
    options.finish(folder, &table(&experiment), check, "replicates")
}

/// How many published cells are reproduced, by pair.
fn table(experiment: &Experiment) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(["pair", "cells run", "reproduced"]);
    for pair in PAIRS {
        let run = experiment.lines.iter().filter(|l| l.pair == pair && l.n_seeds > 0);
        let reproduced = run.clone().filter(|line| line.verdict == Verdict::Reproduced);
        table.add_row([pair, &run.count().to_string(), &reproduced.count().to_string()]);
    }
    table
}
