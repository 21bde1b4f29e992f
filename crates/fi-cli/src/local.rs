//! `fi explain METHOD`: one score per row and feature.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use fi_core::{Attribution, Cost, Model as _, Occlusion, Pooling};
use fi_models::store::Stored;

use crate::data::{DataArgs, GroupsArg, ModelArg};
use crate::dry_run::{DryRunArg, dry_run};
use crate::failure::{Done, Failure, known};
use crate::large;
use crate::lime::LimeArgs;
use crate::network::{Local, NetworkArgs};
use crate::output::{Sink, shown, write_table};
use crate::sequence::{SequenceArgs, Swappable};
use crate::session::Session;
pub(crate) use crate::shap::ShapArgs;
use crate::table::{Lines, say};

/// How to score rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Method {
    /// Shapley values of the prediction
    Shap,
    /// Straight lines that fit the prediction near a row (LIME)
    Lime,
    /// What the prediction loses with a feature at its mean over the rows
    Occlusion,
    /// Networks: the slope of each margin by a feature
    Gradient,
    /// Networks: slope times value
    #[value(name = "gradient-x-input")]
    GradientXInput,
    /// Networks: slopes averaged over noisy copies of a row
    SmoothGrad,
    /// Networks: slopes collected on the way from a baseline of zeros
    IntegratedGradients,
    /// Networks: the same from rows of --background
    ExpectedGradients,
    /// Networks: differences from zeros, or from each row of --background (Deep SHAP), handed
    /// back through the layers
    #[value(name = "deeplift")]
    DeepLift,
    /// Networks: relevance handed back through the layers, by the epsilon rule
    Lrp,
}

impl Method {
    fn of_network(self) -> Option<Local> {
        match self {
            Self::Shap | Self::Lime | Self::Occlusion => None,
            Self::Gradient => Some(Local::Gradient),
            Self::GradientXInput => Some(Local::GradientXInput),
            Self::SmoothGrad => Some(Local::SmoothGrad),
            Self::IntegratedGradients => Some(Local::IntegratedGradients),
            Self::ExpectedGradients => Some(Local::ExpectedGradients),
            Self::DeepLift => Some(Local::DeepLift),
            Self::Lrp => Some(Local::Lrp),
        }
    }
}

/// The options of `fi explain`.
#[derive(Args)]
pub(crate) struct Explain {
    /// How to score
    #[arg(value_enum)]
    method: Method,
    #[command(flatten)]
    model: ModelArg,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    groups: GroupsArg,
    #[command(flatten)]
    sequence: SequenceArgs,
    #[command(flatten)]
    network: NetworkArgs,
    #[command(flatten)]
    shap: ShapArgs,
    #[command(flatten)]
    lime: LimeArgs,
    /// Where to write: .npy (n_rows, n_players + 1), the last column the base value; with k > 1
    /// outputs (n_rows, k, n_players + 1); or .csv, .parquet [default: the first rows on stdout]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    dry_run: DryRunArg,
}

impl Explain {
    /// Options that the method does not know are no options.
    fn check(&self) -> Done {
        let network = self.method.of_network();
        self.network.check(network)?;
        if let Some(name) = self.groups.given() {
            known(true, name, network.is_none())?;
        }
        known(self.sequence.is_block_given(), "block", network.is_none())?;
        known(self.sequence.is_pool_given(), "pool", network.is_some())?;
        if let Some(name) = self.shap.given() {
            known(true, name, self.method == Method::Shap)?;
        }
        if let Some(name) = self.lime.given() {
            known(true, name, self.method == Method::Lime)?;
        }
        let background = matches!(
            self.method,
            Method::Shap | Method::Lime | Method::ExpectedGradients | Method::DeepLift
        );
        known(self.shap.is_background_given(), "background", background)
    }

    /// What the library knows of the cost for so many rows.
    fn cost(&self, session: &Session, n_rows: usize) -> Done<Option<Cost>> {
        let model = self.model.load(session, &self.data)?;
        let players = self.sequence.players(&self.groups, &model.feature_names)?;
        if self.method == Method::Shap
            && let Some(cost) = self.shap.cost(session, &model, &self.data, &players, n_rows)?
        {
            return Ok(Some(cost));
        }
        let numbers = n_rows as u64 * model.n_outputs() as u64 * (players.len() as u64 + 1);
        Ok(Some(Cost { n_bytes: 8 * numbers, ..Cost::default() }))
    }

    fn attribution(&self, session: &Session, model: &Stored) -> Done<Attribution> {
        let rows = self.data.rows(session, model)?;
        if let Some(method) = self.method.of_network() {
            let background = self.shap.background(session, model, &self.data)?;
            let (sequence, default) = (&self.sequence, Pooling::Sum);
            return self
                .network
                .explain(session, method, model, &rows, background, sequence, default);
        }
        let players = self.sequence.players(&self.groups, &model.feature_names)?;
        if self.method == Method::Lime {
            let learnt_on = self.shap.background_file();
            return self.lime.explain(session, model, &rows, learnt_on, &players, &self.data);
        }
        if self.method == Method::Occlusion {
            let view = Swappable::new(model, &model.feature_names, players, &[rows.view()])?;
            let rows = view.rows(rows)?;
            let (run, model) = (session.run(), view.model.as_ref());
            let occlusion = Occlusion::at_means(rows.view());
            return Ok(occlusion.attribution(&run, model, rows.view(), &view.players)?);
        }
        let Some(trees) = self.shap.trees(model)? else {
            return self.shap.estimated(session, model, &self.data, &players, rows);
        };
        self.shap.with_trees(session, model, &self.data, trees, |explainer| {
            Ok(explainer.attribution(&session.run(), &players, rows.view())?)
        })
    }

    pub(crate) fn run(&self, session: &Session) -> Done {
        let sink = Sink::new(self.output.as_deref(), &["npy", "csv", "parquet"])?;
        self.check()?;
        if self.dry_run.dry_run {
            let work = || {
                let model = self.model.load(session, &self.data)?;
                Ok(Some(self.attribution(session, &model)?.n_evaluations))
            };
            return dry_run(session, |n_rows, _| self.cost(session, n_rows), work);
        }
        let model = self.model.load(session, &self.data)?;
        if self.data.memory.is_some() {
            let (Sink::File { path, extension }, Method::Shap) = (&sink, self.method) else {
                return Failure::call("--memory is for `fi explain shap` to a file: give --output");
            };
            let data = self.data.spooled(&model)?;
            let players = self.sequence.players(&self.groups, &model.feature_names)?;
            return self.shap.with_only_trees(session, &model, &self.data, |explainer| {
                large::shap_values(session, explainer, &data, &players, (*path, *extension))
            });
        }
        let attribution = self.attribution(session, &model)?;
        if let Some(error) = attribution.additivity_error {
            session.note(format!(
                "The values of each row and the base value add up to the model's answer within {}.",
                fi_viz::number(error)
            ));
        }
        match sink {
            Sink::File { path, extension: "npy" } => {
                fi_io::write_attribution_npy(path, &attribution)?;
            }
            Sink::File { path, extension } => {
                write_table(path, extension, &fi_io::attribution_table(&attribution))?;
            }
            Sink::Table => print(&attribution)?,
        }
        Ok(())
    }
}

/// The first rows on stdout, with a line for each output.
fn print(attribution: &Attribution) -> Done {
    const SHOWN: usize = 20;
    let table = fi_io::attribution_table(attribution);
    let (n_rows, n_outputs, _) = attribution.values.dim();
    let front = (n_outputs == 1).then_some("row");
    let header: Vec<&str> =
        front.into_iter().chain(table.columns.iter().map(String::as_str)).collect();
    let mut lines = Lines::new(header, &[]);
    for (row, cells) in table.rows.iter().enumerate().take(SHOWN) {
        let front = front.map(|_| row.to_string());
        lines.push(front.into_iter().chain(cells.iter().map(shown)));
    }
    lines.print()?;
    if table.rows.len() > SHOWN {
        say(format_args!("… {n_rows} rows in all; --output writes them."))?;
    }
    Ok(())
}
