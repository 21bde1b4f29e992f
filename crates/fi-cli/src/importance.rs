//! `fi importance METHOD`: one global score per feature or group.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use fi_core::{Dataset, Importance, Metric, Permutation, Players};
use fi_models::Fitted;
use fi_models::store::Stored;
use fi_models::tree;

use crate::data::{DataArgs, GroupsArg, ModelArg};
use crate::failure::{Done, Failure};
use crate::output::{Sink, print_importance};
use crate::plot::Picture;
use crate::session::Session;

/// How to score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Method {
    /// How much worse the metric gets when a feature is shuffled
    Permutation,
    /// The same, of each tree on the rows it has not seen (fi's own forests)
    OobPermutation,
    /// Mean absolute SHAP value
    Shap,
    /// Mean decrease in impurity (MDI, Gini importance)
    Impurity,
    /// Average gain of a split
    Gain,
    /// Total gain of all splits
    TotalGain,
    /// Average cover of a split
    Cover,
    /// How many splits use a feature
    SplitCount,
}

/// A score that is read from trees.
type Read = fn(&tree::Ensemble, &[String]) -> fi_core::Result<Importance>;

/// The options of `fi importance`.
#[derive(Args)]
pub(crate) struct Command {
    /// How to score
    #[arg(value_enum)]
    method: Method,
    #[command(flatten)]
    model: ModelArg,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    groups: GroupsArg,
    /// Metrics, by scikit-learn's names: log_loss, accuracy, roc_auc, r2, neg_mean_squared_error, …
    /// [default: log loss for classes (accuracy for oob-permutation), MSE for numbers]
    #[arg(long, value_name = "NAME[,NAME]", value_delimiter = ',')]
    metric: Vec<String>,
    /// How often each feature is shuffled
    #[arg(long, value_name = "N", default_value_t = 30)]
    repeats: usize,
    /// The intervals' coverage
    #[arg(long, value_name = "SHARE", default_value_t = 0.95)]
    confidence: f64,
    #[command(flatten)]
    shap: crate::local::ShapArgs,
    /// Where to write: .csv, .json, .npy (feature order) [default: a table on stdout]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    picture: Picture,
}

impl Command {
    pub(crate) fn run(&self, session: &Session) -> Done {
        let sink = Sink::new(self.output.as_deref(), &["csv", "json", "npy"])?;
        self.picture.check()?;
        let model = self.model.load()?;
        let importances = self.score(session, &model)?;
        for warning in importances.iter().flat_map(|importance| &importance.warnings) {
            session.note(format!("Note: {warning}."));
        }
        if let Some(first) = importances.first() {
            self.picture.draw(first)?;
        }
        match sink {
            Sink::Table => print_importance(&importances),
            Sink::File { path, extension: "json" } => {
                let mut inputs = vec![self.model.model.as_path()];
                inputs.extend(self.data.files());
                inputs.extend(self.groups.groups.as_deref());
                fi_io::write_importance_json(path, &importances, &fi_io::Provenance::of(&inputs)?)?;
            }
            Sink::File { path, extension: "npy" } => {
                let [importance] = &importances[..] else {
                    return Failure::call("a .npy file holds one metric: give one --metric");
                };
                fi_io::write_npy(path, &ndarray::aview1(&importance.values))?;
            }
            Sink::File { path, .. } => fi_io::write_importance_csv(path, &importances)?,
        }
        Ok(())
    }

    fn score(&self, session: &Session, model: &Stored) -> Done<Vec<Importance>> {
        let names = &model.feature_names;
        let read: Option<Read> = match self.method {
            Method::Impurity => Some(tree::impurity),
            Method::SplitCount => Some(tree::split_count),
            Method::Gain => Some(tree::gain),
            Method::TotalGain => Some(tree::total_gain),
            Method::Cover => Some(tree::cover),
            Method::Permutation | Method::OobPermutation | Method::Shap => None,
        };
        if let Some(read) = read {
            if self.groups.groups.is_some() {
                return Failure::call(
                    "scores of splits belong to single features: leave --groups out",
                );
            }
            return Ok(vec![read(self.trees(model)?.ensemble(), names)?]);
        }
        let data = &self.data;
        let players = self.groups.players(names)?;
        match self.method {
            Method::Shap => {
                let rows = data.rows(model)?;
                let shap = &self.shap;
                let importance =
                    shap.importance(session, model, data, &players, rows.view(), self.confidence)?;
                Ok(vec![importance])
            }
            Method::OobPermutation => {
                let data = data.to_score(model)?;
                let metrics = self.metrics(&data, &Metric::Accuracy)?;
                let trees = self.trees(model)?;
                let run = session.run();
                let repeats = self.repeats;
                Ok(tree::oob_permutation(&run, trees, &data, &players, &metrics, repeats)?)
            }
            _ => self.permutation(session, model, &data.to_score(model)?, &players),
        }
    }

    fn permutation(
        &self,
        session: &Session,
        model: &Stored,
        data: &Dataset,
        players: &Players,
    ) -> Done<Vec<Importance>> {
        let metrics = self.metrics(data, &Metric::LogLoss)?;
        let settings = Permutation {
            n_repeats: self.repeats,
            confidence: self.confidence,
            ..Permutation::default()
        };
        let run = session.run();
        Ok(match (&model.model, &model.scaler) {
            (Fitted::Trees(trees), None) => {
                tree::permutation(&run, &settings, trees, data, players, &metrics)?
            }
            _ => settings.importance(&run, model, data, players, &metrics)?,
        })
    }

    fn trees<'a>(&self, model: &'a Stored) -> Done<&'a tree::Trees> {
        match &model.model {
            Fitted::Trees(trees) => Ok(trees),
            _ => Failure::call(format!(
                "`{}` is no model of trees, and this method reads trees only",
                self.model.model.display()
            )),
        }
    }

    /// What was asked for, or one that suits the target.
    fn metrics(&self, data: &Dataset, for_classes: &Metric) -> Done<Vec<Metric>> {
        if self.metric.is_empty() {
            let classes = data.target().n_classes().is_some();
            return Ok(vec![if classes { for_classes.clone() } else { Metric::Mse }]);
        }
        let parse =
            |name: &String| Metric::parse(name).map_err(|error| Failure::Call(error.to_string()));
        self.metric.iter().map(parse).collect()
    }
}
