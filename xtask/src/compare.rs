//! `cargo xtask compare`: what is compared, the options all comparisons share, and the dispatch.

mod coverage;
mod data_set;
mod gait;
mod truth;
mod viann;

use std::io::IsTerminal as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use clap::builder::PossibleValuesParser;
use comfy_table::Table;
use fi_bench::compare::Checked;
use fi_bench::data_sets;
use fi_core::Progress;
use indicatif::{ProgressBar, ProgressStyle};

use crate::root;

/// What runs one experiment and writes its folder.
type Experiment = fn(&Compare, &Path) -> Result<()>;

/// The experiments that go over several data sets, a line each; any other name is a data set's.
const EXPERIMENTS: &[(&str, Experiment)] = &[
    ("coverage", coverage::run),
    ("gait", gait::run),
    ("truth", truth::run),
    ("viann", viann::run),
];

/// The options of `cargo xtask compare`.
#[derive(Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Compare {
    /// The experiment, or the data set whose models are compared
    #[arg(value_parser = PossibleValuesParser::new(names()))]
    what: String,
    /// How many seeds, or data sets of `coverage` [default: by experiment]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    seeds: Option<u32>,
    /// The first seed
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    /// Few seeds on few data, for a quick look
    #[arg(long, conflicts_with = "seeds")]
    quick: bool,
    /// Compute every number again from the files written, and look for overlapping text in figures
    #[arg(long)]
    check: bool,
    /// Of `truth`: only write the report and the figures in --output again, from the tables there
    #[arg(long, requires = "output", conflicts_with_all = ["quick", "check", "seeds"])]
    redraw: bool,
    /// Where to write [default: target/compare, and in it the name of the experiment or data]
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// How many threads; the answer does not depend on it [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    threads: Option<u32>,
    /// Data sets of `viann`, with commas between [default: all six]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    data: Vec<String>,
    /// Models of `truth`, with commas between [default: all]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    models: Vec<String>,
    /// Problems of `truth`, with commas between [default: all]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    problems: Vec<String>,
    /// No progress bar and no table
    #[arg(long)]
    quiet: bool,
}

/// Everything that can be compared.
fn names() -> Vec<&'static str> {
    EXPERIMENTS.iter().map(|(name, _)| *name).chain(data_sets::names()).collect()
}

impl Compare {
    pub(crate) fn run(self) -> Result<()> {
        let folder =
            self.output.clone().unwrap_or_else(|| root().join("target/compare").join(&self.what));
        ensure!(
            self.what == "viann" || self.data.is_empty(),
            "`{}` takes no --data, only `viann` does",
            self.what
        );
        ensure!(
            self.what == "truth" || (self.models.is_empty() && self.problems.is_empty()),
            "`{}` takes no --models and no --problems, only `truth` does",
            self.what
        );
        ensure!(self.what == "truth" || !self.redraw, "only `truth` takes --redraw");
        ensure!(!folder.is_file(), "{} is a file, give a folder with --output", folder.display());
        // Before the work, not after it.
        let is_new = !folder.exists();
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("{} cannot be made, give another folder", folder.display()))?;
        let experiment = EXPERIMENTS.iter().find(|(name, _)| *name == self.what);
        let run = experiment.map_or(data_set::run as Experiment, |(_, run)| *run);
        run(&self, &folder).inspect_err(|_| {
            // What was refused leaves nothing; a folder that holds something stays.
            if is_new {
                let _ = std::fs::remove_dir(&folder);
            }
        })
    }

    /// Does the work on the chosen number of threads, behind a progress bar.
    fn with_progress<T: Send>(&self, work: impl FnOnce(&Bar) -> Result<T> + Send) -> Result<T> {
        let threads = self.threads.unwrap_or(0) as usize;
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
        let bar = Bar::new(self.quiet);
        let done = pool.install(|| work(&bar));
        bar.0.finish_and_clear();
        done
    }

    /// Says what was found and where it stands, and checks the folder if that is asked for.
    fn finish(
        &self,
        folder: &Path,
        table: &Table,
        check: fn(&Path) -> Result<Checked>,
        noun: &str,
    ) -> Result<()> {
        if !self.quiet {
            println!("{table}");
            println!("Report: {}", folder.join("report.html").display());
        }
        if self.check {
            let Checked { texts, figures, replicates } = check(folder)
                .with_context(|| format!("{} does not hold together", folder.display()))?;
            println!(
                "Checked: {texts} texts and {figures} figures computed again from {replicates} \
                 {noun}, all the same."
            );
        }
        Ok(())
    }

    /// How many seeds the user wants.
    fn n_seeds(&self) -> Option<usize> {
        self.seeds.map(|n| n as usize)
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
