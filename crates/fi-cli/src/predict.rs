//! `fi predict`: a model's predictions as a file.

use std::path::PathBuf;

use clap::Args;
use fi_core::Model as _;
use fi_models::Fitted;
use ndarray::Array2;

use crate::data::{DataArgs, ModelArg};
use crate::failure::{Done, Failure};
use crate::large::{self, names_of_predictions};
use crate::output::{Sink, rows_table, write_table};
use crate::session::Session;

/// The options of `fi predict`.
#[derive(Args)]
pub(crate) struct Predict {
    #[command(flatten)]
    model: ModelArg,
    #[command(flatten)]
    data: DataArgs,
    /// Raw scores before the link: margins, log-odds
    #[arg(long)]
    raw: bool,
    /// Where to write: .npy (n_rows, n_outputs), .csv, .parquet [default: a table on stdout]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Predict {
    pub(crate) fn run(&self, session: &Session) -> Done {
        let sink = Sink::new(self.output.as_deref(), &["npy", "csv", "parquet"])?;
        let model = self.model.load(session, &self.data)?;
        if self.data.memory.is_some() {
            let Sink::File { path, .. } = sink else {
                return Failure::call("with --memory predictions go to a file: give --output");
            };
            if self.raw {
                return Failure::call("--raw needs the rows in memory: leave --memory out");
            }
            let data = self.data.spooled(&model)?;
            let names = names_of_predictions(&model, model.n_outputs());
            return large::predictions(session, &*model, &data, &names, path);
        }
        let rows = self.data.rows(session, &model)?;
        let predictions = if self.raw {
            let (Fitted::Trees(trees), None) = (&model.model, &model.scaler) else {
                return Failure::call("only trees have raw scores: leave --raw out");
            };
            in_blocks(session, &rows, |block| trees.predict_raw(block))?
        } else {
            in_blocks(session, &rows, |block| model.predict(block))?
        };
        let names = names_of_predictions(&model, predictions.ncols());
        match sink {
            Sink::File { path, extension: "npy" } => fi_io::write_npy(path, &predictions)?,
            Sink::File { path, extension } => {
                write_table(path, extension, &rows_table(&names, predictions.view()))?;
            }
            Sink::Table => crate::output::print_rows(&names, predictions.view())?,
        }
        Ok(())
    }
}

/// Predicts block after block of rows, in parallel.
fn in_blocks(
    session: &Session,
    rows: &Array2<f64>,
    predict: impl Fn(ndarray::ArrayView2<'_, f64>) -> fi_core::Result<Array2<f64>> + Sync,
) -> Done<Array2<f64>> {
    const BLOCK: usize = 4096;
    let n_blocks = rows.nrows().div_ceil(BLOCK);
    let blocks = session.run().map(n_blocks, |block, _| {
        let end = ((block + 1) * BLOCK).min(rows.nrows());
        predict(rows.slice(ndarray::s![block * BLOCK..end, ..]))
    })?;
    let views: Vec<_> = blocks.iter().map(Array2::view).collect();
    Ok(ndarray::concatenate(ndarray::Axis(0), &views)?)
}
