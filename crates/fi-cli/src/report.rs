//! `fi report`: one page about a model.

use std::path::{Path, PathBuf};

use clap::Args;
use fi_report::{Findings, Page, Report as Settings, Rows};

use crate::data::{DataArgs, GroupsArg, ModelArg};
use crate::dry_run::{DryRunArg, dry_run};
use crate::failure::{Done, Failure};
use crate::importance::metric;
use crate::output::Sink;
use crate::sequence::SequenceArgs;
use crate::session::Session;

/// The options of `fi report`.
#[derive(Args)]
pub(crate) struct Report {
    #[command(flatten)]
    model: ModelArg,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    groups: GroupsArg,
    #[command(flatten)]
    sequence: SequenceArgs,
    /// The metric of permutation importance, by scikit-learn's name [default: log loss for
    /// classes, MSE for numbers]
    #[arg(long, value_name = "NAME", requires = "target")]
    metric: Option<String>,
    /// How often each feature is shuffled [default: 10]
    #[arg(long, value_name = "N", requires = "target")]
    repeats: Option<usize>,
    /// The intervals' coverage [default: 0.95]
    #[arg(long, value_name = "SHARE")]
    confidence: Option<f64>,
    /// The page's title
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// Where to write: .html
    #[arg(long, value_name = "FILE.html")]
    output: PathBuf,
    #[command(flatten)]
    dry_run: DryRunArg,
}

impl Report {
    pub(crate) fn run(&self, session: &Session) -> Done {
        Sink::new(Some(&self.output), &["html"])?;
        if self.sequence.is_pool_given() {
            return Failure::call("--pool has no meaning for a report");
        }
        let metric = self.metric.as_deref().map(metric).transpose()?;
        let default = Settings::default();
        let settings = Settings {
            metric,
            n_repeats: self.repeats.unwrap_or(default.n_repeats),
            confidence: self.confidence.unwrap_or(default.confidence),
            ..default
        };
        if self.dry_run.dry_run {
            let work = || {
                let found = self.findings(session, &settings)?;
                Ok(Some(found.importances.iter().map(|one| one.n_evaluations).sum()))
            };
            return dry_run(session, |_, _| Ok(None), work);
        }
        let findings = self.findings(session, &settings)?;
        let mut inputs: Vec<&Path> = self.model.files();
        inputs.extend(self.data.files());
        inputs.extend(self.groups.groups.as_deref());
        let default = Page::default();
        let page = Page {
            title: self.title.clone().unwrap_or(default.title),
            command: std::iter::once("fi".to_owned()).chain(std::env::args().skip(1)).collect(),
            provenance: fi_io::Provenance::of(&inputs)?,
        };
        if session.is_interrupted() {
            return Err(Failure::Interrupted("interrupted, and no page is written".to_owned()));
        }
        Ok(page.write(&self.output, &findings)?)
    }

    fn findings(&self, session: &Session, settings: &Settings) -> Done<Findings> {
        let model = self.model.load(session, &self.data)?;
        let players = self.sequence.players(&self.groups, &model.feature_names)?;
        let (data, alone);
        let rows = if self.data.target.is_some() {
            data = self.data.to_score(session, &model)?;
            Rows::Scored(&data)
        } else {
            alone = self.data.rows(session, &model)?;
            Rows::Alone(alone.view())
        };
        Ok(settings.findings(&session.run(), &model, rows, &players)?)
    }
}
