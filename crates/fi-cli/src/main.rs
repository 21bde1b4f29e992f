//! `fi`: which inputs of a model matter. Files in, files out, no code.
//!
//! Every command reads files, calls one function of the libraries and writes files; nothing here
//! computes what a library user could not. `fi --help` lists the commands.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command speaks to its user")]

mod anytime;
mod data;
mod failure;
mod importance;
mod inspect;
mod large;
mod local;
mod network;
mod output;
mod plot;
mod predict;
mod sequence;
mod session;
mod train;
mod train_network;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::session::Session;

/// Which inputs of a machine-learning model matter, and how sure that is.
///
/// Models: XGBoost .json/.ubj, LightGBM .txt, CatBoost .json, .onnx, scikit-learn's trees exported
/// to JSON, and fi's own .fi. Data: .csv with a header, or .npy (of three dimensions for sequences).
#[derive(Parser)]
#[command(name = "fi", version, after_help = EXAMPLES)]
struct Cli {
    #[command(flatten)]
    everywhere: Everywhere,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  \\fi train forest --data iris.csv --target species --output iris.fi
  \\fi inspect iris.fi
  \\fi importance permutation --model iris.fi --data iris.csv --target species --plot bars.svg
  \\fi importance shap --model booster.json --data rows.csv --output importance.csv
  \\fi explain shap --model booster.json --data rows.npy --output shap.npy
  \\fi train lstm --data series.npy --target y.npy --output net.fi
  \\fi importance integrated-gradients --model net.fi --data series.npy --over both --plot map.svg
  \\fi interactions shap --model booster.json --data rows.npy --output pairs.csv
  \\fi plot pair-heatmap importance.csv --title \"Sensor pairs\" --output heatmap.svg";

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
    Train(train::Train),
    /// Predict rows
    Predict(predict::Predict),
    /// Say what a model file is
    Inspect(inspect::Inspect),
    /// One score per feature: how much each matters to the model as a whole
    Importance(Box<importance::Command>),
    /// One score per row and feature: what each adds to each prediction
    Explain(local::Explain),
    /// One score per pair of features: what they add together and not alone
    Interactions(local::InteractionsCommand),
    /// A picture of a result file
    Plot(plot::Plot),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = Session::new(&cli.everywhere).and_then(|session| {
        session.install(|| match &cli.command {
            Command::Train(train) => train.run(&session),
            Command::Predict(predict) => predict.run(&session),
            Command::Inspect(inspect) => inspect.run(),
            Command::Importance(importance) => importance.run(&session),
            Command::Explain(explain) => explain.run(&session),
            Command::Interactions(interactions) => interactions.run(&session),
            Command::Plot(plot) => plot.run(&session),
        })
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("fi: {failure}");
            failure.exit_code()
        }
    }
}
