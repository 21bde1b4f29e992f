//! `fi interactions METHOD`: one score per pair of features.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use fi_core::shapley::Index;
use fi_core::{Interaction, Lofo, Metric, PairImportance, Permutation, Players, Relation};
use fi_models::tree::Summary;

use crate::data::{DataArgs, GroupsArg, LayersArg};
use crate::dry_run::{DryRunArg, dry_run};
use crate::failure::{Done, Failure, known};
use crate::importance::{metrics, of_learner, of_scored_rows};
use crate::learner::LearnerArgs;
use crate::output::{Sink, write_table};
use crate::sequence::{SequenceArgs, Swappable};
use crate::session::Session;
use crate::shap::ShapArgs;
use crate::table::{Lines, say};

/// How to score pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PairMethod {
    /// Shapley interaction values of the prediction
    Shap,
    /// What removing both costs beyond removing each: redundancy above 0, synergy below; by
    /// shuffling a model's features, or with --learner by training again without them
    Permutation,
}

/// What is divided among pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum IndexArg {
    /// The Shapley interaction index, a feature's own effect the rest of its Shapley value (k-SII)
    KSii,
    /// Shapley-Taylor: a feature's own effect is what it is worth alone
    Taylor,
    /// Faith-Shap: the effects that fit the predictions best
    Faith,
}

/// The options of `fi interactions`.
#[derive(Args)]
pub(crate) struct InteractionsCommand {
    /// How to score
    #[arg(value_enum)]
    method: PairMethod,
    /// The model, told apart by its content; permutation with --learner takes none
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    #[command(flatten)]
    layers: LayersArg,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    groups: GroupsArg,
    #[command(flatten)]
    sequence: SequenceArgs,
    #[command(flatten)]
    shap: ShapArgs,
    #[command(flatten)]
    learner: LearnerArgs,
    /// shap of models that are no trees: what is divided among pairs [default: k-sii]
    #[arg(long, value_enum)]
    index: Option<IndexArg>,
    /// permutation: only these pairs, such as age:bmi,age:s5 [default: all]
    #[arg(long, value_name = "A:B[,A:B]", value_delimiter = ',')]
    pairs: Vec<String>,
    /// permutation: the metric, by scikit-learn's name [default: log loss for classes, MSE for
    /// numbers]
    #[arg(long, value_name = "NAME")]
    metric: Option<String>,
    /// permutation: how often each feature is shuffled [default: 30]
    #[arg(long, value_name = "N")]
    repeats: Option<usize>,
    /// The coverage of the intervals
    #[arg(long, value_name = "SHARE", default_value_t = 0.95)]
    confidence: f64,
    /// Where to write: .csv or .parquet, a line for each pair; .npy, for shap (n_rows, n_features + 1,
    /// n_features + 1) as XGBoost lays it out, with k after n_rows for k > 1 outputs, for
    /// permutation (n_features, n_features) with each feature's own score on the diagonal
    /// [default: the strongest pairs on stdout]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    dry_run: DryRunArg,
}

impl InteractionsCommand {
    pub(crate) fn run(&self, session: &Session) -> Done {
        let sink = Sink::new(self.output.as_deref(), &["csv", "npy", "parquet"])?;
        self.check()?;
        if self.dry_run.dry_run {
            let cost = |n_rows, n_features| {
                Ok(self.learner.is_learner_given().then(|| of_learner(n_rows, n_features)))
            };
            let work = || match self.method {
                PairMethod::Shap => self.shap(session, None).map(Some),
                PairMethod::Permutation => {
                    let found = self.permutation(session)?;
                    Ok((!self.learner.is_learner_given()).then_some(found.n_evaluations))
                }
            };
            return dry_run(session, cost, work);
        }
        match self.method {
            PairMethod::Shap => self.shap(session, Some(&sink)).map(|_| ()),
            PairMethod::Permutation => {
                let found = self.permutation(session)?;
                for warning in &found.warnings {
                    session.note(format!("Note: {warning}."));
                }
                match sink {
                    Sink::Table => Self::print(&found)?,
                    Sink::File { path, extension: "npy" } => {
                        fi_io::write_npy(path, &found.values)?;
                    }
                    Sink::File { path, extension } => self.write(path, extension, &found)?,
                }
                Ok(())
            }
        }
    }

    /// Options that the method does not know are no options.
    fn check(&self) -> Done {
        let shap = self.method == PairMethod::Shap;
        known(self.index.is_some(), "index", shap)?;
        if let Some(name) = self.shap.given() {
            known(true, name, shap)?;
        }
        known(self.shap.is_background_given(), "background", shap)?;
        if let Some(name) = self.learner.given() {
            known(true, name, !shap)?;
        }
        known(!self.pairs.is_empty(), "pairs", !shap)?;
        known(self.metric.is_some(), "metric", !shap)?;
        known(self.repeats.is_some(), "repeats", !shap && !self.learner.is_learner_given())?;
        known(self.layers.layers.is_some(), "layers", self.model.is_some())?;
        known(self.sequence.is_pool_given(), "pool", false)?;
        match (&self.model, self.learner.is_learner_given()) {
            (Some(_), true) => {
                Failure::call("--learner is trained and --model is shuffled: leave one out")
            }
            (None, false) => Failure::call("this method scores a model: give --model"),
            (Some(_), false) if self.learner.given().is_some() => {
                Failure::call("--folds are for --learner, which is trained again")
            }
            _ => Ok(()),
        }
    }

    /// Hands the pairs out if there is a sink, and says how many rows were predicted.
    fn shap(&self, session: &Session, sink: Option<&Sink<'_>>) -> Done<usize> {
        let path = self.model.as_deref().unwrap_or(Path::new(""));
        let model = self.data.model(session, &self.layers, path)?;
        let rows = self.data.rows(session, &model)?;
        let players = self.sequence.players(&self.groups, &model.feature_names)?;
        // Trees know the first index alone.
        let trees = if matches!(self.index, None | Some(IndexArg::KSii)) {
            self.shap.trees(&model)?
        } else {
            None
        };
        if let Some(trees) = trees {
            return self.shap.with_trees(session, &model, &self.data, trees, |explainer| {
                if let Some(Sink::File { path, extension: "npy" }) = sink {
                    let local = explainer.interactions(&session.run(), &players, rows.view())?;
                    fi_io::write_interactions_npy(path, &local)?;
                    return Ok(local.n_evaluations);
                }
                let summary = Summary::MeanAbsolute;
                let pairs =
                    explainer.mean_interactions(&session.run(), &players, rows.view(), summary)?;
                self.hand_out(sink, &pairs)?;
                Ok(pairs.n_evaluations)
            });
        }
        let index = match self.index {
            None | Some(IndexArg::KSii) => Index::Shapley,
            Some(IndexArg::Taylor) => Index::Taylor,
            Some(IndexArg::Faith) => Index::Faithful,
        };
        let local = self.shap.pairs(session, &model, &self.data, &players, rows, index)?;
        if let Some(Sink::File { path, extension: "npy" }) = sink {
            fi_io::write_interactions_npy(path, &local)?;
        } else {
            self.hand_out(sink, &local.mean_abs()?)?;
        }
        Ok(local.n_evaluations)
    }

    fn hand_out(&self, sink: Option<&Sink<'_>>, pairs: &Interaction) -> Done {
        match sink {
            None => return Ok(()),
            Some(Sink::File { path, extension }) => return self.write(path, extension, pairs),
            Some(Sink::Table) => {}
        }
        let header = ["feature_a", "feature_b", "mean |interaction|"];
        let mut table = Lines::new(header, &[0, 1]);
        for (a, b) in pairs.order().into_iter().take(SHOWN) {
            let value = fi_viz::number(pairs.values[[a, b]]);
            table.push([pairs.features[a].clone(), pairs.features[b].clone(), value]);
        }
        table.print()
    }

    fn write(&self, path: &Path, extension: &str, pairs: &Interaction) -> Done {
        let table = fi_io::interaction_table(pairs, self.confidence)?;
        write_table(path, extension, &table)
    }

    fn permutation(&self, session: &Session) -> Done<Interaction> {
        let names: Vec<String> = self.metric.iter().cloned().collect();
        let run = session.run();
        let mut warnings = Vec::new();
        let mut found = if let Some(path) = &self.model {
            let model = self.data.model(session, &self.layers, path)?;
            let players = self.sequence.players(&self.groups, &model.feature_names)?;
            let data = self.data.to_score(session, &model)?;
            let pairs = self.chosen(&players)?;
            let metrics = metrics(&names, data.target(), &Metric::LogLoss)?;
            warnings = of_scored_rows(&model, &data, &players, false)?;
            let view = Swappable::new(&*model, &model.feature_names, players, &[data.rows()])?;
            let data = view.data(data)?;
            let permutation = Permutation {
                n_repeats: self.repeats.unwrap_or(30),
                confidence: self.confidence,
                ..Permutation::default()
            };
            let (model, players) = (view.model.as_ref(), &view.players);
            pairs.permutation(&run, &permutation, model, &data, players, &metrics)?
        } else {
            let data = self.data.to_train(session)?;
            let players = self.sequence.players(&self.groups, data.feature_names())?;
            let folds = self.learner.folds(&data, "5")?;
            let learner = session.rehearsal.counter().learner(self.learner.learner()?);
            let metrics = metrics(&names, data.target(), &Metric::LogLoss)?;
            let lofo = Lofo { folds, confidence: self.confidence };
            self.chosen(&players)?.refit(&run, &lofo, &learner, &data, &players, &metrics)?
        };
        let mut found = found.remove(0);
        found.warnings.extend(warnings);
        Ok(found)
    }

    /// The pairs that were asked for.
    fn chosen(&self, players: &Players) -> Done<PairImportance> {
        if self.pairs.is_empty() {
            return Ok(PairImportance::default());
        }
        let names = players.names();
        let place = |name: &str| names.iter().position(|other| other == name);
        // A name may hold a colon: the split is where both sides are names.
        let pair = |text: &String| {
            let found = text
                .match_indices(':')
                .find_map(|(at, _)| Some((place(&text[..at])?, place(&text[at + 1..])?)));
            found.map_or_else(
                || {
                    Failure::call(format!(
                        "--pairs has `{text}`, write A:B with two of {}",
                        crate::data::shortened(names)
                    ))
                },
                Ok,
            )
        };
        let pairs = self.pairs.iter().map(pair).collect::<Done<Vec<_>>>()?;
        Ok(PairImportance { pairs: Some(pairs) })
    }

    /// The pairs with the largest sizes, and how the two relate.
    fn print(found: &Interaction) -> Done {
        if let (Some(metric), Some(score)) = (&found.metric, found.score) {
            say(format_args!("{metric} (without removing any: {})", fi_viz::number(score)))?;
        }
        let header = ["feature_a", "feature_b", "importance", "ci_low", "ci_high", "relation"];
        let mut table = Lines::new(header, &[0, 1]).without_room_for(&["ci_high", "ci_low"]);
        let mut order = found.order();
        order.sort_by(|&a, &b| found.values[b].abs().total_cmp(&found.values[a].abs()));
        for &(a, b) in order.iter().take(SHOWN) {
            let end = |ends: Option<f64>| ends.map_or_else(String::new, fi_viz::number);
            let interval = found.interval.as_ref();
            let relation = match found.relation(a, b) {
                Some(Relation::Redundancy) => "redundancy",
                Some(Relation::Synergy) => "synergy",
                Some(Relation::Undecided) => "undecided",
                None => "",
            };
            table.push([
                found.features[a].clone(),
                found.features[b].clone(),
                fi_viz::number(found.values[[a, b]]),
                end(interval.map(|interval| interval.low[[a, b]])),
                end(interval.map(|interval| interval.high[[a, b]])),
                relation.to_owned(),
            ]);
        }
        table.print()?;
        if order.len() > SHOWN {
            say(format_args!("… {} pairs in all; --output writes them.", order.len()))?;
        }
        Ok(())
    }
}

/// How many pairs a table on stdout has.
const SHOWN: usize = 20;
