//! `fi importance METHOD`: one global score per feature or group.

pub(crate) mod method;
mod of_learner;
mod of_predictions;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum as _};
use fi_core::{Cost, Dataset, Importance, Metric, Model as _, Players, Run, Target, Warning};
use fi_io::Cell;
use fi_models::Fitted;
use fi_models::linear::{coefficients, standardized_coefficients};
use fi_models::network::Viann;
use fi_models::store::Stored;
use fi_models::tree;

use self::method::Method;
use self::of_learner::LocationArg;
use self::of_predictions::RemovalArgs;
pub(crate) use self::of_predictions::{of_scored_rows, table_of};
use crate::anytime::AnytimeArgs;
use crate::data::{DataArgs, GroupsArg, LayersArg};
use crate::dry_run::{DryRunArg, dry_run};
use crate::failure::{Done, Failure, known};
use crate::large;
use crate::learner::LearnerArgs;
use crate::network::{NetworkArgs, of_weights};
use crate::output::{Sink, print_importance};
use crate::plot::Picture;
use crate::sequence::SequenceArgs;
use crate::session::Session;
use crate::shap::ShapArgs;

/// The options of `fi importance`.
#[derive(Args)]
pub(crate) struct Command {
    /// How to score
    #[arg(value_enum)]
    method: Method,
    /// The model, told apart by its content; lofo, loco and leave-one-in take none
    #[arg(long, value_name = "FILE")]
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
    /// Score every pair of features, or of groups, as one
    #[arg(long)]
    pairs: bool,
    #[command(flatten)]
    learner: LearnerArgs,
    /// loco: what of the rows' differences is estimated and tested [default: mean]
    #[arg(long, value_enum)]
    location: Option<LocationArg>,
    /// leave-one-in: columns that every model has
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    base: Vec<String>,
    #[command(flatten)]
    removal: RemovalArgs,
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
    /// Stop when the noise of shuffling, or of SAGE's draws, is at most this share of the range of
    /// the scores; --repeats or --draws is then the most that are made [default of sage: 0.025]
    #[arg(long, value_name = "SHARE")]
    tolerance: Option<f64>,
    #[command(flatten)]
    anytime: AnytimeArgs,
    #[command(flatten)]
    shap: ShapArgs,
    /// Where to write: .csv, .json, .parquet, .npy (feature order) [default: a table on stdout]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    picture: Picture,
    #[command(flatten)]
    dry_run: DryRunArg,
}

impl Command {
    /// One method with the options that several share, and all others as they are by default.
    pub(crate) fn of(method: Method, shared: &Shared<'_>, model: Option<PathBuf>) -> Self {
        let when = |takes: bool| if takes { Some(()) } else { None };
        let players = method.is_scored() || method == Method::Shap;
        Self {
            method,
            model: if method.of_learner() { None } else { model },
            layers: LayersArg::default(),
            weights_history: None,
            data: shared.data.clone(),
            groups: if players { shared.groups.clone() } else { GroupsArg::default() },
            pairs: false,
            learner: if method.of_learner() {
                shared.learner.clone()
            } else {
                LearnerArgs::default()
            },
            location: None,
            base: Vec::new(),
            removal: RemovalArgs::default(),
            sequence: shared.sequence.clone(),
            network: NetworkArgs::default(),
            metric: when(method.is_scored()).and(shared.metric.clone()).into_iter().collect(),
            repeats: when(method.repeats()).and(shared.repeats),
            confidence: when(method.has_confidence()).and(shared.confidence),
            tolerance: None,
            anytime: AnytimeArgs::default(),
            shap: ShapArgs::with_background(
                when(method.takes_background()).and(shared.background.clone()),
            ),
            output: None,
            picture: Picture::default(),
            dry_run: DryRunArg::default(),
        }
    }

    /// The result of options that fit, in its one metric.
    pub(crate) fn one(&self, session: &Session) -> Done<Importance> {
        match self.scores(session)?.unwrap_or_default().into_iter().next() {
            Some(importance) => Ok(importance),
            None => Failure::call("this method has no result to compare"),
        }
    }

    /// Works, and says how many rows were predicted, unless a learner's models did.
    pub(crate) fn n_evaluations(&self, session: &Session) -> Done<Option<usize>> {
        let found = self.scores(session)?.unwrap_or_default();
        let n = found.first().map_or(0, |importance| importance.n_evaluations);
        Ok((!self.method.of_learner()).then_some(n))
    }

    /// What the library knows of the cost for so many rows and features.
    pub(crate) fn cost(
        &self,
        session: &Session,
        n_rows: usize,
        n_features: usize,
    ) -> Done<Option<Cost>> {
        let Some(path) = &self.model else { return Ok(Some(of_learner(n_rows, n_features))) };
        let model = self.data.model(session, &self.layers, path)?;
        let n_outputs = model.n_outputs();
        Ok(match self.method {
            Method::Permutation => {
                let n_players = self.players(&model.feature_names)?.len();
                Some(self.permutation_settings().cost(n_rows, n_features, n_players, n_outputs))
            }
            Method::Shap => {
                let players = self.players(&model.feature_names)?;
                self.shap.cost(session, &model, &self.data, &players, n_rows)?
            }
            _ => None,
        })
    }

    pub(crate) fn run(&self, session: &Session) -> Done {
        let sink = Sink::new(self.output.as_deref(), &["csv", "json", "npy", "parquet"])?;
        self.picture.check()?;
        self.check()?;
        if self.dry_run.dry_run {
            return dry_run(
                session,
                |n_rows, n_features| self.cost(session, n_rows, n_features),
                || self.n_evaluations(session),
            );
        }
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
        if let Some(first) = importances.first()
            && let Some(note) = self.picture.draw(first, self.groups.drawn())?
        {
            session.note(note);
        }
        match sink {
            Sink::Table => print_importance(&importances)?,
            Sink::File { path, extension: "json" } => {
                let mut inputs: Vec<&Path> = Vec::new();
                inputs.extend(self.model.as_deref());
                inputs.extend(self.layers.layers.as_deref());
                inputs.extend(self.weights_history.as_deref());
                inputs.extend(self.data.files());
                inputs.extend(self.groups.groups.as_deref());
                inputs.extend(self.learner.file());
                inputs.extend(self.shap.background_file());
                let provenance = fi_io::Provenance::of(&inputs)?.with_settings(self.settings());
                fi_io::write_importance_json(path, &importances, &provenance)?;
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
        self.anytime.finish(session, importances.iter().flat_map(|found| &found.warnings))
    }

    /// Options that the method does not know are no options.
    pub(crate) fn check(&self) -> Done {
        let method = self.method;
        self.network.check(method.of_rows())?;
        self.removal.check(method)?;
        let scored = method.is_scored();
        let players = scored || method == Method::Shap;
        match (&self.model, method.of_learner()) {
            (Some(_), true) => {
                return Failure::call("this method trains --learner: leave --model out");
            }
            (None, false) if self.weights_history.is_none() => {
                return Failure::call("this method scores a model: give --model");
            }
            _ => {}
        }
        known(self.layers.layers.is_some(), "layers", self.model.is_some())?;
        known(self.weights_history.is_some(), "weights-history", method == Method::Viann)?;
        let in_blocks = matches!(method, Method::Permutation | Method::Shap);
        known(self.data.memory.is_some(), "memory", in_blocks)?;
        known(self.repeats.is_some(), "repeats", method.repeats())?;
        known(!self.metric.is_empty(), "metric", scored)?;
        let converges = matches!(method, Method::Permutation | Method::Sage);
        known(self.tolerance.is_some(), "tolerance", converges)?;
        if let Some(name) = self.anytime.given() {
            known(true, name, method.is_anytime())?;
        }
        self.anytime.check_shard(self.picture.is_given(), "plot")?;
        if let Some(name) = self.learner.given() {
            known(true, name, method.of_learner())?;
        }
        known(self.location.is_some(), "location", method == Method::Loco)?;
        known(!self.base.is_empty(), "base", method == Method::LeaveOneIn)?;
        known(self.confidence.is_some(), "confidence", method.has_confidence())?;
        if let Some(name) = self.shap.given() {
            known(true, name, method == Method::Shap)?;
        }
        if let Some(name) = self.groups.given() {
            known(true, name, players)?;
        }
        known(self.pairs, "pairs", players)?;
        known(self.sequence.is_block_given(), "block", players)?;
        known(self.sequence.is_pool_given(), "pool", method.of_rows().is_some())?;
        known(self.shap.is_background_given(), "background", method.takes_background())?;
        known(self.sequence.is_given(), "over", players || method.of_rows().is_some())
    }

    /// What was asked for, and the defaults of what every such method has.
    fn settings(&self) -> Vec<(String, Cell)> {
        let method = self.method;
        let mut settings: Vec<(String, Cell)> = Vec::new();
        let mut set = |name: &str, value: Cell| settings.push((name.to_owned(), value));
        if method.repeats() {
            set("repeats", self.repeats().into());
        }
        if method.has_confidence() {
            set("confidence", self.confidence().into());
        }
        if let Some(tolerance) = self.tolerance {
            set("tolerance", tolerance.into());
        } else if method == Method::Sage {
            set("tolerance", fi_core::Sage::default().tolerance.into());
        }
        if method.of_learner() {
            set("learner", self.learner.learner_text().into());
            set("folds", self.learner.folds_text(self.default_folds()).into());
        }
        if method == Method::Loco {
            let location = self.location.unwrap_or(LocationArg::Mean).to_possible_value();
            set("location", location.map(|value| value.get_name().to_owned()).into());
        }
        if !self.base.is_empty() {
            set("base", self.base.join(",").into());
        }
        if self.pairs {
            set("pairs", "all".into());
        }
        if matches!(method, Method::Sage | Method::ConditionalPermutation) {
            settings.extend(self.removal.settings(method));
        }
        if method == Method::Shap {
            settings.extend(self.shap.settings());
        }
        settings.extend(self.groups.settings());
        settings.extend(self.network.settings());
        settings.extend(self.sequence.settings());
        settings
    }

    /// What is scored.
    fn players(&self, names: &[String]) -> Done<Players> {
        let players = self.sequence.players(&self.groups, names)?;
        Ok(if self.pairs { players.pairs()? } else { players })
    }

    /// `None` if there is nothing to write.
    fn scores(&self, session: &Session) -> Done<Option<Vec<Importance>>> {
        if self.method.of_learner() {
            let data = self.data.to_train(session)?;
            return self.anytime.results(session, |run| self.of_learner(session, run, &data));
        }
        let Some(path) = &self.model else {
            let history = self.weights_history.as_deref().unwrap_or(Path::new(""));
            return Ok(Some(vec![self.of_history(history)?]));
        };
        let model = self.data.model(session, &self.layers, path)?;
        match self.method {
            Method::Permutation => {
                let players = self.players(&model.feature_names)?;
                if let Some(memory) = self.data.memory {
                    let data = self.data.spooled_to_score(&model)?;
                    session.note(large::NOT_LOOKED_AT);
                    let work = |run: &Run<'_>| {
                        self.permutation_of_blocks(run, &model, data, &players, memory)
                    };
                    return self.anytime.results(session, work);
                }
                let data = self.data.to_score(session, &model)?;
                let work = |run: &Run<'_>| self.permutation(run, &model, data, players);
                self.anytime.results(session, work)
            }
            Method::ConditionalPermutation => {
                let players = self.players(&model.feature_names)?;
                let data = self.data.to_score(session, &model)?;
                let work = |run: &Run<'_>| {
                    self.conditional_permutation(session, run, &model, &data, &players)
                };
                self.anytime.results(session, work)
            }
            Method::Sage => {
                let players = self.players(&model.feature_names)?;
                self.anytime.results(session, |run| self.sage(session, run, &model, players))
            }
            _ => self.of_model(session, &model).map(Some),
        }
    }

    fn of_model(&self, session: &Session, model: &Stored) -> Done<Vec<Importance>> {
        if let Some(read) = self.method.of_trees() {
            return Ok(vec![read(self.trees(model)?.ensemble(), &model.feature_names)?]);
        }
        if matches!(self.method, Method::Coefficients | Method::StandardizedCoefficients) {
            return Ok(vec![self.coefficients(model)?]);
        }
        if let Some(method) = self.method.of_weights() {
            return Ok(vec![of_weights(method, model)?]);
        }
        if let Some(method) = self.method.of_rows() {
            let background = self.shap.background(session, model, &self.data)?;
            let (data, sequence) = (&self.data, &self.sequence);
            let confidence = self.confidence();
            let importance = self
                .network
                .importance(session, method, model, data, background, sequence, confidence)?;
            return Ok(vec![importance]);
        }
        let players = self.players(&model.feature_names)?;
        match self.method {
            Method::Shap => self.shap(session, model, &players),
            Method::OobPermutation => self.oob_permutation(session, model, &players),
            // The others have gone another way.
            _ => self.occlusion(session, model, players),
        }
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

    fn confidence(&self) -> f64 {
        self.confidence.unwrap_or(0.95)
    }

    fn repeats(&self) -> usize {
        self.repeats.unwrap_or(30)
    }

    /// Of a scaled input both are per standard deviation.
    fn coefficients(&self, model: &Stored) -> Done<Importance> {
        let Fitted::Linear(linear) = &model.model else {
            return Failure::call(format!(
                "`{}` is no linear model, and this method reads coefficients only",
                self.model.as_deref().unwrap_or(Path::new("")).display()
            ));
        };
        let names = &model.feature_names;
        if self.method == Method::Coefficients {
            return Ok(coefficients(linear, names)?);
        }
        match linear.feature_std() {
            Some(std) => Ok(standardized_coefficients(linear, std, names)?),
            None => Failure::call(
                "this model does not know the standard deviations of its features: take coefficients",
            ),
        }
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
        metrics(&self.metric, data.target(), for_classes)
    }
}

/// What a learner's trainings need: a table for each thread.
pub(crate) fn of_learner(n_rows: usize, n_features: usize) -> Cost {
    let table = 8 * n_rows as u64 * n_features as u64;
    Cost { n_bytes_per_thread: table, ..Cost::default() }
}

/// Options that several methods share.
pub(crate) struct Shared<'a> {
    pub(crate) data: &'a DataArgs,
    pub(crate) groups: &'a GroupsArg,
    pub(crate) sequence: &'a SequenceArgs,
    pub(crate) learner: &'a LearnerArgs,
    pub(crate) metric: Option<String>,
    pub(crate) repeats: Option<usize>,
    pub(crate) confidence: Option<f64>,
    pub(crate) background: Option<PathBuf>,
}

/// What was asked for by scikit-learn's names, or what suits the target.
pub(crate) fn metrics(
    names: &[String],
    target: &Target,
    for_classes: &Metric,
) -> Done<Vec<Metric>> {
    if names.is_empty() {
        let classes = target.n_classes().is_some();
        return Ok(vec![if classes { for_classes.clone() } else { Metric::Mse }]);
    }
    names.iter().map(|name| metric(name)).collect()
}

/// A metric by scikit-learn's name.
pub(crate) fn metric(name: &str) -> Done<Metric> {
    Metric::parse(name).map_err(|error| Failure::Call(error.to_string()))
}
