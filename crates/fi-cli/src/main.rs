//! `fi`: which inputs of a model matter. Files in, files out, no code.
//!
//! Every command reads files, calls one function of the libraries and writes files; nothing here
//! computes what a library user could not. `fi --help` lists the commands.
#![expect(clippy::print_stderr, reason = "a command speaks to its user")]

mod anytime;
mod compare;
mod data;
mod dry_run;
mod failure;
mod help;
mod importance;
mod inspect;
mod interactions;
mod large;
mod learner;
mod lime;
mod local;
mod network;
mod output;
mod plot;
mod plot_rows;
mod predict;
mod report;
mod select;
mod sequence;
mod session;
mod shap;
mod shelf;
mod shell;
mod table;
mod train;
mod train_network;

use std::process::ExitCode;

use clap::{FromArgMatches as _, Parser, Subcommand};

use crate::session::Session;

/// Which inputs of a machine-learning model matter, and how sure that is.
#[derive(Parser)]
#[command(name = "fi", version)]
struct Cli {
    #[command(flatten)]
    everywhere: Everywhere,
    #[command(subcommand)]
    command: Command,
}

/// What every command understands.
#[derive(clap::Args)]
pub(crate) struct Everywhere {
    /// The seed of everything that is drawn
    #[arg(long, global = true, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// How many threads; the answer does not depend on it [default: all cores]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) threads: Option<u32>,
    /// No progress bar and no notes
    #[arg(long, global = true)]
    pub(crate) quiet: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Train one of fi's own models, and say how good it is on rows it has not seen
    Train(Box<train::Train>),
    /// Predict rows
    Predict(Box<predict::Predict>),
    /// Say what a model file is
    Inspect(inspect::Inspect),
    /// One score per feature: how much each matters to the model as a whole
    Importance(Box<importance::Command>),
    /// One score per row and feature: what each adds to each prediction
    Explain(Box<local::Explain>),
    /// One score per pair of features: what they add together and not alone
    Interactions(Box<interactions::InteractionsCommand>),
    /// Which features to keep, and how good a model of them is on rows it has not seen
    Select(Box<select::Select>),
    /// Several methods on one model or on several: scores, and how far they agree
    Compare(Box<compare::Compare>),
    /// A picture of a result file
    Plot(Box<plot::Plot>),
    /// One page about a model: every method that fits, pictures, rows, warnings
    Report(Box<report::Report>),
    /// What makes a shell complete this command's words
    Completions(shell::Completions),
    /// Manual pages, one per command
    Man(shell::Man),
}

/// What a library panics with on a hostile file becomes an error, and is not said twice.
fn say_what_is_not_caught() {
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !fi_core::is_panic_caught() {
            default(info);
        }
    }));
}

fn main() -> ExitCode {
    say_what_is_not_caught();
    let matches = help::command().get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let done = Session::new(&cli.everywhere).and_then(|session| {
        session.install(|| match &cli.command {
            Command::Train(train) => train.run(&session),
            Command::Predict(predict) => predict.run(&session),
            Command::Inspect(inspect) => inspect.run(&session),
            Command::Importance(importance) => importance.run(&session),
            Command::Explain(explain) => explain.run(&session),
            Command::Interactions(interactions) => interactions.run(&session),
            Command::Select(select) => select.run(&session),
            Command::Compare(compare) => compare.run(&session),
            Command::Plot(plot) => plot.run(&session),
            Command::Report(report) => report.run(&session),
            Command::Completions(completions) => completions.run(),
            Command::Man(man) => man.run(),
        })
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !matches!(failure, failure::Failure::Unheard) {
                eprintln!("fi: {failure}");
            }
            failure.exit_code()
        }
    }
}
