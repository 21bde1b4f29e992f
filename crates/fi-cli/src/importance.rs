//! `fi importance METHOD`: one global score per feature or group.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use fi_core::{
    Dataset, Importance, Metric, Occlusion, Permutation, Players, Run, Target, Warning, guards,
};
use fi_models::Fitted;
use fi_models::network::Viann;
use fi_models::store::Stored;
use fi_models::tree;
use ndarray::Array2;

use crate::anytime::AnytimeArgs;
use crate::data::{DataArgs, GroupsArg, LayersArg};
use crate::failure::{Done, Failure};
use crate::large;
use crate::network::{Local, NetworkArgs, Weights, of_weights};
use crate::output::{Sink, print_importance};
use crate::plot::Picture;
use crate::sequence::{SequenceArgs, Swappable};
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
    /// How much worse the metric gets with a feature at its mean
    Occlusion,
    /// Networks: the variance of the first weights over training, times their size
    Viann,
    /// Networks: the sum of the first weights' sizes
    FirstLayer,
    /// Networks: the answer to 1 at one input and 0 elsewhere, less that to zeros
    OneHot,
    /// Networks: Garson's share of the weights that flow to the outputs
    Garson,
    /// Networks: products of weights along all ways to the outputs, with their signs
    Olden,
    /// Networks: the mean size of the slope by a feature (saliency)
    Gradient,
    /// Networks: the same of slope times value
    #[value(name = "gradient-x-input")]
    GradientXInput,
    /// Networks: slopes averaged over noisy copies of a row
    SmoothGrad,
    /// Networks: slopes collected on the way from a baseline of zeros
    IntegratedGradients,
    /// Networks: the same from rows of --background
    ExpectedGradients,
    /// Networks: relevance handed back through the layers, by the epsilon rule
    Lrp,
}

impl Method {
    fn of_rows(self) -> Option<Local> {
        match self {
            Self::Gradient => Some(Local::Gradient),
            Self::GradientXInput => Some(Local::GradientXInput),
            Self::SmoothGrad => Some(Local::SmoothGrad),
            Self::IntegratedGradients => Some(Local::IntegratedGradients),
            Self::ExpectedGradients => Some(Local::ExpectedGradients),
            Self::Lrp => Some(Local::Lrp),
            _ => None,
        }
    }

    fn of_weights(self) -> Option<Weights> {
        match self {
            Self::Viann => Some(Weights::Viann),
            Self::FirstLayer => Some(Weights::FirstLayer),
            Self::OneHot => Some(Weights::OneHot),
            Self::Garson => Some(Weights::Garson),
            Self::Olden => Some(Weights::Olden),
            _ => None,
        }
    }

    fn of_trees(self) -> Option<Read> {
        match self {
            Self::Impurity => Some(tree::impurity),
            Self::SplitCount => Some(tree::split_count),
            Self::Gain => Some(tree::gain),
            Self::TotalGain => Some(tree::total_gain),
            Self::Cover => Some(tree::cover),
            _ => None,
        }
    }
}

/// A score that is read from trees.
type Read = fn(&tree::Ensemble, &[String]) -> fi_core::Result<Importance>;

/// What needs the whole table at once.
const NOT_LOOKED_AT: &str = "Note: with --memory nobody looks whether the model was trained on these \
                             rows or whether features are correlated.";

/// The options of `fi importance`.
#[derive(Args)]
pub(crate) struct Command {
    /// How to score
    #[arg(value_enum)]
    method: Method,
    /// The model, told apart by its content
    #[arg(long, value_name = "FILE", required_unless_present = "weights_history")]
    model: Option<PathBuf>,
    #[command(flatten)]
    layers: LayersArg,
    /// viann: the first layer's weights (n_inputs, n_units) after each epoch, from any framework,
    /// in place of a model: .npz of one array per epoch, or one array of three dimensions
    #[arg(long, value_name = "FILE.npz", conflicts_with = "model")]
    weights_history: Option<PathBuf>,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    groups: GroupsArg,
    #[command(flatten)]
    sequence: SequenceArgs,
    #[command(flatten)]
    network: NetworkArgs,
    /// Metrics, by scikit-learn's names: log_loss, accuracy, roc_auc, r2, neg_mean_squared_error, …
    /// [default: log loss for classes (accuracy for oob-permutation), MSE for numbers]
    #[arg(long, value_name = "NAME[,NAME]", value_delimiter = ',')]
    metric: Vec<String>,
    /// How often each feature is shuffled [default: 30]
    #[arg(long, value_name = "N")]
    repeats: Option<usize>,
    /// The intervals' coverage [default: 0.95]
    #[arg(long, value_name = "SHARE")]
    confidence: Option<f64>,
    /// Stop shuffling when its noise is at most this share of the range of the scores; --repeats
    /// is then the most that are made
    #[arg(long, value_name = "SHARE")]
    tolerance: Option<f64>,
    #[command(flatten)]
    anytime: AnytimeArgs,
    #[command(flatten)]
    shap: crate::local::ShapArgs,
    /// Where to write: .csv, .json, .parquet, .npy (feature order) [default: a table on stdout]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    picture: Picture,
}

impl Command {
    pub(crate) fn run(&self, session: &Session) -> Done {
        let sink = Sink::new(self.output.as_deref(), &["csv", "json", "npy", "parquet"])?;
        self.picture.check()?;
        self.check()?;
        let Some(importances) = self.scores(session)? else { return Ok(()) };
        // Of several metrics many are the same.
        let mut said: Vec<String> = Vec::new();
        for warning in importances.iter().flat_map(|importance| &importance.warnings) {
            let sentence = format!("Note: {warning}.");
            // What is unfinished is said last, with how to go on.
            if !matches!(warning, Warning::Unfinished { .. }) && !said.contains(&sentence) {
                session.note(&sentence);
                said.push(sentence);
            }
        }
        if let Some(first) = importances.first() {
            self.picture.draw(first)?;
        }
        match sink {
            Sink::Table => print_importance(&importances),
            Sink::File { path, extension: "json" } => {
                let mut inputs: Vec<&Path> = Vec::new();
                inputs.extend(self.model.as_deref());
                inputs.extend(self.layers.layers.as_deref());
                inputs.extend(self.weights_history.as_deref());
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
            Sink::File { path, extension: "parquet" } => {
                fi_io::write_importance_parquet(path, &importances)?;
            }
            Sink::File { path, .. } => fi_io::write_importance_csv(path, &importances)?,
        }
        self.anytime.finish(session, &importances)
    }

    /// Options that the method does not know are no options.
    fn check(&self) -> Done {
        let method = self.method;
        self.network.check(method.of_rows())?;
        let known = |given: bool, name: &str, takes: bool| {
            if given && !takes {
                return Failure::call(format!("--{name} has no meaning for this method"));
            }
            Ok(())
        };
        let shuffles = matches!(method, Method::Permutation | Method::OobPermutation);
        let scored = shuffles || method == Method::Occlusion;
        let players = scored || method == Method::Shap;
        known(self.layers.layers.is_some(), "layers", self.model.is_some())?;
        known(self.weights_history.is_some(), "weights-history", method == Method::Viann)?;
        let in_blocks = matches!(method, Method::Permutation | Method::Shap);
        known(self.data.memory.is_some(), "memory", in_blocks)?;
        known(self.repeats.is_some(), "repeats", shuffles)?;
        known(!self.metric.is_empty(), "metric", scored)?;
        known(self.tolerance.is_some(), "tolerance", method == Method::Permutation)?;
        if let Some(name) = self.anytime.given() {
            known(true, name, method == Method::Permutation)?;
        }
        let rows = method == Method::Shap || method.of_rows().is_some();
        known(self.confidence.is_some(), "confidence", method == Method::Permutation || rows)?;
        if let Some(name) = self.shap.given() {
            known(true, name, method == Method::Shap)?;
        }
        known(self.groups.groups.is_some(), "groups", players)?;
        known(self.sequence.is_block_given(), "block", players)?;
        known(self.sequence.is_pool_given(), "pool", method.of_rows().is_some())?;
        let background = method == Method::Shap || method == Method::ExpectedGradients;
        known(self.shap.is_background_given(), "background", background)?;
        known(self.sequence.is_given(), "over", players || method.of_rows().is_some())
    }

    /// `None` if there is nothing to write.
    fn scores(&self, session: &Session) -> Done<Option<Vec<Importance>>> {
        let Some(path) = &self.model else {
            let history = self.weights_history.as_deref().unwrap_or(Path::new(""));
            return Ok(Some(vec![self.of_history(history)?]));
        };
        let model = self.layers.load(path)?;
        if self.method == Method::Permutation {
            let players = self.sequence.players(&self.groups, &model.feature_names)?;
            if let Some(memory) = self.data.memory {
                let data = self.data.spooled_to_score(&model)?;
                session.note(NOT_LOOKED_AT);
                let work = |run: &Run<'_>| {
                    let classes = data.target.as_ref().is_some_and(|t| t.n_classes().is_some());
                    let metrics = self.metrics_for(classes, &Metric::LogLoss)?;
                    let settings = self.permutation_settings();
                    large::permutation(run, &settings, &model, data, &players, &metrics, memory)
                };
                return self.anytime.scores(session, work);
            }
            let data = self.data.to_score(&model)?;
            let work = |run: &Run<'_>| self.permutation(run, &model, data, players);
            return self.anytime.scores(session, work);
        }
        self.of_model(session, &model).map(Some)
    }

    fn of_model(&self, session: &Session, model: &Stored) -> Done<Vec<Importance>> {
        if let Some(read) = self.method.of_trees() {
            return Ok(vec![read(self.trees(model)?.ensemble(), &model.feature_names)?]);
        }
        if let Some(method) = self.method.of_weights() {
            return Ok(vec![of_weights(method, model)?]);
        }
        if let Some(method) = self.method.of_rows() {
            let background = self.shap.background(model, &self.data)?;
            let (data, sequence) = (&self.data, &self.sequence);
            let confidence = self.confidence();
            let importance = self
                .network
                .importance(session, method, model, data, background, sequence, confidence)?;
            return Ok(vec![importance]);
        }
        self.of_predictions(session, model)
    }

    /// VIANN of weights that another framework wrote down.
    fn of_history(&self, path: &Path) -> Done<Importance> {
        let epochs = fi_io::read_weights_history(path)?;
        let n_inputs = epochs.first().map_or(0, ndarray::Array2::nrows);
        let names = match &self.data.names {
            Some(file) => fi_io::read_names(file, path, n_inputs)?,
            None => (0..n_inputs).map(|i| format!("x{i}")).collect(),
        };
        let views: Vec<_> = epochs.iter().map(ndarray::Array2::view).collect();
        Ok(Viann::default().of_epochs(&views, &names)?)
    }

    /// Methods that ask for predictions.
    fn of_predictions(&self, session: &Session, model: &Stored) -> Done<Vec<Importance>> {
        let data = &self.data;
        let players = self.sequence.players(&self.groups, &model.feature_names)?;
        match self.method {
            Method::Shap if self.data.memory.is_some() => {
                let spooled = data.spooled(model)?;
                let confidence = self.confidence();
                let importance = self.shap.with_only_trees(session, model, data, |explainer| {
                    large::shap_importance(session, explainer, &spooled, &players, confidence)
                })?;
                Ok(vec![importance])
            }
            Method::Shap => {
                let rows = data.rows(model)?;
                let shap = &self.shap;
                // By the path of a tree nothing is replaced by other rows' values.
                let marginal =
                    shap.is_background_given() || !matches!(model.model, Fitted::Trees(_));
                let warning = if marginal { shap_guard(model, &rows, &players)? } else { None };
                let mut importance =
                    shap.importance(session, model, data, &players, rows, self.confidence())?;
                importance.warnings.extend(warning);
                Ok(vec![importance])
            }
            Method::OobPermutation => {
                let data = data.to_score(model)?;
                let metrics = self.metrics(&data, &Metric::Accuracy)?;
                let trees = self.trees(model)?;
                let (run, repeats) = (session.run(), self.repeats());
                let found = tree::oob_permutation(&run, trees, &data, &players, &metrics, repeats)?;
                // It is asked with the training rows, and scores each tree on others.
                let warning = guards::correlated(&data, &players, guards::THRESHOLD)?;
                Ok(warned(found, warning.as_slice()))
            }
            // Permutation has gone another way.
            _ => {
                let data = data.to_score(model)?;
                let names = &model.feature_names;
                let warnings = of_scored_rows(model, &data, &players)?;
                let view = Swappable::new(model, names, players, data.rows())?;
                let metrics = self.metrics(&data, &Metric::LogLoss)?;
                let data = view.data(data)?;
                let occlusion = Occlusion::at_means(data.rows());
                let (run, model) = (session.run(), view.model.as_ref());
                let found = occlusion.importance(&run, model, &data, &view.players, &metrics)?;
                Ok(warned(found, &warnings))
            }
        }
    }

    fn confidence(&self) -> f64 {
        self.confidence.unwrap_or(0.95)
    }

    fn repeats(&self) -> usize {
        self.repeats.unwrap_or(30)
    }

    fn permutation_settings(&self) -> Permutation {
        Permutation {
            n_repeats: self.repeats(),
            confidence: self.confidence(),
            tolerance: self.tolerance,
            ..Permutation::default()
        }
    }

    fn permutation(
        &self,
        run: &Run<'_>,
        model: &Stored,
        data: Dataset,
        players: Players,
    ) -> Done<Vec<Importance>> {
        let metrics = self.metrics(&data, &Metric::LogLoss)?;
        let settings = self.permutation_settings();
        let warnings = of_scored_rows(model, &data, &players)?;
        let view = Swappable::new(model, &model.feature_names, players, data.rows())?;
        if let (Fitted::Trees(trees), None, false) = (&model.model, &model.scaler, view.is_filled())
        {
            let found = tree::permutation(run, &settings, trees, &data, &view.players, &metrics)?;
            return Ok(warned(found, &warnings));
        }
        let data = view.data(data)?;
        let found =
            settings.importance(run, view.model.as_ref(), &data, &view.players, &metrics)?;
        Ok(warned(found, &warnings))
    }

    fn trees<'a>(&self, model: &'a Stored) -> Done<&'a tree::Trees> {
        match &model.model {
            Fitted::Trees(trees) => Ok(trees),
            _ => Failure::call(format!(
                "`{}` is no model of trees, and this method reads trees only",
                self.model.as_deref().unwrap_or(Path::new("")).display()
            )),
        }
    }

    /// What was asked for, or one that suits the target.
    fn metrics(&self, data: &Dataset, for_classes: &Metric) -> Done<Vec<Metric>> {
        self.metrics_for(data.target().n_classes().is_some(), for_classes)
    }

    fn metrics_for(&self, classes: bool, for_classes: &Metric) -> Done<Vec<Metric>> {
        if self.metric.is_empty() {
            return Ok(vec![if classes { for_classes.clone() } else { Metric::Mse }]);
        }
        let parse =
            |name: &String| Metric::parse(name).map_err(|error| Failure::Call(error.to_string()));
        self.metric.iter().map(parse).collect()
    }
}

/// What speaks against scoring a model's features on these rows.
fn of_scored_rows(model: &Stored, data: &Dataset, players: &Players) -> Done<Vec<Warning>> {
    let seen = match &model.training_rows {
        Some(trained) => guards::seen_rows(data, trained)?,
        None => None,
    };
    let correlated = guards::correlated(data, players, guards::THRESHOLD)?;
    Ok(seen.into_iter().chain(correlated).collect())
}

/// The same of dependence alone, where rows have no target.
fn shap_guard(model: &Stored, rows: &Array2<f64>, players: &Players) -> Done<Option<Warning>> {
    let target = Target::Values(vec![0.0; rows.nrows()]);
    let names = model.feature_names.iter().cloned();
    let data = Dataset::new(rows.clone(), target)?.with_feature_names(names)?;
    Ok(guards::correlated(&data, players, guards::THRESHOLD)?)
}

/// The results with these warnings behind their own.
fn warned(mut importances: Vec<Importance>, warnings: &[Warning]) -> Vec<Importance> {
    for importance in &mut importances {
        importance.warnings.extend_from_slice(warnings);
    }
    importances
}
