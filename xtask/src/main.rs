//! `cargo xtask`: the project's runner. `cargo xtask --help` lists the commands.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command speaks to its user")]

mod accuracy;
mod bench;
mod browser;
mod ci;
mod compare;
mod docs_test;
mod fuzz;
mod golden;
mod large;
mod methods;
mod side;
mod tidy;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Runs the comparisons and the chores of fi.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Compare the feature importances of networks and a forest on a data set, and write a report
    Compare(compare::Compare),
    /// Time fi beside its peers, and record it
    Bench(bench::Bench),
    /// Open the pages of `fi report` in a headless Chromium and click through them
    Browser(browser::Browser),
    /// Write the golden numbers of the tests again, from pinned Python packages
    Golden(golden::Golden),
    /// Run the commands and the Python of a page of the documentation
    DocsTest(docs_test::DocsTest),
    /// Write the tables of docs/methods.md from docs/methods.toml
    Methods,
    Fuzz(fuzz::Fuzz),
    /// Run everything that a change must pass
    Ci,
    /// Check the project's own rules: file lengths, first lines, data sets, links
    Tidy,
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Compare(compare) => compare.run(),
        Command::Bench(bench) => bench.run(),
        Command::Browser(browser) => browser.run(),
        Command::Golden(golden) => golden.run(),
        Command::DocsTest(page) => page.run(),
        Command::Methods => methods::run(),
        Command::Fuzz(fuzz) => fuzz.run(),
        Command::Ci => ci::run(),
        Command::Tidy => tidy::run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The folder of the workspace.
fn root() -> PathBuf {
    let xtask = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().map_or(xtask.clone(), PathBuf::from)
}
