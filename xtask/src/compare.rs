//! `cargo xtask compare`: progress on the terminal, the report in a folder, a short table at the end.

use std::io::IsTerminal as _;
use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;
use comfy_table::{Table, presets};
use fi_bench::compare::{Comparison, Settings, VIANN, check, verdicts};
use fi_bench::data_sets;
use fi_core::{Progress, Run};
use indicatif::{ProgressBar, ProgressStyle};

use crate::root;

/// The options of `cargo xtask compare`.
#[derive(Args)]
pub(crate) struct Compare {
    /// The data set
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(data_sets::names()))]
    data: String,
    /// How many seeds; each splits the rows anew [default: 10 for iris, fewer for larger data]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    seeds: Option<u32>,
    /// The first seed
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    /// Only two seeds, one for larger data, for a quick look
    #[arg(long, conflicts_with = "seeds")]
    quick: bool,
    /// Compute every number again from the files written, and look for overlapping text in figures
    #[arg(long)]
    check: bool,
    /// Where to write [default: target/compare, and in it the name of the data]
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// How many threads; the answer does not depend on it [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    threads: Option<u32>,
    /// No progress bar and no table
    #[arg(long)]
    quiet: bool,
}

impl Compare {
    pub(crate) fn run(self) -> Result<()> {
        let output =
            self.output.clone().unwrap_or_else(|| root().join("target/compare").join(&self.data));
        ensure!(!output.is_file(), "{} is a file, give a folder with --output", output.display());
        // Before the work, not after it.
        std::fs::create_dir_all(&output)
            .with_context(|| format!("{} cannot be made, give another folder", output.display()))?;
        let threads = self.threads.unwrap_or(0) as usize;
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
        let settings = Settings {
            data: self.data.clone(),
            seed: self.seed,
            n_seeds: self.seeds.map(|n| n as usize),
            quick: self.quick,
        };
        let bar = Bar::new(self.quiet);
        let comparison =
            pool.install(|| Comparison::run(&Run::new(self.seed).with_progress(&bar), &settings))?;
        bar.0.finish_and_clear();
        comparison.write(&output)?;
        if !self.quiet {
            println!("{}", table(&comparison));
            println!("Report: {}", output.join("report.html").display());
        }
        if self.check {
            let checked = check(&output)
                .with_context(|| format!("{} does not hold together", output.display()))?;
            println!(
                "Checked: {} texts and {} figures computed again from {} replicates, all the same.",
                checked.texts, checked.figures, checked.replicates
            );
        }
        Ok(())
    }
}

/// A progress bar on stderr, drawn only on a terminal.
struct Bar(ProgressBar);

impl Bar {
    fn new(quiet: bool) -> Self {
        if quiet || !std::io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let style = ProgressStyle::with_template("{bar:40} {pos}/{len} fits, {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        Self(ProgressBar::new(0).with_style(style))
    }
}

impl Progress for Bar {
    fn advance(&self, done: usize, total: usize) -> ControlFlow<()> {
        self.0.set_length(total as u64);
        self.0.set_position(done as u64);
        ControlFlow::Continue(())
    }
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
